/* A worker thread: its own loop, NATS connection, journal and core, and a part of the shards.
 * Workers share nothing with each other; with the control thread only the mailboxes and the lease
 * clock. */
#ifndef SAGAD_NODE_WORKER_UV_H
#define SAGAD_NODE_WORKER_UV_H

#include "node/config.h"
#include "node/health.h"
#include "node/lease_clock.h"
#include "sharding/control.h"

struct worker;

/* What a worker tells the control thread. */
struct worker_report {
	enum { WORKER_SHARD, WORKER_HEALTH, WORKER_STANDBY } kind;
	uint32_t worker;
	uint32_t shard;
	enum ownership state;
	uint64_t epoch;
	int code;
	bool healthy;
	bool warm; /* of a standby */
};

struct worker_config {
	uint32_t index;
	const struct config *config;           /* borrowed for the worker's life */
	const struct control_cluster *cluster; /* likewise */
	struct lease_clock *lease;             /* likewise */
	struct health *health;                 /* likewise */
	uint32_t loop;                         /* our number in it */
	/* Called on the worker's thread; must be thread-safe. */
	void (*report)(void *context, const struct worker_report *report);
	void *report_context;
};

/* Starts the thread; returns once its loop is ready. SAGA_E_CONFIG with a sentence in `why`. */
int worker_start(const struct worker_config *config, struct worker **worker, char why[256]);

/* What it counts, for any thread, until worker_stop. */
struct core_meter;
const struct core_meter *worker_meter(const struct worker *w);

enum worker_order {
	WORKER_ASSIGN = 1,
	WORKER_RELEASE,
	WORKER_KEEP,
	WORKER_FENCE,
	WORKER_HALT,
	WORKER_STANDBY_ON,
	WORKER_STANDBY_OFF,
	WORKER_STOP
};
/* From the control thread. `code` of an assignment is 0, or why the shard is to be halted at once;
 * of WORKER_HALT why. */
void worker_order(struct worker *w, enum worker_order order, uint32_t shard, uint64_t revision,
		  uint64_t lease_generation, int code);
/* Stops the loop, stores the high-waters, joins, frees. Shards are dropped without a word: release
 * them first. */
void worker_stop(struct worker *w);

#endif
