/* Ownership does not churn (S21): nodes that come and go, planners that die half way, and what
 * operators ask for, on the model of sharding_model.h. Moves are counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sharding_model.h"

struct places {
	char owner[MODEL_SHARDS];
};

static struct places places_of(const struct model *m)
{
	struct places places;

	for (uint32_t s = 0; s < MODEL_SHARDS; s++) {
		assert_non_null(model_owner(m, s));
		places.owner[s] = model_owner(m, s)->value[1];
	}
	return places;
}

static uint32_t count_of(const struct places *places, uint32_t node)
{
	uint32_t count = 0;

	for (uint32_t s = 0; s < MODEL_SHARDS; s++)
		count += places->owner[s] == (char)('0' + node);
	return count;
}

static void assert_same(const struct places *a, const struct places *b)
{
	for (uint32_t s = 0; s < MODEL_SHARDS; s++)
		assert_int_equal(a->owner[s], b->owner[s]);
}

static bool node_1_stopped(const struct model *m)
{
	return model_phase(m, 1) == CONTROL_STOPPED;
}

/* A clean end of node 1's process. */
static void leave(struct model *m)
{
	model_stop(m, 1);
	assert_true(model_run(m, node_1_stopped, 15000));
	model_crash(m, 1);
}

/* ---- coming and going ---- */

static void a_restart_gets_the_same_back(void **state)
{
	struct model *m = model_cluster(3);
	const struct places before = places_of(m);
	const uint32_t its = count_of(&before, 1);

	(void)state;
	for (uint32_t times = 0; times < 2; times++) {
		const uint32_t assigns = model_assigns(m);

		if (times == 0)
			leave(m);
		else
			model_crash(m, 1);
		assert_true(model_run(m, model_all_serving, 8000));
		(void)model_run(m, NULL, 2000);
		/* Its shards moved, and nothing else; they are shared evenly. */
		assert_int_equal(model_assigns(m), assigns + its);
		assert_in_range(model_serving(m, 0), 7, 9);
		model_start(m, 1);
		(void)model_run(m, NULL, 8000);
		assert_true(model_all_serving(m));
		const struct places after = places_of(m);

		assert_same(&before, &after);
		assert_int_equal(model_assigns(m), assigns + 2 * its);
		(void)model_run(m, NULL, 70000); /* all is forgotten */
		assert_int_equal(model_assigns(m), assigns + 2 * its);
		assert_null(strstr(model_get(m, "/sagad/test/plan")->value, "n1 1700"));
	}
	model_destroy(m);
}

static void who_stays_away_is_levelled_over(void **state)
{
	struct model *m = model_cluster(3);
	uint32_t assigns;

	(void)state;
	model_crash(m, 1);
	(void)model_run(m, NULL, 59000);
	assigns = model_assigns(m);
	assert_in_range(assigns, MODEL_SHARDS + 5, MODEL_SHARDS + 6);
	(void)model_run(m, NULL, 10000);
	assert_int_equal(model_serving(m, 0), 8);
	assert_int_equal(model_serving(m, 2), 8);
	assert_in_range(model_assigns(m), assigns, assigns + 1);
	assigns = model_assigns(m);
	model_start(m, 1); /* a newcomer */
	(void)model_run(m, NULL, 5000);
	assert_in_range(model_serving(m, 1), 5, 6);
	assert_int_equal(model_assigns(m), assigns + model_serving(m, 1));
	model_destroy(m);
}

/* Without a memory of it, each coming and going would move its shards twice. */
static void a_node_that_flaps_moves_little(void **state)
{
	struct model *m = model_cluster(3);
	const struct places before = places_of(m);
	const uint32_t its = count_of(&before, 1);

	(void)state;
	for (int i = 0; i < 30; i++) {
		leave(m);
		(void)model_run(m, NULL, 300);
		model_start(m, 1);
		(void)model_run(m, NULL, 1500);
	}
	print_message("30 times away: %u moves of %u shards\n",
		      (unsigned)(model_assigns(m) - MODEL_SHARDS), (unsigned)its);
	assert_in_range(model_assigns(m) - MODEL_SHARDS, its, 4 * its);
	(void)model_run(m, NULL, 150000);
	for (uint32_t i = 0; i < 3; i++)
		assert_in_range(model_serving(m, i), 5, 6);
	assert_in_range(model_assigns(m) - MODEL_SHARDS, its, 6 * its);
	model_destroy(m);
}

