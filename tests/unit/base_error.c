#include "base/error.h"

#include <stdio.h>

#include "unit.h"

struct row {
	int code;
	int number;
	const char *symbol;
};

#define ROW(symbol, number, class, slug, text) {symbol, number, #symbol},
static const struct row rows[] = {SAGA_ERROR_MAP(ROW)};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

static void every_code_is_found_by_each_of_its_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROW_COUNT; i++) {
		const int code = rows[i].code;
		char name[16];

		assert_int_equal(code, -rows[i].number);
		(void)snprintf(name, sizeof name, "SAGA-%d", rows[i].number);
		assert_string_equal(err_name(code), name);
		assert_int_equal(err_find(name), code);
		assert_int_equal(err_find(name + 5), code);
		assert_int_equal(err_find(err_slug(code)), code);
		assert_int_equal(err_from_wire(err_to_wire(code)), code);
		assert_int_not_equal(err_class(code), ERR_CLASS_NONE);
		assert_true(strlen(err_text(code)) > 5);
	}
}

static void numbers_and_slugs_are_unique(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROW_COUNT; i++) {
		assert_in_range(rows[i].number, 1000, 9999);
		for (unsigned j = 0; j < i; j++) {
			assert_int_not_equal(rows[i].number, rows[j].number);
			assert_string_not_equal(err_slug(rows[i].code), err_slug(rows[j].code));
		}
	}
}

static void success_is_no_error(void **state)
{
	(void)state;
	assert_int_equal(err_class(SAGA_E_NONE), ERR_CLASS_NONE);
	assert_int_equal(err_to_wire(SAGA_E_NONE), 0);
	assert_int_equal(err_from_wire(0), SAGA_E_NONE);
	assert_string_equal(err_slug(SAGA_E_NONE), "ok");
}

static void an_unknown_code_is_internal_and_never_success(void **state)
{
	(void)state;
	assert_string_equal(err_name(-12345), "SAGA-9001");
	assert_string_equal(err_name(7), "SAGA-9001");
	assert_int_equal(err_class(-1), ERR_CLASS_FATAL);
	assert_int_equal(err_from_wire(1), SAGA_E_INTERNAL);
	assert_int_equal(err_from_wire(1999), SAGA_E_INTERNAL);
	assert_int_equal(err_from_wire(UINT32_MAX), SAGA_E_INTERNAL);
	assert_int_equal(err_to_wire(5), 0);
}

static void an_unknown_name_is_not_found(void **state)
{
	(void)state;
	assert_int_equal(err_find(""), SAGA_E_NONE);
	assert_int_equal(err_find("SAGA-"), SAGA_E_NONE);
	assert_int_equal(err_find("SAGA-10020"), SAGA_E_NONE);
	assert_int_equal(err_find("saga-1002"), SAGA_E_NONE);
	assert_int_equal(err_find("bad_request"), SAGA_E_NONE);
}

/* Numbers are what travels and what people search for: these must never move. */
static void published_numbers_stay(void **state)
{
	(void)state;
	assert_int_equal(SAGA_E_DECODE, -1002);
	assert_int_equal(SAGA_E_BUSY, -2004);
	assert_int_equal(err_class(SAGA_E_BUSY), ERR_CLASS_RETRY);
	assert_int_equal(SAGA_E_FENCED, -3001);
	assert_int_equal(SAGA_E_NOT_OWNER, -4001);
	assert_int_equal(SAGA_E_STALE, -7001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_is_found_by_each_of_its_names),
		cmocka_unit_test(numbers_and_slugs_are_unique),
		cmocka_unit_test(success_is_no_error),
		cmocka_unit_test(an_unknown_code_is_internal_and_never_success),
		cmocka_unit_test(an_unknown_name_is_not_found),
		cmocka_unit_test(published_numbers_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
