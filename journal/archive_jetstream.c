/* The history stream on JetStream. To find an entry takes a binary search over the stream's
 * sequences, each step one "first message of this subject at or behind this sequence": entries of a
 * shard leave nothing out between them, so one that ends before what is looked for has it behind
 * itself, and one that begins later has it in front, also where some were written twice. */
#include "journal/archive.h"

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
#include "wire/archive_entry.h"
#include "wire/subject.h"

enum { WRITE_MS = 5000, READ_MS = 2000, BODY_SIZE = SUBJECT_SIZE_MAX + 96, STEPS_MAX = 130 };

struct work {
	struct archive_jetstream *archive;
	uint32_t shard;
	bool writing, finding;
	uint64_t write_request, find_request;
	enum archive_key key;
	uint64_t value;
	uint64_t low, high; /* sequences of the stream that may have it */
	uint32_t steps;
};

struct archive_jetstream {
	struct archive archive; /* first: what the interface hands out */
	struct transport *transport;
	struct archive_events events;
	struct jetstream_config config;
	struct jetstream_name stream;
	struct buf message; /* decoded payload */
	struct work works[WIRE_SHARDS_MAX];
};

static struct archive_jetstream *jetstream_of(struct archive *archive)
{
	return (struct archive_jetstream *)archive;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static void write_answered(void *context, int error, const struct transport_message *message)
{
	struct work *work = context;
	struct archive_jetstream *js = work->archive;
	struct slice stream;
	uint64_t number = 0;

	CHECK(work->writing);
	work->writing = false; /* first: the callback may write again */
	if (error == 0 && (message->status != 0 || !json_scan_whole(message->data)))
		error = SAGA_E_NATS;
	if (error == 0 && (!json_scan_text(message->data, "stream", &stream) ||
			   !slice_equal(stream, slice_str(js->stream.text)) ||
			   !json_scan_u64(message->data, "seq", &number))) {
		if (!json_scan_u64(message->data, "error.err_code", &number))
			number = 0;
		LOG(LOG_WARN, "history.write_error", log_num("shard", work->shard),
		    log_num("server_code", (int64_t)number), log_code(SAGA_E_NATS));
		error = SAGA_E_NATS;
	}
	js->events.written(js->events.context, work->shard, error);
}

static int archive_write(struct archive *archive, uint32_t shard, struct slice entry)
{
	struct archive_jetstream *js = jetstream_of(archive);
	/* Whatever else listens there: only the stream's word counts. */
	const struct transport_header header = {"Nats-Expected-Stream", js->stream.text};
	struct work *work;
	int rc;

	CHECK_LT(shard, WIRE_SHARDS_MAX);
	work = &js->works[shard];
	if (work->writing)
		return SAGA_E_BUSY;
	work->archive = js;
	work->shard = shard;
	rc = js->transport->ops->request(
		js->transport, subject_history(js->config.prefix, shard).text, &header, 1, entry,
		WRITE_MS, write_answered, work, &work->write_request);
	work->writing = rc == 0;
	return rc;
}

/* ---- finding ----------------------------------------------------------------------------------
 */

static void found(struct work *work, int error, struct slice entry)
{
	struct archive_jetstream *js = work->archive;

	work->finding = false;
	js->events.found(js->events.context, work->shard, error, entry);
}

static void not_found(struct work *work, int error)
{
	found(work, error, slice_of(NULL, 0));
}

static int probe(struct work *work);

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
	return SAGA_E_NATS;
}

/* Where what is looked for stands, seen from this entry. */
static int compare(const struct work *work, const struct archive_entry *entry)
{
	const bool by_record = work->key == ARCHIVE_BY_RECORD;
	const uint64_t first = by_record ? entry->first_record : entry->first_sequence;
	const uint64_t last =
		by_record ? entry->last_record : entry->first_sequence + entry->batch_count - 1;

	return work->value < first ? -1 : work->value > last;
}

static void got(void *context, int error, const struct transport_message *message)
{
	struct work *work = context;
	struct buf *bytes = &work->archive->message;
	struct slice data = {0}, batches;
	struct archive_entry entry;
	uint64_t server_code, sequence = 0;
	int rc = judge(error, message, &server_code);

	CHECK(work->finding);
	if (server_code == ACK_NO_MESSAGE_FOUND) {
		work->high = work->low + (work->high - work->low) / 2; /* nothing from there on */
		rc = probe(work);
		if (rc != 0)
			not_found(work, rc);
		return;
	}
	buf_clear(bytes);
	if (rc == 0 && (!json_scan_text(message->data, "message.data", &data) ||
			!json_scan_u64(message->data, "message.seq", &sequence)))
		rc = SAGA_E_BAD_REPLY;
	if (rc == 0)
		rc = base64_decode(data, bytes);
	if (rc == 0)
		rc = archive_entry_decode(buf_slice(bytes), &entry, &batches);
	if (rc == 0 && entry.shard != work->shard)
		rc = SAGA_E_JOURNAL_FOREIGN;
	if (rc != 0) {
		not_found(work, rc);
		return;
	}
	switch (compare(work, &entry)) {
	case 0:
		found(work, 0, buf_slice(bytes));
		return;
	case -1:
		work->high = work->low + (work->high - work->low) / 2;
		break;
	default:
		work->low = sequence + 1;
		break;
	}
	rc = probe(work);
	if (rc != 0)
		not_found(work, rc);
}

