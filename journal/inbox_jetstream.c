/* The durable inbox on JetStream: "the first message of these subjects at or behind this sequence"
 * is one request to the stream's leader (STREAM.MSG.GET), and its answer leaves nothing out before
 * what it brings: a message that got lost on its way is asked for again, as the position has not
 * moved. Never through DIRECT.GET, which any replica answers from what it has. A server that has
 * lost the lead, and does not know it yet, answers as if it were alone, though. */
#include "journal/inbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/os_log.h"
#include "journal/ack.h"
#include "journal/jetstream_internal.h"
#include "journal/json_scan.h"
#include "wire/subject.h"

enum { REQUEST_MS = 2000, BODY_SIZE = SUBJECT_SIZE_MAX + 96 };

struct reading {
	struct inbox_jetstream *inbox;
	uint32_t shard;
	bool open;
	uint64_t from, request;
};

struct inbox_jetstream {
	struct inbox inbox; /* first: what the interface hands out */
	struct transport *transport;
	struct inbox_events events;
	struct jetstream_config config;
	struct jetstream_name stream;
	struct buf message; /* decoded payload */
	bool looking;
	uint64_t look_request;
	struct reading readings[WIRE_SHARDS_MAX];
};

static struct inbox_jetstream *jetstream_of(struct inbox *inbox)
{
	return (struct inbox_jetstream *)inbox;
}

/* 0, or what the answer says instead; *server_code with SAGA_E_NATS. */
static int judge(int error, const struct transport_message *message, uint64_t *server_code)
{
	struct slice value;

	*server_code = 0;
	if (error != 0)
		return error;
	if (message->status != 0)
		return SAGA_E_NO_RESPONDERS;
	if (!json_scan_whole(message->data))
		return SAGA_E_BAD_REPLY;
	if (!json_scan_find(message->data, "error", &value))
		return 0;
	if (!json_scan_u64(message->data, "error.err_code", server_code))
		*server_code = 0;
	return *server_code == ACK_STREAM_NOT_FOUND ? SAGA_E_JOURNAL_MISSING : SAGA_E_NATS;
}

static bool described(const struct inbox_jetstream *js, struct slice description)
{
	char start[JETSTREAM_API_SIZE];
	const int size =
		snprintf(start, sizeof start, "sagad inbox cluster=%s shards=", js->config.cluster);

	CHECK(size > 0 && (size_t)size < sizeof start);
	return description.size > (uint32_t)size &&
	       memcmp(description.data, start, (size_t)size) == 0;
}

static void looked(void *context, int error, const struct transport_message *message)
{
	struct inbox_jetstream *js = context;
	struct slice text, created = {0};
	uint64_t server_code, last = 0;
	int rc = judge(error, message, &server_code);

	js->looking = false;
	if (rc == 0 &&
	    (!json_scan_text(message->data, "config.description", &text) || !described(js, text)))
		rc = SAGA_E_JOURNAL_FOREIGN;
	if (rc == 0 && (!json_scan_u64(message->data, "state.last_seq", &last) ||
			!json_scan_text(message->data, "created", &created) || created.size == 0 ||
			created.size > 64))
		rc = SAGA_E_BAD_REPLY;
	js->events.looked(js->events.context, rc, created, last);
}

static int inbox_look(struct inbox *inbox)
{
	struct inbox_jetstream *js = jetstream_of(inbox);
	const struct jetstream_api api = jetstream_api("STREAM.INFO", js->stream.text, NULL);
	int rc;

	if (js->looking)
		return SAGA_E_BUSY;
	rc = js->transport->ops->request(js->transport, api.text, NULL, 0, slice_of(NULL, 0),
					 REQUEST_MS, looked, js, &js->look_request);
	js->looking = rc == 0;
	return rc;
}

/* Whatever it says is passed behind, and never asked for again: so nothing of it is guessed. Only
 * an empty message has no data. */
static int read_entry(const struct reading *reading, struct slice answer,
		      struct inbox_message *found)
{
	struct buf *bytes = &reading->inbox->message;
	struct slice data = {0};
	int rc;

	buf_clear(bytes);
	if (json_scan_find(answer, "message.data", &data) &&
	    !json_scan_text(answer, "message.data", &data))
		return SAGA_E_BAD_REPLY;
	rc = base64_decode(data, bytes);
	if (rc != 0)
		return rc;
	if (!json_scan_u64(answer, "message.seq", &found->sequence) ||
	    found->sequence < reading->from || found->sequence == UINT64_MAX ||
	    !json_scan_text(answer, "message.subject", &found->subject))
		return SAGA_E_BAD_REPLY;
	found->bytes = buf_slice(bytes);
	return 0;
}

