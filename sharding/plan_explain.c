/* What people are shown: why a shard moves, who may have it, how even it all is. */
#include "sharding/plan_internal.h"

static const char *const plan_strategy_names[PLAN_STRATEGIES] = {"weighted", "count", "load"};

const char *plan_strategy_name(enum plan_strategy strategy)
{
	CHECK_LT(strategy, PLAN_STRATEGIES);
	return plan_strategy_names[strategy];
}

bool plan_strategy_from(struct slice name, enum plan_strategy *strategy)
{
	for (uint32_t i = 0; i < PLAN_STRATEGIES; i++) {
		if (!slice_equal(name, slice_str(plan_strategy_names[i])))
			continue;
		*strategy = (enum plan_strategy)i;
		return true;
	}
	return false;
}

struct plan_words {
	const char *name;
	const char *text;
};

static const struct plan_words plan_whys[PLAN_WHYS] = {
	[PLAN_WHY_NOBODY] = {"nobody", "nobody has it"},
	[PLAN_WHY_GONE] = {"gone", "its node is not there"},
	[PLAN_WHY_STOPPING] = {"stopping", "its node is stopping"},
	[PLAN_WHY_DRAINING] = {"draining", "its node is drained"},
	[PLAN_WHY_UNHEALTHY] = {"unhealthy", "its node is unhealthy"},
	[PLAN_WHY_NO_WEIGHT] = {"no_weight", "its node has weight 0"},
	[PLAN_WHY_PINNED] = {"pinned", "it is pinned there"},
	[PLAN_WHY_RETURNS] = {"returns", "it was lent, its node is back"},
	[PLAN_WHY_EMPTY] = {"empty", "its new node has nothing yet"},
	[PLAN_WHY_LEVEL] = {"level", "its node has more than its share"},
};

static const struct plan_words plan_rules[PLAN_RULES] = {
	[PLAN_RULE_CURRENT] = {"current", "it is here and stays"},
	[PLAN_RULE_LEAVES] = {"leaves", "it is here and is to go"},
	[PLAN_RULE_GOAL] = {"goal", "is to get it"},
	[PLAN_RULE_STANDBY] = {"standby", "stands by for it"},
	[PLAN_RULE_MAY] = {"may", "could take it"},
	[PLAN_RULE_FULL] = {"full", "would have more than its share"},
	[PLAN_RULE_FROZEN] = {"frozen", "the shard is frozen where it is"},
	[PLAN_RULE_PINNED] = {"pinned", "the shard is pinned to another node"},
	[PLAN_RULE_CORDONED] = {"cordoned", "the node is cordoned"},
	[PLAN_RULE_EXCLUDED] = {"excluded", "the node was excluded"},
	[PLAN_RULE_DRAINING] = {"draining", "the node is drained"},
	[PLAN_RULE_STOPPING] = {"stopping", "the node is stopping"},
	[PLAN_RULE_AWAY] = {"away", "the node is away"},
	[PLAN_RULE_UNHEALTHY] = {"unhealthy", "the node is unhealthy"},
	[PLAN_RULE_NO_WEIGHT] = {"no_weight", "the node has weight 0"},
};

const char *plan_why_name(enum plan_why why)
{
	CHECK_LT(why, PLAN_WHYS);
	return plan_whys[why].name;
}

const char *plan_why_text(enum plan_why why)
{
	CHECK_LT(why, PLAN_WHYS);
	return plan_whys[why].text;
}

const char *plan_rule_name(enum plan_rule rule)
{
	CHECK_LT(rule, PLAN_RULES);
	return plan_rules[rule].name;
}

const char *plan_rule_text(enum plan_rule rule)
{
	CHECK_LT(rule, PLAN_RULES);
	return plan_rules[rule].text;
}

bool plan_rule_allows(enum plan_rule rule)
{
	return rule <= PLAN_RULE_MAY;
}

/* ---- moves ---- */

static enum plan_why plan_why_left(const struct plan_work *w, uint32_t from)
{
	const struct plan_node *n = &w->in->nodes[from];

