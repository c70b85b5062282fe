/* The simulator as a program: command line, workers, report, shrinking, stored seeds. */
#ifndef SAGAD_TESTS_SIM_SIM_LINE_H
#define SAGAD_TESTS_SIM_SIM_LINE_H

#include <stdio.h>

#include "tests/sim/sim.h"

enum sim_exit {
	SIM_EXIT_GOOD = 0, /* with --find: something was found; with --shrink: it is smaller */
	SIM_EXIT_SAFETY = 1,
	SIM_EXIT_LIVENESS = 2,
	SIM_EXIT_VACUOUS = 3,
	SIM_EXIT_TWO_STORIES = 4,
	SIM_EXIT_NOT_FOUND = 5, /* --find and --shrink: nothing is wrong */
	SIM_EXIT_CRASH = 6,     /* a process died, or hung */
	SIM_EXIT_USAGE = 64,
};

struct sim_line {
	uint64_t first, seeds;
	uint32_t jobs;
	bool find, json;
	bool shrink; /* the first seed */
	uint64_t budget_s;
	const char *commit, *into, *regression; /* NULL = none */
	struct sim_options options;
};

/* What came of a seed. */
enum sim_ending { SIM_ENDED_WELL, SIM_ENDED_UNSAFE, SIM_ENDED_STUCK, SIM_ENDED_DEAD };
struct sim_report {
	bool begins, two_stories; /* a worker tells what it begins: its death is laid to that */
	enum sim_ending ending;
	struct sim_result result;
};

/* sim_workers.c */
void sim_workers_run(const struct sim_line *line, void (*hear)(void *, const struct sim_report *),
		     bool (*enough)(void *), void *context);
/* One seed in a process of its own. With options->struck: what struck, in order. */
void sim_try(uint64_t seed, const struct sim_options *options, struct sim_report *report);

/* sim_totals.c */
struct sim_totals {
	const struct sim_line *line;
	uint64_t seeds, endings[4], two_stories, digest;
	struct sim_counters count;
	uint32_t copies_max;
	uint64_t found_seed, started_ms, told_ms;
	bool found;
	struct sim_report *findings;
	uint32_t finding_count, finding_capacity;
};
void sim_totals_begin(struct sim_totals *totals, const struct sim_line *line);
void sim_totals_add(void *totals, const struct sim_report *report);
bool sim_totals_enough(void *totals);
enum sim_exit sim_totals_end(struct sim_totals *totals);
/* The rule that a finding names: what stands before its colon. */
struct slice sim_rule_of(const char *failure);
const char *sim_ending_name(enum sim_ending ending);
const char *sim_mode_name(enum sim_mode mode);

/* sim_shrink.c */
enum sim_exit sim_shrink(const struct sim_line *line);

/* sim_regression.c: a seed with all that was taken away, as text */
struct sim_regression {
	uint64_t seed;
	char bug[16], expect[64]; /* "good", or the rule that is broken */
	struct sim_options options;
	struct sim_choices kept;
};
bool sim_regression_write(FILE *file, const struct sim_regression *regression, const char *what);
/* False: it says why on standard error. */
bool sim_regression_read(const char *path, struct sim_regression *regression);
enum sim_exit sim_regression_run(const char *path, bool trace, uint32_t traced);

#endif
