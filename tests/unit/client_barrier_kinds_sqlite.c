/* The SQLite barrier and what TCC, 2PC and a point of no return need of it: rows of commands that
 * come to one step, what each one is answered, and whether its work runs. */
#include "tests/unit/client_barrier_sqlite.h"

enum { ACTS_MAX = 6, RUNS = 1 };

struct act {
	enum saga_op op;
	enum saga_outcome says; /* the work, if it runs */
	uint32_t runs;          /* does it? */
	uint32_t outcome, barrier;
	int code;
};
struct scene {
	const char *name;
	struct act acts[ACTS_MAX]; /* until one without an operation */
};

#define FORWARD  SAGA_OP_FORWARD
#define FINISH   SAGA_OP_FINISH
#define UNDO     SAGA_OP_UNDO
#define SETTLE   SAGA_OP_SETTLE
#define OK       WIRE_OUTCOME_OK
#define REJECTED WIRE_OUTCOME_REJECTED
#define PARK     WIRE_OUTCOME_PARK
#define RETRY    WIRE_OUTCOME_RETRY
#define FIRST    WIRE_BARRIER_FIRST
#define AGAIN    WIRE_BARRIER_DUPLICATE
#define EMPTY    WIRE_BARRIER_EMPTY_UNDO
#define LATE     WIRE_BARRIER_LATE_FORWARD
#define ORDER    SAGA_ERR_OUT_OF_ORDER
#define BLOCKED  SAGA_ERR_SUSPENDED
#define NO       SAGA_E_REJECTED

