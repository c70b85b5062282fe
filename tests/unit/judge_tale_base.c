/* The base tale: every transaction as it should be. */
#include "base/error.h"
#include "tests/unit/judge_tale.h"
#include "wire/record.h"

static struct tale_event *tell(struct tale *t, enum tale_kind kind, uint32_t saga)
{
	struct tale_event *e = &t->events[t->count++];

	t->now_ms += 10;
	*e = (struct tale_event){
		.kind = kind, .at_ms = t->now_ms, .saga = saga, .node = t->node, .epoch = t->epoch};
	return e;
}

/* ---- records -----------------------------------------------------------------------------------
 */

static struct tale_event *record(struct tale *t, uint32_t saga, enum wire_kind kind)
{
	struct tale_event *e = tell(t, TALE_RECORD, saga);

	e->record = kind;
	return e;
}

static struct tale_event *branch(struct tale *t, uint32_t saga, uint32_t step, uint32_t op,
				 uint32_t event)
{
	struct tale_event *e = record(t, saga, WIRE_RECORD_BRANCH);

	e->step = e->index = step;
	e->op = op;
	e->event = event;
	e->attempt = 1;
	return e;
}

static void decide(struct tale *t, uint32_t saga, uint32_t decision, uint32_t reason)
{
	struct tale_event *e = record(t, saga, WIRE_RECORD_DECISION);

	e->decision = decision;
	e->reason = reason;
}

/* In the batch of the record before. */
static void end(struct tale *t, uint32_t saga, uint32_t state)
{
	struct tale_event *e = record(t, saga, WIRE_RECORD_FINISHED);

	e->state = state;
	e->joins = true;
	e->at_ms = t->now_ms -= 10;
}

/* ---- clients -----------------------------------------------------------------------------------
 */

static uint32_t ask(struct tale *t, uint32_t saga, enum history_request_kind kind)
{
	struct tale_event *e = tell(t, TALE_ASK, saga);

	e->asks = kind;
	e->ask = ++t->asks;
	return e->ask;
}

static struct tale_event *answer(struct tale *t, uint32_t name, uint32_t state)
{
	struct tale_event *e = tell(t, TALE_ANSWER, 0);

	for (uint32_t i = 0; i < t->count; i++)
		if (t->events[i].kind == TALE_ASK && t->events[i].ask == name) {
			e->saga = t->events[i].saga;
			e->step = t->events[i].step;
			e->asks = t->events[i].asks;
		}
	e->ask = name;
	e->state = state;
	return e;
}

static void submit(struct tale *t, uint32_t saga)
{
	const uint32_t name = ask(t, saga, HISTORY_SUBMIT);

	(void)record(t, saga, WIRE_RECORD_ACCEPTED);
	(void)answer(t, name, saga == OPEN ? WIRE_STATE_OPEN : WIRE_STATE_RUNNING);
}

static struct tale_event *query(struct tale *t, uint32_t saga, uint32_t state, uint32_t decision)
{
	struct tale_event *e = answer(t, ask(t, saga, HISTORY_WAIT_QUERY), state);

	e->decision = decision;
	return e;
}

/* ---- participants ------------------------------------------------------------------------------
 */

static struct tale_event *send(struct tale *t, uint32_t saga, uint32_t step, uint32_t op)
{
	struct tale_event *e = tell(t, TALE_COMMAND, saga);

	e->step = step;
	e->op = op;
	e->attempt = 1;
	e->input = 77 + step;
	return e;
}

static struct tale_event *effect(struct tale *t, uint32_t saga, uint32_t step, uint32_t op,
				 enum history_effect_kind kind)
{
	struct tale_event *e = tell(t, TALE_EFFECT, saga);

	e->step = step;
	e->op = op;
	e->effect = kind;
	return e;
}

/* The whole way of one operation. */
static void run(struct tale *t, uint32_t saga, uint32_t step, uint32_t op, int64_t delta,
		int64_t held)
{
	struct tale_event *e;

	(void)send(t, saga, step, op);
	e = effect(t, saga, step, op, HISTORY_DONE);
	e->delta = delta;
	e->held = held;
	(void)branch(t, saga, step, op, WIRE_EVENT_OK);
}

