#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_encode(struct slice bytes, struct buf *out)
{
	for (uint32_t at = 0; at < bytes.size; at += 3) {
		const uint32_t rest = bytes.size - at;
		const uint32_t word = (uint32_t)bytes.data[at] << 16 |
				      (rest > 1 ? (uint32_t)bytes.data[at + 1] << 8 : 0) |
				      (rest > 2 ? (uint32_t)bytes.data[at + 2] : 0);
		const char group[4] = {
			alphabet[word >> 18],
			alphabet[word >> 12 & 63],
			rest > 1 ? alphabet[word >> 6 & 63] : '=',
			rest > 2 ? alphabet[word & 63] : '=',
		};

		(void)buf_put(out, group, sizeof group);
	}
	return buf_error(out);
}

/* -1 = not of the alphabet. */
static int value_of(uint8_t byte)
{
	if (byte >= 'A' && byte <= 'Z')
		return byte - 'A';
	if (byte >= 'a' && byte <= 'z')
		return byte - 'a' + 26;
	if (byte >= '0' && byte <= '9')
		return byte - '0' + 52;
	if (byte == '+')
		return 62;
	return byte == '/' ? 63 : -1;
}

/* The 24 bits of four characters, of which the last `padding` are '='; -1 when they are not base64.
 */
static int32_t group_of(const uint8_t *at, uint32_t padding)
{
	int32_t bits = 0;

	for (uint32_t i = 0; i < 4; i++) {
		const int value = i < 4 - padding ? value_of(at[i]) : 0;

		if (value < 0)
			return -1;
		bits = bits * 64 + value;
	}
	return (bits & ((1 << (8 * padding)) - 1)) == 0 ? bits : -1;
}

int base64_decode(struct slice text, struct buf *out)
{
	const uint32_t start = out->size;
	uint32_t padding = 0;

	if (buf_error(out) != 0)
		return buf_error(out);
	if (text.size == 0)
		return 0;
	if (text.size % 4 != 0)
		return SAGA_E_BAD_REPLY;
	if (text.data[text.size - 1] == '=')
		padding = text.data[text.size - 2] == '=' ? 2 : 1;

	const uint32_t size = text.size / 4 * 3;
	uint8_t *to = buf_grow(out, size);
	if (to == NULL) {
		const int error = buf_error(out);

		buf_truncate(out, start);
		return error;
	}
	for (uint32_t i = 0; i < text.size; i += 4) {
		const int32_t bits = group_of(text.data + i, i + 4 == text.size ? padding : 0);

		if (bits < 0) {
			buf_truncate(out, start);
			return SAGA_E_BAD_REPLY;
		}
		*to++ = (uint8_t)(bits >> 16);
		*to++ = (uint8_t)(bits >> 8);
		*to++ = (uint8_t)bits;
	}
	buf_truncate(out, start + size - padding);
	return 0;
}
