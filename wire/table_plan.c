/* Numbers of a plan have no limits here: a submit may leave them zero for the owner to fill in,
 * and wire_plan_check judges the resolved plan with better words (SAGA_E_POLICY, _DEADLINE). */
#include "wire/names.h"
#include "wire/schema.h"

static const struct wire_field retry_fields[] = {
	WIRE_U32(wire_retry, 2, initial_ms), WIRE_U32(wire_retry, 3, factor_percent),
	WIRE_U32(wire_retry, 4, cap_ms),     WIRE_U32(wire_retry, 5, jitter_percent),
	WIRE_U32(wire_retry, 6, attempts),
};
static const struct wire_table retry_table = WIRE_TABLE("retry", wire_retry, retry_fields);

static const struct wire_field step_fields[] = {
	WIRE_NAME(wire_step, 2, name, WIRE_FIELD_REQUIRED),
	WIRE_NAME(wire_step, 3, service, WIRE_FIELD_REQUIRED),
	WIRE_NAME(wire_step, 4, forward, WIRE_FIELD_REQUIRED),
	WIRE_NAME(wire_step, 5, finish, 0),
	WIRE_NAME(wire_step, 6, undo, 0),
	WIRE_BIN(wire_step, 7, after, 0, WIRE_STEPS_MAX, WIRE_FIELD_PLAN),
	WIRE_U32(wire_step, 8, attempt_timeout_ms),
	WIRE_U32(wire_step, 9, budget_ms),
	WIRE_ENUM(wire_step, 10, delivery, 0, UINT32_MAX, wire_delivery_name, 0),
	WIRE_STRUCT(wire_step, 11, retry, wire_retry, &retry_table, 0),
	WIRE_STRUCT(wire_step, 12, undo_retry, wire_retry, &retry_table, 0),
	WIRE_U32(wire_step, 13, flags),
	WIRE_ENUM(wire_step, 14, kind, 0, UINT32_MAX, wire_protocol_name, 0),
	WIRE_NAME(wire_step, 15, one_phase, 0),
	WIRE_BIN(wire_step, 16, input, 0, WIRE_TEMPLATE_SIZE_MAX, 0),
};
const struct wire_table wire_table_step = WIRE_TABLE("step", wire_step, step_fields);

static const struct wire_field plan_fields[] = {
	WIRE_NAME(wire_plan, 2, name, WIRE_FIELD_REQUIRED),
	WIRE_U32(wire_plan, 3, version),
	WIRE_ENUM(wire_plan, 4, protocol, 0, UINT32_MAX, wire_protocol_name, 0),
	WIRE_U32(wire_plan, 5, deadline_ms),
	WIRE_ARRAY(wire_plan, 6, steps, wire_step, step_count, &wire_table_step, 0, WIRE_STEPS_MAX,
		   WIRE_FIELD_PLAN),
	WIRE_U32(wire_plan, 7, idle_ms),
};
const struct wire_table wire_table_plan = WIRE_TABLE("plan", wire_plan, plan_fields);

static const struct wire_field label_fields[] = {
	WIRE_NAME(wire_label, 2, key, WIRE_FIELD_REQUIRED),
	WIRE_TEXT(wire_label, 3, value),
};
const struct wire_table wire_table_label = WIRE_TABLE("label", wire_label, label_fields);
