/* The parts of the control core. Included by control*.c only.
 *
 * It is level-triggered: what was read last (the view), what is in flight (ops) and the wish (the
 * plan, the configuration) decide what is asked for next, whatever happened before. So a lost
 * answer needs no code of its own: the next range shows what became of it.
 *
 * Invariants:
 * C1 a range older than the newest transaction of mine that is known to have succeeded is thrown
 *    away: the view never goes back behind my own writes;
 * C2 after a transaction that failed or whose outcome is unknown, the key is left alone until a
 *    range that was sent after that answer has come (need_range);
 * C3 at most one transaction a key is in flight;
 * C4 answers to what was sent under an earlier lease of mine change nothing (incarnation);
 * C5 a shard is with the worker (assigned, not yet released or fenced) only under my lease and
 *    with an owner key that I created. */
#ifndef SAGAD_SHARDING_CONTROL_INTERNAL_H
#define SAGAD_SHARDING_CONTROL_INTERNAL_H

#include "base/buf.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/prng.h"
#include "sharding/control.h"
#include "sharding/mark.h"

#define CONTROL_NEVER    UINT64_MAX
#define CONTROL_NO_SHARD UINT32_MAX
#define CONTROL_MS       UINT64_C(1000000)

enum {
	CONTROL_ADDRESS_MAX = 128,
	CONTROL_VERSION_MAX = 64,
	CONTROL_VALUE_MAX = 512, /* of a node or owner line */
	CONTROL_PREFIX_MAX = 80,
	CONTROL_KEY_MAX = 192,
	CONTROL_OPS_MAX = 256,
	CONTROL_TEXT_MAX = PLAN_TEXT_MAX,
	CONTROL_CONFIG_MAX = 16 * 1024,
	CONTROL_RETRY_MS = 100,     /* pause after an error of the store */
	CONTROL_RANGE_GAP_MS = 5,   /* between two ranges: a burst of hints becomes one */
	CONTROL_SUSPECT_MS = 60000, /* how long a node that did not take a shard gets no new one */
	CONTROL_HEALTH_DELAYS = 4,  /* most join delays before a change of health counts */
	CONTROL_FENCED_MS = 500,    /* first pause before a fenced shard is tried again */
	CONTROL_FENCED_DOUBLINGS = 4,
	CONTROL_CALM_MS = 30000,    /* serving this long forgets earlier fences */
	CONTROL_QUIESCE_MS = 15000, /* a worker that has not let go by then is fenced */
	CONTROL_WARM_MS = 10000,    /* a move waits no longer for its target to catch up */
	CONTROL_REVOKES_MAX = 3,
	CONTROL_LOST_LEASES = 4,
	CONTROL_OVERDUE_MS = 1000,   /* beyond twice the request's own time-out */
	CONTROL_MOVE_MAX_MS = 30000, /* a move that takes longer holds up no other */
	CONTROL_BALANCE_MOVES = 4,   /* on the move at a time, for levelling */
	CONTROL_LEAVING_MOVES = 8,   /* and from nodes that leave */
	CONTROL_OPERATIONS_MAX = OPS_KEPT_MAX + 8,
	CONTROL_ORDERS_MAX = 32, /* at work at a time */
};

enum control_op_kind {
	CONTROL_OP_NONE,
	CONTROL_OP_RANGE,
	CONTROL_OP_GRANT,
	CONTROL_OP_RENEW,
	CONTROL_OP_REVOKE,
	CONTROL_OP_NODE,
	CONTROL_OP_PLANNER,
	CONTROL_OP_PLAN,
	CONTROL_OP_ACQUIRE,
	CONTROL_OP_RELEASE,
	CONTROL_OP_OWNER, /* rewrites my owner key with the accepted epoch */
	CONTROL_OP_OPERATION,
	CONTROL_OP_ORDER, /* shard: index of the order */
	CONTROL_OP_READY, /* says that I am ready to take the shard over */
};

