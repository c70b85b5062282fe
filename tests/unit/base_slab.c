#include "base/slab.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/prng.h"
#include "unit.h"

enum { SMALL_SIZE = 64 * 1024, MAP_SIZE = 4096 };

static _Alignas(64) uint8_t memory[SMALL_SIZE];
static _Alignas(8) uint8_t map[MAP_SIZE];

/* A slab over memory that has seen use, as is its right; only the map must be zero. */
static void init(struct slab *s, size_t size)
{
	assert_true(size <= sizeof memory && slab_map_size(size) <= sizeof map);
	memset(map, 0, sizeof map);
	slab_init(s, memory, size, map);
}

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
	static const size_t sizes[] = {0, (size_t)SLAB_BLOCK_MAX + 1, SMALL_SIZE + 1, SIZE_MAX};
	struct slab s;

	(void)state;
	init(&s, SMALL_SIZE);
	for (unsigned i = 0; i < 4; i++) {
		assert_false(slab_fits(&s, sizes[i]));
		assert_null(slab_alloc(&s, sizes[i]));
	}
	assert_int_equal(s.used, 0);
	slab_free(&s, NULL, 100);
	assert_true(slab_fits(&s, SMALL_SIZE));
	init(&s, 63);
	assert_int_equal(s.size, 0);
	assert_false(slab_fits(&s, 1));
	assert_null(slab_alloc(&s, 1));
}

/* The smallest free block that is large enough, and of those the lowest. */
static void the_smallest_and_lowest_is_taken(void **state)
{
	struct slab s;
	uint8_t *blocks[8];

	(void)state;
	init(&s, SMALL_SIZE);
	for (unsigned i = 0; i < 8; i++) {
		blocks[i] = slab_alloc(&s, 64);
		assert_ptr_equal(blocks[i], memory + (size_t)64 * i);
	}
	slab_free(&s, blocks[6], 64);
	slab_free(&s, blocks[2], 64);
	slab_free(&s, blocks[4], 64);
	slab_free(&s, blocks[5], 64);
	assert_ptr_equal(slab_alloc(&s, 64), blocks[2]);
	assert_ptr_equal(slab_alloc(&s, 64), blocks[6]);
	assert_ptr_equal(slab_alloc(&s, 100), blocks[4]);
	assert_ptr_equal(slab_alloc(&s, 100), memory + 512);
	assert_int_equal(s.used, 8 * 64 + 128);
}

static void a_full_slab_gives_again_what_came_back(void **state)
{
	struct slab s;
	uint8_t *first;
	uint8_t *block;
	unsigned count = 0;

	(void)state;
	init(&s, SMALL_SIZE);
	first = slab_alloc(&s, 100);
	while ((block = slab_alloc(&s, 100)) != NULL) {
		assert_int_equal((uintptr_t)block % 16, 0);
		count++;
	}
	assert_int_equal(count, SMALL_SIZE / 128 - 1);
	assert_int_equal(s.used, SMALL_SIZE);
	assert_false(slab_fits(&s, 1));
	slab_free(&s, first, 100);
	assert_int_equal(s.used, SMALL_SIZE - 128);
	assert_false(slab_fits(&s, 129));
	assert_null(slab_alloc(&s, 129));
	assert_ptr_equal(slab_alloc(&s, 65), first);
	assert_null(slab_alloc(&s, 1));
}

/* What held a few large blocks holds many small ones after them, and large ones again. */
static void sizes_give_way_to_each_other(void **state)
{
	static const size_t sizes[] = {16384, 64, 4096, 128, SMALL_SIZE, 64, SMALL_SIZE};
	static void *blocks[SMALL_SIZE / 64];
	struct slab s;

	(void)state;
	init(&s, SMALL_SIZE);
	for (unsigned round = 0; round < sizeof sizes / sizeof sizes[0]; round++) {
		const size_t size = sizes[round];
		const size_t count = SMALL_SIZE / size;

		for (size_t i = 0; i < count; i++) {
			blocks[i] = slab_alloc(&s, size);
			assert_non_null(blocks[i]);
		}
		assert_null(slab_alloc(&s, 1));
		/* In two goes, so that halves come back in both orders. */
		for (size_t i = 0; i < count; i += 2)
			slab_free(&s, blocks[i], size);
		for (size_t i = 1; i < count; i += 2)
			slab_free(&s, blocks[count % 2 ? i : count - i], size);
		assert_int_equal(s.used, 0);
		assert_true(slab_fits(&s, SMALL_SIZE));
	}
}

