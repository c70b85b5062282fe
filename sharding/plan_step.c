/* How far to go at a time. */
#include "sharding/plan_internal.h"

struct plan_way {
	const struct plan_input *in;
	const struct plan *now;
	const struct plan *goal;
	const struct plan_motion *motion;
	struct plan *next;
	bool begun[WIRE_SHARDS_MAX];
};

static bool plan_under_way(const struct plan_way *way, uint32_t s)
{
	return way->begun[s] || way->motion->moving[s];
}

/* Moves under way that `node` has a part in; of all nodes if it is NULL. */
static uint32_t plan_busy(const struct plan_way *way, const struct id *node)
{
	uint32_t count = 0;

	for (uint32_t s = 0; s < way->next->shard_count; s++) {
		const struct id *owner = &way->motion->owner[s];

		if (plan_under_way(way, s) &&
		    (!node || id_equal(&way->next->target[s], node) || id_equal(owner, node)))
			count++;
	}
	return count;
}

static bool plan_room(const struct plan_way *way, uint32_t s)
{
	const struct plan_limits *limits = &way->motion->limits[way->motion->urgency[s]];
	const struct id *owner = &way->motion->owner[s];

	if (plan_under_way(way, s))
		return true; /* redirected: it counts already */
	if (limits->moves_max > 0 && plan_busy(way, NULL) >= limits->moves_max)
		return false;
	if (limits->node_moves_max == 0)
		return true;
	return plan_busy(way, &way->goal->target[s]) < limits->node_moves_max &&
	       (owner->size == 0 || plan_busy(way, owner) < limits->node_moves_max);
}

static void plan_begin(struct plan_way *way, uint32_t s)
{
	way->next->target[s] = way->goal->target[s];
	way->next->standby[s] = way->goal->standby[s];
	way->next->home[s] = way->goal->home[s];
	way->begun[s] = true;
}

static bool plan_may_begin(const struct plan_way *way, uint32_t s)
{
	const enum plan_urgency urgency = way->motion->urgency[s];

	if (id_equal(&way->next->target[s], &way->goal->target[s]))
		return false;
	if (urgency == PLAN_AT_ONCE)
		return true;
	return urgency == PLAN_BALANCE && way->motion->moving[s] ? false : plan_room(way, s);
}

/* Of a shard whose move must wait: its goal's standby belongs to another owner. One that is there
 * stays; else its future owner may as well begin to read. */
static struct id plan_standby_meanwhile(const struct plan_way *way, uint32_t s)
{
	const struct id *standby = &way->now->standby[s];

	if (plan_find(way->in, standby) != PLAN_NOBODY &&
	    !way->in->nodes[plan_find(way->in, standby)].away)
		return *standby;
	return way->goal->target[s];
}

uint32_t plan_step(const struct plan_input *input, const struct plan *now, const struct plan *goal,
		   const struct plan_motion *motion, struct plan *next)
{
	struct plan_way way = {
		.in = input, .now = now, .goal = goal, .motion = motion, .next = next};
	uint32_t count = 0;

	CHECK(next != now && next != goal);
	CHECK_EQ(now->shard_count, goal->shard_count);
	*next = *now;
	next->members = goal->members;
	next->away_count = goal->away_count;
	memcpy(next->away, goal->away, sizeof next->away);
	for (uint32_t urgency = 0; urgency < PLAN_URGENCIES; urgency++) {
		for (uint32_t s = 0; s < next->shard_count; s++) {
			if (motion->urgency[s] != urgency || !plan_may_begin(&way, s))
				continue;
			plan_begin(&way, s);
			count++;
		}
	}
	for (uint32_t s = 0; s < next->shard_count; s++) {
		if (way.begun[s])
			continue;
		if (id_equal(&next->target[s], &goal->target[s])) {
			next->standby[s] = goal->standby[s];
			next->home[s] = goal->home[s];
		} else {
			next->standby[s] = plan_standby_meanwhile(&way, s);
		}
	}
	next->version = now->version + (plan_equal(now, next) ? 0 : 1);
	return count;
}

void plan_take(struct plan *plan, uint32_t shard, const struct id *node)
{
	CHECK_LT(shard, plan->shard_count);
	plan->version++;
	plan->target[shard] = *node;
	plan->home[shard] = (struct id){0};
	plan->members = 0;
	if (id_equal(&plan->standby[shard], node))
		plan->standby[shard] = (struct id){0};
}
