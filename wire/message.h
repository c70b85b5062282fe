/* The shapes of everything that crosses a process border. Numbers in comments are wire keys.
 *
 * struct slice members are borrowed: when encoding, from the caller; when decoding, from the
 * input (strings, binaries) or the arena (arrays). "name" = [A-Za-z0-9_-]{1,64}; "text" = UTF-8
 * without control characters; "bin" = any bytes. All times are ms; "at" = shard time (S16), which
 * begins at Unix time but is its own monotonic clock; durations are relative.
 */
#ifndef SAGAD_WIRE_MESSAGE_H
#define SAGAD_WIRE_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/id.h"
#include "base/slice.h"

enum {
	WIRE_STEPS_MAX = 64,
	WIRE_LABELS_MAX = 16,
	WIRE_INPUT_SIZE_MAX = 256 * 1024, /* a saga's input */
	WIRE_OUTPUT_SIZE_MAX = 64 * 1024, /* a step's output */
	WIRE_TEXT_SIZE_MAX = 512,         /* reasons, label values */
	WIRE_FRAME_MAX = 256,             /* commands or replies in a frame */
	WIRE_LIST_MAX = 500,
	WIRE_HISTORY_MAX = 1000,
	WIRE_TEMPLATE_SIZE_MAX = 1024, /* of a step's input, before its picks are filled in */
};

enum wire_kind {
	WIRE_NONE = 0,
	/* requests and answers */
	WIRE_SUBMIT = 1,
	WIRE_QUERY = 2,
	WIRE_CANCEL = 3,
	WIRE_ANSWER = 4, /* to submit, query, cancel; also the outcome sent to a waiter */
	WIRE_COMMAND_FRAME = 5,
	WIRE_REPLY_FRAME = 6,
	WIRE_DISPOSITION_FRAME = 7,
	WIRE_INFO_REQUEST = 8,
	WIRE_INFO = 9,
	WIRE_LIST_REQUEST = 10,
	WIRE_LIST = 11,
	WIRE_HISTORY_REQUEST = 12,
	WIRE_HISTORY = 13,
	WIRE_INIT_REQUEST = 14,
	WIRE_INIT = 15,
	WIRE_ALERT = 16,
	WIRE_ENLIST = 17,
	WIRE_COMMIT = 18,
	WIRE_INQUIRE = 19,
	WIRE_ADMIN_REQUEST = 20, /* these four: admin.h */
	WIRE_ADMIN_ANSWER = 21,
	WIRE_OPERATION = 22,
	WIRE_OPS_HISTORY = 23,
	/* journal records */
	WIRE_RECORD_GENESIS = 64,
	WIRE_RECORD_EPOCH = 65,
	WIRE_RECORD_NOOP = 66,
	WIRE_RECORD_ACCEPTED = 67,
	WIRE_RECORD_BRANCH = 68,
	WIRE_RECORD_DECISION = 69,
	WIRE_RECORD_PARKED = 70,
	WIRE_RECORD_FINISHED = 71,
	WIRE_RECORD_TOMBSTONE = 72,
	WIRE_RECORD_INBOX = 73,
	WIRE_RECORD_ENLISTED = 74,
	WIRE_RECORD_CLOSED = 75,
	WIRE_RECORD_CARRIED = 76,
	WIRE_RECORD_REMEMBERED = 77,
	WIRE_RECORD_SEGMENT = 78,
	WIRE_RECORD_HISTORY_MARK = 79,
};

/* ---- plans ------------------------------------------------------------------------------ */

