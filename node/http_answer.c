#include "node/http_answer.h"

#include <string.h>

#include "base/check.h"
#include "node/health.h"

static const char TEXT[] = "text/plain; charset=utf-8";
static const char JSON[] = "application/json";
static const char PROMETHEUS[] = "text/plain; version=0.0.4; charset=utf-8";
static const char OPENMETRICS[] = "application/openmetrics-text; version=1.0.0; charset=utf-8";

static const struct route {
	const char *path;
	uint32_t served_by;
} routes[HTTP_ROUTES] = {
	[HTTP_ROUTE_OTHER] = {"other", 0},
	[HTTP_ROUTE_STARTED] = {"/healthz/started", HTTP_SERVES_HEALTH},
	[HTTP_ROUTE_LIVE] = {"/healthz/live", HTTP_SERVES_HEALTH},
	[HTTP_ROUTE_READY] = {"/healthz/ready", HTTP_SERVES_HEALTH},
	[HTTP_ROUTE_METRICS] = {"/metrics", HTTP_SERVES_METRICS},
	[HTTP_ROUTE_VERSION] = {"/version", HTTP_SERVES_HEALTH},
};

const char *http_route_name(enum http_route route)
{
	CHECK_LT((int)route, HTTP_ROUTES);
	return routes[route].path;
}

static enum http_route find(const struct http_request *request)
{
	for (uint32_t i = HTTP_ROUTE_OTHER + 1; i < HTTP_ROUTES; i++) {
		if ((routes[i].served_by & request->serves) != 0 &&
		    strcmp(routes[i].path, request->path) == 0)
			return (enum http_route)i;
	}
	return HTTP_ROUTE_OTHER;
}

/* The path that was asked for is not repeated: it is a stranger's text. */
static void not_found(const struct http_request *request, struct http_answer *answer)
{
	answer->status = 404;
	(void)buf_printf(answer->body, "there is nothing under this path; there is:\n");
	for (uint32_t i = HTTP_ROUTE_OTHER + 1; i < HTTP_ROUTES; i++) {
		if ((routes[i].served_by & request->serves) != 0)
			(void)buf_printf(answer->body, "%s\n", routes[i].path);
	}
}

static void not_allowed(struct http_answer *answer)
{
	answer->status = 405;
	answer->allow = "GET, HEAD";
	(void)buf_printf(answer->body, "only GET and HEAD: nothing can be changed here\n");
}

static void probe(struct http_answer *answer, bool good, bool verbose, const char *name)
{
	answer->status = good ? 200 : 503;
	if (good && !verbose)
		(void)buf_printf(answer->body, "ok\n");
	else
		(void)buf_printf(answer->body, "%s: %s\n", name, good ? "yes" : "no");
}

static void metrics(const struct http_source *source, const struct http_request *request,
		    struct http_answer *answer)
{
	const bool open =
		request->accept != NULL && strstr(request->accept, "application/openmetrics-text");

	answer->content_type = open ? OPENMETRICS : PROMETHEUS;
	source->metrics(source->context, open, answer->body);
	if (buf_error(answer->body) == 0)
		return;
	buf_clear(answer->body);
	answer->status = 500;
	answer->content_type = TEXT;
	(void)buf_printf(answer->body, "the metrics do not fit into the memory kept for them\n");
}

void http_answer(const struct http_source *source, const struct http_request *request,
		 struct http_answer *answer)
{
	struct buf *body = answer->body;
	const bool verbose = request->verbose;

	buf_clear(body);
	answer->route = find(request);
	answer->status = 200;
	answer->content_type = TEXT;
	answer->allow = NULL;
	if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
		not_allowed(answer);
		return;
	}
	switch (answer->route) {
	case HTTP_ROUTE_STARTED:
		probe(answer, health_started(source->health, verbose, body), verbose, "started");
		break;
	case HTTP_ROUTE_LIVE:
		probe(answer, health_live(source->health, request->now_ns, verbose, body), verbose,
		      "live");
		break;
	case HTTP_ROUTE_READY:
		probe(answer, health_ready(source->health, verbose, body), verbose, "ready");
		break;
	case HTTP_ROUTE_METRICS:
		metrics(source, request, answer);
		break;
	case HTTP_ROUTE_VERSION:
		answer->content_type = JSON;
		(void)buf_printf(body, "%s", source->version);
		break;
	case HTTP_ROUTE_OTHER:
	case HTTP_ROUTES:
		not_found(request, answer);
		break;
	}
}
