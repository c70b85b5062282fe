/* What the control thread counts for the metrics (node/metrics.h). */
#include "base/os_clock.h"
#include "node/daemon_uv_internal.h"

enum { VIEW_PAUSE_MS = 250, TICK_MS = 20 };

static enum control_meter_op op_of(enum lease_request_kind kind)
{
	switch (kind) {
	case LEASE_GRANT:
		return CONTROL_METER_GRANT;
	case LEASE_RENEW:
		return CONTROL_METER_RENEW;
	case LEASE_REVOKE:
		return CONTROL_METER_REVOKE;
	case LEASE_RANGE:
		return CONTROL_METER_RANGE;
	case LEASE_TXN:
		break;
	}
	return CONTROL_METER_TXN;
}

static enum control_meter_code code_of(int error)
{
	switch (error) {
	case SAGA_E_TIMEOUT:
		return CONTROL_METER_TIMEOUT;
	case SAGA_E_UNKNOWN:
		return CONTROL_METER_UNKNOWN;
	case SAGA_E_NO_LEADER:
		return CONTROL_METER_NO_LEADER;
	case SAGA_E_LEASE_LOST:
		return CONTROL_METER_LEASE_LOST;
	case SAGA_E_AUTH:
		return CONTROL_METER_AUTH;
	default:
		return CONTROL_METER_OTHER;
	}
}

static struct daemon_request *request_of(struct daemon *d, uint64_t token)
{
	return &d->requests[token % DAEMON_REQUESTS];
}

void daemon_meter_request(struct daemon *d, enum lease_request_kind kind, uint64_t token)
{
	*request_of(d, token) = (struct daemon_request){
		.token = token, .kind = kind, .sent_ns = os_clock_mono_ns()};
}

void daemon_meter_result(struct daemon *d, uint64_t token, int error)
{
	struct control_meter *m = &d->metrics.control;
	struct daemon_request *r = request_of(d, token);

	if (r->token != token || r->sent_ns == 0)
		return; /* many were sent since: it is not told */
	const enum control_meter_op op = op_of(r->kind);
	buckets_record(&m->request_ms[op], &bucket_latency_ms,
		       (os_clock_mono_ns() - r->sent_ns) / 1000000);
	r->sent_ns = 0;
	if (error != 0)
		counter_add(&m->errors[code_of(error)], 1);
	if (op == CONTROL_METER_RENEW)
		counter_add(&m->renewals[error != 0], 1);
	/* A lease that is gone is an answer as well. */
	counter_set(&m->etcd_up, error == 0 || error == SAGA_E_LEASE_LOST);
}

void daemon_meter_note(struct daemon *d, const char *event)
{
	if (strcmp(event, "lease.lost") == 0)
		counter_add(&d->metrics.control.leases_lost, 1);
}

/* ---- the cluster, as who plans sees it ---------------------------------------------------------
 */

static void count_shards(const struct control_view *view, uint64_t counts[CONTROL_METER_SHARDS])
{
	counts[CONTROL_METER_TOTAL] = view->shard_count;
	for (uint32_t i = 0; i < view->shard_count; i++) {
		const struct wire_shard_view *s = &view->shards[i];

		counts[CONTROL_METER_SERVING] += s->state == WIRE_SHARD_SERVING;
		counts[CONTROL_METER_REPLAYING] += s->state == WIRE_SHARD_REPLAYING;
		counts[CONTROL_METER_ORPHANED] += s->state == WIRE_SHARD_UNOWNED;
		counts[CONTROL_METER_HALTED] += s->state == WIRE_SHARD_HALTED;
		counts[CONTROL_METER_MOVING] +=
			s->owner.size != 0 && !slice_equal(s->owner, s->target);
	}
}

static uint64_t imbalance_milli(const struct control_view *view)
{
	uint64_t most = 0;
	uint64_t all = 0;

	for (uint32_t i = 0; i < view->node_count; i++) {
		all += view->nodes[i].shards;
		most = view->nodes[i].shards > most ? view->nodes[i].shards : most;
	}
	return all == 0 ? 0 : (most * view->node_count - all) * 1000 / all;
}

