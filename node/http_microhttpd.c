#include "node/http_microhttpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/os_clock.h"
#include "node/health.h"
#include "node/http_listen.h"

enum {
	LISTENERS = 2,
	CONNECTIONS_MAX = 64,  /* a listener */
	CONNECTIONS_FULL = 56, /* from here on the oldest is cut for a new one */
	REQUEST_BYTES = 8 * 1024,
	BODY_BYTES = 16 * 1024 * 1024,
	BACKLOG = 128,
	TURN_MS = 250,
	CONNECTION_MS = 10000,
};
#define METRICS_NS UINT64_C(200000000)

struct connection {
	int socket; /* -1 = free place */
	uint64_t since_ns;
	bool cut;
};

struct listener {
	struct http *http;
	struct MHD_Daemon *daemon;
	uint32_t serves;
	uint16_t port;
	uint32_t open;
	struct connection connections[CONNECTIONS_MAX];
};

struct http {
	struct http_config config;
	struct http_meter *meter;
	struct listener listeners[LISTENERS];
	struct buf body;
	/* Shared by all who ask within METRICS_NS: text, OpenMetrics. */
	struct MHD_Response *metrics[2];
	uint64_t metrics_ns[2];
	int wake; /* eventfd: the end */
	bool running;
	pthread_t thread;
};

/* ---- connections -------------------------------------------------------------------------------
 */

/* The library sees its end and closes it. */
static void cut(struct listener *l, struct connection *c)
{
	if (c->socket < 0 || c->cut)
		return;
	c->cut = true;
	counter_add(&l->http->meter->dropped, 1);
	(void)shutdown(c->socket, SHUT_RDWR);
}

static void cut_oldest(struct listener *l)
{
	struct connection *oldest = NULL;

	for (uint32_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &l->connections[i];

		if (c->socket >= 0 && !c->cut && (oldest == NULL || c->since_ns < oldest->since_ns))
			oldest = c;
	}
	if (oldest != NULL)
		cut(l, oldest);
}

static void cut_slow(struct listener *l, uint64_t now_ns)
{
	for (uint32_t i = 0; i < CONNECTIONS_MAX; i++) {
		if (now_ns - l->connections[i].since_ns >
		    l->http->config.connection_ms * UINT64_C(1000000))
			cut(l, &l->connections[i]);
	}
}

static void count_open(struct http *http)
{
	counter_set(&http->meter->connections, http->listeners[0].open + http->listeners[1].open);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **place,
			  enum MHD_ConnectionNotificationCode code)
{
	struct listener *l = context;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		struct connection *c = *place;

		if (c != NULL) {
			c->socket = -1;
			l->open--;
		}
		count_open(l->http);
		return;
	}
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	for (uint32_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &l->connections[i];

		if (c->socket >= 0)
			continue;
		*c = (struct connection){.socket = info->connect_fd,
					 .since_ns = os_clock_mono_ns()};
		*place = c;
		l->open++;
		break;
	}
	if (l->open >= CONNECTIONS_FULL)
		cut_oldest(l);
	count_open(l->http);
}

/* ---- requests ----------------------------------------------------------------------------------
 */

static struct MHD_Response *make_response(const struct http_answer *answer)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(
		answer->body->size, answer->body->data, MHD_RESPMEM_MUST_COPY);

	if (r == NULL)
		return NULL;
	(void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
	(void)MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	(void)MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	/* One request a connection: so each has an end, and its place a time limit. */
	(void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
	if (answer->allow != NULL)
		(void)MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, answer->allow);
	return r;
}

static void forget_metrics(struct http *http, uint32_t form)
{
	if (http->metrics[form] != NULL)
		MHD_destroy_response(http->metrics[form]);
	http->metrics[form] = NULL;
}

static enum MHD_Result answer_with(struct http *http, struct MHD_Connection *connection,
				   const struct http_answer *answer, struct MHD_Response *r)
{
	enum MHD_Result result;

	if (r == NULL)
		return MHD_NO; /* no memory: the connection is closed */
	counter_add(&http->meter->requests[answer->route][answer->status / 100], 1);
	result = MHD_queue_response(connection, answer->status, r);
	return result;
}

