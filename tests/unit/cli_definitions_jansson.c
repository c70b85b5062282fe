/* sagactl definitions: what it prints, and how it ends. */
#include "tests/unit/cli_run.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define WORDS(...)  ((const char *const[]){__VA_ARGS__, NULL})
#define RUN(f, ...) cli_run((f), NULL, WORDS("definitions", __VA_ARGS__))

static const char good[] =
	"name: order\n"
	"deadline: 90s\n"
	"defaults: {timeout: 4s, delivery: direct, retry: {attempts: 2, jitter: 0}}\n"
	"steps:\n"
	"  - {name: goods, service: inventory, action: reserve, compensate: release}\n"
	"  - {name: points, service: loyalty, action: add, compensate: none, optional: true,\n"
	"     after: []}\n"
	"  - {name: money, service: payment, action: charge, pivot: true,\n"
	"     input: {amount: $.input.total}}\n"
	"  - {name: parcel, service: shipping, action: send, retriable: true, after: []}\n";
static const char bad[] = "name: order\n"
			  "deadline: 90\n"
			  "steps:\n"
			  "  - {name: goods, service: inventory, action: reserve}\n";
static const char in_json[] =
	"{\n\t\"name\": \"order\",\n\t\"steps\": [\n"
	"\t\t{\"name\":\"a\",\"service\":\"s\",\"action\":\"do\",\"compensate\":\"none\",\n"
	"\t\t \"input\":{\"x\":\"$.input\",\"y\":[1,true,null,\"a\\/b\\u00e9\"]}}\n\t]\n}\n";
static const char votes[] = "name: v\n"
			    "protocol: 2pc\n"
			    "steps:\n"
			    "  - {name: a, service: s, prepare: p, commit: c, rollback: r}\n";
static const char warning[] =
	":6:63: warning: compensate: nothing undoes step \"points\", and \"goods\" beside it may "
	"fail: right only if it changes nothing [no_undo /steps/1/compensate]\n";

struct fixture {
	struct cli_run run;
	char good[64], bad[64], in_json[64], votes[64];
};

static void write_file(char path[64], const char *text)
{
	(void)snprintf(path, 64, "/tmp/cli_definitions_XXXXXX");
	const int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	if (f == NULL)
		return -1;
	write_file(f->good, good);
	write_file(f->bad, bad);
	write_file(f->in_json, in_json);
	write_file(f->votes, votes);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)unlink(f->good);
	(void)unlink(f->bad);
	(void)unlink(f->in_json);
	(void)unlink(f->votes);
	free(f);
	return 0;
}

static json_t *parsed(const struct fixture *f)
{
	json_t *root = json_loads(f->run.out, 0, NULL);

	if (root == NULL)
		fail_msg("no JSON: %s", f->run.out);
	assert_int_equal(json_integer_value(json_object_get(root, "schema_version")), 1);
	return root;
}

static const char *text_at(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	assert_non_null(text);
	return text;
}

/* ---- validate -----------------------------------------------------------------------------------
 */

static void validate(void **state)
{
	struct fixture *f = *state;
	char expected[1024];

	RUN(&f->run, "validate", f->in_json);
	assert_int_equal(f->run.exit_code, 0);
	(void)snprintf(expected, sizeof expected, "%s: good: saga, 1 step\n", f->in_json);
	assert_string_equal(f->run.out, expected);
	RUN(&f->run, "validate", "-q", f->in_json);
	assert_int_equal(f->run.exit_code, 0);
	assert_string_equal(f->run.out, "");

	RUN(&f->run, "validate", f->good);
	assert_int_equal(f->run.exit_code, 0);
	(void)snprintf(expected, sizeof expected, "%s%s%s: good: saga, 4 steps, 1 warning\n",
		       f->good, warning, f->good);
	assert_string_equal(f->run.out, expected);
	RUN(&f->run, "validate", f->good, "--strict");
	assert_int_equal(f->run.exit_code, 2);
	(void)snprintf(expected, sizeof expected, "%s%s", f->good, warning);
	assert_string_equal(f->run.out, expected);
	assert_string_equal(f->run.err, "error[SAGA-6002]: 1 of 1 files is not good\n");

	RUN(&f->run, "validate", f->in_json, f->bad, "-q");
	assert_int_equal(f->run.exit_code, 2);
	(void)snprintf(expected, sizeof expected,
		       "%s:2:11: deadline: \"90\" is not a duration such as 500ms, 15s, 2m or 1h "
		       "[duration /deadline]\n"
		       "%s:4:5: step 1 has no compensate: an operation, or none where there is "
		       "nothing to undo [missing_key /steps/0/compensate]\n",
		       f->bad, f->bad);
	assert_string_equal(f->run.out, expected);
	assert_string_equal(f->run.err, "error[SAGA-6002]: 1 of 2 files is not good\n");
}

