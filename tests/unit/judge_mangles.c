/* What is changed in the base tale, and which law that breaks. */
#include "tests/unit/judge_mangles.h"

#include "base/error.h"
#include "tests/unit/unit.h"
#include "wire/record.h"

/* ---- what is changed ---------------------------------------------------------------------------
 */

#define RECORD(saga_, kind_) ((struct tale_like){TALE_RECORD, saga_, 0, 0, kind_, 0, 0})
#define BRANCH(saga_, step_, op_, event_)                                                          \
	((struct tale_like){TALE_RECORD, saga_, step_, op_, WIRE_RECORD_BRANCH, event_, 0})
#define COMMAND(saga_, step_, op_) ((struct tale_like){TALE_COMMAND, saga_, step_, op_, 0, 0, 0})
#define EFFECT(saga_, step_, op_)  ((struct tale_like){TALE_EFFECT, saga_, step_, op_, 0, 0, 0})
#define ASK(saga_, kind_)          ((struct tale_like){TALE_ASK, saga_, 0, 0, kind_, 0, 0})
#define ANSWER(saga_, kind_)       ((struct tale_like){TALE_ANSWER, saga_, 0, 0, kind_, 0, 0})
#define DO                         WIRE_OP_FORWARD
#define END                        WIRE_OP_FINISH
#define BACK                       WIRE_OP_UNDO

static struct tale_event *at(struct tale *t, struct tale_like like)
{
	return &t->events[tale_find(t, like)];
}

static void drop(struct tale *t, struct tale_like like)
{
	tale_remove(t, tale_find(t, like));
}

/* What is like the one goes to just before, or behind, what is like the other. */
static void before(struct tale *t, struct tale_like what, struct tale_like other)
{
	const uint32_t from = tale_find(t, what), to = tale_find(t, other);

	tale_move(t, from, from < to ? to - 1 : to);
}

static void behind(struct tale *t, struct tale_like what, struct tale_like other)
{
	const uint32_t from = tale_find(t, what), to = tale_find(t, other);

	tale_move(t, from, from < to ? to : to + 1);
}

/* Another one like it, behind the other; to be changed. */
static struct tale_event *copy(struct tale *t, struct tale_like what, struct tale_like other)
{
	struct tale_event event = *at(t, what);
	uint32_t place = tale_find(t, other);

	event.joins = false;
	event.at_ms = t->events[place].at_ms;
	event.epoch = t->events[place].epoch;
	event.node = t->events[place].node;
	do
		place++;
	while (place < t->count && t->events[place].joins);
	tale_insert(t, place, &event);
	return &t->events[place];
}

static void ack_before_record(struct tale *t)
{
	before(t, ANSWER(DONE, HISTORY_SUBMIT), RECORD(DONE, WIRE_RECORD_ACCEPTED));
	at(t, ANSWER(DONE, HISTORY_SUBMIT))->state = WIRE_STATE_NONE;
}

static void key_lost(struct tale *t)
{
	struct tale_event *e = at(t, ANSWER(NEVER, HISTORY_SUBMIT));

	e->code = 0;
}

static void absence_told(struct tale *t)
{
	struct tale_event *e = at(t, ANSWER(DONE, HISTORY_WAIT_QUERY));

	e->code = err_to_wire(SAGA_E_NOT_FOUND);
	e->state = WIRE_STATE_NONE;
}

static void key_ghost(struct tale *t)
{
	drop(t, ANSWER(LATE, HISTORY_SUBMIT));
	drop(t, ASK(LATE, HISTORY_SUBMIT));
}

static void effect_unsent(struct tale *t)
{
	drop(t, COMMAND(ALONE, 0, DO));
}

static void effect_unknown(struct tale *t)
{
	copy(t, EFFECT(ALONE, 0, DO), EFFECT(ALONE, 0, DO))->saga = HISTORY_NONE;
}

static void command_unplanned(struct tale *t)
{
	copy(t, COMMAND(ALONE, 0, DO), COMMAND(ALONE, 0, DO))->step = HISTORY_NONE;
}

static void plan_invented(struct tale *t)
{
	at(t, RECORD(CONFLICT, WIRE_RECORD_ACCEPTED))->state = 1;
}

static void accepted_twice(struct tale *t)
{
	copy(t, RECORD(CONFLICT, WIRE_RECORD_ACCEPTED), RECORD(CONFLICT, WIRE_RECORD_ACCEPTED))
		->number = 99;
}

