#include "tests/support/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os_clock.h"
#include "tests/support/spawn.h"

static void copy_free(char **list)
{
	if (list == NULL)
		return;
	for (uint32_t i = 0; list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

static char **copy_list(const char *const *list)
{
	uint32_t count = 0;
	char **copy = NULL;

	while (list[count] != NULL)
		count++;
	copy = calloc(count + 1, sizeof *copy);
	for (uint32_t i = 0; copy != NULL && i < count; i++) {
		copy[i] = strdup(list[i]);
		if (copy[i] == NULL) {
			copy_free(copy);
			return NULL;
		}
	}
	return copy;
}

int process_init(struct process *process, const char *name, const char *log_path,
		 const char *const *argv, const char *const *env, bool detached)
{
	memset(process, 0, sizeof *process);
	process->pidfd = -1;
	process->detached = detached;
	(void)snprintf(process->name, sizeof process->name, "%s", name);
	(void)snprintf(process->log_path, sizeof process->log_path, "%s", log_path);
	process->argv = copy_list(argv);
	if (env != NULL)
		process->env = copy_list(env);
	if (process->argv == NULL || (env != NULL && process->env == NULL))
		return SAGA_E_NO_MEMORY;
	return SAGA_E_NONE;
}

static void forget(struct process *process)
{
	if (process->pidfd >= 0)
		(void)close(process->pidfd);
	process->pidfd = -1;
	process->pid = 0;
}

void process_leave(struct process *process)
{
	forget(process);
}

void process_destroy(struct process *process)
{
	process_stop(process, 0);
	copy_free(process->argv);
	copy_free(process->env);
	process->argv = NULL;
	process->env = NULL;
}

/* What stands behind the name in a stat file of /proc: " S 1 ...". NULL when there is none. The
 * name in brackets may hold anything, so it ends at the last bracket. */
static const char *read_stat(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	const char *after_name = NULL;
	size_t got = 0;

	if (file == NULL)
		return NULL;
	got = fread(text, 1, size - 1, file);
	(void)fclose(file);
	text[got] = '\0';
	after_name = strrchr(text, ')');
	return after_name != NULL && after_name[1] == ' ' ? after_name + 1 : NULL;
}

uint64_t process_start_time(pid_t pid)
{
	char path[64];
	char text[1024] = "";
	const char *at = NULL;

	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	at = read_stat(path, text, sizeof text);
	if (at == NULL || at[1] == 'Z')
		return 0;
	at++;
	for (int field = 3; field < 22 && at != NULL; field++) {
		at = strchr(at, ' ');
		if (at != NULL)
			at++;
	}
	return at != NULL ? strtoull(at, NULL, 10) : 0;
}

int process_start(struct process *process)
{
	const struct spawn spawn = {
		.argv = process->argv,
		.env = process->env,
		.log_path = process->log_path,
		.output_fd = -1,
		.detached = process->detached,
	};
	int err = SAGA_E_NONE;

	if (process_running(process))
		return SAGA_E_NONE;
	err = spawn_run(&spawn, &process->pid);
	if (err != SAGA_E_NONE)
		return err;
	process->child = true;
	process->start_time = process_start_time(process->pid);
	process->pidfd = pidfd_open(process->pid, 0);
	if (process->pidfd < 0) {
		(void)kill(process->pid, SIGKILL); /* our unreaped child: the pid is surely it */
		(void)waitpid(process->pid, &process->exit_status, 0);
		forget(process);
		return SAGA_E_FILE;
	}
	return SAGA_E_NONE;
}

bool process_adopt(struct process *process, pid_t pid, uint64_t start_time)
{
	const int pidfd = pidfd_open(pid, 0);

	if (pidfd < 0)
		return false;
	/* Looked at after the pidfd is open: from here on the pid cannot become another's. */
	if (start_time == 0 || process_start_time(pid) != start_time) {
		(void)close(pidfd);
		return false;
	}
	forget(process);
	process->child = false;
	process->pid = pid;
	process->pidfd = pidfd;
	process->start_time = start_time;
	return true;
}

bool process_wait(struct process *process, uint32_t timeout_ms)
{
	const uint64_t end_ms = wait_now_ms() + timeout_ms;

	while (process->pidfd >= 0) {
		struct pollfd poller = {.fd = process->pidfd, .events = POLLIN, .revents = 0};
		const uint64_t now_ms = wait_now_ms();
		const int left_ms = end_ms > now_ms ? (int)(end_ms - now_ms) : 0;
		const int ready = poll(&poller, 1, left_ms);

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return false;
		if (process->child) {
			while (waitpid(process->pid, &process->exit_status, 0) < 0 &&
			       errno == EINTR)
				continue;
		}
		forget(process);
	}
	return true;
}

bool process_running(struct process *process)
{
	return !process_wait(process, 0);
}

static bool all_threads_stopped(void *context)
{
	const struct process *process = context;
	char path[320];
	char text[1024];
	bool stopped = true;
	const struct dirent *entry = NULL;
	DIR *threads = NULL;

	(void)snprintf(path, sizeof path, "/proc/%d/task", (int)process->pid);
	threads = opendir(path);
	if (threads == NULL)
		return true; /* gone: it does nothing any more, either */
	while (stopped && (entry = readdir(threads)) != NULL) {
		const char *at = NULL;

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)process->pid,
			       entry->d_name);
		at = read_stat(path, text, sizeof text);
		stopped = at == NULL || at[1] == 'T' || at[1] == 'Z' || at[1] == 'X';
	}
	(void)closedir(threads);
	return stopped;
}

