/* Rows 1-12, 18, 51: what is no message, or not one of ours. All of it is answered with a stable
 * code, the place, and nothing else happens. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/integration/bad_input.h"
#include "tests/unit/wire_support.h"

struct form {
	const char *hex; /* blanks between; "query of a" is 83 0001 0102 02a161 */
	int code;
	const char *words;
};

enum { ANY_VERB = -1 };

static void expect(enum subject_verb verb, struct slice bytes, int code, const char *words)
{
	const struct subject subject = bad_subject(1, verb);
	struct wire_answer answer;
	if (!bad_ask(subject.text, bytes, BAD_ANSWER_MS, &answer))
		fail_msg("no answer: %s", words);
	if (answer.code != err_to_wire(code) || !slice_equal(answer.text, slice_str(words)))
		fail_msg("answered %s \"%.*s\", not %s \"%s\"",
			 err_slug(err_from_wire(answer.code)), (int)answer.text.size,
			 (const char *)answer.text.data, err_slug(code), words);
	assert_int_equal(answer.state, WIRE_STATE_NONE);
	assert_int_equal(answer.retry_after_ms, 0); /* asking again cannot help */
	bad_expected.malformed++;
}

/* The form is looked at before the kind is used: the same at every verb that answers. */
static void expect_everywhere(const struct form *forms, size_t count)
{
	static const enum subject_verb verbs[] = {SUBJECT_SUBMIT, SUBJECT_QUERY,   SUBJECT_CANCEL,
						  SUBJECT_LIST,   SUBJECT_HISTORY, SUBJECT_ENLIST,
						  SUBJECT_COMMIT, SUBJECT_INQUIRE};
	for (size_t i = 0; i < count; i++) {
		const struct slice bytes = wire_test_hex(forms[i].hex);
		for (size_t v = 0; v < sizeof verbs / sizeof verbs[0]; v++)
			expect(verbs[v], bytes, forms[i].code, forms[i].words);
		wire_test_free(bytes);
	}
}

static void expect_at(enum subject_verb verb, const struct form *forms, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct slice bytes = wire_test_hex(forms[i].hex);
		expect(verb, bytes, forms[i].code, forms[i].words);
		wire_test_free(bytes);
	}
}
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void row_1(void **state)
{
	static const struct form forms[] = {{"", SAGA_E_EMPTY, "at byte 0"},
					    {"c0", SAGA_E_EMPTY, "at byte 0"}};
	(void)state;
	expect_everywhere(forms, COUNT(forms));
}

static void row_2(void **state)
{
	static const struct form forms[] = {
		{"83 0001 0102 02cd01", SAGA_E_DECODE, "at byte 6"},
		{"83 0001 0102 02a161 c0", SAGA_E_DECODE, "at byte 8"},
		{"83 0001 0102 02a161 7261772d62797465732d6d61726b", SAGA_E_DECODE, "at byte 8"},
		{"72", SAGA_E_TYPE, "at byte 0"},
	};
	(void)state;
	expect_everywhere(forms, COUNT(forms));
}

static void row_3(void **state)
{
	static const struct form forms[] = {
		{"84 0001 0102 02a161 40 91919191 91919191 91919191 91919191 01", SAGA_E_DEPTH,
		 "at byte 24"},
	};
	static uint8_t deep[100000];
	(void)state;
	expect_everywhere(forms, COUNT(forms));
	memset(deep, 0x91, sizeof deep);
	expect(SUBJECT_QUERY, slice_of(deep, sizeof deep), SAGA_E_DEPTH, "at byte 16");
}

static void row_4(void **state)
{
	static const struct form forms[] = {
		{"ddffffffff01", SAGA_E_LENGTH, "at byte 0"},
		{"dfffffffff01", SAGA_E_LENGTH, "at byte 0"},
		{"83 0001 0102 02 db7fffffff", SAGA_E_LENGTH, "at byte 6"},
		{"83 0001 0102 02 c67fffffff", SAGA_E_LENGTH, "at byte 6"},
		{"83 0001 0102 02 bf61", SAGA_E_LENGTH, "at byte 6"},
		{"8f 0001 0102 02a161", SAGA_E_LENGTH, "at byte 0"},
	};
	(void)state;
	expect_everywhere(forms, COUNT(forms));
}

