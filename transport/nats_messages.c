#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "transport/ack_subject.h"
#include "transport/match.h"
#include "transport/nats_internal.h"

/* ---- out ------------------------------------------------------------------------------------ */

static int translate(natsStatus status)
{
	switch (status) {
	case NATS_OK:
		return 0;
	case NATS_MAX_PAYLOAD:
		return SAGA_E_TOO_LARGE;
	case NATS_NO_MEMORY:
		return SAGA_E_NO_MEMORY;
	case NATS_CONNECTION_CLOSED:
	case NATS_CONNECTION_DISCONNECTED:
	case NATS_STALE_CONNECTION:
	case NATS_IO_ERROR:
	case NATS_TIMEOUT:
	case NATS_SSL_ERROR:
		return SAGA_E_DISCONNECTED;
	default:
		return SAGA_E_NATS;
	}
}

/* Not in the header of cnats either, though exported by all versions. natsMsg_Destroy would do, but
 * it leaves the freeing to a thread of cnats: that costs a wake a message, and the two threads then
 * wait for each other in malloc and free. */
extern void natsMsg_free(void *message) __attribute__((weak));

void nats_message_free(natsMsg *message)
{
	if (natsMsg_free != NULL)
		natsMsg_free(message);
	else
		natsMsg_Destroy(message);
}

static natsStatus send_with_headers(natsConnection *connection, const char *subject,
				    const char *reply, const struct transport_header *headers,
				    uint32_t header_count, struct slice data)
{
	natsMsg *message = NULL;
	natsStatus status =
		natsMsg_Create(&message, subject, reply, (const char *)data.data, (int)data.size);

	for (uint32_t i = 0; status == NATS_OK && i < header_count; i++)
		status = natsMsgHeader_Set(message, headers[i].name, headers[i].value);
	if (status == NATS_OK)
		status = natsConnection_PublishMsg(connection, message);
	nats_message_free(message);
	return status;
}

static natsStatus send_plain(natsConnection *connection, const char *subject, const char *reply,
			     struct slice data)
{
	if (reply == NULL)
		return natsConnection_Publish(connection, subject, data.data, (int)data.size);
	return natsConnection_PublishRequest(connection, subject, reply, data.data, (int)data.size);
}

/* What cnats would refuse as well, or take although it will not do: before anything is copied. */
static int check_publish(const struct nats_transport *t, const char *subject, struct slice data,
			 uint32_t whole)
{
	if (t->closing)
		return SAGA_E_STOPPING;
	if (!nats_usable(t))
		return SAGA_E_DISCONNECTED;
	if (!match_publish_valid(slice_str(subject)))
		return SAGA_E_NAME;
	/* cnats checks the whole, headers included. */
	if (data.size > INT32_MAX / 2 ||
	    (t->stats.max_payload > 0 && (int64_t)data.size > t->stats.max_payload))
		return SAGA_E_TOO_LARGE;
	/* One message of any size always has a place, or it would never leave. */
	if (t->buffered > 0 && t->buffered + whole > NATS_WRITE_BUFFER_MAX)
		return SAGA_E_BUSY;
	return 0;
}

/* `reply` NULL = none. */
static int send_message(struct nats_transport *t, const char *subject, const char *reply,
			const struct transport_header *headers, uint32_t header_count,
			struct slice data)
{
	const uint32_t whole = data.size + NATS_PUBLISH_OVERHEAD * (1 + header_count);
	const int err = check_publish(t, subject, data, whole);
	natsStatus status;

	CHECK_LE(header_count, NATS_HEADERS_MAX);
	if (err != 0)
		return err;
	if (header_count > 0)
		status = send_with_headers(t->connection, subject, reply, headers, header_count,
					   data);
	else
		status = send_plain(t->connection, subject, reply, data);
	/* It may have appended half of it. */
	if (status == NATS_NO_MEMORY)
		nats_loop_kill(t);
	if (status != NATS_OK)
		return translate(status);
	t->stats.sent_messages++;
	t->stats.sent_bytes += data.size;
	t->buffered += whole;
	/* Meanwhile the server can begin with it. */
	if (t->buffered >= NATS_FLUSH_SIZE)
		nats_loop_flush(t);
	return 0;
}

int nats_publish(struct transport *transport, const char *subject, struct slice reply,
		 const struct transport_header *headers, uint32_t header_count, struct slice data)
{
	char reply_text[MATCH_SUBJECT_SIZE_MAX + 1];

	if (reply.size == 0)
		return send_message(nats_transport_of(transport), subject, NULL, headers,
				    header_count, data);
	/* It came from a peer: what could break the protocol's line must not go on. */
	if (!match_publish_valid(reply))
		return SAGA_E_NAME;
	memcpy(reply_text, reply.data, reply.size);
	reply_text[reply.size] = '\0';
	return send_message(nats_transport_of(transport), subject, reply_text, headers,
			    header_count, data);
}

