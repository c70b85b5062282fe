/* Inside of the NATS transport.
 *
 * Who runs what:
 *   loop thread    everything with a nats_transport in its hands, apart from the two below
 *   cnats threads  nats_on_message and the on_* callbacks: they know only the link, and enqueue
 *   libuv workers  nats_job_run: connecting, asking and closing, which may block for seconds
 *
 * cnats keeps the lock of a connection while it tries to reconnect, up to the connect time-out.
 * So the loop calls cnats only while its own view says connected: subscriptions made at other times
 * are caught up on (nats_attach_all), those ended wait in `doomed`. Between a loss and the loop's
 * learning of it a call can still meet that lock: such a wait is bounded by the connect time-out.
 *
 * One connection of cnats = one incarnation. cnats gives a connection up for good on some errors
 * (say, refused credentials twice); then we close it and make the next one after a pause.
 */
#ifndef SAGAD_TRANSPORT_NATS_INTERNAL_H
#define SAGAD_TRANSPORT_NATS_INTERNAL_H

#include <nats/nats.h>
#include <signal.h>
#include <stdatomic.h>
#include <uv.h>

#include "transport/inbound_queue.h"
#include "transport/nats.h"
#include "transport/request_table.h"

enum {
	NATS_QUEUE_ITEMS_MAX = 256 * 1024,
	NATS_QUEUE_BYTES_MAX = 64 * 1024 * 1024,
	/* Of those that may wait: a quarter of a second's work at most, or they are too late
	   anyway. */
	NATS_REQUEST_ITEMS_MAX = 32 * 1024,
	NATS_REQUEST_BYTES_MAX = 16 * 1024 * 1024,
	NATS_REQUEST_TURN_MS = 5, /* spent on them before the turn ends */
	NATS_REQUESTS_MAX = 64 * 1024,
	NATS_IO_BUFFER_SIZE = 256 * 1024,
	NATS_MESSAGE_OVERHEAD = 256, /* bytes of a queued message that are not its payload */
	NATS_RECONNECT_WAIT_MS = 100,
	NATS_PING_INTERVAL_MS = 1000,
	NATS_PINGS_OUT_MAX = 2,
	NATS_REOPEN_WAIT_MS = 1000,
	NATS_DRAIN_MS = 2000,
	NATS_CONNECT_TIMEOUT_MS = 2000,
	NATS_WRITE_DEADLINE_MS = 2000,
	NATS_SLOW_WRITE_MS = 100,
	NATS_INBOX_PREFIX_SIZE_MAX = 64,
	NATS_INBOX_SIZE = 128,
	NATS_HEADERS_MAX = 4,
	NATS_VERSION_SIZE = 32,
	NATS_NO_RESPONDERS_STATUS = 503,
};

enum nats_item_kind {
	NATS_ITEM_MESSAGE, /* payload: natsMsg, tag: subscription */
	NATS_ITEM_REPLY,   /* payload: natsMsg, for an open request */
	NATS_ITEM_UP,      /* tag: incarnation */
	NATS_ITEM_DOWN,
	NATS_ITEM_CLOSED, /* cnats has given this connection up, or we have closed it */
};

/* What cnats' threads may touch. Lives until the last of them lets go. */
struct nats_link {
	struct inbound_queue queue;
	uv_async_t *async; /* valid while the queue is not shut */
	atomic_uint references;
};

/* Closure of one connection's callbacks; freed by its last one. */
struct nats_session {
	struct nats_link *link;
	uint64_t incarnation;
};

struct transport_subscription {
	uint64_t tag; /* generation << 32 | slot: late messages of an ended one find nothing */
	transport_handler handler;
	void *context;
	char *subject;
	char *queue;              /* NULL = plain */
	natsSubscription *handle; /* NULL while the current connection does not know it */
	enum nats_item_kind kind;
};

enum nats_job { NATS_JOB_NONE, NATS_JOB_CONNECT, NATS_JOB_ASK, NATS_JOB_END };

/* The worker's share of the transport: the loop leaves it alone while a job runs. */
struct nats_work {
	uv_work_t request;
	enum nats_job job;
	natsOptions *options;       /* connect */
	natsConnection *connection; /* connect: result; ask, end: argument */
	natsSubscription **doomed;  /* end */
	uint32_t doomed_count;
	bool flush;          /* end */
	bool given_up;       /* end: by cnats, not by us */
	uint32_t timeout_ms; /* ask */
	natsStatus status;   /* result of connect */
	int64_t max_payload; /* result of ask, as is the version */
	char version[NATS_VERSION_SIZE];
};

struct nats_transport {
	struct transport transport; /* first: the table hands out a pointer to it */
	uv_loop_t *loop;
	struct nats_hooks hooks;
	struct nats_link *link;
	uv_async_t async;
	uv_timer_t request_timer;
	uv_timer_t reopen_timer;
	uint32_t handles_open;
	struct nats_work work;

