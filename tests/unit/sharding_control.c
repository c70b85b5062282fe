/* The control core's schedules, one by one (S7, S21, S22, S28), on the model of sharding_model.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sharding_model.h"

static uint32_t total_assigns(const struct model *m)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < m->node_count; i++)
		count += m->nodes[i].assigns;
	return count;
}

static struct model *cluster_of(uint32_t nodes)
{
	struct model *m = model_create(nodes, nodes);

	model_initialise(m);
	for (uint32_t i = 0; i < nodes; i++)
		model_start(m, i);
	assert_true(model_run(m, model_all_serving, 5000));
	return m;
}

static const struct model_kv *node_key(const struct model *m, uint32_t node)
{
	char key[64];

	(void)snprintf(key, sizeof key, "/sagad/test/nodes/n%u", node);
	return model_get(m, key);
}

static uint32_t planner_of(const struct model *m)
{
	const struct model_kv *kv = model_get(m, "/sagad/test/planner");

	assert_non_null(kv);
	return (uint32_t)(kv->value[1] - '0');
}

/* ---- joining ------------------------------------------------------------------------------ */

static bool node_0_uninitialised(const struct model *m)
{
	return model_phase(m, 0) == CONTROL_UNINITIALISED;
}

static void waits_for_initialisation(void **state)
{
	struct model *m = model_create(1, 1);

	(void)state;
	model_start(m, 0);
	assert_int_equal(model_phase(m, 0), CONTROL_CONNECTING);
	assert_true(model_run(m, node_0_uninitialised, 1000));
	(void)model_run(m, NULL, 5000);
	assert_int_equal(m->nodes[0].clusters, 0);
	model_initialise(m);
	assert_true(model_run(m, model_all_serving, 2000));
	assert_int_equal(m->nodes[0].clusters, 1);
	model_destroy(m);
}

static void three_nodes_share_at_once(void **state)
{
	struct model *m = cluster_of(3);
	const uint64_t writes = m->writes;

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		assert_in_range(model_serving(m, i), 5, 6);
	/* One plan, and nothing had to move. */
	assert_int_equal(total_assigns(m), MODEL_SHARDS);
	assert_non_null(strstr(model_get(m, "/sagad/test/plan")->value, "sagad-plan 1 1 16\n"));
	/* Rest: renewals and reads only. */
	(void)model_run(m, NULL, 30000);
	assert_int_equal(m->writes, writes);
	assert_int_equal(total_assigns(m), MODEL_SHARDS);
	model_destroy(m);
}

static bool node_2_has_5(const struct model *m)
{
	return model_serving(m, 2) == 5 && model_all_serving(m);
}

static void a_join_moves_few(void **state)
{
	struct model *m = model_create(7, 3);
	uint64_t started_ns;

	(void)state;
	model_initialise(m);
	model_start(m, 0);
	model_start(m, 1);
	assert_true(model_run(m, model_all_serving, 5000));
	started_ns = m->now_ns;
	model_start(m, 2);
	assert_true(model_run(m, node_2_has_5, 5000));
	assert_true(m->now_ns - started_ns >= 500 * MODEL_MS); /* join_delay_ms */
	assert_true(m->now_ns - started_ns < 900 * MODEL_MS);
	assert_int_equal(total_assigns(m), MODEL_SHARDS + 5);
	assert_int_equal(m->nodes[0].fences + m->nodes[1].fences, 0);
	model_destroy(m);
}

