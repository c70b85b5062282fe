/* CANCEL and QUERY. */
#include "txn/state.h"

bool txn_addressed_here(struct txn_shard *t, struct slice id)
{
	int code = 0;

	CHECK(t->effects != NULL);
	CHECK(t->config.slots != NULL);
	if (!id_valid(id))
		code = SAGA_E_NAME;
	else if (wire_shard_of(t->config.slots, id) != t->config.shard)
		code = SAGA_E_WRONG_SHARD;
	if (code == 0)
		return true;
	(void)txn_pend_answer(t, NULL, code == SAGA_E_NAME ? (struct slice){0} : id, code);
	t->stats.refused_total++;
	return false;
}

/* S10: whoever submits this id later is refused. Kept as long as a submit of it may be on its way.
 */
void txn_block_unknown(struct txn_shard *t, struct slice id, uint64_t retry_until_at,
		       struct slice reason)
{
	struct wire_record_tombstone r = {
		.saga = id,
		.retry_until_at = retry_until_at,
		.reason = reason,
		.at = t->now,
	};
	struct slice why;

	if (!txn_window_allowed(t, retry_until_at, &why)) {
		txn_record_noop(t);
		txn_pend_answer(t, NULL, id, SAGA_E_RANGE)->text = why;
		t->stats.refused_total++;
		return;
	}
	/* Ids can be made up: their tombstones must not take the places of sagas. */
	if (!txn_entry_free(t) || !txn_tombstone_free(t)) {
		struct txn_pending *p = txn_pend_answer(t, NULL, id, SAGA_E_BUSY);

		p->retry_after_ms = txn_busy_retry_ms(t);
		t->stats.refused_total++;
		return;
	}
	if (r.retry_until_at <= t->now)
		r.retry_until_at = txn_window_on_its_way(t);
	r.remember_until_at = txn_remember_until(t, r.retry_until_at);
	txn_record(t, WIRE_RECORD_TOMBSTONE, &r);
	(void)txn_pend_answer(t, txn_entry_find(t, id), id, 0);
	CHECK(txn_entry_find(t, id) != NULL);
}

static void cancel_open(struct txn_shard *t, struct txn_entry *e, const struct wire_cancel *cancel)
{
	struct txn_pending *p = txn_pend_answer(t, e, cancel->id, 0);

	if (e->decision == WIRE_DECISION_ABORT)
		return;
	if (e->decision == WIRE_DECISION_COMMIT) {
		p->code = err_to_wire(SAGA_E_TOO_LATE);
		t->stats.refused_total++;
		return;
	}
	txn_refuse_inputs(t, e); /* what cannot be sent is no reason to wait */
	/* S4: nobody knows yet. A no undoes it anyway, a yes makes it too late. */
	if (txn_no_return(e->body)) {
		p->code = err_to_wire(SAGA_E_PENDING);
		p->retry_after_ms = txn_busy_retry_ms(t);
		t->stats.refused_total++;
		return;
	}
	txn_decide_undo(t, e, WIRE_REASON_CANCELLED, NULL, cancel->reason);
	txn_advance(t, e);
}

void txn_decide_cancel(struct txn_shard *t, const struct wire_cancel *cancel)
{
	struct txn_entry *e;

	CHECK(cancel != NULL);
	CHECK(t->event->kind == TXN_EVENT_CANCEL);
	if (!txn_addressed_here(t, cancel->id))
		return;
	e = txn_entry_known(t, cancel->id, t->now);
	if (!e || txn_entry_refused(e)) {
		txn_block_unknown(t, cancel->id, cancel->retry_until_at, cancel->reason);
	} else if (!e->body) {
		const bool cancelled = e->reason == WIRE_REASON_CANCELLED;

		txn_record_noop(t);
		(void)txn_pend_answer(t, e, cancel->id, cancelled ? 0 : SAGA_E_TOO_LATE);
		t->stats.refused_total += !cancelled;
	} else {
		cancel_open(t, e, cancel);
	}
}

void txn_answer_or_wait(struct txn_shard *t, struct txn_entry *e, bool wait, uint32_t until)
{
	const bool decided = until == WIRE_UNTIL_DECIDED;
	/* Else the first answer says all there is to say. */
	const bool more = wait && t->event->reply_to != 0 && e->body != NULL &&
			  !(decided && e->decision != WIRE_DECISION_NONE);
	const bool added = more && txn_waiter_add(t, e, t->event->reply_to, decided);
	struct txn_pending *p = txn_pend_answer(t, e, txn_entry_id(e), 0);

	p->final = !added;
	if (!more || added)
		return;
	p->code = err_to_wire(SAGA_E_BUSY);
	p->retry_after_ms = txn_busy_retry_ms(t);
	t->stats.refused_total++;
}

/* A plain status carries (epoch, record) and needs no record of its own. Whoever waits takes the
 * answer for the end of the matter, so there S2 holds. */
void txn_decide_query(struct txn_shard *t, const struct wire_query *query)
{
	const bool wait = query->wait && t->event->reply_to != 0;
	struct txn_pending *p;
	struct txn_entry *e;

	CHECK(t->event->kind == TXN_EVENT_QUERY);
	CHECK(t->effects != NULL);
	if (!txn_addressed_here(t, query->id))
		return;
	e = txn_entry_known(t, query->id, t->now);
	if (wait && (!e || !e->body))
		txn_record_noop(t);
	if (!e) {
		(void)txn_pend_answer(t, NULL, query->id, SAGA_E_NOT_FOUND);
		return;
	}
	txn_answer_or_wait(t, e, wait, query->until);
	p = &t->pending[t->pending_count - 1];
	CHECK_EQ(p->kind, TXN_PENDING_ANSWER);
	if (txn_entry_refused(e))
		p->code = e->code;
	p->with_branches = true;
}

void txn_decide_list(struct txn_shard *t)
{
	CHECK(t->event->kind == TXN_EVENT_LIST);
	CHECK(t->event->u.list != NULL);
	(void)txn_pend(t, TXN_PENDING_LIST);
}
