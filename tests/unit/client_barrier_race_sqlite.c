/* The SQLite barrier under races between processes and threads, and under kill -9. */
#include "tests/unit/client_barrier_sqlite.h"

#include <pthread.h>

#include "base/prng.h"

enum { SAGAS = 300, PROCESSES = 3, THREADS = 2, ROUNDS = 1000, KILLS = 30 };

/* ---- many hands on the same sagas
 * ---------------------------------------------------------------- */

/* What somebody was told when a step was settled: kept outside of the barrier. */
static bool note_settled(sqlite3 *db, const char *saga, uint32_t outcome)
{
	char sql[128];

	(void)snprintf(sql, sizeof sql, "INSERT INTO told VALUES('%s', %u)", saga, outcome);
	return (outcome == WIRE_OUTCOME_OK || outcome == WIRE_OUTCOME_REJECTED) &&
	       sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* One of: forward of all kinds, undo or, of every fifth saga, settling, and duplicates of them, in
 * an order of its own. In a child: no cmocka here. Returns false on an answer that no order of
 * events permits. */
static bool one_round(sqlite3 *db, struct prng *prng)
{
	struct order order;
	char saga[16];
	const unsigned which = (unsigned)prng_below(prng, SAGAS);
	const bool second = prng_below(prng, 3) == 0;
	const bool settle = second && which % 5 == 0;
	const bool undo = second && !settle;
	bool good;

	(void)snprintf(saga, sizeof saga, "s%u", which);
	order_init(&order, saga, settle ? SAGA_OP_SETTLE : undo ? SAGA_OP_UNDO : SAGA_OP_FORWARD);
	order.command.admission = which + 1;
	/* Every third saga is refused by its service. */
	if (!second && which % 3 == 0)
		order.outcome = SAGA_REJECTED;
	run_order(db, &order);
	if (settle)
		good = note_settled(db, saga, order.answer.outcome);
	else if (undo)
		good = order.answer.outcome == WIRE_OUTCOME_OK;
	else if (which % 3 == 0)
		good = order.answer.outcome == WIRE_OUTCOME_REJECTED;
	else
		good = order.answer.outcome == WIRE_OUTCOME_OK ||
		       order.answer.barrier == WIRE_BARRIER_LATE_FORWARD;
	if (!good)
		(void)fprintf(stderr, "%s %s: outcome %u, barrier %u: %s\n", saga,
			      settle ? "settle"
			      : undo ? "undo"
				     : "forward",
			      order.answer.outcome, order.answer.barrier, order.answer.text);
	context_answer_free(&order.answer);
	return good;
}

struct hand {
	const struct bench *bench;
	uint64_t seed;
	bool good;
};

static void *hand_thread(void *argument)
{
	struct hand *hand = argument;
	sqlite3 *db = bench_handle(hand->bench);
	struct prng prng;

	prng_seed(&prng, hand->seed);
	/* All prepare at once: it must be safe. */
	hand->good = saga_sqlite_prepare(db) == 0 && sqlite3_busy_timeout(db, 20000) == SQLITE_OK;
	for (int i = 0; i < ROUNDS && hand->good; i++)
		hand->good = one_round(db, &prng);
	return sqlite3_close(db) == SQLITE_OK ? NULL : argument;
}

static int child_races(const struct bench *bench, uint64_t seed)
{
	struct hand hands[THREADS];
	pthread_t threads[THREADS];
	bool good = true;

	for (uint64_t i = 0; i < THREADS; i++) {
		hands[i] = (struct hand){.bench = bench, .seed = seed * 100 + i};
		if (pthread_create(&threads[i], NULL, hand_thread, &hands[i]) != 0)
			return 2;
	}
	for (int i = 0; i < THREADS; i++) {
		void *bad = NULL;

		if (pthread_join(threads[i], &bad) != 0 || bad != NULL || !hands[i].good)
			good = false;
	}
	return good ? 0 : 1;
}

static void forward_and_undo_race(void **state)
{
	struct bench bench;
	pid_t children[PROCESSES];

	(void)state;
	bench_open(&bench);
	execute(bench.db, "CREATE TABLE told(saga TEXT, outcome INTEGER)");
	/* A handle must not cross a fork. */
	assert_int_equal(sqlite3_close(bench.db), SQLITE_OK);
	for (int i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0)
			_exit(child_races(&bench, (uint64_t)i + 1));
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status = -1;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	bench.db = bench_handle(&bench);
	/* At most once each; an undo only after its forward, and always when that ran. */
	assert_int_equal(number(bench.db, "SELECT count(*) FROM (SELECT 1 FROM ledger "
					  "GROUP BY saga, op HAVING count(*) > 1)"),
			 0);
	assert_int_equal(number(bench.db,
				"SELECT count(*) FROM ledger u WHERE op = 3 AND NOT EXISTS("
				"SELECT 1 FROM ledger f WHERE f.saga = u.saga AND f.op = 1)"),
			 0);
	assert_int_equal(
		number(bench.db,
		       "SELECT count(*) FROM ledger f WHERE op = 1 AND EXISTS(SELECT 1 "
		       "FROM saga_barrier b WHERE b.saga = f.saga AND b.op = 3) AND NOT "
		       "EXISTS(SELECT 1 FROM ledger u WHERE u.saga = f.saga AND u.op = 3)"),
		0);
	/* S4: "done" was told of what was done, "not done" of what never was. */
	assert_int_equal(number(bench.db, "SELECT count(*) FROM told t WHERE (outcome = 1) <> "
					  "EXISTS(SELECT 1 FROM ledger l WHERE l.saga = t.saga AND "
					  "l.op = 1)"),
			 0);
	assert_true(number(bench.db, "SELECT count(*) FROM told WHERE outcome = 1") > 0);
	assert_true(number(bench.db, "SELECT count(*) FROM told WHERE outcome = 2") > 0);
	/* The test was worth it: there were effects, undone ones, and blocked forwards. */
	assert_true(number(bench.db, "SELECT count(*) FROM ledger WHERE op = 1") > 0);
	assert_true(number(bench.db, "SELECT count(*) FROM ledger WHERE op = 3") > 0);
	assert_true(number(bench.db, "SELECT count(*) FROM saga_barrier WHERE outcome = 3") > 0);
	bench_close(&bench);
}

/* ---- kill -9
 * --------------------------------------------------------------------------------------- */

static void child_works(const struct bench *bench, uint64_t seed, int told)
{
	sqlite3 *db = bench_handle(bench);
	struct prng prng;

	prng_seed(&prng, seed);
	for (;;) {
		if (!one_round(db, &prng))
			_exit(1);
		/* So that the parent kills in the middle of work and not of the start. */
		if (told >= 0 && write(told, "x", 1) != 1)
			_exit(2);
	}
}

static void a_killed_participant_leaves_nothing_half_done(void **state)
{
	struct bench bench;
	struct prng prng;

	(void)state;
	prng_seed(&prng, 4711);
	bench_open(&bench);
	execute(bench.db, "CREATE TABLE told(saga TEXT, outcome INTEGER)");
	assert_int_equal(sqlite3_close(bench.db), SQLITE_OK);
	for (int kill_count = 0; kill_count < KILLS; kill_count++) {
		const uint64_t rounds = 1 + prng_below(&prng, 12);
		int ends[2], status = 0;
		pid_t child;
		char byte;

		assert_int_equal(pipe(ends), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0)
			child_works(&bench, (uint64_t)kill_count, ends[1]);
		assert_int_equal(close(ends[1]), 0);
		for (uint64_t i = 0; i < rounds; i++)
			assert_int_equal(read(ends[0], &byte, 1), 1);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		assert_int_equal(close(ends[0]), 0);
	}
	bench.db = bench_handle(&bench);
	/* Row and effect stand together or not at all: pending rows are never seen, and the ledger
	 * is what the stored outcomes say. */
	assert_int_equal(number(bench.db, "SELECT count(*) FROM saga_barrier WHERE outcome = 0"),
			 0);
	assert_int_equal(number(bench.db, "SELECT count(*) FROM (SELECT 1 FROM ledger "
					  "GROUP BY saga, op HAVING count(*) > 1)"),
			 0);
	assert_int_equal(number(bench.db,
				"SELECT count(*) FROM saga_barrier b WHERE op = 1 AND (outcome = "
				"1) <> EXISTS(SELECT 1 FROM ledger l WHERE l.saga = b.saga AND "
				"l.op = 1)"),
			 0);
	assert_int_equal(number(bench.db,
				"SELECT count(*) FROM ledger l WHERE NOT EXISTS(SELECT 1 FROM "
				"saga_barrier b WHERE b.saga = l.saga AND b.op = l.op)"),
			 0);
	assert_true(number(bench.db, "SELECT count(*) FROM ledger") > 0);
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forward_and_undo_race),
		cmocka_unit_test(a_killed_participant_leaves_nothing_half_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
