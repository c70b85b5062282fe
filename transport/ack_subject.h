/* What a JetStream consumer says in the reply subject of each message it delivers. Pure.
 *
 *   $JS.ACK.<stream>.<consumer>.<delivered>.<sseq>.<cseq>.<time>.<pending>              9 tokens
 *   $JS.ACK.<domain>.<account>.<stream>.<consumer>.<delivered>. ... .<pending>[.<random>] 11, 12
 */
#ifndef SAGAD_TRANSPORT_ACK_SUBJECT_H
#define SAGAD_TRANSPORT_ACK_SUBJECT_H

#include <stdbool.h>

#include "base/slice.h"

/* False, and nothing written, for any other subject. */
bool ack_subject_parse(struct slice reply, uint64_t *delivered, uint64_t *stream_sequence);
/* How many messages the consumer had left when this one was sent. */
bool ack_subject_pending(struct slice reply, uint64_t *pending);

#endif
