/* Transactions whose branches come one by one (S9), and participants in doubt (S2). */
#include "tests/unit/txn_courses.h"
#include "wire/batch.h"
#include "wire/record.h"

#include <stdio.h>

#define FORWARD WIRE_OP_FORWARD
#define FINISH  WIRE_OP_FINISH
#define UNDO    WIRE_OP_UNDO
#define SETTLE  WIRE_OP_SETTLE
#define OK      WIRE_OUTCOME_OK
#define NO      WIRE_OUTCOME_REJECTED

static const char *const names[] = {"a", "b"};

static void says(struct host *h, uint32_t step, uint32_t op, uint32_t outcome)
{
	host_reply(h, "s", step, names[step], op, 1, outcome);
}

/* Begun, and the first `count` branches enlisted. */
static void start(struct host *h, struct wire_step steps[2], uint32_t count)
{
	host_begin(h, "s", WIRE_PROTOCOL_2PC);
	expect_step(h, "+accepted s #1\n>answer 1 s open final\n");
	for (uint32_t i = 0; i < 2; i++)
		steps[i] = host_branch(WIRE_PROTOCOL_2PC, names[i]);
	for (uint32_t i = 0; i < count; i++) {
		host_enlist(h, "s", &steps[i]);
		assert_non_null(strstr(h->text, "+enlisted #1 "));
		assert_non_null(strstr(h->text, ">answer 1 s open final\n"));
	}
}

static void begins_enlists_and_commits(void **state)
{
	struct host *h = *state;
	struct wire_step steps[2];

	start(h, steps, 2);
	expect_step(h, "+enlisted #1 b\n>answer 1 s open final\n");
	host_query(h, "s", false);
	expect_step(h, ">answer 1 s open final\n"
		       "  a enlisted 0/0\n"
		       "  b enlisted 0/0\n");
	host_commit(h, "s", steps, 2, true);
	expect_step(h, "+closed\n"
		       ">answer 1 s running\n"
		       ">a-svc s a forward 1 left=1000\n"
		       ">b-svc s b forward 1 left=1000\n");
	assert_true(slice_equal(h->command.input, slice_str("input")));
	h->reply_to = 2;
	says(h, 0, FORWARD, OK);
	says(h, 1, FORWARD, OK);
	expect_step(h, "+branch #1 1 forward ok 1\n"
		       "+decision #1 commit\n"
		       ">a-svc s a finish 1 left=1000\n"
		       ">b-svc s b finish 1 left=1000\n"
		       ">recorded 2\n");
	says(h, 0, FINISH, OK);
	says(h, 1, FINISH, OK);
	expect_step(h, "+branch #1 1 finish ok 1\n"
		       "+finished #1 completed\n"
		       ">answer 1 s completed final\n"
		       ">recorded 2\n");
}

static void commit_may_bring_the_input(void **state)
{
	struct host *h = *state;
	struct wire_step steps[2];
	struct wire_commit commit = {.id = slice_str("s"),
				     .branch_count = 1,
				     .input = slice_str("{\"all\":1}"),
				     .wait = true,
				     .until = WIRE_UNTIL_DECIDED};

	start(h, steps, 1);
	wire_branch_set_add(&commit.branch_hash, &steps[0]);
	assert_int_equal(
		host_step(h, (struct txn_event){.kind = TXN_EVENT_COMMIT, .u.commit = &commit}), 0);
	assert_true(slice_equal(h->command.input, slice_str("{\"all\":1}")));
	h->reply_to = 2;
	says(h, 0, FORWARD, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n"
		       "+decision #1 commit\n"
		       ">answer 1 s finishing final\n"
		       ">a-svc s a finish 1 left=1000\n"
		       ">recorded 2\n");
	assert_true(slice_equal(h->command.input, slice_str("{\"all\":1}")));
}

static void enlists_the_same_branch_once(void **state)
{
	struct host *h = *state;
	struct wire_step steps[2], other;

	start(h, steps, 2);
	host_enlist(h, "s", &steps[0]);
	expect_step(h, ">answer 1 s open final\n");
	other = steps[0];
	other.undo = slice_str("another");
	host_enlist(h, "s", &other);
	expect_step(h, ">answer 1 s open conflict final\n");
	/* What the owner filled in is the same as what nobody said. */
	other = steps[1];
	other.delivery = 0;
	host_enlist(h, "s", &other);
	expect_step(h, ">answer 1 s open final\n");
	host_commit(h, "s", steps, 2, false);
	host_enlist(h, "s", &steps[0]);
	expect_step(h, ">answer 1 s running closed final\n");
}

