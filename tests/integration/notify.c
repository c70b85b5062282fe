/* A real sagad under a service manager of the test's own: what it hears on its notification socket
 * from the start to the end. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/support/launcher.h"

enum { WAIT_MS = 60000, FEEDS_WANTED = 5, LINE_SIZE = 256 };

struct manager {
	int fd;
	struct sockaddr_un address;
	char variable[140]; /* NOTIFY_SOCKET=... */
	const char *env[3];
	uint32_t ready, stopping, fed, fed_before_ready, fed_after_stopping;
	char status[LINE_SIZE];
};

static void manager_open(struct manager *m)
{
	char folder[] = "/tmp/sagad-manager-XXXXXX";

	memset(m, 0, sizeof *m);
	assert_non_null(mkdtemp(folder));
	m->address.sun_family = AF_UNIX;
	(void)snprintf(m->address.sun_path, sizeof m->address.sun_path, "%s/notify", folder);
	m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(m->fd >= 0);
	assert_int_equal(bind(m->fd, (const struct sockaddr *)&m->address, sizeof m->address), 0);
	(void)snprintf(m->variable, sizeof m->variable, "NOTIFY_SOCKET=%s", m->address.sun_path);
	m->env[0] = m->variable;
	m->env[1] = "WATCHDOG_USEC=300000";
}

static void manager_close(struct manager *m)
{
	char folder[sizeof m->address.sun_path];

	(void)close(m->fd);
	(void)unlink(m->address.sun_path);
	(void)snprintf(folder, sizeof folder, "%s", m->address.sun_path);
	*strrchr(folder, '/') = '\0';
	assert_int_equal(rmdir(folder), 0);
}

static void listen_to(struct manager *m)
{
	char line[LINE_SIZE];
	ssize_t size = 0;

	while ((size = recv(m->fd, line, sizeof line - 1, 0)) >= 0) {
		line[size] = '\0';
		if (strcmp(line, "READY=1") == 0)
			m->ready++;
		else if (strcmp(line, "STOPPING=1") == 0)
			m->stopping++;
		else if (strncmp(line, "STATUS=", 7) == 0)
			(void)snprintf(m->status, sizeof m->status, "%s", line + 7);
		else if (strcmp(line, "WATCHDOG=1") != 0)
			fail_msg("the manager heard \"%s\"", line);
		else if (m->stopping > 0)
			m->fed_after_stopping++;
		else if (m->ready > 0)
			m->fed++;
		else
			m->fed_before_ready++;
	}
}

static bool is_fed(void *context)
{
	struct manager *m = context;

	listen_to(m);
	return m->ready > 0 && m->fed >= FEEDS_WANTED;
}

static bool is_stopping(void *context)
{
	struct manager *m = context;

	listen_to(m);
	return m->stopping > 0;
}

static void test_ready_fed_and_handed_over(void **state)
{
	struct manager m;
	struct cluster_options options;
	struct cluster *cluster = NULL;

	(void)state;
	manager_open(&m);
	cluster_options_init(&options);
	options.nodes = 1;
	options.shards = 2;
	options.env[0] = m.env;
	if (cluster_create(&options, &cluster) != 0 || cluster_start(cluster) != 0)
		fail_msg("%s", cluster_trouble(cluster));
	assert_true(wait_until(is_fed, &m, WAIT_MS));
	assert_int_equal(m.stopping, 0);
	assert_int_equal(cluster_signal(cluster, "n1", SIGTERM), 0);
	assert_true(wait_until(is_stopping, &m, WAIT_MS));
	assert_true(cluster_wait_end(cluster, "n1", WAIT_MS));
	listen_to(&m);
	assert_string_equal(m.status, "handing over its shards");
	assert_int_equal(m.ready, 1);
	assert_int_equal(m.stopping, 1);
	assert_int_equal(m.fed_before_ready, 0);
	assert_int_equal(cluster_process(cluster, "n1")->exit_status, 0);
	cluster_destroy(cluster);
	manager_close(&m);
}

/* It waits for NATS and etcd: neither is a reason to be ended and started for ever. */
static void test_ready_and_fed_without_any_server(void **state)
{
	struct manager m;
	struct cluster_options options;
	struct cluster *cluster = NULL;

	(void)state;
	manager_open(&m);
	cluster_options_init(&options);
	options.nodes = 1;
	options.nats_count = 1; /* they have ports, and are never started */
	options.etcd_count = 1;
	options.env[0] = m.env;
	if (cluster_create(&options, &cluster) != 0 || cluster_start_node(cluster, 0) != 0)
		fail_msg("%s", cluster_trouble(cluster));
	assert_true(wait_until(is_fed, &m, WAIT_MS));
	assert_int_equal(cluster_signal(cluster, "n1", SIGTERM), 0);
	assert_true(wait_until(is_stopping, &m, WAIT_MS));
	assert_true(cluster_wait_end(cluster, "n1", WAIT_MS));
	assert_int_equal(m.ready, 1);
	cluster_destroy(cluster);
	manager_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ready_fed_and_handed_over),
		cmocka_unit_test(test_ready_and_fed_without_any_server),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
