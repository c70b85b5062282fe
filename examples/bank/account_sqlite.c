/* What a bank does to its accounts, inside the barrier's transaction. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "examples/bank/store_sqlite.h"
#include "examples/common/rows_sqlite.h"

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

/* ---- accounts -------------------------------------------------------------------------------- */

bool bank_account_read(sqlite3 *db, const char *name, struct bank_account *account)
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

const char *bank_own_name(const struct bank_call *call)
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
	const char *name = bank_own_name(call);
	struct bank_account account = call->seen;

	if (is_enough(call, &account)) {
		if (change(db, call, name, op, balance_change, held_change, account.version))
			return true;
		call->lost_races++;
	}
	if (!bank_account_read(db, name, &account))
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
	    add_hold(db, call, bank_own_name(call)))
		result->outcome = SAGA_OK;
}

/* Commit and rollback: takes the hold away, and moves its money or not. */
static void end_hold(sqlite3 *db, struct bank_call *call, struct saga_result *result)
{
	const char *name = bank_own_name(call);
	const bool moves = call->op == SAGA_OP_FINISH;
	const char *saga = saga_context_saga(call->context);
	const char *step = saga_context_step(call->context);
	const int64_t transfer = call->transfer.amount;
	struct bank_account account;
	int64_t amount = 0;
	bool found = false;

	if (!rows_read(db, &amount, 1, &found,
		       "SELECT amount FROM hold WHERE saga = ?1 AND step = ?2", "tt", saga, step))
		return;
	call->had_nothing = !found;
	if (!found && !moves) {
		result->outcome = SAGA_OK;
		return;
	}
	if (!found && call->sabotage == BANK_NO_BARRIER) {
		/* Whoever knows nothing of duplicates takes each commit for the first. */
		if (bank_account_read(db, name, &account) &&
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
	if (bank_account_read(db, name, &account) && account.found &&
	    change(db, call, name, moves ? "move" : "release",
		   !moves      ? 0
		   : call->out ? -amount
			       : amount,
		   -amount, account.version) &&
	    rows_change(db, 1,
			"DELETE FROM hold WHERE id = (SELECT min(id) FROM hold WHERE saga = ?1 AND "
			"step = ?2)",
			"tt", saga, step))
		result->outcome = SAGA_OK;
}

/* One participant alone needs no vote: both accounts change in one transaction. */
static void transfer_inside(sqlite3 *db, struct bank_call *call, struct saga_result *result)
{
	const int64_t amount = call->transfer.amount;
	struct bank_account to;

	if (!bank_account_read(db, call->transfer.to, &to))
		return;
	if (!to.found)
		reject(result, "there is no account %s", call->transfer.to);
	else if (strcmp(call->transfer.from, call->transfer.to) == 0)
		reject(result, "%s is both ends of it", call->transfer.to);
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
	if (call->sabotage == BANK_COMMITS_TWICE &&
	    bank_account_read(db, bank_own_name(call), &account))
		(void)change(db, call, bank_own_name(call), "move",
			     call->out ? -call->transfer.amount : call->transfer.amount, 0,
			     account.version);
	return false;
}

void bank_work(sqlite3 *db, struct bank_call *call, struct saga_result *result)
{
	call->ran = true;
	if (call->op == SAGA_OP_FORWARD) {
		vote(db, call, result);
	} else if (!spoil(db, call, result)) {
		result->outcome = SAGA_RETRY;
		end_hold(db, call, result);
	}
}
