/* What a node does not do: requests that cannot be served, answers that cannot leave, and more than
 * fits into one turn. Nobody is left with half an answer, and nothing is lost that comes again. */
#include "tests/unit/node_world.h"

#include <stdio.h>

#include "node/core_internal.h"

/* ---- a transport whose calls fail ---- */

static int publish_error, subscribe_error;
static const struct transport_ops *healthy;
static struct transport_ops failing;

static int failing_publish(struct transport *t, const char *subject, struct slice reply,
			   const struct transport_header *headers, uint32_t header_count,
			   struct slice data)
{
	if (publish_error != 0)
		return publish_error;
	return healthy->publish(t, subject, reply, headers, header_count, data);
}

static int failing_subscribe(struct transport *t, const char *subject, const char *queue,
			     transport_handler handler, void *context,
			     struct transport_subscription **subscription)
{
	if (subscribe_error != 0)
		return subscribe_error;
	return healthy->subscribe(t, subject, queue, handler, context, subscription);
}

static void wrap_transport(struct node *n)
{
	healthy = n->transport->ops;
	failing = *healthy;
	failing.publish = failing_publish;
	failing.subscribe = failing_subscribe;
	n->transport->ops = &failing;
	publish_error = subscribe_error = 0;
}

static struct core_stats stats_of(const struct world *w)
{
	struct core_stats stats;

	core_stats(w->nodes[0].core, &stats);
	return stats;
}

static void a_shard_that_cannot_be_heard_is_given_up(void **state)
{
	struct world *w = *state;

	wrap_transport(&w->nodes[0]);
	subscribe_error = SAGA_E_DISCONNECTED;
	world_serve(w, 0, 1, 5);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_FENCED);
	assert_int_equal(w->nodes[0].code[1], SAGA_E_DISCONNECTED);
	subscribe_error = 0;
	world_serve(w, 0, 1, 6);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_SERVING);
}

/* What can leave later waits; what never can is dropped and counted, and does not block the rest.
 */
static void messages_wait_for_the_socket_or_are_dropped(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);
	static const int later[] = {SAGA_E_BUSY, SAGA_E_DISCONNECTED};

	world_serve(w, 0, 1, 5);
	wrap_transport(&w->nodes[0]);
	world_submit(w, &id, "_INBOX.client.1");
	for (uint32_t i = 0; i < 2; i++) {
		publish_error = later[i];
		world_settle(w);
		assert_int_equal(world_count(w, WIRE_ANSWER) + world_count(w, WIRE_COMMAND_FRAME),
				 0);
		assert_int_equal(stats_of(w).messages_dropped, 0);
		assert_true(stats_of(w).outbox_bytes > 0);
	}
	publish_error = 0;
	world_settle(w);
	assert_int_equal(world_count(w, WIRE_ANSWER), 1);
	assert_int_equal(world_count(w, WIRE_COMMAND_FRAME), 1);
	publish_error = SAGA_E_TOO_LARGE;
	world_answer_ok(w, 1); /* leads to a command and a disposition */
	world_settle(w);
	assert_int_equal(stats_of(w).messages_dropped, 2);
	assert_int_equal(stats_of(w).outbox_bytes, 0);
}

/* A halted shard says so again soon when nobody could be told, and each minute when it was. */
static void an_alert_that_cannot_leave_is_said_again(void **state)
{
	struct world *w = *state;

	world_serve(w, 0, 1, 5);
	wrap_transport(&w->nodes[0]);
	publish_error = SAGA_E_DISCONNECTED;
	core_halt_shard(w->nodes[0].core, w->now, 1, SAGA_E_JOURNAL_MISSING);
	assert_int_equal(stats_of(w).messages_dropped, 1);
	publish_error = 0;
	world_turn(w, CORE_ALERT_RETRY_MS - 1);
	assert_int_equal(world_count(w, WIRE_ALERT), 0);
	world_turn(w, 1);
	assert_int_equal(world_count(w, WIRE_ALERT), 1);
	world_turn(w, CORE_ALERT_MS - 1);
	assert_int_equal(world_count(w, WIRE_ALERT), 1);
	world_turn(w, 1);
	assert_int_equal(world_count(w, WIRE_ALERT), 2);
}

/* ---- submits for others ---- */

