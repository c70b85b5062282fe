/* sagad-sim: many seeds, in several processes, and what came of them.
 *
 *   sagad-sim [--seeds N] [--seed FIRST] [--jobs N] [--trace] [--find] [--outage MINUTES]
 *
 * Exit: 0 = all good (with --find: something was found), 1 = a safety rule was broken, 2 =
 * something did not end, 3 = the runs showed too little to prove anything, 4 = a seed gave two
 * stories, 5 = --find found nothing, 64 = wrong usage.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/sim/sim.h"

enum exit_code {
	EXIT_GOOD = 0,
	EXIT_SAFETY = 1,
	EXIT_LIVENESS = 2,
	EXIT_VACUOUS = 3,
	EXIT_TWO_STORIES = 4,
	EXIT_NOT_FOUND = 5,
	EXIT_USAGE = 64,
};
enum { JOBS_MAX = 64, TWICE_EVERY = 100, VACUOUS_FROM = 200 };

struct command_line {
	uint64_t first, seeds;
	uint32_t jobs;
	bool find;
	struct sim_options options;
};

/* A worker tells what it begins, so that its death can be laid to a seed. */
struct report {
	bool begins, two_stories;
	struct sim_result result;
};

struct totals {
	uint64_t seeds, failed_safety, failed_liveness, two_stories, digest;
	struct sim_counters count;
	uint32_t copies_max;
	uint64_t found_seed, found_after;
	bool found;
};

/* ---- workers -----------------------------------------------------------------------------------
 */

static void on_check(const char *file, int line, const char *expression, int64_t left,
		     int64_t right)
{
	(void)fprintf(stderr, "%s:%d: CHECK(%s) failed: %" PRId64 ", %" PRId64 "\n", file, line,
		      expression, left, right);
}

static void tell(int fd, const struct report *report)
{
	const uint8_t *at = (const void *)report;
	size_t left = sizeof *report;

	while (left > 0) {
		const ssize_t size = write(fd, at, left);

		if (size < 0 && errno != EINTR)
			_exit(EXIT_FAILURE);
		if (size > 0) {
			at += size;
			left -= (size_t)size;
		}
	}
}

static void run_one(const struct command_line *line, uint64_t seed, int fd)
{
	struct report report = {.begins = true, .result = {.seed = seed}};

	tell(fd, &report);
	report.begins = false;
	sim_run_seed(seed, &line->options, &report.result);
	if (seed % TWICE_EVERY == 0) {
		struct sim_options quiet = line->options;
		struct sim_result again;

		quiet.trace = false;
		sim_run_seed(seed, &quiet, &again);
		report.two_stories = again.digest != report.result.digest;
	}
	tell(fd, &report);
}

static pid_t start(const struct command_line *line, uint64_t from, int *fd)
{
	int ends[2];
	pid_t pid;

	CHECK_EQ(pipe(ends), 0);
	(void)fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		(void)close(ends[0]);
		for (uint64_t seed = from; seed < line->first + line->seeds; seed += line->jobs)
			run_one(line, seed, ends[1]);
		(void)fflush(stdout);
		_exit(EXIT_SUCCESS);
	}
	(void)close(ends[1]);
	*fd = ends[0];
	return pid;
}

static bool hear(int fd, struct report *report)
{
	uint8_t *at = (void *)report;
	size_t left = sizeof *report;

	while (left > 0) {
		const ssize_t size = read(fd, at, left);

		if (size == 0 || (size < 0 && errno != EINTR))
			return false;
		if (size > 0) {
			at += size;
			left -= (size_t)size;
		}
	}
	return true;
}

/* ---- what came of it
 * ------------------------------------------------------------------------------
 */

static void complain(const struct sim_result *result, const char *what)
{
	(void)printf("seed %" PRIu64 ": %s: %s\n", result->seed, what, result->failure);
	(void)printf("  again: ./dev sim --seed %" PRIu64 " --seeds 1 --trace%s%s\n", result->seed,
		     sim_plants.name[0] != '\0' ? " --bug " : "", sim_plants.name);
}

static void add(struct totals *totals, const struct report *report)
{
	const struct sim_result *result = &report->result;

	totals->seeds++;
	if (result->copies_max > totals->copies_max)
		totals->copies_max = result->copies_max;
	totals->digest ^= prng_mix(result->digest + result->seed);
#define X(name) totals->count.name += result->count.name;
	SIM_COUNTERS(X)
#undef X
	if (report->two_stories) {
		totals->two_stories++;
		complain(result, "the same seed gave two digests");
	}
	if (!result->failed)
		return;
	totals->failed_safety += !result->liveness;
	totals->failed_liveness += result->liveness;
	if (!totals->found || result->seed < totals->found_seed)
		totals->found_seed = result->seed;
	totals->found = true;
	complain(result, result->liveness ? "LIVENESS" : "SAFETY");
}

