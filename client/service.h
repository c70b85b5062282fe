/* A participant: frames come from the broker, their commands run on a pool of threads, answers go
 * to the shards' owners and are re-sent until they have a disposition (S13, S15). Frames also come
 * as direct calls, whose answers are sent once.
 *
 *   entry:  WAITING -> IN_POOL -> ANSWERED -> DONE       (IN_POOL -> DONE when draining, and with
 *                                                         the answer of a call)
 *
 *   service_pull.c   the durable consumer and the pull requests that keep frames coming
 *   service_call.c   direct calls: the subscription, copies of what is in hand, "working"
 *   service_frame.c  frames in hand: taking, in-progress, acknowledging, life cycle of entries
 *   service_pool.c   the threads
 *   service_reply.c  answers out, dispositions in
 *   service.c        create, start, stop, free, and the turn that drives all of it
 *
 * Everything is touched by the loop's thread only, except: what stands under the mutex; an entry's
 * answer while it is IN_POOL, which belongs to its thread; the counters, which are atomic.
 */
#ifndef SAGAD_CLIENT_SERVICE_H
#define SAGAD_CLIENT_SERVICE_H

#include <pthread.h>
#include <saga.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/id.h"
#include "client/context.h"
#include "client/task.h"
#include "wire/message.h"
#include "wire/shard.h"
#include "wire/subject.h"

struct saga_connection;
struct transport_message;
struct transport_subscription;

enum {
	SERVICE_THREADS_DEFAULT = 4,
	SERVICE_THREADS_MAX = 256,
	SERVICE_ACK_WAIT_DEFAULT_MS = 5000,
	SERVICE_HOLD_DEFAULT_MS = 2000,
	SERVICE_MAX_DELIVER = 5,
	SERVICE_MAX_ACK_PENDING = 8192,
	/* Frames whose answers only wait for dispositions, beside frames_max (S13). */
	SERVICE_HELD_MAX = 64,
	SERVICE_TICK_MS = 50,
	SERVICE_PULL_SLOTS = 4,
	SERVICE_PULL_EXPIRES_MS = 5000,
	SERVICE_RESEND_MIN_MS = 200,
	SERVICE_MOVED_MS = 30, /* first one to a shard that is handed over; doubled from there */
	SERVICE_RESEND_MAX_MS = 500,
	/* Calls come unasked: frames in hand for each one that would be pulled. Beyond it they are
	 * dropped, and come again. */
	SERVICE_CALLS_SHARE = 32,
	SERVICE_WORKING_MS = 200, /* a call that takes longer is told to be in hand */
	/* Frames that came again: they are waited for so long, so that they can be put in order,
	 * and each may have so long before the next one begins. */
	SERVICE_GATHER_MS = 50,
	SERVICE_LEAD_MS = 250,
	SERVICE_HANDLERS_MAX = 128,
	SERVICE_BUCKETS = 4096, /* a power of two */
	POOL_BATCH_MAX = 32
};

enum entry_state { ENTRY_WAITING, ENTRY_IN_POOL, ENTRY_ANSWERED, ENTRY_DONE };
enum answer_fault { ANSWER_FAULT_NONE = 0, ANSWER_FAULT_LOSE = 1, ANSWER_FAULT_DOUBLE = 2 };

/* One command of a frame. */
struct entry {
	struct frame *frame;
	struct wire_command command; /* borrows from the frame's bytes */
	enum entry_state state;
	struct entry *next;        /* in the pool's queue or its list of results */
	struct entry *bucket_next; /* among the entries in hand */
	uint32_t attempt;          /* the latest one that asked for it: the answer names it */
	struct context_answer answer;
	int fault; /* enum answer_fault */
	atomic_bool heartbeat;
	uint64_t hold_until_ms, resend_at_ms;
	uint32_t resend_ms;
	uint64_t working_at_ms, expires_ms; /* of a call; the time of its attempt */
};

