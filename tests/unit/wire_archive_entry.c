#include "wire/archive_entry.h"

#include "unit.h"

static void make(struct buf *out)
{
	const struct archive_entry entry = {.shard = 3,
					    .batch_count = 2,
					    .first_record = 10,
					    .last_record = 14,
					    .first_sequence = 7};

	buf_init(out, 4096);
	assert_int_equal(archive_entry_begin(out), 0);
	assert_int_equal(archive_entry_put(out, slice_str("first")), 0);
	assert_int_equal(archive_entry_put(out, slice_str("second one")), 0);
	archive_entry_close(out, &entry);
}

static void what_was_put_comes_back(void **state)
{
	struct archive_entry entry;
	struct slice batches, batch;
	struct buf bytes;

	(void)state;
	make(&bytes);
	assert_int_equal(archive_entry_decode(buf_slice(&bytes), &entry, &batches), 0);
	assert_int_equal(entry.shard, 3);
	assert_int_equal(entry.batch_count, 2);
	assert_int_equal(entry.first_record, 10);
	assert_int_equal(entry.last_record, 14);
	assert_int_equal(entry.first_sequence, 7);
	assert_true(archive_entry_next(&batches, &batch));
	assert_true(slice_equal(batch, slice_str("first")));
	assert_true(archive_entry_next(&batches, &batch));
	assert_true(slice_equal(batch, slice_str("second one")));
	assert_false(archive_entry_next(&batches, &batch));
	buf_close(&bytes);
}

static void damage_at_each_byte_is_seen(void **state)
{
	struct archive_entry entry;
	struct slice batches;
	struct buf bytes;

	(void)state;
	make(&bytes);
	for (uint32_t i = 0; i < bytes.size; i++) {
		bytes.data[i] ^= 0x40;
		assert_int_not_equal(archive_entry_decode(buf_slice(&bytes), &entry, &batches), 0);
		bytes.data[i] ^= 0x40;
	}
	for (uint32_t size = 0; size < bytes.size; size++)
		assert_int_not_equal(
			archive_entry_decode(slice_of(bytes.data, size), &entry, &batches), 0);
	buf_close(&bytes);
}

/* What a writer counted wrong has a right checksum. */
static void counts_must_be_right(void **state)
{
	struct archive_entry entry = {.shard = 3,
				      .batch_count = 3,
				      .first_record = 10,
				      .last_record = 14,
				      .first_sequence = 7};
	struct slice batches;
	struct buf bytes;

	(void)state;
	make(&bytes);
	archive_entry_close(&bytes, &entry);
	assert_int_equal(archive_entry_decode(buf_slice(&bytes), &entry, &batches),
			 SAGA_E_JOURNAL_CORRUPT);
	entry.batch_count = 2;
	entry.first_sequence = 0;
	archive_entry_close(&bytes, &entry);
	assert_int_equal(archive_entry_decode(buf_slice(&bytes), &entry, &batches),
			 SAGA_E_JOURNAL_CORRUPT);
	buf_close(&bytes);
}

static void a_full_entry_takes_no_more(void **state)
{
	struct buf bytes;
	uint32_t size;

	(void)state;
	buf_init(&bytes, ARCHIVE_ENTRY_HEADER_SIZE + 20);
	assert_int_equal(archive_entry_begin(&bytes), 0);
	assert_int_equal(archive_entry_put(&bytes, slice_str("0123456789")), 0);
	size = bytes.size;
	assert_int_equal(archive_entry_put(&bytes, slice_str("0123456789")), SAGA_E_FULL);
	assert_int_equal(bytes.size, size);
	assert_int_equal(archive_entry_put(&bytes, slice_str("01")), 0);
	buf_close(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_comes_back),
		cmocka_unit_test(damage_at_each_byte_is_seen),
		cmocka_unit_test(counts_must_be_right),
		cmocka_unit_test(a_full_entry_takes_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
