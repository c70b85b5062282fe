/* Rows 47-51 at a participant: a live service with a barrier in SQLite is told things that no owner
 * would say. They come from a shard that the cluster does not have, so its real sagas are left
 * alone: epochs and low-water marks are kept by shard. */
#include <nats/nats.h>
#include <stdio.h>

#include "tests/integration/bad_input.h"
#include "tests/unit/wire_support.h"

enum { ARENA_SIZE = 65536, EPOCH = 1000, TRIES = 10, SILENCE_MS = 3000 };

static natsConnection *nats;
static natsSubscription *replies;

static int open_replies(void **state)
{
	(void)state;
	assert_int_equal(natsConnection_ConnectTo(&nats, cluster_nats_url(bad_trip.cluster)),
			 NATS_OK);
	assert_int_equal(
		natsConnection_SubscribeSync(&replies, nats, "saga.v1.shard.100.reply.svc-a"),
		NATS_OK);
	assert_int_equal(natsConnection_Flush(nats), NATS_OK);
	return 0;
}

static int close_replies(void **state)
{
	natsSubscription_Destroy(replies);
	natsConnection_Destroy(nats);
	return bad_after(state);
}

static struct wire_command command_of(const char *saga, uint32_t op)
{
	return (struct wire_command){
		.saga = slice_str(saga),
		.step_name = slice_str("a"),
		.op = op,
		.op_name = slice_str(op == WIRE_OP_FORWARD ? "do" : "undo"),
		.operation = uuid_operation(slice_str(saga), slice_str("a"),
					    slice_str(op == WIRE_OP_FORWARD ? "forward" : "undo")),
		.attempt = 1,
		.admission = 5000,
		.remaining_ms = 10000,
	};
}

static void send_command(struct wire_command command, uint64_t epoch, uint64_t low_water)
{
	static uint8_t memory[4096];
	const struct wire_command_frame frame = {
		.shard = BAD_STRANGE_SHARD,
		.epoch = epoch,
		.low_water = low_water,
		.service = slice_str("svc-a"),
		.commands = &command,
		.command_count = 1,
	};
	struct buf bytes;
	buf_init_fixed(&bytes, memory, sizeof memory);
	assert_int_equal(wire_encode(WIRE_COMMAND_FRAME, &frame, &bytes), 0);
	bad_publish("saga.v1.cmd.svc-a", buf_slice(&bytes));
}

/* As an owner would, so that the service lets the frame go. */
static void dispose(const char *subject, const struct wire_reply *reply)
{
	struct wire_disposition disposition = {.operation = reply->operation,
					       .attempt = reply->attempt,
					       .kind = WIRE_DISPOSITION_RECORDED};
	const struct wire_disposition_frame frame = {
		.shard = BAD_STRANGE_SHARD, .dispositions = &disposition, .disposition_count = 1};
	uint8_t memory[512];
	struct buf bytes;
	buf_init_fixed(&bytes, memory, sizeof memory);
	assert_int_equal(wire_encode(WIRE_DISPOSITION_FRAME, &frame, &bytes), 0);
	bad_publish(subject, buf_slice(&bytes));
}

/* What the service says to it. Answers of earlier cases, sent again meanwhile, are passed over. */
static bool answer_to(const struct wire_command *command, struct wire_reply *reply)
{
	static _Alignas(16) uint8_t memory[ARENA_SIZE], copy[ARENA_SIZE];
	for (;;) {
		struct wire_reply_frame frame;
		struct arena arena;
		natsMsg *message = NULL;
		if (natsSubscription_NextMsg(&message, replies, SILENCE_MS) != NATS_OK)
			return false;
		const uint32_t size = (uint32_t)natsMsg_GetDataLength(message);
		assert_in_range(size, 1, sizeof copy);
		memcpy(copy, natsMsg_GetData(message), size);
		arena_init(&arena, memory, sizeof memory);
		assert_int_equal(
			wire_decode(WIRE_REPLY_FRAME, slice_of(copy, size), &arena, &frame, NULL),
			0);
		assert_int_equal(frame.reply_count, 1);
		if (natsMsg_GetReply(message) != NULL)
			dispose(natsMsg_GetReply(message), frame.replies);
		natsMsg_Destroy(message);
		if (uuid_equal(&frame.replies[0].operation, &command->operation) &&
		    frame.replies[0].attempt == command->attempt) {
			*reply = frame.replies[0];
			return true;
		}
	}
}

