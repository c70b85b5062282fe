/* Schedules in which a careless node would harm others, stay ill or never let go. */
#include "tests/unit/node_world.h"

#include <stdlib.h>

static void quiesce_with_dead_journal_lets_go(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);
	world_serve(w, 0, 1, 5);
	w->nodes[0].journal.append_fault = MODEL_LOSE_REQUEST;
	world_submit(w, &id, "_INBOX.client.1");
	world_turn(w, 1);
	core_release(w->nodes[0].core, w->now, 1);
	for (int i = 0; i < 600; i++) {
		(void)model_journal_pump(&w->nodes[0].journal);
		world_turn(w, 100);
	}
	assert_true(w->nodes[0].state[1] == OWNERSHIP_FENCED ||
		    w->nodes[0].state[1] == OWNERSHIP_RELEASED);
}

static void lost_tail_with_unknown_append_halts(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0), id2 = world_id_on(w, 1, 1);
	world_serve(w, 0, 1, 5);
	world_submit(w, &id, "_INBOX.client.1");
	world_settle(w);
	world_turn(w, 2000);
	world_submit(w, &id2, "_INBOX.client.1");
	world_turn(w, 1);
	w->nodes[0].journal.append_fault = MODEL_LOSE_REQUEST;
	(void)model_journal_pump(&w->nodes[0].journal);
	w->nodes[0].journal.append_fault = MODEL_FINE;
	free(w->log.batches[1][w->log.count[1] - 1].bytes);
	w->log.count[1]--;
	for (int i = 0; i < 600; i++) {
		(void)model_journal_pump(&w->nodes[0].journal);
		world_turn(w, 100);
	}
	assert_true(w->nodes[0].state[1] == OWNERSHIP_FENCED ||
		    w->nodes[0].state[1] == OWNERSHIP_HALTED);
}

static void lost_epoch_race_is_not_ill(void **state)
{
	struct world *w = *state;
	struct core_stats stats;
	w->now.mono_ms = 1000000;
	world_serve(w, 0, 1, 5);
	world_assign(w, 1, 1, 9);
	const struct id id = world_id_on(w, 1, 0);
	(void)model_journal_pump(&w->nodes[1].journal); /* reads to the end, proposes */
	world_submit(w, &id, "_INBOX.client.1");
	world_turn(w, 1);
	(void)model_journal_pump(&w->nodes[0].journal); /* the stale owner is faster */
	(void)model_journal_pump(&w->nodes[1].journal); /* refused */
	core_stats(w->nodes[1].core, &stats);
	assert_false(stats.journal_stuck);
}

/* S14: what waits too long before it leaves would outlive its attempt in the stream. */
static void a_durable_command_leaves_soon_or_never(void **state)
{
	static const struct {
		uint32_t wait_ms;
		bool direct, leaves;
	} cases[] = {
		{CORE_COMMAND_LEAVE_MS - 10, false, true},
		{CORE_COMMAND_LEAVE_MS + 10, false, false},
		{CORE_COMMAND_LEAVE_MS + 10, true, true},
	};
	struct world *w = *state;
	struct core_stats stats;
	world_serve(w, 0, 1, 5);
	for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct id id = world_id_on(w, 1, i);
		const uint32_t before = world_count(w, WIRE_COMMAND_FRAME);
		core_stats(w->nodes[0].core, &stats);
		const uint64_t dropped = stats.messages_dropped;
		w->direct = cases[i].direct;
		world_submit(w, &id, "_INBOX.client.1");
		world_turn(w, 1);
		(void)model_journal_pump(&w->nodes[0].journal);
		w->nodes[0].lease = false; /* durable, and held up on its way out */
		for (uint32_t waited = 0; waited < cases[i].wait_ms; waited += 10)
			world_turn(w, 10);
		w->nodes[0].lease = true;
		world_turn(w, 1);
		assert_int_equal(world_count(w, WIRE_COMMAND_FRAME) - before,
				 cases[i].leaves ? 1 : 0);
		core_stats(w->nodes[0].core, &stats);
		assert_int_equal(stats.messages_dropped - dropped, cases[i].leaves ? 0 : 1);
	}
}

