/* Load of `bench overload`: measures what the cluster can do (closed loop), offers so many times as
 * much at a steady rate whatever becomes of it (open loop), and measures what it can do again.
 *
 * Lines: "ready", "capacity per_second=", "overload key=value ...", "again key=value ...".
 */
#include <saga.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/metrics.h"
#include "base/os_clock.h"
#include "base/os_entropy.h"
#include "bench/arguments.h"
#include "bench/tally.h"

static const char DEFINITION[] = "name: bench\n"
				 "version: 1\n"
				 "protocol: saga\n"
				 "deadline: 60s\n"
				 "steps:\n"
				 "  - {name: a, service: bench-a, action: do, compensate: undo}\n"
				 "  - {name: b, service: bench-b, action: do, compensate: undo}\n"
				 "  - {name: c, service: bench-c, action: do, compensate: undo}\n"
				 "  - {name: d, service: bench-d, action: do, compensate: undo}\n";

enum {
	CONNECTIONS = 8,
	IN_FLIGHT_MAX = 60000,
	SECONDS_MAX = 600,
	INPUT_BYTES = 32,
	CALL_MS = 30000, /* of a call in the closed loop */
	WARM_UP_MS = 2000,
	RECOVERY_S = 10,  /* how long at most it is looked whether the capacity is back */
	WELL_PERCENT = 80 /* of the capacity, to be back */
};

/* One thread's each: a connection calls back on its own. */
struct line {
	struct flood *flood;
	struct saga_connection *connection;
	struct histogram latency_us; /* of what was done in time in the measured part */
	uint64_t good, late, busy, unknown, failed, accepted;
};

/* One saga under way. */
struct flight {
	struct line *line;
	uint64_t begun_ns; /* when it was to begin, in the open loop */
	bool open;         /* of the open loop; others begin again when they end */
};

struct flood {
	struct line lines[CONNECTIONS];
	struct saga_definition *definition;
	uint64_t run;
	atomic_ullong next_id, under_way;
	atomic_ullong done[SECONDS_MAX + RECOVERY_S + 8]; /* in each second of the phase */
	atomic_ullong phase_ns;                           /* its begin */
	atomic_bool closed;                               /* the closed loop goes on */
	uint64_t from_ns, to_ns;                          /* measured part of the open loop */
	uint64_t offered, refused_at_once;
	uint32_t in_flight, seconds, capacity_seconds, deadline_ms;
	double factor;
};

/* ---- one saga ----------------------------------------------------------------------------------
 */

static void begin(struct flight *flight);

static void end(struct flight *flight)
{
	struct flood *f = flight->line->flood;
	if (!flight->open && atomic_load(&f->closed)) {
		begin(flight);
		return;
	}
	free(flight);
	(void)atomic_fetch_sub(&f->under_way, 1);
}

static void on_accepted(void *context, int error, const struct saga_status *status)
{
	struct flight *flight = context;
	struct line *line = flight->line;
	(void)status;
	if (error == 0) {
		line->accepted++;
		return; /* its end is told apart */
	}
	if (error == SAGA_ERR_BUSY)
		line->busy++;
	else if (error == SAGA_ERR_UNKNOWN)
		line->unknown++;
	else
		line->failed++;
	end(flight);
}

static void count_open(const struct flight *flight, uint64_t now_ns)
{
	struct line *line = flight->line;
	const struct flood *f = line->flood;
	const uint64_t took_ns = now_ns - flight->begun_ns;
	if (took_ns > (uint64_t)f->deadline_ms * 1000000) {
		line->late++;
	} else if (now_ns >= f->from_ns && now_ns < f->to_ns) {
		line->good++;
		histogram_record(&line->latency_us, took_ns / 1000);
	}
}

static void on_finished(void *context, int error, const struct saga_status *status)
{
	struct flight *flight = context;
	struct flood *f = flight->line->flood;
	const uint64_t now_ns = os_clock_mono_ns();
	const uint64_t second = (now_ns - atomic_load(&f->phase_ns)) / 1000000000;
	if (error == SAGA_ERR_TIMEOUT)
		flight->line->late++;
	else if (error != 0 || status->state != SAGA_STATE_COMPLETED)
		flight->line->failed++;
	else if (flight->open)
		count_open(flight, now_ns);
	else if (second < sizeof f->done / sizeof f->done[0])
		(void)atomic_fetch_add(&f->done[second], 1);
	end(flight);
}

