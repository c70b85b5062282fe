/* The SQLite barrier and what an interactive branch works before its vote: when that may still be
 * done, who takes it back, how long its row stays; and that an answer given again is written. */
#include "tests/unit/client_barrier_sqlite.h"

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof *bench);

	bench_open(bench);
	execute(bench->db, "CREATE TABLE held(amount INTEGER); INSERT INTO held VALUES(0)");
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	bench_close(*state);
	free(*state);
	return 0;
}

/* The application's own transaction; as it should, it goes by the answer. */
static int work_before(sqlite3 *db, const char *saga)
{
	int error;

	execute(db, "BEGIN; UPDATE held SET amount = amount + 10");
	error = saga_sqlite_worked(db, saga, "step");
	execute(db, error == 0 ? "COMMIT" : "ROLLBACK");
	return error;
}

static int take_back(sqlite3 *db, const char *saga)
{
	int error;

	execute(db, "BEGIN");
	error = saga_sqlite_took_back(db, saga, "step");
	if (error == 0)
		execute(db, "UPDATE held SET amount = amount - 10");
	execute(db, error == 0 ? "COMMIT" : "ROLLBACK");
	return error;
}

static void give_back(sqlite3 *db, struct saga_context *context, struct saga_result *result,
		      void *user)
{
	(void)context;
	(void)user;
	if (sqlite3_exec(db, "UPDATE held SET amount = amount - 10", NULL, NULL, NULL) == SQLITE_OK)
		result->outcome = SAGA_OK;
}

static void run_branch(sqlite3 *db, struct order *order, saga_sqlite_work gives)
{
	context_answer_free(&order->answer);
	context_open(&order->context, &order->command, 0, 5, order->context.low_water, 0);
	order->result = (struct saga_result){.outcome = SAGA_RETRY};
	saga_sqlite_run_branch(db, &order->context, &order->result, append_to_ledger, gives, order);
	context_finish(&order->context, &order->result, &order->answer);
}

static int64_t held(const struct bench *bench)
{
	return number(bench->db, "SELECT amount FROM held");
}

static int64_t rows_of_work(const struct bench *bench)
{
	return number(bench->db, "SELECT count(*) FROM saga_barrier WHERE op = 0");
}

static void an_undo_takes_back_what_never_voted(void **state)
{
	struct bench *bench = *state;
	struct order order;

	assert_int_equal(work_before(bench->db, "s1"), 0);
	order_init(&order, "s1", SAGA_OP_UNDO);
	order.sql = "UPDATE held SET amount = amount - 10";
	run_order(bench->db, &order);
	run_order(bench->db, &order);
	assert_int_equal(order.runs, 1);
	assert_int_equal(order.answer.outcome, WIRE_OUTCOME_OK);
	assert_int_equal(held(bench), 0);
	/* And nothing is worked behind it. */
	assert_int_equal(work_before(bench->db, "s1"), SAGA_ERR_SUSPENDED);
	assert_int_equal(held(bench), 0);
	assert_int_equal(rows_of_work(bench), 0);
	context_answer_free(&order.answer);
}

static void an_undo_that_fails_has_taken_nothing_back(void **state)
{
	struct bench *bench = *state;
	struct order order;

	assert_int_equal(work_before(bench->db, "s1"), 0);
	order_init(&order, "s1", SAGA_OP_UNDO);
	order.outcome = SAGA_RETRY;
	run_order(bench->db, &order);
	assert_int_equal(rows_of_work(bench), 1);
	order.outcome = SAGA_OK;
	run_order(bench->db, &order);
	assert_int_equal(order.runs, 2);
	assert_int_equal(order.answer.outcome, WIRE_OUTCOME_OK);
	assert_int_equal(number(bench->db, "SELECT count(*) FROM ledger"), 1);
	context_answer_free(&order.answer);
}

static void a_no_and_a_settling_give_back(void **state)
{
	static const enum saga_op commands[] = {SAGA_OP_FORWARD, SAGA_OP_SETTLE};
	struct bench *bench = *state;

	for (size_t i = 0; i < 2; i++) {
		const char *saga = i == 0 ? "s1" : "s2";
		struct order order;

		assert_int_equal(work_before(bench->db, saga), 0);
		order_init(&order, saga, commands[i]);
		order.outcome = SAGA_REJECTED;
		/* Nobody gives back: then there is no such answer. */
		run_branch(bench->db, &order, NULL);
		assert_int_equal(order.answer.outcome, WIRE_OUTCOME_PARK);
		assert_int_equal(order.answer.code, err_to_wire(SAGA_ERR_OUT_OF_ORDER));
		assert_int_equal(held(bench), 10);
		for (int again = 0; again < 2; again++) {
			run_branch(bench->db, &order, give_back);
			assert_int_equal(order.answer.outcome, WIRE_OUTCOME_REJECTED);
			assert_int_equal(held(bench), 0);
		}
		assert_int_equal(number(bench->db, "SELECT count(*) FROM ledger"), 0);
		/* Its no may not have been heard. */
		order.command.op = SAGA_OP_UNDO;
		run_branch(bench->db, &order, give_back);
		assert_int_equal(order.answer.barrier, WIRE_BARRIER_EMPTY_UNDO);
		assert_int_equal(work_before(bench->db, saga), SAGA_ERR_SUSPENDED);
		context_answer_free(&order.answer);
	}
}

