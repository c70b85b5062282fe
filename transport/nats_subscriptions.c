#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "transport/match.h"
#include "transport/nats_internal.h"

/* Closure of one subscription of cnats; freed when it says that no delivery can follow. */
struct nats_feed {
	struct nats_link *link;
	uint64_t tag;
	enum nats_item_kind kind;
	bool (*may_wait)(struct slice subject);
};

static void release_feed(struct nats_feed *feed)
{
	nats_link_release(feed->link);
	free(feed);
}

/* On cnats' delivery thread. Answers to requests always pass: there are no more of them than
 * requests, and each ends a wait. */
static void on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
		       void *closure)
{
	struct nats_feed *feed = closure;
	struct inbound_item item = {.payload = message, .tag = feed->tag, .kind = feed->kind};

	(void)connection;
	(void)subscription;
	if (message == NULL)
		return;
	item.size = (uint32_t)natsMsg_GetDataLength(message) + NATS_MESSAGE_OVERHEAD;
	item.at_ms = (uint32_t)nats_now_ms();
	if (feed->kind == NATS_ITEM_MESSAGE && feed->may_wait != NULL &&
	    feed->may_wait(slice_str(natsMsg_GetSubject(message))))
		item.lane = INBOUND_LATER;
	if (!inbound_queue_push(&feed->link->queue, &item, feed->kind == NATS_ITEM_REPLY))
		natsMsg_Destroy(message);
}

static void on_complete(void *closure)
{
	release_feed(closure);
}

/* Tells cnats, and so the server, of a subscription. */
static int attach(struct nats_transport *t, struct transport_subscription *s)
{
	struct nats_feed *feed = malloc(sizeof *feed);
	natsStatus status;
	sigset_t before;

	CHECK(s->handle == NULL && t->connection != NULL);
	if (feed == NULL)
		return SAGA_E_NO_MEMORY;
	*feed = (struct nats_feed){t->link, s->tag, s->kind, t->may_wait};
	nats_link_retain(t->link);
	nats_signals_block(&before); /* the first one starts the thread of cnats' pool */
	if (s->queue == NULL)
		status = natsConnection_Subscribe(&s->handle, t->connection, s->subject, on_message,
						  feed);
	else
		status = natsConnection_QueueSubscribe(&s->handle, t->connection, s->subject,
						       s->queue, on_message, feed);
	nats_signals_restore(&before);
	if (status != NATS_OK) {
		s->handle = NULL;
		release_feed(feed);
		return status == NATS_NO_MEMORY ? SAGA_E_NO_MEMORY : SAGA_E_NATS;
	}
	/* Both fail only when cnats gives the connection up at this moment. Then nobody says when
	 * the feed is free: it is left behind, which is less harm than freeing it too early. */
	(void)natsSubscription_SetPendingLimits(s->handle, -1, -1);
	(void)natsSubscription_SetOnCompleteCB(s->handle, on_complete, feed);
	return 0;
}

/* There is room: see make_doom_room. */
static void doom(struct nats_transport *t, struct transport_subscription *s)
{
	if (s->handle == NULL)
		return;
	CHECK_LT(t->doomed_count, t->doomed_capacity);
	t->doomed[t->doomed_count++] = s->handle;
	s->handle = NULL;
}

static void destroy_doomed(struct nats_transport *t)
{
	for (uint32_t i = 0; i < t->doomed_count; i++)
		natsSubscription_Destroy(t->doomed[i]);
	t->doomed_count = 0;
}

/* Each handle that exists needs a place when it ends, so it is made before the handle. */
static bool make_doom_room(struct nats_transport *t)
{
	const uint32_t needed = t->doomed_count + t->subscription_capacity;
	natsSubscription **doomed;

	if (needed <= t->doomed_capacity)
		return true;
	doomed = realloc(t->doomed, needed * sizeof(natsSubscription *));
	if (doomed == NULL)
		return false;
	t->doomed = doomed;
	t->doomed_capacity = needed;
	return true;
}

static bool find_slot(struct nats_transport *t, uint32_t *slot)
{
	struct transport_subscription **slots;
	uint32_t capacity;

	for (*slot = 0; *slot < t->subscription_capacity; ++*slot) {
		if (t->subscriptions[*slot] == NULL)
			return make_doom_room(t);
	}
	capacity = t->subscription_capacity == 0 ? 16 : t->subscription_capacity * 2;
	slots = realloc(t->subscriptions, capacity * sizeof(struct transport_subscription *));
	if (slots == NULL)
		return false;
	t->subscriptions = slots;
	for (uint32_t i = t->subscription_capacity; i < capacity; i++)
		slots[i] = NULL;
	t->subscription_capacity = capacity;
	return make_doom_room(t);
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
	int err;

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
	if (t->stats.connected) {
		err = attach(t, s);
		/* Anything but lack of memory: the connection is going, and the next one is told.
		 */
		if (err == SAGA_E_NO_MEMORY) {
			free_subscription(s);
			return err;
		}
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
	sigset_t before;

	CHECK(nats_subscription_find(t, subscription->tag) == subscription);
	t->subscriptions[(uint32_t)subscription->tag] = NULL;
	if (t->stats.connected && subscription->handle != NULL) {
		nats_signals_block(&before);
		natsSubscription_Destroy(subscription->handle);
		nats_signals_restore(&before);
	} else {
		doom(t, subscription);
	}
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

void nats_attach_all(struct nats_transport *t)
{
	destroy_doomed(t);
	if (!make_doom_room(t))
		return; /* no memory: as below */
	for (uint32_t i = 0; i < t->subscription_capacity; i++) {
		struct transport_subscription *s = t->subscriptions[i];

		/* A failure leaves it for the next time that we connect. */
		if (s != NULL && s->handle == NULL)
			(void)attach(t, s);
	}
}

void nats_doom_all(struct nats_transport *t)
{
	for (uint32_t i = 0; i < t->subscription_capacity; i++) {
		if (t->subscriptions[i] != NULL)
			doom(t, t->subscriptions[i]);
	}
}

void nats_subscriptions_free(struct nats_transport *t)
{
	CHECK_EQ(t->doomed_count, 0);
	for (uint32_t i = 0; i < t->subscription_capacity; i++) {
		if (t->subscriptions[i] != NULL)
			free_subscription(t->subscriptions[i]);
	}
	free(t->subscriptions);
	free(t->doomed);
	t->subscriptions = NULL;
	t->doomed = NULL;
	t->subscription_capacity = 0;
}
