/* What the answer to a fenced append says. Pure; design.md section 4, S6. */
#ifndef SAGAD_JOURNAL_ACK_H
#define SAGAD_JOURNAL_ACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "journal/journal.h"

enum {
	/* The server's error codes that matter to us. */
	ACK_WRONG_LAST_SEQUENCE = 10071,
	ACK_WRONG_LAST_SEQUENCE_CONSTANT = 10164,
	ACK_STREAM_NOT_FOUND = 10059,
	ACK_STREAM_NAME_IN_USE = 10058,
	ACK_NO_MESSAGE_FOUND = 10037,
	ACK_SUBJECTS_OVERLAP = 10065,
	ACK_NO_PEERS = 10005,
	ACK_CREATION_FAILED = 10049,
};

struct ack {
	enum journal_append_status status;
	uint64_t sequence;   /* as journal_events.appended has it */
	uint32_t error_code; /* of the server, 0 = none */
	bool broken;         /* stored where the fence forbids it: says so loudly */
};

/* `expected` may be JOURNAL_UNFENCED.
 *
 * A positive answer that names another stream or position, or a duplicate, means that the fence
 * does not hold (nothing of ours asks for deduplication). It is reported as REFUSED, not as
 * UNKNOWN: an unknown append is sent again, which would store the batch once more, while a refused
 * one stops the shard until a replay has judged what is there. */
struct ack ack_read(struct slice json, const char *stream, uint64_t expected);

#endif
