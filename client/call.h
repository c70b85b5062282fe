/* Requests to the owners of shards: sent again until answered, outcomes waited for.
 *
 * A call goes QUEUED -> ASKING -> (AWAITING) -> gone. ASKING re-sends the same bytes; AWAITING has
 * been accepted and asks for the outcome now and then, because the owner that promised to send it
 * may have died. (Who inquires for a decision asks the same again: nobody promises that.) Only the
 * first question to an owner asks it to send the outcome: each promise takes a place in its memory.
 *
 * At most `window` calls are ASKING, the others queue. Whom an owner refuses as busy goes ASKING ->
 * RESTING for as long as the owner wishes, then QUEUED again (call_pace.c); and the window gets
 * smaller the more are refused, so that a cluster at capacity is not kept busy with refusing.
 */
#ifndef SAGAD_CLIENT_CALL_H
#define SAGAD_CLIENT_CALL_H

#include <saga.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/timer_heap.h"
#include "client/task.h"
#include "wire/subject.h"

enum {
	CALL_LIMIT = 65536, /* open calls of a connection; more are refused as busy */
	CALL_WINDOW = 2048, /* of them unanswered at a time, at most and at first */
	CALL_WINDOW_MIN = 16,
	CALL_CROWD = 2048,  /* while owners refuse, so many wait; more are refused at once */
	CALL_PACE_MS = 100, /* between two looks at how many were refused */
	CALL_FAIR_MS =
		500, /* when the oldest in the queue has waited longer, the newest goes first */
	CALL_SILENCE_MIN_MS = 500,
	CALL_SILENCE_MAX_MS = 1000,
	CALL_OUTCOME_MS = 2000,       /* between two questions for an outcome */
	CALL_RESENDS_PER_100MS = 400, /* of the whole connection: no storm after a failure */
	CALL_TOKEN_SIZE = 16,         /* characters that name a call in its reply subject */
	CALL_SEEN_ENTRIES = 4096,
	CALL_STREAM_SIZE = ID_SIZE_MAX + 8
};

enum call_kind {
	CALL_SUBMIT,
	CALL_QUERY,
	CALL_WAIT,
	CALL_CANCEL,
	CALL_ENLIST,
	CALL_COMMIT,
	CALL_INQUIRE
};
enum call_phase { CALL_QUEUED, CALL_ASKING, CALL_RESTING, CALL_AWAITING };

struct call {
	struct client_task task;
	enum call_kind kind;
	enum call_phase phase;
	struct id id;
	struct id party;         /* in whose name; empty = the connection's */
	struct buf request;      /* encoded once: re-sends are the same bytes */
	uint64_t deadline_ms;    /* monotonic */
	uint64_t retry_until_at; /* submit: Unix ms after which it is never sent again (S5) */
	bool want_final;
	uint32_t until; /* enum wire_until: with want_final, which outcome */
	bool inbox;     /* a submit that goes to the durable inbox: the broker answers it */
	char inbox_stream[CALL_STREAM_SIZE];
	bool any_node; /* a submit that may go to any node: the slot table need not be known */
	/* Submit: accepted once; then, if that was a success, finished once. Others: finished
	 * once. */
	saga_callback accepted, finished;
	void *context;

	bool queued;
	uint64_t queued_ms;
	uint32_t retry_after_ms; /* of the last refusal */
	bool explained;          /* status.text is that refusal's */
	/* As busy, or as pending: equal when nothing can have been taken. */
	uint32_t sends, refusals;
	bool sent;     /* something may have reached the cluster */
	bool answered; /* accepted, or a wait has seen a state */
	/* The owner of promised_epoch has promised the outcome, on the connection that counted
	 * promised_connects. */
	bool promised, wants_promise; /* the latter: what was sent last asks for it */
	uint64_t promised_epoch;
	uint32_t promised_connects;
	int error; /* the last passing trouble */
	uint32_t backoff_ms, silence_ms;
	uint32_t slot, generation;
	struct timer timer;
	uint64_t due_ms;            /* when it is due; the timer may come up before */
	struct call *newer, *older; /* in the queue */
	struct saga_status status;
};

