/* A connection: one loop thread, one transport, the calls in flight and the services on it.
 *
 * Everything marked "loop" is touched by the loop's thread only. Other threads hand work over as
 * tasks (connection_post), and services hand over results (service.h).
 */
#ifndef SAGAD_CLIENT_CONNECTION_H
#define SAGAD_CLIENT_CONNECTION_H

#include <pthread.h>
#include <saga.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/prng.h"
#include "client/call.h"
#include "client/loop.h"
#include "client/task.h"
#include "transport/transport.h"
#include "wire/shard.h"

struct saga_service;
struct nats_config;

/* Slot table of the cluster, asked for when first needed and after a wrong_shard. */
struct client_info {
	struct wire_slots slots;
	bool known;
	bool pending; /* a request is out */
	bool wanted;
	uint64_t retry_at_ms;
	uint32_t backoff_ms;
	int error;                           /* of the last answer: why it is not known */
	char inbox_stream[CALL_STREAM_SIZE]; /* it may be asked as well; "" = none */
};

enum {
	/* The largest arrays in what a client decodes: an answer's branches and labels. */
	CLIENT_SCRATCH_SIZE = 64 * 1024,
	CLIENT_BACKOFF_MIN_MS = 100,
	CLIENT_MOVED_MIN_MS = 20, /* a shard that is handed over comes back after so long */
	CLIENT_BACKOFF_MAX_MS = 1000,
	CLIENT_TIMEOUT_DEFAULT_MS = 10000
};

struct saga_connection {
	struct client_loop *loop;
	char *name, *prefix;
	struct id party;
	void (*log)(void *context, int level, const char *text);
	void *log_context;

	pthread_mutex_t mutex;
	struct client_task *tasks;     /* under the mutex, newest first */
	bool closed;                   /* under the mutex: nothing more is taken */
	struct saga_service *services; /* under the mutex: all of them */
	atomic_uint calls_open;        /* for the limit */
	atomic_bool crowded;           /* new calls would wait in vain */

	const struct nats_config *config; /* only while it opens */
	struct transport *transport;      /* loop */
	uint32_t connects;                /* loop: how often it has been connected */
	bool connected;                   /* loop */
	struct client_info info;          /* loop */
	struct client_calls calls;        /* loop */
	struct saga_service *started;     /* loop: services at work */
	struct prng prng;                 /* loop: jitter */
	uint8_t *scratch;                 /* loop: arena memory of one decode */
};

/* False when the connection is closing; the task is then not run. */
bool connection_post(struct saga_connection *connection, struct client_task *task);
/* Loop: everything that is due. */
void connection_turn(struct saga_connection *connection);
/* Loop: asks for the slot table unless that is under way. */
void connection_want_info(struct saga_connection *connection);
void connection_info_turn(struct saga_connection *connection, uint64_t now_ms);
/* Loop: value +-20 %. */
uint64_t connection_jitter(struct saga_connection *connection, uint64_t value);

void connection_log(struct saga_connection *connection, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
uint64_t client_now_ms(void); /* monotonic */

/* Copies a struct whose first member is its size, as the caller's version knows it. */
void client_options_copy(void *into, size_t into_size, const void *from);

#endif
