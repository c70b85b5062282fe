#include "tests/unit/cli_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "cli/command.h"

static void read_back(int fd, char text[CLI_RUN_OUTPUT_SIZE])
{
	const ssize_t size = pread(fd, text, CLI_RUN_OUTPUT_SIZE - 1, 0);

	assert_true(size >= 0);
	text[size] = '\0';
	(void)close(fd);
}

void cli_run(struct cli_run *run, const char *const *env, const char *const *words)
{
	const int out = memfd_create("out", MFD_CLOEXEC);
	const int err = memfd_create("err", MFD_CLOEXEC);
	char *argv[CLI_RUN_WORDS_MAX] = {(char *)(uintptr_t) "sagactl"};
	char *variables[CLI_RUN_WORDS_MAX] = {NULL};
	int argc = 1;
	int status = 0;
	pid_t child;

	for (; *words != NULL; words++) {
		assert_true(argc + 1 < CLI_RUN_WORDS_MAX);
		argv[argc++] = (char *)(uintptr_t)*words;
	}
	for (uint32_t i = 0; env != NULL && env[i] != NULL; i++)
		variables[i] = (char *)(uintptr_t)env[i];
	assert_true(out >= 0 && err >= 0);
	(void)fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)dup2(out, STDOUT_FILENO);
		(void)dup2(err, STDERR_FILENO);
		/* exit, not _exit: so that leaks are looked for here. */
		exit(cli_main(argc, argv, variables));
	}
	while (waitpid(child, &status, 0) != child)
		continue;
	assert_true(WIFEXITED(status));
	run->exit_code = WEXITSTATUS(status);
	read_back(out, run->out);
	read_back(err, run->err);
}
