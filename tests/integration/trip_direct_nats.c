/* Direct delivery on a real cluster, and what durable steps do without their consumer (S14). Every
 * verdict comes from the services' own databases. */
#include "tests/unit/unit.h"

#include <nats/nats.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/trip.h"
#include "wire/codec.h"

enum { SERVE_MS = 60000, MANY = 20 };

static struct trip trip;

static struct {
	natsConnection *connection;
	jsCtx *js;
} broker;

static int open_trip(void **state)
{
	struct cluster_options options;
	natsOptions *connect = NULL;
	(void)state;
	trip_options(&options);
	trip_open(&trip, &options);
	assert_int_equal(natsOptions_Create(&connect), NATS_OK);
	assert_int_equal(natsOptions_SetURL(connect, cluster_nats_url(trip.cluster)), NATS_OK);
	assert_int_equal(natsOptions_SetNoEcho(connect, true), NATS_OK);
	assert_int_equal(natsConnection_Connect(&broker.connection, connect), NATS_OK);
	assert_int_equal(natsConnection_JetStream(&broker.js, broker.connection, NULL), NATS_OK);
	natsOptions_Destroy(connect);
	return 0;
}

static int close_trip(void **state)
{
	(void)state;
	jsCtx_Destroy(broker.js);
	natsConnection_Destroy(broker.connection);
	trip_close(&trip);
	return 0;
}

static int deliver_direct(void **state)
{
	(void)state;
	/* Long, so that on a slow machine, too, all is done within the first attempt. */
	trip_deliver(&trip, "direct", "15s");
	return 0;
}

static int deliver_direct_in_haste(void **state)
{
	(void)state;
	trip_deliver(&trip, "direct", "2s");
	return 0;
}

static int deliver_durable(void **state)
{
	(void)state;
	trip_deliver(&trip, "durable", "2s");
	return 0;
}

/* How many commands the stream has ever held. */
static uint64_t stored(void)
{
	jsStreamInfo *info = NULL;
	assert_int_equal(js_GetStreamInfo(&info, broker.js, "SAGA_CMD", NULL, NULL), NATS_OK);
	const uint64_t count = info->State.LastSeq;
	jsStreamInfo_Destroy(info);
	return count;
}

static void nothing_is_stored(void **state)
{
	const uint64_t before = stored();
	char id[SAGA_ID_SIZE];
	(void)state;
	assert_int_equal(trip_run(&trip, "", id), SAGA_STATE_COMPLETED);
	trip_assert_outcome(&trip, id, SAGA_STATE_COMPLETED);
	assert_int_equal(trip_run(&trip, "reject:c", id), SAGA_STATE_COMPENSATED);
	trip_assert_outcome(&trip, id, SAGA_STATE_COMPENSATED);
	assert_int_equal(trip_effects(&trip, id, 0, true), 1);
	assert_int_equal(stored(), before);
}

/* Called again under the same attempt: the barrier meets a duplicate. */
static void lost_answer_is_called_for_again(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	assert_int_equal(trip_run(&trip, "miss:b", id), SAGA_STATE_COMPLETED);
	trip_assert_outcome(&trip, id, SAGA_STATE_COMPLETED);
	assert_true(trip_calls(&trip, id, 1, false) > 1);
	assert_int_equal(trip_attempt(&trip, id, 1, false), 1);
}

static void always_lost_answer_is_undone(void **state) /* T4 */
{
	char id[SAGA_ID_SIZE];
	(void)state;
	assert_int_equal(trip_run(&trip, "miss:b:999", id), SAGA_STATE_COMPENSATED);
	trip_assert_outcome(&trip, id, SAGA_STATE_COMPENSATED);
	assert_int_equal(trip_effects(&trip, id, 1, true), 1);
}

static void doubled_answer_counts_once(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	assert_int_equal(trip_run(&trip, "double:a double:b double:c", id), SAGA_STATE_COMPLETED);
	trip_assert_outcome(&trip, id, SAGA_STATE_COMPLETED);
}

/* Our own publishes do not come back to us (no echo). */
static void publish_again(natsConnection *connection, natsSubscription *subscription,
			  natsMsg *message, void *closure)
{
	(void)subscription;
	(void)__atomic_fetch_add((uint32_t *)closure, 1, __ATOMIC_RELAXED);
	(void)natsConnection_Publish(connection, natsMsg_GetSubject(message),
				     natsMsg_GetData(message), natsMsg_GetDataLength(message));
	natsMsg_Destroy(message);
}