/* Of a plan; and, but for MIXED, of a step: its kind. */
enum wire_protocol {
	WIRE_PROTOCOL_SAGA = 1,
	WIRE_PROTOCOL_TCC = 2,
	WIRE_PROTOCOL_2PC = 3,
	WIRE_PROTOCOL_MIXED = 4, /* each step says its kind */
};
/* The operation classes of the one general model. */
enum wire_op {
	WIRE_OP_FORWARD = 1, /* action, try, prepare; of a pivot: all of it */
	WIRE_OP_FINISH = 2,  /* confirm, commit */
	WIRE_OP_UNDO = 3,    /* compensate, cancel, rollback */
	WIRE_OP_SETTLE = 4,  /* block and tell (S4): the barrier finds the forward operation's
				result, or takes its place so that it can never run */
};
/* Of a step. At most one of them. */
enum wire_step_flag {
	WIRE_STEP_PIVOT = 1,     /* the one point of no return (S4); of 2PC: the last resource */
	WIRE_STEP_RETRIABLE = 2, /* behind the pivot: tried until it succeeds */
	WIRE_STEP_OPTIONAL = 4,  /* the saga goes on without it (S23) */
};
enum wire_delivery { WIRE_DELIVERY_DURABLE = 1, WIRE_DELIVERY_DIRECT = 2 };

struct wire_retry {
	uint32_t initial_ms;     /* 2: 1..3,600,000 */
	uint32_t factor_percent; /* 3: 200 = doubles; 100..10,000 */
	uint32_t cap_ms;         /* 4: >= initial_ms, <= 86,400,000 */
	uint32_t jitter_percent; /* 5: 0..100: 20 = +-20 % */
	uint32_t attempts;       /* 6: 1..1000 */
};

struct wire_step {
	struct slice name;            /* 2: name, unique in the plan */
	struct slice service;         /* 3: name */
	struct slice forward;         /* 4: name of the forward operation, e.g. "charge" */
	struct slice finish;          /* 5: name or empty (TCC confirm, 2PC commit) */
	struct slice undo;            /* 6: name or empty = nothing to undo */
	struct slice after;           /* 7: bin, one byte per index of a step this one depends on */
	uint32_t attempt_timeout_ms;  /* 8: 10..86,400,000 */
	uint32_t budget_ms;           /* 9: over all attempts; 0 = none */
	uint32_t delivery;            /* 10: enum wire_delivery */
	struct wire_retry retry;      /* 11: of the forward operation */
	struct wire_retry undo_retry; /* 12 */
	uint32_t flags;               /* 13: enum wire_step_flag */
	uint32_t kind;                /* 14: enum wire_protocol; 0 = the plan's */
	struct slice one_phase; /* 15: of 2PC: name of "prepare and commit at once", or empty */
	struct slice input;     /* 16: bin: JSON with picks (wire/pick.h); empty = the saga's */
};

struct wire_known_plan; /* wire/plan_cache.h */

/* Fully resolved: no default is left open (S18). */
struct wire_plan {
	struct slice name;    /* 2: name of the definition */
	uint32_t version;     /* 3: >= 1 */
	uint32_t protocol;    /* 4: enum wire_protocol */
	uint32_t deadline_ms; /* 5: whole transaction; 10..2,592,000,000 */
	struct wire_step *steps;
	uint32_t step_count; /* 6: array of steps: 1..WIRE_STEPS_MAX */
	/* 0 = all steps stand here. Else interactive: none does, they are enlisted, and so long
	   without any is too long (S9). */
	uint32_t idle_ms; /* 7 */

	/* Beside the wire, and both empty unless somebody vouches for them: the encoding of exactly
	   this content, which is then copied and not made again, and what is known of it. */
	struct slice encoded;
	const struct wire_known_plan *known;
};

struct wire_label {
	struct slice key;   /* 2: name */
	struct slice value; /* 3: text */
};

/* ---- client <-> owner --------------------------------------------------------------------- */

struct wire_submit {
	struct slice id;         /* 2: name; the idempotency key */
	struct wire_plan plan;   /* 3 */
	struct slice input;      /* 4: bin */
	uint64_t retry_until_at; /* 5: after this the sender never submits this id again (S5) */
	uint32_t deadline_ms;    /* 6: 0 = the plan's */
	struct wire_label *labels;
	uint32_t label_count;     /* 7: array */
	struct slice traceparent; /* 8: text or empty */
	bool wait;                /* 9: also send the outcome to the reply subject */
	uint32_t until;           /* 10: enum wire_until: which outcome */
};

