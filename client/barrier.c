/* The order of things is the same for every store: the transaction first, so operations of a step
 * that race in two processes run one after the other, and nothing read here can change before the
 * commit (B2); rows before the work, so that work which commits by itself against the rules leaves
 * its row behind, and is never run twice.
 */
#include "client/barrier.h"

#include <stdio.h>

enum { RETRY_AFTER_MS = 50 };

enum verdict_of_step { FAILED, ROLL_BACK, COMMIT };

struct barrier {
	struct barrier_store *store;
	struct saga_context *context;
	struct saga_result *result;
	barrier_work work, give_back;
	void *user;
	struct barrier_shard shard; /* as stored */
};

/* ---- the store, in the words of what follows ---------------------------------------------------
 */

static bool transact(const struct barrier *barrier, enum barrier_act act)
{
	return barrier->store->ops->transact(barrier->store, act);
}

/* Of this step. *inserted is false when the row was there. */
static bool insert(const struct barrier *barrier, enum saga_op op, enum stored_outcome outcome,
		   bool *inserted)
{
	return barrier->store->ops->insert(barrier->store, barrier->context, op, outcome, inserted);
}

/* The result, in the row of the command's own operation. */
static bool update(const struct barrier *barrier, enum stored_outcome outcome)
{
	return barrier->store->ops->update(barrier->store, barrier->context, barrier->result,
					   outcome);
}

/* Fills the result with the row's text, output and code. */
static bool read_filling(const struct barrier *barrier, enum saga_op op,
			 enum stored_outcome *outcome)
{
	return barrier->store->ops->read(barrier->store, barrier->context, op, barrier->result,
					 outcome);
}

static bool read_outcome(const struct barrier *barrier, enum saga_op op,
			 enum stored_outcome *outcome)
{
	return barrier->store->ops->read(barrier->store, barrier->context, op, NULL, outcome);
}

/* ---- the shard ---------------------------------------------------------------------------------
 */

static enum verdict_of_step not_run(const struct barrier *barrier, enum saga_verdict verdict)
{
	barrier->result->outcome = SAGA_RETRY;
	saga_context_set_verdict(barrier->context, verdict);
	return ROLL_BACK;
}

/* S8: whatever is deleted is answered `expired` from then on, so the mark moves in the same
 * transaction. True in *changed when there was reason to. */
static bool clean(struct barrier *barrier, bool *changed)
{
	struct barrier_store *store = barrier->store;
	int64_t mark = (int64_t)saga_context_low_water(barrier->context);

	*changed = mark > barrier->shard.low_water &&
		   mark - barrier->shard.low_water >= store->clean_step;
	if (!*changed)
		return true;
	if (!store->ops->clean(store, barrier->context, &mark))
		return false;
	barrier->shard.low_water = mark;
	return true;
}

/* S24 and S8. COMMIT = go on. */
static enum verdict_of_step check_shard(struct barrier *barrier)
{
	const struct barrier_store_ops *ops = barrier->store->ops;
	const int64_t epoch = (int64_t)saga_context_epoch(barrier->context);
	bool changed;

	if (!ops->read_shard(barrier->store, barrier->context, &barrier->shard))
		return FAILED;
	if (epoch < barrier->shard.epoch)
		return not_run(barrier, SAGA_VERDICT_STALE);
	if (!clean(barrier, &changed))
		return FAILED;
	if ((int64_t)saga_context_admission(barrier->context) < barrier->shard.low_water)
		return not_run(barrier, SAGA_VERDICT_EXPIRED);
	if (epoch > barrier->shard.epoch) {
		barrier->shard.epoch = epoch;
		changed = true;
	}
	if (changed && !ops->write_shard(barrier->store, barrier->context, &barrier->shard))
		return FAILED;
	return COMMIT;
}

static void say(const struct barrier *barrier, const char *text)
{
	(void)snprintf(barrier->result->text, sizeof barrier->result->text, "%s", text);
}

/* A command that the coordinator must not have sent, or rows that are not what they were: neither
 * "done" nor "not done" would be true, so somebody has to look. */
static enum verdict_of_step out_of_order(const struct barrier *barrier, const char *text)
{
	barrier->result->outcome = SAGA_PARK;
	saga_context_set_code(barrier->context, SAGA_ERR_OUT_OF_ORDER);
	say(barrier, text);
	return ROLL_BACK;
}

/* ---- what ran before ---------------------------------------------------------------------------
 */

