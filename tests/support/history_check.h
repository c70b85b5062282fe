/* Reads the history stream and the journals straight from the broker, and judges whether together
 * they are whole: an outside observer, for tests of S25. */
#ifndef SAGAD_TESTS_SUPPORT_HISTORY_CHECK_H
#define SAGAD_TESTS_SUPPORT_HISTORY_CHECK_H

#include <stdint.h>

enum { HISTORY_CHECK_SHARDS_MAX = 128 };

struct history_check {
	uint64_t entries;            /* of the history stream */
	uint64_t repeated;           /* batches that more than one entry has */
	uint64_t batches;            /* of all shards, each once */
	uint64_t retired;            /* of these, what is in history only */
	uint64_t accepted, finished; /* sagas, by their records */
	/* "" = all is there; else the first that is missing or wrong. */
	char trouble[256];
};

/* From GENESIS to the journal's end each batch must be there, named by its sequence, with the hash
 * of the one before it: in an entry of history or in the journal, and where it is in both, the
 * same. */
void history_check(const char *nats_url, uint32_t shard_count, struct history_check *check);

#endif
