/* What the broker says about the durable inbox (S12). The scanner takes more than JSON is, but of
 * what is JSON it reads what a real parser reads, all of it and nothing else: an entry that is
 * taken for none, for an empty one or for another is passed and never comes again.
 *
 * The first byte of an input says what was asked: 'l' how the stream is, else for an entry. */
#include <jansson.h>
#include <string.h>

#include "base/base64.h"
#include "journal/ack.h"
#include "journal/inbox.h"
#include "journal/json_scan.h"
#include "tests/fuzz/fuzz.h"
#include "wire/subject.h"

enum { SHARD = 3, FROM = 2, CREATED_MAX = 64, BYTES_MAX = 64 * 1024 };

static struct {
	struct transport transport;
	struct inbox *inbox;
	transport_completion done; /* of the open request */
	void *context;
	struct slice text; /* the answer to it */
	uint32_t callbacks;
} fuzz;

/* NULL: no JSON that two readers must agree on. Escaped names and doubled members are for other
 * parsers; brokers write neither. Jansson lets a zero byte pass behind a number: that is none. */
static json_t *load(struct slice text)
{
	if (text.size == 0 || memchr(text.data, '\\', text.size) != NULL ||
	    memchr(text.data, '\0', text.size) != NULL)
		return NULL;
	json_t *root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(root))
		return root;
	json_decref(root);
	return NULL;
}

static json_int_t server_code(const json_t *root)
{
	return json_integer_value(json_object_get(json_object_get(root, "error"), "err_code"));
}

static struct slice text_of(const json_t *value)
{
	const char *text = json_string_value(value);

	return text == NULL ? slice_of(NULL, 0) : slice_str(text);
}

/* ---- an entry -------------------------------------------------------------------------------- */

static void judge_data(const json_t *data, struct slice bytes)
{
	static uint8_t memory[BYTES_MAX];
	struct buf text;

	if (data == NULL) {
		CHECK_EQ(bytes.size, 0);
		return;
	}
	buf_init_fixed(&text, memory, sizeof memory);
	CHECK(json_is_string(data));
	CHECK_EQ(base64_encode(bytes, &text), 0);
	CHECK(slice_equal(buf_slice(&text), text_of(data)));
}

static void judge_subject(struct slice text)
{
	struct slice tenant;
	uint32_t shard;

	if (subject_parse_inbox("saga", text, &shard, &tenant) != 0)
		return;
	const struct subject subject = subject_inbox("saga", shard, tenant);

	CHECK(slice_equal(slice_str(subject.text), text));
}

static bool is_base64(const json_t *data)
{
	static uint8_t memory[BYTES_MAX];
	struct buf bytes;

	buf_init_fixed(&bytes, memory, sizeof memory);
	return data == NULL || (json_is_string(data) && base64_decode(text_of(data), &bytes) == 0);
}

/* What is right must be read: nothing behind it in the stream is, until it was. */
static bool is_entry(const json_t *root)
{
	const json_t *message = json_object_get(root, "message");
	const json_t *seq = json_object_get(message, "seq");

	return json_object_get(root, "error") == NULL && json_is_integer(seq) &&
	       json_integer_value(seq) >= FROM &&
	       json_is_string(json_object_get(message, "subject")) &&
	       is_base64(json_object_get(message, "data"));
}

static void on_read(void *context, uint32_t shard, int error, const struct inbox_message *message)
{
	json_t *root = load(fuzz.text);
	const json_t *found = json_object_get(root, "message");
	(void)context;

	fuzz.callbacks++;
	CHECK_EQ(shard, SHARD);
	CHECK(error <= 0);
	if (error == 0)
		CHECK(json_scan_whole(fuzz.text));
	if (error == 0 && message->sequence > 0) {
		CHECK(message->sequence >= FROM && message->sequence < UINT64_MAX);
		judge_subject(message->subject);
	}
	if (root == NULL)
		return;
	if (error == 0 && message->sequence == 0) {
		CHECK_EQ(server_code(root), ACK_NO_MESSAGE_FOUND);
	} else if (error == 0) {
		CHECK(json_object_get(root, "error") == NULL);
		CHECK_EQ((uint64_t)json_integer_value(json_object_get(found, "seq")),
			 message->sequence);
		CHECK(slice_equal(text_of(json_object_get(found, "subject")), message->subject));
		judge_data(json_object_get(found, "data"), message->bytes);
	} else {
		CHECK(!is_entry(root));
	}
	json_decref(root);
}

/* ---- the stream ------------------------------------------------------------------------------ */

static void on_looked(void *context, int error, struct slice created, uint64_t last_sequence)
{
	static const char ours[] = "sagad inbox cluster=fuzz shards=";
	json_t *root = load(fuzz.text);
	(void)context;

	fuzz.callbacks++;
	CHECK(error <= 0);
	if (error == 0)
		CHECK(json_scan_whole(fuzz.text) && created.size > 0 &&
		      created.size <= CREATED_MAX);
	if (root == NULL)
		return;
	if (error == 0) {
		const struct slice description =
			text_of(json_object_get(json_object_get(root, "config"), "description"));

		CHECK(json_object_get(root, "error") == NULL);
		CHECK(description.size > sizeof ours - 1);
		CHECK_EQ(memcmp(description.data, ours, sizeof ours - 1), 0);
		CHECK(slice_equal(text_of(json_object_get(root, "created")), created));
		CHECK_EQ((uint64_t)json_integer_value(
				 json_object_get(json_object_get(root, "state"), "last_seq")),
			 last_sequence);
	} else if (error == SAGA_E_JOURNAL_MISSING) {
		CHECK_EQ(server_code(root), ACK_STREAM_NOT_FOUND);
	}
	json_decref(root);
}

/* ---- the transport --------------------------------------------------------------------------- */

static int on_request(struct transport *t, const char *subject,
		      const struct transport_header *headers, uint32_t header_count,
		      struct slice data, uint32_t timeout_ms, transport_completion done,
		      void *context, uint64_t *token)
{
	(void)t, (void)subject, (void)headers, (void)header_count, (void)data, (void)timeout_ms;
	CHECK(fuzz.done == NULL);
	fuzz.done = done;
	fuzz.context = context;
	*token = 1;
	return 0;
}

static void open_once(void)
{
	static const struct transport_ops ops = {.request = on_request};
	static const struct jetstream_config config = {
		.prefix = "saga", .stream_prefix = "SAGA", .cluster = "fuzz"};
	const struct inbox_events events = {.looked = on_looked, .read = on_read};

	if (fuzz.inbox != NULL)
		return;
	fuzz.transport.ops = &ops;
	CHECK_EQ(inbox_open(&fuzz.transport, &config, &events, &fuzz.inbox), 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	open_once();
	fuzz.text = slice_of(data + 1, (uint32_t)size - 1);
	fuzz.callbacks = 0;
	if (data[0] == 'l')
		CHECK_EQ(fuzz.inbox->ops->look(fuzz.inbox), 0);
	else
		CHECK_EQ(fuzz.inbox->ops->read(fuzz.inbox, SHARD, FROM), 0);
	const struct transport_message message = {.data = fuzz.text};
	const transport_completion done = fuzz.done;

	fuzz.done = NULL;
	done(fuzz.context, 0, &message);
	CHECK_EQ(fuzz.callbacks, 1);
	return 0;
}
