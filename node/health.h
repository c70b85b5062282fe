/* Is this process alive, and is it ready? What the probes and the service manager are told.
 *
 * Each loop (control, workers) marks that it turns; alive means that all of them did lately, and
 * nothing else: no server, no lease, no saga has a say, or a broker that is down would have every
 * node restarted. Written by the loops with relaxed atomics, read by anybody; no clock of its own.
 * Times are CLOCK_MONOTONIC ns. */
#ifndef SAGAD_NODE_HEALTH_H
#define SAGAD_NODE_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum { HEALTH_LOOPS_MAX = 65 }; /* the control loop, then the workers */
/* A loop that has not turned for so long is stuck: turns take ms, the longest known ones (a
 * hesitating disk under the file of a high-water) some hundreds. */
#define HEALTH_STALL_NS UINT64_C(10000000000)
/* A watcher that comes so late was stopped itself, and the loops with it. */
#define HEALTH_GAP_NS UINT64_C(2000000000)

struct health {
	_Atomic uint32_t loop_count;
	_Atomic uint64_t ticked_ns[HEALTH_LOOPS_MAX];
	_Atomic uint64_t forgiven_ns; /* not counted as silence: up to then nobody could turn */
	_Atomic uint64_t watched_ns;
	_Atomic bool started;

	/* For readiness. */
	_Atomic bool nats[HEALTH_LOOPS_MAX]; /* each loop's own connection */
	_Atomic bool lease;
	_Atomic bool map; /* the plan of the shards has been read */
	_Atomic bool draining;
};

/* A loop that begins to run; its number. From the control thread only. */
uint32_t health_loop_add(struct health *h, uint64_t now_ns);
static inline void health_tick(struct health *h, uint32_t loop, uint64_t now_ns)
{
	atomic_store_explicit(&h->ticked_ns[loop], now_ns, memory_order_relaxed);
}
static inline void health_nats(struct health *h, uint32_t loop, bool connected)
{
	atomic_store_explicit(&h->nats[loop], connected, memory_order_relaxed);
}

/* Once a second and oftener, by one thread: when it comes late itself, the whole process was
 * stopped (SIGSTOP, a frozen machine), and the loops get their time again. */
void health_watch(struct health *h, uint64_t now_ns);

/* The three questions. With `checks` each check is written as a line, "[+] name" or "[-] name:
 * what is wrong"; without, only those that fail. NULL = nothing is written. */
bool health_started(const struct health *h, bool verbose, struct buf *checks);
bool health_live(const struct health *h, uint64_t now_ns, bool verbose, struct buf *checks);
bool health_ready(const struct health *h, bool verbose, struct buf *checks);
/* Nanoseconds since the loop turned last. */
uint64_t health_silence_ns(const struct health *h, uint32_t loop, uint64_t now_ns);

#endif
