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

/* A missing file gives zeros and 0. SAGA_E_FILE, SAGA_E_JOURNAL_CORRUPT, SAGA_E_CLUSTER_MISMATCH
 * when the file is of another cluster. */
int highwater_load(const char *folder, const struct id *cluster, uint32_t shard,
		   struct highwater *mark) MUST_CHECK;
int highwater_store(const char *folder, const struct id *cluster, uint32_t shard,
		    const struct highwater *mark) MUST_CHECK;

#endif
