/* Operators: they pin, freeze, cordon and drain, take it back, and now and then the planner dies
 * right behind it. What they say stands in etcd, as a node that was asked writes it there. */
#include <stdio.h>

#include "base/check.h"
#include "sharding/mark.h"
#include "tests/sim/sim.h"

enum { LASTS_MS = 4000 };

static uint64_t draw(struct sim *sim, uint64_t bound)
{
	return sim_draw(sim, SIM_OPERATOR, bound);
}

static void mark_key(enum mark_kind kind, uint32_t number, char key[64])
{
	(void)snprintf(key, 64, "/sagad/sim/%s%s%u", mark_folder(kind),
		       kind == MARK_PIN || kind == MARK_FREEZE ? "" : "n", number);
}

/* Some last until somebody takes them back, some end by themselves. */
static void put_mark(struct sim *sim, enum mark_kind kind, uint32_t number)
{
	uint8_t memory[MARK_TEXT_MAX];
	struct mark mark = {.actor = "sim", .reason = "drawn", .at_unix_ms = sim->now_ms};
	struct buf text;
	char key[64], node[8];

	if (draw(sim, 2) == 0)
		mark.until_unix_ms = sim->now_ms + 1 + draw(sim, LASTS_MS);
	(void)snprintf(node, sizeof node, "n%u", (uint32_t)draw(sim, sim->node_count));
	CHECK_EQ(id_from(&mark.node, slice_str(node)), 0);
	buf_init_fixed(&text, memory, sizeof memory);
	CHECK_EQ(mark_encode(kind, &mark, &text), 0);
	mark_key(kind, number, key);
	sim_fault(sim, "operator.marks", kind, number, mark.until_unix_ms, 0);
	sim_etcd_put(sim, key, buf_slice(&text));
}

static bool take_back(struct sim *sim, enum mark_kind kind, uint32_t number)
{
	char key[64];

	mark_key(kind, number, key);
	if (sim_etcd_find(sim, key) == NULL)
		return false;
	sim_fault(sim, "operator.takes_back", kind, number, 0, 0);
	sim_etcd_remove(sim, key);
	return true;
}

static uint32_t any_of(struct sim *sim, enum mark_kind kind)
{
	return (uint32_t)draw(sim, kind == MARK_PIN || kind == MARK_FREEZE ? sim->shard_count
									   : sim->node_count);
}

static void planner_dies(struct sim *sim, struct sim_event *e)
{
	struct sim_node *planner = sim_office_planner(sim);

	(void)e;
	if (planner == NULL || !planner->running || sim->healed)
		return;
	sim->count.planner_deaths++;
	sim_node_dies(planner);
}

/* A mark, or several at once, as an operation has them. */
void sim_operator_strikes(struct sim *sim)
{
	const enum mark_kind kind = (enum mark_kind)draw(sim, MARK_KINDS);
	uint32_t number = any_of(sim, kind);

	if (!take_back(sim, kind, number)) {
		uint64_t more = draw(sim, 3) == 0 ? draw(sim, 4) : 0;

		sim->count.pins += kind == MARK_PIN;
		sim->count.freezes += kind == MARK_FREEZE;
		sim->count.cordons += kind == MARK_CORDON;
		sim->count.drains += kind == MARK_DRAIN;
		put_mark(sim, kind, number);
		for (; more > 0 && kind == MARK_PIN; more--) {
			number = any_of(sim, kind);
			put_mark(sim, kind, number);
		}
	}
	if (draw(sim, 3) == 0)
		(void)sim_at(sim, sim->now_ms + 20 + draw(sim, 1500), SIM_WORLD, planner_dies);
}

/* What is frozen on a bad node stays there, and whoever drains all of them gets what he asked for:
 * only pins may stay. */
void sim_operator_heal(struct sim *sim)
{
	const bool all = draw(sim, 2) == 0;

	for (uint32_t n = 0; n < sim->shard_count; n++) {
		(void)take_back(sim, MARK_FREEZE, n);
		if (all)
			(void)take_back(sim, MARK_PIN, n);
	}
	for (uint32_t n = 0; n < sim->node_count; n++) {
		(void)take_back(sim, MARK_CORDON, n);
		(void)take_back(sim, MARK_DRAIN, n);
	}
}