static void admission_twice(struct tale *t)
{
	at(t, RECORD(CONFLICT, WIRE_RECORD_ACCEPTED))->number = LATE + 1;
}

static void other_body_taken(struct tale *t)
{
	at(t, ANSWER(CONFLICT, HISTORY_CONFLICT))->code = 0;
}

static void expired_in_window(struct tale *t)
{
	struct tale_event *e = at(t, ANSWER(CONFLICT, HISTORY_SUBMIT));

	e->code = err_to_wire(SAGA_E_EXPIRED);
}

static void number_twice(struct tale *t)
{
	t->repeat = true;
}

static void committed_and_undone(struct tale *t)
{
	struct tale_event *e = copy(t, EFFECT(DONE, 0, DO), EFFECT(DONE, 2, DO));

	e->op = BACK;
	e->delta = 0;
}

static void aborted_and_stands(struct tale *t)
{
	drop(t, EFFECT(UNDONE, 0, BACK));
}

static void effect_twice(struct tale *t)
{
	copy(t, EFFECT(ALONE, 0, DO), EFFECT(ALONE, 0, DO));
}

static void undo_of_nothing(struct tale *t)
{
	struct tale_event *e = copy(t, EFFECT(UNDONE, 1, BACK), EFFECT(UNDONE, 1, BACK));

	e->step = 2;
	e->delta = 0;
}

static void run_after_undo(struct tale *t)
{
	struct tale_event *e = at(t, EFFECT(MAYBE, 1, BACK));

	e = copy(t, EFFECT(MAYBE, 1, BACK), EFFECT(MAYBE, 1, BACK));
	e->op = DO;
	e->effect = HISTORY_DONE;
}

static void finished_and_undone(struct tale *t)
{
	struct tale_event *e = copy(t, EFFECT(VOTES, 0, END), EFFECT(VOTES, 0, END));

	e->op = BACK;
	e->delta = e->held = 0;
}

static void one_here_one_there(struct tale *t)
{
	struct tale_event *e = at(t, EFFECT(VOTES, 1, END));

	e->op = BACK;
}

static void confirm_without_try(struct tale *t)
{
	drop(t, EFFECT(VOTES, 0, DO));
}

static void finish_without_yes(struct tale *t)
{
	behind(t, BRANCH(OPEN, 1, DO, WIRE_EVENT_OK), COMMAND(OPEN, 1, END));
	at(t, BRANCH(OPEN, 1, DO, WIRE_EVENT_OK))->index = 1;
}

static void decided_twice(struct tale *t)
{
	copy(t, RECORD(VOTES, WIRE_RECORD_DECISION), RECORD(VOTES, WIRE_RECORD_DECISION))
		->decision = WIRE_DECISION_ABORT;
}

static void ended_against_decision(struct tale *t)
{
	at(t, RECORD(UNDONE, WIRE_RECORD_FINISHED))->state = WIRE_STATE_COMPLETED;
}

static void commit_told_early(struct tale *t)
{
	struct tale_event *e = at(t, ANSWER(DONE, HISTORY_WAIT_QUERY));

	e->decision = WIRE_DECISION_COMMIT;
}

static void undo_undecided(struct tale *t)
{
	before(t, COMMAND(LATE, 0, BACK), RECORD(LATE, WIRE_RECORD_DECISION));
}

static void sent_before_accepted(struct tale *t)
{
	before(t, COMMAND(DONE, 0, DO), RECORD(DONE, WIRE_RECORD_ACCEPTED));
}

static void finish_undecided(struct tale *t)
{
	before(t, COMMAND(VOTES, 0, END), RECORD(VOTES, WIRE_RECORD_DECISION));
}

static void settled_without_need(struct tale *t)
{
	copy(t, COMMAND(PIVOT, 1, WIRE_OP_SETTLE), COMMAND(DONE, 0, DO))->saga = DONE;
}

static void gate_open(struct tale *t)
{
	struct tale_event *e = at(t, ANSWER(CONFLICT, HISTORY_QUERY));

	e->number = 9999;
	e->state = WIRE_STATE_NONE;
}

static void commit_without_vote(struct tale *t)
{
	drop(t, BRANCH(VOTES, 1, DO, WIRE_EVENT_OK));
}

