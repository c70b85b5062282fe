#include "transport/loopback.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "transport/match.h"
#include "transport/request_table.h"

enum {
	LOOPBACK_PAYLOAD_MAX = 1024 * 1024,
	LOOPBACK_REQUESTS_MAX = 65536,
	LOOPBACK_INBOX_SIZE = 48,
	NO_RESPONDERS_STATUS = 503,
};

struct loopback_endpoint;

struct transport_subscription {
	struct transport_subscription *next; /* of the hub, in the order of subscribing */
	struct loopback_endpoint *endpoint;
	transport_handler handler;
	void *context;
	char *subject;
	char *queue;        /* NULL = plain */
	uint64_t last_turn; /* number of the last message it was chosen for */
	bool dead;          /* swept when no pump runs */
};

struct loopback_message {
	struct loopback_message *next;
	struct loopback_endpoint *sender;
	uint64_t token; /* of a request; 0 = a publish */
	uint32_t subject_size, reply_size, data_size;
	uint8_t bytes[]; /* subject, reply, data */
};

struct loopback_endpoint {
	struct transport transport; /* first: the table hands out a pointer to it */
	struct loopback_endpoint *next;
	struct loopback_hub *hub;
	struct request_table requests;
	struct transport_stats stats;
	char inbox[LOOPBACK_INBOX_SIZE]; /* with its last dot */
	uint64_t inboxes;
	bool cut_off; /* requests that were open then are still to be ended */
	bool dead;
};

struct loopback_hub {
	struct loopback_endpoint *endpoints;
	struct transport_subscription *subscriptions;
	struct loopback_message *head, *tail;
	uint64_t now_ms;
	uint64_t turns;
	uint64_t endpoint_count;
	bool pumping;
};

static struct loopback_endpoint *endpoint_of(struct transport *t)
{
	return (struct loopback_endpoint *)t;
}

/* ---- the list of messages ------------------------------------------------------------------- */

static struct slice message_subject(const struct loopback_message *message)
{
	return slice_of(message->bytes, message->subject_size);
}

static struct slice message_reply(const struct loopback_message *message)
{
	return slice_of(message->bytes + message->subject_size, message->reply_size);
}

static struct slice message_data(const struct loopback_message *message)
{
	return slice_of(message->bytes + message->subject_size + message->reply_size,
			message->data_size);
}

static void append_bytes(uint8_t **end, struct slice bytes)
{
	if (bytes.size > 0)
		memcpy(*end, bytes.data, bytes.size);
	*end += bytes.size;
}

static int enqueue(struct loopback_endpoint *sender, struct slice subject, struct slice reply,
		   struct slice data, uint64_t token)
{
	struct loopback_hub *hub = sender->hub;
	struct loopback_message *message;
	uint8_t *end;

	message = malloc(sizeof *message + subject.size + reply.size + data.size);
	if (message == NULL)
		return SAGA_E_NO_MEMORY;
	*message = (struct loopback_message){
		.sender = sender,
		.token = token,
		.subject_size = subject.size,
		.reply_size = reply.size,
		.data_size = data.size,
	};
	end = message->bytes;
	append_bytes(&end, subject);
	append_bytes(&end, reply);
	append_bytes(&end, data);
	if (hub->tail == NULL)
		hub->head = message;
	else
		hub->tail->next = message;
	hub->tail = message;
	sender->stats.sent_messages++;
	sender->stats.sent_bytes += data.size;
	return 0;
}

static int check_outgoing(const struct loopback_endpoint *endpoint, struct slice subject,
			  uint32_t header_count, struct slice data)
{
	CHECK_LE(header_count, 4);
	if (endpoint->dead)
		return SAGA_E_STOPPING;
	if (!endpoint->stats.connected)
		return SAGA_E_DISCONNECTED;
	if (!match_publish_valid(subject))
		return SAGA_E_NAME;
	return data.size > LOOPBACK_PAYLOAD_MAX ? SAGA_E_TOO_LARGE : 0;
}

/* ---- the operations ------------------------------------------------------------------------- */

static int loopback_publish(struct transport *t, const char *subject, struct slice reply,
			    const struct transport_header *headers, uint32_t header_count,
			    struct slice data)
{
	struct loopback_endpoint *endpoint = endpoint_of(t);
	const int err = check_outgoing(endpoint, slice_str(subject), header_count, data);

