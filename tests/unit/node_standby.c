/* Hot standby (S29): it holds what a replay would, says nothing, and is dropped for anything odd.
 */
#include "tests/unit/node_world.h"

#include <stdlib.h>

#include "base/prng.h"
#include "node/core_internal.h"

enum { SHARD = 1 };

static void stand_by(struct world *w, int node, bool on)
{
	struct node *n = &w->nodes[node];
	core_standby(n->core, w->now, SHARD, on, &n->mark[SHARD]);
}

static struct core_stats stats_of(struct world *w, int node)
{
	struct core_stats stats;
	core_stats(w->nodes[node].core, &stats);
	return stats;
}

/* Whole sagas of the shard, run by whoever owns it. */
static void run_sagas(struct world *w, uint32_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct id id = world_id_on(w, SHARD, first + i);
		w->caught_count = 0;
		world_submit(w, &id, "_INBOX.client.1");
		world_settle(w);
		for (int step = 0; step < 2; step++) {
			world_answer_ok(w, SHARD);
			world_settle(w);
		}
		assert_int_equal(world_last_answer(w).state, WIRE_STATE_COMPLETED);
	}
}

/* What a replay of all batches up to that record makes. */
static struct hash128 replayed(struct world *w, uint64_t record)
{
	struct node other;
	world_node_open(w, &other, "n9");
	struct shard *s = core_shard_create(other.core, SHARD);
	assert_non_null(s);
	reader_init(&s->reader, &w->cluster, SHARD);
	for (uint64_t i = 1; i <= w->log.count[SHARD]; i++) {
		const struct model_batch *b = &w->log.batches[SHARD][i - 1];
		if (s->reader.next_record > record)
			break;
		assert_int_equal(core_acquire_fold(s, i, slice_of(b->bytes, b->size)), 0);
	}
	assert_int_equal(txn_last_record(s->engine), record);
	const struct hash128 hash = txn_state_hash(s->engine);
	core_shard_destroy(s);
	world_node_close(&other);
	return hash;
}

static void assert_like_a_replay(struct world *w, const struct shard *s)
{
	const struct hash128 hash = txn_state_hash(s->engine);
	const struct hash128 whole = replayed(w, txn_last_record(s->engine));
	assert_true(hash128_equal(&hash, &whole));
}

static void follows_without_a_word(void **state) /* N8 */
{
	struct world *w = *state;
	world_serve(w, 0, SHARD, 5);
	stand_by(w, 1, true);
	world_settle(w);
	assert_true(w->nodes[1].warm[SHARD]);
	run_sagas(w, 0, 3);
	const struct shard *s = w->nodes[1].core->standbys[SHARD].shard;
	assert_int_equal(s->reader.sequence, w->log.count[SHARD]);
	assert_like_a_replay(w, s);
	const struct core_stats stats = stats_of(w, 1);
	assert_int_equal(stats.standbys, 1);
	assert_int_equal(stats.standbys_warm, 1);
	assert_int_equal(stats.standby_lag_batches, 0);
	assert_int_equal(stats.messages_sent, 0);
	assert_int_equal(w->nodes[1].journal.appends, 0);
	assert_int_equal(w->nodes[1].state[SHARD], OWNERSHIP_UNOWNED);
}

static void goes_on_from_where_it_was(void **state) /* S29 */
{
	struct world *w = *state;
	world_serve(w, 0, SHARD, 5);
	run_sagas(w, 0, 2);
	stand_by(w, 1, true);
	world_settle(w);
	run_sagas(w, 2, 2);
	w->nodes[1].journal.held_tails = UINT64_MAX; /* what follows it has not seen */
	run_sagas(w, 4, 1);
	world_node_close(&w->nodes[0]);
	world_serve(w, 1, SHARD, 9);
	assert_int_equal(w->nodes[1].state[SHARD], OWNERSHIP_SERVING);
	assert_int_equal(world_noted(w, "shard.resuming"), 1);
	assert_int_equal(world_noted(w, "standby.dropped"), 0);
	assert_int_equal(stats_of(w, 1).takeovers_warm_total, 1);
	assert_int_equal(stats_of(w, 1).standbys, 0);
	assert_like_a_replay(w, w->nodes[1].core->shards[SHARD]);
	run_sagas(w, 5, 2);
	assert_like_a_replay(w, w->nodes[1].core->shards[SHARD]);
}

