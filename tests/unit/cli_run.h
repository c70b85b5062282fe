/* sagactl as a whole, in a child of its own: what stands on which stream, and how it ends. */
#ifndef SAGAD_TESTS_UNIT_CLI_RUN_H
#define SAGAD_TESTS_UNIT_CLI_RUN_H

#include "tests/unit/unit.h"

enum { CLI_RUN_OUTPUT_SIZE = 64 * 1024, CLI_RUN_WORDS_MAX = 16 };

struct cli_run {
	int exit_code;
	char out[CLI_RUN_OUTPUT_SIZE], err[CLI_RUN_OUTPUT_SIZE];
};

/* Words and environment are NULL-terminated; the environment may be NULL. */
void cli_run(struct cli_run *run, const char *const *env, const char *const *words);

#endif
