/* ENLIST, COMMIT and INQUIRE: interactive transactions (S9), and participants in doubt. */
#include "txn/state.h"
#include "wire/plan.h"

/* The saga of this id, or NULL: answered, with a record behind it where it tells absence (S2). */
static struct txn_entry *known(struct txn_shard *t, struct slice id)
{
	struct txn_entry *e;

	if (!txn_addressed_here(t, id))
		return NULL;
	e = txn_entry_known(t, id, t->now);
	if (e && !txn_entry_refused(e))
		return e;
	txn_record_noop(t);
	(void)txn_pend_answer(t, NULL, id, SAGA_E_NOT_FOUND);
	t->stats.refused_total++;
	return NULL;
}

static struct txn_pending *refuse(struct txn_shard *t, struct txn_entry *e, int code)
{
	struct txn_pending *p = txn_pend_answer(t, e, txn_entry_id(e), code);

	CHECK(code < 0);
	if (code == SAGA_E_BUSY)
		p->retry_after_ms = txn_busy_retry_ms(t);
	t->stats.refused_total++;
	return p;
}

static bool interactive(const struct txn_body *body)
{
	return wire_plan_interactive(&body->plan->plan);
}

/* ---- enlist ----------------------------------------------------------------------------------
 */

/* The step as the plan would hold it; its index, in t->steps behind those that are there. */
static uint32_t resolve(struct txn_shard *t, const struct txn_body *body,
			const struct wire_enlist *enlist, struct wire_plan *plan)
{
	const uint32_t count = txn_step_count(body);

	CHECK_LT(count, WIRE_STEPS_MAX);
	*plan = body->plan->plan;
	if (count > 0)
		memcpy(t->steps, plan->steps, count * sizeof *t->steps);
	t->steps[count] = enlist->step;
	wire_step_resolve(plan, &t->steps[count]);
	plan->steps = t->steps;
	plan->step_count = count + 1;
	return count;
}

/* The same branch again is answered the same, until the set is closed. */
static bool enlisted_before(struct txn_shard *t, struct txn_entry *e,
			    const struct wire_enlist *enlist)
{
	struct wire_step step = enlist->step;
	const struct txn_plan *held = e->body->plan;

	wire_step_resolve(&held->plan, &step);
	for (uint32_t i = 0; i < held->plan.step_count; i++) {
		if (!slice_equal(held->plan.steps[i].name, step.name))
			continue;
		if (txn_step_equal(&held->plan.steps[i], &step))
			(void)txn_pend_answer(t, e, enlist->id, 0);
		else
			(void)refuse(t, e, SAGA_E_CONFLICT);
		return true;
	}
	return false;
}

static void enlist_new(struct txn_shard *t, struct txn_entry *e, const struct wire_enlist *enlist)
{
	struct wire_record_enlisted r = {.admission = e->admission, .at = t->now};
	struct wire_plan plan;
	struct buf text;
	uint32_t index;
	int err;

	if (txn_step_count(e->body) >= WIRE_STEPS_MAX) {
		refuse(t, e, SAGA_E_PLAN)->text =
			slice_str("it has 64 branches, the most there are");
		return;
	}
	index = resolve(t, e->body, enlist, &plan);
	buf_init_fixed(&text, t->scratch, WIRE_TEXT_SIZE_MAX);
	err = wire_step_check(&plan, index, &text);
	if (err) {
		refuse(t, e, err)->text = buf_slice(&text);
		return;
	}
	r.step = plan.steps[index];
	if (t->branches >= t->limits.branches_max || !txn_body_change_fits(t, e, &r.step, NULL)) {
		(void)refuse(t, e, SAGA_E_BUSY);
		return;
	}
	txn_record(t, WIRE_RECORD_ENLISTED, &r);
	txn_entry_arm(t, e);
	(void)txn_pend_answer(t, e, enlist->id, 0); /* S9: told when it is durable */
}

void txn_decide_enlist(struct txn_shard *t, const struct wire_enlist *enlist)
{
	struct txn_entry *e = known(t, enlist->id);

	CHECK(t->event->kind == TXN_EVENT_ENLIST);
	if (!e)
		return;
	if (!e->body)
		txn_record_noop(t); /* S2: it tells the end */
	if (e->state != WIRE_STATE_OPEN)
		(void)refuse(t, e, SAGA_E_CLOSED); /* row 42: whoever enlists rolls back */
	else if (!enlisted_before(t, e, enlist))
		enlist_new(t, e, enlist);
}

