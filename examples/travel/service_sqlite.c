/* The database of a travel service: one handle for the process behind a mutex. SQLite lets only one
 * write at a time anyway; the second instance of the service waits in SQLite's busy handler. */
#include <pthread.h>
#include <saga_sqlite.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "examples/common/rows_sqlite.h"
#include "examples/common/serve.h"
#include "examples/common/witness_sqlite.h"
#include "examples/travel/schema.h"
#include "examples/travel/service.h"

struct travel_store {
	sqlite3 *db;
	const struct travel_kind *kind;
	pthread_mutex_t lock;
	uint64_t lost_races;
};

void travel_reject(struct saga_result *result, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(result->text, sizeof result->text, format, arguments);
	va_end(arguments);
	result->outcome = SAGA_REJECTED;
}

bool travel_sql(sqlite3 *db, const char *sql, const char *text, const int64_t *numbers,
		uint32_t number_count, int rows)
{
	sqlite3_stmt *statement = NULL;
	bool good = sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK;

	/* ?1 is the text, ?2 and on are the numbers. */
	if (good && text != NULL)
		good = sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC) == SQLITE_OK;
	for (uint32_t i = 0; good && i < number_count; i++)
		good = sqlite3_bind_int64(statement, (int)i + 2, numbers[i]) == SQLITE_OK;
	good = good && sqlite3_step(statement) == SQLITE_DONE;
	good = good && (rows < 0 || sqlite3_changes(db) == rows);
	(void)sqlite3_finalize(statement);
	return good;
}

bool travel_row_read(sqlite3 *db, const struct travel_call *call, struct travel_row *row)
{
	int64_t numbers[2] = {0, 0};
	bool found = false;
	const bool good = rows_read(db, numbers, 2, &found, call->kind->look, "t", call->name);

	*row = (struct travel_row){.found = found, .version = numbers[0], .left = numbers[1]};
	return good;
}

bool travel_ledger_add(sqlite3 *db, const struct travel_call *call, const char *units)
{
	const struct saga_context *context = call->context;

	return rows_change(db, 1,
			   "INSERT INTO ledger(saga, step, op, operation, name, quantity, units,"
			   " attempt, at_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
			   "tttttitii", saga_context_saga(context), saga_context_step(context),
			   call->undo ? "undo" : "forward", saga_context_operation_id(context),
			   call->name, call->quantity, units,
			   (int64_t)saga_context_attempt(context), rows_now_ms());
}

bool travel_take(sqlite3 *db, struct travel_call *call, const char *update, const char *lack,
		 struct saga_result *result)
{
	struct travel_row row = call->seen;
	bool fresh = false;

	for (uint32_t race = 0; race < TRAVEL_RACES_MAX;) {
		const bool expected =
			call->expected_version < 0 || row.version == call->expected_version;
		const int64_t numbers[] = {call->quantity, row.version};

		if (row.found && expected && row.left >= call->quantity) {
			if (travel_sql(db, update, call->name, numbers, 2, 1))
				return true;
			/* Somebody was faster (or the database is in trouble, which the next look
			 * finds out). */
			call->lost_races++;
			race++;
		} else if (fresh) {
			if (!row.found)
				travel_reject(result, "there is no %s", call->name);
			else if (!expected)
				travel_reject(result, "%s has changed since it was looked at",
					      call->name);
			else
				travel_reject(result, "%s has %s", call->name, lack);
			return false;
		}
		if (!travel_row_read(db, call, &row))
			break;
		fresh = true;
	}
	result->outcome = SAGA_RETRY;
	result->retry_after_ms = 50;
	return false;
}

/* ---- the store --------------------------------------------------------------------------- */

struct travel_store *travel_store_open(const char *file, const struct travel_kind *kind)
{
	struct travel_store *store = calloc(1, sizeof *store);

	if (store == NULL)
		return NULL;
	(void)pthread_mutex_init(&store->lock, NULL);
	store->kind = kind;
	if (sqlite3_open(file, &store->db) == SQLITE_OK &&
	    sqlite3_busy_timeout(store->db, 10000) == SQLITE_OK &&
	    sqlite3_exec(store->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;", NULL, NULL,
			 NULL) == SQLITE_OK &&
	    sqlite3_exec(store->db, TRAVEL_SCHEMA_LEDGER, NULL, NULL, NULL) == SQLITE_OK &&
	    sqlite3_exec(store->db, kind->schema, NULL, NULL, NULL) == SQLITE_OK &&
	    saga_sqlite_prepare(store->db) == 0 && witness_prepare(store->db) &&
	    witness_follow_ledger(store->db))
		return store;
	(void)fprintf(stderr, "travel-%s: cannot use the database %s: %s\n", kind->service, file,
		      sqlite3_errmsg(store->db));
	travel_store_close(store);
	return NULL;
}

