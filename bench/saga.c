/* `./dev bench saga`: four-step sagas a second on one sagad, next to the floor (floor_nats.c) in
 * the same run. Runs alternate, each on a fresh cluster; what is printed is the median of each
 * figure.
 */
#include <argp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "tests/support/launcher.h"

enum {
	SHARDS = 16, /* the default of bench-floor, too */
	RUNS_MAX = 21,
	PARTS_MAX = 8,
	SETTINGS_MAX = 16,
	START_MS = 60000,
	SLACK_MS = 60000,
	EXIT_USAGE = 64,
	EXIT_UNAVAILABLE = 69
};

struct options {
	const char *delivery;
	uint32_t in_flight, seconds, replicas, runs;
	bool json, no_floor, keep;
	const char *set[SETTINGS_MAX + 1]; /* of sagad, NULL-terminated */
};

enum side { FLOOR, SAGA, SIDES };

struct part {
	const char *name;
	double cpu_s; /* in the measured time */
};
struct run {
	double per_second, p50_ms, p99_ms, p999_ms;
	uint64_t failed;
	struct part parts[PARTS_MAX];
	uint32_t part_count;
};

struct bench {
	struct options options;
	struct cluster *cluster;
	struct run runs[SIDES][RUNS_MAX];
	char count_text[16], seconds_text[16], replicas_text[16];
};

/* ---- looking at what runs ----------------------------------------------------------------------
 */

/* User and system time of a process so far; 0 when it has gone. */
static double cpu_s(pid_t pid)
{
	char path[64], line[1024];
	unsigned long long user = 0, system = 0;
	(void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return 0;
	/* The name stands in brackets and may hold anything. */
	const char *after = fgets(line, sizeof line, file) == NULL ? NULL : strrchr(line, ')');
	if (after != NULL)
		(void)sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
			     &user, &system);
	(void)fclose(file);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

struct look {
	struct cluster *cluster;
	const char *name, *word;
	char line[512]; /* the one that begins with the word */
	bool found, ended;
};

static bool look_for_line(void *context)
{
	struct look *l = context;
	struct process *process = cluster_process(l->cluster, l->name);
	if (process == NULL)
		return true;
	l->ended = !process_running(process); /* before reading: its last words count */
	FILE *file = fopen(process->log_path, "re");
	while (file != NULL && !l->found && fgets(l->line, sizeof l->line, file) != NULL)
		l->found = strncmp(l->line, l->word, strlen(l->word)) == 0 &&
			   strchr(l->line, '\n') != NULL;
	if (file != NULL)
		(void)fclose(file);
	return l->found || l->ended;
}

/* Waits until the process has said a line that begins with the word. */
static int wait_for_line(struct bench *b, const char *name, const char *word, uint32_t timeout_ms,
			 char line[512])
{
	struct look l = {.cluster = b->cluster, .name = name, .word = word};
	(void)wait_until(look_for_line, &l, timeout_ms);
	if (l.found) {
		memcpy(line, l.line, sizeof l.line);
		return 0;
	}
	(void)fprintf(stderr, "%s %s without '%s': see %s/%s.log\n", name,
		      l.ended ? "ended" : "goes on", word, cluster_folder(b->cluster), name);
	b->options.keep = true;
	return SAGA_E_TIMEOUT;
}

/* ---- one run -----------------------------------------------------------------------------------
 */

static int start(struct bench *b, const char *name, const char *const *argv)
{
	char line[512];
	const int error = cluster_service_start(b->cluster, name, argv, NULL);
	if (error != 0 || strcmp(name, "client") == 0)
		return error;
	return wait_for_line(b, name, "ready", START_MS, line);
}

static int start_floor(struct bench *b)
{
	static const char *const roles[] = {"pump", "services", "client"};
	int error = 0;
	for (uint32_t i = 0; error == 0 && i < 3; i++) {
		const char *const argv[] = {
			"bench-floor",    "--role",    roles[i],        "--inflight",
			b->count_text,    "--seconds", b->seconds_text, "--replicas",
			b->replicas_text, NULL};
		error = start(b, roles[i], argv);
	}
	return error;
}

static int start_saga(struct bench *b)
{
	const char *const services[] = {"bench-services", NULL};
	const char *const client[] = {"bench-client", "--inflight",    b->count_text,
				      "--seconds",    b->seconds_text, NULL};
	const int error = start(b, "services", services);
	return error != 0 ? error : start(b, "client", client);
}

static int measure(struct bench *b, struct run *r)
{
	char line[512];
	unsigned long long count = 0, ms = 0, p50 = 0, p99 = 0, p999 = 0, failed = 0;
	int error = wait_for_line(b, "client", "begin", START_MS, line);
	for (uint32_t i = 0; error == 0 && i < r->part_count; i++)
		r->parts[i].cpu_s = -cpu_s(cluster_pid(b->cluster, r->parts[i].name));
	if (error == 0)
		/* A little early: a process that has ended has no times any more. */
		(void)usleep((b->options.seconds * 1000 - 100) * 1000);
	for (uint32_t i = 0; error == 0 && i < r->part_count; i++)
		r->parts[i].cpu_s += cpu_s(cluster_pid(b->cluster, r->parts[i].name));
	if (error == 0)
		error = wait_for_line(b, "client", "result", SLACK_MS, line);
	if (error != 0)
		return error;
	if (sscanf(line,
		   "result count=%llu ms=%llu p50_us=%llu p99_us=%llu p999_us=%llu failed=%llu",
		   &count, &ms, &p50, &p99, &p999, &failed) != 6 ||
	    ms == 0)
		return SAGA_E_KIND;
	r->per_second = (double)count * 1000 / (double)ms;
	r->p50_ms = (double)p50 / 1000;
	r->p99_ms = (double)p99 / 1000;
	r->p999_ms = (double)p999 / 1000;
	r->failed = failed;
	return 0;
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
	cluster_destroy(b->cluster);
	b->cluster = NULL;
	return error;
}

/* ---- report ------------------------------------------------------------------------------------
 */

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a;
	const double y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Of the figure that lies `offset` bytes into a run. */
static double median(const struct bench *b, enum side side, size_t offset)
{
	double values[RUNS_MAX];
	for (uint32_t i = 0; i < b->options.runs; i++)
		memcpy(&values[i], (const char *)&b->runs[side][i] + offset, sizeof values[i]);
	qsort(values, b->options.runs, sizeof values[0], by_size);
	return values[b->options.runs / 2];
}

/* Of run pairs, so that what else the machine did at that time is in both. */
static double median_ratio(const struct bench *b)
{
	double ratios[RUNS_MAX];
	for (uint32_t i = 0; i < b->options.runs; i++)
		ratios[i] = b->runs[SAGA][i].per_second / b->runs[FLOOR][i].per_second;
	qsort(ratios, b->options.runs, sizeof ratios[0], by_size);
	return ratios[b->options.runs / 2];
}

static uint64_t failed(const struct bench *b, enum side side)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < b->options.runs; i++)
		sum += b->runs[side][i].failed;
	return sum;
}

