#include "transport/match.h"

#include "tests/unit/unit.h"

static bool matches(const char *pattern, const char *subject)
{
	return match_subject(slice_str(pattern), slice_str(subject));
}

static void test_plain_subjects(void **state)
{
	(void)state;
	assert_true(matches("a", "a"));
	assert_true(matches("a.b.c", "a.b.c"));
	assert_false(matches("a", "b"));
	assert_false(matches("a", "a.b"));
	assert_false(matches("a.b", "a"));
	assert_false(matches("a.b", "a.bc"));
	assert_false(matches("a.bc", "a.b"));
	assert_false(matches("", "a"));
	assert_false(matches("a", ""));
}

static void test_star_is_one_token(void **state)
{
	(void)state;
	assert_true(matches("*", "a"));
	assert_true(matches("a.*.c", "a.b.c"));
	assert_true(matches("*.*", "a.b"));
	assert_false(matches("*", "a.b"));
	assert_false(matches("a.*", "a"));
	assert_false(matches("a.*", "a.b.c"));
	/* Only a token of its own is a wildcard. */
	assert_false(matches("a*", "ab"));
	assert_true(matches("a*", "a*"));
}

static void test_greater_is_the_rest(void **state)
{
	(void)state;
	assert_true(matches(">", "a"));
	assert_true(matches(">", "a.b.c"));
	assert_true(matches("a.>", "a.b"));
	assert_true(matches("a.>", "a.b.c"));
	assert_true(matches("a.*.>", "a.b.c.d"));
	assert_false(matches("a.>", "a"));
	assert_false(matches("a.>", "b.c"));
	assert_false(matches("a.*.>", "a.b"));
}

static void test_patterns(void **state)
{
	char text[MATCH_SUBJECT_SIZE_MAX + 2];

	(void)state;
	assert_true(match_pattern_valid(slice_str("a.b")));
	assert_true(match_pattern_valid(slice_str("*.b.>")));
	assert_true(match_pattern_valid(slice_str("$JS.API.INFO")));
	assert_false(match_pattern_valid(slice_str("")));
	assert_false(match_pattern_valid(slice_str(".a")));
	assert_false(match_pattern_valid(slice_str("a.")));
	assert_false(match_pattern_valid(slice_str("a..b")));
	assert_false(match_pattern_valid(slice_str("a.>.b")));
	assert_false(match_pattern_valid(slice_str("a b")));
	assert_false(match_pattern_valid(slice_str("a\r\nPUB x 0\r\n")));

	memset(text, 'a', sizeof text);
	assert_true(match_pattern_valid(slice_of(text, MATCH_SUBJECT_SIZE_MAX)));
	assert_false(match_pattern_valid(slice_of(text, MATCH_SUBJECT_SIZE_MAX + 1)));
}

static void test_what_may_be_published_to(void **state)
{
	(void)state;
	assert_true(match_publish_valid(slice_str("a..b")));
	assert_true(match_publish_valid(slice_str("$JS.ACK.s.c.1.2.3.4.5")));
	assert_false(match_publish_valid(slice_str("")));
	assert_false(match_publish_valid(slice_str("a b")));
	assert_false(match_publish_valid(slice_str("a\n")));
	assert_false(match_publish_valid(slice_of("a\0b", 3)));
	assert_false(match_publish_valid(slice_str("a\x7f")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_subjects),
		cmocka_unit_test(test_star_is_one_token),
		cmocka_unit_test(test_greater_is_the_rest),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_what_may_be_published_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
