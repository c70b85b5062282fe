/* `sagas show` of what is more than a plain saga: points of no return, votes, interactive ones. */
#include "tests/unit/cli_views_json.h"

#include "tests/unit/cli_show_journal.h"
#include "wire/record.h"

static const struct wire_retry retry = {.initial_ms = 100,
					.factor_percent = 200,
					.cap_ms = 1000,
					.jitter_percent = 20,
					.attempts = 3};

static void accept(struct journal *j, struct wire_plan plan)
{
	const struct wire_record_accepted body = {
		.saga = S("order-1"),
		.admission = 5,
		.plan = plan,
		.accepted_at = 1000000,
		.deadline_at = 1060000,
		.retry_until_at = 1600000,
	};

	journal_record(j, 1000000, 4, WIRE_RECORD_ACCEPTED, &body);
}

static struct wire_plan plan_of(uint32_t protocol, struct wire_step *steps, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		steps[i].attempt_timeout_ms = 1000;
		steps[i].delivery = WIRE_DELIVERY_DURABLE;
		steps[i].retry = retry;
		steps[i].undo_retry = retry;
	}
	return (struct wire_plan){.name = S("pay"),
				  .version = 1,
				  .protocol = protocol,
				  .deadline_ms = 60000,
				  .steps = steps,
				  .step_count = count};
}

static void branch(struct journal *j, uint64_t after_ms, uint32_t step, uint32_t op, uint32_t event)
{
	const struct wire_record_branch body = {
		.admission = 5,
		.step = step,
		.op = op,
		.event = event,
		.attempt = 1,
		.code = event == WIRE_EVENT_HEURISTIC ? err_to_wire(SAGA_E_HEURISTIC_ROLLBACK) : 0};

	journal_record(j, 1000000 + after_ms, 4, WIRE_RECORD_BRANCH, &body);
}

static void decide(struct journal *j, uint64_t after_ms, uint32_t verdict, uint32_t reason)
{
	const struct wire_record_decision body = {
		.admission = 5, .verdict = verdict, .reason = reason};

	journal_record(j, 1000000 + after_ms, 4, WIRE_RECORD_DECISION, &body);
}

static void finish(struct journal *j, uint64_t after_ms, uint32_t state)
{
	const struct wire_record_finished body = {
		.admission = 5, .state = state, .at = 1000000 + after_ms};

	journal_record(j, 1000000 + after_ms, 4, WIRE_RECORD_FINISHED, &body);
}

static void show(struct fixture *f, const struct journal *j, const struct wire_answer *answer,
		 bool json)
{
	const struct show_view view = {
		.answer = answer, .entries = j->entries, .entry_count = j->count};

	assert_int_equal(view_show(&view, views_fresh(f, json)), 0);
}

/* ---- a pivot ------------------------------------------------------------------------------- */

/* The optional step's end is not known; so is the pivot's, and settling finds that it was done. */
static void pivot(struct journal *j, uint32_t events)
{
	static const struct {
		uint32_t step, op, event;
	} all[] = {
		{0, WIRE_OP_FORWARD, WIRE_EVENT_OK},
		{1, WIRE_OP_FORWARD, WIRE_EVENT_REJECTED},
		{2, WIRE_OP_FORWARD, WIRE_EVENT_UNKNOWN},
		{2, WIRE_OP_SETTLE, WIRE_EVENT_OK},
	};
	struct wire_step steps[] = {
		{.name = S("hold"), .service = S("stock"), .forward = S("take"), .undo = S("put")},
		{.name = S("tell"),
		 .service = S("mail"),
		 .forward = S("send"),
		 .flags = WIRE_STEP_OPTIONAL},
		{.name = S("card"),
		 .service = S("bank"),
		 .forward = S("charge"),
		 .flags = WIRE_STEP_PIVOT},
		{.name = S("ship"),
		 .service = S("van"),
		 .forward = S("drive"),
		 .flags = WIRE_STEP_RETRIABLE},
	};

	accept(j, plan_of(WIRE_PROTOCOL_SAGA, steps, 4));
	for (uint32_t i = 0; i < events; i++)
		branch(j, 10 * (i + 1), all[i].step, all[i].op, all[i].event);
}

