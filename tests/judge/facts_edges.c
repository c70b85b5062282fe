/* The order of a plan's steps: as the client wrote it, and with what S4 implies. Made here anew, so
 * that a mistake of the product's is not taken for the truth. */
#include "base/check.h"
#include "tests/judge/facts.h"

static uint64_t bit(uint32_t step)
{
	return UINT64_C(1) << step;
}

/* Everything that waits for the pivot, directly or not. */
static uint64_t behind_pivot(const struct facts *f, uint32_t saga, uint32_t pivot)
{
	const uint32_t count = f->history->sagas[saga].step_count;
	uint64_t found = bit(pivot);

	for (bool moved = true; moved;) {
		moved = false;
		for (uint32_t i = 0; i < count; i++) {
			if ((found & bit(i)) != 0 ||
			    (facts_branch_of(f, saga, i)->edges & found) == 0)
				continue;
			found |= bit(i);
			moved = true;
		}
	}
	return found;
}

void facts_edges(struct facts *f, uint32_t saga)
{
	const uint32_t count = f->history->sagas[saga].step_count;
	uint32_t pivot = HISTORY_NONE;
	uint64_t behind;

	for (uint32_t i = 0; i < count; i++) {
		const struct history_step *step = history_step_of(f->history, saga, i);

		CHECK(count == 64 || step->after < bit(count));
		facts_branch_of(f, saga, i)->edges = step->after;
		if (step->class == HISTORY_PIVOT)
			pivot = i;
	}
	if (pivot == HISTORY_NONE)
		return;
	for (uint32_t i = 0; i < count; i++)
		if (history_step_of(f->history, saga, i)->class == HISTORY_RETRIABLE)
			facts_branch_of(f, saga, i)->edges |= bit(pivot);
	behind = behind_pivot(f, saga, pivot);
	for (uint32_t i = 0; i < count; i++)
		if ((behind & bit(i)) == 0)
			facts_branch_of(f, saga, pivot)->edges |= bit(i);
}
