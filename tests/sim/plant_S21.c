/* Planted: who acquires a shard does not compare the plan. */
#include "sharding/control_internal.h"
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "S21"};

bool __real_control_send(struct control *c, enum control_op_kind kind, uint32_t shard,
			 struct lease_request *request);
bool __wrap_control_send(struct control *c, enum control_op_kind kind, uint32_t shard,
			 struct lease_request *request);

bool __wrap_control_send(struct control *c, enum control_op_kind kind, uint32_t shard,
			 struct lease_request *request)
{
	if (kind == CONTROL_OP_ACQUIRE && request->write_count == 1)
		request->compare_count = 1;
	return __real_control_send(c, kind, shard, request);
}
