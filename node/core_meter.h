/* What a worker counts for those who watch it: its engines', its journals' and its own. Written by
 * the worker's thread alone, read by any; nothing is locked, nothing allocated. */
#ifndef SAGAD_NODE_CORE_METER_H
#define SAGAD_NODE_CORE_METER_H

#include "journal/journal.h"
#include "node/core.h"
#include "txn/meter.h"

/* Of the engines, whose own counters go when a shard goes: here they stay. */
enum core_meter_total {
	CORE_METER_FIRST, /* commands that are no retry and no copy */
	CORE_METER_RETRIES,
	CORE_METER_COPIES,
	CORE_METER_FALLBACKS,
	CORE_METER_REFUSED,
	CORE_METER_IGNORED,
	CORE_METER_OBSOLETE,
	CORE_METER_LATE,
	CORE_METER_CONTRADICTIONS,
	CORE_METER_INBOX_TAKEN,
	CORE_METER_INBOX_REFUSED,
	CORE_METER_TOTALS
};

enum core_meter_append {
	CORE_METER_STORED,
	CORE_METER_UNKNOWN,
	CORE_METER_FENCED,
	CORE_METER_APPENDS
};

enum core_meter_recovery { CORE_METER_COLD, CORE_METER_WARM, CORE_METER_RECOVERIES };

struct core_meter {
	struct txn_meter txn;
	struct counter totals[CORE_METER_TOTALS];
	uint64_t seen[WIRE_SHARDS_MAX][CORE_METER_TOTALS]; /* of the engine that is there */
	struct txn_survey survey;
	uint32_t survey_shard; /* the one being looked at */
	uint64_t survey_at_ms; /* not begun again before */

	struct buckets append_ms, batch_records, timer_lag_ms, loop_lag_ms;
	struct buckets recovery_ms[CORE_METER_RECOVERIES]; /* from being given a shard to serving */
	struct buckets release_ms;              /* from taking no new work to having let go */
	uint64_t releasing_ms[WIRE_SHARDS_MAX]; /* since when; 0 = not */
	struct counter appends[CORE_METER_APPENDS];
	struct counter recovery_records;
	struct counter moves[OWNERSHIP_STATES]; /* shards that came to this state */
	/* Gauges. */
	struct counter shards[OWNERSHIP_STATES], timers, waiters, remembered, open, parked, payload,
		outbox_bytes, stuck;
	/* The core's own, which only grow. */
	struct counter messages_sent, messages_dropped, messages_refused, busy, shed, deferred,
		submits_passed_on, batch_bytes;
	struct counter standbys, standbys_warm, standby_lag_batches, standby_drops; /* S29 */
	struct counter resumed; /* shards that went on from what a standby held */
	/* Set by the thread around it. */
	struct counter nats_connected, nats_reconnects, nats_sent, nats_received, nats_sent_bytes,
		nats_received_bytes, nats_dropped, nats_queue, nats_requests;
};

/* It must be zeroed memory. */
void core_meter_init(struct core_meter *meter);
/* At least every 100 ms: brings totals and gauges up to date, and goes on with the survey. */
void core_meter_collect(struct core *core, struct core_time now);
/* For core_io.note: what the events tell. */
void core_meter_note(struct core_meter *meter, const struct core_note *note, uint64_t mono_ms);

#endif
