/* ops list, show, pause, resume, cancel, throttle; following one until it has ended. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/admin.h"

enum { POLL_MS = 250, WAIT_TIMEOUT_MS = 3600 * 1000, PROGRESS_SIZE = 160 };

static enum cli_exit shown(int err)
{
	return err == 0 ? CLI_EXIT_OK : cli_fail_plain(err, "output");
}

enum cli_exit command_ops_list(struct cli *cli)
{
	struct wire_admin_request request = {0};
	struct admin_session s;
	enum cli_exit code = admin_open(cli, &s);

	if (code == CLI_EXIT_OK)
		code = admin_ask_plainly(&s, WIRE_ADMIN_OPS, &request, "operations");
	if (code == CLI_EXIT_OK)
		code = shown(view_operations(&s.answer, &cli->output));
	admin_close(&s);
	return code;
}

/* ---- following ------------------------------------------------------------------------------ */

/* A handler has nothing else to speak through. */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

static void say_progress(const struct wire_operation *op, char last[PROGRESS_SIZE])
{
	const bool terminal = isatty(STDERR_FILENO) != 0;
	char text[PROGRESS_SIZE];

	view_progress(op, text);
	if (strcmp(text, last) == 0)
		return;
	(void)fprintf(stderr, terminal ? "\r\033[K%s" : "%s\n", text);
	(void)snprintf(last, PROGRESS_SIZE, "%s", text);
}

static void end_progress(void)
{
	if (isatty(STDERR_FILENO) != 0)
		(void)fputc('\n', stderr);
}

static enum cli_exit exit_of(const struct wire_operation *op)
{
	if (op->state == WIRE_OPS_DONE)
		return CLI_EXIT_OK;
	if (op->state == WIRE_OPS_CANCELLED)
		return CLI_EXIT_CONFLICT;
	return op->done > 0 ? CLI_EXIT_PARTLY : CLI_EXIT_FAILED;
}

static enum cli_exit let_go(struct cli *cli, const char *id, bool by_hand)
{
	end_progress();
	(void)fprintf(stderr,
		      "%s: %s goes on by itself.\n"
		      "  watch again: sagactl ops show %s --watch\n"
		      "  cancel it:   sagactl ops cancel %s --reason TEXT\n",
		      by_hand ? "detached" : "the wait is over", id, id, id);
	(void)cli;
	return by_hand ? CLI_EXIT_INTERRUPTED : CLI_EXIT_WAIT_TIMEOUT;
}

static enum cli_exit ended(struct cli *cli, const struct wire_operation *op)
{
	enum cli_exit code;

	end_progress();
	code = shown(view_operation(op, &cli->output));
	return code == CLI_EXIT_OK ? exit_of(op) : code;
}

static enum cli_exit follow(struct admin_session *s, const char *id, uint32_t wait_ms)
{
	struct wire_admin_request request = {.operation = slice_str(id)};
	char last[PROGRESS_SIZE] = "";
	uint32_t waited_ms = 0;

	for (;;) {
		const enum cli_exit code = admin_ask_plainly(s, WIRE_ADMIN_OP, &request, id);
		const struct wire_operation *op = s->answer.operations;

		if (interrupted != 0)
			return let_go(s->cli, id, true);
		if (code != CLI_EXIT_OK)
			return code;
		if (!s->cli->output.quiet)
			say_progress(op, last);
		if (wire_ops_state_final(op->state))
			return ended(s->cli, op);
		if (waited_ms >= wait_ms)
			return let_go(s->cli, id, false);
		cluster_pause(s->view.link, POLL_MS);
		waited_ms += POLL_MS;
	}
}

enum cli_exit admin_follow(struct admin_session *s, struct slice id)
{
	struct sigaction action = {.sa_handler = on_interrupt};
	char memory[ADMIN_WHY_SIZE];
	char name[ID_SIZE_MAX + 1];
	struct buf why;
	uint32_t wait_ms;

