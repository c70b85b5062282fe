#include "tests/integration/transport_nats_server.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/os_clock.h"

/* ---- the server ----------------------------------------------------------------------------- */

void server_init(struct server *server)
{
	const char *folder = getenv("TMPDIR");

	*server = (struct server){.port = 0};
	ports_init(&server->ports);
	assert_int_equal(ports_take(&server->ports, &server->port), 0);
	(void)snprintf(server->folder, sizeof server->folder, "%s/sagad-transport-XXXXXX",
		       folder == NULL ? "/tmp" : folder);
	assert_non_null(mkdtemp(server->folder));
	server_path(server, "server.conf", server->config);
	(void)snprintf(server->url, sizeof server->url, "nats://127.0.0.1:%u", server->port);
}

void server_destroy(struct server *server)
{
	const char *const remove_all[] = {"/bin/rm", "-rf", server->folder, NULL};
	char output[256];
	int code = 0;

	if (server->process.argv != NULL) {
		process_stop(&server->process, 0);
		process_destroy(&server->process);
	}
	ports_release(&server->ports);
	assert_int_equal(
		process_run(remove_all, NULL, NULL, PATIENCE_MS, output, sizeof output, &code), 0);
	assert_int_equal(code, 0);
}

void server_path(const struct server *server, const char *name, char path[SERVER_PATH_SIZE])
{
	const int length = snprintf(path, SERVER_PATH_SIZE, "%s/%s", server->folder, name);

	assert_true(length > 0 && length < SERVER_PATH_SIZE);
}

