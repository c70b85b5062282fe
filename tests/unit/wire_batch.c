/* Journal batches: what goes in comes out, and no changed byte is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/wire_support.h"
#include "wire/batch.h"
#include "wire/codec.h"
#include "wire/record.h"

static struct batch_header some_header(void)
{
	struct batch_header header = {
		.shard = 5,
		.record_count = 3,
		.epoch = 0x1122334455667788,
		.nonce = UINT64_MAX,
		.first_record = 42,
		.shard_time = 1700000000000,
	};

	for (uint32_t i = 0; i < sizeof header.previous.bytes; i++)
		header.previous.bytes[i] = (uint8_t)(0xf0 + i);
	assert_int_equal(id_from(&header.cluster, slice_str("prod-eu_1")), 0);
	return header;
}

static void some_records(struct buf *records)
{
	const struct wire_record_noop noop = {0};
	const struct wire_record_finished finished = {.admission = 7,
						      .state = WIRE_STATE_COMPLETED};
	const struct wire_record_epoch epoch = {
		.epoch = 9, .node = slice_str("n1"), .nonce = 1, .format = 1};

	buf_init(records, 4096);
	assert_int_equal(wire_encode(WIRE_RECORD_EPOCH, &epoch, records), 0);
	assert_int_equal(wire_encode(WIRE_RECORD_NOOP, &noop, records), 0);
	assert_int_equal(wire_encode(WIRE_RECORD_FINISHED, &finished, records), 0);
}

static void make(struct batch_header *header, struct buf *records, struct buf *out)
{
	*header = some_header();
	some_records(records);
	buf_init(out, 8192);
	assert_int_equal(batch_encode(header, buf_slice(records), out), 0);
}

static void round_trip(void **state)
{
	(void)state;
	struct batch_header header;
	struct batch_header read;
	struct buf records;
	struct buf out;
	struct slice body;

	make(&header, &records, &out);
	assert_int_equal(out.size, BATCH_HEADER_SIZE + records.size);
	assert_int_equal(batch_decode(buf_slice(&out), &read, &body), 0);
	assert_int_equal(read.shard, header.shard);
	assert_int_equal(read.record_count, header.record_count);
	assert_true(read.epoch == header.epoch && read.nonce == header.nonce);
	assert_true(read.first_record == header.first_record);
	assert_true(read.shard_time == header.shard_time);
	assert_true(hash128_equal(&read.previous, &header.previous));
	assert_true(id_equal(&read.cluster, &header.cluster));
	assert_true(slice_equal(body, buf_slice(&records)));
	assert_ptr_equal(body.data, out.data + BATCH_HEADER_SIZE);
	buf_close(&records);
	buf_close(&out);
}

static void layout_is_as_documented(void **state)
{
	(void)state;
	struct batch_header header;
	struct buf records;
	struct buf out;

	make(&header, &records, &out);
	assert_memory_equal(out.data, "SAGB\x01\x00\x90\x00\x05\x00\x00\x00\x03\x00\x00\x00", 16);
	assert_memory_equal(out.data + 16, "\x88\x77\x66\x55\x44\x33\x22\x11", 8);
	assert_memory_equal(out.data + 24, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	assert_memory_equal(out.data + 32, "\x2a\x00\x00\x00\x00\x00\x00\x00", 8);
	assert_memory_equal(out.data + 40, "\x00\x68\xe5\xcf\x8b\x01\x00\x00", 8);
	assert_memory_equal(out.data + 48, header.previous.bytes, 16);
	assert_memory_equal(out.data + 64, "prod-eu_1\0\0", 11);
	assert_int_equal(out.data[128], records.size);
	assert_memory_equal(out.data + 129, "\0\0\0\0\0\0\0\0\0\0\0", 11);
	buf_close(&records);
	buf_close(&out);
}

static void every_changed_byte_is_refused(void **state)
{
	(void)state;
	struct batch_header header;
	struct batch_header read;
	struct buf records;
	struct buf out;
	struct slice body;

	make(&header, &records, &out);
	for (uint32_t i = 0; i < out.size; i++) {
		for (uint32_t bit = 0; bit < 8; bit++) {
			out.data[i] ^= (uint8_t)(1U << bit);
			assert_int_equal(batch_decode(buf_slice(&out), &read, &body),
					 SAGA_E_JOURNAL_CORRUPT);
			out.data[i] ^= (uint8_t)(1U << bit);
		}
		const uint8_t was = out.data[i];
		out.data[i] = (uint8_t)~was;
		assert_int_equal(batch_decode(buf_slice(&out), &read, &body),
				 SAGA_E_JOURNAL_CORRUPT);
		out.data[i] = was;
	}
	assert_int_equal(batch_decode(buf_slice(&out), &read, &body), 0);
	buf_close(&records);
	buf_close(&out);
}

static void every_cut_is_refused(void **state)
{
	(void)state;
	struct batch_header header;
	struct batch_header read;
	struct buf records;
	struct buf out;
	struct slice body;

	make(&header, &records, &out);
	for (uint32_t size = 0; size < out.size; size++) {
		const struct slice cut = wire_test_copy(out.data, size);
		assert_int_equal(batch_decode(cut, &read, &body), SAGA_E_JOURNAL_CORRUPT);
		wire_test_free(cut);
	}
	assert_int_equal(buf_put(&out, "", 1), 0);
	assert_int_equal(batch_decode(buf_slice(&out), &read, &body), SAGA_E_JOURNAL_CORRUPT);
	buf_close(&records);
	buf_close(&out);
}

/* Sets bytes and writes a right checksum over them: the content itself must be judged. */
static int decode_forged(struct buf *out, uint32_t at, const char *bytes, uint32_t size)
{
	struct batch_header read;
	struct slice body;
	const struct slice copy = wire_test_copy(out->data, out->size);
	uint8_t *data = (uint8_t *)(uintptr_t)copy.data;

	memcpy(data + at, bytes, size);
	memset(data + 140, 0, 4);
	const uint32_t crc = hash_crc32c(0, data, copy.size);
	for (uint32_t i = 0; i < 4; i++)
		data[140 + i] = (uint8_t)(crc >> (8 * i));
	const int error = batch_decode(copy, &read, &body);
	wire_test_free(copy);
	return error;
}

