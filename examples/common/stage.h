/* What every demo stands on: a cluster of its own, a word to its user, kill -9 of the node that
 * owns most of the open work, and a verdict's exit codes. One thread, the main one, uses it. */
#ifndef SAGAD_EXAMPLES_COMMON_STAGE_H
#define SAGAD_EXAMPLES_COMMON_STAGE_H

#include <signal.h>

#include "examples/common/load.h"
#include "tests/support/launcher.h"

enum {
	STAGE_EXIT_OK = 0,
	STAGE_EXIT_VIOLATION = 1,
	STAGE_EXIT_INCONCLUSIVE = 2, /* too little has happened to prove anything */
	STAGE_EXIT_FAILED = 3,       /* it could not be run */
	STAGE_EXIT_INTERRUPTED = 130,
	STAGE_NODES = 3,
	STAGE_KILLS_MAX = 8,
};

struct stage_takeover {
	uint32_t shard;
	uint32_t took_ms; /* from the kill to the new owner's "serving"; 0 = not seen */
	char node[PROCESS_NAME_SIZE];
};

/* One kill -9 of a node. */
struct stage_kill {
	char victim[PROCESS_NAME_SIZE];
	bool killed, restarted;
	uint32_t open; /* sagas on its shards */
	uint64_t tried_ms, killed_ms, killed_unix_ms;
	struct stage_takeover takeovers[CLUSTER_SHARDS_MAX];
	uint32_t takeover_count;
};

struct stage {
	const char *name; /* "travel-demo" */
	struct cluster *cluster;
	uint32_t nodes;
	sigset_t signals; /* blocked; waited for between ticks */
	bool interrupted;
	struct stage_kill kills[STAGE_KILLS_MAX];
	uint32_t kill_count;
};

/* Blocks SIGINT and SIGTERM: before there are threads, so that only the main one ever takes them.
 */
void stage_init(struct stage *stage, const char *name);
/* Stops the cluster. Its folder stays when `keep` or when the demo could not be run. */
void stage_close(struct stage *stage, int exit_code, bool keep);

/* A failure that ends the demo: says why on stderr. Always false. */
bool stage_fail(const struct stage *stage, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void stage_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A log function for libsaga: warnings and errors. */
void stage_log(void *context, int level, const char *text);
/* The line that is written over again and again on a terminal, and now and then elsewhere. */
void stage_progress(bool last, const char *format, ...) __attribute__((format(printf, 2, 3)));
uint64_t stage_progress_ms(void); /* how often */
/* Appends to a list of reasons why nothing is proved. */
void stage_doubt(char *text, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A pause that Ctrl-C ends at once; false = it did. */
bool stage_pause(struct stage *stage, uint32_t pause_ms);
bool stage_is_past(uint64_t since_ms, uint64_t span_ms);

bool stage_create(struct stage *stage, const struct cluster_options *options);
bool stage_start_servers(struct stage *stage, const char *what);
bool stage_start_nodes(struct stage *stage); /* until every shard is served */
/* Runs one of our programs to its end; its exit code must be 0. */
bool stage_run(struct stage *stage, const char *const *argv);
bool stage_restart(struct stage *stage, const char *name);

/* Says what has become of those that are not final; how many of them are parked. */
uint32_t stage_say_open(struct stage *stage, struct load *load);

/* ---- stage_kill.c ------------------------------------------------------------------------- */

/* True when a node with at least `open_min` open sagas was found and killed; false = not yet. */
bool stage_kill_owner(struct stage *stage, struct load *load, uint32_t open_min, const char *what);
/* Reads the nodes' logs; true when every shard of the killed node has a new owner. */
bool stage_takeovers_read(struct stage *stage, struct stage_kill *kill);
/* Restarts a killed node when others have all its shards, or after ten seconds. */
bool stage_kill_mend(struct stage *stage, struct stage_kill *kill);
/* Counts what has ended although nobody killed it; `excused` may be NULL. */
uint32_t stage_count_ended(struct stage *stage, bool (*excused)(void *context, const char *name),
			   void *context);
void stage_print_takeovers(const struct stage_kill *kill);
/* "victim":"n1","open_at_kill":77,"takeovers":[...] */
void stage_print_takeovers_json(const struct stage_kill *kill);

#endif