static void suspended(const struct barrier *barrier)
{
	barrier->result->outcome = SAGA_REJECTED;
	saga_context_set_code(barrier->context, SAGA_ERR_SUSPENDED);
	say(barrier, "suspended: its undo, or its settling, came first");
}

/* Of the operation whose row it is; the result holds the row's text, output and code. */
static void answer_stored(const struct barrier *barrier, enum stored_outcome stored)
{
	switch (stored) {
	case STORED_OK:
		barrier->result->outcome = SAGA_OK;
		return;
	case STORED_REJECTED:
		barrier->result->outcome = SAGA_REJECTED;
		return;
	case STORED_SUSPENDED:
		suspended(barrier);
		return;
	case STORED_READ_ONLY:
		barrier->result->outcome = SAGA_READ_ONLY;
		return;
	case STORED_HEURISTIC:
		barrier->result->outcome = SAGA_HEURISTIC;
		return;
	case STORED_PENDING:
	case STORED_NONE:
		break;
	}
	barrier->result->outcome = SAGA_PARK;
	say(barrier, "an earlier run ended the barrier's transaction by itself");
}

static enum verdict_of_step answer_again(struct barrier *barrier, enum saga_op op)
{
	enum stored_outcome stored;

	/* Nobody has answered for that commit yet, perhaps: then it is this one (invariant 23). */
	if (!read_filling(barrier, op, &stored) || !barrier->store->ops->touch(barrier->store))
		return FAILED;
	saga_context_set_verdict(barrier->context, stored == STORED_SUSPENDED
							   ? SAGA_VERDICT_LATE_FORWARD
							   : SAGA_VERDICT_DUPLICATE);
	answer_stored(barrier, stored);
	return COMMIT;
}

/* ---- work before the vote ----------------------------------------------------------------------
 */

/* A no is the last that is heard of this branch, so what it has worked is given back with it. Where
 * nobody can, the no is not given: of a vote that stays out a rollback will come (S9). */
static enum verdict_of_step take_back(struct barrier *barrier)
{
	struct barrier_store *store = barrier->store;
	struct saga_context *context = barrier->context;
	struct saga_result given = {.outcome = SAGA_RETRY};
	const int code = saga_context_code(context);
	bool worked;

	if (!store->ops->take_worked(store, saga_context_saga(context), saga_context_step(context),
				     false, &worked))
		return FAILED;
	if (!worked)
		return COMMIT;
	if (barrier->give_back == NULL)
		return out_of_order(barrier, "it has worked before, and cannot say no: nothing is "
					     "there that gives it back");
	barrier->give_back(store, context, &given, barrier->user);
	if (given.outcome == SAGA_OK && store->ops->in_transaction(store)) {
		saga_context_set_code(context, code);
		return COMMIT;
	}
	*barrier->result = given;
	if (given.outcome != SAGA_PARK)
		barrier->result->outcome = SAGA_RETRY;
	return ROLL_BACK;
}

/* Block and tell (S4, S23). The row that it puts in is the one that a late run meets. */
static enum verdict_of_step settle(struct barrier *barrier)
{
	enum stored_outcome forward, undo;
	bool blocked;

	if (!insert(barrier, SAGA_OP_FORWARD, STORED_SUSPENDED, &blocked))
		return FAILED;
	if (blocked) {
		barrier->result->outcome = SAGA_REJECTED;
		saga_context_set_code(barrier->context, SAGA_ERR_SUSPENDED);
		say(barrier, "blocked: it has not run, and never will");
		return take_back(barrier);
	}
	if (!read_outcome(barrier, SAGA_OP_UNDO, &undo) ||
	    !read_filling(barrier, SAGA_OP_FORWARD, &forward))
		return FAILED;
	/* "It was done" would be half of the truth. */
	if (undo != STORED_NONE && forward == STORED_OK)
		return out_of_order(barrier, "it cannot be settled: it was undone");
	if (!barrier->store->ops->touch(barrier->store))
		return FAILED;
	saga_context_set_verdict(barrier->context, SAGA_VERDICT_DUPLICATE);
	answer_stored(barrier, forward);
	if (barrier->result->outcome == SAGA_READ_ONLY)
		barrier->result->outcome = SAGA_OK;
	return COMMIT;
}

/* ---- work --------------------------------------------------------------------------------------
 */

static void check_output(struct saga_result *result)
{
	if (result->output != NULL && result->output_size <= BARRIER_OUTPUT_SIZE_MAX)
		return;
	/* What was done stays done; a duplicate gets the same: no output. */
	if (result->output != NULL && result->text[0] == '\0')
		(void)snprintf(result->text, sizeof result->text,
			       "the output of %zu bytes is too large and was dropped",
			       result->output_size);
	result->output = NULL;
	result->output_size = 0;
}

