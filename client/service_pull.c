/* The durable consumer `svc_<service>` and the requests that keep frames coming.
 *
 * Several pull requests may be open; each has an inbox of its own, because a delivered message does
 * not say which request it answers. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/connection.h"
#include "client/service.h"

enum {
	CREATE_TIMEOUT_MS = 2000,
	CREATE_RETRY_MS = 500,
	SLACK_MS = 1000,
	LOOK_GAP_MS = 2000,   /* between two looks at the consumer */
	LOOK_STUCK_MS = 5000, /* a consumer that has and is asked, and gives nothing for so long */
};

static void consumer_missing(struct saga_service *service, uint64_t now_ms)
{
	if (service->consumer_state == CONSUMER_READY)
		service->consumer_state = CONSUMER_MISSING;
	service->consumer_retry_at_ms =
		now_ms + connection_jitter(service->connection, CREATE_RETRY_MS);
}

/* ---- the consumer ------------------------------------------------------------------------------
 */

enum { ANSWER_SIZE = 2048 }; /* of the broker's JSON, as far as we look at it */

static void copy_answer(char text[ANSWER_SIZE], struct slice data)
{
	const size_t size = data.size < ANSWER_SIZE - 1 ? data.size : ANSWER_SIZE - 1;

	if (size > 0)
		(void)memcpy(text, data.data, size);
	text[size] = '\0';
}

/* The broker's code in a JSON answer, 0 when it reports no error. */
static uint32_t broker_error(const char *text)
{
	static const char key[] = "\"err_code\":";
	const char *found;

	found = strstr(text, key);
	if (found != NULL)
		return (uint32_t)strtoul(found + sizeof key - 1, NULL, 10);
	return strstr(text, "\"error\":") != NULL ? 1 : 0;
}

static void on_created(void *context, int error, const struct transport_message *message)
{
	struct saga_service *service = context;
	char text[ANSWER_SIZE];
	uint32_t code = 0;

	service->consumer_state = CONSUMER_MISSING;
	if (error == SAGA_E_STOPPING)
		return;
	if (error == 0 && message->status != 0)
		error = SAGA_E_NO_RESPONDERS;
	if (error == 0) {
		copy_answer(text, message->data);
		code = broker_error(text);
	}
	if (error == 0 && code == 0) {
		service->consumer_state = CONSUMER_READY;
		service->consumer_error = 0;
		connection_turn(service->connection);
		return;
	}
	error = error != 0 ? error : SAGA_E_NATS;
	service->consumer_retry_at_ms =
		client_now_ms() + connection_jitter(service->connection, CREATE_RETRY_MS);
	if (service->consumer_error == error) /* once is enough */
		return;
	service->consumer_error = error;
	connection_log(service->connection, 2,
		       "service %s: consumer %s on stream %s cannot be created: %s (broker code "
		       "%" PRIu32 ")",
		       service->name.text, service->consumer.text, service->stream.text,
		       err_text(error), code);
}

static void create_consumer(struct saga_service *service, uint64_t now_ms)
{
	struct transport *transport = service->connection->transport;
	const struct subject filter =
		subject_command(service->connection->prefix, id_slice(&service->name));
	char subject[SUBJECT_SIZE_MAX], body[1024];
	int err;

	(void)snprintf(subject, sizeof subject, "$JS.API.CONSUMER.DURABLE.CREATE.%s.%s",
		       service->stream.text, service->consumer.text);
	(void)snprintf(body, sizeof body,
		       "{\"stream_name\":\"%s\",\"config\":{\"durable_name\":\"%s\","
		       "\"deliver_policy\":\"all\",\"ack_policy\":\"explicit\","
		       "\"ack_wait\":%" PRIu64 ",\"max_deliver\":%d,\"filter_subject\":\"%s\","
		       "\"replay_policy\":\"instant\",\"max_ack_pending\":%d}}",
		       service->stream.text, service->consumer.text,
		       (uint64_t)service->ack_wait_ms * 1000000U, SERVICE_MAX_DELIVER, filter.text,
		       SERVICE_MAX_ACK_PENDING);
	err = transport->ops->request(transport, subject, NULL, 0, slice_str(body),
				      CREATE_TIMEOUT_MS, on_created, service,
				      &service->consumer_request);
	if (err == 0)
		service->consumer_state = CONSUMER_CREATING;
	else
		consumer_missing(service, now_ms);
}

/* ---- does it deliver?
 * ----------------------------------------------------------------------------
 */

/* Whatever it was that kept it from delivering: a new one begins with all that is in the stream.
 * What others have in hand is delivered once more, which the barrier meets. */
