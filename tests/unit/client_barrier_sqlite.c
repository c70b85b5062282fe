/* The SQLite barrier: each case of saga_sqlite.h on a real database. */
#include "tests/unit/client_barrier_sqlite.h"

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof *bench);

	bench_open(bench);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	bench_close(*state);
	free(*state);
	return 0;
}

static void run(struct bench *bench, struct order *order, uint32_t outcome, uint32_t barrier)
{
	run_order(bench->db, order);
	if (order->answer.outcome != outcome || order->answer.barrier != barrier)
		fail_msg("outcome %u, barrier %u instead of %u, %u: %s", order->answer.outcome,
			 order->answer.barrier, outcome, barrier, order->answer.text);
	assert_int_not_equal(sqlite3_get_autocommit(bench->db), 0);
}

static void a_first_run_is_remembered(void **state)
{
	struct bench *bench = *state;
	struct order order;

	order_init(&order, "s1", SAGA_OP_FORWARD);
	order.output = "seat 12A";
	order.text = "booked";
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
	assert_int_equal(order.runs, 1);
	order.command.attempt = 2;
	order.output = "another";
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_DUPLICATE);
	assert_int_equal(order.runs, 1);
	assert_true(slice_equal(order.answer.output, slice_str("seat 12A")));
	assert_string_equal(order.answer.text, "booked");
	assert_int_equal(number(bench->db, "SELECT count(*) FROM ledger"), 1);
	context_answer_free(&order.answer);
}

static void a_rejection_is_stored_without_its_effect(void **state)
{
	struct bench *bench = *state;
	struct order order;

	order_init(&order, "s1", SAGA_OP_FORWARD);
	order.outcome = SAGA_REJECTED;
	order.text = "no seats";
	run(bench, &order, WIRE_OUTCOME_REJECTED, WIRE_BARRIER_FIRST);
	assert_int_equal(order.answer.code, err_to_wire(SAGA_E_REJECTED));
	assert_int_equal(number(bench->db, "SELECT count(*) FROM ledger"), 0);
	/* S3: it stays a no, even when the work would say yes by now. */
	order.outcome = SAGA_OK;
	run(bench, &order, WIRE_OUTCOME_REJECTED, WIRE_BARRIER_DUPLICATE);
	assert_string_equal(order.answer.text, "no seats");
	assert_int_equal(order.answer.code, err_to_wire(SAGA_E_REJECTED));
	assert_int_equal(order.runs, 1);
	context_answer_free(&order.answer);
	/* Nothing was done, so nothing is undone. */
	order_init(&order, "s1", SAGA_OP_UNDO);
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_EMPTY_UNDO);
	assert_int_equal(order.runs, 0);
	assert_int_equal(number(bench->db, "SELECT count(*) FROM ledger"), 0);
	context_answer_free(&order.answer);
}