int nats_request(struct transport *transport, const char *subject,
		 const struct transport_header *headers, uint32_t header_count, struct slice data,
		 uint32_t timeout_ms, transport_completion done, void *context, uint64_t *token)
{
	struct nats_transport *t = nats_transport_of(transport);
	char reply[NATS_INBOX_SIZE + 1 + REQUEST_TOKEN_TEXT_SIZE + 1];
	char text[REQUEST_TOKEN_TEXT_SIZE + 1];
	struct request request = {done, context};
	uint64_t opened = 0;
	int err;

	if (t->closing)
		return SAGA_E_STOPPING;
	if (!nats_usable(t))
		return SAGA_E_DISCONNECTED;
	err = request_table_open(&t->requests, nats_now_ms() + timeout_ms, request, &opened);
	if (err != 0)
		return err;
	request_token_format(opened, text);
	(void)snprintf(reply, sizeof reply, "%s.%s", t->inbox, text);
	err = send_message(t, subject, reply, headers, header_count, data);
	if (err != 0) {
		(void)request_table_take(&t->requests, opened, &request);
		return err;
	}
	nats_arm_request_timer(t);
	if (token != NULL)
		*token = opened;
	return 0;
}

void nats_cancel(struct transport *transport, uint64_t token)
{
	struct request request;

	(void)request_table_take(&nats_transport_of(transport)->requests, token, &request);
}

/* ---- time-outs ------------------------------------------------------------------------------ */

/* One timer for all. It may be early for what is open now, never late: a request that ended well
 * does not pay for moving it. */
void nats_arm_request_timer(struct nats_transport *t)
{
	const uint64_t now_ms = nats_now_ms();
	uint64_t deadline_ms;

	if (t->closing || !request_table_next_deadline(&t->requests, &deadline_ms))
		return;
	if (t->request_timer_at_ms != 0 && t->request_timer_at_ms <= deadline_ms)
		return;
	t->request_timer_at_ms = deadline_ms;
	uv_update_time(t->loop); /* a long turn would make it fire early */
	CHECK_EQ(uv_timer_start(&t->request_timer, nats_on_request_timer,
				deadline_ms > now_ms ? deadline_ms - now_ms : 0, 0),
		 0);
}

void nats_end_due_requests(struct nats_transport *t)
{
	const uint64_t now_ms = nats_now_ms();
	struct request request;

	while (!t->closing && request_table_take_due(&t->requests, now_ms, &request))
		request.done(request.context, SAGA_E_TIMEOUT, NULL);
}

void nats_end_requests(struct nats_transport *t, int error)
{
	struct request request;

	while (request_table_take_any(&t->requests, &request))
		request.done(request.context, error, NULL);
}

/* ---- in ------------------------------------------------------------------------------------- */

/* Only messages without data carry a status, and only then are the headers taken apart. */
static uint32_t status_of(natsMsg *message)
{
	const char *text = NULL;
	char *end = NULL;
	unsigned long status;

	if (natsMsg_GetDataLength(message) != 0 ||
	    natsMsgHeader_Get(message, "Status", &text) != NATS_OK || text == NULL)
		return 0;
	status = strtoul(text, &end, 10);
	return end == text || status > 999 ? 0 : (uint32_t)status;
}

static struct transport_message view_of(natsMsg *message)
{
	const char *reply = natsMsg_GetReply(message);
	struct transport_message view = {
		.subject = slice_str(natsMsg_GetSubject(message)),
		.data = slice_of(natsMsg_GetData(message),
				 (uint32_t)natsMsg_GetDataLength(message)),
		.status = status_of(message),
	};

	if (reply != NULL) {
		view.reply = slice_str(reply);
		(void)ack_subject_parse(view.reply, &view.delivered, &view.stream_sequence);
	}
	return view;
}

static void deliver_reply(struct nats_transport *t, const struct transport_message *view)
{
	const struct slice inbox = slice_str(t->inbox);
	struct request request;
	struct slice text;
	uint64_t token;

	if (view->subject.size <= inbox.size + 1 ||
	    memcmp(view->subject.data, inbox.data, inbox.size) != 0)
		return;
	text = slice_of(view->subject.data + inbox.size + 1, view->subject.size - inbox.size - 1);
	if (!request_token_parse(text, &token) ||
	    !request_table_take(&t->requests, token, &request))
		return; /* late, double, or of a request that was cancelled */
	if (view->status == NATS_NO_RESPONDERS_STATUS)
		request.done(request.context, SAGA_E_NO_RESPONDERS, NULL);
	else
		request.done(request.context, 0, view);
}

void nats_deliver(struct nats_transport *t, const struct inbound_item *item)
{
	natsMsg *message = item->payload;
	struct transport_message view = view_of(message);
	const struct transport_subscription *s = nats_subscription_find(t, item->tag);

	view.waited_ms = (uint32_t)t->now_ms - item->at_ms;
	t->stats.received_messages++;
	t->stats.received_bytes += view.data.size;
	if (item->kind == NATS_ITEM_REPLY)
		deliver_reply(t, &view);
	else if (s != NULL)
		s->handler(s->context, &view);
	nats_message_free(message);
}

void nats_drop(const struct inbound_item *item)
{
	if (item->payload != NULL)
		nats_message_free(item->payload);
}
