#include "node/mailbox_uv.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"

enum { ITEM_SIZE_MAX = 256 };

static bool pop(struct mailbox *m, void *item)
{
	bool found = false;
	uv_mutex_lock(&m->lock);
	if (m->count > 0) {
		memcpy(item, m->items + (size_t)m->first * m->item_size, m->item_size);
		m->first = (m->first + 1) % m->capacity;
		m->count--;
		found = true;
	}
	uv_mutex_unlock(&m->lock);
	return found;
}

static void on_async(uv_async_t *async)
{
	struct mailbox *m = async->data;
	uint8_t item[ITEM_SIZE_MAX];
	while (pop(m, item))
		m->take(m->context, item);
}

int mailbox_open(struct mailbox *m, uv_loop_t *loop, uint32_t item_size, uint32_t capacity,
		 mailbox_take take, void *context)
{
	CHECK_LE(item_size, ITEM_SIZE_MAX);
	*m = (struct mailbox){
		.item_size = item_size, .capacity = capacity, .take = take, .context = context};
	m->items = calloc(capacity, item_size);
	if (m->items == NULL)
		return SAGA_E_NO_MEMORY;
	CHECK_EQ(uv_mutex_init(&m->lock), 0);
	CHECK_EQ(uv_async_init(loop, &m->async, on_async), 0);
	m->async.data = m;
	return 0;
}

bool mailbox_post(struct mailbox *m, const void *item)
{
	uv_mutex_lock(&m->lock);
	const bool room = m->count < m->capacity;
	if (room) {
		const uint32_t at = (m->first + m->count) % m->capacity;
		memcpy(m->items + (size_t)at * m->item_size, item, m->item_size);
		m->count++;
	}
	uv_mutex_unlock(&m->lock);
	if (room)
		uv_async_send(&m->async);
	return room;
}

void mailbox_close(struct mailbox *m)
{
	uv_close((uv_handle_t *)&m->async, NULL);
	uv_mutex_destroy(&m->lock);
	free(m->items);
	m->items = NULL;
}
