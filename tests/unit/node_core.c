/* The worker's pure part: what may leave, when, and what stops it. Safety rules are cited at the
 * tests that fail without them. */
#include "tests/unit/node_world.h"

#include <stdlib.h>

#include "node/core_internal.h"

static void serves_after_its_epoch_record(void **state)
{
	struct world *w = *state;
	world_assign(w, 0, 1, 55);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_UNOWNED);
	world_settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_SERVING);
	assert_int_equal(w->nodes[0].epoch[1], 55);
	assert_int_equal(w->log.count[1], 2); /* GENESIS, EPOCH */
}

static void epoch_is_above_the_journals(void **state) /* S22 */
{
	struct world *w = *state;
	world_serve(w, 0, 1, 55);
	/* etcd was restored from a backup: its revisions are small again. */
	world_serve(w, 1, 1, 3);
	assert_int_equal(w->nodes[1].state[1], OWNERSHIP_SERVING);
	assert_int_equal(w->nodes[1].epoch[1], 56);
}

static void nothing_leaves_before_it_is_durable(void **state) /* S1 */
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);
	world_serve(w, 0, 1, 5);
	w->nodes[0].journal.append_fault = MODEL_HOLD;
	world_submit(w, &id, "_INBOX.client.1");
	world_settle(w);
	assert_int_equal(w->caught_count, 0);
	/* The same id again: it is in memory, not yet durable. No answer either. */
	world_submit(w, &id, "_INBOX.client.2");
	world_settle(w);
	assert_int_equal(w->caught_count, 0);
	w->nodes[0].journal.append_fault = MODEL_FINE;
	world_settle(w);
	assert_int_equal(world_count(w, WIRE_ANSWER), 2);
	assert_int_equal(world_count(w, WIRE_COMMAND_FRAME), 1);
}

static void refused_append_fences_and_silences(void **state) /* S1, C8, N5 */
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);
	world_serve(w, 0, 1, 5);
	world_assign(w, 1, 1, 9); /* a second owner, by an early lease expiry */
	world_settle(w);
	assert_int_equal(w->nodes[1].state[1], OWNERSHIP_SERVING);
	/* Both hear the request; the stale one's append is refused and it says nothing. */
	world_submit(w, &id, "_INBOX.client.1");
	world_settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_FENCED);
	assert_int_equal(w->nodes[0].code[1], SAGA_E_FENCED);
	assert_int_equal(world_count(w, WIRE_ANSWER), 1);
	assert_int_equal(world_last_answer(w).epoch, 9);
}

static void nothing_leaves_without_a_lease(void **state) /* S28 */
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);
	world_serve(w, 0, 1, 5);
	world_submit(w, &id, "_INBOX.client.1");
	world_turn(w, 1); /* the batch is under way */
	w->nodes[0].lease = false;
	world_settle(w); /* its acknowledgement comes too late */
	assert_int_equal(w->caught_count, 0);
	const uint32_t batches = w->log.count[1];
	world_submit(w, &id, "_INBOX.client.2");
	world_settle(w);
	assert_int_equal(w->caught_count, 0);
	assert_int_equal(w->log.count[1], batches);
}

static void unknown_append_is_sent_again_as_it_was(void **state) /* S6 */
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);
	world_serve(w, 0, 1, 5);
	world_submit(w, &id, "_INBOX.client.1");
	world_turn(w, 1);
	w->nodes[0].journal.append_fault = MODEL_LOSE_ANSWER; /* stored, but nobody says so */
	(void)model_journal_pump(&w->nodes[0].journal);
	assert_int_equal(w->log.count[1], 3);
	w->nodes[0].journal.append_fault = MODEL_FINE;
	for (int i = 0; i < 20; i++) {
		world_turn(w, 100);
		world_settle(w);
	}
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_SERVING);
	assert_int_equal(world_count(w, WIRE_ANSWER), 1);
	/* The position holds our batch once: what follows it are later batches. */
	struct batch_header a, b;
	struct slice records;
	for (uint32_t i = 3; i < w->log.count[1]; i++) {
		const struct model_batch *x = &w->log.batches[1][i - 1];
		const struct model_batch *y = &w->log.batches[1][i];
		assert_int_equal(batch_decode(slice_of(x->bytes, x->size), &a, &records), 0);
		assert_int_equal(batch_decode(slice_of(y->bytes, y->size), &b, &records), 0);
		assert_int_equal(b.first_record, a.first_record + a.record_count);
	}
}

