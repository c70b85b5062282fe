/* The judge of the journals, when all of them are read: 3, 11, 13, 15, 18, S10, S23. What a record
 * alone can tell is found while it is read. */
#include "tests/judge/facts.h"

static void check_decision(struct facts *f, uint32_t saga)
{
	const struct facts_saga *s = &f->sagas[saga];

	if (s->abort.order != 0 && s->commit.order != 0 && s->decision_times < 2)
		verdict_broken(f->verdict, LAW(11, ""), saga, HISTORY_NONE, s->abort,
			       "saga %u was decided both ways", saga);
	if (s->finished.order != 0 &&
	    (s->final_state == WIRE_STATE_COMPENSATED) != (s->abort.order != 0))
		verdict_broken(f->verdict, LAW(11, ""), saga, HISTORY_NONE, s->finished,
			       "saga %u ended in state %u against its decision", saga,
			       s->final_state);
	if (s->accepted_times > 1)
		verdict_broken(f->verdict, LAW(3, ""), saga, HISTORY_NONE, s->accepted,
			       "saga %u was accepted %u times", saga, s->accepted_times);
	/* The other way round is well: cancelled again when all was forgotten. */
	if (s->tombstone.order != 0 && s->accepted.order > s->tombstone.order)
		verdict_broken(f->verdict, LAW(0, "S10"), saga, HISTORY_NONE, s->accepted,
			       "saga %u was accepted after its cancel", saga);
}

/* 15: and no end before everything of it is ended. */
static void check_end(struct facts *f, uint32_t saga, uint32_t step)
{
	const struct facts_saga *s = &f->sagas[saga];
	const struct facts_branch *b = facts_branch_of(f, saga, step);
	const struct history_step *plan = history_step_of(f->history, saga, step);
	const uint64_t end = s->finished.order;

	if (plan->class == HISTORY_VOTE && !s->one_phase && b->ok.order != 0 &&
	    (!moment_by(s->commit, end) ||
	     (!moment_by(b->finished, end) && !moment_by(b->heuristic, end))))
		verdict_broken(f->verdict, LAW(15, ""), saga, step, s->finished,
			       "saga %u is over before step %u is finished", saga, step);
	if (b->unknown.order != 0 && b->ok.order == 0 && b->rejected.order == 0 &&
	    b->undone.order == 0)
		verdict_broken(f->verdict, LAW(0, "S23"), saga, step, s->finished,
			       "saga %u is completed, step %u is still unknown", saga, step);
}

/* 15 of an abort: what was done is undone, where it can be. */
static void check_undone(struct facts *f, uint32_t saga, uint32_t step)
{
	const struct facts_saga *s = &f->sagas[saga];
	const struct facts_branch *b = facts_branch_of(f, saga, step);
	const uint64_t end = s->finished.order;

	if (b->ok.order != 0 && history_step_of(f->history, saga, step)->has_undo &&
	    !moment_by(b->undone, end) && !moment_by(b->heuristic, end))
		verdict_broken(f->verdict, LAW(15, ""), saga, step, s->finished,
			       "saga %u is over before step %u is undone", saga, step);
}

/* 13: everything that the decision does not come before has said yes. 18: and what nothing takes
 * back is not aborted once it is done. */
static void check_branch(struct facts *f, uint32_t saga, uint32_t step)
{
	const struct facts_saga *s = &f->sagas[saga];
	const struct facts_branch *b = facts_branch_of(f, saga, step);

	if (s->commit.order != 0 &&
	    history_step_of(f->history, saga, step)->class == HISTORY_VOTE &&
	    !moment_by(b->ok, s->commit.order) && !moment_by(b->read_only, s->commit.order))
		verdict_broken(f->verdict, LAW(13, ""), saga, step, s->commit,
			       "saga %u is committed without the yes of step %u", saga, step);
	if (s->abort.order != 0 && facts_irrevocable(f, saga, step) &&
	    moment_by(b->ok, s->abort.order))
		verdict_broken(f->verdict, LAW(18, "S4"), saga, step, s->abort,
			       "saga %u is aborted behind its point of no return", saga);
	if (s->final_state == WIRE_STATE_COMPLETED)
		check_end(f, saga, step);
	else if (s->final_state == WIRE_STATE_COMPENSATED)
		check_undone(f, saga, step);
}

static void count_branch(struct facts *f, uint32_t saga, uint32_t step)
{
	const struct facts_saga *s = &f->sagas[saga];
	const struct facts_branch *b = facts_branch_of(f, saga, step);
	const struct history_step *plan = history_step_of(f->history, saga, step);
	struct judge_counters *count = &f->verdict->count;
	const bool ok = b->ok.order != 0;
	const bool optional = plan->class == HISTORY_OPTIONAL;

	count->unknown_steps += b->unknown.order != 0;
	count->enlists += b->enlisted.order != 0;
	count->votes += plan->class == HISTORY_VOTE && ok;
	count->pivots += plan->class == HISTORY_PIVOT && ok;
	count->last_resources +=
		plan->class == HISTORY_PIVOT && ok && plan->kind == WIRE_PROTOCOL_2PC;
	count->retriables += plan->class == HISTORY_RETRIABLE && ok;
	count->optionals += optional && ok;
	count->optional_undos += optional && b->undone.order != 0 && s->abort.order == 0;
	count->gone_on_without += optional && !ok && s->final_state == WIRE_STATE_COMPLETED;
}

static void count_saga(struct facts *f, uint32_t saga)
{
	const struct facts_saga *s = &f->sagas[saga];
	const struct history_saga *meant = &f->history->sagas[saga];
	struct judge_counters *count = &f->verdict->count;

	count->sagas += meant->protocol == WIRE_PROTOCOL_SAGA;
	count->mixed += meant->protocol == WIRE_PROTOCOL_MIXED;
	count->interactive += history_interactive(meant) && s->accepted_times > 0;
	count->accepted += s->accepted_times;
	count->completed += s->final_state == WIRE_STATE_COMPLETED;
	count->compensated += s->final_state == WIRE_STATE_COMPENSATED;
	count->tombstones += s->tombstone.order != 0;
	count->commits += s->commit.order != 0;
	count->closed_sets += s->closed.order != 0;
	count->idle_aborts += s->reason == WIRE_REASON_IDLE;
	count->deadline_aborts += s->reason == WIRE_REASON_DEADLINE;
	count->one_phases += s->one_phase && s->commit.order != 0;
}

void judge_journal(struct facts *f)
{
	for (uint32_t i = 0; i < f->history->saga_count; i++) {
		count_saga(f, i);
		if (f->sagas[i].accepted_times == 0)
			continue;
		check_decision(f, i);
		for (uint32_t k = 0; k < f->history->sagas[i].step_count; k++) {
			count_branch(f, i, k);
			if (facts_takes_part(f, i, k))
				check_branch(f, i, k);
		}
	}
}
