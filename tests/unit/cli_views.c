/* From answers of a cluster to what is printed: JSON is parsed back, tables by their lines. */
#include "tests/unit/cli_views_json.h"

#include <saga.h>

/* ---- the cluster --------------------------------------------------------------------------- */

struct sample {
	struct wire_node_view nodes[2];
	struct wire_shard_view shards[3];
	struct wire_info info;
};

static struct wire_info *sample(struct sample *s)
{
	*s = (struct sample){
		.nodes = {{.id = S("n1"),
			   .zone = S("eu-a"),
			   .version = S("0.1.0"),
			   .shards = 2,
			   .state = 1,
			   .since_unix_ms = 1735732800123},
			  {.id = S("n2"), .state = 2}},
		.shards = {{.shard = 0,
			    .owner = S("n1"),
			    .epoch = 7,
			    .target = S("n1"),
			    .state = WIRE_SHARD_SERVING},
			   {.shard = 1,
			    .owner = S("n2"),
			    .target = S("n1"),
			    .state = WIRE_SHARD_REPLAYING},
			   {.shard = 2, .target = S("n1")}},
	};
	s->info = (struct wire_info){
		.cluster = S("prod-1"),
		.shard_count = 3,
		.format = 1,
		.node = S("n1"),
		.version = S("0.1.0"),
		.nodes = s->nodes,
		.node_count = 2,
		.shards = s->shards,
		.shard_view_count = 3,
		.planner = S("n2"),
		.plan_version = 4,
		.nats_version = S("2.9.10"),
		.warnings = S("old server"),
	};
	return &s->info;
}

/* The launcher of the tests reads these members too (tests/support/view_jansson.c). */
static void test_shards_json(void **state)
{
	struct fixture *f = *state;
	struct sample s;
	json_t *root;

	assert_int_equal(view_shards(sample(&s), NULL, views_fresh(f, true)), 0);
	root = views_parse(f);
	views_expect_text(root, "cluster", "prod-1");
	views_expect_size(root, "shards", 3);
	views_expect_number(root, "shards/0/shard", 0);
	views_expect_text(root, "shards/0/owner", "n1");
	views_expect_number(root, "shards/0/epoch", 7);
	views_expect_text(root, "shards/1/target", "n1");
	views_expect_text(root, "shards/2/owner", "");
	views_expect_number(root, "shards/2/epoch", 0);
	json_decref(root);
}

static void test_shards_table(void **state)
{
	struct fixture *f = *state;
	struct sample s;
	json_t *root;

	assert_int_equal(view_shards(sample(&s), NULL, views_fresh(f, false)), 0);
	assert_string_equal(views_text(f), "SHARD  STATE      OWNER  EPOCH  TARGET  CODE\n"
					   "    0  serving    n1         7  n1      -\n"
					   "    1  replaying  n2         0  n1      -\n"
					   "    2  unowned    -          0  n1      -\n");
	views_fresh(f, false)->headers = false;
	assert_int_equal(view_shards(&s.info, NULL, &f->output), 0);
	assert_string_equal(views_text(f), "0  serving    n1  7  n1  -\n"
					   "1  replaying  n2  0  n1  -\n"
					   "2  unowned    -   0  n1  -\n");
	views_fresh(f, false)->color = true;
	assert_int_equal(view_shards(&s.info, NULL, &f->output), 0);
	assert_non_null(strstr(views_text(f), "\x1b[1;31m-\x1b[0m"));
	assert_non_null(strstr(views_text(f), "n1         7  n1 "));
	s.shards[0].state = WIRE_SHARD_HALTED;
	s.shards[0].code = err_to_wire(SAGA_E_JOURNAL_SHORT);
	assert_int_equal(view_shards(&s.info, NULL, views_fresh(f, false)), 0);
	assert_non_null(
		strstr(views_text(f), "    0  halted     n1         7  n1      SAGA-3004\n"));
	views_fresh(f, true);
	assert_int_equal(view_shards(&s.info, NULL, &f->output), 0);
	root = views_parse(f);
	views_expect_text(root, "shards/0/state", "halted");
	views_expect_text(root, "shards/0/code", "SAGA-3004");
	views_expect_text(root, "shards/1/state", "replaying");
	assert_true(json_is_null(views_at(root, "shards/1/code")));
	json_decref(root);
}

