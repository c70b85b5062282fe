/* The history of shards (S25): a stream into which owners copy what is durable in the journal, and
 * from which is read what has left that. One object serves all shards of a worker thread, as a
 * journal does: all calls and callbacks happen there, a callback never runs inside a call, and each
 * write and each find ends with exactly one. */
#ifndef SAGAD_JOURNAL_ARCHIVE_H
#define SAGAD_JOURNAL_ARCHIVE_H

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "journal/jetstream.h"
#include "transport/transport.h"

struct archive_events {
	/* error 0: the entry is in the stream. Else it may be there or not: write it again. */
	void (*written)(void *context, uint32_t shard, int error);
	/* error 0: an entry (wire/archive_entry.h), checked, that holds what was looked for; it
	 * lives until return. SAGA_E_NOT_FOUND: no entry does, as history is kept for so long only.
	 */
	void (*found)(void *context, uint32_t shard, int error, struct slice entry);
	void *context;
};

struct archive;

enum archive_key { ARCHIVE_BY_RECORD, ARCHIVE_BY_SEQUENCE };

struct archive_ops {
	/* SAGA_E_BUSY while one is open (of a shard); on an error no callback follows. `entry` is
	 * copied. */
	int (*write)(struct archive *archive, uint32_t shard, struct slice entry);
	int (*find)(struct archive *archive, uint32_t shard, enum archive_key key, uint64_t value);
	/* No callback of this shard's write and find after it. */
	void (*cancel)(struct archive *archive, uint32_t shard);
	void (*close)(struct archive *archive);
};

struct archive {
	const struct archive_ops *ops;
};

/* On JetStream. What is borrowed, and errors, as of jetstream_open. Close it before the transport.
 */
int archive_open(struct transport *transport, const struct jetstream_config *config,
		 const struct archive_events *events, struct archive **archive) MUST_CHECK;

#endif