/* A region of odd size: every unit can be used, and comes back. */
static void odd_regions_are_used_to_the_end(void **state)
{
	(void)state;
	for (size_t size = 1; size < 40; size++) {
		static void *blocks[40];
		struct slab s;
		size_t half = 1;

		while (half * 2 <= size)
			half *= 2;
		init(&s, size * 64 + 63);
		assert_int_equal(s.size, size * 64);
		for (int round = 0; round < 2; round++) {
			for (size_t i = 0; i < size; i++) {
				blocks[i] = slab_alloc(&s, 64);
				assert_non_null(blocks[i]);
			}
			assert_null(slab_alloc(&s, 64));
			for (size_t i = 0; i < size; i++)
				slab_free(&s, blocks[i], 64);
			assert_true(slab_fits(&s, half * 64));
			assert_false(slab_fits(&s, half * 64 + 1));
		}
	}
}

/* ---- against a model --------------------------------------------------------------------------
 */

enum { LIVES = 64, UNITS = SMALL_SIZE / 64 };

struct live {
	uint8_t *block;
	size_t size;
	uint8_t mark;
};

/* What the map must say, from the blocks alone: aligned, apart from each other, and whether a free
 * block of this size can be found at all. */
static bool model_fits(const struct live *lives, const uint8_t *region, size_t size)
{
	const size_t cost = slab_cost(size) / 64;
	uint8_t taken[UNITS] = {0};
	bool found = false;

	for (unsigned i = 0; i < LIVES; i++) {
		const struct live *l = &lives[i];
		const size_t units = slab_cost(l->size) / 64;
		const size_t at = l->block ? (size_t)(l->block - region) / 64 : 0;

		if (!l->block)
			continue;
		assert_int_equal((size_t)(l->block - region) % (units * 64), 0);
		assert_true(at + units <= UNITS);
		for (size_t j = at; j < at + units; j++) {
			assert_int_equal(taken[j], 0);
			taken[j] = 1;
		}
	}
	for (size_t at = 0; at + cost <= UNITS; at += cost)
		found = found || memchr(taken + at, 1, cost) == NULL;
	return found;
}

static void grow(struct slab *s, struct live *lives, struct live *l, const uint8_t *region)
{
	const size_t used = s->used;
	const bool fits = model_fits(lives, region, l->size);

	assert_int_equal(slab_fits(s, l->size), fits);
	l->block = slab_alloc(s, l->size);
	assert_int_equal(l->block != NULL, fits);
	assert_int_equal(s->used - used, fits ? slab_cost(l->size) : 0);
	if (l->block)
		memset(l->block, l->mark, l->size);
}

/* One random life; returns a digest of all offsets handed out. */
static uint64_t live_randomly(uint8_t *region, size_t size, uint64_t seed)
{
	static struct live lives[LIVES];
	_Alignas(8) uint8_t bits[MAP_SIZE] = {0};
	uint64_t digest = 0;
	struct slab s;
	struct prng p;

	memset(lives, 0, sizeof lives);
	prng_seed(&p, seed);
	slab_init(&s, region, size, bits);
	for (unsigned step = 0; step < 5000; step++) {
		struct live *l = &lives[prng_below(&p, LIVES)];

		if (l->block) {
			for (size_t i = 0; i < l->size; i++)
				assert_int_equal(l->block[i], l->mark);
			slab_free(&s, l->block, l->size);
			l->block = NULL;
			continue;
		}
		l->size = (size_t)prng_below(&p, UINT64_C(1) << prng_below(&p, 15)) + 1;
		l->mark = (uint8_t)step;
		grow(&s, lives, l, region);
		digest = prng_mix(digest ^ (l->block ? (uint64_t)(l->block - region) : 1));
	}
	for (unsigned i = 0; i < LIVES; i++)
		slab_free(&s, lives[i].block, lives[i].size);
	/* All back: one block again, and the map as it was at start. */
	assert_int_equal(s.used, 0);
	assert_true(slab_fits(&s, size));
	{
		_Alignas(8) uint8_t fresh[MAP_SIZE] = {0};
		struct slab other;

		slab_init(&other, region, size, fresh);
		assert_memory_equal(bits, fresh, sizeof bits);
		assert_int_equal(other.ready, s.ready);
	}
	return digest;
}

static void blocks_follow_the_model_and_offsets_repeat(void **state)
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

/* ---- large regions ----------------------------------------------------------------------------
 */

static void *map_pages(size_t size)
{
	void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(pages != MAP_FAILED);
	/* May fail where there are none: then single pages are all there is. */
	(void)madvise(pages, size, MADV_NOHUGEPAGE);
	return pages;
}

/* Two sizes of region, the same calls: the same offsets as long as the smaller one has room. */
static void a_larger_region_changes_nothing(void **state)
{
	enum { BLOCKS = 32 };
	const size_t sizes[] = {8 * (size_t)SLAB_BLOCK_MAX, 64 * (size_t)SLAB_BLOCK_MAX};
	size_t offsets[2][2000];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		uint8_t *region = map_pages(sizes[i]);
		void *bits = map_pages(slab_map_size(sizes[i]));
		struct live lives[BLOCKS] = {0};
		struct slab s;
		struct prng p;

		prng_seed(&p, 7);
		slab_init(&s, region, sizes[i], bits);
		for (unsigned step = 0; step < 2000; step++) {
			struct live *l = &lives[prng_below(&p, BLOCKS)];
			const size_t size = (size_t)prng_below(&p, SLAB_BLOCK_MAX / 8) + 1;

			slab_free(&s, l->block, l->size);
			l->size = size;
			l->block = slab_alloc(&s, size);
			assert_non_null(l->block);
			offsets[i][step] = (size_t)(l->block - region);
		}
		assert_int_equal(munmap(region, sizes[i]), 0);
		assert_int_equal(munmap(bits, slab_map_size(sizes[i])), 0);
	}
	assert_memory_equal(offsets[0], offsets[1], sizeof offsets[0]);
}

