/* Damaged messages: cut at every byte, every bit flipped, plain noise. Nothing may crash or read
 * out of bounds (run under AddressSanitizer), a cut one never decodes, and whatever still decodes
 * is a message that could have been sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/wire_support.h"
#include "wire/codec.h"

enum { ARENA_SIZE = 4 * 1024 * 1024, STRUCT_MAX = 4096, NOISE_ROUNDS = 20000 };

struct fixture {
	struct arena source;
	struct arena target;
	struct buf message;
	struct buf scratch;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	arena_init(&fixture->source, malloc(ARENA_SIZE), ARENA_SIZE);
	arena_init(&fixture->target, malloc(ARENA_SIZE), ARENA_SIZE);
	buf_init(&fixture->message, WIRE_MESSAGE_SIZE_MAX);
	buf_init(&fixture->scratch, WIRE_MESSAGE_SIZE_MAX);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	free(fixture->source.memory);
	free(fixture->target.memory);
	buf_close(&fixture->message);
	buf_close(&fixture->scratch);
	free(fixture);
	return 0;
}

static void make(struct fixture *fixture, enum wire_kind kind, struct prng *prng)
{
	_Alignas(16) uint8_t original[STRUCT_MAX];

	arena_reset(&fixture->source);
	buf_clear(&fixture->message);
	wire_test_fill(wire_table_of(kind), prng, &fixture->source, true, original);
	assert_int_equal(wire_encode(kind, original, &fixture->message), 0);
}

/* Feeds every reader; returns what wire_decode says. */
static int read_all(struct fixture *fixture, enum wire_kind kind, struct slice bytes)
{
	_Alignas(16) uint8_t decoded[STRUCT_MAX];
	_Alignas(16) uint8_t again[STRUCT_MAX];
	struct wire_fault fault;
	enum wire_kind peeked = WIRE_NONE;
	uint32_t size = 0;

	buf_clear(&fixture->scratch);
	const int peek = wire_peek_kind(bytes, &peeked);
	if (wire_value_size(bytes, &size) == 0)
		assert_true(size > 0 && size <= bytes.size);
	const int rendered = wire_render(bytes, &fixture->scratch);

	arena_reset(&fixture->target);
	const int error = wire_decode(kind, bytes, &fixture->target, decoded, &fault);
	assert_int_equal(fault.code, error);
	assert_true(fault.offset <= bytes.size);
	assert_non_null(fault.field);
	if (error != 0)
		return error;

	assert_int_equal(peek, 0);
	assert_int_equal(peeked, kind);
	assert_int_equal(rendered, 0);
	buf_clear(&fixture->scratch);
	assert_int_equal(wire_encode(kind, decoded, &fixture->scratch), 0);
	assert_int_equal(
		wire_decode(kind, buf_slice(&fixture->scratch), &fixture->target, again, NULL), 0);
	assert_true(wire_test_equal(wire_table_of(kind), decoded, again));
	return 0;
}

static void cut_anywhere_is_refused(void **state)
{
	struct fixture *fixture = *state;

	for (uint32_t i = 0; i < wire_test_kind_count; i++) {
		struct prng prng;

		prng_seed(&prng, 7000 + i);
		for (uint32_t round = 0; round < 8; round++) {
			make(fixture, wire_test_kinds[i], &prng);
			/* An info's slot table alone is 4096 bytes: then not every cut. */
			const uint32_t stride = fixture->message.size > 1500 ? 13 : 1;
			for (uint32_t size = 0; size < fixture->message.size; size += stride) {
				const struct slice cut =
					wire_test_copy(fixture->message.data, size);
				assert_int_not_equal(read_all(fixture, wire_test_kinds[i], cut), 0);
				wire_test_free(cut);
			}
		}
	}
}

static void flipped_bits_are_survived(void **state)
{
	struct fixture *fixture = *state;

	for (uint32_t i = 0; i < wire_test_kind_count; i++) {
		struct prng prng;

		prng_seed(&prng, 8000 + i);
		for (uint32_t round = 0; round < 3; round++) {
			make(fixture, wire_test_kinds[i], &prng);
			const struct slice bytes =
				wire_test_copy(fixture->message.data, fixture->message.size);
			uint8_t *at = (uint8_t *)(uintptr_t)bytes.data;
			const uint32_t stride = bytes.size > 1500 ? 29 : 1;

			for (uint32_t bit = 0; bit < 8 * bytes.size; bit += stride) {
				at[bit / 8] ^= (uint8_t)(1U << bit % 8);
				(void)read_all(fixture, wire_test_kinds[i], bytes);
				at[bit / 8] ^= (uint8_t)(1U << bit % 8);
			}
			assert_int_equal(read_all(fixture, wire_test_kinds[i], bytes), 0);
			wire_test_free(bytes);
		}
	}
}

/* Bytes that look like msgpack more often than chance would make them. */
static void noise_is_survived(void **state)
{
	static const uint8_t favourites[] = {0x80, 0x81, 0x84, 0x90, 0x92, 0xa1, 0xc0, 0xc1, 0xc4,
					     0xc6, 0xc7, 0xca, 0xcc, 0xcf, 0xd0, 0xd4, 0xd9, 0xdb,
					     0xdc, 0xdd, 0xde, 0xdf, 0xff, 0x00, 0x01, 0x02, 0x40};
	struct prng prng;

	prng_seed(&prng, 9);
	for (uint32_t round = 0; round < NOISE_ROUNDS; round++) {
		uint8_t bytes[64];
		const uint32_t size = (uint32_t)prng_below(&prng, sizeof bytes + 1);
		const enum wire_kind kind =
			wire_test_kinds[prng_below(&prng, wire_test_kind_count)];

		for (uint32_t i = 0; i < size; i++)
			bytes[i] = prng_below(&prng, 3) == 0
					   ? (uint8_t)prng_next(&prng)
					   : favourites[prng_below(&prng, sizeof favourites)];
		if (size >= 5 && prng_below(&prng, 2) == 0) { /* a right beginning */
			bytes[0] = (uint8_t)(0x80 + prng_below(&prng, 16));
			bytes[1] = 0;
			bytes[2] = 1;
			bytes[3] = 1;
			bytes[4] = (uint8_t)kind;
		}
		const struct slice exact = wire_test_copy(bytes, size);
		(void)read_all(*state, kind, exact);
		wire_test_free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_anywhere_is_refused),
		cmocka_unit_test(flipped_bits_are_survived),
		cmocka_unit_test(noise_is_survived),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
