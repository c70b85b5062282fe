/* The operator's verbs and operations. */
#include "wire/admin.h"
#include "wire/codec.h"
#include "wire/names.h"
#include "wire/schema.h"
#include "wire/shard.h"

#define SHARD_FIELD(tag, key) WIRE_RANGE_U32(tag, key, shard, 0, WIRE_SHARDS_MAX - 1, 0)
#define ACTOR_FIELD(tag, key, member)                                                              \
	WIRE_BYTES(tag, key, member, WIRE_TYPE_TEXT, 0, WIRE_ACTOR_SIZE_MAX, 0)
#define REASON_FIELD(tag, key, member)                                                             \
	WIRE_BYTES(tag, key, member, WIRE_TYPE_TEXT, 0, WIRE_REASON_SIZE_MAX, 0)
#define WHY_FIELD(tag, key) WIRE_ENUM(tag, key, why, 0, UINT32_MAX, wire_why_name, 0)

enum {
	MOVE_TIMEOUT_MIN_MS = 1000,
	MOVE_TIMEOUT_MAX_MS = 3600000,
	PACE_MAX_MS = 3600000,
};

static const struct wire_field move_fields[] = {
	SHARD_FIELD(wire_admin_move, 2),      WIRE_NAME(wire_admin_move, 3, from, 0),
	WIRE_NAME(wire_admin_move, 4, to, 0), WIRE_U32(wire_admin_move, 5, load),
	WHY_FIELD(wire_admin_move, 6),        WIRE_BOOL(wire_admin_move, 7, skipped),
};
static const struct wire_table move_table = WIRE_TABLE("admin_move", wire_admin_move, move_fields);

static const struct wire_field load_fields[] = {
	SHARD_FIELD(wire_admin_load, 2),
	WIRE_U32(wire_admin_load, 3, load),
};
static const struct wire_table load_table = WIRE_TABLE("admin_load", wire_admin_load, load_fields);

static const struct wire_field request_fields[] = {
	WIRE_BOOL(wire_admin_request, 2, apply),
	ACTOR_FIELD(wire_admin_request, 3, actor),
	REASON_FIELD(wire_admin_request, 4, reason),
	WIRE_NAME(wire_admin_request, 5, node, 0),
	WIRE_BOOL(wire_admin_request, 6, has_shard),
	SHARD_FIELD(wire_admin_request, 7),
	WIRE_NAME(wire_admin_request, 8, operation, 0),
	WIRE_U64(wire_admin_request, 9, plan_version),
	WIRE_ENUM(wire_admin_request, 10, strategy, WIRE_STRATEGY_COUNT, WIRE_STRATEGY_WEIGHTED,
		  wire_strategy_name, 0),
	WIRE_RANGE_U32(wire_admin_request, 11, threshold_percent, 0, 100, 0),
	WIRE_RANGE_U32(wire_admin_request, 12, max_moves, 0, WIRE_MOVES_MAX, 0),
	WIRE_RANGE_U32(wire_admin_request, 13, max_moves_per_node, 0, WIRE_MOVES_MAX, 0),
	WIRE_RANGE_U32(wire_admin_request, 14, pace_ms, 0, PACE_MAX_MS, 0),
	WIRE_RANGE_U32(wire_admin_request, 15, timeout_ms, MOVE_TIMEOUT_MIN_MS, MOVE_TIMEOUT_MAX_MS,
		       0),
	WIRE_ARRAY(wire_admin_request, 16, loads, wire_admin_load, load_count, &load_table, 0,
		   WIRE_MOVES_MAX, 0),
	WIRE_ARRAY(wire_admin_request, 17, moves, wire_admin_move, move_count, &move_table, 0,
		   WIRE_MOVES_MAX, 0),
	WIRE_BOOL(wire_admin_request, 18, force),
	WIRE_BOOL(wire_admin_request, 19, has_pace),
};
const struct wire_table wire_table_admin_request =
	WIRE_TABLE("admin_request", wire_admin_request, request_fields);