/* Invariants 9 and 10, S3, S4; the answers by which an engine goes. */
static const struct scene scenes[] = {
	{"a finish runs once after its forward",
	 {{FORWARD, SAGA_OK, RUNS, OK, FIRST, 0},
	  {FINISH, SAGA_OK, RUNS, OK, FIRST, 0},
	  {FINISH, SAGA_OK, 0, OK, AGAIN, 0},
	  {FORWARD, SAGA_OK, 0, OK, AGAIN, 0}}},
	{"a finish without its forward is not done, and not remembered",
	 {{FINISH, SAGA_OK, 0, PARK, FIRST, ORDER},
	  {FORWARD, SAGA_OK, RUNS, OK, FIRST, 0},
	  {FINISH, SAGA_OK, RUNS, OK, FIRST, 0}}},
	{"a finish of what was rejected is not done",
	 {{FORWARD, SAGA_REJECTED, RUNS, REJECTED, FIRST, NO},
	  {FINISH, SAGA_OK, 0, PARK, FIRST, ORDER},
	  {FINISH, SAGA_OK, 0, PARK, FIRST, ORDER}}},
	{"a finish of what was blocked by its undo is not done",
	 {{UNDO, SAGA_OK, 0, OK, EMPTY, 0},
	  {FINISH, SAGA_OK, 0, PARK, FIRST, ORDER},
	  {UNDO, SAGA_OK, 0, OK, AGAIN, 0}}},
	{"a finish of what was settled as not done is not done",
	 {{SETTLE, 0, 0, REJECTED, FIRST, BLOCKED}, {FINISH, SAGA_OK, 0, PARK, FIRST, ORDER}}},
	{"no undo after the finish",
	 {{FORWARD, SAGA_OK, RUNS, OK, FIRST, 0},
	  {FINISH, SAGA_OK, RUNS, OK, FIRST, 0},
	  {UNDO, SAGA_OK, 0, PARK, FIRST, ORDER},
	  {UNDO, SAGA_OK, 0, PARK, FIRST, ORDER},
	  {FINISH, SAGA_OK, 0, OK, AGAIN, 0}}},
	{"no finish after the undo",
	 {{FORWARD, SAGA_OK, RUNS, OK, FIRST, 0},
	  {UNDO, SAGA_OK, RUNS, OK, FIRST, 0},
	  {FINISH, SAGA_OK, 0, PARK, FIRST, ORDER},
	  {FINISH, SAGA_OK, 0, PARK, FIRST, ORDER},
	  {UNDO, SAGA_OK, 0, OK, AGAIN, 0}}},
	{"an undo that was not done yet leaves the finish free",
	 {{FORWARD, SAGA_OK, RUNS, OK, FIRST, 0},
	  {UNDO, SAGA_RETRY, RUNS, RETRY, FIRST, 0},
	  {FINISH, SAGA_OK, RUNS, OK, FIRST, 0}}},
	{"a finish cannot be refused, and is tried until it is done",
	 {{FORWARD, SAGA_OK, RUNS, OK, FIRST, 0},
	  {FINISH, SAGA_REJECTED, RUNS, RETRY, FIRST, 0},
	  {FINISH, SAGA_READ_ONLY, RUNS, RETRY, FIRST, 0},
	  {FINISH, SAGA_PARK, RUNS, PARK, FIRST, 0},
	  {FINISH, SAGA_OK, RUNS, OK, FIRST, 0}}},
	{"read only is remembered, and there is nothing to undo",
	 {{FORWARD, SAGA_READ_ONLY, RUNS, WIRE_OUTCOME_READ_ONLY, FIRST, 0},
	  {FORWARD, SAGA_OK, 0, WIRE_OUTCOME_READ_ONLY, AGAIN, 0},
	  {UNDO, SAGA_OK, 0, OK, EMPTY, 0},
	  {UNDO, SAGA_OK, 0, OK, AGAIN, 0}}},
	{"nor to finish",
	 {{FORWARD, SAGA_READ_ONLY, RUNS, WIRE_OUTCOME_READ_ONLY, FIRST, 0},
	  {FINISH, SAGA_OK, 0, OK, FIRST, 0},
	  {UNDO, SAGA_OK, 0, PARK, FIRST, ORDER}}},
	{"a heuristic undo is remembered with its code",
	 {{FORWARD, SAGA_OK, RUNS, OK, FIRST, 0},
	  {UNDO, SAGA_HEURISTIC, RUNS, WIRE_OUTCOME_HEURISTIC, FIRST, SAGA_ERR_HEURISTIC_COMMIT},
	  {UNDO, SAGA_OK, 0, WIRE_OUTCOME_HEURISTIC, AGAIN, SAGA_ERR_HEURISTIC_COMMIT},
	  {FINISH, SAGA_OK, 0, PARK, FIRST, ORDER}}},
	{"so is a heuristic finish",
	 {{FORWARD, SAGA_OK, RUNS, OK, FIRST, 0},
	  {FINISH, SAGA_HEURISTIC, RUNS, WIRE_OUTCOME_HEURISTIC, FIRST, SAGA_ERR_HEURISTIC_COMMIT},
	  {FINISH, SAGA_OK, 0, WIRE_OUTCOME_HEURISTIC, AGAIN, SAGA_ERR_HEURISTIC_COMMIT},
	  {UNDO, SAGA_OK, 0, PARK, FIRST, ORDER}}},
	{"a forward operation has nothing to decide by itself",
	 {{FORWARD, SAGA_HEURISTIC, RUNS, RETRY, FIRST, SAGA_ERR_HEURISTIC_COMMIT},
	  {FORWARD, SAGA_OK, RUNS, OK, FIRST, 0}}},
	{"settling blocks what has not run",
	 {{SETTLE, 0, 0, REJECTED, FIRST, BLOCKED},
	  {SETTLE, 0, 0, REJECTED, AGAIN, BLOCKED},
	  {FORWARD, SAGA_OK, 0, REJECTED, LATE, BLOCKED},
	  {SETTLE, 0, 0, REJECTED, AGAIN, BLOCKED},
	  {UNDO, SAGA_OK, 0, OK, EMPTY, 0}}},
	{"settling tells what was done",
	 {{FORWARD, SAGA_OK, RUNS, OK, FIRST, 0},
	  {SETTLE, 0, 0, OK, AGAIN, 0},
	  {SETTLE, 0, 0, OK, AGAIN, 0},
	  {FORWARD, SAGA_OK, 0, OK, AGAIN, 0}}},
	{"settling tells what was refused",
	 {{FORWARD, SAGA_REJECTED, RUNS, REJECTED, FIRST, NO},
	  {SETTLE, 0, 0, REJECTED, AGAIN, NO}}},
	{"what promised nothing has not run",
	 {{FORWARD, SAGA_RETRY, RUNS, RETRY, FIRST, 0},
	  {SETTLE, 0, 0, REJECTED, FIRST, BLOCKED},
	  {FORWARD, SAGA_OK, 0, REJECTED, LATE, BLOCKED}}},
	{"settling tells of an undo that came first",
	 {{UNDO, SAGA_OK, 0, OK, EMPTY, 0}, {SETTLE, 0, 0, REJECTED, AGAIN, BLOCKED}}},
	{"settling does not call done what was undone",
	 {{FORWARD, SAGA_OK, RUNS, OK, FIRST, 0},
	  {UNDO, SAGA_OK, RUNS, OK, FIRST, 0},
	  {SETTLE, 0, 0, PARK, FIRST, ORDER}}},
	{"settling tells of what read only that it was done",
	 {{FORWARD, SAGA_READ_ONLY, RUNS, WIRE_OUTCOME_READ_ONLY, FIRST, 0},
	  {SETTLE, 0, 0, OK, AGAIN, 0}}},
};

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

