/* The fold's gatekeeper: takes raw batches in sequence order and says what may be applied. Pure.
 *
 * Checks per batch: CRC and format; cluster and shard (S7); record numbers without gap; hash chain;
 * shard time not falling. It begins with GENESIS at sequence 1, or with a batch whose first record
 * is SEGMENT (S17), and passes over what stands in front of that: left-overs of segments that have
 * gone (docs/decisions/0006). A SEGMENT record repeats what GENESIS said, and begins a batch
 * wherever it stands. Epochs (S22):
 *  - a batch whose epoch is below the latest accepted one's is *skipped and counted*: its records
 *    take no numbers and what it says of the chain is not looked at. Its own bytes are in the
 *    chain: whoever appends after it is fenced at its position and has therefore read it;
 *  - so is a batch of the latest epoch by another nonce (two nodes that chose the same epoch: the
 *    first record to land wins, so a node owns the shard only when `epoch` and `nonce` are its
 *    own), and a second unfenced EPOCH of the latest epoch (an unknown send that was repeated);
 *  - a newer epoch begins only with a batch that holds exactly one EPOCH record of that epoch and
 *    nonce, and no other batch holds one;
 *  - an EPOCH batch sent unfenced carries first record 0 and a zero previous hash ("wherever I
 *    land"): it takes the next number and the chain goes on from it. Its shard time may lie
 *    behind what landed before it; time then stands still.
 */
#ifndef SAGAD_JOURNAL_READER_H
#define SAGAD_JOURNAL_READER_H

#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/id.h"
#include "wire/batch.h"
#include "wire/message.h"

enum { READER_CREATED_SIZE_MAX = 63 };

/* What GENESIS or the first SEGMENT says of the whole journal; the node compares slots and shard
 * count with its configuration (S7). */
struct reader_genesis {
	uint32_t shard_count;
	struct hash128 slots;
	char created[READER_CREATED_SIZE_MAX + 1]; /* when the stream was created */
};

struct reader {
	struct id cluster;
	uint32_t shard;
	uint64_t sequence;     /* of the last batch taken; 0 = it has not begun */
	uint64_t first;        /* sequence that it began with; 0 = it has not */
	uint64_t passed_over;  /* batches in front of that */
	uint64_t next_record;  /* expected first record number */
	uint64_t batch_record; /* the first one of the batch taken last */
	uint64_t epoch;        /* latest accepted */
	uint64_t nonce;        /* of its writer */
	uint64_t shard_time;
	struct hash128 hash;           /* of the last batch in the stream, skipped ones included */
	uint64_t skipped;              /* batches of stale owners */
	bool has_genesis;              /* it has begun */
	bool began_segment;            /* the batch taken last began one */
	struct reader_genesis genesis; /* once has_genesis */
};

typedef int (*reader_record)(void *context, struct slice record, uint64_t record_number,
			     uint64_t shard_time);

void reader_init(struct reader *r, const struct id *cluster, uint32_t shard);
/* Verifies one batch and hands its records to `each` (stops at its first error and returns it).
 * SAGA_E_JOURNAL_GAP when it has begun and `sequence` is not the next one, SAGA_E_JOURNAL_CORRUPT,
 * SAGA_E_JOURNAL_FOREIGN, SAGA_E_VERSION. On error the reader is unchanged except for what `each`
 * did. */
int reader_take(struct reader *r, uint64_t sequence, struct slice bytes, reader_record each,
		void *context) MUST_CHECK;

#endif
