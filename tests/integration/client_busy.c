/* What libsaga does when the cluster is at capacity: a scripted owner on a real broker. */
#include "tests/integration/client_calls_bench_uv.h"

#include <stdio.h>
#include <stdlib.h>

enum { HINT_MS = 300, FLOOD = 400 };

static void busy(struct owner *owner, const struct owner_request *request, bool with_id,
		 uint32_t retry_after_ms)
{
	struct wire_answer answer = owner_says(request, WIRE_STATE_NONE, 0);

	answer.code = err_to_wire(SAGA_E_BUSY);
	answer.retry_after_ms = retry_after_ms;
	if (!with_id) /* refused unread */
		answer.id = slice_of(NULL, 0);
	owner_answer(owner, request->reply_to, &answer);
}

static void script_busy(struct owner *owner, const struct owner_request *request)
{
	calls_note(owner->context, request);
	busy(owner, request, false, HINT_MS);
}

/* The owner refused each time: that is no "unknown", which would ask somebody to find out. */
static void refused_to_the_end_is_busy(void **state)
{
	struct bench *bench = *state;
	struct told told = TOLD_INIT;

	owner_listen(&bench->owner, script_busy);
	calls_submit(bench, "s1", 2000, true, &told);
	RUN_UNTIL(&bench->owner, told_ended(&told, true));
	assert_int_equal(told.accepted, 1);
	assert_int_equal(told.accepted_error, SAGA_ERR_BUSY);
	assert_int_equal(told.finished, 0);
	assert_non_null(strstr(told.status.text, "try again in 300 ms"));
	/* It asked again, and not before the hint was over. */
	assert_in_range(bench->count, 2, 2000 / HINT_MS + 1);
	for (uint32_t i = 1; i < bench->count; i++) {
		assert_true(bench->times_ms[i] - bench->times_ms[i - 1] >= HINT_MS - 20);
		assert_true(hash128_equal(&bench->hashes[i], &bench->hashes[0]));
	}
}

static void script_busy_for_long(struct owner *owner, const struct owner_request *request)
{
	calls_note(owner->context, request);
	busy(owner, request, true, 60000);
}

/* A hint beyond the caller's time: it ends with its time, not with the hint. */
static void a_hint_does_not_outlast_the_call(void **state)
{
	struct bench *bench = *state;
	struct told told = TOLD_INIT;
	const uint64_t begin_ms = wait_now_ms();

	owner_listen(&bench->owner, script_busy_for_long);
	calls_submit(bench, "s1", 1500, false, &told);
	RUN_UNTIL(&bench->owner, told_ended(&told, false));
	assert_int_equal(told.accepted_error, SAGA_ERR_BUSY);
	assert_true(wait_now_ms() - begin_ms >= 1400);
	assert_int_equal(bench->count, 1);
}

/* The first of two sendings may have been taken. */
static void script_silent_then_busy(struct owner *owner, const struct owner_request *request)
{
	struct bench *bench = owner->context;

	calls_note(bench, request);
	if (bench->step++ > 0)
		busy(owner, request, true, HINT_MS);
}

static void refused_but_once_is_unknown(void **state)
{
	struct bench *bench = *state;
	struct told told = TOLD_INIT;

	owner_listen(&bench->owner, script_silent_then_busy);
	calls_submit(bench, "s1", 2500, false, &told);
	RUN_UNTIL(&bench->owner, told_ended(&told, false));
	assert_int_equal(told.accepted_error, SAGA_ERR_UNKNOWN);
	assert_true(bench->count >= 2);
}

static void script_busy_twice(struct owner *owner, const struct owner_request *request)
{
	struct bench *bench = owner->context;

	if (bench->step++ < 2)
		busy(owner, request, false, HINT_MS);
	else
		calls_script_accept(owner, request);
}

