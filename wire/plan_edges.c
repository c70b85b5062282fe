/* The order of a plan's steps, with what S4 adds to what is written. */
#include "base/check.h"
#include "wire/plan.h"

static uint64_t bit(uint32_t step)
{
	return UINT64_C(1) << step;
}

/* All steps that wait for this one, directly or not. */
static uint64_t behind(const uint64_t *after, uint32_t count, uint32_t step)
{
	uint64_t found = bit(step);

	for (bool moved = true; moved;) {
		moved = false;
		for (uint32_t i = 0; i < count; i++) {
			if ((found & bit(i)) != 0 || (after[i] & found) == 0)
				continue;
			found |= bit(i);
			moved = true;
		}
	}
	return found & ~bit(step);
}

static void written(const struct wire_plan *plan, uint64_t *after)
{
	CHECK_LE(plan->step_count, WIRE_STEPS_MAX);
	for (uint32_t i = 0; i < plan->step_count; i++) {
		after[i] = 0;
		for (uint32_t j = 0; j < plan->steps[i].after.size; j++) {
			CHECK_LT(plan->steps[i].after.data[j], plan->step_count);
			after[i] |= bit(plan->steps[i].after.data[j]);
		}
	}
}

uint64_t wire_plan_behind(const struct wire_plan *plan, uint32_t step)
{
	uint64_t after[WIRE_STEPS_MAX];

	CHECK_LT(step, plan->step_count);
	written(plan, after);
	return behind(after, plan->step_count, step);
}

void wire_plan_edges(const struct wire_plan *plan, uint64_t after[WIRE_STEPS_MAX])
{
	uint32_t pivot = WIRE_STEPS_MAX;
	uint64_t later;

	written(plan, after);
	for (uint32_t i = 0; i < plan->step_count; i++)
		if (plan->steps[i].flags & WIRE_STEP_PIVOT)
			pivot = i;
	if (pivot == WIRE_STEPS_MAX)
		return;
	for (uint32_t i = 0; i < plan->step_count; i++)
		if (plan->steps[i].flags & WIRE_STEP_RETRIABLE)
			after[i] |= bit(pivot);
	later = behind(after, plan->step_count, pivot);
	for (uint32_t i = 0; i < plan->step_count; i++)
		if (i != pivot && (later & bit(i)) == 0)
			after[pivot] |= bit(i);
}

uint64_t wire_plan_ancestors(const uint64_t *after, uint32_t step)
{
	uint64_t found = after[step];
	uint64_t looked = 0;

	while ((found & ~looked) != 0) {
		const uint32_t next = (uint32_t)__builtin_ctzll(found & ~looked);

		looked |= bit(next);
		found |= after[next];
	}
	return found;
}
