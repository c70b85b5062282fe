#include "tests/integration/lease_etcd_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/os_clock.h"

void host_start_etcd(struct host *h)
{
	struct cluster_options options;

	cluster_options_init(&options);
	options.nats_count = 0;
	options.nodes = 0;
	if (cluster_create(&options, &h->cluster) != 0 || cluster_start_servers(h->cluster) != 0)
		fail_msg("%s", cluster_trouble(h->cluster));
}

void host_stop_etcd(struct host *h)
{
	cluster_destroy(h->cluster);
	h->cluster = NULL;
}

static void on_beat(uv_timer_t *timer)
{
	struct host *h = timer->data;
	const uint64_t now_ns = os_clock_mono_ns();

	if (h->beat_ns != 0 && now_ns - h->beat_ns > h->gap_max_ns)
		h->gap_max_ns = now_ns - h->beat_ns;
	h->beat_ns = now_ns;
}

void host_open(struct host *h, const struct etcd_config *config)
{
	struct etcd_config plain = {0};
	char why[256] = "";

	if (!config) {
		plain.endpoints = cluster_etcd_endpoints(h->cluster);
		config = &plain;
	}
	assert_int_equal(uv_loop_init(&h->loop), 0);
	assert_int_equal(uv_timer_init(&h->loop, &h->beat), 0);
	assert_int_equal(uv_timer_init(&h->loop, &h->limit), 0);
	h->beat.data = h;
	h->beat_ns = h->gap_max_ns = 0;
	h->hints = 0;
	assert_int_equal(uv_timer_start(&h->beat, on_beat, 5, 5), 0);
	if (etcd_open(&h->loop, config, &h->lease, why) != 0)
		fail_msg("%s", why);
}

void host_close(struct host *h)
{
	if (h->lease)
		h->lease->ops->close(h->lease);
	h->lease = NULL;
	uv_close((uv_handle_t *)&h->beat, NULL);
	uv_close((uv_handle_t *)&h->limit, NULL);
	assert_int_equal(uv_run(&h->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&h->loop), 0); /* no handle is left behind */
}

static void on_limit(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

static void set_limit(struct host *h, bool *passed, uint64_t ms)
{
	*passed = false;
	h->limit.data = passed;
	uv_update_time(&h->loop);
	assert_int_equal(uv_timer_start(&h->limit, on_limit, ms, 0), 0);
	h->beat_ns = 0; /* what passed between two runs is not the loop's */
}

bool host_run(struct host *h, const bool *flag, uint64_t ms)
{
	bool passed;

	set_limit(h, &passed, ms);
	while (!(flag && *flag) && !passed)
		(void)uv_run(&h->loop, UV_RUN_ONCE);
	(void)uv_timer_stop(&h->limit);
	return flag && *flag;
}

bool host_run_hints(struct host *h, uint32_t hints, uint64_t ms)
{
	bool passed;

	set_limit(h, &passed, ms);
	while (h->hints < hints && !passed)
		(void)uv_run(&h->loop, UV_RUN_ONCE);
	(void)uv_timer_stop(&h->limit);
	return h->hints >= hints;
}

static void on_answer(void *context, uint64_t token, const struct lease_result *result)
{
	struct host_answer *answer = context;
	const uint8_t *at;

	assert_int_equal(token, 4711);
	assert_false(answer->done); /* exactly once */
	answer->done = true;
	answer->took_ms = (os_clock_boot_ns() - result->sent_ns) / 1000000;
	answer->result = *result;
	for (uint32_t i = 0; i < result->kv_count; i++) {
		assert_int_equal(buf_put_slice(&answer->text, result->kvs[i].key), 0);
		assert_int_equal(buf_put_slice(&answer->text, result->kvs[i].value), 0);
	}
	at = answer->text.data;
	answer->kvs = calloc(result->kv_count + 1, sizeof *answer->kvs);
	assert_non_null(answer->kvs);
	for (uint32_t i = 0; i < result->kv_count; i++) {
		answer->kvs[i] = result->kvs[i];
		answer->kvs[i].key.data = at;
		at += result->kvs[i].key.size;
		answer->kvs[i].value.data = at;
		at += result->kvs[i].value.size;
	}
	answer->result.kvs = answer->kvs;
}

void host_answer_close(struct host_answer *answer)
{
	free(answer->kvs);
	buf_close(&answer->text);
	*answer = (struct host_answer){0};
}

void host_submit(struct host *h, const struct lease_request *request, struct host_answer *answer)
{
	host_answer_close(answer);
	buf_init(&answer->text, 64 * 1024 * 1024);
	assert_int_equal(h->lease->ops->submit(h->lease, request, 4711, on_answer, answer), 0);
	assert_false(answer->done); /* never from inside the call */
}

void host_ask(struct host *h, const struct lease_request *request, struct host_answer *answer)
{
	host_submit(h, request, answer);
	if (!host_run(h, &answer->done, request->timeout_ms + 5000))
		fail_msg("no answer at all");
}

void host_ask_until_fine(struct host *h, const struct lease_request *request,
			 struct host_answer *answer)
{
	const uint64_t end_ns = os_clock_mono_ns() + UINT64_C(20000000000);

	do {
		host_ask(h, request, answer);
		if (answer->result.error != 0)
			(void)host_run(h, NULL, 20);
	} while (answer->result.error != 0 && os_clock_mono_ns() < end_ns);
	assert_int_equal(answer->result.error, 0);
}

static void on_hint(void *context)
{
	struct host *h = context;

	h->hints++;
}

void host_watch(struct host *h, const char *prefix)
{
	assert_int_equal(h->lease->ops->watch(h->lease, slice_str(prefix), on_hint, h), 0);
}

struct lease_request request_grant(uint32_t ttl_s)
{
	return (struct lease_request){.kind = LEASE_GRANT, .timeout_ms = 3000, .ttl_s = ttl_s};
}

struct lease_request request_of_lease(enum lease_request_kind kind, int64_t lease_id)
{
	return (struct lease_request){.kind = kind, .timeout_ms = 3000, .lease_id = lease_id};
}

struct lease_request request_range(const char *prefix)
{
	return (struct lease_request){
		.kind = LEASE_RANGE, .timeout_ms = 3000, .prefix = slice_str(prefix)};
}

struct lease_request request_create(const char *key, const char *value, int64_t lease_id)
{
	return (struct lease_request){
		.kind = LEASE_TXN,
		.timeout_ms = 3000,
		.compares = {{slice_str(key), LEASE_CREATE_REVISION, 0}},
		.compare_count = 1,
		.writes = {{false, slice_str(key), slice_str(value), lease_id}},
		.write_count = 1,
	};
}

void host_find_tool(const char *name, char path[PROCESS_PATH_SIZE])
{
	const char *tools = getenv("SAGAD_TOOLS");

	(void)snprintf(path, PROCESS_PATH_SIZE, "%s/usr/bin/%s",
		       tools ? tools : SAGAD_SOURCE_DIR "/.tools", name);
	if (access(path, X_OK) != 0)
		(void)snprintf(path, PROCESS_PATH_SIZE, "/usr/bin/%s", name);
}
