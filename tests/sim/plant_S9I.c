/* Planted: an idle time-out forgets the branches that were enlisted. */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "S9I"};

void __real_txn_graph_undo(struct txn_shard *t, struct txn_entry *e);
void __wrap_txn_graph_undo(struct txn_shard *t, struct txn_entry *e);

void __wrap_txn_graph_undo(struct txn_shard *t, struct txn_entry *e)
{
	for (uint32_t i = 0; i < txn_step_count(e->body); i++)
		if (e->reason == WIRE_REASON_IDLE &&
		    e->body->branches[i].state == WIRE_BRANCH_ENLISTED)
			e->body->branches[i].state = WIRE_BRANCH_SKIPPED;
	__real_txn_graph_undo(t, e);
}
