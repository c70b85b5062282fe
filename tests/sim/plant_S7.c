/* Planted: nobody looks at what this node knew of the journal. */
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "S7"};

void __real_core_assign(struct core *core, struct core_time now, uint32_t shard, uint64_t revision,
			uint64_t lease_generation, const struct highwater *mark, int halt_code);
void __wrap_core_assign(struct core *core, struct core_time now, uint32_t shard, uint64_t revision,
			uint64_t lease_generation, const struct highwater *mark, int halt_code);

void __wrap_core_assign(struct core *core, struct core_time now, uint32_t shard, uint64_t revision,
			uint64_t lease_generation, const struct highwater *mark, int halt_code)
{
	const struct highwater nothing = {0};

	(void)mark;
	__real_core_assign(core, now, shard, revision, lease_generation, &nothing, halt_code);
}
