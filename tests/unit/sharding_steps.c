/* How far the planner goes at a time, what it remembers of nodes that were lost, and what it tells
 * people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sharding/plan.h"

struct table {
	struct plan_input in;
	struct plan now, goal, next;
	struct plan_motion motion;
	struct plan_verdict verdicts[PLAN_NODES_MAX];
	struct plan_figure figures[PLAN_NODES_MAX];
	struct plan_move moves[WIRE_SHARDS_MAX];
};

static struct id id_of(const char *text)
{
	struct id id = {0};

	if (text[0] != '\0')
		assert_int_equal(id_from(&id, slice_str(text)), 0);
	return id;
}

static void add_node(struct table *t, const char *name, const char *zone)
{
	t->in.nodes[t->in.node_count++] = (struct plan_node){
		.id = id_of(name), .zone = id_of(zone), .weight = 100, .healthy = true};
}

/* `nodes` nodes a, b, c... in zones of their own, levelled. */
static int set_up(void **state, uint32_t nodes, uint32_t shards)
{
	struct table *t = calloc(1, sizeof *t);

	assert_non_null(t);
	t->in.shard_count = shards;
	for (uint32_t i = 0; i < nodes; i++) {
		const char name[2] = {(char)('a' + i), '\0'};

		add_node(t, name, name);
	}
	plan_goal(&t->in, &t->now, &t->goal);
	t->now = t->goal;
	for (uint32_t s = 0; s < shards; s++)
		t->motion.owner[s] = t->now.target[s];
	*state = t;
	return 0;
}

static int set_up_two(void **state)
{
	return set_up(state, 2, 64);
}

