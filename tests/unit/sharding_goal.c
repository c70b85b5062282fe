/* The plan that should be, over 1,000 random histories of a membership: loads near the shares, few
 * moves, standbys in another zone, pins and freezes kept, the same from the same. What must hold is
 * computed here anew, in another way than the planner does it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "sharding/plan.h"

enum { HISTORIES = 1000, ROUNDS = 6, NAMES = 12, NOBODY = 1000 };

struct history {
	uint64_t seed;
	struct prng prng;
	struct plan_input in;
	struct plan plan, goal, again;
	bool usable[PLAN_NODES_MAX], fills[PLAN_NODES_MAX];
	uint32_t fixed[PLAN_NODES_MAX]; /* shards that must be there */
	uint32_t kept[PLAN_NODES_MAX];  /* that may stay there, fixed ones among them */
	uint32_t forced;                /* moves that nobody can save */
	uint32_t homeless;              /* of them, those that go anywhere */
	uint64_t floor_of[PLAN_NODES_MAX], ceiling_of[PLAN_NODES_MAX], most[PLAN_NODES_MAX];
	/* What the runs have met. */
	uint64_t moves, least, pinned, frozen, far, cordoned, saturated, levelled;
};

static bool chance(struct history *h, unsigned percent)
{
	return prng_below(&h->prng, 100) < percent;
}

static struct id id_named(const char *kind, uint64_t number)
{
	struct id id;
	char text[16];

	(void)snprintf(text, sizeof text, "%s%u", kind, (unsigned)number);
	assert_int_equal(id_from(&id, slice_str(text)), 0);
	return id;
}

static void draw_nodes(struct history *h, unsigned zones, bool weights)
{
	h->in.node_count = 0;
	for (uint32_t i = 0; i < NAMES; i++) {
		struct plan_node *n = &h->in.nodes[h->in.node_count];

		if (chance(h, 40))
			continue;
		*n = (struct plan_node){.id = id_named("n", i), .weight = 100, .healthy = true};
		if (zones > 0)
			n->zone = id_named("z", i % zones);
		if (weights)
			n->weight = (uint32_t)prng_below(&h->prng, 5) * 100;
		n->cordoned = chance(h, 10);
		n->draining = chance(h, 5);
		n->stopping = chance(h, 3);
		n->excluded = chance(h, 3);
		n->healthy = !chance(h, 5);
		h->in.node_count++;
	}
}

static void draw(struct history *h, unsigned zones, bool weights)
{
	const bool crowded = chance(h, 10); /* one node with more pins than its share */
	const struct id one = id_named("n", prng_below(&h->prng, NAMES));

	draw_nodes(h, zones, weights);
	for (uint32_t s = 0; s < h->in.shard_count; s++) {
		h->in.pin[s] = (struct id){0};
		if (chance(h, 6))
			h->in.pin[s] = id_named("n", prng_below(&h->prng, NAMES));
		else if (crowded && chance(h, 60))
			h->in.pin[s] = one;
		h->in.frozen[s] = chance(h, 6);
	}
	h->in.strategy = chance(h, 20) ? PLAN_COUNT : PLAN_WEIGHTED;
}

static uint32_t node_of(const struct history *h, const struct id *id)
{
	for (uint32_t i = 0; id->size > 0 && i < h->in.node_count; i++) {
		if (strcmp(h->in.nodes[i].id.text, id->text) == 0)
			return i;
	}
	return NOBODY;
}

static uint32_t weight_of(const struct history *h, uint32_t i)
{
	return h->in.strategy == PLAN_COUNT ? 1 : h->in.nodes[i].weight;
}

static void judge_nodes(struct history *h)
{
	bool well = false;

	for (uint32_t i = 0; i < h->in.node_count; i++) {
		const struct plan_node *n = &h->in.nodes[i];

		h->usable[i] = n->weight > 0 && !(n->draining || n->stopping || n->excluded);
		well = well || (h->usable[i] && n->healthy && !n->cordoned);
	}
	for (uint32_t i = 0; i < h->in.node_count; i++) {
		h->usable[i] = h->usable[i] && (!well || h->in.nodes[i].healthy);
		h->fills[i] = h->usable[i] && !h->in.nodes[i].cordoned;
		h->cordoned += h->usable[i] && !h->fills[i];
	}
}

static bool is_frozen(const struct history *h, uint32_t s)
{
	const uint32_t at = s < h->plan.shard_count ? node_of(h, &h->plan.target[s]) : NOBODY;

	return h->in.frozen[s] && at != NOBODY && !h->in.nodes[at].stopping;
}

