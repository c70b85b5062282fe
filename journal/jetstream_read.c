/* Reading a journal from JetStream.
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
 * Every state waits for something that is bound to come: requests time out, a pull has a watchdog.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/os_log.h"
#include "journal/ack.h"
#include "journal/base64.h"
#include "journal/jetstream_internal.h"
#include "journal/json_scan.h"

enum {
	SHORT_READ_MAX = 2, /* messages */
	PULLS = 2,
	PULL_BATCH_MAX = 1000,
	PULL_BYTES_MAX = 1280 * 1024, /* above WIRE_MESSAGE_SIZE_MAX: any batch fits a pull */
	PULL_EXPIRES_S = 60,
	INACTIVE_S = 10, /* a consumer whose deletion got lost goes by itself */
	REQUEST_TIMEOUT_MS = 2000,
	STALL_MS = 2000,
	FAILURES_MAX = 6, /* in a row without a new message */
	PAUSE_MS = 100,
	CREATED_SIZE_MAX = 64,
};

enum read_state {
	READ_INFO,
	READ_GET,
	READ_CREATE,
	READ_PULL,
	READ_PAUSE,
	READ_STATES,
};

static const bool permitted[READ_STATES][READ_STATES] = {
	[READ_INFO] = {[READ_GET] = true, [READ_CREATE] = true, [READ_PAUSE] = true},
	[READ_GET] = {[READ_GET] = true, [READ_INFO] = true, [READ_PAUSE] = true},
	[READ_CREATE] = {[READ_PULL] = true, [READ_PAUSE] = true},
	[READ_PULL] = {[READ_PAUSE] = true},
	[READ_PAUSE] = {[READ_INFO] = true},
};

struct pull {
	uint64_t number;
	uint32_t asked;
	uint32_t left; /* 0 = not open */
};

struct jetstream_read {
	struct jetstream_read *next_read;
	struct jetstream *jetstream;
	enum read_state state;
	bool delivering; /* inside events.batch */
	bool cancelled;  /* meanwhile */
	uint32_t shard;
	uint64_t token;
	uint64_t from, to;
	uint64_t next;   /* sequence that must come now */
	uint64_t target; /* last one to deliver */
	uint64_t known;  /* last sequence of the stream by its own word; 0 = not asked yet */
	uint64_t gap_at; /* where a hole was seen once */
	uint32_t failures;

	uint64_t request; /* of state info, get or create; the watchdog or pause otherwise; 0 = none
			   */
	struct transport_subscription *subscription;
	char inbox[JETSTREAM_INBOX_SIZE];
	struct jetstream_name stream, consumer; /* consumer "" = none */
	struct pull pulls[PULLS];               /* open ones oldest first */
	uint64_t pull_count;
	uint64_t stall_mark; /* `next` at the last look of the watchdog */
	char created[CREATED_SIZE_MAX];
	uint32_t created_size;
};

static void read_failed(struct jetstream_read *r, int error);
static int ask_info(struct jetstream_read *r);

static void move(struct jetstream_read *r, enum read_state to)
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
		(void)t->ops->request(t, api.text, NULL, 0, slice_of(NULL, 0), REQUEST_TIMEOUT_MS,
				      ignore, NULL, NULL);
		r->consumer.text[0] = '\0';
	}
	for (uint32_t i = 0; i < PULLS; i++)
		r->pulls[i] = (struct pull){0};
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

static void read_end(struct jetstream_read *r, int error)
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
		move(r, READ_INFO);
		rc = ask_info(r);
	}
	if (rc != 0)
		read_end(r, rc);
}

/* Begins anew from the first message that is missing, or gives up. `error` is of class retry. */
static void read_failed(struct jetstream_read *r, int error)
{
	int rc;

	let_go(r);
	r->failures++;
	LOG(LOG_INFO, "journal.read_retry", log_num("shard", r->shard),
	    log_num("sequence", (int64_t)r->next), log_num("failures", r->failures),
	    log_code(error));
	if (r->failures >= FAILURES_MAX) {
		read_end(r, error);
		return;
	}
	move(r, READ_PAUSE);
	rc = jetstream_wait(&r->jetstream->waiter, (uint32_t)PAUSE_MS << (r->failures - 1), paused,
			    r, &r->request);
	if (rc != 0) {
		r->request = 0;
		read_end(r, rc);
	}
}

/* A message is missing. Once it may have got lost on its way; twice it is not in the stream. */
static void read_hole(struct jetstream_read *r)
{
	if (r->gap_at == r->next) {
		read_end(r, SAGA_E_JOURNAL_GAP);
		return;
	}
	r->gap_at = r->next;
	read_failed(r, SAGA_E_JOURNAL_GAP);
}