/* What is stored of the work's answer; STORED_PENDING = nothing, and nothing is promised: also for
 * an answer that this operation cannot give. Only a forward operation may be refused; anything else
 * has to succeed in the end, or says that it cannot. */
static enum stored_outcome stored_as(const struct barrier *barrier)
{
	const bool forward = saga_context_op(barrier->context) == SAGA_OP_FORWARD;

	switch (barrier->result->outcome) {
	case SAGA_OK:
		return STORED_OK;
	case SAGA_REJECTED:
		return forward ? STORED_REJECTED : STORED_PENDING;
	case SAGA_READ_ONLY:
		return forward ? STORED_READ_ONLY : STORED_PENDING;
	case SAGA_HEURISTIC:
		return forward ? STORED_PENDING : STORED_HEURISTIC;
	case SAGA_RETRY:
	case SAGA_PARK:
		break;
	}
	return STORED_PENDING;
}

static enum verdict_of_step run_work(struct barrier *barrier)
{
	struct saga_result *result = barrier->result;
	enum verdict_of_step verdict = COMMIT;
	enum stored_outcome stored;

	if (!transact(barrier, BARRIER_SAVEPOINT))
		return FAILED;
	barrier->work(barrier->store, barrier->context, result, barrier->user);
	if (!barrier->store->ops->in_transaction(barrier->store)) {
		result->outcome = SAGA_RETRY;
		say(barrier, "the barrier's transaction ended during the work");
		return ROLL_BACK;
	}
	check_output(result);
	stored = stored_as(barrier);
	if (stored == STORED_PENDING) {
		if (result->outcome != SAGA_PARK)
			result->outcome = SAGA_RETRY;
		return ROLL_BACK;
	}
	if (stored == STORED_REJECTED) {
		if (!transact(barrier, BARRIER_BACK_TO_SAVEPOINT))
			return FAILED;
		verdict = take_back(barrier);
	}
	if (verdict != COMMIT)
		return verdict;
	return transact(barrier, BARRIER_RELEASE_SAVEPOINT) && update(barrier, stored) ? COMMIT
										       : FAILED;
}

static enum verdict_of_step nothing_to_do(struct barrier *barrier, enum saga_verdict verdict)
{
	barrier->result->outcome = SAGA_OK;
	saga_context_set_verdict(barrier->context, verdict);
	return update(barrier, STORED_OK) ? COMMIT : FAILED;
}

static enum verdict_of_step run_undo(struct barrier *barrier)
{
	const struct saga_context *context = barrier->context;
	enum stored_outcome forward, finish;
	bool worked = false;

	if (!read_outcome(barrier, SAGA_OP_FINISH, &finish) ||
	    !read_outcome(barrier, SAGA_OP_FORWARD, &forward))
		return FAILED;
	if (finish != STORED_NONE)
		return out_of_order(barrier, "it cannot be undone: it was confirmed or committed");
	/* What was rejected was rolled back before that was stored. */
	if ((forward == STORED_REJECTED || forward == STORED_SUSPENDED) &&
	    !barrier->store->ops->take_worked(barrier->store, saga_context_saga(context),
					      saga_context_step(context), false, &worked))
		return FAILED;
	if (!worked && (forward == STORED_REJECTED || forward == STORED_SUSPENDED ||
			forward == STORED_READ_ONLY))
		return nothing_to_do(barrier, SAGA_VERDICT_EMPTY_UNDO);
	return run_work(barrier);
}

static enum verdict_of_step run_finish(struct barrier *barrier)
{
	enum stored_outcome forward, undo;

	if (!read_outcome(barrier, SAGA_OP_UNDO, &undo) ||
	    !read_outcome(barrier, SAGA_OP_FORWARD, &forward))
		return FAILED;
	if (undo != STORED_NONE)
		return out_of_order(barrier, "it cannot be confirmed or committed: it was undone");
	if (forward == STORED_READ_ONLY)
		return nothing_to_do(barrier, SAGA_VERDICT_FIRST);
	if (forward != STORED_OK)
		return out_of_order(barrier, "it cannot be confirmed or committed: nothing is "
					     "stored that says it was tried or prepared");
	return run_work(barrier);
}

static enum verdict_of_step run_step(struct barrier *barrier)
{
	const enum saga_op op = saga_context_op(barrier->context);
	const enum verdict_of_step verdict = check_shard(barrier);
	bool first, inserted;

