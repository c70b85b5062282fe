/* The engine of one shard: a pure state machine over transactions.
 *
 * Time, entropy and ids come in with each event; effects come out as data: records to append,
 * messages to send once those records are durable, and the next deadline. Same events, same
 * effects, byte for byte. One engine serves one shard; engines share nothing; not thread-safe.
 *
 * How state changes: txn_step *decides* what an event means, writes that down as records, and
 * then *applies* those very records with the code that replay uses. So state is always a fold of
 * the journal (facts are journaled, not commands), and replay never decides anything again. What is
 * volatile (timers of attempts, who waits for an outcome, "an operation is out") is rebuilt by
 * txn_resume and never stands in the folded state or its hash.
 *
 * Invariants (numbers of the reliability catalogue are cited at the code):
 *  T1  every message carries as its gate the newest record number that memory held when it was
 *      made (S1); the caller sends it only when the journal is durable up to there.
 *  T2  an answer that tells absence or finality in reply to a request (not found, obsolete,
 *      duplicate of a finished saga, ...) has a record of its own step behind it: a NOOP when the
 *      step made no other (S2). Plain status queries are exempt: they carry (epoch, record); so
 *      are replies that want no disposition, as nothing is answered.
 *  T3  an operation is dispatched only if a durable record implies it: a forward one ACCEPTED (or
 *      CLOSED) and that all it depends on is ok, or done without (invariants 12, 17); finish the
 *      decision to commit, and the end of all forward work (13); undo the DECISION to abort, and
 *      the undo of everything that depends on it (16), or the unknown result of an optional step
 *      (S23); settle an unknown result.
 *  T4  unknown is not no: a forward that was dispatched and has no definite rejection is undone
 *      when the saga is undone (24), and is settled where nothing undoes it. The first definite
 *      answer stands (28).
 *  T5  attempts count in the journal and survive take-over (26).
 *  T6  nothing is forgotten before retry_until + margin (S5); when that is stands in the journal,
 *      so that another margin never changes what a replay holds.
 *  T7  there is one decision, and it never changes (11). With a branch out that nothing takes back
 *      there is no abort without its definite no; its ok is the decision to commit (S4).
 *  T8  what is enlisted may have acted: it is in the journal before anybody is told so, and an
 *      abort reaches every branch of it (S9).
 *  T9  carrying forward (S17) changes nothing but where things stand in the journal: but for the
 *      numbers of records, every message is as it would have been without it.
 */
#ifndef SAGAD_TXN_TXN_H
#define SAGAD_TXN_TXN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "wire/message.h"
#include "wire/shard.h"

struct txn_meter;
struct txn_shard;

/* Limits of admission, fixed at start: beyond them new work is refused with SAGA_E_BUSY (S19). They
 * may differ from node to node and be changed with any restart: the pools have room for twice as
 * much, so that what another configuration took in can be replayed. Replay itself knows no limits
 * but that room. */
struct txn_limits {
	uint32_t open_max;       /* unfinished sagas, 1..4,000,000 */
	uint32_t remembered_max; /* finished ids and tombstones (S5); an open saga has its place in
				    the sum of both from its admission on. Tombstones, which anybody
				    can make for any id, may be half of it */
	uint32_t branches_max;   /* steps of all unfinished sagas together */
	uint32_t waiters_max;    /* reply tokens waiting for outcomes; of one saga at most 64: one
				    more takes the place of the oldest, which gets a final answer
				    with SAGA_E_BUSY */
	uint64_t payload_max;    /* bytes of plans, inputs, outputs of unfinished sagas */
	uint32_t parked_max;     /* parked sagas; 0 = half of open_max. When as many wait for
				    somebody to act, no new saga is taken in; those that run, run */
};

/* Clocks of senders may be ahead of ours by this much. */
enum { TXN_CLOCK_TOLERANCE_MS = 60000 };

struct txn_config {
	uint32_t shard;
	const struct wire_slots *slots; /* borrowed for the engine's life; checks S11 */
	uint32_t retry_window_max_ms;   /* most that retry_until may lie ahead (S5): a request that
					   asks for more than this and TXN_CLOCK_TOLERANCE_MS is
					   refused, since it is not capped: its sender would not know
					   that the id is forgotten within its window */
	uint32_t remember_margin_ms;    /* what becomes final is kept this much longer */
	uint32_t parked_retry_ms;       /* 0 = never; see resend_per_second */
	uint32_t command_age_ms;        /* broker's age limit of a durable command: no re-send after
					   silence before it (S14) */
	uint32_t command_leave_ms; /* a durable command leaves within so much shard time of being
				      made, or never: the caller sees to it. The broker counts the
				      age from when it arrives, so the attempt lasts that much
				      longer */
	uint32_t deadline_max_ms;
	uint32_t resend_per_second; /* pacing after take-over (S16), of copies of calls, and at a
				       tenth of it of what is parked (S19); 0 = no pacing */
	uint32_t resend_after_ms;   /* silence before a call is sent again, then doubling; 0 = not
				       before its attempt is over */
	struct txn_meter *meter;    /* txn/meter.h; borrowed. NULL = nothing is counted */
};

