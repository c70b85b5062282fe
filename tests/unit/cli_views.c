/* From answers of a cluster to what is printed: JSON is parsed back, tables by their lines. */
#include "tests/unit/unit.h"

#include <jansson.h>
#include <saga.h>
#include <stdlib.h>

#include "cli/views.h"
#include "wire/codec.h"

struct fixture {
	struct output output;
	char text[64 * 1024];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	if (f == NULL)
		return -1;
	output_init(&f->output);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	output_close(&f->output);
	free(f);
	return 0;
}

static struct output *fresh(struct fixture *f, bool json)
{
	output_close(&f->output);
	output_init(&f->output);
	f->output.json = json;
	return &f->output;
}

static const char *text_of(struct fixture *f)
{
	assert_int_equal(buf_error(&f->output.text), 0);
	assert_true(f->output.text.size < sizeof f->text);
	memcpy(f->text, f->output.text.data, f->output.text.size);
	f->text[f->output.text.size] = '\0';
	return f->text;
}

static json_t *parse(struct fixture *f)
{
	json_t *root = json_loads(text_of(f), 0, NULL);

	assert_non_null(root);
	assert_int_equal(json_integer_value(json_object_get(root, "schema_version")), 1);
	return root;
}

/* A path of members and indexes: "shards/1/owner". */
static json_t *at(json_t *value, const char *path)
{
	while (*path != '\0') {
		char key[64];
		const size_t size = strcspn(path, "/");

		assert_true(size < sizeof key);
		memcpy(key, path, size);
		key[size] = '\0';
		value = json_is_array(value) ? json_array_get(value, (size_t)strtoul(key, NULL, 10))
					     : json_object_get(value, key);
		if (value == NULL)
			fail_msg("no %s", path);
		path += size + (path[size] == '/' ? 1 : 0);
	}
	return value;
}

static void expect_text(json_t *root, const char *path, const char *text)
{
	const json_t *value = at(root, path);

	if (!json_is_string(value))
		fail_msg("%s is no text", path);
	assert_string_equal(json_string_value(value), text);
}

static void expect_number(json_t *root, const char *path, json_int_t number)
{
	const json_t *value = at(root, path);

	if (!json_is_integer(value))
		fail_msg("%s is no number", path);
	assert_int_equal(json_integer_value(value), number);
}

static void expect_size(json_t *root, const char *path, size_t size)
{
	assert_int_equal(json_array_size(at(root, path)), size);
}

#define S(text) slice_of(text, sizeof(text) - 1)

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
		.shards = {{.shard = 0, .owner = S("n1"), .epoch = 7, .target = S("n1")},
			   {.shard = 1, .owner = S("n2"), .epoch = 0, .target = S("n1")},
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

	assert_int_equal(view_shards(sample(&s), fresh(f, true)), 0);
	root = parse(f);
	expect_text(root, "cluster", "prod-1");
	expect_size(root, "shards", 3);
	expect_number(root, "shards/0/shard", 0);
	expect_text(root, "shards/0/owner", "n1");
	expect_number(root, "shards/0/epoch", 7);
	expect_text(root, "shards/1/target", "n1");
	expect_text(root, "shards/2/owner", "");
	expect_number(root, "shards/2/epoch", 0);
	json_decref(root);
}

static void test_shards_table(void **state)
{
	struct fixture *f = *state;
	struct sample s;

	assert_int_equal(view_shards(sample(&s), fresh(f, false)), 0);
	assert_string_equal(text_of(f), "SHARD  OWNER  EPOCH  TARGET\n"
					"    0  n1         7  n1\n"
					"    1  n2         0  n1\n"
					"    2  -          0  n1\n");
	fresh(f, false)->headers = false;
	assert_int_equal(view_shards(&s.info, &f->output), 0);
	assert_string_equal(text_of(f), "0  n1  7  n1\n"
					"1  n2  0  n1\n"
					"2  -   0  n1\n");
	fresh(f, false)->color = true;
	assert_int_equal(view_shards(&s.info, &f->output), 0);
	assert_non_null(strstr(text_of(f), "\x1b[1;31m-\x1b[0m"));
	assert_non_null(strstr(text_of(f), "    0  n1         7  n1\n"));
}

