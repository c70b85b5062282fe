/* How long a shard is without an owner when its owner is killed: from kill -9 to the next owner's
 * accepted EPOCH record, as that owner logged it. Prints a table; `--max-median MS` makes it a
 * judgement.
 */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_clock.h"
#include "tests/support/launcher.h"

enum { NODES = 3, SERVE_MS = 60000, TIMES_MAX = 200 * CLUSTER_SHARDS_MAX };

struct options {
	uint32_t kills, shards, ttl_ms, max_median_ms;
	bool json;
};

struct run {
	struct cluster *cluster;
	uint64_t offsets[NODES];
	uint64_t killed_ms;             /* wall clock of the last kill */
	bool waits[CLUSTER_SHARDS_MAX]; /* shards of the killed node without a new owner yet */
	uint32_t waiting;
	uint64_t times_ms[TIMES_MAX];
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
		r->times_ms[r->count++] = event->unix_ms - r->killed_ms;
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

static int by_size(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a;
	const uint64_t y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static int report(struct run *r, const struct options *o)
{
	qsort(r->times_ms, r->count, sizeof r->times_ms[0], by_size);
	if (r->count == 0) {
		(void)fprintf(stderr, "no shard moved: nothing was measured\n");
		return 1;
	}
	const uint64_t median = r->times_ms[r->count / 2];
	const uint64_t p99 = r->times_ms[(r->count * 99ULL) / 100];
	const uint64_t max = r->times_ms[r->count - 1];
	if (o->json)
		(void)printf("{\"kills\":%u,\"moves\":%u,\"ttl_ms\":%u,\"median_ms\":%llu,"
			     "\"p99_ms\":%llu,\"max_ms\":%llu}\n",
			     o->kills, r->count, o->ttl_ms, (unsigned long long)median,
			     (unsigned long long)p99, (unsigned long long)max);
	else
		(void)printf(
			"kills %u   shards moved %u   lease TTL %u ms\n"
			"kill to new epoch record:  median %llu ms   p99 %llu ms   max %llu ms\n",
			o->kills, r->count, o->ttl_ms, (unsigned long long)median,
			(unsigned long long)p99, (unsigned long long)max);
	if (o->max_median_ms != 0 && median > o->max_median_ms) {
		(void)fprintf(stderr, "the median is above %u ms\n", o->max_median_ms);
		return 1;
	}
	return 0;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct options *o = state->input;
	switch (key) {
	case 'k':
		o->kills = (uint32_t)strtoul(argument, NULL, 10);
		break;
	case 's':
		o->shards = (uint32_t)strtoul(argument, NULL, 10);
		break;
	case 't':
		o->ttl_ms = (uint32_t)strtoul(argument, NULL, 10);
		break;
	case 'm':
		o->max_median_ms = (uint32_t)strtoul(argument, NULL, 10);
		break;
	case 'o':
		o->json = strcmp(argument, "json") == 0;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp_option known[] = {
		{"kills", 'k', "N", 0, "how many owners to kill (20)", 0},
		{"shards", 's', "N", 0, "shards of the cluster (16)", 0},
		{"ttl", 't', "MS", 0, "lease TTL (2000)", 0},
		{"max-median", 'm', "MS", 0, "fail when the median is above", 0},
		{"output", 'o', "json", 0, "for programs", 0},
		{0}};
	const struct argp argp = {known, parse, NULL, "Times the take-over of killed owners.",
				  NULL,  NULL,  NULL};
	static struct run r;
	struct options o = {.kills = 20, .shards = 16, .ttl_ms = 2000};
	struct cluster_options options;
	if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
		return 2;
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
