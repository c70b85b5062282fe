/* Shards moved on purpose, on a real cluster: plans, operations, and the node that plans killed
 * half way. */
#include "tests/unit/unit.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/launcher.h"

enum { OUTPUT_SIZE = 256 * 1024, RUN_MS = 120000, SHARDS = 16, WAIT_MS = 60000, NAME_SIZE = 72 };

struct fixture {
	struct cluster *cluster;
	char plan[64];
	char output[OUTPUT_SIZE];
	int exit_code;
};

static void run(struct fixture *f, const char *const *words)
{
	const char *argv[48] = {"sagactl"};
	uint32_t count = 1;

	for (; *words != NULL; words++)
		argv[count++] = *words;
	if (cluster_run(f->cluster, argv, RUN_MS, f->output, sizeof f->output, &f->exit_code) != 0)
		fail_msg("%s", cluster_trouble(f->cluster));
}
#define RUN(f, ...) run((f), (const char *const[]){__VA_ARGS__, NULL})

static void expect(const struct fixture *f, int exit_code)
{
	if (f->exit_code != exit_code)
		fail_msg("ends with %d: %s", f->exit_code, f->output);
}

static json_t *parse(const struct fixture *f)
{
	json_t *root = json_loads(f->output, 0, NULL);

	if (root == NULL)
		fail_msg("no JSON: %s", f->output);
	return root;
}

static const char *text_at(const json_t *root, const char *object, const char *key)
{
	const char *text = json_string_value(
		json_object_get(object == NULL ? root : json_object_get(root, object), key));

	if (text == NULL)
		fail_msg("no text %s", key);
	return text;
}

static json_int_t count_of(const json_t *root, const char *key)
{
	return json_integer_value(json_object_get(
		json_object_get(json_object_get(root, "operation"), "counts"), key));
}

static int setup(void **state)
{
	static struct fixture f;
	struct cluster_options options;

	cluster_options_init(&options);
	options.nodes = 3;
	options.shards = SHARDS;
	if (cluster_create(&options, &f.cluster) != 0 || cluster_start(f.cluster) != 0) {
		(void)fprintf(stderr, "%s\n", cluster_trouble(f.cluster));
		return 1;
	}
	(void)snprintf(f.plan, sizeof f.plan, "/tmp/sagad-plan-%d.json", (int)getpid());
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)unlink(f->plan);
	cluster_destroy(f->cluster);
	return 0;
}

static uint32_t owned_by(struct fixture *f, const char *node, const char *shards[SHARDS])
{
	static const char *const numbers[SHARDS] = {"0", "1", "2",  "3",  "4",  "5",  "6",  "7",
						    "8", "9", "10", "11", "12", "13", "14", "15"};
	struct cluster_shards *view = calloc(1, sizeof *view);
	uint32_t count = 0;

	assert_int_equal(cluster_shards(f->cluster, view, RUN_MS), 0);
	for (uint32_t i = 0; i < view->count; i++) {
		if (strcmp(view->shards[i].owner, node) == 0)
			shards[count++] = numbers[i];
	}
	free(view);
	return count;
}

static uint32_t owns(struct fixture *f, const char *node)
{
	const char *shards[SHARDS];

	return owned_by(f, node, shards);
}

static void planner_of(struct fixture *f, char name[NAME_SIZE])
{
	json_t *root;

	RUN(f, "status", "-o", "json");
	expect(f, 0);
	root = parse(f);
	(void)snprintf(name, NAME_SIZE, "%s", text_at(root, NULL, "planner"));
	json_decref(root);
}

/* Begins to move up to `max` shards from one node to another; "" = there was nothing to move. */
static void begin_move(struct fixture *f, const char *from, const char *to, uint32_t max,
		       const char *pace, char id[NAME_SIZE])
{
	const char *shards[SHARDS];
	const char *words[40] = {"shards", "move"};
	const uint32_t count = owned_by(f, from, shards);
	uint32_t at = 2;
	json_t *root;

	assert_true(count > 2);
	for (uint32_t i = 0; i < count && i < max; i++)
		words[at++] = shards[i];
	words[at++] = "--to";
	words[at++] = to;
	words[at++] = "--max-moves";
	words[at++] = "1";
	words[at++] = "--pace";
	words[at++] = pace;
	words[at++] = "--apply";
	words[at++] = "--reason";
	words[at++] = "a test";
	words[at++] = "-o";
	words[at++] = "json";
	run(f, words);
	expect(f, 0);
	root = parse(f);
	(void)snprintf(id, NAME_SIZE, "%s", text_at(root, "operation", "id"));
	json_decref(root);
}

