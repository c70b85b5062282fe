/* Calls of libsaga against a scripted owner on a real broker. */
#include "tests/integration/client_calls_bench_uv.h"

#include <stdio.h>
#include <stdlib.h>

static void a_submit_is_accepted(void **state)
{
	struct bench *bench = *state;
	struct told told = TOLD_INIT;
	struct wire_slots slots;

	owner_listen(&bench->owner, calls_script_accept);
	calls_submit(bench, "s1", 0, false, &told);
	RUN_UNTIL(&bench->owner, told_ended(&told, false));
	assert_int_equal(told.accepted_error, 0);
	assert_int_equal(told.status.state, SAGA_STATE_RUNNING);
	assert_string_equal(told.status.id, "s1");
	assert_int_equal(told.status.epoch, OWNER_EPOCH);
	assert_int_equal(told.status.accepted_unix_ms, 1000);
	assert_int_equal(bench->count, 1);
	assert_int_equal(bench->requests[0].verb, SUBJECT_SUBMIT);
	assert_string_equal(bench->requests[0].party, "default");
	assert_false(bench->requests[0].wait);
	assert_int_equal(wire_slots_even(&slots, OWNER_SHARDS), 0);
	assert_int_equal(bench->requests[0].shard, wire_shard_of(&slots, slice_str("s1")));
	/* It is accepted: nothing is sent again. */
	owner_run_for(&bench->owner, 1500);
	assert_int_equal(bench->count, 1);
	assert_int_equal(told.accepted, 1);
}

/* Silence, busy, not the owner, and only then a yes. */
static void script_reluctant(struct owner *owner, const struct owner_request *request)
{
	struct bench *bench = owner->context;
	struct wire_answer answer = owner_says(request, WIRE_STATE_NONE, 0);

	calls_note(bench, request);
	switch (bench->step++) {
	case 0:
		return;
	case 1:
		answer.code = err_to_wire(SAGA_E_BUSY);
		answer.retry_after_ms = 400;
		break;
	case 2:
		answer.code = err_to_wire(SAGA_E_NOT_OWNER);
		break;
	case 3:
		/* Not to be understood, and about another saga: neither counts. */
		owner_publish(owner, request->reply_to, slice_str("garbage"));
		answer.id = slice_str("other");
		break;
	default:
		answer = owner_says(request, WIRE_STATE_RUNNING, 10);
		break;
	}
	owner_answer(owner, request->reply_to, &answer);
}

static void a_submit_is_sent_until_answered(void **state)
{
	struct bench *bench = *state;
	struct told told = TOLD_INIT;

	owner_listen(&bench->owner, script_reluctant);
	calls_submit(bench, "s1", 20000, false, &told);
	RUN_UNTIL(&bench->owner, told_ended(&told, false));
	assert_int_equal(told.accepted_error, 0);
	assert_int_equal(bench->count, 5);
	for (uint32_t i = 1; i < 5; i++)
		assert_true(hash128_equal(&bench->hashes[i], &bench->hashes[0]));
	/* retry_after is respected, within the jitter. */
	assert_true(bench->times_ms[2] - bench->times_ms[1] >= 300);
}

static void an_unanswered_submit_is_unknown(void **state)
{
	struct bench *bench = *state;
	struct told told = TOLD_INIT;

	owner_listen(&bench->owner, calls_script_silent);
	calls_submit(bench, "s1", 1200, true, &told);
	RUN_UNTIL(&bench->owner, told_ended(&told, true));
	assert_int_equal(told.accepted, 1);
	assert_int_equal(told.accepted_error, SAGA_ERR_UNKNOWN);
	assert_int_equal(told.finished, 0);
	assert_true(bench->count >= 2);
	assert_string_equal(told.status.id, "s1");
}

