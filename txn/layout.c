/* Where everything of an engine lies in its memory, computed once for the size and once for real.
 */
#include <string.h>

#include "txn/state.h"

enum { TXN_ALIGNMENT = 64 };

struct carving {
	uint8_t *memory; /* NULL: only measuring */
	size_t used;
};

static void *carve(struct carving *c, uint64_t count, size_t size)
{
	void *place = c->memory ? c->memory + c->used : NULL;

	CHECK(count <= SIZE_MAX / 2 / size);
	c->used += ((size_t)count * size + TXN_ALIGNMENT - 1) / TXN_ALIGNMENT * TXN_ALIGNMENT;
	return place;
}

/* Every known saga, finished ones and tombstones included, has one entry from its admission on:
 * so the room to remember it is reserved with it (S19). */
static struct txn_room room_of(const struct txn_limits *limits, uint32_t slack)
{
	const uint64_t open = (uint64_t)limits->open_max * slack;
	const uint64_t entries = open + (uint64_t)limits->remembered_max * slack;
	const uint64_t branches = (uint64_t)limits->branches_max * slack;

	CHECK(limits->open_max > 0);
	CHECK(entries < TXN_TIMER_OF_BRANCH);
	CHECK(open + branches < TIMER_NONE);
	return (struct txn_room){.open = (uint32_t)open,
				 .entries = (uint32_t)entries,
				 .branches = (uint32_t)branches};
}

static void carve_index(struct carving *c, struct txn_index *index, uint64_t count)
{
	const uint32_t slots = txn_index_slots(count);
	struct txn_index_slot *place = carve(c, slots, sizeof *place);

	if (c->memory)
		txn_index_init(index, place, slots);
}

static void carve_timers(struct carving *c, struct timer_heap *heap, uint64_t count)
{
	struct timer **place = carve(c, count, sizeof(struct timer *));

	CHECK(count < TIMER_NONE);
	if (c->memory)
		timer_heap_init(heap, place, (uint32_t)count);
}

/* Whole largest blocks: then the same calls give the same places for any `size`. */
static void carve_slab(struct carving *c, struct slab *slab, uint64_t size)
{
	const uint64_t blocks = (size + SLAB_BLOCK_MAX - 1) / SLAB_BLOCK_MAX;
	void *place = carve(c, blocks, SLAB_BLOCK_MAX);
	const size_t bytes = (size_t)blocks * SLAB_BLOCK_MAX;
	void *map = carve(c, slab_map_size(bytes), 1);

	if (c->memory)
		slab_init(slab, place, bytes, map);
}

/* Everything behind the shard itself, which was carved first. */
static void carve_rest(struct carving *c, const struct txn_limits *limits, uint32_t slack,
		       struct txn_shard *t)
{
	const struct txn_room room = room_of(limits, slack);

	t->room = room;
	t->entries = carve(c, room.entries, sizeof *t->entries);
	t->waiters = carve(c, (uint64_t)limits->waiters_max + 1, sizeof *t->waiters);
	t->pending = carve(c, TXN_PENDING_MAX, sizeof *t->pending);
	t->steps = carve(c, WIRE_STEPS_MAX, sizeof *t->steps);
	t->branch_views = carve(c, WIRE_STEPS_MAX, sizeof *t->branch_views);
	t->saga_views = carve(c, WIRE_LIST_MAX, sizeof *t->saga_views);
	t->scratch = carve(c, TXN_SCRATCH_SIZE, 1);
	t->arena.memory = carve(c, TXN_ARENA_SIZE, 1);
	carve_index(c, &t->by_id, room.entries);
	carve_index(c, &t->by_admission, room.entries);
	carve_index(c, &t->by_plan, room.open);
	carve_index(c, &t->by_reply, limits->waiters_max);
	carve_timers(c, &t->timers, (uint64_t)room.open + room.branches);
	carve_timers(c, &t->forget, room.entries);
	carve_timers(c, &t->tombstones, room.entries);
	/* An entry keeps at most one block of this size from being whole: it cannot run out. */
	carve_slab(c, &t->names, (uint64_t)room.entries * TXN_NAMES_SIZE);
	carve_slab(c, &t->payload, limits->payload_max * slack);
}

static size_t measure(const struct txn_limits *limits, uint32_t slack)
{
	struct carving measuring = {0};
	struct txn_shard unused;

	(void)carve(&measuring, 1, sizeof unused);
	carve_rest(&measuring, limits, slack, &unused);
	CHECK(measuring.used > sizeof(struct txn_shard));
	return measuring.used;
}

size_t txn_memory_size(const struct txn_limits *limits)
{
	return measure(limits, TXN_SLACK);
}

/* What lies in the other half of a pool is not touched before the first half is full: blocks and
 * entries are taken from the low end, and the indexes grow with what is in them. */
size_t txn_memory_ceiling(const struct txn_limits *limits)
{
	return measure(limits, 1);
}

struct txn_shard *txn_create(void *memory, size_t size, const struct txn_limits *limits,
			     const struct txn_config *config)
{
	struct carving laying = {.memory = memory};
	struct txn_shard *t;

	CHECK(memory != NULL);
	CHECK_EQ((uintptr_t)memory % TXN_ALIGNMENT, 0);
	CHECK(size >= txn_memory_size(limits));
	CHECK(config->slots != NULL);
	CHECK_LT(config->shard, config->slots->shard_count);

	t = carve(&laying, 1, sizeof *t);
	carve_rest(&laying, limits, TXN_SLACK, t);
	t->limits = *limits;
	t->config = *config;
	if (t->config.remember_margin_ms < TXN_MARGIN_MIN_MS)
		t->config.remember_margin_ms = TXN_MARGIN_MIN_MS;
	if (t->limits.parked_max == 0)
		t->limits.parked_max = limits->open_max - limits->open_max / 2;
	t->next_admission = 1;
	t->first = t->last = t->open_first = t->open_last = TXN_NONE;
	t->whole_first = t->whole_last = TXN_NONE;
	t->entries_free = t->waiters_free = TXN_NONE;
	t->segment.first_record = t->segment.whole_from = 1;
	arena_init(&t->arena, t->arena.memory, TXN_ARENA_SIZE);
	return t;
}
