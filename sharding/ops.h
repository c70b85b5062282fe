/* An operation: shards to be moved on purpose, one item each. Pure: what the cluster looks like
 * comes in as facts, what shall be moved goes out as orders to the planner (sharding/plan.h).
 *
 * It is level-triggered: the phase of an item follows from what can be seen (whom the plan names,
 * who owns the shard) and from what is stored of it. So whoever is planner goes on from the stored
 * form, and what a planner that died had not stored yet is found again.
 *
 * Invariants, checked by ops_check:
 * O1 a shard is in at most one item;
 * O2 at most max_moves items are on the move, at most max_moves_per_node leave one node and at most
 *    so many come to it, of those that this operation began (a throttle lets the rest finish);
 * O3 an operation that has ended has no item that is planned or on the move;
 * O4 an item ends once: no phase follows a final one.
 *
 *   running <-> paused;  running, paused -> cancelling;  these three -> done | cancelled | failed
 *
 *   planned -> quiescing -> done | rolled-back | failed;  planned -> skipped | done
 *
 * Of the phases in wire/admin.h only these are stored; draining, fenced, replaying and serving are
 * how far a quiescing item is to the eye (ops_phase_seen).
 */
#ifndef SAGAD_SHARDING_OPS_H
#define SAGAD_SHARDING_OPS_H

#include "base/buf.h"
#include "base/error.h"
#include "base/id.h"
#include "wire/admin.h"
#include "wire/shard.h"

enum {
	OPS_KEPT_MAX = 16, /* ended operations that stay in the store */
	OPS_MOVES_DEFAULT = 4,
	OPS_MOVES_PER_NODE_DEFAULT = 2,
	OPS_TIMEOUT_DEFAULT_MS = 20000,
	OPS_STALL_MS = 120000,
	/* An item that cannot be taken back any more fails after so many time-outs. */
	OPS_TIMEOUTS_MAX = 4,
	OPS_TEXT_MAX = 48 * 1024, /* of the stored form */
};

struct ops_limits {
	uint32_t max_moves;
	uint32_t max_moves_per_node;
	uint32_t pace_ms;
	uint32_t timeout_ms;
};

struct ops_item {
	uint32_t shard;
	uint32_t phase; /* enum wire_ops_phase, as stored */
	struct id from;
	struct id to;
	uint64_t begun_ms; /* 0 = not begun */
	uint32_t ms;
	uint32_t why; /* enum wire_why; TIMEOUT while quiescing: it is being taken back */
	uint32_t load;
};

struct ops {
	uint64_t number; /* op-<number> */
	uint32_t kind;
	uint32_t state;
	uint64_t version; /* counts the stored changes */
	uint64_t plan_version;
	struct id node; /* of drain, remove */
	char actor[WIRE_ACTOR_SIZE_MAX + 1];
	char reason[WIRE_REASON_SIZE_MAX + 1];
	uint64_t created_ms, updated_ms, ended_ms;
	struct ops_limits limits;
	bool archived; /* ended, and its items stand in the stream; here they are gone */
	/* Of items that are gone. */
	uint32_t done, failed, rolled_back, skipped, longest_ms;
	uint32_t item_count;
	struct ops_item items[WIRE_SHARDS_MAX];
};

/* What can be seen of an item's shard. */
struct ops_fact {
	bool from_target, to_target; /* the plan names it */
	bool at_from, at_to;         /* it owns the shard */
	bool owned;
	bool serving; /* whoever owns it is accepted by the journal and has not halted it */
	bool warm;    /* the new owner follows the journal and says so */
	bool halted;
	bool frozen;
	bool to_usable;    /* alive, and may get shards */
	struct id instead; /* who else could have it; size 0 = nobody */
};
typedef void (*ops_look)(const void *context, const struct ops_item *item, struct ops_fact *fact);

struct ops_world {
	uint64_t now_ms;
	ops_look look;
	const void *context;
};

bool ops_state_permits(uint32_t from, uint32_t to);
bool ops_phase_permits(uint32_t from, uint32_t to);
void ops_check(const struct ops *op); /* CHECKs O1, O3 */

static inline bool ops_final(const struct ops *op)
{
	return wire_ops_state_final(op->state);
}
static inline bool ops_phase_final(uint32_t phase)
{
	return phase >= WIRE_PHASE_DONE;
}
/* Fills in the defaults of limits that are 0. */
void ops_limits_fill(struct ops_limits *limits);

/* Lets what can be seen change the items and the state. True when something has changed. */
bool ops_step(struct ops *op, const struct ops_world *world);
/* Which of the items may be ordered now: writes the node's id to to[shard], for items on the move
 * and for planned ones whose turn it is. Returns how many. */
uint32_t ops_orders(const struct ops *op, const struct ops_world *world,
		    struct id to[WIRE_SHARDS_MAX]);
/* When orders may change by time alone (pace, time-outs); UINT64_MAX = never. */
uint64_t ops_deadline_ms(const struct ops *op, uint64_t now_ms);
bool ops_stalled(const struct ops *op, uint64_t now_ms);
uint32_t ops_phase_seen(const struct ops_item *item, const struct ops_fact *fact);

/* Orders of people: SAGA_E_ENDED, or 0; what is so already is left so. */
int ops_pause(struct ops *op) MUST_CHECK;
int ops_resume(struct ops *op) MUST_CHECK;
int ops_cancel(struct ops *op) MUST_CHECK;
/* 0 leaves a limit as it is; `has_pace`: pace_ms 0 is meant. */
int ops_throttle(struct ops *op, const struct ops_limits *limits, bool has_pace) MUST_CHECK;

struct ops_counts {
	uint32_t planned, moving, done, failed, rolled_back, skipped, longest_ms;
};
void ops_count(const struct ops *op, struct ops_counts *counts);

/* "op-12"; SAGA_E_NAME. */
struct id ops_id(uint64_t number);
int ops_id_parse(struct slice text, uint64_t *number) MUST_CHECK;

/* Stored form: text lines ("sagad-op 1\n..."), strict on reading. SAGA_E_BAD_REPLY. */
int ops_encode(const struct ops *op, struct buf *out) MUST_CHECK;
int ops_decode(struct slice text, struct ops *op) MUST_CHECK;

#endif
