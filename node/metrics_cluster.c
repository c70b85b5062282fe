/* Journals, shards, lease, servers. */
#include <stddef.h>

#include "base/os_clock.h"
#include "node/metrics.h"

static void one(struct metrics_text *w, enum metric metric, uint64_t value)
{
	metric_begin(w, &metrics_table[metric]);
	metric_count(w, NULL, value);
}

static void row(struct metrics_text *w, const char *label, const char *name, uint64_t value)
{
	struct metric_labels l;

	metric_count(w, metric_label_str(metric_labels_begin(&l), label, name), value);
}

static void spread(struct metrics_text *w, const char *label, const char *name,
		   const struct buckets *b)
{
	struct metric_labels l;

	metric_histogram(w, metric_label_str(metric_labels_begin(&l), label, name), b,
			 &bucket_latency_ms, true);
}

static void journal(const struct metrics *m, struct metrics_text *w)
{
	static const char *const results[CORE_METER_APPENDS] = {"ok", "unknown", "fenced"};
	const uint64_t values[CORE_METER_APPENDS] = {
		METRICS_SUM(m, appends[CORE_METER_STORED]),
		METRICS_SUM(m, appends[CORE_METER_UNKNOWN]),
		METRICS_SUM(m, appends[CORE_METER_FENCED]),
	};
	struct buckets b;

	METRICS_BUCKETS(m, append_ms, &b);
	metric_begin(w, &metrics_table[METRIC_APPEND]);
	metric_histogram(w, NULL, &b, &bucket_latency_ms, true);
	metric_begin(w, &metrics_table[METRIC_APPENDS]);
	for (uint32_t i = 0; i < CORE_METER_APPENDS; i++)
		row(w, "result", results[i], values[i]);
	METRICS_BUCKETS(m, batch_records, &b);
	metric_begin(w, &metrics_table[METRIC_BATCH]);
	metric_histogram(w, NULL, &b, &bucket_count, false);
	one(w, METRIC_JOURNAL_BYTES, METRICS_SUM(m, batch_bytes));
	one(w, METRIC_STUCK, METRICS_SUM(m, stuck) > 0);
	one(w, METRIC_OUTBOX, METRICS_SUM(m, outbox_bytes));
	metric_begin(w, &metrics_table[METRIC_FENCED]);
	row(w, "where", "journal", values[CORE_METER_FENCED]);
}

static void shards(const struct metrics *m, struct metrics_text *w)
{
	static const struct {
		const char *name;
		enum ownership state;
	} now[] = {{"replaying", OWNERSHIP_REPLAYING},
		   {"serving", OWNERSHIP_SERVING},
		   {"releasing", OWNERSHIP_QUIESCING},
		   {"halted", OWNERSHIP_HALTED}},
	  moves[] = {{"replaying", OWNERSHIP_REPLAYING}, {"serving", OWNERSHIP_SERVING},
		     {"releasing", OWNERSHIP_QUIESCING}, {"released", OWNERSHIP_RELEASED},
		     {"fenced", OWNERSHIP_FENCED},       {"halted", OWNERSHIP_HALTED}};
	struct buckets b;

	metric_begin(w, &metrics_table[METRIC_SHARDS]);
	for (uint32_t i = 0; i < sizeof now / sizeof now[0]; i++)
		row(w, "state", now[i].name, METRICS_SUM(m, shards[now[i].state]));
	metric_begin(w, &metrics_table[METRIC_TRANSITIONS]);
	for (uint32_t i = 0; i < sizeof moves / sizeof moves[0]; i++)
		row(w, "state", moves[i].name, METRICS_SUM(m, moves[moves[i].state]));
	row(w, "state", "resuming", METRICS_SUM(m, resumed));
	metric_begin(w, &metrics_table[METRIC_RECOVERY]);
	METRICS_BUCKETS(m, recovery_ms[CORE_METER_COLD], &b);
	spread(w, "from", "journal", &b);
	METRICS_BUCKETS(m, recovery_ms[CORE_METER_WARM], &b);
	spread(w, "from", "standby", &b);
	metric_begin(w, &metrics_table[METRIC_HANDOVER]);
	METRICS_BUCKETS(m, release_ms, &b);
	spread(w, "phase", "drain", &b);
	one(w, METRIC_RECOVERY_RECORDS, METRICS_SUM(m, recovery_records));
	metric_begin(w, &metrics_table[METRIC_STANDBYS]);
	row(w, "state", "wanted", METRICS_SUM(m, standbys));
	row(w, "state", "warm", METRICS_SUM(m, standbys_warm));
	one(w, METRIC_STANDBY_LAG, METRICS_SUM(m, standby_lag_batches));
	one(w, METRIC_STANDBY_DROPS, METRICS_SUM(m, standby_drops));
}