	(void)headers; /* addressed to the broker */
	if (err != 0)
		return err;
	if (reply.size > 0 && !match_publish_valid(reply))
		return SAGA_E_NAME;
	return enqueue(endpoint, slice_str(subject), reply, data, 0);
}

static int loopback_request(struct transport *t, const char *subject,
			    const struct transport_header *headers, uint32_t header_count,
			    struct slice data, uint32_t timeout_ms, transport_completion done,
			    void *context, uint64_t *token)
{
	struct loopback_endpoint *endpoint = endpoint_of(t);
	char reply[LOOPBACK_INBOX_SIZE + REQUEST_TOKEN_TEXT_SIZE + 1];
	char text[REQUEST_TOKEN_TEXT_SIZE + 1];
	struct request request = {done, context};
	uint64_t opened = 0;
	int err = check_outgoing(endpoint, slice_str(subject), header_count, data);

	(void)headers;
	if (err != 0)
		return err;
	err = request_table_open(&endpoint->requests, endpoint->hub->now_ms + timeout_ms, request,
				 &opened);
	if (err != 0)
		return err;
	request_token_format(opened, text);
	(void)snprintf(reply, sizeof reply, "%s%s", endpoint->inbox, text);
	err = enqueue(endpoint, slice_str(subject), slice_str(reply), data, opened);
	if (err != 0) {
		(void)request_table_take(&endpoint->requests, opened, &request);
		return err;
	}
	if (token != NULL)
		*token = opened;
	return 0;
}

static void loopback_cancel(struct transport *t, uint64_t token)
{
	struct request request;

	(void)request_table_take(&endpoint_of(t)->requests, token, &request);
}

static void free_subscription(struct transport_subscription *subscription)
{
	free(subscription->subject);
	free(subscription->queue);
	free(subscription);
}

static int loopback_subscribe(struct transport *t, const char *subject, const char *queue,
			      transport_handler handler, void *context,
			      struct transport_subscription **subscription)
{
	struct loopback_endpoint *endpoint = endpoint_of(t);
	struct transport_subscription **end = &endpoint->hub->subscriptions;
	struct transport_subscription *made;

	CHECK(handler != NULL);
	if (endpoint->dead)
		return SAGA_E_STOPPING;
	if (!match_pattern_valid(slice_str(subject)))
		return SAGA_E_NAME;
	if (queue != NULL && !match_publish_valid(slice_str(queue)))
		return SAGA_E_NAME;
	made = calloc(1, sizeof *made);
	if (made == NULL)
		return SAGA_E_NO_MEMORY;
	made->endpoint = endpoint;
	made->handler = handler;
	made->context = context;
	made->subject = strdup(subject);
	made->queue = queue == NULL ? NULL : strdup(queue);
	if (made->subject == NULL || (queue != NULL && made->queue == NULL)) {
		free_subscription(made);
		return SAGA_E_NO_MEMORY;
	}
	while (*end != NULL)
		end = &(*end)->next;
	*end = made;
	*subscription = made;
	return 0;
}

static void sweep(struct loopback_hub *hub)
{
	struct transport_subscription **subscription = &hub->subscriptions;
	struct loopback_endpoint **endpoint = &hub->endpoints;

	if (hub->pumping)
		return;
	while (*subscription != NULL) {
		struct transport_subscription *const it = *subscription;

		if (!it->dead) {
			subscription = &it->next;
			continue;
		}
		*subscription = it->next;
		free_subscription(it);
	}
	while (*endpoint != NULL) {
		struct loopback_endpoint *const it = *endpoint;

		if (!it->dead) {
			endpoint = &it->next;
			continue;
		}
		*endpoint = it->next;
		request_table_close(&it->requests);
		free(it);
	}
}

static void loopback_unsubscribe(struct transport *t, struct transport_subscription *subscription)
{
	CHECK(subscription->endpoint == endpoint_of(t) && !subscription->dead);
	subscription->dead = true;
	sweep(endpoint_of(t)->hub);
}

static void loopback_stats(const struct transport *t, struct transport_stats *stats)
{
	const struct loopback_endpoint *endpoint = (const struct loopback_endpoint *)t;

	*stats = endpoint->stats;
	stats->requests_open = endpoint->requests.open;
}

static void loopback_inbox(struct transport *t, char *text, uint32_t size)
{
	struct loopback_endpoint *endpoint = endpoint_of(t);
	const int length = snprintf(text, size, "%si%llu", endpoint->inbox,
				    (unsigned long long)++endpoint->inboxes);

	CHECK(length > 0 && (uint32_t)length < size);
}

