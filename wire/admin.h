/* The operator's verbs: shapes of saga.v1.admin.<verb>.<party>. One request and one answer serve
 * all of them; docs/wire.md says which fields a verb takes.
 * Numbers in comments are wire keys; kinds of text as in message.h. All times are Unix ms of some
 * node's clock, for people.
 */
#ifndef SAGAD_WIRE_ADMIN_H
#define SAGAD_WIRE_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum {
	WIRE_MOVES_MAX = 128, /* one a shard */
	WIRE_OPS_MAX = 64,    /* operations in an answer */
	WIRE_EVENTS_MAX = 100,
	WIRE_ACTOR_SIZE_MAX = 64,
	WIRE_REASON_SIZE_MAX = 200,
	WIRE_NODES_MAX = 500,
};

enum wire_admin_verb {
	WIRE_ADMIN_SHARDS = 1, /* reads */
	WIRE_ADMIN_EXPLAIN,
	WIRE_ADMIN_HISTORY,
	WIRE_ADMIN_NODES,
	WIRE_ADMIN_OPS,
	WIRE_ADMIN_OP,
	WIRE_ADMIN_REBALANCE, /* plans; with `apply` it begins an operation */
	WIRE_ADMIN_MOVE,
	WIRE_ADMIN_DRAIN,
	WIRE_ADMIN_REMOVE,
	WIRE_ADMIN_PIN, /* orders */
	WIRE_ADMIN_UNPIN,
	WIRE_ADMIN_FREEZE,
	WIRE_ADMIN_UNFREEZE,
	WIRE_ADMIN_CORDON,
	WIRE_ADMIN_UNCORDON,
	WIRE_ADMIN_UNDRAIN,
	WIRE_ADMIN_PAUSE,
	WIRE_ADMIN_RESUME,
	WIRE_ADMIN_CANCEL,
	WIRE_ADMIN_THROTTLE,
	WIRE_ADMIN_VERBS,
};

/* What an operation is. */
enum wire_ops_kind {
	WIRE_OPS_REBALANCE = 1,
	WIRE_OPS_MOVE = 2,
	WIRE_OPS_DRAIN = 3,
	WIRE_OPS_REMOVE = 4,
};
enum wire_ops_state {
	WIRE_OPS_RUNNING = 1,
	WIRE_OPS_PAUSED = 2,     /* what moves finishes, nothing new begins */
	WIRE_OPS_CANCELLING = 3, /* what moves finishes, the rest is skipped */
	WIRE_OPS_DONE = 4,
	WIRE_OPS_CANCELLED = 5,
	WIRE_OPS_FAILED = 6, /* ended, and not every item did what it was to do */
};
enum wire_ops_phase {
	WIRE_PHASE_PLANNED = 1,
	WIRE_PHASE_QUIESCING = 2, /* the plan names the new owner, which warms up; the old serves */
	WIRE_PHASE_DRAINING = 3,  /* the new one is warm: the old one ends what it has */
	WIRE_PHASE_FENCED = 4,    /* the old one is gone, nobody owns the shard */
	WIRE_PHASE_REPLAYING = 5, /* the new one has it, its journal does not know yet */
	WIRE_PHASE_SERVING = 6,   /* the journal has accepted the new owner */
	WIRE_PHASE_DONE = 7,
	WIRE_PHASE_ROLLED_BACK = 8, /* too slow, and still with its old owner: it stays there */
	WIRE_PHASE_FAILED = 9,
	WIRE_PHASE_SKIPPED = 10,
};
enum wire_strategy {
	WIRE_STRATEGY_COUNT = 1, /* equal numbers of shards, by weight */
	WIRE_STRATEGY_LOAD = 2,  /* equal unfinished sagas, by weight */
	WIRE_STRATEGY_WEIGHTED = 3,
};