static void test_nodes(void **state)
{
	struct fixture *f = *state;
	struct sample s;
	json_t *root;

	assert_int_equal(view_nodes(sample(&s), fresh(f, true)), 0);
	root = parse(f);
	expect_size(root, "nodes", 2);
	expect_text(root, "nodes/0/id", "n1");
	expect_text(root, "nodes/0/state", "ready");
	expect_text(root, "nodes/1/state", "stopping");
	expect_number(root, "nodes/0/since_unix_ms", 1735732800123);
	json_decref(root);
	assert_int_equal(view_nodes(&s.info, fresh(f, false)), 0);
	assert_non_null(strstr(text_of(f), "n1    ready          2  eu-a  -        0.1.0    "
					   "2025-01-01T12:00:00.123Z\n"));
	/* None is a table too. */
	s.info.node_count = 0;
	assert_int_equal(view_nodes(&s.info, fresh(f, true)), 0);
	root = parse(f);
	expect_size(root, "nodes", 0);
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
	assert_int_equal(view_status(&status, fresh(f, true)), 0);
	root = parse(f);
	expect_text(root, "cluster", "prod-1");
	assert_true(json_is_true(at(root, "initialised")));
	expect_number(root, "shards/count", 3);
	expect_number(root, "shards/owned", 1);
	expect_number(root, "shards/orphaned", 2);
	expect_number(root, "shards/silent", 2);
	expect_number(root, "sagas/open", 5);
	expect_number(root, "sagas/parked", 1);
	expect_text(root, "backends/nats_version", "2.9.10");
	expect_text(root, "warnings/0", "old server");
	json_decref(root);
	assert_int_equal(view_status(&status, fresh(f, false)), 0);
	assert_non_null(strstr(text_of(f), "1 owned, 2 orphaned\n"));
	assert_non_null(strstr(text_of(f), "5 open, 1 parked\n"));
	assert_non_null(strstr(text_of(f), "sagactl sagas list --state parked\n"));
	assert_non_null(strstr(text_of(f), "2 shards did not answer"));
	assert_non_null(strstr(text_of(f), "old server\n"));
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
	assert_int_equal(view_status(&status, fresh(f, true)), 0);
	root = parse(f);
	assert_true(json_is_false(at(root, "initialised")));
	expect_size(root, "warnings", 0);
	json_decref(root);
	assert_int_equal(view_status(&status, fresh(f, false)), 0);
	assert_non_null(strstr(text_of(f), "not initialised, sagad 0.1.0\n"));
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

	assert_int_equal(view_list(&list, fresh(f, true)), 0);
	root = parse(f);
	expect_size(root, "sagas", 2);
	expect_text(root, "sagas/0/id", "order-1");
	expect_text(root, "sagas/0/state", "parked");
	expect_text(root, "sagas/0/reason", "rejected");
	expect_number(root, "sagas/0/shard", 3);
	expect_number(root, "sagas/0/admission", 17);
	expect_text(root, "sagas/0/code", "SAGA-7005");
	assert_true(json_is_null(at(root, "sagas/1/code")));
	expect_text(root, "next", "4.21");
	expect_number(root, "silent_shards/0", 9);
	json_decref(root);
	list.more = false;
	assert_int_equal(view_list(&list, fresh(f, true)), 0);
	root = parse(f);
	assert_true(json_is_null(at(root, "next")));
	json_decref(root);
	assert_int_equal(view_list(&list, fresh(f, false)), 0);
	assert_non_null(strstr(text_of(f),
			       "\norder-1  trip        parked     rejected      3  "
			       "charge         4  SAGA-7005  2025-01-01T12:00:00.123Z  -\n"));
	fresh(f, false)->quiet = true;
	assert_int_equal(view_list(&list, &f->output), 0);
	assert_string_equal(text_of(f), "order-1\norder-2\n");
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

	assert_int_equal(view_saga(&status, "x", fresh(f, true)), 0);
	root = parse(f);
	expect_text(root, "saga/id", "order-1");
	expect_text(root, "saga/state", "cancelled");
	expect_text(root, "saga/reason", "cancelled");
	expect_number(root, "saga/epoch", 9);
	expect_number(root, "saga/accepted_unix_ms", 1735732800123);
	expect_number(root, "saga/finished_unix_ms", 0);
	json_decref(root);
	assert_int_equal(view_saga(&status, "x", fresh(f, false)), 0);
	assert_non_null(strstr(text_of(f), "state       cancelled\n"));
	fresh(f, false)->quiet = true;
	assert_int_equal(view_saga(&status, "order-1", &f->output), 0);
	assert_string_equal(text_of(f), "order-1\n");
}

