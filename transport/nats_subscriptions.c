/* Subscriptions, and the way of what they get from cnats into our queue.
 *
 * They are synchronous ones: cnats keeps their messages in lists until we ask, and the loop asks
 * right after each read, so that no other thread is part of it. Those that got something lately are
 * asked first; the count of messages on the connection says when all have been found.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "transport/match.h"
#include "transport/nats_internal.h"

/* ---- what has been read --------------------------------------------------------------------- */

/* Not in the header of cnats, though exported by all versions from 3.0 to 3.13: each message passes
 * by it, on the thread that reads. Where it is missing we only lose which request had no responders
 * (see take_messages): such a request ends with its time-out. */
typedef void nats_filter(natsConnection *connection, natsMsg **message, void *closure);
extern void natsConn_setFilterWithClosure(natsConnection *connection, nats_filter *filter,
					  void *closure) __attribute__((weak));

static void push_message(struct nats_transport *t, const struct transport_subscription *s,
			 natsMsg *message)
{
	const bool later = s->kind == NATS_ITEM_MESSAGE && t->may_wait != NULL &&
			   t->may_wait(slice_str(natsMsg_GetSubject(message)));
	const struct inbound_item item = {
		.payload = message,
		.tag = s->tag,
		.kind = s->kind,
		.size = (uint32_t)natsMsg_GetDataLength(message) + NATS_MESSAGE_OVERHEAD,
		.lane = later ? INBOUND_LATER : INBOUND_FIRST,
		.at_ms = (uint32_t)t->now_ms,
	};

	/* Answers to requests always pass: there are no more of them than requests, and each ends
	 * a wait. */
	if (!inbound_queue_push(&t->queue, &item, s->kind == NATS_ITEM_REPLY))
		nats_message_free(message);
}

/* natsSubscription_NextMsg would throw away a message that says "no responders", and with it the
 * subject which says whose it is. So it goes the short way, to whichever subscription matches:
 * reply subjects are private, so there is one. */
static void take_aside(natsConnection *connection, natsMsg **message, void *closure)
{
	struct nats_transport *t = closure;
	const char *status = NULL;
	struct slice subject;

	(void)connection;
	if (natsMsg_GetDataLength(*message) != 0 ||
	    natsMsgHeader_Get(*message, "Status", &status) != NATS_OK || status == NULL ||
	    strncmp(status, "503", 3) != 0)
		return;
	subject = slice_str(natsMsg_GetSubject(*message));
	for (struct transport_subscription *s = t->latest; s != NULL; s = s->after) {
		if (!match_subject(slice_str(s->subject), subject))
			continue;
		t->seen_aside++;
		push_message(t, s, *message);
		*message = NULL;
		return;
	}
}

void nats_collect_begin(struct nats_transport *t)
{
	t->seen = 0;
	t->seen_aside = 0;
	if (natsConn_setFilterWithClosure != NULL)
		natsConn_setFilterWithClosure(t->connection, take_aside, t);
}

static uint32_t take_messages(struct nats_transport *t, struct transport_subscription *s)
{
	natsMsg *message = NULL;
	int waiting = 0;

	if (natsSubscription_GetPending(s->handle, &waiting, NULL) != NATS_OK)
		return 0; /* the connection is lost */
	for (int i = 0; i < waiting; i++) {
		if (natsSubscription_NextMsg(&message, s->handle, 0) == NATS_OK)
			push_message(t, s, message);
	}
	return (uint32_t)waiting;
}

static void unlink_handle(struct nats_transport *t, struct transport_subscription *s)
{
	if (s->before != NULL)
		s->before->after = s->after;
	else
		t->latest = s->after;
	if (s->after != NULL)
		s->after->before = s->before;
	s->before = NULL;
	s->after = NULL;
}

static void link_first(struct nats_transport *t, struct transport_subscription *s)
{
	s->after = t->latest;
	if (t->latest != NULL)
		t->latest->before = s;
	t->latest = s;
}

/* What came for a subscription that is no more is counted too; then all are asked in vain. */
void nats_collect(struct nats_transport *t)
{
	struct transport_subscription *after;
	uint64_t counted = 0;
	uint64_t missing;

	if (t->poll == NULL || natsConnection_GetStats(t->connection, t->counts) != NATS_OK ||
	    natsStatistics_GetCounts(t->counts, &counted, NULL, NULL, NULL, NULL) != NATS_OK)
		return;
	missing = counted - t->seen - t->seen_aside;
	t->seen = counted;
	t->seen_aside = 0;
	for (struct transport_subscription *s = t->latest; s != NULL && missing > 0; s = after) {
		const uint32_t taken = take_messages(t, s);

		after = s->after;
		if (taken > 0 && s != t->latest) {
			unlink_handle(t, s);
			link_first(t, s);
		}
		missing -= taken < missing ? taken : missing;
	}
}

/* ---- known to cnats or not ------------------------------------------------------------------ */

