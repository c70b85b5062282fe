/* The judge of bounds: L1, L2, L5, L7, and what of 25 the harness's clock can tell. */
#include <inttypes.h>

#include "tests/judge/facts.h"

enum { MINUTE_MS = 60000 };

static struct moment end_of(const struct facts *f)
{
	return (struct moment){.order = f->history->order, .at_ms = f->history->end_ms};
}

/* 25: shard time runs with the harness's clock or slower, but for what each take-over may add; and
 * nobody can have accepted it before it was submitted. */
static void check_deadline(struct facts *f, uint32_t saga)
{
	const struct facts_saga *s = &f->sagas[saga];
	const struct facts_shard *shard = &f->shards[s->accepted_shard];
	uint64_t span_ms = s->deadline_at - s->accepted_at;

	if (s->reason != WIRE_REASON_DEADLINE || s->abort.order == 0 || s->submitted.order == 0)
		return;
	for (uint32_t i = 0; i < shard->epoch_count; i++) {
		const uint64_t added_ms = f->options->clock_step_ms;

		if (shard->epochs[i].at.order > s->submitted.order &&
		    shard->epochs[i].at.order < s->abort.order)
			span_ms -= added_ms < span_ms ? added_ms : span_ms;
	}
	if (s->abort.at_ms + f->options->clock_behind_ms < s->submitted.at_ms + span_ms)
		verdict_broken(f->verdict, LAW(25, ""), saga, HISTORY_NONE, s->abort,
			       "the deadline of saga %u was over %" PRIu64
			       " ms after its submit, and is %" PRIu64,
			       saga, s->abort.at_ms - s->submitted.at_ms,
			       s->deadline_at - s->accepted_at);
}

/* L1: from the healing on, or from when it was accepted. */
static void check_end(struct facts *f, uint32_t saga)
{
	const struct facts_saga *s = &f->sagas[saga];
	const uint64_t heal_ms = f->history->heal_ms;
	const uint64_t from_ms = s->accepted.at_ms > heal_ms ? s->accepted.at_ms : heal_ms;

	if (s->accepted_times == 0 || facts_excused(f, saga))
		return;
	if (s->finished.order == 0 && (f->history->parts & HISTORY_END) != 0) {
		verdict_late(f->verdict, LAW(0, "L1"), saga, HISTORY_NONE, end_of(f),
			     "saga %u is not final after the healing%s", saga,
			     s->parked > 0 ? ", but parked" : "");
		return;
	}
	/* An interactive one is its client's to end. */
	if (s->finished.order != 0 && f->options->end_ms > 0 &&
	    s->finished.at_ms > from_ms + f->options->end_ms)
		verdict_late(f->verdict, LAW(0, "L1"), saga, HISTORY_NONE, s->finished,
			     "saga %u ended %" PRIu64 " ms after the healing", saga,
			     s->finished.at_ms - from_ms);
}

/* ---- owners: L2, L7 ----------------------------------------------------------------------------
 */

/* Since when nobody owns it, by what nodes said; 0 = somebody does. */
struct watch {
	uint32_t owner;
	uint64_t lost_ms;
	struct moment at;
};

static void owner_lost(struct watch *w, const struct history_owner *o)
{
	if (w->owner != o->node)
		return;
	w->owner = HISTORY_NONE;
	w->lost_ms = o->at_ms;
	w->at = (struct moment){.order = o->order, .at_ms = o->at_ms};
}

static void check_gap(struct facts *f, uint32_t shard, const struct watch *w, uint64_t until_ms)
{
	const uint64_t heal_ms = f->history->heal_ms;
	const uint64_t from_ms = w->lost_ms > heal_ms ? w->lost_ms : heal_ms;

	if (w->owner == HISTORY_NONE && heal_ms != 0 && until_ms > from_ms + f->options->owner_ms)
		verdict_late(f->verdict, LAW(0, "L2"), HISTORY_NONE, HISTORY_NONE, w->at,
			     "shard %u had no owner for %" PRIu64 " ms", shard, until_ms - from_ms);
}

