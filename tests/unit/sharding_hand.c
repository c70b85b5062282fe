/* What somebody put into the store by hand, and what workers say at the wrong time: nobody takes
 * what is not his, nothing is given up for it, and it goes on when it is mended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sharding/control_internal.h"
#include "tests/unit/sharding_model.h"

#define OWNER_3 "/sagad/test/shards/3/owner"

static struct control_view view_of(const struct model *m, uint32_t node)
{
	struct control_view view;

	control_view(m->nodes[node].control, &view);
	return view;
}

/* ---- unreadable keys ---- */

/* An unreadable owner is still one; only its owner itself, who knows what should stand there, puts
 * it right. */
static void an_unreadable_owner_keeps_its_shard(void **state)
{
	struct model *m = model_cluster(1);

	(void)state;
	model_put(m, OWNER_3, "who knows", model_owner(m, 3)->lease);
	(void)model_run(m, NULL, 500);
	assert_int_equal(model_noted(m, "owner.unreadable"), 1);
	assert_true(model_all_serving(m));
	assert_int_equal(m->nodes[0].fences, 0);

	model_crash(m, 0);
	while (model_owner(m, 3)) /* until its lease has ended */
		(void)model_run(m, NULL, 100);
	model_put(m, OWNER_3, "who knows", 0);
	model_start(m, 0);
	(void)model_run(m, NULL, 10000);
	assert_int_equal(model_serving(m, 0), MODEL_SHARDS - 1);
	assert_int_equal(view_of(m, 0).shards[3].owner.size, 0);
	assert_int_equal(view_of(m, 0).shards[3].state, WIRE_SHARD_REPLAYING);
	assert_int_equal(view_of(m, 0).shards[2].state, WIRE_SHARD_SERVING);
	m->nodes[0].no_shards = true;
	model_remove(m, OWNER_3);
	(void)model_run(m, NULL, 100);
	assert_int_equal(view_of(m, 0).shards[3].state, WIRE_SHARD_UNOWNED);
	m->nodes[0].no_shards = false;
	assert_true(model_run(m, model_all_serving, 5000));
	model_destroy(m);
}

/* Who is initialised anew under a living node must not make it serve two clusters (S7, S11). */
static void a_cluster_that_changes_ends_the_node(void **state)
{
	static const char *const how[] = {"garbage", "other id", "other slots"};

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		struct model *m = model_cluster(1);
		static struct control_cluster cluster;
		static char text[CONTROL_CONFIG_MAX];
		struct buf out;

		buf_init_fixed(&out, text, sizeof text - 1);
		cluster = m->nodes[0].control->cluster;
		if (i == 1)
			assert_int_equal(id_from(&cluster.cluster, slice_str("test-2")), 0);
		if (i == 2)
			cluster.slots.shard_of_slot[0] ^= 1;
		assert_int_equal(control_cluster_encode(&cluster, &out), 0);
		text[out.size] = '\0';
		m->tampered = true;
		model_put(m, "/sagad/test/config", i == 0 ? how[0] : text, 0);
		(void)model_run(m, NULL, 100);
		assert_int_equal(model_phase(m, 0), CONTROL_FAILED);
		assert_int_equal(control_error(m->nodes[0].control), SAGA_E_CLUSTER_MISMATCH);
		assert_int_equal(m->nodes[0].fences, MODEL_SHARDS);
		model_stop(m, 0); /* it stays what it is */
		model_put(m, "/sagad/test/config", how[0], 0);
		(void)model_run(m, NULL, 5000);
		assert_int_equal(model_phase(m, 0), CONTROL_FAILED);
		assert_int_equal(model_noted(m, "control.failed"), 1);
		model_destroy(m);
	}
}

static void a_node_does_not_begin_under_an_unreadable_cluster(void **state)
{
	struct model *m = model_create(3, 1);

	(void)state;
	model_put(m, "/sagad/test/config", "garbage", 0);
	model_start(m, 0);
	(void)model_run(m, NULL, 3000);
	assert_int_equal(model_phase(m, 0), CONTROL_FAILED);
	assert_int_equal(m->lease_count, 0);
	assert_int_equal(m->nodes[0].clusters, 0);
	model_destroy(m);
}

