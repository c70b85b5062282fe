/* What is answered to an HTTP request: which path, which method, which body. No sockets here: the
 * server around it is node/http_microhttpd.c. Everything is read-only; nothing that is asked
 * changes anything. */
#ifndef SAGAD_NODE_HTTP_ANSWER_H
#define SAGAD_NODE_HTTP_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct health;

/* Templates for the metrics: what was asked for is never a label. */
enum http_route {
	HTTP_ROUTE_OTHER, /* unknown paths, refused methods */
	HTTP_ROUTE_STARTED,
	HTTP_ROUTE_LIVE,
	HTTP_ROUTE_READY,
	HTTP_ROUTE_METRICS,
	HTTP_ROUTE_VERSION,
	HTTP_ROUTES
};
const char *http_route_name(enum http_route route);

/* What a listener has. */
enum { HTTP_SERVES_HEALTH = 1, HTTP_SERVES_METRICS = 2 };

struct http_source {
	const struct health *health;
	const char *version; /* JSON text of /version */
	/* Writes /metrics. */
	void (*metrics)(void *context, bool openmetrics, struct buf *out);
	void *context;
};

struct http_request {
	uint32_t serves; /* bits above */
	const char *method;
	const char *path;
	bool verbose;       /* ?verbose, whatever its value */
	const char *accept; /* of its header; NULL = none */
	uint64_t now_ns;    /* CLOCK_MONOTONIC */
};

struct http_answer {
	enum http_route route;
	uint32_t status;
	const char *content_type;
	const char *allow; /* header Allow; NULL = none */
	struct buf *body;  /* in: cleared and filled */
};

void http_answer(const struct http_source *source, const struct http_request *request,
		 struct http_answer *answer);

#endif
