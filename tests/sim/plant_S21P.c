/* Planted: who was the planner goes on writing plans. */
#include "sharding/control_internal.h"
#include "tests/sim/sim.h"

const struct sim_plants sim_plants = {.name = "S21P"};

bool __real_control_send(struct control *c, enum control_op_kind kind, uint32_t shard,
			 struct lease_request *request);
bool __wrap_control_send(struct control *c, enum control_op_kind kind, uint32_t shard,
			 struct lease_request *request);

bool __wrap_control_send(struct control *c, enum control_op_kind kind, uint32_t shard,
			 struct lease_request *request)
{
	if (kind == CONTROL_OP_PLAN)
		request->compare_count = 0;
	return __real_control_send(c, kind, shard, request);
}