	if (n->away)
		return PLAN_WHY_GONE;
	if (n->stopping)
		return PLAN_WHY_STOPPING;
	if (n->draining)
		return PLAN_WHY_DRAINING;
	return n->weight == 0 ? PLAN_WHY_NO_WEIGHT : PLAN_WHY_UNHEALTHY;
}

static enum plan_why plan_why(const struct plan_work *w, uint32_t s, const struct id *to,
			      const uint32_t held[PLAN_NODES_MAX])
{
	const struct id *old = plan_id_at(w->old->target, w->old, s);
	const uint32_t from = plan_find(w->in, old);
	const uint32_t taker = plan_find(w->in, to);

	if (old->size == 0)
		return PLAN_WHY_NOBODY;
	if (from == PLAN_NOBODY)
		return PLAN_WHY_GONE;
	if (taker != PLAN_NOBODY && plan_pinned_to(w, s) == taker)
		return PLAN_WHY_PINNED;
	if (!w->usable[from])
		return plan_why_left(w, from);
	if (to->size > 0 && id_equal(to, plan_id_at(w->old->home, w->old, s)))
		return PLAN_WHY_RETURNS;
	return taker != PLAN_NOBODY && held[taker] == 0 ? PLAN_WHY_EMPTY : PLAN_WHY_LEVEL;
}

static void plan_held(const struct plan_input *input, const struct plan *plan,
		      uint32_t held[PLAN_NODES_MAX])
{
	memset(held, 0, PLAN_NODES_MAX * sizeof held[0]);
	for (uint32_t s = 0; s < plan->shard_count; s++) {
		const uint32_t i = plan_find(input, &plan->target[s]);

		if (i != PLAN_NOBODY)
			held[i]++;
	}
}

uint32_t plan_list(const struct plan_input *input, const struct plan *from, const struct plan *to,
		   struct plan_move moves[WIRE_SHARDS_MAX])
{
	struct plan_work w;
	uint32_t held[PLAN_NODES_MAX];
	uint32_t count = 0;

	plan_prepare(&w, input, from);
	plan_held(input, from, held);
	for (uint32_t s = 0; s < to->shard_count; s++) {
		const struct id *old = plan_id_at(from->target, from, s);
		const uint32_t a = plan_find(input, old);
		const uint32_t b = plan_find(input, &to->target[s]);

		if (id_equal(old, &to->target[s]))
			continue;
		moves[count++] = (struct plan_move){
			.shard = s,
			.from = *old,
			.to = to->target[s],
			.why = plan_why(&w, s, &to->target[s], held),
			.other_zone = a != PLAN_NOBODY && b != PLAN_NOBODY &&
				      !id_equal(&input->nodes[a].zone, &input->nodes[b].zone),
			.load = input->load[s],
		};
	}
	return count;
}

static uint32_t plan_rounds(uint32_t moves, uint32_t at_a_time)
{
	if (moves == 0)
		return 0;
	return at_a_time == 0 ? 1 : (moves + at_a_time - 1) / at_a_time;
}

void plan_cost(const struct plan_move *moves, uint32_t count, const struct plan_limits *limits,
	       uint32_t pause_ms, uint32_t pace_ms, struct plan_cost *cost)
{
	*cost = (struct plan_cost){.moves = count, .pause_ms = pause_ms};
	cost->rounds = plan_rounds(count, limits->moves_max);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t from = 0;
		uint32_t to = 0;

		cost->load += moves[i].load;
		for (uint32_t k = 0; k < count; k++) {
			from += id_equal(&moves[k].from, &moves[i].from) ||
				id_equal(&moves[k].to, &moves[i].from);
			to += id_equal(&moves[k].from, &moves[i].to) ||
			      id_equal(&moves[k].to, &moves[i].to);
		}
		if (moves[i].from.size > 0 &&
		    plan_rounds(from, limits->node_moves_max) > cost->rounds)
			cost->rounds = plan_rounds(from, limits->node_moves_max);
		if (plan_rounds(to, limits->node_moves_max) > cost->rounds)
			cost->rounds = plan_rounds(to, limits->node_moves_max);
	}
	cost->total_ms = cost->rounds * ((uint64_t)pause_ms + pace_ms);
}

/* ---- figures ---- */

