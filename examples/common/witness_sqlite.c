#include "examples/common/witness_sqlite.h"

#include <time.h>

/* The outcomes are those of client/barrier.h, which are stored and do not change: 1 ok, 2 rejected,
 * 3 suspended, 4 read only, 5 heuristic. */
static const char create[] =
	"CREATE TABLE IF NOT EXISTS witness(id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" saga TEXT NOT NULL, step TEXT NOT NULL, op INTEGER NOT NULL, kind TEXT NOT NULL,"
	" account TEXT NOT NULL DEFAULT '', delta INTEGER NOT NULL DEFAULT 0,"
	" held INTEGER NOT NULL DEFAULT 0, at_ns INTEGER NOT NULL);"
	"CREATE TRIGGER IF NOT EXISTS witness_barred AFTER INSERT ON saga_barrier"
	" WHEN NEW.outcome = 3 BEGIN"
	" INSERT INTO witness(saga, step, op, kind, at_ns)"
	" VALUES(NEW.saga, NEW.step, NEW.op, 'blocked', " WITNESS_NOW "); END;"
	"CREATE TRIGGER IF NOT EXISTS witness_answered AFTER UPDATE OF outcome ON saga_barrier"
	" WHEN NEW.outcome IN (2, 4, 5) BEGIN"
	" INSERT INTO witness(saga, step, op, kind, at_ns) VALUES(NEW.saga, NEW.step, NEW.op,"
	" CASE NEW.outcome WHEN 2 THEN 'refused' WHEN 4 THEN 'read_only' ELSE 'heuristic' END,"
	" " WITNESS_NOW "); END;"
	"CREATE TRIGGER IF NOT EXISTS witness_empty AFTER UPDATE OF outcome ON saga_barrier"
	" WHEN NEW.op = 3 AND NEW.outcome = 1 AND EXISTS(SELECT 1 FROM saga_barrier AS forward"
	" WHERE forward.saga = NEW.saga AND forward.step = NEW.step AND forward.op = 1"
	" AND forward.outcome IN (2, 3, 4)) BEGIN"
	" INSERT INTO witness(saga, step, op, kind, at_ns)"
	" VALUES(NEW.saga, NEW.step, NEW.op, 'empty', " WITNESS_NOW "); END;";

#define OP(row) "CASE " row ".op WHEN 'undo' THEN 3 ELSE 1 END"
static const char follow[] =
	"CREATE TRIGGER IF NOT EXISTS witness_ledger AFTER INSERT ON ledger BEGIN"
	" INSERT INTO witness(saga, step, op, kind, at_ns)"
	" VALUES(NEW.saga, NEW.step, " OP(
		"NEW") ", 'done', " WITNESS_NOW "); END;"
		       "CREATE TRIGGER IF NOT EXISTS witness_erased AFTER DELETE ON ledger BEGIN"
		       " DELETE FROM witness WHERE id = (SELECT max(id) FROM witness WHERE saga = "
		       "OLD.saga"
		       " AND step = OLD.step AND op = " OP("OLD") " AND kind = 'done'); END;";

static void now_ns(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct timespec now;

	(void)count;
	(void)values;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	sqlite3_result_int64(context, (sqlite3_int64)now.tv_sec * 1000000000 + now.tv_nsec);
}

bool witness_attach(sqlite3 *db)
{
	return sqlite3_create_function(db, "witness_now_ns", 0, SQLITE_UTF8, NULL, now_ns, NULL,
				       NULL) == SQLITE_OK;
}

bool witness_prepare(sqlite3 *db)
{
	if (!witness_attach(db) ||
	    sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return false;
	if (sqlite3_exec(db, create, NULL, NULL, NULL) == SQLITE_OK &&
	    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
		return true;
	(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}

bool witness_follow_ledger(sqlite3 *db)
{
	return sqlite3_exec(db, follow, NULL, NULL, NULL) == SQLITE_OK;
}
