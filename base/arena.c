#include "base/arena.h"

#include <string.h>

#include "base/check.h"

enum { ARENA_ALIGNMENT = 16 };

void arena_init(struct arena *a, void *memory, size_t size)
{
	CHECK(memory != NULL || size == 0);
	*a = (struct arena){.memory = memory, .size = size, .used = 0};
}

void *arena_take(struct arena *a, size_t size)
{
	/* The address is aligned, not the offset: the caller's memory may start anywhere. */
	const size_t misaligned = ((uintptr_t)a->memory + a->used) % ARENA_ALIGNMENT;
	const size_t padding = misaligned == 0 ? 0 : ARENA_ALIGNMENT - misaligned;
	uint8_t *block;

	CHECK(a->used <= a->size);
	if (a->memory == NULL || padding > a->size - a->used || size > a->size - a->used - padding)
		return NULL;
	block = a->memory + a->used + padding;
	a->used += padding + size;
	memset(block, 0, size);
	return block;
}

void arena_reset(struct arena *a)
{
	a->used = 0;
}
