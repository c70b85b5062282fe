/* REPLY: is it from the addressee of an operation that is out, and what does it mean?
 *
 *   not for us, or never asked for   ignored and counted; no disposition (invariant 27)
 *   saga or operation is over        obsolete; if somebody waits for that, with a record behind
 *                                    it (S2)
 *   says what is recorded already    recorded; waits for that record like everything else
 *   answers what is out              recorded; ok and rejected from any attempt, also of an older
 *                                    epoch (S24); trouble only from the attempt that is out
 */
#include "txn/state.h"

static void ignore(struct txn_shard *t)
{
	CHECK(t->effects != NULL);
	CHECK_EQ(t->last_record, t->step_first_record);
	t->stats.ignored_total++;
}

static void dispose(struct txn_shard *t, const struct wire_reply *reply, uint32_t kind)
{
	struct txn_pending *p;

	CHECK(kind == WIRE_DISPOSITION_RECORDED || kind == WIRE_DISPOSITION_OBSOLETE);
	t->stats.obsolete_total += kind == WIRE_DISPOSITION_OBSOLETE;
	/* The answer to a call wants none: there is nothing to acknowledge, and what is not said
	 * needs no record behind it (S2). */
	if (t->event->reply_to == 0)
		return;
	p = txn_pend(t, TXN_PENDING_DISPOSITION);
	p->reply_to = t->event->reply_to;
	p->operation = reply->operation;
	p->attempt = reply->attempt;
	p->disposition = kind;
	if (kind != WIRE_DISPOSITION_OBSOLETE)
		return;
	txn_record_noop(t);
	CHECK(t->last_record > t->step_first_record);
}

static bool outcome_known(uint32_t outcome)
{
	return outcome >= WIRE_OUTCOME_OK && outcome <= WIRE_OUTCOME_HEURISTIC;
}

/* The branch, if the reply comes from the plan's service for it and names its operation. */
static struct txn_branch *addressee(const struct txn_entry *e, const struct wire_reply *reply,
				    struct slice service)
{
	const struct txn_op_rule *rule;
	const struct wire_step *step;
	struct txn_branch *b;
	struct uuid operation;

	CHECK(e->body != NULL);
	if (reply->step >= txn_step_count(e->body))
		return NULL;
	b = &e->body->branches[reply->step];
	rule = txn_op_rule(b->class, reply->op);
	if (!rule)
		return NULL;
	step = txn_step_of(e->body, b);
	CHECK_EQ(b->step, reply->step);
	if (!slice_equal(step->service, service))
		return NULL;
	if (b->op == reply->op)
		operation = *txn_operation(e, b);
	else
		operation = uuid_operation(txn_entry_id(e), step->name, slice_str(rule->name));
	return uuid_equal(&operation, &reply->operation) ? b : NULL;
}

static bool says_yes(uint32_t outcome)
{
	return outcome == WIRE_OUTCOME_OK || outcome == WIRE_OUTCOME_READ_ONLY;
}

/* Says once more what is recorded. */
static bool repeats(uint32_t result, uint32_t outcome)
{
	switch (result) {
	case WIRE_EVENT_OK:
	case WIRE_EVENT_READ_ONLY:
		return says_yes(outcome);
	case WIRE_EVENT_REJECTED:
		return outcome == WIRE_OUTCOME_REJECTED;
	case WIRE_EVENT_HEURISTIC:
		return outcome == WIRE_OUTCOME_HEURISTIC;
	default:
		return false;
	}
}

/* Invariant 28: the first definite answer stands. What a barrier has blocked is a no, too. */
static bool contradicts(struct txn_branch *b, const struct wire_reply *reply, uint32_t result)
{
	if (result == WIRE_EVENT_OK || result == WIRE_EVENT_READ_ONLY)
		return reply->outcome == WIRE_OUTCOME_REJECTED;
	if (reply->op == WIRE_OP_FORWARD && result == WIRE_EVENT_UNKNOWN &&
	    *txn_result(b, WIRE_OP_SETTLE) == WIRE_EVENT_REJECTED)
		return says_yes(reply->outcome);
	return result == WIRE_EVENT_REJECTED && says_yes(reply->outcome);
}

