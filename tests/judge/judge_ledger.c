/* The judge of the participants' ledgers: invariants 2, 5 to 10, 13, 15, 17, 18, 23, 24, 38, and
 * that nobody is left with what nobody will end (S9). */
#include <stdlib.h>

#include "base/check.h"
#include "tests/judge/facts.h"

static struct moment when(const struct history_effect *e)
{
	return (struct moment){.order = e->order, .at_ms = e->at_ms};
}

/* ---- the ledger's own order: 6 to 10 -----------------------------------------------------------
 */

static void add_done(struct facts *f, struct facts_net *n, const struct history_effect *e)
{
	if (n->undo_came || n->blocked)
		verdict_broken(f->verdict, LAW(8, ""), e->saga, e->step, when(e),
			       "step %u of saga %u done after its undo", e->step, e->saga);
	n->done += e->kind == HISTORY_DONE;
	n->read_only += e->kind == HISTORY_READ_ONLY;
	n->one_phase = e->one_phase;
	n->voted = when(e);
}

static void add_finish(struct facts *f, struct facts_net *n, const struct history_effect *e)
{
	if (n->done == 0)
		verdict_broken(f->verdict, LAW(10, ""), e->saga, e->step, when(e),
			       "step %u of saga %u finished, never done", e->step, e->saga);
	n->finished++;
	n->ended = when(e);
}

static void add_undo(struct facts *f, struct facts_net *n, const struct history_effect *e)
{
	if (e->kind == HISTORY_DONE && n->done == 0 && n->work == 0)
		verdict_broken(f->verdict, LAW(7, ""), e->saga, e->step, when(e),
			       "step %u of saga %u undone, never done", e->step, e->saga);
	n->undo_came = true;
	moment_first(&n->undo, when(e));
	n->undone += e->kind == HISTORY_DONE;
}

static void add_effect(struct facts *f, const struct history_effect *e)
{
	struct facts_net *n = &facts_branch_of(f, e->saga, e->step)->net;

	if (e->kind == HISTORY_HEURISTIC) {
		n->heuristics++;
		n->ended = when(e);
	} else if (e->kind == HISTORY_BLOCKED) {
		n->blocked = true;
	} else if (e->op == HISTORY_WORK) {
		n->work++;
		n->worked = when(e);
	} else if (e->op == WIRE_OP_UNDO) {
		add_undo(f, n, e);
	} else if (e->op == WIRE_OP_FINISH) {
		add_finish(f, n, e);
	} else if (e->kind == HISTORY_REFUSED) {
		n->refused++;
	} else if (e->kind != HISTORY_EMPTY) {
		add_done(f, n, e);
	}
	if (n->done > 1 || n->undone > 1 || n->finished > 1 || n->work > 1 || n->heuristics > 1)
		verdict_broken(f->verdict, LAW(6, ""), e->saga, e->step, when(e),
			       "step %u of saga %u twice", e->step, e->saga);
	if (n->finished > 0 && n->undone > 0)
		verdict_broken(f->verdict, LAW(9, ""), e->saga, e->step, when(e),
			       "step %u of saga %u finished and undone", e->step, e->saga);
}

/* ---- what the journal says is true: 2, 15, 23, 38, S3 ------------------------------------------
 */

static void untrue(struct facts *f, uint32_t saga, uint32_t step, struct law law, struct moment at,
		   const char *what)
{
	verdict_broken(f->verdict, law, saga, step, at,
		       "step %u of saga %u is recorded as %s, and is not", step, saga, what);
}

static void check_truth(struct facts *f, uint32_t saga, uint32_t step)
{
	const struct facts_branch *b = facts_branch_of(f, saga, step);
	const struct facts_net *n = &b->net;

	if (b->ok.order != 0 && (n->done == 0 || n->voted.order > b->ok.order))
		untrue(f, saga, step, LAW(23, ""), b->ok, "done");
	if (b->read_only.order != 0 && (n->read_only == 0 || n->voted.order > b->read_only.order))
		untrue(f, saga, step, LAW(23, ""), b->read_only, "read-only");
	if (b->rejected.order != 0 && n->done > 0)
		untrue(f, saga, step, LAW(23, "S3"), b->rejected, "rejected");
	if (b->finished.order != 0 && (n->finished == 0 || n->ended.order > b->finished.order))
		untrue(f, saga, step, LAW(23, ""), b->finished, "finished");
	if (b->undone.order != 0 && (!n->undo_came || n->undo.order > b->undone.order))
		untrue(f, saga, step, LAW(23, ""), b->undone, "undone");
	if (n->heuristics > 0 && f->sagas[saga].finished.order != 0 && b->heuristic.order == 0)
		verdict_broken(f->verdict, LAW(38, ""), saga, step, n->ended,
			       "step %u of saga %u decided by itself, and nobody knows", step,
			       saga);
	if (b->heuristic.order != 0 && n->heuristics == 0)
		untrue(f, saga, step, LAW(38, ""), b->heuristic, "decided by itself");
}

