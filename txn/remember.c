/* Finished ids and tombstones are remembered until retry_until + margin (S5, T6).
 *
 * Forgetting is part of the fold, so it must not depend on when somebody looks: it goes by the
 * folded clock, which only the times written in records move. Between two such records an id whose
 * time has come is still held but no longer known (txn_entry_known). Nor may it depend on how long
 * somebody's margin is: the owner writes down until when, and every replay goes by that. */
#include "txn/state.h"

struct timer_heap *txn_memory_of(struct txn_shard *t, const struct txn_entry *e)
{
	CHECK(wire_state_final(e->state));
	return e->state == WIRE_STATE_CANCELLED ? &t->tombstones : &t->forget;
}

struct timer *txn_forget_next(const struct txn_shard *t)
{
	struct timer *finished = timer_heap_peek(&t->forget);
	struct timer *tombstone = timer_heap_peek(&t->tombstones);

	if (!finished || !tombstone)
		return finished ? finished : tombstone;
	return tombstone->deadline < finished->deadline ? tombstone : finished;
}

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t window_end(const struct txn_shard *t, uint64_t now)
{
	return add_saturating(now,
			      (uint64_t)t->config.retry_window_max_ms + TXN_CLOCK_TOLERANCE_MS);
}

/* Senders count in Unix time, and each take-over lets shard time gain on it. That it gains more
 * than a whole window within a window cannot be; and a wall clock that is far ahead shall not have
 * this remembered for years. */
uint64_t txn_window_on_its_way(const struct txn_shard *t)
{
	const uint64_t bound = add_saturating(t->now, t->config.retry_window_max_ms);
	const uint64_t wall = t->event->wall_ms;

	return window_end(t, later(t->now, wall < bound ? wall : bound));
}

bool txn_window_allowed(struct txn_shard *t, uint64_t retry_until_at, struct slice *text)
{
	const uint64_t max_ms = t->config.retry_window_max_ms;
	struct buf words;

	CHECK(t->effects != NULL);
	if (retry_until_at <= window_end(t, later(t->now, t->event->wall_ms)))
		return true;
	buf_init_fixed(&words, t->scratch, WIRE_TEXT_SIZE_MAX);
	(void)buf_printf(&words,
			 "retry_until_at must be at most %llu ms ahead, the longest retry window "
			 "of this cluster",
			 (unsigned long long)max_ms);
	*text = buf_slice(&words);
	CHECK(text->size > 0);
	return false;
}

uint64_t txn_remember_until(const struct txn_shard *t, uint64_t retry_until_at)
{
	/* A saga may outlive its retry window; who waits for the outcome still gets the margin. */
	return add_saturating(later(retry_until_at, t->now), t->config.remember_margin_ms);
}

void txn_remember(struct txn_shard *t, struct txn_entry *e, uint64_t until)
{
	CHECK(wire_state_final(e->state));
	CHECK(!timer_armed(&e->timer));
	if (e->body) {
		struct txn_body *body = e->body;

		txn_open_unlink(t, e);
		e->body = NULL;
		txn_body_destroy(t, body);
	}
	/* Whatever the record says: not within the window, nor with the step that made it. */
	until = later(until, e->retry_until_at);
	until = later(until, add_saturating(later(e->finished_at, t->clock), TXN_MARGIN_MIN_MS));
	/* By admission, not by what was remembered first: where a replay began is not to matter. */
	timer_arm_ordered(txn_memory_of(t, e), &e->timer, until, e->admission);
}

void txn_clock_advance(struct txn_shard *t, uint64_t at)
{
	if (at > t->clock)
		t->clock = at;
	txn_forget_due(t, TXN_EVICT_PER_RECORD);
}

/* A replay that began in the middle knows a part of what a whole one knows. Of those it forgets
 * each with the same record, or before: of a part, what is among the first to go of all is among
 * the first to go as well. A segment forgets whatever is due: behind it they know the same. */
void txn_forget_due(struct txn_shard *t, uint32_t count_max)
{
	for (uint32_t i = 0; i < count_max; i++) {
		struct timer *timer = txn_forget_next(t);

		if (!timer || timer->deadline > t->clock)
			return;
		CHECK_LT(timer->owner, t->entries_top);
		CHECK(&t->entries[timer->owner].timer == timer);
		txn_entry_remove(t, &t->entries[timer->owner]);
	}
}

static uint32_t due(const struct timer_heap *heap, uint64_t now)
{
	uint32_t count = 0;

	/* Hardly ever is there one: FINISHED and ACCEPTED forget faster than ids are made. */
	if (heap->count == 0 || heap->slots[0]->deadline > now)
		return 0;
	for (uint32_t i = 0; i < heap->count; i++)
		count += heap->slots[i]->deadline <= now;
	return count;
}

uint32_t txn_forget_count(const struct txn_shard *t)
{
	return due(&t->forget, t->clock) + due(&t->tombstones, t->clock);
}