static void end_requests(struct loopback_endpoint *endpoint, int error)
{
	struct request request;

	while (request_table_take_any(&endpoint->requests, &request))
		request.done(request.context, error, NULL);
}

static void loopback_close(struct transport *t, bool drain)
{
	struct loopback_endpoint *endpoint = endpoint_of(t);
	struct loopback_hub *hub = endpoint->hub;

	(void)drain; /* what was published is with the hub already */
	CHECK(!endpoint->dead);
	endpoint->dead = true;
	for (struct transport_subscription *s = hub->subscriptions; s != NULL; s = s->next) {
		if (s->endpoint == endpoint)
			s->dead = true;
	}
	for (struct loopback_message *m = hub->head; m != NULL; m = m->next) {
		if (m->sender == endpoint)
			m->sender = NULL;
	}
	end_requests(endpoint, SAGA_E_STOPPING);
	sweep(hub);
}

static const struct transport_ops loopback_ops = {
	.publish = loopback_publish,
	.request = loopback_request,
	.cancel = loopback_cancel,
	.subscribe = loopback_subscribe,
	.unsubscribe = loopback_unsubscribe,
	.stats = loopback_stats,
	.inbox = loopback_inbox,
	.close = loopback_close,
};

/* ---- delivery ------------------------------------------------------------------------------- */

static bool listens(const struct transport_subscription *subscription, struct slice subject)
{
	return !subscription->dead && subscription->endpoint->stats.connected &&
	       match_subject(slice_str(subscription->subject), subject);
}

/* The member whose turn it is, if `first` is the first listening member of its group. */
static struct transport_subscription *choose_member(struct loopback_hub *hub,
						    struct transport_subscription *first,
						    struct slice subject)
{
	struct transport_subscription *chosen = NULL;

	for (struct transport_subscription *s = hub->subscriptions; s != NULL; s = s->next) {
		if (s->queue == NULL || !listens(s, subject) || strcmp(s->queue, first->queue) != 0)
			continue;
		if (chosen == NULL && s != first)
			return NULL;
		if (chosen == NULL || s->last_turn < chosen->last_turn)
			chosen = s;
	}
	return chosen;
}

static void run_handler(struct transport_subscription *subscription,
			const struct transport_message *message)
{
	subscription->endpoint->stats.received_messages++;
	subscription->endpoint->stats.received_bytes += message->data.size;
	subscription->handler(subscription->context, message);
}

/* Chosen before any handler runs, as a broker does it: what handlers change counts from the next
 * message on, but nothing reaches a subscription that they ended. `only` NULL = all endpoints. */
static uint32_t deliver_to_subscriptions(struct loopback_hub *hub,
					 const struct transport_message *message,
					 const struct loopback_endpoint *only)
{
	const uint64_t turn = ++hub->turns;
	uint32_t count = 0;

	for (struct transport_subscription *s = hub->subscriptions; s != NULL; s = s->next) {
		struct transport_subscription *chosen = s;

		if (!listens(s, message->subject) || (only != NULL && s->endpoint != only))
			continue;
		if (s->queue != NULL)
			chosen = choose_member(hub, s, message->subject);
		if (chosen != NULL)
			chosen->last_turn = turn;
	}
	for (struct transport_subscription *s = hub->subscriptions; s != NULL; s = s->next) {
		if (s->last_turn != turn || s->dead || !s->endpoint->stats.connected)
			continue;
		run_handler(s, message);
		count++;
	}
	return count;
}

/* Replies to requests: the endpoint whose inbox it is, if the request is still open. */
static bool deliver_to_request(struct loopback_hub *hub, const struct transport_message *message)
{
	for (struct loopback_endpoint *e = hub->endpoints; e != NULL; e = e->next) {
		const struct slice inbox = slice_str(e->inbox);
		struct slice rest = message->subject;
		struct request request;
		uint64_t token;

		if (e->dead || !e->stats.connected || rest.size <= inbox.size ||
		    memcmp(rest.data, inbox.data, inbox.size) != 0)
			continue;
		rest = slice_of(rest.data + inbox.size, rest.size - inbox.size);
		if (!request_token_parse(rest, &token) ||
		    !request_table_take(&e->requests, token, &request))
			return false;
		e->stats.received_messages++;
		e->stats.received_bytes += message->data.size;
		request.done(request.context, 0, message);
		return true;
	}
	return false;
}

