/* Planted: clients are told of absence and finality without a record of that step. */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "S2"};

void __real_txn_record_noop(struct txn_shard *t);
void __wrap_txn_record_noop(struct txn_shard *t);

void __wrap_txn_record_noop(struct txn_shard *t)
{
	if (t->event->kind == TXN_EVENT_REPLY)
		__real_txn_record_noop(t);
}
