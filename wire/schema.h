/* The tables that say what each message looks like on the wire. One engine drives them: encode.c,
 * decode.c, render.c, and the tools that write docs/wire.md and the test vectors.
 *
 * Rules of a table (tests/unit/wire_schema.c checks them): fields stand in rising order of their
 * keys, keys begin at 2 (0 and 1 are format and kind) and are at most WIRE_KEY_MAX; a nested
 * struct that may be absent holds numbers only.
 */
#ifndef SAGAD_WIRE_SCHEMA_H
#define SAGAD_WIRE_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "wire/message.h"

enum {
	WIRE_KEY_FORMAT = 0,
	WIRE_KEY_KIND = 1,
	WIRE_KEY_FIRST = 2,
	WIRE_KEY_OPTIONAL = 64, /* from here on unknown keys are skipped, below they are refused */
	WIRE_KEY_MAX = 127,     /* one byte; lets two words remember which keys a map has shown */
	WIRE_NESTING_MAX = 6,   /* of tables: submit > plan > step > retry, and room */
};

enum wire_type {
	WIRE_TYPE_BOOL,   /* bool */
	WIRE_TYPE_U32,    /* uint32_t */
	WIRE_TYPE_U64,    /* uint64_t */
	WIRE_TYPE_NAME,   /* struct slice, msgpack str of [A-Za-z0-9_-]{1,64} */
	WIRE_TYPE_TEXT,   /* struct slice, msgpack str */
	WIRE_TYPE_BIN,    /* struct slice, msgpack bin */
	WIRE_TYPE_UUID,   /* struct uuid, msgpack bin of 16 */
	WIRE_TYPE_HASH,   /* struct hash128, msgpack bin of 16 */
	WIRE_TYPE_STRUCT, /* embedded struct, msgpack map */
	WIRE_TYPE_ARRAY,  /* pointer and count of structs, msgpack array of maps */
};

enum {
	WIRE_FIELD_REQUIRED = 1, /* always written, must be present */
	WIRE_FIELD_PLAN = 2,     /* breaking the limit is SAGA_E_PLAN (reliability table, row 12) */
};

struct wire_table;

/* The word for a number, "unknown" for one without. */
typedef const char *(*wire_value_name)(uint32_t value);

struct wire_field {
	const char *name;
	const struct wire_table *nested; /* STRUCT and ARRAY */
	wire_value_name value_name;      /* of enumerations, else NULL */
	uint64_t min; /* of a number, of a size, of a count; zero is fine too unless REQUIRED */
	uint64_t max;
	uint16_t offset;       /* in the struct */
	uint16_t count_offset; /* ARRAY: of the uint32_t count */
	uint8_t key;
	uint8_t type;  /* enum wire_type */
	uint8_t flags; /* WIRE_FIELD_* */
};

struct wire_table {
	const char *name;
	const struct wire_field *fields;
	uint32_t field_count;
	uint32_t size; /* of the struct in memory */
};

/* NULL for an unknown kind. */
const struct wire_table *wire_table_of(enum wire_kind kind);

/* The parts of a submit that make two submits the same: plan, input, deadline, labels. */
extern const struct wire_table wire_table_body;

/* ---- for the tables only ------------------------------------------------------------------- */

/* The offset of a member, which must have the type that is asked for: else it does not compile. */
#define WIRE_OFFSET(tag, member, want)                                                             \
	_Generic(((struct tag *)NULL)->member, want : (uint16_t)offsetof(struct tag, member))

#define WIRE_RANGE_U32(tag, key_, member, min_, max_, flags_)                                      \
	{                                                                                          \
		.name = #member, .key = (key_), .type = WIRE_TYPE_U32, .min = (min_),              \
		.max = (max_), .flags = (flags_), .offset = WIRE_OFFSET(tag, member, uint32_t)     \
	}
#define WIRE_ENUM(tag, key_, member, min_, max_, name_, flags_)                                    \
	{                                                                                          \
		.name = #member, .key = (key_), .type = WIRE_TYPE_U32, .min = (min_),              \
		.max = (max_), .value_name = (name_), .flags = (flags_),                           \
		.offset = WIRE_OFFSET(tag, member, uint32_t)                                       \
	}
#define WIRE_U32(tag, key_, member) WIRE_RANGE_U32(tag, key_, member, 0, UINT32_MAX, 0)
#define WIRE_RANGE_U64(tag, key_, member, min_, max_, flags_)                                      \
	{                                                                                          \
		.name = #member, .key = (key_), .type = WIRE_TYPE_U64, .min = (min_),              \
		.max = (max_), .flags = (flags_), .offset = WIRE_OFFSET(tag, member, uint64_t)     \
	}
#define WIRE_U64(tag, key_, member) WIRE_RANGE_U64(tag, key_, member, 0, UINT64_MAX, 0)
#define WIRE_BOOL(tag, key_, member)                                                               \
	{                                                                                          \
		.name = #member, .key = (key_), .type = WIRE_TYPE_BOOL, .max = 1,                  \
		.offset = WIRE_OFFSET(tag, member, bool)                                           \
	}
