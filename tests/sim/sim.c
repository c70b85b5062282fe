/* One seed: faults, healing, probes, a last replay; then the judges. */
#include <stdlib.h>
#include <sys/mman.h>

#include "base/check.h"
#include "tests/judge/history_file.h"
#include "tests/judge/story.h"
#include "tests/sim/sim.h"

enum {
	HEAL_BOUND_MS = 90000,
	QUIET_MS = 4000,
	PROBE_MS = 3000,
	OWNER_MS = 30000, /* until a shard has a new one, the time to notice included */
	RESTART_MS = 9000,
	LIVENESS_EVERY = 5,
	BEYOND_MS = 60000, /* what is not damaged must be over by then */
	LAST_MS = 20000,   /* what a probe has begun */
	DOUBT_S = 40,
};

static uint32_t between(struct sim *sim, uint32_t least, uint32_t most)
{
	return least + (uint32_t)sim_draw(sim, SIM_SIZE, most - least + 1);
}

/* A third is small, so that what is found is easy to read. */
static struct sim_sizes draw_sizes(struct sim *sim)
{
	struct sim_sizes sizes = {.nodes = 3, .shards = 4, .services = 4, .clients = 2};

	if (sim_draw(sim, SIM_SIZE, 3) == 0 || sim->outage) {
		sizes.sagas = between(sim, 8, 24);
		return sizes;
	}
	sizes.nodes = between(sim, 3, SIM_NODES_MAX);
	sizes.shards = between(sim, 4, SIM_SHARDS_MAX);
	sizes.services = between(sim, 4, SIM_SERVICES_MAX);
	sizes.clients = between(sim, 2, SIM_CLIENTS_MAX);
	sizes.sagas = between(sim, 144, SIM_SAGAS_MAX);
	return sizes;
}

static void lower(uint32_t *value, uint32_t most)
{
	if (most != 0 && *value > most)
		*value = most;
}

static void at_most(struct sim_sizes *sizes, const struct sim_sizes *most)
{
	lower(&sizes->nodes, most->nodes);
	lower(&sizes->shards, most->shards);
	lower(&sizes->services, most->services);
	lower(&sizes->clients, most->clients);
	lower(&sizes->sagas, most->sagas);
}

enum sim_mode sim_mode_of(uint64_t seed)
{
	return prng_mix(seed) % LIVENESS_EVERY == 0 ? SIM_LIVENESS : SIM_SAFETY;
}

static void make_room(struct sim *sim, const struct sim_sizes *sizes)
{
	sim->node_count = sizes->nodes;
	sim->shard_count = sizes->shards;
	sim->service_count = sizes->services;
	sim->client_count = sizes->clients;
	sim->saga_count = sizes->sagas;
	sim->sagas = calloc(sim->saga_count, sizeof *sim->sagas);
	sim->rows = calloc(sim->saga_count, sizeof *sim->rows);
	sim->holds = calloc(sim->saga_count, sizeof *sim->holds);
	sim->evasive = calloc(sim->saga_count, sizeof *sim->evasive);
	sim->arena_memory = malloc(65536);
	CHECK(sim->sagas != NULL && sim->rows != NULL && sim->holds != NULL);
	CHECK(sim->evasive != NULL);
	CHECK(sim->arena_memory != NULL);
}

static struct sim *create(uint64_t seed, const struct sim_options *options)
{
	struct sim *sim = calloc(1, sizeof *sim);
	struct sim_sizes sizes;
	bool on_disk;

