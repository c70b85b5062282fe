/* The launcher itself, on a real nats-server and a real etcd: what it says is running answers, what
 * it kills is gone, what it restarts keeps port and data, and nothing is left behind. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/support/launcher.h"
#include "tests/support/ports.h"

static struct cluster *servers(uint32_t nats_count, uint32_t etcd_count)
{
	struct cluster_options options;
	struct cluster *cluster = NULL;

	cluster_options_init(&options);
	options.nats_count = nats_count;
	options.etcd_count = etcd_count;
	options.nodes = 0;
	if (cluster_create(&options, &cluster) != 0 || cluster_start_servers(cluster) != 0)
		fail_msg("%s", cluster_trouble(cluster));
	return cluster;
}

static bool listens(uint16_t port)
{
	const int fd = ports_connect(port);

	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

static void test_servers_run_and_vanish(void **state)
{
	struct cluster *cluster = servers(1, 1);
	const uint16_t nats_port = cluster_port(cluster, "nats1");
	const uint16_t etcd_port = cluster_port(cluster, "etcd1");
	const pid_t nats_pid = cluster_pid(cluster, "nats1");
	char folder[1024];
	char url[64];

	(void)state;
	(void)snprintf(folder, sizeof folder, "%s", cluster_folder(cluster));
	(void)snprintf(url, sizeof url, "nats://127.0.0.1:%u", nats_port);
	assert_string_equal(cluster_nats_url(cluster), url);
	assert_true(listens(nats_port));
	assert_true(listens(etcd_port));
	cluster_destroy(cluster);
	assert_false(listens(nats_port));
	assert_false(listens(etcd_port));
	assert_int_equal(process_start_time(nats_pid), 0);
	assert_int_equal(access(folder, F_OK), -1);
}

static void test_killed_and_restarted_keeps_port_and_data(void **state)
{
	struct cluster *cluster = servers(1, 1);
	const char *const names[] = {"nats1", "etcd1"};
	char folder[1100];

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		const pid_t pid = cluster_pid(cluster, names[i]);
		const uint16_t port = cluster_port(cluster, names[i]);

		assert_int_equal(cluster_signal(cluster, names[i], SIGKILL), 0);
		assert_true(cluster_wait_end(cluster, names[i], 5000));
		assert_int_equal(cluster_pid(cluster, names[i]), 0);
		assert_false(listens(port));
		assert_int_equal(cluster_signal(cluster, names[i], SIGKILL), SAGA_E_NOT_FOUND);
		if (cluster_restart(cluster, names[i]) != 0)
			fail_msg("%s", cluster_trouble(cluster));
		assert_true(listens(port));
		assert_int_not_equal(cluster_pid(cluster, names[i]), pid);
	}
	(void)snprintf(folder, sizeof folder, "%s/etcd1/member", cluster_folder(cluster));
	assert_int_equal(access(folder, F_OK), 0);
	cluster_destroy(cluster);
}

static void test_stopped_process_is_still_killed(void **state)
{
	struct cluster *cluster = servers(1, 0);

	(void)state;
	assert_int_equal(cluster_signal(cluster, "nats1", SIGSTOP), 0);
	assert_false(cluster_wait_end(cluster, "nats1", 50));
	cluster_stop(cluster, 1000);
	assert_int_equal(cluster_pid(cluster, "nats1"), 0);
	cluster_destroy(cluster);
}

static void test_three_nats_servers_form_a_cluster(void **state)
{
	struct cluster *cluster = servers(3, 0);
	char leader[PROCESS_NAME_SIZE];

	(void)state;
	/* The launcher waited for JetStream's API on each, which needs a meta leader. */
	assert_int_not_equal(cluster_pid(cluster, "nats3"), 0);
	assert_non_null(strstr(cluster_nats_url(cluster), ","));
	/* It does not make leaders up. */
	assert_int_equal(cluster_stream_leader(cluster, "NONE", leader, 100), SAGA_E_TIMEOUT);
	assert_string_equal(leader, "");
	cluster_destroy(cluster);
}

