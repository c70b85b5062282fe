/* The lease store on a real etcd: what each request does. */
#include "tests/integration/lease_etcd_host.h"

#include <dirent.h>
#include <stdio.h>

#include "base/os_clock.h"

static void a_lease_lives_by_renewal(void **state)
{
	struct host *h = *state;
	struct host_answer a = {0};
	struct lease_request request = request_grant(2);
	const uint64_t before_ns = os_clock_boot_ns();
	int64_t lease;

	host_open(h, NULL);
	host_ask(h, &request, &a);
	assert_int_equal(a.result.error, 0);
	assert_int_equal(a.result.ttl_s, 2);
	assert_true(a.result.lease_id != 0);
	assert_true(a.result.revision > 0);
	assert_true(a.result.sent_ns >= before_ns && a.result.sent_ns <= os_clock_boot_ns());
	lease = a.result.lease_id;

	request = request_create("/life/key", "value", lease);
	host_ask(h, &request, &a);
	assert_true(a.result.succeeded);
	for (int i = 0; i < 8; i++) { /* longer than the TTL */
		(void)host_run(h, NULL, 400);
		request = request_of_lease(LEASE_RENEW, lease);
		host_ask(h, &request, &a);
		assert_int_equal(a.result.error, 0);
		assert_int_equal(a.result.ttl_s, 2);
	}
	request = request_range("/life/");
	host_ask(h, &request, &a);
	assert_int_equal(a.result.kv_count, 1);
	assert_true(a.result.kvs[0].lease_id == lease);

	for (int i = 0; i < 100 && a.result.kv_count > 0; i++) { /* and dies without */
		(void)host_run(h, NULL, 100);
		host_ask(h, &request, &a);
		assert_int_equal(a.result.error, 0);
	}
	assert_int_equal(a.result.kv_count, 0);
	request = request_of_lease(LEASE_RENEW, lease);
	host_ask(h, &request, &a);
	assert_int_equal(a.result.error, SAGA_E_LEASE_LOST);
	request = request_create("/life/late", "value", lease);
	host_ask(h, &request, &a);
	assert_int_equal(a.result.error, SAGA_E_LEASE_LOST);
	host_answer_close(&a);
	host_close(h);
}

static void the_server_may_raise_a_ttl(void **state)
{
	struct host *h = *state;
	struct host_answer a = {0};
	const struct lease_request request = request_grant(60);

	host_open(h, NULL);
	host_ask(h, &request, &a);
	assert_int_equal(a.result.ttl_s, 60); /* what it says counts, not what we asked */
	host_answer_close(&a);
	host_close(h);
}

static void a_revoked_lease_takes_its_keys_along(void **state)
{
	struct host *h = *state;
	struct host_answer a = {0};
	struct lease_request request = request_grant(30);
	int64_t lease;

	host_open(h, NULL);
	host_ask(h, &request, &a);
	lease = a.result.lease_id;
	request = request_create("/revoke/key", "value", lease);
	host_ask(h, &request, &a);
	for (int i = 0; i < 2; i++) { /* gone already = success */
		request = request_of_lease(LEASE_REVOKE, lease);
		host_ask(h, &request, &a);
		assert_int_equal(a.result.error, 0);
	}
	request = request_range("/revoke/");
	host_ask(h, &request, &a);
	assert_int_equal(a.result.kv_count, 0);
	request = request_of_lease(LEASE_RENEW, lease);
	host_ask(h, &request, &a);
	assert_int_equal(a.result.error, SAGA_E_LEASE_LOST);
	host_answer_close(&a);
	host_close(h);
}

