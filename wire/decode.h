/* Decoding by a table without keys 0 and 1: for plans on their own. */
#ifndef SAGAD_WIRE_DECODE_H
#define SAGAD_WIRE_DECODE_H

#include "base/arena.h"
#include "wire/schema.h"

/* As wire_decode. */
int wire_decode_table(const struct wire_table *table, struct slice bytes, struct arena *arena,
		      void *message) MUST_CHECK;

#endif
