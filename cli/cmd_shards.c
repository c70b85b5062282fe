/* shards show, explain, history, rebalance, move, pin, unpin, freeze, unfreeze. */
#include <stdio.h>
#include <string.h>

#include "cli/admin.h"

static enum cli_exit shown(int err)
{
	return err == 0 ? CLI_EXIT_OK : cli_fail_plain(err, "output");
}

/* ---- reads ---------------------------------------------------------------------------------- */

static enum cli_exit read_shard(struct cli *cli, uint32_t verb,
				int (*view)(const struct wire_admin_answer *, struct output *))
{
	struct wire_admin_request request = {.has_shard = true};
	struct admin_session s;
	char memory[ADMIN_WHY_SIZE];
	struct buf why;
	enum cli_exit code;

	buf_init_fixed(&why, (uint8_t *)memory, sizeof memory);
	if (admin_take_shard(cli->arguments[0], &request.shard, &why) != 0)
		return cli_usage(cli->command, &why);
	code = admin_open(cli, &s);
	if (code == CLI_EXIT_OK)
		code = admin_ask_plainly(&s, verb, &request, "shard");
	if (code == CLI_EXIT_OK)
		code = shown(view(&s.answer, &cli->output));
	admin_close(&s);
	return code;
}

enum cli_exit command_shards_show(struct cli *cli)
{
	return read_shard(cli, WIRE_ADMIN_EXPLAIN, view_shard);
}

enum cli_exit command_shards_explain(struct cli *cli)
{
	return read_shard(cli, WIRE_ADMIN_EXPLAIN, view_explain);
}

enum cli_exit command_shards_history(struct cli *cli)
{
	return read_shard(cli, WIRE_ADMIN_HISTORY, view_shard_history);
}

/* ---- marks ---------------------------------------------------------------------------------- */

static enum cli_exit say(struct cli *cli, const char *what, uint32_t shard, struct slice node)
{
	struct output *o = &cli->output;
	struct doc *d;

	if (!o->json) {
		if (!o->quiet)
			(void)buf_printf(&o->text, "shard %u %s%s%.*s\n", shard, what,
					 node.size > 0 ? " to " : "", (int)node.size,
					 node.size > 0 ? (const char *)node.data : "");
		return CLI_EXIT_OK;
	}
	d = doc_open();
	if (d == NULL)
		return cli_fail_plain(SAGA_E_NO_MEMORY, "output");
	doc_number(d, "shard", shard);
	doc_str(d, "result", what);
	doc_text(d, "node", node);
	return shown(doc_close(d, o));
}

static enum cli_exit mark_shard(struct cli *cli, uint32_t verb, const char *what)
{
	struct wire_admin_request request = {.has_shard = true};
	struct admin_session s;
	char memory[ADMIN_WHY_SIZE];
	struct buf why;
	enum cli_exit code;
	int err;

	buf_init_fixed(&why, (uint8_t *)memory, sizeof memory);
	err = admin_take_shard(cli->arguments[0], &request.shard, &why);
	if (err == 0)
		err = admin_take_reason(cli, &request, &why);
	if (err == 0 && verb == WIRE_ADMIN_PIN && cli_given(&cli->parsed, OPTION_TO))
		err = admin_take_node(cli->parsed.values[OPTION_TO], &request.node, &why);
	if (err != 0)
		return cli_usage(cli->command, &why);
	code = admin_open(cli, &s);
	if (code == CLI_EXIT_OK && request.shard >= s.view.info.shard_count)
		code = cli_fail(SAGA_E_NO_SUCH, "there is no shard %u", request.shard);
	/* Where it is to be: the plan's word, not who has it at this moment. */
	for (uint32_t i = 0; code == CLI_EXIT_OK && verb == WIRE_ADMIN_PIN &&
			     request.node.size == 0 && i < s.view.info.shard_view_count;
	     i++) {
		if (s.view.info.shards[i].shard == request.shard)
			request.node = s.view.info.shards[i].target;
	}
	if (code == CLI_EXIT_OK)
		code = admin_ask_plainly(&s, verb, &request, "shard");
	if (code == CLI_EXIT_OK)
		code = say(cli, what, request.shard, request.node);
	admin_close(&s);
	return code;
}

enum cli_exit command_shards_pin(struct cli *cli)
{
	return mark_shard(cli, WIRE_ADMIN_PIN, "pinned");
}

enum cli_exit command_shards_unpin(struct cli *cli)
{
	return mark_shard(cli, WIRE_ADMIN_UNPIN, "unpinned");
}

enum cli_exit command_shards_freeze(struct cli *cli)
{
	return mark_shard(cli, WIRE_ADMIN_FREEZE, "frozen");
}

