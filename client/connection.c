#include "client/connection.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/os_clock.h"
#include "base/os_entropy.h"
#include "client/service.h"
#include "transport/nats.h"

uint64_t client_now_ms(void)
{
	return os_clock_mono_ns() / 1000000U;
}

void client_options_copy(void *into, size_t into_size, const void *from)
{
	size_t from_size;

	(void)memcpy(&from_size, from, sizeof from_size);
	(void)memset(into, 0, into_size);
	(void)memcpy(into, from, from_size < into_size ? from_size : into_size);
	(void)memcpy(into, &into_size, sizeof into_size);
}

void connection_log(struct saga_connection *connection, int level, const char *format, ...)
{
	char text[512];
	va_list arguments;

	if (connection->log == NULL)
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	connection->log(connection->log_context, level, text);
}

uint64_t connection_jitter(struct saga_connection *connection, uint64_t value)
{
	return value - value / 5 + prng_below(&connection->prng, value / 5 * 2 + 1);
}

bool connection_post(struct saga_connection *connection, struct client_task *task)
{
	bool taken;

	(void)pthread_mutex_lock(&connection->mutex);
	taken = !connection->closed;
	if (taken) {
		task->next = connection->tasks;
		connection->tasks = task;
	}
	(void)pthread_mutex_unlock(&connection->mutex);
	/* The loop's own callbacks run within a turn, which looks here before it ends. */
	if (taken && !client_loop_is_self(connection->loop))
		client_loop_wake(connection->loop);
	return taken;
}

static bool has_tasks(struct saga_connection *connection)
{
	bool has;

	(void)pthread_mutex_lock(&connection->mutex);
	has = connection->tasks != NULL;
	(void)pthread_mutex_unlock(&connection->mutex);
	return has;
}

/* Runs what was posted, in the order in which it was. */
static void run_tasks(struct saga_connection *connection)
{
	struct client_task *task, *ordered = NULL;

	(void)pthread_mutex_lock(&connection->mutex);
	task = connection->tasks;
	connection->tasks = NULL;
	(void)pthread_mutex_unlock(&connection->mutex);
	while (task != NULL) {
		struct client_task *next = task->next;

		task->next = ordered;
		ordered = task;
		task = next;
	}
	while (ordered != NULL) {
		struct client_task *next = ordered->next;

		ordered->run(connection, ordered);
		ordered = next;
	}
}

void connection_turn(struct saga_connection *connection)
{
	const uint64_t now_ms = client_now_ms();
	uint64_t next_ms;

	run_tasks(connection);
	connection_info_turn(connection, now_ms);
	calls_turn(connection, now_ms);
	calls_watch_crowd(connection);
	services_turn(connection, now_ms);
	/* Posted by callbacks since: in a turn of their own, so that others have theirs. */
	if (has_tasks(connection))
		client_loop_wake(connection->loop);

	next_ms = calls_next_ms(connection);
	if (connection->info.wanted && connection->info.retry_at_ms < next_ms)
		next_ms = connection->info.retry_at_ms;
	if (services_next_ms(connection, now_ms) < next_ms)
		next_ms = services_next_ms(connection, now_ms);
	if (next_ms != UINT64_MAX)
		client_loop_timer(connection->loop, next_ms > now_ms ? next_ms - now_ms : 1);
}

static void on_turn(void *context)
{
	connection_turn(context);
}

static void on_connection(void *context, bool connected)
{
	struct saga_connection *connection = context;

	connection_log(connection, connected ? 1 : 2, connected ? "connected" : "disconnected");
	connection->connected = connected;
	if (!connected)
		return;
	connection->connects++;
	connection->info.retry_at_ms = 0;
	services_reconnected(connection);
	connection_turn(connection);
}

