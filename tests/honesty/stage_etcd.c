/* A real etcd: two clients, each behind a connection that can be cut. */
#include <stdio.h>
#include <stdlib.h>

#include <uv.h>

#include "base/check.h"
#include "lease/etcd.h"
#include "tests/honesty/cutter.h"
#include "tests/honesty/honesty.h"
#include "tests/support/launcher.h"
#include "tests/unit/unit.h"

struct stage_etcd {
	struct stage stage;
	struct cluster *cluster;
	uv_loop_t loop;
	uv_timer_t tick;
	struct cutter *cutters[STAGE_CLIENTS];
	uint32_t plays;
};

static struct stage_etcd *of(struct stage *stage)
{
	return (struct stage_etcd *)(void *)stage;
}

/* Only so that run looks at its condition. */
static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

static bool run(struct stage *stage, const bool *done, uint32_t ms)
{
	struct stage_etcd *s = of(stage);
	const uint64_t end_ms = wait_now_ms() + ms;

	while (!(done != NULL && *done) && wait_now_ms() < end_ms)
		(void)uv_run(&s->loop, UV_RUN_ONCE);
	return done != NULL && *done;
}

static void act(struct stage *stage, uint32_t client, const char *verb, const char *word)
{
	struct stage_etcd *s = of(stage);

	(void)word;
	if (strcmp(verb, "mute") == 0)
		cutter_set(s->cutters[client], CUTTER_MUTE);
	else if (strcmp(verb, "hold") == 0)
		cutter_set(s->cutters[client], CUTTER_HOLD);
	else if (strcmp(verb, "pass") == 0)
		cutter_set(s->cutters[client], CUTTER_PASS);
	else if (strcmp(verb, "cut") == 0)
		cutter_cut(s->cutters[client]);
	else if (strcmp(verb, "stop") == 0)
		assert_int_equal(cluster_signal(s->cluster, "etcd1", SIGSTOP), 0);
	else if (strcmp(verb, "go") == 0)
		assert_int_equal(cluster_signal(s->cluster, "etcd1", SIGCONT), 0);
	else if (strcmp(verb, "kill") == 0) {
		assert_int_equal(cluster_signal(s->cluster, "etcd1", SIGKILL), 0);
		assert_true(cluster_wait_end(s->cluster, "etcd1", PLAY_PATIENCE_MS));
	} else if (strcmp(verb, "start") == 0) {
		assert_int_equal(cluster_restart(s->cluster, "etcd1"), 0);
	}
}

static int leave(struct stage *stage, uint32_t client, const char *text)
{
	(void)stage, (void)client, (void)text;
	return SAGA_E_STATE;
}

static void begin(struct stage *stage, const struct script *script)
{
	struct stage_etcd *s = of(stage);

	(void)script;
	(void)snprintf(stage->prefix, sizeof stage->prefix, "/h%u/", ++s->plays);
	for (uint32_t i = 0; i < STAGE_CLIENTS; i++) {
		char url[64], why[256] = "";
		const struct etcd_config config = {.endpoints = url};

		(void)snprintf(url, sizeof url, "http://127.0.0.1:%u", cutter_port(s->cutters[i]));
		if (etcd_open(&s->loop, &config, &stage->stores[i], why) != 0)
			fail_msg("%s", why);
	}
}

static void end_play(struct stage *stage)
{
	struct stage_etcd *s = of(stage);

	for (uint32_t i = 0; i < STAGE_CLIENTS; i++) {
		stage->stores[i]->ops->close(stage->stores[i]);
		cutter_set(s->cutters[i], CUTTER_PASS);
	}
}

static const struct stage_ops ops = {begin, run, act, leave, end_play};

struct stage *stage_etcd_open(void)
{
	struct stage_etcd *s = calloc(1, sizeof *s);
	struct cluster_options options;

	CHECK(s != NULL);
	s->stage.ops = &ops;
	cluster_options_init(&options);
	options.nats_count = 0;
	options.nodes = 0;
	if (cluster_create(&options, &s->cluster) != 0 || cluster_start_servers(s->cluster) != 0)
		fail_msg("%s", cluster_trouble(s->cluster));
	assert_int_equal(uv_loop_init(&s->loop), 0);
	assert_int_equal(uv_timer_init(&s->loop, &s->tick), 0);
	assert_int_equal(uv_timer_start(&s->tick, on_tick, 5, 5), 0);
	for (uint32_t i = 0; i < STAGE_CLIENTS; i++)
		s->cutters[i] = cutter_open(cluster_port(s->cluster, "etcd1"));
	return &s->stage;
}

void stage_etcd_close(struct stage *stage)
{
	struct stage_etcd *s = of(stage);

	uv_close((uv_handle_t *)&s->tick, NULL);
	assert_int_equal(uv_run(&s->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&s->loop), 0);
	cluster_destroy(s->cluster);
	for (uint32_t i = 0; i < STAGE_CLIENTS; i++)
		cutter_close(s->cutters[i]);
	free(s);
}
