/* Reading a journal from JetStream.
 *
 * A read that may begin anywhere begins with what comes first: 2.9.10 may name as the stream's
 * first sequence one that went with its segment.
 *
 * A long read makes an ephemeral pull consumer (no acknowledgements, memory, one replica) that
 * starts at the wanted sequence, and keeps two bounded pulls open, so that at most 2 x PULL_BYTES
 * are on their way. A short one (the settling read of S6) gets its messages one by one from the
 * stream's leader; never through DIRECT.GET, which any replica answers from what it has.
 *
 *   info ----> create ----> pull ----> (end)        a long read
 *     |  `---> get -------------.----> (end)        a short one; begins with get where it can
 *     `------------------------------> (end)        nothing there, or not our stream
 *   each of them --failure--> pause ----> info      with a limit on failures without progress
 *
 * A tail is a long read without an end: it has one pull open, which waits at the server for what is
 * appended (long poll) and is asked for again when its time is over.
 *
 * Every state waits for something that is bound to come: requests time out, a pull has a watchdog.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/os_log.h"
#include "journal/ack.h"
#include "journal/jetstream_read.h"
#include "journal/json_scan.h"

enum {
	SHORT_READ_MAX = 2, /* messages */
	FAILURES_MAX = 6,   /* in a row without a new message */
	PAUSE_MS = 100,
};

static const bool permitted[READ_STATES][READ_STATES] = {
	[READ_INFO] = {[READ_GET] = true, [READ_CREATE] = true, [READ_PAUSE] = true},
	[READ_GET] = {[READ_GET] = true, [READ_INFO] = true, [READ_PAUSE] = true},
	[READ_CREATE] = {[READ_PULL] = true, [READ_PAUSE] = true},
	[READ_PULL] = {[READ_PAUSE] = true},
	[READ_PAUSE] = {[READ_INFO] = true},
};

static int ask_info(struct jetstream_read *r);

void jetstream_read_move(struct jetstream_read *r, enum jetstream_read_state to)
{
	CHECK_LT(r->state, READ_STATES);
	CHECK(permitted[r->state][to]);
	CHECK_EQ(r->request, 0);
	r->state = to;
}

/* ---- ending ---------------------------------------------------------------------------------- */

static void ignore(void *context, int error, const struct transport_message *message)
{
	(void)context;
	(void)error;
	(void)message;
}

/* Gives back everything that the read holds at the transport and the server. */
static void let_go(struct jetstream_read *r)
{
	struct transport *t = r->jetstream->transport;

	if (r->request != 0)
		t->ops->cancel(t, r->request);
	r->request = 0;
	if (r->subscription != NULL)
		t->ops->unsubscribe(t, r->subscription);
	r->subscription = NULL;
	if (r->consumer.text[0] != '\0') {
		const struct jetstream_api api =
			jetstream_api("CONSUMER.DELETE", r->stream.text, r->consumer.text);

		/* Best effort: the server drops an unused one by itself. */
		(void)t->ops->request(t, api.text, NULL, 0, slice_of(NULL, 0),
				      JETSTREAM_READ_REQUEST_MS, ignore, NULL, NULL);
		r->consumer.text[0] = '\0';
	}
	for (uint32_t i = 0; i < JETSTREAM_PULLS; i++)
		r->pulls[i] = (struct jetstream_pull){0};
}

static void destroy(struct jetstream_read *r)
{
	struct jetstream_read **at = &r->jetstream->reads;

	while (*at != r)
		at = &(*at)->next_read;
	*at = r->next_read;
	let_go(r);
	free(r);
}

void jetstream_read_end(struct jetstream_read *r, int error)
{
	struct jetstream *js = r->jetstream;
	const uint32_t shard = r->shard;
	const uint64_t token = r->token;
	const uint64_t last = error == 0 ? r->target : r->next - 1;

	CHECK(!r->delivering);
	destroy(r); /* first: the callback may read again */
	js->events.read_end(js->events.context, shard, token, error, last);
}

void jetstream_read_cancel(struct jetstream *js, uint64_t token)
{
	struct jetstream_read *next;

	for (struct jetstream_read *r = js->reads; r != NULL; r = next) {
		next = r->next_read;
		if (r->token != token)
			continue;
		if (r->delivering)
			r->cancelled = true;
		else
			destroy(r);
	}
}

void jetstream_read_cancel_all(struct jetstream *js)
{
	while (js->reads != NULL) {
		CHECK(!js->reads->delivering); /* close is not for callbacks */
		destroy(js->reads);
	}
}

/* ---- failing --------------------------------------------------------------------------------- */

static void paused(void *context, int error, const struct transport_message *message)
{
	struct jetstream_read *r = context;
	int rc = error;

	(void)message;
	r->request = 0;
	if (error == SAGA_E_TIMEOUT) {
		jetstream_read_move(r, READ_INFO);
		rc = ask_info(r);
	}
	if (rc != 0)
		jetstream_read_end(r, rc);
}