/* Counts what must move, what must stay, and what may stay. */
static void judge_shards(struct history *h)
{
	memset(h->fixed, 0, sizeof h->fixed);
	memset(h->kept, 0, sizeof h->kept);
	h->forced = h->homeless = 0;
	for (uint32_t s = 0; s < h->in.shard_count; s++) {
		const uint32_t at =
			s < h->plan.shard_count ? node_of(h, &h->plan.target[s]) : NOBODY;
		const uint32_t pin = node_of(h, &h->in.pin[s]);

		if (is_frozen(h, s)) {
			h->fixed[at]++;
			h->kept[at]++;
		} else if (pin != NOBODY && h->usable[pin]) {
			h->fixed[pin]++;
			h->kept[pin]++;
			h->forced += at != pin;
		} else if (at == NOBODY || !h->usable[at]) {
			h->forced++;
			h->homeless++;
		} else {
			h->kept[at]++;
			h->fixed[at] += !h->fills[at];
		}
	}
}

/* What a node should have: as much as the level of the water gives it, or what is fixed there. */
static bool judge_shares(struct history *h)
{
	uint64_t rest = h->homeless;
	uint64_t weight = 0;
	double low = 0;
	double high = 1e6;

	for (uint32_t i = 0; i < h->in.node_count; i++) {
		rest += h->fills[i] ? h->kept[i] : 0;
		weight += h->fills[i] ? weight_of(h, i) : 0;
	}
	if (weight == 0)
		return false;
	for (int step = 0; step < 200; step++) {
		const double level = (low + high) / 2;
		double sum = 0;

		for (uint32_t i = 0; i < h->in.node_count; i++) {
			const double share = level * weight_of(h, i);

			if (h->fills[i])
				sum += share > h->fixed[i] ? share : h->fixed[i];
		}
		if (sum > (double)rest)
			high = level;
		else
			low = level;
	}
	for (uint32_t i = 0; i < h->in.node_count; i++) {
		h->most[i] = 0;
		if (!h->fills[i] || h->fixed[i] <= low * weight_of(h, i) + 1e-6)
			continue;
		h->most[i] = h->fixed[i]; /* more is fixed there than its share */
		rest -= h->fixed[i];
		weight -= weight_of(h, i);
		h->saturated++;
	}
	for (uint32_t i = 0; i < h->in.node_count; i++) {
		const uint64_t share = rest * weight_of(h, i);

		if (!h->fills[i])
			continue;
		if (h->most[i] > 0) {
			h->floor_of[i] = h->ceiling_of[i] = h->most[i];
			continue;
		}
		h->floor_of[i] = share / weight;
		h->ceiling_of[i] = (share + weight - 1) / weight;
		h->most[i] = (11 * share + 10 * weight - 1) / (10 * weight);
	}
	return true;
}

/* No plan that is as even can have fewer moves: each shard above a ceiling must leave, and each
 * floor be reached by somebody. */
static uint32_t least_moves(const struct history *h)
{
	uint64_t above = 0;
	uint64_t below = 0;

	for (uint32_t i = 0; i < h->in.node_count; i++) {
		if (!h->fills[i])
			continue;
		above += h->kept[i] > h->ceiling_of[i] ? h->kept[i] - h->ceiling_of[i] : 0;
		below += h->kept[i] < h->floor_of[i] ? h->floor_of[i] - h->kept[i] : 0;
	}
	below = below > h->homeless ? below - h->homeless : 0;
	return h->forced + (uint32_t)(above > below ? above : below);
}

static void check_loads(struct history *h)
{
	uint32_t load[PLAN_NODES_MAX] = {0};
	uint32_t least;
	uint32_t moves;

	for (uint32_t s = 0; s < h->in.shard_count; s++) {
		const uint32_t at = node_of(h, &h->goal.target[s]);

		assert_int_not_equal(at, NOBODY);
		if (!h->usable[at] && !is_frozen(h, s))
			fail_msg("seed %u: shard %u is on a node that is not usable",
				 (unsigned)h->seed, (unsigned)s);
		load[at]++;
	}
	for (uint32_t i = 0; i < h->in.node_count; i++) {
		if (h->fills[i] && (load[i] > h->most[i] || load[i] < h->floor_of[i]))
			fail_msg("seed %u: %s has %u shards, not %u to %u", (unsigned)h->seed,
				 h->in.nodes[i].id.text, (unsigned)load[i],
				 (unsigned)h->floor_of[i], (unsigned)h->most[i]);
		if (h->usable[i] && !h->fills[i]) /* cordoned */
			assert_int_equal(load[i], h->kept[i]);
	}
	least = least_moves(h);
	moves = plan_moves(&h->plan, &h->goal);
	if (moves * 10 > least * 11)
		fail_msg("seed %u: %u moves where %u would do", (unsigned)h->seed, (unsigned)moves,
			 (unsigned)least);
	h->moves += moves;
	h->least += least;
	h->levelled += moves > h->forced;
}

