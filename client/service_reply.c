/* Answers to the owners of shards, and their dispositions (S13). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "client/connection.h"
#include "client/service.h"
#include "wire/codec.h"

enum {
	/* Of outputs and texts in one frame; the largest single reply is far below. */
	REPLY_BYTES_MAX = 512 * 1024,
	REPLY_OVERHEAD = 320,
	/* How long the rest of a sequential frame waits once nobody took an answer. */
	HOLD_AFTER_EXPIRY_MS = 200
};

/* ---- entries in hand, by operation id ----------------------------------------------------------
 */

static uint32_t bucket_of(const struct uuid *operation)
{
	uint32_t hash;

	/* Operation ids are hashes already (UUIDv5). */
	(void)memcpy(&hash, operation->bytes, sizeof hash);
	return hash & (SERVICE_BUCKETS - 1);
}

void index_add(struct saga_service *service, struct entry *entry)
{
	struct entry **bucket = &service->buckets[bucket_of(&entry->command.operation)];

	entry->bucket_next = *bucket;
	*bucket = entry;
}

void index_remove(struct saga_service *service, const struct entry *entry)
{
	struct entry **link = &service->buckets[bucket_of(&entry->command.operation)];

	while (*link != NULL && *link != entry)
		link = &(*link)->bucket_next;
	CHECK(*link == entry);
	*link = entry->bucket_next;
}

static struct entry *same_operation(struct entry *entry, const struct uuid *operation)
{
	while (entry != NULL && !uuid_equal(&entry->command.operation, operation))
		entry = entry->bucket_next;
	return entry;
}

struct entry *index_find(const struct saga_service *service, const struct uuid *operation)
{
	return same_operation(service->buckets[bucket_of(operation)], operation);
}

struct entry *index_next(const struct entry *entry)
{
	return same_operation(entry->bucket_next, &entry->command.operation);
}

/* ---- sending -----------------------------------------------------------------------------------
 */

struct wire_reply reply_head(const struct entry *entry, uint32_t outcome)
{
	return (struct wire_reply){
		.saga = entry->command.saga,
		.step = entry->command.step,
		.op = entry->command.op,
		.operation = entry->command.operation,
		.attempt = entry->attempt,
		.epoch = entry->frame->epoch,
		.outcome = outcome,
	};
}

static struct wire_reply reply_of(const struct entry *entry)
{
	const struct context_answer *answer = &entry->answer;
	struct wire_reply reply = reply_head(entry, answer->outcome);

	reply.retry_after_ms = answer->retry_after_ms;
	reply.code = answer->code;
	reply.text = slice_str(answer->text);
	reply.output = answer->output;
	reply.barrier = answer->barrier;
	return reply;
}

void reply_send(struct saga_service *service, uint32_t shard, struct wire_reply *replies,
		uint32_t count, struct slice reply_subject)
{
	struct saga_connection *connection = service->connection;
	const struct wire_reply_frame frame = {.shard = shard,
					       .service = id_slice(&service->name),
					       .instance = id_slice(&service->instance),
					       .replies = replies,
					       .reply_count = count};
	const struct subject subject =
		subject_shard(connection->prefix, shard, SUBJECT_REPLY, id_slice(&service->name));
	int err;

	buf_clear(&service->out);
	err = wire_encode(WIRE_REPLY_FRAME, &frame, &service->out);
	if (err == 0)
		err = connection->transport->ops->publish(connection->transport, subject.text,
							  reply_subject, NULL, 0,
							  buf_slice(&service->out));
	/* Not sent is as good as lost: it is re-sent until the hold is over. */
	if (err != 0 && err != SAGA_E_DISCONNECTED)
		connection_log(connection, 2, "service %s: %u replies could not be sent: %s",
			       service->name.text, count, err_text(err));
}

/* Sends a list by `next`, one frame for each shard in it (S15), more when they get too large. With
 * `calls` the entries are calls, and done when they are sent. */
