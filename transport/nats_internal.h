/* Inside of the NATS transport.
 *
 * Who runs what:
 *   loop thread     everything, reading and writing included (nats_loop.c), apart from the below
 *   libuv worker    nats_connect_run: connecting, which may block for seconds
 *   cnats' timer    sends a PING each second: it only appends, and wakes the loop
 *   cnats' errors   nats_on_error: logs
 *
 * One connection of cnats = one socket. Its own reconnecting is off: with an event loop cnats 3.4
 * goes on parsing the new stream where the old one broke off, and it closes sockets from its
 * threads while the loop polls them. So each connection begins and ends here, on the loop thread,
 * and no callback of cnats comes after natsConnection_Destroy has returned.
 *
 * A loss is first only a mark (`lost`), for it may be noticed inside a call of a user; it is acted
 * upon by nats_advance, from the loop itself.
 */
#ifndef SAGAD_TRANSPORT_NATS_INTERNAL_H
#define SAGAD_TRANSPORT_NATS_INTERNAL_H

#include <nats/nats.h>
#include <pthread.h>
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
	NATS_REQUEST_ITEMS_MAX = 16 * 1024, /* being worked through, and as many that gather */
	NATS_REQUEST_BYTES_MAX = 8 * 1024 * 1024,
	NATS_REQUEST_TURN_MS = 5, /* spent on them before the turn ends */
	NATS_WRITE_BUFFER_MAX = 8 * 1024 * 1024,
	NATS_REQUESTS_MAX = 64 * 1024,
	NATS_IO_BUFFER_SIZE = 256 * 1024,
	NATS_FLUSH_SIZE = 64 * 1024, /* so much does not wait for the end of the turn */
	NATS_CLOCK_EVERY = 16,
	NATS_READS_MAX = 16,         /* a turn, while the socket holds more */
	NATS_LOOK_EVERY = 512,       /* messages of a turn between looks at the socket */
	NATS_MESSAGE_OVERHEAD = 256, /* bytes of a queued message that are not its payload */
	NATS_PUBLISH_OVERHEAD = 64,  /* likewise of a published one, subjects apart */
	NATS_RECONNECT_WAIT_MS = 100,
	NATS_PING_INTERVAL_MS = 1000,
	NATS_WATCH_MS = 500,
	NATS_SILENT_TICKS_MAX = 6, /* of NATS_WATCH_MS */
	NATS_REOPEN_WAIT_MS = 1000,
	NATS_DRAIN_MS = 2000,
	NATS_CONNECT_TIMEOUT_MS = 2000,
	NATS_WRITE_DEADLINE_MS = 2000,
	NATS_TLS_WRITE_RETRY_MS = 5,
	NATS_INBOX_PREFIX_SIZE_MAX = 64,
	NATS_INBOX_SIZE = 128,
	NATS_HEADERS_MAX = 4,
	NATS_VERSION_SIZE = 32,
	NATS_WHY_SIZE = 256,
	NATS_SERVERS_MAX = 32,
	NATS_NO_RESPONDERS_STATUS = 503,
};

enum nats_item_kind {
	NATS_ITEM_MESSAGE, /* payload: natsMsg, tag: subscription */
	NATS_ITEM_REPLY,   /* payload: natsMsg, for an open request */
};

struct transport_subscription {
	uint64_t tag; /* generation << 32 | slot: late messages of an ended one find nothing */
	transport_handler handler;
	void *context;
	char *subject;
	char *queue;              /* NULL = plain */
	natsSubscription *handle; /* NULL while the current connection does not know it */
	struct transport_subscription *before, *after; /* among those with a handle, latest first */
	enum nats_item_kind kind;
};

/* Where to connect to: what is configured, then what servers have told of. */
struct nats_servers {
	char *configured[NATS_SERVERS_MAX];
	char *discovered[NATS_SERVERS_MAX];
	uint32_t configured_count, discovered_count;
	uint32_t next;
	uint32_t tried; /* since the last pause */
};

/* The worker's share of the transport: the loop leaves it alone while a job runs. */
struct nats_work {
	uv_work_t request;
	bool running;
	natsOptions *options;
	uint32_t timeout_ms;
	/* Results. */
	natsStatus status;
	natsConnection *connection;
	int socket; /* from the attach callback */
	int64_t max_payload;
	char **discovered; /* as cnats gives it: each string and the array are to be freed */
	int discovered_count;
	char version[NATS_VERSION_SIZE];
	bool tls; /* the server wants it */
	char why[NATS_WHY_SIZE];
};

