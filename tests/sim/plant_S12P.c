/* Planted: the inbox is purged up to the cursor in memory, which the journal may not have yet. */
#include "node/core_internal.h"
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "S12P"};

void __real_core_inbox_turn(struct shard *s);
void __wrap_core_inbox_turn(struct shard *s);

void __wrap_core_inbox_turn(struct shard *s)
{
	struct shard_inbox *in = &s->inbox;
	const uint64_t before = in->purged;

	__real_core_inbox_turn(s);
	if (s->engine == NULL || in->purged != before || txn_inbox(s->engine).sequence <= before)
		return;
	in->purged = txn_inbox(s->engine).sequence;
	s->core->config.inbox->ops->purge(s->core->config.inbox, s->number, in->purged);
}
