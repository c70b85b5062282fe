/* Invariants of a computed plan:
 * P1 every target is a usable node, or frozen where it is, or the one it was because nobody may
 *    take the shard;
 * P2 a node that may get shards holds between the floor and the ceiling of its share, so no node
 *    starves and none is overloaded; its share is what is left when the nodes whose pinned and
 *    frozen shards are more than theirs, and those that may get none, have what they have;
 * P3 a shard moves only if its node is unusable, above the ceiling, or has to fill another's floor,
 *    or a pin or the end of an absence wants it elsewhere;
 * P4 the result depends on the inputs' content alone, not on the order of the nodes;
 * P5 a standby is never the owner, and in another zone where there is one. */
#include "sharding/plan.h"

#include <stdio.h>

#include "sharding/plan_internal.h"

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

static uint64_t plan_hash_cost(const struct plan_node *node, uint32_t shard)
{
	char text[ID_SIZE_MAX + 16];
	int size;

	size = snprintf(text, sizeof text, "%u/%s", (unsigned)shard, node->id.text);
	CHECK(size > 0 && (size_t)size < sizeof text);
	return plan_log_cost(hash_xxh3_64(slice_of(text, (uint32_t)size)));
}

int plan_compare_ids(const struct id *a, const struct id *b)
{
	return strcmp(a->text, b->text);
}

bool plan_prefers(const struct plan_work *w, uint32_t shard, uint32_t a, uint32_t b)
{
	const uint64_t left = w->cost[a][shard] * w->weight[b];
	const uint64_t right = w->cost[b][shard] * w->weight[a];

	if (left != right)
		return left < right;
	return plan_compare_ids(&w->in->nodes[a].id, &w->in->nodes[b].id) < 0;
}

uint32_t plan_find(const struct plan_input *input, const struct id *id)
{
	for (uint32_t i = 0; id->size > 0 && i < input->node_count; i++) {
		if (id_equal(&input->nodes[i].id, id))
			return i;
	}
	return PLAN_NOBODY;
}

void plan_mark_usable(struct plan_work *w)
{
	for (uint32_t i = 0; i < w->in->node_count; i++) {
		const struct plan_node *n = &w->in->nodes[i];

		CHECK_LE(n->weight, PLAN_WEIGHT_MAX);
		CHECK(n->id.size > 0);
		w->usable[i] =
			n->weight > 0 && !n->draining && !n->stopping && !n->away && !n->excluded;
		if (w->usable[i] && n->healthy && !n->cordoned)
			w->any_healthy = true;
	}
	for (uint32_t i = 0; i < w->in->node_count; i++) {
		const struct plan_node *n = &w->in->nodes[i];

		w->usable[i] = w->usable[i] && (n->healthy || !w->any_healthy);
		w->fills[i] = w->usable[i] && !n->cordoned;
		w->weight[i] = w->in->strategy == PLAN_COUNT && n->weight > 0 ? 1 : n->weight;
	}
}

uint32_t plan_pinned_to(const struct plan_work *w, uint32_t shard)
{
	const uint32_t pin = plan_find(w->in, &w->in->pin[shard]);

	return pin != PLAN_NOBODY && w->usable[pin] ? pin : PLAN_NOBODY;
}

bool plan_is_frozen(const struct plan_work *w, uint32_t shard)
{
	const uint32_t at = plan_find(w->in, plan_id_at(w->old->target, w->old, shard));

	return w->in->frozen[shard] && at != PLAN_NOBODY && !w->in->nodes[at].away &&
	       !w->in->nodes[at].stopping;
}

/* Where a shard stays, or belongs although it is elsewhere; and whether it may leave from there. */
static uint32_t plan_keep(struct plan_work *w, uint32_t s)
{
	uint32_t at = plan_find(w->in, plan_id_at(w->old->target, w->old, s));
	const uint32_t lender = plan_find(w->in, plan_id_at(w->old->home, w->old, s));
	const uint32_t pin = plan_pinned_to(w, s);

	w->stuck[s] = true;
	if (w->in->some && !w->in->only[s]) {
		w->apart[s] = true;
		return at;
	}
	if (plan_is_frozen(w, s))
		return at;
	if (pin != PLAN_NOBODY)
		return pin;
	if (lender != PLAN_NOBODY && w->fills[lender]) {
		w->stuck[s] = false;
		return lender;
	}
	if (at == PLAN_NOBODY || !w->usable[at])
		at = plan_find(w->in, &w->in->owner[s]);
	if (at == PLAN_NOBODY || !w->usable[at]) {
		w->stuck[s] = false;
		return PLAN_NOBODY;
	}
	w->stuck[s] = !w->fills[at];
	return at;
}

