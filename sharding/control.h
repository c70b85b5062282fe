/* The control core of a node: its lease, its membership, the planner's office if it holds it, and
 * which shards it takes and gives up. Pure: requests to the lease store and orders to the workers
 * go out through a table; results, reports and time come in.
 *
 * Keys under /sagad/<cluster>/ : config, nodes/<id>, planner, plan, shards/<n>/owner (design.md 5),
 * and what operators ask for (sharding/mark.h).
 * The store's watch is a hint; a linearizable range of the prefix is the truth and is read on each
 * hint and at least every `refresh_ms`.
 *
 * Lease (S28): counted from before the last confirmed renewal was sent; work stops at three
 * quarters of the TTL by CLOCK_BOOTTIME. control tells the workers each new "valid until", and they
 * check it at each emission. Once the node has stopped itself, late renewals do not revive the old
 * ownerships: a new lease is granted, everything acquired anew with a full replay.
 *
 * Node id: nodes/<id> is created with compare "does not exist". If it is taken, the node waits
 * TTL + 1 s for an old lease to end and then reports SAGA_E_NODE_ID_TAKEN (fatal).
 *
 * Ownership (S21): acquire = txn {owner key does not exist, plan unchanged since read} put with
 * lease; the create revision is the epoch hint (S22). A timed-out txn is settled by the next range:
 * an owner key under my lease that is not in my table is adopted if the plan still wants me there,
 * else deleted under compare. Every later write of mine compares the create revision. A shard that
 * nobody owns for longer than 2 x TTL is taken by rendezvous order although the plan names another;
 * the same transaction makes the taker the plan's target, so that it is not given back.
 * The planner reacts at once when a node is gone, and after `join_delay_ms` when one has come or
 * its health has changed. What a lost node had goes to the standbys, and back to it if it comes
 * back within `grace_ms`; nothing is levelled meanwhile. It levels when the membership has changed,
 * few shards at a time, and leaves alone what was moved by hand. All that it must remember for that
 * stands in the plan, so that the next planner goes on from there.
 *
 * Standby (S29): a node follows the journals of the shards that the plan names it standby of, and
 * of those that it is to have and another owns. A planned move waits for that: the new target
 * writes shards/<n>/ready = "<id> <owner key's create revision>" when it has caught up, or at once
 * where it stands by for nothing; the owner gives the shard up when it reads that, when 10 s have
 * brought nothing of the kind, or when it would have to at the end of a stop. Who loses its lease
 * drops what it holds: a whole replay follows (S28).
 *
 * Stopping: nodes/<id> says so, the planner moves the shards away, each goes as soon as the plan
 * names another live node; or at once when no other lives, or when 2 x TTL brought no such plan.
 * A worker that has not let go of a shard 15 s after it was told to is fenced.
 *
 * A store that has forgotten a write of mine (restored from a copy) costs the lease: all is
 * acquired anew.
 *
 * An answer that the store owes for longer than twice its time-out + 1 s counts as unknown.
 */
#ifndef SAGAD_SHARDING_CONTROL_H
#define SAGAD_SHARDING_CONTROL_H

#include "lease/lease.h"
#include "sharding/mark.h"
#include "sharding/ops.h"
#include "sharding/ownership.h"
#include "sharding/plan.h"
#include "wire/message.h"

struct control;

struct control_config {
	struct id cluster;
	struct id node;
	struct id zone;
	uint32_t weight;
	const char *address; /* text for people; borrowed for the object's life */
	const char *version;
	uint32_t ttl_ms;        /* of the lease: 2000..60000; whole seconds */
	uint32_t refresh_ms;    /* 0 = 2000 */
	uint32_t join_delay_ms; /* 0 = 500 */
	uint32_t acquires_max;  /* transactions in flight; 0 = 16 */
	uint32_t grace_ms;      /* what a lost node had is only lent so long; 0 = 60000 */
	bool no_standby;        /* stands by for no shard */
	uint64_t start_unix_ms; /* for people */
	uint64_t seed;          /* for jitter */
};

