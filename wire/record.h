/* The records of a shard's journal: what is folded into its state (txn/apply.c). Numbers in
 * comments are wire keys; a record is never given another meaning (S18). The borrowed slices, names
 * and times are those of wire/message.h.
 */
#ifndef SAGAD_WIRE_RECORD_H
#define SAGAD_WIRE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/slice.h"
#include "wire/message.h"

struct wire_record_genesis {
	struct slice cluster; /* 2 */
	uint32_t shard;       /* 3 */
	uint32_t shard_count; /* 4 */
	struct hash128 slots; /* 5: bin 16: hash of the 4096-byte slot table (S7) */
	struct slice created; /* 6: text: the stream's creation time as the server says it */
};

struct wire_record_epoch {
	uint64_t epoch;    /* 2 */
	struct slice node; /* 3 */
	uint64_t nonce;    /* 4: of the writer */
	uint32_t format;   /* 5: journal format of what follows (S18) */
	uint64_t unix_ms;  /* 6: the node's wall clock, for people and for S16's clamp */
};

struct wire_record_accepted {
	struct slice saga;        /* 2 */
	uint64_t admission;       /* 3 */
	struct hash128 body_hash; /* 4: bin 16 */
	struct wire_plan plan;    /* 5 */
	struct slice input;       /* 6 */
	uint64_t accepted_at;     /* 7 */
	uint64_t deadline_at;     /* 8 */
	uint64_t retry_until_at;  /* 9: as in the submit */
	struct wire_label *labels;
	uint32_t label_count;     /* 10 */
	struct slice traceparent; /* 11 */
};

/* What became of one attempt of one operation. */
enum wire_branch_event {
	WIRE_EVENT_OK = 1,         /* the operation is done */
	WIRE_EVENT_REJECTED = 2,   /* forward, settle: definite no */
	WIRE_EVENT_AGAIN = 3,      /* the attempt failed or fell silent; next one at next_at */
	WIRE_EVENT_UNKNOWN = 4,    /* forward given up; it may have acted */
	WIRE_EVENT_DISPATCHED = 5, /* undo (or a step without implied intent) is about to be sent */
	WIRE_EVENT_READ_ONLY = 6,  /* forward of TCC and 2PC: ok, and nothing to finish or undo */
	WIRE_EVENT_HEURISTIC = 7,  /* finish or undo: ended by the participant's own decision */
};

struct wire_record_branch {
	uint64_t admission;    /* 2: which saga */
	uint32_t step;         /* 3 */
	uint32_t op;           /* 4 */
	uint32_t event;        /* 5: enum wire_branch_event */
	uint32_t attempt;      /* 6: the attempt this speaks of, from 1 */
	uint32_t code;         /* 7 */
	struct slice text;     /* 8 */
	struct slice output;   /* 9 */
	uint64_t next_at;      /* 10: with AGAIN */
	struct slice instance; /* 11: who answered; empty on silence */
	uint32_t barrier;      /* 12 */
};

struct wire_record_decision {
	uint64_t admission; /* 2 */
	uint32_t reason;    /* 3: enum wire_reason: why it is undone; NONE with verdict COMMIT */
	uint32_t step;      /* 4: which step caused it, where one did */
	struct slice text;  /* 5 */
	bool has_step;      /* 6 */
	uint32_t verdict;   /* 7: enum wire_decision; 0 = ABORT, as in all records before it */
};

/* A branch of an interactive transaction (S9). */
struct wire_record_enlisted {
	uint64_t admission;    /* 2 */
	struct wire_step step; /* 3: resolved */
	uint64_t at;           /* 4 */
};

/* The set of branches is complete: they are to be prepared. */
struct wire_record_closed {
	uint64_t admission; /* 2 */
	bool has_input;     /* 3 */
	struct slice input; /* 4 */
	uint64_t at;        /* 5 */
};

struct wire_record_parked {
	uint64_t admission; /* 2 */
	uint32_t step;      /* 3 */
	uint32_t op;        /* 4 */
	uint32_t attempts;  /* 5 */
	uint32_t code;      /* 6 */
	struct slice text;  /* 7 */
	uint64_t next_at;   /* 8: 0 = never by itself */
};

struct wire_record_finished {
	uint64_t admission; /* 2 */
	uint32_t state;     /* 3: final enum wire_state */
	uint64_t at;        /* 4 */
	/* Until when the id stays known (S5). It is written down because the margin is configured,
	   and whoever folds this must forget at the same record. */
	uint64_t remember_until_at; /* 5 */
};

/* Cancel of an unknown id: refuses the later submit (S10). Also used for nothing else. */
struct wire_record_tombstone {
	struct slice saga;          /* 2 */
	uint64_t retry_until_at;    /* 3 */
	struct slice reason;        /* 4 */
	uint64_t at;                /* 5: shard time; forgetting goes by times in records only */
	uint64_t remember_until_at; /* 6: as of wire_record_finished */
};

