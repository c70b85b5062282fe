/* Histories: what belongs to one, what is refused; slow or refused while memory is short, and whole
 * when they look whole. */
#include "tests/unit/node_world.h"

#include "node/core_internal.h"
#include "wire/record.h"

static void request_history(struct world *w, const struct id *id, const char *reply)
{
	const struct wire_history_request request = {.id = id_slice(id)};

	w->caught_count = 0;
	world_send(w, WIRE_HISTORY_REQUEST, &request, 1, SUBJECT_HISTORY, "default", reply);
}

static struct wire_history last_history(struct world *w)
{
	static uint8_t memory[ARENA_SIZE];
	struct wire_history history;
	struct arena arena;
	const struct caught *c = world_last(w, WIRE_HISTORY);

	arena_init(&arena, memory, sizeof memory);
	assert_int_equal(
		wire_decode(WIRE_HISTORY, slice_of(c->bytes, c->size), &arena, &history, NULL), 0);
	return history;
}

static struct wire_history ask(struct world *w, const struct id *id)
{
	struct wire_history history;

	request_history(w, id, "_INBOX.client.3");
	world_settle(w);
	history = last_history(w);
	assert_int_equal(history.next_sequence, 0);
	return history;
}

/* Other sagas come and go: three batches each. */
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

static void answer_first_step(struct world *w, const struct id *id, struct uuid operation)
{
	struct wire_reply reply = {.saga = id_slice(id),
				   .op = WIRE_OP_FORWARD,
				   .operation = operation,
				   .attempt = 1,
				   .epoch = 5,
				   .outcome = WIRE_OUTCOME_OK};
	const struct wire_reply_frame frame = {.shard = 1,
					       .service = slice_str("svc"),
					       .instance = slice_str("i1"),
					       .replies = &reply,
					       .reply_count = 1};

	world_send(w, WIRE_REPLY_FRAME, &frame, 1, SUBJECT_REPLY, "svc", "_INBOX.svc.1");
	world_settle(w);
}

/* The index stays behind; what it cannot tell is looked for. */
static void an_index_without_memory_hides_nothing(void **state)
{
	struct world *w = *state;
	const struct id id = world_begin(w);
	struct shard *s = w->nodes[0].core->shards[1];
	const uint32_t max = s->index.max, size = s->index.size;
	uint64_t epoch;
	const struct uuid operation = world_last_command(w, &epoch).operation;

	s->index.max = s->index.capacity = size; /* not an entry more */
	run_others(w, 1, 30);
	assert_int_equal(s->index.size, size);
	assert_true(s->appender.expected > 2 * CORE_INDEX_STEP);
	answer_first_step(w, &id, operation);
	struct wire_history history = ask(w, &id);
	assert_int_equal(history.code, 0);
	assert_int_equal(history.entry_count, 2); /* accepted, the step */

	s->index.max = max; /* there is memory again, and a hole in the index */
	run_others(w, 31, 20);
	assert_true(s->index.size > size);
	history = ask(w, &id);
	assert_int_equal(history.code, 0);
	assert_int_equal(history.entry_count, 2);
}

static void a_page_without_memory_is_refused(void **state)
{
	struct world *w = *state;
	const struct id id = world_begin(w);
	struct buf *bytes = &w->nodes[0].core->shards[1]->history.bytes;
	const uint32_t max = bytes->max;

	buf_close(bytes);
	buf_init(bytes, 10); /* less than a record */
	struct wire_history history = ask(w, &id);
	assert_int_equal(history.code, err_to_wire(SAGA_E_FULL));
	assert_int_equal(history.entry_count, 0);
	bytes->max = max;
	history = ask(w, &id);
	assert_int_equal(history.code, 0);
	assert_int_equal(history.entry_count, 1);
}

/* ---- what belongs to a history ---- */

/* The kinds of its records, in order. */
static void assert_kinds(struct world *w, const struct id *id, const enum wire_kind *kinds,
			 uint32_t count)
{
	const struct wire_history history = ask(w, id);

	assert_int_equal(history.code, 0);
	assert_int_equal(history.entry_count, count);
	for (uint32_t i = 0; i < count; i++) {
		enum wire_kind kind;

		assert_int_equal(wire_peek_kind(history.entries[i].record, &kind), 0);
		assert_int_equal(kind, kinds[i]);
		if (i > 0)
			assert_true(history.entries[i].record_number >
				    history.entries[i - 1].record_number);
	}
}

/* The last command of that saga. */
static struct wire_command command_of(struct world *w, const struct id *id, uint64_t *epoch)
{
	static uint8_t memory[ARENA_SIZE];

