/* sagas submit, wait, cancel: what libsaga does for any program. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_clock.h"
#include "cli/command.h"
#include "cli/views.h"
#include "wire/names.h"

enum {
	WHY_SIZE = 512,
	WAIT_TIMEOUT_MS = 300000,
	DEFINITION_SIZE_MAX = 1024 * 1024,
	DEFINITION_WHY_SIZE = 8192,
	SLICE_FIRST_MS = 1000,
	SLICE_MS = 5000
};

/* Who submits wants the id, who has one wants to know what became of it. */
static const char *word_of(const struct cli *cli, const struct saga_status *status)
{
	if (cli->command->run == command_sagas_submit)
		return status->id;
	if (cli->waiting.answer == SAGA_ANSWER_DECIDED)
		return saga_decision_name(status->decision);
	return wire_state_name((uint32_t)status->state);
}

static enum cli_exit show(struct cli *cli, const struct saga_status *status, enum cli_exit code)
{
	const int err = view_saga(status, word_of(cli, status), &cli->output);

	if (err != 0)
		return cli_fail_plain(err, "output");
	if ((code == CLI_EXIT_COMPENSATED || code == CLI_EXIT_PARKED ||
	     code == CLI_EXIT_HEURISTIC) &&
	    !cli->output.quiet && !cli->output.json) {
		cli_flush(cli);
		(void)fprintf(stderr, "  hint: `sagactl sagas show %s` tells why\n", status->id);
	}
	return code;
}

static enum cli_exit fail_about(int error, const char *id, const struct saga_status *status)
{
	const char *text = status->text;

	if (error == SAGA_E_DISCONNECTED || error == SAGA_E_NO_RESPONDERS)
		return cli_fail(error, "saga %s: %s", id, err_text(error));
	return cli_fail(error, "saga %s: %s%s%s", id, err_text(error),
			text[0] == '\0' || strcmp(text, err_text(error)) == 0 ? "" : ": ",
			strcmp(text, err_text(error)) == 0 ? "" : text);
}

static enum cli_exit connect_saga(struct cli *cli, struct saga_connection **connection)
{
	struct saga_options options;
	int err;

	cli_saga_options(cli, &options);
	err = saga_open(&options, connection);
	return err == 0 ? CLI_EXIT_OK : cli_fail_plain(err, cli->server.url);
}

/* ---- waiting ------------------------------------------------------------------------------- */

static int wait_slice(const struct cli *cli, struct saga_connection *connection, const char *id,
		      uint32_t slice_ms, struct saga_status *status)
{
	if (cli->waiting.answer == SAGA_ANSWER_DECIDED)
		return saga_wait_decided(connection, id, slice_ms, status);
	return saga_wait(connection, id, slice_ms, status);
}

/* A wait of libsaga lasts until the saga is final, or decided; a parked one wants an operator
 * before that. So it is made of slices, with a look at the state between them. */
static int wait_end(const struct cli *cli, struct saga_connection *connection, const char *id,
		    struct saga_status *status)
{
	const uint32_t wait_ms = cli->waiting.timeout_ms;
	const uint64_t begin_ms = os_clock_mono_ns() / 1000000;
	uint32_t slice_ms = SLICE_FIRST_MS;
	bool heard = false;

	for (;;) {
		const uint64_t spent_ms = os_clock_mono_ns() / 1000000 - begin_ms;
		const uint64_t left_ms = spent_ms < wait_ms ? wait_ms - spent_ms : 1;
		const int err =
			wait_slice(cli, connection, id,
				   left_ms < slice_ms ? (uint32_t)left_ms : slice_ms, status);

		if (err == 0)
			return 0;
		if (err == SAGA_E_TIMEOUT) {
			heard = true;
			status->text[0] = '\0'; /* says only that the slice is over */
			if (status->state == SAGA_STATE_PARKED)
				return 0;
		}
		/* Once it has answered, a cluster that is silent is in the middle of a take-over.
		 */
		if (err_class(err) != ERR_CLASS_RETRY || left_ms <= slice_ms ||
		    (!heard && spent_ms + slice_ms >= cli->timeout_ms))
			return err;
		slice_ms = SLICE_MS;
	}
}