	natsOptions *options;
	uint32_t connect_timeout_ms;
	natsConnection *connection;   /* NULL before the first and between two */
	struct nats_session *session; /* only while connecting: then its callbacks' */
	uint64_t incarnation;
	int32_t level;   /* ups minus downs of this connection: they may come out of order */
	bool ask_wanted; /* it is up, but we have not asked it about itself yet */
	bool lost;       /* cnats has given it up */
	bool paused;     /* the reopen timer runs */
	bool closing;
	bool drain;
	bool was_connected; /* ever */

	bool (*may_wait)(struct slice subject);
	struct inbound_item *later; /* taken, from later_next on not yet handled */
	uint32_t later_next, later_count;

	struct request_table requests;
	uint64_t request_timer_at_ms;                  /* 0 = not armed */
	struct transport_subscription **subscriptions; /* slots, with holes */
	uint32_t subscription_capacity;
	uint32_t next_generation;
	struct transport_subscription *inbox_subscription;
	natsSubscription **doomed; /* ended ones that cnats has not been told of */
	uint32_t doomed_count, doomed_capacity;

	bool signals_blocked;   /* in the loop's thread, always: it need not be done each time */
	uint64_t busy_until_ms; /* the socket was full: no publish before that */
	struct transport_stats stats;
	char inbox_prefix[NATS_INBOX_PREFIX_SIZE_MAX + 1];
	char inbox[NATS_INBOX_SIZE]; /* of our requests, without the last dot */
};

static inline struct nats_transport *nats_transport_of(struct transport *t)
{
	return (struct nats_transport *)t;
}

/* nats_options.c: SAGA_E_CONFIG with words in `why`, SAGA_E_NO_MEMORY. */
int nats_options_build(const struct nats_config *config, natsOptions **options,
		       char why[256]) MUST_CHECK;
/* Sets where one connection's callbacks report to. */
natsStatus nats_options_set_session(natsOptions *options, struct nats_session *session);

/* nats_link.c */
struct nats_link *nats_link_create(uv_async_t *async); /* with one reference */
void nats_link_retain(struct nats_link *link);
void nats_link_release(struct nats_link *link);
void nats_on_up(natsConnection *connection, void *closure);
void nats_on_down(natsConnection *connection, void *closure);
void nats_on_closed(natsConnection *connection, void *closure);
void nats_on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status,
		   void *closure);
/* cnats takes an interrupted poll for a broken connection, half a message written or not: so no
 * thread of its own ever sees a signal, and ours does not while it is inside. */
void nats_signals_block(sigset_t *before);
void nats_signals_restore(const sigset_t *before);
bool nats_signals_are_blocked(void); /* in the calling thread */

/* nats_jobs.c. `done` of nats_job_start comes on the loop thread. */
void nats_job_start(struct nats_transport *t, enum nats_job job, uv_after_work_cb done);
void nats_job_run(uv_work_t *request);
/* nats_info.c: the version that the server at `url` announces; "" when it does not. Blocks. */
void nats_info_version(const char *url, uint32_t timeout_ms, char version[NATS_VERSION_SIZE]);
/* nats_nkey_openssl.c: the public user key of a seed, both as text ("SU...", "U...").
 * SAGA_E_CONFIG when the seed is not one. */
enum { NATS_NKEY_SIZE = 56 };
int nats_nkey_public(struct slice seed, char public_key[NATS_NKEY_SIZE + 1]) MUST_CHECK;

/* nats_subscriptions.c */
int nats_subscription_add(struct nats_transport *t, enum nats_item_kind kind, const char *subject,
			  const char *queue, transport_handler handler, void *context,
			  struct transport_subscription **subscription) MUST_CHECK;
int nats_subscribe(struct transport *transport, const char *subject, const char *queue,
		   transport_handler handler, void *context,
		   struct transport_subscription **subscription);
void nats_unsubscribe(struct transport *transport, struct transport_subscription *subscription);
struct transport_subscription *nats_subscription_find(const struct nats_transport *t, uint64_t tag);
void nats_attach_all(struct nats_transport *t); /* connected: tells cnats of all that it lacks */
void nats_doom_all(struct nats_transport *t);   /* the connection goes: no handle is valid after */
void nats_subscriptions_free(struct nats_transport *t);

/* nats_messages.c */
int nats_publish(struct transport *transport, const char *subject, struct slice reply,
		 const struct transport_header *headers, uint32_t header_count, struct slice data);
int nats_request(struct transport *transport, const char *subject,
		 const struct transport_header *headers, uint32_t header_count, struct slice data,
		 uint32_t timeout_ms, transport_completion done, void *context, uint64_t *token);
void nats_cancel(struct transport *transport, uint64_t token);
void nats_deliver(struct nats_transport *t, const struct inbound_item *item);
void nats_drop(const struct inbound_item *item); /* frees the payload */
void nats_end_requests(struct nats_transport *t, int error);
/* Handlers of the timer. */
void nats_arm_request_timer(struct nats_transport *t);
void nats_end_due_requests(struct nats_transport *t);

/* nats.c */
uint64_t nats_now_ms(void);
/* Runs what the queue holds, of messages that may wait only as many as a turn has time for; false
 * when it was empty. */
bool nats_drain_queue(struct nats_transport *t);
void nats_turn_done(struct nats_transport *t);
void nats_on_request_timer(uv_timer_t *timer);

#endif