	for (uint32_t i = w->caught_count; i > 0; i--) {
		const struct caught *c = &w->caught[i - 1];
		struct wire_command_frame frame;
		struct arena arena;

		if (c->kind != WIRE_COMMAND_FRAME)
			continue;
		arena_init(&arena, memory, sizeof memory);
		assert_int_equal(wire_decode(WIRE_COMMAND_FRAME, slice_of(c->bytes, c->size),
					     &arena, &frame, NULL),
				 0);
		assert_int_equal(frame.command_count, 1);
		*epoch = frame.epoch;
		if (slice_equal(frame.commands[0].saga, id_slice(id)))
			return frame.commands[0];
	}
	fail_msg("nobody was told to do anything for this saga");
	return (struct wire_command){0};
}

static void say(struct world *w, const struct id *id, uint32_t op, uint32_t outcome)
{
	uint64_t epoch = 0;
	const struct wire_command c = command_of(w, id, &epoch);
	struct wire_reply reply = {.saga = c.saga,
				   .step = c.step,
				   .op = c.op,
				   .operation = c.operation,
				   .attempt = c.attempt,
				   .epoch = epoch,
				   .outcome = outcome,
				   .code = err_to_wire(SAGA_E_BUSY)};
	const struct wire_reply_frame frame = {.shard = 1,
					       .service = slice_str("svc"),
					       .instance = slice_str("i1"),
					       .replies = &reply,
					       .reply_count = 1};

	assert_int_equal(c.op, op);
	world_send(w, WIRE_REPLY_FRAME, &frame, 1, SUBJECT_REPLY, "svc", "_INBOX.svc.1");
	world_settle(w);
}

static void cancel(struct world *w, const struct id *id)
{
	const struct wire_cancel body = {.id = id_slice(id), .retry_until_at = T0 + 100000};

	world_send(w, WIRE_CANCEL, &body, 1, SUBJECT_CANCEL, "default", "_INBOX.client.4");
	world_settle(w);
}

/* Beside another saga on the same shard, whose records have the same kinds and stand between. */
static void a_history_has_all_kinds_of_records(void **state)
{
	static const enum wire_kind undone[] = {WIRE_RECORD_ACCEPTED, WIRE_RECORD_DECISION,
						WIRE_RECORD_PARKED, WIRE_RECORD_BRANCH,
						WIRE_RECORD_FINISHED};
	static const enum wire_kind blocked[] = {WIRE_RECORD_TOMBSTONE};
	struct world *w = *state;
	const struct id one = world_begin(w), two = world_id_on(w, 1, 1),
			three = world_id_on(w, 1, 2);

	world_submit(w, &two, "_INBOX.client.2");
	world_settle(w);
	cancel(w, &one);
	cancel(w, &two);
	cancel(w, &three);
	say(w, &one, WIRE_OP_UNDO, WIRE_OUTCOME_PARK);
	say(w, &two, WIRE_OP_UNDO, WIRE_OUTCOME_PARK);
	assert_kinds(w, &one, undone, 3);
	world_settle(w);
	for (uint32_t i = 0; i < 3; i++) { /* what is parked is tried again */
		world_turn(w, 1000);
		world_settle(w);
	}
	say(w, &one, WIRE_OP_UNDO, WIRE_OUTCOME_OK);
	say(w, &two, WIRE_OP_UNDO, WIRE_OUTCOME_OK);
	assert_kinds(w, &one, undone, 5);
	assert_kinds(w, &two, undone, 5);
	assert_kinds(w, &three, blocked, 1);
}