static int set_up_three(void **state)
{
	return set_up(state, 3, 12);
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static uint32_t has(const struct plan *plan, const char *node)
{
	uint32_t count = 0;

	for (uint32_t s = 0; s < plan->shard_count; s++)
		count += strcmp(plan->target[s].text, node) == 0;
	return count;
}

static uint32_t under_way(const struct table *t)
{
	uint32_t count = 0;

	for (uint32_t s = 0; s < t->now.shard_count; s++)
		count += t->motion.moving[s];
	return count;
}

/* One step; what it begins is under way until `arrive`. */
static uint32_t step(struct table *t)
{
	uint32_t begun;

	plan_goal(&t->in, &t->now, &t->goal);
	begun = plan_step(&t->in, &t->now, &t->goal, &t->motion, &t->next);
	for (uint32_t s = 0; s < t->now.shard_count; s++) {
		if (!id_equal(&t->now.target[s], &t->next.target[s]))
			t->motion.moving[s] = true;
		/* At every moment there is a standby that is not the target. */
		assert_false(id_equal(&t->next.standby[s], &t->next.target[s]));
	}
	t->now = t->next;
	return begun;
}

static void arrive(struct table *t)
{
	for (uint32_t s = 0; s < t->now.shard_count; s++) {
		t->motion.moving[s] = false;
		t->motion.owner[s] = t->now.target[s];
	}
}

static void set_urgency(struct table *t, enum plan_urgency urgency)
{
	memset(t->motion.urgency, (int)urgency, sizeof t->motion.urgency);
}

static void a_join_is_paced(void **state)
{
	struct table *t = *state;
	uint32_t moves = 0;
	uint32_t steps = 0;

	add_node(t, "c", "c");
	set_urgency(t, PLAN_BALANCE);
	t->motion.limits[PLAN_BALANCE].moves_max = 4;
	for (uint32_t begun; (begun = step(t)) > 0; steps++) {
		assert_in_range(under_way(t), 1, 4);
		assert_int_equal(step(t), 0); /* nothing more while those are under way */
		moves += begun;
		arrive(t);
	}
	assert_int_equal(moves, 21); /* as few as if it were done at once */
	assert_int_equal(steps, 6);
	assert_in_range(has(&t->now, "a"), 21, 22);
	assert_in_range(has(&t->now, "b"), 21, 22);
	assert_int_equal(has(&t->now, "c"), 21);
}

static void one_node_is_not_overrun(void **state)
{
	struct table *t = *state;
	uint32_t from_a = 0;

	add_node(t, "c", "c");
	set_urgency(t, PLAN_ORDERED);
	t->motion.limits[PLAN_ORDERED] = (struct plan_limits){8, 2};
	assert_int_equal(step(t), 2); /* all go to c, which takes two at a time */
	arrive(t);
	t->in.hold = true;
	for (uint32_t s = 0; s < 64; s++) {
		if (strcmp(t->now.target[s].text, "a") == 0)
			t->in.pin[s] = id_of("b");
	}
	assert_int_equal(step(t), 2); /* all leave a */
	for (uint32_t s = 0; s < 64; s++)
		from_a += t->motion.moving[s] && strcmp(t->motion.owner[s].text, "a") == 0;
	assert_int_equal(from_a, 2);
}

static void a_dead_node_waits_for_no_limit(void **state)
{
	struct table *t = *state;
	const struct plan before = t->now;

	set_urgency(t, PLAN_AT_ONCE);
	t->motion.limits[PLAN_AT_ONCE].moves_max = 0;
	t->in.nodes[0].away = true;
	t->in.hold = true;
	assert_int_equal(step(t), has(&before, "a"));
	for (uint32_t s = 0; s < 12; s++) {
		if (strcmp(before.target[s].text, "a") != 0) {
			assert_true(id_equal(&t->now.target[s], &before.target[s]));
			continue;
		}
		assert_true(id_equal(&t->now.target[s], &before.standby[s]));
		assert_string_equal(t->now.home[s].text, "a"); /* lent */
	}
	/* What one node leaves behind is spread evenly. */
	assert_int_equal(has(&t->now, "b"), 6);
	assert_int_equal(has(&t->now, "c"), 6);
	/* Under way, and its taker dies as well: redirected. */
	t->in.nodes[1].away = true;
	assert_int_equal(step(t), 6);
	assert_int_equal(has(&t->now, "c"), 12);
	/* Both are back: each gets what it had. */
	t->in.nodes[0].away = t->in.nodes[1].away = false;
	arrive(t);
	(void)step(t);
	assert_int_equal(plan_moves(&before, &t->now), 0);
	for (uint32_t s = 0; s < 12; s++)
		assert_int_equal(t->now.home[s].size, 0);
}

/* The one that has it still serves: better than who stands by. */
static void a_taker_that_dies_leaves_it_where_it_is(void **state)
{
	struct table *t = *state;
	const struct plan before = t->now;

	for (uint32_t s = 0; s < 12; s++) {
		t->in.owner[s] = t->now.target[s];
		if (strcmp(t->now.target[s].text, "a") == 0)
			t->now.target[s] = id_of("d"); /* on its way */
	}
	t->in.hold = true;
	add_node(t, "d", "d");
	t->in.nodes[3].away = true;
	plan_goal(&t->in, &t->now, &t->goal);
	assert_int_equal(plan_moves(&before, &t->goal), 0);
	t->in.nodes[0].away = true; /* it as well: who stands by */
	plan_goal(&t->in, &t->now, &t->goal);
	assert_int_equal(has(&t->goal, "b") + has(&t->goal, "c"), 12);
}

static void what_is_under_way_is_left_alone(void **state)
{
	struct table *t = *state;

	set_urgency(t, PLAN_BALANCE);
	for (uint32_t s = 0; s < 12; s++)
		t->motion.moving[s] = true;
	t->in.nodes[0].cordoned = true;
	for (uint32_t s = 0; s < 12; s++)
		t->in.pin[s] = id_of("b");
	assert_int_equal(step(t), 0);
	set_urgency(t, PLAN_ORDERED); /* but an operation may take it back */
	assert_int_equal(step(t), 8);
}

static void who_takes_by_itself_is_the_target(void **state)
{
	struct table *t = *state;
	const struct id taker = t->now.standby[3];
	const uint64_t version = t->now.version;

	t->now.members = 7;
	t->now.home[3] = id_of("c");
	plan_take(&t->now, 3, &taker);
	assert_true(t->now.version == version + 1);
	assert_true(id_equal(&t->now.target[3], &taker));
	assert_int_equal(t->now.standby[3].size, 0);
	assert_int_equal(t->now.home[3].size, 0);
	assert_true(t->now.members == 0);
}

/* ---- absences ---- */

static struct plan_grace at(uint64_t now_ms)
{
	return (struct plan_grace){.now_unix_ms = now_ms, .grace_ms = 60000, .settle_ms = 500};
}

/* The pass of a planner that does all at once. */
static bool pass(struct table *t, uint64_t now_ms, uint64_t *due)
{
	const struct plan_grace grace = at(now_ms);
	bool waits;

	waits = plan_absences(&t->in, &grace, &t->now, due);
	t->in.hold = waits;
	plan_goal(&t->in, &t->now, &t->goal);
	t->now = t->goal;
	return waits;
}

static void three_again(struct table *t)
{
	t->in.node_count = 0;
	add_node(t, "a", "a");
	add_node(t, "b", "b");
	add_node(t, "c", "c");
}

static void two_are_left(struct table *t)
{
	t->in.node_count = 0;
	add_node(t, "b", "b");
	add_node(t, "c", "c");
}

static void who_comes_back_in_time_gets_its_own(void **state)
{
	struct table *t = *state;
	const struct plan before = t->now;
	uint64_t due;

	two_are_left(t);
	assert_true(pass(t, 1000, &due));
	assert_true(due == 61000);
	assert_int_equal(t->now.away_count, 1);
	assert_int_equal(has(&t->now, "a"), 0);
	assert_int_equal(plan_moves(&before, &t->now), has(&before, "a"));
	three_again(t);
	assert_true(pass(t, 20000, &due)); /* back, but not for long enough */
	assert_true(due == 20500);
	assert_int_equal(has(&t->now, "a"), 0);
	three_again(t);
	assert_true(pass(t, 20500, &due));
	assert_int_equal(plan_moves(&before, &t->now), 0);
	three_again(t);
	assert_false(pass(t, 20501, &due)); /* all has gone back: nobody waits */
	assert_int_equal(t->now.away_count, 1);
	assert_true(due == 80000);
	three_again(t);
	assert_false(pass(t, 80000, &due)); /* calm for long enough to be forgotten */
	assert_int_equal(t->now.away_count, 0);
	assert_true(due == UINT64_MAX);
}

static void who_does_not_come_back_has_given_it(void **state)
{
	struct table *t = *state;
	struct plan after;
	uint64_t due;

	two_are_left(t);
	t->now.members = 9;
	assert_true(pass(t, 1000, &due));
	two_are_left(t);
	assert_true(pass(t, 60999, &due));
	assert_true(t->now.members == 9);
	two_are_left(t);
	assert_false(pass(t, 61000, &due));
	assert_int_equal(t->now.away_count, 0);
	assert_true(t->now.members == 0); /* to be levelled, even if it comes back now */
	after = t->now;
	for (uint32_t s = 0; s < 12; s++)
		assert_int_equal(t->now.home[s].size, 0);
	three_again(t);
	t->in.hold = true;
	plan_goal(&t->in, &t->now, &t->goal);
	assert_int_equal(plan_moves(&after, &t->goal), 0);
}

/* Each return counts later than the one before, in the end not at all. */
static void who_comes_and_goes_is_trusted_less(void **state)
{
	static const uint64_t settle_ms[] = {500, 2000, 8000, 32000, 60000, 60000};
	struct table *t = *state;
	uint64_t now_ms = 1000;
	uint64_t due;

	for (unsigned i = 0; i < 6; i++) {
		two_are_left(t);
		assert_true(pass(t, now_ms, &due));
		three_again(t);
		assert_true(pass(t, now_ms += 100, &due));
		assert_true(due == now_ms + settle_ms[i]);
		assert_true(t->in.nodes[0].cordoned);
		assert_int_equal(t->now.away[0].times, i + 1);
		now_ms += 400;
	}
	for (t->now.away[0].times = 11; t->now.away[0].times < 1000; t->now.away[0].times += 7) {
		three_again(t);
		assert_true(pass(t, now_ms, &due)); /* no overflow */
	}
}

static void the_last_one_left_is_taken_unsettled(void **state)
{
	struct table *t = *state;
	uint64_t due;

	two_are_left(t);
	(void)pass(t, 1000, &due);
	t->in.node_count = 0;
	add_node(t, "a", "a");
	(void)pass(t, 1100, &due);
	assert_int_equal(has(&t->now, "a"), 12);
	assert_int_equal(t->now.away_count, 3);
}

static void clocks_that_differ_only_stretch_the_grace(void **state)
{
	struct table *t = *state;
	uint64_t due;

	two_are_left(t);
	(void)pass(t, 500000, &due);
	two_are_left(t);
	assert_true(pass(t, 1000, &due)); /* another planner, minutes behind */
	assert_true(due == 61000);
	three_again(t);
	(void)pass(t, 500000, &due);
	assert_true(t->now.away[0].back_unix_ms == 0 || t->now.away[0].back_unix_ms == 500000);
}

/* Ill, stopping and drained nodes are lost like dead ones; one with weight 0 is not waited for. */
static void the_lost_are_of_several_kinds(void **state)
{
	struct table *t = *state;
	const struct plan before = t->now;
	uint64_t due;

	for (int kind = 0; kind < 4; kind++) {
		t->now = before;
		three_again(t);
		t->in.nodes[0].healthy = kind != 0;
		t->in.nodes[0].stopping = kind == 1;
		t->in.nodes[0].draining = kind == 2;
		t->in.nodes[0].weight = kind == 3 ? 0 : 100;
		assert_int_equal(pass(t, 1000, &due), kind != 3);
		assert_int_equal(t->now.away_count, kind != 3);
		assert_int_equal(has(&t->now, "a"), 0);
		for (uint32_t s = 0; s < 12; s++) {
			if (strcmp(before.target[s].text, "a") == 0)
				assert_int_equal(t->now.home[s].size, kind != 3);
		}
	}
}

/* A node that keeps a frozen shard in spite of its drain does not keep the others waiting. */
static void a_frozen_one_stays_with_who_leaves(void **state)
{
	struct table *t = *state;
	uint64_t due;
	uint32_t frozen = 0;

	while (strcmp(t->now.target[frozen].text, "a") != 0)
		frozen++;
	t->in.frozen[frozen] = true;
	for (uint64_t now_ms = 1000; now_ms < 200000; now_ms += 30000) {
		three_again(t);
		t->in.nodes[0].draining = true;
		assert_int_equal(pass(t, now_ms, &due), now_ms < 61000);
		assert_int_equal(has(&t->now, "a"), 1);
		assert_int_equal(t->now.away_count, 1);
	}
	three_again(t);
	t->in.nodes[0].stopping = true; /* its process ends: that no freeze can hold */
	(void)pass(t, 200000, &due);
	assert_int_equal(has(&t->now, "a"), 0);
}

/* ---- for people ---- */

static enum plan_rule rule_of(struct table *t, uint32_t shard, const char *node)
{
	plan_explain(&t->in, &t->now, shard, t->verdicts);
	for (uint32_t i = 0; i < t->in.node_count; i++) {
		if (strcmp(t->in.nodes[i].id.text, node) == 0)
			return t->verdicts[i].rule;
	}
	fail();
	return PLAN_RULES;
}

static void each_rule_is_named(void **state)
{
	struct table *t = *state;
	uint32_t s = 0;

	while (strcmp(t->now.target[s].text, "a") != 0 || strcmp(t->now.standby[s].text, "b") != 0)
		s++;
	assert_int_equal(rule_of(t, s, "a"), PLAN_RULE_CURRENT);
	assert_int_equal(rule_of(t, s, "b"), PLAN_RULE_STANDBY);
	assert_int_equal(rule_of(t, s, "c"), PLAN_RULE_FULL);
	assert_true(t->verdicts[2].other_zone);
	assert_false(t->verdicts[0].other_zone);
	assert_int_equal(t->verdicts[2].shards, 4);
	assert_int_equal(t->verdicts[2].share_milli, 4000);
	assert_int_equal(t->verdicts[0].rank + t->verdicts[1].rank + t->verdicts[2].rank, 3);
	t->in.nodes[2].cordoned = true;
	assert_int_equal(rule_of(t, s, "c"), PLAN_RULE_CORDONED);
	t->in.nodes[2].healthy = false;
	assert_int_equal(rule_of(t, s, "c"), PLAN_RULE_UNHEALTHY);
	t->in.nodes[2].weight = 0;
	assert_int_equal(rule_of(t, s, "c"), PLAN_RULE_NO_WEIGHT);
	t->in.nodes[2].excluded = true;
	assert_int_equal(rule_of(t, s, "c"), PLAN_RULE_EXCLUDED);
	t->in.nodes[2].draining = true;
	assert_int_equal(rule_of(t, s, "c"), PLAN_RULE_DRAINING);
	t->in.nodes[2].stopping = true;
	assert_int_equal(rule_of(t, s, "c"), PLAN_RULE_STOPPING);
	t->in.nodes[2].away = true;
	assert_int_equal(rule_of(t, s, "c"), PLAN_RULE_AWAY);
	three_again(t);
	t->in.frozen[s] = true;
	assert_int_equal(rule_of(t, s, "b"), PLAN_RULE_FROZEN);
	t->in.frozen[s] = false;
	t->in.pin[s] = id_of("c");
	assert_int_equal(rule_of(t, s, "a"), PLAN_RULE_LEAVES);
	assert_int_equal(rule_of(t, s, "b"), PLAN_RULE_PINNED);
	assert_int_equal(rule_of(t, s, "c"), PLAN_RULE_GOAL);
	t->in.nodes[0].draining = true;
	assert_int_equal(rule_of(t, s, "a"), PLAN_RULE_DRAINING);
	t->in.pin[s] = (struct id){0};
	three_again(t);
	t->in.hold = true;
	t->in.nodes[0].weight = 50;
	t->now.standby[s] = id_of("");
	assert_int_equal(rule_of(t, s, "b"), PLAN_RULE_MAY);
	for (unsigned i = 0; i < PLAN_RULES; i++) {
		assert_true(strlen(plan_rule_name((enum plan_rule)i)) > 0);
		assert_true(strlen(plan_rule_text((enum plan_rule)i)) > 0);
		assert_int_equal(plan_rule_allows((enum plan_rule)i), i <= PLAN_RULE_MAY);
	}
}

static enum plan_why why_of(struct table *t, const char *from)
{
	uint32_t count;

	plan_goal(&t->in, &t->now, &t->goal);
	count = plan_list(&t->in, &t->now, &t->goal, t->moves);
	assert_int_equal(count, plan_moves(&t->now, &t->goal));
	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(t->moves[i].from.text, from) == 0)
			return t->moves[i].why;
	}
	fail();
	return PLAN_WHYS;
}

