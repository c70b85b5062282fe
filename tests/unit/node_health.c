/* Probes: what the loops say, what is answered, and to whom. */
#include "tests/unit/unit.h"

#include <string.h>

#include "node/health.h"
#include "node/http_answer.h"
#include "node/http_listen.h"

#define SECOND UINT64_C(1000000000)

static struct health health;
static uint8_t memory[4096];
static struct buf text;

static int setup(void **state)
{
	(void)state;
	memset(&health, 0, sizeof health);
	buf_init_fixed(&text, memory, sizeof memory);
	return 0;
}

static void assert_text(const char *wanted)
{
	assert_true(slice_equal(buf_slice(&text), slice_str(wanted)));
	buf_clear(&text);
}

static void test_alive_is_that_all_loops_turn(void **state)
{
	(void)state;
	assert_int_equal(health_loop_add(&health, SECOND), 0);
	assert_int_equal(health_loop_add(&health, SECOND), 1);
	assert_true(health_live(&health, SECOND, false, &text));
	assert_text("");
	assert_true(health_live(&health, SECOND, true, &text));
	assert_text("[+] loop control\n[+] loop worker 0\n");

	health_tick(&health, 0, 12 * SECOND);
	health_tick(&health, 1, 2 * SECOND);
	assert_true(health_live(&health, 12 * SECOND - 1, false, &text));
	assert_false(health_live(&health, 12 * SECOND, false, &text));
	assert_text("[-] loop worker 0: has not turned for 10 s\n");
	assert_false(health_live(&health, 12 * SECOND, false, NULL));
	health_tick(&health, 1, 12 * SECOND);
	assert_true(health_live(&health, 12 * SECOND, false, &text));
	/* The other thread's clock may be read a little earlier. */
	assert_int_equal(health_silence_ns(&health, 1, 11 * SECOND), 0);
}

/* No server has a say in it. */
static void test_alive_without_any_server(void **state)
{
	(void)state;
	(void)health_loop_add(&health, SECOND);
	assert_false(health_ready(&health, false, NULL));
	assert_true(health_live(&health, SECOND, false, NULL));
}

static void test_a_stopped_process_gets_its_time_again(void **state)
{
	(void)state;
	(void)health_loop_add(&health, SECOND);
	for (uint64_t at = 1; at <= 5; at++)
		health_watch(&health, at * SECOND);
	health_tick(&health, 0, 5 * SECOND);
	/* SIGSTOP for 100 s: the watcher comes as late as everybody. */
	health_watch(&health, 105 * SECOND);
	assert_true(health_live(&health, 105 * SECOND, false, NULL));
	/* But whoever does not go on then is stuck. */
	for (uint64_t at = 106; at <= 115; at++)
		health_watch(&health, at * SECOND);
	assert_false(health_live(&health, 115 * SECOND, false, NULL));
}

static void test_ready_needs_all_four(void **state)
{
	(void)state;
	assert_false(health_ready(&health, false, NULL)); /* no loop, no connection */
	(void)health_loop_add(&health, 0);
	(void)health_loop_add(&health, 0);
	health_nats(&health, 0, true);
	health.lease = true;
	health.map = true;
	assert_false(health_ready(&health, false, &text));
	assert_text("[-] nats: not all connections are up\n");
	health_nats(&health, 1, true);
	assert_true(health_ready(&health, false, &text));
	assert_text("");
	assert_true(health_ready(&health, true, &text));
	assert_text("[+] nats\n[+] lease\n[+] shards\n[+] draining\n");
	health.lease = false;
	assert_false(health_ready(&health, false, NULL));
	health.lease = true;
	health.map = false;
	assert_false(health_ready(&health, false, NULL));
	health.map = true;
	health.draining = true;
	assert_false(health_ready(&health, false, &text));
	assert_text("[-] draining: this node is stopping and gives its shards away\n");
}

/* ---- what is answered --------------------------------------------------------------------------
 */

static void write_metrics(void *context, bool openmetrics, struct buf *out)
{
	(void)buf_printf(out, openmetrics ? "open\n" : "plain\n");
	if (*(bool *)context)
		(void)buf_grow(out, sizeof memory);
}

static struct http_answer ask(uint32_t serves, const char *method, const char *path, bool verbose,
			      const char *accept)
{
	static bool too_much;
	const struct http_source source = {
		.health = &health, .version = "{}", .metrics = write_metrics, .context = &too_much};
	const struct http_request request = {.serves = serves,
					     .method = method,
					     .path = path,
					     .verbose = verbose,
					     .accept = accept};
	struct http_answer answer = {.body = &text};

	too_much = accept != NULL && strcmp(accept, "too much") == 0;
	http_answer(&source, &request, &answer);
	return answer;
}