/* The most memory that an engine of these limits touches as long as no journal brings more than
 * they allow: the formula of docs/configuration.md. */
size_t txn_memory_ceiling(const struct txn_limits *limits);
/* The memory an engine of these limits needs, with room for twice as much. Reserve it as zeroed
 * address space (MAP_NORESERVE): pages are touched on first use. */
size_t txn_memory_size(const struct txn_limits *limits);
/* Lays the engine out in `memory` (zeroed, 64-byte aligned, kept by the caller until it stops
 * using the engine; there is no destroy). CHECKs sizes. */
struct txn_shard *txn_create(void *memory, size_t size, const struct txn_limits *limits,
			     const struct txn_config *config);

/* ---- replay ------------------------------------------------------------------------------ */

/* Folds one journal record. `record_number` must be the previous one + 1 (CHECK is for the live
 * path; a replayed mismatch is SAGA_E_JOURNAL_GAP). `shard_time` is the batch's. A record that does
 * not fit the state is SAGA_E_STATE, an undecodable one the decoder's code: the caller halts the
 * shard (damaged data). SAGA_E_NO_MEMORY: the journal holds more than twice what our limits allow;
 * nothing is damaged, and a node with larger ones can own the shard. After any error the engine is
 * not to be used any more. Only txn_now and the budgets of steps go by `shard_time`; the folded
 * state goes by times that stand in records, and by nothing that is configured. */
int txn_apply(struct txn_shard *t, struct slice record, uint64_t record_number,
	      uint64_t shard_time) MUST_CHECK;

/* S17: a journal is a row of segments, the oldest of which go. So a replay may begin in the middle,
 * with record > 1, if that is a SEGMENT (else SAGA_E_JOURNAL_GAP). It is then incomplete: what
 * names an admission before that record which is not known is skipped and counted, as it was
 * retired, and will be carried. The first SEGMENT that says that everything live stands whole in
 * what was seen completes it, and must find as many ids as it tells of, else SAGA_E_STATE; from
 * there on what is not known is damage. A carried state that is known already must be the same. */
struct txn_replay {
	bool complete;         /* else, at the end of the journal, it is SAGA_E_JOURNAL_GAP */
	uint64_t first_record; /* where it began; 0 = nowhere yet */
	uint64_t skipped;      /* records */
};
struct txn_replay txn_replay(const struct txn_shard *t);

/* After a replay that is complete (CHECK), before the first step; continues from txn_now when
 * `now_ms` is less. Arms the timers of all open sagas: attempts restart in full, re-sends are paced
 * (S16). Deterministic given entropy. */
void txn_resume(struct txn_shard *t, uint64_t now_ms, uint64_t epoch, uint64_t entropy);

/* XXH3-128 over the folded state in canonical order: equal for any two ways to reach the same
 * journal position (invariant 22). Cost: proportional to the state. */
struct hash128 txn_state_hash(const struct txn_shard *t);

/* ---- live -------------------------------------------------------------------------------- */

enum txn_event_kind {
	TXN_EVENT_SUBMIT = 1,
	TXN_EVENT_QUERY,
	TXN_EVENT_CANCEL,
	TXN_EVENT_REPLY,
	TXN_EVENT_LIST,
	TXN_EVENT_TICK,
	TXN_EVENT_INBOX, /* an entry of the durable inbox (S12); reply_to must be 0 */
	TXN_EVENT_ENLIST,
	TXN_EVENT_COMMIT,
	TXN_EVENT_INQUIRE,
	TXN_EVENT_PROBE, /* one record that changes nothing: does the journal take any? */
	TXN_EVENT_CARRY,
	TXN_EVENT_SEGMENT,
	TXN_EVENT_HISTORY, /* a record that history has everything up to u.history_record */
};