static void got(void *context, int error, const struct transport_message *message)
{
	struct reading *reading = context;
	struct inbox_jetstream *js = reading->inbox;
	struct inbox_message found = {0};
	uint64_t server_code;
	int rc = judge(error, message, &server_code);

	CHECK(reading->open);
	reading->open = false; /* first: the callback may read again */
	if (server_code == ACK_NO_MESSAGE_FOUND)
		rc = 0;
	else if (rc == 0)
		rc = read_entry(reading, message->data, &found);
	js->events.read(js->events.context, reading->shard, rc, &found);
}

static int inbox_read(struct inbox *inbox, uint32_t shard, uint64_t from)
{
	struct inbox_jetstream *js = jetstream_of(inbox);
	const struct jetstream_api api = jetstream_api("STREAM.MSG.GET", js->stream.text, NULL);
	struct reading *reading;
	char body[BODY_SIZE];
	int size, rc;

	CHECK_LT(shard, WIRE_SHARDS_MAX);
	CHECK(from >= 1);
	reading = &js->readings[shard];
	if (reading->open)
		return SAGA_E_BUSY;
	size = snprintf(body, sizeof body, "{\"seq\":%" PRIu64 ",\"next_by_subj\":\"%s\"}", from,
			subject_inbox_all(js->config.prefix, shard).text);
	CHECK(size > 0 && (size_t)size < sizeof body);
	*reading = (struct reading){.inbox = js, .shard = shard, .from = from};
	rc = js->transport->ops->request(js->transport, api.text, NULL, 0,
					 slice_of(body, (uint32_t)size), REQUEST_MS, got, reading,
					 &reading->request);
	reading->open = rc == 0;
	return rc;
}

static void purged(void *context, int error, const struct transport_message *message)
{
	uint64_t server_code;
	const int rc = judge(error, message, &server_code);

	(void)context;
	if (rc != 0 && rc != SAGA_E_STOPPING) /* the next one deletes it as well */
		LOG(LOG_INFO, "inbox.not_purged", log_num("server_code", (int64_t)server_code),
		    log_code(rc));
}

static void inbox_purge(struct inbox *inbox, uint32_t shard, uint64_t last)
{
	struct inbox_jetstream *js = jetstream_of(inbox);
	const struct jetstream_api api = jetstream_api("STREAM.PURGE", js->stream.text, NULL);
	char body[BODY_SIZE];
	int size;

	CHECK_LT(shard, WIRE_SHARDS_MAX);
	CHECK(last < UINT64_MAX);
	size = snprintf(body, sizeof body, "{\"filter\":\"%s\",\"seq\":%" PRIu64 "}",
			subject_inbox_all(js->config.prefix, shard).text, last + 1);
	CHECK(size > 0 && (size_t)size < sizeof body);
	(void)js->transport->ops->request(js->transport, api.text, NULL, 0,
					  slice_of(body, (uint32_t)size), REQUEST_MS, purged, NULL,
					  NULL);
}

static void inbox_cancel(struct inbox *inbox, uint32_t shard)
{
	struct inbox_jetstream *js = jetstream_of(inbox);
	struct reading *reading = &js->readings[shard];

	if (reading->open)
		js->transport->ops->cancel(js->transport, reading->request);
	reading->open = false;
}

static void inbox_close(struct inbox *inbox)
{
	struct inbox_jetstream *js = jetstream_of(inbox);

	for (uint32_t i = 0; i < WIRE_SHARDS_MAX; i++)
		inbox_cancel(inbox, i);
	if (js->looking)
		js->transport->ops->cancel(js->transport, js->look_request);
	buf_close(&js->message);
	free(js);
}

static const struct inbox_ops inbox_ops = {
	.look = inbox_look,
	.read = inbox_read,
	.purge = inbox_purge,
	.cancel = inbox_cancel,
	.close = inbox_close,
};

int inbox_open(struct transport *transport, const struct jetstream_config *config,
	       const struct inbox_events *events, struct inbox **inbox)
{
	struct inbox_jetstream *js;
	const int rc = jetstream_check_config(config);

	CHECK(events->looked != NULL && events->read != NULL);
	if (rc != 0)
		return rc;
	js = calloc(1, sizeof *js);
	if (js == NULL)
		return SAGA_E_NO_MEMORY;
	js->inbox.ops = &inbox_ops;
	js->transport = transport;
	js->events = *events;
	js->config = *config;
	js->stream = jetstream_inbox_stream(config->stream_prefix);
	buf_init(&js->message, JETSTREAM_MESSAGE_SIZE_MAX);
	*inbox = &js->inbox;
	return 0;
}