/* 2: nothing is done for whom nobody has accepted. */
static void check_known(struct facts *f, uint32_t saga, uint32_t step)
{
	const struct facts_branch *b = facts_branch_of(f, saga, step);
	const struct facts_net *n = &b->net;
	const struct facts_saga *s = &f->sagas[saga];

	if (n->done + n->read_only > 0 && !moment_by(s->accepted, n->voted.order))
		verdict_broken(f->verdict, LAW(2, ""), saga, step, n->voted,
			       "step %u of saga %u was done, and the saga is not accepted", step,
			       saga);
	else if (n->done + n->read_only > 0 && (f->history->parts & HISTORY_WIRE) != 0 &&
		 (b->sent[WIRE_OP_FORWARD].order == 0 ||
		  b->sent[WIRE_OP_FORWARD].order > n->voted.order))
		verdict_broken(f->verdict, LAW(2, ""), saga, step, n->voted,
			       "step %u of saga %u was done, and nobody had sent it", step, saga);
	if (!facts_takes_part(f, saga, step) && (n->done > 0 || n->finished > 0))
		verdict_broken(f->verdict, LAW(2, "S9"), saga, step, n->voted,
			       "step %u of saga %u took part, and was never enlisted", step, saga);
}

/* ---- the outcome: 5, 9, 18, 24 -----------------------------------------------------------------
 */

static bool committed(const struct facts *f, uint32_t saga, uint32_t step)
{
	const struct history_step *s = history_step_of(f->history, saga, step);
	const struct facts_net *n = &facts_branch_of(f, saga, step)->net;

	if (s->class == HISTORY_VOTE && !f->sagas[saga].one_phase)
		return n->undone == 0 && n->finished + n->read_only + n->heuristics == 1;
	if (s->class == HISTORY_OPTIONAL && facts_branch_of(f, saga, step)->ok.order == 0)
		return n->done == n->undone;
	return n->done == 1 && n->undone == 0;
}

static bool aborted(const struct facts *f, uint32_t saga, uint32_t step)
{
	const struct history_step *s = history_step_of(f->history, saga, step);
	const struct facts_net *n = &facts_branch_of(f, saga, step)->net;

	if (n->finished > 0)
		return false;
	if (facts_irrevocable(f, saga, step) || s->class == HISTORY_RETRIABLE)
		return n->done == 0;
	return n->done == n->undone || n->heuristics > 0 || !s->has_undo ||
	       (n->done == 0 && n->work == n->undone);
}

static void check_outcome(struct facts *f, uint32_t saga, uint32_t step)
{
	const struct facts_saga *s = &f->sagas[saga];
	const struct facts_net *n = &facts_branch_of(f, saga, step)->net;

	if (!facts_takes_part(f, saga, step))
		return;
	if (s->final_state == WIRE_STATE_COMPLETED && !committed(f, saga, step))
		verdict_broken(f->verdict, LAW(5, ""), saga, step, s->finished,
			       "saga %u is completed, step %u is done %u times, finished %u, "
			       "undone %u",
			       saga, step, n->done + n->read_only, n->finished, n->undone);
	if (s->final_state == WIRE_STATE_COMPENSATED && !aborted(f, saga, step))
		verdict_broken(f->verdict, LAW(5, ""), saga, step, s->finished,
			       "saga %u is compensated, step %u is done %u times, finished %u, "
			       "undone %u",
			       saga, step, n->done, n->finished, n->undone);
}

/* 9: not one kind here and the other kind there, whatever is over. */
static void check_one_kind(struct facts *f, uint32_t saga)
{
	uint32_t finished = HISTORY_NONE, undone = HISTORY_NONE;

	for (uint32_t k = 0; k < f->history->sagas[saga].step_count; k++) {
		const struct facts_net *n = &facts_branch_of(f, saga, k)->net;
		const bool vote = history_step_of(f->history, saga, k)->class == HISTORY_VOTE &&
				  !facts_lies(f, saga, k);

		if (vote && n->finished > 0)
			finished = k;
		if (vote && n->undone > 0 && facts_takes_part(f, saga, k))
			undone = k;
	}
	if (finished != HISTORY_NONE && undone != HISTORY_NONE && finished != undone)
		verdict_broken(f->verdict, LAW(9, ""), saga, undone,
			       facts_branch_of(f, saga, undone)->net.undo,
			       "step %u of saga %u is finished, and step %u undone", finished, saga,
			       undone);
}