static void what_was_never_sent_is_not_unknown(void **state)
{
	struct bench *bench = *state;
	struct told first = TOLD_INIT, second = TOLD_INIT, third = TOLD_INIT;

	/* Nobody answers info. */
	calls_submit(bench, "s1", 700, false, &first);
	RUN_UNTIL(&bench->owner, told_ended(&first, false));
	assert_int_equal(first.accepted_error, SAGA_E_NO_RESPONDERS);
	bench->owner.info_code = err_to_wire(SAGA_E_NOT_INITIALISED);
	owner_listen(&bench->owner, calls_script_accept);
	calls_submit(bench, "s2", 2500, false, &second);
	RUN_UNTIL(&bench->owner, told_ended(&second, false));
	assert_int_equal(second.accepted_error, SAGA_ERR_NOT_INITIALISED);
	assert_int_equal(bench->count, 0);
	/* And it heals. */
	bench->owner.info_code = 0;
	calls_submit(bench, "s3", 0, false, &third);
	RUN_UNTIL(&bench->owner, told_ended(&third, false));
	assert_int_equal(third.accepted_error, 0);
}

static void script_conflict(struct owner *owner, const struct owner_request *request)
{
	struct wire_answer answer = owner_says(request, WIRE_STATE_RUNNING, 10);

	calls_note(owner->context, request);
	answer.code = err_to_wire(SAGA_E_CONFLICT);
	answer.text = slice_str("another body");
	owner_answer(owner, request->reply_to, &answer);
}

static void a_refusal_ends_it_at_once(void **state)
{
	struct bench *bench = *state;
	struct told told = TOLD_INIT;

	owner_listen(&bench->owner, script_conflict);
	calls_submit(bench, "s1", 0, true, &told);
	RUN_UNTIL(&bench->owner, told_ended(&told, true));
	assert_int_equal(told.accepted_error, SAGA_ERR_CONFLICT);
	assert_string_equal(told.status.text, "another body");
	assert_int_equal(told.finished, 0);
	assert_int_equal(bench->count, 1);
}

static void script_wrong_shard(struct owner *owner, const struct owner_request *request)
{
	struct bench *bench = owner->context;
	struct wire_answer answer = owner_says(request, WIRE_STATE_RUNNING, 10);

	calls_note(bench, request);
	if (bench->step++ == 0)
		answer.code = err_to_wire(SAGA_E_WRONG_SHARD);
	owner_answer(owner, request->reply_to, &answer);
}

static void a_wrong_shard_refreshes_the_slots(void **state)
{
	struct bench *bench = *state;
	struct told told = TOLD_INIT;

	owner_listen(&bench->owner, script_wrong_shard);
	calls_submit(bench, "s1", 0, false, &told);
	RUN_UNTIL(&bench->owner, told_ended(&told, false));
	assert_int_equal(told.accepted_error, 0);
	assert_int_equal(bench->owner.info_count, 2);
}

static void what_cannot_be_sent_is_refused_here(void **state)
{
	struct bench *bench = *state;
	struct saga_submit_options options;
	struct saga_status status;
	static const char *const labels[] = {"nonsense", NULL};

	saga_submit_options_init(&options);
	options.id = "a.b";
	assert_int_equal(saga_submit(bench->connection, bench->definition, &options, &status),
			 SAGA_E_NAME);
	options.id = "s1";
	options.retry_until_unix_ms = 1;
	assert_int_equal(saga_submit(bench->connection, bench->definition, &options, &status),
			 SAGA_ERR_EXPIRED);
	options.retry_until_unix_ms = 0;
	options.labels = labels;
	assert_int_equal(saga_submit(bench->connection, bench->definition, &options, &status),
			 SAGA_ERR_USAGE);
	options.labels = NULL;
	options.input = labels;
	options.input_size = WIRE_INPUT_SIZE_MAX + 1;
	assert_int_equal(saga_submit(bench->connection, bench->definition, &options, &status),
			 SAGA_E_TOO_LARGE);
	assert_string_equal(status.id, "s1");
	assert_int_equal(saga_submit(bench->connection, NULL, &options, &status), SAGA_ERR_USAGE);
}

/* ---- outcomes
 * -------------------------------------------------------------------------------------- */

