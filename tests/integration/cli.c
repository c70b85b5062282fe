/* sagactl on a real cluster: every verb, its JSON, its exit codes. */
#include "tests/unit/unit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/trip.h"

enum { OUTPUT_SIZE = 256 * 1024, PATH_SIZE = 1200, RUN_MS = 60000 };

/* Two attempts of an undo, then parked; slow steps may be slow. */
static const char DEFINITION[] = "name: trip\n"
				 "version: 1\n"
				 "protocol: saga\n"
				 "deadline: 60s\n"
				 "defaults:\n"
				 "  timeout: 20s\n"
				 "  retry: {attempts: 3, initial: 100ms, factor: 2, cap: 1s}\n"
				 "  undo_retry: {attempts: 2, initial: 100ms}\n"
				 "steps:\n"
				 "  - {name: a, service: svc-a, action: do, compensate: undo}\n"
				 "  - {name: b, service: svc-b, action: do, compensate: undo}\n"
				 "  - {name: c, service: svc-c, action: do, compensate: undo}\n";

static const char PIVOT[] = "name: pay\n"
			    "deadline: 60s\n"
			    "defaults: {timeout: 20s}\n"
			    "steps:\n"
			    "  - {name: a, service: svc-a, action: do, compensate: undo}\n"
			    "  - {name: b, service: svc-b, action: do, pivot: true}\n"
			    "  - {name: c, service: svc-c, action: do, retriable: true}\n";
static const char TWO_PHASES[] =
	"name: transfer\n"
	"protocol: 2pc\n"
	"deadline: 60s\n"
	"steps:\n"
	"  - {name: a, service: svc-a, prepare: prepare, commit: commit, rollback: rollback}\n"
	"  - {name: b, service: svc-b, prepare: prepare, commit: commit, rollback: rollback}\n"
	"  - {name: c, service: svc-c, prepare: prepare, commit: commit, rollback: rollback}\n";

struct fixture {
	struct trip trip;
	char definition[PATH_SIZE], pivot[PATH_SIZE], two_phases[PATH_SIZE], input[PATH_SIZE + 1];
	char output[OUTPUT_SIZE];
	int exit_code;
};

static void run(struct fixture *f, const char *const *words)
{
	const char *argv[32] = {"sagactl"};
	uint32_t count = 1;

	for (; *words != NULL; words++)
		argv[count++] = *words;
	if (cluster_run(f->trip.cluster, argv, RUN_MS, f->output, sizeof f->output,
			&f->exit_code) != 0)
		fail_msg("%s", cluster_trouble(f->trip.cluster));
}

#define WORDS(...)  ((const char *const[]){__VA_ARGS__, NULL})
#define RUN(f, ...) run((f), WORDS(__VA_ARGS__))

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* Submits under this id with a script for the services. */
static void submit(struct fixture *f, const char *id, const char *script)
{
	write_file(f->input + 1, script);
	RUN(f, "sagas", "submit", "-f", f->definition, "--id", id, "--input", f->input, "--label",
	    "origin=test", "-o", "json");
}

static json_t *parse(struct fixture *f)
{
	json_t *root = json_loads(f->output, 0, NULL);

	if (root == NULL)
		fail_msg("no JSON: %s", f->output);
	assert_int_equal(json_integer_value(json_object_get(root, "schema_version")), 1);
	return root;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (text == NULL)
		fail_msg("no text %s", key);
	return text;
}

static json_int_t number_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value))
		fail_msg("no number %s", key);
	return json_integer_value(value);
}

static void expect_saga_state(struct fixture *f, const char *state)
{
	json_t *root = parse(f);

	assert_string_equal(text_of(json_object_get(root, "saga"), "state"), state);
	json_decref(root);
}