/* S9, 5: when all is over, nobody waits to be told. */
static void check_left(struct facts *f, uint32_t saga, uint32_t step)
{
	const struct facts_net *n = &facts_branch_of(f, saga, step)->net;
	const bool vote = history_step_of(f->history, saga, step)->class == HISTORY_VOTE;
	const struct moment end = {.order = f->history->order, .at_ms = f->history->end_ms};
	bool holds;

	if ((f->history->parts & HISTORY_END) == 0 || facts_excused(f, saga) || n->finished > 0 ||
	    n->undone > 0 || n->heuristics > 0)
		return;
	if (n->done > 0)
		holds = vote && !n->one_phase;
	else
		holds = n->work > 0 && n->read_only == 0;
	if (!holds)
		return;
	if (f->sagas[saga].accepted_times > 0 && f->sagas[saga].finished.order == 0)
		verdict_late(f->verdict, LAW(0, "L3"), saga, step, end,
			     "step %u of saga %u is still in doubt", step, saga);
	else
		verdict_broken(f->verdict, LAW(5, "S9"), saga, step, end,
			       "step %u of saga %u holds what it did, and nobody will end it", step,
			       saga);
}

/* ---- order: 13, 17, S23 ------------------------------------------------------------------------
 */

static void check_order(struct facts *f, uint32_t saga, uint32_t i, uint32_t k)
{
	const struct facts_net *later = &facts_branch_of(f, saga, i)->net;
	const struct facts_net *before = &facts_branch_of(f, saga, k)->net;
	const enum history_class class = history_step_of(f->history, saga, k)->class;

	if ((facts_branch_of(f, saga, i)->edges >> k & 1) != 0 && later->voted.order != 0 &&
	    before->voted.order > later->voted.order)
		verdict_broken(f->verdict, LAW(17, class == HISTORY_OPTIONAL ? "S23" : ""), saga, i,
			       later->voted, "step %u of saga %u ran before step %u", i, saga, k);
	if (later->finished > 0 && class == HISTORY_VOTE && facts_takes_part(f, saga, k) &&
	    (before->voted.order == 0 || before->voted.order > later->ended.order))
		verdict_broken(f->verdict, LAW(13, ""), saga, i, later->ended,
			       "step %u of saga %u is finished before step %u has voted", i, saga,
			       k);
}

static void check_saga(struct facts *f, uint32_t saga)
{
	const uint32_t count = f->history->sagas[saga].step_count;

	for (uint32_t i = 0; i < count; i++) {
		if (facts_lies(f, saga, i))
			continue;
		check_known(f, saga, i);
		check_truth(f, saga, i);
		check_outcome(f, saga, i);
		check_left(f, saga, i);
		for (uint32_t k = 0; k < count; k++)
			if (k != i && !facts_lies(f, saga, k))
				check_order(f, saga, i, k);
	}
	check_one_kind(f, saga);
}

/* S24: what an older owner commands is not done once a newer one was heard. */
static void check_epochs(struct facts *f)
{
	const struct history *h = f->history;
	uint64_t *newest = calloc((size_t)h->service_count * h->shard_count + 1, sizeof *newest);

	CHECK(newest != NULL);
	for (uint32_t i = 0; i < h->effect_count; i++) {
		const struct history_effect *e = &h->effects[i];

		if (e->epoch == 0 || e->service >= h->service_count || e->shard >= h->shard_count)
			continue;
		uint64_t *epoch = &newest[e->service * h->shard_count + e->shard];
		if (e->epoch < *epoch)
			verdict_broken(f->verdict, LAW(20, "S24"), e->saga, e->step, when(e),
				       "operation %u of step %u of saga %u was done for an owner "
				       "that is one no more",
				       e->op, e->step, e->saga);
		else
			*epoch = e->epoch;
	}
	free(newest);
}

void judge_ledger(struct facts *f)
{
	const struct history *h = f->history;

	for (uint32_t i = 0; i < h->effect_count; i++) {
		const struct history_effect *e = &h->effects[i];

		if (e->saga == HISTORY_NONE || e->step == HISTORY_NONE)
			verdict_broken(f->verdict, LAW(2, ""), e->saga, HISTORY_NONE, when(e),
				       "an effect that nobody planned");
		else if (!facts_lies(f, e->saga, e->step))
			add_effect(f, e);
	}
	check_epochs(f);
	for (uint32_t i = 0; i < h->saga_count; i++)
		check_saga(f, i);
}