#define WIRE_BYTES(tag, key_, member, type_, min_, max_, flags_)                                   \
	{                                                                                          \
		.name = #member, .key = (key_), .type = (type_), .min = (min_), .max = (max_),     \
		.flags = (flags_), .offset = WIRE_OFFSET(tag, member, struct slice)                \
	}
#define WIRE_NAME(tag, key_, member, flags_)                                                       \
	WIRE_BYTES(tag, key_, member, WIRE_TYPE_NAME, 1, ID_SIZE_MAX, flags_)
#define WIRE_TEXT(tag, key_, member)                                                               \
	WIRE_BYTES(tag, key_, member, WIRE_TYPE_TEXT, 0, WIRE_TEXT_SIZE_MAX, 0)
#define WIRE_BIN(tag, key_, member, min_, max_, flags_)                                            \
	WIRE_BYTES(tag, key_, member, WIRE_TYPE_BIN, min_, max_, flags_)
#define WIRE_UUID(tag, key_, member, flags_)                                                       \
	{                                                                                          \
		.name = #member, .key = (key_), .type = WIRE_TYPE_UUID, .min = 16, .max = 16,      \
		.flags = (flags_), .offset = WIRE_OFFSET(tag, member, struct uuid)                 \
	}
#define WIRE_HASH(tag, key_, member, flags_)                                                       \
	{                                                                                          \
		.name = #member, .key = (key_), .type = WIRE_TYPE_HASH, .min = 16, .max = 16,      \
		.flags = (flags_), .offset = WIRE_OFFSET(tag, member, struct hash128)              \
	}
#define WIRE_STRUCT(tag, key_, member, member_tag, table_, flags_)                                 \
	{                                                                                          \
		.name = #member, .key = (key_), .type = WIRE_TYPE_STRUCT, .nested = (table_),      \
		.flags = (flags_), .offset = WIRE_OFFSET(tag, member, struct member_tag)           \
	}
#define WIRE_ARRAY(tag, key_, member, member_tag, count_, table_, min_, max_, flags_)              \
	{                                                                                          \
		.name = #member, .key = (key_), .type = WIRE_TYPE_ARRAY, .nested = (table_),       \
		.min = (min_), .max = (max_), .flags = (flags_),                                   \
		.offset = WIRE_OFFSET(tag, member, struct member_tag *),                           \
		.count_offset = WIRE_OFFSET(tag, count_, uint32_t)                                 \
	}
#define WIRE_TABLE(name_, tag, fields_)                                                            \
	{                                                                                          \
		.name = (name_), .fields = (fields_), .size = sizeof(struct tag),                  \
		.field_count = sizeof(fields_) / sizeof(fields_)[0]                                \
	}

/* Shared between the files of tables. */
extern const struct wire_table wire_table_plan;
extern const struct wire_table wire_table_step;
extern const struct wire_table wire_table_label;
extern const struct wire_table wire_table_submit;
extern const struct wire_table wire_table_query;
extern const struct wire_table wire_table_cancel;
extern const struct wire_table wire_table_answer;
extern const struct wire_table wire_table_command_frame;
extern const struct wire_table wire_table_reply_frame;
extern const struct wire_table wire_table_disposition_frame;
extern const struct wire_table wire_table_info_request;
extern const struct wire_table wire_table_info;
extern const struct wire_table wire_table_list_request;
extern const struct wire_table wire_table_list;
extern const struct wire_table wire_table_history_request;
extern const struct wire_table wire_table_history;
extern const struct wire_table wire_table_init_request;
extern const struct wire_table wire_table_init;
extern const struct wire_table wire_table_alert;
extern const struct wire_table wire_table_enlist;
extern const struct wire_table wire_table_commit;
extern const struct wire_table wire_table_inquire;
extern const struct wire_table wire_table_admin_request;
extern const struct wire_table wire_table_admin_answer;
extern const struct wire_table wire_table_operation;
extern const struct wire_table wire_table_ops_history;
extern const struct wire_table wire_table_genesis;
extern const struct wire_table wire_table_epoch;
extern const struct wire_table wire_table_noop;
extern const struct wire_table wire_table_accepted;
extern const struct wire_table wire_table_branch;
extern const struct wire_table wire_table_decision;
extern const struct wire_table wire_table_parked;
extern const struct wire_table wire_table_finished;
extern const struct wire_table wire_table_tombstone;
extern const struct wire_table wire_table_inbox;
extern const struct wire_table wire_table_enlisted;
extern const struct wire_table wire_table_closed;
extern const struct wire_table wire_table_carried;
extern const struct wire_table wire_table_remembered;
extern const struct wire_table wire_table_segment;
extern const struct wire_table wire_table_history_mark;

#endif
