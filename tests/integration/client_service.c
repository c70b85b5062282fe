/* The participant half of libsaga against a scripted owner on a real broker. */
#include "tests/integration/client_owner_uv.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { REPLIES_MAX = 512, RUNS_MAX = 512 };

/* One reply as the owner got it. */
struct got {
	char saga[65];
	uint32_t frame; /* which message it came in */
	uint32_t shard, outcome, code, barrier, attempt;
	uint64_t epoch, at_ms;
	char text[256], output[64];
};

struct run {
	char saga[65];
	uint64_t began_ms, ended_ms;
};

struct bench {
	struct owner owner;
	struct saga_connection *connection;
	struct saga_service *service;
	/* the owner's side */
	uint32_t frames, count;
	struct got got[REPLIES_MAX];
	uint32_t silent_frames; /* so many reply frames get no disposition */
	enum wire_disposition_kind kind;
	/* the handlers' side */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	uint32_t run_count, running, running_max;
	struct run runs[RUNS_MAX];
	bool gate; /* handlers wait until it opens */
	uint32_t work_ms;
	bool heartbeats;
};

/* ---- the owner's side
 * ------------------------------------------------------------------------------ */

static void on_replies(struct owner *owner, const struct owner_request *request)
{
	struct bench *bench = owner->context;

	assert_int_equal(request->verb, SUBJECT_REPLY);
	assert_string_equal(request->party, "svc");
	for (uint32_t i = 0; i < request->replies->reply_count; i++) {
		const struct wire_reply *reply = &request->replies->replies[i];
		struct got *got = &bench->got[bench->count];

		assert_true(bench->count < REPLIES_MAX);
		*got = (struct got){.frame = bench->frames,
				    .shard = request->shard,
				    .outcome = reply->outcome,
				    .code = reply->code,
				    .barrier = reply->barrier,
				    .attempt = reply->attempt,
				    .epoch = reply->epoch,
				    .at_ms = wait_now_ms()};
		(void)memcpy(got->saga, reply->saga.data, reply->saga.size);
		if (reply->text.size > 0 && reply->text.size < sizeof got->text)
			(void)memcpy(got->text, reply->text.data, reply->text.size);
		if (reply->output.size > 0 && reply->output.size < sizeof got->output)
			(void)memcpy(got->output, reply->output.data, reply->output.size);
		bench->count++;
	}
	bench->frames++;
	if (bench->silent_frames > 0)
		bench->silent_frames--;
	else
		owner_dispose(owner, request, bench->kind);
}

static uint32_t replies_of(const struct bench *bench, const char *saga)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < bench->count; i++)
		count += strcmp(bench->got[i].saga, saga) == 0 ? 1 : 0;
	return count;
}

/* ---- the handlers' side
 * ------------------------------------------------------------------------------ */

static void do_work(struct saga_context *context, struct saga_result *result, void *user)
{
	struct bench *bench = user;
	size_t size = 0;
	const void *input = saga_context_input(context, &size);
	struct run *run;
	uint64_t until_ms;

	(void)pthread_mutex_lock(&bench->mutex);
	run = &bench->runs[bench->run_count++];
	(void)snprintf(run->saga, sizeof run->saga, "%s", saga_context_saga(context));
	run->began_ms = wait_now_ms();
	if (++bench->running > bench->running_max)
		bench->running_max = bench->running;
	(void)pthread_cond_broadcast(&bench->changed);
	while (bench->gate)
		(void)pthread_cond_wait(&bench->changed, &bench->mutex);
	(void)pthread_mutex_unlock(&bench->mutex);
	until_ms = wait_now_ms() + bench->work_ms;
	while (wait_now_ms() < until_ms) {
		if (bench->heartbeats)
			(void)saga_context_heartbeat(context);
		(void)poll(NULL, 0, 50);
	}
	result->outcome = SAGA_OK;
	result->output = input;
	result->output_size = size;
	(void)pthread_mutex_lock(&bench->mutex);
	bench->running--;
	run->ended_ms = wait_now_ms();
	(void)pthread_mutex_unlock(&bench->mutex);
}

static uint32_t run_count(struct bench *bench)
{
	uint32_t count;

	(void)pthread_mutex_lock(&bench->mutex);
	count = bench->run_count;
	(void)pthread_mutex_unlock(&bench->mutex);
	return count;
}

