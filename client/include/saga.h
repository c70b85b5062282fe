/* libsaga: submit sagas, and take part in them.
 *
 * Independent parts over one connection object:
 *   client       saga_submit, saga_wait, saga_query, saga_cancel
 *   interactive  saga_begin, saga_enlist, saga_commit, saga_rollback
 *   participant  saga_service_*: handlers for the operations of one service; saga_inquire
 *
 * Threads: every function may be called from any thread unless it says otherwise. A connection
 * runs one background thread of its own; handlers run on a pool of threads.
 * Errors: 0 or a negative code; saga_error_name gives "SAGA-2004", saga_error_text a sentence.
 * Every call that talks to the cluster has a deadline and may end in SAGA_ERR_UNKNOWN: the request
 * may or may not have been taken. Repeating it with the same id is always safe.
 * Memory: everything passed in is copied; everything handed out says how to free it.
 */
#ifndef SAGA_H
#define SAGA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SAGA_API __attribute__((visibility("default")))
#else
#define SAGA_API
#endif

#define SAGA_VERSION "0.1.0"
#define SAGA_ID_SIZE 65 /* longest id and its NUL: ids match [A-Za-z0-9_-]{1,64} */

/* The codes a program acts on; all others are for people and logs. */
enum {
	SAGA_ERR_RANGE = -1010, /* beyond what the cluster takes, e.g. a retry window */
	SAGA_ERR_NOT_FOUND = -2001,
	SAGA_ERR_CONFLICT = -2002, /* this id was submitted before with another body */
	SAGA_ERR_EXPIRED = -2003,  /* the retry window of this submit is over */
	SAGA_ERR_BUSY = -2004,     /* at capacity to the end: repeat it later, with the same id */
	SAGA_ERR_TOO_LATE = -2005,
	SAGA_ERR_CANCELLED = -2006, /* the id was cancelled before it was submitted */
	SAGA_ERR_CLOSED = -2010,    /* takes no more branches: roll back what was done for it */
	SAGA_ERR_PENDING = -2011,   /* its point of no return is out: repeat it later */
	SAGA_ERR_BRANCHES = -2012,  /* other branches are enlisted than were to be committed */
	SAGA_ERR_ABORTED = -2013,   /* of saga_commit: rolled back */
	SAGA_ERR_NOT_BRANCH =
		-2014,            /* of saga_inquire: no branch of that service; decides nothing */
	SAGA_ERR_UNKNOWN = -3002, /* nobody answered in time: repeat with the same id */
	SAGA_ERR_NOT_INITIALISED = -4005,
	SAGA_ERR_TIMEOUT = -5001, /* of a wait: the saga goes on */
	SAGA_ERR_DISCONNECTED = -5003,
	SAGA_ERR_DEFINITION = -6002,
	SAGA_ERR_USAGE = -6004,
	SAGA_ERR_NO_MEMORY = -6005,
	SAGA_ERR_STOPPING = -6006,
	SAGA_ERR_SUSPENDED = -7003, /* what is to be done was blocked before */
	SAGA_ERR_UNSUPPORTED = -7004,
	SAGA_ERR_DATABASE = -7005,
	/* With SAGA_HEURISTIC: what the participant did by itself. */
	SAGA_ERR_HEURISTIC_COMMIT = -7008,
	SAGA_ERR_HEURISTIC_ROLLBACK = -7009,
	SAGA_ERR_HEURISTIC_MIXED = -7010,
	SAGA_ERR_HEURISTIC_HAZARD = -7011, /* it cannot say what */
	SAGA_ERR_OUT_OF_ORDER = -7012 /* a barrier: does not fit what it has seen of the step */
};
SAGA_API const char *saga_error_name(int code);
SAGA_API const char *saga_error_text(int code);

/* ---- connection ---------------------------------------------------------------------------- */

struct saga_connection;

