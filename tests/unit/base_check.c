#include "base/check.h"

#include "unit.h"

static int seen_pipe[2];

struct seen {
	int64_t left;
	int64_t right;
	char expression[64];
};

static void tell(const char *file, int line, const char *expression, int64_t left, int64_t right)
{
	struct seen seen = {.left = left, .right = right};

	(void)strncpy(seen.expression, expression, sizeof seen.expression - 1);
	if (strstr(file, "base_check.c") == NULL || line <= 0)
		seen.left = -99;
	(void)!write(seen_pipe[1], &seen, sizeof seen);
}

static void fail_again(const char *file, int line, const char *expression, int64_t left,
		       int64_t right)
{
	tell(file, line, expression, left, right);
	CHECK(line < 0);
}

static void fail_plain(void)
{
	check_set_sink(tell);
	CHECK(seen_pipe[0] < 0);
}

static void fail_with_values(void)
{
	int left = -3;

	check_set_sink(tell);
	CHECK_LT(++left, -40 - 2);
}

static void fail_in_the_sink(void)
{
	check_set_sink(fail_again);
	CHECK(seen_pipe[0] < 0);
}

static void fail_without_a_sink(void)
{
	check_set_sink(NULL);
	CHECK_EQ(1, 2);
}

static void assert_seen(int64_t left, int64_t right, const char *expression)
{
	struct seen seen = {0};

	assert_int_equal(read(seen_pipe[0], &seen, sizeof seen), sizeof seen);
	assert_int_equal(seen.left, left);
	assert_int_equal(seen.right, right);
	assert_string_equal(seen.expression, expression);
}

static void a_failed_check_tells_the_sink_and_aborts(void **state)
{
	(void)state;
	assert_true(aborts(fail_plain));
	assert_seen(0, 0, "seen_pipe[0] < 0");
	assert_true(aborts(fail_with_values));
	assert_seen(-2, -42, "++left < -40 - 2");
	assert_true(aborts(fail_without_a_sink));
}

static void a_check_that_fails_in_the_sink_still_aborts(void **state)
{
	(void)state;
	assert_true(aborts(fail_in_the_sink));
	assert_seen(0, 0, "seen_pipe[0] < 0");
}

static void a_check_that_holds_does_nothing(void **state)
{
	int evaluated = 0;

	(void)state;
	check_set_sink(fail_again);
	CHECK(++evaluated == 1);
	CHECK_EQ(++evaluated, 2);
	CHECK_LE(2, 2);
	CHECK_LT(-1, 0);
	check_set_sink(NULL);
	assert_int_equal(evaluated, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failed_check_tells_the_sink_and_aborts),
		cmocka_unit_test(a_check_that_fails_in_the_sink_still_aborts),
		cmocka_unit_test(a_check_that_holds_does_nothing),
	};

	if (pipe(seen_pipe) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
