/* Branches that vote: TCC and two-phase commit, one-phase commit, the last resource. */
#include "tests/unit/txn_courses.h"

#define FORWARD   WIRE_OP_FORWARD
#define FINISH    WIRE_OP_FINISH
#define UNDO      WIRE_OP_UNDO
#define SETTLE    WIRE_OP_SETTLE
#define OK        WIRE_OUTCOME_OK
#define NO        WIRE_OUTCOME_REJECTED
#define READ_ONLY WIRE_OUTCOME_READ_ONLY

static const char *const names[] = {"a", "b", "c"};

static void says(struct host *h, uint32_t step, uint32_t op, uint32_t outcome)
{
	host_reply(h, "s", step, names[step], op, 1, outcome);
}

static void start(struct host *h, uint32_t count)
{
	struct host_plan p;

	host_votes(&p, WIRE_PROTOCOL_2PC, names, count);
	host_submit(h, "s", &p);
	assert_int_equal(h->command_count, count);
}

/* Two branches up to the decision to commit. */
static void start_decided(struct host *h)
{
	start(h, 2);
	says(h, 0, FORWARD, OK);
	says(h, 1, FORWARD, OK);
	expect_step(h, "+branch #1 1 forward ok 1\n"
		       "+decision #1 commit\n"
		       ">a-svc s a finish 1 left=1000\n"
		       ">b-svc s b finish 1 left=1000\n"
		       ">recorded 1\n");
}

static void all_yes(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_votes(&p, WIRE_PROTOCOL_2PC, names, 2);
	host_submit_wait(h, "s", &p);
	expect_step(h, "+accepted s #1\n"
		       ">answer 1 s running\n"
		       ">a-svc s a forward 1 left=1000\n"
		       ">b-svc s b forward 1 left=1000\n");
	assert_true(slice_equal(h->command.op_name, slice_str("prepare")));
	h->reply_to = 2;
	says(h, 1, FORWARD, OK);
	expect_step(h, "+branch #1 1 forward ok 1\n>recorded 2\n");
	says(h, 0, FORWARD, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n"
		       "+decision #1 commit\n"
		       ">a-svc s a finish 1 left=1000\n"
		       ">b-svc s b finish 1 left=1000\n"
		       ">recorded 2\n");
	assert_true(slice_equal(h->command.op_name, slice_str("commit")));
	host_query(h, "s", false);
	expect_step(h, ">answer 2 s finishing final\n"
		       "  a finishing 1/0\n"
		       "  b finishing 1/0\n");
	assert_int_equal(h->answer.decision, WIRE_DECISION_COMMIT);
	says(h, 1, FINISH, OK);
	expect_step(h, "+branch #1 1 finish ok 1\n>recorded 2\n");
	says(h, 0, FINISH, OK);
	expect_step(h, "+branch #1 0 finish ok 1\n"
		       "+finished #1 completed\n"
		       ">answer 1 s completed final\n"
		       ">recorded 2\n");
	assert_int_equal(h->answer.decision, WIRE_DECISION_COMMIT);
}

/* Presumed abort: whoever said no knows how it ends. */
static void a_no_gets_no_rollback(void **state)
{
	struct host *h = *state;

	start(h, 3);
	says(h, 0, FORWARD, OK);
	says(h, 1, FORWARD, NO);
	expect_step(h, "+branch #1 1 forward rejected 1\n"
		       "+decision #1 rejected 1\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">c-svc s c undo 1 left=1000\n"
		       ">recorded 1\n");
	assert_true(slice_equal(h->command.op_name, slice_str("rollback")));
	/* The vote that was out comes too late, whatever it is. */
	says(h, 2, FORWARD, OK);
	expect_step(h, "+noop\n>obsolete 1\n");
	says(h, 2, FORWARD, READ_ONLY);
	expect_step(h, "+noop\n>obsolete 1\n");
	says(h, 0, UNDO, OK);
	says(h, 2, UNDO, OK);
	expect_step(h, "+branch #1 2 undo ok 1\n+finished #1 compensated\n>recorded 1\n");
}

