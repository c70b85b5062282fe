/* The pool of entries with its two indexes and two orders, and the pool of waiters. */
#include "base/prng.h"
#include "txn/state.h"

static uint64_t hash_of_number(uint64_t number)
{
	return prng_mix(number);
}

struct txn_entry *txn_entry_find(const struct txn_shard *t, struct slice id)
{
	const uint64_t hash = hash_xxh3_64(id);
	uint32_t at = txn_index_start(&t->by_id, hash);
	uint32_t number;

	while (txn_index_next(&t->by_id, hash, &at, &number)) {
		CHECK_LT(number, t->entries_top);
		if (slice_equal(txn_entry_id(&t->entries[number]), id))
			return &t->entries[number];
	}
	return NULL;
}

bool txn_forgettable(const struct txn_shard *t, const struct txn_entry *e, uint64_t now)
{
	(void)t;
	return !e->body && e->timer.deadline <= now;
}

struct txn_entry *txn_entry_known(const struct txn_shard *t, struct slice id, uint64_t now)
{
	struct txn_entry *e = txn_entry_find(t, id);

	return e && !txn_forgettable(t, e, now) ? e : NULL;
}

struct txn_entry *txn_entry_by_admission(const struct txn_shard *t, uint64_t admission)
{
	const uint64_t hash = hash_of_number(admission);
	uint32_t at = txn_index_start(&t->by_admission, hash);
	uint32_t number;

	while (txn_index_next(&t->by_admission, hash, &at, &number)) {
		CHECK_LT(number, t->entries_top);
		if (t->entries[number].admission == admission)
			return &t->entries[number];
	}
	return NULL;
}

bool txn_entry_free(const struct txn_shard *t)
{
	const struct timer *oldest = txn_forget_next(t);

	return t->entries_used < (uint64_t)t->limits.open_max + t->limits.remembered_max ||
	       (oldest && oldest->deadline <= t->now);
}

bool txn_tombstone_free(const struct txn_shard *t)
{
	const struct timer *oldest = timer_heap_peek(&t->tombstones);

	return t->tombstones.count < t->limits.remembered_max - t->limits.remembered_max / 2 ||
	       (oldest && oldest->deadline <= t->now);
}

static struct txn_entry *entry_take(struct txn_shard *t)
{
	struct txn_entry *e;

	if (t->entries_free != TXN_NONE) {
		e = &t->entries[t->entries_free];
		t->entries_free = e->next;
	} else if (t->entries_top < t->room.entries) {
		e = &t->entries[t->entries_top++];
	} else {
		return NULL;
	}
	t->entries_used++;
	*e = (struct txn_entry){.waiters = TXN_NONE};
	return e;
}

/* ---- the order of whole records ----------------------------------------------------------------
 */

static void whole_link(struct txn_shard *t, struct txn_entry *e)
{
	const uint32_t number = txn_entry_number(t, e);

	e->whole_record = t->last_record + 1;
	e->whole_previous = t->whole_last;
	e->whole_next = TXN_NONE;
	if (t->whole_last == TXN_NONE) {
		t->whole_first = number;
	} else {
		CHECK(t->entries[t->whole_last].whole_record <= e->whole_record);
		t->entries[t->whole_last].whole_next = number;
	}
	t->whole_last = number;
}

static void whole_unlink(struct txn_shard *t, const struct txn_entry *e)
{
	if (e->whole_previous == TXN_NONE)
		t->whole_first = e->whole_next;
	else
		t->entries[e->whole_previous].whole_next = e->whole_next;
	if (e->whole_next == TXN_NONE)
		t->whole_last = e->whole_previous;
	else
		t->entries[e->whole_next].whole_previous = e->whole_previous;
}

void txn_whole_here(struct txn_shard *t, struct txn_entry *e)
{
	CHECK(e->whole_record <= t->last_record);
	whole_unlink(t, e);
	whole_link(t, e);
}

uint64_t txn_whole_from(const struct txn_shard *t)
{
	return t->whole_first == TXN_NONE ? t->last_record + 1
					  : t->entries[t->whole_first].whole_record;
}

