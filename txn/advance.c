/* What follows from the state of a saga, whatever led to it: the decision to undo, the end, and the
 * next operations. It looks at the folded state only, so it also picks up what an owner that died
 * between two records of one step left undone. */
#include "txn/state.h"

static const struct txn_branch *first_in(const struct txn_body *body, uint32_t state)
{
	const uint64_t found = txn_branches_in(body, TXN_BIT(state));

	return found ? &body->branches[__builtin_ctzll(found)] : NULL;
}

static bool forward_done(const struct txn_body *body)
{
	return txn_branches_in(body, TXN_BIT(WIRE_BRANCH_OK)) == txn_branches_all(body);
}

bool txn_advance_due(const struct txn_entry *e)
{
	CHECK(e->body != NULL);
	CHECK(!wire_state_final(e->state));
	if (e->state != WIRE_STATE_RUNNING)
		return txn_undo_settled(e->body);
	return forward_done(e->body) || first_in(e->body, WIRE_BRANCH_REJECTED) ||
	       first_in(e->body, WIRE_BRANCH_UNKNOWN);
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

	CHECK_EQ(e->state, WIRE_STATE_RUNNING);
	CHECK(e->body->plan->protocol->undo_states != 0);
	txn_record(t, WIRE_RECORD_DECISION, &record);
	CHECK_EQ(e->state, WIRE_STATE_UNDOING);
}

static void finish(struct txn_shard *t, struct txn_entry *e, uint32_t state)
{
	const struct wire_record_finished record = {
		.admission = e->admission,
		.state = state,
		.at = t->now,
		.remember_until_at = txn_remember_until(t, e->retry_until_at)};
	struct txn_pending *p;

	CHECK(wire_state_final(state));
	txn_record(t, WIRE_RECORD_FINISHED, &record);
	CHECK(e->body == NULL);
	if (e->waiters == TXN_NONE)
		return;
	p = txn_pend(t, TXN_PENDING_NOTIFY);
	p->entry = txn_entry_number(t, e);
}

void txn_advance(struct txn_shard *t, struct txn_entry *e)
{
	const struct txn_branch *cause;

	CHECK(e->body != NULL);
	CHECK(t->effects != NULL);
	if (e->state == WIRE_STATE_RUNNING) {
		uint32_t reason = WIRE_REASON_REJECTED;

		if (forward_done(e->body)) {
			finish(t, e, e->body->plan->protocol->forward_done);
			return;
		}
		cause = first_in(e->body, WIRE_BRANCH_REJECTED);
		if (!cause) {
			cause = first_in(e->body, WIRE_BRANCH_UNKNOWN);
			reason = WIRE_REASON_EXHAUSTED;
		}
		if (cause)
			txn_decide_undo(t, e, reason, cause, txn_branch_text(e->body, cause));
	}
	if (e->state == WIRE_STATE_UNDOING && txn_undo_settled(e->body)) {
		finish(t, e, e->body->plan->protocol->undo_done);
		return;
	}
	txn_dispatch(t, e);
}
