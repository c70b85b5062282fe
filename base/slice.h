/* A borrowed run of bytes: whoever hands it out says how long it lives. */
#ifndef SAGAD_BASE_SLICE_H
#define SAGAD_BASE_SLICE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *data; /* may be NULL when size is 0 */
	uint32_t size;       /* bytes */
};

static inline struct slice slice_of(const void *data, uint32_t size)
{
	return (struct slice){.data = data, .size = size};
}

/* For string literals and NUL-terminated text below 4 GiB. */
static inline struct slice slice_str(const char *text)
{
	return (struct slice){.data = (const uint8_t *)text, .size = (uint32_t)strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

#endif
