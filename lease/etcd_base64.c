#include "lease/etcd_base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int etcd_base64_encode(struct slice bytes, struct buf *out)
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

static int base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* How many of a group's four characters carry bits: 2, 3 or 4; 0 = malformed. */
static uint32_t base64_group(const uint8_t *group, bool last, uint32_t *word)
{
	uint32_t count = 4;

	while (last && count > 2 && group[count - 1] == '=')
		count--;
	*word = 0;
	for (uint32_t i = 0; i < 4; i++) {
		const int value = i < count ? base64_value(group[i]) : 0;

		if (value < 0)
			return 0;
		*word = *word << 6 | (uint32_t)value;
	}
	/* Bits that no byte takes must be zero. */
	if ((count == 2 && (*word & 0xffff)) || (count == 3 && (*word & 0xff)))
		return 0;
	return count;
}

int etcd_base64_decode(struct slice text, struct buf *out)
{
	const uint32_t start = out->size;

	if (text.size % 4 != 0)
		return SAGA_E_BAD_REPLY;
	for (uint32_t at = 0; at < text.size; at += 4) {
		uint32_t word;
		const uint32_t count = base64_group(text.data + at, at + 4 == text.size, &word);
		const uint8_t bytes[3] = {(uint8_t)(word >> 16), (uint8_t)(word >> 8),
					  (uint8_t)word};

		if (count == 0) {
			buf_truncate(out, start);
			return SAGA_E_BAD_REPLY;
		}
		(void)buf_put(out, bytes, count - 1);
	}
	if (buf_error(out)) {
		const int error = buf_error(out);

		buf_truncate(out, start);
		return error;
	}
	return 0;
}
