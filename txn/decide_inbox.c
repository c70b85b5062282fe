/* INBOX: an entry of the durable inbox (S12). Whatever it is, the cursor passes it in the step that
 * deals with it; only an entry for which there is no room stays where it is. So an entry is dealt
 * with once, however often it is read: by the next owner too, as the cursor is folded state. */
#include "txn/state.h"

static bool passed(const struct txn_shard *t, const struct txn_inbox_entry *entry)
{
	const struct txn_inbox_cursor cursor = txn_inbox(t);

	return entry->sequence <= cursor.sequence && slice_equal(entry->created, cursor.created);
}

static struct wire_record_inbox record_of(const struct txn_shard *t, struct slice id)
{
	const struct txn_inbox_entry *entry = t->event->u.inbox;

	CHECK(txn_from_inbox(t));
	CHECK(entry->created.size > 0);
	CHECK_LE(entry->created.size, TXN_INBOX_CREATED_MAX);
	return (struct wire_record_inbox){
		.created = entry->created,
		.sequence = entry->sequence,
		.saga = id_valid(id) ? id : (struct slice){0},
		.tenant = entry->tenant,
		.at = t->now,
	};
}

void txn_inbox_taken(struct txn_shard *t, struct slice id)
{
	const struct wire_record_inbox r = record_of(t, id);

	CHECK(r.sequence > 0);
	txn_record(t, WIRE_RECORD_INBOX, &r);
	t->stats.inbox_taken_total++;
}

/* Nobody holds the id, it is ours, and there is room to remember: then who asks is told. Ids can be
 * made up, so these have the share of tombstones. */
static bool to_be_remembered(const struct txn_shard *t, struct slice id)
{
	const struct txn_entry *e;

	if (!id_valid(id) || wire_shard_of(t->config.slots, id) != t->config.shard)
		return false;
	e = txn_entry_known(t, id, t->now);
	return (!e || txn_entry_refused(e)) && txn_entry_free(t) && txn_tombstone_free(t);
}

void txn_inbox_refused(struct txn_shard *t, struct slice id, int code, struct slice text)
{
	struct wire_record_inbox r = record_of(t, id);

	CHECK(code < 0);
	CHECK(r.sequence > 0);
	r.code = err_to_wire(code);
	r.text = txn_text_cut(text, WIRE_TEXT_SIZE_MAX);
	if (to_be_remembered(t, id))
		r.remember_until_at = txn_remember_until(t, t->now + t->config.retry_window_max_ms);
	txn_record(t, WIRE_RECORD_INBOX, &r);
	t->effects->inbox_code = code;
	t->stats.inbox_refused_total++;
}

void txn_decide_inbox(struct txn_shard *t, const struct txn_inbox_entry *entry)
{
	CHECK(txn_from_inbox(t));
	CHECK_EQ(t->event->reply_to, 0);
	if (entry->sequence == 0) {
		const struct wire_record_inbox r = record_of(t, (struct slice){0});

		txn_record(t, WIRE_RECORD_INBOX, &r);
		return;
	}
	if (passed(t, entry))
		return;
	if (entry->submit != NULL)
		txn_decide_submit(t, entry->submit);
	else
		txn_inbox_refused(t, entry->id, entry->code, entry->text);
	CHECK(t->effects->inbox_waits || passed(t, entry));
}