static json_t *watched(struct fixture *f, const char *id)
{
	RUN(f, "ops", "show", id, "--watch", "-q", "-o", "json");
	return parse(f);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void a_plan_is_told_kept_and_applied(void **state)
{
	struct fixture *f = *state;
	json_t *root;

	RUN(f, "shards", "rebalance", "--exclude-node", "n1", "--out", f->plan, "-o", "json");
	expect(f, 0);
	root = parse(f);
	assert_int_equal(json_array_size(json_object_get(root, "moves")), owns(f, "n1"));
	assert_string_equal(text_at(root, NULL, "kind"), "rebalance");
	json_decref(root);
	assert_true(owns(f, "n1") > 0); /* nothing was changed */
	RUN(f, "shards", "rebalance", "--apply", f->plan);
	expect(f, 2); /* no reason */
	RUN(f, "shards", "rebalance", "--apply", f->plan, "--reason", "a test", "--wait", "-o",
	    "json", "--max-moves", "8");
	expect(f, 0);
	root = parse(f);
	assert_string_equal(text_at(root, "operation", "state"), "done");
	assert_int_equal(owns(f, "n1"), 0);
	json_decref(root);
	/* The plan has changed: the same file is refused. */
	RUN(f, "shards", "rebalance", "--apply", f->plan, "--reason", "again", "--wait");
	expect(f, 4);
	RUN(f, "shards", "rebalance", "--apply", "--reason", "level", "--wait", "-q");
	expect(f, 0);
	assert_true(owns(f, "n1") >= SHARDS / 3);
}

static void pins_and_freezes_hold(void **state)
{
	struct fixture *f = *state;
	const char *shards[SHARDS];
	char pinned[4];
	char frozen[4];
	json_t *root;

	assert_true(owned_by(f, "n1", shards) > 2);
	(void)snprintf(pinned, sizeof pinned, "%s", shards[0]);
	(void)snprintf(frozen, sizeof frozen, "%s", shards[1]);
	RUN(f, "shards", "pin", pinned, "--reason", "cache");
	expect(f, 0);
	RUN(f, "shards", "freeze", frozen, "--reason", "look");
	expect(f, 0);
	RUN(f, "shards", "move", frozen, "--to", "n2", "--apply", "--reason", "a test");
	expect(f, 4);
	RUN(f, "shards", "explain", frozen, "-o", "json");
	expect(f, 0);
	root = parse(f);
	assert_string_equal(text_at(root, "shard", "freeze_reason"), "look");
	json_decref(root);
	RUN(f, "nodes", "drain", "n1", "--apply", "--reason", "a test");
	expect(f, 4); /* the preflight names the shard */
	RUN(f, "shards", "rebalance", "--strategy", "count", "--apply", "--reason", "level",
	    "--wait", "-q");
	expect(f, 0);
	assert_true(owned_by(f, "n1", shards) >= 2);
	RUN(f, "shards", "unpin", pinned, "--reason", "done");
	expect(f, 0);
	RUN(f, "shards", "unfreeze", frozen, "--reason", "done");
	expect(f, 0);
}

static void a_cancel_says_what_still_finishes(void **state)
{
	struct fixture *f = *state;
	char id[NAME_SIZE];
	json_t *root;

	begin_move(f, "n2", "n3", 5, "20s", id);
	RUN(f, "shards", "move", "0", "--to", "n1", "--apply", "--reason", "another");
	expect(f, 4); /* one at a time */
	RUN(f, "ops", "cancel", id, "--reason", "enough", "--wait", "-q", "-o", "json");
	expect(f, 0);
	root = parse(f);
	assert_string_equal(text_at(root, "operation", "state"), "cancelled");
	assert_true(count_of(root, "skipped") >= 2);
	assert_int_equal(count_of(root, "planned"), 0);
	json_decref(root);
	RUN(f, "ops", "cancel", id, "--reason", "again");
	assert_true(f->exit_code == 0 || f->exit_code == 4);
	RUN(f, "ops", "pause", id, "--reason", "late");
	expect(f, 4);
}

static void a_throttle_works_while_it_runs(void **state)
{
	struct fixture *f = *state;
	char id[NAME_SIZE];
	json_t *root;

	begin_move(f, "n3", "n2", 5, "30m", id);
	RUN(f, "ops", "pause", id, "--reason", "peak");
	expect(f, 0);
	RUN(f, "ops", "throttle", id, "--pace", "0", "--max-moves", "3", "--reason", "no hurry");
	expect(f, 0);
	RUN(f, "ops", "show", id, "-o", "json");
	expect(f, 0);
	root = parse(f);
	assert_string_equal(text_at(root, "operation", "state"), "paused");
	assert_true(count_of(root, "planned") > 0);
	json_decref(root);
	RUN(f, "ops", "resume", id, "--reason", "peak is over");
	expect(f, 0);
	/* At the old pace it would take hours. */
	root = watched(f, id);
	expect(f, 0);
	assert_int_equal(
		count_of(root, "done"),
		json_array_size(json_object_get(json_object_get(root, "operation"), "items")));
	json_decref(root);
}

static void the_planner_dies_half_way(void **state)
{
	static const char *const nodes[] = {"n1", "n2", "n3"};
	struct fixture *f = *state;
	const char *from = NULL;
	const char *to = NULL;
	char planner[NAME_SIZE];
	char id[NAME_SIZE];
	json_t *root;

	planner_of(f, planner);
	for (uint32_t i = 0; i < 3; i++) {
		if (strcmp(nodes[i], planner) == 0)
			continue;
		if (from == NULL || owns(f, nodes[i]) > owns(f, from)) {
			to = from;
			from = nodes[i];
		} else {
			to = nodes[i];
		}
	}
	begin_move(f, from, to, 5, "700ms", id);
	assert_int_equal(cluster_signal(f->cluster, planner, SIGKILL), 0);
	assert_true(cluster_wait_end(f->cluster, planner, WAIT_MS));
	root = watched(f, id);
	expect(f, 0);
	assert_string_equal(text_at(root, "operation", "state"), "done");
	json_decref(root);
	assert_int_equal(cluster_restart(f->cluster, planner), 0);
	assert_int_equal(cluster_wait_serving(f->cluster, WAIT_MS), 0);
}

static bool everything_is_calm(void *context)
{
	struct fixture *f = context;
	json_t *root;
	bool calm;

	RUN(f, "nodes", "drain", "n3", "-o", "json");
	if (f->exit_code != 0)
		return false;
	root = parse(f);
	calm = json_array_size(json_object_get(root, "moves")) == owns(f, "n3") &&
	       owns(f, "n1") + owns(f, "n2") + owns(f, "n3") == SHARDS && owns(f, "n3") > 0;
	json_decref(root);
	return calm;
}

static void a_drained_node_is_empty_and_comes_back(void **state)
{
	struct fixture *f = *state;
	json_t *root;

	/* After the death before, shards return by themselves for a while. */
	assert_true(wait_until(everything_is_calm, f, 180000));
	RUN(f, "nodes", "drain", "n3", "--apply", "--reason", "kernel", "--wait", "-q", "-o",
	    "json");
	expect(f, 0);
	root = parse(f);
	assert_string_equal(text_at(root, "operation", "kind"), "drain");
	json_decref(root);
	assert_int_equal(owns(f, "n3"), 0);
	RUN(f, "nodes", "show", "n3", "-o", "json");
	expect(f, 0);
	root = parse(f);
	assert_string_equal(text_at(root, "node", "drain_reason"), "kernel");
	json_decref(root);
	RUN(f, "nodes", "drain", "n2", "--apply", "--reason", "both");
	expect(f, 4);
	RUN(f, "nodes", "undrain", "n3", "--reason", "done");
	expect(f, 0);
}

static void what_is_wrong_is_said(void **state)
{
	struct fixture *f = *state;

	RUN(f, "shards", "show", "99");
	expect(f, 3);
	RUN(f, "shards", "pin", "x", "--reason", "r");
	expect(f, 2);
	RUN(f, "nodes", "drain", "nobody");
	expect(f, 3);
	RUN(f, "ops", "show", "op-999");
	expect(f, 3);
	RUN(f, "ops", "throttle", "op-1", "--reason", "r");
	expect(f, 2);
	RUN(f, "shards", "move", "1");
	expect(f, 2);
	RUN(f, "shards", "history", "1", "-o", "json");
	expect(f, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_is_told_kept_and_applied),
		cmocka_unit_test(pins_and_freezes_hold),
		cmocka_unit_test(a_cancel_says_what_still_finishes),
		cmocka_unit_test(a_throttle_works_while_it_runs),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(the_planner_dies_half_way),
		cmocka_unit_test(a_drained_node_is_empty_and_comes_back),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