/* Those who ask for the metrics at the same time get the same. */
static enum MHD_Result answer_kept(struct http *http, struct MHD_Connection *connection,
				   const struct http_request *request)
{
	const bool open = request->accept != NULL &&
			  strstr(request->accept, "application/openmetrics-text") != NULL;
	const struct http_answer answer = {.route = HTTP_ROUTE_METRICS, .status = 200};

	if (strcmp(request->path, http_route_name(HTTP_ROUTE_METRICS)) != 0 ||
	    (request->serves & HTTP_SERVES_METRICS) == 0 || http->metrics[open] == NULL ||
	    request->now_ns - http->metrics_ns[open] > METRICS_NS ||
	    (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0))
		return MHD_NO;
	return answer_with(http, connection, &answer, http->metrics[open]);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
				  const char *path, const char *method, const char *version,
				  const char *upload, size_t *upload_size, void **state)
{
	struct listener *l = context;
	struct http *http = l->http;
	struct http_answer answer = {.body = &http->body};
	const struct http_request request = {
		.serves = l->serves,
		.method = method,
		.path = path,
		.verbose = MHD_lookup_connection_value_n(connection, MHD_GET_ARGUMENT_KIND,
							 "verbose", 7, NULL, NULL) == MHD_YES,
		.accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept"),
		.now_ns = os_clock_mono_ns(),
	};
	struct MHD_Response *r;
	enum MHD_Result result;

	(void)version, (void)upload, (void)upload_size, (void)state;
	if (answer_kept(http, connection, &request) == MHD_YES)
		return MHD_YES;
	http_answer(&http->config.source, &request, &answer);
	r = make_response(&answer);
	result = answer_with(http, connection, &answer, r);
	if (answer.route == HTTP_ROUTE_METRICS && answer.status == 200 && r != NULL) {
		const uint32_t form = strncmp(answer.content_type, "application/", 12) == 0;

		forget_metrics(http, form);
		http->metrics[form] = r;
		http->metrics_ns[form] = request.now_ns;
	} else if (r != NULL) {
		MHD_destroy_response(r);
	}
	return result;
}

/* ---- the thread --------------------------------------------------------------------------------
 */

static int wait_ms(const struct http *http)
{
	MHD_UNSIGNED_LONG_LONG library = TURN_MS;
	int least = TURN_MS;

	for (uint32_t i = 0; i < LISTENERS; i++) {
		if (http->listeners[i].daemon != NULL &&
		    MHD_get_timeout(http->listeners[i].daemon, &library) == MHD_YES &&
		    library < (unsigned)least)
			least = (int)library;
	}
	return least;
}

static void *thread_main(void *argument)
{
	struct http *http = argument;
	struct pollfd fds[LISTENERS + 1] = {{.fd = http->wake, .events = POLLIN}};
	nfds_t count = 1;

	for (uint32_t i = 0; i < LISTENERS; i++) {
		if (http->listeners[i].daemon == NULL)
			continue;
		const union MHD_DaemonInfo *info =
			MHD_get_daemon_info(http->listeners[i].daemon, MHD_DAEMON_INFO_EPOLL_FD);
		fds[count++] = (struct pollfd){.fd = info->epoll_fd, .events = POLLIN};
	}
	while ((fds[0].revents & POLLIN) == 0) {
		health_watch(http->config.health, os_clock_mono_ns());
		for (uint32_t i = 0; i < LISTENERS; i++) {
			if (http->listeners[i].daemon == NULL)
				continue;
			(void)MHD_run(http->listeners[i].daemon);
			cut_slow(&http->listeners[i], os_clock_mono_ns());
		}
		(void)poll(fds, count, wait_ms(http));
	}
	return NULL;
}

/* ---- life --------------------------------------------------------------------------------------
 */

static int listen_on(const char *text, uint16_t *port, char why[256])
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct sockaddr_in four = {.sin_family = AF_INET};
	char host[HTTP_HOST_SIZE];
	const int yes = 1;
	int fd = -1;

	if (!http_listen_parse(text, host, port)) {
		(void)snprintf(why, 256, "%.100s is not address:port", text);
		return -1;
	}
	const bool is_six = inet_pton(AF_INET6, host, &six.sin6_addr) == 1;
	if (!is_six && inet_pton(AF_INET, host, &four.sin_addr) != 1) {
		(void)snprintf(why, 256, "%.100s is not a numeric address", host);
		return -1;
	}
	six.sin6_port = four.sin_port = htons(*port);
	const struct sockaddr *address =
		is_six ? (const struct sockaddr *)&six : (const struct sockaddr *)&four;
	socklen_t size = is_six ? sizeof six : sizeof four;

	fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
	    bind(fd, address, size) != 0 || listen(fd, BACKLOG) != 0) {
		(void)snprintf(why, 256, "cannot listen on %.100s: %s", text, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return -1;
	}
	struct sockaddr_storage bound = {0};
	size = sizeof bound;
	if (*port == 0 && getsockname(fd, (struct sockaddr *)&bound, &size) == 0)
		*port = ntohs(is_six ? ((const struct sockaddr_in6 *)&bound)->sin6_port
				     : ((const struct sockaddr_in *)&bound)->sin_port);
	return fd;
}

