#include "client/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <uv.h>

#include "base/check.h"
#include "client/thread.h"

struct client_loop {
	uv_loop_t uv;
	uv_async_t wake;
	uv_timer_t timer;
	struct client_loop_hooks hooks;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool running; /* under the mutex: `started` has returned */
	int error;    /* under the mutex: what it returned */
	atomic_bool quit;
};

static void on_timer(uv_timer_t *timer)
{
	struct client_loop *loop = timer->data;

	loop->hooks.turn(loop->hooks.context);
}

/* The transport may still have handles of its own to close: uv_run returns when all are gone. */
static void close_handles(struct client_loop *loop)
{
	loop->hooks.stopped(loop->hooks.context);
	uv_close((uv_handle_t *)&loop->wake, NULL);
	uv_close((uv_handle_t *)&loop->timer, NULL);
}

static void on_wake(uv_async_t *wake)
{
	struct client_loop *loop = wake->data;

	if (uv_is_closing((const uv_handle_t *)wake))
		return;
	loop->hooks.turn(loop->hooks.context);
	if (atomic_load(&loop->quit))
		close_handles(loop);
}

static void *loop_thread(void *argument)
{
	struct client_loop *loop = argument;
	const int err = loop->hooks.started(loop->hooks.context);

	(void)pthread_mutex_lock(&loop->mutex);
	loop->running = true;
	loop->error = err;
	(void)pthread_cond_signal(&loop->changed);
	(void)pthread_mutex_unlock(&loop->mutex);
	if (err != 0)
		close_handles(loop);
	(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
	return NULL;
}

static int open_handles(struct client_loop *loop)
{
	if (uv_loop_init(&loop->uv) != 0)
		return SAGA_E_NO_MEMORY;
	loop->wake.data = loop;
	loop->timer.data = loop;
	if (uv_timer_init(&loop->uv, &loop->timer) == 0 &&
	    uv_async_init(&loop->uv, &loop->wake, on_wake) == 0)
		return 0;
	uv_close((uv_handle_t *)&loop->timer, NULL);
	(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
	(void)uv_loop_close(&loop->uv);
	return SAGA_E_NO_MEMORY;
}

static void join_and_free(struct client_loop *loop)
{
	CHECK_EQ(pthread_join(loop->thread, NULL), 0);
	CHECK_EQ(uv_loop_close(&loop->uv), 0);
	(void)pthread_cond_destroy(&loop->changed);
	(void)pthread_mutex_destroy(&loop->mutex);
	free(loop);
}

int client_loop_create(const struct client_loop_hooks *hooks, struct client_loop **loop_out)
{
	struct client_loop *loop = calloc(1, sizeof *loop);
	int err;

	*loop_out = NULL;
	if (loop == NULL)
		return SAGA_E_NO_MEMORY;
	loop->hooks = *hooks;
	atomic_init(&loop->quit, false);
	err = open_handles(loop);
	if (err != 0) {
		free(loop);
		return err;
	}
	(void)pthread_mutex_init(&loop->mutex, NULL);
	(void)pthread_cond_init(&loop->changed, NULL);
	/* The hooks look at *loop_out, so it has to be there before the thread is. */
	*loop_out = loop;
	if (client_thread_start(&loop->thread, loop_thread, loop) != 0) {
		uv_close((uv_handle_t *)&loop->wake, NULL);
		uv_close((uv_handle_t *)&loop->timer, NULL);
		(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
		(void)uv_loop_close(&loop->uv);
		free(loop);
		*loop_out = NULL;
		return SAGA_E_NO_MEMORY;
	}
	(void)pthread_mutex_lock(&loop->mutex);
	while (!loop->running)
		(void)pthread_cond_wait(&loop->changed, &loop->mutex);
	err = loop->error;
	(void)pthread_mutex_unlock(&loop->mutex);
	if (err != 0) {
		join_and_free(loop);
		*loop_out = NULL;
	}
	return err;
}

void client_loop_wake(struct client_loop *loop)
{
	(void)uv_async_send(&loop->wake);
}

void client_loop_destroy(struct client_loop *loop)
{
	CHECK(!client_loop_is_self(loop));
	atomic_store(&loop->quit, true);
	client_loop_wake(loop);
	join_and_free(loop);
}

void client_loop_timer(struct client_loop *loop, uint64_t delay_ms)
{
	if (uv_is_closing((const uv_handle_t *)&loop->timer))
		return;
	/* A turn can be long: without this the delay would count from its start. */
	uv_update_time(&loop->uv);
	(void)uv_timer_start(&loop->timer, on_timer, delay_ms, 0);
}

bool client_loop_is_self(const struct client_loop *loop)
{
	return pthread_equal(pthread_self(), loop->thread) != 0;
}

struct uv_loop_s *client_loop_uv(struct client_loop *loop)
{
	return &loop->uv;
}
