/* The fold of a segment's begin (S17), and the replay that starts there.
 *
 * Such a replay knows a part of what is live: what was written whole since. What it does not know
 * and is named by a number from before is skipped. It is complete at the first segment that says
 * that everything live stands whole in what was seen; that segment tells how many ids that are, so
 * nothing can be missing unnoticed. */
#include "txn/state.h"
#include "wire/batch.h"

int txn_stamp(struct txn_shard *t, const struct wire_record_genesis *r)
{
	const struct slice cluster = slice_of(t->stamp.cluster, t->stamp.cluster_size);
	const struct slice created = slice_of(t->stamp.created, t->stamp.created_size);

	if (r->shard != t->config.shard)
		return SAGA_E_JOURNAL_FOREIGN;
	if (r->cluster.size > sizeof t->stamp.cluster ||
	    r->created.size > sizeof t->stamp.created || r->shard_count == 0)
		return SAGA_E_STATE;
	if (t->stamp.shard_count != 0)
		return slice_equal(r->cluster, cluster) && slice_equal(r->created, created) &&
				       r->shard_count == t->stamp.shard_count &&
				       hash128_equal(&r->slots, &t->stamp.slots)
			       ? 0
			       : SAGA_E_STATE;
	t->stamp.slots = r->slots;
	t->stamp.shard_count = r->shard_count;
	t->stamp.cluster_size = r->cluster.size;
	t->stamp.created_size = r->created.size;
	if (r->cluster.size > 0)
		memcpy(t->stamp.cluster, r->cluster.data, r->cluster.size);
	if (r->created.size > 0)
		memcpy(t->stamp.created, r->created.data, r->created.size);
	return 0;
}

/* ---- the order of admissions -------------------------------------------------------------------
 */

/* What was carried stands behind what was accepted meanwhile, in a few runs that rise each. The
 * chain `a` is the earlier one where both have the same; they never do. */
static uint32_t merge(struct txn_entry *entries, uint32_t a, uint32_t b)
{
	uint32_t first = TXN_NONE;
	uint32_t *end = &first;

	while (a != TXN_NONE && b != TXN_NONE) {
		uint32_t *from = entries[a].admission < entries[b].admission ? &a : &b;

		*end = *from;
		end = &entries[*from].next;
		*from = *end;
	}
	*end = a != TXN_NONE ? a : b;
	return first;
}

/* Takes the first run off the chain. */
static uint32_t run_of(struct txn_entry *entries, uint32_t *chain)
{
	const uint32_t first = *chain;
	uint32_t at = first;

	while (entries[at].next != TXN_NONE &&
	       entries[entries[at].next].admission > entries[at].admission)
		at = entries[at].next;
	*chain = entries[at].next;
	entries[at].next = TXN_NONE;
	return first;
}

/* Slot i holds a chain of 2^i runs, or none. */
static uint32_t sorted(struct txn_entry *entries, uint32_t chain)
{
	enum { SLOTS = 32 };
	uint32_t slots[SLOTS];
	uint32_t merged = TXN_NONE;

	for (uint32_t i = 0; i < SLOTS; i++)
		slots[i] = TXN_NONE;
	while (chain != TXN_NONE) {
		uint32_t run = run_of(entries, &chain);
		uint32_t i = 0;

		for (; slots[i] != TXN_NONE; i++) {
			run = merge(entries, slots[i], run);
			slots[i] = TXN_NONE;
		}
		CHECK_LT(i, SLOTS);
		slots[i] = run;
	}
	for (uint32_t i = 0; i < SLOTS; i++)
		merged = merge(entries, merged, slots[i]);
	return merged;
}

void txn_entries_sort(struct txn_shard *t)
{
	uint32_t previous = TXN_NONE;

	t->first = sorted(t->entries, t->first);
	t->open_first = t->open_last = TXN_NONE;
	for (uint32_t i = t->first; i != TXN_NONE; i = t->entries[i].next) {
		struct txn_entry *e = &t->entries[i];

		CHECK(previous == TXN_NONE || t->entries[previous].admission < e->admission);
		e->previous = previous;
		previous = i;
		if (!e->body)
			continue;
		e->body->open_previous = t->open_last;
		e->body->open_next = TXN_NONE;
		if (t->open_last == TXN_NONE)
			t->open_first = i;
		else
			t->entries[t->open_last].body->open_next = i;
		t->open_last = i;
	}
	t->last = previous;
}

/* ---- segments ----------------------------------------------------------------------------------
 */

static bool segment_sound(const struct txn_shard *t, const struct wire_record_segment *r)
{
	const uint64_t here = t->last_record + 1;

	/* Whatever was admitted has a record. */
	return r->whole_from <= here && r->next_admission <= here && r->history_record < here &&
	       r->clock_at <= BATCH_TIME_MAX && r->epoch <= BATCH_EPOCH_MAX &&
	       r->open <= r->known && r->inbox_created.size <= sizeof t->inbox.created &&
	       (r->inbox_created.size > 0 || r->inbox_sequence == 0);
}

