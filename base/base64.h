/* Base64 (RFC 4648, section 4), as the servers' JSON carries bytes. Pure. */
#ifndef SAGAD_BASE_BASE64_H
#define SAGAD_BASE_BASE64_H

#include "base/buf.h"

/* Appends the text, padded. 0, or the error that sticks in `out`. */
int base64_encode(struct slice bytes, struct buf *out);
/* Appends the decoded bytes. One spelling only: padding is required, and bits that no byte takes
 * must be zero. SAGA_E_BAD_REPLY otherwise, SAGA_E_FULL, SAGA_E_NO_MEMORY; `out` then holds what it
 * held before. */
int base64_decode(struct slice text, struct buf *out) MUST_CHECK;

#endif
