#include "tests/integration/client_service_bench.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the owner's side
 * ------------------------------------------------------------------------------ */

/* Both have the same operation and attempt; only the reply subject tells them apart. */
static void dispose_of_heartbeat(struct bench *bench, const struct owner_request *request)
{
	struct owner_request late = *request;

	if (request->replies->replies[0].outcome == WIRE_OUTCOME_WORKING) {
		(void)memcpy(bench->working_to, request->reply_to, sizeof bench->working_to);
		return;
	}
	assert_int_not_equal(bench->working_to[0], 0);
	(void)memcpy(late.reply_to, bench->working_to, sizeof late.reply_to);
	owner_dispose(&bench->owner, &late, WIRE_DISPOSITION_RECORDED);
}

static void on_replies(struct owner *owner, const struct owner_request *request)
{
	struct bench *bench = owner->context;

	assert_int_equal(request->verb, SUBJECT_REPLY);
	/* A service speaks under its own name, whoever else is on the connection. */
	assert_true(slice_equal(slice_str(request->party), request->replies->service));
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
				    .retry_after_ms = reply->retry_after_ms,
				    .wants = request->reply_to[0] != '\0',
				    .at_ms = wait_now_ms()};
		(void)memcpy(got->saga, reply->saga.data, reply->saga.size);
		if (reply->text.size > 0 && reply->text.size < sizeof got->text)
			(void)memcpy(got->text, reply->text.data, reply->text.size);
		if (reply->output.size > 0 && reply->output.size < sizeof got->output)
			(void)memcpy(got->output, reply->output.data, reply->output.size);
		bench->count++;
	}
	bench->frames++;
	if (request->reply_to[0] == '\0')
		return;
	if (bench->late_working)
		dispose_of_heartbeat(bench, request);
	else if ((bench->silent_shards >> request->shard & 1U) != 0)
		return;
	else if (bench->silent_frames > 0)
		bench->silent_frames--;
	else
		owner_dispose(owner, request, bench->kind);
}

uint32_t replies_of(const struct bench *bench, const char *saga)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < bench->count; i++)
		count += strcmp(bench->got[i].saga, saga) == 0 ? 1 : 0;
	return count;
}

uint32_t answers(const struct bench *bench, uint32_t outcome)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < bench->count; i++)
		count += bench->got[i].outcome == outcome ? 1 : 0;
	return count;
}

/* ---- the handlers' side
 * ------------------------------------------------------------------------------ */

void bench_do_work(struct saga_context *context, struct saga_result *result, void *user)
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
	while (bench->gate || (bench->blocked != NULL && strcmp(bench->blocked, run->saga) == 0))
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

uint32_t run_count(struct bench *bench)
{
	uint32_t count;

	(void)pthread_mutex_lock(&bench->mutex);
	count = bench->run_count;
	(void)pthread_mutex_unlock(&bench->mutex);
	return count;
}

uint32_t running(struct bench *bench)
{
	uint32_t count;

	(void)pthread_mutex_lock(&bench->mutex);
	count = bench->running;
	(void)pthread_mutex_unlock(&bench->mutex);
	return count;
}

void set_gate(struct bench *bench, bool gate)
{
	(void)pthread_mutex_lock(&bench->mutex);
	bench->gate = gate;
	(void)pthread_cond_broadcast(&bench->changed);
	(void)pthread_mutex_unlock(&bench->mutex);
}

void set_blocked(struct bench *bench, const char *saga)
{
	(void)pthread_mutex_lock(&bench->mutex);
	bench->blocked = saga;
	(void)pthread_cond_broadcast(&bench->changed);
	(void)pthread_mutex_unlock(&bench->mutex);
}

/* ---- set-up
 * -------------------------------------------------------------------------------------------- */

struct saga_connection *connect_service(struct bench *bench)
{
	struct saga_connection *connection;
	struct saga_options options;

	saga_options_init(&options);
	options.url = owner_url(&bench->owner);
	options.party = "svc";
	assert_int_equal(saga_open(&options, &connection), 0);
	return connection;
}

struct saga_service *create_service(struct bench *bench, struct saga_connection *connection,
				    const struct saga_service_options *options)
{
	struct saga_service *service;

	assert_int_equal(saga_service_create(connection, "svc", options, &service), 0);
	assert_int_equal(saga_service_handle(service, "do", bench_do_work, bench), 0);
	return service;
}

int bench_setup(void **state)
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

int bench_teardown(void **state)
{
	struct bench *bench = *state;

	set_gate(bench, false);
	set_blocked(bench, NULL);
	saga_close(bench->connection, 0);
	saga_service_free(bench->service);
	owner_close(&bench->owner);
	(void)pthread_cond_destroy(&bench->changed);
	(void)pthread_mutex_destroy(&bench->mutex);
	free(bench);
	return 0;
}

void start_service(struct bench *bench, uint32_t threads, uint32_t ack_wait_ms, uint32_t hold_ms)
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

void send_commands(struct bench *bench, uint32_t shard, const char *prefix, uint32_t count)
{
	struct owner_frame *frame = malloc(sizeof *frame);

	owner_frame_init(frame, shard, prefix, count);
	owner_send_frame(&bench->owner, frame);
	free(frame);
}

bool stream_is_empty(struct bench *bench)
{
	return owner_stream_messages(&bench->owner) == 0;
}

struct saga_service_stats stats_of(const struct bench *bench)
{
	struct saga_service_stats stats;

	saga_service_stats(bench->service, &stats);
	return stats;
}
