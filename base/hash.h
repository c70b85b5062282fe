/* Checksums and hashes. XXH3 comes from xxHash (hash_xxhash.c); CRC32C (RFC 3720 B.4) is ours. */
#ifndef SAGAD_BASE_HASH_H
#define SAGAD_BASE_HASH_H

#include <stdint.h>

#include "base/slice.h"

struct hash128 {
	uint8_t bytes[16]; /* big-endian canonical form of XXH3-128, seed 0 */
};

uint64_t hash_xxh3_64(struct slice data); /* seed 0 */
struct hash128 hash_xxh3_128(struct slice data);
static inline bool hash128_equal(const struct hash128 *a, const struct hash128 *b)
{
	return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* Continues from `crc` (start with 0); the usual pre- and post-inversion is inside. */
uint32_t hash_crc32c(uint32_t crc, const void *data, uint32_t size);

#endif
