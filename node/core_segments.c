/* The row of segments of a shard's journal (S17, docs/decisions/0006): when the next one begins,
 * and what must be carried forward before.
 *
 *   (append) --big enough, and nothing that lives stands only in the oldest--> SEGMENT gathers
 *      ^                                                                          |
 *      '------ durable: the oldest is gone -- sent as the first batch of its name -'
 *
 * Invariants:
 *  G1  SEGMENT is the first record of its batch, and its batch is sent with begins, at that place
 * and position only; nothing of the old segment comes behind it. G2  it is made only when all that
 * lives stands whole behind what goes with it, and when history has everything of that (S25); G3
 * whoever waits for that waits: a segment may be larger than it should be, never incomplete.
 */
#include "node/core_internal.h"

/* The first record that is still needed once segment number + 1 has begun. */
static uint64_t first_needed(const struct shard *s)
{
	const struct shard_segments *g = &s->segments;
	const uint64_t said = txn_segments(s->engine).whole_from;
	if (g->number + 2 < JOURNAL_NAMES)
		return said;
	/* Not known: the replay began behind it. What it began with will do. */
	const uint64_t first = g->begins[(g->number + 2) % JOURNAL_NAMES].first_record;
	return first > said ? first : said;
}

static void note_begin(struct shard *s, uint64_t number, uint64_t first_record, uint64_t sequence)
{
	struct shard_segments *g = &s->segments;
	g->number = number;
	g->begins[number % JOURNAL_NAMES].first_record = first_record;
	g->begins[number % JOURNAL_NAMES].sequence = sequence;
	g->bytes = 0;
	g->batches = 0;
}

uint64_t core_segments_oldest(const struct shard *s)
{
	const struct shard_segments *g = &s->segments;
	const uint64_t at = g->begins[(g->number + 1) % JOURNAL_NAMES].sequence;
	if (g->number + 1 >= JOURNAL_NAMES && at > 0)
		return at;
	return s->reader.first > 0 ? s->reader.first : 1;
}

uint64_t core_segments_oldest_record(const struct shard *s)
{
	const struct shard_segments *g = &s->segments;
	return g->number + 1 >= JOURNAL_NAMES
		       ? g->begins[(g->number + 1) % JOURNAL_NAMES].first_record
		       : 1;
}

void core_segments_fold(struct shard *s, uint32_t size)
{
	struct shard_segments *g = &s->segments;
	const struct reader *r = &s->reader;
	if (r->sequence == 1)
		note_begin(s, 0, 1, 1);
	else if (r->began_segment) {
		/* Of those before it the replay may know nothing: then they count as this one. */
		if (g->number == 0 && g->begins[0].sequence == 0)
			for (uint32_t i = 0; i < JOURNAL_NAMES; i++)
				note_begin(s, i, r->batch_record, r->sequence);
		note_begin(s, txn_segments(s->engine).number, r->batch_record, r->sequence);
	}
	g->bytes += size;
	g->batches++;
}

struct journal_place core_segments_place(struct shard *s)
{
	struct shard_segments *g = &s->segments;
	const struct journal_place place = {.segment = g->number + (g->next ? 1 : 0),
					    .begins = g->next};
	g->begins_in_flight = g->next;
	g->next = false;
	return place;
}

void core_segments_durable(struct shard *s, uint64_t first_record, uint32_t size)
{
	struct shard_segments *g = &s->segments;
	if (g->begins_in_flight) {
		note_begin(s, g->number + 1, first_record, appender_sequence(&s->appender));
		g->begins_in_flight = false;
		core_index_forget(s, core_segments_oldest(s));
		s->core->stats.segments_begun_total++;
		const struct core_note note = {
			.event = "journal.segment_begun",
			.shard = s->number,
			.epoch = s->epoch,
			.records = first_record,
		};
		s->core->io.note(s->core->io.context, &note);
	}
	g->bytes += size;
	g->batches++;
}

static bool long_enough(const struct shard *s)
{
	const struct shard_segments *g = &s->segments;
	const uint64_t live = txn_live_bytes(s->engine);
	const uint64_t wanted = s->core->config.segment_bytes;
	const uint32_t most = s->core->config.segment_batches;
	return g->batches >= (most > 0 ? most : CORE_SEGMENT_BATCHES) ||
	       g->bytes >= (live > wanted ? live : wanted);
}

bool core_segments_waits(const struct shard *s)
{
	return long_enough(s) && !core_archive_has(s, first_needed(s) - 1);
}

/* G2, and long enough. */
static bool due(const struct shard *s, uint64_t needed)
{
	return long_enough(s) && txn_whole_from(s->engine) >= needed &&
	       core_archive_has(s, needed - 1);
}

/* The room for one saga, which may be more than a batch has usually. */
static void carry(struct shard *s, uint64_t needed)
{
	struct txn_event event = {
		.kind = TXN_EVENT_CARRY,
		.u.carry = {.below = needed, .budget_bytes = CORE_CARRY_BYTES},
	};
	s->records.max = WIRE_MESSAGE_SIZE_MAX;
	/* Nothing has gathered yet, so there is room; without memory it is tried again later. */
	if (core_serve_event(s, &event))
		s->core->stats.carried_bytes_total += s->records.size;
	if (s->records.size <= CORE_RECORDS_MAX)
		s->records.max = CORE_RECORDS_MAX;
}

void core_segments_turn(struct shard *s)
{
	struct shard_segments *g = &s->segments;
	if (s->core->config.segment_bytes == 0 || s->state != OWNERSHIP_SERVING || g->next ||
	    g->begins_in_flight || s->record_count > 0)
		return;
	const uint64_t needed = first_needed(s);
	if (due(s, needed)) {
		struct txn_event event = {
			.kind = TXN_EVENT_SEGMENT,
			.u.segment = {.number = g->number + 1, .whole_from = needed},
		};
		g->next = core_serve_event(s, &event);
	} else if (txn_whole_from(s->engine) < needed) {
		carry(s, needed);
	} else if (core_segments_waits(s)) {
		(void)core_archive_mark(s); /* or soon */
	}
}
