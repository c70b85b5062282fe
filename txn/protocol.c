#include "txn/protocol.h"

#include <stddef.h>

#include "base/check.h"
#include "wire/plan.h"

static const struct txn_op_rule forward = {
	.op = WIRE_OP_FORWARD,
	.name = "forward",
	.out = WIRE_BRANCH_ACTIVE,
	.done = WIRE_BRANCH_OK,
	.refusable = true,
	.has_deadline = true,
	.has_output = true,
};

static const struct txn_op_rule forward_vote = {
	.op = WIRE_OP_FORWARD,
	.name = "forward",
	.out = WIRE_BRANCH_ACTIVE,
	.done = WIRE_BRANCH_OK,
	.refusable = true,
	.has_deadline = true,
	.read_only = true,
	.has_output = true,
};

static const struct txn_op_rule forward_retriable = {
	.op = WIRE_OP_FORWARD,
	.name = "forward",
	.out = WIRE_BRANCH_ACTIVE,
	.done = WIRE_BRANCH_OK,
	.parks = true,
	.has_output = true,
};

static const struct txn_op_rule finish = {
	.op = WIRE_OP_FINISH,
	.name = "finish",
	.out = WIRE_BRANCH_FINISHING,
	.done = WIRE_BRANCH_DONE,
	.parks = true,
	.heuristic = true,
	.undo_retry = true,
};

static const struct txn_op_rule undo = {
	.op = WIRE_OP_UNDO,
	.name = "undo",
	.out = WIRE_BRANCH_UNDOING,
	.done = WIRE_BRANCH_UNDONE,
	.parks = true,
	.undo_retry = true,
};

static const struct txn_op_rule undo_vote = {
	.op = WIRE_OP_UNDO,
	.name = "undo",
	.out = WIRE_BRANCH_UNDOING,
	.done = WIRE_BRANCH_UNDONE,
	.parks = true,
	.heuristic = true,
	.undo_retry = true,
};

static const struct txn_op_rule settle = {
	.op = WIRE_OP_SETTLE,
	.name = "settle",
	.out = WIRE_BRANCH_SETTLING,
	.done = WIRE_BRANCH_OK,
	.refusable = true,
	.parks = true,
	.has_output = true,
	.undo_retry = true,
};

#define OPS(forward_, finish_, undo_, settle_)                                                     \
	{                                                                                          \
		[WIRE_OP_FORWARD - 1] = (forward_), [WIRE_OP_FINISH - 1] = (finish_),              \
				   [WIRE_OP_UNDO - 1] = (undo_), [WIRE_OP_SETTLE - 1] = (settle_)  \
	}

static const struct txn_class_rule classes[TXN_CLASSES] = {
	[TXN_CLASS_ACTION] = {.name = "action",
			      .ops = OPS(&forward, NULL, &undo, NULL),
			      .aborts = true},
	[TXN_CLASS_OPTIONAL] = {.name = "optional", .ops = OPS(&forward, NULL, &undo, &settle)},
	[TXN_CLASS_PIVOT] = {.name = "pivot",
			     .ops = OPS(&forward, NULL, NULL, &settle),
			     .aborts = true,
			     .irrevocable = true},
	[TXN_CLASS_RETRIABLE] = {.name = "retriable",
				 .ops = OPS(&forward_retriable, NULL, NULL, NULL)},
	[TXN_CLASS_VOTE] = {.name = "vote",
			    .ops = OPS(&forward_vote, &finish, &undo_vote, NULL),
			    .aborts = true},
	[TXN_CLASS_ONE_PHASE] = {.name = "one-phase",
				 .ops = OPS(&forward, NULL, &undo_vote, &settle),
				 .aborts = true,
				 .irrevocable = true},
};

static const struct {
	uint32_t kind, flags;
	enum txn_class of;
} kinds[] = {
	{WIRE_PROTOCOL_SAGA, 0, TXN_CLASS_ACTION},
	{WIRE_PROTOCOL_SAGA, WIRE_STEP_OPTIONAL, TXN_CLASS_OPTIONAL},
	{WIRE_PROTOCOL_SAGA, WIRE_STEP_PIVOT, TXN_CLASS_PIVOT},
	{WIRE_PROTOCOL_SAGA, WIRE_STEP_RETRIABLE, TXN_CLASS_RETRIABLE},
	{WIRE_PROTOCOL_TCC, 0, TXN_CLASS_VOTE},
	{WIRE_PROTOCOL_2PC, 0, TXN_CLASS_VOTE},
	{WIRE_PROTOCOL_2PC, WIRE_STEP_PIVOT, TXN_CLASS_PIVOT},
};

enum txn_class txn_class_of(const struct wire_plan *plan, uint32_t step)
{
	const struct wire_step *s = &plan->steps[step];
	const uint32_t kind = wire_step_kind(plan, s);

	/* Nobody else votes: there is nothing to wait for between prepare and commit. */
	if (plan->step_count == 1 && kind == WIRE_PROTOCOL_2PC && s->flags == 0 &&
	    s->one_phase.size > 0)
		return TXN_CLASS_ONE_PHASE;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (kinds[i].kind == kind && kinds[i].flags == s->flags)
			return kinds[i].of;
	}
	return TXN_CLASSES;
}

const struct txn_class_rule *txn_class_rule(enum txn_class branch_class)
{
	CHECK_LT(branch_class, TXN_CLASSES);
	return &classes[branch_class];
}

const struct txn_op_rule *txn_op_rule(enum txn_class branch_class, uint32_t op)
{
	CHECK_LT(branch_class, TXN_CLASSES);
	return op >= WIRE_OP_FORWARD && op <= WIRE_OP_SETTLE ? classes[branch_class].ops[op - 1]
							     : NULL;
}