/* ---- entries -----------------------------------------------------------------------------------
 */

/* At the end of the order of admissions. */
static struct txn_entry *entry_add(struct txn_shard *t, struct slice id, struct slice definition,
				   uint64_t admission)
{
	struct txn_entry *e;

	CHECK(id.size > 0 && id.size <= ID_SIZE_MAX);
	CHECK(definition.size <= ID_SIZE_MAX);
	CHECK(txn_entry_find(t, id) == NULL);
	e = entry_take(t);
	if (!e)
		return NULL;

	e->names = slab_alloc(&t->names, (size_t)id.size + definition.size);
	CHECK(e->names != NULL); /* TXN_NAMES_SIZE is the worst case */
	memcpy(e->names, id.data, id.size);
	if (definition.size > 0)
		memcpy(e->names + id.size, definition.data, definition.size);
	e->id_size = (uint8_t)id.size;
	e->definition_size = (uint8_t)definition.size;
	e->admission = admission;
	timer_init(&e->timer, txn_entry_number(t, e));
	txn_index_put(&t->by_id, hash_xxh3_64(id), txn_entry_number(t, e));
	txn_index_put(&t->by_admission, hash_of_number(e->admission), txn_entry_number(t, e));

	e->previous = t->last;
	e->next = TXN_NONE;
	if (t->last == TXN_NONE)
		t->first = txn_entry_number(t, e);
	else
		t->entries[t->last].next = txn_entry_number(t, e);
	t->last = txn_entry_number(t, e);
	whole_link(t, e);
	return e;
}

struct txn_entry *txn_entry_add(struct txn_shard *t, struct slice id, struct slice definition)
{
	struct txn_entry *e = entry_add(t, id, definition, t->next_admission);

	if (e)
		t->next_admission++;
	return e;
}

struct txn_entry *txn_entry_restore(struct txn_shard *t, struct slice id, struct slice definition,
				    uint64_t admission)
{
	CHECK(t->replay.incomplete);
	CHECK_LT(admission, t->next_admission);
	CHECK(txn_entry_by_admission(t, admission) == NULL);
	return entry_add(t, id, definition, admission);
}

void txn_entry_remove(struct txn_shard *t, struct txn_entry *e)
{
	const uint32_t number = txn_entry_number(t, e);

	CHECK(e->body == NULL);
	CHECK(e->waiters == TXN_NONE);
	CHECK(wire_state_final(e->state));
	timer_cancel(txn_memory_of(t, e), &e->timer);
	txn_index_remove(&t->by_id, hash_xxh3_64(txn_entry_id(e)), number);
	txn_index_remove(&t->by_admission, hash_of_number(e->admission), number);
	slab_free(&t->names, e->names, (size_t)e->id_size + e->definition_size);

	if (e->previous == TXN_NONE)
		t->first = e->next;
	else
		t->entries[e->previous].next = e->next;
	if (e->next == TXN_NONE)
		t->last = e->previous;
	else
		t->entries[e->next].previous = e->previous;
	whole_unlink(t, e);
	e->names = NULL;
	e->state = WIRE_STATE_NONE;
	e->next = t->entries_free;
	t->entries_free = number;
	t->entries_used--;
}

void txn_open_link(struct txn_shard *t, struct txn_entry *e)
{
	const uint32_t number = txn_entry_number(t, e);

	CHECK(e->body != NULL);
	e->body->open_previous = t->open_last;
	e->body->open_next = TXN_NONE;
	if (t->open_last == TXN_NONE)
		t->open_first = number;
	else
		t->entries[t->open_last].body->open_next = number;
	t->open_last = number;
	t->open++;
	t->branches += txn_step_count(e->body);
	t->open_plans += e->body->plan->block_size;
}

