/* The append-only log of each shard, as the node sees it: a small table of functions.
 *
 * A journal object serves all shards of one worker thread. All calls and all callbacks happen on
 * that thread; a callback never runs inside a call, and each append and each read ends with exactly
 * one final callback. Positions are "sequences": the broker's, rising by exactly 1 a batch.
 */
#ifndef SAGAD_JOURNAL_JOURNAL_H
#define SAGAD_JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

enum journal_append_status {
	JOURNAL_STORED = 1, /* durable at exactly expected + 1 */
	JOURNAL_REFUSED, /* definitely not stored by this send: the log does not end at `expected`.
			    Definite only for a position that was sent once (S6). */
	JOURNAL_UNKNOWN, /* anything else: time-out, disconnect, no leader */
};

/* As `expected`: store wherever the log ends. Only for the EPOCH batch of a take-over that a stale
 * owner keeps fencing off (S22). */
#define JOURNAL_UNFENCED UINT64_MAX

/* Added to `from` of a read: begins with the first batch there is at or behind it. */
#define JOURNAL_ANYWHERE (UINT64_C(1) << 63)
/* With the oldest batch that the server has. What stands in front of the oldest segment (S17) is
 * nothing to rely on: nothing, one that was sent unfenced, or what a crash of the broker brought
 * back of segments that had gone, with gaps between (docs/decisions/0006). */
#define JOURNAL_OLDEST (JOURNAL_ANYWHERE | 1)

/* A journal is a row of segments, numbered from 0 for ever, of which it holds as many as there are
 * names: segment n stands on name n mod JOURNAL_NAMES. */
enum {
	JOURNAL_NAMES = 4,
	JOURNAL_UNFENCED_NAME = JOURNAL_NAMES, /* where no segment ever stands */
};

struct journal_place {
	uint64_t segment;
	/* The first batch of its segment: what else stands on its name goes in the same step, if
	 * and only if the batch is stored. */
	bool begins;
};

struct journal_events {
	/* `sequence`: where it stands (STORED), a hint of the log's end (REFUSED) or 0. */
	void (*appended)(void *context, uint32_t shard, uint64_t token,
			 enum journal_append_status status, uint64_t sequence);
	/* In order, without holes: a jump in sequence is reported by read_end with
	 * SAGA_E_JOURNAL_GAP. `bytes` live until return. */
	void (*batch)(void *context, uint32_t shard, uint64_t token, uint64_t sequence,
		      struct slice bytes);
	/* error 0: everything up to `last_sequence` was delivered and the server said that there
	 * was no more (a hint: only a fenced append proves the end). Below from - 1 it says that
	 * the log is shorter than its reader knew it (S7). SAGA_E_JOURNAL_MISSING,
	 * SAGA_E_JOURNAL_GAP, SAGA_E_JOURNAL_FOREIGN, SAGA_E_JOURNAL_CONFIG or a class-retry error.
	 */
	void (*read_end)(void *context, uint32_t shard, uint64_t token, int error,
			 uint64_t last_sequence);
	void *context;
	/* Of a tail, now and then: how far the log goes, as the server says (a hint). Nothing is
	 * to be cancelled inside it. NULL = nobody wants to know. */
	void (*tailed)(void *context, uint32_t shard, uint64_t token, uint64_t last_sequence);
};

struct journal;

struct journal_ops {
	/* Sends `bytes` to be stored as number expected + 1 and nowhere else. Bytes are copied.
	 * Sending the same bytes again at the same position and place is how an unknown outcome is
	 * settled. What is sent JOURNAL_UNFENCED belongs to no segment, as its sender does not know
	 * which one it will land in: it stands on a name of its own, and outlives the segment
	 * around it.
	 * An error return (SAGA_E_DISCONNECTED, SAGA_E_BUSY ...) means that nothing was sent and no
	 * callback follows; the same for read. */
	int (*append)(struct journal *j, uint32_t shard, uint64_t expected,
		      struct journal_place place, struct slice bytes, uint64_t token);
	/* Delivers batches from `from` (>= 1, or with JOURNAL_ANYWHERE) up to `to` (UINT64_MAX =
	 * the end). */
	int (*read)(struct journal *j, uint32_t shard, uint64_t from, uint64_t to, uint64_t token);
	/* Like a read up to the end, but goes on with what others append, as it comes, until it is
	 * cancelled: for standbys. `from` as of a read. read_end comes with an error only. NULL =
	 * there is none. */
	int (*tail)(struct journal *j, uint32_t shard, uint64_t from, uint64_t token);
	/* No callback for this token after it. Allowed inside callbacks. */
	void (*cancel)(struct journal *j, uint64_t token);
	void (*close)(struct journal *j);
};

struct journal {
	const struct journal_ops *ops;
};

#endif
