/* Planted: it is decided to commit when the first vote has come. */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "N13"};

bool __real_txn_forward_over(const struct txn_body *body);
bool __wrap_txn_forward_over(const struct txn_body *body);

/* Where one has no return, its yes is the decision. */
static bool all_vote(const struct txn_body *body)
{
	for (uint32_t i = 0; i < txn_step_count(body); i++)
		if (body->branches[i].class != TXN_CLASS_VOTE)
			return false;
	return true;
}

bool __wrap_txn_forward_over(const struct txn_body *body)
{
	return __real_txn_forward_over(body) ||
	       (txn_finish_due(body) && all_vote(body) &&
		txn_branches_in(body,
				TXN_BIT(WIRE_BRANCH_REJECTED) | TXN_BIT(WIRE_BRANCH_UNKNOWN)) == 0);
}
