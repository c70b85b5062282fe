/* The judge of what clients and participants were told, against the journals: 1, 3, 11, 14, 30, 38
 * and rules S1, S2, S4, S5, S9, S10. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/error.h"
#include "tests/judge/facts.h"

struct told {
	struct facts *f;
	const struct facts_saga *s;
	const struct history_answer *a;
	const struct history_request *r;
	uint32_t saga;
	struct moment at;
};

#define BROKEN(t, law, ...)                                                                        \
	verdict_broken((t)->f->verdict, (law), (t)->saga, HISTORY_NONE, (t)->at, __VA_ARGS__)

static bool by(const struct told *t, struct moment what)
{
	return moment_by(what, t->at.order);
}

static bool says(const struct told *t, int error)
{
	return t->a->code == err_to_wire(error);
}

/* ---- answers: 1, 3, 30 and rules S1, S2, S5 ----------------------------------------------------
 */

static void check_gate(const struct told *t)
{
	const uint64_t number = t->a->record_number;

	if (number == 0 || t->a->shard >= t->f->history->shard_count)
		return;
	const struct facts_shard *shard = &t->f->shards[t->a->shard];
	if (number > shard->record_count || !by(t, shard->records[number]))
		BROKEN(t, LAW(12, "S1"),
		       "an answer of node %u to request %u rests on record %" PRIu64
		       " of shard %u, which was not stored",
		       t->a->node, t->a->request, number, t->a->shard);
}

static void check_final(const struct told *t)
{
	const uint32_t state = t->a->state;

	if (state == WIRE_STATE_CANCELLED && !by(t, t->s->tombstone) && !by(t, t->s->refused))
		BROKEN(t, LAW(30, "S10"), "saga %u is said cancelled without a tombstone", t->saga);
	if ((state == WIRE_STATE_COMPLETED || state == WIRE_STATE_COMPENSATED) &&
	    (!by(t, t->s->finished) || t->s->final_state != state))
		BROKEN(t, LAW(30, ""), "saga %u is said to be in state %u, and is not", t->saga,
		       state);
}

/* 30: whoever was told a definite no is right for ever. */
static void check_refusal(const struct told *t)
{
	static const int never[] = {SAGA_E_PLAN,   SAGA_E_NAME,     SAGA_E_RANGE,    SAGA_E_FIELD,
				    SAGA_E_POLICY, SAGA_E_DEADLINE, SAGA_E_TOO_LARGE};
	const bool other = t->r->kind == HISTORY_CONFLICT;

	for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
		if (says(t, never[i]) && t->s->accepted.order != 0 && t->s->other_body == other)
			BROKEN(t, LAW(30, ""), "saga %u was refused with code %u, and accepted",
			       t->saga, t->a->code);
	if (says(t, SAGA_E_CONFLICT) && t->s->accepted.order != 0 && t->s->other_body == other)
		BROKEN(t, LAW(3, ""), "saga %u is said to conflict with itself", t->saga);
}

static void check_submit(const struct told *t)
{
	struct judge_counters *count = &t->f->verdict->count;

	count->conflicts += says(t, SAGA_E_CONFLICT);
	count->expired_submits += says(t, SAGA_E_EXPIRED);
	if (says(t, SAGA_E_EXPIRED) && facts_remembered(t->f, t->saga))
		BROKEN(t, LAW(3, "S5"), "saga %u expired within its window", t->saga);
	check_refusal(t);
	if (t->a->code != 0)
		return;
	if (!by(t, t->s->accepted))
		BROKEN(t, LAW(1, ""), "saga %u was acknowledged by node %u without a stored record",
		       t->saga, t->a->node);
	else if (t->s->other_body != (t->r->kind == HISTORY_CONFLICT))
		BROKEN(t, LAW(3, ""), "saga %u was acknowledged for another body", t->saga);
}

/* ---- decisions: 11, 14, 38, S4, S9 -------------------------------------------------------------
 */

