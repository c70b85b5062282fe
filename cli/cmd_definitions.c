/* definitions validate, graph, test: all without a cluster. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/near.h"
#include "cli/command.h"
#include "cli/definition_views.h"
#include "client/definition.h"
#include "client/definition_problems.h"
#include "wire/names.h"

enum { WHY_SIZE = 512, PROBLEMS_TEXT_SIZE = 64 * 1024 };

/* A file that was read, with all that is to be said of it. */
struct reading {
	const char *path;
	struct saga_definition *definition; /* NULL: there are errors */
	struct problems problems;
	struct definition_places places;
	char text[PROBLEMS_TEXT_SIZE];
};

/* NULL: it has said so, in *code. */
static struct reading *read_file(const char *path, bool lint, enum cli_exit *code)
{
	struct reading *reading = calloc(1, sizeof *reading);
	char *text = NULL;
	size_t size;

	if (reading == NULL) {
		*code = cli_fail_plain(SAGA_E_NO_MEMORY, path);
		return NULL;
	}
	text = definition_read_file(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &size);
	if (text == NULL) {
		*code = cli_fail(SAGA_E_FILE, "%s: %s", path, strerror(errno));
		free(reading);
		return NULL;
	}
	reading->path = strcmp(path, "-") == 0 ? "standard input" : path;
	if (definition_read(text, size, &reading->definition, &reading->places,
			    &reading->problems) == 0 &&
	    lint)
		definition_lint(reading->definition, &reading->places, &reading->problems);
	problems_print(&reading->problems, reading->path, reading->text, sizeof reading->text);
	free(text);
	*code = CLI_EXIT_OK;
	return reading;
}

static void close_reading(struct reading *reading)
{
	if (reading != NULL)
		saga_definition_free(reading->definition);
	free(reading);
}

/* One that is good. NULL: it has said what is wrong. */
static struct reading *read_good(const char *path, enum cli_exit *code)
{
	struct reading *reading = read_file(path, false, code);

	if (reading == NULL || reading->definition != NULL)
		return reading;
	(void)fprintf(stderr, "%s\n", reading->text);
	*code = cli_fail_plain(SAGA_E_DEFINITION, reading->path);
	close_reading(reading);
	return NULL;
}

/* ---- validate ----------------------------------------------------------------------------------
 */

static bool is_bad(const struct reading *reading, bool strict)
{
	return reading->problems.errors > 0 || (strict && reading->problems.count > 0);
}

static void put_problems(struct doc *d, const struct reading *reading, bool strict)
{
	doc_object(d, NULL);
	doc_str(d, "file", reading->path);
	doc_bool(d, "valid", !is_bad(reading, strict));
	doc_number(d, "problem_count", reading->problems.count);
	doc_array(d, "problems");
	for (uint32_t i = 0; i < problems_kept(&reading->problems); i++) {
		const struct problem *problem = &reading->problems.list[i];
		const bool warning = problem_is_warning(problem->code) && !strict;

		doc_object(d, NULL);
		doc_number(d, "line", problem->line);
		doc_number(d, "column", problem->column);
		doc_str(d, "severity", warning ? "warning" : "error");
		doc_str(d, "code", problem_code_name(problem->code));
		doc_str(d, "pointer", problem->pointer);
		doc_str(d, "text", problem->text);
		doc_end(d);
	}
	doc_end(d);
	doc_end(d);
}

static void print_problems(struct output *o, const struct reading *reading, bool strict)
{
	const uint32_t warnings = reading->problems.count - reading->problems.errors;

	if (reading->text[0] != '\0')
		(void)buf_printf(&o->text, "%s\n", reading->text);
	if (problems_kept(&reading->problems) < reading->problems.count)
		(void)buf_printf(&o->text, "%s: and %u more\n", reading->path,
				 reading->problems.count - problems_kept(&reading->problems));
	if (is_bad(reading, strict) || o->quiet)
		return;
	(void)buf_printf(&o->text, "%s: good: %s, %u step%s", reading->path,
			 wire_protocol_name(reading->definition->plan.protocol),
			 reading->definition->plan.step_count,
			 reading->definition->plan.step_count == 1 ? "" : "s");
	if (warnings > 0)
		(void)buf_printf(&o->text, ", %u warning%s", warnings, warnings == 1 ? "" : "s");
	(void)buf_printf(&o->text, "\n");
}

