/* One read of a journal: what jetstream_read.c and jetstream_pull.c share. */
#ifndef SAGAD_JOURNAL_JETSTREAM_READ_H
#define SAGAD_JOURNAL_JETSTREAM_READ_H

#include "journal/jetstream_internal.h"

enum {
	JETSTREAM_PULLS = 2,
	JETSTREAM_READ_REQUEST_MS = 2000,
	JETSTREAM_CREATED_SIZE_MAX = 64,
};

enum jetstream_read_state {
	READ_INFO,
	READ_GET,
	READ_CREATE,
	READ_PULL,
	READ_PAUSE,
	READ_STATES,
};

struct jetstream_pull {
	uint64_t number;
	uint32_t asked;
	uint32_t left; /* 0 = not open */
};

struct jetstream_read {
	struct jetstream_read *next_read;
	struct jetstream *jetstream;
	enum jetstream_read_state state;
	bool anywhere;   /* the first batch may be any behind `from` */
	bool begun;      /* a batch was delivered */
	bool tail;       /* has no end: goes on with what is appended */
	bool delivering; /* inside events.batch */
	bool cancelled;  /* meanwhile */
	uint32_t shard;
	uint64_t token;
	uint64_t from, to;
	uint64_t next;   /* sequence that must come now */
	uint64_t target; /* last one to deliver */
	uint64_t known;  /* last sequence of the stream by its own word; 0 = not asked yet */
	uint64_t gap_at; /* where a hole was seen once */
	uint32_t failures;

	uint64_t request; /* of state info, get or create; the watchdog or pause otherwise; 0 = none
			   */
	struct transport_subscription *subscription;
	char inbox[JETSTREAM_INBOX_SIZE];
	struct jetstream_name stream, consumer;       /* consumer "" = none */
	struct jetstream_pull pulls[JETSTREAM_PULLS]; /* open ones oldest first */
	uint64_t pull_count;
	uint64_t stall_mark; /* `next` at the last look of the watchdog */
	bool heard;          /* of a tail: anything since that look */
	char created[JETSTREAM_CREATED_SIZE_MAX];
	uint32_t created_size;
};

/* All of these may end the read, and with it free it: nothing of it is used afterwards, except
 * where they return true. */

/* The only writer of r->state once the read has begun. */
void jetstream_read_move(struct jetstream_read *r, enum jetstream_read_state to);
/* The final callback. */
void jetstream_read_end(struct jetstream_read *r, int error);
/* Begins anew from the first message that is missing, or gives up. `error` is of class retry. */
void jetstream_read_failed(struct jetstream_read *r, int error);
/* Goes on after a step that could not be sent. */
static inline void jetstream_read_go_on(struct jetstream_read *r, int rc)
{
	if (rc != 0)
		jetstream_read_failed(r, rc);
}
/* A message is missing. Once it may have got lost on its way; twice it is not in the stream. */
void jetstream_read_hole(struct jetstream_read *r);
/* Deals with whatever is not a good answer of the API; true when it was one. */
bool jetstream_read_good(struct jetstream_read *r, int error,
			 const struct transport_message *message, uint64_t *server_code);
/* Sends the one request that the read waits for. */
int jetstream_read_ask(struct jetstream_read *r, const char *verb, struct slice body,
		       transport_completion done) MUST_CHECK;
/* The first batch may have any sequence from r->next on. */
static inline bool jetstream_read_anywhere(const struct jetstream_read *r)
{
	return r->anywhere && !r->begun;
}
/* Hands the message `r->next` out. False when the read is gone: cancelled by the callback, or
 * ended. */
bool jetstream_read_deliver(struct jetstream_read *r, struct slice bytes);

/* Of a tail: tells how far the log goes. */
void jetstream_read_tailed(struct jetstream_read *r, uint64_t last_sequence);

/* In state create: makes the consumer; all that follows up to the end is in jetstream_pull.c. */
int jetstream_pull_begin(struct jetstream_read *r) MUST_CHECK;

#endif
