/* JSON <-> structs by the tables of wire, for the files in tests/vectors/wire (their README says
 * what stands for what). Any trouble with the file itself ends the test. */
#ifndef SAGAD_TESTS_UNIT_WIRE_JSON_H
#define SAGAD_TESTS_UNIT_WIRE_JSON_H

#include <jansson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "wire/schema.h"

#define WIRE_VECTORS SAGAD_SOURCE_DIR "/tests/vectors/wire/"

json_t *wire_json_load(const char *name); /* "messages.json"; json_decref it */
void wire_json_save(const char *name, const json_t *vectors);

/* Fills the struct; a member that the table does not know ends the test. Strings point into the
 * JSON value, all else lives in the arena. */
void wire_json_fill(const struct wire_table *table, const json_t *fields, struct arena *arena,
		    void *message);

/* Members that must be there. */
const char *wire_json_text(const json_t *object, const char *member);
uint64_t wire_json_number(const json_t *object, const char *member);
struct slice wire_json_bin(const json_t *value, struct arena *arena);
enum wire_kind wire_json_kind(const json_t *object);
json_t *wire_json_hex(struct slice bytes); /* a new string */

#endif
