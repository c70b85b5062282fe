/* Shard time (S16): it goes on from the journal, by a monotonic clock, and neither a wrong wall
 * clock nor an outage nor a long pause makes deadlines pass. */
#include "tests/unit/unit.h"

#include "node/core_internal.h"

static const uint64_t T0 = UINT64_C(1700000000000);

static struct core_time at(uint64_t mono_ms, uint64_t wall_ms)
{
	return (struct core_time){.mono_ms = mono_ms, .wall_ms = wall_ms};
}

static void a_fresh_journal_begins_at_unix_time(void **state)
{
	struct shard_clock c = {0};
	(void)state;
	shard_clock_start(&c, 0, T0, at(5, T0));
	assert_int_equal(c.time_ms, T0);
}

static void a_take_over_adds_the_gap_up_to_ten_seconds(void **state)
{
	struct shard_clock c = {0};
	(void)state;
	shard_clock_start(&c, T0, 0, at(5, T0 + 2500));
	assert_int_equal(c.time_ms, T0 + 2500);
	shard_clock_start(&c, T0, 0, at(5, T0 + 86400000)); /* a wall clock a day ahead */
	assert_int_equal(c.time_ms, T0 + 10000);
	shard_clock_start(&c, T0, 0, at(5, T0 - 86400000)); /* and one behind */
	assert_int_equal(c.time_ms, T0);
}

static void it_runs_by_the_monotonic_clock(void **state)
{
	struct shard_clock c = {0};
	(void)state;
	shard_clock_start(&c, T0, 0, at(5000, T0));
	shard_clock_advance(&c, 5010, true);
	shard_clock_advance(&c, 5010, true);
	shard_clock_advance(&c, 5250, true);
	assert_int_equal(c.time_ms, T0 + 250);
}

static void it_stands_still_while_nothing_gets_through(void **state)
{
	struct shard_clock c = {0};
	(void)state;
	shard_clock_start(&c, T0, 0, at(5000, T0));
	for (uint64_t ms = 5010; ms <= 605000; ms += 10)
		shard_clock_advance(&c, ms, false);
	assert_int_equal(c.time_ms, T0);
	shard_clock_advance(&c, 605010, true);
	assert_int_equal(c.time_ms, T0 + 10);
}

static void a_pause_counts_as_a_second_at_most(void **state)
{
	struct shard_clock c = {0};
	(void)state;
	shard_clock_start(&c, T0, 0, at(5000, T0));
	shard_clock_advance(&c, 5000 + 3600000, true); /* the process was stopped for an hour */
	assert_int_equal(c.time_ms, T0 + 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_journal_begins_at_unix_time),
		cmocka_unit_test(a_take_over_adds_the_gap_up_to_ten_seconds),
		cmocka_unit_test(it_runs_by_the_monotonic_clock),
		cmocka_unit_test(it_stands_still_while_nothing_gets_through),
		cmocka_unit_test(a_pause_counts_as_a_second_at_most),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
