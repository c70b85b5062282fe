/* Submit through any node, by a client that knows no shards: over each node to each owner in at
 * most one hop, answered only into inboxes (S20), and the promises about ids (S5, S10) kept across
 * a kill -9 of the owner. */
#include "tests/unit/unit.h"

#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/os_clock.h"
#include "tests/support/trip.h"
#include "wire/codec.h"
#include "wire/shard.h"
#include "wire/subject.h"

enum {
	ARENA_SIZE = 65536,
	ANSWER_MS = 1000,
	TAKEOVER_MS = 60000,
	ROUNDS_MAX = 200,
	SHARDS = 4,
	NODES = 3,
	SPIED_MAX = 8192,
	WINDOW_MS = 600000,
};

static struct trip trip;
static natsConnection *nats;
static natsSubscription *hops; /* whatever goes over the shards' submit subjects */
static struct wire_slots slots;
static uint64_t log_offset[NODES];
static bool passed_on[NODES][SHARDS];

static int open_trip(void **state)
{
	static const char *const set[] = {"saga.remember_margin=1s", NULL};
	struct cluster_options options;
	(void)state;
	trip_options(&options);
	options.set = set;
	options.shards = SHARDS;
	options.log_level = "debug"; /* tells who passed what on */
	trip_open(&trip, &options);
	assert_int_equal(wire_slots_even(&slots, SHARDS), 0);
	assert_int_equal(natsConnection_ConnectTo(&nats, cluster_nats_url(trip.cluster)), NATS_OK);
	assert_int_equal(natsConnection_SubscribeSync(&hops, nats, "saga.v1.shard.*.submit.*"),
			 NATS_OK);
	assert_int_equal(natsConnection_Flush(nats), NATS_OK);
	return 0;
}

static int close_trip(void **state)
{
	(void)state;
	natsSubscription_Destroy(hops);
	natsConnection_Destroy(nats);
	trip_close(&trip);
	return 0;
}

/* ---- what a client without libsaga does --------------------------------------------------------
 */

static uint64_t window_from_now(void)
{
	return os_clock_wall_ms() + WINDOW_MS;
}

/* One request, one answer; false when none came. Slices of *answer live until the next call. */
static bool ask(const char *subject, const struct buf *request, struct wire_answer *answer)
{
	static uint8_t memory[ARENA_SIZE], copy[ARENA_SIZE];
	struct arena arena;
	natsMsg *message = NULL;
	const natsStatus status = natsConnection_Request(&message, nats, subject, request->data,
							 (int)request->size, ANSWER_MS);
	if (status == NATS_TIMEOUT || status == NATS_NO_RESPONDERS)
		return false;
	assert_int_equal(status, NATS_OK);
	const uint32_t size = (uint32_t)natsMsg_GetDataLength(message);
	assert_in_range(size, 1, sizeof copy);
	memcpy(copy, natsMsg_GetData(message), size);
	natsMsg_Destroy(message);
	arena_init(&arena, memory, sizeof memory);
	assert_int_equal(wire_decode(WIRE_ANSWER, slice_of(copy, size), &arena, answer, NULL), 0);
	return true;
}

/* Again and again, as docs/wire.md tells clients to; the code of the first answer that is one. */
static int ask_until(const char *subject, const struct buf *request, struct wire_answer *answer)
{
	const uint64_t end_ns = os_clock_mono_ns() + TAKEOVER_MS * UINT64_C(1000000);
	while (os_clock_mono_ns() < end_ns) {
		if (ask(subject, request, answer) &&
		    err_class(err_from_wire(answer->code)) != ERR_CLASS_RETRY)
			return answer->code == 0 ? 0 : err_from_wire(answer->code);
	}
	fail_msg("no answer on %s", subject);
	return 0;
}

static uint32_t shard_of(const char *id)
{
	return wire_shard_of(&slots, slice_str(id));
}

static void id_on(uint32_t shard, const char *word, char id[SAGA_ID_SIZE])
{
	static uint32_t number;
	do
		(void)snprintf(id, SAGA_ID_SIZE, "%s-%u", word, ++number);
	while (shard_of(id) != shard);
}

/* ---- who passed what on ------------------------------------------------------------------------
 */

static void see_event(void *context, const struct cluster_event *event)
{
	const uint32_t *node = context;
	if (strcmp(event->event, "submit.passed_on") == 0 && event->shard < SHARDS)
		passed_on[*node][event->shard] = true;
}

static bool each_node_to_each_owner(void)
{
	struct cluster_shards now;
	bool all = true;
	assert_int_equal(cluster_shards(trip.cluster, &now, TAKEOVER_MS), 0);
	for (uint32_t n = 0; n < NODES; n++) {
		const char *name = cluster_node_name(n);
		assert_int_equal(cluster_events(trip.cluster, name, &log_offset[n], see_event, &n),
				 0);
		for (uint32_t s = 0; s < SHARDS; s++)
			all &= passed_on[n][s] || strcmp(now.shards[s].owner, name) == 0;
	}
	return all;
}

