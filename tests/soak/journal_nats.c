/* A cluster under load for long, with owners killed: disk, memory and replay time must stay what
 * they are (S17), and nothing that has left the journals may be missing from history (S25).
 *
 *   soak-journal [--minutes 20] [--per-second 100] [--kill-every 45] [--segment 256] [--plot FILE]
 *
 * Samples every few seconds; compares the second quarter of the run with the last one. Exit: 0 =
 * all well, 1 = something grew, is missing, or did not end.
 */
#include <inttypes.h>
#include <nats/nats.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os_clock.h"
#include "bench/arguments.h"
#include "client/include/saga.h"
#include "tests/support/history_check.h"
#include "tests/support/launcher.h"

enum {
	NODES = 3,
	SHARDS = 8,
	WAIT_MS = 60000,
	END_MS = 180000,
	TICK_MS = 100,
	SAMPLES_MAX = 4096,
	SETTLE_S = 30, /* retry window and margin of the load: ids are known for as long */
};
static const char DEFINITION[] = "name: soak\n"
				 "version: 1\n"
				 "protocol: saga\n"
				 "deadline: 1h\n"
				 "defaults:\n"
				 "  timeout: 5s\n"
				 "steps:\n"
				 "  - {name: a, service: svc-a, action: do, compensate: undo}\n"
				 "  - {name: b, service: svc-b, action: do, compensate: undo}\n";

struct options {
	uint32_t minutes, per_second, kill_every_s, segment_kib;
	const char *plot;
};

struct sample {
	double minute;
	double journal_mib; /* of all journals, as the broker says */
	double history_mib;
	double memory_mib; /* of all nodes, resident */
	double replay_ms;  /* the slowest since the sample before; 0 = there was none */
	double retired;    /* batches that have left the journals */
};

struct run {
	struct options options;
	struct cluster *cluster;
	struct saga_connection *connection;
	struct saga_definition *definition;
	natsConnection *nats;
	jsCtx *js;
	struct sample samples[SAMPLES_MAX];
	uint32_t sample_count, submitted, busy, kills, replays;
	uint64_t log_offsets[NODES];
	double replay_ms;
	atomic_uint ended, failed;
};

/* ---- samples -----------------------------------------------------------------------------------
 */

static void look_at_streams(struct run *r, struct sample *s)
{
	char name[32];

	for (uint32_t i = 0; i <= SHARDS; i++) {
		jsStreamInfo *info = NULL;

		(void)snprintf(name, sizeof name, i < SHARDS ? "SAGA_J_%u" : "SAGA_HISTORY", i);
		if (js_GetStreamInfo(&info, r->js, name, NULL, NULL) != NATS_OK)
			continue;
		const double mib = (double)info->State.Bytes / (1024 * 1024);
		if (i < SHARDS) {
			s->journal_mib += mib;
			s->retired += (double)info->State.LastSeq - (double)info->State.Msgs;
		} else {
			s->history_mib = mib;
		}
		jsStreamInfo_Destroy(info);
	}
}

static double memory_of(pid_t pid)
{
	char path[64];
	unsigned long size = 0, resident = 0;

	(void)snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	(void)fclose(file);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1024 * 1024);
}

static void on_event(void *context, const struct cluster_event *event)
{
	struct run *r = context;
	const char *at = strstr(event->line, "\"replay_ms\":");

	if (strcmp(event->event, "shard.serving") != 0 || at == NULL)
		return;
	const double ms = strtod(at + strlen("\"replay_ms\":"), NULL);
	r->replay_ms = ms > r->replay_ms ? ms : r->replay_ms;
	r->replays++;
}

static void take_sample(struct run *r, double minute)
{
	if (r->sample_count == SAMPLES_MAX)
		return;
	struct sample *s = &r->samples[r->sample_count++];
	*s = (struct sample){.minute = minute};
	look_at_streams(r, s);
	r->replay_ms = 0;
	for (uint32_t i = 0; i < NODES; i++) {
		const char *name = cluster_node_name(i);

		s->memory_mib += memory_of(cluster_pid(r->cluster, name));
		(void)!cluster_events(r->cluster, name, &r->log_offsets[i], on_event, r);
	}
	s->replay_ms = r->replay_ms;
	if (r->sample_count % 6 == 1)
		(void)fprintf(
			stderr,
			"minute %4.1f: journals %6.2f MiB, history %7.2f MiB, memory %6.1f MiB, "
			"retired %8.0f batches, sagas %u (%u refused)\n",
			minute, s->journal_mib, s->history_mib, s->memory_mib, s->retired,
			r->submitted, r->busy);
}

