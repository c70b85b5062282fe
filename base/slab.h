/* Variable-size blocks out of one region of address space that the caller reserved: a binary buddy
 * allocator.
 *
 * Blocks are powers of two from 64 bytes to SLAB_BLOCK_MAX, each at a multiple of its size. A block
 * that is needed is split off a larger one; a block that comes back joins its other half when that
 * is free too. So the memory of large blocks serves small ones later and the other way round, and
 * when all has come back the region is as it was at start.
 *
 * Of all free blocks that fit, the smallest is taken, of those the lowest. So the same calls give
 * the same offsets, in a larger region too as long as both are multiples of SLAB_BLOCK_MAX.
 *
 * Nothing is kept in the blocks: which ones are free stands in bitmaps, one tree of them for each
 * size, in memory that the caller gives. All operations take O(log size); pages of the region are
 * touched by nobody but the users of blocks, those of the bitmaps as far as blocks are in use.
 */
#ifndef SAGAD_BASE_SLAB_H
#define SAGAD_BASE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SLAB_BLOCK_MIN = 64,
	SLAB_BLOCK_MAX = 4 * 1024 * 1024,
	SLAB_CLASSES = 17,
	SLAB_LEVELS = 6,
};

/* A set of block numbers: bitmaps, each telling which words of the one below are not zero. */
struct slab_set {
	uint64_t *levels[SLAB_LEVELS]; /* the last one is a single word */
	uint32_t level_count;
};

struct slab {
	uint8_t *memory;
	size_t size;
	size_t used;    /* bytes handed out, rounded to classes */
	uint32_t ready; /* classes that have a free block, as bits */
	struct slab_set free[SLAB_CLASSES];
};

/* Bytes of bitmaps for a region of `size` bytes: about 1/250 of it. */
size_t slab_map_size(size_t size);
/* `memory` is aligned to 16; at its end less than SLAB_BLOCK_MIN bytes are not used. `map` is of
 * slab_map_size(size) bytes, zeroed and aligned to 8. Both stay the caller's and must outlive the
 * slab. */
void slab_init(struct slab *s, void *memory, size_t size, void *map);
/* Aligned to 16, content undefined; NULL when no free block is large enough or size is impossible
 * (0, more than SLAB_BLOCK_MAX). */
void *slab_alloc(struct slab *s, size_t size);
/* `size` as given to slab_alloc; NULL is a no-op. CHECKs against most blocks that are none. */
void slab_free(struct slab *s, void *block, size_t size);
/* Bytes that slab_alloc(size) takes; 0 when it never can. For admission (S19). */
size_t slab_cost(size_t size);
/* Whether slab_alloc(size) would succeed now. When it would for the sum of two sizes, it does for
 * both, one after the other. */
bool slab_fits(const struct slab *s, size_t size);

#endif
