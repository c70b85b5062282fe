/* The fold: what each record does to the state. Replay and the live path both come through here,
 * so state is a function of the journal alone. Nothing here decides, reads a clock or sends, nor
 * looks at limits or other settings that the next owner may have otherwise. A record that does not
 * fit is refused with SAGA_E_STATE, and the caller halts the shard; when the pools are too small
 * for what the journal holds it is SAGA_E_NO_MEMORY, and another node may have larger ones. */
#include "txn/state.h"
#include "wire/batch.h"
#include "wire/plan.h"

/* Nobody writes as many; and there is room to count on from it. */
#define RECORD_NUMBER_MAX (UINT64_C(1) << 62)

/* A decision has just looked at the entry whose record this is: no need to search. */
static struct txn_entry *find_recent(struct txn_shard *t, uint64_t admission)
{
	struct txn_entry *e = &t->entries[t->recent];

	if (t->recent < t->entries_top && e->admission == admission && e->state != WIRE_STATE_NONE)
		return e;
	e = txn_entry_by_admission(t, admission);
	if (e)
		t->recent = txn_entry_number(t, e);
	return e;
}

int txn_find_open(struct txn_shard *t, uint64_t admission, struct txn_entry **entry)
{
	struct txn_entry *e = find_recent(t, admission);

	if (!e || !e->body)
		return SAGA_E_STATE;
	CHECK(!wire_state_final(e->state));
	CHECK(e->body->plan != NULL);
	*entry = e;
	return 0;
}

static int apply_genesis(struct txn_shard *t, const struct wire_record_genesis *r)
{
	CHECK(t->config.slots != NULL);
	CHECK_LE(t->open, t->room.open);
	if (t->last_record != 0)
		return SAGA_E_STATE;
	return txn_stamp(t, r);
}

static int apply_epoch(struct txn_shard *t, const struct wire_record_epoch *r)
{
	CHECK_LE(t->open, t->room.open);
	if (r->epoch < t->journal_epoch)
		return SAGA_E_STATE;
	t->journal_epoch = r->epoch;
	CHECK(t->journal_epoch >= r->epoch);
	return 0;
}

/* What happened behind all times would never be forgotten, or at once. */
static int advance(struct txn_shard *t, uint64_t at)
{
	if (at > BATCH_TIME_MAX)
		return SAGA_E_STATE;
	txn_clock_advance(t, at);
	return 0;
}

static int apply_accepted(struct txn_shard *t, const struct wire_record_accepted *r)
{
	struct txn_entry *e;

	if (r->admission != t->next_admission || r->saga.size == 0 || r->saga.size > ID_SIZE_MAX)
		return SAGA_E_STATE;
	if (!r->plan.known && !txn_plan_sound(&r->plan))
		return SAGA_E_STATE;
	if (advance(t, r->accepted_at))
		return SAGA_E_STATE;
	e = txn_entry_find(t, r->saga);
	if (e && e->body)
		return SAGA_E_STATE;
	if (e)
		txn_entry_remove(t, e); /* its memory had run out when this was accepted */
	if (t->open >= t->room.open || r->plan.step_count > t->room.branches - t->branches)
		return SAGA_E_NO_MEMORY;
	e = txn_entry_add(t, r->saga, r->plan.name);
	if (!e)
		return SAGA_E_NO_MEMORY;
	CHECK_EQ(e->admission, r->admission);
	e->body = txn_body_create(t, r, txn_entry_number(t, e));
	if (!e->body)
		return SAGA_E_NO_MEMORY;
	e->body_hash = r->body_hash;
	e->accepted_at = r->accepted_at;
	e->deadline_at = r->deadline_at;
	e->retry_until_at = r->retry_until_at;
	e->definition_version = r->plan.version;
	e->first_record = t->last_record + 1;
	txn_open_link(t, e);
	if (wire_plan_interactive(&r->plan)) {
		txn_entry_move(t, e, WIRE_STATE_OPEN);
		e->body->touched_at = r->accepted_at;
	} else {
		txn_entry_move(t, e, WIRE_STATE_RUNNING);
		txn_graph_forward(t, e);
	}
	e->last_record = t->last_record + 1;
	CHECK(!wire_state_final(e->state));
	return 0;
}

