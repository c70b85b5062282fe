/* The way back: what turns a saga round, the order of the undo, parking, cancelling. */
#include "tests/unit/txn_host.h"

#define FORWARD  WIRE_OP_FORWARD
#define UNDO     WIRE_OP_UNDO
#define OK       WIRE_OUTCOME_OK
#define REJECTED WIRE_OUTCOME_REJECTED

static const char *const three[] = {"a", "b", "c"};

/* a and b done, c out. */
static void run_to_c(struct host *h, struct host_plan *p)
{
	host_plan(p, three, 3);
	host_submit_wait(h, "s", p);
	h->reply_to = 2;
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	host_reply(h, "s", 1, "b", FORWARD, 1, OK);
	expect_step(h, "+branch #1 1 forward ok 1\n"
		       ">c-svc s c forward 1 left=1000\n"
		       ">recorded 2\n");
}

static void rejection_undoes_in_reverse_order(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct wire_reply reply = host_reply_of("s", 2, "c", FORWARD, 1, REJECTED);

	run_to_c(h, &p);
	reply.code = 7006;
	reply.text = slice_str("sold out");
	host_reply_as(h, &reply, "c-svc");
	expect_step(h, "+branch #1 2 forward rejected 1 code=7006\n"
		       "+decision #1 rejected 2\n"
		       ">b-svc s b undo 1 left=1000\n"
		       ">recorded 2\n");
	host_query(h, "s", false);
	expect_step(h, ">answer 2 s undoing final\n"
		       "  a ok 1/0\n"
		       "  b undoing 1/1\n"
		       "  c rejected 1/0 code=7006 'sold out'\n");
	host_reply(h, "s", 1, "b", UNDO, 1, OK);
	expect_step(h, "+branch #1 1 undo ok 1\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">recorded 2\n");
	/* Rejected twice, undone twice: recorded already. */
	host_reply_as(h, &reply, "c-svc");
	expect_step(h, ">recorded 2\n");
	host_reply(h, "s", 1, "b", UNDO, 1, OK);
	expect_step(h, ">recorded 2\n");
	host_reply(h, "s", 0, "a", UNDO, 1, OK);
	expect_step(h, "+branch #1 0 undo ok 1\n"
		       "+finished #1 compensated\n"
		       ">answer 1 s compensated final\n"
		       ">recorded 2\n");
	assert_int_equal(h->answer.reason, WIRE_REASON_REJECTED);
}

static void rejection_of_the_first_step_ends_it(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, three, 3);
	host_submit(h, "s", &p);
	host_reply(h, "s", 0, "a", FORWARD, 1, REJECTED);
	expect_step(h, "+branch #1 0 forward rejected 1\n"
		       "+decision #1 rejected 0\n"
		       "+finished #1 compensated\n"
		       ">recorded 1\n");
}

/* A step without undo is passed over, but only when it is its turn. */
static void steps_without_undo_are_skipped_in_order(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d"};
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, names, 4);
	p.steps[1].undo = (struct slice){0};
	host_submit(h, "s", &p);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	host_reply(h, "s", 1, "b", FORWARD, 1, OK);
	host_reply(h, "s", 2, "c", FORWARD, 1, OK);
	host_reply(h, "s", 3, "d", FORWARD, 1, REJECTED);
	expect_step(h, "+branch #1 3 forward rejected 1\n"
		       "+decision #1 rejected 3\n"
		       ">c-svc s c undo 1 left=1000\n"
		       ">recorded 1\n");
	host_query(h, "s", false);
	expect_step(h, ">answer 1 s undoing final\n"
		       "  a ok 1/0\n"
		       "  b ok 1/0\n"
		       "  c undoing 1/1\n"
		       "  d rejected 1/0\n");
	host_reply(h, "s", 2, "c", UNDO, 1, OK);
	expect_step(h, "+branch #1 2 undo ok 1\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">recorded 1\n");
	host_query(h, "s", false);
	expect_step(h, ">answer 1 s undoing final\n"
		       "  a undoing 1/1\n"
		       "  b skipped 1/0\n"
		       "  c undone 1/1\n"
		       "  d rejected 1/0\n");
}

