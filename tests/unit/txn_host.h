/* A host for one engine in tests: it keeps the journal, writes down what every step did as text,
 * and after every step checks what must always hold: gates, invariants, and that a replay of the
 * journal gives the same state hash. */
#ifndef SAGAD_TESTS_UNIT_TXN_HOST_H
#define SAGAD_TESTS_UNIT_TXN_HOST_H

#include "tests/unit/unit.h"
#include "txn/state.h"
#include "txn/txn.h"
#include "wire/plan.h"
#include "wire/record.h"

enum {
	HOST_STEPS_MAX = 8,
	HOST_RECORDS_MAX = 65536,
	HOST_TEXT_MAX = 256 * 1024,
	HOST_START_MS = 1000000,
};

struct host_record {
	uint32_t offset, size;
	uint64_t at;
};

struct host {
	struct txn_limits limits;
	struct txn_config config;
	struct wire_slots slots;
	struct txn_shard *t;
	void *memory;
	void *replay_memory;
	size_t memory_size;

	uint64_t now;
	uint64_t wall_ms;
	uint64_t epoch;
	uint64_t entropy;
	uint64_t reply_to; /* of the next event */
	bool no_replay;    /* for tests with large states */
	bool no_verify;

	struct buf journal;
	struct host_record *records;
	uint32_t record_count;

	struct buf step_records; /* of the last step */
	char *text;              /* the last step, one line per record and message */
	size_t text_size;
	/* Where messages go besides the text; may be NULL. */
	void (*message)(void *context, const struct txn_message *message);
	void *context;

	/* The last ones of their kind. Slices inside are dead. */
	struct wire_command command;
	struct wire_answer answer;
	uint32_t command_count;
	uint32_t message_count;
};

/* Small limits; change host->limits and config before host_start. */
void host_init(struct host *h);
void host_start(struct host *h);
void host_close(struct host *h);

/* For cmocka: *state is a host with the small limits, started. */
int host_set_up(void **state);
int host_tear_down(void **state);

/* One event; returns what txn_step says, after all checks. */
int host_step(struct host *h, struct txn_event event);
/* A fresh engine over the same memory area from the first `count` records, resumed under the next
 * epoch. */
void host_take_over(struct host *h, uint32_t count);
/* Replays `count` records into the second memory area. */
struct txn_shard *host_replay(struct host *h, uint32_t count);
/* The same from the record with this index on. */
struct txn_shard *host_replay_from(struct host *h, uint32_t first, uint32_t count);
/* An engine in the second memory area that has seen nothing. */
struct txn_shard *host_fresh(struct host *h);
struct slice host_record_bytes(const struct host *h, uint32_t index);

/* ---- carry-forward ---- */

void host_genesis(struct host *h); /* before the first event */
void host_carry(struct host *h, uint64_t below, uint32_t budget_bytes);
uint32_t host_segment(struct host *h, uint64_t whole_from); /* the index of its record */

/* ---- short forms ---- */

struct host_plan {
	struct wire_plan plan;
	struct wire_step steps[HOST_STEPS_MAX];
	uint8_t after[HOST_STEPS_MAX][HOST_STEPS_MAX];
	char services[HOST_STEPS_MAX][32];
};
/* Steps by name, each after the one before; service "<name>-svc", operations "do" and "undo".
 * Attempt 1000 ms, 3 attempts from 100 ms, doubling, no jitter, deadline 60 s. */
void host_plan(struct host_plan *p, const char *const *names, uint32_t count);
void host_plan_after(struct host_plan *p, uint32_t step, const uint8_t *after, uint32_t count);

struct wire_submit host_submit_of(const struct host *h, const char *id, struct host_plan *p);
int host_submit_event(struct host *h, const struct wire_submit *submit); /* as host_step */
void host_submit(struct host *h, const char *id, struct host_plan *p);
void host_submit_wait(struct host *h, const char *id, struct host_plan *p);
void host_cancel(struct host *h, const char *id);
void host_query(struct host *h, const char *id, bool wait);
void host_list(struct host *h, uint32_t states, uint64_t after, uint32_t limit);
void host_tick(struct host *h, uint64_t after_ms);

struct wire_reply host_reply_of(const char *id, uint32_t step, const char *name, uint32_t op,
				uint32_t attempt, uint32_t outcome);
void host_reply_as(struct host *h, const struct wire_reply *reply, const char *service);
/* From the right service. */
void host_reply(struct host *h, const char *id, uint32_t step, const char *name, uint32_t op,
		uint32_t attempt, uint32_t outcome);

/* An emit that fails the test. */
void host_no_message(void *context, const struct txn_message *message);

/* The last step's text must be these lines, each ended by \n. */
#define expect_step(h, lines) assert_string_equal((h)->text, (lines))

#endif
