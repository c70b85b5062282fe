/* Writing msgpack: the shortest form of each number and length. The caller has made room. */
#ifndef SAGAD_WIRE_PACK_H
#define SAGAD_WIRE_PACK_H

#include <stdbool.h>

#include "base/buf.h"

enum {
	WIRE_PACK_NUMBER_MAX = 9, /* bytes of the longest number */
	WIRE_PACK_HEAD_MAX = 5,   /* of the longest head of a str, bin, array or map */
	/* First bytes of the format. */
	WIRE_PACK_FALSE = 0xc2,
	WIRE_PACK_TRUE = 0xc3,
	WIRE_PACK_BIN8 = 0xc4,
	WIRE_PACK_U8 = 0xcc,
	WIRE_PACK_STR8 = 0xd9,
	WIRE_PACK_ARRAY16 = 0xdc,
	WIRE_PACK_MAP16 = 0xde,
};

/* Big-endian, as all of msgpack. Returns what is behind it. */
static inline uint8_t *wire_pack_bytes(uint8_t *at, uint64_t value, uint32_t width)
{
	for (uint32_t i = 0; i < width; i++)
		at[i] = (uint8_t)(value >> 8 * (width - 1 - i));
	return at + width;
}

/* At most WIRE_PACK_NUMBER_MAX bytes. */
static inline uint8_t *wire_pack_number(uint8_t *at, uint64_t value)
{
	if (value < 0x80) {
		*at = (uint8_t)value;
		return at + 1;
	}
	if (value <= UINT8_MAX) {
		*at = WIRE_PACK_U8;
		return wire_pack_bytes(at + 1, value, 1);
	}
	if (value <= UINT16_MAX) {
		*at = WIRE_PACK_U8 + 1;
		return wire_pack_bytes(at + 1, value, 2);
	}
	if (value <= UINT32_MAX) {
		*at = WIRE_PACK_U8 + 2;
		return wire_pack_bytes(at + 1, value, 4);
	}
	*at = WIRE_PACK_U8 + 3;
	return wire_pack_bytes(at + 1, value, 8);
}

/* The heads: at most WIRE_PACK_HEAD_MAX bytes. */
static inline uint8_t *wire_pack_head_8(uint8_t *at, uint8_t first, uint32_t size)
{
	if (size <= UINT8_MAX) {
		*at = first;
		return wire_pack_bytes(at + 1, size, 1);
	}
	*at = (uint8_t)(first + (size <= UINT16_MAX ? 1 : 2));
	return wire_pack_bytes(at + 1, size, size <= UINT16_MAX ? 2 : 4);
}

static inline uint8_t *wire_pack_head_str(uint8_t *at, uint32_t size)
{
	if (size < 32) {
		*at = (uint8_t)(0xa0 | size);
		return at + 1;
	}
	return wire_pack_head_8(at, WIRE_PACK_STR8, size);
}

static inline uint8_t *wire_pack_head_bin(uint8_t *at, uint32_t size)
{
	return wire_pack_head_8(at, WIRE_PACK_BIN8, size);
}

static inline uint8_t *wire_pack_head_16(uint8_t *at, uint8_t short_form, uint8_t first,
					 uint32_t count)
{
	if (count < 16) {
		*at = (uint8_t)(short_form | count);
		return at + 1;
	}
	*at = (uint8_t)(first + (count <= UINT16_MAX ? 0 : 1));
	return wire_pack_bytes(at + 1, count, count <= UINT16_MAX ? 2 : 4);
}

static inline uint8_t *wire_pack_head_array(uint8_t *at, uint32_t count)
{
	return wire_pack_head_16(at, 0x90, WIRE_PACK_ARRAY16, count);
}

static inline uint8_t *wire_pack_head_map(uint8_t *at, uint32_t count)
{
	return wire_pack_head_16(at, 0x80, WIRE_PACK_MAP16, count);
}

/* ---- into a buffer: errors stick there (base/buf.h), callers look once, at the end ---------- */

void wire_pack_unsigned(struct buf *out, uint64_t value);
void wire_pack_bool(struct buf *out, bool value);
void wire_pack_str(struct buf *out, struct slice text);
void wire_pack_bin(struct buf *out, struct slice bytes);
void wire_pack_array(struct buf *out, uint32_t count);
void wire_pack_map(struct buf *out, uint32_t count);

#endif
