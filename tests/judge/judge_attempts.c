/* 25 and 26, by the journal alone: attempts are counted without a hole over all owners, the next
 * one is put off by what the plan says, silence is none before the attempt's time is over, and
 * nobody tries more often than the cap. */
#include <inttypes.h>

#include "tests/judge/facts.h"
#include "wire/record.h"

/* A wish of the participant's for more time is not in the record. */
enum { PATIENCE_MAX_MS = 3600000 };

static const struct wire_retry *retry_of(const struct history_step *step, uint32_t op)
{
	return op == WIRE_OP_FORWARD ? &step->retry : &step->undo_retry;
}

/* The shortest and the longest wait behind that attempt. */
static void band(const struct wire_retry *retry, uint32_t attempt, uint64_t *low, uint64_t *high)
{
	uint64_t wait = retry->initial_ms;

	for (uint32_t i = 1; i < attempt && wait < retry->cap_ms && retry->factor_percent > 100;
	     i++)
		wait = wait * retry->factor_percent / 100;
	if (wait > retry->cap_ms)
		wait = retry->cap_ms;
	*low = wait - wait * retry->jitter_percent / 100;
	*high = wait + wait * retry->jitter_percent / 100;
}

/* Nobody can have begun the attempt before: shard time. */
static uint64_t begun_at(const struct facts *f, uint32_t saga, const struct facts_attempts *a)
{
	const struct facts_saga *s = &f->sagas[saga];

	if (a->failed > 0)
		return a->next_at;
	return s->closed_at > s->accepted_at ? s->closed_at : s->accepted_at;
}

static bool silence(const struct wire_record_branch *r)
{
	return r->instance.size == 0 && r->code == err_to_wire(SAGA_E_TIMEOUT) && r->text.size == 0;
}

static void check_silence(struct facts *f, uint32_t saga, uint32_t step,
			  const struct wire_record_branch *r)
{
	const struct history_step *plan = history_step_of(f->history, saga, step);
	const struct facts_attempts *a = &facts_branch_of(f, saga, step)->attempts[r->op];
	const uint64_t now = f->shards[f->shard].time;
	uint64_t wait_ms = plan->timeout_ms;

	if (r->op == WIRE_OP_FORWARD && plan->budget_ms > 0 && plan->budget_ms < wait_ms)
		wait_ms = plan->budget_ms;
	if (a->failed > 0 && r->op == WIRE_OP_FORWARD && plan->budget_ms > 0)
		return; /* what is left of the budget nobody writes down */
	if (now < begun_at(f, saga, a) + wait_ms)
		verdict_broken(
			f->verdict, LAW(25, ""), saga, step, f->now,
			"attempt %u of operation %u of step %u of saga %u was given up %" PRIu64
			" ms too early",
			r->attempt, r->op, step, saga, begun_at(f, saga, a) + wait_ms - now);
}

/* The record was made between the batch before and this one. */
static void check_band(struct facts *f, uint32_t saga, uint32_t step,
		       const struct wire_record_branch *r)
{
	const struct facts_shard *s = &f->shards[f->shard];
	uint64_t low, high;

	band(retry_of(history_step_of(f->history, saga, step), r->op), r->attempt, &low, &high);
	if (r->next_at < s->time_before + low || (silence(r) && r->next_at > s->time + high) ||
	    r->next_at > s->time + high + PATIENCE_MAX_MS)
		verdict_broken(
			f->verdict, LAW(26, ""), saga, step, f->now,
			"attempt %u of operation %u of step %u of saga %u is followed by the "
			"next after %" PRId64 " ms, not %" PRIu64 " to %" PRIu64,
			r->attempt, r->op, step, saga, (int64_t)(r->next_at - s->time), low, high);
}

static void failed(struct facts *f, struct facts_attempts *a, uint32_t attempt, uint64_t next_at)
{
	a->failed = attempt;
	a->next_at = next_at;
	a->since = f->now;
	a->since_at = f->shards[f->shard].time;
}

static void check_number(struct facts *f, uint32_t saga, uint32_t step, uint32_t op,
			 uint32_t attempt)
{
	const struct facts_attempts *a = &facts_branch_of(f, saga, step)->attempts[op];

	if (attempt != a->failed + 1)
		verdict_broken(
			f->verdict, LAW(26, ""), saga, step, f->now,
			"attempt %u of operation %u of step %u of saga %u is recorded behind "
			"attempt %u",
			attempt, op, step, saga, a->failed);
}

/* Who may be given up is, at the cap. */
static bool capped(const struct facts *f, uint32_t saga, uint32_t step, uint32_t op)
{
	return op == WIRE_OP_FORWARD &&
	       history_step_of(f->history, saga, step)->class != HISTORY_RETRIABLE;
}

void judge_attempt(struct facts *f, uint32_t saga, uint32_t step,
		   const struct wire_record_branch *r)
{
	struct facts_branch *b = facts_branch_of(f, saga, step);
	const uint32_t cap = history_step_of(f->history, saga, step)->retry.attempts;

	if (r->op >= HISTORY_OPS ||
	    (r->event != WIRE_EVENT_AGAIN && r->event != WIRE_EVENT_UNKNOWN))
		return;
	check_number(f, saga, step, r->op, r->attempt);
	/* Beside the cap, a deadline or a budget may end it: then it is no silence of its own. */
	if (silence(r))
		check_silence(f, saga, step, r);
	if (r->event == WIRE_EVENT_AGAIN) {
		f->verdict->count.retries++;
		if (!b->parked)
			check_band(f, saga, step, r);
		if (capped(f, saga, step, r->op) && r->attempt >= cap)
			verdict_broken(f->verdict, LAW(26, ""), saga, step, f->now,
				       "step %u of saga %u is tried again after attempt %u of %u",
				       step, saga, r->attempt, cap);
		failed(f, &b->attempts[r->op], r->attempt, r->next_at);
	}
}

void judge_parked(struct facts *f, uint32_t saga, uint32_t step, const struct wire_record_parked *r)
{
	struct facts_branch *b = facts_branch_of(f, saga, step);

	if (r->op >= HISTORY_OPS)
		return;
	check_number(f, saga, step, r->op, r->attempts);
	if (capped(f, saga, step, r->op))
		verdict_broken(f->verdict, LAW(26, ""), saga, step, f->now,
			       "step %u of saga %u is parked, and may be given up", step, saga);
	failed(f, &b->attempts[r->op], r->attempts, r->next_at);
}
