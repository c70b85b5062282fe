/* What the journals say, for the judges: by a reader that shares nothing with the product's but the
 * codec. Times are those when the batch was stored; order 0 = never. */
#ifndef SAGAD_TESTS_JUDGE_FACTS_H
#define SAGAD_TESTS_JUDGE_FACTS_H

#include "base/arena.h"
#include "tests/judge/judge.h"
#include "wire/batch.h"
#include "wire/record.h"

/* Of one operation class of a branch. */
struct facts_attempts {
	uint32_t failed;     /* attempts that are recorded as such: the newest one's number */
	uint32_t newest;     /* that anything was recorded of */
	uint64_t next_at;    /* shard time: the next one not before */
	struct moment since; /* when that was stored */
	uint64_t since_at;   /* and the shard time of its batch */
};

struct facts_branch {
	/* ok, rejected: of the forward operation, or what its settling found */
	struct moment ok, rejected, unknown, undone, read_only, finished, heuristic, enlisted;
	struct facts_attempts attempts[HISTORY_OPS];
	uint64_t edges; /* bits: those it waits for, with what S4 adds */
	bool parked;
	uint32_t replies[HISTORY_OPS]; /* by the judge of replies: the newest + 1 */
	/* By the judge of commands. */
	struct moment sent[HISTORY_OPS];    /* first */
	struct moment retried[HISTORY_OPS]; /* first behind the last failure */
	uint32_t sends[HISTORY_OPS];        /* after the healing */
	uint64_t input;
	/* By the judge of the ledger. */
	struct facts_net {
		uint32_t work, done, read_only, refused, finished, undone, heuristics;
		bool undo_came, blocked, one_phase;
		struct moment worked, voted, ended, undo;
	} net;
};

/* The state of a saga from that record on. */
struct facts_turn {
	uint64_t record;
	struct moment at;
	uint32_t state;
	bool parked;   /* some branch is */
	uint32_t next; /* + 1 */
};

struct facts_saga {
	struct moment submitted; /* by the judge of keys: first, also through the inbox */
	struct moment accepted, abort, commit, finished, tombstone, refused, closed;
	uint32_t accepted_times, decision_times, finished_times;
	uint32_t final_state, reason, heuristics, parked;
	uint32_t accepted_shard;
	uint64_t accepted_at, deadline_at; /* shard time */
	uint64_t closed_at;
	bool one_phase;        /* its one branch is told to do it all at once */
	bool other_body;       /* that of HISTORY_CONFLICT was accepted */
	uint32_t member_count; /* interactive: enlisted branches */
	uint64_t accepted_batch;
	uint64_t taken_batch; /* the first that counts an entry of the inbox for it as taken */
	uint32_t first_turn, last_turn; /* + 1 */
	uint64_t told_record;           /* by the judge of status */
	uint64_t whole_record;          /* the last one that tells all of it (S17) */
};

/* A record that somebody's answer led to (27). */
struct facts_outcome {
	uint32_t saga, step, op, event, attempt;
	struct moment at;
};

struct facts_entry {
	struct moment at;
	uint32_t code;
};

/* One owner's time. */
struct facts_epoch {
	struct moment at;
	uint64_t epoch;
	uint32_t node; /* or HISTORY_NONE */
};

/* A journal's ring (docs/decisions/0006). */
enum { FACTS_SEGMENTS = 4 };

struct facts_shard {
	uint64_t epoch, nonce;
	struct hash128 hash;
	uint32_t read;              /* batches */
	uint64_t time, time_before; /* shard time of this batch, and of the one before by the
				       same owner */
	struct moment *records;     /* by record number, from 1 */
	uint64_t record_count;
	uint32_t record_capacity;
	uint32_t *saga_of; /* by admission: saga + 1 */
	uint32_t saga_of_capacity;
	struct facts_epoch *epochs;
	uint32_t epoch_count, epoch_capacity;
	char created[64]; /* the inbox's cursor */
	uint32_t created_size;
	uint64_t sequence;
	uint64_t segment, segments[FACTS_SEGMENTS]; /* number of the newest; first records */
	uint64_t history_record;                    /* history has all up to it (S25) */
};

