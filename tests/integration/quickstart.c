/* The quick start's demo: an order that is done and one that is undone are both shown step by step,
 * and a spoiled database is a violation. */
#include "tests/unit/unit.h"

#include "tests/support/process.h"

enum { RUN_MS = 120000, OUTPUT_SIZE = 16384 };

static int run_demo(const char *flag, char *output)
{
	const char *const argv[] = {QUICKSTART_DEMO, flag, NULL};
	int exit_code = -1;

	assert_int_equal(process_run(argv, NULL, NULL, RUN_MS, output, OUTPUT_SIZE, &exit_code), 0);
	return exit_code;
}

static void test_one_order_is_done_and_one_undone(void **state)
{
	static char output[OUTPUT_SIZE];
	const int exit_code = run_demo(NULL, output);
	const char *second = strstr(output, "--id order-2");

	(void)state;
	if (exit_code != 0)
		fail_msg("the demo ends with %d: %s", exit_code, output);
	assert_non_null(second);
	assert_non_null(strstr(output, "state       completed\n"));
	/* The rollback is there to be seen. */
	assert_non_null(strstr(second, "state       compensated (rejected)\n"));
	assert_non_null(strstr(second, "declined"));
	assert_non_null(strstr(second, "goods  release"));
	assert_non_null(strstr(second, "inventory  book         8        8\n"));
	assert_non_null(strstr(second, "payment    ada        460      460\n"));
}

static void test_spoiled_database_is_a_violation(void **state)
{
	static char output[OUTPUT_SIZE];

	(void)state;
	assert_int_equal(run_demo("--sabotage", output), 1);
	assert_non_null(strstr(output, "inventory  book         8        7   WRONG\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_order_is_done_and_one_undone),
		cmocka_unit_test(test_spoiled_database_is_a_violation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