/* A message of the command stream that is not acknowledged yet, or a direct call. */
struct frame {
	struct saga_service *service;
	struct frame *next, **link; /* among the frames in hand */
	char ack[SUBJECT_SIZE_MAX];
	uint32_t shard;
	uint64_t epoch, low_water;
	uint64_t stream_sequence;
	uint64_t received_ms, progress_at_ms;
	bool call;           /* nothing to acknowledge, no dispositions */
	bool sequential;     /* delivered before: one entry at a time (S15) */
	bool backwards;      /* of a sequential one: which end it begins at */
	bool waits;          /* of a sequential one: for its turn to begin */
	bool keep;           /* an answer was lost on purpose: do not acknowledge */
	bool hold_over;      /* nobody took an answer: the rest is not held so long */
	uint32_t begun;      /* of a sequential one: entries handed to the pool so far */
	uint32_t open;       /* entries not DONE */
	uint32_t unanswered; /* of them, those that have not been ANSWERED */
	uint32_t undone;     /* entries that will not be run */
	uint8_t *bytes;
	uint32_t size; /* of bytes */
	uint32_t entry_count;
	struct entry entries[];
};

struct pull_slot {
	struct saga_service *service;
	struct transport_subscription *subscription;
	char inbox[SUBJECT_SIZE_MAX];
	uint32_t remaining; /* frames asked for and not delivered */
	uint64_t expires_ms;
};

enum consumer_state { CONSUMER_MISSING, CONSUMER_CREATING, CONSUMER_READY };

/* A thread of the pool, and the entries that it has taken together. */
struct pool_thread {
	struct saga_service *service;
	pthread_t thread;
	struct entry *batch[POOL_BATCH_MAX];
	uint32_t count;                /* written by the thread, under the mutex */
	atomic_uint next;              /* who draws a number below count runs that one */
	atomic_uint_fast64_t began_ns; /* when it began the command that it is at */
};

struct service_pool {
	struct pool_thread *threads;
	uint32_t thread_count_wanted;
	struct entry *queue, **queue_tail; /* under the service's mutex, as what follows */
	uint32_t thread_count, queued, idle;
	bool quit;
	_Atomic(struct entry *) results; /* newest first */
	atomic_uint_fast64_t guess_ns;   /* how long a handler takes */
	/* loop */
	struct entry *fresh, **fresh_tail; /* for the queue, at the end of the turn */
	uint32_t fresh_count;
	uint64_t look_at_ms; /* whether somebody is stuck; UINT64_MAX = never */
};

struct service_handler {
	struct id operation;
	saga_handler handler;
	void *user;
};

struct saga_service {
	struct saga_connection *connection;
	struct saga_service *next;         /* of the connection; under its mutex */
	struct saga_service *started_next; /* loop: among those at work */
	struct id name, instance;
	struct id stream, consumer;
	uint32_t frames_max, ack_wait_ms, hold_ms;
	bool started, stopped; /* the caller's side: start, stop and free are not called at once */
	struct service_handler handlers[SERVICE_HANDLERS_MAX];
	uint32_t handler_count;
	struct service_handler settle; /* its handler is NULL: there is none */

	pthread_mutex_t mutex;
	pthread_cond_t work, changed;
	struct service_pool pool;
	bool drained, detached;  /* under the mutex; detached = the loop is done with it */
	uint32_t undone;         /* under the mutex */
	saga_answer_fault fault; /* under the mutex */
	void *fault_user;
	struct client_task start_task, drain_task, end_task;

	/* loop */
	bool draining;
	enum consumer_state consumer_state;
	uint64_t consumer_retry_at_ms;
	int consumer_error; /* the last one that was logged */
	uint64_t consumer_request;
	uint64_t look_request, look_at_ms; /* at the consumer, when it seems not to deliver */
	uint64_t look_delivered;           /* how far it was at the last look; 0 = none */
	uint64_t look_since_ms;
	struct pull_slot pulls[SERVICE_PULL_SLOTS];
	struct frame *frames;
	struct frame *leader; /* of the sequential frames the last that has begun; may be NULL */
	uint64_t lead_until_ms;
	uint32_t frame_count;   /* without calls */
	uint32_t working_count; /* of them, those with unanswered entries */
	uint32_t call_count;    /* frames that are calls */
	/* The last answer to this shard found nobody who took it. */
	bool silent[WIRE_SHARDS_MAX];
	struct entry *buckets[SERVICE_BUCKETS];
	uint64_t scan_at_ms; /* when what takes time is looked at next */
	char reply_inbox[SUBJECT_SIZE_MAX];
	struct transport_subscription *reply_subscription;
	struct transport_subscription *call_subscription;
	struct buf out;
	struct wire_command *scratch; /* commands of the frame that is being decoded */
	struct saga_service_stats stats;
};