/* ---- commit ----------------------------------------------------------------------------------
 */

static bool same_set(const struct txn_body *body, const struct wire_commit *commit)
{
	struct hash128 hash = {0};

	for (uint32_t i = 0; i < txn_step_count(body); i++)
		wire_branch_set_add(&hash, &body->plan->plan.steps[i]);
	return commit->branch_count == txn_step_count(body) &&
	       hash128_equal(&hash, &commit->branch_hash);
}

static void close_set(struct txn_shard *t, struct txn_entry *e, const struct wire_commit *commit)
{
	const bool wait = commit->wait && t->event->reply_to != 0;
	const struct wire_record_closed r = {
		.admission = e->admission,
		.has_input = commit->input.size > 0,
		.input = commit->input,
		.at = t->now,
	};

	if (commit->input.size > WIRE_INPUT_SIZE_MAX) {
		(void)refuse(t, e, SAGA_E_TOO_LARGE);
		return;
	}
	if ((wait && t->waiters_used >= t->limits.waiters_max) ||
	    (r.has_input && !txn_body_change_fits(t, e, NULL, &r.input))) {
		(void)refuse(t, e, SAGA_E_BUSY);
		return;
	}
	txn_record(t, WIRE_RECORD_CLOSED, &r);
	txn_entry_arm(t, e);
	txn_answer_or_wait(t, e, wait, commit->until);
	txn_advance(t, e);
}

/* Again and again is answered with how it stands. */
void txn_decide_commit(struct txn_shard *t, const struct wire_commit *commit)
{
	struct txn_entry *e = known(t, commit->id);

	CHECK(t->event->kind == TXN_EVENT_COMMIT);
	if (!e)
		return;
	if (!e->body) {
		txn_record_noop(t);
		(void)txn_pend_answer(t, e, commit->id, 0);
	} else if (!interactive(e->body)) {
		refuse(t, e, SAGA_E_CLOSED)->text = slice_str("the saga is not interactive");
	} else if (!same_set(e->body, commit)) {
		(void)refuse(t, e, SAGA_E_BRANCHES);
	} else if (e->state == WIRE_STATE_OPEN) {
		close_set(t, e, commit);
	} else {
		txn_answer_or_wait(t, e, commit->wait, commit->until);
	}
}

/* ---- inquire ---------------------------------------------------------------------------------
 */

/* S20: whose branch it is, the subject proves. Of one that is not there nothing is decided as long
 * as it may still be enlisted; behind that it is told what a late one is (S9). */
static int may_inquire(const struct txn_entry *e, const struct wire_inquire *inquire,
		       struct slice service)
{
	const struct wire_plan *plan = &e->body->plan->plan;

	for (uint32_t i = 0; i < plan->step_count; i++) {
		const struct wire_step *step = &plan->steps[i];

		if (inquire->step.size == 0 && slice_equal(step->service, service))
			return 0;
		if (slice_equal(step->name, inquire->step))
			return slice_equal(step->service, service) ? 0 : SAGA_E_NOT_BRANCH;
	}
	if (!interactive(e->body))
		return SAGA_E_NOT_BRANCH;
	return e->state == WIRE_STATE_OPEN ? 0 : SAGA_E_CLOSED;
}

/* Row 43. What nobody knows was aborted, and from now on cannot be anything else (S2, 14). Of what
 * has ended nobody knows any more whose branches it had. */
void txn_decide_inquire(struct txn_shard *t, const struct wire_inquire *inquire,
			struct slice service)
{
	struct txn_pending *p;
	struct txn_entry *e;
	int err;

	CHECK(t->event->kind == TXN_EVENT_INQUIRE);
	if (!txn_addressed_here(t, inquire->id))
		return;
	e = txn_entry_known(t, inquire->id, t->now);
	if (!e || txn_entry_refused(e)) {
		txn_block_unknown(t, inquire->id, 0,
				  slice_str("nobody knew it when a participant asked"));
		return;
	}
	err = e->body ? may_inquire(e, inquire, service) : 0;
	if (err) {
		/* How it stands is not for others. */
		(void)txn_pend_answer(t, NULL, inquire->id, err);
		t->stats.refused_total++;
		return;
	}
	if (!e->body)
		txn_record_noop(t);
	p = txn_pend_answer(t, e, inquire->id, 0);
	if (e->decision == WIRE_DECISION_NONE)
		p->retry_after_ms = txn_busy_retry_ms(t);
}
