/* Transport inside one process, for unit tests: several endpoints on one hub, delivery only when
 * the test pumps it, in publish order. Wildcards and queue groups as in NATS. Time is given. */
#ifndef SAGAD_TRANSPORT_LOOPBACK_H
#define SAGAD_TRANSPORT_LOOPBACK_H

#include "transport/transport.h"

struct loopback_hub;

struct loopback_hub *loopback_hub_create(void);
void loopback_hub_destroy(struct loopback_hub *hub);
struct transport *loopback_open(struct loopback_hub *hub);
/* Delivers everything that is queued, also what handlers publish meanwhile; returns how many. */
uint32_t loopback_pump(struct loopback_hub *hub, uint64_t now_ms);

#endif
