/* The demo's servers, nodes and services; the two kills; and how long take-over took. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/os_clock.h"
#include "examples/travel/demo.h"

enum { INSTANCES = 2, NODES = 3, INIT_MS = 60000, SERVING_MS = 60000, LEADER_MS = 2000 };

/* One line for each service: its trouble. Late calls are held back longer than both attempts of
 * the step last (travel.yaml), so that the undo overtakes them. */
struct service_plan {
	const char *name;
	const char *trouble[16];
};

static const struct service_plan normal_plan[CHECK_SERVICES] = {
	{"user", {"--latency", "4", "--lose-answers", "0.01", "--double-answers", "0.02", NULL}},
	{"flight",
	 {"--latency", "8", "--late-rate", "0.006", "--late-ms", "8000", "--threads", "16", NULL}},
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
	char output[1024];
	int exit_code = 0;

	(void)snprintf(program, sizeof program, "travel-%s", name);
	(void)snprintf(db, sizeof db, "%s/%s.db", cluster_folder(demo->cluster), name);
	(void)snprintf(stock, sizeof stock, "%s/stock.jsonl", demo->flags.data_dir);
	if (cluster_run(demo->cluster,
			(const char *const[]){program, "--db", db, "--init", stock, NULL}, 60000,
			output, sizeof output, &exit_code) != 0)
		return demo_fail(demo, "%s", cluster_trouble(demo->cluster));
	return exit_code == 0 || demo_fail(demo, "%s --init ends with %d: see %s/tools.log",
					   program, exit_code, cluster_folder(demo->cluster));
}

bool demo_cluster_start(struct demo *demo)
{
	struct cluster_options options;
	struct cluster *cluster = NULL;

	cluster_options_init(&options);
	options.nodes = NODES;
	options.nats_count = demo->flags.nats_cluster ? CLUSTER_NATS_MAX : 1;
	options.folder = demo->flags.folder;
	options.keep = demo->flags.keep;
	options.command_age_ms = 3000;
	if (cluster_create(&options, &demo->cluster) != 0)
		return demo_fail(demo, "%s", cluster_trouble(demo->cluster));
	cluster = demo->cluster;
	demo_say(demo, "starting %s and etcd in %s",
		 demo->flags.nats_cluster ? "three nats-servers" : "nats-server",
		 cluster_folder(cluster));
	if (cluster_start_servers(cluster) != 0)
		return demo_fail(demo, "%s", cluster_trouble(cluster));
	for (uint32_t i = 0; i < CHECK_SERVICES; i++)
		if (!fill_database(demo, plan_of(demo)[i].name))
			return false;
	demo_say(demo, "starting %d nodes, initialising the cluster", NODES);
	if (cluster_start_nodes(cluster) != 0 || cluster_init(cluster, INIT_MS) != 0 ||
	    cluster_wait_serving(cluster, SERVING_MS) != 0)
		return demo_fail(demo, "%s", cluster_trouble(cluster));
	return true;
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
	(void)snprintf(db, sizeof db, "%s/%s.db", cluster_folder(demo->cluster), plan->name);
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
	if (cluster_service_start(demo->cluster, name, argv, NULL) != 0)
		return demo_fail(demo, "%s", cluster_trouble(demo->cluster));
	return true;
}

bool demo_services_start(struct demo *demo)
{
	demo_say(demo, "starting user, flight, hotel and payment, %d instances each", INSTANCES);
	for (uint32_t i = 0; i < CHECK_SERVICES; i++)
		for (uint32_t instance = 1; instance <= INSTANCES; instance++)
			if (!start_instance(demo, &plan_of(demo)[i], instance))
				return false;
	return true;
}

/* ---- kill -9 ------------------------------------------------------------------------------- */

static uint32_t open_on_shard(const struct demo *demo, uint32_t shard)
{
	uint32_t open = 0;

	for (uint32_t i = 0; i < demo->booking_count; i++)
		open += demo->bookings[i].phase == BOOKING_OPEN && demo->bookings[i].shard == shard
				? 1
				: 0;
	return open;
}

/* The node whose shards hold the most open bookings. */
static uint32_t find_victim(struct demo *demo, const struct cluster_shards *shards, char *victim)
{
	uint32_t most = 0;

	for (uint32_t n = 0; n < NODES; n++) {
		uint32_t open = 0;

		for (uint32_t s = 0; s < shards->count; s++)
			if (strcmp(shards->shards[s].owner, cluster_node_name(n)) == 0)
				open += open_on_shard(demo, s);
		if (open >= most) {
			most = open;
			(void)snprintf(victim, PROCESS_NAME_SIZE, "%s", cluster_node_name(n));
		}
	}
	return most;
}

bool demo_kill_node(struct demo *demo)
{
	struct cluster_shards shards;
	char victim[PROCESS_NAME_SIZE] = "";
	uint32_t open = 0;

	if (cluster_shards(demo->cluster, &shards, 5000) != 0)
		return false;
	/* Under the lock, so that no booking ends between the count and the kill. What callbacks
	 * have not told yet can only make it fewer by what is on its way. */
	(void)pthread_mutex_lock(&demo->lock);
	open = find_victim(demo, &shards, victim);
	if (open >= DEMO_OPEN_AT_KILL_MIN && cluster_signal(demo->cluster, victim, SIGKILL) == 0) {
		demo->killed_unix_ms = os_clock_wall_ms();
		demo->killed_ms = wait_now_ms();
		demo->open_at_kill = open;
		demo->node_killed = true;
		(void)snprintf(demo->victim, sizeof demo->victim, "%s", victim);
	}
	(void)pthread_mutex_unlock(&demo->lock);
	if (!demo->node_killed)
		return false;
	for (uint32_t s = 0; s < shards.count; s++)
		if (strcmp(shards.shards[s].owner, victim) == 0)
			demo->takeovers[demo->takeover_count++].shard = s;
	demo_say(demo, "kill -9 %s: it owns %u shards and %u open bookings", victim,
		 demo->takeover_count, open);
	return true;
}

