/* How long a shard rests when it is handed over: nodes are stopped and started again one after the
 * other under a steady load, so that their shards go to others and come back.
 *
 * Two views of each move: of the nodes, from the old owner taking no more work to the new one
 * serving, as they logged it; and of the clients, the longest that one of them waited for an answer
 * to a saga that it submitted while the shard was between the two.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_clock.h"
#include "bench/arguments.h"
#include "bench/figures.h"
#include "bench/moves.h"
#include "bench/programs.h"
#include "tests/support/launcher.h"

enum { SERVE_MS = 60000, DRAIN_MS = 90000, BEFORE_MS = 5, USUAL_MAX = 1000000 };

struct options {
	uint32_t moves, shards, rate, max_p50_ms, max_p99_ms;
	bool cold;
	const char *output;
};

struct pauses {
	double nodes_ms[MOVES_MAX], clients_ms[MOVES_MAX];
	double usual_ms[USUAL_MAX]; /* of sagas that met no move */
	uint32_t usual;
	uint32_t count, seen, warm; /* seen: by a client */
	uint32_t sagas, failed;
};

static struct moves moves;
static struct pauses pauses;

/* ---- moving ---------------------------------------------------------------------------------- */

static int restart_one(struct cluster *cluster, uint32_t index)
{
	const char *name = cluster_node_name(index);
	int error = cluster_signal(cluster, name, SIGTERM);
	if (error != 0)
		return error;
	if (!cluster_wait_end(cluster, name, SERVE_MS))
		return SAGA_E_TIMEOUT;
	if (!moves_settle(&moves, SERVE_MS))
		return SAGA_E_TIMEOUT;
	error = cluster_restart(cluster, name);
	if (error == 0)
		error = cluster_wait_serving(cluster, SERVE_MS);
	return error == 0 && !moves_settle(&moves, SERVE_MS) ? SAGA_E_TIMEOUT : error;
}

static int move_all(struct cluster *cluster, const struct options *o)
{
	int error = moves_settle(&moves, SERVE_MS) ? 0 : SAGA_E_TIMEOUT;
	moves.count = 0; /* the start is none */
	for (uint32_t i = 0; error == 0 && moves.count < o->moves; i++) {
		error = restart_one(cluster, i % MOVES_NODES);
		(void)fprintf(stderr, "restarted %s: %u moves\n",
			      cluster_node_name(i % MOVES_NODES), moves.count);
	}
	return error;
}

/* ---- what clients saw ------------------------------------------------------------------------ */

static void take_saga(uint32_t shard, uint64_t submitted_ms, uint64_t accepted_ms)
{
	const double waited_ms = (double)(accepted_ms - submitted_ms);
	bool met = false;
	for (uint32_t i = 0; i < moves.count; i++) {
		const struct move *m = &moves.moves[i];
		if (m->shard != shard || submitted_ms + BEFORE_MS < m->left_ms ||
		    submitted_ms > m->served_ms)
			continue;
		met = true;
		if (waited_ms > pauses.clients_ms[i])
			pauses.clients_ms[i] = waited_ms;
	}
	if (!met && pauses.usual < USUAL_MAX)
		pauses.usual_ms[pauses.usual++] = waited_ms;
}

static int read_sagas(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned shard;
	unsigned long long submitted, accepted, finished;
	int error;
	if (file == NULL)
		return SAGA_E_FILE;
	while (fscanf(file, "%u %llu %llu %llu %d", &shard, &submitted, &accepted, &finished,
		      &error) == 5) {
		pauses.sagas++;
		if (error != 0 || finished == 0)
			pauses.failed++;
		else
			take_saga(shard, submitted, accepted);
	}
	(void)fclose(file);
	return 0;
}

/* ---- the report ------------------------------------------------------------------------------ */

struct figures {
	double p50, p99, max;
};

static struct figures figures_of(double *values, uint32_t count)
{
	if (count == 0)
		return (struct figures){0};
	return (struct figures){figures_quantile(values, count, 500),
				figures_quantile(values, count, 990),
				figures_quantile(values, count, 1000)};
}

