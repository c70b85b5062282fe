/* The journal on JetStream: opening and appending. Reading is in jetstream_read.c, initialisation
 * in jetstream_admin_jansson.c.
 */
#include "journal/jetstream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/os_entropy.h"
#include "base/os_log.h"
#include "journal/ack.h"
#include "journal/jetstream_internal.h"
#include "wire/subject.h"

enum { HEADERS_MAX = 2, FENCE_SIZE = 24 };

static struct jetstream *jetstream_of(struct journal *j)
{
	return (struct jetstream *)j;
}

static void log_answer(const struct jetstream_append *append, const struct ack *ack)
{
	if (ack->broken)
		LOG(LOG_ERROR, "journal.fence_broken", log_num("shard", append->shard),
		    log_num("expected", (int64_t)append->expected),
		    log_num("sequence", (int64_t)ack->sequence), log_code(SAGA_E_INTERNAL),
		    log_str("text", "the server stored a batch where its fence forbids it; the "
				    "shard stops until it has been replayed"));
	else if (ack->status == JOURNAL_UNKNOWN)
		LOG(LOG_WARN, "journal.append_error", log_num("shard", append->shard),
		    log_num("server_code", ack->error_code), log_code(SAGA_E_NATS));
}

static void append_answered(void *context, int error, const struct transport_message *message)
{
	struct jetstream_append *append = context;
	struct jetstream *js = append->jetstream;
	struct ack ack = {.status = JOURNAL_UNKNOWN};

	CHECK(append->open);
	/* Time-out, disconnect and no responders say nothing about what was stored (S6). */
	if (error == 0 && message->status == 0) {
		const struct jetstream_name stream =
			jetstream_stream(js->config.stream_prefix, append->shard);

		ack = ack_read(message->data, stream.text, append->expected);
		log_answer(append, &ack);
	}
	append->open = false; /* first: the callback may append again */
	js->events.appended(js->events.context, append->shard, append->token, ack.status,
			    ack.sequence);
}

/* A publish that its fence refuses rolls nothing up: docs/decisions/0006. */
static uint32_t put_headers(struct transport_header headers[HEADERS_MAX], uint64_t expected,
			    struct journal_place place, char number[FENCE_SIZE])
{
	uint32_t count = 0;

	CHECK(expected != JOURNAL_UNFENCED || !place.begins);
	if (expected == JOURNAL_UNFENCED)
		return 0;
	(void)snprintf(number, FENCE_SIZE, "%" PRIu64, expected);
	headers[count++] = (struct transport_header){"Nats-Expected-Last-Sequence", number};
	if (place.begins)
		headers[count++] = (struct transport_header){"Nats-Rollup", "sub"};
	return count;
}

static int jetstream_append(struct journal *j, uint32_t shard, uint64_t expected,
			    struct journal_place place, struct slice bytes, uint64_t token)
{
	struct jetstream *js = jetstream_of(j);
	struct jetstream_append *append;
	struct transport_header headers[HEADERS_MAX];
	struct subject subject;
	char number[FENCE_SIZE];
	uint32_t header_count;
	int rc;

	CHECK_LT(shard, WIRE_SHARDS_MAX);
	CHECK(bytes.size > 0);
	append = &js->appends[shard];
	if (append->open)
		return SAGA_E_BUSY;
	header_count = put_headers(headers, expected, place, number);
	subject = subject_journal(js->config.prefix, shard,
				  expected == JOURNAL_UNFENCED
					  ? JOURNAL_UNFENCED_NAME
					  : (uint32_t)(place.segment % JOURNAL_NAMES));
	*append = (struct jetstream_append){
		.jetstream = js, .token = token, .expected = expected, .shard = shard};
	rc = js->transport->ops->request(js->transport, subject.text, headers, header_count, bytes,
					 js->config.append_timeout_ms, append_answered, append,
					 &append->request);
	append->open = rc == 0;
	return rc;
}

static int jetstream_read(struct journal *j, uint32_t shard, uint64_t from, uint64_t to,
			  uint64_t token)
{
	CHECK_LT(shard, WIRE_SHARDS_MAX);
	CHECK((from & ~JOURNAL_ANYWHERE) >= 1 && (from & ~JOURNAL_ANYWHERE) <= to);
	return jetstream_read_start(jetstream_of(j), shard, from, to, token);
}

static int jetstream_tail(struct journal *j, uint32_t shard, uint64_t from, uint64_t token)
{
	CHECK_LT(shard, WIRE_SHARDS_MAX);
	CHECK(from >= 1);
	return jetstream_tail_start(jetstream_of(j), shard, from, token);
}

static void jetstream_cancel(struct journal *j, uint64_t token)
{
	struct jetstream *js = jetstream_of(j);

	for (uint32_t i = 0; i < WIRE_SHARDS_MAX; i++) {
		struct jetstream_append *append = &js->appends[i];

		if (!append->open || append->token != token)
			continue;
		js->transport->ops->cancel(js->transport, append->request);
		append->open = false;
	}
	jetstream_read_cancel(js, token);
}

static void jetstream_close(struct journal *j)
{
	struct jetstream *js = jetstream_of(j);

	for (uint32_t i = 0; i < WIRE_SHARDS_MAX; i++) {
		if (js->appends[i].open)
			js->transport->ops->cancel(js->transport, js->appends[i].request);
	}
	jetstream_read_cancel_all(js);
	jetstream_waiter_close(&js->waiter);
	buf_close(&js->message);
	free(js);
}

static const struct journal_ops jetstream_ops = {
	.append = jetstream_append,
	.read = jetstream_read,
	.tail = jetstream_tail,
	.cancel = jetstream_cancel,
	.close = jetstream_close,
};

int jetstream_open(struct transport *transport, const struct jetstream_config *config,
		   const struct journal_events *events, struct journal **journal)
{
	struct jetstream *js;
	const int rc = jetstream_check_config(config);

	CHECK(events->appended != NULL && events->batch != NULL && events->read_end != NULL);
	if (rc != 0)
		return rc;
	js = calloc(1, sizeof *js);
	if (js == NULL)
		return SAGA_E_NO_MEMORY;
	js->journal.ops = &jetstream_ops;
	js->transport = transport;
	js->events = *events;
	js->config = *config;
	if (js->config.append_timeout_ms == 0)
		js->config.append_timeout_ms = JETSTREAM_APPEND_TIMEOUT_MS;
	js->nonce = os_entropy_u64();
	jetstream_waiter_init(&js->waiter, transport);
	buf_init(&js->message, JETSTREAM_MESSAGE_SIZE_MAX);
	*journal = &js->journal;
	return 0;
}