static void an_illness_that_comes_and_goes_moves_little(void **state)
{
	struct model *m = model_cluster(3);
	const struct places before = places_of(m);
	const uint32_t its = count_of(&before, 1);

	(void)state;
	for (int i = 0; i < 20; i++) {
		control_set_healthy(m->nodes[1].control, m->now_ns, false);
		(void)model_run(m, NULL, 3000);
		control_set_healthy(m->nodes[1].control, m->now_ns, true);
		(void)model_run(m, NULL, 9000);
	}
	print_message("20 times ill: %u moves of %u shards\n",
		      (unsigned)(model_assigns(m) - MODEL_SHARDS), (unsigned)its);
	assert_in_range(model_assigns(m) - MODEL_SHARDS, its, 8 * its);
	(void)model_run(m, NULL, 150000);
	for (uint32_t i = 0; i < 3; i++)
		assert_in_range(model_serving(m, i), 5, 6);
	model_destroy(m);
}

/* ---- planners that die ---- */

static void goes_on_after(struct model *m, uint32_t dead, uint32_t moves_max)
{
	model_crash(m, dead);
	assert_true(model_run(m, model_all_serving, 15000));
	model_start(m, dead);
	(void)model_run(m, NULL, 140000);
	assert_true(model_all_serving(m));
	if (model_assigns(m) > MODEL_SHARDS + moves_max)
		fail_msg("%u moves, not %u", (unsigned)(model_assigns(m) - MODEL_SHARDS),
			 (unsigned)moves_max);
}

/* Killed at each moment of a levelling: the next one ends it, and moves nothing twice. */
static void a_dead_planner_leaves_a_join_to_the_next(void **state)
{
	uint32_t most = 0;

	(void)state;
	for (uint64_t ms = 0; ms < 1600; ms += 20) {
		struct model *m = model_create(ms, 3);
		uint32_t its;

		model_initialise(m);
		model_start(m, 0);
		model_start(m, 1);
		assert_true(model_run(m, model_all_serving, 5000));
		model_start(m, 2);
		(void)model_run(m, NULL, ms);
		its = model_serving(m, model_planner(m));
		/* The newcomer's five, and what the dead one had, there and back. */
		goes_on_after(m, model_planner(m), 5 + 2 * its + 8);
		for (uint32_t i = 0; i < 3; i++)
			assert_in_range(model_serving(m, i), 5, 6);
		most = model_assigns(m) > most ? model_assigns(m) : most;
		model_destroy(m);
	}
	print_message("a join and a death: at most %u moves\n", (unsigned)(most - MODEL_SHARDS));
}

static void a_dead_planner_leaves_a_drain_to_the_next(void **state)
{
	(void)state;
	for (uint64_t ms = 0; ms < 600; ms += 10) {
		struct model *m = model_create(ms, 3);
		uint32_t drained;

		model_initialise(m);
		for (uint32_t i = 0; i < 3; i++)
			model_start(m, i);
		assert_true(model_run(m, model_all_serving, 5000));
		drained = (model_planner(m) + 1 + (uint32_t)(ms / 10 % 2)) % 3;
		model_put(m,
			  drained == 0   ? "/sagad/test/drains/n0"
			  : drained == 1 ? "/sagad/test/drains/n1"
					 : "/sagad/test/drains/n2",
			  "sagad-drain 1 actor=a at=1 until=0 reason=kernel update", 0);
		(void)model_run(m, NULL, ms);
		goes_on_after(m, model_planner(m), 40);
		assert_int_equal(model_serving(m, drained), 0);
		for (uint32_t i = 0; i < 3; i++) {
			if (i != drained)
				assert_int_equal(model_serving(m, i), 8);
		}
		model_destroy(m);
	}
}

