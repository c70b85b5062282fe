/* Invariants of a computed plan:
 * P1 every target is a usable node (weight above 0; healthy while a healthy one is there), or none;
 * P2 a node that is neither cordoned nor unusable holds between the floor and the ceiling of its
 *    share, so no node starves and none is overloaded;
 * P3 a shard moves only if its node is unusable, above the ceiling, or has to fill another's floor;
 * P4 the result depends on the inputs' content alone, not on the order of the nodes. */
#include "sharding/plan.h"

#include <stdio.h>

#include "base/check.h"
#include "sharding/text.h"

#define PLAN_NOBODY UINT32_MAX

enum { PLAN_WEIGHT_MAX = 1000 };

struct plan_work {
	const struct plan_node *nodes;
	uint32_t node_count;
	uint32_t shard_count;
	bool usable[PLAN_NODES_MAX];
	bool fills[PLAN_NODES_MAX]; /* usable and not cordoned: may get shards */
	uint32_t load[PLAN_NODES_MAX];
	uint32_t low[PLAN_NODES_MAX];
	uint32_t high[PLAN_NODES_MAX];
	uint32_t home[WIRE_SHARDS_MAX]; /* index into nodes or PLAN_NOBODY */
};

/* -log2(hash / 2^64) with 32 fractional bits, never 0. Integers only: a plan must come out the
 * same on every machine. */
static uint64_t plan_log_cost(uint64_t hash)
{
	uint64_t mantissa;
	uint64_t fraction = 0;
	unsigned lead;

	if (hash == 0)
		return UINT64_C(64) << 32;
	lead = (unsigned)__builtin_clzll(hash);
	mantissa = (hash << lead) >> 32; /* 1.x with 31 fractional bits */
	for (unsigned i = 0; i < 24; i++) {
		mantissa = (mantissa * mantissa) >> 31;
		fraction <<= 1;
		if (mantissa >> 32) {
			mantissa >>= 1;
			fraction |= 1;
		}
	}
	return ((uint64_t)(lead + 1) << 32) - (fraction << 8);
}

static uint64_t plan_cost(const struct plan_node *node, uint32_t shard)
{
	char text[ID_SIZE_MAX + 16];
	int size;

	size = snprintf(text, sizeof text, "%u/%s", (unsigned)shard, node->id.text);
	CHECK(size > 0 && (size_t)size < sizeof text);
	return plan_log_cost(hash_xxh3_64(slice_of(text, (uint32_t)size)));
}

static int plan_compare_ids(const struct id *a, const struct id *b)
{
	return strcmp(a->text, b->text);
}

/* Weighted rendezvous: the smaller cost / weight wins, equal ones go by name. */
static bool plan_prefers(const struct plan_node *nodes, uint32_t shard, uint32_t a, uint32_t b)
{
	const uint64_t left = plan_cost(&nodes[a], shard) * nodes[b].weight;
	const uint64_t right = plan_cost(&nodes[b], shard) * nodes[a].weight;

	if (left != right)
		return left < right;
	return plan_compare_ids(&nodes[a].id, &nodes[b].id) < 0;
}

static uint32_t plan_find(const struct plan_work *w, const struct id *id)
{
	for (uint32_t i = 0; i < w->node_count; i++) {
		if (id->size > 0 && id_equal(&w->nodes[i].id, id))
			return i;
	}
	return PLAN_NOBODY;
}

static void plan_mark_usable(struct plan_work *w)
{
	bool any_healthy = false;

	for (uint32_t i = 0; i < w->node_count; i++) {
		const struct plan_node *n = &w->nodes[i];

		CHECK_LE(n->weight, PLAN_WEIGHT_MAX);
		CHECK(n->id.size > 0);
		if (n->weight > 0 && n->healthy && !n->cordoned)
			any_healthy = true;
	}
	for (uint32_t i = 0; i < w->node_count; i++) {
		const struct plan_node *n = &w->nodes[i];

		w->usable[i] = n->weight > 0 && (n->healthy || !any_healthy);
		w->fills[i] = w->usable[i] && !n->cordoned;
	}
}

