/* TICK: timers that are due, and how they are armed anew after a take-over. */
#include "txn/state.h"

/* When nobody has come back for too long (S9). */
static uint64_t idle_at(const struct txn_entry *e)
{
	return e->state == WIRE_STATE_OPEN ? e->body->touched_at + e->body->plan->plan.idle_ms
					   : UINT64_MAX;
}

static uint64_t ends_at(const struct txn_entry *e)
{
	return idle_at(e) < e->deadline_at ? idle_at(e) : e->deadline_at;
}

void txn_entry_arm(struct txn_shard *t, struct txn_entry *e)
{
	CHECK_EQ(e->decision, WIRE_DECISION_NONE);
	timer_arm(&t->timers, &e->timer, ends_at(e));
}

/* S4: the deadline cannot undo what may have happened; but it need not be asked for any longer. */
static void ask_no_more(struct txn_shard *t, const struct txn_entry *e, struct txn_branch *b)
{
	const struct wire_record_branch record = {
		.admission = e->admission,
		.step = b->step,
		.op = b->op,
		.event = WIRE_EVENT_UNKNOWN,
		.attempt = *txn_attempts(b, b->op) + 1,
		.code = err_to_wire(SAGA_E_TIMEOUT),
		.text = slice_str("the deadline is over"),
	};

	if (b->state == WIRE_BRANCH_ACTIVE)
		txn_record(t, WIRE_RECORD_BRANCH, &record);
}

static void entry_due(struct txn_shard *t, struct txn_entry *e)
{
	CHECK(e->body != NULL);
	CHECK(!wire_state_final(e->state));
	/* What cannot be sent is not unknown, and nothing could undo or settle it. */
	if (e->decision == WIRE_DECISION_NONE)
		txn_refuse_inputs(t, e);
	/* The deadline ends the way to a decision only. Whatever else is due follows from the
	 * state. */
	if (e->decision == WIRE_DECISION_NONE && !txn_advance_due(e)) {
		struct txn_branch *asked = txn_no_return(e->body);

		if (ends_at(e) > t->now) {
			txn_entry_arm(t, e);
			return;
		}
		t->stats.timeouts_total++;
		if (asked)
			ask_no_more(t, e, asked);
		else
			txn_decide_undo(t, e,
					e->deadline_at <= t->now ? WIRE_REASON_DEADLINE
								 : WIRE_REASON_IDLE,
					NULL, (struct slice){0});
	}
	txn_advance(t, e);
}

static void branch_due(struct txn_shard *t, struct txn_branch *b)
{
	struct txn_entry *e = &t->entries[b->entry];

	CHECK_LT(b->entry, t->entries_top);
	CHECK(e->body != NULL);
	CHECK(txn_outstanding(b) != NULL);
	if (b->wait == TXN_WAIT_RETRY) {
		if (!txn_refuse_input(t, e, b) &&
		    (b->state != WIRE_BRANCH_PARKED || txn_parked_turn(t, b)))
			txn_attempt_start(t, e, b);
		return;
	}
	CHECK_EQ(b->wait, TXN_WAIT_ANSWER);
	txn_attempt_due(t, e, b);
}

static bool room_for_one_more(const struct txn_shard *t)
{
	const struct buf *records = t->effects->records;

	CHECK_LE(t->pending_count, TXN_PENDING_MAX);
	CHECK_LE(records->size, records->max);
	return t->pending_count + TXN_PENDING_PER_EVENT <= TXN_PENDING_MAX &&
	       records->max - records->size >= TXN_RECORDS_PER_TIMER;
}

static struct txn_branch *branch_of(struct timer *timer)
{
	void *branch = timer; /* its first member */

	return timer->owner & TXN_TIMER_OF_BRANCH ? branch : NULL;
}

/* Whether this tick may say what can follow from the timer: at most one command for each step, each
 * with the input. What one saga has to say alone is never too much. */
