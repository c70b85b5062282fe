/* What the engine's own files share. Nothing outside txn/ and its tests includes this.
 *
 * Memory: entries (one per known saga: open, finished or tombstone) in a pool; the body of an open
 * saga in one block of the payload slab; plans are shared between sagas; ids and definition names
 * in their own slab, which is sized so that it cannot run out before the entries do.
 *
 * Who allocates: the fold alone, never a decision or a test whether something fits. So the slabs of
 * two engines that folded the same records are the same, block by block, and what the owner had
 * room for has room in every replay. The limits of the configuration are for admission; the fold
 * does not know them, only the room of the pools, which is TXN_SLACK times as much. So a journal
 * written under larger limits can be replayed too.
 */
#ifndef SAGAD_TXN_STATE_H
#define SAGAD_TXN_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/slab.h"
#include "base/timer_heap.h"
#include "txn/index.h"
#include "txn/protocol.h"
#include "txn/txn.h"
#include "wire/codec.h"
#include "wire/message.h"
#include "wire/record.h"

#define TXN_NONE UINT32_MAX
/* How long a saga stays listed in which some branch decided by itself: 30 days. */
#define TXN_HEURISTIC_KEPT_MS UINT64_C(2592000000)
/* Marks the owner field of a branch's timer; entries are numbered below it. */
#define TXN_TIMER_OF_BRANCH 0x80000000U

enum {
	TXN_SLACK = 2,          /* room of the pools over the limits of admission */
	TXN_OUTPUT_SHARE = 32,  /* bytes of output that every step is sure to get (S19) */
	TXN_TEXT_KEPT_MAX = 64, /* of a participant's words, for views; reserved like the output */
	TXN_STEP_SHARE = TXN_OUTPUT_SHARE + TXN_TEXT_KEPT_MAX,
	TXN_NAMES_SIZE = 128,     /* names slab per entry: id and definition at their longest */
	TXN_EVICT_PER_RECORD = 4, /* at least 2, so that eviction outruns admission */
	/* So that what is about to be forgotten is not carried over and over. */
	TXN_EVICT_PER_CARRY = 2 * WIRE_REMEMBERED_MAX,
	TXN_MARGIN_MIN_MS = 1000, /* nothing is forgotten within the step that finished it */
	TXN_RESEND_GAP_MS = 200,  /* between sends of one attempt */
	TXN_RESEND_CAP_MS = 5000, /* longest silence before a call is sent again */
	TXN_SILENT_MAX = 2,       /* durable attempts in silence before one goes as a call (S14) */
	/* How long copies are put off by a handler's heartbeat, and at most by a participant. */
	TXN_WORKING_HOLD_MS = 3000,
	TXN_WORKING_HOLD_MAX_MS = 30000,
	TXN_RETRY_AFTER_MAX_MS = 86400000,
	TXN_WAITERS_OF_SAGA_MAX = 64,
	TXN_BUSY_RETRY_MS = 500, /* the hint with BUSY is this, or the host's, and as much jitter */
	TXN_BUSY_RETRY_MAX_MS = 60000,
	/* Of one saga. With its input, labels and plan they must fit one message (S19): another
	 * owner gets the saga whole when its segment of the journal is retired. */
	TXN_OUTPUTS_MAX = 512 * 1024,
	TXN_STAMP_CREATED_MAX = 64,
	TXN_PARKED_SHARE = 10,    /* what is parked gets a tenth of resend_per_second */
	TXN_LIST_SCAN_MAX = 4096, /* entries looked at for one page */
	TXN_PENDING_MAX = 2048,   /* messages of one step */
	/* Of one tick: hosts queue what we say, and have other shards to serve. */
	TXN_TICK_COMMANDS_MAX = 256,
	TXN_TICK_BYTES_MAX = 1024 * 1024,
	TXN_PENDING_PER_EVENT = WIRE_STEPS_MAX + 8,
	TXN_RECORDS_PER_TIMER = 16384, /* bytes: AGAIN, DECISION, PARKED, FINISHED at their worst,
					  and refused inputs of all steps (flow.c) */
	TXN_SCRATCH_SIZE = 640 * 1024,
	TXN_ARENA_SIZE = 128 * 1024,
};