static void an_interactive_history_has_its_branches(void **state)
{
	static const enum wire_kind kinds[] = {WIRE_RECORD_ACCEPTED, WIRE_RECORD_ENLISTED,
					       WIRE_RECORD_CLOSED, WIRE_RECORD_BRANCH,
					       WIRE_RECORD_DECISION};
	static const enum subject_verb verbs[] = {SUBJECT_SUBMIT, SUBJECT_ENLIST, SUBJECT_COMMIT};
	struct world *w = *state;
	const struct id others[] = {world_id_on(w, 1, 0), world_id_on(w, 1, 1)};
	struct wire_enlist enlist = {.step = {.name = slice_str("one"),
					      .service = slice_str("svc"),
					      .forward = slice_str("prepare"),
					      .finish = slice_str("commit"),
					      .undo = slice_str("rollback")}};

	world_serve(w, 0, 1, 5);
	for (uint32_t i = 0; i < 6; i++) { /* each verb for both, so that their records alternate */
		const struct id *id = &others[i % 2];
		struct wire_submit begin = {.id = id_slice(id),
					    .plan = {.name = slice_str("talk"),
						     .version = 1,
						     .protocol = WIRE_PROTOCOL_2PC,
						     .idle_ms = 5000},
					    .retry_until_at = T0 + 100000};
		struct wire_commit commit = {.id = id_slice(id), .branch_count = 1};
		const void *bodies[] = {&begin, &enlist, &commit};
		static const enum wire_kind requests[] = {WIRE_SUBMIT, WIRE_ENLIST, WIRE_COMMIT};

		wire_plan_resolve(&begin.plan);
		enlist.id = id_slice(id);
		wire_branch_set_add(&commit.branch_hash, &enlist.step);
		world_send(w, requests[i / 2], bodies[i / 2], 1, verbs[i / 2], "default",
			   "_INBOX.c.1");
		world_settle(w);
		assert_int_equal(world_last_answer(w).code, 0);
	}
	say(w, &others[0], WIRE_OP_FORWARD, WIRE_OUTCOME_OK);
	say(w, &others[1], WIRE_OP_FORWARD, WIRE_OUTCOME_OK);
	assert_kinds(w, &others[0], kinds, 5);
	assert_kinds(w, &others[1], kinds, 5);
}

/* The cursor's record stands with what the entry led to, or tells why it led to nothing (S12). */
static void a_history_has_the_entry_of_the_inbox(void **state)
{
	static const enum wire_kind refused[] = {WIRE_RECORD_INBOX};
	struct world *w = *state;
	const struct id one = world_begin(w), bad = world_id_on(w, 1, 1);
	struct shard *s = w->nodes[0].core->shards[1];
	struct txn_inbox_entry entry = {.created = slice_str("now"),
					.sequence = 1,
					.tenant = slice_str("default"),
					.code = SAGA_E_DECODE,
					.id = id_slice(&bad),
					.text = slice_str("no submit")};
	int code;

	assert_true(core_serve_inbox(s, &entry, &code));
	assert_int_equal(code, SAGA_E_DECODE);
	world_settle(w);
	assert_kinds(w, &bad, refused, 1);
	assert_int_equal(ask(w, &one).entry_count, 1);
}

/* ---- what is refused ---- */

static void histories_that_cannot_be_read_are_refused(void **state)
{
	struct world *w = *state;
	const struct id id = world_begin(w), nobody = world_id_on(w, 1, 9);
	struct node *n = &w->nodes[0];
	struct shard *s = n->core->shards[1];

	assert_int_equal(ask(w, &nobody).code, err_to_wire(SAGA_E_NOT_FOUND));
	request_history(w, &id, ""); /* nobody to tell: nothing is read */
	assert_false(s->history.active);
	world_settle(w);
	assert_int_equal(w->caught_count, 0);

	request_history(w, &id, "_INBOX.client.3");
	assert_true(s->history.active);
	const struct wire_history_request request = {.id = id_slice(&id)};
	world_send(w, WIRE_HISTORY_REQUEST, &request, 1, SUBJECT_HISTORY, "default",
		   "_INBOX.client.4");
	world_turn(w, 1);
	assert_int_equal(last_history(w).code, err_to_wire(SAGA_E_BUSY));
	assert_string_equal(world_last(w, WIRE_HISTORY)->subject, "_INBOX.client.4");
	world_settle(w);
	assert_int_equal(last_history(w).code, 0);
	assert_string_equal(world_last(w, WIRE_HISTORY)->subject, "_INBOX.client.3");
	assert_int_equal(last_history(w).entry_count, 1);

	request_history(w, &id, "_INBOX.client.3");
	/* Of a read that is not this one. */
	core_batch(n->core, w->now, 1, s->history.token + 9, 1, (struct slice){0});
	core_read_end(n->core, w->now, 1, s->history.token + 9, SAGA_E_JOURNAL_CORRUPT, 0);
	assert_true(s->history.active);
	core_read_end(n->core, w->now, 1, s->history.token, SAGA_E_DISCONNECTED, 0);
	world_settle(w);
	assert_int_equal(last_history(w).code, err_to_wire(SAGA_E_DISCONNECTED));
	assert_int_equal(ask(w, &id).entry_count, 1);
}

static int no_read(struct journal *j, uint32_t shard, uint64_t from, uint64_t to, uint64_t token)
{
	(void)j;
	(void)shard;
	(void)from;
	(void)to;
	(void)token;
	return SAGA_E_BUSY;
}