struct nats_transport {
	struct transport transport; /* first: the table hands out a pointer to it */
	uv_loop_t *loop;
	pthread_t thread; /* the loop's */
	struct nats_hooks hooks;
	uv_async_t async;
	uv_prepare_t prepare;
	uv_timer_t request_timer;
	uv_timer_t reopen_timer; /* the pause between connections; the limit of a drain */
	uv_timer_t write_timer;  /* while a write waits for the socket */
	uv_timer_t watch_timer;  /* while connected */
	uint32_t handles_open;
	struct nats_work work;

	natsOptions *options;
	struct nats_servers servers;
	uint32_t connect_timeout_ms;
	uint32_t write_deadline_ms;
	bool tls_configured;
	bool tls;                   /* of this connection, whoever wanted it */
	natsConnection *connection; /* NULL before the first and between two */
	uv_poll_t *poll;            /* of its socket; NULL when there is none to touch */
	int socket;
	bool lost;   /* the connection is over, and nobody has been told yet */
	bool paused; /* the reopen timer runs */
	bool closing;
	bool draining;      /* closing, but what was published goes out first */
	bool write_ended;   /* draining: all is out, the server has been told so */
	bool was_connected; /* ever */

	/* Writing. */
	atomic_uint write_wanted;  /* cnats holds bytes for the socket */
	bool write_blocked;        /* the socket was full: the poll or the timer goes on */
	uint32_t buffered;         /* bytes, about: since the last complete write */
	uint64_t blocked_since_ms; /* or the last progress */

	/* Reading. */
	struct inbound_queue queue;
	bool (*may_wait)(struct slice subject);
	struct inbound_item *later; /* taken, from later_next on not yet handled */
	uint32_t later_next, later_count;
	uint64_t now_ms; /* of the last look at the clock in the turn: what came is dated by it */
	natsStatistics *counts;
	uint64_t seen;       /* of the messages that cnats has counted on this connection */
	uint64_t seen_aside; /* those among the next that the filter has taken */
	bool heard;          /* the socket brought something since the last look */
	uint32_t silent_ticks;
	int low_water; /* TLS: bytes that the socket waits for; 0 = any */

	struct request_table requests;
	uint64_t request_timer_at_ms;                  /* 0 = not armed */
	struct transport_subscription **subscriptions; /* slots, with holes */
	struct transport_subscription *latest;
	uint32_t subscription_capacity;
	uint32_t next_generation;
	struct transport_subscription *inbox_subscription;

	bool signals_blocked; /* in the loop's thread, always: it need not be done each time */
	struct transport_stats stats;
	char inbox_prefix[NATS_INBOX_PREFIX_SIZE_MAX + 1];
	char inbox[NATS_INBOX_SIZE]; /* of our requests, without the last dot */
};

static inline struct nats_transport *nats_transport_of(struct transport *t)
{
	return (struct nats_transport *)t;
}

/* Told to be up, and still so as far as we know. */
static inline bool nats_usable(const struct nats_transport *t)
{
	return t->stats.connected && !t->lost;
}

/* nats_options.c. Puts words into `why`; SAGA_E_CONFIG. */
__attribute__((format(printf, 2, 3))) int nats_refuse(char why[256], const char *format, ...);
/* nats_options.c: SAGA_E_CONFIG with words in `why`, SAGA_E_NO_MEMORY. The URLs are not in it. */
int nats_options_build(const struct nats_config *config, natsOptions **options,
		       char why[256]) MUST_CHECK;
bool nats_options_tls(const struct nats_config *config);

/* nats_servers.c: likewise. */
int nats_servers_init(struct nats_servers *servers, const char *url, uint32_t random,
		      char why[256]) MUST_CHECK;
void nats_servers_free(struct nats_servers *servers);
/* The one to try now. */
const char *nats_servers_next(struct nats_servers *servers);
/* All have been tried since the last pause, which begins now. */
bool nats_servers_round_over(struct nats_servers *servers);
/* What a server told replaces what was known by hearsay. */
void nats_servers_learn(struct nats_servers *servers, char *const *urls, uint32_t count);

/* nats_signals.c: cnats takes an interrupted poll for a broken connection, half a message written
 * or not: so no thread of its own ever sees a signal, and ours does not while it may wait there. */