static inline void service_count(uint64_t *counter)
{
	(void)__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* Of the connection. */
void services_turn(struct saga_connection *connection, uint64_t now_ms);
uint64_t services_next_ms(const struct saga_connection *connection, uint64_t now_ms);
void services_reconnected(struct saga_connection *connection);
/* Not on the loop's thread. */
void services_stop_all(struct saga_connection *connection, uint32_t drain_ms);

/* service_pull.c */
int pull_open(struct saga_service *service) MUST_CHECK;
void pull_close(struct saga_service *service);
void pull_turn(struct saga_service *service, uint64_t now_ms);
void pull_forget(struct saga_service *service); /* the broker has forgotten our requests */
/* The owner had no answer over the stream: is the consumer there, and does it deliver (S14)? */
void pull_doubt(struct saga_service *service, uint64_t now_ms);

/* service_call.c */
int call_open(struct saga_service *service) MUST_CHECK;
void call_close(struct saga_service *service);
void call_drop_copies(struct saga_service *service, struct wire_command_frame *frame,
		      uint64_t now_ms);
/* Says of what takes long that it is in hand. */
void call_turn(struct frame *frame, uint64_t now_ms);

/* service_frame.c */
void frame_take(struct saga_service *service, const struct transport_message *message);
void frame_take_call(struct saga_service *service, const struct transport_message *message);
void frames_turn(struct saga_service *service, uint64_t now_ms);
/* It becomes ANSWERED. */
void entry_answered(struct entry *entry);
/* The entry needs nothing any more. May end its frame: neither may be used afterwards. */
void entry_done(struct entry *entry);
/* Takes back what has not begun; returns how many commands that are. */
uint32_t frames_drain(struct saga_service *service);
/* Forgets all frames that no thread works on; the others stay until frames_free. */
void frames_abandon(struct saga_service *service);
void frames_free(struct saga_service *service);
void service_acknowledge(struct saga_service *service, const char *subject, const char *verdict);

/* service_pool.c */
int pool_start(struct saga_service *service, uint32_t threads) MUST_CHECK;
void pool_join(struct saga_service *service);
/* Entries that stand one after the other. */
void pool_put(struct saga_service *service, struct entry *entries, uint32_t count);
uint32_t pool_queued(struct saga_service *service);
/* So many commands are work for a while. */
uint32_t pool_enough(const struct saga_service *service);
/* Sees to it that nothing waits behind a handler that blocks. */
void pool_turn(struct saga_service *service, uint64_t now_ms);
/* Takes everything out of the queue that no thread has begun. */
struct entry *pool_take_queue(struct saga_service *service);
struct entry *pool_take_results(struct saga_service *service);

/* service_reply.c */
int reply_open(struct saga_service *service) MUST_CHECK;
void reply_close(struct saga_service *service);
/* Newly answered entries: a list by `next`. */
void reply_answered(struct saga_service *service, struct entry *list, uint64_t now_ms);
/* What has waited too long: again, or no more. */
void reply_turn(struct saga_service *service, uint64_t now_ms);
/* Names the command, with nothing about it yet. */
struct wire_reply reply_head(const struct entry *entry, uint32_t outcome);
void reply_send(struct saga_service *service, uint32_t shard, struct wire_reply *replies,
		uint32_t count, struct slice reply_subject);
/* The entries that are not DONE, by operation id. */
void index_add(struct saga_service *service, struct entry *entry);
void index_remove(struct saga_service *service, const struct entry *entry);
/* The first one, and the next of the same operation, or NULL. */
struct entry *index_find(const struct saga_service *service, const struct uuid *operation);
struct entry *index_next(const struct entry *entry);

#endif
