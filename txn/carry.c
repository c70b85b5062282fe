/* Carry-forward (S17): what stands whole only in old records is written whole once more, so that
 * those can go. Oldest first, by the order that the fold keeps: no search, and nothing is decided
 * here but when to stop. */
#include <stdalign.h>

#include "txn/state.h"

enum {
	/* At their longest. A number: its key, its head, eight bytes. */
	NUMBER_BYTES = 10,
	TEXT_BYTES = 6, /* of a text, a name or bytes, beside what they hold */
	REMEMBERED_BYTES = 2 * (TEXT_BYTES + ID_SIZE_MAX) + 20 + 15 * NUMBER_BYTES + 3,
	STEP_BYTES = 9 * TEXT_BYTES + 16 * NUMBER_BYTES + 6,
	BRANCH_BYTES = 13 * NUMBER_BYTES + 2 * TEXT_BYTES + 3,
	LABEL_BYTES = 2 * TEXT_BYTES + 3,
	CARRIED_BYTES = 14 * NUMBER_BYTES + 8 * TEXT_BYTES + 2 * ID_SIZE_MAX + 64,
	SEGMENT_BYTES = 16 * NUMBER_BYTES + 3 * ID_SIZE_MAX + TXN_STAMP_CREATED_MAX + 64,
};

/* S19, counted once more with all that is written of it: the most that a saga can come to. */
enum {
	STEP_BYTES_MAX = STEP_BYTES + 6 * ID_SIZE_MAX + WIRE_STEPS_MAX + WIRE_TEMPLATE_SIZE_MAX,
	LABEL_BYTES_MAX = LABEL_BYTES + ID_SIZE_MAX + WIRE_TEXT_SIZE_MAX,
};
_Static_assert(CARRIED_BYTES + WIRE_INPUT_SIZE_MAX + WIRE_TEXT_SIZE_MAX +
			       WIRE_LABELS_MAX * LABEL_BYTES_MAX +
			       WIRE_STEPS_MAX * (STEP_BYTES_MAX + BRANCH_BYTES + TXN_TEXT_KEPT_MAX +
						 TXN_OUTPUT_SHARE) +
			       TXN_OUTPUTS_MAX <=
		       WIRE_MESSAGE_SIZE_MAX,
	       "S19: a carried saga fits one message");
_Static_assert(WIRE_REMEMBERED_MAX *REMEMBERED_BYTES + NUMBER_BYTES <= TXN_STEP_RECORDS_MAX, "");
_Static_assert(WIRE_REMEMBERED_MAX * sizeof(struct wire_remembered) <= TXN_SCRATCH_SIZE, "");
_Static_assert(WIRE_STEPS_MAX * sizeof(struct wire_carried_branch) <= TXN_SCRATCH_SIZE, "");
_Static_assert(alignof(struct wire_remembered) <= 64, "scratch is aligned to that");

/* ---- how much it is ----------------------------------------------------------------------------
 */

static uint64_t step_bytes(const struct wire_step *s)
{
	return STEP_BYTES + s->name.size + s->service.size + s->forward.size + s->finish.size +
	       s->undo.size + s->after.size + s->one_phase.size + s->input.size;
}

static uint64_t carried_bytes(const struct txn_entry *e)
{
	const struct txn_body *body = e->body;
	uint64_t size = CARRIED_BYTES + body->input.size + body->traceparent.size;

	for (uint32_t i = 0; i < body->label_count; i++)
		size += LABEL_BYTES + body->labels[i].key.size + body->labels[i].value.size;
	for (uint32_t i = 0; i < txn_step_count(body); i++) {
		const struct txn_branch *b = &body->branches[i];

		size += step_bytes(txn_step_of(body, b)) + BRANCH_BYTES + b->text_size +
			b->output_size;
	}
	CHECK(size <= WIRE_MESSAGE_SIZE_MAX); /* S19 */
	return size;
}

static struct txn_entry *oldest(const struct txn_shard *t, uint64_t below)
{
	struct txn_entry *e;

	if (t->whole_first == TXN_NONE)
		return NULL;
	e = &t->entries[t->whole_first];
	return e->whole_record < below ? e : NULL;
}

uint64_t txn_carry_worst_case(const struct txn_shard *t, const struct txn_carry *carry)
{
	const struct txn_entry *e = oldest(t, carry->below);

	if (!e)
		return 0;
	return e->body ? carried_bytes(e) : REMEMBERED_BYTES + NUMBER_BYTES;
}

uint64_t txn_live_bytes(const struct txn_shard *t)
{
	/* Of open ones: their blocks, which are larger than what is in them, and their plans, which
	   they share here but not there. */
	return t->payload.used + t->open_plans +
	       (uint64_t)(t->entries_used - t->open) * (REMEMBERED_BYTES - ID_SIZE_MAX);
}

/* ---- one of each -------------------------------------------------------------------------------
 */

static struct wire_carried_branch carried_branch(const struct txn_body *body,
						 const struct txn_branch *b)
{
	return (struct wire_carried_branch){
		.state = b->state,
		.op = b->op,
		.forward_attempts = b->attempts[0],
		.finish_attempts = b->attempts[1],
		.undo_attempts = b->attempts[2],
		.settle_attempts = b->attempts[3],
		.forward_result = b->result[0],
		.finish_result = b->result[1],
		.undo_result = b->result[2],
		.settle_result = b->result[3],
		.code = b->code,
		.text = txn_branch_text(body, b),
		.output = slice_of(b->output, b->output_size),
		.next_at = b->next_at,
		.began_at = b->active_since,
	};
}

