/* The background thread of a connection: one event loop that can be woken from any thread and has
 * one timer. libuv stands in loop_uv.c only. */
#ifndef SAGAD_CLIENT_LOOP_H
#define SAGAD_CLIENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct client_loop;
struct uv_loop_s;

/* All are called on the loop's thread. */
struct client_loop_hooks {
	int (*started)(void *context);  /* before the first turn; an error ends the thread */
	void (*turn)(void *context);    /* after a wake or when the timer fires */
	void (*stopped)(void *context); /* after client_loop_quit, before the last handles close */
	void *context;
};

/* Starts the thread and waits until `started` has returned, whose error is passed on; then *loop is
 * NULL. The hooks are copied. */
int client_loop_create(const struct client_loop_hooks *hooks, struct client_loop **loop) MUST_CHECK;
/* Any thread, until client_loop_destroy. */
void client_loop_wake(struct client_loop *loop);
/* Ends the thread after `stopped` and waits for it; not on the loop's thread. */
void client_loop_destroy(struct client_loop *loop);

/* On the loop's thread: the next turn comes after this time at the latest. */
void client_loop_timer(struct client_loop *loop, uint64_t delay_ms);
bool client_loop_is_self(const struct client_loop *loop);
/* For a transport that lives on the same loop. Only from within the hooks. */
struct uv_loop_s *client_loop_uv(struct client_loop *loop);

#endif