static void work(sqlite3 *db, struct saga_context *context, struct saga_result *result, void *user)
{
	const struct order *order = user;

	append_to_ledger(db, context, result, user);
	if (order->outcome == SAGA_HEURISTIC)
		saga_context_set_code(context, SAGA_ERR_HEURISTIC_COMMIT);
}

static void act(struct bench *bench, struct order *order, const char *name, const struct act *act)
{
	order->command.op = act->op;
	order->outcome = act->says;
	order->runs = 0;
	context_answer_free(&order->answer);
	context_open(&order->context, &order->command, 0, 5, 1, 0);
	order->result = (struct saga_result){.outcome = SAGA_RETRY};
	if (act->op == SETTLE)
		saga_sqlite_settle(bench->db, &order->context, &order->result);
	else
		saga_sqlite_run(bench->db, &order->context, &order->result, work, order);
	context_finish(&order->context, &order->result, &order->answer);
	if (order->answer.outcome != act->outcome || order->answer.barrier != act->barrier ||
	    order->answer.code != err_to_wire(act->code) || order->runs != (int)act->runs)
		fail_msg("%s, op %d: outcome %u, barrier %u, code %u, %d runs: %s", name, act->op,
			 order->answer.outcome, order->answer.barrier, order->answer.code,
			 order->runs, order->answer.text);
	assert_int_not_equal(sqlite3_get_autocommit(bench->db), 0);
}

static void every_scene(void **state)
{
	struct bench *bench = *state;

	for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
		const struct scene *scene = &scenes[i];
		struct order order;
		char saga[16];

		(void)snprintf(saga, sizeof saga, "s%zu", i);
		order_init(&order, saga, FORWARD);
		for (size_t k = 0; k < ACTS_MAX && scene->acts[k].op != 0; k++)
			act(bench, &order, scene->name, &scene->acts[k]);
		context_answer_free(&order.answer);
	}
	/* The effects are those of the answers: nothing that was refused, or promised nothing. */
	assert_int_equal(number(bench->db, "SELECT count(*) FROM (SELECT 1 FROM ledger "
					   "GROUP BY saga, op HAVING count(*) > 1)"),
			 0);
	assert_int_equal(number(bench->db, "SELECT count(*) FROM ledger l WHERE NOT EXISTS("
					   "SELECT 1 FROM saga_barrier b WHERE b.saga = l.saga AND "
					   "b.op = l.op AND b.outcome IN (1, 4, 5))"),
			 0);
}