static void the_outcome_comes_by_itself(void **state)
{
	struct bench *bench = *state;
	struct told told = TOLD_INIT;

	owner_listen(&bench->owner, calls_script_finish);
	calls_submit(bench, NULL, 0, true, &told);
	RUN_UNTIL(&bench->owner, told_ended(&told, true));
	assert_int_equal(told.accepted, 1);
	assert_int_equal(told.finished, 1);
	assert_int_equal(told.finished_error, 0);
	assert_int_equal(told.status.state, SAGA_STATE_COMPENSATED);
	assert_int_equal(told.status.reason, SAGA_REASON_REJECTED);
	assert_int_equal(told.status.finished_unix_ms, 5000);
	assert_true(bench->requests[0].wait);
	/* An id of ours: UUIDv7. */
	assert_int_equal(strlen(told.status.id), 36);
	assert_int_equal(told.status.id[14], '7');
}

/* The owner that accepted has died; the next one knows the saga from the journal. */
static void script_owner_change(struct owner *owner, const struct owner_request *request)
{
	struct bench *bench = owner->context;
	struct wire_answer answer = owner_says(request, WIRE_STATE_RUNNING, 10);

	calls_note(bench, request);
	if (request->verb == SUBJECT_QUERY) {
		switch (bench->step++) {
		case 0:
			answer.code = err_to_wire(SAGA_E_NOT_OWNER);
			answer.epoch = 0;
			break;
		case 1: /* a stale owner: older than what was seen */
			answer = owner_says(request, WIRE_STATE_RUNNING, 9999);
			answer.epoch = OWNER_EPOCH - 1;
			break;
		default:
			answer = owner_says(request, WIRE_STATE_COMPLETED, 3);
			answer.epoch = OWNER_EPOCH + 1;
			break;
		}
	}
	owner_answer(owner, request->reply_to, &answer);
}

static void the_outcome_is_asked_for_after_an_owner_change(void **state)
{
	struct bench *bench = *state;
	struct told told = TOLD_INIT;

	owner_listen(&bench->owner, script_owner_change);
	calls_submit(bench, "s1", 20000, true, &told);
	RUN_UNTIL(&bench->owner, told_ended(&told, true));
	assert_int_equal(told.finished_error, 0);
	assert_int_equal(told.status.state, SAGA_STATE_COMPLETED);
	assert_int_equal(told.status.epoch, OWNER_EPOCH + 1);
	assert_int_equal(bench->count, 4);
	for (uint32_t i = 1; i < 4; i++) {
		assert_int_equal(bench->requests[i].verb, SUBJECT_QUERY);
		/* Who accepted has promised the outcome; then nobody has that is known of. */
		assert_int_equal(bench->requests[i].wait, i > 1);
		assert_string_equal(bench->requests[i].id, "s1");
	}
	assert_true(bench->times_ms[1] - bench->times_ms[0] >= 1500);
}

/* Running; from the third request on another owner says so. */
static void script_two_owners(struct owner *owner, const struct owner_request *request)
{
	struct bench *bench = owner->context;
	struct wire_answer answer = owner_says(request, WIRE_STATE_RUNNING, 10);

	calls_note(bench, request);
	if (bench->count > 2)
		answer.epoch = OWNER_EPOCH + 1;
	owner_answer(owner, request->reply_to, &answer);
}

/* Each promise of an outcome takes a place in its owner's memory until the saga ends. */
static void each_owner_promises_the_outcome_once(void **state)
{
	const bool waits[] = {true, false, false, true, false};
	struct bench *bench = *state;
	struct told told = TOLD_INIT;

	owner_listen(&bench->owner, script_two_owners);
	calls_submit(bench, "s1", PATIENCE_MS, true, &told);
	RUN_UNTIL(&bench->owner, bench->count >= 5);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(bench->requests[i].wait, waits[i]);
	/* What the owner sends in the meantime is lost. */
	assert_int_equal(cluster_signal(bench->owner.cluster, "nats1", SIGKILL), 0);
	assert_true(cluster_wait_end(bench->owner.cluster, "nats1", PATIENCE_MS));
	RUN_UNTIL(&bench->owner, !bench->owner.connected);
	bench->count = 0;
	assert_int_equal(cluster_restart(bench->owner.cluster, "nats1"), 0);
	RUN_UNTIL(&bench->owner, bench->count >= 1);
	assert_true(bench->requests[0].wait);
	bench->owner.on_request = calls_script_finish;
	RUN_UNTIL(&bench->owner, told_ended(&told, true));
	assert_int_equal(told.finished_error, 0);
}

