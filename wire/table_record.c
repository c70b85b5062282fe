/* The records of a journal. What stands here is read for ever: fields are only ever added (S18). */
#include "wire/names.h"
#include "wire/record.h"
#include "wire/schema.h"
#include "wire/shard.h"

static const struct wire_field genesis_fields[] = {
	WIRE_NAME(wire_record_genesis, 2, cluster, WIRE_FIELD_REQUIRED),
	WIRE_RANGE_U32(wire_record_genesis, 3, shard, 0, WIRE_SHARDS_MAX - 1, 0),
	WIRE_RANGE_U32(wire_record_genesis, 4, shard_count, 1, WIRE_SHARDS_MAX,
		       WIRE_FIELD_REQUIRED),
	WIRE_HASH(wire_record_genesis, 5, slots, WIRE_FIELD_REQUIRED),
	WIRE_TEXT(wire_record_genesis, 6, created),
};
const struct wire_table wire_table_genesis =
	WIRE_TABLE("genesis", wire_record_genesis, genesis_fields);

static const struct wire_field epoch_fields[] = {
	WIRE_RANGE_U64(wire_record_epoch, 2, epoch, 1, UINT64_MAX, WIRE_FIELD_REQUIRED),
	WIRE_NAME(wire_record_epoch, 3, node, WIRE_FIELD_REQUIRED),
	WIRE_U64(wire_record_epoch, 4, nonce),
	WIRE_RANGE_U32(wire_record_epoch, 5, format, 1, UINT32_MAX, WIRE_FIELD_REQUIRED),
	WIRE_U64(wire_record_epoch, 6, unix_ms),
};
const struct wire_table wire_table_epoch = WIRE_TABLE("epoch", wire_record_epoch, epoch_fields);

static const struct wire_field noop_fields[] = {
	WIRE_RANGE_U32(wire_record_noop, 2, unused, 0, 0, 0),
};
const struct wire_table wire_table_noop = WIRE_TABLE("noop", wire_record_noop, noop_fields);

static const struct wire_field accepted_fields[] = {
	WIRE_NAME(wire_record_accepted, 2, saga, WIRE_FIELD_REQUIRED),
	WIRE_U64(wire_record_accepted, 3, admission),
	WIRE_HASH(wire_record_accepted, 4, body_hash, WIRE_FIELD_REQUIRED),
	WIRE_STRUCT(wire_record_accepted, 5, plan, wire_plan, &wire_table_plan,
		    WIRE_FIELD_REQUIRED),
	WIRE_BIN(wire_record_accepted, 6, input, 0, WIRE_INPUT_SIZE_MAX, 0),
	WIRE_U64(wire_record_accepted, 7, accepted_at),
	WIRE_U64(wire_record_accepted, 8, deadline_at),
	WIRE_U64(wire_record_accepted, 9, retry_until_at),
	WIRE_ARRAY(wire_record_accepted, 10, labels, wire_label, label_count, &wire_table_label, 0,
		   WIRE_LABELS_MAX, 0),
	WIRE_TEXT(wire_record_accepted, 11, traceparent),
};
const struct wire_table wire_table_accepted =
	WIRE_TABLE("accepted", wire_record_accepted, accepted_fields);

static const struct wire_field branch_fields[] = {
	WIRE_U64(wire_record_branch, 2, admission),
	WIRE_RANGE_U32(wire_record_branch, 3, step, 0, WIRE_STEPS_MAX - 1, 0),
	WIRE_ENUM(wire_record_branch, 4, op, WIRE_OP_FORWARD, WIRE_OP_SETTLE, wire_op_name,
		  WIRE_FIELD_REQUIRED),
	WIRE_ENUM(wire_record_branch, 5, event, WIRE_EVENT_OK, WIRE_EVENT_HEURISTIC,
		  wire_event_name, WIRE_FIELD_REQUIRED),
	WIRE_U32(wire_record_branch, 6, attempt),
	WIRE_U32(wire_record_branch, 7, code),
	WIRE_TEXT(wire_record_branch, 8, text),
	WIRE_BIN(wire_record_branch, 9, output, 0, WIRE_OUTPUT_SIZE_MAX, 0),
	WIRE_U64(wire_record_branch, 10, next_at),
	WIRE_NAME(wire_record_branch, 11, instance, 0),
	WIRE_ENUM(wire_record_branch, 12, barrier, 0, UINT32_MAX, wire_barrier_name, 0),
};
const struct wire_table wire_table_branch = WIRE_TABLE("branch", wire_record_branch, branch_fields);

