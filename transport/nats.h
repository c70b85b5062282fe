/* The NATS transport: cnats 3.4 underneath, one connection, handlers on one libuv loop.
 *
 * cnats delivers on threads of its own. Those threads only append the message to a queue and wake
 * the loop (uv_async); the loop drains the whole queue in one turn, then runs `turn_done`, which is
 * where a node flushes what the turn produced (group commit from load, not from timers).
 * Publishing writes to the socket from the loop thread (SendAsap) under a write deadline.
 * While disconnected publishes are refused, not stored: nothing old leaves after a reconnect,
 * apart from what the socket already had.
 *
 * What it promises to the loop:
 * - A call blocks at most for the write deadline (a full socket), after which the connection is
 *   given up; or for the connect time-out, when it meets a reconnect in the moment before we learn
 * of the loss. A write that took long is followed by SAGA_E_BUSY for as long as it took.
 * - Messages of one subscription come in the order in which the server sent them.
 * - At most 256 Ki messages and 64 MiB wait for the loop, and beside them 32 Ki and 16 MiB of those
 *   that may wait; more are dropped and counted, replies to requests never.
 * - What may wait is handled after all that may not, for 5 ms a turn: `turn_done` is never far.
 * - close returns at once, whatever the server does; what may take seconds goes to a worker of
 *   libuv. The caller runs the loop on: the last handle closes when all is gone.
 * - A server that does not answer pings is given up after 3 s (1 s, two missing).
 * A subject or reply subject with white space in it is refused with SAGA_E_NAME.
 */
#ifndef SAGAD_TRANSPORT_NATS_H
#define SAGAD_TRANSPORT_NATS_H

#include "transport/transport.h"

struct uv_loop_s;

struct nats_config {
	const char *url;              /* one or several, comma-separated */
	const char *name;             /* of the connection, for the broker's monitoring */
	const char *inbox_prefix;     /* "_INBOX" when NULL */
	const char *credentials_file; /* user JWT and seed; NULL = none */
	const char *nkey_seed_file;
	const char *user, *password_file, *token_file;
	const char *tls_ca_file, *tls_cert_file,
		*tls_key_file; /* tls_ca_file or tls_required = TLS */
	bool tls_required;
	uint32_t connect_timeout_ms; /* 0 = 2000 */
	uint32_t write_deadline_ms;  /* 0 = 2000 */
	/* True for messages of subscriptions that may wait while others are there, and be dropped
	 * before them. NULL = none. Any thread. */
	bool (*may_wait)(struct slice subject);
};

/* Called on the loop thread. */
struct nats_hooks {
	void (*turn_done)(void *context); /* after each drained queue; may be NULL */
	void (*connection)(void *context, bool connected); /* may be NULL */
	void *context;
};

/* Connects in the background and keeps reconnecting for ever (100 ms); returns at once. Errors:
 * SAGA_E_CONFIG for unusable options or files (text in `why`, 256 bytes), SAGA_E_NO_MEMORY.
 * All strings are copied. Call on the loop's thread. A thread that has all signals blocked now must
 * leave it so: then they are not blocked around each message. */
int nats_transport_open(struct uv_loop_s *loop, const struct nats_config *config,
			const struct nats_hooks *hooks, struct transport **transport,
			char why[256]) MUST_CHECK;

#endif
