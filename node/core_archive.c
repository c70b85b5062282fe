/* What the journal forgets, history keeps (S25): each batch that is durable is copied into entries
 * of the history stream; how far that has got stands in the journal, and no segment goes before.
 *
 *   durable batches --> gather --full, or old enough--> in flight --written--> known, then
 * journaled
 *                         ^
 *   journal --read back --'    after a take-over, and when more was durable than there is room for
 *
 * Invariants:
 *  H1  entries leave nothing out: a batch is gathered only behind the one before it.
 *  H2  an entry is sent until it is written, and nothing of the shard's is written meanwhile.
 *  H3  the mark in the journal never says more than was acknowledged; after a take-over what lies
 *      behind it is written again (entries may overlap).
 * When nothing can be written for long, the journal keeps what it has: an alert, then `busy`.
 */
#include "node/core_internal.h"

static bool wanted(const struct shard *s)
{
	return s->core->config.archive != NULL && s->core->config.segment_bytes > 0;
}

static struct archive_page *gathering(struct shard_archive *a)
{
	return &a->entries[a->gathers];
}

static struct archive_page *in_flight(struct shard_archive *a)
{
	return &a->entries[1 - a->gathers];
}

void core_archive_init(struct shard *s)
{
	for (uint32_t i = 0; i < 2; i++)
		buf_init(&s->archive.entries[i].bytes, ARCHIVE_ENTRY_MAX);
}

/* S29 and all else that is given up: nothing of it is called back. */
void core_archive_stop(struct shard *s)
{
	struct core *core = s->core;
	struct shard_archive *a = &s->archive;
	if (core->config.archive != NULL && a->begun)
		core->config.archive->ops->cancel(core->config.archive, s->number);
	core->journal->ops->cancel(core->journal, a->read_token);
	a->read_token = 0;
	a->begun = a->writing = false;
	for (uint32_t i = 0; i < 2; i++)
		buf_clear(&a->entries[i].bytes);
}

void core_archive_close(struct shard *s)
{
	for (uint32_t i = 0; i < 2; i++)
		buf_close(&s->archive.entries[i].bytes);
}

void core_archive_begin(struct shard *s)
{
	struct shard_archive *a = &s->archive;
	if (!wanted(s))
		return;
	a->begun = true;
	a->known_record = txn_segments(s->engine).history_record;
	a->next_record = a->known_record + 1;
	a->next_sequence = core_index_before(s, a->next_record);
	a->well_ms = s->core->now.mono_ms;
	a->gathers = 0;
	for (uint32_t i = 0; i < 2; i++) {
		buf_clear(&a->entries[i].bytes);
		a->entries[i].entry = (struct archive_entry){.shard = s->number};
	}
}

/* ---- gathering --------------------------------------------------------------------------------
 */

/* False when it has to come again: no room, no memory. */
static bool gather(struct shard *s, uint64_t sequence, struct slice bytes)
{
	struct shard_archive *a = &s->archive;
	struct archive_page *g = gathering(a);
	struct batch_header header;
	struct slice records;
	if (batch_decode(bytes, &header, &records) != 0)
		return false; /* damaged on its way: it is read again */
	/* An unfenced EPOCH has the next number, and so have those of stale owners none (S22). */
	const uint64_t first = header.first_record == 0 ? a->next_record : header.first_record;
	const uint64_t last = first + header.record_count - 1;
	if (last < a->next_record && g->entry.batch_count == 0) {
		a->next_sequence = sequence + 1; /* history has it */
		return true;
	}
	if (g->bytes.size == 0 && archive_entry_begin(&g->bytes) != 0)
		return false;
	if (archive_entry_put(&g->bytes, bytes) != 0) {
		buf_truncate(&g->bytes, g->entry.batch_count == 0 ? 0 : g->bytes.size);
		a->full = g->entry.batch_count > 0;
		return false;
	}
	if (g->entry.batch_count++ == 0) {
		g->entry.first_record = first < a->next_record ? first : a->next_record;
		g->entry.first_sequence = sequence;
		g->since_ms = s->core->now.mono_ms;
	}
	a->next_sequence = sequence + 1;
	if (last >= a->next_record)
		a->next_record = last + 1;
	g->entry.last_record = a->next_record - 1;
	return true;
}

void core_archive_durable(struct shard *s, uint64_t sequence, struct slice bytes)
{
	struct shard_archive *a = &s->archive;
	if (!a->begun || sequence != a->next_sequence || a->read_token != 0 ||
	    gathering(a)->bytes.size >= ARCHIVE_GATHER_MAX)
		return; /* it will be read */
	(void)gather(s, sequence, bytes);
}

void core_archive_batch(struct shard *s, uint64_t sequence, struct slice bytes)
{
	struct shard_archive *a = &s->archive;
	if (sequence == a->next_sequence && !a->full)
		(void)gather(s, sequence, bytes);
}