/* ---- the load ----------------------------------------------------------------------------------
 */

static void on_end(void *context, int error, const struct saga_status *status)
{
	struct run *r = context;
	const bool final = error == 0 && saga_state_final(status->state);

	(void)atomic_fetch_add(final ? &r->ended : &r->failed, 1);
}

static void on_accepted(void *context, int error, const struct saga_status *status)
{
	struct run *r = context;

	(void)status;
	if (error != 0)
		(void)atomic_fetch_add(&r->failed, 1);
}

static void submit(struct run *r)
{
	static const char script[] = "";
	struct saga_submit_options options;

	saga_submit_options_init(&options);
	options.input = script;
	options.input_size = 0;
	options.retry_window_ms = SETTLE_S * 1000;
	options.timeout_ms = END_MS;
	if (saga_submit_async(r->connection, r->definition, &options, on_accepted, on_end, r) == 0)
		r->submitted++;
	else
		r->busy++;
}

static int service(struct run *r, const char *name)
{
	char db[PROCESS_PATH_SIZE];
	(void)snprintf(db, sizeof db, "%s/%s.db", cluster_folder(r->cluster), name);
	const char *const argv[] = {
		"sagad-script-service", "--service", name, "--instance", name, "--db", db, NULL};
	return cluster_service_start(r->cluster, name, argv, NULL);
}

static int kill_an_owner(struct run *r)
{
	const char *name = cluster_node_name(r->kills++ % NODES);
	int error = cluster_signal(r->cluster, name, SIGKILL);
	if (error == 0 && !cluster_wait_end(r->cluster, name, WAIT_MS))
		error = SAGA_E_TIMEOUT;
	return error != 0 ? error : cluster_restart(r->cluster, name);
}

/* ---- the story ---------------------------------------------------------------------------------
 */

static int open_all(struct run *r)
{
	static char segment[48];
	static const char *const set[] = {segment, "saga.remember_margin=10s",
					  "history.max_bytes=8GiB", NULL};
	struct cluster_options options;
	struct saga_options connect;
	int error;
	(void)snprintf(segment, sizeof segment, "journal.segment_bytes=%uKiB",
		       r->options.segment_kib);
	cluster_options_init(&options);
	options.nodes = NODES;
	options.shards = SHARDS;
	options.set = set;
	error = cluster_create(&options, &r->cluster);
	if (error == 0)
		error = cluster_start(r->cluster);
	if (error == 0)
		error = service(r, "svc-a");
	if (error == 0)
		error = service(r, "svc-b");
	if (error != 0)
		return error;
	saga_options_init(&connect);
	connect.url = cluster_nats_url(r->cluster);
	error = saga_open(&connect, &r->connection);
	if (error == 0)
		error = saga_definition_parse(DEFINITION, sizeof DEFINITION - 1, "soak",
					      &r->definition, NULL, 0);
	if (error == 0 &&
	    (natsConnection_ConnectTo(&r->nats, cluster_nats_url(r->cluster)) != NATS_OK ||
	     natsConnection_JetStream(&r->js, r->nats, NULL) != NATS_OK))
		error = SAGA_E_NATS;
	return error;
}

struct pace {
	uint64_t next_ms;
};

static bool is_time(void *context)
{
	const struct pace *p = context;
	return os_clock_mono_ns() / 1000000 >= p->next_ms;
}

