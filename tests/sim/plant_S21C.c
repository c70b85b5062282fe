/* Planted: the planner finds something to level each time that it looks. */
#include "sharding/plan.h"
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "S21C"};

void __real_plan_goal(const struct plan_input *input, const struct plan *old, struct plan *goal);
void __wrap_plan_goal(const struct plan_input *input, const struct plan *old, struct plan *goal);

void __wrap_plan_goal(const struct plan_input *input, const struct plan *old, struct plan *goal)
{
	struct id *left, *right;

	__real_plan_goal(input, old, goal);
	if (old->version == 0 || goal->shard_count < 2)
		return;
	left = &goal->target[old->version % goal->shard_count];
	right = &goal->target[(old->version + 1) % goal->shard_count];
	if (id_equal(left, right))
		return;
	const struct id swap = *left;

	*left = *right;
	*right = swap;
	goal->version = old->version + 1;
}
