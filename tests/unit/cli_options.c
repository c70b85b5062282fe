/* Flags, values, commands, help, and that the document names them all. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "wire/names.h"

enum { WORDS_MAX = CLI_WORDS_MAX + 4, TEXT_SIZE = 128 * 1024 };

struct fixture {
	struct cli_parsed parsed;
	struct buf why;
	char why_memory[1024];
	char text[TEXT_SIZE];
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static int parse(struct fixture *f, const char *const *words)
{
	char *argv[WORDS_MAX] = {(char *)(uintptr_t) "sagactl"};
	int argc = 1;

	for (; *words != NULL; words++) {
		assert_true(argc + 1 < WORDS_MAX);
		argv[argc++] = (char *)(uintptr_t)*words;
	}
	buf_init_fixed(&f->why, f->why_memory, sizeof f->why_memory);
	memset(f->why_memory, 0, sizeof f->why_memory);
	return cli_parse(argc, argv, &f->parsed, &f->why);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_flags_before_and_after(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, WORDS("-o", "json", "sagas", "--limit=5", "list", "-q")), 0);
	assert_int_equal(f->parsed.word_count, 2);
	assert_string_equal(f->parsed.words[0], "sagas");
	assert_string_equal(f->parsed.words[1], "list");
	assert_string_equal(f->parsed.values[OPTION_OUTPUT], "json");
	assert_string_equal(f->parsed.values[OPTION_LIMIT], "5");
	assert_true(cli_given(&f->parsed, OPTION_QUIET));
	assert_false(cli_given(&f->parsed, OPTION_WAIT));
	/* Behind "--" nothing is a flag; a lone dash is a value. */
	assert_int_equal(parse(f, WORDS("sagas", "show", "--", "-odd-id")), 0);
	assert_string_equal(f->parsed.words[2], "-odd-id");
	assert_int_equal(parse(f, WORDS("sagas", "submit", "--input", "-")), 0);
	assert_string_equal(f->parsed.values[OPTION_INPUT], "-");
}

static void test_repeated_flags(void **state)
{
	struct fixture *f = *state;
	const char *words[2 * CLI_REPEAT_MAX + 3];

	assert_int_equal(parse(f, WORDS("--label", "a=1", "--label=b=2")), 0);
	assert_int_equal(f->parsed.labels.count, 2);
	assert_string_equal(f->parsed.labels.items[1], "b=2");
	assert_null(f->parsed.labels.items[2]);
	for (uint32_t i = 0; i < CLI_REPEAT_MAX + 1; i++)
		words[i] = "--label=x=y";
	words[CLI_REPEAT_MAX + 1] = NULL;
	assert_int_equal(parse(f, words), SAGA_E_USAGE);
}

static void test_wrong_flags(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, WORDS("--lable", "x")), SAGA_E_USAGE);
	assert_string_equal(f->why_memory, "unknown flag --lable: did you mean --label?");
	/* No abbreviations: a later flag may begin with the same letters. */
	assert_int_equal(parse(f, WORDS("--lab", "x")), SAGA_E_USAGE);
	assert_int_equal(parse(f, WORDS("-x")), SAGA_E_USAGE);
	assert_string_equal(f->why_memory, "unknown flag -x");
	assert_int_equal(parse(f, WORDS("--label")), SAGA_E_USAGE);
	assert_string_equal(f->why_memory, "--label needs a value");
	assert_int_equal(parse(f, WORDS("-o")), SAGA_E_USAGE);
	assert_string_equal(f->why_memory, "-o needs a value");
	assert_int_equal(parse(f, WORDS("--wait=yes")), SAGA_E_USAGE);
	const char *words[CLI_WORDS_MAX + 2];

	for (uint32_t i = 0; i <= CLI_WORDS_MAX; i++)
		words[i] = "a";
	words[CLI_WORDS_MAX + 1] = NULL;
	assert_int_equal(parse(f, words), SAGA_E_USAGE);
	words[CLI_WORDS_MAX] = NULL;
	assert_int_equal(parse(f, words), 0);
}

