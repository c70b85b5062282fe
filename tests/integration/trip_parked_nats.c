/* An undo that keeps failing: parked, alerted on its subject, listed, still tried, and in the end
 * compensated (C3). */
#include "tests/unit/unit.h"

#include <nats/nats.h>

#include "tests/support/trip.h"
#include "wire/codec.h"

enum { ALERT_MS = 60000, ARENA_SIZE = 65536 };

struct listener {
	natsConnection *connection;
	natsSubscription *subscription;
};

static void listen_for_alerts(struct listener *l, const char *url)
{
	assert_int_equal(natsConnection_ConnectTo(&l->connection, url), NATS_OK);
	assert_int_equal(
		natsConnection_SubscribeSync(&l->subscription, l->connection, "saga.v1.alert"),
		NATS_OK);
	assert_int_equal(natsConnection_Flush(l->connection), NATS_OK);
}

static void expect_alert(struct listener *l, const char *id)
{
	static uint8_t memory[ARENA_SIZE];
	struct arena arena;
	struct wire_alert alert;
	natsMsg *message = NULL;
	assert_int_equal(natsSubscription_NextMsg(&message, l->subscription, ALERT_MS), NATS_OK);
	arena_init(&arena, memory, sizeof memory);
	assert_int_equal(wire_decode(WIRE_ALERT,
				     slice_of(natsMsg_GetData(message),
					      (uint32_t)natsMsg_GetDataLength(message)),
				     &arena, &alert, NULL),
			 0);
	assert_true(slice_equal(alert.saga, slice_str(id)));
	assert_true(slice_equal(alert.step, slice_str("a")));
	assert_int_equal(alert.op, WIRE_OP_UNDO);
	natsMsg_Destroy(message);
}

static void close_listener(struct listener *l)
{
	natsSubscription_Destroy(l->subscription);
	natsConnection_Destroy(l->connection);
}

static void parked_saga_alerts_and_ends(void **state)
{
	static const char *const set[] = {"saga.parked_retry=1s", NULL};
	struct cluster_options options;
	struct listener listener;
	struct trip t;
	struct saga_status status;
	char id[SAGA_ID_SIZE], neighbour[SAGA_ID_SIZE];
	(void)state;
	trip_options(&options);
	options.set = set;
	trip_open(&t, &options);
	listen_for_alerts(&listener, cluster_nats_url(t.cluster));
	trip_submit(&t, "failundo:a:5 reject:b", id);
	expect_alert(&listener, id);
	assert_int_equal(saga_query(t.connection, id, 10000, &status), 0);
	assert_true(status.state == SAGA_STATE_PARKED || status.state == SAGA_STATE_COMPENSATED);
	/* It holds up nobody. */
	assert_int_equal(trip_run(&t, "", neighbour), SAGA_STATE_COMPLETED);
	assert_int_equal(trip_wait(&t, id), SAGA_STATE_COMPENSATED);
	trip_assert_outcome(&t, id, SAGA_STATE_COMPENSATED);
	assert_int_equal(trip_calls(&t, id, 0, true), 6);
	close_listener(&listener);
	trip_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parked_saga_alerts_and_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
