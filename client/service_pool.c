/* The threads that run handlers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/os_clock.h"
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
	case WIRE_OUTCOME_READ_ONLY:
		service_count(&stats->ok);
		break;
	case WIRE_OUTCOME_REJECTED:
		service_count(&stats->rejected);
		break;
	case WIRE_OUTCOME_HEURISTIC:
		service_count(&stats->heuristic);
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

/* "Not done" must not be said of what may still be done (S4): without a barrier that sees to it,
 * nothing can be said. */
static void refuse_settle(const struct saga_service *service, struct saga_context *context,
			  struct saga_result *result)
{
	result->outcome = SAGA_PARK;
	context->code = SAGA_E_UNSUPPORTED;
	(void)snprintf(result->text, sizeof result->text,
		       "service %s cannot say what became of %s: register a handler with "
		       "saga_service_settle",
		       service->name.text, context->operation.text);
}

static void handle(const struct saga_service *service, struct saga_context *context,
		   struct saga_result *result)
{
	const bool settle = context->command->op == WIRE_OP_SETTLE;
	const struct service_handler *handler =
		settle ? &service->settle : find_handler(service, &context->operation);

	if (handler != NULL && handler->handler != NULL)
		handler->handler(context, result, handler->user);
	else if (settle)
		refuse_settle(service, context, result);
	else
		refuse_operation(service, context, result);
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
	struct saga_context context;

	context_open(&context, &entry->command, frame->shard, frame->epoch, frame->low_water,
		     frame->received_ms);
	context.heartbeat = &entry->heartbeat;
	context.wake = wake;
	context.wake_context = service;
	handle(service, &context, &result);
	entry->fault = injected->fault != NULL ? injected->fault(injected->user, &context, &result)
					       : ANSWER_FAULT_NONE;
	context_finish(&context, &result, &entry->answer);
	count_answer(service, &entry->answer);
}

/* ---- the threads -------------------------------------------------------------------------------
 *
 * For a quick handler the hand-overs are what a command costs: locks, and threads that are woken.
 * So a thread takes as many commands at once as are expected to keep it busy for BATCH_NS, no more
 * threads are woken than there are such batches, and the loop is woken once for the results of one.
 *
 * Expecting is guessing, and a handler that blocks must cost nobody else anything. Its thread's
 * batch stays in reach: the loop looks again after LOOK_MS, wakes whoever is idle, and a woken
 * thread takes what lies before one that has been at its command for longer than STUCK_NS. Results
 * lie in the open as soon as they are there. A handler that is slow as a rule gets batches of one.
 */

enum {
	BATCH_NS = 500000,
	STUCK_NS = 1000000,
	LOOK_MS = 5,
	/* Of a handler that nobody has seen yet: slow. */
	FIRST_GUESS_NS = 1000000,
	/* What is work for a while: so long, and so many commands at least. */
	ENOUGH_NS = 20000000,
	ENOUGH_MIN = 4
};

/* How many commands a thread is expected to do in that time. */
static uint32_t commands_in(const struct service_pool *pool, uint64_t time_ns)
{
	const uint64_t guess_ns = atomic_load_explicit(&pool->guess_ns, memory_order_relaxed);

	return (uint32_t)(time_ns / (guess_ns + 1));
}

static uint32_t batch_size(const struct service_pool *pool)
{
	const uint32_t size = commands_in(pool, BATCH_NS);

	return size < 1 ? 1 : size < POOL_BATCH_MAX ? size : POOL_BATCH_MAX;
}

uint32_t pool_enough(const struct saga_service *service)
{
	const uint32_t each = commands_in(&service->pool, ENOUGH_NS);

	return service->pool.thread_count * (each > ENOUGH_MIN ? each : ENOUGH_MIN);
}

/* A moving average. Threads that overwrite each other's share of it do no harm. */
static void learn(struct service_pool *pool, uint64_t took_ns)
{
	const uint64_t guess_ns = atomic_load_explicit(&pool->guess_ns, memory_order_relaxed);

	atomic_store_explicit(&pool->guess_ns, guess_ns - guess_ns / 8 + took_ns / 8,
			      memory_order_relaxed);
}

/* The next entry of a batch, for its own thread or, under the mutex, for another. */
static struct entry *claim(struct pool_thread *thread)
{
	const uint32_t place = atomic_fetch_add(&thread->next, 1);

	return place < thread->count ? thread->batch[place] : NULL;
}

/* Under the mutex. */
static uint32_t left_in_batch(const struct pool_thread *thread)
{
	const uint32_t next = atomic_load(&thread->next);

	return next < thread->count ? thread->count - next : 0;
}

