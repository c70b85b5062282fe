/* Steps of a saga that are more than an action and its undo: the pivot, what is retriable behind
 * it, what is optional; and steps of several kinds together. */
#include "tests/unit/txn_courses.h"

#define FORWARD WIRE_OP_FORWARD
#define FINISH  WIRE_OP_FINISH
#define UNDO    WIRE_OP_UNDO
#define SETTLE  WIRE_OP_SETTLE
#define OK      WIRE_OUTCOME_OK
#define NO      WIRE_OUTCOME_REJECTED

static const char *const names[] = {"a", "b", "c"};

static void says(struct host *h, uint32_t step, uint32_t op, uint32_t outcome)
{
	host_reply(h, "s", step, names[step], op, 1, outcome);
}

static struct wire_step *flag(struct host_plan *p, uint32_t step, uint32_t flags)
{
	p->steps[step].flags = flags;
	if (flags != WIRE_STEP_OPTIONAL)
		p->steps[step].undo = (struct slice){0};
	return &p->steps[step];
}

/* a, then the pivot b, which has one attempt, then c, which is retriable. */
static void pivot_plan(struct host_plan *p)
{
	host_plan(p, names, 3);
	flag(p, 1, WIRE_STEP_PIVOT)->retry.attempts = 1;
	flag(p, 2, WIRE_STEP_RETRIABLE);
}

static void start_pivot(struct host *h)
{
	struct host_plan p;

	pivot_plan(&p);
	host_submit_wait(h, "s", &p);
	h->reply_to = 2;
	says(h, 0, FORWARD, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n"
		       ">b-svc s b forward 1 left=1000\n"
		       ">recorded 2\n");
}

static void start_settling(struct host *h)
{
	start_pivot(h);
	host_tick(h, 1000);
	expect_step(h, "+branch #1 1 forward unknown 1 code=5001\n"
		       ">b-svc s b settle 1 left=1000\n");
	assert_true(slice_equal(h->command.op_name, slice_str("do")));
}

/* S4, in the plan's own order: the implied edges. */
static void the_pivot_waits_for_all_but_what_is_behind_it(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, names, 3);
	flag(&p, 0, WIRE_STEP_PIVOT);
	flag(&p, 1, WIRE_STEP_RETRIABLE)->after = (struct slice){0};
	p.steps[2].after = (struct slice){0};
	host_submit(h, "s", &p);
	expect_step(h, "+accepted s #1\n"
		       ">answer 1 s running final\n"
		       ">c-svc s c forward 1 left=1000\n");
	says(h, 2, FORWARD, OK);
	expect_step(h, "+branch #1 2 forward ok 1\n"
		       ">a-svc s a forward 1 left=1000\n"
		       ">recorded 1\n");
	says(h, 0, FORWARD, OK);
	expect_step(h, "+branch #1 0 forward ok 1\n"
		       ">b-svc s b forward 1 left=1000\n"
		       ">recorded 1\n");
}

static void its_ok_is_the_decision(void **state)
{
	const struct wire_query query = {
		.id = slice_str("s"), .wait = true, .until = WIRE_UNTIL_DECIDED};
	struct host *h = *state;

	start_pivot(h);
	h->reply_to = 3;
	assert_int_equal(
		host_step(h, (struct txn_event){.kind = TXN_EVENT_QUERY, .u.query = &query}), 0);
	h->reply_to = 2;
	says(h, 1, FORWARD, OK);
	expect_step(h, "+branch #1 1 forward ok 1\n"
		       ">answer 3 s finishing final\n"
		       ">c-svc s c forward 1 left=1000\n"
		       ">recorded 2\n");
	assert_int_equal(h->answer.decision, WIRE_DECISION_COMMIT);
	host_cancel(h, "s");
	expect_step(h, ">answer 2 s finishing too_late final\n");
	/* Nor does the deadline end it any more. */
	host_tick(h, 1000);
	assert_non_null(strstr(h->text, "+branch #1 2 forward again 1"));
	host_tick(h, 60000);
	expect_step(h, ">c-svc s c forward 2 left=1000\n");
	host_reply(h, "s", 2, "c", FORWARD, 2, OK);
	expect_step(h, "+branch #1 2 forward ok 2\n"
		       "+finished #1 completed\n"
		       ">answer 1 s completed final\n"
		       ">recorded 2\n");
}