static size_t pages_touched(void *pages, size_t size)
{
	static unsigned char resident[1024 * 1024];
	const size_t count = (size + 4095) / 4096;
	size_t touched = 0;

	assert_true(count <= sizeof resident);
	assert_int_equal(mincore(pages, size, resident), 0);
	for (size_t i = 0; i < count; i++)
		touched += resident[i] & 1;
	return touched;
}

static void pages_are_touched_on_use_only(void **state)
{
	const size_t size = (size_t)1 << 32;
	const size_t map_size = slab_map_size(size);
	uint8_t *region = map_pages(size);
	void *bits = map_pages(map_size);
	struct slab s;

	(void)state;
	assert_true(map_size < size / 200);
	slab_init(&s, region, size, bits);
	for (unsigned i = 0; i < 1000; i++) {
		void *small = slab_alloc(&s, 64);
		void *large = slab_alloc(&s, 100000);

		assert_non_null(small);
		assert_non_null(large);
		if (i % 2)
			slab_free(&s, small, 64);
		if (i % 3)
			slab_free(&s, large, 100000);
	}
	assert_int_equal(pages_touched(region, size), 0);
	assert_true(pages_touched(bits, map_size) < 100);
	assert_int_equal(munmap(region, size), 0);
	assert_int_equal(munmap(bits, map_size), 0);
}

static void the_largest_block_fits(void **state)
{
	uint8_t *large = map_pages(SLAB_BLOCK_MAX);
	void *bits = map_pages(slab_map_size(SLAB_BLOCK_MAX));
	struct slab s;

	(void)state;
	slab_init(&s, large, SLAB_BLOCK_MAX, bits);
	assert_ptr_equal(slab_alloc(&s, SLAB_BLOCK_MAX), large);
	assert_null(slab_alloc(&s, 1));
	slab_free(&s, large, SLAB_BLOCK_MAX);
	assert_ptr_equal(slab_alloc(&s, SLAB_BLOCK_MAX / 2 + 1), large);
	assert_int_equal(munmap(large, SLAB_BLOCK_MAX), 0);
	assert_int_equal(munmap(bits, slab_map_size(SLAB_BLOCK_MAX)), 0);
}

/* ---- bugs of the caller -----------------------------------------------------------------------
 */

static void free_foreign_memory(void)
{
	static _Alignas(64) uint8_t foreign[64];
	struct slab s;

	init(&s, SMALL_SIZE);
	(void)slab_alloc(&s, 64);
	slab_free(&s, foreign, 64);
}

static void free_twice(void)
{
	struct slab s;
	void *block;

	init(&s, SMALL_SIZE);
	(void)slab_alloc(&s, 64);
	(void)slab_alloc(&s, 64);
	block = slab_alloc(&s, 64);
	slab_free(&s, block, 64);
	slab_free(&s, block, 64);
}

static void free_a_part(void)
{
	struct slab s;
	uint8_t *block;

	init(&s, SMALL_SIZE);
	block = slab_alloc(&s, 64);
	(void)slab_alloc(&s, 64);
	slab_free(&s, block + 16, 64);
}

static void free_too_much(void)
{
	struct slab s;
	uint8_t *block;

	init(&s, SMALL_SIZE);
	(void)slab_alloc(&s, 128);
	block = slab_alloc(&s, 64);
	slab_free(&s, block, 128);
}

static void wrong_frees_are_bugs(void **state)
{
	(void)state;
	assert_true(aborts(free_foreign_memory));
	assert_true(aborts(free_twice));
	assert_true(aborts(free_a_part));
	assert_true(aborts(free_too_much));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(costs_are_powers_of_two),
		cmocka_unit_test(impossible_sizes_are_refused),
		cmocka_unit_test(the_smallest_and_lowest_is_taken),
		cmocka_unit_test(a_full_slab_gives_again_what_came_back),
		cmocka_unit_test(sizes_give_way_to_each_other),
		cmocka_unit_test(odd_regions_are_used_to_the_end),
		cmocka_unit_test(blocks_follow_the_model_and_offsets_repeat),
		cmocka_unit_test(a_larger_region_changes_nothing),
		cmocka_unit_test(pages_are_touched_on_use_only),
		cmocka_unit_test(the_largest_block_fits),
		cmocka_unit_test(wrong_frees_are_bugs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
