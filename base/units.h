/* Numbers as people write them: durations ("250ms", "10m"), sizes ("64KiB") and plain counts. */
#ifndef SAGAD_BASE_UNITS_H
#define SAGAD_BASE_UNITS_H

#include <stdint.h>

#include "base/error.h"

enum { UNITS_TEXT_SIZE = 32 };

/* All three: nothing but the number and its unit may stand in `text`. SAGA_E_TYPE when it is not
 * one, SAGA_E_RANGE when it does not fit; *value is then unchanged. */
int units_parse_count(const char *text, uint64_t *count) MUST_CHECK;
/* ms, s, m, h, d; a bare "0" needs none. */
int units_parse_duration(const char *text, uint64_t *duration_ms) MUST_CHECK;
/* B, KiB, MiB, GiB; a bare "0" needs none. */
int units_parse_size(const char *text, uint64_t *size_bytes) MUST_CHECK;

/* In the largest unit that divides it: what the parsers take. */
void units_format_duration(uint64_t duration_ms, char text[UNITS_TEXT_SIZE]);
void units_format_size(uint64_t size_bytes, char text[UNITS_TEXT_SIZE]);

#endif
