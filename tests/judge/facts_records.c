/* What each record means, and what may be said of it as it stands: 2, 4, 9, 11, 25, S9, S11, S12.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "tests/judge/facts.h"
#include "wire/codec.h"
#include "wire/record.h"

enum { ARENA_SIZE = 256 * 1024 };

static uint32_t number_of(const struct facts *f, const struct facts_saga *saga)
{
	return (uint32_t)(saga - f->sagas);
}

/* ---- states (29) -------------------------------------------------------------------------------
 */

static uint32_t state_of(const struct facts *f, const struct facts_saga *s)
{
	const bool interactive = history_interactive(&f->history->sagas[number_of(f, s)]);

	if (s->finished.order != 0)
		return s->final_state;
	if (s->accepted.order == 0)
		return s->tombstone.order != 0 || s->refused.order != 0 ? WIRE_STATE_CANCELLED
									: WIRE_STATE_NONE;
	if (s->commit.order != 0)
		return WIRE_STATE_FINISHING;
	if (s->abort.order != 0)
		return WIRE_STATE_UNDOING;
	return interactive && s->closed.order == 0 ? WIRE_STATE_OPEN : WIRE_STATE_RUNNING;
}

static void turn(struct facts *f, struct facts_saga *s, uint32_t state)
{
	const uint64_t record = f->shards[f->shard].record_count;
	struct facts_turn *last = s->last_turn > 0 ? &f->turns[s->last_turn - 1] : NULL;
	const bool parked = s->parked > 0;

	if (last != NULL && last->state == state && last->parked == parked)
		return;
	if (f->turn_count == f->turn_capacity) {
		f->turn_capacity = f->turn_capacity == 0 ? 256 : 2 * f->turn_capacity;
		f->turns = realloc(f->turns, f->turn_capacity * sizeof *f->turns);
		CHECK(f->turns != NULL);
		last = s->last_turn > 0 ? &f->turns[s->last_turn - 1] : NULL;
	}
	f->turns[f->turn_count++] = (struct facts_turn){
		.record = record, .at = f->now, .state = state, .parked = parked};
	if (last != NULL)
		last->next = f->turn_count;
	else
		s->first_turn = f->turn_count;
	s->last_turn = f->turn_count;
}

/* ---- sagas -------------------------------------------------------------------------------------
 */

static struct facts_saga *saga_of(struct facts *f, uint64_t admission)
{
	const struct facts_shard *s = &f->shards[f->shard];

	if (admission >= s->saga_of_capacity || s->saga_of[admission] == 0) {
		facts_damaged(f, 2, "a record of an admission that never was", admission);
		return NULL;
	}
	return &f->sagas[s->saga_of[admission] - 1];
}

static void admit(struct facts *f, uint64_t admission, uint32_t saga)
{
	struct facts_shard *s = &f->shards[f->shard];

	if (admission >= s->saga_of_capacity) {
		const uint32_t old = s->saga_of_capacity;

		if (admission > UINT32_MAX / 4) {
			facts_damaged(f, 21, "an admission that is far too high", admission);
			return;
		}
		s->saga_of_capacity = (uint32_t)admission * 2 + 64;
		s->saga_of = realloc(s->saga_of, s->saga_of_capacity * sizeof *s->saga_of);
		CHECK(s->saga_of != NULL);
		memset(s->saga_of + old, 0, (s->saga_of_capacity - old) * sizeof *s->saga_of);
	}
	if (s->saga_of[admission] != 0)
		facts_damaged(f, 4, "an admission is used twice", admission);
	s->saga_of[admission] = saga + 1;
}

/* 2: the plan is the one that was meant. */
static void check_plan(struct facts *f, uint32_t saga, const struct wire_plan *plan)
{
	const struct history_saga *meant = &f->history->sagas[saga];
	const uint32_t count = history_interactive(meant) ? 0 : meant->step_count;
	bool same = plan->step_count == count && plan->protocol == meant->protocol;

	for (uint32_t i = 0; same && i < count; i++)
		same = slice_equal(plan->steps[i].name,
				   id_slice(&history_step_of(f->history, saga, i)->name));
	if (!same)
		verdict_broken(f->verdict, LAW(2, ""), saga, HISTORY_NONE, f->now,
			       "saga %u was accepted with a plan that nobody submitted", saga);
}

