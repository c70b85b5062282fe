#include "wire/check.h"

#include "wire/codec.h"

int wire_check_bytes(const struct wire_field *field, struct slice bytes)
{
	if (bytes.size == 0 && (field->flags & WIRE_FIELD_REQUIRED) == 0)
		return 0;
	if (field->type == WIRE_TYPE_NAME)
		return id_valid(bytes) ? 0 : SAGA_E_NAME;
	if (bytes.size > field->max)
		return (field->flags & WIRE_FIELD_PLAN) != 0 ? SAGA_E_PLAN : SAGA_E_TOO_LARGE;
	if (bytes.size < field->min)
		return SAGA_E_RANGE;
	return 0;
}

int wire_check_count(const struct wire_field *field, uint64_t count)
{
	if (count > field->max)
		return (field->flags & WIRE_FIELD_PLAN) != 0 ? SAGA_E_PLAN : SAGA_E_TOO_LARGE;
	if (count < field->min && (field->flags & WIRE_FIELD_REQUIRED) != 0)
		return SAGA_E_RANGE;
	return 0;
}

/* The size of the well-formed, printable character at the start of `text`, 0 when there is none.
 * Table 3-7 of the Unicode standard. */
static uint32_t character_size(struct slice text)
{
	const uint8_t *byte = text.data;

	if (byte[0] < 0x80)
		return byte[0] >= 0x20 && byte[0] != 0x7f ? 1 : 0;

	uint32_t size;
	uint8_t low = 0x80; /* range of the second byte */
	uint8_t high = 0xbf;
	if (byte[0] >= 0xc2 && byte[0] <= 0xdf) {
		size = 2;
		if (byte[0] == 0xc2)
			low = 0xa0; /* below are the control characters U+0080..9F */
	} else if (byte[0] >= 0xe0 && byte[0] <= 0xef) {
		size = 3;
		if (byte[0] == 0xe0)
			low = 0xa0;
		if (byte[0] == 0xed)
			high = 0x9f; /* above are surrogates */
	} else if (byte[0] >= 0xf0 && byte[0] <= 0xf4) {
		size = 4;
		if (byte[0] == 0xf0)
			low = 0x90;
		if (byte[0] == 0xf4)
			high = 0x8f; /* above is U+110000 */
	} else {
		return 0;
	}
	if (text.size < size || byte[1] < low || byte[1] > high)
		return 0;
	for (uint32_t i = 2; i < size; i++)
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
	return size;
}

/* Eight bytes of 0x20..0x7e: a lower one borrows, a higher one has or gets the high bit. */
static bool plain(const uint8_t *text)
{
	const uint64_t each = UINT64_C(0x0101010101010101);
	uint64_t bytes;

	memcpy(&bytes, text, sizeof bytes);
	return ((bytes | (bytes - each * 0x20) | (bytes + each)) & (each * 0x80)) == 0;
}

struct slice wire_text_cut(struct slice text, uint32_t size_max)
{
	uint32_t at = 0;

	while (at < text.size) {
		/* Nearly all text is plain ASCII. */
		if (text.size - at >= 8 && size_max - at >= 8 && plain(text.data + at)) {
			at += 8;
			continue;
		}
		if (text.data[at] >= 0x20 && text.data[at] < 0x7f && at < size_max) {
			at++;
			continue;
		}
		const uint32_t size = character_size(slice_of(text.data + at, text.size - at));
		if (size == 0 || at + size > size_max)
			break;
		at += size;
	}
	return slice_of(text.data, at);
}

bool wire_text_valid(struct slice text)
{
	return wire_text_cut(text, UINT32_MAX - 4).size == text.size;
}