enum cli_exit command_definitions_validate(struct cli *cli)
{
	const bool strict = cli_given(&cli->parsed, OPTION_STRICT);
	struct doc *d = cli->output.json ? doc_open() : NULL;
	enum cli_exit code = CLI_EXIT_OK;
	uint32_t bad = 0;

	if (cli->output.json && d == NULL)
		return cli_fail_plain(SAGA_E_NO_MEMORY, "output");
	if (d != NULL)
		doc_array(d, "files");
	for (uint32_t i = 0; i < cli->argument_count; i++) {
		enum cli_exit read;
		struct reading *reading = read_file(cli->arguments[i], true, &read);

		if (reading == NULL) {
			code = read;
			continue;
		}
		bad += is_bad(reading, strict) ? 1 : 0;
		if (d != NULL)
			put_problems(d, reading, strict);
		else
			print_problems(&cli->output, reading, strict);
		close_reading(reading);
	}
	if (d != NULL) {
		doc_end(d);
		if (doc_close(d, &cli->output) != 0)
			return cli_fail_plain(SAGA_E_NO_MEMORY, "output");
	}
	cli_flush(cli);
	if (bad > 0)
		code = cli_fail_without_hint(SAGA_E_DEFINITION, "%u of %u files %s not good", bad,
					     cli->argument_count, bad == 1 ? "is" : "are");
	return code;
}

/* ---- graph --------------------------------------------------------------------------------------
 */

enum cli_exit command_definitions_graph(struct cli *cli)
{
	const char *format = cli->parsed.values[OPTION_OUTPUT];
	enum cli_exit code;
	struct reading *reading = read_good(cli->arguments[0], &code);

	if (reading == NULL)
		return code;
	const int error = view_graph(&reading->definition->plan,
				     format != NULL && strcmp(format, "dot") == 0, &cli->output);

	close_reading(reading);
	return error == 0 ? CLI_EXIT_OK : cli_fail_plain(error, "output");
}

/* ---- test ---------------------------------------------------------------------------------------
 */

static bool find_step(const struct wire_plan *plan, struct slice name, uint32_t *step,
		      struct buf *why)
{
	const char *names[WIRE_STEPS_MAX];
	char text[ID_SIZE_MAX + 1];

	for (*step = 0; *step < plan->step_count; (*step)++) {
		/* Names of a definition end with a NUL. */
		names[*step] = (const char *)plan->steps[*step].name.data;
		if (slice_equal(plan->steps[*step].name, name))
			return true;
	}
	(void)snprintf(text, sizeof text, "%.*s", (int)name.size, (const char *)name.data);
	const char *near = near_name(text, names, plan->step_count);

	(void)buf_printf(why, "--fail: no step \"%s\"", text);
	if (near != NULL)
		(void)buf_printf(why, ": did you mean \"%s\"?", near);
	return false;
}

/* The keys of definitions, for an operation of any name. */
static uint32_t op_of_key(const struct wire_step *step, struct slice key)
{
	static const struct {
		enum definition_step_key key;
		uint32_t op;
	} keys[] = {
		{STEP_ACTION, WIRE_OP_FORWARD},  {STEP_TRY, WIRE_OP_FORWARD},
		{STEP_PREPARE, WIRE_OP_FORWARD}, {STEP_ONE_PHASE, WIRE_OP_FORWARD},
		{STEP_CONFIRM, WIRE_OP_FINISH},  {STEP_COMMIT, WIRE_OP_FINISH},
		{STEP_COMPENSATE, WIRE_OP_UNDO}, {STEP_CANCEL, WIRE_OP_UNDO},
		{STEP_ROLLBACK, WIRE_OP_UNDO},
	};

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		if (!slice_equal(key, slice_str(definition_step_keys[keys[i].key])))
			continue;
		/* A last resource's commit is all of it. */
		return keys[i].op == WIRE_OP_FINISH && step->finish.size == 0 ? WIRE_OP_FORWARD
									      : keys[i].op;
	}
	return 0;
}

/* As the plan calls it, by its class, or by its key in the definition. */
static bool find_op(const struct wire_plan *plan, uint32_t step, struct slice name, uint32_t *op,
		    struct buf *why)
{
	const struct wire_step *of = &plan->steps[step];

