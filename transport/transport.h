/* Messages between processes: a small table of functions over NATS (transport/nats.c) or inside one
 * process (transport/loopback.c).
 *
 * One transport belongs to one event-loop thread. All functions are called on that thread and all
 * handlers run on it, never from inside a call of this interface. Message data is borrowed: it
 * lives until the handler returns.
 * Nothing here is reliable: a published message may be lost, late (after a reconnect) or doubled.
 */
#ifndef SAGAD_TRANSPORT_TRANSPORT_H
#define SAGAD_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

struct transport_message {
	struct slice subject;
	struct slice reply; /* empty = none */
	struct slice data;
	uint32_t status;    /* of a header-only status message (JetStream pull: 404, 408, 409, 100);
			       0 for an ordinary one */
	uint64_t delivered; /* for messages of a JetStream consumer: how often the broker delivered
			       it (from the ack subject), else 0 */
	uint64_t stream_sequence; /* likewise */
	uint32_t waited_ms;       /* in this process, for the loop to come to it */
};

typedef void (*transport_handler)(void *context, const struct transport_message *message);
/* Exactly once per request: error 0 and a message, or SAGA_E_TIMEOUT, SAGA_E_NO_RESPONDERS,
 * SAGA_E_DISCONNECTED (the request may have arrived all the same), SAGA_E_STOPPING with NULL. */
typedef void (*transport_completion)(void *context, int error,
				     const struct transport_message *message);

struct transport_header {
	const char *name;
	const char *value;
};

struct transport_stats {
	bool connected;
	uint64_t disconnected_since_ns; /* monotonic; 0 while connected */
	uint64_t reconnects;
	uint64_t sent_messages, sent_bytes, received_messages, received_bytes, dropped_messages;
	uint32_t queue_depth; /* received, not yet handled; at least 1 while the socket holds
				 something */
	uint32_t requests_open;
	char server_version[32]; /* "" until connected */
	int64_t max_payload;     /* bytes */
};

struct transport;
struct transport_subscription;

struct transport_ops {
	/* `reply` may be empty; up to 4 headers. SAGA_E_DISCONNECTED, SAGA_E_TOO_LARGE, SAGA_E_BUSY
	 * (too much waits for the socket), SAGA_E_NAME (a subject that cannot be one),
	 * SAGA_E_STOPPING, SAGA_E_NO_MEMORY, or 0 = handed to the socket or its buffer. On an error
	 * nobody gets it. */
	int (*publish)(struct transport *t, const char *subject, struct slice reply,
		       const struct transport_header *headers, uint32_t header_count,
		       struct slice data);
	/* Publishes with an inbox of our own; the completion comes later, always. *token (may be
	 * NULL) serves cancel. On an error return (as of publish; SAGA_E_BUSY also when too many
	 * are open) there is no completion. */
	int (*request)(struct transport *t, const char *subject,
		       const struct transport_header *headers, uint32_t header_count,
		       struct slice data, uint32_t timeout_ms, transport_completion done,
		       void *context, uint64_t *token);
	/* No completion will come after it. Unknown tokens are a no-op. */
	void (*cancel)(struct transport *t, uint64_t token);
	/* `queue` NULL = plain. The subscription survives reconnects. */
	int (*subscribe)(struct transport *t, const char *subject, const char *queue,
			 transport_handler handler, void *context,
			 struct transport_subscription **subscription);
	/* No handler runs after it. */
	void (*unsubscribe)(struct transport *t, struct transport_subscription *subscription);
	void (*stats)(const struct transport *t, struct transport_stats *stats);
	/* A fresh private reply subject prefix "<inbox prefix>.<random>" (no trailing dot), for a
	 * subscription of the caller's. */
	void (*inbox)(struct transport *t, char *text, uint32_t size);
	/* Ends all requests with SAGA_E_STOPPING (the one completion that runs inside a call),
	 * closes, frees; handlers do not run after it. May be called by a handler.
	 * With drain: first flushes what was published, for at most 2 s. */
	void (*close)(struct transport *t, bool drain);
};

/* Implementations begin with this. */
struct transport {
	const struct transport_ops *ops;
};

#endif
