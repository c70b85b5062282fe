/* The bad-input table of the reliability study, rows 1-11, 18 and 51, byte by byte: each input
 * gets its stable code. The base is {0: 1, 1: 2, 2: "a"}, a query:  83 0001 0102 02a161. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/wire_support.h"
#include "wire/codec.h"

struct bad_input {
	int row;
	const char *hex;
	int code;
	enum wire_kind kind; /* 0 = WIRE_QUERY */
	const char *field;   /* NULL = not looked at */
};

#define EIGHT_ARRAYS "91 91 91 91 91 91 91 91"
/* The start of a command frame {0: 1, 1: 5, 5: "s", 6: [ {...} ]} up to its one command. */
#define FRAME      "84 00 01 01 05 05 a1 73 06 91 "
#define SUBMIT_BAD "84 00 01 01 01 02 a1 78 03 82 02 a1 70 06 91 "

static const struct bad_input inputs[] = {
	/* 1: empty body, or only nil */
	{1, "", SAGA_E_EMPTY, 0, NULL},
	{1, "c0", SAGA_E_EMPTY, 0, NULL},
	/* 2: truncated, trailing bytes */
	{2, "83 0001 0102 02cd01", SAGA_E_DECODE, 0, NULL},
	{2, "83 0001 01cd0002 02", SAGA_E_DECODE, 0, NULL},
	{2, "dc00", SAGA_E_DECODE, 0, NULL},
	{2, "83 0001 0102 02a161 00", SAGA_E_DECODE, 0, NULL},
	{2, "83 0001 0102 02a161 c0", SAGA_E_DECODE, 0, NULL},
	{2, "c0c0", SAGA_E_DECODE, 0, NULL},
	/* 3: nesting: the map itself is level 1 */
	{3, "84 0001 0102 02a161 40 " EIGHT_ARRAYS EIGHT_ARRAYS "00", SAGA_E_DEPTH, 0, NULL},
	{3, EIGHT_ARRAYS EIGHT_ARRAYS "9100", SAGA_E_DEPTH, 0, NULL},
	/* 4: lengths and counts beyond the input */
	{4, "dd7fffffff", SAGA_E_LENGTH, 0, NULL},
	{4, "df7fffffff", SAGA_E_LENGTH, 0, NULL},
	{4, "dfffffffff", SAGA_E_LENGTH, 0, NULL},
	{4, "83 0001 0102 02db7fffffff", SAGA_E_LENGTH, 0, NULL},
	{4, "83 0001 0102 02c6ffffffff", SAGA_E_LENGTH, 0, NULL},
	{4, "83 0001 0102 02a261", SAGA_E_LENGTH, 0, NULL},
	{4, "84 0001 0102 02a161", SAGA_E_LENGTH, 0, NULL},
	{4, "83 0001 0102 40dcffff", SAGA_E_LENGTH, 0, NULL},
	/* 5: the reserved byte and extension types, also cut or declaring 2 GB */
	{5, "c1", SAGA_E_TYPE, 0, NULL},
	{5, "84 0001 0102 02a161 40c1", SAGA_E_TYPE, 0, NULL},
	{5, "84 0001 0102 02a161 40d4", SAGA_E_TYPE, 0, NULL},
	{5, "84 0001 0102 02a161 40d800", SAGA_E_TYPE, 0, NULL},
	{5, "84 0001 0102 02a161 40c70100ff", SAGA_E_TYPE, 0, NULL},
	{5, "84 0001 0102 02a161 40c97fffffff", SAGA_E_TYPE, 0, NULL},
	{5, "83 0001 0102 02c0", SAGA_E_TYPE, 0, "id"},
	{5, "83 0001 0102 02c40161", SAGA_E_TYPE, 0, "id"},
	{5, "83 0001 0102 0205", SAGA_E_TYPE, 0, "id"},
	{5, "84 0001 0102 02a161 0301", SAGA_E_TYPE, 0, "wait"},
	{5, "83 0001 0102 a0a161", SAGA_E_TYPE, 0, NULL},
	{5, "83 0001 0102 c0a161", SAGA_E_TYPE, 0, NULL},
	{5, "93 000102", SAGA_E_TYPE, 0, NULL},
	{5, "05", SAGA_E_TYPE, 0, NULL},
	{5, "82 00a131 0102", SAGA_E_TYPE, 0, "format"},
	{5, "82 0001 01c3", SAGA_E_TYPE, 0, "kind"},
	{5, "84 0001 0105 05a173 0680", SAGA_E_TYPE, WIRE_COMMAND_FRAME, "commands"},
	{5, FRAME "c0", SAGA_E_TYPE, WIRE_COMMAND_FRAME, "commands"},
	{5, "84 0001 0101 02a178 0390", SAGA_E_TYPE, WIRE_SUBMIT, "plan"},
	/* 6: text that is no clean UTF-8, in names, in texts, in unknown extensions */
	{6, "83 0001 0102 02a2c328", SAGA_E_CHARSET, 0, NULL},
	{6, "83 0001 0102 02a100", SAGA_E_CHARSET, 0, NULL},
	{6, "83 0001 0102 02a11b", SAGA_E_CHARSET, 0, NULL},
	{6, "83 0001 0102 02a17f", SAGA_E_CHARSET, 0, NULL},
	{6, "84 0001 0103 02a161 03a180", SAGA_E_CHARSET, WIRE_CANCEL, NULL},
	{6, "84 0001 0103 02a161 03a2c285", SAGA_E_CHARSET, WIRE_CANCEL, NULL},
	{6, "84 0001 0103 02a161 03a2c0af", SAGA_E_CHARSET, WIRE_CANCEL, NULL},
	{6, "84 0001 0103 02a161 03a1c3", SAGA_E_CHARSET, WIRE_CANCEL, NULL},
	{6, "84 0001 0103 02a161 03a3e08080", SAGA_E_CHARSET, WIRE_CANCEL, NULL},
	{6, "84 0001 0103 02a161 03a3eda080", SAGA_E_CHARSET, WIRE_CANCEL, NULL},
	{6, "84 0001 0103 02a161 03a4f0808080", SAGA_E_CHARSET, WIRE_CANCEL, NULL},
	{6, "84 0001 0103 02a161 03a4f4908080", SAGA_E_CHARSET, WIRE_CANCEL, NULL},
	{6, "84 0001 0103 02a161 03a4f5808080", SAGA_E_CHARSET, WIRE_CANCEL, NULL},
	{6, "84 0001 0103 02a161 03a3e282 61", SAGA_E_CHARSET, WIRE_CANCEL, NULL},
	{6, "84 0001 0102 02a161 40a1ff", SAGA_E_CHARSET, 0, NULL},
	/* 7: a key twice: next to each other, apart, in another integer form, deeper */
	{7, "84 0001 0102 02a161 02a162", SAGA_E_DUPKEY, 0, NULL},
	{7, "84 0001 0102 02a161 0001", SAGA_E_DUPKEY, 0, NULL},
	{7, "84 0001 0102 02a161 cc02a162", SAGA_E_DUPKEY, 0, NULL},
	{7, "85 0001 0102 02a161 40c0 40c0", SAGA_E_DUPKEY, 0, NULL},
	{7, "84 0001 0102 02a161 4082 7f01 7f02", SAGA_E_DUPKEY, 0, NULL},
	{7, SUBMIT_BAD "82 02a161 02a161", SAGA_E_DUPKEY, WIRE_SUBMIT, NULL},
	/* 8: unknown fields below 64, at the top and nested; keys 0 and 1 have no place there */
	{8, "84 0001 0102 02a161 0401", SAGA_E_FIELD, 0, "query"},
	{8, "84 0001 0102 02a161 3f01", SAGA_E_FIELD, 0, "query"},
	{8, SUBMIT_BAD "81 0ec0", SAGA_E_FIELD, WIRE_SUBMIT, "step"},
	{8, SUBMIT_BAD "81 0001", SAGA_E_FIELD, WIRE_SUBMIT, "step"},
	{8, "84 0001 0102 02a161 cc8001", SAGA_E_RANGE, 0, NULL},
	/* 9: versions and kinds; the version is judged before anything else of the content */
	{9, "83 0002 0102 02a161", SAGA_E_VERSION, 0, "format"},
	{9, "83 0000 0102 02a161", SAGA_E_VERSION, 0, "format"},
	{9, "84 3f01 0103 02a161 0002", SAGA_E_VERSION, 0, "format"},
	{9, "83 0001 0103 02a161", SAGA_E_KIND, 0, "kind"},
	{9, "83 0001 01ccc8 02a161", SAGA_E_KIND, 0, "kind"},
	{9, "82 0102 02a161", SAGA_E_MISSING, 0, "format"},
	{9, "82 0001 02a161", SAGA_E_MISSING, 0, "kind"},
	{9, "82 0001 0102", SAGA_E_MISSING, 0, "id"},
	{9, "82 0001 0105", SAGA_E_MISSING, WIRE_COMMAND_FRAME, "service"},
	{9, "83 0001 0105 05a173", SAGA_E_MISSING, WIRE_COMMAND_FRAME, "commands"},
	{9, FRAME "80", SAGA_E_MISSING, WIRE_COMMAND_FRAME, "saga"},
	/* 10: numbers that are none, negative, or too big */
	{10, "84 0001 0103 02a161 04ff", SAGA_E_RANGE, WIRE_CANCEL, "retry_until_at"},
	{10, "84 0001 0103 02a161 04d080", SAGA_E_RANGE, WIRE_CANCEL, "retry_until_at"},
	{10, "84 0001 0103 02a161 04d1ff00", SAGA_E_RANGE, WIRE_CANCEL, "retry_until_at"},
	{10, "84 0001 0103 02a161 04d2ffffff00", SAGA_E_RANGE, WIRE_CANCEL, "retry_until_at"},
	{10, "84 0001 0103 02a161 04d38000000000000000", SAGA_E_RANGE, WIRE_CANCEL,
	 "retry_until_at"},
	{10, "84 0001 0103 02a161 04ca3f800000", SAGA_E_RANGE, WIRE_CANCEL, "retry_until_at"},
	{10, "84 0001 0103 02a161 04cb7ff8000000000000", SAGA_E_RANGE, WIRE_CANCEL,
	 "retry_until_at"},
	{10, "84 0001 0103 02a161 04cb7ff0000000000000", SAGA_E_RANGE, WIRE_CANCEL,
	 "retry_until_at"},
	{10, "83 0001 0104 02cf0000000100000000", SAGA_E_RANGE, WIRE_ANSWER, "code"},
	{10, "83 0001 0104 04 07", SAGA_E_RANGE, WIRE_ANSWER, "state"},
	{10, "83 0001 0104 06 cc80", SAGA_E_RANGE, WIRE_ANSWER, "shard"},
	{10, "83 ff01 0102 02a161", SAGA_E_RANGE, 0, NULL},
	{10, "83 ca0000000001 0102 02a161", SAGA_E_RANGE, 0, NULL},
	{10, "84 0001 0105 05a173 0690", SAGA_E_RANGE, WIRE_COMMAND_FRAME, "commands"},
	{10, FRAME "81 07 c40f000000000000000000000000000000", SAGA_E_RANGE, WIRE_COMMAND_FRAME,
	 "operation"},
	{10, "83 0001 0142 0201", SAGA_E_RANGE, WIRE_RECORD_NOOP, "unused"},
	/* 18: characters that mean something in a subject */
	{18, "83 0001 0102 02a3612e62", SAGA_E_NAME, 0, "id"},
	{18, "83 0001 0102 02a12a", SAGA_E_NAME, 0, "id"},
	{18, "83 0001 0102 02a13e", SAGA_E_NAME, 0, "id"},
	{18, "83 0001 0102 02a120", SAGA_E_NAME, 0, "id"},
	{18, "83 0001 0102 02a12f", SAGA_E_NAME, 0, "id"},
	{18, "83 0001 0102 02a2c3a9", SAGA_E_NAME, 0, "id"},
	{18, "83 0001 0102 02a0", SAGA_E_NAME, 0, "id"},
	/* 51: line ends, which would open another header line */
	{51, "83 0001 0102 02a361 0d0a", SAGA_E_CHARSET, 0, NULL},
	{51, "84 0001 0103 02a161 03a3610d0a", SAGA_E_CHARSET, WIRE_CANCEL, NULL},
	{51, "84 0001 0103 02a161 03a10a", SAGA_E_CHARSET, WIRE_CANCEL, NULL},
};
enum { INPUT_COUNT = sizeof inputs / sizeof inputs[0] };

