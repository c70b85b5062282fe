/* The NATS transport when the server goes, hangs or is not there, and when we go. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "base/prng.h"
#include "tests/integration/transport_nats_server.h"

static const struct slice no_reply = {NULL, 0};

static int setup(void **state)
{
	struct bench *bench = malloc(sizeof *bench);

	if (bench == NULL)
		return -1;
	bench_init(bench);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	bench_destroy(*state);
	free(*state);
	return 0;
}

static void test_server_restart(void **state)
{
	struct bench *bench = *state;
	struct transport_subscription *ended;
	struct inbox kept = {0};
	struct inbox group = {0};
	struct inbox gone = {0};
	struct inbox late = {0};
	struct inbox silent = {0};
	struct inbox open = {0};
	struct transport_stats stats;
	struct client *a;

	server_start(&bench->server, "");
	a = bench_connect(bench, NULL);
	(void)client_subscribe(a, "x", NULL, &kept);
	(void)client_subscribe(a, "x", "group", &group);
	(void)client_subscribe(a, "silent", NULL, &silent);
	ended = client_subscribe(a, "x", NULL, &gone);
	client_sync(bench, a);
	(void)client_request(a, "silent", "question", PATIENCE_MS, &open);
	RUN_UNTIL(bench, silent.count == 1);

	server_kill(&bench->server);
	RUN_UNTIL(bench, a->downs == 1);
	assert_int_equal(open.count, 1);
	assert_int_equal(open.error, SAGA_E_DISCONNECTED);
	stats = client_stats(a);
	assert_false(stats.connected);
	assert_true(stats.disconnected_since_ns != 0);
	assert_int_equal(stats.requests_open, 0);
	/* Nothing is stored for later. */
	assert_int_equal(client_publish(a, "x", "old"), SAGA_E_DISCONNECTED);
	assert_int_equal(a->t->ops->request(a->t, "x", NULL, 0, no_reply, 1000, inbox_completion,
					    &open, NULL),
			 SAGA_E_DISCONNECTED);
	a->t->ops->unsubscribe(a->t, ended);
	(void)client_subscribe(a, "x", NULL, &late);

	server_restart(&bench->server);
	RUN_UNTIL(bench, a->ups == 2);
	client_sync(bench, a);
	assert_int_equal(client_publish(a, "x", "new"), 0);
	RUN_UNTIL(bench, kept.count == 1 && group.count == 1 && late.count == 1);
	client_sync(bench, a);
	assert_string_equal(kept.data, "new");
	assert_int_equal(kept.count + group.count + late.count, 3);
	assert_int_equal(gone.count, 0);
	assert_int_equal(open.count, 1);
	assert_int_equal(client_stats(a).reconnects, 1);
	assert_true(client_stats(a).connected);
}

static void test_many_restarts(void **state)
{
	struct bench *bench = *state;
	struct inbox inbox = {0};
	struct client *a;

	server_start(&bench->server, "");
	a = bench_connect(bench, NULL);
	(void)client_subscribe(a, "x", NULL, &inbox);
	for (uint32_t i = 1; i <= 5; i++) {
		server_kill(&bench->server);
		RUN_UNTIL(bench, a->downs == i);
		server_restart(&bench->server);
		RUN_UNTIL(bench, a->ups == i + 1);
		assert_int_equal(client_publish(a, "x", "again"), 0);
		RUN_UNTIL(bench, inbox.count == i);
	}
	assert_int_equal(client_stats(a).reconnects, 5);
}

/* A server that joins while we are connected is where we go when ours ends. */
static void test_a_server_that_joined_later(void **state)
{
	struct bench *bench = *state;
	struct nats_config config = {.name = "elsewhere"};
	struct inbox inbox = {0};
	struct server other;
	uint16_t port;
	char more[256];
	struct client *a;
	struct client *b;

	server_init(&other);
	assert_int_equal(ports_take(&bench->server.ports, &port), 0);
	/* To itself: with JetStream there has to be one. */
	(void)snprintf(more, sizeof more,
		       "server_name: a, cluster { name: c, listen: \"127.0.0.1:%u\","
		       " routes: [\"nats://127.0.0.1:%u\"] }",
		       port, port);
	server_start(&bench->server, more);
	a = bench_connect(bench, NULL);
	(void)client_subscribe(a, "x", NULL, &inbox);
	client_sync(bench, a);
	(void)snprintf(more, sizeof more,
		       "server_name: b, cluster { name: c, listen: \"127.0.0.1:-1\","
		       " routes: [\"nats://127.0.0.1:%u\"] }",
		       port);
	server_start(&other, more);
	config.url = other.url;
	b = bench_connect(bench, &config);
	/* The route is up, and what the server told its clients then has come before this. */
	while (inbox.count == 0) {
		assert_int_equal(client_publish(b, "x", "joined"), 0);
		bench_run_for(bench, 20);
	}
	client_sync(bench, a);
	server_kill(&bench->server);
	RUN_UNTIL(bench, a->ups == 2);
	bench_close(a, false);
	bench_close(b, false);
	server_destroy(&other);
}

