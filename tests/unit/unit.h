/* What every unit test includes: cmocka with its prerequisites, and a test for broken CHECKs. */
#ifndef SAGAD_TESTS_UNIT_UNIT_H
#define SAGAD_TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* True when the function aborts. It runs in a child, so nothing of it is seen here. */
static inline bool aborts(void (*function)(void))
{
	const pid_t child = fork();
	int status = 0;

	assert_true(child >= 0);
	if (child == 0) {
		const struct rlimit no_core = {0, 0};

		/* cmocka's handler would take the abort for a failed test. */
		(void)signal(SIGABRT, SIG_DFL);
		(void)setrlimit(RLIMIT_CORE, &no_core);
		function();
		_exit(0);
	}
	while (waitpid(child, &status, 0) != child)
		continue;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

#endif