/* Deals with whatever is not a good answer of the API; true when it was one. */
static bool good_answer(struct jetstream_read *r, int error,
			const struct transport_message *message, uint64_t *server_code)
{
	struct slice value;

	*server_code = 0;
	if (error == 0 && (message->status != 0 || !json_scan_whole(message->data)))
		error = SAGA_E_BAD_REPLY;
	if (error == SAGA_E_STOPPING) {
		read_end(r, error);
		return false;
	}
	if (error != 0) {
		read_failed(r, error);
		return false;
	}
	if (!json_scan_find(message->data, "error", &value))
		return true;
	if (!json_scan_u64(message->data, "error.err_code", server_code))
		*server_code = 0;
	if (*server_code == ACK_NO_MESSAGE_FOUND && r->state == READ_GET)
		return true;
	if (*server_code == ACK_STREAM_NOT_FOUND) {
		read_end(r, SAGA_E_JOURNAL_MISSING);
		return false;
	}
	if (json_scan_text(message->data, "error.description", &value))
		LOG(LOG_WARN, "journal.read_error", log_num("shard", r->shard),
		    log_slice("why", value), log_num("server_code", (int64_t)*server_code),
		    log_code(SAGA_E_NATS));
	read_failed(r, SAGA_E_NATS);
	return false;
}

static int ask(struct jetstream_read *r, const char *verb, struct slice body,
	       transport_completion done)
{
	struct transport *t = r->jetstream->transport;
	const struct jetstream_api api = jetstream_api(
		verb, r->stream.text, r->consumer.text[0] != '\0' ? r->consumer.text : NULL);
	int rc;

	CHECK_EQ(r->request, 0);
	rc = t->ops->request(t, api.text, NULL, 0, body, REQUEST_TIMEOUT_MS, done, r, &r->request);
	if (rc != 0)
		r->request = 0;
	return rc;
}

/* ---- delivering ------------------------------------------------------------------------------ */