	*op = WIRE_OP_FORWARD;
	if (name.size == 0)
		return true;
	for (*op = WIRE_OP_FORWARD; *op < WIRE_OP_SETTLE; (*op)++)
		if (slice_equal(name, dry_operation_name(plan, step, *op)))
			return true;
	for (*op = WIRE_OP_FORWARD; *op <= WIRE_OP_SETTLE; (*op)++)
		if (slice_equal(name, slice_str(wire_op_name(*op))))
			return true;
	*op = op_of_key(of, name);
	if (*op != 0)
		return true;
	(void)buf_printf(why,
			 "--fail: step \"%.*s\" has no operation \"%.*s\": it is forward, finish, "
			 "undo, settle, a key or a name from the definition",
			 (int)of->name.size, (const char *)of->name.data, (int)name.size,
			 (const char *)name.data);
	return false;
}

static bool find_answer(const char *name, uint32_t op, enum dry_answer *answer, struct buf *why)
{
	const char *names[DRY_ANSWERS];

	for (uint32_t i = 0; i < DRY_ANSWERS; i++)
		names[i] = dry_answer_name((enum dry_answer)i);
	for (uint32_t i = 0; i < DRY_ANSWERS; i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		*answer = (enum dry_answer)i;
		if (dry_answer_fits(*answer, op))
			return true;
		(void)buf_printf(why, "--fail: %s is no answer to %s", name, wire_op_name(op));
		return false;
	}
	(void)buf_printf(why, "--fail: \"%.40s\" is none of", name);
	for (uint32_t i = 0; i < DRY_ANSWERS; i++)
		(void)buf_printf(why, "%s %s", i > 0 ? "," : "", names[i]);
	return false;
}

/* "step[:op]=answer" */
static bool take_fail(const struct wire_plan *plan, const char *text, struct dry_run *run,
		      struct buf *why)
{
	const char *equals = strchr(text, '=');
	const char *colon = strchr(text, ':');
	enum dry_answer answer;
	uint32_t step, op;

	if (equals == NULL) {
		(void)buf_printf(why, "--fail \"%.80s\" is not STEP[:OPERATION]=ANSWER", text);
		return false;
	}
	if (colon == NULL || colon > equals)
		colon = equals;
	const struct slice name = slice_of(text, (uint32_t)(colon - text));
	const struct slice operation = colon < equals
					       ? slice_of(colon + 1, (uint32_t)(equals - colon - 1))
					       : (struct slice){0};

	if (!find_step(plan, name, &step, why) || !find_op(plan, step, operation, &op, why) ||
	    !find_answer(equals + 1, op, &answer, why))
		return false;
	run->answers[step][op] = answer;
	return true;
}

static enum cli_exit run_dry(struct cli *cli, struct dry_run *run)
{
	const char *input = cli->parsed.values[OPTION_INPUT];
	char memory[WHY_SIZE];
	struct buf why;
	int error;

	buf_init_fixed(&why, memory, sizeof memory);
	for (uint32_t i = 0; i < cli->parsed.fails.count; i++)
		if (!take_fail(run->plan, cli->parsed.fails.items[i], run, &why))
			return cli_usage(cli->command, &why);
	if (input != NULL && !doc_valid(slice_str(input), &why))
		return cli_fail(SAGA_E_USAGE, "--input is not JSON: %.*s", (int)why.size,
				(const char *)why.data);
	run->input = slice_str(input != NULL ? input : "{}");
	error = dry_run(run);
	if (error == 0)
		error = view_dry_run(run, &cli->output);
	if (error != 0)
		return cli_fail_plain(error, "dry run");
	const struct saga_status status = {
		.state = (enum saga_state)run->state,
		.heuristics = run->heuristics,
	};

	return cli_exit_of_wait(&status, SAGA_ANSWER_COMPLETED);
}

enum cli_exit command_definitions_test(struct cli *cli)
{
	enum cli_exit code;
	struct reading *reading = read_good(cli->arguments[0], &code);
	struct dry_run *run = calloc(1, sizeof *run);

	if (run == NULL)
		code = cli_fail_plain(SAGA_E_NO_MEMORY, "dry run");
	if (reading != NULL && run != NULL) {
		run->plan = &reading->definition->plan;
		code = run_dry(cli, run);
		dry_run_close(run);
	}
	free(run);
	close_reading(reading);
	return code;
}