static void refused_then_taken_is_taken(void **state)
{
	struct bench *bench = *state;
	struct told told = TOLD_INIT;

	owner_listen(&bench->owner, script_busy_twice);
	calls_submit(bench, "s1", 20000, false, &told);
	RUN_UNTIL(&bench->owner, told_ended(&told, false));
	assert_int_equal(told.accepted_error, 0);
	assert_int_equal(told.status.state, SAGA_STATE_RUNNING);
	assert_int_equal(bench->step, 3);
}

/* Callbacks run on the connection's thread. */
struct crowd {
	uint32_t taken, busy, other;
};

static void on_crowd(void *context, int error, const struct saga_status *status)
{
	struct crowd *told = context;
	uint32_t *count = error == 0               ? &told->taken
			  : error == SAGA_ERR_BUSY ? &told->busy
						   : &told->other;

	(void)status;
	(void)__atomic_fetch_add(count, 1, __ATOMIC_SEQ_CST);
}

static uint32_t crowd_count(const uint32_t *count)
{
	return __atomic_load_n(count, __ATOMIC_SEQ_CST);
}

/* ---- many -------------------------------------------------------------------------------------
 */

/* Requests that wait for the owner's answer. */
struct held {
	struct owner_request requests[4 * FLOOD]; /* silence is asked again */
	uint32_t count;
};

static void script_hold(struct owner *owner, const struct owner_request *request)
{
	struct held *held = owner->context;

	if (held->count < 4 * FLOOD)
		held->requests[held->count++] = *request;
}

static uint32_t refuse_held(struct owner *owner, struct held *held)
{
	const uint32_t count = held->count;

	held->count = 0;
	for (uint32_t i = 0; i < count; i++)
		busy(owner, &held->requests[i], false, 0);
	return count;
}

/* Callers by the hundred at an owner that refuses all of them: it is not asked as often as there
 * are callers, but ever less, until a handful find out for all. */
static void a_crowd_asks_less_and_less(void **state)
{
	enum { ROUNDS = 12, ROUND_MS = 300, HANDFUL = 32 }; /* before silence counts as lost */
	struct bench *bench = *state;
	struct told *told = calloc(FLOOD, sizeof *told);
	struct held *held = calloc(1, sizeof *held);
	uint32_t last = 0;
	char id[16];

	assert_non_null(told);
	assert_non_null(held);
	bench->owner.context = held;
	owner_listen(&bench->owner, script_hold);
	for (uint32_t i = 0; i < FLOOD; i++) {
		told[i] = (struct told)TOLD_INIT;
		(void)snprintf(id, sizeof id, "s%u", i);
		calls_submit(bench, id, 20000, false, &told[i]);
	}
	RUN_UNTIL(&bench->owner, held->count == FLOOD); /* nobody has been refused yet */
	for (uint32_t round = 0; round < ROUNDS; round++) {
		(void)refuse_held(&bench->owner, held);
		owner_run_for(&bench->owner, ROUND_MS);
		last = held->count;
	}
	assert_in_range(last, 1, HANDFUL);
	saga_close(bench->connection, 0); /* ends them, and so the use of what is freed here */
	bench->connection = NULL;
	for (uint32_t i = 0; i < FLOOD; i++)
		assert_int_equal(told[i].accepted, 1);
	free(told);
	free(held);
}

/* ---- too many ----------------------------------------------------------------------------------
 */

static int submit_one(struct bench *bench, uint64_t *number, uint32_t timeout_ms,
		      struct crowd *told)
{
	struct saga_submit_options options;
	char id[24];

	(void)snprintf(id, sizeof id, "s%llu", (unsigned long long)(*number)++);
	saga_submit_options_init(&options);
	options.id = id;
	options.timeout_ms = timeout_ms;
	return saga_submit_async(bench->connection, bench->definition, &options, on_crowd, NULL,
				 told);
}

/* A crowd that waits in vain: who comes to it hears so at once, and costs nothing. When it has gone
 * they are taken again. */