static void a_submit_that_cannot_be_passed_on_is_counted(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);
	const struct transport_message bad = {.subject = slice_str("saga.v1.submit.no tenant"),
					      .reply = slice_str("_INBOX.client.1")};

	assert_int_equal(core_listen(w->nodes[0].core), 0);
	wrap_transport(&w->nodes[0]);
	publish_error = SAGA_E_DISCONNECTED;
	world_submit_any(w, &id, "default", "_INBOX.client.1");
	assert_int_equal(stats_of(w).messages_dropped, 1);
	assert_int_equal(stats_of(w).submits_passed_on, 0);
	core_submit(w->nodes[0].core, w->now, &bad); /* and the answer cannot leave */
	assert_int_equal(stats_of(w).messages_dropped, 2);
	publish_error = 0;
	world_serve(w, 1, 1, 5);
	world_submit_any(w, &id, "default", "_INBOX.client.1");
	world_settle(w);
	assert_int_equal(stats_of(w).submits_passed_on, 1);
	assert_int_equal(world_last_answer(w).state, WIRE_STATE_RUNNING);
}

/* ---- requests ---- */

static struct transport_message message_of(const char *subject, const char *reply,
					   const struct buf *data)
{
	return (struct transport_message){.subject = slice_str(subject),
					  .reply = slice_str(reply),
					  .data = data ? buf_slice(data) : (struct slice){0}};
}

static void deliver(struct world *w, const char *subject, const char *reply, const struct buf *data)
{
	const struct transport_message message = message_of(subject, reply, data);

	core_message(w->nodes[0].core, w->now, &message);
}

/* A query about nobody's saga. */
static void encode_query(struct world *w, struct buf *out, bool wait)
{
	const struct id id = world_id_on(w, 1, 7);
	const struct wire_query query = {.id = id_slice(&id), .wait = wait};

	buf_init(out, 1024);
	assert_int_equal(wire_encode(WIRE_QUERY, &query, out), 0);
}

/* What is no request to a shard of ours is counted and changes nothing; who asks for a shard that
 * was here is told that it is not. */
static void messages_that_are_not_for_us_are_counted(void **state)
{
	struct world *w = *state;
	static const char *const subjects[] = {
		"saga.v1.shard.1.dance.default", /* no such verb */
		"saga.v1.shard.1000.query.default",
		"saga.v1.shard.2.query.default", /* not here */
		"saga.v1.shard.1",
	};
	uint32_t refused = 0;
	struct buf query;

	world_serve(w, 0, 1, 5);
	encode_query(w, &query, false);
	for (uint32_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
		deliver(w, subjects[i], "_INBOX.client.1", &query);
		assert_int_equal(stats_of(w).refused_messages, ++refused);
	}
	struct transport_message status =
		message_of("saga.v1.shard.1.query.default", "_INBOX.client.1", &query);
	status.status = 503;
	core_message(w->nodes[0].core, w->now, &status);
	assert_int_equal(stats_of(w).refused_messages, ++refused);
	core_submit(w->nodes[0].core, w->now, &status);
	assert_int_equal(stats_of(w).refused_messages, ++refused);
	world_settle(w);
	assert_int_equal(w->caught_count, 1);
	assert_int_equal(world_last_answer(w).code, err_to_wire(SAGA_E_NOT_OWNER));
	assert_int_equal(world_last_answer(w).shard, 2);
	buf_close(&query);
}

static void reply_subjects_of_any_length_are_answered_or_refused(void **state)
{
	struct world *w = *state;
	struct buf query, garbage;

	world_serve(w, 0, 1, 5);
	encode_query(w, &query, false);
	buf_init(&garbage, 64);
	assert_int_equal(buf_put(&garbage, "\xc1?", 2), 0);
	for (uint32_t size = 8; size < SUBJECT_SIZE_MAX + 8; size++) {
		char reply[SUBJECT_SIZE_MAX + 16] = "_INBOX.";

		memset(reply + 7, 'x', size - 7);
		w->caught_count = 0;
		deliver(w, "saga.v1.shard.1.query.default", reply, &query);
		world_settle(w);
		if (size >= SUBJECT_SIZE_MAX) {
			assert_int_equal(w->caught_count, 0);
			continue;
		}
		assert_int_equal(w->caught_count, 1);
		assert_string_equal(w->caught[0].subject, reply);
		assert_int_equal(world_last_answer(w).code,
				 err_to_wire(size > TOKEN_SUBJECT_MAX ? SAGA_E_TOO_LARGE
								      : SAGA_E_NOT_FOUND));
	}
	/* Nobody to answer: nothing is said, and garbage without a reply is counted all the same.
	 */
	const uint64_t refused = stats_of(w).refused_messages;
	w->caught_count = 0;
	deliver(w, "saga.v1.shard.1.query.default", "", &query);
	deliver(w, "saga.v1.shard.1.query.default", "", &garbage);
	world_settle(w);
	assert_int_equal(w->caught_count, 0);
	assert_int_equal(stats_of(w).refused_messages, refused + 1);
	buf_close(&query);
	buf_close(&garbage);
}