/* Nodes whose fixed shards are more than their share are set aside until none is; all such of one
 * round together, so that the order of the nodes does not count. */
static void plan_share(struct plan_work *w, uint64_t rest)
{
	bool open[PLAN_NODES_MAX];
	uint64_t weight = 0;
	bool again = true;

	for (uint32_t i = 0; i < w->in->node_count; i++) {
		open[i] = w->fills[i];
		weight += open[i] ? w->weight[i] : 0;
		w->low[i] = w->high[i] = w->fixed[i];
		w->share_milli[i] = w->fixed[i] * 1000;
	}
	while (again) {
		const uint64_t rest_now = rest;
		const uint64_t weight_now = weight;

		again = false;
		for (uint32_t i = 0; i < w->in->node_count; i++) {
			if (!open[i] || w->fixed[i] * weight_now <= rest_now * w->weight[i])
				continue;
			open[i] = false;
			again = true;
			rest -= w->fixed[i];
			weight -= w->weight[i];
		}
	}
	for (uint32_t i = 0; i < w->in->node_count; i++) {
		const uint64_t share = rest * w->weight[i];

		if (!open[i])
			continue;
		w->low[i] = (uint32_t)(share / weight);
		w->high[i] = (uint32_t)((share + weight - 1) / weight);
		w->share_milli[i] = (uint32_t)(share * 1000 / weight);
	}
}

void plan_prepare(struct plan_work *w, const struct plan_input *input, const struct plan *old)
{
	uint64_t rest = 0;

	CHECK_LE(input->node_count, PLAN_NODES_MAX);
	CHECK(input->shard_count >= 1 && input->shard_count <= WIRE_SHARDS_MAX);
	CHECK_LE(old->shard_count, WIRE_SHARDS_MAX);
	memset(w, 0, sizeof *w);
	w->in = input;
	w->old = old;
	plan_mark_usable(w);
	for (uint32_t i = 0; i < input->node_count; i++) {
		for (uint32_t s = 0; s < input->shard_count; s++)
			w->cost[i][s] = plan_hash_cost(&input->nodes[i], s);
	}
	for (uint32_t s = 0; s < input->shard_count; s++) {
		const uint32_t i = plan_keep(w, s);

		w->home[s] = i;
		if (i == PLAN_NOBODY) {
			rest += w->apart[s] ? 0 : 1;
			continue;
		}
		w->load[i]++;
		w->fixed[i] += w->stuck[s];
		rest += w->fills[i];
	}
	plan_share(w, rest);
}

uint32_t plan_skew(const struct plan_work *w, const uint64_t amount[PLAN_NODES_MAX])
{
	uint64_t total = 0;
	uint64_t weight = 0;
	uint64_t range;
	int64_t most = INT64_MIN;
	int64_t least = INT64_MAX;

	for (uint32_t i = 0; i < w->in->node_count; i++) {
		total += w->fills[i] ? amount[i] : 0;
		weight += w->fills[i] ? w->weight[i] : 0;
	}
	if (total == 0 || weight == 0)
		return 0;
	/* At most 2^39 of load and 2^16 of weight: that fits. */
	CHECK_LE(total, UINT64_C(1) << 39);
	for (uint32_t i = 0; i < w->in->node_count; i++) {
		const int64_t above =
			(int64_t)(amount[i] * weight) - (int64_t)(total * w->weight[i]);

		if (!w->fills[i])
			continue;
		most = above > most ? above : most;
		least = above < least ? above : least;
	}
	range = (uint64_t)(most - least);
	total *= weight;
	while (range > UINT64_MAX / 10000) {
		range >>= 1;
		total >>= 1;
	}
	return (uint32_t)(range * 10000 / total);
}

uint32_t plan_skew_now(const struct plan_work *w)
{
	uint64_t amount[PLAN_NODES_MAX];

	if (w->in->strategy == PLAN_LOAD) {
		plan_loads(w, amount);
	} else {
		for (uint32_t i = 0; i < w->in->node_count; i++)
			amount[i] = w->load[i];
	}
	return plan_skew(w, amount);
}

