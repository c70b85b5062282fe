/* The judge of limits (34) and of storms (L10). */
#include <inttypes.h>

#include "tests/judge/facts.h"

static const char *sample_name(enum history_sample_kind kind)
{
	static const char *const names[] = {
		[HISTORY_OPEN_SAGAS] = "open sagas",
		[HISTORY_BRANCHES] = "branches",
		[HISTORY_WAITERS] = "waiters",
		[HISTORY_REMEMBERED] = "remembered ids",
		[HISTORY_OUTBOX_BYTES] = "bytes in the outbox",
		[HISTORY_PAYLOAD_BYTES] = "bytes of payload",
		[HISTORY_RSS_KIB] = "KiB resident",
		[HISTORY_DESCRIPTORS] = "descriptors",
		[HISTORY_THREADS] = "threads",
		[HISTORY_QUEUE] = "queued messages",
	};

	return names[kind];
}

static void check_samples(struct facts *f)
{
	const struct history *h = f->history;

	for (uint32_t i = 0; i < h->sample_count; i++) {
		const struct history_sample *s = &h->samples[i];

		f->verdict->count.samples_judged++;
		if (s->value > s->limit)
			verdict_broken(f->verdict, LAW(34, "S19"), HISTORY_NONE, HISTORY_NONE,
				       (struct moment){.order = s->order, .at_ms = s->at_ms},
				       "node %u, shard %u: %" PRIu64 " %s of %" PRIu64, s->node,
				       s->shard, s->value, sample_name(s->kind), s->limit);
	}
}

static void check_sends(struct facts *f)
{
	const struct history *h = f->history;

	for (uint32_t i = 0; i < h->saga_count; i++)
		for (uint32_t k = 0; k < h->sagas[i].step_count; k++) {
			const struct facts_branch *b = facts_branch_of(f, i, k);

			for (uint32_t op = WIRE_OP_FORWARD; op < HISTORY_OPS; op++)
				if (b->sends[op] > f->options->sends && !facts_excused(f, i))
					verdict_late(f->verdict, LAW(0, "L10"), i, k, b->sent[op],
						     "operation %u of step %u of saga %u was sent "
						     "%u times after the healing",
						     op, k, i, b->sends[op]);
		}
}

void judge_resource(struct facts *f)
{
	if ((f->history->parts & HISTORY_SAMPLES) != 0)
		check_samples(f);
	if ((f->history->parts & HISTORY_WIRE) != 0 && f->options->sends > 0)
		check_sends(f);
}