static void a_taken_id_waits_then_refuses(void **state)
{
	struct model *m = model_create(1, 1);
	const uint64_t start_ns = m->now_ns;

	(void)state;
	model_initialise(m);
	model_put(m, "/sagad/test/nodes/n0", "somebody else", 0);
	model_start(m, 0);
	(void)model_run(m, NULL, 2900);
	assert_int_equal(model_phase(m, 0), CONTROL_JOINING);
	(void)model_run(m, NULL, 200);
	assert_int_equal(model_phase(m, 0), CONTROL_FAILED);
	assert_int_equal(control_error(m->nodes[0].control), SAGA_E_NODE_ID_TAKEN);
	assert_true(m->now_ns - start_ns >= 3000 * MODEL_MS);
	assert_int_equal(total_assigns(m), 0);
	assert_string_equal(node_key(m, 0)->value, "somebody else");
	(void)model_run(m, NULL, 100);
	assert_false(m->leases[0].alive); /* what was granted is given back */
	model_destroy(m);
}

static bool node_0_ready(const struct model *m)
{
	return m->nodes[0].running && model_phase(m, 0) == CONTROL_READY;
}

static void a_restart_outwaits_its_own_old_lease(void **state)
{
	struct model *m = cluster_of(1);

	(void)state;
	model_crash(m, 0);
	model_start(m, 0);
	assert_true(model_run(m, node_0_ready, 3000));
	assert_true(model_run(m, model_all_serving, 1000));
	model_destroy(m);
}

static void a_raised_ttl_is_honoured(void **state)
{
	struct model *m = model_create(3, 1);
	uint32_t renewals;

	(void)state;
	m->ttl_ms_min = 8000;
	model_initialise(m);
	model_start(m, 0);
	assert_true(model_run(m, model_all_serving, 5000));
	renewals = m->nodes[0].applied[LEASE_RENEW];
	(void)model_run(m, NULL, 20000);
	assert_in_range(m->nodes[0].applied[LEASE_RENEW] - renewals, 9, 11);
	/* Cut off, it stops itself between half and three quarters of the 8 s. */
	m->nodes[0].cut = true;
	(void)model_run(m, NULL, 3900);
	assert_int_equal(model_serving(m, 0), MODEL_SHARDS);
	(void)model_run(m, NULL, 2150);
	assert_int_equal(model_serving(m, 0), 0);
	assert_int_equal(m->nodes[0].fences, MODEL_SHARDS);
	model_destroy(m);
}

/* ---- death -------------------------------------------------------------------------------- */

static void take_over_after_death(uint32_t dead, struct model *m)
{
	const int64_t lease = node_key(m, dead)->lease;
	const uint32_t had = model_serving(m, dead);
	uint64_t gone_ns;

	model_crash(m, dead);
	while (m->leases[lease - 1].alive)
		(void)model_run(m, NULL, 1);
	gone_ns = m->now_ns;
	m->replay_ms = 0;
	assert_true(model_run(m, model_all_serving, 5000));
	assert_int_equal(total_assigns(m), MODEL_SHARDS + had); /* each taken once */
	/* Hint, range, (election,) plan, its hint, range, acquire, epoch: nine round trips of at
	 * most 2 x 2 ms, two hints of 2 ms, two gaps of 5 ms. */
	assert_true(m->now_ns - gone_ns <= 50 * MODEL_MS);
}

static void a_death_moves_its_shards_at_once(void **state)
{
	struct model *m = cluster_of(3);

	(void)state;
	take_over_after_death((planner_of(m) + 1) % 3, m);
	model_destroy(m);
}

static void a_dead_planner_is_replaced_at_once(void **state)
{
	struct model *m = cluster_of(3);

	(void)state;
	take_over_after_death(planner_of(m), m);
	model_destroy(m);
}

static void without_a_watch_the_refresh_finds_out(void **state)
{
	struct model *m = cluster_of(3);

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		m->nodes[i].deaf = true;
	model_crash(m, planner_of(m));
	assert_true(model_run(m, model_all_serving, 3000 + 4 * 2250 + 500));
	model_destroy(m);
}

/* ---- lease (S28) -------------------------------------------------------------------------- */

