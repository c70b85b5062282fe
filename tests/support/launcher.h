/* The one cluster launcher: starts and stops nats-server, etcd, sagad and services on free loopback
 * ports, for tests, demo, bench and `up` alike.
 *
 *	struct cluster *cluster = NULL;
 *	struct cluster_options options;
 *
 *	cluster_options_init(&options);
 *	options.nodes = 3;
 *	if (cluster_create(&options, &cluster) != 0 || cluster_start(cluster) != 0)
 *		fail_msg("%s", cluster_trouble(cluster));
 *	... cluster_nats_url(cluster), cluster_signal(cluster, "n1", SIGKILL),
 *	    cluster_wait_end(cluster, "n1", 1000), cluster_restart(cluster, "n1") ...
 *	cluster_destroy(cluster);        (kills everything by pid, removes a temporary folder)
 *
 * Names: nats1..nats3, etcd1, n1..n5, and what cluster_service_start was told. cluster_start is
 * cluster_start_servers + cluster_start_nodes + cluster_init + cluster_wait_serving; a test that
 * wants only some of it calls these itself. Each part logs to <folder>/<name>.log (sagad: one JSON
 * object a line) and keeps its data in <folder>/<name>/.
 *
 * Where programs are found: nats-server and etcd in $SAGAD_TOOLS, else <repository>/.tools, else
 * PATH; ours in options.bin_dir, else $SAGAD_BIN, else the build tree of the calling program.
 *
 * Everything dies with the thread that started it, unless options.detached. One thread uses a
 * cluster. Functions return 0 or a code of base/error.h; cluster_trouble says in words what failed.
 * Nothing here sleeps for luck: every wait has a condition and a deadline.
 */
#ifndef SAGAD_TESTS_SUPPORT_LAUNCHER_H
#define SAGAD_TESTS_SUPPORT_LAUNCHER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "tests/support/process.h"

enum { CLUSTER_NATS_MAX = 3, CLUSTER_NODES_MAX = 5, CLUSTER_SHARDS_MAX = 128 };

struct cluster_options {
	const char *folder;      /* kept; NULL = a fresh one under TMPDIR, removed at the end */
	bool keep;               /* do not remove the temporary folder */
	const char *bin_dir;     /* see above */
	const char *tools_dir;   /* see above */
	uint32_t nats_count;     /* 0, 1 or 3 (clustered); 1 */
	uint32_t etcd_count;     /* 0 or 1; 1 */
	uint32_t nodes;          /* 0..5; 3 */
	uint32_t shards;         /* 16 */
	uint32_t replicas;       /* of the journals; 0 = 3 with three NATS servers, else 1 */
	uint32_t lease_ttl_ms;   /* 2000 */
	uint32_t command_age_ms; /* commands.max_age; 0 = sagad's default */
	const char *log_level;   /* of sagad; "info" */
	const char *const *set;  /* further "key=value" for all nodes, NULL-terminated; or NULL */
	const char *const *env[CLUSTER_NODES_MAX]; /* further "NAME=value" of a node; or NULL */
	bool detached;                             /* the cluster outlives this process */
};
void cluster_options_init(struct cluster_options *options);

struct cluster;

/* Options are copied, except `set` and `env`, which must live as long as the cluster. On error
 * *cluster is still to be destroyed, unless NULL. */
int cluster_create(const struct cluster_options *options, struct cluster **cluster) MUST_CHECK;
void cluster_destroy(struct cluster *cluster); /* NULL is fine */
const char *cluster_trouble(const struct cluster *cluster);
/* Leaves a temporary folder behind after all: somebody will want its logs. */
void cluster_keep(struct cluster *cluster);

/* ---- starting ---------------------------------------------------------------------------- */

int cluster_start(struct cluster *cluster) MUST_CHECK;
/* nats and etcd, those that do not run, until they answer. To bring back more than one of three
 * NATS servers: one alone has no quorum and does not answer, so cluster_restart would wait in vain.
 */
