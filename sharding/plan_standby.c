/* Who stands by for a shard: another node than its owner, in another zone where there is one (P5).
 * The standbys of one owner's shards are spread evenly, so that what it leaves behind is too; they
 * stay where they are while they are good, because a new one has everything to read. */
#include "sharding/plan_internal.h"

static bool plan_far(const struct plan_work *w, uint32_t a, uint32_t b)
{
	return !id_equal(&w->in->nodes[a].zone, &w->in->nodes[b].zone);
}

/* Who may stand by for what `owner` has, and for how many at most; returns how many nodes may. */
static uint32_t plan_bounds(const struct plan_work *w, uint32_t owner, uint32_t owned,
			    uint32_t bound[PLAN_NODES_MAX])
{
	uint64_t weight = 0;
	uint32_t count = 0;
	bool far = false;

	for (uint32_t i = 0; i < w->in->node_count && owner != PLAN_NOBODY; i++)
		far = far || (w->fills[i] && i != owner && plan_far(w, i, owner));
	for (uint32_t i = 0; i < w->in->node_count; i++) {
		const bool may = w->fills[i] && i != owner && (!far || plan_far(w, i, owner));

		bound[i] = may ? 1 : 0;
		weight += may ? w->weight[i] : 0;
		count += may;
	}
	for (uint32_t i = 0; i < w->in->node_count; i++) {
		if (bound[i] > 0)
			bound[i] =
				(uint32_t)((owned * (uint64_t)w->weight[i] + weight - 1) / weight);
	}
	return count;
}

static void plan_stand_by(struct plan_work *w, uint32_t owner)
{
	uint32_t bound[PLAN_NODES_MAX];
	uint32_t owned = 0;

	for (uint32_t s = 0; s < w->in->shard_count; s++)
		owned += w->home[s] == owner;
	if (owned == 0 || plan_bounds(w, owner, owned, bound) == 0)
		return;
	for (uint32_t s = 0; s < w->in->shard_count; s++) {
		const uint32_t i = plan_find(w->in, plan_id_at(w->old->standby, w->old, s));

		if (w->home[s] != owner || i == PLAN_NOBODY || bound[i] == 0)
			continue;
		w->standby[s] = i;
		bound[i]--;
	}
	for (uint32_t s = 0; s < w->in->shard_count; s++) {
		uint32_t best = PLAN_NOBODY;

		if (w->home[s] != owner || w->standby[s] != PLAN_NOBODY)
			continue;
		for (uint32_t i = 0; i < w->in->node_count; i++) {
			if (bound[i] > 0 && (best == PLAN_NOBODY || plan_prefers(w, s, i, best)))
				best = i;
		}
		CHECK(best != PLAN_NOBODY); /* the bounds add up to all that it has */
		w->standby[s] = best;
		bound[best]--;
	}
}

void plan_choose_standbys(struct plan_work *w)
{
	for (uint32_t s = 0; s < w->in->shard_count; s++)
		w->standby[s] = PLAN_NOBODY;
	for (uint32_t i = 0; i < w->in->node_count; i++)
		plan_stand_by(w, i);
	plan_stand_by(w, PLAN_NOBODY);
}
