/* From many threads to one loop: two bounded lists, each emptied as a whole.
 *
 * What moves things on that have begun comes on a list of its own, so that what wants to begin can
 * neither fill its place nor stand in its way.
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

enum inbound_lane { INBOUND_FIRST, INBOUND_LATER, INBOUND_LANES };

struct inbound_item {
	void *payload;
	uint64_t tag;
	uint32_t kind;
	uint32_t size;  /* bytes, towards the bound */
	uint32_t lane;  /* enum inbound_lane */
	uint32_t at_ms; /* the producer's: when it came, of a clock that wraps around */
};

struct inbound_list {
	struct inbound_item *waiting; /* producers append here */
	uint32_t waiting_count, waiting_capacity;
	struct inbound_item *taken; /* consumer only */
	uint32_t taken_capacity;
	uint64_t waiting_bytes;
	uint64_t refused;
	uint32_t max_items;
	uint64_t max_bytes;
};

struct inbound_queue {
	pthread_mutex_t mutex;
	struct inbound_list lists[INBOUND_LANES];
	bool shut;
	void (*wake)(void *context); /* any thread, under the mutex: a list stopped being empty */
	void *context;
};

/* Both lists begin with these bounds. */
void inbound_queue_init(struct inbound_queue *queue, uint32_t max_items, uint64_t max_bytes,
			void (*wake)(void *context), void *context);
/* Before the first producer. */
void inbound_queue_bound(struct inbound_queue *queue, enum inbound_lane lane, uint32_t max_items,
			 uint64_t max_bytes);
/* Frees the arrays; the items in them must have been taken. No producer may be left. */
void inbound_queue_close(struct inbound_queue *queue);

/* Any thread. False = refused, the payload stays the caller's. `keep`: only a shut queue or lack
 * of memory refuses it. */
bool inbound_queue_push(struct inbound_queue *queue, const struct inbound_item *item, bool keep);
/* Consumer only. Everything on that list; the array is the consumer's until the next take of it. */
uint32_t inbound_queue_take(struct inbound_queue *queue, enum inbound_lane lane,
			    struct inbound_item **items);
/* From here on every push is refused and wake is not called any more. */
void inbound_queue_shut(struct inbound_queue *queue);
/* Consumer only. Of both lists. */
void inbound_queue_stats(struct inbound_queue *queue, uint32_t *waiting, uint64_t *refused);

#endif
