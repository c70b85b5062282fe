/* What is written to etcd, by the rules of S21: the plan is its planner's, version by version; who
 * acquires a shard is its target in the plan of that moment. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "sharding/plan.h"
#include "tests/sim/sim.h"

struct sim_office {
	struct plan plan, before; /* as they stand in etcd; version 0: there is none */
};

void sim_office_open(struct sim *sim)
{
	sim->office = calloc(1, sizeof *sim->office);
	CHECK(sim->office != NULL);
}

void sim_office_close(struct sim *sim)
{
	free(sim->office);
}

static bool is_key(struct slice key, const char *name)
{
	char text[64];

	(void)snprintf(text, sizeof text, "/sagad/sim/%s", name);
	return slice_equal(key, slice_str(text));
}

/* "/sagad/sim/shards/<n>/owner" */
static bool is_owner_key(struct slice key, uint32_t *shard)
{
	int end = 0;

	return sscanf((const char *)key.data, "/sagad/sim/shards/%" SCNu32 "/owner%n", shard,
		      &end) == 1 &&
	       (uint32_t)end == key.size;
}

static bool is_node(const struct id *id, uint32_t node)
{
	char name[8];

	(void)snprintf(name, sizeof name, "n%u", node);
	return slice_equal(id_slice(id), slice_str(name));
}

static void read_plan(struct sim *sim, struct plan *plan)
{
	const struct sim_kv *kv = sim_etcd_find(sim, "/sagad/sim/plan");

	if (kv == NULL || plan_decode(slice_of(kv->value, kv->size), plan) != 0)
		*plan = (struct plan){0};
}

/* By a lease that lives, as it is with all keys. */
static bool holds_office(struct sim *sim, uint32_t node)
{
	const struct sim_kv *kv = sim_etcd_find(sim, "/sagad/sim/planner");
	struct id holder;

	return kv != NULL && id_from(&holder, slice_of(kv->value, kv->size)) == 0 &&
	       is_node(&holder, node);
}

/* Only by who takes that shard by order, in the same step. */
static bool only_takes(const struct sim_office *o, uint32_t taken)
{
	for (uint32_t n = 0; n < o->plan.shard_count; n++)
		if (n != taken && !id_equal(&o->plan.target[n], &o->before.target[n]))
			return false;
	return taken < o->plan.shard_count;
}

static void judge_plan(struct sim *sim, uint32_t node, uint32_t taken)
{
	struct sim_office *o = sim->office;
	uint32_t moved = 0;

	o->before = o->plan;
	read_plan(sim, &o->plan);
	for (uint32_t n = 0; n < o->plan.shard_count && n < o->before.shard_count; n++)
		moved += o->before.target[n].size > 0 &&
			 !id_equal(&o->plan.target[n], &o->before.target[n]);
	sim->count.plans_written++;
	sim->count.plan_moves += moved;
	sim_note(sim, "plan", node, o->plan.version, moved, taken);
	if (o->plan.version != o->before.version + 1)
		sim_fail(sim, false, "S21: node %u writes plan %" PRIu64 " over plan %" PRIu64,
			 node, o->plan.version, o->before.version);
	else if (taken == HISTORY_NONE && !holds_office(sim, node))
		sim_fail(sim, false, "S21: node %u writes plan %" PRIu64 " and is not the planner",
			 node, o->plan.version);
	else if (taken != HISTORY_NONE && !only_takes(o, taken))
		sim_fail(sim, false,
			 "S21: node %u takes shard %u by order, and plans others in plan %" PRIu64,
			 node, taken, o->plan.version);
}

void sim_office_wrote(struct sim *sim, uint32_t node, const struct lease_request *r)
{
	uint32_t shard, taken = HISTORY_NONE;
	bool plan = false;

	for (uint32_t i = 0; i < r->write_count; i++) {
		const struct lease_write *w = &r->writes[i];

		plan |= is_key(w->key, "plan") && !w->remove;
		if (!w->remove && is_owner_key(w->key, &shard) &&
		    sim_etcd_find(sim, (const char *)w->key.data)->create == sim->revision)
			taken = shard;
	}
	if (plan)
		judge_plan(sim, node, taken);
	if (taken == HISTORY_NONE)
		return;
	sim->count.acquired++;
	sim->count.taken_by_order += plan;
	if (!is_node(&sim->office->plan.target[taken], node))
		sim_fail(sim, false,
			 "S21: node %u acquires shard %u, which plan %" PRIu64 " has for %s", node,
			 taken, sim->office->plan.version,
			 sim->office->plan.target[taken].size > 0
				 ? sim->office->plan.target[taken].text
				 : "nobody");
}

void sim_office_restored(struct sim *sim)
{
	read_plan(sim, &sim->office->plan);
}

struct sim_node *sim_office_planner(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->node_count; i++)
		if (holds_office(sim, i))
			return &sim->nodes[i];
	return NULL;
}