static void forget_events(void)
{
	(void)each_node_to_each_owner(); /* moves the offsets on */
	memset(passed_on, 0, sizeof passed_on);
}

/* One hop at most (S20): every request has a reply subject of its own, so none comes twice. Returns
 * how many there were; the tenant must be the party of each. */
static uint32_t check_hops(const char *tenant)
{
	static char seen[SPIED_MAX][128];
	uint32_t count = 0;
	natsMsg *message = NULL;
	char party[80];
	(void)snprintf(party, sizeof party, ".submit.%s", tenant);
	/* What we sent ourselves has come back by then, and what an answer was waited for, too. */
	assert_int_equal(natsConnection_FlushTimeout(nats, ANSWER_MS * 10), NATS_OK);
	while (natsSubscription_NextMsg(&message, hops, 100) == NATS_OK) {
		const char *reply = natsMsg_GetReply(message);
		const char *subject = natsMsg_GetSubject(message);
		assert_non_null(reply);
		assert_true(strlen(subject) > strlen(party));
		assert_string_equal(subject + strlen(subject) - strlen(party), party);
		for (uint32_t i = 0; i < count; i++)
			assert_string_not_equal(seen[i], reply);
		assert_in_range(count, 0, SPIED_MAX - 1);
		(void)snprintf(seen[count++], sizeof seen[0], "%s", reply);
		natsMsg_Destroy(message);
	}
	return count;
}

/* ---- the tests ---------------------------------------------------------------------------------
 */

static void through_each_node_to_each_owner(void **state)
{
	static char ids[ROUNDS_MAX][SAGA_ID_SIZE];
	uint32_t count = 0;
	struct buf request;
	struct wire_answer answer;
	(void)state;
	buf_init(&request, ARENA_SIZE);
	while (count < ROUNDS_MAX && (count % 8 != 0 || !each_node_to_each_owner())) {
		id_on(count % SHARDS, "any", ids[count]);
		trip_encode_submit(ids[count], count % 5 == 0 ? "reject:c" : "", window_from_now(),
				   &request);
		assert_int_equal(ask_until("saga.v1.submit.shop-1", &request, &answer), 0);
		assert_true(slice_equal(answer.id, slice_str(ids[count])));
		assert_int_equal(answer.shard, shard_of(ids[count]));
		count++;
	}
	assert_true(each_node_to_each_owner());
	const uint32_t passed = check_hops("shop-1");
	assert_true(passed >= NODES * SHARDS - SHARDS);
	assert_true(passed < count); /* an owner that gets it itself passes nothing on */
	for (uint32_t i = 0; i < count; i++)
		trip_assert_outcome(&trip, ids[i], trip_wait(&trip, ids[i]));
	buf_close(&request);
}

static void publish(const char *subject, const char *reply, const struct buf *request)
{
	assert_int_equal(natsConnection_PublishRequest(nats, subject, reply, request->data,
						       (int)request->size),
			 NATS_OK);
}

/* S20: whatever the client names, sagad publishes into inboxes only; and what it does not answer it
 * does not do either. */
static void replies_go_to_inboxes_only(void **state)
{
	static const char *const replies[] = {"evil.1", "saga.v1.alert", "saga.v1.cmd.evil",
					      "_INBOXES.1", "saga.v1.submit.loop"};
	enum { REPLIES = sizeof replies / sizeof replies[0], TIMES = 12 };
	natsSubscription *spies[REPLIES];
	char ids[SHARDS][SAGA_ID_SIZE];
	struct buf request, garbage;
	struct saga_status status;
	(void)state;
	buf_init(&request, ARENA_SIZE);
	buf_init(&garbage, 16);
	assert_int_equal(buf_put(&garbage, "garbage", 7), 0);
	for (uint32_t i = 0; i < REPLIES; i++)
		assert_int_equal(natsConnection_SubscribeSync(&spies[i], nats,
							      i == 0 ? "evil.>" : replies[i]),
				 NATS_OK);
	for (uint32_t i = 0; i < SHARDS; i++)
		id_on(i, "evil", ids[i]);
	for (uint32_t i = 0; i < REPLIES * TIMES; i++) {
		publish("saga.v1.submit.shop-1", replies[i % REPLIES], &garbage);
		for (uint32_t s = 0; s < SHARDS; s++) {
			trip_encode_submit(ids[s], "", window_from_now(), &request);
			publish("saga.v1.submit.shop-1", replies[i % REPLIES], &request);
		}
	}
	assert_int_equal(check_hops("shop-1"), 0); /* refused before it was passed on */
	for (uint32_t s = 0; s < SHARDS; s++) {
		const struct subject direct =
			subject_shard("saga", s, SUBJECT_SUBMIT, slice_str("shop-1"));
		char reply[16];
		(void)snprintf(reply, sizeof reply, "evil.%u", 100 + s);
		trip_encode_submit(ids[s], "", window_from_now(), &request);
		publish(direct.text, reply, &request); /* the owner checks too */
	}
	assert_int_equal(check_hops("shop-1"), SHARDS); /* these */
	/* When every node has passed on what came later, all of the above has been judged. */
	forget_events();
	through_each_node_to_each_owner(state);
	for (uint32_t i = 0; i < REPLIES; i++) {
		natsMsg *message = NULL;
		assert_int_equal(natsSubscription_NextMsg(&message, spies[i], 1), NATS_TIMEOUT);
		natsSubscription_Destroy(spies[i]);
	}
	for (uint32_t s = 0; s < SHARDS; s++)
		assert_int_equal(saga_query(trip.connection, ids[s], TAKEOVER_MS, &status),
				 SAGA_ERR_NOT_FOUND);
	buf_close(&request);
	buf_close(&garbage);
}

