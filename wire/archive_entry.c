#include "wire/archive_entry.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "wire/fixed.h"
#include "wire/shard.h"

enum {
	AT_MAGIC = 0,
	AT_FORMAT = 4,
	AT_HEADER_SIZE = 6,
	AT_SHARD = 8,
	AT_BATCHES = 12,
	AT_FIRST_RECORD = 16,
	AT_LAST_RECORD = 24,
	AT_FIRST_SEQUENCE = 32,
	AT_CODEC = 40,
	AT_BODY_SIZE = 44,
	AT_RESERVED = 48,
	AT_CRC = 60,
	SIZE_SIZE = 4,
};
_Static_assert(AT_CRC + 4 == ARCHIVE_ENTRY_HEADER_SIZE, "the CRC ends the header");

static const uint8_t magic[4] = {'S', 'A', 'G', 'H'};

static uint8_t *grow(struct buf *out, uint32_t size)
{
	const uint32_t start = out->size;
	uint8_t *at = buf_grow(out, size);

	if (at == NULL)
		buf_truncate(out, start);
	return at;
}

int archive_entry_begin(struct buf *out)
{
	CHECK_EQ(out->size, 0);
	uint8_t *at = grow(out, ARCHIVE_ENTRY_HEADER_SIZE);

	if (at == NULL)
		return SAGA_E_NO_MEMORY;
	memset(at, 0, ARCHIVE_ENTRY_HEADER_SIZE);
	return 0;
}

int archive_entry_put(struct buf *out, struct slice batch)
{
	CHECK_LE(ARCHIVE_ENTRY_HEADER_SIZE, out->size);
	CHECK_LT(0, batch.size);
	if (out->size > out->max - SIZE_SIZE || batch.size > out->max - SIZE_SIZE - out->size)
		return SAGA_E_FULL;
	uint8_t *at = grow(out, SIZE_SIZE + batch.size);

	if (at == NULL)
		return SAGA_E_NO_MEMORY;
	fixed_store(at, batch.size, SIZE_SIZE);
	memcpy(at + SIZE_SIZE, batch.data, batch.size);
	return 0;
}

void archive_entry_close(struct buf *out, const struct archive_entry *entry)
{
	uint8_t *at = out->data;

	CHECK_LT(ARCHIVE_ENTRY_HEADER_SIZE, out->size);
	CHECK_LT(0, entry->batch_count);
	CHECK_LE(entry->first_record, entry->last_record);
	memcpy(at + AT_MAGIC, magic, sizeof magic);
	fixed_store(at + AT_FORMAT, ARCHIVE_ENTRY_FORMAT, 2);
	fixed_store(at + AT_HEADER_SIZE, ARCHIVE_ENTRY_HEADER_SIZE, 2);
	fixed_store(at + AT_SHARD, entry->shard, 4);
	fixed_store(at + AT_BATCHES, entry->batch_count, 4);
	fixed_store(at + AT_FIRST_RECORD, entry->first_record, 8);
	fixed_store(at + AT_LAST_RECORD, entry->last_record, 8);
	fixed_store(at + AT_FIRST_SEQUENCE, entry->first_sequence, 8);
	fixed_store(at + AT_BODY_SIZE, out->size - ARCHIVE_ENTRY_HEADER_SIZE, 4);
	fixed_store(at + AT_CRC, fixed_checksum(buf_slice(out), AT_CRC), 4);
}

bool archive_entry_next(struct slice *batches, struct slice *batch)
{
	if (batches->size < SIZE_SIZE)
		return false;
	const uint32_t size = fixed_load_u32(batches->data);

	if (size == 0 || size > batches->size - SIZE_SIZE)
		return false;
	*batch = slice_of(batches->data + SIZE_SIZE, size);
	*batches = slice_of(batch->data + size, batches->size - SIZE_SIZE - size);
	return true;
}

/* A right checksum proves that nobody changed the bytes, not that the writer counted right. */
static bool counts_right(struct slice batches, uint32_t count)
{
	struct slice batch;
	uint32_t found = 0;

	while (archive_entry_next(&batches, &batch))
		found++;
	return batches.size == 0 && found == count;
}

int archive_entry_decode(struct slice bytes, struct archive_entry *entry, struct slice *batches)
{
	static const uint8_t zeros[AT_CRC - AT_RESERVED] = {0};
	const uint8_t *at = bytes.data;

	if (bytes.size < ARCHIVE_ENTRY_HEADER_SIZE || memcmp(at, magic, sizeof magic) != 0 ||
	    fixed_load_u32(at + AT_CRC) != fixed_checksum(bytes, AT_CRC))
		return SAGA_E_JOURNAL_CORRUPT;
	if (fixed_load(at + AT_FORMAT, 2) != ARCHIVE_ENTRY_FORMAT ||
	    fixed_load_u32(at + AT_CODEC) != 0)
		return SAGA_E_VERSION;
	if (fixed_load(at + AT_HEADER_SIZE, 2) != ARCHIVE_ENTRY_HEADER_SIZE ||
	    fixed_load_u32(at + AT_BODY_SIZE) != bytes.size - ARCHIVE_ENTRY_HEADER_SIZE ||
	    memcmp(at + AT_RESERVED, zeros, sizeof zeros) != 0)
		return SAGA_E_JOURNAL_CORRUPT;
	*entry = (struct archive_entry){
		.shard = fixed_load_u32(at + AT_SHARD),
		.batch_count = fixed_load_u32(at + AT_BATCHES),
		.first_record = fixed_load(at + AT_FIRST_RECORD, 8),
		.last_record = fixed_load(at + AT_LAST_RECORD, 8),
		.first_sequence = fixed_load(at + AT_FIRST_SEQUENCE, 8),
	};
	*batches = slice_of(at + ARCHIVE_ENTRY_HEADER_SIZE, bytes.size - ARCHIVE_ENTRY_HEADER_SIZE);
	if (entry->shard >= WIRE_SHARDS_MAX || entry->batch_count == 0 ||
	    entry->first_record == 0 || entry->first_record > entry->last_record ||
	    entry->first_sequence == 0 || !counts_right(*batches, entry->batch_count))
		return SAGA_E_JOURNAL_CORRUPT;
	return 0;
}
