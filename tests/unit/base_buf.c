#include "base/buf.h"

#include "unit.h"

static bool fail_allocations;

/* The linker sends buf.c's calls here (see base.cmake). */
void *__real_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_realloc(void *block, size_t size)
{
	return fail_allocations ? NULL : __real_realloc(block, size);
}

void *__wrap_malloc(size_t size)
{
	return fail_allocations ? NULL : __real_malloc(size);
}

static void assert_content(const struct buf *b, const char *text)
{
	assert_int_equal(b->size, strlen(text));
	assert_memory_equal(b->data, text, b->size);
}

static void grows_up_to_its_maximum(void **state)
{
	struct buf b;
	uint8_t byte = 0;

	(void)state;
	buf_init(&b, 1000);
	assert_null(b.data);
	for (unsigned i = 0; i < 1000; i++) {
		byte = (uint8_t)i;
		assert_int_equal(buf_put(&b, &byte, 1), 0);
	}
	assert_int_equal(b.capacity, 1000);
	assert_int_equal(buf_put(&b, &byte, 1), SAGA_E_FULL);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(b.data[i], (uint8_t)i);
	buf_close(&b);
	buf_close(&b);
}

static void an_error_sticks_and_keeps_the_content(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	assert_int_equal(buf_put(&b, "abcdef", 6), 0);
	assert_int_equal(buf_put(&b, "ghi", 3), SAGA_E_FULL);
	assert_content(&b, "abcdef");
	/* This one would fit, but a hole in the middle must not go unnoticed. */
	assert_int_equal(buf_put(&b, "g", 1), SAGA_E_FULL);
	assert_int_equal(buf_printf(&b, "g"), SAGA_E_FULL);
	assert_int_equal(buf_put(&b, NULL, 0), SAGA_E_FULL);
	assert_null(buf_grow(&b, 1));
	assert_content(&b, "abcdef");
	assert_int_equal(buf_error(&b), SAGA_E_FULL);
	buf_truncate(&b, 3);
	assert_int_equal(buf_error(&b), 0);
	assert_int_equal(buf_put(&b, "xyz12", 5), 0);
	assert_content(&b, "abcxyz12");
	buf_close(&b);
}

static void a_size_near_the_type_limit_does_not_wrap(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_put(&b, "ab", 2), 0);
	assert_null(buf_grow(&b, UINT32_MAX));
	assert_int_equal(buf_error(&b), SAGA_E_FULL);
	buf_close(&b);
}

static void clearing_keeps_the_memory(void **state)
{
	struct buf b;
	uint8_t *memory;

	(void)state;
	buf_init(&b, 4096);
	assert_non_null(buf_grow(&b, 2000));
	memory = b.data;
	buf_clear(&b);
	assert_int_equal(b.size, 0);
	fail_allocations = true;
	assert_ptr_equal(buf_grow(&b, 2000), memory);
	fail_allocations = false;
	buf_close(&b);
}

static void a_failed_allocation_sticks_and_keeps_the_content(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1U << 20);
	assert_int_equal(buf_put(&b, "ab", 2), 0);
	fail_allocations = true;
	assert_null(buf_grow(&b, 5000));
	assert_int_equal(buf_error(&b), SAGA_E_NO_MEMORY);
	assert_content(&b, "ab");
	buf_truncate(&b, 2);
	assert_int_equal(buf_printf(&b, "%600d", 1), SAGA_E_NO_MEMORY);
	fail_allocations = false;
	assert_int_equal(buf_put(&b, "c", 1), SAGA_E_NO_MEMORY);
	assert_content(&b, "ab");
	buf_clear(&b);
	assert_int_equal(buf_put(&b, "c", 1), 0);
	buf_close(&b);
}

static void a_fixed_buffer_never_grows(void **state)
{
	char memory[4];
	struct buf b;

	(void)state;
	buf_init_fixed(&b, memory, sizeof memory);
	assert_int_equal(buf_put_slice(&b, slice_str("abcd")), 0);
	assert_int_equal(buf_put(&b, "e", 1), SAGA_E_FULL);
	assert_ptr_equal(b.data, memory);
	assert_true(slice_equal(buf_slice(&b), slice_str("abcd")));
	buf_close(&b);
	assert_memory_equal(memory, "abcd", 4);
}

static void printf_fills_to_the_last_byte(void **state)
{
	char memory[3];
	char expected[701];
	struct buf b;

	(void)state;
	buf_init_fixed(&b, memory, sizeof memory);
	assert_int_equal(buf_printf(&b, "%d", 123), 0);
	assert_content(&b, "123");
	assert_int_equal(buf_printf(&b, "%d", 4), SAGA_E_FULL);

	/* Longer than the buffer on the stack, and exactly as long as allowed. */
	memset(expected, ' ', 699);
	expected[699] = '7';
	expected[700] = '\0';
	buf_init(&b, 700);
	assert_int_equal(buf_printf(&b, "%700d", 7), 0);
	assert_content(&b, expected);
	buf_close(&b);
	buf_init(&b, 699);
	assert_int_equal(buf_printf(&b, "%700d", 7), SAGA_E_FULL);
	assert_int_equal(b.size, 0);
	buf_close(&b);
}

static void printf_is_right_around_its_stack_buffer(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	for (int width = 505; width < 520; width++) {
		buf_clear(&b);
		assert_int_equal(buf_printf(&b, "%*d", width, 7), 0);
		assert_int_equal(b.size, width);
		assert_int_equal(b.data[b.size - 1], '7');
	}
	buf_close(&b);
}

static void empty_puts_are_fine(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	assert_int_equal(buf_put(&b, NULL, 0), 0);
	assert_int_equal(buf_put_slice(&b, (struct slice){NULL, 0}), 0);
	assert_int_equal(buf_printf(&b, "%s", ""), 0);
	assert_int_equal(buf_put(&b, "a", 1), SAGA_E_FULL);
	buf_close(&b);
}

static void truncate_upwards(void)
{
	struct buf b;

	buf_init(&b, 10);
	buf_truncate(&b, 1);
}

static void truncating_upwards_is_a_bug(void **state)
{
	(void)state;
	assert_true(aborts(truncate_upwards));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_up_to_its_maximum),
		cmocka_unit_test(an_error_sticks_and_keeps_the_content),
		cmocka_unit_test(a_size_near_the_type_limit_does_not_wrap),
		cmocka_unit_test(clearing_keeps_the_memory),
		cmocka_unit_test(a_failed_allocation_sticks_and_keeps_the_content),
		cmocka_unit_test(a_fixed_buffer_never_grows),
		cmocka_unit_test(printf_fills_to_the_last_byte),
		cmocka_unit_test(printf_is_right_around_its_stack_buffer),
		cmocka_unit_test(empty_puts_are_fine),
		cmocka_unit_test(truncating_upwards_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