	if (verdict != COMMIT)
		return verdict;
	if (op == SAGA_OP_SETTLE)
		return settle(barrier);
	/* The forward row first: whoever comes second meets it, in either order. */
	if (op == SAGA_OP_UNDO && !insert(barrier, SAGA_OP_FORWARD, STORED_SUSPENDED, &inserted))
		return FAILED;
	if (!insert(barrier, op, STORED_PENDING, &first))
		return FAILED;
	if (!first)
		return answer_again(barrier, op);
	if (op == SAGA_OP_UNDO)
		return run_undo(barrier);
	return op == SAGA_OP_FINISH ? run_finish(barrier) : run_work(barrier);
}

static void trouble(struct barrier *barrier)
{
	struct saga_result *result = barrier->result;
	struct barrier_store *store = barrier->store;

	result->outcome = SAGA_RETRY;
	result->retry_after_ms = RETRY_AFTER_MS;
	result->output = NULL;
	result->output_size = 0;
	(void)snprintf(result->text, sizeof result->text, "database: %.200s",
		       store->ops->error_text != NULL ? store->ops->error_text(store) : "failed");
	saga_context_set_verdict(barrier->context, SAGA_VERDICT_FIRST);
	saga_context_set_code(barrier->context, SAGA_ERR_DATABASE);
}

void barrier_run_branch(struct barrier_store *store, struct saga_context *context,
			struct saga_result *result, barrier_work work, barrier_work give_back,
			void *user)
{
	struct barrier barrier = {
		.store = store,
		.context = context,
		.result = result,
		.work = work,
		.give_back = give_back,
		.user = user,
	};
	enum verdict_of_step verdict;

	result->outcome = SAGA_RETRY;
	if (!transact(&barrier, BARRIER_BEGIN)) {
		trouble(&barrier);
		return;
	}
	verdict = run_step(&barrier);
	if (verdict == COMMIT && !transact(&barrier, BARRIER_COMMIT))
		verdict = FAILED;
	if (verdict == FAILED)
		trouble(&barrier);
	if (store->ops->in_transaction(store))
		(void)transact(&barrier, BARRIER_ROLLBACK);
}

void barrier_run(struct barrier_store *store, struct saga_context *context,
		 struct saga_result *result, barrier_work work, void *user)
{
	barrier_run_branch(store, context, result, work, NULL, user);
}

int barrier_worked(struct barrier_store *store, const char *saga, const char *step)
{
	bool added;

	if (!store->ops->in_transaction(store))
		return SAGA_ERR_USAGE;
	/* It may stand already, from a commit of which nobody heard: see answer_again. */
	if (!store->ops->add_worked(store, saga, step, &added) || !store->ops->touch(store))
		return SAGA_ERR_DATABASE;
	return added ? 0 : SAGA_ERR_SUSPENDED;
}

int barrier_took_back(struct barrier_store *store, const char *saga, const char *step)
{
	bool taken;

	if (!store->ops->in_transaction(store))
		return SAGA_ERR_USAGE;
	if (!store->ops->take_worked(store, saga, step, true, &taken) || !store->ops->touch(store))
		return SAGA_ERR_DATABASE;
	return taken ? 0 : SAGA_ERR_NOT_FOUND;
}

void barrier_settle(struct barrier_store *store, struct saga_context *context,
		    struct saga_result *result)
{
	if (saga_context_op(context) == SAGA_OP_SETTLE) {
		barrier_run(store, context, result, NULL, NULL);
		return;
	}
	result->outcome = SAGA_PARK;
	saga_context_set_code(context, SAGA_ERR_USAGE);
	(void)snprintf(result->text, sizeof result->text,
		       "settling is for the handler of saga_service_settle");
}

int barrier_forward_output(struct barrier_store *store, struct saga_context *context,
			   const void **output, size_t *size)
{
	struct saga_result result = {.outcome = SAGA_RETRY};
	const int code = saga_context_code(context);
	enum stored_outcome forward;
	bool read;

	*output = NULL;
	*size = 0;
	read = store->ops->read(store, context, SAGA_OP_FORWARD, &result, &forward);
	saga_context_set_code(context, code); /* the row's is not this operation's */
	if (!read)
		return SAGA_ERR_DATABASE;
	if (forward != STORED_OK && forward != STORED_READ_ONLY)
		return SAGA_ERR_NOT_FOUND;
	*output = result.output;
	*size = result.output_size;
	return 0;
}
