/* Planted: the undo of everything begins at once. */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "N16"};

void __real_txn_graph_undo(struct txn_shard *t, struct txn_entry *e);
void __wrap_txn_graph_undo(struct txn_shard *t, struct txn_entry *e);

void __wrap_txn_graph_undo(struct txn_shard *t, struct txn_entry *e)
{
	struct txn_plan *plan = e->body->plan;
	uint64_t dependents[WIRE_STEPS_MAX];

	memcpy(dependents, plan->dependents, sizeof dependents);
	memset(plan->dependents, 0, sizeof dependents);
	__real_txn_graph_undo(t, e);
	memcpy(plan->dependents, dependents, sizeof dependents);
}
