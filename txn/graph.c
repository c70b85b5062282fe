/* Readiness by the graph: a sequence is just a graph that is a line. */
#include "txn/state.h"

uint64_t txn_branches_in(const struct txn_body *body, uint64_t states)
{
	uint64_t found = 0;

	for (uint32_t i = 0; i < txn_step_count(body); i++) {
		if (states & TXN_BIT(body->branches[i].state))
			found |= TXN_BIT(i);
	}
	return found;
}

uint64_t txn_branches_all(const struct txn_body *body)
{
	const uint32_t count = txn_step_count(body);

	CHECK(count > 0 && count <= WIRE_STEPS_MAX);
	return count == WIRE_STEPS_MAX ? UINT64_MAX : TXN_BIT(count) - 1;
}

/* Nothing of these branches is left, and nothing more will happen to them. */
static uint64_t settled(const struct txn_body *body)
{
	return txn_branches_in(body, TXN_BIT(WIRE_BRANCH_REJECTED) | TXN_BIT(WIRE_BRANCH_UNDONE) |
					     TXN_BIT(WIRE_BRANCH_SKIPPED));
}

bool txn_undo_settled(const struct txn_body *body)
{
	return settled(body) == txn_branches_all(body);
}

static void begin(struct txn_shard *t, struct txn_branch *b, uint32_t op)
{
	const struct txn_op_rule *rule = txn_op_rule(op);

	CHECK(rule != NULL);
	CHECK(b->op < op); /* each class once, in rising order */
	txn_branch_move(t, b, rule->out);
	b->op = (uint8_t)op;
	b->has_operation = false;
	b->active_since = t->now;
	b->silent = 0;
	b->perhaps_out = false;
}

/* Invariant 17: a forward operation begins when the ok of each step it depends on is recorded. */
void txn_graph_forward(struct txn_shard *t, struct txn_entry *e)
{
	struct txn_body *body = e->body;
	const uint64_t ok = txn_branches_in(body, TXN_BIT(WIRE_BRANCH_OK));

	CHECK_EQ(e->state, WIRE_STATE_RUNNING);
	for (uint32_t i = 0; i < txn_step_count(body); i++) {
		if (body->branches[i].state == WIRE_BRANCH_PENDING &&
		    (body->plan->after[i] & ~ok) == 0)
			begin(t, &body->branches[i], WIRE_OP_FORWARD);
	}
}

/* Invariant 16: an undo begins when every step that depends on this one is settled. A step with
 * nothing to undo still waits its turn: it stands between its neighbours in the order. */
void txn_graph_undo(struct txn_shard *t, struct txn_entry *e)
{
	struct txn_body *body = e->body;
	bool again = true;

	CHECK(e->state == WIRE_STATE_UNDOING || e->state == WIRE_STATE_PARKED);
	while (again) {
		const uint64_t done = settled(body);
		const uint64_t left = txn_branches_in(body, body->plan->protocol->undo_states);

		again = false;
		for (uint32_t i = 0; i < txn_step_count(body); i++) {
			struct txn_branch *b = &body->branches[i];

			if (!(left & TXN_BIT(i)) || (body->plan->dependents[i] & ~done))
				continue;
			if (txn_step_of(body, b)->undo.size > 0) {
				begin(t, b, WIRE_OP_UNDO);
			} else {
				txn_branch_move(t, b, WIRE_BRANCH_SKIPPED);
				again = true;
			}
		}
	}
}

const struct txn_op_rule *txn_outstanding(const struct txn_branch *b)
{
	const struct txn_op_rule *rule = b->op ? txn_op_rule(b->op) : NULL;

	if (!rule)
		return NULL;
	return b->state == rule->out || b->state == WIRE_BRANCH_PARKED ? rule : NULL;
}

const struct uuid *txn_operation(const struct txn_entry *e, struct txn_branch *b)
{
	const struct txn_op_rule *rule = txn_op_rule(b->op);

	CHECK(rule != NULL);
	CHECK(e->body != NULL);
	if (!b->has_operation) {
		b->operation = uuid_operation(txn_entry_id(e), txn_step_of(e->body, b)->name,
					      slice_str(rule->name));
		b->has_operation = true;
	}
	return &b->operation;
}