static void validate_what_is_not_there(void **state)
{
	struct fixture *f = *state;

	RUN(&f->run, "validate", "/nonexistent/a.yaml", f->in_json);
	assert_int_equal(f->run.exit_code, 2);
	assert_non_null(strstr(f->run.err, "/nonexistent/a.yaml: No such file or directory"));
	assert_non_null(strstr(f->run.out, ": good: saga, 1 step\n"));
	RUN(&f->run, "validate");
	assert_int_equal(f->run.exit_code, 2);
	assert_non_null(strstr(f->run.err, "needs FILE..."));
}

static void validate_as_json(void **state)
{
	struct fixture *f = *state;

	RUN(&f->run, "validate", f->good, f->bad, "-o", "json");
	assert_int_equal(f->run.exit_code, 2);
	json_t *root = parsed(f);
	json_t *files = json_object_get(root, "files");
	json_t *first = json_array_get(files, 0);
	json_t *second = json_array_get(files, 1);
	json_t *problem = json_array_get(json_object_get(first, "problems"), 0);

	assert_int_equal(json_array_size(files), 2);
	assert_string_equal(text_at(first, "file"), f->good);
	assert_true(json_is_true(json_object_get(first, "valid")));
	assert_string_equal(text_at(problem, "severity"), "warning");
	assert_string_equal(text_at(problem, "code"), "no_undo");
	assert_true(json_is_false(json_object_get(second, "valid")));
	assert_int_equal(json_integer_value(json_object_get(second, "problem_count")), 2);
	problem = json_array_get(json_object_get(second, "problems"), 1);
	assert_string_equal(text_at(problem, "severity"), "error");
	assert_string_equal(text_at(problem, "code"), "missing_key");
	assert_string_equal(text_at(problem, "pointer"), "/steps/0/compensate");
	assert_int_equal(json_integer_value(json_object_get(problem, "line")), 4);
	assert_int_equal(json_integer_value(json_object_get(problem, "column")), 5);
	json_decref(root);

	RUN(&f->run, "validate", "--strict", f->good, "-o", "json");
	assert_int_equal(f->run.exit_code, 2);
	root = parsed(f);
	first = json_array_get(json_object_get(root, "files"), 0);
	assert_true(json_is_false(json_object_get(first, "valid")));
	problem = json_array_get(json_object_get(first, "problems"), 0);
	assert_string_equal(text_at(problem, "severity"), "error");
	json_decref(root);
}

/* The same reader: nobody is there to take it, but it is not the file's fault. */
static void submit_takes_json(void **state)
{
	struct fixture *f = *state;

	cli_run(&f->run, NULL,
		WORDS("sagas", "submit", "-f", f->in_json, "--server", "nats://127.0.0.1:1",
		      "--timeout", "50ms"));
	assert_int_equal(f->run.exit_code, 5);
	cli_run(&f->run, NULL,
		WORDS("sagas", "submit", "-f", f->bad, "--server", "nats://127.0.0.1:1"));
	assert_int_equal(f->run.exit_code, 2);
	assert_non_null(strstr(f->run.err, "[missing_key /steps/0/compensate]"));
}

/* ---- graph --------------------------------------------------------------------------------------
 */

static void graph(void **state)
{
	static const char picture[] =
		"order, version 1: saga, 4 steps, deadline 90s\n"
		"\n"
		"  +-o goods   saga           inventory: reserve / release\n"
		"  +-o points  optional       loyalty: add / nothing to undo\n"
		"  |\n"
		"  o   money   pivot          payment: charge  after goods*, points\n"
		"  |\n"
		"  = = = the point of no return\n"
		"  |\n"
		"  o   parcel  retriable      shipping: send  after money*\n"
		"\n"
		"  * not written: it follows from the point of no return\n";
	struct fixture *f = *state;

	RUN(&f->run, "graph", f->good);
	assert_int_equal(f->run.exit_code, 0);
	assert_string_equal(f->run.out, picture);
	RUN(&f->run, "graph", f->good, "-o", "text");
	assert_string_equal(f->run.out, picture);
	RUN(&f->run, "graph", f->bad);
	assert_int_equal(f->run.exit_code, 2);
	assert_string_equal(f->run.out, "");
	assert_non_null(strstr(f->run.err, "[duration /deadline]"));
	RUN(&f->run, "validate", f->good, "-o", "dot");
	assert_int_equal(f->run.exit_code, 2);
}

