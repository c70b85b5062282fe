/* Encoding and decoding of every message and record: one table a type, one engine for all.
 *
 * On the wire a message is a msgpack map with small unsigned integer keys. Key 0 is the format
 * version (1), key 1 the kind (enum wire_kind). Keys below 64 are critical: an unknown one is
 * refused (SAGA_E_FIELD), because its sender relies on it. Keys from 64 to 127 are optional
 * extensions: unknown ones are skipped. There are no other keys, at any depth, so that every map
 * can be checked for a key that comes twice. Nested structures are maps too, without keys 0, 1.
 * Fields that hold zero / false / nothing may be left out; the encoder leaves them out unless the
 * table says required. The encoder writes keys in rising order and the shortest form of each
 * number, so equal messages have equal bytes.
 *
 * Decoding never allocates: size limit, then a pre-scan of the whole message (well-formed, depth,
 * counts against remaining bytes, no trailing bytes), then validation of every field, and only
 * then use. Strings and binaries point into the input; arrays live in the caller's arena.
 * Both go by hand, straight into a bounded buffer and out of one (docs/decisions/0001).
 */
#ifndef SAGAD_WIRE_CODEC_H
#define SAGAD_WIRE_CODEC_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "wire/message.h"

enum {
	WIRE_FORMAT = 1,
	WIRE_DEPTH_MAX = 16,
	WIRE_MESSAGE_SIZE_MAX = 1024 * 1024 - 16 * 1024, /* below the broker's max_payload */
};

/* Where and why a message was refused. */
struct wire_fault {
	int code;          /* SAGA_E_* */
	uint32_t offset;   /* byte in the input */
	const char *field; /* name from the table, or "" */
};

/* Appends the encoding of *message, a struct of the given kind (see message.h), to `out`.
 * Returns SAGA_E_FULL when it does not fit, an error like SAGA_E_RANGE, SAGA_E_NAME,
 * SAGA_E_TOO_LARGE when the struct itself breaks a limit; `out` is then as before. */
int wire_encode(enum wire_kind kind, const void *message, struct buf *out) MUST_CHECK;

/* Fills *message (zeroed first) from `bytes`. The kind on the wire must be `kind`, else
 * SAGA_E_KIND. On error *message is not to be used; *fault (may be NULL) says where. */
int wire_decode(enum wire_kind kind, struct slice bytes, struct arena *arena, void *message,
		struct wire_fault *fault) MUST_CHECK;

/* The kind of an encoded message without decoding it; SAGA_E_* when even that cannot be read. */
int wire_peek_kind(struct slice bytes, enum wire_kind *kind) MUST_CHECK;

/* The id (key 2) of an encoded message of that kind, for who only passes it on: the message is
 * well-formed, of our format and of that kind; its other fields are not looked at. *id points into
 * `bytes`. *fault (may be NULL) as for wire_decode. */
int wire_peek_id(enum wire_kind kind, struct slice bytes, struct slice *id,
		 struct wire_fault *fault) MUST_CHECK;

/* For records in a journal batch: the size of the first msgpack value in `bytes`. */
int wire_value_size(struct slice bytes, uint32_t *size) MUST_CHECK;

/* The size in memory of the struct of a kind, its name ("submit"), and for tools and docs a walk
 * over its fields. NULL / 0 for an unknown kind. */
size_t wire_struct_size(enum wire_kind kind);
const char *wire_kind_name(enum wire_kind kind);

/* The longest start of `text` that may stand in a text field: well-formed UTF-8 without control
 * characters, at most size_max bytes. For words that come from outside (errors, reasons). */
struct slice wire_text_cut(struct slice text, uint32_t size_max);

/* Renders an encoded message as one JSON-like line for people (sagactl, logs of tests): field
 * names, binaries in hex cut at 64 bytes. */
int wire_render(struct slice bytes, struct buf *out) MUST_CHECK;

#endif
