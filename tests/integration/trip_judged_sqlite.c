/* Every protocol on a real cluster, some hundred transactions at a time, while owners and services
 * die by kill -9 and the broker is restarted; and then the same judges as over simulated runs, over
 * everything that could be seen (docs/testing.md). */
#include "tests/unit/unit.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/integration/trip_judged.h"
#include "tests/judge/story.h"

enum { SAGAS = 330, IN_FLIGHT = 24, TICK_MS = 20, STALLED_MS = 60000, SHARDS = 4 };

/* What happens in a run. */
struct trouble {
	uint32_t kills;       /* of owners */
	bool service_dies;    /* beside what scripts do */
	bool broker_restarts; /* then the tap does not hear all */
	bool bare_service;    /* svc-b works without a barrier */
	uint32_t sagas, turns;
};

static const char *const services[TRIP_SERVICES + 1] = {"svc-a", "svc-b", "svc-c", NULL};

/* ---- the run -----------------------------------------------------------------------------------
 */

static void database_of(const struct judged_trip *trip, uint32_t service, char path[1100])
{
	(void)snprintf(path, 1100, "%s/%s.db", cluster_folder(trip->stage.cluster),
		       services[service]);
}

static void start_services(struct judged_trip *trip, const struct trouble *trouble)
{
	for (uint32_t i = 0; i < TRIP_SERVICES; i++) {
		char db[1100];
		const bool bare = trouble->bare_service && i == 1;
		const char *const argv[] = {"sagad-script-service",
					    "--service",
					    services[i],
					    "--instance",
					    services[i],
					    "--db",
					    db,
					    bare ? "--no-barrier" : NULL,
					    NULL};

		database_of(trip, i, db);
		if (cluster_service_start(trip->stage.cluster, services[i], argv, NULL) != 0)
			fail_msg("%s", cluster_trouble(trip->stage.cluster));
	}
}

static void fill_load(struct judged_trip *trip, uint32_t count)
{
	assert_true(load_init(&trip->load, count));
	for (uint32_t i = 0; i < count; i++) {
		struct load_saga *saga = &trip->load.sagas[trip->load.count++];
		const char *script;

		saga->definition = trip_plan(trip, i, &script);
		(void)snprintf(saga->id, sizeof saga->id, "trip-%u", i);
		saga->input = strdup(script);
		assert_non_null(saga->input);
		saga->input_size = strlen(script);
	}
	trip->load.in_flight = IN_FLIGHT;
	assert_int_equal(load_open(&trip->load, cluster_nats_url(trip->stage.cluster), "trip",
				   stage_log, NULL),
			 0);
}

static void record(struct judged_trip *trip, const char *source)
{
	char why[512] = "";
	const struct judged_setup setup = {.source = source,
					   .shards = SHARDS,
					   .services = services,
					   .tap = true,
					   .spoiled = true}; /* we see to it ourselves */

	assert_true(judged_open(&trip->judged, &trip->stage, &trip->load, &setup));
	if (!recorder_probe(trip->judged.recorder, 10, why, sizeof why))
		fail_msg("%s", why);
}

static void mend_services(struct judged_trip *trip)
{
	for (uint32_t i = 0; i < TRIP_SERVICES; i++) {
		if (cluster_pid(trip->stage.cluster, services[i]) != 0)
			continue;
		trip->services_died++;
		assert_int_equal(cluster_restart(trip->stage.cluster, services[i]), 0);
	}
}

/* What comes when so many of the transactions are over. */
static void make_trouble(struct judged_trip *trip, const struct trouble *trouble, bool *restarted)
{
	struct stage *stage = &trip->stage;
	const uint32_t over = load_count_final(&trip->load), all = trip->load.count;
	const uint32_t done = stage->kill_count;

	mend_services(trip);
	if (done > 0 && !stage->kills[done - 1].restarted) {
		assert_true(stage_kill_mend(stage, &stage->kills[done - 1]));
	} else if (done < trouble->kills && over > all * (done + 1) / (trouble->kills + 2)) {
		recorder_fault(trip->judged.recorder, "kill -9 of an owner");
		(void)stage_kill_owner(stage, &trip->load, 4, "transactions");
		if (trouble->service_dies && stage->kill_count > done)
			assert_int_equal(cluster_signal(stage->cluster, services[0], SIGKILL), 0);
	}
	if (!trouble->broker_restarts || *restarted || over < all / 2)
		return;
	recorder_fault(trip->judged.recorder, "broker restarted");
	assert_int_equal(cluster_signal(stage->cluster, "nats1", SIGKILL), 0);
	assert_true(cluster_wait_end(stage->cluster, "nats1", TRIP_WAIT_MS));
	assert_int_equal(cluster_restart(stage->cluster, "nats1"), 0);
	*restarted = true;
}