/* a first; b, c side by side; d after both. d out when it is cancelled. */
static void undoes_a_diamond(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d"};
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, names, 4);
	host_plan_after(&p, 2, (const uint8_t[]){0}, 1);
	host_plan_after(&p, 3, (const uint8_t[]){1, 2}, 2);
	host_submit(h, "s", &p);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	host_reply(h, "s", 1, "b", FORWARD, 1, OK);
	host_reply(h, "s", 2, "c", FORWARD, 1, OK);
	host_cancel(h, "s");
	expect_step(h, "+decision #1 cancelled\n"
		       ">answer 1 s undoing final\n"
		       ">d-svc s d undo 1 left=1000\n");
	host_reply(h, "s", 3, "d", UNDO, 1, OK);
	expect_step(h, "+branch #1 3 undo ok 1\n"
		       ">b-svc s b undo 1 left=1000\n"
		       ">c-svc s c undo 1 left=1000\n"
		       ">recorded 1\n");
	host_reply(h, "s", 2, "c", UNDO, 1, OK);
	expect_step(h, "+branch #1 2 undo ok 1\n>recorded 1\n");
	host_reply(h, "s", 1, "b", UNDO, 1, OK);
	expect_step(h, "+branch #1 1 undo ok 1\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">recorded 1\n");
}

/* One sibling is refused while the other is out: the other may have acted (T4, 24). */
static void siblings_in_flight_are_undone(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, three, 3);
	host_plan_after(&p, 1, NULL, 0);
	host_plan_after(&p, 2, (const uint8_t[]){0, 1}, 2);
	host_submit(h, "s", &p);
	expect_step(h, "+accepted s #1\n"
		       ">answer 1 s running final\n"
		       ">a-svc s a forward 1 left=1000\n"
		       ">b-svc s b forward 1 left=1000\n");
	host_reply(h, "s", 0, "a", FORWARD, 1, REJECTED);
	expect_step(h, "+branch #1 0 forward rejected 1\n"
		       "+decision #1 rejected 0\n"
		       ">b-svc s b undo 1 left=1000\n"
		       ">recorded 1\n");
	/* Even its late no does not spare the undo: it is on its way. */
	host_reply(h, "s", 1, "b", FORWARD, 1, REJECTED);
	expect_step(h, "+noop\n>obsolete 1\n");
	host_reply(h, "s", 1, "b", UNDO, 1, OK);
	expect_step(h, "+branch #1 1 undo ok 1\n+finished #1 compensated\n>recorded 1\n");
}

/* Row 38: nobody may refuse an undo. */
static void refused_undo_is_a_failed_attempt_and_parks(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct wire_reply reply = host_reply_of("s", 0, "a", UNDO, 3, REJECTED);

	host_plan(&p, three, 3);
	host_submit_wait(h, "s", &p);
	h->reply_to = 2;
	host_cancel(h, "s");
	expect_step(h, "+decision #1 cancelled\n"
		       ">answer 2 s undoing final\n"
		       ">a-svc s a undo 1 left=1000\n");
	host_reply(h, "s", 0, "a", UNDO, 1, REJECTED);
	expect_step(h, "+branch #1 0 undo again 1 at=+100\n>recorded 2\n");
	host_tick(h, 100);
	expect_step(h, ">a-svc s a undo 2 left=1000\n");
	host_tick(h, 1000);
	expect_step(h, "+branch #1 0 undo again 2 code=5001 at=+200\n");
	host_tick(h, 200);
	expect_step(h, ">a-svc s a undo 3 left=1000\n");
	reply.code = 7006;
	host_reply_as(h, &reply, "a-svc");
	expect_step(h, "+parked #1 0 undo 3 code=7006 at=+5000\n"
		       ">alert s a undo 3 code=7006\n"
		       ">recorded 2\n");
	host_query(h, "s", false);
	expect_step(h, ">answer 2 s parked final\n"
		       "  a parked 0/3 code=7006 at=+5000\n"
		       "  b skipped 0/0\n"
		       "  c skipped 0/0\n");
	host_cancel(h, "s");
	expect_step(h, ">answer 2 s parked final\n");
	host_tick(h, 4999);
	expect_step(h, "");
	host_tick(h, 1);
	expect_step(h, ">a-svc s a undo 4 left=1000\n");
	/* It fails again: still parked, still counted, no second alarm. */
	host_tick(h, 1000);
	expect_step(h, "+branch #1 0 undo again 4 code=5001 at=+5000\n");
	host_tick(h, 5000);
	expect_step(h, ">a-svc s a undo 5 left=1000\n");
	host_reply(h, "s", 0, "a", UNDO, 5, OK);
	expect_step(h, "+branch #1 0 undo ok 5\n"
		       "+finished #1 compensated\n"
		       ">answer 1 s compensated final\n"
		       ">recorded 2\n");
}

