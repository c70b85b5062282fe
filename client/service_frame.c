/* Frames in hand. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "client/connection.h"
#include "client/service.h"
#include "wire/codec.h"

/* Lost acknowledgements only cost a redelivery, which the barrier meets. */
void service_acknowledge(struct saga_service *service, const char *subject, const char *verdict)
{
	struct transport *transport = service->connection->transport;

	(void)transport->ops->publish(transport, subject, slice_of(NULL, 0), NULL, 0,
				      slice_str(verdict));
}

static void frame_unlink(struct frame *frame)
{
	*frame->link = frame->next;
	if (frame->next != NULL)
		frame->next->link = frame->link;
	if (frame->service->leader == frame)
		frame->service->leader = NULL;
	if (frame->call) {
		frame->service->call_count--;
		return;
	}
	frame->service->frame_count--;
	if (frame->unanswered > 0)
		frame->service->working_count--;
}

static void frame_free(struct frame *frame)
{
	for (uint32_t i = 0; i < frame->entry_count; i++)
		context_answer_free(&frame->entries[i].answer);
	free(frame->bytes);
	free(frame);
}

static void begin_waiting(struct saga_service *service, uint64_t now_ms);

static void frame_end(struct frame *frame)
{
	struct saga_service *service = frame->service;

	if (frame->undone > 0 && !frame->call)
		service_acknowledge(service, frame->ack, "-NAK");
	else if (!frame->keep && !frame->call)
		service_acknowledge(service, frame->ack, "+ACK");
	const bool led = service->leader == frame;

	frame_unlink(frame);
	frame_free(frame);
	if (led)
		begin_waiting(service, client_now_ms());
}

/* Every other redelivery begins at the other end, so that a command that kills the process costs
 * its neighbours on neither side their turn. */
static void begin_next(struct frame *frame)
{
	const uint32_t place = frame->begun++;

	pool_put(frame->service,
		 &frame->entries[frame->backwards ? frame->entry_count - 1 - place : place], 1);
}

/* The same holds for frames that were in hand when the process died: they come again together, each
 * time. Side by side they would get no further than the one that kills, and if that is short, no
 * further at all. So they have an order, which the next delivery of all of them turns round. */
static bool is_before(const struct frame *a, const struct frame *b)
{
	if (a->backwards != b->backwards)
		return b->backwards;
	return (a->stream_sequence < b->stream_sequence) != a->backwards;
}

/* The time of the one before is bounded: its handlers may be slow, and where nobody takes its
 * answers (S13) there is nothing to wait for. */
static bool is_led(const struct saga_service *service, uint64_t now_ms)
{
	const struct frame *leader = service->leader;

	return leader != NULL && now_ms < service->lead_until_ms && !leader->hold_over &&
	       !service->silent[leader->shard];
}

static void begin_waiting(struct saga_service *service, uint64_t now_ms)
{
	struct frame *first = NULL;
	uint64_t since_ms = UINT64_MAX;

	if (service->draining || is_led(service, now_ms))
		return;
	for (struct frame *frame = service->frames; frame != NULL; frame = frame->next) {
		if (!frame->waits)
			continue;
		if (frame->received_ms < since_ms)
			since_ms = frame->received_ms;
		if (first == NULL || is_before(frame, first))
			first = frame;
	}
	if (first == NULL || now_ms - since_ms < SERVICE_GATHER_MS)
		return;
	first->waits = false;
	service->leader = first;
	service->lead_until_ms = now_ms + SERVICE_LEAD_MS;
	begin_next(first);
}

static void count_answered(struct frame *frame)
{
	CHECK(frame->unanswered > 0);
	if (--frame->unanswered == 0 && !frame->call)
		frame->service->working_count--;
}

void entry_answered(struct entry *entry)
{
	CHECK_EQ(entry->state, ENTRY_IN_POOL);
	entry->state = ENTRY_ANSWERED;
	count_answered(entry->frame);
}

void entry_done(struct entry *entry)
{
	struct frame *frame = entry->frame;

	CHECK(entry->state != ENTRY_DONE);
	if (entry->state != ENTRY_ANSWERED)
		count_answered(frame);
	index_remove(frame->service, entry);
	entry->state = ENTRY_DONE;
	frame->open--;
	context_answer_free(&entry->answer);
	if (frame->open == 0)
		frame_end(frame);
	else if (frame->sequential && !frame->service->draining &&
		 frame->begun < frame->entry_count)
		begin_next(frame);
}

