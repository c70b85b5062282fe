/* The database of an account service: one handle for the process behind a mutex. SQLite lets only
 * one write at a time anyway; the second instance of the service waits in SQLite's busy handler. */
#include <pthread.h>
#include <saga_sqlite.h>
#include <stdio.h>
#include <stdlib.h>

#include "examples/bank/schema.h"
#include "examples/bank/store_sqlite.h"
#include "examples/common/rows_sqlite.h"
#include "examples/common/serve.h"
#include "examples/common/witness_sqlite.h"

enum { RETRY_MS = 50 };

/* For judges of whole runs. What is held at bank_a has left the balance, for them; at bank_b it is
 * a promise and no money. Inside one bank the second account is no effect of its own. */
static const char witness_ledger[] =
	"CREATE TRIGGER IF NOT EXISTS witness_ledger AFTER INSERT ON ledger BEGIN"
	" INSERT INTO witness(saga, step, op, kind, account, delta, held, at_ns)"
	" VALUES(NEW.saga, NEW.step,"
	" CASE WHEN NEW.op = 'hold' OR NEW.step = 'both' THEN 1 WHEN NEW.op = 'move' THEN 2 ELSE 3 "
	"END,"
	" CASE WHEN NEW.step = 'both' AND NEW.balance_change > 0 THEN 'moved' ELSE 'done' END,"
	" NEW.account,"
	" NEW.balance_change - CASE NEW.step WHEN 'credit' THEN 0 ELSE NEW.held_change END,"
	" CASE NEW.step WHEN 'credit' THEN 0 ELSE NEW.held_change END, " WITNESS_NOW "); END;";

struct bank_store {
	sqlite3 *db;
	pthread_mutex_t lock;
	uint64_t lost_races;
};

struct bank_store *bank_store_open(const char *file, const char *service)
{
	struct bank_store *store = calloc(1, sizeof *store);

	if (store == NULL)
		return NULL;
	(void)pthread_mutex_init(&store->lock, NULL);
	if (sqlite3_open(file, &store->db) == SQLITE_OK &&
	    sqlite3_busy_timeout(store->db, 10000) == SQLITE_OK &&
	    sqlite3_exec(store->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;", NULL, NULL,
			 NULL) == SQLITE_OK &&
	    sqlite3_exec(store->db, BANK_SCHEMA, NULL, NULL, NULL) == SQLITE_OK &&
	    saga_sqlite_prepare(store->db) == 0 && witness_prepare(store->db) &&
	    sqlite3_exec(store->db, witness_ledger, NULL, NULL, NULL) == SQLITE_OK)
		return store;
	(void)fprintf(stderr, "%s: cannot use the database %s: %s\n", service, file,
		      sqlite3_errmsg(store->db));
	bank_store_close(store);
	return NULL;
}

void bank_store_close(struct bank_store *store)
{
	if (store == NULL)
		return;
	(void)sqlite3_close(store->db);
	(void)pthread_mutex_destroy(&store->lock);
	free(store);
}

bool bank_store_fill(struct bank_store *store, const char *prefix, uint32_t count, int64_t balance)
{
	bool good = sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;

	for (uint32_t i = 1; good && i <= count; i++) {
		char name[BANK_NAME_SIZE];

		(void)snprintf(name, sizeof name, "%s%u", prefix, i);
		good = rows_change(store->db, -1,
				   "INSERT OR IGNORE INTO account VALUES(?1, ?2, ?2, 0, 0)", "ti",
				   name, balance);
	}
	return sqlite3_exec(store->db, good ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL) ==
		       SQLITE_OK &&
	       good;
}

void bank_store_look(struct bank_store *store, struct bank_call *call)
{
	struct bank_account account = {.found = false};

	(void)pthread_mutex_lock(&store->lock);
	if (!bank_account_read(store->db, bank_own_name(call), &account))
		account.found = false;
	(void)pthread_mutex_unlock(&store->lock);
	call->seen = account;
}

bool bank_store_trouble(struct bank_store *store, const struct bank_call *call, const char *kind)
{
	bool first = false;

	(void)pthread_mutex_lock(&store->lock);
	first = rows_change(store->db, 1, "INSERT OR IGNORE INTO trouble VALUES(?1, ?2, ?3, ?4)",
			    "ttti", saga_context_saga(call->context), bank_op_name(call->op), kind,
			    rows_now_ms());
	(void)pthread_mutex_unlock(&store->lock);
	return first;
}

struct doubts {
	struct bank_doubt *doubts;
	uint32_t count;
};

static void take_doubt(void *context, sqlite3_stmt *row)
{
	struct doubts *doubts = context;
	struct bank_doubt *doubt = &doubts->doubts[doubts->count++];

	(void)snprintf(doubt->saga, sizeof doubt->saga, "%s", rows_text(row, 0));
	(void)snprintf(doubt->step, sizeof doubt->step, "%s", rows_text(row, 1));
}

uint32_t bank_store_doubts(struct bank_store *store, struct bank_doubt *doubts, uint32_t max)
{
	struct doubts found = {.doubts = doubts};
	char sql[96];
	uint64_t rows = 0;

	(void)snprintf(sql, sizeof sql, "SELECT saga, step FROM hold ORDER BY id LIMIT %u", max);
	(void)pthread_mutex_lock(&store->lock);
	(void)rows_each(store->db, &rows, sql, take_doubt, &found);
	(void)pthread_mutex_unlock(&store->lock);
	return found.count;
}