struct control_op {
	enum control_op_kind kind;
	uint32_t shard;
	uint64_t sequence;    /* upper bits of the token: an answer is matched once */
	uint64_t incarnation; /* of the lease it was sent under (C4) */
	uint64_t range;       /* number of a range */
	bool by_order;        /* of an acquire: it also makes me the plan's target */
	uint64_t overdue_ns;  /* when it is taken as unknown although the store said nothing */
};

/* A key of the store as last read; create 0 = it does not exist. */
struct control_key {
	int64_t create;
	int64_t mod;
	int64_t lease;
};

struct control_node {
	struct id id;
	struct id zone;
	char address[CONTROL_ADDRESS_MAX + 1];
	char version[CONTROL_VERSION_MAX + 1];
	uint32_t weight;
	bool healthy;
	bool stopping;
	bool cordoned;
	bool draining;
	bool seen; /* in the range being read */
	uint64_t since_unix_ms;
	struct control_key key;
	uint64_t seen_ns;          /* first read */
	uint64_t health_ns;        /* health last changed */
	uint64_t suspect_until_ns; /* the planner's own memory (S21) */
};

struct control_shard {
	/* The store's side. */
	struct control_key owner;
	struct id owner_id;
	uint64_t owner_epoch;
	uint32_t owner_code; /* why its owner has halted it, as the wire says it; 0 = it has not */
	uint64_t unowned_ns; /* since when nobody owns it; 0 = somebody does */
	struct control_key ready; /* who is ready to take it over, and from which owner key */
	struct id ready_id;
	uint64_t ready_for;
	/* My side. */
	enum ownership state;
	int64_t revision;   /* create revision of my key, 0 = none */
	uint64_t epoch;     /* accepted by the journal, 0 = not yet */
	uint32_t halt_code; /* why I have halted it */
	uint64_t serving_ns;
	bool keep_sent;
	uint64_t quiescing_ns; /* when the worker was told to let go */
	uint64_t leaving_ns;   /* since when the plan wants it elsewhere; 0 = it does not */
	bool standby;          /* the worker was told to stand by */
	bool warm;             /* and has caught up */
	bool op;               /* a transaction on the owner key is in flight (C3) */
	uint64_t sent_epoch;   /* what the rewriting in flight puts there */
	uint32_t sent_code;
	uint64_t need_range;
	uint64_t retry_ns;   /* after an error of the store */
	uint64_t acquire_ns; /* not acquired again before: it was fenced */
	uint32_t fences;
	/* The planner's side. */
	struct mark pin; /* no actor = there is none */
	struct mark freeze;
	struct id moving_to; /* since moving_ns; size 0 = it is not on the move */
	uint64_t moving_ns;
};

/* A cordon or a drain, of a node that need not be there. */
struct control_mark {
	enum mark_kind kind;
	struct id node;
	struct mark mark;
};

/* An operation as it is known here. */
struct control_operation {
	struct control_key key;
	struct ops op;    /* kind 0 = cannot be read */
	bool dirty;       /* of the planner: the store does not know it all yet */
	bool writing;     /* a write of mine is in flight */
	bool stall_noted; /* since its last progress */
	bool seen;        /* in the range being read */
};

enum control_order_state { CONTROL_ORDER_FREE, CONTROL_ORDER_SENT, CONTROL_ORDER_ANSWERED };
struct control_ordered {
	enum control_order_state state;
	uint64_t ticket;
	uint64_t operation;
	int error;
	uint64_t need_range; /* told when the view comes from that one or a later one */
};

struct control {
	/* Configuration. */
	struct id cluster_name;
	struct id node;
	struct id zone;
	uint32_t weight;
	char address[CONTROL_ADDRESS_MAX + 1];
	char version[CONTROL_VERSION_MAX + 1];
	uint32_t ttl_ms; /* asked for */
	uint32_t refresh_ms;
	uint32_t join_delay_ms;
	uint32_t acquires_max;
	uint32_t grace_ms;
	bool no_standby;
	uint64_t start_unix_ms;
	uint64_t start_ns; /* of the first call: what start_unix_ms goes with */
	struct prng prng;
	struct control_io io;
	char prefix[CONTROL_PREFIX_MAX];

