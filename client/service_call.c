/* Direct calls: frames that come outside of the stream, to one instance of a queue group.
 *
 * Nothing is acknowledged. The owner sends a command again until it hears of it, so a command that
 * is in hand already is not begun twice here, and one that takes longer is told to be in hand
 * (S14). Elsewhere a second copy may well run beside this one: that is the barrier's business. */
#include <string.h>

#include "base/check.h"
#include "client/connection.h"
#include "client/service.h"
#include "wire/codec.h"

enum {
	/* How long further copies need not come, once we have said that a command is in hand. The
	 * next word comes well before that, so that one lost word costs nothing. */
	WORKING_HOLD_MS = 3000,
	WORKING_AGAIN_MS = 1500,
};

static void on_call(void *context, const struct transport_message *message)
{
	struct saga_service *service = context;

	if (message->status == 0)
		frame_take_call(service, message);
}

int call_open(struct saga_service *service)
{
	struct transport *transport = service->connection->transport;
	const struct subject subject =
		subject_call(service->connection->prefix, id_slice(&service->name));

	/* The name of the durable consumer: it stands for the same instances. */
	return transport->ops->subscribe(transport, subject.text, service->consumer.text, on_call,
					 service, &service->call_subscription);
}

void call_close(struct saga_service *service)
{
	struct transport *transport = service->connection->transport;

	if (service->call_subscription != NULL)
		transport->ops->unsubscribe(transport, service->call_subscription);
	service->call_subscription = NULL;
}

/* The entry that makes the command a mere copy: of the same operation, and not from an owner that
 * was replaced since, whose command the barrier may refuse as stale. */
static struct entry *in_hand(const struct saga_service *service, const struct wire_command *command,
			     uint64_t epoch)
{
	struct entry *entry = index_find(service, &command->operation);

	while (entry != NULL && entry->frame->epoch < epoch)
		entry = index_next(entry);
	return entry;
}

static struct wire_reply working(const struct entry *entry)
{
	struct wire_reply reply = reply_head(entry, WIRE_OUTCOME_WORKING);

	reply.retry_after_ms = WORKING_HOLD_MS;
	return reply;
}

/* Takes out what is in hand. What waits for a disposition is answered again with the next scan;
 * what is under way will answer for the latest attempt that asked for it. */
void call_drop_copies(struct saga_service *service, struct wire_command_frame *frame,
		      uint64_t now_ms)
{
	struct wire_reply replies[WIRE_FRAME_MAX];
	uint32_t kept = 0, reply_count = 0;

	CHECK_LE(frame->command_count, WIRE_FRAME_MAX);
	for (uint32_t i = 0; i < frame->command_count; i++) {
		const struct wire_command *command = &frame->commands[i];
		struct entry *entry = in_hand(service, command, frame->epoch);

		if (entry == NULL) {
			frame->commands[kept++] = *command;
			continue;
		}
		service_count(&service->stats.copies);
		if (entry->state == ENTRY_ANSWERED) {
			entry->resend_at_ms = now_ms;
			continue;
		}
		if (command->attempt > entry->attempt)
			entry->attempt = command->attempt;
		/* Of one that is over its time we say no more: let the copies find another
		 * instance. */
		if (now_ms < entry->expires_ms)
			replies[reply_count++] = working(entry);
	}
	frame->command_count = kept;
	if (reply_count > 0)
		reply_send(service, frame->shard, replies, reply_count, slice_of(NULL, 0));
}

void call_turn(struct frame *frame, uint64_t now_ms)
{
	struct wire_reply replies[WIRE_FRAME_MAX];
	uint32_t count = 0;

	for (uint32_t i = 0; i < frame->entry_count; i++) {
		struct entry *entry = &frame->entries[i];

		if (entry->state != ENTRY_IN_POOL || now_ms < entry->working_at_ms ||
		    now_ms >= entry->expires_ms)
			continue;
		entry->working_at_ms = now_ms + WORKING_AGAIN_MS;
		replies[count++] = working(entry);
	}
	if (count > 0)
		reply_send(frame->service, frame->shard, replies, count, slice_of(NULL, 0));
}