void bank_store_told(struct bank_store *store, const struct bank_doubt *doubt,
		     enum saga_decision decision)
{
	(void)pthread_mutex_lock(&store->lock);
	(void)rows_change(store->db, 1,
			  "INSERT INTO inquiry(saga, step, decision, at_ms) VALUES(?1, ?2, ?3, ?4)",
			  "ttti", doubt->saga, doubt->step, saga_decision_name(decision),
			  rows_now_ms());
	(void)pthread_mutex_unlock(&store->lock);
}

uint64_t bank_store_lost_races(struct bank_store *store)
{
	uint64_t lost_races = 0;

	(void)pthread_mutex_lock(&store->lock);
	lost_races = store->lost_races;
	(void)pthread_mutex_unlock(&store->lock);
	return lost_races;
}
/* ---- the log -------------------------------------------------------------------------------- */

const char *bank_op_name(enum saga_op op)
{
	switch (op) {
	case SAGA_OP_FORWARD:
		return "forward";
	case SAGA_OP_FINISH:
		return "finish";
	case SAGA_OP_UNDO:
		return "undo";
	case SAGA_OP_SETTLE:
		return "settle";
	}
	return "?";
}

static bool log_add(sqlite3 *db, const struct bank_call *call, const char *verdict,
		    const struct saga_result *result)
{
	return rows_change(db, 1,
			   "INSERT INTO barrier_log(saga, step, op, attempt, verdict, outcome,"
			   " text, at_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
			   "tttittti", saga_context_saga(call->context),
			   saga_context_step(call->context), bank_op_name(call->op),
			   (int64_t)saga_context_attempt(call->context), verdict,
			   serve_outcome_name(result->outcome), result->text, rows_now_ms());
}

/* Is there a row in the log for this branch, that class of operation, that outcome? */
static bool log_has(sqlite3 *db, const struct bank_call *call, enum saga_op op, const char *outcome)
{
	return rows_exist(db,
			  "SELECT 1 FROM barrier_log WHERE saga = ?1 AND step = ?2 AND op = ?3 AND"
			  " outcome = ?4 AND verdict <> 'late_forward'",
			  "tttt", saga_context_saga(call->context),
			  saga_context_step(call->context), bank_op_name(op), outcome);
}

/* What the barrier met, told from our own log and not from the library's word: the log is what
 * bank-check judges the library by. */
static const char *verdict_of(sqlite3 *db, const struct bank_call *call,
			      const struct saga_result *result)
{
	if (call->ran)
		return "first";
	if (call->op == SAGA_OP_UNDO)
		return log_has(db, call, SAGA_OP_UNDO, "ok") ? "duplicate" : "empty_undo";
	if (call->op == SAGA_OP_SETTLE)
		return log_has(db, call, SAGA_OP_SETTLE, "rejected") ||
				       log_has(db, call, SAGA_OP_FORWARD, "ok") ||
				       log_has(db, call, SAGA_OP_FORWARD, "rejected")
			       ? "duplicate"
			       : "first";
	if (result->outcome == SAGA_REJECTED && !log_has(db, call, SAGA_OP_FORWARD, "rejected") &&
	    (log_has(db, call, SAGA_OP_UNDO, "ok") ||
	     log_has(db, call, SAGA_OP_SETTLE, "rejected")))
		return "late_forward";
	return "duplicate";
}

/* ---- the barrier ---------------------------------------------------------------------------- */

/* Runs inside the barrier's transaction, for a first run only. */
static void work(sqlite3 *db, struct saga_context *context, struct saga_result *result, void *user)
{
	struct bank_call *call = user;

	(void)context;
	bank_work(db, call, result);
	/* In the same transaction as the effect, so that one is never there without the other. */
	if ((result->outcome == SAGA_OK || result->outcome == SAGA_READ_ONLY) &&
	    !log_add(db, call, call->had_nothing ? "empty_undo" : "first", result))
		result->outcome = SAGA_RETRY;
	if (result->outcome == SAGA_RETRY)
		result->retry_after_ms = RETRY_MS;
}

/* The service that has forgotten its barrier: work and nothing else in the transaction. */
static void run_bare(sqlite3 *db, struct bank_call *call, struct saga_result *result)
{
	bool good = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;

	result->outcome = SAGA_RETRY;
	if (!good)
		return;
	work(db, call->context, result, call);
	good = result->outcome == SAGA_OK || result->outcome == SAGA_READ_ONLY;
	if (sqlite3_exec(db, good ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
		result->outcome = SAGA_RETRY;
}

void bank_store_run(struct bank_store *store, struct bank_call *call, struct saga_result *result)
{
	bool answered = false;

	(void)pthread_mutex_lock(&store->lock);
	if (call->op == SAGA_OP_SETTLE)
		saga_sqlite_settle(store->db, call->context, result);
	else if (call->sabotage == BANK_NO_BARRIER)
		run_bare(store->db, call, result);
	else
		saga_sqlite_run(store->db, call->context, result, work, call);
	store->lost_races += call->lost_races;
	/* Before the answer leaves, so that no answer is without its row. Nothing is known yet
	 * after a retry (trouble, a stale epoch, a transfer that ended long ago). */
	answered = result->outcome == SAGA_OK || result->outcome == SAGA_READ_ONLY;
	if (result->outcome == SAGA_REJECTED || (answered && !call->ran)) {
		if (!log_add(store->db, call, verdict_of(store->db, call, result), result))
			result->outcome = SAGA_RETRY;
	}
	(void)pthread_mutex_unlock(&store->lock);
}