static void a_settled_answer_has_the_output_and_the_words(void **state)
{
	struct bench *bench = *state;
	struct order order;
	static const struct act told = {SETTLE, 0, 0, OK, AGAIN, 0};
	static const struct act refused = {SETTLE, 0, 0, REJECTED, AGAIN, NO};

	order_init(&order, "s1", FORWARD);
	order.output = "receipt 7";
	order.text = "charged";
	run_order(bench->db, &order);
	act(bench, &order, "told", &told);
	assert_true(slice_equal(order.answer.output, slice_str("receipt 7")));
	assert_string_equal(order.answer.text, "charged");
	context_answer_free(&order.answer);

	order_init(&order, "s2", FORWARD);
	order.outcome = SAGA_REJECTED;
	order.text = "no money";
	run_order(bench->db, &order);
	act(bench, &order, "refused", &refused);
	assert_string_equal(order.answer.text, "no money");
	context_answer_free(&order.answer);
}

/* S24 and S8 hold for settling, too: an old owner may not block what the new one has sent. */
static void settling_minds_epochs_and_the_mark(void **state)
{
	struct bench *bench = *state;
	struct order order;

	order_init(&order, "s1", FORWARD);
	order.context.epoch = 9;
	order.command.saga = slice_str("other");
	run_order(bench->db, &order);
	order.command.saga = slice_str("s1");
	order.command.op = SETTLE;
	order.context.epoch = 8;
	run_order(bench->db, &order);
	assert_int_equal(order.answer.outcome, WIRE_OUTCOME_STALE);
	assert_int_equal(number(bench->db, "SELECT count(*) FROM saga_barrier WHERE saga = 's1'"),
			 0);
	order.context.epoch = 9;
	execute(bench->db, "UPDATE saga_barrier_shard SET low_water = 2");
	run_order(bench->db, &order);
	assert_int_equal(order.answer.outcome, WIRE_OUTCOME_EXPIRED);
	order.command.admission = 2;
	run_order(bench->db, &order);
	assert_int_equal(order.answer.outcome, REJECTED);
	assert_int_equal(order.runs, 1); /* of the other saga */
	context_answer_free(&order.answer);
}

static void settling_what_committed_by_itself_tells_nothing(void **state)
{
	struct bench *bench = *state;
	struct order order;
	static const struct act parked = {SETTLE, 0, 0, PARK, AGAIN, 0};

	order_init(&order, "s1", FORWARD);
	order.sql = "COMMIT";
	run_order(bench->db, &order);
	assert_int_equal(order.answer.outcome, RETRY);
	act(bench, &order, "parked", &parked);
	context_answer_free(&order.answer);
}

static void settling_is_for_its_own_commands(void **state)
{
	struct bench *bench = *state;
	struct order order;

	order_init(&order, "s1", FORWARD);
	context_open(&order.context, &order.command, 0, 5, 1, 0);
	saga_sqlite_settle(bench->db, &order.context, &order.result);
	context_finish(&order.context, &order.result, &order.answer);
	assert_int_equal(order.answer.outcome, PARK);
	assert_int_equal(order.answer.code, err_to_wire(SAGA_ERR_USAGE));
	assert_int_equal(number(bench->db, "SELECT count(*) FROM saga_barrier"), 0);
	context_answer_free(&order.answer);
}

/* ---- the forward operation's output
 * ---------------------------------------------------------------- */

static void read_output(sqlite3 *db, struct saga_context *context, struct saga_result *result,
			void *user)
{
	const void *output;
	size_t size;
	int *error = user;

	saga_context_set_code(context, SAGA_ERR_BUSY);
	*error = saga_sqlite_forward_output(db, context, &output, &size);
	assert_int_equal(saga_context_code(context), SAGA_ERR_BUSY);
	if (*error != 0) {
		assert_null(output);
		return;
	}
	result->outcome = SAGA_OK;
	result->output = output;
	result->output_size = size;
}

static void run_reader(struct bench *bench, struct order *order, enum saga_op op, int *error)
{
	order->command.op = op;
	context_answer_free(&order->answer);
	context_open(&order->context, &order->command, 0, 5, 1, 0);
	order->result = (struct saga_result){.outcome = SAGA_RETRY};
	saga_sqlite_run(bench->db, &order->context, &order->result, read_output, error);
	context_finish(&order->context, &order->result, &order->answer);
}