/* Carry-forward (S17). To begin segment s of the journal and retire segment s - n, the caller
 *   1. steps CARRY, with what pace it likes, until txn_whole_from is no less than the first record
 *      of segment s - n + 1: then what lives stands whole from there on,
 *   2. steps SEGMENT with that record as whole_from, as the first record of a batch,
 *   3. appends that batch with the roll-up and the fence in one. As the fence lets it in only
 *      behind all that the engine made before, what was carried is durable when it is.
 *
 * CARRY writes what stands whole only below record `below` anew, oldest first: unfinished sagas one
 * by one, remembered ids and tombstones many in a record. It stops when `budget_bytes` are spent
 * (but one is always written), when the rest of effects->records has no room for the next, or when
 * there is none. SAGA_E_EFFECTS_FULL when there is no room for the first: one saga may take
 * WIRE_MESSAGE_SIZE_MAX, but never more. Cost: proportional to what is written. No messages. */
struct txn_carry {
	uint64_t below;
	uint32_t budget_bytes;
};
/* The next number, and no less than the last whole_from nor more than txn_whole_from (CHECKs); the
 * journal has a GENESIS. */
struct txn_segment {
	uint64_t number;
	uint64_t whole_from;
};

/* An entry of the shard's inbox, or that its stream is to be read from the beginning again. What
 * stands at or below the cursor changes nothing. Whatever else becomes of it, the cursor passes it
 * in the same step, unless effects->inbox_waits says that there is no room for it now. */
struct txn_inbox_entry {
	struct slice created; /* the stream's creation time: which incarnation it is */
	uint64_t sequence;    /* 0 = begin again: the stream ends before the cursor */
	struct slice tenant;  /* who published it */
	/* Decoded, not yet checked; NULL: it cannot be, and then `code` and `text` say why, and
	 * `id` is what could be read of it, or empty. */
	const struct wire_submit *submit;
	int code;
	struct slice id, text;
};
enum { TXN_INBOX_CREATED_MAX = 64 };

struct txn_event {
	enum txn_event_kind kind;
	uint64_t now_ms;   /* shard time; never less than in the event before */
	uint64_t wall_ms;  /* Unix time, 0 = not known. Shard time falls behind it for good while a
			      shard is down or has no owner (S16), and senders count their windows
			      in Unix time: so how long a window is (S5) goes by the later of the
			      two, and so for how long an unknown id is blocked (S10).
			      Nothing else goes by it */
	uint64_t entropy;  /* fresh for each event; jitter comes from it */
	uint64_t reply_to; /* the caller's token for the answer; 0 = nobody wants one: so it is
			      with the replies to calls */
	uint32_t busy_retry_ms; /* when a request is refused as busy: how soon the host would have
				   it again, jitter not included; 0 = 500 ms */
	union {
		const struct wire_submit *submit; /* decoded, not yet checked */
		const struct wire_query *query;
		const struct wire_cancel *cancel;
		const struct wire_list_request *list;
		const struct wire_enlist *enlist;
		const struct wire_commit *commit;
		struct {
			const struct wire_inquire *inquire;
			struct slice service; /* proven by the subject: must be the plan's */
		} inquire;
		struct {
			const struct wire_reply *reply;
			struct slice service; /* proven by the subject: must be the plan's for the
						 step */
			struct slice instance;
		} reply;
		const struct txn_inbox_entry *inbox;
		struct txn_carry carry;
		struct txn_segment segment;
		uint64_t history_record; /* more than before, and no more than there are */
	} u;
};

enum txn_message_kind {
	TXN_MESSAGE_COMMAND = 1, /* u.command to u.command_service */
	TXN_MESSAGE_ANSWER,      /* u.answer to reply_to; `final` = the token is done with */
	TXN_MESSAGE_DISPOSITION, /* u.disposition to reply_to (the reply frame's token) */
	TXN_MESSAGE_LIST,        /* u.list to reply_to */
	TXN_MESSAGE_ALERT,       /* u.alert */
};

/* Slices inside point into the engine, the event or the effects; they live until the emit returns.
 * The caller encodes at once and sends when `gate` is durable. */
struct txn_message {
	enum txn_message_kind kind;
	uint64_t gate; /* record number (T1); 0 = may leave at once */
	uint64_t reply_to;
	bool final; /* no more messages will use reply_to; never set for a disposition, whose
		       token stands for a whole frame */
	/* For commands. */
	uint32_t delivery; /* enum wire_delivery: how this copy travels */
	bool again;        /* may have been sent before: travels alone (S15), as attempts after the
			      first do */
	bool fallback;     /* a call though the plan says durable: nobody answered (S14) */
	struct slice service;
	union {
		struct wire_command command;
		struct wire_answer answer;
		struct wire_disposition disposition;
		struct wire_list list;
		struct wire_alert alert;
	} u;
};

