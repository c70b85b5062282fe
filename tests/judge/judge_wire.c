/* The judge of what was sent to participants: invariants 10, 12, 13, 16, 17, 18, 19, 20, 26, 40 and
 * rules S4, S9, S23, by the graph as the client meant it. */
#include <inttypes.h>

#include "tests/judge/facts.h"

static struct moment when(const struct history_command *c)
{
	return (struct moment){.order = c->order, .at_ms = c->at_ms};
}

/* A command that only an owner of today may have made, and what an old one may still send, is
 * judged by the same facts: 12 and 20 in one. */
static uint32_t law_of(const struct facts *f, const struct history_command *c, uint32_t law)
{
	const struct facts_epoch *newest = facts_epoch_at(f, c->shard, c->order);

	return newest != NULL && c->epoch < newest->epoch ? 20 : law;
}

static bool was_sent(const struct facts *f, const struct history_command *before, uint32_t step)
{
	const struct facts_branch *b = facts_branch_of(f, before->saga, step);

	return b->sent[WIRE_OP_FORWARD].order != 0 &&
	       b->sent[WIRE_OP_FORWARD].order < before->order;
}

/* ---- undo --------------------------------------------------------------------------------------
 */

/* Nothing of it is left. */
static bool gone(const struct facts *f, const struct history_command *c, uint32_t step)
{
	const struct facts_branch *b = facts_branch_of(f, c->saga, step);

	return !was_sent(f, c, step) || !history_step_of(f->history, c->saga, step)->has_undo ||
	       moment_by(b->rejected, c->order) || moment_by(b->undone, c->order) ||
	       moment_by(b->heuristic, c->order) || moment_by(b->read_only, c->order);
}

/* All steps that wait for this one, directly or over others: what has nothing to undo, or nothing
 * left of it, still stands between its neighbours. */
static uint64_t behind(const struct facts *f, uint32_t saga, uint32_t step)
{
	const uint32_t count = f->history->sagas[saga].step_count;
	uint64_t found = UINT64_C(1) << step;

	for (bool moved = true; moved;) {
		moved = false;
		for (uint32_t k = 0; k < count; k++) {
			if ((found >> k & 1) != 0 ||
			    (facts_branch_of(f, saga, k)->edges & found) == 0)
				continue;
			found |= UINT64_C(1) << k;
			moved = true;
		}
	}
	return found & ~(UINT64_C(1) << step);
}

static void check_undo_order(struct facts *f, const struct history_command *c)
{
	const struct facts_saga *s = &f->sagas[c->saga];
	const uint64_t later = behind(f, c->saga, c->step);

	for (uint32_t k = 0; k < f->history->sagas[c->saga].step_count; k++) {
		if ((later >> k & 1) == 0 ||
		    (gone(f, c, k) && (moment_by(s->abort, c->order) || !was_sent(f, c, k))))
			continue;
		verdict_broken(f->verdict, LAW(16, ""), c->saga, c->step, when(c),
			       "step %u of saga %u is undone before step %u", c->step, c->saga, k);
	}
}

/* An optional step stands beside all that: it is undone alone (S23). */
static bool behind_no_return(const struct facts *f, const struct history_command *c)
{
	if (history_step_of(f->history, c->saga, c->step)->class == HISTORY_OPTIONAL)
		return false;
	for (uint32_t k = 0; k < f->history->sagas[c->saga].step_count; k++)
		if (facts_irrevocable(f, c->saga, k) &&
		    moment_by(facts_branch_of(f, c->saga, k)->ok, c->order))
			return true;
	return false;
}