static void test_nodes(void **state)
{
	struct fixture *f = *state;
	struct sample s;
	json_t *root;

	assert_int_equal(view_nodes(sample(&s), NULL, views_fresh(f, true)), 0);
	root = views_parse(f);
	views_expect_size(root, "nodes", 2);
	views_expect_text(root, "nodes/0/id", "n1");
	views_expect_text(root, "nodes/0/state", "ready");
	views_expect_text(root, "nodes/1/state", "stopping");
	views_expect_number(root, "nodes/0/since_unix_ms", 1735732800123);
	json_decref(root);
	assert_int_equal(view_nodes(&s.info, NULL, views_fresh(f, false)), 0);
	assert_non_null(strstr(views_text(f), "n1    ready          2  eu-a  -        0.1.0    "
					      "2025-01-01T12:00:00.123Z\n"));
	/* None is a table too. */
	s.info.node_count = 0;
	assert_int_equal(view_nodes(&s.info, NULL, views_fresh(f, true)), 0);
	root = views_parse(f);
	views_expect_size(root, "nodes", 0);
	json_decref(root);
}

static void test_status(void **state)
{
	struct fixture *f = *state;
	struct sample s;
	struct status_view status = {
		.info = sample(&s), .open = 5, .parked = 1, .silent_shards = 2};
	json_t *root;

	status_count(&status);
	/* An owner without an accepted epoch does not serve. */
	assert_int_equal(status.owned, 1);
	assert_int_equal(status.orphaned, 2);
	assert_int_equal(view_status(&status, views_fresh(f, true)), 0);
	root = views_parse(f);
	views_expect_text(root, "cluster", "prod-1");
	assert_true(json_is_true(views_at(root, "initialised")));
	views_expect_number(root, "shards/count", 3);
	views_expect_number(root, "shards/owned", 1);
	views_expect_number(root, "shards/orphaned", 2);
	views_expect_number(root, "shards/silent", 2);
	views_expect_number(root, "sagas/open", 5);
	views_expect_number(root, "sagas/parked", 1);
	views_expect_text(root, "backends/nats_version", "2.9.10");
	views_expect_text(root, "warnings/0", "old server");
	json_decref(root);
	assert_int_equal(view_status(&status, views_fresh(f, false)), 0);
	assert_non_null(strstr(views_text(f), "1 owned, 2 orphaned, 0 halted\n"));
	assert_non_null(strstr(views_text(f), "5 unfinished, 1 parked\n"));
	assert_non_null(strstr(views_text(f), "sagactl sagas list --state parked\n"));
	assert_non_null(strstr(views_text(f), "2 shards did not answer"));
	assert_non_null(strstr(views_text(f), "old server\n"));
	s.shards[1].state = WIRE_SHARD_HALTED;
	s.shards[1].code = err_to_wire(SAGA_E_JOURNAL_SHORT);
	status_count(&status);
	assert_int_equal(status.orphaned, 1);
	assert_int_equal(view_status(&status, views_fresh(f, true)), 0);
	root = views_parse(f);
	views_expect_number(root, "shards/halted", 1);
	json_decref(root);
	assert_int_equal(view_status(&status, views_fresh(f, false)), 0);
	assert_non_null(strstr(views_text(f), "shard 1 is halted by n2: SAGA-3004"));
}

static void test_status_before_init(void **state)
{
	struct fixture *f = *state;
	struct wire_info info = {.code = err_to_wire(SAGA_E_NOT_INITIALISED),
				 .node = S("n1"),
				 .version = S("0.1.0")};
	struct status_view status = {.info = &info};
	json_t *root;

	status_count(&status);
	assert_int_equal(view_status(&status, views_fresh(f, true)), 0);
	root = views_parse(f);
	assert_true(json_is_false(views_at(root, "initialised")));
	views_expect_size(root, "warnings", 0);
	json_decref(root);
	assert_int_equal(view_status(&status, views_fresh(f, false)), 0);
	assert_non_null(strstr(views_text(f), "not initialised, sagad 0.1.0\n"));
}

/* ---- sagas --------------------------------------------------------------------------------- */