/* The tail's last batch is no longer what it was: what stands there counts. */
static void other_bytes_at_its_end_mean_a_whole_replay(void **state) /* S29 */
{
	struct world *w = *state;
	world_serve(w, 0, SHARD, 5);
	run_sagas(w, 0, 1);
	stand_by(w, 1, true);
	world_settle(w);
	w->nodes[1].core->standbys[SHARD].shard->reader.hash.bytes[0] ^= 1;
	world_node_close(&w->nodes[0]);
	world_serve(w, 1, SHARD, 9);
	assert_int_equal(w->nodes[1].state[SHARD], OWNERSHIP_SERVING);
	assert_int_equal(world_noted(w, "standby.dropped"), 1);
	assert_int_equal(stats_of(w, 1).takeovers_cold_total, 1);
	assert_like_a_replay(w, w->nodes[1].core->shards[SHARD]);
	run_sagas(w, 1, 1);
}

/* The journal is shorter than the tail was: for the whole replay to judge, by our own mark. */
static void a_shorter_journal_means_a_whole_replay(void **state) /* S7, S29 */
{
	struct world *w = *state;
	world_serve(w, 0, SHARD, 5);
	run_sagas(w, 0, 1);
	stand_by(w, 1, true);
	world_settle(w);
	world_node_close(&w->nodes[0]);
	free(w->log.batches[SHARD][--w->log.count[SHARD]].bytes);
	world_serve(w, 1, SHARD, 9);
	assert_int_equal(w->nodes[1].state[SHARD], OWNERSHIP_SERVING);
	assert_int_equal(world_noted(w, "standby.dropped"), 1);
	assert_like_a_replay(w, w->nodes[1].core->shards[SHARD]);
}

/* Damage behind the tail's end is found all the same, and by the whole replay. */
static void damage_behind_it_halts(void **state) /* S7 */
{
	struct world *w = *state;
	world_serve(w, 0, SHARD, 5);
	stand_by(w, 1, true);
	world_settle(w);
	w->nodes[1].journal.held_tails = UINT64_MAX;
	run_sagas(w, 0, 1);
	world_node_close(&w->nodes[0]);
	w->log.batches[SHARD][w->log.count[SHARD] - 2].bytes[40] ^= 1;
	world_serve(w, 1, SHARD, 9);
	assert_int_equal(world_noted(w, "standby.dropped"), 1);
	assert_int_equal(w->nodes[1].state[SHARD], OWNERSHIP_HALTED);
}

static void damage_in_its_way_drops_it(void **state)
{
	struct world *w = *state;
	world_serve(w, 0, SHARD, 5);
	run_sagas(w, 0, 1);
	w->log.batches[SHARD][2].bytes[40] ^= 1;
	stand_by(w, 1, true);
	world_settle(w);
	assert_int_equal(world_noted(w, "standby.dropped"), 1);
	assert_false(w->nodes[1].warm[SHARD]);
	w->log.batches[SHARD][2].bytes[40] ^= 1; /* somebody has mended it */
	world_turn(w, CORE_STANDBY_AGAIN_MS);
	world_settle(w);
	assert_true(w->nodes[1].warm[SHARD]);
}

/* What this node saw as an owner has to be met in the journal, whoever reads it (S7). */
static void the_mark_is_checked(void **state)
{
	struct world *w = *state;
	world_serve(w, 0, SHARD, 5);
	run_sagas(w, 0, 1);
	world_turn(w, 2000); /* the high-water is stored once a second */
	const struct highwater mark = w->nodes[0].mark[SHARD];
	core_fence(w->nodes[0].core, w->now, SHARD, SAGA_E_LEASE_LOST);
	world_serve(w, 1, SHARD, 9);
	run_sagas(w, 1, 1);
	stand_by(w, 0, true);
	world_settle(w);
	assert_true(w->nodes[0].core->standbys[SHARD].shard->mark_checked);
	core_fence(w->nodes[1].core, w->now, SHARD, SAGA_E_LEASE_LOST);
	/* With the mark it was begun with, it is gone on with. */
	world_serve(w, 0, SHARD, 12);
	assert_int_equal(stats_of(w, 0).takeovers_warm_total, 1);
	core_fence(w->nodes[0].core, w->now, SHARD, SAGA_E_LEASE_LOST);
	/* With another it is not. */
	w->nodes[0].mark[SHARD] = mark;
	stand_by(w, 0, true);
	world_settle(w);
	w->nodes[0].mark[SHARD].sequence--;
	world_assign(w, 0, SHARD, 20);
	assert_int_equal(world_noted(w, "shard.resuming"), 1); /* the one above */
	core_fence(w->nodes[0].core, w->now, SHARD, SAGA_E_LEASE_LOST);
	/* And one that says otherwise drops the cache while it is made. */
	w->nodes[0].mark[SHARD] = mark;
	w->nodes[0].mark[SHARD].hash.bytes[0] ^= 1;
	const uint32_t before = world_noted(w, "standby.dropped");
	stand_by(w, 0, true);
	world_settle(w);
	assert_int_equal(world_noted(w, "standby.dropped"), before + 1);
}

