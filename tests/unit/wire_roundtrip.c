/* Whatever can be encoded decodes to the same, and equal messages have equal bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/wire_support.h"
#include "wire/codec.h"

enum { ROUNDS = 400, ARENA_SIZE = 8 * 1024 * 1024, STRUCT_MAX = 4096 };

struct fixture {
	struct arena source;
	struct arena target;
	struct buf first;
	struct buf second;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	arena_init(&fixture->source, malloc(ARENA_SIZE), ARENA_SIZE);
	arena_init(&fixture->target, malloc(ARENA_SIZE), ARENA_SIZE);
	buf_init(&fixture->first, WIRE_MESSAGE_SIZE_MAX + 4096);
	buf_init(&fixture->second, WIRE_MESSAGE_SIZE_MAX + 4096);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	free(fixture->source.memory);
	free(fixture->target.memory);
	buf_close(&fixture->first);
	buf_close(&fixture->second);
	free(fixture);
	return 0;
}

static void one_round(struct fixture *fixture, enum wire_kind kind, struct prng *prng)
{
	const struct wire_table *table = wire_table_of(kind);
	_Alignas(16) uint8_t original[STRUCT_MAX];
	_Alignas(16) uint8_t decoded[STRUCT_MAX];
	struct wire_fault fault;

	assert_true(table->size <= STRUCT_MAX);
	arena_reset(&fixture->source);
	arena_reset(&fixture->target);
	buf_clear(&fixture->first);
	buf_clear(&fixture->second);
	wire_test_fill(table, prng, &fixture->source, prng_below(prng, 2) == 0, original);

	const int error = wire_encode(kind, original, &fixture->first);
	if (error == SAGA_E_TOO_LARGE) {
		assert_int_equal(fixture->first.size, 0);
		return; /* long strings in long arrays can be more than a message holds */
	}
	assert_int_equal(error, 0);

	memset(decoded, 0xa5, sizeof decoded);
	const struct slice bytes = buf_slice(&fixture->first);
	if (wire_decode(kind, bytes, &fixture->target, decoded, &fault) != 0)
		fail_msg("%s refused: %s at %u (%s)", table->name, err_slug(fault.code),
			 fault.offset, fault.field);
	assert_int_equal(fault.code, 0);
	assert_true(wire_test_equal(table, original, decoded));

	/* Canonical: what was decoded encodes to the same bytes. */
	assert_int_equal(wire_encode(kind, decoded, &fixture->second), 0);
	assert_true(slice_equal(bytes, buf_slice(&fixture->second)));

	enum wire_kind peeked = WIRE_NONE;
	assert_int_equal(wire_peek_kind(bytes, &peeked), 0);
	assert_int_equal(peeked, kind);

	uint32_t size = 0;
	assert_int_equal(wire_value_size(bytes, &size), 0);
	assert_int_equal(size, bytes.size);
}

static void every_kind_survives(void **state)
{
	for (uint32_t i = 0; i < wire_test_kind_count; i++) {
		struct prng prng;

		prng_seed(&prng, 1000 + i);
		for (uint32_t round = 0; round < ROUNDS; round++)
			one_round(*state, wire_test_kinds[i], &prng);
	}
}

static void zero_fields_are_left_out(void **state)
{
	struct fixture *fixture = *state;
	const struct wire_answer answer = {0};

	buf_clear(&fixture->first);
	assert_int_equal(wire_encode(WIRE_ANSWER, &answer, &fixture->first), 0);
	assert_int_equal(fixture->first.size, 5);
	assert_memory_equal(fixture->first.data, "\x82\x00\x01\x01\x04", 5);
}

static void encoding_appends(void **state)
{
	struct fixture *fixture = *state;
	const struct wire_query query = {.id = slice_str("a")};
	struct slice rest;
	uint32_t count = 0;

	buf_clear(&fixture->first);
	assert_int_equal(buf_put(&fixture->first, "x", 1), 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(wire_encode(WIRE_QUERY, &query, &fixture->first), 0);
	rest = slice_of(fixture->first.data + 1, fixture->first.size - 1);
	while (rest.size > 0) {
		uint32_t size = 0;
		assert_int_equal(wire_value_size(rest, &size), 0);
		assert_int_equal(size, 8);
		rest = slice_of(rest.data + size, rest.size - size);
		count++;
	}
	assert_int_equal(count, 3);
}

/* Another language may write keys in any order and integers in any form. */
static void foreign_forms_are_read(void **state)
{
	struct fixture *fixture = *state;
	const struct slice bytes =
		wire_test_hex("de 0004 03 c3 cd 0002 da 0001 61 d3 0000000000000001 cf "
			      "0000000000000002 00 d0 01");
	struct wire_query query;
	enum wire_kind kind;

	arena_reset(&fixture->target);
	assert_int_equal(wire_decode(WIRE_QUERY, bytes, &fixture->target, &query, NULL), 0);
	assert_true(slice_equal(query.id, slice_str("a")));
	assert_true(query.wait);
	assert_int_equal(wire_peek_kind(bytes, &kind), 0);
	assert_int_equal(kind, WIRE_QUERY);
	wire_test_free(bytes);
}

static void unknown_extensions_are_skipped(void **state)
{
	struct fixture *fixture = *state;
	static const char *const extensions[] = {
		"40 c0",                   /* 64: nil */
		"7f 93 01 a1 62 81 05 c2", /* 127: array of number, text, map */
		"41 cb 7ff8000000000000",  /* 65: not a number */
		"42 ff",                   /* 66: -1 */
		"43 c4 03 ffffff",         /* 67: binary */
	};

	for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
		char hex[128];
		struct wire_query query;

		(void)snprintf(hex, sizeof hex, "84 00 01 01 02 %s 02 a1 61", extensions[i]);
		const struct slice bytes = wire_test_hex(hex);
		arena_reset(&fixture->target);
		assert_int_equal(wire_decode(WIRE_QUERY, bytes, &fixture->target, &query, NULL), 0);
		assert_true(slice_equal(query.id, slice_str("a")));
		wire_test_free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_survives),
		cmocka_unit_test(zero_fields_are_left_out),
		cmocka_unit_test(encoding_appends),
		cmocka_unit_test(foreign_forms_are_read),
		cmocka_unit_test(unknown_extensions_are_skipped),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
