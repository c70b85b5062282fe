/* Interactive transactions (A4, S9): begin, enlist, commit, rollback.
 *
 * A handle is an id and the set of branches that were enlisted with it: their number, and the XOR
 * of their hashes, in which no order and no division among processes shows. The set says what the
 * committer means; whether it is what is enlisted says the owner, who alone knows.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "client/connection.h"
#include "client/submit.h"
#include "client/waiter.h"
#include "wire/codec.h"
#include "wire/plan.h"

enum { IDLE_TIMEOUT_DEFAULT_MS = 30000 };

struct saga_transaction {
	struct saga_connection *connection;
	struct id id;
	pthread_mutex_t mutex;
	/* under the mutex */
	struct id enlisted[WIRE_STEPS_MAX]; /* with this handle */
	uint32_t enlisted_count;
	uint32_t branch_count; /* and those that others have told of */
	struct hash128 hash;
};

_Static_assert(sizeof((struct saga_branches *)0)->hash ==
		       sizeof((struct saga_transaction *)0)->hash.bytes,
	       "a set's hash is what the wire holds");
_Static_assert(WIRE_STEPS_MAX <= UINT8_MAX, "a set's count fits");

void saga_begin_options_init(struct saga_begin_options *options)
{
	*options =
		(struct saga_begin_options){.size = sizeof *options, .protocol = SAGA_PROTOCOL_2PC};
}

void saga_branch_init(struct saga_branch *branch)
{
	*branch = (struct saga_branch){.size = sizeof *branch};
}

void saga_commit_options_init(struct saga_commit_options *options)
{
	*options = (struct saga_commit_options){.size = sizeof *options};
}

/* ---- handles -----------------------------------------------------------------------------------
 */

int saga_join(struct saga_connection *connection, const char *id,
	      struct saga_transaction **transaction_out)
{
	struct saga_transaction *transaction = calloc(1, sizeof *transaction);
	int err = transaction == NULL ? SAGA_E_NO_MEMORY : 0;

	*transaction_out = NULL;
	if (err == 0)
		err = id == NULL ? SAGA_E_NAME : id_from(&transaction->id, slice_str(id));
	if (err != 0) {
		free(transaction);
		return err;
	}
	transaction->connection = connection;
	(void)pthread_mutex_init(&transaction->mutex, NULL);
	*transaction_out = transaction;
	return 0;
}

void saga_transaction_free(struct saga_transaction *transaction)
{
	if (transaction == NULL)
		return;
	(void)pthread_mutex_destroy(&transaction->mutex);
	free(transaction);
}

const char *saga_transaction_id(const struct saga_transaction *transaction)
{
	return transaction->id.text;
}

void saga_transaction_branches(struct saga_transaction *transaction, struct saga_branches *branches)
{
	(void)pthread_mutex_lock(&transaction->mutex);
	branches->count = (unsigned char)transaction->branch_count;
	(void)memcpy(branches->hash, transaction->hash.bytes, sizeof branches->hash);
	(void)pthread_mutex_unlock(&transaction->mutex);
}

int saga_transaction_add(struct saga_transaction *transaction, const struct saga_branches *branches)
{
	int err = 0;

	(void)pthread_mutex_lock(&transaction->mutex);
	if (branches->count > WIRE_STEPS_MAX - transaction->branch_count)
		err = SAGA_E_USAGE;
	for (size_t i = 0; err == 0 && i < sizeof branches->hash; i++)
		transaction->hash.bytes[i] ^= branches->hash[i];
	if (err == 0)
		transaction->branch_count += branches->count;
	(void)pthread_mutex_unlock(&transaction->mutex);
	return err;
}