/* Why a shard is, goes, may or may not be somewhere. */
enum wire_why {
	WIRE_WHY_NONE = 0,
	/* of moves */
	WIRE_WHY_BALANCE = 1,   /* levels the number of shards */
	WIRE_WHY_LOAD = 2,      /* levels the load */
	WIRE_WHY_NODE_GONE = 3, /* its node is not alive */
	WIRE_WHY_NODE_STOPS = 4,
	WIRE_WHY_NODE_SICK = 5,
	WIRE_WHY_DRAIN = 6,
	WIRE_WHY_REMOVE = 7,
	WIRE_WHY_ASKED = 8,   /* by hand */
	WIRE_WHY_PIN = 9,     /* it is pinned there */
	WIRE_WHY_RETURN = 10, /* to the node it was on before that one was away */
	/* of nodes */
	WIRE_WHY_CURRENT = 16, /* it is there */
	WIRE_WHY_ALLOWED = 17,
	WIRE_WHY_CORDONED = 18,
	WIRE_WHY_DRAINED = 19,
	WIRE_WHY_STOPPING = 20,
	WIRE_WHY_UNHEALTHY = 21,
	WIRE_WHY_NO_WEIGHT = 22,
	WIRE_WHY_PINNED_ELSEWHERE = 23,
	WIRE_WHY_FROZEN = 24,
	WIRE_WHY_FULL = 25,    /* has its share already */
	WIRE_WHY_SUSPECT = 26, /* did not come for a shard lately */
	WIRE_WHY_LEAVES = 27,  /* it is there, and is to go */
	WIRE_WHY_GOAL = 28,    /* is to get it */
	WIRE_WHY_STANDBY = 29,
	WIRE_WHY_EXCLUDED = 30,
	WIRE_WHY_AWAY = 31,
	/* of items that did not move */
	WIRE_WHY_CANCELLED = 32,
	WIRE_WHY_CHANGED = 33, /* the plan has given the shard elsewhere since */
	WIRE_WHY_TARGET_GONE = 34,
	WIRE_WHY_TIMEOUT = 35,
	WIRE_WHY_HALTED = 36,
};

struct wire_admin_move {
	uint32_t shard;    /* 2 */
	struct slice from; /* 3: name */
	struct slice to;   /* 4: name */
	uint32_t load;     /* 5: unfinished sagas */
	uint32_t why;      /* 6 */
	bool skipped;      /* 7: it stays, and why */
};

struct wire_admin_load {
	uint32_t shard; /* 2 */
	uint32_t load;  /* 3: unfinished sagas */
};

struct wire_admin_request {
	bool apply;                  /* 2: do it; else only tell what would be done */
	struct slice actor;          /* 3: text without spaces: who asks, as he says */
	struct slice reason;         /* 4: text */
	struct slice node;           /* 5: name */
	bool has_shard;              /* 6 */
	uint32_t shard;              /* 7 */
	struct slice operation;      /* 8: name, "op-12" */
	uint64_t plan_version;       /* 9: refuse unless it is this; 0 = any */
	uint32_t strategy;           /* 10 */
	uint32_t threshold_percent;  /* 11: nothing moves below this skew */
	uint32_t max_moves;          /* 12: at a time; 0 = 4 */
	uint32_t max_moves_per_node; /* 13: 0 = 2 */
	uint32_t pace_ms;            /* 14: between two beginnings */
	uint32_t timeout_ms;         /* 15: of one move; 0 = 20,000 */
	struct wire_admin_load *loads;
	uint32_t load_count; /* 16 */
	struct wire_admin_move *moves;
	uint32_t move_count; /* 17: exactly these, as an answer told them */
	bool force;          /* 18 */
	bool has_pace;       /* 19: pace_ms is meant, although 0 */
};

struct wire_admin_shard {
	uint32_t shard;             /* 2 */
	struct slice owner;         /* 3 */
	uint64_t epoch;             /* 4 */
	struct slice target;        /* 5 */
	struct slice standby;       /* 6 */
	uint32_t state;             /* 7: enum wire_shard_state */
	uint32_t code;              /* 8 */
	struct slice operation;     /* 9: that moves it */
	uint32_t phase;             /* 10: of its item there */
	bool pinned;                /* 11 */
	struct slice pin_node;      /* 12 */
	struct slice pin_reason;    /* 13 */
	bool frozen;                /* 14 */
	struct slice freeze_reason; /* 15 */
	struct slice pin_actor;     /* 16 */
	struct slice freeze_actor;  /* 17 */
};

