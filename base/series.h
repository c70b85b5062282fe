/* Names as labels, with a bound: the first SERIES_MAX different ones get a number each, all others
 * share number 0, "other", so that nobody can make us keep or tell as many as he likes.
 *
 * One thread adds, others read at any time: a name never changes, and is there before its number
 * can be read. No allocation, no lock. */
#ifndef SAGAD_BASE_SERIES_H
#define SAGAD_BASE_SERIES_H

#include <stdint.h>

#include "base/slice.h"

enum {
	SERIES_MAX = 400,      /* numbers 1..400 */
	SERIES_NAME_SIZE = 64, /* of each of two names; longer ones are "other" */
	SERIES_SLOTS = 1024,   /* a power of two, and at least twice as many */
	SERIES_MEMO = 256,     /* likewise a power of two */
};

struct series_key {
	uint8_t tag; /* the caller's, part of the key */
	uint8_t first_size, second_size;
	uint8_t first[SERIES_NAME_SIZE], second[SERIES_NAME_SIZE];
};
struct series {
	uint32_t limit; /* set before use, at most SERIES_MAX */
	uint32_t count; /* read with acquire by others */
	struct series_key keys[SERIES_MAX + 1];
	uint16_t slots[SERIES_SLOTS]; /* the writer's own */
	/* Likewise, by where the names stood: mostly they stand there still, and comparing them
	 * costs less than hashing them. A guess that is always checked. */
	uint16_t memo[SERIES_MEMO];
};

void series_init(struct series *s, uint32_t limit);
/* The number of this key, a new one if need be and there is any; else 0. */
uint32_t series_number(struct series *s, uint8_t tag, struct slice first, struct slice second);
/* For readers: numbers 1..series_count are there. */
uint32_t series_count(const struct series *s);
static inline struct slice series_first(const struct series *s, uint32_t number)
{
	return slice_of(s->keys[number].first, s->keys[number].first_size);
}
static inline struct slice series_second(const struct series *s, uint32_t number)
{
	return slice_of(s->keys[number].second, s->keys[number].second_size);
}

#endif