static int decode(enum wire_kind kind, struct slice bytes, struct wire_fault *fault)
{
	_Alignas(16) uint8_t message[4096];
	_Alignas(16) uint8_t memory[16384];
	struct arena arena;

	arena_init(&arena, memory, sizeof memory);
	return wire_decode(kind, bytes, &arena, message, fault);
}

static void bad_inputs_get_their_code(void **state)
{
	(void)state;
	for (size_t i = 0; i < INPUT_COUNT; i++) {
		const struct bad_input *input = &inputs[i];
		const enum wire_kind kind = input->kind == 0 ? WIRE_QUERY : input->kind;
		const struct slice bytes = wire_test_hex(input->hex);
		struct wire_fault fault;
		const int error = decode(kind, bytes, &fault);

		if (error == 0)
			fail_msg("row %d, \"%s\": was taken", input->row, input->hex);
		if (error != input->code || fault.code != error)
			fail_msg("row %d, \"%s\": %s, expected %s (at %u)", input->row, input->hex,
				 err_slug(error), err_slug(input->code), fault.offset);
		if (input->field != NULL)
			assert_string_equal(fault.field, input->field);
		assert_true(fault.offset <= bytes.size);
		wire_test_free(bytes);
	}
}

static void the_base_is_good(void **state)
{
	(void)state;
	const struct slice bytes = wire_test_hex("83 0001 0102 02a161");
	struct wire_fault fault;

	assert_int_equal(decode(WIRE_QUERY, bytes, &fault), 0);
	wire_test_free(bytes);
}