static void a_cut_off_node_stops_itself_and_joins_anew(void **state)
{
	struct model *m = cluster_of(2);
	const int64_t lease = node_key(m, 0)->lease;
	const uint32_t had = model_serving(m, 0);

	(void)state;
	m->nodes[0].cut = true;
	(void)model_run(m, NULL, 1510);
	assert_int_equal(model_serving(m, 0), 0);
	assert_int_equal(m->nodes[0].fences, had);
	assert_int_equal(m->nodes[0].until_ns, 0);
	assert_true(m->leases[lease - 1].alive); /* before the store thinks so */
	(void)model_run(m, NULL, 2000);
	assert_int_equal(model_serving(m, 1), MODEL_SHARDS);
	m->nodes[0].cut = false;
	assert_true(model_run(m, model_all_serving, 3000));
	(void)model_run(m, NULL, 3000);
	assert_int_equal(model_serving(m, 0), 8);
	assert_int_not_equal(node_key(m, 0)->lease, lease);
	model_destroy(m);
}

static void a_stopped_process_finds_its_lease_gone(void **state)
{
	struct model *m = cluster_of(2);
	const uint32_t had = model_serving(m, 0);

	(void)state;
	m->nodes[0].paused = true;
	(void)model_run(m, NULL, 5000);
	assert_int_equal(model_serving(m, 1), MODEL_SHARDS);
	assert_int_equal(m->nodes[0].fences, 0); /* it does not run, but nothing may leave either */
	assert_true(m->nodes[0].until_ns < m->now_ns);
	m->nodes[0].paused = false;
	(void)model_run(m, NULL, 100);
	assert_int_equal(m->nodes[0].fences, had);
	assert_true(model_run(m, model_all_serving, 3000));
	model_destroy(m);
}

/* A renewal that the store carried out, but whose answer comes after the self-stop. */
static void a_late_renewal_revives_nothing(void **state)
{
	struct model *m = cluster_of(1);
	const int64_t lease = node_key(m, 0)->lease;
	uint32_t renewals = m->nodes[0].applied[LEASE_RENEW];

	(void)state;
	while (m->nodes[0].applied[LEASE_RENEW] == renewals)
		(void)model_run(m, NULL, 1);
	m->nodes[0].paused = true; /* the answer is on its way */
	(void)model_run(m, NULL, 1600);
	assert_true(m->leases[lease - 1].alive);
	m->nodes[0].paused = false;
	(void)model_run(m, NULL, 1);
	assert_int_equal(m->nodes[0].fences, MODEL_SHARDS);
	assert_true(model_run(m, model_all_serving, 3000));
	/* on_lease_until has seen that the old one did not come back; the keys are new. */
	assert_int_not_equal(node_key(m, 0)->lease, lease);
	assert_int_equal(total_assigns(m), 2 * MODEL_SHARDS);
	model_destroy(m);
}

static void a_revoked_lease_fences_all(void **state)
{
	struct model *m = cluster_of(2);
	const int64_t lease = node_key(m, 0)->lease;
	const uint32_t had = model_serving(m, 0);

	(void)state;
	m->nodes[0].deaf = true; /* it learns by its renewal */
	m->tampered = true;
	m->leases[lease - 1].expires_ns = 0;
	(void)model_run(m, NULL, 1100);
	assert_int_equal(m->nodes[0].fences, had);
	assert_true(model_run(m, model_all_serving, 3000));
	model_destroy(m);
}

static void a_silent_store_stops_everybody_then_all_come_back(void **state)
{
	struct model *m = cluster_of(3);

	(void)state;
	m->down = true;
	(void)model_run(m, NULL, 1600);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(model_serving(m, i), 0);
	(void)model_run(m, NULL, 5000);
	m->down = false;
	assert_true(model_run(m, model_all_serving, 6000));
	model_destroy(m);
}

/* ---- lost answers (S21) ------------------------------------------------------------------- */

static void an_acquire_with_a_lost_answer_is_adopted(void **state)
{
	struct model *m = model_create(11, 1);

	(void)state;
	model_initialise(m);
	model_start(m, 0);
	(void)model_run(m, NULL, 480);
	m->lose_answer_percent = 60;
	(void)model_run(m, NULL, 1500);
	m->lose_answer_percent = 0;
	assert_true(model_run(m, model_all_serving, 5000));
	model_destroy(m);
}

