/* The lease store on a real etcd: stopped, restarted, without a leader, with users. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/os_clock.h"
#include "tests/integration/lease_etcd_host.h"
#include "tests/support/ports.h"

void a_stopped_server_times_requests_out(void **state)
{
	struct host *h = *state;
	struct host_answer renewal = {0};
	struct host_answer range = {0};
	struct host_answer txn = {0};
	struct host_answer grant = {0};
	struct lease_request request = request_grant(30);
	int64_t lease;

	host_open(h, NULL);
	host_watch(h, "/stopped/");
	host_ask(h, &request, &grant);
	lease = grant.result.lease_id;
	assert_int_equal(cluster_signal(h->cluster, "etcd1", SIGSTOP), 0);
	h->gap_max_ns = 0;
	request = request_of_lease(LEASE_RENEW, lease);
	request.timeout_ms = 300;
	host_submit(h, &request, &renewal);
	request = request_range("/stopped/");
	request.timeout_ms = 300;
	host_submit(h, &request, &range);
	request = request_create("/stopped/key", "", 0);
	request.timeout_ms = 400;
	host_submit(h, &request, &txn);
	request = request_grant(30);
	request.timeout_ms = 400;
	host_submit(h, &request, &grant);
	assert_true(host_run(h, &renewal.done, 3000));
	assert_true(host_run(h, &range.done, 3000));
	assert_true(host_run(h, &txn.done, 3000));
	assert_true(host_run(h, &grant.done, 3000));
	assert_int_equal(renewal.result.error, SAGA_E_TIMEOUT);
	assert_int_equal(range.result.error, SAGA_E_TIMEOUT);
	assert_int_equal(txn.result.error, SAGA_E_UNKNOWN);
	assert_int_equal(grant.result.error, SAGA_E_UNKNOWN);
	assert_in_range(renewal.took_ms, 290, 1500);
	assert_in_range(txn.took_ms, 390, 1500);
	assert_true(h->gap_max_ns < 250000000); /* the loop went on all the while */

	assert_int_equal(cluster_signal(h->cluster, "etcd1", SIGCONT), 0);
	request = request_of_lease(LEASE_RENEW, lease);
	host_ask_until_fine(h, &request, &renewal);
	request = request_range("/stopped/"); /* whether the txn was done, only a reading tells */
	host_ask_until_fine(h, &request, &range);
	assert_in_range(range.result.kv_count, 0, 1);
	host_answer_close(&renewal);
	host_answer_close(&range);
	host_answer_close(&txn);
	host_answer_close(&grant);
	host_close(h);
}

static void restart(struct host *h)
{
	if (cluster_signal(h->cluster, "etcd1", SIGKILL) != 0 ||
	    !cluster_wait_end(h->cluster, "etcd1", 5000) ||
	    cluster_restart(h->cluster, "etcd1") != 0)
		fail_msg("%s", cluster_trouble(h->cluster));
}

void a_restart_is_survived(void **state)
{
	struct host *h = *state;
	struct host_answer a = {0};
	struct lease_request request = request_grant(30);
	int64_t lease;

	host_open(h, NULL);
	host_ask(h, &request, &a);
	lease = a.result.lease_id;
	request = request_of_lease(LEASE_RENEW, lease);
	host_ask(h, &request, &a);
	assert_int_equal(cluster_signal(h->cluster, "etcd1", SIGKILL), 0);
	assert_true(cluster_wait_end(h->cluster, "etcd1", 5000));
	host_ask(h, &request, &a);
	assert_int_equal(a.result.error, SAGA_E_ETCD);
	assert_true(a.took_ms < 1000); /* refused at once */
	request = request_create("/restart/key", "", 0);
	host_ask(h, &request, &a);
	assert_int_equal(a.result.error, SAGA_E_ETCD); /* nobody there: surely not done */
	assert_int_equal(cluster_restart(h->cluster, "etcd1"), 0);
	request = request_of_lease(LEASE_RENEW, lease);
	host_ask_until_fine(h, &request, &a);
	host_answer_close(&a);
	host_close(h);
}

