#include "cli/exit_code.h"

#include <stddef.h>

#include "base/error.h"

static enum cli_exit exit_of_state(enum saga_state state)
{
	switch (state) {
	case SAGA_STATE_COMPLETED:
		return CLI_EXIT_OK;
	case SAGA_STATE_COMPENSATED:
	case SAGA_STATE_STOPPED:
		return CLI_EXIT_COMPENSATED;
	case SAGA_STATE_PARKED:
		return CLI_EXIT_PARKED;
	case SAGA_STATE_NONE:
	case SAGA_STATE_RUNNING:
	case SAGA_STATE_UNDOING:
	case SAGA_STATE_FINISHING:
	case SAGA_STATE_OPEN:
		break;
	}
	return CLI_EXIT_WAIT_TIMEOUT;
}

enum cli_exit cli_exit_of_wait(const struct saga_status *status, enum saga_answer answer)
{
	const bool decided =
		answer == SAGA_ANSWER_DECIDED && status->decision != SAGA_DECISION_NONE;

	/* Neither "all is done" nor "nothing is left of it" would be true. */
	if ((decided || saga_state_final(status->state)) && status->heuristics > 0)
		return CLI_EXIT_HEURISTIC;
	if (decided)
		return status->decision == SAGA_DECISION_COMMIT ? CLI_EXIT_OK
								: CLI_EXIT_COMPENSATED;
	return exit_of_state(status->state);
}

static enum cli_exit exit_of_number(unsigned number)
{
	if (number < 2000) /* a message that is not well-formed: what was given is wrong */
		return CLI_EXIT_USAGE;
	if (number >= 5000 && number < 6000)
		return CLI_EXIT_UNREACHABLE;
	return CLI_EXIT_FAILED;
}

enum cli_exit cli_exit_of(int error)
{
	switch (error) {
	case SAGA_E_NONE:
		return CLI_EXIT_OK;
	case SAGA_E_NOT_FOUND:
	case SAGA_E_NO_SUCH:
		return CLI_EXIT_NOT_FOUND;
	case SAGA_E_CONFLICT:
	case SAGA_E_EXPIRED:
	case SAGA_E_TOO_LATE:
	case SAGA_E_CANCELLED:
	case SAGA_E_PENDING:
	case SAGA_E_ALREADY_INITIALISED:
	case SAGA_E_PLAN_STALE:
	case SAGA_E_OPERATION:
	case SAGA_E_PREFLIGHT:
	case SAGA_E_ENDED:
	case SAGA_E_COMPARE:
		return CLI_EXIT_CONFLICT;
	case SAGA_E_UNKNOWN:
	case SAGA_E_NOT_OWNER:
	case SAGA_E_LEASE_LOST:
	case SAGA_E_NOT_INITIALISED:
		return CLI_EXIT_UNREACHABLE;
	case SAGA_E_AUTH:
	case SAGA_E_REPLY_SUBJECT:
		return CLI_EXIT_FORBIDDEN;
	case SAGA_E_CONFIG:
	case SAGA_E_DEFINITION:
	case SAGA_E_FILE:
	case SAGA_E_USAGE:
		return CLI_EXIT_USAGE;
	default:
		return exit_of_number(err_to_wire(error));
	}
}

static const struct {
	int error;
	const char *hint;
} hints[] = {
	{SAGA_E_NAME, "ids and names are 1 to 64 of A-Z a-z 0-9 _ -"},
	{SAGA_E_TOO_LARGE, "docs/wire.md lists the limits: keep large data elsewhere, and send a "
			   "reference"},
	{SAGA_E_DEADLINE, "it is 10ms to saga.deadline_max of the nodes (default 1d)"},
	{SAGA_E_NOT_FOUND, "look at `sagactl sagas list`; finished sagas are forgotten some time "
			   "after their retry window"},
	{SAGA_E_CONFLICT, "use another --id, or repeat with exactly the same definition, input, "
			  "deadline and labels"},
	{SAGA_E_EXPIRED, "submit it again with a new --id, if it may run twice"},
	{SAGA_E_BUSY, "try again later; limits.* of sagad are its ceilings"},
	{SAGA_E_TOO_LATE, "it has ended, or is decided to commit: `sagactl sagas show ID` tells"},
	{SAGA_E_PENDING, "its point of no return is being passed: try again in a moment; "
			 "`sagactl sagas show ID` tells where it is"},
	{SAGA_E_CANCELLED, "submit it with a new --id"},
	{SAGA_E_UNKNOWN, "repeat the command with the same --id: that is always safe"},
	{SAGA_E_NOT_OWNER, "the shard is changing its owner: try again, or see `sagactl shards "
			   "list`"},
	{SAGA_E_NOT_INITIALISED, "run `sagactl init`"},
	{SAGA_E_ALREADY_INITIALISED, "see `sagactl status`"},
	{SAGA_E_PLAN_STALE, "look at what would be moved now, without --apply, and apply that"},
	{SAGA_E_OPERATION, "wait for it, or cancel it: `sagactl ops list`"},
	{SAGA_E_NO_SUCH, "see `sagactl nodes list`, `sagactl shards list`, `sagactl ops list`"},
	{SAGA_E_ENDED, "see how it ended: `sagactl ops show ID`"},
	{SAGA_E_COMPARE, "something else was changed at the same time: try again"},
	{SAGA_E_CLUSTER_MISMATCH, "compare cluster.name of the nodes with what was asked for"},
	{SAGA_E_TIMEOUT, "a node listens but does not answer: see its log, or give --timeout more "
			 "time"},
	{SAGA_E_NO_RESPONDERS, "no sagad serves this: is one running with the same NATS servers "
			       "and nats.prefix, and does it reach etcd? See `sagactl shards list` "
			       "and the nodes' logs"},
	{SAGA_E_DISCONNECTED, "check --server (or SAGA_NATS_URL), the NATS server and the "
			      "credentials"},
	{SAGA_E_AUTH, "check the credentials and what they permit"},
	{SAGA_E_DEFINITION, "correct the definition; docs/definitions.md describes it"},
	{SAGA_E_USAGE, "see --help"},
	{SAGA_E_JOURNAL_MISSING, "do not create it by hand: docs/operations.md, \"A shard is "
				 "halted\""},
	{SAGA_E_JOURNAL_SHORT, "the broker lost the end of the stream: docs/operations.md, \"A "
			       "shard is halted\""},
	{SAGA_E_JOURNAL_CORRUPT, "docs/operations.md, \"A shard is halted\""},
	{SAGA_E_JOURNAL_FOREIGN, "docs/operations.md, \"A shard is halted\""},
	{SAGA_E_JOURNAL_CONFIG, "somebody changed the stream; the node's log names the setting: "
				"docs/operations.md, \"A shard is halted\""},
	{SAGA_E_NODE_ID_TAKEN, "give each node its own node.id"},
	{SAGA_E_INTERNAL, "please report it with the log of the node"},
};

const char *cli_hint(int error)
{
	for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
		if (hints[i].error == error)
			return hints[i].hint;
	}
	return "";
}
