/* Calls of journal and transport that fail at once, answers that come too late, journals of another
 * cluster: the schedules of core_acquire.c and core_append.c that no healthy model makes. */
#include "tests/unit/node_world.h"

#include <stdlib.h>

#include "node/core_internal.h"
#include "wire/record.h"

/* ---- a journal whose calls fail ---- */

static uint32_t appends_fail, unfenced_fail, reads_fail; /* so many more */
static const struct journal_ops *journal_healthy;

static int failing_append(struct journal *j, uint32_t shard, uint64_t expected,
			  struct journal_place place, struct slice bytes, uint64_t token)
{
	uint32_t *fail = expected == JOURNAL_UNFENCED ? &unfenced_fail : &appends_fail;

	if (*fail > 0) {
		(*fail)--;
		return SAGA_E_BUSY;
	}
	return journal_healthy->append(j, shard, expected, place, bytes, token);
}

static int failing_read(struct journal *j, uint32_t shard, uint64_t from, uint64_t to,
			uint64_t token)
{
	if (reads_fail > 0) {
		reads_fail--;
		return SAGA_E_DISCONNECTED;
	}
	return journal_healthy->read(j, shard, from, to, token);
}

static struct journal_ops journal_failing;

static void wrap_journal(struct node *n)
{
	journal_healthy = n->journal.base.ops;
	journal_failing = *journal_healthy;
	journal_failing.append = failing_append;
	journal_failing.read = failing_read;
	n->journal.base.ops = &journal_failing;
	appends_fail = unfenced_fail = reads_fail = 0;
}

static void wait_for(struct world *w, int node, uint32_t shard, enum ownership wanted)
{
	for (uint32_t i = 0; i < 2000 && w->nodes[node].state[shard] != wanted; i++) {
		(void)model_journal_pump(&w->nodes[node].journal);
		world_turn(w, 50);
	}
	assert_int_equal(w->nodes[node].state[shard], wanted);
}

static void a_replay_whose_read_fails_is_tried_again(void **state)
{
	struct world *w = *state;

	wrap_journal(&w->nodes[0]);
	reads_fail = 3;
	world_assign(w, 0, 1, 5);
	assert_int_equal(reads_fail, 2);
	world_settle(w); /* less than the pause between two reads */
	assert_int_equal(reads_fail, 2);
	wait_for(w, 0, 1, OWNERSHIP_SERVING);
	assert_int_equal(reads_fail, 0);
}

/* S6: that it was not sent is no reason to build another batch. */
static void an_append_that_is_not_taken_is_sent_again(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);
	struct core_stats stats;

	wrap_journal(&w->nodes[0]);
	world_serve(w, 0, 1, 5);
	const uint32_t batches = w->log.count[1];
	appends_fail = 2;
	world_submit(w, &id, "_INBOX.client.1");
	for (uint32_t i = 0; i < 400 && world_count(w, WIRE_ANSWER) == 0; i++) {
		(void)model_journal_pump(&w->nodes[0].journal);
		world_turn(w, 50);
	}
	assert_int_equal(world_last_answer(w).state, WIRE_STATE_RUNNING);
	assert_int_equal(appends_fail, 0);
	assert_int_equal(w->log.count[1], batches + 1);
	core_stats(w->nodes[0].core, &stats);
	assert_int_equal(stats.txn.accepted_total, 1);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_SERVING);
}

/* It was stored and nobody heard of it; then the read that would tell is not taken either. */
static void a_position_that_cannot_be_read_is_settled_later(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);

	wrap_journal(&w->nodes[0]);
	world_serve(w, 0, 1, 5);
	const uint32_t batches = w->log.count[1];
	w->nodes[0].journal.append_fault = MODEL_LOSE_ANSWER;
	world_submit(w, &id, "_INBOX.client.1");
	world_turn(w, 1);
	(void)model_journal_pump(&w->nodes[0].journal);
	w->nodes[0].journal.append_fault = MODEL_FINE;
	reads_fail = 2;
	for (uint32_t i = 0; i < 400 && world_count(w, WIRE_ANSWER) == 0; i++) {
		(void)model_journal_pump(&w->nodes[0].journal);
		world_turn(w, 50);
	}
	assert_int_equal(world_last_answer(w).state, WIRE_STATE_RUNNING);
	assert_int_equal(reads_fail, 0);
	assert_int_equal(w->log.count[1], batches + 1);
	assert_int_equal(world_noted(w, "journal.append_settled"), 1);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_SERVING);
}

/* Node 0 keeps writing, so that node 1's fenced epoch is refused until it goes unfenced (S22); and
 * that append is not taken at first. */
