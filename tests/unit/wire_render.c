/* The line for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/wire_support.h"
#include "wire/codec.h"

static void renders(const char *hex, const char *expected)
{
	char memory[1024];
	struct buf out;
	const struct slice bytes = wire_test_hex(hex);

	buf_init_fixed(&out, memory, sizeof memory - 1);
	assert_int_equal(wire_render(bytes, &out), 0);
	memory[out.size] = '\0';
	assert_string_equal(memory, expected);
	wire_test_free(bytes);
}

static void names_and_words(void **state)
{
	(void)state;
	renders("84 0001 0102 02a161 03c3",
		"{\"format\":1,\"kind\":\"query\",\"id\":\"a\",\"wait\":true}");
	renders("86 0001 0144 02cd012c 0401 0503 0a cf0000018bcfe56800",
		"{\"format\":1,\"kind\":\"branch\",\"admission\":300,\"op\":\"forward\","
		"\"event\":\"again\",\"next_at\":1700000000000}");
}

static void arrays_and_nested(void **state)
{
	(void)state;
	renders("84 0001 0101 02a178 03 83 02a170 0401 06 91 84 02a16e 03a173 04a166 0b 81 02ccc8",
		"{\"format\":1,\"kind\":\"submit\",\"id\":\"x\",\"plan\":{\"name\":\"p\","
		"\"protocol\":\"saga\",\"steps\":[{\"name\":\"n\",\"service\":\"s\","
		"\"forward\":\"f\",\"retry\":{\"initial_ms\":200}}]}}");
	renders("82 0001 0104", "{\"format\":1,\"kind\":\"answer\"}");
	renders("83 0001 0104 1190", "{\"format\":1,\"kind\":\"answer\",\"labels\":[]}");
}

static void quotes_are_escaped(void **state)
{
	(void)state;
	renders("83 0001 0104 0aa5 22 61 5c c3a9",
		"{\"format\":1,\"kind\":\"answer\",\"text\":\"\\\"a\\\\\xc3\xa9\"}");
}

static void binaries_are_hex(void **state)
{
	(void)state;
	renders("83 0001 0144 09c403 00ff10",
		"{\"format\":1,\"kind\":\"branch\",\"output\":\"00ff10\"}");
	renders("83 0001 0144 09c441 "
		"00000000000000000000000000000000 00000000000000000000000000000000 "
		"00000000000000000000000000000000 00000000000000000000000000000000 00",
		"{\"format\":1,\"kind\":\"branch\",\"output\":\""
		"00000000000000000000000000000000"
		"00000000000000000000000000000000"
		"00000000000000000000000000000000"
		"00000000000000000000000000000000"
		"... (65 bytes)\"}");
	renders("83 0001 0107 0491 81 02c410 000102030405060708090a0b0c0d0e0f",
		"{\"format\":1,\"kind\":\"disposition_frame\",\"dispositions\":[{\"operation\":"
		"\"00010203-0405-0607-0809-0a0b0c0d0e0f\"}]}");
}

/* What this version does not know is shown all the same. */
static void unknown_things(void **state)
{
	(void)state;
	renders("84 0001 0102 3f93 c0 ff ca00000000 40 82 0001 0102",
		"{\"format\":1,\"kind\":\"query\",\"63\":[null,\"negative\",\"float\"],"
		"\"64\":{\"0\":1,\"1\":2}}");
	renders("83 0001 0106 0591 81 08 63",
		"{\"format\":1,\"kind\":\"reply_frame\",\"replies\":[{\"outcome\":99}]}");
}

static void errors(void **state)
{
	(void)state;
	char memory[16];
	struct buf out;
	const struct slice good = wire_test_hex("83 0001 0102 02a161");
	const struct slice bad = wire_test_hex("83 0001 0102 02a1");
	const struct slice foreign = wire_test_hex("82 0001 013f");

	buf_init_fixed(&out, memory, sizeof memory);
	assert_int_equal(wire_render(good, &out), SAGA_E_FULL);
	assert_int_equal(out.size, 0);
	assert_int_equal(wire_render(bad, &out), SAGA_E_LENGTH);
	assert_int_equal(wire_render(foreign, &out), SAGA_E_KIND);
	assert_int_equal(wire_render(slice_of(NULL, 0), &out), SAGA_E_EMPTY);
	wire_test_free(good);
	wire_test_free(bad);
	wire_test_free(foreign);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_words),    cmocka_unit_test(arrays_and_nested),
		cmocka_unit_test(quotes_are_escaped), cmocka_unit_test(binaries_are_hex),
		cmocka_unit_test(unknown_things),     cmocka_unit_test(errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
