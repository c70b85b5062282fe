/* The participant half of libsaga against a scripted owner: stopping, and what the broker does. */
#include "tests/integration/client_service_bench.h"

/* ---- stop
 * ----------------------------------------------------------------------------------------------------
 */

enum { ACK_WAIT_MS = 4 * PATIENCE_MS };

struct stopper {
	struct saga_service *service;
	uint32_t drain_ms, undone;
	bool done;
	pthread_t thread;
};

static void *stopper_thread(void *argument)
{
	struct stopper *stopper = argument;

	stopper->undone = saga_service_stop(stopper->service, stopper->drain_ms);
	__atomic_store_n(&stopper->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void stop_in_background(struct stopper *stopper)
{
	assert_int_equal(pthread_create(&stopper->thread, NULL, stopper_thread, stopper), 0);
}

static bool has_stopped(const struct stopper *stopper)
{
	return __atomic_load_n(&stopper->done, __ATOMIC_ACQUIRE);
}

static void stop_drains_and_hands_the_rest_back(void **state)
{
	struct bench *bench = *state;
	struct stopper stopper = {.drain_ms = PATIENCE_MS};
	struct saga_connection *other;
	struct saga_service *second;
	struct saga_service_options options;

	/* Longer than the test waits for anything: what is not handed back is missed. */
	start_service(bench, 2, ACK_WAIT_MS, 2000);
	set_gate(bench, true);
	send_commands(bench, 0, "s", 5);
	RUN_UNTIL(&bench->owner, running(bench) == 2);
	stopper.service = bench->service;
	stop_in_background(&stopper);
	owner_run_for(&bench->owner, 200);
	assert_false(has_stopped(&stopper)); /* two are still at work */
	set_gate(bench, false);
	RUN_UNTIL(&bench->owner, has_stopped(&stopper));
	assert_int_equal(pthread_join(stopper.thread, NULL), 0);
	assert_int_equal(stopper.undone, 3);
	assert_int_equal(run_count(bench), 2);
	assert_int_equal(bench->count, 2); /* their answers have left */
	assert_int_equal(owner_stream_messages(&bench->owner), 1);
	/* Another instance gets the frame at once. */
	saga_service_options_init(&options);
	options.ack_wait_ms = ACK_WAIT_MS;
	other = connect_service(bench);
	second = create_service(bench, other, &options);
	assert_int_equal(saga_service_start(second), 0);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(run_count(bench), 7);
	saga_close(other, 100);
	saga_service_free(second);
}

static void stop_does_not_wait_for_ever(void **state)
{
	struct bench *bench = *state;
	uint64_t began_ms;

	start_service(bench, 1, 5000, 2000);
	set_gate(bench, true);
	send_commands(bench, 0, "s", 2);
	RUN_UNTIL(&bench->owner, running(bench) == 1);
	began_ms = wait_now_ms();
	assert_int_equal(saga_service_stop(bench->service, 300), 2);
	assert_true(wait_now_ms() - began_ms >= 300);
	assert_true(wait_now_ms() - began_ms < 10000);
	assert_int_equal(saga_service_stop(bench->service, 300), 2);
	/* The teardown opens the gate; the handler's answer then goes nowhere. */
}

/* ---- the broker
 * ------------------------------------------------------------------------------------------------
 */

static void a_deleted_consumer_is_made_again(void **state)
{
	struct bench *bench = *state;

	start_service(bench, 1, 5000, 2000);
	send_commands(bench, 0, "s", 1);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	owner_ask(&bench->owner, "$JS.API.CONSUMER.DELETE.SAGA_CMD.svc_svc", "");
	send_commands(bench, 0, "t", 1);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_int_equal(replies_of(bench, "t0"), 1);
}

static void the_stream_may_come_later(void **state)
{
	struct bench *bench = *state;

	owner_ask(&bench->owner, "$JS.API.STREAM.DELETE.SAGA_CMD", "");
	start_service(bench, 1, 5000, 2000);
	owner_run_for(&bench->owner, 700);
	owner_create_stream(&bench->owner);
	send_commands(bench, 0, "s", 1);
	RUN_UNTIL(&bench->owner, bench->count == 1);
}

static void a_service_survives_a_restart_of_the_broker(void **state)
{
	struct bench *bench = *state;

	start_service(bench, 2, 2000, 2000);
	set_gate(bench, true);
	send_commands(bench, 0, "s", 2);
	RUN_UNTIL(&bench->owner, running(bench) == 2);
	assert_int_equal(cluster_signal(bench->owner.cluster, "nats1", SIGKILL), 0);
	assert_true(cluster_wait_end(bench->owner.cluster, "nats1", PATIENCE_MS));
	RUN_UNTIL(&bench->owner, !bench->owner.connected);
	set_gate(bench, false);
	assert_int_equal(cluster_restart(bench->owner.cluster, "nats1"), 0);
	RUN_UNTIL(&bench->owner, bench->owner.connected);
	RUN_UNTIL(&bench->owner, stream_is_empty(bench));
	assert_true(replies_of(bench, "s0") >= 1);
	assert_true(replies_of(bench, "s1") >= 1);
	send_commands(bench, 0, "t", 1);
	RUN_UNTIL(&bench->owner, replies_of(bench, "t0") == 1);
}

static void the_consumer_is_as_promised(void **state)
{
	struct bench *bench = *state;

	start_service(bench, 1, 5000, 2000);
	RUN_UNTIL(&bench->owner, owner_consumer_number(&bench->owner, "svc", "ack_wait") > 0);
	assert_int_equal(owner_consumer_number(&bench->owner, "svc", "ack_wait"), 5000000000);
	assert_int_equal(owner_consumer_number(&bench->owner, "svc", "max_deliver"), 5);
	assert_non_null(strstr(bench->owner.answer, "\"ack_policy\":\"explicit\""));
	assert_non_null(strstr(bench->owner.answer, "\"filter_subject\":\"saga.v1.cmd.svc\""));
}

static void create_checks_its_options(void **state)
{
	struct bench *bench = *state;
	struct saga_service_options options;
	struct saga_service *service;

	assert_int_equal(saga_service_create(bench->connection, "a.b", NULL, &service),
			 SAGA_E_NAME);
	saga_service_options_init(&options);
	options.ack_wait_ms = 10;
	assert_int_equal(saga_service_create(bench->connection, "svc", &options, &service),
			 SAGA_E_RANGE);
	assert_int_equal(saga_service_create(bench->connection, "svc", NULL, &bench->service), 0);
	assert_int_equal(saga_service_stop(bench->service, 0), 0); /* never started */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stop_drains_and_hands_the_rest_back),
		TEST(stop_does_not_wait_for_ever),
		TEST(a_deleted_consumer_is_made_again),
		TEST(the_stream_may_come_later),
		TEST(a_service_survives_a_restart_of_the_broker),
		TEST(the_consumer_is_as_promised),
		TEST(create_checks_its_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