static void refuses_what_cannot_be_enlisted(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct wire_step steps[2];

	start(h, steps, 0);
	steps[0].finish = (struct slice){0};
	host_enlist(h, "s", &steps[0]);
	assert_non_null(strstr(h->text, ">answer 1 s open bad_request/plan final"));
	steps[1].flags = WIRE_STEP_OPTIONAL;
	host_enlist(h, "s", &steps[1]);
	assert_non_null(strstr(h->text, ">answer 1 s open bad_request/plan final"));
	steps[1] = host_branch(WIRE_PROTOCOL_2PC, "b");
	steps[1].input = slice_str("{}");
	host_enlist(h, "s", &steps[1]);
	assert_non_null(strstr(h->text, ">answer 1 s open bad_request/plan final"));
	steps[1].input = (struct slice){0};
	host_enlist(h, "nobody", &steps[1]);
	assert_non_null(strstr(h->text, "+noop\n>answer 1 nobody none not_found final"));
	/* One that stands whole in its plan takes no more. */
	host_votes(&p, WIRE_PROTOCOL_2PC, names, 1);
	host_submit(h, "t", &p);
	host_enlist(h, "t", &steps[1]);
	expect_step(h, ">answer 1 t running closed final\n");
	host_commit(h, "t", &p.steps[0], 1, false);
	expect_step(h, ">answer 1 t running closed final 'the saga is not interactive'\n");
}

static void begin_and_enlist(struct host *h, const char *id, uint32_t count)
{
	struct wire_step step = host_branch(WIRE_PROTOCOL_2PC, "a");
	char name[16];

	host_begin(h, id, WIRE_PROTOCOL_2PC);
	for (uint32_t i = 0; i < count; i++) {
		(void)snprintf(name, sizeof name, "n%u", i);
		step.name = slice_str(name);
		host_enlist(h, id, &step);
		assert_non_null(strstr(h->text, "+enlisted #"));
	}
	step.name = slice_str("more");
	host_enlist(h, id, &step);
}

static void there_is_an_end_of_branches(void **state)
{
	struct host *h = *state;

	begin_and_enlist(h, "s", WIRE_STEPS_MAX);
	expect_step(h, ">answer 1 s open bad_request/plan final"
		       " 'it has 64 branches, the most there are'\n");
	host_cancel(h, "s");
	assert_int_equal(h->command_count, WIRE_STEPS_MAX);
}

/* S19: those that are there keep their room. */
static void no_room_for_another_branch(void **state)
{
	struct host *h = *state;

	host_tear_down(state);
	host_init(h);
	h->limits.branches_max = 3;
	host_start(h);
	begin_and_enlist(h, "s", 3);
	expect_step(h, ">answer 1 s open busy final\n");
	assert_true(h->answer.retry_after_ms > 0);
	host_cancel(h, "s");
	assert_int_equal(h->command_count, 3);
}

/* S9: what the program means is not what is written down. */
static void commit_names_the_set(void **state)
{
	struct host *h = *state;
	struct wire_step steps[2], other[2];

	start(h, steps, 2);
	host_commit(h, "s", steps, 1, false);
	assert_non_null(strstr(h->text, ">answer 1 s open branches final"));
	other[0] = steps[0];
	other[1] = steps[1];
	other[1].name = slice_str("c");
	host_commit(h, "s", other, 2, false);
	assert_non_null(strstr(h->text, ">answer 1 s open branches final"));
	assert_int_equal(h->command_count, 0);
	/* Their order is nothing. */
	other[0] = steps[1];
	other[1] = steps[0];
	host_commit(h, "s", other, 2, false);
	assert_int_equal(h->command_count, 2);
	host_commit(h, "nobody", other, 2, false);
	expect_step(h, "+noop\n>answer 1 nobody none not_found final\n");
}