/* Leaves shards where they are, and shares out what the cordoned nodes do not hold. */
static void plan_keep_and_share(struct plan_work *w, const struct plan *old)
{
	uint32_t rest = w->shard_count;
	uint64_t weight = 0;

	for (uint32_t s = 0; s < w->shard_count; s++) {
		const uint32_t i =
			s < old->shard_count ? plan_find(w, &old->target[s]) : PLAN_NOBODY;

		w->home[s] = i != PLAN_NOBODY && w->usable[i] ? i : PLAN_NOBODY;
		if (w->home[s] == PLAN_NOBODY)
			continue;
		w->load[i]++;
		if (!w->fills[i])
			rest--;
	}
	for (uint32_t i = 0; i < w->node_count; i++)
		weight += w->fills[i] ? w->nodes[i].weight : 0;
	for (uint32_t i = 0; i < w->node_count; i++) {
		const uint64_t share = (uint64_t)rest * w->nodes[i].weight;

		if (!w->fills[i])
			continue;
		w->low[i] = (uint32_t)(share / weight);
		w->high[i] = (uint32_t)((share + weight - 1) / weight);
	}
}

/* The shard of `node` that it wants least (or `taker` wants most). Cost alone ranks the shards of
 * one node; equal costs go to the lower number. */
static uint32_t plan_pick(const struct plan_work *w, uint32_t node, uint32_t taker)
{
	uint32_t best = PLAN_NOBODY;
	uint64_t best_cost = 0;

	for (uint32_t s = 0; s < w->shard_count; s++) {
		uint64_t cost;

		if (w->home[s] != node)
			continue;
		cost = plan_cost(&w->nodes[taker], s);
		if (best == PLAN_NOBODY || (taker == node ? cost > best_cost : cost < best_cost)) {
			best = s;
			best_cost = cost;
		}
	}
	CHECK(best != PLAN_NOBODY);
	return best;
}

static void plan_shed(struct plan_work *w)
{
	for (uint32_t i = 0; i < w->node_count; i++) {
		while (w->fills[i] && w->load[i] > w->high[i]) {
			w->home[plan_pick(w, i, i)] = PLAN_NOBODY;
			w->load[i]--;
		}
	}
}

/* Homeless shards: as many as needed go to nodes below their floor, the rest where they like. */
static void plan_place(struct plan_work *w)
{
	uint32_t homeless = 0;
	uint32_t missing = 0;

	for (uint32_t s = 0; s < w->shard_count; s++)
		homeless += w->home[s] == PLAN_NOBODY;
	for (uint32_t i = 0; i < w->node_count; i++) {
		if (w->fills[i] && w->load[i] < w->low[i])
			missing += w->low[i] - w->load[i];
	}
	for (uint32_t s = 0; s < w->shard_count; s++) {
		const bool must_fill = missing >= homeless;
		uint32_t best = PLAN_NOBODY;

		if (w->home[s] != PLAN_NOBODY)
			continue;
		for (uint32_t i = 0; i < w->node_count; i++) {
			if (!w->fills[i] || w->load[i] >= (must_fill ? w->low[i] : w->high[i]))
				continue;
			if (best == PLAN_NOBODY || plan_prefers(w->nodes, s, i, best))
				best = i;
		}
		homeless--;
		if (best == PLAN_NOBODY)
			continue; /* nobody may get shards at all */
		if (w->load[best] < w->low[best])
			missing--;
		w->home[s] = best;
		w->load[best]++;
	}
}