static uint32_t running(struct bench *bench)
{
	uint32_t count;

	(void)pthread_mutex_lock(&bench->mutex);
	count = bench->running;
	(void)pthread_mutex_unlock(&bench->mutex);
	return count;
}

static void set_gate(struct bench *bench, bool gate)
{
	(void)pthread_mutex_lock(&bench->mutex);
	bench->gate = gate;
	(void)pthread_cond_broadcast(&bench->changed);
	(void)pthread_mutex_unlock(&bench->mutex);
}

/* ---- set-up
 * -------------------------------------------------------------------------------------------- */

static struct saga_connection *connect_service(struct bench *bench)
{
	struct saga_connection *connection;
	struct saga_options options;

	saga_options_init(&options);
	options.url = owner_url(&bench->owner);
	options.party = "svc";
	assert_int_equal(saga_open(&options, &connection), 0);
	return connection;
}

static struct saga_service *create_service(struct bench *bench, struct saga_connection *connection,
					   const struct saga_service_options *options)
{
	struct saga_service *service;

	assert_int_equal(saga_service_create(connection, "svc", options, &service), 0);
	assert_int_equal(saga_service_handle(service, "do", do_work, bench), 0);
	return service;
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof *bench);

	(void)pthread_mutex_init(&bench->mutex, NULL);
	(void)pthread_cond_init(&bench->changed, NULL);
	owner_open(&bench->owner);
	bench->owner.context = bench;
	bench->kind = WIRE_DISPOSITION_RECORDED;
	owner_create_stream(&bench->owner);
	owner_listen(&bench->owner, on_replies);
	bench->connection = connect_service(bench);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	set_gate(bench, false);
	saga_close(bench->connection, 0);
	saga_service_free(bench->service);
	owner_close(&bench->owner);
	(void)pthread_cond_destroy(&bench->changed);
	(void)pthread_mutex_destroy(&bench->mutex);
	free(bench);
	return 0;
}

/* ack_wait and hold are short, so that the tests are. */
static void start_service(struct bench *bench, uint32_t threads, uint32_t ack_wait_ms,
			  uint32_t hold_ms)
{
	struct saga_service_options options;

	saga_service_options_init(&options);
	options.threads = threads;
	options.ack_wait_ms = ack_wait_ms;
	options.hold_ms = hold_ms;
	options.instance = "test host 1";
	bench->service = create_service(bench, bench->connection, &options);
	assert_int_equal(saga_service_start(bench->service), 0);
}

static void send_commands(struct bench *bench, uint32_t shard, const char *prefix, uint32_t count)
{
	struct owner_frame *frame = malloc(sizeof *frame);

	owner_frame_init(frame, shard, prefix, count);
	owner_send_frame(&bench->owner, frame);
	free(frame);
}

/* Everything that was sent is acknowledged: a work queue keeps nothing else. */
static bool stream_is_empty(struct bench *bench)
{
	return owner_stream_messages(&bench->owner) == 0;
}

static struct saga_service_stats stats_of(const struct bench *bench)
{
	struct saga_service_stats stats;

	saga_service_stats(bench->service, &stats);
	return stats;
}

/* ---- the ordinary case
 * ----------------------------------------------------------------------------------- */

static void a_frame_is_worked_and_acknowledged(void **state)
{
	struct bench *bench = *state;
	struct saga_service_stats stats;

	start_service(bench, 4, 5000, 2000);
	set_gate(bench, true);
	send_commands(bench, 2, "s", 8);
	RUN_UNTIL(&bench->owner, running(bench) == 4); /* side by side */
	set_gate(bench, false);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(bench->count, 8);
	for (uint32_t i = 0; i < 8; i++) {
		assert_int_equal(bench->got[i].outcome, WIRE_OUTCOME_OK);
		assert_int_equal(bench->got[i].shard, 2);
		assert_int_equal(bench->got[i].epoch, OWNER_EPOCH);
		assert_int_equal(bench->got[i].attempt, 1);
		assert_string_equal(bench->got[i].output, "input");
	}
	stats = stats_of(bench);
	assert_int_equal(stats.commands, 8);
	assert_int_equal(stats.ok, 8);
	assert_int_equal(stats.frames, 1);
	assert_int_equal(stats.replies_sent, 8);
	assert_int_equal(stats.dispositions, 8);
	assert_int_equal(stats.redelivered + stats.holds_expired + stats.undecodable, 0);
}

