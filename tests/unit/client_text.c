/* client/text.h */
#include "tests/unit/unit.h"

#include "base/prng.h"
#include "client/text.h"
#include "wire/check.h"

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

/* Bytes around every border of RFC 3629: a reply with a text that the codec refuses would never
 * leave, and its frame's others neither. */
static void nothing_is_left_for_the_codec_to_refuse(void **state)
{
	static const uint8_t bytes[] = {0x00, 0x01, 0x1f, 0x20, 0x41, 0x7f, 0x80, 0x85, 0x8f,
					0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0,
					0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff};
	struct prng prng;

	(void)state;
	prng_seed(&prng, 7);
	for (uint32_t i = 0; i < 300000; i++) {
		char from[12], into[12];
		const uint32_t size = (uint32_t)prng_below(&prng, sizeof from) + 1;
		const uint32_t room = (uint32_t)prng_below(&prng, sizeof into) + 1;

		for (uint32_t at = 0; at < size; at++)
			from[at] = (char)bytes[prng_below(&prng, sizeof bytes)];
		text_clean(into, room, from, size);
		if (!wire_text_valid(slice_str(into)))
			fail_msg("case %u", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_text_stays),
		cmocka_unit_test(what_the_codec_refuses_is_replaced),
		cmocka_unit_test(it_is_cut_between_characters),
		cmocka_unit_test(nothing_is_left_for_the_codec_to_refuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
