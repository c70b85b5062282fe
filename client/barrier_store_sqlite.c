/* The tables of the SQLite barrier, and the statements on them.
 *
 * Statements are prepared anew for each command: SQLite 3.40 keeps no data for us on a handle, and
 * statements kept elsewhere would make the caller's sqlite3_close fail. Measured: 18 us for the
 * three of an ordinary command, where a commit with synchronous=FULL takes 230 us.
 */
#include "client/barrier_sqlite.h"

#include <stdio.h>
#include <string.h>

enum {
	BUSY_TIMEOUT_MS = 5000,
	/* Clean-up begins when the mark has moved this far, and takes about so many rows a time. */
	CLEAN_STEP = 256,
	CLEAN_ROWS = 1024
};

static const char create_tables[] =
	"CREATE TABLE IF NOT EXISTS saga_barrier("
	"saga TEXT NOT NULL, step TEXT NOT NULL, op INTEGER NOT NULL, shard INTEGER NOT NULL, "
	"admission INTEGER NOT NULL, outcome INTEGER NOT NULL, code INTEGER NOT NULL DEFAULT 0, "
	"text TEXT NOT NULL DEFAULT '', output BLOB, PRIMARY KEY(saga, step, op)) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS saga_barrier_by_admission "
	"ON saga_barrier(shard, admission);"
	"CREATE TABLE IF NOT EXISTS saga_barrier_shard("
	"shard INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, low_water INTEGER NOT NULL);";