static void trouble_of_the_broker_is_waited_out(void **state)
{
	struct world *w = *state;
	world_serve(w, 0, SHARD, 5);
	w->nodes[1].journal.tail_refused = 2;
	stand_by(w, 1, true);
	for (uint32_t i = 0; i < 4; i++) {
		world_settle(w);
		world_turn(w, CORE_STANDBY_RETRY_MS);
	}
	assert_true(w->nodes[1].warm[SHARD]);
	w->nodes[1].journal.tail_error = SAGA_E_TIMEOUT;
	world_settle(w);
	w->nodes[1].journal.tail_error = 0;
	run_sagas(w, 0, 1);
	assert_true(w->nodes[1].warm[SHARD]); /* what it has is kept */
	const uint64_t at = w->nodes[1].core->standbys[SHARD].shard->reader.sequence;
	assert_true(at < w->log.count[SHARD]);
	world_turn(w, CORE_STANDBY_RETRY_MS);
	world_settle(w);
	assert_int_equal(w->nodes[1].core->standbys[SHARD].shard->reader.sequence,
			 w->log.count[SHARD]);
	assert_int_equal(world_noted(w, "standby.begun"), 1);
	/* What begins behind its place is another matter. */
	w->nodes[1].journal.tail_error = SAGA_E_JOURNAL_GAP;
	world_settle(w);
	w->nodes[1].journal.tail_error = 0;
	assert_false(w->nodes[1].warm[SHARD]);
	assert_null(w->nodes[1].core->standbys[SHARD].shard);
}

static void short_memory_drops_it(void **state)
{
	struct world *w = *state;
	for (uint32_t at = 1; at < 4; at++) {
		const int32_t reserved = w->reserved;
		stand_by(w, 1, true);
		w->reserve_fails_at = at;
		world_turn(w, 1);
		assert_int_equal(w->reserve_fails_at, 0);
		assert_int_equal(w->reserved, reserved);
		assert_int_equal(world_noted(w, "standby.dropped"), at);
		stand_by(w, 1, false);
	}
	/* And so does a cache that cannot be made anew when it has to be. */
	world_serve(w, 0, SHARD, 5);
	stand_by(w, 1, true);
	world_settle(w);
	w->nodes[1].core->standbys[SHARD].shard->reader.hash.bytes[0] ^= 1;
	world_assign(w, 1, SHARD, 9);
	w->reserve_fails_at = 1;
	world_settle(w);
	assert_int_equal(w->nodes[1].state[SHARD], OWNERSHIP_FENCED);
	assert_int_equal(w->nodes[1].code[SHARD], SAGA_E_NO_MEMORY);
}

static void orders_are_followed(void **state)
{
	struct world *w = *state;
	const int32_t reserved = w->reserved;
	stand_by(w, 1, false); /* of what was never wanted */
	stand_by(w, 1, true);
	world_settle(w);
	stand_by(w, 1, true); /* again */
	world_settle(w);
	assert_int_equal(w->nodes[1].journal.tails_begun, 1);
	stand_by(w, 1, false);
	assert_false(w->nodes[1].warm[SHARD]);
	assert_int_equal(w->reserved, reserved);
	world_settle(w);
	assert_int_equal(w->nodes[1].journal.tails_begun, 1);
	assert_int_equal(stats_of(w, 1).standbys, 0);
	/* Without a tail in the journal there is none. */
	struct journal_ops none = *w->nodes[1].journal.base.ops;
	none.tail = NULL;
	w->nodes[1].journal.base.ops = &none;
	stand_by(w, 1, true);
	assert_int_equal(stats_of(w, 1).standbys, 0);
}

