#include "tests/support/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_MS = 200 };

struct guard {
	int owner_fd;
	pid_t worker; /* 0 once it has ended */
	int report_fd;
};

/* Ours, and those of parents that have ended: as subreaper we have inherited them. */
static uint32_t kill_children(void)
{
	char path[64];
	FILE *file = NULL;
	uint32_t count = 0;
	int pid = 0;

	(void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	file = fopen(path, "re");
	while (file != NULL && fscanf(file, "%d", &pid) == 1) {
		/* Not reaped yet, so the number is surely still theirs. */
		(void)kill(pid, SIGKILL);
		count++;
	}
	if (file != NULL)
		(void)fclose(file);
	return count;
}

/* False when there is nobody left. */
static bool reap(struct guard *g)
{
	int status = 0;
	pid_t pid = 0;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != g->worker)
			continue;
		const uint8_t code = WIFEXITED(status) ? (uint8_t)WEXITSTATUS(status) : 1;

		g->worker = 0;
		(void)!write(g->report_fd, &code, sizeof code);
		(void)close(g->report_fd);
	}
	return pid == 0;
}

static void watch(struct guard *g)
{
	struct pollfd poller = {.fd = g->owner_fd, .events = POLLIN};

	while (reap(g)) {
		if (poll(&poller, 1, LOOK_MS) <= 0)
			continue;
		/* Again and again: each one's end may hand us its children. */
		while (kill_children() > 0)
			while (waitpid(-1, NULL, 0) < 0 && errno == EINTR)
				continue;
		return;
	}
}

/* The worker keeps the caller's output; the guard must not: somebody reads it to its end. */
static void let_go_of_output(void)
{
	const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && null_fd >= 0; fd++)
		(void)dup2(null_fd, fd);
}

static int guard(struct guard *g, int (*work)(void *context), void *context)
{
	(void)setsid();
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
		return EXIT_FAILURE;
	g->worker = fork();
	if (g->worker < 0)
		return EXIT_FAILURE;
	if (g->worker == 0) {
		const int code = work(context);

		(void)fflush(NULL);
		_exit(code);
	}
	let_go_of_output();
	watch(g);
	return EXIT_SUCCESS;
}

int guard_run(pid_t owner, int (*work)(void *context), void *context)
{
	struct guard g = {.owner_fd = pidfd_open(owner, 0)};
	int report[2] = {-1, -1};
	uint8_t code = 0;
	int result = -1;
	pid_t pid = -1;

	(void)fflush(NULL);
	if (g.owner_fd < 0 || pipe2(report, O_CLOEXEC) != 0)
		goto out;
	g.report_fd = report[1];
	pid = fork();
	if (pid == 0) {
		(void)close(report[0]);
		_exit(guard(&g, work, context));
	}
	(void)close(report[1]);
	report[1] = -1;
	if (pid > 0 && read(report[0], &code, sizeof code) == (ssize_t)sizeof code)
		result = code;
out:
	for (int i = 0; i < 2; i++)
		if (report[i] >= 0)
			(void)close(report[i]);
	if (g.owner_fd >= 0)
		(void)close(g.owner_fd);
	return result;
}
