/* nodes show, drain, undrain, cordon, uncordon, remove. */
#include <stdio.h>
#include <string.h>

#include "cli/admin.h"

static enum cli_exit shown(int err)
{
	return err == 0 ? CLI_EXIT_OK : cli_fail_plain(err, "output");
}

enum cli_exit command_nodes_show(struct cli *cli)
{
	struct wire_admin_request request = {0};
	struct admin_session s;
	enum cli_exit code = admin_open(cli, &s);
	uint32_t at = 0;

	if (code == CLI_EXIT_OK)
		code = admin_ask_plainly(&s, WIRE_ADMIN_NODES, &request, "nodes");
	if (code != CLI_EXIT_OK)
		goto out;
	while (at < s.answer.node_count &&
	       !slice_equal(s.answer.nodes[at].id, slice_str(cli->arguments[0])))
		at++;
	code = at < s.answer.node_count
		       ? shown(view_node(&s.answer, at, &cli->output))
		       : cli_fail(SAGA_E_NO_SUCH, "there is no node \"%.80s\"", cli->arguments[0]);
out:
	admin_close(&s);
	return code;
}

/* ---- marks ---------------------------------------------------------------------------------- */

static enum cli_exit say(struct cli *cli, const char *what, const char *more)
{
	struct output *o = &cli->output;
	struct doc *d;

	if (!o->json) {
		if (!o->quiet)
			(void)buf_printf(&o->text, "node %s %s%s\n", cli->arguments[0], what, more);
		return CLI_EXIT_OK;
	}
	d = doc_open();
	if (d == NULL)
		return cli_fail_plain(SAGA_E_NO_MEMORY, "output");
	doc_str(d, "node", cli->arguments[0]);
	doc_str(d, "result", what);
	return shown(doc_close(d, o));
}

static enum cli_exit mark_node(struct cli *cli, uint32_t verb, const char *what, const char *more)
{
	struct wire_admin_request request = {0};
	struct admin_session s;
	char memory[ADMIN_WHY_SIZE];
	struct buf why;
	enum cli_exit code;
	int err;

	buf_init_fixed(&why, (uint8_t *)memory, sizeof memory);
	err = admin_take_node(cli->arguments[0], &request.node, &why);
	if (err == 0)
		err = admin_take_reason(cli, &request, &why);
	if (err != 0)
		return cli_usage(cli->command, &why);
	code = admin_open(cli, &s);
	if (code == CLI_EXIT_OK)
		code = admin_ask_plainly(&s, verb, &request, "node");
	if (code == CLI_EXIT_OK)
		code = say(cli, what, more);
	admin_close(&s);
	return code;
}

enum cli_exit command_nodes_cordon(struct cli *cli)
{
	return mark_node(cli, WIRE_ADMIN_CORDON, "cordoned", ": it keeps what it has");
}

enum cli_exit command_nodes_uncordon(struct cli *cli)
{
	return mark_node(cli, WIRE_ADMIN_UNCORDON, "uncordoned", "");
}

enum cli_exit command_nodes_undrain(struct cli *cli)
{
	return mark_node(cli, WIRE_ADMIN_UNDRAIN, "undrained", ": it takes shards again");
}

/* ---- drain and remove ----------------------------------------------------------------------- */

static enum cli_exit empty_node(struct cli *cli, uint32_t verb)
{
	struct wire_admin_request request = {.apply = cli_given(&cli->parsed, OPTION_APPLY),
					     .force = cli_given(&cli->parsed, OPTION_FORCE)};
	const char *confirm = cli->parsed.values[OPTION_CONFIRM];
	struct admin_session s;
	char memory[ADMIN_WHY_SIZE];
	struct buf why;
	enum cli_exit code;
	int err;

	buf_init_fixed(&why, (uint8_t *)memory, sizeof memory);
	err = admin_take_node(cli->arguments[0], &request.node, &why);
	if (err == 0)
		err = admin_take_limits(cli, &request, &why);
	if (err == 0 && request.apply)
		err = admin_take_reason(cli, &request, &why);
	if (err == 0 && verb == WIRE_ADMIN_REMOVE && request.apply && request.force &&
	    (confirm == NULL || strcmp(confirm, cli->arguments[0]) != 0)) {
		(void)buf_printf(&why, "--force wants --confirm %.64s", cli->arguments[0]);
		err = SAGA_E_USAGE;
	}
	if (err != 0)
		return cli_usage(cli->command, &why);
	code = admin_open(cli, &s);
	if (code == CLI_EXIT_OK)
		code = admin_plan(&s, verb, &request);
	admin_close(&s);
	return code;
}

enum cli_exit command_nodes_drain(struct cli *cli)
{
	return empty_node(cli, WIRE_ADMIN_DRAIN);
}

enum cli_exit command_nodes_remove(struct cli *cli)
{
	return empty_node(cli, WIRE_ADMIN_REMOVE);
}
