/* From the command line to the command, and from its output to standard output. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/os_log.h"
#include "cli/command.h"

enum { WHY_SIZE = 1024, HELP_SIZE_MAX = 64 * 1024, TIMEOUT_MS = 10000 };

static const char *variable(char **env, const char *name)
{
	const size_t size = strlen(name);

	for (; *env != NULL; env++) {
		if (strncmp(*env, name, size) == 0 && (*env)[size] == '=' &&
		    (*env)[size + 1] != '\0')
			return *env + size + 1;
	}
	return NULL;
}

/* False when it did not reach its reader. */
static bool print(const struct buf *text, FILE *stream)
{
	return (text->size == 0 || fwrite(text->data, 1, text->size, stream) == text->size) &&
	       fflush(stream) == 0;
}

void cli_flush(struct cli *cli)
{
	if (buf_error(&cli->output.text) == 0 && print(&cli->output.text, stdout))
		buf_clear(&cli->output.text); /* else it is tried, and complained of, at the end */
}

static int take_color(struct cli *cli, char **env, struct buf *why)
{
	const char *when = cli->parsed.values[OPTION_COLOR];

	if (when == NULL || strcmp(when, "auto") == 0)
		cli->output.color = isatty(STDOUT_FILENO) != 0 && variable(env, "NO_COLOR") == NULL;
	else if (strcmp(when, "always") == 0)
		cli->output.color = true;
	else if (strcmp(when, "never") != 0) {
		(void)buf_printf(why, "--color \"%.80s\" is not auto, always or never", when);
		return SAGA_E_USAGE;
	}
	return 0;
}

static int take_globals(struct cli *cli, char **env, struct buf *why)
{
	const struct cli_parsed *parsed = &cli->parsed;
	const char *format = parsed->values[OPTION_OUTPUT];
	struct id prefix;

	cli->server.url = parsed->values[OPTION_SERVER];
	if (cli->server.url == NULL)
		cli->server.url = variable(env, "SAGACTL_SERVER");
	if (cli->server.url == NULL)
		cli->server.url = variable(env, "SAGA_NATS_URL");
	if (cli->server.url == NULL)
		cli->server.url = "nats://127.0.0.1:4222";
	cli->actor = variable(env, "SAGACTL_ACTOR");
	cli->server.prefix =
		cli_given(parsed, OPTION_PREFIX) ? parsed->values[OPTION_PREFIX] : "saga";
	if (id_from(&prefix, slice_str(cli->server.prefix)) != 0) {
		(void)buf_printf(why, "--prefix \"%.80s\" is not a name", cli->server.prefix);
		return SAGA_E_USAGE;
	}
	cli->output.json = format != NULL && strcmp(format, "json") == 0;
	/* A graph is no table, and may be a picture. */
	if (cli->command->run == command_definitions_graph && format != NULL &&
	    (strcmp(format, "dot") == 0 || strcmp(format, "text") == 0))
		format = "table";
	if (format != NULL && !cli->output.json && strcmp(format, "table") != 0) {
		(void)buf_printf(why, "--output \"%.80s\" is neither table nor json", format);
		return SAGA_E_USAGE;
	}
	cli->output.headers = !cli_given(parsed, OPTION_NO_HEADERS);
	cli->output.quiet = cli_given(parsed, OPTION_QUIET);
	cli->notices = !cli->output.quiet && isatty(STDERR_FILENO) != 0;
	if (take_color(cli, env, why) != 0)
		return SAGA_E_USAGE;
	return cli_duration(parsed, OPTION_TIMEOUT, TIMEOUT_MS, &cli->timeout_ms, why);
}

static int take_arguments(struct cli *cli, uint32_t used, struct buf *why)
{
	const struct command *command = cli->command;

	cli->arguments = cli->parsed.words + used;
	cli->argument_count = cli->parsed.word_count - used;
	if (cli->argument_count < command->argument_min) {
		(void)buf_printf(why, "`sagactl %s` needs %s", command->path, command->arguments);
		return SAGA_E_USAGE;
	}
	if (cli->argument_count > command->argument_max) {
		(void)buf_printf(why, "unexpected argument \"%.80s\"",
				 cli->arguments[command->argument_max]);
		return SAGA_E_USAGE;
	}
	return 0;
}

static int print_help(const struct command *command, const char *group, FILE *stream)
{
	struct buf text;
	bool printed;

	buf_init(&text, HELP_SIZE_MAX);
	if (command != NULL)
		help_command(command, &text);
	else if (group != NULL)
		help_group(group, &text);
	else
		help_all(&text);
	printed = print(&text, stream);
	buf_close(&text);
	return printed ? CLI_EXIT_OK : CLI_EXIT_FAILED;
}

static enum cli_exit run(struct cli *cli)
{
	enum cli_exit code = cli->command->run(cli);

	/* Also after a failure: a list with a silent shard still has the others. */
	if (buf_error(&cli->output.text) != 0)
		return cli_fail_plain(buf_error(&cli->output.text), "output");
	if (!print(&cli->output.text, stdout))
		return cli_fail(SAGA_E_FILE, "standard output cannot be written to");
	return code;
}

/* `sagactl help sagas` is `sagactl sagas --help`. */
static void take_help_word(struct cli_parsed *parsed)
{
	if (parsed->word_count == 0 || strcmp(parsed->words[0], "help") != 0)
		return;
	parsed->values[OPTION_HELP] = "";
	parsed->word_count--;
	memmove(parsed->words, parsed->words + 1, parsed->word_count * sizeof parsed->words[0]);
}

static int dispatch(struct cli *cli, char **env, struct buf *why)
{
	struct cli_parsed *parsed = &cli->parsed;
	const char *group = NULL;
	uint32_t used = 0;

	take_help_word(parsed);
	cli->command = cli_find(parsed->words, parsed->word_count, &used, &group, why);
	if (cli_given(parsed, OPTION_HELP) &&
	    (cli->command != NULL || parsed->word_count == (group != NULL ? 1U : 0U)))
		return print_help(cli->command, group, stdout);
	if (cli->command == NULL && cli_given(parsed, OPTION_VERSION))
		cli->command = cli_find((const char *const[]){"version"}, 1, &used, &group, why);
	if (cli->command == NULL) {
		if (parsed->word_count > 0)
			(void)cli_usage(NULL, why);
		/* A word is missing, not wrong. */
		if (parsed->word_count == (group != NULL ? 1U : 0U))
			(void)print_help(NULL, group, stderr);
		return CLI_EXIT_USAGE;
	}
	if (used > parsed->word_count)
		used = parsed->word_count;
	if (take_arguments(cli, used, why) != 0 ||
	    cli_check_options(cli->command, parsed, why) != 0 || take_globals(cli, env, why) != 0)
		return (int)cli_usage(cli->command, why);
	return (int)run(cli);
}

int cli_main(int argc, char **argv, char **env)
{
	struct cli cli = {0};
	struct buf why;
	int code;

	/* A reader that went away shows as a failed write. */
	(void)signal(SIGPIPE, SIG_IGN);
	buf_init(&why, WHY_SIZE);
	output_init(&cli.output);
	/* What adapters log on their way is for daemons; a person gets the error itself. */
	log_open("sagactl", LOG_ERROR, LOG_FORMAT_TEXT);
	if (cli_parse(argc, argv, &cli.parsed, &why) != 0)
		code = (int)cli_usage(NULL, &why);
	else
		code = dispatch(&cli, env, &why);
	output_close(&cli.output);
	buf_close(&why);
	return code;
}