static void a_key_that_nobody_asked_for_is_deleted(void **state)
{
	struct model *m = cluster_of(2);
	const int64_t lease = node_key(m, 0)->lease;
	uint32_t moved = 0;

	(void)state;
	while (!m->nodes[1].workers[moved].has)
		moved++;
	/* As if an acquire of n0 from long ago had come to be: n1 has lost its key by hand. */
	model_crash(m, 1);
	while (model_owner(m, moved))
		(void)model_run(m, NULL, 1);
	{
		char key[64];

		(void)snprintf(key, sizeof key, "/sagad/test/shards/%u/owner", moved);
		model_put(m, key, "n0 0", lease);
	}
	assert_true(model_run(m, model_all_serving, 3000));
	assert_int_equal(model_serving(m, 0), MODEL_SHARDS); /* adopted: the plan wants it there */
	model_start(m, 1);
	assert_true(model_run(m, model_all_serving, 5000));
	(void)model_run(m, NULL, 2000);
	assert_int_equal(model_serving(m, 1), 8);
	model_destroy(m);
}

static void a_key_that_vanishes_fences(void **state)
{
	struct model *m = cluster_of(1);

	(void)state;
	m->tampered = true;
	model_remove(m, "/sagad/test/shards/3/owner");
	(void)model_run(m, NULL, 50);
	assert_int_equal(m->nodes[0].fences, 1);
	assert_true(model_run(m, model_all_serving, 2000));
	assert_int_equal(total_assigns(m), MODEL_SHARDS + 1);
	model_destroy(m);
}

static void a_lost_node_key_is_a_lost_membership(void **state)
{
	struct model *m = cluster_of(1);

	(void)state;
	m->tampered = true;
	model_remove(m, "/sagad/test/nodes/n0");
	(void)model_run(m, NULL, 50);
	assert_int_equal(m->nodes[0].fences, MODEL_SHARDS);
	assert_true(model_run(m, model_all_serving, 3000));
	model_destroy(m);
}

/* ---- stopping ----------------------------------------------------------------------------- */

static bool node_0_stopped(const struct model *m)
{
	return model_phase(m, 0) == CONTROL_STOPPED;
}

static void a_stop_hands_over(void **state)
{
	struct model *m = cluster_of(3);
	const int64_t lease = node_key(m, 0)->lease;
	const uint32_t had = model_serving(m, 0);
	const uint64_t start_ns = m->now_ns;

	(void)state;
	model_stop(m, 0);
	assert_int_equal(model_phase(m, 0), CONTROL_STOPPING);
	assert_true(model_run(m, node_0_stopped, 3000));
	assert_true(m->now_ns - start_ns < 200 * MODEL_MS);
	assert_int_equal(m->nodes[0].fences, 0);
	assert_int_equal(m->nodes[0].releases, had);
	assert_false(m->leases[lease - 1].alive);
	assert_null(node_key(m, 0));
	assert_true(model_run(m, model_all_serving, 1000));
	assert_int_equal(total_assigns(m), MODEL_SHARDS + had);
	(void)model_run(m, NULL, 5000);
	assert_int_equal(model_phase(m, 0), CONTROL_STOPPED);
	model_destroy(m);
}

static void the_last_node_stops_without_a_taker(void **state)
{
	struct model *m = cluster_of(1);

	(void)state;
	model_stop(m, 0);
	assert_true(model_run(m, node_0_stopped, 1000));
	assert_int_equal(m->nodes[0].releases, MODEL_SHARDS);
	assert_int_equal(m->nodes[0].fences, 0);
	for (uint32_t s = 0; s < MODEL_SHARDS; s++)
		assert_null(model_owner(m, s));
	model_destroy(m);
}

