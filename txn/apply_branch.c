/* The fold of what becomes of branches, and of the decision that follows from it. */
#include "txn/state.h"

static int find_branch(struct txn_entry *e, uint32_t step, uint32_t op, struct txn_branch **branch)
{
	const struct txn_op_rule *rule;

	CHECK(e->body != NULL);
	if (step >= txn_step_count(e->body))
		return SAGA_E_STATE;
	rule = txn_outstanding(&e->body->branches[step]);
	if (!rule || rule->op != op)
		return SAGA_E_STATE;
	*branch = &e->body->branches[step];
	CHECK_EQ((*branch)->step, step);
	return 0;
}

/* Its operation is over: what is behind it may go on. */
static void leave(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b, uint32_t to)
{
	if (b->state == WIRE_BRANCH_PARKED) {
		CHECK(e->body->parked > 0);
		e->body->parked--;
	}
	txn_branch_move(t, b, to);
}

static void go_on(struct txn_shard *t, struct txn_entry *e)
{
	txn_entry_settle(t, e);
	if (e->decision == WIRE_DECISION_ABORT)
		txn_graph_undo(t, e);
	else
		txn_graph_forward(t, e);
}

static void note(struct txn_entry *e, struct txn_branch *b, const struct wire_record_branch *r)
{
	b->code = r->code;
	txn_text_set(e->body, b, r->text);
	if (r->event != WIRE_EVENT_AGAIN)
		*txn_result(b, r->op) = (uint8_t)r->event;
}

static int apply_ok(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b,
		    const struct wire_record_branch *r)
{
	const struct txn_op_rule *rule = txn_outstanding(b);
	int err;

	CHECK(rule != NULL);
	CHECK_EQ(rule->op, r->op);
	CHECK(r->event == WIRE_EVENT_OK || rule->read_only);
	err = rule->has_output ? txn_output_set(t, e->body, b, r->output) : 0;
	if (err)
		return err;
	note(e, b, r);
	leave(t, e, b, r->event == WIRE_EVENT_READ_ONLY ? WIRE_BRANCH_DONE : rule->done);
	/* S4: nothing takes it back, so the saga is decided. */
	if (txn_class_rule(b->class)->irrevocable && b->state == WIRE_BRANCH_OK)
		txn_entry_decide(t, e, WIRE_DECISION_COMMIT);
	go_on(t, e);
	return 0;
}

/* The end of a forward operation that is not an ok. */
static void apply_end(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b,
		      const struct wire_record_branch *r)
{
	CHECK(r->event == WIRE_EVENT_REJECTED || r->event == WIRE_EVENT_UNKNOWN);
	CHECK(e->decision != WIRE_DECISION_ABORT);
	note(e, b, r);
	leave(t, e, b,
	      r->event == WIRE_EVENT_REJECTED ? WIRE_BRANCH_REJECTED : WIRE_BRANCH_UNKNOWN);
	go_on(t, e);
}

/* Invariant 38: it is over for us, and kept in view. */
static void apply_heuristic(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b,
			    const struct wire_record_branch *r)
{
	note(e, b, r);
	leave(t, e, b, WIRE_BRANCH_HEURISTIC);
	e->heuristics++;
	CHECK_LE(e->heuristics, WIRE_STEPS_MAX);
	go_on(t, e);
}

static void apply_again(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b,
			const struct wire_record_branch *r)
{
	CHECK(txn_outstanding(b) != NULL);
	timer_cancel(&t->timers, &b->timer);
	b->wait = TXN_WAIT_NOTHING;
	b->next_at = r->next_at;
	note(e, b, r);
}

static bool may_be(const struct txn_op_rule *rule, uint32_t event)
{
	switch ((enum wire_branch_event)event) {
	case WIRE_EVENT_OK:
	case WIRE_EVENT_AGAIN:
	case WIRE_EVENT_DISPATCHED:
		return true;
	case WIRE_EVENT_REJECTED:
		return rule->refusable;
	case WIRE_EVENT_UNKNOWN:
		return !rule->parks;
	case WIRE_EVENT_READ_ONLY:
		return rule->read_only;
	case WIRE_EVENT_HEURISTIC:
		return rule->heuristic;
	}
	return false;
}

/* The first definite answer stands, whichever attempt it is to (28). */
static bool definite(uint32_t event)
{
	return event != WIRE_EVENT_AGAIN && event != WIRE_EVENT_UNKNOWN;
}