static void test_values(void **state)
{
	struct fixture *f = *state;
	uint32_t value = 0;

	assert_int_equal(parse(f, WORDS("--shards", "32", "--timeout", "3s", "--limit", "0",
					"--deadline", "5", "--wait-timeout", "0")),
			 0);
	assert_int_equal(cli_number(&f->parsed, OPTION_SHARDS, 16, 1, 128, &value, &f->why), 0);
	assert_int_equal(value, 32);
	assert_int_equal(cli_number(&f->parsed, OPTION_REPLICAS, 1, 1, 5, &value, &f->why), 0);
	assert_int_equal(value, 1);
	assert_int_equal(cli_duration(&f->parsed, OPTION_TIMEOUT, 1, &value, &f->why), 0);
	assert_int_equal(value, 3000);
	assert_int_equal(cli_number(&f->parsed, OPTION_LIMIT, 1, 1, 9, &value, &f->why),
			 SAGA_E_USAGE);
	assert_string_equal(f->why_memory, "--limit \"0\" is not a number from 1 to 9");
	assert_int_equal(cli_duration(&f->parsed, OPTION_DEADLINE, 1, &value, &f->why),
			 SAGA_E_USAGE);
	assert_int_equal(cli_duration(&f->parsed, OPTION_WAIT_TIMEOUT, 1, &value, &f->why),
			 SAGA_E_USAGE);
	assert_int_equal(value, 3000);
}

static void test_states(void **state)
{
	struct fixture *f = *state;
	uint32_t states = 1;

	assert_int_equal(parse(f, WORDS("sagas")), 0);
	assert_int_equal(cli_states(&f->parsed, &states, &f->why), 0);
	assert_int_equal(states, 0);
	assert_int_equal(parse(f, WORDS("--state", "parked,completed", "--state", "cancelled")), 0);
	assert_int_equal(cli_states(&f->parsed, &states, &f->why), 0);
	assert_int_equal(states, 1U << WIRE_STATE_PARKED | 1U << WIRE_STATE_COMPLETED |
					 1U << WIRE_STATE_CANCELLED);
	assert_int_equal(parse(f, WORDS("--state=finishing,open")), 0);
	assert_int_equal(cli_states(&f->parsed, &states, &f->why), 0);
	assert_int_equal(states, 1U << WIRE_STATE_FINISHING | 1U << WIRE_STATE_OPEN);
	assert_int_equal(parse(f, WORDS("--state=unfinished")), 0);
	assert_int_equal(cli_states(&f->parsed, &states, &f->why), 0);
	assert_int_equal(states, 1U << WIRE_STATE_RUNNING | 1U << WIRE_STATE_UNDOING |
					 1U << WIRE_STATE_PARKED | 1U << WIRE_STATE_FINISHING |
					 1U << WIRE_STATE_OPEN);
	/* Every state that is shown can be asked for. */
	for (uint32_t i = WIRE_STATE_RUNNING; i <= WIRE_STATE_OPEN; i++) {
		assert_int_equal(parse(f, WORDS("--state", wire_state_name(i))), 0);
		assert_int_equal(cli_states(&f->parsed, &states, &f->why), 0);
		assert_int_equal(states, 1U << i);
	}
	assert_int_equal(parse(f, WORDS("--state=compensatd")), 0);
	assert_int_equal(cli_states(&f->parsed, &states, &f->why), SAGA_E_USAGE);
	assert_string_equal(f->why_memory,
			    "unknown state \"compensatd\": did you mean \"compensated\"?");
	assert_int_equal(parse(f, WORDS("--state=")), 0);
	assert_int_equal(cli_states(&f->parsed, &states, &f->why), SAGA_E_USAGE);
}

/* ---- commands ------------------------------------------------------------------------------ */

static const struct command *find(struct fixture *f, const char *first, const char *second,
				  const char **group)
{
	const char *words[2] = {first, second};
	uint32_t used = 0;

	buf_init_fixed(&f->why, f->why_memory, sizeof f->why_memory);
	memset(f->why_memory, 0, sizeof f->why_memory);
	return cli_find(words, (first != NULL ? 1U : 0U) + (second != NULL ? 1U : 0U), &used, group,
			&f->why);
}

