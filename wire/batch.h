/* A journal batch: one JetStream message = a header and the records of one loop turn.
 *
 * Layout, all integers little-endian:
 *   0  magic "SAGB"              4
 *   4  format                    u16   (1)
 *   6  header size               u16   (144)
 *   8  shard                     u32
 *  12  record count              u32   (>= 1)
 *  16  epoch                     u64   of the writer
 *  24  writer nonce              u64   random per (node process, shard ownership)
 *  32  first record number       u64   records are numbered from 1 without gaps; 0 only in an
 *                                     unfenced EPOCH batch (S22)
 *  40  shard time                u64   ms (S16)
 *  48  previous batch's hash     16    XXH3-128 of that whole message; zeros for the first
 *  64  cluster id                64    zero-padded name
 * 128  body size                 u32   bytes of records that follow
 * 132  reserved                  u64   zero
 * 140  CRC32C                    u32   over the whole message with this field as zero
 * 144  records                         record count msgpack maps, one after the other
 */
#ifndef SAGAD_WIRE_BATCH_H
#define SAGAD_WIRE_BATCH_H

#include "base/buf.h"
#include "base/hash.h"
#include "base/id.h"

enum { BATCH_FORMAT = 1, BATCH_HEADER_SIZE = 144 };
/* What no clock shows and no cluster comes to. Above it there would be no room to reckon with: a
 * time and what is added to it, the next epoch. */
#define BATCH_TIME_MAX  (UINT64_C(1) << 50)
#define BATCH_EPOCH_MAX (UINT64_C(1) << 63)

struct batch_header {
	uint32_t shard;
	uint32_t record_count;
	uint64_t epoch;
	uint64_t nonce;
	uint64_t first_record;
	uint64_t shard_time;
	struct hash128 previous;
	struct id cluster;
};

/* Appends a whole batch to `out`. `records` are the concatenated encodings. SAGA_E_FULL. */
int batch_encode(const struct batch_header *header, struct slice records,
		 struct buf *out) MUST_CHECK;
/* Checks magic, format, sizes, CRC; SAGA_E_JOURNAL_CORRUPT / SAGA_E_VERSION. `records` points into
 * `bytes`. Does not check the chain: the reader knows what came before. */
int batch_decode(struct slice bytes, struct batch_header *header, struct slice *records) MUST_CHECK;
struct hash128 batch_hash(struct slice bytes);

#endif