static void test_list(void **state)
{
	struct fixture *f = *state;
	const struct list_row rows[] = {
		{.shard = 3,
		 .saga = {.id = S("order-1"),
			  .definition = S("trip"),
			  .state = WIRE_STATE_PARKED,
			  .reason = WIRE_REASON_REJECTED,
			  .admission = 17,
			  .accepted_at = 1735732800123,
			  .step = S("charge"),
			  .attempts = 4,
			  .code = err_to_wire(SAGA_E_DATABASE)}},
		{.shard = 4, .saga = {.id = S("order-2"), .state = WIRE_STATE_COMPLETED}},
	};
	const uint32_t silent[] = {9};
	struct list_view list = {.rows = rows,
				 .count = 2,
				 .more = true,
				 .next_shard = 4,
				 .next_after = 21,
				 .silent_shards = silent,
				 .silent_count = 1};
	json_t *root;

	assert_int_equal(view_list(&list, views_fresh(f, true)), 0);
	root = views_parse(f);
	views_expect_size(root, "sagas", 2);
	views_expect_text(root, "sagas/0/id", "order-1");
	views_expect_text(root, "sagas/0/state", "parked");
	views_expect_text(root, "sagas/0/reason", "rejected");
	views_expect_number(root, "sagas/0/shard", 3);
	views_expect_number(root, "sagas/0/admission", 17);
	views_expect_text(root, "sagas/0/code", "SAGA-7005");
	assert_true(json_is_null(views_at(root, "sagas/1/code")));
	views_expect_text(root, "next", "4.21");
	views_expect_number(root, "silent_shards/0", 9);
	json_decref(root);
	list.more = false;
	assert_int_equal(view_list(&list, views_fresh(f, true)), 0);
	root = views_parse(f);
	assert_true(json_is_null(views_at(root, "next")));
	json_decref(root);
	assert_int_equal(view_list(&list, views_fresh(f, false)), 0);
	assert_non_null(strstr(views_text(f),
			       "\norder-1  trip        parked     rejected      3  "
			       "charge         4  SAGA-7005  2025-01-01T12:00:00.123Z  -\n"));
	views_fresh(f, false)->quiet = true;
	assert_int_equal(view_list(&list, &f->output), 0);
	assert_string_equal(views_text(f), "order-1\norder-2\n");
}

/* A parked one may have to be finished or undone; other states tell by themselves. */
static void test_list_tells_decisions(void **state)
{
	struct fixture *f = *state;
	const struct list_row rows[] = {
		{.saga = {.id = S("order-1"),
			  .definition = S("pay"),
			  .state = WIRE_STATE_PARKED,
			  .decision = WIRE_DECISION_COMMIT,
			  .step = S("book"),
			  .attempts = 9}},
		{.saga = {.id = S("order-2"),
			  .definition = S("pay"),
			  .state = WIRE_STATE_COMPENSATED,
			  .reason = WIRE_REASON_IDLE,
			  .decision = WIRE_DECISION_ABORT,
			  .heuristics = 2}},
		{.saga = {.id = S("order-3"),
			  .definition = S("pay"),
			  .state = WIRE_STATE_FINISHING,
			  .decision = WIRE_DECISION_COMMIT}},
	};
	struct list_view list = {.rows = rows, .count = 3};
	json_t *root;

	assert_int_equal(view_list(&list, views_fresh(f, false)), 0);
	assert_string_equal(views_text(f),
			    "SAGA     DEFINITION  STATE        DECISION  REASON  HEURISTIC  SHARD  "
			    "STEP  ATTEMPTS  CODE  ACCEPTED  FINISHED\n"
			    "order-1  pay         parked       commit    -               0      0  "
			    "book         9  -     -         -\n"
			    "order-2  pay         compensated  -         idle            2      0  "
			    "-            0  -     -         -\n"
			    "order-3  pay         finishing    -         -               0      0  "
			    "-            0  -     -         -\n");
	assert_int_equal(view_list(&list, views_fresh(f, true)), 0);
	root = views_parse(f);
	views_expect_text(root, "sagas/0/decision", "commit");
	views_expect_number(root, "sagas/0/heuristics", 0);
	views_expect_text(root, "sagas/1/decision", "abort");
	views_expect_number(root, "sagas/1/heuristics", 2);
	views_expect_text(root, "sagas/2/state", "finishing");
	json_decref(root);
	list.rows = &rows[2];
	list.count = 1;
	assert_int_equal(view_list(&list, views_fresh(f, false)), 0);
	assert_null(strstr(views_text(f), "DECISION"));
	assert_null(strstr(views_text(f), "HEURISTIC"));
}