/* In low <= sequence < high. */
static int probe(struct work *work)
{
	struct archive_jetstream *js = work->archive;
	const struct jetstream_api api = jetstream_api("STREAM.MSG.GET", js->stream.text, NULL);
	char body[BODY_SIZE];
	int size;

	if (work->low >= work->high || ++work->steps > STEPS_MAX)
		return SAGA_E_NOT_FOUND;
	size = snprintf(body, sizeof body, "{\"seq\":%" PRIu64 ",\"next_by_subj\":\"%s\"}",
			work->low + (work->high - work->low) / 2,
			subject_history(js->config.prefix, work->shard).text);
	CHECK(size > 0 && (size_t)size < sizeof body);
	return js->transport->ops->request(js->transport, api.text, NULL, 0,
					   slice_of(body, (uint32_t)size), READ_MS, got, work,
					   &work->find_request);
}

static void informed(void *context, int error, const struct transport_message *message)
{
	struct work *work = context;
	uint64_t server_code, first = 0, last = 0;
	int rc = judge(error, message, &server_code);

	CHECK(work->finding);
	if (server_code == ACK_STREAM_NOT_FOUND)
		rc = SAGA_E_NOT_FOUND;
	if (rc == 0 && (!json_scan_u64(message->data, "state.first_seq", &first) ||
			!json_scan_u64(message->data, "state.last_seq", &last)))
		rc = SAGA_E_BAD_REPLY;
	work->low = first > 0 ? first : 1;
	work->high = last + 1;
	if (rc == 0)
		rc = probe(work);
	if (rc != 0)
		not_found(work, rc);
}

static int archive_find(struct archive *archive, uint32_t shard, enum archive_key key,
			uint64_t value)
{
	struct archive_jetstream *js = jetstream_of(archive);
	const struct jetstream_api api = jetstream_api("STREAM.INFO", js->stream.text, NULL);
	struct work *work;
	int rc;

	CHECK_LT(shard, WIRE_SHARDS_MAX);
	work = &js->works[shard];
	if (work->finding)
		return SAGA_E_BUSY;
	work->archive = js;
	work->shard = shard;
	work->key = key;
	work->value = value;
	work->steps = 0;
	rc = js->transport->ops->request(js->transport, api.text, NULL, 0, slice_of(NULL, 0),
					 READ_MS, informed, work, &work->find_request);
	work->finding = rc == 0;
	return rc;
}

/* ---- the end ----------------------------------------------------------------------------------
 */

static void archive_cancel(struct archive *archive, uint32_t shard)
{
	struct archive_jetstream *js = jetstream_of(archive);
	struct work *work = &js->works[shard];

	if (work->writing)
		js->transport->ops->cancel(js->transport, work->write_request);
	if (work->finding)
		js->transport->ops->cancel(js->transport, work->find_request);
	work->writing = work->finding = false;
}

static void archive_close(struct archive *archive)
{
	struct archive_jetstream *js = jetstream_of(archive);

	for (uint32_t i = 0; i < WIRE_SHARDS_MAX; i++)
		archive_cancel(archive, i);
	buf_close(&js->message);
	free(js);
}

static const struct archive_ops archive_ops = {
	.write = archive_write,
	.find = archive_find,
	.cancel = archive_cancel,
	.close = archive_close,
};

int archive_open(struct transport *transport, const struct jetstream_config *config,
		 const struct archive_events *events, struct archive **archive)
{
	struct archive_jetstream *js;
	const int rc = jetstream_check_config(config);

	CHECK(events->written != NULL && events->found != NULL);
	if (rc != 0)
		return rc;
	js = calloc(1, sizeof *js);
	if (js == NULL)
		return SAGA_E_NO_MEMORY;
	js->archive.ops = &archive_ops;
	js->transport = transport;
	js->events = *events;
	js->config = *config;
	js->stream = jetstream_history_stream(config->stream_prefix);
	buf_init(&js->message, JETSTREAM_MESSAGE_SIZE_MAX);
	*archive = &js->archive;
	return 0;
}