void nats_signals_block(sigset_t *before);
void nats_signals_restore(const sigset_t *before);
bool nats_signals_are_blocked(void); /* in the calling thread */
void nats_on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status,
		   void *closure);

/* nats_connect.c: runs on a worker. */
void nats_connect_run(uv_work_t *request);
void nats_connect_forget(struct nats_work *work); /* frees what a result holds beside it */
/* nats_info.c: what the server at `url` announces: its version, "" when it does not, and whether it
 * takes nothing but TLS. Blocks. */
void nats_info_ask(const char *url, uint32_t timeout_ms, char version[NATS_VERSION_SIZE],
		   bool *tls);
/* nats_nkey_openssl.c: the public user key of a seed, both as text ("SU...", "U...").
 * SAGA_E_CONFIG when the seed is not one. */
enum { NATS_NKEY_SIZE = 56 };
int nats_nkey_public(struct slice seed, char public_key[NATS_NKEY_SIZE + 1]) MUST_CHECK;

/* nats_socket.c: what cnats does not tell about its socket. */
uint32_t nats_socket_waiting(int fd); /* bytes to be read without waiting */
bool nats_socket_readable(int fd);
/* TLS: reading would wait for the rest of a record. Then the poll is told what to wait for. */
bool nats_socket_record_is_partial(int fd, int *low_water);
bool nats_socket_has_room(int fd, uint32_t size);

/* nats_loop.c: cnats on our loop. */
natsStatus nats_loop_bind(struct nats_transport *t);
void nats_loop_start(struct nats_transport *t); /* a new connection; may end in `lost` */
void nats_loop_stop(struct nats_transport *t);  /* after it */
void nats_loop_kill(struct nats_transport *t);  /* gives the connection up: `lost` */
/* Writes what cnats holds as far as the socket takes it. */
void nats_loop_flush(struct nats_transport *t);
/* Takes what the socket holds into the queue. */
void nats_loop_receive(struct nats_transport *t);
void nats_loop_drain(struct nats_transport *t); /* closing: see `draining` */

/* nats_subscriptions.c */
int nats_subscription_add(struct nats_transport *t, enum nats_item_kind kind, const char *subject,
			  const char *queue, transport_handler handler, void *context,
			  struct transport_subscription **subscription) MUST_CHECK;
int nats_subscribe(struct transport *transport, const char *subject, const char *queue,
		   transport_handler handler, void *context,
		   struct transport_subscription **subscription);
void nats_unsubscribe(struct transport *transport, struct transport_subscription *subscription);
struct transport_subscription *nats_subscription_find(const struct nats_transport *t, uint64_t tag);
void nats_attach_all(struct nats_transport *t);    /* connected: tells cnats of all that it lacks */
void nats_detach_all(struct nats_transport *t);    /* the connection goes */
void nats_collect(struct nats_transport *t);       /* what cnats has read goes to the queue */
void nats_collect_begin(struct nats_transport *t); /* a new connection */
void nats_subscriptions_free(struct nats_transport *t);

/* nats_messages.c */
int nats_publish(struct transport *transport, const char *subject, struct slice reply,
		 const struct transport_header *headers, uint32_t header_count, struct slice data);
int nats_request(struct transport *transport, const char *subject,
		 const struct transport_header *headers, uint32_t header_count, struct slice data,
		 uint32_t timeout_ms, transport_completion done, void *context, uint64_t *token);
void nats_cancel(struct transport *transport, uint64_t token);
/* In place of natsMsg_Destroy. */
void nats_message_free(natsMsg *message);
void nats_deliver(struct nats_transport *t, const struct inbound_item *item);
void nats_drop(const struct inbound_item *item); /* frees the payload */
void nats_end_requests(struct nats_transport *t, int error);
/* Handlers of the timer. */
void nats_arm_request_timer(struct nats_transport *t);
void nats_end_due_requests(struct nats_transport *t);

/* nats.c */
uint64_t nats_now_ms(void);
/* Acts upon what has changed: the one place that decides what is begun and ended. */
void nats_advance(struct nats_transport *t);
/* Runs what the queue holds, then the hook. */
void nats_turn(struct nats_transport *t);
void nats_turn_done(struct nats_transport *t);
/* Runs what the queue holds, of messages that may wait only as many as a turn has time for. */
void nats_drain_queue(struct nats_transport *t);
void nats_on_request_timer(uv_timer_t *timer);

#endif
