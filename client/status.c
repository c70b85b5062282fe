/* Names of codes and states, and what an answer says in the words of saga.h. */
#include "client/status.h"

#include <string.h>

#include "base/error.h"

_Static_assert((int)SAGA_STATE_RUNNING == (int)WIRE_STATE_RUNNING &&
		       (int)SAGA_STATE_UNDOING == (int)WIRE_STATE_UNDOING &&
		       (int)SAGA_STATE_PARKED == (int)WIRE_STATE_PARKED &&
		       (int)SAGA_STATE_COMPLETED == (int)WIRE_STATE_COMPLETED &&
		       (int)SAGA_STATE_COMPENSATED == (int)WIRE_STATE_COMPENSATED &&
		       (int)SAGA_STATE_STOPPED == (int)WIRE_STATE_CANCELLED,
	       "states are one numbering");
_Static_assert((int)SAGA_REASON_REJECTED == (int)WIRE_REASON_REJECTED &&
		       (int)SAGA_REASON_EXHAUSTED == (int)WIRE_REASON_EXHAUSTED &&
		       (int)SAGA_REASON_DEADLINE == (int)WIRE_REASON_DEADLINE &&
		       (int)SAGA_REASON_CANCELLED == (int)WIRE_REASON_CANCELLED &&
		       (int)SAGA_REASON_REFUSED == (int)WIRE_REASON_REFUSED,
	       "reasons are one numbering");
_Static_assert((int)SAGA_ERR_RANGE == (int)SAGA_E_RANGE &&
		       (int)SAGA_ERR_NOT_FOUND == (int)SAGA_E_NOT_FOUND &&
		       (int)SAGA_ERR_CONFLICT == (int)SAGA_E_CONFLICT &&
		       (int)SAGA_ERR_EXPIRED == (int)SAGA_E_EXPIRED &&
		       (int)SAGA_ERR_BUSY == (int)SAGA_E_BUSY &&
		       (int)SAGA_ERR_TOO_LATE == (int)SAGA_E_TOO_LATE &&
		       (int)SAGA_ERR_CANCELLED == (int)SAGA_E_CANCELLED &&
		       (int)SAGA_ERR_UNKNOWN == (int)SAGA_E_UNKNOWN &&
		       (int)SAGA_ERR_NOT_INITIALISED == (int)SAGA_E_NOT_INITIALISED &&
		       (int)SAGA_ERR_TIMEOUT == (int)SAGA_E_TIMEOUT &&
		       (int)SAGA_ERR_DISCONNECTED == (int)SAGA_E_DISCONNECTED &&
		       (int)SAGA_ERR_DEFINITION == (int)SAGA_E_DEFINITION &&
		       (int)SAGA_ERR_USAGE == (int)SAGA_E_USAGE &&
		       (int)SAGA_ERR_NO_MEMORY == (int)SAGA_E_NO_MEMORY &&
		       (int)SAGA_ERR_STOPPING == (int)SAGA_E_STOPPING &&
		       (int)SAGA_ERR_DATABASE == (int)SAGA_E_DATABASE,
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
	}
	return "unknown";
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
	status_set_text(status, answer->text);
}
