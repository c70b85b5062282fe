/* `./dev bench saga`: four-step sagas a second on one sagad, next to the floor (floor_nats.c) in
 * the same run. Runs alternate, each on a fresh cluster; what is printed is the median of each
 * figure.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "bench/arguments.h"
#include "bench/figures.h"
#include "bench/programs.h"
#include "bench/tally.h"
#include "tests/support/launcher.h"

#define EARLY_S 0.1

enum {
	SHARDS = 16, /* the default of bench-floor, too */
	RUNS_MAX = 21,
	SECONDS_MAX = 3600,
	PARTS_MAX = 8,
	SETTINGS_MAX = 16,
	START_MS = 60000,
	SLACK_MS = 60000
};

struct options {
	const char *delivery;
	uint32_t in_flight, seconds, replicas, runs;
	bool no_floor, keep;
	const char *output;
	const char *set[SETTINGS_MAX + 1]; /* of sagad, NULL-terminated */
};

enum side { FLOOR, SAGA, SIDES };

struct part {
	const char *name;
	double cpu_s, cpu_us; /* in the measured time; for each saga */
};
struct run {
	struct tally_result result;
	struct part parts[PARTS_MAX];
	uint32_t part_count;
};

struct bench {
	struct options options;
	struct cluster *cluster;
	struct run runs[SIDES][RUNS_MAX];
	char count_text[16], seconds_text[16], replicas_text[16];
};

/* ---- one run -----------------------------------------------------------------------------------
 */

static int start_floor(struct bench *b)
{
	static const char *const roles[] = {"pump", "services", "client"};
	int error = 0;
	for (uint32_t i = 0; error == 0 && i < 3; i++) {
		const char *const argv[] = {"bench-floor",
					    "--role",
					    roles[i],
					    "--inflight",
					    b->count_text,
					    "--seconds",
					    b->seconds_text,
					    "--replicas",
					    b->replicas_text,
					    "--delivery",
					    b->options.delivery,
					    NULL};
		error = programs_start(b->cluster, roles[i], argv);
	}
	return error;
}

static int start_saga(struct bench *b)
{
	const char *const services[] = {"bench-services", NULL};
	const char *const client[] = {
		"bench-client",  "--inflight", b->count_text,       "--seconds",
		b->seconds_text, "--delivery", b->options.delivery, NULL};
	const int error = programs_start(b->cluster, "services", services);
	return error != 0 ? error : programs_start(b->cluster, "client", client);
}

static int measure(struct bench *b, struct run *r)
{
	char line[PROGRAMS_LINE_SIZE];
	int error = programs_hear(b->cluster, "client", "begin", START_MS, line);
	for (uint32_t i = 0; error == 0 && i < r->part_count; i++)
		r->parts[i].cpu_s = -programs_cpu_s(cluster_pid(b->cluster, r->parts[i].name));
	if (error == 0)
		/* A little early: a process that has ended has no times any more. */
		(void)usleep((useconds_t)((b->options.seconds - EARLY_S) * 1000000));
	for (uint32_t i = 0; error == 0 && i < r->part_count; i++)
		r->parts[i].cpu_s += programs_cpu_s(cluster_pid(b->cluster, r->parts[i].name));
	if (error == 0)
		error = programs_hear(b->cluster, "client", "result", SLACK_MS, line);
	if (error == 0 && !tally_read(line, &r->result))
		error = SAGA_E_KIND;
	for (uint32_t i = 0; error == 0 && i < r->part_count; i++)
		r->parts[i].cpu_us = r->parts[i].cpu_s * 1000000 /
				     (r->result.per_second * (b->options.seconds - EARLY_S));
	return error;
}

