/* The audit trail of one saga, read back from the journal itself: the batches between its first
 * and its last record, without the records of others. Bounded: a long history comes in pages. */
#include "node/core_internal.h"
#include "wire/record.h"

/* A long life must not make it large: half as many entries at twice the distance. */
static void thin_out(struct shard *s)
{
	const uint32_t size = (uint32_t)sizeof(struct index_entry);
	const uint32_t left = s->index.size / size / 2;
	for (uint32_t i = 0; i < left; i++)
		memmove(s->index.data + (size_t)i * size, s->index.data + (size_t)i * 2 * size,
			size);
	buf_truncate(&s->index, left * size);
	s->index_step *= 2;
}

void core_index_add(struct shard *s, uint64_t first_record, uint64_t sequence)
{
	const uint32_t count = s->index.size / (uint32_t)sizeof(struct index_entry);
	const struct index_entry entry = {first_record, sequence};
	if (count > 0) {
		struct index_entry last;
		memcpy(&last, s->index.data + s->index.size - sizeof last, sizeof last);
		if (sequence < last.sequence + s->index_step)
			return;
	}
	if (count == CORE_INDEX_MAX)
		thin_out(s);
	/* No memory: histories get slower, until there is some again. Nothing that is asked of the
	 * index rests on an entry being there. */
	if (buf_put(&s->index, &entry, sizeof entry) != 0)
		buf_truncate(&s->index, s->index.size);
}

void core_index_forget(struct shard *s, uint64_t before_sequence)
{
	const struct index_entry *entries = (const void *)s->index.data;
	const uint32_t size = (uint32_t)sizeof *entries;
	const uint32_t count = s->index.size / size;
	uint32_t gone = 0;
	while (gone < count && entries[gone].sequence < before_sequence)
		gone++;
	if (gone == 0)
		return;
	memmove(s->index.data, s->index.data + (size_t)gone * size, (size_t)(count - gone) * size);
	buf_truncate(&s->index, (count - gone) * size);
}

