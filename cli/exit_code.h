/* What a command ends with: docs/sagactl.md has the same list. */
#ifndef SAGAD_CLI_EXIT_CODE_H
#define SAGAD_CLI_EXIT_CODE_H

#include <saga.h>

enum cli_exit {
	CLI_EXIT_OK = 0,
	CLI_EXIT_FAILED = 1,
	CLI_EXIT_USAGE = 2,
	CLI_EXIT_NOT_FOUND = 3,
	CLI_EXIT_CONFLICT = 4,
	CLI_EXIT_UNREACHABLE = 5,
	CLI_EXIT_FORBIDDEN = 6,
	CLI_EXIT_PARTLY = 7, /* of an operation: some moves were not done */
	CLI_EXIT_WAIT_TIMEOUT = 8,
	CLI_EXIT_COMPENSATED = 10,
	CLI_EXIT_PARKED = 11,
	CLI_EXIT_HEURISTIC = 12,
	CLI_EXIT_INTERRUPTED = 130
};

/* Of an error code; 0 gives CLI_EXIT_OK. */
enum cli_exit cli_exit_of(int error);
/* Of what a wait for `answer` ended with; what is not that yet is a time-out. */
enum cli_exit cli_exit_of_wait(const struct saga_status *status, enum saga_answer answer);
/* The one next step for whoever met this error; never NULL, may be "". */
const char *cli_hint(int error);

#endif