static void test_open_before_the_server(void **state)
{
	struct bench *bench = *state;
	struct inbox inbox = {0};
	struct client *a;

	a = bench_open(bench, NULL);
	(void)client_subscribe(a, "x", NULL, &inbox);
	assert_int_equal(client_publish(a, "x", "early"), SAGA_E_DISCONNECTED);
	bench_run_for(bench, 500);
	assert_int_equal(a->ups, 0);
	server_start(&bench->server, "");
	RUN_UNTIL(bench, a->ups == 1);
	assert_int_equal(client_publish(a, "x", "now"), 0);
	RUN_UNTIL(bench, inbox.count == 1);
	assert_string_equal(inbox.data, "now");
	assert_int_equal(a->downs, 0);
	assert_int_equal(client_stats(a).reconnects, 0);
}

/* The server accepts nothing and answers nothing, but the kernel keeps its sockets. */
static void test_server_that_hangs(void **state)
{
	struct bench *bench = *state;
	struct inbox inbox = {0};
	struct inbox short_one = {0};
	struct inbox long_one = {0};
	struct inbox again = {0};
	struct client *a;

	server_start(&bench->server, "");
	a = bench_connect(bench, NULL);
	(void)client_subscribe(a, "x", NULL, &inbox);
	client_sync(bench, a);
	server_signal(&bench->server, SIGSTOP);
	bench->longest_gap_ms = 0;
	(void)client_request(a, "x", "1", 300, &short_one);
	(void)client_request(a, "x", "2", PATIENCE_MS, &long_one);
	RUN_UNTIL(bench, short_one.count == 1);
	assert_int_equal(short_one.error, SAGA_E_TIMEOUT);
	/* Unanswered pings: the connection is given up. */
	RUN_UNTIL(bench, a->downs == 1);
	assert_int_equal(long_one.error, SAGA_E_DISCONNECTED);
	/* It tries to reconnect meanwhile, for as long as the kernel accepts for the server. */
	for (int i = 0; i < 100; i++) {
		assert_int_equal(client_publish(a, "x", "lost"), SAGA_E_DISCONNECTED);
		bench_run_for(bench, 30);
	}
	assert_true(bench->longest_gap_ms < 1500);
	server_signal(&bench->server, SIGCONT);
	RUN_UNTIL(bench, a->ups == 2);
	client_sync(bench, a);
	inbox.count = 0; /* what had reached its socket may have been echoed or not */
	(void)client_subscribe(a, "again", NULL, &again);
	assert_int_equal(client_publish(a, "again", "back"), 0);
	RUN_UNTIL(bench, again.count == 1);
	assert_string_equal(again.data, "back");
}

/* Until the buffer is full: the server does not read. How long the slowest call took. */
static uint64_t publish_until_busy(struct client *a)
{
	enum { MESSAGES_MAX = 4096 };
	static uint8_t data[64 * 1024];
	uint64_t longest_ms = 0;
	int err = 0;

	for (int i = 0; i < MESSAGES_MAX && err == 0; i++) {
		const uint64_t begin_ms = wait_now_ms();

		err = a->t->ops->publish(a->t, "x", no_reply, NULL, 0, slice_of(data, sizeof data));
		if (wait_now_ms() - begin_ms > longest_ms)
			longest_ms = wait_now_ms() - begin_ms;
	}
	assert_int_equal(err, SAGA_E_BUSY);
	return longest_ms;
}