static void name_parts(const struct bench *b, enum side side, struct run *r)
{
	static const char *const servers[] = {"nats1", "nats2", "nats3"};
	for (uint32_t i = 0; i < b->options.replicas; i++)
		r->parts[r->part_count++].name = servers[i];
	if (side == SAGA)
		r->parts[r->part_count++].name = "etcd1";
	r->parts[r->part_count++].name = side == SAGA ? "n1" : "pump";
	r->parts[r->part_count++].name = "services";
	r->parts[r->part_count++].name = "client";
}

static int run(struct bench *b, enum side side, struct run *r)
{
	struct cluster_options options;
	name_parts(b, side, r);
	cluster_options_init(&options);
	options.shards = SHARDS;
	options.nodes = side == SAGA ? 1 : 0;
	options.etcd_count = side == SAGA ? 1 : 0;
	options.nats_count = b->options.replicas;
	options.replicas = b->options.replicas;
	options.keep = b->options.keep;
	options.set = b->options.set;
	int error = cluster_create(&options, &b->cluster);
	if (error == 0)
		error = side == SAGA ? cluster_start(b->cluster)
				     : cluster_start_servers(b->cluster);
	if (error != 0)
		(void)fprintf(stderr, "%s: %s\n", err_name(error), cluster_trouble(b->cluster));
	if (error == 0)
		error = side == SAGA ? start_saga(b) : start_floor(b);
	if (error == 0)
		error = measure(b, r);
	if (error != 0 && b->cluster != NULL)
		cluster_keep(b->cluster);
	cluster_destroy(b->cluster);
	b->cluster = NULL;
	return error;
}

/* ---- report ------------------------------------------------------------------------------------
 */

/* Of the figure that lies `offset` bytes into a run. */
static double median(const struct bench *b, enum side side, size_t offset)
{
	double values[RUNS_MAX];
	for (uint32_t i = 0; i < b->options.runs; i++)
		memcpy(&values[i], (const char *)&b->runs[side][i] + offset, sizeof values[i]);
	return figures_quantile(values, b->options.runs, 500);
}

/* Of run pairs, so that what else the machine did at that time is in both. */
static double median_ratio(const struct bench *b)
{
	double ratios[RUNS_MAX];
	for (uint32_t i = 0; i < b->options.runs; i++)
		ratios[i] =
			b->runs[SAGA][i].result.per_second / b->runs[FLOOR][i].result.per_second;
	return figures_quantile(ratios, b->options.runs, 500);
}

static uint64_t failed(const struct bench *b, enum side side)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < b->options.runs; i++)
		sum += b->runs[side][i].result.failed;
	return sum;
}

static const char *const side_names[SIDES] = {"floor", "saga"};

static void report_parts(const struct bench *b, enum side side, size_t offset)
{
	for (uint32_t i = 0; i < b->runs[side][0].part_count; i++)
		(void)printf("%s\"%s\":%.2f", i == 0 ? "" : ",", b->runs[side][0].parts[i].name,
			     median(b, side, offsetof(struct run, parts[i]) + offset));
}

static void report_json(const struct bench *b, enum side first)
{
	(void)printf("{\"delivery\":\"%s\",\"in_flight\":%u,\"seconds\":%u,\"replicas\":%u,"
		     "\"runs\":%u",
		     b->options.delivery, b->options.in_flight, b->options.seconds,
		     b->options.replicas, b->options.runs);
	for (enum side side = first; side < SIDES; side++) {
		(void)printf(",\"%s\":{\"sagas_per_second\":%.0f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,"
			     "\"p999_ms\":%.2f,\"failed\":%llu,\"cpu_s\":{",
			     side_names[side],
			     median(b, side, offsetof(struct run, result.per_second)),
			     median(b, side, offsetof(struct run, result.p50_ms)),
			     median(b, side, offsetof(struct run, result.p99_ms)),
			     median(b, side, offsetof(struct run, result.p999_ms)),
			     (unsigned long long)failed(b, side));
		report_parts(b, side, offsetof(struct part, cpu_s));
		(void)printf("},\"cpu_us_per_saga\":{");
		report_parts(b, side, offsetof(struct part, cpu_us));
		(void)printf("}}");
	}
	if (first == FLOOR)
		(void)printf(",\"ratio\":%.3f", median_ratio(b));
	(void)printf("}\n");
}

