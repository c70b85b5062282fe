/* The participant's barrier in SQLite: makes each operation of each step happen at most once, in
 * the same transaction as its business effect.
 *
 * One call does all of it: begins an IMMEDIATE transaction; inserts the rows of (saga, step, op),
 * an undo also the row of its forward operation; and then
 *   first run                     runs `work`; ok and rejection are stored with their output (S3),
 *                                 a rejection after rolling back whatever `work` did; commits
 *   duplicate                     returns the stored outcome and output, `work` does not run
 *   undo without its forward      remembers that, answers ok, `work` does not run (but of a branch
 *                                 that has worked before its vote: saga_sqlite_worked)
 *   forward after its undo        answers rejected ("suspended"), `work` does not run
 *   finish (confirm, commit)      runs only when the forward operation is stored as done and was
 *                                 not undone; otherwise parks, as does an undo after the finish
 *   settle                        see saga_sqlite_settle, `work` does not run
 *   command of an older epoch     not run: the owner is told to send again (S24)
 *   command below the low-water   not run: its saga ended long ago (S8)
 * `work` answering SAGA_RETRY or SAGA_PARK rolls everything back: nothing is remembered.
 * Rows of ended sagas are deleted by the coordinator's low-water mark, never by age (S8).
 *
 * Use one sqlite3 handle per thread. The effect rows need no uniqueness of their own.
 */
#ifndef SAGA_SQLITE_H
#define SAGA_SQLITE_H

#include <saga.h>
#include <sqlite3.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Creates the barrier's tables if missing (saga_barrier, saga_barrier_shard), sets a busy time-out
 * of 5 s. Idempotent; safe when several processes do it at once. SAGA_ERR_DATABASE. */
SAGA_API int saga_sqlite_prepare(sqlite3 *db);

/* Runs inside the transaction; must not begin, commit or roll back by itself (savepoints are
 * fine). result->output is read after it has returned: saga_context_copy makes a place for it. */
typedef void (*saga_sqlite_work)(sqlite3 *db, struct saga_context *context,
				 struct saga_result *result, void *user);

/* Never fails by itself: what goes wrong with the database becomes SAGA_RETRY in *result. */
SAGA_API void saga_sqlite_run(sqlite3 *db, struct saga_context *context, struct saga_result *result,
			      saga_sqlite_work work, void *user);

/* "Block and tell", for the handler of saga_service_settle: in one transaction, the stored result
 * of the forward operation (done: SAGA_OK with its output; refused: SAGA_REJECTED); or, when it
 * never ran, a row in its place, so that it never will, and SAGA_REJECTED. */
SAGA_API void saga_sqlite_settle(sqlite3 *db, struct saga_context *context,
				 struct saga_result *result);

/* ---- work before the vote of an interactive branch ---------------------------------------------
 *
 * A service may do its part of an interactive transaction before it is asked to prepare, in a
 * transaction of its own. What it records of that here is undone when the transaction is rolled
 * back. Enlist the branch before.
 */

/* Within the application's transaction, beside its effect: this branch has worked. As often as it
 * works. SAGA_ERR_SUSPENDED: its prepare, rollback or settling came first: roll the effect back.
 * SAGA_ERR_USAGE: there is no transaction; SAGA_ERR_DATABASE: roll back. From then on
 *   undo        runs its `work`, whether it was prepared or not; saga_sqlite_forward_output finds
 *               nothing when it was not
 *   a no        runs `give_back` of saga_sqlite_run_branch */
SAGA_API int saga_sqlite_worked(sqlite3 *db, const char *saga, const char *step);

/* As saga_sqlite_run and, for SAGA_OP_SETTLE, saga_sqlite_settle (`work` does not run then, and may
 * be NULL). A no is the last that a branch hears: so in its transaction, after `work` was rolled
 * back, `give_back` undoes what saga_sqlite_worked has recorded, and answers SAGA_OK; else nothing
 * is stored, and the command comes again. Through saga_sqlite_run and saga_sqlite_settle a branch
 * that has worked cannot say no: they park (SAGA_ERR_OUT_OF_ORDER). */
SAGA_API void saga_sqlite_run_branch(sqlite3 *db, struct saga_context *context,
				     struct saga_result *result, saga_sqlite_work work,
				     saga_sqlite_work give_back, void *user);

/* Within the application's transaction, in which it takes back by itself what was worked before the
 * vote: enlist was refused with SAGA_ERR_CLOSED, or saga_inquire said that it is aborted. 0: do so.
 * SAGA_ERR_NOT_FOUND: do nothing: nothing is there any more, or it has voted, and a command says
 * what becomes of it. SAGA_ERR_USAGE, SAGA_ERR_DATABASE. */
SAGA_API int saga_sqlite_took_back(sqlite3 *db, const char *saga, const char *step);

/* Within `work` of a finish or an undo: what the forward operation of this step gave as output. The
 * memory lives as that of saga_context_copy. SAGA_ERR_NOT_FOUND: it is not stored as
 * done; SAGA_ERR_DATABASE. */
SAGA_API int saga_sqlite_forward_output(sqlite3 *db, struct saga_context *context,
					const void **output, size_t *size);

#ifdef __cplusplus
}
#endif

#endif
