/* The keys of a definition (docs/definitions.md, docs/schema/definition.json). */
#ifndef SAGAD_CLIENT_DEFINITION_KEYS_H
#define SAGAD_CLIENT_DEFINITION_KEYS_H

#include <stdint.h>

enum definition_root_key {
	ROOT_NAME,
	ROOT_VERSION,
	ROOT_PROTOCOL,
	ROOT_DEADLINE,
	ROOT_DEFAULTS,
	ROOT_STEPS,
	ROOT_KEYS
};

enum definition_default_key {
	DEFAULT_TIMEOUT,
	DEFAULT_RETRY,
	DEFAULT_UNDO_RETRY,
	DEFAULT_DELIVERY,
	DEFAULT_KEYS
};

enum definition_retry_key {
	RETRY_ATTEMPTS,
	RETRY_INITIAL,
	RETRY_FACTOR,
	RETRY_CAP,
	RETRY_JITTER,
	RETRY_KEYS
};

enum definition_step_key {
	STEP_NAME,
	STEP_SERVICE,
	STEP_KIND,
	STEP_ACTION,
	STEP_COMPENSATE,
	STEP_TRY,
	STEP_CONFIRM,
	STEP_CANCEL,
	STEP_PREPARE,
	STEP_COMMIT,
	STEP_ROLLBACK,
	STEP_ONE_PHASE,
	STEP_PIVOT,
	STEP_RETRIABLE,
	STEP_OPTIONAL,
	STEP_LAST_RESOURCE,
	STEP_INPUT,
	STEP_AFTER,
	STEP_TIMEOUT,
	STEP_BUDGET,
	STEP_RETRY,
	STEP_UNDO_RETRY,
	STEP_DELIVERY,
	STEP_KEYS
};

extern const char *const definition_root_keys[ROOT_KEYS];
extern const char *const definition_default_keys[DEFAULT_KEYS];
extern const char *const definition_retry_keys[RETRY_KEYS];
extern const char *const definition_step_keys[STEP_KEYS];

/* By enum wire_protocol: "saga", "tcc", "2pc", "mixed"; NULL beyond. */
const char *definition_protocol_name(uint32_t protocol);

#endif