static void replies_for_one_shard_travel_together(void **state)
{
	struct bench *bench = *state;

	start_service(bench, 1, 5000, 2000);
	/* One thread is held, so everything else is ready when it goes on. */
	set_gate(bench, true);
	for (uint32_t i = 0; i < 3; i++) {
		char prefix[8];

		(void)snprintf(prefix, sizeof prefix, "f%u-", i);
		send_commands(bench, i == 1 ? 3 : 1, prefix, 20);
	}
	RUN_UNTIL(&bench->owner, running(bench) == 1);
	set_gate(bench, false);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(bench->count, 60);
	assert_true(bench->frames < 60);
	/* And never two shards in one (the owner checks that the subject and the frame agree). */
	for (uint32_t i = 0; i < bench->count; i++)
		assert_int_equal(bench->got[i].shard, bench->got[i].saga[1] == '1' ? 3 : 1);
}

static void many_frames_pass(void **state)
{
	struct bench *bench = *state;
	char prefix[16];

	start_service(bench, 4, 5000, 2000);
	for (uint32_t i = 0; i < 100; i++) {
		(void)snprintf(prefix, sizeof prefix, "m%u-", i);
		send_commands(bench, i % OWNER_SHARDS, prefix, 4);
	}
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(bench->count, 400);
	assert_int_equal(run_count(bench), 400);
	assert_int_equal(stats_of(bench).redelivered, 0);
}

/* ---- S13
 * -------------------------------------------------------------------------------------------------
 */

static void a_lost_disposition_is_asked_for_again(void **state)
{
	struct bench *bench = *state;

	bench->silent_frames = 2;
	start_service(bench, 1, 5000, 5000);
	send_commands(bench, 0, "s", 1);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(run_count(bench), 1);
	assert_int_equal(bench->count, 3);
	assert_int_equal(stats_of(bench).holds_expired, 0);
	for (uint32_t i = 1; i < 3; i++) {
		const uint64_t gap_ms = bench->got[i].at_ms - bench->got[i - 1].at_ms;

		assert_true(gap_ms >= 150);
	}
}

static void obsolete_settles_it_too(void **state)
{
	struct bench *bench = *state;

	bench->kind = WIRE_DISPOSITION_OBSOLETE;
	start_service(bench, 1, 5000, 20000);
	send_commands(bench, 0, "s", 2);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(bench->count, 2);
}

static void not_owner_is_no_disposition(void **state)
{
	struct bench *bench = *state;

	bench->kind = WIRE_DISPOSITION_NOT_OWNER;
	start_service(bench, 1, 5000, 20000);
	send_commands(bench, 0, "s", 1);
	RUN_UNTIL(&bench->owner, bench->count >= 3);
	assert_int_equal(owner_stream_messages(&bench->owner), 1);
	bench->kind = WIRE_DISPOSITION_RECORDED;
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(run_count(bench), 1);
}

static void the_hold_is_bounded(void **state)
{
	struct bench *bench = *state;

	bench->silent_frames = UINT32_MAX;
	start_service(bench, 1, 5000, 700);
	send_commands(bench, 0, "s", 3);
	RUN_UNTIL(&bench->owner, bench->count >= 3);
	assert_int_equal(owner_stream_messages(&bench->owner), 1);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(stats_of(bench).holds_expired, 3);
	assert_int_equal(stats_of(bench).redelivered, 0);
	assert_int_equal(run_count(bench), 3);
}

static void one_stuck_shard_does_not_stop_the_service(void **state)
{
	struct bench *bench = *state;
	struct transport *transport = bench->owner.transport;
	uint64_t began_ms;

	/* Nobody owns any shard now; frames go on being worked all the same. */
	transport->ops->unsubscribe(transport, bench->owner.shards);
	bench->owner.shards = NULL;
	start_service(bench, 2, 5000, 1000);
	began_ms = wait_now_ms();
	for (uint32_t i = 0; i < 8; i++) {
		char prefix[8];

		(void)snprintf(prefix, sizeof prefix, "s%u-", i);
		send_commands(bench, i % OWNER_SHARDS, prefix, 8);
	}
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(run_count(bench), 64);
	assert_true(wait_now_ms() - began_ms < 20000);
}

