#include "client/definition_keys.h"

#include <stddef.h>

const char *const definition_root_keys[ROOT_KEYS] = {
	[ROOT_NAME] = "name",         [ROOT_VERSION] = "version",   [ROOT_PROTOCOL] = "protocol",
	[ROOT_DEADLINE] = "deadline", [ROOT_DEFAULTS] = "defaults", [ROOT_STEPS] = "steps",
};

const char *const definition_default_keys[DEFAULT_KEYS] = {
	[DEFAULT_TIMEOUT] = "timeout",
	[DEFAULT_RETRY] = "retry",
	[DEFAULT_UNDO_RETRY] = "undo_retry",
	[DEFAULT_DELIVERY] = "delivery",
};

const char *const definition_retry_keys[RETRY_KEYS] = {
	[RETRY_ATTEMPTS] = "attempts", [RETRY_INITIAL] = "initial", [RETRY_FACTOR] = "factor",
	[RETRY_CAP] = "cap",           [RETRY_JITTER] = "jitter",
};

const char *const definition_step_keys[STEP_KEYS] = {
	[STEP_NAME] = "name",
	[STEP_SERVICE] = "service",
	[STEP_KIND] = "kind",
	[STEP_ACTION] = "action",
	[STEP_COMPENSATE] = "compensate",
	[STEP_TRY] = "try",
	[STEP_CONFIRM] = "confirm",
	[STEP_CANCEL] = "cancel",
	[STEP_PREPARE] = "prepare",
	[STEP_COMMIT] = "commit",
	[STEP_ROLLBACK] = "rollback",
	[STEP_ONE_PHASE] = "one_phase",
	[STEP_PIVOT] = "pivot",
	[STEP_RETRIABLE] = "retriable",
	[STEP_OPTIONAL] = "optional",
	[STEP_LAST_RESOURCE] = "last_resource",
	[STEP_INPUT] = "input",
	[STEP_AFTER] = "after",
	[STEP_TIMEOUT] = "timeout",
	[STEP_BUDGET] = "budget",
	[STEP_RETRY] = "retry",
	[STEP_UNDO_RETRY] = "undo_retry",
	[STEP_DELIVERY] = "delivery",
};

const char *definition_protocol_name(uint32_t protocol)
{
	static const char *const names[] = {NULL, "saga", "tcc", "2pc", "mixed"};

	return protocol < sizeof names / sizeof names[0] ? names[protocol] : NULL;
}
