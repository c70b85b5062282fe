/* The fold of what is carried forward (S17). What is known must be the same as what is carried, so
 * that every replay proves every carry; what is not known is taken in, by a replay that began in
 * the middle, and by no other. */
#include "txn/state.h"
#include "wire/batch.h"
#include "wire/plan.h"

/* Whether this may come from before the record that the replay began with. `until`: a replay that
 * knows less may have forgotten earlier what was due. */
static bool may_be_new(const struct txn_shard *t, uint64_t admission, uint64_t until)
{
	return t->replay.incomplete && admission > 0 && admission < t->next_admission &&
	       (admission < t->replay.admissions || until <= t->clock);
}

static bool records_sound(const struct txn_shard *t, uint64_t first, uint64_t last)
{
	return first > 0 && first <= last && last <= t->last_record;
}

/* ---- unfinished ones: as they are --------------------------------------------------------------
 */

static bool branch_equal(const struct txn_body *body, const struct txn_branch *b,
			 const struct wire_carried_branch *c)
{
	return b->state == c->state && b->op == c->op && b->attempts[0] == c->forward_attempts &&
	       b->attempts[1] == c->finish_attempts && b->attempts[2] == c->undo_attempts &&
	       b->attempts[3] == c->settle_attempts && b->result[0] == c->forward_result &&
	       b->result[1] == c->finish_result && b->result[2] == c->undo_result &&
	       b->result[3] == c->settle_result && b->code == c->code && b->next_at == c->next_at &&
	       slice_equal(txn_branch_text(body, b), c->text) &&
	       slice_equal(slice_of(b->output, b->output_size), c->output);
}

static bool body_equal(const struct txn_body *body, const struct wire_record_carried *r)
{
	if (!txn_plan_equal(&body->plan->plan, &r->plan) || !slice_equal(body->input, r->input) ||
	    !slice_equal(body->traceparent, r->traceparent) ||
	    body->label_count != r->label_count || body->touched_at != r->touched_at ||
	    r->branch_count != txn_step_count(body))
		return false;
	for (uint32_t i = 0; i < r->label_count; i++) {
		if (!slice_equal(body->labels[i].key, r->labels[i].key) ||
		    !slice_equal(body->labels[i].value, r->labels[i].value))
			return false;
	}
	for (uint32_t i = 0; i < r->branch_count; i++) {
		if (!branch_equal(body, &body->branches[i], &r->branches[i]))
			return false;
	}
	return true;
}

static bool carried_equal(const struct txn_entry *e, const struct wire_record_carried *r)
{
	return e->body && e->state == r->state && e->decision == r->decision &&
	       e->reason == r->reason && slice_equal(txn_entry_id(e), r->saga) &&
	       hash128_equal(&e->body_hash, &r->body_hash) && e->accepted_at == r->accepted_at &&
	       e->deadline_at == r->deadline_at && e->retry_until_at == r->retry_until_at &&
	       e->first_record == r->first_record && e->last_record == r->last_record &&
	       body_equal(e->body, r);
}

/* ---- unfinished ones: whether the fold could ever come to it -----------------------------------
 */

/* What ended the operation that brought the branch to its state. 0 = it is under way, or there was
 * none, or nothing follows from it. */
static uint32_t result_of(const struct wire_carried_branch *c)
{
	switch (c->state) {
	case WIRE_BRANCH_OK:
	case WIRE_BRANCH_UNDONE:
		return WIRE_EVENT_OK;
	case WIRE_BRANCH_REJECTED:
		return WIRE_EVENT_REJECTED;
	case WIRE_BRANCH_UNKNOWN:
		return WIRE_EVENT_UNKNOWN;
	case WIRE_BRANCH_HEURISTIC:
		return WIRE_EVENT_HEURISTIC;
	case WIRE_BRANCH_DONE:
		return c->op == WIRE_OP_FINISH ? WIRE_EVENT_OK : WIRE_EVENT_READ_ONLY;
	default:
		return 0;
	}
}