/* Under the mutex: what lies before this thread and will go on lying there. */
static uint32_t stuck_behind(const struct pool_thread *thread, uint64_t now_ns)
{
	const uint64_t began_ns = atomic_load_explicit(&thread->began_ns, memory_order_relaxed);

	return now_ns > began_ns + STUCK_NS ? left_in_batch(thread) : 0;
}

static struct entry *steal(struct service_pool *pool)
{
	const uint64_t now_ns = os_clock_mono_ns();

	for (uint32_t i = 0; i < pool->thread_count; i++) {
		struct entry *entry = stuck_behind(&pool->threads[i], now_ns) > 0
					      ? claim(&pool->threads[i])
					      : NULL;

		if (entry != NULL)
			return entry;
	}
	return NULL;
}

static struct entry *dequeue(struct service_pool *pool)
{
	struct entry *entry = pool->queue;

	if (entry == NULL)
		return NULL;
	pool->queue = entry->next;
	if (pool->queue == NULL)
		pool->queue_tail = &pool->queue;
	pool->queued--;
	return entry;
}

/* Under the mutex. False: the threads are to end. */
static bool refill(struct saga_service *service, struct pool_thread *thread,
		   struct injected *injected)
{
	struct service_pool *pool = &service->pool;
	struct entry *entry = NULL;
	uint32_t count = 0;

	while (!pool->quit && pool->queue == NULL && (entry = steal(pool)) == NULL) {
		pool->idle++;
		(void)pthread_cond_wait(&service->work, &service->mutex);
		pool->idle--;
	}
	if (pool->quit)
		return false;
	if (entry != NULL) {
		thread->batch[count++] = entry;
	} else {
		const uint32_t size = batch_size(pool);

		while (count < size && (entry = dequeue(pool)) != NULL)
			thread->batch[count++] = entry;
	}
	thread->count = count;
	atomic_store(&thread->next, 0);
	atomic_store_explicit(&thread->began_ns, os_clock_mono_ns(), memory_order_relaxed);
	*injected = (struct injected){service->fault, service->fault_user};
	return true;
}

static void publish_result(struct service_pool *pool, struct entry *entry)
{
	entry->next = atomic_load_explicit(&pool->results, memory_order_relaxed);
	while (!atomic_compare_exchange_weak(&pool->results, &entry->next, entry))
		continue;
}

/* Under the mutex. */
static void announce(struct saga_service *service)
{
	if (!service->detached && atomic_load(&service->pool.results) != NULL)
		client_loop_wake(service->connection->loop);
}

static void work_batch(struct saga_service *service, struct pool_thread *thread,
		       const struct injected *injected)
{
	uint64_t began_ns = atomic_load_explicit(&thread->began_ns, memory_order_relaxed);
	uint64_t announced_ns = began_ns;
	struct entry *entry;

	while ((entry = claim(thread)) != NULL) {
		run_entry(service, entry, injected);

		const uint64_t now_ns = os_clock_mono_ns();

		publish_result(&service->pool, entry);
		learn(&service->pool, now_ns - began_ns);
		began_ns = now_ns;
		atomic_store_explicit(&thread->began_ns, now_ns, memory_order_relaxed);
		/* It takes longer than expected: what is there need not wait for the rest. */
		if (now_ns - announced_ns > BATCH_NS) {
			announced_ns = now_ns;
			(void)pthread_mutex_lock(&service->mutex);
			announce(service);
			(void)pthread_mutex_unlock(&service->mutex);
		}
	}
}

static void *pool_thread(void *argument)
{
	struct pool_thread *thread = argument;
	struct saga_service *service = thread->service;
	struct injected injected;

	(void)pthread_mutex_lock(&service->mutex);
	while (refill(service, thread, &injected)) {
		(void)pthread_mutex_unlock(&service->mutex);
		work_batch(service, thread, &injected);
		(void)pthread_mutex_lock(&service->mutex);
		announce(service);
	}
	(void)pthread_mutex_unlock(&service->mutex);
	return NULL;
}

/* ---- the loop's side ---------------------------------------------------------------------------
 */

void pool_put(struct saga_service *service, struct entry *entries, uint32_t count)
{
	struct service_pool *pool = &service->pool;

	for (uint32_t i = 0; i < count; i++) {
		struct entry *entry = &entries[i];

		CHECK_EQ(entry->state, ENTRY_WAITING);
		entry->state = ENTRY_IN_POOL;
		entry->next = NULL;
		*pool->fresh_tail = entry;
		pool->fresh_tail = &entry->next;
	}
	pool->fresh_count += count;
}

/* Under the mutex: how many threads to wake for what is in the queue. One that is awake looks
 * there before it waits. */