struct saga_options {
	size_t size;        /* sizeof(struct saga_options): set by saga_options_init */
	const char *url;    /* "nats://127.0.0.1:4222"; several: comma-separated */
	const char *name;   /* of this program, for people; default "libsaga" */
	const char *party;  /* the tenant in whose name sagas are submitted and asked for; default
			       "default". Services speak under their own names */
	const char *prefix; /* default "saga" */
	const char *credentials_file, *nkey_seed_file, *user, *password_file, *token_file;
	const char *tls_ca_file, *tls_cert_file, *tls_key_file;
	int tls_required;
	/* Called for things worth a log line; may be NULL. Any thread. */
	void (*log)(void *context, int level, const char *text); /* 0 debug .. 3 error */
	void *log_context;
	/* Of one attempt to connect; default 2000. saga_close waits for one that is under way. */
	uint32_t connect_timeout_ms;
};
SAGA_API void saga_options_init(struct saga_options *options);

/* Connects in the background and keeps doing so. The connection is to be closed even when later
 * calls fail. */
SAGA_API int saga_open(const struct saga_options *options, struct saga_connection **connection);
/* Stops services first (drains them for at most `drain_ms`), ends waiting calls, frees. */
SAGA_API void saga_close(struct saga_connection *connection, uint32_t drain_ms);

/* ---- definitions ----------------------------------------------------------------------------- */

struct saga_definition;

/* YAML or JSON (docs/definitions.md). On error *definition is NULL and `why` (may be NULL) holds up
 * to why_size - 1 bytes: "file:line:column: what is wrong [code pointer]", one line per problem,
 * all at once. */
SAGA_API int saga_definition_load(const char *file, struct saga_definition **definition, char *why,
				  size_t why_size);
SAGA_API int saga_definition_parse(const char *text, size_t size, const char *name_for_errors,
				   struct saga_definition **definition, char *why, size_t why_size);
SAGA_API void saga_definition_free(struct saga_definition *definition);
SAGA_API const char *saga_definition_name(const struct saga_definition *definition);

/* ---- client ---------------------------------------------------------------------------------- */

enum saga_state {
	SAGA_STATE_NONE = 0,
	SAGA_STATE_RUNNING = 1,
	SAGA_STATE_UNDOING = 2,
	SAGA_STATE_PARKED = 3,      /* something keeps failing: still tried, an operator is told */
	SAGA_STATE_COMPLETED = 4,   /* final */
	SAGA_STATE_COMPENSATED = 5, /* final */
	SAGA_STATE_STOPPED = 6,     /* final: cancelled before it was submitted */
	SAGA_STATE_FINISHING = 7,   /* decided to commit: only forward from here */
	SAGA_STATE_OPEN = 8         /* interactive, neither commit nor rollback has begun */
};
enum saga_reason {
	SAGA_REASON_NONE = 0,
	SAGA_REASON_REJECTED = 1,
	SAGA_REASON_EXHAUSTED = 2,
	SAGA_REASON_DEADLINE = 3,
	SAGA_REASON_CANCELLED = 4,
	SAGA_REASON_REFUSED = 5, /* STOPPED: its entry of the inbox was refused, it never ran */
	SAGA_REASON_IDLE = 6     /* interactive, and nobody came back in time */
};
/* Durable, and never another one. A saga without a point of no return has none until it ends. */
enum saga_decision { SAGA_DECISION_NONE = 0, SAGA_DECISION_COMMIT = 1, SAGA_DECISION_ABORT = 2 };
SAGA_API const char *saga_state_name(enum saga_state state); /* "completed" */
SAGA_API const char *saga_reason_name(enum saga_reason reason);
SAGA_API bool saga_state_final(enum saga_state state);

struct saga_status {
	char id[SAGA_ID_SIZE];
	enum saga_state state;
	enum saga_reason reason; /* why it is or was undone */
	uint32_t shard;
	uint64_t epoch;
	uint64_t accepted_unix_ms, deadline_unix_ms, finished_unix_ms; /* shard time; 0 = not yet */
	char text[256]; /* what is wrong, when something is */
	enum saga_decision decision;
	uint32_t heuristics; /* branches that decided by themselves, maybe against the decision */
};