	uint64_t now_ns; /* of the call that is being worked on */
	enum control_phase phase;
	int error;
	bool stopping;
	uint64_t stopping_ns;

	/* Lease. */
	int64_t lease_id;     /* 0 = none */
	int64_t old_lease_id; /* to be revoked before a new one is asked for */
	uint32_t revokes;
	/* Given up, and not known to be revoked: keys under them are mine. 0 = free. */
	int64_t lost_leases[CONTROL_LOST_LEASES];
	uint32_t lost_next;
	uint64_t incarnation;
	uint64_t granted_ms; /* TTL as granted */
	uint64_t until_ns;   /* self-stop (S28) */
	uint64_t renew_ns;   /* when to send the next renewal */
	uint64_t lease_retry_ns;
	bool lease_op;

	/* Membership. */
	struct control_key self; /* nodes/<my id> as read */
	char self_value[CONTROL_VALUE_MAX];
	uint32_t self_value_size;
	int64_t node_revision; /* create revision of my node key, 0 = not joined */
	uint64_t taken_ns;     /* since when somebody else's key stands there; 0 = it does not */
	uint64_t taken_range;  /* the range that decides it */
	bool node_op;
	uint64_t node_need_range;
	uint64_t node_retry_ns;
	bool healthy;
	bool healthy_published;
	uint64_t healthy_ns;

	/* Reading. */
	bool dirty;    /* a range is wanted */
	bool range_op; /* one is in flight */
	uint64_t range_started_ns;
	uint64_t range_retry_ns;
	uint64_t range_sequence; /* number of the range sent last */
	uint64_t first_view_ns;
	uint64_t view_sequence;    /* number of the range that the view comes from; 0 = none */
	int64_t view_revision;     /* of the store */
	int64_t my_write_revision; /* newest write of mine known to have succeeded */
	uint64_t my_write_range;   /* newest range that was sent before that was known */

	/* The view. */
	bool has_cluster;
	struct control_cluster cluster;
	struct hash128 cluster_hash; /* of the text it was read from */
	struct control_node nodes[PLAN_NODES_MAX];
	uint32_t node_count;
	struct control_key planner;
	struct id planner_id;
	struct control_key plan_key;
	struct plan plan; /* version 0 = none or not readable */
	uint64_t plan_ns; /* when another one was read last */
	struct control_shard shards[WIRE_SHARDS_MAX];
	uint32_t shard_count;
	uint32_t shard_ops; /* transactions on owner keys in flight */
	bool order_op;      /* one of them is by order: they exclude each other by the plan */

	struct control_mark marks[2 * PLAN_NODES_MAX];
	uint32_t mark_count;
	uint32_t marks_unreadable; /* in the view */
	int64_t mark_noted;        /* newest revision of one that was noted */

	/* Planning. */
	bool planner_op;
	uint64_t planner_need_range;
	bool plan_op;
	uint64_t plan_need_range;
	uint64_t plan_retry_ns;
	uint64_t plan_due_ns;
	bool plan_dirty;
	struct plan_input plan_input;
	struct plan_motion plan_motion;
	struct plan_orders plan_orders;
	struct plan plan_goal;
	struct plan plan_wanted;
	struct plan plan_scratch;

	/* Operations (control_ops.c, control_orders.c). */
	struct control_operation operations[CONTROL_OPERATIONS_MAX]; /* by number */
	uint32_t operation_count;
	uint64_t operation_next;   /* number of the next one */
	uint64_t operation_number; /* of the one that is being written */
	bool operation_op;
	uint64_t operation_need_range;
	uint64_t operation_retry_ns;
	uint64_t operation_due_ns;
	struct plan_input operation_input;
	struct ops operation_scratch;
	uint8_t operation_text[OPS_TEXT_MAX];
	struct control_ordered orders[CONTROL_ORDERS_MAX];
	control_ordered_fn ordered;
	void *ordered_context;

	struct control_op ops[CONTROL_OPS_MAX];
	uint64_t op_sequence;
	struct wire_node_view node_views[PLAN_NODES_MAX];
	struct wire_shard_view shard_views[WIRE_SHARDS_MAX];
	uint8_t text[CONTROL_TEXT_MAX];
};

