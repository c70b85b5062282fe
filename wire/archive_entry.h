/* An entry of the history stream (S25): batches of one shard's journal, whole, as they stood there.
 *
 * Layout, all integers little-endian:
 *   0  magic "SAGH"              4
 *   4  format                    u16   (1)
 *   6  header size               u16   (64)
 *   8  shard                     u32
 *  12  batch count               u32   (>= 1)
 *  16  first record number       u64
 *  24  last record number        u64
 *  32  first sequence            u64   of the batches in the journal; they follow each other
 *  40  codec                     u32   0 = as they are
 *  44  body size                 u32
 *  48  reserved                  12    zero
 *  60  CRC32C                    u32   over the whole entry with this field as zero
 *  64  batches                         each: size u32, then the batch (wire/batch.h)
 *
 * Entries may overlap: after a take-over the new owner writes again what it does not know to be
 * there. They never leave out anything between them.
 */
#ifndef SAGAD_WIRE_ARCHIVE_ENTRY_H
#define SAGAD_WIRE_ARCHIVE_ENTRY_H

#include "base/buf.h"
#include "base/slice.h"

enum { ARCHIVE_ENTRY_FORMAT = 1, ARCHIVE_ENTRY_HEADER_SIZE = 64 };

struct archive_entry {
	uint32_t shard;
	uint32_t batch_count;
	uint64_t first_record, last_record;
	uint64_t first_sequence;
};

/* Begins an entry in the empty buffer; then batches are put, then it is closed. SAGA_E_FULL,
 * SAGA_E_NO_MEMORY: the buffer is as before the call. */
int archive_entry_begin(struct buf *out) MUST_CHECK;
int archive_entry_put(struct buf *out, struct slice batch) MUST_CHECK;
void archive_entry_close(struct buf *out, const struct archive_entry *entry);
/* Checks everything but the batches' insides; `batches` points into `bytes`.
 * SAGA_E_JOURNAL_CORRUPT, SAGA_E_VERSION. */
int archive_entry_decode(struct slice bytes, struct archive_entry *entry,
			 struct slice *batches) MUST_CHECK;
/* Takes the next batch off `batches`; false at the end. */
bool archive_entry_next(struct slice *batches, struct slice *batch);

#endif
