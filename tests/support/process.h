/* One child process of a test, the demo or `sagad-cluster up`: started with its own log file,
 * watched through a pidfd (so that a pid that was used again is never signalled), stopped by it.
 *
 * Functions return 0 or a code of base/error.h. Not thread-safe: one thread owns a process.
 */
#ifndef SAGAD_TESTS_SUPPORT_PROCESS_H
#define SAGAD_TESTS_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum { PROCESS_NAME_SIZE = 64, PROCESS_PATH_SIZE = 1024 };

struct process {
	char name[PROCESS_NAME_SIZE];
	char log_path[PROCESS_PATH_SIZE];
	char **argv;         /* copies, NULL-terminated; argv[0] is the program's path */
	char **env;          /* copies of "NAME=value" added to our own environment; may be NULL */
	bool detached;       /* outlives us (`up`); otherwise it dies with the starting thread */
	bool child;          /* ours to reap */
	pid_t pid;           /* 0 = not running */
	int pidfd;           /* -1 = not running */
	uint64_t start_time; /* field 22 of /proc/<pid>/stat: with pid it names the process */
	int exit_status;     /* of the last run, as waitpid tells it */
};

/* Copies everything; starts nothing. `env` may be NULL. process_destroy frees in any case. */
int process_init(struct process *process, const char *name, const char *log_path,
		 const char *const *argv, const char *const *env, bool detached) MUST_CHECK;
void process_destroy(struct process *process); /* kills first if it still runs */
void process_leave(struct process *process);   /* lets it run on without us */

/* Output is appended to the log file, so that it survives restarts. SAGA_E_FILE when the program
 * cannot be run. */
int process_start(struct process *process) MUST_CHECK;
/* Takes over a process that someone else started, if (pid, start_time) is still that one. */
bool process_adopt(struct process *process, pid_t pid, uint64_t start_time);

bool process_running(struct process *process); /* reaps when it is not */
/* After SIGSTOP it returns when every thread stands still; SAGA_E_TIMEOUT when one does not. */
int process_signal(struct process *process, int signal_number);
/* True when it has ended (or does within the time). */
bool process_wait(struct process *process, uint32_t timeout_ms);
/* SIGCONT and SIGTERM, after grace_ms SIGKILL; returns when it is gone. 0 = kill at once. */
void process_stop(struct process *process, uint32_t grace_ms);

/* Start time of any live process, 0 = none with that pid (or a zombie). */
uint64_t process_start_time(pid_t pid);

/* Runs a program to its end and gives its standard output (at most size - 1 bytes, always
 * NUL-terminated) and exit code (128 + signal when killed). SAGA_E_TIMEOUT: it was killed.
 * Its standard error goes to log_path (NULL: ours). */
int process_run(const char *const *argv, const char *const *env, const char *log_path,
		uint32_t timeout_ms, char *output, uint32_t size, int *exit_code) MUST_CHECK;

/* Calls `condition` every 20 ms until it is true (true) or the time is over (false). */
bool wait_until(bool (*condition)(void *context), void *context, uint32_t timeout_ms);
uint64_t wait_now_ms(void); /* monotonic */

#endif
