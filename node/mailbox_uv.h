/* A bounded queue of fixed-size items into one event loop: any thread posts, the loop's thread
 * takes. Nothing else crosses between the threads of a node. */
#ifndef SAGAD_NODE_MAILBOX_UV_H
#define SAGAD_NODE_MAILBOX_UV_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

typedef void (*mailbox_take)(void *context, const void *item);

struct mailbox {
	uv_async_t async;
	uv_mutex_t lock;
	uint8_t *items;
	uint32_t item_size, capacity, first, count;
	mailbox_take take;
	void *context;
};

/* On the loop's thread. 0 or SAGA_E_NO_MEMORY. */
int mailbox_open(struct mailbox *m, uv_loop_t *loop, uint32_t item_size, uint32_t capacity,
		 mailbox_take take, void *context);
/* Any thread. False when full: the sender decides what that means. */
bool mailbox_post(struct mailbox *m, const void *item);
/* On the loop's thread; the memory is free once the loop has run the close callbacks. */
void mailbox_close(struct mailbox *m);

#endif