static void test_service_environment_log_and_end(void **state)
{
	struct cluster *cluster = servers(1, 0);
	char text[256] = "";
	char path[1100];
	FILE *file = NULL;

	(void)state;
	assert_int_equal(
		cluster_service_start(
			cluster, "echo",
			(const char *const[]){"/bin/sh", "-c",
					      "echo $SAGA_NATS_URL $EXTRA >&2; exit 7", NULL},
			(const char *const[]){"EXTRA=more", NULL}),
		0);
	assert_true(cluster_wait_end(cluster, "echo", 5000));
	assert_int_equal(WEXITSTATUS(cluster_process(cluster, "echo")->exit_status), 7);
	(void)snprintf(path, sizeof path, "%s/echo.log", cluster_folder(cluster));
	file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof text, file));
	(void)fclose(file);
	assert_non_null(strstr(text, cluster_nats_url(cluster)));
	assert_non_null(strstr(text, " more"));
	assert_int_not_equal(
		cluster_service_start(cluster, "none",
				      (const char *const[]){"/nonexistent/program", NULL}, NULL),
		0);
	cluster_destroy(cluster);
}

struct seen {
	uint32_t count;
	uint64_t shard, epoch, unix_ms;
};

static void see(void *context, const struct cluster_event *event)
{
	struct seen *seen = context;

	seen->count++;
	if (strcmp(event->event, "shard.serving") != 0)
		return;
	seen->shard = event->shard;
	seen->epoch = event->epoch;
	seen->unix_ms = event->unix_ms;
}

static void test_events_are_read_line_by_line(void **state)
{
	struct cluster *cluster = servers(0, 0);
	struct seen seen = {0};
	uint64_t offset = 0;
	char path[1100];
	FILE *file = NULL;

	(void)state;
	(void)snprintf(path, sizeof path, "%s/n1.log", cluster_folder(cluster));
	file = fopen(path, "we");
	assert_non_null(file);
	(void)fputs("not json\n{\"ts\":\"2020-01-01T00:00:01.250Z\",\"event\":\"shard.serving\","
		    "\"shard\":3,\"epoch\":17}\n{\"event\":\"half",
		    file);
	(void)fflush(file);
	assert_int_equal(cluster_events(cluster, "n1", &offset, see, &seen), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.shard, 3);
	assert_int_equal(seen.epoch, 17);
	assert_int_equal(seen.unix_ms, 1577836801250);
	(void)fputs(" line\"}\n", file);
	(void)fclose(file);
	assert_int_equal(cluster_events(cluster, "n1", &offset, see, &seen), 0);
	assert_int_equal(seen.count, 2);
	cluster_destroy(cluster);
}

static void test_run_gives_output_code_and_timeout(void **state)
{
	char output[32];
	int exit_code = 0;

	(void)state;
	assert_int_equal(
		process_run((const char *const[]){"/bin/sh", "-c", "echo hello; exit 3", NULL},
			    NULL, NULL, 5000, output, sizeof output, &exit_code),
		0);
	assert_string_equal(output, "hello\n");
	assert_int_equal(exit_code, 3);
	assert_int_equal(process_run((const char *const[]){"/bin/sleep", "60", NULL}, NULL, NULL,
				     100, output, sizeof output, &exit_code),
			 SAGA_E_TIMEOUT);
}

static void test_adopt_wants_the_same_process(void **state)
{
	struct process process;
	struct process other;

	(void)state;
	assert_int_equal(process_init(&process, "sleep", "/dev/null",
				      (const char *const[]){"/bin/sleep", "60", NULL}, NULL, false),
			 0);
	assert_int_equal(process_start(&process), 0);
	assert_int_equal(process_init(&other, "other", "/dev/null",
				      (const char *const[]){"/bin/true", NULL}, NULL, false),
			 0);
	assert_false(process_adopt(&other, process.pid, process.start_time + 1));
	assert_true(process_adopt(&other, process.pid, process.start_time));
	process_leave(&other);
	process_destroy(&other);
	assert_true(process_running(&process));
	process_destroy(&process);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_gives_output_code_and_timeout),
		cmocka_unit_test(test_adopt_wants_the_same_process),
		cmocka_unit_test(test_events_are_read_line_by_line),
		cmocka_unit_test(test_servers_run_and_vanish),
		cmocka_unit_test(test_killed_and_restarted_keeps_port_and_data),
		cmocka_unit_test(test_stopped_process_is_still_killed),
		cmocka_unit_test(test_service_environment_log_and_end),
		cmocka_unit_test(test_three_nats_servers_form_a_cluster),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