/* Again like an owner: on a busy machine a command may be too old before it is fetched. */
static struct wire_reply tell(struct wire_command command, uint64_t epoch, uint64_t low_water)
{
	struct wire_reply reply;
	for (uint32_t i = 0; i < TRIES; i++) {
		send_command(command, epoch, low_water);
		if (answer_to(&command, &reply))
			return reply;
	}
	fail_msg("no answer");
	return reply;
}

static void expect_effects(const char *saga, uint32_t forwards, uint32_t undos)
{
	assert_int_equal(trip_effects(&bad_trip, saga, 0, false), forwards);
	assert_int_equal(trip_effects(&bad_trip, saga, 0, true), undos);
}

static void row_47_operation(void **state)
{
	struct wire_command command;
	struct wire_reply reply;
	char id[SAGA_ID_SIZE];
	(void)state;
	bad_id(0, "unknown-op", id);
	command = command_of(id, WIRE_OP_FORWARD);
	command.op_name = slice_str("fly");
	reply = tell(command, EPOCH, 0);
	assert_int_equal(reply.outcome, WIRE_OUTCOME_PARK);
	assert_int_equal(reply.code, err_to_wire(SAGA_E_UNSUPPORTED));
	assert_true(slice_equal(reply.text, slice_str("service svc-a has no operation fly")));
	expect_effects(id, 0, 0);
}

static bool service_logged(void *context)
{
	char path[1200], text[4096];
	bool found = false;
	FILE *file;
	(void)snprintf(path, sizeof path, "%s/svc-a.log", cluster_folder(bad_trip.cluster));
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(text, sizeof text, file) != NULL)
		found |= strstr(text, context) != NULL;
	(void)fclose(file);
	return found;
}

/* Never answered, never delivered again, and said in the service's log. */
static void row_47_frame(void **state)
{
	static const struct {
		const char *hex, *words;
	} frames[] = {
		{"84 0002 0105 05a5 7376632d61 0690", "unsupported format version"},
		{"84 0001 0142 05a5 7376632d61 0690", "unknown kind of message"},
		{"84 0001 0105 05a5 7376632d62 0690", "out of range"},
		{"85 0001 0105 05a5 7376632d61 0690 1401", "out of range"},
		{"c1", "wrong type"},
		{"", "the message is empty"},
		/* row 51: a line end in a text, here the traceparent of a command */
		{"84 0001 0105 05a5 7376632d61 0691 81 0ca3 610d0a", "control characters"},
	};
	char words[256];
	(void)state;
	for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
		const struct slice bytes = wire_test_hex(frames[i].hex);
		(void)snprintf(words, sizeof words, "%s", frames[i].words);
		bool said = false;
		for (uint32_t t = 0; t < TRIES && !said; t++) {
			bad_publish("saga.v1.cmd.svc-a", bytes);
			said = wait_until(service_logged, words, SILENCE_MS);
		}
		if (!said)
			fail_msg("svc-a does not say: %s", words);
		wire_test_free(bytes);
	}
	bad_publish("saga.v1.cmd.svc-a", slice_str(BAD_MARK));
	bad_publish("saga.v1.call.svc-a", slice_str(BAD_MARK));
}

