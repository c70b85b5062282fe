/* The tables of the shop's services (the barrier's own come from libsaga). */
#ifndef SAGAD_EXAMPLES_SHOP_SCHEMA_H
#define SAGAD_EXAMPLES_SHOP_SCHEMA_H

/* In each service: what was done, and what the barrier met. `version` is that of the row that was
 * changed, after the change; `races` is how often another was faster before that; `took` is the
 * reference that came by the step's input, `gave` the one that went out as output.
 *
 * In barrier_log `op` is forward, undo or settle. `verdict` is first, duplicate, empty_undo or
 * late_forward; of settle done (it was), refused (it was) or blocked (it never ran).
 *
 * No table has any uniqueness: only the barrier keeps things from happening twice. */
#define SHOP_SCHEMA_LEDGER                                                                         \
	"CREATE TABLE IF NOT EXISTS ledger(id INTEGER PRIMARY KEY AUTOINCREMENT,"                  \
	" saga TEXT NOT NULL, step TEXT NOT NULL, op TEXT NOT NULL, name TEXT NOT NULL,"           \
	" quantity INTEGER NOT NULL, version INTEGER NOT NULL, races INTEGER NOT NULL,"            \
	" took TEXT NOT NULL, gave TEXT NOT NULL, attempt INTEGER NOT NULL,"                       \
	" at_ms INTEGER NOT NULL);"                                                                \
	"CREATE INDEX IF NOT EXISTS ledger_saga ON ledger(saga);"                                  \
	"CREATE TABLE IF NOT EXISTS barrier_log(id INTEGER PRIMARY KEY AUTOINCREMENT,"             \
	" saga TEXT NOT NULL, step TEXT NOT NULL, op TEXT NOT NULL, attempt INTEGER NOT NULL,"     \
	" verdict TEXT NOT NULL, outcome TEXT NOT NULL, text TEXT NOT NULL,"                       \
	" at_ms INTEGER NOT NULL);"                                                                \
	"CREATE INDEX IF NOT EXISTS barrier_log_saga ON barrier_log(saga);"

/* inventory: goods; payment: what cards take; shipping: gifts. */
#define SHOP_SCHEMA_ITEM                                                                           \
	"CREATE TABLE IF NOT EXISTS item(name TEXT PRIMARY KEY, total INTEGER NOT NULL,"           \
	" left INTEGER NOT NULL CHECK(left >= 0), version INTEGER NOT NULL);"

/* What stands for an order now: reservations, charges, gifts. */
#define SHOP_SCHEMA_HELD                                                                           \
	"CREATE TABLE IF NOT EXISTS held(id INTEGER PRIMARY KEY AUTOINCREMENT,"                    \
	" saga TEXT NOT NULL, name TEXT NOT NULL, quantity INTEGER NOT NULL);"                     \
	"CREATE INDEX IF NOT EXISTS held_saga ON held(saga);"

#define SHOP_SCHEMA_SHIPMENT                                                                       \
	"CREATE TABLE IF NOT EXISTS shipment(id INTEGER PRIMARY KEY AUTOINCREMENT,"                \
	" saga TEXT NOT NULL, name TEXT NOT NULL, quantity INTEGER NOT NULL,"                      \
	" reservation TEXT NOT NULL);"                                                             \
	"CREATE INDEX IF NOT EXISTS shipment_saga ON shipment(saga);"

/* order: `status` is open, confirmed or cancelled. */
#define SHOP_SCHEMA_ORDERS                                                                         \
	"CREATE TABLE IF NOT EXISTS orders(id INTEGER PRIMARY KEY AUTOINCREMENT,"                  \
	" saga TEXT NOT NULL, customer TEXT NOT NULL, name TEXT NOT NULL,"                         \
	" quantity INTEGER NOT NULL, status TEXT NOT NULL, tracking TEXT NOT NULL,"                \
	" version INTEGER NOT NULL);"                                                              \
	"CREATE INDEX IF NOT EXISTS orders_saga ON orders(saga);"

#endif
