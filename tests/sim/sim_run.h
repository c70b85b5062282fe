/* One seed, and what came of it. */
#ifndef SAGAD_TESTS_SIM_SIM_RUN_H
#define SAGAD_TESTS_SIM_SIM_RUN_H

#include "tests/sim/sim_chance.h"
#include "tests/sim/sim_faults.h"
#include "tests/sim/sim_record.h"

/* sim.c */
enum sim_mode {
	SIM_BY_SEED,  /* one of five is a run of the second kind */
	SIM_SAFETY,   /* faults come and go, then all is healed */
	SIM_LIVENESS, /* then some parts stay bad for ever, and the others must go on */
	SIM_OUTAGE,   /* one service is away, and little else happens */
};
#define SIM_MODES 4
enum sim_mode sim_mode_of(uint64_t seed); /* of SIM_BY_SEED */
struct sim_options {
	enum sim_mode mode;
	uint64_t outage_ms; /* SIM_OUTAGE: for so long */
	bool disk;          /* all services on SQLite; else in 1 of 20 seeds */
	bool beyond;        /* each seed, not one of forty */
	bool trace;
	const char *record; /* a file for the history (sagad-judge reads it), or NULL */
	uint32_t traced;    /* only this transaction; SIM_SAGAS_MAX = all */
	/* What shrinking has taken away. Zeros: all is as it was drawn. */
	struct sim_sizes sizes; /* at most */
	uint64_t horizon_ms;    /* of faults, at most */
	uint64_t salt;          /* of sim_chance_init */
	uint64_t calm[SIM_FAULTS_MAX / 64];
	uint64_t mute[SIM_SAGAS_MAX / 64]; /* transactions that nobody begins */
	const struct sim_choices *kept;    /* NULL = all */
	struct sim_choices *struck;        /* wanted, or NULL */
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