/* The operation is not out (any more). */
static void reply_late(struct txn_shard *t, struct txn_branch *b, const struct wire_reply *reply)
{
	const uint8_t result = *txn_result(b, reply->op);

	CHECK(!txn_outstanding(b) || b->op != reply->op);
	if (result == 0) {
		ignore(t); /* never dispatched */
	} else if (repeats(result, reply->outcome)) {
		dispose(t, reply, WIRE_DISPOSITION_RECORDED);
	} else {
		if (contradicts(b, reply, result)) {
			t->stats.contradictions_total++;
			t->effects->contradiction = true;
		}
		/* Rows 36, 37: nobody's fault. What may have acted is undone, so there is nothing
		 * to do but count; and what runs after its undo is stopped by the barrier. */
		if (result == WIRE_EVENT_UNKNOWN && reply->outcome == WIRE_OUTCOME_OK)
			t->stats.late_total++;
		dispose(t, reply, WIRE_DISPOSITION_OBSOLETE);
	}
}

static void reply_ok(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b,
		     const struct wire_reply *reply, struct slice instance)
{
	const bool read_only =
		reply->outcome == WIRE_OUTCOME_READ_ONLY && txn_outstanding(b)->read_only;
	const bool decided = e->decision != WIRE_DECISION_NONE;
	struct wire_record_branch r = {
		.admission = e->admission,
		.step = b->step,
		.op = b->op,
		.event = read_only ? WIRE_EVENT_READ_ONLY : WIRE_EVENT_OK,
		.attempt = reply->attempt,
		.code = reply->code,
		.text = reply->text,
		.output = reply->output,
		.instance = instance,
		.barrier = reply->barrier,
	};

	CHECK(says_yes(reply->outcome));
	/* Row 40: the outcome is kept, the payload replaced by a marker: no output, but a code. */
	if (!txn_output_fits(t, e->body, r.output.size)) {
		r.output = (struct slice){0};
		if (r.code == 0)
			r.code = err_to_wire(SAGA_E_TOO_LARGE);
		if (r.text.size == 0)
			r.text = slice_str("too_large: the output was dropped");
	}
	txn_record(t, WIRE_RECORD_BRANCH, &r);
	CHECK(e->body != NULL);
	if (!decided && e->decision != WIRE_DECISION_NONE)
		txn_notify_decided(t, e); /* S4: the yes of what nothing takes back */
	txn_advance(t, e);
}

/* Invariant 38: kept, counted, and somebody is called. */
static void reply_heuristic(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b,
			    const struct wire_reply *reply, struct slice instance)
{
	const struct wire_record_branch r = {
		.admission = e->admission,
		.step = b->step,
		.op = b->op,
		.event = WIRE_EVENT_HEURISTIC,
		.attempt = reply->attempt,
		.code = reply->code != 0 ? reply->code : err_to_wire(SAGA_E_HEURISTIC_HAZARD),
		.text = reply->text,
		.instance = instance,
		.barrier = reply->barrier,
	};

	txn_record(t, WIRE_RECORD_BRANCH, &r);
	txn_pend_alert(t, b, r.attempt, r.code, r.text);
	txn_advance(t, e);
}

static void reply_rejected(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b,
			   const struct wire_reply *reply, struct slice instance)
{
	const struct wire_record_branch r = {
		.admission = e->admission,
		.step = b->step,
		.op = b->op,
		.event = WIRE_EVENT_REJECTED,
		.attempt = reply->attempt,
		.code = reply->code,
		.text = reply->text,
		.instance = instance,
		.barrier = reply->barrier,
	};

	CHECK_EQ(reply->outcome, WIRE_OUTCOME_REJECTED);
	CHECK(txn_outstanding(b) && txn_outstanding(b)->refusable);
	txn_record(t, WIRE_RECORD_BRANCH, &r);
	txn_advance(t, e);
}

/* Trouble with an attempt that was counted before is no news of the one that is out, and there is
 * none with one that nobody has made: each costs a record and a turn of what is parked (S19). */