static void operations(const struct control_meter *c, struct metrics_text *w)
{
	static const char *const kinds[CONTROL_METER_KINDS] = {
		[WIRE_OPS_REBALANCE] = "rebalance",
		[WIRE_OPS_MOVE] = "move",
		[WIRE_OPS_DRAIN] = "drain",
		[WIRE_OPS_REMOVE] = "remove",
	};
	struct metric_labels l;

	metric_begin(w, &metrics_table[METRIC_OPERATION]);
	for (uint32_t i = WIRE_OPS_REBALANCE; i < CONTROL_METER_KINDS; i++)
		row(w, "kind", kinds[i], counter_get(&c->operation[i]));
	metric_begin(w, &metrics_table[METRIC_OPERATION_PROGRESS]);
	for (uint32_t i = WIRE_OPS_REBALANCE; i < CONTROL_METER_KINDS; i++)
		metric_milli(w, metric_label_str(metric_labels_begin(&l), "kind", kinds[i]),
			     counter_get(&c->operation_milli[i]));
	one(w, METRIC_OPERATION_STALLED, counter_get(&c->operation_stalled));
	one(w, METRIC_MARKS_UNREADABLE, counter_get(&c->marks_unreadable));
}

static void cluster(const struct control_meter *c, struct metrics_text *w)
{
	static const char *const states[CONTROL_METER_SHARDS] = {
		"total", "serving", "replaying", "orphaned", "halted", "moving", "frozen"};

	one(w, METRIC_LEADER, counter_get(&c->leader));
	one(w, METRIC_PLAN, counter_get(&c->plan_version));
	metric_begin(w, &metrics_table[METRIC_NODES]);
	row(w, "state", "ready", counter_get(&c->nodes[0]));
	row(w, "state", "stopping", counter_get(&c->nodes[1]));
	metric_begin(w, &metrics_table[METRIC_CLUSTER_SHARDS]);
	for (uint32_t i = 0; i < CONTROL_METER_SHARDS; i++)
		row(w, "state", states[i], counter_get(&c->shards[i]));
	operations(c, w);
	metric_begin(w, &metrics_table[METRIC_UNOWNED]);
	metric_milli(w, NULL, counter_get(&c->unowned_ms));
	metric_begin(w, &metrics_table[METRIC_IMBALANCE]);
	metric_milli(w, NULL, counter_get(&c->imbalance_milli));
}

static void lease(const struct metrics *m, struct metrics_text *w)
{
	const uint64_t until_ns = m->lease == NULL ? 0 : atomic_load(&m->lease->until_ns);
	const uint64_t now_ns = os_clock_boot_ns();

	metric_begin(w, &metrics_table[METRIC_LEASE]);
	metric_milli(w, NULL, until_ns > now_ns ? (until_ns - now_ns) / 1000000 : 0);
	metric_begin(w, &metrics_table[METRIC_RENEWALS]);
	row(w, "result", "ok", counter_get(&m->control.renewals[0]));
	row(w, "result", "error", counter_get(&m->control.renewals[1]));
	one(w, METRIC_LEASES_LOST, counter_get(&m->control.leases_lost));
}

static void etcd(const struct control_meter *c, struct metrics_text *w)
{
	static const char *const ops[CONTROL_METER_OPS] = {"grant", "renew", "revoke", "range",
							   "txn"};
	static const char *const codes[CONTROL_METER_CODES] = {"timeout",    "unknown", "no_leader",
							       "lease_lost", "auth",    "other"};
	struct metric_labels l;

	metric_begin(w, &metrics_table[METRIC_DEPENDENCY_TIME]);
	for (uint32_t i = 0; i < CONTROL_METER_OPS; i++) {
		(void)metric_label_str(metric_labels_begin(&l), "dependency", "etcd");
		metric_histogram(w, metric_label_str(&l, "op", ops[i]), &c->request_ms[i],
				 &bucket_latency_ms, true);
	}
	metric_begin(w, &metrics_table[METRIC_DEPENDENCY_ERRORS]);
	for (uint32_t i = 0; i < CONTROL_METER_CODES; i++) {
		(void)metric_label_str(metric_labels_begin(&l), "dependency", "etcd");
		metric_count(w, metric_label_str(&l, "code", codes[i]), counter_get(&c->errors[i]));
	}
}

static void nats(const struct metrics *m, struct metrics_text *w)
{
	one(w, METRIC_RECONNECTS,
	    METRICS_SUM(m, nats_reconnects) + counter_get(&m->control.reconnects));
	metric_begin(w, &metrics_table[METRIC_NATS_MESSAGES]);
	row(w, "direction", "sent", METRICS_SUM(m, nats_sent));
	row(w, "direction", "received", METRICS_SUM(m, nats_received));
	metric_begin(w, &metrics_table[METRIC_NATS_BYTES]);
	row(w, "direction", "sent", METRICS_SUM(m, nats_sent_bytes));
	row(w, "direction", "received", METRICS_SUM(m, nats_received_bytes));
	metric_begin(w, &metrics_table[METRIC_NATS_DROPPED]);
	row(w, "where", "inbound", METRICS_SUM(m, nats_dropped));
	row(w, "where", "outbox", METRICS_SUM(m, messages_dropped));
	one(w, METRIC_NATS_QUEUE, METRICS_SUM(m, nats_queue));
}

void metrics_write_cluster(struct metrics *m, struct metrics_text *w)
{
	const uint32_t workers = atomic_load(&m->worker_count);

	journal(m, w);
	shards(m, w);
	cluster(&m->control, w);
	lease(m, w);
	metric_begin(w, &metrics_table[METRIC_DEPENDENCY]);
	row(w, "dependency", "nats",
	    counter_get(&m->control.nats_up) == 1 && METRICS_SUM(m, nats_connected) == workers);
	row(w, "dependency", "etcd", counter_get(&m->control.etcd_up));
	etcd(&m->control, w);
	nats(m, w);
}
