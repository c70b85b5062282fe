/* Seeds in several processes: one that dies takes nobody with it, and is reported with its seed. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/sim/sim_line.h"

enum { JOBS_MAX = 64, TWICE_EVERY = 100, HANG_S = 300, POLL_MS = 1000 };

struct worker {
	pid_t pid; /* 0 = it is done */
	int fd;
	uint64_t doing;
};

static void tell(int fd, const void *data, size_t size)
{
	const uint8_t *at = data;

	while (size > 0) {
		const ssize_t done = write(fd, at, size);

		if (done < 0 && errno != EINTR)
			_exit(EXIT_FAILURE);
		if (done > 0) {
			at += done;
			size -= (size_t)done;
		}
	}
}

static bool hear(int fd, void *data, size_t size)
{
	uint8_t *at = data;

	while (size > 0) {
		const ssize_t done = read(fd, at, size);

		if (done == 0 || (done < 0 && errno != EINTR))
			return false;
		if (done > 0) {
			at += done;
			size -= (size_t)done;
		}
	}
	return true;
}

static enum sim_ending ending_of(const struct sim_result *result)
{
	if (!result->failed)
		return SIM_ENDED_WELL;
	return result->liveness ? SIM_ENDED_STUCK : SIM_ENDED_UNSAFE;
}

static void run_one(const struct sim_line *line, uint64_t seed, int fd)
{
	struct sim_report report = {.begins = true, .result = {.seed = seed}};

	tell(fd, &report, sizeof report);
	report.begins = false;
	(void)alarm(HANG_S);
	sim_run_seed(seed, &line->options, &report.result);
	report.ending = ending_of(&report.result);
	if (seed % TWICE_EVERY == 0) {
		struct sim_options quiet = line->options;
		struct sim_result again;

		quiet.trace = false;
		sim_run_seed(seed, &quiet, &again);
		report.two_stories = again.digest != report.result.digest;
	}
	tell(fd, &report, sizeof report);
}

static void start(const struct sim_line *line, struct worker *w)
{
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	(void)fflush(stdout);
	w->pid = fork();
	CHECK(w->pid >= 0);
	if (w->pid == 0) {
		(void)close(ends[0]);
		for (uint64_t seed = w->doing; seed < line->first + line->seeds; seed += line->jobs)
			run_one(line, seed, ends[1]);
		(void)fflush(stdout);
		_exit(EXIT_SUCCESS);
	}
	(void)close(ends[1]);
	w->fd = ends[0];
}

static void died(struct sim_report *report, uint64_t seed, int status)
{
	const int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	*report = (struct sim_report){.ending = SIM_ENDED_DEAD,
				      .result = {.seed = seed, .failed = true}};
	(void)snprintf(report->result.failure, sizeof report->result.failure,
		       number == SIGALRM ? "hang: nothing came of it in %d s"
					 : "crash: the process died, signal or code %d",
		       number == SIGALRM ? HANG_S
		       : number != 0     ? number
					 : WEXITSTATUS(status));
}

/* False: the worker has nothing more to tell. */
static bool listen_to(const struct sim_line *line, struct worker *w, struct sim_report *report)
{
	int status = 0;

	if (hear(w->fd, report, sizeof *report)) {
		w->doing = report->result.seed;
		return true;
	}
	(void)close(w->fd);
	(void)waitpid(w->pid, &status, 0);
	w->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return false;
	died(report, w->doing, status);
	w->doing += line->jobs;
	start(line, w);
	return true;
}

void sim_workers_run(const struct sim_line *line, void (*told)(void *, const struct sim_report *),
		     bool (*enough)(void *), void *context)
{
	struct worker workers[JOBS_MAX];
	struct pollfd polls[JOBS_MAX];
	const uint32_t jobs = line->jobs < JOBS_MAX ? line->jobs : JOBS_MAX;
	uint32_t alive = jobs;

	CHECK_EQ(jobs, line->jobs);
	for (uint32_t i = 0; i < jobs; i++) {
		workers[i].doing = line->first + i;
		start(line, &workers[i]);
	}
	while (alive > 0 && !enough(context)) {
		for (uint32_t i = 0; i < jobs; i++)
			polls[i] = (struct pollfd){.fd = workers[i].pid != 0 ? workers[i].fd : -1,
						   .events = POLLIN};
		(void)poll(polls, jobs, POLL_MS);
		for (uint32_t i = 0; i < jobs; i++) {
			struct sim_report report;

			if (workers[i].pid == 0 || polls[i].revents == 0)
				continue;
			if (!listen_to(line, &workers[i], &report))
				alive--;
			else if (!report.begins)
				told(context, &report);
		}
	}
	for (uint32_t i = 0; i < jobs; i++) {
		if (workers[i].pid == 0)
			continue;
		(void)kill(workers[i].pid, SIGKILL);
		(void)waitpid(workers[i].pid, NULL, 0);
		(void)close(workers[i].fd);
	}
}

/* ---- one alone --------------------------------------------------------------------------------
 */

static void try_in_child(uint64_t seed, const struct sim_options *options, int fd)
{
	struct sim_report report = {.result = {.seed = seed}};
	struct sim_choices struck = {0};
	struct sim_options own = *options;

	if (options->struck != NULL)
		own.struck = &struck;
	(void)alarm(HANG_S);
	sim_run_seed(seed, &own, &report.result);
	report.ending = ending_of(&report.result);
	tell(fd, &report, sizeof report);
	tell(fd, &struck.count, sizeof struck.count);
	tell(fd, struck.list, struck.count * sizeof *struck.list);
	(void)fflush(stdout);
	_exit(EXIT_SUCCESS);
}

static bool hear_struck(int fd, struct sim_choices *struck)
{
	uint32_t count;
	struct sim_choice *list;

	if (!hear(fd, &count, sizeof count))
		return false;
	list = malloc((count + 1) * sizeof *list);
	CHECK(list != NULL);
	if (!hear(fd, list, count * sizeof *list)) {
		free(list);
		return false;
	}
	if (struck == NULL) {
		free(list);
		return true;
	}
	free(struck->list);
	*struck = (struct sim_choices){.list = list, .count = count, .capacity = count + 1};
	sim_choices_sort(struck);
	return true;
}

void sim_try(uint64_t seed, const struct sim_options *options, struct sim_report *report)
{
	int ends[2], status = 0;
	pid_t pid;

	CHECK_EQ(pipe(ends), 0);
	(void)fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		(void)close(ends[0]);
		try_in_child(seed, options, ends[1]);
	}
	(void)close(ends[1]);
	const bool told =
		hear(ends[0], report, sizeof *report) && hear_struck(ends[0], options->struck);
	(void)close(ends[0]);
	(void)waitpid(pid, &status, 0);
	if (!told)
		died(report, seed, status);
}
