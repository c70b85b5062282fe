/* The tables of an account service (the barrier's own come from libsaga). */
#ifndef SAGAD_EXAMPLES_BANK_SCHEMA_H
#define SAGAD_EXAMPLES_BANK_SCHEMA_H

/* account: `held` is money promised to a transfer that is not decided: on its way out in bank_a, on
 * its way in in bank_b. `version` counts the changes of the row.
 * hold: one row for each such promise, gone with the decision.
 * ledger: one row for each change of an account. `op` is hold, move or release; both changes are
 * signed, and `version` is the account's after it.
 * barrier_log: what the barrier met. `op` is forward, finish, undo or settle; `verdict` is first,
 * duplicate, empty_undo or late_forward.
 * inquiry: what a bank that came back was told about a hold it found; `decision` is commit or
 * abort. trouble: what was done on purpose, once for each saga, op and kind. None but the last has
 * any uniqueness: only the barrier keeps things from happening twice. */
#define BANK_SCHEMA                                                                                \
	"CREATE TABLE IF NOT EXISTS account(name TEXT PRIMARY KEY, opening INTEGER NOT NULL,"      \
	" balance INTEGER NOT NULL CHECK(balance >= 0), held INTEGER NOT NULL CHECK(held >= 0),"   \
	" version INTEGER NOT NULL);"                                                              \
	"CREATE TABLE IF NOT EXISTS hold(id INTEGER PRIMARY KEY AUTOINCREMENT,"                    \
	" saga TEXT NOT NULL, step TEXT NOT NULL, account TEXT NOT NULL,"                          \
	" amount INTEGER NOT NULL, at_ms INTEGER NOT NULL);"                                       \
	"CREATE INDEX IF NOT EXISTS hold_saga ON hold(saga, step);"                                \
	"CREATE TABLE IF NOT EXISTS ledger(id INTEGER PRIMARY KEY AUTOINCREMENT,"                  \
	" saga TEXT NOT NULL, step TEXT NOT NULL, op TEXT NOT NULL, account TEXT NOT NULL,"        \
	" balance_change INTEGER NOT NULL, held_change INTEGER NOT NULL,"                          \
	" version INTEGER NOT NULL, attempt INTEGER NOT NULL, at_ms INTEGER NOT NULL);"            \
	"CREATE TABLE IF NOT EXISTS barrier_log(id INTEGER PRIMARY KEY AUTOINCREMENT,"             \
	" saga TEXT NOT NULL, step TEXT NOT NULL, op TEXT NOT NULL, attempt INTEGER NOT NULL,"     \
	" verdict TEXT NOT NULL, outcome TEXT NOT NULL, text TEXT NOT NULL,"                       \
	" at_ms INTEGER NOT NULL);"                                                                \
	"CREATE INDEX IF NOT EXISTS barrier_log_saga ON barrier_log(saga);"                        \
	"CREATE TABLE IF NOT EXISTS inquiry(id INTEGER PRIMARY KEY AUTOINCREMENT,"                 \
	" saga TEXT NOT NULL, step TEXT NOT NULL, decision TEXT NOT NULL,"                         \
	" at_ms INTEGER NOT NULL);"                                                                \
	"CREATE TABLE IF NOT EXISTS trouble(saga TEXT NOT NULL, op TEXT NOT NULL,"                 \
	" kind TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY(saga, op, kind)) WITHOUT ROWID;"

#endif