static void test_saga(void **state)
{
	struct fixture *f = *state;
	struct saga_status status = {.id = "order-1",
				     .state = SAGA_STATE_STOPPED,
				     .reason = SAGA_REASON_CANCELLED,
				     .shard = 2,
				     .epoch = 9,
				     .accepted_unix_ms = 1735732800123};
	json_t *root;

	assert_int_equal(view_saga(&status, "x", views_fresh(f, true)), 0);
	root = views_parse(f);
	views_expect_text(root, "saga/id", "order-1");
	views_expect_text(root, "saga/state", "cancelled");
	views_expect_text(root, "saga/reason", "cancelled");
	views_expect_number(root, "saga/epoch", 9);
	views_expect_number(root, "saga/accepted_unix_ms", 1735732800123);
	views_expect_number(root, "saga/finished_unix_ms", 0);
	json_decref(root);
	assert_int_equal(view_saga(&status, "x", views_fresh(f, false)), 0);
	assert_non_null(strstr(views_text(f), "state       cancelled\n"));
	assert_null(strstr(views_text(f), "decision"));
	assert_null(strstr(views_text(f), "heuristic"));
	views_fresh(f, false)->quiet = true;
	assert_int_equal(view_saga(&status, "order-1", &f->output), 0);
	assert_string_equal(views_text(f), "order-1\n");
}

static void test_decided_saga(void **state)
{
	struct fixture *f = *state;
	struct saga_status status = {.id = "order-1",
				     .state = SAGA_STATE_FINISHING,
				     .decision = SAGA_DECISION_COMMIT,
				     .heuristics = 2};
	json_t *root;

	assert_int_equal(view_saga(&status, "x", views_fresh(f, true)), 0);
	root = views_parse(f);
	views_expect_text(root, "saga/state", "finishing");
	views_expect_text(root, "saga/decision", "commit");
	views_expect_number(root, "saga/heuristics", 2);
	json_decref(root);
	assert_int_equal(view_saga(&status, "x", views_fresh(f, false)), 0);
	assert_string_equal(views_text(f), "saga        order-1\n"
					   "state       finishing\n"
					   "decision    commit, delivery pending\n"
					   "heuristic   2 steps had decided by themselves\n"
					   "shard       0, epoch 0\n");
	status = (struct saga_status){
		.id = "order-1", .state = SAGA_STATE_PARKED, .decision = SAGA_DECISION_ABORT};
	assert_int_equal(view_saga(&status, "x", views_fresh(f, false)), 0);
	assert_non_null(strstr(views_text(f), "decision    abort\n"));
}

/* ---- JSON of texts that need care ---------------------------------------------------------- */

static void test_payloads(void **state)
{
	struct fixture *f = *state;
	struct doc *d = doc_open();
	json_t *root;

	assert_non_null(d);
	views_fresh(f, true);
	doc_payload(d, "object", S("{\"a\": [1, 2]}"));
	doc_payload(d, "word", S("\"x\""));
	doc_payload(d, "bytes", S("\x81\x01\xff"));
	doc_payload(d, "nothing", S(""));
	doc_text(d, "quoted", S("a \"b\" \\ c"));
	assert_int_equal(doc_close(d, &f->output), 0);
	root = views_parse(f);
	views_expect_number(root, "object/a/1", 2);
	views_expect_text(root, "word", "x");
	assert_true(json_is_null(views_at(root, "bytes")));
	assert_true(json_is_null(views_at(root, "nothing")));
	views_expect_text(root, "quoted", "a \"b\" \\ c");
	json_decref(root);
	/* What is no text fails as a whole: half an object helps nobody. */
	d = doc_open();
	assert_non_null(d);
	doc_text(d, "broken", S("\xff"));
	assert_int_equal(doc_close(d, views_fresh(f, true)), SAGA_E_NO_MEMORY);
	assert_int_equal(f->output.text.size, 0);
}

static void test_table_counts_characters(void **state)
{
	static const char *const headers[] = {"A", "B", NULL};
	struct fixture *f = *state;
	struct table t;

	table_open(&t, views_fresh(f, false), headers);
	table_text(&t, STYLE_PLAIN, S("M\xc3\xbcller"));
	table_str(&t, STYLE_PLAIN, "x");
	table_str(&t, STYLE_PLAIN, "Mueller");
	table_str(&t, STYLE_PLAIN, "y");
	table_close(&t);
	assert_string_equal(views_text(f), "A        B\nM\xc3\xbcller   x\nMueller  y\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shards_json),
		cmocka_unit_test(test_shards_table),
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_status_before_init),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_tells_decisions),
		cmocka_unit_test(test_saga),
		cmocka_unit_test(test_decided_saga),
		cmocka_unit_test(test_payloads),
		cmocka_unit_test(test_table_counts_characters),
	};

	return cmocka_run_group_tests_name("cli_views", tests, views_setup, views_teardown);
}
