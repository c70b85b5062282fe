/* A pull reader of JSON (RFC 8259) for where allocation and recursion are not allowed. It checks
 * all of what it passes: grammar, numbers, escapes, surrogates in pairs, UTF-8. It does not look
 * for members that stand twice.
 */
#ifndef SAGAD_WIRE_JSON_H
#define SAGAD_WIRE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { WIRE_JSON_DEPTH_MAX = 64 };

enum wire_json_token {
	WIRE_JSON_BAD = 0, /* not JSON, or nested too deeply; from then on always this */
	WIRE_JSON_END,     /* the one value is over, and nothing but white space follows */
	WIRE_JSON_OBJECT,
	WIRE_JSON_OBJECT_END,
	WIRE_JSON_ARRAY,
	WIRE_JSON_ARRAY_END,
	WIRE_JSON_KEY,    /* a string, with its quotes, and the colon is passed too */
	WIRE_JSON_STRING, /* with its quotes */
	WIRE_JSON_NUMBER,
	WIRE_JSON_LITERAL, /* true, false, null */
};

struct wire_json {
	struct slice text;
	uint32_t at;        /* of what comes next; where it went wrong */
	uint32_t depth;     /* containers that are open */
	uint32_t depth_max; /* at most WIRE_JSON_DEPTH_MAX */
	uint64_t objects;   /* bit d: the container at depth d + 1 is an object */
	uint32_t wants;     /* enum wants of json.c */
};

void wire_json_open(struct wire_json *json, struct slice text, uint32_t depth_max);
/* `raw` is the token's text, borrowed; of a container its first or last byte. */
enum wire_json_token wire_json_next(struct wire_json *json, struct slice *raw);
/* Is the innermost open container an object? */
static inline bool wire_json_in_object(const struct wire_json *json)
{
	return json->depth > 0 && (json->objects >> (json->depth - 1) & 1) != 0;
}

#endif