static void abort_told(struct tale *t)
{
	at(t, ANSWER(DONE, HISTORY_WAIT_QUERY))->decision = WIRE_DECISION_ABORT;
}

static void over_before_finished(struct tale *t)
{
	before(t, RECORD(VOTES, WIRE_RECORD_FINISHED), BRANCH(VOTES, 1, END, WIRE_EVENT_OK));
}

static void over_before_undone(struct tale *t)
{
	before(t, RECORD(UNDONE, WIRE_RECORD_FINISHED), BRANCH(UNDONE, 0, BACK, WIRE_EVENT_OK));
}

static void undo_in_order(struct tale *t)
{
	before(t, COMMAND(UNDONE, 0, BACK), BRANCH(UNDONE, 1, BACK, WIRE_EVENT_OK));
}

static void sent_too_soon(struct tale *t)
{
	before(t, COMMAND(DONE, 2, DO), BRANCH(DONE, 1, DO, WIRE_EVENT_OK));
}

static void ran_too_soon(struct tale *t)
{
	before(t, EFFECT(DONE, 1, DO), EFFECT(DONE, 0, DO));
}

static void past_optional(struct tale *t)
{
	before(t, COMMAND(MAYBE, 2, DO), BRANCH(MAYBE, 1, BACK, WIRE_EVENT_OK));
}

static void optional_forgotten(struct tale *t)
{
	drop(t, BRANCH(MAYBE, 1, BACK, WIRE_EVENT_OK));
}

static void undo_behind_pivot(struct tale *t)
{
	copy(t, COMMAND(PIVOT, 2, DO), COMMAND(PIVOT, 2, DO))->op = BACK;
	at(t, COMMAND(PIVOT, 2, BACK))->step = 0;
}

static void pivot_too_soon(struct tale *t)
{
	before(t, COMMAND(PIVOT, 1, DO), BRANCH(PIVOT, 0, DO, WIRE_EVENT_OK));
}

static void abort_of_pivot(struct tale *t)
{
	struct tale_event *e = copy(t, RECORD(UNDONE, WIRE_RECORD_DECISION),
				    BRANCH(PIVOT, 1, DO, WIRE_EVENT_UNKNOWN));

	e->saga = PIVOT;
}

static void cancel_not_too_late(struct tale *t)
{
	struct tale_event *e = at(t, ANSWER(NEVER, HISTORY_CANCEL));

	e->code = err_to_wire(SAGA_E_TOO_LATE);
}

static void sender_is_another(struct tale *t)
{
	at(t, COMMAND(ALONE, 0, DO))->node = 0;
}

static void epoch_of_nobody(struct tale *t)
{
	at(t, COMMAND(ALONE, 0, DO))->epoch = 7;
}

static void older_epoch_lands(struct tale *t)
{
	struct tale_event *e =
		copy(t, RECORD(0, WIRE_RECORD_NOOP), RECORD(ALONE, WIRE_RECORD_FINISHED));

	e->epoch = 1;
}

static void second_writer(struct tale *t)
{
	t->second_writer = true;
}

static void stale_is_new(struct tale *t)
{
	struct tale_event *e = at(t, COMMAND(PIVOT, 2, DO));

	e = copy(t, COMMAND(PIVOT, 1, WIRE_OP_SETTLE), COMMAND(PIVOT, 1, WIRE_OP_SETTLE));
	e->epoch = 1;
	e->node = 0;
	e->step = 2;
	e->op = DO;
	e->input = 79;
}

static void stale_is_done(struct tale *t)
{
	at(t, EFFECT(ALONE, 0, DO))->epoch = 1;
}

static void batch_damaged(struct tale *t)
{
	t->damaged = true;
}

static void chain_broken(struct tale *t)
{
	t->broken_chain = true;
}

static void numbers_with_gap(struct tale *t)
{
	t->gap = true;
}

static void states_differ(struct tale *t)
{
	t->events[t->count - 1].hash = 6;
}

static void ok_untrue(struct tale *t)
{
	drop(t, EFFECT(PIVOT, 2, DO));
}

static void rejection_untrue(struct tale *t)
{
	at(t, EFFECT(UNDONE, 2, DO))->effect = HISTORY_DONE;
}

static void finish_untrue(struct tale *t)
{
	drop(t, EFFECT(OPEN, 0, END));
}