int cluster_start_servers(struct cluster *cluster) MUST_CHECK;
int cluster_start_nodes(struct cluster *cluster) MUST_CHECK; /* does not wait for them */
int cluster_start_node(struct cluster *cluster, uint32_t index) MUST_CHECK; /* 0 = n1 */
/* `sagactl init`, again until nodes answer; 0 also when it was initialised before. */
int cluster_init(struct cluster *cluster, uint32_t timeout_ms) MUST_CHECK;
/* Until every shard has an owner with an accepted epoch. */
int cluster_wait_serving(struct cluster *cluster, uint32_t timeout_ms) MUST_CHECK;
/* Services, then nodes (grace_ms to hand over), then servers. The folder stays. */
void cluster_stop(struct cluster *cluster, uint32_t grace_ms);

/* Any further program; argv[0] is a path or a name to be found like our programs. $SAGA_NATS_URL is
 * set for it. The name must be new, or that of a service that has ended. */
int cluster_service_start(struct cluster *cluster, const char *name, const char *const *argv,
			  const char *const *env) MUST_CHECK;

/* ---- by name ----------------------------------------------------------------------------- */

struct process *cluster_process(struct cluster *cluster, const char *name); /* NULL = unknown */
pid_t cluster_pid(struct cluster *cluster, const char *name);               /* 0 = not running */
int cluster_signal(struct cluster *cluster, const char *name, int signal_number) MUST_CHECK;
bool cluster_wait_end(struct cluster *cluster, const char *name, uint32_t timeout_ms);
/* Waits for its end (stop or kill it first), then starts it with the same arguments, port and data;
 * for nats and etcd until they answer. */
int cluster_restart(struct cluster *cluster, const char *name) MUST_CHECK;
/* The server ("nats2") that leads this stream now, once one does. A leader that was killed or
 * paused keeps its title until the others elect another: seconds. */
int cluster_stream_leader(struct cluster *cluster, const char *stream,
			  char leader[PROCESS_NAME_SIZE], uint32_t timeout_ms) MUST_CHECK;
/* Calls `visit` for each part, in the order of its first start. */
void cluster_each(struct cluster *cluster,
		  void (*visit)(void *context, struct process *process, const char *address),
		  void *context);

/* ---- looking ----------------------------------------------------------------------------- */

const char *cluster_folder(const struct cluster *cluster);
const char *cluster_nats_url(const struct cluster *cluster);       /* all of them, commas */
const char *cluster_etcd_endpoints(const struct cluster *cluster); /* "http://127.0.0.1:..." */
uint16_t cluster_port(struct cluster *cluster, const char *name);  /* 0 = has none */
const char *cluster_node_name(uint32_t index);                     /* "n1" for 0 */
/* Finds one of our programs; SAGA_E_FILE. */
int cluster_find_program(struct cluster *cluster, const char *name, char *path,
			 uint32_t size) MUST_CHECK;

struct cluster_shard {
	char owner[PROCESS_NAME_SIZE]; /* "" = none */
	uint64_t epoch;
	bool serving; /* its owner says so, with an accepted epoch */
};
struct cluster_shards {
	struct cluster_shard shards[CLUSTER_SHARDS_MAX];
	uint32_t count;
};
/* What `sagactl shards list -o json` says now. */
int cluster_shards(struct cluster *cluster, struct cluster_shards *shards,
		   uint32_t timeout_ms) MUST_CHECK;

/* Runs one of our programs (argv[0] is its name) with the cluster's environment. */
int cluster_run(struct cluster *cluster, const char *const *argv, uint32_t timeout_ms, char *output,
		uint32_t size, int *exit_code) MUST_CHECK;

/* One "event" of a node's log. Numbers that the line does not have are 0. */
struct cluster_event {
	const char *node;  /* who logged it */
	const char *event; /* "shard.serving" */
	uint64_t unix_ms;
	uint64_t shard, epoch;
	const char *line; /* all of it */
};
/* Reads <name>.log from *offset (0 = its begin) to its end, calls `visit` for each JSON line and
 * moves *offset on. */
int cluster_events(struct cluster *cluster, const char *name, uint64_t *offset,
		   void (*visit)(void *context, const struct cluster_event *event),
		   void *context) MUST_CHECK;

#endif
