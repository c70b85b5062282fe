/* Owners that die or freeze: another node finishes every open saga, and the old one does no harm.
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "tests/support/trip.h"

enum { SAGAS = 40, SERVE_MS = 60000 };

struct batch {
	char ids[SAGAS][SAGA_ID_SIZE];
	uint32_t count;
};

static void submit_many(struct trip *t, struct batch *b, const char *script, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		trip_submit(t, script, b->ids[b->count++]);
}

static void finish_all(struct trip *t, const struct batch *b)
{
	for (uint32_t i = 0; i < b->count; i++)
		trip_assert_outcome(t, b->ids[i], trip_wait(t, b->ids[i]));
}

/* The first node dies by itself when it passes this point for the n-th time. */
static void dies_at(const char *point)
{
	struct cluster_options options;
	struct trip t;
	struct batch b = {0};
	char variable[64];
	(void)snprintf(variable, sizeof variable, "SAGAD_TEST_CRASH_POINT=%s:25", point);
	const char *const env[] = {variable, NULL};
	trip_options(&options);
	options.env[0] = env;
	trip_open(&t, &options);
	for (uint32_t i = 0; i < SAGAS && cluster_pid(t.cluster, "n1") != 0; i++)
		submit_many(&t, &b, i % 3 == 0 ? "slow:b:30 reject:c" : "slow:b:30", 1);
	assert_true(cluster_wait_end(t.cluster, "n1", 30000));
	finish_all(&t, &b);
	assert_int_equal(cluster_wait_serving(t.cluster, SERVE_MS), 0);
	trip_close(&t);
}

static void killed_before_append(void **state)
{
	(void)state;
	dies_at("before_append");
}

static void killed_after_append(void **state)
{
	(void)state;
	dies_at("after_append");
}

static void killed_before_send(void **state)
{
	(void)state;
	dies_at("before_send");
}

static void killed_after_send(void **state)
{
	(void)state;
	dies_at("after_send");
}

/* Longer than its lease asleep, then awake again: it writes and says nothing new (C8, S28). */
static void owner_frozen_past_its_lease(void **state)
{
	struct cluster_options options;
	struct trip t;
	struct batch b = {0};
	struct cluster_shards before, after;
	(void)state;
	trip_options(&options);
	trip_open(&t, &options);
	submit_many(&t, &b, "slow:b:500", 10);
	const char *owner = trip_owner(&t, b.ids[0]);
	assert_int_equal(cluster_shards(t.cluster, &before, 10000), 0);
	assert_int_equal(cluster_signal(t.cluster, owner, SIGSTOP), 0);
	submit_many(&t, &b, "slow:b:100 reject:c", 10); /* served by those who took over */
	finish_all(&t, &b);
	assert_int_equal(cluster_signal(t.cluster, owner, SIGCONT), 0);
	submit_many(&t, &b, "", 10);
	finish_all(&t, &b);
	assert_int_equal(cluster_wait_serving(t.cluster, SERVE_MS), 0);
	assert_int_equal(cluster_shards(t.cluster, &after, 10000), 0);
	/* What the frozen one owned has a newer epoch now, whoever owns it. */
	for (uint32_t i = 0; i < before.count; i++)
		if (strcmp(before.shards[i].owner, owner) == 0)
			assert_true(after.shards[i].epoch > before.shards[i].epoch);
	trip_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_before_append),
		cmocka_unit_test(killed_after_append),
		cmocka_unit_test(killed_before_send),
		cmocka_unit_test(killed_after_send),
		cmocka_unit_test(owner_frozen_past_its_lease),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
