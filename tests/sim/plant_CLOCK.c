/* Planted: shard time is the node's wall clock (S16, 25). */
#include "node/core_internal.h"
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "CLOCK"};

static uint64_t wall_ms; /* of the turn that runs */

void __real_core_turn(struct core *core, struct core_time now);
void __wrap_core_turn(struct core *core, struct core_time now);
void __real_shard_clock_advance(struct shard_clock *c, uint64_t mono_ms, bool running);
void __wrap_shard_clock_advance(struct shard_clock *c, uint64_t mono_ms, bool running);

void __wrap_core_turn(struct core *core, struct core_time now)
{
	wall_ms = now.wall_ms;
	__real_core_turn(core, now);
}

void __wrap_shard_clock_advance(struct shard_clock *c, uint64_t mono_ms, bool running)
{
	(void)running;
	c->mono_ms = mono_ms;
	if (c->time_ms < wall_ms) /* it must not go back: so it stands still */
		c->time_ms = wall_ms;
}