static void test_each_path(void **state)
{
	const uint32_t all = HTTP_SERVES_HEALTH | HTTP_SERVES_METRICS;

	(void)state;
	assert_int_equal(ask(all, "GET", "/healthz/started", false, NULL).status, 503);
	assert_text("[-] loop: the control loop has not begun to turn\nstarted: no\n");
	health.started = true;
	assert_int_equal(ask(all, "GET", "/healthz/started", false, NULL).status, 200);
	assert_text("ok\n");
	assert_int_equal(ask(all, "HEAD", "/healthz/live", true, NULL).status, 200);
	assert_text("live: yes\n");
	assert_int_equal(ask(all, "GET", "/healthz/ready", true, NULL).status, 503);
	assert_non_null(strstr((char *)memory, "[-] lease"));
	assert_int_equal(ask(all, "GET", "/version", false, NULL).status, 200);
	assert_text("{}");
	assert_string_equal(ask(all, "GET", "/metrics", false, NULL).content_type,
			    "text/plain; version=0.0.4; charset=utf-8");
	assert_text("plain\n");
	assert_string_equal(ask(all, "GET", "/metrics", false,
				"application/openmetrics-text; version=1.0.0,text/plain;q=0.5")
				    .content_type,
			    "application/openmetrics-text; version=1.0.0; charset=utf-8");
	assert_text("open\n");
	assert_int_equal(ask(all, "GET", "/metrics", false, "too much").status, 500);
}

static void test_refused(void **state)
{
	static const char *const methods[] = {"POST",    "PUT", "DELETE", "PATCH",
					      "OPTIONS", "get", ""};

	(void)state;
	for (uint32_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
		const struct http_answer answer =
			ask(HTTP_SERVES_HEALTH, methods[i], "/version", false, NULL);

		assert_int_equal(answer.status, 405);
		assert_string_equal(answer.allow, "GET, HEAD");
	}
	assert_int_equal(ask(HTTP_SERVES_HEALTH, "GET", "/", false, NULL).status, 404);
	assert_text("there is nothing under this path; there is:\n/healthz/started\n/healthz/live\n"
		    "/healthz/ready\n/version\n");
	assert_int_equal(ask(HTTP_SERVES_HEALTH, "GET", "other", false, NULL).status, 404);
	assert_int_equal(ask(HTTP_SERVES_HEALTH, "GET", "/healthz/live/", false, NULL).status, 404);
	/* Each listener has its own. */
	assert_int_equal(ask(HTTP_SERVES_HEALTH, "GET", "/metrics", false, NULL).status, 404);
	assert_int_equal(ask(HTTP_SERVES_METRICS, "GET", "/version", false, NULL).status, 404);
	assert_int_equal(ask(HTTP_SERVES_METRICS, "GET", "/metrics", false, NULL).status, 200);
}

static void test_listen_addresses(void **state)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} good[] = {{"127.0.0.1:0", "127.0.0.1", 0},
		    {"0.0.0.0:9180", "0.0.0.0", 9180},
		    {"[::]:65535", "::", 65535},
		    {"[fe80::1]:80", "fe80::1", 80}};
	static const char *const bad[] = {
		"",           ":9180",           "9180",           "localhost:9180",
		"::1:9180",   "[::1:9180",       "::1]:9180",      "127.0.0.1:",
		"1.1.1.1:x",  "1.1.1.1:65536",   "1.1.1.1:000001", "[]:1",
		"1.1.1.1 :1", "http://1.1.1.1:1"};
	char host[HTTP_HOST_SIZE];
	uint16_t port;

	(void)state;
	for (uint32_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_true(http_listen_parse(good[i].text, host, &port));
		assert_string_equal(host, good[i].host);
		assert_int_equal(port, good[i].port);
	}
	for (uint32_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(http_listen_parse(bad[i], host, &port));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_alive_is_that_all_loops_turn, setup),
		cmocka_unit_test_setup(test_alive_without_any_server, setup),
		cmocka_unit_test_setup(test_a_stopped_process_gets_its_time_again, setup),
		cmocka_unit_test_setup(test_ready_needs_all_four, setup),
		cmocka_unit_test_setup(test_each_path, setup),
		cmocka_unit_test_setup(test_refused, setup),
		cmocka_unit_test_setup(test_listen_addresses, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