static void check_owners(struct facts *f, uint32_t shard)
{
	const struct history *h = f->history;
	struct watch w = {.owner = HISTORY_NONE, .lost_ms = h->start_ms};

	for (uint32_t i = 0; i < h->owner_count; i++) {
		const struct history_owner *o = &h->owners[i];

		if (o->shard != shard && o->shard != HISTORY_NONE)
			continue;
		if (o->kind != HISTORY_SERVES) {
			owner_lost(&w, o);
			continue;
		}
		check_gap(f, shard, &w, o->at_ms);
		w.owner = o->node;
	}
	if ((h->parts & HISTORY_END) != 0)
		check_gap(f, shard, &w, h->end_ms);
}

static void check_moves(struct facts *f, uint32_t shard)
{
	const struct facts_shard *s = &f->shards[shard];
	const uint32_t most = f->options->moves;

	for (uint32_t i = most; i < s->epoch_count; i++) {
		const struct moment first = s->epochs[i - most].at, last = s->epochs[i].at;

		if (f->history->heal_ms == 0 || first.at_ms < f->history->heal_ms ||
		    last.at_ms > first.at_ms + MINUTE_MS)
			continue;
		verdict_late(f->verdict, LAW(0, "L7"), HISTORY_NONE, HISTORY_NONE, last,
			     "shard %u had %u owners in %" PRIu64 " ms, and nothing was wrong",
			     shard, most + 1, last.at_ms - first.at_ms);
		return;
	}
}

/* ---- timers: L5 --------------------------------------------------------------------------------
 */

static bool same_owner(const struct facts *f, uint32_t shard, uint64_t from, uint64_t to)
{
	return facts_epoch_at(f, shard, from) == facts_epoch_at(f, shard, to);
}

/* The last failure of each operation: what follows it, or that nothing did. */
static void check_timer(struct facts *f, uint32_t saga, uint32_t step, uint32_t op)
{
	const struct history *h = f->history;
	const struct facts_saga *s = &f->sagas[saga];
	const struct facts_attempts *a = &facts_branch_of(f, saga, step)->attempts[op];
	const struct moment *sent = &facts_branch_of(f, saga, step)->retried[op];
	uint64_t due_ms, over_ms;

	if (a->failed == 0 || a->next_at < a->since_at ||
	    a->since.at_ms < h->heal_ms + f->options->grace_ms)
		return;
	due_ms = a->since.at_ms + (a->next_at - a->since_at) + f->options->timer_ms;
	over_ms = sent->order != 0 ? sent->at_ms : h->end_ms;
	if (over_ms <= due_ms)
		return;
	/* Decided or over by then: nobody asks any more. */
	if ((s->finished.order != 0 && s->finished.at_ms <= due_ms) ||
	    (op == WIRE_OP_FORWARD && s->abort.order != 0 && s->abort.at_ms <= due_ms) ||
	    (facts_branch_of(f, saga, step)->undone.order != 0 && op == WIRE_OP_SETTLE))
		return;
	if (!same_owner(f, s->accepted_shard, a->since.order,
			sent->order != 0 ? sent->order : h->order))
		return;
	verdict_late(f->verdict, LAW(0, "L5"), saga, step, a->since,
		     "the attempt behind attempt %u of operation %u of step %u of saga %u was due "
		     "%" PRIu64 " ms before",
		     a->failed, op, step, saga, over_ms - due_ms + f->options->timer_ms);
}

static void check_timers(struct facts *f)
{
	const struct history *h = f->history;

	for (uint32_t i = 0; i < h->saga_count; i++)
		for (uint32_t k = 0; k < h->sagas[i].step_count; k++)
			for (uint32_t op = WIRE_OP_FORWARD; op < HISTORY_OPS; op++)
				check_timer(f, i, k, op);
}

void judge_time(struct facts *f)
{
	const struct history *h = f->history;

	for (uint32_t i = 0; i < h->saga_count; i++) {
		check_deadline(f, i);
		check_end(f, i);
	}
	for (uint32_t n = 0; n < h->shard_count; n++) {
		if (f->options->moves > 0)
			check_moves(f, n);
		if (f->options->owner_ms > 0 && (h->parts & HISTORY_OWNERS) != 0)
			check_owners(f, n);
	}
	if (f->options->timer_ms > 0 && (h->parts & HISTORY_WIRE) != 0 && h->heal_ms != 0)
		check_timers(f);
}