/* To a plain question the answer may be one of the past (S2). */
static void script_forgetful(struct owner *owner, const struct owner_request *request)
{
	struct bench *bench = owner->context;
	struct wire_answer answer = owner_says(request, WIRE_STATE_RUNNING, 10);

	calls_note(bench, request);
	if (request->verb == SUBJECT_QUERY) {
		answer.state = request->wait ? WIRE_STATE_COMPLETED : WIRE_STATE_NONE;
		answer.code = request->wait ? 0 : err_to_wire(SAGA_E_NOT_FOUND);
	}
	owner_answer(owner, request->reply_to, &answer);
}

static void a_plain_not_found_does_not_end_a_wait(void **state)
{
	struct bench *bench = *state;
	struct told told = TOLD_INIT;

	owner_listen(&bench->owner, script_forgetful);
	calls_submit(bench, "s1", PATIENCE_MS, true, &told);
	RUN_UNTIL(&bench->owner, told_ended(&told, true));
	assert_int_equal(told.finished_error, 0);
	assert_int_equal(told.status.state, SAGA_STATE_COMPLETED);
	assert_int_equal(bench->count, 3);
}

static void an_accepted_submit_times_out_as_such(void **state)
{
	struct bench *bench = *state;
	struct told told = TOLD_INIT;

	owner_listen(&bench->owner, calls_script_accept);
	calls_submit(bench, "s1", 800, true, &told);
	RUN_UNTIL(&bench->owner, told_ended(&told, true));
	assert_int_equal(told.accepted_error, 0);
	assert_int_equal(told.finished_error, SAGA_ERR_TIMEOUT);
	assert_int_equal(told.status.state, SAGA_STATE_RUNNING);
}

/* ---- many
 * ------------------------------------------------------------------------------------------ */

enum { MANY = 6000, MANY_WINDOW = 2048 };

struct many {
	pthread_mutex_t mutex;
	uint32_t accepted, finished, bad;
	uint8_t told[MANY]; /* 1 accepted, 2 finished */
};
struct one {
	struct many *many;
	uint32_t index;
};

static void one_told(struct one *one, uint8_t expected, int error)
{
	struct many *many = one->many;

	(void)pthread_mutex_lock(&many->mutex);
	if (error != 0 || many->told[one->index] != expected)
		many->bad++;
	many->told[one->index]++;
	if (expected == 0)
		many->accepted++;
	else
		many->finished++;
	(void)pthread_mutex_unlock(&many->mutex);
}

static void one_accepted(void *context, int error, const struct saga_status *status)
{
	(void)status;
	one_told(context, 0, error);
}

static void one_finished(void *context, int error, const struct saga_status *status)
{
	one_told(context, 1, status->state == SAGA_STATE_COMPENSATED ? error : -1);
}

static uint32_t many_finished(struct many *many)
{
	uint32_t count;

	(void)pthread_mutex_lock(&many->mutex);
	count = many->finished;
	(void)pthread_mutex_unlock(&many->mutex);
	return count;
}

enum { IDS = 4 * MANY };
struct ids {
	uint64_t hashes[IDS];
	uint32_t count;
};

/* Counts different ids: re-sends do not matter, however slow the machine is. */
static void note_id(struct ids *ids, const char *id)
{
	const uint64_t hash = hash_xxh3_64(slice_str(id)) | 1;
	uint32_t at = (uint32_t)(hash % IDS);

	while (ids->hashes[at] != 0 && ids->hashes[at] != hash)
		at = (at + 1) % IDS;
	if (ids->hashes[at] == 0)
		ids->count++;
	ids->hashes[at] = hash;
}

static void script_count_ids(struct owner *owner, const struct owner_request *request)
{
	struct bench *bench = owner->context;

	note_id(bench->ids, request->id);
}

