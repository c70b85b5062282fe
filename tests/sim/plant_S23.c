/* Planted: the saga goes on without an optional step that may still run. */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "S23"};

void __real_txn_graph_forward(struct txn_shard *t, struct txn_entry *e);
void __wrap_txn_graph_forward(struct txn_shard *t, struct txn_entry *e);

void __wrap_txn_graph_forward(struct txn_shard *t, struct txn_entry *e)
{
	for (uint32_t i = 0; i < txn_step_count(e->body); i++)
		if (e->body->branches[i].class == TXN_CLASS_OPTIONAL &&
		    e->body->branches[i].state == WIRE_BRANCH_UNKNOWN)
			e->body->branches[i].state = WIRE_BRANCH_REJECTED;
	__real_txn_graph_forward(t, e);
}