static bool is_news(struct txn_branch *b, uint32_t attempt)
{
	const bool by_owner_before = b->perhaps_out && b->delivery == 0;

	if (attempt <= *txn_attempts(b, b->op) || (b->wait != TXN_WAIT_ANSWER && !by_owner_before))
		return false;
	/* It is out no more, and the next one is the first of this owner. What was answered may
	 * have been another copy than the one in the stream (S14). */
	if (by_owner_before)
		b->delivery = WIRE_DELIVERY_DIRECT;
	return true;
}

static void reply_trouble(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b,
			  const struct wire_reply *reply, struct slice instance)
{
	const bool expired = reply->outcome == WIRE_OUTCOME_EXPIRED;
	const struct txn_failure why = {
		.code = reply->code == 0 && expired ? err_to_wire(SAGA_E_BELOW_LOW_WATER)
						    : reply->code,
		.text = reply->text,
		.instance = instance,
		.barrier = reply->barrier,
		.give_up = reply->outcome == WIRE_OUTCOME_PARK,
		.retry_after_ms = reply->retry_after_ms < TXN_RETRY_AFTER_MAX_MS
					  ? reply->retry_after_ms
					  : TXN_RETRY_AFTER_MAX_MS,
	};

	CHECK(txn_outstanding(b) != NULL);
	CHECK(reply->outcome != WIRE_OUTCOME_OK);
	if (is_news(b, reply->attempt))
		txn_attempt_failed(t, e, b, &why);
}

static void reply_outstanding(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b,
			      const struct wire_reply *reply, struct slice instance)
{
	const struct txn_op_rule *rule = txn_outstanding(b);

	CHECK(rule != NULL);
	CHECK_EQ(rule->op, reply->op);
	b->silent = 0;
	switch (reply->outcome) {
	case WIRE_OUTCOME_OK:
	case WIRE_OUTCOME_READ_ONLY:
		reply_ok(t, e, b, reply, instance);
		break;
	case WIRE_OUTCOME_WORKING:
		if (b->wait == TXN_WAIT_ANSWER)
			txn_delivery_working(t, e->body, b, reply);
		break;
	case WIRE_OUTCOME_STALE:
		if (b->wait == TXN_WAIT_ANSWER)
			txn_attempt_again(t, b);
		break;
	case WIRE_OUTCOME_HEURISTIC:
		if (rule->heuristic)
			reply_heuristic(t, e, b, reply, instance);
		else
			reply_trouble(t, e, b, reply, instance);
		break;
	case WIRE_OUTCOME_REJECTED:
		if (rule->refusable)
			reply_rejected(t, e, b, reply, instance);
		else
			reply_trouble(t, e, b, reply, instance); /* row 38 */
		break;
	default:
		reply_trouble(t, e, b, reply, instance);
	}
	dispose(t, reply, WIRE_DISPOSITION_RECORDED);
}

void txn_decide_reply(struct txn_shard *t, const struct wire_reply *reply, struct slice service,
		      struct slice instance)
{
	const struct txn_op_rule *rule;
	struct txn_entry *e;
	struct txn_branch *b;

	CHECK(reply != NULL);
	CHECK(t->event->kind == TXN_EVENT_REPLY);
	if (!id_valid(reply->saga) ||
	    wire_shard_of(t->config.slots, reply->saga) != t->config.shard) {
		ignore(t); /* S11: another shard may well have it open */
		return;
	}
	e = txn_entry_find(t, reply->saga);
	if (!e || !e->body) {
		dispose(t, reply, WIRE_DISPOSITION_OBSOLETE);
		return;
	}
	t->recent = txn_entry_number(t, e);
	b = addressee(e, reply, service);
	if (!b || !outcome_known(reply->outcome)) {
		ignore(t); /* row 35: unknown stays unknown, the timer runs on */
		return;
	}
	rule = txn_outstanding(b);
	if (!rule || rule->op != reply->op) {
		reply_late(t, b, reply);
		return;
	}
	if (reply->attempt == 0 || reply->attempt > *txn_attempts(b, b->op) + 1) {
		ignore(t); /* no such attempt was ever made */
		return;
	}
	reply_outstanding(t, e, b, reply, id_valid(instance) ? instance : (struct slice){0});
}
