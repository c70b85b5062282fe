/* Planted: an entry of the inbox for which there is no room is passed. */
#include "node/core_internal.h"
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "S12W"};

bool __real_core_serve_inbox(struct shard *s, const struct txn_inbox_entry *entry, int *code);
bool __wrap_core_serve_inbox(struct shard *s, const struct txn_inbox_entry *entry, int *code);

bool __wrap_core_serve_inbox(struct shard *s, const struct txn_inbox_entry *entry, int *code)
{
	(void)__real_core_serve_inbox(s, entry, code);
	return true;
}
