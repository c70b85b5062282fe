/* The bad-input table of the reliability study, rows 1-11, 18 and 51, byte by byte: each input
 * gets its stable code. The inputs stand in tests/vectors/wire/refused.json, for other languages
 * too; most are variations of {0: 1, 1: 2, 2: "a"}, a query: 83 0001 0102 02a161. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/wire_json.h"
#include "tests/unit/wire_support.h"
#include "wire/codec.h"

#define EIGHT_ARRAYS "91 91 91 91 91 91 91 91"

static int decode(enum wire_kind kind, struct slice bytes, struct wire_fault *fault)
{
	_Alignas(16) uint8_t message[4096];
	_Alignas(16) uint8_t memory[16384];
	struct arena arena;

	arena_init(&arena, memory, sizeof memory);
	return wire_decode(kind, bytes, &arena, message, fault);
}

static void refuse_one(const json_t *input)
{
	const enum wire_kind kind = wire_json_kind(input);
	const char *hex = wire_json_text(input, "hex");
	const char *slug = wire_json_text(input, "slug");
	const char *field = json_string_value(json_object_get(input, "field"));
	const struct slice bytes = wire_test_hex(hex);
	struct wire_fault fault;
	const int error = decode(kind, bytes, &fault);

	if (error == 0)
		fail_msg("\"%s\" was taken", hex);
	if (strcmp(err_slug(error), slug) != 0)
		fail_msg("\"%s\": %s, expected %s (at %u)", hex, err_slug(error), slug,
			 fault.offset);
	assert_int_equal(err_to_wire(error), wire_json_number(input, "code"));
	assert_int_equal(fault.code, error);
	if (field != NULL)
		assert_string_equal(fault.field, field);
	assert_true(fault.offset <= bytes.size);
	wire_test_free(bytes);
}

/* Rows of the table, and codes: each must occur. Larger inputs are in wire_limits.c. */
static void bad_inputs_get_their_code(void **state)
{
	static const uint64_t rows[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 18, 51};
	static const int codes[] = {
		SAGA_E_EMPTY,   SAGA_E_DECODE, SAGA_E_DEPTH, SAGA_E_LENGTH,  SAGA_E_TYPE,
		SAGA_E_CHARSET, SAGA_E_DUPKEY, SAGA_E_FIELD, SAGA_E_VERSION, SAGA_E_RANGE,
		SAGA_E_MISSING, SAGA_E_NAME,   SAGA_E_KIND,
	};
	json_t *inputs = wire_json_load("refused.json");
	uint64_t rows_seen = 0;
	uint64_t codes_seen = 0;
	size_t i;
	json_t *input;

	(void)state;
	json_array_foreach(inputs, i, input)
	{
		refuse_one(input);
		rows_seen |= UINT64_C(1) << wire_json_number(input, "row");
		codes_seen |= UINT64_C(1) << (wire_json_number(input, "code") - 1000);
	}
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_true((rows_seen >> rows[i] & 1) != 0);
	for (i = 0; i < sizeof codes / sizeof codes[0]; i++)
		assert_true((codes_seen >> (err_to_wire(codes[i]) - 1000) & 1) != 0);
	json_decref(inputs);
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
	static const struct {
		const char *hex;
		int code;
	} peeks[] = {
		{"", SAGA_E_EMPTY},
		{"c0", SAGA_E_EMPTY},
		{"82 00", SAGA_E_LENGTH},
		{"82 0001 01cd", SAGA_E_DECODE},
		{"c1", SAGA_E_TYPE},
		{"81 a16101", SAGA_E_TYPE},
		{"82 0002 0102", SAGA_E_VERSION},
		{"82 0001 013f", SAGA_E_KIND},
		{"82 0001 017f", SAGA_E_KIND},
		{"82 0001 01cf ffffffffffffffff", SAGA_E_KIND},
		{"82 0001 01cf 0000000100000002", SAGA_E_KIND},
		{"81 0001", SAGA_E_MISSING},
		{"80", SAGA_E_MISSING},
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_base_is_good),
		cmocka_unit_test(bad_inputs_get_their_code),
		cmocka_unit_test(sixteen_levels_are_good),
		cmocka_unit_test(deep_nesting_costs_nothing),
		cmocka_unit_test(peek_refuses_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
