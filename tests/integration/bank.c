/* The bank demo as a test of its own verdicts: a few hundred transfers by both protocols with
 * trouble and a kill must pass, too little of it is inconclusive, and a bank that breaks a promise
 * is found out. */
#include "tests/unit/unit.h"

#include "tests/support/process.h"

enum { RUN_MS = 240000, OUTPUT_SIZE = 65536, FLAGS_MAX = 6 };

static int run_demo(const char *const flags[FLAGS_MAX], char *output)
{
	const char *argv[FLAGS_MAX + 4] = {BANK_DEMO, "-o", "json"};
	int exit_code = -1;

	for (uint32_t i = 0; i < FLAGS_MAX && flags[i] != NULL; i++)
		argv[3 + i] = flags[i];
	assert_int_equal(process_run(argv, NULL, NULL, RUN_MS, output, OUTPUT_SIZE, &exit_code), 0);
	return exit_code;
}

static void test_both_protocols_with_trouble_and_a_kill(void **state)
{
	static char output[OUTPUT_SIZE];
	const char *const flags[FLAGS_MAX] = {"--transfers=800", "--in-flight=120", "--trouble=30",
					      "--kill-owner=1", "--seed=3"};
	const int exit_code = run_demo(flags, output);

	(void)state;
	if (exit_code != 0)
		fail_msg("the demo ends with %d: %s", exit_code, output);
	assert_non_null(strstr(output, "\"parked\":0"));
	assert_non_null(strstr(output, "\"inconclusive\":\"\""));
	assert_non_null(strstr(output, "\"transfers\":800"));
	assert_non_null(strstr(output, "\"violations\":0"));
	assert_non_null(strstr(output, "\"judges\":{\"transactions\":800,\"findings\":0,"));
}

static void test_a_quiet_run_proves_nothing(void **state)
{
	static char output[OUTPUT_SIZE];
	const char *const flags[FLAGS_MAX] = {"--transfers=60", "--trouble=0", "--protocol=tcc"};

	(void)state;
	assert_int_equal(run_demo(flags, output), 2);
	assert_non_null(strstr(output, "\"violations\":0"));
	assert_non_null(strstr(output, "1 kills: no node ever had"));
	assert_non_null(strstr(output, "there was to be no trouble"));
	assert_non_null(strstr(output, "no duplicate met a barrier"));
	assert_non_null(strstr(output, "\"2pc\":{\"committed\":0,\"aborted\":0}"));
}

static void test_a_broken_bank_is_found_out(void **state)
{
	static const struct {
		const char *sabotage, *found;
	} cases[] = {
		{"--sabotage=barrier", "\"doubled\":0,"},
		{"--sabotage=double", "\"conserved\":0,"},
		{"--sabotage=forget", "\"half\":0,"},
	};
	static char output[OUTPUT_SIZE];

	(void)state;
	for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *const flags[FLAGS_MAX] = {"--transfers=150", "--trouble=50",
						      "--kill-owner=0", "--seed=3",
						      cases[i].sabotage};

		assert_int_equal(run_demo(flags, output), 1);
		if (strstr(output, cases[i].found) != NULL)
			fail_msg("%s: not found for what it is: %s", cases[i].sabotage, output);
		/* And the judges, who know nothing of banks, see it too. */
		if (strstr(output, "\"outcome\":\"broken\"") == NULL)
			fail_msg("%s: no judge has found anything: %s", cases[i].sabotage, output);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_quiet_run_proves_nothing),
		cmocka_unit_test(test_a_broken_bank_is_found_out),
		cmocka_unit_test(test_both_protocols_with_trouble_and_a_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