static const struct wire_field decision_fields[] = {
	WIRE_U64(wire_record_decision, 2, admission),
	WIRE_ENUM(wire_record_decision, 3, reason, 0, WIRE_REASON_IDLE, wire_reason_name, 0),
	WIRE_RANGE_U32(wire_record_decision, 4, step, 0, WIRE_STEPS_MAX - 1, 0),
	WIRE_TEXT(wire_record_decision, 5, text),
	WIRE_BOOL(wire_record_decision, 6, has_step),
	WIRE_ENUM(wire_record_decision, 7, verdict, 0, WIRE_DECISION_ABORT, wire_decision_name, 0),
};
const struct wire_table wire_table_decision =
	WIRE_TABLE("decision", wire_record_decision, decision_fields);

static const struct wire_field parked_fields[] = {
	WIRE_U64(wire_record_parked, 2, admission),
	WIRE_RANGE_U32(wire_record_parked, 3, step, 0, WIRE_STEPS_MAX - 1, 0),
	WIRE_ENUM(wire_record_parked, 4, op, WIRE_OP_FORWARD, WIRE_OP_SETTLE, wire_op_name,
		  WIRE_FIELD_REQUIRED),
	WIRE_U32(wire_record_parked, 5, attempts),
	WIRE_U32(wire_record_parked, 6, code),
	WIRE_TEXT(wire_record_parked, 7, text),
	WIRE_U64(wire_record_parked, 8, next_at),
};
const struct wire_table wire_table_parked = WIRE_TABLE("parked", wire_record_parked, parked_fields);

static const struct wire_field finished_fields[] = {
	WIRE_U64(wire_record_finished, 2, admission),
	WIRE_ENUM(wire_record_finished, 3, state, WIRE_STATE_COMPLETED, WIRE_STATE_CANCELLED,
		  wire_state_name, WIRE_FIELD_REQUIRED),
	WIRE_U64(wire_record_finished, 4, at),
	WIRE_U64(wire_record_finished, 5, remember_until_at),
};
const struct wire_table wire_table_finished =
	WIRE_TABLE("finished", wire_record_finished, finished_fields);

static const struct wire_field tombstone_fields[] = {
	WIRE_NAME(wire_record_tombstone, 2, saga, WIRE_FIELD_REQUIRED),
	WIRE_U64(wire_record_tombstone, 3, retry_until_at),
	WIRE_TEXT(wire_record_tombstone, 4, reason),
	WIRE_U64(wire_record_tombstone, 5, at),
	WIRE_U64(wire_record_tombstone, 6, remember_until_at),
};
const struct wire_table wire_table_tombstone =
	WIRE_TABLE("tombstone", wire_record_tombstone, tombstone_fields);

static const struct wire_field inbox_fields[] = {
	WIRE_TEXT(wire_record_inbox, 2, created),
	WIRE_U64(wire_record_inbox, 3, sequence),
	WIRE_U32(wire_record_inbox, 4, code),
	WIRE_NAME(wire_record_inbox, 5, saga, 0),
	WIRE_NAME(wire_record_inbox, 6, tenant, 0),
	WIRE_TEXT(wire_record_inbox, 7, text),
	WIRE_U64(wire_record_inbox, 8, at),
	WIRE_U64(wire_record_inbox, 9, remember_until_at),
};
const struct wire_table wire_table_inbox = WIRE_TABLE("inbox", wire_record_inbox, inbox_fields);

static const struct wire_field enlisted_fields[] = {
	WIRE_U64(wire_record_enlisted, 2, admission),
	WIRE_STRUCT(wire_record_enlisted, 3, step, wire_step, &wire_table_step,
		    WIRE_FIELD_REQUIRED),
	WIRE_U64(wire_record_enlisted, 4, at),
};
const struct wire_table wire_table_enlisted =
	WIRE_TABLE("enlisted", wire_record_enlisted, enlisted_fields);

static const struct wire_field closed_fields[] = {
	WIRE_U64(wire_record_closed, 2, admission),
	WIRE_BOOL(wire_record_closed, 3, has_input),
	WIRE_BIN(wire_record_closed, 4, input, 0, WIRE_INPUT_SIZE_MAX, 0),
	WIRE_U64(wire_record_closed, 5, at),
};
const struct wire_table wire_table_closed = WIRE_TABLE("closed", wire_record_closed, closed_fields);