/* A new planner with nothing to do does nothing. */
static void a_new_planner_changes_nothing(void **state)
{
	struct model *m = model_cluster(3);
	const char *plan = model_get(m, "/sagad/test/plan")->value;
	char *before = strdup(plan);
	uint64_t revoked = 0;

	(void)state;
	for (int i = 0; i < 5; i++) {
		model_remove(m, "/sagad/test/planner");
		(void)model_run(m, NULL, 5000);
		assert_non_null(model_get(m, "/sagad/test/planner"));
		revoked++;
	}
	assert_int_equal(revoked, 5);
	assert_string_equal(model_get(m, "/sagad/test/plan")->value, before);
	assert_int_equal(model_assigns(m), MODEL_SHARDS);
	free(before);
	model_destroy(m);
}

/* ---- what operators ask for ---- */

static void a_drained_node_gets_its_own_back_within_grace(void **state)
{
	struct model *m = model_cluster(3);
	const struct places before = places_of(m);
	struct places after;

	(void)state;
	model_put(m, "/sagad/test/drains/n1", "sagad-drain 1 actor=a at=1 until=0 reason=", 0);
	(void)model_run(m, NULL, 5000);
	assert_int_equal(model_serving(m, 1), 0);
	assert_true(model_all_serving(m));
	model_remove(m, "/sagad/test/drains/n1");
	(void)model_run(m, NULL, 5000);
	after = places_of(m);
	assert_same(&before, &after);
	/* And again; this time it takes longer than the grace. */
	(void)model_run(m, NULL, 70000);
	model_put(m, "/sagad/test/drains/n1", "sagad-drain 1 actor=a at=1 until=0 reason=", 0);
	(void)model_run(m, NULL, 70000);
	assert_int_equal(model_serving(m, 1), 0);
	model_remove(m, "/sagad/test/drains/n1");
	(void)model_run(m, NULL, 10000);
	assert_in_range(model_serving(m, 1), 5, 6);
	model_destroy(m);
}

static void a_drain_that_runs_out_is_no_more(void **state)
{
	struct model *m = model_cluster(2);
	char text[96];

	(void)state;
	(void)snprintf(text, sizeof text, "sagad-drain 1 actor=a at=1 until=%llu reason=",
		       1700000000000ULL + (unsigned long long)(m->now_ns / MODEL_MS) + 10000);
	model_put(m, "/sagad/test/drains/n1", text, 0);
	(void)model_run(m, NULL, 6000);
	assert_int_equal(model_serving(m, 1), 0);
	(void)model_run(m, NULL, 12000);
	assert_int_equal(model_serving(m, 1), 8);
	model_destroy(m);
}

static void pins_and_freezes_are_kept(void **state)
{
	struct model *m = model_cluster(3);
	const struct places before = places_of(m);
	const uint32_t pinned = before.owner[4] == '0' ? 2 : 0;
	uint32_t frozen = 0;
	char key[64];
	char text[96];
	const struct control *c;

	(void)state;
	while (before.owner[frozen] != '1')
		frozen++;
	(void)snprintf(key, sizeof key, "/sagad/test/frozen/%u", (unsigned)frozen);
	model_put(m, key, "sagad-freeze 1 actor=a at=1 until=0 reason=looked into", 0);
	(void)snprintf(text, sizeof text,
		       "sagad-pin 1 node=n%u actor=bob at=1 until=0 reason=cache",
		       (unsigned)pinned);
	model_put(m, "/sagad/test/pins/4", text, 0);
	(void)model_run(m, NULL, 3000);
	assert_int_equal(places_of(m).owner[4], '0' + (char)pinned);
	c = m->nodes[0].control;
	assert_string_equal(control_pin(c, 4)->actor, "bob");
	assert_string_equal(control_freeze(c, frozen)->reason, "looked into");
	assert_null(control_pin(c, 5));
	model_put(m, "/sagad/test/drains/n1", "sagad-drain 1 actor=a at=1 until=0 reason=", 0);
	(void)model_run(m, NULL, 5000);
	assert_int_equal(model_serving(m, 1), 1); /* the frozen one */
	assert_int_equal(places_of(m).owner[frozen], '1');
	model_remove(m, key);
	(void)model_run(m, NULL, 3000);
	assert_int_equal(model_serving(m, 1), 0);
	/* Where it was pinned it stays. */
	model_remove(m, "/sagad/test/pins/4");
	(void)model_run(m, NULL, 5000);
	assert_int_equal(places_of(m).owner[4], '0' + (char)pinned);
	model_destroy(m);
}

