/* Planted: the cursor of the inbox is written down in a step of its own, after the acceptance. */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "S12"};

void __real_txn_inbox_taken(struct txn_shard *t, struct slice id);
void __wrap_txn_inbox_taken(struct txn_shard *t, struct slice id);

void __wrap_txn_inbox_taken(struct txn_shard *t, struct slice id)
{
	if (t->effects->record_count > 0)
		t->effects->inbox_waits = true;
	else
		__real_txn_inbox_taken(t, id);
}