static void check_undo(struct facts *f, const struct history_command *c)
{
	const struct facts_saga *s = &f->sagas[c->saga];
	const struct facts_branch *b = facts_branch_of(f, c->saga, c->step);
	const struct history_step *step = history_step_of(f->history, c->saga, c->step);
	const bool alone = step->class == HISTORY_OPTIONAL && moment_by(b->unknown, c->order);

	if (behind_no_return(f, c)) {
		verdict_broken(f->verdict, LAW(18, ""), c->saga, c->step, when(c),
			       "node %u undoes step %u of saga %u behind its point of no return",
			       c->node, c->step, c->saga);
		return;
	}
	if (!moment_by(s->abort, c->order) && !alone)
		verdict_broken(f->verdict, LAW(law_of(f, c, 12), ""), c->saga, c->step, when(c),
			       "node %u undoes step %u of saga %u without a stored decision",
			       c->node, c->step, c->saga);
	if (!step->has_undo)
		verdict_broken(f->verdict, LAW(0, "S4"), c->saga, c->step, when(c),
			       "step %u of saga %u is undone, and has no undo", c->step, c->saga);
	/* A copy of an owner that does not know yet that it is none, and that the saga has gone
	 * on, is undone already. */
	if (!moment_by(b->undone, c->order))
		check_undo_order(f, c);
}

/* ---- forward -----------------------------------------------------------------------------------
 */

/* S23: never while it is unknown. */
static bool passed(const struct facts *f, uint32_t saga, uint32_t step, uint64_t order)
{
	const struct facts_branch *b = facts_branch_of(f, saga, step);

	if (moment_by(b->ok, order) || moment_by(b->read_only, order))
		return true;
	return history_step_of(f->history, saga, step)->class == HISTORY_OPTIONAL &&
	       (moment_by(b->rejected, order) || moment_by(b->undone, order));
}

static struct law forward_law(const struct facts *f, const struct history_command *c,
			      uint32_t before)
{
	if (history_step_of(f->history, c->saga, before)->class == HISTORY_OPTIONAL)
		return LAW(17, "S23");
	if (history_step_of(f->history, c->saga, c->step)->class == HISTORY_PIVOT)
		return LAW(18, "S4");
	return LAW(law_of(f, c, 17), "");
}

static void check_forward(struct facts *f, const struct history_command *c)
{
	const struct history_saga *saga = &f->history->sagas[c->saga];
	const struct facts_saga *s = &f->sagas[c->saga];
	const uint64_t edges = facts_branch_of(f, c->saga, c->step)->edges;

	if (!moment_by(s->accepted, c->order) ||
	    (history_interactive(saga) && !moment_by(s->closed, c->order))) {
		verdict_broken(f->verdict, LAW(law_of(f, c, 12), ""), c->saga, c->step, when(c),
			       "node %u sends step %u of saga %u before its acceptance is stored",
			       c->node, c->step, c->saga);
		return;
	}
	for (uint32_t k = 0; k < saga->step_count; k++)
		if ((edges >> k & 1) != 0 && !passed(f, c->saga, k, c->order))
			verdict_broken(f->verdict, forward_law(f, c, k), c->saga, c->step, when(c),
				       "node %u sends step %u of saga %u before the end of step %u "
				       "is stored",
				       c->node, c->step, c->saga, k);
}

/* ---- finish, settle ----------------------------------------------------------------------------
 */

/* Behind the decision, and in mixed transactions behind all forward work. */
static void check_finish(struct facts *f, const struct history_command *c)
{
	const struct facts_saga *s = &f->sagas[c->saga];

	if (!moment_by(s->commit, c->order)) {
		verdict_broken(f->verdict, LAW(law_of(f, c, 12), ""), c->saga, c->step, when(c),
			       "node %u finishes step %u of saga %u without a stored decision",
			       c->node, c->step, c->saga);
		return;
	}
	for (uint32_t k = 0; k < f->history->sagas[c->saga].step_count; k++)
		if (facts_takes_part(f, c->saga, k) && !passed(f, c->saga, k, c->order))
			verdict_broken(
				f->verdict, LAW(13, ""), c->saga, c->step, when(c),
				"step %u of saga %u is finished before the yes of step %u is "
				"stored",
				c->step, c->saga, k);
	if (!moment_by(facts_branch_of(f, c->saga, c->step)->ok, c->order))
		verdict_broken(f->verdict, LAW(10, ""), c->saga, c->step, when(c),
			       "step %u of saga %u is finished without its yes", c->step, c->saga);
}