/* The one question that matters to a caller, whatever the protocol. */
enum saga_fate {
	SAGA_FATE_UNDECIDED = 0, /* may still go either way, as far as is known */
	SAGA_FATE_COMMITTED = 1, /* all of it is done */
	SAGA_FATE_ABORTED = 2,   /* it is or will be undone; when saga_state_final, it is */
	/* Decided to commit, durably, and not delivered everywhere: it will be. Never "aborted"
	 * from here on. */
	SAGA_FATE_PENDING = 3
};
SAGA_API enum saga_fate saga_status_fate(const struct saga_status *status);
SAGA_API const char *saga_decision_name(enum saga_decision decision); /* "commit" */
/* "committed", "aborted", "decided, delivery pending", "undecided" */
SAGA_API const char *saga_fate_name(enum saga_fate fate);

/* What is waited for where an outcome is. */
enum saga_answer {
	SAGA_ANSWER_COMPLETED = 0, /* the end: everything is done, or undone */
	SAGA_ANSWER_DECIDED = 1    /* the durable decision, or the end: see saga_status_fate */
};

struct saga_submit_options {
	size_t size;
	const char *id;       /* idempotency key; NULL = a fresh UUIDv7 (see status->id) */
	const void *input;    /* any bytes; every step gets them; msgpack or JSON by custom */
	size_t input_size;    /* <= 256 KiB */
	uint32_t deadline_ms; /* whole saga; 0 = the definition's */
	/* How long this id may be re-submitted; 0 = 10 minutes. The cluster remembers it for so
	 * long, so it refuses (SAGA_ERR_RANGE) more than its saga.retry_window_max, 24 hours unless
	 * configured otherwise, and a minute for clocks that differ. */
	uint32_t retry_window_ms;
	uint64_t retry_until_unix_ms; /* a program that repeats a submit after a restart keeps this
					 value and gives it again; 0 = now + retry_window_ms */
	const char *const *labels;    /* "key=value", NULL-terminated; may be NULL */
	const char *traceparent;
	uint32_t timeout_ms; /* of this call; 0 = 10 s */
	/* Not 0: submits through whichever node takes it, which passes it on to the owner. For
	 * programs that submit one saga and end, or that may publish to nothing else: it saves the
	 * question for the slot table, and costs the cluster a hop. While no node runs, or the
	 * shard is between two owners, it asks again like any submit. */
	int any_node;
	/* Not 0: publishes into the durable inbox, a stream of the broker's, also while no node
	 * runs. 0 then means that the broker has it, not yet that it was accepted; what becomes of
	 * it tells a later saga_query or saga_wait of the id (what is refused: the error that a
	 * submit would have got, with state STOPPED and reason REFUSED). It waits for at most its
	 * retry window, which is 24 hours then unless it is given. Not with an outcome to wait for:
	 * SAGA_ERR_USAGE. */
	int inbox;
	const char *stream_prefix; /* of the inbox's stream <stream_prefix>_INBOX; NULL = "SAGA" */
	enum saga_answer answer;   /* which outcome is waited for */
};
SAGA_API void saga_submit_options_init(struct saga_submit_options *options);

/* Blocks until the saga is durably accepted. Sends again by itself until the time is over.
 * 0: accepted now or before (same id, same body). SAGA_ERR_BUSY: the cluster refused it each time;
 * status->text says when to try again. */
SAGA_API int saga_submit(struct saga_connection *connection,
			 const struct saga_definition *definition,
			 const struct saga_submit_options *options, struct saga_status *status);
/* As saga_submit, then blocks until the outcome is known or the time is over
 * (SAGA_ERR_TIMEOUT: accepted and still at work; SAGA_ERR_UNKNOWN: not even that is known). */
SAGA_API int saga_run(struct saga_connection *connection, const struct saga_definition *definition,
		      const struct saga_submit_options *options, struct saga_status *status);

/* Without blocking: `accepted` is called once when the submit is answered (or failed), and, if that
 * was a success, `finished` once when the outcome is known (or timeout_ms is over:
 * SAGA_ERR_TIMEOUT). Either may be NULL. Called on the connection's thread: be quick, do not call
 * blocking functions. SAGA_ERR_BUSY without a callback: too many are open on this connection, or
 * the cluster refuses and more than 2,048 wait already. */