/* Begun, and nothing read yet: as if there were none. */
static void an_empty_one_is_of_no_use(void **state)
{
	struct world *w = *state;
	w->nodes[1].journal.held_tails = UINT64_MAX;
	stand_by(w, 1, true);
	world_settle(w);
	world_serve(w, 1, SHARD, 5);
	assert_int_equal(w->nodes[1].state[SHARD], OWNERSHIP_SERVING);
	assert_int_equal(stats_of(w, 1).takeovers_cold_total, 1);
}

static void few_catch_up_at_a_time(void **state)
{
	struct world *w = *state;
	struct node *n = &w->nodes[1];
	const struct highwater none = {0};
	n->journal.held_tails = UINT64_MAX;
	for (uint32_t i = 0; i < SHARDS; i++)
		core_standby(n->core, w->now, i, true, &none);
	world_settle(w);
	assert_int_equal(n->journal.tails_begun, CORE_STANDBY_READS_MAX);
	n->journal.held_tails = 0;
	for (uint32_t i = 0; i < SHARDS; i++)
		world_settle(w);
	assert_int_equal(stats_of(w, 1).standbys_warm, SHARDS);
	assert_int_equal(n->journal.tails_begun, SHARDS);
}

static void its_lag_is_known(void **state)
{
	struct world *w = *state;
	world_serve(w, 0, SHARD, 5);
	run_sagas(w, 0, 2);
	w->nodes[1].journal.tail_most = 1;
	stand_by(w, 1, true);
	world_turn(w, 1);
	(void)model_journal_pump(&w->nodes[1].journal);
	assert_int_equal(stats_of(w, 1).standby_lag_batches, w->log.count[SHARD] - 1);
	assert_false(w->nodes[1].warm[SHARD]);
	w->nodes[1].journal.tail_most = 0;
	world_settle(w);
	assert_int_equal(stats_of(w, 1).standby_lag_batches, 0);
	assert_true(w->nodes[1].warm[SHARD]);
}

/* The epoch keeps being refused: perhaps the journal does not end where the tail thinks. */
static void an_epoch_that_is_refused_again_and_again(void **state) /* S22, S29 */
{
	struct world *w = *state;
	uint32_t sagas = 0;
	w->no_wait = true;
	world_serve(w, 0, SHARD, 5);
	stand_by(w, 1, true);
	world_settle(w);
	world_assign(w, 1, SHARD, 9);
	for (uint32_t i = 0; i < 400 && w->nodes[1].state[SHARD] != OWNERSHIP_SERVING; i++) {
		if (world_noted(w, "standby.dropped") == 0) {
			/* The stale owner is always a little earlier. */
			const uint32_t batches = w->log.count[SHARD];
			for (int k = 0; k < 8 && w->log.count[SHARD] == batches; k++) {
				const struct id id = world_id_on(w, SHARD, sagas++);
				w->caught_count = 0;
				world_submit(w, &id, "_INBOX.client.1");
				core_turn(w->nodes[0].core, w->now);
				(void)model_journal_pump(&w->nodes[0].journal);
			}
		}
		(void)model_journal_pump(&w->nodes[1].journal);
		world_turn(w, 1);
	}
	assert_int_equal(w->nodes[1].state[SHARD], OWNERSHIP_SERVING);
	assert_int_equal(world_noted(w, "standby.dropped"), 1);
	assert_int_equal(stats_of(w, 1).takeovers_cold_total, 1);
	assert_like_a_replay(w, w->nodes[1].core->shards[SHARD]);
}

static void answer_last_frame(struct world *w)
{
	static uint8_t memory[ARENA_SIZE];
	struct wire_reply replies[WIRE_FRAME_MAX];
	struct arena arena;
	struct wire_command_frame frame;
	struct caught *c = world_last(w, WIRE_COMMAND_FRAME);
	arena_init(&arena, memory, sizeof memory);
	assert_int_equal(
		wire_decode(WIRE_COMMAND_FRAME, slice_of(c->bytes, c->size), &arena, &frame, NULL),
		0);
	for (uint32_t i = 0; i < frame.command_count; i++)
		replies[i] = (struct wire_reply){
			.saga = frame.commands[i].saga,
			.step = frame.commands[i].step,
			.op = frame.commands[i].op,
			.operation = frame.commands[i].operation,
			.attempt = frame.commands[i].attempt,
			.epoch = frame.epoch,
			.outcome = i % 5 == 4 ? WIRE_OUTCOME_REJECTED : WIRE_OUTCOME_OK,
		};
	const struct wire_reply_frame answer = {.shard = SHARD,
						.service = slice_str("svc"),
						.instance = slice_str("i1"),
						.replies = replies,
						.reply_count = frame.command_count};
	c->kind = WIRE_NONE; /* each one once */
	world_send(w, WIRE_REPLY_FRAME, &answer, SHARD, SUBJECT_REPLY, "svc", "_INBOX.svc.1");
}

