/* Planted: a cancel of an unknown id leaves no tombstone. */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "S10"};

void __real_txn_decide_cancel(struct txn_shard *t, const struct wire_cancel *cancel);
void __wrap_txn_decide_cancel(struct txn_shard *t, const struct wire_cancel *cancel);

void __wrap_txn_decide_cancel(struct txn_shard *t, const struct wire_cancel *cancel)
{
	if (txn_entry_known(t, cancel->id, t->now) != NULL) {
		__real_txn_decide_cancel(t, cancel);
		return;
	}
	txn_record_noop(t);
	(void)txn_pend_answer(t, NULL, cancel->id, 0);
}
