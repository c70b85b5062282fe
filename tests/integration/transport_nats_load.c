/* The NATS transport when more comes than the loop can work: what may wait does, what may not does
 * not, and the turn ends. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/integration/transport_nats_server.h"

enum { WORK_NS = 1000000 };

static int setup(void **state)
{
	struct bench *bench = malloc(sizeof *bench);

	if (bench == NULL)
		return -1;
	bench_init(bench);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	bench_destroy(*state);
	free(*state);
	return 0;
}

static bool is_request(struct slice subject)
{
	return subject.size > 0 && subject.data[0] == 'r';
}

static const struct nats_config config = {.may_wait = is_request};

struct seen {
	uint32_t requests, replies;
	uint32_t requests_at_reply; /* the last one */
	uint32_t waited_ms;         /* of the last request */
};

/* A request is a millisecond's work. */
static void on_request(void *context, const struct transport_message *message)
{
	const struct timespec work = {.tv_nsec = WORK_NS};
	struct seen *seen = context;

	(void)nanosleep(&work, NULL);
	seen->requests++;
	seen->waited_ms = message->waited_ms;
}

static void on_reply(void *context, const struct transport_message *message)
{
	struct seen *seen = context;

	(void)message;
	seen->replies++;
	seen->requests_at_reply = seen->requests;
}

static struct client *open_worker(struct bench *bench, struct seen *seen)
{
	struct transport_subscription *subscription;
	struct client *worker = bench_connect(bench, &config);

	assert_int_equal(worker->t->ops->subscribe(worker->t, "request", NULL, on_request, seen,
						   &subscription),
			 0);
	assert_int_equal(
		worker->t->ops->subscribe(worker->t, "answer", NULL, on_reply, seen, &subscription),
		0);
	client_sync(bench, worker);
	return worker;
}

static void publish_requests(struct client *client, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(client_publish(client, "request", "0123456789abcdef"), 0);
}

/* A second's work arrives at once, and behind it what is to go on. */
static void test_progress_does_not_stand_in_line(void **state)
{
	enum { REQUESTS = 1000 };
	struct bench *bench = *state;
	struct seen seen = {0};
	struct client *a, *worker;
	uint32_t turns;

	server_start(&bench->server, "");
	a = bench_connect(bench, NULL);
	worker = open_worker(bench, &seen);
	turns = worker->turns;
	publish_requests(a, REQUESTS);
	assert_int_equal(client_publish(a, "answer", "x"), 0);
	bench->longest_gap_ms = 0;
	RUN_UNTIL(bench, seen.replies == 1);
	assert_true(seen.requests_at_reply < REQUESTS / 4);
	RUN_UNTIL(bench, seen.requests == REQUESTS); /* nobody is forgotten */
	/* Timers had their turn all the time, and so had what hangs on the turn's end. */
	assert_true(bench->longest_gap_ms < 500);
	assert_true(worker->turns - turns >= REQUESTS / 50);
	/* Who waited knows how long. */
	assert_in_range(seen.waited_ms, REQUESTS / 4, 100 * REQUESTS);
	assert_int_equal(client_stats(worker).dropped_messages, 0);
}

/* More than may wait is dropped and counted, and none of it is what may not wait. */
static void test_requests_have_a_bound_of_their_own(void **state)
{
	enum { REQUESTS = 40 * 1024 };
	struct bench *bench = *state;
	struct seen seen = {0};
	struct client *a, *worker;
	struct transport_stats stats;

	server_start(&bench->server, "");
	a = bench_connect(bench, NULL);
	worker = open_worker(bench, &seen);
	publish_requests(a, REQUESTS);
	RUN_UNTIL(bench, client_stats(worker).dropped_messages > 0);
	assert_int_equal(client_publish(a, "answer", "x"), 0);
	RUN_UNTIL(bench, seen.replies == 1);
	stats = client_stats(worker);
	assert_in_range(stats.queue_depth, 8 * 1024, 33 * 1024);
	assert_true(seen.requests < REQUESTS / 4);
	/* And they may be left behind: nothing leaks. */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_progress_does_not_stand_in_line, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_requests_have_a_bound_of_their_own, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