static void fill_a_socket(struct bench *bench, struct nats_config config)
{
	enum { DEADLINE_MS = 20000 };
	struct inbox inbox = {0};
	uint64_t longest_ms;
	struct client *a;
	struct client *b;

	config.write_deadline_ms = DEADLINE_MS;
	a = bench_connect(bench, &config);
	b = bench_connect(bench, &config);
	(void)client_subscribe(b, "later", NULL, &inbox);
	client_sync(bench, b);
	server_signal(&bench->server, SIGSTOP);
	bench->longest_gap_ms = 0;
	longest_ms = publish_until_busy(a);
	bench_run_for(bench, 300);
	(void)publish_until_busy(a); /* still, or again after what the kernels had room for */
	server_signal(&bench->server, SIGCONT);
	/* It drains, and takes again; nothing was lost on the way. */
	RUN_UNTIL(bench, client_publish(a, "later", "now") == 0);
	RUN_UNTIL(bench, inbox.count == 1);
	assert_int_equal(a->downs, 0);
	assert_true(longest_ms < DEADLINE_MS / 10);
	assert_true(bench->longest_gap_ms < DEADLINE_MS / 10);
}

static void test_a_full_socket_does_not_hold_the_loop(void **state)
{
	struct bench *bench = *state;

	server_start(&bench->server, "");
	fill_a_socket(bench, (struct nats_config){.name = "full"});
}

/* There cnats itself would wait in the write. */
static void test_a_full_socket_with_tls_does_not_hold_the_loop(void **state)
{
	struct bench *bench = *state;
	char certificate[SERVER_PATH_SIZE];

	server_start_tls(&bench->server, "");
	server_path(&bench->server, "server.crt", certificate);
	fill_a_socket(bench, (struct nats_config){.name = "full", .tls_ca_file = certificate});
}

/* TLS may be the server's wish alone; it is TLS all the same. */
static void test_a_full_socket_with_the_servers_tls_does_not_hold_the_loop(void **state)
{
	struct bench *bench = *state;
	char certificate[SERVER_PATH_SIZE];

	server_start_tls(&bench->server, "");
	server_path(&bench->server, "server.crt", certificate);
	assert_int_equal(setenv("SSL_CERT_FILE", certificate, 1), 0);
	fill_a_socket(bench, (struct nats_config){.name = "full"});
	assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
}

static void test_a_socket_that_stays_full_is_given_up(void **state)
{
	enum { DEADLINE_MS = 300 };
	const struct nats_config config = {.name = "stuck", .write_deadline_ms = DEADLINE_MS};
	struct bench *bench = *state;
	uint64_t begin_ms;
	struct client *a;

	server_start(&bench->server, "");
	a = bench_connect(bench, &config);
	server_signal(&bench->server, SIGSTOP);
	begin_ms = wait_now_ms();
	(void)publish_until_busy(a);
	RUN_UNTIL(bench, a->downs == 1);
	/* Before the three seconds after which its silence would have ended it. */
	assert_true(wait_now_ms() - begin_ms < 2900);
	assert_int_equal(client_publish(a, "x", "lost"), SAGA_E_DISCONNECTED);
	server_signal(&bench->server, SIGCONT);
	RUN_UNTIL(bench, a->ups == 2);
	assert_int_equal(client_publish(a, "x", "again"), 0);
}

/* That more is published all the time does not count as progress. */
static void test_a_full_socket_is_given_up_under_load(void **state)
{
	const struct nats_config config = {.name = "loaded", .write_deadline_ms = 300};
	struct bench *bench = *state;
	uint64_t begin_ms;
	struct client *a;

	server_start(&bench->server, "");
	a = bench_connect(bench, &config);
	server_signal(&bench->server, SIGSTOP);
	begin_ms = wait_now_ms();
	(void)publish_until_busy(a);
	while (a->downs == 0 && wait_now_ms() - begin_ms < PATIENCE_MS) {
		(void)client_publish(a, "x", "more");
		bench_run_for(bench, 10);
	}
	/* As above. */
	assert_true(wait_now_ms() - begin_ms < 2900);
}

/* What waited in a buffer when the connection went must not come after it. */
static void test_nothing_old_leaves_after_a_reconnect(void **state)
{
	const struct nats_config config = {.name = "old", .write_deadline_ms = 300};
	struct bench *bench = *state;
	struct inbox inbox = {0};
	struct client *a;
	struct client *b;

	server_start(&bench->server, "");
	a = bench_connect(bench, &config);
	server_signal(&bench->server, SIGSTOP);
	(void)publish_until_busy(a);
	RUN_UNTIL(bench, a->downs == 1);
	server_kill(&bench->server);
	server_restart(&bench->server);
	b = bench_connect(bench, NULL);
	(void)client_subscribe(b, "x", NULL, &inbox);
	client_sync(bench, b);
	RUN_UNTIL(bench, a->ups == 2);
	assert_int_equal(client_publish(a, "x", "new"), 0);
	RUN_UNTIL(bench, inbox.count > 0);
	assert_string_equal(inbox.data, "new");
	assert_int_equal(inbox.count, 1);
}

