/* The durable inbox (S12) on real servers: what the broker took while no node was up runs once,
 * whoever dies, whatever lies between, and also when the stream was made again. */
#include "tests/unit/unit.h"

#include <nats/nats.h>
#include <stdio.h>

#include "base/os_clock.h"
#include "tests/support/trip.h"
#include "wire/codec.h"
#include "wire/shard.h"
#include "wire/subject.h"

enum {
	SHARDS = 4,
	NODES = 3,
	SAGAS = 24,
	SERVE_MS = 60000,
	KNOWN_MS = 60000,
	WINDOW_MS = 600000,
	PUBLISH_MS = 10000,
	BUFFER_SIZE = 65536,
};

static struct trip trip;
static natsConnection *nats;
static jsCtx *js;
static struct wire_slots slots;
static struct buf request;

static int open_trip(void **state)
{
	struct cluster_options options;
	(void)state;
	trip_options(&options);
	options.shards = SHARDS;
	trip_open(&trip, &options);
	assert_int_equal(wire_slots_even(&slots, SHARDS), 0);
	assert_int_equal(natsConnection_ConnectTo(&nats, cluster_nats_url(trip.cluster)), NATS_OK);
	assert_int_equal(natsConnection_JetStream(&js, nats, NULL), NATS_OK);
	buf_init(&request, BUFFER_SIZE);
	return 0;
}

static int close_trip(void **state)
{
	(void)state;
	buf_close(&request);
	jsCtx_Destroy(js);
	natsConnection_Destroy(nats);
	trip_close(&trip);
	return 0;
}

/* ---- publishing -------------------------------------------------------------------------------
 */

static void publish_bytes(uint32_t shard, const void *bytes, uint32_t size)
{
	const struct subject subject = subject_inbox("saga", shard, slice_str("shop-1"));
	jsPubAck *ack = NULL;
	jsErrCode code = 0;
	assert_int_equal(js_Publish(&ack, js, subject.text, bytes, (int)size, NULL, &code),
			 NATS_OK);
	assert_string_equal(ack->Stream, "SAGA_INBOX");
	jsPubAck_Destroy(ack);
}

static void publish(const char *id, const char *script, uint64_t retry_until_at)
{
	trip_encode_submit(id, script, retry_until_at, &request);
	publish_bytes(wire_shard_of(&slots, slice_str(id)), request.data, request.size);
}

static void name(char id[SAGA_ID_SIZE], const char *word, uint32_t number)
{
	(void)snprintf(id, SAGA_ID_SIZE, "%s-%u", word, number);
}

static uint64_t window(void)
{
	return os_clock_wall_ms() + WINDOW_MS;
}

/* One for each shard that is no entry at all, so that everybody has to pass something. */
static void publish_garbage(void)
{
	static const uint8_t no_id[] = {0x82, 0x00, 0x01, 0x01, 0x01};
	for (uint32_t shard = 0; shard < SHARDS; shard++) {
		publish_bytes(shard, "garbage", 7);
		publish_bytes(shard, "", 0);
		publish_bytes(shard, no_id, sizeof no_id);
	}
}

/* ---- waiting ----------------------------------------------------------------------------------
 */

/* What a query says once the id is known at all. */
static int known(const char *id, struct saga_status *status)
{
	const uint64_t end_ns = os_clock_mono_ns() + KNOWN_MS * UINT64_C(1000000);
	int error;
	do
		error = saga_query(trip.connection, id, KNOWN_MS, status);
	while (error == SAGA_ERR_NOT_FOUND && os_clock_mono_ns() < end_ns);
	return error;
}

static void completes(const char *id)
{
	struct saga_status status;
	const int error = known(id, &status);
	if (error != 0)
		fail_msg("%s: %s %s", id, saga_error_name(error), status.text);
	assert_int_equal(trip_wait(&trip, id), SAGA_STATE_COMPLETED);
	trip_assert_outcome(&trip, id, SAGA_STATE_COMPLETED);
}

static void is_refused(const char *id, int why)
{
	struct saga_status status;
	assert_int_equal(known(id, &status), why);
	assert_int_equal(status.state, SAGA_STATE_STOPPED);
	assert_int_equal(status.reason, SAGA_REASON_REFUSED);
	assert_int_equal(trip_effects(&trip, id, 0, false), 0);
}