/* Each call twice: in hand still, or done already. */
static void doubled_command_is_done_once(void **state)
{
	static const char *const scripts[] = {"", "slow:a:300 slow:b:300 slow:c:300", "reject:c"};
	natsSubscription *subscription = NULL;
	uint32_t doubled = 0;
	char id[SAGA_ID_SIZE];
	(void)state;
	assert_int_equal(natsConnection_Subscribe(&subscription, broker.connection,
						  "saga.v1.call.*", publish_again, &doubled),
			 NATS_OK);
	assert_int_equal(natsConnection_Flush(broker.connection), NATS_OK);
	for (uint32_t i = 0; i < 3; i++)
		trip_assert_outcome(&trip, id, trip_run(&trip, scripts[i], id));
	assert_true(__atomic_load_n(&doubled, __ATOMIC_RELAXED) >= 3 * TRIP_STEPS);
	assert_int_equal(natsSubscription_Unsubscribe(subscription), NATS_OK);
	assert_int_equal(natsConnection_Flush(broker.connection), NATS_OK);
	natsSubscription_Destroy(subscription);
}

/* Longer than a call may be silent: it is in hand, and not called for again. */
static void slow_handler_is_called_once(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	assert_int_equal(trip_run(&trip, "slow:b:1500", id), SAGA_STATE_COMPLETED);
	assert_int_equal(trip_calls(&trip, id, 1, false), 1);
	trip_assert_outcome(&trip, id, SAGA_STATE_COMPLETED);
}

static bool first_called(void *context)
{
	return trip_calls(&trip, context, 0, false) > 0;
}

static void service_down_then_up(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	assert_int_equal(cluster_signal(trip.cluster, "svc-b", SIGKILL), 0);
	assert_true(cluster_wait_end(trip.cluster, "svc-b", 5000));
	trip_submit(&trip, "", id);
	assert_true(wait_until(first_called, id, 10000));
	trip_service_start(&trip, 1);
	assert_int_equal(trip_wait(&trip, id), SAGA_STATE_COMPLETED);
	trip_assert_outcome(&trip, id, SAGA_STATE_COMPLETED);
}

/* Whatever was on its way to the dead owner, or from it, is called for by the next one. */
static void owner_is_killed(void **state)
{
	char ids[MANY][SAGA_ID_SIZE];
	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		trip_submit(&trip, i % 3 == 0 ? "slow:b:300 reject:c" : "slow:b:300", ids[i]);
	const char *owner = trip_owner(&trip, ids[0]);
	assert_int_equal(cluster_signal(trip.cluster, owner, SIGKILL), 0);
	assert_true(cluster_wait_end(trip.cluster, owner, 5000));
	for (uint32_t i = 0; i < MANY; i++)
		trip_assert_outcome(&trip, ids[i], trip_wait(&trip, ids[i]));
	assert_int_equal(cluster_restart(trip.cluster, owner), 0);
	assert_int_equal(cluster_wait_serving(trip.cluster, SERVE_MS), 0);
}

/* ---- S14: durable steps --------------------------------------------------------------------- */

/* The service's consumer cannot be: its durable commands get no answer, the calls do. */
static void without_a_consumer_calls_do_it(void **state)
{
	const uint64_t before = stored();
	char id[SAGA_ID_SIZE];
	(void)state;
	assert_int_equal(cluster_signal(trip.cluster, "svc-b", SIGTERM), 0);
	assert_true(cluster_wait_end(trip.cluster, "svc-b", 10000));
	trip_service_start_on(&trip, 1, "NOWHERE");
	assert_int_equal(trip_run(&trip, "", id), SAGA_STATE_COMPLETED);
	trip_assert_outcome(&trip, id, SAGA_STATE_COMPLETED);
	assert_int_equal(trip_attempt(&trip, id, 1, false), 3); /* of 3: two were silent */
	/* Those two, and one for each of the other steps. */
	assert_true(stored() >= before + 4);
	assert_int_equal(cluster_signal(trip.cluster, "svc-b", SIGTERM), 0);
	assert_true(cluster_wait_end(trip.cluster, "svc-b", 10000));
	trip_service_start(&trip, 1);
}

static bool consumer_is_there(void *context)
{
	jsConsumerInfo *info = NULL;
	const natsStatus status =
		js_GetConsumerInfo(&info, broker.js, "SAGA_CMD", context, NULL, NULL);
	jsConsumerInfo_Destroy(info);
	return status == NATS_OK;
}

static void a_deleted_consumer_is_made_again(void **state)
{
	char consumer[] = "svc_svc-b";
	char ids[MANY][SAGA_ID_SIZE];
	(void)state;
	assert_true(wait_until(consumer_is_there, consumer, 30000));
	for (uint32_t i = 0; i < MANY; i++) {
		trip_submit(&trip, "slow:a:100", ids[i]);
		if (i % 5 == 2)
			assert_int_equal(
				js_DeleteConsumer(broker.js, "SAGA_CMD", consumer, NULL, NULL),
				NATS_OK);
		assert_true(wait_until(consumer_is_there, consumer, 30000));
	}
	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(trip_wait(&trip, ids[i]), SAGA_STATE_COMPLETED);
		trip_assert_outcome(&trip, ids[i], SAGA_STATE_COMPLETED);
	}
}

