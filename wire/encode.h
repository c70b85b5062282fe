/* Encoding by a table without keys 0 and 1: for wire_body_hash. */
#ifndef SAGAD_WIRE_ENCODE_H
#define SAGAD_WIRE_ENCODE_H

#include "base/buf.h"
#include "wire/schema.h"

int wire_encode_table(const struct wire_table *table, const void *message,
		      struct buf *out) MUST_CHECK;

#endif
