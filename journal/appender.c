/* The appender: one batch in flight a shard (S6).
 *
 * Invariants:
 *  A1 nothing is built for a position before the batch that was sent there is settled;
 *  A2 what is sent again at a position is byte for byte what was sent there first;
 *  A3 DURABLE is said once a batch, and only of an acknowledgement at expected + 1 or of our own
 *     bytes read at expected + 1;
 *  A4 FENCED is never left: owning the shard again means a replay and appender_start.
 */
#include "journal/appender.h"

#include "base/check.h"
#include "base/error.h"

enum {
	/* Between sends of one position: 50, 100 ... 800 ms. Short, because an unknown append has
	 * already cost its time-out; growing, because no responders (an election) answers at once.
	 */
	RESEND_DELAY_MS = 50,
	RESEND_DOUBLINGS_MAX = 4,
};

static const bool permitted[APPENDER_STATES][APPENDER_STATES] = {
	[APPENDER_IDLE] = {[APPENDER_SENT] = true},
	[APPENDER_SENT] =
		{[APPENDER_IDLE] = true, [APPENDER_RESEND] = true, [APPENDER_FENCED] = true},
	[APPENDER_RESEND] = {[APPENDER_SENT_AGAIN] = true},
	[APPENDER_SENT_AGAIN] =
		{[APPENDER_IDLE] = true, [APPENDER_RESEND] = true, [APPENDER_SETTLING] = true},
	[APPENDER_SETTLING] =
		{[APPENDER_IDLE] = true, [APPENDER_RESEND] = true, [APPENDER_FENCED] = true},
	[APPENDER_FENCED] = {[APPENDER_IDLE] = false},
};

/* The only writer of a->state once the appender has started. */
static void move(struct appender *a, enum appender_state to)
{
	CHECK_LT(a->state, APPENDER_STATES);
	CHECK_LT(to, APPENDER_STATES);
	CHECK(permitted[a->state][to]);
	/* A1, A2: bytes are there exactly while a position is open or its fate is lost. */
	CHECK(a->bytes.size > 0);
	CHECK_LT(0, a->sends);
	a->state = to;
}

void appender_init(struct appender *a, uint32_t batch_size_max)
{
	CHECK_LE(BATCH_HEADER_SIZE, batch_size_max);
	*a = (struct appender){.state = APPENDER_IDLE, .next_record = 1};
	buf_init(&a->bytes, batch_size_max);
}

void appender_close(struct appender *a)
{
	buf_close(&a->bytes);
	*a = (struct appender){.state = APPENDER_FENCED};
}

void appender_start(struct appender *a, uint64_t sequence, const struct hash128 *hash,
		    uint64_t next_record)
{
	CHECK(next_record >= 1);
	CHECK(sequence < JOURNAL_UNFENCED - 1);
	/* Whatever an earlier ownership had in flight is decided by the replay that came before
	 * this call, so it is dropped and not settled. */
	buf_clear(&a->bytes);
	a->state = APPENDER_IDLE;
	a->header = (struct batch_header){0};
	a->expected = sequence;
	a->hash = *hash;
	a->next_record = next_record;
	a->resend_at_ms = 0;
	a->sends = 0;
	a->settle_found = false;
	a->settle_ours = false;
}

int appender_begin(struct appender *a, const struct batch_header *header, struct slice records,
		   uint32_t record_count)
{
	struct batch_header full = *header;
	int rc;

	CHECK_EQ(a->state, APPENDER_IDLE);
	CHECK_LT(0, record_count);
	CHECK_LT(0, records.size);
	full.record_count = record_count;
	full.first_record = a->next_record;
	full.previous = a->hash;

	buf_clear(&a->bytes);
	rc = batch_encode(&full, records, &a->bytes);
	if (rc != 0) {
		buf_clear(&a->bytes);
		return rc;
	}
	a->header = full;
	a->hash = batch_hash(buf_slice(&a->bytes));
	a->next_record += record_count;
	a->sends = 1;
	move(a, APPENDER_SENT);
	return 0;
}

