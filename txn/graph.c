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

	CHECK(count <= WIRE_STEPS_MAX);
	return count == WIRE_STEPS_MAX ? UINT64_MAX : TXN_BIT(count) - 1;
}

/* ---- what has become of branches --------------------------------------------------------------
 */

/* Nothing of these branches is left, and nothing more will happen to them. */
static uint64_t settled(const struct txn_body *body)
{
	return txn_branches_in(body, TXN_BIT(WIRE_BRANCH_REJECTED) | TXN_BIT(WIRE_BRANCH_UNDONE) |
					     TXN_BIT(WIRE_BRANCH_SKIPPED) |
					     TXN_BIT(WIRE_BRANCH_DONE) |
					     TXN_BIT(WIRE_BRANCH_HEURISTIC));
}

/* Its forward operation is over, in a way that lets the saga go on. */
static bool passed(const struct txn_branch *b)
{
	switch ((enum wire_branch_state)b->state) {
	case WIRE_BRANCH_OK:
	case WIRE_BRANCH_DONE:
	case WIRE_BRANCH_FINISHING:
	case WIRE_BRANCH_HEURISTIC:
		return true;
	case WIRE_BRANCH_PARKED:
		return b->op == WIRE_OP_FINISH;
	case WIRE_BRANCH_REJECTED:
	case WIRE_BRANCH_UNDONE:
		return b->class == TXN_CLASS_OPTIONAL; /* S23: never while it is unknown */
	default:
		return false;
	}
}

static uint64_t passed_all(const struct txn_body *body)
{
	uint64_t found = 0;

	for (uint32_t i = 0; i < txn_step_count(body); i++)
		found |= passed(&body->branches[i]) ? TXN_BIT(i) : 0;
	return found;
}

static bool to_finish(const struct txn_branch *b)
{
	/* A step may name an operation that its class has no use for: one-phase is done at once. */
	return b->state == WIRE_BRANCH_OK && txn_op_rule(b->class, WIRE_OP_FINISH) != NULL;
}

bool txn_undo_settled(const struct txn_body *body)
{
	return settled(body) == txn_branches_all(body);
}

bool txn_forward_over(const struct txn_body *body)
{
	return passed_all(body) == txn_branches_all(body);
}

bool txn_finish_due(const struct txn_body *body)
{
	for (uint32_t i = 0; i < txn_step_count(body); i++) {
		if (to_finish(&body->branches[i]))
			return true;
	}
	return false;
}

bool txn_all_finished(const struct txn_body *body)
{
	return txn_forward_over(body) && !txn_finish_due(body) &&
	       txn_branches_in(body,
			       TXN_BIT(WIRE_BRANCH_FINISHING) | TXN_BIT(WIRE_BRANCH_PARKED)) == 0;
}

/* ---- beginnings -------------------------------------------------------------------------------
 */

static void begin(struct txn_shard *t, struct txn_branch *b, uint32_t op)
{
	const struct txn_op_rule *rule = txn_op_rule(b->class, op);

	CHECK(rule != NULL);
	CHECK(b->op < op); /* each class once, in rising order */
	txn_branch_move(t, b, rule->out);
	b->op = (uint8_t)op;
	b->has_operation = false;
	b->active_since = t->now;
	b->silent = 0;
	b->perhaps_out = false;
}

/* S4, S23: unknown is neither yes nor no, and the saga cannot go on before it is one of them. */
static void find_out(struct txn_shard *t, const struct txn_body *body, struct txn_branch *b)
{
	if (b->state != WIRE_BRANCH_UNKNOWN)
		return;
	if (b->class == TXN_CLASS_OPTIONAL && txn_step_of(body, b)->undo.size > 0)
		begin(t, b, WIRE_OP_UNDO);
	else if (txn_op_rule(b->class, WIRE_OP_SETTLE))
		begin(t, b, WIRE_OP_SETTLE);
}

