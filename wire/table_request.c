/* Between clients and owners: submit, query, cancel and their answer. */
#include "wire/names.h"
#include "wire/schema.h"
#include "wire/shard.h"

#define LABELS(tag, key)                                                                           \
	WIRE_ARRAY(tag, key, labels, wire_label, label_count, &wire_table_label, 0,                \
		   WIRE_LABELS_MAX, 0)

#define UNTIL(tag, key) WIRE_ENUM(tag, key, until, 0, WIRE_UNTIL_DECIDED, wire_until_name, 0)

static const struct wire_field submit_fields[] = {
	WIRE_NAME(wire_submit, 2, id, WIRE_FIELD_REQUIRED),
	WIRE_STRUCT(wire_submit, 3, plan, wire_plan, &wire_table_plan, WIRE_FIELD_REQUIRED),
	WIRE_BIN(wire_submit, 4, input, 0, WIRE_INPUT_SIZE_MAX, 0),
	WIRE_U64(wire_submit, 5, retry_until_at),
	WIRE_U32(wire_submit, 6, deadline_ms),
	LABELS(wire_submit, 7),
	WIRE_TEXT(wire_submit, 8, traceparent),
	WIRE_BOOL(wire_submit, 9, wait),
	UNTIL(wire_submit, 10),
};
const struct wire_table wire_table_submit = WIRE_TABLE("submit", wire_submit, submit_fields);

static const struct wire_field body_fields[] = {
	WIRE_STRUCT(wire_submit, 3, plan, wire_plan, &wire_table_plan, WIRE_FIELD_REQUIRED),
	WIRE_BIN(wire_submit, 4, input, 0, WIRE_INPUT_SIZE_MAX, 0),
	WIRE_U32(wire_submit, 6, deadline_ms),
	LABELS(wire_submit, 7),
};
const struct wire_table wire_table_body = WIRE_TABLE("body", wire_submit, body_fields);

static const struct wire_field query_fields[] = {
	WIRE_NAME(wire_query, 2, id, WIRE_FIELD_REQUIRED),
	WIRE_BOOL(wire_query, 3, wait),
	UNTIL(wire_query, 4),
};
const struct wire_table wire_table_query = WIRE_TABLE("query", wire_query, query_fields);

static const struct wire_field cancel_fields[] = {
	WIRE_NAME(wire_cancel, 2, id, WIRE_FIELD_REQUIRED),
	WIRE_TEXT(wire_cancel, 3, reason),
	WIRE_U64(wire_cancel, 4, retry_until_at),
};
const struct wire_table wire_table_cancel = WIRE_TABLE("cancel", wire_cancel, cancel_fields);

static const struct wire_field enlist_fields[] = {
	WIRE_NAME(wire_enlist, 2, id, WIRE_FIELD_REQUIRED),
	WIRE_STRUCT(wire_enlist, 3, step, wire_step, &wire_table_step, WIRE_FIELD_REQUIRED),
};
const struct wire_table wire_table_enlist = WIRE_TABLE("enlist", wire_enlist, enlist_fields);

static const struct wire_field commit_fields[] = {
	WIRE_NAME(wire_commit, 2, id, WIRE_FIELD_REQUIRED),
	WIRE_RANGE_U32(wire_commit, 3, branch_count, 0, WIRE_STEPS_MAX, 0),
	WIRE_HASH(wire_commit, 4, branch_hash, WIRE_FIELD_REQUIRED),
	WIRE_BIN(wire_commit, 5, input, 0, WIRE_INPUT_SIZE_MAX, 0),
	WIRE_BOOL(wire_commit, 6, wait),
	UNTIL(wire_commit, 7),
};
const struct wire_table wire_table_commit = WIRE_TABLE("commit", wire_commit, commit_fields);

static const struct wire_field inquire_fields[] = {
	WIRE_NAME(wire_inquire, 2, id, WIRE_FIELD_REQUIRED),
	WIRE_NAME(wire_inquire, 3, step, 0),
};
const struct wire_table wire_table_inquire = WIRE_TABLE("inquire", wire_inquire, inquire_fields);

static const struct wire_field branch_view_fields[] = {
	WIRE_NAME(wire_branch_view, 2, step, WIRE_FIELD_REQUIRED),
	WIRE_NAME(wire_branch_view, 3, service, 0),
	WIRE_ENUM(wire_branch_view, 4, state, WIRE_BRANCH_PENDING, WIRE_BRANCH_HEURISTIC,
		  wire_branch_state_name, 0),
	WIRE_U32(wire_branch_view, 5, forward_attempts),
	WIRE_U32(wire_branch_view, 6, undo_attempts),
	WIRE_U32(wire_branch_view, 7, code),
	WIRE_TEXT(wire_branch_view, 8, text),
	WIRE_U64(wire_branch_view, 9, next_at),
	WIRE_U32(wire_branch_view, 10, finish_attempts),
	WIRE_U32(wire_branch_view, 11, settle_attempts),
	WIRE_ENUM(wire_branch_view, 12, kind, 0, UINT32_MAX, wire_protocol_name, 0),
	WIRE_U32(wire_branch_view, 13, flags),
};
static const struct wire_table branch_view_table =
	WIRE_TABLE("branch_view", wire_branch_view, branch_view_fields);

static const struct wire_field answer_fields[] = {
	WIRE_U32(wire_answer, 2, code),
	WIRE_NAME(wire_answer, 3, id, 0),
	WIRE_ENUM(wire_answer, 4, state, 0, WIRE_STATE_OPEN, wire_state_name, 0),
	WIRE_ENUM(wire_answer, 5, reason, 0, WIRE_REASON_IDLE, wire_reason_name, 0),
	WIRE_RANGE_U32(wire_answer, 6, shard, 0, WIRE_SHARDS_MAX - 1, 0),
	WIRE_U64(wire_answer, 7, epoch),
	WIRE_U64(wire_answer, 8, record_number),
	WIRE_U32(wire_answer, 9, retry_after_ms),
	WIRE_TEXT(wire_answer, 10, text),
	WIRE_U64(wire_answer, 11, accepted_at),
	WIRE_U64(wire_answer, 12, deadline_at),
	WIRE_U64(wire_answer, 13, finished_at),
	WIRE_ARRAY(wire_answer, 14, branches, wire_branch_view, branch_count, &branch_view_table, 0,
		   WIRE_STEPS_MAX, 0),
	WIRE_NAME(wire_answer, 15, definition, 0),
	WIRE_U32(wire_answer, 16, definition_version),
	LABELS(wire_answer, 17),
	WIRE_ENUM(wire_answer, 18, decision, 0, WIRE_DECISION_ABORT, wire_decision_name, 0),
	WIRE_U32(wire_answer, 19, heuristics),
};
const struct wire_table wire_table_answer = WIRE_TABLE("answer", wire_answer, answer_fields);