static void renew_consumer(struct saga_service *service, uint64_t now_ms, const char *why)
{
	connection_log(service->connection, 2, "service %s: consumer %s %s: it is made anew",
		       service->name.text, service->consumer.text, why);
	service_count(&service->stats.consumer_renewals);
	service->look_delivered = 0;
	pull_forget(service);
	service->consumer_state = CONSUMER_MISSING;
	service->consumer_retry_at_ms = now_ms;
}

static void on_deleted(void *context, int error, const struct transport_message *message)
{
	struct saga_service *service = context;

	(void)message;
	service->look_request = 0;
	if (error == 0)
		renew_consumer(service, client_now_ms(), "did not deliver");
}

static void delete_consumer(struct saga_service *service)
{
	struct transport *transport = service->connection->transport;
	char subject[SUBJECT_SIZE_MAX];

	(void)snprintf(subject, sizeof subject, "$JS.API.CONSUMER.DELETE.%s.%s",
		       service->stream.text, service->consumer.text);
	if (transport->ops->request(transport, subject, NULL, 0, slice_of(NULL, 0),
				    CREATE_TIMEOUT_MS, on_deleted, service,
				    &service->look_request) != 0)
		service->look_request = 0;
}

static uint64_t number_after(const char *text, const char *key)
{
	const char *found = strstr(text, key);

	return found != NULL ? strtoull(found + strlen(key), NULL, 10) : 0;
}

/* Requests wait at it, and its count of deliveries stands still, from one fallback to another. That
 * messages wait in it as well is not asked for: those that nobody got have grown too old by now. */
static bool stuck(struct saga_service *service, const char *text, uint64_t now_ms)
{
	const uint64_t delivered = 1 + number_after(text, "\"consumer_seq\":");

	if (number_after(text, "\"num_waiting\":") == 0) {
		service->look_delivered = 0;
		return false;
	}
	if (service->look_delivered != delivered) {
		service->look_delivered = delivered;
		service->look_since_ms = now_ms;
		return false;
	}
	return now_ms - service->look_since_ms >= LOOK_STUCK_MS;
}

static void on_looked(void *context, int error, const struct transport_message *message)
{
	struct saga_service *service = context;
	const uint64_t now_ms = client_now_ms();
	char text[ANSWER_SIZE];

	service->look_request = 0;
	if (error != 0 || message->status != 0 || service->consumer_state != CONSUMER_READY)
		return;
	copy_answer(text, message->data);
	if (broker_error(text) != 0)
		renew_consumer(service, now_ms, "is gone");
	else if (stuck(service, text, now_ms))
		delete_consumer(service);
}

void pull_doubt(struct saga_service *service, uint64_t now_ms)
{
	struct transport *transport = service->connection->transport;
	char subject[SUBJECT_SIZE_MAX];

	if (service->consumer_state != CONSUMER_READY || service->look_request != 0 ||
	    now_ms < service->look_at_ms)
		return;
	service->look_at_ms = now_ms + connection_jitter(service->connection, LOOK_GAP_MS);
	(void)snprintf(subject, sizeof subject, "$JS.API.CONSUMER.INFO.%s.%s", service->stream.text,
		       service->consumer.text);
	if (transport->ops->request(transport, subject, NULL, 0, slice_of(NULL, 0),
				    CREATE_TIMEOUT_MS, on_looked, service,
				    &service->look_request) != 0)
		service->look_request = 0;
}

/* ---- pulling -----------------------------------------------------------------------------------
 */

static void on_pulled(void *context, const struct transport_message *message)
{
	struct pull_slot *slot = context;

	if (message->status == 0) {
		if (slot->remaining > 0)
			slot->remaining--;
		frame_take(slot->service, message);
		return;
	}
	if (message->status == 100) /* idle heartbeat or flow control: asks for nothing */
		return;
	slot->remaining = 0;
	/* 404 and 408 end a request in the ordinary way. The rest (409, 503) may mean that the
	 * consumer is gone: creating it again does no harm when it is not. */
	if (message->status != 404 && message->status != 408)
		consumer_missing(slot->service, client_now_ms());
}

static uint32_t frames_asked_for(const struct saga_service *service)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < SERVICE_PULL_SLOTS; i++)
		count += service->pulls[i].remaining;
	return count;
}

/* How many more frames we want: not beyond frames_max at work, and not when the pool has work for a
 * while, because another instance might be idle; but one when nothing durable is in hand, so that a
 * queue full of calls does not keep everything else waiting. Nor for each frame anew: a request
 * costs the broker as much as a frame. What only waits for a disposition is counted apart, so that
 * a shard which gives none does not stop the service for the others (S13). */