/* A pin brings no shard to a cordoned node, and holds one that is there. */
static void a_cordon_is_stronger_than_a_pin(void **state)
{
	struct model *m = model_cluster(2);
	const struct places before = places_of(m);
	uint32_t shard = 0;
	char key[64];
	struct places after;

	(void)state;
	while (before.owner[shard] != '0')
		shard++;
	model_put(m, "/sagad/test/cordons/n1", "sagad-cordon 1 actor=a at=1 until=0 reason=", 0);
	(void)model_run(m, NULL, 1000);
	(void)snprintf(key, sizeof key, "/sagad/test/pins/%u", (unsigned)shard);
	model_put(m, key, "sagad-pin 1 node=n1 actor=a at=1 until=0 reason=", 0);
	(void)model_run(m, NULL, 5000);
	after = places_of(m);
	assert_same(&before, &after);
	model_remove(m, "/sagad/test/cordons/n1");
	(void)model_run(m, NULL, 5000);
	assert_int_equal(places_of(m).owner[shard], '1');
	model_destroy(m);
}

static void a_bad_mark_hurts_nobody(void **state)
{
	static const char *const keys[] = {"pins/3", "frozen/4", "cordons/n0", "drains/n1",
					   "pins/99"};
	struct model *m = model_cluster(2);
	const struct control *c = m->nodes[0].control;
	uint32_t noted;

	(void)state;
	for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		char key[64];

		(void)snprintf(key, sizeof key, "/sagad/test/%s", keys[i]);
		model_put(m, key, "who knows", 0);
	}
	model_put(m, "/sagad/test/pins/99", "sagad-pin 1 node=n1 actor=a at=1 until=0 reason=", 0);
	model_put(m, "/sagad/test/pins/2", "sagad-pin 1 node=n9 actor=a at=1 until=0 reason=", 0);
	(void)model_run(m, NULL, 5000);
	assert_int_equal(control_marks_unreadable(c), 5);
	assert_null(control_pin(c, 3));
	assert_non_null(control_pin(c, 2)); /* to a node that is not there: no use, no harm */
	assert_int_equal(model_assigns(m), MODEL_SHARDS);
	noted = model_noted(m, "mark.unreadable");
	assert_in_range(noted, 2, 10);
	(void)model_run(m, NULL, 20000);
	assert_int_equal(model_noted(m, "mark.unreadable"), noted); /* once each */
	model_remove(m, "/sagad/test/pins/3");
	(void)model_run(m, NULL, 5000);
	assert_int_equal(control_marks_unreadable(c), 4);
	model_destroy(m);
}

static bool all_stopped(const struct model *m)
{
	return model_phase(m, 0) == CONTROL_STOPPED && model_phase(m, 1) == CONTROL_STOPPED;
}

/* What somebody has made of the plan stays, until the membership changes. */
static void what_was_moved_by_hand_stays(void **state)
{
	struct model *m = model_create(3, 3);
	char *plan;

	(void)state;
	model_initialise(m);
	model_start(m, 0);
	model_start(m, 1);
	assert_true(model_run(m, model_all_serving, 5000));
	(void)model_run(m, NULL, 5000);
	assert_int_equal(model_serving(m, 1), 8);
	plan = strdup(model_get(m, "/sagad/test/plan")->value);
	for (uint32_t i = 0; i < 2; i++)
		model_stop(m, i);
	assert_true(model_run(m, all_stopped, 15000));
	for (char *at = plan; (at = strstr(at, "\nn0 n1 ")) != NULL;)
		memcpy(at, "\nn1 n0 ", 7);
	model_put(m, "/sagad/test/plan", plan, 0);
	free(plan);
	for (uint32_t i = 0; i < 2; i++) {
		model_crash(m, i);
		model_start(m, i);
	}
	(void)model_run(m, NULL, 100000);
	assert_int_equal(model_serving(m, 1), MODEL_SHARDS);
	model_start(m, 2);
	(void)model_run(m, NULL, 10000);
	for (uint32_t i = 0; i < 3; i++)
		assert_in_range(model_serving(m, i), 5, 6);
	model_destroy(m);
}

