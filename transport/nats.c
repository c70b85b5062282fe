/* Life of the transport: opening, the state of the connection, turns of the loop, closing. */
#include "transport/nats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/os_clock.h"
#include "base/os_entropy.h"
#include "base/os_log.h"
#include "transport/match.h"
#include "transport/nats_internal.h"

uint64_t nats_now_ms(void)
{
	return os_clock_mono_ns() / 1000000;
}

/* ---- up and down ---------------------------------------------------------------------------- */

static void go_up(struct nats_transport *t)
{
	t->stats.connected = true;
	t->stats.disconnected_since_ns = 0;
	if (t->was_connected)
		t->stats.reconnects++;
	t->was_connected = true;
	t->stats.max_payload = t->work.max_payload;
	memcpy(t->stats.server_version, t->work.version, sizeof t->stats.server_version);
	nats_attach_all(t);
	if (t->hooks.connection != NULL)
		t->hooks.connection(t->hooks.context, true);
}

/* What was asked may have been done: the askers are told that nobody will say. */
static void go_down(struct nats_transport *t)
{
	if (!t->stats.connected)
		return;
	t->stats.connected = false;
	t->stats.disconnected_since_ns = os_clock_mono_ns();
	nats_end_requests(t, SAGA_E_DISCONNECTED);
	if (!t->closing && t->hooks.connection != NULL)
		t->hooks.connection(t->hooks.context, false);
}

/* ---- turns ---------------------------------------------------------------------------------- */

void nats_turn_done(struct nats_transport *t)
{
	if (!t->closing && t->hooks.turn_done != NULL)
		t->hooks.turn_done(t->hooks.context);
}

static bool anything_waits(const struct nats_transport *t)
{
	uint32_t waiting;
	uint64_t refused;

	inbound_queue_stats(&t->queue, &waiting, &refused);
	return waiting > 0 || t->later_next < t->later_count;
}

static void handle_item(struct nats_transport *t, const struct inbound_item *item)
{
	if (t->closing) /* perhaps since the last handler */
		nats_drop(item);
	else
		nats_deliver(t, item);
}

/* In a long turn the socket is emptied now and then into the queue, which has bounds of its own: a
 * server gives up those who let it wait. */
static void look_around(struct nats_transport *t)
{
	t->now_ms = nats_now_ms();
	if (t->poll != NULL && nats_socket_waiting(t->socket) > 0)
		nats_loop_receive(t);
}

static void handle_first(struct nats_transport *t)
{
	struct inbound_item *items;
	const uint32_t count = inbound_queue_take(&t->queue, INBOUND_FIRST, &items);

	for (uint32_t i = 0; i < count; i++) {
		handle_item(t, &items[i]);
		if (i % NATS_LOOK_EVERY == NATS_LOOK_EVERY - 1)
			look_around(t);
	}
}

/* However many wait, the turn must end: timers are due, and what was begun gathers meanwhile. */
static void handle_later(struct nats_transport *t)
{
	const uint64_t until_ms = t->now_ms + NATS_REQUEST_TURN_MS;
	bool any = false;

	if (t->later_next == t->later_count) {
		t->later_next = 0;
		t->later_count = inbound_queue_take(&t->queue, INBOUND_LATER, &t->later);
	}
	while (t->later_next < t->later_count && (!any || t->now_ms < until_ms)) {
		handle_item(t, &t->later[t->later_next++]);
		any = true;
		if (t->later_next % NATS_CLOCK_EVERY == 0)
			t->now_ms = nats_now_ms();
	}
}

void nats_drain_queue(struct nats_transport *t)
{
	t->now_ms = nats_now_ms();
	if (!t->closing && t->hooks.turn_begins != NULL)
		t->hooks.turn_begins(t->hooks.context);
	handle_first(t);
	t->now_ms = nats_now_ms();
	handle_later(t);
	if (anything_waits(t) && !t->closing)
		(void)uv_async_send(&t->async);
}

void nats_turn(struct nats_transport *t)
{
	nats_drain_queue(t);
	nats_advance(t);
	nats_turn_done(t);
}

/* Something is left of the turn before, or a thread of cnats has something to be written: that is
 * for the prepare handle. */
static void on_async(uv_async_t *async)
{
	struct nats_transport *t = async->data;

	if (anything_waits(t))
		nats_turn(t);
}

/* The end of each iteration of the loop: what was published in it leaves, from whichever callback.
 * A loss that was noticed meanwhile is acted upon. */
static void on_prepare(uv_prepare_t *prepare)
{
	struct nats_transport *t = prepare->data;

	nats_loop_flush(t);
	if (!t->lost)
		return;
	nats_advance(t);
	nats_turn_done(t);
	nats_loop_flush(t);
}

