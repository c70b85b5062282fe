#include "base/slab.h"

#include <string.h>

#include "base/check.h"

_Static_assert(SLAB_BLOCK_MIN << (SLAB_CLASSES - 1) == SLAB_BLOCK_MAX, "classes cover all sizes");

void slab_init(struct slab *s, void *memory, size_t size)
{
	CHECK_EQ((uintptr_t)memory % 16, 0);
	memset(s, 0, sizeof *s);
	s->memory = memory;
	s->size = size;
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

static unsigned class_of(size_t block)
{
	return (unsigned)__builtin_ctzll(block) - (unsigned)__builtin_ctzll(SLAB_BLOCK_MIN);
}

void *slab_alloc(struct slab *s, size_t size)
{
	const size_t block = slab_cost(size);
	void **list;
	void *result;

	if (block == 0)
		return NULL;
	list = &s->free_lists[class_of(block)];
	if (*list) {
		/* A free block holds the next one's address in its first bytes. */
		result = *list;
		memcpy(list, result, sizeof *list);
	} else {
		if (block > s->size - s->top)
			return NULL;
		result = s->memory + s->top;
		s->top += block;
	}
	s->used += block;
	return result;
}

void slab_free(struct slab *s, void *block, size_t size)
{
	const size_t cost = slab_cost(size);
	void **list;
	size_t offset;

	if (!block)
		return;
	CHECK(cost != 0);
	CHECK((uint8_t *)block >= s->memory);
	offset = (size_t)((uint8_t *)block - s->memory);
	CHECK_LE(offset + cost, s->top);
	CHECK_EQ(offset % SLAB_BLOCK_MIN, 0);
	CHECK_LE(cost, s->used);
	list = &s->free_lists[class_of(cost)];
	memcpy(block, list, sizeof *list);
	*list = block;
	s->used -= cost;
}