static uint32_t frames_wanted(struct saga_service *service)
{
	const uint32_t asked_for = frames_asked_for(service);
	const uint32_t in_hand = service->frame_count + asked_for;
	const uint32_t working = service->working_count + asked_for;
	const uint32_t enough = pool_enough(service);
	const uint32_t queued = pool_queued(service);
	uint32_t wanted;

	if (working == 0 && queued >= enough && service->call_count > 0)
		return 1;
	if (working >= service->frames_max || in_hand >= service->frames_max + SERVICE_HELD_MAX ||
	    queued >= enough)
		return 0;
	wanted = service->frames_max - working;
	if (wanted > service->frames_max + SERVICE_HELD_MAX - in_hand)
		wanted = service->frames_max + SERVICE_HELD_MAX - in_hand;
	if (wanted > enough - queued)
		wanted = enough - queued;
	return asked_for > 0 && wanted < service->frames_max / 4 ? 0 : wanted;
}

static void pull(struct pull_slot *slot, uint32_t count, uint64_t now_ms)
{
	struct saga_service *service = slot->service;
	struct transport *transport = service->connection->transport;
	char subject[SUBJECT_SIZE_MAX], body[96];

	(void)snprintf(subject, sizeof subject, "$JS.API.CONSUMER.MSG.NEXT.%s.%s",
		       service->stream.text, service->consumer.text);
	(void)snprintf(body, sizeof body, "{\"batch\":%" PRIu32 ",\"expires\":%" PRIu64 "}", count,
		       (uint64_t)SERVICE_PULL_EXPIRES_MS * 1000000U);
	if (transport->ops->publish(transport, subject, slice_str(slot->inbox), NULL, 0,
				    slice_str(body)) != 0)
		return;
	slot->remaining = count;
	slot->expires_ms = now_ms + SERVICE_PULL_EXPIRES_MS + SLACK_MS;
}

void pull_turn(struct saga_service *service, uint64_t now_ms)
{
	for (uint32_t i = 0; i < SERVICE_PULL_SLOTS; i++) {
		struct pull_slot *slot = &service->pulls[i];

		if (slot->remaining > 0 && now_ms >= slot->expires_ms) {
			/* Not even an end of the request came: see whether all is well. */
			slot->remaining = 0;
			consumer_missing(service, now_ms);
		}
	}
	if (service->draining)
		return;
	if (service->consumer_state == CONSUMER_MISSING && now_ms >= service->consumer_retry_at_ms)
		create_consumer(service, now_ms);
	if (service->consumer_state != CONSUMER_READY)
		return;
	for (uint32_t i = 0; i < SERVICE_PULL_SLOTS; i++) {
		uint32_t wanted;

		if (service->pulls[i].remaining > 0)
			continue;
		wanted = frames_wanted(service);
		if (wanted == 0)
			return;
		pull(&service->pulls[i], wanted, now_ms);
	}
}

void pull_forget(struct saga_service *service)
{
	for (uint32_t i = 0; i < SERVICE_PULL_SLOTS; i++)
		service->pulls[i].remaining = 0;
	if (service->consumer_state == CONSUMER_READY)
		service->consumer_state = CONSUMER_MISSING;
	service->consumer_retry_at_ms = 0;
}

int pull_open(struct saga_service *service)
{
	struct transport *transport = service->connection->transport;

	for (uint32_t i = 0; i < SERVICE_PULL_SLOTS; i++) {
		struct pull_slot *slot = &service->pulls[i];
		int err;

		slot->service = service;
		transport->ops->inbox(transport, slot->inbox, sizeof slot->inbox);
		err = transport->ops->subscribe(transport, slot->inbox, NULL, on_pulled, slot,
						&slot->subscription);
		if (err != 0)
			return err;
	}
	return 0;
}

void pull_close(struct saga_service *service)
{
	struct transport *transport = service->connection->transport;

	if (service->consumer_state == CONSUMER_CREATING)
		transport->ops->cancel(transport, service->consumer_request);
	service->consumer_state = CONSUMER_MISSING;
	if (service->look_request != 0)
		transport->ops->cancel(transport, service->look_request);
	service->look_request = 0;
	for (uint32_t i = 0; i < SERVICE_PULL_SLOTS; i++) {
		if (service->pulls[i].subscription != NULL)
			transport->ops->unsubscribe(transport, service->pulls[i].subscription);
		service->pulls[i].subscription = NULL;
	}
}
