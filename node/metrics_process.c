/* The process itself, its loops, its log and its HTTP. */
#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/os_clock.h"
#include "base/os_log.h"
#include "node/metrics.h"
#include "node/version.h"

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

static void one(struct metrics_text *w, enum metric metric, uint64_t value)
{
	metric_begin(w, &metrics_table[metric]);
	metric_count(w, NULL, value);
}

static void build(struct metrics_text *w)
{
	struct metric_labels l;

	metric_begin(w, &metrics_table[METRIC_BUILD_INFO]);
	(void)metric_label_str(metric_labels_begin(&l), "version", SAGAD_VERSION);
	(void)metric_label_str(&l, "revision", SAGAD_REVISION);
	(void)metric_label_str(&l, "compiler", COMPILER);
	metric_count(w, &l, 1);
}

static uint64_t cpu_ms(void)
{
	struct rusage usage = {0};

	(void)getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
	       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

static uint64_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long long all = 0;
	unsigned long long resident = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%llu %llu", &all, &resident) != 2)
		resident = 0;
	(void)fclose(file);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t open_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	uint64_t count = 0;

	if (folder == NULL)
		return 0;
	while (readdir(folder) != NULL)
		count++;
	(void)closedir(folder);
	return count > 3 ? count - 3 : 0; /* ".", "..", and the folder's own */
}

static uint64_t max_fds(void)
{
	struct rlimit limit = {0};

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur;
}

static void process(const struct metrics *m, struct metrics_text *w)
{
	metric_begin(w, &metrics_table[METRIC_CPU]);
	metric_milli(w, NULL, cpu_ms());
	one(w, METRIC_MEMORY, resident_bytes());
	one(w, METRIC_FDS, open_fds());
	one(w, METRIC_MAX_FDS, max_fds());
	metric_begin(w, &metrics_table[METRIC_START_TIME]);
	metric_milli(w, NULL, m->start_ms);
}

static void loops(const struct metrics *m, struct metrics_text *w)
{
	const uint32_t count = atomic_load(&m->health->loop_count);
	const uint64_t now_ns = os_clock_mono_ns();
	struct metric_labels control;
	struct metric_labels worker;
	struct buckets lag;
	uint64_t silence_ns = 0;

	(void)metric_label_str(metric_labels_begin(&control), "loop", "control");
	(void)metric_label_str(metric_labels_begin(&worker), "loop", "worker");
	metric_begin(w, &metrics_table[METRIC_LOOP_LAG]);
	metric_histogram(w, &control, &m->control.loop_lag_ms, &bucket_latency_ms, true);
	METRICS_BUCKETS(m, loop_lag_ms, &lag);
	metric_histogram(w, &worker, &lag, &bucket_latency_ms, true);

	for (uint32_t i = 1; i < count; i++) {
		const uint64_t ns = health_silence_ns(m->health, i, now_ns);

		silence_ns = ns > silence_ns ? ns : silence_ns;
	}
	metric_begin(w, &metrics_table[METRIC_LOOP_SILENCE]);
	metric_milli(w, &control,
		     count > 0 ? health_silence_ns(m->health, 0, now_ns) / 1000000 : 0);
	metric_milli(w, &worker, silence_ns / 1000000);
}

static void logs(struct metrics_text *w)
{
	static const char *const levels[] = {"debug", "info", "warn", "error"};
	struct metric_labels l;

	metric_begin(w, &metrics_table[METRIC_LOG]);
	for (uint32_t i = 0; i < 4; i++) {
		(void)metric_label_str(metric_labels_begin(&l), "level", levels[i]);
		metric_count(w, &l, log_count((enum log_level)i));
	}
}

static void http(const struct metrics *m, struct metrics_text *w)
{
	static const uint32_t classes[] = {2, 4, 5};
	struct metric_labels l;

	metric_begin(w, &metrics_table[METRIC_HTTP]);
	for (uint32_t route = 0; route < HTTP_ROUTES; route++) {
		for (uint32_t i = 0; i < 3; i++) {
			char code[] = "0xx";

			code[0] = (char)('0' + classes[i]);
			(void)metric_label_str(metric_labels_begin(&l), "route",
					       http_route_name((enum http_route)route));
			(void)metric_label_str(&l, "code", code);
			metric_count(w, &l, counter_get(&m->http.requests[route][classes[i]]));
		}
	}
	one(w, METRIC_HTTP_OPEN, counter_get(&m->http.connections));
	one(w, METRIC_HTTP_CUT, counter_get(&m->http.dropped));
}

void metrics_write_process(struct metrics *m, struct metrics_text *w)
{
	build(w);
	process(m, w);
	one(w, METRIC_READY, health_ready(m->health, false, NULL));
	loops(m, w);
	logs(w);
	http(m, w);
}
