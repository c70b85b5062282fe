#include "wire/batch.h"

#include "base/check.h"
#include "wire/codec.h"
#include "wire/fixed.h"
#include "wire/shard.h"

/* Offsets of the layout in batch.h. Magic, format, header size and CRC stay where they are in
 * every later format, so that an older reader can tell a newer batch from a damaged one. */
enum {
	AT_MAGIC = 0,
	AT_FORMAT = 4,
	AT_HEADER_SIZE = 6,
	AT_SHARD = 8,
	AT_RECORD_COUNT = 12,
	AT_EPOCH = 16,
	AT_NONCE = 24,
	AT_FIRST_RECORD = 32,
	AT_SHARD_TIME = 40,
	AT_PREVIOUS = 48,
	AT_CLUSTER = 64,
	AT_BODY_SIZE = 128,
	AT_RESERVED = 132,
	AT_CRC = 140,
};
_Static_assert(AT_CRC + 4 == BATCH_HEADER_SIZE, "the CRC ends the header");
_Static_assert(AT_CLUSTER + ID_SIZE_MAX == AT_BODY_SIZE, "a name fits its field");

static const uint8_t magic[4] = {'S', 'A', 'G', 'B'};

int batch_encode(const struct batch_header *header, struct slice records, struct buf *out)
{
	CHECK_LT(0, header->record_count);
	/* Only an unfenced EPOCH batch has no place of its own yet (S22). */
	CHECK(header->first_record > 0 || header->record_count == 1);
	CHECK_LT(header->shard, WIRE_SHARDS_MAX);
	CHECK(id_valid(id_slice(&header->cluster)));
	CHECK(records.size > 0);

	if (buf_error(out) != 0)
		return buf_error(out);
	if (records.size > UINT32_MAX - BATCH_HEADER_SIZE)
		return SAGA_E_FULL;
	const uint32_t start = out->size;
	const uint32_t size = BATCH_HEADER_SIZE + records.size;
	uint8_t *at = buf_grow(out, size);
	if (at == NULL) {
		const int error = buf_error(out);
		buf_truncate(out, start);
		return error;
	}

	memset(at, 0, BATCH_HEADER_SIZE);
	memcpy(at + AT_MAGIC, magic, sizeof magic);
	fixed_store(at + AT_FORMAT, BATCH_FORMAT, 2);
	fixed_store(at + AT_HEADER_SIZE, BATCH_HEADER_SIZE, 2);
	fixed_store(at + AT_SHARD, header->shard, 4);
	fixed_store(at + AT_RECORD_COUNT, header->record_count, 4);
	fixed_store(at + AT_EPOCH, header->epoch, 8);
	fixed_store(at + AT_NONCE, header->nonce, 8);
	fixed_store(at + AT_FIRST_RECORD, header->first_record, 8);
	fixed_store(at + AT_SHARD_TIME, header->shard_time, 8);
	memcpy(at + AT_PREVIOUS, header->previous.bytes, sizeof header->previous.bytes);
	memcpy(at + AT_CLUSTER, header->cluster.text, header->cluster.size);
	fixed_store(at + AT_BODY_SIZE, records.size, 4);
	memcpy(at + BATCH_HEADER_SIZE, records.data, records.size);
	fixed_store(at + AT_CRC, fixed_checksum(slice_of(at, size), AT_CRC), 4);
	return 0;
}

static bool all_zero(const uint8_t *at, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		if (at[i] != 0)
			return false;
	return true;
}

static bool read_cluster(const uint8_t *at, struct id *cluster)
{
	uint32_t size = 0;

	while (size < ID_SIZE_MAX && at[size] != 0)
		size++;
	return all_zero(at + size, ID_SIZE_MAX - size) && id_from(cluster, slice_of(at, size)) == 0;
}

/* A right checksum proves that nobody changed the bytes, not that the writer counted right. */
static bool count_matches(struct slice records, uint32_t count)
{
	uint32_t found = 0;

	while (records.size > 0) {
		uint32_t size;
		if (wire_value_size(records, &size) != 0)
			return false;
		records = slice_of(records.data + size, records.size - size);
		found++;
	}
	return found == count;
}

int batch_decode(struct slice bytes, struct batch_header *header, struct slice *records)
{
	const uint8_t *at = bytes.data;

	if (bytes.size < BATCH_HEADER_SIZE || memcmp(at + AT_MAGIC, magic, sizeof magic) != 0)
		return SAGA_E_JOURNAL_CORRUPT;
	if (fixed_load_u32(at + AT_CRC) != fixed_checksum(bytes, AT_CRC))
		return SAGA_E_JOURNAL_CORRUPT;
	if (fixed_load(at + AT_FORMAT, 2) != BATCH_FORMAT)
		return SAGA_E_VERSION;
	if (fixed_load(at + AT_HEADER_SIZE, 2) != BATCH_HEADER_SIZE ||
	    fixed_load_u32(at + AT_BODY_SIZE) != bytes.size - BATCH_HEADER_SIZE ||
	    !all_zero(at + AT_RESERVED, 8))
		return SAGA_E_JOURNAL_CORRUPT;

	memset(header, 0, sizeof *header);
	header->shard = fixed_load_u32(at + AT_SHARD);
	header->record_count = fixed_load_u32(at + AT_RECORD_COUNT);
	header->epoch = fixed_load(at + AT_EPOCH, 8);
	header->nonce = fixed_load(at + AT_NONCE, 8);
	header->first_record = fixed_load(at + AT_FIRST_RECORD, 8);
	header->shard_time = fixed_load(at + AT_SHARD_TIME, 8);
	memcpy(header->previous.bytes, at + AT_PREVIOUS, sizeof header->previous.bytes);
	*records = slice_of(at + BATCH_HEADER_SIZE, bytes.size - BATCH_HEADER_SIZE);

	if (!read_cluster(at + AT_CLUSTER, &header->cluster) || header->shard >= WIRE_SHARDS_MAX ||
	    header->record_count == 0 || (header->first_record == 0 && header->record_count != 1) ||
	    !count_matches(*records, header->record_count))
		return SAGA_E_JOURNAL_CORRUPT;
	return 0;
}

struct hash128 batch_hash(struct slice bytes)
{
	return hash_xxh3_128(bytes);
}
