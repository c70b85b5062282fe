#include "journal/reader.h"

#include "journal_batches.h"
#include "wire/record.h"

struct seen {
	uint32_t count;
	uint64_t numbers[64];
	uint64_t times[64];
	uint32_t stop_at; /* 0 = never */
};

static int note(void *context, struct slice record, uint64_t number, uint64_t shard_time)
{
	struct seen *seen = context;
	enum wire_kind kind;

	assert_int_equal(wire_peek_kind(record, &kind), 0);
	assert_in_range(seen->count, 0, 63);
	seen->numbers[seen->count] = number;
	seen->times[seen->count] = shard_time;
	seen->count++;
	return seen->count == seen->stop_at ? SAGA_E_STATE : 0;
}

static int take_all(struct reader *r, const struct batches *b, struct seen *seen)
{
	for (uint64_t s = r->sequence + 1; s <= b->count; s++) {
		const int rc = reader_take(r, s, batches_at(b, s), note, seen);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static struct reader fresh(const struct batches *b)
{
	struct reader r;

	reader_init(&r, &b->cluster, b->shard);
	return r;
}

static void a_sound_log_is_handed_out_in_order(void **state)
{
	struct batches b;
	struct reader r;
	struct seen seen = {0};

	(void)state;
	batches_init(&b, "prod", 3);
	batches_genesis(&b);
	batches_epoch(&b, 5, 77, true);
	b.shard_time = 2000;
	batches_noops(&b, 5, 77, 3);
	batches_noops(&b, 5, 77, 1);
	b.shard_time = 2500;
	batches_epoch(&b, 9, 78, true);
	batches_noops(&b, 9, 78, 2);
	r = fresh(&b);
	assert_false(r.has_genesis);
	assert_int_equal(take_all(&r, &b, &seen), 0);
	assert_true(r.has_genesis);
	assert_int_equal(seen.count, 9);
	for (uint32_t i = 0; i < seen.count; i++)
		assert_int_equal(seen.numbers[i], i + 1);
	assert_int_equal(seen.times[0], 1000);
	assert_int_equal(seen.times[2], 2000);
	assert_int_equal(seen.times[8], 2500);
	assert_int_equal(r.sequence, 6);
	assert_int_equal(r.next_record, 10);
	assert_int_equal(r.epoch, 9);
	assert_int_equal(r.nonce, 78);
	assert_int_equal(r.shard_time, 2500);
	assert_int_equal(r.skipped, 0);
	assert_true(hash128_equal(&r.hash, &b.hash));
	assert_int_equal(r.genesis.shard_count, 16);
	assert_int_equal(r.genesis.slots.bytes[2], 7);
	assert_string_equal(r.genesis.created, "2026-01-02T03:04:05Z");
	batches_close(&b);
}

/* Takes the last batch of the log and expects an error that leaves the reader as it was. */
static void refused(struct batches *b, int error)
{
	struct reader r = fresh(b), before;
	struct seen seen = {0};
	const uint32_t last = b->count;

	b->count--;
	assert_int_equal(take_all(&r, b, &seen), 0);
	b->count++;
	before = r;
	seen.count = 0;
	assert_int_equal(reader_take(&r, last, batches_at(b, last), note, &seen), error);
	assert_int_equal(seen.count, 0);
	assert_memory_equal(&before, &r, sizeof r);
	batches_close(b);
}

static void begin_log(struct batches *b)
{
	batches_init(b, "prod", 3);
	batches_genesis(b);
	batches_epoch(b, 5, 77, true);
	batches_noops(b, 5, 77, 2);
}

static void a_jump_in_sequence_is_a_gap(void **state)
{
	struct batches b;
	struct reader r;
	struct seen seen = {0};

	(void)state;
	begin_log(&b);
	r = fresh(&b);
	/* what stands in front of the first segment is none of it */
	assert_int_equal(reader_take(&r, 2, batches_at(&b, 2), note, &seen), 0);
	assert_int_equal(r.passed_over, 1);
	assert_false(r.has_genesis);
	assert_int_equal(reader_take(&r, 1, batches_at(&b, 1), note, &seen), 0);
	assert_int_equal(reader_take(&r, 3, batches_at(&b, 3), note, &seen), SAGA_E_JOURNAL_GAP);
	assert_int_equal(reader_take(&r, 1, batches_at(&b, 1), note, &seen), SAGA_E_JOURNAL_GAP);
	assert_int_equal(seen.count, 1);
	assert_int_equal(r.sequence, 1);
	batches_close(&b);
}

static void the_chain_is_kept(void **state)
{
	struct batches b;
	const struct hash128 other = {{1}};

	(void)state;
	begin_log(&b); /* another previous hash */
	b.hash = other;
	batches_noops(&b, 5, 77, 1);
	refused(&b, SAGA_E_JOURNAL_CORRUPT);

	begin_log(&b); /* a record number left out */
	b.next_record++;
	batches_noops(&b, 5, 77, 1);
	refused(&b, SAGA_E_JOURNAL_CORRUPT);

	begin_log(&b); /* one used twice */
	b.next_record--;
	batches_noops(&b, 5, 77, 1);
	refused(&b, SAGA_E_JOURNAL_CORRUPT);

	begin_log(&b); /* shard time goes back */
	b.shard_time--;
	batches_noops(&b, 5, 77, 1);
	refused(&b, SAGA_E_JOURNAL_CORRUPT);

	begin_log(&b); /* the same for a fenced EPOCH */
	b.shard_time--;
	batches_epoch(&b, 6, 78, true);
	refused(&b, SAGA_E_JOURNAL_CORRUPT);
}

/* The next epoch, and whatever is added to a time, must have room above them. */
static void numbers_have_room_above_them(void **state)
{
	struct batches b;
	struct reader r;
	struct seen seen = {0};

	(void)state;
	begin_log(&b);
	batches_epoch(&b, UINT64_MAX, 78, true);
	refused(&b, SAGA_E_JOURNAL_CORRUPT);
	begin_log(&b);
	batches_epoch(&b, BATCH_EPOCH_MAX + 1, 78, true);
	refused(&b, SAGA_E_JOURNAL_CORRUPT);
	begin_log(&b);
	b.shard_time = BATCH_TIME_MAX + 1;
	batches_noops(&b, 5, 77, 1);
	refused(&b, SAGA_E_JOURNAL_CORRUPT);
	begin_log(&b);
	b.shard_time = BATCH_TIME_MAX;
	batches_epoch(&b, BATCH_EPOCH_MAX, 78, true);
	r = fresh(&b);
	assert_int_equal(take_all(&r, &b, &seen), 0);
	batches_close(&b);
}

static void damage_at_each_byte_is_seen(void **state)
{
	struct batches b;
	struct reader r;
	struct seen seen = {0};

	(void)state;
	begin_log(&b);
	r = fresh(&b);
	b.count = 2;
	assert_int_equal(take_all(&r, &b, &seen), 0);
	b.count = 3;
	struct buf *bytes = &b.bytes[2];
	for (uint32_t i = 0; i < bytes->size; i++) {
		for (uint32_t bit = 0; bit < 8; bit++) {
			const struct reader before = r;

			bytes->data[i] ^= (uint8_t)(1U << bit);
			seen.count = 0;
			assert_int_not_equal(reader_take(&r, 3, batches_at(&b, 3), note, &seen), 0);
			assert_int_equal(seen.count, 0);
			assert_memory_equal(&before, &r, sizeof r);
			bytes->data[i] ^= (uint8_t)(1U << bit);
		}
	}
	for (uint32_t size = 0; size < bytes->size; size++)
		assert_int_not_equal(reader_take(&r, 3, slice_of(bytes->data, size), note, &seen),
				     0);
	assert_int_equal(reader_take(&r, 3, batches_at(&b, 3), note, &seen), 0);
	batches_close(&b);
}

static void other_clusters_and_shards_are_foreign(void **state)
{
	struct batches b;
	struct reader r;

	(void)state;
	batches_init(&b, "prod", 3);
	batches_genesis(&b);
	const struct id test = name_of("prod2");
	reader_init(&r, &test, 3);
	assert_int_equal(reader_take(&r, 1, batches_at(&b, 1), NULL, NULL), SAGA_E_JOURNAL_FOREIGN);
	reader_init(&r, &b.cluster, 4);
	assert_int_equal(reader_take(&r, 1, batches_at(&b, 1), NULL, NULL), SAGA_E_JOURNAL_FOREIGN);
	assert_false(r.has_genesis);
	batches_close(&b);

	begin_log(&b);
	b.cluster = test;
	batches_noops(&b, 5, 77, 1);
	b.cluster = name_of("prod");
	refused(&b, SAGA_E_JOURNAL_FOREIGN);
}

/* A header of this cluster around a GENESIS of another one. */
static void genesis_speaks_for_itself(void **state)
{
	struct batches b, other;
	struct reader r;
	struct batch_header header;
	struct slice record;

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		batches_init(&b, "prod", 3);
		batches_init(&other, i == 0 ? "test" : "prod", i == 0 ? 3 : 4);
		batches_genesis(&other);
		assert_int_equal(batch_decode(batches_at(&other, 1), &header, &record), 0);
		header.cluster = b.cluster;
		header.shard = 3;
		batches_put(&b, &header, record);
		r = fresh(&b);
		assert_int_equal(reader_take(&r, 1, batches_at(&b, 1), NULL, NULL),
				 SAGA_E_JOURNAL_FOREIGN);
		batches_close(&b);
		batches_close(&other);
	}
}

static void genesis_comes_first_and_once(void **state)
{
	struct batches b;
	struct reader r;

	(void)state;
	batches_init(&b, "prod", 3);
	batches_epoch(&b, 5, 77, true);
	r = fresh(&b);
	assert_int_equal(reader_take(&r, 1, batches_at(&b, 1), NULL, NULL), SAGA_E_JOURNAL_CORRUPT);
	batches_close(&b);

	begin_log(&b);
	batches_genesis(&b);
	refused(&b, SAGA_E_JOURNAL_CORRUPT);

	batches_init(&b, "prod", 3); /* nobody writes under epoch 0 but initialisation */
	batches_genesis(&b);
	batches_noops(&b, 0, 0, 1);
	refused(&b, SAGA_E_JOURNAL_CORRUPT);
}

/* ---- S17 --------------------------------------------------------------------------------------
 */

/* A SEGMENT and a NOOP in one batch, in that order or the other. */
static void put_segment(struct batches *b, uint64_t number, bool first)
{
	const struct wire_record_noop noop = {0};
	struct batch_header header = batches_header(b, 5, 77);
	struct buf records;

	buf_init(&records, 4096);
	if (first)
		encode_segment(b, &records, number);
	encode_record(&records, WIRE_RECORD_NOOP, &noop);
	if (!first)
		encode_segment(b, &records, number);
	header.record_count = 2;
	batches_put(b, &header, buf_slice(&records));
	b->next_record += 2;
	buf_close(&records);
}

static void it_may_begin_with_a_segment(void **state)
{
	struct batches b;
	struct reader r, whole;
	struct seen seen = {0}, all = {0};

	(void)state;
	begin_log(&b);
	put_segment(&b, 1, true); /* 4: records 5 and 6 */
	batches_noops(&b, 5, 77, 1);
	put_segment(&b, 2, true); /* 6 */
	batches_noops(&b, 5, 77, 1);
	whole = fresh(&b);
	assert_int_equal(take_all(&whole, &b, &all), 0);
	assert_int_equal(whole.first, 1);
	r = fresh(&b);
	assert_int_equal(reader_take(&r, 3, batches_at(&b, 3), note, &seen), 0);
	assert_int_equal(seen.count, 0);
	assert_int_equal(reader_take(&r, 4, batches_at(&b, 4), note, &seen), 0);
	assert_true(r.has_genesis && r.began_segment);
	assert_int_equal(r.first, 4);
	assert_int_equal(r.genesis.shard_count, 16);
	assert_string_equal(r.genesis.created, "2026-01-02T03:04:05Z");
	assert_int_equal(seen.numbers[0], 5);
	assert_int_equal(seen.numbers[1], 6);
	assert_int_equal(take_all(&r, &b, &seen), 0);
	assert_false(r.began_segment);
	/* and then it stands where it would have come to from the beginning */
	assert_int_equal(r.sequence, whole.sequence);
	assert_int_equal(r.next_record, whole.next_record);
	assert_int_equal(r.epoch, whole.epoch);
	assert_int_equal(r.nonce, whole.nonce);
	assert_true(hash128_equal(&r.hash, &whole.hash));
	/* no hole behind its begin */
	r = fresh(&b);
	assert_int_equal(reader_take(&r, 4, batches_at(&b, 4), note, &seen), 0);
	assert_int_equal(reader_take(&r, 6, batches_at(&b, 6), note, &seen), SAGA_E_JOURNAL_GAP);
	batches_close(&b);
}

/* There stands GENESIS, whatever a damaged or forged batch says. */
static void no_segment_stands_at_the_first_place(void **state)
{
	struct batches b;
	struct reader r;
	struct seen seen = {0};

	(void)state;
	batches_init(&b, "prod", 3);
	batches_genesis(&b);
	batches_epoch(&b, 5, 77, true);
	put_segment(&b, 1, true); /* 3 */
	r = fresh(&b);
	assert_int_equal(reader_take(&r, 1, batches_at(&b, 3), note, &seen),
			 SAGA_E_JOURNAL_CORRUPT);
	assert_int_equal(seen.count, 0);
	assert_false(r.has_genesis);
	batches_close(&b);
}

static void a_segment_begins_its_batch(void **state)
{
	struct batches b;

	(void)state;
	begin_log(&b);
	put_segment(&b, 1, false);
	refused(&b, SAGA_E_JOURNAL_CORRUPT);
}

static void a_segment_has_the_stamp(void **state)
{
	struct batches b, other;
	struct reader r;

	(void)state;
	begin_log(&b);
	batches_init(&other, "prod", 4); /* says that it is of another shard than its header */
	other.next_record = 5;
	struct batch_header header = batches_header(&b, 5, 77);
	struct buf records;

	buf_init(&records, 4096);
	encode_segment(&other, &records, 1);
	batches_put(&b, &header, buf_slice(&records));
	r = fresh(&b);
	assert_int_equal(reader_take(&r, 4, batches_at(&b, 4), NULL, NULL), SAGA_E_JOURNAL_FOREIGN);
	assert_false(r.has_genesis);
	assert_int_equal(r.next_record, 1);
	buf_close(&records);
	batches_close(&b);
}

/* ---- S22 --------------------------------------------------------------------------------------
 */

static void a_newer_epoch_needs_its_record(void **state)
{
	struct batches b;
	struct batch_header header;
	struct buf records;

	(void)state;
	begin_log(&b);
	batches_noops(&b, 6, 78, 1);
	refused(&b, SAGA_E_JOURNAL_CORRUPT);

	begin_log(&b); /* a second one of the same epoch and writer */
	batches_epoch(&b, 5, 77, true);
	refused(&b, SAGA_E_JOURNAL_CORRUPT);

	buf_init(&records, 4096);
	begin_log(&b); /* header and record disagree about the epoch */
	header = batches_header(&b, 6, 78);
	encode_epoch(&records, 7, 78);
	batches_put(&b, &header, buf_slice(&records));
	refused(&b, SAGA_E_JOURNAL_CORRUPT);

	begin_log(&b); /* ... about the writer */
	header = batches_header(&b, 6, 78);
	buf_clear(&records);
	encode_epoch(&records, 6, 79);
	batches_put(&b, &header, buf_slice(&records));
	refused(&b, SAGA_E_JOURNAL_CORRUPT);

	begin_log(&b); /* an EPOCH record that is not alone, at either end */
	header = batches_header(&b, 6, 78);
	header.record_count = 2;
	buf_clear(&records);
	encode_epoch(&records, 6, 78);
	encode_noops(&records, 1);
	batches_put(&b, &header, buf_slice(&records));
	refused(&b, SAGA_E_JOURNAL_CORRUPT);

	begin_log(&b);
	header = batches_header(&b, 5, 77);
	header.record_count = 2;
	buf_clear(&records);
	encode_noops(&records, 1);
	encode_epoch(&records, 6, 78);
	batches_put(&b, &header, buf_slice(&records));
	refused(&b, SAGA_E_JOURNAL_CORRUPT);

	begin_log(&b); /* a format that we cannot read (S18) */
	struct wire_record_epoch epoch = {.epoch = 6,
					  .node = slice_str("n1"),
					  .nonce = 78,
					  .format = BATCH_FORMAT + 1,
					  .unix_ms = 1};
	header = batches_header(&b, 6, 78);
	buf_clear(&records);
	encode_record(&records, WIRE_RECORD_EPOCH, &epoch);
	batches_put(&b, &header, buf_slice(&records));
	refused(&b, SAGA_E_VERSION);
	buf_close(&records);
}

static void stale_batches_are_skipped_and_counted(void **state)
{
	struct batches b;
	struct reader r;
	struct seen seen = {0};
	uint64_t next;

	(void)state;
	begin_log(&b);
	batches_epoch(&b, 9, 78, false);
	next = b.next_record;
	/* The old owner knew nothing of epoch 9: its numbers, chain and time are its own. */
	b.next_record = 100;
	b.shard_time = 500;
	batches_noops(&b, 5, 77, 4);
	batches_epoch(&b, 7, 79, false);
	b.next_record = next;
	b.shard_time = 3000;
	batches_epoch(&b, 12, 80, true);
	batches_noops(&b, 12, 80, 1);
	r = fresh(&b);
	assert_int_equal(take_all(&r, &b, &seen), 0);
	assert_int_equal(r.skipped, 2);
	assert_int_equal(r.sequence, 8);
	assert_int_equal(r.epoch, 12);
	assert_int_equal(seen.count, 7);
	for (uint32_t i = 0; i < seen.count; i++)
		assert_int_equal(seen.numbers[i], i + 1);
	assert_int_equal(r.next_record, 8);
	assert_true(hash128_equal(&r.hash, &b.hash));
	batches_close(&b);
}

static void stale_batches_must_be_sound_too(void **state)
{
	struct batches b;

	(void)state;
	begin_log(&b);
	batches_epoch(&b, 9, 78, true);
	batches_noops(&b, 5, 77, 4);
	b.bytes[b.count - 1].data[BATCH_HEADER_SIZE] ^= 1;
	refused(&b, SAGA_E_JOURNAL_CORRUPT);
}

static void an_unfenced_epoch_lands_anywhere(void **state)
{
	struct batches b;
	struct reader r;
	struct seen seen = {0};

	(void)state;
	begin_log(&b);
	b.shard_time = 900; /* replayed before the old owner's last batches landed */
	batches_epoch(&b, 9, 78, false);
	b.shard_time = 1000;
	batches_noops(&b, 9, 78, 1);
	r = fresh(&b);
	assert_int_equal(take_all(&r, &b, &seen), 0);
	assert_int_equal(seen.numbers[4], 5);
	assert_int_equal(seen.times[4], 1000); /* time stands still, it does not go back */
	assert_int_equal(r.epoch, 9);
	assert_int_equal(r.next_record, 7);
	assert_int_equal(r.shard_time, 1000);
	batches_close(&b);
}

static void only_an_epoch_may_be_unfenced(void **state)
{
	struct batches b;
	struct batch_header header;
	struct buf records;
	const struct hash128 some = {{1}};

	(void)state;
	buf_init(&records, 4096);
	begin_log(&b);
	header = batches_header(&b, 5, 77);
	header.first_record = 0;
	header.previous = (struct hash128){{0}};
	encode_noops(&records, 1);
	batches_put(&b, &header, buf_slice(&records));
	refused(&b, SAGA_E_JOURNAL_CORRUPT);

	begin_log(&b);
	header = batches_header(&b, 6, 78);
	header.first_record = 0;
	header.previous = some;
	buf_clear(&records);
	encode_epoch(&records, 6, 78);
	batches_put(&b, &header, buf_slice(&records));
	refused(&b, SAGA_E_JOURNAL_CORRUPT);
	buf_close(&records);
}

/* An unknown unfenced EPOCH may land twice, and two nodes may have chosen the same number: the
 * first to land wins, for every reader alike. */
static void the_first_epoch_to_land_wins(void **state)
{
	struct batches b;
	struct reader r;
	struct seen seen = {0};
	uint64_t next;

	(void)state;
	begin_log(&b);
	batches_epoch(&b, 9, 78, false);
	next = b.next_record;
	batches_epoch(&b, 9, 78, false); /* sent twice */
	batches_epoch(&b, 9, 79, false); /* another node, same number */
	b.next_record = 40;
	batches_noops(&b, 9, 79, 2); /* which believes in it */
	b.next_record = next;
	batches_noops(&b, 9, 78, 1);
	r = fresh(&b);
	assert_int_equal(take_all(&r, &b, &seen), 0);
	assert_int_equal(r.skipped, 3);
	assert_int_equal(r.epoch, 9);
	assert_int_equal(r.nonce, 78);
	assert_int_equal(r.next_record, 7);
	assert_int_equal(seen.count, 6);
	batches_close(&b);
}

/* ---- the caller's no --------------------------------------------------------------------------
 */

static void the_first_error_of_each_stops(void **state)
{
	struct batches b;
	struct reader r, before;
	struct seen seen = {0};

	(void)state;
	begin_log(&b);
	batches_noops(&b, 5, 77, 5);
	r = fresh(&b);
	b.count--;
	assert_int_equal(take_all(&r, &b, &seen), 0);
	b.count++;
	before = r;
	seen = (struct seen){.stop_at = 2};
	assert_int_equal(take_all(&r, &b, &seen), SAGA_E_STATE);
	assert_int_equal(seen.count, 2);
	assert_memory_equal(&before, &r, sizeof r);
	batches_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_log_is_handed_out_in_order),
		cmocka_unit_test(a_jump_in_sequence_is_a_gap),
		cmocka_unit_test(the_chain_is_kept),
		cmocka_unit_test(numbers_have_room_above_them),
		cmocka_unit_test(damage_at_each_byte_is_seen),
		cmocka_unit_test(other_clusters_and_shards_are_foreign),
		cmocka_unit_test(genesis_speaks_for_itself),
		cmocka_unit_test(genesis_comes_first_and_once),
		cmocka_unit_test(it_may_begin_with_a_segment),
		cmocka_unit_test(no_segment_stands_at_the_first_place),
		cmocka_unit_test(a_segment_begins_its_batch),
		cmocka_unit_test(a_segment_has_the_stamp),
		cmocka_unit_test(a_newer_epoch_needs_its_record),
		cmocka_unit_test(stale_batches_are_skipped_and_counted),
		cmocka_unit_test(stale_batches_must_be_sound_too),
		cmocka_unit_test(an_unfenced_epoch_lands_anywhere),
		cmocka_unit_test(only_an_epoch_may_be_unfenced),
		cmocka_unit_test(the_first_epoch_to_land_wins),
		cmocka_unit_test(the_first_error_of_each_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