/* ---- take-over ---------------------------------------------------------------------------------
 */

/* Durable copies of the first step's forward operations, by saga. */
struct copies {
	pthread_mutex_t mutex;
	uint32_t count[MANY];
	uint8_t arena[65536];
};

static void count_copies(natsConnection *connection, natsSubscription *subscription,
			 natsMsg *message, void *closure)
{
	struct copies *c = closure;
	struct wire_command_frame frame;
	struct arena arena;
	(void)connection;
	(void)subscription;
	(void)pthread_mutex_lock(&c->mutex);
	arena_init(&arena, c->arena, sizeof c->arena);
	const int error = wire_decode(
		WIRE_COMMAND_FRAME,
		slice_of(natsMsg_GetData(message), (uint32_t)natsMsg_GetDataLength(message)),
		&arena, &frame, NULL);
	for (uint32_t i = 0; error == 0 && i < frame.command_count; i++) {
		unsigned number = 0;
		char id[SAGA_ID_SIZE] = "";
		memcpy(id, frame.commands[i].saga.data, frame.commands[i].saga.size);
		if (frame.commands[i].op == WIRE_OP_FORWARD &&
		    sscanf(id, "trip-%u", &number) == 1 && number >= 1 && number <= MANY)
			c->count[number - 1]++;
	}
	(void)pthread_mutex_unlock(&c->mutex);
	natsMsg_Destroy(message);
}

/* A copy of the owner before may be in the stream still, for a minute here: the next one's first
 * word goes past it. */
static void a_new_owner_adds_no_second_copy(void **state)
{
	static struct copies copies = {.mutex = PTHREAD_MUTEX_INITIALIZER};
	struct cluster_options options;
	struct trip t;
	natsConnection *connection = NULL;
	natsSubscription *subscription = NULL;
	char ids[MANY][SAGA_ID_SIZE];
	uint32_t copied = 0;
	(void)state;
	trip_options(&options);
	options.command_age_ms = 60000;
	trip_open(&t, &options);
	assert_int_equal(natsConnection_ConnectTo(&connection, cluster_nats_url(t.cluster)),
			 NATS_OK);
	assert_int_equal(natsConnection_Subscribe(&subscription, connection, "saga.v1.cmd.svc-a",
						  count_copies, &copies),
			 NATS_OK);
	assert_int_equal(natsConnection_Flush(connection), NATS_OK);
	/* The service is away, so everything is still out when the owner dies. */
	assert_int_equal(cluster_signal(t.cluster, "svc-a", SIGTERM), 0);
	assert_true(cluster_wait_end(t.cluster, "svc-a", 10000));
	for (uint32_t i = 0; i < MANY; i++)
		trip_submit(&t, "", ids[i]);
	const char *owner = trip_owner(&t, ids[0]);
	assert_int_equal(cluster_signal(t.cluster, owner, SIGKILL), 0);
	assert_true(cluster_wait_end(t.cluster, owner, 5000));
	assert_int_equal(cluster_wait_serving(t.cluster, SERVE_MS), 0);
	trip_service_start(&t, 0);
	for (uint32_t i = 0; i < MANY; i++)
		trip_assert_outcome(&t, ids[i], trip_wait(&t, ids[i]));
	(void)pthread_mutex_lock(&copies.mutex);
	for (uint32_t i = 0; i < MANY; i++) {
		assert_true(copies.count[i] <= 1);
		copied += copies.count[i];
	}
	(void)pthread_mutex_unlock(&copies.mutex);
	assert_int_equal(copied, MANY);
	natsSubscription_Destroy(subscription);
	natsConnection_Destroy(connection);
	trip_close(&t);
}

#define DIRECT(name)  cmocka_unit_test_setup(name, deliver_direct)
#define DURABLE(name) cmocka_unit_test_setup(name, deliver_durable)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIRECT(nothing_is_stored),
		DIRECT(lost_answer_is_called_for_again),
		cmocka_unit_test_setup(always_lost_answer_is_undone, deliver_direct_in_haste),
		DIRECT(doubled_answer_counts_once),
		DIRECT(doubled_command_is_done_once),
		DIRECT(slow_handler_is_called_once),
		DIRECT(service_down_then_up),
		DIRECT(owner_is_killed),
		DURABLE(without_a_consumer_calls_do_it),
		DURABLE(a_deleted_consumer_is_made_again),
		cmocka_unit_test(a_new_owner_adds_no_second_copy),
	};
	return cmocka_run_group_tests(tests, open_trip, close_trip);
}
