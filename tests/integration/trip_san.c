/* The shortest whole story, fit for sanitizers: a happy path, a rejection, and the owner killed
 * while sagas are open. Runs in the ordinary build too. */
#include "tests/unit/unit.h"

#include "tests/support/trip.h"

enum { SAGAS = 12 };

static void trip_with_a_kill(void **state)
{
	struct cluster_options options;
	struct trip t;
	char id[SAGA_ID_SIZE];
	char open[SAGAS][SAGA_ID_SIZE];
	(void)state;
	trip_options(&options);
	trip_open(&t, &options);
	assert_int_equal(trip_run(&t, "", id), SAGA_STATE_COMPLETED);
	trip_assert_outcome(&t, id, SAGA_STATE_COMPLETED);
	assert_int_equal(trip_run(&t, "reject:c", id), SAGA_STATE_COMPENSATED);
	trip_assert_outcome(&t, id, SAGA_STATE_COMPENSATED);
	for (uint32_t i = 0; i < SAGAS; i++)
		trip_submit(&t, i % 2 == 0 ? "slow:a:300" : "slow:a:300 reject:c", open[i]);
	const char *owner = trip_owner(&t, open[0]);
	assert_int_equal(cluster_signal(t.cluster, owner, SIGKILL), 0);
	for (uint32_t i = 0; i < SAGAS; i++)
		trip_assert_outcome(&t, open[i], trip_wait(&t, open[i]));
	trip_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trip_with_a_kill),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