static void saga_runs_to_its_end(void **state)
{
	struct world *w = *state;
	(void)world_begin(w);
	world_answer_ok(w, 1);
	world_settle(w);
	world_answer_ok(w, 1);
	world_settle(w);
	assert_int_equal(world_count(w, WIRE_COMMAND_FRAME), 2);
	assert_int_equal(world_count(w, WIRE_DISPOSITION_FRAME), 2);
	assert_int_equal(world_count(w, WIRE_ANSWER), 2);
	assert_int_equal(world_last_answer(w).state, WIRE_STATE_COMPLETED);
}

static void calls_and_their_answers(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);
	w->direct = true;
	world_assign(w, 0, 1, 5);
	world_settle(w);
	world_submit(w, &id, "_INBOX.client.1");
	world_settle(w);
	assert_string_equal(world_last(w, WIRE_COMMAND_FRAME)->subject, "saga.v1.call.svc");
	world_answer_ok(w, 1);
	world_settle(w);
	const uint32_t batches = w->log.count[1];
	uint64_t epoch;
	assert_int_equal(world_last_command(w, &epoch).step, 1);
	world_answer_ok(w, 1);
	world_settle(w);
	assert_int_equal(w->log.count[1], batches + 1);
	assert_int_equal(world_last_answer(w).state, WIRE_STATE_COMPLETED);
	/* Again: nobody waits for a disposition, so none leaves and no record backs it (S2). */
	world_answer_ok(w, 1);
	world_settle(w);
	assert_int_equal(w->log.count[1], batches + 1);
	assert_int_equal(world_count(w, WIRE_DISPOSITION_FRAME), 0);
	assert_int_equal(world_count(w, WIRE_COMMAND_FRAME), 2);
}

/* S14, S15: what may have been sent before goes past the stream, and travels alone. */
static void a_new_owner_calls_one_by_one(void **state)
{
	struct world *w = *state;
	uint64_t epoch;
	w->no_wait = true;
	world_assign(w, 0, 1, 5);
	world_settle(w);
	for (uint32_t i = 0; i < 3; i++) {
		const struct id id = world_id_on(w, 1, i);
		world_submit(w, &id, "_INBOX.client.1");
	}
	world_settle(w);
	const uint32_t before = world_count(w, WIRE_COMMAND_FRAME);
	assert_string_equal(world_last(w, WIRE_COMMAND_FRAME)->subject, "saga.v1.cmd.svc");
	world_node_close(&w->nodes[0]);
	world_assign(w, 1, 1, 9);
	world_settle(w);
	assert_int_equal(world_count(w, WIRE_COMMAND_FRAME), before + 3);
	for (uint32_t i = 0; i < 3; i++) {
		struct caught *c = world_last(w, WIRE_COMMAND_FRAME);
		assert_string_equal(c->subject, "saga.v1.call.svc");
		assert_int_equal(world_last_command(w, &epoch).attempt, 1); /* one a frame */
		assert_int_equal(epoch, 9);
		c->kind = WIRE_NONE;
	}
}

