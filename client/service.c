#include "client/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "client/connection.h"
#include "wire/codec.h"

/* ---- on the loop -------------------------------------------------------------------------------
 */

/* Under the mutex of the service. */
static void set_flag(struct saga_service *service, bool *flag)
{
	(void)pthread_mutex_lock(&service->mutex);
	*flag = true;
	(void)pthread_cond_broadcast(&service->changed);
	(void)pthread_mutex_unlock(&service->mutex);
}

static struct saga_service *from_task(struct client_task *task, size_t offset)
{
	return (struct saga_service *)(void *)((char *)task - offset);
}

static void run_start(struct saga_connection *connection, struct client_task *task)
{
	struct saga_service *service = from_task(task, offsetof(struct saga_service, start_task));
	int err = pull_open(service);

	if (err == 0)
		err = reply_open(service);
	if (err == 0)
		err = call_open(service);
	if (err != 0)
		connection_log(connection, 3, "service %s cannot subscribe: %s", service->name.text,
			       err_text(err));
	service->started_next = connection->started;
	connection->started = service;
}

static void check_drained(struct saga_service *service)
{
	if (service->draining && service->frame_count == 0 && service->call_count == 0)
		set_flag(service, &service->drained);
}

static void run_drain(struct saga_connection *connection, struct client_task *task)
{
	struct saga_service *service = from_task(task, offsetof(struct saga_service, drain_task));
	uint32_t undone;

	(void)connection;
	service->draining = true;
	/* First of all: the broker would hand to our open requests what we hand back to it, and
	 * calls could go to another instance. */
	pull_close(service);
	call_close(service);
	undone = frames_drain(service);
	(void)pthread_mutex_lock(&service->mutex);
	service->undone += undone;
	(void)pthread_mutex_unlock(&service->mutex);
	check_drained(service);
}

static void run_end(struct saga_connection *connection, struct client_task *task)
{
	struct saga_service *service = from_task(task, offsetof(struct saga_service, end_task));
	struct saga_service **link = &connection->started;

	while (*link != NULL && *link != service)
		link = &(*link)->started_next;
	if (*link == service)
		*link = service->started_next;
	call_close(service);
	reply_close(service);
	(void)pthread_mutex_lock(&service->mutex);
	for (const struct frame *frame = service->frames; frame != NULL; frame = frame->next)
		service->undone += frame->open;
	(void)pthread_mutex_unlock(&service->mutex);
	frames_abandon(service);
	set_flag(service, &service->detached);
}

static void service_turn(struct saga_service *service, uint64_t now_ms)
{
	reply_answered(service, pool_take_results(service), now_ms);
	if (now_ms >= service->scan_at_ms) {
		/* All of these times are long: looking at every entry in every turn would cost more
		 * than the turn. */
		service->scan_at_ms = now_ms + SERVICE_TICK_MS;
		reply_turn(service, now_ms);
		frames_turn(service, now_ms);
	}
	pull_turn(service, now_ms);
	pool_turn(service, now_ms);
	check_drained(service);
}

void services_turn(struct saga_connection *connection, uint64_t now_ms)
{
	for (struct saga_service *service = connection->started; service != NULL;
	     service = service->started_next)
		service_turn(service, now_ms);
}

uint64_t services_next_ms(const struct saga_connection *connection, uint64_t now_ms)
{
	uint64_t next_ms = connection->started != NULL ? now_ms + SERVICE_TICK_MS : UINT64_MAX;

	for (const struct saga_service *service = connection->started; service != NULL;
	     service = service->started_next)
		if (service->pool.look_at_ms < next_ms)
			next_ms = service->pool.look_at_ms;
	return next_ms;
}

void services_reconnected(struct saga_connection *connection)
{
	for (struct saga_service *service = connection->started; service != NULL;
	     service = service->started_next)
		pull_forget(service);
}

/* ---- create and free ----------------------------------------------------------------------------
 */

void saga_service_options_init(struct saga_service_options *options)
{
	*options = (struct saga_service_options){.size = sizeof *options};
}

