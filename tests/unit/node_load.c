/* A node under load (S19): who is refused, what those are told, and what goes on all the same. */
#include "tests/unit/node_world.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/core_internal.h"

enum { SHARD = 1, LATE_MS = CORE_SHED_MS + 1 };

static void serve(struct world *w)
{
	world_assign(w, 0, SHARD, 5);
	world_settle(w);
	assert_int_equal(w->nodes[0].state[SHARD], OWNERSHIP_SERVING);
}

/* Hands the core a message as if it had waited so long for the loop. */
static void deliver(struct world *w, enum subject_verb verb, const char *party, const char *reply,
		    struct slice data, uint32_t waited_ms)
{
	const struct subject subject = subject_shard("saga", SHARD, verb, slice_str(party));
	const struct transport_message message = {.subject = slice_str(subject.text),
						  .reply = slice_str(reply),
						  .data = data,
						  .waited_ms = waited_ms};
	core_message(w->nodes[0].core, w->now, &message);
	(void)loopback_pump(w->hub, w->now.mono_ms);
}

static struct wire_answer shed_one(struct world *w)
{
	deliver(w, SUBJECT_SUBMIT, "default", "_INBOX.client.1", slice_str("unread"), LATE_MS);
	return world_last_answer(w);
}

/* Not even decoded: this one could not be. The subject tells the client which call it was. */
static void late_submits_are_refused_unread(void **state)
{
	struct world *w = *state;
	struct core_stats stats;
	serve(w);
	const struct wire_answer answer = shed_one(w);
	assert_int_equal(answer.code, err_to_wire(SAGA_E_BUSY));
	assert_int_equal(answer.id.size, 0);
	assert_in_range(answer.retry_after_ms, 200, 1000);
	deliver(w, SUBJECT_SUBMIT, "default", "_INBOX.client.1", slice_str("unread"), CORE_SHED_MS);
	assert_int_not_equal(world_last_answer(w).code, err_to_wire(SAGA_E_BUSY));
	core_stats(w->nodes[0].core, &stats);
	assert_int_equal(stats.shed_total, 1);
	assert_int_equal(stats.busy_total, 1);
}

static void late_submits_to_any_node_are_refused_unread(void **state)
{
	struct world *w = *state;
	serve(w);
	const struct transport_message message = {.subject = slice_str("saga.v1.submit.default"),
						  .reply = slice_str("_INBOX.client.1"),
						  .data = slice_str("unread"),
						  .waited_ms = LATE_MS};
	core_submit(w->nodes[0].core, w->now, &message);
	(void)loopback_pump(w->hub, w->now.mono_ms);
	assert_int_equal(world_last_answer(w).code, err_to_wire(SAGA_E_BUSY));
	assert_in_range(world_last_answer(w).retry_after_ms, 200, 1000);
}

/* The more are refused for each that is taken, the later they come again, and never all at once. */
static void hint_grows_with_the_load(void **state)
{
	struct world *w = *state;
	uint32_t least = UINT32_MAX, most = 0;
	serve(w);
	const uint32_t first = shed_one(w).retry_after_ms;
	for (uint32_t i = 0; i < 20; i++) {
		w->caught_count = 0;
		(void)shed_one(w);
	}
	const uint32_t busy = shed_one(w).retry_after_ms;
	assert_true(first <= 1000 && busy >= 4000);
	for (uint32_t i = 0; i < 100; i++) {
		w->caught_count = 0;
		const uint32_t hint = shed_one(w).retry_after_ms;
		least = hint < least ? hint : least;
		most = hint > most ? hint : most;
	}
	assert_true(most <= 20000 && most - least > 2000);
	/* It is forgotten when it is over. */
	w->caught_count = 0;
	world_turn(w, 60000);
	assert_in_range(shed_one(w).retry_after_ms, 200, 1000);
}

