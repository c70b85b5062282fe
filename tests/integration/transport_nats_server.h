/* One nats-server of a test, and clients of it on one loop. */
#ifndef SAGAD_TESTS_TRANSPORT_NATS_SERVER_H
#define SAGAD_TESTS_TRANSPORT_NATS_SERVER_H

#include <uv.h>

#include "tests/support/ports.h"
#include "tests/support/process.h"
#include "tests/unit/unit.h"
#include "transport/nats.h"

enum {
	SERVER_PATH_SIZE = 512,
	SERVER_START_MS = 20000,
	/* Far above anything expected: a test that meets it has failed. */
	PATIENCE_MS = 30000,
	BENCH_CLIENTS_MAX = 4,
};

struct server {
	struct ports ports;
	uint16_t port;
	struct process process;
	char folder[SERVER_PATH_SIZE];
	char config[SERVER_PATH_SIZE];
	char url[64];
};

/* Takes a port and a folder, starts nothing. */
void server_init(struct server *server);
void server_destroy(struct server *server);
/* `more`: lines of its configuration beyond address and port. Waits until it answers. */
void server_start(struct server *server, const char *more);
/* Makes <name>.crt and <name>.key in its folder; skips the test where there is no openssl. */
void server_make_certificate(const struct server *server, const char *name, const char *host);
/* With server.crt, and other.crt for whom wants a wrong one. `more` goes into its tls block. */
void server_start_tls(struct server *server, const char *more);
void server_restart(struct server *server); /* after server_kill, as it was */
void server_kill(struct server *server);    /* SIGKILL, and waits for its end */
void server_signal(struct server *server, int signal_number);
void server_path(const struct server *server, const char *name, char path[SERVER_PATH_SIZE]);
void server_write(const struct server *server, const char *name, const char *text);

/* What one transport told us. */
struct client {
	struct transport *t; /* NULL once closed */
	uint32_t ups, downs, turns;
	bool connected;
	bool silenced; /* nothing may leave */
};

/* A loop, its clients and a timer that measures how long the loop was away. */
struct bench {
	struct server server;
	uv_loop_t loop;
	uv_timer_t tick;
	uint64_t last_tick_ms;
	uint64_t longest_gap_ms;
	struct client clients[BENCH_CLIENTS_MAX];
	uint32_t client_count;
};

void bench_init(struct bench *bench);
/* Closes what is open; the loop must come to its end. */
void bench_destroy(struct bench *bench);
/* To the server of the bench when `config` has no URL or is NULL. */
struct client *bench_open(struct bench *bench, const struct nats_config *config);
struct client *bench_connect(struct bench *bench, const struct nats_config *config);
void bench_close(struct client *client, bool drain);
/* Runs the loop until the condition holds; fails the test when it takes too long. */
#define RUN_UNTIL(bench, condition)                                                                \
	do {                                                                                       \
		const uint64_t run_end_ms_ = wait_now_ms() + PATIENCE_MS;                          \
		while (!(condition)) {                                                             \
			if (wait_now_ms() > run_end_ms_)                                           \
				fail_msg("not within %d ms: %s", PATIENCE_MS, #condition);         \
			(void)uv_run(&(bench)->loop, UV_RUN_ONCE);                                 \
		}                                                                                  \
	} while (0)
/* Runs the loop for a while, for what must not happen. */
void bench_run_for(struct bench *bench, uint32_t duration_ms);

/* Collects messages or completions. */
struct inbox {
	uint32_t count;
	uint32_t status; /* of the last */
	int error;
	uint64_t delivered, stream_sequence;
	char subject[128];
	char reply[256];
	char data[1024];
	struct transport *answer_with; /* answers "re:<data>" when set */
};

void inbox_message(void *context, const struct transport_message *message);
void inbox_completion(void *context, int error, const struct transport_message *message);
struct transport_subscription *client_subscribe(struct client *client, const char *subject,
						const char *queue, struct inbox *inbox);
int client_publish(struct client *client, const char *subject, const char *data);
uint64_t client_request(struct client *client, const char *subject, const char *data,
			uint32_t timeout_ms, struct inbox *inbox);
/* So that the server has seen everything that the client sent before. */
void client_sync(struct bench *bench, struct client *client);
struct transport_stats client_stats(const struct client *client);

#endif