/* What `config` in the store says; written once by initialisation. */
struct control_cluster {
	struct id cluster; /* cluster *id*: name + random part, also in each journal */
	uint32_t format;
	uint32_t replicas;
	struct wire_slots slots;
};
/* Stored form (JSON-free text lines, strict): "sagad-config 1\ncluster <id>\nformat <n>\nshards
 * <n>\nreplicas <n>\nslots <hex of 4096 bytes>\n". */
int control_cluster_encode(const struct control_cluster *cluster, struct buf *out) MUST_CHECK;
int control_cluster_decode(struct slice text, struct control_cluster *cluster) MUST_CHECK;

enum control_phase {
	CONTROL_CONNECTING,    /* has not read the store yet */
	CONTROL_UNINITIALISED, /* no config: waits for `sagactl init` */
	CONTROL_JOINING,       /* lease or node key not there yet */
	CONTROL_READY,
	CONTROL_STOPPING, /* giving up shards */
	CONTROL_STOPPED,  /* lease revoked: the process may exit */
	CONTROL_FAILED,   /* fatal: see error */
};

struct control_io {
	/* Hand the request to the lease store; the result comes back through control_result. */
	void (*request)(void *context, const struct lease_request *request, uint64_t token);
	/* Orders to the worker that has this shard. */
	void (*assign)(void *context, uint32_t shard, uint64_t revision);
	void (*release)(void *context, uint32_t shard);
	void (*keep)(void *context, uint32_t shard);  /* a quiescing shard goes on serving */
	void (*fence)(void *context, uint32_t shard); /* drop at once */
	/* New self-stop time for all emissions; 0 = nothing may leave. */
	void (*lease_until)(void *context, uint64_t boottime_ns);
	/* The cluster's config was read for the first time, before the first assign. */
	void (*cluster)(void *context, const struct control_cluster *cluster);
	/* For logs: "node.joined", "planner.elected", "shard.acquired" ... */
	void (*note)(void *context, const char *event, uint32_t shard, int code, uint64_t number);
	void *context;
	/* Follow this shard's journal, or no longer (S29). An assign ends it by itself. NULL =
	 * there are no standbys here. */
	void (*standby)(void *context, uint32_t shard, bool on);
};

/* Everything is copied. */
int control_create(const struct control_config *config, const struct control_io *io, void *memory,
		   size_t size, struct control **control) MUST_CHECK;
size_t control_memory_size(void);

/* All times are CLOCK_BOOTTIME ns. */
void control_tick(struct control *c, uint64_t now_ns); /* at least every 50 ms, and when due */
void control_result(struct control *c, uint64_t now_ns, uint64_t token,
		    const struct lease_result *result);
void control_hint(struct control *c, uint64_t now_ns); /* the watch fired */
/* A worker's report: SERVING (epoch = the accepted one), RELEASED, FENCED, HALTED (epoch = the
 * accepted one, the revision it was assigned with, or 0). An epoch below the revision of the
 * current assignment speaks of an earlier one and is ignored. FENCED is answered with a fence. The
 * code of HALTED goes into the owner key, so that every node can tell. */
void control_report(struct control *c, uint64_t now_ns, uint32_t shard, enum ownership state,
		    uint64_t epoch, int code);
/* What stands by for the shard has caught up with its journal, or no longer has. */
void control_warm(struct control *c, uint64_t now_ns, uint32_t shard, bool warm);
/* The node cannot reach its transport, or no journal of it takes anything (core_stats.journal_stuck
 * says what counts as that): others may take over (S21). */
void control_set_healthy(struct control *c, uint64_t now_ns, bool healthy);
void control_stop(struct control *c, uint64_t now_ns);
uint64_t control_next_deadline(const struct control *c);

/* Begins to read the store anew. Once control_has_read says so of the number that it returns, the
 * view is not older than this call: what another node was told before is in it. */
uint64_t control_read_now(struct control *c, uint64_t now_ns);
bool control_has_read(const struct control *c, uint64_t number);

