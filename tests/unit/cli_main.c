/* sagactl as a whole, as far as it goes without a cluster: what stands on which stream, and how it
 * ends. */
#include "tests/unit/cli_run.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "cli/command.h"

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct cli_run));
	return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

#define WORDS(...)  ((const char *const[]){__VA_ARGS__, NULL})
#define RUN(f, ...) cli_run((f), NULL, WORDS(__VA_ARGS__))

static void expect_usage(const struct cli_run *f, const char *text)
{
	assert_int_equal(f->exit_code, 2);
	assert_string_equal(f->out, "");
	if (strstr(f->err, text) == NULL || strstr(f->err, "error[SAGA-6004]: ") != f->err ||
	    strstr(f->err, "\n  hint: sagactl ") == NULL)
		fail_msg("%s", f->err);
}

static void test_usage(void **state)
{
	struct cli_run *f = *state;

	RUN(f, "satus");
	expect_usage(f, "unknown command \"satus\": did you mean \"status\"?");
	RUN(f, "status", "extra");
	expect_usage(f, "unexpected argument \"extra\"");
	RUN(f, "sagas", "show");
	expect_usage(f, "`sagactl sagas show` needs ID");
	RUN(f, "status", "--limit", "3");
	expect_usage(f, "does not take --limit");
	RUN(f, "status", "-o", "yaml");
	expect_usage(f, "neither table nor json");
	RUN(f, "status", "--color", "blue");
	expect_usage(f, "not auto, always or never");
	RUN(f, "status", "--timeout", "5");
	expect_usage(f, "--timeout \"5\" is not a time");
	RUN(f, "status", "--prefix", "a.b");
	expect_usage(f, "is not a name");
	RUN(f, "init", "--replicas", "2");
	expect_usage(f, "must be 1, 3 or 5");
	RUN(f, "init", "--shards", "129");
	expect_usage(f, "from 1 to 128");
	RUN(f, "sagas", "cancel", "x");
	expect_usage(f, "--reason is missing");
	RUN(f, "sagas", "submit");
	expect_usage(f, "--file is missing");
	RUN(f, "sagas", "submit", "-f", "x", "--label", "nothing");
	expect_usage(f, "is not key=value");
	RUN(f, "sagas", "submit", "-f", "x", "--answer", "decided");
	expect_usage(f, "it needs --wait");
	RUN(f, "sagas", "wait", "x", "--answer", "soon");
	expect_usage(f, "neither decided nor completed");
	RUN(f, "sagas", "list", "--after", "x");
	expect_usage(f, "not where such a list ended");
	RUN(f, "sagas", "list", "--shard", "3", "--after", "4.1");
	expect_usage(f, "not where such a list ended");
}

static void test_help(void **state)
{
	struct cli_run *f = *state;

	RUN(f, "--help");
	assert_int_equal(f->exit_code, 0);
	assert_string_equal(f->err, "");
	assert_non_null(strstr(f->out, "Commands:"));
	RUN(f, "sagas", "-h");
	assert_int_equal(f->exit_code, 0);
	assert_non_null(strstr(f->out, "Usage: sagactl sagas COMMAND"));
	RUN(f, "help", "sagas", "submit");
	assert_int_equal(f->exit_code, 0);
	assert_non_null(strstr(f->out, "--retry-window"));
	RUN(f, "status", "--help");
	assert_non_null(strstr(f->out, "Usage: sagactl status"));
	/* A word that is wrong is not helped by help of something else. */
	RUN(f, "sagsa", "--help");
	expect_usage(f, "did you mean \"sagas\"?");
	/* Words that are missing: help, but where errors go. */
	cli_run(f, NULL, (const char *const[]){NULL});
	assert_int_equal(f->exit_code, 2);
	assert_string_equal(f->out, "");
	assert_non_null(strstr(f->err, "Commands:"));
	RUN(f, "sagas");
	assert_int_equal(f->exit_code, 2);
	assert_string_equal(f->out, "");
	assert_non_null(strstr(f->err, "sagas cancel ID"));
}

static json_t *parse(const struct cli_run *f)
{
	json_t *root = json_loads(f->out, 0, NULL);

	assert_non_null(root);
	assert_int_equal(json_integer_value(json_object_get(root, "schema_version")), 1);
	return root;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	assert_non_null(text);
	return text;
}

static void test_version(void **state)
{
	struct cli_run *f = *state;
	json_t *root;

	RUN(f, "version");
	assert_int_equal(f->exit_code, 0);
	assert_string_equal(f->out, "sagactl " SAGA_VERSION "\n");
	RUN(f, "--version");
	assert_string_equal(f->out, "sagactl " SAGA_VERSION "\n");
	RUN(f, "version", "-o", "json");
	root = parse(f);
	assert_string_equal(text_of(root, "version"), SAGA_VERSION);
	json_decref(root);
}

