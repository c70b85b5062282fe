/* The demo's servers, nodes and services, and the kills of other things than nodes. */
#include <stdio.h>
#include <string.h>

#include "examples/travel/demo.h"

enum { INSTANCES = 2, SHARDS_MS = 5000, LEADER_MS = 2000 };

/* One line for each service: its trouble. Late calls are held back longer than both attempts of
 * the step last (travel.yaml), so that the undo overtakes them. */
struct service_plan {
	const char *name;
	const char *trouble[16];
};

static const struct service_plan normal_plan[CHECK_SERVICES] = {
	{"user", {"--latency", "4", "--lose-answers", "0.01", "--double-answers", "0.02", NULL}},
	{"flight",
	 {"--latency", "8", "--late-rate", "0.006", "--late-ms", "10000", "--threads", "16", NULL}},
	{"hotel", {"--latency", "8", "--failure-rate", "0.03", "--lose-answers", "0.01", NULL}},
	{"payment", {"--latency", "4", "--lose-answers", "0.01", "--double-answers", "0.02", NULL}},
};
static const struct service_plan slow_plan[CHECK_SERVICES] = {
	{"user", {"--latency", "4", "--lose-answers", "0.02", NULL}},
	{"flight", {"--latency", "4", "--lose-answers", "0.02", NULL}},
	{"hotel", {"--latency", "10000", "--threads", "128", NULL}},
	{"payment", {"--latency", "4", NULL}},
};

const char *demo_service_victim(void)
{
	return "payment-1";
}

static const struct service_plan *plan_of(const struct demo *demo)
{
	return demo->flags.slow ? slow_plan : normal_plan;
}

static bool fill_database(struct demo *demo, const char *name)
{
	char program[64];
	char db[1200];
	char stock[1200];

	(void)snprintf(program, sizeof program, "travel-%s", name);
	(void)snprintf(db, sizeof db, "%s/%s.db", cluster_folder(demo->stage.cluster), name);
	(void)snprintf(stock, sizeof stock, "%s/stock.jsonl", demo->flags.data_dir);
	return stage_run(&demo->stage,
			 (const char *const[]){program, "--db", db, "--init", stock, NULL});
}

bool demo_cluster_start(struct demo *demo)
{
	struct cluster_options options;

	cluster_options_init(&options);
	options.nodes = STAGE_NODES;
	options.shards = DEMO_SHARDS;
	options.nats_count = demo->flags.nats_cluster ? CLUSTER_NATS_MAX : 1;
	options.folder = demo->flags.folder;
	options.keep = demo->flags.keep;
	options.command_age_ms = 3000;
	if (!stage_create(&demo->stage, &options) ||
	    !stage_start_servers(&demo->stage,
				 demo->flags.nats_cluster ? "three nats-servers" : "nats-server"))
		return false;
	for (uint32_t i = 0; i < CHECK_SERVICES; i++)
		if (!fill_database(demo, plan_of(demo)[i].name))
			return false;
	return stage_start_nodes(&demo->stage);
}

static bool start_instance(struct demo *demo, const struct service_plan *plan, uint32_t instance)
{
	const char *argv[32] = {NULL};
	char program[64];
	char name[64];
	char db[1200];
	char seed[32];
	uint32_t count = 0;

	(void)snprintf(program, sizeof program, "travel-%s", plan->name);
	(void)snprintf(name, sizeof name, "%s-%u", plan->name, instance);
	(void)snprintf(db, sizeof db, "%s/%s.db", cluster_folder(demo->stage.cluster), plan->name);
	(void)snprintf(seed, sizeof seed, "%llu", (unsigned long long)demo->flags.seed);
	argv[count++] = program;
	argv[count++] = "--db";
	argv[count++] = db;
	argv[count++] = "--instance";
	argv[count++] = name;
	argv[count++] = "--seed";
	argv[count++] = seed;
	for (uint32_t i = 0; plan->trouble[i] != NULL; i++)
		argv[count++] = plan->trouble[i];
	if (cluster_service_start(demo->stage.cluster, name, argv, NULL) != 0)
		return stage_fail(&demo->stage, "%s", cluster_trouble(demo->stage.cluster));
	return true;
}

bool demo_services_start(struct demo *demo)
{
	stage_say("starting user, flight, hotel and payment, %d instances each", INSTANCES);
	for (uint32_t i = 0; i < CHECK_SERVICES; i++)
		for (uint32_t instance = 1; instance <= INSTANCES; instance++)
			if (!start_instance(demo, &plan_of(demo)[i], instance))
				return false;
	return true;
}