/* ---- S15
 * -------------------------------------------------------------------------------------------------
 */

static int lose_first_time(void *user, const struct saga_context *context,
			   const struct saga_result *result)
{
	(void)context;
	(void)result;
	/* The first 3 answers, which is one frame. */
	return __atomic_fetch_add((int *)user, 1, __ATOMIC_RELAXED) < 3 ? 1 : 0;
}

static void a_redelivered_frame_is_worked_one_by_one(void **state)
{
	struct bench *bench = *state;
	struct saga_service_stats stats;
	int lost = 0;

	start_service(bench, 3, 600, 5000);
	saga_service_set_answer_fault(bench->service, lose_first_time, &lost);
	bench->work_ms = 30;
	send_commands(bench, 0, "s", 3);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(run_count(bench), 6);
	assert_int_equal(bench->count, 3);
	/* The second time each is answered, and has its disposition, before the next begins. */
	for (uint32_t i = 4; i < 6; i++)
		assert_true(bench->runs[i].began_ms >= bench->runs[i - 1].ended_ms);
	for (uint32_t i = 1; i < 3; i++)
		assert_true(bench->got[i].frame > bench->got[i - 1].frame);
	/* From the other end. */
	assert_string_equal(bench->runs[3].saga, "s2");
	assert_string_equal(bench->runs[5].saga, "s0");
	stats = stats_of(bench);
	assert_int_equal(stats.redelivered, 3);
	assert_int_equal(stats.frames, 2);
}

static void the_next_waits_for_a_disposition(void **state)
{
	struct bench *bench = *state;
	int lost = 0;

	start_service(bench, 3, 600, 1000);
	saga_service_set_answer_fault(bench->service, lose_first_time, &lost);
	bench->silent_frames = UINT32_MAX;
	send_commands(bench, 0, "s", 3);
	RUN_UNTIL(&bench->owner, run_count(bench) == 4);
	/* Re-sends come, the second entry does not; until the hold is over. */
	RUN_UNTIL(&bench->owner, bench->count >= 2);
	assert_int_equal(run_count(bench), 4);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(run_count(bench), 6);
	assert_true(bench->runs[4].began_ms - bench->runs[3].ended_ms >= 900);
	/* The rest of that frame is not held as long again. */
	assert_true(bench->runs[5].began_ms - bench->runs[4].ended_ms < 900);
}

static void work_in_progress_is_not_redelivered(void **state)
{
	struct bench *bench = *state;

	start_service(bench, 1, 600, 2000);
	bench->work_ms = 2500;
	send_commands(bench, 0, "s", 1);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(run_count(bench), 1);
	assert_int_equal(stats_of(bench).redelivered, 0);
}

static void heartbeats_say_working(void **state)
{
	struct bench *bench = *state;
	uint32_t working = 0, ok = 0;

	start_service(bench, 1, 5000, 2000);
	bench->work_ms = 400;
	bench->heartbeats = true;
	send_commands(bench, 0, "s", 1);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	for (uint32_t i = 0; i < bench->count; i++) {
		working += bench->got[i].outcome == WIRE_OUTCOME_WORKING ? 1 : 0;
		ok += bench->got[i].outcome == WIRE_OUTCOME_OK ? 1 : 0;
	}
	assert_true(working >= 2);
	assert_int_equal(ok, 1);
	/* Their dispositions settle nothing. */
	assert_int_equal(stats_of(bench).dispositions, 1);
}

/* ---- bad input
 * --------------------------------------------------------------------------------------------- */