static void send_list(struct saga_service *service, struct entry *list, bool calls)
{
	const struct slice reply_subject =
		calls ? slice_of(NULL, 0) : slice_str(service->reply_inbox);
	struct wire_reply replies[WIRE_FRAME_MAX];
	struct entry *sent[WIRE_FRAME_MAX];

	while (list != NULL) {
		const uint32_t shard = list->frame->shard;
		struct entry *rest = NULL, **rest_tail = &rest;
		uint32_t count = 0, size = 0;

		while (list != NULL) {
			struct entry *entry = list;
			const uint32_t bytes = REPLY_OVERHEAD + entry->answer.output.size;

			list = entry->next;
			if (entry->frame->shard != shard || count == WIRE_FRAME_MAX ||
			    (count > 0 && size + bytes > REPLY_BYTES_MAX)) {
				*rest_tail = entry;
				rest_tail = &entry->next;
				continue;
			}
			sent[count] = entry;
			replies[count++] = reply_of(entry);
			size += bytes;
			service_count(&service->stats.replies_sent);
		}
		*rest_tail = NULL;
		reply_send(service, shard, replies, count, reply_subject);
		for (uint32_t i = 0; calls && i < count; i++)
			entry_done(sent[i]);
		list = rest;
	}
}

/* True for a shard that takes no answers, once those in hand are so many that they could end up in
 * the way of other shards' frames (S13). */
static bool crowded_out(const struct saga_service *service, uint32_t shard)
{
	return service->silent[shard] &&
	       service->frame_count - service->working_count >= SERVICE_HELD_MAX / 2;
}

static void hold(struct saga_service *service, struct entry *entry, uint64_t now_ms)
{
	uint64_t hold_ms = service->hold_ms;

	if ((entry->frame->hold_over || crowded_out(service, entry->frame->shard)) &&
	    hold_ms > HOLD_AFTER_EXPIRY_MS)
		hold_ms = HOLD_AFTER_EXPIRY_MS;
	entry_answered(entry);
	entry->hold_until_ms = now_ms + hold_ms;
	entry->resend_ms = SERVICE_RESEND_MIN_MS;
	entry->resend_at_ms = now_ms + entry->resend_ms;
}

static void append(struct entry ***tail, struct entry *entry)
{
	**tail = entry;
	*tail = &entry->next;
}

void reply_answered(struct saga_service *service, struct entry *list, uint64_t now_ms)
{
	struct entry *once = NULL, **once_tail = &once, *twice = NULL, **twice_tail = &twice;
	struct entry *calls = NULL, **calls_tail = &calls;

	while (list != NULL) {
		struct entry *entry = list;

		list = entry->next;
		if (entry->fault == ANSWER_FAULT_LOSE) {
			/* As if the process had died here: the broker delivers it again. */
			entry->frame->keep = true;
			entry_done(entry);
			continue;
		}
		if (entry->frame->call) {
			append(&calls_tail, entry);
			if (entry->fault == ANSWER_FAULT_DOUBLE) {
				struct wire_reply reply = reply_of(entry);

				reply_send(service, entry->frame->shard, &reply, 1,
					   slice_of(NULL, 0));
			}
			continue;
		}
		hold(service, entry, now_ms);
		append(entry->fault == ANSWER_FAULT_DOUBLE ? &twice_tail : &once_tail, entry);
	}
	*once_tail = NULL;
	*twice_tail = NULL;
	*calls_tail = NULL;
	send_list(service, once, false);
	send_list(service, calls, true);
	/* send_list takes the links apart, so the doubled ones go one by one. */
	while (twice != NULL) {
		struct entry *entry = twice;

		twice = entry->next;
		for (int i = 0; i < 2; i++) {
			entry->next = NULL;
			send_list(service, entry, false);
		}
	}
}

/* "Still at it" restarts the attempt's timer. Its disposition goes to a subject that nobody reads:
 * it must not pass for the disposition of the answer itself. */
static void send_heartbeat(struct saga_service *service, const struct entry *entry)
{
	char nowhere[SUBJECT_SIZE_MAX + 8];
	struct wire_reply reply = reply_head(entry, WIRE_OUTCOME_WORKING);
	const int size = snprintf(nowhere, sizeof nowhere, "%s.working", service->reply_inbox);

	if (entry->frame->call) {
		reply_send(service, entry->frame->shard, &reply, 1, slice_of(NULL, 0));
		return;
	}
	reply_send(service, entry->frame->shard, &reply, 1, slice_of(nowhere, (uint32_t)size));
	service_acknowledge(service, entry->frame->ack, "+WPI");
}

