/* A plain socket's HTTP, and where nodes listen. */
#ifndef SAGAD_TESTS_INTEGRATION_TRIP_HTTP_ASK_H
#define SAGAD_TESTS_INTEGRATION_TRIP_HTTP_ASK_H

#include <stdint.h>

#include "tests/support/launcher.h"

/* The status, 0 = nobody there or no answer; the whole answer as a text. Any thread. */
uint32_t http_ask(uint16_t port, const char *path, char *answer, uint32_t size);
/* Waits until the node has listened so often in its life; where it does now. */
uint16_t http_port_of(struct cluster *cluster, const char *node, uint32_t starts);

#endif