struct call_slot {
	struct call *call;
	uint32_t generation;
	uint32_t next_free;
};

/* The newest (epoch, record number) seen of an id: older answers are dropped (S2). A cache by hash:
 * a forgotten entry costs a stale status, never a wrong outcome. */
struct call_seen {
	uint64_t id_hash, epoch, record_number;
};

struct client_calls {
	struct call_slot *slots;
	uint32_t slot_count, free_slot;
	struct timer_heap timers;
	struct call *oldest, *newest; /* of the queue */
	uint32_t queued, resting;
	uint32_t asking;
	uint32_t window;
	uint32_t taken, refused; /* since paced_ms */
	uint64_t paced_ms;
	uint64_t resend_period;
	uint32_t resends;
	struct call_seen *seen;
	char inbox[SUBJECT_SIZE_MAX / 2];
	uint32_t inbox_size;
	struct transport_subscription *subscription;
};

struct saga_connection;
struct transport_message;
struct wire_answer;

/* Any thread. Takes the call in every case: on an error it is freed and no callback comes. */
int call_submit(struct saga_connection *connection, struct call *call) MUST_CHECK;
struct call *call_create(enum call_kind kind, const char *id, int *error);
void call_free(struct call *call);
/* Of a call that begins now, as the caller says it: 0 = the default. */
uint64_t call_deadline(uint32_t timeout_ms);

/* Any thread. As many are open as may be, or wait in vain already; an early look, without promise.
 */
bool calls_full(struct saga_connection *connection);

/* Loop, within this module. */
void call_send(struct saga_connection *connection, struct call *call, uint64_t now_ms);
void call_end(struct saga_connection *connection, struct call *call, int error);
void call_arm(struct client_calls *calls, struct call *call, uint64_t at_ms);
void call_wait_for(struct saga_connection *connection, struct call *call, uint64_t delay_ms,
		   uint64_t now_ms);
void call_set_phase(struct saga_connection *connection, struct call *call, enum call_phase phase);
void call_on_message(void *context, const struct transport_message *message);

/* call_inbox.c: what the broker says to a submit for the inbox. 0 = it has it; else an error, of
 * class retry when the same may be taken later. */
int call_inbox_answer(struct slice json);
/* How many shards there are, as the description of the inbox's stream says it; 0 = it does not. */
uint32_t call_inbox_shards(struct slice json);

/* call_pace.c */
void call_queue(struct saga_connection *connection, struct call *call, uint64_t now_ms);
void call_unqueue(struct client_calls *calls, struct call *call);
/* Of those that queue, whose turn it is; NULL: all need the slot table first. */
struct call *calls_next(const struct saga_connection *connection, uint64_t now_ms);
/* Nobody would answer it before its time is over: asking now could only make it unknown. */
bool call_is_too_late(const struct client_calls *calls, const struct call *call, uint64_t now_ms);
/* An owner had no place for it. */
void call_refused(struct saga_connection *connection, struct call *call,
		  const struct wire_answer *answer);
/* The words that go with the end of the call. */
void call_explain(struct call *call, int error);
void calls_count_taken(struct client_calls *calls, uint64_t now_ms);
void calls_watch_crowd(struct saga_connection *connection);
/* Everything that left was refused: whoever gives up knows that, and need not say "unknown". */
static inline bool call_was_refused(const struct call *call)
{
	return call->sends > 0 && call->refusals >= call->sends;
}
/* With that, as what. */
static inline int call_refusal(const struct call *call)
{
	return call->error == SAGA_E_PENDING ? SAGA_E_PENDING : SAGA_E_BUSY;
}

/* Loop. */
int calls_open(struct saga_connection *connection) MUST_CHECK;
void calls_turn(struct saga_connection *connection, uint64_t now_ms);
/* Monotonic ms of the next thing to do, UINT64_MAX = none. */
uint64_t calls_next_ms(const struct saga_connection *connection);
/* Ends every call. */
void calls_close(struct saga_connection *connection);

#endif