static uint64_t left_in_stream(void)
{
	jsStreamInfo *info = NULL;
	assert_int_equal(js_GetStreamInfo(&info, js, "SAGA_INBOX", NULL, NULL), NATS_OK);
	const uint64_t left = info->State.Msgs;
	jsStreamInfo_Destroy(info);
	return left;
}

static void stream_gets_empty(void)
{
	const uint64_t end_ns = os_clock_mono_ns() + KNOWN_MS * UINT64_C(1000000);
	while (left_in_stream() > 0 && os_clock_mono_ns() < end_ns)
		nats_Sleep(100);
	assert_int_equal(left_in_stream(), 0);
}

static void kill_node(uint32_t index)
{
	const char *node = cluster_node_name(index);
	assert_int_equal(cluster_signal(trip.cluster, node, SIGKILL), 0);
	assert_true(cluster_wait_end(trip.cluster, node, PUBLISH_MS));
}

static void start_node(uint32_t index)
{
	assert_int_equal(cluster_restart(trip.cluster, cluster_node_name(index)), 0);
}

/* ---- the tests --------------------------------------------------------------------------------
 */

/* By a program that was started while nobody is up: not even the slot table can be asked for. */
static void hand_over_by_libsaga(const char *word)
{
	struct saga_options connect;
	struct saga_submit_options options;
	struct saga_connection *connection = NULL;
	struct saga_status status;
	char id[SAGA_ID_SIZE];
	saga_options_init(&connect);
	connect.url = cluster_nats_url(trip.cluster);
	assert_int_equal(saga_open(&connect, &connection), 0);
	saga_submit_options_init(&options);
	options.inbox = 1;
	options.timeout_ms = PUBLISH_MS;
	options.id = id;
	for (uint32_t i = 0; i < SAGAS; i++) {
		name(id, word, i);
		assert_int_equal(saga_submit(connection, trip.definition, &options, &status), 0);
		assert_int_equal(saga_submit(connection, trip.definition, &options, &status), 0);
	}
	assert_int_equal(saga_run(connection, trip.definition, &options, &status), SAGA_ERR_USAGE);
	saga_close(connection, 0);
}

static void taken_while_nobody_is_up(void **state)
{
	struct saga_status status;
	char id[SAGA_ID_SIZE], other[SAGA_ID_SIZE];
	const uint64_t until = window();
	(void)state;
	for (uint32_t n = 0; n < NODES; n++)
		kill_node(n);
	hand_over_by_libsaga("lib");
	publish_garbage();
	publish("late", "", os_clock_wall_ms() - WINDOW_MS);
	publish("long", "", UINT64_MAX);
	for (uint32_t i = 0; i < SAGAS; i++) {
		name(id, "raw", i);
		publish(id, "", until);
		publish(id, "", until);         /* a duplicate */
		publish(id, "reject:a", until); /* a conflict */
	}
	/* An entry that was put where it does not belong. */
	name(other, "elsewhere", 1);
	trip_encode_submit(other, "", until, &request);
	publish_bytes((wire_shard_of(&slots, slice_str(other)) + 1) % SHARDS, request.data,
		      request.size);
	publish_garbage();
	for (uint32_t n = 0; n < NODES; n++)
		start_node(n);
	assert_int_equal(cluster_wait_serving(trip.cluster, SERVE_MS), 0);
	for (uint32_t i = 0; i < SAGAS; i++) {
		name(id, "lib", i);
		completes(id);
		name(id, "raw", i);
		completes(id);
	}
	is_refused("late", SAGA_ERR_EXPIRED);
	is_refused("long", SAGA_ERR_RANGE);
	stream_gets_empty();
	assert_int_equal(saga_query(trip.connection, other, KNOWN_MS, &status), SAGA_ERR_NOT_FOUND);
	assert_int_equal(trip_effects(&trip, other, 0, false), 0);
}

/* kill -9 of each node in turn while entries come in: the next owner goes on at the cursor. */
static void owners_die_in_the_middle(void **state)
{
	char id[SAGA_ID_SIZE];
	uint32_t count = 0;
	(void)state;
	for (uint32_t n = 0; n < NODES; n++) {
		for (uint32_t i = 0; i < SAGAS; i++) {
			name(id, "mid", count++);
			publish(id, "slow:b:20", window());
			if (i == SAGAS / 2)
				kill_node(n);
		}
		publish_garbage();
		start_node(n);
		assert_int_equal(cluster_wait_serving(trip.cluster, SERVE_MS), 0);
	}
	for (uint32_t i = 0; i < count; i++) {
		name(id, "mid", i);
		completes(id);
	}
	stream_gets_empty();
}

