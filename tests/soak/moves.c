/* soak-moves [--per-second 500] [--seconds 240] [-o json]: everything that moves shards on purpose,
 * under load.
 *
 * Exit: 0 = nothing lost, nothing doubled, nothing parked; 1 = something was; 2 = too little has
 * happened to say so; 3 = it could not be run.
 */
#include "tests/soak/moves.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/arguments.h"

enum {
	IN_FLIGHT = 20000, /* never the limit: a stop shows as a wait, not as less load */
	END_MS = 120000,
	DRAIN_MS = 10000,
	SCRIPTS = 10,
	SLOW_MS = 100, /* of one poll of the end */
};

static const char DEFINITION[] = "name: moves\n"
				 "version: 1\n"
				 "protocol: saga\n"
				 "deadline: 60s\n"
				 "defaults:\n"
				 "  timeout: 5s\n"
				 "  retry: {attempts: 10, initial: 100ms, factor: 2, cap: 1s}\n"
				 "  undo_retry: {attempts: 60, initial: 50ms, factor: 2, cap: 1s}\n"
				 "steps:\n"
				 "  - {name: a, service: svc-a, action: do, compensate: undo}\n"
				 "  - {name: b, service: svc-b, action: do, compensate: undo}\n"
				 "  - {name: c, service: svc-c, action: do, compensate: undo}\n";

/* What a tenth of the sagas meets each: nothing that waits for a time-out, so that what takes long
 * has met a move. */
static const char *const scripts[SCRIPTS] = {"", "reject:c", "", "double:a", "", "retry:c:1",
					     "", "reject:b", "", "double:c"};

/* ---- the load ---------------------------------------------------------------------------------
 */

static bool fill(struct moves *moves, uint32_t count)
{
	struct load *load = &moves->load;
	char why[512] = "";

	if (saga_definition_parse(DEFINITION, sizeof DEFINITION - 1, "moves", &moves->definition,
				  why, sizeof why) != 0)
		return stage_fail(&moves->stage, "%s", why);
	if (!load_init(load, count))
		return stage_fail(&moves->stage, "no memory for %u sagas", count);
	for (; load->count < count; load->count++) {
		struct load_saga *saga = &load->sagas[load->count];

		(void)snprintf(saga->id, sizeof saga->id, "move-%u", load->count);
		saga->input = strdup(scripts[load->count % SCRIPTS]);
		saga->input_size = strlen(scripts[load->count % SCRIPTS]);
		saga->definition = moves->definition;
		if (saga->input == NULL)
			return stage_fail(&moves->stage, "no memory for %u sagas", count);
	}
	load->in_flight = IN_FLIGHT;
	load->per_second = moves->per_second;
	return true;
}

static bool send_more(void *context)
{
	struct moves *moves = context;

	load_send(&moves->load);
	return moves->stop;
}

static void *send(void *context)
{
	(void)wait_until(send_more, context, UINT32_MAX);
	return NULL;
}

static bool start_load(struct moves *moves)
{
	static const char *const services[] = {"svc-a", "svc-b", "svc-c", NULL};
	const struct judged_setup setup = {
		.source = "soak-moves", .shards = MOVES_SHARDS, .services = services, .tap = true};
	const int err = load_open(&moves->load, cluster_nats_url(moves->stage.cluster),
				  "soak-moves", stage_log, NULL);

	if (err != 0)
		return stage_fail(&moves->stage, "%s: %s", saga_error_name(err),
				  saga_error_text(err));
	if (!judged_open(&moves->judged, &moves->stage, &moves->load, &setup))
		return false;
	moves->load.started_ms = wait_now_ms();
	moves->sending = pthread_create(&moves->sender, NULL, send, moves) == 0;
	return moves->sending || stage_fail(&moves->stage, "no thread");
}

/* Begins no new ones and waits for those that were begun. */
static bool finish_load(struct moves *moves)
{
	struct load *load = &moves->load;
	uint64_t since_ms = 0;

	(void)pthread_mutex_lock(&load->lock);
	load->count = load->begun;
	(void)pthread_mutex_unlock(&load->lock);
	since_ms = wait_now_ms();
	while (!load_done(load) && !stage_is_past(since_ms, END_MS) &&
	       stage_pause(&moves->stage, SLOW_MS))
		continue;
	load->ended_ms = wait_now_ms();
	return !moves->stage.interrupted;
}

static void join_sender(struct moves *moves)
{
	moves->stop = true;
	if (moves->sending)
		(void)pthread_join(moves->sender, NULL);
	moves->sending = false;
}

/* ---- the cluster ------------------------------------------------------------------------------
 */