/* control.c */
void control_note(struct control *c, const char *event, uint32_t shard, int code, uint64_t number);
/* False when too much is in flight: the caller tries again on a later occasion. */
bool control_send(struct control *c, enum control_op_kind kind, uint32_t shard,
		  struct lease_request *request);
/* Notes that a write of mine succeeded. True when the view does not show it yet: the caller carries
 * it in, so that what hangs on it need not wait for a range. */
bool control_wrote(struct control *c, int64_t revision);
void control_fail(struct control *c, int error);
void control_read_again(struct control *c); /* a range as soon as possible */
static inline uint64_t control_next_range(const struct control *c)
{
	return c->range_sequence + 1;
}
static inline uint64_t control_request_ms(const struct control *c)
{
	const uint64_t half = (c->granted_ms ? c->granted_ms : c->ttl_ms) / 2;

	return half > 2000 ? 2000 : half;
}

/* control_lease.c */
void control_lease_step(struct control *c, uint64_t now_ns);
void control_lease_lost(struct control *c, uint64_t now_ns, int code);
/* Was this lease mine, and given up? Then it is revoked (again). */
bool control_lease_reclaim(struct control *c, uint64_t now_ns, int64_t lease_id);
void control_lease_result(struct control *c, uint64_t now_ns, enum control_op_kind kind,
			  const struct lease_result *result);
uint64_t control_lease_deadline(const struct control *c);

/* control_member.c: the node's own key */
void control_member_step(struct control *c, uint64_t now_ns);
void control_member_result(struct control *c, uint64_t now_ns, const struct lease_result *result);
uint64_t control_member_deadline(const struct control *c);

/* control_view.c */
void control_view_read(struct control *c, uint64_t now_ns, uint64_t range,
		       const struct lease_result *result);
const struct control_node *control_find_node(const struct control *c, const struct id *id);
/* Some live node other than me that is not stopping. */
bool control_others_live(const struct control *c);

/* control_marks.c: what operators ask for */
void control_marks_forget(struct control *c);
void control_mark_read(struct control *c, enum mark_kind kind, uint32_t shard,
		       const struct id *node, const struct lease_kv *kv);
void control_marks_apply(struct control *c); /* after all nodes are known */

/* control_plan.c: what the planner wants */
/* Computes plan_wanted; true when it differs from the plan there is. */
bool control_plan_compute(struct control *c, uint64_t now_ns);
void control_plan_due(struct control *c, uint64_t at_ns, uint64_t now_ns);
void control_suspect(struct control *c, const struct id *id, uint32_t shard, uint64_t now_ns);

/* control_planner.c */
void control_planner_step(struct control *c, uint64_t now_ns);
void control_planner_result(struct control *c, uint64_t now_ns, enum control_op_kind kind,
			    const struct lease_result *result);
uint64_t control_planner_deadline(const struct control *c);
/* Somebody else has written the plan: the nodes whose shards were taken by order are suspect. */
void control_planner_overruled(struct control *c, const struct plan *now);
/* The plan there is, or an empty one for this cluster. */
void control_plan_base(const struct control *c, struct plan *base);
/* Live nodes as plan_order wants them. */
uint32_t control_plan_nodes(const struct control *c, struct plan_node nodes[PLAN_NODES_MAX]);

/* control_ops.c: operations. Begin, one call a key, end: the reading of a range. */
void control_ops_read_begin(struct control *c);
void control_ops_read(struct control *c, uint64_t number, const struct lease_kv *kv);
void control_ops_read_end(struct control *c);
void control_ops_step(struct control *c, uint64_t now_ns);
void control_ops_result(struct control *c, uint64_t now_ns, const struct lease_result *result);
uint64_t control_ops_deadline(const struct control *c);
/* What the running operation wants to be moved now: nothing when none runs. Beside one nothing is
 * levelled. */
