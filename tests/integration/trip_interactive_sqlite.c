/* Interactive transactions on a real cluster: a service of this process, with a database of its
 * own, answers as the input says. What is asserted stands in that database. The input is text,
 * words "verb:branch":
 *
 *   no            prepare is refused
 *   readonly      prepare says so
 *   hold          prepare waits until the test lets it go
 *   never         prepare, or the one-phase commit, never gets to its barrier
 *   lose          its answer is lost, however often
 *   heuristic     commit says that it had rolled back
 */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/include/saga_sqlite.h"
#include "tests/support/trip.h"

enum { END_MS = 60000, THREADS = 4 };

struct bank {
	struct trip trip;
	struct saga_connection *connection;
	struct saga_service *service;
	char path[1024];
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool let_go; /* under the mutex */
};

/* ---- the service
 * ----------------------------------------------------------------------------------- */

static bool asked_for(const struct saga_context *context, const char *verb)
{
	char word[128], input[512];
	size_t size;
	const void *bytes = saga_context_input(context, &size);

	if (size == 0 || size >= sizeof input)
		return false;
	(void)memcpy(input, bytes, size);
	input[size] = '\0';
	(void)snprintf(word, sizeof word, "%s:%s", verb, saga_context_step(context));
	return strstr(input, word) != NULL;
}