enum cli_exit command_shards_unfreeze(struct cli *cli)
{
	return mark_shard(cli, WIRE_ADMIN_UNFREEZE, "unfrozen");
}

/* ---- moves ---------------------------------------------------------------------------------- */

static int take_strategy(const struct cli *cli, struct wire_admin_request *request, struct buf *why)
{
	const char *text = cli->parsed.values[OPTION_STRATEGY];

	request->strategy = WIRE_STRATEGY_WEIGHTED;
	if (text == NULL)
		return 0;
	for (uint32_t i = WIRE_STRATEGY_COUNT; i <= WIRE_STRATEGY_WEIGHTED; i++) {
		if (strcmp(text, wire_strategy_name(i)) != 0)
			continue;
		request->strategy = i;
		return 0;
	}
	(void)buf_printf(why, "--strategy \"%.80s\" is not count, load or weighted", text);
	return SAGA_E_USAGE;
}

static int take_threshold(const struct cli *cli, struct wire_admin_request *request,
			  struct buf *why)
{
	const char *text = cli->parsed.values[OPTION_THRESHOLD];
	char number[8] = "";
	uint32_t percent = 0;

	if (text == NULL)
		return 0;
	(void)snprintf(number, sizeof number, "%s", text);
	if (strlen(text) < sizeof number && number[0] != '\0' && number[strlen(number) - 1] == '%')
		number[strlen(number) - 1] = '\0';
	for (const char *at = number; *at >= '0' && *at <= '9' && percent <= 100; at++)
		percent = percent * 10 + (uint32_t)(*at - '0');
	if (strspn(number, "0123456789") != strlen(number) || number[0] == '\0' || percent > 100) {
		(void)buf_printf(why, "--threshold \"%.80s\" is not a part from 0%% to 100%%",
				 text);
		return SAGA_E_USAGE;
	}
	request->threshold_percent = percent;
	return 0;
}

static int take_common(const struct cli *cli, struct wire_admin_request *request, struct buf *why)
{
	int err = admin_take_limits(cli, request, why);

	request->apply = cli_given(&cli->parsed, OPTION_APPLY);
	request->force = cli_given(&cli->parsed, OPTION_FORCE);
	if (err == 0 && request->apply)
		err = admin_take_reason(cli, request, why);
	return err;
}

enum cli_exit command_shards_rebalance(struct cli *cli)
{
	struct wire_admin_request request = {0};
	struct admin_session s;
	char memory[ADMIN_WHY_SIZE];
	struct buf why;
	enum cli_exit code;
	int err;

	buf_init_fixed(&why, (uint8_t *)memory, sizeof memory);
	err = take_strategy(cli, &request, &why);
	if (err == 0)
		err = take_threshold(cli, &request, &why);
	if (err == 0 && cli_given(&cli->parsed, OPTION_EXCLUDE_NODE))
		err = admin_take_node(cli->parsed.values[OPTION_EXCLUDE_NODE], &request.node, &why);
	if (err == 0)
		err = take_common(cli, &request, &why);
	if (err == 0 && cli->argument_count > 0 && !request.apply) {
		(void)buf_printf(&why, "a plan file goes with --apply");
		err = SAGA_E_USAGE;
	}
	if (err != 0)
		return cli_usage(cli->command, &why);
	code = admin_open(cli, &s);
	if (code == CLI_EXIT_OK)
		code = admin_plan(&s, WIRE_ADMIN_REBALANCE, &request);
	admin_close(&s);
	return code;
}

enum cli_exit command_shards_move(struct cli *cli)
{
	struct wire_admin_move moves[CLI_WORDS_MAX];
	struct wire_admin_request request = {.moves = moves};
	struct admin_session s;
	char memory[ADMIN_WHY_SIZE];
	struct slice to = {0};
	struct buf why;
	enum cli_exit code;
	int err = 0;

	buf_init_fixed(&why, (uint8_t *)memory, sizeof memory);
	if (!cli_given(&cli->parsed, OPTION_TO)) {
		(void)buf_printf(&why, "--to NODE is missing");
		err = SAGA_E_USAGE;
	}
	if (err == 0)
		err = admin_take_node(cli->parsed.values[OPTION_TO], &to, &why);
	for (uint32_t i = 0; err == 0 && i < cli->argument_count; i++) {
		moves[i] = (struct wire_admin_move){.to = to};
		err = admin_take_shard(cli->arguments[i], &moves[i].shard, &why);
		request.move_count = i + 1;
	}
	if (err == 0)
		err = take_common(cli, &request, &why);
	if (err != 0)
		return cli_usage(cli->command, &why);
	code = admin_open(cli, &s);
	if (code == CLI_EXIT_OK)
		code = admin_plan(&s, WIRE_ADMIN_MOVE, &request);
	admin_close(&s);
	return code;
}