static void its_no_undoes_the_saga(void **state)
{
	struct host *h = *state;

	start_pivot(h);
	says(h, 1, FORWARD, NO);
	expect_step(h, "+branch #1 1 forward rejected 1\n"
		       "+decision #1 rejected 1\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">recorded 2\n");
	says(h, 0, UNDO, OK);
	expect_step(h, "+branch #1 0 undo ok 1\n"
		       "+finished #1 compensated\n"
		       ">answer 1 s compensated final\n"
		       ">recorded 2\n");
}

static void cancel_before_and_while_it_is_out(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	pivot_plan(&p);
	host_submit(h, "t", &p);
	host_cancel(h, "t");
	assert_non_null(strstr(h->text, "+decision #1 cancelled\n"));
	host_reply(h, "t", 0, "a", UNDO, 1, OK);

	host_submit(h, "s", &p);
	says(h, 0, FORWARD, OK);
	host_cancel(h, "s");
	expect_step(h, ">answer 1 s running pending final\n");
	assert_true(h->answer.retry_after_ms > 0);
	host_tick(h, 1000);
	host_cancel(h, "s");
	expect_step(h, ">answer 1 s running pending final\n");
	says(h, 1, SETTLE, NO);
	assert_non_null(strstr(h->text, "+decision #2 rejected 1\n"));
	host_cancel(h, "s");
	expect_step(h, ">answer 1 s undoing final\n");
}

static void unknown_and_it_was_done(void **state)
{
	struct host *h = *state;

	start_settling(h);
	/* What it said to the first question comes late: the second one is out. */
	says(h, 1, FORWARD, OK);
	expect_step(h, "+noop\n>obsolete 2\n");
	says(h, 1, SETTLE, OK);
	expect_step(h, "+branch #1 1 settle ok 1\n"
		       ">c-svc s c forward 1 left=1000\n"
		       ">recorded 2\n");
}

static void unknown_and_it_is_blocked(void **state)
{
	struct host *h = *state;
	struct txn_stats stats;

	start_settling(h);
	says(h, 1, SETTLE, NO);
	expect_step(h, "+branch #1 1 settle rejected 1\n"
		       "+decision #1 rejected 1\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">recorded 2\n");
	/* A barrier that blocks and lets run is none (28). */
	says(h, 1, FORWARD, OK);
	expect_step(h, "+noop\n>obsolete 2\n");
	txn_stats(h->t, &stats);
	assert_int_equal(stats.contradictions_total, 1);
}

static void the_deadline_asks_what_became_of_it(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	pivot_plan(&p);
	p.plan.deadline_ms = 800;
	p.steps[1].retry.attempts = 9;
	host_submit(h, "s", &p);
	says(h, 0, FORWARD, OK);
	host_tick(h, 800);
	expect_step(h, "+branch #1 1 forward unknown 1 code=5001\n"
		       ">b-svc s b settle 1 left=1000\n");
	host_take_over(h, h->record_count);
	host_tick(h, 0);
	expect_step(h, ">b-svc s b settle 1 left=1000 call again\n");
	says(h, 1, SETTLE, OK);
	expect_step(h, "+branch #1 1 settle ok 1\n"
		       ">c-svc s c forward 1 left=1000\n"
		       ">recorded 1\n");
}

/* It never gives up: neither yes nor no may be made up. */
static void settle_parks_and_comes_back(void **state)
{
	struct host *h = *state;

	start_settling(h);
	says(h, 1, SETTLE, WIRE_OUTCOME_PARK);
	expect_step(h, "+parked #1 1 settle 1 code=0 at=+5000\n"
		       ">alert s b settle 1 code=0\n"
		       ">recorded 2\n");
	host_cancel(h, "s");
	expect_step(h, ">answer 2 s parked pending final\n");
	host_tick(h, 5000);
	expect_step(h, ">b-svc s b settle 2 left=1000\n");
	host_take_over(h, h->record_count);
	host_tick(h, 60000);
	host_cancel(h, "s");
	expect_step(h, ">answer 2 s parked pending final\n");
	host_reply(h, "s", 1, "b", SETTLE, 2, OK);
	expect_step(h, "+branch #1 1 settle ok 2\n"
		       ">c-svc s c forward 1 left=1000\n"
		       ">recorded 2\n");
	host_query(h, "s", false);
	assert_int_equal(h->answer.state, WIRE_STATE_FINISHING);
}

/* It cannot be refused for good (row 38), and nobody gives up. */
static void retriable_parks_and_comes_back(void **state)
{
	struct host *h = *state;

	start_pivot(h);
	says(h, 1, FORWARD, OK);
	says(h, 2, FORWARD, NO);
	expect_step(h, "+branch #1 2 forward again 1 at=+100\n>recorded 2\n");
	host_tick(h, 100);
	host_reply(h, "s", 2, "c", FORWARD, 2, WIRE_OUTCOME_PARK);
	expect_step(h, "+parked #1 2 forward 2 code=0 at=+5000\n"
		       ">alert s c forward 2 code=0\n"
		       ">recorded 2\n");
	host_cancel(h, "s");
	expect_step(h, ">answer 2 s parked too_late final\n");
	host_take_over(h, h->record_count);
	host_tick(h, 5000);
	expect_step(h, ">c-svc s c forward 3 left=1000 call again\n");
	host_reply(h, "s", 2, "c", FORWARD, 3, OK);
	expect_step(h, "+branch #1 2 forward ok 3\n+finished #1 completed\n>recorded 2\n");
}

/* ---- optional steps ---------------------------------------------------------------------------
 */

/* a is optional and has one attempt; b is behind it. */
static void start_optional(struct host *h, bool undo)
{
	struct host_plan p;

	host_plan(&p, names, 2);
	flag(&p, 0, WIRE_STEP_OPTIONAL)->retry.attempts = 1;
	if (!undo)
		p.steps[0].undo = (struct slice){0};
	host_submit(h, "s", &p);
}

static void goes_on_without_what_says_no(void **state)
{
	struct host *h = *state;

	start_optional(h, true);
	says(h, 0, FORWARD, NO);
	expect_step(h, "+branch #1 0 forward rejected 1\n"
		       ">b-svc s b forward 1 left=1000\n"
		       ">recorded 1\n");
	says(h, 1, FORWARD, OK);
	expect_step(h, "+branch #1 1 forward ok 1\n+finished #1 completed\n>recorded 1\n");
}

/* S23. */
static void undoes_the_unknown_before_it_goes_on(void **state)
{
	struct host *h = *state;

	start_optional(h, true);
	host_tick(h, 1000);
	expect_step(h, "+branch #1 0 forward unknown 1 code=5001\n"
		       ">a-svc s a undo 1 left=1000\n");
	says(h, 0, FORWARD, OK);
	expect_step(h, "+noop\n>obsolete 1\n");
	host_take_over(h, h->record_count);
	host_tick(h, 0);
	expect_step(h, ">a-svc s a undo 1 left=1000 call again\n");
	says(h, 0, UNDO, OK);
	expect_step(h, "+branch #1 0 undo ok 1\n"
		       ">b-svc s b forward 1 left=1000\n"
		       ">recorded 1\n");
}

static void settles_the_unknown_that_has_no_undo(void **state)
{
	struct host *h = *state;

	start_optional(h, false);
	host_tick(h, 1000);
	expect_step(h, "+branch #1 0 forward unknown 1 code=5001\n"
		       ">a-svc s a settle 1 left=1000\n");
	host_take_over(h, h->record_count);
	host_tick(h, 0);
	expect_step(h, ">a-svc s a settle 1 left=1000 call again\n");
	says(h, 0, SETTLE, NO);
	expect_step(h, "+branch #1 0 settle rejected 1\n"
		       ">b-svc s b forward 1 left=1000\n"
		       ">recorded 1\n");
	host_tear_down(state);
	host_set_up(state);
	start_optional(h, false);
	host_tick(h, 1000);
	says(h, 0, SETTLE, OK);
	expect_step(h, "+branch #1 0 settle ok 1\n"
		       ">b-svc s b forward 1 left=1000\n"
		       ">recorded 1\n");
}

/* What was done of it is undone with the rest, and what nobody knows too. */
static void optional_steps_are_undone_with_the_saga(void **state)
{
	struct host *h = *state;

	start_optional(h, true);
	says(h, 0, FORWARD, OK);
	says(h, 1, FORWARD, NO);
	expect_step(h, "+branch #1 1 forward rejected 1\n"
		       "+decision #1 rejected 1\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">recorded 1\n");
	host_tear_down(state);
	host_set_up(state);
	start_optional(h, true);
	host_cancel(h, "s");
	expect_step(h, "+decision #1 cancelled\n"
		       ">answer 1 s undoing final\n"
		       ">a-svc s a undo 1 left=1000\n");
}

/* Cancelled while its undo is parked: it stays so, and then the saga ends. */
static void cancel_while_the_undo_is_parked(void **state)
{
	struct host *h = *state;

	start_optional(h, true);
	host_tick(h, 1000);
	says(h, 0, UNDO, WIRE_OUTCOME_PARK);
	expect_step(h, "+parked #1 0 undo 1 code=0 at=+5000\n"
		       ">alert s a undo 1 code=0\n"
		       ">recorded 1\n");
	host_cancel(h, "s");
	expect_step(h, "+decision #1 cancelled\n>answer 1 s parked final\n");
	assert_int_equal(h->answer.decision, WIRE_DECISION_ABORT);
	host_tick(h, 5000);
	host_reply(h, "s", 0, "a", UNDO, 2, OK);
	expect_step(h, "+branch #1 0 undo ok 2\n+finished #1 compensated\n>recorded 1\n");
}

/* Nothing undoes it, so the saga need not wait for it any longer. */
static void cancel_while_it_is_settled(void **state)
{
	struct host *h = *state;

	start_optional(h, false);
	host_tick(h, 1000);
	says(h, 0, SETTLE, WIRE_OUTCOME_PARK);
	host_cancel(h, "s");
	expect_step(h, "+decision #1 cancelled\n"
		       "+finished #1 compensated\n"
		       ">answer 1 s compensated final\n");
}

static void optional_behind_the_pivot(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, names, 3);
	flag(&p, 0, WIRE_STEP_PIVOT);
	flag(&p, 1, WIRE_STEP_OPTIONAL)->retry.attempts = 1;
	flag(&p, 2, WIRE_STEP_RETRIABLE);
	host_submit(h, "s", &p);
	says(h, 0, FORWARD, OK);
	host_tick(h, 1000);
	expect_step(h, "+branch #1 1 forward unknown 1 code=5001\n"
		       ">b-svc s b undo 1 left=1000\n");
	says(h, 1, UNDO, WIRE_OUTCOME_PARK);
	host_query(h, "s", false);
	assert_int_equal(h->answer.state, WIRE_STATE_PARKED);
	assert_int_equal(h->answer.decision, WIRE_DECISION_COMMIT);
	host_tick(h, 5000);
	host_reply(h, "s", 1, "b", UNDO, 2, OK);
	expect_step(h, "+branch #1 1 undo ok 2\n"
		       ">c-svc s c forward 1 left=1000\n"
		       ">recorded 1\n");
	says(h, 2, FORWARD, OK);
	expect_step(h, "+branch #1 2 forward ok 1\n+finished #1 completed\n>recorded 1\n");
}

/* ---- several kinds ----------------------------------------------------------------------------
 */

/* A try beside an action, then the pivot, and what is retriable behind it. */
static void mixed(void **state)
{
	static const char *const four[] = {"a", "b", "c", "d"};
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, four, 4);
	p.plan.protocol = WIRE_PROTOCOL_MIXED;
	for (uint32_t i = 0; i < 4; i++)
		p.steps[i].kind = WIRE_PROTOCOL_SAGA;
	p.steps[0].kind = WIRE_PROTOCOL_TCC;
	p.steps[0].finish = slice_str("confirm");
	p.steps[1].after = (struct slice){0};
	flag(&p, 2, WIRE_STEP_PIVOT);
	flag(&p, 3, WIRE_STEP_RETRIABLE);
	host_submit(h, "s", &p);
	expect_step(h, "+accepted s #1\n"
		       ">answer 1 s running final\n"
		       ">a-svc s a forward 1 left=1000\n"
		       ">b-svc s b forward 1 left=1000\n");
	says(h, 0, FORWARD, OK);
	assert_int_equal(h->command_count, 0);
	says(h, 1, FORWARD, OK);
	expect_step(h, "+branch #1 1 forward ok 1\n"
		       ">c-svc s c forward 1 left=1000\n"
		       ">recorded 1\n");
	says(h, 2, FORWARD, OK);
	expect_step(h, "+branch #1 2 forward ok 1\n"
		       ">d-svc s d forward 1 left=1000\n"
		       ">recorded 1\n");
	host_reply(h, "s", 3, "d", FORWARD, 1, OK);
	expect_step(h, "+branch #1 3 forward ok 1\n"
		       ">a-svc s a finish 1 left=1000\n"
		       ">recorded 1\n");
	says(h, 0, FINISH, OK);
	expect_step(h, "+branch #1 0 finish ok 1\n+finished #1 completed\n>recorded 1\n");
}

/* Undone in reverse order of the graph, whatever the kinds are. */
static void mixed_and_undone(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, names, 3);
	p.plan.protocol = WIRE_PROTOCOL_MIXED;
	for (uint32_t i = 0; i < 3; i++)
		p.steps[i].kind = WIRE_PROTOCOL_SAGA;
	p.steps[1].kind = WIRE_PROTOCOL_2PC;
	p.steps[1].finish = slice_str("commit");
	host_submit(h, "s", &p);
	says(h, 0, FORWARD, OK);
	says(h, 1, FORWARD, OK);
	says(h, 2, FORWARD, NO);
	expect_step(h, "+branch #1 2 forward rejected 1\n"
		       "+decision #1 rejected 2\n"
		       ">b-svc s b undo 1 left=1000\n"
		       ">recorded 1\n");
	says(h, 1, UNDO, OK);
	expect_step(h, "+branch #1 1 undo ok 1\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">recorded 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, host_set_up, host_tear_down)
		T(the_pivot_waits_for_all_but_what_is_behind_it),
		T(its_ok_is_the_decision),
		T(its_no_undoes_the_saga),
		T(cancel_before_and_while_it_is_out),
		T(unknown_and_it_was_done),
		T(unknown_and_it_is_blocked),
		T(the_deadline_asks_what_became_of_it),
		T(settle_parks_and_comes_back),
		T(retriable_parks_and_comes_back),
		T(goes_on_without_what_says_no),
		T(undoes_the_unknown_before_it_goes_on),
		T(settles_the_unknown_that_has_no_undo),
		T(optional_steps_are_undone_with_the_saga),
		T(cancel_while_the_undo_is_parked),
		T(cancel_while_it_is_settled),
		T(optional_behind_the_pivot),
		T(mixed),
		T(mixed_and_undone),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
