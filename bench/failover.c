/* How long a shard is without an owner when its owner is killed: from kill -9 to the next owner's
 * accepted EPOCH record, as that owner logged it. Prints a table; `--max-median MS` makes it a
 * judgement.
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

enum {
	NODES = MOVES_NODES,
	SERVE_MS = 60000,
	KILLS_MAX = 200,
	TIMES_MAX = KILLS_MAX * CLUSTER_SHARDS_MAX
};

struct options {
	uint32_t kills, shards, ttl_ms, open, max_median_ms, max_ms;
	bool cold;
	const char *output;
};

struct run {
	struct cluster *cluster;
	struct moves moves;
	double times_ms[TIMES_MAX];
	uint32_t count, warm;
};

static bool look(void *context)
{
	struct run *r = context;
	return moves_look(&r->moves) == 0 && r->moves.open == 0;
}

/* The node that owns most shards, and what it owns. */
static const char *victim(const struct cluster_shards *shards)
{
	uint32_t owned[NODES] = {0};
	uint32_t best = 0;
	for (uint32_t n = 0; n < shards->count; n++)
		for (uint32_t i = 0; i < NODES; i++)
			owned[i] += strcmp(shards->shards[n].owner, cluster_node_name(i)) == 0;
	for (uint32_t i = 1; i < NODES; i++)
		if (owned[i] > owned[best])
			best = i;
	return cluster_node_name(best);
}

static int kill_one(struct run *r)
{
	struct cluster_shards shards;
	/* What is still on its way from the kill before is not of this one. */
	if (!moves_settle(&r->moves, SERVE_MS))
		return SAGA_E_TIMEOUT;
	int error = cluster_shards(r->cluster, &shards, SERVE_MS);
	if (error != 0)
		return error;
	const char *name = victim(&shards);
	const uint64_t killed_ms = os_clock_wall_ms();
	r->moves.count = 0;
	for (uint32_t n = 0; n < shards.count; n++)
		if (strcmp(shards.shards[n].owner, name) == 0)
			moves_left(&r->moves, n, killed_ms);
	error = cluster_signal(r->cluster, name, SIGKILL);
	if (error != 0)
		return error;
	if (!wait_until(look, r, SERVE_MS))
		return SAGA_E_TIMEOUT;
	for (uint32_t i = 0; i < r->moves.count && r->count < TIMES_MAX; i++) {
		const struct move *m = &r->moves.moves[i];
		r->times_ms[r->count++] = (double)(m->served_ms - m->left_ms);
		r->warm += m->warm;
	}
	(void)cluster_wait_end(r->cluster, name, 5000);
	error = cluster_restart(r->cluster, name);
	return error != 0 ? error : cluster_wait_serving(r->cluster, SERVE_MS);
}

static int report(struct run *r, const struct options *o)
{
	if (r->count == 0) {
		(void)fprintf(stderr, "no shard moved: nothing was measured\n");
		return 1;
	}
	const double median = figures_quantile(r->times_ms, r->count, 500);
	const double p99 = figures_quantile(r->times_ms, r->count, 990);
	const double max = figures_quantile(r->times_ms, r->count, 1000);
	if (o->output != NULL)
		(void)printf("{\"kills\":%u,\"moves\":%u,\"warm\":%u,\"ttl_ms\":%u,\"open\":%u,"
			     "\"median_ms\":%.0f,\"p99_ms\":%.0f,\"max_ms\":%.0f}\n",
			     o->kills, r->count, r->warm, o->ttl_ms, o->open, median, p99, max);
	else
		(void)printf(
			"kills %u   shards moved %u   to a warm standby %u   lease TTL %u ms   "
			"open sagas %u a shard\n"
			"kill to new epoch record:  median %.0f ms   p99 %.0f ms   max %.0f ms\n",
			o->kills, r->count, r->warm, o->ttl_ms, o->open, median, p99, max);
	if ((o->max_median_ms != 0 && median > o->max_median_ms) ||
	    (o->max_ms != 0 && max > o->max_ms)) {
		(void)fprintf(stderr, "that is longer than allowed\n");
		return 1;
	}
	return 0;
}

/* Sagas that wait for a service that nobody runs. */
static int open_sagas(struct run *r, const struct options *o)
{
	char count[16], shards[16], line[PROGRAMS_LINE_SIZE];
	(void)snprintf(count, sizeof count, "%u", o->open * o->shards);
	(void)snprintf(shards, sizeof shards, "%u", o->shards);
	const char *const client[] = {"bench-steady", "--open", count, "--shards", shards, NULL};
	const int error = programs_start(r->cluster, "client", client);
	return error != 0 ? error : programs_hear(r->cluster, "client", "done", SERVE_MS * 5, line);
}

int main(int argc, char **argv)
{
	static struct run r;
	static const char *const without[] = {"standby=false", NULL};
	struct options o = {.kills = 30, .shards = 3, .ttl_ms = 2000, .open = 1000};
	struct cluster_options options;
	const struct argument known[] = {
		argument_count("kills", 'k', "how many owners to kill (30)", &o.kills, 1,
			       KILLS_MAX),
		argument_count("shards", 's', "shards of the cluster (3)", &o.shards, 1,
			       CLUSTER_SHARDS_MAX),
		argument_count("ttl", 't', "lease TTL in ms (2000)", &o.ttl_ms, 1000, 60000),
		argument_count("max-median", 'm', "fail when the median is above, in ms",
			       &o.max_median_ms, 0, UINT32_MAX),
		argument_count("max", 'M', "fail when the longest is above, in ms", &o.max_ms, 0,
			       UINT32_MAX),
		argument_count("open", 'n', "open sagas a shard (1000)", &o.open, 0, 7000),
		argument_flag("cold", 'c', "without standbys", &o.cold),
		argument_choice("output", 'o', "json", "for programs", &o.output),
	};
	arguments_take(argc, argv, "Times the take-over of killed owners.", known,
		       sizeof known / sizeof known[0]);
	cluster_options_init(&options);
	options.nodes = NODES;
	options.shards = o.shards;
	options.lease_ttl_ms = o.ttl_ms;
	options.set = o.cold ? without : NULL;
	int error = cluster_create(&options, &r.cluster);
	if (error == 0)
		error = cluster_start(r.cluster);
	moves_init(&r.moves, r.cluster);
	if (error == 0 && o.open > 0)
		error = open_sagas(&r, &o);
	for (uint32_t i = 0; error == 0 && i < o.kills; i++) {
		const uint32_t before = r.count;
		error = kill_one(&r);
		if (error == 0)
			(void)fprintf(stderr, "kill %u/%u: %u shards moved\n", i + 1, o.kills,
				      r.count - before);
	}
	if (error != 0)
		(void)fprintf(stderr, "%s: %s\n", err_name(error), cluster_trouble(r.cluster));
	const int code = error != 0 ? 1 : report(&r, &o);
	cluster_destroy(r.cluster);
	return code;
}
