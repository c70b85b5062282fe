/* A shard's journal as a row of segments (S17): it turns, nothing that lives is lost, whoever takes
 * the shard over holds the same, and what is really missing halts it. */
#include "tests/unit/node_world.h"

#include <stdlib.h>

#include "node/core_internal.h"

enum { SEGMENT_BYTES = 3000 };

static void open_nodes(struct world *w)
{
	w->config.segment_bytes = SEGMENT_BYTES;
	w->config.limits.remembered_max = 2000;
	for (uint32_t i = 0; i < 2; i++) {
		world_node_close(&w->nodes[i]);
		world_node_open(w, &w->nodes[i], i == 0 ? "n1" : "n2");
	}
}

/* Sagas come and go. */
static void run_others(struct world *w, uint32_t first, uint32_t count)
{
	w->no_wait = true;
	for (uint32_t i = 0; i < count; i++) {
		const struct id id = world_id_on(w, 1, first + i);

		w->caught_count = 0;
		world_submit(w, &id, "_INBOX.client.2");
		world_settle(w);
		world_answer_ok(w, 1);
		world_settle(w);
		world_answer_ok(w, 1);
		world_settle(w);
	}
}

static struct shard *shard_of(struct world *w, uint32_t node)
{
	struct shard *s = w->nodes[node].core->shards[1];

	assert_non_null(s);
	return s;
}

/* Batches of shard 1 that are still there, and the first of them. */
static uint32_t left(const struct world *w, uint64_t *first)
{
	uint32_t count = 0;

	*first = 0;
	for (uint32_t i = 0; i < w->log.count[1]; i++) {
		if (w->log.batches[1][i].bytes == NULL)
			continue;
		if (count++ == 0)
			*first = i + 1;
	}
	return count;
}

/* The other node takes over, and holds what the first one held; only epochs differ. */
static void take_over(struct world *w, uint64_t revision)
{
	const uint64_t records = txn_last_record(shard_of(w, 0)->engine);
	const struct hash128 hash = txn_state_hash(shard_of(w, 0)->engine);

	world_assign(w, 1, 1, revision);
	for (uint32_t i = 0; i < 200; i++) {
		const struct shard *s = w->nodes[1].core->shards[1];

		/* read to the end, and nothing appended yet */
		if (s != NULL && s->epoch_in_flight) {
			const struct hash128 same = txn_state_hash(s->engine);

			assert_int_equal(txn_last_record(s->engine), records);
			assert_true(hash128_equal(&hash, &same));
			break;
		}
		assert_in_range(i, 0, 198);
		(void)model_journal_pump(&w->nodes[1].journal);
		core_turn(w->nodes[1].core, w->now);
	}
	world_settle(w);
	assert_int_equal(w->nodes[1].state[1], OWNERSHIP_SERVING);
}

static void a_journal_is_bounded(void **state)
{
	struct world *w = *state;
	struct core_stats stats;
	uint64_t first;
	uint32_t most = 0;

	open_nodes(w);
	const struct id id = world_begin(w); /* lives on, and is carried each time */
	uint64_t epoch;
	const struct uuid operation = world_last_command(w, &epoch).operation;

	for (uint32_t i = 0; i < 20; i++) {
		run_others(w, 1 + i * 10, 10);
		const uint32_t count = left(w, &first);

		most = count > most ? count : most;
	}
	core_stats(w->nodes[0].core, &stats);
	assert_true(stats.segments_begun_total > 5);
	assert_true(stats.carried_bytes_total > 0);
	assert_true(first > 20);
	assert_in_range(most, 1, w->log.count[1] - 10);
	assert_int_equal(shard_of(w, 0)->segments.number, stats.segments_begun_total);
	/* the index of histories has forgotten what is gone */
	const struct index_entry *entries = (const void *)shard_of(w, 0)->index.data;
	assert_true(entries[0].sequence >= first);

	take_over(w, 9);
	struct core_stats after;
	core_stats(w->nodes[1].core, &after);
	assert_int_equal(after.txn.open, 1);
	/* the saga that began before all of it goes on */
	w->caught_count = 0;
	for (uint32_t i = 0; i < 200 && world_count(w, WIRE_COMMAND_FRAME) == 0; i++) {
		world_turn(w, 500);
		world_settle(w);
	}
	const struct wire_command again = world_last_command(w, &epoch);
	assert_true(slice_equal(again.saga, id_slice(&id)));
	assert_memory_equal(&again.operation, &operation, sizeof operation);
	assert_int_equal(epoch, 9);
	run_others(w, 5000, 60);
	core_stats(w->nodes[1].core, &after);
	assert_true(after.segments_begun_total > 0);
}

