/* Where to listen, as the configuration says it. */
#ifndef SAGAD_NODE_HTTP_LISTEN_H
#define SAGAD_NODE_HTTP_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

/* "address:port" or "[address]:port", numeric: who opens a port to all says so (0.0.0.0, [::]).
 * False when it is not one. `host` gets no brackets. */
enum { HTTP_HOST_SIZE = 64 };
bool http_listen_parse(const char *text, char host[HTTP_HOST_SIZE], uint16_t *port);

#endif