/* What a version before this one has stored is read, and moves nothing but what is uneven. */
static void a_plan_of_the_first_form_is_taken_over(void **state)
{
	struct model *m = model_create(3, 2);
	struct buf text;

	(void)state;
	buf_init(&text, 1024);
	(void)buf_printf(&text, "sagad-plan 1 41 16\n");
	for (uint32_t s = 0; s < MODEL_SHARDS; s++)
		(void)buf_printf(&text, s % 2 ? "n1 n0\n" : "n0 n1\n");
	assert_int_equal(buf_put(&text, "", 1), 0); /* its NUL */
	model_initialise(m);
	model_put(m, "/sagad/test/plan", (const char *)text.data, 0);
	buf_close(&text);
	model_start(m, 0);
	model_start(m, 1);
	assert_true(model_run(m, model_all_serving, 5000));
	(void)model_run(m, NULL, 5000);
	assert_int_equal(model_assigns(m), MODEL_SHARDS);
	for (uint32_t s = 0; s < MODEL_SHARDS; s++)
		assert_int_equal(places_of(m).owner[s], s % 2 ? '1' : '0');
	assert_non_null(strstr(model_get(m, "/sagad/test/plan")->value, "sagad-plan 2 42 16 0 "));
	model_destroy(m);
}

static void who_shows_placements_sees_what_was_read(void **state)
{
	struct model *m = model_cluster(3);
	struct plan_input *input = calloc(1, sizeof *input);

	(void)state;
	model_put(m, "/sagad/test/drains/n1", "sagad-drain 1 actor=a at=1 until=0 reason=", 0);
	model_put(m, "/sagad/test/frozen/2", "sagad-freeze 1 actor=a at=1 until=0 reason=", 0);
	model_put(m, "/sagad/test/pins/3", "sagad-pin 1 node=n2 actor=a at=1 until=0 reason=", 0);
	model_crash(m, 0);
	(void)model_run(m, NULL, 8000);
	control_plan_input(m->nodes[2].control, input);
	assert_int_equal(input->node_count, 3);
	assert_int_equal(input->shard_count, MODEL_SHARDS);
	for (uint32_t i = 0; i < 3; i++) {
		const char name = input->nodes[i].id.text[1];

		assert_int_equal(input->nodes[i].away, name == '0');
		assert_int_equal(input->nodes[i].draining, name == '1');
	}
	assert_true(input->frozen[2] && !input->frozen[3]);
	assert_string_equal(input->pin[3].text, "n2");
	assert_true(control_plan(m->nodes[2].control)->version > 0);
	assert_null(control_cordon(m->nodes[2].control, &input->nodes[0].id));
	free(input);
	model_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restart_gets_the_same_back),
		cmocka_unit_test(who_stays_away_is_levelled_over),
		cmocka_unit_test(a_node_that_flaps_moves_little),
		cmocka_unit_test(an_illness_that_comes_and_goes_moves_little),
		cmocka_unit_test(a_dead_planner_leaves_a_join_to_the_next),
		cmocka_unit_test(a_dead_planner_leaves_a_drain_to_the_next),
		cmocka_unit_test(a_new_planner_changes_nothing),
		cmocka_unit_test(a_drained_node_gets_its_own_back_within_grace),
		cmocka_unit_test(a_drain_that_runs_out_is_no_more),
		cmocka_unit_test(pins_and_freezes_are_kept),
		cmocka_unit_test(a_cordon_is_stronger_than_a_pin),
		cmocka_unit_test(a_bad_mark_hurts_nobody),
		cmocka_unit_test(what_was_moved_by_hand_stays),
		cmocka_unit_test(a_plan_of_the_first_form_is_taken_over),
		cmocka_unit_test(who_shows_placements_sees_what_was_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
