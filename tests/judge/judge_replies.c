/* The judge of outcomes (27): a record that somebody's answer led to has such an answer before it:
 * of that operation, to that attempt, and of that meaning. */
#include <stdlib.h>

#include "base/check.h"
#include "tests/judge/facts.h"
#include "wire/record.h"

static bool says(uint32_t outcome, uint32_t event)
{
	switch (event) {
	case WIRE_EVENT_OK:
		return outcome == WIRE_OUTCOME_OK || outcome == WIRE_OUTCOME_READ_ONLY;
	case WIRE_EVENT_READ_ONLY:
		return outcome == WIRE_OUTCOME_READ_ONLY;
	case WIRE_EVENT_REJECTED:
		return outcome == WIRE_OUTCOME_REJECTED;
	case WIRE_EVENT_HEURISTIC:
		return outcome == WIRE_OUTCOME_HEURISTIC;
	default: /* trouble */
		return outcome != WIRE_OUTCOME_OK && outcome != WIRE_OUTCOME_WORKING &&
		       outcome != WIRE_OUTCOME_STALE;
	}
}

/* `before`: of each reply, the one before it to the same operation, + 1. */
static bool answered(const struct facts *f, const struct facts_outcome *o, const uint32_t *before)
{
	const struct history *h = f->history;

	for (uint32_t i = facts_branch_of(f, o->saga, o->step)->replies[o->op]; i != 0;
	     i = before[i - 1]) {
		const struct history_reply *r = &h->replies[i - 1];

		if (r->order < o->at.order && r->attempt == o->attempt &&
		    says(r->outcome, o->event))
			return true;
	}
	return false;
}

void judge_replies(struct facts *f)
{
	const struct history *h = f->history;
	uint32_t *before = calloc((size_t)h->reply_count + 1, sizeof *before);

	CHECK(before != NULL);
	for (uint32_t i = 0; i < h->reply_count; i++) {
		const struct history_reply *r = &h->replies[i];

		if (r->saga == HISTORY_NONE || r->step == HISTORY_NONE)
			continue;
		uint32_t *newest = &facts_branch_of(f, r->saga, r->step)->replies[r->op];
		before[i] = *newest;
		*newest = i + 1;
	}
	for (uint32_t i = 0; i < f->outcome_count; i++) {
		const struct facts_outcome *o = &f->outcomes[i];

		if (o->op < HISTORY_OPS && !answered(f, o, before))
			verdict_broken(
				f->verdict, LAW(27, ""), o->saga, o->step, o->at,
				"the outcome of attempt %u of operation %u of step %u of saga "
				"%u is recorded, and nobody has said so",
				o->attempt, o->op, o->step, o->saga);
	}
	f->verdict->count.outcomes += f->outcome_count;
	free(before);
}