static void an_undo_and_a_finish_see_the_forward_output(void **state)
{
	static const enum saga_op ops[] = {FINISH, UNDO};
	struct bench *bench = *state;
	struct order order;

	for (size_t i = 0; i < 2; i++) {
		int error = 1;

		order_init(&order, i == 0 ? "s1" : "s2", FORWARD);
		order.output = "hold 4711";
		run_order(bench->db, &order);
		run_reader(bench, &order, ops[i], &error);
		assert_int_equal(error, 0);
		assert_int_equal(order.answer.outcome, OK);
		assert_true(slice_equal(order.answer.output, slice_str("hold 4711")));
		context_answer_free(&order.answer);
	}
	/* Without an output it is there, and empty. */
	int error = 1;
	order_init(&order, "s3", FORWARD);
	run_order(bench->db, &order);
	run_reader(bench, &order, UNDO, &error);
	assert_int_equal(error, 0);
	assert_int_equal(order.answer.output.size, 0);
	context_answer_free(&order.answer);
}

static void a_forward_that_is_not_done_has_no_output(void **state)
{
	struct bench *bench = *state;
	struct order order;
	int error = 0;

	order_init(&order, "s1", FORWARD);
	run_reader(bench, &order, FORWARD, &error); /* its own row is not an outcome yet */
	assert_int_equal(error, SAGA_ERR_NOT_FOUND);
	context_answer_free(&order.answer);
}

/* ---- without a barrier
 * ----------------------------------------------------------------------------- */

static void an_answer_of_another_operation_promises_nothing(void **state)
{
	static const struct {
		enum saga_op op;
		enum saga_outcome says;
		int code;
		uint32_t outcome;
		int told;
	} rows[] = {
		{FORWARD, SAGA_READ_ONLY, 0, WIRE_OUTCOME_READ_ONLY, 0},
		{FINISH, SAGA_READ_ONLY, 0, RETRY, 0},
		{UNDO, SAGA_READ_ONLY, 0, RETRY, 0},
		{SETTLE, SAGA_READ_ONLY, 0, RETRY, 0},
		{FORWARD, SAGA_HEURISTIC, 0, RETRY, 0},
		{SETTLE, SAGA_HEURISTIC, 0, RETRY, 0},
		{FINISH, SAGA_HEURISTIC, SAGA_ERR_HEURISTIC_ROLLBACK, WIRE_OUTCOME_HEURISTIC,
		 SAGA_ERR_HEURISTIC_ROLLBACK},
		{UNDO, SAGA_HEURISTIC, SAGA_ERR_HEURISTIC_MIXED, WIRE_OUTCOME_HEURISTIC,
		 SAGA_ERR_HEURISTIC_MIXED},
		{UNDO, SAGA_HEURISTIC, 0, WIRE_OUTCOME_HEURISTIC, SAGA_ERR_HEURISTIC_HAZARD},
		{UNDO, SAGA_HEURISTIC, SAGA_ERR_BUSY, WIRE_OUTCOME_HEURISTIC,
		 SAGA_ERR_HEURISTIC_HAZARD},
		{SETTLE, SAGA_OK, 0, OK, 0},
		{SETTLE, SAGA_REJECTED, 0, REJECTED, NO},
	};
	(void)state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct order order;

		order_init(&order, "s1", rows[i].op);
		context_open(&order.context, &order.command, 0, 5, 1, 0);
		order.result.outcome = rows[i].says;
		saga_context_set_code(&order.context, rows[i].code);
		context_finish(&order.context, &order.result, &order.answer);
		if (order.answer.outcome != rows[i].outcome ||
		    order.answer.code != err_to_wire(rows[i].told))
			fail_msg("row %zu: outcome %u, code %u", i, order.answer.outcome,
				 order.answer.code);
		context_answer_free(&order.answer);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_scene),
		TEST(a_settled_answer_has_the_output_and_the_words),
		TEST(settling_minds_epochs_and_the_mark),
		TEST(settling_what_committed_by_itself_tells_nothing),
		TEST(settling_is_for_its_own_commands),
		TEST(an_undo_and_a_finish_see_the_forward_output),
		TEST(a_forward_that_is_not_done_has_no_output),
		cmocka_unit_test(an_answer_of_another_operation_promises_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