static void insert_effect(sqlite3 *db, const struct saga_context *context, const char *table)
{
	char sql[512];

	(void)snprintf(sql, sizeof sql, "INSERT INTO %s VALUES('%s','%s','%s')", table,
		       saga_context_saga(context), saga_context_step(context),
		       saga_context_op(context) == SAGA_OP_SETTLE
			       ? "settle"
			       : saga_context_operation_name(context));
	(void)sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static void do_forward(sqlite3 *db, struct saga_context *context, struct saga_result *result,
		       void *user)
{
	(void)user;
	insert_effect(db, context, "effect");
	result->outcome = asked_for(context, "no")         ? SAGA_REJECTED
			  : asked_for(context, "readonly") ? SAGA_READ_ONLY
							   : SAGA_OK;
	(void)snprintf(result->text, sizeof result->text, "as asked");
	result->output = saga_context_step(context);
	result->output_size = strlen(saga_context_step(context));
}

/* What was held is what is taken or given back. */
static void do_second(sqlite3 *db, struct saga_context *context, struct saga_result *result,
		      void *user)
{
	const char *step = saga_context_step(context);
	const void *held;
	size_t size;

	(void)user;
	if (saga_sqlite_forward_output(db, context, &held, &size) != 0 || size != strlen(step) ||
	    memcmp(held, step, size) != 0)
		return;
	insert_effect(db, context, "effect");
	result->outcome = SAGA_OK;
	if (asked_for(context, "heuristic")) {
		result->outcome = SAGA_HEURISTIC;
		saga_context_set_code(context, SAGA_ERR_HEURISTIC_ROLLBACK);
	}
}

static __thread sqlite3 *handle;

static sqlite3 *bank_handle(const struct bank *bank)
{
	if (handle == NULL && (sqlite3_open(bank->path, &handle) != SQLITE_OK ||
			       sqlite3_busy_timeout(handle, 10000) != SQLITE_OK))
		abort();
	return handle;
}

static void on_forward(struct saga_context *context, struct saga_result *result, void *user)
{
	struct bank *bank = user;

	insert_effect(bank_handle(bank), context, "call");
	if (asked_for(context, "hold")) {
		(void)pthread_mutex_lock(&bank->mutex);
		while (!bank->let_go)
			(void)pthread_cond_wait(&bank->changed, &bank->mutex);
		(void)pthread_mutex_unlock(&bank->mutex);
	}
	if (asked_for(context, "never"))
		return;
	saga_sqlite_run(bank_handle(bank), context, result, do_forward, NULL);
}

static void on_second(struct saga_context *context, struct saga_result *result, void *user)
{
	insert_effect(bank_handle(user), context, "call");
	saga_sqlite_run(bank_handle(user), context, result, do_second, NULL);
}

static void on_settle(struct saga_context *context, struct saga_result *result, void *user)
{
	insert_effect(bank_handle(user), context, "call");
	saga_sqlite_settle(bank_handle(user), context, result);
}

static int lose(void *user, const struct saga_context *context, const struct saga_result *result)
{
	(void)user;
	(void)result;
	return saga_context_op(context) == SAGA_OP_FORWARD && asked_for(context, "lose") ? 1 : 0;
}

static void let_go(struct bank *bank, bool on)
{
	(void)pthread_mutex_lock(&bank->mutex);
	bank->let_go = on;
	(void)pthread_cond_broadcast(&bank->changed);
	(void)pthread_mutex_unlock(&bank->mutex);
}

/* ---- the cluster
 * ----------------------------------------------------------------------------------- */

static int bank_open(void **state)
{
	struct bank *bank = calloc(1, sizeof *bank);
	struct cluster_options options;
	struct saga_service_options service;
	struct saga_options connect;
	sqlite3 *db;

	*state = bank;
	trip_options(&options);
	trip_open(&bank->trip, &options);
	(void)pthread_mutex_init(&bank->mutex, NULL);
	(void)pthread_cond_init(&bank->changed, NULL);
	(void)snprintf(bank->path, sizeof bank->path, "%s/bank.db",
		       cluster_folder(bank->trip.cluster));
	db = bank_handle(bank);
	assert_int_equal(saga_sqlite_prepare(db), 0);
	assert_int_equal(sqlite3_exec(db,
				      "PRAGMA journal_mode=WAL;"
				      "CREATE TABLE effect(saga TEXT, step TEXT, op TEXT);"
				      "CREATE TABLE call(saga TEXT, step TEXT, op TEXT)",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	saga_options_init(&connect);
	connect.url = cluster_nats_url(bank->trip.cluster);
	assert_int_equal(saga_open(&connect, &bank->connection), 0);
	saga_service_options_init(&service);
	service.threads = THREADS;
	service.ack_wait_ms = 2000;
	assert_int_equal(saga_service_create(bank->connection, "bank", &service, &bank->service),
			 0);
	assert_int_equal(saga_service_handle(bank->service, "prepare", on_forward, bank), 0);
	assert_int_equal(saga_service_handle(bank->service, "at-once", on_forward, bank), 0);
	assert_int_equal(saga_service_handle(bank->service, "commit", on_second, bank), 0);
	assert_int_equal(saga_service_handle(bank->service, "rollback", on_second, bank), 0);
	assert_int_equal(saga_service_settle(bank->service, on_settle, bank), 0);
	saga_service_set_answer_fault(bank->service, lose, NULL);
	assert_int_equal(saga_service_start(bank->service), 0);
	return 0;
}

static int bank_close(void **state)
{
	struct bank *bank = *state;

	let_go(bank, true);
	saga_close(bank->connection, 10000);
	saga_service_free(bank->service);
	(void)sqlite3_close(handle);
	handle = NULL;
	trip_close(&bank->trip);
	free(bank);
	return 0;
}

static uint32_t count(struct bank *bank, const char *table, const char *id, const char *step,
		      const char *op)
{
	char sql[512];
	sqlite3_stmt *query = NULL;
	uint32_t rows;

	(void)snprintf(sql, sizeof sql,
		       "SELECT count(*) FROM %s WHERE saga='%s' AND step='%s' AND op='%s'", table,
		       id, step, op);
	assert_int_equal(sqlite3_prepare_v2(bank_handle(bank), sql, -1, &query, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(query), SQLITE_ROW);
	rows = (uint32_t)sqlite3_column_int(query, 0);
	(void)sqlite3_finalize(query);
	return rows;
}

/* Of a branch: so often each of them stands in the database. */
static void expect(struct bank *bank, const char *id, const char *step, uint32_t prepared,
		   uint32_t committed, uint32_t rolled_back)
{
	const uint32_t found[] = {count(bank, "effect", id, step, "prepare"),
				  count(bank, "effect", id, step, "commit"),
				  count(bank, "effect", id, step, "rollback")};

	if (found[0] != prepared || found[1] != committed || found[2] != rolled_back)
		fail_msg("%s %s: prepared %u, committed %u, rolled back %u", id, step, found[0],
			 found[1], found[2]);
}

/* ---- transactions
 * ---------------------------------------------------------------------------------- */

static struct saga_transaction *begin(struct bank *bank, const char *id, uint32_t idle_ms)
{
	struct saga_transaction *transaction = NULL;
	struct saga_begin_options options;
	struct saga_status status;

	saga_begin_options_init(&options);
	options.id = id;
	options.name = "transfer";
	options.idle_timeout_ms = idle_ms;
	options.timeout_ms = END_MS;
	assert_int_equal(saga_begin(bank->connection, &options, &transaction, &status), 0);
	assert_int_equal(status.state, SAGA_STATE_OPEN);
	return transaction;
}

static struct saga_branch branch_of(const char *name)
{
	struct saga_branch branch;

	saga_branch_init(&branch);
	branch.name = name;
	branch.service = "bank";
	branch.prepare = "prepare";
	branch.commit = "commit";
	branch.rollback = "rollback";
	return branch;
}

static void enlist(struct saga_transaction *transaction, const char *name)
{
	const struct saga_branch branch = branch_of(name);

	assert_int_equal(saga_enlist(transaction, &branch, END_MS, NULL), 0);
}

static int commit(struct saga_transaction *transaction, const char *input,
		  struct saga_status *status)
{
	struct saga_commit_options options;

	saga_commit_options_init(&options);
	options.input = input;
	options.input_size = strlen(input);
	options.timeout_ms = END_MS;
	return saga_commit(transaction, &options, status);
}

static void every_branch_commits_or_none(void **state)
{
	static const struct {
		const char *id, *input;
		int error;
		/* prepared, committed, rolled back */
		uint32_t debit[3], credit[3];
	} rows[] = {
		{"both", "", 0, {1, 1, 0}, {1, 1, 0}},
		{"refused", "no:credit", SAGA_ERR_ABORTED, {1, 0, 1}, {0, 0, 0}},
		{"read-only", "readonly:debit", 0, {1, 0, 0}, {1, 1, 0}},
		/* It stays out: presumed abort, and its late run is refused. */
		{"silent", "never:debit", SAGA_ERR_ABORTED, {0, 0, 0}, {1, 0, 1}},
		{"heuristic", "heuristic:debit", SAGA_ERR_HEURISTIC_HAZARD, {1, 1, 0}, {1, 1, 0}},
	};
	struct bank *bank = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *id = rows[i].id;
		struct saga_transaction *transaction = begin(bank, id, 20000);
		struct saga_status status;
		int error;

		enlist(transaction, "debit");
		enlist(transaction, "debit"); /* again, and the same */
		enlist(transaction, "credit");
		error = commit(transaction, rows[i].input, &status);
		if (error != rows[i].error)
			fail_msg("%s: %s, %s: %s", id, saga_error_name(error),
				 saga_state_name(status.state), status.text);
		assert_true(saga_state_final(status.state));
		assert_int_equal(status.heuristics, error == SAGA_ERR_HEURISTIC_HAZARD ? 1 : 0);
		assert_int_equal(saga_status_fate(&status), error == SAGA_ERR_ABORTED
								    ? SAGA_FATE_ABORTED
								    : SAGA_FATE_COMMITTED);
		expect(bank, id, "debit", rows[i].debit[0], rows[i].debit[1], rows[i].debit[2]);
		expect(bank, id, "credit", rows[i].credit[0], rows[i].credit[1], rows[i].credit[2]);
		/* Again is answered the same, and does nothing again. */
		assert_int_equal(commit(transaction, rows[i].input, &status), error);
		saga_transaction_free(transaction);
	}
}

/* S9, A4: whoever comes late, or stays away. */
static void late_and_idle_ones_are_rolled_back(void **state)
{
	struct bank *bank = *state;
	struct saga_transaction *transaction = begin(bank, "rolled-back", 20000);
	const struct saga_branch late = branch_of("late");
	struct saga_status status;

	enlist(transaction, "debit");
	assert_int_equal(saga_rollback(transaction, "changed my mind", END_MS, &status), 0);
	assert_int_equal(saga_status_fate(&status), SAGA_FATE_ABORTED);
	assert_int_equal(saga_enlist(transaction, &late, END_MS, &status), SAGA_ERR_CLOSED);
	assert_int_equal(saga_wait(bank->connection, "rolled-back", END_MS, &status), 0);
	assert_int_equal(status.reason, SAGA_REASON_CANCELLED);
	assert_int_equal(commit(transaction, "", &status), SAGA_ERR_ABORTED);
	/* It had done nothing, and is told all the same. */
	assert_int_equal(count(bank, "call", "rolled-back", "debit", "rollback"), 1);
	expect(bank, "rolled-back", "debit", 0, 0, 0);
	saga_transaction_free(transaction);

	transaction = begin(bank, "idle", 1000);
	enlist(transaction, "debit");
	assert_int_equal(saga_wait(bank->connection, "idle", END_MS, &status), 0);
	assert_int_equal(status.state, SAGA_STATE_COMPENSATED);
	assert_int_equal(status.reason, SAGA_REASON_IDLE);
	assert_int_equal(saga_enlist(transaction, &late, END_MS, &status), SAGA_ERR_CLOSED);
	assert_int_equal(commit(transaction, "", &status), SAGA_ERR_ABORTED);
	assert_int_equal(count(bank, "call", "idle", "debit", "rollback"), 1);
	assert_int_equal(count(bank, "call", "idle", "debit", "prepare"), 0);
	saga_transaction_free(transaction);
}

static void only_the_set_that_was_meant_is_committed(void **state)
{
	struct bank *bank = *state;
	struct saga_transaction *one = begin(bank, "set", 20000), *two = NULL;
	struct saga_branches branches;
	struct saga_status status;

	assert_int_equal(saga_join(bank->connection, "set", &two), 0);
	enlist(one, "debit");
	enlist(two, "credit");
	assert_int_equal(commit(one, "", &status), SAGA_ERR_BRANCHES);
	assert_int_equal(saga_query(bank->connection, "set", END_MS, &status), 0);
	assert_int_equal(status.state, SAGA_STATE_OPEN);
	expect(bank, "set", "debit", 0, 0, 0);
	saga_transaction_branches(two, &branches);
	assert_int_equal(saga_transaction_add(one, &branches), 0);
	assert_int_equal(commit(one, "", &status), 0);
	expect(bank, "set", "debit", 1, 1, 0);
	expect(bank, "set", "credit", 1, 1, 0);
	saga_transaction_free(one);
	saga_transaction_free(two);
}

/* One command, and when its answer is missing it is found out: done, or never to be (S4). */
static void a_branch_alone_is_committed_by_one_command(void **state)
{
	static const struct {
		const char *id, *input;
		int error;
		uint32_t done, settled;
	} rows[] = {
		{"alone", "", 0, 1, 0},
		{"alone-no", "no:debit", SAGA_ERR_ABORTED, 0, 0},
		{"alone-lost", "lose:debit", 0, 1, 1},
		{"alone-never", "never:debit", SAGA_ERR_ABORTED, 0, 1},
	};
	struct bank *bank = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *id = rows[i].id;
		struct saga_transaction *transaction = begin(bank, id, 20000);
		struct saga_branch branch = branch_of("debit");
		struct saga_status status;
		int error;

		branch.one_phase = "at-once";
		branch.attempt_timeout_ms = 2000;
		branch.budget_ms = 6000;
		branch.retry.attempts = 2;
		assert_int_equal(saga_enlist(transaction, &branch, END_MS, &status), 0);
		error = commit(transaction, rows[i].input, &status);
		if (error != rows[i].error)
			fail_msg("%s: %s, %s: %s", id, saga_error_name(error),
				 saga_state_name(status.state), status.text);
		assert_true(saga_state_final(status.state));
		assert_int_equal(count(bank, "effect", id, "debit", "at-once"), rows[i].done);
		assert_int_equal(count(bank, "call", id, "debit", "settle") > 0, rows[i].settled);
		assert_int_equal(count(bank, "call", id, "debit", "prepare"), 0);
		expect(bank, id, "debit", 0, 0, 0);
		saga_transaction_free(transaction);
	}
}

/* ---- in doubt
 * -------------------------------------------------------------------------------------- */

struct committer {
	struct saga_transaction *transaction;
	const char *input;
	int error;
	struct saga_status status;
};

static void *commit_thread(void *argument)
{
	struct committer *c = argument;

	c->error = commit(c->transaction, c->input, &c->status);
	return NULL;
}

struct waiting {
	struct bank *bank;
	const char *id;
};

static bool has_voted(void *context)
{
	const struct waiting *w = context;

	return count(w->bank, "effect", w->id, "debit", "prepare") == 1 &&
	       count(w->bank, "call", w->id, "credit", "prepare") >= 1;
}

static void the_owner_dies_between_the_votes_and_the_decision(void **state)
{
	struct bank *bank = *state;
	struct committer c = {.transaction = begin(bank, "doubt", 60000), .input = "hold:credit"};
	static const char *const names[] = {"debit", "credit"};
	struct waiting waiting = {.bank = bank, .id = "doubt"};
	struct saga_status status;
	pthread_t thread;
	const char *owner;

	for (size_t i = 0; i < 2; i++) {
		struct saga_branch branch = branch_of(names[i]);

		branch.attempt_timeout_ms = 30000; /* outlives the take-over */
		branch.budget_ms = 60000;
		assert_int_equal(saga_enlist(c.transaction, &branch, END_MS, NULL), 0);
	}
	assert_int_equal(pthread_create(&thread, NULL, commit_thread, &c), 0);
	assert_true(wait_until(has_voted, &waiting, END_MS));
	assert_int_equal(saga_inquire(bank->connection, "bank", "doubt", "debit", 1000, &status),
			 SAGA_ERR_TIMEOUT);
	owner = trip_owner(&bank->trip, "doubt");
	assert_int_equal(cluster_signal(bank->trip.cluster, owner, SIGKILL), 0);
	assert_true(cluster_wait_end(bank->trip.cluster, owner, END_MS));
	let_go(bank, true);
	assert_int_equal(saga_inquire(bank->connection, "bank", "doubt", "debit", END_MS, &status),
			 0);
	assert_int_equal(status.decision, SAGA_DECISION_COMMIT);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(c.error, 0);
	expect(bank, "doubt", "debit", 1, 1, 0);
	expect(bank, "doubt", "credit", 1, 1, 0);
	saga_transaction_free(c.transaction);
	assert_int_equal(cluster_restart(bank->trip.cluster, owner), 0);
}

/* S2, presumed abort: what nobody knows is aborted, and cannot be begun any more. */
static void what_nobody_knows_is_aborted_for_good(void **state)
{
	struct bank *bank = *state;
	struct saga_transaction *transaction = NULL;
	struct saga_begin_options options;
	struct saga_status status;

	assert_int_equal(saga_inquire(bank->connection, "bank", "ghost", "debit", END_MS, &status),
			 0);
	assert_int_equal(status.decision, SAGA_DECISION_ABORT);
	saga_begin_options_init(&options);
	options.id = "ghost";
	assert_int_equal(saga_begin(bank->connection, &options, &transaction, &status),
			 SAGA_ERR_CANCELLED);
	assert_null(transaction);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_branch_commits_or_none),
		cmocka_unit_test(late_and_idle_ones_are_rolled_back),
		cmocka_unit_test(only_the_set_that_was_meant_is_committed),
		cmocka_unit_test(a_branch_alone_is_committed_by_one_command),
		cmocka_unit_test(what_nobody_knows_is_aborted_for_good),
		cmocka_unit_test(the_owner_dies_between_the_votes_and_the_decision),
	};

	/* One cluster for all: each of them has transactions of its own. */
	return cmocka_run_group_tests(tests, bank_open, bank_close);
}
