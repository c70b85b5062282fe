/* One shard's journal is damaged (S7): it halts loudly, and stops neither the services for the
 * others (S13) nor the nodes. */
#include "tests/unit/unit.h"

#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "journal/json_scan.h"
#include "tests/support/trip.h"
#include "wire/codec.h"
#include "wire/shard.h"

enum {
	SHARDS = 4,
	WAIT_MS = 60000,
	IN_HAND = 120, /* frames whose answers nobody takes: more than a service has in hand */
	NEIGHBOURS = 20,
	NEIGHBOUR_MS = 30000,
	BAD = 1,
	ARENA_SIZE = 65536,
};

struct world {
	struct trip trip;
	natsConnection *nats;
	natsSubscription *alerts;
	struct wire_slots slots;
	uint32_t number;
};

static void open_world(struct world *w, uint32_t nodes)
{
	struct cluster_options options;
	*w = (struct world){0};
	trip_options(&options);
	options.shards = SHARDS;
	options.nodes = nodes;
	options.command_age_ms = 60000; /* no command is sent twice here */
	trip_open(&w->trip, &options);
	assert_int_equal(wire_slots_even(&w->slots, SHARDS), 0);
	assert_int_equal(natsConnection_ConnectTo(&w->nats, cluster_nats_url(w->trip.cluster)),
			 NATS_OK);
	assert_int_equal(natsConnection_SubscribeSync(&w->alerts, w->nats, "saga.v1.alert"),
			 NATS_OK);
	assert_int_equal(natsConnection_Flush(w->nats), NATS_OK);
}

/* Not trip_close: the journals are not whole, that is the point. */
static void close_world(struct world *w)
{
	natsSubscription_Destroy(w->alerts);
	natsConnection_Destroy(w->nats);
	saga_definition_free(w->trip.definition);
	saga_close(w->trip.connection, 0);
	cluster_destroy(w->trip.cluster);
}

static void api(struct world *w, const char *subject, const char *body, struct buf *answer)
{
	natsMsg *message = NULL;
	assert_int_equal(natsConnection_RequestString(&message, w->nats, subject, body, 10000),
			 NATS_OK);
	if (answer != NULL)
		assert_int_equal(buf_put(answer, natsMsg_GetData(message),
					 (uint32_t)natsMsg_GetDataLength(message)),
				 0);
	assert_null(strstr(natsMsg_GetData(message), "\"error\""));
	natsMsg_Destroy(message);
}

/* A limit that eats the oldest batches one day. */
static void limit_stream(struct world *w, uint32_t shard)
{
	struct buf info;
	struct slice config;
	char subject[64], changed[4096];
	buf_init(&info, 64 * 1024);
	(void)snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.SAGA_J_%u", shard);
	api(w, subject, "", &info);
	assert_true(json_scan_find(buf_slice(&info), "config", &config));
	(void)snprintf(changed, sizeof changed, "%.*s", (int)config.size,
		       (const char *)config.data);
	char *at = strstr(changed, "\"max_msgs\":-1,");
	assert_non_null(at);
	memcpy(at, "\"max_msgs\":99,", 14);
	(void)snprintf(subject, sizeof subject, "$JS.API.STREAM.UPDATE.SAGA_J_%u", shard);
	api(w, subject, changed, NULL);
	buf_close(&info);
}

static void submit_on(struct world *w, uint32_t shard, const char *script, uint32_t timeout_ms,
		      char id[SAGA_ID_SIZE])
{
	struct saga_submit_options options;
	struct saga_status status;
	do
		(void)snprintf(id, SAGA_ID_SIZE, "h-%u", ++w->number);
	while (wire_shard_of(&w->slots, slice_str(id)) != shard);
	saga_submit_options_init(&options);
	options.id = id;
	options.input = script;
	options.input_size = strlen(script);
	options.timeout_ms = timeout_ms;
	assert_int_equal(saga_submit(w->trip.connection, w->trip.definition, &options, &status), 0);
}

