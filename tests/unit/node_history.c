/* Histories while memory is short: slow or refused, and whole when they look whole. */
#include "tests/unit/node_world.h"

#include "node/core_internal.h"

static struct wire_history ask(struct world *w, const struct id *id)
{
	static uint8_t memory[ARENA_SIZE];
	const struct wire_history_request request = {.id = id_slice(id)};
	struct wire_history history;
	struct arena arena;

	w->caught_count = 0;
	world_send(w, WIRE_HISTORY_REQUEST, &request, 1, SUBJECT_HISTORY, "default",
		   "_INBOX.client.3");
	world_settle(w);
	const struct caught *c = world_last(w, WIRE_HISTORY);
	arena_init(&arena, memory, sizeof memory);
	assert_int_equal(
		wire_decode(WIRE_HISTORY, slice_of(c->bytes, c->size), &arena, &history, NULL), 0);
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

int main(void)
{
#define HISTORY_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		HISTORY_TEST(an_index_without_memory_hides_nothing),
		HISTORY_TEST(a_page_without_memory_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
