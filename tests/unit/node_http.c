/* The listener on a real socket: what is asked as it should be, and what strangers do. */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "node/health.h"
#include "node/http_microhttpd.h"

enum { ANSWER_SIZE = 65536, LIMIT_MS = 1000 };

static struct health health;
static struct http_meter meter;
static struct http *http;
static uint32_t made; /* times that the metrics were written */
static char answer[ANSWER_SIZE];

static void write_metrics(void *context, bool openmetrics, struct buf *out)
{
	(void)context;
	__atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
	(void)buf_printf(out, "%s\n", openmetrics ? "open" : "plain");
}

static int setup(void **state)
{
	const struct http_config config = {
		.listen = "127.0.0.1:0",
		.metrics_listen = "[::1]:0",
		.source = {.health = &health, .version = "{\"v\":1}", .metrics = write_metrics},
		.health = &health,
		.connection_ms = LIMIT_MS,
	};
	char why[256] = "";

	(void)state;
	memset(&health, 0, sizeof health);
	memset(&meter, 0, sizeof meter);
	made = 0;
	health.started = true;
	if (http_open(&config, &meter, &http, why) != 0)
		fail_msg("%s", why);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	http_close(http);
	http = NULL;
	return 0;
}

static int connect_to(uint16_t port)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct timeval limit = {.tv_sec = 20};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

/* Until the other side closes; what it said is in `answer`. A reset is an end as well. */
static void read_all(int fd)
{
	size_t size = 0;
	ssize_t got = 0;

	while ((got = recv(fd, answer + size, sizeof answer - 1 - size, 0)) > 0)
		size += (size_t)got;
	assert_true(got == 0 || errno == ECONNRESET);
	answer[size] = '\0';
	(void)close(fd);
}

static uint32_t say(const void *bytes, size_t size)
{
	const int fd = connect_to(http_port(http));

	assert_true(send(fd, bytes, size, MSG_NOSIGNAL) >= 0);
	read_all(fd);
	return strncmp(answer, "HTTP/1.", 7) == 0 ? (uint32_t)strtoul(answer + 9, NULL, 10) : 0;
}

static uint32_t say_text(const char *text)
{
	return say(text, strlen(text));
}