/* The truth, durable when it was said, and nothing else before or after. */
static void check_decision(const struct told *t)
{
	const uint32_t decision = t->a->decision, state = t->a->state;
	const bool commit = decision == WIRE_DECISION_COMMIT || state == WIRE_STATE_FINISHING;
	const bool abort = decision == WIRE_DECISION_ABORT || state == WIRE_STATE_UNDOING;
	/* What is forgotten can be cancelled again: that is not about the one before. */
	const bool never = by(t, t->s->tombstone) || by(t, t->s->refused);
	const bool completed = t->s->final_state == WIRE_STATE_COMPLETED && by(t, t->s->finished);

	if (commit && !by(t, t->s->commit) && !completed)
		BROKEN(t, LAW(11, ""),
		       "node %u tells request %u that saga %u is committed, and it is not",
		       t->a->node, t->a->request, t->saga);
	if (abort && !by(t, t->s->abort) && !never)
		BROKEN(t, LAW(14, ""),
		       "node %u tells request %u that saga %u is aborted, and it is not",
		       t->a->node, t->a->request, t->saga);
	/* A code with it says that something was refused, not that it was decided (S12). */
	else if (abort && t->a->code == 0 && t->s->abort.order == 0 &&
		 (t->s->commit.order > t->at.order || t->s->accepted.order > t->at.order))
		BROKEN(t, LAW(14, ""), "saga %u is said to be aborted, and goes on later", t->saga);
	if (wire_state_final(state) && state != WIRE_STATE_CANCELLED &&
	    t->a->heuristics != t->s->heuristics)
		BROKEN(t, LAW(38, ""), "saga %u is said to have %u heuristic branches of %u",
		       t->saga, t->a->heuristics, t->s->heuristics);
}

static void check_cancel(const struct told *t)
{
	struct judge_counters *count = &t->f->verdict->count;

	if (t->a->code == 0 && !by(t, t->s->tombstone) && !by(t, t->s->abort))
		BROKEN(t, LAW(1, "S10"), "the cancel of saga %u left no record", t->saga);
	if (says(t, SAGA_E_TOO_LATE) && !by(t, t->s->commit) && !by(t, t->s->finished))
		BROKEN(t, LAW(18, "S4"), "the cancel of saga %u was not too late", t->saga);
	count->late_cancels += says(t, SAGA_E_TOO_LATE);
	count->pending_cancels += says(t, SAGA_E_PENDING);
	count->cancels += t->a->code == 0;
}

static void check_enlist(const struct told *t)
{
	struct judge_counters *count = &t->f->verdict->count;
	const bool over = by(t, t->s->closed) || by(t, t->s->abort) || by(t, t->s->tombstone) ||
			  by(t, t->s->refused);

	if (t->r->step >= t->f->history->sagas[t->saga].step_count)
		return;
	if (t->r->kind == HISTORY_ENLIST_OTHER) {
		count->enlists_other += says(t, SAGA_E_CONFLICT);
		if (t->a->code == 0)
			BROKEN(t, LAW(0, "S9"), "step %u of saga %u is enlisted as another",
			       t->r->step, t->saga);
		return;
	}
	if (says(t, SAGA_E_CLOSED)) {
		count->enlists_refused++;
		if (!over && history_interactive(&t->f->history->sagas[t->saga]))
			BROKEN(t, LAW(0, "S9"), "saga %u is said to be closed, and is not",
			       t->saga);
	}
	if (t->a->code == 0 && !by(t, facts_branch_of(t->f, t->saga, t->r->step)->enlisted))
		BROKEN(t, LAW(1, "S9"),
		       "node %u says that step %u of saga %u is enlisted, and it is not",
		       t->a->node, t->r->step, t->saga);
}

static void check_branch(const struct told *t)
{
	struct judge_counters *count = &t->f->verdict->count;

	if (t->r->kind == HISTORY_ENLIST || t->r->kind == HISTORY_ENLIST_OTHER)
		check_enlist(t);
	if (t->r->kind == HISTORY_INQUIRE) {
		count->inquiries++;
		count->inquired_commits += t->a->decision == WIRE_DECISION_COMMIT;
		count->inquired_aborts += t->a->decision == WIRE_DECISION_ABORT;
	}
	count->branch_sets_refused += says(t, SAGA_E_BRANCHES);
	if (t->r->kind == HISTORY_COMMIT && t->a->code == 0 &&
	    t->a->decision != WIRE_DECISION_ABORT && !by(t, t->s->closed))
		BROKEN(t, LAW(1, "S9"), "the commit of saga %u left no record", t->saga);
}

