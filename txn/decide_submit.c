/* SUBMIT, from a client or from the inbox: the address, the id, the plan, the room; then ACCEPTED.
 */
#include "txn/state.h"
#include "wire/plan.h"
#include "wire/plan_cache.h"

static void refuse(struct txn_shard *t, struct slice id, int code, struct slice text)
{
	struct txn_pending *p;

	CHECK(code < 0);
	CHECK(t->effects != NULL);
	if (txn_from_inbox(t)) {
		txn_inbox_refused(t, id, code, text);
		return;
	}
	p = txn_pend_answer(t, NULL, id_valid(id) ? id : (struct slice){0}, code);
	p->text = txn_text_cut(text, WIRE_TEXT_SIZE_MAX);
	t->stats.refused_total++;
}

/* S2: what is said of an id that nobody holds, or of the past. The entry of the inbox has a record
 * of its own anyway. */
static void prove_owner(struct txn_shard *t)
{
	if (!txn_from_inbox(t))
		txn_record_noop(t);
}

static struct txn_pending *refuse_busy(struct txn_shard *t, struct txn_entry *e, struct slice id)
{
	struct txn_pending *p = txn_pend_answer(t, e, id, SAGA_E_BUSY);

	CHECK(p->code != 0);
	if (txn_from_inbox(t)) { /* S19: it waits where it is; nobody listens to the answer */
		t->effects->inbox_waits = true;
		return p;
	}
	p->retry_after_ms = txn_busy_retry_ms(t);
	CHECK_LE(p->retry_after_ms, 2 * TXN_BUSY_RETRY_MAX_MS);
	t->stats.refused_total++;
	return p;
}

static void refuse_known(struct txn_shard *t, struct txn_entry *e, int code)
{
	if (txn_from_inbox(t)) {
		txn_inbox_refused(t, txn_entry_id(e), code, (struct slice){0});
		return;
	}
	(void)txn_pend_answer(t, e, txn_entry_id(e), code);
	t->stats.refused_total++;
}

/* The id is known: the same body is the same saga, another body a conflict (invariant 3). */
static void submit_again(struct txn_shard *t, const struct wire_submit *submit, struct txn_entry *e,
			 const struct hash128 *hash)
{
	CHECK(e->state != WIRE_STATE_NONE);
	CHECK(slice_equal(txn_entry_id(e), submit->id));
	if (e->state == WIRE_STATE_CANCELLED) {
		prove_owner(t);
		refuse_known(t, e, SAGA_E_CANCELLED);
		return;
	}
	if (!hash128_equal(&e->body_hash, hash)) {
		refuse_known(t, e, SAGA_E_CONFLICT);
		return;
	}
	if (txn_from_inbox(t)) {
		txn_inbox_taken(t, submit->id);
		return;
	}
	if (!e->body)
		txn_record_noop(t); /* S2: a stale owner must not tell an outcome */
	txn_answer_or_wait(t, e, submit->wait, submit->until);
}

/* The plan with no default left open, checked; in scratch, or with whoever knows it. */
static int resolve_plan(struct txn_shard *t, const struct wire_submit *submit,
			struct wire_plan *plan, struct slice *why)
{
	struct buf text;
	int err;

	CHECK(t->steps != NULL);
	if (submit->plan.known) {
		*plan = submit->plan.known->resolved;
		return 0;
	}
	*plan = submit->plan;
	CHECK_LE(plan->step_count, WIRE_STEPS_MAX); /* wire_body_hash has counted them */
	if (plan->step_count > 0)
		memcpy(t->steps, plan->steps, plan->step_count * sizeof *t->steps);
	plan->steps = t->steps;
	wire_plan_resolve(plan);
	buf_init_fixed(&text, t->scratch, WIRE_TEXT_SIZE_MAX);
	err = wire_plan_check(plan, &text);
	*why = buf_slice(&text);
	CHECK(err != 0 || txn_plan_sound(plan));
	return err;
}

static int resolve(struct txn_shard *t, const struct wire_submit *submit, struct wire_plan *plan,
		   struct slice *why)
{
	const int err = resolve_plan(t, submit, plan, why);
	uint32_t deadline_ms;

	if (err)
		return err;
	deadline_ms = submit->deadline_ms > 0 ? submit->deadline_ms : plan->deadline_ms;
	if (deadline_ms < 10 || deadline_ms > t->config.deadline_max_ms) {
		*why = slice_str("deadline_ms must be 10 ms to saga.deadline_max");
		return SAGA_E_DEADLINE;
	}
	CHECK_LE(submit->label_count, WIRE_LABELS_MAX); /* likewise */
	CHECK_LE(submit->input.size, WIRE_INPUT_SIZE_MAX);
	return 0;
}