static void carry_open(struct txn_shard *t, const struct txn_entry *e)
{
	const struct txn_body *body = e->body;
	struct wire_carried_branch *branches = (void *)t->scratch;
	const struct wire_record_carried r = {
		.saga = txn_entry_id(e),
		.admission = e->admission,
		.body_hash = e->body_hash,
		.plan = body->plan->plan,
		.input = body->input,
		.accepted_at = e->accepted_at,
		.deadline_at = e->deadline_at,
		.retry_until_at = e->retry_until_at,
		.labels = body->labels,
		.label_count = body->label_count,
		.traceparent = body->traceparent,
		.first_record = e->first_record,
		.last_record = e->last_record,
		.state = e->state,
		.decision = e->decision,
		.reason = e->reason,
		.touched_at = body->touched_at,
		.branches = branches,
		.branch_count = txn_step_count(body),
	};

	for (uint32_t i = 0; i < r.branch_count; i++)
		branches[i] = carried_branch(body, &body->branches[i]);
	txn_record(t, WIRE_RECORD_CARRIED, &r);
}

static struct wire_remembered remembered(const struct txn_entry *e)
{
	return (struct wire_remembered){
		.saga = txn_entry_id(e),
		.admission = e->admission,
		.state = e->state,
		.decision = e->decision,
		.reason = e->reason,
		.definition = txn_entry_definition(e),
		.definition_version = e->definition_version,
		.body_hash = e->body_hash,
		.accepted_at = e->accepted_at,
		.deadline_at = e->deadline_at,
		.finished_at = e->finished_at,
		.retry_until_at = e->retry_until_at,
		.remember_until_at = e->timer.deadline,
		.first_record = e->first_record,
		.last_record = e->last_record,
		.code = e->code,
		.heuristics = e->heuristics,
	};
}

/* As many that follow each other as fit `bytes`, which is enough for one. */
static void carry_remembered(struct txn_shard *t, const struct txn_entry *e, uint64_t below,
			     uint64_t bytes)
{
	struct wire_remembered *ids = (void *)t->scratch;
	const uint64_t fit = (bytes - NUMBER_BYTES) / REMEMBERED_BYTES;
	struct wire_record_remembered r = {.ids = ids};

	CHECK(bytes >= NUMBER_BYTES + REMEMBERED_BYTES);
	for (;;) {
		ids[r.id_count++] = remembered(e);
		if (e->whole_next == TXN_NONE || r.id_count == WIRE_REMEMBERED_MAX ||
		    r.id_count == fit)
			break;
		e = &t->entries[e->whole_next];
		if (e->body || e->whole_record >= below)
			break;
	}
	txn_record(t, WIRE_RECORD_REMEMBERED, &r);
}

/* ---- events ------------------------------------------------------------------------------------
 */

void txn_decide_carry(struct txn_shard *t, const struct txn_carry *carry)
{
	const struct buf *records = t->effects->records;
	const uint32_t before = records->size;
	const struct txn_entry *e = oldest(t, carry->below);
	bool first = true;

	CHECK(carry->below <= t->last_record + 1); /* else it would have no end */
	while (e) {
		const uint64_t room = records->max - records->size;
		const uint64_t spent = records->size - before;
		const uint64_t left = carry->budget_bytes > spent ? carry->budget_bytes - spent : 0;
		const uint64_t least = txn_carry_worst_case(t, carry);

		if (least > room || (least > left && !first))
			return;
		if (e->body)
			carry_open(t, e);
		else if (least > left)
			carry_remembered(t, e, carry->below, least);
		else
			carry_remembered(t, e, carry->below, left < room ? left : room);
		e = oldest(t, carry->below);
		first = false;
	}
}

void txn_decide_segment(struct txn_shard *t, const struct txn_segment *segment)
{
	const struct wire_record_segment r = {
		.number = segment->number,
		.whole_from = segment->whole_from,
		.cluster = slice_of(t->stamp.cluster, t->stamp.cluster_size),
		.shard = t->config.shard,
		.shard_count = t->stamp.shard_count,
		.slots = t->stamp.slots,
		.created = slice_of(t->stamp.created, t->stamp.created_size),
		.next_admission = t->next_admission,
		.clock_at = t->clock,
		.epoch = t->journal_epoch,
		.inbox_created = slice_of(t->inbox.created, t->inbox.created_size),
		.inbox_sequence = t->inbox.sequence,
		.history_record = t->history_record,
		.known = t->entries_used - txn_forget_count(t),
		.open = t->open,
	};

	_Static_assert((int)SEGMENT_BYTES <= (int)TXN_RECORDS_PER_TIMER,
		       "what every step keeps free");
	CHECK(t->stamp.shard_count > 0);
	CHECK_EQ(segment->number, t->segment.number + 1);
	CHECK(segment->whole_from >= t->segment.whole_from);
	CHECK(segment->whole_from <= txn_whole_from(t));
	txn_record(t, WIRE_RECORD_SEGMENT, &r);
}

void txn_decide_history(struct txn_shard *t, uint64_t record)
{
	const struct wire_record_history_mark r = {.record = record};

	CHECK(record > t->history_record);
	CHECK(record <= t->last_record);
	txn_record(t, WIRE_RECORD_HISTORY_MARK, &r);
}
