/* What a node says over HTTP, on real servers: probes while servers are stopped and gone, readiness
 * while it drains, metrics that count what really happened. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/integration/trip_http_ask.h"
#include "tests/integration/trip_http_rules.h"
#include "tests/support/ports.h"
#include "tests/support/trip.h"

enum {
	ANSWER_SIZE = 4 * 1024 * 1024,
	SHARDS = 8,
	CHANGE_MS = 60000,  /* bounds of what takes seconds at most */
	STOPPED_MS = 12000, /* longer than a loop may be silent */
	DEAF_MS = 120000,   /* a stopped NATS server is noticed by unanswered pings */
};

static const char *const listening[] = {"http.listen=127.0.0.1:0", NULL};
static char answer[ANSWER_SIZE];

/* ---- asking ------------------------------------------------------------------------------------
 */

static uint16_t port_of(struct cluster *cluster, const char *node)
{
	return http_port_of(cluster, node, 1);
}

static uint32_t ask_port(uint16_t port, const char *path)
{
	return http_ask(port, path, answer, sizeof answer);
}

struct question {
	uint16_t port;
	const char *path;
	uint32_t status;
};

static bool is_answered(void *context)
{
	const struct question *q = context;

	return ask_port(q->port, q->path) == q->status;
}

static void await(uint16_t port, const char *path, uint32_t status, uint32_t timeout_ms)
{
	struct question q = {.port = port, .path = path, .status = status};

	if (!wait_until(is_answered, &q, timeout_ms))
		fail_msg("%s does not become %u, last: %s", path, status, answer);
}

/* The sum of all samples of the metric whose labels hold this text. */
static double sum_of(const char *metric, const char *labels)
{
	const size_t size = strlen(metric);
	const char *at = answer;
	double sum = 0;

	while ((at = strstr(at, metric)) != NULL) {
		const char *end = strchr(at, '\n');
		const char *space = end;
		const char *found;

		assert_non_null(end);
		if (at[-1] != '\n' || (at[size] != '{' && at[size] != ' ')) {
			at += size;
			continue;
		}
		while (*space != ' ')
			space--;
		found = strstr(at, labels);
		if (found != NULL && found < space)
			sum += strtod(space, NULL);
		at = end;
	}
	return sum;
}

static double sum_of_nodes(struct trip *t, const char *metric, const char *labels)
{
	double sum = 0;

	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(ask_port(port_of(t->cluster, cluster_node_name(i)), "/metrics"),
				 200);
		sum += sum_of(metric, labels);
	}
	return sum;
}

struct wanted_sum {
	struct trip *trip;
	const char *metric, *labels;
	double value;
};

static bool sum_is(void *context)
{
	const struct wanted_sum *w = context;

	return sum_of_nodes(w->trip, w->metric, w->labels) == w->value;
}

static void await_sum(struct trip *t, const char *metric, const char *labels, double value)
{
	struct wanted_sum w = {.trip = t, .metric = metric, .labels = labels, .value = value};

	if (!wait_until(sum_is, &w, CHANGE_MS))
		fail_msg("%s{%s} is %f, not %f", metric, labels, sum_of_nodes(t, metric, labels),
			 value);
}

/* ---- what really happened ----------------------------------------------------------------------
 */

static void open_trip(struct trip *t, uint32_t nodes)
{
	struct cluster_options options;

	trip_options(&options);
	options.nodes = nodes;
	options.shards = SHARDS;
	options.set = listening;
	trip_open(t, &options);
}

static const char *body(void)
{
	const char *at = strstr(answer, "\r\n\r\n");

	assert_non_null(at);
	return at + 4;
}

