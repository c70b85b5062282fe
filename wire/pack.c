#include "wire/pack.h"

static void put(struct buf *out, const uint8_t *head, const uint8_t *end, struct slice body)
{
	const uint32_t before = out->size;

	(void)buf_put(out, head, (uint32_t)(end - head));
	/* Whole or not at all: the error sticks, and so does what was there before. */
	if (buf_put_slice(out, body) != 0)
		out->size = before;
}

/* Where to write: in place if there is room for the longest form, which is nearly always, else in
 * the caller's `head`. */
static uint8_t *begin(const struct buf *out, uint8_t *head)
{
	uint8_t *at = buf_room(out, WIRE_PACK_NUMBER_MAX);

	return at != NULL ? at : head;
}

static void end(struct buf *out, const uint8_t *head, const uint8_t *from, const uint8_t *at)
{
	if (from == head)
		put(out, head, at, slice_of(NULL, 0));
	else
		out->size += (uint32_t)(at - from);
}

void wire_pack_unsigned(struct buf *out, uint64_t value)
{
	uint8_t head[WIRE_PACK_NUMBER_MAX];
	uint8_t *at = begin(out, head);

	end(out, head, at, wire_pack_number(at, value));
}

void wire_pack_bool(struct buf *out, bool value)
{
	const uint8_t byte = value ? WIRE_PACK_TRUE : WIRE_PACK_FALSE;

	put(out, &byte, &byte + 1, slice_of(NULL, 0));
}

void wire_pack_array(struct buf *out, uint32_t count)
{
	uint8_t head[WIRE_PACK_NUMBER_MAX];
	uint8_t *at = begin(out, head);

	end(out, head, at, wire_pack_head_array(at, count));
}

void wire_pack_map(struct buf *out, uint32_t count)
{
	uint8_t head[WIRE_PACK_NUMBER_MAX];
	uint8_t *at = begin(out, head);

	end(out, head, at, wire_pack_head_map(at, count));
}

void wire_pack_str(struct buf *out, struct slice text)
{
	uint8_t head[WIRE_PACK_HEAD_MAX];

	put(out, head, wire_pack_head_str(head, text.size), text);
}

void wire_pack_bin(struct buf *out, struct slice bytes)
{
	uint8_t head[WIRE_PACK_HEAD_MAX];

	put(out, head, wire_pack_head_bin(head, bytes.size), bytes);
}