/* ---- show ---------------------------------------------------------------------------------- */

enum { ENTRIES_MAX = 16 };

struct journal {
	struct buf bytes[ENTRIES_MAX];
	struct wire_history_entry entries[ENTRIES_MAX];
	uint32_t count;
};

static void record(struct journal *j, uint64_t at_ms, uint64_t epoch, enum wire_kind kind,
		   const void *body)
{
	struct buf *bytes = &j->bytes[j->count];

	assert_true(j->count < ENTRIES_MAX);
	buf_init(bytes, 64 * 1024);
	assert_int_equal(wire_encode(kind, body, bytes), 0);
	j->entries[j->count] = (struct wire_history_entry){.record_number = 100 + j->count,
							   .at = at_ms,
							   .epoch = epoch,
							   .record = buf_slice(bytes)};
	j->count++;
}

static void accept(struct journal *j)
{
	static const uint8_t first[] = {0};
	const struct wire_retry retry = {.initial_ms = 100,
					 .factor_percent = 200,
					 .cap_ms = 1000,
					 .jitter_percent = 20,
					 .attempts = 3};
	struct wire_step steps[] = {
		{.name = S("hold"),
		 .service = S("bank"),
		 .forward = S("reserve"),
		 .undo = S("release"),
		 .attempt_timeout_ms = 1000,
		 .delivery = WIRE_DELIVERY_DURABLE,
		 .retry = retry,
		 .undo_retry = retry},
		{.name = S("seat"),
		 .service = S("air"),
		 .forward = S("book"),
		 .undo = S("cancel"),
		 .after = slice_of(first, 1),
		 .attempt_timeout_ms = 1000,
		 .delivery = WIRE_DELIVERY_DURABLE,
		 .retry = retry,
		 .undo_retry = retry},
	};
	struct wire_label labels[] = {{.key = S("customer"), .value = S("7")}};
	const struct wire_record_accepted body = {
		.saga = S("order-1"),
		.admission = 5,
		.plan = {.name = S("trip"),
			 .version = 1,
			 .protocol = WIRE_PROTOCOL_SAGA,
			 .deadline_ms = 60000,
			 .steps = steps,
			 .step_count = 2},
		.input = S("{\"user\": 7}"),
		.accepted_at = 1000000,
		.deadline_at = 1060000,
		.retry_until_at = 1600000,
		.labels = labels,
		.label_count = 1,
	};

	record(j, 1000000, 4, WIRE_RECORD_ACCEPTED, &body);
}

