/* The servers below a cluster: etcd and nats-server restarted, a node id taken twice, garbage on
 * every subject. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "tests/support/garbage.h"
#include "tests/support/trip.h"

enum { SERVE_MS = 60000, SAGAS = 10 };

static struct trip trip;

static int open_trip(void **state)
{
	struct cluster_options options;
	(void)state;
	trip_options(&options);
	trip_open(&trip, &options);
	return 0;
}

static int close_trip(void **state)
{
	(void)state;
	trip_close(&trip);
	return 0;
}

static void open_sagas(char ids[SAGAS][SAGA_ID_SIZE])
{
	for (uint32_t i = 0; i < SAGAS; i++)
		trip_submit(&trip, i % 2 == 0 ? "slow:b:200" : "slow:b:200 reject:c", ids[i]);
}

static void finish(char ids[SAGAS][SAGA_ID_SIZE])
{
	for (uint32_t i = 0; i < SAGAS; i++)
		trip_assert_outcome(&trip, ids[i], trip_wait(&trip, ids[i]));
}

static void etcd_restarted(void **state)
{
	char ids[SAGAS][SAGA_ID_SIZE];
	(void)state;
	open_sagas(ids);
	assert_int_equal(cluster_signal(trip.cluster, "etcd1", SIGKILL), 0);
	assert_true(cluster_wait_end(trip.cluster, "etcd1", 5000));
	assert_int_equal(cluster_restart(trip.cluster, "etcd1"), 0);
	finish(ids);
	assert_int_equal(cluster_wait_serving(trip.cluster, SERVE_MS), 0);
}

static void nats_restarted(void **state)
{
	char ids[SAGAS][SAGA_ID_SIZE];
	(void)state;
	open_sagas(ids);
	assert_int_equal(cluster_signal(trip.cluster, "nats1", SIGKILL), 0);
	assert_true(cluster_wait_end(trip.cluster, "nats1", 5000));
	assert_int_equal(cluster_restart(trip.cluster, "nats1"), 0);
	finish(ids);
}

static void taken_id_is_refused(void **state)
{
	char program[1024], folder[1100], endpoints[300];
	int exit_code = 0;
	char output[256];
	(void)state;
	assert_int_equal(cluster_find_program(trip.cluster, "sagad", program, sizeof program), 0);
	(void)snprintf(folder, sizeof folder, "%s/second", cluster_folder(trip.cluster));
	(void)snprintf(endpoints, sizeof endpoints, "etcd.endpoints=%s",
		       cluster_etcd_endpoints(trip.cluster));
	const char *const argv[] = {
		program,      "--node-id", "n1",    "--nats-url", cluster_nats_url(trip.cluster),
		"--data-dir", folder,      "--set", endpoints,    NULL};
	assert_int_equal(process_run(argv, NULL, NULL, 60000, output, sizeof output, &exit_code),
			 0);
	assert_int_equal(exit_code, 3); /* documented */
	char id[SAGA_ID_SIZE];
	assert_int_equal(trip_run(&trip, "", id), SAGA_STATE_COMPLETED);
}

static void garbage_on_every_subject(void **state)
{
	char ids[SAGAS][SAGA_ID_SIZE];
	(void)state;
	open_sagas(ids);
	garbage_everywhere(cluster_nats_url(trip.cluster), 4, 200);
	finish(ids);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(cluster_pid(trip.cluster, cluster_node_name(i)) != 0);
	for (uint32_t i = 0; i < TRIP_STEPS; i++)
		assert_true(cluster_pid(trip.cluster, trip_service_name(i)) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(etcd_restarted),
		cmocka_unit_test(nats_restarted),
		cmocka_unit_test(taken_id_is_refused),
		cmocka_unit_test(garbage_on_every_subject),
	};
	return cmocka_run_group_tests(tests, open_trip, close_trip);
}