void server_write(const struct server *server, const char *name, const char *text)
{
	char path[SERVER_PATH_SIZE];
	FILE *file;

	server_path(server, name, path);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static const char *server_program(char path[SERVER_PATH_SIZE])
{
	static const char *const places[] = {"usr/sbin", "usr/bin", "bin", "."};
	const char *tools = getenv("SAGAD_TOOLS");

	if (tools == NULL || tools[0] == '\0')
		tools = SAGAD_SOURCE_DIR "/.tools";
	for (uint32_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		(void)snprintf(path, SERVER_PATH_SIZE, "%s/%s/nats-server", tools, places[i]);
		if (access(path, X_OK) == 0)
			return path;
	}
	fail_msg("no nats-server in %s: `./dev build` fetches it", tools);
	return NULL;
}

/* It greets: that is more than a listening socket. */
static bool answers(void *context)
{
	const struct server *server = context;
	const int fd = ports_connect(server->port);
	char greeting[5] = "";
	bool good;

	if (fd < 0)
		return false;
	good = read(fd, greeting, 4) == 4 && strcmp(greeting, "INFO") == 0;
	(void)close(fd);
	return good;
}

void server_restart(struct server *server)
{
	char path[SERVER_PATH_SIZE];

	if (server->process.argv == NULL) {
		const char *const argv[] = {server_program(path), "-c", server->config, NULL};
		char log[SERVER_PATH_SIZE];

		server_path(server, "server.log", log);
		assert_int_equal(process_init(&server->process, "nats", log, argv, NULL, false), 0);
	}
	assert_int_equal(process_start(&server->process), 0);
	if (!wait_until(answers, server, SERVER_START_MS))
		fail_msg("nats-server does not answer");
}

void server_start(struct server *server, const char *more)
{
	char text[4096];
	const int length =
		snprintf(text, sizeof text,
			 "listen: \"127.0.0.1:%u\"\njetstream { store_dir: \"%s/js\" }\n%s\n",
			 server->port, server->folder, more);

	assert_true(length > 0 && (size_t)length < sizeof text);
	server_write(server, "server.conf", text);
	server_restart(server);
}

void server_kill(struct server *server)
{
	process_stop(&server->process, 0);
	assert_false(process_running(&server->process));
}

void server_signal(struct server *server, int signal_number)
{
	assert_int_equal(process_signal(&server->process, signal_number), 0);
}

/* ---- TLS ------------------------------------------------------------------------------------ */

static bool run_openssl(const struct server *server, const char *const *arguments)
{
	const char *argv[24] = {"/usr/bin/openssl"};
	char log[SERVER_PATH_SIZE];
	char output[256];
	uint32_t count = 1;
	int code = 0;

	while (*arguments != NULL)
		argv[count++] = *arguments++;
	assert_true(count < sizeof argv / sizeof argv[0]);
	server_path(server, "openssl.log", log);
	assert_int_equal(process_run(argv, NULL, log, PATIENCE_MS, output, sizeof output, &code),
			 0);
	return code == 0;
}

/* <name>.crt and <name>.key, signed by themselves, good for `host`. */
void server_make_certificate(const struct server *server, const char *name, const char *host)
{
	char key[SERVER_PATH_SIZE];
	char certificate[SERVER_PATH_SIZE];
	char file[64];
	char names[128];
	const char *const arguments[] = {
		"req",    "-x509",   "-newkey", "ec",    "-pkeyopt",  "ec_paramgen_curve:P-256",
		"-nodes", "-days",   "2",       "-subj", "/CN=test",  "-addext",
		names,    "-keyout", key,       "-out",  certificate, NULL};

	if (access("/usr/bin/openssl", X_OK) != 0)
		skip(); /* nothing else here needs the program */
	(void)snprintf(names, sizeof names, "subjectAltName=%s", host);
	(void)snprintf(file, sizeof file, "%s.key", name);
	server_path(server, file, key);
	(void)snprintf(file, sizeof file, "%s.crt", name);
	server_path(server, file, certificate);
	assert_true(run_openssl(server, arguments));
}

void server_start_tls(struct server *server, const char *more)
{
	char text[3 * SERVER_PATH_SIZE];

	server_make_certificate(server, "server", "IP:127.0.0.1");
	server_make_certificate(server, "other", "IP:127.0.0.1");
	(void)snprintf(text, sizeof text,
		       "tls { cert_file: \"%s/server.crt\", key_file: \"%s/server.key\" %s }",
		       server->folder, server->folder, more);
	server_start(server, text);
}

/* ---- the loop ------------------------------------------------------------------------------- */

static void on_tick(uv_timer_t *tick)
{
	struct bench *bench = tick->data;
	const uint64_t now_ms = wait_now_ms();

	if (now_ms - bench->last_tick_ms > bench->longest_gap_ms)
		bench->longest_gap_ms = now_ms - bench->last_tick_ms;
	bench->last_tick_ms = now_ms;
}

void bench_init(struct bench *bench)
{
	*bench = (struct bench){.client_count = 0};
	server_init(&bench->server);
	assert_int_equal(uv_loop_init(&bench->loop), 0);
	assert_int_equal(uv_timer_init(&bench->loop, &bench->tick), 0);
	bench->tick.data = bench;
	bench->last_tick_ms = wait_now_ms();
	assert_int_equal(uv_timer_start(&bench->tick, on_tick, 5, 5), 0);
}

void bench_destroy(struct bench *bench)
{
	bool alive;

	for (uint32_t i = 0; i < bench->client_count; i++)
		bench_close(&bench->clients[i], false);
	/* Only the tick may be left. */
	RUN_UNTIL(bench,
		  (uv_unref((uv_handle_t *)&bench->tick), alive = uv_loop_alive(&bench->loop),
		   uv_ref((uv_handle_t *)&bench->tick), !alive));
	uv_close((uv_handle_t *)&bench->tick, NULL);
	assert_int_equal(uv_run(&bench->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&bench->loop), 0);
	server_destroy(&bench->server);
}

void bench_run_for(struct bench *bench, uint32_t duration_ms)
{
	const uint64_t end_ms = wait_now_ms() + duration_ms;

	RUN_UNTIL(bench, wait_now_ms() >= end_ms);
}

/* ---- clients -------------------------------------------------------------------------------- */

static void on_turn_done(void *context)
{
	((struct client *)context)->turns++;
}

static void on_connection(void *context, bool connected)
{
	struct client *client = context;

	assert_true(connected != client->connected);
	client->connected = connected;
	if (connected)
		client->ups++;
	else
		client->downs++;
}

static bool may_leave(void *context)
{
	return !((const struct client *)context)->silenced;
}

struct client *bench_open(struct bench *bench, const struct nats_config *config)
{
	struct nats_config own = {.name = "test"};
	struct client *client = &bench->clients[bench->client_count++];
	const struct nats_hooks hooks = {.turn_done = on_turn_done,
					 .connection = on_connection,
					 .may_leave = may_leave,
					 .context = client};
	char why[256];
	uint64_t begin_ms;
	bool tls;
	int err;

	assert_true(bench->client_count <= BENCH_CLIENTS_MAX);
	if (config != NULL)
		own = *config;
	if (own.url == NULL)
		own.url = bench->server.url;
	tls = own.tls_required || own.tls_ca_file != NULL;
	begin_ms = wait_now_ms();
	err = nats_transport_open(&bench->loop, &own, &hooks, &client->t, why);
	if (err != 0)
		fail_msg("nats_transport_open: %d %s", err, why);
	/* It does not wait for a server. Reading certificates takes long where a sanitizer runs. */
	assert_true(wait_now_ms() - begin_ms < (tls ? PATIENCE_MS : 1000));
	return client;
}

struct client *bench_connect(struct bench *bench, const struct nats_config *config)
{
	struct client *client = bench_open(bench, config);

	RUN_UNTIL(bench, client->connected);
	return client;
}

void bench_close(struct client *client, bool drain)
{
	const uint64_t begin_ms = wait_now_ms();

	if (client->t == NULL)
		return;
	client->t->ops->close(client->t, drain);
	client->t = NULL;
	assert_true(wait_now_ms() - begin_ms < 1000); /* what takes long is left to a worker */
}

static void copy_text(char *text, size_t size, struct slice from)
{
	const size_t length = from.size < size ? from.size : size - 1;

	if (length > 0)
		memcpy(text, from.data, length);
	text[length] = '\0';
}

static void copy_message(struct inbox *inbox, const struct transport_message *message)
{
	inbox->status = message->status;
	inbox->delivered = message->delivered;
	inbox->stream_sequence = message->stream_sequence;
	copy_text(inbox->subject, sizeof inbox->subject, message->subject);
	copy_text(inbox->reply, sizeof inbox->reply, message->reply);
	copy_text(inbox->data, sizeof inbox->data, message->data);
}

void inbox_message(void *context, const struct transport_message *message)
{
	struct inbox *inbox = context;
	char answer[1100];

	inbox->count++;
	copy_message(inbox, message);
	if (inbox->answer_with == NULL || message->reply.size == 0)
		return;
	(void)snprintf(answer, sizeof answer, "re:%s", inbox->data);
	assert_int_equal(inbox->answer_with->ops->publish(inbox->answer_with, inbox->reply,
							  slice_of(NULL, 0), NULL, 0,
							  slice_str(answer)),
			 0);
}

void inbox_completion(void *context, int error, const struct transport_message *message)
{
	struct inbox *inbox = context;

	inbox->count++;
	inbox->error = error;
	assert_true((error == 0) == (message != NULL));
	if (message != NULL)
		copy_message(inbox, message);
}

struct transport_subscription *client_subscribe(struct client *client, const char *subject,
						const char *queue, struct inbox *inbox)
{
	struct transport_subscription *subscription = NULL;

	assert_int_equal(client->t->ops->subscribe(client->t, subject, queue, inbox_message, inbox,
						   &subscription),
			 0);
	assert_non_null(subscription);
	return subscription;
}

int client_publish(struct client *client, const char *subject, const char *data)
{
	return client->t->ops->publish(client->t, subject, slice_of(NULL, 0), NULL, 0,
				       slice_str(data));
}

uint64_t client_request(struct client *client, const char *subject, const char *data,
			uint32_t timeout_ms, struct inbox *inbox)
{
	uint64_t token = 0;

	assert_int_equal(client->t->ops->request(client->t, subject, NULL, 0, slice_str(data),
						 timeout_ms, inbox_completion, inbox, &token),
			 0);
	assert_int_equal(inbox->count, 0); /* never inside the call */
	return token;
}

void client_sync(struct bench *bench, struct client *client)
{
	struct inbox inbox = {0};

	(void)client_request(client, "nobody.listens.here", "", PATIENCE_MS, &inbox);
	RUN_UNTIL(bench, inbox.count == 1);
	assert_int_equal(inbox.error, SAGA_E_NO_RESPONDERS);
}

struct transport_stats client_stats(const struct client *client)
{
	struct transport_stats stats;

	client->t->ops->stats(client->t, &stats);
	return stats;
}
