/* Three NATS servers, every stream with three replicas: servers go and come back while sagas are
 * under way. What counts is what stands in the services' databases: each saga wholly or not at
 * all, once (S6, S16). */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/trip.h"

enum {
	SHARDS = 4,
	CLIENTS = 16,
	SAGAS_MAX = 20000,
	SUBMIT_MS = 120000,
	MOVE_MS = 90000, /* ten elections */
	SERVE_MS = 90000,
	OUTAGE_MS = 20000,
	NOTICE_MS = 2000,   /* shard time may go on for so long before the loss is noticed */
	CATCHUP_MS = 10000, /* and at each take-over jump by so much (S16) */
};

#define SLOW_ID "through-the-outage"

/* ---- the load -------------------------------------------------------------------------------- */

struct outcome {
	char id[SAGA_ID_SIZE];
	enum saga_state state;
	uint32_t shard;
};

/* A few clients, each with one saga after the other: some complete, some are undone, some lose
 * answers. */
struct load {
	struct trip *trip;
	pthread_mutex_t lock;
	pthread_t clients[CLIENTS];
	uint32_t started, ended_on[SHARDS];
	uint32_t count;
	struct outcome *outcomes;
	bool stop;
	char trouble[256]; /* the first */
};

static bool begin(struct load *load, char id[SAGA_ID_SIZE], const char **script)
{
	static const char *const scripts[] = {"", "slow:a:20 reject:c", "slow:b:20", "lose:b"};
	bool go_on = false;

	(void)pthread_mutex_lock(&load->lock);
	if (!load->stop && load->started < SAGAS_MAX && load->trouble[0] == '\0') {
		(void)snprintf(id, SAGA_ID_SIZE, "load-%llu-%u",
			       (unsigned long long)load->trip->next_id, ++load->started);
		*script = scripts[load->started % 4];
		go_on = true;
	}
	(void)pthread_mutex_unlock(&load->lock);
	return go_on;
}

static void end(struct load *load, const char *id, int error, const struct saga_status *status)
{
	(void)pthread_mutex_lock(&load->lock);
	if (error != 0 || status->shard >= SHARDS) {
		if (load->trouble[0] == '\0')
			(void)snprintf(load->trouble, sizeof load->trouble, "%s: %s %s", id,
				       saga_error_name(error), saga_error_text(error));
	} else {
		struct outcome *outcome = &load->outcomes[load->count++];

		(void)snprintf(outcome->id, sizeof outcome->id, "%s", id);
		outcome->state = status->state;
		outcome->shard = status->shard;
		load->ended_on[status->shard]++;
	}
	(void)pthread_mutex_unlock(&load->lock);
}

/* No assertions here: they belong to the main thread. */
static void *client(void *context)
{
	struct load *load = context;
	struct saga_submit_options options;
	struct saga_status status = {.shard = SHARDS};
	char id[SAGA_ID_SIZE];
	const char *script = NULL;

	while (begin(load, id, &script)) {
		saga_submit_options_init(&options);
		options.id = id;
		options.input = script;
		options.input_size = strlen(script);
		options.timeout_ms = SUBMIT_MS;
		int error = saga_submit(load->trip->connection, load->trip->definition, &options,
					&status);
		if (error == 0)
			error = saga_wait(load->trip->connection, id, SUBMIT_MS, &status);
		end(load, id, error, &status);
	}
	return NULL;
}

static void load_start(struct load *load, struct trip *trip)
{
	*load = (struct load){.trip = trip};
	load->outcomes = calloc(SAGAS_MAX, sizeof *load->outcomes);
	assert_non_null(load->outcomes);
	trip->next_id++;
	(void)pthread_mutex_init(&load->lock, NULL);
	for (uint32_t i = 0; i < CLIENTS; i++)
		assert_int_equal(pthread_create(&load->clients[i], NULL, client, load), 0);
}

struct progress {
	struct load *load;
	uint32_t goal[SHARDS];
};

static bool has_progress(void *context)
{
	struct progress *progress = context;
	bool all = true;

	(void)pthread_mutex_lock(&progress->load->lock);
	for (uint32_t s = 0; s < SHARDS; s++)
		all = all && progress->load->ended_on[s] >= progress->goal[s];
	all = all || progress->load->trouble[0] != '\0';
	(void)pthread_mutex_unlock(&progress->load->lock);
	return all;
}

