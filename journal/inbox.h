/* The durable inbox (S12): a stream into which clients publish submits, whether or not a node is
 * up. Here is how an owner reads what is for its shard, by position: nothing of a consumer is kept
 * at the server, so there is nothing that could be lost there or overtake the journaled cursor.
 *
 * One object serves all shards of a worker thread: all calls and all callbacks happen there, a
 * callback never runs inside a call, and each look and each read ends with exactly one. */
#ifndef SAGAD_JOURNAL_INBOX_H
#define SAGAD_JOURNAL_INBOX_H

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "journal/jetstream.h"
#include "transport/transport.h"

struct inbox_message {
	uint64_t sequence; /* 0 = the server knows nothing for the shard from there on; one that has
			      lost the lead may say so wrongly, for some seconds */
	struct slice subject, bytes;
};

struct inbox_events {
	/* error 0: the stream was made at `created` (64 bytes at most) and ends at `last_sequence`.
	 * SAGA_E_JOURNAL_MISSING, SAGA_E_JOURNAL_FOREIGN (another cluster's), or class retry. */
	void (*looked)(void *context, int error, struct slice created, uint64_t last_sequence);
	/* The first message for the shard at or behind the position. Slices live until return. */
	void (*read)(void *context, uint32_t shard, int error, const struct inbox_message *message);
	void *context;
};

struct inbox;

struct inbox_ops {
	/* SAGA_E_BUSY while one is open (of a shard); on an error no callback follows. */
	int (*look)(struct inbox *inbox);
	int (*read)(struct inbox *inbox, uint32_t shard, uint64_t from);
	/* Deletes what is for the shard up to `last`. Best effort. */
	void (*purge)(struct inbox *inbox, uint32_t shard, uint64_t last);
	/* No callback of this shard's read after it. */
	void (*cancel)(struct inbox *inbox, uint32_t shard);
	void (*close)(struct inbox *inbox);
};

struct inbox {
	const struct inbox_ops *ops;
};

/* On JetStream. What is borrowed, and errors, as of jetstream_open. Close it before the transport.
 */
int inbox_open(struct transport *transport, const struct jetstream_config *config,
	       const struct inbox_events *events, struct inbox **inbox) MUST_CHECK;

#endif
