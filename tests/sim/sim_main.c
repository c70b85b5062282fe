/* sagad-sim: many seeds, in several processes, and what came of them; or one, looked at closely.
 *
 *   sagad-sim [--seeds N] [--seed FIRST] [--jobs N] [--mode safety|liveness|by-seed]
 *             [--outage MINUTES] [--beyond] [--find] [--disk] [--commit TEXT]
 *             [-o text|json] [--trace [--saga N]] [--record FILE]
 *   sagad-sim --shrink SEED [--mode ...] [--into FILE] [--budget SECONDS]
 *   sagad-sim --regression FILE
 *
 * Exit codes: enum sim_exit.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/sim/sim_line.h"

enum { JOBS_MAX = 64, BUDGET_S = 120 };

static void on_check(const char *file, int line, const char *expression, int64_t left,
		     int64_t right)
{
	(void)fprintf(stderr, "%s:%d: CHECK(%s) failed: %" PRId64 ", %" PRId64 "\n", file, line,
		      expression, left, right);
}

static bool number(const char *text, uint64_t *value)
{
	char *end;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static bool mode_from(const char *text, enum sim_mode *mode)
{
	for (uint32_t i = 0; text != NULL && i < SIM_OUTAGE; i++)
		if (strcmp(text, sim_mode_name((enum sim_mode)i)) == 0) {
			*mode = (enum sim_mode)i;
			return true;
		}
	return false;
}

static bool is(const char *argument, const char *name)
{
	return strcmp(argument, name) == 0;
}

/* What takes no value. */
static bool take_flag(struct sim_line *line, const char *argument)
{
	bool *flag = is(argument, "--trace")    ? &line->options.trace
		     : is(argument, "--find")   ? &line->find
		     : is(argument, "--disk")   ? &line->options.disk
		     : is(argument, "--beyond") ? &line->options.beyond
						: NULL;

	if (flag != NULL)
		*flag = true;
	return flag != NULL;
}

static bool take_text(struct sim_line *line, const char *argument, const char *value, bool *good)
{
	const char **text = is(argument, "--commit")       ? &line->commit
			    : is(argument, "--into")       ? &line->into
			    : is(argument, "--regression") ? &line->regression
			    : is(argument, "--record")     ? &line->options.record
							   : NULL;

	if (text != NULL) {
		*text = value;
		*good = value != NULL;
		return true;
	}
	if (is(argument, "-o")) {
		line->json = value != NULL && is(value, "json");
		*good = line->json || (value != NULL && is(value, "text"));
		return true;
	}
	if (is(argument, "--mode")) {
		*good = mode_from(value, &line->options.mode);
		return true;
	}
	return false;
}

static bool parse(int argc, char **argv, struct sim_line *line)
{
	uint64_t jobs = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN), minutes = 0;
	uint64_t traced = SIM_SAGAS_MAX, shrink = 0;

	*line = (struct sim_line){.first = 1, .seeds = 200, .budget_s = BUDGET_S};
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;
		bool good = false;
		uint64_t *count = is(argv[i], "--seeds")    ? &line->seeds
				  : is(argv[i], "--seed")   ? &line->first
				  : is(argv[i], "--jobs")   ? &jobs
				  : is(argv[i], "--outage") ? &minutes
				  : is(argv[i], "--saga")   ? &traced
				  : is(argv[i], "--shrink") ? &shrink
				  : is(argv[i], "--budget") ? &line->budget_s
							    : NULL;

		if (take_flag(line, argv[i]))
			continue;
		if (count != NULL)
			good = number(value, count);
		else if (!take_text(line, argv[i], value, &good))
			return false;
		if (!good)
			return false;
		i++;
	}
	if (shrink != 0) {
		line->shrink = true;
		line->first = shrink;
	}
	if (minutes > 0)
		line->options.mode = SIM_OUTAGE;
	line->options.outage_ms = minutes * 60000;
	line->options.traced = traced < SIM_SAGAS_MAX ? (uint32_t)traced : SIM_SAGAS_MAX;
	if (line->options.record != NULL && line->seeds != 1)
		return false;
	if (jobs > line->seeds)
		jobs = line->seeds;
	line->jobs = jobs > JOBS_MAX ? JOBS_MAX : (uint32_t)jobs;
	return line->jobs > 0 && line->seeds > 0;
}

static int usage(const char *name)
{
	(void)fprintf(stderr,
		      "usage: %s [--seeds N] [--seed FIRST] [--jobs N] [--mode "
		      "safety|liveness|by-seed]\n"
		      "       [--outage MINUTES] [--beyond] [--find] [--disk] [--commit TEXT] "
		      "[-o text|json] [--trace "
		      "[--saga N]] [--record FILE]\n"
		      "       %s --shrink SEED [--mode ...] [--into FILE] [--budget SECONDS]\n"
		      "       %s --regression FILE\n",
		      name, name, name);
	return SIM_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct sim_line line;
	struct sim_totals totals;

	if (!parse(argc, argv, &line))
		return usage(argv[0]);
	check_set_sink(on_check);
	if (line.regression != NULL)
		return (int)sim_regression_run(line.regression, line.options.trace,
					       line.options.traced);
	if (line.shrink)
		return (int)sim_shrink(&line);
	sim_totals_begin(&totals, &line);
	sim_workers_run(&line, sim_totals_add, sim_totals_enough, &totals);
	return (int)sim_totals_end(&totals);
}