/* Replies that wait already are handled before time-outs (S16). */
void nats_on_request_timer(uv_timer_t *timer)
{
	struct nats_transport *t = timer->data;

	t->request_timer_at_ms = 0;
	if (t->poll != NULL && nats_socket_waiting(t->socket) > 0)
		nats_loop_receive(t);
	nats_drain_queue(t);
	nats_end_due_requests(t);
	nats_arm_request_timer(t);
	nats_advance(t);
	nats_turn_done(t);
}

/* ---- connections ---------------------------------------------------------------------------- */

static void on_reopen_timer(uv_timer_t *timer)
{
	struct nats_transport *t = timer->data;

	t->paused = false;
	nats_advance(t);
}

static void pause_for(struct nats_transport *t, uint32_t wait_ms)
{
	t->paused = true;
	CHECK_EQ(uv_timer_start(&t->reopen_timer, on_reopen_timer, wait_ms, 0), 0);
}

/* A server that is not there, or has gone. */
static bool usual(natsStatus status)
{
	return status == NATS_NO_SERVER || status == NATS_IO_ERROR || status == NATS_TIMEOUT ||
	       status == NATS_CONNECTION_CLOSED;
}

static int code_of(natsStatus status)
{
	return status == NATS_CONNECTION_AUTH_FAILED ? SAGA_E_AUTH : SAGA_E_NATS;
}

/* A server that is not there is tried again soon, after the others; one that refuses us, later. */
static void connect_failed(struct nats_transport *t)
{
	const natsStatus status = t->work.status;

	LOG(usual(status) ? LOG_DEBUG : LOG_WARN, "nats.connect_failed",
	    log_str("status", natsStatus_GetText(status)), log_str("text", t->work.why),
	    log_code(code_of(status)));
	if (t->closing)
		return;
	if (!usual(status))
		pause_for(t, NATS_REOPEN_WAIT_MS);
	else if (nats_servers_round_over(&t->servers))
		pause_for(t, NATS_RECONNECT_WAIT_MS);
}

static void on_connected(uv_work_t *request, int status)
{
	struct nats_work *work = request->data;
	struct nats_transport *t =
		(struct nats_transport *)((char *)work - offsetof(struct nats_transport, work));

	CHECK_EQ(status, 0);
	work->running = false;
	if (work->status != NATS_OK) {
		connect_failed(t);
		nats_advance(t);
		return;
	}
	t->connection = work->connection;
	t->socket = work->socket;
	t->tls = t->tls_configured || work->tls;
	if (work->discovered_count > 0)
		nats_servers_learn(&t->servers, work->discovered, (uint32_t)work->discovered_count);
	nats_connect_forget(work);
	nats_loop_start(t);
	if (!t->lost && !t->closing)
		go_up(t);
	nats_advance(t);
	nats_turn_done(t);
}

static void start_connect(struct nats_transport *t)
{
	const char *url = nats_servers_next(&t->servers);

	if (natsOptions_SetServers(t->options, &url, 1) != NATS_OK ||
	    nats_loop_bind(t) != NATS_OK) {
		pause_for(t, NATS_REOPEN_WAIT_MS); /* no memory */
		return;
	}
	t->work.options = t->options;
	t->work.timeout_ms = t->connect_timeout_ms;
	t->work.request.data = &t->work;
	t->work.running = true;
	CHECK_EQ(uv_queue_work(t->loop, &t->work.request, nats_connect_run, on_connected), 0);
}

/* Servers that joined or left since we connected. */
static void learn_servers(struct nats_transport *t)
{
	char **urls = NULL;
	int count = 0;

	if (natsConnection_GetDiscoveredServers(t->connection, &urls, &count) != NATS_OK)
		return;
	if (count > 0)
		nats_servers_learn(&t->servers, urls, (uint32_t)count);
	for (int i = 0; i < count; i++)
		free(urls[i]);
	free(urls);
}

/* The hooks run last: they may call anything. */
static void drop_connection(struct nats_transport *t)
{
	natsConnection *connection = t->connection;
	const char *text = NULL;
	const natsStatus status = natsConnection_GetLastError(connection, &text);

	if (!t->closing)
		LOG(usual(status) ? LOG_DEBUG : LOG_WARN, "nats.connection_lost",
		    log_str("status", natsStatus_GetText(status)),
		    log_str("text", text == NULL ? "" : text), log_code(code_of(status)));
	learn_servers(t);
	nats_detach_all(t);
	natsConnection_Destroy(connection); /* no callback comes after it */
	t->connection = NULL;
	nats_loop_stop(t);
	t->lost = false;
	t->draining = false;
	if (!t->closing)
		pause_for(t, NATS_RECONNECT_WAIT_MS);
	go_down(t);
}