void txn_open_unlink(struct txn_shard *t, struct txn_entry *e)
{
	const struct txn_body *body = e->body;

	CHECK(body != NULL);
	CHECK(t->open > 0);
	CHECK_LE(txn_step_count(body), t->branches);
	CHECK(body->plan->block_size <= t->open_plans);
	t->open_plans -= body->plan->block_size;
	if (body->open_previous == TXN_NONE)
		t->open_first = body->open_next;
	else
		t->entries[body->open_previous].body->open_next = body->open_next;
	if (body->open_next == TXN_NONE)
		t->open_last = body->open_previous;
	else
		t->entries[body->open_next].body->open_previous = body->open_previous;
	t->open--;
	t->branches -= txn_step_count(body);
}

static uint32_t waiter_find(const struct txn_shard *t, uint64_t reply_to)
{
	const uint64_t hash = hash_of_number(reply_to);
	uint32_t at = txn_index_start(&t->by_reply, hash);
	uint32_t number;

	while (txn_index_next(&t->by_reply, hash, &at, &number)) {
		if (t->waiters[number].reply_to == reply_to)
			return number;
	}
	return TXN_NONE;
}

/* Clients that time out ask again from new inboxes, and a saga may be parked for days: without a
 * bound those who are gone long since would take the places of everybody else. */
static void make_place(struct txn_shard *t, const struct txn_entry *e)
{
	uint32_t oldest = TXN_NONE;
	uint32_t count = 0;

	for (uint32_t w = e->waiters; w != TXN_NONE; w = t->waiters[w].next) {
		oldest = w;
		count++;
	}
	CHECK_LE(count, TXN_WAITERS_OF_SAGA_MAX);
	if (count < TXN_WAITERS_OF_SAGA_MAX)
		return;
	txn_pend_dismissal(t, e, t->waiters[oldest].reply_to);
	txn_waiter_remove(t, oldest);
}

bool txn_waiter_add(struct txn_shard *t, struct txn_entry *e, uint64_t reply_to, bool decided)
{
	uint32_t number = waiter_find(t, reply_to);
	struct txn_waiter *w;

	CHECK(reply_to != 0);
	CHECK(e->body != NULL);
	if (number != TXN_NONE && t->waiters[number].entry == txn_entry_number(t, e)) {
		t->waiters[number].decided = decided;
		return true;
	}
	if (number != TXN_NONE) /* a token stands for one request: its last one */
		txn_waiter_remove(t, number);
	make_place(t, e);
	if (t->waiters_free != TXN_NONE) {
		number = t->waiters_free;
		t->waiters_free = t->waiters[number].next;
	} else if (t->waiters_top < t->limits.waiters_max) {
		number = t->waiters_top++;
	} else {
		return false;
	}
	w = &t->waiters[number];
	*w = (struct txn_waiter){.reply_to = reply_to,
				 .entry = txn_entry_number(t, e),
				 .previous = TXN_NONE,
				 .next = e->waiters,
				 .decided = decided};
	if (e->waiters != TXN_NONE)
		t->waiters[e->waiters].previous = number;
	e->waiters = number;
	t->waiters_used++;
	txn_index_put(&t->by_reply, hash_of_number(reply_to), number);
	return true;
}

void txn_waiter_remove(struct txn_shard *t, uint32_t number)
{
	struct txn_waiter *w = &t->waiters[number];

	CHECK_LT(number, t->waiters_top);
	CHECK(w->reply_to != 0);
	txn_index_remove(&t->by_reply, hash_of_number(w->reply_to), number);
	if (w->previous == TXN_NONE)
		t->entries[w->entry].waiters = w->next;
	else
		t->waiters[w->previous].next = w->next;
	if (w->next != TXN_NONE)
		t->waiters[w->next].previous = w->previous;
	w->reply_to = 0;
	w->next = t->waiters_free;
	t->waiters_free = number;
	t->waiters_used--;
}

void txn_forget_waiter(struct txn_shard *t, uint64_t reply_to)
{
	const uint32_t number = waiter_find(t, reply_to);

	CHECK(t->effects == NULL);
	if (number != TXN_NONE)
		txn_waiter_remove(t, number);
}