static const char *const side_names[SIDES] = {"floor", "saga"};

static void report_json(const struct bench *b, enum side first)
{
	(void)printf("{\"delivery\":\"durable\",\"in_flight\":%u,\"seconds\":%u,\"replicas\":%u,"
		     "\"runs\":%u",
		     b->options.in_flight, b->options.seconds, b->options.replicas,
		     b->options.runs);
	for (enum side side = first; side < SIDES; side++) {
		(void)printf(",\"%s\":{\"sagas_per_second\":%.0f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,"
			     "\"p999_ms\":%.2f,\"failed\":%llu,\"cpu_s\":{",
			     side_names[side], median(b, side, offsetof(struct run, per_second)),
			     median(b, side, offsetof(struct run, p50_ms)),
			     median(b, side, offsetof(struct run, p99_ms)),
			     median(b, side, offsetof(struct run, p999_ms)),
			     (unsigned long long)failed(b, side));
		for (uint32_t i = 0; i < b->runs[side][0].part_count; i++)
			(void)printf("%s\"%s\":%.2f", i == 0 ? "" : ",",
				     b->runs[side][0].parts[i].name,
				     median(b, side, offsetof(struct run, parts[i].cpu_s)));
		(void)printf("}}");
	}
	if (first == FLOOR)
		(void)printf(",\"ratio\":%.3f", median_ratio(b));
	(void)printf("}\n");
}

static void report_table(const struct bench *b, enum side first)
{
	(void)printf("%-6s %10s %9s %9s %9s %7s   CPU seconds a process in %u s\n", "", "sagas/s",
		     "p50 ms", "p99 ms", "p99.9 ms", "failed", b->options.seconds);
	for (enum side side = first; side < SIDES; side++) {
		(void)printf("%-6s %10.0f %9.2f %9.2f %9.2f %7llu  ", side_names[side],
			     median(b, side, offsetof(struct run, per_second)),
			     median(b, side, offsetof(struct run, p50_ms)),
			     median(b, side, offsetof(struct run, p99_ms)),
			     median(b, side, offsetof(struct run, p999_ms)),
			     (unsigned long long)failed(b, side));
		for (uint32_t i = 0; i < b->runs[side][0].part_count; i++)
			(void)printf(" %s %.2f", b->runs[side][0].parts[i].name,
				     median(b, side, offsetof(struct run, parts[i].cpu_s)));
		(void)printf("\n");
	}
	if (first == FLOOR)
		(void)printf("ratio  %10.3f   (median of %u pairs)\n", median_ratio(b),
			     b->options.runs);
}

