/* Reads the journals of a running cluster straight from the broker and judges them by their own
 * bytes, with none of the product's readers: an outside observer. */
#ifndef SAGAD_TESTS_SUPPORT_JOURNAL_CHECK_H
#define SAGAD_TESTS_SUPPORT_JOURNAL_CHECK_H

#include <stdint.h>

/* Fails the running cmocka test unless, in each journal: sequences have no hole, records are
 * numbered without gap or repeat, each batch names the hash of the one before, shard time never
 * falls, and epochs never fall, each with one writer (invariants 4, 19, 21). Returns how many
 * batches it looked at. */
uint64_t journal_check(const char *nats_url, uint32_t shard_count);

#endif