int process_signal(struct process *process, int signal_number)
{
	if (!process_running(process))
		return SAGA_E_NOT_FOUND;
	if (pidfd_send_signal(process->pidfd, signal_number, NULL, 0) != 0)
		return SAGA_E_FILE;
	/* The call returns before threads on other cores have stopped: one of them may still take
	 * and answer a request. */
	if (signal_number == SIGSTOP && !wait_until(all_threads_stopped, process, 5000))
		return SAGA_E_TIMEOUT;
	return SAGA_E_NONE;
}

void process_stop(struct process *process, uint32_t grace_ms)
{
	if (!process_running(process))
		return;
	if (grace_ms > 0) {
		(void)process_signal(process, SIGTERM);
		(void)process_signal(process, SIGCONT);
		if (process_wait(process, grace_ms))
			return;
	}
	(void)process_signal(process, SIGKILL);
	/* SIGKILL cannot be refused; a minute is for a disk that hangs. */
	(void)process_wait(process, 60000);
}

/* Reads the pipe until its end or the time's. */
static bool drain_output(int fd, uint64_t end_ms, char *output, uint32_t size)
{
	uint32_t used = 0;

	for (;;) {
		struct pollfd poller = {.fd = fd, .events = POLLIN, .revents = 0};
		const uint64_t now_ms = wait_now_ms();
		char rest[4096];
		ssize_t got = 0;

		if (now_ms >= end_ms)
			return false;
		if (poll(&poller, 1, (int)(end_ms - now_ms)) <= 0)
			continue;
		got = read(fd, rest, sizeof rest);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return true;
		for (ssize_t i = 0; i < got && used + 1 < size; i++)
			output[used++] = rest[i];
		output[used] = '\0';
	}
}

int process_run(const char *const *argv, const char *const *env, const char *log_path,
		uint32_t timeout_ms, char *output, uint32_t size, int *exit_code)
{
	const uint64_t end_ms = wait_now_ms() + timeout_ms;
	struct process process;
	struct spawn spawn = {.log_path = log_path, .output_fd = -1};
	int pipe_fds[2] = {-1, -1};
	int err = SAGA_E_NONE;

	output[0] = '\0';
	*exit_code = -1;
	err = process_init(&process, argv[0], log_path == NULL ? "" : log_path, argv, env, false);
	if (err == SAGA_E_NONE && pipe2(pipe_fds, O_CLOEXEC) != 0)
		err = SAGA_E_FILE;
	if (err != SAGA_E_NONE)
		goto out;
	spawn.argv = process.argv;
	spawn.env = process.env;
	spawn.output_fd = pipe_fds[1];
	err = spawn_run(&spawn, &process.pid);
	(void)close(pipe_fds[1]);
	if (err != SAGA_E_NONE)
		goto out;
	process.child = true;
	process.pidfd = pidfd_open(process.pid, 0);
	if (!drain_output(pipe_fds[0], end_ms, output, size) ||
	    !process_wait(&process,
			  wait_now_ms() < end_ms ? (uint32_t)(end_ms - wait_now_ms()) : 0)) {
		err = SAGA_E_TIMEOUT;
		goto out;
	}
	*exit_code = WIFEXITED(process.exit_status) ? WEXITSTATUS(process.exit_status)
						    : 128 + WTERMSIG(process.exit_status);
out:
	if (pipe_fds[0] >= 0)
		(void)close(pipe_fds[0]);
	process_destroy(&process);
	return err;
}

uint64_t wait_now_ms(void)
{
	return os_clock_mono_ns() / 1000000;
}

bool wait_until(bool (*condition)(void *context), void *context, uint32_t timeout_ms)
{
	const uint64_t end_ms = wait_now_ms() + timeout_ms;

	for (;;) {
		/* Asked once more after the end: a slow condition gets a fair last look. */
		const bool last = wait_now_ms() >= end_ms;

		if (condition(context))
			return true;
		if (last)
			return false;
		(void)poll(NULL, 0, 20);
	}
}
