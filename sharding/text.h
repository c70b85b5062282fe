/* A strict reader of the small text lines that sharding keeps in the lease store. Every function
 * returns false, and leaves the cursor where it is, when the text is not exactly what is asked for.
 */
#ifndef SAGAD_SHARDING_TEXT_H
#define SAGAD_SHARDING_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "base/slice.h"

struct text_cursor {
	const uint8_t *at;
	const uint8_t *end;
};

static inline struct text_cursor text_cursor_of(struct slice text)
{
	return (struct text_cursor){text.data, text.size > 0 ? text.data + text.size : text.data};
}
static inline bool text_ended(const struct text_cursor *cursor)
{
	return cursor->at == cursor->end;
}

bool text_literal(struct text_cursor *cursor, const char *literal);
/* Decimal digits without sign or leading zeros, at most `max`. */
bool text_number(struct text_cursor *cursor, uint64_t max, uint64_t *number);
/* The run of printable characters other than space; may be empty. Borrowed. */
bool text_word(struct text_cursor *cursor, uint32_t size_max, struct slice *word);
/* An id; a lone "-" and, if so permitted, nothing at all stand for none (size 0). */
bool text_id(struct text_cursor *cursor, bool may_be_empty, struct id *id);
/* Whether text may stand as a word: printable ASCII without space. */
bool text_word_valid(struct slice text, uint32_t size_max);

#endif
