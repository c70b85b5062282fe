/* Calls of libsaga that block, from threads of their own, against a scripted owner. */
#include "tests/integration/client_calls_bench_uv.h"

struct blocking {
	struct bench *bench;
	enum { DO_SUBMIT, DO_RUN, DO_QUERY, DO_WAIT, DO_CANCEL } what;
	uint32_t timeout_ms;
	int error;
	struct saga_status status;
	pthread_t thread;
	pthread_mutex_t mutex;
	bool done;
};

static void *blocking_thread(void *argument)
{
	struct blocking *blocking = argument;
	struct saga_connection *connection = blocking->bench->connection;
	struct saga_submit_options options;
	int error = 0;

	saga_submit_options_init(&options);
	options.id = "s1";
	options.timeout_ms = blocking->timeout_ms;
	switch (blocking->what) {
	case DO_SUBMIT:
		error = saga_submit(connection, blocking->bench->definition, &options,
				    &blocking->status);
		break;
	case DO_RUN:
		error = saga_run(connection, blocking->bench->definition, &options,
				 &blocking->status);
		break;
	case DO_QUERY:
		error = saga_query(connection, "s1", blocking->timeout_ms, &blocking->status);
		break;
	case DO_WAIT:
		error = saga_wait(connection, "s1", blocking->timeout_ms, &blocking->status);
		break;
	case DO_CANCEL:
		error = saga_cancel(connection, "s1", "changed my mind", blocking->timeout_ms,
				    &blocking->status);
		break;
	}
	(void)pthread_mutex_lock(&blocking->mutex);
	blocking->error = error;
	blocking->done = true;
	(void)pthread_mutex_unlock(&blocking->mutex);
	return NULL;
}

static void start(struct blocking *blocking)
{
	blocking->done = false;
	(void)pthread_mutex_init(&blocking->mutex, NULL);
	assert_int_equal(pthread_create(&blocking->thread, NULL, blocking_thread, blocking), 0);
}

static bool is_done(struct blocking *blocking)
{
	bool done;

	(void)pthread_mutex_lock(&blocking->mutex);
	done = blocking->done;
	(void)pthread_mutex_unlock(&blocking->mutex);
	return done;
}

static int end(struct blocking *blocking)
{
	RUN_UNTIL(&blocking->bench->owner, is_done(blocking));
	assert_int_equal(pthread_join(blocking->thread, NULL), 0);
	return blocking->error;
}

static void blocking_calls_block(void **state)
{
	struct bench *bench = *state;
	struct blocking blocking = {.bench = bench, .timeout_ms = PATIENCE_MS};

	owner_listen(&bench->owner, calls_script_finish);
	blocking.what = DO_SUBMIT;
	start(&blocking);
	assert_int_equal(end(&blocking), 0);
	assert_int_equal(blocking.status.state, SAGA_STATE_RUNNING);
	blocking.what = DO_RUN;
	start(&blocking);
	assert_int_equal(end(&blocking), 0);
	assert_int_equal(blocking.status.state, SAGA_STATE_COMPENSATED);
	blocking.what = DO_WAIT;
	start(&blocking);
	assert_int_equal(end(&blocking), 0);
	assert_int_equal(blocking.status.state, SAGA_STATE_COMPENSATED);
	assert_true(bench->requests[bench->count - 1].wait);

	bench->owner.on_request = calls_script_accept;
	blocking.what = DO_WAIT;
	blocking.timeout_ms = 700;
	start(&blocking);
	assert_int_equal(end(&blocking), SAGA_ERR_TIMEOUT);
	blocking.what = DO_RUN;
	start(&blocking);
	assert_int_equal(end(&blocking), SAGA_ERR_TIMEOUT);
	bench->owner.on_request = calls_script_silent;
	blocking.what = DO_QUERY;
	start(&blocking);
	assert_int_equal(end(&blocking), SAGA_ERR_UNKNOWN);
	blocking.what = DO_WAIT;
	start(&blocking);
	assert_int_equal(end(&blocking), SAGA_ERR_UNKNOWN);
}

static void script_not_found(struct owner *owner, const struct owner_request *request)
{
	struct wire_answer answer = owner_says(request, WIRE_STATE_NONE, 10);

	calls_note(owner->context, request);
	answer.code =
		err_to_wire(request->verb == SUBJECT_CANCEL ? SAGA_E_TOO_LATE : SAGA_E_NOT_FOUND);
	owner_answer(owner, request->reply_to, &answer);
}

