/* SQLite as the barrier's store: its tables, the statements on them, and what saga_sqlite.h has.
 *
 * BEGIN IMMEDIATE takes the database's one write lock first (B2).
 *
 * Statements are prepared anew for each command: SQLite 3.40 keeps no data for us on a handle, and
 * statements kept elsewhere would make the caller's sqlite3_close fail. Measured: 18 us for the
 * three of an ordinary command, where a commit with synchronous=FULL takes 230 us.
 */
#include "client/barrier_store_sqlite.h"

#include <stdio.h>
#include <string.h>

enum {
	BUSY_TIMEOUT_MS = 5000,
	CLEAN_ROWS = 1024 /* about so many a time */
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

static sqlite3 *db_of(struct barrier_store *store)
{
	return ((struct barrier_store_sqlite *)store)->db;
}

static bool transact(struct barrier_store *store, enum barrier_act act)
{
	static const char *const statements[] = {
		[BARRIER_BEGIN] = "BEGIN IMMEDIATE",
		[BARRIER_COMMIT] = "COMMIT",
		[BARRIER_ROLLBACK] = "ROLLBACK",
		[BARRIER_SAVEPOINT] = "SAVEPOINT saga_work",
		[BARRIER_BACK_TO_SAVEPOINT] = "ROLLBACK TO saga_work",
		[BARRIER_RELEASE_SAVEPOINT] = "RELEASE saga_work",
	};

	return sqlite3_exec(db_of(store), statements[act], NULL, NULL, NULL) == SQLITE_OK;
}

static bool in_transaction(struct barrier_store *store)
{
	return sqlite3_get_autocommit(db_of(store)) == 0;
}

static const char *error_text(struct barrier_store *store)
{
	return sqlite3_errmsg(db_of(store));
}

static sqlite3_stmt *prepare(struct barrier_store *store, const char *sql)
{
	sqlite3_stmt *statement = NULL;

	return sqlite3_prepare_v2(db_of(store), sql, -1, &statement, NULL) == SQLITE_OK ? statement
											: NULL;
}

static bool finish(sqlite3_stmt *statement, int rc)
{
	return sqlite3_finalize(statement) == SQLITE_OK && rc == SQLITE_DONE;
}

static bool bind_step(sqlite3_stmt *statement, const char *saga, const char *step)
{
	return sqlite3_bind_text(statement, 1, saga, -1, SQLITE_STATIC) == SQLITE_OK &&
	       sqlite3_bind_text(statement, 2, step, -1, SQLITE_STATIC) == SQLITE_OK;
}

static bool bind_key(const struct saga_context *context, sqlite3_stmt *statement, enum saga_op op)
{
	return bind_step(statement, saga_context_saga(context), saga_context_step(context)) &&
	       sqlite3_bind_int(statement, 3, (int)op) == SQLITE_OK;
}

static bool insert(struct barrier_store *store, const struct saga_context *context, enum saga_op op,
		   enum stored_outcome outcome, bool *inserted)
{
	sqlite3_stmt *statement =
		prepare(store, "INSERT INTO saga_barrier(saga, step, op, shard, admission, "
			       "outcome) VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING");
	int rc = SQLITE_ERROR;