static void unknown_is_no(struct tale *t)
{
	drop(t, COMMAND(LATE, 0, BACK));
	drop(t, EFFECT(LATE, 0, BACK));
	drop(t, BRANCH(LATE, 0, BACK, WIRE_EVENT_OK));
	drop(t, EFFECT(LATE, 0, DO));
}

static void nobody_said_so(struct tale *t)
{
	at(t, BRANCH(ALONE, 0, DO, WIRE_EVENT_OK))->unsaid = true;
}

static void deadline_early(struct tale *t)
{
	at(t, RECORD(LATE, WIRE_RECORD_DECISION))->shard_time =
		at(t, RECORD(LATE, WIRE_RECORD_DECISION))->at_ms - 500;
}

static void deadline_short(struct tale *t)
{
	t->deadline_cut_ms = 500;
}

static void silence_early(struct tale *t)
{
	struct tale_event *e = at(t, BRANCH(DONE, 1, DO, WIRE_EVENT_AGAIN));

	e->shard_time = e->at_ms - 100;
	e->next_at -= 100;
}

static void shard_time_back(struct tale *t)
{
	at(t, RECORD(0, WIRE_RECORD_NOOP))->shard_time = TALE_START_MS + 1;
}

static void attempt_unfailed(struct tale *t)
{
	before(t, (struct tale_like){TALE_COMMAND, DONE, 1, DO, 0, 0, 1},
	       BRANCH(DONE, 1, DO, WIRE_EVENT_AGAIN));
}

static void attempt_repeated(struct tale *t)
{
	at(t, BRANCH(DONE, 1, DO, WIRE_EVENT_AGAIN))->attempt = 2;
}

static void back_off_long(struct tale *t)
{
	at(t, BRANCH(DONE, 1, DO, WIRE_EVENT_AGAIN))->next_at += 50;
}

static void back_off_short(struct tale *t)
{
	struct tale_event *e = at(t, BRANCH(DONE, 1, DO, WIRE_EVENT_AGAIN));

	e->next_at = at(t, BRANCH(DONE, 0, DO, WIRE_EVENT_OK))->at_ms + 79;
}

static void attempts_beyond_cap(struct tale *t)
{
	at(t, COMMAND(ALONE, 0, DO))->attempt = 4;
}

static void status_wrong(struct tale *t)
{
	at(t, ANSWER(DONE, HISTORY_WAIT_QUERY))->state = WIRE_STATE_OPEN;
}

static void session_goes_back(struct tale *t)
{
	const uint32_t first = tale_find(t, ANSWER(CONFLICT, HISTORY_QUERY));
	uint32_t records = 0;

	for (uint32_t i = 0; i < first; i++)
		records += t->events[i].kind == TALE_RECORD;
	t->events[first].number = records;
	t->events[tale_find(t,
			    (struct tale_like){TALE_ANSWER, CONFLICT, 0, 0, HISTORY_QUERY, 0, 1})]
		.number = records - 1;
	t->events[tale_find(t,
			    (struct tale_like){TALE_ANSWER, CONFLICT, 0, 0, HISTORY_QUERY, 0, 1})]
		.state = WIRE_STATE_NONE;
}

static void end_told_early(struct tale *t)
{
	struct tale_event *e = at(t, ANSWER(DONE, HISTORY_WAIT_QUERY));

	e->state = WIRE_STATE_COMPLETED;
}

static void refused_and_taken(struct tale *t)
{
	at(t, ANSWER(CONFLICT, HISTORY_SUBMIT))->code = err_to_wire(SAGA_E_PLAN);
}

static void decision_told_late(struct tale *t)
{
	struct tale_event *e;

	e = &t->events[tale_find(
		t, (struct tale_like){TALE_ANSWER, VOTES, 0, 0, HISTORY_WAIT_DECIDED, 0, 1})];
	e->state = WIRE_STATE_COMPLETED;
	behind(t, (struct tale_like){TALE_ANSWER, VOTES, 0, 0, HISTORY_WAIT_DECIDED, 0, 1},
	       RECORD(VOTES, WIRE_RECORD_FINISHED));
}

static void money_made(struct tale *t)
{
	at(t, EFFECT(DONE, 2, DO))->delta = 50;
	t->balance_off = 10;
}

static void money_held(struct tale *t)
{
	at(t, EFFECT(NOES, 0, BACK))->held = 4;
	at(t, EFFECT(NOES, 0, BACK))->delta = 1;
	t->balance_off = 1;
}

