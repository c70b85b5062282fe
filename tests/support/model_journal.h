/* A journal in memory that several owners may open at once: fenced like the real one, with its
 * outcomes under the test's control. Nothing happens until the test pumps. */
#ifndef SAGAD_TESTS_SUPPORT_MODEL_JOURNAL_H
#define SAGAD_TESTS_SUPPORT_MODEL_JOURNAL_H

#include "base/hash.h"
#include "base/id.h"
#include "journal/journal.h"
#include "wire/shard.h"

enum { MODEL_BATCHES_MAX = 4096 };

struct model_batch {
	uint8_t *bytes; /* NULL: it went with its segment */
	uint32_t size;
	uint32_t name; /* of the segment, or JOURNAL_UNFENCED_NAME */
};

/* The logs themselves, shared by all who open them. */
struct model_log {
	struct model_batch batches[WIRE_SHARDS_MAX][MODEL_BATCHES_MAX];
	uint32_t count[WIRE_SHARDS_MAX]; /* sequence of the last batch */
};

void model_log_init(struct model_log *log, const struct id *cluster, const struct wire_slots *slots,
		    uint64_t shard_time);
void model_log_close(struct model_log *log);
int model_log_put(struct model_log *log, uint32_t shard, struct slice bytes);

enum model_fault {
	MODEL_FINE,
	MODEL_LOSE_REQUEST, /* never arrives: UNKNOWN */
	MODEL_LOSE_ANSWER,  /* stored or refused, but UNKNOWN to the caller */
	MODEL_HOLD,         /* stays queued */
};

struct model_call {
	bool append;
	uint32_t shard;
	uint64_t expected, from, to, token;
	struct journal_place place;
	uint8_t *bytes;
	uint32_t size;
};

struct model_tail {
	uint64_t next, token; /* token 0 = free */
};

struct model_journal {
	struct journal base;
	struct model_log *log;
	struct journal_events events;
	struct model_call calls[1024];
	uint32_t call_count;
	enum model_fault append_fault; /* of appends carried out by the next pump */
	uint64_t fine_shards;          /* bits: these have no such fault */
	uint64_t silent_reads;         /* bits: reads of these shards time out */
	uint32_t appends;              /* asked for, in all */
	struct model_tail tails[WIRE_SHARDS_MAX];
	uint64_t held_tails;   /* bits: nothing comes over the tails of these shards */
	int tail_error;        /* what the tails end with at the next pump; 0 = they go on */
	uint32_t tail_refused; /* so many tails more are not begun */
	uint32_t tail_most;    /* batches of a tail in a pump; 0 = all */
	uint32_t tails_begun;
};

void model_journal_open(struct model_journal *j, struct model_log *log,
			const struct journal_events *events);
void model_journal_close(struct model_journal *j);
/* Carries out what was queued before the call; returns how much. */
uint32_t model_journal_pump(struct model_journal *j);

#endif
