#include "tests/support/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool same_name(const char *left, const char *right)
{
	const char *end = strchr(left, '=');

	return end != NULL && strncmp(left, right, (size_t)(end - left) + 1) == 0;
}

static bool is_replaced(const char *variable, char *const *env)
{
	for (uint32_t i = 0; env != NULL && env[i] != NULL; i++)
		if (same_name(variable, env[i]))
			return true;
	return false;
}

/* Ours, with the added ones in place of those of the same name. Free the list alone. */
static char **merged_environment(char *const *env)
{
	uint32_t count = 0;
	uint32_t used = 0;
	char **merged = NULL;

	for (uint32_t i = 0; environ[i] != NULL; i++)
		count++;
	for (uint32_t i = 0; env != NULL && env[i] != NULL; i++)
		count++;
	merged = calloc(count + 1, sizeof *merged);
	if (merged == NULL)
		return NULL;
	for (uint32_t i = 0; environ[i] != NULL; i++)
		if (!is_replaced(environ[i], env))
			merged[used++] = environ[i];
	for (uint32_t i = 0; env != NULL && env[i] != NULL; i++)
		merged[used++] = env[i];
	return merged;
}

/* In the child: only async-signal-safe calls. Returns on failure. */
static void become(const struct spawn *spawn, int log_fd, pid_t parent, char *const *env)
{
	const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int output_fd = spawn->output_fd >= 0 ? spawn->output_fd : log_fd;
	sigset_t none;

	if (null_fd < 0)
		return;
	if (spawn->detached) {
		(void)setsid();
	} else {
		/* A test that crashes must not leave servers behind. The second look closes the
		 * gap in which the parent died before the request was in place. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127);
		/* Ctrl-C is for us; we stop our servers in order. */
		(void)setpgid(0, 0);
	}
	if (dup2(null_fd, STDIN_FILENO) < 0 ||
	    (output_fd >= 0 && dup2(output_fd, STDOUT_FILENO) < 0) ||
	    (log_fd >= 0 && dup2(log_fd, STDERR_FILENO) < 0))
		return;
	/* Sockets of libraries that we use are not all closed on exec. */
	(void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (int number = 1; number < 32; number++)
		(void)signal(number, SIG_DFL);
	(void)execve(spawn->argv[0], spawn->argv, env);
}

int spawn_run(const struct spawn *spawn, pid_t *pid)
{
	const pid_t parent = getpid();
	char **env = NULL;
	int report[2] = {-1, -1};
	int log_fd = -1;
	int child_errno = 0;
	int err = SAGA_E_FILE;
	pid_t child = -1;

	if (spawn->log_path != NULL) {
		log_fd = open(spawn->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		if (log_fd < 0)
			return SAGA_E_FILE;
	}
	env = merged_environment(spawn->env);
	/* The pipe closes by itself when exec succeeds; otherwise it brings the reason. */
	if (env == NULL || pipe2(report, O_CLOEXEC) != 0)
		goto out;
	child = fork();
	if (child < 0)
		goto out;
	if (child == 0) {
		become(spawn, log_fd, parent, env);
		child_errno = errno;
		(void)!write(report[1], &child_errno, sizeof child_errno);
		_exit(127);
	}
	(void)close(report[1]);
	report[1] = -1;
	if (read(report[0], &child_errno, sizeof child_errno) == (ssize_t)sizeof child_errno) {
		(void)waitpid(child, NULL, 0);
		errno = child_errno;
		goto out;
	}
	*pid = child;
	err = SAGA_E_NONE;
out:
	for (int i = 0; i < 2; i++)
		if (report[i] >= 0)
			(void)close(report[i]);
	if (log_fd >= 0)
		(void)close(log_fd);
	free(env);
	return err;
}
