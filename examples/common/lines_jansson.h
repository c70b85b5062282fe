/* Files of one JSON object a line. */
#ifndef SAGAD_EXAMPLES_COMMON_LINES_JANSSON_H
#define SAGAD_EXAMPLES_COMMON_LINES_JANSSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Calls `take` for each line, `max` at most (0 = all). False, and `why` says where, when the file
 * has none, or a line is no object or not to take's liking. */
bool lines_read(const char *file, uint32_t max, bool (*take)(void *context, const json_t *root),
		void *context, char *why, uint32_t why_size);
const char *lines_text(const json_t *root, const char *key); /* "" when there is none */

#endif
