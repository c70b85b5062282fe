/* What has arrived and not been handled yet: two bounded lists, each emptied as a whole.
 *
 * What moves things on that have begun comes on a list of its own, so that what wants to begin can
 * neither fill its place nor stand in its way.
 * New items go into one array while the handlers work through the other, so that a warmed-up queue
 * does not allocate. One thread only.
 * Past the bounds an item is refused and counted, for the protocols above send again; only items
 * that must not be lost (answers to requests, which are bounded by themselves) pass.
 */
#ifndef SAGAD_TRANSPORT_INBOUND_QUEUE_H
#define SAGAD_TRANSPORT_INBOUND_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

enum inbound_lane { INBOUND_FIRST, INBOUND_LATER, INBOUND_LANES };

struct inbound_item {
	void *payload;
	uint64_t tag;
	uint32_t kind;
	uint32_t size;  /* bytes, towards the bound */
	uint32_t lane;  /* enum inbound_lane */
	uint32_t at_ms; /* when it came, of a clock that wraps around */
};

struct inbound_list {
	struct inbound_item *waiting; /* new ones are appended here */
	uint32_t waiting_count, waiting_capacity;
	struct inbound_item *taken;
	uint32_t taken_capacity;
	uint64_t waiting_bytes;
	uint64_t refused;
	uint32_t max_items;
	uint64_t max_bytes;
};

struct inbound_queue {
	struct inbound_list lists[INBOUND_LANES];
};

/* Both lists begin with these bounds. */
void inbound_queue_init(struct inbound_queue *queue, uint32_t max_items, uint64_t max_bytes);
void inbound_queue_bound(struct inbound_queue *queue, enum inbound_lane lane, uint32_t max_items,
			 uint64_t max_bytes);
/* Frees the arrays; the items in them must have been taken. */
void inbound_queue_close(struct inbound_queue *queue);

/* False = refused, the payload stays the caller's. `keep`: only lack of memory refuses it. */
bool inbound_queue_push(struct inbound_queue *queue, const struct inbound_item *item, bool keep);
/* Everything on that list; the array is the caller's until the next take of it. */
uint32_t inbound_queue_take(struct inbound_queue *queue, enum inbound_lane lane,
			    struct inbound_item **items);
/* Of both lists. */
void inbound_queue_stats(const struct inbound_queue *queue, uint32_t *waiting, uint64_t *refused);

#endif