static uint32_t tell_no_responders(struct loopback_hub *hub, struct loopback_endpoint *sender,
				   uint64_t token, struct slice reply)
{
	const struct transport_message message = {.subject = reply, .status = NO_RESPONDERS_STATUS};
	struct request request;

	if (sender == NULL || reply.size == 0)
		return 0;
	if (token == 0)
		return deliver_to_subscriptions(hub, &message, sender);
	if (!request_table_take(&sender->requests, token, &request))
		return 0;
	request.done(request.context, SAGA_E_NO_RESPONDERS, NULL);
	return 1;
}

static uint32_t deliver(struct loopback_hub *hub, struct loopback_message *queued)
{
	const struct transport_message message = {
		.subject = message_subject(queued),
		.reply = message_reply(queued),
		.data = message_data(queued),
	};
	uint32_t count = 0;

	if (deliver_to_request(hub, &message))
		count++;
	count += deliver_to_subscriptions(hub, &message, NULL);
	if (count == 0)
		count = tell_no_responders(hub, queued->sender, queued->token, message.reply);
	return count;
}

static uint32_t deliver_all(struct loopback_hub *hub)
{
	uint32_t count = 0;

	while (hub->head != NULL) {
		struct loopback_message *const message = hub->head;

		/* It stays at the head while handlers run, so that close finds it. */
		count += deliver(hub, message);
		CHECK(hub->head == message);
		hub->head = message->next;
		if (hub->head == NULL)
			hub->tail = NULL;
		free(message);
	}
	return count;
}

static uint32_t end_due_requests(struct loopback_hub *hub)
{
	uint32_t count = 0;

	for (struct loopback_endpoint *e = hub->endpoints; e != NULL; e = e->next) {
		struct request request;

		while (e->cut_off && request_table_take_any(&e->requests, &request)) {
			request.done(request.context, SAGA_E_DISCONNECTED, NULL);
			count++;
		}
		e->cut_off = false;
		while (request_table_take_due(&e->requests, hub->now_ms, &request)) {
			request.done(request.context, SAGA_E_TIMEOUT, NULL);
			count++;
		}
	}
	return count;
}

uint32_t loopback_pump(struct loopback_hub *hub, uint64_t now_ms)
{
	uint32_t count = 0;

	CHECK(!hub->pumping);
	hub->pumping = true;
	if (now_ms > hub->now_ms)
		hub->now_ms = now_ms;
	for (;;) {
		const uint32_t before = count;

		count += deliver_all(hub);
		count += end_due_requests(hub);
		if (count == before)
			break;
	}
	hub->pumping = false;
	sweep(hub);
	return count;
}

void loopback_set_connected(struct transport *t, bool connected)
{
	struct loopback_endpoint *endpoint = endpoint_of(t);

	if (connected == endpoint->stats.connected)
		return;
	endpoint->stats.connected = connected;
	if (connected) {
		endpoint->stats.reconnects++;
		return;
	}
	endpoint->cut_off = true;
}

/* ---- making and ending ---------------------------------------------------------------------- */

struct loopback_hub *loopback_hub_create(void)
{
	return calloc(1, sizeof(struct loopback_hub));
}

void loopback_hub_destroy(struct loopback_hub *hub)
{
	CHECK(!hub->pumping);
	while (hub->endpoints != NULL)
		loopback_close(&hub->endpoints->transport, false);
	while (hub->head != NULL) {
		struct loopback_message *const message = hub->head;

		hub->head = message->next;
		free(message);
	}
	CHECK(hub->subscriptions == NULL);
	free(hub);
}

struct transport *loopback_open(struct loopback_hub *hub)
{
	struct loopback_endpoint **end = &hub->endpoints;
	struct loopback_endpoint *endpoint = calloc(1, sizeof *endpoint);

	if (endpoint == NULL)
		return NULL;
	endpoint->transport.ops = &loopback_ops;
	endpoint->hub = hub;
	endpoint->stats.connected = true;
	endpoint->stats.max_payload = LOOPBACK_PAYLOAD_MAX;
	(void)snprintf(endpoint->stats.server_version, sizeof endpoint->stats.server_version,
		       "loopback");
	(void)snprintf(endpoint->inbox, sizeof endpoint->inbox, "_INBOX.loopback%llu.",
		       (unsigned long long)hub->endpoint_count++);
	request_table_init(&endpoint->requests, LOOPBACK_REQUESTS_MAX);
	while (*end != NULL)
		end = &(*end)->next;
	*end = endpoint;
	return &endpoint->transport;
}
