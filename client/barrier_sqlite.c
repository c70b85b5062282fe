/* The participant's barrier in SQLite: see saga_sqlite.h for what it promises.
 *
 * BEGIN IMMEDIATE takes the database's one write lock first, so forward and undo of a step that
 * race in two processes run one after the other, and nothing read here can change before the
 * commit. Rows are inserted before the work: work that commits by itself against the rules leaves
 * its row behind, and is never run twice.
 *
 * Statements are prepared anew for each command: SQLite 3.40 keeps no data for us on a handle, and
 * statements kept elsewhere would make the caller's sqlite3_close fail. Measured: 18 us for the
 * three of an ordinary command, where a commit with synchronous=FULL takes 230 us.
 */
#include <saga_sqlite.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
	BUSY_TIMEOUT_MS = 5000,
	RETRY_AFTER_MS = 50,
	OUTPUT_SIZE_MAX = 64 * 1024,
	/* Clean-up begins when the mark has moved this far, and takes about so many rows a time. */
	CLEAN_STEP = 256,
	CLEAN_ROWS = 1024
};

/* In column outcome. Stored: never change them. */
enum stored_outcome {
	STORED_PENDING = 0, /* only ever seen when work has committed by itself */
	STORED_OK = 1,
	STORED_REJECTED = 2,
	STORED_SUSPENDED = 3 /* forward row of an undo that came first */
};