static void test_pivot(void **state)
{
	struct fixture *f = *state;
	struct journal j = {0};
	const struct wire_answer answer = {.id = S("order-1"),
					   .state = WIRE_STATE_FINISHING,
					   .decision = WIRE_DECISION_COMMIT,
					   .definition = S("pay"),
					   .definition_version = 1};
	json_t *root;

	pivot(&j, 4);
	show(f, &j, &answer, false);
	assert_string_equal(
		views_text(f),
		"saga        order-1\n"
		"state       finishing\n"
		"decision    commit, delivery pending\n"
		"definition  pay v1\n"
		"shard       0, epoch 0\n"
		"accepted    -\n"
		"input       0 bytes\n"
		"\n"
		"STEP  KIND       SERVICE  STATE     ATTEMPTS  SETTLE  UNDO  CODE  TEXT\n"
		"hold  -          stock    ok               1       0     0  -     -\n"
		"tell  optional   mail     rejected         1       0     0  -     -\n"
		"card  pivot      bank     ok               1       1     0  -     -\n"
		"ship  retriable  van      pending          0       0     0  -     -\n"
		"\n"
		" AFTER  EPOCH  EVENT      STEP  OPERATION      ATTEMPT  DETAIL\n"
		"0.000s      4  accepted   -     -              -        -\n"
		"0.010s      4  ok         hold  take           1        -\n"
		"0.020s      4  rejected   tell  send           1        -\n"
		"0.030s      4  uncertain  card  charge         1        -\n"
		"0.040s      4  ok         card  settle charge  1        commit decided\n");
	show(f, &j, &answer, true);
	root = views_parse(f);
	views_expect_text(root, "saga/decision", "commit");
	views_expect_number(root, "saga/heuristics", 0);
	views_expect_text(root, "saga/protocol", "saga");
	assert_true(json_is_false(views_at(root, "saga/interactive")));
	views_expect_text(root, "saga/steps/0/kind", "saga");
	assert_true(json_is_null(views_at(root, "saga/steps/0/flag")));
	views_expect_text(root, "saga/steps/1/flag", "optional");
	views_expect_text(root, "saga/steps/2/flag", "pivot");
	views_expect_number(root, "saga/steps/2/settle_attempts", 1);
	views_expect_text(root, "saga/steps/3/flag", "retriable");
	views_expect_text(root, "history/4/op", "settle");
	views_expect_text(root, "history/4/operation", "charge");
	views_expect_text(root, "history/4/decision", "commit");
	/* Of an ordinary step success decides nothing. */
	assert_null(json_object_get(views_at(root, "history/1"), "decision"));
	json_decref(root);
	journal_close(&j);
}

/* What the records do not name: the pivot waits for every step, also without `after`; the optional
 * one that was refused holds nothing up. */
static void test_silent_pivot(void **state)
{
	struct fixture *f = *state;
	struct journal j = {0};
	const struct wire_answer answer = {.id = S("order-1"), .state = WIRE_STATE_COMPENSATED};
	json_t *root;

	pivot(&j, 2);
	decide(&j, 50, WIRE_DECISION_ABORT, WIRE_REASON_CANCELLED);
	show(f, &j, &answer, true);
	root = views_parse(f);
	views_expect_text(root, "saga/steps/2/state", "uncertain");
	views_expect_text(root, "saga/steps/3/state", "skipped");
	json_decref(root);
	journal_close(&j);
	j.count = 0;
	pivot(&j, 1);
	decide(&j, 50, WIRE_DECISION_ABORT, WIRE_REASON_CANCELLED);
	show(f, &j, &answer, true);
	root = views_parse(f);
	views_expect_text(root, "saga/steps/1/state", "uncertain");
	views_expect_text(root, "saga/steps/2/state", "skipped");
	json_decref(root);
	journal_close(&j);
}

/* ---- votes --------------------------------------------------------------------------------- */

/* One branch only votes, another one had decided by itself. */
static void two_phases(struct journal *j)
{
	struct wire_step steps[] = {
		{.name = S("from"),
		 .service = S("bank-a"),
		 .forward = S("prepare"),
		 .finish = S("commit"),
		 .undo = S("rollback"),
		 .one_phase = S("all")},
		{.name = S("to"),
		 .service = S("bank-b"),
		 .forward = S("prepare"),
		 .finish = S("commit"),
		 .undo = S("rollback")},
		{.name = S("log"),
		 .service = S("audit"),
		 .forward = S("prepare"),
		 .finish = S("commit"),
		 .undo = S("rollback")},
	};

	accept(j, plan_of(WIRE_PROTOCOL_2PC, steps, 3));
	branch(j, 10, 0, WIRE_OP_FORWARD, WIRE_EVENT_OK);
	branch(j, 10, 2, WIRE_OP_FORWARD, WIRE_EVENT_READ_ONLY);
	branch(j, 20, 1, WIRE_OP_FORWARD, WIRE_EVENT_OK);
	decide(j, 20, WIRE_DECISION_COMMIT, WIRE_REASON_NONE);
	branch(j, 30, 0, WIRE_OP_FINISH, WIRE_EVENT_OK);
	branch(j, 40, 1, WIRE_OP_FINISH, WIRE_EVENT_HEURISTIC);
	finish(j, 40, WIRE_STATE_COMPLETED);
}