static void another_node_goes_on(void **state) /* C7 */
{
	struct world *w = *state;
	uint64_t epoch;
	const struct id id = world_begin(w);
	world_answer_ok(w, 1);
	world_settle(w);
	world_node_close(&w->nodes[0]); /* kill -9 */
	world_serve(w, 1, 1, 9);
	assert_int_equal(w->nodes[1].state[1], OWNERSHIP_SERVING);
	const struct wire_command c = world_last_command(w, &epoch);
	assert_int_equal(c.step, 1);
	assert_int_equal(epoch, 9);
	world_answer_ok(w, 1);
	world_settle(w);
	const struct wire_query query = {.id = id_slice(&id)};
	world_send(w, WIRE_QUERY, &query, 1, SUBJECT_QUERY, "default", "_INBOX.client.2");
	world_settle(w);
	assert_int_equal(world_last_answer(w).state, WIRE_STATE_COMPLETED);
}

/* Long enough that a bad look at the journal is no passing hint any more. */
static void wait_out_doubt(struct world *w)
{
	for (int i = 0; i < 120; i++) {
		(void)model_journal_pump(&w->nodes[0].journal);
		world_turn(w, 100);
	}
}

static void shorter_journal_halts(void **state) /* S7 */
{
	struct world *w = *state;
	(void)world_begin(w);
	world_turn(w, 2000); /* the high-water is stored once a second */
	assert_int_equal(w->nodes[0].mark[1].sequence, w->log.count[1]);
	core_fence(w->nodes[0].core, w->now, 1, SAGA_E_LEASE_LOST);
	free(w->log.batches[1][w->log.count[1] - 1].bytes); /* the broker lost its tail */
	w->log.count[1]--;
	world_serve(w, 0, 1, 9);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_FENCED);
	wait_out_doubt(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_HALTED);
	assert_int_equal(w->nodes[0].code[1], SAGA_E_JOURNAL_SHORT);
}

static void other_bytes_at_the_mark_halt(void **state) /* S7 */
{
	struct world *w = *state;
	world_serve(w, 0, 1, 5);
	world_turn(w, 2000);
	core_fence(w->nodes[0].core, w->now, 1, SAGA_E_LEASE_LOST);
	w->nodes[0].mark[1].hash.bytes[3] ^= 1;
	world_serve(w, 0, 1, 9);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_HALTED);
	assert_int_equal(w->nodes[0].code[1], SAGA_E_JOURNAL_CORRUPT);
}

static void foreign_genesis_halts(void **state) /* S7, S11 */
{
	struct world *w = *state;
	struct id other;
	assert_int_equal(id_from(&other, slice_str("other-cluster")), 0);
	model_log_close(&w->log);
	memset(&w->log, 0, sizeof w->log);
	model_log_init(&w->log, &other, &w->slots, T0);
	world_serve(w, 0, 1, 5);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_HALTED);
	assert_int_equal(w->nodes[0].code[1], SAGA_E_JOURNAL_FOREIGN);
}

static void missing_journal_halts(void **state) /* S7 */
{
	struct world *w = *state;
	model_log_close(&w->log);
	memset(&w->log, 0, sizeof w->log);
	world_serve(w, 0, 1, 5);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_UNOWNED);
	wait_out_doubt(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_HALTED);
	assert_int_equal(w->nodes[0].code[1], SAGA_E_JOURNAL_MISSING);
}

static struct wire_alert last_alert(struct world *w)
{
	struct wire_alert alert;
	struct arena none;
	struct caught *c = world_last(w, WIRE_ALERT);
	arena_init(&none, NULL, 0);
	assert_int_equal(wire_decode(WIRE_ALERT, slice_of(c->bytes, c->size), &none, &alert, NULL),
			 0);
	return alert;
}