static void add_death(struct totals *totals, uint64_t seed, int status)
{
	struct report report = {.result = {.seed = seed, .failed = true}};

	(void)snprintf(report.result.failure, sizeof report.result.failure,
		       "the process died by signal %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	add(totals, &report);
}

/* Round by round over the workers: each has the same number of seeds, so nobody waits for long. */
static void run(const struct command_line *line, struct totals *totals)
{
	int fds[JOBS_MAX];
	pid_t pids[JOBS_MAX];
	uint64_t doing[JOBS_MAX];
	uint32_t alive = line->jobs;

	for (uint32_t i = 0; i < line->jobs; i++) {
		doing[i] = line->first + i;
		pids[i] = start(line, doing[i], &fds[i]);
	}
	while (alive > 0 && !(line->find && totals->found)) {
		for (uint32_t i = 0; i < line->jobs; i++) {
			struct report report;
			int status = 0;

			if (pids[i] == 0)
				continue;
			if (hear(fds[i], &report)) {
				doing[i] = report.result.seed;
				if (!report.begins)
					add(totals, &report);
				continue;
			}
			(void)close(fds[i]);
			(void)waitpid(pids[i], &status, 0);
			pids[i] = 0;
			alive--;
			if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
				continue;
			add_death(totals, doing[i], status);
			doing[i] += line->jobs;
			pids[i] = start(line, doing[i], &fds[i]);
			alive++;
		}
	}
	for (uint32_t i = 0; i < line->jobs; i++) {
		if (pids[i] == 0)
			continue;
		(void)kill(pids[i], SIGKILL);
		(void)waitpid(pids[i], NULL, 0);
		(void)close(fds[i]);
	}
}

static uint32_t print_counters(const struct totals *totals)
{
	uint32_t column = 0, zeros = 0;

#define X(name)                                                                                    \
	(void)printf("  %-18s %9" PRIu64 "%s", #name, totals->count.name,                          \
		     ++column % 3 == 0 ? "\n" : "");                                               \
	zeros += totals->count.name == 0;
	SIM_COUNTERS(X)
#undef X
	(void)printf("%s", column % 3 == 0 ? "" : "\n");
	return zeros;
}

static int judge(const struct command_line *line, const struct totals *totals)
{
	const uint32_t zeros = print_counters(totals);

	(void)printf("%" PRIu64 " seeds from %" PRIu64 ", digest %016" PRIx64 ": %" PRIu64
		     " broke a safety rule, %" PRIu64 " did not end, %" PRIu64
		     " were not repeatable\n",
		     totals->seeds, line->first, totals->digest, totals->failed_safety,
		     totals->failed_liveness, totals->two_stories);
	(void)printf("at most %u live copies of a command in the stream (S14)\n",
		     totals->copies_max);
	if (line->find) {
		if (totals->found)
			(void)printf("bug %s found: seed %" PRIu64 ", after %" PRIu64 " seeds\n",
				     sim_plants.name, totals->found_seed, totals->seeds);
		else
			(void)printf("bug %s was NOT found\n", sim_plants.name);
		return totals->found ? EXIT_GOOD : EXIT_NOT_FOUND;
	}
	if (totals->failed_safety > 0)
		return EXIT_SAFETY;
	if (totals->failed_liveness > 0)
		return EXIT_LIVENESS;
	if (totals->two_stories > 0)
		return EXIT_TWO_STORIES;
	if (line->options.outage_ms > 0) {
		if (totals->count.parked == 0 || totals->copies_max == 0)
			return EXIT_VACUOUS;
	} else if (zeros > 0 && line->seeds >= VACUOUS_FROM) {
		(void)printf("%u things never happened: these runs prove too little\n", zeros);
		return EXIT_VACUOUS;
	}
	return EXIT_GOOD;
}

/* ---- the command line ---------------------------------------------------------------------------
 */

static bool number(const char *text, uint64_t *value)
{
	char *end;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static bool parse(int argc, char **argv, struct command_line *line)
{
	uint64_t jobs = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t minutes = 0;

	*line = (struct command_line){.first = 1, .seeds = 200};
	for (int i = 1; i < argc; i++) {
		uint64_t *value = NULL;

		if (strcmp(argv[i], "--trace") == 0)
			line->options.trace = true;
		else if (strcmp(argv[i], "--find") == 0)
			line->find = true;
		else if (strcmp(argv[i], "--seeds") == 0)
			value = &line->seeds;
		else if (strcmp(argv[i], "--seed") == 0)
			value = &line->first;
		else if (strcmp(argv[i], "--jobs") == 0)
			value = &jobs;
		else if (strcmp(argv[i], "--outage") == 0)
			value = &minutes;
		else
			return false;
		if (value != NULL && !number(argv[++i], value))
			return false;
	}
	if (jobs > line->seeds)
		jobs = line->seeds;
	line->options.outage_ms = minutes * 60000;
	line->options.mode = minutes > 0 ? SIM_OUTAGE : SIM_SAFETY;
	line->jobs = jobs > JOBS_MAX ? JOBS_MAX : (uint32_t)jobs;
	return line->jobs > 0 && line->seeds > 0;
}

int main(int argc, char **argv)
{
	struct command_line line;
	struct totals totals = {0};

	if (!parse(argc, argv, &line)) {
		(void)fprintf(stderr,
			      "usage: %s [--seeds N] [--seed FIRST] [--jobs N] [--trace] "
			      "[--find] [--outage MINUTES]\n",
			      argv[0]);
		return EXIT_USAGE;
	}
	check_set_sink(on_check);
	run(&line, &totals);
	return judge(&line, &totals);
}