static void sixteen_levels_are_good(void **state)
{
	(void)state;
	const struct slice bytes =
		wire_test_hex("84 0001 0102 02a161 40 " EIGHT_ARRAYS "91 91 91 91 91 91 91 00");
	struct wire_fault fault;

	assert_int_equal(decode(WIRE_QUERY, bytes, &fault), 0);
	wire_test_free(bytes);
}

/* A whole message of nothing but nesting: neither the scan nor the skip may recurse. */
static void deep_nesting_costs_nothing(void **state)
{
	(void)state;
	uint8_t *deep = malloc(WIRE_MESSAGE_SIZE_MAX);
	uint32_t size = 0;
	struct wire_fault fault;

	memset(deep, 0x91, WIRE_MESSAGE_SIZE_MAX);
	deep[WIRE_MESSAGE_SIZE_MAX - 1] = 0x00;
	const struct slice bytes = slice_of(deep, WIRE_MESSAGE_SIZE_MAX);
	assert_int_equal(decode(WIRE_QUERY, bytes, &fault), SAGA_E_DEPTH);
	assert_int_equal(fault.offset, WIRE_DEPTH_MAX);
	assert_int_equal(wire_value_size(bytes, &size), 0);
	assert_int_equal(size, WIRE_MESSAGE_SIZE_MAX);
	free(deep);
}