/* Invariant 15: nothing is left of it when it is forgotten. */
static bool may_finish(const struct txn_entry *e, uint32_t state)
{
	if (e->decision == WIRE_DECISION_ABORT)
		return state == WIRE_STATE_COMPENSATED && txn_undo_settled(e->body);
	return state == WIRE_STATE_COMPLETED && txn_all_finished(e->body) &&
	       (e->decision == WIRE_DECISION_COMMIT || !txn_finish_due(e->body));
}

static int apply_finished(struct txn_shard *t, const struct wire_record_finished *r)
{
	struct txn_entry *e;

	if (txn_find_open(t, r->admission, &e) || !txn_state_may(e->state, r->state) ||
	    !may_finish(e, r->state))
		return SAGA_E_STATE;
	CHECK_EQ(e->body->parked, 0);
	txn_entry_move(t, e, r->state);
	e->decision = r->state == WIRE_STATE_COMPLETED ? WIRE_DECISION_COMMIT : WIRE_DECISION_ABORT;
	e->finished_at = r->at;
	e->last_record = t->last_record + 1;
	txn_remember(t, e, r->remember_until_at);
	CHECK(e->body == NULL);
	return advance(t, r->at);
}

/* An id that never became a saga, cancelled in the record that is being applied. What was
 * remembered of it before gives way; the caller says for how long this one is. */
static int add_cancelled(struct txn_shard *t, struct slice saga, uint64_t at, uint32_t reason,
			 struct txn_entry **added)
{
	struct txn_entry *e;

	if (saga.size == 0 || saga.size > ID_SIZE_MAX)
		return SAGA_E_STATE;
	e = txn_entry_find(t, saga);
	if (e && e->body)
		return SAGA_E_STATE;
	if (e)
		txn_entry_remove(t, e);
	e = txn_entry_add(t, saga, (struct slice){0});
	if (!e)
		return SAGA_E_NO_MEMORY;
	e->finished_at = at;
	e->reason = (uint8_t)reason;
	e->first_record = e->last_record = t->last_record + 1;
	txn_entry_move(t, e, WIRE_STATE_CANCELLED);
	e->decision = WIRE_DECISION_ABORT;
	CHECK(e->body == NULL);
	CHECK(wire_state_final(e->state));
	*added = e;
	return 0;
}

/* A refused entry of the inbox whose id nobody holds: remembered for those who ask. */
static int remember_refused(struct txn_shard *t, const struct wire_record_inbox *r)
{
	struct txn_entry *e;
	int err;

	if (r->code == 0)
		return SAGA_E_STATE;
	err = add_cancelled(t, r->saga, r->at, WIRE_REASON_REFUSED, &e);
	if (err)
		return err;
	e->code = r->code;
	txn_remember(t, e, r->remember_until_at);
	CHECK(txn_entry_refused(e));
	return 0;
}

/* Its history has one more record. */
static void mark_last(struct txn_shard *t, struct slice saga)
{
	struct txn_entry *e = txn_entry_find(t, saga);

	if (e)
		e->last_record = t->last_record + 1;
}

static int apply_tombstone(struct txn_shard *t, const struct wire_record_tombstone *r)
{
	struct txn_entry *e;
	int err;

	err = advance(t, r->at);
	if (!err)
		err = add_cancelled(t, r->saga, r->at, WIRE_REASON_CANCELLED, &e);
	if (err)
		return err;
	e->retry_until_at = r->retry_until_at;
	txn_remember(t, e, r->remember_until_at);
	return 0;
}

/* S12: the cursor passes the entry, whatever became of it. */
static int apply_inbox(struct txn_shard *t, const struct wire_record_inbox *r)
{
	const struct slice held = slice_of(t->inbox.created, t->inbox.created_size);
	int err;

	if (r->created.size == 0 || r->created.size > sizeof t->inbox.created)
		return SAGA_E_STATE;
	if (r->sequence != 0 && r->sequence <= t->inbox.sequence && slice_equal(r->created, held))
		return SAGA_E_STATE;
	err = advance(t, r->at);
	if (!err && r->remember_until_at != 0)
		err = remember_refused(t, r);
	if (err)
		return err;
	if (r->remember_until_at == 0 && r->saga.size != 0)
		mark_last(t, r->saga);
	memcpy(t->inbox.created, r->created.data, r->created.size);
	t->inbox.created_size = r->created.size;
	t->inbox.sequence = r->sequence;
	return 0;
}

/* Its saga is not known; but the time it tells is the time. */
static int skip(struct txn_shard *t, enum wire_kind kind, const void *record)
{
	const struct wire_record_finished *finished = record;

	return kind == WIRE_RECORD_FINISHED ? advance(t, finished->at) : 0;
}

