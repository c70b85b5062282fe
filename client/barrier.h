/* The participant's barrier: what becomes of a command, by what is stored of its step and of its
 * shard (S3, S4, S8, S24). saga_sqlite.h says what it promises. The decision is here and knows no
 * database; a store keeps rows and shards for it in transactions of the database that holds the
 * business effects too.
 *
 * A store has to keep these:
 *   B1  what is done between BEGIN and COMMIT, the work's effects included, becomes durable as a
 *       whole or not at all, also in a crash;
 *   B2  between BEGIN and COMMIT nobody else changes rows or shards;
 *   B3  a row's key is (saga, step, op), and nothing that differs between attempts.
 *
 * Beside the rows of operations there may be one that says that a branch has worked before its
 * vote, in the application's own transaction. It stands only while no forward row does, or goes
 * with that.
 */
#ifndef SAGAD_CLIENT_BARRIER_H
#define SAGAD_CLIENT_BARRIER_H

#include <saga.h>
#include <stdbool.h>
#include <stdint.h>

enum { BARRIER_OUTPUT_SIZE_MAX = 64 * 1024, BARRIER_CLEAN_STEP = 256 };

/* Of an operation. Stored: never change them. */
enum stored_outcome {
	STORED_NONE = -1,   /* there is no row */
	STORED_PENDING = 0, /* only ever seen when work has committed by itself */
	STORED_OK = 1,
	STORED_REJECTED = 2,
	STORED_SUSPENDED = 3, /* a forward operation that never ran, and never will */
	STORED_READ_ONLY = 4, /* yes, and there is nothing to finish or undo */
	STORED_HEURISTIC = 5
};

/* What is stored of the command's shard; zeros when nothing is. */
struct barrier_shard {
	int64_t epoch, low_water;
};

enum barrier_act {
	BARRIER_BEGIN, /* fails inside a transaction, which would not end with ours */
	BARRIER_COMMIT,
	BARRIER_ROLLBACK,
	BARRIER_SAVEPOINT, /* one: */
	BARRIER_BACK_TO_SAVEPOINT,
	BARRIER_RELEASE_SAVEPOINT
};

struct barrier_store;

/* Saga, step, shard, admission and operation are the context's. False: the database failed, and
 * nothing is known of what was asked; the caller then rolls back. */
struct barrier_store_ops {
	bool (*transact)(struct barrier_store *store, enum barrier_act act);
	bool (*in_transaction)(struct barrier_store *store);
	/* *inserted is false when the row was there. */
	bool (*insert)(struct barrier_store *store, const struct saga_context *context,
		       enum saga_op op, enum stored_outcome outcome, bool *inserted);
	/* Into the row of the command's own operation: the outcome, and the result's text and
	 * output with the context's code. */
	bool (*update)(struct barrier_store *store, const struct saga_context *context,
		       const struct saga_result *result, enum stored_outcome outcome);
	/* Fills the result, and the context's code, from the row; NULL: the outcome is enough. */
	bool (*read)(struct barrier_store *store, struct saga_context *context, enum saga_op op,
		     struct saga_result *result, enum stored_outcome *outcome);
	bool (*read_shard)(struct barrier_store *store, const struct saga_context *context,
			   struct barrier_shard *shard);
	bool (*write_shard)(struct barrier_store *store, const struct saga_context *context,
			    const struct barrier_shard *shard);
	/* The row of work before the vote; *added is false, and nothing changed, when the forward
	 * operation's row is there. Again is once. */
	bool (*add_worked)(struct barrier_store *store, const char *saga, const char *step,
			   bool *added);
	/* Deletes that row; *taken is false when there is none, or when it is `unasked` and the
	 * forward operation's row is there. */
	bool (*take_worked)(struct barrier_store *store, const char *saga, const char *step,
			    bool unasked, bool *taken);
	/* What was read may have come from a commit that has failed, or whose process died in it,
	 * and go with the power: changes something, so that our commit makes all of it durable. */
	bool (*touch)(struct barrier_store *store);
	/* Deletes this shard's rows of admissions below the mark, and those of work before the vote
	 * of the same steps; may lower the mark, when they are many. */
	bool (*clean)(struct barrier_store *store, const struct saga_context *context,
		      int64_t *mark);
	/* Why the last one failed. Optional. */
	const char *(*error_text)(struct barrier_store *store);
};

struct barrier_store {
	const struct barrier_store_ops *ops;
	/* Clean-up begins when the coordinator's mark has moved this far: BARRIER_CLEAN_STEP. */
	int64_t clean_step;
};

/* Runs inside the transaction, and does not end it. */
typedef void (*barrier_work)(struct barrier_store *store, struct saga_context *context,
			     struct saga_result *result, void *user);

/* Never fails by itself: what goes wrong with the database becomes SAGA_RETRY in *result. The work
 * of SAGA_OP_SETTLE may be NULL. */
void barrier_run(struct barrier_store *store, struct saga_context *context,
		 struct saga_result *result, barrier_work work, void *user);
/* The same for a branch that may have worked before its vote: `give_back` runs, once, in the
 * transaction in which a no is stored or what never ran is settled. Without it these park then. */
void barrier_run_branch(struct barrier_store *store, struct saga_context *context,
			struct saga_result *result, barrier_work work, barrier_work give_back,
			void *user);
/* In the application's transaction: SAGA_ERR_SUSPENDED: its vote, or its undo, came first;
 * SAGA_ERR_USAGE: there is no transaction; SAGA_ERR_DATABASE. */
int barrier_worked(struct barrier_store *store, const char *saga, const char *step);
/* Gives back by itself. SAGA_ERR_NOT_FOUND: there is nothing, or commands see to it. */
int barrier_took_back(struct barrier_store *store, const char *saga, const char *step);
/* Parks whatever is no SAGA_OP_SETTLE. */
void barrier_settle(struct barrier_store *store, struct saga_context *context,
		    struct saga_result *result);
/* Within the work of a finish or an undo: the forward operation's output, in memory of the
 * context's. SAGA_ERR_NOT_FOUND: it is not stored as done; SAGA_ERR_DATABASE. */
int barrier_forward_output(struct barrier_store *store, struct saga_context *context,
			   const void **output, size_t *size);

#endif
