/* The tables of the four services (the barrier's own come from libsaga). */
#ifndef SAGAD_EXAMPLES_TRAVEL_SCHEMA_H
#define SAGAD_EXAMPLES_TRAVEL_SCHEMA_H

/* In each service: what was done, and what the barrier met. `op` is forward or undo; `verdict` is
 * first, duplicate, empty_undo or late_forward; `units` are the numbers of seats or rooms. Neither
 * has any uniqueness. */
#define TRAVEL_SCHEMA_LEDGER                                                                       \
	"CREATE TABLE IF NOT EXISTS ledger(id INTEGER PRIMARY KEY AUTOINCREMENT,"                  \
	" saga TEXT NOT NULL, step TEXT NOT NULL, op TEXT NOT NULL, operation TEXT NOT NULL,"      \
	" name TEXT NOT NULL, quantity INTEGER NOT NULL, units TEXT NOT NULL,"                     \
	" attempt INTEGER NOT NULL, at_ms INTEGER NOT NULL);"                                      \
	"CREATE TABLE IF NOT EXISTS barrier_log(id INTEGER PRIMARY KEY AUTOINCREMENT,"             \
	" saga TEXT NOT NULL, step TEXT NOT NULL, op TEXT NOT NULL, attempt INTEGER NOT NULL,"     \
	" verdict TEXT NOT NULL, outcome TEXT NOT NULL, text TEXT NOT NULL,"                       \
	" at_ms INTEGER NOT NULL);"                                                                \
	"CREATE INDEX IF NOT EXISTS barrier_log_saga ON barrier_log(saga);"

/* flight, hotel: what there is of each, and who holds which seat or room. */
#define TRAVEL_SCHEMA_UNITS                                                                        \
	"CREATE TABLE IF NOT EXISTS item(name TEXT PRIMARY KEY, total INTEGER NOT NULL,"           \
	" left INTEGER NOT NULL CHECK(left >= 0), version INTEGER NOT NULL);"                      \
	"CREATE TABLE IF NOT EXISTS unit(name TEXT NOT NULL, number INTEGER NOT NULL, saga TEXT,"  \
	" PRIMARY KEY(name, number)) WITHOUT ROWID;"

/* user: balances; payment: limits of cards. */
#define TRAVEL_SCHEMA_ITEMS_OF_MONEY                                                               \
	"CREATE TABLE IF NOT EXISTS item(name TEXT PRIMARY KEY, total INTEGER NOT NULL,"           \
	" left INTEGER NOT NULL CHECK(left >= 0), version INTEGER NOT NULL);"

/* payment: what was charged and not refunded. */
#define TRAVEL_SCHEMA_TILL                                                                         \
	"CREATE TABLE IF NOT EXISTS till(name TEXT PRIMARY KEY, amount INTEGER NOT NULL);"         \
	"INSERT OR IGNORE INTO till VALUES('till', 0);"

#endif
