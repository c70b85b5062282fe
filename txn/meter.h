/* What the engine counts for those who watch it. Counted where records are made, so on the live
 * path only: a replay counts nothing, and what one owner has counted the next one does not count
 * again.
 *
 * One thread counts (that of the engines, of which several may share a meter: what it counted stays
 * when a shard goes), any thread reads. No allocation, no lock. Nothing in the engine goes by it.
 */
#ifndef SAGAD_TXN_METER_H
#define SAGAD_TXN_METER_H

#include <stdint.h>

#include "base/metrics.h"
#include "base/series.h"
#include "wire/message.h"

struct txn_shard;

enum {
	TXN_METER_NAMES = 200, /* definitions, services; more share "other" */
	TXN_METER_STEPS = 400, /* pairs of service and step */
	TXN_METER_OPS = WIRE_OP_SETTLE,
	TXN_METER_KINDS = WIRE_PROTOCOL_MIXED + 1, /* by enum wire_protocol; 0 = other */
	TXN_METER_PARKED = 64,                     /* pairs of definition and code told apart */
};

/* What came of an attempt. */
enum txn_meter_result {
	TXN_METER_OK,
	TXN_METER_RETRYABLE, /* failed, tried again or given up */
	TXN_METER_TERMINAL,  /* a definite no */
	TXN_METER_TIMEOUT,   /* nobody answered in time */
	TXN_METER_HEURISTIC, /* the participant had decided by itself */
	TXN_METER_RESULTS
};

enum txn_meter_state {
	TXN_METER_OPEN, /* interactive, not closed yet */
	TXN_METER_RUNNING,
	TXN_METER_FINISHING, /* decided to commit */
	TXN_METER_UNDOING,
	TXN_METER_PARKED_STATE,
	TXN_METER_STATES
};

enum { TXN_METER_COMPLETED, TXN_METER_COMPENSATED, TXN_METER_OUTCOMES };
enum { TXN_METER_PREPARE, TXN_METER_DELIVER, TXN_METER_PHASES };

struct txn_meter_definition {
	struct counter started, finished[TXN_METER_OUTCOMES];
	struct buckets duration_ms[TXN_METER_OUTCOMES];
};
struct txn_meter_step {
	struct counter attempts[TXN_METER_OPS][TXN_METER_RESULTS];
	struct counter exhausted[TXN_METER_OPS];
	uint32_t service; /* one more than its number; 0 = not looked up. The counting thread's */
};
struct txn_meter_service {
	struct buckets duration_ms[TXN_METER_OPS];
};

/* What stands there now, of all shards of the thread, as the last survey saw it. */
struct txn_meter_gauges {
	struct counter inflight[TXN_METER_KINDS][TXN_METER_STATES];
	struct counter oldest_ms[TXN_METER_KINDS][TXN_METER_STATES];
	struct counter in_doubt, in_doubt_oldest_ms;
	/* By number of the definition's row and code; count 0 = not used. */
	struct {
		struct counter definition, code, count;
	} parked[TXN_METER_PARKED + 1]; /* the last: all others */
};

struct txn_meter {
	struct series definitions; /* tag: enum wire_protocol; first: definition */
	struct series services;    /* first: service */
	struct series steps;       /* first: service, second: step */
	struct txn_meter_definition definition[TXN_METER_NAMES + 1];
	struct txn_meter_service service[TXN_METER_NAMES + 1];
	struct txn_meter_step step[TXN_METER_STEPS + 1];
	/* Of two-phase commit, by decision: commit, abort. */
	struct buckets phase_ms[TXN_METER_PHASES][TXN_METER_OUTCOMES];
	struct txn_meter_gauges gauges;
};

/* It must be zeroed memory. */
void txn_meter_init(struct txn_meter *meter);

/* The engine's own call: the record is made, and not yet folded. */
void txn_meter_record(struct txn_shard *t, enum wire_kind kind, const void *record);

/* Looks at open sagas, some at a time: begin, then for each shard again and again until it says
 * that it is through, then end, which puts what was found where readers see it. The shard may
 * change in between, or go. */
struct txn_survey {
	uint64_t after; /* the admission that was looked at last; 0 = none */
	struct {
		uint32_t count;
		uint64_t oldest_ms;
	} seen[TXN_METER_KINDS][TXN_METER_STATES];
	uint32_t in_doubt;
	uint64_t in_doubt_oldest_ms;
	struct {
		uint32_t definition, code, count;
	} parked[TXN_METER_PARKED + 1];
};
void txn_survey_begin(struct txn_survey *survey);
/* At most `budget` sagas. True: this shard is done with, the next call is for another one. */
bool txn_survey_step(struct txn_survey *survey, const struct txn_shard *t, uint32_t budget);
void txn_survey_end(const struct txn_survey *survey, struct txn_meter *meter);

#endif
