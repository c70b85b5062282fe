/* The one table of errors.
 *
 * Every fallible function of sagad returns 0 or one of these negative codes. A code has a stable
 * name ("SAGA-1203": what users search for, and what travels on the wire as the positive number),
 * a slug for programs, a class that says what a caller may do, and a text for people.
 * Numbers are never reused. Foreign codes (cnats, curl, SQLite) are translated in their adapter.
 */
#ifndef SAGAD_BASE_ERROR_H
#define SAGAD_BASE_ERROR_H

/* What a caller may do about it. */
enum err_class {
	ERR_CLASS_NONE = 0, /* success */
	ERR_CLASS_RETRY,    /* expected trouble: the same call may succeed later */
	ERR_CLASS_REFUSE,   /* the request is wrong: repeating it cannot help */
	ERR_CLASS_FATAL     /* damaged data or broken environment: an operator is needed */
};

/* X(symbol, number, class, slug, text) */
#define SAGA_ERROR_MAP(X)                                                                          \
	/* 1xxx: what came in is not a well-formed message */                                      \
	X(SAGA_E_EMPTY, 1001, REFUSE, "bad_request/empty", "the message is empty")                 \
	X(SAGA_E_DECODE, 1002, REFUSE, "bad_request/decode", "the message is not valid msgpack")   \
	X(SAGA_E_DEPTH, 1003, REFUSE, "bad_request/depth", "the message nests too deeply")         \
	X(SAGA_E_LENGTH, 1004, REFUSE, "bad_request/length",                                       \
	  "a declared length is larger than the message")                                          \
	X(SAGA_E_TYPE, 1005, REFUSE, "bad_request/type", "a field has the wrong type")             \
	X(SAGA_E_CHARSET, 1006, REFUSE, "bad_request/charset",                                     \
	  "text is not valid UTF-8 or holds control characters")                                   \
	X(SAGA_E_DUPKEY, 1007, REFUSE, "bad_request/dupkey", "a map holds the same key twice")     \
	X(SAGA_E_FIELD, 1008, REFUSE, "bad_request/field",                                         \
	  "an unknown field that is not marked as an optional extension")                          \
	X(SAGA_E_VERSION, 1009, REFUSE, "unsupported_version", "unsupported format version")       \
	X(SAGA_E_RANGE, 1010, REFUSE, "bad_request/range", "a number is out of range")             \
	X(SAGA_E_TOO_LARGE, 1011, REFUSE, "too_large", "the message or a field is too large")      \
	X(SAGA_E_MISSING, 1012, REFUSE, "bad_request/missing", "a required field is missing")      \
	X(SAGA_E_NAME, 1013, REFUSE, "bad_request/id",                                             \
	  "an id or name must match [A-Za-z0-9_-]{1,64}")                                          \
	X(SAGA_E_PLAN, 1014, REFUSE, "bad_request/plan", "the plan is not valid")                  \
	X(SAGA_E_DEADLINE, 1015, REFUSE, "bad_request/deadline", "the deadline is out of range")   \
	X(SAGA_E_POLICY, 1016, REFUSE, "bad_request/policy", "the retry policy is out of range")   \
	X(SAGA_E_KIND, 1017, REFUSE, "bad_request/kind", "unknown kind of message or record")      \
	X(SAGA_E_REPLY_SUBJECT, 1018, REFUSE, "forbidden",                                         \
	  "the reply subject is outside the configured inbox prefixes")                            \
	/* 2xxx: the engine's answer to a well-formed request */                                   \
	X(SAGA_E_NOT_FOUND, 2001, REFUSE, "not_found", "no such saga")                             \
	X(SAGA_E_CONFLICT, 2002, REFUSE, "conflict",                                               \
	  "this saga id was submitted before with another body")                                   \
	X(SAGA_E_EXPIRED, 2003, REFUSE, "expired", "the submit's retry window is over")            \
	X(SAGA_E_BUSY, 2004, RETRY, "busy", "at capacity: try again later")                        \
	X(SAGA_E_TOO_LATE, 2005, REFUSE, "too_late", "the saga can no longer be cancelled")        \
	X(SAGA_E_CANCELLED, 2006, REFUSE, "cancelled", "this id was cancelled before its submit")  \
	X(SAGA_E_EFFECTS_FULL, 2007, RETRY, "effects_full", "flush the effects and call again")    \
	X(SAGA_E_STATE, 2008, FATAL, "state", "a record does not fit the state it meets")          \
	X(SAGA_E_CONTRADICTION, 2009, REFUSE, "contradiction",                                     \
	  "a service contradicts its own recorded answer: the first stands")                       \
	X(SAGA_E_CLOSED, 2010, REFUSE, "closed",                                                   \
	  "the transaction takes no more branches: roll back what was done for it")                \
	X(SAGA_E_PENDING, 2011, RETRY, "pending",                                                  \
	  "its point of no return is out and not answered yet: ask again")                         \
	X(SAGA_E_BRANCHES, 2012, REFUSE, "branches",                                               \
	  "the set of branches is not the one that was to be committed")                           \
	X(SAGA_E_ABORTED, 2013, REFUSE, "aborted", "the transaction was rolled back")              \
	X(SAGA_E_NOT_BRANCH, 2014, REFUSE, "not_branch",                                           \
	  "the transaction has no such branch of this service")                                    \
	/* 3xxx: the journal */                                                                    \
	X(SAGA_E_FENCED, 3001, RETRY, "fenced", "another owner has written to this journal")       \
	X(SAGA_E_UNKNOWN, 3002, RETRY, "unknown", "the outcome of the operation is not known")     \
	X(SAGA_E_JOURNAL_MISSING, 3003, FATAL, "journal_missing",                                  \
	  "the shard's journal is missing")                                                        \
	X(SAGA_E_JOURNAL_SHORT, 3004, FATAL, "journal_short",                                      \
	  "the journal is shorter than what this node has seen")                                   \
	X(SAGA_E_JOURNAL_CORRUPT, 3005, FATAL, "journal_corrupt",                                  \
	  "a journal batch fails its checksum, chain or format")                                   \
	X(SAGA_E_JOURNAL_FOREIGN, 3006, FATAL, "journal_foreign",                                  \
	  "the journal belongs to another cluster or shard")                                       \
	X(SAGA_E_JOURNAL_GAP, 3007, RETRY, "journal_gap", "records are missing from the read")     \
	X(SAGA_E_JOURNAL_CONFIG, 3008, FATAL, "journal_config",                                    \
	  "the stream's configuration is not what initialisation set")                             \
	/* 4xxx: ownership */                                                                      \
	X(SAGA_E_NOT_OWNER, 4001, RETRY, "not_owner", "this node does not own the shard")          \
	X(SAGA_E_WRONG_SHARD, 4002, REFUSE, "wrong_shard", "the id belongs to another shard")      \
	X(SAGA_E_LEASE_LOST, 4003, RETRY, "lease_lost", "the node's lease is lost or too old")     \
	X(SAGA_E_NODE_ID_TAKEN, 4004, FATAL, "node_id_taken", "another node runs under this id")   \
	X(SAGA_E_NOT_INITIALISED, 4005, RETRY, "not_initialised",                                  \
	  "the cluster is not initialised: run `sagactl init`")                                    \
	X(SAGA_E_ALREADY_INITIALISED, 4006, REFUSE, "already_initialised",                         \
	  "the cluster is already initialised")                                                    \
	X(SAGA_E_CLUSTER_MISMATCH, 4007, FATAL, "cluster_mismatch",                                \
	  "etcd, journal and node disagree about the cluster")                                     \
	X(SAGA_E_COMPARE, 4008, RETRY, "compare_failed", "a compared revision has changed")        \
	X(SAGA_E_PLAN_STALE, 4009, REFUSE, "plan_stale", "the plan has changed meanwhile")         \
	X(SAGA_E_OPERATION, 4010, RETRY, "operation_running",                                      \
	  "another operation that moves shards has not ended")                                     \
	X(SAGA_E_NO_SUCH, 4011, REFUSE, "no_such", "no such node, shard or operation")             \
	X(SAGA_E_PREFLIGHT, 4012, REFUSE, "preflight", "the check before the operation refuses it") \
	X(SAGA_E_ENDED, 4013, REFUSE, "operation_ended", "the operation has ended already")        \
	/* 5xxx: servers we talk to */                                                             \
	X(SAGA_E_TIMEOUT, 5001, RETRY, "timeout", "no answer in time")                             \
	X(SAGA_E_NO_RESPONDERS, 5002, RETRY, "no_responders", "nobody listens on the subject")     \
	X(SAGA_E_DISCONNECTED, 5003, RETRY, "disconnected", "not connected to the server")         \
	X(SAGA_E_NATS, 5004, RETRY, "nats", "the NATS server or client reported an error")         \
	X(SAGA_E_ETCD, 5005, RETRY, "etcd", "etcd reported an error")                              \
	X(SAGA_E_NO_LEADER, 5006, RETRY, "no_leader", "etcd has no leader")                        \
	X(SAGA_E_AUTH, 5007, FATAL, "auth", "the server refused our credentials")                  \
	X(SAGA_E_BAD_REPLY, 5008, RETRY, "bad_reply", "a server's reply could not be understood")  \
	/* 6xxx: configuration, files, the process */                                              \
	X(SAGA_E_CONFIG, 6001, REFUSE, "config", "the configuration is not valid")                 \
	X(SAGA_E_DEFINITION, 6002, REFUSE, "definition", "the saga definition is not valid")       \
	X(SAGA_E_FILE, 6003, REFUSE, "file", "a file cannot be read or written")                   \
	X(SAGA_E_USAGE, 6004, REFUSE, "usage", "wrong usage")                                      \
	X(SAGA_E_NO_MEMORY, 6005, RETRY, "no_memory", "out of memory or past a configured limit")  \
	X(SAGA_E_STOPPING, 6006, RETRY, "stopping", "the process is stopping")                     \
	X(SAGA_E_FULL, 6007, RETRY, "full", "a bounded buffer or queue is full")                   \
	/* 7xxx: participants and their barrier */                                                 \
	X(SAGA_E_STALE, 7001, RETRY, "stale_epoch",                                                \
	  "the command comes from an older epoch: owner, send again")                              \
	X(SAGA_E_BELOW_LOW_WATER, 7002, REFUSE, "expired_command",                                 \
	  "the saga ended before this command: its barrier rows are gone")                         \
	X(SAGA_E_SUSPENDED, 7003, REFUSE, "rejected/suspended",                                    \
	  "the forward operation is blocked: its undo or its settling came first")                 \
	X(SAGA_E_UNSUPPORTED, 7004, REFUSE, "unsupported", "the service has no such operation")    \
	X(SAGA_E_DATABASE, 7005, RETRY, "database", "the participant's database failed")           \
	X(SAGA_E_REJECTED, 7006, REFUSE, "rejected", "the service rejected the step")              \
	X(SAGA_E_EXHAUSTED, 7007, REFUSE, "exhausted", "all attempts of the step are used up")     \
	X(SAGA_E_HEURISTIC_COMMIT, 7008, FATAL, "heuristic-commit",                                \
	  "the participant committed by itself what was to be rolled back")                        \
	X(SAGA_E_HEURISTIC_ROLLBACK, 7009, FATAL, "heuristic-rollback",                            \
	  "the participant rolled back by itself what was to be committed")                        \
	X(SAGA_E_HEURISTIC_MIXED, 7010, FATAL, "heuristic-mixed",                                  \
	  "the participant committed a part by itself and rolled back the rest")                   \
	X(SAGA_E_HEURISTIC_HAZARD, 7011, FATAL, "heuristic-hazard",                                \
	  "the participant decided by itself and cannot say what")                                 \
	X(SAGA_E_OUT_OF_ORDER, 7012, REFUSE, "out_of_order",                                       \
	  "the barrier refuses what does not fit the operations that it has seen of the step")     \
	/* 9xxx: us */                                                                             \
	X(SAGA_E_INTERNAL, 9001, FATAL, "internal", "a bug: please report it")

enum saga_error {
	SAGA_E_NONE = 0, /* not SAGA_OK: in libsaga's saga.h that is an outcome, and is 1 */
#define SAGA_ERROR_ENUM(symbol, number, class, slug, text) symbol = -(number),
	SAGA_ERROR_MAP(SAGA_ERROR_ENUM)
#undef SAGA_ERROR_ENUM
};

/* For any int; an unknown code is reported as SAGA_E_INTERNAL. Static strings, never NULL. */
const char *err_name(int code); /* "SAGA-1002" */
const char *err_slug(int code); /* "bad_request/decode" */
const char *err_text(int code); /* "the message is not valid msgpack" */
enum err_class err_class(int code);

/* The wire carries the positive number. err_from_wire gives SAGA_E_INTERNAL for an unknown one,
 * so that a newer peer's code is never mistaken for success. */
static inline unsigned err_to_wire(int code)
{
	return code < 0 ? (unsigned)-code : 0U;
}
int err_from_wire(unsigned number);

/* Looks up "SAGA-1002", "1002" or a slug; SAGA_E_NONE when there is none. */
int err_find(const char *name);

#define MUST_CHECK __attribute__((warn_unused_result))

#endif
