/* Planted: finished ids are forgotten a second after the end, whatever their window. */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "S5"};

void __real_txn_remember(struct txn_shard *t, struct txn_entry *e, uint64_t until);
void __wrap_txn_remember(struct txn_shard *t, struct txn_entry *e, uint64_t until);

void __wrap_txn_remember(struct txn_shard *t, struct txn_entry *e, uint64_t until)
{
	(void)until;
	e->retry_until_at = 0;
	__real_txn_remember(t, e, 0);
}