/* What somebody waits for. */
enum wire_until {
	WIRE_UNTIL_FINAL = 0,
	WIRE_UNTIL_DECIDED =
		1, /* the decision is durable; what it asks for may still be under way */
};

struct wire_query {
	struct slice id; /* 2 */
	bool wait;       /* 3: answer at once, and once more when it is final, or decided */
	uint32_t until;  /* 4: enum wire_until */
};

/* One more branch of an interactive transaction (A4). The same name again with the same content is
 * answered the same, with another one SAGA_E_CONFLICT; once commit or rollback has begun,
 * SAGA_E_CLOSED: whoever enlists rolls back what it did (S9). */
struct wire_enlist {
	struct slice id;       /* 2 */
	struct wire_step step; /* 3: without `after`, flags and input */
};

/* Closes the set of branches and begins to prepare them. */
struct wire_commit {
	struct slice id;            /* 2 */
	uint32_t branch_count;      /* 3: of the set that the caller means: else SAGA_E_BRANCHES */
	struct hash128 branch_hash; /* 4: wire_branch_set_add over them, in any order */
	struct slice input;         /* 5: bin: given to every branch; empty = that of begin */
	bool wait;                  /* 6 */
	uint32_t until;             /* 7 */
};

/* An in-doubt participant asks what was decided. Answered by `answer`: decision NONE = not yet,
 * ask again after retry_after_ms. Of an unknown id the answer ABORT is journaled first (S2). */
struct wire_inquire {
	struct slice id;   /* 2 */
	struct slice step; /* 3: name: its branch */
};

struct wire_cancel {
	struct slice id;         /* 2 */
	struct slice reason;     /* 3: text */
	uint64_t retry_until_at; /* 4: how long the tombstone of an unknown id is kept (S10) */
};

/* What the world sees of a saga. Numbers are stored: never change them. */
enum wire_state {
	WIRE_STATE_NONE = 0,
	WIRE_STATE_RUNNING = 1,
	WIRE_STATE_UNDOING = 2,
	WIRE_STATE_PARKED = 3,      /* still tried, needs an operator */
	WIRE_STATE_COMPLETED = 4,   /* final: every step ok */
	WIRE_STATE_COMPENSATED = 5, /* final: nothing left of it */
	WIRE_STATE_CANCELLED = 6,   /* final: cancelled before its submit (tombstone) */
	WIRE_STATE_FINISHING = 7,   /* decided to commit: only forward from here */
	WIRE_STATE_OPEN = 8,        /* interactive, and not closed yet */
};
static inline bool wire_state_final(uint32_t state)
{
	return state >= WIRE_STATE_COMPLETED && state <= WIRE_STATE_CANCELLED;
}

/* Durable, and never another one (invariant 11). */
enum wire_decision {
	WIRE_DECISION_NONE = 0,
	WIRE_DECISION_COMMIT = 1,
	WIRE_DECISION_ABORT = 2,
};

/* Why a saga is undone. */
enum wire_reason {
	WIRE_REASON_NONE = 0,
	WIRE_REASON_REJECTED = 1,
	WIRE_REASON_EXHAUSTED = 2,
	WIRE_REASON_DEADLINE = 3,
	WIRE_REASON_CANCELLED = 4,
	WIRE_REASON_REFUSED = 5, /* it never ran: its entry of the inbox was refused (S12) */
	WIRE_REASON_IDLE = 6,    /* interactive, and nobody came back in time (S9) */
};

enum wire_branch_state {
	WIRE_BRANCH_PENDING = 1,  /* forward not started */
	WIRE_BRANCH_ACTIVE = 2,   /* an operation is out or waits for its next attempt */
	WIRE_BRANCH_OK = 3,       /* forward done */
	WIRE_BRANCH_REJECTED = 4, /* forward definitely did nothing */
	WIRE_BRANCH_UNKNOWN = 5,  /* forward may have acted */
	WIRE_BRANCH_UNDOING = 6,
	WIRE_BRANCH_UNDONE = 7,
	WIRE_BRANCH_PARKED = 8,
	WIRE_BRANCH_SKIPPED = 9, /* never started, or nothing to undo */
	WIRE_BRANCH_FINISHING = 10,
	WIRE_BRANCH_DONE = 11,     /* finished; or it voted "read only" and wants no more */
	WIRE_BRANCH_SETTLING = 12, /* its unknown result is being found out, or blocked (S4, S23) */
	WIRE_BRANCH_ENLISTED = 13, /* interactive: may have acted already, not asked to prepare */
	WIRE_BRANCH_HEURISTIC = 14, /* it decided by itself: see the code (invariant 38) */
};