int txn_fold_branch(struct txn_shard *t, const struct wire_record_branch *r)
{
	const struct txn_op_rule *rule;
	struct txn_entry *e;
	struct txn_branch *b;
	uint32_t *attempts;
	bool latest;

	if (txn_find_open(t, r->admission, &e) || find_branch(e, r->step, r->op, &b))
		return SAGA_E_STATE;
	rule = txn_outstanding(b);
	CHECK(rule != NULL);
	attempts = txn_attempts(b, r->op);
	if (r->attempt == 0 || r->attempt > *attempts + 1 || !may_be(rule, r->event))
		return SAGA_E_STATE;
	latest = r->attempt == *attempts + 1;
	if (!latest && !definite(r->event))
		return SAGA_E_STATE;
	e->last_record = t->last_record + 1;

	if (r->event == WIRE_EVENT_DISPATCHED)
		return 0; /* implied by the records before it */
	if (latest)
		*attempts = r->attempt;
	if (r->event == WIRE_EVENT_OK || r->event == WIRE_EVENT_READ_ONLY)
		return apply_ok(t, e, b, r);
	if (r->event == WIRE_EVENT_HEURISTIC)
		apply_heuristic(t, e, b, r);
	else if (r->event == WIRE_EVENT_AGAIN)
		apply_again(t, e, b, r);
	else
		apply_end(t, e, b, r);
	return 0;
}

int txn_fold_parked(struct txn_shard *t, const struct wire_record_parked *r)
{
	const struct txn_op_rule *rule;
	struct txn_entry *e;
	struct txn_branch *b;

	if (txn_find_open(t, r->admission, &e) || find_branch(e, r->step, r->op, &b))
		return SAGA_E_STATE;
	rule = txn_outstanding(b);
	CHECK(rule != NULL);
	if (!rule->parks || b->state != rule->out || r->attempts != *txn_attempts(b, r->op) + 1)
		return SAGA_E_STATE;
	*txn_attempts(b, r->op) = r->attempts;
	b->code = r->code;
	txn_text_set(e->body, b, r->text);
	txn_branch_move(t, b, WIRE_BRANCH_PARKED);
	b->next_at = r->next_at;
	e->body->parked++;
	CHECK_LE(e->body->parked, txn_step_count(e->body));
	txn_entry_settle(t, e);
	e->last_record = t->last_record + 1;
	return 0;
}

/* ---- decisions --------------------------------------------------------------------------------
 */

/* What is out and unanswered counts as done until it is undone (T4). */
static void turn_round(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b)
{
	if (b->state == WIRE_BRANCH_PENDING) {
		txn_branch_move(t, b, WIRE_BRANCH_SKIPPED);
	} else if (b->state == WIRE_BRANCH_ACTIVE) {
		*txn_result(b, WIRE_OP_FORWARD) = WIRE_EVENT_UNKNOWN;
		txn_branch_move(t, b, WIRE_BRANCH_UNKNOWN);
	} else if (txn_outstanding(b) && b->op == WIRE_OP_SETTLE) {
		*txn_result(b, WIRE_OP_SETTLE) = WIRE_EVENT_UNKNOWN;
		leave(t, e, b, WIRE_BRANCH_SKIPPED); /* optional, and nothing would undo it */
	}
}

static int apply_abort(struct txn_shard *t, struct txn_entry *e,
		       const struct wire_record_decision *r)
{
	if (r->reason == WIRE_REASON_NONE || r->reason == WIRE_REASON_REFUSED ||
	    r->reason > WIRE_REASON_IDLE || (r->has_step && r->step >= txn_step_count(e->body)) ||
	    txn_no_return(e->body))
		return SAGA_E_STATE;
	e->reason = (uint8_t)r->reason;
	for (uint32_t i = 0; i < txn_step_count(e->body); i++)
		turn_round(t, e, &e->body->branches[i]);
	txn_entry_decide(t, e, WIRE_DECISION_ABORT);
	txn_graph_undo(t, e);
	CHECK_EQ(txn_branches_in(e->body, TXN_BIT(WIRE_BRANCH_PENDING) |
						  TXN_BIT(WIRE_BRANCH_ACTIVE) |
						  TXN_BIT(WIRE_BRANCH_SETTLING)),
		 0);
	return 0;
}

/* Invariant 13. */
static int apply_commit(struct txn_shard *t, struct txn_entry *e)
{
	if (e->state == WIRE_STATE_OPEN || !txn_forward_over(e->body))
		return SAGA_E_STATE;
	txn_entry_decide(t, e, WIRE_DECISION_COMMIT);
	txn_graph_forward(t, e);
	return 0;
}

int txn_fold_decision(struct txn_shard *t, const struct wire_record_decision *r)
{
	struct txn_entry *e;

	if (txn_find_open(t, r->admission, &e) || e->decision != WIRE_DECISION_NONE)
		return SAGA_E_STATE; /* invariant 11 */
	e->last_record = t->last_record + 1;
	return r->verdict == WIRE_DECISION_COMMIT ? apply_commit(t, e) : apply_abort(t, e, r);
}
