#include "tests/unit/unit.h"

#include "base/units.h"

static void test_count(void **state)
{
	uint64_t value = 7;

	(void)state;
	assert_int_equal(units_parse_count("0", &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(units_parse_count("18446744073709551615", &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(units_parse_count("18446744073709551616", &value), SAGA_E_RANGE);
	assert_int_equal(units_parse_count("", &value), SAGA_E_TYPE);
	assert_int_equal(units_parse_count("-1", &value), SAGA_E_TYPE);
	assert_int_equal(units_parse_count("1s", &value), SAGA_E_TYPE);
	assert_int_equal(units_parse_count(" 1", &value), SAGA_E_TYPE);
	assert_true(value == UINT64_MAX);
}

static void test_duration(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {{"0", 0},        {"250ms", 250},    {"2s", 2000},
		    {"10m", 600000}, {"24h", 86400000}, {"7d", 604800000}};
	static const char *const bad[] = {"10", "ms", "1.5s", "2 s", "2S", "1m30s", "-1s", ""};
	uint64_t value = 0;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_int_equal(units_parse_duration(good[i].text, &value), 0);
		assert_true(value == good[i].value);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(units_parse_duration(bad[i], &value), SAGA_E_TYPE);
	assert_int_equal(units_parse_duration("300000000000d", &value), SAGA_E_RANGE);
}

static void test_size(void **state)
{
	uint64_t value = 0;

	(void)state;
	assert_int_equal(units_parse_size("1GiB", &value), 0);
	assert_true(value == 1073741824);
	assert_int_equal(units_parse_size("3KiB", &value), 0);
	assert_true(value == 3072);
	assert_int_equal(units_parse_size("12B", &value), 0);
	assert_true(value == 12);
	assert_int_equal(units_parse_size("1GB", &value), SAGA_E_TYPE);
	assert_int_equal(units_parse_size("1", &value), SAGA_E_TYPE);
	assert_int_equal(units_parse_size("99999999999GiB", &value), SAGA_E_RANGE);
}

static void test_format_is_what_parse_takes(void **state)
{
	static const uint64_t values[] = {0,     1,     999,     1000,       1024,     1500,
					  60000, 90000, 3600000, 1073741824, 86400000, 1048577};
	char text[UNITS_TEXT_SIZE];
	uint64_t value = 1;

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		units_format_duration(values[i], text);
		assert_int_equal(units_parse_duration(text, &value), 0);
		assert_true(value == values[i]);
		units_format_size(values[i], text);
		assert_int_equal(units_parse_size(text, &value), 0);
		assert_true(value == values[i]);
	}
	units_format_duration(86400000, text);
	assert_string_equal(text, "1d");
	units_format_duration(90000, text);
	assert_string_equal(text, "90s");
	units_format_size(1073741824, text);
	assert_string_equal(text, "1GiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_format_is_what_parse_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
