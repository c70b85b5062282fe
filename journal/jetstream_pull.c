/* The long way to read a journal: through a consumer, by pulls. See jetstream_read.c. */
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "journal/jetstream_read.h"
#include "journal/json_scan.h"
#include "transport/ack_subject.h"

enum {
	PULL_BATCH_MAX = 1000,
	PULL_BYTES_MAX = 1280 * 1024, /* above WIRE_MESSAGE_SIZE_MAX: any batch fits a pull */
	PULL_EXPIRES_S = 60,
	PULL_TIMED_OUT = 408,
	INACTIVE_S = 10, /* a consumer whose deletion got lost goes by itself */
	STALL_MS = 2000,
	/* Of a tail: how long its pull waits at the server, which says so when that time is over:
	 * nothing at all for half as long again means that the consumer is gone. Shorter than
	 * INACTIVE_S, so that no idle one is dropped. */
	TAIL_EXPIRES_S = 8,
	TAIL_STALL_MS = TAIL_EXPIRES_S * 1500,
};

static uint32_t stall_ms(const struct jetstream_read *r)
{
	return r->tail ? TAIL_STALL_MS : STALL_MS;
}

static void watch(void *context, int error, const struct transport_message *message)
{
	struct jetstream_read *r = context;
	int rc;

	(void)message;
	r->request = 0;
	if (error != SAGA_E_TIMEOUT) {
		jetstream_read_end(r, error == 0 ? SAGA_E_BAD_REPLY : error);
		return;
	}
	if (r->next == r->stall_mark && !r->heard) {
		jetstream_read_failed(r, SAGA_E_TIMEOUT);
		return;
	}
	r->stall_mark = r->next;
	r->heard = false;
	rc = jetstream_wait(&r->jetstream->waiter, stall_ms(r), watch, r, &r->request);
	if (rc != 0) {
		r->request = 0;
		jetstream_read_end(r, rc);
	}
}

static int send_pull(struct jetstream_read *r, struct jetstream_pull *pull)
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
			pull->asked, PULL_BYTES_MAX, r->tail ? TAIL_EXPIRES_S : PULL_EXPIRES_S);
	CHECK(size > 0 && (size_t)size < sizeof body);
	return t->ops->publish(t, api.text, slice_str(reply), NULL, 0,
			       slice_of(body, (uint32_t)size));
}

/* Opens pulls until both are open (of a tail: one) or everything up to the target has been asked
 * for. */
static int top_up(struct jetstream_read *r)
{
	const uint32_t most = r->tail ? 1 : JETSTREAM_PULLS;
	uint64_t asked_up_to = r->next; /* exclusive */

	for (uint32_t i = 0; i < most; i++) {
		struct jetstream_pull *pull = &r->pulls[i];
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
	for (uint32_t i = index; i + 1 < JETSTREAM_PULLS; i++)
		r->pulls[i] = r->pulls[i + 1];
	r->pulls[JETSTREAM_PULLS - 1] = (struct jetstream_pull){0};
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
		jetstream_read_failed(r, SAGA_E_NO_RESPONDERS); /* the consumer is gone */
		return;
	}
	/* 404, 408, 409: this pull is over, for example because it reached its bytes. */
	for (uint32_t i = 0; i < JETSTREAM_PULLS; i++) {
		if (r->pulls[i].left == 0 || r->pulls[i].number != number)
			continue;
		if (r->tail && message->status == PULL_TIMED_OUT) {
			r->heard = true;
			r->failures = 0;
		} else if (r->pulls[i].left == r->pulls[i].asked) {
			jetstream_read_failed(r, SAGA_E_NATS); /* and brought nothing */
			return;
		}
		drop_pull(r, i);
		jetstream_read_go_on(r, top_up(r));
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
	if (jetstream_read_anywhere(r) && message->stream_sequence <= r->target)
		r->next = message->stream_sequence;
	if (message->stream_sequence > r->next) {
		jetstream_read_hole(r);
		return;
	}
	/* Pulls are served in the order in which they came. */
	if (r->pulls[0].left > 0 && --r->pulls[0].left == 0)
		drop_pull(r, 0);
	const uint64_t sequence = r->next;
	uint64_t pending = 0;

	if (!jetstream_read_deliver(r, message->data))
		return;
	if (r->tail && ack_subject_pending(message->reply, &pending))
		jetstream_read_tailed(r, sequence + pending);
	if (r->next > r->target) {
		jetstream_read_end(r, 0);
		return;
	}
	if (r->pulls[r->tail ? 0 : JETSTREAM_PULLS - 1].left == 0)
		jetstream_read_go_on(r, top_up(r));
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
	rc = jetstream_wait(&r->jetstream->waiter, stall_ms(r), watch, r, &r->request);
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
	if (!jetstream_read_good(r, error, message, &server_code))
		return;
	if (!json_scan_u64(message->data, "num_pending", &pending)) {
		jetstream_read_failed(r, SAGA_E_BAD_REPLY);
		return;
	}
	if (pending == 0 && !r->tail) {
		jetstream_read_hole(r); /* the stream says that there is more */
		return;
	}
	jetstream_read_move(r, READ_PULL);
	jetstream_read_go_on(r, begin_pulling(r));
}

int jetstream_pull_begin(struct jetstream_read *r)
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
	return jetstream_read_ask(r, "CONSUMER.CREATE", slice_of(body, (uint32_t)size), created);
}