static bool all_three_stopped(const struct model *m)
{
	for (uint32_t i = 0; i < 3; i++) {
		if (model_phase(m, i) != CONTROL_STOPPED)
			return false;
	}
	return true;
}

static void all_stop_together(void **state)
{
	struct model *m = cluster_of(3);

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		model_stop(m, i);
	assert_true(model_run(m, all_three_stopped, 6000));
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(m->nodes[i].fences, 0);
	model_destroy(m);
}

static void stops_in_any_phase(void **state)
{
	struct model *m = model_create(1, 1);

	(void)state;
	model_start(m, 0);
	model_stop(m, 0); /* before the first answer */
	assert_int_equal(model_phase(m, 0), CONTROL_STOPPED);
	(void)model_run(m, NULL, 100);
	model_crash(m, 0);
	model_initialise(m);
	for (uint64_t ms = 1; ms < 30; ms++) { /* at any step of joining */
		model_start(m, 0);
		(void)model_run(m, NULL, ms);
		model_stop(m, 0);
		assert_true(model_run(m, node_0_stopped, 3000));
		assert_null(node_key(m, 0));
		model_crash(m, 0);
	}
	for (uint32_t i = 0; i < m->lease_count; i++)
		assert_false(m->leases[i].alive);
	model_destroy(m);
}

static void a_stop_without_a_store_ends(void **state)
{
	struct model *m = cluster_of(2);

	(void)state;
	m->nodes[0].cut = true;
	model_stop(m, 0);
	assert_true(model_run(m, node_0_stopped, 10000));
	assert_true(model_run(m, model_all_serving, 5000));
	model_destroy(m);
}

/* ---- moves -------------------------------------------------------------------------------- */

/* The plan names another, then the same again before the shard has quiesced. */
static void a_change_of_mind_keeps_the_shard(void **state)
{
	struct model *m = cluster_of(2);
	const uint32_t other = 1;
	const uint32_t had = model_serving(m, 0);

	(void)state;
	m->quiesce_ms = 60000;
	control_set_healthy(m->nodes[0].control, m->now_ns, false);
	(void)model_run(m, NULL, 700);
	assert_int_equal(m->nodes[0].releases, had);
	model_crash(m, other); /* nobody else is left */
	assert_true(model_run(m, model_all_serving, 6000));
	assert_int_equal(m->nodes[0].fences, 0);
	assert_int_equal(m->nodes[0].assigns, had + (MODEL_SHARDS - had));
	model_destroy(m);
}

static void ill_for_a_moment_moves_nothing(void **state)
{
	struct model *m = cluster_of(3);

	(void)state;
	control_set_healthy(m->nodes[1].control, m->now_ns, false);
	(void)model_run(m, NULL, 300);
	control_set_healthy(m->nodes[0].control, m->now_ns, false);
	control_set_healthy(m->nodes[2].control, m->now_ns, false);
	(void)model_run(m, NULL, 10000); /* all ill: a common fault */
	for (uint32_t i = 0; i < 3; i++)
		control_set_healthy(m->nodes[i].control, m->now_ns, true);
	(void)model_run(m, NULL, 10000);
	assert_true(model_all_serving(m));
	assert_int_equal(total_assigns(m), MODEL_SHARDS);
	model_destroy(m);
}

static void an_ill_node_gives_up_and_gets_back(void **state)
{
	struct model *m = cluster_of(3);

	(void)state;
	control_set_healthy(m->nodes[1].control, m->now_ns, false);
	(void)model_run(m, NULL, 1000);
	assert_int_equal(model_serving(m, 1), 0);
	assert_true(model_all_serving(m));
	control_set_healthy(m->nodes[1].control, m->now_ns, true);
	(void)model_run(m, NULL, 3500);
	assert_int_equal(model_serving(m, 1), 0); /* well only when it lasts */
	(void)model_run(m, NULL, 2500);
	assert_in_range(model_serving(m, 1), 5, 6);
	assert_true(model_all_serving(m));
	model_destroy(m);
}

