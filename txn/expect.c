/* Most of what a reply costs is waiting for memory: its saga was last touched some thousand replies
 * ago. All replies of a frame can wait together. */
#include "txn/state.h"

void txn_expect(const struct txn_shard *t, const struct wire_reply *replies, uint32_t count)
{
	uint64_t hashes[WIRE_FRAME_MAX];
	const struct txn_entry *entries[WIRE_FRAME_MAX];

	CHECK_LE(count, WIRE_FRAME_MAX);
	for (uint32_t i = 0; i < count; i++) {
		hashes[i] = hash_xxh3_64(replies[i].saga);
		__builtin_prefetch(&t->by_id.slots[txn_index_start(&t->by_id, hashes[i])]);
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = txn_index_start(&t->by_id, hashes[i]);
		uint32_t number;

		/* Nearly always it is the one; if not, nothing is lost but time. */
		entries[i] = NULL;
		if (!txn_index_next(&t->by_id, hashes[i], &at, &number))
			continue;
		entries[i] = &t->entries[number];
		for (size_t line = 0; line < sizeof *entries[i]; line += 64)
			__builtin_prefetch((const uint8_t *)entries[i] + line);
	}
	for (uint32_t i = 0; i < count; i++) {
		if (!entries[i] || !entries[i]->body)
			continue;
		__builtin_prefetch(entries[i]->names);
		__builtin_prefetch(entries[i]->body);
		__builtin_prefetch((const uint8_t *)entries[i]->body + 64);
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct txn_body *body = entries[i] ? entries[i]->body : NULL;

		if (!body || replies[i].step >= WIRE_STEPS_MAX)
			continue;
		for (size_t line = 0; line < 2 * sizeof *body->branches; line += 64)
			__builtin_prefetch((const uint8_t *)&body->branches[replies[i].step] +
					   line);
	}
}