/* A slow journal alone loses no command: before it would, shard time stands still (S16). */
static void a_slow_journal_loses_no_command(void **state)
{
	struct world *w = *state;
	world_serve(w, 0, 1, 5);
	const struct id first = world_id_on(w, 1, 0), second = world_id_on(w, 1, 1);
	world_submit(w, &first, "_INBOX.client.1");
	world_turn(w, 1); /* its batch is in flight, the next one waits for it */
	world_submit(w, &second, "_INBOX.client.1");
	for (uint32_t batch = 0; batch < 2; batch++) {
		for (uint32_t waited_ms = 0; waited_ms < 4000; waited_ms += 10)
			world_turn(w, 10);
		assert_int_equal(world_count(w, WIRE_COMMAND_FRAME), batch);
		assert_int_equal(model_journal_pump(&w->nodes[0].journal), 1);
		world_turn(w, 1);
	}
	assert_int_equal(world_count(w, WIRE_COMMAND_FRAME), 2);
}

/* The journal of shard 1 takes nothing for so long. */
static void starve_shard_1(struct world *w, uint32_t seconds, bool others_work)
{
	for (uint32_t i = 0; i < seconds; i++) {
		w->nodes[0].journal.append_fault = MODEL_LOSE_REQUEST;
		world_turn(w, 1000);
		(void)model_journal_pump(&w->nodes[0].journal);
		w->nodes[0].journal.append_fault = MODEL_FINE;
		if (!others_work)
			continue;
		const struct id id = world_id_on(w, 2, i);
		world_submit(w, &id, "_INBOX.client.1");
		world_turn(w, 1);
		world_turn(w, 1);
		(void)model_journal_pump(&w->nodes[0].journal);
	}
}

/* While the broker elects a leader for one journal, the node is as well as any other (S21). */
static void ill_only_when_no_journal_moves(void **state)
{
	struct world *w = *state;
	struct core_stats stats;
	const struct id id = world_id_on(w, 1, 0);
	w->now.mono_ms = 1000000;
	world_assign(w, 0, 1, 5);
	world_assign(w, 0, 2, 6);
	world_settle(w);
	world_submit(w, &id, "_INBOX.client.1");
	starve_shard_1(w, 14, true); /* below the attempts' time-out: shard 2 stays in step */
	core_stats(w->nodes[0].core, &stats);
	assert_true(stats.appends_unknown > 5);
	assert_false(stats.journal_stuck);
	starve_shard_1(w, 10, false);
	core_stats(w->nodes[0].core, &stats);
	assert_false(stats.journal_stuck);
	starve_shard_1(w, 4, false);
	core_stats(w->nodes[0].core, &stats);
	assert_true(stats.journal_stuck);
	loopback_set_connected(w->nodes[0].transport, false);
	starve_shard_1(w, 30, false);
	loopback_set_connected(w->nodes[0].transport, true);
	starve_shard_1(w, 10, false);
	core_stats(w->nodes[0].core, &stats);
	assert_false(stats.journal_stuck);
	starve_shard_1(w, 4, false);
	core_stats(w->nodes[0].core, &stats);
	assert_true(stats.journal_stuck);
}

/* Where nothing else is to be appended, the node finds out whether it could be (S21): whatever it
 * owns, one leaderless journal is no reason to move any of it. */
static void an_idle_node_is_not_ill_for_one_journal(void **state)
{
	struct world *w = *state;
	struct core_stats stats;
	const struct id id = world_id_on(w, 1, 0);
	w->now.mono_ms = 1000000;
	world_assign(w, 0, 1, 5);
	world_assign(w, 0, 2, 6);
	world_assign(w, 0, 3, 7);
	world_settle(w);
	world_turn(w, 60000); /* long idle */
	const uint32_t before = w->log.count[2] + w->log.count[3];
	w->nodes[0].journal.fine_shards = 1 << 2 | 1 << 3;
	world_submit(w, &id, "_INBOX.client.1");
	for (uint32_t i = 0; i < 60; i++) {
		starve_shard_1(w, 1, false);
		core_stats(w->nodes[0].core, &stats);
		assert_false(stats.journal_stuck);
	}
	assert_in_range(w->log.count[2] + w->log.count[3] - before, 1, 20); /* and no flood */
	/* Two of three without a leader: still the broker's. */
	w->nodes[0].journal.fine_shards = 1 << 3;
	for (uint32_t i = 0; i < 30; i++) {
		starve_shard_1(w, 1, false);
		core_stats(w->nodes[0].core, &stats);
		assert_false(stats.journal_stuck);
	}
	/* None: ours, for all that can be known. */
	w->nodes[0].journal.fine_shards = 0;
	starve_shard_1(w, 14, false);
	core_stats(w->nodes[0].core, &stats);
	assert_true(stats.journal_stuck);
	/* And over when the journals take something again. */
	w->nodes[0].journal.fine_shards = 1 << 1 | 1 << 2 | 1 << 3;
	starve_shard_1(w, 3, false);
	core_stats(w->nodes[0].core, &stats);
	assert_false(stats.journal_stuck);
}

