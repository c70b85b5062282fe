/* The judge of replays (22): whoever holds everything up to a record of a shard, by whatever way,
 * holds the same. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "tests/judge/facts.h"

static int by_place(const void *left, const void *right)
{
	const struct history_state *const *a = left, *const *b = right;

	if ((*a)->shard != (*b)->shard)
		return (*a)->shard < (*b)->shard ? -1 : 1;
	if ((*a)->record_number != (*b)->record_number)
		return (*a)->record_number < (*b)->record_number ? -1 : 1;
	return (*a)->order < (*b)->order ? -1 : (*a)->order > (*b)->order;
}

void judge_states(struct facts *f)
{
	const struct history *h = f->history;
	const struct history_state **states = calloc(h->state_count + 1, sizeof(void *));

	CHECK(states != NULL);
	for (uint32_t i = 0; i < h->state_count; i++)
		states[i] = &h->states[i];
	qsort(states, h->state_count, sizeof(void *), by_place);
	for (uint32_t i = 1; i < h->state_count; i++) {
		const struct history_state *a = states[i - 1], *b = states[i];

		if (a->shard != b->shard || a->record_number != b->record_number)
			continue;
		f->verdict->count.states_compared++;
		if (!hash128_equal(&a->hash, &b->hash))
			verdict_broken(
				f->verdict, LAW(22, ""), HISTORY_NONE, HISTORY_NONE,
				(struct moment){.order = b->order, .at_ms = b->at_ms},
				"nodes %u and %u hold different states of shard %u by record "
				"%" PRIu64,
				a->node, b->node, a->shard, a->record_number);
	}
	free(states);
}
