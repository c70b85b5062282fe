/* The part that runs on cnats' threads: enqueue, wake the loop, nothing else. */
#include <stdlib.h>

#include "base/check.h"
#include "base/os_log.h"
#include "transport/nats_internal.h"

/* Under the queue's mutex, and never once it is shut: the handle is still open. */
static void wake_loop(void *context)
{
	struct nats_link *link = context;

	(void)uv_async_send(link->async);
}

struct nats_link *nats_link_create(uv_async_t *async)
{
	struct nats_link *link = calloc(1, sizeof *link);

	if (link == NULL)
		return NULL;
	inbound_queue_init(&link->queue, NATS_QUEUE_ITEMS_MAX, NATS_QUEUE_BYTES_MAX, wake_loop,
			   link);
	inbound_queue_bound(&link->queue, INBOUND_LATER, NATS_REQUEST_ITEMS_MAX,
			    NATS_REQUEST_BYTES_MAX);
	link->async = async;
	atomic_init(&link->references, 1);
	return link;
}

void nats_link_retain(struct nats_link *link)
{
	CHECK(atomic_fetch_add_explicit(&link->references, 1, memory_order_relaxed) > 0);
}

void nats_link_release(struct nats_link *link)
{
	if (atomic_fetch_sub_explicit(&link->references, 1, memory_order_acq_rel) != 1)
		return;
	inbound_queue_close(&link->queue);
	free(link);
}

static void push_state(struct nats_session *session, enum nats_item_kind kind)
{
	const struct inbound_item item = {.tag = session->incarnation, .kind = kind};

	(void)inbound_queue_push(&session->link->queue, &item, true);
}

void nats_on_up(natsConnection *connection, void *closure)
{
	(void)connection;
	push_state(closure, NATS_ITEM_UP);
}

void nats_on_down(natsConnection *connection, void *closure)
{
	(void)connection;
	push_state(closure, NATS_ITEM_DOWN);
}

/* cnats calls it exactly once a connection, after all others of that connection. */
void nats_on_closed(natsConnection *connection, void *closure)
{
	struct nats_session *session = closure;

	(void)connection;
	push_state(session, NATS_ITEM_CLOSED);
	nats_link_release(session->link);
	free(session);
}

/* Touches nothing of ours: this one may come after nats_on_closed. It must not ask the connection
 * either, whose lock may be taken for seconds: the thread serves all connections of the process. */
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