static void refuse(struct tale *t, uint32_t saga, uint32_t step)
{
	(void)send(t, saga, step, WIRE_OP_FORWARD);
	(void)effect(t, saga, step, WIRE_OP_FORWARD, HISTORY_REFUSED);
	(void)branch(t, saga, step, WIRE_OP_FORWARD, WIRE_EVENT_REJECTED);
	decide(t, saga, WIRE_DECISION_ABORT, WIRE_REASON_REJECTED);
}

/* ---- the transactions --------------------------------------------------------------------------
 */

static void tell_done(struct tale *t)
{
	struct tale_event *e;

	submit(t, DONE);
	run(t, DONE, 0, WIRE_OP_FORWARD, -100, 0);
	(void)send(t, DONE, 1, WIRE_OP_FORWARD);
	t->now_ms += 200;
	e = branch(t, DONE, 1, WIRE_OP_FORWARD, WIRE_EVENT_AGAIN);
	e->silent = true;
	e->code = err_to_wire(SAGA_E_TIMEOUT);
	e->next_at = t->now_ms + 100;
	t->now_ms += 90;
	send(t, DONE, 1, WIRE_OP_FORWARD)->attempt = 2;
	effect(t, DONE, 1, WIRE_OP_FORWARD, HISTORY_DONE)->delta = 60;
	branch(t, DONE, 1, WIRE_OP_FORWARD, WIRE_EVENT_OK)->attempt = 2;
	(void)query(t, DONE, WIRE_STATE_RUNNING, WIRE_DECISION_NONE);
	run(t, DONE, 2, WIRE_OP_FORWARD, 40, 0);
	end(t, DONE, WIRE_STATE_COMPLETED);
	(void)query(t, DONE, WIRE_STATE_COMPLETED, WIRE_DECISION_COMMIT);
}

static void tell_undone(struct tale *t)
{
	submit(t, UNDONE);
	run(t, UNDONE, 0, WIRE_OP_FORWARD, -10, 0);
	run(t, UNDONE, 1, WIRE_OP_FORWARD, 4, 0);
	refuse(t, UNDONE, 2);
	(void)query(t, UNDONE, WIRE_STATE_UNDOING, WIRE_DECISION_ABORT);
	run(t, UNDONE, 1, WIRE_OP_UNDO, -4, 0);
	run(t, UNDONE, 0, WIRE_OP_UNDO, 10, 0);
	end(t, UNDONE, WIRE_STATE_COMPENSATED);
	(void)query(t, UNDONE, WIRE_STATE_COMPENSATED, WIRE_DECISION_ABORT);
}

static void tell_votes(struct tale *t)
{
	uint32_t name;

	submit(t, VOTES);
	name = ask(t, VOTES, HISTORY_WAIT_DECIDED);
	t->events[t->count - 1].until_decided = true;
	(void)answer(t, name, WIRE_STATE_RUNNING);
	run(t, VOTES, 0, WIRE_OP_FORWARD, 0, -50);
	run(t, VOTES, 1, WIRE_OP_FORWARD, 0, 50);
	decide(t, VOTES, WIRE_DECISION_COMMIT, WIRE_REASON_NONE);
	answer(t, name, WIRE_STATE_FINISHING)->decision = WIRE_DECISION_COMMIT;
	run(t, VOTES, 0, WIRE_OP_FINISH, -50, 50);
	run(t, VOTES, 1, WIRE_OP_FINISH, 50, -50);
	end(t, VOTES, WIRE_STATE_COMPLETED);
	(void)query(t, VOTES, WIRE_STATE_COMPLETED, WIRE_DECISION_COMMIT);
}

static void tell_noes(struct tale *t)
{
	submit(t, NOES);
	run(t, NOES, 0, WIRE_OP_FORWARD, 0, -5);
	refuse(t, NOES, 1);
	run(t, NOES, 0, WIRE_OP_UNDO, 0, 5);
	end(t, NOES, WIRE_STATE_COMPENSATED);
	(void)query(t, NOES, WIRE_STATE_COMPENSATED, WIRE_DECISION_ABORT);
}

