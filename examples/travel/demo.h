/* travel-demo: a whole cluster, thousands of bookings, two kill -9 (three with --nats-cluster), and
 * a verdict.
 *
 * The main thread drives everything; libsaga's callbacks (on its own thread) only note what they
 * were told, under one lock.
 */
#ifndef SAGAD_EXAMPLES_TRAVEL_DEMO_H
#define SAGAD_EXAMPLES_TRAVEL_DEMO_H

#include <pthread.h>
#include <saga.h>
#include <signal.h>

#include "examples/travel/check.h"
#include "tests/support/launcher.h"

enum {
	DEMO_BOOKINGS_MAX = 20000,
	DEMO_EXIT_OK = 0,
	DEMO_EXIT_VIOLATION = 1,
	DEMO_EXIT_INCONCLUSIVE = 2,
	DEMO_EXIT_FAILED = 3, /* it could not be run */
	DEMO_EXIT_INTERRUPTED = 130,
	DEMO_OPEN_AT_KILL_MIN = 50,
	DEMO_ENDED_WITHOUT_MIN = 100,
	DEMO_COMPLETED_MIN = 100,
	DEMO_COMPENSATED_MIN = 100,
	DEMO_SLOW_MIN = 5, /* completed, and undone for their deadline, with --slow */
	DEMO_SLOW_DEADLINE_MS = 15000,
};

enum demo_sabotage { SABOTAGE_NONE, SABOTAGE_DELETE, SABOTAGE_DOUBLE };

struct demo_flags {
	uint32_t bookings; /* 0 = all, or few with --slow */
	uint32_t in_flight;
	uint64_t seed;
	enum demo_sabotage sabotage;
	bool nats_cluster; /* three NATS servers, streams with three replicas */
	bool slow, keep, json;
	const char *data_dir;   /* bookings.jsonl, stock.jsonl, the definitions */
	const char *definition; /* one of them */
	const char *folder;
};
/* demo_flags.c; ends the program on wrong usage. */
void demo_flags_parse(int argc, char **argv, struct demo_flags *flags);

enum booking_phase {
	BOOKING_WAITING, /* to be sent (again) at `due_ms` */
	BOOKING_SENT,    /* not answered yet */
	BOOKING_OPEN,    /* accepted */
	BOOKING_FINAL,
	BOOKING_REFUSED, /* for good */
};

struct demo;
struct demo_booking {
	struct demo *demo;
	char id[SAGA_ID_SIZE];
	char *line; /* the input */
	size_t line_size;
	enum booking_phase phase;
	bool accepted;
	enum saga_state state;
	enum saga_reason reason;
	uint32_t shard;
	uint64_t due_ms, first_sent_ms, final_ms; /* monotonic */
	int error;                                /* the last one */
};

struct demo_takeover {
	uint32_t shard;
	uint32_t took_ms; /* from the kill to the new owner's "serving"; 0 = not seen */
	char node[PROCESS_NAME_SIZE];
};

struct demo {
	struct demo_flags flags;
	struct cluster *cluster;
	sigset_t signals; /* blocked; waited for between ticks */
	bool interrupted;
	struct saga_connection *connection;
	struct saga_definition *definition;

	pthread_mutex_t lock; /* bookings and counters */
	struct demo_booking *bookings;
	uint32_t booking_count;
	uint32_t sent, open, final, completed, compensated, refused, for_deadline;
	uint64_t started_ms, ended_ms;
	uint64_t retry_until_unix_ms;

	/* The killed node. */
	char victim[PROCESS_NAME_SIZE];
	bool node_killed, node_restarted;
	uint32_t open_at_kill;
	uint64_t kill_tried_ms, killed_unix_ms, killed_ms;
	struct demo_takeover takeovers[CLUSTER_SHARDS_MAX];
	uint32_t takeover_count;
	/* The killed service. */
	bool service_killed, service_restarted;
	uint64_t service_killed_ms;

	/* The killed NATS server, and the journals that it led. */
	char nats_victim[PROCESS_NAME_SIZE];
	bool nats_killed, nats_restarted;
	bool led[CLUSTER_SHARDS_MAX];
	uint32_t led_count, open_at_nats_kill;
	uint32_t ended_without; /* bookings on these, while it was down */
	uint64_t nats_kill_tried_ms, nats_killed_ms;

	uint32_t parked;
	uint32_t ended_early; /* processes that ended by themselves */
	struct check_report report;
};

/* A failure that ends the demo: says why on stderr. Always false. */
bool demo_fail(const struct demo *demo, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void demo_say(const struct demo *demo, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* demo_cluster.c */
bool demo_cluster_start(struct demo *demo);
bool demo_services_start(struct demo *demo);
/* True when a node with enough open sagas was found and killed; false = not yet. */
bool demo_kill_node(struct demo *demo);
bool demo_kill_service(struct demo *demo);
/* The server that leads most journals; true when there is one, with enough bookings open. */
bool demo_kill_nats(struct demo *demo);
bool demo_restart(struct demo *demo, const char *name);
/* Reads the nodes' logs; true when every shard of the killed node has a new owner. */
bool demo_takeovers_read(struct demo *demo);
/* Counts what has ended although nobody killed it. */
void demo_find_ended(struct demo *demo);
void demo_services_stop(struct demo *demo);
const char *demo_service_victim(void);

/* demo_submit.c */
bool demo_load(struct demo *demo);
bool demo_connect(struct demo *demo);
void demo_submit_some(struct demo *demo); /* as many as may be in flight */
void demo_ask_parked(struct demo *demo);  /* what has become of those that are not final */
bool demo_answers_write(struct demo *demo, const char *file);

/* demo_sabotage_sqlite.c */
bool demo_sabotage(struct demo *demo);

/* demo_table.c; the verdict is the exit code. */
void demo_progress(struct demo *demo, bool last);
int demo_verdict(struct demo *demo);

#endif