static bool start_service(struct moves *moves, const char *name)
{
	char db[1200];

	(void)snprintf(db, sizeof db, "%s/%s.db", cluster_folder(moves->stage.cluster), name);
	return cluster_service_start(moves->stage.cluster, name,
				     (const char *const[]){"sagad-script-service", "--service",
							   name, "--instance", name, "--db", db,
							   NULL},
				     NULL) == 0 ||
	       stage_fail(&moves->stage, "%s", cluster_trouble(moves->stage.cluster));
}

static bool start_all(struct moves *moves)
{
	struct cluster_options options;
	bool good = true;

	cluster_options_init(&options);
	options.nodes = MOVES_NODES;
	options.shards = MOVES_SHARDS;
	options.keep = moves->keep;
	if (!stage_create(&moves->stage, &options) ||
	    !stage_start_servers(&moves->stage, "nats-server"))
		return false;
	stage_say("starting %u of %u nodes, initialising the cluster", STAGE_NODES, MOVES_NODES);
	for (uint32_t i = 0; good && i < STAGE_NODES; i++)
		good = cluster_start_node(moves->stage.cluster, i) == 0;
	if (!good || cluster_init(moves->stage.cluster, END_MS) != 0 ||
	    cluster_wait_serving(moves->stage.cluster, END_MS) != 0)
		return stage_fail(&moves->stage, "%s", cluster_trouble(moves->stage.cluster));
	for (uint32_t i = 0; good && i < MOVES_SERVICES; i++)
		good = start_service(moves, moves_service(i));
	return good;
}

static void stop_services(struct moves *moves)
{
	for (uint32_t i = 0; i < MOVES_SERVICES; i++)
		if (cluster_signal(moves->stage.cluster, moves_service(i), SIGTERM) == 0)
			(void)cluster_wait_end(moves->stage.cluster, moves_service(i), DRAIN_MS);
}

/* ---- the story --------------------------------------------------------------------------------
 */

static bool is_not_there_yet(void *context, const char *name)
{
	const struct moves *moves = context;

	return !moves->joined && strcmp(name, cluster_node_name(MOVES_NODES - 1)) == 0;
}

static int judge(struct moves *moves, bool acted)
{
	/* Nobody has money here. */
	const struct judge_options options = judged_options(HISTORY_ACCOUNTS);
	uint32_t *room = calloc(moves->load.count + 1, sizeof *room);
	char why[1024] = "";
	int code = STAGE_EXIT_FAILED;

	moves->parked = stage_say_open(&moves->stage, &moves->load);
	moves->ended_early = stage_count_ended(&moves->stage, is_not_there_yet, moves);
	stage_say("stopping the services, checking their databases");
	stop_services(moves);
	if (room == NULL || !moves_check(moves) || !judged_run(&moves->judged, &options))
		goto out;
	for (uint32_t i = 0; i < moves->act_count; i++)
		moves_measure(&moves->load, &moves->acts[i], room);
	code = moves_verdict(moves, acted, why, sizeof why);
	moves_print(moves, code, why);
out:
	free(room);
	return code;
}

static int run(struct moves *moves, uint32_t seconds)
{
	bool acted = false;

	if (!fill(moves, seconds * moves->per_second) || !start_all(moves) || !start_load(moves))
		return moves->stage.interrupted ? STAGE_EXIT_INTERRUPTED : STAGE_EXIT_FAILED;
	acted = moves_act_all(moves);
	if (acted && moves->load.begun == moves->load.count)
		stage_say("the load ended before the acts did: more --seconds");
	if (!finish_load(moves))
		return STAGE_EXIT_INTERRUPTED;
	join_sender(moves);
	return judge(moves, acted);
}

int main(int argc, char **argv)
{
	static struct moves moves = {.per_second = 500};
	uint32_t seconds = 240;
	const char *output = "text";
	int code = STAGE_EXIT_FAILED;
	const struct argument known[] = {
		argument_count("per-second", 'n', "sagas a second (500)", &moves.per_second, 1,
			       5000),
		argument_count("seconds", 's', "of load at most (240)", &seconds, 10,
			       MOVES_SECONDS_MAX),
		argument_choice("output", 'o', "text|json", "what to print (text)", &output),
	};

	arguments_take(argc, argv, "Moves shards in every way there is, under load.", known,
		       sizeof known / sizeof known[0]);
	moves.json = strcmp(output, "json") == 0;
	stage_init(&moves.stage, "soak-moves");
	code = run(&moves, seconds);
	join_sender(&moves);
	load_close(&moves.load);
	judged_close(&moves.judged);
	saga_definition_free(moves.definition);
	stage_close(&moves.stage, code, moves.keep);
	return code;
}