static void entries_init(struct frame *frame, const struct wire_command_frame *decoded,
			 uint64_t now_ms)
{
	for (uint32_t i = 0; i < frame->entry_count; i++) {
		struct entry *entry = &frame->entries[i];

		entry->frame = frame;
		entry->command = decoded->commands[i];
		entry->attempt = entry->command.attempt;
		entry->state = ENTRY_WAITING;
		entry->working_at_ms = now_ms + SERVICE_WORKING_MS;
		entry->expires_ms = now_ms + entry->command.remaining_ms;
		atomic_init(&entry->heartbeat, false);
		index_add(frame->service, entry);
	}
}

/* NULL and an error when it cannot be worked; SAGA_E_NO_MEMORY says nothing against it. NULL and 0
 * for a call with nothing in it that is not in hand. */
static struct frame *frame_create(struct saga_service *service,
				  const struct transport_message *message, bool call,
				  uint64_t now_ms, int *error)
{
	struct wire_command_frame decoded;
	struct frame *frame = NULL;
	struct arena arena;
	uint8_t *bytes = malloc(message->data.size == 0 ? 1 : message->data.size);

	*error = SAGA_E_NO_MEMORY;
	if (bytes == NULL)
		return NULL;
	if (message->data.size > 0)
		(void)memcpy(bytes, message->data.data, message->data.size);
	arena_init(&arena, service->scratch, WIRE_FRAME_MAX * sizeof *service->scratch);
	*error = wire_decode(WIRE_COMMAND_FRAME, slice_of(bytes, message->data.size), &arena,
			     &decoded, NULL);
	if (*error == 0 && !slice_equal(decoded.service, id_slice(&service->name)))
		*error = SAGA_E_KIND;
	if (*error == 0 && call) {
		call_drop_copies(service, &decoded, now_ms);
		if (decoded.fallback)
			pull_doubt(service, now_ms);
	}
	if (*error == 0 && decoded.command_count > 0) {
		frame = calloc(1, sizeof *frame + decoded.command_count * sizeof(struct entry));
		*error = frame != NULL ? 0 : SAGA_E_NO_MEMORY;
	}
	if (frame == NULL) {
		free(bytes);
		return NULL;
	}
	frame->service = service;
	frame->call = call;
	frame->received_ms = now_ms;
	frame->bytes = bytes;
	frame->size = message->data.size;
	frame->stream_sequence = message->stream_sequence;
	frame->shard = decoded.shard;
	frame->epoch = decoded.epoch;
	frame->low_water = decoded.low_water;
	frame->entry_count = decoded.command_count;
	frame->open = decoded.command_count;
	frame->unanswered = decoded.command_count;
	entries_init(frame, &decoded, now_ms);
	return frame;
}

static void frame_begin(struct frame *frame)
{
	if (!frame->sequential) {
		frame->begun = frame->entry_count;
		pool_put(frame->service, frame->entries, frame->entry_count);
		return;
	}
	for (uint32_t i = 0; i < frame->entry_count; i++)
		service_count(&frame->service->stats.redelivered);
	frame->waits = true; /* see frames_turn */
}

/* The frame that was delivered before and is still at work: our in-progress was lost, or came too
 * late. A sequence alone would not do: a stream that was made anew counts from 1. */
static struct frame *frame_in_hand(const struct saga_service *service,
				   const struct transport_message *message)
{
	struct frame *frame = service->frames;

	while (frame != NULL && (frame->stream_sequence != message->stream_sequence ||
				 !slice_equal(slice_of(frame->bytes, frame->size), message->data)))
		frame = frame->next;
	return frame;
}

static void frame_refused(struct saga_service *service, const char *ack, int error)
{
	connection_log(service->connection, 3, "service %s: a frame was refused: %s",
		       service->name.text, err_text(error));
	service_count(&service->stats.undecodable);
	/* What memory was missing for may be worked elsewhere, or later. */
	if (error != SAGA_E_NO_MEMORY && ack[0] != '\0')
		service_acknowledge(service, ack, "+TERM");
}

static void frame_link(struct frame *frame)
{
	struct saga_service *service = frame->service;

	frame->next = service->frames;
	frame->link = &service->frames;
	if (frame->next != NULL)
		frame->next->link = &frame->next;
	service->frames = frame;
	service_count(&service->stats.frames);
	if (frame->call) {
		service->call_count++;
		return;
	}
	service->frame_count++;
	service->working_count++;
}

