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

static void advance(struct nats_transport *t);

uint64_t nats_now_ms(void)
{
	return os_clock_mono_ns() / 1000000;
}

void nats_turn_done(struct nats_transport *t)
{
	if (!t->closing && t->hooks.turn_done != NULL)
		t->hooks.turn_done(t->hooks.context);
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

static void take_state(struct nats_transport *t, const struct inbound_item *item)
{
	if (item->tag != t->incarnation)
		return; /* of a connection that we have closed */
	switch (item->kind) {
	case NATS_ITEM_UP:
		t->level++;
		break;
	case NATS_ITEM_DOWN:
		t->level--;
		break;
	default:
		t->lost = true;
		break;
	}
	t->ask_wanted = t->level > 0 && !t->lost;
	if (!t->ask_wanted)
		go_down(t);
	advance(t);
}

static void handle_item(struct nats_transport *t, const struct inbound_item *item)
{
	if (t->closing) /* perhaps since the last handler */
		nats_drop(item);
	else if (item->payload != NULL)
		nats_deliver(t, item);
	else
		take_state(t, item);
}

static bool handle_first(struct nats_transport *t)
{
	struct inbound_item *items;
	const uint32_t count = inbound_queue_take(&t->link->queue, INBOUND_FIRST, &items);

	for (uint32_t i = 0; i < count; i++)
		handle_item(t, &items[i]);
	return count > 0;
}

/* However many wait, the turn must end: timers are due, and what was begun gathers meanwhile. */
static bool handle_later(struct nats_transport *t)
{
	const uint64_t until_ms = nats_now_ms() + NATS_REQUEST_TURN_MS;
	bool any = false;

	if (t->later_next == t->later_count) {
		t->later_next = 0;
		t->later_count = inbound_queue_take(&t->link->queue, INBOUND_LATER, &t->later);
	}
	while (t->later_next < t->later_count && (!any || nats_now_ms() < until_ms)) {
		handle_item(t, &t->later[t->later_next++]);
		any = true;
	}
	if (t->later_next < t->later_count && !t->closing)
		(void)uv_async_send(&t->async);
	return any;
}

bool nats_drain_queue(struct nats_transport *t)
{
	const bool first = handle_first(t);

	return handle_later(t) || first;
}

static void on_async(uv_async_t *async)
{
	struct nats_transport *t = async->data;

	if (nats_drain_queue(t))
		nats_turn_done(t);
}

/* Replies that wait already are handled before time-outs (S16). */
void nats_on_request_timer(uv_timer_t *timer)
{
	struct nats_transport *t = timer->data;

	t->request_timer_at_ms = 0;
	(void)nats_drain_queue(t);
	nats_end_due_requests(t);
	nats_arm_request_timer(t);
	nats_turn_done(t);
}

/* ---- jobs ----------------------------------------------------------------------------------- */

static void on_reopen_timer(uv_timer_t *timer)
{
	struct nats_transport *t = timer->data;

	t->paused = false;
	advance(t);
}

static void pause_then_reopen(struct nats_transport *t)
{
	t->paused = true;
	CHECK_EQ(uv_timer_start(&t->reopen_timer, on_reopen_timer, NATS_REOPEN_WAIT_MS, 0), 0);
}

static void connect_done(struct nats_transport *t)
{
	const natsStatus status = t->work.status;

	if (status == NATS_OK || status == NATS_NOT_YET_CONNECTED) {
		t->connection = t->work.connection;
		t->session = NULL; /* nats_on_closed has it now */
		if (status == NATS_OK) {
			t->level++; /* no callback tells of a first attempt that succeeds */
			t->ask_wanted = t->level > 0 && !t->lost;
		}
		return;
	}
	/* With retrying asked for, only lack of memory or threads ends here. Where a thread was
	 * lacking cnats still calls nats_on_closed, which frees the session. */
	LOG(LOG_ERROR, "nats.connect_failed", log_str("status", natsStatus_GetText(status)),
	    log_code(SAGA_E_NATS));
	if (status == NATS_NO_MEMORY || status == NATS_INVALID_ARG || status == NATS_ERR) {
		nats_link_release(t->session->link);
		free(t->session);
	}
	t->session = NULL;
	t->incarnation++; /* whatever it still says is not about the next one */
	t->lost = false;
	if (!t->closing)
		pause_then_reopen(t);
}

static void end_done(struct nats_transport *t)
{
	free(t->work.doomed);
	t->work.doomed = NULL;
	t->connection = NULL;
	t->incarnation++;
	t->lost = false;
	if (!t->closing)
		pause_then_reopen(t);
}

static void on_job_done(uv_work_t *request, int status)
{
	struct nats_work *work = request->data;
	struct nats_transport *t =
		(struct nats_transport *)((char *)work - offsetof(struct nats_transport, work));
	const enum nats_job job = work->job;

	CHECK_EQ(status, 0);
	work->job = NATS_JOB_NONE;
	if (job == NATS_JOB_CONNECT)
		connect_done(t);
	else if (job == NATS_JOB_END)
		end_done(t);
	else if (t->level > 0 && !t->lost && !t->closing && !t->ask_wanted)
		go_up(t);
	advance(t);
	if (job == NATS_JOB_ASK)
		nats_turn_done(t);
}

static void start_connect(struct nats_transport *t)
{
	struct nats_session *session = malloc(sizeof *session);

	if (session == NULL) {
		pause_then_reopen(t);
		return;
	}
	*session = (struct nats_session){t->link, t->incarnation};
	nats_link_retain(t->link);
	CHECK_EQ(nats_options_set_session(t->options, session), NATS_OK);
	t->session = session;
	t->level = 0;
	t->lost = false;
	t->ask_wanted = false;
	t->work.options = t->options;
	nats_job_start(t, NATS_JOB_CONNECT, on_job_done);
}

static void start_ask(struct nats_transport *t)
{
	t->ask_wanted = false;
	t->work.connection = t->connection;
	t->work.timeout_ms = t->connect_timeout_ms;
	nats_job_start(t, NATS_JOB_ASK, on_job_done);
}

static void start_end(struct nats_transport *t)
{
	nats_doom_all(t);
	t->work.connection = t->connection;
	t->work.doomed = t->doomed;
	t->work.doomed_count = t->doomed_count;
	t->work.flush = t->closing && t->drain && t->level > 0 && !t->lost;
	t->work.given_up = t->lost;
	t->doomed = NULL;
	t->doomed_count = 0;
	t->doomed_capacity = 0;
	nats_job_start(t, NATS_JOB_END, on_job_done);
}

/* ---- the end -------------------------------------------------------------------------------- */

static void drop_all(struct nats_transport *t)
{
	while (t->later_next < t->later_count)
		nats_drop(&t->later[t->later_next++]);
	for (uint32_t lane = 0; lane < INBOUND_LANES; lane++) {
		struct inbound_item *items;
		const uint32_t count = inbound_queue_take(&t->link->queue, lane, &items);

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
	nats_link_release(t->link);
	nats_subscriptions_free(t);
	request_table_close(&t->requests);
	natsOptions_Destroy(t->options);
	free(t);
}

static void close_handles(struct nats_transport *t)
{
	if (uv_is_closing((uv_handle_t *)&t->async))
		return;
	uv_close((uv_handle_t *)&t->async, on_handle_closed);
	uv_close((uv_handle_t *)&t->request_timer, on_handle_closed);
	uv_close((uv_handle_t *)&t->reopen_timer, on_handle_closed);
}

/* Looks at what is and starts what is due: the one place that decides about jobs. */
static void advance(struct nats_transport *t)
{
	if (t->work.job != NATS_JOB_NONE)
		return; /* its end comes here again */
	if (t->connection != NULL && (t->closing || t->lost))
		start_end(t);
	else if (t->closing)
		close_handles(t);
	else if (t->connection == NULL && !t->paused)
		start_connect(t);
	else if (t->connection != NULL && t->ask_wanted)
		start_ask(t);
}

static void nats_close(struct transport *transport, bool drain)
{
	struct nats_transport *t = nats_transport_of(transport);

	CHECK(!t->closing);
	t->closing = true;
	t->drain = drain;
	t->stats.connected = false;
	inbound_queue_shut(&t->link->queue);
	CHECK_EQ(uv_timer_stop(&t->request_timer), 0);
	CHECK_EQ(uv_timer_stop(&t->reopen_timer), 0);
	nats_end_requests(t, SAGA_E_STOPPING);
	advance(t);
}

/* ---- the rest of the table ------------------------------------------------------------------ */

static void nats_stats(const struct transport *transport, struct transport_stats *stats)
{
	const struct nats_transport *t = (const struct nats_transport *)transport;

	*stats = t->stats;
	stats->requests_open = t->requests.open;
	inbound_queue_stats(&t->link->queue, &stats->queue_depth, &stats->dropped_messages);
	stats->queue_depth += t->later_count - t->later_next;
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
	CHECK_EQ(uv_timer_init(loop, &t->request_timer), 0);
	CHECK_EQ(uv_timer_init(loop, &t->reopen_timer), 0);
	t->async.data = t;
	t->request_timer.data = t;
	t->reopen_timer.data = t;
	t->handles_open = 3;
	return 0;
}

int nats_transport_open(struct uv_loop_s *loop, const struct nats_config *config,
			const struct nats_hooks *hooks, struct transport **transport, char why[256])
{
	struct nats_transport *t = calloc(1, sizeof *t);
	sigset_t before;
	int err;

	why[0] = '\0';
	if (t == NULL)
		return SAGA_E_NO_MEMORY;
	t->transport.ops = &nats_ops;
	t->loop = loop;
	if (hooks != NULL)
		t->hooks = *hooks;
	t->may_wait = config->may_wait;
	t->signals_blocked = nats_signals_are_blocked();
	t->incarnation = 1;
	t->connect_timeout_ms = config->connect_timeout_ms == 0 ? NATS_CONNECT_TIMEOUT_MS
								: config->connect_timeout_ms;
	t->stats.disconnected_since_ns = os_clock_mono_ns();
	request_table_init(&t->requests, NATS_REQUESTS_MAX);
	nats_signals_block(&before); /* cnats starts its own threads at the first use of it */
	err = nats_options_build(config, &t->options, why);
	nats_signals_restore(&before);
	if (err == 0)
		err = set_inbox(t, config->inbox_prefix, why);
	if (err == 0) {
		t->link = nats_link_create(&t->async);
		err = t->link == NULL ? SAGA_E_NO_MEMORY : open_handles(t, loop);
	}
	if (err != 0) {
		if (t->link != NULL)
			nats_link_release(t->link);
		nats_subscriptions_free(t);
		natsOptions_Destroy(t->options);
		free(t);
		return err;
	}
	advance(t);
	*transport = &t->transport;
	return 0;
}