void the_watch_survives_a_restart(void **state)
{
	struct host *h = *state;
	struct host_answer a = {0};
	struct lease_request request;
	uint32_t hints;

	host_open(h, NULL);
	host_watch(h, "/again/");
	assert_true(host_run_hints(h, 1, 5000));
	restart(h);
	assert_true(host_run_hints(h, 2, 5000)); /* it was interrupted */
	assert_true(host_run_hints(h, 3, 5000)); /* it is open again */
	hints = h->hints;
	request = request_create("/again/key", "", 0);
	host_ask_until_fine(h, &request, &a);
	assert_true(host_run_hints(h, hints + 1, 5000));
	host_answer_close(&a);
	host_close(h);
}

void a_dead_endpoint_is_passed_over(void **state)
{
	struct host *h = *state;
	struct host_answer a = {0};
	struct ports ports;
	uint16_t nobody = 0;
	char endpoints[160];
	struct etcd_config config = {.endpoints = endpoints};
	struct lease_request request = request_grant(30);

	ports_init(&ports);
	assert_int_equal(ports_take(&ports, &nobody), 0);
	(void)snprintf(endpoints, sizeof endpoints, "http://127.0.0.1:%u, %s/,http://127.0.0.1:%u",
		       nobody, cluster_etcd_endpoints(h->cluster), nobody);
	host_open(h, &config);
	host_watch(h, "/dead/");
	host_ask(h, &request, &a); /* never sent to the first, so the second gets it */
	assert_int_equal(a.result.error, 0);
	request = request_of_lease(LEASE_RENEW, a.result.lease_id);
	host_ask(h, &request, &a);
	assert_int_equal(a.result.error, 0);
	assert_true(host_run_hints(h, 2, 5000));
	host_answer_close(&a);
	host_close(h);
	ports_release(&ports);
}

/* Two members of their own: without the other, neither has a leader. */
struct pair {
	struct process processes[2];
	struct ports ports;
	char folder[64];
	char endpoints[2][64];
	char peers[2][64];
	char program[PROCESS_PATH_SIZE];
};

static void start_member(struct pair *pair, int i)
{
	const char *const name = i == 0 ? "a" : "b";
	char members[256];
	char folder[96];
	char log[96];
	const char *const argv[] = {pair->program,
				    "--name",
				    name,
				    "--data-dir",
				    folder,
				    "--listen-client-urls",
				    pair->endpoints[i],
				    "--advertise-client-urls",
				    pair->endpoints[i],
				    "--listen-peer-urls",
				    pair->peers[i],
				    "--initial-advertise-peer-urls",
				    pair->peers[i],
				    "--initial-cluster",
				    members,
				    "--heartbeat-interval",
				    "100",
				    "--election-timeout",
				    "500",
				    NULL};

	(void)snprintf(members, sizeof members, "a=%s,b=%s", pair->peers[0], pair->peers[1]);
	(void)snprintf(folder, sizeof folder, "%s/%s", pair->folder, name);
	(void)snprintf(log, sizeof log, "%s/%s.log", pair->folder, name);
	assert_int_equal(process_init(&pair->processes[i], name, log, argv, NULL, false), 0);
	assert_int_equal(process_start(&pair->processes[i]), 0);
}

static void take_endpoint(struct pair *pair, char text[64])
{
	uint16_t port = 0;

	assert_int_equal(ports_take(&pair->ports, &port), 0);
	(void)snprintf(text, 64, "http://127.0.0.1:%u", port);
}

static void start_pair(struct pair *pair)
{
	*pair = (struct pair){.folder = "/tmp/sagad-pair-XXXXXX"};
	ports_init(&pair->ports);
	host_find_tool("etcd", pair->program);
	assert_non_null(mkdtemp(pair->folder));
	for (int i = 0; i < 2; i++) {
		take_endpoint(pair, pair->endpoints[i]);
		take_endpoint(pair, pair->peers[i]);
	}
	start_member(pair, 0);
	start_member(pair, 1);
}

