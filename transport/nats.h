/* The NATS transport: cnats underneath, one connection, everything on one libuv loop.
 *
 * The loop reads the socket, hands out what came and runs `turn_done`, which is where a node
 * flushes what the turn produced (group commit from load, not from timers). What was published
 * leaves in one write at the end of the loop's iteration, from whichever callback it came; more
 * than 64 KiB leaves at once. docs/decisions/0004-event-loop.md says why.
 * While disconnected publishes are refused, not stored: nothing old leaves after a reconnect,
 * apart from what the socket already had. What waited for the socket is lost with the connection.
 *
 * What it promises to the loop:
 * - No call blocks. What the socket does not take waits, up to 8 MiB; beyond that publish returns
 *   SAGA_E_BUSY until there is room again. A socket that takes nothing for the write deadline ends
 *   the connection.
 *   (With TLS, a message larger than half of the socket's buffer may block up to that deadline.)
 * - Messages of one subscription come in the order in which the server sent them. Between
 *   subscriptions there is no order.
 * - At most 256 Ki messages and 64 MiB wait for the loop, and beside them 32 Ki and 16 MiB of those
 *   that may wait; more are dropped and counted, replies to requests never.
 * - What may wait is handled after all that may not, for 5 ms a turn: `turn_done` is never far.
 * - close returns at once, whatever the server does. The caller runs the loop on: the last handle
 *   closes when all is gone.
 * - A server that is not heard for 3 s, although asked each second, is given up.
 * Connecting runs on a worker of libuv, one server after the other: those of the URL and those that
 * servers tell of.
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
	 * before them. NULL = none. */
	bool (*may_wait)(struct slice subject);
};

/* Called on the loop thread. */
struct nats_hooks {
	void (*turn_begins)(void *context); /* before what came is handled; may be NULL */
	void (*turn_done)(void *context);   /* after what came was handled; may be NULL */
	void (*connection)(void *context, bool connected); /* may be NULL */
	/* May what was published leave now? Asked before each write to the socket, for a process
	 * may have stood still since publish. False: it never leaves, the connection ends with it.
	 * These two are called even after close, while it drains. May be NULL. */
	bool (*may_leave)(void *context);
	void (*all_left)(void *context); /* or was thrown away; nothing waits. May be NULL */
	void *context;
};

/* Connects in the background and keeps reconnecting for ever (after 100 ms, or 1 s when refused);
 * returns at once. Errors:
 * SAGA_E_CONFIG for unusable options or files (text in `why`, 256 bytes), SAGA_E_NO_MEMORY.
 * All strings are copied. Call on the loop's thread. A thread that has all signals blocked now must
 * leave it so: then they are not blocked around each read and write of TLS. */
int nats_transport_open(struct uv_loop_s *loop, const struct nats_config *config,
			const struct nats_hooks *hooks, struct transport **transport,
			char why[256]) MUST_CHECK;

#endif