/* The node furthest above its floor, by name where equal; PLAN_NOBODY when none is. */
static uint32_t plan_richest(const struct plan_work *w)
{
	uint32_t best = PLAN_NOBODY;
	uint32_t best_excess = 0;

	for (uint32_t i = 0; i < w->node_count; i++) {
		uint32_t excess;

		if (!w->fills[i] || w->load[i] <= w->low[i])
			continue;
		excess = w->load[i] - w->low[i];
		if (excess > best_excess ||
		    (excess == best_excess && best != PLAN_NOBODY &&
		     plan_compare_ids(&w->nodes[i].id, &w->nodes[best].id) < 0)) {
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

	for (uint32_t i = 0; i < w->node_count; i++) {
		if (!w->fills[i] || w->load[i] >= w->low[i])
			continue;
		if (best == PLAN_NOBODY ||
		    plan_compare_ids(&w->nodes[i].id, &w->nodes[best].id) < 0)
			best = i;
	}
	return best;
}

static void plan_level(struct plan_work *w)
{
	uint32_t poor;

	while ((poor = plan_poorest(w)) != PLAN_NOBODY) {
		const uint32_t rich = plan_richest(w);

		/* The floors add up to no more than the shards there are. */
		CHECK(rich != PLAN_NOBODY);
		w->home[plan_pick(w, rich, poor)] = poor;
		w->load[rich]--;
		w->load[poor]++;
	}
}

static uint32_t plan_standby(const struct plan_work *w, uint32_t shard)
{
	const uint32_t home = w->home[shard];
	uint32_t best = PLAN_NOBODY;
	bool best_far = false;

	for (uint32_t i = 0; i < w->node_count; i++) {
		const bool far =
			home != PLAN_NOBODY && !id_equal(&w->nodes[i].zone, &w->nodes[home].zone);

		if (!w->fills[i] || i == home)
			continue;
		if (best == PLAN_NOBODY || (far && !best_far) ||
		    (far == best_far && plan_prefers(w->nodes, shard, i, best))) {
			best = i;
			best_far = far;
		}
	}
	return best;
}

void plan_compute(const struct plan_node *nodes, uint32_t node_count, const struct plan *old,
		  uint32_t shard_count, struct plan *now)
{
	struct plan_work w = {.nodes = nodes, .node_count = node_count};

	CHECK_LE(node_count, PLAN_NODES_MAX);
	CHECK(shard_count >= 1 && shard_count <= WIRE_SHARDS_MAX);
	CHECK_LE(old->shard_count, WIRE_SHARDS_MAX);
	CHECK(now != old);
	w.shard_count = shard_count;
	plan_mark_usable(&w);
	plan_keep_and_share(&w, old);
	plan_shed(&w);
	plan_place(&w);
	plan_level(&w);

	*now = (struct plan){.version = old->version, .shard_count = shard_count};
	for (uint32_t s = 0; s < shard_count; s++) {
		const uint32_t standby = plan_standby(&w, s);

		if (w.home[s] != PLAN_NOBODY)
			now->target[s] = nodes[w.home[s]].id;
		if (standby != PLAN_NOBODY)
			now->standby[s] = nodes[standby].id;
	}
	if (plan_moves(old, now) > 0)
		now->version++;
}

uint32_t plan_moves(const struct plan *from, const struct plan *to)
{
	const uint32_t most =
		from->shard_count > to->shard_count ? from->shard_count : to->shard_count;
	uint32_t moves = 0;

	for (uint32_t s = 0; s < most; s++) {
		if (s >= from->shard_count || s >= to->shard_count ||
		    !id_equal(&from->target[s], &to->target[s]))
			moves++;
	}
	return moves;
}

uint32_t plan_order(const struct plan_node *nodes, uint32_t node_count, uint32_t shard,
		    uint32_t order[PLAN_NODES_MAX])
{
	struct plan_work w = {.nodes = nodes, .node_count = node_count};
	uint32_t count = 0;

	CHECK_LE(node_count, PLAN_NODES_MAX);
	plan_mark_usable(&w);
	for (uint32_t i = 0; i < node_count; i++) {
		uint32_t at = count;

		if (!w.fills[i])
			continue;
		for (; at > 0 && plan_prefers(nodes, shard, i, order[at - 1]); at--)
			order[at] = order[at - 1];
		order[at] = i;
		count++;
	}
	return count;
}