/* hold ok; seat tried twice, rejected by the second owner; hold undone. */
static void compensated(struct journal *j)
{
	struct wire_record_branch b = {.admission = 5,
				       .step = 0,
				       .op = WIRE_OP_FORWARD,
				       .event = WIRE_EVENT_OK,
				       .attempt = 1,
				       .instance = S("bank-1"),
				       .barrier = WIRE_BARRIER_DUPLICATE,
				       .output = S("[1]")};
	const struct wire_record_decision decision = {.admission = 5,
						      .reason = WIRE_REASON_REJECTED,
						      .step = 1,
						      .has_step = true,
						      .text = S("sold out")};
	const struct wire_record_finished finished = {
		.admission = 5, .state = WIRE_STATE_COMPENSATED, .at = 1000300};

	accept(j);
	record(j, 1000010, 4, WIRE_RECORD_BRANCH, &b);
	b = (struct wire_record_branch){.admission = 5,
					.step = 1,
					.op = WIRE_OP_FORWARD,
					.event = WIRE_EVENT_AGAIN,
					.attempt = 1,
					.code = err_to_wire(SAGA_E_TIMEOUT),
					.next_at = 1001110};
	record(j, 1001010, 4, WIRE_RECORD_BRANCH, &b);
	b = (struct wire_record_branch){.admission = 5,
					.step = 1,
					.op = WIRE_OP_FORWARD,
					.event = WIRE_EVENT_REJECTED,
					.attempt = 2,
					.code = err_to_wire(SAGA_E_REJECTED),
					.text = S("sold out"),
					.instance = S("air-2")};
	record(j, 1003000, 6, WIRE_RECORD_BRANCH, &b);
	record(j, 1003000, 6, WIRE_RECORD_DECISION, &decision);
	b = (struct wire_record_branch){.admission = 5,
					.step = 0,
					.op = WIRE_OP_UNDO,
					.event = WIRE_EVENT_OK,
					.attempt = 1,
					.instance = S("bank-1")};
	record(j, 1003100, 6, WIRE_RECORD_BRANCH, &b);
	record(j, 1003100, 6, WIRE_RECORD_FINISHED, &finished);
}

static void journal_close(struct journal *j)
{
	for (uint32_t i = 0; i < j->count; i++)
		buf_close(&j->bytes[i]);
}

static const struct wire_answer finished_answer = {
	.id = {(const uint8_t *)"order-1", 7},
	.state = WIRE_STATE_COMPENSATED,
	.reason = WIRE_REASON_REJECTED,
	.shard = 2,
	.epoch = 6,
	.accepted_at = 1000000,
	.deadline_at = 1060000,
	.finished_at = 1003100,
	.definition = {(const uint8_t *)"trip", 4},
	.definition_version = 1,
};

static void test_show_json(void **state)
{
	struct fixture *f = *state;
	struct journal j = {0};
	json_t *root;

	compensated(&j);
	const struct show_view show = {
		.answer = &finished_answer, .entries = j.entries, .entry_count = j.count};
	assert_int_equal(view_show(&show, fresh(f, true)), 0);
	root = parse(f);
	expect_text(root, "saga/state", "compensated");
	expect_text(root, "saga/definition", "trip");
	expect_text(root, "saga/labels/customer", "7");
	expect_number(root, "saga/input/user", 7);
	expect_number(root, "saga/input_bytes", 11);
	/* The owner keeps no branches of a finished saga: these come from the records. */
	expect_size(root, "saga/steps", 2);
	expect_text(root, "saga/steps/0/state", "undone");
	expect_number(root, "saga/steps/0/undo_attempts", 1);
	expect_text(root, "saga/steps/1/state", "rejected");
	expect_number(root, "saga/steps/1/forward_attempts", 2);
	expect_text(root, "saga/steps/1/code", "SAGA-7006");
	expect_size(root, "history", 7);
	expect_text(root, "history/0/kind", "accepted");
	expect_number(root, "history/0/record", 100);
	expect_text(root, "history/1/kind", "attempt");
	expect_text(root, "history/1/event", "ok");
	expect_text(root, "history/1/step", "hold");
	expect_text(root, "history/1/service", "bank");
	expect_text(root, "history/1/op", "forward");
	expect_text(root, "history/1/operation", "reserve");
	expect_text(root, "history/1/instance", "bank-1");
	expect_text(root, "history/1/barrier", "duplicate");
	expect_number(root, "history/1/output/0", 1);
	expect_text(root, "history/2/event", "again");
	expect_text(root, "history/2/code", "SAGA-5001");
	expect_number(root, "history/2/next_unix_ms", 1001110);
	expect_number(root, "history/2/epoch", 4);
	expect_number(root, "history/3/epoch", 6);
	expect_text(root, "history/4/kind", "decision");
	expect_text(root, "history/4/reason", "rejected");
	expect_text(root, "history/5/operation", "release");
	expect_text(root, "history/6/kind", "finished");
	assert_true(json_is_true(at(root, "history_complete")));
	json_decref(root);
	journal_close(&j);
}