/* The first record that this engine sees. */
static void start_in_the_middle(struct txn_shard *t, const struct wire_record_segment *r)
{
	CHECK_EQ(t->entries_used, 0);
	t->replay.incomplete = true;
	t->replay.admissions = r->next_admission;
	t->next_admission = r->next_admission;
	t->clock = r->clock_at;
	t->journal_epoch = r->epoch;
	t->history_record = r->history_record;
	t->inbox.sequence = r->inbox_sequence;
	t->inbox.created_size = r->inbox_created.size;
	if (r->inbox_created.size > 0)
		memcpy(t->inbox.created, r->inbox_created.data, r->inbox_created.size);
}

/* It says what has been folded. */
static bool segment_follows(const struct txn_shard *t, const struct wire_record_segment *r)
{
	const struct slice created = slice_of(t->inbox.created, t->inbox.created_size);

	return r->number == t->segment.number + 1 && r->whole_from >= t->segment.whole_from &&
	       (r->whole_from <= txn_whole_from(t) || t->replay.incomplete) &&
	       r->next_admission == t->next_admission && r->clock_at == t->clock &&
	       r->epoch == t->journal_epoch && r->history_record == t->history_record &&
	       r->inbox_sequence == t->inbox.sequence && slice_equal(r->inbox_created, created);
}

/* Of a replay that began in the middle, too, where all that lives has been seen. */
static bool completes(struct txn_shard *t, const struct wire_record_segment *r)
{
	const bool whole = !t->replay.incomplete || r->whole_from >= t->replay.first_record;

	if (!whole)
		return t->entries_used <= r->known && t->open <= r->open;
	if (t->entries_used != r->known || t->open != r->open || r->whole_from > txn_whole_from(t))
		return false;
	if (t->replay.incomplete)
		txn_entries_sort(t);
	t->replay.incomplete = false;
	return true;
}

int txn_fold_segment(struct txn_shard *t, const struct wire_record_segment *r)
{
	const struct wire_record_genesis stamp = {
		.cluster = r->cluster,
		.shard = r->shard,
		.shard_count = r->shard_count,
		.slots = r->slots,
		.created = r->created,
	};
	const bool begins = t->replay.first_record == t->last_record + 1 && t->last_record > 0;
	int err;

	if (!segment_sound(t, r) || (t->stamp.shard_count == 0 && !begins))
		return SAGA_E_STATE;
	err = txn_stamp(t, &stamp);
	if (err)
		return err;
	if (begins) {
		start_in_the_middle(t, r);
	} else {
		if (!segment_follows(t, r))
			return SAGA_E_STATE;
		txn_forget_due(t, UINT32_MAX);
	}
	if (!completes(t, r))
		return SAGA_E_STATE;
	t->segment.number = r->number;
	t->segment.first_record = t->last_record + 1;
	t->segment.whole_from = r->whole_from;
	return 0;
}

int txn_fold_history_mark(struct txn_shard *t, const struct wire_record_history_mark *r)
{
	if (r->record <= t->history_record || r->record > t->last_record)
		return SAGA_E_STATE;
	t->history_record = r->record;
	return 0;
}

/* ---- what cannot be known ----------------------------------------------------------------------
 */

static uint64_t admission_of(enum wire_kind kind, const void *record)
{
	switch (kind) {
	case WIRE_RECORD_BRANCH:
		return ((const struct wire_record_branch *)record)->admission;
	case WIRE_RECORD_DECISION:
		return ((const struct wire_record_decision *)record)->admission;
	case WIRE_RECORD_PARKED:
		return ((const struct wire_record_parked *)record)->admission;
	case WIRE_RECORD_FINISHED:
		return ((const struct wire_record_finished *)record)->admission;
	case WIRE_RECORD_ENLISTED:
		return ((const struct wire_record_enlisted *)record)->admission;
	case WIRE_RECORD_CLOSED:
		return ((const struct wire_record_closed *)record)->admission;
	default:
		return UINT64_MAX;
	}
}

bool txn_skipped(struct txn_shard *t, enum wire_kind kind, const void *record)
{
	uint64_t admission;

	if (!t->replay.incomplete)
		return false;
	admission = admission_of(kind, record);
	if (admission >= t->replay.admissions || txn_entry_by_admission(t, admission))
		return false;
	t->replay.skipped++;
	return true;
}

struct txn_replay txn_replay(const struct txn_shard *t)
{
	return (struct txn_replay){.complete = !t->replay.incomplete,
				   .first_record = t->replay.first_record,
				   .skipped = t->replay.skipped};
}

struct txn_segments txn_segments(const struct txn_shard *t)
{
	return (struct txn_segments){.number = t->segment.number,
				     .first_record = t->segment.first_record,
				     .whole_from = t->segment.whole_from,
				     .history_record = t->history_record};
}