int saga_sqlite_prepare(sqlite3 *db)
{
	if (sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS) != SQLITE_OK ||
	    sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return SAGA_ERR_DATABASE;
	if (sqlite3_exec(db, create_tables, NULL, NULL, NULL) == SQLITE_OK &&
	    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return SAGA_ERR_DATABASE;
}

/* ---- statements --------------------------------------------------------------------------------
 */

bool barrier_execute(const struct barrier *barrier, const char *sql)
{
	return sqlite3_exec(barrier->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static sqlite3_stmt *prepare(const struct barrier *barrier, const char *sql)
{
	sqlite3_stmt *statement = NULL;

	return sqlite3_prepare_v2(barrier->db, sql, -1, &statement, NULL) == SQLITE_OK ? statement
										       : NULL;
}

static bool finish(sqlite3_stmt *statement, int rc)
{
	return sqlite3_finalize(statement) == SQLITE_OK && rc == SQLITE_DONE;
}

static bool bind_key(const struct barrier *barrier, sqlite3_stmt *statement, enum saga_op op)
{
	return sqlite3_bind_text(statement, 1, saga_context_saga(barrier->context), -1,
				 SQLITE_STATIC) == SQLITE_OK &&
	       sqlite3_bind_text(statement, 2, saga_context_step(barrier->context), -1,
				 SQLITE_STATIC) == SQLITE_OK &&
	       sqlite3_bind_int(statement, 3, (int)op) == SQLITE_OK;
}

bool barrier_insert(const struct barrier *barrier, enum saga_op op, enum stored_outcome outcome,
		    bool *inserted)
{
	sqlite3_stmt *statement =
		prepare(barrier, "INSERT INTO saga_barrier(saga, step, op, shard, admission, "
				 "outcome) VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING");
	int rc = SQLITE_ERROR;

	if (statement == NULL)
		return false;
	if (bind_key(barrier, statement, op) &&
	    sqlite3_bind_int64(statement, 4, saga_context_shard(barrier->context)) == SQLITE_OK &&
	    sqlite3_bind_int64(statement, 5,
			       (sqlite3_int64)saga_context_admission(barrier->context)) ==
		    SQLITE_OK &&
	    sqlite3_bind_int(statement, 6, (int)outcome) == SQLITE_OK)
		rc = sqlite3_step(statement);
	*inserted = sqlite3_changes(barrier->db) > 0;
	return finish(statement, rc);
}

bool barrier_store(const struct barrier *barrier, enum stored_outcome outcome)
{
	const struct saga_result *result = barrier->result;
	sqlite3_stmt *statement =
		prepare(barrier, "UPDATE saga_barrier SET outcome = ?4, text = ?5, output = ?6, "
				 "code = ?7 WHERE saga = ?1 AND step = ?2 AND op = ?3");
	int rc = SQLITE_ERROR;

	if (statement == NULL)
		return false;
	if (bind_key(barrier, statement, saga_context_op(barrier->context)) &&
	    sqlite3_bind_int(statement, 4, (int)outcome) == SQLITE_OK &&
	    sqlite3_bind_text(statement, 5, result->text,
			      (int)strnlen(result->text, sizeof result->text),
			      SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_bind_blob(statement, 6, result->output, (int)result->output_size,
			      SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_bind_int(statement, 7, saga_context_code(barrier->context)) == SQLITE_OK)
		rc = sqlite3_step(statement);
	return finish(statement, rc);
}

/* Fills the result from the row that the statement stands on. False: not enough memory, and an
 * answer without its output would be another one (S3). */
static bool fill_result(const struct barrier *barrier, sqlite3_stmt *statement)
{
	struct saga_result *result = barrier->result;
	const void *output = sqlite3_column_blob(statement, 2);
	const int size = sqlite3_column_bytes(statement, 2);
	const char *text = (const char *)sqlite3_column_text(statement, 1);

	if (text == NULL || (output == NULL && size > 0))
		return false;
	(void)snprintf(result->text, sizeof result->text, "%s", text);
	result->output_size = size > 0 ? (size_t)size : 0;
	result->output = saga_context_copy(barrier->context, output, result->output_size);
	saga_context_set_code(barrier->context, sqlite3_column_int(statement, 3));
	return result->output != NULL;
}

bool barrier_read(const struct barrier *barrier, enum saga_op op, bool fill,
		  enum stored_outcome *outcome)
{
	sqlite3_stmt *statement =
		prepare(barrier, "SELECT outcome, text, output, code FROM saga_barrier "
				 "WHERE saga = ?1 AND step = ?2 AND op = ?3");
	int rc = SQLITE_ERROR;

	*outcome = STORED_NONE;
	if (statement == NULL)
		return false;
	if (bind_key(barrier, statement, op))
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		*outcome = (enum stored_outcome)sqlite3_column_int(statement, 0);
		rc = !fill || fill_result(barrier, statement) ? sqlite3_step(statement)
							      : SQLITE_NOMEM;
	}
	return finish(statement, rc);
}

bool barrier_read_shard(struct barrier *barrier)
{
	sqlite3_stmt *statement = prepare(
		barrier, "SELECT epoch, low_water FROM saga_barrier_shard WHERE shard = ?1");
	int rc = SQLITE_ERROR;

	if (statement == NULL)
		return false;
	if (sqlite3_bind_int64(statement, 1, saga_context_shard(barrier->context)) == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		barrier->epoch = sqlite3_column_int64(statement, 0);
		barrier->low_water = sqlite3_column_int64(statement, 1);
		rc = sqlite3_step(statement);
	}
	return finish(statement, rc);
}

bool barrier_write_shard(const struct barrier *barrier)
{
	sqlite3_stmt *statement =
		prepare(barrier, "INSERT INTO saga_barrier_shard(shard, epoch, low_water) "
				 "VALUES(?1, ?2, ?3) ON CONFLICT(shard) DO UPDATE SET "
				 "epoch = excluded.epoch, low_water = excluded.low_water");
	int rc = SQLITE_ERROR;

	if (statement == NULL)
		return false;
	if (sqlite3_bind_int64(statement, 1, saga_context_shard(barrier->context)) == SQLITE_OK &&
	    sqlite3_bind_int64(statement, 2, barrier->epoch) == SQLITE_OK &&
	    sqlite3_bind_int64(statement, 3, barrier->low_water) == SQLITE_OK)
		rc = sqlite3_step(statement);
	return finish(statement, rc);
}

/* ---- clean-up (S8) ------------------------------------------------------------------------------
 */

static bool bind_below(const struct barrier *barrier, sqlite3_stmt *statement, sqlite3_int64 mark)
{
	return sqlite3_bind_int64(statement, 1, saga_context_shard(barrier->context)) ==
		       SQLITE_OK &&
	       sqlite3_bind_int64(statement, 2, mark) == SQLITE_OK;
}

/* A mark, at most the given one, below which there are not many more rows than CLEAN_ROWS. */
static bool find_mark(const struct barrier *barrier, sqlite3_int64 *mark)
{
	sqlite3_stmt *statement =
		prepare(barrier, "SELECT admission FROM saga_barrier WHERE shard = ?1 AND "
				 "admission < ?2 ORDER BY admission LIMIT 1 OFFSET ?3");
	int rc = SQLITE_ERROR;

	if (statement == NULL)
		return false;
	if (bind_below(barrier, statement, *mark) &&
	    sqlite3_bind_int(statement, 3, CLEAN_ROWS) == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		*mark = sqlite3_column_int64(statement, 0);
		rc = sqlite3_step(statement);
	}
	return finish(statement, rc);
}

bool barrier_clean(struct barrier *barrier, bool *changed)
{
	sqlite3_int64 mark = (sqlite3_int64)saga_context_low_water(barrier->context);
	sqlite3_stmt *statement;
	int rc = SQLITE_ERROR;

	*changed = false;
	if (mark - barrier->low_water < CLEAN_STEP)
		return true;
	*changed = true;
	if (!find_mark(barrier, &mark))
		return false;
	statement =
		prepare(barrier, "DELETE FROM saga_barrier WHERE shard = ?1 AND admission < ?2");
	if (statement == NULL)
		return false;
	if (bind_below(barrier, statement, mark))
		rc = sqlite3_step(statement);
	barrier->low_water = mark;
	return finish(statement, rc);
}