static int load(struct run *r)
{
	const uint64_t start_ms = os_clock_mono_ns() / 1000000;
	const uint64_t end_ms = start_ms + r->options.minutes * UINT64_C(60000);
	const uint64_t look_ms = r->options.minutes * UINT64_C(60000) / 120;
	uint64_t kill_ms = start_ms + r->options.kill_every_s * UINT64_C(1000);
	uint64_t sample_ms = start_ms;
	uint64_t owed = 0;
	struct pace pace = {start_ms};
	int error = 0;
	while (error == 0 && pace.next_ms < end_ms) {
		(void)wait_until(is_time, &pace, WAIT_MS);
		const uint64_t now_ms = os_clock_mono_ns() / 1000000;
		/* What a pause of ours has kept back is not made up for. */
		owed += (uint64_t)r->options.per_second * TICK_MS;
		for (; owed >= 1000; owed -= 1000)
			submit(r);
		pace.next_ms = now_ms + TICK_MS;
		if (now_ms >= sample_ms) {
			take_sample(r, (double)(now_ms - start_ms) / 60000);
			sample_ms += look_ms;
		}
		if (r->options.kill_every_s > 0 && now_ms >= kill_ms) {
			error = kill_an_owner(r);
			kill_ms += r->options.kill_every_s * UINT64_C(1000);
		}
	}
	return error;
}

static bool all_ended(void *context)
{
	struct run *r = context;
	return atomic_load(&r->ended) + atomic_load(&r->failed) >= r->submitted;
}

/* ---- judging -----------------------------------------------------------------------------------
 */

static double journal_of(const struct sample *s)
{
	return s->journal_mib;
}
static double memory_in(const struct sample *s)
{
	return s->memory_mib;
}
static double replay_of(const struct sample *s)
{
	return s->replay_ms;
}

/* The mean of what is not 0 in one quarter of the run. */
static double quarter(const struct run *r, uint32_t number, double (*value)(const struct sample *))
{
	const uint32_t from = r->sample_count * number / 4, to = r->sample_count * (number + 1) / 4;
	double sum = 0;
	uint32_t count = 0;

	for (uint32_t i = from; i < to; i++) {
		sum += value(&r->samples[i]);
		count += value(&r->samples[i]) > 0;
	}
	return count == 0 ? 0 : sum / count;
}

static bool flat(const struct run *r, const char *what, const char *unit, double slack,
		 double (*value)(const struct sample *))
{
	const double early = quarter(r, 1, value), late = quarter(r, 3, value);
	const bool well = late <= early * 1.3 + slack;

	(void)printf("%-12s %10.1f %10.1f %10.1f %10.1f %s   %s\n", what, quarter(r, 0, value),
		     early, quarter(r, 2, value), late, unit, well ? "flat" : "GROWS");
	return well;
}

static void plot_line(FILE *file, const struct run *r, uint32_t row, const char *title,
		      const char *colour, double (*value)(const struct sample *))
{
	const double last = r->samples[r->sample_count - 1].minute;
	const double top = 40 + row * 150.0, height = 100, width = 640;
	double most = 0;

	for (uint32_t i = 0; i < r->sample_count; i++)
		most = value(&r->samples[i]) > most ? value(&r->samples[i]) : most;
	(void)fprintf(file,
		      "<text x=\"60\" y=\"%.0f\">%s (0 to %.1f)</text>\n<rect x=\"60\" y=\"%.0f\" "
		      "width=\"%.0f\" height=\"%.0f\" fill=\"none\" stroke=\"#bbb\"/>\n"
		      "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" points=\"",
		      top - 8, title, most, top, width, height, colour);
	for (uint32_t i = 0; i < r->sample_count; i++) {
		if (value(&r->samples[i]) <= 0 && i > 0)
			continue; /* nothing was replayed */
		(void)fprintf(file, "%.1f,%.1f ",
			      60 + width * (last > 0 ? r->samples[i].minute / last : 0),
			      top + height * (1 - (most > 0 ? value(&r->samples[i]) / most : 0)));
	}
	(void)fprintf(file, "\"/>\n");
}

static double history_of(const struct sample *s)
{
	return s->history_mib;
}