void core_archive_read_end(struct shard *s, int error)
{
	struct shard_archive *a = &s->archive;
	a->read_token = 0;
	a->read_at_ms = s->core->now.mono_ms + (error != 0 ? ARCHIVE_RETRY_MS : 0);
}

/* What was durable before there was room for it. */
static void read_back(struct shard *s)
{
	struct core *core = s->core;
	struct shard_archive *a = &s->archive;
	const uint64_t last = s->mark.sequence;
	if (a->read_token != 0 || a->full || a->next_sequence > last ||
	    core->now.mono_ms < a->read_at_ms || gathering(a)->bytes.size >= ARCHIVE_GATHER_MAX)
		return;
	const uint64_t to = last - a->next_sequence < ARCHIVE_READ_BATCHES
				    ? last
				    : a->next_sequence + ARCHIVE_READ_BATCHES - 1;
	a->read_token = core_token(core);
	if (core->journal->ops->read(core->journal, s->number, a->next_sequence, to,
				     a->read_token) != 0)
		core_archive_read_end(s, SAGA_E_BUSY);
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static void alert(struct shard *s, int error)
{
	struct core *core = s->core;
	struct shard_archive *a = &s->archive;
	const struct subject subject = subject_alert(core->config.prefix);
	const struct wire_alert alert = {
		.shard = s->number,
		.epoch = s->epoch,
		.code = err_to_wire(error),
		.text = slice_str("history cannot be written: the journal keeps what it has"),
	};
	a->alert_at_ms = core->now.mono_ms + CORE_ALERT_MS;
	core_note_event(s, "history.not_written", error);
	buf_clear(&core->scratch);
	if (wire_encode(WIRE_ALERT, &alert, &core->scratch) == 0)
		(void)core_send_now(s, subject.text, buf_slice(&core->scratch));
}

static void write_entry(struct shard *s)
{
	struct core *core = s->core;
	struct shard_archive *a = &s->archive;
	const int error = core->config.archive->ops->write(core->config.archive, s->number,
							   buf_slice(&in_flight(a)->bytes));
	a->writing = true;
	if (error != 0)
		core_archive_written(s, error);
}

void core_archive_written(struct shard *s, int error)
{
	struct shard_archive *a = &s->archive;
	struct archive_page *f = in_flight(a);
	const uint64_t now_ms = s->core->now.mono_ms;
	a->writing = false;
	if (error != 0) {
		a->error = error;
		a->write_at_ms = now_ms + ARCHIVE_RETRY_MS;
		return;
	}
	a->error = 0;
	a->well_ms = now_ms;
	a->known_record = f->entry.last_record;
	s->core->stats.history_entries_total++;
	s->core->stats.history_bytes_total += f->bytes.size;
	buf_clear(&f->bytes);
	f->entry = (struct archive_entry){.shard = s->number};
}

static void write_next(struct shard *s)
{
	struct shard_archive *a = &s->archive;
	struct archive_page *g = gathering(a);
	const uint64_t now_ms = s->core->now.mono_ms;
	if (a->writing || now_ms < a->write_at_ms)
		return;
	if (in_flight(a)->bytes.size > 0) {
		write_entry(s); /* again: H2 */
		return;
	}
	if (g->entry.batch_count == 0 ||
	    (!a->full && g->bytes.size < ARCHIVE_WRITE_BYTES &&
	     now_ms - g->since_ms < ARCHIVE_WRITE_MS && !core_segments_waits(s)))
		return;
	archive_entry_close(&g->bytes, &g->entry);
	a->gathers = 1 - a->gathers;
	a->full = false;
	write_entry(s);
}

void core_archive_turn(struct shard *s)
{
	struct shard_archive *a = &s->archive;
	const uint64_t now_ms = s->core->now.mono_ms;
	if (!a->begun || !s->core->io.may_emit(s->core->io.context, s->lease_generation))
		return;
	read_back(s);
	write_next(s);
	if (a->error != 0 && now_ms - a->well_ms >= ARCHIVE_ILL_MS && now_ms >= a->alert_at_ms)
		alert(s, a->error);
}

/* ---- the mark ---------------------------------------------------------------------------------
 */

bool core_archive_mark(struct shard *s)
{
	struct shard_archive *a = &s->archive;
	if (!a->begun || a->known_record <= txn_segments(s->engine).history_record)
		return false;
	struct txn_event event = {.kind = TXN_EVENT_HISTORY, .u.history_record = a->known_record};
	return core_serve_event(s, &event);
}

bool core_archive_has(const struct shard *s, uint64_t record)
{
	return s->core->config.archive == NULL || txn_segments(s->engine).history_record >= record;
}

bool core_archive_room(const struct shard *s)
{
	return !s->archive.begun || s->archive.error == 0 ||
	       s->segments.bytes < ARCHIVE_SEGMENTS_MAX * s->core->config.segment_bytes;
}