/* What one of them waits for anyway is not drawn again. */
static void graph_of_a_chain(void **state)
{
	static const char chain[] =
		"name: chain\n"
		"steps:\n"
		"  - {name: a, service: s, action: do, compensate: undo}\n"
		"  - {name: b, service: s, action: do, compensate: undo}\n"
		"  - {name: c, service: s, action: do, compensate: undo, after: [a, b]}\n"
		"  - {name: p, service: s, action: do, pivot: true, after: []}\n";
	static const char picture[] = "chain, version 1: saga, 4 steps, deadline 1m\n"
				      "\n"
				      "  o   a  saga           s: do / undo\n"
				      "  |\n"
				      "  o   b  saga           s: do / undo  after a\n"
				      "  |\n"
				      "  o   c  saga           s: do / undo  after b\n"
				      "  |\n"
				      "  o   p  pivot          s: do  after c*\n"
				      "  |\n"
				      "  = = = the point of no return\n"
				      "\n"
				      "  * not written: it follows from the point of no return\n";
	struct fixture *f = *state;
	char path[64];

	write_file(path, chain);
	RUN(&f->run, "graph", path);
	(void)unlink(path);
	assert_int_equal(f->run.exit_code, 0);
	assert_string_equal(f->run.out, picture);
}

static void graph_for_programs(void **state)
{
	static const char dot[] =
		"digraph \"order\" {\n"
		"\trankdir=LR;\n"
		"\tnode [shape=box];\n"
		"\t\"goods\" [label=\"goods\\nsaga\\ninventory: reserve / release\"];\n"
		"\t\"points\" [label=\"points\\noptional\\nloyalty: add / nothing to undo\", "
		"style=dashed];\n"
		"\t\"money\" [label=\"money\\npivot\\npayment: charge\", shape=octagon, "
		"penwidth=2];\n"
		"\t\"parcel\" [label=\"parcel\\nretriable\\nshipping: send\", style=rounded];\n"
		"\t\"goods\" -> \"money\" [style=dashed];\n"
		"\t\"points\" -> \"money\";\n"
		"\t\"money\" -> \"parcel\" [style=dashed];\n"
		"}\n";
	struct fixture *f = *state;

	RUN(&f->run, "graph", f->good, "-o", "dot");
	assert_int_equal(f->run.exit_code, 0);
	assert_string_equal(f->run.out, dot);
	RUN(&f->run, "graph", f->good, "-o", "json");
	json_t *root = parsed(f);
	json_t *edge = json_array_get(json_object_get(root, "edges"), 0);
	json_t *step = json_array_get(json_object_get(root, "steps"), 2);

	assert_int_equal(json_array_size(json_object_get(root, "edges")), 3);
	assert_string_equal(text_at(edge, "from"), "goods");
	assert_string_equal(text_at(edge, "to"), "money");
	assert_true(json_is_true(json_object_get(edge, "implied")));
	assert_string_equal(text_at(step, "name"), "money");
	assert_true(json_is_true(json_object_get(step, "pivot")));
	assert_int_equal(json_integer_value(json_object_get(step, "level")), 1);
	json_decref(root);
}

/* ---- test ---------------------------------------------------------------------------------------
 */