static void query_and_cancel_pass_refusals_on(void **state)
{
	struct bench *bench = *state;
	struct blocking blocking = {.bench = bench};

	owner_listen(&bench->owner, script_not_found);
	blocking.what = DO_QUERY;
	start(&blocking);
	assert_int_equal(end(&blocking), SAGA_ERR_NOT_FOUND);
	assert_false(bench->requests[0].wait);
	blocking.what = DO_WAIT;
	start(&blocking);
	assert_int_equal(end(&blocking), SAGA_ERR_NOT_FOUND);
	blocking.what = DO_CANCEL;
	start(&blocking);
	assert_int_equal(end(&blocking), SAGA_ERR_TOO_LATE);
	assert_int_equal(bench->requests[2].verb, SUBJECT_CANCEL);
}

static void script_cancel(struct owner *owner, const struct owner_request *request)
{
	struct wire_answer answer = owner_says(request, WIRE_STATE_CANCELLED, 10);
	struct bench *bench = owner->context;
	struct wire_cancel cancel;
	struct arena arena;

	arena_init(&arena, owner->arena, OWNER_ARENA_SIZE);
	assert_int_equal(wire_decode(WIRE_CANCEL, request->bytes, &arena, &cancel, NULL), 0);
	bench->step = cancel.retry_until_at == 0 ? 1 : 2;
	owner_answer(owner, request->reply_to, &answer);
}

/* Who submits the id, and until when, is not known here: a submit must not outlive the block. */
static void a_cancel_blocks_an_id_without_an_end_of_its_own(void **state)
{
	struct bench *bench = *state;
	struct blocking blocking = {.bench = bench, .what = DO_CANCEL};

	owner_listen(&bench->owner, script_cancel);
	start(&blocking);
	assert_int_equal(end(&blocking), 0);
	assert_int_equal(blocking.status.state, SAGA_STATE_STOPPED);
	assert_int_equal(bench->step, 1);
}

/* S2: first an answer of epoch 7; then a stale owner says "running" of record 9999, epoch 6. */
static void script_stale(struct owner *owner, const struct owner_request *request)
{
	struct bench *bench = owner->context;
	struct wire_answer answer = owner_says(request, WIRE_STATE_UNDOING, 10);

	calls_note(bench, request);
	if (bench->step++ == 1) {
		answer = owner_says(request, WIRE_STATE_RUNNING, 9999);
		answer.epoch = OWNER_EPOCH - 1;
	}
	owner_answer(owner, request->reply_to, &answer);
}

static void older_answers_are_dropped(void **state)
{
	struct bench *bench = *state;
	struct blocking blocking = {.bench = bench, .what = DO_QUERY};

	owner_listen(&bench->owner, script_stale);
	start(&blocking);
	assert_int_equal(end(&blocking), 0);
	assert_int_equal(blocking.status.state, SAGA_STATE_UNDOING);
	start(&blocking);
	assert_int_equal(end(&blocking), 0);
	assert_int_equal(blocking.status.state, SAGA_STATE_UNDOING);
	assert_int_equal(bench->count, 3);
}

static void closing_ends_what_waits(void **state)
{
	struct bench *bench = *state;
	struct told sent = TOLD_INIT, accepted = TOLD_INIT;
	struct blocking blocking = {.bench = bench, .what = DO_RUN, .timeout_ms = PATIENCE_MS};
	struct saga_options options;

	owner_listen(&bench->owner, calls_script_accept);
	calls_submit(bench, "s2", PATIENCE_MS, true, &accepted);
	RUN_UNTIL(&bench->owner, told_ended(&accepted, false));
	bench->owner.on_request = calls_script_silent;
	calls_submit(bench, "s3", PATIENCE_MS, true, &sent);
	start(&blocking);
	RUN_UNTIL(&bench->owner, bench->count >= 3);
	saga_close(bench->connection, 0);
	assert_int_equal(pthread_join(blocking.thread, NULL), 0);
	assert_int_equal(blocking.error, SAGA_ERR_UNKNOWN);
	assert_int_equal(accepted.finished, 1);
	assert_int_equal(accepted.finished_error, SAGA_ERR_STOPPING);
	assert_int_equal(sent.accepted_error, SAGA_ERR_UNKNOWN);
	/* For the teardown. */
	saga_options_init(&options);
	options.url = owner_url(&bench->owner);
	assert_int_equal(saga_open(&options, &bench->connection), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, calls_setup, calls_teardown)
	const struct CMUnitTest tests[] = {
		TEST(blocking_calls_block),
		TEST(query_and_cancel_pass_refusals_on),
		TEST(a_cancel_blocks_an_id_without_an_end_of_its_own),
		TEST(older_answers_are_dropped),
		TEST(closing_ends_what_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