/* Nothing moves: the judges may know why. */
static void give_up(struct judged_trip *trip)
{
	const struct judge_options options = judged_options((1U << HISTORY_PARTS) - 1);

	if (judged_run(&trip->judged, &options)) {
		judged_print(&trip->judged, stderr);
		judged_keep(&trip->judged);
	}
	fail_msg("%u of %u are final, and nothing moves", load_count_final(&trip->load),
		 trip->load.count);
}

static void drive(struct judged_trip *trip, const struct trouble *trouble)
{
	uint64_t moved_ms = wait_now_ms();
	uint32_t final = 0;
	bool restarted = false;

	while (!load_done(&trip->load)) {
		load_send(&trip->load);
		make_trouble(trip, trouble, &restarted);
		if (load_count_final(&trip->load) != final) {
			final = load_count_final(&trip->load);
			moved_ms = wait_now_ms();
		}
		if (stage_is_past(moved_ms, STALLED_MS))
			give_up(trip);
		assert_true(stage_pause(&trip->stage, TICK_MS));
	}
	assert_int_equal(trip->stage.kill_count, trouble->kills);
	for (uint32_t i = 0; i < trip->stage.kill_count; i++)
		while (!trip->stage.kills[i].restarted)
			assert_true(stage_kill_mend(&trip->stage, &trip->stage.kills[i]) &&
				    stage_pause(&trip->stage, TICK_MS));
	mend_services(trip);
	recorder_healed(trip->judged.recorder);
}

static void stop_services(struct judged_trip *trip)
{
	for (uint32_t i = 0; i < TRIP_SERVICES; i++) {
		mend_services(trip);
		assert_int_equal(cluster_signal(trip->stage.cluster, services[i], SIGTERM), 0);
		assert_true(cluster_wait_end(trip->stage.cluster, services[i], TRIP_WAIT_MS));
	}
}

static void run_trip(struct judged_trip *trip, const struct trouble *trouble, const char *source)
{
	struct cluster_options options;

	cluster_options_init(&options);
	options.nodes = STAGE_NODES;
	options.shards = SHARDS;
	options.command_age_ms = 1000;
	options.keep = getenv("TRIP_KEEP") != NULL;
	options.set = (const char *const[]){"saga.parked_retry=1s", NULL};
	stage_init(&trip->stage, "trip");
	trip->turns = trouble->turns;
	assert_true(stage_create(&trip->stage, &options));
	assert_true(stage_start_servers(&trip->stage, "nats-server"));
	assert_true(stage_start_nodes(&trip->stage));
	start_services(trip, trouble);
	trip_plans_parse(trip);
	fill_load(trip, trouble->sagas);
	record(trip, source);
	trip_by_hand_start(trip);
	drive(trip, trouble);
	trip_by_hand_join(trip);
	recorder_probe_stop(trip->judged.recorder);
	stop_services(trip);
}

static void close_trip(struct judged_trip *trip)
{
	load_close(&trip->load);
	judged_close(&trip->judged);
	for (uint32_t i = 0; i < TRIP_PLANS; i++)
		saga_definition_free(trip->definitions[i]);
	stage_close(&trip->stage, 0, getenv("TRIP_KEEP") != NULL);
	free(trip);
}

static struct judged_trip *new_trip(void)
{
	struct judged_trip *trip = calloc(1, sizeof *trip);

	assert_non_null(trip);
	return trip;
}

/* ---- the judges --------------------------------------------------------------------------------
 */

static struct judge_options options_for(uint32_t excused)
{
	/* Whose money it is, nobody knows here either. */
	struct judge_options options = judged_options(HISTORY_ACCOUNTS | excused);

	options.completed = SAGAS / 4;
	options.compensated = SAGAS / 8;
	return options;
}

/* What is not expected is kept, with the story of the first finding. */
static void expect(struct judged_trip *trip, const struct judge_options *options,
		   enum judge_outcome outcome)
{
	struct judged *judged = &trip->judged;
	const struct finding *first = &judged->verdict.findings[0];

