/* What the broker answers to an append, and its acknowledgement subjects. The scanner takes more
 * than JSON is, but of what is JSON it must not say "stored" where a real parser reads otherwise:
 * a false "stored" loses a batch (S6). */
#include <jansson.h>
#include <string.h>

#include "journal/ack.h"
#include "journal/json_scan.h"
#include "tests/fuzz/fuzz.h"
#include "transport/ack_subject.h"

static const char STREAM[] = "SAGA_J_3";
enum { EXPECTED = 10 };

static void judge_stored(struct slice json, const struct ack *ack)
{
	json_t *root;

	/* Escaped names and doubled members are for other parsers; brokers write neither. */
	if (json.size > 0 && memchr(json.data, '\\', json.size) != NULL)
		return;
	root = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, NULL);
	if (root == NULL)
		return;
	CHECK(json_object_get(root, "error") == NULL);
	CHECK(strcmp(json_string_value(json_object_get(root, "stream")), STREAM) == 0);
	CHECK((uint64_t)json_integer_value(json_object_get(root, "seq")) == ack->sequence);
	CHECK(!json_is_true(json_object_get(root, "duplicate")));
	json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice text = slice_of(data, (uint32_t)size);
	const struct ack fenced = ack_read(text, STREAM, EXPECTED);
	const struct ack unfenced = ack_read(text, STREAM, JOURNAL_UNFENCED);
	uint64_t number, sequence;
	struct slice value;

	if (fenced.status == JOURNAL_STORED) {
		CHECK_EQ(fenced.sequence, EXPECTED + 1);
		CHECK(json_scan_whole(text));
		judge_stored(text, &fenced);
	}
	if (unfenced.status == JOURNAL_STORED && unfenced.sequence <= INT64_MAX)
		judge_stored(text, &unfenced);
	CHECK(!fenced.broken || fenced.status == JOURNAL_REFUSED);
	if (json_scan_text(text, "error.description", &value)) {
		CHECK(value.size + 2 <= text.size);
		CHECK(value.size == 0 ||
		      (value.data > text.data && value.data + value.size < text.data + text.size));
	}
	(void)json_scan_u64(text, "state.last_seq", &number);
	(void)json_scan_true(text, "duplicate");
	if (ack_subject_parse(text, &number, &sequence))
		CHECK(size > 8 && memcmp(data, "$JS.ACK.", 8) == 0);
	return 0;
}