/* ---- one cluster for all but the first test ------------------------------------------------ */

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct cluster_options options;

	assert_non_null(f);
	trip_options(&options);
	options.nodes = 2;
	trip_open(&f->trip, &options);
	(void)snprintf(f->definition, sizeof f->definition, "%s/trip.yaml",
		       cluster_folder(f->trip.cluster));
	(void)snprintf(f->input, sizeof f->input, "@%s/input", cluster_folder(f->trip.cluster));
	write_file(f->definition, DEFINITION);
	(void)snprintf(f->pivot, sizeof f->pivot, "%s/pivot.yaml", cluster_folder(f->trip.cluster));
	write_file(f->pivot, PIVOT);
	(void)snprintf(f->two_phases, sizeof f->two_phases, "%s/two_phases.yaml",
		       cluster_folder(f->trip.cluster));
	write_file(f->two_phases, TWO_PHASES);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	trip_close(&f->trip);
	free(f);
	return 0;
}

/* ---- before and during init ---------------------------------------------------------------- */

static void test_init(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct cluster_options options;
	json_t *root;

	(void)state;
	assert_non_null(f);
	cluster_options_init(&options);
	options.nodes = 1;
	if (cluster_create(&options, &f->trip.cluster) != 0 ||
	    cluster_start_servers(f->trip.cluster) != 0)
		fail_msg("%s", cluster_trouble(f->trip.cluster));
	/* NATS is there, but nobody else. */
	RUN(f, "status", "--timeout", "300ms");
	assert_int_equal(f->exit_code, 5);
	assert_int_equal(cluster_start_nodes(f->trip.cluster), 0);
	RUN(f, "status", "-o", "json", "--timeout", "30s");
	assert_int_equal(f->exit_code, 0);
	root = parse(f);
	assert_true(json_is_false(json_object_get(root, "initialised")));
	assert_string_equal(text_of(root, "cluster"), "");
	json_decref(root);
	RUN(f, "shards", "list");
	assert_int_equal(f->exit_code, 5);
	RUN(f, "sagas", "list");
	assert_int_equal(f->exit_code, 5);
	RUN(f, "init", "--shards", "3", "--cluster", "another");
	assert_int_equal(f->exit_code, 1);
	RUN(f, "init", "--shards", "3", "--wait", "-o", "json");
	assert_int_equal(f->exit_code, 0);
	root = parse(f);
	assert_int_equal(number_of(root, "shards"), 3);
	assert_int_equal(number_of(root, "replicas"), 1);
	assert_true(strlen(text_of(root, "cluster")) > 0);
	json_decref(root);
	RUN(f, "init", "--shards", "3");
	assert_int_equal(f->exit_code, 4);
	RUN(f, "init", "--shards", "3", "--if-needed", "--wait");
	assert_int_equal(f->exit_code, 0);
	RUN(f, "init", "--shards", "4", "--if-needed");
	assert_int_equal(f->exit_code, 4);
	/* It waited for every shard to be served. */
	RUN(f, "status", "-o", "json");
	assert_int_equal(f->exit_code, 0);
	root = parse(f);
	assert_int_equal(number_of(json_object_get(root, "shards"), "owned"), 3);
	assert_int_equal(number_of(json_object_get(root, "shards"), "orphaned"), 0);
	json_decref(root);
	cluster_destroy(f->trip.cluster);
	free(f);
}

/* ---- the cluster --------------------------------------------------------------------------- */

static void test_nodes_and_shards(void **state)
{
	struct fixture *f = *state;
	json_t *root;
	json_t *entry;
	size_t i;

	RUN(f, "nodes", "list", "-o", "json");
	assert_int_equal(f->exit_code, 0);
	root = parse(f);
	assert_int_equal(json_array_size(json_object_get(root, "nodes")), 2);
	json_array_foreach(json_object_get(root, "nodes"), i, entry)
	{
		assert_string_equal(text_of(entry, "state"), "ready");
		assert_string_equal(text_of(entry, "version"), SAGA_VERSION);
		assert_true(number_of(entry, "since_unix_ms") > 1500000000000);
	}
	json_decref(root);
	RUN(f, "shards", "list", "-o", "json");
	assert_int_equal(f->exit_code, 0);
	root = parse(f);
	assert_int_equal(json_array_size(json_object_get(root, "shards")), 4);
	json_array_foreach(json_object_get(root, "shards"), i, entry)
	{
		assert_int_equal(number_of(entry, "shard"), i);
		assert_true(text_of(entry, "owner")[0] == 'n');
		assert_true(text_of(entry, "target")[0] == 'n');
		assert_true(number_of(entry, "epoch") > 0);
	}
	json_decref(root);
	/* For people: a header and a line each. */
	RUN(f, "shards", "list");
	assert_non_null(strstr(f->output, "SHARD  STATE"));
	RUN(f, "shards", "list", "--no-headers");
	assert_null(strstr(f->output, "SHARD"));
}