static void each_move_has_its_reason(void **state)
{
	struct table *t = *state;
	const struct plan before = t->now;

	t->in.nodes[0].draining = true;
	assert_int_equal(why_of(t, "a"), PLAN_WHY_DRAINING);
	assert_true(t->moves[0].other_zone);
	t->in.nodes[0].stopping = true;
	assert_int_equal(why_of(t, "a"), PLAN_WHY_STOPPING);
	t->in.nodes[0].away = true;
	assert_int_equal(why_of(t, "a"), PLAN_WHY_GONE);
	two_are_left(t);
	assert_int_equal(why_of(t, "a"), PLAN_WHY_GONE);
	three_again(t);
	t->in.nodes[0].weight = 0;
	assert_int_equal(why_of(t, "a"), PLAN_WHY_NO_WEIGHT);
	three_again(t);
	t->in.nodes[0].healthy = false;
	assert_int_equal(why_of(t, "a"), PLAN_WHY_UNHEALTHY);
	three_again(t);
	for (uint32_t s = 0; s < 12; s++)
		t->in.pin[s] = id_of("c");
	assert_int_equal(why_of(t, "a"), PLAN_WHY_PINNED);
	memset(t->in.pin, 0, sizeof t->in.pin);
	add_node(t, "d", "d");
	assert_int_equal(why_of(t, "a"), PLAN_WHY_EMPTY);
	three_again(t);
	for (uint32_t s = 0; s < 12; s++) {
		if (strcmp(t->now.target[s].text, "c") == 0 && has(&t->now, "c") > 1)
			t->now.target[s] = id_of("a");
	}
	assert_int_equal(why_of(t, "a"), PLAN_WHY_LEVEL);
	t->now = before;
	t->now.target[0] = id_of("");
	assert_int_equal(why_of(t, ""), PLAN_WHY_NOBODY);
	t->now = before;
	for (uint32_t s = 0; s < 12; s++) {
		if (strcmp(t->now.target[s].text, "c") != 0)
			continue;
		t->now.target[s] = id_of("b");
		t->now.home[s] = id_of("c");
	}
	assert_int_equal(why_of(t, "b"), PLAN_WHY_RETURNS);
	assert_int_equal(plan_moves(&before, &t->goal), 0);
	for (unsigned i = 0; i < PLAN_WHYS; i++) {
		assert_true(strlen(plan_why_name((enum plan_why)i)) > 0);
		assert_true(strlen(plan_why_text((enum plan_why)i)) > 0);
	}
}

