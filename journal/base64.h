/* Base64 (RFC 4648, section 4) as STREAM.MSG.GET returns a message's payload. Pure. */
#ifndef SAGAD_JOURNAL_BASE64_H
#define SAGAD_JOURNAL_BASE64_H

#include "base/buf.h"

/* Appends the decoded bytes. SAGA_E_BAD_REPLY when the text is not base64 (padding is required, as
 * the server writes it), SAGA_E_FULL, SAGA_E_NO_MEMORY; `out` is then as before. */
int base64_decode(struct slice text, struct buf *out) MUST_CHECK;

#endif