void frame_take(struct saga_service *service, const struct transport_message *message)
{
	const uint64_t now_ms = client_now_ms();
	char ack[SUBJECT_SIZE_MAX];
	struct frame *frame;
	int error;

	/* Without an ack subject it is not from our stream: anybody can publish to an inbox. */
	if (message->delivered == 0 || message->reply.size == 0 ||
	    message->reply.size >= sizeof ack) {
		service_count(&service->stats.undecodable);
		return;
	}
	(void)memcpy(ack, message->reply.data, message->reply.size);
	ack[message->reply.size] = '\0';
	frame = frame_in_hand(service, message);
	if (frame != NULL) {
		/* Handlers side by side for one command would be the only gain. */
		(void)memcpy(frame->ack, ack, sizeof ack);
		frame->progress_at_ms = now_ms;
		return;
	}
	frame = frame_create(service, message, false, now_ms, &error);
	if (frame == NULL) {
		frame_refused(service, ack, error);
		return;
	}
	(void)memcpy(frame->ack, ack, sizeof ack);
	frame->progress_at_ms = now_ms + service->ack_wait_ms / 3;
	frame->sequential = message->delivered > 1;
	frame->backwards = message->delivered % 2 == 0;
	frame_link(frame);
	frame_begin(frame);
}

void frame_take_call(struct saga_service *service, const struct transport_message *message)
{
	struct frame *frame;
	int error;

	if (service->call_count >= service->frames_max * SERVICE_CALLS_SHARE) {
		service_count(&service->stats.calls_dropped);
		return;
	}
	frame = frame_create(service, message, true, client_now_ms(), &error);
	if (frame == NULL) {
		if (error != 0)
			frame_refused(service, "", error);
		return;
	}
	for (uint32_t i = 0; i < frame->entry_count; i++)
		service_count(&service->stats.calls);
	frame_link(frame);
	frame_begin(frame);
}

void frames_turn(struct saga_service *service, uint64_t now_ms)
{
	for (struct frame *frame = service->frames; frame != NULL; frame = frame->next) {
		if (frame->call || now_ms < frame->progress_at_ms)
			continue;
		service_acknowledge(service, frame->ack, "+WPI");
		frame->progress_at_ms = now_ms + service->ack_wait_ms / 3;
	}
	begin_waiting(service, now_ms);
}

static void entry_undone(struct entry *entry)
{
	entry->frame->undone++;
	entry_done(entry);
}

/* What a sequential frame has not handed to the pool. */
static uint32_t take_back_rest(struct frame *frame)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < frame->entry_count; i++) {
		struct entry *entry = &frame->entries[i];

		if (entry->state != ENTRY_WAITING)
			continue;
		index_remove(frame->service, entry);
		entry->state = ENTRY_DONE;
		left++;
	}
	frame->begun = frame->entry_count;
	frame->undone += left;
	frame->open -= left;
	return left;
}

uint32_t frames_drain(struct saga_service *service)
{
	struct entry *entry = pool_take_queue(service);
	struct frame *frame;
	uint32_t undone = 0;

	CHECK(service->draining);

	while (entry != NULL) {
		struct entry *next = entry->next;

		if (entry->frame->call) {
			/* It cannot be handed back: its owner would wait in vain for a while. */
			entry->state = ENTRY_WAITING;
			pool_put(service, entry, 1);
		} else {
			entry_undone(entry);
			undone++;
		}
		entry = next;
	}
	frame = service->frames;
	while (frame != NULL) {
		struct frame *next = frame->next;
		const uint32_t left = take_back_rest(frame);

		undone += left;
		if (left > 0 && frame->open == 0)
			frame_end(frame);
		frame = next;
	}
	return undone;
}

void frames_abandon(struct saga_service *service)
{
	struct frame *frame = service->frames;

	while (frame != NULL) {
		struct frame *next = frame->next;
		bool running = false;

		for (uint32_t i = 0; i < frame->entry_count; i++) {
			struct entry *entry = &frame->entries[i];

			if (entry->state == ENTRY_IN_POOL)
				running = true;
			else if (entry->state != ENTRY_DONE)
				index_remove(service, entry);
		}
		if (!running) {
			frame_unlink(frame);
			frame_free(frame);
		}
		frame = next;
	}
}

void frames_free(struct saga_service *service)
{
	while (service->frames != NULL) {
		struct frame *frame = service->frames;

		frame_unlink(frame);
		frame_free(frame);
	}
}
