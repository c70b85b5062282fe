#include "client/thread.h"

#include <signal.h>

int client_thread_start(pthread_t *thread, void *(*run)(void *), void *argument)
{
	sigset_t all, before;
	int err;

	/* A signal of the program must reach the program's own threads, e.g. to end a sigwait. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(thread, NULL, run, argument);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err == 0 ? 0 : SAGA_E_NO_MEMORY;
}
