/* Client of `bench saga`: keeps N four-step sagas in flight from one connection. */
#include <saga.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/os_clock.h"
#include "base/os_entropy.h"
#include "bench/arguments.h"
#include "bench/tally.h"

static const char DEFINITION[] = "name: bench\n"
				 "version: 1\n"
				 "protocol: saga\n"
				 "deadline: 60s\n"
				 "defaults: {delivery: %s}\n"
				 "steps:\n"
				 "  - {name: a, service: bench-a, action: do, compensate: undo}\n"
				 "  - {name: b, service: bench-b, action: do, compensate: undo}\n"
				 "  - {name: c, service: bench-c, action: do, compensate: undo}\n"
				 "  - {name: d, service: bench-d, action: do, compensate: undo}\n";

enum { IN_FLIGHT_MAX = 60000, INPUT_BYTES = 32, RETRY_WINDOW_MS = 10000 };

struct client;
struct slot {
	struct client *client;
	uint64_t begun_ns;
};
/* Everything but `ended` belongs to the connection's thread once the first sagas are on their way.
 */
struct client {
	struct saga_connection *connection;
	struct saga_definition *definition;
	struct slot *slots;
	uint64_t next_id, run;
	struct tally tally;
	sem_t ended;
	bool over;
	uint32_t in_flight, seconds;
	const char *delivery;
};

static void submit(struct slot *slot);

static void again(struct slot *slot)
{
	struct client *c = slot->client;
	if (!c->over && tally_over(&c->tally)) {
		c->over = true;
		CHECK_EQ(sem_post(&c->ended), 0);
	}
	if (!c->over)
		submit(slot);
}

static void on_accepted(void *context, int error, const struct saga_status *status)
{
	struct slot *slot = context;
	(void)status;
	if (error == 0)
		return; /* its end is told apart */
	if (!slot->client->over)
		slot->client->tally.failed++;
	again(slot);
}

static void on_finished(void *context, int error, const struct saga_status *status)
{
	struct slot *slot = context;
	struct client *c = slot->client;
	if (error != 0 || status->state != SAGA_STATE_COMPLETED) {
		if (!c->over)
			c->tally.failed++;
	} else if (!c->over) {
		tally_saga(&c->tally, os_clock_mono_ns() - slot->begun_ns);
	}
	again(slot);
}

static void submit(struct slot *slot)
{
	static const uint8_t input[INPUT_BYTES];
	struct client *c = slot->client;
	struct saga_submit_options options;
	char id[SAGA_ID_SIZE];
	(void)snprintf(id, sizeof id, "bench-%016llx-%llu", (unsigned long long)c->run,
		       (unsigned long long)__atomic_fetch_add(&c->next_id, 1, __ATOMIC_RELAXED));
	saga_submit_options_init(&options);
	options.id = id;
	options.input = input;
	options.input_size = sizeof input;
	options.retry_window_ms = RETRY_WINDOW_MS;
	options.timeout_ms = 30000;
	slot->begun_ns = os_clock_mono_ns();
	CHECK_EQ(saga_submit_async(c->connection, c->definition, &options, on_accepted, on_finished,
				   slot),
		 0);
}

static int prepare(struct client *c)
{
	struct saga_options connect;
	struct saga_submit_options options;
	struct saga_status status;
	char why[512] = "";
	char definition[sizeof DEFINITION + 16];
	(void)snprintf(definition, sizeof definition, DEFINITION, c->delivery);
	saga_options_init(&connect);
	connect.url = getenv("SAGA_NATS_URL");
	c->slots = calloc(c->in_flight, sizeof *c->slots);
	c->run = os_entropy_u64();
	if (c->slots == NULL || sem_init(&c->ended, 0, 0) != 0)
		return SAGA_ERR_NO_MEMORY;
	int error = saga_open(&connect, &c->connection);
	if (error == 0)
		error = saga_definition_parse(definition, strlen(definition), "bench",
					      &c->definition, why, sizeof why);
	/* The first one waits for services and owners, outside of what is measured. */
	saga_submit_options_init(&options);
	options.timeout_ms = 30000;
	if (error == 0)
		error = saga_run(c->connection, c->definition, &options, &status);
	if (error != 0)
		(void)fprintf(stderr, "%s: %s %s\n", saga_error_name(error), saga_error_text(error),
			      why);
	return error;
}

int main(int argc, char **argv)
{
	static struct client c = {.in_flight = 2000, .seconds = 10, .delivery = "durable"};
	const struct argument known[] = {
		argument_count("inflight", 'n', "sagas in flight (2000)", &c.in_flight, 1,
			       IN_FLIGHT_MAX),
		argument_count("seconds", 't', "measured time (10)", &c.seconds, 1, UINT32_MAX),
		argument_choice("delivery", 'd', "durable|direct", "of all steps (durable)",
				&c.delivery),
	};
	arguments_take(argc, argv, "The client of `bench saga`.", known,
		       sizeof known / sizeof known[0]);
	if (prepare(&c) != 0)
		return 1;
	tally_init(&c.tally, c.seconds);
	for (uint32_t i = 0; i < c.in_flight; i++) {
		c.slots[i].client = &c;
		submit(&c.slots[i]);
	}
	while (sem_wait(&c.ended) != 0)
		continue;
	tally_print(&c.tally);
	saga_close(c.connection, 0);
	saga_definition_free(c.definition);
	free(c.slots);
	return 0;
}
