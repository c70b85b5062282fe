/* The database of a service: barrier, optimistic locking, ledger and log. */
#include <pthread.h>
#include <saga_sqlite.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/common/rows_sqlite.h"
#include "examples/common/serve.h"
#include "examples/common/witness_sqlite.h"
#include "examples/shop/schema.h"
#include "examples/shop/service.h"

enum { RACES_MAX = 5, BUSY_MS = 10000, AGAIN_MS = 50 };

struct shop_store {
	const struct shop_kind *kind;
	pthread_mutex_t lock;
	sqlite3 *db; /* under lock */
};

/* ---- for operations ---------------------------------------------------------------------------
 */

void shop_refuse(struct saga_result *result, enum saga_outcome outcome, const char *format, ...)
{
	va_list arguments;

	result->outcome = outcome;
	va_start(arguments, format);
	(void)vsnprintf(result->text, sizeof result->text, format, arguments);
	va_end(arguments);
}

static bool read_row(sqlite3 *db, const char *name, struct shop_row *row)
{
	int64_t numbers[2] = {0, 0};
	const bool good = rows_read(db, numbers, 2, &row->found,
				    "SELECT version, left FROM item WHERE name = ?1", "t", name);

	row->version = numbers[0];
	row->left = numbers[1];
	return good;
}

bool shop_take(sqlite3 *db, struct shop_call *call, const char *lack, struct saga_result *result)
{
	struct shop_row row = call->seen;
	bool fresh = false;

	while (call->races < RACES_MAX) {
		if (row.found && row.left >= call->quantity) {
			if (rows_change(db, 1,
					"UPDATE item SET left = left - ?2, version = version + 1"
					" WHERE name = ?1 AND version = ?3",
					"tii", call->name, call->quantity, row.version)) {
				call->version = row.version + 1;
				return true;
			}
			/* Somebody was faster (or the database is in trouble, which the next look
			 * finds out). */
			call->races++;
		} else if (fresh) {
			shop_refuse(result, SAGA_REJECTED, "%s %s", call->name,
				    row.found ? lack : "is unknown");
			return false;
		}
		if (!read_row(db, call->name, &row))
			break;
		fresh = true;
	}
	result->outcome = SAGA_RETRY;
	result->retry_after_ms = AGAIN_MS;
	return false;
}

bool shop_give_back(sqlite3 *db, struct shop_call *call, struct saga_result *result)
{
	const char *saga = saga_context_saga(call->context);
	struct shop_row row = {.found = false};

	if (!rows_change(db, 1, "DELETE FROM held WHERE saga = ?1 AND name = ?2 AND quantity = ?3",
			 "tti", saga, call->name, call->quantity)) {
		/* Our own books contradict each other: no retry can help. */
		shop_refuse(result, SAGA_PARK, "the order does not hold %lld %s",
			    (long long)call->quantity, call->name);
		return false;
	}
	if (!rows_change(db, 1,
			 "UPDATE item SET left = left + ?2, version = version + 1 WHERE name = ?1",
			 "ti", call->name, call->quantity) ||
	    !read_row(db, call->name, &row))
		return false;
	call->version = row.version;
	return true;
}

bool shop_hold(sqlite3 *db, struct shop_call *call, char letter)
{
	if (!rows_change(db, 1, "INSERT INTO held(saga, name, quantity) VALUES(?1, ?2, ?3)", "tti",
			 saga_context_saga(call->context), call->name, call->quantity))
		return false;
	(void)snprintf(call->gave, sizeof call->gave, "%c%lld", letter,
		       (long long)sqlite3_last_insert_rowid(db));
	return true;
}

void shop_done(sqlite3 *db, struct shop_call *call, const char *took, const char *key,
	       struct saga_result *result)
{
	char output[128];
	int size = 0;

