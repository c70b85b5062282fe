/* Base64 (RFC 4648, section 4) as the JSON gateway writes and wants it. Pure. */
#ifndef SAGAD_LEASE_ETCD_BASE64_H
#define SAGAD_LEASE_ETCD_BASE64_H

#include "base/buf.h"

/* An error sticks in `out`. */
int etcd_base64_encode(struct slice bytes, struct buf *out);
/* Padding required, one spelling only: SAGA_E_BAD_REPLY otherwise, `out` is then as before. */
int etcd_base64_decode(struct slice text, struct buf *out) MUST_CHECK;

#endif
