/* What the property tests found (txn_prop.h), as small as it gets. */
#include "tests/unit/txn_host.h"

#define FORWARD WIRE_OP_FORWARD
#define UNDO    WIRE_OP_UNDO
#define OK      WIRE_OUTCOME_OK
#define NO      WIRE_OUTCOME_REJECTED

/* Invariant 16: c depends on a, although b between them was refused and nothing is left of it. */
static void undo_keeps_its_order_over_a_gap(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d"};
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, names, 4);
	p.steps[1].flags = WIRE_STEP_OPTIONAL;
	host_submit(h, "s", &p);
	host_reply(h, "s", 0, "a", FORWARD, 1, OK);
	host_reply(h, "s", 1, "b", FORWARD, 1, NO);
	host_reply(h, "s", 2, "c", FORWARD, 1, OK);
	host_reply(h, "s", 3, "d", FORWARD, 1, NO);
	expect_step(h, "+branch #1 3 forward rejected 1\n"
		       "+decision #1 rejected 3\n"
		       ">c-svc s c undo 1 left=1000\n"
		       ">recorded 1\n");
	host_reply(h, "s", 2, "c", UNDO, 1, OK);
	expect_step(h, "+branch #1 2 undo ok 1\n"
		       ">a-svc s a undo 1 left=1000\n"
		       ">recorded 1\n");
}

/* S13: what an optional step was still asked for when the saga was undone is obsolete, and whoever
 * answers is told so: else the answer comes again and again. */
static void late_settle_is_obsolete(void **state)
{
	static const char *const names[] = {"a", "b"};
	struct host *h = *state;
	struct host_plan p;

	host_plan(&p, names, 2);
	host_plan_after(&p, 1, NULL, 0);
	p.steps[0].flags = WIRE_STEP_OPTIONAL;
	p.steps[0].undo = (struct slice){0};
	host_submit(h, "s", &p);
	host_reply(h, "s", 0, "a", FORWARD, 1, WIRE_OUTCOME_PARK);
	assert_int_equal(h->command.op, WIRE_OP_SETTLE);
	host_cancel(h, "s");
	host_reply(h, "s", 0, "a", WIRE_OP_SETTLE, 1, NO);
	expect_step(h, "+noop\n>obsolete 1\n");
}

/* a's ok is durable, and the refusal of b's input, which picks too much of it, is not. */
static void cut_before_the_refusal(struct host *h, struct host_plan *p, uint64_t away_ms)
{
	static const char *const names[] = {"a", "b"};
	static char output[60000];
	struct wire_reply reply = host_reply_of("s", 0, "a", FORWARD, 1, OK);

	host_plan(p, names, 2);
	p->steps[1].input = slice_str("[\"$.steps.a.output\",\"$.steps.a.output\","
				      "\"$.steps.a.output\",\"$.steps.a.output\","
				      "\"$.steps.a.output\"]");
	memset(output, 'x', sizeof output);
	output[0] = output[sizeof output - 1] = '"';
	reply.output = slice_of(output, sizeof output);
	host_submit(h, "s", p);
	host_reply_as(h, &reply, "a-svc");
	h->now += away_ms;
	host_take_over(h, 2);
}

/* It was never sent, so there is nothing to undo: and no undo could be sent. */
static void deadline_before_the_refusal(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	cut_before_the_refusal(h, &p, 60000);
	host_tick(h, 0);
	expect_step(h, "+branch #1 1 forward rejected 1 code=1011\n"
		       "+decision #1 rejected 1\n"
		       ">a-svc s a undo 1 left=1000\n");
}

static void cancel_before_the_refusal(void **state)
{
	struct host *h = *state;
	struct host_plan p;

	cut_before_the_refusal(h, &p, 0);
	host_cancel(h, "s");
	expect_step(h, "+branch #1 1 forward rejected 1 code=1011\n"
		       "+decision #1 cancelled\n"
		       ">answer 1 s undoing final\n"
		       ">a-svc s a undo 1 left=1000\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(undo_keeps_its_order_over_a_gap, host_set_up,
						host_tear_down),
		cmocka_unit_test_setup_teardown(late_settle_is_obsolete, host_set_up,
						host_tear_down),
		cmocka_unit_test_setup_teardown(deadline_before_the_refusal, host_set_up,
						host_tear_down),
		cmocka_unit_test_setup_teardown(cancel_before_the_refusal, host_set_up,
						host_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