static void frames_that_cannot_be_read_are_terminated(void **state)
{
	struct bench *bench = *state;
	struct owner_frame *frame = malloc(sizeof *frame);

	start_service(bench, 1, 5000, 2000);
	owner_publish(&bench->owner, "saga.v1.cmd.svc", slice_str("garbage"));
	owner_publish(&bench->owner, "saga.v1.cmd.svc", slice_of(NULL, 0));
	/* Well-formed, but somebody else's. */
	owner_frame_init(frame, 0, "x", 1);
	frame->frame.service = slice_str("another");
	owner_send_frame(&bench->owner, frame);
	send_commands(bench, 0, "s", 1);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(bench->count, 1);
	assert_string_equal(bench->got[0].saga, "s0");
	assert_int_equal(stats_of(bench).undecodable, 3);
	assert_int_equal(stats_of(bench).frames, 1);
	free(frame);
}

static void an_unknown_operation_is_parked(void **state)
{
	struct bench *bench = *state;
	struct owner_frame *frame = malloc(sizeof *frame);

	start_service(bench, 1, 5000, 2000);
	owner_frame_init(frame, 0, "s", 2);
	frame->commands[0].op_name = slice_str("fly");
	owner_send_frame(&bench->owner, frame);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(bench->count, 2);
	for (uint32_t i = 0; i < 2; i++) {
		if (strcmp(bench->got[i].saga, "s1") == 0) {
			assert_int_equal(bench->got[i].outcome, WIRE_OUTCOME_OK);
			continue;
		}
		assert_int_equal(bench->got[i].outcome, WIRE_OUTCOME_PARK);
		assert_int_equal(bench->got[i].code, err_to_wire(SAGA_E_UNSUPPORTED));
		assert_string_equal(bench->got[i].text, "service svc has no operation fly");
	}
	free(frame);
}

static void answer_oddly(struct saga_context *context, struct saga_result *result, void *user)
{
	static const char large[WIRE_OUTPUT_SIZE_MAX + 1];

	(void)user;
	switch (saga_context_saga(context)[1]) {
	case '0': /* forgets to answer */
		break;
	case '1':
		result->outcome = SAGA_OK;
		result->output = large;
		result->output_size = sizeof large;
		break;
	case '2':
		result->outcome = SAGA_REJECTED;
		(void)snprintf(result->text, sizeof result->text, "bad\n\xff text");
		break;
	case '3':
		saga_context_set_verdict(context, SAGA_VERDICT_STALE);
		result->outcome = SAGA_OK;
		break;
	case '4':
		saga_context_set_verdict(context, SAGA_VERDICT_EXPIRED);
		break;
	default:
		saga_context_set_verdict(context, SAGA_VERDICT_EMPTY_UNDO);
		result->outcome = SAGA_OK;
		break;
	}
}

static void odd_answers_are_made_presentable(void **state)
{
	static const struct {
		uint32_t outcome, barrier;
		int code;
	} expected[] = {
		{WIRE_OUTCOME_RETRY, WIRE_BARRIER_FIRST, 0},
		{WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST, SAGA_E_TOO_LARGE},
		{WIRE_OUTCOME_REJECTED, WIRE_BARRIER_FIRST, SAGA_E_REJECTED},
		{WIRE_OUTCOME_STALE, WIRE_BARRIER_FIRST, SAGA_E_STALE},
		{WIRE_OUTCOME_EXPIRED, WIRE_BARRIER_FIRST, SAGA_E_BELOW_LOW_WATER},
		{WIRE_OUTCOME_OK, WIRE_BARRIER_EMPTY_UNDO, 0},
	};
	struct bench *bench = *state;
	struct saga_service_stats stats;

	assert_int_equal(saga_service_create(bench->connection, "svc", NULL, &bench->service), 0);
	assert_int_equal(saga_service_handle(bench->service, "do", answer_oddly, NULL), 0);
	assert_int_equal(saga_service_handle(bench->service, "do", answer_oddly, NULL),
			 SAGA_ERR_USAGE);
	assert_int_equal(saga_service_start(bench->service), 0);
	assert_int_equal(saga_service_start(bench->service), SAGA_ERR_USAGE);
	send_commands(bench, 0, "s", 6);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(bench->count, 6);
	for (uint32_t i = 0; i < 6; i++) {
		const struct got *got = &bench->got[i];
		const int which = got->saga[1] - '0';

		assert_int_equal(got->outcome, expected[which].outcome);
		assert_int_equal(got->barrier, expected[which].barrier);
		assert_int_equal(got->code, err_to_wire(expected[which].code));
		if (which == 2)
			assert_string_equal(got->text, "bad?? text");
		assert_string_equal(got->output, "");
	}
	stats = stats_of(bench);
	assert_int_equal(stats.stale, 1);
	assert_int_equal(stats.expired, 1);
	assert_int_equal(stats.empty_undos, 1);
	assert_int_equal(stats.rejected, 1);
	assert_int_equal(stats.retried, 1);
}

