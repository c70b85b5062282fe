#include "base/id.h"

#include "unit.h"

static void only_the_character_set_is_valid(void **state)
{
	const char *good = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		const uint8_t byte = (uint8_t)c;
		const bool expected = c != 0 && strchr(good, (int)c) != NULL;

		assert_int_equal(id_valid(slice_of(&byte, 1)), expected);
	}
	assert_true(id_valid(slice_str(good)));
	assert_false(id_valid(slice_str("order.1")));
	assert_false(id_valid(slice_of("a\0b", 3)));
}

/* Eight characters are looked at together: each of them counts, whatever its neighbours are. */
static void each_character_counts(void **state)
{
	const char *good = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

	(void)state;
	for (uint32_t size = 1; size <= 24; size++) {
		for (uint32_t at = 0; at < size; at++) {
			for (unsigned c = 0; c < 256; c++) {
				uint8_t text[24];

				memset(text, "zA0-_9a"[(at + c) % 7], sizeof text);
				text[at] = (uint8_t)c;
				assert_int_equal(id_valid(slice_of(text, size)),
						 c != 0 && strchr(good, (int)c) != NULL);
			}
		}
	}
}

static void the_length_is_1_to_64(void **state)
{
	char text[65];
	struct id id;

	(void)state;
	memset(text, 'x', sizeof text);
	assert_false(id_valid(slice_str("")));
	assert_false(id_valid((struct slice){NULL, 0}));
	assert_true(id_valid(slice_of(text, 64)));
	assert_false(id_valid(slice_of(text, 65)));
	assert_int_equal(id_from(&id, slice_of(text, 64)), 0);
	assert_int_equal(id.size, 64);
	assert_int_equal(id.text[64], '\0');
}

static void a_refused_text_leaves_the_id_alone(void **state)
{
	struct id id;
	struct id same;

	(void)state;
	assert_int_equal(id_from(&id, slice_str("order-1")), 0);
	assert_string_equal(id.text, "order-1");
	assert_int_equal(id_from(&id, slice_str("or der")), SAGA_E_NAME);
	assert_string_equal(id.text, "order-1");
	assert_int_equal(id_from(&same, slice_of("order-1xyz", 7)), 0);
	assert_true(id_equal(&id, &same));
	assert_int_equal(id_from(&same, slice_str("order-2")), 0);
	assert_false(id_equal(&id, &same));
}

static void assert_uuid(struct uuid u, const char *expected)
{
	char text[UUID_TEXT_SIZE + 1];

	uuid_format(&u, text);
	assert_string_equal(text, expected);
}

