/* The operator's verbs at a node: saga.v1.admin.<verb>.<party> (docs/wire.md). Shared by the
 * admin_*.c files and the daemon; everything runs on the daemon's loop.
 *
 * Reads are answered from what the control core has read last; plans are computed here, against the
 * plan there is; orders go through the control core into etcd and are answered when its view shows
 * them. Nothing here is in the way of a saga.
 */
#ifndef SAGAD_NODE_ADMIN_H
#define SAGAD_NODE_ADMIN_H

#include "node/daemon_uv_internal.h"
#include "wire/admin.h"

enum {
	ADMIN_SLOTS = 8, /* orders and reads of the stream at work at a time */
	ADMIN_NODES_MAX = 2 * PLAN_NODES_MAX,
	ADMIN_OPERATIONS_MAX = 32,
	ADMIN_ARENA_SIZE = 128 * 1024,
	ADMIN_REQUEST_SIZE = 32 * 1024, /* more than 128 moves with the longest names */
	ADMIN_TEXT_SIZE = 512,
	ADMIN_ORDER_MS = 5000, /* an order is tried that long */
};
_Static_assert((int)ADMIN_OPERATIONS_MAX <= (int)WIRE_OPS_MAX, "they fit an answer");

/* A request that is not answered at once: it waits for a view that is as new as it, then for what
 * became of it. */
struct admin_slot {
	bool used;
	bool waits; /* for the view */
	bool again; /* the order is to be given again */
	struct admin *admin;
	uint64_t ticket;
	uint64_t deadline_ns;
	char reply[SUBJECT_SIZE_MAX];
	/* While it waits. */
	uint64_t read;
	uint32_t verb;
	uint32_t size;
	uint8_t bytes[ADMIN_REQUEST_SIZE];
	/* An order. */
	struct control_order order;
	char actor[WIRE_ACTOR_SIZE_MAX + 1];
	char reason[WIRE_REASON_SIZE_MAX + 1];
	char party[ID_SIZE_MAX + 1];
	struct ops_item items[WIRE_SHARDS_MAX];
	/* A read of the stream. */
	uint64_t request; /* token, 0 = none */
	uint32_t shard;
	uint64_t operation;
};

/* What the stream SAGA_OPS is to be told (admin_stream.c). */
struct admin_stream {
	bool archiving;
	uint64_t archived; /* number */
	uint64_t archive_at_ns;
	uint32_t archive_failures;
	uint64_t archive_request; /* token */
	bool noting;
	uint64_t note_request; /* token */
	uint32_t noted;
	struct wire_ops_event events[WIRE_EVENTS_MAX];
	uint64_t epoch[WIRE_SHARDS_MAX]; /* to be noted; 0 = nothing */
	uint64_t at_ms[WIRE_SHARDS_MAX];
	uint64_t operation[WIRE_SHARDS_MAX];
	uint32_t tries[WIRE_SHARDS_MAX];
	struct buf bytes, message;
	uint8_t arena_memory[ADMIN_ARENA_SIZE];
};

struct admin {
	struct daemon *daemon;
	struct transport_subscription *subscription;
	struct admin_slot slots[ADMIN_SLOTS];
	uint64_t tickets;
	struct admin_stream stream;
	/* Answers are built here. */
	struct wire_admin_shard shards[WIRE_SHARDS_MAX];
	struct wire_admin_node nodes[ADMIN_NODES_MAX];
	struct id node_ids[ADMIN_NODES_MAX]; /* of nodes that are not alive */
	struct wire_operation operations[ADMIN_OPERATIONS_MAX];
	struct id operation_ids[ADMIN_OPERATIONS_MAX];
	struct id shard_operations[WIRE_SHARDS_MAX];
	struct wire_ops_item items[WIRE_SHARDS_MAX];
	struct wire_admin_move moves[WIRE_MOVES_MAX];
	/* Plans are computed here. */
	struct plan_input input;
	struct plan goal;
	struct plan_move plan_moves[WIRE_SHARDS_MAX];
	struct plan_figure before[PLAN_NODES_MAX], after[PLAN_NODES_MAX];
	struct plan_verdict verdicts[PLAN_NODES_MAX];
	uint32_t loads[WIRE_SHARDS_MAX];
	uint8_t arena_memory[ADMIN_ARENA_SIZE];
	char text[ADMIN_TEXT_SIZE];
	struct buf scratch;
};

/* admin.c: for the daemon. SAGA_E_NO_MEMORY, or what subscribing says. */
int admin_open(struct daemon *d, struct admin **admin) MUST_CHECK;
void admin_close(struct admin *a);
void admin_tick(struct admin *a, uint64_t now_ns);

/* Begins an answer: who answers, and of which plan. */
struct wire_admin_answer admin_answer_begin(struct admin *a, int code);
void admin_answer(struct admin *a, const char *reply, const struct wire_admin_answer *answer);
void admin_refuse(struct admin *a, const char *reply, int code, const char *text);
struct admin_slot *admin_slot_take(struct admin *a, const char *reply); /* NULL = none is free */

/* admin_view.c: what the control core knows, for people */
void admin_put_shards(struct admin *a, struct wire_admin_answer *answer);
void admin_put_shard(struct admin *a, uint32_t shard, struct wire_admin_answer *answer);
void admin_put_nodes(struct admin *a, struct wire_admin_answer *answer);
void admin_put_operations(struct admin *a, struct wire_admin_answer *answer);
/* One with its items; false when there is none of this number. */
bool admin_put_operation(struct admin *a, uint64_t number, struct wire_admin_answer *answer);
void admin_put_explain(struct admin *a, uint32_t shard, struct wire_admin_answer *answer);
/* Index in answer->nodes; UINT32_MAX = it is not there. */
uint32_t admin_find_node(const struct wire_admin_answer *answer, struct slice id);

/* admin_plan.c: rebalance, move, drain, remove. Fills moves and nodes; 0, or why not, with
 * a->text. */
int admin_plan(struct admin *a, uint32_t verb, const struct wire_admin_request *request,
	       struct wire_admin_answer *answer) MUST_CHECK;
/* The moves of the answer as items of an operation; returns how many. */
uint32_t admin_plan_items(const struct wire_admin_answer *answer,
			  struct ops_item items[WIRE_SHARDS_MAX]);

/* admin_stream.c: the stream SAGA_OPS */
void admin_stream_init(struct admin *a);
void admin_stream_close(struct admin *a);
void admin_stream_tick(struct admin *a, uint64_t now_ns);
/* This node owns a shard now. */
void admin_note_owner(struct admin *a, uint32_t shard, uint64_t epoch);
/* Reads, and answers later. */
void admin_read_history(struct admin *a, uint32_t shard, const char *reply);
void admin_read_operation(struct admin *a, uint64_t number, const char *reply);

#endif