static void forged_content_is_refused(void **state)
{
	(void)state;
	struct batch_header header;
	struct buf records;
	struct buf out;

	make(&header, &records, &out);
	assert_int_equal(decode_forged(&out, 8, "\x05", 1), 0); /* nothing changed */
	assert_int_equal(decode_forged(&out, 4, "\x02", 1), SAGA_E_VERSION);
	assert_int_equal(decode_forged(&out, 6, "\x91", 1), SAGA_E_JOURNAL_CORRUPT);
	assert_int_equal(decode_forged(&out, 8, "\x80", 1), SAGA_E_JOURNAL_CORRUPT);
	assert_int_equal(decode_forged(&out, 12, "\x02", 1), SAGA_E_JOURNAL_CORRUPT);
	assert_int_equal(decode_forged(&out, 12, "\x04", 1), SAGA_E_JOURNAL_CORRUPT);
	assert_int_equal(decode_forged(&out, 12, "\x00", 1), SAGA_E_JOURNAL_CORRUPT);
	assert_int_equal(decode_forged(&out, 32, "\x00", 1), SAGA_E_JOURNAL_CORRUPT);
	assert_int_equal(decode_forged(&out, 64, ".", 1), SAGA_E_JOURNAL_CORRUPT);
	assert_int_equal(decode_forged(&out, 64, "\0", 1), SAGA_E_JOURNAL_CORRUPT);
	assert_int_equal(decode_forged(&out, 127, "x", 1), SAGA_E_JOURNAL_CORRUPT);
	assert_int_equal(decode_forged(&out, 128, "\x01", 1), SAGA_E_JOURNAL_CORRUPT);
	assert_int_equal(decode_forged(&out, 139, "\x01", 1), SAGA_E_JOURNAL_CORRUPT);
	assert_int_equal(decode_forged(&out, 144, "\xc1", 1), SAGA_E_JOURNAL_CORRUPT);
	assert_int_equal(decode_forged(&out, out.size - 1, "\xcd", 1), SAGA_E_JOURNAL_CORRUPT);
	buf_close(&records);
	buf_close(&out);
}

static void a_full_buffer_is_left_as_it_was(void **state)
{
	(void)state;
	struct batch_header header;
	struct buf records;
	struct buf out;
	uint8_t memory[BATCH_HEADER_SIZE + 8];

	make(&header, &records, &out);
	struct buf full;
	buf_init_fixed(&full, memory, sizeof memory);
	assert_int_equal(buf_put(&full, "ab", 2), 0);
	assert_int_equal(batch_encode(&header, buf_slice(&records), &full), SAGA_E_FULL);
	assert_int_equal(full.size, 2);
	assert_int_equal(buf_error(&full), 0);
	buf_close(&records);
	buf_close(&out);
}

static void the_hash_covers_everything(void **state)
{
	(void)state;
	struct batch_header header;
	struct buf records;
	struct buf out;

	make(&header, &records, &out);
	const struct hash128 whole = batch_hash(buf_slice(&out));
	for (uint32_t i = 0; i < out.size; i++) {
		out.data[i] ^= 1;
		const struct hash128 changed = batch_hash(buf_slice(&out));
		assert_false(hash128_equal(&whole, &changed));
		out.data[i] ^= 1;
	}
	buf_close(&records);
	buf_close(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(layout_is_as_documented),
		cmocka_unit_test(every_changed_byte_is_refused),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(forged_content_is_refused),
		cmocka_unit_test(a_full_buffer_is_left_as_it_was),
		cmocka_unit_test(the_hash_covers_everything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