static void test_show_table(void **state)
{
	struct fixture *f = *state;
	struct journal j = {0};

	compensated(&j);
	const struct show_view show = {
		.answer = &finished_answer, .entries = j.entries, .entry_count = j.count};
	assert_int_equal(view_show(&show, fresh(f, false)), 0);
	assert_string_equal(
		text_of(f),
		"saga        order-1\n"
		"state       compensated (rejected)\n"
		"definition  trip v1\n"
		"shard       2, epoch 6\n"
		"accepted    1970-01-01T00:16:40.000Z\n"
		"deadline    1970-01-01T00:17:40.000Z\n"
		"finished    1970-01-01T00:16:43.100Z, after 3.100s\n"
		"labels      customer=7\n"
		"input       11 bytes\n"
		"\n"
		"STEP  SERVICE  STATE     ATTEMPTS  UNDO  CODE       TEXT\n"
		"hold  bank     undone           1     1  -          -\n"
		"seat  air      rejected         2     0  SAGA-7006  sold out\n"
		"\n"
		" AFTER  EPOCH  EVENT         STEP  OPERATION  ATTEMPT  DETAIL\n"
		"0.000s      4  accepted      -     -          -        -\n"
		"0.010s      4  ok            hold  reserve    1        barrier: duplicate, by "
		"bank-1\n"
		"1.010s      4  again         seat  book       1        SAGA-5001, next in 100 ms\n"
		"-           6  new owner     -     -          -        epoch 4 ended\n"
		"3.000s      6  rejected      seat  book       2        SAGA-7006, sold out, by "
		"air-2\n"
		"3.000s      6  undo decided  seat  -          -        rejected, sold out\n"
		"3.100s      6  ok            hold  release    1        by bank-1\n"
		"3.100s      6  compensated   -     -          -        -\n");
	journal_close(&j);
}

/* An open saga: its owner's branches count, and what cannot be read is not hidden. */
static void test_show_parked_and_unreadable(void **state)
{
	struct fixture *f = *state;
	struct journal j = {0};
	struct wire_branch_view branches[] = {{.step = S("hold"),
					       .service = S("bank"),
					       .state = WIRE_BRANCH_PARKED,
					       .forward_attempts = 1,
					       .undo_attempts = 3,
					       .code = err_to_wire(SAGA_E_DATABASE),
					       .text = S("disk full")}};
	const struct wire_record_parked parked = {.admission = 5,
						  .step = 0,
						  .op = WIRE_OP_UNDO,
						  .attempts = 3,
						  .code = err_to_wire(SAGA_E_DATABASE),
						  .text = S("disk full"),
						  .next_at = 1300000};
	const struct wire_answer answer = {.id = S("order-1"),
					   .state = WIRE_STATE_PARKED,
					   .branches = branches,
					   .branch_count = 1};
	json_t *root;

	accept(&j);
	record(&j, 1000500, 4, WIRE_RECORD_PARKED, &parked);
	record(&j, 1000600, 4, WIRE_RECORD_PARKED, &parked);
	j.entries[2].record = S("\xc1");
	const struct show_view show = {.answer = &answer,
				       .entries = j.entries,
				       .entry_count = j.count,
				       .history_cut = true};
	assert_int_equal(view_show(&show, fresh(f, true)), 0);
	root = parse(f);
	expect_size(root, "saga/steps", 1);
	expect_text(root, "saga/steps/0/state", "parked");
	expect_text(root, "saga/steps/0/text", "disk full");
	expect_text(root, "history/1/kind", "parked");
	expect_text(root, "history/1/operation", "release");
	expect_text(root, "history/2/event", "unreadable");
	assert_true(json_is_false(at(root, "history_complete")));
	json_decref(root);
	assert_int_equal(view_show(&show, fresh(f, false)), 0);
	assert_non_null(strstr(text_of(f), "\n0.500s      4  parked      hold  release    3        "
					   "SAGA-7005, disk full, next in 5 min\n"));
	assert_non_null(strstr(text_of(f), "... and more\n"));
	journal_close(&j);
}

