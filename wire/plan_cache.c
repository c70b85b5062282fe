/* A few sets of a few places, by the begin of a plan: its name and version. */
#include "wire/plan_cache.h"

#include "base/check.h"
#include "base/hash.h"
#include "wire/cursor.h"
#include "wire/decode.h"
#include "wire/encode.h"
#include "wire/plan.h"
#include "wire/schema.h"

enum {
	SETS = 8,
	WAYS = 4,
	KEY_TOKENS = 5,        /* the map, key and name, key and version */
	PLACE_SIZE = 16 * 1024 /* of a plan's bytes and steps, twice; larger ones are not kept */
};

struct place {
	struct wire_known_plan known;
	struct slice bytes; /* as it came; empty = free. Everything points into `memory` */
	uint64_t key;
	_Alignas(16) uint8_t memory[PLACE_SIZE];
};

struct set {
	struct place places[WAYS];
	uint64_t offered; /* hash of the last one that was not found */
	uint64_t unfit;   /* of the last one that could not be kept */
	uint32_t next;    /* place to give up */
};

struct wire_plan_cache {
	uint64_t identity; /* last one given */
	struct set sets[SETS];
};

size_t wire_plan_cache_size(void)
{
	return sizeof(struct wire_plan_cache);
}

struct wire_plan_cache *wire_plan_cache_init(void *memory)
{
	CHECK_EQ((uintptr_t)memory % 16, 0);
	return memory;
}

/* False when it does not even begin like a plan. Works on bytes that nobody has looked at. */
static bool key_of(struct slice bytes, uint64_t *key)
{
	struct wire_cursor cursor = wire_cursor_of(bytes);

	for (uint32_t i = 0; i < KEY_TOKENS; i++) {
		struct wire_token token;

		if (wire_cursor_next(&cursor, &token) != 0 ||
		    (token.type == WIRE_TOKEN_MAP) != (i == 0))
			return false;
	}
	*key = hash_xxh3_64(slice_of(bytes.data, cursor.at));
	return true;
}

const struct wire_known_plan *wire_plan_cache_find(const struct wire_plan_cache *cache,
						   struct slice rest, uint32_t *size)
{
	uint64_t key;

	if (!key_of(rest, &key))
		return NULL;
	const struct set *set = &cache->sets[key % SETS];
	for (uint32_t i = 0; i < WAYS; i++) {
		const struct place *place = &set->places[i];

		/* A value of msgpack ends where it ends: what begins with these bytes begins with
		 * this very plan. */
		if (place->bytes.size == 0 || place->key != key || place->bytes.size > rest.size ||
		    memcmp(place->bytes.data, rest.data, place->bytes.size) != 0)
			continue;
		*size = place->bytes.size;
		return &place->known;
	}
	return NULL;
}

/* The plan's encoding in what is left of the arena. */
static bool encode(struct wire_plan *plan, struct arena *arena)
{
	struct buf out;

	buf_init_fixed(&out, arena->memory + arena->used, (uint32_t)(arena->size - arena->used));
	if (wire_encode_table(&wire_table_plan, plan, &out) != 0)
		return false;
	plan->encoded = buf_slice(&out);
	arena->used += (out.size + 15U) / 16 * 16;
	return arena->used <= arena->size;
}

static bool fill(struct place *place, struct slice bytes)
{
	struct wire_known_plan *known = &place->known;
	struct arena arena;
	struct wire_step *steps;
	uint8_t *copy;

	arena_init(&arena, place->memory, sizeof place->memory);
	copy = arena_take(&arena, bytes.size);
	if (copy == NULL)
		return false;
	memcpy(copy, bytes.data, bytes.size);
	place->bytes = slice_of(copy, bytes.size);
	if (wire_decode_table(&wire_table_plan, place->bytes, &arena, &known->plan) != 0 ||
	    known->plan.step_count == 0 || known->plan.step_count > WIRE_STEPS_MAX)
		return false;
	known->resolved = known->plan;
	steps = arena_take(&arena, known->plan.step_count * sizeof *steps);
	if (steps == NULL)
		return false;
	memcpy(steps, known->plan.steps, known->plan.step_count * sizeof *steps);
	known->resolved.steps = steps;
	wire_plan_resolve(&known->resolved);
	if (wire_plan_check(&known->resolved, NULL) != 0)
		return false; /* refused each time, with words that the cache does not have */
	known->hash = wire_plan_hash(&known->resolved);
	return encode(&known->plan, &arena) && encode(&known->resolved, &arena);
}

void wire_plan_cache_offer(struct wire_plan_cache *cache, struct slice bytes)
{
	uint64_t key;

	if (bytes.size > PLACE_SIZE || !key_of(bytes, &key))
		return;
	struct set *set = &cache->sets[key % SETS];
	const uint64_t hash = hash_xxh3_64(bytes); /* only time hangs on it: see find */
	if (set->offered != hash || set->unfit == hash) {
		set->offered = hash; /* a plan made for one saga alone puts nobody out */
		return;
	}
	struct place *place = &set->places[set->next++ % WAYS];
	place->bytes.size = 0;
	if (!fill(place, bytes)) {
		place->bytes.size = 0;
		set->unfit = hash;
		return;
	}
	place->key = key;
	place->known.identity = ++cache->identity;
	place->known.plan.known = &place->known;
	place->known.resolved.known = &place->known;
}