static void check_settle(struct facts *f, const struct history_command *c)
{
	const struct history_step *step = history_step_of(f->history, c->saga, c->step);

	if (!moment_by(facts_branch_of(f, c->saga, c->step)->unknown, c->order) ||
	    (step->class != HISTORY_OPTIONAL && !facts_irrevocable(f, c->saga, c->step)))
		verdict_broken(f->verdict, LAW(law_of(f, c, 12), "S4"), c->saga, c->step, when(c),
			       "node %u settles step %u of saga %u without need, or before it is "
			       "known to be unknown",
			       c->node, c->step, c->saga);
}

/* ---- whose it is, and what is in it ------------------------------------------------------------
 */

/* 19, 20: of an owner whose epoch stands in the journal, and its own. */
static void check_sender(struct facts *f, const struct history_command *c)
{
	const struct facts_epoch *epoch = facts_epoch_find(f, c->shard, c->epoch);
	const struct facts_epoch *newest = facts_epoch_at(f, c->shard, c->order);

	if (newest != NULL && c->epoch < newest->epoch)
		f->verdict->count.stale_commands_sent++;
	if (epoch == NULL || epoch->at.order > c->order)
		verdict_broken(f->verdict, LAW(19, ""), c->saga, c->step, when(c),
			       "node %u sends step %u of saga %u in epoch %" PRIu64
			       ", which is nobody's",
			       c->node, c->step, c->saga, c->epoch);
	else if (epoch->node != HISTORY_NONE && c->node != HISTORY_NONE && epoch->node != c->node)
		verdict_broken(f->verdict, LAW(19, ""), c->saga, c->step, when(c),
			       "node %u sends step %u of saga %u in epoch %" PRIu64 " of node %u",
			       c->node, c->step, c->saga, c->epoch, epoch->node);
}

/* 26: that the one before has failed is stored before the next one leaves. */
static void check_attempt(struct facts *f, const struct history_command *c)
{
	const struct facts_attempts *a = &facts_branch_of(f, c->saga, c->step)->attempts[c->op];
	const struct history_step *step = history_step_of(f->history, c->saga, c->step);

	if (c->attempt == 0 || c->attempt > a->failed + 1 ||
	    (c->attempt == a->failed + 1 && a->failed > 0 && a->since.order > c->order))
		verdict_broken(f->verdict, LAW(26, ""), c->saga, c->step, when(c),
			       "attempt %u of operation %u of step %u of saga %u is sent, and the "
			       "one before has not failed",
			       c->attempt, c->op, c->step, c->saga);
	if (c->op == WIRE_OP_FORWARD && step->class != HISTORY_RETRIABLE &&
	    c->attempt > step->retry.attempts)
		verdict_broken(f->verdict, LAW(26, ""), c->saga, c->step, when(c),
			       "attempt %u of step %u of saga %u is sent, of %u", c->attempt,
			       c->step, c->saga, step->retry.attempts);
}

/* 40 */
static void check_input(struct facts *f, const struct history_command *c)
{
	const struct history_step *step = history_step_of(f->history, c->saga, c->step);
	struct facts_branch *b = facts_branch_of(f, c->saga, c->step);

	if (b->input == 0 && step->input_from != HISTORY_NONE) {
		const struct facts_branch *from = facts_branch_of(f, c->saga, step->input_from);

		f->verdict->count.picked_inputs++;
		b->input = step->input[f->sagas[c->saga].other_body][from->ok.order != 0];
	}
	if (b->input == 0)
		b->input = c->input;
	if (b->input != c->input)
		verdict_broken(f->verdict, LAW(40, ""), c->saga, c->step, when(c),
			       "step %u of saga %u is sent another input", c->step, c->saga);
}