static void an_unknown_vote_is_rolled_back_too(void **state)
{
	struct host *h = *state;

	start(h, 2);
	says(h, 0, FORWARD, OK);
	host_tick(h, 1000);
	expect_step(h, "+branch #1 1 forward unknown 1 code=5001\n"
		       "+decision #1 exhausted 1\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">b-svc s b undo 1 left=1000\n");
}

/* Five seconds, attempts and waits together. */
static void votes_have_a_budget(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_votes(&p, WIRE_PROTOCOL_2PC, names, 2);
	p.steps[0].attempt_timeout_ms = 0;
	p.steps[1].attempt_timeout_ms = 3000;
	p.steps[1].retry.attempts = 9;
	host_submit(h, "s", &p);
	expect_step(h, "+accepted s #1\n"
		       ">answer 1 s running final\n"
		       ">a-svc s a forward 1 left=5000\n"
		       ">b-svc s b forward 1 left=3000\n");
	host_tick(h, 3000);
	host_tick(h, 100);
	expect_step(h, ">b-svc s b forward 2 left=1900\n");
	says(h, 0, FORWARD, OK);
	host_tick(h, 1900);
	expect_step(h, "+branch #1 1 forward unknown 2 code=5001\n"
		       "+decision #1 exhausted 1\n"
		       ">a-svc s a undo 1 left=5000\n"
		       ">b-svc s b undo 1 left=3000\n");
}

static void deadline_before_and_after_the_decision(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_votes(&p, WIRE_PROTOCOL_TCC, names, 2);
	p.plan.deadline_ms = 700;
	host_submit(h, "s", &p);
	says(h, 0, FORWARD, OK);
	host_tick(h, 699);
	expect_step(h, "");
	host_tick(h, 1);
	expect_step(h, "+decision #1 deadline\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">b-svc s b undo 1 left=1000\n");

	host_submit(h, "t", &p);
	host_reply(h, "t", 0, "a", FORWARD, 1, OK);
	host_reply(h, "t", 1, "b", FORWARD, 1, OK);
	expect_step(h, "+branch #2 1 forward ok 1\n"
		       "+decision #2 commit\n"
		       ">a-svc t a finish 1 left=1000\n"
		       ">b-svc t b finish 1 left=1000\n"
		       ">recorded 1\n");
	host_reply(h, "t", 0, "a", FINISH, 1, OK);
	host_tick(h, 999);
	expect_step(h, "");
	host_reply(h, "t", 1, "b", FINISH, 1, OK);
	expect_step(h, "+branch #2 1 finish ok 1\n+finished #2 completed\n>recorded 1\n");
}

static void cancel_before_and_after_the_decision(void **state)
{
	struct host *h = *state;

	start(h, 2);
	says(h, 0, FORWARD, OK);
	host_cancel(h, "s");
	expect_step(h, "+decision #1 cancelled\n"
		       ">answer 1 s undoing final\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">b-svc s b undo 1 left=1000\n");
	host_tear_down(state);
	host_set_up(state);
	start_decided(h);
	host_cancel(h, "s");
	expect_step(h, ">answer 1 s finishing too_late final\n");
	assert_int_equal(h->answer.decision, WIRE_DECISION_COMMIT);
	says(h, 0, FINISH, OK);
	says(h, 1, FINISH, OK);
	host_cancel(h, "s");
	expect_step(h, "+noop\n>answer 1 s completed too_late final\n");
}

static void read_only_wants_no_second_command(void **state)
{
	struct host *h = *state;

	start(h, 2);
	says(h, 0, FORWARD, READ_ONLY);
	expect_step(h, "+branch #1 0 forward read_only 1\n>recorded 1\n");
	says(h, 0, FORWARD, READ_ONLY);
	expect_step(h, ">recorded 1\n");
	says(h, 1, FORWARD, OK);
	expect_step(h, "+branch #1 1 forward ok 1\n"
		       "+decision #1 commit\n"
		       ">b-svc s b finish 1 left=1000\n"
		       ">recorded 1\n");
	says(h, 1, FINISH, OK);
	expect_step(h, "+branch #1 1 finish ok 1\n+finished #1 completed\n>recorded 1\n");

	host_tear_down(state);
	host_set_up(state);
	start(h, 2);
	says(h, 0, FORWARD, READ_ONLY);
	says(h, 1, FORWARD, NO);
	expect_step(h, "+branch #1 1 forward rejected 1\n"
		       "+decision #1 rejected 1\n"
		       "+finished #1 compensated\n"
		       ">recorded 1\n");
}

static void all_read_only_needs_no_decision(void **state)
{
	struct host *h = *state;

	start(h, 2);
	says(h, 1, FORWARD, READ_ONLY);
	says(h, 0, FORWARD, READ_ONLY);
	expect_step(h, "+branch #1 0 forward read_only 1\n"
		       "+finished #1 completed\n"
		       ">recorded 1\n");
	host_query(h, "s", false);
	assert_int_equal(h->answer.decision, WIRE_DECISION_COMMIT);
}

/* Row 38: there is no no to a commit, and no giving up. */
static void finish_parks_and_comes_back(void **state)
{
	struct host *h = *state;

	start_decided(h);
	says(h, 0, FINISH, NO);
	expect_step(h, "+branch #1 0 finish again 1 at=+100\n>recorded 1\n");
	says(h, 1, FINISH, OK);
	host_tick(h, 100);
	host_tick(h, 1000);
	host_tick(h, 200);
	expect_step(h, ">a-svc s a finish 3 left=1000\n");
	host_tick(h, 1000);
	expect_step(h, "+parked #1 0 finish 3 code=5001 at=+5000\n"
		       ">alert s a finish 3 code=5001\n");
	host_cancel(h, "s");
	expect_step(h, ">answer 1 s parked too_late final\n");
	assert_int_equal(h->answer.decision, WIRE_DECISION_COMMIT);
	host_take_over(h, h->record_count);
	host_tick(h, 5000);
	expect_step(h, ">a-svc s a finish 4 left=1000 call again\n");
	host_reply(h, "s", 0, "a", FINISH, 4, OK);
	expect_step(h, "+branch #1 0 finish ok 4\n+finished #1 completed\n>recorded 1\n");
}

static void list_heuristics(struct host *h)
{
	const struct wire_list_request list = {.limit = 10, .heuristic = true};

	assert_int_equal(host_step(h, (struct txn_event){.kind = TXN_EVENT_LIST, .u.list = &list}),
			 0);
}

/* Invariant 38. */
static void heuristics_are_told_listed_and_kept(void **state)
{
	struct host *h = *state;
	struct wire_reply reply = host_reply_of("s", 0, "a", FINISH, 1, WIRE_OUTCOME_HEURISTIC);

	start_decided(h);
	list_heuristics(h);
	expect_step(h, ">list open=1 parked=0 next=0\n");
	host_query(h, "s", true);
	reply.code = err_to_wire(SAGA_E_HEURISTIC_ROLLBACK);
	h->reply_to = 2;
	host_reply_as(h, &reply, "a-svc");
	assert_non_null(strstr(h->text, "+branch #1 0 finish heuristic 1 code="));
	assert_non_null(strstr(h->text, ">alert s a finish 1 code="));
	list_heuristics(h);
	assert_non_null(strstr(h->text, "#1 s finishing b 1\n"));
	/* It is final: what it says later is no news, and a later yes contradicts nothing. */
	host_reply_as(h, &reply, "a-svc");
	expect_step(h, ">recorded 2\n");
	says(h, 0, FINISH, OK);
	expect_step(h, "+noop\n>obsolete 2\n");
	says(h, 1, FINISH, OK);
	expect_step(h, "+branch #1 1 finish ok 1\n"
		       "+finished #1 completed\n"
		       ">answer 1 s completed final\n"
		       ">recorded 2\n");
	assert_int_equal(h->answer.heuristics, 1);
	host_take_over(h, h->record_count);
	list_heuristics(h);
	assert_non_null(strstr(h->text, "#1 s completed\n"));
	/* Its retry window is over long since; people need more time to see to it. */
	host_tick(h, TXN_HEURISTIC_KEPT_MS - 1000);
	host_cancel(h, "x");
	list_heuristics(h);
	assert_non_null(strstr(h->text, "#1 s completed\n"));
	host_tick(h, 2000);
	host_cancel(h, "y");
	list_heuristics(h);
	assert_null(strstr(h->text, "#1 s completed\n"));
}

static void heuristics_of_a_rollback(void **state)
{
	struct host *h = *state;

	start(h, 2);
	says(h, 0, FORWARD, OK);
	says(h, 1, FORWARD, NO);
	says(h, 0, UNDO, WIRE_OUTCOME_HEURISTIC);
	assert_non_null(strstr(h->text, "+branch #1 0 undo heuristic 1 code="));
	assert_non_null(strstr(h->text, "+finished #1 compensated\n"));
	assert_non_null(strstr(h->text, ">alert s a undo 1 code="));
	host_query(h, "s", false);
	assert_int_equal(h->answer.heuristics, 1);
	assert_int_equal(h->answer.decision, WIRE_DECISION_ABORT);
}

/* To a vote it is nonsense: the attempt failed. */
static void no_heuristics_before_the_vote(void **state)
{
	struct host *h = *state;

	start(h, 2);
	says(h, 0, FORWARD, WIRE_OUTCOME_HEURISTIC);
	assert_non_null(strstr(h->text, "+branch #1 0 forward unknown 1"));
	assert_non_null(strstr(h->text, "+decision #1 exhausted 0\n"));
}

static void submit_until_decided(struct host *h, const char *id, struct host_plan *p)
{
	struct wire_submit submit = host_submit_of(h, id, p);

	submit.wait = true;
	submit.until = WIRE_UNTIL_DECIDED;
	assert_int_equal(host_submit_event(h, &submit), 0);
}

static void some_wait_for_the_decision(void **state)
{
	const struct wire_query query = {
		.id = slice_str("s"), .wait = true, .until = WIRE_UNTIL_DECIDED};
	struct host *h = *state;
	struct host_plan p;

	host_votes(&p, WIRE_PROTOCOL_2PC, names, 2);
	submit_until_decided(h, "s", &p);
	h->reply_to = 2;
	host_query(h, "s", true);
	h->reply_to = 3;
	says(h, 0, FORWARD, OK);
	says(h, 1, FORWARD, OK);
	expect_step(h, "+branch #1 1 forward ok 1\n"
		       "+decision #1 commit\n"
		       ">answer 1 s finishing final\n"
		       ">a-svc s a finish 1 left=1000\n"
		       ">b-svc s b finish 1 left=1000\n"
		       ">recorded 3\n");
	assert_int_equal(h->answer.decision, WIRE_DECISION_COMMIT);
	/* Whoever asks now is told at once, and once. */
	h->reply_to = 4;
	assert_int_equal(
		host_step(h, (struct txn_event){.kind = TXN_EVENT_QUERY, .u.query = &query}), 0);
	assert_non_null(strstr(h->text, ">answer 4 s finishing final\n"));
	submit_until_decided(h, "s", &p);
	expect_step(h, ">answer 4 s finishing final\n");
	h->reply_to = 5;
	says(h, 0, FINISH, OK);
	says(h, 1, FINISH, OK);
	expect_step(h, "+branch #1 1 finish ok 1\n"
		       "+finished #1 completed\n"
		       ">answer 2 s completed final\n"
		       ">recorded 5\n");
}

static void the_decision_may_be_abort(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_votes(&p, WIRE_PROTOCOL_2PC, names, 2);
	submit_until_decided(h, "s", &p);
	h->reply_to = 2;
	says(h, 0, FORWARD, OK);
	says(h, 1, FORWARD, NO);
	expect_step(h, "+branch #1 1 forward rejected 1\n"
		       "+decision #1 rejected 1\n"
		       ">answer 1 s undoing final\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">recorded 2\n");
	assert_int_equal(h->answer.decision, WIRE_DECISION_ABORT);

	/* Nothing is left to be decided when it has ended with the same step. */
	h->reply_to = 3;
	p.plan.step_count = 1;
	submit_until_decided(h, "t", &p);
	h->reply_to = 4;
	host_reply(h, "t", 0, "a", FORWARD, 1, NO);
	expect_step(h, "+branch #2 0 forward rejected 1\n"
		       "+decision #2 rejected 0\n"
		       "+finished #2 compensated\n"
		       ">answer 3 t compensated final\n"
		       ">recorded 4\n");
}

/* ---- one phase ---------------------------------------------------------------------------------
 */

static void start_one_phase(struct host *h)
{
	struct host_plan p;

	host_votes(&p, WIRE_PROTOCOL_2PC, names, 1);
	p.steps[0].one_phase = slice_str("at_once");
	host_submit_wait(h, "s", &p);
	expect_step(h, "+accepted s #1\n"
		       ">answer 1 s running\n"
		       ">a-svc s a forward 1 left=1000\n");
	assert_true(slice_equal(h->command.op_name, slice_str("at_once")));
	h->reply_to = 2;
}

static void one_phase(void **state)
{
	struct host *h = *state;

	start_one_phase(h);
	host_cancel(h, "s");
	expect_step(h, ">answer 2 s running pending final\n");
	says(h, 0, FORWARD, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n"
		       "+finished #1 completed\n"
		       ">answer 1 s completed final\n"
		       ">recorded 2\n");
	host_tear_down(state);
	host_set_up(state);
	start_one_phase(h);
	says(h, 0, FORWARD, NO);
	expect_step(h, "+branch #1 0 forward rejected 1\n"
		       "+decision #1 rejected 0\n"
		       "+finished #1 compensated\n"
		       ">answer 1 s compensated final\n"
		       ">recorded 2\n");
}

/* Nobody rolls back what may be committed: it is found out, also by the next owner. */
static void one_phase_unknown(void **state)
{
	struct host *h = *state;

	start_one_phase(h);
	host_tick(h, 1000);
	expect_step(h, "+branch #1 0 forward unknown 1 code=5001\n"
		       ">a-svc s a settle 1 left=1000\n");
	assert_true(slice_equal(h->command.op_name, slice_str("at_once")));
	host_take_over(h, h->record_count);
	host_tick(h, 0);
	expect_step(h, ">a-svc s a settle 1 left=1000 call again\n");
	says(h, 0, SETTLE, OK);
	expect_step(h, "+branch #1 0 settle ok 1\n+finished #1 completed\n>recorded 2\n");
	host_tear_down(state);
	host_set_up(state);
	start_one_phase(h);
	host_tick(h, 1000);
	says(h, 0, SETTLE, NO);
	expect_step(h, "+branch #1 0 settle rejected 1\n"
		       "+decision #1 rejected 0\n"
		       "+finished #1 compensated\n"
		       ">answer 1 s compensated final\n"
		       ">recorded 2\n");
}

/* Only where there is nobody else. */
static void one_phase_of_two_votes(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_votes(&p, WIRE_PROTOCOL_2PC, names, 2);
	p.steps[0].one_phase = slice_str("at_once");
	host_submit(h, "s", &p);
	says(h, 0, FORWARD, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n>recorded 1\n");
	says(h, 1, FORWARD, OK);
	assert_non_null(strstr(h->text, "+decision #1 commit\n"));
	assert_int_equal(h->command_count, 2);
}

/* ---- last resource -----------------------------------------------------------------------------
 */

static void start_last_resource(struct host *h)
{
	struct host_plan p;

	host_votes(&p, WIRE_PROTOCOL_2PC, names, 3);
	p.steps[1].flags = WIRE_STEP_PIVOT;
	p.steps[1].finish = p.steps[1].undo = (struct slice){0};
	host_submit(h, "s", &p);
	expect_step(h, "+accepted s #1\n"
		       ">answer 1 s running final\n"
		       ">a-svc s a forward 1 left=1000\n"
		       ">c-svc s c forward 1 left=1000\n");
	says(h, 2, FORWARD, READ_ONLY);
	assert_int_equal(h->command_count, 0);
}

static void the_last_resource_decides(void **state)
{
	struct host *h = *state;

	start_last_resource(h);
	says(h, 0, FORWARD, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n"
		       ">b-svc s b forward 1 left=1000\n"
		       ">recorded 1\n");
	host_cancel(h, "s");
	expect_step(h, ">answer 1 s running pending final\n");
	says(h, 1, FORWARD, OK);
	expect_step(h, "+branch #1 1 forward ok 1\n"
		       ">a-svc s a finish 1 left=1000\n"
		       ">recorded 1\n");
	says(h, 0, FINISH, OK);
	expect_step(h, "+branch #1 0 finish ok 1\n+finished #1 completed\n>recorded 1\n");
}

static void the_last_resource_says_no(void **state)
{
	struct host *h = *state;

	start_last_resource(h);
	says(h, 0, FORWARD, OK);
	says(h, 1, FORWARD, NO);
	expect_step(h, "+branch #1 1 forward rejected 1\n"
		       "+decision #1 rejected 1\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">recorded 1\n");
}

static void a_vote_fails_before_the_last_resource(void **state)
{
	struct host *h = *state;

	start_last_resource(h);
	says(h, 0, FORWARD, NO);
	expect_step(h, "+branch #1 0 forward rejected 1\n"
		       "+decision #1 rejected 0\n"
		       "+finished #1 compensated\n"
		       ">recorded 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, host_set_up, host_tear_down)
		T(all_yes),
		T(a_no_gets_no_rollback),
		T(an_unknown_vote_is_rolled_back_too),
		T(votes_have_a_budget),
		T(deadline_before_and_after_the_decision),
		T(cancel_before_and_after_the_decision),
		T(read_only_wants_no_second_command),
		T(all_read_only_needs_no_decision),
		T(finish_parks_and_comes_back),
		T(heuristics_are_told_listed_and_kept),
		T(heuristics_of_a_rollback),
		T(no_heuristics_before_the_vote),
		T(some_wait_for_the_decision),
		T(the_decision_may_be_abort),
		T(one_phase),
		T(one_phase_unknown),
		T(one_phase_of_two_votes),
		T(the_last_resource_decides),
		T(the_last_resource_says_no),
		T(a_vote_fails_before_the_last_resource),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