	if (statement == NULL)
		return false;
	if (bind_key(context, statement, op) &&
	    sqlite3_bind_int64(statement, 4, saga_context_shard(context)) == SQLITE_OK &&
	    sqlite3_bind_int64(statement, 5, (sqlite3_int64)saga_context_admission(context)) ==
		    SQLITE_OK &&
	    sqlite3_bind_int(statement, 6, (int)outcome) == SQLITE_OK)
		rc = sqlite3_step(statement);
	*inserted = sqlite3_changes(db_of(store)) > 0;
	return finish(statement, rc);
}

static bool update(struct barrier_store *store, const struct saga_context *context,
		   const struct saga_result *result, enum stored_outcome outcome)
{
	sqlite3_stmt *statement =
		prepare(store, "UPDATE saga_barrier SET outcome = ?4, text = ?5, output = ?6, "
			       "code = ?7 WHERE saga = ?1 AND step = ?2 AND op = ?3");
	int rc = SQLITE_ERROR;

	if (statement == NULL)
		return false;
	if (bind_key(context, statement, saga_context_op(context)) &&
	    sqlite3_bind_int(statement, 4, (int)outcome) == SQLITE_OK &&
	    sqlite3_bind_text(statement, 5, result->text,
			      (int)strnlen(result->text, sizeof result->text),
			      SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_bind_blob(statement, 6, result->output, (int)result->output_size,
			      SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_bind_int(statement, 7, saga_context_code(context)) == SQLITE_OK)
		rc = sqlite3_step(statement);
	return finish(statement, rc);
}

/* Fills the result from the row that the statement stands on. False: not enough memory, and an
 * answer without its output would be another one (S3). */
static bool fill_result(struct saga_context *context, struct saga_result *result,
			sqlite3_stmt *statement)
{
	const void *output = sqlite3_column_blob(statement, 2);
	const int size = sqlite3_column_bytes(statement, 2);
	const char *text = (const char *)sqlite3_column_text(statement, 1);

	if (text == NULL || (output == NULL && size > 0))
		return false;
	(void)snprintf(result->text, sizeof result->text, "%s", text);
	result->output_size = size > 0 ? (size_t)size : 0;
	result->output = saga_context_copy(context, output, result->output_size);
	saga_context_set_code(context, sqlite3_column_int(statement, 3));
	return result->output != NULL;
}

static bool read_row(struct barrier_store *store, struct saga_context *context, enum saga_op op,
		     struct saga_result *result, enum stored_outcome *outcome)
{
	sqlite3_stmt *statement =
		prepare(store, "SELECT outcome, text, output, code FROM saga_barrier "
			       "WHERE saga = ?1 AND step = ?2 AND op = ?3");
	int rc = SQLITE_ERROR;

	*outcome = STORED_NONE;
	if (statement == NULL)
		return false;
	if (bind_key(context, statement, op))
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		*outcome = (enum stored_outcome)sqlite3_column_int(statement, 0);
		rc = result == NULL || fill_result(context, result, statement)
			     ? sqlite3_step(statement)
			     : SQLITE_NOMEM;
	}
	return finish(statement, rc);
}

static bool read_shard(struct barrier_store *store, const struct saga_context *context,
		       struct barrier_shard *shard)
{
	sqlite3_stmt *statement =
		prepare(store, "SELECT epoch, low_water FROM saga_barrier_shard WHERE shard = ?1");
	int rc = SQLITE_ERROR;

	if (statement == NULL)
		return false;
	if (sqlite3_bind_int64(statement, 1, saga_context_shard(context)) == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		shard->epoch = sqlite3_column_int64(statement, 0);
		shard->low_water = sqlite3_column_int64(statement, 1);
		rc = sqlite3_step(statement);
	}
	return finish(statement, rc);
}

static bool write_shard(struct barrier_store *store, const struct saga_context *context,
			const struct barrier_shard *shard)
{
	sqlite3_stmt *statement =
		prepare(store, "INSERT INTO saga_barrier_shard(shard, epoch, low_water) "
			       "VALUES(?1, ?2, ?3) ON CONFLICT(shard) DO UPDATE SET "
			       "epoch = excluded.epoch, low_water = excluded.low_water");
	int rc = SQLITE_ERROR;

	if (statement == NULL)
		return false;
	if (sqlite3_bind_int64(statement, 1, saga_context_shard(context)) == SQLITE_OK &&
	    sqlite3_bind_int64(statement, 2, shard->epoch) == SQLITE_OK &&
	    sqlite3_bind_int64(statement, 3, shard->low_water) == SQLITE_OK)
		rc = sqlite3_step(statement);
	return finish(statement, rc);
}

/* ---- work before the vote ----------------------------------------------------------------------
 *
 * A row of op 0. Nobody knows its shard and admission yet, so it has none that a mark could pass:
 * it goes with its step's other rows.
 */

static bool change_worked(struct barrier_store *store, const char *sql, const char *saga,
			  const char *step, bool *changed)
{
	sqlite3_stmt *statement = prepare(store, sql);
	int rc = SQLITE_ERROR;

	if (statement == NULL)
		return false;
	if (bind_step(statement, saga, step))
		rc = sqlite3_step(statement);
	*changed = sqlite3_changes(db_of(store)) > 0;
	return finish(statement, rc);
}

/* One statement, which has the write lock: nothing can come between its look and its row (B2). */
static bool add_worked(struct barrier_store *store, const char *saga, const char *step, bool *added)
{
	return change_worked(store,
			     "INSERT INTO saga_barrier(saga, step, op, shard, admission, outcome) "
			     "SELECT ?1, ?2, 0, -1, 9223372036854775807, 1 WHERE NOT EXISTS("
			     "SELECT 1 FROM saga_barrier WHERE saga = ?1 AND step = ?2 AND op = 1) "
			     "ON CONFLICT DO UPDATE SET code = excluded.code",
			     saga, step, added);
}

static bool take_worked(struct barrier_store *store, const char *saga, const char *step,
			bool unasked, bool *taken)
{
	return change_worked(
		store,
		unasked ? "DELETE FROM saga_barrier WHERE saga = ?1 AND step = ?2 AND op = 0 "
			  "AND NOT EXISTS(SELECT 1 FROM saga_barrier WHERE saga = ?1 AND "
			  "step = ?2 AND op = 1)"
			: "DELETE FROM saga_barrier WHERE saga = ?1 AND step = ?2 AND op = 0",
		saga, step, taken);
}

/* A row that is no shard's. Rewriting one with what it holds would be no change to SQLite, and a
 * commit without a change syncs nothing. In WAL the sync is of the whole log, with what a process
 * wrote that died; elsewhere the new journal's end is behind that of the one whose deletion, or
 * truncation, was not synced. */
static bool touch(struct barrier_store *store)
{
	return sqlite3_exec(db_of(store),
			    "INSERT INTO saga_barrier_shard(shard, epoch, low_water) "
			    "VALUES(-1, 1, 0) ON CONFLICT(shard) DO UPDATE SET epoch = epoch + 1",
			    NULL, NULL, NULL) == SQLITE_OK;
}

/* ---- clean-up (S8) ------------------------------------------------------------------------------
 */

static bool bind_below(const struct saga_context *context, sqlite3_stmt *statement,
		       sqlite3_int64 mark)
{
	return sqlite3_bind_int64(statement, 1, saga_context_shard(context)) == SQLITE_OK &&
	       sqlite3_bind_int64(statement, 2, mark) == SQLITE_OK;
}

/* A mark, at most the given one, below which there are not many more rows than CLEAN_ROWS. */
static bool find_mark(struct barrier_store *store, const struct saga_context *context,
		      int64_t *mark)
{
	sqlite3_stmt *statement =
		prepare(store, "SELECT admission FROM saga_barrier WHERE shard = ?1 AND "
			       "admission < ?2 ORDER BY admission LIMIT 1 OFFSET ?3");
	int rc = SQLITE_ERROR;

	if (statement == NULL)
		return false;
	if (bind_below(context, statement, *mark) &&
	    sqlite3_bind_int(statement, 3, CLEAN_ROWS) == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		*mark = sqlite3_column_int64(statement, 0);
		rc = sqlite3_step(statement);
	}
	return finish(statement, rc);
}

static bool delete_below(struct barrier_store *store, const char *sql,
			 const struct saga_context *context, int64_t mark)
{
	sqlite3_stmt *statement = prepare(store, sql);
	int rc = SQLITE_ERROR;

	if (statement == NULL)
		return false;
	if (bind_below(context, statement, mark))
		rc = sqlite3_step(statement);
	return finish(statement, rc);
}

static bool clean(struct barrier_store *store, const struct saga_context *context, int64_t *mark)
{
	return find_mark(store, context, mark) &&
	       delete_below(store,
			    "DELETE FROM saga_barrier WHERE (saga, step, op) IN (SELECT saga, "
			    "step, 0 FROM saga_barrier WHERE shard = ?1 AND admission < ?2)",
			    context, *mark) &&
	       delete_below(store, "DELETE FROM saga_barrier WHERE shard = ?1 AND admission < ?2",
			    context, *mark);
}

/* ---- the store ---------------------------------------------------------------------------------
 */

static const struct barrier_store_ops store_ops = {
	.transact = transact,
	.in_transaction = in_transaction,
	.insert = insert,
	.update = update,
	.read = read_row,
	.read_shard = read_shard,
	.write_shard = write_shard,
	.add_worked = add_worked,
	.take_worked = take_worked,
	.touch = touch,
	.clean = clean,
	.error_text = error_text,
};

void barrier_store_sqlite_open(struct barrier_store_sqlite *store, sqlite3 *db)
{
	*store = (struct barrier_store_sqlite){
		.base = {.ops = &store_ops, .clean_step = BARRIER_CLEAN_STEP}, .db = db};
}

/* What saga_sqlite_run is given, which works on a handle. */
struct handle_work {
	saga_sqlite_work work, give_back;
	void *user;
};

static void run_on_handle(struct barrier_store *store, struct saga_context *context,
			  struct saga_result *result, void *user)
{
	const struct handle_work *work = user;

	work->work(db_of(store), context, result, work->user);
}

static void give_back_on_handle(struct barrier_store *store, struct saga_context *context,
				struct saga_result *result, void *user)
{
	const struct handle_work *work = user;

	work->give_back(db_of(store), context, result, work->user);
}

void saga_sqlite_run(sqlite3 *db, struct saga_context *context, struct saga_result *result,
		     saga_sqlite_work work, void *user)
{
	struct handle_work on_handle = {.work = work, .user = user};
	struct barrier_store_sqlite store;

	barrier_store_sqlite_open(&store, db);
	barrier_run(&store.base, context, result, run_on_handle, &on_handle);
}

void saga_sqlite_run_branch(sqlite3 *db, struct saga_context *context, struct saga_result *result,
			    saga_sqlite_work work, saga_sqlite_work give_back, void *user)
{
	struct handle_work on_handle = {.work = work, .give_back = give_back, .user = user};
	struct barrier_store_sqlite store;

	barrier_store_sqlite_open(&store, db);
	barrier_run_branch(&store.base, context, result, run_on_handle,
			   give_back != NULL ? give_back_on_handle : NULL, &on_handle);
}

int saga_sqlite_worked(sqlite3 *db, const char *saga, const char *step)
{
	struct barrier_store_sqlite store;

	barrier_store_sqlite_open(&store, db);
	return barrier_worked(&store.base, saga, step);
}

int saga_sqlite_took_back(sqlite3 *db, const char *saga, const char *step)
{
	struct barrier_store_sqlite store;

	barrier_store_sqlite_open(&store, db);
	return barrier_took_back(&store.base, saga, step);
}

void saga_sqlite_settle(sqlite3 *db, struct saga_context *context, struct saga_result *result)
{
	struct barrier_store_sqlite store;

	barrier_store_sqlite_open(&store, db);
	barrier_settle(&store.base, context, result);
}

int saga_sqlite_forward_output(sqlite3 *db, struct saga_context *context, const void **output,
			       size_t *size)
{
	struct barrier_store_sqlite store;

	barrier_store_sqlite_open(&store, db);
	return barrier_forward_output(&store.base, context, output, size);
}