/* ---- options -----------------------------------------------------------------------------------
 */

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct options *o = state->input;
	switch (key) {
	case 'd':
		o->delivery = argument;
		break;
	case 'n':
		o->in_flight = (uint32_t)strtoul(argument, NULL, 10);
		break;
	case 't':
		o->seconds = (uint32_t)strtoul(argument, NULL, 10);
		break;
	case 'c':
		o->replicas = (uint32_t)strtoul(argument, NULL, 10);
		break;
	case 'r':
		o->runs = (uint32_t)strtoul(argument, NULL, 10);
		break;
	case 'f':
		o->no_floor = true;
		break;
	case 'S':
		for (uint32_t i = 0; i < SETTINGS_MAX; i++)
			if (o->set[i] == NULL) {
				o->set[i] = argument;
				return 0;
			}
		argp_error(state, "at most %d settings", SETTINGS_MAX);
		break;
	case 'k':
		o->keep = true;
		break;
	case 'o':
		if (strcmp(argument, "json") != 0)
			argp_error(state, "the only output is json");
		o->json = true;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static int check(const struct options *o)
{
	if (strcmp(o->delivery, "direct") == 0) {
		(void)fprintf(stderr, "direct delivery is not built yet: use --delivery durable\n");
		return EXIT_UNAVAILABLE;
	}
	if (strcmp(o->delivery, "durable") == 0 && o->in_flight > 0 && o->in_flight <= 8192 &&
	    o->seconds > 0 && (o->replicas == 1 || o->replicas == 3) && o->runs > 0 &&
	    o->runs <= RUNS_MAX)
		return 0;
	(void)fprintf(stderr,
		      "--delivery durable, --inflight 1..8192, --seconds 1.., --replicas 1 or 3, "
		      "--runs 1..%d\n",
		      RUNS_MAX);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	static const struct argp_option known[] = {
		{"delivery", 'd', "durable|direct", 0, "how commands travel (durable)", 0},
		{"inflight", 'n', "N", 0, "sagas in flight (2000)", 0},
		{"seconds", 't', "N", 0, "measured time of a run (10)", 0},
		{"replicas", 'c', "1|3", 0, "NATS servers, and replicas of each stream (1)", 0},
		{"runs", 'r', "N", 0, "pairs of runs; the median counts (5)", 0},
		{"no-floor", 'f', NULL, 0, "only sagas, without a ratio", 0},
		{"set", 'S', "KEY=VALUE", 0, "of sagad's configuration; may be repeated", 0},
		{"keep", 'k', NULL, 0, "keep the clusters' folders", 0},
		{"output", 'o', "json", 0, "for programs", 0},
		{0}};
	const struct argp argp = {known, parse, NULL, "Four-step sagas a second.",
				  NULL,  NULL,  NULL};
	static struct bench b = {.options = {.delivery = "durable",
					     .in_flight = 2000,
					     .seconds = 10,
					     .replicas = 1,
					     .runs = 5}};
	const struct options *o = &b.options;
	if (argp_parse(&argp, argc, argv, 0, NULL, &b.options) != 0)
		return EXIT_USAGE;
	int error = check(o);
	if (error != 0)
		return error;
	(void)snprintf(b.count_text, sizeof b.count_text, "%u", o->in_flight);
	(void)snprintf(b.seconds_text, sizeof b.seconds_text, "%u", o->seconds);
	(void)snprintf(b.replicas_text, sizeof b.replicas_text, "%u", o->replicas);
	const enum side first = o->no_floor ? SAGA : FLOOR;
	for (uint32_t i = 0; i < o->runs; i++)
		for (enum side side = first; side < SIDES; side++) {
			error = run(&b, side, &b.runs[side][i]);
			if (error != 0)
				return 1;
			(void)fprintf(stderr, "run %u/%u %s: %.0f sagas/s\n", i + 1, o->runs,
				      side_names[side], b.runs[side][i].per_second);
		}
	if (o->json)
		report_json(&b, first);
	else
		report_table(&b, first);
	return 0;
}