/* S8: below the low-water mark that it has stored. */
static void row_47_expired(void **state)
{
	struct wire_command command;
	struct wire_reply reply;
	char old[SAGA_ID_SIZE], id[SAGA_ID_SIZE];
	(void)state;
	bad_id(0, "low", id);
	reply = tell(command_of(id, WIRE_OP_FORWARD), EPOCH, 5000);
	assert_int_equal(reply.outcome, WIRE_OUTCOME_OK);
	expect_effects(id, 1, 0);
	bad_id(0, "ended-long-ago", old);
	command = command_of(old, WIRE_OP_FORWARD);
	command.admission = 17;
	reply = tell(command, EPOCH, 5000);
	assert_int_equal(reply.outcome, WIRE_OUTCOME_EXPIRED);
	assert_int_equal(reply.code, err_to_wire(SAGA_E_BELOW_LOW_WATER));
	expect_effects(old, 0, 0);
}

static void row_48_49(void **state)
{
	struct wire_reply reply;
	struct wire_command again;
	char id[SAGA_ID_SIZE];
	(void)state;
	bad_id(0, "undo-first", id);
	reply = tell(command_of(id, WIRE_OP_UNDO), EPOCH, 0);
	assert_int_equal(reply.outcome, WIRE_OUTCOME_OK);
	assert_int_equal(reply.barrier, WIRE_BARRIER_EMPTY_UNDO);
	expect_effects(id, 0, 0);
	reply = tell(command_of(id, WIRE_OP_FORWARD), EPOCH, 0);
	assert_int_equal(reply.outcome, WIRE_OUTCOME_REJECTED);
	assert_int_equal(reply.code, err_to_wire(SAGA_E_SUSPENDED));
	assert_int_equal(reply.barrier, WIRE_BARRIER_LATE_FORWARD);
	expect_effects(id, 0, 0);
	again = command_of(id, WIRE_OP_UNDO);
	again.attempt = 2;
	reply = tell(again, EPOCH, 0);
	assert_int_equal(reply.outcome, WIRE_OUTCOME_OK);
	assert_int_equal(reply.barrier, WIRE_BARRIER_DUPLICATE);
	expect_effects(id, 0, 0);
}

static void row_50(void **state)
{
	struct wire_command again;
	struct wire_reply reply;
	char id[SAGA_ID_SIZE], other[SAGA_ID_SIZE];
	(void)state;
	bad_id(0, "epochs", id);
	reply = tell(command_of(id, WIRE_OP_FORWARD), EPOCH + 1, 0);
	assert_int_equal(reply.outcome, WIRE_OUTCOME_OK);
	again = command_of(id, WIRE_OP_UNDO);
	reply = tell(again, EPOCH, 0);
	assert_int_equal(reply.outcome, WIRE_OUTCOME_STALE);
	assert_int_equal(reply.code, err_to_wire(SAGA_E_STALE));
	expect_effects(id, 1, 0);
	/* Nothing of it is kept: the new owner's word is taken. */
	again.attempt = 2;
	reply = tell(again, EPOCH + 1, 0);
	assert_int_equal(reply.outcome, WIRE_OUTCOME_OK);
	assert_int_equal(reply.barrier, WIRE_BARRIER_FIRST);
	expect_effects(id, 1, 1);
	bad_id(0, "other-saga", other);
	reply = tell(command_of(other, WIRE_OP_FORWARD), EPOCH, 0);
	assert_int_equal(reply.outcome, WIRE_OUTCOME_STALE);
	expect_effects(other, 0, 0);
}

#define COMMAND_CASE(row, function)                                                                \
	{                                                                                          \
		.name = row, .test_func = (function), .setup_func = open_replies,                  \
		.teardown_func = close_replies                                                     \
	}

struct bad_cases bad_commands(void)
{
	static const struct CMUnitTest tests[] = {
		COMMAND_CASE("row 47: an operation that the service does not have",
			     row_47_operation),
		COMMAND_CASE("row 47, 51: frames that cannot be read", row_47_frame),
		COMMAND_CASE("row 48, 49: the undo first, then the forward", row_48_49),
		COMMAND_CASE("row 47: a saga that ended long ago", row_47_expired),
		COMMAND_CASE("row 50: an older epoch", row_50),
	};
	return (struct bad_cases){tests, sizeof tests / sizeof tests[0]};
}