static void assert_still_there(void)
{
	assert_int_equal(say_text("GET /healthz/live HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
	assert_non_null(strstr(answer, "\r\n\r\nok\n"));
}

static void test_asked_as_it_should_be(void **state)
{
	(void)state;
	assert_still_there();
	assert_non_null(strstr(answer, "Connection: close"));
	assert_int_equal(say_text("GET /healthz/ready?verbose HTTP/1.0\r\n\r\n"), 503);
	assert_non_null(strstr(answer, "[-] nats"));
	assert_int_equal(say_text("GET /healthz/ready?verbose=1 HTTP/1.0\r\n\r\n"), 503);
	assert_non_null(strstr(answer, "[+] draining"));
	assert_int_equal(say_text("GET /healthz/ready HTTP/1.0\r\n\r\n"), 503);
	assert_null(strstr(answer, "[+] draining"));
	assert_int_equal(say_text("GET /version HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
	assert_non_null(strstr(answer, "{\"v\":1}"));
	assert_int_equal(say_text("HEAD /version HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
	assert_null(strstr(answer, "{\"v\":1}"));
	assert_int_equal(say_text("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), 404);
	assert_int_equal(
		say_text("POST /version HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"), 405);
	assert_non_null(strstr(answer, "Allow: GET, HEAD"));
	assert_int_equal(counter_get(&meter.requests[HTTP_ROUTE_VERSION][2]), 2);
	assert_int_equal(counter_get(&meter.requests[HTTP_ROUTE_VERSION][4]), 1);
}

static void test_one_writing_for_all_who_ask(void **state)
{
	const struct sockaddr_in6 to = {.sin6_family = AF_INET6,
					.sin6_port = htons(http_metrics_port(http)),
					.sin6_addr = IN6ADDR_LOOPBACK_INIT};
	static const char plain[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char open[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n"
				   "Accept: application/openmetrics-text\r\n\r\n";
	uint32_t fds[20];

	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (connect(fd, (const struct sockaddr *)&to, sizeof to) != 0)
			skip(); /* a machine without IPv6 */
		const char *text = i % 2 == 0 ? plain : open;
		assert_int_equal(send(fd, text, strlen(text), 0), (ssize_t)strlen(text));
		fds[i] = (uint32_t)fd;
	}
	for (uint32_t i = 0; i < 20; i++) {
		read_all((int)fds[i]);
		assert_non_null(strstr(answer, i % 2 == 0 ? "\r\n\r\nplain\n" : "\r\n\r\nopen\n"));
	}
	assert_in_range(__atomic_load_n(&made, __ATOMIC_RELAXED), 2, 18);
}

static void test_garbage(void **state)
{
	static const char nothing[64];
	static char much[256 * 1024];

	(void)state;
	assert_int_not_equal(say_text("\r\n\r\n\r\n"), 200);
	assert_int_not_equal(say_text("GARBAGE\r\n\r\n"), 200);
	assert_int_not_equal(say(nothing, sizeof nothing), 200);
	assert_int_not_equal(say_text("GET /healthz/live SMTP/9.9\r\n\r\n"), 200);
	assert_int_not_equal(say_text("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 200);
	assert_int_equal(say_text("GET /%2e%2e/%00etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"), 404);
	memset(much, 'a', sizeof much);
	memcpy(much, "GET /", 5);
	assert_int_not_equal(say(much, sizeof much), 200);
	memcpy(much, "GET / HTTP/1.1\r\nX: ", 19);
	assert_int_not_equal(say(much, sizeof much), 200);
	/* A body that never comes, and one that does, in pieces of odd sizes. */
	assert_int_equal(
		say_text("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n"), 405);
	assert_int_equal(say_text("GET /version HTTP/1.1\r\nHost: x\r\n"
				  "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n"),
			 200);
	assert_still_there();
}

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* One byte each 100 ms would never be idle for long. */
static void test_slow_ones_are_cut(void **state)
{
	static const char request[] =
		"GET /healthz/live HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	const int fd = connect_to(http_port(http));
	const uint64_t since = now_ms();

	(void)state;
	for (uint32_t i = 0; i < sizeof request; i++) {
		struct pollfd end = {.fd = fd, .events = POLLIN};

		/* It has nothing to say but its end. */
		if (send(fd, &request[i], 1, MSG_NOSIGNAL) != 1 || poll(&end, 1, 100) != 0)
			break;
		assert_still_there();
	}
	assert_in_range(now_ms() - since, LIMIT_MS / 2, 10 * LIMIT_MS);
	assert_true(counter_get(&meter.dropped) >= 1);
	(void)close(fd);
}

/* Hundreds that say nothing: whoever comes with a request is answered. */
static void test_many_that_say_nothing(void **state)
{
	int fds[300];

	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		fds[i] = connect_to(http_port(http));
		if (i % 50 == 49)
			assert_still_there();
	}
	assert_still_there();
	assert_true(counter_get(&meter.dropped) >= 200);
	for (uint32_t i = 0; i < 300; i++)
		(void)close(fds[i]);
	assert_still_there();
}

static void test_not_started(void **state)
{
	struct http_config config = {.listen = "",
				     .metrics_listen = "",
				     .source = {.health = &health, .metrics = write_metrics},
				     .health = &health};
	struct http *other = NULL;
	char text[64];
	char why[256] = "";

	(void)state;
	assert_int_equal(http_open(&config, &meter, &other, why), 0);
	assert_null(other);
	assert_int_equal(http_port(other), 0);
	assert_int_equal(http_metrics_port(other), 0);
	http_close(other);
	/* Somebody has the port. */
	(void)snprintf(text, sizeof text, "127.0.0.1:%u", http_port(http));
	config.metrics_listen = text;
	assert_int_equal(http_open(&config, &meter, &other, why), SAGA_E_CONFIG);
	assert_non_null(strstr(why, "Address already in use"));
	config.metrics_listen = "999.1.1.1:1";
	assert_int_equal(http_open(&config, &meter, &other, why), SAGA_E_CONFIG);
	config.metrics_listen = "nonsense";
	assert_int_equal(http_open(&config, &meter, &other, why), SAGA_E_CONFIG);
	assert_still_there();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_asked_as_it_should_be, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_writing_for_all_who_ask, setup, teardown),
		cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_ones_are_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_that_say_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_started, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
