/* A live cluster that is full (S19): who comes is told to come later, what is there goes on, and
 * then there is room again. */
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/trip.h"

enum { OPEN_MAX = 2, CROWD = 60, TRY_MS = 1500, PATIENCE_MS = 60000 };

/* ---- one caller --------------------------------------------------------------------------------
 */

static int try_submit(struct trip *t, const char *id, uint32_t timeout_ms,
		      struct saga_status *status)
{
	struct saga_submit_options options;

	saga_submit_options_init(&options);
	options.id = id;
	options.timeout_ms = timeout_ms;
	return saga_submit(t->connection, t->definition, &options, status);
}

/* What an operator sees of it. */
static void sagactl_says_so(struct trip *t)
{
	char path[1024], output[4096];
	const char *const argv[] = {"sagactl", "sagas",     "submit", "--file",
				    path,      "--timeout", "1s",     NULL};
	int exit_code = 0;
	FILE *file;

	(void)snprintf(path, sizeof path, "%s/trip.yaml", cluster_folder(t->cluster));
	file = fopen(path, "we");
	assert_non_null(file);
	(void)fputs(
		"name: trip\nsteps:\n  - {name: a, service: svc-a, action: do, compensate: none}\n",
		file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(
		cluster_run(t->cluster, argv, PATIENCE_MS, output, sizeof output, &exit_code), 0);
	assert_int_equal(exit_code, 1);
	(void)snprintf(path, sizeof path, "%s/tools.log", cluster_folder(t->cluster));
	file = fopen(path, "re");
	assert_non_null(file);
	output[fread(output, 1, sizeof output - 1, file)] = '\0';
	assert_int_equal(fclose(file), 0);
	assert_non_null(strstr(output, "SAGA-2004"));
	assert_non_null(strstr(output, "try again in "));
}

/* ---- a crowd -----------------------------------------------------------------------------------
 */

struct crowd {
	uint32_t accepted, busy, other, finished;
};

static void on_accepted(void *context, int error, const struct saga_status *status)
{
	struct crowd *c = context;

	(void)status;
	if (error == SAGA_ERR_BUSY)
		(void)__atomic_fetch_add(&c->busy, 1, __ATOMIC_SEQ_CST);
	else if (error != 0)
		(void)__atomic_fetch_add(&c->other, 1, __ATOMIC_SEQ_CST);
	else
		(void)__atomic_fetch_add(&c->accepted, 1, __ATOMIC_SEQ_CST);
}

static void on_finished(void *context, int error, const struct saga_status *status)
{
	struct crowd *c = context;

	if (error == 0 && status->state == SAGA_STATE_COMPLETED)
		(void)__atomic_fetch_add(&c->finished, 1, __ATOMIC_SEQ_CST);
	else
		(void)__atomic_fetch_add(&c->other, 1, __ATOMIC_SEQ_CST);
}

static bool crowd_has_gone(void *context)
{
	const struct crowd *c = context;

	return __atomic_load_n(&c->finished, __ATOMIC_SEQ_CST) +
		       __atomic_load_n(&c->busy, __ATOMIC_SEQ_CST) +
		       __atomic_load_n(&c->other, __ATOMIC_SEQ_CST) ==
	       CROWD;
}

/* Sixty at a door for two: all get in within their time, or hear that they did not. */
static void a_crowd_gets_in_or_is_told(struct trip *t)
{
	static struct crowd crowd;
	struct saga_submit_options options;

	saga_submit_options_init(&options);
	options.timeout_ms = PATIENCE_MS;
	for (uint32_t i = 0; i < CROWD; i++)
		assert_int_equal(saga_submit_async(t->connection, t->definition, &options,
						   on_accepted, on_finished, &crowd),
				 0);
	assert_true(wait_until(crowd_has_gone, &crowd, 2 * PATIENCE_MS));
	assert_int_equal(crowd.other, 0);
	assert_int_equal(crowd.accepted, crowd.finished);
	assert_true(crowd.finished > OPEN_MAX);
}

static void full_then_free(void **state)
{
	static const char *const set[] = {"limits.open_sagas=2", NULL};
	struct cluster_options options;
	struct saga_status status;
	struct trip t;
	char open[OPEN_MAX][SAGA_ID_SIZE];

	(void)state;
	trip_options(&options);
	options.nodes = 1;
	options.shards = 1;
	options.set = set;
	trip_open(&t, &options);
	assert_int_equal(cluster_signal(t.cluster, "svc-b", SIGKILL), 0);
	assert_true(cluster_wait_end(t.cluster, "svc-b", 5000));
	for (uint32_t i = 0; i < OPEN_MAX; i++)
		trip_submit(&t, "", open[i]);
	assert_int_equal(try_submit(&t, "too-much", TRY_MS, &status), SAGA_ERR_BUSY);
	assert_non_null(strstr(status.text, "try again in "));
	sagactl_says_so(&t);
	/* It has left no trace, and a known one is as it is. */
	assert_int_equal(saga_query(t.connection, "too-much", PATIENCE_MS, &status),
			 SAGA_ERR_NOT_FOUND);
	assert_int_equal(trip_calls(&t, "too-much", 0, false), 0);
	assert_int_equal(saga_query(t.connection, open[0], PATIENCE_MS, &status), 0);
	assert_int_equal(status.state, SAGA_STATE_RUNNING);
	trip_service_start(&t, 1);
	/* The same id gets in once there is room: nobody had it meanwhile. */
	assert_int_equal(try_submit(&t, "too-much", PATIENCE_MS, &status), 0);
	trip_assert_outcome(&t, "too-much", trip_wait(&t, "too-much"));
	for (uint32_t i = 0; i < OPEN_MAX; i++)
		trip_assert_outcome(&t, open[i], trip_wait(&t, open[i]));
	a_crowd_gets_in_or_is_told(&t);
	trip_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_then_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
