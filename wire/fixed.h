/* Headers of fixed layout: little-endian numbers at fixed places, and a CRC32C that ends the header
 * and covers all of the message but itself. */
#ifndef SAGAD_WIRE_FIXED_H
#define SAGAD_WIRE_FIXED_H

#include <stdint.h>

#include "base/hash.h"
#include "base/slice.h"

enum { FIXED_CRC_SIZE = 4 };

static inline void fixed_store(uint8_t *at, uint64_t value, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

static inline uint64_t fixed_load(const uint8_t *at, uint32_t size)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < size; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

static inline uint32_t fixed_load_u32(const uint8_t *at)
{
	return (uint32_t)fixed_load(at, 4);
}

/* Over everything, with zeros in place of the CRC itself, which stands at `at_crc`. */
static inline uint32_t fixed_checksum(struct slice bytes, uint32_t at_crc)
{
	static const uint8_t zeros[FIXED_CRC_SIZE] = {0};
	const uint32_t behind = at_crc + FIXED_CRC_SIZE;
	uint32_t crc = hash_crc32c(0, bytes.data, at_crc);

	crc = hash_crc32c(crc, zeros, sizeof zeros);
	return hash_crc32c(crc, bytes.data + behind, bytes.size - behind);
}

#endif
