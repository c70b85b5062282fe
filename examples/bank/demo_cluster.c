/* The demo's servers, nodes and services; services that die on purpose come back. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "examples/bank/demo.h"

enum { COMMAND_AGE_MS = 2000, LATE_MS = 7000, BALANCE = 1000, DRAIN_MS = 30000 };

/* Of a hundred transfers with trouble at a bank. Late ones keep a thread for long. */
static const struct {
	const char *flag;
	double part;
} kinds[] = {
	{"--no", 0.30}, {"--late", 0.06}, {"--twice", 0.26}, {"--never", 0.32}, {"--crash", 0.06}};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static bool fill_database(struct demo *demo, const char *bank)
{
	char db[1200];
	char count[32];
	char balance[32];

	(void)snprintf(db, sizeof db, "%s/%s.db", cluster_folder(demo->stage.cluster), bank);
	(void)snprintf(count, sizeof count, "%u", demo->flags.accounts);
	(void)snprintf(balance, sizeof balance, "%d", BALANCE);
	return stage_run(&demo->stage,
			 (const char *const[]){"bank-account", "--service", bank, "--db", db,
					       "--init", count, "--balance", balance, NULL});
}

bool demo_cluster_start(struct demo *demo)
{
	struct cluster_options options;

	cluster_options_init(&options);
	options.nodes = STAGE_NODES;
	options.shards = DEMO_SHARDS;
	options.folder = demo->flags.folder;
	options.keep = demo->flags.keep;
	options.command_age_ms = COMMAND_AGE_MS;
	if (!stage_create(&demo->stage, &options) ||
	    !stage_start_servers(&demo->stage, "nats-server"))
		return false;
	for (uint32_t bank = 0; bank < CHECK_BANKS; bank++)
		if (!fill_database(demo, check_bank_names[bank]))
			return false;
	return stage_start_nodes(&demo->stage);
}

static void instance_name(char *name, size_t size, uint32_t bank, uint32_t instance)
{
	(void)snprintf(name, size, "%s-%u", check_bank_names[bank], instance + 1);
}

static bool start_instance(struct demo *demo, uint32_t bank, uint32_t instance)
{
	/* Two draws, one at each bank, hit as many transfers as were asked for. */
	const double part = 1.0 - sqrt(1.0 - demo->flags.trouble_percent / 100.0);
	const char *argv[40] = {"bank-account"};
	char name[64];
	char db[1200];
	char seed[32];
	char late_ms[32];
	char chances[KINDS][32];
	uint32_t count = 1;

	instance_name(name, sizeof name, bank, instance);
	(void)snprintf(db, sizeof db, "%s/%s.db", cluster_folder(demo->stage.cluster),
		       check_bank_names[bank]);
	(void)snprintf(seed, sizeof seed, "%llu", (unsigned long long)demo->flags.seed);
	(void)snprintf(late_ms, sizeof late_ms, "%d", LATE_MS);
	argv[count++] = "--service";
	argv[count++] = check_bank_names[bank];
	argv[count++] = "--db";
	argv[count++] = db;
	argv[count++] = "--instance";
	argv[count++] = name;
	argv[count++] = "--seed";
	argv[count++] = seed;
	argv[count++] = "--late-ms";
	argv[count++] = late_ms;
	for (uint32_t i = 0; i < KINDS; i++) {
		(void)snprintf(chances[i], sizeof chances[i], "%.6f", part * kinds[i].part);
		argv[count++] = kinds[i].flag;
		argv[count++] = chances[i];
	}
	if (demo->flags.sabotage != NULL && bank == CHECK_BANK_B) {
		argv[count++] = "--sabotage";
		argv[count++] = demo->flags.sabotage;
	}
	if (cluster_service_start(demo->stage.cluster, name, argv, NULL) != 0)
		return stage_fail(&demo->stage, "%s", cluster_trouble(demo->stage.cluster));
	return true;
}

bool demo_services_start(struct demo *demo)
{
	stage_say("starting bank_a and bank_b, %d instances each", DEMO_INSTANCES);
	if (demo->flags.sabotage != NULL)
		stage_say("sabotage: bank_b is broken (%s)", demo->flags.sabotage);
	for (uint32_t bank = 0; bank < CHECK_BANKS; bank++)
		for (uint32_t instance = 0; instance < DEMO_INSTANCES; instance++)
			if (!start_instance(demo, bank, instance))
				return false;
	return true;
}

bool demo_services_mend(struct demo *demo)
{
	for (uint32_t i = 0; i < CHECK_BANKS * DEMO_INSTANCES; i++) {
		struct process *process = NULL;
		char name[64];

		instance_name(name, sizeof name, i / DEMO_INSTANCES, i % DEMO_INSTANCES);
		process = cluster_process(demo->stage.cluster, name);
		if (process == NULL || process_running(process))
			continue;
		if (!WIFSIGNALED(process->exit_status) || WTERMSIG(process->exit_status) != SIGKILL)
			return stage_fail(&demo->stage,
					  "%s has ended, and not on purpose: see its "
					  "log",
					  name);
		demo->crashes++;
		if (cluster_restart(demo->stage.cluster, name) != 0)
			return stage_fail(&demo->stage, "%s", cluster_trouble(demo->stage.cluster));
	}
	return true;
}

void demo_services_stop(struct demo *demo)
{
	char name[64];

	/* They drain: what was held back late still has to meet its barrier. */
	for (uint32_t i = 0; i < CHECK_BANKS * DEMO_INSTANCES; i++) {
		instance_name(name, sizeof name, i / DEMO_INSTANCES, i % DEMO_INSTANCES);
		if (cluster_signal(demo->stage.cluster, name, SIGTERM) != 0)
			continue;
	}
	for (uint32_t i = 0; i < CHECK_BANKS * DEMO_INSTANCES; i++) {
		instance_name(name, sizeof name, i / DEMO_INSTANCES, i % DEMO_INSTANCES);
		(void)cluster_wait_end(demo->stage.cluster, name, DRAIN_MS);
	}
}