/* "host-pid": whatever the host is called, it must be a name. */
static void name_instance(struct id *id, const char *given)
{
	char host[40] = "", text[ID_SIZE_MAX + 1];

	if (given != NULL)
		(void)snprintf(text, sizeof text, "%s", given);
	else {
		(void)gethostname(host, sizeof host - 1);
		(void)snprintf(text, sizeof text, "%s-%ld", host, (long)getpid());
	}
	for (char *at = text; *at != '\0'; at++) {
		if (!id_valid(slice_of(at, 1)))
			*at = '-';
	}
	if (id_from(id, slice_str(text)) != 0)
		*id = (struct id){0};
}

static int set_names(struct saga_service *service, const char *name,
		     const struct saga_service_options *options)
{
	char text[2 * ID_SIZE_MAX];
	int err = name == NULL ? SAGA_E_NAME : id_from(&service->name, slice_str(name));

	if (err != 0)
		return err;
	name_instance(&service->instance, options->instance);
	(void)snprintf(text, sizeof text, "svc_%s", name);
	err = id_from(&service->consumer, slice_str(text));
	if (err != 0)
		return err;
	(void)snprintf(text, sizeof text, "%s_CMD",
		       options->stream_prefix != NULL ? options->stream_prefix : "SAGA");
	return id_from(&service->stream, slice_str(text));
}

static int set_limits(struct saga_service *service, const struct saga_service_options *options,
		      uint32_t *threads)
{
	*threads = options->threads != 0 ? options->threads : SERVICE_THREADS_DEFAULT;
	service->frames_max = options->frames_max != 0 ? options->frames_max : 2 * *threads;
	service->ack_wait_ms =
		options->ack_wait_ms != 0 ? options->ack_wait_ms : SERVICE_ACK_WAIT_DEFAULT_MS;
	service->hold_ms = options->hold_ms != 0 ? options->hold_ms : SERVICE_HOLD_DEFAULT_MS;
	/* In-progress acknowledgements go out on a tick: a shorter wait could not be kept. */
	if (*threads > SERVICE_THREADS_MAX || service->ack_wait_ms < 10 * SERVICE_TICK_MS)
		return SAGA_E_RANGE;
	return 0;
}

static void service_destroy(struct saga_service *service)
{
	frames_free(service);
	buf_close(&service->out);
	free(service->scratch);
	(void)pthread_cond_destroy(&service->changed);
	(void)pthread_cond_destroy(&service->work);
	(void)pthread_mutex_destroy(&service->mutex);
	free(service);
}

static void init_sync(struct saga_service *service)
{
	pthread_condattr_t attributes;

	(void)pthread_mutex_init(&service->mutex, NULL);
	(void)pthread_cond_init(&service->work, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&service->changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
}

int saga_service_create(struct saga_connection *connection, const char *name,
			const struct saga_service_options *options_in,
			struct saga_service **service_out)
{
	struct saga_service_options options = {.size = sizeof options};
	struct saga_service *service = calloc(1, sizeof *service);
	uint32_t threads;
	int err;

	*service_out = NULL;
	if (service == NULL)
		return SAGA_E_NO_MEMORY;
	if (options_in != NULL)
		client_options_copy(&options, sizeof options, options_in);
	init_sync(service);
	service->connection = connection;
	service->pool.queue_tail = &service->pool.queue;
	service->pool.fresh_tail = &service->pool.fresh;
	buf_init(&service->out, WIRE_MESSAGE_SIZE_MAX);
	err = set_names(service, name, &options);
	if (err == 0)
		err = set_limits(service, &options, &threads);
	if (err == 0) {
		service->scratch = aligned_alloc(
			16, (WIRE_FRAME_MAX * sizeof *service->scratch + 15) & ~(size_t)15);
		service->pool.thread_count_wanted = threads;
		err = service->scratch != NULL ? 0 : SAGA_E_NO_MEMORY;
	}
	if (err != 0) {
		service_destroy(service);
		return err;
	}
	(void)pthread_mutex_lock(&connection->mutex);
	service->next = connection->services;
	connection->services = service;
	(void)pthread_mutex_unlock(&connection->mutex);
	*service_out = service;
	return 0;
}

int saga_service_handle(struct saga_service *service, const char *operation, saga_handler handler,
			void *user)
{
	struct id id;

	if (handler == NULL || operation == NULL || service->started)
		return SAGA_E_USAGE;
	if (id_from(&id, slice_str(operation)) != 0)
		return SAGA_E_NAME;
	if (service->handler_count == SERVICE_HANDLERS_MAX)
		return SAGA_E_FULL;
	for (uint32_t i = 0; i < service->handler_count; i++) {
		if (id_equal(&service->handlers[i].operation, &id))
			return SAGA_E_USAGE;
	}
	service->handlers[service->handler_count++] =
		(struct service_handler){.operation = id, .handler = handler, .user = user};
	return 0;
}

int saga_service_settle(struct saga_service *service, saga_handler handler, void *user)
{
	if (handler == NULL || service->started || service->settle.handler != NULL)
		return SAGA_E_USAGE;
	service->settle.handler = handler;
	service->settle.user = user;
	return 0;
}

int saga_service_start(struct saga_service *service)
{
	int err;

	if (service->started || service->connection == NULL)
		return SAGA_E_USAGE;
	err = pool_start(service, service->pool.thread_count_wanted);
	if (err != 0)
		return err;
	service->start_task.run = run_start;
	if (!connection_post(service->connection, &service->start_task))
		return SAGA_E_STOPPING;
	service->started = true;
	return 0;
}

/* ---- stop ---------------------------------------------------------------------------------------
 */

/* Under the mutex: until the flag is set, or `wait_ms` have passed. */
static void wait_for_flag(struct saga_service *service, const bool *flag, uint32_t wait_ms)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += (long)(wait_ms % 1000) * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	while (!*flag &&
	       pthread_cond_timedwait(&service->changed, &service->mutex, &until) != ETIMEDOUT)
		continue;
}

