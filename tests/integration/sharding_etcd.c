/* Three control cores on a real etcd, in one loop: sharing, death, planner's death, a stop, an etcd
 * that restarts. Workers are stubs that serve at once. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/os_clock.h"
#include "sharding/control.h"
#include "tests/integration/lease_etcd_host.h"

enum { NODES = 3, SHARDS = 16 };

struct member {
	struct host *host;
	struct lease *lease;
	void *memory;
	struct control *control; /* NULL = dead */
	char name[8];
	bool has[SHARDS];
	uint64_t revision[SHARDS];
	uint32_t assigns;
	uint64_t until_ns;
	uint64_t gone_ns; /* when it first saw a node missing */
	uint64_t acquired_ns;
};

static struct host host;
static struct member members[NODES];
static uv_timer_t ticker;

static uint64_t now_ns(void)
{
	return os_clock_boot_ns();
}

static void on_result(void *context, uint64_t token, const struct lease_result *result)
{
	struct member *m = context;

	if (m->control)
		control_result(m->control, now_ns(), token, result);
}

static void on_request(void *context, const struct lease_request *request, uint64_t token)
{
	struct member *m = context;

	assert_int_equal(m->lease->ops->submit(m->lease, request, token, on_result, m), 0);
}

static void on_hint(void *context)
{
	struct member *m = context;

	if (m->control)
		control_hint(m->control, now_ns());
}

static void check_alone(uint32_t shard)
{
	uint32_t holders = 0;

	for (uint32_t i = 0; i < NODES; i++)
		holders += members[i].control && members[i].has[shard] &&
			   now_ns() < members[i].until_ns;
	assert_true(holders <= 1);
}

static void on_assign(void *context, uint32_t shard, uint64_t revision)
{
	struct member *m = context;

	m->has[shard] = true;
	m->revision[shard] = revision;
	m->assigns++;
	m->acquired_ns = now_ns();
	check_alone(shard);
}

static void on_drop(void *context, uint32_t shard)
{
	struct member *m = context;

	m->has[shard] = false;
	m->revision[shard] = 0;
}

static void on_keep(void *context, uint32_t shard)
{
	(void)context;
	(void)shard;
}

static void on_until(void *context, uint64_t until_ns)
{
	struct member *m = context;

	m->until_ns = until_ns;
}

static void on_cluster(void *context, const struct control_cluster *cluster)
{
	(void)context;
	assert_int_equal(cluster->slots.shard_count, SHARDS);
}

static void on_note(void *context, const char *event, uint32_t shard, int code, uint64_t number)
{
	struct member *m = context;

	if (getenv("SAGAD_MODEL_TRACE"))
		(void)fprintf(stderr, "%.3f %s %s %d %s %" PRIu64 "\n", (double)now_ns() / 1e9,
			      m->name, event, (int)shard, code ? err_name(code) : "-", number);
	if (strcmp(event, "node.gone") == 0 && m->gone_ns == 0)
		m->gone_ns = now_ns();
}

static void work(struct member *m)
{
	for (uint32_t s = 0; m->control && s < SHARDS; s++) {
		const enum ownership is = control_ownership(m->control, s);

		if (is == OWNERSHIP_REPLAYING)
			control_report(m->control, now_ns(), s, OWNERSHIP_SERVING, m->revision[s],
				       0);
		else if (is == OWNERSHIP_QUIESCING)
			control_report(m->control, now_ns(), s, OWNERSHIP_RELEASED, 0, 0);
	}
}

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
	for (uint32_t i = 0; i < NODES; i++) {
		if (members[i].control)
			control_tick(members[i].control, now_ns());
		work(&members[i]);
	}
}

static void start_member(uint32_t index)
{
	struct member *m = &members[index];
	struct etcd_config etcd = {.endpoints = cluster_etcd_endpoints(host.cluster)};
	struct control_config config = {
		.weight = 100,
		.address = "here",
		.version = "1",
		.ttl_ms = 2000,
		.seed = index + 1,
	};
	const struct control_io io = {.request = on_request,
				      .assign = on_assign,
				      .release = on_drop,
				      .keep = on_keep,
				      .fence = on_drop,
				      .lease_until = on_until,
				      .cluster = on_cluster,
				      .note = on_note,
				      .context = m};
	char why[256];

	*m = (struct member){.host = &host};
	(void)snprintf(m->name, sizeof m->name, "n%u", index);
	assert_int_equal(id_from(&config.cluster, slice_str("test")), 0);
	assert_int_equal(id_from(&config.node, slice_str(m->name)), 0);
	m->memory = malloc(control_memory_size());
	assert_non_null(m->memory);
	assert_int_equal(etcd_open(&host.loop, &etcd, &m->lease, why), 0);
	assert_int_equal(
		control_create(&config, &io, m->memory, control_memory_size(), &m->control), 0);
	assert_int_equal(m->lease->ops->watch(m->lease, slice_str("/sagad/test/"), on_hint, m), 0);
	control_tick(m->control, now_ns());
}