/* The broker goes and comes back while there is something to read. */
static void the_broker_dies_in_the_middle(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	for (uint32_t i = 0; i < SAGAS; i++) {
		name(id, "broker", i);
		publish(id, "", window());
	}
	assert_int_equal(cluster_signal(trip.cluster, "nats1", SIGKILL), 0);
	assert_true(cluster_wait_end(trip.cluster, "nats1", PUBLISH_MS));
	assert_int_equal(cluster_restart(trip.cluster, "nats1"), 0);
	for (uint32_t i = 0; i < SAGAS; i++) {
		name(id, "broker", i);
		completes(id);
	}
	stream_gets_empty();
}

/* By an operator: its sequences begin anew, and nothing of it is taken for read. */
static void the_stream_is_made_again(void **state)
{
	jsStreamInfo *info = NULL, *again = NULL;
	const uint64_t until = window();
	char id[SAGA_ID_SIZE];
	(void)state;
	for (uint32_t i = 0; i < SAGAS; i++) {
		name(id, "old", i);
		publish(id, "", until);
	}
	for (uint32_t i = 0; i < SAGAS; i++) {
		name(id, "old", i);
		completes(id);
	}
	assert_int_equal(js_GetStreamInfo(&info, js, "SAGA_INBOX", NULL, NULL), NATS_OK);
	assert_true(info->State.LastSeq > 2 * SAGAS);
	assert_int_equal(js_DeleteStream(js, "SAGA_INBOX", NULL, NULL), NATS_OK);
	assert_int_equal(js_AddStream(&again, js, info->Config, NULL, NULL), NATS_OK);
	jsStreamInfo_Destroy(info);
	jsStreamInfo_Destroy(again);
	for (uint32_t i = 0; i < SAGAS; i++) {
		name(id, "old", i);
		publish(id, "", until);
		name(id, "new", i);
		publish(id, "", until);
	}
	for (uint32_t i = 0; i < SAGAS; i++) {
		name(id, "new", i);
		completes(id);
		name(id, "old", i);
		completes(id); /* once, still */
	}
	stream_gets_empty();
}

/* sagactl hands over, and shows what became of it. */
static void sagactl_knows_the_inbox(void **state)
{
	char file[1024], output[8192];
	int exit_code = 1;
	FILE *f;
	(void)state;
	(void)snprintf(file, sizeof file, "%s/inbox.yaml", cluster_folder(trip.cluster));
	f = fopen(file, "w");
	assert_non_null(f);
	assert_true(fprintf(f,
			    "name: trip\nversion: 1\nprotocol: saga\nsteps:\n"
			    "  - {name: a, service: svc-a, action: do, compensate: undo}\n") > 0);
	assert_int_equal(fclose(f), 0);
	const char *const submit[] = {"sagactl", "sagas",   "submit",  "-f", file,
				      "--id",    "by-hand", "--inbox", NULL};
	assert_int_equal(
		cluster_run(trip.cluster, submit, PUBLISH_MS, output, sizeof output, &exit_code),
		0);
	assert_int_equal(exit_code, 0);
	struct saga_status status;
	assert_int_equal(known("by-hand", &status), 0);
	assert_int_equal(trip_wait(&trip, "by-hand"), SAGA_STATE_COMPLETED);
	const char *const show[] = {"sagactl", "sagas", "show", "by-hand", NULL};
	assert_int_equal(
		cluster_run(trip.cluster, show, PUBLISH_MS, output, sizeof output, &exit_code), 0);
	assert_int_equal(exit_code, 0);
	assert_non_null(strstr(output, "taken from the inbox"));
	const char *const late[] = {"sagactl", "sagas", "show", "late", NULL};
	assert_int_equal(
		cluster_run(trip.cluster, late, PUBLISH_MS, output, sizeof output, &exit_code), 0);
	assert_non_null(strstr(output, "refused from the inbox"));
	assert_non_null(strstr(output, "2003")); /* expired */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken_while_nobody_is_up),
		cmocka_unit_test(sagactl_knows_the_inbox),
		cmocka_unit_test(owners_die_in_the_middle),
		cmocka_unit_test(the_broker_dies_in_the_middle),
		cmocka_unit_test(the_stream_is_made_again),
	};
	return cmocka_run_group_tests(tests, open_trip, close_trip);
}
