/* NATS subject rules: tokens between dots; the token `*` matches any one token, a last token `>`
 * matches one or more. Pure. */
#ifndef SAGAD_TRANSPORT_MATCH_H
#define SAGAD_TRANSPORT_MATCH_H

#include <stdbool.h>

#include "base/slice.h"

/* The broker's limit for a control line is 4096 bytes: subject, reply and sizes together. */
enum { MATCH_SUBJECT_SIZE_MAX = 1024 };

/* Does a subscription to `pattern` get messages for `subject`? Wildcards in `subject` are plain
 * characters. */
bool match_subject(struct slice pattern, struct slice subject);

/* May be subscribed to: no empty token, no white space or control character, `>` only at the end,
 * at most MATCH_SUBJECT_SIZE_MAX bytes. */
bool match_pattern_valid(struct slice pattern);

/* May be published to: as the broker, we take anything that cannot break the protocol line. */
bool match_publish_valid(struct slice subject);

#endif