/* What a branch's operation waits for. Volatile. */
enum txn_wait {
	TXN_WAIT_NOTHING = 0, /* to be dispatched */
	TXN_WAIT_ANSWER,      /* an attempt is out; the timer ends it */
	TXN_WAIT_RETRY,       /* the timer starts the next attempt */
	TXN_WAIT_OPERATOR,    /* parked for good: only a late answer helps */
};

struct txn_branch {
	struct timer timer;    /* first: a timer is turned back into its branch. Volatile */
	struct uuid operation; /* of the operation class `op`, once has_operation. Volatile */
	uint64_t next_at;      /* folded: 0 or when the next attempt starts */
	uint64_t active_since; /* shard time when `op` began; near, so it is not in the hash */
	uint64_t sent_at;      /* of the attempt that is out. Volatile */
	uint64_t ends_at;      /* likewise: its timer may stand earlier, for one more copy */
	uint8_t *output;       /* in the share or its own block */
	uint32_t output_size;
	uint32_t entry;
	uint32_t code;              /* err_to_wire of the last trouble */
	uint32_t attempts[TXN_OPS]; /* journaled ones of each operation class: txn_attempts() */
	uint8_t result[TXN_OPS];    /* enum wire_branch_event that ended it, 0 = none yet */
	uint8_t class;              /* enum txn_class: follows from the plan */
	uint8_t step;
	uint8_t state; /* enum wire_branch_state */
	uint8_t op;    /* enum wire_op in progress or last, 0 = none yet */
	uint8_t wait;  /* enum txn_wait. Volatile */
	uint8_t text_size;
	bool has_operation;
	/* delivery.c; all volatile */
	uint8_t delivery; /* enum wire_delivery of the attempt that is out */
	uint8_t copies;   /* of it, beside the first one, since it was last heard of */
	uint8_t silent;   /* attempts in a row that nobody answered */
	bool fallback;    /* it goes by a call because of that */
	bool perhaps_out; /* taken over: what the owner before sent may still be in the stream */
	bool has_turn;    /* the next copy, or parked retry, has waited for its turn */
};
_Static_assert(offsetof(struct txn_branch, timer) == 0, "a timer is cast back to its branch");
_Static_assert(sizeof(struct txn_branch) <= 128, "H4: memory per open saga");

/* A resolved plan, shared by all open sagas that were accepted with an equal one. */
struct txn_plan {
	struct wire_plan plan;
	uint64_t hash;
	uint64_t identity; /* of the known plan that it was last found equal to, or 0. Volatile */
	uint64_t *after;   /* per step: the steps it depends on, as bits (wire_plan_edges) */
	uint64_t *dependents; /* per step: the steps that depend on it */
	uint32_t references;
	uint32_t block_size;
};

/* What only an unfinished saga has. One block: this, branches, labels, share, bytes. */
struct txn_body {
	struct txn_plan *plan;
	struct txn_branch *branches; /* plan->plan.step_count */
	struct wire_label *labels;
	uint8_t *share; /* TXN_STEP_SHARE per step: output, text */
	struct slice input;
	struct slice traceparent;
	uint64_t touched_at; /* interactive: its begin, or the last branch (S9) */
	uint32_t label_count;
	uint32_t block_size;
	uint32_t parked;                   /* branches */
	uint32_t open_previous, open_next; /* entries, by admission */
};

struct txn_entry {
	uint8_t *names;        /* id, then definition */
	struct txn_body *body; /* NULL = final */
	struct timer timer;    /* open: whole deadline (volatile); final: when to forget (folded) */
	struct hash128 body_hash;
	uint64_t admission;
	uint64_t accepted_at;
	uint64_t deadline_at;
	uint64_t finished_at;
	uint64_t retry_until_at;
	uint64_t first_record;
	uint64_t last_record;
	uint64_t whole_record;   /* the last one that tells all of it, but for what came later */
	uint32_t previous, next; /* all entries by admission; `next` chains free ones */
	uint32_t whole_previous, whole_next; /* all entries by whole_record */
	uint32_t waiters;                    /* first waiter; volatile */
	uint32_t definition_version;
	uint32_t code; /* why its entry of the inbox was refused, with that reason */
	uint8_t id_size;
	uint8_t definition_size;
	uint8_t state;      /* enum wire_state */
	uint8_t reason;     /* enum wire_reason */
	uint8_t decision;   /* enum wire_decision */
	uint8_t heuristics; /* branches that decided by themselves (38) */
};

