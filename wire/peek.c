/* The id of a message that is not ours to decode. */
#include "base/id.h"
#include "wire/codec.h"
#include "wire/cursor.h"
#include "wire/scan.h"

enum { KEY_ID = 2 };

/* The message was scanned: it is one map whose keys are unsigned and come once. */
static int find_id(struct slice bytes, struct slice *id, uint32_t *offset)
{
	struct wire_cursor cursor = wire_cursor_of(bytes);
	struct wire_token token;
	int error = wire_cursor_next(&cursor, &token);

	for (uint64_t left = token.number; error == 0 && left > 0; left--) {
		error = wire_cursor_next(&cursor, &token);
		if (error != 0)
			break;
		if (token.number != KEY_ID) {
			error = wire_cursor_skip(&cursor);
			continue;
		}
		error = wire_cursor_next(&cursor, &token);
		*offset = token.offset;
		if (error == 0 && token.type != WIRE_TOKEN_STR)
			error = SAGA_E_TYPE;
		if (error == 0 && !id_valid(token.bytes))
			error = SAGA_E_NAME;
		*id = token.bytes;
		return error;
	}
	return error != 0 ? error : SAGA_E_MISSING;
}

static int peek(enum wire_kind kind, struct slice bytes, struct slice *id, struct wire_fault *fault)
{
	enum wire_kind found;
	int error = wire_scan(bytes, &fault->offset);

	if (error != 0)
		return error;
	error = wire_peek_kind(bytes, &found);
	if (error == 0 && found != kind)
		error = SAGA_E_KIND;
	fault->offset = 0; /* what is not there is missing from the map */
	if (error != 0) {
		fault->field = error == SAGA_E_VERSION ? "format" : "kind";
		return error;
	}
	error = find_id(bytes, id, &fault->offset);
	if (error != 0)
		fault->field = "id";
	return error;
}

int wire_peek_id(enum wire_kind kind, struct slice bytes, struct slice *id,
		 struct wire_fault *fault)
{
	struct wire_fault own = {.field = ""};

	own.code = peek(kind, bytes, id, &own);
	if (fault != NULL)
		*fault = own;
	return own.code;
}