/* RFC 9562 A.6. */
static void uuid_v7_gives_the_known_answer(void **state)
{
	const uint8_t random[10] = {0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f};

	(void)state;
	assert_uuid(uuid_v7(UINT64_C(0x017f22e279b0), random),
		    "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

static void uuid_v7_sets_version_and_variant_whatever_the_random(void **state)
{
	uint8_t ones[10];
	const uint8_t zeros[10] = {0};

	(void)state;
	memset(ones, 0xff, sizeof ones);
	assert_uuid(uuid_v7(0, zeros), "00000000-0000-7000-8000-000000000000");
	assert_uuid(uuid_v7(UINT64_C(0xffffffffffff), ones),
		    "ffffffff-ffff-7fff-bfff-ffffffffffff");
}

static void uuid_v7_sorts_by_time(void **state)
{
	const uint8_t zeros[10] = {0};
	uint8_t ones[10];

	(void)state;
	memset(ones, 0xff, sizeof ones);
	for (uint64_t ms = 1; ms < UINT64_C(1) << 47; ms *= 3) {
		const struct uuid before = uuid_v7(ms - 1, ones);
		const struct uuid after = uuid_v7(ms, zeros);

		assert_true(memcmp(before.bytes, after.bytes, UUID_SIZE) < 0);
	}
}

/* RFC 9562 A.4, and how the namespace of operations came to be. */
static void uuid_v5_gives_the_known_answers(void **state)
{
	struct uuid dns;

	(void)state;
	assert_int_equal(uuid_parse(&dns, slice_str("6ba7b810-9dad-11d1-80b4-00c04fd430c8")), 0);
	assert_uuid(uuid_v5(&dns, slice_str("www.example.com")),
		    "2ed6657d-e927-568b-95e1-2665a8aea6a2");
	assert_uuid(uuid_v5(&dns, slice_str("sagad.operation")),
		    "e9495a2a-9aee-5f96-98fd-72caec31d36d");
	assert_uuid(SAGA_OP_NAMESPACE, "e9495a2a-9aee-5f96-98fd-72caec31d36d");
}

static void operation_ids_are_published_and_apart(void **state)
{
	const struct slice saga = slice_str("order-1");
	const struct slice step = slice_str("flight");
	const struct uuid forward = uuid_operation(saga, step, slice_str("forward"));
	const struct uuid undo = uuid_operation(saga, step, slice_str("undo"));
	const struct uuid again = uuid_operation(saga, step, slice_str("forward"));

	(void)state;
	assert_uuid(forward, "160c510f-ab13-50e6-878b-8e9be1b25732");
	assert_true(uuid_equal(&forward, &again));
	assert_false(uuid_equal(&forward, &undo));
}

static void operation_of_the_longest_names_fits(void **state)
{
	char text[64] = "";
	const struct slice name = slice_of(text, sizeof text);
	struct uuid u;

	(void)state;
	memset(text, 'z', sizeof text);
	u = uuid_operation(name, name, name);
	assert_int_equal(u.bytes[6] >> 4, 5);
	assert_int_equal(u.bytes[8] >> 6, 2);
}

static void operation_of_a_bad_name(void)
{
	(void)uuid_operation(slice_str("a/b"), slice_str("c"), slice_str("undo"));
}

static void uuid_of_a_far_future(void)
{
	(void)uuid_v7(UINT64_C(1) << 48, (const uint8_t[10]){0});
}

static void bad_arguments_are_bugs(void **state)
{
	(void)state;
	assert_true(aborts(operation_of_a_bad_name));
	assert_true(aborts(uuid_of_a_far_future));
}

static void uuid_text_goes_both_ways(void **state)
{
	struct uuid u;

	(void)state;
	assert_int_equal(uuid_parse(&u, slice_str("01234567-89AB-cdef-FEDC-ba9876543210")), 0);
	assert_uuid(u, "01234567-89ab-cdef-fedc-ba9876543210");
}

static void malformed_uuids_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"01234567-89ab-cdef-fedc-ba987654321",
		"01234567-89ab-cdef-fedc-ba98765432100",
		"0123456789abcdeffedcba9876543210",
		"012345678-9ab-cdef-fedc-ba9876543210",
		"01234567-89ab-cdef-fedc_ba9876543210",
		"01234567-89ab-cdef-fedc-ba987654321g",
		"{1234567-89ab-cdef-fedc-ba987654321}",
		"0x234567-89ab-cdef-fedc-ba9876543210",
		" 1234567-89ab-cdef-fedc-ba9876543210",
	};
	struct uuid u = {{42}};

	(void)state;
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(uuid_parse(&u, slice_str(bad[i])), SAGA_E_NAME);
	assert_int_equal(u.bytes[0], 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_character_set_is_valid),
		cmocka_unit_test(each_character_counts),
		cmocka_unit_test(the_length_is_1_to_64),
		cmocka_unit_test(a_refused_text_leaves_the_id_alone),
		cmocka_unit_test(uuid_v7_gives_the_known_answer),
		cmocka_unit_test(uuid_v7_sets_version_and_variant_whatever_the_random),
		cmocka_unit_test(uuid_v7_sorts_by_time),
		cmocka_unit_test(uuid_v5_gives_the_known_answers),
		cmocka_unit_test(operation_ids_are_published_and_apart),
		cmocka_unit_test(operation_of_the_longest_names_fits),
		cmocka_unit_test(bad_arguments_are_bugs),
		cmocka_unit_test(uuid_text_goes_both_ways),
		cmocka_unit_test(malformed_uuids_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
