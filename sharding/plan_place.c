/* Which shards leave a node, and who gets those that have nowhere to be. */
#include "sharding/plan_internal.h"

/* The shard of `node` that it wants least (or `taker` wants most). Cost alone ranks the shards of
 * one node; equal costs go to the lower number. PLAN_NOBODY when none may leave. */
static uint32_t plan_pick(const struct plan_work *w, uint32_t node, uint32_t taker)
{
	uint32_t best = PLAN_NOBODY;
	uint64_t best_cost = 0;

	for (uint32_t s = 0; s < w->in->shard_count; s++) {
		const uint64_t cost = w->cost[taker][s];

		if (w->home[s] != node || w->stuck[s])
			continue;
		if (best == PLAN_NOBODY || (taker == node ? cost > best_cost : cost < best_cost)) {
			best = s;
			best_cost = cost;
		}
	}
	return best;
}

void plan_shed(struct plan_work *w)
{
	for (uint32_t i = 0; i < w->in->node_count; i++) {
		while (w->fills[i] && w->load[i] > w->high[i]) {
			const uint32_t shard = plan_pick(w, i, i);

			CHECK(shard != PLAN_NOBODY); /* high is at least what is fixed */
			w->home[shard] = PLAN_NOBODY;
			w->load[i]--;
		}
	}
}

/* Its standby has it in memory already. In a hold that comes before even loads: these are lent. */
static bool plan_standby_takes(const struct plan_work *w, uint32_t s, const uint32_t *bound,
			       uint32_t *node)
{
	const struct id *target = plan_id_at(w->old->target, w->old, s);

	*node = plan_find(w->in, plan_id_at(w->old->standby, w->old, s));
	if (*node == PLAN_NOBODY || !w->fills[*node])
		return false;
	/* One that a full node has shed goes where it is liked, as if it were new. */
	if (!w->in->hold && plan_find(w->in, target) != PLAN_NOBODY &&
	    w->usable[plan_find(w->in, target)])
		return false;
	return w->in->hold || w->load[*node] < bound[*node];
}

static uint32_t plan_taker(const struct plan_work *w, uint32_t s, const uint32_t *bound)
{
	uint32_t best = PLAN_NOBODY;

	if (plan_standby_takes(w, s, bound, &best))
		return best;
	best = PLAN_NOBODY;
	for (uint32_t i = 0; i < w->in->node_count; i++) {
		if (!w->fills[i] || w->load[i] >= bound[i])
			continue;
		if (best == PLAN_NOBODY || plan_prefers(w, s, i, best))
			best = i;
	}
	return best;
}

static bool plan_homeless(const struct plan_work *w, uint32_t s)
{
	return w->home[s] == PLAN_NOBODY && !w->apart[s];
}

/* As many as needed go to nodes below their floor, the rest where they like. */
void plan_place(struct plan_work *w)
{
	uint32_t homeless = 0;
	uint32_t missing = 0;

	for (uint32_t s = 0; s < w->in->shard_count; s++)
		homeless += plan_homeless(w, s);
	for (uint32_t i = 0; i < w->in->node_count; i++) {
		if (w->fills[i] && w->load[i] < w->low[i])
			missing += w->low[i] - w->load[i];
	}
	for (uint32_t s = 0; s < w->in->shard_count; s++) {
		uint32_t taker;

		if (!plan_homeless(w, s))
			continue;
		taker = plan_taker(w, s, missing >= homeless && missing > 0 ? w->low : w->high);
		homeless--;
		if (taker == PLAN_NOBODY)
			continue; /* nobody may get shards at all */
		if (w->load[taker] < w->low[taker])
			missing--;
		w->home[s] = taker;
		w->load[taker]++;
	}
}

/* The node furthest above its floor, by name where equal; PLAN_NOBODY when none is. */
static uint32_t plan_richest(const struct plan_work *w)
{
	uint32_t best = PLAN_NOBODY;
	uint32_t best_excess = 0;

	for (uint32_t i = 0; i < w->in->node_count; i++) {
		uint32_t excess;

		if (!w->fills[i] || w->load[i] <= w->low[i])
			continue;
		excess = w->load[i] - w->low[i];
		if (excess > best_excess ||
		    (excess == best_excess && best != PLAN_NOBODY &&
		     plan_compare_ids(&w->in->nodes[i].id, &w->in->nodes[best].id) < 0)) {
			best = i;
			best_excess = excess;
		}
	}
	return best;
}

/* The node below its floor that comes first by name; PLAN_NOBODY when none is. */
static uint32_t plan_poorest(const struct plan_work *w)
{
	uint32_t best = PLAN_NOBODY;

	for (uint32_t i = 0; i < w->in->node_count; i++) {
		if (!w->fills[i] || w->load[i] >= w->low[i])
			continue;
		if (best == PLAN_NOBODY ||
		    plan_compare_ids(&w->in->nodes[i].id, &w->in->nodes[best].id) < 0)
			best = i;
	}
	return best;
}

void plan_level(struct plan_work *w)
{
	uint32_t poor;

	while ((poor = plan_poorest(w)) != PLAN_NOBODY) {
		const uint32_t rich = plan_richest(w);
		uint32_t shard;

		/* The floors add up to no more than the shards there are, and no node's fixed
		 * shards are more than its floor unless they are all it has. */
		CHECK(rich != PLAN_NOBODY);
		shard = plan_pick(w, rich, poor);
		CHECK(shard != PLAN_NOBODY);
		w->home[shard] = poor;
		w->load[rich]--;
		w->load[poor]++;
	}
}
