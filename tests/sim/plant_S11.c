/* Planted: an owner takes the submit of any shard. */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "S11"};

void __real_txn_decide_submit(struct txn_shard *t, const struct wire_submit *submit);
void __wrap_txn_decide_submit(struct txn_shard *t, const struct wire_submit *submit);
uint32_t __real_wire_shard_of(const struct wire_slots *slots, struct slice id);
uint32_t __wrap_wire_shard_of(const struct wire_slots *slots, struct slice id);

static const struct txn_shard *deciding; /* one seed runs at a time in a process */

void __wrap_txn_decide_submit(struct txn_shard *t, const struct wire_submit *submit)
{
	deciding = t;
	__real_txn_decide_submit(t, submit);
	deciding = NULL;
}

uint32_t __wrap_wire_shard_of(const struct wire_slots *slots, struct slice id)
{
	return deciding != NULL ? deciding->config.shard : __real_wire_shard_of(slots, id);
}
