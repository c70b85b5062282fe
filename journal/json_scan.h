/* Looks values up in the small JSON answers of a JetStream server, in place and without a tree: an
 * acknowledgement is read this way for every batch. Pure, never allocates.
 *
 * It is a reader of what a server wrote, not a validator: brackets are counted, strings are
 * skipped with their escapes, and a lookup fails on whatever it cannot follow.
 */
#ifndef SAGAD_JOURNAL_JSON_SCAN_H
#define SAGAD_JOURNAL_JSON_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* True when the text is one object from its first to its last byte, white space apart. */
bool json_scan_whole(struct slice json);
/* `path` names members of nested objects: "error.err_code". `value` is the raw text. False when
 * there is none. */
bool json_scan_find(struct slice json, const char *path, struct slice *value);
/* The same for a plain non-negative integer ... */
bool json_scan_u64(struct slice json, const char *path, uint64_t *value);
/* ... for a string: what stands between its quotes, escapes left as they are ... */
bool json_scan_text(struct slice json, const char *path, struct slice *value);
/* ... and for the literal true; anything else, and nothing, is false. */
bool json_scan_true(struct slice json, const char *path);

#endif