/* As many reply subjects as there are places for: the next one is told `busy`, and a place that was
 * given back serves again. */
static void requests_beyond_the_reply_subjects_are_busy(void **state)
{
	struct world *w = *state;
	struct buf query;

	world_serve(w, 0, 1, 5);
	encode_query(w, &query, false);
	struct tokens *tokens = &w->nodes[0].core->shards[1]->tokens;
	uint64_t last = 0, token;
	while ((token = tokens_take(tokens, slice_str("_INBOX.other"))) != 0)
		last = token;
	deliver(w, "saga.v1.shard.1.query.default", "_INBOX.client.1", &query);
	world_settle(w);
	assert_int_equal(world_last_answer(w).code, err_to_wire(SAGA_E_BUSY));
	assert_true(world_last_answer(w).retry_after_ms > 0);
	tokens_drop(tokens, last);
	for (uint32_t i = 0; i < 3; i++) {
		deliver(w, "saga.v1.shard.1.query.default", "_INBOX.client.1", &query);
		world_settle(w);
		assert_int_equal(world_last_answer(w).code, err_to_wire(SAGA_E_NOT_FOUND));
	}
	buf_close(&query);
}

/* No memory for the records of a step: requests are told `busy`, replies and timers come again, and
 * with memory all of it goes on. */
static void steps_without_memory_are_left_for_later(void **state)
{
	struct world *w = *state;
	const struct id other = world_id_on(w, 1, 1);

	(void)world_begin(w);
	struct buf *records = &w->nodes[0].core->shards[1]->records;
	const uint32_t max = records->max, capacity = records->capacity;
	records->max = records->capacity = 0;
	w->caught_count = 0;
	world_submit(w, &other, "_INBOX.client.2");
	assert_int_equal(world_last_answer(w).code, err_to_wire(SAGA_E_BUSY));
	w->caught_count = 0;
	records->max = max;
	records->capacity = capacity;
	world_submit(w, &other, "_INBOX.client.2");
	world_settle(w);
	assert_int_equal(world_count(w, WIRE_ANSWER), 1);

	/* The reply of a participant: no disposition, so that it comes again. */
	records->max = records->capacity = 0;
	world_answer_ok(w, 1);
	assert_int_equal(stats_of(w).replies_deferred, 1);
	for (uint32_t i = 0; i < 60; i++)
		world_turn(w, 1000); /* attempts are over, and their timers cannot do anything */
	assert_int_equal(stats_of(w).txn.timeouts_total, 0);
	records->max = max;
	records->capacity = capacity;
	world_settle(w);
	assert_int_equal(world_count(w, WIRE_DISPOSITION_FRAME), 0);
	for (uint32_t i = 0; i < 60 && stats_of(w).txn.timeouts_total == 0; i++) {
		world_turn(w, 1000); /* of shard time, a turn counts as a second at most */
		world_settle(w);
	}
	assert_true(stats_of(w).txn.timeouts_total > 0);
}

/* The body must name the party that the subject proves, and this shard (S15, S20). */
static void replies_under_another_name_are_refused(void **state)
{
	struct world *w = *state;
	uint64_t epoch;

	(void)world_begin(w);
	const struct wire_command c = world_last_command(w, &epoch);
	struct wire_reply reply = {.saga = c.saga,
				   .op = c.op,
				   .operation = c.operation,
				   .attempt = 1,
				   .epoch = epoch,
				   .outcome = WIRE_OUTCOME_OK};
	struct wire_reply_frame frame = {.shard = 2,
					 .service = slice_str("svc"),
					 .instance = slice_str("i1"),
					 .replies = &reply,
					 .reply_count = 1};
	world_send(w, WIRE_REPLY_FRAME, &frame, 1, SUBJECT_REPLY, "svc", "_INBOX.svc.1");
	frame.shard = 1;
	world_send(w, WIRE_REPLY_FRAME, &frame, 1, SUBJECT_REPLY, "other", "_INBOX.svc.1");
	world_settle(w);
	assert_int_equal(stats_of(w).refused_messages, 2);
	assert_int_equal(world_count(w, WIRE_DISPOSITION_FRAME), 0);
	world_send(w, WIRE_REPLY_FRAME, &frame, 1, SUBJECT_REPLY, "svc", "_INBOX.svc.1");
	world_settle(w);
	assert_int_equal(world_count(w, WIRE_DISPOSITION_FRAME), 1);
	assert_int_equal(world_count(w, WIRE_COMMAND_FRAME), 2);
}