/* At most one that has not ended, as it seems; should there be more, the last is told. */
static void look_at_operations(struct daemon *d, bool leader)
{
	struct control_meter *m = &d->metrics.control;
	uint64_t running[CONTROL_METER_KINDS] = {0};
	uint64_t milli[CONTROL_METER_KINDS] = {0};
	bool stalled = false;

	for (uint32_t i = 0; leader && i < control_operation_count(d->control); i++) {
		const struct ops *op = control_operation_at(d->control, i);
		struct ops_counts counts;

		if (ops_final(op) || op->kind >= CONTROL_METER_KINDS)
			continue;
		ops_count(op, &counts);
		const uint64_t over =
			(uint64_t)counts.done + counts.failed + counts.rolled_back + counts.skipped;
		const uint64_t all = over + counts.planned + counts.moving;
		running[op->kind] = 1;
		milli[op->kind] = all == 0 ? 1000 : over * 1000 / all;
		stalled |= op->state != WIRE_OPS_PAUSED &&
			   ops_stalled(op, control_unix_ms(d->control));
	}
	for (uint32_t i = 0; i < CONTROL_METER_KINDS; i++) {
		counter_set(&m->operation[i], running[i]);
		counter_set(&m->operation_milli[i], milli[i]);
	}
	counter_set(&m->operation_stalled, stalled);
}

static void look_at_cluster(struct daemon *d, uint64_t passed_ms)
{
	struct control_meter *m = &d->metrics.control;
	uint64_t shards[CONTROL_METER_SHARDS] = {0};
	uint64_t nodes[2] = {0};
	uint64_t imbalance = 0;
	struct control_view view;

	control_view(d->control, &view);
	const bool leader = view.planner.size != 0 &&
			    slice_equal(view.planner, id_slice(&d->config->node_id)) &&
			    control_phase(d->control) == CONTROL_READY;

	if (leader) {
		count_shards(&view, shards);
		imbalance = imbalance_milli(&view);
		for (uint32_t i = 0; i < view.node_count; i++)
			nodes[view.nodes[i].state == 2]++;
		counter_add(&m->unowned_ms,
			    (shards[CONTROL_METER_TOTAL] - shards[CONTROL_METER_SERVING]) *
				    passed_ms);
	}
	for (uint32_t i = 0; leader && i < view.shard_count; i++)
		shards[CONTROL_METER_FROZEN] += control_freeze(d->control, i) != NULL;
	look_at_operations(d, leader);
	counter_set(&m->marks_unreadable, control_marks_unreadable(d->control));
	counter_set(&m->leader, leader);
	counter_set(&m->plan_version, view.plan_version);
	counter_set(&m->imbalance_milli, imbalance);
	for (uint32_t i = 0; i < CONTROL_METER_SHARDS; i++)
		counter_set(&m->shards[i], shards[i]);
	for (uint32_t i = 0; i < 2; i++)
		counter_set(&m->nodes[i], nodes[i]);
}

void daemon_meter_tick(struct daemon *d, uint64_t boot_ns)
{
	struct control_meter *m = &d->metrics.control;
	const uint64_t now_ms = boot_ns / 1000000;
	const uint64_t lag_ms = now_ms - d->meter_tick_ms;
	struct transport_stats stats;

	if (d->meter_tick_ms != 0)
		buckets_record(&m->loop_lag_ms, &bucket_latency_ms,
			       lag_ms > TICK_MS ? lag_ms - TICK_MS : 0);
	d->meter_tick_ms = now_ms;
	if (now_ms < d->meter_view_ms + VIEW_PAUSE_MS)
		return;
	d->transport->ops->stats(d->transport, &stats);
	counter_set(&m->nats_up, stats.connected);
	counter_set(&m->reconnects, stats.reconnects);
	look_at_cluster(d, d->meter_view_ms == 0 ? 0 : now_ms - d->meter_view_ms);
	d->meter_view_ms = now_ms;
}