static void thousands_are_in_flight(void **state)
{
	struct bench *bench = *state;
	struct many *many = calloc(1, sizeof *many);
	struct one *ones = calloc(MANY, sizeof *ones);
	struct saga_submit_options options;

	saga_submit_options_init(&options);
	options.timeout_ms = PATIENCE_MS;
	(void)pthread_mutex_init(&many->mutex, NULL);
	/* Nobody listens at first: they pile up. */
	for (uint32_t i = 0; i < MANY; i++) {
		ones[i] = (struct one){.many = many, .index = i};
		assert_int_equal(saga_submit_async(bench->connection, bench->definition, &options,
						   one_accepted, one_finished, &ones[i]),
				 0);
	}
	bench->ids = calloc(1, sizeof *bench->ids);
	owner_listen(&bench->owner, script_count_ids);
	RUN_UNTIL(&bench->owner, bench->ids->count >= MANY_WINDOW);
	/* Only so many are out unanswered. */
	owner_run_for(&bench->owner, 300);
	assert_int_equal(bench->ids->count, MANY_WINDOW);
	bench->owner.on_request = calls_script_finish;
	RUN_UNTIL(&bench->owner, many_finished(many) == MANY);
	assert_int_equal(many->bad, 0);
	assert_int_equal(many->accepted, MANY);
	free(bench->ids);
	free(ones);
	(void)pthread_mutex_destroy(&many->mutex);
	free(many);
}

/* ---- the connection
 * ------------------------------------------------------------------------------------ */

static void calls_survive_a_restart_of_the_broker(void **state)
{
	struct bench *bench = *state;
	struct told told = TOLD_INIT;

	owner_listen(&bench->owner, calls_script_silent);
	calls_submit(bench, "s1", PATIENCE_MS, true, &told);
	RUN_UNTIL(&bench->owner, bench->count >= 1);
	assert_int_equal(cluster_signal(bench->owner.cluster, "nats1", SIGKILL), 0);
	assert_true(cluster_wait_end(bench->owner.cluster, "nats1", PATIENCE_MS));
	RUN_UNTIL(&bench->owner, !bench->owner.connected);
	bench->owner.on_request = calls_script_finish;
	assert_int_equal(cluster_restart(bench->owner.cluster, "nats1"), 0);
	RUN_UNTIL(&bench->owner, told_ended(&told, true));
	assert_int_equal(told.finished_error, 0);
	assert_int_equal(told.status.state, SAGA_STATE_COMPENSATED);
}

static void open_checks_its_options(void **state)
{
	struct bench *bench = *state;
	struct saga_connection *connection = bench->connection;
	struct saga_options options;

	saga_options_init(&options);
	options.party = "a.b";
	assert_int_equal(saga_open(&options, &connection), SAGA_E_NAME);
	assert_null(connection);
	saga_options_init(&options);
	options.tls_ca_file = "/nonexistent/ca.pem";
	assert_int_equal(saga_open(&options, &connection), SAGA_E_CONFIG);
	assert_null(connection);
	/* An older caller's struct ends earlier. */
	options.size = offsetof(struct saga_options, name);
	options.url = owner_url(&bench->owner);
	assert_int_equal(saga_open(&options, &connection), 0);
	saga_close(connection, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, calls_setup, calls_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_submit_is_accepted),
		TEST(a_submit_is_sent_until_answered),
		TEST(an_unanswered_submit_is_unknown),
		TEST(what_was_never_sent_is_not_unknown),
		TEST(a_refusal_ends_it_at_once),
		TEST(a_wrong_shard_refreshes_the_slots),
		TEST(what_cannot_be_sent_is_refused_here),
		TEST(the_outcome_comes_by_itself),
		TEST(the_outcome_is_asked_for_after_an_owner_change),
		TEST(each_owner_promises_the_outcome_once),
		TEST(a_plain_not_found_does_not_end_a_wait),
		TEST(an_accepted_submit_times_out_as_such),
		TEST(thousands_are_in_flight),
		TEST(calls_survive_a_restart_of_the_broker),
		TEST(open_checks_its_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