/* S19: the worst case of the saga fits. After the replay of a journal that was written under larger
 * limits there may be more than ours allow: then nothing is taken in until there is less. */
static bool has_room(const struct txn_shard *t, const struct wire_record_accepted *r)
{
	CHECK_LE(t->open, t->room.open);
	CHECK_LE(t->branches, t->room.branches);
	return t->open < t->limits.open_max && txn_entry_free(t) &&
	       (uint64_t)t->branches + r->plan.step_count <= t->limits.branches_max &&
	       txn_body_fits(t, r);
}

static void accept(struct txn_shard *t, const struct wire_submit *submit,
		   const struct wire_record_accepted *r)
{
	const bool wait = submit->wait && t->event->reply_to != 0;
	struct txn_pending *p;
	struct txn_entry *e;
	int err;

	CHECK(r->deadline_at > t->now);
	/* What is parked stays until somebody acts, and what runs may join it (S19). */
	if (t->parked >= t->limits.parked_max) {
		refuse_busy(t, NULL, submit->id)->text =
			slice_str("too many parked sagas: they need an operator");
		return;
	}
	if (!has_room(t, r) || (wait && t->waiters_used >= t->limits.waiters_max)) {
		(void)refuse_busy(t, NULL, submit->id);
		return;
	}
	err = txn_record_accepted(t, r);
	if (err) {
		refuse(t, submit->id, err, (struct slice){0});
		return;
	}
	e = txn_entry_by_admission(t, r->admission);
	CHECK(e != NULL);
	if (txn_from_inbox(t))
		txn_inbox_taken(t,
				submit->id); /* S12: in the step, hence the batch, that accepts */
	txn_entry_arm(t, e);
	if (wait) {
		const bool added = txn_waiter_add(t, e, t->event->reply_to,
						  submit->until == WIRE_UNTIL_DECIDED);

		CHECK(added);
	}
	p = txn_pend_answer(t, e, submit->id, 0);
	p->final = !wait;
	txn_advance(t, e);
}

static void submit_new(struct txn_shard *t, const struct wire_submit *submit,
		       const struct hash128 *hash)
{
	struct wire_record_accepted r = {
		.saga = submit->id,
		.admission = t->next_admission,
		.body_hash = *hash,
		.input = submit->input,
		.accepted_at = t->now,
		.retry_until_at = submit->retry_until_at,
		.labels = submit->labels,
		.label_count = submit->label_count,
		.traceparent = submit->traceparent,
	};
	struct slice why = {0};
	int err;

	CHECK(t->next_admission > 0);
	if (submit->retry_until_at <= t->now) {
		prove_owner(t); /* S2: it says that nobody holds this id */
		refuse(t, submit->id, SAGA_E_EXPIRED, why);
		return;
	}
	if (!txn_window_allowed(t, submit->retry_until_at, &why)) {
		prove_owner(t); /* S2: it is only so because nobody holds this id */
		refuse(t, submit->id, SAGA_E_RANGE, why);
		return;
	}
	err = resolve(t, submit, &r.plan, &why);
	if (err) {
		refuse(t, submit->id, err, why);
		return;
	}
	r.deadline_at =
		t->now + (submit->deadline_ms > 0 ? submit->deadline_ms : r.plan.deadline_ms);
	CHECK(r.retry_until_at > t->now);
	accept(t, submit, &r);
}

void txn_decide_submit(struct txn_shard *t, const struct wire_submit *submit)
{
	struct txn_entry *e;
	struct hash128 hash;
	struct buf scratch;
	int err;

	CHECK(submit != NULL);
	CHECK(t->event->kind == TXN_EVENT_SUBMIT || txn_from_inbox(t));
	if (!id_valid(submit->id)) {
		refuse(t, submit->id, SAGA_E_NAME, (struct slice){0});
		return;
	}
	if (wire_shard_of(t->config.slots, submit->id) != t->config.shard) {
		refuse(t, submit->id, SAGA_E_WRONG_SHARD, (struct slice){0}); /* S11 */
		return;
	}
	buf_init_fixed(&scratch, t->scratch, TXN_SCRATCH_SIZE);
	err = wire_body_hash(submit, &scratch, &hash);
	if (err) {
		refuse(t, submit->id, err, (struct slice){0});
		return;
	}
	e = txn_entry_known(t, submit->id, t->now);
	if (e && !txn_entry_refused(e))
		submit_again(t, submit, e, &hash);
	else
		submit_new(t, submit, &hash);
}