/* Nobody plans while nobody can say who does; what is served goes on. */
static void an_unreadable_planner_is_nobody(void **state)
{
	struct model *m = model_cluster(2);

	(void)state;
	m->tampered = true;
	model_put(m, "/sagad/test/planner", "no id at all", 0);
	(void)model_run(m, NULL, 3000);
	assert_int_equal(view_of(m, 0).planner.size, 0);
	assert_true(model_all_serving(m));
	model_remove(m, "/sagad/test/planner");
	(void)model_run(m, NULL, 3000);
	assert_int_equal(view_of(m, 0).planner.size, 2);
	assert_int_equal(m->nodes[0].fences + m->nodes[1].fences, 0);
	model_destroy(m);
}

/* More nodes than a plan can hold: those that were there keep their work. */
static void nodes_beyond_the_limit_are_left_out(void **state)
{
	struct model *m = model_cluster(1);

	(void)state;
	for (uint32_t i = 0; i < PLAN_NODES_MAX + 2; i++) {
		char key[64];

		(void)snprintf(key, sizeof key, "/sagad/test/nodes/x%u", i);
		model_put(m, key,
			  "sagad-node 1 address=a zone= weight=0 version=1 healthy=1 "
			  "stopping=1 since=1",
			  0);
	}
	(void)model_run(m, NULL, 5000);
	assert_true(model_noted(m, "node.too_many") > 0);
	assert_int_equal(view_of(m, 0).node_count, PLAN_NODES_MAX);
	assert_true(model_all_serving(m));
	for (uint32_t i = 1; i < PLAN_NODES_MAX; i++)
		assert_int_equal(view_of(m, 0).nodes[i].state, 2); /* stopping, as it says */
	model_destroy(m);
}

/* A node key whose value is too long to be mine, or empty, is rewritten. */
static void my_own_key_is_put_right(void **state)
{
	static const char *const values[] = {"", "sagad-node 1 ", NULL};
	static char long_value[CONTROL_VALUE_MAX + 10];
	struct model *m = model_cluster(1);
	const int64_t lease = model_node_key(m, 0)->lease;

	(void)state;
	memset(long_value, 'x', sizeof long_value - 1);
	for (uint32_t i = 0; i < 3; i++) {
		model_put(m, "/sagad/test/nodes/n0", values[i] ? values[i] : long_value, lease);
		(void)model_run(m, NULL, 3000);
		assert_non_null(strstr(model_node_key(m, 0)->value, "address=127.0.0.1:7000"));
		assert_true(model_run(m, model_all_serving, 3000));
	}
	model_destroy(m);
}

/* ---- reports at the wrong time ---- */

static void report(struct model *m, uint32_t shard, enum ownership state, int code)
{
	struct model_node *n = &m->nodes[0];

	control_report(n->control, m->now_ns, shard, state, m->journal_epoch[shard], code);
}

/* Whatever its worker says later: the key stays, so that nobody else takes the shard. */
static void a_halted_shard_stays_halted(void **state)
{
	static const enum ownership later[] = {OWNERSHIP_HALTED, OWNERSHIP_SERVING,
					       OWNERSHIP_RELEASED, OWNERSHIP_FENCED};
	struct model *m = model_cluster(2);
	uint32_t shard = 0;
	char wanted[32];

	(void)state;
	while (!m->nodes[0].workers[shard].has)
		shard++;
	(void)snprintf(wanted, sizeof wanted, " halted %u", err_to_wire(SAGA_E_INTERNAL));
	report(m, shard, OWNERSHIP_HALTED, 0); /* no code is a bug somewhere, and still a halt */
	for (uint32_t i = 0; i < 4; i++) {
		report(m, shard, later[i], SAGA_E_JOURNAL_SHORT);
		(void)model_run(m, NULL, 3000);
		assert_int_equal(control_ownership(m->nodes[0].control, shard), OWNERSHIP_HALTED);
		assert_non_null(strstr(model_owner(m, shard)->value, wanted));
	}
	assert_int_equal(view_of(m, 1).shards[shard].state, WIRE_SHARD_HALTED);
	assert_int_equal(view_of(m, 1).shards[shard].code, err_to_wire(SAGA_E_INTERNAL));
	assert_int_equal(m->nodes[0].fences, 0);
	model_destroy(m);
}

