/* The frame of an example's participant: signals, connection, handlers, drain on SIGTERM, counters
 * on SIGUSR1; and small means for trouble on demand. */
#ifndef SAGAD_EXAMPLES_COMMON_SERVE_H
#define SAGAD_EXAMPLES_COMMON_SERVE_H

#include <saga.h>
#include <signal.h>

struct serve_options {
	const char *program; /* "travel-user": begins each line that is printed */
	const char *service; /* "user" */
	const char *instance;
	const char *nats; /* NULL = $SAGA_NATS_URL, else nats://127.0.0.1:4222 */
	uint32_t threads;
	/* Registers the handlers; 0 or a code. */
	int (*handle)(struct saga_service *service, void *user);
	saga_answer_fault fault; /* may be NULL */
	/* Called once when it serves, on the thread that then waits for signals; may be NULL. */
	void (*ready)(struct saga_connection *connection, void *user);
	/* Appends `,"key":number` ... to the line of counters; may be NULL. */
	void (*count)(void *user, char *text, size_t size);
	void *user; /* of all four */
};

/* Before the process has threads: all of them inherit it, and only serve waits for signals. */
void serve_block_signals(sigset_t *signals);
/* Until SIGTERM or SIGINT; an exit code. */
int serve(struct serve_options *options, const sigset_t *signals);

/* The column `outcome` of a log. */
const char *serve_outcome_name(enum saga_outcome outcome);

/* ---- trouble on demand --------------------------------------------------------------------- */

/* Does a random value fall into this part of 1? */
bool serve_hits(uint64_t random, double chance);
/* A sleep that stands for work. */
void serve_work(uint32_t duration_ms);
/* Long work tells the coordinator that it goes on, or its attempt would be given up. */
void serve_work_and_tell(struct saga_context *context, uint32_t duration_ms);

#endif