static void check_body(struct facts *f, uint32_t saga, const struct wire_record_accepted *r)
{
	const struct history_saga *meant = &f->history->sagas[saga];
	const uint64_t body = hash_xxh3_64(r->input);

	f->sagas[saga].other_body = meant->other_body != 0 && body == meant->other_body;
	if (meant->body != 0 && body != meant->body && !f->sagas[saga].other_body)
		verdict_broken(f->verdict, LAW(2, ""), saga, HISTORY_NONE, f->now,
			       "saga %u was accepted with an input that nobody submitted", saga);
	/* 25. What somebody else meant by it is not known. */
	if (!f->sagas[saga].other_body && r->deadline_at < r->accepted_at + meant->deadline_ms)
		verdict_broken(f->verdict, LAW(25, ""), saga, HISTORY_NONE, f->now,
			       "saga %u was accepted for %" PRIu64 " ms, and was given %u", saga,
			       r->deadline_at - r->accepted_at, meant->deadline_ms);
}

static void take_accepted(struct facts *f, const struct wire_record_accepted *r)
{
	struct facts_saga *s;
	uint32_t saga;

	if (!history_find_saga(f->history, r->saga, &saga)) {
		verdict_broken(f->verdict, LAW(2, ""), HISTORY_NONE, HISTORY_NONE, f->now,
			       "journal %u accepted a saga that nobody knows", f->shard);
		return;
	}
	s = &f->sagas[saga];
	admit(f, r->admission, saga);
	s->whole_record = f->shards[f->shard].record_count;
	if (s->accepted_times++ == 0)
		f->open++;
	moment_first(&s->accepted, f->now);
	if (s->accepted_batch == 0)
		s->accepted_batch = f->position;
	s->accepted_shard = f->shard;
	s->accepted_at = r->accepted_at;
	s->deadline_at = r->deadline_at;
	facts_edges(f, saga);
	check_plan(f, saga, &r->plan);
	check_body(f, saga, r);
	s->one_phase = f->history->sagas[saga].step_count == 1 &&
		       !history_interactive(&f->history->sagas[saga]) &&
		       history_step_of(f->history, saga, 0)->class == HISTORY_VOTE &&
		       history_step_of(f->history, saga, 0)->one_phase;
	if (f->history->sagas[saga].shard != f->shard)
		verdict_broken(f->verdict, LAW(0, "S11"), saga, HISTORY_NONE, f->now,
			       "saga %u was accepted by shard %u", saga, f->shard);
	turn(f, s, state_of(f, s));
}

/* ---- branches ----------------------------------------------------------------------------------
 */

/* The history's number of the engine's index. */
static bool step_of(struct facts *f, const struct facts_saga *s, uint32_t index, uint32_t *step)
{
	const struct history_saga *saga = &f->history->sagas[number_of(f, s)];
	const uint32_t count = history_interactive(saga) ? s->member_count : saga->step_count;

	if (index >= count) {
		facts_damaged(f, 2, "a record of a branch that never was", index);
		return false;
	}
	*step = history_interactive(saga) ? f->members[saga->first_step + index] : index;
	return true;
}

static void unpark(struct facts_saga *s, struct facts_branch *b)
{
	s->parked -= b->parked;
	b->parked = false;
}

static void take_yes(struct facts *f, struct facts_saga *s, uint32_t step, uint32_t op)
{
	struct facts_branch *b = facts_branch_of(f, number_of(f, s), step);

	if (op == WIRE_OP_UNDO) {
		moment_first(&b->undone, f->now);
	} else if (op == WIRE_OP_FINISH) {
		moment_first(&b->finished, f->now);
	} else {
		moment_first(&b->ok, f->now);
		/* S4: nothing takes it back, so it is the decision. */
		if (facts_irrevocable(f, number_of(f, s), step))
			moment_first(&s->commit, f->now);
	}
}

static void take_event(struct facts *f, struct facts_saga *s, uint32_t step,
		       const struct wire_record_branch *r)
{
	struct facts_branch *b = facts_branch_of(f, number_of(f, s), step);

	switch ((enum wire_branch_event)r->event) {
	case WIRE_EVENT_OK:
		take_yes(f, s, step, r->op);
		break;
	case WIRE_EVENT_REJECTED:
		moment_first(&b->rejected, f->now);
		break;
	case WIRE_EVENT_UNKNOWN:
		moment_first(&b->unknown, f->now);
		break;
	case WIRE_EVENT_READ_ONLY:
		moment_first(&b->read_only, f->now);
		break;
	case WIRE_EVENT_HEURISTIC:
		moment_first(&b->heuristic, f->now);
		s->heuristics++;
		break;
	case WIRE_EVENT_AGAIN:
	case WIRE_EVENT_DISPATCHED:
		return; /* parked it stays */
	}
	unpark(s, b);
}

