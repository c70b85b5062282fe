/* What the SQLite barrier keeps: the rows of operations, and what it knows of each shard. All of
 * these return false when the database failed; its handle then says how. */
#ifndef SAGAD_CLIENT_BARRIER_SQLITE_H
#define SAGAD_CLIENT_BARRIER_SQLITE_H

#include <saga_sqlite.h>
#include <stdbool.h>

enum { BARRIER_OUTPUT_SIZE_MAX = 64 * 1024 };

/* In column outcome. Stored: never change them. */
enum stored_outcome {
	STORED_NONE = -1,   /* there is no row */
	STORED_PENDING = 0, /* only ever seen when work has committed by itself */
	STORED_OK = 1,
	STORED_REJECTED = 2,
	STORED_SUSPENDED = 3, /* a forward operation that never ran, and never will */
	STORED_READ_ONLY = 4, /* yes, and there is nothing to finish or undo */
	STORED_HEURISTIC = 5
};

struct barrier {
	sqlite3 *db;
	struct saga_context *context;
	struct saga_result *result;
	saga_sqlite_work work;
	void *user;
	sqlite3_int64 epoch, low_water; /* stored, of this shard */
};

bool barrier_execute(const struct barrier *barrier, const char *sql);

/* Of this step. *inserted is false when the row was there. */
bool barrier_insert(const struct barrier *barrier, enum saga_op op, enum stored_outcome outcome,
		    bool *inserted);
/* The result, in the row of the command's own operation. */
bool barrier_store(const struct barrier *barrier, enum stored_outcome outcome);
/* Fills the result with the row's text, output and code when asked to. */
bool barrier_read(const struct barrier *barrier, enum saga_op op, bool fill,
		  enum stored_outcome *outcome);

bool barrier_read_shard(struct barrier *barrier);
bool barrier_write_shard(const struct barrier *barrier);
/* Deletes rows below the coordinator's mark and moves the stored one, for barrier_write_shard to
 * store in the same transaction: whatever is deleted is answered `expired` from then on (S8). True
 * in *changed when there was reason to. */
bool barrier_clean(struct barrier *barrier, bool *changed);

#endif
