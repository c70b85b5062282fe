/* What rebalance, move, drain and remove share: the plan is told, written to a file, applied. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/admin.h"

static enum cli_exit shown(int err)
{
	return err == 0 ? CLI_EXIT_OK : cli_fail_plain(err, "output");
}

/* ---- a plan that is no longer so ------------------------------------------------------------ */

static const struct wire_admin_move *find(const struct wire_admin_move *moves, uint32_t count,
					  const struct wire_admin_move *like)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!moves[i].skipped && moves[i].shard == like->shard &&
		    slice_equal(moves[i].from, like->from) && slice_equal(moves[i].to, like->to))
			return &moves[i];
	}
	return NULL;
}

static void put_missing(char sign, const struct wire_admin_move *moves, uint32_t count,
			const struct wire_admin_move *others, uint32_t other_count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct wire_admin_move *move = &moves[i];

		if (move->skipped || find(others, other_count, move) != NULL)
			continue;
		(void)fprintf(stderr, "  %c shard %u %.*s -> %.*s\n", sign, move->shard,
			      (int)move->from.size, (const char *)move->from.data,
			      (int)move->to.size, (const char *)move->to.data);
	}
}

/* Minus: what the file would do; plus: what would be done now. */
static enum cli_exit say_stale(const struct admin_session *s,
			       const struct wire_admin_request *request)
{
	const enum cli_exit code =
		cli_fail(s->error, "the plan is %" PRIu64 " now, and was %" PRIu64,
			 s->answer.plan_version, request->plan_version);

	put_missing('-', request->moves, request->move_count, s->answer.moves,
		    s->answer.move_count);
	put_missing('+', s->answer.moves, s->answer.move_count, request->moves,
		    request->move_count);
	return code;
}

static enum cli_exit refused(const struct admin_session *s, uint32_t verb,
			     const struct wire_admin_request *request)
{
	const struct wire_admin_answer *answer = &s->answer;

	if (s->error == SAGA_E_PLAN_STALE)
		return say_stale(s, request);
	if (s->error == SAGA_E_OPERATION && answer->operation_count > 0)
		return cli_fail(s->error, "%.*s has not ended: sagactl ops show %.*s",
				(int)answer->operations[0].id.size,
				(const char *)answer->operations[0].id.data,
				(int)answer->operations[0].id.size,
				(const char *)answer->operations[0].id.data);
	if (answer->text.size == 0)
		return cli_fail_plain(s->error, wire_admin_verb_name(verb));
	return cli_fail(s->error, "%s: %.*s", wire_admin_verb_name(verb), (int)answer->text.size,
			(const char *)answer->text.data);
}

/* ---- dry run -------------------------------------------------------------------------------- */

static enum cli_exit write_plan(const struct cli *cli, uint32_t verb,
				const struct wire_admin_request *request,
				const struct wire_admin_answer *answer)
{
	const char *path = cli->parsed.values[OPTION_OUT];
	struct output file;
	int err;

	if (path == NULL)
		return CLI_EXIT_OK;
	output_init(&file);
	file.json = true;
	err = view_plan(verb, request, answer, &file);
	if (err == 0)
		err = plan_file_write(path, buf_slice(&file.text));
	output_close(&file);
	return err == 0 ? CLI_EXIT_OK : cli_fail(err, "%s cannot be written", path);
}

static void say_next(const struct cli *cli)
{
	const char *path = cli->parsed.values[OPTION_OUT];

	if (cli->output.json || cli->output.quiet)
		return;
	if (path != NULL)
		(void)fprintf(stderr,
			      "Nothing was changed. Next: sagactl %s --apply %s --reason TEXT\n",
			      cli->command->path, path);
	else
		(void)fprintf(stderr, "Nothing was changed. Next: the same with --apply --reason "
				      "TEXT\n");
}

static enum cli_exit dry_run_plan(struct admin_session *s, uint32_t verb,
				  const struct wire_admin_request *request)
{
	struct cli *cli = s->cli;
	enum cli_exit code = write_plan(cli, verb, request, &s->answer);

	if (code == CLI_EXIT_OK)
		code = shown(view_plan(verb, request, &s->answer, &cli->output));
	cli_flush(cli);
	if (code == CLI_EXIT_OK && s->answer.move_count > 0)
		say_next(cli);
	return code;
}