static bool op_fits_state(const struct txn_op_rule *rule, uint32_t op, uint32_t state)
{
	switch ((enum wire_branch_state)state) {
	case WIRE_BRANCH_PENDING:
	case WIRE_BRANCH_ENLISTED:
		return op == 0;
	case WIRE_BRANCH_ACTIVE:
	case WIRE_BRANCH_SETTLING:
	case WIRE_BRANCH_FINISHING:
	case WIRE_BRANCH_UNDOING:
		return rule && rule->out == state;
	case WIRE_BRANCH_PARKED:
		return rule && rule->parks;
	case WIRE_BRANCH_OK:
	case WIRE_BRANCH_UNDONE:
		return rule && rule->done == state;
	case WIRE_BRANCH_DONE:
		return rule && (rule->done == state || rule->read_only);
	case WIRE_BRANCH_REJECTED:
		return rule && rule->refusable;
	case WIRE_BRANCH_UNKNOWN:
		return rule && op == WIRE_OP_FORWARD && !rule->parks;
	case WIRE_BRANCH_HEURISTIC:
		return rule && rule->heuristic;
	case WIRE_BRANCH_SKIPPED:
		return op == 0 || op == WIRE_OP_FORWARD || op == WIRE_OP_SETTLE;
	}
	return false;
}

/* The operation before led to the one that came last. */
static bool ops_follow(const struct wire_carried_branch *c)
{
	switch (c->op) {
	case WIRE_OP_FINISH:
		return c->forward_result == WIRE_EVENT_OK;
	case WIRE_OP_SETTLE:
		return c->forward_result == WIRE_EVENT_UNKNOWN;
	case WIRE_OP_UNDO: /* 0: enlisted, and never asked */
		return c->forward_result == 0 || c->forward_result == WIRE_EVENT_OK ||
		       c->forward_result == WIRE_EVENT_UNKNOWN;
	default:
		return true;
	}
}

static bool branch_sound(const struct txn_shard *t, enum txn_class class,
			 const struct wire_carried_branch *c)
{
	const uint32_t attempts[TXN_OPS] = {c->forward_attempts, c->finish_attempts,
					    c->undo_attempts, c->settle_attempts};
	const uint32_t results[TXN_OPS] = {c->forward_result, c->finish_result, c->undo_result,
					   c->settle_result};
	const struct txn_op_rule *rule = c->op ? txn_op_rule(class, c->op) : NULL;
	const bool out = rule && (c->state == rule->out || c->state == WIRE_BRANCH_PARKED);

	if ((c->op != 0 && !rule) || !op_fits_state(rule, c->op, c->state) || !ops_follow(c) ||
	    c->text.size > TXN_TEXT_KEPT_MAX)
		return false;
	for (uint32_t i = 0; i < TXN_OPS; i++) {
		const bool has = txn_op_rule(class, i + 1) && i + 1 <= c->op;

		if (attempts[i] > t->last_record || (!has && (attempts[i] > 0 || results[i] > 0)))
			return false;
	}
	if (out)
		return results[c->op - 1] == 0;
	return c->next_at == 0 && (result_of(c) == 0 || results[c->op - 1] == result_of(c));
}

static bool carried_sound(const struct txn_shard *t, const struct wire_record_carried *r)
{
	const bool interactive = wire_plan_interactive(&r->plan);

	if (r->saga.size == 0 || !txn_plan_sound_carried(&r->plan) ||
	    r->branch_count != r->plan.step_count || r->touched_at > BATCH_TIME_MAX ||
	    !records_sound(t, r->first_record, r->last_record) || wire_state_final(r->state) ||
	    (r->state == WIRE_STATE_OPEN && !interactive) || r->reason == WIRE_REASON_REFUSED)
		return false;
	for (uint32_t i = 0; i < r->branch_count; i++) {
		const uint32_t state = r->branches[i].state;

		if (!branch_sound(t, txn_class_of(&r->plan, i), &r->branches[i]) ||
		    (state == WIRE_BRANCH_PENDING && interactive) ||
		    (state == WIRE_BRANCH_ENLISTED && !interactive) ||
		    (state != WIRE_BRANCH_ENLISTED && r->state == WIRE_STATE_OPEN))
			return false;
	}
	return true;
}

