/* A participant's own record of what was done, in the order in which it was done: rows of a table
 * that are written in the transaction of the effect, so that one is never there without the other.
 * Judges of whole runs read it (tests/judge); nothing else needs it.
 *
 * What the barrier alone knows (a refusal, a vote that is read only, an undo of nothing, a way that
 * is barred, a decision of one's own) triggers write when its row changes; what is done to the
 * business tables, a trigger on those.
 *
 * `kind` is done, moved, refused, read_only, empty, heuristic or blocked; a row is moved when it is
 * nothing but a second account of the effect right before. `op` is enum saga_op. `delta` and `held`
 * are what it did to an account: to its balance, and to what is held of that for somebody who has
 * not decided. at_ns is the machine's clock (CLOCK_REALTIME), within the transaction: rows of one
 * database rise in it. None is unique by anything.
 */
#ifndef SAGAD_EXAMPLES_COMMON_WITNESS_SQLITE_H
#define SAGAD_EXAMPLES_COMMON_WITNESS_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>

/* Of an INSERT INTO witness(...): the time. Known on handles that were attached. */
#define WITNESS_NOW "witness_now_ns()"

/* On each handle that writes. */
bool witness_attach(sqlite3 *db);
/* Attaches, and makes table and triggers, behind saga_sqlite_prepare. Idempotent. */
bool witness_prepare(sqlite3 *db);
/* For services that keep a table `ledger` with saga, step and op (forward, undo): what is written
 * there was done, and what is taken out of it was not. Behind witness_prepare. */
bool witness_follow_ledger(sqlite3 *db);

#endif