struct wire_branch_view {
	struct slice step;         /* 2: name */
	struct slice service;      /* 3: name */
	uint32_t state;            /* 4: enum wire_branch_state */
	uint32_t forward_attempts; /* 5 */
	uint32_t undo_attempts;    /* 6 */
	uint32_t code;             /* 7: err_to_wire of the last trouble */
	struct slice text;         /* 8: the participant's words on it */
	uint64_t next_at;          /* 9: when the next attempt starts, 0 = none waits */
	uint32_t finish_attempts;  /* 10 */
	uint32_t settle_attempts;  /* 11 */
	uint32_t kind;             /* 12: enum wire_protocol, where it is not a saga's step */
	uint32_t flags;            /* 13: enum wire_step_flag */
};

struct wire_answer {
	uint32_t code;           /* 2: 0 or err_to_wire(): 0 = the request was taken */
	struct slice id;         /* 3 */
	uint32_t state;          /* 4: enum wire_state */
	uint32_t reason;         /* 5: enum wire_reason */
	uint32_t shard;          /* 6 */
	uint64_t epoch;          /* 7: with record_number: clients drop older answers (S2) */
	uint64_t record_number;  /* 8 */
	uint32_t retry_after_ms; /* 9: with SAGA_E_BUSY */
	struct slice text;       /* 10: what is wrong and where */
	uint64_t accepted_at;    /* 11 */
	uint64_t deadline_at;    /* 12 */
	uint64_t finished_at;    /* 13 */
	struct wire_branch_view *branches;
	uint32_t branch_count;       /* 14: array; only in answers to a query */
	struct slice definition;     /* 15: name */
	uint32_t definition_version; /* 16 */
	struct wire_label *labels;
	uint32_t label_count; /* 17 */
	uint32_t decision;    /* 18: enum wire_decision */
	uint32_t heuristics;  /* 19: branches that decided by themselves (invariant 38) */
};

/* ---- owner <-> participant ------------------------------------------------------------------ */

struct wire_command {
	struct slice saga;        /* 2 */
	uint32_t step;            /* 3: index in the plan */
	struct slice step_name;   /* 4 */
	uint32_t op;              /* 5: enum wire_op */
	struct slice op_name;     /* 6: what the plan calls it, e.g. "charge" */
	struct uuid operation;    /* 7: bin 16 */
	uint32_t attempt;         /* 8: from 1 */
	uint64_t admission;       /* 9: the saga's admission number in its shard (S8) */
	uint32_t remaining_ms;    /* 10: of the attempt, when it was sent */
	struct slice input;       /* 11 */
	struct slice traceparent; /* 12 */
};

/* A frame holds commands of one shard for one service (S15). */
struct wire_command_frame {
	uint32_t shard;       /* 2 */
	uint64_t epoch;       /* 3 */
	uint64_t low_water;   /* 4: lowest unfinished admission number (S8) */
	struct slice service; /* 5 */
	struct wire_command *commands;
	uint32_t command_count; /* 6: array: 1..WIRE_FRAME_MAX */
	struct slice cluster;   /* 7: name */
	bool fallback; /* 8: a call, because durable copies of these commands met silence: see
			  whether the consumer is well (S14) */
};