	result->outcome = SAGA_RETRY; /* whatever was refused on the way here */
	if (!rows_change(db, 1,
			 "INSERT INTO ledger(saga, step, op, name, quantity, version, races, took,"
			 " gave, attempt, at_ms)"
			 " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
			 "ttttiiittii", saga_context_saga(call->context),
			 saga_context_step(call->context),
			 call->operation->undo ? "undo" : "forward", call->name, call->quantity,
			 call->version, (int64_t)call->races, took, call->gave,
			 (int64_t)saga_context_attempt(call->context), rows_now_ms()))
		return;
	if (key != NULL) {
		size = snprintf(output, sizeof output, "{\"%s\":\"%s\"}", key, call->gave);
		result->output = saga_context_copy(call->context, output, (size_t)size);
		if (result->output == NULL)
			return;
		result->output_size = (size_t)size;
	}
	result->outcome = SAGA_OK;
}

/* ---- open and fill ----------------------------------------------------------------------------
 */

struct shop_store *shop_store_open(const char *file, const struct shop_kind *kind)
{
	struct shop_store *store = calloc(1, sizeof *store);

	if (store == NULL)
		return NULL;
	(void)pthread_mutex_init(&store->lock, NULL);
	store->kind = kind;
	if (sqlite3_open(file, &store->db) == SQLITE_OK &&
	    sqlite3_busy_timeout(store->db, BUSY_MS) == SQLITE_OK &&
	    sqlite3_exec(store->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;", NULL, NULL,
			 NULL) == SQLITE_OK &&
	    sqlite3_exec(store->db, SHOP_SCHEMA_LEDGER, NULL, NULL, NULL) == SQLITE_OK &&
	    sqlite3_exec(store->db, kind->schema, NULL, NULL, NULL) == SQLITE_OK &&
	    saga_sqlite_prepare(store->db) == 0 && witness_prepare(store->db) &&
	    witness_follow_ledger(store->db))
		return store;
	(void)fprintf(stderr, "shop-service: %s: cannot use the database %s: %s\n", kind->service,
		      file, sqlite3_errmsg(store->db));
	shop_store_close(store);
	return NULL;
}

void shop_store_close(struct shop_store *store)
{
	if (store == NULL)
		return;
	(void)sqlite3_close(store->db);
	(void)pthread_mutex_destroy(&store->lock);
	free(store);
}

static bool add_item(void *context, const struct shop_stock *stock)
{
	struct shop_store *store = context;

	return rows_change(store->db, -1, "INSERT OR IGNORE INTO item VALUES(?1, ?2, ?2, 0)", "ti",
			   stock->name, stock->quantity);
}

bool shop_store_init(struct shop_store *store, const char *stock_file)
{
	bool good = false;

	if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return false;
	good = shop_stock_read(stock_file, store->kind->service, add_item, store);
	return sqlite3_exec(store->db, good ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL) ==
		       SQLITE_OK &&
	       good;
}

/* ---- calls ------------------------------------------------------------------------------------
 */

void shop_store_look(struct shop_store *store, struct shop_call *call)
{
	(void)pthread_mutex_lock(&store->lock);
	if (!read_row(store->db, call->name, &call->seen))
		call->seen.found = false;
	(void)pthread_mutex_unlock(&store->lock);
}

static const char *op_name(const struct shop_call *call)
{
	return call->operation == NULL ? "settle" : call->operation->undo ? "undo" : "forward";
}

static bool log_add(struct shop_store *store, const struct shop_call *call, const char *verdict,
		    const struct saga_result *result)
{
	return rows_change(store->db, 1,
			   "INSERT INTO barrier_log(saga, step, op, attempt, verdict, outcome,"
			   " text, at_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
			   "tttittti", saga_context_saga(call->context),
			   saga_context_step(call->context), op_name(call),
			   (int64_t)saga_context_attempt(call->context), verdict,
			   serve_outcome_name(result->outcome), result->text, rows_now_ms());
}

