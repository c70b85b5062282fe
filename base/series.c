#include "base/series.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"

_Static_assert(SERIES_SLOTS >= 2 * SERIES_MAX, "a free slot is always near");

void series_init(struct series *s, uint32_t limit)
{
	CHECK_LE(limit, SERIES_MAX);
	memset(s, 0, sizeof *s);
	s->limit = limit;
	/* Number 0 is there from the start. */
	s->keys[0].first_size = s->keys[0].second_size = 5;
	memcpy(s->keys[0].first, "other", 5);
	memcpy(s->keys[0].second, "other", 5);
}

static bool is_key(const struct series_key *key, uint8_t tag, struct slice first,
		   struct slice second)
{
	return key->tag == tag && slice_equal(slice_of(key->first, key->first_size), first) &&
	       slice_equal(slice_of(key->second, key->second_size), second);
}

static void put(uint8_t *size, uint8_t *to, struct slice name)
{
	*size = (uint8_t)name.size;
	if (name.size > 0)
		memcpy(to, name.data, name.size);
}

static uint16_t *memo_of(struct series *s, struct slice first, struct slice second)
{
	const uintptr_t where = (uintptr_t)first.data + 3 * (uintptr_t)second.data;

	return &s->memo[(where ^ where >> 8) % SERIES_MEMO];
}

static uint32_t find_or_add(struct series *s, uint8_t tag, struct slice first, struct slice second)
{
	const uint32_t count = s->count;
	uint32_t slot;

	slot = (uint32_t)(hash_xxh3_64(first) + 31 * hash_xxh3_64(second) + tag) % SERIES_SLOTS;
	while (s->slots[slot] != 0) {
		if (is_key(&s->keys[s->slots[slot]], tag, first, second))
			return s->slots[slot];
		slot = (slot + 1) % SERIES_SLOTS;
	}
	if (count >= s->limit)
		return 0;
	struct series_key *key = &s->keys[count + 1];
	key->tag = tag;
	put(&key->first_size, key->first, first);
	put(&key->second_size, key->second, second);
	s->slots[slot] = (uint16_t)(count + 1);
	__atomic_store_n(&s->count, count + 1, __ATOMIC_RELEASE);
	return count + 1;
}

uint32_t series_number(struct series *s, uint8_t tag, struct slice first, struct slice second)
{
	uint16_t *memo;

	if (first.size > SERIES_NAME_SIZE || second.size > SERIES_NAME_SIZE)
		return 0;
	memo = memo_of(s, first, second);
	if (*memo == 0 || !is_key(&s->keys[*memo], tag, first, second))
		*memo = (uint16_t)find_or_add(s, tag, first, second);
	return *memo;
}

uint32_t series_count(const struct series *s)
{
	return __atomic_load_n(&s->count, __ATOMIC_ACQUIRE);
}