static void check_wishes(struct history *h)
{
	for (uint32_t s = 0; s < h->in.shard_count; s++) {
		const uint32_t pin = node_of(h, &h->in.pin[s]);

		if (is_frozen(h, s)) {
			assert_true(id_equal(&h->goal.target[s], &h->plan.target[s]));
			h->frozen++;
		} else if (pin != NOBODY && h->usable[pin]) {
			assert_true(id_equal(&h->goal.target[s], &h->in.pin[s]));
			h->pinned++;
		}
	}
}

static void check_standbys(struct history *h)
{
	for (uint32_t s = 0; s < h->in.shard_count; s++) {
		const uint32_t at = node_of(h, &h->goal.target[s]);
		const uint32_t standby = node_of(h, &h->goal.standby[s]);
		bool other = false;
		bool far = false;

		for (uint32_t i = 0; i < h->in.node_count; i++) {
			if (!h->fills[i] || i == at)
				continue;
			other = true;
			far = far || !id_equal(&h->in.nodes[i].zone, &h->in.nodes[at].zone);
		}
		assert_int_equal(standby != NOBODY, other);
		if (!other)
			continue;
		assert_true(h->fills[standby]);
		assert_int_not_equal(standby, at);
		if (far && id_equal(&h->in.nodes[standby].zone, &h->in.nodes[at].zone))
			fail_msg("seed %u: shard %u stands by in its own zone", (unsigned)h->seed,
				 (unsigned)s);
		h->far += far;
	}
}

static void check_same(struct history *h)
{
	struct plan_input shuffled = h->in;

	plan_goal(&h->in, &h->plan, &h->again);
	assert_true(plan_equal(&h->goal, &h->again));
	for (uint32_t i = shuffled.node_count; i > 1; i--) {
		const uint32_t k = (uint32_t)prng_below(&h->prng, i);
		const struct plan_node n = shuffled.nodes[k];

		shuffled.nodes[k] = shuffled.nodes[i - 1];
		shuffled.nodes[i - 1] = n;
	}
	plan_goal(&shuffled, &h->plan, &h->again);
	assert_true(plan_equal(&h->goal, &h->again));
	assert_true(plan_members(&shuffled) == plan_members(&h->in));
	plan_goal(&h->in, &h->goal, &h->again); /* and there it stays */
	assert_int_equal(plan_moves(&h->goal, &h->again), 0);
}

/* What people are told agrees with what is planned. */
static void check_told(struct history *h)
{
	static struct plan_move moves[WIRE_SHARDS_MAX];
	static struct plan_verdict verdicts[PLAN_NODES_MAX];
	static struct plan_figure figures[PLAN_NODES_MAX];
	const struct plan_limits limits = {(uint32_t)prng_below(&h->prng, 5),
					   (uint32_t)prng_below(&h->prng, 3)};
	const uint32_t shard = (uint32_t)prng_below(&h->prng, h->in.shard_count);
	const uint32_t count = plan_list(&h->in, &h->plan, &h->goal, moves);
	struct plan_cost cost;
	uint32_t held = 0;

	assert_int_equal(count, plan_moves(&h->plan, &h->goal));
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t from = node_of(h, &moves[i].from);

		assert_int_equal(moves[i].why == PLAN_WHY_NOBODY, moves[i].from.size == 0);
		assert_int_equal(moves[i].why == PLAN_WHY_GONE,
				 moves[i].from.size > 0 && from == NOBODY);
		if (moves[i].why == PLAN_WHY_LEVEL || moves[i].why == PLAN_WHY_EMPTY)
			assert_true(h->usable[from]);
	}
	plan_cost(moves, count, &limits, 100, 10, &cost);
	assert_true(cost.total_ms == cost.rounds * 110ULL);
	assert_int_equal(cost.rounds == 0, count == 0);
	if (limits.moves_max > 0)
		assert_true(cost.rounds * limits.moves_max >= count);
	plan_explain(&h->in, &h->plan, shard, verdicts);
	for (uint32_t i = 0; i < h->in.node_count; i++) {
		const bool goal = id_equal(&h->in.nodes[i].id, &h->goal.target[shard]);

		if (goal && (h->usable[i] || is_frozen(h, shard)))
			assert_true(plan_rule_allows(verdicts[i].rule));
		if (verdicts[i].rule == PLAN_RULE_GOAL)
			assert_true(goal);
	}
	(void)plan_figures(&h->in, &h->goal, figures);
	for (uint32_t i = 0; i < h->in.node_count; i++)
		held += figures[i].shards;
	for (uint32_t s = 0; s < h->in.shard_count; s++)
		held += node_of(h, &h->goal.target[s]) == NOBODY;
	assert_int_equal(held, h->in.shard_count);
}

