#include "base/base64.h"

#include <string.h>

#include "unit.h"

static void assert_pair(const char *plain, const char *text)
{
	struct buf out;

	buf_init(&out, 64);
	assert_int_equal(buf_put(&out, "#", 1), 0);
	assert_int_equal(base64_encode(slice_str(plain), &out), 0);
	assert_int_equal(out.size, 1 + strlen(text));
	assert_memory_equal(out.data + 1, text, strlen(text));
	buf_truncate(&out, 1);
	assert_int_equal(base64_decode(slice_str(text), &out), 0);
	assert_int_equal(out.size, 1 + strlen(plain));
	assert_memory_equal(out.data, "#", 1);
	assert_memory_equal(out.data + 1, plain, strlen(plain));
	buf_close(&out);
}

/* The vectors of RFC 4648, section 10, and the two characters that they leave out. */
static void known_texts(void **state)
{
	(void)state;
	assert_pair("", "");
	assert_pair("f", "Zg==");
	assert_pair("fo", "Zm8=");
	assert_pair("foo", "Zm9v");
	assert_pair("foob", "Zm9vYg==");
	assert_pair("fooba", "Zm9vYmE=");
	assert_pair("foobar", "Zm9vYmFy");
	assert_pair("\xfb\xff\xbf", "+/+/");
}

static void bytes_of_all_lengths_come_back(void **state)
{
	struct buf text, bytes;
	uint8_t data[64];

	(void)state;
	buf_init(&text, 1024);
	buf_init(&bytes, 1024);
	for (uint32_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(255 - 4 * i);
	for (uint32_t size = 0; size <= sizeof data; size++) {
		buf_clear(&text);
		buf_clear(&bytes);
		assert_int_equal(base64_encode(slice_of(data, size), &text), 0);
		assert_int_equal(text.size, (size + 2) / 3 * 4);
		assert_int_equal(base64_decode(buf_slice(&text), &bytes), 0);
		assert_true(slice_equal(buf_slice(&bytes), slice_of(data, size)));
	}
	buf_close(&text);
	buf_close(&bytes);
}

static void other_texts_are_refused(void **state)
{
	static const char *const wrong[] = {
		"Z",    "Zg",   "Zg=",  "Zg===",    "=Zg=",     "Z=g=", "Zm9v\n",   "Zm9%",
		"Zm9-", "Zm9_", "====", "Zg==Zg==", "Zg==Zm9v", "A===", "AAAA=",    "A A=",
		"AB==", "AAB=", "Zh==", "Zm9=",     "AA\x80=",  "=",    "AAAAAAA=A"};
	struct buf out;

	(void)state;
	buf_init(&out, 64);
	assert_int_equal(buf_put(&out, "x", 1), 0);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		if (base64_decode(slice_str(wrong[i]), &out) != SAGA_E_BAD_REPLY)
			fail_msg("taken: %s", wrong[i]);
		assert_int_equal(out.size, 1);
		assert_int_equal(buf_error(&out), 0);
	}
	buf_close(&out);
}

static void a_full_buffer_stays_as_it_was(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 2);
	assert_int_equal(base64_decode(slice_str("Zm9v"), &out), SAGA_E_FULL);
	assert_int_equal(out.size, 0);
	assert_int_equal(buf_error(&out), 0);
	assert_int_equal(base64_encode(slice_str("foo"), &out), SAGA_E_FULL);
	assert_int_equal(base64_decode(slice_str("Zg=="), &out), SAGA_E_FULL); /* it sticks */
	buf_close(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_texts),
		cmocka_unit_test(bytes_of_all_lengths_come_back),
		cmocka_unit_test(other_texts_are_refused),
		cmocka_unit_test(a_full_buffer_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
