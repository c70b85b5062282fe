/* client/text.h */
#include "tests/unit/unit.h"

#include "client/text.h"

static void check(const char *from, size_t from_size, size_t into_size, const char *expected)
{
	char into[64];

	(void)memset(into, 'x', sizeof into);
	text_clean(into, into_size, from, from_size);
	assert_string_equal(into, expected);
	if (into_size < sizeof into)
		assert_int_equal(into[into_size], 'x');
}

static void good_text_stays(void **state)
{
	(void)state;
	check("plain", 6, 64, "plain");
	check("", 1, 64, "");
	check("stra\xc3\x9f"
	      "e \xe2\x82\xac \xf0\x9f\x98\x80",
	      32, 64,
	      "stra\xc3\x9f"
	      "e \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void what_the_codec_refuses_is_replaced(void **state)
{
	(void)state;
	check("a\nb\tc\x7f", 8, 64, "a?b?c?");
	check("\xff\xfe", 3, 64, "??");
	check("\xc0\xaf", 3, 64, "??");           /* overlong */
	check("\xed\xa0\x80", 4, 64, "???");      /* a surrogate */
	check("\xf4\x90\x80\x80", 5, 64, "????"); /* beyond U+10FFFF */
	check("\xc2\x85", 3, 64, "??");           /* a C1 control character */
	check("\xe2\x82", 3, 64, "??");           /* cut short */
	check("ok\xe2\x82x", 6, 64, "ok??x");
}

static void it_is_cut_between_characters(void **state)
{
	(void)state;
	check("abcdef", 7, 4, "abc");
	check("ab\xe2\x82\xac", 6, 5, "ab");
	check("ab\xe2\x82\xac", 6, 6, "ab\xe2\x82\xac");
	check("abcdef", 3, 64, "abc"); /* no NUL within from_size */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_text_stays),
		cmocka_unit_test(what_the_codec_refuses_is_replaced),
		cmocka_unit_test(it_is_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