static void money_misread(struct tale *t)
{
	t->balance_off = -7;
}

static void too_many(struct tale *t)
{
	t->events[tale_find(t, (struct tale_like){TALE_SAMPLE, 0, 0, 0, 0, 0, 0})].value = 101;
}

static void heuristic_hidden(struct tale *t)
{
	at(t, ANSWER(OPEN, HISTORY_WAIT_QUERY))->heuristics = 0;
}

static void heuristic_unlisted(struct tale *t)
{
	drop(t, (struct tale_like){TALE_LISTED, OPEN, 0, 0, 0, 0, 0});
}

static void heuristic_unrecorded(struct tale *t)
{
	at(t, BRANCH(OPEN, 1, END, WIRE_EVENT_HEURISTIC))->event = WIRE_EVENT_OK;
	at(t, ANSWER(OPEN, HISTORY_WAIT_QUERY))->heuristics = 0;
	drop(t, (struct tale_like){TALE_LISTED, OPEN, 0, 0, 0, 0, 0});
}

static void purged_early(struct tale *t)
{
	t->events[tale_find(t, (struct tale_like){TALE_ENTRY, LETTER, 0, 0, 0, 0, 0})].purged =
		tale_find(t, (struct tale_like){TALE_ENTRY, LETTER, 0, 0, 0, 0, 0}) + 1;
}

static void entry_left(struct tale *t)
{
	t->events[tale_find(t, (struct tale_like){TALE_ENTRY, LETTER, 0, 0, 0, 0, 0})].purged = 0;
	drop(t, RECORD(LETTER, WIRE_RECORD_INBOX));
}

static void entry_refused(struct tale *t)
{
	at(t, RECORD(LETTER, WIRE_RECORD_INBOX))->code = err_to_wire(SAGA_E_PLAN);
}

static void input_differs(struct tale *t)
{
	t->events[tale_find(t, (struct tale_like){TALE_COMMAND, DONE, 1, DO, 0, 0, 1})].input = 1;
}

static void other_branches(struct tale *t)
{
	at(t, ASK(OPEN, HISTORY_COMMIT))->branches = 1;
}

static void enlisted_as_another(struct tale *t)
{
	at(t, ANSWER(OPEN, HISTORY_ENLIST_OTHER))->code = 0;
}

static void enlisted_late(struct tale *t)
{
	before(t, RECORD(OPEN, WIRE_RECORD_CLOSED),
	       (struct tale_like){TALE_RECORD, OPEN, 1, 0, WIRE_RECORD_ENLISTED, 0, 0});
	at(t, ASK(OPEN, HISTORY_COMMIT))->branches = 1;
	before(t, ASK(OPEN, HISTORY_COMMIT), RECORD(OPEN, WIRE_RECORD_CLOSED));
}

static void work_left(struct tale *t)
{
	struct tale_event *e =
		copy(t, (struct tale_like){TALE_EFFECT, OPEN, 0, 0, 0, 0, 0}, EFFECT(NOES, 1, DO));

	drop(t, EFFECT(NOES, 0, BACK));
	(void)e;
	drop(t, (struct tale_like){TALE_EFFECT, OPEN, 0, 0, 0, 0, 0});
}

static void cancelled_and_accepted(struct tale *t)
{
	copy(t, RECORD(CONFLICT, WIRE_RECORD_ACCEPTED), RECORD(CONFLICT, WIRE_RECORD_ACCEPTED))
		->saga = NEVER;
}

static void cancel_unrecorded(struct tale *t)
{
	drop(t, RECORD(NEVER, WIRE_RECORD_TOMBSTONE));
	at(t, ANSWER(NEVER, HISTORY_CANCEL))->state = WIRE_STATE_NONE;
	at(t, ANSWER(NEVER, HISTORY_CANCEL))->decision = WIRE_DECISION_NONE;
	at(t, ANSWER(NEVER, HISTORY_SUBMIT))->state = WIRE_STATE_NONE;
}

static void never_over(struct tale *t)
{
	drop(t, RECORD(ALONE, WIRE_RECORD_FINISHED));
}

static void nobody_owns(struct tale *t)
{
	drop(t, (struct tale_like){TALE_OWNER, 0, 0, 0, 0, 0, 2});
	t->events[t->count - 1].at_ms += 60000;
}