/* The words begin with the field. */
static bool names(const struct wire_answer *answer, const char *field)
{
	return slice_equal(slice_of(answer->text.data, answer->text.size < strlen(field)
							       ? answer->text.size
							       : (uint32_t)strlen(field)),
			   slice_str(field));
}

static void wrong_bodies_are_answered(void **state)
{
	static const uint8_t no_id[] = {0x82, 0, 1, 1, WIRE_SUBMIT};
	struct buf request;
	struct wire_answer answer;
	(void)state;
	buf_init(&request, ARENA_SIZE);
	assert_int_equal(buf_put(&request, no_id, sizeof no_id), 0);
	assert_int_equal(ask_until("saga.v1.submit.default", &request, &answer), SAGA_E_MISSING);
	assert_true(names(&answer, "id,"));
	/* What only the owner looks at: it is passed on, and the owner answers. */
	trip_encode_submit("no-plan", "", window_from_now(), &request);
	request.data[0] = 0x83;
	request.size = 7 + (uint32_t)strlen("no-plan");
	assert_int_equal(ask_until("saga.v1.submit.default", &request, &answer), SAGA_E_MISSING);
	assert_true(names(&answer, "plan,"));
	assert_int_equal(ask_until("saga.v1.submit.a+b", &request, &answer), SAGA_E_NAME);
	(void)check_hops("default");
	buf_close(&request);
}

static void kill_owner(uint32_t shard, char name[PROCESS_NAME_SIZE])
{
	struct cluster_shards now;
	assert_int_equal(cluster_shards(trip.cluster, &now, TAKEOVER_MS), 0);
	(void)snprintf(name, PROCESS_NAME_SIZE, "%s", now.shards[shard].owner);
	assert_int_equal(cluster_signal(trip.cluster, name, SIGKILL), 0);
	assert_true(cluster_wait_end(trip.cluster, name, 10000));
}

static bool is_expired(void *context)
{
	struct wire_answer answer;
	const int error = ask_until("saga.v1.submit.default", context, &answer);
	assert_true(error == 0 || error == SAGA_E_EXPIRED);
	return error != 0;
}