static enum cli_exit wait_and_show(struct cli *cli, struct saga_connection *connection,
				   const char *id)
{
	struct saga_status status;
	int err;

	if (cli->notices)
		(void)fprintf(stderr,
			      "waiting for %s (Ctrl-C ends only the waiting: go on with "
			      "`sagactl sagas wait %s`)\n",
			      id, id);
	err = wait_end(cli, connection, id, &status);
	if (err == SAGA_E_TIMEOUT) {
		const enum cli_exit code = show(cli, &status, CLI_EXIT_WAIT_TIMEOUT);

		cli_flush(cli);
		(void)fprintf(stderr,
			      "saga %s is %s%s: the time to wait is over, the saga goes on\n"
			      "  hint: sagactl sagas wait %s\n",
			      id, wire_state_name((uint32_t)status.state),
			      saga_status_fate(&status) == SAGA_FATE_PENDING
				      ? ", and decided to commit"
				      : "",
			      id);
		return code;
	}
	if (err != 0)
		return fail_about(err, id, &status);
	return show(cli, &status, cli_exit_of_wait(&status, cli->waiting.answer));
}

static int read_wait(struct cli *cli, struct buf *why)
{
	const int err = cli_answer(&cli->parsed, &cli->waiting.answer, why);

	return err != 0 ? err
			: cli_duration(&cli->parsed, OPTION_WAIT_TIMEOUT, WAIT_TIMEOUT_MS,
				       &cli->waiting.timeout_ms, why);
}

enum cli_exit command_sagas_wait(struct cli *cli)
{
	struct saga_connection *connection = NULL;
	char memory[WHY_SIZE];
	struct buf why;
	enum cli_exit code;

	buf_init_fixed(&why, memory, sizeof memory);
	if (read_wait(cli, &why) != 0)
		return cli_usage(cli->command, &why);
	code = connect_saga(cli, &connection);
	if (code == CLI_EXIT_OK)
		code = wait_and_show(cli, connection, cli->arguments[0]);
	saga_close(connection, 0);
	return code;
}

/* ---- cancel -------------------------------------------------------------------------------- */

enum cli_exit command_sagas_cancel(struct cli *cli)
{
	const char *id = cli->arguments[0];
	const char *reason = cli->parsed.values[OPTION_REASON];
	struct saga_connection *connection = NULL;
	struct saga_status status;
	char memory[WHY_SIZE];
	struct buf why;
	enum cli_exit code;
	int err;

	buf_init_fixed(&why, memory, sizeof memory);
	if (reason == NULL || reason[0] == '\0') {
		(void)buf_printf(&why, "--reason is missing: it is kept in the saga's history");
		return cli_usage(cli->command, &why);
	}
	code = connect_saga(cli, &connection);
	if (code != CLI_EXIT_OK)
		return code;
	err = saga_cancel(connection, id, reason, cli->timeout_ms, &status);
	code = err == 0 ? show(cli, &status, CLI_EXIT_OK) : fail_about(err, id, &status);
	saga_close(connection, 0);
	return code;
}

/* ---- submit -------------------------------------------------------------------------------- */

struct submission {
	struct saga_definition *definition;
	struct saga_submit_options options;
	struct buf definition_text, input;
};

/* "-" is standard input. */
static int read_all(const char *path, struct buf *bytes)
{
	const bool standard = strcmp(path, "-") == 0;
	FILE *file = standard ? stdin : fopen(path, "re");
	uint8_t block[4096];
	size_t size;
	int err = 0;

	if (file == NULL)
		return SAGA_E_FILE;
	while (err == 0 && (size = fread(block, 1, sizeof block, file)) > 0)
		err = buf_put(bytes, block, (uint32_t)size);
	if (err == 0 && ferror(file) != 0)
		err = SAGA_E_FILE;
	if (!standard)
		(void)fclose(file);
	return err == SAGA_E_FULL ? SAGA_E_TOO_LARGE : err;
}

static enum cli_exit read_definition(struct cli *cli, struct submission *s)
{
	const char *path = cli->parsed.values[OPTION_FILE];
	const bool standard = strcmp(path, "-") == 0;
	char problems[DEFINITION_WHY_SIZE] = "";
	int err = read_all(path, &s->definition_text);

	if (err != 0)
		return cli_fail(err, "%s: %s", path,
				err == SAGA_E_FILE ? strerror(errno) : err_text(err));
	err = saga_definition_parse((const char *)s->definition_text.data, s->definition_text.size,
				    standard ? "standard input" : path, &s->definition, problems,
				    sizeof problems);
	if (err == 0)
		return CLI_EXIT_OK;
	(void)fprintf(stderr, "%s%s", problems,
		      problems[0] != '\0' && problems[strlen(problems) - 1] != '\n' ? "\n" : "");
	return cli_fail_plain(err, path);
}

