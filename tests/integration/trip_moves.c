/* Shards handed over under load, to nodes that have followed their journals (S29): nobody notices
 * but by a short wait, also when the one that lets go, takes or stands by dies in the middle of it.
 */
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdio.h>

#include "tests/support/trip.h"

enum { SAGAS = 60, SERVE_MS = 60000, STOP_MS = 40000, WARM_MS = 60000 };

struct batch {
	char ids[SAGAS][SAGA_ID_SIZE];
	uint32_t count;
};

static void submit_some(struct trip *t, struct batch *b, uint32_t count)
{
	static const char *const scripts[] = {"slow:b:40", "", "slow:a:20 reject:c"};

	for (uint32_t i = 0; i < count && b->count < SAGAS; i++, b->count++)
		trip_submit(t, scripts[b->count % 3], b->ids[b->count]);
}

static void finish_all(struct trip *t, const struct batch *b)
{
	for (uint32_t i = 0; i < b->count; i++)
		trip_assert_outcome(t, b->ids[i], trip_wait(t, b->ids[i]));
}

/* ---- the nodes' logs ---- */

struct tale {
	struct trip *trip;
	uint64_t offsets[3];
	uint32_t warm_standbys, warm, cold; /* shards that became so; take-overs */
};

static void on_event(void *context, const struct cluster_event *event)
{
	struct tale *tale = context;

	tale->warm_standbys += strcmp(event->event, "standby.warm") == 0;
	if (strcmp(event->event, "shard.serving") != 0)
		return;
	if (strstr(event->line, "\"text\":\"warm\"") != NULL)
		tale->warm++;
	else
		tale->cold++;
}

static void read_logs(struct tale *tale)
{
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(cluster_events(tale->trip->cluster, cluster_node_name(i),
						&tale->offsets[i], on_event, tale),
				 0);
}

static bool all_warm(void *context)
{
	struct tale *tale = context;

	read_logs(tale);
	return tale->warm_standbys >= tale->trip->shards;
}

/* Serving everywhere, and each shard's standby has caught up. */
static void open_warm(struct trip *t, struct tale *tale, const struct cluster_options *options)
{
	trip_open(t, options);
	*tale = (struct tale){.trip = t};
	assert_true(wait_until(all_warm, tale, WARM_MS));
	tale->warm = tale->cold = 0;
}

/* ---- the tests ---- */

static void nodes_restart_one_after_the_other(void **state)
{
	struct cluster_options options;
	struct trip t;
	struct tale tale;
	struct batch b = {0};

	(void)state;
	trip_options(&options);
	open_warm(&t, &tale, &options);
	for (uint32_t i = 0; i < 3; i++) {
		const char *name = cluster_node_name(i);

		submit_some(&t, &b, 10);
		assert_int_equal(cluster_signal(t.cluster, name, SIGTERM), 0);
		submit_some(&t, &b, 10);
		assert_true(cluster_wait_end(t.cluster, name, STOP_MS));
		assert_int_equal(cluster_process(t.cluster, name)->exit_status, 0);
		assert_int_equal(cluster_wait_serving(t.cluster, SERVE_MS), 0);
		read_logs(&tale);
		if (i == 0) { /* all were warm, and nothing else has happened to them */
			assert_true(tale.warm > 0);
			assert_int_equal(tale.cold, 0);
		}
		assert_int_equal(cluster_restart(t.cluster, name), 0);
		assert_int_equal(cluster_wait_serving(t.cluster, SERVE_MS), 0);
	}
	finish_all(&t, &b);
	trip_close(&t);
}

/* The first owner that lets a shard go dies right then. */
static void an_owner_dies_while_it_hands_over(void **state)
{
	const char *const env[] = {"SAGAD_TEST_CRASH_POINT=quiescing:2", NULL};
	struct cluster_options options;
	struct trip t;
	struct tale tale;
	struct batch b = {0};

	(void)state;
	trip_options(&options);
	options.env[0] = env;
	options.shards = 9; /* three each */
	open_warm(&t, &tale, &options);
	/* Others that came late have had it give some away at once. */
	while (cluster_pid(t.cluster, "n1") == 0) {
		assert_int_equal(cluster_restart(t.cluster, "n1"), 0);
		assert_int_equal(cluster_wait_serving(t.cluster, SERVE_MS), 0);
	}
	submit_some(&t, &b, 20);
	assert_int_equal(cluster_signal(t.cluster, "n1", SIGTERM), 0);
	submit_some(&t, &b, 20);
	assert_true(cluster_wait_end(t.cluster, "n1", STOP_MS));
	assert_int_not_equal(cluster_process(t.cluster, "n1")->exit_status, 0);
	submit_some(&t, &b, 20);
	finish_all(&t, &b);
	assert_int_equal(cluster_wait_serving(t.cluster, SERVE_MS), 0);
	trip_close(&t);
}

/* Who takes over dies with the key in its hand. */
static void a_taker_dies_while_it_takes_over(void **state)
{
	const char *const env[] = {"SAGAD_TEST_CRASH_POINT=resuming:1", NULL};
	struct cluster_options options;
	struct trip t;
	struct tale tale;
	struct batch b = {0};

	(void)state;
	trip_options(&options);
	options.env[1] = env;
	open_warm(&t, &tale, &options);
	submit_some(&t, &b, 20);
	for (uint32_t i = 0; i < 3 && cluster_pid(t.cluster, "n2") != 0; i += 2) {
		assert_int_equal(cluster_signal(t.cluster, cluster_node_name(i), SIGTERM), 0);
		submit_some(&t, &b, 10);
		assert_true(cluster_wait_end(t.cluster, cluster_node_name(i), STOP_MS));
		if (cluster_pid(t.cluster, "n2") == 0)
			break;
		assert_int_equal(cluster_restart(t.cluster, cluster_node_name(i)), 0);
	}
	assert_true(cluster_wait_end(t.cluster, "n2", STOP_MS));
	submit_some(&t, &b, 20);
	finish_all(&t, &b);
	assert_int_equal(cluster_wait_serving(t.cluster, SERVE_MS), 0);
	trip_close(&t);
}

/* Nobody misses a standby: moves go elsewhere, or wait no longer than they may. */
static void a_standby_dies_while_shards_move(void **state)
{
	struct cluster_options options;
	struct trip t;
	struct tale tale;
	struct batch b = {0};

	(void)state;
	trip_options(&options);
	open_warm(&t, &tale, &options);
	submit_some(&t, &b, 20);
	assert_int_equal(cluster_signal(t.cluster, "n2", SIGKILL), 0);
	assert_int_equal(cluster_signal(t.cluster, "n1", SIGTERM), 0);
	submit_some(&t, &b, 20);
	assert_true(cluster_wait_end(t.cluster, "n1", STOP_MS));
	assert_true(cluster_wait_end(t.cluster, "n2", STOP_MS));
	submit_some(&t, &b, 20);
	finish_all(&t, &b);
	assert_int_equal(cluster_wait_serving(t.cluster, SERVE_MS), 0);
	trip_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_restart_one_after_the_other),
		cmocka_unit_test(an_owner_dies_while_it_hands_over),
		cmocka_unit_test(a_taker_dies_while_it_takes_over),
		cmocka_unit_test(a_standby_dies_while_shards_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
