/* Who should own what: pure functions of the nodes there are, what operators ask for, and the plan
 * there is. Same inputs, same plan on every machine, in whatever order the nodes are named.
 *
 * plan_goal says how it should be; plan_step, how far to go now (S21: few moves, paced). Nobody
 * waits in the plan for a standby to catch up: target[shard] names the new owner at once, the nodes
 * see to it that it is warm before it takes over.
 *
 * Rendezvous hashing with bounded load: a shard prefers nodes by weighted hash of (shard, node); a
 * node holds between the floor and the ceiling of its share. A shard stays where it is as long as
 * its node is usable and not above that, so that few move. docs/placement.md tells operators.
 */
#ifndef SAGAD_SHARDING_PLAN_H
#define SAGAD_SHARDING_PLAN_H

#include "base/buf.h"
#include "base/error.h"
#include "base/id.h"
#include "wire/shard.h"

enum { PLAN_NODES_MAX = 64, PLAN_WEIGHT_MAX = 1000, PLAN_NOBODY = 0xffffffff };

/* Usable: with a weight, healthy while a healthy node is there, and none of stopping, draining,
 * away and excluded. A usable node keeps what it has; it gets more unless it is cordoned. */
struct plan_node {
	struct id id;
	struct id zone;  /* size 0 = none */
	uint32_t weight; /* 1..1000; 0 = takes nothing */
	bool healthy;    /* an unhealthy one gives up its shards while a healthy one is there */
	bool cordoned;   /* keeps what it has, gets nothing new */
	bool draining;   /* gives up what it has */
	bool stopping;   /* gives up what it has, frozen or not: its process ends */
	bool away;       /* not there; what was its is kept in mind */
	bool excluded;   /* gives up what it has, in this computation */
};

enum plan_strategy {
	PLAN_WEIGHTED, /* shards in proportion to the weights */
	PLAN_COUNT,    /* the same number for each */
	PLAN_LOAD,     /* load[] in proportion to the weights */
	PLAN_STRATEGIES,
};
const char *plan_strategy_name(enum plan_strategy strategy); /* "weighted", "count", "load" */
bool plan_strategy_from(struct slice name, enum plan_strategy *strategy);

struct plan_input {
	uint32_t node_count;
	uint32_t shard_count; /* 1..WIRE_SHARDS_MAX */
	struct plan_node nodes[PLAN_NODES_MAX];
	struct id pin[WIRE_SHARDS_MAX]; /* size 0 = not pinned; counts while that node is usable */
	struct id owner[WIRE_SHARDS_MAX]; /* who has it now, if known: it keeps it, should its
					   * target be lost before it came */
	bool frozen[WIRE_SHARDS_MAX];     /* stays, unless its node is away or stopping */
	uint64_t load[WIRE_SHARDS_MAX];   /* any unit; for PLAN_LOAD, and for cost */
	bool some;                        /* touch nothing but only[] */
	bool only[WIRE_SHARDS_MAX];
	enum plan_strategy strategy;
	uint32_t threshold_permyriad; /* no levelling while the skew is below */
	bool hold; /* no levelling: only what has nowhere to be, pins, and lent ones that return */
};

/* A node that had shards and was not usable: for a while they are lent, not given. */
struct plan_away {
	struct id node;
	uint64_t since_unix_ms; /* of its last absence */
	uint64_t back_unix_ms;  /* since when it is usable again; 0 = it is not */
	uint32_t times;         /* how often it was lost without a calm time in between, 1.. */
};

struct plan {
	uint64_t version; /* 0 = none yet */
	uint32_t shard_count;
	uint32_t away_count;
	uint64_t members; /* plan_members of those it was levelled for; 0 = it is to be levelled */
	struct id target[WIRE_SHARDS_MAX];  /* size 0 = nobody */
	struct id standby[WIRE_SHARDS_MAX]; /* another node, in another zone where there is one */
	struct id home[WIRE_SHARDS_MAX];    /* lent: the node it goes back to; size 0 = not lent */
	struct plan_away away[PLAN_NODES_MAX];
};

