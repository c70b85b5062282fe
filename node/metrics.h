/* All that /metrics says. Loops count for themselves (node/core_meter.h, struct control_meter);
 * this reads what they have counted, on the thread that was asked, and adds it up. */
#ifndef SAGAD_NODE_METRICS_H
#define SAGAD_NODE_METRICS_H

#include "node/core_meter.h"
#include "node/health.h"
#include "node/http_microhttpd.h"
#include "node/lease_clock.h"
#include "node/metrics_text.h"
#include "wire/admin.h"

enum { METRICS_WORKERS_MAX = 64 };

/* X(identifier, name, type, labels, help); docs/metrics.md has the same rows, a test compares. */
#define METRICS_NODE(X)                                                                            \
	X(BUILD_INFO, "sagad_build_info", GAUGE, "version,revision,compiler",                      \
	  "What this node was built from; always 1")                                               \
	X(CPU, "process_cpu_seconds_total", COUNTER, "", "User and system CPU time spent")         \
	X(MEMORY, "process_resident_memory_bytes", GAUGE, "", "Resident memory size")              \
	X(FDS, "process_open_fds", GAUGE, "", "Open file descriptors")                             \
	X(MAX_FDS, "process_max_fds", GAUGE, "", "Limit of open file descriptors")                 \
	X(START_TIME, "process_start_time_seconds", GAUGE, "", "Start of the process, Unix time")  \
	X(READY, "sagad_ready", GAUGE, "", "Whether /healthz/ready says yes")                      \
	X(LOOP_LAG, "sagad_loop_lag_seconds", HISTOGRAM, "loop",                                   \
	  "How late a loop's 10 ms timer went off")                                                \
	X(LOOP_SILENCE, "sagad_loop_silence_seconds", GAUGE, "loop",                               \
	  "Since when the loop has not turned; the longest of its kind")                           \
	X(LOG, "sagad_log_messages_total", COUNTER, "level", "Lines logged")                       \
	X(HTTP, "sagad_http_requests_total", COUNTER, "route,code",                                \
	  "Requests answered over HTTP; code is 2xx, 4xx, 5xx")                                    \
	X(HTTP_OPEN, "sagad_http_connections", GAUGE, "", "HTTP connections open now")             \
	X(HTTP_CUT, "sagad_http_connections_cut_total", COUNTER, "",                               \
	  "HTTP connections that were cut: too slow, or too many")

#define METRICS_SAGAS(X)                                                                           \
	X(STARTED, "sagad_sagas_started_total", COUNTER, "kind,definition", "Sagas accepted")      \
	X(FINISHED, "sagad_sagas_finished_total", COUNTER, "kind,definition,outcome",              \
	  "Sagas that have ended: completed, compensated; of 2PC committed, aborted")              \
	X(DURATION, "sagad_saga_duration_seconds", HISTOGRAM, "kind,definition,outcome",           \
	  "From acceptance to the end")                                                            \
	X(INFLIGHT, "sagad_sagas_inflight", GAUGE, "kind,state", "Unfinished sagas")               \
	X(OLDEST, "sagad_saga_oldest_age_seconds", GAUGE, "kind,state",                            \
	  "Age of the oldest unfinished saga")                                                     \
	X(PARKED, "sagad_sagas_parked", GAUGE, "definition,code",                                  \
	  "Sagas that wait for a person, by what stopped them")                                    \
	X(REMEMBERED, "sagad_sagas_remembered", GAUGE, "",                                         \
	  "Finished ids that are still known within their retry windows")                          \
	X(IN_DOUBT, "sagad_2pc_in_doubt", GAUGE, "",                                               \
	  "2PC transactions that are decided and not yet told to all")                             \
	X(IN_DOUBT_AGE, "sagad_2pc_oldest_in_doubt_age_seconds", GAUGE, "",                        \
	  "How long ago the oldest of them was decided")                                           \
	X(PHASE, "sagad_2pc_phase_duration_seconds", HISTOGRAM, "phase,decision",                  \
	  "prepare: acceptance to decision; deliver: decision to the end")                         \
	X(ATTEMPTS, "sagad_step_attempts_total", COUNTER, "service,step,op,result",                \
	  "Attempts of operations, by what came of them")                                          \
	X(STEP_DURATION, "sagad_step_duration_seconds", HISTOGRAM, "service,op",                   \
	  "From the sending of a command to its result")                                           \
	X(EXHAUSTED, "sagad_step_retries_exhausted_total", COUNTER, "service,step,op",             \
	  "Operations whose attempts were all in vain")                                            \
	X(COMMANDS, "sagad_commands_sent_total", COUNTER, "reason",                                \
	  "Commands sent, by what for: first attempt, retry, copy of a call")                      \
	X(FALLBACKS, "sagad_command_fallbacks_total", COUNTER, "",                                 \
	  "Attempts of durable steps that went as calls, as nobody answered")                      \
	X(UNWANTED, "sagad_replies_unwanted_total", COUNTER, "reason",                             \
	  "Answers of participants that changed nothing")                                          \
	X(REFUSED, "sagad_requests_refused_total", COUNTER, "",                                    \
	  "Requests of clients refused by the engine, with a code")                                \
	X(INBOX, "sagad_inbox_entries_total", COUNTER, "result",                                   \
	  "Entries of the inbox dealt with")                                                       \
	X(BACKPRESSURE, "sagad_backpressure_total", COUNTER, "reason",                             \
	  "Refused for want of room: busy, late; answers left for later: deferred")                \
	X(PASSED_ON, "sagad_submits_passed_on_total", COUNTER, "",                                 \
	  "Submits handed on to the owner of their shard")                                         \
	X(MALFORMED, "sagad_messages_malformed_total", COUNTER, "",                                \
	  "Messages that could not be read or may not be sent by their sender")                    \
	X(WAITERS, "sagad_client_waiters", GAUGE, "", "Clients that wait for an outcome")          \
	X(PAYLOAD, "sagad_payload_bytes", GAUGE, "",                                               \
	  "Plans, inputs and outputs of unfinished sagas")                                         \
	X(TIMERS, "sagad_timers_pending", GAUGE, "", "Timers armed")                               \
	X(TIMER_LAG, "sagad_timer_lag_seconds", HISTOGRAM, "", "How late due timers were handled")

