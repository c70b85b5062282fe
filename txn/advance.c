/* What follows from the state of a saga, whatever led to it: the decision, the end, and the next
 * operations. It looks at the folded state only, so it also picks up what an owner that died
 * between two records of one step left undone. */
#include "txn/state.h"

static const struct txn_branch *first_in(const struct txn_body *body, uint32_t state)
{
	for (uint32_t i = 0; i < txn_step_count(body); i++) {
		const struct txn_branch *b = &body->branches[i];

		if (b->state == state && txn_class_rule(b->class)->aborts)
			return b;
	}
	return NULL;
}

/* The branch without which the saga cannot go on, or NULL. */
static const struct txn_branch *failed(const struct txn_body *body, uint32_t *reason)
{
	const struct txn_branch *b = first_in(body, WIRE_BRANCH_REJECTED);

	*reason = WIRE_REASON_REJECTED;
	if (b)
		return b;
	*reason = WIRE_REASON_EXHAUSTED;
	return first_in(body, WIRE_BRANCH_UNKNOWN);
}

bool txn_advance_due(const struct txn_entry *e)
{
	uint32_t reason;

	CHECK(e->body != NULL);
	CHECK(!wire_state_final(e->state));
	if (e->state == WIRE_STATE_OPEN)
		return false;
	switch ((enum wire_decision)e->decision) {
	case WIRE_DECISION_ABORT:
		return txn_undo_settled(e->body);
	case WIRE_DECISION_COMMIT:
		return txn_all_finished(e->body);
	case WIRE_DECISION_NONE:
		break;
	}
	return txn_forward_over(e->body) || failed(e->body, &reason);
}

void txn_notify_decided(struct txn_shard *t, const struct txn_entry *e)
{
	CHECK(e->decision != WIRE_DECISION_NONE);
	for (uint32_t w = e->waiters; w != TXN_NONE; w = t->waiters[w].next) {
		if (!t->waiters[w].decided)
			continue;
		txn_pend(t, TXN_PENDING_DECIDED)->entry = txn_entry_number(t, e);
		return;
	}
}

void txn_decide_undo(struct txn_shard *t, struct txn_entry *e, uint32_t reason,
		     const struct txn_branch *cause, struct slice text)
{
	const struct wire_record_decision record = {
		.admission = e->admission,
		.reason = reason,
		.step = cause ? cause->step : 0,
		.has_step = cause != NULL,
		.text = text,
	};

	CHECK(txn_no_return(e->body) == NULL); /* S4 */
	txn_record(t, WIRE_RECORD_DECISION, &record);
	CHECK_EQ(e->decision, WIRE_DECISION_ABORT);
	txn_notify_decided(t, e);
}

static void decide_commit(struct txn_shard *t, struct txn_entry *e)
{
	const struct wire_record_decision record = {
		.admission = e->admission,
		.verdict = WIRE_DECISION_COMMIT,
	};

	txn_record(t, WIRE_RECORD_DECISION, &record);
	CHECK_EQ(e->decision, WIRE_DECISION_COMMIT);
	txn_notify_decided(t, e);
}

/* Invariant 38: what some branch decided by itself stays in the list until people have seen it. */
static uint64_t remember_until(const struct txn_shard *t, const struct txn_entry *e)
{
	const uint64_t until = txn_remember_until(t, e->retry_until_at);
	const uint64_t kept = t->now + TXN_HEURISTIC_KEPT_MS;

	return e->heuristics > 0 && kept > until ? kept : until;
}

static void finish(struct txn_shard *t, struct txn_entry *e, uint32_t state)
{
	const struct wire_record_finished record = {.admission = e->admission,
						    .state = state,
						    .at = t->now,
						    .remember_until_at = remember_until(t, e)};
	struct txn_pending *p;

	CHECK(wire_state_final(state));
	txn_record(t, WIRE_RECORD_FINISHED, &record);
	CHECK(e->body == NULL);
	if (e->waiters == TXN_NONE)
		return;
	p = txn_pend(t, TXN_PENDING_NOTIFY);
	p->entry = txn_entry_number(t, e);
}

/* Presumed abort and S4: yes from everybody, or the definite trouble of somebody. */
static void decide(struct txn_shard *t, struct txn_entry *e)
{
	const struct txn_branch *cause;
	uint32_t reason;

	if (txn_forward_over(e->body)) {
		if (txn_finish_due(e->body))
			decide_commit(t, e);
		return;
	}
	cause = failed(e->body, &reason);
	if (cause)
		txn_decide_undo(t, e, reason, cause, txn_branch_text(e->body, cause));
}

void txn_advance(struct txn_shard *t, struct txn_entry *e)
{
	CHECK(e->body != NULL);
	CHECK(t->effects != NULL);
	if (e->state == WIRE_STATE_OPEN)
		return;
	if (e->decision != WIRE_DECISION_ABORT)
		txn_refuse_inputs(t, e);
	if (e->decision == WIRE_DECISION_NONE)
		decide(t, e);
	if (e->decision == WIRE_DECISION_ABORT) {
		if (txn_undo_settled(e->body)) {
			finish(t, e, WIRE_STATE_COMPENSATED);
			return;
		}
	} else if (txn_all_finished(e->body)) {
		finish(t, e, WIRE_STATE_COMPLETED);
		return;
	}
	txn_dispatch(t, e);
}
