#include "transport/inbound_queue.h"

#include <stdlib.h>

#include "base/check.h"

enum { CAPACITY_MIN = 64 };

void inbound_queue_init(struct inbound_queue *queue, uint32_t max_items, uint64_t max_bytes,
			void (*wake)(void *context), void *context)
{
	CHECK(wake != NULL);
	*queue = (struct inbound_queue){
		.max_items = max_items,
		.max_bytes = max_bytes,
		.wake = wake,
		.context = context,
	};
	CHECK_EQ(pthread_mutex_init(&queue->mutex, NULL), 0);
}

void inbound_queue_close(struct inbound_queue *queue)
{
	CHECK_EQ(queue->waiting_count, 0);
	CHECK_EQ(pthread_mutex_destroy(&queue->mutex), 0);
	free(queue->waiting);
	free(queue->taken);
	queue->waiting = NULL;
	queue->taken = NULL;
}

static void lock(struct inbound_queue *queue)
{
	CHECK_EQ(pthread_mutex_lock(&queue->mutex), 0);
}

static void unlock(struct inbound_queue *queue)
{
	CHECK_EQ(pthread_mutex_unlock(&queue->mutex), 0);
}

static bool make_room(struct inbound_queue *queue)
{
	struct inbound_item *items;
	uint32_t capacity;

	if (queue->waiting_count < queue->waiting_capacity)
		return true;
	if (queue->waiting_capacity > UINT32_MAX / 2)
		return false;
	capacity = queue->waiting_capacity == 0 ? CAPACITY_MIN : queue->waiting_capacity * 2;
	items = realloc(queue->waiting, capacity * sizeof *items);
	if (items == NULL)
		return false;
	queue->waiting = items;
	queue->waiting_capacity = capacity;
	return true;
}

bool inbound_queue_push(struct inbound_queue *queue, const struct inbound_item *item, bool keep)
{
	bool fits;
	bool taken = false;

	lock(queue);
	fits = keep || (queue->waiting_count < queue->max_items &&
			queue->waiting_bytes + item->size <= queue->max_bytes);
	if (!queue->shut) {
		if (fits && make_room(queue)) {
			queue->waiting[queue->waiting_count++] = *item;
			queue->waiting_bytes += item->size;
			taken = true;
			if (queue->waiting_count == 1)
				queue->wake(queue->context);
		} else {
			queue->refused++;
		}
	}
	unlock(queue);
	return taken;
}

uint32_t inbound_queue_take(struct inbound_queue *queue, struct inbound_item **items)
{
	struct inbound_item *const empty = queue->taken;
	const uint32_t empty_capacity = queue->taken_capacity;
	uint32_t count;

	lock(queue);
	count = queue->waiting_count;
	queue->taken = queue->waiting;
	queue->taken_capacity = queue->waiting_capacity;
	queue->waiting = empty;
	queue->waiting_capacity = empty_capacity;
	queue->waiting_count = 0;
	queue->waiting_bytes = 0;
	unlock(queue);
	*items = queue->taken;
	return count;
}

void inbound_queue_shut(struct inbound_queue *queue)
{
	lock(queue);
	queue->shut = true;
	unlock(queue);
}

void inbound_queue_stats(struct inbound_queue *queue, uint32_t *waiting, uint64_t *refused)
{
	lock(queue);
	*waiting = queue->waiting_count;
	*refused = queue->refused;
	unlock(queue);
}
