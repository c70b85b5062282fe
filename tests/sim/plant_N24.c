/* Planted: a step of unknown outcome is not undone (invariant 24). */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "N24"};

void __real_txn_branch_move(struct txn_shard *t, struct txn_branch *b, uint32_t to);
void __wrap_txn_branch_move(struct txn_shard *t, struct txn_branch *b, uint32_t to);

void __wrap_txn_branch_move(struct txn_shard *t, struct txn_branch *b, uint32_t to)
{
	if (to == WIRE_BRANCH_UNDOING && b->state == WIRE_BRANCH_UNKNOWN)
		to = WIRE_BRANCH_SKIPPED;
	__real_txn_branch_move(t, b, to);
}