static void row_5(void **state)
{
	static const struct form forms[] = {
		{"84 0001 0102 02a161 40c1", SAGA_E_TYPE, "at byte 9"},
		{"84 0001 0102 02a161 40c7010100", SAGA_E_TYPE, "at byte 9"},
		{"84 0001 0102 02a161 40d8010203", SAGA_E_TYPE, "at byte 9"},
		{"84 0001 0102 02a161 a16101", SAGA_E_TYPE, "at byte 8"},
	};
	static const struct form typed[] = {
		{"83 0001 0102 02c40161", SAGA_E_TYPE, "id, at byte 6"},
		{"83 0001 0102 0207", SAGA_E_TYPE, "id, at byte 6"},
	};
	(void)state;
	expect_everywhere(forms, COUNT(forms));
	expect_at(SUBJECT_QUERY, typed, COUNT(typed));
}

static void row_6(void **state)
{
	static const struct form forms[] = {
		{"84 0001 0103 02a161 03a2ff61", SAGA_E_CHARSET, "at byte 9"},
		{"84 0001 0103 02a161 03a26100", SAGA_E_CHARSET, "at byte 9"},
		{"84 0001 0103 02a161 03a2610a", SAGA_E_CHARSET, "at byte 9"},
		{"84 0001 0103 02a161 03a3eda080", SAGA_E_CHARSET, "at byte 9"}, /* a surrogate */
		{"84 0001 0103 02a161 03af7261772d62797465732d6d61726b07", SAGA_E_CHARSET,
		 "at byte 9"},
		{"83 0001 0103 02a26100", SAGA_E_CHARSET, "at byte 6"},
	};
	(void)state;
	expect_at(SUBJECT_CANCEL, forms, COUNT(forms));
}

static void row_7(void **state)
{
	static const struct form forms[] = {
		{"84 0001 0102 02a161 02a162", SAGA_E_DUPKEY, "at byte 8"},
		{"85 0001 0102 02a161 4001 4001", SAGA_E_DUPKEY, "at byte 10"},
	};
	(void)state;
	expect_everywhere(forms, COUNT(forms));
}

static void row_8(void **state)
{
	static const struct form forms[] = {
		{"84 0001 0102 02a161 1401", SAGA_E_FIELD, "query, at byte 8"},
		{"84 0001 0102 02a161 3f01", SAGA_E_FIELD, "query, at byte 8"},
	};
	const struct slice optional = wire_test_hex("84 0001 0102 02a161 4001");
	const struct subject subject = bad_subject(bad_shard_of("a"), SUBJECT_QUERY);
	struct wire_answer answer;
	(void)state;
	expect_at(SUBJECT_QUERY, forms, COUNT(forms));
	/* Marked as an optional extension: as if it were not there. */
	assert_true(bad_ask(subject.text, optional, BAD_ANSWER_MS, &answer));
	assert_int_equal(answer.code, err_to_wire(SAGA_E_NOT_FOUND));
	wire_test_free(optional);
}

static void row_9(void **state)
{
	static const struct form forms[] = {
		{"83 0002 0102 02a161", SAGA_E_VERSION,
		 "format, at byte 2: this node reads format 1"},
		{"83 0000 0102 02a161", SAGA_E_VERSION,
		 "format, at byte 2: this node reads format 1"},
		{"83 0001 01cc2a 02a161", SAGA_E_KIND, "kind, at byte 0"},
		{"83 0001 0104 02a161", SAGA_E_KIND, "kind, at byte 0"},
		{"82 0102 02a161", SAGA_E_MISSING, "format, at byte 3"},
	};
	(void)state;
	expect_at(SUBJECT_QUERY, forms, COUNT(forms));
}

static void row_10(void **state)
{
	static const struct form forms[] = {
		{"84 0001 0103 02a161 04ff", SAGA_E_RANGE, "retry_until_at, at byte 9"},
		{"84 0001 0103 02a161 04d1ff00", SAGA_E_RANGE, "retry_until_at, at byte 9"},
		{"84 0001 0103 02a161 04ca3f800000", SAGA_E_RANGE, "retry_until_at, at byte 9"},
		{"84 0001 0103 02a161 04cb7ff8000000000000", SAGA_E_RANGE,
		 "retry_until_at, at byte 9"}, /* NaN */
		{"84 0001 0103 02a161 04cb7ff0000000000000", SAGA_E_RANGE,
		 "retry_until_at, at byte 9"}, /* infinity */
		{"84 0001 0103 02a161 ff01", SAGA_E_RANGE, "at byte 8"},
		{"84 0001 0103 02a161 cc8001", SAGA_E_RANGE, "at byte 8"},
	};
	/* list_request: limit is 1..500; states is 32 bits wide */
	static const struct form lists[] = {
		{"83 0001 010a 0400", SAGA_E_RANGE, "limit, at byte 6"},
		{"83 0001 010a 04cd01f5", SAGA_E_RANGE, "limit, at byte 6"},
		{"84 0001 010a 0401 02cf0000000100000000", SAGA_E_RANGE, "states, at byte 8"},
	};
	(void)state;
	expect_at(SUBJECT_CANCEL, forms, COUNT(forms));
	expect_at(SUBJECT_LIST, lists, COUNT(lists));
}

