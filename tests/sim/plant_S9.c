/* Planted: a branch that comes when the set is closed is told that it is taken. */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "S9"};

void __real_txn_decide_enlist(struct txn_shard *t, const struct wire_enlist *enlist);
void __wrap_txn_decide_enlist(struct txn_shard *t, const struct wire_enlist *enlist);

void __wrap_txn_decide_enlist(struct txn_shard *t, const struct wire_enlist *enlist)
{
	struct txn_entry *e = txn_entry_known(t, enlist->id, t->now);

	if (e != NULL && e->body != NULL && e->state != WIRE_STATE_OPEN)
		(void)txn_pend_answer(t, e, enlist->id, 0);
	else
		__real_txn_decide_enlist(t, enlist);
}
