/* Reading the durable inbox (S12): one entry of a shard after the other, each dealt with by the
 * engine before the next is asked for.
 *
 *   look: the stream's creation time and end, once for all shards, now and then
 *     `--> behind that end? read the first entry behind what was passed --> one engine step
 *            `--> nothing for us: passed up to the end that was known, once that has been said
 *                 for so long that it was the stream's leader who said it
 *
 * What was passed is the engine's cursor, or further where there was nothing for the shard. A
 * server that leads no more, and does not know it yet, answers from a stream without the last
 * entries: to pass them on its word would be to lose them, since the cursor follows. The
 * cursor stands in the batch that holds what the entry led to; only behind that is an entry deleted
 * from the stream. A stream that was made again (another creation time), or one that ends before
 * the cursor (its server lost what it had acknowledged), is read from its beginning: what of it is
 * known already has a known id (S5), and nothing is passed unread.
 *
 * Back-pressure: nothing is read while there is no room for new work, and an entry for which the
 * engine has none stays where it is (S19). */
#include "node/core_internal.h"

enum {
	LOOK_MS = 200, /* between two looks: the most that an entry waits while nothing else does */
	RETRY_MS = 100,  /* after a read that failed, or an entry without room */
	PURGE_MS = 5000, /* between two purges, and at least from the cursor to its purge: by then
			    the journal's batch is on disk everywhere */
	DOUBT_MS = 2000, /* a server that leads no more may know a shorter stream */
	LED_MS = 25000, /* by then it knows: a leader that has heard nobody for 10 s steps down, and
			   looks every 10 s whether that is so */
	KNOWN_MS = 3000, /* what was known of the stream longer ago may be of another: who served
			    nothing, or stood still, has not looked */
	NOTE_MS = 1000,
};

/* ---- looking ----------------------------------------------------------------------------------
 */

static bool any_serving(const struct core *core)
{
	for (uint32_t n = 0; n < core->shard_end; n++)
		if (core->shards[n] != NULL && core->shards[n]->state == OWNERSHIP_SERVING)
			return true;
	return false;
}

void core_inbox_look(struct core *core)
{
	struct core_inbox *in = &core->inbox;
	if (core->config.inbox == NULL || in->looking || core->now.mono_ms < in->look_at_ms ||
	    !any_serving(core))
		return;
	in->look_at_ms = core->now.mono_ms + LOOK_MS;
	in->asked_ms = core->now.mono_ms;
	in->looking = core->config.inbox->ops->look(core->config.inbox) == 0;
}

static void note_error(struct core *core, int error)
{
	const struct core_note note = {
		.event = error != 0 ? "inbox.not_read" : "inbox.read",
		.shard = CORE_NO_SHARD,
		.code = error,
	};
	if (error == core->inbox.error)
		return;
	core->inbox.error = error;
	core->io.note(core->io.context, &note);
}

void core_inbox_looked(struct core *core, struct core_time now, int error, struct slice created,
		       uint64_t last_sequence)
{
	struct core_inbox *in = &core->inbox;
	core->now = now;
	in->looking = false;
	in->look_at_ms = now.mono_ms + LOOK_MS;
	note_error(core, error);
	if (error != 0) {
		in->known = false;
		return;
	}
	CHECK_LE(created.size, sizeof in->created);
	if (!in->known || !slice_equal(created, slice_of(in->created, in->created_size)))
		in->generation++; /* what was read of it before counts no more */
	in->known = true;
	in->known_ms = in->asked_ms;
	memcpy(in->created, created.data, created.size);
	in->created_size = created.size;
	in->last = last_sequence;
}

/* ---- where the shard stands -------------------------------------------------------------------
 */

static struct slice created_of(const struct core *core)
{
	return slice_of(core->inbox.created, core->inbox.created_size);
}

static bool known(const struct core *core)
{
	return core->inbox.known && core->now.mono_ms - core->inbox.known_ms <= KNOWN_MS;
}