/* Invariant 28, for people: said once a second, however often it happens. */
static void contradictions_are_told_now_and_then(void **state)
{
	struct world *w = *state;
	uint64_t epoch;

	(void)world_begin(w);
	const struct wire_command c = world_last_command(w, &epoch);
	struct wire_reply reply = {.saga = c.saga,
				   .op = c.op,
				   .operation = c.operation,
				   .attempt = 1,
				   .epoch = epoch,
				   .outcome = WIRE_OUTCOME_OK};
	const struct wire_reply_frame frame = {.shard = 1,
					       .service = slice_str("svc"),
					       .instance = slice_str("i1"),
					       .replies = &reply,
					       .reply_count = 1};
	for (uint32_t i = 0; i < 5; i++) {
		world_send(w, WIRE_REPLY_FRAME, &frame, 1, SUBJECT_REPLY, "svc", "_INBOX.svc.1");
		reply.outcome = WIRE_OUTCOME_REJECTED;
	}
	assert_int_equal(world_noted(w, "saga.contradiction"), 1);
	world_turn(w, 1000);
	world_send(w, WIRE_REPLY_FRAME, &frame, 1, SUBJECT_REPLY, "svc", "_INBOX.svc.1");
	assert_int_equal(world_noted(w, "saga.contradiction"), 2);
	assert_int_equal(stats_of(w).txn.contradictions_total, 5);
}

/* ---- more commands than one turn gathers ---- */

/* One saga of so many steps side by side. */
static void submit_wide(struct world *w, uint32_t nth, uint32_t count, struct slice input)
{
	const struct id id = world_id_on(w, 1, nth);
	static struct wire_step steps[WIRE_STEPS_MAX];
	static char names[WIRE_STEPS_MAX][16];
	struct wire_submit s = {.id = id_slice(&id),
				.plan = {.name = slice_str("wide"),
					 .version = 1,
					 .protocol = WIRE_PROTOCOL_SAGA,
					 .steps = steps,
					 .step_count = count},
				.input = input,
				.retry_until_at = T0 + 1000000};

	for (uint32_t i = 0; i < count; i++) {
		(void)snprintf(names[i], sizeof names[i], "n%u", i);
		steps[i] = (struct wire_step){.name = slice_str(names[i]),
					      .service = slice_str("svc"),
					      .forward = slice_str("do"),
					      .undo = slice_str("undo")};
	}
	wire_plan_resolve(&s.plan);
	world_send(w, WIRE_SUBMIT, &s, 1, SUBJECT_SUBMIT, "default", "");
}

/* All commands that were caught: how many, and each with its whole input. */
static uint32_t count_commands(struct world *w, struct slice input, uint32_t frame_max)
{
	static uint8_t memory[4 * ARENA_SIZE];
	uint32_t count = 0;

	for (uint32_t i = 0; i < w->caught_count; i++) {
		struct wire_command_frame frame;
		struct arena arena;

		if (w->caught[i].kind != WIRE_COMMAND_FRAME)
			continue;
		arena_init(&arena, memory, sizeof memory);
		assert_int_equal(wire_decode(WIRE_COMMAND_FRAME,
					     slice_of(w->caught[i].bytes, w->caught[i].size),
					     &arena, &frame, NULL),
				 0);
		assert_in_range(frame.command_count, 1, frame_max);
		for (uint32_t k = 0; k < frame.command_count; k++) {
			assert_true(slice_equal(frame.commands[k].input, input));
			assert_true(slice_equal(frame.commands[k].op_name, slice_str("do")));
			assert_in_range(frame.commands[k].step_name.size, 2, 3);
		}
		count += frame.command_count;
	}
	return count;
}