struct facts {
	const struct history *history;
	const struct judge_options *options;
	struct verdict *verdict;
	struct facts_saga *sagas;
	struct facts_branch *branches; /* as history->steps */
	uint32_t *members;             /* as history->steps: of the n-th enlisted, its step */
	struct facts_entry *entries;
	uint32_t saga_count, branch_count, entry_count;
	struct facts_shard *shards;
	struct facts_outcome *outcomes;
	uint32_t outcome_count, outcome_capacity;
	struct facts_turn *turns;
	uint32_t turn_count, turn_capacity;
	uint32_t open, entries_read;
	void *arena_memory;
	/* Of the batch that is read. */
	uint32_t shard;
	struct moment now;
	uint64_t position;
};

static inline struct facts_branch *facts_branch_of(const struct facts *f, uint32_t saga,
						   uint32_t step)
{
	return &f->branches[f->history->sagas[saga].first_step + step];
}
/* An interactive transaction's branch that nobody has enlisted does not. */
static inline bool facts_takes_part(const struct facts *f, uint32_t saga, uint32_t step)
{
	return !history_interactive(&f->history->sagas[saga]) ||
	       facts_branch_of(f, saga, step)->enlisted.order != 0;
}
/* S4: nothing takes it back. */
static inline bool facts_irrevocable(const struct facts *f, uint32_t saga, uint32_t step)
{
	return history_step_of(f->history, saga, step)->class == HISTORY_PIVOT ||
	       f->sagas[saga].one_phase;
}
/* What its service says and what it did are two things: nothing is asked of the latter. */
static inline bool facts_lies(const struct facts *f, uint32_t saga, uint32_t step)
{
	return (f->history->liars >> (history_step_of(f->history, saga, step)->service & 63) & 1) !=
	       0;
}
/* It needs somebody who stays away for ever. */
bool facts_excused(const struct facts *f, uint32_t saga);
/* Some of these are open on the shard, so that it may be out of room. */
bool facts_full(const struct facts *f, uint32_t shard);
bool facts_has_liar(const struct facts *f, uint32_t saga);
/* By the time of the journal's last batch its id was not forgotten (S5). */
bool facts_remembered(const struct facts *f, uint32_t saga);
/* The owner at that order: NULL = nobody yet. */
const struct facts_epoch *facts_epoch_at(const struct facts *f, uint32_t shard, uint64_t order);
/* The one with that number, or NULL. */
const struct facts_epoch *facts_epoch_find(const struct facts *f, uint32_t shard, uint64_t epoch);
/* For texts: ms since the begin. */
uint64_t facts_ms(const struct facts *f, struct moment at);

/* facts_records.c */
void facts_take_record(struct facts *f, struct slice record);
void facts_damaged(struct facts *f, uint32_t invariant, const char *what, uint64_t number);
/* facts_carry.c */
void facts_take_carried(struct facts *f, uint32_t saga, const struct wire_record_carried *r);
void facts_take_remembered(struct facts *f, const struct wire_remembered *r);
void facts_take_segment(struct facts *f, const struct wire_record_segment *r);
void facts_take_history_mark(struct facts *f, const struct wire_record_history_mark *r);
/* facts_edges.c: S4, by the client's plan */
void facts_edges(struct facts *f, uint32_t saga);
/* judge_attempts.c: before the fold takes it in */
void judge_attempt(struct facts *f, uint32_t saga, uint32_t step,
		   const struct wire_record_branch *record);
void judge_parked(struct facts *f, uint32_t saga, uint32_t step,
		  const struct wire_record_parked *record);

/* The judges, each over all of it. */
void judge_journal(struct facts *f);
void judge_wire(struct facts *f);
void judge_ledger(struct facts *f);
void judge_replies(struct facts *f);
void judge_bank(struct facts *f);
void judge_answers(struct facts *f);
void judge_status(struct facts *f);
void judge_set(struct facts *f);
void judge_inbox(struct facts *f);
void judge_states(struct facts *f);
void judge_time(struct facts *f);
void judge_resource(struct facts *f);

#endif