/* Runs inside the barrier's transaction, for a first run only. */
static void work(sqlite3 *db, struct saga_context *context, struct saga_result *result, void *user)
{
	struct shop_call *call = user;

	(void)context;
	call->ran = true;
	if (call->understood)
		call->operation->apply(db, call, result);
	else if (call->operation->undo)
		result->outcome = SAGA_OK; /* what is no order has never taken anything */
	else
		/* A verdict, and kept by the barrier: it will not become an order either. */
		shop_refuse(result, SAGA_REJECTED, "%s", call->why);
	/* In the same transaction as the effect, so that one is never there without the other. */
	if (result->outcome == SAGA_OK && !log_add(call->store, call, "first", result))
		result->outcome = SAGA_RETRY;
}

/* Is there a row in the log for this step, that class of operation, that outcome? */
static bool log_has(struct shop_store *store, const struct shop_call *call, const char *op,
		    const char *outcome)
{
	return rows_exist(store->db,
			  "SELECT 1 FROM barrier_log WHERE saga = ?1 AND step = ?2 AND op = ?3 AND"
			  " outcome = ?4 AND verdict <> 'late_forward'",
			  "tttt", saga_context_saga(call->context),
			  saga_context_step(call->context), op, outcome);
}

/* What the barrier met, told from our own log and not from the library's word: the log is what
 * shop-check judges the library by. */
static const char *verdict_of(struct shop_store *store, const struct shop_call *call,
			      const struct saga_result *result)
{
	if (call->ran)
		return "first";
	if (call->operation->undo)
		return log_has(store, call, "undo", "ok") ? "duplicate" : "empty_undo";
	if (result->outcome == SAGA_REJECTED && !log_has(store, call, "forward", "rejected") &&
	    (log_has(store, call, "undo", "ok") || log_has(store, call, "settle", "rejected")))
		return "late_forward";
	return "duplicate";
}

void shop_store_run(struct shop_store *store, struct shop_call *call, struct saga_result *result)
{
	(void)pthread_mutex_lock(&store->lock);
	call->store = store;
	saga_sqlite_run(store->db, call->context, result, work, call);
	/* Before the answer leaves, so that no answer is without its row. Nothing is known yet
	 * after a retry (trouble, a stale epoch, a saga that ended long ago). */
	if (result->outcome == SAGA_REJECTED || (result->outcome == SAGA_OK && !call->ran)) {
		if (!log_add(store, call, verdict_of(store, call, result), result))
			result->outcome = SAGA_RETRY;
	}
	(void)pthread_mutex_unlock(&store->lock);
}

bool shop_store_is_given_up(struct shop_store *store, const struct shop_call *call)
{
	bool given_up = false;

	(void)pthread_mutex_lock(&store->lock);
	given_up = log_has(store, call, "undo", "ok") || log_has(store, call, "settle", "rejected");
	(void)pthread_mutex_unlock(&store->lock);
	return given_up;
}

bool shop_store_has_run(struct shop_store *store, const struct shop_call *call)
{
	bool run = false;

	(void)pthread_mutex_lock(&store->lock);
	run = log_has(store, call, "forward", "ok") || log_has(store, call, "forward", "rejected");
	(void)pthread_mutex_unlock(&store->lock);
	return run;
}

void shop_store_settle(struct shop_store *store, struct shop_call *call, struct saga_result *result)
{
	const char *verdict = "blocked";

	(void)pthread_mutex_lock(&store->lock);
	saga_sqlite_settle(store->db, call->context, result);
	if (log_has(store, call, "forward", "ok"))
		verdict = "done";
	else if (log_has(store, call, "forward", "rejected"))
		verdict = "refused";
	if ((result->outcome == SAGA_OK || result->outcome == SAGA_REJECTED) &&
	    !log_add(store, call, verdict, result))
		result->outcome = SAGA_RETRY;
	(void)pthread_mutex_unlock(&store->lock);
}
