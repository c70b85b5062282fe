/* What the files of the JetStream journal share; nobody else includes it. */
#ifndef SAGAD_JOURNAL_JETSTREAM_INTERNAL_H
#define SAGAD_JOURNAL_JETSTREAM_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "journal/jetstream.h"
#include "journal/journal.h"
#include "transport/transport.h"

enum {
	JETSTREAM_APPEND_TIMEOUT_MS = 2000,
	JETSTREAM_NAME_SIZE = 96,   /* of a stream or consumer */
	JETSTREAM_API_SIZE = 256,   /* of an API subject */
	JETSTREAM_INBOX_SIZE = 128, /* of a private reply subject */
	/* A message in base64 and what stands around it. */
	JETSTREAM_MESSAGE_SIZE_MAX = 8 * 1024 * 1024,
};

struct jetstream_name {
	char text[JETSTREAM_NAME_SIZE];
};
struct jetstream_api {
	char text[JETSTREAM_API_SIZE];
};

struct jetstream_name jetstream_stream(const char *stream_prefix, uint32_t shard);
struct jetstream_name jetstream_command_stream(const char *stream_prefix);
struct jetstream_name jetstream_inbox_stream(const char *stream_prefix);
struct jetstream_name jetstream_history_stream(const char *stream_prefix);
struct jetstream_name jetstream_ops_stream(const char *stream_prefix);
/* "$JS.API.<verb>.<stream>" and, unless NULL, ".<consumer>" */
struct jetstream_api jetstream_api(const char *verb, const char *stream, const char *consumer);
/* "sagad journal cluster=<id> shard=<n> shards=" : how a journal's description begins. */
void jetstream_description(char text[JETSTREAM_API_SIZE], const char *cluster, uint32_t shard);
/* True when the start of `description` names this cluster and shard. */
bool jetstream_described(struct slice description, const char *cluster, uint32_t shard);
/* 0 or SAGA_E_CONFIG. */
int jetstream_check_config(const struct jetstream_config *config) MUST_CHECK;
/* The batch in `bytes`, when it begins with GENESIS or SEGMENT, must say the same creation time as
 * the stream does: a stream that was made again, or filled from a copy, does not (S7). */
int jetstream_check_created(struct slice bytes, struct slice created) MUST_CHECK;

/* ---- waiting ---------------------------------------------------------------------------------
 *
 * The transport's only clock is the time-out of a request. So a wait is a request to a subject
 * that only we listen on and nobody answers. It ends with SAGA_E_TIMEOUT when the time is over,
 * and early, with another error, when the connection is lost. */
struct jetstream_waiter {
	struct transport *transport;
	struct transport_subscription *silence;
	char subject[JETSTREAM_INBOX_SIZE];
};

void jetstream_waiter_init(struct jetstream_waiter *w, struct transport *transport);
void jetstream_waiter_close(struct jetstream_waiter *w);
int jetstream_wait(struct jetstream_waiter *w, uint32_t time_ms, transport_completion done,
		   void *context, uint64_t *token) MUST_CHECK;

/* ---- the journal ------------------------------------------------------------------------------
 */

struct jetstream;

struct jetstream_append {
	struct jetstream *jetstream;
	uint64_t token;
	uint64_t expected;
	uint64_t request;
	uint32_t shard;
	bool open;
};

struct jetstream_read;

struct jetstream {
	struct journal journal; /* first: what the interface hands out */
	struct transport *transport;
	struct journal_events events;
	struct jetstream_config config;
	struct jetstream_waiter waiter;
	struct jetstream_read *reads; /* list */
	struct buf message;           /* decoded payload of a message that was got */
	uint64_t consumers;           /* made so far: their names differ */
	uint64_t nonce;               /* tells our consumers from those of others */
	struct jetstream_append appends[WIRE_SHARDS_MAX];
};

int jetstream_read_start(struct jetstream *jetstream, uint32_t shard, uint64_t from, uint64_t to,
			 uint64_t token) MUST_CHECK;
int jetstream_tail_start(struct jetstream *jetstream, uint32_t shard, uint64_t from,
			 uint64_t token) MUST_CHECK;
void jetstream_read_cancel(struct jetstream *jetstream, uint64_t token);
void jetstream_read_cancel_all(struct jetstream *jetstream);

#endif
