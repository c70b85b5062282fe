/* The command line: one table of flags, one of commands (command.h). Flags may stand before and
 * after the command's words. */
#ifndef SAGAD_CLI_OPTIONS_H
#define SAGAD_CLI_OPTIONS_H

#include <saga.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

enum cli_option {
	/* of every command */
	OPTION_SERVER,
	OPTION_CREDS,
	OPTION_NKEY_SEED_FILE,
	OPTION_USER,
	OPTION_PASSWORD_FILE,
	OPTION_TOKEN_FILE,
	OPTION_TLS_CA,
	OPTION_TLS_CERT,
	OPTION_TLS_KEY,
	OPTION_PREFIX,
	OPTION_TIMEOUT,
	OPTION_OUTPUT,
	OPTION_NO_HEADERS,
	OPTION_COLOR,
	OPTION_QUIET,
	OPTION_VERSION,
	OPTION_HELP,
	/* of some */
	OPTION_SHARDS,
	OPTION_REPLICAS,
	OPTION_CLUSTER,
	OPTION_IF_NEEDED,
	OPTION_FILE,
	OPTION_ID,
	OPTION_INPUT,
	OPTION_LABEL,
	OPTION_DEADLINE,
	OPTION_RETRY_WINDOW,
	OPTION_INBOX,
	OPTION_WAIT,
	OPTION_WAIT_TIMEOUT,
	OPTION_ANSWER,
	OPTION_STATE,
	OPTION_HEURISTIC,
	OPTION_LIMIT,
	OPTION_SHARD,
	OPTION_AFTER,
	OPTION_REASON,
	OPTION_STRICT,
	OPTION_FAIL,
	OPTION_ACTOR,
	OPTION_APPLY,
	OPTION_OUT,
	OPTION_STRATEGY,
	OPTION_THRESHOLD,
	OPTION_EXCLUDE_NODE,
	OPTION_TO,
	OPTION_MAX_MOVES,
	OPTION_MAX_MOVES_PER_NODE,
	OPTION_PACE,
	OPTION_MOVE_TIMEOUT,
	OPTION_DETACH,
	OPTION_WATCH,
	OPTION_FORCE,
	OPTION_CONFIRM,
	OPTION_COUNT
};

struct cli_option_row {
	const char *name;
	char letter;       /* 0 = none */
	const char *value; /* name of its value in --help; NULL = takes none */
	const char *help;
};
extern const struct cli_option_row cli_options[OPTION_COUNT];

#define OPTION_BIT(option) (UINT64_C(1) << (option))
#define OPTIONS_GLOBAL     (OPTION_BIT(OPTION_HELP + 1) - 1)

enum { CLI_WORDS_MAX = 64, CLI_REPEAT_MAX = 16 };

struct cli_list {
	const char *items[CLI_REPEAT_MAX + 1]; /* NULL-terminated */
	uint32_t count;
};

struct cli_parsed {
	const char *values[OPTION_COUNT]; /* NULL = not given; "" for a flag without value */
	struct cli_list labels, states, fails;
	const char *words[CLI_WORDS_MAX]; /* the command's words and its arguments */
	uint32_t word_count;
};

/* Reads everything that does not depend on the command. Texts point into argv, which is permuted.
 * SAGA_E_USAGE with a sentence in `why`. */
int cli_parse(int argc, char **argv, struct cli_parsed *parsed, struct buf *why) MUST_CHECK;
static inline bool cli_given(const struct cli_parsed *parsed, enum cli_option option)
{
	return parsed->values[option] != NULL;
}

/* Values of flags. Each takes a default for "not given"; SAGA_E_USAGE with a sentence in `why`. */
int cli_number(const struct cli_parsed *parsed, enum cli_option option, uint32_t initial,
	       uint32_t min, uint32_t max, uint32_t *value, struct buf *why) MUST_CHECK;
int cli_duration(const struct cli_parsed *parsed, enum cli_option option, uint32_t initial_ms,
		 uint32_t *value_ms, struct buf *why) MUST_CHECK;
/* enum saga_answer from --answer. */
int cli_answer(const struct cli_parsed *parsed, enum saga_answer *answer,
	       struct buf *why) MUST_CHECK;
/* Bits of enum wire_state from --state; 0 = all. */
int cli_states(const struct cli_parsed *parsed, uint32_t *states, struct buf *why) MUST_CHECK;

#endif