/* Core NATS forgets what nobody listens to: the alert is repeated. */
static void a_halted_shard_raises_the_alarm_again_and_again(void **state) /* S7 */
{
	struct world *w = *state;
	const struct highwater none = {0};
	core_assign(w->nodes[0].core, w->now, 1, 5, 7, &none, SAGA_E_JOURNAL_CONFIG);
	world_assign(w, 0, 2, 6);
	world_settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_HALTED);
	assert_int_equal(w->nodes[0].code[1], SAGA_E_JOURNAL_CONFIG);
	assert_int_equal(world_count(w, WIRE_ALERT), 1);
	assert_int_equal(last_alert(w).shard, 1);
	assert_int_equal(last_alert(w).code, err_to_wire(SAGA_E_JOURNAL_CONFIG));
	assert_int_equal(last_alert(w).saga.size, 0);
	for (int i = 0; i < 125; i++)
		world_turn(w, 1000);
	assert_int_equal(world_count(w, WIRE_ALERT), 3);
	w->nodes[0].lease = false; /* S28: then another node may have it */
	for (int i = 0; i < 125; i++)
		world_turn(w, 1000);
	assert_int_equal(world_count(w, WIRE_ALERT), 3);
	assert_int_equal(w->nodes[0].state[2], OWNERSHIP_SERVING); /* the neighbour */
}

static void a_serving_shard_halts_on_order(void **state) /* S7 */
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);
	world_assign(w, 0, 1, 5);
	world_settle(w);
	core_halt_shard(w->nodes[0].core, w->now, 1, SAGA_E_JOURNAL_CONFIG);
	core_halt_shard(w->nodes[0].core, w->now, 1, SAGA_E_JOURNAL_CONFIG); /* known */
	core_halt_shard(w->nodes[0].core, w->now, 2, SAGA_E_JOURNAL_CONFIG); /* not ours */
	world_settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_HALTED);
	assert_int_equal(world_count(w, WIRE_ALERT), 1);
	world_submit(w, &id, "_INBOX.client.1");
	world_settle(w);
	assert_int_equal(world_count(w, WIRE_ANSWER), 0);
}

/* A stale owner appends whenever the new one is about to: the fenced epoch record never fits. */
static void unfenced_epoch_ends_the_race(void **state) /* S22 */
{
	struct world *w = *state;
	world_serve(w, 0, 1, 5);
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
	assert_int_equal(w->nodes[1].state[1], OWNERSHIP_SERVING);
	const struct id id = world_id_on(w, 1, 61);
	world_submit(w, &id, "_INBOX.client.9");
	world_settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_FENCED);
	assert_int_equal(world_last_answer(w).epoch, 9);
	/* And a third replay agrees with all of it. */
	world_node_close(&w->nodes[0]);
	world_node_open(w, &w->nodes[0], "n1");
	world_serve(w, 0, 1, 11);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_SERVING);
}

static void release_drains_first(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);
	world_serve(w, 0, 1, 5);
	w->nodes[0].journal.append_fault = MODEL_HOLD;
	world_submit(w, &id, "_INBOX.client.1");
	world_turn(w, 1);
	core_release(w->nodes[0].core, w->now, 1);
	world_settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_SERVING); /* last report */
	w->nodes[0].journal.append_fault = MODEL_FINE;
	world_settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_RELEASED);
	/* Who waits for the outcome is told to ask the next owner. */
	assert_int_equal(world_count(w, WIRE_ANSWER), 2);
	assert_int_equal(world_last_answer(w).code, err_to_wire(SAGA_E_NOT_OWNER));
	assert_int_equal(world_last_answer(w).retry_after_ms, CORE_MOVED_RETRY_MS);
	assert_int_equal(w->nodes[0].mark[1].sequence, w->log.count[1]);
}

static void reply_subjects_are_checked(void **state) /* S20 */
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);
	world_serve(w, 0, 1, 5);
	world_submit(w, &id, "elsewhere.secret");
	world_settle(w);
	assert_int_equal(w->caught_count, 0);
	assert_int_equal(w->log.count[1], 2);
}

static void wrong_shard_is_refused(void **state) /* S11 */
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 2, 0);
	const struct wire_query query = {.id = id_slice(&id)};
	world_serve(w, 0, 1, 5);
	world_send(w, WIRE_QUERY, &query, 1, SUBJECT_QUERY, "default", "_INBOX.client.1");
	world_settle(w);
	assert_int_equal(world_last_answer(w).code, err_to_wire(SAGA_E_WRONG_SHARD));
}

