#include "tests/unit/unit.h"

#include <stdio.h>

#include "base/prng.h"
#include "node/outbox.h"
#include "node/tokens.h"

static void gates_hold_in_order(void **state)
{
	struct outbox o;
	struct outbox_entry entry;
	(void)state;
	outbox_init(&o, 4096);
	assert_false(outbox_peek(&o, 100, &entry));
	assert_int_equal(outbox_put(&o, 5, UINT64_MAX, "a.b", slice_str("first")), 0);
	/* A lower gate behind a higher one waits for it: order is kept (S1). */
	assert_int_equal(outbox_put(&o, 2, 77, "c", slice_of(NULL, 0)), 0);
	assert_false(outbox_peek(&o, 4, &entry));
	assert_true(outbox_peek(&o, 5, &entry));
	assert_string_equal(entry.subject, "a.b");
	assert_true(slice_equal(entry.data, slice_str("first")));
	outbox_pop(&o);
	assert_true(outbox_peek(&o, 5, &entry));
	assert_int_equal(entry.gate, 5);
	assert_int_equal(entry.leave_by_ms, 77);
	assert_string_equal(entry.subject, "c");
	outbox_pop(&o);
	assert_int_equal(outbox_size(&o), 0);
	outbox_close(&o);
}

static void full_changes_nothing(void **state)
{
	struct outbox o;
	struct outbox_entry entry;
	uint8_t data[300] = {0};
	(void)state;
	outbox_init(&o, 400);
	assert_int_equal(outbox_put(&o, 1, UINT64_MAX, "s", slice_of(data, 300)), 0);
	assert_int_equal(outbox_put(&o, 1, UINT64_MAX, "s", slice_of(data, 300)), SAGA_E_FULL);
	assert_int_equal(o.count, 1);
	assert_true(outbox_peek(&o, 1, &entry));
	outbox_pop(&o);
	assert_int_equal(outbox_put(&o, 1, UINT64_MAX, "s", slice_of(data, 300)), 0);
	outbox_close(&o);
}

/* A long queue that drains: what has left leaves its room to what is to come. */
static void what_has_left_takes_no_room(void **state)
{
	static const uint8_t data[70];
	static const uint8_t large[180];
	struct outbox o;
	struct outbox_entry entry;

	(void)state;
	outbox_init(&o, 400);
	for (int i = 0; i < 4; i++)
		assert_int_equal(outbox_put(&o, 1, UINT64_MAX, "s", slice_of(data, sizeof data)),
				 0);
	for (int i = 0; i < 2; i++) {
		assert_true(outbox_peek(&o, 1, &entry));
		outbox_pop(&o);
	}
	assert_int_equal(outbox_put(&o, 1, UINT64_MAX, "s", slice_of(large, sizeof large)), 0);
	assert_true(outbox_peek(&o, 1, &entry));
	assert_int_equal(entry.data.size, sizeof data);
	assert_string_equal(entry.subject, "s");
	outbox_close(&o);
}

/* Against a plain model of numbers, through many compactions. */
static void long_run_keeps_every_entry(void **state)
{
	struct outbox o;
	struct outbox_entry entry;
	struct prng p;
	uint64_t put = 0;
	uint64_t popped = 0;
	static uint8_t data[60000];
	(void)state;
	prng_seed(&p, 1);
	outbox_init(&o, 8 * 1024 * 1024);
	for (int i = 0; i < 20000; i++) {
		if (prng_below(&p, 2) == 0 && put - popped < 100) {
			const uint32_t size = 8 + (uint32_t)prng_below(&p, sizeof data - 8);
			memcpy(data, &put, sizeof put);
			assert_int_equal(outbox_put(&o, put, put, "x", slice_of(data, size)), 0);
			put++;
		} else if (outbox_peek(&o, put, &entry)) {
			uint64_t number;
			memcpy(&number, entry.data.data, sizeof number);
			assert_int_equal(number, popped);
			assert_int_equal(entry.gate, popped);
			outbox_pop(&o);
			popped++;
		}
	}
	assert_true(popped > 1000);
	outbox_close(&o);
}

static void tokens_never_come_back(void **state)
{
	struct token_slot memory[3] = {0};
	struct tokens t;
	(void)state;
	tokens_init(&t, memory, 3);
	const uint64_t a = tokens_take(&t, slice_str("_INBOX.a"));
	const uint64_t b = tokens_take(&t, slice_str("_INBOX.b"));
	const uint64_t c = tokens_take(&t, slice_str("_INBOX.c"));
	assert_true(a != 0 && b != 0 && c != 0);
	assert_int_equal(tokens_take(&t, slice_str("_INBOX.d")), 0);
	assert_string_equal(tokens_find(&t, b), "_INBOX.b");
	tokens_drop(&t, b);
	tokens_drop(&t, b);
	assert_null(tokens_find(&t, b));
	const uint64_t d = tokens_take(&t, slice_str("_INBOX.d"));
	assert_true(d != 0 && d != b);
	assert_null(tokens_find(&t, b));
	assert_string_equal(tokens_find(&t, d), "_INBOX.d");
	assert_null(tokens_find(&t, 0));
	assert_null(tokens_find(&t, 99));
}

static void tokens_in_use_are_told_one_by_one(void **state)
{
	struct token_slot memory[4] = {0};
	struct tokens t;
	uint32_t at = 0;
	(void)state;
	tokens_init(&t, memory, 4);
	assert_null(tokens_next(&t, &at));
	(void)tokens_take(&t, slice_str("_INBOX.a"));
	const uint64_t b = tokens_take(&t, slice_str("_INBOX.b"));
	(void)tokens_take(&t, slice_str("_INBOX.c"));
	tokens_drop(&t, b);
	assert_string_equal(tokens_next(&t, &at), "_INBOX.a");
	assert_string_equal(tokens_next(&t, &at), "_INBOX.c");
	assert_null(tokens_next(&t, &at));
}

static void long_subjects_get_no_token(void **state)
{
	struct token_slot memory[1] = {0};
	struct tokens t;
	char subject[TOKEN_SUBJECT_MAX + 2];
	(void)state;
	memset(subject, 'x', sizeof subject);
	tokens_init(&t, memory, 1);
	assert_int_equal(tokens_take(&t, slice_of(subject, TOKEN_SUBJECT_MAX + 1)), 0);
	assert_int_equal(tokens_take(&t, slice_of(subject, 0)), 0);
	assert_true(tokens_take(&t, slice_of(subject, TOKEN_SUBJECT_MAX)) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gates_hold_in_order),
		cmocka_unit_test(full_changes_nothing),
		cmocka_unit_test(long_run_keeps_every_entry),
		cmocka_unit_test(tokens_never_come_back),
		cmocka_unit_test(tokens_in_use_are_told_one_by_one),
		cmocka_unit_test(long_subjects_get_no_token),
		cmocka_unit_test(what_has_left_takes_no_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
