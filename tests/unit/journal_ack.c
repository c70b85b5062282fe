/* What servers answer: acknowledgements, the scan for JSON members. */
#include "journal/ack.h"

#include "journal/jetstream.h"
#include "journal/json_scan.h"
#include "unit.h"

#define BIG UINT64_C(18446744073709551614)

struct ack_case {
	const char *text;
	uint64_t expected;
	enum journal_append_status status;
	uint64_t sequence;
	bool broken;
	uint32_t code;
};

static const struct ack_case ack_cases[] = {
	{"{\"stream\":\"S_J_3\", \"seq\":11}", 10, JOURNAL_STORED, 11, false, 0},
	{"{\"stream\":\"S_J_3\",\"seq\":1}", 0, JOURNAL_STORED, 1, false, 0},
	{"{\"seq\":11,\"domain\":\"d\",\"stream\":\"S_J_3\",\"duplicate\":false}", 10,
	 JOURNAL_STORED, 11, false, 0},
	{"{\"stream\":\"S_J_3\",\"seq\":500}", JOURNAL_UNFENCED, JOURNAL_STORED, 500, false, 0},
	/* refused by the fence */
	{"{\"error\":{\"code\":400,\"err_code\":10071,\"description\":\"wrong last sequence: "
	 "12\"},\"stream\":\"S_J_3\",\"seq\":0}",
	 10, JOURNAL_REFUSED, 12, false, 10071},
	{"{\"error\":{\"code\":400,\"err_code\":10164,\"description\":\"wrong last sequence\"}}",
	 10, JOURNAL_REFUSED, 0, false, 10164},
	{"{\"error\":{\"code\":400,\"err_code\":10071,\"description\":\"x: "
	 "99999999999999999999\"}}",
	 10, JOURNAL_REFUSED, 0, false, 10071},
	/* the fence does not hold */
	{"{\"stream\":\"S_J_3\",\"seq\":12}", 10, JOURNAL_REFUSED, 12, true, 0},
	{"{\"stream\":\"S_J_3\",\"seq\":10}", 10, JOURNAL_REFUSED, 10, true, 0},
	{"{\"stream\":\"S_J_3\",\"seq\":11,\"duplicate\":true}", 10, JOURNAL_REFUSED, 11, true, 0},
	{"{\"stream\":\"S_J_3\",\"seq\":11,\"duplicate\":true}", JOURNAL_UNFENCED, JOURNAL_REFUSED,
	 11, true, 0},
	{"{\"stream\":\"S_J_33\",\"seq\":11}", 10, JOURNAL_REFUSED, 11, true, 0},
	/* nobody knows */
	{"{\"error\":{\"code\":503,\"err_code\":10077,\"description\":\"store failed\"}}", 10,
	 JOURNAL_UNKNOWN, 0, false, 10077},
	{"{\"error\":{\"code\":503}}", 10, JOURNAL_UNKNOWN, 0, false, 0},
	{"{\"error\":\"10071\"}", 10, JOURNAL_UNKNOWN, 0, false, 0},
	{"{\"stream\":\"S_J_3\"}", 10, JOURNAL_UNKNOWN, 0, false, 0},
	{"{\"stream\":\"S_J_3\",\"seq\":0}", 10, JOURNAL_UNKNOWN, 0, false, 0},
	{"{\"stream\":\"S_J_3\",\"seq\":\"11\"}", 10, JOURNAL_UNKNOWN, 0, false, 0},
	{"{\"stream\":\"S_J_3\",\"seq\":-11}", 10, JOURNAL_UNKNOWN, 0, false, 0},
	{"{\"stream\":\"S_J_3\",\"seq\":11.0}", 10, JOURNAL_UNKNOWN, 0, false, 0},
	{"{\"stream\":\"S_J_3\",\"seq\":18446744073709551616}", 10, JOURNAL_UNKNOWN, 0, false, 0},
	{"{\"seq\":11}", 10, JOURNAL_UNKNOWN, 0, false, 0},
	{"+OK", 10, JOURNAL_UNKNOWN, 0, false, 0},
	{"", 10, JOURNAL_UNKNOWN, 0, false, 0},
	{"null", 10, JOURNAL_UNKNOWN, 0, false, 0},
	/* what a member's text says is not what the answer says */
	{"{\"stream\":\"S_J_3\",\"x\":\"\\\",\\\"seq\\\":11\"}", 10, JOURNAL_UNKNOWN, 0, false, 0},
	{"{\"stream\":\"S_J_3\",\"x\":{\"seq\":11}}", 10, JOURNAL_UNKNOWN, 0, false, 0},
};

