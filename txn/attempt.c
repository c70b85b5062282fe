/* The life of one operation: attempts, back-off, exhaustion, parking. */
#include "base/prng.h"
#include "txn/state.h"

uint64_t txn_random(struct txn_shard *t)
{
	return prng_mix(t->entropy + ++t->entropy_taken);
}

uint64_t txn_backoff_ms(const struct wire_retry *retry, uint32_t attempt, uint64_t entropy)
{
	uint64_t wait = retry->initial_ms;
	uint64_t span;

	CHECK(attempt > 0);
	CHECK(retry->jitter_percent <= 100);
	for (uint32_t i = 1; i < attempt && wait < retry->cap_ms; i++) {
		if (retry->factor_percent <= 100)
			break;
		wait = wait * retry->factor_percent / 100;
	}
	if (wait > retry->cap_ms)
		wait = retry->cap_ms;
	span = wait * retry->jitter_percent / 100;
	wait = wait - span + entropy % (2 * span + 1);
	return wait > 0 ? wait : 1;
}

static const struct wire_retry *retry_of(const struct wire_step *step,
					 const struct txn_op_rule *rule)
{
	return rule->undo_retry ? &step->undo_retry : &step->retry;
}

/* 0 = no budget. */
static uint64_t budget_end(const struct wire_step *step, const struct txn_branch *b)
{
	const struct txn_op_rule *rule = txn_op_rule(b->class, b->op);

	CHECK(rule != NULL);
	return rule->has_deadline && step->budget_ms > 0 ? b->active_since + step->budget_ms : 0;
}

uint64_t txn_attempt_end(const struct txn_shard *t, const struct txn_body *body,
			 const struct txn_branch *b)
{
	const struct wire_step *step = txn_step_of(body, b);
	const uint64_t budget = budget_end(step, b);
	uint64_t timeout = step->attempt_timeout_ms;
	uint64_t end;

	CHECK(txn_outstanding(b) != NULL);
	/* S14: while the broker may still hold the command, silence does not make a second one. */
	if (step->delivery == WIRE_DELIVERY_DURABLE && timeout < txn_copy_gone_ms(t))
		timeout = txn_copy_gone_ms(t);
	end = t->now + timeout;
	if (budget > 0 && budget < end)
		end = budget > t->now ? budget : t->now;
	CHECK(end >= t->now);
	return end;
}

static void pend_command(struct txn_shard *t, struct txn_branch *b, bool again)
{
	struct txn_pending *p = txn_pend(t, TXN_PENDING_COMMAND);

	CHECK_EQ(b->wait, TXN_WAIT_ANSWER);
	CHECK(timer_armed(&b->timer));
	p->entry = b->entry;
	p->step = b->step;
	p->op = b->op;
	p->attempt = *txn_attempts(b, b->op) + 1;
	p->again = again;
	b->sent_at = t->now;
	t->pending_commands++;
	t->pending_bytes += txn_input_bound(t->entries[b->entry].body, b);
	t->stats.commands_total++;
}

void txn_attempt_start(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b)
{
	const struct txn_op_rule *rule = txn_outstanding(b);

	CHECK(rule != NULL);
	CHECK(b->wait == TXN_WAIT_NOTHING || b->wait == TXN_WAIT_RETRY);
	(void)txn_operation(e, b);
	b->wait = TXN_WAIT_ANSWER;
	b->ends_at = txn_attempt_end(t, e->body, b);
	const bool again = txn_delivery_choose(t, b, txn_step_of(e->body, b));
	txn_delivery_wait(t, b);
	if (*txn_attempts(b, rule->op) > 0)
		t->stats.retries_total++;
	if (b->fallback)
		t->stats.fallbacks_total++;
	pend_command(t, b, again);
}

void txn_attempt_again(struct txn_shard *t, struct txn_branch *b)
{
	CHECK_EQ(b->wait, TXN_WAIT_ANSWER);
	CHECK(t->now >= b->sent_at);
	/* Replies are handled before timers (S16): one that is over is left to its timer. */
	if (t->now >= b->ends_at || t->now - b->sent_at < TXN_RESEND_GAP_MS)
		return;
	txn_delivery_again(t, b);
	pend_command(t, b, true);
}

void txn_attempt_due(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b)
{
	const struct txn_failure silence = {.code = err_to_wire(SAGA_E_TIMEOUT)};

	CHECK_EQ(b->wait, TXN_WAIT_ANSWER);
	CHECK(txn_outstanding(b) != NULL);
	if (t->now >= b->ends_at) {
		t->stats.timeouts_total++;
		txn_delivery_silence(b);
		txn_attempt_failed(t, e, b, &silence);
	} else if (txn_delivery_copy_due(t, b)) {
		pend_command(t, b, true);
	}
}

