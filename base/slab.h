/* Variable-size blocks out of one region of address space that the caller reserved.
 *
 * Size classes are powers of two from 64 bytes to SLAB_BLOCK_MAX; freed blocks go to their
 * class's list and are reused. Pages are touched only on first use. Deterministic: the same calls
 * give the same offsets. No header per block: the caller remembers the size.
 */
#ifndef SAGAD_BASE_SLAB_H
#define SAGAD_BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

enum { SLAB_BLOCK_MIN = 64, SLAB_BLOCK_MAX = 4 * 1024 * 1024, SLAB_CLASSES = 17 };

struct slab {
	uint8_t *memory;
	size_t size;
	size_t top;  /* first never-used byte */
	size_t used; /* bytes handed out, rounded to classes */
	void *free_lists[SLAB_CLASSES];
};

void slab_init(struct slab *s, void *memory, size_t size);
/* Aligned to 16, content undefined; NULL when full or size > SLAB_BLOCK_MAX or size == 0. */
void *slab_alloc(struct slab *s, size_t size);
/* `size` as given to slab_alloc; NULL is a no-op. */
void slab_free(struct slab *s, void *block, size_t size);
/* Bytes that slab_alloc(size) takes; 0 when it never can. For admission (S19). */
size_t slab_cost(size_t size);

#endif