	assert_true(judged_run(judged, options));
	judged_print(judged, stderr);
	if (judged->outcome == outcome)
		return;
	if (judged->verdict.finding_count > 0 && first->saga < judged->history->saga_count)
		story_print(stderr, judged->history, first->saga);
	judged_keep(judged);
	fail_msg("%s, not %s", judge_outcome_name(judged->outcome), judge_outcome_name(outcome));
}

static bool found(const struct judged_trip *trip, uint32_t invariant)
{
	for (uint32_t i = 0; i < verdict_kept(&trip->judged.verdict); i++)
		if (trip->judged.verdict.findings[i].law.invariant == invariant)
			return true;
	return false;
}

/* Too little seen is a failure, too. */
static void check_seen(const struct judged_trip *trip)
{
	static const struct {
		const char *counter;
		uint32_t least;
	} wanted[] = {
		{"sagas", 100},       {"mixed", 10},          {"interactive", 5},
		{"pivots", 10},       {"retriables", 5},      {"optionals", 10},
		{"votes", 50},        {"one_phases", 5},      {"last_resources", 5},
		{"unknown_steps", 5}, {"optional_undos", 1},  {"gone_on_without", 3},
		{"closed_sets", 3},   {"idle_aborts", 1},     {"retries", 20},
		{"cancels", 1},       {"late_cancels", 1},    {"branch_sets_refused", 2},
		{"versions", 100},    {"epochs", SHARDS + 2},
	};
	uint64_t count;

	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
		assert_true(verdict_counter(&trip->judged.verdict, wanted[i].counter, &count));
		if (count < wanted[i].least)
			fail_msg("%s: %llu of at least %u", wanted[i].counter,
				 (unsigned long long)count, wanted[i].least);
	}
}

static void drop_row(const struct judged_trip *trip, uint32_t service, const char *sql)
{
	char path[1100];
	sqlite3 *db = NULL;

	database_of(trip, service, path);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_changes(db), 1);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void owners_and_services_die(void **state)
{
	const struct trouble trouble = {
		.kills = 2, .service_dies = true, .sagas = SAGAS, .turns = 12};
	struct judge_options options = options_for(0);
	struct judged_trip *trip = new_trip();

	(void)state;
	run_trip(trip, &trouble, "integration.trip_judged: owners and services die");
	expect(trip, &options, JUDGE_PASSED);
	check_seen(trip);
	assert_true(trip->services_died >= 2);
	/* Nothing proves nothing. */
	options.completed = SAGAS * 10;
	expect(trip, &options, JUDGE_INCONCLUSIVE);
	options.completed = 0;
	/* An effect that is gone again is one that was never done, whatever the journal says. */
	drop_row(trip, 0,
		 "DELETE FROM witness WHERE id = (SELECT max(id) FROM witness AS w"
		 " WHERE op = 1 AND kind = 'done' AND NOT EXISTS(SELECT 1 FROM witness"
		 " WHERE saga = w.saga AND step = w.step AND op = 3))");
	expect(trip, &options, JUDGE_BROKEN);
	assert_true(found(trip, 23));
	close_trip(trip);
}

static void broker_restarts(void **state)
{
	const struct trouble trouble = {
		.kills = 1, .broker_restarts = true, .sagas = SAGAS, .turns = 6};
	/* Of what was sent while the tap was without its broker it knows nothing. */
	const struct judge_options options = options_for(HISTORY_WIRE);
	struct judged_trip *trip = new_trip();

	(void)state;
	run_trip(trip, &trouble, "integration.trip_judged: the broker restarts");
	expect(trip, &options, JUDGE_PASSED);
	close_trip(trip);
}

/* What the barrier keeps from happening happens, and is seen. */
static void service_without_barrier(void **state)
{
	const struct trouble trouble = {.bare_service = true, .sagas = SAGAS / 3, .turns = 3};
	const struct judge_options options = options_for(0);
	struct judged_trip *trip = new_trip();

	(void)state;
	run_trip(trip, &trouble, "integration.trip_judged: a service without its barrier");
	expect(trip, &options, JUDGE_BROKEN);
	assert_true(found(trip, 6));
	close_trip(trip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owners_and_services_die),
		cmocka_unit_test(broker_restarts),
		cmocka_unit_test(service_without_barrier),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