static void an_undo_runs_once_after_its_forward(void **state)
{
	struct bench *bench = *state;
	struct order forward, undo;

	order_init(&forward, "s1", SAGA_OP_FORWARD);
	order_init(&undo, "s1", SAGA_OP_UNDO);
	run(bench, &forward, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
	run(bench, &undo, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
	run(bench, &undo, WIRE_OUTCOME_OK, WIRE_BARRIER_DUPLICATE);
	/* A forward that comes again gets its first answer, not a new seat. */
	run(bench, &forward, WIRE_OUTCOME_OK, WIRE_BARRIER_DUPLICATE);
	assert_int_equal(forward.runs, 1);
	assert_int_equal(undo.runs, 1);
	assert_int_equal(number(bench->db, "SELECT count(*) FROM ledger"), 2);
	context_answer_free(&forward.answer);
	context_answer_free(&undo.answer);
}

static void an_empty_undo_blocks_the_late_forward(void **state)
{
	struct bench *bench = *state;
	struct order forward, undo;

	order_init(&forward, "s1", SAGA_OP_FORWARD);
	order_init(&undo, "s1", SAGA_OP_UNDO);
	run(bench, &undo, WIRE_OUTCOME_OK, WIRE_BARRIER_EMPTY_UNDO);
	for (int i = 0; i < 2; i++) {
		run(bench, &forward, WIRE_OUTCOME_REJECTED, WIRE_BARRIER_LATE_FORWARD);
		assert_int_equal(forward.answer.code, err_to_wire(SAGA_E_SUSPENDED));
	}
	run(bench, &undo, WIRE_OUTCOME_OK, WIRE_BARRIER_DUPLICATE);
	assert_int_equal(forward.runs + undo.runs, 0);
	assert_int_equal(number(bench->db, "SELECT count(*) FROM ledger"), 0);
	context_answer_free(&forward.answer);
	context_answer_free(&undo.answer);
}

static void unknown_is_not_remembered(void **state)
{
	struct bench *bench = *state;
	struct order order;

	order_init(&order, "s1", SAGA_OP_FORWARD);
	order.outcome = SAGA_RETRY;
	run(bench, &order, WIRE_OUTCOME_RETRY, WIRE_BARRIER_FIRST);
	order.outcome = SAGA_PARK;
	run(bench, &order, WIRE_OUTCOME_PARK, WIRE_BARRIER_FIRST);
	order.outcome = (enum saga_outcome)77;
	run(bench, &order, WIRE_OUTCOME_RETRY, WIRE_BARRIER_FIRST);
	assert_int_equal(number(bench->db, "SELECT count(*) FROM ledger"), 0);
	assert_int_equal(number(bench->db, "SELECT count(*) FROM saga_barrier"), 0);
	order.outcome = SAGA_OK;
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
	assert_int_equal(order.runs, 4);
	context_answer_free(&order.answer);
}

static void an_undo_cannot_be_refused(void **state)
{
	struct bench *bench = *state;
	struct order forward, undo;

	order_init(&forward, "s1", SAGA_OP_FORWARD);
	order_init(&undo, "s1", SAGA_OP_UNDO);
	run(bench, &forward, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
	undo.outcome = SAGA_REJECTED;
	run(bench, &undo, WIRE_OUTCOME_RETRY, WIRE_BARRIER_FIRST);
	undo.outcome = SAGA_OK;
	run(bench, &undo, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
	assert_int_equal(undo.runs, 2);
	assert_int_equal(number(bench->db, "SELECT count(*) FROM ledger"), 2);
	context_answer_free(&forward.answer);
	context_answer_free(&undo.answer);
}

static void steps_and_operations_are_apart(void **state)
{
	struct bench *bench = *state;
	struct order order;

	order_init(&order, "s1", SAGA_OP_FORWARD);
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
	order.command.step_name = slice_str("other");
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
	order.command.op = SAGA_OP_FINISH;
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_DUPLICATE);
	assert_int_equal(order.runs, 3);
	context_answer_free(&order.answer);
}

/* ---- S24
 * ----------------------------------------------------------------------------------------- */

static void an_older_epoch_is_stale(void **state)
{
	struct bench *bench = *state;
	struct order order;

	order_init(&order, "s1", SAGA_OP_FORWARD);
	order.context.shard = 3;
	order.context.epoch = 9;
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
	assert_int_equal(number(bench->db, "SELECT epoch FROM saga_barrier_shard "
					   "WHERE shard = 3"),
			 9);
	order.context.epoch = 8;
	/* Even for a duplicate: whoever sent it is not the owner. */
	run(bench, &order, WIRE_OUTCOME_STALE, WIRE_BARRIER_FIRST);
	assert_int_equal(order.answer.code, err_to_wire(SAGA_E_STALE));
	order.command.saga = slice_str("s2");
	run(bench, &order, WIRE_OUTCOME_STALE, WIRE_BARRIER_FIRST);
	assert_int_equal(order.runs, 1);
	/* Epochs belong to shards. */
	order.context.shard = 4;
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
	order.context.shard = 3;
	order.context.epoch = 10;
	order.command.saga = slice_str("s3");
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
	assert_int_equal(number(bench->db, "SELECT epoch FROM saga_barrier_shard "
					   "WHERE shard = 3"),
			 10);
	context_answer_free(&order.answer);
}

static int updates_of_shards;

static void count_updates(void *user, int operation, const char *database, const char *table,
			  sqlite3_int64 row)
{
	(void)user;
	(void)operation;
	(void)database;
	(void)row;
	if (strcmp(table, "saga_barrier_shard") == 0)
		updates_of_shards++;
}

static void the_epoch_is_written_only_when_it_rises(void **state)
{
	struct bench *bench = *state;
	struct order order;
	char saga[16];

	updates_of_shards = 0;
	(void)sqlite3_update_hook(bench->db, count_updates, NULL);
	for (int i = 0; i < 20; i++) {
		(void)snprintf(saga, sizeof saga, "s%d", i);
		order_init(&order, saga, SAGA_OP_FORWARD);
		order.context.epoch = i < 10 ? 5 : 6;
		run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
		context_answer_free(&order.answer);
	}
	assert_int_equal(updates_of_shards, 2);
}

/* ---- S8
 * ------------------------------------------------------------------------------------------ */

static void fill(struct bench *bench, uint32_t shard, int count)
{
	char sql[512];

	(void)snprintf(sql, sizeof sql,
		       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
		       "WHERE i < %d) INSERT INTO saga_barrier(saga, step, op, shard, admission, "
		       "outcome) SELECT 'x%u-' || i, 'step', 1, %u, i, 1 FROM n",
		       count, shard, shard);
	execute(bench->db, sql);
}

static void rows_below_the_mark_go(void **state)
{
	struct bench *bench = *state;
	struct order order;

	fill(bench, 0, 600);
	fill(bench, 1, 600);
	order_init(&order, "s1", SAGA_OP_FORWARD);
	order.command.admission = 1000;
	order.context.low_water = 255; /* not worth it */
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
	assert_int_equal(number(bench->db, "SELECT count(*) FROM saga_barrier"), 1201);

	order.command.saga = slice_str("s2");
	order.context.low_water = 500;
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
	assert_int_equal(number(bench->db, "SELECT min(admission) FROM saga_barrier "
					   "WHERE shard = 0"),
			 500);
	assert_int_equal(number(bench->db, "SELECT count(*) FROM saga_barrier WHERE shard = 0"),
			 103);
	assert_int_equal(number(bench->db, "SELECT count(*) FROM saga_barrier WHERE shard = 1"),
			 600);
	assert_int_equal(number(bench->db, "SELECT low_water FROM saga_barrier_shard "
					   "WHERE shard = 0"),
			 500);
	/* What was deleted is expired, what was kept is not; a lower mark changes nothing. */
	order.context.low_water = 3;
	order.command.saga = slice_str("x0-499");
	order.command.admission = 499;
	run(bench, &order, WIRE_OUTCOME_EXPIRED, WIRE_BARRIER_FIRST);
	assert_int_equal(order.answer.code, err_to_wire(SAGA_E_BELOW_LOW_WATER));
	order.command.op = SAGA_OP_UNDO;
	run(bench, &order, WIRE_OUTCOME_EXPIRED, WIRE_BARRIER_FIRST);
	order.command.op = SAGA_OP_FORWARD;
	order.command.saga = slice_str("x0-500");
	order.command.admission = 500;
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_DUPLICATE);
	assert_int_equal(order.runs, 2);
	context_answer_free(&order.answer);
}

static void clean_up_is_taken_in_portions(void **state)
{
	struct bench *bench = *state;
	struct order order;
	char saga[16];

	fill(bench, 0, 5000);
	for (int i = 0; i < 5; i++) {
		(void)snprintf(saga, sizeof saga, "s%d", i);
		order_init(&order, saga, SAGA_OP_FORWARD);
		order.command.admission = 6000;
		order.context.low_water = 6000;
		run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
		context_answer_free(&order.answer);
		/* The mark never passes what is still there. */
		assert_true(number(bench->db, "SELECT low_water FROM saga_barrier_shard") <=
			    number(bench->db, "SELECT min(admission) FROM saga_barrier"));
		if (i == 0)
			assert_int_equal(number(bench->db, "SELECT count(*) FROM saga_barrier "
							   "WHERE admission < 6000"),
					 5000 - 1024);
	}
	assert_int_equal(number(bench->db, "SELECT count(*) FROM saga_barrier"), 5);
	assert_int_equal(number(bench->db, "SELECT low_water FROM saga_barrier_shard"), 6000);
}

static void the_mark_is_not_stored_without_the_deletion(void **state)
{
	struct bench *bench = *state;
	struct order order;

	fill(bench, 0, 600);
	order_init(&order, "s1", SAGA_OP_FORWARD);
	order.command.admission = 1000;
	order.context.low_water = 600;
	order.outcome = SAGA_RETRY; /* rolls all of it back */
	run(bench, &order, WIRE_OUTCOME_RETRY, WIRE_BARRIER_FIRST);
	assert_int_equal(number(bench->db, "SELECT count(*) FROM saga_barrier"), 600);
	assert_int_equal(number(bench->db, "SELECT count(*) FROM saga_barrier_shard"), 0);
	context_answer_free(&order.answer);
}

/* ---- trouble
 * -------------------------------------------------------------------------------------- */

static void a_locked_database_is_unknown(void **state)
{
	struct bench *bench = *state;
	sqlite3 *other = bench_handle(bench);
	struct order order;

	order_init(&order, "s1", SAGA_OP_FORWARD);
	execute(other, "BEGIN IMMEDIATE");
	assert_int_equal(sqlite3_busy_timeout(bench->db, 1), SQLITE_OK);
	run(bench, &order, WIRE_OUTCOME_RETRY, WIRE_BARRIER_FIRST);
	assert_int_equal(order.answer.code, err_to_wire(SAGA_E_DATABASE));
	assert_true(order.answer.retry_after_ms > 0);
	execute(other, "ROLLBACK");
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
	assert_int_equal(order.answer.code, 0);
	assert_int_equal(order.runs, 1);
	context_answer_free(&order.answer);
}

static void a_missing_table_is_unknown(void **state)
{
	struct bench *bench = *state;
	struct order order;

	order_init(&order, "s1", SAGA_OP_UNDO);
	execute(bench->db, "DROP TABLE saga_barrier");
	run(bench, &order, WIRE_OUTCOME_RETRY, WIRE_BARRIER_FIRST);
	assert_int_equal(order.answer.code, err_to_wire(SAGA_E_DATABASE));
	assert_int_equal(saga_sqlite_prepare(bench->db), 0);
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_EMPTY_UNDO);
	context_answer_free(&order.answer);
}

static void a_failed_commit_is_unknown(void **state)
{
	struct bench *bench = *state;
	struct order order;

	execute(bench->db, "PRAGMA foreign_keys = ON;"
			   "CREATE TABLE parent(id INTEGER PRIMARY KEY);"
			   "CREATE TABLE child(id INTEGER REFERENCES parent(id) "
			   "DEFERRABLE INITIALLY DEFERRED)");
	order_init(&order, "s1", SAGA_OP_FORWARD);
	order.sql = "INSERT INTO child VALUES(1)";
	run(bench, &order, WIRE_OUTCOME_RETRY, WIRE_BARRIER_FIRST);
	assert_int_equal(order.answer.code, err_to_wire(SAGA_E_DATABASE));
	assert_int_equal(number(bench->db, "SELECT count(*) FROM ledger"), 0);
	assert_int_equal(number(bench->db, "SELECT count(*) FROM saga_barrier"), 0);
	context_answer_free(&order.answer);
}

static void work_that_commits_is_never_run_again(void **state)
{
	struct bench *bench = *state;
	struct order order;

	order_init(&order, "s1", SAGA_OP_FORWARD);
	order.sql = "COMMIT";
	run(bench, &order, WIRE_OUTCOME_RETRY, WIRE_BARRIER_FIRST);
	assert_int_equal(number(bench->db, "SELECT count(*) FROM ledger"), 1);
	run(bench, &order, WIRE_OUTCOME_PARK, WIRE_BARRIER_DUPLICATE);
	assert_int_equal(order.runs, 1);
	/* Its undo runs: something was done. */
	order.command.op = SAGA_OP_UNDO;
	order.sql = NULL;
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
	assert_int_equal(order.runs, 2);
	context_answer_free(&order.answer);
}

static void a_transaction_of_the_caller_is_refused(void **state)
{
	struct bench *bench = *state;
	struct order order;

	order_init(&order, "s1", SAGA_OP_FORWARD);
	execute(bench->db, "BEGIN");
	run_order(bench->db, &order);
	assert_int_equal(order.answer.outcome, WIRE_OUTCOME_RETRY);
	assert_int_equal(order.runs, 0);
	/* It stays the caller's. */
	assert_int_equal(sqlite3_get_autocommit(bench->db), 0);
	execute(bench->db, "ROLLBACK");
	context_answer_free(&order.answer);
}

static void reject_with_code(sqlite3 *db, struct saga_context *context, struct saga_result *result,
			     void *user)
{
	(void)db;
	(void)user;
	saga_context_set_code(context, SAGA_ERR_BUSY);
	result->outcome = SAGA_REJECTED;
	(void)snprintf(result->text, sizeof result->text, "sold out");
}

/* S3: what the owner is told does not depend on which answer reaches it. */
static void a_duplicate_answers_with_the_same_code(void **state)
{
	struct bench *bench = *state;
	struct order order;
	uint32_t code;

	order_init(&order, "s1", SAGA_OP_FORWARD);
	context_open(&order.context, &order.command, 0, 5, 1, 0);
	saga_sqlite_run(bench->db, &order.context, &order.result, reject_with_code, NULL);
	context_finish(&order.context, &order.result, &order.answer);
	code = order.answer.code;
	assert_int_equal(code, -SAGA_ERR_BUSY);
	run(bench, &order, WIRE_OUTCOME_REJECTED, WIRE_BARRIER_DUPLICATE);
	assert_int_equal(order.runs, 0);
	assert_int_equal(order.answer.code, code);
	assert_string_equal(order.answer.text, "sold out");
	context_answer_free(&order.answer);
}

static void an_output_that_cannot_be_read_is_unknown(void **state)
{
	struct bench *bench = *state;
	struct order order;

	order_init(&order, "s1", SAGA_OP_FORWARD);
	order.output = "seat 12A";
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
	/* More than a context has room for. */
	execute(bench->db, "UPDATE saga_barrier SET output = zeroblob(17000000)");
	run(bench, &order, WIRE_OUTCOME_RETRY, WIRE_BARRIER_FIRST);
	assert_int_equal(order.answer.output.size, 0);
	execute(bench->db, "UPDATE saga_barrier SET output = x'31'");
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_DUPLICATE);
	assert_true(slice_equal(order.answer.output, slice_str("1")));
	context_answer_free(&order.answer);
}