static void reopen(struct world *w, uint32_t frame_max)
{
	world_node_close(&w->nodes[0]);
	w->config.limits.branches_max = 2048;
	w->config.frame_max = frame_max;
	world_node_open(w, &w->nodes[0], "n1");
	assert_non_null(w->nodes[0].core);
	world_serve(w, 0, 1, 5);
	w->caught_count = 0;
}

/* More than are gathered in a turn: the frames so far are sealed, and none is lost. */
static void commands_beyond_a_turns_share_leave_all_the_same(void **state)
{
	struct world *w = *state;
	const struct slice input = slice_str("{}");

	reopen(w, 10);
	for (uint32_t i = 0; i < 9; i++)
		submit_wide(w, i, 60, input);
	assert_true(9 * 60 > CORE_COMMANDS_MAX);
	world_settle(w);
	assert_int_equal(count_commands(w, input, 10), 9 * 60);
	assert_in_range(world_count(w, WIRE_COMMAND_FRAME), 54, 56);
}

/* Large inputs go in frames of their own (S15), and with one byte less of room for them than a
 * command takes, wherever that byte is missing, the command still leaves whole. */
static void commands_leave_whole_whatever_room_there_is(void **state)
{
	struct world *w = *state;
	static uint8_t large[200 * 1024];
	const struct slice input = slice_of(large, sizeof large);
	const struct slice small = slice_str("{\"small\":1}");

	memset(large, 'x', sizeof large);
	reopen(w, 0);
	submit_wide(w, 0, 3, input);
	world_settle(w);
	assert_int_equal(count_commands(w, input, 32), 3);
	assert_int_equal(world_count(w, WIRE_COMMAND_FRAME), 3);
	for (uint32_t i = 0; i < 16; i++) {
		struct arena *arena = &w->nodes[0].core->shards[1]->command_bytes;

		w->caught_count = 0;
		assert_non_null(arena_take(arena, CORE_COMMAND_BYTES - 16 * (size_t)i));
		submit_wide(w, 1 + i, 1, small);
		world_settle(w);
		assert_int_equal(count_commands(w, small, 32), 1);
	}
}

/* An outbox that is full loses the message, never the fact: who asks again is told. */
static void a_full_outbox_loses_messages_only(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);

	world_serve(w, 0, 1, 5);
	struct outbox *outbox = &w->nodes[0].core->shards[1]->outbox;
	const uint32_t max = outbox->bytes.max, capacity = outbox->bytes.capacity;
	outbox->bytes.max = outbox->bytes.capacity = 0;
	world_submit(w, &id, "_INBOX.client.1");
	world_settle(w);
	assert_int_equal(w->caught_count, 0);
	assert_int_equal(stats_of(w).messages_dropped, 2); /* the answer, the command */
	assert_int_equal(stats_of(w).txn.accepted_total, 1);
	outbox->bytes.max = max;
	outbox->bytes.capacity = capacity;
	world_submit(w, &id, "_INBOX.client.1");
	world_settle(w);
	assert_int_equal(world_last_answer(w).state, WIRE_STATE_RUNNING);
	assert_int_equal(stats_of(w).txn.accepted_total, 1);
}

/* Fills the outbox up to so much, with what waits for a record that never comes. */
static void fill_outbox(struct world *w, uint32_t size)
{
	static uint8_t filler[64 * 1024];
	struct outbox *outbox = &w->nodes[0].core->shards[1]->outbox;

	while (outbox_size(outbox) < size)
		assert_int_equal(outbox_put(outbox, UINT64_MAX / 2, UINT64_MAX, "elsewhere.x",
					    slice_of(filler, sizeof filler)),
				 0);
}

/* The two marks (N7, S19): at the soft one nothing new is taken, at the hard one nothing goes on;
 * and what was left comes again by itself. */