void travel_store_close(struct travel_store *store)
{
	if (store == NULL)
		return;
	(void)sqlite3_close(store->db);
	(void)pthread_mutex_destroy(&store->lock);
	free(store);
}

static bool add_one(void *context, const struct travel_stock *stock)
{
	struct travel_store *store = context;

	return store->kind->add_stock(store->db, stock);
}

bool travel_store_init(struct travel_store *store, const char *stock_file)
{
	bool good = false;

	if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return false;
	good = travel_stock_read(stock_file, store->kind->stock_kind, add_one, store);
	return sqlite3_exec(store->db, good ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL) ==
		       SQLITE_OK &&
	       good;
}

void travel_store_look(struct travel_store *store, struct travel_call *call)
{
	(void)pthread_mutex_lock(&store->lock);
	if (!travel_row_read(store->db, call, &call->seen))
		call->seen.found = false;
	(void)pthread_mutex_unlock(&store->lock);
}

static bool log_add(struct travel_store *store, const struct travel_call *call, const char *verdict,
		    const struct saga_result *result)
{
	return rows_change(store->db, 1,
			   "INSERT INTO barrier_log(saga, step, op, attempt, verdict, outcome,"
			   " text, at_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
			   "tttittti", saga_context_saga(call->context),
			   saga_context_step(call->context), call->undo ? "undo" : "forward",
			   (int64_t)saga_context_attempt(call->context), verdict,
			   serve_outcome_name(result->outcome), result->text, rows_now_ms());
}

/* Runs inside the barrier's transaction, for a first run only. */
static void work(sqlite3 *db, struct saga_context *context, struct saga_result *result, void *user)
{
	struct travel_call *call = user;

	(void)context;
	call->ran = true;
	if (call->booked)
		call->kind->apply(db, call, result);
	else if (call->undo)
		result->outcome = SAGA_OK; /* what is no booking has never booked anything */
	else
		/* A verdict, and kept by the barrier: it will not become a booking either. */
		travel_reject(result, "%s", call->why);
	/* In the same transaction as the effect, so that one is never there without the other. */
	if (result->outcome == SAGA_OK && !log_add(call->store, call, "first", result))
		result->outcome = SAGA_RETRY;
}

/* Is there a row in the log for this step, that class of operation, that outcome? */
static bool log_has(struct travel_store *store, const struct travel_call *call, const char *op,
		    const char *outcome)
{
	return rows_exist(store->db,
			  "SELECT 1 FROM barrier_log WHERE saga = ?1 AND step = ?2 AND op = ?3 AND"
			  " outcome = ?4 AND verdict <> 'late_forward'",
			  "tttt", saga_context_saga(call->context),
			  saga_context_step(call->context), op, outcome);
}

/* What the barrier met, told from our own log and not from the library's word: the log is what
 * travel-check judges the library by. */
static const char *verdict_of(struct travel_store *store, const struct travel_call *call,
			      const struct saga_result *result)
{
	if (call->ran)
		return "first";
	if (call->undo)
		return log_has(store, call, "undo", "ok") ? "duplicate" : "empty_undo";
	if (result->outcome == SAGA_REJECTED && log_has(store, call, "undo", "ok") &&
	    !log_has(store, call, "forward", "rejected"))
		return "late_forward";
	return "duplicate";
}

void travel_store_run(struct travel_store *store, struct travel_call *call,
		      struct saga_result *result)
{
	(void)pthread_mutex_lock(&store->lock);
	call->store = store;
	call->ran = false;
	saga_sqlite_run(store->db, call->context, result, work, call);
	store->lost_races += call->lost_races;
	/* Before the answer leaves, so that no answer is without its row. Nothing is known yet
	 * after a retry (trouble, a stale epoch, a saga that ended long ago). */
	if (result->outcome == SAGA_REJECTED || (result->outcome == SAGA_OK && !call->ran)) {
		if (!log_add(store, call, verdict_of(store, call, result), result))
			result->outcome = SAGA_RETRY;
	}
	(void)pthread_mutex_unlock(&store->lock);
}

uint64_t travel_store_lost_races(struct travel_store *store)
{
	uint64_t lost_races = 0;

	(void)pthread_mutex_lock(&store->lock);
	lost_races = store->lost_races;
	(void)pthread_mutex_unlock(&store->lock);
	return lost_races;
}