_Static_assert(sizeof(struct txn_entry) <= 160, "what each remembered id costs, with its name");

struct txn_waiter {
	uint64_t reply_to;
	uint32_t entry;
	uint32_t previous, next; /* of the same entry; `next` chains free ones */
	bool decided;            /* wants to know what is decided, not the end of it */
};

enum txn_pending_kind {
	TXN_PENDING_COMMAND = 1,
	TXN_PENDING_ANSWER,
	TXN_PENDING_NOTIFY,  /* the outcome, to all waiters of the entry */
	TXN_PENDING_DECIDED, /* the decision, to those who wait for that */
	TXN_PENDING_DISPOSITION,
	TXN_PENDING_ALERT,
	TXN_PENDING_LIST,
};

/* A message of this step. It is built only when all records of the step are made, so that its gate
 * covers them (T1). */
struct txn_pending {
	uint8_t kind;
	uint8_t step;
	uint8_t op;
	bool final;
	bool with_branches;
	bool again;     /* a command that may have been sent before */
	uint32_t entry; /* or TXN_NONE */
	uint32_t attempt;
	uint32_t code;
	uint32_t retry_after_ms;
	uint32_t disposition;
	uint64_t reply_to;
	uint64_t record_number;
	struct slice id; /* when there is no entry */
	struct slice text;
	struct uuid operation;
};

/* What the pools hold: the fold fails with SAGA_E_NO_MEMORY only beyond it. */
struct txn_room {
	uint32_t open, entries, branches;
};

struct txn_shard {
	struct txn_limits limits; /* of admission */
	struct txn_config config;
	struct txn_room room;

	/* Folded state: a function of the records alone. */
	uint64_t last_record;
	uint64_t next_admission;
	uint64_t clock;         /* the latest time that a record told: eviction goes by it */
	uint64_t journal_epoch; /* of the latest epoch record */
	struct {
		uint64_t sequence;
		uint32_t created_size; /* 0 = nothing was read yet */
		uint8_t created[TXN_INBOX_CREATED_MAX];
	} inbox; /* the cursor of S12 */
	struct {
		uint64_t number, first_record, whole_from;
	} segment;               /* the last that began (S17) */
	uint64_t history_record; /* S25 */
	struct {
		struct hash128 slots;
		uint32_t shard_count; /* 0 = there was no GENESIS */
		uint32_t cluster_size, created_size;
		uint8_t cluster[ID_SIZE_MAX];
		uint8_t created[TXN_STAMP_CREATED_MAX];
	} stamp; /* what GENESIS said: each segment repeats it */
	struct txn_entry *entries;
	uint32_t entries_used, entries_top, entries_free;
	uint32_t first, last;             /* entries by admission */
	uint32_t open_first, open_last;   /* unfinished ones */
	uint32_t whole_first, whole_last; /* entries by whole_record */
	uint32_t open, parked, branches;
	struct slab names;
	struct slab payload;
	struct txn_index by_id, by_admission, by_plan;
	struct timer_heap forget;     /* finished sagas, by when they may be forgotten */
	struct timer_heap tombstones; /* the same of these: they have a share of their own */
	uint64_t open_plans;          /* bytes of the plans of unfinished sagas, each counted */

	/* A replay that began in the middle, until it is complete. */
	struct {
		bool incomplete;
		uint64_t first_record; /* where the replay began; 0 = nowhere yet */
		uint64_t admissions;   /* those below are from before that */
		uint64_t skipped;
	} replay;

