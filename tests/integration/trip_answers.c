/* One saga at a time on a real cluster: what services may answer, and what must come of it. Every
 * verdict comes from the services' own databases. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "tests/support/trip.h"

static struct trip trip;

static int open_trip(void **state)
{
	struct cluster_options options;
	(void)state;
	trip_options(&options);
	trip_open(&trip, &options);
	return 0;
}

static int close_trip(void **state)
{
	(void)state;
	trip_close(&trip);
	return 0;
}

static void happy_path(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	assert_int_equal(trip_run(&trip, "", id), SAGA_STATE_COMPLETED);
	trip_assert_outcome(&trip, id, SAGA_STATE_COMPLETED);
}

static void rejection_at_each_step(void **state)
{
	static const char *const scripts[] = {"reject:a", "reject:b", "reject:c"};
	char id[SAGA_ID_SIZE];
	(void)state;
	for (uint32_t i = 0; i < TRIP_STEPS; i++) {
		assert_int_equal(trip_run(&trip, scripts[i], id), SAGA_STATE_COMPENSATED);
		trip_assert_outcome(&trip, id, SAGA_STATE_COMPENSATED);
		for (uint32_t step = 0; step < TRIP_STEPS; step++) {
			/* Undone is what was done before the rejected step, and nothing else (S3).
			 */
			assert_int_equal(trip_effects(&trip, id, step, true), step < i);
			assert_int_equal(trip_calls(&trip, id, step, true), step < i);
		}
	}
}

static void lost_answer_is_asked_for_again(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	assert_int_equal(trip_run(&trip, "lose:b", id), SAGA_STATE_COMPLETED);
	trip_assert_outcome(&trip, id, SAGA_STATE_COMPLETED);
	assert_true(trip_calls(&trip, id, 1, false) > 1); /* the barrier met a duplicate */
}

static void doubled_answer_counts_once(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	assert_int_equal(trip_run(&trip, "double:a double:b double:c", id), SAGA_STATE_COMPLETED);
	trip_assert_outcome(&trip, id, SAGA_STATE_COMPLETED);
}

static void always_lost_answer_is_undone(void **state) /* unknown is not no: T4 */
{
	char id[SAGA_ID_SIZE];
	(void)state;
	assert_int_equal(trip_run(&trip, "lose:b:99", id), SAGA_STATE_COMPENSATED);
	trip_assert_outcome(&trip, id, SAGA_STATE_COMPENSATED);
	assert_int_equal(trip_effects(&trip, id, 1, true), 1);
}

static bool late_call_begun(void *context)
{
	return trip_calls(&trip, context, 1, false) > 0;
}

static bool late_call_ended(void *context)
{
	return trip_ended(&trip, context, 1, false) > 0;
}

/* The first attempt comes to its barrier only after the undo was there. */
static void late_forward_finds_its_undo(void **state)
{
	char id[SAGA_ID_SIZE];
	struct saga_status status;
	(void)state;
	trip_submit(&trip, "late:b:3000", id);
	assert_true(wait_until(late_call_begun, id, 10000));
	assert_int_equal(saga_cancel(trip.connection, id, "test", 10000, &status), 0);
	assert_int_equal(trip_wait(&trip, id), SAGA_STATE_COMPENSATED);
	assert_false(late_call_ended(id));
	assert_true(wait_until(late_call_ended, id, 60000));
	trip_assert_outcome(&trip, id, SAGA_STATE_COMPENSATED);
	assert_int_equal(trip_effects(&trip, id, 1, false), 0);
}

static void retry_answers_are_tried_again(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	assert_int_equal(trip_run(&trip, "retry:c:2", id), SAGA_STATE_COMPLETED);
	trip_assert_outcome(&trip, id, SAGA_STATE_COMPLETED);
	assert_int_equal(trip_calls(&trip, id, 2, false), 3);
}

static void exhausted_step_is_undone(void **state)
{
	char id[SAGA_ID_SIZE];
	(void)state;
	assert_int_equal(trip_run(&trip, "retry:c:99", id), SAGA_STATE_COMPENSATED);
	trip_assert_outcome(&trip, id, SAGA_STATE_COMPENSATED);
}

static bool service_called(void *context)
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
	assert_true(wait_until(service_called, id, 10000));
	trip_service_start(&trip, 1);
	const enum saga_state end = trip_wait(&trip, id);
	trip_assert_outcome(&trip, id, end);
}

static void same_id_is_one_saga(void **state) /* invariant 3 */
{
	char id[SAGA_ID_SIZE];
	struct saga_submit_options options;
	struct saga_status status;
	(void)state;
	assert_int_equal(trip_run(&trip, "", id), SAGA_STATE_COMPLETED);
	saga_submit_options_init(&options);
	options.id = id;
	options.input = "";
	assert_int_equal(saga_submit(trip.connection, trip.definition, &options, &status), 0);
	assert_int_equal(status.state, SAGA_STATE_COMPLETED);
	options.input = "reject:a";
	options.input_size = 8;
	assert_int_equal(saga_submit(trip.connection, trip.definition, &options, &status),
			 SAGA_ERR_CONFLICT);
	trip_assert_outcome(&trip, id, SAGA_STATE_COMPLETED);
}

static void cancelled_before_its_submit(void **state) /* S10 */
{
	struct saga_submit_options options;
	struct saga_status status;
	(void)state;
	assert_int_equal(saga_cancel(trip.connection, "never-to-be", "test", 10000, &status), 0);
	saga_submit_options_init(&options);
	options.id = "never-to-be";
	assert_int_equal(saga_submit(trip.connection, trip.definition, &options, &status),
			 SAGA_ERR_CANCELLED);
	assert_int_equal(trip_effects(&trip, "never-to-be", 0, false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(happy_path),
		cmocka_unit_test(rejection_at_each_step),
		cmocka_unit_test(lost_answer_is_asked_for_again),
		cmocka_unit_test(doubled_answer_counts_once),
		cmocka_unit_test(always_lost_answer_is_undone),
		cmocka_unit_test(late_forward_finds_its_undo),
		cmocka_unit_test(retry_answers_are_tried_again),
		cmocka_unit_test(exhausted_step_is_undone),
		cmocka_unit_test(service_down_then_up),
		cmocka_unit_test(same_id_is_one_saga),
		cmocka_unit_test(cancelled_before_its_submit),
	};
	return cmocka_run_group_tests(tests, open_trip, close_trip);
}
