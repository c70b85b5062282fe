/* The file form of a history: what is read is what was written; what is damaged is refused, and
 * what only looks like one is judged without harm. */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/prng.h"
#include "tests/judge/history_file.h"
#include "tests/unit/judge_tale.h"

struct fixture {
	struct tale tale;
	struct history history;
	struct buf file;
	struct verdict verdict;
};

static int open_fixture(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	tale_tell(&f->tale);
	tale_build(&f->tale, &f->history);
	(void)history_add_fault(&f->history, TALE_START_MS + 5, "node.paused");
	buf_init(&f->file, 1024 * 1024);
	assert_int_equal(history_encode(&f->history, &f->file), 0);
	*state = f;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *f = *state;

	history_close(&f->history);
	buf_close(&f->file);
	free(f);
	return 0;
}

static void comes_back(void **state)
{
	struct fixture *f = *state;
	const struct judge_options options = judge_defaults();
	struct history_refusal refusal;
	struct history again;
	struct buf file;

	assert_true(history_decode(buf_slice(&f->file), &again, &refusal));
	buf_init(&file, 1024 * 1024);
	assert_int_equal(history_encode(&again, &file), 0);
	assert_true(slice_equal(buf_slice(&file), buf_slice(&f->file)));
	buf_close(&file);
	judge_all(&again, &options, NULL, &f->verdict);
	assert_int_equal(judge_outcome(&f->verdict), JUDGE_PASSED);
	history_close(&again);
}

static void each_end_is_refused(void **state)
{
	struct fixture *f = *state;
	struct history_refusal refusal;
	struct history again;

	for (uint32_t size = 0; size < f->file.size; size += size < 2000 ? 1 : 97) {
		assert_false(history_decode(slice_of(f->file.data, size), &again, &refusal));
		assert_true(refusal.text[0] != '\0' && refusal.offset <= size);
	}
}

static void each_flipped_bit_is_refused(void **state)
{
	struct fixture *f = *state;
	struct history_refusal refusal;
	struct history again;

	for (uint32_t at = 0; at < f->file.size; at += at < 500 ? 1 : 13) {
		f->file.data[at] ^= (uint8_t)(1U << at % 8);
		assert_false(history_decode(buf_slice(&f->file), &again, &refusal));
		assert_true(refusal.offset <= at + 8);
		f->file.data[at] ^= (uint8_t)(1U << at % 8);
	}
}

static void nothing_stands_behind(void **state)
{
	struct fixture *f = *state;
	struct history_refusal refusal;
	struct history again;

	assert_int_equal(buf_put(&f->file, "\0", 1), 0);
	assert_false(history_decode(buf_slice(&f->file), &again, &refusal));
	assert_int_equal(refusal.offset, f->file.size - 1);
}

static uint32_t get_u32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

/* The record that holds this byte gets a checksum that is right. */
static void seal(struct buf *file, uint32_t byte)
{
	for (uint32_t at = 8; at + 8 < file->size;) {
		const uint32_t size = get_u32(file->data + at);

		if (size > file->size - at - 8)
			return; /* the size is what was changed */
		if (byte < at + 8 + size) {
			const uint32_t crc = hash_crc32c(0, file->data + at + 8, size);

			for (uint32_t i = 0; i < 4; i++)
				file->data[at + 4 + i] = (uint8_t)(crc >> 8 * i);
			return;
		}
		at += 8 + size;
	}
}

/* Well-formed lies: refused, or judged to some end. */
static void lies_do_no_harm(void **state)
{
	struct fixture *f = *state;
	const struct judge_options options = judge_defaults();
	struct history_refusal refusal;
	struct history again;
	struct prng prng;
	uint32_t judged = 0, refused = 0;

	prng_seed(&prng, 7);
	for (uint32_t i = 0; i < 3000; i++) {
		const uint32_t at = 16 + (uint32_t)(prng_next(&prng) % (f->file.size - 17));
		const uint8_t before = f->file.data[at];

		f->file.data[at] = i % 3 == 0 ? 0xff : (uint8_t)prng_next(&prng);
		seal(&f->file, at);
		if (history_decode(buf_slice(&f->file), &again, &refusal)) {
			memset(&f->verdict, 0, sizeof f->verdict);
			judge_all(&again, &options, NULL, &f->verdict);
			history_close(&again);
			judged++;
		} else {
			refused++;
		}
		f->file.data[at] = before;
		seal(&f->file, at);
	}
	assert_true(judged > 500);
	assert_true(refused > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(comes_back, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(each_end_is_refused, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(each_flipped_bit_is_refused, open_fixture,
						close_fixture),
		cmocka_unit_test_setup_teardown(nothing_stands_behind, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(lies_do_no_harm, open_fixture, close_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