typedef void (*saga_callback)(void *context, int error, const struct saga_status *status);
SAGA_API int saga_submit_async(struct saga_connection *connection,
			       const struct saga_definition *definition,
			       const struct saga_submit_options *options, saga_callback accepted,
			       saga_callback finished, void *context);

/* timeout_ms: 0 = 10 s. */
SAGA_API int saga_query(struct saga_connection *connection, const char *id, uint32_t timeout_ms,
			struct saga_status *status);
/* Blocks until final; SAGA_ERR_TIMEOUT when the time is over. */
SAGA_API int saga_wait(struct saga_connection *connection, const char *id, uint32_t timeout_ms,
		       struct saga_status *status);
/* The same until it is decided: for those who need not wait for the last delivery. */
SAGA_API int saga_wait_decided(struct saga_connection *connection, const char *id,
			       uint32_t timeout_ms, struct saga_status *status);
/* Asks for undo. 0: being undone (or already undone because of a cancel); SAGA_ERR_TOO_LATE: it is
 * final, or decided to commit; SAGA_ERR_PENDING: to the end of the time its point of no return was
 * out, which may go either way: nothing was changed. An id that nobody submitted is blocked for as
 * long as the cluster takes submits of it (its saga.retry_window_max): 0, state STOPPED. */
SAGA_API int saga_cancel(struct saga_connection *connection, const char *id, const char *reason,
			 uint32_t timeout_ms, struct saga_status *status);

/* ---- interactive transactions ------------------------------------------------------------------
 *
 * For branches that are not known beforehand: begin; enlist each branch before anything is done
 * for it, and let its service do it; then commit or roll back. A handle adds up which branches were
 * enlisted with it, because commit says which set it means: a branch that nobody meant, or one that
 * got lost, is refused and nothing is committed (SAGA_ERR_BRANCHES).
 *
 * All of these block, send the same bytes again until they are answered, and end with their time in
 * SAGA_ERR_UNKNOWN at the latest; calling them again with the same arguments is safe then.
 * Begin and enlist are answered when they are durable. A transaction that is neither added to nor
 * ended for its idle time, or is past its deadline, is rolled back: every enlisted branch is told.
 */

struct saga_transaction;

enum saga_protocol {
	SAGA_PROTOCOL_TCC = 2, /* try, confirm, cancel */
	SAGA_PROTOCOL_2PC = 3  /* prepare, commit, rollback */
};

struct saga_begin_options {
	size_t size;
	const char *id;   /* idempotency key; NULL = a fresh UUIDv7 (see status->id) */
	const char *name; /* what kind of transaction it is, for people; NULL = "interactive" */
	enum saga_protocol protocol; /* default SAGA_PROTOCOL_2PC */
	uint32_t deadline_ms;        /* until commit is decided; 0 = 60 s */
	uint32_t idle_timeout_ms;    /* 100 ms to 30 days; 0 = 30 s */
	const void *input;           /* every branch gets it, unless commit brings another one */
	size_t input_size;
	uint32_t retry_window_ms; /* as of saga_submit_options, these two; 0 = 10 minutes */
	uint64_t retry_until_unix_ms;
	const char *const *labels; /* "key=value", NULL-terminated; may be NULL */
	const char *traceparent;
	uint32_t timeout_ms; /* of this call; 0 = 10 s */
};
SAGA_API void saga_begin_options_init(struct saga_begin_options *options);

/* On an error *transaction is NULL. After SAGA_ERR_UNKNOWN begin again with the id of the status,
 * or forget it: its idle time ends it. `status` may be NULL here and below. */
SAGA_API int saga_begin(struct saga_connection *connection,
			const struct saga_begin_options *options,
			struct saga_transaction **transaction, struct saga_status *status);
/* A handle of a transaction that somebody else has begun; asks nobody. To enlist a branch of one's
 * own, as a rule: see saga_transaction_branches. */
SAGA_API int saga_join(struct saga_connection *connection, const char *id,
		       struct saga_transaction **transaction);
/* Frees the handle. The transaction is neither committed nor rolled back by that. */
SAGA_API void saga_transaction_free(struct saga_transaction *transaction);
SAGA_API const char *saga_transaction_id(const struct saga_transaction *transaction);