static void history_tells_every_record(void **state) /* F1 */
{
	struct world *w = *state;
	static uint8_t memory[ARENA_SIZE];
	struct arena arena;
	struct wire_history history;
	const struct id id = world_id_on(w, 1, 0);
	const struct id other = world_id_on(w, 1, 1);
	world_serve(w, 0, 1, 5);
	world_submit(w, &id, "_INBOX.client.1");
	world_settle(w);
	world_answer_ok(w, 1);
	world_settle(w);
	world_answer_ok(w, 1);
	world_settle(w);
	world_submit(w, &other, "_INBOX.client.2");
	world_settle(w);
	const struct wire_history_request request = {.id = id_slice(&id)};
	world_send(w, WIRE_HISTORY_REQUEST, &request, 1, SUBJECT_HISTORY, "default",
		   "_INBOX.client.3");
	world_settle(w);
	struct caught *c = world_last(w, WIRE_HISTORY);
	arena_init(&arena, memory, sizeof memory);
	assert_int_equal(
		wire_decode(WIRE_HISTORY, slice_of(c->bytes, c->size), &arena, &history, NULL), 0);
	assert_int_equal(history.code, 0);
	assert_int_equal(history.next_sequence, 0);
	assert_int_equal(history.entry_count, 4); /* accepted, ok, ok, finished */
	enum wire_kind kind;
	assert_int_equal(wire_peek_kind(history.entries[0].record, &kind), 0);
	assert_int_equal(kind, WIRE_RECORD_ACCEPTED);
	assert_int_equal(wire_peek_kind(history.entries[3].record, &kind), 0);
	assert_int_equal(kind, WIRE_RECORD_FINISHED);
}

enum { WIDE = 8, WIDE_OUTPUT = 60000 };

/* So many steps side by side, and an answer for each that nearly fills what an output may be. */
static void run_wide_saga(struct world *w, const struct id *id)
{
	static uint8_t output[WIDE_OUTPUT], memory[ARENA_SIZE];
	static const char *const names[WIDE] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	struct wire_step steps[WIDE] = {{.name = {0}}};
	struct wire_reply replies[WIDE];
	struct wire_command_frame commands;
	struct arena arena;
	struct wire_submit submit = {
		.id = id_slice(id),
		.plan = {.name = slice_str("wide"),
			 .version = 1,
			 .protocol = WIRE_PROTOCOL_SAGA,
			 .steps = steps,
			 .step_count = WIDE},
		.input = slice_str("{}"),
		.retry_until_at = T0 + 1000000,
	};
	for (uint32_t i = 0; i < WIDE; i++)
		steps[i] = (struct wire_step){.name = slice_str(names[i]),
					      .service = slice_str("svc"),
					      .forward = slice_str("do"),
					      .undo = slice_str("undo")};
	wire_plan_resolve(&submit.plan);
	world_send(w, WIRE_SUBMIT, &submit, 1, SUBJECT_SUBMIT, "default", "_INBOX.client.1");
	world_settle(w);
	struct caught *c = world_last(w, WIRE_COMMAND_FRAME);
	arena_init(&arena, memory, sizeof memory);
	assert_int_equal(wire_decode(WIRE_COMMAND_FRAME, slice_of(c->bytes, c->size), &arena,
				     &commands, NULL),
			 0);
	assert_int_equal(commands.command_count, WIDE);
	for (uint32_t i = 0; i < WIDE; i++)
		replies[i] = (struct wire_reply){.saga = id_slice(id),
						 .step = commands.commands[i].step,
						 .op = commands.commands[i].op,
						 .operation = commands.commands[i].operation,
						 .attempt = 1,
						 .epoch = commands.epoch,
						 .outcome = WIRE_OUTCOME_OK,
						 .output = slice_of(output, sizeof output)};
	const struct wire_reply_frame frame = {.shard = 1,
					       .service = slice_str("svc"),
					       .instance = slice_str("i1"),
					       .replies = replies,
					       .reply_count = WIDE};
	world_send(w, WIRE_REPLY_FRAME, &frame, 1, SUBJECT_REPLY, "svc", "_INBOX.svc.1");
	world_settle(w);
}