static int submit(struct flight *flight, uint32_t timeout_ms)
{
	static const uint8_t input[INPUT_BYTES];
	struct flood *f = flight->line->flood;
	struct saga_submit_options options;
	char id[SAGA_ID_SIZE];
	(void)snprintf(id, sizeof id, "flood-%016llx-%llu", (unsigned long long)f->run,
		       (unsigned long long)atomic_fetch_add(&f->next_id, 1));
	saga_submit_options_init(&options);
	options.id = id;
	options.input = input;
	options.input_size = sizeof input;
	options.retry_window_ms = timeout_ms + 1000;
	options.timeout_ms = timeout_ms;
	return saga_submit_async(flight->line->connection, f->definition, &options, on_accepted,
				 on_finished, flight);
}

static void begin(struct flight *flight)
{
	flight->begun_ns = os_clock_mono_ns();
	CHECK_EQ(submit(flight, CALL_MS), 0);
}

static struct flight *flight_new(struct flood *f, uint64_t number)
{
	struct flight *flight = calloc(1, sizeof *flight);
	CHECK(flight != NULL);
	flight->line = &f->lines[number % CONNECTIONS];
	(void)atomic_fetch_add(&f->under_way, 1);
	return flight;
}

/* ---- the phases --------------------------------------------------------------------------------
 */

static void sleep_ms(uint64_t ms)
{
	const struct timespec time = {.tv_sec = (time_t)(ms / 1000),
				      .tv_nsec = (long)(ms % 1000) * 1000000};
	(void)nanosleep(&time, NULL);
}

static void wait_for_all(const struct flood *f, uint64_t most_ms)
{
	const uint64_t until_ns = os_clock_mono_ns() + most_ms * 1000000;
	while (atomic_load(&f->under_way) > 0 && os_clock_mono_ns() < until_ns)
		sleep_ms(1);
}

static void phase_begin(struct flood *f)
{
	for (size_t i = 0; i < sizeof f->done / sizeof f->done[0]; i++)
		atomic_store(&f->done[i], 0);
	atomic_store(&f->phase_ns, os_clock_mono_ns());
}

static void closed_begin(struct flood *f)
{
	phase_begin(f);
	atomic_store(&f->closed, true);
	for (uint32_t i = 0; i < f->in_flight; i++)
		begin(flight_new(f, i));
}

static void closed_end(struct flood *f)
{
	atomic_store(&f->closed, false);
	wait_for_all(f, CALL_MS);
}

static double capacity(struct flood *f)
{
	uint64_t sum = 0;
	const uint32_t first = WARM_UP_MS / 1000;
	closed_begin(f);
	sleep_ms(WARM_UP_MS + f->capacity_seconds * UINT64_C(1000));
	for (uint32_t i = first; i < first + f->capacity_seconds; i++)
		sum += atomic_load(&f->done[i]);
	closed_end(f);
	return (double)sum / f->capacity_seconds;
}

/* Keeps to the timetable even when it was held up itself: what was to begin begins, late, and its
 * time runs from when it was to. */
static void flood_open(struct flood *f, double per_second)
{
	const uint64_t begin_ns = os_clock_mono_ns();
	const double gap_ns = 1e9 / per_second;
	phase_begin(f);
	f->from_ns = begin_ns + (uint64_t)WARM_UP_MS * 1000000;
	f->to_ns = f->from_ns + (uint64_t)f->seconds * 1000000000;
	for (uint64_t n = 0;; n++) {
		const uint64_t at_ns = begin_ns + (uint64_t)((double)n * gap_ns);
		if (at_ns >= f->to_ns)
			break;
		while (os_clock_mono_ns() < at_ns)
			sleep_ms(1);
		struct flight *flight = flight_new(f, n);
		flight->open = true;
		flight->begun_ns = at_ns;
		f->offered += at_ns >= f->from_ns;
		const int error = submit(flight, f->deadline_ms);
		CHECK(error == 0 || error == SAGA_ERR_BUSY);
		if (error != 0) {
			f->refused_at_once++;
			end(flight);
		}
	}
}

