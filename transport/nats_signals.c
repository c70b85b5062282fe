/* Signals stay away from cnats; and its one callback that is not of the event loop. */
#include "base/check.h"
#include "base/os_log.h"
#include "transport/nats_internal.h"

/* On a thread of cnats. Touches nothing of ours, nor the connection: this one may come after it. */
void nats_on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status,
		   void *closure)
{
	const char *text = nats_GetLastError(NULL);

	(void)connection;
	(void)subscription;
	(void)closure;
	LOG(LOG_WARN, "nats.error", log_str("status", natsStatus_GetText(status)),
	    log_str("text", text == NULL ? "" : text),
	    log_code(status == NATS_CONNECTION_AUTH_FAILED ? SAGA_E_AUTH : SAGA_E_NATS));
}

/* All but those that say that this very thread has a fault. */
static void fill(sigset_t *all)
{
	static const int own_fault[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};

	CHECK_EQ(sigfillset(all), 0);
	for (uint32_t i = 0; i < sizeof own_fault / sizeof own_fault[0]; i++)
		CHECK_EQ(sigdelset(all, own_fault[i]), 0);
}

void nats_signals_block(sigset_t *before)
{
	sigset_t all;

	fill(&all);
	CHECK_EQ(pthread_sigmask(SIG_BLOCK, &all, before), 0);
}

void nats_signals_restore(const sigset_t *before)
{
	CHECK_EQ(pthread_sigmask(SIG_SETMASK, before, NULL), 0);
}

bool nats_signals_are_blocked(void)
{
	sigset_t all, now;

	fill(&all);
	CHECK_EQ(sigdelset(&all, SIGKILL), 0); /* these two cannot be */
	CHECK_EQ(sigdelset(&all, SIGSTOP), 0);
	CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &now), 0);
	for (int number = 1; number <= SIGRTMAX; number++)
		if (sigismember(&all, number) == 1 && sigismember(&now, number) != 1)
			return false;
	return true;
}
