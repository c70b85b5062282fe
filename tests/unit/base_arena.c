#include "base/arena.h"

#include "unit.h"

static void blocks_are_aligned_zeroed_and_apart(void **state)
{
	_Alignas(16) uint8_t memory[256];
	struct arena a;
	uint8_t *first;
	uint8_t *second;

	(void)state;
	memset(memory, 0xff, sizeof memory);
	arena_init(&a, memory, sizeof memory);
	first = arena_take(&a, 3);
	second = arena_take(&a, 40);
	assert_ptr_equal(first, memory);
	assert_ptr_equal(second, memory + 16);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(second[i], 0);
	assert_int_equal(second[40], 0xff);
}

static void memory_may_start_anywhere(void **state)
{
	_Alignas(16) uint8_t memory[64];
	struct arena a;

	(void)state;
	arena_init(&a, memory + 1, sizeof memory - 1);
	assert_ptr_equal(arena_take(&a, 1), memory + 16);
	assert_ptr_equal(arena_take(&a, 32), memory + 32);
	assert_null(arena_take(&a, 1));
}

static void a_refused_block_takes_nothing(void **state)
{
	_Alignas(16) uint8_t memory[64];
	struct arena a;

	(void)state;
	arena_init(&a, memory, sizeof memory);
	assert_null(arena_take(&a, 65));
	assert_null(arena_take(&a, SIZE_MAX));
	assert_null(arena_take(&a, SIZE_MAX - 8));
	assert_non_null(arena_take(&a, 64));
	assert_null(arena_take(&a, 1));
	arena_reset(&a);
	assert_ptr_equal(arena_take(&a, 64), memory);
}

static void padding_alone_may_not_fit(void **state)
{
	_Alignas(16) uint8_t memory[64];
	struct arena a;

	(void)state;
	arena_init(&a, memory, 20);
	assert_non_null(arena_take(&a, 17));
	assert_null(arena_take(&a, 0));
	assert_null(arena_take(&a, 1));
	assert_int_equal(a.used, 17);
}

static void an_empty_arena_gives_nothing(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, NULL, 0);
	assert_null(arena_take(&a, 0));
	assert_null(arena_take(&a, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_aligned_zeroed_and_apart),
		cmocka_unit_test(memory_may_start_anywhere),
		cmocka_unit_test(a_refused_block_takes_nothing),
		cmocka_unit_test(padding_alone_may_not_fit),
		cmocka_unit_test(an_empty_arena_gives_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