	buf_init_fixed(&why, (uint8_t *)memory, sizeof memory);
	if (cli_duration(&s->cli->parsed, OPTION_WAIT_TIMEOUT, WAIT_TIMEOUT_MS, &wait_ms, &why) !=
	    0)
		return cli_usage(s->cli->command, &why);
	(void)snprintf(name, sizeof name, "%.*s", (int)id.size, (const char *)id.data);
	(void)sigaction(SIGINT, &action, NULL);
	return follow(s, name, wait_ms);
}

enum cli_exit command_ops_show(struct cli *cli)
{
	struct wire_admin_request request = {.operation = slice_str(cli->arguments[0])};
	struct admin_session s;
	enum cli_exit code = admin_open(cli, &s);

	if (code == CLI_EXIT_OK)
		code = admin_ask_plainly(&s, WIRE_ADMIN_OP, &request, cli->arguments[0]);
	if (code == CLI_EXIT_OK && cli_given(&cli->parsed, OPTION_WATCH))
		code = admin_follow(&s, request.operation);
	else if (code == CLI_EXIT_OK)
		code = shown(view_operation(&s.answer.operations[0], &cli->output));
	admin_close(&s);
	return code;
}

/* ---- orders --------------------------------------------------------------------------------- */

static enum cli_exit changed(struct admin_session *s)
{
	struct output *o = &s->cli->output;
	const struct wire_operation *op = s->answer.operations;

	if (s->answer.operation_count == 0)
		return CLI_EXIT_OK;
	if (o->json)
		return shown(view_operation(op, o));
	if (o->quiet)
		(void)buf_printf(&o->text, "%s\n", wire_ops_state_name(op->state));
	else
		(void)buf_printf(&o->text, "%.*s %s%s%.*s\n", (int)op->id.size,
				 (const char *)op->id.data, wire_ops_state_name(op->state),
				 s->answer.text.size > 0 ? ": " : "", (int)s->answer.text.size,
				 s->answer.text.size > 0 ? (const char *)s->answer.text.data : "");
	return CLI_EXIT_OK;
}

static enum cli_exit order(struct cli *cli, uint32_t verb)
{
	struct wire_admin_request request = {.operation = slice_str(cli->arguments[0])};
	struct admin_session s;
	char memory[ADMIN_WHY_SIZE];
	struct buf why;
	enum cli_exit code;
	int err;

	buf_init_fixed(&why, (uint8_t *)memory, sizeof memory);
	err = admin_take_reason(cli, &request, &why);
	if (err == 0 && verb == WIRE_ADMIN_THROTTLE)
		err = admin_take_limits(cli, &request, &why);
	if (err == 0 && verb == WIRE_ADMIN_THROTTLE && request.max_moves == 0 &&
	    request.max_moves_per_node == 0 && !request.has_pace && request.timeout_ms == 0) {
		(void)buf_printf(&why, "give a limit: --max-moves, --max-moves-per-node, --pace "
				       "or --move-timeout");
		err = SAGA_E_USAGE;
	}
	if (err != 0)
		return cli_usage(cli->command, &why);
	code = admin_open(cli, &s);
	if (code == CLI_EXIT_OK)
		code = admin_ask_plainly(&s, verb, &request, cli->arguments[0]);
	if (code == CLI_EXIT_OK && cli_given(&cli->parsed, OPTION_WAIT)) {
		code = admin_follow(&s, request.operation);
		/* That it ends so is what was asked for. */
		if (verb == WIRE_ADMIN_CANCEL && code == CLI_EXIT_CONFLICT)
			code = CLI_EXIT_OK;
	} else if (code == CLI_EXIT_OK) {
		code = changed(&s);
	}
	admin_close(&s);
	return code;
}

enum cli_exit command_ops_pause(struct cli *cli)
{
	return order(cli, WIRE_ADMIN_PAUSE);
}

enum cli_exit command_ops_resume(struct cli *cli)
{
	return order(cli, WIRE_ADMIN_RESUME);
}

enum cli_exit command_ops_cancel(struct cli *cli)
{
	return order(cli, WIRE_ADMIN_CANCEL);
}

enum cli_exit command_ops_throttle(struct cli *cli)
{
	return order(cli, WIRE_ADMIN_THROTTLE);
}
