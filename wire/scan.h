/* The pre-scan: is this one whole, well-formed msgpack value that is safe to walk?
 *
 * It knows no tables. It refuses what no message of any kind may hold: nesting deeper than
 * WIRE_DEPTH_MAX, counts and lengths beyond the input, 0xc1 and extension types, trailing bytes,
 * strings that are no clean text, map keys that are no integer of 0..WIRE_KEY_MAX, a key twice in
 * one map. It neither recurses nor allocates, and touches each byte once.
 */
#ifndef SAGAD_WIRE_SCAN_H
#define SAGAD_WIRE_SCAN_H

#include "wire/codec.h"

/* 0 or SAGA_E_EMPTY, _TOO_LARGE, _DECODE, _DEPTH, _LENGTH, _TYPE, _CHARSET, _RANGE, _DUPKEY.
 * *offset is where. */
int wire_scan(struct slice bytes, uint32_t *offset) MUST_CHECK;

/* A value that needs no look: its bytes have passed before, nested as deep as here. */
struct wire_known_span {
	uint32_t begin, end; /* begin 0 = none: a message never begins with it */
};
int wire_scan_around(struct slice bytes, struct wire_known_span known, uint32_t *offset) MUST_CHECK;

#endif