static void note_first(struct facts *f)
{
	const struct history *h = f->history;

	for (uint32_t i = 0; i < h->command_count; i++) {
		const struct history_command *c = &h->commands[i];

		if (c->saga == HISTORY_NONE || c->step == HISTORY_NONE)
			continue;
		struct facts_branch *b = facts_branch_of(f, c->saga, c->step);
		moment_first(&b->sent[c->op], when(c));
		if (c->order > b->attempts[c->op].since.order)
			moment_first(&b->retried[c->op], when(c));
		b->sends[c->op] += h->heal_ms != 0 && c->at_ms >= h->heal_ms + f->options->grace_ms;
	}
	for (uint32_t i = 0; i < h->saga_count; i++)
		for (uint32_t k = 0; k < h->sagas[i].step_count; k++)
			f->verdict->count.settles +=
				facts_branch_of(f, i, k)->sent[WIRE_OP_SETTLE].order != 0;
}

/* 18: the abort of what was out, and of which nobody had said that it was not done. */
static void check_no_return(struct facts *f, uint32_t saga, uint32_t step)
{
	const struct facts_saga *s = &f->sagas[saga];
	const struct facts_branch *b = facts_branch_of(f, saga, step);

	if (s->abort.order != 0 && facts_takes_part(f, saga, step) &&
	    facts_irrevocable(f, saga, step) && b->sent[WIRE_OP_FORWARD].order != 0 &&
	    !moment_by(b->ok, s->abort.order) && !moment_by(b->rejected, s->abort.order))
		verdict_broken(f->verdict, LAW(18, "S4"), saga, step, s->abort,
			       "saga %u is aborted while step %u is out and unknown", saga, step);
}

/* 24 */
static void check_unknown(struct facts *f, uint32_t saga, uint32_t step)
{
	const struct facts_branch *b = facts_branch_of(f, saga, step);

	if (f->sagas[saga].final_state == WIRE_STATE_COMPENSATED &&
	    facts_takes_part(f, saga, step) && b->sent[WIRE_OP_FORWARD].order != 0 &&
	    history_step_of(f->history, saga, step)->has_undo && b->ok.order == 0 &&
	    b->rejected.order == 0 && b->undone.order == 0 && b->read_only.order == 0 &&
	    b->heuristic.order == 0)
		verdict_broken(f->verdict, LAW(24, ""), saga, step, f->sagas[saga].finished,
			       "step %u of saga %u was sent, and not undone", step, saga);
}

static void check_command(struct facts *f, const struct history_command *c)
{
	check_sender(f, c);
	if (!facts_takes_part(f, c->saga, c->step)) {
		verdict_broken(f->verdict, LAW(2, "S9"), c->saga, c->step, when(c),
			       "step %u of saga %u was never enlisted", c->step, c->saga);
		return;
	}
	switch ((enum wire_op)c->op) {
	case WIRE_OP_FORWARD:
		check_forward(f, c);
		break;
	case WIRE_OP_FINISH:
		check_finish(f, c);
		break;
	case WIRE_OP_UNDO:
		check_undo(f, c);
		break;
	case WIRE_OP_SETTLE:
		check_settle(f, c);
		break;
	}
	check_attempt(f, c);
	check_input(f, c);
}

void judge_wire(struct facts *f)
{
	const struct history *h = f->history;

	note_first(f);
	for (uint32_t i = 0; i < h->command_count; i++) {
		const struct history_command *c = &h->commands[i];

		if (c->saga == HISTORY_NONE || c->step == HISTORY_NONE)
			verdict_broken(f->verdict, LAW(2, ""), c->saga, c->step, when(c),
				       "node %u sends a command that nobody planned", c->node);
		else
			check_command(f, c);
	}
	for (uint32_t i = 0; i < h->saga_count; i++)
		for (uint32_t k = 0; k < h->sagas[i].step_count; k++) {
			check_no_return(f, i, k);
			check_unknown(f, i, k);
		}
}
