/* Which shard an id belongs to: slot = XXH3_64(id, seed 0) mod 4096; slot -> shard by a table that
 * is written once at cluster initialisation. */
#ifndef SAGAD_WIRE_SHARD_H
#define SAGAD_WIRE_SHARD_H

#include "base/error.h"
#include "base/hash.h"
#include "base/slice.h"

enum { WIRE_SLOTS = 4096, WIRE_SHARDS_MAX = 128 };

struct wire_slots {
	uint32_t shard_count;
	uint8_t shard_of_slot[WIRE_SLOTS];
};

uint32_t wire_slot_of(struct slice id);
/* The even table that initialisation writes: contiguous runs. SAGA_E_RANGE unless 1..128. */
int wire_slots_even(struct wire_slots *slots, uint32_t shard_count) MUST_CHECK;
/* From the 4096 bytes of an info message; SAGA_E_RANGE when an entry is not below shard_count. */
int wire_slots_from(struct wire_slots *slots, uint32_t shard_count, struct slice table) MUST_CHECK;
uint32_t wire_shard_of(const struct wire_slots *slots, struct slice id);
struct hash128 wire_slots_hash(const struct wire_slots *slots);

#endif