static void halted_after_lost_epoch_is_not_stuck(void **state)
{
	struct world *w = *state;
	struct core_stats stats;
	w->now.mono_ms = 1000000;
	world_serve(w, 0, 1, 5);
	world_assign(w, 1, 1, 9);
	const struct id id = world_id_on(w, 1, 0);
	(void)model_journal_pump(&w->nodes[1].journal);
	world_submit(w, &id, "_INBOX.client.1");
	world_turn(w, 1);
	(void)model_journal_pump(&w->nodes[0].journal);
	w->log.batches[1][w->log.count[1] - 1].bytes[20] ^= 1; /* damaged */
	(void)model_journal_pump(&w->nodes[1].journal);
	(void)model_journal_pump(&w->nodes[1].journal);
	world_turn(w, 60000);
	core_stats(w->nodes[1].core, &stats);
	assert_false(stats.journal_stuck);
}

static void same_epoch_other_nonce_does_not_own(void **state) /* S22 */
{
	struct world *w = *state;
	world_serve(w, 0, 1, 55);
	world_assign(w, 1, 1, 3); /* etcd restored */
	for (uint32_t i = 0; i < 60; i++) {
		const struct id id = world_id_on(w, 1, i);
		world_submit(w, &id, "_INBOX.client.1");
		world_turn(w, 1);
		(void)model_journal_pump(&w->nodes[0].journal);
		struct model_journal *j = &w->nodes[1].journal;
		bool unfenced = false;
		for (uint32_t k = 0; k < j->call_count; k++)
			unfenced |= j->calls[k].append && j->calls[k].expected == JOURNAL_UNFENCED;
		if (unfenced)
			break;
		(void)model_journal_pump(j);
		world_turn(w, 100);
	}
	/* The unfenced epoch 56 of n2 is on its way and gets lost; n1 gets the key again as 56 */
	w->nodes[1].journal.append_fault = MODEL_LOSE_REQUEST;
	(void)model_journal_pump(&w->nodes[1].journal);
	w->nodes[1].journal.append_fault = MODEL_FINE;
	world_assign(w, 0, 1, 4);
	for (int i = 0; i < 6; i++) {
		(void)model_journal_pump(&w->nodes[0].journal);
		world_turn(w, 1);
	}
	world_turn(w, 300);
	for (int i = 0; i < 20; i++) {
		(void)model_journal_pump(&w->nodes[1].journal);
		world_turn(w, 100);
	}
	/* Now n2 takes a submit that n1 does not hear of, and says that it is durable */
	world_node_close(&w->nodes[0]);
	w->caught_count = 0;
	const struct id id = world_id_on(w, 1, 61);
	world_submit(w, &id, "_INBOX.client.9");
	world_settle(w);
	const bool acknowledged = world_count(w, WIRE_ANSWER) > 0 && world_last_answer(w).code == 0;
	world_node_close(&w->nodes[1]);
	world_node_open(w, &w->nodes[0], "n1");
	world_serve(w, 0, 1, 5);
	const struct wire_query query = {.id = id_slice(&id)};
	world_send(w, WIRE_QUERY, &query, 1, SUBJECT_QUERY, "default", "_INBOX.client.2");
	world_settle(w);
	assert_true(acknowledged);
	assert_int_equal(world_last_answer(w).code, 0);
}