struct barrier {
	sqlite3 *db;
	struct saga_context *context;
	struct saga_result *result;
	saga_sqlite_work work;
	void *user;
	sqlite3_int64 epoch, low_water; /* stored, of this shard */
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

/* All of these return false when the database failed; its handle then says how. */

static bool execute(const struct barrier *barrier, const char *sql)
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

/* *inserted is false when the row was there. */
static bool insert_row(const struct barrier *barrier, enum saga_op op, enum stored_outcome outcome,
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

static bool store_outcome(const struct barrier *barrier, enum stored_outcome outcome)
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

/* The stored outcome of an operation of this step, -1 when there is none; fills the result with its
 * text, output and code when asked to. */
static bool read_row(const struct barrier *barrier, enum saga_op op, bool fill, int *outcome)
{
	sqlite3_stmt *statement =
		prepare(barrier, "SELECT outcome, text, output, code FROM saga_barrier "
				 "WHERE saga = ?1 AND step = ?2 AND op = ?3");
	int rc = SQLITE_ERROR;

	*outcome = -1;
	if (statement == NULL)
		return false;
	if (bind_key(barrier, statement, op))
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		*outcome = sqlite3_column_int(statement, 0);
		rc = !fill || fill_result(barrier, statement) ? sqlite3_step(statement)
							      : SQLITE_NOMEM;
	}
	return finish(statement, rc);
}

static bool read_shard(struct barrier *barrier)
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

static bool write_shard(const struct barrier *barrier)
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

/* Deletes rows below the coordinator's mark and moves the stored one, for write_shard to store in
 * the same transaction: whatever is deleted is answered `expired` from then on. */
static bool clean(struct barrier *barrier)
{
	sqlite3_int64 mark = (sqlite3_int64)saga_context_low_water(barrier->context);
	sqlite3_stmt *statement;
	int rc = SQLITE_ERROR;

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

/* ---- the cases ----------------------------------------------------------------------------------
 */

enum verdict_of_step { FAILED, ROLL_BACK, COMMIT };

static enum verdict_of_step not_run(const struct barrier *barrier, enum saga_verdict verdict)
{
	barrier->result->outcome = SAGA_RETRY;
	saga_context_set_verdict(barrier->context, verdict);
	return ROLL_BACK;
}

/* S24 and S8. COMMIT = go on. */
static enum verdict_of_step check_shard(struct barrier *barrier)
{
	const sqlite3_int64 epoch = (sqlite3_int64)saga_context_epoch(barrier->context);
	const sqlite3_int64 low_water = (sqlite3_int64)saga_context_low_water(barrier->context);
	bool changed = false;

	if (!read_shard(barrier))
		return FAILED;
	if (epoch < barrier->epoch)
		return not_run(barrier, SAGA_VERDICT_STALE);
	if (low_water - barrier->low_water >= CLEAN_STEP) {
		if (!clean(barrier))
			return FAILED;
		changed = true;
	}
	if ((sqlite3_int64)saga_context_admission(barrier->context) < barrier->low_water)
		return not_run(barrier, SAGA_VERDICT_EXPIRED);
	if (epoch > barrier->epoch) {
		barrier->epoch = epoch;
		changed = true;
	}
	return changed && !write_shard(barrier) ? FAILED : COMMIT;
}

static enum verdict_of_step answer_again(struct barrier *barrier, enum saga_op op)
{
	struct saga_result *result = barrier->result;
	int outcome;

	if (!read_row(barrier, op, true, &outcome))
		return FAILED;
	saga_context_set_verdict(barrier->context, SAGA_VERDICT_DUPLICATE);
	if (outcome == STORED_OK)
		result->outcome = SAGA_OK;
	else if (outcome == STORED_REJECTED)
		result->outcome = SAGA_REJECTED;
	else if (outcome == STORED_SUSPENDED) {
		saga_context_set_verdict(barrier->context, SAGA_VERDICT_LATE_FORWARD);
		result->outcome = SAGA_REJECTED;
		(void)snprintf(result->text, sizeof result->text,
			       "suspended: the undo of this step came first");
	} else {
		result->outcome = SAGA_PARK;
		(void)snprintf(result->text, sizeof result->text,
			       "an earlier run ended the barrier's transaction by itself");
	}
	return COMMIT;
}

static enum verdict_of_step nothing_to_undo(struct barrier *barrier)
{
	barrier->result->outcome = SAGA_OK;
	saga_context_set_verdict(barrier->context, SAGA_VERDICT_EMPTY_UNDO);
	return store_outcome(barrier, STORED_OK) ? COMMIT : FAILED;
}

static enum verdict_of_step run_work(struct barrier *barrier)
{
	struct saga_result *result = barrier->result;

	if (!execute(barrier, "SAVEPOINT saga_work"))
		return FAILED;
	barrier->work(barrier->db, barrier->context, result, barrier->user);
	if (sqlite3_get_autocommit(barrier->db) != 0) {
		result->outcome = SAGA_RETRY;
		(void)snprintf(result->text, sizeof result->text,
			       "the barrier's transaction ended during the work");
		return ROLL_BACK;
	}
	if (result->output == NULL || result->output_size > OUTPUT_SIZE_MAX) {
		/* What was done stays done; a duplicate gets the same: no output. */
		if (result->output != NULL && result->text[0] == '\0')
			(void)snprintf(result->text, sizeof result->text,
				       "the output of %zu bytes is too large and was dropped",
				       result->output_size);
		result->output = NULL;
		result->output_size = 0;
	}
	if (result->outcome == SAGA_OK)
		return execute(barrier, "RELEASE saga_work") && store_outcome(barrier, STORED_OK)
			       ? COMMIT
			       : FAILED;
	/* Only a forward operation may be refused; anything else has to succeed in the end. */
	if (result->outcome != SAGA_REJECTED ||
	    saga_context_op(barrier->context) != SAGA_OP_FORWARD) {
		if (result->outcome == SAGA_REJECTED)
			result->outcome = SAGA_RETRY;
		return ROLL_BACK;
	}
	return execute(barrier, "ROLLBACK TO saga_work") && execute(barrier, "RELEASE saga_work") &&
			       store_outcome(barrier, STORED_REJECTED)
		       ? COMMIT
		       : FAILED;
}

static enum verdict_of_step run_step(struct barrier *barrier)
{
	const enum saga_op op = saga_context_op(barrier->context);
	const enum verdict_of_step verdict = check_shard(barrier);
	bool first, inserted;
	int forward;

	if (verdict != COMMIT)
		return verdict;
	/* The forward row first: whoever comes second meets it, in either order. */
	if (op == SAGA_OP_UNDO &&
	    !insert_row(barrier, SAGA_OP_FORWARD, STORED_SUSPENDED, &inserted))
		return FAILED;
	if (!insert_row(barrier, op, STORED_PENDING, &first))
		return FAILED;
	if (!first)
		return answer_again(barrier, op);
	if (op != SAGA_OP_UNDO)
		return run_work(barrier);
	if (!read_row(barrier, SAGA_OP_FORWARD, false, &forward))
		return FAILED;
	/* What was rejected was rolled back before that was stored. */
	return forward == STORED_REJECTED || forward == STORED_SUSPENDED ? nothing_to_undo(barrier)
									 : run_work(barrier);
}

static void trouble(struct barrier *barrier)
{
	struct saga_result *result = barrier->result;

	result->outcome = SAGA_RETRY;
	result->retry_after_ms = RETRY_AFTER_MS;
	result->output = NULL;
	result->output_size = 0;
	(void)snprintf(result->text, sizeof result->text, "database: %.200s",
		       sqlite3_errmsg(barrier->db));
	saga_context_set_verdict(barrier->context, SAGA_VERDICT_FIRST);
	saga_context_set_code(barrier->context, SAGA_ERR_DATABASE);
}

void saga_sqlite_run(sqlite3 *db, struct saga_context *context, struct saga_result *result,
		     saga_sqlite_work work, void *user)
{
	struct barrier barrier = {
		.db = db, .context = context, .result = result, .work = work, .user = user};
	enum verdict_of_step verdict;

	result->outcome = SAGA_RETRY;
	/* Fails also inside a transaction of the caller's, which would not end with ours. */
	if (!execute(&barrier, "BEGIN IMMEDIATE")) {
		trouble(&barrier);
		return;
	}
	verdict = run_step(&barrier);
	if (verdict == COMMIT && !execute(&barrier, "COMMIT"))
		verdict = FAILED;
	if (verdict == FAILED)
		trouble(&barrier);
	if (sqlite3_get_autocommit(db) == 0)
		(void)execute(&barrier, "ROLLBACK");
}
