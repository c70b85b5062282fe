/* Liveness: when the faults are over, some nodes and services stay bad for ever, each in one way of
 * its own, and the others are well for ever. Whatever needs none but these must end; a bad one may
 * hinder nobody. */
#include "base/check.h"
#include "tests/sim/sim.h"

enum {
	FOR_EVER_MS = 3600000,
	NOTICED_MS = 15000, /* until others have what was theirs */
	SILENT_MS =
		3000, /* a connection on which nothing is heard is given up (transport/nats.h) */
};

static uint64_t draw(struct sim *sim, uint64_t bound)
{
	return sim_draw(sim, SIM_FROZEN, bound);
}

static const char *const NAMES[SIM_BAD_KINDS] = {
	[SIM_WELL] = "well",
	[SIM_DEAD] = "dead",
	[SIM_CUT] = "cut",
	[SIM_DEAF] = "deaf",
	[SIM_DUMB] = "dumb",
	[SIM_NO_ETCD] = "no_etcd",
	[SIM_ETCD_DEAF] = "etcd_deaf",
	[SIM_NO_JOURNAL] = "no_journal",
	[SIM_DYING] = "dying",
	[SIM_PAUSING] = "pausing",
	[SIM_SLUGGISH] = "sluggish",
};

/* ---- nodes that go on being bad ---------------------------------------------------------------
 */

static void goes_on(struct sim *sim, const struct sim_node *node, uint64_t least_ms, sim_run run)
{
	sim_at(sim, sim->now_ms + least_ms + draw(sim, 2 * least_ms), SIM_WORLD, run)->a =
		node->index;
}

static void comes_back(struct sim *sim, struct sim_event *e);

static void dies(struct sim *sim, struct sim_event *e)
{
	struct sim_node *node = &sim->nodes[e->a];

	sim_node_crash(node);
	goes_on(sim, node, 500, comes_back);
}

static void comes_back(struct sim *sim, struct sim_event *e)
{
	struct sim_node *node = &sim->nodes[e->a];

	if (!node->running)
		sim_node_start(node);
	goes_on(sim, node, 4000, dies);
}

/* Beyond its lease each time. */
static void pauses(struct sim *sim, struct sim_event *e)
{
	struct sim_node *node = &sim->nodes[e->a];

	if (node->running)
		node->paused_until_ms = sim->now_ms + 1500 + draw(sim, 3000);
	goes_on(sim, node, 6000, pauses);
}

/* Its connection is given up, and no other works any better. */
static void gives_up(struct sim *sim, struct sim_event *e)
{
	sim->nodes[e->a].cut_until_ms = sim->now_ms + FOR_EVER_MS;
}

/* Shards come and go with it; what is due then waits for the next owner. */
static void unsteady(struct sim *sim)
{
	sim->judging.timer_ms = 0;
	sim->judging.moves = 0;
}

static void spoil_node(struct sim *sim, struct sim_node *node, enum sim_bad bad)
{
	const uint64_t for_ever_ms = sim->now_ms + FOR_EVER_MS;

	node->bad = bad;
	switch (bad) {
	case SIM_DEAD:
		sim_node_crash(node);
		break;
	case SIM_CUT:
		node->cut_until_ms = for_ever_ms;
		break;
	case SIM_DEAF:
		node->deaf_until_ms = for_ever_ms;
		sim_at(sim, sim->now_ms + SILENT_MS, SIM_WORLD, gives_up)->a = node->index;
		break;
	case SIM_DUMB:
		node->dumb_until_ms = for_ever_ms;
		sim_at(sim, sim->now_ms + SILENT_MS, SIM_WORLD, gives_up)->a = node->index;
		break;
	case SIM_NO_ETCD:
		node->etcd_cut_until_ms = for_ever_ms;
		break;
	case SIM_ETCD_DEAF:
		node->etcd_deaf_until_ms = for_ever_ms;
		break;
	case SIM_NO_JOURNAL:
		node->journal_cut_until_ms = for_ever_ms;
		break;
	case SIM_DYING:
		unsteady(sim);
		goes_on(sim, node, 100, dies);
		break;
	case SIM_PAUSING:
		unsteady(sim);
		goes_on(sim, node, 100, pauses);
		break;
	case SIM_SLUGGISH: /* sim_node.c looks at it */
	case SIM_WELL:
	case SIM_BAD_KINDS:
		break;
	}
}

/* ---- services ---------------------------------------------------------------------------------
 */

static void spoil_service(struct sim *sim, uint32_t number)
{
	struct sim_service *service = &sim->services[number];

	service->life++;
	service->down_until_ms = sim->now_ms + FOR_EVER_MS;
	sim->history.dead |= UINT64_C(1) << number;
	sim->count.frozen_services++;
	sim_fault(sim, "frozen.service", number, 0, 0, 0);
	for (uint32_t i = 0; i < sim->saga_count; i++)
		for (uint32_t k = 0; k < sim->sagas[i].step_count; k++)
			sim->sagas[i].excused |= sim->sagas[i].steps[k].service == number;
}

/* At least one node and half of the services are well. */
void sim_freeze(struct sim *sim)
{
	const uint32_t well = (uint32_t)draw(sim, sim->node_count);

	sim->history.lasting = true;
	sim->judging.grace_ms += NOTICED_MS;
	for (uint32_t i = 0; i < sim->node_count; i++) {
		struct sim_node *node = &sim->nodes[i];
		const enum sim_bad bad = (enum sim_bad)(1 + draw(sim, SIM_BAD_KINDS - 1));

		if (i == well || draw(sim, 2) == 0)
			continue;
		sim->count.frozen_nodes++;
		sim_fault(sim, NAMES[bad], i, 0, 0, 0);
		spoil_node(sim, node, bad);
	}
	for (uint32_t n = (uint32_t)draw(sim, sim->service_count / 2 + 1); n > 0; n--)
		spoil_service(sim, (uint32_t)draw(sim, sim->service_count));
}