/* Whoever asks how it stands is heard, and above all: what was begun goes on. */
static void late_progress_is_not_refused(void **state)
{
	struct world *w = *state;
	struct buf out;
	uint64_t epoch;
	const struct id id = world_id_on(w, SHARD, 0);
	serve(w);
	world_submit(w, &id, "_INBOX.client.1");
	world_settle(w);
	const struct wire_command c = world_last_command(w, &epoch);
	struct wire_reply reply = {.saga = c.saga,
				   .step = c.step,
				   .op = c.op,
				   .operation = c.operation,
				   .attempt = c.attempt,
				   .epoch = epoch,
				   .outcome = WIRE_OUTCOME_OK};
	const struct wire_reply_frame frame = {.shard = SHARD,
					       .service = slice_str("svc"),
					       .instance = slice_str("i1"),
					       .replies = &reply,
					       .reply_count = 1};
	buf_init(&out, 65536);
	assert_int_equal(wire_encode(WIRE_REPLY_FRAME, &frame, &out), 0);
	deliver(w, SUBJECT_REPLY, "svc", "_INBOX.svc.1", buf_slice(&out), 60000);
	world_settle(w);
	assert_int_equal(world_count(w, WIRE_DISPOSITION_FRAME), 1);
	assert_int_equal(world_last_command(w, &epoch).step, 1);
	const struct wire_query query = {.id = id_slice(&id)};
	buf_clear(&out);
	assert_int_equal(wire_encode(WIRE_QUERY, &query, &out), 0);
	deliver(w, SUBJECT_QUERY, "default", "_INBOX.client.2", buf_slice(&out), 60000);
	world_settle(w);
	assert_int_equal(world_last_answer(w).state, WIRE_STATE_RUNNING);
	/* Operators want to look just then. */
	const struct wire_list_request list = {.limit = 10};
	buf_clear(&out);
	assert_int_equal(wire_encode(WIRE_LIST_REQUEST, &list, &out), 0);
	deliver(w, SUBJECT_LIST, "default", "_INBOX.client.3", buf_slice(&out), 60000);
	world_settle(w);
	assert_int_equal(world_count(w, WIRE_LIST), 1);
	buf_close(&out);
}

/* ---- the two marks -------------------------------------------------------------------------- */

enum { SAGAS = 8, OUTPUT = 60000 };

struct begun {
	struct id id;
	struct uuid operation;
	uint64_t epoch;
};

static void begin(struct world *w, struct begun *b, uint32_t nth)
{
	b->id = world_id_on(w, SHARD, nth);
	world_submit(w, &b->id, "_INBOX.client.1");
	world_settle(w);
	b->operation = world_last_command(w, &b->epoch).operation;
}

static void answer(struct world *w, const struct begun *b)
{
	static uint8_t output[OUTPUT];
	struct wire_reply reply = {.saga = id_slice(&b->id),
				   .op = WIRE_OP_FORWARD,
				   .operation = b->operation,
				   .attempt = 1,
				   .epoch = b->epoch,
				   .outcome = WIRE_OUTCOME_OK,
				   .output = slice_of(output, sizeof output)};
	const struct wire_reply_frame frame = {.shard = SHARD,
					       .service = slice_str("svc"),
					       .instance = slice_str("i1"),
					       .replies = &reply,
					       .reply_count = 1};
	world_send(w, WIRE_REPLY_FRAME, &frame, SHARD, SUBJECT_REPLY, "svc", "_INBOX.svc.1");
}

/* A slow journal: records gather behind the batch in flight. New work is refused long before what
 * was begun has to wait. */
static void progress_has_room_where_new_work_has_none(void **state)
{
	struct world *w = *state;
	struct begun begun[SAGAS];
	struct core_stats stats;
	serve(w);
	for (uint32_t i = 0; i < SAGAS; i++)
		begin(w, &begun[i], i);
	w->nodes[0].journal.append_fault = MODEL_HOLD;
	w->caught_count = 0;
	const struct id in_flight = world_id_on(w, SHARD, 20);
	world_submit(w, &in_flight, "_INBOX.client.2");
	world_turn(w, 1);
	for (uint32_t i = 0; i < SAGAS; i++)
		answer(w, &begun[i]);
	core_stats(w->nodes[0].core, &stats);
	assert_int_equal(stats.replies_deferred, 0);
	assert_int_equal(w->caught_count, 0); /* nothing leaves before the journal has it */
	const struct id late = world_id_on(w, SHARD, 21);
	world_submit(w, &late, "_INBOX.client.3");
	assert_int_equal(world_last_answer(w).code, err_to_wire(SAGA_E_BUSY));
	w->nodes[0].journal.append_fault = MODEL_FINE;
	world_settle(w);
	assert_int_equal(world_count(w, WIRE_DISPOSITION_FRAME), SAGAS);
	world_submit(w, &late, "_INBOX.client.3");
	world_settle(w);
	assert_int_equal(world_last_answer(w).code, 0);
}

