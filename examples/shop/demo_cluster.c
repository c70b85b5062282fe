/* Orders and stock, servers, nodes and services, and the kills. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/shop/demo.h"
#include "examples/shop/wishes.h"

enum {
	INSTANCES = 2,
	COMMAND_AGE_MS = 3000,
	KILL_AGAIN_MS = 250,
	DRAIN_MS = 30000,
	ARGUMENTS_MAX = 40
};

/* One line for each service: its trouble. Charges and wraps that are late wait until "block and
 * tell", or the undo, has overtaken them. */
static const struct {
	const char *name;
	const char *trouble[20];
} plan[CHECK_SERVICES] = {
	{"inventory", {"--latency", "6", "--lose-answers", "0.01", "--double-answers", "0.02"}},
	{"payment",
	 {"--latency", "6", "--mute-rate", "0.015", "--late-rate", "0.015", "--double-answers",
	  "0.02", "--threads", "16"}},
	{"shipping",
	 {"--latency", "8", "--failure-rate", "0.03", "--lose-answers", "0.01", "--mute-rate",
	  "0.04", "--late-rate", "0.01", "--late-ms", "8000", "--down-rate", "0.015", "--threads",
	  "16"}},
	{"order",
	 {"--latency", "3", "--lose-answers", "0.01", "--double-answers", "0.02", "--down-rate",
	  "0.005"}},
};

/* ---- orders -----------------------------------------------------------------------------------
 */

/* Makes them up, keeps them in orders.jsonl for the check, and readies them to be sent. */
static bool make_orders(struct demo *demo)
{
	struct load *load = &demo->load;
	struct wishes wishes;
	char line[WISHES_LINE_SIZE];
	char path[1200];
	FILE *file = NULL;
	bool good = false;

	wishes_init(&wishes, demo->flags.seed, demo->flags.orders, demo->flags.customers);
	(void)snprintf(path, sizeof path, "%s/stock.jsonl", cluster_folder(demo->stage.cluster));
	if (!wishes_write_stock(&wishes, path))
		return stage_fail(&demo->stage, "cannot write %s", path);
	(void)snprintf(path, sizeof path, "%s/orders.jsonl", cluster_folder(demo->stage.cluster));
	file = fopen(path, "we");
	good = file != NULL && load_init(load, demo->flags.orders);
	while (good && load->count < demo->flags.orders) {
		struct load_saga *order = &load->sagas[load->count];

		wishes_next(&wishes, order->id, line);
		order->input = strdup(line);
		order->input_size = strlen(line);
		good = order->input != NULL && fprintf(file, "%s\n", line) > 0;
		load->count++;
	}
	if (file != NULL)
		good = fclose(file) == 0 && good;
	return good || stage_fail(&demo->stage, "cannot write %s", path);
}

static bool open_judged(struct demo *demo)
{
	static const char *const services[] = {"inventory", "payment", "shipping", "order", NULL};
	char source[64];
	const struct judged_setup setup = {.source = source,
					   .shards = DEMO_SHARDS,
					   .services = services,
					   .tap = true,
					   .spoiled = demo->flags.sabotage != SABOTAGE_NONE};

	(void)snprintf(source, sizeof source, "shop-demo, seed %llu",
		       (unsigned long long)demo->flags.seed);
	return judged_open(&demo->judged, &demo->stage, &demo->load, &setup);
}

bool demo_connect(struct demo *demo)
{
	struct load *load = &demo->load;
	char why[2048] = "";
	int err = saga_definition_load(SHOP_DIR "/shop.yaml", &demo->definition, why, sizeof why);

	if (err != 0)
		return stage_fail(&demo->stage, "%s", why);
	for (uint32_t i = 0; i < load->count; i++)
		load->sagas[i].definition = demo->definition;
	load->in_flight = demo->flags.customers;
	err = load_open(load, cluster_nats_url(demo->stage.cluster), "shop-demo", stage_log, NULL);
	if (err != 0)
		return stage_fail(&demo->stage, "%s: %s", saga_error_name(err),
				  saga_error_text(err));
	return open_judged(demo);
}

/* ---- cluster ----------------------------------------------------------------------------------
 */

