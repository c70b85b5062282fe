/* Who should own what: a pure function of the live nodes and the plan there is.
 *
 * Rendezvous hashing with bounded load: a shard prefers nodes by weighted hash of (shard, node); a
 * node takes at most ceil(shards x weight / total weight) of them (plus slack 0). Deterministic;
 * same inputs, same plan on every machine. A shard stays where it is as long as its node lives and
 * is not over its bound, so that few move (S21).
 */
#ifndef SAGAD_SHARDING_PLAN_H
#define SAGAD_SHARDING_PLAN_H

#include "base/buf.h"
#include "base/error.h"
#include "base/id.h"
#include "wire/shard.h"

enum { PLAN_NODES_MAX = 64 };

struct plan_node {
	struct id id;
	struct id zone;  /* size 0 = none */
	uint32_t weight; /* 1..1000; 0 = takes nothing */
	bool cordoned;   /* keeps what it has, gets nothing new */
	bool healthy;    /* an unhealthy one gives up its shards while a healthy one is there */
};

struct plan {
	uint64_t version; /* 0 = none yet */
	uint32_t shard_count;
	struct id target[WIRE_SHARDS_MAX];  /* size 0 = nobody */
	struct id standby[WIRE_SHARDS_MAX]; /* another node, in another zone where there is one */
};

/* `now` gets version old->version + 1 if it differs from `old` in any target, else equals it. */
void plan_compute(const struct plan_node *nodes, uint32_t node_count, const struct plan *old,
		  uint32_t shard_count, struct plan *now);
uint32_t plan_moves(const struct plan *from, const struct plan *to);
/* The order in which live nodes may take a shard that nobody serves for too long (S21): writes
 * indexes into nodes, best first; returns how many. */
uint32_t plan_order(const struct plan_node *nodes, uint32_t node_count, uint32_t shard,
		    uint32_t order[PLAN_NODES_MAX]);

/* Stored form: text, one line a shard ("sagad-plan 1 <version> <shards>\n<target> <standby|->\n"),
 * strict on reading. SAGA_E_BAD_REPLY. */
int plan_encode(const struct plan *plan, struct buf *out) MUST_CHECK;
int plan_decode(struct slice text, struct plan *plan) MUST_CHECK;

#endif
