/* How the attempt that is out travels, and when it is sent once more.
 *
 *   durable   one copy in the stream, which the broker hands out until its age limit. Silence makes
 *             no second one before that (S14): the attempt lasts at least as long as the limit,
 *             and as long as the copy may have taken to leave (command_leave_ms); whatever has
 *             to be said again about it meanwhile goes as a call.
 *   direct    a call to any instance, which may be lost: sent again, under the same number, after a
 *             short silence that doubles, until the attempt's time is over.
 *
 * Copies beside the first are volatile: not journaled, not counted as attempts. A durable step goes
 * by calls, too, in two cases:
 *
 *   at take-over   the owner before may have put a copy into the stream at any moment up to its
 *                  end, and no record tells. So the first attempt of a new owner is a call, and
 *                  lasts at least the age limit; if it is answered before, which says nothing of
 *                  that copy, the next ones are calls as well, until the limit is over.
 *   in silence     after TXN_SILENT_MAX attempts that nobody answered, every other one: if only the
 *                  consumer is lost, the saga goes on; if only calls do not arrive, too.
 *
 * "Working" that comes from a participant's library puts further copies off and nothing else: a
 * handler that hangs does not keep an attempt alive. A handler that says so itself does (within the
 * step's budget and the saga's deadline), as it is the one that knows.
 */
#include "txn/state.h"

enum {
	SILENT_TOP = 250, /* counts up to here, then only odd and even */
	DOUBLINGS_MAX = 10,
};

static bool falls_back(const struct txn_branch *b)
{
	return b->silent >= TXN_SILENT_MAX && (b->silent - TXN_SILENT_MAX) % 2 == 0;
}

bool txn_delivery_choose(const struct txn_shard *t, struct txn_branch *b,
			 const struct wire_step *step)
{
	const bool first = b->delivery == 0; /* under this owner, of what it found */

	CHECK(txn_outstanding(b) != NULL);
	if (!first && t->now >= t->old_copies_until)
		b->perhaps_out = false;
	CHECK(step->delivery == WIRE_DELIVERY_DURABLE || step->delivery == WIRE_DELIVERY_DIRECT);
	b->delivery = (uint8_t)step->delivery;
	b->fallback = false;
	if (step->delivery == WIRE_DELIVERY_DURABLE && (b->perhaps_out || falls_back(b))) {
		b->delivery = WIRE_DELIVERY_DIRECT;
		b->fallback = !b->perhaps_out;
	}
	b->copies = 0;
	b->has_turn = false;
	return b->perhaps_out && first;
}

void txn_delivery_silence(struct txn_branch *b)
{
	CHECK_EQ(b->wait, TXN_WAIT_ANSWER);
	b->silent = (uint8_t)(b->silent < SILENT_TOP ? b->silent + 1 : b->silent - 1);
	CHECK(b->silent > 0);
}

/* When the attempt is sent again if nothing is heard; after it has ended = not at all. */
static uint64_t next_copy_at(const struct txn_shard *t, const struct txn_branch *b)
{
	const uint64_t first = t->config.resend_after_ms;
	const uint64_t cap = first > TXN_RESEND_CAP_MS ? first : TXN_RESEND_CAP_MS;
	uint64_t wait = first << (b->copies < DOUBLINGS_MAX ? b->copies : DOUBLINGS_MAX);

	if (b->delivery != WIRE_DELIVERY_DIRECT || first == 0)
		return UINT64_MAX;
	if (wait > cap)
		wait = cap;
	return t->now + wait;
}

static void arm(struct txn_shard *t, struct txn_branch *b, uint64_t copy_at)
{
	CHECK_EQ(b->wait, TXN_WAIT_ANSWER);
	timer_arm(&t->timers, &b->timer, copy_at < b->ends_at ? copy_at : b->ends_at);
}

void txn_delivery_wait(struct txn_shard *t, struct txn_branch *b)
{
	CHECK(b->ends_at >= t->now);
	arm(t, b, next_copy_at(t, b));
}

/* Copies take turns like those after a take-over (S16): a service that is away must not be sent its
 * whole backlog in one go, again and again. False: not yet; the timer is armed for its turn. */
static bool take_turn(struct txn_shard *t, struct txn_branch *b)
{
	const uint64_t now_us = t->now * 1000;
	uint64_t at_us;

	if (t->config.resend_per_second == 0)
		return true;
	if (b->has_turn) {
		b->has_turn = false;
		return true;
	}
	at_us = t->next_copy_us > now_us ? t->next_copy_us : now_us;
	/* A turn that nobody would use is not given away: or a long outage of many sagas would put
	 * the turns of all off, further with each attempt. */
	if (at_us / 1000 >= b->ends_at) {
		arm(t, b, b->ends_at);
		return false;
	}
	t->next_copy_us = at_us + 1000000U / t->config.resend_per_second;
	if (at_us / 1000 <= t->now)
		return true;
	b->has_turn = true;
	arm(t, b, at_us / 1000);
	return false;
}

bool txn_delivery_copy_due(struct txn_shard *t, struct txn_branch *b)
{
	CHECK_EQ(b->wait, TXN_WAIT_ANSWER);
	CHECK_EQ(b->delivery, WIRE_DELIVERY_DIRECT);
	CHECK_LT(t->now, b->ends_at);
	if (!take_turn(t, b))
		return false;
	if (b->copies < UINT8_MAX)
		b->copies++;
	txn_delivery_wait(t, b);
	t->stats.copies_total++;
	return true;
}

void txn_delivery_again(struct txn_shard *t, struct txn_branch *b)
{
	CHECK_EQ(b->wait, TXN_WAIT_ANSWER);
	b->delivery = WIRE_DELIVERY_DIRECT; /* S14: no second durable copy of an attempt */
	b->copies = 0;
	b->has_turn = false;
	txn_delivery_wait(t, b);
}

void txn_delivery_working(struct txn_shard *t, const struct txn_body *body, struct txn_branch *b,
			  const struct wire_reply *reply)
{
	uint64_t hold_ms = reply->retry_after_ms;

	CHECK_EQ(b->wait, TXN_WAIT_ANSWER);
	if (hold_ms == 0) {
		b->ends_at = txn_attempt_end(t, body, b);
		hold_ms = TXN_WORKING_HOLD_MS;
	} else if (reply->attempt != *txn_attempts(b, b->op) + 1) {
		return; /* somebody still has an earlier one: no news of this one */
	}
	if (hold_ms > TXN_WORKING_HOLD_MAX_MS)
		hold_ms = TXN_WORKING_HOLD_MAX_MS;
	b->copies = 0;
	b->has_turn = false;
	arm(t, b, next_copy_at(t, b) == UINT64_MAX ? UINT64_MAX : t->now + hold_ms);
}