static void commits_twice(void **state)
{
	struct host *h = *state;
	struct wire_step steps[2];

	start(h, steps, 1);
	host_commit(h, "s", steps, 1, false);
	host_commit(h, "s", steps, 1, true);
	expect_step(h, ">answer 1 s running\n");
	h->reply_to = 2;
	says(h, 0, FORWARD, NO);
	expect_step(h, "+branch #1 0 forward rejected 1\n"
		       "+decision #1 rejected 0\n"
		       "+finished #1 compensated\n"
		       ">answer 1 s compensated final\n"
		       ">recorded 2\n");
	host_commit(h, "s", steps, 1, true);
	expect_step(h, "+noop\n>answer 2 s compensated final\n");
	assert_int_equal(h->answer.decision, WIRE_DECISION_ABORT);
}

static void commits_nothing(void **state)
{
	struct host *h = *state;
	struct wire_step steps[2];

	start(h, steps, 0);
	host_commit(h, "s", steps, 0, true);
	expect_step(h, "+closed\n"
		       "+finished #1 completed\n"
		       ">answer 1 s completed\n"
		       ">answer 1 s completed final\n");
}

/* Whoever is enlisted may have acted, and is told, though nobody asked it to prepare. */
static void rolls_back_every_branch(void **state)
{
	struct host *h = *state;
	struct wire_step steps[2];

	start(h, steps, 2);
	host_cancel(h, "s");
	expect_step(h, "+decision #1 cancelled\n"
		       ">answer 1 s undoing final\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">b-svc s b undo 1 left=1000\n");
	assert_true(slice_equal(h->command.op_name, slice_str("rollback")));
	host_commit(h, "s", steps, 2, false);
	expect_step(h, ">answer 1 s undoing final\n");
	assert_int_equal(h->answer.decision, WIRE_DECISION_ABORT);
	host_take_over(h, h->record_count);
	host_tick(h, 0);
	expect_step(h, ">a-svc s a undo 1 left=1000 call again\n"
		       ">b-svc s b undo 1 left=1000 call again\n");
	says(h, 0, UNDO, OK);
	says(h, 1, UNDO, OK);
	expect_step(h, "+branch #1 1 undo ok 1\n+finished #1 compensated\n>recorded 1\n");
	host_enlist(h, "s", &steps[0]);
	expect_step(h, "+noop\n>answer 1 s compensated closed final\n");
}

static void rolls_back_an_empty_one(void **state)
{
	struct host *h = *state;
	struct wire_step steps[2];

	start(h, steps, 0);
	host_cancel(h, "s");
	expect_step(h, "+decision #1 cancelled\n"
		       "+finished #1 compensated\n"
		       ">answer 1 s compensated final\n");
}

/* Each enlistment begins the time anew; so it stands in the journal, also for the next owner. */
static void idle_time_rolls_back(void **state)
{
	struct host *h = *state;
	struct wire_step steps[2];

	start(h, steps, 0);
	host_tick(h, 4000);
	host_enlist(h, "s", &steps[0]);
	host_tick(h, 4000);
	expect_step(h, "");
	/* To be told the same again is no news. */
	host_enlist(h, "s", &steps[0]);
	host_take_over(h, h->record_count);
	host_tick(h, 999);
	expect_step(h, "");
	host_tick(h, 1);
	expect_step(h, "+decision #1 idle\n>a-svc s a undo 1 left=1000\n");
	host_enlist(h, "s", &steps[1]);
	expect_step(h, ">answer 1 s undoing closed final\n");
	assert_int_equal(h->answer.reason, WIRE_REASON_IDLE);
}

static void idle_time_ends_with_commit(void **state)
{
	struct host *h = *state;
	struct wire_step step = host_branch(WIRE_PROTOCOL_TCC, "a");

	step.attempt_timeout_ms = 8000;
	host_begin(h, "s", WIRE_PROTOCOL_TCC);
	host_enlist(h, "s", &step);
	host_commit(h, "s", &step, 1, false);
	assert_int_equal(h->command_count, 1);
	host_tick(h, 7999);
	expect_step(h, "");
	says(h, 0, FORWARD, OK);
	assert_non_null(strstr(h->text, "+decision #1 commit\n"));
}

/* Never idle, and yet too long. */
static void the_deadline_rolls_back(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct wire_step steps[2];

	host_plan(&p, names, 0);
	p.plan.protocol = WIRE_PROTOCOL_2PC;
	p.plan.idle_ms = 5000;
	p.plan.deadline_ms = 6000;
	host_submit(h, "s", &p);
	for (uint32_t i = 0; i < 2; i++) {
		steps[i] = host_branch(WIRE_PROTOCOL_2PC, names[i]);
		host_tick(h, 2500);
		host_enlist(h, "s", &steps[i]);
	}
	host_take_over(h, h->record_count);
	host_tick(h, 999);
	expect_step(h, "");
	host_tick(h, 1);
	expect_step(h, "+decision #1 deadline\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">b-svc s b undo 1 left=1000\n");
}

/* Committed in time, and not yet decided when the time is over. */
static void the_deadline_comes_between_commit_and_votes(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct wire_step step = host_branch(WIRE_PROTOCOL_2PC, "a");

	host_plan(&p, names, 0);
	p.plan.protocol = WIRE_PROTOCOL_2PC;
	p.plan.idle_ms = 5000;
	p.plan.deadline_ms = 6000;
	host_submit(h, "s", &p);
	host_enlist(h, "s", &step);
	host_tick(h, 4999);
	host_commit(h, "s", &step, 1, false);
	host_take_over(h, h->record_count);
	host_tick(h, 0);
	expect_step(h, ">a-svc s a forward 1 left=1000 call again\n");
	host_tick(h, 1000);
	assert_non_null(strstr(h->text, "+branch #1 0 forward unknown 1"));
	host_tear_down(state);
	host_set_up(state);
	p.plan.deadline_ms = 600;
	host_submit(h, "s", &p);
	host_enlist(h, "s", &step);
	host_commit(h, "s", &step, 1, false);
	host_tick(h, 600);
	expect_step(h, "+decision #1 deadline\n>a-svc s a undo 1 left=1000\n");
}

/* ---- one branch alone -------------------------------------------------------------------------
 */

static void start_one_phase(struct host *h, struct wire_step *step)
{
	*step = host_branch(WIRE_PROTOCOL_2PC, "a");
	step->one_phase = slice_str("at_once");
	host_begin(h, "s", WIRE_PROTOCOL_2PC);
	host_enlist(h, "s", step);
}

static void one_branch_alone_in_one_phase(void **state)
{
	struct host *h = *state;
	struct wire_step step;

	start_one_phase(h, &step);
	host_commit(h, "s", &step, 1, true);
	expect_step(h, "+closed\n"
		       ">answer 1 s running\n"
		       ">a-svc s a forward 1 left=1000\n");
	assert_true(slice_equal(h->command.op_name, slice_str("at_once")));
	h->reply_to = 2;
	host_cancel(h, "s");
	expect_step(h, ">answer 2 s running pending final\n");
	host_tick(h, 1000);
	expect_step(h, "+branch #1 0 forward unknown 1 code=5001\n"
		       ">a-svc s a settle 1 left=1000\n");
	says(h, 0, SETTLE, OK);
	expect_step(h, "+branch #1 0 settle ok 1\n"
		       "+finished #1 completed\n"
		       ">answer 1 s completed final\n"
		       ">recorded 2\n");
}

static void rolls_back_one_branch_alone(void **state)
{
	struct host *h = *state;
	struct wire_step step;

	start_one_phase(h, &step);
	host_cancel(h, "s");
	expect_step(h, "+decision #1 cancelled\n"
		       ">answer 1 s undoing final\n"
		       ">a-svc s a undo 1 left=1000\n");
	assert_true(slice_equal(h->command.op_name, slice_str("rollback")));
	says(h, 0, UNDO, OK);
	expect_step(h, "+branch #1 0 undo ok 1\n+finished #1 compensated\n>recorded 1\n");
}

/* The second one makes the first a vote. */
static void two_branches_vote(void **state)
{
	struct host *h = *state;
	struct wire_step steps[2];

	start_one_phase(h, &steps[0]);
	steps[1] = host_branch(WIRE_PROTOCOL_2PC, "b");
	host_enlist(h, "s", &steps[1]);
	host_commit(h, "s", steps, 2, false);
	assert_int_equal(h->command_count, 2);
	says(h, 0, FORWARD, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n>recorded 1\n");
}

/* ---- in doubt ---------------------------------------------------------------------------------
 */

static void expect_decision(struct host *h, uint32_t decision)
{
	host_inquire(h, "s");
	assert_int_equal(h->answer.code, 0);
	assert_int_equal(h->answer.decision, decision);
	assert_int_equal(h->answer.retry_after_ms > 0, decision == WIRE_DECISION_NONE);
	assert_int_equal(h->command_count, 0);
}

/* Whoever asks acts upon it: so nobody knows it only when nobody ever will (S2). */
static void an_unknown_id_is_aborted_first(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_inquire(h, "s");
	expect_step(h, "+tombstone s\n>answer 1 s cancelled final\n");
	assert_int_equal(h->answer.decision, WIRE_DECISION_ABORT);
	host_votes(&p, WIRE_PROTOCOL_2PC, names, 2);
	host_submit(h, "s", &p);
	expect_step(h, "+noop\n>answer 1 s cancelled cancelled final\n");
	host_take_over(h, h->record_count);
	expect_decision(h, WIRE_DECISION_ABORT);
	assert_non_null(strstr(h->text, "+noop\n"));
}

static void inquires_on_the_way_to_commit(void **state)
{
	struct host *h = *state;
	struct wire_step steps[2];

	start(h, steps, 2);
	expect_decision(h, WIRE_DECISION_NONE);
	host_commit(h, "s", steps, 2, false);
	expect_decision(h, WIRE_DECISION_NONE);
	says(h, 0, FORWARD, OK);
	expect_decision(h, WIRE_DECISION_NONE);
	says(h, 1, FORWARD, OK);
	expect_decision(h, WIRE_DECISION_COMMIT);
	host_take_over(h, h->record_count);
	expect_decision(h, WIRE_DECISION_COMMIT);
	says(h, 0, FINISH, WIRE_OUTCOME_PARK);
	expect_decision(h, WIRE_DECISION_COMMIT);
	host_tick(h, 5000);
	host_reply(h, "s", 0, "a", FINISH, 2, OK);
	says(h, 1, FINISH, OK);
	expect_decision(h, WIRE_DECISION_COMMIT);
	assert_non_null(strstr(h->text, "+noop\n>answer 1 s completed final\n"));
}

static void inquires_on_the_way_to_abort(void **state)
{
	struct host *h = *state;
	struct wire_step steps[2];

	start(h, steps, 2);
	host_commit(h, "s", steps, 2, false);
	says(h, 0, FORWARD, OK);
	says(h, 1, FORWARD, NO);
	expect_decision(h, WIRE_DECISION_ABORT);
	says(h, 0, UNDO, OK);
	expect_decision(h, WIRE_DECISION_ABORT);
}

/* A last resource that may have committed: nobody knows, and nobody is told. */
static void inquires_while_the_last_resource_is_out(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_votes(&p, WIRE_PROTOCOL_2PC, names, 2);
	p.steps[1].flags = WIRE_STEP_PIVOT;
	p.steps[1].finish = p.steps[1].undo = (struct slice){0};
	host_submit(h, "s", &p);
	says(h, 0, FORWARD, OK);
	expect_decision(h, WIRE_DECISION_NONE);
	host_tick(h, 1000);
	expect_decision(h, WIRE_DECISION_NONE);
	says(h, 1, SETTLE, OK);
	expect_decision(h, WIRE_DECISION_COMMIT);
}

static int apply(struct host *h, enum wire_kind kind, const void *record)
{
	struct buf bytes;
	int err;

	buf_init(&bytes, 64 * 1024);
	assert_int_equal(wire_encode(kind, record, &bytes), 0);
	err = txn_apply(h->t, buf_slice(&bytes), txn_last_record(h->t) + 1, h->now);
	buf_close(&bytes);
	return err;
}

/* What is idle since behind all times would never be, or at once. */
static void records_of_no_time_do_not_fit(void **state)
{
	struct host *h = *state;
	struct wire_step steps[2];
	struct wire_record_closed closed = {.admission = 1, .at = BATCH_TIME_MAX + 1};
	struct wire_record_enlisted enlisted = {.admission = 1, .at = BATCH_TIME_MAX + 1};

	start(h, steps, 1);
	enlisted.step = steps[1];
	wire_step_resolve(&h->t->entries[0].body->plan->plan, &enlisted.step);
	assert_int_equal(apply(h, WIRE_RECORD_ENLISTED, &enlisted), SAGA_E_STATE);
	assert_int_equal(apply(h, WIRE_RECORD_CLOSED, &closed), SAGA_E_STATE);
	enlisted.at = closed.at = BATCH_TIME_MAX;
	assert_int_equal(apply(h, WIRE_RECORD_ENLISTED, &enlisted), 0);
	assert_int_equal(apply(h, WIRE_RECORD_CLOSED, &closed), 0);
}

/* S20: the asker is who the subject says, and hears of its own branch only. */
static void only_a_branch_may_inquire(void **state)
{
	struct host *h = *state;
	struct wire_step steps[2];
	static const struct {
		const char *step, *service;
		int open, closed;
	} rows[] = {
		{"a", "a-svc", 0, 0},
		{"", "a-svc", 0, 0},
		{"a", "b-svc", SAGA_E_NOT_BRANCH, SAGA_E_NOT_BRANCH},
		{"a", "other", SAGA_E_NOT_BRANCH, SAGA_E_NOT_BRANCH},
		/* Its enlist may be on its way; then it is too late for it. */
		{"b", "b-svc", 0, SAGA_E_CLOSED},
		{"", "b-svc", 0, SAGA_E_CLOSED},
	};

	start(h, steps, 1);
	for (uint32_t closed = 0; closed < 3; closed++) {
		for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
			const int code = closed > 0 ? rows[i].closed : rows[i].open;
			const uint32_t records = h->record_count;

			host_inquire_as(h, "s", rows[i].step, rows[i].service);
			assert_int_equal(h->answer.code, err_to_wire(code));
			assert_int_equal(h->answer.state == WIRE_STATE_NONE, code != 0);
			assert_int_equal(h->record_count, records);
			if (code != 0)
				assert_int_equal(h->answer.decision, WIRE_DECISION_NONE);
		}
		if (closed == 0)
			host_commit(h, "s", steps, 1, false);
		else
			says(h, 0, FORWARD, OK);
	}
}

static void only_a_step_may_inquire(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_votes(&p, WIRE_PROTOCOL_2PC, names, 2);
	host_submit(h, "s", &p);
	host_inquire_as(h, "s", "b", "b-svc");
	assert_int_equal(h->answer.code, 0);
	host_inquire_as(h, "s", "b", "a-svc");
	assert_int_equal(h->answer.code, err_to_wire(SAGA_E_NOT_BRANCH));
	host_inquire_as(h, "s", "c", "a-svc");
	assert_int_equal(h->answer.code, err_to_wire(SAGA_E_NOT_BRANCH));
	host_inquire_as(h, "s", "", "c-svc");
	assert_int_equal(h->answer.code, err_to_wire(SAGA_E_NOT_BRANCH));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, host_set_up, host_tear_down)
		T(begins_enlists_and_commits),
		T(commit_may_bring_the_input),
		T(enlists_the_same_branch_once),
		T(refuses_what_cannot_be_enlisted),
		T(there_is_an_end_of_branches),
		T(no_room_for_another_branch),
		T(commit_names_the_set),
		T(commits_twice),
		T(commits_nothing),
		T(rolls_back_every_branch),
		T(rolls_back_an_empty_one),
		T(idle_time_rolls_back),
		T(idle_time_ends_with_commit),
		T(the_deadline_rolls_back),
		T(the_deadline_comes_between_commit_and_votes),
		T(one_branch_alone_in_one_phase),
		T(rolls_back_one_branch_alone),
		T(two_branches_vote),
		T(an_unknown_id_is_aborted_first),
		T(records_of_no_time_do_not_fit),
		T(only_a_branch_may_inquire),
		T(only_a_step_may_inquire),
		T(inquires_on_the_way_to_commit),
		T(inquires_on_the_way_to_abort),
		T(inquires_while_the_last_resource_is_out),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
