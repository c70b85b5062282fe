/* Names of codes and states, and what an answer says in the words of saga.h. */
#include "client/status.h"

#include <string.h>

#include "base/error.h"

_Static_assert((int)SAGA_STATE_RUNNING == (int)WIRE_STATE_RUNNING &&
		       (int)SAGA_STATE_UNDOING == (int)WIRE_STATE_UNDOING &&
		       (int)SAGA_STATE_PARKED == (int)WIRE_STATE_PARKED &&
		       (int)SAGA_STATE_COMPLETED == (int)WIRE_STATE_COMPLETED &&
		       (int)SAGA_STATE_COMPENSATED == (int)WIRE_STATE_COMPENSATED &&
		       (int)SAGA_STATE_STOPPED == (int)WIRE_STATE_CANCELLED &&
		       (int)SAGA_STATE_FINISHING == (int)WIRE_STATE_FINISHING &&
		       (int)SAGA_STATE_OPEN == (int)WIRE_STATE_OPEN,
	       "states are one numbering");
_Static_assert((int)SAGA_REASON_REJECTED == (int)WIRE_REASON_REJECTED &&
		       (int)SAGA_REASON_EXHAUSTED == (int)WIRE_REASON_EXHAUSTED &&
		       (int)SAGA_REASON_DEADLINE == (int)WIRE_REASON_DEADLINE &&
		       (int)SAGA_REASON_CANCELLED == (int)WIRE_REASON_CANCELLED &&
		       (int)SAGA_REASON_REFUSED == (int)WIRE_REASON_REFUSED &&
		       (int)SAGA_REASON_IDLE == (int)WIRE_REASON_IDLE,
	       "reasons are one numbering");
_Static_assert((int)SAGA_DECISION_NONE == (int)WIRE_DECISION_NONE &&
		       (int)SAGA_DECISION_COMMIT == (int)WIRE_DECISION_COMMIT &&
		       (int)SAGA_DECISION_ABORT == (int)WIRE_DECISION_ABORT &&
		       (int)SAGA_ANSWER_COMPLETED == (int)WIRE_UNTIL_FINAL &&
		       (int)SAGA_ANSWER_DECIDED == (int)WIRE_UNTIL_DECIDED,
	       "decisions are one numbering");
_Static_assert((int)SAGA_PROTOCOL_TCC == (int)WIRE_PROTOCOL_TCC &&
		       (int)SAGA_PROTOCOL_2PC == (int)WIRE_PROTOCOL_2PC &&
		       (int)SAGA_DELIVERY_DURABLE == (int)WIRE_DELIVERY_DURABLE &&
		       (int)SAGA_DELIVERY_DIRECT == (int)WIRE_DELIVERY_DIRECT &&
		       (int)SAGA_OP_FORWARD == (int)WIRE_OP_FORWARD &&
		       (int)SAGA_OP_FINISH == (int)WIRE_OP_FINISH &&
		       (int)SAGA_OP_UNDO == (int)WIRE_OP_UNDO &&
		       (int)SAGA_OP_SETTLE == (int)WIRE_OP_SETTLE,
	       "protocols and operations are one numbering");
_Static_assert((int)SAGA_ERR_RANGE == (int)SAGA_E_RANGE &&
		       (int)SAGA_ERR_NOT_FOUND == (int)SAGA_E_NOT_FOUND &&
		       (int)SAGA_ERR_CONFLICT == (int)SAGA_E_CONFLICT &&
		       (int)SAGA_ERR_EXPIRED == (int)SAGA_E_EXPIRED &&
		       (int)SAGA_ERR_BUSY == (int)SAGA_E_BUSY &&
		       (int)SAGA_ERR_TOO_LATE == (int)SAGA_E_TOO_LATE &&
		       (int)SAGA_ERR_CANCELLED == (int)SAGA_E_CANCELLED &&
		       (int)SAGA_ERR_CLOSED == (int)SAGA_E_CLOSED &&
		       (int)SAGA_ERR_PENDING == (int)SAGA_E_PENDING &&
		       (int)SAGA_ERR_BRANCHES == (int)SAGA_E_BRANCHES &&
		       (int)SAGA_ERR_ABORTED == (int)SAGA_E_ABORTED &&
		       (int)SAGA_ERR_UNKNOWN == (int)SAGA_E_UNKNOWN &&
		       (int)SAGA_ERR_NOT_INITIALISED == (int)SAGA_E_NOT_INITIALISED &&
		       (int)SAGA_ERR_TIMEOUT == (int)SAGA_E_TIMEOUT &&
		       (int)SAGA_ERR_DISCONNECTED == (int)SAGA_E_DISCONNECTED &&
		       (int)SAGA_ERR_DEFINITION == (int)SAGA_E_DEFINITION &&
		       (int)SAGA_ERR_USAGE == (int)SAGA_E_USAGE &&
		       (int)SAGA_ERR_NO_MEMORY == (int)SAGA_E_NO_MEMORY &&
		       (int)SAGA_ERR_STOPPING == (int)SAGA_E_STOPPING &&
		       (int)SAGA_ERR_SUSPENDED == (int)SAGA_E_SUSPENDED &&
		       (int)SAGA_ERR_UNSUPPORTED == (int)SAGA_E_UNSUPPORTED &&
		       (int)SAGA_ERR_DATABASE == (int)SAGA_E_DATABASE &&
		       (int)SAGA_ERR_HEURISTIC_COMMIT == (int)SAGA_E_HEURISTIC_COMMIT &&
		       (int)SAGA_ERR_HEURISTIC_ROLLBACK == (int)SAGA_E_HEURISTIC_ROLLBACK &&
		       (int)SAGA_ERR_HEURISTIC_MIXED == (int)SAGA_E_HEURISTIC_MIXED &&
		       (int)SAGA_ERR_HEURISTIC_HAZARD == (int)SAGA_E_HEURISTIC_HAZARD &&
		       (int)SAGA_ERR_OUT_OF_ORDER == (int)SAGA_E_OUT_OF_ORDER,
	       "codes are one numbering");

