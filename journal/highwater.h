/* Each node's durable memory of how far it has seen each journal (S7): one small file a shard,
 * written by write-to-temporary, fsync, rename, fsync of the folder; CRC inside. A journal that
 * ends before the high-water, or has another hash there, halts the shard. Impure (files). */
#ifndef SAGAD_JOURNAL_HIGHWATER_H
#define SAGAD_JOURNAL_HIGHWATER_H

#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/id.h"

struct highwater {
	uint64_t epoch;
	uint64_t sequence;   /* 0 = never seen */
	struct hash128 hash; /* of the batch at `sequence` */
};

/* After each batch of a replay, with the reader's position: another hash at the mark is another
 * history. Pure. */
static inline int highwater_check(const struct highwater *mark, uint64_t sequence,
				  const struct hash128 *hash)
{
	if (sequence == mark->sequence && sequence != 0 && !hash128_equal(&mark->hash, hash))
		return SAGA_E_JOURNAL_FOREIGN;
	return 0;
}
/* When a replay ends at `sequence`: SAGA_E_JOURNAL_SHORT below the mark. Pure. */
static inline int highwater_check_end(const struct highwater *mark, uint64_t sequence)
{
	return sequence < mark->sequence ? SAGA_E_JOURNAL_SHORT : 0;
}

/* A missing file gives zeros and 0. SAGA_E_FILE, SAGA_E_JOURNAL_CORRUPT, SAGA_E_CLUSTER_MISMATCH
 * when the file is of another cluster. */
int highwater_load(const char *folder, const struct id *cluster, uint32_t shard,
		   struct highwater *mark) MUST_CHECK;
/* Creates `folder` when its parent is there. Never store a lower mark over a higher one. On error
 * the old mark stands, or the new one where only the last fsync failed. */
int highwater_store(const char *folder, const struct id *cluster, uint32_t shard,
		    const struct highwater *mark) MUST_CHECK;

#endif
