#include "base/near.h"

#include "unit.h"

static const char *const verbs[] = {"status", "nodes", "shards", "sagas", "init"};

static const char *nearest(const char *word)
{
	return near_name(word, verbs, sizeof verbs / sizeof verbs[0]);
}

static void typing_mistakes_find_their_word(void **state)
{
	(void)state;
	assert_string_equal(nearest("status"), "status");
	assert_string_equal(nearest("stauts"), "status");
	assert_string_equal(nearest("statu"), "status");
	assert_string_equal(nearest("node"), "nodes");
	assert_string_equal(nearest("sags"), "sagas");
	assert_string_equal(nearest("shrads"), "shards");
	assert_string_equal(nearest("innit"), "init");
}

static void other_words_find_nothing(void **state)
{
	(void)state;
	assert_null(nearest("frobnicate"));
	assert_null(nearest(""));
	assert_null(nearest("xyz"));
	assert_null(near_name("status", NULL, 0));
}

static void the_limit_is_a_third_of_the_longer_length(void **state)
{
	const char *const six[] = {"abcdef"};
	const char *const two[] = {"ab"};
	const char *const nine[] = {"abcdefghi"};

	(void)state;
	assert_non_null(near_name("abcdxy", six, 1));
	assert_null(near_name("abcxyz", six, 1));
	assert_non_null(near_name("ax", two, 1));
	assert_null(near_name("xy", two, 1));
	/* Two neighbours swapped are one mistake. */
	assert_non_null(near_name("ba", two, 1));
	assert_non_null(near_name("abcdef", nine, 1));
	assert_null(near_name("abcde", nine, 1));
}

static void the_nearest_wins_and_the_first_of_equals(void **state)
{
	const char *const names[] = {"timeout_xx", "timeout_ns", "timeout_us", "timeout_ms"};

	(void)state;
	assert_string_equal(near_name("timeout_ms", names, 4), "timeout_ms");
	assert_string_equal(near_name("timeout_s", names, 4), "timeout_ns");
}

static void long_names_are_never_near(void **state)
{
	char long_word[66];
	const char *const names[] = {long_word};

	(void)state;
	memset(long_word, 'a', 65);
	long_word[65] = '\0';
	assert_null(near_name(long_word, names, 1));
	assert_null(near_name(long_word + 1, names, 1));
	long_word[64] = '\0';
	assert_non_null(near_name(long_word, names, 1));
	assert_non_null(near_name(long_word + 1, names, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(typing_mistakes_find_their_word),
		cmocka_unit_test(other_words_find_nothing),
		cmocka_unit_test(the_limit_is_a_third_of_the_longer_length),
		cmocka_unit_test(the_nearest_wins_and_the_first_of_equals),
		cmocka_unit_test(long_names_are_never_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