/* S2. A plain status may be old: it carries (epoch, record). */
static void check_absence(const struct told *t)
{
	const uint64_t asked = t->r->order;

	if (t->r->kind == HISTORY_QUERY || !says(t, SAGA_E_NOT_FOUND) ||
	    !facts_remembered(t->f, t->saga))
		return;
	if (moment_by(t->s->accepted, asked) || moment_by(t->s->tombstone, asked))
		BROKEN(t, LAW(1, "S2"), "node %u told request %u that there is no saga %u",
		       t->a->node, t->a->request, t->saga);
}

/* ---- who waits for the decision ----------------------------------------------------------------
 */

/* Of one request, by one owner: whether it has been answered before, and told. */
struct waiter {
	uint64_t epoch;
	uint32_t node;
	bool waited, told;
};

/* Whoever waits for the decision is told it when it is durable, not when all is over. */
static void check_decided(const struct told *t, struct waiter *w)
{
	const struct facts_saga *s = t->s;
	const bool final = wire_state_final(t->a->state);

	if (t->a->code != 0)
		return;
	if (w->epoch != t->a->epoch || w->node != t->a->node)
		*w = (struct waiter){.epoch = t->a->epoch, .node = t->a->node};
	if (t->a->decision == WIRE_DECISION_NONE || w->told) {
		w->waited = true;
		return;
	}
	w->told = true;
	t->f->verdict->count.told_decided += w->waited && !final;
	if (w->waited && final && s->finished.at_ms != s->commit.at_ms &&
	    s->finished.at_ms != s->abort.at_ms && (s->commit.order != 0 || s->abort.order != 0))
		BROKEN(t, LAW(30, "until"),
		       "node %u tells request %u the decision about saga %u only when all is over",
		       t->a->node, t->a->request, t->saga);
}

/* ---- 38: the list of what decided by itself ----------------------------------------------------
 */

static void check_list(struct facts *f)
{
	const struct history *h = f->history;
	bool told[HISTORY_SHARDS_MAX] = {false};
	bool *listed = calloc(h->saga_count + 1, sizeof *listed);
	struct moment end = {.order = h->order, .at_ms = h->end_ms};

	CHECK(listed != NULL);
	for (uint32_t i = 0; i < h->listed_count; i++) {
		told[h->listed[i].shard] = true;
		if (h->listed[i].saga != HISTORY_NONE)
			listed[h->listed[i].saga] = true;
	}
	for (uint32_t i = 0; i < h->saga_count; i++) {
		f->verdict->count.listed += listed[i];
		/* As long as it is remembered. */
		if (told[h->sagas[i].shard] && facts_remembered(f, i) &&
		    (f->sagas[i].heuristics > 0) != listed[i])
			verdict_broken(f->verdict, LAW(38, ""), i, HISTORY_NONE, end,
				       "saga %u with %u heuristic branches is%s listed", i,
				       f->sagas[i].heuristics, listed[i] ? "" : " not");
	}
	free(listed);
}

/* ---- all of them -------------------------------------------------------------------------------
 */

static void check_answer(const struct told *t, struct waiter *waiters)
{
	check_gate(t);
	check_final(t);
	check_decision(t);
	check_absence(t);
	t->f->verdict->count.busy += says(t, SAGA_E_BUSY);
	if (t->r->kind == HISTORY_SUBMIT || t->r->kind == HISTORY_CONFLICT)
		check_submit(t);
	else if (t->r->kind == HISTORY_CANCEL)
		check_cancel(t);
	else if (t->r->kind >= HISTORY_ENLIST)
		check_branch(t);
	if (t->r->until_decided)
		check_decided(t, &waiters[t->a->request]);
}

void judge_answers(struct facts *f)
{
	const struct history *h = f->history;
	struct waiter *waiters = calloc(h->request_count + 1, sizeof *waiters);

	CHECK(waiters != NULL);
	for (uint32_t i = 0; i < h->answer_count; i++) {
		const struct history_answer *a = &h->answers[i];
		const struct history_request *r = &h->requests[a->request];

		if (r->saga == HISTORY_NONE || r->kind == HISTORY_LIST)
			continue;
		check_answer(&(struct told){.f = f,
					    .s = &f->sagas[r->saga],
					    .a = a,
					    .r = r,
					    .saga = r->saga,
					    .at = {.order = a->order, .at_ms = a->at_ms}},
			     waiters);
	}
	free(waiters);
	check_list(f);
}