/* Until so many more sagas have ended on each shard. */
static void load_move_on(struct load *load, uint32_t more)
{
	struct progress progress = {.load = load};

	(void)pthread_mutex_lock(&load->lock);
	for (uint32_t s = 0; s < SHARDS; s++)
		progress.goal[s] = load->ended_on[s] + more;
	(void)pthread_mutex_unlock(&load->lock);
	if (!wait_until(has_progress, &progress, MOVE_MS))
		for (uint32_t s = 0; s < SHARDS; s++)
			if (load->ended_on[s] < progress.goal[s])
				fail_msg("shard %u stands still at %u sagas, %u were expected", s,
					 load->ended_on[s], progress.goal[s]);
	if (load->trouble[0] != '\0')
		fail_msg("%s", load->trouble);
}

/* Nothing is left open; each saga is in the databases what its client was told. */
static void load_end(struct load *load)
{
	(void)pthread_mutex_lock(&load->lock);
	load->stop = true;
	(void)pthread_mutex_unlock(&load->lock);
	for (uint32_t i = 0; i < CLIENTS; i++)
		assert_int_equal(pthread_join(load->clients[i], NULL), 0);
	if (load->trouble[0] != '\0')
		fail_msg("%s", load->trouble);
	assert_int_equal(load->count, load->started);
	for (uint32_t i = 0; i < load->count; i++)
		trip_assert_outcome(load->trip, load->outcomes[i].id, load->outcomes[i].state);
	print_message("%u sagas\n", load->count);
	(void)pthread_mutex_destroy(&load->lock);
	free(load->outcomes);
}

/* ---- looking --------------------------------------------------------------------------------- */

struct seen {
	uint64_t since_unix_ms;
	uint32_t shard; /* of the take-overs */
	uint32_t appends_settled, takeovers;
};

static void see(void *context, const struct cluster_event *event)
{
	struct seen *seen = context;

	if (event->unix_ms < seen->since_unix_ms)
		return;
	seen->appends_settled += strcmp(event->event, "journal.append_settled") == 0;
	seen->takeovers +=
		strcmp(event->event, "shard.serving") == 0 && event->shard == seen->shard;
}

/* How many appends of unknown outcome the nodes have settled since then (S6), and how often the
 * shard was taken over. */
static struct seen look(struct trip *trip, uint64_t since_unix_ms, uint32_t shard)
{
	struct seen seen = {.since_unix_ms = since_unix_ms, .shard = shard};

	for (uint32_t n = 0; n < 3; n++) {
		uint64_t offset = 0;

		assert_int_equal(
			cluster_events(trip->cluster, cluster_node_name(n), &offset, see, &seen),
			0);
	}
	return seen;
}