/* False when the read is gone: cancelled by the callback, or ended. */
static bool deliver(struct jetstream_read *r, struct slice bytes)
{
	struct jetstream *js = r->jetstream;

	CHECK_LE(r->next, r->target);
	if (r->next == 1 && r->created_size > 0) {
		const int rc =
			jetstream_check_created(bytes, slice_of(r->created, r->created_size));

		/* A damaged first batch is the reader's to judge. */
		if (rc == SAGA_E_JOURNAL_FOREIGN) {
			read_end(r, rc);
			return false;
		}
	}
	const uint64_t sequence = r->next++;
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

/* ---- one by one ------------------------------------------------------------------------------ */

static void got(void *context, int error, const struct transport_message *message);

static int ask_message(struct jetstream_read *r)
{
	char body[48];
	const int size = snprintf(body, sizeof body, "{\"seq\":%" PRIu64 "}", r->next);

	CHECK(size > 0 && (size_t)size < sizeof body);
	return ask(r, "STREAM.MSG.GET", slice_of(body, (uint32_t)size), got);
}

/* Goes on to another state after a request of the old one ended. */
static void go_on(struct jetstream_read *r, int rc)
{
	if (rc != 0)
		read_failed(r, rc);
}

static void got(void *context, int error, const struct transport_message *message)
{
	struct jetstream_read *r = context;
	struct buf *payload = &r->jetstream->message;
	uint64_t server_code, sequence;
	struct slice data = slice_of(NULL, 0);
	int rc;

	r->request = 0;
	if (!good_answer(r, error, message, &server_code))
		return;
	if (server_code == ACK_NO_MESSAGE_FOUND) {
		/* Past the end or missing in the middle: the stream's state tells. */
		if (r->known >= r->next) {
			read_hole(r);
			return;
		}
		move(r, READ_INFO);
		go_on(r, ask_info(r));
		return;
	}
	buf_clear(payload);
	(void)json_scan_text(message->data, "message.data", &data);
	rc = base64_decode(data, payload);
	if (rc == 0 &&
	    (!json_scan_u64(message->data, "message.seq", &sequence) || sequence != r->next))
		rc = SAGA_E_BAD_REPLY;
	if (rc != 0) {
		read_failed(r, rc);
		return;
	}
	if (!deliver(r, buf_slice(payload)))
		return;
	if (r->next > r->target) {
		read_end(r, 0);
		return;
	}
	move(r, READ_GET);
	go_on(r, ask_message(r));
}

/* ---- by a consumer --------------------------------------------------------------------------- */

static void watch(void *context, int error, const struct transport_message *message)
{
	struct jetstream_read *r = context;
	int rc;

	(void)message;
	r->request = 0;
	if (error != SAGA_E_TIMEOUT) {
		read_end(r, error == 0 ? SAGA_E_BAD_REPLY : error);
		return;
	}
	if (r->next == r->stall_mark) {
		read_failed(r, SAGA_E_TIMEOUT);
		return;
	}
	r->stall_mark = r->next;
	rc = jetstream_wait(&r->jetstream->waiter, STALL_MS, watch, r, &r->request);
	if (rc != 0) {
		r->request = 0;
		read_end(r, rc);
	}
}

static int send_pull(struct jetstream_read *r, struct pull *pull)
{
	struct transport *t = r->jetstream->transport;
	const struct jetstream_api api =
		jetstream_api("CONSUMER.MSG.NEXT", r->stream.text, r->consumer.text);
	char reply[JETSTREAM_INBOX_SIZE + 24], body[96];
	int size;

	size = snprintf(reply, sizeof reply, "%s.%" PRIu64, r->inbox, pull->number);
	CHECK(size > 0 && (size_t)size < sizeof reply);
	size = snprintf(body, sizeof body,
			"{\"batch\":%" PRIu32 ",\"max_bytes\":%d,\"expires\":%d000000000}",
			pull->asked, PULL_BYTES_MAX, PULL_EXPIRES_S);
	CHECK(size > 0 && (size_t)size < sizeof body);
	return t->ops->publish(t, api.text, slice_str(reply), NULL, 0,
			       slice_of(body, (uint32_t)size));
}

/* Opens pulls until both are open or everything up to the target has been asked for. */
static int top_up(struct jetstream_read *r)
{
	uint64_t asked_up_to = r->next; /* exclusive */

	for (uint32_t i = 0; i < PULLS; i++) {
		struct pull *pull = &r->pulls[i];
		int rc;

		if (pull->left == 0) {
			if (asked_up_to > r->target)
				break;
			const uint64_t rest = r->target - asked_up_to + 1;

			pull->number = ++r->pull_count;
			pull->asked = rest < PULL_BATCH_MAX ? (uint32_t)rest : PULL_BATCH_MAX;
			pull->left = pull->asked;
			rc = send_pull(r, pull);
			if (rc != 0)
				return rc;
		}
		asked_up_to += pull->left;
	}
	return 0;
}

static void drop_pull(struct jetstream_read *r, uint32_t index)
{
	for (uint32_t i = index; i + 1 < PULLS; i++)
		r->pulls[i] = r->pulls[i + 1];
	r->pulls[PULLS - 1] = (struct pull){0};
}

/* The number at the end of the reply subject that the status came to. */
static uint64_t pull_number(struct slice subject)
{
	uint64_t number = 0, place = 1;

	for (uint32_t i = subject.size; i > 0 && place < UINT32_MAX; i--, place *= 10) {
		const uint8_t byte = subject.data[i - 1];

		if (byte < '0' || byte > '9')
			break;
		number += (uint64_t)(byte - '0') * place;
	}
	return number;
}

static void pull_status(struct jetstream_read *r, const struct transport_message *message)
{
	const uint64_t number = pull_number(message->subject);

	if (message->status == 100)
		return;
	if (message->status == 503) {
		read_failed(r, SAGA_E_NO_RESPONDERS); /* the consumer is gone */
		return;
	}
	/* 404, 408, 409: this pull is over, for example because it reached its bytes. */
	for (uint32_t i = 0; i < PULLS; i++) {
		if (r->pulls[i].left == 0 || r->pulls[i].number != number)
			continue;
		if (r->pulls[i].left == r->pulls[i].asked) {
			read_failed(r, SAGA_E_NATS); /* and brought nothing */
			return;
		}
		drop_pull(r, i);
		go_on(r, top_up(r));
		return;
	}
}

static void pulled(void *context, const struct transport_message *message)
{
	struct jetstream_read *r = context;

	CHECK_EQ(r->state, READ_PULL);
	if (message->status != 0) {
		pull_status(r, message);
		return;
	}
	if (message->stream_sequence < r->next)
		return;
	if (message->stream_sequence > r->next) {
		read_hole(r);
		return;
	}
	/* Pulls are served in the order in which they came. */
	if (r->pulls[0].left > 0 && --r->pulls[0].left == 0)
		drop_pull(r, 0);
	if (!deliver(r, message->data))
		return;
	if (r->next > r->target) {
		read_end(r, 0);
		return;
	}
	if (r->pulls[PULLS - 1].left == 0)
		go_on(r, top_up(r));
}

static int begin_pulling(struct jetstream_read *r)
{
	struct transport *t = r->jetstream->transport;
	char subject[JETSTREAM_INBOX_SIZE + 4];
	int rc;

	t->ops->inbox(t, r->inbox, sizeof r->inbox);
	(void)snprintf(subject, sizeof subject, "%s.*", r->inbox);
	rc = t->ops->subscribe(t, subject, NULL, pulled, r, &r->subscription);
	if (rc != 0) {
		r->subscription = NULL;
		return rc;
	}
	r->stall_mark = r->next;
	rc = jetstream_wait(&r->jetstream->waiter, STALL_MS, watch, r, &r->request);
	if (rc != 0) {
		r->request = 0;
		return rc;
	}
	return top_up(r);
}

static void created(void *context, int error, const struct transport_message *message)
{
	struct jetstream_read *r = context;
	uint64_t server_code, pending = 0;

	r->request = 0;
	if (!good_answer(r, error, message, &server_code))
		return;
	if (!json_scan_u64(message->data, "num_pending", &pending)) {
		read_failed(r, SAGA_E_BAD_REPLY);
		return;
	}
	if (pending == 0) {
		read_hole(r); /* the stream says that there is more */
		return;
	}
	move(r, READ_PULL);
	go_on(r, begin_pulling(r));
}

static int ask_consumer(struct jetstream_read *r)
{
	struct jetstream *js = r->jetstream;
	char body[512];
	int size;

	/* A new name each time: one that may exist with another start is of no use. */
	size = snprintf(r->consumer.text, sizeof r->consumer.text, "sagad_%016" PRIx64 "_%" PRIu64,
			js->nonce, ++js->consumers);
	CHECK(size > 0 && (size_t)size < sizeof r->consumer.text);
	size = snprintf(body, sizeof body,
			"{\"stream_name\":\"%s\",\"config\":{\"name\":\"%s\","
			"\"deliver_policy\":\"by_start_sequence\",\"opt_start_seq\":%" PRIu64
			",\"ack_policy\":\"none\",\"replay_policy\":\"instant\","
			"\"inactive_threshold\":%d000000000,\"num_replicas\":1,"
			"\"mem_storage\":true}}",
			r->stream.text, r->consumer.text, r->next, INACTIVE_S);
	CHECK(size > 0 && (size_t)size < sizeof body);
	return ask(r, "CONSUMER.CREATE", slice_of(body, (uint32_t)size), created);
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
	if (!good_answer(r, error, message, &server_code))
		return;
	rc = take_info(r, message->data, &first, &last);
	if (rc == SAGA_E_JOURNAL_FOREIGN) {
		read_end(r, rc);
		return;
	}
	if (rc != 0) {
		read_failed(r, rc);
		return;
	}
	r->known = last;
	if (r->next > r->from && last + 1 < r->next) {
		/* Shorter than what we have just read: an old leader, or worse. */
		read_failed(r, SAGA_E_JOURNAL_GAP);
		return;
	}
	r->target = last < r->to ? last : r->to;
	if (r->next > r->target) {
		read_end(r, 0);
		return;
	}
	if (first > r->next) {
		read_end(r, SAGA_E_JOURNAL_GAP);
		return;
	}
	if (r->target - r->next < SHORT_READ_MAX) {
		move(r, READ_GET);
		rc = ask_message(r);
	} else {
		move(r, READ_CREATE);
		rc = ask_consumer(r);
	}
	go_on(r, rc);
}

static int ask_info(struct jetstream_read *r)
{
	return ask(r, "STREAM.INFO", slice_of(NULL, 0), informed);
}

int jetstream_read_start(struct jetstream *js, uint32_t shard, uint64_t from, uint64_t to,
			 uint64_t token)
{
	struct jetstream_read *r = calloc(1, sizeof *r);
	int rc;

	if (r == NULL)
		return SAGA_E_NO_MEMORY;
	r->jetstream = js;
	r->shard = shard;
	r->token = token;
	r->from = from;
	r->to = to;
	r->next = from;
	r->target = to;
	r->stream = jetstream_stream(js->config.stream_prefix, shard);
	r->next_read = js->reads;
	js->reads = r;
	/* The first record is only worth something together with the stream's creation time (S7);
	 * the rest of a short read was checked by the replay that came before it. */
	if (from > 1 && to - from < SHORT_READ_MAX) {
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
