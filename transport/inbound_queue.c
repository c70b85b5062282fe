#include "transport/inbound_queue.h"

#include <stdlib.h>

#include "base/check.h"

enum { CAPACITY_MIN = 64 };

void inbound_queue_init(struct inbound_queue *queue, uint32_t max_items, uint64_t max_bytes)
{
	*queue = (struct inbound_queue){0};
	for (uint32_t lane = 0; lane < INBOUND_LANES; lane++)
		inbound_queue_bound(queue, lane, max_items, max_bytes);
}

void inbound_queue_bound(struct inbound_queue *queue, enum inbound_lane lane, uint32_t max_items,
			 uint64_t max_bytes)
{
	CHECK_LT(lane, INBOUND_LANES);
	queue->lists[lane].max_items = max_items;
	queue->lists[lane].max_bytes = max_bytes;
}

void inbound_queue_close(struct inbound_queue *queue)
{
	for (uint32_t lane = 0; lane < INBOUND_LANES; lane++) {
		struct inbound_list *list = &queue->lists[lane];

		CHECK_EQ(list->waiting_count, 0);
		free(list->waiting);
		free(list->taken);
		list->waiting = NULL;
		list->taken = NULL;
	}
}

static bool make_room(struct inbound_list *list)
{
	struct inbound_item *items;
	uint32_t capacity;

	if (list->waiting_count < list->waiting_capacity)
		return true;
	if (list->waiting_capacity > UINT32_MAX / 2)
		return false;
	capacity = list->waiting_capacity == 0 ? CAPACITY_MIN : list->waiting_capacity * 2;
	items = realloc(list->waiting, capacity * sizeof *items);
	if (items == NULL)
		return false;
	list->waiting = items;
	list->waiting_capacity = capacity;
	return true;
}

bool inbound_queue_push(struct inbound_queue *queue, const struct inbound_item *item, bool keep)
{
	struct inbound_list *list = &queue->lists[item->lane];
	bool fits;

	CHECK_LT(item->lane, INBOUND_LANES);
	fits = keep || (list->waiting_count < list->max_items &&
			list->waiting_bytes + item->size <= list->max_bytes);
	if (!fits || !make_room(list)) {
		list->refused++;
		return false;
	}
	list->waiting[list->waiting_count++] = *item;
	list->waiting_bytes += item->size;
	return true;
}

uint32_t inbound_queue_take(struct inbound_queue *queue, enum inbound_lane lane,
			    struct inbound_item **items)
{
	struct inbound_list *list = &queue->lists[lane];
	struct inbound_item *const empty = list->taken;
	const uint32_t empty_capacity = list->taken_capacity;
	const uint32_t count = list->waiting_count;

	CHECK_LT(lane, INBOUND_LANES);
	list->taken = list->waiting;
	list->taken_capacity = list->waiting_capacity;
	list->waiting = empty;
	list->waiting_capacity = empty_capacity;
	list->waiting_count = 0;
	list->waiting_bytes = 0;
	*items = list->taken;
	return count;
}

void inbound_queue_stats(const struct inbound_queue *queue, uint32_t *waiting, uint64_t *refused)
{
	*waiting = 0;
	*refused = 0;
	for (uint32_t lane = 0; lane < INBOUND_LANES; lane++) {
		*waiting += queue->lists[lane].waiting_count;
		*refused += queue->lists[lane].refused;
	}
}
