/* Free loopback TCP ports, each given to one test process at a time. */
#ifndef SAGAD_TESTS_SUPPORT_PORTS_H
#define SAGAD_TESTS_SUPPORT_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { PORTS_MAX = 32 };

/* While the set lives, no other set of any process of this machine gets these ports, so a server
 * can be restarted on its port although tests run side by side. */
struct ports {
	uint16_t numbers[PORTS_MAX];
	int holds[PORTS_MAX]; /* fds; -1 = not held */
	uint32_t count;
	uint16_t preferred[PORTS_MAX]; /* tried first, in the order of taking; 0 = any */
};

void ports_init(struct ports *ports);
void ports_release(struct ports *ports);
/* SAGA_E_FULL when there is none. */
int ports_take(struct ports *ports, uint16_t *port) MUST_CHECK;

/* A connected loopback socket (blocking, 1 s time-outs on reading and writing), -1 when nobody
 * listens. */
int ports_connect(uint16_t port);

#endif
