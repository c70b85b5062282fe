/* The threads that run handlers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "client/connection.h"
#include "client/service.h"
#include "client/thread.h"

static void wake(void *context)
{
	struct saga_service *service = context;

	(void)pthread_mutex_lock(&service->mutex);
	if (!service->detached)
		client_loop_wake(service->connection->loop);
	(void)pthread_mutex_unlock(&service->mutex);
}

static const struct service_handler *find_handler(const struct saga_service *service,
						  const struct id *operation)
{
	for (uint32_t i = 0; i < service->handler_count; i++) {
		if (id_equal(&service->handlers[i].operation, operation))
			return &service->handlers[i];
	}
	return NULL;
}

static void count_answer(struct saga_service *service, const struct context_answer *answer)
{
	struct saga_service_stats *stats = &service->stats;

	service_count(&stats->commands);
	switch (answer->outcome) {
	case WIRE_OUTCOME_OK:
		service_count(&stats->ok);
		break;
	case WIRE_OUTCOME_REJECTED:
		service_count(&stats->rejected);
		break;
	case WIRE_OUTCOME_STALE:
		service_count(&stats->stale);
		break;
	case WIRE_OUTCOME_EXPIRED:
		service_count(&stats->expired);
		break;
	default:
		service_count(&stats->retried);
		break;
	}
	if (answer->barrier == WIRE_BARRIER_DUPLICATE)
		service_count(&stats->duplicates);
	else if (answer->barrier == WIRE_BARRIER_EMPTY_UNDO)
		service_count(&stats->empty_undos);
	else if (answer->barrier == WIRE_BARRIER_LATE_FORWARD)
		service_count(&stats->late_forwards);
}

/* An operation that this program does not have may be one that its next version has: parked, an
 * operator looks. Never rejected, which would be a statement about the business. */
static void refuse_operation(const struct saga_service *service, struct saga_context *context,
			     struct saga_result *result)
{
	result->outcome = SAGA_PARK;
	context->code = SAGA_E_UNSUPPORTED;
	(void)snprintf(result->text, sizeof result->text, "service %s has no operation %s",
		       service->name.text, context->operation.text);
}

/* What a thread needs of the service beside the entry, read under the same lock. */
struct injected {
	saga_answer_fault fault;
	void *user;
};

static void run_entry(struct saga_service *service, struct entry *entry,
		      const struct injected *injected)
{
	const struct frame *frame = entry->frame;
	struct saga_result result = {.outcome = SAGA_RETRY};
	const struct service_handler *handler;
	struct saga_context context;

	context_open(&context, &entry->command, frame->shard, frame->epoch, frame->low_water,
		     frame->received_ms);
	context.heartbeat = &entry->heartbeat;
	context.wake = wake;
	context.wake_context = service;
	handler = find_handler(service, &context.operation);
	if (handler != NULL)
		handler->handler(&context, &result, handler->user);
	else
		refuse_operation(service, &context, &result);

	entry->fault = injected->fault != NULL ? injected->fault(injected->user, &context, &result)
					       : ANSWER_FAULT_NONE;
	context_finish(&context, &result, &entry->answer);
	count_answer(service, &entry->answer);
}

/* Under the mutex. NULL: the threads are to end. */
static struct entry *take(struct saga_service *service, struct injected *injected)
{
	struct service_pool *pool = &service->pool;
	struct entry *entry;

	while (pool->queue == NULL && !pool->quit) {
		pool->idle++;
		(void)pthread_cond_wait(&service->work, &service->mutex);
		pool->idle--;
	}
	if (pool->quit)
		return NULL;
	entry = pool->queue;
	pool->queue = entry->next;
	if (pool->queue == NULL)
		pool->queue_tail = &pool->queue;
	pool->queued--;
	*injected = (struct injected){service->fault, service->fault_user};
	return entry;
}

/* A result goes in and the next entry comes out under one lock: for a quick handler the locks are
 * what a command costs. */
static void *pool_thread(void *argument)
{
	struct saga_service *service = argument;
	struct injected injected;
	struct entry *entry;

	(void)pthread_mutex_lock(&service->mutex);
	while ((entry = take(service, &injected)) != NULL) {
		(void)pthread_mutex_unlock(&service->mutex);
		run_entry(service, entry, &injected);
		(void)pthread_mutex_lock(&service->mutex);
		entry->next = service->pool.results;
		service->pool.results = entry;
		/* One wake for many results: the loop takes the whole list in one turn. */
		if (entry->next == NULL && !service->detached)
			client_loop_wake(service->connection->loop);
	}
	(void)pthread_mutex_unlock(&service->mutex);
	return NULL;
}

void pool_put(struct saga_service *service, struct entry *entries, uint32_t count)
{
	struct service_pool *pool = &service->pool;

	(void)pthread_mutex_lock(&service->mutex);
	for (uint32_t i = 0; i < count; i++) {
		struct entry *entry = &entries[i];

		CHECK_EQ(entry->state, ENTRY_WAITING);
		entry->state = ENTRY_IN_POOL;
		entry->next = NULL;
		*pool->queue_tail = entry;
		pool->queue_tail = &entry->next;
	}
	pool->queued += count;
	/* A thread that is awake looks at the queue before it waits. */
	for (uint32_t i = 0; i < count && i < pool->idle; i++)
		(void)pthread_cond_signal(&service->work);
	(void)pthread_mutex_unlock(&service->mutex);
}

uint32_t pool_queued(struct saga_service *service)
{
	uint32_t queued;

	(void)pthread_mutex_lock(&service->mutex);
	queued = service->pool.queued;
	(void)pthread_mutex_unlock(&service->mutex);
	return queued;
}

struct entry *pool_take_queue(struct saga_service *service)
{
	struct service_pool *pool = &service->pool;
	struct entry *list;

	(void)pthread_mutex_lock(&service->mutex);
	list = pool->queue;
	pool->queue = NULL;
	pool->queue_tail = &pool->queue;
	pool->queued = 0;
	(void)pthread_mutex_unlock(&service->mutex);
	return list;
}

struct entry *pool_take_results(struct saga_service *service)
{
	struct entry *list, *ordered = NULL;

	(void)pthread_mutex_lock(&service->mutex);
	list = service->pool.results;
	service->pool.results = NULL;
	(void)pthread_mutex_unlock(&service->mutex);
	while (list != NULL) {
		struct entry *next = list->next;

		list->next = ordered;
		ordered = list;
		list = next;
	}
	return ordered;
}

int pool_start(struct saga_service *service, uint32_t threads)
{
	struct service_pool *pool = &service->pool;

	pool->threads = calloc(threads, sizeof *pool->threads);
	if (pool->threads == NULL)
		return SAGA_E_NO_MEMORY;
	while (pool->thread_count < threads) {
		const int err = client_thread_start(&pool->threads[pool->thread_count], pool_thread,
						    service);

		if (err != 0) {
			pool_join(service);
			return err;
		}
		pool->thread_count++;
	}
	return 0;
}

void pool_join(struct saga_service *service)
{
	struct service_pool *pool = &service->pool;

	(void)pthread_mutex_lock(&service->mutex);
	pool->quit = true;
	(void)pthread_cond_broadcast(&service->work);
	(void)pthread_mutex_unlock(&service->mutex);
	for (uint32_t i = 0; i < pool->thread_count; i++)
		CHECK_EQ(pthread_join(pool->threads[i], NULL), 0);
	free(pool->threads);
	pool->threads = NULL;
	pool->thread_count = 0;
}
