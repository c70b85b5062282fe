/* A cluster of control cores in one process and in virtual time: a linearizable key-value store
 * with leases, a network that loses and delays, workers that replay and quiesce. After each event
 * the model checks what must hold at every moment:
 *   at most one node has a shard under a lease it may still trust;
 *   who has a shard so has its owner key, made by that very acquire;
 *   a lease given up never comes back without a new grant.
 */
#ifndef SAGAD_TESTS_UNIT_SHARDING_MODEL_H
#define SAGAD_TESTS_UNIT_SHARDING_MODEL_H

#include "base/prng.h"
#include "sharding/control.h"

enum {
	MODEL_NODES = 4,
	MODEL_KEYS = 256,
	MODEL_LEASES = 4096,
	MODEL_EVENTS = 4096,
	MODEL_SHARDS = 16,
	MODEL_NOTES = 65536,
};
#define MODEL_MS UINT64_C(1000000)

struct model_kv {
	char *key; /* NULL = free */
	char *value;
	uint32_t value_size;
	int64_t create, mod, lease;
};

struct model_lease {
	uint64_t ttl_ns, expires_ns;
	bool alive;
};

enum model_event_kind {
	MODEL_APPLY,  /* a request reaches the store */
	MODEL_RESULT, /* an answer reaches the node */
	MODEL_HINT,
	MODEL_REPORT,
	MODEL_WARM,
};

struct model_reply {
	struct lease_result result;
	struct lease_kv kvs[MODEL_KEYS];
};

struct model_event {
	uint64_t due_ns, order;
	enum model_event_kind kind;
	uint32_t node;
	uint64_t life; /* of the node that asked: the answer dies with it */
	uint64_t token, sent_ns, answer_ns;
	bool lose_answer;
	struct lease_request request; /* texts are owned by the event */
	struct model_reply *reply;
	uint32_t shard;
	enum ownership state;
	uint64_t epoch, assignment;
};

struct model_worker {
	bool has, serving, quiescing;
	uint64_t revision, assignment;
	bool standby;
	uint64_t standby_order; /* tells one order to stand by from the next */
};

struct model_node {
	struct model *model;
	uint32_t index;
	bool running;
	uint64_t life;
	void *memory;
	struct control *control;
	uint64_t until_ns; /* self-stop as told to the workers */
	bool granted;      /* since the last lease_until(0) */
	uint64_t ticked_ns;
	struct model_worker workers[WIRE_SHARDS_MAX];
	uint32_t assigns, fences, releases, clusters;
	uint32_t standby_ons, standby_offs;
	uint32_t applied[8]; /* requests carried out, by kind */
	/* Faults. */
	bool cut;       /* nothing reaches the store or comes back */
	bool deaf;      /* the watch never fires */
	bool paused;    /* SIGSTOP: it neither ticks nor hears, until resumed */
	bool no_shards; /* its acquires never reach the store */
};

struct model {
	uint64_t now_ns;
	struct prng prng;
	int64_t revision;
	struct model_kv kvs[MODEL_KEYS];
	struct model_lease leases[MODEL_LEASES]; /* id = index + 1 */
	uint32_t lease_count;
	struct model_event events[MODEL_EVENTS];
	uint32_t event_count;
	uint64_t next_order, next_assignment;
	struct model_node nodes[MODEL_NODES];
	uint32_t node_count;
	uint64_t journal_epoch[WIRE_SHARDS_MAX];
	bool trace;
	uint64_t digest; /* of all that was noted and ordered */
	uint64_t writes; /* successful ones, renewals aside */
	const char *notes[MODEL_NOTES];
	uint32_t note_count;
	/* The network and the store. */
	uint32_t latency_ms_max;
	uint32_t lose_request_percent, lose_answer_percent, late_percent;
	uint32_t hint_ms_max;
	uint32_t replay_ms, quiesce_ms;
	uint32_t warm_ms;      /* until who stands by has caught up; 0 = nobody stands by */
	uint32_t ttl_ms_min;   /* grants below are raised */
	uint32_t acquires_max; /* as of the configuration of nodes that are started */
	uint32_t grace_ms;     /* the same */
	uint32_t skew_ms_max;  /* how far a node's wall clock is ahead when it starts */
	bool tampered;         /* by hand: the keys need not fit */
	bool down;             /* the store answers nobody */
};

struct model *model_create(uint64_t seed, uint32_t nodes);
void model_destroy(struct model *m);
void model_initialise(struct model *m); /* writes the config key, MODEL_SHARDS shards */
void model_start(struct model *m, uint32_t node);
void model_crash(struct model *m, uint32_t node);
void model_stop(struct model *m, uint32_t node);
void model_report(struct model *m, uint32_t node, uint32_t shard, enum ownership state);
/* Goes on until `done` holds or the time is over; false = time over. NULL = never done. */
bool model_run(struct model *m, bool (*done)(const struct model *m), uint64_t ms);
void model_put(struct model *m, const char *key, const char *value, int64_t lease);
void model_remove(struct model *m, const char *key);
const struct model_kv *model_get(const struct model *m, const char *key);
const struct model_kv *model_owner(const struct model *m, uint32_t shard);
/* Every shard serves on a running node that trusts its lease, with an accepted epoch in its key. */
bool model_all_serving(const struct model *m);
uint32_t model_serving(const struct model *m, uint32_t node);
uint32_t model_assigns(const struct model *m); /* of all nodes together */
const struct model_kv *model_node_key(const struct model *m, uint32_t node);
uint32_t model_planner(const struct model *m);
uint32_t model_noted(const struct model *m, const char *event); /* how often, by all nodes */
/* Initialised, started, serving. */
struct model *model_cluster(uint32_t nodes);
enum control_phase model_phase(const struct model *m, uint32_t node);

/* Between the model's two files. */
void model_carry_out(struct model *m, const struct lease_request *r, struct model_reply *reply);
void model_end_lease(struct model *m, int64_t id);
void model_remove_kv(struct model_kv *kv);
void model_tell_watchers(struct model *m);

#endif