/* As a process dies: its connections close, its lease stays. */
static void kill_member(uint32_t index)
{
	struct member *m = &members[index];

	m->control = NULL;
	m->lease->ops->close(m->lease);
	m->lease = NULL;
	free(m->memory);
	m->memory = NULL;
}

static bool until(bool (*done)(void), uint64_t ms)
{
	const uint64_t end_ns = now_ns() + ms * 1000000;

	while (!done() && now_ns() < end_ns)
		(void)uv_run(&host.loop, UV_RUN_ONCE);
	return done();
}

static bool all_serving(void)
{
	uint32_t count = 0;

	for (uint32_t s = 0; s < SHARDS; s++) {
		for (uint32_t i = 0; i < NODES; i++)
			count += members[i].control &&
				 control_ownership(members[i].control, s) == OWNERSHIP_SERVING;
	}
	return count == SHARDS;
}

static bool all_written(void) /* with their epochs, as all nodes see it */
{
	for (uint32_t i = 0; i < NODES; i++) {
		struct control_view view;

		if (!members[i].control)
			continue;
		control_view(members[i].control, &view);
		for (uint32_t s = 0; s < view.shard_count; s++) {
			if (view.shards[s].epoch == 0)
				return false;
		}
	}
	return all_serving();
}

static uint32_t planner(void)
{
	struct control_view view;

	for (uint32_t i = 0; i < NODES; i++) {
		if (!members[i].control)
			continue;
		control_view(members[i].control, &view);
		return (uint32_t)(view.planner.data[1] - '0');
	}
	fail_msg("nobody is left");
	return 0;
}

static uint64_t take_over_ms(uint32_t dead)
{
	uint64_t gone_ns = UINT64_MAX;
	uint64_t acquired_ns = 0;

	for (uint32_t i = 0; i < NODES; i++)
		members[i].gone_ns = members[i].acquired_ns = 0;
	kill_member(dead);
	assert_false(all_serving());
	assert_true(until(all_serving, 8000));
	for (uint32_t i = 0; i < NODES; i++) {
		if (i == dead)
			continue;
		if (members[i].gone_ns != 0 && members[i].gone_ns < gone_ns)
			gone_ns = members[i].gone_ns;
		if (members[i].acquired_ns > acquired_ns)
			acquired_ns = members[i].acquired_ns;
	}
	assert_true(acquired_ns > gone_ns);
	return (acquired_ns - gone_ns) / 1000000;
}

static void initialise(void)
{
	struct control_cluster cluster = {.format = 1, .replicas = 1};
	struct host_answer answer = {0};
	struct lease_request request;
	struct buf text;

	assert_int_equal(id_from(&cluster.cluster, slice_str("test-1")), 0);
	cluster.slots.shard_count = SHARDS;
	buf_init(&text, 16 * 1024);
	assert_int_equal(control_cluster_encode(&cluster, &text), 0);
	request = request_create("/sagad/test/config", "", 0);
	request.writes[0].value = buf_slice(&text);
	host_ask(&host, &request, &answer);
	assert_true(answer.result.succeeded);
	host_answer_close(&answer);
	buf_close(&text);
}

static void three_cores_share_a_cluster(void **state)
{
	(void)state;
	initialise();
	for (uint32_t i = 0; i < NODES; i++)
		start_member(i);
	assert_true(until(all_written, 10000));
	for (uint32_t i = 0; i < NODES; i++)
		assert_in_range(members[i].assigns, 5, 6);
}

static void a_death_is_answered_in_milliseconds(void **state)
{
	const uint32_t dead = (planner() + 1) % NODES;
	uint64_t ms;

	(void)state;
	ms = take_over_ms(dead);
	print_message("a node's death: last shard acquired after %" PRIu64 " ms\n", ms);
	assert_true(ms < 500); /* ten times the expected */
	start_member(dead);
	assert_true(until(all_written, 10000));
	(void)host_run(&host, NULL, 1500); /* it gets its share */
	assert_true(until(all_written, 5000));
	assert_in_range(members[dead].assigns, 5, 6);
}

static void the_planners_death_too(void **state)
{
	const uint32_t dead = planner();
	uint64_t ms;

	(void)state;
	ms = take_over_ms(dead);
	print_message("the planner's death: last shard acquired after %" PRIu64 " ms\n", ms);
	assert_true(ms < 500);
	start_member(dead);
	assert_true(until(all_written, 10000));
	(void)host_run(&host, NULL, 1500);
	assert_true(until(all_written, 5000));
}

