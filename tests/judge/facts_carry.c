/* Carry-forward (S17): what is written anew must be what the records before it come to, and when a
 * segment begins, whatever lives must stand whole in those that stay. */
#include <inttypes.h>

#include "tests/judge/facts.h"

static const char *difference(const struct facts *f, uint32_t saga,
			      const struct wire_record_carried *r)
{
	const struct facts_saga *s = &f->sagas[saga];
	const uint32_t decision = s->commit.order != 0  ? WIRE_DECISION_COMMIT
				  : s->abort.order != 0 ? WIRE_DECISION_ABORT
							: WIRE_DECISION_NONE;

	if (!slice_equal(r->saga, id_slice(&f->history->sagas[saga].id)))
		return "id";
	if (s->finished.order != 0)
		return "end";
	if (r->accepted_at != s->accepted_at || r->deadline_at != s->deadline_at)
		return "deadline";
	if (r->decision != decision)
		return "decision";
	if (decision == WIRE_DECISION_ABORT && r->reason != s->reason)
		return "reason";
	if (r->branch_count != (history_interactive(&f->history->sagas[saga])
					? s->member_count
					: f->history->sagas[saga].step_count))
		return "branches";
	return NULL;
}

static void check_attempts(struct facts *f, uint32_t saga, uint32_t step,
			   const struct wire_carried_branch *c)
{
	const struct facts_branch *b = facts_branch_of(f, saga, step);
	const uint32_t carried[HISTORY_OPS] = {
		[WIRE_OP_FORWARD] = c->forward_attempts,
		[WIRE_OP_FINISH] = c->finish_attempts,
		[WIRE_OP_UNDO] = c->undo_attempts,
		[WIRE_OP_SETTLE] = c->settle_attempts,
	};

	for (uint32_t op = WIRE_OP_FORWARD; op < HISTORY_OPS; op++)
		if (carried[op] != b->attempts[op].newest)
			verdict_broken(
				f->verdict, LAW(26, "S17"), saga, step, f->now,
				"step %u of saga %u is carried with %u attempts of operation "
				"%u, and has had %u",
				step, saga, carried[op], op, b->attempts[op].newest);
}

void facts_take_carried(struct facts *f, uint32_t saga, const struct wire_record_carried *r)
{
	const struct history_saga *meant = &f->history->sagas[saga];
	const char *what = difference(f, saga, r);

	f->verdict->count.carried++;
	f->sagas[saga].whole_record = f->shards[f->shard].record_count;
	if (what != NULL) {
		verdict_broken(f->verdict, LAW(0, "S17"), saga, HISTORY_NONE, f->now,
			       "saga %u is carried with another %s", saga, what);
		return;
	}
	for (uint32_t i = 0; i < r->branch_count; i++)
		check_attempts(f, saga,
			       history_interactive(meant) ? f->members[meant->first_step + i] : i,
			       &r->branches[i]);
}

void facts_take_remembered(struct facts *f, const struct wire_remembered *r)
{
	struct facts_saga *s;
	uint32_t saga;

	f->verdict->count.carried_ids++;
	if (!history_find_saga(f->history, r->saga, &saga))
		return;
	s = &f->sagas[saga];
	/* What was blocked before it was submitted has no admission in our books. */
	if (s->finished.order != 0 && r->definition.size > 0 && r->state != s->final_state)
		verdict_broken(f->verdict, LAW(0, "S17"), saga, HISTORY_NONE, f->now,
			       "saga %u ended in state %u, and is remembered with %u", saga,
			       s->final_state, r->state);
	if (s->accepted.order != 0 && s->finished.order == 0)
		verdict_broken(f->verdict, LAW(0, "S17"), saga, HISTORY_NONE, f->now,
			       "saga %u is remembered, and has not ended", saga);
	s->whole_record = f->shards[f->shard].record_count;
}

/* S5: it may be submitted again, and must be known then. */
static bool needed(const struct facts *f, uint32_t saga, uint64_t clock_at)
{
	const struct facts_saga *s = &f->sagas[saga];

	return s->accepted.order != 0 && s->accepted_shard == f->shard &&
	       (s->finished.order == 0 || clock_at < f->history->sagas[saga].retry_until_at);
}

void facts_take_segment(struct facts *f, const struct wire_record_segment *r)
{
	struct facts_shard *shard = &f->shards[f->shard];
	const uint64_t stays =
		r->number < FACTS_SEGMENTS
			? 1
			: shard->segments[(r->number + 1) % FACTS_SEGMENTS]; /* that of n - 3 */
	uint32_t open = 0;

	f->verdict->count.segments_begun++;
	if (r->number != shard->segment + 1)
		facts_damaged(f, 21, "a segment that is not the next one", r->number);
	if (r->whole_from < stays)
		verdict_broken(f->verdict, LAW(0, "S17"), HISTORY_NONE, HISTORY_NONE, f->now,
			       "journal %u: segment %" PRIu64 " begins, what stays begins with "
			       "record %" PRIu64 ", and %" PRIu64 " is needed",
			       f->shard, r->number, stays, r->whole_from);
	for (uint32_t i = 0; i < f->saga_count; i++) {
		const struct facts_saga *s = &f->sagas[i];

		open += s->accepted.order != 0 && s->finished.order == 0 &&
			s->accepted_shard == f->shard;
		if (s->whole_record >= r->whole_from || !needed(f, i, r->clock_at))
			continue;
		verdict_broken(f->verdict, LAW(1, "S17"), i, HISTORY_NONE, f->now,
			       "saga %u stands whole in record %" PRIu64
			       " only, and segment %" PRIu64 " lets go what is below %" PRIu64,
			       i, s->whole_record, r->number, r->whole_from);
	}
	if (open != r->open)
		verdict_broken(f->verdict, LAW(0, "S17"), HISTORY_NONE, HISTORY_NONE, f->now,
			       "journal %u: segment %" PRIu64 " tells of %u open sagas, not %u",
			       f->shard, r->number, r->open, open);
	if (f->options->history_kept && r->number >= FACTS_SEGMENTS &&
	    shard->history_record + 1 < stays)
		verdict_broken(f->verdict, LAW(0, "S25"), HISTORY_NONE, HISTORY_NONE, f->now,
			       "journal %u: segment %" PRIu64
			       " lets go what is below record %" PRIu64
			       ", and history has it up to %" PRIu64,
			       f->shard, r->number, stays, shard->history_record);
	shard->segment = r->number;
	shard->segments[r->number % FACTS_SEGMENTS] = shard->record_count;
}

void facts_take_history_mark(struct facts *f, const struct wire_record_history_mark *r)
{
	struct facts_shard *shard = &f->shards[f->shard];

	if (r->record <= shard->history_record || r->record > shard->record_count)
		facts_damaged(f, 21, "a history mark that does not rise, or is ahead", r->record);
	shard->history_record = r->record;
}