static void test_metrics_tell_what_happened(void **state)
{
	struct trip t;
	char id[SAGA_ID_SIZE];

	(void)state;
	open_trip(&t, 2);
	/* All is there before anything happens, and 0. */
	assert_true(sum_of_nodes(&t, "sagad_sagas_started_total", "") == 0);
	assert_true(sum_of_nodes(&t, "sagad_fenced_writes_total", "") == 0);
	await_sum(&t, "sagad_shards", "state=\"serving\"", SHARDS);
	await_sum(&t, "sagad_leader", "", 1);
	await_sum(&t, "sagad_cluster_shards", "state=\"serving\"", SHARDS);
	await_sum(&t, "sagad_cluster_shards", "state=\"orphaned\"", 0);
	await_sum(&t, "sagad_dependency_up", "", 4);

	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(trip_run(&t, "", id), SAGA_STATE_COMPLETED);
	assert_int_equal(trip_run(&t, "reject:c", id), SAGA_STATE_COMPENSATED);

	await_sum(&t, "sagad_sagas_started_total", "kind=\"saga\"", 4);
	await_sum(&t, "sagad_sagas_finished_total", "outcome=\"completed\"", 3);
	await_sum(&t, "sagad_sagas_finished_total", "outcome=\"compensated\"", 1);
	await_sum(&t, "sagad_saga_duration_seconds_count", "", 4);
	await_sum(&t, "sagad_step_attempts_total", "op=\"forward\",result=\"ok\"", 11);
	await_sum(&t, "sagad_step_attempts_total", "op=\"forward\",result=\"terminal\"", 1);
	await_sum(&t, "sagad_step_attempts_total", "op=\"undo\",result=\"ok\"", 2);
	await_sum(&t, "sagad_step_duration_seconds_count", "", 14);
	await_sum(&t, "sagad_commands_sent_total", "reason=\"first\"", 14);
	await_sum(&t, "sagad_sagas_inflight", "", 0);
	assert_true(sum_of_nodes(&t, "sagad_journal_appends_total", "result=\"ok\"") >= 4);
	assert_true(sum_of_nodes(&t, "sagad_recovery_seconds_count", "") >= SHARDS);
	/* No saga's id stands anywhere. */
	assert_int_equal(ask_port(port_of(t.cluster, "n1"), "/metrics"), 200);
	assert_null(strstr(answer, id));
	rules_check_metrics(body());
	/* And no alert is raised about it. */
	rules_begin();
	for (uint32_t i = 0; i < 2; i++) {
		const char *node = cluster_node_name(i);

		assert_int_equal(ask_port(port_of(t.cluster, node), "/metrics"), 200);
		rules_node(node, body());
	}
	rules_run(false);

	/* One that waits is seen as such, with its age. */
	trip_submit(&t, "slow:b:15000", id);
	await_sum(&t, "sagad_sagas_inflight", "kind=\"saga\",state=\"running\"", 1);
	trip_close(&t);
}

/* ---- probes ------------------------------------------------------------------------------------
 */

/* Liveness is asked all the while. */
static void assert_alive(uint16_t port)
{
	if (ask_port(port, "/healthz/live?verbose") != 200)
		fail_msg("not alive: %s", answer);
}

/* As long as it takes until readiness has noticed. */
static void await_unready(uint16_t port, const char *reason, uint32_t timeout_ms)
{
	await(port, "/healthz/ready", 503, timeout_ms);
	if (strstr(answer, reason) == NULL)
		fail_msg("%s is not said: %s", reason, answer);
	assert_alive(port);
}

struct dependency {
	uint16_t port;
	char down[64];
};

static bool is_down(void *context)
{
	const struct dependency *d = context;

	return ask_port(d->port, "/metrics") == 200 && strstr(answer, d->down) != NULL;
}

/* What the metrics say then is what wakes somebody. */
static void await_alert(uint16_t port, const char *dependency)
{
	struct dependency d = {.port = port};
	char labels[128];
	char summary[128];

	(void)snprintf(d.down, sizeof d.down, "\nsagad_dependency_up{dependency=\"%s\"} 0\n",
		       dependency);
	assert_true(wait_until(is_down, &d, CHANGE_MS));
	(void)snprintf(labels, sizeof labels,
		       "severity: critical, instance: n1, job: sagad, dependency: %s", dependency);
	(void)snprintf(summary, sizeof summary, "n1 does not reach %s", dependency);
	rules_begin();
	rules_node("n1", body());
	rules_expect("SagaDependencyDown", labels, summary);
	rules_run(true);
}

static void test_probes_without_servers(void **state)
{
	static const char *const servers[] = {"nats1", "etcd1"};
	static const char *const reasons[] = {"[-] nats", "[-] lease"};
	static const char *const dependencies[] = {"nats", "etcd"};
	struct trip t;
	uint16_t port;

	(void)state;
	open_trip(&t, 1);
	port = port_of(t.cluster, "n1");
	await(port, "/healthz/ready", 200, CHANGE_MS);
	for (uint32_t i = 0; i < 2; i++) {
		/* Gone. */
		assert_int_equal(cluster_signal(t.cluster, servers[i], SIGKILL), 0);
		await_unready(port, reasons[i], CHANGE_MS);
		await_alert(port, dependencies[i]);
		assert_int_equal(cluster_restart(t.cluster, servers[i]), 0);
		await(port, "/healthz/ready", 200, CHANGE_MS);
		/* There, and deaf: no connection ends by itself. */
		assert_int_equal(cluster_signal(t.cluster, servers[i], SIGSTOP), 0);
		await_unready(port, reasons[i], DEAF_MS);
		assert_int_equal(cluster_signal(t.cluster, servers[i], SIGCONT), 0);
		await(port, "/healthz/ready", 200, CHANGE_MS);
	}
	assert_int_equal(ask_port(port, "/healthz/started"), 200);
	trip_close(&t);
}