static void an_etcd_restart_costs_no_shard_for_long(void **state)
{
	(void)state;
	assert_int_equal(cluster_signal(host.cluster, "etcd1", SIGKILL), 0);
	assert_true(cluster_wait_end(host.cluster, "etcd1", 5000));
	assert_int_equal(cluster_restart(host.cluster, "etcd1"), 0);
	(void)host_run(&host, NULL, 500);
	assert_true(until(all_written, 15000));
	for (uint32_t i = 0; i < NODES; i++)
		assert_int_equal(control_phase(members[i].control), CONTROL_READY);
}

/* ---- planners that die half way ---- */

static uint32_t dead_one;

static bool dead_one_has_none(void)
{
	for (uint32_t s = 0; s < SHARDS; s++) {
		if (members[dead_one].has[s])
			return false;
	}
	return all_written();
}

static bool some_have_moved(void)
{
	uint32_t assigns = 0;

	for (uint32_t i = 0; i < NODES; i++)
		assigns += i != dead_one ? members[i].assigns : 0;
	return assigns > 0;
}

static void put(const char *key, const char *value)
{
	struct host_answer answer = {0};
	struct lease_request request = request_create(key, value, 0);

	host_ask(&host, &request, &answer);
	assert_true(answer.result.succeeded);
	host_answer_close(&answer);
}

/* A drain; as soon as a shard has moved the planner dies. The next one ends the drain, and nothing
 * of what had moved moves again. */
static void a_planner_that_dies_half_way_is_followed(void **state)
{
	const uint32_t killed = planner();
	const uint32_t third = NODES - killed - (killed + 1) % NODES;
	bool had[SHARDS];
	char key[64];
	uint32_t assigns = 0;

	(void)state;
	dead_one = (killed + 1) % NODES;
	for (uint32_t i = 0; i < NODES; i++)
		members[i].assigns = 0;
	(void)snprintf(key, sizeof key, "/sagad/test/drains/n%u", dead_one);
	put(key, "sagad-drain 1 actor=test at=1 until=0 reason=half way");
	assert_true(until(some_have_moved, 10000));
	memcpy(had, members[third].has, sizeof had);
	kill_member(killed);
	assert_true(until(dead_one_has_none, 15000));
	for (uint32_t s = 0; s < SHARDS; s++)
		assert_true(!had[s] || members[third].has[s]);
	/* It has everything now, and each of those it had not came once. */
	for (uint32_t s = 0; s < SHARDS; s++)
		assigns += members[third].has[s];
	assert_int_equal(assigns, SHARDS);
	assert_in_range(members[third].assigns, SHARDS - 6, SHARDS);
	/* And both come back to what was theirs. */
	start_member(killed);
	assert_true(until(all_written, 10000));
	for (uint32_t i = 0; i < 60 && members[killed].assigns < 5; i++)
		(void)host_run(&host, NULL, 100);
	assert_true(until(all_written, 10000));
	assert_in_range(members[killed].assigns, 5, 6);
	assert_int_equal(members[dead_one].assigns, 0);
}

static bool node_0_stopped(void)
{
	return control_phase(members[0].control) == CONTROL_STOPPED;
}

static void a_stop_hands_over(void **state)
{
	uint64_t start_ns;

	(void)state;
	(void)host_run(&host, NULL, 1500); /* what the restart has moved comes to rest */
	assert_true(until(all_written, 5000));
	start_ns = now_ns();
	control_stop(members[0].control, now_ns());
	assert_true(until(node_0_stopped, 5000));
	print_message("a stop: %" PRIu64 " ms\n", (now_ns() - start_ns) / 1000000);
	assert_true(until(all_serving, 3000));
	for (uint32_t s = 0; s < SHARDS; s++)
		assert_false(members[0].has[s]);
}

static int start(void **state)
{
	(void)state;
	host_start_etcd(&host);
	host_open(&host, NULL);
	assert_int_equal(uv_timer_init(&host.loop, &ticker), 0);
	return uv_timer_start(&ticker, on_tick, 5, 5);
}

static int stop(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < NODES; i++) {
		if (members[i].control)
			kill_member(i);
	}
	uv_close((uv_handle_t *)&ticker, NULL);
	host_close(&host);
	host_stop_etcd(&host);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_cores_share_a_cluster),
		cmocka_unit_test(a_death_is_answered_in_milliseconds),
		cmocka_unit_test(the_planners_death_too),
		cmocka_unit_test(a_planner_that_dies_half_way_is_followed),
		cmocka_unit_test(an_etcd_restart_costs_no_shard_for_long),
		cmocka_unit_test(a_stop_hands_over),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
