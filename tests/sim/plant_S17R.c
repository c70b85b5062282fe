/* Planted: the oldest segment goes before what lives in it was carried forward. */
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "S17R"};

uint64_t __real_txn_whole_from(const struct txn_shard *t);
uint64_t __wrap_txn_whole_from(const struct txn_shard *t);

uint64_t __wrap_txn_whole_from(const struct txn_shard *t)
{
	return txn_last_record(t) + 1;
}
