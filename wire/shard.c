#include "wire/shard.h"

#include "base/check.h"

_Static_assert(WIRE_SHARDS_MAX <= UINT8_MAX + 1, "a slot's shard must fit its byte");

uint32_t wire_slot_of(struct slice id)
{
	return (uint32_t)(hash_xxh3_64(id) % WIRE_SLOTS);
}

int wire_slots_even(struct wire_slots *slots, uint32_t shard_count)
{
	if (shard_count < 1 || shard_count > WIRE_SHARDS_MAX)
		return SAGA_E_RANGE;
	slots->shard_count = shard_count;
	for (uint32_t i = 0; i < WIRE_SLOTS; i++)
		slots->shard_of_slot[i] = (uint8_t)(i * shard_count / WIRE_SLOTS);
	return 0;
}

int wire_slots_from(struct wire_slots *slots, uint32_t shard_count, struct slice table)
{
	if (shard_count < 1 || shard_count > WIRE_SHARDS_MAX || table.size != WIRE_SLOTS)
		return SAGA_E_RANGE;
	for (uint32_t i = 0; i < WIRE_SLOTS; i++)
		if (table.data[i] >= shard_count)
			return SAGA_E_RANGE;
	slots->shard_count = shard_count;
	memcpy(slots->shard_of_slot, table.data, WIRE_SLOTS);
	return 0;
}

uint32_t wire_shard_of(const struct wire_slots *slots, struct slice id)
{
	const uint32_t shard = slots->shard_of_slot[wire_slot_of(id)];

	CHECK_LT(shard, slots->shard_count);
	return shard;
}

struct hash128 wire_slots_hash(const struct wire_slots *slots)
{
	return hash_xxh3_128(slice_of(slots->shard_of_slot, WIRE_SLOTS));
}
