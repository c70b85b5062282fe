/* What the databases of the quick start should hold. */
#include "tests/unit/unit.h"

#include "examples/quickstart/check.h"

static const struct quickstart_order orders[] = {
	{"o1", "book", "ada", 2, 40, true},
	{"o2", "book", "ada", 3, 400, false},
	{"o3", "lamp", "ada", 1, 7, true},
};

static int64_t expect(const char *name, int64_t opening, uint32_t order_count)
{
	const struct quickstart_row row = {name, opening, 0};

	return quickstart_expect(&row, orders, order_count);
}

static void test_only_completed_orders_take_something(void **state)
{
	(void)state;
	assert_int_equal(expect("book", 10, 3), 8);
	assert_int_equal(expect("lamp", 1, 3), 0);
	assert_int_equal(expect("ada", 500, 3), 453);
	assert_int_equal(expect("ada", 500, 2), 460);
	assert_int_equal(expect("bob", 20, 3), 20);
	assert_int_equal(expect("book", 10, 0), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_completed_orders_take_something),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
