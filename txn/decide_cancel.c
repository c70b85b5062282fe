/* CANCEL and QUERY. */
#include "txn/state.h"

/* S11. False: refused. */
static bool addressed_here(struct txn_shard *t, struct slice id)
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
static void cancel_unknown(struct txn_shard *t, const struct wire_cancel *cancel)
{
	struct wire_record_tombstone r = {
		.saga = cancel->id,
		.retry_until_at = cancel->retry_until_at,
		.reason = cancel->reason,
		.at = t->now,
	};
	struct slice why;

	if (!txn_window_allowed(t, cancel->retry_until_at, &why)) {
		txn_record_noop(t);
		txn_pend_answer(t, NULL, cancel->id, SAGA_E_RANGE)->text = why;
		t->stats.refused_total++;
		return;
	}
	/* Ids can be made up: their tombstones must not take the places of sagas. */
	if (!txn_entry_free(t) || !txn_tombstone_free(t)) {
		struct txn_pending *p = txn_pend_answer(t, NULL, cancel->id, SAGA_E_BUSY);

		p->retry_after_ms = txn_busy_retry_ms(t);
		t->stats.refused_total++;
		return;
	}
	if (r.retry_until_at <= t->now)
		r.retry_until_at = t->now + t->config.retry_window_max_ms + TXN_CLOCK_TOLERANCE_MS;
	r.remember_until_at = txn_remember_until(t, r.retry_until_at);
	txn_record(t, WIRE_RECORD_TOMBSTONE, &r);
	(void)txn_pend_answer(t, txn_entry_find(t, cancel->id), cancel->id, 0);
	CHECK(txn_entry_find(t, cancel->id) != NULL);
}

void txn_decide_cancel(struct txn_shard *t, const struct wire_cancel *cancel)
{
	struct txn_entry *e;

	CHECK(cancel != NULL);
	CHECK(t->event->kind == TXN_EVENT_CANCEL);
	if (!addressed_here(t, cancel->id))
		return;
	e = txn_entry_known(t, cancel->id, t->now);
	if (!e || txn_entry_refused(e)) {
		cancel_unknown(t, cancel);
		return;
	}
	if (!e->body) {
		const bool cancelled = e->reason == WIRE_REASON_CANCELLED;

		txn_record_noop(t);
		(void)txn_pend_answer(t, e, cancel->id, cancelled ? 0 : SAGA_E_TOO_LATE);
		t->stats.refused_total += !cancelled;
		return;
	}
	(void)txn_pend_answer(t, e, cancel->id, 0);
	if (e->state != WIRE_STATE_RUNNING)
		return;
	txn_decide_undo(t, e, WIRE_REASON_CANCELLED, NULL, cancel->reason);
	txn_advance(t, e);
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
	if (!addressed_here(t, query->id))
		return;
	e = txn_entry_known(t, query->id, t->now);
	if (wait && (!e || !e->body))
		txn_record_noop(t);
	if (!e) {
		(void)txn_pend_answer(t, NULL, query->id, SAGA_E_NOT_FOUND);
		return;
	}
	p = txn_pend_answer(t, e, query->id, 0);
	if (txn_entry_refused(e))
		p->code = e->code;
	p->with_branches = true;
	if (!wait || !e->body)
		return;
	p->final = false;
	if (!txn_waiter_add(t, e, t->event->reply_to)) {
		p->code = err_to_wire(SAGA_E_BUSY);
		p->retry_after_ms = txn_busy_retry_ms(t);
		p->final = true;
		t->stats.refused_total++;
	}
}

void txn_decide_list(struct txn_shard *t)
{
	CHECK(t->event->kind == TXN_EVENT_LIST);
	CHECK(t->event->u.list != NULL);
	(void)txn_pend(t, TXN_PENDING_LIST);
}