static enum cli_exit read_input(struct cli *cli, struct submission *s)
{
	const char *text = cli->parsed.values[OPTION_INPUT];
	char memory[WHY_SIZE];
	struct buf why;
	int err = 0;

	if (text == NULL)
		return CLI_EXIT_OK;
	buf_init_fixed(&why, memory, sizeof memory);
	if (text[0] == '@' || strcmp(text, "-") == 0) {
		const char *path = text[0] == '@' ? text + 1 : text;

		err = read_all(path, &s->input);
		if (err != 0)
			return cli_fail(err, "--input %s: %s", text,
					err == SAGA_E_FILE ? strerror(errno) : err_text(err));
	} else if (!doc_valid(slice_str(text), &why)) {
		/* A word for @word is the most likely mistake; bytes that are no JSON come in
		 * files. */
		return cli_fail(SAGA_E_USAGE, "--input is not JSON: %.*s", (int)why.size,
				(const char *)why.data);
	} else {
		err = buf_put_slice(&s->input, slice_str(text));
		if (err != 0)
			return cli_fail(SAGA_E_TOO_LARGE, "--input: %s",
					err_text(SAGA_E_TOO_LARGE));
	}
	s->options.input = s->input.data;
	s->options.input_size = s->input.size;
	return CLI_EXIT_OK;
}

static int read_flags(struct cli *cli, struct submission *s, struct buf *why)
{
	const struct cli_parsed *parsed = &cli->parsed;
	int err;

	if (!cli_given(parsed, OPTION_FILE)) {
		(void)buf_printf(why, "--file is missing: which saga?");
		return SAGA_E_USAGE;
	}
	for (uint32_t i = 0; i < parsed->labels.count; i++) {
		if (strchr(parsed->labels.items[i], '=') != NULL)
			continue;
		(void)buf_printf(why, "--label \"%.80s\" is not key=value",
				 parsed->labels.items[i]);
		return SAGA_E_USAGE;
	}
	if (cli_given(parsed, OPTION_INBOX) && cli_given(parsed, OPTION_WAIT)) {
		(void)buf_printf(why, "--inbox only hands it over: nobody is asked who could wait; "
				      "see sagas wait");
		return SAGA_E_USAGE;
	}
	if (cli_given(parsed, OPTION_ANSWER) && !cli_given(parsed, OPTION_WAIT)) {
		(void)buf_printf(why, "--answer says what to wait for: it needs --wait");
		return SAGA_E_USAGE;
	}
	saga_submit_options_init(&s->options);
	s->options.inbox = cli_given(parsed, OPTION_INBOX);
	s->options.id = parsed->values[OPTION_ID];
	s->options.labels = parsed->labels.items;
	s->options.timeout_ms = cli->timeout_ms;
	err = cli_duration(parsed, OPTION_DEADLINE, 0, &s->options.deadline_ms, why);
	if (err == 0)
		err = cli_duration(parsed, OPTION_RETRY_WINDOW, 0, &s->options.retry_window_ms,
				   why);
	return err == 0 ? read_wait(cli, why) : err;
}

static enum cli_exit submit(struct cli *cli, struct submission *s)
{
	struct saga_connection *connection = NULL;
	struct saga_status status = {0};
	enum cli_exit code = connect_saga(cli, &connection);
	int err;

	if (code != CLI_EXIT_OK)
		return code;
	err = saga_submit(connection, s->definition, &s->options, &status);
	if (err != 0)
		code = fail_about(err, status.id[0] != '\0' ? status.id : "(no id)", &status);
	else if (cli_given(&cli->parsed, OPTION_WAIT))
		code = wait_and_show(cli, connection, status.id);
	else
		code = show(cli, &status, CLI_EXIT_OK);
	saga_close(connection, 0);
	return code;
}

enum cli_exit command_sagas_submit(struct cli *cli)
{
	struct submission s = {0};
	char memory[WHY_SIZE];
	struct buf why;
	enum cli_exit code;

	buf_init_fixed(&why, memory, sizeof memory);
	if (read_flags(cli, &s, &why) != 0)
		return cli_usage(cli->command, &why);
	buf_init(&s.definition_text, DEFINITION_SIZE_MAX);
	buf_init(&s.input, WIRE_INPUT_SIZE_MAX);
	code = read_definition(cli, &s);
	if (code == CLI_EXIT_OK)
		code = read_input(cli, &s);
	if (code == CLI_EXIT_OK)
		code = submit(cli, &s);
	saga_definition_free(s.definition);
	buf_close(&s.definition_text);
	buf_close(&s.input);
	return code;
}