/* The lease may end between publish and the write (S28). */
static void test_what_may_not_leave_any_more_does_not(void **state)
{
	struct bench *bench = *state;
	struct inbox inbox = {0};
	struct client *a;
	struct client *b;

	server_start(&bench->server, "");
	a = bench_connect(bench, NULL);
	b = bench_connect(bench, NULL);
	(void)client_subscribe(b, "x", NULL, &inbox);
	client_sync(bench, b);
	assert_int_equal(client_publish(a, "x", "before"), 0);
	RUN_UNTIL(bench, inbox.count == 1);
	assert_int_equal(client_publish(a, "x", "too late"), 0);
	a->silenced = true;
	RUN_UNTIL(bench, a->downs == 1);
	a->silenced = false;
	RUN_UNTIL(bench, a->ups == 2);
	assert_int_equal(client_publish(a, "x", "after"), 0);
	RUN_UNTIL(bench, inbox.count > 1);
	assert_string_equal(inbox.data, "after");
	assert_int_equal(inbox.count, 2);
}

/* A server that refuses us is asked again. */
static void test_refused_then_let_in(void **state)
{
	struct bench *bench = *state;
	struct inbox inbox = {0};
	struct client *a;

	server_start(&bench->server, "authorization { token: secret }");
	a = bench_open(bench, NULL);
	(void)client_subscribe(a, "x", NULL, &inbox);
	bench_run_for(bench, 1000);
	assert_int_equal(a->ups, 0);
	server_kill(&bench->server);
	server_start(&bench->server, "");
	RUN_UNTIL(bench, a->ups == 1);
	assert_int_equal(client_publish(a, "x", "in"), 0);
	RUN_UNTIL(bench, inbox.count == 1);

	/* And the same for one that was in before. */
	server_kill(&bench->server);
	server_start(&bench->server, "authorization { token: secret }");
	RUN_UNTIL(bench, a->downs == 1);
	bench_run_for(bench, 1500);
	server_kill(&bench->server);
	server_start(&bench->server, "");
	RUN_UNTIL(bench, a->ups == 2);
	assert_int_equal(client_publish(a, "x", "again"), 0);
	RUN_UNTIL(bench, inbox.count == 2);
}

static void test_close_with_open_requests(void **state)
{
	struct bench *bench = *state;
	struct inbox silent = {0};
	struct inbox open[3] = {{0}, {0}, {0}};
	struct client *a;

	server_start(&bench->server, "");
	a = bench_connect(bench, NULL);
	(void)client_subscribe(a, "silent", NULL, &silent);
	for (int i = 0; i < 3; i++)
		(void)client_request(a, "silent", "x", 200, &open[i]);
	bench_close(a, false);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(open[i].count, 1);
		assert_int_equal(open[i].error, SAGA_E_STOPPING);
	}
	bench_run_for(bench, 400);
	for (int i = 0; i < 3; i++)
		assert_int_equal(open[i].count, 1);
	assert_int_equal(silent.count, 0);
}

static void test_close_flushes_what_was_published(void **state)
{
	enum { MESSAGES = 2000 };
	static uint8_t data[4096];
	struct bench *bench = *state;
	struct inbox inbox = {0};
	struct client *a;
	struct client *b;

	server_start(&bench->server, "");
	a = bench_connect(bench, NULL);
	b = bench_connect(bench, NULL);
	(void)client_subscribe(b, "x", NULL, &inbox);
	client_sync(bench, b);
	for (int i = 0; i < MESSAGES; i++)
		assert_int_equal(a->t->ops->publish(a->t, "x", no_reply, NULL, 0,
						    slice_of(data, sizeof data)),
				 0);
	bench_close(a, true);
	RUN_UNTIL(bench, inbox.count == MESSAGES);
}

struct closer {
	struct client *client;
	uint32_t count;
};

static void close_in_handler(void *context, const struct transport_message *message)
{
	struct closer *closer = context;

	(void)message;
	closer->count++;
	bench_close(closer->client, false);
}

