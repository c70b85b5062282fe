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

/* levels[0] stands for the outside: one value, and no map. */
struct scanner {
	struct wire_cursor cursor;
	struct wire_known_span known;
	struct level levels[WIRE_DEPTH_MAX + 1];
};

static int scan_key(struct scanner *scanner, struct level *level)
{
	struct wire_token token;
	const int error = wire_cursor_next(&scanner->cursor, &token);

	if (error != 0)
		return error;
	if (token.type == WIRE_TOKEN_NEGATIVE || token.type == WIRE_TOKEN_FLOAT)
		return SAGA_E_RANGE;
	if (token.type != WIRE_TOKEN_UNSIGNED)
		return SAGA_E_TYPE;
	if (token.number > WIRE_KEY_MAX)
		return SAGA_E_RANGE;

	uint64_t *seen = &level->seen[token.number / 64];
	const uint64_t bit = UINT64_C(1) << token.number % 64;
	if ((*seen & bit) != 0)
		return SAGA_E_DUPKEY;
	*seen |= bit;
	return 0;
}

/* Steps over a value, or into it. */
static int scan_value(struct scanner *scanner, struct level **level)
{
	struct wire_token token;

	if (scanner->cursor.at == scanner->known.begin && scanner->known.begin != 0) {
		scanner->cursor.at = scanner->known.end;
		return 0;
	}
	const int error = wire_cursor_next(&scanner->cursor, &token);
	if (error != 0)
		return error;
	if (token.type == WIRE_TOKEN_STR)
		return wire_text_valid(token.bytes) ? 0 : SAGA_E_CHARSET;
	if (token.type != WIRE_TOKEN_ARRAY && token.type != WIRE_TOKEN_MAP)
		return 0;
	if (*level == &scanner->levels[WIRE_DEPTH_MAX])
		return SAGA_E_DEPTH;

	struct level *inner = ++*level;
	inner->map = token.type == WIRE_TOKEN_MAP;
	inner->left = inner->map ? 2 * token.number : token.number;
	inner->seen[0] = 0;
	inner->seen[1] = 0;
	return 0;
}

static int scan_all(struct scanner *scanner, uint32_t *offset)
{
	struct level *level = &scanner->levels[0];

	*level = (struct level){.left = 1};
	for (;;) {
		while (level->left == 0) {
			if (level == &scanner->levels[0])
				return 0;
			level--;
		}
		const bool key = level->map && level->left % 2 == 0;
		*offset = scanner->cursor.at;
		level->left--;
		const int error = key ? scan_key(scanner, level) : scan_value(scanner, &level);
		if (error != 0)
			return error;
	}
}

int wire_scan_around(struct slice bytes, struct wire_known_span known, uint32_t *offset)
{
	*offset = 0;
	if (bytes.size == 0 || (bytes.size == 1 && bytes.data[0] == 0xc0))
		return SAGA_E_EMPTY;
	if (bytes.size > WIRE_MESSAGE_SIZE_MAX)
		return SAGA_E_TOO_LARGE;

	struct scanner scanner;
	scanner.cursor = wire_cursor_of(bytes);
	scanner.known = known;
	const int error = scan_all(&scanner, offset);
	if (error != 0)
		return error;
	if (scanner.cursor.at != bytes.size) {
		*offset = scanner.cursor.at;
		return SAGA_E_DECODE;
	}
	return 0;
}

int wire_scan(struct slice bytes, uint32_t *offset)
{
	return wire_scan_around(bytes, (struct wire_known_span){0, 0}, offset);
}