static int report(const struct options *o)
{
	for (uint32_t i = 0; i < moves.count; i++) {
		const struct move *m = &moves.moves[i];
		pauses.nodes_ms[pauses.count++] = (double)(m->served_ms - m->left_ms);
		pauses.warm += m->warm;
		if (pauses.clients_ms[i] > 0)
			pauses.clients_ms[pauses.seen++] = pauses.clients_ms[i];
	}
	if (pauses.count == 0) {
		(void)fprintf(stderr, "no shard moved: nothing was measured\n");
		return 1;
	}
	const struct figures nodes = figures_of(pauses.nodes_ms, pauses.count);
	const struct figures usual = figures_of(pauses.usual_ms, pauses.usual);
	const struct figures clients = figures_of(pauses.clients_ms, pauses.seen);
	if (o->output != NULL)
		(void)printf("{\"moves\":%u,\"warm\":%u,\"rate\":%u,\"sagas\":%u,\"failed\":%u,"
			     "\"nodes\":{\"p50_ms\":%.0f,\"p99_ms\":%.0f,\"max_ms\":%.0f},"
			     "\"clients\":{\"moves\":%u,\"p50_ms\":%.0f,\"p99_ms\":%.0f,"
			     "\"max_ms\":%.0f},\"usual\":{\"p50_ms\":%.0f,\"p99_ms\":%.0f}}\n",
			     pauses.count, pauses.warm, o->rate, pauses.sagas, pauses.failed,
			     nodes.p50, nodes.p99, nodes.max, pauses.seen, clients.p50, clients.p99,
			     clients.max, usual.p50, usual.p99);
	else
		(void)printf(
			"moves %u   to a warm standby %u   sagas %u (%u a second)   failed %u\n"
			"pause by the nodes' logs:      p50 %.0f ms   p99 %.0f ms   max %.0f ms\n"
			"pause as clients saw it (%u):  p50 %.0f ms   p99 %.0f ms   max %.0f ms\n"
			"what an answer takes else:     p50 %.0f ms   p99 %.0f ms\n",
			pauses.count, pauses.warm, pauses.sagas, o->rate, pauses.failed, nodes.p50,
			nodes.p99, nodes.max, pauses.seen, clients.p50, clients.p99, clients.max,
			usual.p50, usual.p99);
	if (pauses.failed > 0) {
		(void)fprintf(stderr, "%u sagas failed or were lost\n", pauses.failed);
		return 1;
	}
	if ((o->max_p50_ms != 0 && clients.p50 > o->max_p50_ms) ||
	    (o->max_p99_ms != 0 && clients.p99 > o->max_p99_ms)) {
		(void)fprintf(stderr, "clients waited longer than allowed\n");
		return 1;
	}
	return 0;
}

static int measure(struct cluster *cluster, const struct options *o)
{
	char rate[16], shards[16], path[512], line[PROGRAMS_LINE_SIZE];
	(void)snprintf(rate, sizeof rate, "%u", o->rate);
	(void)snprintf(shards, sizeof shards, "%u", o->shards);
	(void)snprintf(path, sizeof path, "%s/sagas", cluster_folder(cluster));
	const char *const services[] = {"bench-services", NULL};
	const char *const client[] = {"bench-steady", "--rate", rate, "--shards",
				      shards,         "--file", path, NULL};
	moves_init(&moves, cluster);
	int error = programs_start(cluster, "services", services);
	if (error == 0)
		error = programs_start(cluster, "client", client);
	if (error == 0)
		error = move_all(cluster, o);
	if (error == 0)
		error = cluster_signal(cluster, "client", SIGTERM);
	if (error == 0)
		error = programs_hear(cluster, "client", "done", DRAIN_MS, line);
	return error == 0 ? read_sagas(path) : error;
}

int main(int argc, char **argv)
{
	static const char *const without[] = {"standby=false", NULL};
	struct options o = {.moves = 100, .shards = 16, .rate = 500};
	struct cluster_options options;
	struct cluster *cluster = NULL;
	const struct argument known[] = {
		argument_count("moves", 'n', "at least so many moves (100)", &o.moves, 1,
			       MOVES_MAX / 2),
		argument_count("shards", 's', "shards of the cluster (16)", &o.shards, 1,
			       MOVES_SHARDS_MAX),
		argument_count("rate", 'r', "sagas a second (500)", &o.rate, 1, 100000),
		argument_count("max-p50", 'm', "fail when clients' median is above, in ms",
			       &o.max_p50_ms, 0, UINT32_MAX),
		argument_count("max-p99", 'M', "fail when clients' p99 is above, in ms",
			       &o.max_p99_ms, 0, UINT32_MAX),
		argument_flag("cold", 'c', "without standbys", &o.cold),
		argument_choice("output", 'o', "json", "for programs", &o.output),
	};
	arguments_take(argc, argv, "Times planned moves of shards under load.", known,
		       sizeof known / sizeof known[0]);
	cluster_options_init(&options);
	options.nodes = MOVES_NODES;
	options.shards = o.shards;
	options.set = o.cold ? without : NULL;
	int error = cluster_create(&options, &cluster);
	if (error == 0)
		error = cluster_start(cluster);
	if (error == 0)
		error = measure(cluster, &o);
	if (error != 0)
		(void)fprintf(stderr, "%s: %s\n", err_name(error), cluster_trouble(cluster));
	const int code = error != 0 ? 1 : report(&o);
	if (error != 0 && getenv("SAGAD_BENCH_KEEP") != NULL)
		cluster_keep(cluster);
	cluster_destroy(cluster);
	return code;
}