static bool fill_database(struct demo *demo, const char *name)
{
	const char *folder = cluster_folder(demo->stage.cluster);
	char db[1200];
	char stock[1200];

	(void)snprintf(db, sizeof db, "%s/%s.db", folder, name);
	(void)snprintf(stock, sizeof stock, "%s/stock.jsonl", folder);
	return stage_run(&demo->stage, (const char *const[]){"shop-service", name, "--db", db,
							     "--init", stock, NULL});
}

static void instance_name(char *name, uint32_t service, uint32_t instance)
{
	(void)snprintf(name, PROCESS_NAME_SIZE, "%s-%u", plan[service].name, instance);
}

static bool start_instance(struct demo *demo, uint32_t service, uint32_t instance)
{
	char name[PROCESS_NAME_SIZE];
	char db[1200];
	char seed[32];
	const char *argv[ARGUMENTS_MAX] = {"shop-service", plan[service].name,
					   "--db",         db,
					   "--instance",   name,
					   "--seed",       seed,
					   "--desk",       cluster_folder(demo->stage.cluster)};
	uint32_t count = 10;

	instance_name(name, service, instance);
	(void)snprintf(db, sizeof db, "%s/%s.db", cluster_folder(demo->stage.cluster),
		       plan[service].name);
	(void)snprintf(seed, sizeof seed, "%llu", (unsigned long long)demo->flags.seed);
	for (uint32_t i = 0; plan[service].trouble[i] != NULL; i++)
		argv[count++] = plan[service].trouble[i];
	return cluster_service_start(demo->stage.cluster, name, argv, NULL) == 0 ||
	       stage_fail(&demo->stage, "%s", cluster_trouble(demo->stage.cluster));
}

static bool start_services(struct demo *demo)
{
	stage_say("starting inventory, payment, shipping and order, %d instances each", INSTANCES);
	for (uint32_t service = 0; service < CHECK_SERVICES; service++)
		for (uint32_t instance = 1; instance <= INSTANCES; instance++)
			if (!start_instance(demo, service, instance))
				return false;
	return true;
}

bool demo_start(struct demo *demo)
{
	/* What is parked is to be seen going on within the demo. */
	static const char *const set[] = {"saga.parked_retry=1s", NULL};
	struct cluster_options options;

	cluster_options_init(&options);
	options.nodes = STAGE_NODES;
	options.shards = DEMO_SHARDS;
	options.folder = demo->flags.folder;
	options.keep = demo->flags.keep;
	options.command_age_ms = COMMAND_AGE_MS;
	options.set = set;
	if (!stage_create(&demo->stage, &options) || !make_orders(demo) ||
	    !stage_start_servers(&demo->stage, "nats-server"))
		return false;
	for (uint32_t service = 0; service < CHECK_SERVICES; service++)
		if (!fill_database(demo, plan[service].name))
			return false;
	return stage_start_nodes(&demo->stage) && stage_pause(&demo->stage, 0) &&
	       start_services(demo);
}

void demo_services_stop(struct demo *demo)
{
	char name[PROCESS_NAME_SIZE];

	/* They drain: what was held back late still has to meet its barrier. */
	for (uint32_t i = 0; i < CHECK_SERVICES * INSTANCES; i++) {
		instance_name(name, i / INSTANCES, i % INSTANCES + 1);
		if (cluster_signal(demo->stage.cluster, name, SIGTERM) != 0)
			continue;
	}
	for (uint32_t i = 0; i < CHECK_SERVICES * INSTANCES; i++) {
		instance_name(name, i / INSTANCES, i % INSTANCES + 1);
		(void)cluster_wait_end(demo->stage.cluster, name, DRAIN_MS);
	}
}

/* ---- kill -9 ----------------------------------------------------------------------------------
 */

bool demo_make_trouble(struct demo *demo)
{
	struct stage *stage = &demo->stage;
	const uint32_t killed = stage->kill_count;
	const uint32_t due =
		(uint32_t)((uint64_t)demo->load.count * (killed + 1) / (demo->flags.kills + 2));

	if (killed > 0 && !stage->kills[killed - 1].restarted)
		return stage_kill_mend(stage, &stage->kills[killed - 1]);
	if (killed == demo->flags.kills || load_count_final(&demo->load) < due ||
	    !stage_is_past(demo->kill_tried_ms, KILL_AGAIN_MS))
		return true;
	demo->kill_tried_ms = wait_now_ms();
	(void)stage_kill_owner(stage, &demo->load, DEMO_OPEN_AT_KILL_MIN, "orders");
	return true;
}
