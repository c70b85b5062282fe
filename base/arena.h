/* A bump allocator over the caller's memory: decoders put their arrays here. No free, only reset.
 */
#ifndef SAGAD_BASE_ARENA_H
#define SAGAD_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena {
	uint8_t *memory;
	size_t size;
	size_t used;
};

void arena_init(struct arena *a, void *memory, size_t size);
/* Zeroed, aligned to 16; NULL when it does not fit (the caller answers SAGA_E_TOO_LARGE). */
void *arena_take(struct arena *a, size_t size);
void arena_reset(struct arena *a);

#endif