/* ---- sagas --------------------------------------------------------------------------------- */

static void test_submit_wait_show(void **state)
{
	struct fixture *f = *state;
	json_t *root;
	json_t *history;
	json_t *entry;
	size_t i;
	uint32_t attempts = 0;

	submit(f, "cli-ok", "retry:b:1");
	assert_int_equal(f->exit_code, 0);
	RUN(f, "sagas", "wait", "cli-ok", "-o", "json");
	assert_int_equal(f->exit_code, 0);
	expect_saga_state(f, "completed");
	trip_assert_outcome(&f->trip, "cli-ok", SAGA_STATE_COMPLETED);
	RUN(f, "sagas", "show", "cli-ok", "-o", "json");
	assert_int_equal(f->exit_code, 0);
	root = parse(f);
	entry = json_object_get(root, "saga");
	assert_string_equal(text_of(entry, "definition"), "trip");
	assert_string_equal(text_of(json_object_get(entry, "labels"), "origin"), "test");
	assert_int_equal(number_of(entry, "input_bytes"), strlen("retry:b:1"));
	assert_int_equal(json_array_size(json_object_get(entry, "steps")), 3);
	history = json_object_get(root, "history");
	json_array_foreach(history, i, entry)
	{
		if (i == 0)
			assert_string_equal(text_of(entry, "kind"), "accepted");
		if (strcmp(text_of(entry, "kind"), "attempt") != 0)
			continue;
		attempts++;
		if (strcmp(text_of(entry, "step"), "b") == 0 && number_of(entry, "attempt") == 1)
			assert_string_equal(text_of(entry, "event"), "again");
		else
			assert_string_equal(text_of(entry, "event"), "ok");
		assert_string_equal(text_of(entry, "operation"), "do");
		assert_true(strncmp(text_of(entry, "instance"), "svc-", 4) == 0);
	}
	assert_int_equal(attempts, 4);
	entry = json_array_get(history, json_array_size(history) - 1);
	assert_string_equal(text_of(entry, "kind"), "finished");
	assert_true(json_is_true(json_object_get(root, "history_complete")));
	json_decref(root);
}

static void test_submit_twice_and_with_another_body(void **state)
{
	struct fixture *f = *state;

	submit(f, "cli-twice", "plain");
	assert_int_equal(f->exit_code, 0);
	submit(f, "cli-twice", "plain");
	assert_int_equal(f->exit_code, 0);
	submit(f, "cli-twice", "reject:b");
	assert_int_equal(f->exit_code, 4);
	RUN(f, "sagas", "wait", "cli-twice", "-q");
	assert_int_equal(f->exit_code, 0);
	assert_string_equal(f->output, "completed\n");
	assert_int_equal(trip_effects(&f->trip, "cli-twice", 0, false), 1);
}

static void test_quiet_submit_gives_the_id(void **state)
{
	struct fixture *f = *state;
	char id[64];

	RUN(f, "sagas", "submit", "-f", f->definition, "--input", "{\"a\": 1}", "--wait", "-q");
	assert_int_equal(f->exit_code, 0);
	(void)snprintf(id, sizeof id, "%.*s", (int)strcspn(f->output, "\n"), f->output);
	assert_int_equal(strlen(id), 36);
	assert_int_equal(trip_effects(&f->trip, id, 2, false), 1);
}