static void costs_and_figures_add_up(void **state)
{
	struct table *t = *state;
	struct plan_limits limits = {4, 0};
	struct plan_cost cost;
	uint32_t count;

	assert_int_equal(plan_figures(&t->in, &t->now, t->figures), 0);
	add_node(t, "c", "c");
	for (uint32_t s = 0; s < 64; s++)
		t->in.load[s] = 10;
	assert_int_equal(plan_figures(&t->in, &t->now, t->figures), 5000); /* 32, 32, 0 */
	assert_int_equal(t->figures[0].shards, 32);
	assert_int_equal(t->figures[2].shards, 0);
	assert_int_equal(t->figures[0].load, 320);
	assert_int_equal(t->figures[2].share_milli, 21333);
	plan_goal(&t->in, &t->now, &t->goal);
	assert_int_equal(plan_figures(&t->in, &t->goal, t->figures), 156); /* 22, 21, 21 */
	assert_int_equal(t->figures[0].standbys + t->figures[1].standbys + t->figures[2].standbys,
			 64);
	count = plan_list(&t->in, &t->now, &t->goal, t->moves);
	plan_cost(t->moves, count, &limits, 200, 50, &cost);
	assert_int_equal(cost.moves, 21);
	assert_int_equal(cost.load, 210);
	assert_int_equal(cost.rounds, 6);
	assert_int_equal(cost.total_ms, 1500);
	limits.node_moves_max = 2; /* all go to c */
	plan_cost(t->moves, count, &limits, 200, 50, &cost);
	assert_int_equal(cost.rounds, 11);
	plan_cost(t->moves, 0, &limits, 200, 50, &cost);
	assert_int_equal(cost.total_ms, 0);
	limits = (struct plan_limits){0, 0};
	plan_cost(t->moves, count, &limits, 200, 50, &cost);
	assert_int_equal(cost.rounds, 1);
}

