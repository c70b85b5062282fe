#include "base/slab.h"

#include <stdlib.h>

#include "base/prng.h"
#include "unit.h"

enum { SMALL_SIZE = 64 * 1024 };

static _Alignas(64) uint8_t memory[SMALL_SIZE];

static void costs_are_powers_of_two(void **state)
{
	(void)state;
	assert_int_equal(slab_cost(0), 0);
	assert_int_equal(slab_cost(1), 64);
	assert_int_equal(slab_cost(64), 64);
	assert_int_equal(slab_cost(65), 128);
	assert_int_equal(slab_cost(SLAB_BLOCK_MAX - 1), SLAB_BLOCK_MAX);
	assert_int_equal(slab_cost(SLAB_BLOCK_MAX), SLAB_BLOCK_MAX);
	assert_int_equal(slab_cost((size_t)SLAB_BLOCK_MAX + 1), 0);
	assert_int_equal(slab_cost(SIZE_MAX), 0);
}

static void impossible_sizes_are_refused(void **state)
{
	struct slab s;

	(void)state;
	slab_init(&s, memory, sizeof memory);
	assert_null(slab_alloc(&s, 0));
	assert_null(slab_alloc(&s, (size_t)SLAB_BLOCK_MAX + 1));
	assert_null(slab_alloc(&s, SMALL_SIZE + 1));
	assert_int_equal(s.used, 0);
	assert_int_equal(s.top, 0);
	slab_free(&s, NULL, 100);
}

static void a_full_slab_gives_again_what_came_back(void **state)
{
	struct slab s;
	uint8_t *first;
	uint8_t *block;
	unsigned count = 0;

	(void)state;
	slab_init(&s, memory, sizeof memory);
	first = slab_alloc(&s, 100);
	while ((block = slab_alloc(&s, 100)) != NULL) {
		assert_int_equal((uintptr_t)block % 16, 0);
		count++;
	}
	assert_int_equal(count, SMALL_SIZE / 128 - 1);
	assert_int_equal(s.used, SMALL_SIZE);
	slab_free(&s, first, 100);
	assert_int_equal(s.used, SMALL_SIZE - 128);
	/* Another class cannot have it, the same class gets just it. */
	assert_null(slab_alloc(&s, 64));
	assert_ptr_equal(slab_alloc(&s, 65), first);
	assert_null(slab_alloc(&s, 100));
}

static void the_last_freed_comes_first(void **state)
{
	struct slab s;
	void *a;
	void *b;

	(void)state;
	slab_init(&s, memory, sizeof memory);
	a = slab_alloc(&s, 64);
	b = slab_alloc(&s, 64);
	slab_free(&s, a, 64);
	slab_free(&s, b, 64);
	assert_ptr_equal(slab_alloc(&s, 64), b);
	assert_ptr_equal(slab_alloc(&s, 64), a);
	assert_int_equal(s.top, 128);
}

struct live {
	uint8_t *block;
	size_t size;
	uint8_t mark;
};

/* One random life; returns a digest of all offsets handed out. */
static uint64_t live_randomly(uint8_t *region, size_t size, uint64_t seed)
{
	static struct live lives[64];
	uint64_t digest = 0;
	struct slab s;
	struct prng p;

	memset(lives, 0, sizeof lives);
	prng_seed(&p, seed);
	slab_init(&s, region, size);
	for (unsigned step = 0; step < 20000; step++) {
		struct live *l = &lives[prng_below(&p, 64)];

		if (l->block) {
			for (size_t i = 0; i < l->size; i++)
				assert_int_equal(l->block[i], l->mark);
			slab_free(&s, l->block, l->size);
			l->block = NULL;
			continue;
		}
		l->size = (size_t)prng_below(&p, 700) + 1;
		l->mark = (uint8_t)step;
		l->block = slab_alloc(&s, l->size);
		if (l->block)
			memset(l->block, l->mark, l->size);
		digest = prng_mix(digest ^ (l->block ? (uint64_t)(l->block - region) : 1));
		assert_true(s.used <= s.top && s.top <= size);
	}
	for (unsigned i = 0; i < 64; i++)
		slab_free(&s, lives[i].block, lives[i].size);
	assert_int_equal(s.used, 0);
	return digest;
}

static void blocks_never_overlap_and_offsets_repeat(void **state)
{
	uint8_t *elsewhere = aligned_alloc(64, SMALL_SIZE);

	(void)state;
	assert_non_null(elsewhere);
	for (uint64_t seed = 1; seed <= 5; seed++)
		assert_true(live_randomly(memory, SMALL_SIZE, seed) ==
			    live_randomly(elsewhere, SMALL_SIZE, seed));
	assert_true(live_randomly(memory, SMALL_SIZE, 1) != live_randomly(memory, SMALL_SIZE, 2));
	free(elsewhere);
}

static void the_largest_block_fits(void **state)
{
	uint8_t *large = aligned_alloc(64, SLAB_BLOCK_MAX);
	struct slab s;

	(void)state;
	assert_non_null(large);
	slab_init(&s, large, SLAB_BLOCK_MAX);
	assert_ptr_equal(slab_alloc(&s, SLAB_BLOCK_MAX), large);
	assert_null(slab_alloc(&s, 1));
	slab_free(&s, large, SLAB_BLOCK_MAX);
	assert_ptr_equal(slab_alloc(&s, SLAB_BLOCK_MAX / 2 + 1), large);
	free(large);
}

static void free_foreign_memory(void)
{
	static _Alignas(64) uint8_t foreign[64];
	struct slab s;

	slab_init(&s, memory, sizeof memory);
	(void)slab_alloc(&s, 64);
	slab_free(&s, foreign, 64);
}

static void free_twice(void)
{
	struct slab s;
	void *block;

	slab_init(&s, memory, sizeof memory);
	block = slab_alloc(&s, 64);
	slab_free(&s, block, 64);
	slab_free(&s, block, 64);
}

static void wrong_frees_are_bugs(void **state)
{
	(void)state;
	assert_true(aborts(free_foreign_memory));
	assert_true(aborts(free_twice));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(costs_are_powers_of_two),
		cmocka_unit_test(impossible_sizes_are_refused),
		cmocka_unit_test(a_full_slab_gives_again_what_came_back),
		cmocka_unit_test(the_last_freed_comes_first),
		cmocka_unit_test(blocks_never_overlap_and_offsets_repeat),
		cmocka_unit_test(the_largest_block_fits),
		cmocka_unit_test(wrong_frees_are_bugs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