/* S4: what nothing takes back is decided by its ok, and never after. */
static bool decision_sound(const struct txn_entry *e)
{
	for (uint32_t i = 0; i < txn_step_count(e->body); i++) {
		const struct txn_branch *b = &e->body->branches[i];

		if (txn_class_rule(b->class)->irrevocable && b->state != WIRE_BRANCH_OK &&
		    e->decision == WIRE_DECISION_COMMIT)
			return false;
	}
	return true;
}

/* ---- unfinished ones: into the state -----------------------------------------------------------
 */

static int branch_restore(struct txn_shard *t, struct txn_body *body, struct txn_branch *b,
			  const struct wire_carried_branch *c)
{
	b->state = (uint8_t)c->state;
	b->op = (uint8_t)c->op;
	b->attempts[0] = c->forward_attempts;
	b->attempts[1] = c->finish_attempts;
	b->attempts[2] = c->undo_attempts;
	b->attempts[3] = c->settle_attempts;
	b->result[0] = (uint8_t)c->forward_result;
	b->result[1] = (uint8_t)c->finish_result;
	b->result[2] = (uint8_t)c->undo_result;
	b->result[3] = (uint8_t)c->settle_result;
	b->code = c->code;
	b->next_at = c->next_at;
	txn_text_set(body, b, c->text);
	return txn_output_set(t, body, b, c->output);
}

static int body_restore(struct txn_shard *t, struct txn_entry *e,
			const struct wire_record_carried *r)
{
	const struct wire_record_accepted accepted = {
		.plan = r->plan,
		.input = r->input,
		.labels = r->labels,
		.label_count = r->label_count,
		.traceparent = r->traceparent,
	};
	int err = 0;

	e->body = txn_body_create(t, &accepted, txn_entry_number(t, e));
	if (!e->body)
		return SAGA_E_NO_MEMORY;
	e->body->touched_at = r->touched_at;
	for (uint32_t i = 0; i < r->branch_count && !err; i++) {
		struct txn_branch *b = &e->body->branches[i];

		err = branch_restore(t, e->body, b, &r->branches[i]);
		e->body->parked += b->state == WIRE_BRANCH_PARKED;
		e->heuristics = (uint8_t)(e->heuristics + (b->state == WIRE_BRANCH_HEURISTIC));
	}
	return err;
}

static int restore(struct txn_shard *t, const struct wire_record_carried *r)
{
	struct txn_entry *e;
	int err;

	if (!may_be_new(t, r->admission, UINT64_MAX) || !carried_sound(t, r) ||
	    txn_entry_find(t, r->saga))
		return SAGA_E_STATE;
	if (t->open >= t->room.open || r->plan.step_count > t->room.branches - t->branches)
		return SAGA_E_NO_MEMORY;
	e = txn_entry_restore(t, r->saga, r->plan.name, r->admission);
	if (!e)
		return SAGA_E_NO_MEMORY;
	err = body_restore(t, e, r);
	if (err)
		return err;
	e->body_hash = r->body_hash;
	e->accepted_at = r->accepted_at;
	e->deadline_at = r->deadline_at;
	e->retry_until_at = r->retry_until_at;
	e->definition_version = r->plan.version;
	e->first_record = r->first_record;
	e->last_record = r->last_record;
	e->state = (uint8_t)r->state;
	e->decision = (uint8_t)r->decision;
	e->reason = (uint8_t)r->reason;
	t->parked += e->state == WIRE_STATE_PARKED;
	txn_open_link(t, e);
	return decision_sound(e) && !txn_verify_open(t, e, false) ? 0 : SAGA_E_STATE;
}

int txn_fold_carried(struct txn_shard *t, const struct wire_record_carried *r)
{
	struct txn_entry *e = txn_entry_by_admission(t, r->admission);
	int err = 0;

	if (e && !carried_equal(e, r))
		return SAGA_E_STATE;
	for (uint32_t i = 0; i < r->branch_count; i++) {
		if (r->branches[i].began_at > BATCH_TIME_MAX)
			return SAGA_E_STATE;
	}
	if (e)
		txn_whole_here(t, e);
	else
		err = restore(t, r);
	if (err)
		return err;
	e = txn_entry_by_admission(t, r->admission);
	CHECK(e != NULL && e->body != NULL);
	/* No record had it before: the owner goes by its own clock, and each replay by that of the
	   batches. From here on all have the owner's. */
	for (uint32_t i = 0; i < r->branch_count; i++)
		e->body->branches[i].active_since = r->branches[i].began_at;
	txn_forget_due(t, TXN_EVICT_PER_CARRY);
	return 0;
}

