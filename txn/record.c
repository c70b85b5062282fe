/* Writing down what was decided. */
#include "txn/meter.h"
#include "txn/state.h"

static void count(struct txn_shard *t, enum wire_kind kind, const void *record)
{
	const struct wire_record_finished *finished = record;

	if (kind == WIRE_RECORD_ACCEPTED)
		t->stats.accepted_total++;
	if (kind != WIRE_RECORD_FINISHED)
		return;
	CHECK(wire_state_final(finished->state));
	if (finished->state == WIRE_STATE_COMPLETED)
		t->stats.completed_total++;
	else
		t->stats.compensated_total++;
}

static int encode_and_fold(struct txn_shard *t, enum wire_kind kind, const void *record)
{
	struct buf *out = t->effects->records;
	const uint64_t number = t->last_record + 1;
	int err;

	CHECK(kind >= WIRE_RECORD_GENESIS);
	err = wire_encode(kind, record, out);
	if (err)
		return err;
	if (t->config.meter)
		txn_meter_record(t, kind, record);
	err = txn_fold(t, kind, record);
	CHECK_EQ(err, 0); /* what was decided must fit the state it was decided on */
	CHECK_EQ(t->last_record, number);
	t->effects->record_count++;
	count(t, kind, record);
	return 0;
}

void txn_record(struct txn_shard *t, enum wire_kind kind, const void *record)
{
	const int err = encode_and_fold(t, kind, record);

	CHECK_EQ(err, 0);
}

int txn_record_accepted(struct txn_shard *t, const struct wire_record_accepted *r)
{
	CHECK(t->effects != NULL);
	CHECK_EQ(r->admission, t->next_admission);
	return encode_and_fold(t, WIRE_RECORD_ACCEPTED, r);
}

void txn_record_noop(struct txn_shard *t)
{
	const struct wire_record_noop noop = {0};

	CHECK(t->effects != NULL);
	CHECK_EQ(t->last_record, t->step_first_record); /* else that record would do */
	txn_record(t, WIRE_RECORD_NOOP, &noop);
}