void control_ops_orders(const struct control *c, struct plan_orders *orders);
struct control_operation *control_find_operation(const struct control *c, uint64_t number);
/* Fills c->operation_input anew; the world lives until the view changes. */
struct ops_world control_ops_world(struct control *c);
void control_ops_look(const void *context, const struct ops_item *item, struct ops_fact *fact);

/* control_orders.c */
void control_orders_step(struct control *c);
void control_orders_result(struct control *c, const struct control_op *op,
			   const struct lease_result *result);

/* control_shards.c */
void control_shards_step(struct control *c, uint64_t now_ns);
void control_shards_result(struct control *c, uint64_t now_ns, const struct control_op *op,
			   const struct lease_result *result);
void control_shards_report(struct control *c, uint64_t now_ns, uint32_t shard, enum ownership state,
			   uint64_t epoch, int code);
void control_shards_lost(struct control *c); /* fences all that the worker has */
bool control_shards_given_up(const struct control *c);
uint64_t control_shards_deadline(const struct control *c);

/* Sends a transaction on the shard's keys. */
bool control_shard_send(struct control *c, enum control_op_kind kind, uint32_t shard,
			struct lease_request *request);

/* control_standby.c */
/* Orders the worker to stand by for the shard or not to, and says when the shard may come. */
void control_standby_step(struct control *c, uint32_t shard, uint64_t now_ns);
/* An assign has gone to the worker. */
void control_standby_taken(struct control_shard *s);
void control_standby_lost(struct control *c); /* nothing is stood by for any more */
/* Whether the node that a shard of mine is to go to need not be waited for any longer. */
bool control_standby_awaits(const struct control *c, uint32_t shard, uint64_t now_ns);
void control_standby_written(struct control *c, uint32_t shard, const struct lease_result *result);

/* control_store.c: keys and values */
enum control_key_kind {
	CONTROL_KEY_OTHER,
	CONTROL_KEY_CONFIG,
	CONTROL_KEY_NODE,
	CONTROL_KEY_PLANNER,
	CONTROL_KEY_PLAN,
	CONTROL_KEY_OWNER,
	CONTROL_KEY_READY,
	CONTROL_KEY_MARK,
	CONTROL_KEY_OPERATION,
};
struct control_key_name {
	enum control_key_kind kind;
	struct id id;   /* of a node, a cordon or a drain */
	uint32_t shard; /* of an owner or ready key, a pin or a freeze */
	enum mark_kind mark;
	uint64_t number; /* of an operation */
};
void control_key_parse(const struct control *c, struct slice key, struct control_key_name *name);
struct slice control_key_fixed(const struct control *c, const char *tail,
			       char text[CONTROL_KEY_MAX]);
struct slice control_key_node(const struct control *c, char text[CONTROL_KEY_MAX]);
struct slice control_key_owner(const struct control *c, uint32_t shard, char text[CONTROL_KEY_MAX]);
/* <folder><shard>, <folder><node>; ops/op-<number> */
struct slice control_key_numbered(const struct control *c, const char *folder, uint32_t shard,
				  char text[CONTROL_KEY_MAX]);
struct slice control_key_named(const struct control *c, const char *folder, const struct id *id,
			       char text[CONTROL_KEY_MAX]);
struct slice control_key_operation(const struct control *c, uint64_t number,
				   char text[CONTROL_KEY_MAX]);
struct slice control_key_ready(const struct control *c, uint32_t shard, char text[CONTROL_KEY_MAX]);
/* "<node> <create revision of the owner key>" */
int control_ready_decode(struct slice value, struct id *node, uint64_t *revision) MUST_CHECK;
struct slice control_ready_value(const struct control *c, uint64_t revision,
				 char text[CONTROL_VALUE_MAX]);
int control_node_decode(struct slice value, struct control_node *node) MUST_CHECK;
/* My own node line as it should read now. */
struct slice control_node_value(const struct control *c, char text[CONTROL_VALUE_MAX]);
int control_owner_decode(struct slice value, struct id *owner, uint64_t *epoch,
			 uint32_t *code) MUST_CHECK;
struct slice control_owner_value(const struct control *c, uint64_t epoch, uint32_t code,
				 char text[CONTROL_VALUE_MAX]);

#endif