static void unfenced_landing_keeps_time(void **state)
{
	struct world *w = *state;
	world_serve(w, 0, 1, 5);
	world_assign(w, 1, 1, 9);
	uint32_t i;
	for (i = 0; i < 60; i++) {
		const struct id id = world_id_on(w, 1, i);
		world_submit(w, &id, "_INBOX.client.1");
		world_turn(w, 1);
		(void)model_journal_pump(&w->nodes[0].journal);
		struct model_journal *j = &w->nodes[1].journal;
		bool unfenced = false;
		for (uint32_t k = 0; k < j->call_count; k++)
			unfenced |= j->calls[k].append && j->calls[k].expected == JOURNAL_UNFENCED;
		if (unfenced)
			break;
		(void)model_journal_pump(j);
		world_turn(w, 100);
	}
	for (uint32_t k = 0; k < 40; k++) { /* the unfenced one is slow, the stale owner is not */
		const struct id id = world_id_on(w, 1, ++i);
		world_submit(w, &id, "_INBOX.client.1");
		world_turn(w, 50);
		(void)model_journal_pump(&w->nodes[0].journal);
		world_turn(w, 50);
		w->caught_count = 0;
	}
	(void)model_journal_pump(&w->nodes[1].journal); /* lands */
	world_node_close(&w->nodes[0]);
	world_turn(w, 201);
	(void)model_journal_pump(&w->nodes[1].journal);
	(void)model_journal_pump(&w->nodes[1].journal);
	world_turn(w, 1);
	assert_int_equal(w->nodes[1].state[1], OWNERSHIP_SERVING);
	const struct id id = world_id_on(w, 1, 62);
	world_submit(w, &id, "_INBOX.client.9");
	world_settle(w);
	world_node_open(w, &w->nodes[0], "n1");
	world_serve(w, 0, 1, 11);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_SERVING);
}

static void history_cursor_is_checked(void **state)
{
	struct world *w = *state;
	const struct id id = world_begin(w);
	const struct wire_history_request request = {.id = id_slice(&id), .from_sequence = 1000000};
	world_send(w, WIRE_HISTORY_REQUEST, &request, 1, SUBJECT_HISTORY, "default",
		   "_INBOX.client.3");
	struct model_journal *j = &w->nodes[0].journal;
	for (uint32_t k = 0; k < j->call_count; k++)
		if (!j->calls[k].append) {
			assert_true(j->calls[k].from <=
				    j->calls[k].to); /* jetstream_read CHECKs it */
		}
}

static void reply_with(struct world *w, const struct id *saga, uint32_t step, struct uuid op,
		       uint32_t outcome)
{
	struct wire_reply reply = {.saga = id_slice(saga),
				   .step = step,
				   .op = 1,
				   .operation = op,
				   .attempt = 1,
				   .epoch = 5,
				   .outcome = outcome};
	const struct wire_reply_frame frame = {.shard = 1,
					       .service = slice_str("svc"),
					       .instance = slice_str("i1"),
					       .replies = &reply,
					       .reply_count = 1};
	world_send(w, WIRE_REPLY_FRAME, &frame, 1, SUBJECT_REPLY, "svc", "");
}

static void low_water_waits_for_its_records(void **state) /* S1, S8 */
{
	struct world *w = *state;
	static uint8_t memory[ARENA_SIZE];
	struct arena arena;
	struct wire_command_frame frame;
	const struct id x = world_id_on(w, 1, 0), y = world_id_on(w, 1, 1);
	uint64_t epoch;
	world_serve(w, 0, 1, 5);
	w->no_wait = true;
	world_submit(w, &x, "_INBOX.client.1");
	w->no_wait = false;
	world_settle(w);
	world_answer_ok(w, 1);
	world_settle(w);
	const struct wire_command cx = world_last_command(w, &epoch);
	const struct uuid opx = cx.operation;
	assert_int_equal(cx.step, 1);
	world_submit(w, &y, "_INBOX.client.2");
	world_settle(w);
	const struct wire_command cy = world_last_command(w, &epoch);
	const struct uuid opy = cy.operation;
	world_turn(w, 300);
	world_settle(w);
	w->caught_count = 0;
	w->nodes[0].journal.append_fault = MODEL_HOLD;
	reply_with(w, &y, 0, opy, WIRE_OUTCOME_STALE);
	reply_with(w, &x, 1, opx, WIRE_OUTCOME_OK);
	const struct wire_query query = {.id = id_slice(&y)};
	world_send(w, WIRE_QUERY, &query, 1, SUBJECT_QUERY, "default", "");
	world_settle(w);
	if (world_count(w, WIRE_COMMAND_FRAME) > 0) {
		struct caught *c = world_last(w, WIRE_COMMAND_FRAME);
		arena_init(&arena, memory, sizeof memory);
		assert_int_equal(wire_decode(WIRE_COMMAND_FRAME, slice_of(c->bytes, c->size),
					     &arena, &frame, NULL),
				 0);
		assert_int_equal(frame.low_water, 1);
	}
}

