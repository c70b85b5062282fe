/* The streams' configurations as JSON, their first batches, and comparing both; for
 * jetstream_admin_jansson.c. */
#ifndef SAGAD_JOURNAL_JETSTREAM_JANSSON_H
#define SAGAD_JOURNAL_JETSTREAM_JANSSON_H

#include <jansson.h>

#include "base/slice.h"
#include "journal/jetstream_internal.h"

struct jetstream_wish {
	const struct jetstream_config *config;
	const char *cluster;
	uint32_t shard; /* or JETSTREAM_COMMANDS, JETSTREAM_INBOX */
	uint32_t shard_count;
	uint32_t replicas;       /* 0 = any */
	uint32_t command_age_ms; /* 0 = any */
};

struct jetstream_name jetstream_wish_stream(const struct jetstream_wish *wish);
/* The configuration to ask the server for; NULL = out of memory. */
json_t *jetstream_wish_config(const struct jetstream_wish *wish);
/* 0 when `actual` is what was wished for. Else SAGA_E_JOURNAL_FOREIGN (another cluster's or
 * shard's), SAGA_E_JOURNAL_CONFIG (same stream, other settings), SAGA_E_NO_MEMORY, and `why` says
 * what differs first. */
int jetstream_wish_compare(const struct jetstream_wish *wish, const json_t *actual, char *why,
			   uint32_t size) MUST_CHECK;

/* The batch with GENESIS for a stream that was made at `created`. */
int jetstream_genesis_encode(const struct jetstream_wish *wish, const struct hash128 *slots,
			     const char *created, struct buf *out) MUST_CHECK;
/* 0 when the batch is the GENESIS that jetstream_genesis_encode would make, whenever that was. Else
 * SAGA_E_JOURNAL_CORRUPT, SAGA_E_JOURNAL_FOREIGN (another cluster, shard or creation time; the last
 * alone: *made_again), SAGA_E_CLUSTER_MISMATCH (other shards). */
int jetstream_genesis_compare(const struct jetstream_wish *wish, const struct hash128 *slots,
			      const char *created, struct slice bytes, bool *made_again) MUST_CHECK;

/* NULL unless it is one JSON object. */
json_t *jetstream_parse(struct slice text);
/* The server's error code in an answer, 0 = it is no error; *http and *text as it says. */
uint32_t jetstream_answer_error(const json_t *answer, uint32_t *http, const char **text);

#endif