bool demo_kill_service(struct demo *demo)
{
	if (cluster_signal(demo->cluster, demo_service_victim(), SIGKILL) != 0)
		return false;
	demo->service_killed = true;
	demo->service_killed_ms = wait_now_ms();
	demo_say(demo, "kill -9 %s", demo_service_victim());
	return true;
}

/* Which server leads each journal; 0 = none of them could be told. */
static uint32_t find_leaders(struct demo *demo, uint32_t leaders[CLUSTER_SHARDS_MAX])
{
	struct cluster_shards shards;

	if (cluster_shards(demo->cluster, &shards, 5000) != 0)
		return 0;
	for (uint32_t s = 0; s < shards.count; s++) {
		char stream[32];
		char leader[PROCESS_NAME_SIZE];

		(void)snprintf(stream, sizeof stream, "SAGA_J_%u", s);
		if (cluster_stream_leader(demo->cluster, stream, leader, LEADER_MS) != 0 ||
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
	(void)pthread_mutex_lock(&demo->lock);
	if (demo->open >= DEMO_OPEN_AT_KILL_MIN &&
	    cluster_signal(demo->cluster, demo->nats_victim, SIGKILL) == 0) {
		demo->nats_killed = true;
		demo->nats_killed_ms = wait_now_ms();
		demo->led_count = led;
		demo->open_at_nats_kill = demo->open;
		for (uint32_t s = 0; s < count; s++)
			demo->led[s] = leaders[s] == victim;
	}
	(void)pthread_mutex_unlock(&demo->lock);
	if (demo->nats_killed)
		demo_say(demo, "kill -9 %s: it leads %u journals, %u bookings are open",
			 demo->nats_victim, led, demo->open_at_nats_kill);
	return demo->nats_killed;
}

bool demo_restart(struct demo *demo, const char *name)
{
	if (cluster_restart(demo->cluster, name) != 0)
		return demo_fail(demo, "%s", cluster_trouble(demo->cluster));
	demo_say(demo, "restarted %s", name);
	return true;
}

/* ---- take-over ----------------------------------------------------------------------------- */

static void see_event(void *context, const struct cluster_event *event)
{
	struct demo *demo = context;

	if (strcmp(event->event, "shard.serving") != 0 || event->unix_ms < demo->killed_unix_ms)
		return;
	for (uint32_t i = 0; i < demo->takeover_count; i++) {
		struct demo_takeover *takeover = &demo->takeovers[i];
		const uint64_t took_ms = event->unix_ms - demo->killed_unix_ms;

		if (takeover->shard != event->shard ||
		    (takeover->took_ms != 0 && takeover->took_ms <= took_ms))
			continue;
		takeover->took_ms = took_ms == 0 ? 1 : (uint32_t)took_ms;
		(void)snprintf(takeover->node, sizeof takeover->node, "%s", event->node);
	}
}

bool demo_takeovers_read(struct demo *demo)
{
	bool all = demo->takeover_count > 0;

	for (uint32_t n = 0; n < NODES; n++) {
		uint64_t offset = 0;

		if (strcmp(cluster_node_name(n), demo->victim) != 0 &&
		    cluster_events(demo->cluster, cluster_node_name(n), &offset, see_event, demo) !=
			    0)
			all = false;
	}
	for (uint32_t i = 0; i < demo->takeover_count; i++)
		all = all && demo->takeovers[i].took_ms != 0;
	return all;
}

/* The run may be over before its turn to be restarted has come. */
static bool killed_by_us(const struct demo *demo, const char *name)
{
	if (demo->node_killed && !demo->node_restarted && strcmp(name, demo->victim) == 0)
		return true;
	if (demo->nats_killed && !demo->nats_restarted && strcmp(name, demo->nats_victim) == 0)
		return true;
	return demo->service_killed && !demo->service_restarted &&
	       strcmp(name, demo_service_victim()) == 0;
}

static void see_end(void *context, struct process *process, const char *address)
{
	struct demo *demo = context;
	int status = 0;

	(void)address;
	if (process_running(process) || killed_by_us(demo, process->name))
		return;
	status = process->exit_status; /* known now that it was reaped */
	demo->ended_early++;
	if (WIFSIGNALED(status))
		demo_say(demo, "%s was ended by signal %d: see its log", process->name,
			 WTERMSIG(status));
	else
		demo_say(demo, "%s has ended by itself with %d: see its log", process->name,
			 WEXITSTATUS(status));
}

void demo_find_ended(struct demo *demo)
{
	cluster_each(demo->cluster, see_end, demo);
}

void demo_services_stop(struct demo *demo)
{
	char name[64];

	/* They drain: what was held back late still has to meet its barrier. */
	for (uint32_t i = 0; i < CHECK_SERVICES * INSTANCES; i++) {
		(void)snprintf(name, sizeof name, "%s-%u", plan_of(demo)[i / INSTANCES].name,
			       i % INSTANCES + 1);
		if (cluster_signal(demo->cluster, name, SIGTERM) != 0)
			continue;
	}
	for (uint32_t i = 0; i < CHECK_SERVICES * INSTANCES; i++) {
		(void)snprintf(name, sizeof name, "%s-%u", plan_of(demo)[i / INSTANCES].name,
			       i % INSTANCES + 1);
		(void)cluster_wait_end(demo->cluster, name, 30000);
	}
}
