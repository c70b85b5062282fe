/* The words for the numbers that travel: for people, logs, JSON output and docs/wire.md.
 * Each returns "unknown" for a number without a word, never NULL. */
#ifndef SAGAD_WIRE_NAMES_H
#define SAGAD_WIRE_NAMES_H

#include <stdint.h>

const char *wire_protocol_name(uint32_t protocol);
/* "forward", "finish", "undo", "settle": also what operation ids are made from (base/id.h). */
const char *wire_op_name(uint32_t op);
const char *wire_delivery_name(uint32_t delivery);
const char *wire_state_name(uint32_t state);
const char *wire_reason_name(uint32_t reason);
const char *wire_decision_name(uint32_t decision);
const char *wire_until_name(uint32_t until);
const char *wire_branch_state_name(uint32_t state);
const char *wire_outcome_name(uint32_t outcome);
const char *wire_barrier_name(uint32_t barrier);
const char *wire_disposition_name(uint32_t kind);
const char *wire_event_name(uint32_t event);
const char *wire_node_state_name(uint32_t state);
const char *wire_shard_state_name(uint32_t state);

#endif