void jetstream_read_failed(struct jetstream_read *r, int error)
{
	int rc;

	let_go(r);
	r->failures++;
	LOG(LOG_INFO, "journal.read_retry", log_num("shard", r->shard),
	    log_num("sequence", (int64_t)r->next), log_num("failures", r->failures),
	    log_code(error));
	if (r->failures >= FAILURES_MAX) {
		jetstream_read_end(r, error);
		return;
	}
	jetstream_read_move(r, READ_PAUSE);
	rc = jetstream_wait(&r->jetstream->waiter, (uint32_t)PAUSE_MS << (r->failures - 1), paused,
			    r, &r->request);
	if (rc != 0) {
		r->request = 0;
		jetstream_read_end(r, rc);
	}
}

void jetstream_read_hole(struct jetstream_read *r)
{
	if (r->gap_at == r->next) {
		jetstream_read_end(r, SAGA_E_JOURNAL_GAP);
		return;
	}
	r->gap_at = r->next;
	jetstream_read_failed(r, SAGA_E_JOURNAL_GAP);
}

bool jetstream_read_good(struct jetstream_read *r, int error,
			 const struct transport_message *message, uint64_t *server_code)
{
	struct slice value;

	*server_code = 0;
	if (error == 0 && (message->status != 0 || !json_scan_whole(message->data)))
		error = SAGA_E_BAD_REPLY;
	if (error == SAGA_E_STOPPING) {
		jetstream_read_end(r, error);
		return false;
	}
	if (error != 0) {
		jetstream_read_failed(r, error);
		return false;
	}
	if (!json_scan_find(message->data, "error", &value))
		return true;
	if (!json_scan_u64(message->data, "error.err_code", server_code))
		*server_code = 0;
	if (*server_code == ACK_NO_MESSAGE_FOUND && r->state == READ_GET)
		return true;
	if (*server_code == ACK_STREAM_NOT_FOUND) {
		jetstream_read_end(r, SAGA_E_JOURNAL_MISSING);
		return false;
	}
	if (json_scan_text(message->data, "error.description", &value))
		LOG(LOG_WARN, "journal.read_error", log_num("shard", r->shard),
		    log_slice("why", value), log_num("server_code", (int64_t)*server_code),
		    log_code(SAGA_E_NATS));
	jetstream_read_failed(r, SAGA_E_NATS);
	return false;
}

int jetstream_read_ask(struct jetstream_read *r, const char *verb, struct slice body,
		       transport_completion done)
{
	struct transport *t = r->jetstream->transport;
	const struct jetstream_api api = jetstream_api(
		verb, r->stream.text, r->consumer.text[0] != '\0' ? r->consumer.text : NULL);
	int rc;

	CHECK_EQ(r->request, 0);
	rc = t->ops->request(t, api.text, NULL, 0, body, JETSTREAM_READ_REQUEST_MS, done, r,
			     &r->request);
	if (rc != 0)
		r->request = 0;
	return rc;
}

/* ---- delivering ------------------------------------------------------------------------------ */

bool jetstream_read_deliver(struct jetstream_read *r, struct slice bytes)
{
	struct jetstream *js = r->jetstream;

	CHECK_LE(r->next, r->target);
	if ((r->next == 1 || jetstream_read_anywhere(r)) && r->created_size > 0) {
		const int rc =
			jetstream_check_created(bytes, slice_of(r->created, r->created_size));

		/* A damaged first batch is the reader's to judge. */
		if (rc == SAGA_E_JOURNAL_FOREIGN) {
			jetstream_read_end(r, rc);
			return false;
		}
	}
	const uint64_t sequence = r->next++;
	r->begun = true;
	r->failures = 0;
	r->delivering = true;
	js->events.batch(js->events.context, r->shard, r->token, sequence, bytes);
	r->delivering = false;
	if (r->cancelled) {
		destroy(r);
		return false;
	}
	return true;
}

void jetstream_read_tailed(struct jetstream_read *r, uint64_t last_sequence)
{
	const struct journal_events *events = &r->jetstream->events;

	if (events->tailed != NULL)
		events->tailed(events->context, r->shard, r->token, last_sequence);
}

/* ---- one by one ------------------------------------------------------------------------------ */

static void got(void *context, int error, const struct transport_message *message);

static int ask_message(struct jetstream_read *r)
{
	char body[48];
	const int size = snprintf(body, sizeof body, "{\"seq\":%" PRIu64 "}", r->next);

	CHECK(size > 0 && (size_t)size < sizeof body);
	return jetstream_read_ask(r, "STREAM.MSG.GET", slice_of(body, (uint32_t)size), got);
}