static void below_the_threshold_nothing_is_levelled(void **state)
{
	struct table *t = *state;

	add_node(t, "c", "c");
	t->in.threshold_permyriad = 5001;
	plan_goal(&t->in, &t->now, &t->goal);
	assert_int_equal(plan_moves(&t->now, &t->goal), 0);
	t->in.threshold_permyriad = 5000;
	plan_goal(&t->in, &t->now, &t->goal);
	assert_int_equal(plan_moves(&t->now, &t->goal), 21);
}

static void some_shards_alone_can_be_planned(void **state)
{
	struct table *t = *state;

	add_node(t, "c", "c");
	t->in.some = true;
	for (uint32_t s = 0; s < 10; s++)
		t->in.only[s] = true;
	plan_goal(&t->in, &t->now, &t->goal);
	assert_int_equal(plan_moves(&t->now, &t->goal), 10);
	for (uint32_t s = 0; s < 64; s++)
		assert_int_equal(id_equal(&t->now.target[s], &t->goal.target[s]), s >= 10);
	t->in.node_count = 2; /* not even of a dead node */
	t->in.nodes[0] = t->in.nodes[2];
	plan_goal(&t->in, &t->now, &t->goal);
	for (uint32_t s = 10; s < 64; s++)
		assert_true(id_equal(&t->now.target[s], &t->goal.target[s]));
}