/* A3: the batch stands at expected + 1. */
static enum appender_act settle_durable(struct appender *a)
{
	move(a, APPENDER_IDLE);
	a->expected++;
	a->sends = 0;
	return APPENDER_DURABLE; /* the bytes stay for who wants a copy, until the next begin */
}

static enum appender_act settle_fenced(struct appender *a)
{
	move(a, APPENDER_FENCED);
	return APPENDER_LOST;
}

static enum appender_act wait_to_resend(struct appender *a, uint64_t mono_ms)
{
	const uint32_t doublings =
		a->sends - 1 < RESEND_DOUBLINGS_MAX ? a->sends - 1 : RESEND_DOUBLINGS_MAX;

	move(a, APPENDER_RESEND);
	a->resend_at_ms = mono_ms + ((uint64_t)RESEND_DELAY_MS << doublings);
	return APPENDER_NOTHING;
}

enum appender_act appender_appended(struct appender *a, enum journal_append_status status,
				    uint64_t sequence, uint64_t mono_ms)
{
	/* A late outcome of another batch must be dropped by its token before it gets here: taken
	 * for this one's it would make a batch durable that never was. */
	CHECK(a->state == APPENDER_SENT || a->state == APPENDER_SENT_AGAIN);
	CHECK(status >= JOURNAL_STORED && status <= JOURNAL_UNKNOWN);

	if (status == JOURNAL_UNKNOWN) {
		a->unknowns++;
		return wait_to_resend(a, mono_ms);
	}
	if (status == JOURNAL_STORED && sequence == a->expected + 1)
		return settle_durable(a);
	/* Refused, or stored where the fence forbids it: a journal that does the latter breaks its
	 * contract, and stopping with a replay is the one safe answer to both. */
	if (a->state == APPENDER_SENT)
		return settle_fenced(a);
	/* Sent twice, so an earlier send may be what refuses this one. */
	move(a, APPENDER_SETTLING);
	a->settle_found = false;
	a->settle_ours = false;
	return APPENDER_READ;
}

enum appender_act appender_read_batch(struct appender *a, uint64_t sequence, struct slice bytes)
{
	struct batch_header header;
	struct slice records;

	CHECK_EQ(a->state, APPENDER_SETTLING);
	if (sequence != a->expected + 1)
		return APPENDER_NOTHING;
	a->settle_found = true;
	/* Unreadable is not ours: the replay that follows says what is wrong with it. */
	if (batch_decode(bytes, &header, &records) != 0)
		return APPENDER_NOTHING;
	if (header.nonce != a->header.nonce || header.first_record != a->header.first_record)
		return APPENDER_NOTHING;
	/* Nonce and number say whose it is; equal bytes say that the broker kept it whole. */
	a->settle_ours = slice_equal(bytes, buf_slice(&a->bytes));
	return APPENDER_NOTHING;
}

enum appender_act appender_read_end(struct appender *a, int error, uint64_t mono_ms)
{
	CHECK_EQ(a->state, APPENDER_SETTLING);
	if (a->settle_found)
		return a->settle_ours ? settle_durable(a) : settle_fenced(a);
	/* The position is gone from a longer log (a newer owner retired it), or the journal itself
	 * is missing or foreign (S7): sending again can never settle it. */
	if (error == SAGA_E_JOURNAL_GAP || err_class(error) == ERR_CLASS_FATAL)
		return settle_fenced(a);
	return wait_to_resend(a, mono_ms);
}

enum appender_act appender_due(struct appender *a, uint64_t mono_ms)
{
	if (a->state != APPENDER_RESEND || mono_ms < a->resend_at_ms)
		return APPENDER_NOTHING;
	move(a, APPENDER_SENT_AGAIN);
	a->sends++;
	return APPENDER_SEND;
}

uint64_t appender_last_record(const struct appender *a)
{
	CHECK_EQ(a->state, APPENDER_IDLE);
	return a->next_record - 1;
}

uint64_t appender_sequence(const struct appender *a)
{
	CHECK_EQ(a->state, APPENDER_IDLE);
	return a->expected;
}
