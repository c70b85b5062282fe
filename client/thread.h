/* Threads inside somebody else's process: they take none of its signals. */
#ifndef SAGAD_CLIENT_THREAD_H
#define SAGAD_CLIENT_THREAD_H

#include <pthread.h>

#include "base/error.h"

/* As pthread_create, with all signals blocked in the new thread. SAGA_E_NO_MEMORY. */
int client_thread_start(pthread_t *thread, void *(*run)(void *), void *argument) MUST_CHECK;

#endif
