/* Client of `bench handover` and `bench failover`: so many four-step sagas a second, whatever
 * becomes of them (open loop), until it is told to stop; or sagas that stay open, for their weight.
 * Writes a line for each saga: "<shard> <submitted> <accepted> <finished> <error>", Unix ms, 0 =
 * never. */
#include <saga.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/os_clock.h"
#include "base/os_entropy.h"
#include "bench/arguments.h"
#include "bench/tally.h"
#include "wire/shard.h"

static const char STEADY[] = "name: steady\n"
			     "version: 1\n"
			     "protocol: saga\n"
			     "deadline: 10m\n"
			     "steps:\n"
			     "  - {name: a, service: bench-a, action: do, compensate: undo}\n"
			     "  - {name: b, service: bench-b, action: do, compensate: undo}\n"
			     "  - {name: c, service: bench-c, action: do, compensate: undo}\n"
			     "  - {name: d, service: bench-d, action: do, compensate: undo}\n";
/* Nobody serves that. */
static const char OPEN[] = "name: open\n"
			   "version: 1\n"
			   "protocol: saga\n"
			   "deadline: 24h\n"
			   "steps:\n"
			   "  - {name: a, service: bench-nobody, action: do, compensate: undo}\n";

enum { SAGAS_MAX = 1000000, TICK_MS = 2, DRAIN_MS = 60000, IN_FLIGHT_OPEN = 500 };

struct saga {
	uint64_t submitted_ms, accepted_ms, finished_ms;
	uint32_t shard;
	int error;
};

struct client {
	struct saga_connection *connection;
	struct saga_definition *definition;
	struct wire_slots slots;
	struct saga *sagas;
	uint32_t count, done; /* done: by the connection's thread, atomic */
	uint64_t run;
	uint32_t rate, open, shards;
	const char *file;
};

static struct client c = {.rate = 500, .shards = 16};
static volatile sig_atomic_t stopping;

static void on_stop(int number)
{
	(void)number;
	stopping = 1;
}

static void on_accepted(void *context, int error, const struct saga_status *status)
{
	struct saga *saga = context;
	(void)status;
	if (error == 0)
		saga->accepted_ms = os_clock_wall_ms();
	saga->error = error;
	if (error != 0 || c.open > 0)
		(void)__atomic_fetch_add(&c.done, 1, __ATOMIC_RELEASE);
}

static void on_finished(void *context, int error, const struct saga_status *status)
{
	struct saga *saga = context;
	saga->finished_ms = os_clock_wall_ms();
	saga->error = error == 0 && status->state != SAGA_STATE_COMPLETED ? -1 : error;
	(void)__atomic_fetch_add(&c.done, 1, __ATOMIC_RELEASE);
}

static void submit(void)
{
	struct saga_submit_options options;
	struct saga *saga = &c.sagas[c.count];
	char id[SAGA_ID_SIZE];
	(void)snprintf(id, sizeof id, "steady-%016llx-%u", (unsigned long long)c.run, c.count);
	saga_submit_options_init(&options);
	options.id = id;
	options.timeout_ms = DRAIN_MS;
	saga->shard = wire_shard_of(&c.slots, slice_str(id));
	saga->submitted_ms = os_clock_wall_ms();
	c.count++;
	saga->error = saga_submit_async(c.connection, c.definition, &options, on_accepted,
					c.open > 0 ? NULL : on_finished, saga);
	if (saga->error != 0)
		(void)__atomic_fetch_add(&c.done, 1, __ATOMIC_RELEASE);
}

static uint32_t waiting(void)
{
	return c.count - __atomic_load_n(&c.done, __ATOMIC_ACQUIRE);
}

static void run_steadily(void)
{
	const uint64_t begin_ns = os_clock_mono_ns();
	while (!stopping && c.count < SAGAS_MAX) {
		const uint64_t due = (os_clock_mono_ns() - begin_ns) / 1000 * c.rate / 1000000;
		while (c.count < due && c.count < SAGAS_MAX)
			submit();
		(void)usleep(TICK_MS * 1000);
	}
}

static void run_open(void)
{
	while (!stopping && c.count < c.open) {
		while (c.count < c.open && waiting() < IN_FLIGHT_OPEN)
			submit();
		(void)usleep(TICK_MS * 1000);
	}
}

static int prepare(void)
{
	const char *text = c.open > 0 ? OPEN : STEADY;
	struct saga_options connect;
	struct saga_submit_options options;
	struct saga_status status;
	char why[512] = "";
	saga_options_init(&connect);
	connect.url = getenv("SAGA_NATS_URL");
	c.sagas = calloc(SAGAS_MAX, sizeof *c.sagas);
	c.run = os_entropy_u64();
	if (c.sagas == NULL || wire_slots_even(&c.slots, c.shards) != 0)
		return SAGA_ERR_NO_MEMORY;
	int error = saga_open(&connect, &c.connection);
	if (error == 0)
		error = saga_definition_parse(text, strlen(text), "bench", &c.definition, why,
					      sizeof why);
	/* The first one waits for services and owners, outside of what is measured. */
	saga_submit_options_init(&options);
	options.timeout_ms = 30000;
	if (error == 0 && c.open == 0)
		error = saga_run(c.connection, c.definition, &options, &status);
	if (error != 0)
		(void)fprintf(stderr, "%s: %s %s\n", saga_error_name(error), saga_error_text(error),
			      why);
	return error;
}

static int write_file(void)
{
	FILE *file = c.file == NULL ? NULL : fopen(c.file, "we");
	if (c.file == NULL)
		return 0;
	if (file == NULL)
		return 1;
	for (uint32_t i = 0; i < c.count; i++) {
		const struct saga *s = &c.sagas[i];
		(void)fprintf(file, "%u %llu %llu %llu %d\n", s->shard,
			      (unsigned long long)s->submitted_ms,
			      (unsigned long long)s->accepted_ms,
			      (unsigned long long)s->finished_ms, s->error);
	}
	return fclose(file) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	uint32_t failed = 0;
	const struct argument known[] = {
		argument_count("rate", 'r', "sagas a second (500)", &c.rate, 1, 100000),
		argument_count("open", 'n', "submit so many that stay open, and end (0)", &c.open,
			       0, SAGAS_MAX),
		argument_count("shards", 's', "of the cluster (16)", &c.shards, 1, WIRE_SHARDS_MAX),
		argument_text("file", 'f', "PATH", "what became of each saga", &c.file),
	};
	arguments_take(argc, argv, "A client that does not wait.", known,
		       sizeof known / sizeof known[0]);
	(void)signal(SIGTERM, on_stop);
	if (prepare() != 0)
		return 1;
	tally_ready();
	if (c.open > 0)
		run_open();
	else
		run_steadily();
	for (uint32_t i = 0; waiting() > 0 && i < DRAIN_MS; i += 10)
		(void)usleep(10000);
	for (uint32_t i = 0; i < c.count; i++)
		failed += c.sagas[i].error != 0 ||
			  (c.open == 0 ? c.sagas[i].finished_ms : c.sagas[i].accepted_ms) == 0;
	const int written = write_file();
	(void)printf("done sagas=%u failed=%u\n", c.count, failed);
	(void)fflush(stdout);
	saga_close(c.connection, 0);
	return written;
}