static void stop_pair(struct pair *pair)
{
	const char *const argv[] = {"/bin/rm", "-rf", pair->folder, NULL};
	char output[64];
	int code = -1;

	for (int i = 0; i < 2; i++) {
		process_stop(&pair->processes[i], 0);
		process_destroy(&pair->processes[i]);
	}
	ports_release(&pair->ports);
	assert_int_equal(process_run(argv, NULL, NULL, 5000, output, sizeof output, &code), 0);
}

void without_a_leader_it_says_so_at_once(void **state)
{
	static const enum lease_request_kind kinds[] = {LEASE_GRANT, LEASE_RENEW, LEASE_RANGE,
							LEASE_TXN};
	struct host *h = *state;
	struct host_answer a = {0};
	struct pair pair;
	struct etcd_config config = {.endpoints = pair.endpoints[0]};
	struct lease_request request = request_grant(30);
	const uint64_t end_ns = os_clock_mono_ns() + UINT64_C(20000000000);
	uint32_t hints;

	start_pair(&pair);
	host_open(h, &config);
	host_ask_until_fine(h, &request, &a);
	host_watch(h, "/");
	assert_true(host_run_hints(h, 1, 5000));
	hints = h->hints;
	process_stop(&pair.processes[1], 0);
	do { /* until it has noticed */
		request.timeout_ms = 500;
		host_ask(h, &request, &a);
	} while (a.result.error != SAGA_E_NO_LEADER && os_clock_mono_ns() < end_ns);
	for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		request = request_create("/pair", "", 0);
		request.kind = kinds[i];
		request.ttl_s = 2;
		request.lease_id = 1;
		request.prefix = slice_str("/");
		request.timeout_ms = 6000;
		host_ask(h, &request, &a);
		assert_int_equal(a.result.error, SAGA_E_NO_LEADER);
		assert_true(a.took_ms < 2000); /* not the 7 s that it takes without the header */
	}
	assert_true(host_run_hints(h, hints + 1, 5000)); /* the watch is cut as well */
	host_answer_close(&a);
	host_close(h);
	stop_pair(&pair);
}

void closing_ends_what_is_open(void **state)
{
	struct host *h = *state;
	struct host_answer answers[4] = {{0}};
	struct lease_request request = request_range("/");

	host_open(h, NULL);
	host_watch(h, "/");
	assert_true(host_run_hints(h, 1, 5000));
	assert_int_equal(cluster_signal(h->cluster, "etcd1", SIGSTOP), 0);
	for (int i = 0; i < 4; i++)
		host_submit(h, &request, &answers[i]);
	(void)host_run(h, NULL, 50);
	h->lease->ops->close(h->lease);
	for (int i = 0; i < 4; i++)
		assert_false(answers[i].done); /* not from inside the call */
	for (int i = 0; i < 4; i++) {
		assert_true(host_run(h, &answers[i].done, 1000));
		assert_int_equal(answers[i].result.error, SAGA_E_STOPPING);
		host_answer_close(&answers[i]);
	}
	h->lease = NULL;
	assert_int_equal(cluster_signal(h->cluster, "etcd1", SIGCONT), 0);
	host_close(h);
}

struct closing {
	struct host *host;
	bool done;
};

static void on_answer_close(void *context, uint64_t token, const struct lease_result *result)
{
	struct closing *closing = context;
	struct lease *lease = closing->host->lease;

	(void)token;
	if (closing->done)
		return;
	closing->done = result->error == 0;
	closing->host->lease = NULL;
	lease->ops->close(lease);
}