/* How far the durable inbox has been read (S12): in one batch with what the entry led to. */
struct wire_record_inbox {
	struct slice created; /* 2: text: the stream's creation time as the server says it */
	uint64_t sequence;    /* 3: all up to here is done with; 0 = read it from its beginning */
	uint32_t code;        /* 4: 0 = taken, now or before; else why it was refused */
	struct slice saga;    /* 5: its id, where one can be read */
	struct slice tenant;  /* 6: who published it, by the subject */
	struct slice text;    /* 7: what is wrong and where */
	uint64_t at;          /* 8 */
	/* A refused id that nobody else holds is remembered until then; 0 = it is not. */
	uint64_t remember_until_at; /* 9 */
};

struct wire_record_noop {
	uint32_t unused; /* 2: always 0 */
};

/* ---- carry-forward (S17) ----------------------------------------------------------------------
 */

enum { WIRE_REMEMBERED_MAX = 256 };

struct wire_carried_branch {
	uint32_t state;            /* 2: enum wire_branch_state */
	uint32_t op;               /* 3: enum wire_op under way, or the last one; 0 = none yet */
	uint32_t forward_attempts; /* 4: those that the journal has counted */
	uint32_t finish_attempts;  /* 5 */
	uint32_t undo_attempts;    /* 6 */
	uint32_t settle_attempts;  /* 7 */
	uint32_t forward_result;   /* 8: enum wire_branch_event that ended it; 0 = none yet */
	uint32_t finish_result;    /* 9 */
	uint32_t undo_result;      /* 10 */
	uint32_t settle_result;    /* 11 */
	uint32_t code;             /* 12: of the last trouble */
	struct slice text;         /* 13: as much of its words as is kept */
	struct slice output;       /* 14 */
	uint64_t next_at;          /* 15: when the next attempt starts; 0 = it waits for none */
	uint64_t began_at;         /* 16: when `op` began, for its budget */
};

/* An unfinished transaction, whole: it takes the place of all records about it that stand before.
 * The first keys are those of `accepted`. */
struct wire_record_carried {
	struct slice saga;        /* 2 */
	uint64_t admission;       /* 3 */
	struct hash128 body_hash; /* 4 */
	struct wire_plan plan;    /* 5: interactive ones with the steps that were enlisted */
	struct slice input;       /* 6 */
	uint64_t accepted_at;     /* 7 */
	uint64_t deadline_at;     /* 8 */
	uint64_t retry_until_at;  /* 9 */
	struct wire_label *labels;
	uint32_t label_count;     /* 10 */
	struct slice traceparent; /* 11 */
	uint64_t first_record;    /* 12: its first one, which may have left the journal */
	uint64_t last_record;     /* 13: the last one of what happened to it, before this */
	uint32_t state;           /* 14: enum wire_state, not final */
	uint32_t decision;        /* 15: enum wire_decision */
	uint32_t reason;          /* 16: enum wire_reason */
	uint64_t touched_at;      /* 17: interactive: when somebody came last (S9) */
	struct wire_carried_branch *branches;
	uint32_t branch_count; /* 18: array: one for each step, in the order of the plan */
};

/* An id that is final, or blocked, and still known (S5). */
struct wire_remembered {
	struct slice saga;           /* 2 */
	uint64_t admission;          /* 3 */
	uint32_t state;              /* 4: final enum wire_state */
	uint32_t decision;           /* 5 */
	uint32_t reason;             /* 6 */
	struct slice definition;     /* 7: empty: it never became a saga */
	uint32_t definition_version; /* 8 */
	struct hash128 body_hash;    /* 9 */
	uint64_t accepted_at;        /* 10 */
	uint64_t deadline_at;        /* 11 */
	uint64_t finished_at;        /* 12 */
	uint64_t retry_until_at;     /* 13 */
	uint64_t remember_until_at;  /* 14 */
	uint64_t first_record;       /* 15 */
	uint64_t last_record;        /* 16 */
	uint32_t code;               /* 17: why its entry of the inbox was refused */
	uint32_t heuristics;         /* 18 */
};

struct wire_record_remembered {
	struct wire_remembered *ids;
	uint32_t id_count; /* 2: array: 1..WIRE_REMEMBERED_MAX */
};

/* The first record of a segment: what the shard's state holds beside its transactions. */
struct wire_record_segment {
	uint64_t number; /* 2: of the segment that begins; the one with `genesis` is 0 */
	/* Whatever lives stands whole in the records from here on: segments that end before it are
	   not needed any more, and go with the batch that this is in. */
	uint64_t whole_from; /* 3 */
	/* What `genesis` said. */
	struct slice cluster; /* 4 */
	uint32_t shard;       /* 5 */
	uint32_t shard_count; /* 6 */
	struct hash128 slots; /* 7 */
	struct slice created; /* 8 */

	uint64_t next_admission; /* 9 */
	uint64_t clock_at; /* 10: the latest time that a record told: ids are forgotten by it */
	uint64_t epoch;    /* 11: of the last epoch record; 0 = there was none */
	struct slice inbox_created; /* 12: the cursor of the inbox; empty = nothing was read yet */
	uint64_t inbox_sequence;    /* 13 */
	uint64_t history_record;    /* 14: as of the last history record */
	/* What is due by the clock is forgotten with this record. */
	uint32_t known; /* 15: how many ids are known then */
	uint32_t open;  /* 16: of these, how many are unfinished */
};

/* How far the history stream has what was journaled (S25). */
struct wire_record_history_mark {
	uint64_t record; /* 2: all up to here */
};

#endif