static void test_paths(void **state)
{
	static const char path[] =
		" AFTER  EVENT      STEP    OPERATION  ATTEMPT  DETAIL\n"
		"0.000s  accepted   -       -          -        -\n"
		"0.000s  send       goods   reserve          1  -\n"
		"0.000s  send       points  add              1  -\n"
		"0.010s  ok         goods   reserve          1  -\n"
		"0.010s  ok         points  add              1  -\n"
		"0.010s  send       money   charge           1  {\"amount\":12.50}\n"
		"0.020s  ok         money   charge           1  -\n"
		"0.020s  send       parcel  send             1  -\n"
		"0.030s  ok         parcel  send             1  -\n"
		"0.030s  completed  -       -          -        -\n"
		"\n"
		"state       completed\n"
		"decision    commit\n"
		"steps       goods: ok\n"
		"            points: ok\n"
		"            money: ok\n"
		"            parcel: ok\n";
	struct fixture *f = *state;

	RUN(&f->run, "test", f->good, "--input", "{\"total\": 12.50}");
	assert_int_equal(f->run.exit_code, 0);
	assert_string_equal(f->run.out, path);
	assert_string_equal(f->run.err, "");
	RUN(&f->run, "test", f->good, "-q", "--fail", "money=rejected");
	assert_int_equal(f->run.exit_code, 10);
	assert_string_equal(f->run.out, "compensated\n");
	RUN(&f->run, "test", f->good, "-q", "--fail", "parcel=rejected");
	assert_int_equal(f->run.exit_code, 11);
	assert_string_equal(f->run.out, "parked\n");
	RUN(&f->run, "test", f->good, "-q", "--fail", "money=rejected", "--fail",
	    "goods:release=exhausted");
	assert_int_equal(f->run.exit_code, 11);
	RUN(&f->run, "test", f->good, "-q", "--fail", "money=unknown", "--fail", "points:add=lost");
	assert_int_equal(f->run.exit_code, 0);
	RUN(&f->run, "test", f->votes, "--fail", "a:commit=heuristic-rollback");
	assert_int_equal(f->run.exit_code, 12);
	assert_non_null(strstr(f->run.out, "a: heuristic\n"));
	assert_non_null(strstr(f->run.out, "heuristics  1\n"));
}

static void test_as_json(void **state)
{
	struct fixture *f = *state;

	RUN(&f->run, "test", f->good, "-o", "json", "--fail", "money=rejected");
	assert_int_equal(f->run.exit_code, 10);
	json_t *root = parsed(f);
	json_t *events = json_object_get(root, "events");
	json_t *steps = json_object_get(root, "steps");
	json_t *decision = NULL;
	json_t *event;
	size_t index;

	assert_string_equal(text_at(root, "state"), "compensated");
	assert_string_equal(text_at(root, "reason"), "rejected");
	assert_string_equal(text_at(root, "decision"), "abort");
	assert_string_equal(text_at(json_array_get(steps, 0), "state"), "undone");
	assert_string_equal(text_at(json_array_get(steps, 2), "state"), "rejected");
	assert_string_equal(text_at(json_array_get(steps, 3), "state"), "skipped");
	json_array_foreach(events, index, event)
	{
		if (strcmp(text_at(event, "event"), "abort") == 0)
			decision = event;
		if (strcmp(text_at(event, "event"), "send") == 0) {
			assert_non_null(text_at(event, "class"));
			assert_non_null(json_object_get(event, "input"));
		}
	}
	assert_non_null(decision);
	assert_string_equal(text_at(decision, "step"), "money");
	assert_int_equal(json_integer_value(json_object_get(decision, "after_ms")), 20);
	json_decref(root);
}

static void test_usage(void **state)
{
	static const struct {
		const char *fail, *words;
	} cases[] = {
		{"mony=rejected", "--fail: no step \"mony\": did you mean \"money\"?"},
		{"zzz=rejected", "--fail: no step \"zzz\""},
		{"money", "--fail \"money\" is not STEP[:OPERATION]=ANSWER"},
		{"money:undo2=rejected", "step \"money\" has no operation \"undo2\""},
		{"money=broken", "\"broken\" is none of ok, rejected, unknown"},
		{"money=heuristic-commit", "heuristic-commit is no answer to forward"},
		{"goods:undo=read-only", "read-only is no answer to undo"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		RUN(&f->run, "test", f->good, "--fail", cases[i].fail);
		assert_int_equal(f->run.exit_code, 2);
		assert_string_equal(f->run.out, "");
		if (strstr(f->run.err, cases[i].words) == NULL)
			fail_msg("%s: %s", cases[i].fail, f->run.err);
	}
	RUN(&f->run, "test", f->good, "--input", "{");
	assert_int_equal(f->run.exit_code, 2);
	assert_non_null(strstr(f->run.err, "--input is not JSON"));
	RUN(&f->run, "test", f->bad);
	assert_int_equal(f->run.exit_code, 2);
	assert_non_null(strstr(f->run.err, "[duration /deadline]"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(validate, setup, teardown),
		cmocka_unit_test_setup_teardown(validate_what_is_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(validate_as_json, setup, teardown),
		cmocka_unit_test_setup_teardown(submit_takes_json, setup, teardown),
		cmocka_unit_test_setup_teardown(graph, setup, teardown),
		cmocka_unit_test_setup_teardown(graph_of_a_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(graph_for_programs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_as_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_usage, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