/* It let go when it had been told to, and then the order to keep it came: it gets it again. */
static void a_release_that_nobody_wants_any_more_is_made_good(void **state)
{
	struct model *m = model_cluster(1);

	(void)state;
	m->tampered = true;                   /* the model's worker knows nothing of it */
	report(m, 3, OWNERSHIP_REPLAYING, 0); /* is not for workers to say */
	assert_int_equal(control_ownership(m->nodes[0].control, 3), OWNERSHIP_SERVING);
	m->nodes[0].workers[3] = (struct model_worker){0};
	report(m, 3, OWNERSHIP_RELEASED, 0);
	assert_int_equal(control_ownership(m->nodes[0].control, 3), OWNERSHIP_RELEASED);
	assert_true(model_run(m, model_all_serving, 3000));
	assert_int_equal(model_assigns(m), MODEL_SHARDS + 1);
	assert_int_equal(m->nodes[0].fences, 0);
	model_destroy(m);
}

static uint64_t ms_until_serving(struct model *m)
{
	const uint64_t begin_ns = m->now_ns;

	assert_false(model_all_serving(m));
	assert_true(model_run(m, model_all_serving, 30000));
	return (m->now_ns - begin_ns) / MODEL_MS;
}

/* A shard that is fenced again and again is tried less and less often, until it was well for long.
 */
static void fences_are_forgotten_after_a_calm_time(void **state)
{
	struct model *m = model_cluster(1);
	uint64_t took_ms = 0;

	(void)state;
	for (uint32_t i = 0; i < CONTROL_FENCED_DOUBLINGS + 3; i++) {
		uint64_t pause_ms =
			(uint64_t)CONTROL_FENCED_MS
			<< (i < CONTROL_FENCED_DOUBLINGS ? i : CONTROL_FENCED_DOUBLINGS);

		model_report(m, 0, 3, OWNERSHIP_FENCED);
		took_ms = ms_until_serving(m);
		assert_in_range(took_ms, pause_ms, pause_ms + 1000);
	}
	(void)model_run(m, NULL, CONTROL_CALM_MS + 1000);
	model_report(m, 0, 3, OWNERSHIP_FENCED);
	assert_in_range(ms_until_serving(m), CONTROL_FENCED_MS, CONTROL_FENCED_MS + 1000);
	model_destroy(m);
}

/* ---- one transaction at a time ---- */

static bool node_0_stopped(const struct model *m)
{
	return model_phase(m, 0) == CONTROL_STOPPED;
}

static void one_at_a_time_gets_there_too(void **state)
{
	struct model *m = model_create(5, 2);

	(void)state;
	m->acquires_max = 1;
	model_initialise(m);
	model_start(m, 0);
	model_start(m, 1);
	for (uint32_t ms = 0; ms < 20000 && !model_all_serving(m); ms++) {
		(void)model_run(m, NULL, 1);
		for (uint32_t i = 0; i < 2; i++)
			assert_in_range(m->nodes[i].control->shard_ops, 0, 1);
	}
	assert_true(model_all_serving(m));
	model_stop(m, 0);
	assert_true(model_run(m, node_0_stopped, 20000));
	assert_int_equal(m->nodes[0].fences, 0);
	assert_true(model_run(m, model_all_serving, 5000));
	assert_int_equal(model_serving(m, 1), MODEL_SHARDS);
	model_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unreadable_owner_keeps_its_shard),
		cmocka_unit_test(a_cluster_that_changes_ends_the_node),
		cmocka_unit_test(a_node_does_not_begin_under_an_unreadable_cluster),
		cmocka_unit_test(an_unreadable_planner_is_nobody),
		cmocka_unit_test(nodes_beyond_the_limit_are_left_out),
		cmocka_unit_test(my_own_key_is_put_right),
		cmocka_unit_test(a_halted_shard_stays_halted),
		cmocka_unit_test(a_release_that_nobody_wants_any_more_is_made_good),
		cmocka_unit_test(fences_are_forgotten_after_a_calm_time),
		cmocka_unit_test(one_at_a_time_gets_there_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