static void a_txn_compares(void **state)
{
	struct host *h = *state;
	struct host_answer a = {0};
	struct lease_request request = request_create("/txn/key", "one", 0);
	int64_t created;

	host_open(h, NULL);
	host_ask(h, &request, &a);
	assert_int_equal(a.result.error, 0);
	assert_true(a.result.succeeded);
	created = a.result.revision;
	host_ask(h, &request, &a); /* it exists now */
	assert_int_equal(a.result.error, 0);
	assert_false(a.result.succeeded);

	/* Rewritten under compare: another modification, the same creation. */
	request.compares[0].equals = created;
	request.writes[0].value = slice_str("two");
	host_ask(h, &request, &a);
	assert_true(a.result.succeeded);
	request = request_range("/txn/");
	host_ask(h, &request, &a);
	assert_int_equal(a.result.kv_count, 1);
	assert_true(a.result.kvs[0].create_revision == created);
	assert_true(a.result.kvs[0].mod_revision > created);
	assert_true(slice_equal(a.result.kvs[0].value, slice_str("two")));

	/* Two compares, of which one fails: nothing happens. */
	request = request_create("/txn/other", "", 0);
	request.compares[1].key = slice_str("/txn/key");
	request.compares[1].target = LEASE_MOD_REVISION;
	request.compares[1].equals = created;
	request.compare_count = 2;
	host_ask(h, &request, &a);
	assert_false(a.result.succeeded);

	/* Deletes one and puts the other. */
	request = request_create("/txn/other", "", 0);
	request.compares[1].key = slice_str("/txn/key");
	request.compares[1].equals = created;
	request.compare_count = 2;
	request.writes[1].remove = true;
	request.writes[1].key = slice_str("/txn/key");
	request.write_count = 2;
	host_ask(h, &request, &a);
	assert_true(a.result.succeeded);
	request = request_range("/txn/");
	host_ask(h, &request, &a);
	assert_int_equal(a.result.kv_count, 1);
	assert_true(slice_equal(a.result.kvs[0].key, slice_str("/txn/other")));
	assert_int_equal(a.result.kvs[0].value.size, 0);
	host_answer_close(&a);
	host_close(h);
}

static void a_range_brings_many_keys(void **state)
{
	enum { KEYS = 2000, VALUE = 500 };
	struct host *h = *state;
	struct host_answer a = {0};
	struct lease_request request;
	uint8_t value[VALUE];

	host_open(h, NULL);
	for (int i = 0; i < VALUE; i++)
		value[i] = (uint8_t)(i * 7);
	for (int i = 0; i < KEYS; i++) {
		char key[32];

		(void)snprintf(key, sizeof key, "/many/%04d", i);
		request = request_create(key, "", 0);
		request.writes[0].value = slice_of(value, VALUE - (uint32_t)(i % 4));
		host_ask(h, &request, &a);
		assert_true(a.result.succeeded);
	}
	request = request_create("/many0", "not below the prefix", 0);
	host_ask(h, &request, &a);
	request = request_range("/many/");
	host_ask(h, &request, &a);
	assert_int_equal(a.result.error, 0);
	assert_int_equal(a.result.kv_count, KEYS);
	for (uint32_t i = 0; i < KEYS; i++) {
		char key[32];

		(void)snprintf(key, sizeof key, "/many/%04u", (unsigned)i);
		assert_true(slice_equal(a.result.kvs[i].key, slice_str(key)));
		assert_true(slice_equal(a.result.kvs[i].value, slice_of(value, VALUE - i % 4)));
	}
	host_answer_close(&a);
	host_close(h);
}

static void the_watch_hints(void **state)
{
	struct host *h = *state;
	struct host_answer a = {0};
	struct lease_request request;
	uint32_t hints;

	host_open(h, NULL);
	host_watch(h, "/watch/");
	assert_int_equal(h->hints, 0);
	assert_true(host_run_hints(h, 1, 5000)); /* it is open: read */
	request = request_create("/watched", "elsewhere", 0);
	host_ask(h, &request, &a);
	(void)host_run(h, NULL, 200);
	assert_int_equal(h->hints, 1);
	for (int i = 0; i < 20; i++) {
		char key[32];
		const uint64_t start_ns = os_clock_mono_ns();

		(void)snprintf(key, sizeof key, "/watch/%d", i);
		hints = h->hints;
		request = request_create(key, "", 0);
		host_ask(h, &request, &a);
		assert_true(host_run_hints(h, hints + 1, 5000));
		assert_true(os_clock_mono_ns() - start_ns < 2000000000);
	}
	hints = h->hints; /* an expiry hints as well */
	request = request_grant(2);
	host_ask(h, &request, &a);
	request = request_create("/watch/leased", "", a.result.lease_id);
	host_ask(h, &request, &a);
	assert_true(host_run_hints(h, hints + 2, 10000));
	host_answer_close(&a);
	host_close(h);
}

