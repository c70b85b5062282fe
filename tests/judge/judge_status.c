/* The judge of statuses (29). Each answer says which record of its shard it rests on, so no order
 * has to be searched for that explains all answers: the state that is told must be the one that the
 * journal gives the saga at that record. Beside that, the journal's own states form a path; nobody
 * is told an end that was none any more when he asked; and what a client's library lets through
 * never gets older in a session. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/check.h"
#include "tests/judge/facts.h"

#define BIT(state) (1U << (state))

static bool may_follow(const struct facts_turn *from, const struct facts_turn *to)
{
	static const uint32_t successors[] = {
		[WIRE_STATE_NONE] =
			BIT(WIRE_STATE_RUNNING) | BIT(WIRE_STATE_OPEN) | BIT(WIRE_STATE_CANCELLED),
		[WIRE_STATE_OPEN] = BIT(WIRE_STATE_RUNNING) | BIT(WIRE_STATE_UNDOING),
		[WIRE_STATE_RUNNING] = BIT(WIRE_STATE_UNDOING) | BIT(WIRE_STATE_FINISHING) |
				       BIT(WIRE_STATE_COMPLETED),
		[WIRE_STATE_FINISHING] = BIT(WIRE_STATE_COMPLETED),
		[WIRE_STATE_UNDOING] = BIT(WIRE_STATE_COMPENSATED),
		/* Cancelled again when all of it was forgotten (S5, S10). */
		[WIRE_STATE_COMPLETED] = BIT(WIRE_STATE_CANCELLED),
		[WIRE_STATE_COMPENSATED] = BIT(WIRE_STATE_CANCELLED),
		/* A refused entry of the inbox blocks no id (S12); a tombstone does (S10). */
		[WIRE_STATE_CANCELLED] = BIT(WIRE_STATE_RUNNING) | BIT(WIRE_STATE_OPEN),
	};

	/* Whether a branch is parked is beside the path. */
	return from->state == to->state || (successors[from->state] & BIT(to->state)) != 0;
}

static void check_path(struct facts *f, uint32_t saga)
{
	const struct facts_turn none = {.state = WIRE_STATE_NONE}, *from = &none;

	for (uint32_t i = f->sagas[saga].first_turn; i != 0; i = f->turns[i - 1].next) {
		const struct facts_turn *to = &f->turns[i - 1];

		if (!may_follow(from, to) ||
		    (wire_state_final(from->state) && from->state != WIRE_STATE_CANCELLED &&
		     from->state != to->state && facts_remembered(f, saga)))
			verdict_broken(f->verdict, LAW(29, ""), saga, HISTORY_NONE, to->at,
				       "saga %u goes from state %u to state %u", saga, from->state,
				       to->state);
		from = to;
	}
}

/* The newest one with at most that record; NULL = none. */
static const struct facts_turn *turn_at(const struct facts *f, uint32_t saga, uint64_t record)
{
	const struct facts_turn *found = NULL;

	for (uint32_t i = f->sagas[saga].first_turn; i != 0 && f->turns[i - 1].record <= record;
	     i = f->turns[i - 1].next)
		found = &f->turns[i - 1];
	return found;
}

static bool state_is(const struct facts_turn *turn, uint32_t state)
{
	if (turn == NULL)
		return state == WIRE_STATE_NONE;
	return turn->state == state || (turn->parked && state == WIRE_STATE_PARKED);
}

static void check_version(struct facts *f, const struct history_answer *a,
			  const struct history_request *r)
{
	const struct moment at = {.order = a->order, .at_ms = a->at_ms};
	const struct facts_turn *turn = turn_at(f, r->saga, a->record_number);

	f->verdict->count.versions++;
	if (a->state != WIRE_STATE_NONE && !state_is(turn, a->state))
		verdict_broken(f->verdict, LAW(29, ""), r->saga, HISTORY_NONE, at,
			       "saga %u is told to be in state %u by record %" PRIu64
			       ", where it is in state %u",
			       r->saga, a->state, a->record_number,
			       turn != NULL ? turn->state : (uint32_t)WIRE_STATE_NONE);
	/* S2: the status of what is open may be old, and says how old; an end is proved anew. */
	if (!wire_state_final(a->state) || r->kind == HISTORY_QUERY ||
	    r->kind == HISTORY_WAIT_QUERY || r->kind == HISTORY_WAIT_DECIDED)
		return;
	const struct facts_turn *next = turn == NULL      ? NULL
					: turn->next != 0 ? &f->turns[turn->next - 1]
							  : NULL;
	if (turn == NULL && f->sagas[r->saga].first_turn != 0)
		next = &f->turns[f->sagas[r->saga].first_turn - 1];
	if (next != NULL && moment_by(next->at, r->order))
		verdict_broken(f->verdict, LAW(29, "S2"), r->saga, HISTORY_NONE, at,
			       "request %u is told state %u of saga %u, which was over when it was "
			       "asked",
			       a->request, a->state, r->saga);
}

/* Of what a session hears of a saga: the library drops what is older (S2). */
static int by_heard(const void *left, const void *right)
{
	const struct history_answer *const *a = left, *const *b = right;

	return (*a)->heard < (*b)->heard ? -1 : (*a)->heard > (*b)->heard;
}

static void check_sessions(struct facts *f)
{
	const struct history *h = f->history;
	const struct history_answer **heard = calloc(h->answer_count + 1, sizeof(void *));
	uint32_t count = 0;

	CHECK(heard != NULL);
	for (uint32_t i = 0; i < h->answer_count; i++)
		if (h->answers[i].heard != 0 && h->requests[h->answers[i].request].filtered &&
		    !h->requests[h->answers[i].request].by_participant)
			heard[count++] = &h->answers[i];
	qsort(heard, count, sizeof(void *), by_heard);
	for (uint32_t i = 0; i < count; i++) {
		const struct history_answer *a = heard[i];
		const uint32_t saga = h->requests[a->request].saga;

		if (saga == HISTORY_NONE || a->record_number == 0)
			continue;
		if (a->record_number < f->sagas[saga].told_record)
			verdict_broken(f->verdict, LAW(29, "S2"), saga, HISTORY_NONE,
				       (struct moment){.order = a->heard, .at_ms = a->at_ms},
				       "a session hears of saga %u by record %" PRIu64
				       ", and had heard by record %" PRIu64,
				       saga, a->record_number, f->sagas[saga].told_record);
		f->sagas[saga].told_record = a->record_number;
	}
	free(heard);
}

void judge_status(struct facts *f)
{
	const struct history *h = f->history;

	for (uint32_t i = 0; i < h->saga_count; i++)
		check_path(f, i);
	for (uint32_t i = 0; i < h->answer_count; i++) {
		const struct history_answer *a = &h->answers[i];
		const struct history_request *r = &h->requests[a->request];

		if (r->saga != HISTORY_NONE && r->kind != HISTORY_LIST && a->record_number != 0)
			check_version(f, a, r);
	}
	check_sessions(f);
}
