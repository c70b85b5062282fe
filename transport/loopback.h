/* Transport inside one process, for unit tests: several endpoints on one hub, delivery only when
 * the test pumps it, in publish order. Wildcards and queue groups as in NATS; the members of a
 * group take turns, so that runs repeat exactly. Time is given: requests time out by it, after
 * everything that was published by then has been delivered. Nobody listening = SAGA_E_NO_RESPONDERS
 * for a request, a message of status 503 to the reply subject for a publish with one. */
#ifndef SAGAD_TRANSPORT_LOOPBACK_H
#define SAGAD_TRANSPORT_LOOPBACK_H

#include "transport/transport.h"

struct loopback_hub;

struct loopback_hub *loopback_hub_create(void);      /* NULL = out of memory, as below */
void loopback_hub_destroy(struct loopback_hub *hub); /* with the endpoints that are still open */
struct transport *loopback_open(struct loopback_hub *hub);
/* Delivers everything that is queued, also what handlers publish meanwhile; returns how many. */
uint32_t loopback_pump(struct loopback_hub *hub, uint64_t now_ms);
/* Cuts an endpoint off, as a lost connection does, or brings it back with its subscriptions: open
 * requests end with SAGA_E_DISCONNECTED in the next pump, what is on its way to it is lost. */
void loopback_set_connected(struct transport *t, bool connected);

#endif