/* Segments that are far too short: each waits until what lives has been carried, a bit a batch. */
static void a_segment_waits_for_the_carry(void **state)
{
	enum { OPEN = 700 };
	struct world *w = *state;
	struct core_stats stats;

	w->config.segment_batches = 1;
	w->config.limits.open_max = 2 * OPEN;
	w->config.limits.branches_max = 8 * OPEN;
	w->config.txn.resend_per_second = 50; /* the world hears only so much at once */
	open_nodes(w);
	world_serve(w, 0, 1, 5);
	w->no_wait = true;
	for (uint32_t i = 0; i < OPEN; i++) {
		const struct id id = world_id_on(w, 1, i);

		w->caught_count = 0;
		world_submit(w, &id, "_INBOX.client.2");
		world_settle(w);
	}
	core_stats(w->nodes[0].core, &stats);
	assert_int_equal(stats.txn.open, OPEN);
	assert_true(txn_live_bytes(shard_of(w, 0)->engine) > 4 * (uint64_t)CORE_CARRY_BYTES);
	assert_true(stats.segments_begun_total > 5);
	assert_true(stats.carried_bytes_total > 10 * (uint64_t)CORE_CARRY_BYTES);
	take_over(w, 9);
	core_stats(w->nodes[1].core, &stats);
	assert_int_equal(stats.txn.open, OPEN);
}

/* ---- what a crash of the broker may bring back ---- */

struct copy {
	uint8_t *bytes;
	uint32_t size;
};

static struct copy copy_of(const struct world *w, uint64_t sequence)
{
	const struct model_batch *batch = &w->log.batches[1][sequence - 1];
	struct copy copy = {malloc(batch->size), batch->size};

	assert_non_null(copy.bytes);
	memcpy(copy.bytes, batch->bytes, batch->size);
	return copy;
}

static void bring_back(struct world *w, uint64_t sequence, const struct copy *copy)
{
	struct model_batch *batch = &w->log.batches[1][sequence - 1];

	assert_null(batch->bytes);
	batch->bytes = copy->bytes;
	assert_int_equal(batch->size, copy->size);
}

static void what_came_back_is_passed_over(void **state)
{
	enum { KEPT = 40 };
	struct world *w = *state;
	struct copy copies[KEPT];
	uint64_t first;

	open_nodes(w);
	(void)world_begin(w);
	run_others(w, 1, 20);
	assert_true(w->log.count[1] > KEPT);
	for (uint64_t i = 0; i < KEPT; i++)
		copies[i] = copy_of(w, i + 1);
	run_others(w, 100, 100);
	(void)left(w, &first);
	assert_true(first > KEPT + 1);
	/* from the very first one on, as long as nobody looks behind it */
	for (uint64_t i = 0; i < KEPT; i++)
		bring_back(w, i + 1, &copies[i]);
	take_over(w, 9);
	assert_int_equal(world_noted(w, "shard.replaying_behind_gap"), 1);
	assert_int_equal(shard_of(w, 1)->reader.first, first);
}

static void a_loss_halts(void **state)
{
	struct world *w = *state;
	uint64_t first;

	open_nodes(w);
	(void)world_begin(w);
	run_others(w, 1, 100);
	(void)left(w, &first);
	assert_true(first > 1);
	/* one batch of the segment that is written now: no segment begins behind it */
	struct model_batch *lost = &w->log.batches[1][w->log.count[1] - 2];
	free(lost->bytes);
	lost->bytes = NULL;
	world_assign(w, 1, 1, 9);
	for (uint32_t i = 0; i < 1000 && w->nodes[1].state[1] != OWNERSHIP_HALTED; i++) {
		(void)model_journal_pump(&w->nodes[1].journal);
		world_turn(w, 50);
		assert_int_not_equal(w->nodes[1].state[1], OWNERSHIP_SERVING);
	}
	assert_int_equal(w->nodes[1].state[1], OWNERSHIP_HALTED);
	assert_int_equal(w->nodes[1].code[1], SAGA_E_JOURNAL_CORRUPT);
}

