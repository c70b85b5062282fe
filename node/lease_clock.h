/* What every emission asks (S28): is my lease still young enough? Written by the control thread,
 * read by all workers. A generation marks each lease, so that a shard acquired under an old one is
 * never revived by a new one, however late its worker hears of it. */
#ifndef SAGAD_NODE_LEASE_CLOCK_H
#define SAGAD_NODE_LEASE_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct lease_clock {
	_Atomic uint64_t generation;
	_Atomic uint64_t until_ns; /* CLOCK_BOOTTIME; 0 = nothing may leave */
};

/* Control thread only. 0 ends the generation. */
static inline void lease_clock_set(struct lease_clock *c, uint64_t until_ns)
{
	if (until_ns == 0)
		atomic_fetch_add(&c->generation, 1);
	atomic_store(&c->until_ns, until_ns);
}

static inline uint64_t lease_clock_generation(struct lease_clock *c)
{
	return atomic_load(&c->generation);
}

/* The time is read before the generation: a new lease's time with the old generation fails. */
static inline bool lease_clock_valid(struct lease_clock *c, uint64_t generation, uint64_t now_ns)
{
	const uint64_t until_ns = atomic_load(&c->until_ns);
	return now_ns < until_ns && atomic_load(&c->generation) == generation;
}

#endif