static void parked_step_goes_on_to_the_rest(void **state)
{
	struct host *h = *state;
	struct host_plan p;
	struct txn_stats stats;

	run_to_c(h, &p);
	host_cancel(h, "s");
	host_reply(h, "s", 2, "c", UNDO, 1, WIRE_OUTCOME_PARK);
	expect_step(h, "+parked #1 2 undo 1 code=0 at=+5000\n"
		       ">alert s c undo 1 code=0\n"
		       ">recorded 2\n");
	txn_stats(h->t, &stats);
	assert_int_equal(stats.parked, 1);
	/* A late answer to the parked attempt un-parks. */
	host_reply(h, "s", 2, "c", UNDO, 1, OK);
	expect_step(h, "+branch #1 2 undo ok 1\n"
		       ">b-svc s b undo 1 left=1000\n"
		       ">recorded 2\n");
	txn_stats(h->t, &stats);
	assert_int_equal(stats.parked, 0);
	host_query(h, "s", false);
	assert_int_equal(h->answer.state, WIRE_STATE_UNDOING);
}

static void two_parked_steps(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, three, 2);
	host_plan_after(&p, 1, NULL, 0);
	host_submit(h, "s", &p);
	host_cancel(h, "s");
	host_reply(h, "s", 0, "a", UNDO, 1, WIRE_OUTCOME_PARK);
	host_reply(h, "s", 1, "b", UNDO, 1, WIRE_OUTCOME_PARK);
	expect_step(h, "+parked #1 1 undo 1 code=0 at=+5000\n"
		       ">alert s b undo 1 code=0\n"
		       ">recorded 1\n");
	host_reply(h, "s", 0, "a", UNDO, 1, OK);
	host_query(h, "s", false);
	assert_int_equal(h->answer.state, WIRE_STATE_PARKED);
	host_reply(h, "s", 1, "b", UNDO, 1, OK);
	expect_step(h, "+branch #1 1 undo ok 1\n+finished #1 compensated\n>recorded 1\n");
}

static void parked_for_good(void **state)
{
	struct host h;
	struct host_plan p;

	(void)state;
	host_init(&h);
	h.config.parked_retry_ms = 0;
	host_start(&h);
	host_plan(&p, three, 1);
	host_submit(&h, "s", &p);
	host_cancel(&h, "s");
	host_reply(&h, "s", 0, "a", UNDO, 1, WIRE_OUTCOME_PARK);
	expect_step(&h, "+parked #1 0 undo 1 code=0\n>alert s a undo 1 code=0\n>recorded 1\n");
	assert_int_equal(txn_next_deadline(h.t), UINT64_MAX);
	host_take_over(&h, h.record_count);
	assert_int_equal(txn_next_deadline(h.t), UINT64_MAX);
	host_reply(&h, "s", 0, "a", UNDO, 1, OK);
	expect_step(&h, "+branch #1 0 undo ok 1\n+finished #1 compensated\n>recorded 1\n");
	host_close(&h);
}

static void deadline_does_not_stop_an_undo(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, three, 1);
	p.plan.deadline_ms = 1500;
	host_submit(h, "s", &p);
	h->now += 1000;
	host_cancel(h, "s");
	expect_step(h, "+decision #1 cancelled\n"
		       ">answer 1 s undoing final\n"
		       ">a-svc s a undo 1 left=1000\n");
	host_tick(h, 600);
	expect_step(h, "");
}

static void cancel_of_a_saga_without_undo_ends_it(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, three, 1);
	p.steps[0].undo = (struct slice){0};
	host_submit_wait(h, "s", &p);
	h->reply_to = 2;
	host_cancel(h, "s");
	expect_step(h, "+decision #1 cancelled\n"
		       "+finished #1 compensated\n"
		       ">answer 2 s compensated final\n"
		       ">answer 1 s compensated final\n");
	/* Again: cancelled is what it is. */
	host_cancel(h, "s");
	expect_step(h, "+noop\n>answer 2 s compensated final\n");
}

static void cancel_too_late(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, three, 1);
	host_submit(h, "s", &p);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	host_cancel(h, "s");
	expect_step(h, "+noop\n>answer 1 s completed too_late final\n");
	host_submit(h, "r", &p);
	host_reply(h, "r", 0, "a", FORWARD, 1, REJECTED);
	host_cancel(h, "r");
	expect_step(h, "+noop\n>answer 1 r compensated too_late final\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, host_set_up, host_tear_down)
		T(rejection_undoes_in_reverse_order),
		T(rejection_of_the_first_step_ends_it),
		T(steps_without_undo_are_skipped_in_order),
		T(undoes_a_diamond),
		T(siblings_in_flight_are_undone),
		T(refused_undo_is_a_failed_attempt_and_parks),
		T(parked_step_goes_on_to_the_rest),
		T(two_parked_steps),
		T(parked_for_good),
		T(deadline_does_not_stop_an_undo),
		T(cancel_of_a_saga_without_undo_ends_it),
		T(cancel_too_late),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
