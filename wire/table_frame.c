/* Between owners and participants: frames of commands, replies and dispositions. */
#include "wire/codec.h"
#include "wire/names.h"
#include "wire/schema.h"
#include "wire/shard.h"

static const struct wire_field command_fields[] = {
	WIRE_NAME(wire_command, 2, saga, WIRE_FIELD_REQUIRED),
	WIRE_RANGE_U32(wire_command, 3, step, 0, WIRE_STEPS_MAX - 1, 0),
	WIRE_NAME(wire_command, 4, step_name, WIRE_FIELD_REQUIRED),
	WIRE_ENUM(wire_command, 5, op, WIRE_OP_FORWARD, WIRE_OP_SETTLE, wire_op_name,
		  WIRE_FIELD_REQUIRED),
	WIRE_NAME(wire_command, 6, op_name, WIRE_FIELD_REQUIRED),
	WIRE_UUID(wire_command, 7, operation, WIRE_FIELD_REQUIRED),
	WIRE_RANGE_U32(wire_command, 8, attempt, 1, UINT32_MAX, WIRE_FIELD_REQUIRED),
	WIRE_U64(wire_command, 9, admission),
	WIRE_U32(wire_command, 10, remaining_ms),
	WIRE_BIN(wire_command, 11, input, 0, WIRE_INPUT_SIZE_MAX, 0),
	WIRE_TEXT(wire_command, 12, traceparent),
};
static const struct wire_table command_table = WIRE_TABLE("command", wire_command, command_fields);

static const struct wire_field command_frame_fields[] = {
	WIRE_RANGE_U32(wire_command_frame, 2, shard, 0, WIRE_SHARDS_MAX - 1, 0),
	WIRE_U64(wire_command_frame, 3, epoch),
	WIRE_U64(wire_command_frame, 4, low_water),
	WIRE_NAME(wire_command_frame, 5, service, WIRE_FIELD_REQUIRED),
	WIRE_ARRAY(wire_command_frame, 6, commands, wire_command, command_count, &command_table, 1,
		   WIRE_FRAME_MAX, WIRE_FIELD_REQUIRED),
	WIRE_NAME(wire_command_frame, 7, cluster, 0),
	WIRE_BOOL(wire_command_frame, 8, fallback),
};
const struct wire_table wire_table_command_frame =
	WIRE_TABLE("command_frame", wire_command_frame, command_frame_fields);

static const struct wire_field reply_fields[] = {
	WIRE_NAME(wire_reply, 2, saga, WIRE_FIELD_REQUIRED),
	WIRE_RANGE_U32(wire_reply, 3, step, 0, WIRE_STEPS_MAX - 1, 0),
	WIRE_ENUM(wire_reply, 4, op, WIRE_OP_FORWARD, WIRE_OP_SETTLE, wire_op_name,
		  WIRE_FIELD_REQUIRED),
	WIRE_UUID(wire_reply, 5, operation, WIRE_FIELD_REQUIRED),
	WIRE_U32(wire_reply, 6, attempt),
	WIRE_U64(wire_reply, 7, epoch),
	/* Any number: a verdict that this version does not know counts as unknown, it must not
	 * make the whole frame unreadable (reliability table, row 35). */
	WIRE_ENUM(wire_reply, 8, outcome, 0, UINT32_MAX, wire_outcome_name, WIRE_FIELD_REQUIRED),
	WIRE_U32(wire_reply, 9, retry_after_ms),
	WIRE_U32(wire_reply, 10, code),
	WIRE_TEXT(wire_reply, 11, text),
	/* What is too large is dropped and the outcome kept (row 40), for the owner to say: a frame
	 * that cannot be read would hide what was done, and its neighbours' answers too. */
	WIRE_BIN(wire_reply, 12, output, 0, WIRE_MESSAGE_SIZE_MAX, 0),
	WIRE_ENUM(wire_reply, 13, barrier, 0, UINT32_MAX, wire_barrier_name, 0),
};
static const struct wire_table reply_table = WIRE_TABLE("reply", wire_reply, reply_fields);

static const struct wire_field reply_frame_fields[] = {
	WIRE_RANGE_U32(wire_reply_frame, 2, shard, 0, WIRE_SHARDS_MAX - 1, 0),
	WIRE_NAME(wire_reply_frame, 3, service, WIRE_FIELD_REQUIRED),
	WIRE_NAME(wire_reply_frame, 4, instance, 0),
	WIRE_ARRAY(wire_reply_frame, 5, replies, wire_reply, reply_count, &reply_table, 1,
		   WIRE_FRAME_MAX, WIRE_FIELD_REQUIRED),
};
const struct wire_table wire_table_reply_frame =
	WIRE_TABLE("reply_frame", wire_reply_frame, reply_frame_fields);

static const struct wire_field disposition_fields[] = {
	WIRE_UUID(wire_disposition, 2, operation, WIRE_FIELD_REQUIRED),
	WIRE_U32(wire_disposition, 3, attempt),
	WIRE_ENUM(wire_disposition, 4, kind, WIRE_DISPOSITION_RECORDED, WIRE_DISPOSITION_NOT_OWNER,
		  wire_disposition_name, WIRE_FIELD_REQUIRED),
};
static const struct wire_table disposition_table =
	WIRE_TABLE("disposition", wire_disposition, disposition_fields);

static const struct wire_field disposition_frame_fields[] = {
	WIRE_RANGE_U32(wire_disposition_frame, 2, shard, 0, WIRE_SHARDS_MAX - 1, 0),
	WIRE_U64(wire_disposition_frame, 3, epoch),
	WIRE_ARRAY(wire_disposition_frame, 4, dispositions, wire_disposition, disposition_count,
		   &disposition_table, 1, WIRE_FRAME_MAX, WIRE_FIELD_REQUIRED),
};
const struct wire_table wire_table_disposition_frame =
	WIRE_TABLE("disposition_frame", wire_disposition_frame, disposition_frame_fields);