/* ---- submits that the encoder would not make ------------------------------------------------- */

/* id and plan only: the plan, and in it the array of steps, come last. */
static void encode_bare(struct bad_submit *s, struct buf *out)
{
	bad_submit_init(s, 1);
	s->submit.input = slice_of(NULL, 0);
	s->submit.retry_until_at = 0;
	s->steps[0].retry = s->steps[0].undo_retry = (struct wire_retry){0};
	s->steps[0].attempt_timeout_ms = 0;
	buf_clear(out);
	assert_int_equal(wire_encode(WIRE_SUBMIT, &s->submit, out), 0);
}

static void row_11(void **state)
{
	static uint8_t memory[BAD_MESSAGE_MAX];
	static const uint8_t head[] = {4, 0xc6, 0, 4, 0, 1};
	struct bad_submit s;
	struct buf bytes;
	char words[64];
	(void)state;
	memset(memory, 0xc0, sizeof memory);
	expect(SUBJECT_SUBMIT, slice_of(memory, WIRE_MESSAGE_SIZE_MAX + 1), SAGA_E_TOO_LARGE,
	       "at byte 0");
	expect(SUBJECT_QUERY, slice_of(memory, sizeof memory), SAGA_E_TOO_LARGE, "at byte 0");
	/* An input of one byte more than there may be. */
	buf_init_fixed(&bytes, memory, sizeof memory);
	encode_bare(&s, &bytes);
	memory[0]++;
	(void)snprintf(words, sizeof words, "input, at byte %u", bytes.size + 1);
	assert_int_equal(buf_put(&bytes, head, sizeof head), 0);
	assert_non_null(buf_grow(&bytes, WIRE_INPUT_SIZE_MAX + 1));
	expect(SUBJECT_SUBMIT, buf_slice(&bytes), SAGA_E_TOO_LARGE, words);
	assert_int_equal(bad_query(s.id).code, err_to_wire(SAGA_E_NOT_FOUND));
}

static void row_12(void **state)
{
	static uint8_t memory[65536], more[65536];
	struct bad_submit s;
	struct buf bytes, many;
	struct wire_answer answer;
	char words[64];
	(void)state;
	/* None, said by an array of none and by no array at all. */
	bad_submit_init(&s, 1);
	s.submit.plan.step_count = 0;
	answer = bad_submit_send(&s);
	assert_int_equal(answer.code, err_to_wire(SAGA_E_PLAN));
	assert_true(slice_equal(answer.text, slice_str("the plan has no steps")));
	/* 65: the one step as often. */
	buf_init_fixed(&bytes, memory, sizeof memory);
	encode_bare(&s, &bytes);
	uint32_t at = bytes.size - 2;
	while (memory[at] != 6 || memory[at + 1] != 0x91)
		at--;
	buf_init_fixed(&many, more, sizeof more);
	assert_int_equal(buf_put(&many, memory, at + 1), 0);
	assert_int_equal(buf_put(&many, "\xdc\x00\x41", 3), 0);
	for (uint32_t i = 0; i < 65; i++)
		assert_int_equal(buf_put(&many, memory + at + 2, bytes.size - at - 2), 0);
	(void)snprintf(words, sizeof words, "steps, at byte %u", at + 1);
	expect(SUBJECT_SUBMIT, buf_slice(&many), SAGA_E_PLAN, words);
	/* More dependencies than there can be steps, and the same one twice. */
	bad_submit_init(&s, 1);
	s.submit.plan.step_count = 2;
	s.steps[1] = s.steps[0];
	s.steps[1].name = slice_str("y");
	s.steps[1].after = slice_of("\0\0", 2);
	answer = bad_submit_send(&s);
	assert_int_equal(answer.code, err_to_wire(SAGA_E_PLAN));
	assert_true(slice_equal(answer.text,
				slice_str("step \"y\": it depends twice on the same step")));
	bad_expected.refused += 2;
	assert_int_equal(bad_query(s.id).code, err_to_wire(SAGA_E_NOT_FOUND));
}

/* A name of three letters, its middle replaced, wherever it stands in the message. */
static void expect_bad_name(enum subject_verb verb, struct buf *bytes, const char *name,
			    const char *field)
{
	static const char odd[] = {'.', '*', '>', ' ', '/', '$'};
	char words[64];
	uint32_t at = 0;
	while (memcmp(bytes->data + at, name, 3) != 0)
		at++;
	(void)snprintf(words, sizeof words, "%s, at byte %u", field, at - 1);
	for (size_t i = 0; i < sizeof odd; i++) {
		bytes->data[at + 1] = (uint8_t)odd[i];
		expect(verb, buf_slice(bytes), SAGA_E_NAME, words);
	}
	bytes->data[at + 1] = (uint8_t)name[1];
}

