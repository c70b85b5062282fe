/* A reader of msgpack that never looks past the end and never allocates: one token at a time.
 *
 * Used by the pre-scan, the decoder and the renderer. All of it works on untrusted bytes: after
 * the pre-scan the checks in here cannot fail any more, but they stay, they cost little.
 */
#ifndef SAGAD_WIRE_CURSOR_H
#define SAGAD_WIRE_CURSOR_H

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

enum wire_token_type {
	WIRE_TOKEN_NIL,
	WIRE_TOKEN_BOOL,     /* number is 0 or 1 */
	WIRE_TOKEN_UNSIGNED, /* any integer >= 0, in whatever form it was written */
	WIRE_TOKEN_NEGATIVE,
	WIRE_TOKEN_FLOAT,
	WIRE_TOKEN_STR,   /* bytes */
	WIRE_TOKEN_BIN,   /* bytes */
	WIRE_TOKEN_ARRAY, /* number is the count of values that follow */
	WIRE_TOKEN_MAP,   /* number is the count of pairs that follow */
};

struct wire_token {
	enum wire_token_type type;
	uint32_t offset; /* of its first byte */
	uint64_t number;
	struct slice bytes; /* STR and BIN only; points into the input */
};

struct wire_cursor {
	const uint8_t *data;
	uint32_t size;
	uint32_t at;
};

static inline struct wire_cursor wire_cursor_of(struct slice bytes)
{
	return (struct wire_cursor){.data = bytes.data, .size = bytes.size, .at = 0};
}

/* For wire_cursor_next: whatever is not a small integer. There is at least one byte. */
int wire_cursor_next_long(struct wire_cursor *cursor, struct wire_token *token) MUST_CHECK;

/* Reads the next token: SAGA_E_DECODE when the input ends inside it, SAGA_E_LENGTH when it
 * declares more than the rest of the input could hold, SAGA_E_TYPE for 0xc1 and extension types.
 * token->offset is set on errors too. Inline for the keys, which are every second token. */
static inline int MUST_CHECK wire_cursor_next(struct wire_cursor *cursor, struct wire_token *token)
{
	token->offset = cursor->at;
	if (cursor->at >= cursor->size)
		return SAGA_E_DECODE;
	if (cursor->data[cursor->at] >= 0x80)
		return wire_cursor_next_long(cursor, token);
	token->type = WIRE_TOKEN_UNSIGNED;
	token->number = cursor->data[cursor->at++];
	return 0;
}

/* Steps over one whole value, however deep it nests, without recursion. Same errors. */
int wire_cursor_skip(struct wire_cursor *cursor) MUST_CHECK;

#endif