/* ---- the end -------------------------------------------------------------------------------- */

static void drop_all(struct nats_transport *t)
{
	while (t->later_next < t->later_count)
		nats_drop(&t->later[t->later_next++]);
	for (uint32_t lane = 0; lane < INBOUND_LANES; lane++) {
		struct inbound_item *items;
		const uint32_t count = inbound_queue_take(&t->queue, lane, &items);

		for (uint32_t i = 0; i < count; i++)
			nats_drop(&items[i]);
	}
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct nats_transport *t = handle->data;

	CHECK(t->handles_open > 0);
	t->handles_open--;
	if (t->handles_open > 0)
		return;
	drop_all(t);
	inbound_queue_close(&t->queue);
	nats_subscriptions_free(t);
	request_table_close(&t->requests);
	nats_servers_free(&t->servers);
	natsStatistics_Destroy(t->counts);
	natsOptions_Destroy(t->options);
	free(t);
}

static void close_handles(struct nats_transport *t)
{
	if (uv_is_closing((uv_handle_t *)&t->async))
		return;
	uv_close((uv_handle_t *)&t->async, on_handle_closed);
	uv_close((uv_handle_t *)&t->prepare, on_handle_closed);
	uv_close((uv_handle_t *)&t->request_timer, on_handle_closed);
	uv_close((uv_handle_t *)&t->reopen_timer, on_handle_closed);
	uv_close((uv_handle_t *)&t->write_timer, on_handle_closed);
	uv_close((uv_handle_t *)&t->watch_timer, on_handle_closed);
}

void nats_advance(struct nats_transport *t)
{
	if (t->work.running)
		return; /* its end comes here again */
	if (t->connection != NULL && t->closing && !t->draining)
		nats_loop_kill(t);
	if (t->connection != NULL && t->lost)
		drop_connection(t);
	if (t->connection != NULL)
		return;
	if (t->closing)
		close_handles(t);
	else if (!t->paused)
		start_connect(t);
}

static void on_drain_limit(uv_timer_t *timer)
{
	struct nats_transport *t = timer->data;

	t->draining = false;
	nats_advance(t);
}

static void nats_close(struct transport *transport, bool drain)
{
	struct nats_transport *t = nats_transport_of(transport);
	const bool up = nats_usable(t);

	CHECK(!t->closing);
	t->closing = true;
	t->stats.connected = false;
	CHECK_EQ(uv_timer_stop(&t->request_timer), 0);
	CHECK_EQ(uv_timer_stop(&t->reopen_timer), 0);
	nats_end_requests(t, SAGA_E_STOPPING);
	if (drain && up) {
		CHECK_EQ(uv_timer_start(&t->reopen_timer, on_drain_limit, NATS_DRAIN_MS, 0), 0);
		nats_loop_drain(t);
	}
	nats_advance(t);
}

/* ---- the rest of the table ------------------------------------------------------------------ */

/* What the socket holds has arrived as well, though nobody can say yet how many messages it is. */
static void nats_stats(const struct transport *transport, struct transport_stats *stats)
{
	const struct nats_transport *t = (const struct nats_transport *)transport;

	*stats = t->stats;
	stats->connected = nats_usable(t);
	stats->requests_open = t->requests.open;
	inbound_queue_stats(&t->queue, &stats->queue_depth, &stats->dropped_messages);
	stats->queue_depth += t->later_count - t->later_next;
	if (stats->queue_depth == 0 && t->poll != NULL && nats_socket_waiting(t->socket) > 0)
		stats->queue_depth = 1;
}

static void make_inbox(const struct nats_transport *t, char *text, uint32_t size)
{
	uint8_t random[12];
	int length;

	os_entropy(random, sizeof random);
	length = snprintf(text, size, "%s.", t->inbox_prefix);
	CHECK(length > 0 && (uint32_t)length + 2 * sizeof random < size);
	for (uint32_t i = 0; i < sizeof random; i++)
		(void)snprintf(text + length + 2 * i, 3, "%02x", random[i]);
}

static void nats_inbox(struct transport *transport, char *text, uint32_t size)
{
	make_inbox(nats_transport_of(transport), text, size);
}

static const struct transport_ops nats_ops = {
	.publish = nats_publish,
	.request = nats_request,
	.cancel = nats_cancel,
	.subscribe = nats_subscribe,
	.unsubscribe = nats_unsubscribe,
	.stats = nats_stats,
	.inbox = nats_inbox,
	.close = nats_close,
};

/* ---- opening -------------------------------------------------------------------------------- */

