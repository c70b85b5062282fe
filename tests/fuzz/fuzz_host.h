/* An engine with a journal in memory, for targets that feed it. After everything it can be asked
 * whether its state is sound and a fold of what it wrote. */
#ifndef SAGAD_TESTS_FUZZ_FUZZ_HOST_H
#define SAGAD_TESTS_FUZZ_FUZZ_HOST_H

#include "base/id.h"
#include "tests/fuzz/fuzz.h"
#include "txn/txn.h"

enum { FUZZ_COMMANDS_MAX = 16 };

/* What a participant would have to repeat in its answer. */
struct fuzz_command {
	struct id saga;
	struct id service;
	uint32_t step, op, attempt;
	struct uuid operation;
};

struct fuzz_host {
	struct txn_limits limits;
	struct txn_config config;
	struct wire_slots slots;
	void *memory;
	size_t memory_size;
	struct txn_shard *t;
	uint64_t now, epoch, entropy, reply_to;
	struct buf log;      /* of struct fuzz_record and bytes, one after the other */
	uint64_t log_first;  /* the number of its first record */
	uint32_t segment_at; /* where in it the last segment but one begins; 0 = none */
	uint64_t segment_record;
	uint32_t next_at; /* and the last one */
	uint64_t next_record;
	struct buf records; /* of the last step */
	struct buf encoded;
	struct fuzz_command commands[FUZZ_COMMANDS_MAX]; /* the last ones */
	uint32_t command_count;
	bool inbox_waits;   /* of the last step */
	bool answered_well; /* its last answer had no code */
};

void fuzz_host_open(struct fuzz_host *h, uint32_t shard);
void fuzz_host_close(struct fuzz_host *h);
/* A record of a journal that is read. After an error only close helps. */
int fuzz_host_apply(struct fuzz_host *h, struct slice record, uint64_t number,
		    uint64_t shard_time) MUST_CHECK;
/* The first record of a journal, for a live engine that is to carry (S17). */
void fuzz_host_genesis(struct fuzz_host *h);
/* The next owner: reads the log anew and goes on. */
void fuzz_host_take_over(struct fuzz_host *h);
/* Fills in time and entropy. */
void fuzz_host_step(struct fuzz_host *h, struct txn_event *event);
/* Carry-forward (S17) as the bytes say: carries some, begins a segment, marks history. */
void fuzz_host_carry(struct fuzz_host *h, struct slice bytes);
/* Runs timers until there are none, or so many were due. */
void fuzz_host_ticks(struct fuzz_host *h, uint32_t count);
/* The state is sound, and the log gives the same one (invariant 22), from a segment's begin too if
 * it is complete. */
void fuzz_host_check(struct fuzz_host *h, bool live);

#endif
