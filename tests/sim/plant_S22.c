/* Planted: the epoch is etcd's revision alone, which a restored etcd gives once more. */
#include "node/core_internal.h"
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "S22"};

void __real_shard_clock_start(struct shard_clock *c, uint64_t last_ms, uint64_t first_wall_ms,
			      struct core_time now);
void __wrap_shard_clock_start(struct shard_clock *c, uint64_t last_ms, uint64_t first_wall_ms,
			      struct core_time now);

/* Called when the epoch has just been worked out. */
void __wrap_shard_clock_start(struct shard_clock *c, uint64_t last_ms, uint64_t first_wall_ms,
			      struct core_time now)
{
	struct shard *s = (struct shard *)(void *)((uint8_t *)c - offsetof(struct shard, clock));

	s->epoch = s->revision;
	__real_shard_clock_start(c, last_ms, first_wall_ms, now);
}
