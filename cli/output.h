/* What a command says on standard output: a table for people or JSON for programs. Both are built
 * in memory and written at the end, so that a failure never leaves half an object. */
#ifndef SAGAD_CLI_OUTPUT_H
#define SAGAD_CLI_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum { OUTPUT_SIZE_MAX = 256 * 1024 * 1024, TIME_TEXT_SIZE = 32 };

struct output {
	bool json;
	bool headers;
	bool color;
	bool quiet;
	struct buf text;
};

void output_init(struct output *o);
void output_close(struct output *o);

/* ---- tables (table.c) ---------------------------------------------------------------------- */

enum style { STYLE_PLAIN, STYLE_GOOD, STYLE_WARN, STYLE_BAD, STYLE_DIM };

/* Columns are as wide as their widest cell; numbers stand right. */
struct table {
	struct output *output;
	uint32_t column_count;
	uint32_t cell_count;
	struct buf texts; /* all cells */
	struct buf cells;
};

/* `headers`: one column each, NULL-terminated; a header that begins with '>' is for numbers. */
void table_open(struct table *t, struct output *o, const char *const *headers);
void table_text(struct table *t, enum style style, struct slice text);
void table_str(struct table *t, enum style style, const char *text);
void table_number(struct table *t, uint64_t number);
/* Appends the table to the output, and frees it. */
void table_close(struct table *t);

/* "state      completed": a line of a description. */
void output_line(struct output *o, const char *name, enum style style, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* ---- words --------------------------------------------------------------------------------- */

enum style style_of_state(uint32_t state);                   /* enum wire_state */
void time_text(uint64_t unix_ms, char text[TIME_TEXT_SIZE]); /* "2025-01-31T12:00:00.123Z"; "-" for
								0 */
void elapsed_text(uint64_t ms, char text[TIME_TEXT_SIZE]);   /* "1.250s" */

/* ---- JSON (json_jansson.c) ----------------------------------------------------------------- */

enum { JSON_SCHEMA_VERSION = 1 };

struct doc;
/* An open object with "schema_version". NULL when out of memory. */
struct doc *doc_open(void);
/* `key` is NULL inside of arrays. */
void doc_object(struct doc *d, const char *key);
void doc_array(struct doc *d, const char *key);
void doc_end(struct doc *d);
void doc_text(struct doc *d, const char *key, struct slice text);
void doc_str(struct doc *d, const char *key, const char *text); /* NULL = null */
void doc_number(struct doc *d, const char *key, uint64_t number);
void doc_bool(struct doc *d, const char *key, bool value);
/* Bytes of a payload: as they are when they are JSON, else only their size. */
void doc_payload(struct doc *d, const char *key, struct slice bytes);
/* Appends the text to the output and frees everything. SAGA_E_NO_MEMORY. */
int doc_close(struct doc *d, struct output *o) MUST_CHECK;
/* Is it one JSON value? `why` gets the place and the mistake when not. */
bool doc_valid(struct slice text, struct buf *why);

#endif