static void a_cordoned_node_keeps_what_it_has(void **state)
{
	struct model *m = cluster_of(2);

	(void)state;
	model_put(m, "/sagad/test/cordons/n0", "", 0);
	(void)model_run(m, NULL, 3000);
	assert_int_equal(model_serving(m, 0), 8);
	model_crash(m, 1);
	(void)model_run(m, NULL, 10000);
	assert_int_equal(model_serving(m, 0), 8);
	model_destroy(m);
}

/* A live node that cannot take what the plan gives it: others do, and it stays so (S21). */
static void what_its_target_does_not_take_another_does(void **state)
{
	struct model *m = model_create(5, 3);
	uint64_t writes;

	(void)state;
	m->nodes[1].no_shards = true;
	model_initialise(m);
	for (uint32_t i = 0; i < 3; i++)
		model_start(m, i);
	(void)model_run(m, NULL, 3000);
	assert_false(model_all_serving(m));
	assert_true(model_run(m, model_all_serving, 4000));
	assert_int_equal(model_serving(m, 1), 0);
	(void)model_run(m, NULL, 1000);
	writes = m->writes;
	(void)model_run(m, NULL, 40000);
	assert_int_equal(m->writes, writes);
	assert_true(model_all_serving(m));
	model_destroy(m);
}

static void a_dead_plan_does_not_leave_a_shard_to_nobody(void **state)
{
	struct model *m = cluster_of(2);
	const int64_t planner_lease = 0;

	(void)state;
	/* The planner's key stands, but nobody plans. */
	model_crash(m, planner_of(m));
	model_put(m, "/sagad/test/planner", "ghost", planner_lease);
	(void)model_run(m, NULL, 2600);
	assert_false(model_all_serving(m));
	assert_true(model_run(m, model_all_serving, 5000));
	model_destroy(m);
}

/* ---- reports ------------------------------------------------------------------------------ */

static void a_fenced_shard_is_tried_again_with_pauses(void **state)
{
	struct model *m = cluster_of(1);
	uint32_t assigns;

	(void)state;
	model_report(m, 0, 3, OWNERSHIP_FENCED);
	(void)model_run(m, NULL, 400);
	assert_int_equal(total_assigns(m), MODEL_SHARDS);
	assert_null(model_owner(m, 3));
	(void)model_run(m, NULL, 200);
	assert_int_equal(total_assigns(m), MODEL_SHARDS + 1);
	assert_true(model_all_serving(m));
	assigns = total_assigns(m);
	for (int i = 0; i < 200; i++) { /* fenced whenever it serves, for 20 s */
		if (m->nodes[0].workers[3].serving)
			model_report(m, 0, 3, OWNERSHIP_FENCED);
		(void)model_run(m, NULL, 100);
	}
	assert_in_range(total_assigns(m) - assigns, 2, 6);
	assert_true(model_run(m, model_all_serving, 10000));
	model_destroy(m);
}

static void a_halted_shard_keeps_its_key(void **state)
{
	struct model *m = cluster_of(2);
	uint32_t shard = 0;
	int64_t create;

	(void)state;
	while (!m->nodes[0].workers[shard].has)
		shard++;
	create = model_owner(m, shard)->create;
	model_report(m, 0, shard, OWNERSHIP_HALTED);
	assert_int_equal(control_ownership(m->nodes[0].control, shard), OWNERSHIP_HALTED);
	control_set_healthy(m->nodes[0].control, m->now_ns, false); /* the plan moves all away */
	(void)model_run(m, NULL, 20000);
	assert_int_equal(model_serving(m, 1), MODEL_SHARDS - 1);
	assert_int_equal(model_owner(m, shard)->create, create);
	assert_int_equal(control_ownership(m->nodes[0].control, shard), OWNERSHIP_HALTED);
	model_stop(m, 0); /* and a halted one does not hold up the stop */
	assert_true(model_run(m, node_0_stopped, 1000));
	model_destroy(m);
}