static int set_inbox(struct nats_transport *t, const char *prefix, char why[256])
{
	char pattern[NATS_INBOX_SIZE + 2];
	int length;

	if (prefix == NULL)
		prefix = "_INBOX";
	length = snprintf(t->inbox_prefix, sizeof t->inbox_prefix, "%s", prefix);
	if (length < 0 || (uint32_t)length >= sizeof t->inbox_prefix ||
	    !match_pattern_valid(slice_str(prefix)) || strpbrk(prefix, "*>") != NULL) {
		(void)snprintf(why, 256,
			       "inbox prefix: at most %d characters, tokens between dots, "
			       "no wildcards",
			       NATS_INBOX_PREFIX_SIZE_MAX);
		return SAGA_E_CONFIG;
	}
	make_inbox(t, t->inbox, sizeof t->inbox);
	(void)snprintf(pattern, sizeof pattern, "%s.*", t->inbox);
	return nats_subscription_add(t, NATS_ITEM_REPLY, pattern, NULL, NULL, NULL,
				     &t->inbox_subscription);
}

static int open_handles(struct nats_transport *t, uv_loop_t *loop)
{
	if (uv_async_init(loop, &t->async, on_async) != 0)
		return SAGA_E_NO_MEMORY;
	CHECK_EQ(uv_prepare_init(loop, &t->prepare), 0);
	CHECK_EQ(uv_timer_init(loop, &t->request_timer), 0);
	CHECK_EQ(uv_timer_init(loop, &t->reopen_timer), 0);
	CHECK_EQ(uv_timer_init(loop, &t->write_timer), 0);
	CHECK_EQ(uv_timer_init(loop, &t->watch_timer), 0);
	t->async.data = t;
	t->prepare.data = t;
	t->request_timer.data = t;
	t->reopen_timer.data = t;
	t->write_timer.data = t;
	t->watch_timer.data = t;
	t->handles_open = 6;
	CHECK_EQ(uv_prepare_start(&t->prepare, on_prepare), 0);
	return 0;
}

static uint32_t given_or(uint32_t given, uint32_t otherwise)
{
	return given == 0 ? otherwise : given;
}

static struct nats_transport *make(struct uv_loop_s *loop, const struct nats_config *config,
				   const struct nats_hooks *hooks)
{
	struct nats_transport *t = calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	t->transport.ops = &nats_ops;
	t->loop = loop;
	t->thread = pthread_self();
	if (hooks != NULL)
		t->hooks = *hooks;
	atomic_init(&t->write_wanted, false);
	t->signals_blocked = nats_signals_are_blocked();
	t->tls_configured = nats_options_tls(config);
	t->connect_timeout_ms = given_or(config->connect_timeout_ms, NATS_CONNECT_TIMEOUT_MS);
	t->write_deadline_ms = given_or(config->write_deadline_ms, NATS_WRITE_DEADLINE_MS);
	t->stats.disconnected_since_ns = os_clock_mono_ns();
	request_table_init(&t->requests, NATS_REQUESTS_MAX);
	inbound_queue_init(&t->queue, NATS_QUEUE_ITEMS_MAX, NATS_QUEUE_BYTES_MAX);
	inbound_queue_bound(&t->queue, INBOUND_LATER, NATS_REQUEST_ITEMS_MAX,
			    NATS_REQUEST_BYTES_MAX);
	t->may_wait = config->may_wait;
	return t;
}

int nats_transport_open(struct uv_loop_s *loop, const struct nats_config *config,
			const struct nats_hooks *hooks, struct transport **transport, char why[256])
{
	struct nats_transport *t = make(loop, config, hooks);
	sigset_t before;
	int err;

	why[0] = '\0';
	if (t == NULL)
		return SAGA_E_NO_MEMORY;
	nats_signals_block(&before); /* cnats starts its own threads at the first use of it */
	err = nats_options_build(config, &t->options, why);
	nats_signals_restore(&before);
	if (err == 0)
		err = nats_servers_init(&t->servers, config->url, (uint32_t)os_entropy_u64(), why);
	if (err == 0)
		err = set_inbox(t, config->inbox_prefix, why);
	if (err == 0 && natsStatistics_Create(&t->counts) != NATS_OK)
		err = SAGA_E_NO_MEMORY;
	if (err == 0)
		err = open_handles(t, loop);
	if (err != 0) {
		nats_subscriptions_free(t);
		nats_servers_free(&t->servers);
		natsStatistics_Destroy(t->counts);
		natsOptions_Destroy(t->options);
		free(t);
		return err;
	}
	nats_advance(t);
	*transport = &t->transport;
	return 0;
}