uint32_t saga_service_stop(struct saga_service *service, uint32_t drain_ms)
{
	uint32_t undone;

	if (!service->started || service->stopped)
		return service->undone;
	service->stopped = true;
	CHECK(!client_loop_is_self(service->connection->loop));
	service->drain_task.run = run_drain;
	service->end_task.run = run_end;
	if (connection_post(service->connection, &service->drain_task)) {
		(void)pthread_mutex_lock(&service->mutex);
		wait_for_flag(service, &service->drained, drain_ms);
		(void)pthread_mutex_unlock(&service->mutex);
	}
	if (connection_post(service->connection, &service->end_task)) {
		(void)pthread_mutex_lock(&service->mutex);
		while (!service->detached)
			(void)pthread_cond_wait(&service->changed, &service->mutex);
		(void)pthread_mutex_unlock(&service->mutex);
	}
	(void)pthread_mutex_lock(&service->mutex);
	undone = service->undone;
	(void)pthread_mutex_unlock(&service->mutex);
	return undone;
}

void services_stop_all(struct saga_connection *connection, uint32_t drain_ms)
{
	const uint64_t until_ms = client_now_ms() + drain_ms;
	struct saga_service *service = connection->services;

	for (; service != NULL; service = service->next) {
		const uint64_t now_ms = client_now_ms();

		(void)saga_service_stop(service,
					until_ms > now_ms ? (uint32_t)(until_ms - now_ms) : 0);
	}
	while (connection->services != NULL) {
		service = connection->services;
		connection->services = service->next;
		service->connection = NULL;
	}
}

void saga_service_free(struct saga_service *service)
{
	if (service == NULL)
		return;
	(void)saga_service_stop(service, 0);
	pool_join(service);
	if (service->connection != NULL) {
		struct saga_connection *connection = service->connection;
		struct saga_service **link = &connection->services;

		(void)pthread_mutex_lock(&connection->mutex);
		while (*link != service)
			link = &(*link)->next;
		*link = service->next;
		(void)pthread_mutex_unlock(&connection->mutex);
	}
	service_destroy(service);
}

/* ---- counters
 * ------------------------------------------------------------------------------------ */

void saga_service_stats(const struct saga_service *service, struct saga_service_stats *stats)
{
	const uint64_t *from = (const uint64_t *)(const void *)&service->stats;
	uint64_t *into = (uint64_t *)(void *)stats;

	_Static_assert(sizeof *stats % sizeof *into == 0, "nothing but counters");
	for (size_t i = 0; i < sizeof *stats / sizeof *into; i++)
		into[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

void saga_service_set_answer_fault(struct saga_service *service, saga_answer_fault fault,
				   void *user)
{
	(void)pthread_mutex_lock(&service->mutex);
	service->fault = fault;
	service->fault_user = user;
	(void)pthread_mutex_unlock(&service->mutex);
}
