/* `./dev bench overload`: what becomes of a cluster that is offered three times what it can do.
 *
 * One sagad, 16 shards, four services without work, and a load (overload_client.c) that measures
 * the capacity, offers a multiple of it whatever becomes of it, and looks how soon the capacity is
 * back. Ends with 1 when less than 80 % of the capacity is done in time meanwhile, when memory goes
 * beyond the ceiling that the limits allow, or when anything is left open or parked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "bench/arguments.h"
#include "bench/programs.h"
#include "tests/support/launcher.h"

#define GOODPUT_MIN 0.8

enum {
	SHARDS = 16,
	SETTINGS_MAX = 16,
	OWN_SETTINGS = 6,
	FACTOR_MAX = 20,
	SECONDS_MAX = 600,
	START_MS = 60000,
	SLACK_MS = 120000,
	OPEN_MS = 60000, /* for the last sagas to end */
	CALL_MS = 10000
};

struct options {
	uint32_t seconds, factor, in_flight, deadline_ms;
	const char *output;
	bool keep;
	const char *set[SETTINGS_MAX + 1];
};

struct outcome {
	double capacity, offered, good, again;
	double p50_ms, p99_ms;
	unsigned long long late, busy, unknown, failed, accepted, left;
	uint32_t after_s;
	bool back;
	uint64_t rss_peak, rss_end, ceiling;
	uint64_t open, parked;
};

struct bench {
	struct options options;
	struct cluster *cluster;
	struct outcome outcome;
};

/* Small enough that memory means something, and that what is taken is done soon: at most 16,384
 * sagas are open, about a second's work. */
static const char *const own_settings[OWN_SETTINGS] = {
	"limits.open_sagas=1024", "limits.branches=8192",    "limits.waiters=4096",
	"limits.payload=8MiB",    "limits.remembered=65536", "saga.remember_margin=1s",
};

/* ---- looking -----------------------------------------------------------------------------------
 */

/* In bytes; 0 when there is no such line. */
static uint64_t memory_of(pid_t pid, const char *key)
{
	char path[64], line[256];
	unsigned long long kib = 0;
	(void)snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return 0;
	while (fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, key, strlen(key)) == 0 &&
		    sscanf(line + strlen(key), " %llu", &kib) == 1)
			break;
	(void)fclose(file);
	return kib * 1024;
}

static void on_event(void *context, const struct cluster_event *event)
{
	static const char key[] = "\"ceiling_bytes\":";
	uint64_t *ceiling = context;
	const char *found = strstr(event->line, key);
	if (strcmp(event->event, "node.memory") == 0 && found != NULL)
		*ceiling = strtoull(found + sizeof key - 1, NULL, 10);
}

/* The number behind the first `"key":` of the text. */
static uint64_t number_in(const char *json, const char *key)
{
	char text[64];
	(void)snprintf(text, sizeof text, "\"%s\":", key);
	const char *found = strstr(json, text);
	return found == NULL ? UINT64_MAX : strtoull(found + strlen(text), NULL, 10);
}

static bool nothing_open(void *context)
{
	struct bench *b = context;
	char output[16384];
	int exit_code = 0;
	const char *const argv[] = {"sagactl", "status", "-o", "json", NULL};
	if (cluster_run(b->cluster, argv, CALL_MS, output, sizeof output, &exit_code) != 0 ||
	    exit_code != 0)
		return false;
	b->outcome.open = number_in(output, "open");
	b->outcome.parked = number_in(output, "parked");
	return b->outcome.open == 0;
}

/* ---- the run -----------------------------------------------------------------------------------
 */

static int read_overload(const char *line, struct outcome *o)
{
	unsigned long long p50 = 0, p99 = 0;
	if (sscanf(line,
		   "overload offered=%lf good=%lf late=%llu busy=%llu unknown=%llu failed=%llu "
		   "accepted=%llu p50_us=%llu p99_us=%llu left=%llu",
		   &o->offered, &o->good, &o->late, &o->busy, &o->unknown, &o->failed, &o->accepted,
		   &p50, &p99, &o->left) != 10)
		return SAGA_E_KIND;
	o->p50_ms = (double)p50 / 1000;
	o->p99_ms = (double)p99 / 1000;
	return 0;
}

