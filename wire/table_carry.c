/* The records of carry-forward (S17). What stands here is read for ever: fields are only added. */
#include "wire/names.h"
#include "wire/record.h"
#include "wire/schema.h"
#include "wire/shard.h"

#define RESULT(key_, member)                                                                       \
	WIRE_ENUM(wire_carried_branch, key_, member, WIRE_EVENT_OK, WIRE_EVENT_HEURISTIC,          \
		  wire_event_name, 0)

static const struct wire_field branch_fields[] = {
	WIRE_ENUM(wire_carried_branch, 2, state, WIRE_BRANCH_PENDING, WIRE_BRANCH_HEURISTIC,
		  wire_branch_state_name, WIRE_FIELD_REQUIRED),
	WIRE_ENUM(wire_carried_branch, 3, op, WIRE_OP_FORWARD, WIRE_OP_SETTLE, wire_op_name, 0),
	WIRE_U32(wire_carried_branch, 4, forward_attempts),
	WIRE_U32(wire_carried_branch, 5, finish_attempts),
	WIRE_U32(wire_carried_branch, 6, undo_attempts),
	WIRE_U32(wire_carried_branch, 7, settle_attempts),
	RESULT(8, forward_result),
	RESULT(9, finish_result),
	RESULT(10, undo_result),
	RESULT(11, settle_result),
	WIRE_U32(wire_carried_branch, 12, code),
	WIRE_TEXT(wire_carried_branch, 13, text),
	WIRE_BIN(wire_carried_branch, 14, output, 0, WIRE_OUTPUT_SIZE_MAX, 0),
	WIRE_U64(wire_carried_branch, 15, next_at),
	WIRE_U64(wire_carried_branch, 16, began_at),
};
static const struct wire_table branch_table =
	WIRE_TABLE("carried_branch", wire_carried_branch, branch_fields);

static const struct wire_field carried_fields[] = {
	WIRE_NAME(wire_record_carried, 2, saga, WIRE_FIELD_REQUIRED),
	WIRE_RANGE_U64(wire_record_carried, 3, admission, 1, UINT64_MAX, WIRE_FIELD_REQUIRED),
	WIRE_HASH(wire_record_carried, 4, body_hash, WIRE_FIELD_REQUIRED),
	WIRE_STRUCT(wire_record_carried, 5, plan, wire_plan, &wire_table_plan, WIRE_FIELD_REQUIRED),
	WIRE_BIN(wire_record_carried, 6, input, 0, WIRE_INPUT_SIZE_MAX, 0),
	WIRE_U64(wire_record_carried, 7, accepted_at),
	WIRE_U64(wire_record_carried, 8, deadline_at),
	WIRE_U64(wire_record_carried, 9, retry_until_at),
	WIRE_ARRAY(wire_record_carried, 10, labels, wire_label, label_count, &wire_table_label, 0,
		   WIRE_LABELS_MAX, 0),
	WIRE_TEXT(wire_record_carried, 11, traceparent),
	WIRE_RANGE_U64(wire_record_carried, 12, first_record, 1, UINT64_MAX, WIRE_FIELD_REQUIRED),
	WIRE_RANGE_U64(wire_record_carried, 13, last_record, 1, UINT64_MAX, WIRE_FIELD_REQUIRED),
	WIRE_ENUM(wire_record_carried, 14, state, WIRE_STATE_RUNNING, WIRE_STATE_OPEN,
		  wire_state_name, WIRE_FIELD_REQUIRED),
	WIRE_ENUM(wire_record_carried, 15, decision, 0, WIRE_DECISION_ABORT, wire_decision_name, 0),
	WIRE_ENUM(wire_record_carried, 16, reason, 0, WIRE_REASON_IDLE, wire_reason_name, 0),
	WIRE_U64(wire_record_carried, 17, touched_at),
	WIRE_ARRAY(wire_record_carried, 18, branches, wire_carried_branch, branch_count,
		   &branch_table, 0, WIRE_STEPS_MAX, 0),
};
const struct wire_table wire_table_carried =
	WIRE_TABLE("carried", wire_record_carried, carried_fields);