void closing_from_a_completion(void **state)
{
	struct host *h = *state;
	struct closing closing = {.host = h};
	const struct lease_request request = request_range("/nothing");

	host_open(h, NULL);
	assert_int_equal(h->lease->ops->submit(h->lease, &request, 1, on_answer_close, &closing),
			 0);
	assert_true(host_run(h, &closing.done, 5000));
	host_close(h);
}

/* ---- users -------------------------------------------------------------------------------- */

static void etcdctl(struct host *h, const char *const *words)
{
	const char *argv[16] = {NULL, "--endpoints", cluster_etcd_endpoints(h->cluster)};
	const char *const env[] = {"ETCDCTL_API=3", NULL};
	char program[PROCESS_PATH_SIZE];
	char output[4096];
	int code = -1;

	host_find_tool("etcdctl", program);
	argv[0] = program;
	for (unsigned i = 0; words[i]; i++)
		argv[3 + i] = words[i];
	assert_int_equal(process_run(argv, env, NULL, 10000, output, sizeof output, &code), 0);
	if (code != 0)
		fail_msg("etcdctl %s: %s", words[0], output);
}

static void write_password(const char *path, const char *password)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	(void)fprintf(file, "%s\n", password);
	assert_int_equal(fclose(file), 0);
}

static void with_users(struct host *h, const char *password_file)
{
	const struct etcd_config config = {.endpoints = cluster_etcd_endpoints(h->cluster),
					   .user = "root",
					   .password_file = password_file};
	struct host_answer a = {0};
	struct host_answer b = {0};
	struct lease_request request = request_create("/users/key", "", 0);

	host_open(h, NULL); /* without a user */
	host_ask(h, &request, &a);
	assert_int_equal(a.result.error, SAGA_E_AUTH);
	host_close(h);

	write_password(password_file, "wrong");
	host_open(h, &config);
	host_ask(h, &request, &a);
	assert_int_equal(a.result.error, SAGA_E_AUTH);
	write_password(password_file, "a \"secret\" \\ one"); /* it is read anew */
	host_watch(h, "/users/");
	host_submit(h, &request, &a);
	request = request_range("/users/");
	host_submit(h, &request, &b);
	assert_true(host_run(h, &a.done, 5000));
	assert_true(host_run(h, &b.done, 5000));
	assert_int_equal(a.result.error, 0);
	assert_true(a.result.succeeded);
	assert_int_equal(b.result.error, 0);
	assert_true(host_run_hints(h, 1, 5000));
	restart(h); /* its tokens die with it */
	host_ask_until_fine(h, &request, &a);
	assert_int_equal(a.result.kv_count, 1);
	request = request_grant(30);
	host_ask(h, &request, &a);
	request = request_of_lease(LEASE_RENEW, a.result.lease_id);
	host_ask(h, &request, &a);
	assert_int_equal(a.result.error, 0);
	host_answer_close(&a);
	host_answer_close(&b);
	host_close(h);
}

void users_and_passwords(void **state)
{
	struct host *h = *state;
	char password_file[PROCESS_PATH_SIZE];
	const char *const user = "root:a \"secret\" \\ one";
	struct host_answer a = {0};
	const struct lease_request request = request_range("/users/");
	const struct etcd_config config = {.endpoints = cluster_etcd_endpoints(h->cluster),
					   .user = "root",
					   .password_file = password_file};

	(void)snprintf(password_file, sizeof password_file, "%s/password",
		       cluster_folder(h->cluster));
	write_password(password_file, "whatever");
	host_open(h, &config); /* the server knows no users yet: go without */
	host_ask(h, &request, &a);
	assert_int_equal(a.result.error, 0);
	host_answer_close(&a);
	host_close(h);
	etcdctl(h, (const char *const[]){"user", "add", user, NULL});
	etcdctl(h, (const char *const[]){"user", "grant-role", "root", "root", NULL});
	etcdctl(h, (const char *const[]){"auth", "enable", NULL});
	with_users(h, password_file);
	etcdctl(h, (const char *const[]){"--user", user, "auth", "disable", NULL});
}
