#include "base/slab.h"

#include <string.h>

#include "base/check.h"

_Static_assert(SLAB_BLOCK_MIN << (SLAB_CLASSES - 1) == SLAB_BLOCK_MAX, "classes cover all sizes");
_Static_assert(SLAB_CLASSES <= 32, "`ready` has a bit for each");

/* ---- sets of block numbers ----------------------------------------------------------------- */

/* Words of the lowest level. One number more than there are blocks: the last one's other half is
 * asked for as well. */
static size_t set_words(size_t units, uint32_t order)
{
	return (units >> order) / 64 + 1;
}

/* Lays the levels out from `map` on and returns what is behind them; NULL only counts. */
static size_t set_lay(struct slab_set *set, size_t words, uint64_t *map)
{
	size_t used = 0;

	for (uint32_t level = 0; level < SLAB_LEVELS; level++) {
		if (map)
			set->levels[level] = map + used;
		used += words;
		set->level_count = level + 1;
		if (words == 1)
			return used;
		words = (words + 63) / 64;
	}
	CHECK_EQ(words, 1); /* more than 64^SLAB_LEVELS blocks */
	return 0;
}

static bool set_has(const struct slab_set *set, size_t number)
{
	return set->levels[0][number / 64] >> number % 64 & 1;
}

static bool set_empty(const struct slab_set *set)
{
	return set->levels[set->level_count - 1][0] == 0;
}

static size_t set_lowest(const struct slab_set *set)
{
	size_t number = 0;

	CHECK(!set_empty(set));
	for (uint32_t level = set->level_count; level-- > 0;)
		number = number * 64 + (size_t)__builtin_ctzll(set->levels[level][number]);
	return number;
}

static void set_add(struct slab_set *set, size_t number)
{
	CHECK(!set_has(set, number));
	for (uint32_t level = 0; level < set->level_count; level++) {
		uint64_t *word = &set->levels[level][number / 64];
		const uint64_t before = *word;

		*word |= UINT64_C(1) << number % 64;
		if (before != 0)
			return; /* the levels above know the word already */
		number /= 64;
	}
}

static void set_remove(struct slab_set *set, size_t number)
{
	CHECK(set_has(set, number));
	for (uint32_t level = 0; level < set->level_count; level++) {
		uint64_t *word = &set->levels[level][number / 64];

		*word &= ~(UINT64_C(1) << number % 64);
		if (*word != 0)
			return;
		number /= 64;
	}
}

/* ---- free blocks --------------------------------------------------------------------------- */

static void put(struct slab *s, uint32_t order, size_t number)
{
	set_add(&s->free[order], number);
	s->ready |= UINT32_C(1) << order;
}

static void take(struct slab *s, uint32_t order, size_t number)
{
	set_remove(&s->free[order], number);
	if (set_empty(&s->free[order]))
		s->ready &= ~(UINT32_C(1) << order);
}

size_t slab_map_size(size_t size)
{
	const size_t units = size / SLAB_BLOCK_MIN;
	struct slab_set unused;
	size_t words = 0;

	for (uint32_t order = 0; order < SLAB_CLASSES; order++)
		words += set_lay(&unused, set_words(units, order), NULL);
	return words * sizeof(uint64_t);
}

void slab_init(struct slab *s, void *memory, size_t size, void *map)
{
	const size_t units = size / SLAB_BLOCK_MIN;
	uint64_t *words = map;
	size_t unit = 0;

	CHECK_EQ((uintptr_t)memory % 16, 0);
	CHECK_EQ((uintptr_t)map % sizeof *words, 0);
	*s = (struct slab){.memory = memory, .size = units * SLAB_BLOCK_MIN};
	for (uint32_t order = 0; order < SLAB_CLASSES; order++)
		words += set_lay(&s->free[order], set_words(units, order), words);
	/* Largest first, so that each block's place is a multiple of its size. */
	for (uint32_t order = SLAB_CLASSES; order-- > 0;) {
		const size_t block = (size_t)1 << order;

		for (; units - unit >= block; unit += block)
			put(s, order, unit >> order);
	}
	CHECK_EQ(unit, units);
}

size_t slab_cost(size_t size)
{
	size_t block = SLAB_BLOCK_MIN;

	if (size == 0 || size > SLAB_BLOCK_MAX)
		return 0;
	while (block < size)
		block *= 2;
	return block;
}

static uint32_t order_of(size_t block)
{
	return (uint32_t)__builtin_ctzll(block) - (uint32_t)__builtin_ctzll(SLAB_BLOCK_MIN);
}

bool slab_fits(const struct slab *s, size_t size)
{
	const size_t block = slab_cost(size);

	return block != 0 && s->ready >> order_of(block) != 0;
}

void *slab_alloc(struct slab *s, size_t size)
{
	const size_t block = slab_cost(size);
	uint32_t order;
	uint32_t from;
	size_t number;

	if (!slab_fits(s, size))
		return NULL;
	order = order_of(block);
	from = order + (uint32_t)__builtin_ctz(s->ready >> order);
	number = set_lowest(&s->free[from]);
	take(s, from, number);
	while (from > order) {
		from--;
		number *= 2;
		put(s, from, number + 1);
	}
	s->used += block;
	CHECK_LE(s->used, s->size);
	return s->memory + number * block;
}

/* Neither it, nor what it is a part of, nor its ends are free: a block that was handed out. */
static void check_taken(const struct slab *s, uint32_t order, size_t number)
{
	for (uint32_t i = order; i < SLAB_CLASSES; i++)
		CHECK(!set_has(&s->free[i], number >> (i - order)));
	for (uint32_t i = 0; i < order; i++) {
		CHECK(!set_has(&s->free[i], number << (order - i)));
		CHECK(!set_has(&s->free[i], ((number + 1) << (order - i)) - 1));
	}
}

void slab_free(struct slab *s, void *block, size_t size)
{
	const size_t cost = slab_cost(size);
	uint32_t order;
	size_t offset;
	size_t number;

	if (!block)
		return;
	CHECK(cost != 0);
	CHECK((uint8_t *)block >= s->memory);
	offset = (size_t)((uint8_t *)block - s->memory);
	CHECK_EQ(offset % cost, 0);
	CHECK(offset < s->size && cost <= s->size - offset);
	CHECK_LE(cost, s->used);
	order = order_of(cost);
	number = offset / cost;
	check_taken(s, order, number);
	while (order < SLAB_CLASSES - 1 && set_has(&s->free[order], number ^ 1)) {
		take(s, order, number ^ 1);
		number /= 2;
		order++;
	}
	put(s, order, number);
	s->used -= cost;
}
