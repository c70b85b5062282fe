/* Two nodes' pure parts on one journal in memory and a loopback transport, a client and a service
 * outside: what the tests of the core stand on. */
#ifndef SAGAD_TESTS_UNIT_NODE_WORLD_H
#define SAGAD_TESTS_UNIT_NODE_WORLD_H

#include "tests/unit/unit.h"

#include "node/core.h"
#include "tests/support/model_journal.h"
#include "transport/loopback.h"
#include "wire/batch.h"
#include "wire/codec.h"
#include "wire/plan.h"
#include "wire/subject.h"

struct world;

enum {
	SHARDS = 24,
	ARENA_SIZE = 1024 * 1024,
	CAUGHT_MAX = 256,
	NOTED_MAX = 1024,
	T0 = 1000000,
};

/* One node: its core, and what it reported. */
struct node {
	struct world *world;
	struct core *core;
	struct model_journal journal;
	struct transport *transport;
	bool lease;
	enum ownership state[SHARDS];
	uint64_t epoch[SHARDS];
	int code[SHARDS];
	struct highwater mark[SHARDS];
	bool warm[SHARDS];
};

struct caught {
	enum wire_kind kind;
	char subject[SUBJECT_SIZE_MAX];
	uint8_t *bytes; /* of the world; good until the place is used again */
	uint32_t size;
};

struct world {
	struct model_log log;
	struct loopback_hub *hub;
	struct transport *outside; /* a client and a service in one */
	struct wire_slots slots;
	struct id cluster;
	struct core_time now;
	struct node nodes[2];
	struct caught caught[CAUGHT_MAX];
	uint32_t caught_count;
	bool no_wait; /* submits do not wait for their outcome */
	bool direct;  /* submits ask for direct delivery, and answers want no disposition */
	/* What nodes are opened with, but for their name; a test may change it and open one anew.
	 */
	struct core_config config;
	uint32_t reserve_fails_at; /* the so-manieth reservation from now; 0 = none */
	int32_t reserved;          /* and not released */
	const char *noted[NOTED_MAX];
	uint32_t noted_count;
};

void world_node_open(struct world *w, struct node *n, const char *name);
void world_node_close(struct node *n);
int world_setup(void **state);
int world_teardown(void **state);
void world_turn(struct world *w, uint64_t ms);
void world_settle(struct world *w);
void world_assign(struct world *w, int node, uint32_t shard, uint64_t revision);
void world_serve(struct world *w, int node, uint32_t shard, uint64_t revision); /* and settles */
/* Node 0 serves shard 1 under epoch 5, and a saga of it has begun: "_INBOX.client.1" knows. */
struct id world_begin(struct world *w);
uint32_t world_count(const struct world *w, enum wire_kind kind);
uint32_t world_noted(const struct world *w, const char *event); /* how often */
struct caught *world_last(struct world *w, enum wire_kind kind);
struct id world_id_on(const struct world *w, uint32_t shard, uint32_t nth);
void world_send(struct world *w, enum wire_kind kind, const void *body, uint32_t shard,
		enum subject_verb verb, const char *party, const char *reply);
void world_encode_submit(struct world *w, const struct id *id, struct buf *out);
void world_submit(struct world *w, const struct id *id, const char *reply);
/* The same to any node, over saga.v1.submit.<tenant>. */
void world_submit_any(struct world *w, const struct id *id, const char *tenant, const char *reply);
struct wire_command world_last_command(struct world *w, uint64_t *epoch);
void world_answer_ok(struct world *w, uint32_t shard);
struct wire_answer world_last_answer(struct world *w);

#endif