/* Whoever answered is named; silence has no name. */
static void note_outcome(struct facts *f, uint32_t saga, uint32_t step,
			 const struct wire_record_branch *r)
{
	if (r->instance.size == 0 || r->event == WIRE_EVENT_DISPATCHED)
		return;
	if (f->outcome_count == f->outcome_capacity) {
		f->outcome_capacity = f->outcome_capacity == 0 ? 256 : 2 * f->outcome_capacity;
		f->outcomes = realloc(f->outcomes, f->outcome_capacity * sizeof *f->outcomes);
		CHECK(f->outcomes != NULL);
	}
	f->outcomes[f->outcome_count++] = (struct facts_outcome){.saga = saga,
								 .step = step,
								 .op = r->op,
								 .event = r->event,
								 .attempt = r->attempt,
								 .at = f->now};
}

static void take_branch(struct facts *f, const struct wire_record_branch *r)
{
	struct facts_saga *s = saga_of(f, r->admission);
	struct facts_attempts *a;
	uint32_t step;

	if (s == NULL || !step_of(f, s, r->step, &step))
		return;
	if (s->finished.order != 0)
		facts_damaged(f, 11, "a record of a saga that is over", number_of(f, s));
	judge_attempt(f, number_of(f, s), step, r);
	a = &facts_branch_of(f, number_of(f, s), step)->attempts[r->op];
	if (r->attempt > a->newest)
		a->newest = r->attempt;
	note_outcome(f, number_of(f, s), step, r);
	take_event(f, s, step, r);
	turn(f, s, state_of(f, s));
}

static void take_parked(struct facts *f, const struct wire_record_parked *r)
{
	struct facts_saga *s = saga_of(f, r->admission);
	uint32_t step;

	if (s == NULL || !step_of(f, s, r->step, &step))
		return;
	judge_parked(f, number_of(f, s), step, r);
	struct facts_branch *b = facts_branch_of(f, number_of(f, s), step);
	if (r->attempts > b->attempts[r->op].newest)
		b->attempts[r->op].newest = r->attempts;
	s->parked += !b->parked;
	b->parked = true;
	f->verdict->count.parkings++;
	turn(f, s, state_of(f, s));
}

/* ---- interactive (S9) --------------------------------------------------------------------------
 */

static void take_enlisted(struct facts *f, const struct wire_record_enlisted *r)
{
	struct facts_saga *s = saga_of(f, r->admission);
	const struct history_saga *meant;
	uint32_t step;

	if (s == NULL)
		return;
	meant = &f->history->sagas[number_of(f, s)];
	if (!history_find_step(f->history, number_of(f, s), r->step.name, &step) ||
	    s->member_count == meant->step_count ||
	    facts_branch_of(f, number_of(f, s), step)->enlisted.order != 0) {
		verdict_broken(f->verdict, LAW(4, "S9"), number_of(f, s), HISTORY_NONE, f->now,
			       "a branch of saga %u is enlisted that is none, or is one already",
			       number_of(f, s));
		return;
	}
	if (s->closed.order != 0 || s->decision_times > 0)
		verdict_broken(f->verdict, LAW(0, "S9"), number_of(f, s), step, f->now,
			       "step %u of saga %u is enlisted after the end", step,
			       number_of(f, s));
	facts_branch_of(f, number_of(f, s), step)->enlisted = f->now;
	f->members[meant->first_step + s->member_count++] = step;
}

/* Somebody has meant these branches. */
static bool meant(const struct facts *f, uint32_t saga, uint64_t branches)
{
	const struct history *h = f->history;

	for (uint32_t i = 0; i < h->request_count; i++)
		if (h->requests[i].kind == HISTORY_COMMIT && h->requests[i].saga == saga &&
		    h->requests[i].branches == branches && h->requests[i].order < f->now.order)
			return true;
	return false;
}

