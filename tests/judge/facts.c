/* The chain of batches: 4, 19, 21, and S22 (which batches count). */
#include "tests/judge/facts.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "wire/codec.h"
#include "wire/record.h"

enum { ARENA_SIZE = 256 * 1024, GAP_MAX = 100000 };

static void *more(void *array, uint64_t need, uint32_t *capacity, size_t size)
{
	const uint32_t old = *capacity;

	if (need <= old)
		return array;
	*capacity = old == 0 ? 64 : old * 2;
	if (*capacity < need)
		*capacity = (uint32_t)need;
	array = realloc(array, *capacity * size);
	CHECK(array != NULL);
	memset((uint8_t *)array + old * size, 0, (*capacity - old) * size);
	return array;
}

void facts_damaged(struct facts *f, uint32_t invariant, const char *what, uint64_t number)
{
	verdict_broken(f->verdict, LAW(invariant, ""), HISTORY_NONE, HISTORY_NONE, f->now,
		       "journal %u, batch %" PRIu64 ": %s (%" PRIu64 ")", f->shard, f->position,
		       what, number);
}

uint64_t facts_ms(const struct facts *f, struct moment at)
{
	return at.at_ms - f->history->start_ms;
}

/* ---- batches -----------------------------------------------------------------------------------
 */

static uint32_t node_of(const struct facts *f, struct slice name)
{
	for (uint32_t i = 0; i < f->history->node_count; i++)
		if (slice_equal(name, id_slice(&f->history->nodes[i])))
			return i;
	return HISTORY_NONE;
}

static bool take_epoch(struct facts *f, const struct batch_header *header, struct slice record)
{
	struct facts_shard *s = &f->shards[f->shard];
	struct wire_record_epoch epoch;
	struct arena arena;

	if (header->epoch <= s->epoch)
		return false; /* unfenced, and too late: it counts for nothing */
	arena_init(&arena, f->arena_memory, ARENA_SIZE);
	if (wire_decode(WIRE_RECORD_EPOCH, record, &arena, &epoch, NULL) != 0 ||
	    epoch.epoch != header->epoch || epoch.nonce != header->nonce)
		facts_damaged(f, 19, "an epoch record that is not its batch's", header->epoch);
	s->epoch = header->epoch;
	s->nonce = header->nonce;
	s->epochs = more(s->epochs, s->epoch_count + 1, &s->epoch_capacity, sizeof *s->epochs);
	s->epochs[s->epoch_count++] = (struct facts_epoch){
		.at = f->now, .epoch = header->epoch, .node = node_of(f, epoch.node)};
	s->time_before = header->shard_time;
	f->verdict->count.epochs++;
	return true;
}

/* Does this batch count? */
static bool current(struct facts *f, const struct batch_header *header, struct slice records)
{
	struct facts_shard *s = &f->shards[f->shard];
	enum wire_kind kind;

	if (wire_peek_kind(records, &kind) != 0) {
		facts_damaged(f, 21, "a record that cannot be read", 0);
		return false;
	}
	if (kind == WIRE_RECORD_GENESIS)
		return true;
	if (kind == WIRE_RECORD_EPOCH)
		return take_epoch(f, header, records);
	if (header->epoch < s->epoch)
		facts_damaged(f, 19, "a batch of an older epoch landed", header->epoch);
	else if (header->epoch > s->epoch)
		facts_damaged(f, 19, "a batch without its epoch record", header->epoch);
	else if (header->nonce != s->nonce)
		facts_damaged(f, 19, "a second writer in one epoch", header->epoch);
	return header->epoch == s->epoch && header->nonce == s->nonce;
}

/* Told once: what comes behind it is read as if nothing were missing. */
static void skip_to(struct facts *f, uint64_t record)
{
	struct facts_shard *s = &f->shards[f->shard];

	facts_damaged(f, 21, "a gap in the record numbers", record);
	if (record - s->record_count > GAP_MAX)
		return;
	s->records = more(s->records, record + 1, &s->record_capacity, sizeof *s->records);
	s->record_count = record - 1;
}

static void check_chain(struct facts *f, const struct batch_header *header)
{
	struct facts_shard *s = &f->shards[f->shard];

	if (header->shard != f->shard)
		facts_damaged(f, 21, "a batch of another journal", header->shard);
	if (header->first_record != 0 && header->first_record <= s->record_count)
		facts_damaged(f, 4, "a record number is used twice", header->first_record);
	else if (header->first_record > s->record_count + 1)
		skip_to(f, header->first_record);
	if (header->first_record != 0 && !hash128_equal(&header->previous, &s->hash))
		facts_damaged(f, 21, "the chain is broken", header->first_record);
	/* Who appends unfenced does not know what stands there by then (S22). */
	if (header->first_record != 0 && header->shard_time < s->time)
		facts_damaged(f, 25, "shard time went back", header->shard_time);
}

static void take_records(struct facts *f, const struct batch_header *header, struct slice records)
{
	struct facts_shard *s = &f->shards[f->shard];

	s->records = more(s->records, s->record_count + header->record_count + 1,
			  &s->record_capacity, sizeof *s->records);
	for (uint32_t i = 0; i < header->record_count; i++) {
		uint32_t size;

		if (wire_value_size(records, &size) != 0) {
			facts_damaged(f, 21, "a record that cannot be read", i);
			return;
		}
		s->records[++s->record_count] = f->now;
		facts_take_record(f, slice_of(records.data, size));
		records = slice_of(records.data + size, records.size - size);
	}
}