static bool may_still_say(const struct txn_shard *t, struct timer *timer)
{
	const struct txn_branch *b = branch_of(timer);
	const struct txn_body *body = t->entries[b ? b->entry : timer->owner].body;
	uint64_t bytes = 0;
	uint32_t commands;

	CHECK(body != NULL);
	commands =
		b && (b->wait == TXN_WAIT_RETRY || t->now < b->ends_at) ? 1 : txn_step_count(body);
	if (b && commands == 1)
		bytes = txn_input_bound(body, b);
	else
		for (uint32_t i = 0; i < txn_step_count(body); i++)
			bytes += txn_input_bound(body, &body->branches[i]);
	return t->pending_commands == 0 ||
	       (t->pending_commands + commands <= TXN_TICK_COMMANDS_MAX &&
		t->pending_bytes + bytes <= TXN_TICK_BYTES_MAX);
}

void txn_decide_timers(struct txn_shard *t)
{
	struct timer *timer = timer_heap_peek(&t->timers);

	_Static_assert((int)WIRE_STEPS_MAX <= (int)TXN_TICK_COMMANDS_MAX, "one saga always fits");
	CHECK(t->event->kind == TXN_EVENT_TICK);
	CHECK(room_for_one_more(t));
	while (timer && timer->deadline <= t->now && room_for_one_more(t) &&
	       may_still_say(t, timer)) {
		timer_cancel(&t->timers, timer);
		if (branch_of(timer)) {
			branch_due(t, branch_of(timer));
		} else {
			CHECK_LT(timer->owner, t->entries_top);
			entry_due(t, &t->entries[timer->owner]);
		}
		timer = timer_heap_peek(&t->timers);
	}
	CHECK_LE(t->pending_commands, TXN_TICK_COMMANDS_MAX);
}

/* Attempts restart in full. What may be out already is sent again, paced, because everybody else's
 * is too (S16); what waits for a later time keeps it, though it may be out as well: the owner
 * before may have been ahead of what its records tell of its time. */
static void resume_branch(struct txn_shard *t, struct txn_branch *b, uint64_t *paced)
{
	uint64_t at = t->now;

	CHECK_EQ(b->wait, TXN_WAIT_NOTHING);
	CHECK(!timer_armed(&b->timer));
	if (!txn_outstanding(b))
		return;
	b->perhaps_out = true;
	if (b->next_at > t->now) {
		at = b->next_at;
	} else if (b->state == WIRE_BRANCH_PARKED && b->next_at == 0) {
		if (t->config.parked_retry_ms == 0) {
			b->wait = TXN_WAIT_OPERATOR;
			return;
		}
		at = txn_parked_next_at(t);
	} else if (b->state == WIRE_BRANCH_PARKED) {
		at = t->now; /* it is paced when it is due: txn_parked_turn */
	} else if (t->config.resend_per_second > 0) {
		at = t->now + *paced * 1000 / t->config.resend_per_second;
		++*paced;
	}
	b->wait = TXN_WAIT_RETRY;
	timer_arm(&t->timers, &b->timer, at);
}

void txn_resume(struct txn_shard *t, uint64_t now_ms, uint64_t epoch, uint64_t entropy)
{
	uint64_t paced = 0;

	CHECK(t->effects == NULL);
	CHECK(!t->replay.incomplete); /* S17 */
	CHECK_EQ(t->timers.count, 0);
	if (now_ms > t->now)
		t->now = now_ms;
	t->epoch = epoch;
	t->entropy = entropy;
	t->old_copies_until = t->now + txn_copy_gone_ms(t);
	for (uint32_t i = t->open_first; i != TXN_NONE; i = t->entries[i].body->open_next) {
		struct txn_entry *e = &t->entries[i];

		CHECK(e->body != NULL);
		if (txn_advance_due(e))
			timer_arm(&t->timers, &e->timer, t->now);
		else if (e->decision == WIRE_DECISION_NONE)
			txn_entry_arm(t, e);
		for (uint32_t j = 0; j < txn_step_count(e->body); j++)
			resume_branch(t, &e->body->branches[j], &paced);
	}
}