static void an_unfenced_epoch_that_is_not_taken_is_tried_again(void **state)
{
	struct world *w = *state;
	world_serve(w, 0, 1, 5);
	wrap_journal(&w->nodes[1]);
	unfenced_fail = 2;
	world_assign(w, 1, 1, 9);
	for (uint32_t i = 0; i < 60 && w->nodes[1].state[1] != OWNERSHIP_SERVING; i++) {
		const struct id id = world_id_on(w, 1, i);

		if (w->nodes[0].state[1] == OWNERSHIP_SERVING)
			world_submit(w, &id, "_INBOX.client.1");
		world_turn(w, 1);
		(void)model_journal_pump(&w->nodes[0].journal);
		(void)model_journal_pump(&w->nodes[1].journal);
		world_turn(w, 100);
	}
	world_settle(w);
	assert_int_equal(unfenced_fail, 0);
	assert_int_equal(world_noted(w, "shard.epoch_unfenced"), 3);
	assert_int_equal(w->nodes[1].state[1], OWNERSHIP_SERVING);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_FENCED);
}

/* More replays than may read at a time: the others wait for their turn, and all get there. */
static void many_replays_take_turns(void **state)
{
	struct world *w = *state;
	uint32_t reads = 0;

	for (uint32_t shard = 0; shard < SHARDS; shard++)
		world_assign(w, 0, shard, 5);
	for (uint32_t i = 0; i < w->nodes[0].journal.call_count; i++)
		reads += !w->nodes[0].journal.calls[i].append;
	assert_int_equal(reads, CORE_READS_MAX);
	world_settle(w);
	for (uint32_t shard = 0; shard < SHARDS; shard++)
		assert_int_equal(w->nodes[0].state[shard], OWNERSHIP_SERVING);
}

/* ---- journals that are not ours ---- */

static void a_hole_that_stays_halts(void **state)
{
	struct world *w = *state;
	struct node *n = &w->nodes[0];

	world_assign(w, 0, 1, 5);
	for (uint32_t i = 0; i < 200 && n->state[1] != OWNERSHIP_HALTED; i++) {
		const struct shard *s = n->core->shards[1];

		assert_int_equal(s->state, OWNERSHIP_REPLAYING);
		if (s->read_token != 0)
			core_read_end(n->core, w->now, 1, s->read_token, SAGA_E_JOURNAL_GAP, 1);
		w->now.mono_ms += 100;
		core_turn(n->core, w->now);
	}
	assert_int_equal(n->state[1], OWNERSHIP_HALTED);
	assert_int_equal(n->code[1], SAGA_E_JOURNAL_CORRUPT);
	assert_in_range(w->now.mono_ms, 5000 + CORE_DOUBT_MS, 5000 + CORE_DOUBT_MS + 1000);
}

/* A server that leads no more says that the log is short; then nobody answers for long, and then it
 * is heard again. That is two bad looks, not one that lasts. */
static void an_outage_between_bad_looks_proves_nothing(void **state)
{
	struct world *w = *state;
	struct node *n = &w->nodes[0];

	world_assign(w, 0, 1, 5);
	for (uint32_t i = 0; i < 1000; i++) {
		const struct shard *s = n->core->shards[1];

		assert_int_equal(s->state, OWNERSHIP_REPLAYING);
		if (s->read_token != 0)
			core_read_end(n->core, w->now, 1, s->read_token,
				      i % 100 < 5 ? SAGA_E_JOURNAL_GAP : SAGA_E_TIMEOUT, 1);
		w->now.mono_ms += 100;
		core_turn(n->core, w->now);
	}
	/* Nor does a pause of our own between two. */
	for (uint32_t i = 0; i < 5; i++) {
		const struct shard *s = n->core->shards[1];

		assert_int_equal(s->state, OWNERSHIP_REPLAYING);
		if (s->read_token != 0)
			core_read_end(n->core, w->now, 1, s->read_token, SAGA_E_JOURNAL_GAP, 1);
		w->now.mono_ms += 60000;
		core_turn(n->core, w->now);
	}
	assert_int_equal(n->core->shards[1]->state, OWNERSHIP_REPLAYING);
}

/* The journal of shard 1 is this batch alone: the right cluster, and a genesis of something else.
 */
static void write_genesis(struct world *w, const struct wire_record_genesis *genesis, bool whole)
{
	const struct batch_header header = {.shard = 1,
					    .record_count = 1,
					    .first_record = 1,
					    .shard_time = T0,
					    .cluster = w->cluster};
	struct buf record, batch;

	buf_init(&record, 4096);
	buf_init(&batch, 8192);
	assert_int_equal(wire_encode(WIRE_RECORD_GENESIS, genesis, &record), 0);
	if (!whole) { /* the cluster's name loses its last letter, and is no name any more */
		uint8_t *name = memmem(record.data, record.size, "test-cluster", 12);

		assert_non_null(name);
		name[11] = '!';
	}
	assert_int_equal(batch_encode(&header, buf_slice(&record), &batch), 0);
	while (w->log.count[1] > 0)
		free(w->log.batches[1][--w->log.count[1]].bytes);
	assert_int_equal(model_log_put(&w->log, 1, buf_slice(&batch)), 0);
	buf_close(&record);
	buf_close(&batch);
}