/* Whom a shard goes back to that leaves a node which may return. */
static struct id plan_home(const struct plan_work *w, uint32_t s)
{
	const struct id *from = plan_id_at(w->old->target, w->old, s);
	const struct id *lender = plan_id_at(w->old->home, w->old, s);
	const struct id *to = &w->in->nodes[w->home[s]].id;
	const uint32_t at = plan_find(w->in, from);

	if (id_equal(to, lender) || plan_pinned_to(w, s) != PLAN_NOBODY)
		return (struct id){0};
	if (id_equal(to, from))
		return *lender;
	if (at == PLAN_NOBODY || w->usable[at] || w->in->nodes[at].weight == 0 ||
	    w->in->nodes[at].excluded)
		return (struct id){0};
	return lender->size > 0 ? *lender : *from;
}

static void plan_emit(const struct plan_work *w, struct plan *goal)
{
	for (uint32_t s = 0; s < goal->shard_count; s++) {
		goal->target[s] = *plan_id_at(w->old->target, w->old, s);
		goal->standby[s] = *plan_id_at(w->old->standby, w->old, s);
		goal->home[s] = *plan_id_at(w->old->home, w->old, s);
		if (w->apart[s])
			continue;
		goal->standby[s] = (struct id){0};
		if (w->standby[s] != PLAN_NOBODY)
			goal->standby[s] = w->in->nodes[w->standby[s]].id;
		if (w->home[s] == PLAN_NOBODY)
			continue;
		goal->home[s] = plan_home(w, s);
		goal->target[s] = w->in->nodes[w->home[s]].id;
	}
}

void plan_goal(const struct plan_input *input, const struct plan *old, struct plan *goal)
{
	struct plan_work w;
	bool level;

	CHECK(goal != old);
	plan_prepare(&w, input, old);
	level = !input->hold && plan_skew_now(&w) >= input->threshold_permyriad;
	if (input->strategy == PLAN_LOAD) {
		plan_place(&w);
		if (level)
			plan_level_load(&w);
	} else {
		if (level)
			plan_shed(&w);
		plan_place(&w);
		if (level)
			plan_level(&w);
	}
	plan_choose_standbys(&w);

	*goal = (struct plan){.version = old->version, .shard_count = input->shard_count};
	goal->members = old->members;
	goal->away_count = old->away_count;
	memcpy(goal->away, old->away, sizeof goal->away);
	plan_emit(&w, goal);
	if (!plan_equal(old, goal))
		goal->version++;
}

bool plan_equal(const struct plan *a, const struct plan *b)
{
	if (a->shard_count != b->shard_count || a->away_count != b->away_count ||
	    a->members != b->members)
		return false;
	for (uint32_t s = 0; s < a->shard_count; s++) {
		if (!id_equal(&a->target[s], &b->target[s]) ||
		    !id_equal(&a->standby[s], &b->standby[s]) ||
		    !id_equal(&a->home[s], &b->home[s]))
			return false;
	}
	for (uint32_t i = 0; i < a->away_count; i++) {
		if (!id_equal(&a->away[i].node, &b->away[i].node) ||
		    a->away[i].since_unix_ms != b->away[i].since_unix_ms ||
		    a->away[i].back_unix_ms != b->away[i].back_unix_ms ||
		    a->away[i].times != b->away[i].times)
			return false;
	}
	return true;
}

uint64_t plan_members(const struct plan_input *input)
{
	struct plan_work w = {.in = input};
	uint64_t sum = 1;

	plan_mark_usable(&w);
	for (uint32_t i = 0; i < input->node_count; i++) {
		if (w.fills[i]) /* a sum: the order of the nodes must not count */
			sum += plan_hash_cost(&input->nodes[i], input->nodes[i].weight) | 1;
	}
	return sum;
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
	struct plan_input input = {.node_count = node_count, .shard_count = shard + 1};
	struct plan_work w = {.in = &input};
	uint32_t count = 0;

	CHECK_LE(node_count, PLAN_NODES_MAX);
	CHECK_LT(shard, WIRE_SHARDS_MAX);
	for (uint32_t i = 0; i < node_count; i++) {
		input.nodes[i] = nodes[i];
		w.cost[i][shard] = plan_hash_cost(&nodes[i], shard);
	}
	plan_mark_usable(&w);
	for (uint32_t i = 0; i < node_count; i++) {
		uint32_t at = count;

		if (!w.fills[i])
			continue;
		for (; at > 0 && plan_prefers(&w, shard, i, order[at - 1]); at--)
			order[at] = order[at - 1];
		order[at] = i;
		count++;
	}
	return count;
}
