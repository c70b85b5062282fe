/* The digest of the folded state (invariant 22): a chain of XXH3-128 over what each known saga is,
 * in order of admission. Left out: everything volatile.
 * The layout is part of what recorded journals are checked against: add, never change. */
#include "txn/state.h"

enum { HASH_FORMAT = 2, ENTRY_BYTES = 512 };
/* Before what older journals have none of (S17), so that it cannot be taken for something else. */
#define HASH_WHOLE   UINT64_C(0x77686f6c65)
#define HASH_SEGMENT UINT64_C(0x7365676d656e74)

struct digest {
	struct hash128 hash;
	uint8_t bytes[sizeof(struct hash128) + ENTRY_BYTES];
	uint32_t size;
};

static void begin(struct digest *d)
{
	memcpy(d->bytes, d->hash.bytes, sizeof d->hash.bytes);
	d->size = sizeof d->hash.bytes;
}

static void put_bytes(struct digest *d, const void *bytes, uint32_t size)
{
	CHECK_LE(size, sizeof d->bytes - d->size);
	if (size > 0)
		memcpy(d->bytes + d->size, bytes, size);
	d->size += size;
}

static void put(struct digest *d, uint64_t value)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
	put_bytes(d, bytes, sizeof bytes);
}

static void put_slice(struct digest *d, struct slice s)
{
	put(d, s.size);
	put_bytes(d, s.data, s.size);
}

static void put_hash(struct digest *d, struct slice s)
{
	const struct hash128 hash = hash_xxh3_128(s);

	put(d, s.size);
	put_bytes(d, hash.bytes, sizeof hash.bytes);
}

static void end(struct digest *d)
{
	d->hash = hash_xxh3_128(slice_of(d->bytes, d->size));
}

static void digest_branch(struct digest *d, const struct txn_body *body, const struct txn_branch *b)
{
	begin(d);
	put(d, (uint64_t)b->step | (uint64_t)b->state << 8 | (uint64_t)b->op << 16);
	for (unsigned i = 0; i < 3; i++)
		put(d, b->attempts[i] | (uint64_t)b->result[i] << 32);
	if (b->attempts[3] != 0 || b->result[3] != 0)
		put(d, b->attempts[3] | (uint64_t)b->result[3] << 32);
	put(d, b->code);
	put(d, b->next_at);
	put_hash(d, slice_of(b->output, b->output_size));
	put_slice(d, txn_branch_text(body, b));
	end(d);
}

static void digest_body(struct digest *d, const struct txn_body *body)
{
	begin(d);
	put(d, body->plan->hash);
	put(d, body->parked);
	put_hash(d, body->input);
	put_slice(d, txn_text_cut(body->traceparent, 128));
	put(d, body->label_count);
	if (body->touched_at != 0)
		put(d, body->touched_at);
	end(d);
	for (uint32_t i = 0; i < txn_step_count(body); i++)
		digest_branch(d, body, &body->branches[i]);
}

static void digest_entry(struct digest *d, const struct txn_entry *e)
{
	begin(d);
	put(d, e->admission);
	put_slice(d, txn_entry_id(e));
	put_slice(d, txn_entry_definition(e));
	put(d, e->definition_version);
	put(d, (uint64_t)e->state | (uint64_t)e->reason << 8 | (uint64_t)(e->body != NULL) << 16);
	put_bytes(d, e->body_hash.bytes, sizeof e->body_hash.bytes);
	put(d, e->accepted_at);
	put(d, e->deadline_at);
	put(d, e->finished_at);
	put(d, e->retry_until_at);
	put(d, e->first_record);
	put(d, e->last_record);
	put(d, e->body ? 0 : e->timer.deadline); /* until when it is remembered */
	if (txn_entry_refused(e))
		put(d, e->code);
	/* What the state does not say already: what is parked was being undone, once. */
	if (e->state == WIRE_STATE_PARKED && e->decision != WIRE_DECISION_ABORT)
		put(d, UINT64_MAX - e->decision);
	if (e->heuristics > 0)
		put(d, e->heuristics);
	if (e->whole_record != e->first_record) {
		put(d, HASH_WHOLE);
		put(d, e->whole_record);
	}
	end(d);
	if (e->body)
		digest_body(d, e->body);
}

struct hash128 txn_state_hash(const struct txn_shard *t)
{
	struct digest d = {0};

	begin(&d);
	put(&d, HASH_FORMAT);
	put(&d, t->config.shard);
	put(&d, t->last_record);
	put(&d, t->next_admission);
	put(&d, t->clock);
	put(&d, t->journal_epoch);
	put(&d, t->entries_used);
	put(&d, t->open);
	if (t->inbox.created_size > 0) { /* not before the first entry: older journals have none */
		put_slice(&d, slice_of(t->inbox.created, t->inbox.created_size));
		put(&d, t->inbox.sequence);
	}
	if (t->segment.number > 0 || t->history_record > 0) {
		put(&d, HASH_SEGMENT);
		put(&d, t->segment.number);
		put(&d, t->segment.first_record);
		put(&d, t->segment.whole_from);
		put(&d, t->history_record);
	}
	end(&d);
	for (uint32_t i = t->first; i != TXN_NONE; i = t->entries[i].next)
		digest_entry(&d, &t->entries[i]);
	return d.hash;
}