static const struct wire_field shard_fields[] = {
	SHARD_FIELD(wire_admin_shard, 2),
	WIRE_NAME(wire_admin_shard, 3, owner, 0),
	WIRE_U64(wire_admin_shard, 4, epoch),
	WIRE_NAME(wire_admin_shard, 5, target, 0),
	WIRE_NAME(wire_admin_shard, 6, standby, 0),
	WIRE_ENUM(wire_admin_shard, 7, state, 0, UINT32_MAX, wire_shard_state_name, 0),
	WIRE_U32(wire_admin_shard, 8, code),
	WIRE_NAME(wire_admin_shard, 9, operation, 0),
	WIRE_ENUM(wire_admin_shard, 10, phase, 0, UINT32_MAX, wire_phase_name, 0),
	WIRE_BOOL(wire_admin_shard, 11, pinned),
	WIRE_NAME(wire_admin_shard, 12, pin_node, 0),
	REASON_FIELD(wire_admin_shard, 13, pin_reason),
	WIRE_BOOL(wire_admin_shard, 14, frozen),
	REASON_FIELD(wire_admin_shard, 15, freeze_reason),
	ACTOR_FIELD(wire_admin_shard, 16, pin_actor),
	ACTOR_FIELD(wire_admin_shard, 17, freeze_actor),
};
static const struct wire_table shard_table =
	WIRE_TABLE("admin_shard", wire_admin_shard, shard_fields);

static const struct wire_field node_fields[] = {
	WIRE_NAME(wire_admin_node, 2, id, WIRE_FIELD_REQUIRED),
	WIRE_TEXT(wire_admin_node, 3, address),
	WIRE_TEXT(wire_admin_node, 4, zone),
	WIRE_TEXT(wire_admin_node, 5, version),
	WIRE_ENUM(wire_admin_node, 6, state, 0, UINT32_MAX, wire_node_state_name, 0),
	WIRE_U32(wire_admin_node, 7, weight),
	WIRE_U32(wire_admin_node, 8, shards),
	WIRE_U32(wire_admin_node, 9, targets),
	WIRE_U32(wire_admin_node, 10, after),
	WIRE_U64(wire_admin_node, 11, since),
	WIRE_BOOL(wire_admin_node, 12, healthy),
	WIRE_BOOL(wire_admin_node, 13, cordoned),
	ACTOR_FIELD(wire_admin_node, 14, cordon_actor),
	REASON_FIELD(wire_admin_node, 15, cordon_reason),
	WIRE_BOOL(wire_admin_node, 16, drained),
	ACTOR_FIELD(wire_admin_node, 17, drain_actor),
	REASON_FIELD(wire_admin_node, 18, drain_reason),
	WHY_FIELD(wire_admin_node, 19),
	WIRE_U64(wire_admin_node, 20, load),
	WIRE_U64(wire_admin_node, 21, load_after),
};
static const struct wire_table node_table = WIRE_TABLE("admin_node", wire_admin_node, node_fields);

static const struct wire_field item_fields[] = {
	SHARD_FIELD(wire_ops_item, 2),
	WIRE_NAME(wire_ops_item, 3, from, 0),
	WIRE_NAME(wire_ops_item, 4, to, 0),
	WIRE_ENUM(wire_ops_item, 5, phase, 0, UINT32_MAX, wire_phase_name, 0),
	WIRE_U64(wire_ops_item, 6, begun),
	WIRE_U32(wire_ops_item, 7, ms),
	WHY_FIELD(wire_ops_item, 8),
	WIRE_U32(wire_ops_item, 9, load),
};
static const struct wire_table item_table = WIRE_TABLE("ops_item", wire_ops_item, item_fields);

