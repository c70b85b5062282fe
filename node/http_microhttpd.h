/* The HTTP listeners: a thread of their own that only reads what the loops have published.
 *
 * Nobody can do harm with it: one request a connection; 10 s for all of it, whatever trickles;
 * 8 KiB of request; 64 connections a listener, of which the oldest goes when a new one needs its
 * place, so that a probe always gets in; GET and HEAD only; the metrics are made at most five times
 * a second.
 */
#ifndef SAGAD_NODE_HTTP_MICROHTTPD_H
#define SAGAD_NODE_HTTP_MICROHTTPD_H

#include "base/error.h"
#include "base/metrics.h"
#include "node/http_answer.h"

struct http;

struct http_config {
	/* "address:port", "" = none. With metrics_listen the other one has no /metrics. */
	const char *listen;
	const char *metrics_listen;
	struct http_source source;
	struct health *health;  /* also watched: health_watch */
	uint32_t connection_ms; /* a connection lasts no longer; 0 = 10,000 */
};

/* What was answered, for the metrics; written by the thread. */
struct http_meter {
	struct counter requests[HTTP_ROUTES][6]; /* by hundreds of the status: [2] = 2xx */
	struct counter dropped;     /* connections that were cut: too slow, or too many */
	struct counter connections; /* open now */
};

/* Listens and starts the thread. SAGA_E_CONFIG with a sentence in `why`. *http stays NULL when
 * neither is configured. Everything in `config` is borrowed until http_close. */
int http_open(const struct http_config *config, struct http_meter *meter, struct http **http,
	      char why[256]) MUST_CHECK;
void http_close(struct http *http); /* NULL is fine */
/* The ports listened on, 0 = none. */
uint16_t http_port(const struct http *http);
uint16_t http_metrics_port(const struct http *http);

#endif
