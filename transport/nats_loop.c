/* cnats on our loop: reading, writing, and the end of a connection.
 *
 * A publish appends to cnats' buffer. The prepare handle writes it out once at the end of each
 * iteration of the loop, so that a turn is one system call; a large buffer goes at once. When the
 * socket takes only a part the poll waits for room, and the cap of the buffer is the publishers'
 * limit. With TLS cnats would wait inside such a write, so there we look for room beforehand.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/os_log.h"
#include "transport/nats_internal.h"

/* ---- callbacks of cnats --------------------------------------------------------------------- */

/* On the worker that connects. */
static natsStatus on_attach(void **user_data, void *loop, natsConnection *connection,
			    natsSock socket)
{
	struct nats_transport *t = loop;

	(void)connection;
	t->work.socket = (int)socket;
	*user_data = t;
	return NATS_OK;
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

/* Only ever taken away: cnats is about to close the socket. On the loop thread, for nothing else
 * ends a connection that has been started. */
static natsStatus on_read_interest(void *user_data, bool add)
{
	struct nats_transport *t = user_data;

	if (add || t->poll == NULL)
		return NATS_OK;
	(void)uv_poll_stop(t->poll);
	uv_close((uv_handle_t *)t->poll, free_handle);
	t->poll = NULL;
	t->lost = true;
#if NATS_VERSION_NUMBER >= 0x030a00
	natsConnection_ProcessCloseEvent(&t->socket); /* since 3.10 that is ours to do */
#endif
	return NATS_OK;
}

/* Any thread, under the lock of the connection. */
static natsStatus on_write_interest(void *user_data, bool add)
{
	struct nats_transport *t = user_data;

	atomic_store_explicit(&t->write_wanted, add, memory_order_relaxed);
	if (add && pthread_equal(pthread_self(), t->thread) == 0)
		(void)uv_async_send(&t->async);
	return NATS_OK;
}

static natsStatus on_detach(void *user_data)
{
	struct nats_transport *t = user_data;

	(void)t;
#if NATS_VERSION_NUMBER >= 0x030b00
	natsConnection_ProcessDetachedEvent(t->connection);
#endif
	return NATS_OK;
}

natsStatus nats_loop_bind(struct nats_transport *t)
{
	return natsOptions_SetEventLoop(t->options, t, on_attach, on_read_interest,
					on_write_interest, on_detach);
}

/* ---- writing -------------------------------------------------------------------------------- */

static bool all_written(struct nats_transport *t)
{
	return !atomic_load_explicit(&t->write_wanted, memory_order_relaxed);
}

static void write_once(struct nats_transport *t)
{
	sigset_t before;

	if (!t->tls || t->signals_blocked) {
		natsConnection_ProcessWriteEvent(t->connection);
		return;
	}
	nats_signals_block(&before);
	natsConnection_ProcessWriteEvent(t->connection);
	nats_signals_restore(&before);
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void on_write_timer(uv_timer_t *timer);

static void block_writes(struct nats_transport *t)
{
	const uint64_t wait_ms = t->tls ? NATS_TLS_WRITE_RETRY_MS : t->write_deadline_ms;

	t->write_blocked = true;
	t->blocked_since_ms = nats_now_ms();
	CHECK_EQ(uv_timer_start(&t->write_timer, on_write_timer, wait_ms, wait_ms), 0);
	if (!t->tls && uv_poll_start(t->poll, UV_READABLE | UV_WRITABLE, on_poll) != 0)
		nats_loop_kill(t);
}

static void unblock_writes(struct nats_transport *t)
{
	t->write_blocked = false;
	CHECK_EQ(uv_timer_stop(&t->write_timer), 0);
	if (!t->tls && uv_poll_start(t->poll, UV_READABLE, on_poll) != 0)
		nats_loop_kill(t);
}

/* The server may now see the end of the stream behind the last message; it closes when it has read
 * up to there. Closing the socket ourselves could throw away what it has not read yet. */
static void end_writing(struct nats_transport *t)
{
	if (!t->draining || t->write_ended)
		return;
	t->write_ended = true;
	(void)shutdown(t->socket, SHUT_WR);
}

static void all_left(struct nats_transport *t)
{
	if (t->hooks.all_left != NULL)
		t->hooks.all_left(t->hooks.context);
}

/* `buffered` is only about right, and grows meanwhile: progress shows in what cnats has left. */
static void write_out(struct nats_transport *t)
{
	int before = 0;
	int left;

	if (t->poll == NULL || t->write_ended)
		return;
	if (t->write_blocked)
		before = natsConnection_Buffered(t->connection);
	if (!t->tls || nats_socket_has_room(t->socket, t->buffered)) {
		if (t->hooks.may_leave != NULL && !t->hooks.may_leave(t->hooks.context)) {
			nats_loop_kill(t);
			return;
		}
		write_once(t);
	}
	if (t->poll == NULL)
		return; /* lost */
	if (all_written(t)) {
		t->buffered = 0;
		all_left(t);
		if (t->write_blocked)
			unblock_writes(t);
		end_writing(t);
		return;
	}
	left = natsConnection_Buffered(t->connection);
	if (!t->write_blocked)
		block_writes(t);
	else if (left < before)
		t->blocked_since_ms = nats_now_ms();
	t->buffered = left > 0 ? (uint32_t)left : 0;
}

void nats_loop_flush(struct nats_transport *t)
{
	if (t->poll == NULL || t->write_blocked || t->write_ended)
		return;
	if (all_written(t))
		all_left(t);
	else
		write_out(t);
}

/* The loop may have been away for long: what the socket takes now counts. */
static void on_write_timer(uv_timer_t *timer)
{
	struct nats_transport *t = timer->data;

	write_out(t);
	if (t->poll == NULL || !t->write_blocked ||
	    nats_now_ms() - t->blocked_since_ms < t->write_deadline_ms)
		return;
	LOG(LOG_WARN, "nats.write_stuck", log_num("bytes", t->buffered), log_code(SAGA_E_NATS));
	nats_loop_kill(t);
}

void nats_loop_drain(struct nats_transport *t)
{
	t->draining = true;
	if (t->write_blocked)
		return;
	if (all_written(t))
		end_writing(t);
	else
		write_out(t);
}

/* ---- reading -------------------------------------------------------------------------------- */

static void read_once(struct nats_transport *t)
{
	sigset_t before;

	if (!t->tls || t->signals_blocked) {
		natsConnection_ProcessReadEvent(t->connection);
		return;
	}
	nats_signals_block(&before);
	natsConnection_ProcessReadEvent(t->connection);
	nats_signals_restore(&before);
}

void nats_loop_receive(struct nats_transport *t)
{
	t->now_ms = nats_now_ms();
	/* After a long turn there is more than one buffer of it. */
	for (uint32_t i = 0; i < NATS_READS_MAX && t->poll != NULL; i++) {
		if (t->tls && (!nats_socket_readable(t->socket) ||
			       nats_socket_record_is_partial(t->socket, &t->low_water)))
			return;
		t->heard = true;
		errno = 0; /* cnats looks at it after errors of TLS as well, which do not set it */
		read_once(t);
		nats_collect(t);
		if (nats_socket_waiting(t->socket) == 0)
			return;
	}
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct nats_transport *t = poll->data;

	if (status != 0) {
		nats_loop_kill(t);
	} else {
		if ((events & UV_WRITABLE) != 0)
			write_out(t);
		if ((events & UV_READABLE) != 0)
			nats_loop_receive(t);
	}
	nats_turn(t);
}

/* The PINGs of cnats see to it that a server that lives is heard each second. Ticks, not time: one
 * that was late because this process stood still must not count for all the time it stood. */
static void on_watch_timer(uv_timer_t *timer)
{
	struct nats_transport *t = timer->data;

	t->silent_ticks = t->heard ? 0 : t->silent_ticks + 1;
	t->heard = false;
	if (t->poll == NULL || t->silent_ticks <= NATS_SILENT_TICKS_MAX ||
	    nats_socket_readable(t->socket))
		return;
	LOG(LOG_WARN, "nats.silent", log_code(SAGA_E_NATS));
	nats_loop_kill(t);
}

/* ---- begin and end -------------------------------------------------------------------------- */

void nats_loop_start(struct nats_transport *t)
{
	t->buffered = 0;
	t->write_blocked = false;
	t->heard = true;
	t->silent_ticks = 0;
	t->low_water = 0;
	nats_collect_begin(t);
	t->poll = malloc(sizeof *t->poll);
	if (t->poll == NULL) {
		t->lost = true;
		return;
	}
	if (uv_poll_init(t->loop, t->poll, t->socket) != 0) {
		free(t->poll);
		t->poll = NULL;
		t->lost = true;
		return;
	}
	t->poll->data = t;
	if (uv_poll_start(t->poll, UV_READABLE, on_poll) != 0)
		nats_loop_kill(t);
	else
		CHECK_EQ(uv_timer_start(&t->watch_timer, on_watch_timer, NATS_WATCH_MS,
					NATS_WATCH_MS),
			 0);
}

/* A write to a socket that is shut fails, and by that cnats closes the connection without any
 * waiting. Its own close would wait for what is buffered to be flushed, by this very thread. */
void nats_loop_kill(struct nats_transport *t)
{
	if (t->poll == NULL)
		return;
	(void)shutdown(t->socket, SHUT_RDWR);
	errno = 0;
	write_once(t);
	if (t->poll != NULL)
		natsConnection_Close(t->connection);
	t->lost = true;
}

void nats_loop_stop(struct nats_transport *t)
{
	CHECK(t->poll == NULL);
	CHECK_EQ(uv_timer_stop(&t->watch_timer), 0);
	CHECK_EQ(uv_timer_stop(&t->write_timer), 0);
	t->write_blocked = false;
	t->buffered = 0;
	all_left(t);
	atomic_store_explicit(&t->write_wanted, false, memory_order_relaxed);
}
