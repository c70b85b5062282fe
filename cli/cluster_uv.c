#include "cli/cluster.h"

#include <stdio.h>
#include <stdlib.h>

#include <uv.h>

#include "base/os_clock.h"
#include "transport/transport.h"

enum { TRY_MS = 1000, PAUSE_MS = 100, TICK_MS = 20, NOTICE_MS = 1000 };

struct cluster_link {
	uv_loop_t loop;
	uv_timer_t tick;
	struct transport *transport;
	const char *notice; /* NULL once it is said */
	struct cluster_request *requests;
	uint32_t count, open;
	uint64_t begin_ms;
};

static uint64_t now_ms(void)
{
	return os_clock_mono_ns() / 1000000;
}

void cluster_request_init(struct cluster_request *r, const struct subject *subject,
			  cluster_judge judge)
{
	*r = (struct cluster_request){.subject = *subject, .try_ms = TRY_MS, .judge = judge};
	buf_init(&r->data, WIRE_MESSAGE_SIZE_MAX);
	buf_init(&r->answer, WIRE_MESSAGE_SIZE_MAX);
}

void cluster_request_close(struct cluster_request *r)
{
	buf_close(&r->data);
	buf_close(&r->answer);
}

/* ---- one request --------------------------------------------------------------------------- */

static void again(struct cluster_request *r, int error)
{
	r->state = CLUSTER_WAITS;
	r->error = error;
	r->next_ms = now_ms() + PAUSE_MS;
}

static void on_answer(void *context, int error, const struct transport_message *message)
{
	struct cluster_request *r = context;

	if (error == 0 && message->status != 0)
		error = SAGA_E_NO_RESPONDERS;
	if (error == 0) {
		buf_clear(&r->answer);
		error = buf_put_slice(&r->answer, message->data);
	}
	if (error == 0 && r->judge != NULL)
		error = r->judge(buf_slice(&r->answer));
	if (error == SAGA_E_TIMEOUT || error == SAGA_E_DISCONNECTED || error == SAGA_E_UNKNOWN)
		r->doubtful = true;
	if (error != 0) {
		again(r, error);
		return;
	}
	r->error = 0;
	r->state = CLUSTER_DONE;
	r->link->open--;
}

static void send_try(struct cluster_request *r)
{
	struct transport *t = r->link->transport;
	const int err = t->ops->request(t, r->subject.text, NULL, 0, buf_slice(&r->data), r->try_ms,
					on_answer, r, &r->token);

	if (err != 0)
		again(r, err);
	else
		r->state = CLUSTER_ASKS;
}

static void on_tick(uv_timer_t *tick)
{
	struct cluster_link *link = tick->data;
	const uint64_t now = now_ms();

	for (uint32_t i = 0; i < link->count; i++) {
		struct cluster_request *r = &link->requests[i];

		if (r->state == CLUSTER_WAITS && now >= r->next_ms)
			send_try(r);
	}
	if (link->notice != NULL && link->open > 0 && now >= link->begin_ms + NOTICE_MS) {
		(void)fprintf(stderr, "%s\n", link->notice);
		link->notice = NULL;
	}
}

/* ---- all of them --------------------------------------------------------------------------- */

/* Moments after the connection is there, not a tick later: most answers come within a millisecond.
 */
static void on_connection(void *context, bool connected)
{
	struct cluster_link *link = context;

	for (uint32_t i = 0; connected && i < link->count; i++) {
		if (link->requests[i].state == CLUSTER_WAITS)
			link->requests[i].next_ms = 0;
	}
	if (connected && link->count > 0)
		on_tick(&link->tick);
}

void cluster_ask(struct cluster_link *link, struct cluster_request *requests, uint32_t count,
		 uint32_t timeout_ms)
{
	struct transport *t = link->transport;

	link->requests = requests;
	link->count = count;
	link->open = count;
	link->begin_ms = now_ms();
	for (uint32_t i = 0; i < count; i++) {
		requests[i].link = link;
		requests[i].state = CLUSTER_WAITS;
		requests[i].error = SAGA_E_DISCONNECTED;
		requests[i].next_ms = 0;
		requests[i].doubtful = false;
	}
	on_tick(&link->tick);
	while (link->open > 0 && now_ms() < link->begin_ms + timeout_ms)
		(void)uv_run(&link->loop, UV_RUN_ONCE);
	for (uint32_t i = 0; i < count; i++) {
		if (requests[i].state != CLUSTER_ASKS)
			continue;
		t->ops->cancel(t, requests[i].token);
		requests[i].doubtful = true;
		requests[i].error = SAGA_E_TIMEOUT;
	}
	link->requests = NULL;
	link->count = 0;
}

void cluster_pause(struct cluster_link *link, uint32_t pause_ms)
{
	const uint64_t end_ms = now_ms() + pause_ms;

	while (now_ms() < end_ms)
		(void)uv_run(&link->loop, UV_RUN_ONCE);
}

/* ---- the connection ------------------------------------------------------------------------ */

int cluster_open(const struct nats_config *config, const char *notice, struct cluster_link **out,
		 char why[256])
{
	struct cluster_link *link = calloc(1, sizeof *link);
	struct nats_hooks hooks = {.connection = on_connection, .context = link};
	int err;

	*out = NULL;
	why[0] = '\0';
	if (link == NULL || uv_loop_init(&link->loop) != 0) {
		free(link);
		return SAGA_E_NO_MEMORY;
	}
	link->notice = notice;
	link->tick.data = link;
	(void)uv_timer_init(&link->loop, &link->tick);
	err = nats_transport_open(&link->loop, config, &hooks, &link->transport, why);
	if (err != 0) {
		cluster_close(link);
		return err;
	}
	(void)uv_timer_start(&link->tick, on_tick, TICK_MS, TICK_MS);
	*out = link;
	return 0;
}

void cluster_close(struct cluster_link *link)
{
	if (link == NULL)
		return;
	if (link->transport != NULL)
		link->transport->ops->close(link->transport, false);
	uv_close((uv_handle_t *)&link->tick, NULL);
	(void)uv_run(&link->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&link->loop);
	free(link);
}