/* The journal's stamp outranks what etcd says (S11). */
static void a_journal_of_another_cluster_halts(void **state)
{
	struct world *w = *state;
	struct wire_slots slots = w->slots;
	const struct wire_record_genesis ours = {.cluster = id_slice(&w->cluster),
						 .shard = 1,
						 .shard_count = SHARDS,
						 .slots = wire_slots_hash(&w->slots),
						 .created = slice_str("2026-01-01")};
	struct wire_record_genesis other = ours;

	write_genesis(w, &ours, true);
	world_serve(w, 0, 1, 5);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_SERVING);
	core_fence(w->nodes[0].core, w->now, 1, SAGA_E_NOT_OWNER);

	other.shard = 2;
	write_genesis(w, &other, true);
	world_serve(w, 0, 1, 6);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_HALTED);
	assert_int_equal(w->nodes[0].code[1], SAGA_E_JOURNAL_FOREIGN);

	other = ours;
	other.shard_count = SHARDS + 1;
	write_genesis(w, &other, true);
	world_serve(w, 1, 1, 7);
	assert_int_equal(w->nodes[1].code[1], SAGA_E_CLUSTER_MISMATCH);

	other = ours;
	slots.shard_of_slot[0] ^= 1;
	other.slots = wire_slots_hash(&slots);
	write_genesis(w, &other, true);
	world_serve(w, 0, 1, 8);
	assert_int_equal(w->nodes[0].code[1], SAGA_E_CLUSTER_MISMATCH);

	write_genesis(w, &ours, false);
	world_serve(w, 1, 1, 9);
	assert_int_equal(w->nodes[1].state[1], OWNERSHIP_HALTED);
	assert_int_equal(w->nodes[1].code[1], SAGA_E_JOURNAL_CORRUPT);
}

/* ---- what comes when it is over ---- */

/* Callbacks of a journal that was not cancelled in time, for a shard that is gone, or by a token
 * that is not the one that is out. */
static void late_callbacks_change_nothing(void **state)
{
	struct world *w = *state;
	struct core *core = w->nodes[0].core;
	const uint8_t byte = 0;
	struct core_stats stats;

	world_serve(w, 0, 1, 5);
	const uint64_t next = core_token(core);
	for (uint32_t shard = 1; shard <= 2; shard++) { /* 2 is not here */
		for (uint64_t token = 0; token < next; token++) {
			core_appended(core, w->now, shard, token + next, JOURNAL_STORED, 99);
			core_batch(core, w->now, shard, token, 99, slice_of(&byte, 1));
			core_read_end(core, w->now, shard, token, SAGA_E_JOURNAL_CORRUPT, 0);
		}
	}
	core_appended(core, w->now, 2, 0, JOURNAL_STORED, 99);
	core_release(core, w->now, 2);
	core_keep(core, w->now, 2);
	core_halt_shard(core, w->now, 2, SAGA_E_JOURNAL_MISSING);
	core_inbox_read(core, w->now, 2, 0, NULL);
	core_inbox_read(core, w->now, 1, 0, NULL);
	core_keep(core, w->now, 1); /* is not about to go */
	core_stats(core, &stats);
	assert_int_equal(stats.serving, 1);
	assert_int_equal(stats.halted + stats.replaying, 0);
	world_answer_ok(w, (world_begin(w), 1)); /* assigned again, and it works */
	world_settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_SERVING);
}

/* A halted shard stays, whatever it is told to do; only a new assignment ends that. */
static void a_halted_shard_keeps_its_place(void **state)
{
	struct world *w = *state;
	struct core *core = w->nodes[0].core;
	struct core_stats stats;

	world_serve(w, 0, 1, 5);
	core_halt_shard(core, w->now, 1, SAGA_E_JOURNAL_MISSING);
	core_halt_shard(core, w->now, 1, SAGA_E_JOURNAL_CORRUPT);
	assert_int_equal(w->nodes[0].code[1], SAGA_E_JOURNAL_MISSING);
	core_release(core, w->now, 1);
	core_keep(core, w->now, 1);
	world_settle(w);
	core_stats(core, &stats);
	assert_int_equal(stats.halted, 1);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_HALTED);
	world_serve(w, 0, 1, 6);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_SERVING);
}

int main(void)
{
#define TROUBLE_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TROUBLE_TEST(a_replay_whose_read_fails_is_tried_again),
		TROUBLE_TEST(an_append_that_is_not_taken_is_sent_again),
		TROUBLE_TEST(a_position_that_cannot_be_read_is_settled_later),
		TROUBLE_TEST(an_unfenced_epoch_that_is_not_taken_is_tried_again),
		TROUBLE_TEST(many_replays_take_turns),
		TROUBLE_TEST(a_hole_that_stays_halts),
		TROUBLE_TEST(an_outage_between_bad_looks_proves_nothing),
		TROUBLE_TEST(a_journal_of_another_cluster_halts),
		TROUBLE_TEST(late_callbacks_change_nothing),
		TROUBLE_TEST(a_halted_shard_keeps_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