const char *saga_error_name(int code)
{
	return err_name(code);
}

const char *saga_error_text(int code)
{
	return err_text(code);
}

const char *saga_state_name(enum saga_state state)
{
	switch (state) {
	case SAGA_STATE_NONE:
		return "none";
	case SAGA_STATE_RUNNING:
		return "running";
	case SAGA_STATE_UNDOING:
		return "undoing";
	case SAGA_STATE_PARKED:
		return "parked";
	case SAGA_STATE_COMPLETED:
		return "completed";
	case SAGA_STATE_COMPENSATED:
		return "compensated";
	case SAGA_STATE_STOPPED:
		return "stopped";
	case SAGA_STATE_FINISHING:
		return "finishing";
	case SAGA_STATE_OPEN:
		return "open";
	}
	return "unknown";
}

const char *saga_reason_name(enum saga_reason reason)
{
	switch (reason) {
	case SAGA_REASON_NONE:
		return "none";
	case SAGA_REASON_REJECTED:
		return "rejected";
	case SAGA_REASON_EXHAUSTED:
		return "exhausted";
	case SAGA_REASON_DEADLINE:
		return "deadline";
	case SAGA_REASON_CANCELLED:
		return "cancelled";
	case SAGA_REASON_REFUSED:
		return "refused";
	case SAGA_REASON_IDLE:
		return "idle";
	}
	return "unknown";
}

const char *saga_decision_name(enum saga_decision decision)
{
	switch (decision) {
	case SAGA_DECISION_NONE:
		return "none";
	case SAGA_DECISION_COMMIT:
		return "commit";
	case SAGA_DECISION_ABORT:
		return "abort";
	}
	return "unknown";
}

const char *saga_fate_name(enum saga_fate fate)
{
	switch (fate) {
	case SAGA_FATE_UNDECIDED:
		return "undecided";
	case SAGA_FATE_COMMITTED:
		return "committed";
	case SAGA_FATE_ABORTED:
		return "aborted";
	case SAGA_FATE_PENDING:
		return "decided, delivery pending";
	}
	return "unknown";
}

/* Once it is decided to commit, nothing that a state could say makes it aborted again. */
enum saga_fate saga_status_fate(const struct saga_status *status)
{
	if (status->state == SAGA_STATE_COMPLETED)
		return SAGA_FATE_COMMITTED;
	if (status->decision == SAGA_DECISION_COMMIT || status->state == SAGA_STATE_FINISHING)
		return SAGA_FATE_PENDING;
	if (status->decision == SAGA_DECISION_ABORT || status->state == SAGA_STATE_UNDOING ||
	    saga_state_final(status->state))
		return SAGA_FATE_ABORTED;
	return SAGA_FATE_UNDECIDED;
}

bool saga_state_final(enum saga_state state)
{
	return wire_state_final((uint32_t)state);
}

void status_set_text(struct saga_status *status, struct slice text)
{
	size_t size = text.size;

	if (size > sizeof status->text - 1) {
		size = sizeof status->text - 1;
		/* Not in the middle of a character. */
		while (size > 0 && (text.data[size] & 0xc0U) == 0x80U)
			size--;
	}
	if (size > 0)
		(void)memcpy(status->text, text.data, size);
	status->text[size] = '\0';
}

void status_from_answer(struct saga_status *status, const struct wire_answer *answer)
{
	status->state = (enum saga_state)answer->state;
	status->reason = (enum saga_reason)answer->reason;
	status->shard = answer->shard;
	status->epoch = answer->epoch;
	status->accepted_unix_ms = answer->accepted_at;
	status->deadline_unix_ms = answer->deadline_at;
	status->finished_unix_ms = answer->finished_at;
	status->decision = (enum saga_decision)answer->decision;
	status->heuristics = answer->heuristics;
	status_set_text(status, answer->text);
}
