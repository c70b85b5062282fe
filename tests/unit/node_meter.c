/* What a worker counts: totals that stay when shards go, gauges, a survey over all shards. */
#include "tests/unit/node_world.h"

#include <stdlib.h>

#include "node/core_internal.h"

static struct core_meter *meter;

static int setup(void **state)
{
	meter = calloc(1, sizeof *meter);
	if (meter == NULL || world_setup(state) != 0)
		return 1;
	struct world *w = *state;
	core_meter_init(meter);
	world_node_close(&w->nodes[0]);
	w->config.meter = meter;
	w->config.txn.meter = &meter->txn;
	world_node_open(w, &w->nodes[0], "n0");
	w->config.meter = NULL;
	w->config.txn.meter = NULL;
	return 0;
}

static int teardown(void **state)
{
	const int error = world_teardown(state);

	free(meter);
	return error;
}

/* A survey is begun anew each half second, and looks at one shard a call. */
static void collect(struct world *w)
{
	world_turn(w, 600);
	for (uint32_t i = 0; i < SHARDS; i++)
		core_meter_collect(w->nodes[0].core, w->now);
}

static uint64_t counted(const struct buckets *b)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i <= BUCKETS_MAX; i++)
		sum += b->counts[i];
	return sum;
}

static void totals_stay_when_the_shard_goes(void **state)
{
	struct world *w = *state;

	(void)world_begin(w);
	collect(w);
	assert_int_equal(counter_get(&meter->totals[CORE_METER_FIRST]), 1);
	assert_int_equal(counter_get(&meter->shards[OWNERSHIP_SERVING]), 1);
	assert_int_equal(counter_get(&meter->open), 1);
	assert_int_equal(counter_get(&meter->timers) > 0, 1);
	assert_int_equal(counter_get(&meter->waiters), 1);
	assert_true(counter_get(&meter->payload) > 0);
	assert_int_equal(
		counter_get(&meter->txn.gauges.inflight[WIRE_PROTOCOL_SAGA][TXN_METER_RUNNING]), 1);
	assert_true(counted(&meter->append_ms) >= 2); /* epoch, accepted */
	assert_int_equal(counter_get(&meter->appends[CORE_METER_STORED]),
			 counted(&meter->append_ms));
	assert_true(counted(&meter->batch_records) >= 1);

	core_fence(w->nodes[0].core, w->now, 1, SAGA_E_LEASE_LOST);
	collect(w);
	assert_int_equal(counter_get(&meter->totals[CORE_METER_FIRST]), 1);
	assert_int_equal(counter_get(&meter->shards[OWNERSHIP_SERVING]), 0);
	assert_int_equal(counter_get(&meter->open), 0);
	assert_int_equal(
		counter_get(&meter->txn.gauges.inflight[WIRE_PROTOCOL_SAGA][TXN_METER_RUNNING]), 0);

	/* Another owner, here again: what it does is added, what was there is not counted twice. */
	world_serve(w, 0, 1, 9);
	collect(w);
	collect(w);
	assert_int_equal(
		counter_get(&meter->txn.gauges.inflight[WIRE_PROTOCOL_SAGA][TXN_METER_RUNNING]), 1);
	assert_true(counter_get(&meter->totals[CORE_METER_FIRST]) >= 2);
	assert_int_equal(counter_get(&meter->txn.definition[1].started), 1);
}

/* What was counted since the last look is not lost with the shard. */
static void what_is_not_collected_yet_is_not_lost(void **state)
{
	struct world *w = *state;

	(void)world_begin(w);
	core_fence(w->nodes[0].core, w->now, 1, SAGA_E_LEASE_LOST);
	assert_int_equal(counter_get(&meter->totals[CORE_METER_FIRST]), 1);
}

static void a_survey_sees_all_shards(void **state)
{
	struct world *w = *state;

	for (uint32_t n = 2; n < 6; n++) {
		const struct id id = world_id_on(w, n, 0);

		world_serve(w, 0, n, 5);
		world_submit(w, &id, "_INBOX.client.1");
		world_settle(w);
	}
	collect(w);
	collect(w);
	assert_int_equal(
		counter_get(&meter->txn.gauges.inflight[WIRE_PROTOCOL_SAGA][TXN_METER_RUNNING]), 4);
	assert_int_equal(counter_get(&meter->shards[OWNERSHIP_SERVING]), 4);
}

static void timers_tell_how_late_they_are(void **state)
{
	struct world *w = *state;

	(void)world_begin(w);
	assert_int_equal(counted(&meter->timer_lag_ms), 0);
	for (uint32_t i = 0; i < 100; i++)
		world_turn(w, 1000);
	assert_true(counted(&meter->timer_lag_ms) > 0);
}

static void notes_are_counted(void **state)
{
	const struct core_note serving = {
		.event = "shard.serving", .shard = 3, .records = 17, .duration_ms = 40};
	const struct core_note other = {.event = "shard.alert", .shard = 3};
	const struct core_note nowhere = {.event = "shard.fenced", .shard = CORE_NO_SHARD};
	const struct core_note saga = {.event = "saga.parked", .shard = 3};

	(void)state;
	core_meter_note(meter, &serving, 100);
	core_meter_note(meter, &other, 100);
	core_meter_note(meter, &nowhere, 100);
	core_meter_note(meter, &saga, 100);
	assert_int_equal(counter_get(&meter->moves[OWNERSHIP_SERVING]), 1);
	assert_int_equal(counter_get(&meter->moves[OWNERSHIP_FENCED]), 0);
	assert_int_equal(counter_get(&meter->recovery_records), 17);
	assert_int_equal(meter->recovery_ms[CORE_METER_COLD].sum, 40);

	/* What a standby held was not replayed. */
	const struct core_note resuming = {.event = "shard.resuming", .shard = 3};
	const struct core_note warm = {.event = "shard.serving",
				       .shard = 3,
				       .records = 17,
				       .duration_ms = 2,
				       .text = slice_str("warm")};
	core_meter_note(meter, &resuming, 100);
	core_meter_note(meter, &warm, 100);
	assert_int_equal(counter_get(&meter->resumed), 1);
	assert_int_equal(meter->recovery_ms[CORE_METER_WARM].sum, 2);
	assert_int_equal(counter_get(&meter->recovery_records), 17);

	/* How long it takes to let go; a shard that is kept after all has not. */
	const struct core_note quiescing = {.event = "shard.quiescing", .shard = 3};
	const struct core_note released = {.event = "shard.released", .shard = 3};
	core_meter_note(meter, &quiescing, 100);
	core_meter_note(meter, &released, 130);
	assert_int_equal(meter->release_ms.sum, 30);
	core_meter_note(meter, &quiescing, 200);
	core_meter_note(meter, &serving, 210);
	core_meter_note(meter, &released, 900);
	assert_int_equal(counted(&meter->release_ms), 1);
}

static void other_answers_of_the_journal(void **state)
{
	struct world *w = *state;
	struct shard *s;

	(void)world_begin(w);
	s = w->nodes[0].core->shards[1];
	core_meter_appended(s, JOURNAL_UNKNOWN);
	core_meter_appended(s, JOURNAL_REFUSED);
	assert_int_equal(counter_get(&meter->appends[CORE_METER_UNKNOWN]), 1);
	assert_int_equal(counter_get(&meter->appends[CORE_METER_FENCED]), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(totals_stay_when_the_shard_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_collected_yet_is_not_lost, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_survey_sees_all_shards, setup, teardown),
		cmocka_unit_test_setup_teardown(timers_tell_how_late_they_are, setup, teardown),
		cmocka_unit_test_setup_teardown(notes_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(other_answers_of_the_journal, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