static void a_too_large_output_is_dropped(void **state)
{
	struct bench *bench = *state;
	struct order order;
	char *large = malloc(70000);

	(void)memset(large, 'x', 69999);
	large[69999] = '\0';
	order_init(&order, "s1", SAGA_OP_FORWARD);
	order.output = large;
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_FIRST);
	assert_int_equal(order.answer.output.size, 0);
	run(bench, &order, WIRE_OUTCOME_OK, WIRE_BARRIER_DUPLICATE);
	assert_int_equal(order.answer.output.size, 0);
	context_answer_free(&order.answer);
	free(large);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_first_run_is_remembered),
		TEST(a_rejection_is_stored_without_its_effect),
		TEST(an_undo_runs_once_after_its_forward),
		TEST(an_empty_undo_blocks_the_late_forward),
		TEST(unknown_is_not_remembered),
		TEST(an_undo_cannot_be_refused),
		TEST(steps_and_operations_are_apart),
		TEST(an_older_epoch_is_stale),
		TEST(the_epoch_is_written_only_when_it_rises),
		TEST(rows_below_the_mark_go),
		TEST(clean_up_is_taken_in_portions),
		TEST(the_mark_is_not_stored_without_the_deletion),
		TEST(a_locked_database_is_unknown),
		TEST(a_missing_table_is_unknown),
		TEST(a_failed_commit_is_unknown),
		TEST(work_that_commits_is_never_run_again),
		TEST(a_transaction_of_the_caller_is_refused),
		TEST(a_duplicate_answers_with_the_same_code),
		TEST(an_output_that_cannot_be_read_is_unknown),
		TEST(a_too_large_output_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