/* Once, however often it is enlisted. */
static void count_branch(struct saga_transaction *transaction, const struct wire_step *step)
{
	bool known = false;

	(void)pthread_mutex_lock(&transaction->mutex);
	for (uint32_t i = 0; i < transaction->enlisted_count; i++)
		known = known || slice_equal(id_slice(&transaction->enlisted[i]), step->name);
	/* The owner takes no more than these, so a set that has no room is none of its. */
	if (!known && transaction->enlisted_count < WIRE_STEPS_MAX &&
	    id_from(&transaction->enlisted[transaction->enlisted_count], step->name) == 0) {
		transaction->enlisted_count++;
		transaction->branch_count++;
		wire_branch_set_add(&transaction->hash, step);
	}
	(void)pthread_mutex_unlock(&transaction->mutex);
}

/* ---- requests ----------------------------------------------------------------------------------
 */

struct request {
	enum call_kind kind;
	enum wire_kind message_kind;
	const void *message;
	bool want_final;
	uint32_t until; /* enum wire_until */
	uint32_t timeout_ms;
};

static int run(struct saga_transaction *transaction, const struct request *request,
	       struct saga_status *status)
{
	struct waiter waiter = {.status = status};
	struct call *call;
	int err;

	call = call_create(request->kind, transaction->id.text, &err);
	if (call != NULL)
		err = wire_encode(request->message_kind, request->message, &call->request);
	submit_fill_status(status, transaction->id.text, err);
	if (err != 0) {
		if (call != NULL)
			call_free(call);
		return err;
	}
	call->want_final = request->want_final;
	call->until = request->until;
	call->deadline_ms = call_deadline(request->timeout_ms);
	call->finished = waiter_on_end;
	return waiter_run(transaction->connection, call, &waiter);
}

/* No default is left to the owner: a begin that is repeated must be the same one. */
static int plan_begin(const struct saga_begin_options *options, struct wire_plan *plan)
{
	*plan = (struct wire_plan){
		.name = slice_str(options->name != NULL ? options->name : "interactive"),
		.version = 1,
		.protocol = options->protocol != 0 ? (uint32_t)options->protocol
						   : (uint32_t)SAGA_PROTOCOL_2PC,
		.deadline_ms = options->deadline_ms,
		.idle_ms = options->idle_timeout_ms != 0 ? options->idle_timeout_ms
							 : IDLE_TIMEOUT_DEFAULT_MS,
	};
	wire_plan_resolve(plan);
	return wire_plan_check(plan, NULL);
}

int saga_begin(struct saga_connection *connection, const struct saga_begin_options *options_in,
	       struct saga_transaction **transaction, struct saga_status *status)
{
	struct saga_begin_options options = {.size = sizeof options};
	struct waiter waiter = {.status = status};
	struct saga_transaction *begun = NULL;
	struct call *call = NULL;
	struct wire_plan plan;
	int err;

	*transaction = NULL;
	if (options_in != NULL)
		client_options_copy(&options, sizeof options, options_in);
	err = plan_begin(&options, &plan);
	const struct saga_submit_options submit = {
		.size = sizeof submit,
		.id = options.id,
		.input = options.input,
		.input_size = options.input_size,
		.retry_window_ms = options.retry_window_ms,
		.retry_until_unix_ms = options.retry_until_unix_ms,
		.labels = options.labels,
		.traceparent = options.traceparent,
		.timeout_ms = options.timeout_ms,
	};
	if (err == 0)
		call = submit_create(&plan, &submit, false, &err);
	submit_fill_status(status, call != NULL ? call->id.text : options.id, err);
	if (call == NULL)
		return err;
	err = saga_join(connection, call->id.text, &begun);
	if (err != 0) {
		call_free(call);
		return err;
	}
	call->accepted = waiter_on_end;
	err = waiter_run(connection, call, &waiter);
	if (err == 0)
		*transaction = begun;
	else
		saga_transaction_free(begun);
	return err;
}

static struct slice name_of(const char *text)
{
	return slice_str(text != NULL ? text : "");
}

static struct wire_retry retry_of(const struct saga_retry *retry)
{
	return (struct wire_retry){.initial_ms = retry->initial_ms,
				   .factor_percent = retry->factor_percent,
				   .cap_ms = retry->cap_ms,
				   .jitter_percent = retry->jitter_percent,
				   .attempts = retry->attempts};
}