static int plot(const struct run *r)
{
	FILE *file = fopen(r->options.plot, "w");

	if (file == NULL)
		return SAGA_E_FILE;
	(void)fprintf(file,
		      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" height=\"640\" "
		      "font-family=\"sans-serif\" font-size=\"13\">\n"
		      "<rect width=\"760\" height=\"640\" fill=\"white\"/>\n");
	plot_line(file, r, 0, "journals on disk, MiB", "#1f77b4", journal_of);
	plot_line(file, r, 1, "memory of all nodes, MiB", "#2ca02c", memory_in);
	plot_line(file, r, 2, "slowest replay, ms", "#d62728", replay_of);
	plot_line(file, r, 3, "history on disk, MiB (its own limits end it)", "#7f7f7f",
		  history_of);
	(void)fprintf(file,
		      "<text x=\"60\" y=\"625\">%.0f minutes, %u sagas, %u owners killed</text>\n"
		      "</svg>\n",
		      r->samples[r->sample_count - 1].minute, r->submitted, r->kills);
	return fclose(file) == 0 ? 0 : SAGA_E_FILE;
}

static int judge(struct run *r)
{
	const uint32_t ended = atomic_load(&r->ended);
	struct history_check check;
	bool well = true;

	(void)printf("sagas %u (ended %u, refused %u)   owners killed %u   replays %u\n",
		     r->submitted, ended, r->busy, r->kills, r->replays);
	(void)printf("%-12s %10s %10s %10s %10s\n", "mean of", "quarter 1", "2", "3", "4");
	well &= flat(r, "journals", "MiB", 1, journal_of);
	well &= flat(r, "memory", "MiB", 16, memory_in);
	well &= flat(r, "replay", "ms", 100, replay_of);
	history_check(cluster_nats_url(r->cluster), SHARDS, &check);
	(void)printf("history: %" PRIu64 " entries, %" PRIu64 " batches in all, %" PRIu64
		     " of them only there, %" PRIu64 " written twice; sagas accepted %" PRIu64
		     ", finished %" PRIu64 "\n",
		     check.entries, check.batches, check.retired, check.repeated, check.accepted,
		     check.finished);
	if (check.trouble[0] != '\0')
		(void)printf("NOT WHOLE: %s\n", check.trouble);
	if (ended != r->submitted)
		(void)printf("%u sagas did not end\n", r->submitted - ended);
	if (check.finished < r->submitted || check.retired == 0)
		(void)printf("NOT ALL THERE\n");
	well &= check.trouble[0] == '\0' && ended == r->submitted &&
		check.finished >= r->submitted && check.retired > 0;
	if (plot(r) == 0)
		(void)printf("plot: %s\n", r->options.plot);
	return well ? 0 : 1;
}

static void close_all(struct run *r)
{
	if (r->connection != NULL)
		saga_close(r->connection, 0);
	saga_definition_free(r->definition);
	jsCtx_Destroy(r->js);
	natsConnection_Destroy(r->nats);
	cluster_destroy(r->cluster);
}

int main(int argc, char **argv)
{
	static struct run r = {.options = {.minutes = 20,
					   .per_second = 100,
					   .kill_every_s = 45,
					   .segment_kib = 256,
					   .plot = "soak-journal.svg"}};
	const struct argument known[] = {
		argument_count("minutes", 'm', "how long (20)", &r.options.minutes, 1, 24 * 60),
		argument_count("per-second", 'n', "sagas a second (100)", &r.options.per_second, 1,
			       10000),
		argument_count("kill-every", 'k', "seconds between two kills of an owner (45)",
			       &r.options.kill_every_s, 0, 3600),
		argument_count("segment", 's', "KiB of a segment (256)", &r.options.segment_kib, 16,
			       1 << 20),
		argument_text("plot", 'p', "FILE", "where the plot goes (soak-journal.svg)",
			      &r.options.plot),
	};
	arguments_take(argc, argv, "Disk, memory and replay time under load, for long.", known,
		       sizeof known / sizeof known[0]);
	int error = open_all(&r);
	if (error == 0)
		error = load(&r);
	if (error == 0)
		(void)wait_until(all_ended, &r, END_MS);
	if (error != 0)
		(void)fprintf(stderr, "%s: %s\n", err_name(error),
			      r.cluster != NULL ? cluster_trouble(r.cluster) : "");
	const int code = error != 0 ? 1 : judge(&r);
	if (code != 0 && r.cluster != NULL) {
		cluster_keep(r.cluster);
		(void)printf("kept: %s\n", cluster_folder(r.cluster));
	}
	close_all(&r);
	return code;
}
