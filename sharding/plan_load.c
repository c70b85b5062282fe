/* Levelling what the shards carry, instead of how many they are: from the node furthest above its
 * share to the one furthest below, the shard that closes the gap best. */
#include "sharding/plan_internal.h"

enum { PLAN_LOAD_MIN_PERMYRIAD = 100 }; /* a smaller gap is not worth a move */

static uint64_t plan_load_of(const struct plan_work *w, uint32_t s)
{
	return w->in->load[s] < UINT32_MAX ? w->in->load[s] : UINT32_MAX;
}

void plan_loads(const struct plan_work *w, uint64_t loads[PLAN_NODES_MAX])
{
	for (uint32_t i = 0; i < w->in->node_count; i++)
		loads[i] = 0;
	for (uint32_t s = 0; s < w->in->shard_count; s++) {
		if (w->home[s] != PLAN_NOBODY)
			loads[w->home[s]] += plan_load_of(w, s);
	}
}

/* What is to be shared, and by what weight. */
struct plan_pool {
	uint64_t total;
	uint64_t weight;
};

static int64_t plan_above(const struct plan_work *w, const struct plan_pool *pool,
			  const uint64_t *loads, uint32_t i)
{
	return (int64_t)loads[i] - (int64_t)(pool->total * w->weight[i] / pool->weight);
}

static bool plan_has_loose(const struct plan_work *w, uint32_t node, int64_t gap)
{
	for (uint32_t s = 0; s < w->in->shard_count; s++) {
		if (w->home[s] == node && !w->stuck[s] && plan_load_of(w, s) > 0 &&
		    (int64_t)plan_load_of(w, s) < gap)
			return true;
	}
	return false;
}

static uint32_t plan_least(const struct plan_work *w, const struct plan_pool *pool,
			   const uint64_t *loads)
{
	uint32_t best = PLAN_NOBODY;

	for (uint32_t i = 0; i < w->in->node_count; i++) {
		int64_t above;
		int64_t least;

		if (!w->fills[i])
			continue;
		above = plan_above(w, pool, loads, i);
		least = best == PLAN_NOBODY ? 0 : plan_above(w, pool, loads, best);
		if (best == PLAN_NOBODY || above < least ||
		    (above == least &&
		     plan_compare_ids(&w->in->nodes[i].id, &w->in->nodes[best].id) < 0))
			best = i;
	}
	return best;
}

static uint32_t plan_most(const struct plan_work *w, const struct plan_pool *pool,
			  const uint64_t *loads, uint32_t poor)
{
	uint32_t best = PLAN_NOBODY;

	for (uint32_t i = 0; i < w->in->node_count; i++) {
		int64_t above;
		int64_t most;

		if (!w->fills[i] || i == poor)
			continue;
		above = plan_above(w, pool, loads, i);
		if (!plan_has_loose(w, i, above - plan_above(w, pool, loads, poor)))
			continue;
		most = best == PLAN_NOBODY ? 0 : plan_above(w, pool, loads, best);
		if (best == PLAN_NOBODY || above > most ||
		    (above == most &&
		     plan_compare_ids(&w->in->nodes[i].id, &w->in->nodes[best].id) < 0))
			best = i;
	}
	return best;
}

/* The shard whose load is nearest to half the gap; the lower number where equal. Less than the
 * whole gap, so that each move makes the sum of squares smaller and this comes to an end. */
static uint32_t plan_nearest(const struct plan_work *w, uint32_t rich, int64_t gap)
{
	uint32_t best = PLAN_NOBODY;
	int64_t best_off = 0;

	for (uint32_t s = 0; s < w->in->shard_count; s++) {
		const int64_t load = (int64_t)plan_load_of(w, s);
		const int64_t off = load > gap / 2 ? load - gap / 2 : gap / 2 - load;

		if (w->home[s] != rich || w->stuck[s] || load <= 0 || load >= gap)
			continue;
		if (best == PLAN_NOBODY || off < best_off) {
			best = s;
			best_off = off;
		}
	}
	return best;
}

void plan_level_load(struct plan_work *w)
{
	uint64_t loads[PLAN_NODES_MAX];
	struct plan_pool pool = {0};
	uint64_t worth;

	plan_loads(w, loads);
	for (uint32_t i = 0; i < w->in->node_count; i++) {
		pool.total += w->fills[i] ? loads[i] : 0;
		pool.weight += w->fills[i] ? w->weight[i] : 0;
	}
	worth = w->in->threshold_permyriad > PLAN_LOAD_MIN_PERMYRIAD ? w->in->threshold_permyriad
								     : PLAN_LOAD_MIN_PERMYRIAD;
	worth = pool.total * worth / 10000;
	/* Each shard moves at most once: a plan is a list of moves, not a sort. */
	for (uint32_t begun = 0; pool.weight > 0 && begun < w->in->shard_count; begun++) {
		const uint32_t poor = plan_least(w, &pool, loads);
		const uint32_t rich = plan_most(w, &pool, loads, poor);
		uint32_t shard;
		int64_t gap;

		if (rich == PLAN_NOBODY)
			return;
		gap = plan_above(w, &pool, loads, rich) - plan_above(w, &pool, loads, poor);
		if (gap <= (int64_t)worth)
			return;
		shard = plan_nearest(w, rich, gap);
		CHECK(shard != PLAN_NOBODY);
		loads[rich] -= plan_load_of(w, shard);
		loads[poor] += plan_load_of(w, shard);
		w->load[rich]--;
		w->load[poor]++;
		w->home[shard] = poor;
		w->stuck[shard] = true;
	}
}
