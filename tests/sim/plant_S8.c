/* Planted: the low-water mark tells participants to forget sagas that are not finished. */
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "S8"};

uint64_t __real_txn_low_water(const struct txn_shard *t);
uint64_t __wrap_txn_low_water(const struct txn_shard *t);

uint64_t __wrap_txn_low_water(const struct txn_shard *t)
{
	return __real_txn_low_water(t) + 3;
}
