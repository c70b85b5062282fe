/* The control core's schedules, one by one (S7, S21, S22, S28), on the model of sharding_model.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sharding_model.h"

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
	struct model *m = model_cluster(3);
	const uint64_t writes = m->writes;

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		assert_in_range(model_serving(m, i), 5, 6);
	/* One plan, and nothing had to move. */
	assert_int_equal(model_assigns(m), MODEL_SHARDS);
	assert_non_null(strstr(model_get(m, "/sagad/test/plan")->value, "sagad-plan 2 1 16 0 "));
	/* Rest: renewals and reads only. */
	(void)model_run(m, NULL, 30000);
	assert_int_equal(m->writes, writes);
	assert_int_equal(model_assigns(m), MODEL_SHARDS);
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
	assert_int_equal(model_assigns(m), MODEL_SHARDS + 5);
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
	assert_int_equal(model_assigns(m), 0);
	assert_string_equal(model_node_key(m, 0)->value, "somebody else");
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
	struct model *m = model_cluster(1);

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
	const int64_t lease = model_node_key(m, dead)->lease;
	const uint32_t had = model_serving(m, dead);
	uint64_t gone_ns;

	model_crash(m, dead);
	while (m->leases[lease - 1].alive)
		(void)model_run(m, NULL, 1);
	gone_ns = m->now_ns;
	m->replay_ms = 0;
	assert_true(model_run(m, model_all_serving, 5000));
	assert_int_equal(model_assigns(m), MODEL_SHARDS + had); /* each taken once */
	/* Hint, range, (election,) plan, its hint, range, acquire, epoch: nine round trips of at
	 * most 2 x 2 ms, two hints of 2 ms, two gaps of 5 ms. */
	assert_true(m->now_ns - gone_ns <= 50 * MODEL_MS);
}

static void a_death_moves_its_shards_at_once(void **state)
{
	struct model *m = model_cluster(3);

	(void)state;
	take_over_after_death((model_planner(m) + 1) % 3, m);
	model_destroy(m);
}

static void a_dead_planner_is_replaced_at_once(void **state)
{
	struct model *m = model_cluster(3);

	(void)state;
	take_over_after_death(model_planner(m), m);
	model_destroy(m);
}

static void without_a_watch_the_refresh_finds_out(void **state)
{
	struct model *m = model_cluster(3);

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		m->nodes[i].deaf = true;
	model_crash(m, model_planner(m));
	assert_true(model_run(m, model_all_serving, 3000 + 4 * 2250 + 500));
	model_destroy(m);
}

/* ---- lease (S28) -------------------------------------------------------------------------- */

static void a_cut_off_node_stops_itself_and_joins_anew(void **state)
{
	struct model *m = model_cluster(2);
	const int64_t lease = model_node_key(m, 0)->lease;
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
	assert_int_not_equal(model_node_key(m, 0)->lease, lease);
	model_destroy(m);
}

static void a_stopped_process_finds_its_lease_gone(void **state)
{
	struct model *m = model_cluster(2);
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
	struct model *m = model_cluster(1);
	const int64_t lease = model_node_key(m, 0)->lease;
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
	assert_int_not_equal(model_node_key(m, 0)->lease, lease);
	assert_int_equal(model_assigns(m), 2 * MODEL_SHARDS);
	model_destroy(m);
}

static void a_revoked_lease_fences_all(void **state)
{
	struct model *m = model_cluster(2);
	const int64_t lease = model_node_key(m, 0)->lease;
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
	struct model *m = model_cluster(3);

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

/* A new leader of the store gives every lease its whole TTL again, and more where it is slow: what
 * stands under my id is mine all the same, and nobody waits for it or ends because of it. */
static void leases_that_outlive_an_outage_are_revoked(void **state)
{
	struct model *m = model_cluster(3);
	const uint32_t leases = m->lease_count;

	(void)state;
	m->down = true;
	(void)model_run(m, NULL, 5000);
	for (uint32_t i = 0; i < leases; i++)
		m->leases[i].expires_ns = m->now_ns + 60000 * MODEL_MS;
	m->down = false;
	assert_true(model_run(m, model_all_serving, 3000));
	for (uint32_t i = 0; i < leases; i++)
		assert_false(m->leases[i].alive);
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
	struct model *m = model_cluster(2);
	const int64_t lease = model_node_key(m, 0)->lease;
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
	struct model *m = model_cluster(1);

	(void)state;
	m->tampered = true;
	model_remove(m, "/sagad/test/shards/3/owner");
	(void)model_run(m, NULL, 50);
	assert_int_equal(m->nodes[0].fences, 1);
	assert_true(model_run(m, model_all_serving, 2000));
	assert_int_equal(model_assigns(m), MODEL_SHARDS + 1);
	model_destroy(m);
}

static void a_lost_node_key_is_a_lost_membership(void **state)
{
	struct model *m = model_cluster(1);

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
	struct model *m = model_cluster(3);
	const int64_t lease = model_node_key(m, 0)->lease;
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
	assert_null(model_node_key(m, 0));
	assert_true(model_run(m, model_all_serving, 1000));
	assert_int_equal(model_assigns(m), MODEL_SHARDS + had);
	(void)model_run(m, NULL, 5000);
	assert_int_equal(model_phase(m, 0), CONTROL_STOPPED);
	model_destroy(m);
}

static void the_last_node_stops_without_a_taker(void **state)
{
	struct model *m = model_cluster(1);

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
	struct model *m = model_cluster(3);

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
		assert_null(model_node_key(m, 0));
		model_crash(m, 0);
	}
	for (uint32_t i = 0; i < m->lease_count; i++)
		assert_false(m->leases[i].alive);
	model_destroy(m);
}

static void a_stop_without_a_store_ends(void **state)
{
	struct model *m = model_cluster(2);

	(void)state;
	m->nodes[0].cut = true;
	model_stop(m, 0);
	assert_true(model_run(m, node_0_stopped, 10000));
	assert_true(model_run(m, model_all_serving, 5000));
	model_destroy(m);
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
		cmocka_unit_test(leases_that_outlive_an_outage_are_revoked),
		cmocka_unit_test(an_acquire_with_a_lost_answer_is_adopted),
		cmocka_unit_test(a_key_that_nobody_asked_for_is_deleted),
		cmocka_unit_test(a_key_that_vanishes_fences),
		cmocka_unit_test(a_lost_node_key_is_a_lost_membership),
		cmocka_unit_test(a_stop_hands_over),
		cmocka_unit_test(the_last_node_stops_without_a_taker),
		cmocka_unit_test(all_stop_together),
		cmocka_unit_test(stops_in_any_phase),
		cmocka_unit_test(a_stop_without_a_store_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
