/* Planted: an entry of the inbox that cannot be taken is tried again, at the head of the queue. */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "POISON"};

void __wrap_txn_inbox_refused(struct txn_shard *t, struct slice id, int code, struct slice text);

void __wrap_txn_inbox_refused(struct txn_shard *t, struct slice id, int code, struct slice text)
{
	(void)id, (void)code, (void)text;
	t->effects->inbox_waits = true;
}