static void test_finding_commands(void **state)
{
	struct fixture *f = *state;
	const char *group = NULL;

	assert_string_equal(find(f, "status", NULL, &group)->path, "status");
	assert_null(group);
	assert_string_equal(find(f, "status", "extra", &group)->path, "status");
	assert_string_equal(find(f, "sagas", "show", &group)->path, "sagas show");
	assert_null(find(f, "sagas", NULL, &group));
	assert_string_equal(group, "sagas");
	assert_null(find(f, NULL, NULL, &group));
	assert_null(group);
	assert_null(find(f, "sagas", "sumbit", &group));
	assert_string_equal(f->why_memory,
			    "unknown command \"sagas sumbit\": did you mean \"sagas submit\"?");
	assert_null(find(f, "shard", "list", &group));
	assert_string_equal(f->why_memory, "unknown command \"shard\": did you mean \"shards "
					   "list\"?");
	assert_null(find(f, "nodse", NULL, &group));
	assert_string_equal(f->why_memory, "unknown command \"nodse\": did you mean \"nodes\"?");
	assert_null(find(f, "zzzzzzzz", NULL, &group));
	assert_string_equal(f->why_memory, "unknown command \"zzzzzzzz\"");
}

static void test_flags_belong_to_commands(void **state)
{
	struct fixture *f = *state;
	const char *group = NULL;

	assert_int_equal(parse(f, WORDS("--limit", "3", "--timeout", "1s")), 0);
	assert_int_equal(cli_check_options(find(f, "sagas", "list", &group), &f->parsed, &f->why),
			 0);
	assert_int_equal(cli_check_options(find(f, "status", NULL, &group), &f->parsed, &f->why),
			 SAGA_E_USAGE);
	assert_string_equal(f->why_memory, "`sagactl status` does not take --limit");
}

/* ---- help ---------------------------------------------------------------------------------- */

static const char *help_of(struct fixture *f, const struct command *command, const char *group)
{
	struct buf text;

	buf_init_fixed(&text, f->text, sizeof f->text - 1);
	if (command != NULL)
		help_command(command, &text);
	else if (group != NULL)
		help_group(group, &text);
	else
		help_all(&text);
	assert_int_equal(buf_error(&text), 0);
	f->text[text.size] = '\0';
	return f->text;
}

/* Words as a shell would make them of an example; a pipe ends it. */
static uint32_t split(char *line, char **words)
{
	uint32_t count = 0;

	while (*line != '\0' && *line != '|') {
		const char quote = *line == '\'' || *line == '"' ? *line : '\0';
		char *end;

		if (*line == ' ') {
			line++;
			continue;
		}
		line += quote != '\0' ? 1 : 0;
		end = line + (quote != '\0' ? strcspn(line, (const char[]){quote, '\0'})
					    : strcspn(line, " "));
		assert_true(count < WORDS_MAX);
		words[count++] = line;
		if (*end == '\0')
			break;
		*end = '\0';
		line = end + 1;
	}
	return count;
}

/* What --help shows must be what the parser takes. */
static void check_examples(struct fixture *f, const char *text)
{
	uint32_t examples = 0;

	for (const char *at = strstr(text, "\n  sagactl "); at != NULL;
	     at = strstr(at + 1, "\n  sagactl ")) {
		char line[256];
		char *words[WORDS_MAX];
		const char *group = NULL;
		uint32_t used = 0;
		uint32_t count;
		const struct command *command;

		(void)snprintf(line, sizeof line, "%.*s", (int)strcspn(at + 3, "\n"), at + 3);
		count = split(line, words);
		buf_init_fixed(&f->why, f->why_memory, sizeof f->why_memory);
		if (cli_parse((int)count, words, &f->parsed, &f->why) != 0)
			fail_msg("%s", at);
		command = cli_find(f->parsed.words, f->parsed.word_count, &used, &group, &f->why);
		if (command == NULL || cli_check_options(command, &f->parsed, &f->why) != 0)
			fail_msg("%s", at);
		assert_true(cli_given(&f->parsed, OPTION_HELP) ||
			    (f->parsed.word_count - used >= command->argument_min &&
			     f->parsed.word_count - used <= command->argument_max));
		examples++;
	}
	assert_true(examples > 0);
}