/* What lives was carried behind the first of the four segments, but not behind the second. */
static void a_lost_segment_halts(void **state)
{
	struct world *w = *state;
	uint64_t first;

	open_nodes(w);
	(void)world_begin(w);
	run_others(w, 1, 100);
	(void)left(w, &first);
	const struct shard_segments g = shard_of(w, 0)->segments;
	const uint64_t second = g.begins[(g.number + 2) % JOURNAL_NAMES].sequence;
	const uint64_t third = g.begins[(g.number + 3) % JOURNAL_NAMES].sequence;
	assert_true(first < second && second < third);
	for (uint64_t at = first; at < third; at++) {
		struct model_batch *lost = &w->log.batches[1][at - 1];

		free(lost->bytes);
		lost->bytes = NULL;
	}
	world_assign(w, 1, 1, 9);
	for (uint32_t i = 0; i < 1000 && w->nodes[1].state[1] != OWNERSHIP_HALTED; i++) {
		(void)model_journal_pump(&w->nodes[1].journal);
		world_turn(w, 50);
		assert_int_not_equal(w->nodes[1].state[1], OWNERSHIP_SERVING);
	}
	assert_int_equal(w->nodes[1].state[1], OWNERSHIP_HALTED);
}

/* ---- in doubt ---- */

static const struct journal_ops *journal_healthy;
static struct journal_ops journal_doubtful;
static uint32_t turns, again;
static uint64_t turn_expected, turn_segment;

/* Of what begins a segment the first sending gets no answer: it was stored, or it got lost. */
static int doubtful_append(struct journal *j, uint32_t shard, uint64_t expected,
			   struct journal_place place, struct slice bytes, uint64_t token)
{
	struct model_journal *model = (struct model_journal *)(void *)j;

	model->append_fault = MODEL_FINE;
	if (expected == turn_expected) {
		assert_true(place.begins && place.segment == turn_segment);
		again++;
	} else if (place.begins) {
		turn_expected = expected;
		turn_segment = place.segment;
		model->append_fault = turns++ % 2 == 0 ? MODEL_LOSE_ANSWER : MODEL_LOSE_REQUEST;
	}
	return journal_healthy->append(j, shard, expected, place, bytes, token);
}

/* S6: the batch that begins a segment is sent again as it was, and counts once. */
static void a_turn_in_doubt_is_settled(void **state)
{
	struct world *w = *state;
	struct core_stats stats;

	open_nodes(w);
	journal_healthy = w->nodes[0].journal.base.ops;
	journal_doubtful = *journal_healthy;
	journal_doubtful.append = doubtful_append;
	w->nodes[0].journal.base.ops = &journal_doubtful;
	turns = again = 0;
	world_serve(w, 0, 1, 5);
	w->no_wait = true;
	for (uint32_t i = 0; i < 300 && turns < 6; i++) {
		const struct id id = world_id_on(w, 1, 1 + i);

		w->caught_count = 0;
		world_submit(w, &id, "_INBOX.client.2");
		for (uint32_t step = 0; step < 3; step++) {
			for (uint32_t k = 0; k < 8; k++) {
				world_settle(w);
				world_turn(w, 200);
			}
			world_settle(w);
			if (step < 2)
				world_answer_ok(w, 1);
		}
	}
	core_stats(w->nodes[0].core, &stats);
	assert_int_equal(turns, 6);
	assert_in_range(again, 6, 100);
	assert_int_equal(stats.appends_unknown, 6);
	assert_int_equal(stats.segments_begun_total, 6);
	assert_int_equal(shard_of(w, 0)->segments.number, 6);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_SERVING);
	w->nodes[0].journal.base.ops = journal_healthy;
	take_over(w, 9);
}

int main(void)
{
#define SEGMENTS_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		SEGMENTS_TEST(a_journal_is_bounded),
		SEGMENTS_TEST(a_segment_waits_for_the_carry),
		SEGMENTS_TEST(what_came_back_is_passed_over),
		SEGMENTS_TEST(a_loss_halts),
		SEGMENTS_TEST(a_lost_segment_halts),
		SEGMENTS_TEST(a_turn_in_doubt_is_settled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
