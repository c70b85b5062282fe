#include "client/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The length of the well-formed sequence that begins here (RFC 3629), 0 = none does. */
static size_t sequence_size(const uint8_t *at, size_t left)
{
	const uint8_t first = at[0];
	size_t size = 0;

	if (first < 0x80U)
		return 1;
	if (first >= 0xc2U && first <= 0xdfU)
		size = 2;
	else if (first >= 0xe0U && first <= 0xefU)
		size = 3;
	else if (first >= 0xf0U && first <= 0xf4U)
		size = 4;
	if (size == 0 || size > left)
		return 0;
	for (size_t i = 1; i < size; i++) {
		if ((at[i] & 0xc0U) != 0x80U)
			return 0;
	}
	/* Overlong forms, surrogates, beyond U+10FFFF, and the C1 control characters. */
	if ((first == 0xe0U && at[1] < 0xa0U) || (first == 0xedU && at[1] > 0x9fU) ||
	    (first == 0xf0U && at[1] < 0x90U) || (first == 0xf4U && at[1] > 0x8fU) ||
	    (first == 0xc2U && at[1] < 0xa0U))
		return 0;
	return size;
}

void text_clean(char *into, size_t into_size, const char *from, size_t from_size)
{
	const size_t size = strnlen(from, from_size);
	const uint8_t *bytes = (const uint8_t *)from;
	size_t read = 0, written = 0;

	while (read < size) {
		size_t step = sequence_size(bytes + read, size - read);
		const bool bad = step == 0 || bytes[read] < 0x20U || bytes[read] == 0x7fU;

		if (step == 0)
			step = 1;
		if (written + (bad ? 1 : step) + 1 > into_size)
			break;
		if (bad)
			into[written++] = '?';
		else {
			(void)memcpy(into + written, bytes + read, step);
			written += step;
		}
		read += step;
	}
	into[written] = '\0';
}