enum saga_delivery { SAGA_DELIVERY_DURABLE = 1, SAGA_DELIVERY_DIRECT = 2 };

/* 0 anywhere = the default. */
struct saga_retry {
	uint32_t initial_ms, factor_percent, cap_ms, jitter_percent, attempts;
};

struct saga_branch {
	size_t size;
	const char *name;               /* unique in the transaction */
	const char *service;            /* who takes part */
	const char *prepare;            /* its operation; of TCC: try */
	const char *commit;             /* of TCC: confirm */
	const char *rollback;           /* of TCC: cancel */
	const char *one_phase;          /* of 2PC, or NULL: "prepare and commit at once", for
					   when it is the only branch */
	uint32_t attempt_timeout_ms;    /* 0 = 5 s of 2PC, 15 s of TCC */
	uint32_t budget_ms;             /* over all attempts to prepare; 0 = 5 s of 2PC */
	struct saga_retry retry;        /* of prepare */
	struct saga_retry finish_retry; /* of commit and rollback */
	enum saga_delivery delivery;    /* 0 = durable */
};
SAGA_API void saga_branch_init(struct saga_branch *branch);

/* SAGA_ERR_CLOSED: commit or rollback has begun; roll back by yourself what was done for this
 * branch. SAGA_ERR_CONFLICT: its name stands for another branch. SAGA_ERR_UNKNOWN: it may be
 * enlisted or not; until a repetition says so, a commit would be refused or go without it.
 * timeout_ms: 0 = 10 s. */
SAGA_API int saga_enlist(struct saga_transaction *transaction, const struct saga_branch *branch,
			 uint32_t timeout_ms, struct saga_status *status);

/* Branches that other processes have enlisted: whoever commits adds theirs to its own. Each branch
 * is to be counted once. Plain bytes, in no order of a machine: send them as they are. */
struct saga_branches {
	unsigned char count;
	unsigned char hash[16];
};
SAGA_API void saga_transaction_branches(struct saga_transaction *transaction,
					struct saga_branches *branches);
/* SAGA_ERR_USAGE: more than 64 altogether. */
SAGA_API int saga_transaction_add(struct saga_transaction *transaction,
				  const struct saga_branches *branches);

struct saga_commit_options {
	size_t size;
	const void *input; /* what every branch gets; NULL = that of begin */
	size_t input_size;
	enum saga_answer answer;
	uint32_t timeout_ms; /* 0 = 10 s */
};
SAGA_API void saga_commit_options_init(struct saga_commit_options *options);

/* Asks every branch to prepare; commits all of them, or none.
 *
 *   0                          every branch has committed; with SAGA_ANSWER_DECIDED: it is decided
 *   SAGA_ERR_ABORTED           rolled back: status->reason and ->text say why. Unless
 *                              saga_state_final, some branches have yet to be told
 *   SAGA_ERR_HEURISTIC_HAZARD  at its end, or rolled back, but status->heuristics branches have
 *                              decided by themselves, perhaps against saga_status_fate: somebody
 *                              has to look at them
 *   SAGA_ERR_TIMEOUT           taken, and not at its end: saga_status_fate says whether it is
 *                              decided (SAGA_FATE_PENDING: to commit); saga_wait goes on
 *   SAGA_ERR_BRANCHES          not this set: nothing has happened, it is still open
 *   SAGA_ERR_UNKNOWN           perhaps not even taken: commit again
 */
SAGA_API int saga_commit(struct saga_transaction *transaction,
			 const struct saga_commit_options *options, struct saga_status *status);
/* 0: it is decided that all enlisted branches are rolled back (saga_wait waits for the end of it);
 * SAGA_ERR_TOO_LATE: committed; SAGA_ERR_PENDING: its only branch is committing in one phase. */
SAGA_API int saga_rollback(struct saga_transaction *transaction, const char *reason,
			   uint32_t timeout_ms, struct saga_status *status);

/* ---- participant ------------------------------------------------------------------------------
 */

