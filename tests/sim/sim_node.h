/* A node: control core and worker core, and what survives of it. */
#ifndef SAGAD_TESTS_SIM_SIM_NODE_H
#define SAGAD_TESTS_SIM_SIM_NODE_H

#include "node/core.h"
#include "node/lease_clock.h"
#include "sharding/control.h"
#include "tests/sim/sim_inbox.h"
#include "tests/sim/sim_models.h"

struct sim;

/* What a node stays for ever in a run of liveness. */
enum sim_bad {
	SIM_WELL,
	SIM_DEAD,
	SIM_CUT,
	SIM_DEAF, /* NATS does not reach it, which it finds out */
	SIM_DUMB, /* it does not reach NATS, which it finds out */
	SIM_NO_ETCD,
	SIM_ETCD_DEAF, /* what it asks of etcd arrives, and no answer does */
	SIM_NO_JOURNAL,
	SIM_DYING,    /* again and again */
	SIM_PAUSING,  /* again and again, beyond its lease */
	SIM_SLUGGISH, /* its threads hear each other late */
	SIM_BAD_KINDS,
};

struct sim_node {
	struct sim *sim;
	uint32_t index;
	uint64_t life;
	bool running;
	struct core *core;
	struct control *control;
	void *control_memory;
	struct control_cluster *cluster;
	struct lease_clock lease;
	struct sim_journal journal;
	struct sim_transport transport;
	struct sim_inbox inbox;
	struct sim_store store;
	int64_t wall_offset_ms;
	struct highwater disk[SIM_SHARDS_MAX];  /* survives */
	struct highwater marks[SIM_SHARDS_MAX]; /* waits for the disk */
	uint64_t paused_until_ms, cut_until_ms, deaf_until_ms, journal_cut_until_ms;
	uint64_t etcd_cut_until_ms, etcd_deaf_until_ms, dumb_until_ms;
	enum sim_bad bad;
	uint64_t cut_since_ms;
	uint64_t order_ms, report_ms; /* mailboxes are first in, first out */
	uint64_t tick_ms, control_ms;
	uint32_t samples;
	bool healthy, touched;
	enum ownership state[SIM_SHARDS_MAX];
	uint64_t epoch[SIM_SHARDS_MAX];
	struct highwater given[SIM_SHARDS_MAX]; /* with the order to take it */
	uint64_t serving_ms[SIM_SHARDS_MAX];    /* since when */
	uint64_t known_end[SIM_SHARDS_MAX];     /* of a journal, since it was told to take it */
	bool has_all[SIM_SHARDS_MAX];           /* of what is there no more */
	bool tailing[SIM_SHARDS_MAX];           /* a standby of it is filled */
	uint64_t known_lost[SIM_SHARDS_MAX]; /* a batch that it knew, and that is there no more */
};

/* sim_frozen.c */
void sim_freeze(struct sim *sim);

/* sim_node.c */
void sim_node_start(struct sim_node *node);
void sim_node_crash(struct sim_node *node);
struct core_time sim_node_time(const struct sim_node *node);
void sim_node_tick(struct sim_node *node);
void sim_node_turn(struct sim_node *node);
void sim_node_stop(struct sim_node *node);
void sim_node_count(const struct sim_node *node); /* when its core ends */
void sim_node_dies(struct sim_node *node); /* sim_strikes.c: and is started again */

#endif