static int read_again(const char *line, struct outcome *o)
{
	int back = 0;
	if (sscanf(line, "again per_second=%lf after_s=%u back=%d", &o->again, &o->after_s,
		   &back) != 3)
		return SAGA_E_KIND;
	o->back = back != 0;
	return 0;
}

static int hear_all(struct bench *b)
{
	struct outcome *o = &b->outcome;
	char line[PROGRAMS_LINE_SIZE];
	const uint32_t overload_ms = b->options.seconds * 1000 + SLACK_MS;
	int error = programs_hear(b->cluster, "load", "capacity", START_MS, line);
	if (error == 0 && sscanf(line, "capacity per_second=%lf", &o->capacity) != 1)
		error = SAGA_E_KIND;
	if (error == 0)
		(void)fprintf(stderr, "capacity: %.0f sagas/s; offering %u times as much\n",
			      o->capacity, b->options.factor);
	if (error == 0)
		error = programs_hear(b->cluster, "load", "overload", overload_ms, line);
	if (error == 0)
		error = read_overload(line, o);
	if (error == 0)
		error = programs_hear(b->cluster, "load", "again", SLACK_MS, line);
	return error == 0 ? read_again(line, o) : error;
}

static int start_load(struct bench *b)
{
	char seconds[16], percent[16], in_flight[16], deadline[16];
	const char *const services[] = {"bench-services", NULL};
	const char *const load[] = {"bench-flood", "--seconds", seconds,      "--percent", percent,
				    "--inflight",  in_flight,   "--deadline", deadline,    NULL};
	(void)snprintf(seconds, sizeof seconds, "%u", b->options.seconds);
	(void)snprintf(percent, sizeof percent, "%u", b->options.factor * 100);
	(void)snprintf(in_flight, sizeof in_flight, "%u", b->options.in_flight);
	(void)snprintf(deadline, sizeof deadline, "%u", b->options.deadline_ms);
	const int error = programs_start(b->cluster, "services", services);
	return error != 0 ? error : programs_start(b->cluster, "load", load);
}

static int measure(struct bench *b)
{
	struct outcome *o = &b->outcome;
	uint64_t offset = 0;
	int error = start_load(b);
	if (error == 0)
		error = hear_all(b);
	if (error != 0)
		return error;
	o->rss_peak = memory_of(cluster_pid(b->cluster, "n1"), "VmHWM:");
	o->rss_end = memory_of(cluster_pid(b->cluster, "n1"), "VmRSS:");
	(void)wait_until(nothing_open, b, OPEN_MS);
	return cluster_events(b->cluster, "n1", &offset, on_event, &o->ceiling);
}

static int run(struct bench *b)
{
	const char *set[OWN_SETTINGS + SETTINGS_MAX + 1] = {NULL};
	struct cluster_options options;
	cluster_options_init(&options);
	options.shards = SHARDS;
	options.nodes = 1;
	options.keep = b->options.keep;
	memcpy(set, own_settings, sizeof own_settings);
	memcpy(set + OWN_SETTINGS, b->options.set,
	       sizeof b->options.set); /* the later one counts */
	options.set = set;
	int error = cluster_create(&options, &b->cluster);
	if (error == 0)
		error = cluster_start(b->cluster);
	if (error != 0)
		(void)fprintf(stderr, "%s: %s\n", err_name(error), cluster_trouble(b->cluster));
	if (error == 0)
		error = measure(b);
	if (error != 0)
		cluster_keep(b->cluster); /* somebody will want to read the logs */
	cluster_destroy(b->cluster);
	return error;
}

/* ---- report ------------------------------------------------------------------------------------
 */

static double ratio(const struct outcome *o)
{
	return o->capacity > 0 ? o->good / o->capacity : 0;
}

static bool blame(bool guilty, const char *what)
{
	if (guilty)
		(void)fprintf(stderr, "overload: %s\n", what);
	return guilty;
}

