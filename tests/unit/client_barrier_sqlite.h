/* A database with a ledger, and commands for its barrier. */
#ifndef SAGAD_TESTS_CLIENT_BARRIER_SQLITE_H
#define SAGAD_TESTS_CLIENT_BARRIER_SQLITE_H

#include "tests/unit/unit.h"

#include <saga_sqlite.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "client/context.h"

struct bench {
	char folder[64];
	char path[128];
	sqlite3 *db;
};

/* One command as a participant gets it. */
struct order {
	struct wire_command command;
	struct saga_context context;
	struct saga_result result;
	struct context_answer answer;
	int runs; /* of the work */
	/* what the work does and says */
	enum saga_outcome outcome;
	const char *output, *text;
	const char *sql; /* also run by the work */
};

static inline void execute(sqlite3 *db, const char *sql)
{
	char *why = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
}

static inline int64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	int64_t value;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	value = sqlite3_column_int64(statement, 0);
	assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
	return value;
}

static inline sqlite3 *bench_handle(const struct bench *bench)
{
	sqlite3 *db = NULL;

	CHECK_EQ(sqlite3_open(bench->path, &db), SQLITE_OK);
	CHECK_EQ(sqlite3_busy_timeout(db, 20000), SQLITE_OK);
	CHECK_EQ(sqlite3_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", NULL,
			      NULL, NULL),
		 SQLITE_OK);
	return db;
}

static inline void bench_open(struct bench *bench)
{
	(void)snprintf(bench->folder, sizeof bench->folder, "/tmp/client_barrier_XXXXXX");
	assert_non_null(mkdtemp(bench->folder));
	(void)snprintf(bench->path, sizeof bench->path, "%s/db", bench->folder);
	bench->db = bench_handle(bench);
	assert_int_equal(saga_sqlite_prepare(bench->db), 0);
	execute(bench->db, "CREATE TABLE ledger(saga TEXT, op INTEGER)");
}

static inline void bench_close(struct bench *bench)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char path[160];

	/* Plain close: it fails when a statement was left behind. */
	assert_int_equal(sqlite3_close(bench->db), SQLITE_OK);
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof path, "%s%s", bench->path, suffixes[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(bench->folder), 0);
}

/* The effect: a row of its own each time, so that running twice shows. */
static inline void append_to_ledger(sqlite3 *db, struct saga_context *context,
				    struct saga_result *result, void *user)
{
	struct order *order = user;
	char sql[256];

	order->runs++;
	(void)snprintf(sql, sizeof sql, "INSERT INTO ledger VALUES('%s', %d)",
		       saga_context_saga(context), (int)saga_context_op(context));
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return;
	if (order->sql != NULL && sqlite3_exec(db, order->sql, NULL, NULL, NULL) != SQLITE_OK)
		return;
	result->outcome = order->outcome;
	if (order->output != NULL) {
		result->output_size = strlen(order->output);
		result->output = saga_context_copy(context, order->output, result->output_size);
	}
	if (order->text != NULL)
		(void)snprintf(result->text, sizeof result->text, "%s", order->text);
}

static inline void order_init(struct order *order, const char *saga, enum saga_op op)
{
	(void)memset(order, 0, sizeof *order);
	order->command = (struct wire_command){
		.saga = slice_str(saga),
		.step_name = slice_str("step"),
		.op = (uint32_t)op,
		.op_name = slice_str("do"),
		.attempt = 1,
		.admission = 1,
		.remaining_ms = 15000,
	};
	order->outcome = SAGA_OK;
	/* The rest of the frame; run_order fills the context from it. */
	order->context.epoch = 5;
	order->context.low_water = 1;
}

static inline void run_order(sqlite3 *db, struct order *order)
{
	const uint32_t shard = order->context.shard;
	const uint64_t epoch = order->context.epoch, low_water = order->context.low_water;

	context_answer_free(&order->answer);
	context_open(&order->context, &order->command, shard, epoch, low_water, 0);
	order->result = (struct saga_result){.outcome = SAGA_RETRY};
	saga_sqlite_run(db, &order->context, &order->result, append_to_ledger, order);
	context_finish(&order->context, &order->result, &order->answer);
}

#endif
