/* Batches as the journal's unit tests need them: GENESIS, EPOCH, NOOP. */
#ifndef SAGAD_TESTS_UNIT_JOURNAL_BATCHES_H
#define SAGAD_TESTS_UNIT_JOURNAL_BATCHES_H

#include "base/buf.h"
#include "unit.h"
#include "wire/batch.h"
#include "wire/codec.h"
#include "wire/record.h"

enum { BATCHES_MAX = 256 };

static inline struct id name_of(const char *text)
{
	struct id id;

	assert_int_equal(id_from(&id, slice_str(text)), 0);
	return id;
}

/* A growing log; `next_record` and `hash` say how its next batch goes on. */
struct batches {
	struct buf bytes[BATCHES_MAX];
	uint32_t count;
	struct id cluster;
	uint32_t shard;
	uint64_t next_record, shard_time;
	struct hash128 hash;
};

static inline void batches_init(struct batches *b, const char *cluster, uint32_t shard)
{
	memset(b, 0, sizeof *b);
	b->cluster = name_of(cluster);
	b->shard = shard;
	b->next_record = 1;
	b->shard_time = 1000;
}

static inline void batches_close(struct batches *b)
{
	for (uint32_t i = 0; i < b->count; i++)
		buf_close(&b->bytes[i]);
	b->count = 0;
}

static inline struct batch_header batches_header(const struct batches *b, uint64_t epoch,
						 uint64_t nonce)
{
	return (struct batch_header){.shard = b->shard,
				     .record_count = 1,
				     .epoch = epoch,
				     .nonce = nonce,
				     .first_record = b->next_record,
				     .shard_time = b->shard_time,
				     .previous = b->hash,
				     .cluster = b->cluster};
}

/* Puts raw bytes at the end, without moving next_record. */
static inline void batches_land(struct batches *b, struct slice bytes)
{
	assert_in_range(b->count, 0, BATCHES_MAX - 1);
	struct buf *to = &b->bytes[b->count++];

	buf_init(to, 64 * 1024);
	assert_int_equal(buf_put_slice(to, bytes), 0);
	b->hash = batch_hash(bytes);
}

static inline void batches_put(struct batches *b, const struct batch_header *header,
			       struct slice records)
{
	struct buf bytes;

	buf_init(&bytes, 64 * 1024);
	assert_int_equal(batch_encode(header, records, &bytes), 0);
	batches_land(b, buf_slice(&bytes));
	buf_close(&bytes);
}

static inline struct slice batches_at(const struct batches *b, uint64_t sequence)
{
	assert_in_range(sequence, 1, b->count);
	return buf_slice(&b->bytes[sequence - 1]);
}

static inline void encode_record(struct buf *out, enum wire_kind kind, const void *record)
{
	assert_int_equal(wire_encode(kind, record, out), 0);
}

static inline void batches_genesis(struct batches *b)
{
	const struct wire_record_genesis genesis = {.cluster = id_slice(&b->cluster),
						    .shard = b->shard,
						    .shard_count = 16,
						    .slots = {{7, 7, 7}},
						    .created = slice_str("2026-01-02T03:04:05Z")};
	const struct batch_header header = batches_header(b, 0, 0);
	struct buf record;

	buf_init(&record, 4096);
	encode_record(&record, WIRE_RECORD_GENESIS, &genesis);
	batches_put(b, &header, buf_slice(&record));
	b->next_record++;
	buf_close(&record);
}

static inline void encode_segment(const struct batches *b, struct buf *out, uint64_t number)
{
	const struct wire_record_segment segment = {.number = number,
						    .whole_from = 1,
						    .cluster = id_slice(&b->cluster),
						    .shard = b->shard,
						    .shard_count = 16,
						    .slots = {{7, 7, 7}},
						    .created = slice_str("2026-01-02T03:04:05Z"),
						    .next_admission = 1};

	encode_record(out, WIRE_RECORD_SEGMENT, &segment);
}

static inline void encode_epoch(struct buf *out, uint64_t epoch, uint64_t nonce)
{
	const struct wire_record_epoch record = {.epoch = epoch,
						 .node = slice_str("n1"),
						 .nonce = nonce,
						 .format = BATCH_FORMAT,
						 .unix_ms = 1};

	encode_record(out, WIRE_RECORD_EPOCH, &record);
}

static inline void batches_epoch(struct batches *b, uint64_t epoch, uint64_t nonce, bool fenced)
{
	struct batch_header header = batches_header(b, epoch, nonce);
	struct buf record;

	if (!fenced) {
		header.first_record = 0;
		header.previous = (struct hash128){{0}};
	}
	buf_init(&record, 4096);
	encode_epoch(&record, epoch, nonce);
	batches_put(b, &header, buf_slice(&record));
	b->next_record++;
	buf_close(&record);
}

static inline void encode_noops(struct buf *out, uint32_t count)
{
	const struct wire_record_noop noop = {0};

	for (uint32_t i = 0; i < count; i++)
		encode_record(out, WIRE_RECORD_NOOP, &noop);
}

static inline void batches_noops(struct batches *b, uint64_t epoch, uint64_t nonce, uint32_t count)
{
	struct batch_header header = batches_header(b, epoch, nonce);
	struct buf records;

	header.record_count = count;
	buf_init(&records, 16 * 1024);
	encode_noops(&records, count);
	batches_put(b, &header, buf_slice(&records));
	b->next_record += count;
	buf_close(&records);
}

#endif