static void own(struct tale *t, uint64_t epoch, uint32_t node)
{
	t->epoch = epoch;
	t->node = node;
	(void)record(t, 0, WIRE_RECORD_EPOCH);
	tell(t, TALE_OWNER, 0)->owner = HISTORY_SERVES;
}

static void tell_pivot(struct tale *t)
{
	struct tale_event *e;

	submit(t, PIVOT);
	run(t, PIVOT, 0, WIRE_OP_FORWARD, 0, 0);
	(void)send(t, PIVOT, 1, WIRE_OP_FORWARD);
	(void)effect(t, PIVOT, 1, WIRE_OP_FORWARD, HISTORY_DONE);
	(void)branch(t, PIVOT, 1, WIRE_OP_FORWARD, WIRE_EVENT_UNKNOWN);
	tell(t, TALE_OWNER, 0)->owner = HISTORY_FENCED;
	own(t, 2, 1);
	/* The owner of before does not know it yet. */
	e = send(t, PIVOT, 1, WIRE_OP_FORWARD);
	e->epoch = 1;
	e->node = 0;
	(void)send(t, PIVOT, 1, WIRE_OP_SETTLE);
	(void)branch(t, PIVOT, 1, WIRE_OP_SETTLE, WIRE_EVENT_OK);
	(void)query(t, PIVOT, WIRE_STATE_FINISHING, WIRE_DECISION_COMMIT);
	run(t, PIVOT, 2, WIRE_OP_FORWARD, 0, 0);
	end(t, PIVOT, WIRE_STATE_COMPLETED);
}

static void tell_maybe(struct tale *t)
{
	submit(t, MAYBE);
	run(t, MAYBE, 0, WIRE_OP_FORWARD, 0, 0);
	(void)send(t, MAYBE, 1, WIRE_OP_FORWARD);
	(void)branch(t, MAYBE, 1, WIRE_OP_FORWARD, WIRE_EVENT_UNKNOWN);
	(void)send(t, MAYBE, 1, WIRE_OP_UNDO);
	(void)effect(t, MAYBE, 1, WIRE_OP_UNDO, HISTORY_EMPTY);
	(void)branch(t, MAYBE, 1, WIRE_OP_UNDO, WIRE_EVENT_OK);
	run(t, MAYBE, 2, WIRE_OP_FORWARD, 0, 0);
	end(t, MAYBE, WIRE_STATE_COMPLETED);
}

static void enlist(struct tale *t, uint32_t step)
{
	const uint32_t name = ask(t, OPEN, HISTORY_ENLIST);
	struct tale_event *e;

	t->events[t->count - 1].step = step;
	e = record(t, OPEN, WIRE_RECORD_ENLISTED);
	e->step = step;
	(void)answer(t, name, WIRE_STATE_OPEN);
	effect(t, OPEN, step, HISTORY_WORK, HISTORY_DONE)->held = step == 0 ? 8 : -8;
}

static void tell_open(struct tale *t)
{
	struct tale_event *e;
	uint32_t name;

	submit(t, OPEN);
	enlist(t, 0);
	enlist(t, 1);
	name = ask(t, OPEN, HISTORY_ENLIST_OTHER);
	answer(t, name, WIRE_STATE_OPEN)->code = err_to_wire(SAGA_E_CONFLICT);
	name = ask(t, OPEN, HISTORY_COMMIT);
	t->events[t->count - 1].branches = 3;
	(void)record(t, OPEN, WIRE_RECORD_CLOSED);
	(void)answer(t, name, WIRE_STATE_RUNNING);
	run(t, OPEN, 0, WIRE_OP_FORWARD, 0, 0);
	run(t, OPEN, 1, WIRE_OP_FORWARD, 0, 0);
	(void)answer(t, ask(t, OPEN, HISTORY_INQUIRE), WIRE_STATE_RUNNING);
	decide(t, OPEN, WIRE_DECISION_COMMIT, WIRE_REASON_NONE);
	run(t, OPEN, 0, WIRE_OP_FINISH, 8, -8);
	(void)send(t, OPEN, 1, WIRE_OP_FINISH);
	e = effect(t, OPEN, 1, WIRE_OP_FINISH, HISTORY_HEURISTIC);
	e->delta = -8;
	e->held = 8;
	(void)branch(t, OPEN, 1, WIRE_OP_FINISH, WIRE_EVENT_HEURISTIC);
	end(t, OPEN, WIRE_STATE_COMPLETED);
	query(t, OPEN, WIRE_STATE_COMPLETED, WIRE_DECISION_COMMIT)->heuristics = 1;
	name = ask(t, OPEN, HISTORY_LIST);
	tell(t, TALE_LISTED, HISTORY_NONE)->ask = name;
	tell(t, TALE_LISTED, OPEN)->ask = name;
}