static void report_overload(const struct flood *f, double took_s)
{
	struct histogram all;
	uint64_t good = 0, late = 0, busy = f->refused_at_once, unknown = 0, failed = 0;
	uint64_t accepted = 0;
	histogram_init(&all);
	for (uint32_t i = 0; i < CONNECTIONS; i++) {
		const struct line *line = &f->lines[i];
		histogram_merge(&all, &line->latency_us);
		good += line->good;
		late += line->late;
		busy += line->busy;
		unknown += line->unknown;
		failed += line->failed;
		accepted += line->accepted;
	}
	(void)printf("overload offered=%.0f good=%.0f late=%llu busy=%llu unknown=%llu failed=%llu "
		     "accepted=%llu p50_us=%llu p99_us=%llu left=%llu took_s=%.1f\n",
		     (double)f->offered / f->seconds, (double)good / f->seconds,
		     (unsigned long long)late, (unsigned long long)busy,
		     (unsigned long long)unknown, (unsigned long long)failed,
		     (unsigned long long)accepted,
		     (unsigned long long)histogram_quantile(&all, 500000),
		     (unsigned long long)histogram_quantile(&all, 990000),
		     (unsigned long long)atomic_load(&f->under_way), took_s);
	(void)fflush(stdout);
}

static void reset_counts(struct flood *f)
{
	for (uint32_t i = 0; i < CONNECTIONS; i++) {
		struct line *line = &f->lines[i];
		line->good = line->late = line->busy = line->unknown = 0;
		line->failed = line->accepted = 0;
		histogram_init(&line->latency_us);
	}
}

/* How many seconds until a second in which enough was done. */
static void again(struct flood *f, double before)
{
	uint64_t best = 0;
	uint32_t second = 0;
	closed_begin(f);
	while (second < RECOVERY_S) {
		sleep_ms(1000);
		const uint64_t done = atomic_load(&f->done[second++]);
		best = done > best ? done : best;
		if ((double)done * 100 >= before * WELL_PERCENT)
			break;
	}
	closed_end(f);
	(void)printf("again per_second=%llu after_s=%u back=%d failed=%llu\n",
		     (unsigned long long)best, second, (double)best * 100 >= before * WELL_PERCENT,
		     (unsigned long long)f->lines[0].failed);
	(void)fflush(stdout);
}

/* ---- life --------------------------------------------------------------------------------------
 */

static int prepare(struct flood *f)
{
	struct saga_options connect;
	struct saga_submit_options options;
	struct saga_status status;
	char why[512] = "";
	int error = saga_definition_parse(DEFINITION, sizeof DEFINITION - 1, "bench",
					  &f->definition, why, sizeof why);
	f->run = os_entropy_u64();
	saga_options_init(&connect);
	connect.url = getenv("SAGA_NATS_URL");
	saga_submit_options_init(&options);
	options.timeout_ms = CALL_MS;
	for (uint32_t i = 0; error == 0 && i < CONNECTIONS; i++) {
		struct line *line = &f->lines[i];
		line->flood = f;
		histogram_init(&line->latency_us);
		error = saga_open(&connect, &line->connection);
		/* The first one waits for services and owners, outside of what is measured. */
		if (error == 0)
			error = saga_run(line->connection, f->definition, &options, &status);
	}
	if (error != 0)
		(void)fprintf(stderr, "%s: %s %s\n", saga_error_name(error), saga_error_text(error),
			      why);
	return error;
}

int main(int argc, char **argv)
{
	static struct flood f = {
		.in_flight = 2000, .seconds = 30, .capacity_seconds = 5, .deadline_ms = 5000};
	uint32_t percent = 300;
	const struct argument known[] = {
		argument_count("inflight", 'n', "sagas in flight in the closed loop (2000)",
			       &f.in_flight, 1, IN_FLIGHT_MAX),
		argument_count("seconds", 't', "measured time of the overload (30)", &f.seconds, 1,
			       SECONDS_MAX),
		argument_count("capacity-seconds", 'c', "measured time of the capacity (5)",
			       &f.capacity_seconds, 1, 60),
		argument_count("percent", 'p', "of the capacity, offered (300)", &percent, 1, 2000),
		argument_count("deadline", 'd', "milliseconds that a caller has (5000)",
			       &f.deadline_ms, 100, CALL_MS),
	};
	arguments_take(argc, argv, "The load of `bench overload`.", known,
		       sizeof known / sizeof known[0]);
	if (prepare(&f) != 0)
		return 1;
	tally_ready();
	const double before = capacity(&f);
	(void)printf("capacity per_second=%.0f\n", before);
	(void)fflush(stdout);
	reset_counts(&f);
	const uint64_t begin_ns = os_clock_mono_ns();
	flood_open(&f, before * percent / 100);
	wait_for_all(&f, f.deadline_ms + 10000U);
	report_overload(&f, (double)(os_clock_mono_ns() - begin_ns) / 1e9);
	reset_counts(&f);
	again(&f, before);
	for (uint32_t i = 0; i < CONNECTIONS; i++)
		saga_close(f.lines[i].connection, 0);
	saga_definition_free(f.definition);
	return 0;
}