/* How many entries speak of batches that begin at or before `record`: those that come first. */
static uint32_t entries_until(const struct shard *s, uint64_t record)
{
	const struct index_entry *entries = (const void *)s->index.data;
	uint32_t low = 0;
	uint32_t high = s->index.size / (uint32_t)sizeof(struct index_entry);
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		if (entries[middle].first_record <= record)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64_t core_index_before(const struct shard *s, uint64_t record)
{
	const struct index_entry *entries = (const void *)s->index.data;
	const uint32_t count = entries_until(s, record);
	return count == 0 ? core_segments_oldest(s) : entries[count - 1].sequence;
}

/* A sequence at or after it. */
static uint64_t sequence_after(const struct shard *s, uint64_t record)
{
	const struct index_entry *entries = (const void *)s->index.data;
	const uint32_t count = entries_until(s, record);
	if (count < s->index.size / (uint32_t)sizeof(struct index_entry))
		return entries[count].sequence - 1;
	return s->appender.expected + 2; /* the batch in flight, and the one that gathers */
}

static void answer(struct shard *s, int code)
{
	struct core *core = s->core;
	struct shard_history *h = &s->history;
	/* The buffer may have moved while it grew: entries held offsets until now. */
	for (uint32_t i = 0; i < h->count; i++)
		h->entries[i].record.data = h->bytes.data + (uintptr_t)h->entries[i].record.data;
	const struct wire_history history = {
		.code = err_to_wire(code),
		.id = id_slice(&h->saga),
		.shard = s->number,
		.entries = h->entries,
		.entry_count = h->count,
		.next_sequence = h->next_sequence,
	};
	buf_clear(&core->scratch);
	h->active = false;
	h->token = 0;
	if (wire_encode(WIRE_HISTORY, &history, &core->scratch) == 0)
		core_send_reply(s, 0, h->reply_to, true, buf_slice(&core->scratch));
	else
		tokens_drop(&s->tokens, h->reply_to);
}

static void refuse(struct shard *s, uint64_t reply_to, struct slice id, int code)
{
	struct core *core = s->core;
	const struct wire_history history = {
		.code = err_to_wire(code), .id = id, .shard = s->number};
	buf_clear(&core->scratch);
	if (wire_encode(WIRE_HISTORY, &history, &core->scratch) == 0)
		core_send_reply(s, txn_last_record(s->engine), reply_to, true,
				buf_slice(&core->scratch));
	else
		tokens_drop(&s->tokens, reply_to);
}

/* ---- what has left the journal (S25) ----------------------------------------------------------
 */

static bool in_archive(const struct shard *s, uint64_t from_sequence)
{
	const uint64_t oldest = core_segments_oldest(s);
	if (s->core->config.archive == NULL || oldest <= 1)
		return false;
	if (from_sequence > 0)
		return from_sequence < oldest;
	return s->history.first_record < core_segments_oldest_record(s);
}

/* A page is what one entry of history has of it; the cursor is the journal's sequence, as ever. */
static void find_in_archive(struct shard *s, uint64_t from_sequence)
{
	struct archive *archive = s->core->config.archive;
	struct shard_history *h = &s->history;
	h->finding = true;
	h->from_sequence = from_sequence;
	const int error =
		from_sequence > 0
			? archive->ops->find(archive, s->number, ARCHIVE_BY_SEQUENCE, from_sequence)
			: archive->ops->find(archive, s->number, ARCHIVE_BY_RECORD,
					     h->first_record);
	if (error != 0)
		core_history_entry(s, error, slice_of(NULL, 0));
}

void core_history_entry(struct shard *s, int error, struct slice bytes)
{
	struct shard_history *h = &s->history;
	struct archive_entry entry;
	struct slice batches, batch;
	h->finding = false;
	if (error == SAGA_E_NOT_FOUND) {
		/* Older than history is kept: what the journal has is all there is. */
		h->next_sequence = core_segments_oldest(s);
		core_history_end(s, 0);
		return;
	}
	if (error == 0)
		error = archive_entry_decode(bytes, &entry, &batches);
	if (error != 0) {
		core_history_end(s, error);
		return;
	}
	for (uint64_t at = entry.first_sequence; archive_entry_next(&batches, &batch); at++)
		if (at >= h->from_sequence)
			core_history_batch(s, at, batch);
	if (!h->full && entry.last_record < h->last_record)
		h->next_sequence = entry.first_sequence + entry.batch_count;
	core_history_end(s, 0);
}

void core_history_request(struct shard *s, const struct wire_history_request *request,
			  uint64_t reply_to)
{
	struct core *core = s->core;
	struct shard_history *h = &s->history;
	const struct txn_span span = txn_find(s->engine, request->id);
	if (!span.known || h->active || reply_to == 0) {
		refuse(s, reply_to, request->id, span.known ? SAGA_E_BUSY : SAGA_E_NOT_FOUND);
		return;
	}
	h->active = true;
	h->full = false;
	h->error = 0;
	h->next_sequence = 0;
	h->count = 0;
	buf_clear(&h->bytes);
	h->reply_to = reply_to;
	CHECK_EQ(id_from(&h->saga, request->id), 0);
	h->admission = span.admission;
	h->first_record = span.first_record;
	h->last_record = span.last_record;
	h->epoch = 0;
	if (in_archive(s, request->from_sequence)) {
		find_in_archive(s, request->from_sequence);
		return;
	}
	uint64_t from = core_index_before(s, span.first_record);
	if (from < request->from_sequence)
		from = request->from_sequence;
	uint64_t to = sequence_after(s, span.last_record);
	if (from > to) {
		core_history_end(s, 0); /* a cursor past the end: an empty page */
		return;
	}
	/* One page reads so many batches and no more: a saga may have been parked for days. */
	if (to - from >= CORE_HISTORY_BATCHES) {
		to = from + CORE_HISTORY_BATCHES - 1;
		h->next_sequence = to + 1;
	}
	h->token = core_token(core);
	const int error = core->journal->ops->read(core->journal, s->number, from, to, h->token);
	if (error != 0)
		core_history_end(s, error);
}

/* Does this record speak of the saga? Most tell it by its admission number. */
static bool concerns(struct shard *s, enum wire_kind kind, struct slice record)
{
	struct core *core = s->core;
	const struct shard_history *h = &s->history;
	union {
		struct wire_record_accepted accepted;
		struct wire_record_branch branch;
		struct wire_record_decision decision;
		struct wire_record_parked parked;
		struct wire_record_finished finished;
		struct wire_record_tombstone tombstone;
		struct wire_record_inbox inbox;
		struct wire_record_enlisted enlisted;
		struct wire_record_closed closed;
	} u;
	arena_reset(&core->decode);
	if (kind < WIRE_RECORD_ACCEPTED || kind > WIRE_RECORD_CLOSED ||
	    wire_decode(kind, record, &core->decode, &u, NULL) != 0)
		return false;
	switch (kind) {
	case WIRE_RECORD_ACCEPTED:
		return slice_equal(u.accepted.saga, id_slice(&h->saga));
	case WIRE_RECORD_TOMBSTONE:
		return slice_equal(u.tombstone.saga, id_slice(&h->saga));
	case WIRE_RECORD_INBOX:
		return slice_equal(u.inbox.saga, id_slice(&h->saga));
	case WIRE_RECORD_BRANCH:
		return u.branch.admission == h->admission;
	case WIRE_RECORD_DECISION:
		return u.decision.admission == h->admission;
	case WIRE_RECORD_PARKED:
		return u.parked.admission == h->admission;
	case WIRE_RECORD_FINISHED:
		return u.finished.admission == h->admission;
	case WIRE_RECORD_ENLISTED:
		return u.enlisted.admission == h->admission;
	case WIRE_RECORD_CLOSED:
		return u.closed.admission == h->admission;
	default:
		return false;
	}
}

/* A page ends at about half of what a batch can be; one that begins with a batch holds the whole of
 * it (as much as a batch can be is less than a message can be), or it would never be passed. */
static bool keep_record(struct shard *s, const struct batch_header *header, uint64_t number,
			struct slice record, bool first_batch)
{
	struct shard_history *h = &s->history;
	const uint32_t bytes_max = first_batch ? CORE_RECORDS_MAX : CORE_RECORDS_MAX / 2;
	const uint32_t offset = h->bytes.size;
	if (h->count == WIRE_HISTORY_MAX || offset + record.size > bytes_max)
		return false;
	/* Without memory there is no page: one that lacks records would look whole. */
	h->error = buf_put_slice(&h->bytes, record);
	if (h->error != 0)
		return false;
	h->entries[h->count++] = (struct wire_history_entry){
		.record_number = number,
		.at = header->shard_time,
		.epoch = header->epoch,
		.record = {(const uint8_t *)(uintptr_t)offset, record.size},
	};
	return true;
}

void core_history_batch(struct shard *s, uint64_t sequence, struct slice bytes)
{
	struct shard_history *h = &s->history;
	struct batch_header header;
	struct slice records;
	if (h->full || batch_decode(bytes, &header, &records) != 0 || header.first_record == 0)
		return;
	/* What a stale owner appended after a newer epoch began never happened (S22). */
	if (header.epoch < h->epoch)
		return;
	h->epoch = header.epoch;
	const uint32_t count_before = h->count;
	const uint32_t bytes_before = h->bytes.size;
	for (uint32_t i = 0; i < header.record_count; i++) {
		const uint64_t number = header.first_record + i;
		enum wire_kind kind;
		uint32_t size;
		if (wire_value_size(records, &size) != 0)
			return;
		const struct slice record = slice_of(records.data, size);
		records = slice_of(records.data + size, records.size - size);
		if (number < h->first_record || number > h->last_record ||
		    wire_peek_kind(record, &kind) != 0 || !concerns(s, kind, record))
			continue;
		if (!keep_record(s, &header, number, record, count_before == 0)) {
			/* The page ends before this batch, so that the next begins with it whole.
			 */
			h->full = true;
			h->next_sequence = sequence;
			h->count = count_before;
			buf_truncate(&h->bytes, bytes_before);
			return;
		}
	}
}

void core_history_end(struct shard *s, int error)
{
	struct shard_history *h = &s->history;
	if (error == 0)
		error = h->error;
	if (error != 0) {
		h->count = 0;
		h->next_sequence = 0;
	}
	answer(s, error);
}