static void resend_needs_a_lease(void **state) /* S28 */
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);
	world_serve(w, 0, 1, 5);
	world_submit(w, &id, "_INBOX.client.1");
	world_turn(w, 1);
	w->nodes[0].journal.append_fault = MODEL_LOSE_REQUEST;
	(void)model_journal_pump(&w->nodes[0].journal);
	w->nodes[0].journal.append_fault = MODEL_FINE;
	w->nodes[0].lease = false;
	const uint32_t before = w->log.count[1];
	for (int i = 0; i < 20; i++) {
		world_turn(w, 100);
		(void)model_journal_pump(&w->nodes[0].journal);
	}
	assert_int_equal(before, w->log.count[1]);
}

static bool called_ill(struct world *w)
{
	struct core_stats stats;
	core_stats(w->nodes[0].core, &stats);
	return stats.journal_stuck;
}

/* No journal answers node 0 in this time. */
static void pass_seconds(struct world *w, uint32_t seconds)
{
	for (uint32_t i = 0; i < 10 * seconds; i++)
		world_turn(w, 100);
}

/* S21: who cannot even read what it was given is ill, and stays ill without shards until a journal
 * has answered: or it would be given them again, for ever. */
static void a_node_without_journals_is_ill_until_one_answers(void **state)
{
	struct world *w = *state;
	w->now.mono_ms = 1000000;
	world_assign(w, 0, 1, 5);
	pass_seconds(w, 11);
	assert_false(called_ill(w));
	pass_seconds(w, 2);
	assert_true(called_ill(w));
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_UNOWNED); /* replaying, not told */
	core_release(w->nodes[0].core, w->now, 1);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_FENCED);
	pass_seconds(w, 60);
	assert_true(called_ill(w));
	assert_true(model_journal_pump(&w->nodes[0].journal) > 0);
	assert_false(called_ill(w));
	pass_seconds(w, 60); /* idle is not ill */
	assert_false(called_ill(w));
	world_serve(w, 0, 1, 9);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_SERVING);
}

/* The journals that answer speak for the node, whichever does not. */
static void a_replay_that_waits_is_not_ill_beside_others(void **state)
{
	struct world *w = *state;
	const uint32_t before = w->log.count[2];
	w->now.mono_ms = 1000000;
	world_serve(w, 0, 2, 5);
	world_assign(w, 0, 1, 6);
	w->nodes[0].journal.silent_reads = 1 << 1;
	for (uint32_t i = 0; i < 60; i++) {
		pass_seconds(w, 1);
		(void)model_journal_pump(&w->nodes[0].journal);
		assert_false(called_ill(w));
	}
	assert_in_range(w->log.count[2] - before, 2, 20); /* asked now and then, and no flood */
	w->nodes[0].journal.silent_reads = 0;
	pass_seconds(w, 1);
	world_settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_SERVING);
}

/* S16, 25: what came after a stop of the process is not dated by what was before it. */
static void what_comes_after_a_stop_is_dated_after_it(void **state)
{
	struct world *w = *state;
	const struct id before = world_id_on(w, 1, 0), after = world_id_on(w, 1, 1);
	w->no_wait = true;
	world_serve(w, 0, 1, 5);
	world_submit(w, &before, "_INBOX.client.1");
	world_settle(w);
	const uint64_t accepted_at = world_last_answer(w).accepted_at;
	w->now.mono_ms += 900;
	w->now.wall_ms += 900;
	core_wake(w->nodes[0].core, w->now);
	world_submit(w, &after, "_INBOX.client.1");
	world_settle(w);
	assert_true(world_last_answer(w).accepted_at >= accepted_at + 900);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
		TEST(quiesce_with_dead_journal_lets_go),
		TEST(lost_tail_with_unknown_append_halts),
		TEST(lost_epoch_race_is_not_ill),
		TEST(ill_only_when_no_journal_moves),
		TEST(an_idle_node_is_not_ill_for_one_journal),
		TEST(halted_after_lost_epoch_is_not_stuck),
		TEST(same_epoch_other_nonce_does_not_own),
		TEST(unfenced_landing_keeps_time),
		TEST(history_cursor_is_checked),
		TEST(low_water_waits_for_its_records),
		TEST(resend_needs_a_lease),
		TEST(a_durable_command_leaves_soon_or_never),
		TEST(a_slow_journal_loses_no_command),
		TEST(what_comes_after_a_stop_is_dated_after_it),
		TEST(a_node_without_journals_is_ill_until_one_answers),
		TEST(a_replay_that_waits_is_not_ill_beside_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