enum saga_outcome {
	SAGA_OK = 1,       /* done, durably */
	SAGA_REJECTED = 2, /* definitely not done, and durably so: use a barrier */
	SAGA_RETRY = 3,    /* not known or not now: try again after retry_after_ms */
	SAGA_PARK = 4,     /* do not try again soon: an operator should look */
	/* To a try or prepare: yes, and there is nothing to confirm, commit or undo. */
	SAGA_READ_ONLY = 8,
	/* To a confirm, commit or undo: decided otherwise before, by itself. With one of
	 * SAGA_ERR_HEURISTIC_* (saga_context_set_code), else it counts as HAZARD. Final: it is
	 * listed, and people have to see to it. */
	SAGA_HEURISTIC = 9
};

struct saga_result {
	enum saga_outcome outcome;
	uint32_t retry_after_ms;
	const void *output; /* copied when the handler returns; <= 64 KiB */
	size_t output_size;
	char text[256]; /* the reason, for people */
};

struct saga_context;
/* All borrowed until the handler returns. */
SAGA_API const char *saga_context_saga(const struct saga_context *context);
SAGA_API const char *saga_context_step(const struct saga_context *context);
SAGA_API const char *saga_context_operation_name(const struct saga_context *context);
/* UUIDv5 text of (saga, step, operation class): equal for all attempts. */
SAGA_API const char *saga_context_operation_id(const struct saga_context *context);
SAGA_API uint32_t saga_context_attempt(const struct saga_context *context);
SAGA_API int saga_context_is_undo(const struct saga_context *context);
SAGA_API const void *saga_context_input(const struct saga_context *context, size_t *size);
/* Milliseconds until the coordinator gives this attempt up; 0 = over. */
SAGA_API uint32_t saga_context_remaining_ms(const struct saga_context *context);
/* Tells the coordinator that the work goes on: restarts the attempt's clock. */
SAGA_API int saga_context_heartbeat(struct saga_context *context);

/* Copies bytes into memory that lives until the answer has left: for result->output. NULL when
 * out of memory; a copy of nothing is not NULL. */
SAGA_API void *saga_context_copy(struct saga_context *context, const void *data, size_t size);

/* For a barrier of your own; saga_sqlite.h brings one. A barrier needs (saga, step, operation
 * class) as its key, and shard, epoch, admission and low-water for S24 and S8 (docs/libsaga.md). */
enum saga_op {
	SAGA_OP_FORWARD = 1, /* action, try, prepare */
	SAGA_OP_FINISH = 2,  /* confirm, commit */
	SAGA_OP_UNDO = 3,    /* compensate, cancel, rollback */
	SAGA_OP_SETTLE = 4   /* block and tell: see saga_service_settle */
};
SAGA_API enum saga_op saga_context_op(const struct saga_context *context);
SAGA_API uint32_t saga_context_shard(const struct saga_context *context);
SAGA_API uint64_t saga_context_epoch(const struct saga_context *context);
SAGA_API uint64_t saga_context_admission(const struct saga_context *context);
SAGA_API uint64_t saga_context_low_water(const struct saga_context *context);
/* What the barrier met; it travels with the answer. STALE and EXPIRED replace the outcome. */
enum saga_verdict {
	SAGA_VERDICT_FIRST = 0,
	SAGA_VERDICT_DUPLICATE = 1,
	SAGA_VERDICT_EMPTY_UNDO = 2,   /* nothing was done, so nothing was undone */
	SAGA_VERDICT_LATE_FORWARD = 3, /* its undo came first */
	SAGA_VERDICT_STALE = 4,        /* of an older epoch (S24) */
	SAGA_VERDICT_EXPIRED = 5       /* below the low-water mark (S8) */
};
SAGA_API void saga_context_set_verdict(struct saga_context *context, enum saga_verdict verdict);
/* A code that explains the outcome to operators, e.g. SAGA_ERR_DATABASE with SAGA_RETRY. */
SAGA_API void saga_context_set_code(struct saga_context *context, int code);
SAGA_API int saga_context_code(const struct saga_context *context);

/* Runs on a pool thread. result is prepared as SAGA_RETRY: a handler that forgets to set it has
 * promised nothing. */
typedef void (*saga_handler)(struct saga_context *context, struct saga_result *result, void *user);

struct saga_service;

