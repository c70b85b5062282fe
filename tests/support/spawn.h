/* fork and exec with everything set up between them; used by process.c only. */
#ifndef SAGAD_TESTS_SUPPORT_SPAWN_H
#define SAGAD_TESTS_SUPPORT_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct spawn {
	char *const *argv;
	char *const *env;     /* added to ours; may be NULL */
	const char *log_path; /* appended to; NULL = keep our standard error */
	int output_fd;        /* standard output; -1 = the log too */
	bool detached;        /* own session, lives on without us */
};

/* SAGA_E_FILE when the program could not be executed (the reason is in errno). */
int spawn_run(const struct spawn *spawn, pid_t *pid) MUST_CHECK;

#endif
