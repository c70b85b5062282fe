#include "wire/scan.h"

#include "wire/check.h"
#include "wire/cursor.h"
#include "wire/schema.h"

/* An array or map that is open. */
struct level {
	uint64_t left;    /* values still to come; a pair counts two */
	uint64_t seen[2]; /* map: a bit for each key there was */
	bool map;
};

struct scanner {
	struct wire_cursor cursor;
	struct level levels[WIRE_DEPTH_MAX];
	uint32_t depth; /* levels in use */
};

static int scan_key(struct level *level, const struct wire_token *token)
{
	if (token->type == WIRE_TOKEN_NEGATIVE || token->type == WIRE_TOKEN_FLOAT)
		return SAGA_E_RANGE;
	if (token->type != WIRE_TOKEN_UNSIGNED)
		return SAGA_E_TYPE;
	if (token->number > WIRE_KEY_MAX)
		return SAGA_E_RANGE;

	uint64_t *seen = &level->seen[token->number / 64];
	const uint64_t bit = UINT64_C(1) << token->number % 64;
	if ((*seen & bit) != 0)
		return SAGA_E_DUPKEY;
	*seen |= bit;
	return 0;
}

static int scan_token(struct scanner *scanner, const struct wire_token *token)
{
	if (token->type == WIRE_TOKEN_STR)
		return wire_text_valid(token->bytes) ? 0 : SAGA_E_CHARSET;
	if (token->type != WIRE_TOKEN_ARRAY && token->type != WIRE_TOKEN_MAP)
		return 0;
	if (scanner->depth == WIRE_DEPTH_MAX)
		return SAGA_E_DEPTH;

	struct level *level = &scanner->levels[scanner->depth++];
	level->map = token->type == WIRE_TOKEN_MAP;
	level->left = level->map ? 2 * token->number : token->number;
	level->seen[0] = 0;
	level->seen[1] = 0;
	return 0;
}

static int scan_value(struct scanner *scanner, uint32_t *offset)
{
	do {
		struct wire_token token;
		int error = wire_cursor_next(&scanner->cursor, &token);

		*offset = token.offset;
		if (error != 0)
			return error;

		struct level *level =
			scanner->depth == 0 ? NULL : &scanner->levels[scanner->depth - 1];
		if (level != NULL && level->map && level->left % 2 == 0)
			error = scan_key(level, &token);
		else
			error = scan_token(scanner, &token);
		if (error != 0)
			return error;
		if (level != NULL)
			level->left--;
		while (scanner->depth > 0 && scanner->levels[scanner->depth - 1].left == 0)
			scanner->depth--;
	} while (scanner->depth > 0);
	return 0;
}

int wire_scan(struct slice bytes, uint32_t *offset)
{
	*offset = 0;
	if (bytes.size == 0 || (bytes.size == 1 && bytes.data[0] == 0xc0))
		return SAGA_E_EMPTY;
	if (bytes.size > WIRE_MESSAGE_SIZE_MAX)
		return SAGA_E_TOO_LARGE;

	struct scanner scanner;
	scanner.cursor = wire_cursor_of(bytes);
	scanner.depth = 0;
	const int error = scan_value(&scanner, offset);
	if (error != 0)
		return error;
	if (scanner.cursor.at != bytes.size) {
		*offset = scanner.cursor.at;
		return SAGA_E_DECODE;
	}
	return 0;
}