static void a_read_that_is_not_taken_is_told(void **state)
{
	struct world *w = *state;
	const struct id id = world_begin(w);
	struct journal *journal = &w->nodes[0].journal.base;
	const struct journal_ops *healthy = journal->ops;
	struct journal_ops failing = *healthy;

	failing.read = no_read;
	journal->ops = &failing;
	assert_int_equal(ask(w, &id).code, err_to_wire(SAGA_E_BUSY));
	journal->ops = healthy;
	assert_int_equal(ask(w, &id).entry_count, 1);
}

/* One page reads so many batches and no more, and says where the next one begins. */
static void a_page_reads_a_bounded_stretch(void **state)
{
	struct world *w = *state;
	const struct id id = world_begin(w);
	struct node *n = &w->nodes[0];
	struct shard *s = n->core->shards[1];
	const uint64_t expected = s->appender.expected;

	s->appender.expected = expected + 3 * CORE_HISTORY_BATCHES; /* as if so much had followed */
	request_history(w, &id, "_INBOX.client.3");
	s->appender.expected = expected;
	assert_int_equal(n->journal.call_count, 1);
	assert_int_equal(n->journal.calls[0].to - n->journal.calls[0].from + 1,
			 CORE_HISTORY_BATCHES);
	const uint64_t next = n->journal.calls[0].to + 1;
	world_settle(w);
	assert_int_equal(last_history(w).next_sequence, next);
	assert_int_equal(last_history(w).entry_count, 1);
}

/* ---- batches that are not its own ---- */

/* A batch with the record that a saga was decided to be undone, handed in as if it had been read.
 */
static void hand_in(struct world *w, uint64_t epoch, uint64_t first_record, bool whole)
{
	struct shard *s = w->nodes[0].core->shards[1];
	const struct wire_record_decision decision = {.admission = s->history.admission,
						      .reason = WIRE_REASON_DEADLINE};
	const struct batch_header header = {.shard = 1,
					    .record_count = 1,
					    .epoch = epoch,
					    .first_record = first_record,
					    .shard_time = T0,
					    .cluster = w->cluster};
	struct buf record, batch;

	buf_init(&record, 4096);
	buf_init(&batch, 8192);
	assert_int_equal(wire_encode(WIRE_RECORD_DECISION, &decision, &record), 0);
	if (!whole)
		record.size--;
	assert_int_equal(batch_encode(&header, buf_slice(&record), &batch), 0);
	core_batch(w->nodes[0].core, w->now, 1, s->history.token, 9, buf_slice(&batch));
	buf_close(&record);
	buf_close(&batch);
}

/* What a stale owner appended behind a newer epoch never happened (S22); a batch of another owner's
 * epoch has no number; what cannot be read is left out. */
static void batches_that_never_happened_are_left_out(void **state)
{
	struct world *w = *state;
	const struct id id = world_begin(w);
	struct shard *s = w->nodes[0].core->shards[1];
	const uint8_t garbage[] = {1, 2, 3};

	request_history(w, &id, "_INBOX.client.3");
	s->history.last_record = s->history.first_record + 10;
	const uint64_t number = s->history.first_record + 1;
	hand_in(w, 6, number, true);
	hand_in(w, 5, number + 1, true); /* stale */
	hand_in(w, 6, 0, true);
	hand_in(w, 6, number + 2, false);
	hand_in(w, 6, s->history.last_record + 1, true); /* behind its last record */
	core_batch(w->nodes[0].core, w->now, 1, s->history.token, 9, slice_of(garbage, 3));
	assert_int_equal(s->history.count, 1);
	core_read_end(w->nodes[0].core, w->now, 1, s->history.token, 0, 9);
	world_settle(w);
	const struct wire_history history = last_history(w);
	assert_int_equal(history.entry_count, 1);
	assert_int_equal(history.entries[0].record_number, number);
	assert_int_equal(history.entries[0].epoch, 6);
}

int main(void)
{
#define HISTORY_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		HISTORY_TEST(an_index_without_memory_hides_nothing),
		HISTORY_TEST(a_page_without_memory_is_refused),
		HISTORY_TEST(a_history_has_all_kinds_of_records),
		HISTORY_TEST(an_interactive_history_has_its_branches),
		HISTORY_TEST(a_history_has_the_entry_of_the_inbox),
		HISTORY_TEST(histories_that_cannot_be_read_are_refused),
		HISTORY_TEST(a_read_that_is_not_taken_is_told),
		HISTORY_TEST(a_page_reads_a_bounded_stretch),
		HISTORY_TEST(batches_that_never_happened_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