static void take_closed(struct facts *f, const struct wire_record_closed *r)
{
	struct facts_saga *s = saga_of(f, r->admission);
	uint64_t members = 0;
	uint32_t saga;

	if (s == NULL)
		return;
	saga = number_of(f, s);
	if (s->closed.order != 0 || s->decision_times > 0)
		verdict_broken(f->verdict, LAW(11, "S9"), saga, HISTORY_NONE, f->now,
			       "the branches of saga %u are closed after the end", saga);
	moment_first(&s->closed, f->now);
	s->closed_at = r->at;
	for (uint32_t i = 0; i < s->member_count; i++)
		members |= UINT64_C(1) << f->members[f->history->sagas[saga].first_step + i];
	if ((f->history->parts & HISTORY_CLIENTS) != 0 && !meant(f, saga, members))
		verdict_broken(f->verdict, LAW(0, "S9"), saga, HISTORY_NONE, f->now,
			       "saga %u is closed with branches that its client did not mean",
			       saga);
	s->one_phase =
		s->member_count == 1 &&
		history_step_of(f->history, saga, f->members[f->history->sagas[saga].first_step])
			->one_phase;
	turn(f, s, state_of(f, s));
}

/* ---- the end -----------------------------------------------------------------------------------
 */

static void take_decision(struct facts *f, const struct wire_record_decision *r)
{
	struct facts_saga *s = saga_of(f, r->admission);
	const struct facts_shard *shard = &f->shards[f->shard];
	uint32_t saga;

	if (s == NULL)
		return;
	saga = number_of(f, s);
	if (s->decision_times++ > 0 || s->abort.order != 0 || s->commit.order != 0)
		verdict_broken(f->verdict, LAW(11, ""), saga, HISTORY_NONE, f->now,
			       "saga %u was decided twice", saga);
	if (r->verdict == WIRE_DECISION_COMMIT) {
		moment_first(&s->commit, f->now);
	} else {
		moment_first(&s->abort, f->now);
		s->reason = r->reason;
		/* 25 */
		if (r->reason == WIRE_REASON_DEADLINE && shard->time < s->deadline_at)
			verdict_broken(f->verdict, LAW(25, ""), saga, HISTORY_NONE, f->now,
				       "the deadline of saga %u was over %" PRIu64 " ms too early",
				       saga, s->deadline_at - shard->time);
	}
	turn(f, s, state_of(f, s));
}

static void take_finished(struct facts *f, const struct wire_record_finished *r)
{
	struct facts_saga *s = saga_of(f, r->admission);

	if (s == NULL)
		return;
	if (s->finished_times++ > 0) {
		verdict_broken(f->verdict, LAW(11, ""), number_of(f, s), HISTORY_NONE, f->now,
			       "saga %u ended twice", number_of(f, s));
		return;
	}
	s->final_state = r->state;
	s->finished = f->now;
	s->parked = 0;
	f->open--;
	turn(f, s, r->state);
}

static void take_tombstone(struct facts *f, const struct wire_record_tombstone *r)
{
	uint32_t saga;

	/* Whoever inquires about an id that nobody knows leaves one, too. */
	if (!history_find_saga(f->history, r->saga, &saga))
		return;
	moment_first(&f->sagas[saga].tombstone, f->now);
	turn(f, &f->sagas[saga], WIRE_STATE_CANCELLED);
}

/* ---- the inbox (S12) ---------------------------------------------------------------------------
 */

/* The cursor only rises, but where a stream ends before it. */
static void move_cursor(struct facts *f, const struct wire_record_inbox *r)
{
	struct facts_shard *s = &f->shards[f->shard];
	const char *what = NULL;

	if (r->sequence == 0) {
		f->verdict->count.inbox_read_again++;
		if (!f->history->inbox_told_short)
			what = "the inbox is read again, and nobody knew it shorter";
	} else if (slice_equal(r->created, slice_of(s->created, s->created_size)) &&
		   r->sequence <= s->sequence) {
		what = "the cursor of the inbox went back";
	}
	if (what != NULL)
		verdict_broken(f->verdict, LAW(0, "S12"), HISTORY_NONE, HISTORY_NONE, f->now,
			       "journal %u: %s", f->shard, what);
	s->created_size = r->created.size < sizeof s->created ? r->created.size : 0;
	memcpy(s->created, r->created.data, s->created_size);
	s->sequence = r->sequence;
}

