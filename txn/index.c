#include "txn/index.h"

#include <stdbool.h>

#include "base/check.h"

enum { SLOTS_FIRST = 256 };

uint32_t txn_index_slots(uint64_t count)
{
	uint64_t slots = 4;

	while (slots < 2 * count)
		slots *= 2;
	CHECK(slots <= UINT64_C(1) << 31);
	return (uint32_t)slots;
}

void txn_index_init(struct txn_index *index, struct txn_index_slot *slots, uint32_t slot_count)
{
	CHECK(slot_count >= 4);
	CHECK_EQ(slot_count & (slot_count - 1), 0);
	index->slots = slots;
	index->mask = (slot_count < SLOTS_FIRST ? slot_count : SLOTS_FIRST) - 1;
	index->mask_max = slot_count - 1;
	index->count = 0;
}

static void place(struct txn_index *index, struct txn_index_slot slot)
{
	uint32_t at = slot.tag & index->mask;

	while (index->slots[at].number != 0)
		at = (at + 1) & index->mask;
	index->slots[at] = slot;
}

/* Twice the slots, in place. Each slot is taken out and put where its search begins now. That never
 * moves it away from its home, so the passes come to an end; and a pass that moves nothing has seen
 * each slot reached from its home without a gap, which is all that a search needs. */
static void grow(struct txn_index *index)
{
	bool moved = true;

	index->mask = index->mask * 2 + 1;
	while (moved) {
		moved = false;
		for (uint32_t at = 0; at <= index->mask; at++) {
			const struct txn_index_slot slot = index->slots[at];

			if (slot.number == 0)
				continue;
			index->slots[at].number = 0;
			place(index, slot);
			if (index->slots[at].number == 0) {
				index->slots[at].tag = 0;
				moved = true;
			}
		}
	}
}

void txn_index_put(struct txn_index *index, uint64_t hash, uint32_t number)
{
	if (index->count >= index->mask / 2 && index->mask < index->mask_max)
		grow(index);
	CHECK_LT(index->count, index->mask); /* one stays free, else a search would never end */
	CHECK(number != UINT32_MAX);
	place(index, (struct txn_index_slot){(uint32_t)(hash >> 32), number + 1});
	index->count++;
}

void txn_index_remove(struct txn_index *index, uint64_t hash, uint32_t number)
{
	const uint32_t tag = (uint32_t)(hash >> 32);
	uint32_t hole = txn_index_start(index, hash);
	uint32_t at;

	while (index->slots[hole].tag != tag || index->slots[hole].number != number + 1) {
		CHECK(index->slots[hole].number != 0); /* it must be there */
		hole = (hole + 1) & index->mask;
	}
	/* Whatever stands behind the hole and may move into it without passing its home, does. */
	at = hole;
	for (;;) {
		uint32_t home;

		at = (at + 1) & index->mask;
		if (index->slots[at].number == 0)
			break;
		home = index->slots[at].tag & index->mask;
		if (((at - home) & index->mask) >= ((at - hole) & index->mask)) {
			index->slots[hole] = index->slots[at];
			hole = at;
		}
	}
	index->slots[hole] = (struct txn_index_slot){0, 0};
	CHECK(index->count > 0);
	index->count--;
}