struct wire_admin_node {
	struct slice id;            /* 2 */
	struct slice address;       /* 3 */
	struct slice zone;          /* 4 */
	struct slice version;       /* 5 */
	uint32_t state;             /* 6: as in wire_node_view; 0 = it is not alive */
	uint32_t weight;            /* 7 */
	uint32_t shards;            /* 8: that it owns */
	uint32_t targets;           /* 9: that the plan gives it */
	uint32_t after;             /* 10: that it would be given */
	uint64_t since;             /* 11 */
	bool healthy;               /* 12 */
	bool cordoned;              /* 13 */
	struct slice cordon_actor;  /* 14 */
	struct slice cordon_reason; /* 15 */
	bool drained;               /* 16 */
	struct slice drain_actor;   /* 17 */
	struct slice drain_reason;  /* 18 */
	uint32_t why;               /* 19: with `explain`: what the node is to the shard */
	uint64_t load;              /* 20: unfinished sagas now */
	uint64_t load_after;        /* 21 */
};

struct wire_ops_item {
	uint32_t shard;    /* 2 */
	struct slice from; /* 3 */
	struct slice to;   /* 4 */
	uint32_t phase;    /* 5 */
	uint64_t begun;    /* 6: 0 = not yet */
	uint32_t ms;       /* 7: from the plan to the end */
	uint32_t why;      /* 8 */
	uint32_t load;     /* 9: when it was planned */
};

struct wire_operation {
	struct slice id;             /* 2 */
	uint32_t kind;               /* 3 */
	uint32_t state;              /* 4 */
	uint64_t plan_version;       /* 5: that it was made for */
	struct slice node;           /* 6: of drain, remove */
	struct slice actor;          /* 7 */
	struct slice reason;         /* 8 */
	uint64_t created;            /* 9 */
	uint64_t updated;            /* 10: last progress */
	uint64_t ended;              /* 11 */
	uint32_t max_moves;          /* 12 */
	uint32_t max_moves_per_node; /* 13 */
	uint32_t pace_ms;            /* 14 */
	uint32_t timeout_ms;         /* 15 */
	uint32_t planned;            /* 16 */
	uint32_t moving;             /* 17 */
	uint32_t done;               /* 18 */
	uint32_t failed;             /* 19 */
	uint32_t rolled_back;        /* 20 */
	uint32_t skipped;            /* 21 */
	uint32_t longest_ms;         /* 22 */
	bool stalled;                /* 23: runs, and nothing has come of it for 2 minutes */
	struct wire_ops_item *items;
	uint32_t item_count; /* 24 */
	uint64_t version;    /* 25: rises with every change */
};

/* A shard has a new owner. */
struct wire_ops_event {
	uint64_t at;            /* 2 */
	uint32_t shard;         /* 3 */
	uint64_t epoch;         /* 4 */
	struct slice node;      /* 5 */
	struct slice operation; /* 6: that moved it there; empty = none */
};

/* The owners of a shard, newest first; in the stream SAGA_OPS, subject saga.v1.ops.shard.<n>. The
 * newest message has them all. */
struct wire_ops_history {
	uint32_t shard; /* 2 */
	struct wire_ops_event *events;
	uint32_t event_count; /* 3 */
};

struct wire_admin_answer {
	uint32_t code;         /* 2 */
	struct slice text;     /* 3: what is wrong, or what is still to come */
	struct slice node;     /* 4: who answers */
	uint64_t plan_version; /* 5 */
	struct slice planner;  /* 6 */
	struct wire_admin_shard *shards;
	uint32_t shard_count; /* 7 */
	struct wire_admin_node *nodes;
	uint32_t node_count; /* 8 */
	struct wire_operation *operations;
	uint32_t operation_count; /* 9 */
	struct wire_admin_move *moves;
	uint32_t move_count; /* 10 */
	struct wire_ops_event *events;
	uint32_t event_count; /* 11 */
	bool events_cut;      /* 12: there may be more that cannot be read now */
	uint64_t now;         /* 13 */
};

/* "rebalance"; NULL for no verb. */
const char *wire_admin_verb_name(uint32_t verb);
/* 0 when there is none of this name. */
uint32_t wire_admin_verb_find(struct slice name);
/* Of verbs that change something: `actor` and `reason` are mandatory. */
bool wire_admin_verb_orders(uint32_t verb);

const char *wire_ops_kind_name(uint32_t kind);
const char *wire_ops_state_name(uint32_t state);
static inline bool wire_ops_state_final(uint32_t state)
{
	return state >= WIRE_OPS_DONE;
}
const char *wire_phase_name(uint32_t phase);
const char *wire_strategy_name(uint32_t strategy);
const char *wire_why_name(uint32_t why); /* a word */
const char *wire_why_text(uint32_t why); /* for people */

#endif