/* Beyond the hard mark an answer is left for its next sending, counted, and nobody aborts. */
static void beyond_the_hard_mark_replies_come_again(void **state)
{
	enum { MANY = 16 };
	struct world *w = *state;
	struct begun begun[MANY];
	struct core_stats stats;
	serve(w);
	for (uint32_t i = 0; i < MANY; i++)
		begin(w, &begun[i], i);
	w->nodes[0].journal.append_fault = MODEL_HOLD;
	const struct id in_flight = world_id_on(w, SHARD, 20);
	world_submit(w, &in_flight, "_INBOX.client.2");
	world_turn(w, 1);
	for (uint32_t i = 0; i < MANY; i++)
		answer(w, &begun[i]);
	core_stats(w->nodes[0].core, &stats);
	assert_in_range(stats.replies_deferred, 1, MANY - SAGAS);
	w->nodes[0].journal.append_fault = MODEL_FINE;
	w->caught_count = 0;
	world_settle(w);
	assert_int_equal(world_count(w, WIRE_DISPOSITION_FRAME), MANY - stats.replies_deferred);
	w->caught_count = 0;
	for (uint32_t i = 0; i < MANY; i++)
		answer(w, &begun[i]);
	world_settle(w);
	assert_int_equal(world_count(w, WIRE_DISPOSITION_FRAME), MANY);
}

/* ---- bounds that hold for a long life -------------------------------------------------------- */

static void index_of_batches_stays_small(void **state)
{
	enum { BATCHES = 3 * CORE_INDEX_MAX * CORE_INDEX_STEP };
	static struct shard s;
	const struct index_entry *entries;
	(void)state;
	s.index_step = CORE_INDEX_STEP;
	buf_init(&s.index, CORE_INDEX_MAX * (uint32_t)sizeof(struct index_entry));
	for (uint64_t i = 1; i <= BATCHES; i++)
		core_index_add(&s, i * 10, i);
	const uint32_t count = s.index.size / (uint32_t)sizeof *entries;
	assert_in_range(count, CORE_INDEX_MAX / 2, CORE_INDEX_MAX);
	entries = (const void *)s.index.data;
	/* From the first batch to the last, nowhere further apart than the step says. */
	assert_int_equal(entries[0].sequence, 1);
	for (uint32_t i = 1; i < count; i++)
		assert_in_range(entries[i].sequence, entries[i - 1].sequence + 1,
				entries[i - 1].sequence + s.index_step);
	assert_true(entries[count - 1].sequence + s.index_step > BATCHES);
	buf_close(&s.index);
}

/* The formula of docs/configuration.md. */
static uint64_t documented_ceiling(const struct txn_limits *l)
{
	const uint64_t ids = (uint64_t)l->open_max + l->remembered_max;

	return 400 * ids + 150 * (uint64_t)l->open_max + 10 * (uint64_t)l->branches_max +
	       230 * (uint64_t)l->waiters_max + l->payload_max + l->payload_max / 200 + 70000000;
}

static void ceiling_is_the_documented_one(void **state)
{
	static const struct txn_limits cases[] = {
		{100000, 1000000, 400000, 100000, 1073741824, 0}, /* the defaults */
		{1024, 65536, 8192, 4096, 8388608, 0},
		{131073, 131073, 524289, 131073, 1048576, 0}, /* just past powers of two */
		{4000000, 16000000, 16000000, 4000000, 68719476736, 0},
	};
	(void)state;
	for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_in_range(core_memory_ceiling(&cases[i]), documented_ceiling(&cases[i]) / 2,
				documented_ceiling(&cases[i]));
}

static void ceiling_counts_the_buffers(void **state)
{
	const struct txn_limits limits = {.open_max = 1000,
					  .remembered_max = 1000,
					  .branches_max = 4000,
					  .waiters_max = 1000,
					  .payload_max = 1024 * 1024};
	(void)state;
	assert_true(core_memory_ceiling(&limits) >
		    txn_memory_ceiling(&limits) + CORE_OUTBOX_MAX + 2 * CORE_RECORDS_MAX);
	assert_true(core_memory_ceiling(&limits) < txn_memory_ceiling(&limits) + 70000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
		TEST(late_submits_are_refused_unread),
		TEST(late_submits_to_any_node_are_refused_unread),
		TEST(hint_grows_with_the_load),
		TEST(late_progress_is_not_refused),
		TEST(progress_has_room_where_new_work_has_none),
		TEST(beyond_the_hard_mark_replies_come_again),
		cmocka_unit_test(index_of_batches_stays_small),
		cmocka_unit_test(ceiling_is_the_documented_one),
		cmocka_unit_test(ceiling_counts_the_buffers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
