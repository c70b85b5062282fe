#include "client/waiter.h"

#include "client/call.h"
#include "client/connection.h"

void waiter_on_end(void *context, int error, const struct saga_status *status)
{
	struct waiter *waiter = context;

	(void)pthread_mutex_lock(&waiter->mutex);
	if (waiter->status != NULL)
		*waiter->status = *status;
	waiter->error = error;
	waiter->done = true;
	/* Under the mutex: the waiter's memory is gone soon after it is released. */
	(void)pthread_cond_signal(&waiter->changed);
	(void)pthread_mutex_unlock(&waiter->mutex);
}

void waiter_on_accepted(void *context, int error, const struct saga_status *status)
{
	if (error != 0)
		waiter_on_end(context, error, status);
}

int waiter_run(struct saga_connection *connection, struct call *call, struct waiter *waiter)
{
	int err;

	if (client_loop_is_self(connection->loop)) {
		call_free(call);
		return SAGA_E_USAGE;
	}
	(void)pthread_mutex_init(&waiter->mutex, NULL);
	(void)pthread_cond_init(&waiter->changed, NULL);
	call->context = waiter;
	err = call_submit(connection, call);
	if (err == 0) {
		(void)pthread_mutex_lock(&waiter->mutex);
		while (!waiter->done)
			(void)pthread_cond_wait(&waiter->changed, &waiter->mutex);
		err = waiter->error;
		(void)pthread_mutex_unlock(&waiter->mutex);
	}
	(void)pthread_cond_destroy(&waiter->changed);
	(void)pthread_mutex_destroy(&waiter->mutex);
	return err;
}