static void a_crowd_in_vain_is_closed(void **state)
{
	enum { MANY = 2300, PATIENT_MS = 4000 };
	static struct crowd told; /* outlives the connection's thread */
	struct bench *bench = *state;
	uint64_t number = 0;

	owner_listen(&bench->owner, script_busy_for_long);
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(submit_one(bench, &number, PATIENT_MS, &told), 0);
	RUN_UNTIL(&bench->owner, submit_one(bench, &number, PATIENT_MS, &told) == SAGA_ERR_BUSY);
	assert_int_equal(crowd_count(&told.taken), 0);
	bench->owner.on_request = calls_script_accept;
	RUN_UNTIL(&bench->owner, submit_one(bench, &number, 20000, &told) == 0);
	RUN_UNTIL(&bench->owner, crowd_count(&told.taken) > 0);
	RUN_UNTIL(&bench->owner, crowd_count(&told.busy) + crowd_count(&told.taken) >= MANY);
	assert_int_equal(crowd_count(&told.other), 0);
}

/* A refusal of long ago says nothing about the burst of today. */
static void a_refusal_is_forgotten_in_quiet_times(void **state)
{
	enum { QUIET = 30, QUIET_MS = 110, BURST = 2300 };
	static struct crowd told; /* outlives the connection's thread */
	struct bench *bench = *state;
	uint64_t number = 0;

	owner_listen(&bench->owner, script_busy_for_long);
	assert_int_equal(submit_one(bench, &number, 500, &told), 0);
	RUN_UNTIL(&bench->owner, crowd_count(&told.busy) == 1);
	bench->owner.on_request = calls_script_accept;
	for (uint32_t i = 1; i <= QUIET; i++) {
		assert_int_equal(submit_one(bench, &number, 20000, &told), 0);
		RUN_UNTIL(&bench->owner, crowd_count(&told.taken) == i);
		owner_run_for(&bench->owner, QUIET_MS);
	}
	bench->owner.on_request = calls_script_silent;
	for (uint32_t i = 0; i < BURST; i++)
		assert_int_equal(submit_one(bench, &number, 20000, &told), 0);
	owner_run_for(&bench->owner, 300); /* the connection has looked at them */
	assert_int_equal(submit_one(bench, &number, 20000, &told), 0);
	saga_close(bench->connection, 0);
	bench->connection = NULL;
}

static void script_every_fourth(struct owner *owner, const struct owner_request *request)
{
	struct bench *bench = owner->context;
	struct wire_answer answer = owner_says(request, WIRE_STATE_RUNNING, 10);

	bench->count++;
	if (bench->step++ % 4 == 0)
		busy(owner, request, false, 20);
	else
		owner_answer(owner, request->reply_to, &answer);
}

/* One owner in four that refuses must not stop the others' work. */
static void a_crowd_is_served_in_the_end(void **state)
{
	struct bench *bench = *state;
	struct told *told = calloc(FLOOD, sizeof *told);
	char id[16];

	assert_non_null(told);
	owner_listen(&bench->owner, script_every_fourth);
	for (uint32_t i = 0; i < FLOOD; i++) {
		told[i] = (struct told)TOLD_INIT;
		(void)snprintf(id, sizeof id, "s%u", i);
		calls_submit(bench, id, 30000, false, &told[i]);
	}
	for (uint32_t i = 0; i < FLOOD; i++) {
		RUN_UNTIL(&bench->owner, told_ended(&told[i], false));
		assert_int_equal(told[i].accepted_error, 0);
	}
	free(told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, calls_setup, calls_teardown)
		TEST(a_hint_does_not_outlast_the_call), TEST(refused_to_the_end_is_busy),
		TEST(refused_but_once_is_unknown),      TEST(refused_then_taken_is_taken),
		TEST(a_crowd_asks_less_and_less),       TEST(a_crowd_is_served_in_the_end),
		TEST(a_crowd_in_vain_is_closed),        TEST(a_refusal_is_forgotten_in_quiet_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