	CHECK(sim != NULL);
	sim->seed = seed;
	sim->options = options;
	sim->kept = options->kept;
	sim->struck = options->struck;
	sim->mode = options->beyond                ? SIM_SAFETY
		    : options->mode != SIM_BY_SEED ? options->mode
						   : sim_mode_of(seed);
	sim->outage = sim->mode == SIM_OUTAGE;
	sim->now_ms = SIM_START_MS;
	sim->take = sim_service_take;
	sim_chance_init(sim, seed, options->salt);
	sizes = draw_sizes(sim);
	sim->segment_bytes = sim_draw(sim, SIM_SIZE, 4) == 0
				     ? 16 * 1024 * 1024
				     : UINT64_C(2048) << sim_draw(sim, SIM_SIZE, 4);
	sim->segment_batches =
		sim_draw(sim, SIM_SIZE, 3) == 0 ? 0 : 4U << sim_draw(sim, SIM_SIZE, 4);
	sim->grace_ms = 1000 + (uint32_t)sim_draw(sim, SIM_SIZE, 8000);
	sim->no_standby = sim_draw(sim, SIM_SIZE, 4) == 0;
	at_most(&sizes, &options->sizes);
	make_room(sim, &sizes);
	CHECK_EQ(id_from(&sim->cluster, slice_str("sim-cluster")), 0);
	CHECK_EQ(wire_slots_even(&sim->slots, sim->shard_count), 0);
	sim->branches_max =
		sim_draw(sim, SIM_KIND, 8) == 0 ? 8 + (uint32_t)sim_draw(sim, SIM_KIND, 8) : 256;
	sim->heal_ms = sim->now_ms + 6000 + sim_draw(sim, SIM_FAULTS, 9000);
	if (sim_draw(sim, SIM_FAULTS, 12) == 0)
		sim->heal_ms += 30000;
	if (sim->outage)
		sim->heal_ms = sim->now_ms + options->outage_ms;
	for (uint32_t i = 0; i < sim->node_count; i++) {
		sim->nodes[i].sim = sim;
		sim->nodes[i].index = i;
	}
	sim_faults_draw(sim);
	if (sim->outage)
		sim_outage_draw(sim);
	sim_faults_calm(sim, options->calm);
	sim_record_open(sim);
	on_disk = sim_draw(sim, SIM_DISK, 20) == 0 || options->disk;
	for (uint32_t i = 0; i < sim->service_count; i++)
		sim_database_open(sim, i, on_disk);
	sim_journal_create(sim);
	sim_etcd_create(sim);
	sim_office_open(sim);
	sim_inbox_create(sim);
	sim_client_create(sim);
	for (uint32_t i = 0; i < sim->saga_count; i++)
		sim->sagas[i].mute = (options->mute[i / 64] >> i % 64 & 1) != 0;
	/* What was drawn in view of it stays as it was. */
	if (options->horizon_ms > 0 && sim->heal_ms > sim->now_ms + options->horizon_ms)
		sim->heal_ms = sim->now_ms + options->horizon_ms;
	sim_faults_start(sim);
	sim_beyond_draw(sim, options->beyond);
	for (uint32_t i = 0; i < sim->node_count; i++)
		sim_node_start(&sim->nodes[i]);
	sim->running = true;
	return sim;
}

static void destroy(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->node_count; i++)
		sim_node_crash(&sim->nodes[i]);
	sim_close_heap(sim);
	sim_journal_close(sim);
	sim_etcd_close(sim);
	sim_office_close(sim);
	sim_inbox_close(sim);
	for (uint32_t i = 0; i < sim->queued; i++)
		free(sim->queue[i].bytes);
	for (uint32_t i = 0; i < sim->queued; i++)
		free(sim->queue[i].contents);
	for (uint32_t i = 0; i < sim->service_count; i++) {
		for (uint32_t k = 0; k < SIM_PENDING; k++) {
			free(sim->services[i].pending[k].bytes);
			free(sim->services[i].pending[k].contradiction);
		}
		sim_database_close(sim, i);
	}
	for (uint32_t i = 0; i < sim->saga_count; i++)
		free(sim->sagas[i].submit);
	free(sim->sagas);
	free(sim->rows);
	free(sim->holds);
	free(sim->evasive);
	free(sim->queue);
	sim_record_close(sim);
	free(sim->arena_memory);
	free(sim);
}

static void run_for(struct sim *sim, uint64_t ms)
{
	const uint64_t until_ms = sim->now_ms + ms;

	while (sim->failure[0] == '\0' && sim_step(sim, until_ms))
		;
}

/* The first shard that nobody serves; shard_count: there is none. */
static uint32_t unserved(const struct sim *sim)
{
	for (uint32_t n = 0; n < sim->shard_count; n++) {
		bool served = sim_damaged(sim, n);

		for (uint32_t i = 0; i < sim->node_count; i++)
			served |= sim->nodes[i].running &&
				  sim->nodes[i].paused_until_ms <= sim->now_ms &&
				  sim->nodes[i].state[n] == OWNERSHIP_SERVING;
		if (!served)
			return n;
	}
	return sim->shard_count;
}

