#include "tests/integration/client_calls_bench_uv.h"

#include <stdlib.h>

static void on_accepted(void *context, int error, const struct saga_status *status)
{
	struct told *told = context;

	(void)pthread_mutex_lock(&told->mutex);
	told->accepted_error = error;
	told->status = *status;
	told->accepted++;
	(void)pthread_mutex_unlock(&told->mutex);
}

static void on_finished(void *context, int error, const struct saga_status *status)
{
	struct told *told = context;

	(void)pthread_mutex_lock(&told->mutex);
	told->finished_error = error;
	told->status = *status;
	told->finished++;
	(void)pthread_mutex_unlock(&told->mutex);
}

bool told_ended(struct told *told, bool finished)
{
	bool ended;

	(void)pthread_mutex_lock(&told->mutex);
	ended = finished ? told->finished > 0 || told->accepted_error != 0 : told->accepted > 0;
	(void)pthread_mutex_unlock(&told->mutex);
	return ended;
}

void calls_note(struct bench *bench, const struct owner_request *request)
{
	if (bench->count < REQUESTS_MAX) {
		bench->requests[bench->count] = *request;
		bench->hashes[bench->count] = hash_xxh3_128(request->bytes);
		bench->times_ms[bench->count] = wait_now_ms();
	}
	bench->count++;
}

int calls_setup(void **state)
{
	static const char text[] = "name: travel\n"
				   "steps:\n"
				   "  - {name: a, service: svc, action: do, compensate: undo}\n";
	struct bench *bench = calloc(1, sizeof *bench);
	struct saga_options options;

	owner_open(&bench->owner);
	bench->owner.context = bench;
	saga_options_init(&options);
	options.url = owner_url(&bench->owner);
	assert_int_equal(saga_open(&options, &bench->connection), 0);
	assert_int_equal(
		saga_definition_parse(text, sizeof text - 1, "t", &bench->definition, NULL, 0), 0);
	*state = bench;
	return 0;
}

int calls_teardown(void **state)
{
	struct bench *bench = *state;

	saga_close(bench->connection, 0);
	saga_definition_free(bench->definition);
	owner_close(&bench->owner);
	free(bench);
	return 0;
}

void calls_submit(struct bench *bench, const char *id, uint32_t timeout_ms, bool wait,
		  struct told *told)
{
	struct saga_submit_options options;

	saga_submit_options_init(&options);
	options.id = id;
	options.input = "input";
	options.input_size = 5;
	options.timeout_ms = timeout_ms;
	assert_int_equal(saga_submit_async(bench->connection, bench->definition, &options,
					   on_accepted, wait ? on_finished : NULL, told),
			 0);
}

void calls_script_accept(struct owner *owner, const struct owner_request *request)
{
	struct wire_answer answer = owner_says(request, WIRE_STATE_RUNNING, 30);

	calls_note(owner->context, request);
	owner_answer(owner, request->reply_to, &answer);
}

void calls_script_silent(struct owner *owner, const struct owner_request *request)
{
	calls_note(owner->context, request);
}

void calls_script_finish(struct owner *owner, const struct owner_request *request)
{
	struct wire_answer answer = owner_says(request, WIRE_STATE_RUNNING, 10);

	calls_note(owner->context, request);
	owner_answer(owner, request->reply_to, &answer);
	answer = owner_says(request, WIRE_STATE_COMPENSATED, 20);
	answer.reason = WIRE_REASON_REJECTED;
	answer.finished_at = 5000;
	owner_answer(owner, request->reply_to, &answer);
}