/* Invariant 17: a forward operation begins when the ok of each step it depends on is recorded; and
 * 13: nothing is finished before all of them. */
void txn_graph_forward(struct txn_shard *t, struct txn_entry *e)
{
	struct txn_body *body = e->body;
	uint64_t ready;

	CHECK(e->state != WIRE_STATE_OPEN);
	CHECK(e->decision != WIRE_DECISION_ABORT);
	for (uint32_t i = 0; i < txn_step_count(body); i++)
		find_out(t, body, &body->branches[i]);
	ready = passed_all(body);
	for (uint32_t i = 0; i < txn_step_count(body); i++) {
		struct txn_branch *b = &body->branches[i];

		if ((b->state == WIRE_BRANCH_PENDING || b->state == WIRE_BRANCH_ENLISTED) &&
		    (body->plan->after[i] & ~ready) == 0)
			begin(t, b, WIRE_OP_FORWARD);
	}
	if (e->decision != WIRE_DECISION_COMMIT || ready != txn_branches_all(body))
		return;
	for (uint32_t i = 0; i < txn_step_count(body); i++) {
		if (to_finish(&body->branches[i]))
			begin(t, &body->branches[i], WIRE_OP_FINISH);
	}
}

/* Those that are settled, and all that depends on them, directly or not: what was settled before
 * the saga was undone (read-only, or optional and refused) still stands between its neighbours. */
static uint64_t undone(const struct txn_body *body)
{
	uint64_t done = settled(body);

	for (bool again = true; again;) {
		again = false;
		for (uint32_t i = 0; i < txn_step_count(body); i++) {
			if (!(done & TXN_BIT(i)) || !(body->plan->dependents[i] & ~done))
				continue;
			done &= ~TXN_BIT(i);
			again = true;
		}
	}
	return done;
}

/* Invariant 16: an undo begins when every step that depends on this one is settled. A step with
 * nothing to undo still waits its turn: it stands between its neighbours in the order. */
void txn_graph_undo(struct txn_shard *t, struct txn_entry *e)
{
	/* These may have acted and need an undo (T4). */
	const uint64_t undo_states = TXN_BIT(WIRE_BRANCH_OK) | TXN_BIT(WIRE_BRANCH_UNKNOWN) |
				     TXN_BIT(WIRE_BRANCH_ENLISTED);
	struct txn_body *body = e->body;
	bool again = true;

	CHECK_EQ(e->decision, WIRE_DECISION_ABORT);
	while (again) {
		const uint64_t done = undone(body);
		const uint64_t left = txn_branches_in(body, undo_states);

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

/* S4. A branch without return that has been asked, and has not definitely said no. */
struct txn_branch *txn_no_return(const struct txn_body *body)
{
	for (uint32_t i = 0; i < txn_step_count(body); i++) {
		struct txn_branch *b = &body->branches[i];

		if (txn_class_rule(b->class)->irrevocable && b->op != 0 && b->op != WIRE_OP_UNDO &&
		    b->state != WIRE_BRANCH_REJECTED)
			return b;
	}
	return NULL;
}

const struct txn_op_rule *txn_outstanding(const struct txn_branch *b)
{
	const struct txn_op_rule *rule = b->op ? txn_op_rule(b->class, b->op) : NULL;

	if (!rule)
		return NULL;
	return b->state == rule->out || b->state == WIRE_BRANCH_PARKED ? rule : NULL;
}

const struct uuid *txn_operation(const struct txn_entry *e, struct txn_branch *b)
{
	const struct txn_op_rule *rule = txn_op_rule(b->class, b->op);

	CHECK(rule != NULL);
	CHECK(e->body != NULL);
	if (!b->has_operation) {
		b->operation = uuid_operation(txn_entry_id(e), txn_step_of(e->body, b)->name,
					      slice_str(rule->name));
		b->has_operation = true;
	}
	return &b->operation;
}