#define METRICS_CLUSTER(X)                                                                         \
	X(APPEND, "sagad_journal_append_seconds", HISTOGRAM, "",                                   \
	  "From the sending of a batch to its durable acknowledgement")                            \
	X(APPENDS, "sagad_journal_appends_total", COUNTER, "result",                               \
	  "Answers to appends: ok, unknown (sent again), fenced")                                  \
	X(BATCH, "sagad_journal_batch_records", HISTOGRAM, "", "Records of one batch")             \
	X(JOURNAL_BYTES, "sagad_journal_written_bytes_total", COUNTER, "",                         \
	  "Bytes of records handed to the journals")                                               \
	X(STUCK, "sagad_journal_stuck", GAUGE, "",                                                 \
	  "1 while no journal of a worker takes or gives anything")                                \
	X(OUTBOX, "sagad_outbox_bytes", GAUGE, "", "Messages that wait for the journal")           \
	X(FENCED, "sagad_fenced_writes_total", COUNTER, "where",                                   \
	  "Writes of a stale owner that were stopped")                                             \
	X(SHARDS, "sagad_shards", GAUGE, "state", "Shards of this node")                           \
	X(TRANSITIONS, "sagad_shard_transitions_total", COUNTER, "state",                          \
	  "Shards of this node that came to this state")                                           \
	X(RECOVERY, "sagad_recovery_seconds", HISTOGRAM, "from",                                   \
	  "From being given a shard to serving it: from its journal, or from a warm standby")      \
	X(HANDOVER, "sagad_shard_handover_seconds", HISTOGRAM, "phase",                            \
	  "Of shards given away: drain, from taking no new work to having let go")                 \
	X(RECOVERY_RECORDS, "sagad_recovery_records_total", COUNTER, "", "Records replayed")       \
	X(STANDBYS, "sagad_standby_shards", GAUGE, "state",                                        \
	  "Shards this node stands by for: wanted, and of these warm")                             \
	X(STANDBY_LAG, "sagad_standby_lag_batches", GAUGE, "",                                     \
	  "Batches that the standbys of this node are behind")                                     \
	X(STANDBY_DROPS, "sagad_standby_drops_total", COUNTER, "",                                 \
	  "Standbys that were of no use any more")                                                 \
	X(LEADER, "sagad_leader", GAUGE, "", "1 on the node that plans")                           \
	X(PLAN, "sagad_plan_version", GAUGE, "", "Version of the plan this node has read")         \
	X(NODES, "sagad_cluster_nodes", GAUGE, "state", "Nodes; told by the leader, else 0")       \
	X(CLUSTER_SHARDS, "sagad_cluster_shards", GAUGE, "state",                                  \
	  "Shards of the cluster; told by the leader, else 0")                                     \
	X(OPERATION, "sagad_operation_running", GAUGE, "kind",                                     \
	  "1 while such an operation has not ended; told by the leader, else 0")                   \
	X(OPERATION_PROGRESS, "sagad_operation_progress_ratio", GAUGE, "kind",                     \
	  "Items of it that are over, of all; told by the leader, else 0")                         \
	X(OPERATION_STALLED, "sagad_operation_stalled", GAUGE, "",                                 \
	  "1 while an operation runs and nothing of it moves; told by the leader")                 \
	X(MARKS_UNREADABLE, "sagad_marks_unreadable", GAUGE, "",                                   \
	  "Pins, freezes, cordons and drains in etcd that cannot be read, and are ignored")        \
	X(UNOWNED, "sagad_shard_unowned_seconds_total", COUNTER, "",                               \
	  "Shard seconds without a serving owner, as the leader saw them")                         \
	X(IMBALANCE, "sagad_shard_imbalance_ratio", GAUGE, "",                                     \
	  "(most - mean) / mean of the nodes' shards; told by the leader, else 0")                 \
	X(LEASE, "sagad_lease_remaining_seconds", GAUGE, "",                                       \
	  "How long this node may still act without another renewal")                              \
	X(RENEWALS, "sagad_lease_renewals_total", COUNTER, "result", "Renewals of the lease")      \
	X(LEASES_LOST, "sagad_leases_lost_total", COUNTER, "",                                     \
	  "Leases that ended unasked; each costs all shards a replay")                             \
	X(DEPENDENCY, "sagad_dependency_up", GAUGE, "dependency",                                  \
	  "1 while the last that was heard of it was good")                                        \
	X(DEPENDENCY_TIME, "sagad_dependency_request_seconds", HISTOGRAM, "dependency,op",         \
	  "Requests to etcd, answered or not")                                                     \
	X(DEPENDENCY_ERRORS, "sagad_dependency_errors_total", COUNTER, "dependency,code",          \
	  "Requests to etcd that failed")                                                          \
	X(RECONNECTS, "sagad_nats_reconnects_total", COUNTER, "", "Times a connection came back")  \
	X(NATS_MESSAGES, "sagad_nats_messages_total", COUNTER, "direction", "Messages of NATS")    \
	X(NATS_BYTES, "sagad_nats_bytes_total", COUNTER, "direction", "Bytes of NATS")             \
	X(NATS_DROPPED, "sagad_messages_dropped_total", COUNTER, "where",                          \
	  "Messages lost here for want of room or time; who sent them sends again")                \
	X(NATS_QUEUE, "sagad_nats_queue_depth", GAUGE, "", "Messages that wait for a worker")