static void timer_forgotten(struct tale *t)
{
	t->events[tale_find(t, (struct tale_like){TALE_COMMAND, DONE, 1, DO, 0, 0, 1})].at_ms +=
		100;
}

/* ---- which law that breaks ---------------------------------------------------------------------
 */

#define MANGLE(change_, ...)                                                                       \
	{                                                                                          \
#change_, change_, __VA_ARGS__                                                     \
	}
#define L(number, rule)                                                                            \
	{                                                                                          \
		(number), (rule)                                                                   \
	}

const struct mangle mangles[] = {
	MANGLE(ack_before_record, L(1, ""), {L(0, "")}),
	MANGLE(key_lost, L(1, ""), {L(0, "")}),
	MANGLE(absence_told, L(1, "S2"), {L(0, "")}),
	MANGLE(cancel_unrecorded, L(1, "S10"), {L(0, "")}),
	MANGLE(key_ghost, L(2, ""), {L(0, "")}),
	MANGLE(effect_unsent, L(2, ""), {L(0, "")}),
	MANGLE(effect_unknown, L(2, ""), {L(0, "")}),
	MANGLE(command_unplanned, L(2, ""), {L(0, "")}),
	MANGLE(plan_invented, L(2, ""), {L(0, "")}),
	MANGLE(accepted_twice, L(3, ""), {L(0, "")}),
	MANGLE(other_body_taken, L(3, ""), {L(0, "")}),
	MANGLE(expired_in_window, L(3, "S5"), {L(0, "")}),
	MANGLE(number_twice, L(4, ""), {L(0, "")}),
	MANGLE(admission_twice, L(4, ""), {L(2, ""), L(5, ""), L(0, "L1")}),
	MANGLE(committed_and_undone, L(5, ""), {L(0, "")}),
	MANGLE(aborted_and_stands, L(5, ""), {L(23, ""), L(31, "")}),
	MANGLE(effect_twice, L(6, ""), {L(5, "")}),
	MANGLE(undo_of_nothing, L(7, ""), {L(5, "")}),
	MANGLE(run_after_undo, L(8, ""), {L(5, "")}),
	MANGLE(finished_and_undone, L(9, ""), {L(5, "")}),
	MANGLE(one_here_one_there, L(9, ""), {L(5, ""), L(23, "")}),
	MANGLE(confirm_without_try, L(10, ""), {L(13, ""), L(23, ""), L(31, "")}),
	MANGLE(finish_without_yes, L(10, ""), {L(13, "")}),
	MANGLE(decided_twice, L(11, ""), {L(0, "")}),
	MANGLE(ended_against_decision, L(11, ""), {L(29, ""), L(5, ""), L(30, "")}),
	MANGLE(commit_told_early, L(11, ""), {L(0, "")}),
	MANGLE(undo_undecided, L(12, ""), {L(0, "")}),
	MANGLE(sent_before_accepted, L(12, ""), {L(0, "")}),
	MANGLE(finish_undecided, L(12, ""), {L(0, "")}),
	MANGLE(settled_without_need, L(12, "S4"), {L(0, "")}),
	MANGLE(gate_open, L(12, "S1"), {L(29, "S2")}),
	MANGLE(commit_without_vote, L(13, ""), {L(10, "")}),
	MANGLE(abort_told, L(14, ""), {L(0, "")}),
	MANGLE(over_before_finished, L(15, ""), {L(11, ""), L(31, "")}),
	MANGLE(over_before_undone, L(15, ""), {L(11, ""), L(31, "")}),
	MANGLE(undo_in_order, L(16, ""), {L(0, "")}),
	MANGLE(sent_too_soon, L(17, ""), {L(0, "")}),
	MANGLE(ran_too_soon, L(17, ""), {L(2, "")}),
	MANGLE(past_optional, L(17, "S23"), {L(0, "")}),
	MANGLE(optional_forgotten, L(0, "S23"), {L(17, "S23")}),
	MANGLE(undo_behind_pivot, L(18, ""), {L(40, "")}),
	MANGLE(pivot_too_soon, L(18, "S4"), {L(0, "")}),
	MANGLE(abort_of_pivot, L(18, "S4"), {L(11, ""), L(29, "")}),
	MANGLE(cancel_not_too_late, L(18, "S4"), {L(0, "")}),
	MANGLE(sender_is_another, L(19, ""), {L(0, "")}),
	MANGLE(epoch_of_nobody, L(19, ""), {L(0, "")}),
	MANGLE(older_epoch_lands, L(19, ""), {L(21, ""), L(12, "S1")}),
	MANGLE(second_writer, L(19, ""), {L(21, ""), L(12, "S1"), L(29, "")}),
	MANGLE(stale_is_new, L(20, ""), {L(0, "")}),
	MANGLE(stale_is_done, L(20, "S24"), {L(0, "")}),
	MANGLE(batch_damaged, L(21, ""), {L(12, "S1"), L(29, "")}),
	MANGLE(chain_broken, L(21, ""), {L(0, "")}),
	MANGLE(numbers_with_gap, L(21, ""), {L(0, "")}),
	MANGLE(states_differ, L(22, ""), {L(0, "")}),
	MANGLE(ok_untrue, L(23, ""), {L(5, "")}),
	MANGLE(rejection_untrue, L(23, "S3"), {L(5, "")}),
	MANGLE(finish_untrue, L(23, ""), {L(5, ""), L(5, "S9"), L(31, "")}),
	MANGLE(unknown_is_no, L(24, ""), {L(0, "")}),
	MANGLE(deadline_early, L(25, ""), {L(0, "")}),
	MANGLE(deadline_short, L(25, ""), {L(0, "")}),
	MANGLE(silence_early, L(25, ""), {L(0, "")}),
	MANGLE(shard_time_back, L(25, ""), {L(0, "")}),
	MANGLE(attempt_unfailed, L(26, ""), {L(0, "")}),
	MANGLE(attempt_repeated, L(26, ""), {L(0, "")}),
	MANGLE(back_off_long, L(26, ""), {L(0, "")}),
	MANGLE(back_off_short, L(26, ""), {L(0, "")}),
	MANGLE(attempts_beyond_cap, L(26, ""), {L(0, "")}),
	MANGLE(nobody_said_so, L(27, ""), {L(0, "")}),
	MANGLE(status_wrong, L(29, ""), {L(0, "")}),
	MANGLE(session_goes_back, L(29, "S2"), {L(29, "")}),
	MANGLE(end_told_early, L(30, ""), {L(29, "")}),
	MANGLE(refused_and_taken, L(30, ""), {L(0, "")}),
	MANGLE(decision_told_late, L(30, "until"), {L(0, "")}),
	MANGLE(money_made, L(31, ""), {L(0, "")}),
	MANGLE(money_held, L(31, ""), {L(0, "")}),
	MANGLE(money_misread, L(31, ""), {L(0, "")}),
	MANGLE(too_many, L(34, "S19"), {L(0, "")}),
	MANGLE(heuristic_hidden, L(38, ""), {L(0, "")}),
	MANGLE(heuristic_unlisted, L(38, ""), {L(0, "")}),
	MANGLE(heuristic_unrecorded, L(38, ""), {L(23, ""), L(31, ""), L(15, "")}),
	MANGLE(purged_early, L(39, "S12"), {L(0, "")}),
	MANGLE(entry_left, L(0, "S12"), {L(0, "")}),
	MANGLE(entry_refused, L(0, "S12"), {L(0, "")}),
	MANGLE(input_differs, L(40, ""), {L(0, "")}),
	MANGLE(other_branches, L(0, "S9"), {L(0, "")}),
	MANGLE(enlisted_as_another, L(0, "S9"), {L(0, "")}),
	MANGLE(enlisted_late, L(0, "S9"), {L(29, ""), L(1, "S9")}),
	MANGLE(work_left, L(5, ""), {L(5, "S9"), L(23, ""), L(31, "")}),
	MANGLE(cancelled_and_accepted, L(0, "S10"), {L(0, "L1"), L(14, "")}),
	MANGLE(never_over, L(0, "L1"), {L(0, "")}),
	MANGLE(nobody_owns, L(0, "L2"), {L(0, "")}),
	MANGLE(timer_forgotten, L(0, "L5"), {L(0, "")}),
};
const uint32_t mangle_count = sizeof mangles / sizeof mangles[0];

void mangle_status(struct tale *t)
{
	never_over(t);
	status_wrong(t);
	effect_twice(t);
}

void mangle_ok(struct tale *t)
{
	ok_untrue(t);
}
