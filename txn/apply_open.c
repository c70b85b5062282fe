/* The fold of an interactive transaction's beginnings (S9): branches come one by one, until the set
 * is closed. */
#include "txn/state.h"
#include "wire/batch.h"

static int find_interactive(struct txn_shard *t, uint64_t admission, struct txn_entry **entry)
{
	if (txn_find_open(t, admission, entry) || (*entry)->state != WIRE_STATE_OPEN)
		return SAGA_E_STATE;
	CHECK_EQ((*entry)->decision, WIRE_DECISION_NONE);
	return 0;
}

int txn_fold_enlisted(struct txn_shard *t, const struct wire_record_enlisted *r)
{
	struct txn_entry *e;
	uint32_t count;

	if (find_interactive(t, r->admission, &e) || !txn_step_sound(&r->step) ||
	    !txn_vote_sound(&r->step) || r->step.kind != 0 || r->step.flags != 0 ||
	    r->step.after.size > 0 || r->at > BATCH_TIME_MAX)
		return SAGA_E_STATE;
	count = txn_step_count(e->body);
	if (count >= WIRE_STEPS_MAX)
		return SAGA_E_STATE;
	for (uint32_t i = 0; i < count; i++) {
		if (slice_equal(e->body->plan->plan.steps[i].name, r->step.name))
			return SAGA_E_STATE;
	}
	if (t->branches >= t->room.branches || !txn_body_change(t, e, &r->step, NULL))
		return SAGA_E_NO_MEMORY;
	CHECK_EQ(txn_step_count(e->body), count + 1);
	e->body->touched_at = r->at;
	e->last_record = t->last_record + 1;
	return 0;
}

int txn_fold_closed(struct txn_shard *t, const struct wire_record_closed *r)
{
	struct txn_entry *e;

	if (find_interactive(t, r->admission, &e) || r->at > BATCH_TIME_MAX)
		return SAGA_E_STATE;
	if (r->has_input && !txn_body_change(t, e, NULL, &r->input))
		return SAGA_E_NO_MEMORY;
	e->body->touched_at = r->at;
	e->last_record = t->last_record + 1;
	txn_entry_move(t, e, WIRE_STATE_RUNNING);
	txn_graph_forward(t, e);
	return 0;
}