	/* Volatile state. */
	uint64_t now;
	uint64_t epoch;
	uint64_t entropy, entropy_taken;
	uint32_t recent;         /* an entry that was looked up: its records are likely to follow */
	uint64_t parked_last_at; /* the last retry of what is parked that was planned */
	uint64_t parked_turn_at; /* when the next of them may leave */
	struct timer_heap timers;
	uint64_t old_copies_until; /* when what the owner before sent is too old to be handed out */
	uint64_t next_copy_us;     /* shard time: when the next copy of a call may leave (S16) */
	struct txn_waiter *waiters;
	uint32_t waiters_used, waiters_top, waiters_free;
	struct txn_index by_reply;
	struct txn_stats stats;

	/* The step under way. */
	struct txn_effects *effects; /* NULL outside of a step */
	const struct txn_event *event;
	uint64_t step_first_record; /* last_record when the step began */
	struct txn_pending *pending;
	uint32_t pending_count;
	uint32_t pending_commands;
	uint64_t pending_bytes; /* inputs that go out with them */
	struct {
		struct slice step, service;
		uint8_t step_name[ID_SIZE_MAX], service_name[ID_SIZE_MAX];
	} alert; /* of the last one: a reply makes one at most that outlives its saga */

	/* Scratch. */
	uint8_t *scratch;   /* TXN_SCRATCH_SIZE: body hash, reasons of refusal */
	struct arena arena; /* decoding of records */
	struct wire_step *steps;
	struct wire_branch_view *branch_views;
	struct wire_saga_view *saga_views;
};

static inline struct slice txn_entry_id(const struct txn_entry *e)
{
	return slice_of(e->names, e->id_size);
}
static inline struct slice txn_entry_definition(const struct txn_entry *e)
{
	return slice_of(e->names + e->id_size, e->definition_size);
}
static inline uint32_t txn_entry_number(const struct txn_shard *t, const struct txn_entry *e)
{
	return (uint32_t)(e - t->entries);
}
static inline uint32_t txn_step_count(const struct txn_body *body)
{
	return body->plan->plan.step_count;
}
static inline const struct wire_step *txn_step_of(const struct txn_body *body,
						  const struct txn_branch *b)
{
	return &body->plan->plan.steps[b->step];
}
static inline struct slice txn_branch_text(const struct txn_body *body, const struct txn_branch *b)
{
	return slice_of(body->share + (size_t)b->step * TXN_STEP_SHARE + TXN_OUTPUT_SHARE,
			b->text_size);
}
/* How long after a durable command was made some copy of it may be in the stream (S14). */
static inline uint64_t txn_copy_gone_ms(const struct txn_shard *t)
{
	return (uint64_t)t->config.command_age_ms + t->config.command_leave_ms;
}
static inline uint32_t *txn_attempts(struct txn_branch *b, uint32_t op)
{
	CHECK(op >= WIRE_OP_FORWARD && op <= TXN_OPS);
	return &b->attempts[op - WIRE_OP_FORWARD];
}
static inline uint8_t *txn_result(struct txn_branch *b, uint32_t op)
{
	CHECK(op >= WIRE_OP_FORWARD && op <= TXN_OPS);
	return &b->result[op - WIRE_OP_FORWARD];
}

/* ---- pool.c: entries, their order and their index ------------------------------------------ */

struct txn_entry *txn_entry_find(const struct txn_shard *t, struct slice id);
/* The same, but an entry whose time to be forgotten has come at `now` is not found. */
struct txn_entry *txn_entry_known(const struct txn_shard *t, struct slice id, uint64_t now);
struct txn_entry *txn_entry_by_admission(const struct txn_shard *t, uint64_t admission);
/* Whether the limits allow one more, now or when what is due is forgotten. */
bool txn_entry_free(const struct txn_shard *t);
bool txn_tombstone_free(const struct txn_shard *t);
/* Takes the next admission number. NULL when the pool is full. The caller sets state and body. */
struct txn_entry *txn_entry_add(struct txn_shard *t, struct slice id, struct slice definition);
void txn_entry_remove(struct txn_shard *t, struct txn_entry *e); /* of a final one */
void txn_open_link(struct txn_shard *t, struct txn_entry *e);
void txn_open_unlink(struct txn_shard *t, struct txn_entry *e);
/* The record that is being applied tells all of it (S17). */
void txn_whole_here(struct txn_shard *t, struct txn_entry *e);
/* For a replay that began in the middle: with the number that it had. The entries are in the order
 * of their admissions only when txn_entries_sort has made it, and so are the unfinished ones. */