static uint32_t open_files(void)
{
	DIR *folder = opendir("/proc/self/fd");
	uint32_t count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	(void)closedir(folder);
	return count;
}

static void a_thousand_renewals_leave_nothing_behind(void **state)
{
	struct host *h = *state;
	struct host_answer a = {0};
	struct lease_request request = request_grant(30);
	int64_t lease;
	uint32_t files;

	host_open(h, NULL);
	host_ask(h, &request, &a);
	lease = a.result.lease_id;
	request = request_of_lease(LEASE_RENEW, lease);
	host_ask(h, &request, &a);
	files = open_files();
	for (int i = 0; i < 1000; i++) {
		host_ask(h, &request, &a);
		assert_int_equal(a.result.error, 0);
		assert_int_equal(a.result.ttl_s, 30);
	}
	assert_int_equal(open_files(), files); /* one connection all the time */
	host_answer_close(&a);
	host_close(h);
}

static void many_at_once(void **state)
{
	enum { AT_ONCE = 200 };
	struct host *h = *state;
	struct host_answer answers[AT_ONCE] = {{0}};
	struct lease_request request;
	uint32_t succeeded = 0;

	host_open(h, NULL);
	request = request_create("/once/key", "", 0);
	request.timeout_ms = 10000;
	for (uint32_t i = 0; i < AT_ONCE; i++)
		host_submit(h, &request, &answers[i]);
	for (uint32_t i = 0; i < AT_ONCE; i++) {
		assert_true(host_run(h, &answers[i].done, 20000));
		assert_int_equal(answers[i].result.error, 0);
		succeeded += answers[i].result.succeeded;
		host_answer_close(&answers[i]);
	}
	assert_int_equal(succeeded, 1);
	host_close(h);
}

static void wrong_settings_are_told(void **state)
{
	static const char *const bad[] = {"",          "127.0.0.1:2379",         "http://",
					  "ftp://x:1", "http://a:1,,http://b:2", "http://a b:1"};
	struct etcd_config config = {0};
	struct lease *lease = NULL;
	uv_loop_t loop;
	char why[256];

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		why[0] = '\0';
		config.endpoints = bad[i];
		assert_int_equal(etcd_open(&loop, &config, &lease, why), SAGA_E_CONFIG);
		assert_int_not_equal(why[0], '\0');
	}
	config.endpoints = "http://127.0.0.1:1";
	config.tls_ca_file = "/nonexistent/ca.pem";
	assert_int_equal(etcd_open(&loop, &config, &lease, why), SAGA_E_CONFIG);
	assert_non_null(strstr(why, "/nonexistent/ca.pem"));
	config.tls_ca_file = NULL;
	config.user = "somebody";
	assert_int_equal(etcd_open(&loop, &config, &lease, why), SAGA_E_CONFIG);
	config.user = NULL;
	config.tls_key_file = "/dev/null";
	assert_int_equal(etcd_open(&loop, &config, &lease, why), SAGA_E_CONFIG);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static int start(void **state)
{
	static struct host host;

	*state = &host;
	host_start_etcd(&host);
	return 0;
}

static int stop(void **state)
{
	host_stop_etcd(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lease_lives_by_renewal),
		cmocka_unit_test(the_server_may_raise_a_ttl),
		cmocka_unit_test(a_revoked_lease_takes_its_keys_along),
		cmocka_unit_test(a_txn_compares),
		cmocka_unit_test(a_range_brings_many_keys),
		cmocka_unit_test(the_watch_hints),
		cmocka_unit_test(a_thousand_renewals_leave_nothing_behind),
		cmocka_unit_test(many_at_once),
		cmocka_unit_test(wrong_settings_are_told),
		cmocka_unit_test(a_stopped_server_times_requests_out),
		cmocka_unit_test(a_restart_is_survived),
		cmocka_unit_test(the_watch_survives_a_restart),
		cmocka_unit_test(a_dead_endpoint_is_passed_over),
		cmocka_unit_test(without_a_leader_it_says_so_at_once),
		cmocka_unit_test(closing_ends_what_is_open),
		cmocka_unit_test(closing_from_a_completion),
		cmocka_unit_test(users_and_passwords),
		cmocka_unit_test(both_sides_show_certificates),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