#define METRICS_ALL(X) METRICS_NODE(X) METRICS_SAGAS(X) METRICS_CLUSTER(X)

enum metric {
#define METRICS_ENUM(id, name, type, labels, help) METRIC_##id,
	METRICS_ALL(METRICS_ENUM)
#undef METRICS_ENUM
		METRICS_COUNT
};
extern const struct metric_row metrics_table[METRICS_COUNT];

enum control_meter_op {
	CONTROL_METER_GRANT,
	CONTROL_METER_RENEW,
	CONTROL_METER_REVOKE,
	CONTROL_METER_RANGE,
	CONTROL_METER_TXN,
	CONTROL_METER_OPS
};
enum control_meter_code {
	CONTROL_METER_TIMEOUT,
	CONTROL_METER_UNKNOWN,
	CONTROL_METER_NO_LEADER,
	CONTROL_METER_LEASE_LOST,
	CONTROL_METER_AUTH,
	CONTROL_METER_OTHER,
	CONTROL_METER_CODES
};
enum control_meter_shards {
	CONTROL_METER_TOTAL,
	CONTROL_METER_SERVING,
	CONTROL_METER_REPLAYING,
	CONTROL_METER_ORPHANED,
	CONTROL_METER_HALTED,
	CONTROL_METER_MOVING,
	CONTROL_METER_FROZEN,
	CONTROL_METER_SHARDS
};

/* Written by the control thread. */
/* By enum wire_ops_kind. */
enum { CONTROL_METER_KINDS = WIRE_OPS_REMOVE + 1 };

struct control_meter {
	struct buckets request_ms[CONTROL_METER_OPS], loop_lag_ms;
	struct counter errors[CONTROL_METER_CODES];
	struct counter renewals[2]; /* ok, error */
	struct counter leases_lost, etcd_up, nats_up, leader, plan_version;
	struct counter nodes[2]; /* ready, stopping */
	struct counter shards[CONTROL_METER_SHARDS];
	struct counter unowned_ms, imbalance_milli, marks_unreadable;
	struct counter operation[CONTROL_METER_KINDS], operation_milli[CONTROL_METER_KINDS],
		operation_stalled;
	struct counter reconnects;
};

struct metrics {
	/* Set before the thread that asks begins; workers as they come. */
	const struct core_meter *workers[METRICS_WORKERS_MAX];
	_Atomic uint32_t worker_count;
	struct control_meter control;
	struct http_meter http;
	const struct health *health;
	struct lease_clock *lease;
	uint64_t start_ms; /* Unix time */
	/* The asking thread's own. The names of all workers; their numbers never change. */
	struct txn_meter sum;
	bool sum_ready;
};

/* Everything, in the order of the table. One thread at a time. */
void metrics_write(struct metrics *m, bool openmetrics, struct buf *out);

/* The parts. (metrics_sagas.c, metrics_cluster.c, metrics_process.c) */
void metrics_write_process(struct metrics *m, struct metrics_text *w);
void metrics_write_sagas(struct metrics *m, struct metrics_text *w);
void metrics_write_cluster(struct metrics *m, struct metrics_text *w);
/* Sums over the workers of a member. */
#define METRICS_SUM(m, member) metrics_sum((m), offsetof(struct core_meter, member))
uint64_t metrics_sum(const struct metrics *m, size_t offset);
#define METRICS_BUCKETS(m, member, into)                                                           \
	metrics_buckets((m), offsetof(struct core_meter, member), (into))
void metrics_buckets(const struct metrics *m, size_t offset, struct buckets *into);

#endif
