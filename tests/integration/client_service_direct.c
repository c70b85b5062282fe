/* The participant half of libsaga against a scripted owner: direct calls (S14). */
#include "tests/integration/client_service_bench.h"

#include <stdio.h>
#include <stdlib.h>

/* What stands for "nothing more comes": longer than the re-sends of a durable answer. */
enum { QUIET_MS = 800 };

static struct owner_frame *new_frame(uint32_t shard, const char *prefix, uint32_t count)
{
	struct owner_frame *frame = malloc(sizeof *frame);

	assert_non_null(frame);
	owner_frame_init(frame, shard, prefix, count);
	return frame;
}

static void call(struct bench *bench, uint32_t shard, const char *prefix, uint32_t count)
{
	struct owner_frame *frame = new_frame(shard, prefix, count);

	owner_call_frame(&bench->owner, frame);
	free(frame);
}

/* Of the running test: what came before is not counted. */
static uint64_t copies_before;

static uint64_t copies(const struct bench *bench)
{
	return stats_of(bench).copies - copies_before;
}

/* Nothing keeps a call for a service whose subscription is still on its way. */
static void start_listening(struct bench *bench, uint32_t threads, uint32_t frames_max)
{
	struct saga_service_options options;
	const uint64_t end_ms = wait_now_ms() + PATIENCE_MS;

	saga_service_options_init(&options);
	options.threads = threads;
	options.frames_max = frames_max;
	options.hold_ms = PATIENCE_MS;
	bench->service = create_service(bench, bench->connection, &options);
	assert_int_equal(saga_service_start(bench->service), 0);
	while (bench->count == 0 && wait_now_ms() < end_ms) {
		call(bench, 0, "first", 1);
		owner_run_for(&bench->owner, 100);
	}
	/* It may have been called several times. What is published after these comes after them. */
	call(bench, 0, "last", 1);
	RUN_UNTIL(&bench->owner, replies_of(bench, "last0") > 0 &&
					 stats_of(bench).calls == answers(bench, WIRE_OUTCOME_OK));
	bench->count = bench->run_count = bench->frames = 0;
	copies_before = stats_of(bench).copies;
}

static void a_call_is_answered_once(void **state)
{
	struct bench *bench = *state;
	uint32_t calls;

	start_listening(bench, 4, 0);
	calls = (uint32_t)stats_of(bench).calls;
	call(bench, 2, "s", 8);
	RUN_UNTIL(&bench->owner, bench->count == 8);
	/* Without a disposition, and although none comes. */
	owner_run_for(&bench->owner, QUIET_MS);
	assert_int_equal(bench->count, 8);
	for (uint32_t i = 0; i < 8; i++) {
		assert_int_equal(bench->got[i].outcome, WIRE_OUTCOME_OK);
		assert_int_equal(bench->got[i].shard, 2);
		assert_int_equal(bench->got[i].epoch, OWNER_EPOCH);
		assert_string_equal(bench->got[i].output, "input");
		assert_false(bench->got[i].wants);
	}
	assert_int_equal(stats_of(bench).calls, calls + 8);
	assert_int_equal(run_count(bench), 8);
	assert_int_equal(owner_stream_messages(&bench->owner), 0);
}

static void answers_for_one_shard_travel_together(void **state)
{
	struct bench *bench = *state;

	start_listening(bench, 1, 0);
	set_gate(bench, true);
	for (uint32_t i = 0; i < 3; i++) {
		char prefix[8];

		(void)snprintf(prefix, sizeof prefix, "f%u-", i);
		call(bench, i == 1 ? 3 : 1, prefix, 20);
	}
	RUN_UNTIL(&bench->owner, running(bench) == 1);
	set_gate(bench, false);
	RUN_UNTIL(&bench->owner, answers(bench, WIRE_OUTCOME_OK) == 60);
	assert_true(bench->frames < 60);
	for (uint32_t i = 0; i < bench->count; i++)
		assert_int_equal(bench->got[i].shard, bench->got[i].saga[1] == '1' ? 3 : 1);
}