int saga_enlist(struct saga_transaction *transaction, const struct saga_branch *branch_in,
		uint32_t timeout_ms, struct saga_status *status)
{
	struct saga_branch branch = {.size = sizeof branch};
	struct wire_enlist enlist = {.id = id_slice(&transaction->id)};
	const struct request request = {.kind = CALL_ENLIST,
					.message_kind = WIRE_ENLIST,
					.message = &enlist,
					.timeout_ms = timeout_ms};
	int err;

	client_options_copy(&branch, sizeof branch, branch_in);
	enlist.step = (struct wire_step){
		.name = name_of(branch.name),
		.service = name_of(branch.service),
		.forward = name_of(branch.prepare),
		.finish = name_of(branch.commit),
		.undo = name_of(branch.rollback),
		.one_phase = name_of(branch.one_phase),
		.attempt_timeout_ms = branch.attempt_timeout_ms,
		.budget_ms = branch.budget_ms,
		.retry = retry_of(&branch.retry),
		.undo_retry = retry_of(&branch.finish_retry),
		.delivery = (uint32_t)branch.delivery,
	};
	err = run(transaction, &request, status);
	if (err == 0)
		count_branch(transaction, &enlist.step);
	return err;
}

/* What became of it, in a number that cannot be taken for success. */
static int commit_result(int err, const struct saga_status *status, enum saga_answer answer)
{
	const enum saga_fate fate = saga_status_fate(status);
	/* Also of a commit that is refused because it came after its rollback, and when somebody
	 * still has to be told. */
	const bool told =
		err == 0 || err == SAGA_E_CLOSED || err == SAGA_E_TOO_LATE || err == SAGA_E_TIMEOUT;

	/* Neither "all have committed" nor "all are rolled back" would be true. */
	if (told && status->heuristics > 0 &&
	    (saga_state_final(status->state) || fate == SAGA_FATE_ABORTED))
		return SAGA_E_HEURISTIC_HAZARD;
	if (told && fate == SAGA_FATE_ABORTED)
		return SAGA_E_ABORTED;
	if (err != 0)
		return err;
	if (fate == SAGA_FATE_COMMITTED ||
	    (fate == SAGA_FATE_PENDING && answer == SAGA_ANSWER_DECIDED))
		return 0;
	return SAGA_E_TIMEOUT;
}

int saga_commit(struct saga_transaction *transaction, const struct saga_commit_options *options_in,
		struct saga_status *status)
{
	struct saga_commit_options options = {.size = sizeof options};
	struct wire_commit commit = {.id = id_slice(&transaction->id), .wait = true};
	struct saga_branches branches;
	struct saga_status local;
	struct request request = {.kind = CALL_COMMIT,
				  .message_kind = WIRE_COMMIT,
				  .message = &commit,
				  .want_final = true};
	int err;

	if (options_in != NULL)
		client_options_copy(&options, sizeof options, options_in);
	if (options.input_size > WIRE_INPUT_SIZE_MAX)
		return SAGA_E_TOO_LARGE;
	if (status == NULL)
		status = &local;
	if (options.input_size > 0)
		commit.input = slice_of(options.input, (uint32_t)options.input_size);
	saga_transaction_branches(transaction, &branches);
	commit.branch_count = branches.count;
	(void)memcpy(commit.branch_hash.bytes, branches.hash, sizeof branches.hash);
	commit.until = (uint32_t)options.answer;
	request.until = commit.until;
	request.timeout_ms = options.timeout_ms;
	err = run(transaction, &request, status);
	return commit_result(err, status, options.answer);
}

int saga_rollback(struct saga_transaction *transaction, const char *reason, uint32_t timeout_ms,
		  struct saga_status *status)
{
	return saga_cancel(transaction->connection, transaction->id.text, reason, timeout_ms,
			   status);
}
