#include "wire/names.h"

#include <stddef.h>

#include "wire/message.h"
#include "wire/record.h"

static const char *word(const char *const *words, size_t count, uint32_t number)
{
	if (number >= count || words[number] == NULL)
		return "unknown";
	return words[number];
}
#define WORD(words, number) word((words), sizeof(words) / sizeof(words)[0], (number))

const char *wire_protocol_name(uint32_t protocol)
{
	static const char *const words[] = {
		[WIRE_PROTOCOL_SAGA] = "saga",
		[WIRE_PROTOCOL_TCC] = "tcc",
		[WIRE_PROTOCOL_2PC] = "2pc",
		[WIRE_PROTOCOL_MIXED] = "mixed",
	};
	return WORD(words, protocol);
}

const char *wire_op_name(uint32_t op)
{
	static const char *const words[] = {
		[WIRE_OP_FORWARD] = "forward",
		[WIRE_OP_FINISH] = "finish",
		[WIRE_OP_UNDO] = "undo",
		[WIRE_OP_SETTLE] = "settle",
	};
	return WORD(words, op);
}

const char *wire_delivery_name(uint32_t delivery)
{
	static const char *const words[] = {
		[WIRE_DELIVERY_DURABLE] = "durable",
		[WIRE_DELIVERY_DIRECT] = "direct",
	};
	return WORD(words, delivery);
}

const char *wire_state_name(uint32_t state)
{
	static const char *const words[] = {
		[WIRE_STATE_NONE] = "none",           [WIRE_STATE_RUNNING] = "running",
		[WIRE_STATE_UNDOING] = "undoing",     [WIRE_STATE_PARKED] = "parked",
		[WIRE_STATE_COMPLETED] = "completed", [WIRE_STATE_COMPENSATED] = "compensated",
		[WIRE_STATE_CANCELLED] = "cancelled", [WIRE_STATE_FINISHING] = "finishing",
		[WIRE_STATE_OPEN] = "open",
	};
	return WORD(words, state);
}

const char *wire_reason_name(uint32_t reason)
{
	static const char *const words[] = {
		[WIRE_REASON_NONE] = "none",           [WIRE_REASON_REJECTED] = "rejected",
		[WIRE_REASON_EXHAUSTED] = "exhausted", [WIRE_REASON_DEADLINE] = "deadline",
		[WIRE_REASON_CANCELLED] = "cancelled", [WIRE_REASON_REFUSED] = "refused",
		[WIRE_REASON_IDLE] = "idle",
	};
	return WORD(words, reason);
}

const char *wire_decision_name(uint32_t decision)
{
	static const char *const words[] = {
		[WIRE_DECISION_NONE] = "none",
		[WIRE_DECISION_COMMIT] = "commit",
		[WIRE_DECISION_ABORT] = "abort",
	};
	return WORD(words, decision);
}

const char *wire_until_name(uint32_t until)
{
	static const char *const words[] = {
		[WIRE_UNTIL_FINAL] = "final",
		[WIRE_UNTIL_DECIDED] = "decided",
	};
	return WORD(words, until);
}

const char *wire_branch_state_name(uint32_t state)
{
	static const char *const words[] = {
		[WIRE_BRANCH_PENDING] = "pending",
		[WIRE_BRANCH_ACTIVE] = "active",
		[WIRE_BRANCH_OK] = "ok",
		[WIRE_BRANCH_REJECTED] = "rejected",
		[WIRE_BRANCH_UNKNOWN] = "uncertain",
		[WIRE_BRANCH_UNDOING] = "undoing",
		[WIRE_BRANCH_UNDONE] = "undone",
		[WIRE_BRANCH_PARKED] = "parked",
		[WIRE_BRANCH_SKIPPED] = "skipped",
		[WIRE_BRANCH_FINISHING] = "finishing",
		[WIRE_BRANCH_DONE] = "done",
		[WIRE_BRANCH_SETTLING] = "settling",
		[WIRE_BRANCH_ENLISTED] = "enlisted",
		[WIRE_BRANCH_HEURISTIC] = "heuristic",
	};
	return WORD(words, state);
}

const char *wire_outcome_name(uint32_t outcome)
{
	static const char *const words[] = {
		[WIRE_OUTCOME_OK] = "ok",
		[WIRE_OUTCOME_REJECTED] = "rejected",
		[WIRE_OUTCOME_RETRY] = "retry",
		[WIRE_OUTCOME_PARK] = "park",
		[WIRE_OUTCOME_WORKING] = "working",
		[WIRE_OUTCOME_STALE] = "stale",
		[WIRE_OUTCOME_EXPIRED] = "expired",
		[WIRE_OUTCOME_READ_ONLY] = "read_only",
		[WIRE_OUTCOME_HEURISTIC] = "heuristic",
	};
	return WORD(words, outcome);
}

const char *wire_barrier_name(uint32_t barrier)
{
	static const char *const words[] = {
		[WIRE_BARRIER_FIRST] = "first",
		[WIRE_BARRIER_DUPLICATE] = "duplicate",
		[WIRE_BARRIER_EMPTY_UNDO] = "empty_undo",
		[WIRE_BARRIER_LATE_FORWARD] = "late_forward",
	};
	return WORD(words, barrier);
}

const char *wire_disposition_name(uint32_t kind)
{
	static const char *const words[] = {
		[WIRE_DISPOSITION_RECORDED] = "recorded",
		[WIRE_DISPOSITION_OBSOLETE] = "obsolete",
		[WIRE_DISPOSITION_NOT_OWNER] = "not_owner",
	};
	return WORD(words, kind);
}

const char *wire_event_name(uint32_t event)
{
	static const char *const words[] = {
		[WIRE_EVENT_OK] = "ok",
		[WIRE_EVENT_REJECTED] = "rejected",
		[WIRE_EVENT_AGAIN] = "again",
		[WIRE_EVENT_UNKNOWN] = "uncertain",
		[WIRE_EVENT_DISPATCHED] = "dispatched",
		[WIRE_EVENT_READ_ONLY] = "read_only",
		[WIRE_EVENT_HEURISTIC] = "heuristic",
	};
	return WORD(words, event);
}

const char *wire_node_state_name(uint32_t state)
{
	static const char *const words[] = {
		[1] = "ready",
		[2] = "stopping",
	};
	return WORD(words, state);
}

const char *wire_shard_state_name(uint32_t state)
{
	static const char *const words[] = {
		[WIRE_SHARD_UNOWNED] = "unowned",
		[WIRE_SHARD_REPLAYING] = "replaying",
		[WIRE_SHARD_SERVING] = "serving",
		[WIRE_SHARD_HALTED] = "halted",
	};
	return WORD(words, state);
}