void txn_dispatch(struct txn_shard *t, struct txn_entry *e)
{
	CHECK(e->body != NULL);
	CHECK(!wire_state_final(e->state));
	for (uint32_t i = 0; i < txn_step_count(e->body); i++) {
		struct txn_branch *b = &e->body->branches[i];

		if (b->wait != TXN_WAIT_NOTHING || !txn_outstanding(b))
			continue;
		if (b->state == WIRE_BRANCH_PARKED && b->next_at == 0) {
			b->wait = TXN_WAIT_OPERATOR;
		} else if (b->next_at > t->now) {
			b->wait = TXN_WAIT_RETRY;
			timer_arm(&t->timers, &b->timer, b->next_at);
		} else {
			txn_attempt_start(t, e, b);
		}
	}
}

/* S19: what an outage parked in one moment must not come back in one moment, nor take the place of
 * those that run. 0 = no pace is kept. */
static uint64_t parked_gap_ms(const struct txn_shard *t)
{
	uint64_t gap_ms;

	if (t->config.resend_per_second == 0)
		return 0;
	gap_ms = TXN_PARKED_SHARE * 1000 / t->config.resend_per_second;
	return gap_ms > 0 ? gap_ms : 1;
}

uint64_t txn_parked_next_at(struct txn_shard *t)
{
	const uint64_t gap_ms = parked_gap_ms(t);
	uint64_t at = t->now + t->config.parked_retry_ms;

	if (t->config.parked_retry_ms == 0)
		return 0;
	if (gap_ms == 0)
		return at;
	if (at < t->parked_last_at + gap_ms)
		at = t->parked_last_at + gap_ms;
	t->parked_last_at = at;
	CHECK(at > t->now);
	return at;
}

bool txn_parked_turn(struct txn_shard *t, struct txn_branch *b)
{
	const uint64_t gap_ms = parked_gap_ms(t);
	uint64_t at;

	CHECK_EQ(b->state, WIRE_BRANCH_PARKED);
	if (gap_ms == 0 || b->has_turn) {
		b->has_turn = false;
		return true;
	}
	at = t->parked_turn_at > t->now ? t->parked_turn_at : t->now;
	t->parked_turn_at = at + gap_ms;
	if (at == t->now)
		return true;
	b->has_turn = true;
	timer_arm(&t->timers, &b->timer, at);
	return false;
}

static void record_event(struct txn_shard *t, const struct txn_entry *e, const struct txn_branch *b,
			 uint32_t event, uint32_t attempt, uint64_t next_at,
			 const struct txn_failure *why)
{
	const struct wire_record_branch record = {
		.admission = e->admission,
		.step = b->step,
		.op = b->op,
		.event = event,
		.attempt = attempt,
		.code = why->code,
		.text = why->text,
		.next_at = next_at,
		.instance = why->instance,
		.barrier = why->barrier,
	};

	CHECK(attempt > 0);
	CHECK(e->body != NULL);
	txn_record(t, WIRE_RECORD_BRANCH, &record);
}

/* Nobody gives up on what must succeed in the end: an operator is called, and it is still tried,
 * slowly (C3). */
void txn_attempt_park(struct txn_shard *t, const struct txn_entry *e, struct txn_branch *b,
		      uint32_t attempt, const struct txn_failure *why)
{
	const struct wire_record_parked record = {
		.admission = e->admission,
		.step = b->step,
		.op = b->op,
		.attempts = attempt,
		.code = why->code,
		.text = why->text,
		.next_at = txn_parked_next_at(t),
	};
	CHECK(txn_outstanding(b) && txn_outstanding(b)->parks);
	txn_record(t, WIRE_RECORD_PARKED, &record);
	CHECK_EQ(b->state, WIRE_BRANCH_PARKED);
	txn_pend_alert(t, b, attempt, why->code, why->text);
}

void txn_attempt_failed(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b,
			const struct txn_failure *why)
{
	const struct txn_op_rule *rule = txn_outstanding(b);
	const struct wire_step *step = txn_step_of(e->body, b);
	const struct wire_retry *retry;
	uint32_t attempt;
	uint64_t wait;
	bool exhausted;

	CHECK(rule != NULL);
	CHECK(why->retry_after_ms <= TXN_RETRY_AFTER_MAX_MS);
	retry = retry_of(step, rule);
	attempt = *txn_attempts(b, rule->op) + 1;
	wait = txn_backoff_ms(retry, attempt, txn_random(t));
	if (wait < why->retry_after_ms)
		wait = why->retry_after_ms;
	exhausted = why->give_up || attempt >= retry->attempts ||
		    (budget_end(step, b) > 0 && t->now + wait >= budget_end(step, b));

	if (b->state == WIRE_BRANCH_PARKED)
		record_event(t, e, b, WIRE_EVENT_AGAIN, attempt, txn_parked_next_at(t), why);
	else if (!exhausted)
		record_event(t, e, b, WIRE_EVENT_AGAIN, attempt, t->now + wait, why);
	else if (rule->parks)
		txn_attempt_park(t, e, b, attempt, why);
	else
		record_event(t, e, b, WIRE_EVENT_UNKNOWN, attempt, 0, why);
	txn_advance(t, e);
}