static void test_close_inside_a_handler(void **state)
{
	struct bench *bench = *state;
	struct transport_subscription *subscription;
	struct closer closer = {0};

	server_start(&bench->server, "");
	closer.client = bench_connect(bench, NULL);
	assert_int_equal(closer.client->t->ops->subscribe(closer.client->t, "x", NULL,
							  close_in_handler, &closer, &subscription),
			 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(client_publish(closer.client, "x", "end"), 0);
	RUN_UNTIL(bench, closer.count > 0);
	bench_run_for(bench, 200);
	assert_int_equal(closer.count, 1);
}

/* bench_destroy sees to it that each close comes to its end. */
static void test_close_without_a_server(void **state)
{
	struct bench *bench = *state;

	bench_close(bench_open(bench, NULL), true); /* at once */
	bench_close(bench_open(bench, NULL), false);
	(void)bench_open(bench, NULL);
	bench_run_for(bench, 300); /* while it retries */
	bench_close(&bench->clients[2], true);
}

static void test_close_while_the_server_hangs(void **state)
{
	const struct nats_config config = {.name = "hang", .connect_timeout_ms = 1000};
	struct bench *bench = *state;
	struct client *a;

	server_start(&bench->server, "");
	a = bench_connect(bench, &config);
	(void)bench_connect(bench, &config);
	server_signal(&bench->server, SIGSTOP);
	(void)bench_open(bench, &config); /* waits for the greeting */
	assert_int_equal(client_publish(a, "x", "into the void"), 0);
	bench_close(a, true);
	RUN_UNTIL(bench, bench->clients[1].downs == 1); /* in the middle of its reconnecting */
	bench_run_for(bench, 300);
	bench_close(&bench->clients[1], true);
	bench_close(&bench->clients[2], true);
}

static void test_close_at_any_moment(void **state)
{
	struct bench *bench = *state;
	struct prng random;

	prng_seed(&random, 7);
	server_start(&bench->server, "");
	for (int i = 0; i < 60; i++) {
		struct inbox inbox = {0};
		struct client *a;

		bench->client_count = 0;
		bench->clients[0] = (struct client){0};
		a = bench_open(bench, NULL);
		(void)client_subscribe(a, "x", NULL, &inbox);
		bench_run_for(bench, (uint32_t)prng_below(&random, 15));
		(void)client_publish(a, "x", "perhaps");
		bench_close(a, i % 2 == 0);
	}
}

static void ignore_signal(int number)
{
	(void)number;
}

/* A signal that a handler takes interrupts poll; cnats would take that for a lost connection. */
static void test_signals_do_not_disconnect(void **state)
{
	const struct sigaction action = {.sa_handler = ignore_signal};
	struct bench *bench = *state;
	struct inbox inbox = {0};
	struct sigaction before;
	struct client *a;
	uint32_t hit = 0;

	server_start(&bench->server, "");
	a = bench_connect(bench, NULL);
	(void)client_subscribe(a, "x", NULL, &inbox);
	client_sync(bench, a);
	assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
	for (int round = 0; round < 20; round++) {
		DIR *tasks = opendir("/proc/self/task");
		struct dirent *entry;

		assert_non_null(tasks);
		while ((entry = readdir(tasks)) != NULL) {
			const long task = strtol(entry->d_name, NULL, 10);

			if (task > 0 && syscall(SYS_tgkill, getpid(), task, SIGUSR1) == 0)
				hit++;
		}
		(void)closedir(tasks);
		bench_run_for(bench, 20);
	}
	assert_true(hit > 20 * 4); /* ours and those of cnats */
	assert_int_equal(client_publish(a, "x", "well"), 0);
	RUN_UNTIL(bench, inbox.count == 1);
	assert_int_equal(a->downs, 0);
	assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_server_restart),
		TEST(test_many_restarts),
		TEST(test_a_server_that_joined_later),
		TEST(test_open_before_the_server),
		TEST(test_server_that_hangs),
		TEST(test_a_full_socket_does_not_hold_the_loop),
		TEST(test_a_full_socket_with_tls_does_not_hold_the_loop),
		TEST(test_a_full_socket_with_the_servers_tls_does_not_hold_the_loop),
		TEST(test_a_socket_that_stays_full_is_given_up),
		TEST(test_a_full_socket_is_given_up_under_load),
		TEST(test_nothing_old_leaves_after_a_reconnect),
		TEST(test_what_may_not_leave_any_more_does_not),
		TEST(test_refused_then_let_in),
		TEST(test_close_with_open_requests),
		TEST(test_close_flushes_what_was_published),
		TEST(test_close_inside_a_handler),
		TEST(test_close_without_a_server),
		TEST(test_close_while_the_server_hangs),
		TEST(test_close_at_any_moment),
		TEST(test_signals_do_not_disconnect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
