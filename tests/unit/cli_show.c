/* `sagas show`: from an answer and its records to what is printed. */
#include "tests/unit/cli_views_json.h"

#include <saga.h>

#include "tests/unit/cli_show_journal.h"
#include "wire/record.h"

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

	journal_record(j, 1000000, 4, WIRE_RECORD_ACCEPTED, &body);
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
	journal_record(j, 1000010, 4, WIRE_RECORD_BRANCH, &b);
	b = (struct wire_record_branch){.admission = 5,
					.step = 1,
					.op = WIRE_OP_FORWARD,
					.event = WIRE_EVENT_AGAIN,
					.attempt = 1,
					.code = err_to_wire(SAGA_E_TIMEOUT),
					.next_at = 1001110};
	journal_record(j, 1001010, 4, WIRE_RECORD_BRANCH, &b);
	b = (struct wire_record_branch){.admission = 5,
					.step = 1,
					.op = WIRE_OP_FORWARD,
					.event = WIRE_EVENT_REJECTED,
					.attempt = 2,
					.code = err_to_wire(SAGA_E_REJECTED),
					.text = S("sold out"),
					.instance = S("air-2")};
	journal_record(j, 1003000, 6, WIRE_RECORD_BRANCH, &b);
	journal_record(j, 1003000, 6, WIRE_RECORD_DECISION, &decision);
	b = (struct wire_record_branch){.admission = 5,
					.step = 0,
					.op = WIRE_OP_UNDO,
					.event = WIRE_EVENT_OK,
					.attempt = 1,
					.instance = S("bank-1")};
	journal_record(j, 1003100, 6, WIRE_RECORD_BRANCH, &b);
	journal_record(j, 1003100, 6, WIRE_RECORD_FINISHED, &finished);
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
	assert_int_equal(view_show(&show, views_fresh(f, true)), 0);
	root = views_parse(f);
	views_expect_text(root, "saga/state", "compensated");
	views_expect_text(root, "saga/definition", "trip");
	views_expect_text(root, "saga/labels/customer", "7");
	views_expect_number(root, "saga/input/user", 7);
	views_expect_number(root, "saga/input_bytes", 11);
	/* The owner keeps no branches of a finished saga: these come from the records. */
	views_expect_size(root, "saga/steps", 2);
	views_expect_text(root, "saga/steps/0/state", "undone");
	views_expect_number(root, "saga/steps/0/undo_attempts", 1);
	views_expect_text(root, "saga/steps/1/state", "rejected");
	views_expect_number(root, "saga/steps/1/forward_attempts", 2);
	views_expect_text(root, "saga/steps/1/code", "SAGA-7006");
	views_expect_size(root, "history", 7);
	views_expect_text(root, "history/0/kind", "accepted");
	views_expect_number(root, "history/0/record", 100);
	views_expect_text(root, "history/1/kind", "attempt");
	views_expect_text(root, "history/1/event", "ok");
	views_expect_text(root, "history/1/step", "hold");
	views_expect_text(root, "history/1/service", "bank");
	views_expect_text(root, "history/1/op", "forward");
	views_expect_text(root, "history/1/operation", "reserve");
	views_expect_text(root, "history/1/instance", "bank-1");
	views_expect_text(root, "history/1/barrier", "duplicate");
	views_expect_number(root, "history/1/output/0", 1);
	views_expect_text(root, "history/2/event", "again");
	views_expect_text(root, "history/2/code", "SAGA-5001");
	views_expect_number(root, "history/2/next_unix_ms", 1001110);
	views_expect_number(root, "history/2/epoch", 4);
	views_expect_number(root, "history/3/epoch", 6);
	views_expect_text(root, "history/4/kind", "decision");
	views_expect_text(root, "history/4/reason", "rejected");
	views_expect_text(root, "history/5/operation", "release");
	views_expect_text(root, "history/6/kind", "finished");
	assert_true(json_is_true(views_at(root, "history_complete")));
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
	assert_int_equal(view_show(&show, views_fresh(f, false)), 0);
	assert_string_equal(
		views_text(f),
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
	journal_record(&j, 1000500, 4, WIRE_RECORD_PARKED, &parked);
	journal_record(&j, 1000600, 4, WIRE_RECORD_PARKED, &parked);
	j.entries[2].record = S("\xc1");
	const struct show_view show = {.answer = &answer,
				       .entries = j.entries,
				       .entry_count = j.count,
				       .history_cut = true};
	assert_int_equal(view_show(&show, views_fresh(f, true)), 0);
	root = views_parse(f);
	views_expect_size(root, "saga/steps", 1);
	views_expect_text(root, "saga/steps/0/state", "parked");
	views_expect_text(root, "saga/steps/0/text", "disk full");
	views_expect_text(root, "history/1/kind", "parked");
	views_expect_text(root, "history/1/operation", "release");
	views_expect_text(root, "history/2/event", "unreadable");
	assert_true(json_is_false(views_at(root, "history_complete")));
	json_decref(root);
	assert_int_equal(view_show(&show, views_fresh(f, false)), 0);
	assert_non_null(strstr(views_text(f),
			       "\n0.500s      4  parked      hold  release    3        "
			       "SAGA-7005, disk full, next in 5 min\n"));
	assert_non_null(strstr(views_text(f), "... and more\n"));
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
	journal_record(&j, 1000500, 4, WIRE_RECORD_DECISION, &decision);
	const struct show_view show = {
		.answer = &answer, .entries = j.entries, .entry_count = j.count};
	assert_int_equal(view_show(&show, views_fresh(f, true)), 0);
	root = views_parse(f);
	views_expect_text(root, "saga/steps/0/state", "uncertain");
	views_expect_text(root, "saga/steps/1/state", "skipped");
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

	journal_record(&j, 1000000, 4, WIRE_RECORD_TOMBSTONE, &tombstone);
	const struct show_view show = {
		.answer = &answer, .entries = j.entries, .entry_count = j.count};
	assert_int_equal(view_show(&show, views_fresh(f, true)), 0);
	root = views_parse(f);
	views_expect_size(root, "saga/steps", 0);
	views_expect_text(root, "history/0/kind", "blocked");
	views_expect_text(root, "history/0/text", "why not");
	json_decref(root);
	journal_close(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_show_json),
		cmocka_unit_test(test_show_table),
		cmocka_unit_test(test_show_parked_and_unreadable),
		cmocka_unit_test(test_show_silent_step),
		cmocka_unit_test(test_show_tombstone),
	};

	return cmocka_run_group_tests_name("cli_show", tests, views_setup, views_teardown);
}