static void say_nothing(void *context, const char *format, va_list arguments)
{
	(void)context, (void)format, (void)arguments; /* texts of strangers stay out of the log */
}

static int listener_open(struct http *http, struct listener *l, const char *text, uint32_t serves,
			 char why[256])
{
	const int fd = listen_on(text, &l->port, why);

	if (fd < 0)
		return SAGA_E_CONFIG;
	l->http = http;
	l->serves = serves;
	l->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, l,
				     MHD_OPTION_EXTERNAL_LOGGER, say_nothing, NULL,
				     MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
				     (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				     (size_t)REQUEST_BYTES, MHD_OPTION_NOTIFY_CONNECTION,
				     on_connection, l, MHD_OPTION_END);
	if (l->daemon != NULL)
		return 0;
	(void)snprintf(why, 256, "the HTTP library does not start on %.100s", text);
	(void)close(fd);
	return SAGA_E_CONFIG;
}

static int open_all(struct http *http, char why[256])
{
	const struct http_config *c = &http->config;
	const bool apart = c->metrics_listen[0] != '\0';
	sigset_t all;
	sigset_t before;
	int error = 0;

	if (c->listen[0] != '\0')
		error = listener_open(http, &http->listeners[0], c->listen,
				      HTTP_SERVES_HEALTH | (apart ? 0 : HTTP_SERVES_METRICS), why);
	if (error == 0 && apart)
		error = listener_open(http, &http->listeners[1], c->metrics_listen,
				      HTTP_SERVES_METRICS, why);
	if (error != 0)
		return error;
	http->wake = eventfd(0, EFD_CLOEXEC);
	CHECK(http->wake >= 0);
	/* Signals are the control thread's. */
	CHECK_EQ(sigfillset(&all), 0);
	CHECK_EQ(pthread_sigmask(SIG_SETMASK, &all, &before), 0);
	http->running = pthread_create(&http->thread, NULL, thread_main, http) == 0;
	CHECK_EQ(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
	if (http->running)
		return 0;
	(void)snprintf(why, 256, "no thread for HTTP");
	return SAGA_E_CONFIG;
}

int http_open(const struct http_config *config, struct http_meter *meter, struct http **out,
	      char why[256])
{
	struct http *http;
	int error;

	*out = NULL;
	if (config->listen[0] == '\0' && config->metrics_listen[0] == '\0')
		return 0;
	http = calloc(1, sizeof *http);
	if (http == NULL)
		return SAGA_E_NO_MEMORY;
	http->config = *config;
	http->meter = meter;
	if (config->connection_ms == 0)
		http->config.connection_ms = CONNECTION_MS;
	http->wake = -1;
	buf_init(&http->body, BODY_BYTES);
	for (uint32_t i = 0; i < LISTENERS; i++) {
		for (uint32_t j = 0; j < CONNECTIONS_MAX; j++)
			http->listeners[i].connections[j].socket = -1;
	}
	error = open_all(http, why);
	if (error == 0)
		*out = http;
	else
		http_close(http);
	return error;
}

void http_close(struct http *http)
{
	const uint64_t one = 1;

	if (http == NULL)
		return;
	if (http->running) {
		CHECK_EQ(write(http->wake, &one, sizeof one), (ssize_t)sizeof one);
		CHECK_EQ(pthread_join(http->thread, NULL), 0);
	}
	for (uint32_t i = 0; i < LISTENERS; i++) {
		if (http->listeners[i].daemon != NULL)
			MHD_stop_daemon(http->listeners[i].daemon);
	}
	forget_metrics(http, 0);
	forget_metrics(http, 1);
	if (http->wake >= 0)
		(void)close(http->wake);
	buf_close(&http->body);
	free(http);
}

uint16_t http_port(const struct http *http)
{
	return http == NULL ? 0 : http->listeners[0].port;
}

uint16_t http_metrics_port(const struct http *http)
{
	return http == NULL ? 0 : http->listeners[1].port;
}