static void a_copy_of_what_is_in_hand_is_not_begun(void **state)
{
	struct bench *bench = *state;
	struct owner_frame *frame = new_frame(1, "s", 2);
	uint32_t last;

	start_listening(bench, 4, 0);
	set_gate(bench, true);
	owner_call_frame(&bench->owner, frame);
	RUN_UNTIL(&bench->owner, running(bench) == 2);
	/* One of the frame that is in hand, and one that is not. */
	frame->commands[1] = frame->commands[0];
	frame->commands[1].attempt = 2;
	(void)snprintf(frame->names[2], sizeof frame->names[2], "new");
	frame->commands[2] = frame->commands[0];
	frame->commands[2].saga = slice_str("new");
	frame->commands[2].operation =
		uuid_operation(slice_str("new"), slice_str("step"), slice_str("forward"));
	frame->frame.command_count = 3;
	owner_call_frame(&bench->owner, frame);
	RUN_UNTIL(&bench->owner, running(bench) == 3);
	RUN_UNTIL(&bench->owner, answers(bench, WIRE_OUTCOME_WORKING) >= 2);
	assert_int_equal(run_count(bench), 3);
	assert_int_equal(copies(bench), 2);
	for (uint32_t i = 0; i < bench->count; i++) {
		assert_int_equal(bench->got[i].outcome, WIRE_OUTCOME_WORKING);
		assert_true(bench->got[i].retry_after_ms > 0); /* does not prolong the attempt */
		assert_false(bench->got[i].wants);
	}
	last = bench->count;
	set_gate(bench, false);
	RUN_UNTIL(&bench->owner, answers(bench, WIRE_OUTCOME_OK) == 3);
	/* It answers the latest attempt that asked. */
	for (uint32_t i = last; i < bench->count; i++)
		if (strcmp(bench->got[i].saga, "s0") == 0)
			assert_int_equal(bench->got[i].attempt, 2);
	/* When it is done it is not in hand any more: the barrier meets what comes now. */
	call(bench, 1, "s", 1);
	RUN_UNTIL(&bench->owner, run_count(bench) == 4);
	free(frame);
}

/* The command of an owner that was replaced may be refused as stale: the new one's is begun. */
static void a_later_owners_copy_is_begun(void **state)
{
	struct bench *bench = *state;
	struct owner_frame *frame = new_frame(1, "s", 1);

	start_listening(bench, 4, 0);
	set_gate(bench, true);
	owner_call_frame(&bench->owner, frame);
	RUN_UNTIL(&bench->owner, running(bench) == 1);
	frame->frame.epoch = OWNER_EPOCH + 1;
	owner_call_frame(&bench->owner, frame);
	RUN_UNTIL(&bench->owner, running(bench) == 2);
	owner_call_frame(&bench->owner, frame);
	RUN_UNTIL(&bench->owner, copies(bench) == 1);
	set_gate(bench, false);
	RUN_UNTIL(&bench->owner, answers(bench, WIRE_OUTCOME_OK) == 2);
	assert_int_equal(run_count(bench), 2);
	free(frame);
}

/* A call for what waits for its disposition brings the answer again, at once. */
static void a_call_for_an_answered_command_brings_the_answer(void **state)
{
	struct bench *bench = *state;
	struct owner_frame *frame = new_frame(0, "s", 1);

	start_listening(bench, 4, 0);
	bench->silent_frames = UINT32_MAX;
	owner_send_frame(&bench->owner, frame);
	RUN_UNTIL(&bench->owner, bench->count >= 1);
	owner_call_frame(&bench->owner, frame);
	RUN_UNTIL(&bench->owner, copies(bench) == 1);
	bench->silent_frames = 0;
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(run_count(bench), 1);
	assert_int_equal(bench->got[bench->count - 1].outcome, WIRE_OUTCOME_OK);
	free(frame);
}

static void what_takes_long_is_told_to_be_in_hand(void **state)
{
	struct bench *bench = *state;
	struct owner_frame *frame = new_frame(1, "s", 3);
	uint64_t began_ms;

	start_listening(bench, 1, 0); /* two of them wait for the thread */
	set_gate(bench, true);
	began_ms = wait_now_ms();
	for (uint32_t i = 0; i < 3; i++)
		frame->commands[i].remaining_ms = 5000;
	owner_call_frame(&bench->owner, frame);
	RUN_UNTIL(&bench->owner, answers(bench, WIRE_OUTCOME_WORKING) == 3);
	assert_true(wait_now_ms() - began_ms >= 200);
	RUN_UNTIL(&bench->owner, answers(bench, WIRE_OUTCOME_WORKING) >= 6);
	assert_int_equal(bench->count, answers(bench, WIRE_OUTCOME_WORKING));
	/* Not beyond the time of the attempt: a handler that hangs keeps nothing alive. */
	RUN_UNTIL(&bench->owner, wait_now_ms() - began_ms > 8000);
	bench->count = 0;
	owner_run_for(&bench->owner, 2500);
	owner_call_frame(&bench->owner, frame);
	RUN_UNTIL(&bench->owner, copies(bench) == 3);
	owner_run_for(&bench->owner, 300);
	assert_int_equal(bench->count, 0);
	set_gate(bench, false);
	RUN_UNTIL(&bench->owner, answers(bench, WIRE_OUTCOME_OK) == 3);
	free(frame);
}