static void expect_alert(struct world *w, uint32_t shard, int code)
{
	static uint8_t memory[ARENA_SIZE];
	struct arena arena;
	struct wire_alert alert;
	natsMsg *message = NULL;
	assert_int_equal(natsSubscription_NextMsg(&message, w->alerts, WAIT_MS), NATS_OK);
	arena_init(&arena, memory, sizeof memory);
	assert_int_equal(wire_decode(WIRE_ALERT,
				     slice_of(natsMsg_GetData(message),
					      (uint32_t)natsMsg_GetDataLength(message)),
				     &arena, &alert, NULL),
			 0);
	assert_int_equal(alert.shard, shard);
	assert_int_equal(alert.code, err_to_wire(code));
	assert_int_equal(alert.saga.size, 0);
	natsMsg_Destroy(message);
}

struct said {
	struct world *world;
	const char *command, *words;
	char output[8192];
};

static bool says(void *context)
{
	struct said *s = context;
	const char *const argv[] = {"sagactl", s->command,
				    strcmp(s->command, "shards") == 0 ? "list" : NULL, NULL};
	int exit_code = 0;
	return cluster_run(s->world->trip.cluster, argv, WAIT_MS, s->output, sizeof s->output,
			   &exit_code) == 0 &&
	       strstr(s->output, s->words) != NULL;
}

static void expect_said(struct world *w, const char *command, const char *words)
{
	struct said s = {.world = w, .command = command, .words = words};
	if (!wait_until(says, &s, WAIT_MS))
		fail_msg("sagactl %s does not say \"%s\":\n%s", command, words, s.output);
}

static uint32_t number_at(struct world *w, const char *subject, const char *path)
{
	struct buf answer;
	struct slice value;
	uint32_t number = 0;
	buf_init(&answer, 64 * 1024);
	api(w, subject, "", &answer);
	assert_true(json_scan_find(buf_slice(&answer), path, &value));
	for (uint32_t i = 0; i < value.size; i++)
		number = number * 10 + (uint32_t)(value.data[i] - '0');
	buf_close(&answer);
	return number;
}

static bool frames_wait_for_b(void *context)
{
	static const char info[] = "$JS.API.CONSUMER.INFO.SAGA_CMD.svc_svc-b";
	struct world *w = context;
	char id[SAGA_ID_SIZE];
	submit_on(w, BAD, "", WAIT_MS, id);
	return number_at(w, info, "num_pending") + number_at(w, info, "num_ack_pending") >= IN_HAND;
}

static void others_flow_on(struct world *w)
{
	for (uint32_t i = 0; i < NEIGHBOURS; i++) {
		char id[SAGA_ID_SIZE];
		struct saga_status status;
		const uint32_t shard = (BAD + 1 + i % (SHARDS - 1)) % SHARDS;
		submit_on(w, shard, i % 4 == 3 ? "reject:c" : "", NEIGHBOUR_MS, id);
		assert_int_equal(saga_wait(w->trip.connection, id, NEIGHBOUR_MS, &status), 0);
		trip_assert_outcome(&w->trip, id, status.state);
	}
}

