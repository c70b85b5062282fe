/* The judge of the inbox (S12): each entry that the broker has stored leads to one record of its
 * shard's journal, and that record is true. */
#include <inttypes.h>

#include "base/error.h"
#include "tests/judge/facts.h"

static struct moment when(const struct history_entry *e)
{
	return (struct moment){.order = e->order, .at_ms = e->at_ms};
}

/* May a submit of this body have been refused for this? */
static bool well_refused(const struct facts *f, const struct history_letter *letter,
			 const struct facts_entry *r)
{
	const struct facts_saga *s = &f->sagas[letter->saga];
	const bool other = letter->kind == HISTORY_LETTER_OTHER;

	switch (err_from_wire(r->code)) {
	case SAGA_E_CANCELLED:
		return moment_by(s->tombstone, r->at.order);
	case SAGA_E_CONFLICT:
		return moment_by(s->accepted, r->at.order) && s->other_body != other;
	case SAGA_E_EXPIRED:
		return !facts_remembered(f, letter->saga);
	default:
		return false;
	}
}

static void check_record(struct facts *f, uint32_t number)
{
	const struct history_entry *e = &f->history->entries[number];
	const struct history_letter *letter = &f->history->letters[e->letter];
	const struct facts_entry *r = &f->entries[number];

	f->verdict->count.inbox_taken += r->code == 0;
	f->verdict->count.inbox_refused += r->code != 0;
	if (r->at.order < e->order)
		verdict_broken(f->verdict, LAW(2, "S12"), letter->saga, HISTORY_NONE, r->at,
			       "entry %" PRIu64 " was passed before it was stored", e->sequence);
	if (letter->kind == HISTORY_LETTER_WRONG) {
		if (r->code == 0)
			verdict_broken(f->verdict, LAW(0, "S12"), letter->saga, HISTORY_NONE, r->at,
				       "entry %" PRIu64 " was taken, and is wrong", e->sequence);
		return;
	}
	const struct facts_saga *s = &f->sagas[letter->saga];
	if (r->code != 0 && !well_refused(f, letter, r))
		verdict_broken(f->verdict, LAW(0, "S12"), letter->saga, HISTORY_NONE, r->at,
			       "entry %" PRIu64
			       " of saga %u was refused with code %u, and is right",
			       e->sequence, letter->saga, r->code);
	if (r->code == 0 && (!moment_by(s->accepted, r->at.order) ||
			     s->other_body != (letter->kind == HISTORY_LETTER_OTHER)))
		verdict_broken(f->verdict, LAW(0, "S12"), letter->saga, HISTORY_NONE, r->at,
			       "entry %" PRIu64 " of saga %u counts as taken, the saga does not",
			       e->sequence, letter->saga);
}

static void check_entry(struct facts *f, uint32_t number)
{
	const struct history_entry *e = &f->history->entries[number];
	const struct history_letter *letter = &f->history->letters[e->letter];
	const struct facts_entry *r = &f->entries[number];

	if (e->purge_sent != 0 && !moment_by(r->at, e->purge_sent))
		verdict_broken(f->verdict, LAW(39, "S12"), letter->saga, HISTORY_NONE, when(e),
			       "entry %" PRIu64
			       " of shard %u was purged before its record was stored",
			       e->sequence, letter->shard);
	if (r->at.order != 0)
		check_record(f, number);
	else if (!e->lost && !facts_full(f, letter->shard) &&
		 (f->history->parts & HISTORY_END) != 0)
		verdict_late(f->verdict, LAW(0, "S12"), letter->saga, HISTORY_NONE, when(e),
			     "entry %" PRIu64 " of shard %u was left, and nobody knows it",
			     e->sequence, letter->shard);
}

void judge_inbox(struct facts *f)
{
	const struct history *h = f->history;

	for (uint32_t i = 0; i < h->entry_count; i++)
		check_entry(f, i);
	/* The cursor stands in the batch that accepts: so it was not somebody else's submit. */
	for (uint32_t i = 0; i < h->saga_count; i++) {
		const struct facts_saga *s = &f->sagas[i];

		if (moment_by(s->accepted, h->sagas[i].inbox_only_until) &&
		    s->accepted_batch != s->taken_batch)
			verdict_broken(f->verdict, LAW(0, "S12"), i, HISTORY_NONE, s->accepted,
				       "saga %u was accepted from the inbox, its cursor does not "
				       "stand in that batch",
				       i);
	}
}
