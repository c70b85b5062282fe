/* Turns a callback into a blocking call. */
#ifndef SAGAD_CLIENT_WAITER_H
#define SAGAD_CLIENT_WAITER_H

#include <pthread.h>
#include <saga.h>

struct call;

struct waiter {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool done;
	int error;
	struct saga_status *status; /* may be NULL */
};

/* Callbacks for a call whose context is the waiter: the first ends the wait when it failed, the
 * second always. */
void waiter_on_accepted(void *context, int error, const struct saga_status *status);
void waiter_on_end(void *context, int error, const struct saga_status *status);
/* Hands the call over and blocks until one of them has ended the wait. Every call ends by its own
 * deadline. SAGA_E_USAGE on the connection's thread, which would wait for itself. */
int waiter_run(struct saga_connection *connection, struct call *call, struct waiter *waiter);

#endif
