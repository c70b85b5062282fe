/* The models without nodes, services and sagas: to be compared with what they stand for. */
#include <stdlib.h>

#include "base/check.h"
#include "tests/sim/sim.h"

enum { NEVER_MS = 3600000 };

struct sim *sim_models_create(uint64_t seed, uint32_t clients)
{
	static const struct sim_options none;
	struct sim *sim = calloc(1, sizeof *sim);

	CHECK(sim != NULL);
	CHECK_LE(clients, SIM_NODES_MAX);
	sim->seed = seed;
	sim->options = &none;
	sim->now_ms = SIM_START_MS;
	sim->heal_ms = sim->now_ms + NEVER_MS;
	sim_chance_init(sim, seed, 0);
	sim->node_count = clients;
	sim->shard_count = 1;
	sim->service_count = 1;
	for (uint32_t i = 0; i < clients; i++) {
		sim->nodes[i].sim = sim;
		sim->nodes[i].index = i;
		sim->nodes[i].life = 1;
	}
	CHECK_EQ(id_from(&sim->cluster, slice_str("sim-cluster")), 0);
	CHECK_EQ(wire_slots_even(&sim->slots, sim->shard_count), 0);
	history_init(&sim->history, sim->shard_count);
	sim_journal_create(sim);
	sim->revision = 1;
	sim_inbox_made(sim);
	return sim;
}

void sim_models_destroy(struct sim *sim)
{
	sim_close_heap(sim);
	sim_journal_close(sim);
	sim_etcd_close(sim);
	sim_inbox_close(sim);
	history_close(&sim->history);
	free(sim);
}