/* How it should be. `goal` (another object than `old`) gets version old->version + 1 if it differs
 * from `old` in any way, else the same. Where nobody may take a shard, it keeps its target. */
void plan_goal(const struct plan_input *input, const struct plan *old, struct plan *goal);
bool plan_equal(const struct plan *a, const struct plan *b); /* but for the version */
/* A fingerprint of the nodes that may get shards, and their weights. Never 0. */
uint64_t plan_members(const struct plan_input *input);
uint32_t plan_moves(const struct plan *from, const struct plan *to); /* targets that differ */

/* ---- absences ---- */

struct plan_grace {
	uint64_t now_unix_ms;
	uint64_t grace_ms;  /* how long what a lost node had is only lent */
	uint64_t settle_ms; /* how long one must be back to get it again; more each time (S21) */
};
/* Brings plan->away up to date with the nodes of the input: who is lost, is back, has been for long
 * enough, will not come. What was lent by one that does not come is given. Nodes that are not there
 * join the input as away, those that are back too shortly as cordoned. Returns whether levelling is
 * to wait for somebody; *due_unix_ms is when time alone changes something, UINT64_MAX = never. */
bool plan_absences(struct plan_input *input, const struct plan_grace *grace, struct plan *plan,
		   uint64_t *due_unix_ms);

/* ---- step by step ---- */

/* In this order they are begun. */
enum plan_urgency {
	PLAN_AT_ONCE, /* its node is dead or ill: nothing is limited */
	PLAN_LEAVING, /* its node is stopping or draining */
	PLAN_ORDERED, /* an operation wants it */
	PLAN_BALANCE,
	PLAN_URGENCIES,
};
struct plan_limits {
	uint32_t moves_max;      /* a move is begun while fewer are under way; 0 = no limit */
	uint32_t node_moves_max; /* the same of those to or from one node; 0 = no limit */
};
struct plan_motion {
	struct plan_limits limits[PLAN_URGENCIES];
	uint8_t urgency[WIRE_SHARDS_MAX]; /* enum plan_urgency: of the move that goal asks for */
	bool moving[WIRE_SHARDS_MAX];     /* under way: its target does not serve it yet */
	struct id owner[WIRE_SHARDS_MAX]; /* who has it now; size 0 = nobody */
};
/* The next plan on the way from `now` to `goal`; another object than both. Returns how many moves
 * it begins. Its version is now->version + 1 if it differs, else the same. What is under way is
 * redirected only when its target is lost or leaving, or by order. */
uint32_t plan_step(const struct plan_input *input, const struct plan *now, const struct plan *goal,
		   const struct plan_motion *motion, struct plan *next);
/* `node` has taken the shard by itself (S21): it becomes the target, and the plan is to be
 * levelled; version + 1. */
void plan_take(struct plan *plan, uint32_t shard, const struct id *node);

/* What the running operation wants to be moved now (sharding/control_ops.c). */
struct plan_orders {
	struct id to[WIRE_SHARDS_MAX]; /* size 0 = nothing */
	struct plan_limits limits;
};

/* ---- to be shown ---- */

enum plan_why {
	PLAN_WHY_NOBODY, /* nobody has it */
	PLAN_WHY_GONE,   /* its node is not there */
	PLAN_WHY_STOPPING,
	PLAN_WHY_DRAINING,
	PLAN_WHY_UNHEALTHY,
	PLAN_WHY_NO_WEIGHT,
	PLAN_WHY_PINNED,  /* to where it goes */
	PLAN_WHY_RETURNS, /* was lent, its node is back */
	PLAN_WHY_EMPTY,   /* its taker has nothing yet */
	PLAN_WHY_LEVEL,   /* its node has more than its share, or its taker less */
	PLAN_WHYS,
};
const char *plan_why_name(enum plan_why why); /* "gone": stable, for JSON */
const char *plan_why_text(enum plan_why why); /* a clause for people */

