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
#include "tests/support/launcher.h"

enum { NODES = 3, SERVE_MS = 60000, KILLS_MAX = 200, TIMES_MAX = KILLS_MAX * CLUSTER_SHARDS_MAX };

struct options {
	uint32_t kills, shards, ttl_ms, max_median_ms;
	const char *output;
};

struct run {
	struct cluster *cluster;
	uint64_t offsets[NODES];
	uint64_t killed_ms;             /* wall clock of the last kill */
	bool waits[CLUSTER_SHARDS_MAX]; /* shards of the killed node without a new owner yet */
	uint32_t waiting;
	double times_ms[TIMES_MAX];
	uint32_t count;
};

static void on_event(void *context, const struct cluster_event *event)
{
	struct run *r = context;
	if (strcmp(event->event, "shard.serving") != 0 || event->shard >= CLUSTER_SHARDS_MAX ||
	    event->unix_ms < r->killed_ms || !r->waits[event->shard])
		return;
	r->waits[event->shard] = false;
	r->waiting--;
	if (r->count < TIMES_MAX)
		r->times_ms[r->count++] = (double)(event->unix_ms - r->killed_ms);
}

static bool look(void *context)
{
	struct run *r = context;
	for (uint32_t i = 0; i < NODES; i++)
		if (cluster_events(r->cluster, cluster_node_name(i), &r->offsets[i], on_event, r) !=
		    0)
			return false;
	return r->waiting == 0;
}

/* The node that owns most shards, and what it owns. */
static const char *victim(struct run *r, const struct cluster_shards *shards)
{
	uint32_t owned[NODES] = {0};
	uint32_t best = 0;
	for (uint32_t n = 0; n < shards->count; n++)
		for (uint32_t i = 0; i < NODES; i++)
			owned[i] += strcmp(shards->shards[n].owner, cluster_node_name(i)) == 0;
	for (uint32_t i = 1; i < NODES; i++)
		if (owned[i] > owned[best])
			best = i;
	r->waiting = owned[best];
	for (uint32_t n = 0; n < shards->count; n++)
		r->waits[n] = strcmp(shards->shards[n].owner, cluster_node_name(best)) == 0;
	return cluster_node_name(best);
}

static int kill_one(struct run *r)
{
	struct cluster_shards shards;
	int error = cluster_shards(r->cluster, &shards, SERVE_MS);
	if (error != 0)
		return error;
	(void)look(r); /* what was logged before is not of this kill */
	const char *name = victim(r, &shards);
	r->killed_ms = os_clock_wall_ms();
	error = cluster_signal(r->cluster, name, SIGKILL);
	if (error != 0)
		return error;
	if (!wait_until(look, r, SERVE_MS))
		return SAGA_E_TIMEOUT;
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
		(void)printf("{\"kills\":%u,\"moves\":%u,\"ttl_ms\":%u,\"median_ms\":%.0f,"
			     "\"p99_ms\":%.0f,\"max_ms\":%.0f}\n",
			     o->kills, r->count, o->ttl_ms, median, p99, max);
	else
		(void)printf(
			"kills %u   shards moved %u   lease TTL %u ms\n"
			"kill to new epoch record:  median %.0f ms   p99 %.0f ms   max %.0f ms\n",
			o->kills, r->count, o->ttl_ms, median, p99, max);
	if (o->max_median_ms != 0 && median > o->max_median_ms) {
		(void)fprintf(stderr, "the median is above %u ms\n", o->max_median_ms);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct run r;
	struct options o = {.kills = 20, .shards = 16, .ttl_ms = 2000};
	struct cluster_options options;
	const struct argument known[] = {
		argument_count("kills", 'k', "how many owners to kill (20)", &o.kills, 1,
			       KILLS_MAX),
		argument_count("shards", 's', "shards of the cluster (16)", &o.shards, 1,
			       CLUSTER_SHARDS_MAX),
		argument_count("ttl", 't', "lease TTL in ms (2000)", &o.ttl_ms, 1000, 60000),
		argument_count("max-median", 'm', "fail when the median is above, in ms",
			       &o.max_median_ms, 0, UINT32_MAX),
		argument_choice("output", 'o', "json", "for programs", &o.output),
	};
	arguments_take(argc, argv, "Times the take-over of killed owners.", known,
		       sizeof known / sizeof known[0]);
	cluster_options_init(&options);
	options.nodes = NODES;
	options.shards = o.shards;
	options.lease_ttl_ms = o.ttl_ms;
	int error = cluster_create(&options, &r.cluster);
	if (error == 0)
		error = cluster_start(r.cluster);
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