enum wire_outcome {
	WIRE_OUTCOME_OK = 1,
	WIRE_OUTCOME_REJECTED = 2, /* final: recorded by the participant's barrier (S3) */
	WIRE_OUTCOME_RETRY = 3,    /* unknown; try again after retry_after_ms */
	WIRE_OUTCOME_PARK = 4,     /* unknown; do not try again soon */
	/* Still at it. From a handler (no retry_after_ms): begins the attempt's time anew. From the
	 * library (with retry_after_ms): it is in hand, no further copy is needed for so long; the
	 * attempt ends when it would have. */
	WIRE_OUTCOME_WORKING = 5,
	WIRE_OUTCOME_STALE = 6,   /* lower epoch: owner, send again (S24) */
	WIRE_OUTCOME_EXPIRED = 7, /* below the stored low-water mark (S8) */
	WIRE_OUTCOME_READ_ONLY =
		8, /* to a try or prepare: yes, and there is nothing to finish or undo */
	/* To finish or undo: the participant had decided by itself. code: SAGA_E_HEURISTIC_*. */
	WIRE_OUTCOME_HEURISTIC = 9,
};
/* What the participant's barrier met; 0 = first run. For counters and checks only. */
enum wire_barrier {
	WIRE_BARRIER_FIRST = 0,
	WIRE_BARRIER_DUPLICATE = 1,
	WIRE_BARRIER_EMPTY_UNDO = 2,
	WIRE_BARRIER_LATE_FORWARD = 3,
};

struct wire_reply {
	struct slice saga;       /* 2 */
	uint32_t step;           /* 3 */
	uint32_t op;             /* 4 */
	struct uuid operation;   /* 5 */
	uint32_t attempt;        /* 6: of the command that is answered */
	uint64_t epoch;          /* 7: of the command that is answered */
	uint32_t outcome;        /* 8: enum wire_outcome; another value is treated as unknown */
	uint32_t retry_after_ms; /* 9 */
	uint32_t code;           /* 10: err_to_wire */
	struct slice text;       /* 11 */
	struct slice output;     /* 12: bin */
	uint32_t barrier;        /* 13: enum wire_barrier */
};

/* Published to saga.v1.shard.<n>.reply.<service> with a reply subject for the dispositions. */
struct wire_reply_frame {
	uint32_t shard;        /* 2 */
	struct slice service;  /* 3 */
	struct slice instance; /* 4: name of the answering process, for people */
	struct wire_reply *replies;
	uint32_t reply_count; /* 5 */
};

enum wire_disposition_kind {
	WIRE_DISPOSITION_RECORDED = 1,
	WIRE_DISPOSITION_OBSOLETE = 2,
	WIRE_DISPOSITION_NOT_OWNER = 3,
};

struct wire_disposition {
	struct uuid operation; /* 2 */
	uint32_t attempt;      /* 3 */
	uint32_t kind;         /* 4 */
};

struct wire_disposition_frame {
	uint32_t shard; /* 2 */
	uint64_t epoch; /* 3 */
	struct wire_disposition *dispositions;
	uint32_t disposition_count; /* 4 */
};

/* ---- cluster and inspection ------------------------------------------------------------------ */

struct wire_info_request {
	bool verbose; /* 2: with nodes and shards */
};

struct wire_node_view {
	struct slice id;        /* 2 */
	struct slice address;   /* 3: text, for people */
	struct slice zone;      /* 4: text */
	struct slice version;   /* 5: text */
	uint32_t shards;        /* 6: how many it owns */
	uint32_t state;         /* 7: 1 ready, 2 stopping */
	uint64_t since_unix_ms; /* 8 */
};

/* As the owner key says it. */
enum wire_shard_state {
	WIRE_SHARD_UNOWNED,
	WIRE_SHARD_REPLAYING, /* taken, its journal is being read */
	WIRE_SHARD_SERVING,
	WIRE_SHARD_HALTED, /* its journal is damaged: an operator must act (S7) */
};

struct wire_shard_view {
	uint32_t shard;      /* 2 */
	struct slice owner;  /* 3: empty = none */
	uint64_t epoch;      /* 4 */
	struct slice target; /* 5: the plan's */
	uint32_t state;      /* 6: enum wire_shard_state */
	uint32_t code;       /* 7: of a halted one: why */
};

