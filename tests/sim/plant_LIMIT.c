/* Planted: whatever comes is taken in, as long as there is any memory (34). */
#include "tests/sim/sim.h"
#include "txn/state.h"

const struct sim_plants sim_plants = {.name = "LIMIT"};

struct txn_shard *__real_txn_create(void *memory, size_t size, const struct txn_limits *limits,
				    const struct txn_config *config);
struct txn_shard *__wrap_txn_create(void *memory, size_t size, const struct txn_limits *limits,
				    const struct txn_config *config);

struct txn_shard *__wrap_txn_create(void *memory, size_t size, const struct txn_limits *limits,
				    const struct txn_config *config)
{
	struct txn_shard *t = __real_txn_create(memory, size, limits, config);

	t->limits.open_max = t->room.open;
	t->limits.branches_max = t->room.branches;
	t->limits.parked_max = t->room.open;
	return t;
}