/* Sagas, tails that lag, break and are ordered off and on, owners that die at any moment: whoever
 * takes over holds what a replay holds. */
static void any_course_ends_like_a_replay(void **state) /* N8, S29 */
{
	struct world *w = *state;
	struct prng prng;
	uint32_t next_saga = 0;
	uint32_t warm = 0;
	uint64_t revision = 5;
	int owner = 0;

	prng_seed(&prng, 20260101);
	w->no_wait = true;
	world_serve(w, owner, SHARD, revision);
	for (uint32_t round = 0; round < 500; round++) {
		struct node *n = &w->nodes[1 - owner];
		const uint64_t what = prng_below(&prng, 20);
		w->caught_count = w->caught_count > CAUGHT_MAX / 2 ? 0 : w->caught_count;
		n->journal.tail_most = (uint32_t)prng_below(&prng, 3);
		n->journal.held_tails = prng_below(&prng, 4) == 0 ? UINT64_MAX : 0;
		n->journal.tail_error = prng_below(&prng, 30) == 0 ? SAGA_E_TIMEOUT : 0;
		if (prng_below(&prng, 200) == 0)
			n->journal.tail_error = SAGA_E_JOURNAL_GAP;
		if (what < 8) {
			const struct id id = world_id_on(w, SHARD, next_saga++);
			world_submit(w, &id, "_INBOX.client.1");
		} else if (what < 14 && world_count(w, WIRE_COMMAND_FRAME) > 0) {
			answer_last_frame(w);
		} else if (what < 16) {
			core_standby(n->core, w->now, SHARD, what == 14 || round % 3 > 0,
				     &n->mark[SHARD]);
		} else if (what == 16 && round % 4 == 0) {
			const struct core_stats before = stats_of(w, 1 - owner);
			if (prng_below(&prng, 2) == 0) { /* handed over */
				core_release(w->nodes[owner].core, w->now, SHARD);
				world_settle(w);
			} else { /* lost */
				core_fence(w->nodes[owner].core, w->now, SHARD, SAGA_E_LEASE_LOST);
			}
			n->journal.tail_error = 0;
			owner = 1 - owner;
			revision += 3;
			world_serve(w, owner, SHARD, revision);
			assert_int_equal(n->state[SHARD], OWNERSHIP_SERVING);
			assert_like_a_replay(w, n->core->shards[SHARD]);
			warm += stats_of(w, owner).takeovers_warm_total >
				before.takeovers_warm_total;
		}
		world_turn(w, prng_below(&prng, 40));
		for (int i = 0; i < 2; i++)
			if (prng_below(&prng, 3) > 0)
				(void)model_journal_pump(&w->nodes[i].journal);
		if (prng_below(&prng, 8) == 0)
			w->now.mono_ms += CORE_STANDBY_AGAIN_MS;
	}
	assert_in_range(warm, 2, 400);
}

int main(void)
{
#define STANDBY_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		STANDBY_TEST(follows_without_a_word),
		STANDBY_TEST(goes_on_from_where_it_was),
		STANDBY_TEST(other_bytes_at_its_end_mean_a_whole_replay),
		STANDBY_TEST(a_shorter_journal_means_a_whole_replay),
		STANDBY_TEST(damage_behind_it_halts),
		STANDBY_TEST(damage_in_its_way_drops_it),
		STANDBY_TEST(the_mark_is_checked),
		STANDBY_TEST(trouble_of_the_broker_is_waited_out),
		STANDBY_TEST(short_memory_drops_it),
		STANDBY_TEST(orders_are_followed),
		STANDBY_TEST(an_empty_one_is_of_no_use),
		STANDBY_TEST(few_catch_up_at_a_time),
		STANDBY_TEST(its_lag_is_known),
		STANDBY_TEST(an_epoch_that_is_refused_again_and_again),
		STANDBY_TEST(any_course_ends_like_a_replay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
