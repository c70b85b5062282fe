/* What nodes depend on: the journals, etcd, the network. */
#ifndef SAGAD_TESTS_SIM_SIM_MODELS_H
#define SAGAD_TESTS_SIM_SIM_MODELS_H

#include "journal/journal.h"
#include "lease/lease.h"
#include "tests/sim/sim_limits.h"
#include "transport/transport.h"

struct sim;
struct sim_node;

/* Endpoints of messages. */
enum {
	SIM_AT_NODE = 0,
	SIM_AT_SERVICE = 16, /* dispositions */
	SIM_AT_CLIENT = 32,
	SIM_AT_PARTICIPANT = 40, /* answers to what a service asks an owner */
	SIM_ENDPOINTS = 48,
};

struct sim_journal {
	struct journal base;
	struct sim_node *node;
	struct journal_events events;
	uint64_t open[SIM_TOKENS];
	uint64_t appending[SIM_SHARDS_MAX]; /* tokens: one append a shard may be open */
	uint64_t apply_ms[SIM_SHARDS_MAX];  /* appends of one connection arrive in order */
	struct sim_tail {
		uint64_t token, next;
		bool waits; /* for what is not there yet */
	} tails[SIM_SHARDS_MAX];
};

/* Where a batch stands, and since which sequence it is there no more. Who has not heard of the
 * roll-up yet has it still. */
struct sim_stand {
	uint8_t name;
	bool purged;      /* for ever */
	uint32_t gone_at; /* 0 = it is there */
};
struct sim_log {
	struct sim_stand *stands; /* as the journal's batches */
	uint32_t capacity;
	uint32_t rolled_up; /* of its batches */
};

/* Who leads a journal's stream: nobody for a while; and one that was deposed may answer, too, and
 * knows nothing of what came since. */
struct sim_leader {
	uint64_t away_until_ms, deposed_until_ms, deposed_last;
};

/* Of the last batch of a journal. */
struct sim_writer {
	uint32_t node;
	uint64_t life, sequence;
};

/* A node's end of etcd. */
struct sim_store {
	struct lease base;
	struct sim_node *node;
	lease_hint hint; /* NULL = no watch */
	void *hint_context;
};

struct transport_subscription {
	char subject[64]; /* up to the '>' */
	size_t size;
	transport_handler handler; /* NULL = free */
	void *context;
};

struct sim_transport {
	struct transport base;
	struct sim_node *node;
	struct transport_subscription subscriptions[SIM_SHARDS_MAX];
};

struct sim_kv {
	char key[96];
	uint8_t *value;
	uint32_t size;
	int64_t create, mod, lease;
};

struct sim_lease {
	uint64_t ttl_ms, expires_ms;
	bool alive;
};

struct sim_backup {
	int64_t revision; /* 0 = none */
	struct sim_kv kvs[SIM_KEYS];
	uint32_t kv_count, lease_count;
	bool alive[SIM_LEASES];
};

/* sim_journal.c */
void sim_journal_create(struct sim *sim);
void sim_journal_close(struct sim *sim);
/* Its position. What stands on the place's name goes if it begins its segment. */
uint64_t sim_journal_put(struct sim *sim, uint32_t shard, struct journal_place place,
			 struct slice bytes);
/* All servers die at once: some of the segments that were rolled up are there again. */
void sim_journal_comes_back(struct sim *sim, uint32_t shard);
/* Beyond what any design survives: the last batches are lost although they were acknowledged; all
 * are gone, and what comes goes on behind them; the stream is made again, empty. */
void sim_journal_lose(struct sim *sim, uint32_t shard, uint32_t batches);
void sim_journal_purge(struct sim *sim, uint32_t shard);
void sim_journal_remake(struct sim *sim, uint32_t shard);
void sim_journal_depose(struct sim *sim, uint32_t shard, uint64_t away_ms, uint64_t deposed_ms);
void sim_journal_open(struct sim_node *node, const struct journal_events *events);

/* sim_etcd.c */
void sim_etcd_create(struct sim *sim);
void sim_etcd_open(struct sim_node *node);
void sim_etcd_expire(struct sim *sim);
void sim_etcd_end_lease(struct sim *sim, uint32_t index);
bool sim_etcd_end_node(struct sim *sim, const struct sim_node *node); /* false = had none */
void sim_etcd_depose(struct sim *sim, uint64_t away_ms);              /* its leader */
/* An operator keeps a copy of it, and puts that in its place. */
void sim_etcd_save(struct sim *sim);
void sim_etcd_restore(struct sim *sim);
void sim_etcd_heal(struct sim *sim); /* it has one from now on */
void sim_etcd_close(struct sim *sim);
/* By an operator: without compare, and told to all who watch. */
void sim_etcd_put(struct sim *sim, const char *key, struct slice value);
void sim_etcd_remove(struct sim *sim, const char *key);
struct sim_kv *sim_etcd_find(struct sim *sim, const char *key); /* NULL = it is not there */

/* sim_office.c: who writes what there (S21) */
void sim_office_open(struct sim *sim);
void sim_office_close(struct sim *sim);
void sim_office_wrote(struct sim *sim, uint32_t node, const struct lease_request *txn);
void sim_office_restored(struct sim *sim);
struct sim_node *sim_office_planner(struct sim *sim); /* NULL = nobody has the office */

/* sim_network.c: data is copied; faults apply */
void sim_transport_open(struct sim_node *node);
void sim_send_node(struct sim *sim, uint32_t from, const char *subject, const char *reply,
		   struct slice data);
/* "_INBOX.<kind><party>.<number>": where a reply is to go. */
void sim_reply_subject(char text[32], char kind, uint32_t party, uint32_t number);
void sim_network_hold(struct sim *sim, const struct sim_node *node, uint64_t until_ms);
uint64_t sim_delay(struct sim *sim);
bool sim_link_down(const struct sim_node *node);

/* sim_models.c: a world of nothing but the models, for so many clients of theirs */
struct sim *sim_models_create(uint64_t seed, uint32_t clients);
void sim_models_destroy(struct sim *sim);

/* sim_wires.c: a node's ends of all models, and what they tell its cores */
void sim_wires_open(struct sim_node *node);

#endif