static uint64_t unix_ms(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The server that leads the journal of this shard. */
static const char *leader_of(struct trip *trip, uint32_t shard)
{
	static char leader[PROCESS_NAME_SIZE];
	char stream[32];

	(void)snprintf(stream, sizeof stream, "SAGA_J_%u", shard);
	if (cluster_stream_leader(trip->cluster, stream, leader, MOVE_MS) != 0)
		fail_msg("%s", cluster_trouble(trip->cluster));
	return leader;
}

static void end_server(struct trip *trip, const char *name, int signal_number)
{
	assert_int_equal(cluster_signal(trip->cluster, name, signal_number), 0);
	assert_true(cluster_wait_end(trip->cluster, name, 30000));
}

static void restart_server(struct trip *trip, const char *name)
{
	if (cluster_restart(trip->cluster, name) != 0)
		fail_msg("%s", cluster_trouble(trip->cluster));
}

static void assert_nodes_live(struct trip *trip)
{
	for (uint32_t n = 0; n < 3; n++)
		assert_int_not_equal(cluster_pid(trip->cluster, cluster_node_name(n)), 0);
	if (cluster_wait_serving(trip->cluster, SERVE_MS) != 0)
		fail_msg("%s", cluster_trouble(trip->cluster));
}

/* ---- the tests ------------------------------------------------------------------------------- */

static struct trip trip;

/* Commands reach nobody while their own stream, or a service's consumer, elects a leader: attempts
 * must outlast that, or a saga is undone, and an undo parked, for want of an answer. */
static const char definition[] = "name: trip\n"
				 "version: 1\n"
				 "protocol: saga\n"
				 "deadline: 10m\n"
				 "defaults:\n"
				 "  timeout: 2s\n"
				 "  retry: {attempts: 50, initial: 100ms, factor: 2, cap: 1s}\n"
				 "  undo_retry: {attempts: 50, initial: 50ms, factor: 2, cap: 1s}\n"
				 "steps:\n"
				 "  - {name: a, service: svc-a, action: do, compensate: undo}\n"
				 "  - {name: b, service: svc-b, action: do, compensate: undo}\n"
				 "  - {name: c, service: svc-c, action: do, compensate: undo}\n";

static int open_trip(void **state)
{
	struct cluster_options options;
	char why[512] = "";

	(void)state;
	trip_options(&options);
	options.shards = SHARDS;
	options.nats_count = 3;
	trip_open(&trip, &options);
	saga_definition_free(trip.definition);
	if (saga_definition_parse(definition, sizeof definition - 1, "trip", &trip.definition, why,
				  sizeof why) != 0)
		fail_msg("%s", why);
	return 0;
}

/* Whatever the test before has left. */
static int all_up(void **state)
{
	(void)state;
	return cluster_start_servers(trip.cluster);
}

static int close_trip(void **state)
{
	(void)state;
	trip_close(&trip);
	return 0;
}

/* Two of three go on without it, also on the journal that it led; back again, it catches up. */
static void leader_killed_during_appends(void **state)
{
	static struct load load; /* its clients outlive a test that fails */
	char victim[PROCESS_NAME_SIZE];

	(void)state;
	load_start(&load, &trip);
	load_move_on(&load, 5);
	const uint64_t since = unix_ms();
	(void)snprintf(victim, sizeof victim, "%s", leader_of(&trip, 0));
	end_server(&trip, victim, SIGKILL);
	load_move_on(&load, 10);
	assert_string_not_equal(leader_of(&trip, 0), victim);
	restart_server(&trip, victim);
	load_move_on(&load, 5);
	load_end(&load);
	assert_nodes_live(&trip);
	assert_true(look(&trip, since, 0).appends_settled > 0);
}

/* It hands its leaderships over before it goes. */
static void server_stopped_and_back(void **state)
{
	static struct load load; /* its clients outlive a test that fails */
	char victim[PROCESS_NAME_SIZE];

	(void)state;
	load_start(&load, &trip);
	load_move_on(&load, 5);
	(void)snprintf(victim, sizeof victim, "%s", leader_of(&trip, 1));
	end_server(&trip, victim, SIGTERM);
	load_move_on(&load, 10);
	restart_server(&trip, victim);
	load_move_on(&load, 5);
	load_end(&load);
	assert_nodes_live(&trip);
}

static bool is_past(void *context)
{
	return wait_now_ms() >= *(const uint64_t *)context;
}

/* In the middle of its second step when the servers go. */
static void submit_slow(struct saga_status *status)
{
	struct saga_submit_options options;

	saga_submit_options_init(&options);
	options.id = SLOW_ID;
	options.input = "slow:b:1500";
	options.input_size = strlen(options.input);
	assert_int_equal(saga_submit(trip.connection, trip.definition, &options, status), 0);
}

static void all_gone_for_20_s(void **state)
{
	static struct load load; /* its clients outlive a test that fails */
	struct saga_status status;

	(void)state;
	load_start(&load, &trip);
	load_move_on(&load, 5);
	const uint64_t since = unix_ms();
	submit_slow(&status);
	const uint64_t submitted_ms = wait_now_ms();
	for (uint32_t i = 1; i <= 3; i++) {
		char name[8];

		(void)snprintf(name, sizeof name, "nats%u", i);
		assert_int_equal(cluster_signal(trip.cluster, name, SIGKILL), 0);
	}
	/* The outage itself is what is tested, so its length is no wait for luck. */
	uint64_t over_ms = wait_now_ms() + OUTAGE_MS;
	assert_true(wait_until(is_past, &over_ms, OUTAGE_MS + 10000));
	if (cluster_start_servers(trip.cluster) != 0)
		fail_msg("%s", cluster_trouble(trip.cluster));
	assert_int_equal(saga_wait(trip.connection, SLOW_ID, SUBMIT_MS, &status), 0);
	const uint64_t took_ms = wait_now_ms() - submitted_ms;
	assert_int_equal(status.state, SAGA_STATE_COMPLETED);
	trip_assert_outcome(&trip, SLOW_ID, status.state);
	/* A saga's own times are shard time (S16). */
	const uint64_t shard_ms = status.finished_unix_ms - status.accepted_unix_ms;
	const uint32_t jump_ms = look(&trip, since, status.shard).takeovers * CATCHUP_MS;
	print_message("%llu ms of shard time in %llu ms\n", (unsigned long long)shard_ms,
		      (unsigned long long)took_ms);
	assert_true(shard_ms + OUTAGE_MS < took_ms + NOTICE_MS + jump_ms);
	load_move_on(&load, 5);
	load_end(&load);
	assert_nodes_live(&trip);
	assert_true(look(&trip, since, 0).appends_settled > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(leader_killed_during_appends, all_up),
		cmocka_unit_test_setup(server_stopped_and_back, all_up),
		cmocka_unit_test_setup(all_gone_for_20_s, all_up),
	};

	return cmocka_run_group_tests(tests, open_trip, close_trip);
}
