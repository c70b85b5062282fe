/* Nodes that leave and come back: what they had is lent for a while, so that a restart costs two
 * moves a shard and not a levelling each way (S21). All of it stands in the plan: who is elected
 * planner next goes on from there. */
#include "sharding/plan_internal.h"

enum { PLAN_SETTLE_DOUBLINGS = 10 };

static struct plan_away *plan_away_of(struct plan *plan, const struct id *node)
{
	for (uint32_t i = 0; i < plan->away_count; i++) {
		if (id_equal(&plan->away[i].node, node))
			return &plan->away[i];
	}
	return NULL;
}

/* Each absence without a calm time in between makes the next return count four times as late. */
static uint64_t plan_settled_ms(const struct plan_away *away, const struct plan_grace *grace)
{
	const uint32_t doublings = (away->times - 1) * 2;
	uint64_t settle_ms;

	if (away->times > PLAN_SETTLE_DOUBLINGS)
		return away->back_unix_ms + grace->grace_ms;
	settle_ms = grace->settle_ms << doublings;
	return away->back_unix_ms + (settle_ms < grace->grace_ms ? settle_ms : grace->grace_ms);
}

/* A node with weight 0 is not coming for anything. */
static bool plan_is_lost(const struct plan_work *w, const struct id *node)
{
	const uint32_t i = plan_find(w->in, node);

	return i == PLAN_NOBODY || (!w->usable[i] && w->in->nodes[i].weight > 0);
}

static void plan_note_lost(const struct plan_work *w, uint64_t now_unix_ms, struct plan *plan)
{
	for (uint32_t s = 0; s < plan->shard_count; s++) {
		const struct id *node = &plan->target[s];

		if (node->size == 0 || plan_away_of(plan, node) || !plan_is_lost(w, node) ||
		    plan->away_count == PLAN_NODES_MAX)
			continue;
		plan->away[plan->away_count++] =
			(struct plan_away){.node = *node, .since_unix_ms = now_unix_ms, .times = 1};
	}
}

static void plan_note_change(const struct plan_work *w, uint64_t now_unix_ms,
			     struct plan_away *away)
{
	const bool lost = plan_is_lost(w, &away->node);

	if (lost && away->back_unix_ms != 0) {
		away->since_unix_ms = now_unix_ms;
		away->back_unix_ms = 0;
		away->times++;
	} else if (!lost && away->back_unix_ms == 0) {
		away->back_unix_ms = now_unix_ms > 0 ? now_unix_ms : 1;
	}
	/* Another planner's clock was ahead of mine. */
	if (away->since_unix_ms > now_unix_ms)
		away->since_unix_ms = now_unix_ms;
	if (away->back_unix_ms > now_unix_ms && now_unix_ms > 0)
		away->back_unix_ms = now_unix_ms;
}

static bool plan_is_target(const struct plan *plan, const struct id *node)
{
	for (uint32_t s = 0; s < plan->shard_count; s++) {
		if (id_equal(&plan->target[s], node))
			return true;
	}
	return false;
}

static bool plan_lends(const struct plan *plan, const struct id *node)
{
	for (uint32_t s = 0; s < plan->shard_count; s++) {
		if (id_equal(&plan->home[s], node))
			return true;
	}
	return false;
}

/* What it has lent is given for good. False: there is no more to know about it. */
static bool plan_give(struct plan *plan, const struct plan_away *away)
{
	for (uint32_t s = 0; s < plan->shard_count; s++) {
		if (!id_equal(&plan->home[s], &away->node))
			continue;
		plan->home[s] = (struct id){0};
		plan->members = 0; /* uneven for good: to be levelled even if it comes now */
	}
	return away->back_unix_ms == 0 && plan_is_target(plan, &away->node);
}

static void plan_due(uint64_t at, const struct plan_grace *grace, uint64_t *due)
{
	if (at > grace->now_unix_ms && at < *due)
		*due = at;
}

struct plan_wait {
	bool hold;
	uint64_t due;
	bool unsettled[PLAN_NODES_MAX]; /* of the input */
};

/* False: it is to be forgotten. */
static bool plan_wait_for(const struct plan_work *w, const struct plan_grace *grace,
			  struct plan *plan, const struct plan_away *away, struct plan_wait *wait)
{
	const bool back = away->back_unix_ms != 0;
	const uint64_t over = (back ? away->back_unix_ms : away->since_unix_ms) + grace->grace_ms;
	const uint64_t settled = plan_settled_ms(away, grace);
	const uint32_t i = plan_find(w->in, &away->node);

	if (grace->now_unix_ms >= over)
		return plan_give(plan, away);
	plan_due(over, grace, &wait->due);
	if (!back) {
		wait->hold = true;
	} else if (grace->now_unix_ms < settled) {
		wait->hold = true;
		plan_due(settled, grace, &wait->due);
		if (i != PLAN_NOBODY)
			wait->unsettled[i] = true;
	} else {
		wait->hold = wait->hold || plan_lends(plan, &away->node);
	}
	return true;
}

/* The unsettled get nothing new, unless nobody else is there to get it. */
static void plan_cordon_unsettled(const struct plan_work *w, const struct plan_wait *wait,
				  struct plan_input *input)
{
	bool others = false;

	for (uint32_t i = 0; i < input->node_count; i++)
		others = others || (w->fills[i] && !wait->unsettled[i]);
	for (uint32_t i = 0; i < input->node_count && others; i++) {
		if (wait->unsettled[i])
			input->nodes[i].cordoned = true;
	}
}

static void plan_add_away(struct plan_input *input, const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->away_count; i++) {
		const struct plan_away *away = &plan->away[i];

		if (plan_find(input, &away->node) == PLAN_NOBODY &&
		    input->node_count < PLAN_NODES_MAX)
			input->nodes[input->node_count++] =
				(struct plan_node){.id = away->node, .weight = 1, .away = true};
	}
}

bool plan_absences(struct plan_input *input, const struct plan_grace *grace, struct plan *plan,
		   uint64_t *due_unix_ms)
{
	struct plan_work w = {.in = input};
	struct plan_wait wait = {.due = UINT64_MAX};
	uint32_t kept = 0;

	CHECK_LE(plan->away_count, PLAN_NODES_MAX);
	plan_mark_usable(&w);
	plan_note_lost(&w, grace->now_unix_ms, plan);
	for (uint32_t i = 0; i < plan->away_count; i++) {
		plan_note_change(&w, grace->now_unix_ms, &plan->away[i]);
		if (plan_wait_for(&w, grace, plan, &plan->away[i], &wait))
			plan->away[kept++] = plan->away[i];
	}
	/* Cleared, so that equal plans are equal byte by byte. */
	memset(&plan->away[kept], 0, (plan->away_count - kept) * sizeof plan->away[0]);
	plan->away_count = kept;
	plan_cordon_unsettled(&w, &wait, input);
	plan_add_away(input, plan);
	*due_unix_ms = wait.due;
	return wait.hold;
}
