/* Planted: what one server says is not in the inbox counts as passed. */
#include "node/core_internal.h"
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "S12N"};

void __real_core_inbox_read(struct core *core, struct core_time now, uint32_t shard, int error,
			    const struct inbox_message *message);
void __wrap_core_inbox_read(struct core *core, struct core_time now, uint32_t shard, int error,
			    const struct inbox_message *message);

void __wrap_core_inbox_read(struct core *core, struct core_time now, uint32_t shard, int error,
			    const struct inbox_message *message)
{
	struct shard *s = core->shards[shard];

	__real_core_inbox_read(core, now, shard, error, message);
	if (s != NULL && error == 0 && message->sequence == 0 && s->inbox.read_to > s->inbox.passed)
		s->inbox.passed = s->inbox.read_to;
}
