/* Messages that wait for the journal: first in, first out, each with the record number that must
 * be durable before it may leave (S1). Pure. */
#ifndef SAGAD_NODE_OUTBOX_H
#define SAGAD_NODE_OUTBOX_H

#include "base/buf.h"

struct outbox {
	struct buf bytes;
	uint32_t head;      /* offset of the oldest entry */
	uint64_t last_gate; /* gates never fall: an entry waits at least as long as those before it
			     */
	uint32_t count;
};

struct outbox_entry {
	uint64_t gate;
	uint64_t leave_by_ms; /* of no use to anybody after that; UINT64_MAX = it keeps */
	const char *subject;  /* NUL-terminated, in the outbox until the pop */
	struct slice data;
};

void outbox_init(struct outbox *o, uint32_t bytes_max);
void outbox_close(struct outbox *o);
void outbox_clear(struct outbox *o);
/* SAGA_E_FULL when the bytes are used up: the caller drops the message and counts it. */
int outbox_put(struct outbox *o, uint64_t gate, uint64_t leave_by_ms, const char *subject,
	       struct slice data) MUST_CHECK;
/* The oldest entry whose gate is durable; false when there is none. Stays until outbox_pop. */
bool outbox_peek(const struct outbox *o, uint64_t durable, struct outbox_entry *entry);
void outbox_pop(struct outbox *o);
static inline uint32_t outbox_size(const struct outbox *o)
{
	return o->bytes.size - o->head;
}

#endif