/* Without servers from the start on: such a node has started, lives, and is not ready. */
static void test_probes_before_any_server(void **state)
{
	struct cluster *cluster = NULL;
	struct cluster_options options;
	uint16_t port;

	(void)state;
	cluster_options_init(&options);
	options.nodes = 1;
	options.set = listening;
	if (cluster_create(&options, &cluster) != 0 || cluster_start_servers(cluster) != 0)
		fail_msg("%s", cluster_trouble(cluster));
	assert_int_equal(cluster_signal(cluster, "nats1", SIGKILL), 0);
	assert_int_equal(cluster_signal(cluster, "etcd1", SIGKILL), 0);
	assert_true(cluster_wait_end(cluster, "nats1", CHANGE_MS));
	assert_int_equal(cluster_start_nodes(cluster), 0);
	port = port_of(cluster, "n1");
	await(port, "/healthz/started", 200, CHANGE_MS);
	assert_alive(port);
	assert_int_equal(ask_port(port, "/healthz/ready?verbose"), 503);
	assert_non_null(strstr(answer, "[-] nats"));
	assert_non_null(strstr(answer, "[-] lease"));
	assert_non_null(strstr(answer, "[-] shards"));
	assert_non_null(strstr(answer, "[+] draining"));
	assert_int_equal(ask_port(port, "/metrics"), 200);
	assert_true(sum_of("sagad_dependency_up", "") == 0);
	cluster_destroy(cluster);
}

static bool never(void *context)
{
	(void)context;
	return false;
}

/* A stopped process (a frozen machine) is none that hangs: it is not killed for having been away.
 */
static void test_a_node_that_was_stopped(void **state)
{
	struct trip t;
	uint16_t port;

	(void)state;
	open_trip(&t, 1);
	port = port_of(t.cluster, "n1");
	await(port, "/healthz/ready", 200, CHANGE_MS);
	assert_int_equal(cluster_signal(t.cluster, "n1", SIGSTOP), 0);
	(void)wait_until(never, NULL, STOPPED_MS);
	assert_int_equal(cluster_signal(t.cluster, "n1", SIGCONT), 0);
	for (uint32_t i = 0; i < 20; i++)
		assert_alive(port);
	await(port, "/healthz/ready", 200, CHANGE_MS);
	trip_close(&t);
}

/* A node that stops says so until it is gone. Its etcd is deaf, so that the stop takes its time. */
static void test_not_ready_while_draining(void **state)
{
	struct trip t;
	uint16_t port;

	(void)state;
	open_trip(&t, 1);
	port = port_of(t.cluster, "n1");
	await(port, "/healthz/ready", 200, CHANGE_MS);
	assert_int_equal(cluster_signal(t.cluster, "etcd1", SIGSTOP), 0);
	assert_int_equal(cluster_signal(t.cluster, "n1", SIGTERM), 0);
	await_unready(port, "[-] draining", CHANGE_MS);
	assert_int_equal(cluster_signal(t.cluster, "etcd1", SIGCONT), 0);
	assert_true(cluster_wait_end(t.cluster, "n1", CHANGE_MS));
	assert_int_equal(ask_port(port, "/healthz/live"), 0);
	assert_int_equal(cluster_restart(t.cluster, "n1"), 0);
	await(http_port_of(t.cluster, "n1", 2), "/healthz/ready", 200, CHANGE_MS);
	trip_close(&t);
}

/* Strangers at the door, sagas go on. */
static void test_strangers_hurt_nobody(void **state)
{
	static const char garbage[] = "\x16\x03\x01 GET /../../etc/passwd HTTP/9\r\n\r\n";
	struct trip t;
	char id[SAGA_ID_SIZE];
	int fds[200];
	uint16_t port;

	(void)state;
	open_trip(&t, 1);
	port = port_of(t.cluster, "n1");
	for (uint32_t i = 0; i < 200; i++) {
		fds[i] = ports_connect(port);
		assert_true(fds[i] >= 0);
		if (i % 2 == 0)
			assert_true(send(fds[i], garbage, sizeof garbage, MSG_NOSIGNAL) > 0 ||
				    errno == EPIPE || errno == ECONNRESET);
		if (i % 20 == 0) {
			assert_int_equal(trip_run(&t, "", id), SAGA_STATE_COMPLETED);
			assert_alive(port);
		}
	}
	for (uint32_t i = 0; i < 200; i++)
		(void)close(fds[i]);
	assert_alive(port);
	await(port, "/healthz/ready", 200, CHANGE_MS);
	trip_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metrics_tell_what_happened),
		cmocka_unit_test(test_probes_without_servers),
		cmocka_unit_test(test_probes_before_any_server),
		cmocka_unit_test(test_a_node_that_was_stopped),
		cmocka_unit_test(test_not_ready_while_draining),
		cmocka_unit_test(test_strangers_hurt_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
