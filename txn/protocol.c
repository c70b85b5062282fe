#include "txn/protocol.h"

#include <stddef.h>

#include "wire/message.h"

#define BIT(number) (UINT64_C(1) << (number))

/* FINISH gets its row together with the first protocol that has one. */
static const struct txn_op_rule op_rules[] = {
	{
		.op = WIRE_OP_FORWARD,
		.name = "forward",
		.out = WIRE_BRANCH_ACTIVE,
		.done = WIRE_BRANCH_OK,
		.refusable = true,
		.parks = false,
		.has_deadline = true,
	},
	{
		.op = WIRE_OP_UNDO,
		.name = "undo",
		.out = WIRE_BRANCH_UNDOING,
		.done = WIRE_BRANCH_UNDONE,
		.refusable = false,
		.parks = true,
		.has_deadline = false,
	},
};

static const struct txn_protocol protocols[] = {
	{
		.protocol = WIRE_PROTOCOL_SAGA,
		.name = "saga",
		.forward_done = WIRE_STATE_COMPLETED,
		.undo_done = WIRE_STATE_COMPENSATED,
		.undo_states = BIT(WIRE_BRANCH_OK) | BIT(WIRE_BRANCH_UNKNOWN),
	},
};

const struct txn_op_rule *txn_op_rule(uint32_t op)
{
	for (size_t i = 0; i < sizeof op_rules / sizeof op_rules[0]; i++) {
		if (op_rules[i].op == op)
			return &op_rules[i];
	}
	return NULL;
}

const struct txn_protocol *txn_protocol_find(uint32_t protocol)
{
	for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
		if (protocols[i].protocol == protocol)
			return &protocols[i];
	}
	return NULL;
}