static void peek_refuses_too(void **state)
{
	static const struct bad_input peeks[] = {
		{1, "", SAGA_E_EMPTY, 0, NULL},
		{1, "c0", SAGA_E_EMPTY, 0, NULL},
		{2, "82 00", SAGA_E_LENGTH, 0, NULL},
		{2, "82 0001 01cd", SAGA_E_DECODE, 0, NULL},
		{5, "c1", SAGA_E_TYPE, 0, NULL},
		{5, "81 a16101", SAGA_E_TYPE, 0, NULL},
		{9, "82 0002 0102", SAGA_E_VERSION, 0, NULL},
		{9, "82 0001 0111", SAGA_E_KIND, 0, NULL},
		{9, "82 0001 0149", SAGA_E_KIND, 0, NULL},
		{9, "82 0001 01cf ffffffffffffffff", SAGA_E_KIND, 0, NULL},
		{9, "82 0001 01cf 0000000100000002", SAGA_E_KIND, 0, NULL},
		{9, "81 0001", SAGA_E_MISSING, 0, NULL},
		{9, "80", SAGA_E_MISSING, 0, NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof peeks / sizeof peeks[0]; i++) {
		const struct slice bytes = wire_test_hex(peeks[i].hex);
		enum wire_kind kind = WIRE_NONE;

		assert_int_equal(wire_peek_kind(bytes, &kind), peeks[i].code);
		assert_int_equal(kind, WIRE_NONE);
		wire_test_free(bytes);
	}
}

/* Each code of the 1xxx group that the decoder can give is given above or in wire_limits.c. */
static void every_code_is_reached(void **state)
{
	static const int codes[] = {
		SAGA_E_EMPTY,   SAGA_E_DECODE, SAGA_E_DEPTH, SAGA_E_LENGTH,  SAGA_E_TYPE,
		SAGA_E_CHARSET, SAGA_E_DUPKEY, SAGA_E_FIELD, SAGA_E_VERSION, SAGA_E_RANGE,
		SAGA_E_MISSING, SAGA_E_NAME,   SAGA_E_KIND,
	};
	(void)state;
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		bool reached = false;
		for (size_t j = 0; j < INPUT_COUNT; j++)
			reached = reached || inputs[j].code == codes[i];
		assert_true(reached);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_base_is_good),
		cmocka_unit_test(bad_inputs_get_their_code),
		cmocka_unit_test(sixteen_levels_are_good),
		cmocka_unit_test(deep_nesting_costs_nothing),
		cmocka_unit_test(peek_refuses_too),
		cmocka_unit_test(every_code_is_reached),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
