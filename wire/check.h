/* The limits of a field, the same for encoding and decoding. */
#ifndef SAGAD_WIRE_CHECK_H
#define SAGAD_WIRE_CHECK_H

#include "base/error.h"
#include "wire/schema.h"

/* All return 0 or the error that the peer is told. */
static inline int MUST_CHECK wire_check_number(const struct wire_field *field, uint64_t value)
{
	if (value == 0 && (field->flags & WIRE_FIELD_REQUIRED) == 0)
		return 0; /* the same as absent */
	if (value < field->min || value > field->max)
		return SAGA_E_RANGE;
	return 0;
}
/* Sizes, and the character set of names; of texts too if wire_text_valid was called. */
int wire_check_bytes(const struct wire_field *field, struct slice bytes) MUST_CHECK;
int wire_check_count(const struct wire_field *field, uint64_t count) MUST_CHECK;

/* UTF-8 (shortest forms, no surrogates, at most U+10FFFF) without control characters
 * (U+0000..1F, U+7F..9F). */
bool wire_text_valid(struct slice text);

#endif