static int on_started(void *context)
{
	struct saga_connection *connection = context;
	const struct nats_hooks hooks = {
		.turn_done = on_turn, .connection = on_connection, .context = connection};
	char why[256] = "";
	int err = nats_transport_open(client_loop_uv(connection->loop), connection->config, &hooks,
				      &connection->transport, why);

	if (err != 0) {
		connection_log(connection, 3, "cannot open the transport: %s", why);
		connection->transport = NULL;
		return err;
	}
	return calls_open(connection);
}

static void on_stopped(void *context)
{
	struct saga_connection *connection = context;

	(void)pthread_mutex_lock(&connection->mutex);
	connection->closed = true;
	(void)pthread_mutex_unlock(&connection->mutex);
	run_tasks(connection);
	calls_close(connection);
	if (connection->transport != NULL)
		connection->transport->ops->close(connection->transport, true);
	connection->transport = NULL;
}

void saga_options_init(struct saga_options *options)
{
	*options = (struct saga_options){.size = sizeof *options};
}

static void connection_free(struct saga_connection *connection)
{
	(void)pthread_mutex_destroy(&connection->mutex);
	free(connection->name);
	free(connection->prefix);
	free(connection->scratch);
	free(connection);
}

static int connection_create(const struct saga_options *options,
			     struct saga_connection **connection_out)
{
	const char *party = options->party != NULL ? options->party : "default";
	const char *prefix = options->prefix != NULL ? options->prefix : "saga";
	struct saga_connection *connection;
	struct id id;

	if (id_from(&id, slice_str(party)) != 0 || !id_valid(slice_str(prefix)))
		return SAGA_E_NAME;
	connection = calloc(1, sizeof *connection);
	if (connection == NULL)
		return SAGA_E_NO_MEMORY;
	(void)pthread_mutex_init(&connection->mutex, NULL);
	atomic_init(&connection->calls_open, 0);
	atomic_init(&connection->crowded, false);
	connection->party = id;
	connection->log = options->log;
	connection->log_context = options->log_context;
	connection->name = strdup(options->name != NULL ? options->name : "libsaga");
	connection->prefix = strdup(prefix);
	connection->scratch = aligned_alloc(16, CLIENT_SCRATCH_SIZE);
	prng_seed(&connection->prng, os_entropy_u64());
	if (connection->name == NULL || connection->prefix == NULL || connection->scratch == NULL) {
		connection_free(connection);
		return SAGA_E_NO_MEMORY;
	}
	*connection_out = connection;
	return 0;
}

int saga_open(const struct saga_options *options_in, struct saga_connection **connection_out)
{
	struct saga_options options = {.size = sizeof options};
	struct saga_connection *connection = NULL;
	struct client_loop_hooks hooks;
	struct nats_config config;
	int err;

	*connection_out = NULL;
	if (options_in != NULL)
		client_options_copy(&options, sizeof options, options_in);
	err = connection_create(&options, &connection);
	if (err != 0)
		return err;
	config = (struct nats_config){
		.url = options.url != NULL ? options.url : "nats://127.0.0.1:4222",
		.name = connection->name,
		.credentials_file = options.credentials_file,
		.nkey_seed_file = options.nkey_seed_file,
		.user = options.user,
		.password_file = options.password_file,
		.token_file = options.token_file,
		.tls_ca_file = options.tls_ca_file,
		.tls_cert_file = options.tls_cert_file,
		.tls_key_file = options.tls_key_file,
		.tls_required = options.tls_required != 0,
		.connect_timeout_ms = options.connect_timeout_ms,
	};
	connection->config = &config;
	hooks = (struct client_loop_hooks){.started = on_started,
					   .turn = on_turn,
					   .stopped = on_stopped,
					   .context = connection};
	err = client_loop_create(&hooks, &connection->loop);
	if (err != 0) {
		connection_free(connection);
		return err;
	}
	*connection_out = connection;
	return 0;
}

void saga_close(struct saga_connection *connection, uint32_t drain_ms)
{
	if (connection == NULL)
		return;
	services_stop_all(connection, drain_ms);
	client_loop_destroy(connection->loop);
	connection_free(connection);
}
