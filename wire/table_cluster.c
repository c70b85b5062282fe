/* Cluster and inspection: info, list, history, init, alert. */
#include "wire/codec.h"
#include "wire/names.h"
#include "wire/schema.h"
#include "wire/shard.h"

enum {
	WARNINGS_SIZE_MAX = 4096, /* several sentences */
	NODES_MAX = 500,
	REPLICAS_MAX = 5,
};

static const struct wire_field info_request_fields[] = {
	WIRE_BOOL(wire_info_request, 2, verbose),
};
const struct wire_table wire_table_info_request =
	WIRE_TABLE("info_request", wire_info_request, info_request_fields);

static const struct wire_field node_view_fields[] = {
	WIRE_NAME(wire_node_view, 2, id, WIRE_FIELD_REQUIRED),
	WIRE_TEXT(wire_node_view, 3, address),
	WIRE_TEXT(wire_node_view, 4, zone),
	WIRE_TEXT(wire_node_view, 5, version),
	WIRE_U32(wire_node_view, 6, shards),
	WIRE_ENUM(wire_node_view, 7, state, 0, UINT32_MAX, wire_node_state_name, 0),
	WIRE_U64(wire_node_view, 8, since_unix_ms),
};
static const struct wire_table node_view_table =
	WIRE_TABLE("node_view", wire_node_view, node_view_fields);

static const struct wire_field shard_view_fields[] = {
	WIRE_RANGE_U32(wire_shard_view, 2, shard, 0, WIRE_SHARDS_MAX - 1, 0),
	WIRE_NAME(wire_shard_view, 3, owner, 0),
	WIRE_U64(wire_shard_view, 4, epoch),
	WIRE_NAME(wire_shard_view, 5, target, 0),
	WIRE_ENUM(wire_shard_view, 6, state, 0, UINT32_MAX, wire_shard_state_name, 0),
	WIRE_U32(wire_shard_view, 7, code),
};
static const struct wire_table shard_view_table =
	WIRE_TABLE("shard_view", wire_shard_view, shard_view_fields);

static const struct wire_field info_fields[] = {
	WIRE_NAME(wire_info, 2, cluster, 0),
	WIRE_RANGE_U32(wire_info, 3, shard_count, 0, WIRE_SHARDS_MAX, 0),
	WIRE_BIN(wire_info, 4, slots, WIRE_SLOTS, WIRE_SLOTS, 0),
	WIRE_U32(wire_info, 5, format),
	WIRE_NAME(wire_info, 6, node, 0),
	WIRE_TEXT(wire_info, 7, version),
	WIRE_U32(wire_info, 8, code),
	WIRE_ARRAY(wire_info, 9, nodes, wire_node_view, node_count, &node_view_table, 0, NODES_MAX,
		   0),
	WIRE_ARRAY(wire_info, 10, shards, wire_shard_view, shard_view_count, &shard_view_table, 0,
		   WIRE_SHARDS_MAX, 0),
	WIRE_NAME(wire_info, 11, planner, 0),
	WIRE_U64(wire_info, 12, plan_version),
	WIRE_TEXT(wire_info, 13, nats_version),
	WIRE_BYTES(wire_info, 14, warnings, WIRE_TYPE_TEXT, 0, WARNINGS_SIZE_MAX, 0),
	WIRE_U32(wire_info, 15, input_size_max),
};
const struct wire_table wire_table_info = WIRE_TABLE("info", wire_info, info_fields);

static const struct wire_field list_request_fields[] = {
	WIRE_U32(wire_list_request, 2, states),
	WIRE_U64(wire_list_request, 3, after),
	WIRE_RANGE_U32(wire_list_request, 4, limit, 1, WIRE_LIST_MAX, WIRE_FIELD_REQUIRED),
	WIRE_BOOL(wire_list_request, 5, heuristic),
};
const struct wire_table wire_table_list_request =
	WIRE_TABLE("list_request", wire_list_request, list_request_fields);

static const struct wire_field saga_view_fields[] = {
	WIRE_NAME(wire_saga_view, 2, id, WIRE_FIELD_REQUIRED),
	WIRE_NAME(wire_saga_view, 3, definition, 0),
	WIRE_ENUM(wire_saga_view, 4, state, 0, WIRE_STATE_OPEN, wire_state_name, 0),
	WIRE_ENUM(wire_saga_view, 5, reason, 0, WIRE_REASON_IDLE, wire_reason_name, 0),
	WIRE_U64(wire_saga_view, 6, admission),
	WIRE_U64(wire_saga_view, 7, accepted_at),
	WIRE_U64(wire_saga_view, 8, finished_at),
	WIRE_NAME(wire_saga_view, 9, step, 0),
	WIRE_U32(wire_saga_view, 10, attempts),
	WIRE_U32(wire_saga_view, 11, code),
	WIRE_ENUM(wire_saga_view, 12, decision, 0, WIRE_DECISION_ABORT, wire_decision_name, 0),
	WIRE_U32(wire_saga_view, 13, heuristics),
};
static const struct wire_table saga_view_table =
	WIRE_TABLE("saga_view", wire_saga_view, saga_view_fields);

