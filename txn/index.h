/* An open-addressing index from a 64-bit hash to entry numbers: linear probing, removal by shifting
 * back, so there are no grave stones and the cost stays flat for ever. It holds tags, not keys:
 * whoever looks something up compares the candidates.
 *
 * It begins with few of its slots and takes twice as many when they are half full: else each of the
 * first entries would touch a page of its own, in all the memory that is reserved for the limits.
 */
#ifndef SAGAD_TXN_INDEX_H
#define SAGAD_TXN_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct txn_index_slot {
	uint32_t tag;    /* upper half of the hash; its low bits are the home */
	uint32_t number; /* + 1; 0 = free */
};

struct txn_index {
	struct txn_index_slot *slots;
	uint32_t mask;     /* of the slots in use */
	uint32_t mask_max; /* of all there are */
	uint32_t count;
};

/* Slots for at most `count` numbers: a power of two, at least twice as many. */
uint32_t txn_index_slots(uint64_t count);
/* All slots are zero. */
void txn_index_init(struct txn_index *index, struct txn_index_slot *slots, uint32_t slot_count);
/* May move what is there: a search that has begun before is not to be continued. */
void txn_index_put(struct txn_index *index, uint64_t hash, uint32_t number);
void txn_index_remove(struct txn_index *index, uint64_t hash, uint32_t number);

/* Candidates: for (at = txn_index_start(..); txn_index_next(.., &at, &number);) */
static inline uint32_t txn_index_start(const struct txn_index *index, uint64_t hash)
{
	return (uint32_t)(hash >> 32) & index->mask;
}
static inline int txn_index_next(const struct txn_index *index, uint64_t hash, uint32_t *at,
				 uint32_t *number)
{
	const uint32_t tag = (uint32_t)(hash >> 32);

	while (index->slots[*at].number != 0) {
		const struct txn_index_slot slot = index->slots[*at];

		*at = (*at + 1) & index->mask;
		if (slot.tag == tag) {
			*number = slot.number - 1;
			return 1;
		}
	}
	return 0;
}

#endif