/* An attempt without an answer may have happened, also when nothing can undo it. */
static void test_show_silent_step(void **state)
{
	struct fixture *f = *state;
	struct journal j = {0};
	const struct wire_record_decision decision = {
		.admission = 5, .reason = WIRE_REASON_CANCELLED, .text = S("no")};
	const struct wire_answer answer = {.id = S("order-1"), .state = WIRE_STATE_COMPENSATED};
	json_t *root;

	accept(&j);
	record(&j, 1000500, 4, WIRE_RECORD_DECISION, &decision);
	const struct show_view show = {
		.answer = &answer, .entries = j.entries, .entry_count = j.count};
	assert_int_equal(view_show(&show, fresh(f, true)), 0);
	root = parse(f);
	expect_text(root, "saga/steps/0/state", "uncertain");
	expect_text(root, "saga/steps/1/state", "skipped");
	json_decref(root);
	journal_close(&j);
}

static void test_show_tombstone(void **state)
{
	struct fixture *f = *state;
	struct journal j = {0};
	const struct wire_record_tombstone tombstone = {.saga = S("order-1"),
							.retry_until_at = 1600000,
							.reason = S("why not"),
							.at = 1000000};
	const struct wire_answer answer = {.id = S("order-1"), .state = WIRE_STATE_CANCELLED};
	json_t *root;

	record(&j, 1000000, 4, WIRE_RECORD_TOMBSTONE, &tombstone);
	const struct show_view show = {
		.answer = &answer, .entries = j.entries, .entry_count = j.count};
	assert_int_equal(view_show(&show, fresh(f, true)), 0);
	root = parse(f);
	expect_size(root, "saga/steps", 0);
	expect_text(root, "history/0/kind", "blocked");
	expect_text(root, "history/0/text", "why not");
	json_decref(root);
	journal_close(&j);
}

/* ---- JSON of texts that need care ---------------------------------------------------------- */

static void test_payloads(void **state)
{
	struct fixture *f = *state;
	struct doc *d = doc_open();
	json_t *root;

	assert_non_null(d);
	fresh(f, true);
	doc_payload(d, "object", S("{\"a\": [1, 2]}"));
	doc_payload(d, "word", S("\"x\""));
	doc_payload(d, "bytes", S("\x81\x01\xff"));
	doc_payload(d, "nothing", S(""));
	doc_text(d, "quoted", S("a \"b\" \\ c"));
	assert_int_equal(doc_close(d, &f->output), 0);
	root = parse(f);
	expect_number(root, "object/a/1", 2);
	expect_text(root, "word", "x");
	assert_true(json_is_null(at(root, "bytes")));
	assert_true(json_is_null(at(root, "nothing")));
	expect_text(root, "quoted", "a \"b\" \\ c");
	json_decref(root);
	/* What is no text fails as a whole: half an object helps nobody. */
	d = doc_open();
	assert_non_null(d);
	doc_text(d, "broken", S("\xff"));
	assert_int_equal(doc_close(d, fresh(f, true)), SAGA_E_NO_MEMORY);
	assert_int_equal(f->output.text.size, 0);
}

static void test_table_counts_characters(void **state)
{
	static const char *const headers[] = {"A", "B", NULL};
	struct fixture *f = *state;
	struct table t;

	table_open(&t, fresh(f, false), headers);
	table_text(&t, STYLE_PLAIN, S("M\xc3\xbcller"));
	table_str(&t, STYLE_PLAIN, "x");
	table_str(&t, STYLE_PLAIN, "Mueller");
	table_str(&t, STYLE_PLAIN, "y");
	table_close(&t);
	assert_string_equal(text_of(f), "A        B\nM\xc3\xbcller   x\nMueller  y\n");
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
		cmocka_unit_test(test_saga),
		cmocka_unit_test(test_show_json),
		cmocka_unit_test(test_show_table),
		cmocka_unit_test(test_show_parked_and_unreadable),
		cmocka_unit_test(test_show_silent_step),
		cmocka_unit_test(test_show_tombstone),
		cmocka_unit_test(test_payloads),
		cmocka_unit_test(test_table_counts_characters),
	};

	return cmocka_run_group_tests_name("cli_views", tests, setup, teardown);
}