struct saga_service_options {
	size_t size;
	const char *instance; /* of this process; default host name and pid */
	uint32_t threads;     /* handlers at a time; 0 = 4 */
	uint32_t
		frames_max; /* frames taken from the broker and not yet answered; 0 = 2 x threads */
	uint32_t ack_wait_ms;      /* broker's redelivery time; 0 = 5000 */
	uint32_t hold_ms;          /* how long an answer is re-sent for want of a disposition (S13);
				      0 = 2000 */
	const char *stream_prefix; /* of the command stream <stream_prefix>_CMD; NULL = "SAGA" */
};
SAGA_API void saga_service_options_init(struct saga_service_options *options);

/* Several services may be on one connection: they share its thread and its socket, and each has
 * threads of its own for its handlers. The broker must let the connection publish under the name of
 * each (docs/wire.md, subjects). */
SAGA_API int saga_service_create(struct saga_connection *connection, const char *service,
				 const struct saga_service_options *options,
				 struct saga_service **service_out);
/* Before start. `operation` is the plan's name of it, e.g. "charge" or "refund". */
SAGA_API int saga_service_handle(struct saga_service *service, const char *operation,
				 saga_handler handler, void *user);
/* Before start. One handler for all commands "block and tell", by which the coordinator finds out
 * what became of a forward operation whose answer is missing: the handler answers SAGA_OK with the
 * operation's output if it was done; else it sees to it, durably, that it can never run any more,
 * and answers SAGA_REJECTED. Never anything of what the operation does. saga_sqlite_settle is all
 * of it. Needed by services that have a point of no return (a pivot, a last resource, one-phase
 * commit) or an optional step without undo; without it such commands are parked. */
SAGA_API int saga_service_settle(struct saga_service *service, saga_handler handler, void *user);
SAGA_API int saga_service_start(struct saga_service *service);
/* Takes nothing new, lets running handlers end and their answers leave, for at most drain_ms.
 * Returns the number of commands left undone (they will be redelivered elsewhere). */
SAGA_API uint32_t saga_service_stop(struct saga_service *service, uint32_t drain_ms);
/* After stop, and before or after saga_close. Waits for handlers that still run. */
SAGA_API void saga_service_free(struct saga_service *service);

/* For a participant that has prepared and hears no more, e.g. after its own restart: asks what was
 * decided, again and again until it is. `service` is in whose name; NULL = the connection's party:
 * SAGA_ERR_NOT_BRANCH when `step` is none of its branches, and says nothing of the decision.
 * 0: status->decision says it (SAGA_DECISION_ABORT also of a transaction that nobody knows: from
 * then on nobody can begin it). SAGA_ERR_TIMEOUT: not decided yet: keep what is prepared.
 * Commit or rollback also come as commands, sooner or later: answering them is what counts.
 * timeout_ms: 0 = 10 s. */
SAGA_API int saga_inquire(struct saga_connection *connection, const char *service, const char *id,
			  const char *step, uint32_t timeout_ms, struct saga_status *status);

struct saga_service_stats {
	uint64_t commands, ok, rejected, retried, duplicates, empty_undos, late_forwards, stale,
		expired, redelivered, replies_sent, dispositions, holds_expired;
	uint64_t frames, undecodable; /* frames taken; frames refused for good */
	/* Of direct delivery: commands taken; frames dropped because too many are in hand, and
	 * commands because they are in hand already. */
	uint64_t calls, calls_dropped, copies;
	uint64_t consumer_renewals; /* the consumer did not deliver, and was made anew */
	uint64_t heuristic;         /* answers SAGA_HEURISTIC; READ_ONLY counts as ok */
};
SAGA_API void saga_service_stats(const struct saga_service *service,
				 struct saga_service_stats *stats);

/* Fault injection for tests and demos: called after the handler, before its answer is sent.
 * Return 0 = send once, 1 = lose it, 2 = send it twice. NULL removes it. */
typedef int (*saga_answer_fault)(void *user, const struct saga_context *context,
				 const struct saga_result *result);
SAGA_API void saga_service_set_answer_fault(struct saga_service *service, saga_answer_fault fault,
					    void *user);

#ifdef __cplusplus
}
#endif

#endif