struct plan_move {
	uint32_t shard;
	struct id from; /* size 0 = nobody */
	struct id to;
	enum plan_why why;
	bool other_zone;
	uint64_t load;
};
/* What differs between two plans, by shard; returns how many. */
uint32_t plan_list(const struct plan_input *input, const struct plan *from, const struct plan *to,
		   struct plan_move moves[WIRE_SHARDS_MAX]);

struct plan_cost {
	uint32_t moves;
	uint64_t load;     /* that changes its owner, in units of input.load */
	uint32_t rounds;   /* one after the other, at these limits */
	uint64_t total_ms; /* rounds x (pause + pace) */
	uint32_t pause_ms; /* of one shard, as it was given */
};
void plan_cost(const struct plan_move *moves, uint32_t count, const struct plan_limits *limits,
	       uint32_t pause_ms, uint32_t pace_ms, struct plan_cost *cost);

struct plan_figure {
	uint32_t shards;
	uint32_t standbys;
	uint64_t load;
	uint32_t share_milli; /* shards that it should have, in thousandths */
};
/* One for each node of the input. Returns the skew: (most above its share - most below) / all, in
 * 1/10,000, of shards or, with PLAN_LOAD, of load; nodes that may get nothing do not count. */
uint32_t plan_figures(const struct plan_input *input, const struct plan *plan,
		      struct plan_figure figures[PLAN_NODES_MAX]);

enum plan_rule {
	PLAN_RULE_CURRENT, /* it is there, and stays */
	PLAN_RULE_LEAVES,  /* it is there, and is to go */
	PLAN_RULE_GOAL,    /* is to get it */
	PLAN_RULE_STANDBY, /* next in line */
	PLAN_RULE_MAY,     /* could take it; others come first */
	PLAN_RULE_FULL,    /* has its share: one more would be too many */
	PLAN_RULE_FROZEN,  /* the shard is frozen where it is */
	PLAN_RULE_PINNED,  /* the shard is pinned to another node */
	PLAN_RULE_CORDONED,
	PLAN_RULE_EXCLUDED,
	PLAN_RULE_DRAINING,
	PLAN_RULE_STOPPING,
	PLAN_RULE_AWAY,
	PLAN_RULE_UNHEALTHY,
	PLAN_RULE_NO_WEIGHT,
	PLAN_RULES,
};
const char *plan_rule_name(enum plan_rule rule); /* "full": stable, for JSON */
const char *plan_rule_text(enum plan_rule rule);
bool plan_rule_allows(enum plan_rule rule);

struct plan_verdict {
	enum plan_rule rule;
	bool other_zone;      /* than the node that has it now */
	uint32_t rank;        /* in the shard's own order of nodes, 0 = first */
	uint32_t shards;      /* that it has now */
	uint32_t share_milli; /* that it should have, in thousandths */
};
/* One for each node of the input: may it have this shard, and if not, which rule forbids it? */
void plan_explain(const struct plan_input *input, const struct plan *now, uint32_t shard,
		  struct plan_verdict verdicts[PLAN_NODES_MAX]);

/* The order in which live nodes may take a shard that nobody serves for too long (S21): writes
 * indexes into nodes, best first; returns how many. */
uint32_t plan_order(const struct plan_node *nodes, uint32_t node_count, uint32_t shard,
		    uint32_t order[PLAN_NODES_MAX]);

/* Stored form, strict on reading, SAGA_E_BAD_REPLY; at most PLAN_TEXT_MAX bytes:
 *   sagad-plan 2 VERSION SHARDS AWAY MEMBERS\n
 *   TARGET STANDBY HOME\n             for each shard; "-" = nobody
 *   NODE SINCE BACK TIMES\n           for each node that is away or was lately
 * Form 1 ("sagad-plan 1 VERSION SHARDS\n", "TARGET STANDBY\n") is read, not written. */
enum { PLAN_TEXT_MAX = 32 * 1024 };
int plan_encode(const struct plan *plan, struct buf *out) MUST_CHECK;
int plan_decode(struct slice text, struct plan *plan) MUST_CHECK;

#endif