static int double_all(void *user, const struct saga_context *context,
		      const struct saga_result *result)
{
	(void)user;
	(void)context;
	(void)result;
	return 2;
}

static void a_doubled_answer_is_sent_twice(void **state)
{
	struct bench *bench = *state;

	start_service(bench, 1, 5000, 2000);
	saga_service_set_answer_fault(bench->service, double_all, NULL);
	send_commands(bench, 0, "s", 2);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench) && bench->count >= 4);
	assert_int_equal(replies_of(bench, "s0"), 2);
	assert_int_equal(replies_of(bench, "s1"), 2);
	assert_int_equal(run_count(bench), 2);
}

/* ---- stop
 * ----------------------------------------------------------------------------------------------------
 */

struct stopper {
	struct saga_service *service;
	uint32_t drain_ms, undone;
	bool done;
	pthread_t thread;
};

static void *stopper_thread(void *argument)
{
	struct stopper *stopper = argument;

	stopper->undone = saga_service_stop(stopper->service, stopper->drain_ms);
	__atomic_store_n(&stopper->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void stop_in_background(struct stopper *stopper)
{
	assert_int_equal(pthread_create(&stopper->thread, NULL, stopper_thread, stopper), 0);
}

static bool has_stopped(const struct stopper *stopper)
{
	return __atomic_load_n(&stopper->done, __ATOMIC_ACQUIRE);
}

static void stop_drains_and_hands_the_rest_back(void **state)
{
	struct bench *bench = *state;
	struct stopper stopper = {.drain_ms = PATIENCE_MS};
	struct saga_connection *other;
	struct saga_service *second;

	start_service(bench, 2, 5000, 2000);
	set_gate(bench, true);
	send_commands(bench, 0, "s", 5);
	RUN_UNTIL(&bench->owner, running(bench) == 2);
	stopper.service = bench->service;
	stop_in_background(&stopper);
	owner_run_for(&bench->owner, 200);
	assert_false(has_stopped(&stopper)); /* two are still at work */
	set_gate(bench, false);
	RUN_UNTIL(&bench->owner, has_stopped(&stopper));
	assert_int_equal(pthread_join(stopper.thread, NULL), 0);
	assert_int_equal(stopper.undone, 3);
	assert_int_equal(run_count(bench), 2);
	assert_int_equal(bench->count, 2); /* their answers have left */
	assert_int_equal(owner_stream_messages(&bench->owner), 1);
	/* Another instance gets the frame at once, long before ack_wait. */
	other = connect_service(bench);
	second = create_service(bench, other, NULL);
	assert_int_equal(saga_service_start(second), 0);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(run_count(bench), 7);
	saga_close(other, 100);
	saga_service_free(second);
}

static void stop_does_not_wait_for_ever(void **state)
{
	struct bench *bench = *state;
	uint64_t began_ms;

	start_service(bench, 1, 5000, 2000);
	set_gate(bench, true);
	send_commands(bench, 0, "s", 2);
	RUN_UNTIL(&bench->owner, running(bench) == 1);
	began_ms = wait_now_ms();
	assert_int_equal(saga_service_stop(bench->service, 300), 2);
	assert_true(wait_now_ms() - began_ms >= 300);
	assert_true(wait_now_ms() - began_ms < 10000);
	assert_int_equal(saga_service_stop(bench->service, 300), 2);
	/* The teardown opens the gate; the handler's answer then goes nowhere. */
}

/* ---- the broker
 * ------------------------------------------------------------------------------------------------
 */

static void a_deleted_consumer_is_made_again(void **state)
{
	struct bench *bench = *state;

	start_service(bench, 1, 5000, 2000);
	send_commands(bench, 0, "s", 1);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	owner_ask(&bench->owner, "$JS.API.CONSUMER.DELETE.SAGA_CMD.svc_svc", "");
	send_commands(bench, 0, "t", 1);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(replies_of(bench, "t0"), 1);
}

static void the_stream_may_come_later(void **state)
{
	struct bench *bench = *state;

	owner_ask(&bench->owner, "$JS.API.STREAM.DELETE.SAGA_CMD", "");
	start_service(bench, 1, 5000, 2000);
	owner_run_for(&bench->owner, 700);
	owner_create_stream(&bench->owner);
	send_commands(bench, 0, "s", 1);
	RUN_UNTIL(&bench->owner, bench->count == 1);
}

static void a_service_survives_a_restart_of_the_broker(void **state)
{
	struct bench *bench = *state;

	start_service(bench, 2, 2000, 2000);
	set_gate(bench, true);
	send_commands(bench, 0, "s", 2);
	RUN_UNTIL(&bench->owner, running(bench) == 2);
	assert_int_equal(cluster_signal(bench->owner.cluster, "nats1", SIGKILL), 0);
	assert_true(cluster_wait_end(bench->owner.cluster, "nats1", PATIENCE_MS));
	RUN_UNTIL(&bench->owner, !bench->owner.connected);
	set_gate(bench, false);
	assert_int_equal(cluster_restart(bench->owner.cluster, "nats1"), 0);
	RUN_UNTIL(&bench->owner, bench->owner.connected);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_true(replies_of(bench, "s0") >= 1);
	assert_true(replies_of(bench, "s1") >= 1);
	send_commands(bench, 0, "t", 1);
	RUN_UNTIL(&bench->owner, replies_of(bench, "t0") == 1);
}

static void the_consumer_is_as_promised(void **state)
{
	struct bench *bench = *state;

	start_service(bench, 1, 5000, 2000);
	RUN_UNTIL(&bench->owner, owner_consumer_number(&bench->owner, "svc", "ack_wait") > 0);
	assert_int_equal(owner_consumer_number(&bench->owner, "svc", "ack_wait"), 5000000000);
	assert_int_equal(owner_consumer_number(&bench->owner, "svc", "max_deliver"), 5);
	assert_non_null(strstr(bench->owner.answer, "\"ack_policy\":\"explicit\""));
	assert_non_null(strstr(bench->owner.answer, "\"filter_subject\":\"saga.v1.cmd.svc\""));
}

static void create_checks_its_options(void **state)
{
	struct bench *bench = *state;
	struct saga_service_options options;
	struct saga_service *service;

	assert_int_equal(saga_service_create(bench->connection, "other", NULL, &service),
			 SAGA_ERR_USAGE);
	assert_null(service);
	assert_int_equal(saga_service_create(bench->connection, "a.b", NULL, &service),
			 SAGA_E_NAME);
	saga_service_options_init(&options);
	options.ack_wait_ms = 10;
	assert_int_equal(saga_service_create(bench->connection, "svc", &options, &service),
			 SAGA_E_RANGE);
	assert_int_equal(saga_service_create(bench->connection, "svc", NULL, &bench->service), 0);
	assert_int_equal(saga_service_stop(bench->service, 0), 0); /* never started */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_frame_is_worked_and_acknowledged),
		TEST(replies_for_one_shard_travel_together),
		TEST(many_frames_pass),
		TEST(a_lost_disposition_is_asked_for_again),
		TEST(obsolete_settles_it_too),
		TEST(not_owner_is_no_disposition),
		TEST(the_hold_is_bounded),
		TEST(one_stuck_shard_does_not_stop_the_service),
		TEST(a_redelivered_frame_is_worked_one_by_one),
		TEST(the_next_waits_for_a_disposition),
		TEST(work_in_progress_is_not_redelivered),
		TEST(heartbeats_say_working),
		TEST(frames_that_cannot_be_read_are_terminated),
		TEST(an_unknown_operation_is_parked),
		TEST(odd_answers_are_made_presentable),
		TEST(a_doubled_answer_is_sent_twice),
		TEST(stop_drains_and_hands_the_rest_back),
		TEST(stop_does_not_wait_for_ever),
		TEST(a_deleted_consumer_is_made_again),
		TEST(the_stream_may_come_later),
		TEST(a_service_survives_a_restart_of_the_broker),
		TEST(the_consumer_is_as_promised),
		TEST(create_checks_its_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
