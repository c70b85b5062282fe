/* A service of libsaga and the scripted owner that feeds it. */
#ifndef SAGAD_TESTS_CLIENT_SERVICE_BENCH_H
#define SAGAD_TESTS_CLIENT_SERVICE_BENCH_H

#include "tests/integration/client_owner_uv.h"

#include <pthread.h>

enum { REPLIES_MAX = 2048, RUNS_MAX = 512 };

/* One reply as the owner got it. */
struct got {
	char saga[65];
	uint32_t frame; /* which message it came in */
	uint32_t shard, outcome, code, barrier, attempt;
	uint32_t retry_after_ms;
	bool wants; /* a disposition */
	uint64_t epoch, at_ms;
	char text[256], output[64];
};

struct run {
	char saga[65];
	uint64_t began_ms, ended_ms;
};

struct bench {
	struct owner owner;
	struct saga_connection *connection;
	struct saga_service *service;
	/* the owner's side */
	uint32_t frames, count;
	struct got got[REPLIES_MAX];
	uint32_t silent_frames; /* so many reply frames get no disposition */
	uint32_t silent_shards; /* bits: their reply frames get none */
	enum wire_disposition_kind kind;
	bool late_working; /* the answer gets none, the heartbeat before it gets its own then */
	char working_to[SUBJECT_SIZE_MAX];
	/* the handlers' side */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	uint32_t run_count, running, running_max;
	struct run runs[RUNS_MAX];
	bool gate;           /* handlers wait until it opens */
	const char *blocked; /* the saga whose handler waits until this is another */
	uint32_t work_ms;
	bool heartbeats;
};

void bench_do_work(struct saga_context *context, struct saga_result *result, void *user);
int bench_setup(void **state);
int bench_teardown(void **state);
struct saga_connection *connect_service(struct bench *bench);
/* Not started; "do" answers OK with its input as output, as the bench says. */
struct saga_service *create_service(struct bench *bench, struct saga_connection *connection,
				    const struct saga_service_options *options);
/* ack_wait and hold are short, so that the tests are. */
void start_service(struct bench *bench, uint32_t threads, uint32_t ack_wait_ms, uint32_t hold_ms);
void send_commands(struct bench *bench, uint32_t shard, const char *prefix, uint32_t count);
uint32_t answers(const struct bench *bench, uint32_t outcome); /* so many came */
/* Everything that was sent is acknowledged: a work queue keeps nothing else. */
bool stream_is_empty(struct bench *bench);
struct saga_service_stats stats_of(const struct bench *bench);
uint32_t replies_of(const struct bench *bench, const char *saga);
uint32_t run_count(struct bench *bench); /* begun */
uint32_t running(struct bench *bench);
void set_gate(struct bench *bench, bool gate);
void set_blocked(struct bench *bench, const char *saga);

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

#endif