static void test_help_at_every_level(void **state)
{
	struct fixture *f = *state;
	const char *text = help_of(f, NULL, NULL);

	for (uint32_t i = 0; i < cli_command_count; i++)
		assert_non_null(strstr(text, cli_commands[i].path));
	check_examples(f, text);
	text = help_of(f, NULL, "sagas");
	assert_non_null(strstr(text, "sagas cancel ID"));
	assert_null(strstr(text, "nodes list"));
	check_examples(f, text);
	for (uint32_t i = 0; i < cli_command_count; i++) {
		text = help_of(f, &cli_commands[i], NULL);
		check_examples(f, text);
		for (uint32_t o = 0; o < OPTION_COUNT; o++) {
			char name[64];

			(void)snprintf(name, sizeof name, "--%s ", cli_options[o].name);
			if (((OPTIONS_GLOBAL | cli_commands[i].options) & OPTION_BIT(o)) != 0)
				assert_non_null(strstr(text, name));
		}
	}
}

static void test_every_flag_is_of_some_command(void **state)
{
	uint64_t used = OPTIONS_GLOBAL;

	(void)state;
	for (uint32_t i = 0; i < cli_command_count; i++) {
		assert_true((cli_commands[i].options & OPTIONS_GLOBAL) == 0);
		used |= cli_commands[i].options;
	}
	assert_true(used == OPTION_BIT(OPTION_COUNT) - 1);
}

static void test_document_names_everything(void **state)
{
	struct fixture *f = *state;
	FILE *file = fopen(SAGAD_SOURCE_DIR "/docs/sagactl.md", "re");
	static const enum cli_option undocumented[] = {OPTION_HELP, OPTION_VERSION, OPTION_FILE,
						       OPTION_OUTPUT, OPTION_QUIET};

	assert_non_null(file);
	f->text[fread(f->text, 1, sizeof f->text - 1, file)] = '\0';
	(void)fclose(file);
	for (uint32_t i = 0; i < cli_command_count; i++) {
		char row[64];

		(void)snprintf(row, sizeof row, "\n| `%s%s%s` |", cli_commands[i].path,
			       cli_commands[i].arguments[0] == '\0' ? "" : " ",
			       cli_commands[i].arguments);
		if (strstr(f->text, row) == NULL)
			fail_msg("docs/sagactl.md lacks%s", row);
	}
	for (uint32_t i = 0; i < OPTION_COUNT; i++) {
		char name[64];
		bool skip = false;

		for (uint32_t u = 0; u < sizeof undocumented / sizeof undocumented[0]; u++)
			skip = skip || undocumented[u] == i;
		(void)snprintf(name, sizeof name, "--%s", cli_options[i].name);
		if (!skip && strstr(f->text, name) == NULL)
			fail_msg("docs/sagactl.md lacks %s", name);
	}
}

/* ---- exit codes ---------------------------------------------------------------------------- */

static void test_exit_codes(void **state)
{
	(void)state;
	assert_int_equal(cli_exit_of(0), 0);
	assert_int_equal(cli_exit_of(SAGA_E_INTERNAL), 1);
	assert_int_equal(cli_exit_of(SAGA_E_BUSY), 1);
	assert_int_equal(cli_exit_of(SAGA_E_USAGE), 2);
	assert_int_equal(cli_exit_of(SAGA_E_NAME), 2);
	assert_int_equal(cli_exit_of(SAGA_E_DEFINITION), 2);
	assert_int_equal(cli_exit_of(SAGA_E_NOT_FOUND), 3);
	assert_int_equal(cli_exit_of(SAGA_E_CONFLICT), 4);
	assert_int_equal(cli_exit_of(SAGA_E_ALREADY_INITIALISED), 4);
	assert_int_equal(cli_exit_of(SAGA_E_TOO_LATE), 4);
	assert_int_equal(cli_exit_of(SAGA_E_PENDING), 4);
	assert_int_equal(cli_exit_of(SAGA_E_CLUSTER_MISMATCH), 1);
	assert_int_equal(cli_exit_of(SAGA_E_NO_RESPONDERS), 5);
	assert_int_equal(cli_exit_of(SAGA_E_NOT_INITIALISED), 5);
	assert_int_equal(cli_exit_of(SAGA_E_UNKNOWN), 5);
	assert_int_equal(cli_exit_of(SAGA_E_AUTH), 6);
}

