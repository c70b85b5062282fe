/* A binary heap of timers over the caller's array. Equal deadlines fire in the order they were
 * armed, so that runs repeat exactly. Each timer knows its place, so cancelling is O(log n). */
#ifndef SAGAD_BASE_TIMER_HEAP_H
#define SAGAD_BASE_TIMER_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#define TIMER_NONE UINT32_MAX

struct timer {
	uint64_t deadline; /* in the owner's unit, usually ms of shard time */
	uint64_t sequence; /* set by the heap, or the caller's order */
	uint32_t place;    /* index in the heap, TIMER_NONE when not armed; set to it at start */
	uint32_t owner;    /* the caller's: which object this is */
};

struct timer_heap {
	struct timer **slots; /* caller's array */
	uint32_t count;
	uint32_t capacity;
	uint64_t next_sequence;
};

void timer_heap_init(struct timer_heap *h, struct timer **slots, uint32_t capacity);
void timer_init(struct timer *t, uint32_t owner);
/* Arms or re-arms. CHECKs that capacity suffices: the caller sizes it for all its timers. */
void timer_arm(struct timer_heap *h, struct timer *t, uint64_t deadline);
/* The same, but equal deadlines fire by rising `order`, whenever they were armed. All timers of a
 * heap are armed in the same of these two ways. */
void timer_arm_ordered(struct timer_heap *h, struct timer *t, uint64_t deadline, uint64_t order);
void timer_cancel(struct timer_heap *h, struct timer *t); /* no-op when not armed */
/* The earliest armed timer or NULL; does not remove it. */
struct timer *timer_heap_peek(const struct timer_heap *h);
/* Removes and returns the earliest timer with deadline <= now, else NULL. */
struct timer *timer_heap_pop_due(struct timer_heap *h, uint64_t now);
static inline bool timer_armed(const struct timer *t)
{
	return t->place != TIMER_NONE;
}

#endif