static void the_application_takes_back_once_and_not_what_has_voted(void **state)
{
	struct bench *bench = *state;
	struct order order;

	assert_int_equal(saga_sqlite_worked(bench->db, "s1", "step"), SAGA_ERR_USAGE);
	assert_int_equal(saga_sqlite_took_back(bench->db, "s1", "step"), SAGA_ERR_USAGE);
	assert_int_equal(work_before(bench->db, "s1"), 0);
	assert_int_equal(work_before(bench->db, "s1"), 0); /* more of it */
	assert_int_equal(rows_of_work(bench), 1);
	assert_int_equal(take_back(bench->db, "s1"), 0);
	assert_int_equal(take_back(bench->db, "s1"), SAGA_ERR_NOT_FOUND);

	assert_int_equal(work_before(bench->db, "s2"), 0);
	order_init(&order, "s2", SAGA_OP_FORWARD);
	run_branch(bench->db, &order, give_back);
	assert_int_equal(order.answer.outcome, WIRE_OUTCOME_OK);
	assert_int_equal(take_back(bench->db, "s2"), SAGA_ERR_NOT_FOUND);
	assert_int_equal(work_before(bench->db, "s2"), SAGA_ERR_SUSPENDED);
	context_answer_free(&order.answer);
}

/* S8: of whom nothing was heard it stays, else it goes with what is there of its step. */
static void its_row_goes_with_those_of_its_step(void **state)
{
	struct bench *bench = *state;
	struct order order;

	assert_int_equal(work_before(bench->db, "s1"), 0);
	assert_int_equal(work_before(bench->db, "s2"), 0);
	order_init(&order, "s1", SAGA_OP_FORWARD);
	run_branch(bench->db, &order, give_back);
	assert_int_equal(rows_of_work(bench), 2);
	order.command.saga = slice_str("other");
	order.command.admission = 2000;
	order.context.low_water = 1000;
	run_branch(bench->db, &order, give_back);
	assert_int_equal(order.answer.outcome, WIRE_OUTCOME_OK);
	assert_int_equal(number(bench->db, "SELECT count(*) FROM saga_barrier WHERE saga = 's1'"),
			 0);
	assert_int_equal(rows_of_work(bench), 1);
	context_answer_free(&order.answer);
}

/* Invariant 23: the commit of the first answer may have failed, and be there all the same. A
 * transaction that changes nothing would sync nothing. */
static void what_is_answered_again_is_written(void **state)
{
	static const char *const modes[] = {"DELETE", "TRUNCATE", "PERSIST", "WAL"};
	struct bench *bench = *state;
	sqlite3 *other = bench_handle(bench);
	char saga[16], sql[64];

	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		struct order order;

		assert_int_equal(sqlite3_close(other), SQLITE_OK);
		(void)snprintf(sql, sizeof sql, "PRAGMA journal_mode = %s", modes[i]);
		execute(bench->db, sql);
		assert_int_equal(sqlite3_open(bench->path, &other), SQLITE_OK);
		(void)snprintf(saga, sizeof saga, "s%zu", i);
		order_init(&order, saga, SAGA_OP_FORWARD);
		run_order(bench->db, &order);
		for (int k = 0; k < 4; k++) {
			const int64_t before = number(other, "PRAGMA data_version");

			if (k == 2)
				order.command.op = SAGA_OP_SETTLE;
			run_branch(bench->db, &order, give_back);
			assert_int_equal(order.answer.barrier, WIRE_BARRIER_DUPLICATE);
			if (number(other, "PRAGMA data_version") == before)
				fail_msg("%s: nothing was written", modes[i]);
		}
		assert_int_equal(order.runs, 1);
		context_answer_free(&order.answer);
	}
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_undo_takes_back_what_never_voted),
		TEST(an_undo_that_fails_has_taken_nothing_back),
		TEST(a_no_and_a_settling_give_back),
		TEST(the_application_takes_back_once_and_not_what_has_voted),
		TEST(its_row_goes_with_those_of_its_step),
		TEST(what_is_answered_again_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