struct txn_entry *txn_entry_restore(struct txn_shard *t, struct slice id, struct slice definition,
				    uint64_t admission);
void txn_entries_sort(struct txn_shard *t);

/* Once for a token, however often it asks. The oldest of too many waiters of a saga is told BUSY
 * and dropped. False when the pool is full. */
bool txn_waiter_add(struct txn_shard *t, struct txn_entry *e, uint64_t reply_to, bool decided);
void txn_waiter_remove(struct txn_shard *t, uint32_t number);

/* ---- plan.c, body.c -------------------------------------------------------------------------- */

/* Whether the fold can carry the plan at all: known kinds of steps, indexes in range, and one point
 * of no return at most (S4). */
bool txn_plan_sound(const struct wire_plan *plan);
/* The same of one that was carried: an interactive one has the steps that were enlisted. */
bool txn_plan_sound_carried(const struct wire_plan *plan);
bool txn_plan_equal(const struct wire_plan *a, const struct wire_plan *b);
bool txn_step_sound(const struct wire_step *step); /* of itself */
bool txn_step_equal(const struct wire_step *a, const struct wire_step *b);
bool txn_vote_sound(const struct wire_step *step); /* likewise of one that votes */
struct txn_plan *txn_plan_take(struct txn_shard *t, const struct wire_plan *plan); /* or NULL */
void txn_plan_release(struct txn_shard *t, struct txn_plan *plan);
/* Bytes of a new copy; 0 when an equal plan is held already. */
size_t txn_plan_measure(const struct txn_shard *t, const struct wire_plan *plan);

size_t txn_body_measure(const struct wire_record_accepted *r);
struct txn_body *txn_body_create(struct txn_shard *t, const struct wire_record_accepted *r,
				 uint32_t entry); /* or NULL */
void txn_body_destroy(struct txn_shard *t, struct txn_body *body);
/* The body of an interactive saga with one more step, or with another input: a new one, and the old
 * one is gone. False: no room, and nothing has changed. */
bool txn_body_change(struct txn_shard *t, struct txn_entry *e, const struct wire_step *step,
		     const struct slice *input);
/* Whether that fits, for a decision (S19). */
bool txn_body_change_fits(struct txn_shard *t, struct txn_entry *e, const struct wire_step *step,
			  const struct slice *input);
/* Whether it may be taken in, and can be (S19: found out before the record is made). Like all
 * questions they leave the state alone. */
bool txn_body_fits(const struct txn_shard *t, const struct wire_record_accepted *r);
bool txn_output_fits(const struct txn_shard *t, const struct txn_body *body, uint32_t size);
int txn_output_set(struct txn_shard *t, struct txn_body *body, struct txn_branch *b,
		   struct slice output) MUST_CHECK;
void txn_text_set(struct txn_body *body, struct txn_branch *b, struct slice text);
/* At most `max` bytes of text, not cutting a character of UTF-8. */
struct slice txn_text_cut(struct slice text, uint32_t max);

/* ---- lifecycle.c -------------------------------------------------------------------------------
 */

const char *txn_state_name(uint32_t state);
const char *txn_branch_state_name(uint32_t state);
bool txn_state_may(uint32_t from, uint32_t to);
bool txn_branch_may(uint32_t from, uint32_t to);
/* CHECK the tables, and end what was out or armed in the old state. */
void txn_entry_move(struct txn_shard *t, struct txn_entry *e, uint32_t to);
void txn_branch_move(struct txn_shard *t, struct txn_branch *b, uint32_t to);
/* To where decision and parked branches say that an open saga is. */
void txn_entry_settle(struct txn_shard *t, struct txn_entry *e);
/* Once only (invariant 11). */
void txn_entry_decide(struct txn_shard *t, struct txn_entry *e, uint32_t decision);

/* ---- graph.c -----------------------------------------------------------------------------------
 */