/* ---- ids ---------------------------------------------------------------------------------------
 */

static bool remembered_equal(const struct txn_entry *e, const struct wire_remembered *r)
{
	return !e->body && e->state == r->state && e->decision == r->decision &&
	       e->reason == r->reason && slice_equal(txn_entry_id(e), r->saga) &&
	       slice_equal(txn_entry_definition(e), r->definition) &&
	       e->definition_version == r->definition_version &&
	       hash128_equal(&e->body_hash, &r->body_hash) && e->accepted_at == r->accepted_at &&
	       e->deadline_at == r->deadline_at && e->finished_at == r->finished_at &&
	       e->retry_until_at == r->retry_until_at &&
	       e->timer.deadline == r->remember_until_at && e->first_record == r->first_record &&
	       e->last_record == r->last_record && e->code == r->code &&
	       e->heuristics == r->heuristics;
}

static bool remembered_sound(const struct txn_shard *t, const struct wire_remembered *r)
{
	const uint32_t decision =
		r->state == WIRE_STATE_COMPLETED ? WIRE_DECISION_COMMIT : WIRE_DECISION_ABORT;
	const bool refused = r->reason == WIRE_REASON_REFUSED;

	if (!wire_state_final(r->state) || r->decision != decision || r->saga.size == 0 ||
	    r->heuristics > WIRE_STEPS_MAX || !records_sound(t, r->first_record, r->last_record) ||
	    r->remember_until_at < r->retry_until_at || r->remember_until_at <= r->finished_at)
		return false;
	switch ((enum wire_state)r->state) {
	case WIRE_STATE_COMPLETED:
		return r->reason == WIRE_REASON_NONE && r->definition.size > 0;
	case WIRE_STATE_COMPENSATED:
		return r->reason != WIRE_REASON_NONE && !refused && r->definition.size > 0;
	default:
		return (refused || r->reason == WIRE_REASON_CANCELLED) && r->definition.size == 0;
	}
}

static int remember(struct txn_shard *t, const struct wire_remembered *r)
{
	struct txn_entry *e;

	if (!may_be_new(t, r->admission, r->remember_until_at) || !remembered_sound(t, r) ||
	    txn_entry_find(t, r->saga))
		return SAGA_E_STATE;
	e = txn_entry_restore(t, r->saga, r->definition, r->admission);
	if (!e)
		return SAGA_E_NO_MEMORY;
	e->body_hash = r->body_hash;
	e->accepted_at = r->accepted_at;
	e->deadline_at = r->deadline_at;
	e->finished_at = r->finished_at;
	e->retry_until_at = r->retry_until_at;
	e->definition_version = r->definition_version;
	e->first_record = r->first_record;
	e->last_record = r->last_record;
	e->state = (uint8_t)r->state;
	e->decision = (uint8_t)r->decision;
	e->reason = (uint8_t)r->reason;
	e->code = r->code;
	e->heuristics = (uint8_t)r->heuristics;
	timer_arm_ordered(txn_memory_of(t, e), &e->timer, r->remember_until_at, e->admission);
	return 0;
}

int txn_fold_remembered(struct txn_shard *t, const struct wire_record_remembered *r)
{
	for (uint32_t i = 0; i < r->id_count; i++) {
		struct txn_entry *e = txn_entry_by_admission(t, r->ids[i].admission);
		int err = 0;

		if (!e)
			err = remember(t, &r->ids[i]);
		else if (remembered_equal(e, &r->ids[i]) && e->whole_record <= t->last_record)
			txn_whole_here(t, e);
		else
			err = SAGA_E_STATE; /* or it is there twice */
		if (err)
			return err;
	}
	txn_forget_due(t, TXN_EVICT_PER_CARRY);
	return 0;
}
