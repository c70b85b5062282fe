/* The row of segments and history on real servers (S17, S25): what leaves the journals is in the
 * history stream, whoever dies and whatever is away, and people read it from there. */
#include "tests/unit/unit.h"

#include <nats/nats.h>
#include <signal.h>
#include <stdio.h>

#include "tests/support/history_check.h"
#include "tests/support/trip.h"

enum { SHARDS = 2, WAIT_MS = 60000, OTHERS_MAX = 4000, TEXT_SIZE = 256 * 1024 };

static const char *const settings[] = {"journal.segment_bytes=16KiB", "saga.remember_margin=1s",
				       NULL};

static void open_trip(struct trip *t)
{
	struct cluster_options options;

	trip_options(&options);
	options.shards = SHARDS;
	options.set = settings;
	trip_open(t, &options);
}

/* Not trip_close: the journals do not begin with their first batch any more. */
static void close_trip(struct trip *t)
{
	saga_definition_free(t->definition);
	saga_close(t->connection, 0);
	cluster_destroy(t->cluster);
}

/* Sagas that are forgotten soon, so that little has to be carried. */
static void run_others(struct trip *t, uint32_t count)
{
	static char ids[OTHERS_MAX][SAGA_ID_SIZE];

	assert_in_range(count, 1, OTHERS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		struct saga_submit_options options;
		struct saga_status status;

		(void)snprintf(ids[i], SAGA_ID_SIZE, "other-%llu",
			       (unsigned long long)t->next_id++);
		saga_submit_options_init(&options);
		options.id = ids[i];
		options.input = "";
		options.retry_window_ms = 5000;
		options.timeout_ms = WAIT_MS;
		assert_int_equal(saga_submit(t->connection, t->definition, &options, &status), 0);
	}
	/* They were all taken; the last of them tells that they are done, more or less. */
	(void)trip_wait(t, ids[count - 1]);
}

static uint64_t retired(struct trip *t)
{
	struct history_check check;

	history_check(cluster_nats_url(t->cluster), SHARDS, &check);
	return check.retired;
}

static void run_until_retired(struct trip *t, uint64_t wanted)
{
	const uint64_t end_ms = wait_now_ms() + 2 * WAIT_MS;
	uint64_t is;

	while ((is = retired(t)) < wanted) {
		if (wait_now_ms() >= end_ms)
			fail_msg("only %llu batches have left the journals",
				 (unsigned long long)is);
		run_others(t, 50);
	}
}

static void assert_whole(struct trip *t, uint64_t sagas)
{
	struct history_check check;

	history_check(cluster_nats_url(t->cluster), SHARDS, &check);
	if (check.trouble[0] != '\0')
		fail_msg("%s", check.trouble);
	print_message("%llu entries, %llu batches, %llu retired, %llu written twice\n",
		      (unsigned long long)check.entries, (unsigned long long)check.batches,
		      (unsigned long long)check.retired, (unsigned long long)check.repeated);
	assert_true(check.accepted >= sagas);
}

/* All that happened to the saga, as people see it. */
static void assert_shown(struct trip *t, const char *id)
{
	static char text[TEXT_SIZE];
	const char *const argv[] = {"sagactl", "sagas", "show", id, "-o", "json", NULL};
	int code = -1;

	assert_int_equal(cluster_run(t->cluster, argv, WAIT_MS, text, sizeof text, &code), 0);
	if (code != 0 || strstr(text, "accepted") == NULL || strstr(text, "finished") == NULL)
		fail_msg("sagas show %s: %d: %.2000s", id, code, text);
}

static void what_left_the_journal_is_shown(void **state)
{
	struct trip t;
	char id[SAGA_ID_SIZE];

	(void)state;
	open_trip(&t);
	assert_int_equal(trip_run(&t, "", id), SAGA_STATE_COMPLETED);
	assert_shown(&t, id);
	run_until_retired(&t, 100);
	assert_shown(&t, id);
	assert_whole(&t, 2);
	close_trip(&t);
}

/* Owners die one after the other; the broker is away for a while. */
static void nothing_is_lost(void **state)
{
	struct trip t;
	char id[SAGA_ID_SIZE];

	(void)state;
	open_trip(&t);
	assert_int_equal(trip_run(&t, "", id), SAGA_STATE_COMPLETED);
	for (uint32_t round = 0; round < 4; round++) {
		const char *owner = trip_owner(&t, id);

		run_others(&t, 60);
		assert_int_equal(cluster_signal(t.cluster, owner, SIGKILL), 0);
		assert_true(cluster_wait_end(t.cluster, owner, WAIT_MS));
		run_others(&t, 40);
		assert_int_equal(cluster_restart(t.cluster, owner), 0);
		if (round == 1) {
			assert_int_equal(cluster_signal(t.cluster, "nats1", SIGKILL), 0);
			assert_true(cluster_wait_end(t.cluster, "nats1", WAIT_MS));
			assert_int_equal(cluster_restart(t.cluster, "nats1"), 0);
		}
		assert_int_equal(cluster_wait_serving(t.cluster, WAIT_MS), 0);
	}
	run_until_retired(&t, 300);
	assert_shown(&t, id);
	assert_whole(&t, 400);
	close_trip(&t);
}

static void api(natsConnection *nats, const char *subject, const char *body)
{
	natsMsg *answer = NULL;

	assert_int_equal(natsConnection_RequestString(&answer, nats, subject, body, 10000),
			 NATS_OK);
	if (strstr(natsMsg_GetData(answer), "\"error\"") != NULL)
		fail_msg("%s: %s", subject, natsMsg_GetData(answer));
	natsMsg_Destroy(answer);
}

/* Nobody takes history: then nothing leaves. When the stream is back, made by init, all goes on. */
static void without_history_nothing_leaves(void **state)
{
	const char *const init[] = {"sagactl", "init", "--shards", "2", NULL};
	static char text[TEXT_SIZE];
	natsConnection *nats = NULL;
	struct trip t;
	int code = -1;

	(void)state;
	open_trip(&t);
	assert_int_equal(natsConnection_ConnectTo(&nats, cluster_nats_url(t.cluster)), NATS_OK);
	api(nats, "$JS.API.STREAM.DELETE.SAGA_HISTORY", "");
	run_others(&t, 300);
	struct history_check check;
	history_check(cluster_nats_url(t.cluster), SHARDS, &check);
	assert_string_equal(check.trouble, "shard 0, batch 0: there is no history stream");
	assert_int_equal(check.retired, 0);
	assert_int_equal(cluster_run(t.cluster, init, WAIT_MS, text, sizeof text, &code), 0);
	run_until_retired(&t, 100);
	assert_whole(&t, 300);
	natsConnection_Destroy(nats);
	close_trip(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_left_the_journal_is_shown),
		cmocka_unit_test(nothing_is_lost),
		cmocka_unit_test(without_history_nothing_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