/* ---- kill -9 ------------------------------------------------------------------------------- */

bool demo_kill_service(struct demo *demo)
{
	if (cluster_signal(demo->stage.cluster, demo_service_victim(), SIGKILL) != 0)
		return false;
	demo->service_killed = true;
	demo->service_killed_ms = wait_now_ms();
	stage_say("kill -9 %s", demo_service_victim());
	return true;
}

/* Which server leads each journal; 0 = none of them could be told. */
static uint32_t find_leaders(struct demo *demo, uint32_t leaders[CLUSTER_SHARDS_MAX])
{
	struct cluster_shards shards;

	if (cluster_shards(demo->stage.cluster, &shards, SHARDS_MS) != 0)
		return 0;
	for (uint32_t s = 0; s < shards.count; s++) {
		char stream[32];
		char leader[PROCESS_NAME_SIZE];

		(void)snprintf(stream, sizeof stream, "SAGA_J_%u", s);
		if (cluster_stream_leader(demo->stage.cluster, stream, leader, LEADER_MS) != 0 ||
		    sscanf(leader, "nats%1u", &leaders[s]) != 1 || leaders[s] < 1 ||
		    leaders[s] > CLUSTER_NATS_MAX)
			return 0;
	}
	return shards.count;
}

/* The one that leads most. */
static uint32_t find_nats_victim(const uint32_t *leaders, uint32_t count, uint32_t *led)
{
	uint32_t victim = 1;

	*led = 0;
	for (uint32_t i = 1; i <= CLUSTER_NATS_MAX; i++) {
		uint32_t own = 0;

		for (uint32_t s = 0; s < count; s++)
			own += leaders[s] == i ? 1 : 0;
		if (own > *led) {
			*led = own;
			victim = i;
		}
	}
	return victim;
}

bool demo_kill_nats(struct demo *demo)
{
	uint32_t leaders[CLUSTER_SHARDS_MAX];
	const uint32_t count = find_leaders(demo, leaders);
	uint32_t led = 0;
	const uint32_t victim = find_nats_victim(leaders, count, &led);

	if (led == 0)
		return false;
	(void)snprintf(demo->nats_victim, sizeof demo->nats_victim, "nats%u", victim);
	(void)pthread_mutex_lock(&demo->load.lock);
	if (demo->load.open >= DEMO_OPEN_AT_KILL_MIN &&
	    cluster_signal(demo->stage.cluster, demo->nats_victim, SIGKILL) == 0) {
		demo->nats_killed = true;
		demo->nats_killed_ms = wait_now_ms();
		demo->led_count = led;
		demo->open_at_nats_kill = demo->load.open;
		for (uint32_t s = 0; s < count; s++)
			demo->led[s] = leaders[s] == victim;
	}
	(void)pthread_mutex_unlock(&demo->load.lock);
	if (demo->nats_killed)
		stage_say("kill -9 %s: it leads %u journals, %u bookings are open",
			  demo->nats_victim, led, demo->open_at_nats_kill);
	return demo->nats_killed;
}

/* The run may be over before its turn to be restarted has come. */
static bool killed_by_us(void *context, const char *name)
{
	const struct demo *demo = context;

	if (demo->nats_killed && !demo->nats_restarted && strcmp(name, demo->nats_victim) == 0)
		return true;
	if (demo_moves_is_operator(name))
		return true;
	return demo->service_killed && !demo->service_restarted &&
	       strcmp(name, demo_service_victim()) == 0;
}

void demo_find_ended(struct demo *demo)
{
	demo->ended_early = stage_count_ended(&demo->stage, killed_by_us, demo);
}

void demo_services_stop(struct demo *demo)
{
	char name[64];

	/* They drain: what was held back late still has to meet its barrier. */
	for (uint32_t i = 0; i < CHECK_SERVICES * INSTANCES; i++) {
		(void)snprintf(name, sizeof name, "%s-%u", plan_of(demo)[i / INSTANCES].name,
			       i % INSTANCES + 1);
		if (cluster_signal(demo->stage.cluster, name, SIGTERM) != 0)
			continue;
	}
	for (uint32_t i = 0; i < CHECK_SERVICES * INSTANCES; i++) {
		(void)snprintf(name, sizeof name, "%s-%u", plan_of(demo)[i / INSTANCES].name,
			       i % INSTANCES + 1);
		(void)cluster_wait_end(demo->stage.cluster, name, 30000);
	}
}