static void a_filling_outbox_stops_new_work_then_all(void **state)
{
	struct world *w = *state;
	const struct id other = world_id_on(w, 1, 1);

	(void)world_begin(w);
	fill_outbox(w, CORE_OUTBOX_SOFT);
	w->caught_count = 1 + 1; /* the answer and the command of the saga that runs */
	world_submit(w, &other, "_INBOX.client.2");
	assert_int_equal(world_last_answer(w).code, err_to_wire(SAGA_E_BUSY));
	assert_int_equal(stats_of(w).txn.accepted_total, 1);
	world_answer_ok(w, 1); /* what was taken goes on */
	assert_int_equal(stats_of(w).replies_deferred, 0);
	assert_int_equal(stats_of(w).txn.commands_total, 2);

	fill_outbox(w, CORE_OUTBOX_HARD);
	world_answer_ok(w, 1); /* again, and left for its next sending */
	assert_int_equal(stats_of(w).replies_deferred, 1);
	world_settle(w);
	for (uint32_t i = 0; i < 60; i++)
		world_turn(w, 1000);
	assert_int_equal(stats_of(w).txn.timeouts_total, 0);
	outbox_clear(&w->nodes[0].core->shards[1]->outbox);
	for (uint32_t i = 0; i < 60 && stats_of(w).txn.timeouts_total == 0; i++) {
		world_turn(w, 1000);
		world_settle(w);
	}
	assert_true(stats_of(w).txn.timeouts_total > 0);
}

/* Who lets go of a shard has said all there was to say before. */
static void a_shard_is_released_when_all_has_left(void **state)
{
	struct world *w = *state;
	const struct id id = world_id_on(w, 1, 0);

	world_serve(w, 0, 1, 5);
	wrap_transport(&w->nodes[0]);
	world_submit(w, &id, "_INBOX.client.1");
	publish_error = SAGA_E_BUSY;
	core_release(w->nodes[0].core, w->now, 1);
	world_settle(w);
	assert_int_equal(w->nodes[0].core->shards[1]->state, OWNERSHIP_QUIESCING);
	assert_int_equal(w->caught_count, 0);
	publish_error = 0;
	world_settle(w);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_RELEASED);
	assert_int_equal(world_count(w, WIRE_ANSWER), 2); /* taken; then: ask the next owner */
	assert_int_equal(world_count(w, WIRE_COMMAND_FRAME), 1);
	/* What was on its way is told the same; without a reply subject there is nobody to tell. */
	struct buf query;
	encode_query(w, &query, false);
	deliver(w, "saga.v1.shard.1.query.default", "_INBOX.client.1", &query);
	deliver(w, "saga.v1.shard.1.query.default", "", &query);
	world_settle(w);
	buf_close(&query);
	assert_int_equal(world_count(w, WIRE_ANSWER), 3);
	assert_int_equal(world_last_answer(w).code, err_to_wire(SAGA_E_NOT_OWNER));
}

/* Nobody listens yet, but a message may be on its way from the ownership before. */
static void a_replay_answers_nobody(void **state)
{
	struct world *w = *state;
	struct buf query;

	encode_query(w, &query, false);
	world_assign(w, 0, 1, 5);
	deliver(w, "saga.v1.shard.1.query.default", "_INBOX.client.1", &query);
	world_turn(w, 1);
	assert_int_equal(w->caught_count, 0);
	world_settle(w);
	deliver(w, "saga.v1.shard.1.query.default", "_INBOX.client.1", &query);
	world_settle(w);
	assert_int_equal(world_count(w, WIRE_ANSWER), 1);
	buf_close(&query);
}

int main(void)
{
#define REFUSAL_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		REFUSAL_TEST(a_shard_that_cannot_be_heard_is_given_up),
		REFUSAL_TEST(messages_wait_for_the_socket_or_are_dropped),
		REFUSAL_TEST(an_alert_that_cannot_leave_is_said_again),
		REFUSAL_TEST(a_submit_that_cannot_be_passed_on_is_counted),
		REFUSAL_TEST(messages_that_are_not_for_us_are_counted),
		REFUSAL_TEST(reply_subjects_of_any_length_are_answered_or_refused),
		REFUSAL_TEST(requests_beyond_the_reply_subjects_are_busy),
		REFUSAL_TEST(steps_without_memory_are_left_for_later),
		REFUSAL_TEST(replies_under_another_name_are_refused),
		REFUSAL_TEST(contradictions_are_told_now_and_then),
		REFUSAL_TEST(commands_beyond_a_turns_share_leave_all_the_same),
		REFUSAL_TEST(commands_leave_whole_whatever_room_there_is),
		REFUSAL_TEST(a_full_outbox_loses_messages_only),
		REFUSAL_TEST(a_filling_outbox_stops_new_work_then_all),
		REFUSAL_TEST(a_shard_is_released_when_all_has_left),
		REFUSAL_TEST(a_replay_answers_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
