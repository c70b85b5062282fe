/* The database of an account service: one handle for the process behind a mutex. SQLite lets only
 * one write at a time anyway; the second instance of the service waits in SQLite's busy handler. */
#include <pthread.h>
#include <saga_sqlite.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "examples/bank/account.h"
#include "examples/bank/schema.h"
#include "examples/common/rows_sqlite.h"
#include "examples/common/serve.h"

enum { RETRY_MS = 50 };

struct bank_store {
	sqlite3 *db;
	pthread_mutex_t lock;
	uint64_t lost_races;
};

static void reject(struct saga_result *result, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void reject(struct saga_result *result, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(result->text, sizeof result->text, format, arguments);
	va_end(arguments);
	result->outcome = SAGA_REJECTED;
}

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

/* ---- accounts -------------------------------------------------------------------------------- */

static bool read_account(sqlite3 *db, const char *name, struct bank_account *account)
{
	int64_t numbers[3] = {0, 0, 0};
	const bool good =
		rows_read(db, numbers, 3, &account->found,
			  "SELECT balance, held, version FROM account WHERE name = ?1", "t", name);

	account->balance = numbers[0];
	account->held = numbers[1];
	account->version = numbers[2];
	return good;
}

/* Changes an account that still has this version, and writes it down. */
static bool change(sqlite3 *db, const struct bank_call *call, const char *name, const char *op,
		   int64_t balance_change, int64_t held_change, int64_t version)
{
	return rows_change(db, 1,
			   "UPDATE account SET balance = balance + ?3, held = held + ?4,"
			   " version = version + 1 WHERE name = ?1 AND version = ?2",
			   "tiii", name, version, balance_change, held_change) &&
	       rows_change(
		       db, 1,
		       "INSERT INTO ledger(saga, step, op, account, balance_change, held_change,"
		       " version, attempt, at_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
		       "ttttiiiii", saga_context_saga(call->context),
		       saga_context_step(call->context), op, name, balance_change, held_change,
		       version + 1, (int64_t)saga_context_attempt(call->context), rows_now_ms());
}

/* ---- operations, inside the barrier's transaction -------------------------------------------- */

static bool add_hold(sqlite3 *db, const struct bank_call *call, const char *name)
{
	return rows_change(db, 1,
			   "INSERT INTO hold(saga, step, account, amount, at_ms)"
			   " VALUES(?1, ?2, ?3, ?4, ?5)",
			   "tttii", saga_context_saga(call->context),
			   saga_context_step(call->context), name, call->transfer.amount,
			   rows_now_ms());
}

static const char *own_name(const struct bank_call *call)
{
	return call->out ? call->transfer.from : call->transfer.to;
}

static bool is_enough(const struct bank_call *call, const struct bank_account *account)
{
	return account->found &&
	       (!call->out || account->balance - account->held >= call->transfer.amount);
}

/* Changes our account by the version that was seen before the transaction; when another was faster,
 * by a fresh look. A refusal stands on a fresh look only. False: result says why. */
static bool take(sqlite3 *db, struct bank_call *call, const char *op, int64_t balance_change,
		 int64_t held_change, struct saga_result *result)
{
	const char *name = own_name(call);
	struct bank_account account = call->seen;

	if (is_enough(call, &account)) {
		if (change(db, call, name, op, balance_change, held_change, account.version))
			return true;
		call->lost_races++;
	}
	if (!read_account(db, name, &account))
		return false;
	if (!account.found)
		reject(result, "there is no account %s", name);
	else if (!is_enough(call, &account))
		reject(result, "%s has not enough", name);
	else
		return change(db, call, name, op, balance_change, held_change, account.version);
	return false;
}

static void hold(sqlite3 *db, struct bank_call *call, struct saga_result *result)
{
	if (take(db, call, "hold", 0, call->transfer.amount, result) &&
	    add_hold(db, call, own_name(call)))
		result->outcome = SAGA_OK;
}

/* Commit and rollback: takes the hold away, and moves its money or not. */
static void settle_hold(sqlite3 *db, struct bank_call *call, struct saga_result *result)
{
	const char *name = own_name(call);
	const bool moves = call->op == SAGA_OP_FINISH;
	const char *saga = saga_context_saga(call->context);
	const int64_t transfer = call->transfer.amount;
	struct bank_account account;
	int64_t amount = 0;
	bool found = false;

	if (!rows_read(db, &amount, 1, &found, "SELECT amount FROM hold WHERE saga = ?1", "t",
		       saga))
		return;
	call->had_nothing = !found;
	if (!found && !moves) {
		result->outcome = SAGA_OK;
		return;
	}
	if (!found && call->sabotage == BANK_NO_BARRIER) {
		/* Whoever knows nothing of duplicates takes each commit for the first. */
		if (read_account(db, name, &account) &&
		    change(db, call, name, "move", call->out ? -transfer : transfer, 0,
			   account.version))
			result->outcome = SAGA_OK;
		return;
	}
	if (!found) {
		result->outcome = SAGA_PARK;
		(void)snprintf(result->text, sizeof result->text, "nothing is held to be moved");
		return;
	}
	if (read_account(db, name, &account) && account.found &&
	    change(db, call, name, moves ? "move" : "release",
		   !moves      ? 0
		   : call->out ? -amount
			       : amount,
		   -amount, account.version) &&
	    rows_change(db, 1,
			"DELETE FROM hold WHERE id = (SELECT min(id) FROM hold WHERE saga = ?1)",
			"t", saga))
		result->outcome = SAGA_OK;
}

/* One participant alone needs no vote: both accounts change in one transaction. */
static void transfer_inside(sqlite3 *db, struct bank_call *call, struct saga_result *result)
{
	const int64_t amount = call->transfer.amount;
	struct bank_account to;

	if (!read_account(db, call->transfer.to, &to))
		return;
	if (!to.found)
		reject(result, "there is no account %s", call->transfer.to);
	else if (take(db, call, "move", -amount, 0, result) &&
		 change(db, call, call->transfer.to, "move", amount, 0, to.version))
		result->outcome = SAGA_OK;
}

static void vote(sqlite3 *db, struct bank_call *call, struct saga_result *result)
{
	/* A no is a verdict, and kept by the barrier: it will not become a yes. */
	if (!call->understood)
		reject(result, "%s", call->why);
	else if (call->refuse)
		reject(result, "refused on purpose");
	else if (call->one_phase)
		transfer_inside(db, call, result);
	else if (call->transfer.amount == 0)
		result->outcome = SAGA_READ_ONLY;
	else
		hold(db, call, result);
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

/* Some transfers, always the same. */
static bool is_spoiled(const struct bank_call *call)
{
	return hash_xxh3_64(slice_str(saga_context_saga(call->context))) % 16 == 0;
}

/* What a broken service does instead; true = that was all. */
static bool spoil(sqlite3 *db, struct bank_call *call, struct saga_result *result)
{
	struct bank_account account;

	if (call->op != SAGA_OP_FINISH || !is_spoiled(call))
		return false;
	if (call->sabotage == BANK_FORGETS) {
		result->outcome = SAGA_OK;
		return true;
	}
	if (call->sabotage == BANK_COMMITS_TWICE && read_account(db, own_name(call), &account))
		(void)change(db, call, own_name(call), "move",
			     call->out ? -call->transfer.amount : call->transfer.amount, 0,
			     account.version);
	return false;
}

/* Runs inside the barrier's transaction, for a first run only. */
static void work(sqlite3 *db, struct saga_context *context, struct saga_result *result, void *user)
{
	struct bank_call *call = user;

	(void)context;
	call->ran = true;
	if (call->op == SAGA_OP_FORWARD) {
		vote(db, call, result);
	} else if (!spoil(db, call, result)) {
		result->outcome = SAGA_RETRY;
		settle_hold(db, call, result);
	}
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

/* ---- the store ------------------------------------------------------------------------------- */

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
	    saga_sqlite_prepare(store->db) == 0)
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
	if (!read_account(store->db, own_name(call), &account))
		account.found = false;
	(void)pthread_mutex_unlock(&store->lock);
	call->seen = account;
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

uint64_t bank_store_lost_races(struct bank_store *store)
{
	uint64_t lost_races = 0;

	(void)pthread_mutex_lock(&store->lock);
	lost_races = store->lost_races;
	(void)pthread_mutex_unlock(&store->lock);
	return lost_races;
}
