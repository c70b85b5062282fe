/* The open requests of one transport. Pure: time is given.
 *
 * A token is slot + generation, never 0: a late reply to a finished request meets a newer
 * generation and is told apart, so that every completion runs exactly once.
 * Taking a request out is the only way to end it; whoever took it runs the completion.
 * Grows in blocks up to `max` requests, then refuses: a block never moves.
 */
#ifndef SAGAD_TRANSPORT_REQUEST_TABLE_H
#define SAGAD_TRANSPORT_REQUEST_TABLE_H

#include "base/timer_heap.h"
#include "transport/transport.h"

enum { REQUEST_BLOCK_SIZE = 256, REQUEST_TOKEN_TEXT_SIZE = 16 };

struct request {
	transport_completion done;
	void *context;
};

struct request_table {
	struct request_entry **blocks; /* of REQUEST_BLOCK_SIZE each */
	uint32_t block_count;
	uint32_t block_max;
	uint32_t open;      /* requests */
	uint32_t free_head; /* slot, UINT32_MAX = none */
	struct timer_heap heap;
};

void request_table_init(struct request_table *table, uint32_t max);
void request_table_close(struct request_table *table); /* CHECKs that nothing is open */

/* SAGA_E_BUSY when `max` are open, SAGA_E_NO_MEMORY. */
int request_table_open(struct request_table *table, uint64_t deadline_ms, struct request request,
		       uint64_t *token) MUST_CHECK;
/* Ends the request of this token; false when there is none (any more). */
bool request_table_take(struct request_table *table, uint64_t token, struct request *request);
/* Ends one request with deadline <= now, the earliest first; false when there is none. */
bool request_table_take_due(struct request_table *table, uint64_t now_ms, struct request *request);
/* Ends any one request, in the order of deadlines; false when the table is empty. */
bool request_table_take_any(struct request_table *table, struct request *request);
/* False when nothing is open. */
bool request_table_next_deadline(const struct request_table *table, uint64_t *deadline_ms);

/* 16 lower-case hexadecimal digits, as the last token of a reply subject. */
void request_token_format(uint64_t token, char text[REQUEST_TOKEN_TEXT_SIZE + 1]);
bool request_token_parse(struct slice text, uint64_t *token);

#endif
