/* The slot table: which shard an id belongs to. */
#include <stdio.h>

#include "client/connection.h"

#include "wire/codec.h"
#include "wire/subject.h"

enum { INFO_TIMEOUT_MS = 1000 };

static void info_failed(struct saga_connection *connection, int error)
{
	struct client_info *info = &connection->info;

	info->error = error;
	info->backoff_ms = info->backoff_ms == 0 ? CLIENT_BACKOFF_MIN_MS : info->backoff_ms * 2;
	if (info->backoff_ms > CLIENT_BACKOFF_MAX_MS)
		info->backoff_ms = CLIENT_BACKOFF_MAX_MS;
	info->retry_at_ms = client_now_ms() + connection_jitter(connection, info->backoff_ms);
}

static void take_slots(struct saga_connection *connection)
{
	struct client_info *info = &connection->info;

	info->known = true;
	info->wanted = false;
	info->backoff_ms = 0;
	info->retry_at_ms = 0;
	info->error = 0;
	connection_turn(connection);
}

static int take_answer(struct saga_connection *connection, const struct transport_message *message)
{
	struct wire_info answer;
	struct arena arena;
	int err;

	if (message->status != 0)
		return SAGA_E_NO_RESPONDERS;
	arena_init(&arena, connection->scratch, CLIENT_SCRATCH_SIZE);
	err = wire_decode(WIRE_INFO, message->data, &arena, &answer, NULL);
	if (err != 0)
		return err;
	if (answer.code != 0)
		return err_from_wire(answer.code);
	if (answer.cluster.size == 0)
		return SAGA_E_NOT_INITIALISED;
	return wire_slots_from(&connection->info.slots, answer.shard_count, answer.slots);
}

static void on_stream(void *context, int error, const struct transport_message *message)
{
	struct saga_connection *connection = context;
	uint32_t shards = 0;

	connection->info.pending = false;
	if (error == 0 && message->status == 0)
		shards = call_inbox_shards(message->data);
	if (shards > 0 && wire_slots_even(&connection->info.slots, shards) == 0)
		take_slots(connection);
	else
		info_failed(connection, SAGA_E_NO_RESPONDERS);
}

/* No node tells, and there are submits for the inbox. Initialisation spreads the slots evenly over
 * the shards that the description of its stream names. */
static bool ask_stream(struct saga_connection *connection)
{
	struct client_info *info = &connection->info;
	char subject[SUBJECT_SIZE_MAX];

	if (info->inbox_stream[0] == '\0')
		return false;
	(void)snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.%s", info->inbox_stream);
	info->pending = connection->transport->ops->request(connection->transport, subject, NULL, 0,
							    slice_of(NULL, 0), INFO_TIMEOUT_MS,
							    on_stream, connection, NULL) == 0;
	return info->pending;
}

static void on_info(void *context, int error, const struct transport_message *message)
{
	struct saga_connection *connection = context;
	struct client_info *info = &connection->info;

	info->pending = false;
	if (error == 0)
		error = take_answer(connection, message);
	if (error == 0)
		take_slots(connection);
	else if (!ask_stream(connection))
		info_failed(connection, error);
}

void connection_want_info(struct saga_connection *connection)
{
	connection->info.wanted = true;
}

void connection_info_turn(struct saga_connection *connection, uint64_t now_ms)
{
	const struct wire_info_request request = {.verbose = false};
	struct client_info *info = &connection->info;
	const struct subject subject = subject_info(connection->prefix);
	uint8_t memory[64];
	struct buf bytes;
	int err;

	if (!info->wanted || info->pending || now_ms < info->retry_at_ms)
		return;
	buf_init_fixed(&bytes, memory, sizeof memory);
	err = wire_encode(WIRE_INFO_REQUEST, &request, &bytes);
	if (err == 0)
		err = connection->transport->ops->request(connection->transport, subject.text, NULL,
							  0, buf_slice(&bytes), INFO_TIMEOUT_MS,
							  on_info, connection, NULL);
	if (err != 0)
		info_failed(connection, err);
	else {
		info->pending = true;
		info->retry_at_ms = now_ms + INFO_TIMEOUT_MS;
	}
}