static void live(struct history *h)
{
	const unsigned zones = (unsigned)prng_below(&h->prng, 4);
	const bool weights = chance(h, 50);

	h->plan = (struct plan){0};
	h->in.shard_count = chance(h, 50) ? 64 : 1 + (uint32_t)prng_below(&h->prng, 128);
	for (int round = 0; round < ROUNDS; round++) {
		draw(h, zones, weights);
		judge_nodes(h);
		judge_shards(h);
		plan_goal(&h->in, &h->plan, &h->goal);
		check_same(h);
		if (judge_shares(h)) {
			check_loads(h);
			check_wishes(h);
			check_standbys(h);
		}
		if (round % 3 == 0)
			check_told(h);
		h->plan = h->goal;
		memset(h->plan.home, 0, sizeof h->plan.home); /* lending has tests of its own */
	}
}

static void holds_over_a_thousand_memberships(void **state)
{
	struct history *h = calloc(1, sizeof *h);

	(void)state;
	assert_non_null(h);
	for (h->seed = 1; h->seed <= HISTORIES; h->seed++) {
		prng_seed(&h->prng, h->seed);
		live(h);
	}
	print_message("moves %u, least %u; pinned %u, frozen %u, in another zone %u, cordoned %u, "
		      "more fixed than their share %u, levelled %u\n",
		      (unsigned)h->moves, (unsigned)h->least, (unsigned)h->pinned,
		      (unsigned)h->frozen, (unsigned)h->far, (unsigned)h->cordoned,
		      (unsigned)h->saturated, (unsigned)h->levelled);
	/* The histories must have met what they are for. */
	assert_true(h->pinned > HISTORIES && h->frozen > HISTORIES && h->far > HISTORIES);
	assert_true(h->cordoned > HISTORIES && h->saturated > HISTORIES / 10);
	assert_true(h->levelled > HISTORIES);
	free(h);
}

/* Levelled by load: never worse than it was, what must stay stays, and the same from the same. */
static void loads_are_levelled_over_random_memberships(void **state)
{
	struct history *h = calloc(1, sizeof *h);
	struct plan_figure figures[PLAN_NODES_MAX];
	uint64_t before = 0;
	uint64_t after = 0;

	(void)state;
	assert_non_null(h);
	for (h->seed = 1; h->seed <= HISTORIES / 4; h->seed++) {
		prng_seed(&h->prng, h->seed);
		h->plan = (struct plan){0};
		h->in.shard_count = 1 + (uint32_t)prng_below(&h->prng, 128);
		for (int round = 0; round < 3; round++) {
			draw(h, 3, chance(h, 50));
			h->in.strategy = PLAN_LOAD;
			h->in.hold = true; /* first those that have nowhere to be */
			for (uint32_t s = 0; s < h->in.shard_count; s++)
				h->in.load[s] = chance(h, 20) ? 0 : prng_below(&h->prng, 1000);
			judge_nodes(h);
			plan_goal(&h->in, &h->plan, &h->goal);
			h->plan = h->goal;
			memset(h->plan.home, 0, sizeof h->plan.home);
			before += plan_figures(&h->in, &h->plan, figures);
			h->in.hold = false;
			plan_goal(&h->in, &h->plan, &h->goal);
			assert_true(plan_figures(&h->in, &h->goal, figures) <=
				    plan_figures(&h->in, &h->plan, figures));
			after += plan_figures(&h->in, &h->goal, figures);
			check_wishes(h);
			check_told(h);
			plan_goal(&h->in, &h->plan, &h->again);
			assert_true(plan_equal(&h->goal, &h->again));
			h->plan = h->goal;
			memset(h->plan.home, 0, sizeof h->plan.home);
		}
	}
	print_message("skew %u, levelled %u\n", (unsigned)before, (unsigned)after);
	assert_true(after * 3 < before);
	free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_over_a_thousand_memberships),
		cmocka_unit_test(loads_are_levelled_over_random_memberships),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
