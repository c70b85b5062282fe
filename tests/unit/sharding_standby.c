/* Standing by, and moves that wait for who is to come to be warm (S29). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sharding/control_internal.h"
#include "tests/unit/sharding_model.h"

/* Nodes that stand by, all shards serving and all standbys warm. */
static struct model *warm_cluster(uint32_t nodes, uint32_t warm_ms)
{
	struct model *m = model_create(7, nodes);

	m->warm_ms = warm_ms;
	model_initialise(m);
	for (uint32_t i = 0; i < nodes; i++)
		model_start(m, i);
	assert_true(model_run(m, model_all_serving, 20000));
	(void)model_run(m, NULL, 2000);
	return m;
}

static uint32_t standing_by(const struct model *m, uint32_t node)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < MODEL_SHARDS; i++)
		count += m->nodes[node].workers[i].standby;
	return count;
}

static uint32_t releases(const struct model *m)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < m->node_count; i++)
		count += m->nodes[i].releases;
	return count;
}

static const struct model_kv *ready_key(const struct model *m, uint32_t shard)
{
	char key[64];

	(void)snprintf(key, sizeof key, "/sagad/test/shards/%u/ready", shard);
	return model_get(m, key);
}

static uint32_t ready_keys(const struct model *m)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < MODEL_SHARDS; i++)
		count += ready_key(m, i) != NULL;
	return count;
}

static void every_shard_has_one_who_stands_by(void **state)
{
	struct model *m = warm_cluster(3, 100);
	uint32_t count = 0;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		count += standing_by(m, i);
		for (uint32_t s = 0; s < MODEL_SHARDS; s++)
			assert_false(m->nodes[i].workers[s].standby && m->nodes[i].workers[s].has);
	}
	assert_int_equal(count, MODEL_SHARDS);
	assert_int_equal(ready_keys(m), 0); /* nothing is to move */
	model_destroy(m);
}

static bool something_moves(const struct model *m)
{
	return releases(m) > 0;
}

/* A node joins: what it is to have goes to it once it is warm, and not before. */
static void a_move_waits_for_its_target(void **state)
{
	struct model *m = warm_cluster(2, 3000);
	uint64_t begun_ns;

	(void)state;
	m->nodes[2].model = m;
	m->node_count = 3;
	m->nodes[2].index = 2;
	model_start(m, 2);
	begun_ns = m->now_ns;
	assert_true(model_run(m, something_moves, 20000));
	assert_true(m->now_ns - begun_ns >= 3000 * MODEL_MS);
	assert_true(m->now_ns - begun_ns < CONTROL_WARM_MS * MODEL_MS);
	assert_true(model_run(m, model_all_serving, 20000));
	(void)model_run(m, NULL, 5000);
	assert_true(model_serving(m, 2) >= MODEL_SHARDS / 3);
	assert_int_equal(ready_keys(m), 0); /* what was said is settled */
	model_destroy(m);
}

/* One that never is: after 10 s it gets them as they are. */
static void a_cold_target_is_waited_for_no_longer_than_so(void **state)
{
	struct model *m = warm_cluster(2, 60000);
	uint64_t begun_ns;

	(void)state;
	m->nodes[2].model = m;
	m->node_count = 3;
	m->nodes[2].index = 2;
	model_start(m, 2);
	begun_ns = m->now_ns;
	assert_true(model_run(m, something_moves, 30000));
	assert_true(m->now_ns - begun_ns >= CONTROL_WARM_MS * MODEL_MS);
	(void)model_run(m, NULL, 20000);
	assert_true(model_serving(m, 2) >= MODEL_SHARDS / 3);
	model_destroy(m);
}

/* The target dies while it is waited for: others who are warm serve its shards, or the owner does
 * as before. */
static void a_target_that_dies_costs_nothing(void **state)
{
	struct model *m = warm_cluster(2, 5000);

	(void)state;
	m->nodes[2].model = m;
	m->node_count = 3;
	m->nodes[2].index = 2;
	model_start(m, 2);
	(void)model_run(m, NULL, 3000);
	assert_int_equal(releases(m), 0);
	model_crash(m, 2);
	(void)model_run(m, NULL, 20000);
	assert_true(model_all_serving(m));
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(m->nodes[i].fences, 0);
	model_destroy(m);
}

/* S28: who has lost its lease holds nothing any more. */
static void a_lost_lease_ends_all_of_it(void **state)
{
	struct model *m = warm_cluster(3, 100);
	const uint32_t before = standing_by(m, 0);

	(void)state;
	assert_true(before > 0);
	m->nodes[0].cut = true;
	(void)model_run(m, NULL, 3000);
	assert_int_equal(standing_by(m, 0), 0);
	assert_true(m->nodes[0].standby_offs >= before);
	m->nodes[0].cut = false;
	(void)model_run(m, NULL, 20000);
	assert_true(model_all_serving(m));
	assert_true(standing_by(m, 0) > 0);
	model_destroy(m);
}

/* Who stops takes nothing, stands by for nothing, and goes when all it had is elsewhere. */
static void a_stop_hands_over_to_the_warm(void **state)
{
	struct model *m = warm_cluster(3, 100);
	const uint32_t had = model_serving(m, 0);

	(void)state;
	model_stop(m, 0);
	for (uint32_t i = 0; i < 200 && model_phase(m, 0) != CONTROL_STOPPED; i++)
		(void)model_run(m, NULL, 50);
	assert_int_equal(model_phase(m, 0), CONTROL_STOPPED);
	assert_int_equal(m->nodes[0].releases, had);
	assert_int_equal(m->nodes[0].fences, 0);
	assert_int_equal(standing_by(m, 0), 0);
	(void)model_run(m, NULL, 2000);
	for (uint32_t i = 0; i < MODEL_SHARDS; i++)
		assert_non_null(model_owner(m, i));
	model_destroy(m);
}

/* What somebody wrote there by hand says nothing; what is said of an owner before counts as
 * nothing too. */
static void only_the_truth_about_this_owner_counts(void **state)
{
	struct model *m = warm_cluster(2, 4000);

	(void)state;
	m->tampered = true;
	for (uint32_t i = 0; i < MODEL_SHARDS; i++) {
		char key[64];

		(void)snprintf(key, sizeof key, "/sagad/test/shards/%u/ready", i);
		model_put(m, key, i % 2 == 0 ? "who knows" : "n2 1", 0);
	}
	m->nodes[2].model = m;
	m->node_count = 3;
	m->nodes[2].index = 2;
	model_start(m, 2);
	(void)model_run(m, NULL, 3500);
	assert_int_equal(releases(m), 0);
	assert_true(model_noted(m, "ready.unreadable") > 0);
	(void)model_run(m, NULL, 20000);
	assert_true(model_serving(m, 2) >= MODEL_SHARDS / 3);
	model_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shard_has_one_who_stands_by),
		cmocka_unit_test(a_move_waits_for_its_target),
		cmocka_unit_test(a_cold_target_is_waited_for_no_longer_than_so),
		cmocka_unit_test(a_target_that_dies_costs_nothing),
		cmocka_unit_test(a_lost_lease_ends_all_of_it),
		cmocka_unit_test(a_stop_hands_over_to_the_warm),
		cmocka_unit_test(only_the_truth_about_this_owner_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