#define TXN_BIT(number) (UINT64_C(1) << (number))
/* The branches, as bits, whose state is in the set (bits 1 << enum wire_branch_state). */
uint64_t txn_branches_in(const struct txn_body *body, uint64_t states);
uint64_t txn_branches_all(const struct txn_body *body);
/* Nothing is left to undo. */
bool txn_undo_settled(const struct txn_body *body);
/* Every forward operation is over, and the saga can go on. */
bool txn_forward_over(const struct txn_body *body);
/* Some branch that said yes waits for what is decided. */
bool txn_finish_due(const struct txn_body *body);
bool txn_all_finished(const struct txn_body *body);
/* The branch without return that is out or has said yes (S4), or NULL. */
struct txn_branch *txn_no_return(const struct txn_body *body);
/* Begins what is ready: forward operations, and with a decision to commit what finishes them. */
void txn_graph_forward(struct txn_shard *t, struct txn_entry *e);
void txn_graph_undo(struct txn_shard *t, struct txn_entry *e);
/* The rule of the operation that is outstanding, or NULL. */
const struct txn_op_rule *txn_outstanding(const struct txn_branch *b);
const struct uuid *txn_operation(const struct txn_entry *e, struct txn_branch *b);

/* ---- apply*.c, remember.c, record.c -------------------------------------------------------------
 */

/* Folds one decoded record as number last_record + 1. 0, SAGA_E_STATE, SAGA_E_NO_MEMORY. */
int txn_fold(struct txn_shard *t, enum wire_kind kind, const void *record) MUST_CHECK;
int txn_find_open(struct txn_shard *t, uint64_t admission, struct txn_entry **entry) MUST_CHECK;
int txn_fold_branch(struct txn_shard *t, const struct wire_record_branch *r) MUST_CHECK;
int txn_fold_parked(struct txn_shard *t, const struct wire_record_parked *r) MUST_CHECK;
int txn_fold_decision(struct txn_shard *t, const struct wire_record_decision *r) MUST_CHECK;
int txn_fold_enlisted(struct txn_shard *t, const struct wire_record_enlisted *r) MUST_CHECK;
int txn_fold_closed(struct txn_shard *t, const struct wire_record_closed *r) MUST_CHECK;
int txn_fold_carried(struct txn_shard *t, const struct wire_record_carried *r) MUST_CHECK;
int txn_fold_remembered(struct txn_shard *t, const struct wire_record_remembered *r) MUST_CHECK;
int txn_fold_segment(struct txn_shard *t, const struct wire_record_segment *r) MUST_CHECK;
int txn_fold_history_mark(struct txn_shard *t, const struct wire_record_history_mark *r) MUST_CHECK;
/* What GENESIS or a segment says of the cluster: kept, or the same as before. */
int txn_stamp(struct txn_shard *t, const struct wire_record_genesis *r) MUST_CHECK;
/* Its saga was retired before the record that this replay began with, and comes later. */
bool txn_skipped(struct txn_shard *t, enum wire_kind kind, const void *record);
/* Moves the folded clock and forgets what is due, a bounded number at a time. */
void txn_clock_advance(struct txn_shard *t, uint64_t at);
void txn_forget_due(struct txn_shard *t, uint32_t count_max);
uint32_t txn_forget_count(const struct txn_shard *t); /* how many are due */
/* S5: whether this is a window that we can remember an id for; else `text`, made in scratch, says
 * what the limit is. */
bool txn_window_allowed(struct txn_shard *t, uint64_t retry_until_at, struct slice *text);
/* The latest end of a window that a submit which was sent by now may have. */
uint64_t txn_window_on_its_way(const struct txn_shard *t);
/* Until when an id that becomes final now is to be known: for the record that says so. */
uint64_t txn_remember_until(const struct txn_shard *t, uint64_t retry_until_at);
/* Turns an open entry into a remembered one, or starts the memory of a tombstone. */
void txn_remember(struct txn_shard *t, struct txn_entry *e, uint64_t until);
/* The heap that a final entry's timer is in, and the next timer of both heaps, or NULL. */
struct timer_heap *txn_memory_of(struct txn_shard *t, const struct txn_entry *e);
struct timer *txn_forget_next(const struct txn_shard *t);
bool txn_forgettable(const struct txn_shard *t, const struct txn_entry *e, uint64_t now);

/* Encodes a record of this step and folds it. Room was reserved, the state was looked at: a
 * failure is a bug. */
