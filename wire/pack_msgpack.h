/* Packing with msgpack-c straight into a bounded buffer. Errors stick in the buffer (base/buf.h):
 * callers look at buf_error once, at the end. Integers take their shortest form. */
#ifndef SAGAD_WIRE_PACK_MSGPACK_H
#define SAGAD_WIRE_PACK_MSGPACK_H

#include "base/buf.h"

void wire_pack_unsigned(struct buf *out, uint64_t value);
void wire_pack_bool(struct buf *out, bool value);
void wire_pack_str(struct buf *out, struct slice text);
void wire_pack_bin(struct buf *out, struct slice bytes);
void wire_pack_array(struct buf *out, uint32_t count);
void wire_pack_map(struct buf *out, uint32_t count);

#endif
