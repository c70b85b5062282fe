/* Ids: names, UUIDv7 (RFC 9562 5.7) and operation ids (UUIDv5, RFC 9562 5.5).
 *
 * Names and saga ids are 1..64 characters of [A-Za-z0-9_-], so that they can stand in a NATS
 * subject token, a file name and a log line without quoting.
 */
#ifndef SAGAD_BASE_ID_H
#define SAGAD_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

enum { ID_SIZE_MAX = 64, UUID_SIZE = 16, UUID_TEXT_SIZE = 36 };

/* An owned name. Always NUL-terminated. */
struct id {
	uint8_t size; /* 0 = none */
	char text[ID_SIZE_MAX + 1];
};

struct uuid {
	uint8_t bytes[UUID_SIZE];
};

bool id_valid(struct slice text);
int id_from(struct id *id, struct slice text) MUST_CHECK; /* SAGA_E_NAME */
static inline struct slice id_slice(const struct id *id)
{
	return slice_of(id->text, id->size);
}
static inline bool id_equal(const struct id *a, const struct id *b)
{
	return slice_equal(id_slice(a), id_slice(b));
}

/* UUIDv7 from a wall clock in ms and 10 random bytes; pure. */
struct uuid uuid_v7(uint64_t unix_ms, const uint8_t random[10]);
/* UUIDv5: the same namespace and name always give the same id. `name` is at most 256 bytes. */
struct uuid uuid_v5(const struct uuid *space, struct slice name);
/* The operation id of (saga, step, op): UUIDv5 over "saga/step/op" in SAGA_OP_NAMESPACE.
 * All three must be valid ids (CHECKed): the decoder has seen to it.
 * `op` is the name of the operation class: "forward", "finish" or "undo". */
struct uuid uuid_operation(struct slice saga, struct slice step, struct slice op);
extern const struct uuid SAGA_OP_NAMESPACE; /* published; never changes */

void uuid_format(const struct uuid *u, char text[UUID_TEXT_SIZE + 1]);
int uuid_parse(struct uuid *u, struct slice text) MUST_CHECK; /* SAGA_E_NAME */
static inline bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->bytes, b->bytes, UUID_SIZE) == 0;
}

#endif