static void a_heartbeat_is_passed_on(void **state)
{
	struct bench *bench = *state;
	uint32_t heartbeats = 0;

	start_listening(bench, 1, 0);
	bench->heartbeats = true;
	bench->work_ms = 150; /* shorter than what is told anyway */
	call(bench, 1, "s", 1);
	RUN_UNTIL(&bench->owner, answers(bench, WIRE_OUTCOME_OK) == 1);
	for (uint32_t i = 0; i < bench->count; i++) {
		if (bench->got[i].outcome != WIRE_OUTCOME_WORKING)
			continue;
		heartbeats++;
		assert_int_equal(bench->got[i].retry_after_ms, 0);
		assert_false(bench->got[i].wants);
	}
	assert_true(heartbeats > 0);
}

static void too_many_are_dropped(void **state)
{
	struct bench *bench = *state;
	char prefix[16];

	start_listening(bench, 1, 1);
	set_gate(bench, true);
	for (uint32_t i = 0; i < 40; i++) {
		(void)snprintf(prefix, sizeof prefix, "m%u-", i);
		call(bench, 1, prefix, 1);
	}
	RUN_UNTIL(&bench->owner, stats_of(bench).calls_dropped == 8);
	set_gate(bench, false);
	RUN_UNTIL(&bench->owner, answers(bench, WIRE_OUTCOME_OK) == 32);
	/* They come again. */
	call(bench, 1, "m39-", 1);
	RUN_UNTIL(&bench->owner, answers(bench, WIRE_OUTCOME_OK) == 33);
}

/* Calls come unasked: a queue full of them must not keep the stream's commands waiting. */
static void calls_do_not_shut_the_stream_out(void **state)
{
	struct bench *bench = *state;

	start_listening(bench, 1, 0);
	set_gate(bench, true);
	call(bench, 1, "c", 50);
	RUN_UNTIL(&bench->owner, running(bench) == 1);
	owner_run_for(&bench->owner, 6000); /* pull requests from before are over */
	send_commands(bench, 0, "d", 1);
	RUN_UNTIL(&bench->owner,
		  owner_consumer_number(&bench->owner, "svc", "num_ack_pending") == 1);
	set_gate(bench, false);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
}

static int lose_all(void *user, const struct saga_context *context,
		    const struct saga_result *result)
{
	(void)context;
	(void)result;
	return __atomic_load_n((int *)user, __ATOMIC_RELAXED);
}

static void faults_lose_and_double_answers(void **state)
{
	struct bench *bench = *state;
	int fault = 1;

	start_listening(bench, 1, 0);
	saga_service_set_answer_fault(bench->service, lose_all, &fault);
	call(bench, 1, "s", 1);
	RUN_UNTIL(&bench->owner, run_count(bench) == 1);
	owner_run_for(&bench->owner, QUIET_MS);
	assert_int_equal(answers(bench, WIRE_OUTCOME_OK), 0);
	__atomic_store_n(&fault, 2, __ATOMIC_RELAXED);
	call(bench, 1, "t", 1);
	RUN_UNTIL(&bench->owner, answers(bench, WIRE_OUTCOME_OK) == 2);
	assert_string_equal(bench->got[1].saga, "t0");
}

/* Two instances: each call goes to one of them. */
static void one_instance_takes_a_call(void **state)
{
	struct bench *bench = *state;
	struct saga_connection *other;
	struct saga_service *second;
	struct saga_service_stats stats = {0};
	const uint64_t end_ms = wait_now_ms() + PATIENCE_MS;
	char prefix[16];

	start_listening(bench, 1, 0);
	other = connect_service(bench);
	second = create_service(bench, other, NULL);
	assert_int_equal(saga_service_start(second), 0);
	while (stats.calls == 0 && wait_now_ms() < end_ms) {
		call(bench, 0, "probe", 1);
		owner_run_for(&bench->owner, 20);
		saga_service_stats(second, &stats);
	}
	assert_true(stats.calls > 0);
	owner_run_for(&bench->owner, QUIET_MS);
	bench->count = bench->run_count = 0;
	for (uint32_t i = 0; i < 50; i++) {
		(void)snprintf(prefix, sizeof prefix, "s%u-", i);
		call(bench, i % OWNER_SHARDS, prefix, 2);
	}
	RUN_UNTIL(&bench->owner, answers(bench, WIRE_OUTCOME_OK) == 100);
	assert_int_equal(run_count(bench), 100);
	saga_close(other, 100);
	saga_service_free(second);
}

struct stopper {
	struct saga_service *service;
	uint32_t undone;
	bool done;
	pthread_t thread;
};