static void each_answer_has_its_meaning(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof ack_cases / sizeof ack_cases[0]; i++) {
		const struct ack_case *c = &ack_cases[i];
		const struct ack ack = ack_read(slice_str(c->text), "S_J_3", c->expected);

		if (ack.status != c->status || ack.broken != c->broken ||
		    ack.error_code != c->code ||
		    (c->sequence != ack.sequence && ack.status != JOURNAL_UNKNOWN))
			fail_msg("%s: status %d, sequence %llu", c->text, (int)ack.status,
				 (unsigned long long)ack.sequence);
	}
}

/* A cut answer is not taken for a shorter number. */
static void each_cut_answer_is_unknown(void **state)
{
	const char *text = "{\"stream\":\"S_J_3\",\"seq\":1112,\"domain\":\"d\"}";

	(void)state;
	for (uint32_t size = 0; size < strlen(text); size++) {
		/* A copy of its own, so that a sanitizer sees a read past the end. */
		uint8_t *copy = test_malloc(size + 1);

		memcpy(copy, text, size);
		assert_int_equal(ack_read(slice_of(copy, size), "S_J_3", 1111).status,
				 JOURNAL_UNKNOWN);
		test_free(copy);
	}
	assert_int_equal(ack_read(slice_str(text), "S_J_3", 1111).status, JOURNAL_STORED);
}

static void members_are_found_at_their_depth(void **state)
{
	const struct slice json = slice_str(
		" { \"a\" : { \"b\" : [1, {\"c\": 2}, \"}\"], \"c\" : 3 , \"d\": {} },\n"
		"\"c\":4,\"e\":true,\"f\":false,\"t\":\"x\\\"y\",\"n\":18446744073709551614 } ");
	struct slice value;
	uint64_t number;

	(void)state;
	assert_true(json_scan_whole(json));
	assert_true(json_scan_u64(json, "c", &number));
	assert_int_equal(number, 4);
	assert_true(json_scan_u64(json, "a.c", &number));
	assert_int_equal(number, 3);
	assert_true(json_scan_u64(json, "n", &number));
	assert_true(number == BIG);
	assert_true(json_scan_find(json, "a.b", &value));
	assert_true(slice_equal(value, slice_str("[1, {\"c\": 2}, \"}\"]")));
	assert_true(json_scan_text(json, "t", &value));
	assert_true(slice_equal(value, slice_str("x\\\"y")));
	assert_true(json_scan_true(json, "e"));
	assert_false(json_scan_true(json, "f"));
	assert_false(json_scan_true(json, "g"));
	assert_false(json_scan_find(json, "b", &value));
	assert_false(json_scan_find(json, "a.d.x", &value));
	assert_false(json_scan_find(json, "c.x", &value));
	assert_false(json_scan_u64(json, "t", &number));
	assert_false(json_scan_text(json, "c", &value));
}

static void what_is_not_an_object_has_no_members(void **state)
{
	static const char *const texts[] = {
		"",       "[",       "]",           "{",          "}",
		"{\"a\"", "{\"a\":", "{\"a\":1",    "{\"a\":}",   "{\"a\":,\"b\":1",
		"{a:1}",  "\"a\"",   "{\"a\":\"\\", "{\"a\":\"x", "{\"a\" 1}",
		"{\"a\\"};
	struct slice value;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		assert_false(json_scan_find(slice_str(texts[i]), "b", &value));
		if (strcmp(texts[i], "{\"a\":}") != 0 && strcmp(texts[i], "{a:1}") != 0 &&
		    strcmp(texts[i], "{\"a\" 1}") != 0)
			assert_false(json_scan_whole(slice_str(texts[i])));
	}
	assert_false(json_scan_whole(slice_str("{} {}")));
	assert_true(json_scan_whole(slice_str(" {} ")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_answer_has_its_meaning),
		cmocka_unit_test(each_cut_answer_is_unknown),
		cmocka_unit_test(members_are_found_at_their_depth),
		cmocka_unit_test(what_is_not_an_object_has_no_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
