/* Probes and metrics are asked all the while a node with two workers takes shards, runs sagas and
 * stops: the threads meet. Fit for sanitizers. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/trip_http_ask.h"
#include "tests/support/trip.h"

enum { SAGAS = 20, MEMORY = 4 * 1024 * 1024, END_MS = 60000 };

struct asker {
	uint16_t port;
	atomic_bool stop;
	uint32_t answers;
};

static void *ask_on(void *argument)
{
	static const char *const paths[] = {"/metrics", "/healthz/live?verbose", "/healthz/ready",
					    "/version", "/nothing"};
	struct asker *a = argument;
	char *memory = malloc(MEMORY);

	for (uint32_t i = 0; memory != NULL && !atomic_load(&a->stop); i++)
		a->answers += http_ask(a->port, paths[i % 5], memory, MEMORY) != 0;
	free(memory);
	return NULL;
}

static void test_asked_all_the_while(void **state)
{
	static const char *const set[] = {"http.listen=127.0.0.1:0", "workers=2", NULL};
	struct cluster_options options;
	struct trip t;
	struct asker asker = {0};
	pthread_t thread;
	char id[SAGA_ID_SIZE];

	(void)state;
	trip_options(&options);
	options.nodes = 1;
	options.set = set;
	trip_open(&t, &options);
	asker.port = http_port_of(t.cluster, "n1", 1);
	assert_int_equal(pthread_create(&thread, NULL, ask_on, &asker), 0);
	for (uint32_t i = 0; i < SAGAS; i++)
		(void)trip_run(&t, i % 2 == 0 ? "" : "reject:b", id);
	assert_int_equal(cluster_signal(t.cluster, "n1", SIGTERM), 0);
	assert_true(cluster_wait_end(t.cluster, "n1", END_MS));
	atomic_store(&asker.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(asker.answers > 10);
	assert_int_equal(cluster_restart(t.cluster, "n1"), 0);
	assert_int_equal(cluster_wait_serving(t.cluster, END_MS), 0);
	trip_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asked_all_the_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