uint32_t plan_figures(const struct plan_input *input, const struct plan *plan,
		      struct plan_figure figures[PLAN_NODES_MAX])
{
	struct plan_work w;
	uint64_t loads[PLAN_NODES_MAX];
	uint32_t held[PLAN_NODES_MAX];

	plan_prepare(&w, input, plan);
	plan_held(input, plan, held);
	for (uint32_t s = 0; s < input->shard_count; s++) /* where it is, not where it belongs */
		w.home[s] = plan_find(input, plan_id_at(plan->target, plan, s));
	plan_loads(&w, loads);
	for (uint32_t i = 0; i < input->node_count; i++)
		figures[i] = (struct plan_figure){
			.shards = held[i], .load = loads[i], .share_milli = w.share_milli[i]};
	for (uint32_t s = 0; s < plan->shard_count; s++) {
		const uint32_t i = plan_find(input, &plan->standby[s]);

		if (i != PLAN_NOBODY)
			figures[i].standbys++;
	}
	memcpy(w.load, held, sizeof held);
	return plan_skew_now(&w);
}

/* ---- explain ---- */

/* What forbids the node any new shard; PLAN_RULE_MAY when nothing does. */
static enum plan_rule plan_node_rule(const struct plan_work *w, uint32_t i)
{
	const struct plan_node *n = &w->in->nodes[i];

	if (n->away)
		return PLAN_RULE_AWAY;
	if (n->stopping)
		return PLAN_RULE_STOPPING;
	if (n->draining)
		return PLAN_RULE_DRAINING;
	if (n->excluded)
		return PLAN_RULE_EXCLUDED;
	if (n->weight == 0)
		return PLAN_RULE_NO_WEIGHT;
	if (!w->usable[i])
		return PLAN_RULE_UNHEALTHY;
	return n->cordoned ? PLAN_RULE_CORDONED : PLAN_RULE_MAY;
}

static enum plan_rule plan_rule(const struct plan_work *w, const struct plan *goal, uint32_t s,
				uint32_t i)
{
	const struct id *now = plan_id_at(w->old->target, w->old, s);
	const struct id *id = &w->in->nodes[i].id;
	const enum plan_rule rule = plan_node_rule(w, i);
	const uint32_t pin = plan_pinned_to(w, s);

	if (id_equal(id, now) && id_equal(id, &goal->target[s]))
		return PLAN_RULE_CURRENT;
	if (id_equal(id, now))
		return rule == PLAN_RULE_MAY ? PLAN_RULE_LEAVES : rule;
	if (id_equal(id, &goal->target[s]))
		return PLAN_RULE_GOAL;
	if (rule != PLAN_RULE_MAY)
		return rule;
	if (plan_is_frozen(w, s))
		return PLAN_RULE_FROZEN;
	if (pin != PLAN_NOBODY && pin != i)
		return PLAN_RULE_PINNED;
	if (id_equal(id, plan_id_at(w->old->standby, w->old, s)))
		return PLAN_RULE_STANDBY;
	return w->load[i] >= w->high[i] ? PLAN_RULE_FULL : PLAN_RULE_MAY;
}

void plan_explain(const struct plan_input *input, const struct plan *now, uint32_t shard,
		  struct plan_verdict verdicts[PLAN_NODES_MAX])
{
	struct plan_work w;
	struct plan goal;
	uint32_t held[PLAN_NODES_MAX];
	uint32_t at;

	CHECK_LT(shard, input->shard_count);
	plan_goal(input, now, &goal);
	plan_prepare(&w, input, now);
	plan_held(input, now, held);
	at = plan_find(input, plan_id_at(now->target, now, shard));
	for (uint32_t i = 0; i < input->node_count; i++) {
		verdicts[i] = (struct plan_verdict){
			.rule = plan_rule(&w, &goal, shard, i),
			.other_zone = at != PLAN_NOBODY &&
				      !id_equal(&input->nodes[i].zone, &input->nodes[at].zone),
			.shards = held[i],
			.share_milli = w.share_milli[i],
		};
		for (uint32_t k = 0; k < input->node_count; k++)
			verdicts[i].rank += k != i && plan_prefers(&w, shard, k, i);
	}
}