struct wire_info {
	struct slice cluster; /* 2: cluster id; empty = not initialised */
	uint32_t shard_count; /* 3 */
	struct slice slots;   /* 4: bin of 4096 bytes: slot -> shard */
	uint32_t format;      /* 5: journal format of the cluster */
	struct slice node;    /* 6: who answers */
	struct slice version; /* 7 */
	uint32_t code;        /* 8: e.g. SAGA_E_NOT_INITIALISED */
	struct wire_node_view *nodes;
	uint32_t node_count; /* 9 */
	struct wire_shard_view *shards;
	uint32_t shard_view_count; /* 10 */
	struct slice planner;      /* 11: node id or empty */
	uint64_t plan_version;     /* 12 */
	struct slice nats_version; /* 13: text */
	struct slice warnings;     /* 14: text: e.g. what an acknowledgement is worth here */
	uint32_t input_size_max;   /* 15 */
};

struct wire_list_request {
	uint32_t states; /* 2: bit (1 << state); 0 = all */
	uint64_t after;  /* 3: cursor: admission number, 0 = from the start */
	uint32_t limit;  /* 4: 1..WIRE_LIST_MAX */
	bool heuristic;  /* 5: only those with a heuristic branch */
};

struct wire_saga_view {
	struct slice id;         /* 2 */
	struct slice definition; /* 3 */
	uint32_t state;          /* 4 */
	uint32_t reason;         /* 5 */
	uint64_t admission;      /* 6 */
	uint64_t accepted_at;    /* 7 */
	uint64_t finished_at;    /* 8 */
	struct slice step;       /* 9: the step it is at, when open */
	uint32_t attempts;       /* 10: of that step */
	uint32_t code;           /* 11: last trouble */
	uint32_t decision;       /* 12: enum wire_decision */
	uint32_t heuristics;     /* 13 */
};

struct wire_list {
	uint32_t code;  /* 2 */
	uint32_t shard; /* 3 */
	uint64_t epoch; /* 4 */
	struct wire_saga_view *sagas;
	uint32_t saga_count; /* 5 */
	uint64_t next;       /* 6: cursor for the next page, 0 = end */
	uint32_t open;       /* 7: unfinished sagas on the shard */
	uint32_t parked;     /* 8 */
	uint64_t now_at;     /* 9: shard time */
};

struct wire_history_request {
	struct slice id;        /* 2 */
	uint64_t from_sequence; /* 3: cursor, 0 = from the saga's first batch */
};

struct wire_history_entry {
	uint64_t record_number; /* 2 */
	uint64_t at;            /* 3: shard time of its batch */
	uint64_t epoch;         /* 4 */
	struct slice record;    /* 5: bin: the record as it stands in the journal */
};

struct wire_history {
	uint32_t code;   /* 2 */
	struct slice id; /* 3 */
	uint32_t shard;  /* 4 */
	struct wire_history_entry *entries;
	uint32_t entry_count;   /* 5 */
	uint64_t next_sequence; /* 6: 0 = that was all */
};

struct wire_init_request {
	struct slice cluster; /* 2: name; empty = the nodes' configured one */
	uint32_t shard_count; /* 3: 1..128 */
	uint32_t replicas;    /* 4: 1, 3 or 5 */
};

struct wire_init {
	uint32_t code;        /* 2 */
	struct slice cluster; /* 3 */
	uint32_t shard_count; /* 4 */
	struct slice text;    /* 5 */
};

struct wire_alert {
	uint32_t shard;          /* 2 */
	uint64_t epoch;          /* 3 */
	uint64_t record_number;  /* 4: listeners deduplicate by (shard, record_number) */
	struct slice saga;       /* 5: empty: the alert is of the shard itself, which is halted */
	struct slice step;       /* 6 */
	uint32_t op;             /* 7 */
	uint32_t attempts;       /* 8 */
	uint32_t code;           /* 9 */
	struct slice text;       /* 10 */
	struct slice definition; /* 11 */
	struct slice service;    /* 12 */
};

#endif