static void got(void *context, int error, const struct transport_message *message)
{
	struct jetstream_read *r = context;
	struct buf *payload = &r->jetstream->message;
	uint64_t server_code, sequence;
	struct slice data = slice_of(NULL, 0);
	int rc;

	r->request = 0;
	if (!jetstream_read_good(r, error, message, &server_code))
		return;
	if (server_code == ACK_NO_MESSAGE_FOUND) {
		/* Past the end or missing in the middle: the stream's state tells. */
		if (r->known >= r->next) {
			jetstream_read_hole(r);
			return;
		}
		jetstream_read_move(r, READ_INFO);
		jetstream_read_go_on(r, ask_info(r));
		return;
	}
	buf_clear(payload);
	(void)json_scan_text(message->data, "message.data", &data);
	rc = base64_decode(data, payload);
	if (rc == 0 &&
	    (!json_scan_u64(message->data, "message.seq", &sequence) || sequence != r->next))
		rc = SAGA_E_BAD_REPLY;
	if (rc != 0) {
		jetstream_read_failed(r, rc);
		return;
	}
	if (!jetstream_read_deliver(r, buf_slice(payload)))
		return;
	if (r->next > r->target) {
		jetstream_read_end(r, 0);
		return;
	}
	jetstream_read_move(r, READ_GET);
	jetstream_read_go_on(r, ask_message(r));
}

/* ---- beginning ------------------------------------------------------------------------------- */

/* Takes over what the stream says of itself: 0, or what is wrong with it. */
static int take_info(struct jetstream_read *r, struct slice info, uint64_t *first, uint64_t *last)
{
	struct slice text;

	if (!json_scan_text(info, "config.description", &text))
		text = slice_of(NULL, 0);
	if (!jetstream_described(text, r->jetstream->config.cluster, r->shard))
		return SAGA_E_JOURNAL_FOREIGN;
	if (!json_scan_u64(info, "state.first_seq", first) ||
	    !json_scan_u64(info, "state.last_seq", last) ||
	    !json_scan_text(info, "created", &text) || text.size > sizeof r->created)
		return SAGA_E_BAD_REPLY;
	memcpy(r->created, text.data, text.size);
	r->created_size = text.size;
	return 0;
}

static void informed(void *context, int error, const struct transport_message *message)
{
	struct jetstream_read *r = context;
	uint64_t server_code, first = 0, last = 0;
	int rc;

	r->request = 0;
	if (!jetstream_read_good(r, error, message, &server_code))
		return;
	rc = take_info(r, message->data, &first, &last);
	if (rc == SAGA_E_JOURNAL_FOREIGN) {
		jetstream_read_end(r, rc);
		return;
	}
	if (rc != 0) {
		jetstream_read_failed(r, rc);
		return;
	}
	r->known = last;
	if ((r->tail || r->begun) && last + 1 < r->next) {
		/* Shorter than what we have just read: an old leader, or worse. */
		jetstream_read_failed(r, SAGA_E_JOURNAL_GAP);
		return;
	}
	r->target = last < r->to && !r->tail ? last : r->to;
	if (r->next > r->target) {
		jetstream_read_end(r, 0);
		return;
	}
	if (first > r->next && jetstream_read_anywhere(r))
		r->next = first;
	if (first > r->next || r->next > r->target) {
		jetstream_read_end(r, SAGA_E_JOURNAL_GAP);
		return;
	}
	if (r->tail)
		jetstream_read_tailed(r, last);
	if (r->target - r->next < SHORT_READ_MAX && (r->next == 1 || !jetstream_read_anywhere(r))) {
		jetstream_read_move(r, READ_GET);
		rc = ask_message(r);
	} else {
		jetstream_read_move(r, READ_CREATE);
		rc = jetstream_pull_begin(r);
	}
	jetstream_read_go_on(r, rc);
}

static int ask_info(struct jetstream_read *r)
{
	return jetstream_read_ask(r, "STREAM.INFO", slice_of(NULL, 0), informed);
}

static struct jetstream_read *create(struct jetstream *js, uint32_t shard, uint64_t from,
				     uint64_t to, uint64_t token)
{
	struct jetstream_read *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->jetstream = js;
	r->shard = shard;
	r->token = token;
	r->from = from & ~JOURNAL_ANYWHERE;
	r->anywhere = from != r->from;
	r->to = to;
	r->next = r->from;
	r->target = to;
	r->stream = jetstream_stream(js->config.stream_prefix, shard);
	r->next_read = js->reads;
	js->reads = r;
	return r;
}

int jetstream_read_start(struct jetstream *js, uint32_t shard, uint64_t from, uint64_t to,
			 uint64_t token)
{
	struct jetstream_read *r = create(js, shard, from, to, token);
	int rc;

	if (r == NULL)
		return SAGA_E_NO_MEMORY;
	/* The first record is only worth something together with the stream's creation time (S7);
	 * the rest of a short read was checked by the replay that came before it. */
	if (from > 1 && !r->anywhere && to - from < SHORT_READ_MAX) {
		r->state = READ_GET;
		rc = ask_message(r);
	} else {
		r->state = READ_INFO;
		rc = ask_info(r);
	}
	if (rc != 0)
		destroy(r);
	return rc;
}

int jetstream_tail_start(struct jetstream *js, uint32_t shard, uint64_t from, uint64_t token)
{
	struct jetstream_read *r = create(js, shard, from, INT64_MAX, token);
	int rc;

	if (r == NULL)
		return SAGA_E_NO_MEMORY;
	r->tail = true;
	r->state = READ_INFO;
	rc = ask_info(r);
	if (rc != 0)
		destroy(r);
	return rc;
}