/* Submitted, cancelled or expired under one owner, asked again of the next one. */
static void ids_are_remembered_across_a_kill(void **state) /* S5, S10 */
{
	enum { SHORT_MS = 4000 };
	char done[SAGA_ID_SIZE], open[SAGA_ID_SIZE], never[SAGA_ID_SIZE], over[SAGA_ID_SIZE];
	char owner[PROCESS_NAME_SIZE];
	const uint64_t window = window_from_now(), soon = os_clock_wall_ms() + SHORT_MS;
	struct buf request, other;
	struct wire_answer answer;
	struct saga_status status;
	(void)state;
	buf_init(&request, ARENA_SIZE);
	buf_init(&other, ARENA_SIZE);
	id_on(1, "done", done);
	id_on(1, "open", open);
	id_on(1, "never", never);
	id_on(1, "over", over);
	trip_encode_submit(done, "", window, &request);
	assert_int_equal(ask_until("saga.v1.submit.default", &request, &answer), 0);
	assert_int_equal(trip_wait(&trip, done), SAGA_STATE_COMPLETED);
	trip_encode_submit(over, "", soon, &request);
	assert_int_equal(ask_until("saga.v1.submit.default", &request, &answer), 0);
	assert_int_equal(trip_wait(&trip, over), SAGA_STATE_COMPLETED);
	assert_int_equal(saga_cancel(trip.connection, never, "test", 10000, &status), 0);
	trip_encode_submit(open, "slow:a:300", window, &request);
	assert_int_equal(ask_until("saga.v1.submit.default", &request, &answer), 0);
	kill_owner(1, owner);

	/* While nobody serves: asked again and again, each request passed on once. */
	assert_int_equal(ask_until("saga.v1.submit.default", &request, &answer), 0);
	trip_encode_submit(done, "", window, &request);
	assert_int_equal(ask_until("saga.v1.submit.default", &request, &answer), 0);
	assert_int_equal(answer.state, WIRE_STATE_COMPLETED);
	trip_encode_submit(done, "reject:a", window, &other);
	assert_int_equal(ask_until("saga.v1.submit.default", &other, &answer), SAGA_E_CONFLICT);
	trip_encode_submit(never, "", window, &other);
	assert_int_equal(ask_until("saga.v1.submit.default", &other, &answer), SAGA_E_CANCELLED);
	/* Its window passes by shard time, which the next owner takes up (S16). */
	trip_encode_submit(over, "", soon, &other);
	assert_true(wait_until(is_expired, &other, TAKEOVER_MS));
	assert_true(check_hops("default") > 0);

	assert_int_equal(trip_wait(&trip, open), SAGA_STATE_COMPLETED);
	trip_assert_outcome(&trip, open, SAGA_STATE_COMPLETED);
	trip_assert_outcome(&trip, done, SAGA_STATE_COMPLETED);
	trip_assert_outcome(&trip, over, SAGA_STATE_COMPLETED);
	assert_int_equal(trip_effects(&trip, never, 0, false), 0);
	assert_int_equal(cluster_restart(trip.cluster, owner), 0);
	assert_int_equal(cluster_wait_serving(trip.cluster, TAKEOVER_MS), 0);
	buf_close(&request);
	buf_close(&other);
}

/* libsaga's own way there. */
static void libsaga_needs_no_slot_table(void **state)
{
	struct saga_options connect;
	struct saga_submit_options options;
	struct saga_connection *connection = NULL;
	struct saga_status status;
	natsSubscription *any = NULL;
	natsMsg *message = NULL;
	(void)state;
	assert_int_equal(natsConnection_SubscribeSync(&any, nats, "saga.v1.submit.lib"), NATS_OK);
	assert_int_equal(natsConnection_Flush(nats), NATS_OK);
	saga_options_init(&connect);
	connect.url = cluster_nats_url(trip.cluster);
	connect.party = "lib";
	assert_int_equal(saga_open(&connect, &connection), 0);
	saga_submit_options_init(&options);
	options.any_node = 1;
	options.timeout_ms = TAKEOVER_MS;
	assert_int_equal(saga_run(connection, trip.definition, &options, &status), 0);
	assert_int_equal(status.state, SAGA_STATE_COMPLETED);
	trip_assert_outcome(&trip, status.id, SAGA_STATE_COMPLETED);
	assert_int_equal(natsSubscription_NextMsg(&message, any, 1000), NATS_OK);
	natsMsg_Destroy(message);
	natsSubscription_Destroy(any);
	saga_close(connection, 0);
}

/* The example of docs/wire.md, as it stands there. */
static void the_documented_example_works(void **state)
{
	static const char start[] = "<!-- try: submit -->\n```sh\n";
	char doc[128 * 1024], address[32], output[4096];
	FILE *file = fopen(SAGAD_SOURCE_DIR "/docs/wire.md", "r");
	struct saga_status status;
	int exit_code = 0;
	(void)state;
	assert_non_null(file);
	doc[fread(doc, 1, sizeof doc - 1, file)] = '\0';
	(void)fclose(file);
	char *script = strstr(doc, start);
	assert_non_null(script);
	script += sizeof start - 1;
	char *end = strstr(script, "```\n<!-- end try -->");
	assert_non_null(end);
	*end = '\0';
	(void)snprintf(address, sizeof address, "NATS=127.0.0.1/%u",
		       cluster_port(trip.cluster, "nats1"));
	const char *const argv[] = {"/bin/bash", "-c", script, "bash", "by-hand-1", NULL};
	const char *const env[] = {address, NULL};
	assert_int_equal(process_run(argv, env, NULL, 30000, output, sizeof output, &exit_code), 0);
	assert_int_equal(exit_code, 0);
	assert_non_null(strstr(output, "M   S   G"));
	assert_int_equal(saga_query(trip.connection, "by-hand-1", TAKEOVER_MS, &status), 0);
	assert_int_equal(status.state, SAGA_STATE_RUNNING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(through_each_node_to_each_owner),
		cmocka_unit_test(replies_go_to_inboxes_only),
		cmocka_unit_test(wrong_bodies_are_answered),
		cmocka_unit_test(ids_are_remembered_across_a_kill),
		cmocka_unit_test(libsaga_needs_no_slot_table),
		cmocka_unit_test(the_documented_example_works),
	};
	return cmocka_run_group_tests(tests, open_trip, close_trip);
}