/* The journaled position in the stream as it is now. */
static uint64_t cursor_of(const struct shard *s)
{
	const struct txn_inbox_cursor cursor = txn_inbox(s->engine);
	return slice_equal(cursor.created, created_of(s->core)) ? cursor.sequence : 0;
}

static void note_again(const struct shard *s, const char *text)
{
	const struct core_note note = {
		.event = "inbox.read_again",
		.shard = s->number,
		.epoch = s->epoch,
		.code = SAGA_E_JOURNAL_GAP,
		.text = slice_str(text),
	};
	s->core->io.note(s->core->io.context, &note);
}

static void find_place(struct shard *s)
{
	struct shard_inbox *in = &s->inbox;
	const struct txn_inbox_cursor cursor = txn_inbox(s->engine);
	in->generation = s->core->inbox.generation;
	in->passed = cursor_of(s);
	in->doubt_since_ms = 0;
	in->purge_to = in->purge_gate = in->purged = 0;
	in->nothing_to = 0;
	if (cursor.created.size > 0 && !slice_equal(cursor.created, created_of(s->core)))
		note_again(s, "the stream was made again: it is read from its beginning");
}

/* True when the stream ends where our cursor has been already. What is known of its end may be from
 * before another owner went on: only looks that began since then count. */
static bool too_short(struct shard *s)
{
	struct shard_inbox *in = &s->inbox;
	const struct core *core = s->core;
	if (in->passed > core->inbox.last)
		in->passed = cursor_of(s);
	if (in->passed <= core->inbox.last) {
		in->doubt_since_ms = 0;
		return false;
	}
	if (in->doubt_since_ms == 0)
		in->doubt_since_ms = core->now.mono_ms;
	if (core->inbox.known_ms < in->doubt_since_ms + DOUBT_MS || !core_serve_room(s))
		return true;
	const struct txn_inbox_entry again = {.created = created_of(core)};
	int code;
	if (core_serve_inbox(s, &again, &code)) {
		note_again(s, "the stream ends before what was read of it: it is read from its "
			      "beginning");
		in->passed = in->purge_to = in->purged = 0;
	}
	return true;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* Two purges' distance, so that one that never comes durable is never asked for. */
static void purge(struct shard *s)
{
	struct shard_inbox *in = &s->inbox;
	struct inbox *inbox = s->core->config.inbox;
	const uint64_t cursor = cursor_of(s);
	if (s->core->now.mono_ms < in->purge_at_ms)
		return;
	in->purge_at_ms = s->core->now.mono_ms + PURGE_MS;
	if (in->purge_to > in->purged && in->purge_gate <= s->durable_record) {
		inbox->ops->purge(inbox, s->number, in->purge_to);
		in->purged = in->purge_to;
	}
	in->purge_to = cursor;
	in->purge_gate = txn_last_record(s->engine);
}

/* What one server did not know is asked for again, until it must have been the leader (LED_MS). */
static bool to_be_read(const struct shard *s)
{
	const struct shard_inbox *in = &s->inbox;
	const struct core *core = s->core;
	if (in->reading || in->passed >= core->inbox.last || core->now.mono_ms < in->retry_at_ms)
		return false;
	return in->nothing_to == 0 || core->inbox.last > in->heard_to ||
	       core->now.mono_ms - in->heard_ms >= DOUBT_MS;
}

static void nothing_read(struct shard *s)
{
	struct shard_inbox *in = &s->inbox;
	const uint64_t now_ms = s->core->now.mono_ms;
	in->heard_to = in->read_to;
	in->heard_ms = now_ms;
	if (in->nothing_to != 0 && in->read_ms - in->nothing_since_ms < LED_MS)
		return;
	if (in->nothing_to > in->passed)
		in->passed = in->nothing_to;
	in->nothing_to = in->read_to > in->passed ? in->read_to : 0;
	in->nothing_since_ms = now_ms;
}

void core_inbox_turn(struct shard *s)
{
	struct core *core = s->core;
	struct shard_inbox *in = &s->inbox;
	if (core->config.inbox == NULL || !known(core) || s->state != OWNERSHIP_SERVING)
		return;
	if (in->generation != core->inbox.generation)
		find_place(s);
	purge(s);
	if (too_short(s) || !to_be_read(s) || !core_serve_room(s))
		return;
	in->read_generation = in->generation;
	in->read_to = core->inbox.last;
	in->read_ms = core->now.mono_ms;
	in->reading =
		core->config.inbox->ops->read(core->config.inbox, s->number, in->passed + 1) == 0;
	if (!in->reading)
		in->retry_at_ms = core->now.mono_ms + RETRY_MS;
}

/* Whoever may publish can cause it, so not each time. The record tells each. */
static void note_refused(struct shard *s, const struct txn_inbox_entry *entry, int code)
{
	struct core *core = s->core;
	struct shard_inbox *in = &s->inbox;
	if (in->noted && core->now.mono_ms - in->noted_ms < NOTE_MS)
		return;
	in->noted = true;
	in->noted_ms = core->now.mono_ms;
	const struct core_note note = {
		.event = "inbox.refused",
		.shard = s->number,
		.epoch = s->epoch,
		.code = code,
		.saga = entry->submit != NULL ? entry->submit->id : entry->id,
		.text = entry->tenant,
	};
	core->io.note(core->io.context, &note);
}

static void take(struct shard *s, const struct inbox_message *message)
{
	struct core *core = s->core;
	struct shard_inbox *in = &s->inbox;
	struct txn_inbox_entry entry = {.created = created_of(core), .sequence = message->sequence};
	struct wire_submit submit;
	struct wire_fault fault = {0};
	char words[CORE_WORDS_MAX];
	uint32_t number;
	int code;
	arena_reset(&core->decode);
	if (subject_parse_inbox(core->config.prefix, message->subject, &number, &entry.tenant) !=
		    0 ||
	    number != s->number) {
		entry.code = SAGA_E_NAME;
		entry.text = slice_str("tenant");
	} else if (wire_decode_submit(message->bytes, &core->decode, core->plans, &submit,
				      &fault) != 0) {
		entry.code = fault.code;
		entry.text = core_fault_words(&fault, words, sizeof words);
		if (wire_peek_id(WIRE_SUBMIT, message->bytes, &entry.id, NULL) != 0)
			entry.id = slice_of(NULL, 0);
	} else {
		entry.submit = &submit;
	}
	if (!core_serve_inbox(s, &entry, &code)) {
		in->retry_at_ms = core->now.mono_ms + RETRY_MS;
		return;
	}
	in->passed = message->sequence;
	in->nothing_to = 0;
	if (code != 0)
		note_refused(s, &entry, code);
}

void core_inbox_read(struct core *core, struct core_time now, uint32_t shard, int error,
		     const struct inbox_message *message)
{
	struct shard *s = core->shards[shard];
	core->now = now;
	if (s == NULL || !s->inbox.reading)
		return;
	s->inbox.reading = false;
	if (error != 0) {
		s->inbox.retry_at_ms = now.mono_ms + RETRY_MS;
		return;
	}
	/* It may be of a stream that is no more, or come too late for this turn's room. */
	if (s->state != OWNERSHIP_SERVING || !known(core) ||
	    s->inbox.read_generation != core->inbox.generation || !core_serve_room(s))
		return;
	if (message->sequence == 0)
		nothing_read(s);
	else if (message->sequence > s->inbox.passed)
		take(s, message);
}

void core_inbox_stop(struct shard *s)
{
	if (s->inbox.reading)
		s->core->config.inbox->ops->cancel(s->core->config.inbox, s->number);
	s->inbox.reading = false;
}