void txn_record(struct txn_shard *t, enum wire_kind kind, const void *record);
/* The same for ACCEPTED, whose encoding may fail: then nothing has changed. */
int txn_record_accepted(struct txn_shard *t, const struct wire_record_accepted *r) MUST_CHECK;
/* S2: a record of its own for a step that has none and tells absence or finality. */
void txn_record_noop(struct txn_shard *t);

/* ---- decide_*.c, attempt.c, dispatch.c
 * ----------------------------------------------------------- */

void txn_decide_submit(struct txn_shard *t, const struct wire_submit *submit);
void txn_decide_inbox(struct txn_shard *t, const struct txn_inbox_entry *entry);
/* What becomes of the entry in hand, once it is known: one of these, or effects->inbox_waits. */
void txn_inbox_taken(struct txn_shard *t, struct slice id);
void txn_inbox_refused(struct txn_shard *t, struct slice id, int code, struct slice text);
/* Only remembered so that somebody can ask: nobody holds this id. */
static inline bool txn_entry_refused(const struct txn_entry *e)
{
	return e->state == WIRE_STATE_CANCELLED && e->reason == WIRE_REASON_REFUSED;
}
static inline bool txn_from_inbox(const struct txn_shard *t)
{
	return t->event->kind == TXN_EVENT_INBOX;
}
void txn_decide_cancel(struct txn_shard *t, const struct wire_cancel *cancel);
void txn_decide_query(struct txn_shard *t, const struct wire_query *query);
void txn_decide_enlist(struct txn_shard *t, const struct wire_enlist *enlist);
void txn_decide_commit(struct txn_shard *t, const struct wire_commit *commit);
void txn_decide_inquire(struct txn_shard *t, const struct wire_inquire *inquire,
			struct slice service);
/* S11. False: refused. */
bool txn_addressed_here(struct txn_shard *t, struct slice id);
/* S10, S2: blocks an id that nobody holds, and answers that. */
void txn_block_unknown(struct txn_shard *t, struct slice id, uint64_t retry_until_at,
		       struct slice reason);
/* Answers the request of this step, and puts it among the waiters when it wants to wait and there
 * is something to wait for. */
void txn_answer_or_wait(struct txn_shard *t, struct txn_entry *e, bool wait, uint32_t until);
/* Whoever waits for the decision is told it. */
void txn_notify_decided(struct txn_shard *t, const struct txn_entry *e);
void txn_decide_list(struct txn_shard *t);
void txn_decide_reply(struct txn_shard *t, const struct wire_reply *reply, struct slice service,
		      struct slice instance);
void txn_decide_timers(struct txn_shard *t);
void txn_decide_carry(struct txn_shard *t, const struct txn_carry *carry);
void txn_decide_segment(struct txn_shard *t, const struct txn_segment *segment);
void txn_decide_history(struct txn_shard *t, uint64_t record);
/* What CARRY writes at least. */
uint64_t txn_carry_worst_case(const struct txn_shard *t, const struct txn_carry *carry);

/* Why an attempt came to nothing. */
struct txn_failure {
	uint32_t code;
	struct slice text;
	struct slice instance;
	uint32_t retry_after_ms;
	uint32_t barrier;
	bool give_up; /* PARK: do not try again soon */
};
void txn_attempt_failed(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b,
			const struct txn_failure *why);
void txn_attempt_park(struct txn_shard *t, const struct txn_entry *e, struct txn_branch *b,
		      uint32_t attempt, const struct txn_failure *why);
/* What follows from the state: decision, finish, dispatch of what became ready. */
void txn_advance(struct txn_shard *t, struct txn_entry *e);
/* Arms the timer of what ends the way to a decision: the deadline, or how long nobody may come back
 * (S9). */
void txn_entry_arm(struct txn_shard *t, struct txn_entry *e);
/* Whether txn_advance has a record to make. */
bool txn_advance_due(const struct txn_entry *e);
void txn_decide_undo(struct txn_shard *t, struct txn_entry *e, uint32_t reason,
		     const struct txn_branch *cause, struct slice text);