static void a_halted_shard_stops_no_service_for_others(void **state) /* S13 */
{
	struct world w;
	struct cluster_shards now;
	char id[SAGA_ID_SIZE];
	struct saga_status status;
	(void)state;
	open_world(&w, 3);
	others_flow_on(&w); /* the services have begun */
	assert_int_equal(cluster_signal(w.trip.cluster, "svc-b", SIGSTOP), 0);
	assert_true(wait_until(frames_wait_for_b, &w, WAIT_MS));
	submit_on(&w, BAD, "", WAIT_MS, id);
	assert_int_equal(cluster_shards(w.trip.cluster, &now, WAIT_MS), 0);
	api(&w, "$JS.API.STREAM.PURGE.SAGA_J_1", "", NULL);
	assert_int_equal(cluster_signal(w.trip.cluster, now.shards[BAD].owner, SIGKILL), 0);
	assert_true(cluster_wait_end(w.trip.cluster, now.shards[BAD].owner, 10000));
	/* It does what it was told, and nobody takes the answers: more of them than it may hold. */
	assert_int_equal(cluster_signal(w.trip.cluster, "svc-b", SIGCONT), 0);
	others_flow_on(&w);
	expect_alert(&w, BAD, SAGA_E_JOURNAL_CORRUPT);
	others_flow_on(&w);
	expect_said(&w, "status", "shard 1 is halted by ");
	expect_said(&w, "status", "SAGA-3005");
	expect_said(&w, "status", "3 owned, 0 orphaned, 1 halted");
	expect_said(&w, "shards", "1  halted ");
	/* Nobody goes on with what is left of it. */
	assert_int_not_equal(saga_query(w.trip.connection, id, 3000, &status), 0);
	assert_int_equal(cluster_restart(w.trip.cluster, now.shards[BAD].owner), 0);
	others_flow_on(&w);
	close_world(&w);
}

static bool node_serves(void *context)
{
	struct world *w = context;
	struct cluster_shards now;
	if (cluster_shards(w->trip.cluster, &now, WAIT_MS) != 0)
		return false;
	return now.shards[0].serving && now.shards[3].serving;
}

/* Restarted over one changed and one lost journal, a node serves the others; over none that is
 * right it ends with 4. */
static void a_starting_node_serves_the_rest(void **state)
{
	struct world w;
	char id[SAGA_ID_SIZE];
	struct saga_status status;
	(void)state;
	open_world(&w, 1);
	submit_on(&w, 0, "", WAIT_MS, id);
	limit_stream(&w, 1);
	api(&w, "$JS.API.STREAM.DELETE.SAGA_J_2", "", NULL);
	assert_int_equal(cluster_signal(w.trip.cluster, "n1", SIGKILL), 0);
	assert_true(cluster_wait_end(w.trip.cluster, "n1", 10000));
	assert_int_equal(cluster_restart(w.trip.cluster, "n1"), 0);
	assert_true(wait_until(node_serves, &w, WAIT_MS));
	assert_int_equal(saga_wait(w.trip.connection, id, WAIT_MS, &status), 0);
	trip_assert_outcome(&w.trip, id, status.state);
	expect_alert(&w, 1, SAGA_E_JOURNAL_CONFIG);
	expect_alert(&w, 2, SAGA_E_JOURNAL_MISSING);
	expect_said(&w, "status", "2 owned, 0 orphaned, 2 halted");
	expect_said(&w, "status", "shard 1 is halted by n1: SAGA-3008");
	expect_said(&w, "status", "shard 2 is halted by n1: SAGA-3003");
	submit_on(&w, 3, "", WAIT_MS, id);
	assert_int_equal(trip_wait(&w.trip, id), SAGA_STATE_COMPLETED);
	/* A stop is not held up by them, and nothing of it ends the node by itself. */
	assert_int_equal(cluster_signal(w.trip.cluster, "n1", SIGTERM), 0);
	assert_true(cluster_wait_end(w.trip.cluster, "n1", WAIT_MS));
	assert_int_equal(WEXITSTATUS(cluster_process(w.trip.cluster, "n1")->exit_status), 0);
	api(&w, "$JS.API.STREAM.DELETE.SAGA_J_0", "", NULL);
	api(&w, "$JS.API.STREAM.DELETE.SAGA_J_3", "", NULL);
	assert_int_equal(cluster_restart(w.trip.cluster, "n1"), 0);
	assert_true(cluster_wait_end(w.trip.cluster, "n1", WAIT_MS));
	assert_int_equal(WEXITSTATUS(cluster_process(w.trip.cluster, "n1")->exit_status), 4);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_halted_shard_stops_no_service_for_others),
		cmocka_unit_test(a_starting_node_serves_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