static void test_exit_codes_of_ends(void **state)
{
	struct fixture *f = *state;

	write_file(f->input + 1, "reject:c");
	RUN(f, "sagas", "submit", "-f", f->definition, "--id", "cli-undone", "--input", f->input,
	    "--wait", "-o", "json");
	assert_int_equal(f->exit_code, 10);
	expect_saga_state(f, "compensated");
	trip_assert_outcome(&f->trip, "cli-undone", SAGA_STATE_COMPENSATED);

	write_file(f->input + 1, "reject:c failundo:a:1000");
	RUN(f, "sagas", "submit", "-f", f->definition, "--id", "cli-parked", "--input", f->input,
	    "--wait", "-o", "json");
	assert_int_equal(f->exit_code, 11);
	expect_saga_state(f, "parked");
	RUN(f, "status", "-o", "json");
	json_t *root = parse(f);
	assert_int_equal(number_of(json_object_get(root, "sagas"), "parked"), 1);
	assert_true(number_of(json_object_get(root, "sagas"), "open") >= 1);
	json_decref(root);
	RUN(f, "sagas", "list", "--state", "parked", "-q");
	assert_string_equal(f->output, "cli-parked\n");

	submit(f, "cli-slow", "slow:b:15000");
	RUN(f, "sagas", "wait", "cli-slow", "--wait-timeout", "200ms", "-q");
	assert_int_equal(f->exit_code, 8);
	assert_string_equal(f->output, "running\n");
	RUN(f, "sagas", "wait", "cli-nobody");
	assert_int_equal(f->exit_code, 3);
	assert_string_equal(f->output, "");
	RUN(f, "sagas", "show", "cli-nobody");
	assert_int_equal(f->exit_code, 3);
}

static void test_cancel(void **state)
{
	struct fixture *f = *state;
	json_t *root;

	submit(f, "cli-cancel", "slow:b:3000");
	RUN(f, "sagas", "cancel", "cli-cancel", "--reason", "changed my mind", "-o", "json");
	assert_int_equal(f->exit_code, 0);
	RUN(f, "sagas", "wait", "cli-cancel");
	assert_int_equal(f->exit_code, 10);
	trip_assert_outcome(&f->trip, "cli-cancel", SAGA_STATE_COMPENSATED);
	RUN(f, "sagas", "show", "cli-cancel");
	assert_non_null(strstr(f->output, "changed my mind"));
	submit(f, "cli-late", "plain");
	RUN(f, "sagas", "wait", "cli-late");
	RUN(f, "sagas", "cancel", "cli-late", "--reason", "too late");
	assert_int_equal(f->exit_code, 4);
	/* Before its submit: blocked. */
	RUN(f, "sagas", "cancel", "cli-early", "--reason", "never", "-q");
	assert_int_equal(f->exit_code, 0);
	assert_string_equal(f->output, "cancelled\n");
	submit(f, "cli-early", "plain");
	assert_int_equal(f->exit_code, 4);
	RUN(f, "sagas", "show", "cli-early", "-o", "json");
	assert_int_equal(f->exit_code, 0);
	root = parse(f);
	assert_string_equal(text_of(json_array_get(json_object_get(root, "history"), 0), "kind"),
			    "blocked");
	json_decref(root);
}

/* What stands behind the pivot takes its time: decided, and delivery is pending. */
static void test_decided_and_pending(void **state)
{
	struct fixture *f = *state;
	json_t *root;
	json_t *saga;

	write_file(f->input + 1, "slow:c:4000");
	RUN(f, "sagas", "submit", "-f", f->pivot, "--id", "cli-pivot", "--input", f->input,
	    "--wait", "--answer", "decided", "-o", "json");
	assert_int_equal(f->exit_code, 0);
	root = parse(f);
	saga = json_object_get(root, "saga");
	assert_string_equal(text_of(saga, "state"), "finishing");
	assert_string_equal(text_of(saga, "decision"), "commit");
	json_decref(root);
	RUN(f, "sagas", "list", "--state", "finishing", "-q");
	assert_string_equal(f->output, "cli-pivot\n");
	RUN(f, "sagas", "cancel", "cli-pivot", "--reason", "too late");
	assert_int_equal(f->exit_code, 4);
	RUN(f, "sagas", "wait", "cli-pivot", "--wait-timeout", "200ms");
	assert_int_equal(f->exit_code, 8);
	assert_non_null(strstr(f->output, "decision    commit, delivery pending\n"));
	RUN(f, "sagas", "wait", "cli-pivot", "-q");
	assert_int_equal(f->exit_code, 0);
	assert_string_equal(f->output, "completed\n");
	/* The first answer says already what was decided. */
	RUN(f, "sagas", "wait", "cli-pivot", "--answer", "decided", "-q");
	assert_int_equal(f->exit_code, 0);
	assert_string_equal(f->output, "commit\n");
	for (uint32_t step = 0; step < TRIP_STEPS; step++)
		assert_int_equal(trip_effects(&f->trip, "cli-pivot", step, false), 1);
	RUN(f, "sagas", "show", "cli-pivot");
	assert_non_null(strstr(f->output, "pivot      svc-b    ok"));
	assert_non_null(strstr(f->output, "retriable  svc-c    ok"));
	assert_non_null(strstr(f->output, "commit decided"));
}