static void an_excluded_node_is_emptied_and_lends_nothing(void **state)
{
	struct table *t = *state;

	t->in.nodes[0].excluded = true;
	plan_goal(&t->in, &t->now, &t->goal);
	assert_int_equal(has(&t->goal, "a"), 0);
	assert_int_equal(has(&t->goal, "b"), 6);
	for (uint32_t s = 0; s < 12; s++)
		assert_int_equal(t->goal.home[s].size, 0);
}

static void load_is_levelled_by_what_shards_carry(void **state)
{
	struct table *t = *state;
	uint64_t most = 0;
	uint32_t moves;

	t->in.strategy = PLAN_LOAD;
	for (uint32_t s = 0; s < 64; s++) /* all the load on a */
		t->in.load[s] = strcmp(t->now.target[s].text, "a") == 0 ? 100 + s : 0;
	assert_int_equal(plan_figures(&t->in, &t->now, t->figures), 10000);
	plan_goal(&t->in, &t->now, &t->goal);
	assert_in_range(plan_figures(&t->in, &t->goal, t->figures), 0, 300);
	moves = plan_moves(&t->now, &t->goal);
	assert_in_range(moves, 10, 20); /* about half of those that carry something */
	for (uint32_t i = 0; i < 2; i++)
		most = t->figures[i].load > most ? t->figures[i].load : most;
	plan_goal(&t->in, &t->goal, &t->next); /* and there it stays */
	assert_int_equal(plan_moves(&t->goal, &t->next), 0);
	t->in.threshold_permyriad = 3000;
	plan_goal(&t->in, &t->now, &t->goal);
	assert_in_range(plan_moves(&t->now, &t->goal), 1, moves - 1);
	t->in.load[5] = UINT64_MAX; /* what cannot be true does no harm */
	plan_goal(&t->in, &t->now, &t->goal);
	add_node(t, "c", "c");
	for (uint32_t s = 0; s < 64; s++)
		t->in.load[s] = 1;
	t->in.load[0] = 1000; /* one that is more than a share cannot be shared */
	t->in.threshold_permyriad = 0;
	plan_goal(&t->in, &t->now, &t->goal);
	assert_true(plan_figures(&t->in, &t->goal, t->figures) <
		    plan_figures(&t->in, &t->now, t->figures));
	memset(t->in.load, 0, sizeof t->in.load);
	plan_goal(&t->in, &t->now, &t->goal);
	assert_int_equal(plan_moves(&t->now, &t->goal), 0);
}