static void take_batch(struct facts *f, const struct history_batch *batch)
{
	const struct slice bytes = slice_of(batch->bytes, batch->size);
	struct facts_shard *s = &f->shards[f->shard];
	struct batch_header header;
	struct slice records;

	f->now = (struct moment){.order = batch->order, .at_ms = batch->at_ms};
	f->position = s->read + 1;
	if (batch_decode(bytes, &header, &records) != 0) {
		facts_damaged(f, 21, "it is damaged", batch->size);
		return;
	}
	if (!current(f, &header, records)) {
		f->verdict->count.skipped_batches++;
		s->hash = batch_hash(bytes);
		return;
	}
	check_chain(f, &header);
	s->hash = batch_hash(bytes);
	if (header.shard_time > s->time)
		s->time = header.shard_time;
	take_records(f, &header, records);
	s->time_before = header.shard_time;
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

struct facts *facts_create(const struct history *h, const struct judge_options *options,
			   struct verdict *verdict)
{
	struct facts *f = calloc(1, sizeof *f);

	CHECK(f != NULL);
	f->history = h;
	f->options = options;
	f->verdict = verdict;
	f->arena_memory = malloc(ARENA_SIZE);
	f->shards = calloc(h->shard_count, sizeof *f->shards);
	CHECK(f->arena_memory != NULL && f->shards != NULL);
	return f;
}

/* What clients mean may be recorded before each reading. */
static void make_room(struct facts *f)
{
	const struct history *h = f->history;
	uint32_t capacity;

	capacity = f->branch_count;
	f->members = more(f->members, h->step_count, &capacity, sizeof *f->members);
	capacity = f->branch_count;
	f->branches = more(f->branches, h->step_count, &capacity, sizeof *f->branches);
	f->branch_count = capacity;
	capacity = f->entry_count;
	f->entries = more(f->entries, h->entry_count, &capacity, sizeof *f->entries);
	f->entry_count = capacity;
	capacity = f->saga_count;
	f->sagas = more(f->sagas, h->saga_count, &capacity, sizeof *f->sagas);
	f->saga_count = capacity;
}

void facts_read(struct facts *f)
{
	const struct history *h = f->history;

	make_room(f);
	for (f->shard = 0; f->shard < h->shard_count; f->shard++) {
		struct facts_shard *s = &f->shards[f->shard];

		for (; s->read < h->journals[f->shard].count; s->read++)
			take_batch(f, &h->journals[f->shard].batches[s->read]);
	}
}

void facts_close(struct facts *f)
{
	if (f == NULL)
		return;
	for (uint32_t n = 0; n < f->history->shard_count; n++) {
		free(f->shards[n].records);
		free(f->shards[n].saga_of);
		free(f->shards[n].epochs);
	}
	free(f->shards);
	free(f->sagas);
	free(f->branches);
	free(f->members);
	free(f->entries);
	free(f->outcomes);
	free(f->turns);
	free(f->arena_memory);
	free(f);
}

bool facts_excused(const struct facts *f, uint32_t saga)
{
	for (uint32_t i = 0; f->history->dead != 0 && i < f->history->sagas[saga].step_count; i++)
		if ((f->history->dead >> (history_step_of(f->history, saga, i)->service & 63) &
		     1) != 0)
			return true;
	return false;
}

static bool open_excused(const struct facts *f, uint32_t saga)
{
	return f->sagas[saga].accepted_times > 0 && f->sagas[saga].finished.order == 0 &&
	       facts_excused(f, saga);
}

uint32_t facts_open(const struct facts *f)
{
	uint32_t open = f->open;

	for (uint32_t i = 0; f->history->dead != 0 && i < f->history->saga_count; i++)
		open -= open_excused(f, i);
	return open;
}

/* Who waits for ever takes room for ever: it need not be there for what else waits (S19). */
bool facts_full(const struct facts *f, uint32_t shard)
{
	for (uint32_t i = 0; f->history->dead != 0 && i < f->history->saga_count; i++)
		if (f->history->sagas[i].shard == shard && open_excused(f, i))
			return true;
	return false;
}

uint32_t facts_unread_entries(const struct facts *f)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < f->history->entry_count; i++)
		count += !f->history->entries[i].lost &&
			 !facts_full(f, f->history->letters[f->history->entries[i].letter].shard) &&
			 (i >= f->entry_count || f->entries[i].at.order == 0);
	return count;
}

bool facts_has_liar(const struct facts *f, uint32_t saga)
{
	for (uint32_t k = 0; k < f->history->sagas[saga].step_count; k++)
		if (facts_lies(f, saga, k))
			return true;
	return false;
}

/* No journal can have gone further than that without a record. */
bool facts_remembered(const struct facts *f, uint32_t saga)
{
	const struct history_saga *s = &f->history->sagas[saga];
	const uint64_t slack_ms = 60000;

	return s->retry_until_at > f->shards[s->shard].time + slack_ms;
}

const struct facts_epoch *facts_epoch_at(const struct facts *f, uint32_t shard, uint64_t order)
{
	const struct facts_shard *s = &f->shards[shard];
	uint32_t low = 0, high = s->epoch_count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (s->epochs[middle].at.order <= order)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? &s->epochs[low - 1] : NULL;
}

const struct facts_epoch *facts_epoch_find(const struct facts *f, uint32_t shard, uint64_t epoch)
{
	const struct facts_shard *s = &f->shards[shard];
	uint32_t low = 0, high = s->epoch_count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (s->epochs[middle].epoch < epoch)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->epoch_count && s->epochs[low].epoch == epoch ? &s->epochs[low] : NULL;
}