static void test_two_phases(void **state)
{
	struct fixture *f = *state;
	struct journal j = {0};
	const struct wire_answer answer = {.id = S("order-1"),
					   .state = WIRE_STATE_COMPLETED,
					   .decision = WIRE_DECISION_COMMIT,
					   .heuristics = 1,
					   .definition = S("pay"),
					   .definition_version = 1};
	json_t *root;

	two_phases(&j);
	show(f, &j, &answer, false);
	assert_string_equal(
		views_text(f),
		"saga        order-1\n"
		"state       completed\n"
		"heuristic   1 step had decided by itself\n"
		"definition  pay v1, 2pc\n"
		"shard       0, epoch 0\n"
		"accepted    -\n"
		"input       0 bytes\n"
		"\n"
		"STEP  KIND  SERVICE  STATE      ATTEMPTS  FINISH  UNDO  CODE       TEXT\n"
		"from  2pc   bank-a   done              1       1     0  -          -\n"
		"to    2pc   bank-b   heuristic         1       1     0  SAGA-7009  -\n"
		"log   2pc   audit    done              1       0     0  -          -\n"
		"\n"
		" AFTER  EPOCH  EVENT           STEP  OPERATION  ATTEMPT  DETAIL\n"
		"0.000s      4  accepted        -     -          -        -\n"
		"0.010s      4  ok              from  prepare    1        -\n"
		"0.010s      4  read_only       log   prepare    1        -\n"
		"0.020s      4  ok              to    prepare    1        -\n"
		"0.020s      4  commit decided  -     -          -        -\n"
		"0.030s      4  ok              from  commit     1        -\n"
		"0.040s      4  heuristic       to    commit     1        SAGA-7009\n"
		"0.040s      4  completed       -     -          -        -\n");
	show(f, &j, &answer, true);
	root = views_parse(f);
	views_expect_number(root, "saga/heuristics", 1);
	views_expect_text(root, "saga/protocol", "2pc");
	views_expect_text(root, "saga/steps/1/kind", "2pc");
	views_expect_number(root, "saga/steps/1/finish_attempts", 1);
	views_expect_text(root, "history/2/event", "read_only");
	views_expect_text(root, "history/4/decision", "commit");
	views_expect_text(root, "history/4/reason", "none");
	views_expect_text(root, "history/6/event", "heuristic");
	views_expect_text(root, "history/6/code", "SAGA-7009");
	json_decref(root);
	journal_close(&j);
}

/* ---- interactive --------------------------------------------------------------------------- */

static void test_interactive_in_one_phase(void **state)
{
	struct fixture *f = *state;
	struct journal j = {0};
	struct wire_plan plan = plan_of(WIRE_PROTOCOL_2PC, NULL, 0);
	struct wire_record_enlisted enlisted = {
		.admission = 5,
		.at = 1000010,
		.step = {.name = S("from"),
			 .service = S("bank-a"),
			 .forward = S("prepare"),
			 .finish = S("commit"),
			 .undo = S("rollback"),
			 .one_phase = S("all"),
			 .attempt_timeout_ms = 1000,
			 .delivery = WIRE_DELIVERY_DURABLE,
			 .retry = retry,
			 .undo_retry = retry},
	};
	const struct wire_record_closed closed = {.admission = 5, .at = 1000020};
	struct wire_answer answer = {.id = S("order-1"),
				     .state = WIRE_STATE_OPEN,
				     .definition = S("pay"),
				     .definition_version = 1};
	json_t *root;

	plan.idle_ms = 30000;
	accept(&j, plan);
	journal_record(&j, 1000010, 4, WIRE_RECORD_ENLISTED, &enlisted);
	show(f, &j, &answer, true);
	root = views_parse(f);
	views_expect_text(root, "saga/state", "open");
	assert_true(json_is_true(views_at(root, "saga/interactive")));
	views_expect_size(root, "saga/steps", 1);
	views_expect_text(root, "saga/steps/0/state", "enlisted");
	views_expect_text(root, "history/1/kind", "enlisted");
	views_expect_text(root, "history/1/step", "from");
	json_decref(root);
	journal_record(&j, 1000020, 4, WIRE_RECORD_CLOSED, &closed);
	branch(&j, 30, 0, WIRE_OP_FORWARD, WIRE_EVENT_OK);
	finish(&j, 30, WIRE_STATE_COMPLETED);
	answer.state = WIRE_STATE_COMPLETED;
	show(f, &j, &answer, false);
	assert_non_null(strstr(views_text(f), "definition  pay v1, 2pc, interactive\n"));
	assert_non_null(
		strstr(views_text(f),
		       "0.000s      4  accepted      -     -          -        -\n"
		       "0.010s      4  enlisted      from  -          -        -\n"
		       "0.020s      4  commit asked  -     -          -        -\n"
		       "0.030s      4  ok            from  all        1        commit decided\n"
		       "0.030s      4  completed     -     -          -        -\n"));
	journal_close(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pivot),
		cmocka_unit_test(test_silent_pivot),
		cmocka_unit_test(test_two_phases),
		cmocka_unit_test(test_interactive_in_one_phase),
	};

	return cmocka_run_group_tests_name("cli_show_kinds", tests, views_setup, views_teardown);
}
