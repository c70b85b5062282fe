#include "node/core_internal.h"

/* Shard time goes on from where the journal left it. The wall clock only says how long the gap was,
 * and only up to a clamp: a wrong clock must not make deadlines pass or remembered ids expire
 * (S16). An untouched journal (first_wall_ms != 0) starts at Unix time. */
void shard_clock_start(struct shard_clock *c, uint64_t last_ms, uint64_t first_wall_ms,
		       struct core_time now)
{
	c->mono_ms = now.mono_ms;
	if (first_wall_ms > last_ms) {
		c->time_ms = first_wall_ms;
		return;
	}
	uint64_t gap = now.wall_ms > last_ms ? now.wall_ms - last_ms : 0;
	if (gap > CORE_CLOCK_CATCHUP_MAX_MS)
		gap = CORE_CLOCK_CATCHUP_MAX_MS;
	c->time_ms = last_ms + gap;
}

void shard_clock_advance(struct shard_clock *c, uint64_t mono_ms, bool running)
{
	CHECK_LE(c->mono_ms, mono_ms);
	uint64_t step = mono_ms - c->mono_ms;
	c->mono_ms = mono_ms;
	if (!running)
		return;
	if (step > CORE_CLOCK_STEP_MAX_MS)
		step = CORE_CLOCK_STEP_MAX_MS;
	c->time_ms += step;
}