static bool is_bad(const struct outcome *o)
{
	bool bad = false;
	bad |= blame(ratio(o) < GOODPUT_MIN, "less than 80 % of the capacity is done in time");
	bad |= blame(o->ceiling == 0, "the node does not say its memory ceiling");
	bad |= blame(o->rss_peak > o->ceiling, "memory went beyond its ceiling");
	bad |= blame(o->busy == 0, "nobody was refused: that was no overload");
	bad |= blame(!o->back, "the capacity did not come back");
	bad |= blame(o->failed > 0, "sagas failed or were undone");
	bad |= blame(o->open != 0 || o->left != 0, "sagas are left open");
	bad |= blame(o->parked != 0, "sagas are parked");
	return bad;
}

static void report_json(const struct options *p, const struct outcome *o, bool bad)
{
	(void)printf("{\"factor\":%u,\"seconds\":%u,\"deadline_ms\":%u,"
		     "\"capacity_per_second\":%.0f,\"offered_per_second\":%.0f,"
		     "\"good_per_second\":%.0f,\"ratio\":%.3f,\"p50_ms\":%.1f,\"p99_ms\":%.1f,",
		     p->factor, p->seconds, p->deadline_ms, o->capacity, o->offered, o->good,
		     ratio(o), o->p50_ms, o->p99_ms);
	(void)printf("\"late\":%llu,\"busy\":%llu,\"unknown\":%llu,\"failed\":%llu,"
		     "\"accepted\":%llu,\"rss_peak_bytes\":%llu,\"rss_end_bytes\":%llu,"
		     "\"ceiling_bytes\":%llu,",
		     o->late, o->busy, o->unknown, o->failed, o->accepted,
		     (unsigned long long)o->rss_peak, (unsigned long long)o->rss_end,
		     (unsigned long long)o->ceiling);
	(void)printf("\"again_per_second\":%.0f,\"again_after_s\":%u,\"open\":%llu,"
		     "\"parked\":%llu,\"passed\":%s}\n",
		     o->again, o->after_s, (unsigned long long)o->open,
		     (unsigned long long)o->parked, bad ? "false" : "true");
}

static void report_table(const struct outcome *o)
{
	(void)printf("capacity %.0f sagas/s, offered %.0f/s, done in time %.0f/s: ratio %.2f\n",
		     o->capacity, o->offered, o->good, ratio(o));
	(void)printf("of those   p50 %.0f ms, p99 %.0f ms\n", o->p50_ms, o->p99_ms);
	(void)printf("others     %llu refused as busy, %llu late, %llu unknown, %llu failed\n",
		     o->busy, o->late, o->unknown, o->failed);
	(void)printf("memory     peak %llu MiB, after it %llu MiB, ceiling %llu MiB\n",
		     (unsigned long long)o->rss_peak >> 20, (unsigned long long)o->rss_end >> 20,
		     (unsigned long long)o->ceiling >> 20);
	(void)printf("afterwards %.0f/s within %u s; %llu open, %llu parked\n", o->again,
		     o->after_s, (unsigned long long)o->open, (unsigned long long)o->parked);
}

int main(int argc, char **argv)
{
	static struct bench b = {
		.options = {.seconds = 30, .factor = 3, .in_flight = 2000, .deadline_ms = 5000}};
	struct options *o = &b.options;
	const struct argument known[] = {
		argument_count("seconds", 's', "measured time of the overload (30)", &o->seconds, 1,
			       SECONDS_MAX),
		argument_count("factor", 'f', "times the capacity that is offered (3)", &o->factor,
			       1, FACTOR_MAX),
		argument_count("inflight", 'n', "sagas in flight for the capacity (2000)",
			       &o->in_flight, 1, 60000),
		argument_count("deadline", 'd', "milliseconds that a caller has (5000)",
			       &o->deadline_ms, 100, 30000),
		argument_list("set", 'S', "KEY=VALUE", "of sagad's configuration; may be repeated",
			      o->set, SETTINGS_MAX),
		argument_flag("keep", 'k', "keep the cluster's folder", &o->keep),
		argument_choice("output", 'o', "json", "for programs", &o->output),
	};
	arguments_take(argc, argv, "What becomes of a cluster that is offered too much.", known,
		       sizeof known / sizeof known[0]);
	if (run(&b) != 0)
		return 1;
	const bool bad = is_bad(&b.outcome);
	if (o->output != NULL)
		report_json(o, &b.outcome, bad);
	else
		report_table(&b.outcome);
	return bad ? 1 : 0;
}