/* Takes one message during txn_step, in order. Must not call the engine. */
typedef void (*txn_emit)(void *context, const struct txn_message *message);

struct txn_effects {
	struct buf *records;   /* in: where to append encoded records */
	uint32_t record_count; /* out: added to by the step */
	bool contradiction;    /* out: set when a reply contradicts what is recorded (28) */
	bool inbox_waits;      /* out: no room for the entry now; nothing has changed */
	int inbox_code;        /* out: why the entry was refused; 0 = it was not */
	txn_emit emit;         /* in */
	void *emit_context;    /* in */
};

/* One event. Returns 0, or SAGA_E_EFFECTS_FULL with nothing changed when effects->records cannot
 * hold the worst case of this event (keep TXN_STEP_RECORDS_MAX bytes free). A request that is
 * refused still returns 0: its answer says why. A TICK handles due timers as far as their records
 * fit and their commands are at most 256 with at most 1 MiB of inputs (more only when a single saga
 * has as much to send at once); call again while txn_next_deadline is due. */
enum { TXN_STEP_RECORDS_MAX = 512 * 1024 };
int txn_step(struct txn_shard *t, const struct txn_event *event,
	     struct txn_effects *effects) MUST_CHECK;

/* Tells which replies come next, so that the memory of their sagas is on its way. Changes nothing,
 * and what it is told need not be true. */
void txn_expect(const struct txn_shard *t, const struct wire_reply *replies, uint32_t count);

/* Shard time of the earliest timer, UINT64_MAX when none. */
uint64_t txn_next_deadline(const struct txn_shard *t);
/* Drops a waiter whose requester is gone. */
void txn_forget_waiter(struct txn_shard *t, uint64_t reply_to);
/* The number of the last record applied (= journaled or about to be). */
uint64_t txn_last_record(const struct txn_shard *t);
/* Lowest unfinished admission number, or the next one when nothing is open (S8). */
uint64_t txn_low_water(const struct txn_shard *t);
/* Last shard time seen, in records or events. */
uint64_t txn_now(const struct txn_shard *t);

/* Where in the journal a saga's records stand, so that its history can be read without a scan.
 * The host tells the sequence of the batch that holds records up to `record_number`. */
struct txn_span {
	bool known;
	uint64_t first_record; /* of ACCEPTED or TOMBSTONE */
	uint64_t last_record;
	uint64_t admission;
};
struct txn_span txn_find(const struct txn_shard *t, struct slice saga);

/* How far the inbox was read (S12). `created` is empty before the first entry, and points into the
 * engine. */
struct txn_inbox_cursor {
	struct slice created;
	uint64_t sequence;
};
struct txn_inbox_cursor txn_inbox(const struct txn_shard *t);

/* Everything live stands whole in the records from this one on. O(1). */
uint64_t txn_whole_from(const struct txn_shard *t);
/* About as many bytes would be written if everything live was carried; rather more. O(1). */
uint64_t txn_live_bytes(const struct txn_shard *t);
/* What the journal says of its segments. */
struct txn_segments {
	uint64_t number;         /* of the one at the end; 0 = that of GENESIS */
	uint64_t first_record;   /* of it */
	uint64_t whole_from;     /* as it said at its begin; 1 in segment 0 */
	uint64_t history_record; /* S25: history has everything up to here */
};
struct txn_segments txn_segments(const struct txn_shard *t);

struct txn_stats {
	uint32_t open;
	uint32_t parked;
	uint32_t remembered;
	uint32_t waiters;
	uint64_t payload_used;
	uint64_t accepted_total, completed_total, compensated_total;
	uint64_t commands_total, retries_total, timeouts_total, refused_total, obsolete_total;
	uint64_t copies_total;         /* of calls, beside the first of each attempt */
	uint64_t fallbacks_total;      /* attempts of durable steps that went as calls (S14) */
	uint64_t ignored_total;        /* replies from others than the addressee, or never asked */
	uint64_t contradictions_total; /* replies against what is recorded: the first stands (28) */
	uint64_t inbox_taken_total, inbox_refused_total; /* entries of the inbox */
	uint32_t timers;     /* armed: attempts, retries, deadlines */
	uint64_t late_total; /* ok of forward operations that were given up: they are undone */
};
void txn_stats(const struct txn_shard *t, struct txn_stats *stats);

#endif