static void a_report_of_an_earlier_assignment_is_ignored(void **state)
{
	struct model *m = cluster_of(1);
	struct control *c = m->nodes[0].control;
	const uint64_t revision = m->nodes[0].workers[3].revision;

	(void)state;
	control_report(c, m->now_ns, 3, OWNERSHIP_FENCED, revision - 1);
	assert_int_equal(control_ownership(c, 3), OWNERSHIP_SERVING);
	control_report(c, m->now_ns, 3, OWNERSHIP_FENCED, revision);
	assert_int_not_equal(control_ownership(c, 3), OWNERSHIP_SERVING);
	model_destroy(m);
}

static void another_cluster_under_the_same_name_is_fatal(void **state)
{
	struct model *m = cluster_of(1);
	struct model_kv *config = (struct model_kv *)(uintptr_t)model_get(m, "/sagad/test/config");

	(void)state;
	memcpy(strstr(config->value, "test-1"), "test-2", 6);
	config->mod = ++m->revision;
	(void)model_run(m, NULL, 3000);
	assert_int_equal(model_phase(m, 0), CONTROL_FAILED);
	assert_int_equal(control_error(m->nodes[0].control), SAGA_E_CLUSTER_MISMATCH);
	assert_int_equal(m->nodes[0].fences, MODEL_SHARDS);
	model_destroy(m);
}

static void the_view_shows_what_was_read(void **state)
{
	struct model *m = cluster_of(2);
	struct control_view view;
	uint32_t owned = 0;

	(void)state;
	(void)model_run(m, NULL, 3000);
	control_view(m->nodes[0].control, &view);
	assert_int_equal(view.node_count, 2);
	assert_int_equal(view.shard_count, MODEL_SHARDS);
	assert_int_equal(view.plan_version, 1);
	assert_int_equal(view.planner.size, 2);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(view.nodes[i].shards, 8);
		assert_int_equal(view.nodes[i].state, 1);
		assert_true(slice_equal(view.nodes[i].address, slice_str("127.0.0.1:7000")));
		assert_true(slice_equal(view.nodes[i].version, slice_str("0.1.0")));
		assert_true(view.nodes[i].since_unix_ms == 1700000000000);
	}
	for (uint32_t s = 0; s < MODEL_SHARDS; s++) {
		assert_int_equal(view.shards[s].shard, s);
		assert_true(slice_equal(view.shards[s].owner, view.shards[s].target));
		assert_true(view.shards[s].epoch == m->journal_epoch[s]);
		owned += slice_equal(view.shards[s].owner, slice_str("n1"));
	}
	assert_int_equal(owned, 8);
	model_destroy(m);
}

/* Values that are not ours, or not well-formed, under our prefix: reported, ignored, survived. */
static void garbage_in_the_store_is_survived(void **state)
{
	static const char *const keys[] = {
		"nodes/x",
		"nodes/",
		"nodes/a/b",
		"plan",
		"planner/x",
		"planx",
		"shards/3",
		"shards/99",
		"shards/03/owner",
		"shards/128/owner",
		"cordons/",
		"other",
		"",
		"nodes/-",
	};
	struct model *m = cluster_of(2);

	(void)state;
	for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		char key[64];

		(void)snprintf(key, sizeof key, "/sagad/test/%s", keys[i]);
		model_put(m, key, "\x01 garbage \xff", 0);
		(void)model_run(m, NULL, 700);
	}
	(void)model_run(m, NULL, 5000);
	assert_true(model_all_serving(m));
	assert_int_equal(total_assigns(m), MODEL_SHARDS);
	/* The planner has put a readable plan over the garbage. */
	assert_non_null(strstr(model_get(m, "/sagad/test/plan")->value, "sagad-plan 1 "));
	model_destroy(m);
}

