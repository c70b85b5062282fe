/* Everything that moves shards on purpose, one after the other, under a steady load on real
 * servers: a rolling restart, a drain, a join, and a rebalance whose planner is killed half way.
 *
 * The main thread acts; another one sends, evenly; libsaga's callbacks note what they were told.
 * The verdict comes from the services' databases and from the judges of tests/judge.
 */
#ifndef SAGAD_TESTS_SOAK_MOVES_H
#define SAGAD_TESTS_SOAK_MOVES_H

#include "examples/common/judged.h"
#include "examples/common/load.h"
#include "examples/common/stage.h"

enum {
	MOVES_SERVICES = 3,
	MOVES_ACTS_MAX = 16,
	MOVES_SECONDS_MAX = 600, /* of sending */
	MOVES_NODES = 4,         /* the last one joins later */
	MOVES_SHARDS = 16,
};

/* What was done, and how the sagas fared that were begun meanwhile. */
struct moves_act {
	const char *name;
	uint64_t began_ms, ended_ms;
	uint32_t sagas, p50_ms, p99_ms, max_ms;
};

struct moves_check {
	uint64_t completed, undone;
	uint64_t effects;        /* rows of all services */
	uint64_t lost;           /* of a completed saga a step without effect, or an undo missing */
	uint64_t doubled;        /* an effect twice */
	uint64_t undone_in_vain; /* an undo in a completed saga, or of a step that was not done */
	uint64_t strangers;      /* effects of sagas that nobody sent */
};

struct moves {
	uint32_t per_second;
	bool json, keep;
	struct stage stage;
	struct load load;
	struct judged judged;
	struct saga_definition *definition;
	pthread_t sender;
	bool sending;
	bool joined;       /* the last node */
	_Atomic bool stop; /* begin no new ones */
	struct moves_act acts[MOVES_ACTS_MAX];
	uint32_t act_count;
	char planner[PROCESS_NAME_SIZE]; /* the killed one */
	uint32_t parked, ended_early;
	struct moves_check check;
};

/* moves_acts.c: all of them; false = one failed, and stage_fail has said why. */
bool moves_act_all(struct moves *moves);
/* moves_check_sqlite.c, when the services have ended; false = a database cannot be read. */
bool moves_check(struct moves *moves);
const char *moves_service(uint32_t index); /* "svc-a" */

/* moves_table.c: how the sagas fared that were begun during the act; `room` for load->count. */
void moves_measure(const struct load *load, struct moves_act *act, uint32_t *room);
/* STAGE_EXIT_*; `why` gets what is missing for a proof. */
int moves_verdict(const struct moves *moves, bool acted, char *why, size_t size);
void moves_print(const struct moves *moves, int code, const char *why);

#endif
