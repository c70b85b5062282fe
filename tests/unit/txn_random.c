/* Random runs of the world: after every event a fresh engine replays the whole journal and must
 * have the same state hash (22, by txn_host.c); every record and message is checked against the
 * model (txn_world_check.c); at the end everything is final and the participants agree.
 *
 * A failure prints the seed: set SAGAD_TXN_SEED to run that one alone. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/txn_world.h"

enum { RUNS = 200, EVENTS_PER_RUN = 130 };

static struct world world;
static uint64_t current_seed;

struct totals {
	uint64_t events;
	uint32_t calls, copies, fallbacks;
	uint32_t completed, compensated, parked, duplicates, empty_undos, blocked, stale, expired,
		takeovers;
};

static void add(struct totals *sum, const struct world *w)
{
	sum->events += w->events;
	sum->calls += w->calls;
	sum->copies += w->copies;
	sum->fallbacks += w->fallbacks;
	sum->completed += w->completed;
	sum->compensated += w->compensated;
	sum->parked += w->parked;
	sum->duplicates += w->duplicates;
	sum->empty_undos += w->empty_undos;
	sum->blocked += w->blocked;
	sum->stale += w->stale;
	sum->expired += w->expired;
	sum->takeovers += w->takeovers;
}

static void run(uint64_t seed, uint32_t events)
{
	current_seed = seed;
	world_init(&world, seed);
	while (world.events < events)
		world_random_event(&world);
	world_heal(&world);
	world_check_end(&world);
	world_close(&world);
}

static void random_runs(void **state)
{
	const char *only = getenv("SAGAD_TXN_SEED");
	struct totals sum = {0};

	(void)state;
	if (only) {
		run(strtoull(only, NULL, 10), EVENTS_PER_RUN);
		return;
	}
	for (uint64_t seed = 1; seed <= RUNS; seed++) {
		run(seed, EVENTS_PER_RUN);
		add(&sum, &world);
	}
	print_message("%llu events: %u completed, %u compensated, %u parked, %u duplicates, %u "
		      "empty undos, %u blocked, %u stale, %u expired, %u take-overs\n",
		      (unsigned long long)sum.events, sum.completed, sum.compensated, sum.parked,
		      sum.duplicates, sum.empty_undos, sum.blocked, sum.stale, sum.expired,
		      sum.takeovers);
	assert_true(sum.events >= 20000);
	/* A run that never met these has proven nothing about them. */
	assert_true(sum.completed > 50 && sum.compensated > 50 && sum.parked > 10);
	assert_true(sum.duplicates > 50 && sum.empty_undos > 20 && sum.blocked > 5);
	print_message("%u calls, %u copies, %u fallbacks\n", sum.calls, sum.copies, sum.fallbacks);
	assert_true(sum.calls > 500 && sum.copies > 200 && sum.fallbacks > 20);
	assert_true(sum.stale > 5 && sum.expired > 5 && sum.takeovers > 50);
}

/* cmocka leaves a failed test by longjmp: what was running is still known here. */
static int tell_seed(void **state)
{
	(void)state;
	print_message("last seed: %llu\n", (unsigned long long)current_seed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_runs, NULL, tell_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