/* ---- what people order (control_orders.c) ---- */

/* As a verb: an operation that has ended stands in the stream, its items may go. */
enum { CONTROL_ORDER_ARCHIVED = WIRE_ADMIN_VERBS };

struct control_order {
	uint32_t verb; /* enum wire_admin_verb, one that changes something, or ARCHIVED */
	struct id node;
	uint32_t shard;
	uint64_t operation;    /* number */
	const char *actor;     /* printable ASCII without space */
	const char *reason;    /* UTF-8 without control characters */
	uint64_t unix_ms;      /* when it was given: the same in a repetition of the same order */
	uint64_t plan_version; /* refuse unless it is the plan's; 0 = any */
	struct ops_limits limits;
	bool has_pace;
	const struct ops_item *items; /* of what begins: shard, from, to, why, load */
	uint32_t item_count;
};
/* Checks the order against the view and sends it; what became of it is told through
 * control_on_ordered, once the view shows it: 0, SAGA_E_COMPARE (something changed meanwhile: order
 * it again), or that it is not known. At once, and then nothing is told: SAGA_E_NO_SUCH,
 * SAGA_E_ENDED, SAGA_E_OPERATION, SAGA_E_PLAN_STALE, SAGA_E_CHARSET, SAGA_E_NAME, SAGA_E_TOO_LARGE,
 * SAGA_E_BUSY, SAGA_E_ETCD (the store was not read yet). `order` is not kept. */
int control_order(struct control *c, uint64_t now_ns, const struct control_order *order,
		  uint64_t ticket) MUST_CHECK;
typedef void (*control_ordered_fn)(void *context, uint64_t ticket, int error, uint64_t operation);
/* Never called from inside control_order. */
void control_on_ordered(struct control *c, control_ordered_fn ordered, void *context);

/* The operations that are known, oldest first; borrowed until the next call. */
uint32_t control_operation_count(const struct control *c);
const struct ops *control_operation_at(const struct control *c, uint32_t index);
/* Does this node plan? It also sees to it that ended operations are archived. */
bool control_is_planner(const struct control *c);
/* An operation that moves shards runs, is paused or is being cancelled; it empties this node: then
 * the node gives up nothing but what is ordered. */
bool control_ops_running(const struct control *c);
bool control_ops_empties(const struct control *c, const struct id *node);
/* How the phase of an item looks now. */
uint32_t control_phase_seen(struct control *c, const struct ops_item *item);
uint64_t control_unix_ms(const struct control *c);

enum control_phase control_phase(const struct control *c);
int control_error(const struct control *c);
enum ownership control_ownership(const struct control *c, uint32_t shard);
/* The last read view, for `info`. Slices live until the next control_result. Returns counts. */
struct control_view {
	const struct wire_node_view *nodes;
	uint32_t node_count;
	const struct wire_shard_view *shards;
	uint32_t shard_count;
	struct slice planner;
	uint64_t plan_version;
};
/* Whether the last reading had a plan of the shards. */
bool control_has_plan(const struct control *c);
void control_view(const struct control *c, struct control_view *view);

/* For who shows or asks for placements (sharding/plan.h): everything that was read, as the planner
 * would see it, without what only the planner knows (who is suspect, who has come a moment ago).
 * Strategy, threshold, load, some and only are left zero. */
void control_plan_input(const struct control *c, struct plan_input *input);
const struct plan *control_plan(const struct control *c); /* version 0 = none; borrowed */
/* NULL = none that counts; borrowed until the next control_result. */
const struct mark *control_pin(const struct control *c, uint32_t shard);
const struct mark *control_freeze(const struct control *c, uint32_t shard);
const struct mark *control_cordon(const struct control *c, const struct id *node);
const struct mark *control_drain(const struct control *c, const struct id *node);
uint32_t control_marks_unreadable(const struct control *c); /* each is ignored */
/* Its target does not serve it yet, and may still come to. */
bool control_shard_moving(const struct control *c, uint32_t shard);

#endif