/* Steps of a finished saga come from its history. */
static void expect_steps(struct fixture *f, const char *const *states)
{
	json_t *root = parse(f);
	json_t *step;
	size_t i;

	assert_int_equal(json_array_size(json_object_get(json_object_get(root, "saga"), "steps")),
			 TRIP_STEPS);
	json_array_foreach(json_object_get(json_object_get(root, "saga"), "steps"), i, step)
	{
		assert_string_equal(text_of(step, "kind"), "2pc");
		assert_string_equal(text_of(step, "state"), states[i]);
		assert_int_equal(number_of(step, "finish_attempts"),
				 strcmp(states[i], "heuristic") == 0 || i == 1 ? 1 : 0);
	}
	json_decref(root);
}

/* One votes "read only"; another one had decided by itself when it was told to commit. */
static void test_two_phases(void **state)
{
	struct fixture *f = *state;
	json_t *root;

	write_file(f->input + 1, "readonly:a heuristic:c");
	RUN(f, "sagas", "submit", "-f", f->two_phases, "--id", "cli-2pc", "--input", f->input,
	    "--wait", "-o", "json");
	assert_int_equal(f->exit_code, 12);
	root = parse(f);
	assert_string_equal(text_of(json_object_get(root, "saga"), "state"), "completed");
	assert_int_equal(number_of(json_object_get(root, "saga"), "heuristics"), 1);
	json_decref(root);
	RUN(f, "sagas", "list", "--heuristic", "-q");
	assert_string_equal(f->output, "cli-2pc\n");
	RUN(f, "sagas", "show", "cli-2pc", "-o", "json");
	assert_int_equal(f->exit_code, 0);
	expect_steps(f, WORDS("done", "done", "heuristic"));
	RUN(f, "sagas", "show", "cli-2pc");
	assert_non_null(strstr(f->output, "commit decided"));
	assert_non_null(strstr(f->output, "read_only"));

	write_file(f->input + 1, "reject:b");
	RUN(f, "sagas", "submit", "-f", f->two_phases, "--id", "cli-no", "--input", f->input, "-q");
	assert_int_equal(f->exit_code, 0);
	RUN(f, "sagas", "wait", "cli-no", "--answer", "decided", "-q");
	assert_int_equal(f->exit_code, 10);
	assert_string_equal(f->output, "abort\n");
	RUN(f, "sagas", "wait", "cli-no", "-q");
	assert_int_equal(f->exit_code, 10);
	assert_string_equal(f->output, "compensated\n");
}

/* Page by page every saga comes once, whatever shard it is on. */
static void test_list_pages(void **state)
{
	enum { SAGAS = 23 };
	struct fixture *f = *state;
	uint32_t seen[SAGAS] = {0};
	char cursor[64] = "0.0";
	bool more = true;

	for (uint32_t i = 0; i < SAGAS; i++) {
		char id[SAGA_ID_SIZE];

		trip_submit(&f->trip, "plain", id);
	}
	while (more) {
		json_t *root;
		json_t *entry;
		size_t i;

		RUN(f, "sagas", "list", "--limit", "5", "--after", cursor, "-o", "json");
		assert_int_equal(f->exit_code, 0);
		root = parse(f);
		assert_true(json_array_size(json_object_get(root, "sagas")) <= 5);
		json_array_foreach(json_object_get(root, "sagas"), i, entry)
		{
			const char *id = text_of(entry, "id");
			unsigned number = 0;

			if (sscanf(id, "trip-%u", &number) != 1)
				continue;
			assert_in_range(number, 1, SAGAS);
			seen[number - 1]++;
		}
		more = json_is_string(json_object_get(root, "next"));
		if (more)
			(void)snprintf(cursor, sizeof cursor, "%s", text_of(root, "next"));
		json_decref(root);
	}
	for (uint32_t i = 0; i < SAGAS; i++)
		assert_int_equal(seen[i], 1);
}