static void report_table(const struct bench *b, enum side first)
{
	(void)printf("%-6s %10s %9s %9s %9s %7s   CPU microseconds a saga\n", "", "sagas/s",
		     "p50 ms", "p99 ms", "p99.9 ms", "failed");
	for (enum side side = first; side < SIDES; side++) {
		(void)printf("%-6s %10.0f %9.2f %9.2f %9.2f %7llu  ", side_names[side],
			     median(b, side, offsetof(struct run, result.per_second)),
			     median(b, side, offsetof(struct run, result.p50_ms)),
			     median(b, side, offsetof(struct run, result.p99_ms)),
			     median(b, side, offsetof(struct run, result.p999_ms)),
			     (unsigned long long)failed(b, side));
		for (uint32_t i = 0; i < b->runs[side][0].part_count; i++)
			(void)printf(" %s %.1f", b->runs[side][0].parts[i].name,
				     median(b, side, offsetof(struct run, parts[i].cpu_us)));
		(void)printf("\n");
	}
	if (first == FLOOR)
		(void)printf("ratio  %10.3f   (median of %u pairs)\n", median_ratio(b),
			     b->options.runs);
}

/* ---- options -----------------------------------------------------------------------------------
 */

int main(int argc, char **argv)
{
	static struct bench b = {.options = {.delivery = "durable",
					     .in_flight = 2000,
					     .seconds = 10,
					     .replicas = 1,
					     .runs = 5}};
	struct options *o = &b.options;
	const struct argument known[] = {
		argument_choice("delivery", 'd', "durable|direct", "how commands travel (durable)",
				&o->delivery),
		argument_count("inflight", 'n', "sagas in flight (2000)", &o->in_flight, 1, 8192),
		argument_count("seconds", 't', "measured time of a run (10)", &o->seconds, 1,
			       SECONDS_MAX),
		argument_count("replicas", 'c',
			       "NATS servers, and replicas of each stream: 1 or 3 (1)",
			       &o->replicas, 1, 3),
		argument_count("runs", 'r', "pairs of runs; the median counts (5)", &o->runs, 1,
			       RUNS_MAX),
		argument_flag("no-floor", 'f', "only sagas, without a ratio", &o->no_floor),
		argument_list("set", 'S', "KEY=VALUE", "of sagad's configuration; may be repeated",
			      o->set, SETTINGS_MAX),
		argument_flag("keep", 'k', "keep the clusters' folders", &o->keep),
		argument_choice("output", 'o', "json", "for programs", &o->output),
	};
	arguments_take(argc, argv, "Four-step sagas a second.", known,
		       sizeof known / sizeof known[0]);
	if (o->replicas == 2) {
		(void)fprintf(stderr, "--replicas is 1 or 3\n");
		return ARGUMENTS_USAGE;
	}
	(void)snprintf(b.count_text, sizeof b.count_text, "%u", o->in_flight);
	(void)snprintf(b.seconds_text, sizeof b.seconds_text, "%u", o->seconds);
	(void)snprintf(b.replicas_text, sizeof b.replicas_text, "%u", o->replicas);
	const enum side first = o->no_floor ? SAGA : FLOOR;
	for (uint32_t i = 0; i < o->runs; i++)
		for (enum side side = first; side < SIDES; side++) {
			if (run(&b, side, &b.runs[side][i]) != 0)
				return 1;
			(void)fprintf(stderr, "run %u/%u %s: %.0f sagas/s\n", i + 1, o->runs,
				      side_names[side], b.runs[side][i].result.per_second);
		}
	if (o->output != NULL)
		report_json(&b, first);
	else
		report_table(&b, first);
	return 0;
}