static void config_text_is_strict(void **state)
{
	struct control_cluster cluster = {.format = 1, .replicas = 3};
	struct control_cluster back;
	struct buf text;

	(void)state;
	assert_int_equal(id_from(&cluster.cluster, slice_str("c-1")), 0);
	cluster.slots.shard_count = 128;
	for (uint32_t i = 0; i < WIRE_SLOTS; i++)
		cluster.slots.shard_of_slot[i] = (uint8_t)(i % 128);
	buf_init(&text, 16 * 1024);
	assert_int_equal(control_cluster_encode(&cluster, &text), 0);
	assert_int_equal(control_cluster_decode(buf_slice(&text), &back), 0);
	assert_string_equal(back.cluster.text, "c-1");
	assert_int_equal(back.format, 1);
	assert_int_equal(back.replicas, 3);
	assert_memory_equal(&back.slots, &cluster.slots, sizeof back.slots);
	for (uint32_t size = 0; size < text.size; size += size < 80 ? 1 : 97)
		assert_int_equal(control_cluster_decode(slice_of(text.data, size), &back),
				 SAGA_E_BAD_REPLY);
	text.data[text.size - 2] = 'F'; /* one spelling only */
	assert_int_equal(control_cluster_decode(buf_slice(&text), &back), SAGA_E_BAD_REPLY);
	buf_clear(&text);
	cluster.slots.shard_of_slot[9] = 128;
	assert_int_equal(control_cluster_encode(&cluster, &text), SAGA_E_RANGE);
	buf_close(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_for_initialisation),
		cmocka_unit_test(three_nodes_share_at_once),
		cmocka_unit_test(a_join_moves_few),
		cmocka_unit_test(a_taken_id_waits_then_refuses),
		cmocka_unit_test(a_restart_outwaits_its_own_old_lease),
		cmocka_unit_test(a_raised_ttl_is_honoured),
		cmocka_unit_test(a_death_moves_its_shards_at_once),
		cmocka_unit_test(a_dead_planner_is_replaced_at_once),
		cmocka_unit_test(without_a_watch_the_refresh_finds_out),
		cmocka_unit_test(a_cut_off_node_stops_itself_and_joins_anew),
		cmocka_unit_test(a_stopped_process_finds_its_lease_gone),
		cmocka_unit_test(a_late_renewal_revives_nothing),
		cmocka_unit_test(a_revoked_lease_fences_all),
		cmocka_unit_test(a_silent_store_stops_everybody_then_all_come_back),
		cmocka_unit_test(an_acquire_with_a_lost_answer_is_adopted),
		cmocka_unit_test(a_key_that_nobody_asked_for_is_deleted),
		cmocka_unit_test(a_key_that_vanishes_fences),
		cmocka_unit_test(a_lost_node_key_is_a_lost_membership),
		cmocka_unit_test(a_stop_hands_over),
		cmocka_unit_test(the_last_node_stops_without_a_taker),
		cmocka_unit_test(all_stop_together),
		cmocka_unit_test(stops_in_any_phase),
		cmocka_unit_test(a_stop_without_a_store_ends),
		cmocka_unit_test(a_change_of_mind_keeps_the_shard),
		cmocka_unit_test(ill_for_a_moment_moves_nothing),
		cmocka_unit_test(an_ill_node_gives_up_and_gets_back),
		cmocka_unit_test(a_cordoned_node_keeps_what_it_has),
		cmocka_unit_test(what_its_target_does_not_take_another_does),
		cmocka_unit_test(a_dead_plan_does_not_leave_a_shard_to_nobody),
		cmocka_unit_test(a_fenced_shard_is_tried_again_with_pauses),
		cmocka_unit_test(a_halted_shard_keeps_its_key),
		cmocka_unit_test(a_report_of_an_earlier_assignment_is_ignored),
		cmocka_unit_test(another_cluster_under_the_same_name_is_fatal),
		cmocka_unit_test(the_view_shows_what_was_read),
		cmocka_unit_test(garbage_in_the_store_is_survived),
		cmocka_unit_test(config_text_is_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