/* The last test: it kills. The history shows both owners. */
static void test_show_across_a_take_over(void **state)
{
	struct fixture *f = *state;
	const char *owner;
	json_t *root;
	json_t *history;
	json_int_t first;
	json_int_t last;

	submit(f, "cli-moved", "slow:b:2000");
	assert_int_equal(f->exit_code, 0);
	owner = trip_owner(&f->trip, "cli-moved");
	assert_int_equal(cluster_signal(f->trip.cluster, owner, SIGKILL), 0);
	/* Asked while nobody owns the shard: a pause, not an error. */
	RUN(f, "sagas", "show", "cli-moved", "--timeout", "40s");
	assert_int_equal(f->exit_code, 0);
	RUN(f, "sagas", "wait", "cli-moved");
	assert_int_equal(f->exit_code, 0);
	RUN(f, "sagas", "show", "cli-moved", "-o", "json");
	root = parse(f);
	history = json_object_get(root, "history");
	first = number_of(json_array_get(history, 0), "epoch");
	last = number_of(json_array_get(history, json_array_size(history) - 1), "epoch");
	assert_true(last > first);
	json_decref(root);
	RUN(f, "sagas", "show", "cli-moved");
	assert_non_null(strstr(f->output, "new owner"));
	/* And with nobody at all. */
	owner = trip_owner(&f->trip, "cli-moved");
	assert_int_equal(cluster_signal(f->trip.cluster, owner, SIGKILL), 0);
	assert_true(cluster_wait_end(f->trip.cluster, owner, 5000));
	RUN(f, "status", "--timeout", "500ms");
	assert_int_equal(f->exit_code, 5);
	RUN(f, "sagas", "wait", "cli-moved", "--timeout", "1s");
	assert_int_equal(f->exit_code, 5);
}

/* A server that takes connections and says nothing: an attempt to connect that has just begun holds
 * a command up, but not for long. The best of three, since this machine may be busy; an attempt of
 * its full time would show in each. */
static void test_timeout_with_a_frozen_broker(void **state)
{
	struct fixture *f = *state;
	uint64_t best_ms = UINT64_MAX;

	assert_int_equal(cluster_signal(f->trip.cluster, "nats1", SIGSTOP), 0);
	for (int i = 0; i < 3; i++) {
		const uint64_t begin_ms = wait_now_ms();

		RUN(f, "status", "--timeout", "200ms");
		assert_int_not_equal(f->exit_code, 0);
		if (wait_now_ms() - begin_ms < best_ms)
			best_ms = wait_now_ms() - begin_ms;
	}
	assert_int_equal(cluster_signal(f->trip.cluster, "nats1", SIGCONT), 0);
	assert_true(best_ms >= 200);
	assert_true(best_ms < 1900);
}

int main(void)
{
	const struct CMUnitTest before[] = {
		cmocka_unit_test(test_init),
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nodes_and_shards),
		cmocka_unit_test(test_submit_wait_show),
		cmocka_unit_test(test_submit_twice_and_with_another_body),
		cmocka_unit_test(test_quiet_submit_gives_the_id),
		cmocka_unit_test(test_exit_codes_of_ends),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_decided_and_pending),
		cmocka_unit_test(test_two_phases),
		cmocka_unit_test(test_list_pages),
		cmocka_unit_test(test_show_across_a_take_over),
		cmocka_unit_test(test_timeout_with_a_frozen_broker),
	};
	const int failed = cmocka_run_group_tests_name("cli_init", before, NULL, NULL);

	return failed + cmocka_run_group_tests_name("cli", tests, setup, teardown);
}
