/* S20: what is published to a reply subject is published with our rights, so it must be an inbox.
 * The one place that says which are. Pure. */
#ifndef SAGAD_NODE_REPLY_SUBJECT_H
#define SAGAD_NODE_REPLY_SUBJECT_H

#include <stdbool.h>

#include "base/slice.h"
#include "wire/subject.h"

/* "<one of the prefixes>.<something>", without wildcards, spaces and control characters, and short
 * enough for a subject of ours. An empty one is none: false. */
bool reply_subject_allowed(const char (*prefixes)[64], uint32_t prefix_count, struct slice reply);

/* Of one that is allowed: with the NUL that publishing needs. */
void reply_subject_copy(struct slice reply, char subject[SUBJECT_SIZE_MAX]);

#endif
