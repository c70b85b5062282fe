/* travel-demo: a whole cluster, thousands of bookings, two kill -9 (three with --nats-cluster), and
 * a verdict.
 *
 * The main thread drives everything; libsaga's callbacks (on its own thread) only note what they
 * were told, under one lock.
 */
#ifndef SAGAD_EXAMPLES_TRAVEL_DEMO_H
#define SAGAD_EXAMPLES_TRAVEL_DEMO_H

#include <saga.h>

#include "examples/common/judged.h"
#include "examples/common/load.h"
#include "examples/common/stage.h"
#include "examples/travel/check.h"

enum {
	DEMO_BOOKINGS_MAX = 20000,
	DEMO_SHARDS = 16,
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

/* The last act: shards move by hand while bookings go on. */
enum demo_moves_phase {
	DEMO_BEFORE_MOVES,
	DEMO_LOPSIDING, /* shards are being moved to one node */
	DEMO_LOPSIDED,  /* to be levelled, once more */
	DEMO_LEVELLING,
	DEMO_LEVELLED,
};
struct demo_moves {
	enum demo_moves_phase phase;
	uint64_t tried_ms;
	long shown; /* bytes of the operator's log */
	bool level; /* in the end */
};

struct demo {
	struct demo_flags flags;
	struct stage stage;
	struct saga_definition *definition;
	struct load load;        /* the bookings */
	struct stage_kill *node; /* the killed one; NULL = none yet */
	uint64_t node_tried_ms;
	/* The killed service. */
	bool service_killed, service_restarted;
	uint64_t service_killed_ms;

	/* The killed NATS server, and the journals that it led. */
	char nats_victim[PROCESS_NAME_SIZE];
	bool nats_killed, nats_restarted; /* these and `led` under the load's lock */
	bool led[CLUSTER_SHARDS_MAX];
	uint32_t led_count, open_at_nats_kill;
	uint32_t ended_without; /* bookings on these, while it was down */
	uint64_t nats_kill_tried_ms, nats_killed_ms;

	struct demo_moves moves;
	uint32_t parked;
	uint32_t ended_early; /* processes that ended by themselves */
	struct check_report report;
	struct judged judged;
};

/* demo_cluster.c */
bool demo_cluster_start(struct demo *demo);
bool demo_services_start(struct demo *demo);
bool demo_kill_service(struct demo *demo);
/* The server that leads most journals; true when there is one, with enough bookings open. */
bool demo_kill_nats(struct demo *demo);
/* Counts what has ended although nobody killed it. */
void demo_find_ended(struct demo *demo);
void demo_services_stop(struct demo *demo);
const char *demo_service_victim(void);

/* demo_moves.c: when its time has come, again and again. False = cannot go on. */
bool demo_moves_step(struct demo *demo);
bool demo_moves_are_level(struct demo *demo);
bool demo_moves_is_operator(const char *name); /* the process of a command: it ends */

/* demo_submit.c */
bool demo_load(struct demo *demo);
bool demo_connect(struct demo *demo);
bool demo_ask_judges(struct demo *demo); /* when the services have ended */

/* demo_sabotage_sqlite.c */
bool demo_sabotage(struct demo *demo);

/* demo_table.c; the verdict is the exit code. */
void demo_progress(struct demo *demo, bool last);
int demo_verdict(struct demo *demo);

#endif
