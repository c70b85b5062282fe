/* The parts of the planner. Included by plan*.c only. */
#ifndef SAGAD_SHARDING_PLAN_INTERNAL_H
#define SAGAD_SHARDING_PLAN_INTERNAL_H

#include "base/check.h"
#include "sharding/plan.h"

struct plan_work {
	const struct plan_input *in;
	const struct plan *old;
	bool any_healthy;
	bool usable[PLAN_NODES_MAX];
	bool fills[PLAN_NODES_MAX];      /* usable, and may get shards */
	uint32_t weight[PLAN_NODES_MAX]; /* as the strategy counts it */
	uint32_t load[PLAN_NODES_MAX];   /* shards */
	uint32_t fixed[PLAN_NODES_MAX];  /* of them, those that must not move */
	uint32_t low[PLAN_NODES_MAX];
	uint32_t high[PLAN_NODES_MAX];
	uint32_t share_milli[PLAN_NODES_MAX];
	uint32_t home[WIRE_SHARDS_MAX]; /* index into the nodes or PLAN_NOBODY */
	bool stuck[WIRE_SHARDS_MAX];    /* must not move */
	bool apart[WIRE_SHARDS_MAX];    /* not asked for: left as it is, whatever that is */
	uint32_t standby[WIRE_SHARDS_MAX];
	uint64_t cost[PLAN_NODES_MAX][WIRE_SHARDS_MAX]; /* of the rendezvous; smaller = liked */
};

static inline const struct id *plan_id_at(const struct id *ids, const struct plan *plan,
					  uint32_t shard)
{
	static const struct id nobody;

	return shard < plan->shard_count ? &ids[shard] : &nobody;
}

/* plan.c */
/* Fills what it says of the nodes: usable, fills, weight. */
void plan_mark_usable(struct plan_work *w);
uint32_t plan_find(const struct plan_input *input, const struct id *id);
int plan_compare_ids(const struct id *a, const struct id *b);
bool plan_prefers(const struct plan_work *w, uint32_t shard, uint32_t a, uint32_t b);
/* The node that the shard's pin names, if that is usable; else PLAN_NOBODY. */
uint32_t plan_pinned_to(const struct plan_work *w, uint32_t shard);
/* Whether a freeze holds the shard where it is. */
bool plan_is_frozen(const struct plan_work *w, uint32_t shard);
/* Everything up to `home` of what stays where it is, and the shares. */
void plan_prepare(struct plan_work *w, const struct plan_input *input, const struct plan *old);
/* See plan_figures. */
uint32_t plan_skew(const struct plan_work *w, const uint64_t amount[PLAN_NODES_MAX]);
uint32_t plan_skew_now(const struct plan_work *w);

/* plan_place.c */
/* Takes from nodes what is above their ceilings. */
void plan_shed(struct plan_work *w);
/* Gives everything homeless to somebody, unless nobody may get any. */
void plan_place(struct plan_work *w);
/* Fills the floors. */
void plan_level(struct plan_work *w);

/* plan_load.c */
void plan_level_load(struct plan_work *w);
void plan_loads(const struct plan_work *w, uint64_t loads[PLAN_NODES_MAX]);

/* plan_standby.c */
void plan_choose_standbys(struct plan_work *w);

#endif