static void strategies_have_names(void **state)
{
	enum plan_strategy strategy = PLAN_LOAD;

	(void)state;
	for (unsigned i = 0; i < PLAN_STRATEGIES; i++) {
		const char *name = plan_strategy_name((enum plan_strategy)i);

		assert_true(plan_strategy_from(slice_str(name), &strategy));
		assert_int_equal(strategy, i);
	}
	assert_false(plan_strategy_from(slice_str("random"), &strategy));
}

#define TWO(test)   cmocka_unit_test_setup_teardown(test, set_up_two, tear_down)
#define THREE(test) cmocka_unit_test_setup_teardown(test, set_up_three, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TWO(a_join_is_paced),
		TWO(one_node_is_not_overrun),
		THREE(a_dead_node_waits_for_no_limit),
		THREE(a_taker_that_dies_leaves_it_where_it_is),
		THREE(what_is_under_way_is_left_alone),
		THREE(who_takes_by_itself_is_the_target),
		THREE(who_comes_back_in_time_gets_its_own),
		THREE(who_does_not_come_back_has_given_it),
		THREE(who_comes_and_goes_is_trusted_less),
		THREE(the_last_one_left_is_taken_unsettled),
		THREE(clocks_that_differ_only_stretch_the_grace),
		THREE(the_lost_are_of_several_kinds),
		THREE(a_frozen_one_stays_with_who_leaves),
		THREE(each_rule_is_named),
		THREE(each_move_has_its_reason),
		TWO(costs_and_figures_add_up),
		TWO(below_the_threshold_nothing_is_levelled),
		TWO(some_shards_alone_can_be_planned),
		THREE(an_excluded_node_is_emptied_and_lends_nothing),
		TWO(load_is_levelled_by_what_shards_carry),
		cmocka_unit_test(strategies_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