static const struct wire_field id_fields[] = {
	WIRE_NAME(wire_remembered, 2, saga, WIRE_FIELD_REQUIRED),
	WIRE_RANGE_U64(wire_remembered, 3, admission, 1, UINT64_MAX, WIRE_FIELD_REQUIRED),
	WIRE_ENUM(wire_remembered, 4, state, WIRE_STATE_COMPLETED, WIRE_STATE_CANCELLED,
		  wire_state_name, WIRE_FIELD_REQUIRED),
	WIRE_ENUM(wire_remembered, 5, decision, WIRE_DECISION_COMMIT, WIRE_DECISION_ABORT,
		  wire_decision_name, WIRE_FIELD_REQUIRED),
	WIRE_ENUM(wire_remembered, 6, reason, 0, WIRE_REASON_IDLE, wire_reason_name, 0),
	WIRE_NAME(wire_remembered, 7, definition, 0),
	WIRE_U32(wire_remembered, 8, definition_version),
	WIRE_HASH(wire_remembered, 9, body_hash, 0),
	WIRE_U64(wire_remembered, 10, accepted_at),
	WIRE_U64(wire_remembered, 11, deadline_at),
	WIRE_U64(wire_remembered, 12, finished_at),
	WIRE_U64(wire_remembered, 13, retry_until_at),
	WIRE_U64(wire_remembered, 14, remember_until_at),
	WIRE_RANGE_U64(wire_remembered, 15, first_record, 1, UINT64_MAX, WIRE_FIELD_REQUIRED),
	WIRE_RANGE_U64(wire_remembered, 16, last_record, 1, UINT64_MAX, WIRE_FIELD_REQUIRED),
	WIRE_U32(wire_remembered, 17, code),
	WIRE_RANGE_U32(wire_remembered, 18, heuristics, 0, WIRE_STEPS_MAX, 0),
};
static const struct wire_table id_table = WIRE_TABLE("remembered_id", wire_remembered, id_fields);

static const struct wire_field remembered_fields[] = {
	WIRE_ARRAY(wire_record_remembered, 2, ids, wire_remembered, id_count, &id_table, 1,
		   WIRE_REMEMBERED_MAX, WIRE_FIELD_REQUIRED),
};
const struct wire_table wire_table_remembered =
	WIRE_TABLE("remembered", wire_record_remembered, remembered_fields);

static const struct wire_field segment_fields[] = {
	WIRE_RANGE_U64(wire_record_segment, 2, number, 1, UINT64_MAX, WIRE_FIELD_REQUIRED),
	WIRE_RANGE_U64(wire_record_segment, 3, whole_from, 1, UINT64_MAX, WIRE_FIELD_REQUIRED),
	WIRE_NAME(wire_record_segment, 4, cluster, WIRE_FIELD_REQUIRED),
	WIRE_RANGE_U32(wire_record_segment, 5, shard, 0, WIRE_SHARDS_MAX - 1, 0),
	WIRE_RANGE_U32(wire_record_segment, 6, shard_count, 1, WIRE_SHARDS_MAX,
		       WIRE_FIELD_REQUIRED),
	WIRE_HASH(wire_record_segment, 7, slots, WIRE_FIELD_REQUIRED),
	WIRE_TEXT(wire_record_segment, 8, created),
	WIRE_RANGE_U64(wire_record_segment, 9, next_admission, 1, UINT64_MAX, WIRE_FIELD_REQUIRED),
	WIRE_U64(wire_record_segment, 10, clock_at),
	WIRE_U64(wire_record_segment, 11, epoch),
	WIRE_TEXT(wire_record_segment, 12, inbox_created),
	WIRE_U64(wire_record_segment, 13, inbox_sequence),
	WIRE_U64(wire_record_segment, 14, history_record),
	WIRE_U32(wire_record_segment, 15, known),
	WIRE_U32(wire_record_segment, 16, open),
};
const struct wire_table wire_table_segment =
	WIRE_TABLE("segment", wire_record_segment, segment_fields);

static const struct wire_field history_fields[] = {
	WIRE_RANGE_U64(wire_record_history_mark, 2, record, 1, UINT64_MAX, WIRE_FIELD_REQUIRED),
};
const struct wire_table wire_table_history_mark =
	WIRE_TABLE("history_mark", wire_record_history_mark, history_fields);
