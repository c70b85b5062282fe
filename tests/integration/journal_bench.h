/* One nats-server (or three), a transport and journals on one loop, and what they told us. */
#ifndef SAGAD_TESTS_JOURNAL_BENCH_H
#define SAGAD_TESTS_JOURNAL_BENCH_H

#include <uv.h>

#include "journal/appender.h"
#include "journal/jetstream.h"
#include "journal/reader.h"
#include "tests/support/launcher.h"
#include "tests/unit/unit.h"
#include "transport/nats.h"

enum {
	BENCH_SHARDS = 4,
	BENCH_COMMAND_AGE_MS = 30000,
	BENCH_BATCH_MAX = 1024 * 1024,
	/* Far above anything expected: a test that meets it has failed. */
	BENCH_PATIENCE_MS = 60000,
};

/* The last final callback of an append, and how many there were. */
struct bench_append {
	uint32_t count;
	uint32_t shard;
	uint64_t token, sequence;
	enum journal_append_status status;
};

struct bench_read {
	uint64_t token;
	bool ended;
	int error;
	uint64_t last_sequence;
	uint64_t first, next; /* sequences that came: first .. next - 1 */
	uint64_t bytes;
	uint64_t cancel_at; /* cancels itself in the callback of this sequence */
	struct reader *reader;
	int reader_error;
	struct appender *settles; /* gets the batches too */
};

struct bench {
	struct cluster *cluster;
	uv_loop_t loop;
	uv_timer_t tick;
	struct transport *transport;
	bool connected;
	struct jetstream_config config;
	struct journal *journal;
	struct bench_append append;
	struct bench_read read;
	struct journal_place place; /* of appends */
	uint64_t token;             /* last one used */
	uint64_t tailed;            /* how far the log goes, as a tail was told */
	bool provision_ended;
	int provision_error;
	int wrong_error; /* of the last stream that a verification has found wrong */
	uint32_t wrong_shard, wrong_count;
	char wrong_text[512];
	char provision_text[512];
	struct id cluster_id;
};

/* Servers, a connected transport and a journal of cluster "prod"; no streams yet. */
void bench_init(struct bench *bench, uint32_t servers);
void bench_destroy(struct bench *bench);
/* Another journal on the same transport, in place of the first. */
void bench_reopen(struct bench *bench, const char *cluster, uint32_t append_timeout_ms);

#define RUN_UNTIL(bench, condition)                                                                \
	do {                                                                                       \
		const uint64_t run_end_ms_ = wait_now_ms() + BENCH_PATIENCE_MS;                    \
		while (!(condition)) {                                                             \
			if (wait_now_ms() > run_end_ms_)                                           \
				fail_msg("not within %d ms: %s", BENCH_PATIENCE_MS, #condition);   \
			(void)uv_run(&(bench)->loop, UV_RUN_ONCE);                                 \
		}                                                                                  \
	} while (0)

struct jetstream_provision bench_what(uint32_t shards, uint32_t replicas);
/* Start and wait for the end; the result. */
int bench_provision(struct bench *bench, const struct jetstream_provision *what);
int bench_verify(struct bench *bench, uint32_t shards);
void bench_provisioned(void *context, int error, const char *text);

/* SIGKILL. A single server's end is also seen by the transport. */
void bench_kill_server(struct bench *bench, const char *name);
void bench_restart_server(struct bench *bench, const char *name);

/* One append to its final callback. */
struct bench_append bench_append(struct bench *bench, uint32_t shard, uint64_t expected,
				 struct slice bytes);
/* One read to its end, without a reader. */
struct bench_read bench_read(struct bench *bench, uint32_t shard, uint64_t from, uint64_t to);
/* Reads everything through `reader`, which goes on from where it is. 0 or the first error. */
int bench_replay(struct bench *bench, uint32_t shard, struct reader *reader);

/* The owner of one shard, as a node drives it. */
struct bench_owner {
	struct bench *bench;
	uint32_t shard;
	uint64_t epoch, nonce;
	struct appender appender;
	bool lost;
	uint32_t settles; /* settling reads */
};

/* Replays, takes the shard over with `epoch` and is its owner; `lost` when fenced. */
void bench_own(struct bench *bench, struct bench_owner *owner, uint32_t shard, uint64_t epoch);
void bench_disown(struct bench_owner *owner);
/* Begins a batch of `records` records with `size` bytes of text each, and sends it once. */
void bench_begin(struct bench_owner *owner, uint32_t records, uint32_t size);
/* Does what the appender asks for until the batch is durable (true) or the shard is lost. */
bool bench_settle(struct bench_owner *owner);
static inline bool bench_write(struct bench_owner *owner, uint32_t records, uint32_t size)
{
	bench_begin(owner, records, size);
	return bench_settle(owner);
}

/* A request to the server's API: its answer, cut at the buffer. */
void bench_api(struct bench *bench, const char *subject, struct slice body, struct buf *answer);
/* Deletes the stream and makes it again as it was, without its messages. */
void bench_make_empty(struct bench *bench, const char *stream);
/* Publishes with one header and waits for the acknowledgement. */
void bench_publish(struct bench *bench, const char *subject, const char *header, const char *value,
		   struct slice body);

#endif