static void row_18(void **state)
{
	static const struct form long_one[] = {
		{"83 0001 0102 02d941"
		 "61616161616161616161616161616161 61616161616161616161616161616161"
		 "61616161616161616161616161616161 61616161616161616161616161616161 61",
		 SAGA_E_NAME, "id, at byte 6"},
		{"83 0001 0102 02a0", SAGA_E_NAME, "id, at byte 6"},
	};
	static uint8_t memory[4096];
	struct wire_query query = {.id = slice_str("pqr")};
	struct bad_submit s;
	struct buf bytes;
	(void)state;
	buf_init_fixed(&bytes, memory, sizeof memory);
	assert_int_equal(wire_encode(WIRE_QUERY, &query, &bytes), 0);
	expect_bad_name(SUBJECT_QUERY, &bytes, "pqr", "id");
	bad_submit_init(&s, 1);
	s.steps[0].service = slice_str("stu");
	s.steps[0].forward = slice_str("vwx");
	buf_clear(&bytes);
	assert_int_equal(wire_encode(WIRE_SUBMIT, &s.submit, &bytes), 0);
	expect_bad_name(SUBJECT_SUBMIT, &bytes, "stu", "service");
	expect_bad_name(SUBJECT_SUBMIT, &bytes, "vwx", "forward");
	expect_at(SUBJECT_QUERY, long_one, COUNT(long_one));
	assert_int_equal(bad_query(s.id).code, err_to_wire(SAGA_E_NOT_FOUND));
}

/* What we say goes into no header but numbers of our own; what others put into theirs is not read.
 */
static void row_51(void **state)
{
	static const char odd[] =
		"NATS/1.0\r\nNats-Expected-Last-Sequence: 0\r\nX: a\rb\r\n"
		"Reply-To: $SYS.REQ.SERVER.PING\r\n" BAD_MARK ": \x01\xff\r\n\r\n";
	static const char forged[] = "NATS/1.0 503 " BAD_MARK "\r\n\r\n";
	static char large[40000];
	static const struct form lines[] = {
		/* traceparent of a submit with a line end in it */
		{"84 0001 0101 02a161 08a4610d0a62", SAGA_E_CHARSET, "at byte 9"},
	};
	const struct slice query = wire_test_hex("83 0001 0102 02a161");
	const struct subject subject = bad_subject(bad_shard_of("a"), SUBJECT_QUERY);
	struct wire_answer answer;
	(void)state;
	(void)snprintf(large, sizeof large, "NATS/1.0\r\nX: %039970d\r\n\r\n", 0);
	assert_true(bad_ask_with_head(subject.text, odd, query, BAD_ANSWER_MS, &answer));
	assert_int_equal(answer.code, err_to_wire(SAGA_E_NOT_FOUND));
	assert_true(bad_ask_with_head(subject.text, large, query, BAD_ANSWER_MS, &answer));
	assert_int_equal(answer.code, err_to_wire(SAGA_E_NOT_FOUND));
	/* Only servers send a status: dropped and counted. */
	assert_false(bad_ask_with_head(subject.text, forged, slice_of(NULL, 0), BAD_SILENCE_MS,
				       &answer));
	bad_expected.malformed++;
	expect_at(SUBJECT_SUBMIT, lines, COUNT(lines));
	wire_test_free(query);
}

struct bad_cases bad_forms(void)
{
	static const struct CMUnitTest tests[] = {
		BAD_CASE("row 1: empty, or only nil", row_1),
		BAD_CASE("row 2: cut off, or bytes after the end", row_2),
		BAD_CASE("row 3: nested too deeply", row_3),
		BAD_CASE("row 4: lengths that cannot be", row_4),
		BAD_CASE("row 5: types that are none of ours", row_5),
		BAD_CASE("row 6: text that is no text", row_6),
		BAD_CASE("row 7: a key twice", row_7),
		BAD_CASE("row 8: unknown fields", row_8),
		BAD_CASE("row 9: unknown formats and kinds", row_9),
		BAD_CASE("row 10: numbers that are none of ours", row_10),
		BAD_CASE("row 11: too large", row_11),
		BAD_CASE("row 12: no steps, or too many", row_12),
		BAD_CASE("row 18: names that are no token of a subject", row_18),
		BAD_CASE("row 51: headers", row_51),
	};
	return (struct bad_cases){tests, COUNT(tests)};
}
