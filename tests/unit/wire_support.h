/* For the tests of wire: random messages of any kind, deep equality, bytes from hex. All of it
 * goes by the tables, so a new field is tested as soon as it stands in one. */
#ifndef SAGAD_TESTS_UNIT_WIRE_SUPPORT_H
#define SAGAD_TESTS_UNIT_WIRE_SUPPORT_H

#include "base/arena.h"
#include "base/prng.h"
#include "wire/schema.h"

/* Every kind, for loops. */
extern const enum wire_kind wire_test_kinds[];
extern const uint32_t wire_test_kind_count;

/* Fills the struct at `message` with valid values; strings and arrays live in the arena. With
 * `small` no string or array is long. */
void wire_test_fill(const struct wire_table *table, struct prng *prng, struct arena *arena,
		    bool small, void *message);

/* Compares field by field; empty and absent are the same. */
bool wire_test_equal(const struct wire_table *table, const void *left, const void *right);

/* Parses hex with blanks into exactly sized memory, so that a sanitizer sees each byte read
 * beyond the end. The caller frees bytes.data. */
struct slice wire_test_hex(const char *hex);
struct slice wire_test_copy(const void *data, uint32_t size);
void wire_test_free(struct slice bytes);

#endif