static int fold_known(struct txn_shard *t, enum wire_kind kind, const void *record)
{
	int err;

	switch (kind) {
	case WIRE_RECORD_GENESIS:
		err = apply_genesis(t, record);
		break;
	case WIRE_RECORD_EPOCH:
		err = apply_epoch(t, record);
		break;
	case WIRE_RECORD_NOOP:
		err = 0;
		break;
	case WIRE_RECORD_ACCEPTED:
		err = apply_accepted(t, record);
		break;
	case WIRE_RECORD_BRANCH:
		err = txn_fold_branch(t, record);
		break;
	case WIRE_RECORD_DECISION:
		err = txn_fold_decision(t, record);
		break;
	case WIRE_RECORD_PARKED:
		err = txn_fold_parked(t, record);
		break;
	case WIRE_RECORD_FINISHED:
		err = apply_finished(t, record);
		break;
	case WIRE_RECORD_TOMBSTONE:
		err = apply_tombstone(t, record);
		break;
	case WIRE_RECORD_INBOX:
		err = apply_inbox(t, record);
		break;
	case WIRE_RECORD_ENLISTED:
		err = txn_fold_enlisted(t, record);
		break;
	case WIRE_RECORD_CLOSED:
		err = txn_fold_closed(t, record);
		break;
	case WIRE_RECORD_CARRIED:
		err = txn_fold_carried(t, record);
		break;
	case WIRE_RECORD_REMEMBERED:
		err = txn_fold_remembered(t, record);
		break;
	case WIRE_RECORD_SEGMENT:
		err = txn_fold_segment(t, record);
		break;
	case WIRE_RECORD_HISTORY_MARK:
		err = txn_fold_history_mark(t, record);
		break;
	default:
		err = SAGA_E_KIND;
	}
	return err;
}

int txn_fold(struct txn_shard *t, enum wire_kind kind, const void *record)
{
	int err;

	CHECK(record != NULL);
	CHECK(t->last_record < UINT64_MAX);
	if (txn_skipped(t, kind, record))
		err = skip(t, kind, record);
	else
		err = fold_known(t, kind, record);
	if (!err)
		t->last_record++;
	return err;
}

/* Where the replay begins: with the first record, or with a segment's. */
static int begin(struct txn_shard *t, enum wire_kind kind, uint64_t record_number)
{
	if (record_number == 0 || record_number > RECORD_NUMBER_MAX ||
	    (record_number > 1 && kind != WIRE_RECORD_SEGMENT))
		return SAGA_E_JOURNAL_GAP;
	t->replay.first_record = record_number;
	t->last_record = record_number - 1;
	return 0;
}

int txn_apply(struct txn_shard *t, struct slice record, uint64_t record_number, uint64_t shard_time)
{
	union {
		struct wire_record_genesis genesis;
		struct wire_record_epoch epoch;
		struct wire_record_accepted accepted;
		struct wire_record_branch branch;
		struct wire_record_decision decision;
		struct wire_record_parked parked;
		struct wire_record_finished finished;
		struct wire_record_tombstone tombstone;
		struct wire_record_inbox inbox;
		struct wire_record_enlisted enlisted;
		struct wire_record_closed closed;
		struct wire_record_noop noop;
		struct wire_record_carried carried;
		struct wire_record_remembered remembered;
		struct wire_record_segment segment;
		struct wire_record_history_mark history_mark;
	} decoded;
	enum wire_kind kind;
	int err;

	CHECK(t->effects == NULL); /* not from within a step */
	err = wire_peek_kind(record, &kind);
	if (err)
		return err;
	if (kind < WIRE_RECORD_GENESIS)
		return SAGA_E_KIND;
	if (t->last_record == 0 && t->replay.first_record == 0)
		err = begin(t, kind, record_number);
	if (err || record_number != t->last_record + 1)
		return SAGA_E_JOURNAL_GAP;
	CHECK_LE(wire_struct_size(kind), sizeof decoded);
	arena_reset(&t->arena);
	err = wire_decode(kind, record, &t->arena, &decoded, NULL);
	if (err)
		return err;
	if (shard_time > BATCH_TIME_MAX)
		return SAGA_E_STATE;
	if (shard_time > t->now)
		t->now = shard_time;
	err = txn_fold(t, kind, &decoded);
	CHECK(err != 0 || t->last_record == record_number);
	return err;
}
