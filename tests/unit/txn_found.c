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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(undo_keeps_its_order_over_a_gap, host_set_up,
						host_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
