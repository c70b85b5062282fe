/* The travel demo as a test of its own verdicts: the whole of it must pass, too little of it is
 * inconclusive, and a spoiled ledger is a violation. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "tests/support/process.h"

enum { RUN_MS = 170000, OUTPUT_SIZE = 65536 };

static int run_demo(const char *first, const char *second, char *output)
{
	const char *const argv[] = {TRAVEL_DEMO, "-o", "json", first, second, NULL};
	int exit_code = -1;

	assert_int_equal(process_run(argv, NULL, NULL, RUN_MS, output, OUTPUT_SIZE, &exit_code), 0);
	return exit_code;
}

static void all_is_well(const char *delivery)
{
	static char output[OUTPUT_SIZE];
	const int exit_code = run_demo("--seed=3", delivery, output);

	if (exit_code != 0)
		fail_msg("the demo ends with %d: %s", exit_code, output);
	assert_non_null(strstr(output, "\"parked\":0"));
	assert_non_null(strstr(output, "\"inconclusive\":\"\""));
	assert_non_null(strstr(output, "\"bookings\":2400"));
	assert_non_null(strstr(output, "\"judges\":{\"transactions\":2400,\"findings\":0,"));
	assert_non_null(strstr(output, "\"lost\":0,\"doubled\":0"));
}

static void test_all_bookings_with_both_kills(void **state)
{
	(void)state;
	all_is_well("--delivery=durable");
}

static void test_the_same_by_both_deliveries(void **state)
{
	(void)state;
	all_is_well("--delivery=mixed");
}

static void test_few_bookings_prove_nothing(void **state)
{
	static char output[OUTPUT_SIZE];

	(void)state;
	assert_int_equal(run_demo("--bookings=60", NULL, output), 2);
	assert_non_null(strstr(output, "completed"));
	assert_non_null(strstr(output, "\"violations\":0"));
	/* So few that there is no moment for a kill. */
	assert_int_equal(run_demo("--bookings=10", "--output=table", output), 2);
	assert_non_null(strstr(output, "no node was killed\n"));
}

static void test_spoiled_ledger_is_a_violation(void **state)
{
	static char output[OUTPUT_SIZE];

	(void)state;
	assert_int_equal(run_demo("--bookings=60", "--sabotage=delete", output), 1);
	assert_non_null(strstr(output, "\"outcome\":\"broken\"")); /* the judges see it, too */
	assert_int_equal(run_demo("--bookings=60", "--sabotage=double", output), 1);
	assert_non_null(strstr(output, "\"outcome\":\"broken\""));
	assert_non_null(strstr(output, "\"doubled\":1,"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few_bookings_prove_nothing),
		cmocka_unit_test(test_spoiled_ledger_is_a_violation),
		cmocka_unit_test(test_all_bookings_with_both_kills),
		cmocka_unit_test(test_the_same_by_both_deliveries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