static void tell_never(struct tale *t)
{
	const uint32_t cancel = ask(t, NEVER, HISTORY_CANCEL);
	uint32_t name;

	(void)record(t, NEVER, WIRE_RECORD_TOMBSTONE);
	answer(t, cancel, WIRE_STATE_CANCELLED)->decision = WIRE_DECISION_ABORT;
	name = ask(t, NEVER, HISTORY_SUBMIT);
	answer(t, name, WIRE_STATE_CANCELLED)->code = err_to_wire(SAGA_E_CANCELLED);
}

static void tell_letter(struct tale *t)
{
	struct tale_event *e;
	uint32_t entry;

	(void)tell(t, TALE_ENTRY, LETTER);
	entry = t->count - 1;
	(void)record(t, LETTER, WIRE_RECORD_ACCEPTED);
	e = record(t, LETTER, WIRE_RECORD_INBOX);
	e->number = 1;
	e->joins = true;
	run(t, LETTER, 0, WIRE_OP_FORWARD, 0, 0);
	end(t, LETTER, WIRE_STATE_COMPLETED);
	t->events[entry].purged = t->count;
}

static void tell_late(struct tale *t)
{
	submit(t, LATE);
	(void)send(t, LATE, 0, WIRE_OP_FORWARD);
	effect(t, LATE, 0, WIRE_OP_FORWARD, HISTORY_DONE)->delta = 3;
	t->now_ms += 2000;
	decide(t, LATE, WIRE_DECISION_ABORT, WIRE_REASON_DEADLINE);
	run(t, LATE, 0, WIRE_OP_UNDO, -3, 0);
	end(t, LATE, WIRE_STATE_COMPENSATED);
}

static void tell_alone(struct tale *t)
{
	submit(t, ALONE);
	run(t, ALONE, 0, WIRE_OP_FORWARD, 0, 0);
	t->events[t->count - 2].one_phase = true;
	end(t, ALONE, WIRE_STATE_COMPLETED);
}

static void tell_conflict(struct tale *t)
{
	uint32_t name;

	submit(t, CONFLICT);
	name = ask(t, CONFLICT, HISTORY_CONFLICT);
	answer(t, name, WIRE_STATE_RUNNING)->code = err_to_wire(SAGA_E_CONFLICT);
	for (uint32_t i = 0; i < 2; i++) {
		name = ask(t, CONFLICT, HISTORY_QUERY);
		t->events[t->count - 1].filtered = true;
		(void)answer(t, name, WIRE_STATE_RUNNING);
		if (i == 0)
			(void)record(t, 0, WIRE_RECORD_NOOP);
	}
	run(t, CONFLICT, 0, WIRE_OP_FORWARD, 0, 0);
	end(t, CONFLICT, WIRE_STATE_COMPLETED);
}

void tale_tell(struct tale *t)
{
	*t = (struct tale){.now_ms = TALE_START_MS};
	(void)record(t, 0, WIRE_RECORD_GENESIS);
	(void)tell(t, TALE_HEAL, 0);
	t->now_ms += 6000;
	own(t, 1, 0);
	(void)record(t, 0, WIRE_RECORD_NOOP);
	tell_done(t);
	tell_undone(t);
	tell_votes(t);
	tell_noes(t);
	tell_pivot(t);
	tell_maybe(t);
	tell_open(t);
	tell_never(t);
	tell_letter(t);
	tell_late(t);
	tell_alone(t);
	tell_conflict(t);
	tell(t, TALE_SAMPLE, 0)->limit = 100;
	tell(t, TALE_STATE, 0)->hash = 5;
	tell(t, TALE_STATE, 0)->hash = 5;
}