static const struct wire_field operation_fields[] = {
	WIRE_NAME(wire_operation, 2, id, WIRE_FIELD_REQUIRED),
	WIRE_ENUM(wire_operation, 3, kind, 0, UINT32_MAX, wire_ops_kind_name, 0),
	WIRE_ENUM(wire_operation, 4, state, 0, UINT32_MAX, wire_ops_state_name, 0),
	WIRE_U64(wire_operation, 5, plan_version),
	WIRE_NAME(wire_operation, 6, node, 0),
	ACTOR_FIELD(wire_operation, 7, actor),
	REASON_FIELD(wire_operation, 8, reason),
	WIRE_U64(wire_operation, 9, created),
	WIRE_U64(wire_operation, 10, updated),
	WIRE_U64(wire_operation, 11, ended),
	WIRE_U32(wire_operation, 12, max_moves),
	WIRE_U32(wire_operation, 13, max_moves_per_node),
	WIRE_U32(wire_operation, 14, pace_ms),
	WIRE_U32(wire_operation, 15, timeout_ms),
	WIRE_U32(wire_operation, 16, planned),
	WIRE_U32(wire_operation, 17, moving),
	WIRE_U32(wire_operation, 18, done),
	WIRE_U32(wire_operation, 19, failed),
	WIRE_U32(wire_operation, 20, rolled_back),
	WIRE_U32(wire_operation, 21, skipped),
	WIRE_U32(wire_operation, 22, longest_ms),
	WIRE_BOOL(wire_operation, 23, stalled),
	WIRE_ARRAY(wire_operation, 24, items, wire_ops_item, item_count, &item_table, 0,
		   WIRE_MOVES_MAX, 0),
	WIRE_U64(wire_operation, 25, version),
};
const struct wire_table wire_table_operation =
	WIRE_TABLE("operation", wire_operation, operation_fields);

static const struct wire_field event_fields[] = {
	WIRE_U64(wire_ops_event, 2, at),
	SHARD_FIELD(wire_ops_event, 3),
	WIRE_U64(wire_ops_event, 4, epoch),
	WIRE_NAME(wire_ops_event, 5, node, 0),
	WIRE_NAME(wire_ops_event, 6, operation, 0),
};
static const struct wire_table event_table = WIRE_TABLE("ops_event", wire_ops_event, event_fields);

static const struct wire_field history_fields[] = {
	SHARD_FIELD(wire_ops_history, 2),
	WIRE_ARRAY(wire_ops_history, 3, events, wire_ops_event, event_count, &event_table, 0,
		   WIRE_EVENTS_MAX, 0),
};
const struct wire_table wire_table_ops_history =
	WIRE_TABLE("ops_history", wire_ops_history, history_fields);

static const struct wire_field answer_fields[] = {
	WIRE_U32(wire_admin_answer, 2, code),
	WIRE_TEXT(wire_admin_answer, 3, text),
	WIRE_NAME(wire_admin_answer, 4, node, 0),
	WIRE_U64(wire_admin_answer, 5, plan_version),
	WIRE_NAME(wire_admin_answer, 6, planner, 0),
	WIRE_ARRAY(wire_admin_answer, 7, shards, wire_admin_shard, shard_count, &shard_table, 0,
		   WIRE_SHARDS_MAX, 0),
	WIRE_ARRAY(wire_admin_answer, 8, nodes, wire_admin_node, node_count, &node_table, 0,
		   WIRE_NODES_MAX, 0),
	WIRE_ARRAY(wire_admin_answer, 9, operations, wire_operation, operation_count,
		   &wire_table_operation, 0, WIRE_OPS_MAX, 0),
	WIRE_ARRAY(wire_admin_answer, 10, moves, wire_admin_move, move_count, &move_table, 0,
		   WIRE_MOVES_MAX, 0),
	WIRE_ARRAY(wire_admin_answer, 11, events, wire_ops_event, event_count, &event_table, 0,
		   WIRE_EVENTS_MAX, 0),
	WIRE_BOOL(wire_admin_answer, 12, events_cut),
	WIRE_U64(wire_admin_answer, 13, now),
};
const struct wire_table wire_table_admin_answer =
	WIRE_TABLE("admin_answer", wire_admin_answer, answer_fields);