static uint32_t threads_wanted(const struct service_pool *pool)
{
	const uint32_t size = batch_size(pool);
	const uint32_t batches = (pool->queued + size - 1) / size;
	const uint32_t awake = size == 1 ? 0 : pool->thread_count - pool->idle;
	const uint32_t wanted = batches > awake ? batches - awake : 0;

	return wanted < pool->idle ? wanted : pool->idle;
}

/* What came in this turn of the loop goes to the threads together. */
static uint32_t hand_over(struct service_pool *pool)
{
	if (pool->fresh == NULL)
		return 0;
	*pool->queue_tail = pool->fresh;
	pool->queue_tail = pool->fresh_tail;
	pool->queued += pool->fresh_count;
	pool->fresh = NULL;
	pool->fresh_tail = &pool->fresh;
	pool->fresh_count = 0;
	return threads_wanted(pool);
}

/* Under the mutex: how many threads to wake because others are stuck, and when to look again. */
static uint32_t look_for_stuck(struct service_pool *pool, uint64_t now_ms)
{
	const uint64_t now_ns = os_clock_mono_ns();
	uint32_t waiting = pool->queued, wanted = pool->queued;

	for (uint32_t i = 0; i < pool->thread_count; i++) {
		waiting += left_in_batch(&pool->threads[i]);
		wanted += stuck_behind(&pool->threads[i], now_ns);
	}
	/* Without an idle thread nobody can be woken; one that ends its command looks by itself. */
	pool->look_at_ms =
		waiting == 0 ? UINT64_MAX : now_ms + (pool->idle > 0 ? LOOK_MS : SERVICE_TICK_MS);
	return wanted < pool->idle ? wanted : pool->idle;
}

void pool_turn(struct saga_service *service, uint64_t now_ms)
{
	struct service_pool *pool = &service->pool;
	uint32_t wanted;

	if (pool->fresh == NULL && now_ms < pool->look_at_ms)
		return;
	(void)pthread_mutex_lock(&service->mutex);
	wanted = hand_over(pool);
	if (now_ms >= pool->look_at_ms)
		wanted = look_for_stuck(pool, now_ms);
	else if (pool->look_at_ms == UINT64_MAX)
		pool->look_at_ms = now_ms + LOOK_MS;
	(void)pthread_mutex_unlock(&service->mutex);
	/* Outside of the mutex: they would wake up only to wait for it. */
	while (wanted-- > 0)
		(void)pthread_cond_signal(&service->work);
}

uint32_t pool_queued(struct saga_service *service)
{
	uint32_t queued;

	(void)pthread_mutex_lock(&service->mutex);
	queued = service->pool.queued + service->pool.fresh_count;
	(void)pthread_mutex_unlock(&service->mutex);
	return queued;
}

struct entry *pool_take_queue(struct saga_service *service)
{
	struct service_pool *pool = &service->pool;
	struct entry *list, **tail = &list;

	(void)pthread_mutex_lock(&service->mutex);
	for (uint32_t i = 0; i < pool->thread_count; i++) {
		struct pool_thread *thread = &pool->threads[i];
		const uint32_t next = atomic_fetch_add(&thread->next, POOL_BATCH_MAX);

		for (uint32_t place = next; place < thread->count; place++) {
			*tail = thread->batch[place];
			tail = &(*tail)->next;
		}
	}
	(void)hand_over(pool);
	*tail = pool->queue;
	pool->queue = NULL;
	pool->queue_tail = &pool->queue;
	pool->queued = 0;
	(void)pthread_mutex_unlock(&service->mutex);
	return list;
}

struct entry *pool_take_results(struct saga_service *service)
{
	struct entry *list = NULL, *ordered = NULL;

	if (atomic_load_explicit(&service->pool.results, memory_order_relaxed) != NULL)
		list = atomic_exchange(&service->pool.results, NULL);
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
	atomic_init(&pool->guess_ns, FIRST_GUESS_NS);
	atomic_init(&pool->results, NULL);
	pool->look_at_ms = UINT64_MAX;
	for (uint32_t i = 0; i < threads; i++) {
		struct pool_thread *thread = &pool->threads[i];
		int err;

		thread->service = service;
		atomic_init(&thread->next, 0);
		atomic_init(&thread->began_ns, 0);
		err = client_thread_start(&thread->thread, pool_thread, thread);
		if (err != 0) {
			pool_join(service);
			return err;
		}
		/* Those that run look at their number. */
		(void)pthread_mutex_lock(&service->mutex);
		pool->thread_count++;
		(void)pthread_mutex_unlock(&service->mutex);
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
		CHECK_EQ(pthread_join(pool->threads[i].thread, NULL), 0);
	free(pool->threads);
	pool->threads = NULL;
	pool->thread_count = 0;
}