/* ---- time --------------------------------------------------------------------------------------
 */

static void hold_expired(struct saga_service *service, struct entry *entry)
{
	service_count(&service->stats.holds_expired);
	entry->frame->hold_over = true;
	service->silent[entry->frame->shard] = true;
	entry_done(entry);
}

void reply_turn(struct saga_service *service, uint64_t now_ms)
{
	struct entry *again = NULL, **tail = &again;
	struct frame *frame = service->frames;

	while (frame != NULL) {
		struct frame *next = frame->next;
		const uint32_t count = frame->entry_count;
		uint32_t open = frame->open;

		if (frame->call)
			call_turn(frame, now_ms);
		for (uint32_t i = 0; i < count && open > 0; i++) {
			struct entry *entry = &frame->entries[i];

			if (entry->state == ENTRY_IN_POOL &&
			    atomic_exchange(&entry->heartbeat, false))
				send_heartbeat(service, entry);
			if (entry->state != ENTRY_ANSWERED)
				continue;
			if (now_ms >= entry->hold_until_ms) {
				open--;
				hold_expired(service, entry);
			} else if (now_ms >= entry->resend_at_ms) {
				entry->resend_ms = entry->resend_ms * 2 < SERVICE_RESEND_MAX_MS
							   ? entry->resend_ms * 2
							   : SERVICE_RESEND_MAX_MS;
				entry->resend_at_ms = now_ms + entry->resend_ms;
				*tail = entry;
				tail = &entry->next;
			}
		}
		frame = next;
	}
	*tail = NULL;
	send_list(service, again, false);
}

/* ---- dispositions ------------------------------------------------------------------------------
 */

/* The new owner is there soon, and should not have to wait. Once: it may also take long. */
static void hasten(struct entry *entry, uint64_t now_ms)
{
	if (entry->resend_ms != SERVICE_RESEND_MIN_MS)
		return;
	entry->resend_ms = SERVICE_MOVED_MS;
	if (entry->resend_at_ms > now_ms + SERVICE_MOVED_MS)
		entry->resend_at_ms = now_ms + SERVICE_MOVED_MS;
}

static void on_disposition(struct saga_service *service, const struct wire_disposition *disposition)
{
	struct entry *entry = index_find(service, &disposition->operation);

	while (entry != NULL) {
		struct entry *next = index_next(entry);

		if (entry->state != ENTRY_ANSWERED || entry->attempt != disposition->attempt) {
			entry = next;
			continue;
		}
		if (disposition->kind == WIRE_DISPOSITION_RECORDED ||
		    disposition->kind == WIRE_DISPOSITION_OBSOLETE) {
			service_count(&service->stats.dispositions);
			service->silent[entry->frame->shard] = false;
			entry_done(entry);
		} else if (disposition->kind == WIRE_DISPOSITION_NOT_OWNER) {
			hasten(entry, client_now_ms());
		}
		entry = next;
	}
}

static void on_dispositions(void *context, const struct transport_message *message)
{
	struct saga_service *service = context;
	struct wire_disposition_frame frame;
	struct arena arena;

	/* No responders: the shard has no owner right now. */
	if (message->status != 0)
		return;
	arena_init(&arena, service->connection->scratch, CLIENT_SCRATCH_SIZE);
	if (wire_decode(WIRE_DISPOSITION_FRAME, message->data, &arena, &frame, NULL) != 0) {
		connection_log(service->connection, 2,
			       "service %s: dispositions that cannot be read were dropped",
			       service->name.text);
		return;
	}
	for (uint32_t i = 0; i < frame.disposition_count; i++)
		on_disposition(service, &frame.dispositions[i]);
}

int reply_open(struct saga_service *service)
{
	struct transport *transport = service->connection->transport;

	transport->ops->inbox(transport, service->reply_inbox, sizeof service->reply_inbox);
	return transport->ops->subscribe(transport, service->reply_inbox, NULL, on_dispositions,
					 service, &service->reply_subscription);
}

void reply_close(struct saga_service *service)
{
	struct transport *transport = service->connection->transport;

	if (service->reply_subscription != NULL)
		transport->ops->unsubscribe(transport, service->reply_subscription);
	service->reply_subscription = NULL;
}