/* Starts, or arms the start of, every outstanding operation that waits for nothing. */
void txn_dispatch(struct txn_shard *t, struct txn_entry *e);
void txn_attempt_start(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b);
void txn_attempt_again(struct txn_shard *t, struct txn_branch *b); /* the same attempt */
/* Its timer is due: one more copy, or the end of it. */
void txn_attempt_due(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b);
uint64_t txn_attempt_end(const struct txn_shard *t, const struct txn_body *body,
			 const struct txn_branch *b);
uint64_t txn_backoff_ms(const struct wire_retry *retry, uint32_t attempt, uint64_t entropy);
uint64_t txn_random(struct txn_shard *t);
/* When what is parked is tried next; 0 = never. */
uint64_t txn_parked_next_at(struct txn_shard *t);
/* Times may be planned by several owners, and be over when a new one begins: so a retry that is due
 * also waits for its turn. False: not yet; the timer is armed for it. */
bool txn_parked_turn(struct txn_shard *t, struct txn_branch *b);

/* ---- flow.c ------------------------------------------------------------------------------------
 */

/* In scratch, until the next one; SAGA_E_TOO_LARGE, and what else wire_pick_fill says. */
int txn_input_of(struct txn_shard *t, const struct txn_body *body, const struct txn_branch *b,
		 struct slice *input) MUST_CHECK;
/* At most so many bytes. */
uint32_t txn_input_bound(const struct txn_body *body, const struct txn_branch *b);
/* Refuses the forward operations that are to begin with an input that cannot be made. */
void txn_refuse_inputs(struct txn_shard *t, struct txn_entry *e);
/* The same of one that a new owner is about to send: the one before may have died over it. True:
 * refused, and what follows from that is done. */
bool txn_refuse_input(struct txn_shard *t, struct txn_entry *e, struct txn_branch *b);

/* ---- delivery.c
 * -------------------------------------------------------------------------------- */

/* For the attempt that starts: whether the owner before may have sent it. */
bool txn_delivery_choose(const struct txn_shard *t, struct txn_branch *b,
			 const struct wire_step *step);
/* Arms the timer of the attempt that has just been sent. */
void txn_delivery_wait(struct txn_shard *t, struct txn_branch *b);
/* The attempt is over and nobody answered. */
void txn_delivery_silence(struct txn_branch *b);
/* Whether a copy is to be sent now; the timer is armed either way. */
bool txn_delivery_copy_due(struct txn_shard *t, struct txn_branch *b);
/* The participant asked for the attempt once more. */
void txn_delivery_again(struct txn_shard *t, struct txn_branch *b);
void txn_delivery_working(struct txn_shard *t, const struct txn_body *body, struct txn_branch *b,
			  const struct wire_reply *reply);

/* ---- answer.c, view.c
 * ---------------------------------------------------------------------------- */

struct txn_pending *txn_pend(struct txn_shard *t, enum txn_pending_kind kind);
/* An answer to the request of this step; NULL entry: about `id`. */
struct txn_pending *txn_pend_answer(struct txn_shard *t, struct txn_entry *e, struct slice id,
				    int code);
/* Tells operators of the record that was just made about a branch. */
void txn_pend_alert(struct txn_shard *t, const struct txn_branch *b, uint32_t attempt,
		    uint32_t code, struct slice text);
/* The final one to another request, which has to come again. */
void txn_pend_dismissal(struct txn_shard *t, const struct txn_entry *e, uint64_t reply_to);
/* A hint with BUSY, with jitter: those who are sent away must not come back together. */
uint32_t txn_busy_retry_ms(struct txn_shard *t);
void txn_emit_all(struct txn_shard *t);
uint32_t txn_view_branches(const struct txn_shard *t, struct txn_entry *e);
void txn_view_list(const struct txn_shard *t, const struct wire_list_request *request,
		   struct wire_list *list);

/* ---- verify.c
 * ------------------------------------------------------------------------------------ */

/* Walks everything and returns what is wrong, or NULL. `live`: after txn_resume. For tests:
 * O(state). */
const char *txn_verify(const struct txn_shard *t, bool live);
/* The same of one unfinished saga. */
const char *txn_verify_open(const struct txn_shard *t, const struct txn_entry *e, bool live);

#endif