static bool all_serve(const struct sim *sim)
{
	return unserved(sim) == sim->shard_count;
}

/* S7, invariant 22: who begins with nothing but the journals reads them to the end. */
static void last_replay(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->node_count; i++)
		sim_node_crash(&sim->nodes[i]);
	for (uint32_t i = 0; i < sim->node_count; i++)
		sim_node_start(&sim->nodes[i]);
	run_for(sim, RESTART_MS);
	if (!all_serve(sim))
		sim_fail(sim, true, "L2: shard %u has no owner %d ms after a restart of all nodes",
			 unserved(sim), RESTART_MS);
}

/* Who begins anew must see it, where anybody can; and the others go on. */
static void see_damage(struct sim *sim)
{
	run_for(sim, BEYOND_MS);
	if (!all_serve(sim))
		sim_fail(sim, true, "L2: shard %u, which is not damaged, has no owner",
			 unserved(sim));
	sim_client_probe(sim);
	run_for(sim, PROBE_MS + LAST_MS);
	if (sim_draw(sim, SIM_DAMAGE, 2) == 0)
		last_replay(sim);
	for (uint32_t i = 0; i < DOUBT_S && sim->failure[0] == '\0' && !sim_beyond_settled(sim);
	     i++)
		run_for(sim, 1000);
	if (sim->failure[0] == '\0')
		sim_beyond_judge(sim);
}

static void run_all(struct sim *sim)
{
	run_for(sim, sim->heal_ms - sim->now_ms);
	sim_heal(sim);
	if (sim->beyond) {
		see_damage(sim);
		return;
	}
	if (sim->mode == SIM_LIVENESS)
		sim_freeze(sim);
	sim->history.heal_ms = sim->now_ms;
	run_for(sim, QUIET_MS);
	const uint64_t bound_ms = sim->heal_ms + HEAL_BOUND_MS;
	while (sim->failure[0] == '\0' && sim->now_ms < bound_ms &&
	       !(sim_all_final(sim) && all_serve(sim)))
		run_for(sim, 1000);
	if (!all_serve(sim))
		sim_fail(sim, true, "L2: shard %u has no owner %d ms after the healing",
			 unserved(sim), HEAL_BOUND_MS);
	run_for(sim, QUIET_MS);
	sim_client_probe(sim);
	run_for(sim, PROBE_MS);
	/* An owner that dies again and again may have died just now; clients ask again. */
	if (sim->mode == SIM_LIVENESS)
		for (uint64_t ms = 0;
		     ms < OWNER_MS && sim->failure[0] == '\0' && !sim_probes_answered(sim);
		     ms += 1000)
			run_for(sim, 1000);
	/* A probe may have begun a saga that nobody had accepted before. */
	for (uint32_t i = 0; i < 20 && sim->failure[0] == '\0' && !sim_all_final(sim); i++)
		run_for(sim, 1000);
	if (sim->mode != SIM_LIVENESS && sim_draw(sim, SIM_FAULTS, 3) == 0) {
		sim_record_states(sim);
		last_replay(sim);
	}
}

void sim_run_seed(uint64_t seed, const struct sim_options *options, struct sim_result *result)
{
	struct sim *sim = create(seed, options);

	run_all(sim);
	/* What was found while it ran is the first cause. */
	if (sim->failure[0] == '\0' && !sim->beyond)
		sim_check(sim);
	for (uint32_t i = 0; i < sim->node_count; i++)
		sim_node_count(&sim->nodes[i]);
	sim->history.end_ms = sim->now_ms;
	if (options->record != NULL && !history_save(&sim->history, options->record))
		sim_fail(sim, false, "the history cannot be written to %s", options->record);
	*result = (struct sim_result){.seed = seed,
				      .digest = sim_digest(sim),
				      .failed = sim->failure[0] != '\0',
				      .liveness = sim->liveness,
				      .copies_max = sim->copies_max,
				      .count = sim->count};
	memcpy(result->failure, sim->failure, sizeof result->failure);
	if (options->trace && options->traced < sim->saga_count)
		story_print(stdout, &sim->history, options->traced);
	destroy(sim);
}
