#include "wire/cursor.h"

/* What the first bytes 0xc0..0xdf announce: the token, and the width of the number after it. The
 * number is a value for integers and floats, a length or a count for the others. */
enum shape { SHAPE_PLAIN, SHAPE_SIGNED, SHAPE_REFUSED };
struct long_form {
	uint8_t token; /* enum wire_token_type */
	uint8_t width; /* bytes */
	uint8_t shape; /* enum shape */
};

static const struct long_form long_forms[32] = {
	[0x00] = {WIRE_TOKEN_NIL, 0, SHAPE_PLAIN},
	[0x01] = {0, 0, SHAPE_REFUSED}, /* never used by the specification */
	[0x02] = {WIRE_TOKEN_BOOL, 0, SHAPE_PLAIN},
	[0x03] = {WIRE_TOKEN_BOOL, 0, SHAPE_PLAIN},
	[0x04] = {WIRE_TOKEN_BIN, 1, SHAPE_PLAIN},
	[0x05] = {WIRE_TOKEN_BIN, 2, SHAPE_PLAIN},
	[0x06] = {WIRE_TOKEN_BIN, 4, SHAPE_PLAIN},
	[0x07] = {0, 0, SHAPE_REFUSED}, /* ext 8, 16, 32 */
	[0x08] = {0, 0, SHAPE_REFUSED},
	[0x09] = {0, 0, SHAPE_REFUSED},
	[0x0a] = {WIRE_TOKEN_FLOAT, 4, SHAPE_PLAIN},
	[0x0b] = {WIRE_TOKEN_FLOAT, 8, SHAPE_PLAIN},
	[0x0c] = {WIRE_TOKEN_UNSIGNED, 1, SHAPE_PLAIN},
	[0x0d] = {WIRE_TOKEN_UNSIGNED, 2, SHAPE_PLAIN},
	[0x0e] = {WIRE_TOKEN_UNSIGNED, 4, SHAPE_PLAIN},
	[0x0f] = {WIRE_TOKEN_UNSIGNED, 8, SHAPE_PLAIN},
	[0x10] = {WIRE_TOKEN_UNSIGNED, 1, SHAPE_SIGNED},
	[0x11] = {WIRE_TOKEN_UNSIGNED, 2, SHAPE_SIGNED},
	[0x12] = {WIRE_TOKEN_UNSIGNED, 4, SHAPE_SIGNED},
	[0x13] = {WIRE_TOKEN_UNSIGNED, 8, SHAPE_SIGNED},
	[0x14] = {0, 0, SHAPE_REFUSED}, /* fixext 1, 2, 4, 8, 16 */
	[0x15] = {0, 0, SHAPE_REFUSED},
	[0x16] = {0, 0, SHAPE_REFUSED},
	[0x17] = {0, 0, SHAPE_REFUSED},
	[0x18] = {0, 0, SHAPE_REFUSED},
	[0x19] = {WIRE_TOKEN_STR, 1, SHAPE_PLAIN},
	[0x1a] = {WIRE_TOKEN_STR, 2, SHAPE_PLAIN},
	[0x1b] = {WIRE_TOKEN_STR, 4, SHAPE_PLAIN},
	[0x1c] = {WIRE_TOKEN_ARRAY, 2, SHAPE_PLAIN},
	[0x1d] = {WIRE_TOKEN_ARRAY, 4, SHAPE_PLAIN},
	[0x1e] = {WIRE_TOKEN_MAP, 2, SHAPE_PLAIN},
	[0x1f] = {WIRE_TOKEN_MAP, 4, SHAPE_PLAIN},
};

/* Checks lengths and counts against what is left, and takes the bytes of strings. */
static int finish(struct wire_cursor *cursor, struct wire_token *token)
{
	const uint32_t left = cursor->size - cursor->at;

	switch (token->type) {
	case WIRE_TOKEN_STR:
	case WIRE_TOKEN_BIN:
		if (token->number > left)
			return SAGA_E_LENGTH;
		token->bytes = slice_of(cursor->data + cursor->at, (uint32_t)token->number);
		cursor->at += (uint32_t)token->number;
		return 0;
	case WIRE_TOKEN_ARRAY: /* a value has at least one byte */
		return token->number > left ? SAGA_E_LENGTH : 0;
	case WIRE_TOKEN_MAP: /* a pair has at least two */
		return token->number > left / 2 ? SAGA_E_LENGTH : 0;
	case WIRE_TOKEN_NIL:
	case WIRE_TOKEN_BOOL:
	case WIRE_TOKEN_UNSIGNED:
	case WIRE_TOKEN_NEGATIVE:
	case WIRE_TOKEN_FLOAT:
		break;
	}
	return 0;
}

int wire_cursor_next_long(struct wire_cursor *cursor, struct wire_token *token)
{
	const uint8_t first = cursor->data[cursor->at++];

	if (first < 0x90) {
		token->type = WIRE_TOKEN_MAP;
		token->number = first & 0x0fU;
		return finish(cursor, token);
	}
	if (first < 0xa0) {
		token->type = WIRE_TOKEN_ARRAY;
		token->number = first & 0x0fU;
		return finish(cursor, token);
	}
	if (first < 0xc0) {
		token->type = WIRE_TOKEN_STR;
		token->number = first & 0x1fU;
		return finish(cursor, token);
	}
	if (first >= 0xe0) {
		token->type = WIRE_TOKEN_NEGATIVE;
		return 0;
	}

	const struct long_form *form = &long_forms[first & 0x1f];

	if (form->shape == SHAPE_REFUSED)
		return SAGA_E_TYPE;
	if (form->width > cursor->size - cursor->at)
		return SAGA_E_DECODE;

	uint64_t number = 0;
	for (uint32_t i = 0; i < form->width; i++)
		number = number << 8 | cursor->data[cursor->at + i];
	cursor->at += form->width;

	token->type = (enum wire_token_type)form->token;
	token->number = number;
	if (token->type == WIRE_TOKEN_BOOL)
		token->number = first & 1U;
	if (form->shape == SHAPE_SIGNED && number >> (8U * form->width - 1U) != 0)
		token->type = WIRE_TOKEN_NEGATIVE;
	return finish(cursor, token);
}

int wire_cursor_skip(struct wire_cursor *cursor)
{
	/* Only the number of values still to come matters, not how they nest. It cannot overflow:
	 * every count was checked against the bytes that are left. */
	uint64_t pending = 1;

	while (pending > 0) {
		struct wire_token token;
		const int error = wire_cursor_next(cursor, &token);
		if (error != 0)
			return error;
		pending--;
		if (token.type == WIRE_TOKEN_ARRAY)
			pending += token.number;
		else if (token.type == WIRE_TOKEN_MAP)
			pending += 2 * token.number;
	}
	return 0;
}