/* A page holds at least one batch, however much of it is of one saga: or the next page would begin
 * with the same batch for ever. */
static void history_passes_a_large_batch(void **state)
{
	struct world *w = *state;
	static uint8_t memory[ARENA_SIZE];
	const struct id id = world_id_on(w, 1, 0);
	struct wire_history_request request = {.id = id_slice(&id)};
	uint32_t entries = 0;
	world_serve(w, 0, 1, 5);
	run_wide_saga(w, &id);
	for (int page = 0; page < 10; page++) {
		struct arena arena;
		struct wire_history history;
		w->caught_count = 0;
		world_send(w, WIRE_HISTORY_REQUEST, &request, 1, SUBJECT_HISTORY, "default",
			   "_INBOX.client.3");
		world_settle(w);
		struct caught *c = world_last(w, WIRE_HISTORY);
		arena_init(&arena, memory, sizeof memory);
		assert_int_equal(wire_decode(WIRE_HISTORY, slice_of(c->bytes, c->size), &arena,
					     &history, NULL),
				 0);
		assert_int_equal(history.code, 0);
		entries += history.entry_count;
		request.from_sequence = history.next_sequence;
		if (history.next_sequence == 0)
			break;
	}
	assert_int_equal(request.from_sequence, 0);
	assert_int_equal(entries, 1 + WIDE + 1); /* accepted, the steps, finished */
}

static void garbage_hurts_nobody(void **state)
{
	struct world *w = *state;
	static const uint8_t garbage[][8] = {{0},          {0xc1}, {0xdf, 0xff, 0xff, 0xff, 0xff},
					     {0x81, 0x00}, {0xc0}, {0x93, 0x93, 0x93}};
	world_serve(w, 0, 1, 5);
	for (int verb = 0; verb < SUBJECT_VERBS; verb++) {
		const struct subject s =
			subject_shard("saga", 1, (enum subject_verb)verb, slice_str("default"));
		for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++)
			for (uint32_t size = 0; size <= 8; size++)
				assert_int_equal(
					w->outside->ops->publish(w->outside, s.text,
								 slice_str("_INBOX.x.1"), NULL, 0,
								 slice_of(garbage[i], size)),
					0);
		(void)loopback_pump(w->hub, w->now.mono_ms);
		for (uint32_t i = 0; i < w->caught_count; i++)
			assert_int_equal(w->caught[i].kind, WIRE_ANSWER);
		w->caught_count = 0;
		world_settle(w);
	}
	const struct id id = world_id_on(w, 1, 0);
	world_submit(w, &id, "_INBOX.client.1");
	world_settle(w);
	assert_int_equal(world_last_answer(w).code, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
		TEST(serves_after_its_epoch_record),
		TEST(epoch_is_above_the_journals),
		TEST(nothing_leaves_before_it_is_durable),
		TEST(refused_append_fences_and_silences),
		TEST(nothing_leaves_without_a_lease),
		TEST(unknown_append_is_sent_again_as_it_was),
		TEST(saga_runs_to_its_end),
		TEST(calls_and_their_answers),
		TEST(a_new_owner_calls_one_by_one),
		TEST(another_node_goes_on),
		TEST(shorter_journal_halts),
		TEST(other_bytes_at_the_mark_halt),
		TEST(foreign_genesis_halts),
		TEST(missing_journal_halts),
		TEST(a_halted_shard_raises_the_alarm_again_and_again),
		TEST(a_serving_shard_halts_on_order),
		TEST(unfenced_epoch_ends_the_race),
		TEST(release_drains_first),
		TEST(reply_subjects_are_checked),
		TEST(wrong_shard_is_refused),
		TEST(history_tells_every_record),
		TEST(history_passes_a_large_batch),
		TEST(garbage_hurts_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
