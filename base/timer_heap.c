#include "base/timer_heap.h"

#include <stddef.h>

#include "base/check.h"

void timer_heap_init(struct timer_heap *h, struct timer **slots, uint32_t capacity)
{
	*h = (struct timer_heap){.slots = slots, .capacity = capacity};
}

void timer_init(struct timer *t, uint32_t owner)
{
	*t = (struct timer){.place = TIMER_NONE, .owner = owner};
}

static bool timer_before(const struct timer *a, const struct timer *b)
{
	if (a->deadline != b->deadline)
		return a->deadline < b->deadline;
	return a->sequence < b->sequence;
}

static void put_at(struct timer_heap *h, uint32_t place, struct timer *t)
{
	h->slots[place] = t;
	t->place = place;
}

static void sift_up(struct timer_heap *h, struct timer *t)
{
	uint32_t place = t->place;

	while (place > 0) {
		const uint32_t parent = (place - 1) / 2;

		if (!timer_before(t, h->slots[parent]))
			break;
		put_at(h, place, h->slots[parent]);
		place = parent;
	}
	put_at(h, place, t);
}

static void sift_down(struct timer_heap *h, struct timer *t)
{
	uint32_t place = t->place;

	while (place < h->count / 2) {
		uint32_t child = 2 * place + 1;

		if (child + 1 < h->count && timer_before(h->slots[child + 1], h->slots[child]))
			child++;
		if (!timer_before(h->slots[child], t))
			break;
		put_at(h, place, h->slots[child]);
		place = child;
	}
	put_at(h, place, t);
}

void timer_cancel(struct timer_heap *h, struct timer *t)
{
	const uint32_t place = t->place;
	struct timer *last;

	if (!timer_armed(t))
		return;
	CHECK_LT(place, h->count);
	CHECK(h->slots[place] == t);
	last = h->slots[--h->count];
	t->place = TIMER_NONE;
	if (last == t)
		return;
	/* The last one fills the hole and may belong above or below it. */
	put_at(h, place, last);
	sift_up(h, last);
	sift_down(h, last);
}

/* One that is armed moves from where it is: mostly a step or two down, since it is mostly put off.
 */
void timer_arm_ordered(struct timer_heap *h, struct timer *t, uint64_t deadline, uint64_t order)
{
	const bool armed = timer_armed(t);
	const bool later = armed && deadline >= t->deadline;

	if (armed) {
		CHECK_LT(t->place, h->count);
		CHECK(h->slots[t->place] == t);
	} else {
		CHECK_LT(h->count, h->capacity);
	}
	t->deadline = deadline;
	t->sequence = order;
	if (!armed)
		put_at(h, h->count++, t);
	if (later)
		sift_down(h, t);
	else
		sift_up(h, t);
}

void timer_arm(struct timer_heap *h, struct timer *t, uint64_t deadline)
{
	timer_arm_ordered(h, t, deadline, h->next_sequence++);
}

struct timer *timer_heap_peek(const struct timer_heap *h)
{
	return h->count > 0 ? h->slots[0] : NULL;
}

struct timer *timer_heap_pop_due(struct timer_heap *h, uint64_t now)
{
	struct timer *first = timer_heap_peek(h);

	if (!first || first->deadline > now)
		return NULL;
	timer_cancel(h, first);
	return first;
}
