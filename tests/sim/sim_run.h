/* One seed, and what came of it. */
#ifndef SAGAD_TESTS_SIM_SIM_RUN_H
#define SAGAD_TESTS_SIM_SIM_RUN_H

#include "tests/sim/sim_record.h"

/* sim.c */
struct sim_options {
	bool trace;
	uint64_t outage_ms; /* for so long a service is away; 0 = the usual faults */
};
struct sim_result {
	uint64_t seed, digest;
	bool failed, liveness;
	char failure[256];
	uint32_t copies_max;
	struct sim_counters count;
};
void sim_run_seed(uint64_t seed, const struct sim_options *options, struct sim_result *result);

/* plant_*.c: bugs in models (those in the product are wrapped by the linker) */
struct sim_plants {
	const char *name;        /* "" = none */
	bool forgets_rejections; /* S3, at the participant */
	bool settles_blindly;    /* S4, at the participant: it tells, and does not block */
	bool appends_unfenced;   /* the journal's fence */
	bool undo_unmarked;      /* an undo of nothing leaves no row in the forward's place */
	bool key_without_op;     /* the barrier's */
	bool row_alone;          /* the barrier's row is in a transaction of its own */
};
extern const struct sim_plants sim_plants;

#endif