/* ---- apply ---------------------------------------------------------------------------------- */

/* An earlier try of ours, whose answer was lost, may be the one that runs. */
static bool is_ours(const struct admin_session *s, const struct wire_admin_request *request)
{
	const struct wire_operation *op = s->answer.operations;

	return s->error == SAGA_E_OPERATION && s->request.doubtful &&
	       s->answer.operation_count > 0 && slice_equal(op->actor, request->actor) &&
	       slice_equal(op->reason, request->reason);
}

static enum cli_exit begun(struct admin_session *s, uint32_t verb,
			   const struct wire_admin_request *request)
{
	struct cli *cli = s->cli;
	const struct wire_operation *op = s->answer.operations;

	if (s->answer.operation_count == 0) {
		if (!cli->output.json && !cli->output.quiet)
			(void)fprintf(stderr, "nothing to move\n");
		return cli->output.json ? shown(view_plan(verb, request, &s->answer, &cli->output))
					: CLI_EXIT_OK;
	}
	if (cli_given(&cli->parsed, OPTION_WAIT))
		return admin_follow(s, op->id);
	if (cli->output.json)
		return shown(view_operation(op, &cli->output));
	(void)buf_printf(&cli->output.text, "%.*s\n", (int)op->id.size, (const char *)op->id.data);
	cli_flush(cli);
	if (!cli->output.quiet)
		(void)fprintf(stderr,
			      "It goes on by itself. Watch: sagactl ops show %.*s --watch   "
			      "Cancel: sagactl ops cancel %.*s --reason TEXT\n",
			      (int)op->id.size, (const char *)op->id.data, (int)op->id.size,
			      (const char *)op->id.data);
	return CLI_EXIT_OK;
}

static enum cli_exit take_file(struct cli *cli, struct plan_file *file,
			       struct wire_admin_request *request)
{
	char memory[ADMIN_WHY_SIZE];
	struct buf why;
	int err;

	if (cli->argument_count == 0)
		return CLI_EXIT_OK;
	buf_init_fixed(&why, (uint8_t *)memory, sizeof memory);
	err = plan_file_read(cli->arguments[0], file, &why);
	if (err == 0 && strcmp(file->kind, "rebalance") != 0) {
		(void)buf_printf(&why, "%.200s is a plan of another command: %s", cli->arguments[0],
				 file->kind);
		err = SAGA_E_USAGE;
	}
	if (err != 0)
		return cli_fail(err, "%.*s", (int)why.size, (const char *)why.data);
	request->plan_version = file->plan_version;
	request->moves = file->moves;
	request->move_count = file->move_count;
	return CLI_EXIT_OK;
}

enum cli_exit admin_plan(struct admin_session *s, uint32_t verb, struct wire_admin_request *request)
{
	struct wire_admin_load loads[WIRE_MOVES_MAX];
	struct plan_file *file = NULL;
	enum cli_exit code = CLI_EXIT_OK;

	if (admin_take_loads(s, loads, &request->load_count) == 0)
		request->loads = loads;
	else
		request->load_count = 0;
	if (verb == WIRE_ADMIN_REBALANCE && request->apply) {
		file = calloc(1, sizeof *file);
		code = file == NULL ? cli_fail_plain(SAGA_E_NO_MEMORY, "sagactl")
				    : take_file(s->cli, file, request);
	}
	if (code == CLI_EXIT_OK)
		code = admin_ask(s, verb, request);
	if (code == CLI_EXIT_OK && is_ours(s, request))
		s->error = 0;
	if (code == CLI_EXIT_OK && s->error != 0)
		code = refused(s, verb, request);
	else if (code == CLI_EXIT_OK && !request->apply)
		code = dry_run_plan(s, verb, request);
	else if (code == CLI_EXIT_OK)
		code = begun(s, verb, request);
	free(file);
	return code;
}
