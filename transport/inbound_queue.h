/* From many threads to one loop: a bounded list that is emptied as a whole.
 *
 * Producers append under a mutex into one array while the consumer works through the other, so
 * that a warmed-up queue neither allocates nor holds the mutex for longer than a copy.
 * Past the bounds an item is refused and counted, for the protocols above send again; only items
 * that must not be lost (answers to requests, which are bounded by themselves, and changes of the
 * connection) pass.
 */
#ifndef SAGAD_TRANSPORT_INBOUND_QUEUE_H
#define SAGAD_TRANSPORT_INBOUND_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct inbound_item {
	void *payload;
	uint64_t tag;
	uint32_t kind;
	uint32_t size; /* bytes, towards the bound */
};

struct inbound_queue {
	pthread_mutex_t mutex;
	struct inbound_item *waiting; /* producers append here */
	uint32_t waiting_count, waiting_capacity;
	struct inbound_item *taken; /* consumer only */
	uint32_t taken_capacity;
	uint64_t waiting_bytes;
	uint64_t refused;
	uint32_t max_items;
	uint64_t max_bytes;
	bool shut;
	void (*wake)(
		void *context); /* any thread, under the mutex: the queue stopped being empty */
	void *context;
};

void inbound_queue_init(struct inbound_queue *queue, uint32_t max_items, uint64_t max_bytes,
			void (*wake)(void *context), void *context);
/* Frees the arrays; the items in them must have been taken. No producer may be left. */
void inbound_queue_close(struct inbound_queue *queue);

/* Any thread. False = refused, the payload stays the caller's. `keep`: only a shut queue or lack
 * of memory refuses it. */
bool inbound_queue_push(struct inbound_queue *queue, const struct inbound_item *item, bool keep);
/* Consumer only. Everything there is; the array is the consumer's until the next take. */
uint32_t inbound_queue_take(struct inbound_queue *queue, struct inbound_item **items);
/* From here on every push is refused and wake is not called any more. */
void inbound_queue_shut(struct inbound_queue *queue);
/* Consumer only. */
void inbound_queue_stats(struct inbound_queue *queue, uint32_t *waiting, uint64_t *refused);

#endif