static void test_explain_error(void **state)
{
	struct cli_run *f = *state;
	json_t *root;

	RUN(f, "explain-error", "SAGA-2002");
	assert_int_equal(f->exit_code, 0);
	assert_non_null(strstr(f->out, "SAGA-2002 conflict\n"));
	RUN(f, "explain-error", "4005", "-o", "json");
	root = parse(f);
	assert_string_equal(text_of(root, "code"), "SAGA-4005");
	assert_string_equal(text_of(root, "slug"), "not_initialised");
	assert_string_equal(text_of(root, "class"), "retry");
	assert_int_equal(json_integer_value(json_object_get(root, "exit_code")), 5);
	json_decref(root);
	RUN(f, "explain-error", "saga-2002");
	assert_int_equal(f->exit_code, 0);
	RUN(f, "explain-error", "SAGA-2020");
	assert_int_equal(f->exit_code, 3);
	assert_string_equal(f->out, "");
	assert_non_null(strstr(f->err, "did you mean SAGA-"));
}

static void test_colors(void **state)
{
	struct cli_run *f = *state;

	/* explain-error has none; what matters is that a file gets none by itself. */
	RUN(f, "explain-error", "4005", "--color", "always");
	assert_int_equal(f->exit_code, 0);
	RUN(f, "explain-error", "4005");
	assert_null(strchr(f->out, '\x1b'));
}

static void test_files_and_inputs(void **state)
{
	struct cli_run *f = *state;
	char path[] = "/tmp/sagactl-definition-XXXXXX";
	const int fd = mkstemp(path);
	static const char definition[] =
		"name: trip\nversion: 1\nprotocol: saga\nsteps:\n"
		"  - {name: a, service: s, action: do, compensate: undo}\n";

	RUN(f, "sagas", "submit", "-f", "/nonexistent/trip.yaml");
	assert_int_equal(f->exit_code, 2);
	assert_non_null(strstr(f->err, "error[SAGA-6003]: /nonexistent/trip.yaml: No such file"));
	assert_true(fd >= 0);
	assert_int_equal(write(fd, definition, 8), 8);
	RUN(f, "sagas", "submit", "-f", path);
	assert_int_equal(f->exit_code, 2);
	assert_non_null(strstr(f->err, "error[SAGA-6002]: "));
	assert_true(pwrite(fd, definition, sizeof definition - 1, 0) > 0);
	RUN(f, "sagas", "submit", "-f", path, "--input", "{broken");
	assert_int_equal(f->exit_code, 2);
	assert_non_null(strstr(f->err, "--input is not JSON: line 1, column "));
	RUN(f, "sagas", "submit", "-f", path, "--input", "@/nonexistent/input");
	assert_int_equal(f->exit_code, 2);
	assert_non_null(strstr(f->err, "No such file"));
	(void)close(fd);
	(void)unlink(path);
}

/* Nothing listens on port 1. Flag before SAGACTL_SERVER before SAGA_NATS_URL. */
static void test_unreachable(void **state)
{
	static const char one[] = "SAGACTL_SERVER=nats://127.0.0.1:1";
	static const char other[] = "SAGA_NATS_URL=nats://127.0.0.2:1";
	struct cli_run *f = *state;

	cli_run(f, WORDS(other), WORDS("status", "--timeout", "50ms"));
	assert_int_equal(f->exit_code, 5);
	assert_string_equal(f->out, "");
	assert_non_null(
		strstr(f->err, "error[SAGA-5003]: cannot reach NATS at nats://127.0.0.2:1"));
	cli_run(f, WORDS(other, one), WORDS("shards", "list", "--timeout", "50ms"));
	assert_int_equal(f->exit_code, 5);
	assert_non_null(strstr(f->err, "nats://127.0.0.1:1\n"));
	cli_run(f, WORDS(other, one),
		WORDS("nodes", "list", "--timeout", "50ms", "--server", "nats://127.0.0.3:1"));
	assert_non_null(strstr(f->err, "nats://127.0.0.3:1\n"));
	cli_run(f, WORDS(one), WORDS("init", "--timeout", "50ms"));
	assert_int_equal(f->exit_code, 5);
	cli_run(f, WORDS(one), WORDS("sagas", "list", "--timeout", "50ms"));
	assert_int_equal(f->exit_code, 5);
	cli_run(f, WORDS(one), WORDS("sagas", "show", "x", "--timeout", "50ms"));
	assert_int_equal(f->exit_code, 5);
	cli_run(f, WORDS(one), WORDS("sagas", "cancel", "x", "--reason", "r", "--timeout", "50ms"));
	assert_int_equal(f->exit_code, 5);
	/* Without an answer within --timeout there is nothing to wait for. */
	cli_run(f, WORDS(one), WORDS("sagas", "wait", "x", "--timeout", "50ms"));
	assert_int_equal(f->exit_code, 5);
	RUN(f, "sagas", "show", "not an id");
	assert_int_equal(f->exit_code, 2);
	RUN(f, "status", "--creds", "/nonexistent/creds");
	assert_int_equal(f->exit_code, 2);
	assert_non_null(strstr(f->err, "/nonexistent/creds"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usage),       cmocka_unit_test(test_help),
		cmocka_unit_test(test_version),     cmocka_unit_test(test_explain_error),
		cmocka_unit_test(test_colors),      cmocka_unit_test(test_files_and_inputs),
		cmocka_unit_test(test_unreachable),
	};

	return cmocka_run_group_tests_name("cli_main", tests, setup, teardown);
}