static const struct wire_field list_fields[] = {
	WIRE_U32(wire_list, 2, code),
	WIRE_RANGE_U32(wire_list, 3, shard, 0, WIRE_SHARDS_MAX - 1, 0),
	WIRE_U64(wire_list, 4, epoch),
	WIRE_ARRAY(wire_list, 5, sagas, wire_saga_view, saga_count, &saga_view_table, 0,
		   WIRE_LIST_MAX, 0),
	WIRE_U64(wire_list, 6, next),
	WIRE_U32(wire_list, 7, open),
	WIRE_U32(wire_list, 8, parked),
	WIRE_U64(wire_list, 9, now_at),
};
const struct wire_table wire_table_list = WIRE_TABLE("list", wire_list, list_fields);

static const struct wire_field history_request_fields[] = {
	WIRE_NAME(wire_history_request, 2, id, WIRE_FIELD_REQUIRED),
	WIRE_U64(wire_history_request, 3, from_sequence),
};
const struct wire_table wire_table_history_request =
	WIRE_TABLE("history_request", wire_history_request, history_request_fields);

static const struct wire_field history_entry_fields[] = {
	WIRE_U64(wire_history_entry, 2, record_number),
	WIRE_U64(wire_history_entry, 3, at),
	WIRE_U64(wire_history_entry, 4, epoch),
	WIRE_BIN(wire_history_entry, 5, record, 1, WIRE_MESSAGE_SIZE_MAX, WIRE_FIELD_REQUIRED),
};
static const struct wire_table history_entry_table =
	WIRE_TABLE("history_entry", wire_history_entry, history_entry_fields);

static const struct wire_field history_fields[] = {
	WIRE_U32(wire_history, 2, code),
	WIRE_NAME(wire_history, 3, id, 0),
	WIRE_RANGE_U32(wire_history, 4, shard, 0, WIRE_SHARDS_MAX - 1, 0),
	WIRE_ARRAY(wire_history, 5, entries, wire_history_entry, entry_count, &history_entry_table,
		   0, WIRE_HISTORY_MAX, 0),
	WIRE_U64(wire_history, 6, next_sequence),
};
const struct wire_table wire_table_history = WIRE_TABLE("history", wire_history, history_fields);

static const struct wire_field init_request_fields[] = {
	WIRE_NAME(wire_init_request, 2, cluster, 0),
	WIRE_RANGE_U32(wire_init_request, 3, shard_count, 1, WIRE_SHARDS_MAX, WIRE_FIELD_REQUIRED),
	WIRE_RANGE_U32(wire_init_request, 4, replicas, 1, REPLICAS_MAX, WIRE_FIELD_REQUIRED),
};
const struct wire_table wire_table_init_request =
	WIRE_TABLE("init_request", wire_init_request, init_request_fields);

static const struct wire_field init_fields[] = {
	WIRE_U32(wire_init, 2, code),
	WIRE_NAME(wire_init, 3, cluster, 0),
	WIRE_RANGE_U32(wire_init, 4, shard_count, 0, WIRE_SHARDS_MAX, 0),
	WIRE_TEXT(wire_init, 5, text),
};
const struct wire_table wire_table_init = WIRE_TABLE("init", wire_init, init_fields);

static const struct wire_field alert_fields[] = {
	WIRE_RANGE_U32(wire_alert, 2, shard, 0, WIRE_SHARDS_MAX - 1, 0),
	WIRE_U64(wire_alert, 3, epoch),
	WIRE_U64(wire_alert, 4, record_number),
	WIRE_NAME(wire_alert, 5, saga, 0),
	WIRE_NAME(wire_alert, 6, step, 0),
	WIRE_ENUM(wire_alert, 7, op, WIRE_OP_FORWARD, WIRE_OP_SETTLE, wire_op_name, 0),
	WIRE_U32(wire_alert, 8, attempts),
	WIRE_U32(wire_alert, 9, code),
	WIRE_TEXT(wire_alert, 10, text),
	WIRE_NAME(wire_alert, 11, definition, 0),
	WIRE_NAME(wire_alert, 12, service, 0),
};
const struct wire_table wire_table_alert = WIRE_TABLE("alert", wire_alert, alert_fields);