/* Tells cnats, and so the server, of a subscription. */
static int attach(struct nats_transport *t, struct transport_subscription *s)
{
	natsStatus status;

	CHECK(s->handle == NULL && t->connection != NULL);
	if (s->queue == NULL)
		status = natsConnection_SubscribeSync(&s->handle, t->connection, s->subject);
	else
		status = natsConnection_QueueSubscribeSync(&s->handle, t->connection, s->subject,
							   s->queue);
	if (status != NATS_OK) {
		s->handle = NULL;
		return status == NATS_NO_MEMORY ? SAGA_E_NO_MEMORY : SAGA_E_NATS;
	}
	/* Our queue has the bound. This fails only on a connection that is closed. */
	(void)natsSubscription_SetPendingLimits(s->handle, -1, -1);
	link_first(t, s);
	return 0;
}

static void detach(struct nats_transport *t, struct transport_subscription *s)
{
	if (s->handle == NULL)
		return;
	unlink_handle(t, s);
	natsSubscription_Destroy(s->handle);
	s->handle = NULL;
}

void nats_attach_all(struct nats_transport *t)
{
	for (uint32_t i = 0; i < t->subscription_capacity; i++) {
		struct transport_subscription *s = t->subscriptions[i];

		/* A failure leaves it for the next time that we connect. */
		if (s != NULL && s->handle == NULL)
			(void)attach(t, s);
	}
}

void nats_detach_all(struct nats_transport *t)
{
	for (uint32_t i = 0; i < t->subscription_capacity; i++) {
		if (t->subscriptions[i] != NULL)
			detach(t, t->subscriptions[i]);
	}
}

/* ---- what users see ------------------------------------------------------------------------- */

static bool find_slot(struct nats_transport *t, uint32_t *slot)
{
	struct transport_subscription **slots;
	uint32_t capacity;

	for (*slot = 0; *slot < t->subscription_capacity; ++*slot) {
		if (t->subscriptions[*slot] == NULL)
			return true;
	}
	capacity = t->subscription_capacity == 0 ? 16 : t->subscription_capacity * 2;
	slots = realloc(t->subscriptions, capacity * sizeof(struct transport_subscription *));
	if (slots == NULL)
		return false;
	t->subscriptions = slots;
	for (uint32_t i = t->subscription_capacity; i < capacity; i++)
		slots[i] = NULL;
	t->subscription_capacity = capacity;
	return true;
}

static void free_subscription(struct transport_subscription *s)
{
	free(s->subject);
	free(s->queue);
	free(s);
}

int nats_subscription_add(struct nats_transport *t, enum nats_item_kind kind, const char *subject,
			  const char *queue, transport_handler handler, void *context,
			  struct transport_subscription **subscription)
{
	struct transport_subscription *s;
	uint32_t slot;

	if (!find_slot(t, &slot))
		return SAGA_E_NO_MEMORY;
	s = calloc(1, sizeof *s);
	if (s == NULL)
		return SAGA_E_NO_MEMORY;
	s->tag = (uint64_t)++t->next_generation << 32 | slot;
	s->kind = kind;
	s->handler = handler;
	s->context = context;
	s->subject = strdup(subject);
	s->queue = queue == NULL ? NULL : strdup(queue);
	if (s->subject == NULL || (queue != NULL && s->queue == NULL)) {
		free_subscription(s);
		return SAGA_E_NO_MEMORY;
	}
	/* Anything but lack of memory: the connection is going, and the next one is told. */
	if (nats_usable(t) && attach(t, s) == SAGA_E_NO_MEMORY) {
		free_subscription(s);
		return SAGA_E_NO_MEMORY;
	}
	t->subscriptions[slot] = s;
	*subscription = s;
	return 0;
}

int nats_subscribe(struct transport *transport, const char *subject, const char *queue,
		   transport_handler handler, void *context,
		   struct transport_subscription **subscription)
{
	struct nats_transport *t = nats_transport_of(transport);

	CHECK(handler != NULL);
	if (t->closing)
		return SAGA_E_STOPPING;
	if (!match_pattern_valid(slice_str(subject)))
		return SAGA_E_NAME;
	if (queue != NULL && !match_publish_valid(slice_str(queue)))
		return SAGA_E_NAME;
	return nats_subscription_add(t, NATS_ITEM_MESSAGE, subject, queue, handler, context,
				     subscription);
}

void nats_unsubscribe(struct transport *transport, struct transport_subscription *subscription)
{
	struct nats_transport *t = nats_transport_of(transport);

	CHECK(nats_subscription_find(t, subscription->tag) == subscription);
	t->subscriptions[(uint32_t)subscription->tag] = NULL;
	detach(t, subscription);
	free_subscription(subscription);
}

struct transport_subscription *nats_subscription_find(const struct nats_transport *t, uint64_t tag)
{
	const uint32_t slot = (uint32_t)tag;
	struct transport_subscription *s;

	if (slot >= t->subscription_capacity)
		return NULL;
	s = t->subscriptions[slot];
	return s != NULL && s->tag == tag ? s : NULL;
}

void nats_subscriptions_free(struct nats_transport *t)
{
	for (uint32_t i = 0; i < t->subscription_capacity; i++) {
		if (t->subscriptions[i] != NULL)
			free_subscription(t->subscriptions[i]);
	}
	free(t->subscriptions);
	t->subscriptions = NULL;
	t->subscription_capacity = 0;
}