static void *stopper_thread(void *argument)
{
	struct stopper *stopper = argument;

	stopper->undone = saga_service_stop(stopper->service, PATIENCE_MS);
	__atomic_store_n(&stopper->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* A call cannot be handed back, so what is in hand is done. */
static void stop_finishes_what_is_in_hand(void **state)
{
	struct bench *bench = *state;
	struct stopper stopper = {0};

	start_listening(bench, 2, 0);
	set_gate(bench, true);
	call(bench, 0, "s", 20);
	RUN_UNTIL(&bench->owner, running(bench) == 2);
	stopper.service = bench->service;
	assert_int_equal(pthread_create(&stopper.thread, NULL, stopper_thread, &stopper), 0);
	owner_run_for(&bench->owner, 300);
	assert_false(__atomic_load_n(&stopper.done, __ATOMIC_ACQUIRE));
	call(bench, 0, "late", 1); /* nobody listens any more */
	owner_run_for(&bench->owner, 100);
	set_gate(bench, false);
	RUN_UNTIL(&bench->owner, __atomic_load_n(&stopper.done, __ATOMIC_ACQUIRE));
	assert_int_equal(pthread_join(stopper.thread, NULL), 0);
	RUN_UNTIL(&bench->owner, answers(bench, WIRE_OUTCOME_OK) == 20);
	assert_int_equal(stopper.undone, 0);
	assert_int_equal(run_count(bench), 20);
	assert_int_equal(replies_of(bench, "late0"), 0);
}

/* The consumer has what is asked for and gives nothing: somebody took its only place and keeps it.
 * Calls that stand in for durable copies make the service look, and in the end make it anew. */
static void a_stuck_consumer_is_made_anew(void **state)
{
	struct bench *bench = *state;
	struct owner_frame *frame = new_frame(0, "f", 1);
	const uint64_t end_ms = wait_now_ms() + PATIENCE_MS;
	uint32_t fallbacks = 0;

	start_listening(bench, 4, 0);
	RUN_UNTIL(&bench->owner, owner_consumer_number(&bench->owner, "svc", "num_waiting") > 0);
	owner_ask(&bench->owner, "$JS.API.CONSUMER.DURABLE.CREATE.SAGA_CMD.svc_svc",
		  "{\"stream_name\":\"SAGA_CMD\",\"config\":{\"durable_name\":\"svc_svc\","
		  "\"deliver_policy\":\"all\",\"ack_policy\":\"explicit\",\"ack_wait\":"
		  "3600000000000,\"max_deliver\":5,\"filter_subject\":\"saga.v1.cmd.svc\","
		  "\"replay_policy\":\"instant\",\"max_ack_pending\":1}}");
	assert_null(strstr(bench->owner.answer, "\"error\""));
	set_gate(bench, true);
	send_commands(bench, 0, "blocker", 1);
	RUN_UNTIL(&bench->owner, running(bench) == 1);
	send_commands(bench, 0, "blocked", 1);
	frame->frame.fallback = true;
	while (stats_of(bench).consumer_renewals == 0 && wait_now_ms() < end_ms) {
		owner_call_frame(&bench->owner, frame);
		fallbacks++;
		owner_run_for(&bench->owner, 500);
	}
	assert_int_equal(stats_of(bench).consumer_renewals, 1);
	assert_true(fallbacks > 8); /* not at the first sight */
	set_gate(bench, false);
	RUN_UNTIL(&bench->owner, replies_of(bench, "blocked0") > 0);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(owner_consumer_number(&bench->owner, "svc", "max_ack_pending"), 8192);
	free(frame);
}

/* While the consumer delivers, no number of fallbacks makes the service touch it. */
static void a_consumer_that_delivers_is_left_alone(void **state)
{
	struct bench *bench = *state;
	struct owner_frame *frame = new_frame(0, "f", 1);
	char prefix[16];

	start_listening(bench, 4, 0);
	frame->frame.fallback = true;
	for (uint32_t i = 0; i < 20; i++) {
		owner_call_frame(&bench->owner, frame);
		(void)snprintf(prefix, sizeof prefix, "d%u-", i);
		send_commands(bench, 0, prefix, 1);
		owner_run_for(&bench->owner, 400);
	}
	assert_int_equal(stats_of(bench).consumer_renewals, 0);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	free(frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_is_answered_once),
		TEST(answers_for_one_shard_travel_together),
		TEST(a_copy_of_what_is_in_hand_is_not_begun),
		TEST(a_later_owners_copy_is_begun),
		TEST(a_call_for_an_answered_command_brings_the_answer),
		TEST(what_takes_long_is_told_to_be_in_hand),
		TEST(a_heartbeat_is_passed_on),
		TEST(too_many_are_dropped),
		TEST(calls_do_not_shut_the_stream_out),
		TEST(faults_lose_and_double_answers),
		TEST(one_instance_takes_a_call),
		TEST(stop_finishes_what_is_in_hand),
		TEST(a_stuck_consumer_is_made_anew),
		TEST(a_consumer_that_delivers_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