static void take_inbox(struct facts *f, const struct wire_record_inbox *r)
{
	struct facts_saga *s;
	uint32_t entry, saga;

	if ((f->history->parts & HISTORY_INBOX) == 0)
		return;
	move_cursor(f, r);
	if (r->sequence == 0)
		return;
	if (!history_find_entry(f->history, f->shard, r->created, r->sequence, &entry)) {
		verdict_broken(f->verdict, LAW(2, "S12"), HISTORY_NONE, HISTORY_NONE, f->now,
			       "journal %u: an entry of the inbox that never was: %" PRIu64,
			       f->shard, r->sequence);
		return;
	}
	if (f->entries[entry].at.order == 0)
		f->entries[entry] = (struct facts_entry){.at = f->now, .code = r->code};
	if (!history_find_saga(f->history, r->saga, &saga))
		return;
	s = &f->sagas[saga];
	if (r->code == 0 && s->taken_batch == 0)
		s->taken_batch = f->position;
	/* Remembered is what nobody holds: then that is what it is. */
	if (r->code != 0 && r->remember_until_at > 0) {
		moment_first(&s->refused, f->now);
		turn(f, s, WIRE_STATE_CANCELLED);
	}
}

/* ------------------------------------------------------------------------------------------------
 */

union record {
	struct wire_record_accepted accepted;
	struct wire_record_branch branch;
	struct wire_record_decision decision;
	struct wire_record_finished finished;
	struct wire_record_tombstone tombstone;
	struct wire_record_parked parked;
	struct wire_record_epoch epoch;
	struct wire_record_genesis genesis;
	struct wire_record_noop noop;
	struct wire_record_inbox inbox;
	struct wire_record_enlisted enlisted;
	struct wire_record_closed closed;
	struct wire_record_carried carried;
	struct wire_record_remembered remembered;
	struct wire_record_segment segment;
	struct wire_record_history_mark history_mark;
};

static void take_carry(struct facts *f, enum wire_kind kind, const union record *u)
{
	const struct facts_saga *s;

	if (kind == WIRE_RECORD_CARRIED) {
		s = saga_of(f, u->carried.admission);
		if (s != NULL)
			facts_take_carried(f, number_of(f, s), &u->carried);
	} else if (kind == WIRE_RECORD_REMEMBERED) {
		for (uint32_t i = 0; i < u->remembered.id_count; i++)
			facts_take_remembered(f, &u->remembered.ids[i]);
	} else if (kind == WIRE_RECORD_SEGMENT) {
		facts_take_segment(f, &u->segment);
	} else if (kind == WIRE_RECORD_HISTORY_MARK) {
		facts_take_history_mark(f, &u->history_mark);
	}
}

static void take(struct facts *f, enum wire_kind kind, const union record *u)
{
	if (kind == WIRE_RECORD_ACCEPTED)
		take_accepted(f, &u->accepted);
	else if (kind == WIRE_RECORD_BRANCH)
		take_branch(f, &u->branch);
	else if (kind == WIRE_RECORD_PARKED)
		take_parked(f, &u->parked);
	else if (kind == WIRE_RECORD_INBOX)
		take_inbox(f, &u->inbox);
	else if (kind == WIRE_RECORD_ENLISTED)
		take_enlisted(f, &u->enlisted);
	else if (kind == WIRE_RECORD_CLOSED)
		take_closed(f, &u->closed);
	else if (kind == WIRE_RECORD_DECISION)
		take_decision(f, &u->decision);
	else if (kind == WIRE_RECORD_FINISHED)
		take_finished(f, &u->finished);
	else if (kind == WIRE_RECORD_TOMBSTONE)
		take_tombstone(f, &u->tombstone);
	else
		take_carry(f, kind, u);
}

void facts_take_record(struct facts *f, struct slice record)
{
	union record u;
	struct arena arena;
	enum wire_kind kind;

	arena_init(&arena, f->arena_memory, ARENA_SIZE);
	if (wire_peek_kind(record, &kind) != 0 || kind < WIRE_RECORD_GENESIS ||
	    kind > WIRE_RECORD_HISTORY_MARK || wire_decode(kind, record, &arena, &u, NULL) != 0) {
		facts_damaged(f, 21, "a record that cannot be read", record.size);
		return;
	}
	take(f, kind, &u);
}