static const struct {
	struct saga_status status;
	int completed, decided; /* exit codes of a wait for each answer */
} waits[] = {
	{{.state = SAGA_STATE_COMPLETED, .decision = SAGA_DECISION_COMMIT}, 0, 0},
	{{.state = SAGA_STATE_COMPENSATED, .decision = SAGA_DECISION_ABORT}, 10, 10},
	{{.state = SAGA_STATE_STOPPED, .decision = SAGA_DECISION_ABORT}, 10, 10},
	/* From nodes that tell no decisions, too. */
	{{.state = SAGA_STATE_COMPLETED}, 0, 0},
	{{.state = SAGA_STATE_COMPENSATED}, 10, 10},
	{{.state = SAGA_STATE_RUNNING}, 8, 8},
	{{.state = SAGA_STATE_OPEN}, 8, 8},
	{{.state = SAGA_STATE_PARKED}, 11, 11},
	/* Decided, and delivery pending. */
	{{.state = SAGA_STATE_FINISHING, .decision = SAGA_DECISION_COMMIT}, 8, 0},
	{{.state = SAGA_STATE_PARKED, .decision = SAGA_DECISION_COMMIT}, 11, 0},
	{{.state = SAGA_STATE_UNDOING, .decision = SAGA_DECISION_ABORT}, 8, 10},
	{{.state = SAGA_STATE_PARKED, .decision = SAGA_DECISION_ABORT}, 11, 10},
	/* Somebody has to look. */
	{{.state = SAGA_STATE_COMPLETED, .decision = SAGA_DECISION_COMMIT, .heuristics = 1},
	 12,
	 12},
	{{.state = SAGA_STATE_COMPENSATED, .decision = SAGA_DECISION_ABORT, .heuristics = 1},
	 12,
	 12},
	{{.state = SAGA_STATE_FINISHING, .decision = SAGA_DECISION_COMMIT, .heuristics = 2}, 8, 12},
	{{.state = SAGA_STATE_PARKED, .decision = SAGA_DECISION_COMMIT, .heuristics = 2}, 11, 12},
};

static void test_exit_codes_of_waits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
		assert_int_equal(cli_exit_of_wait(&waits[i].status, SAGA_ANSWER_COMPLETED),
				 waits[i].completed);
		assert_int_equal(cli_exit_of_wait(&waits[i].status, SAGA_ANSWER_DECIDED),
				 waits[i].decided);
	}
}

static void test_answers(void **state)
{
	struct fixture *f = *state;
	enum saga_answer answer = SAGA_ANSWER_DECIDED;

	assert_int_equal(parse(f, WORDS("sagas")), 0);
	assert_int_equal(cli_answer(&f->parsed, &answer, &f->why), 0);
	assert_int_equal(answer, SAGA_ANSWER_COMPLETED);
	assert_int_equal(parse(f, WORDS("--answer", "decided")), 0);
	assert_int_equal(cli_answer(&f->parsed, &answer, &f->why), 0);
	assert_int_equal(answer, SAGA_ANSWER_DECIDED);
	assert_int_equal(parse(f, WORDS("--answer=completed")), 0);
	assert_int_equal(cli_answer(&f->parsed, &answer, &f->why), 0);
	assert_int_equal(answer, SAGA_ANSWER_COMPLETED);
	assert_int_equal(parse(f, WORDS("--answer=done")), 0);
	assert_int_equal(cli_answer(&f->parsed, &answer, &f->why), SAGA_E_USAGE);
	assert_string_equal(f->why_memory, "--answer \"done\" is neither decided nor completed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags_before_and_after),
		cmocka_unit_test(test_repeated_flags),
		cmocka_unit_test(test_wrong_flags),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_finding_commands),
		cmocka_unit_test(test_flags_belong_to_commands),
		cmocka_unit_test(test_help_at_every_level),
		cmocka_unit_test(test_every_flag_is_of_some_command),
		cmocka_unit_test(test_document_names_everything),
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_exit_codes_of_waits),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests_name("cli_options", tests, setup, teardown);
}
