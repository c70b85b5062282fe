/* Streams of chance, and the list of what struck. */
#include <stdlib.h>

#include "base/check.h"
#include "tests/sim/sim.h"

static const char *const NAMES[SIM_STREAMS] = {
	[SIM_PLAN] = "plan",         [SIM_FAULTS] = "faults",     [SIM_NETWORK] = "network",
	[SIM_JOURNAL] = "journal",   [SIM_ETCD] = "etcd",         [SIM_NODE] = "node",
	[SIM_SERVICE] = "service",   [SIM_CLIENT] = "client",     [SIM_INBOX] = "inbox",
	[SIM_KIND] = "kind",         [SIM_BRANCHES] = "branches", [SIM_SIZE] = "size",
	[SIM_STORE] = "store",       [SIM_PERSON] = "person",     [SIM_BANK] = "bank",
	[SIM_FROZEN] = "frozen",     [SIM_DISK] = "disk",         [SIM_DAMAGE] = "damage",
	[SIM_OPERATOR] = "operator",
};

const char *sim_stream_name(uint32_t stream)
{
	return stream < SIM_STREAMS ? NAMES[stream] : NULL;
}

/* How much there is, and what is meant with it. */
static bool of_plan(uint64_t stream)
{
	return stream == SIM_PLAN || stream == SIM_KIND || stream == SIM_SIZE;
}

void sim_chance_init(struct sim *sim, uint64_t seed, uint64_t salt)
{
	for (uint64_t i = 0; i < SIM_STREAMS; i++) {
		sim->luck[i] = (struct sim_luck){.seed = prng_mix(prng_mix(seed) + i)};
		if (salt != 0 && !of_plan(i))
			sim->luck[i].seed ^= prng_mix(salt);
	}
}

static struct sim_luck *luck_of(struct sim *sim, enum sim_stream stream)
{
	struct sim_luck *luck = &sim->luck[stream];

	if (luck->at_ms != sim->now_ms) {
		luck->at_ms = sim->now_ms;
		luck->number = 0;
		prng_seed(&luck->prng, luck->seed ^ prng_mix(sim->now_ms));
	}
	return luck;
}

uint64_t sim_draw(struct sim *sim, enum sim_stream stream, uint64_t bound)
{
	return prng_below(&luck_of(sim, stream)->prng, bound);
}

uint64_t sim_draw_seed(struct sim *sim, enum sim_stream stream)
{
	return prng_next(&luck_of(sim, stream)->prng);
}

static int by_time(const void *a, const void *b)
{
	const struct sim_choice *left = a, *right = b;

	if (left->at_ms != right->at_ms)
		return left->at_ms < right->at_ms ? -1 : 1;
	if (left->stream != right->stream)
		return left->stream < right->stream ? -1 : 1;
	return left->number < right->number ? -1 : left->number > right->number;
}

void sim_choices_sort(struct sim_choices *choices)
{
	if (choices->count > 0)
		qsort(choices->list, choices->count, sizeof *choices->list, by_time);
}

static bool strikes(struct sim *sim, enum sim_stream stream, uint32_t number)
{
	const struct sim_choice choice = {.at_ms = (uint32_t)(sim->now_ms - SIM_START_MS),
					  .stream = (uint16_t)stream,
					  .number = (uint16_t)number};

	if (!sim->running)
		return true;
	if (sim->kept != NULL &&
	    bsearch(&choice, sim->kept->list, sim->kept->count, sizeof choice, by_time) == NULL)
		return false;
	if (sim->struck != NULL) {
		sim->struck->list = sim_grow(sim->struck->list, sim->struck->count,
					     &sim->struck->capacity, sizeof choice);
		sim->struck->list[sim->struck->count++] = choice;
	}
	return true;
}

bool sim_strikes(struct sim *sim, enum sim_stream stream)
{
	return strikes(sim, stream, luck_of(sim, stream)->number++);
}

bool sim_chance(struct sim *sim, enum sim_stream stream, uint32_t per_mille)
{
	struct sim_luck *luck;
	uint32_t number;

	if (per_mille == 0)
		return false;
	luck = luck_of(sim, stream);
	number = luck->number++;
	return prng_below(&luck->prng, 1000) < per_mille && strikes(sim, stream, number);
}
