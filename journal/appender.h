/* One batch in flight a shard, and what to do when nobody knows whether it was stored (S6). Pure.
 *
 *   idle --begin--> sent --STORED at expected+1--> idle           (durable)
 *                    |---REFUSED, sent once-----> fenced          (definite: another writer)
 *                    |---UNKNOWN----------------> resend          (same bytes, same position)
 *   resend --sent again--> sent_again
 *   sent_again --STORED at expected+1--> idle
 *              --UNKNOWN--> resend
 *              --REFUSED--> settling: read position expected+1 and compare nonce and first record:
 *                             ours -> idle (durable); other -> fenced; nothing there -> resend;
 *                             gone from a longer log, or journal missing or foreign -> fenced
 *
 * Nothing else is built for that position before it is settled. STORED elsewhere than at
 * expected + 1 breaks the journal's contract and counts as REFUSED: stop and replay.
 * Only outcomes of the batch in flight may be handed in (compare the token first):
 * appender_appended outside sent and sent_again, and the read calls outside settling, are bugs
 * (CHECK). A journal call that returns an error has sent nothing and calls back nothing: hand in
 * JOURNAL_UNKNOWN for an append, read_end with the error for a read.
 */
#ifndef SAGAD_JOURNAL_APPENDER_H
#define SAGAD_JOURNAL_APPENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "journal/journal.h"
#include "wire/batch.h"

enum appender_state {
	APPENDER_IDLE,
	APPENDER_SENT,
	APPENDER_RESEND, /* waits for appender_due, then asks to send again */
	APPENDER_SENT_AGAIN,
	APPENDER_SETTLING,
	APPENDER_FENCED, /* for good */
	APPENDER_STATES,
};

/* What the owner of the appender must do now. */
enum appender_act {
	APPENDER_NOTHING,
	APPENDER_SEND,    /* appender_bytes at appender_expected */
	APPENDER_READ,    /* read position expected + 1 .. expected + 1 */
	APPENDER_DURABLE, /* records up to appender_last_record are durable */
	APPENDER_LOST,    /* fenced: stop everything on this shard */
};

struct appender {
	enum appender_state state;
	struct buf bytes; /* the batch in flight, kept until the next one */
	struct batch_header header;
	uint64_t expected;              /* log end before the batch */
	struct hash128 hash;            /* of the last durable batch, then of the one in flight */
	uint64_t next_record;           /* first record number of the next batch, also in flight */
	uint64_t resend_at_ms;          /* monotonic, with APPENDER_RESEND */
	uint32_t sends;                 /* of the position in flight */
	bool settle_found, settle_ours; /* what the settling read has seen so far */
	uint64_t unknowns;              /* counter */
};

void appender_init(struct appender *a, uint32_t batch_size_max);
void appender_close(struct appender *a);
/* After replay: the log ends at `sequence` with a batch of hash `hash`; records go on from
 * `next_record`. From any state: what an earlier ownership had in flight was settled by the
 * replay; cancel its journal calls first. */
void appender_start(struct appender *a, uint64_t sequence, const struct hash128 *hash,
		    uint64_t next_record);
/* Builds the batch from the header's shard, epoch, nonce, shard_time, cluster (the rest is filled
 * in) and the records. Only when idle. SAGA_E_FULL when it exceeds the maximum. */
int appender_begin(struct appender *a, const struct batch_header *header, struct slice records,
		   uint32_t record_count) MUST_CHECK;
enum appender_act appender_appended(struct appender *a, enum journal_append_status status,
				    uint64_t sequence, uint64_t mono_ms);
enum appender_act appender_read_batch(struct appender *a, uint64_t sequence, struct slice bytes);
enum appender_act appender_read_end(struct appender *a, int error, uint64_t mono_ms);
enum appender_act appender_due(struct appender *a, uint64_t mono_ms);
static inline bool appender_idle(const struct appender *a)
{
	return a->state == APPENDER_IDLE;
}
static inline struct slice appender_bytes(const struct appender *a)
{
	return buf_slice(&a->bytes);
}
/* Of the batch that has just become durable; until the next begin. */
static inline struct slice appender_durable_bytes(const struct appender *a)
{
	return buf_slice(&a->bytes);
}
/* What journal_ops.append takes with APPENDER_SEND. */
static inline uint64_t appender_expected(const struct appender *a)
{
	return a->expected;
}
/* Last durable record number / sequence, when idle. */
uint64_t appender_last_record(const struct appender *a);
uint64_t appender_sequence(const struct appender *a);

#endif
