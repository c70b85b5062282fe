/* Between the control core and the world: requests to etcd, orders to the workers, reports back. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/os_clock.h"
#include "base/os_entropy.h"
#include "base/os_log.h"
#include "node/admin.h"
#include "node/core.h"
#include "node/daemon_uv_internal.h"
#include "node/version.h"

/* Of a transport with full queues and what a worker decodes and encodes in; libraries and code. */
#define CONNECTION_BYTES ((uint64_t)192 * 1024 * 1024)
#define PROCESS_BYTES    ((uint64_t)64 * 1024 * 1024)

enum {
	VERIFY_RETRY_NS = 2000000000,
	PAYLOAD_MIN = 1024 * 1024, /* a journal batch and its header: nats-server's default */
};

static struct worker *worker_of(struct daemon *d, uint32_t shard)
{
	return d->workers[shard % d->worker_count];
}

/* ---- what the control core asks of us ----------------------------------------------------------
 */

static void on_result(void *context, uint64_t token, const struct lease_result *result)
{
	struct daemon *d = context;
	daemon_meter_result(d, token, result->error);
	if (!d->closing)
		control_result(d->control, os_clock_boot_ns(), token, result);
}

static void request(void *context, const struct lease_request *r, uint64_t token)
{
	struct daemon *d = context;
	daemon_meter_request(d, r->kind, token);
	const int error = d->lease->ops->submit(d->lease, r, token, on_result, d);
	if (error != 0)
		LOG(LOG_ERROR, "etcd.not_asked", log_code(error)); /* the core times out */
}

/* What verification has found of the shard's journal, as far as it halts the shard. */
static int halt_code(const struct daemon *d, uint32_t shard)
{
	const int error = d->stream_errors[shard];
	return error == SAGA_E_JOURNAL_MISSING ? 0 : error;
}

static void assign(void *context, uint32_t shard, uint64_t revision)
{
	struct daemon *d = context;
	worker_order(worker_of(d, shard), WORKER_ASSIGN, shard, revision,
		     lease_clock_generation(&d->lease_clock), halt_code(d, shard));
}

static void release(void *context, uint32_t shard)
{
	struct daemon *d = context;
	worker_order(worker_of(d, shard), WORKER_RELEASE, shard, 0, 0, 0);
}

static void keep(void *context, uint32_t shard)
{
	struct daemon *d = context;
	worker_order(worker_of(d, shard), WORKER_KEEP, shard, 0, 0, 0);
}

static void fence(void *context, uint32_t shard)
{
	struct daemon *d = context;
	worker_order(worker_of(d, shard), WORKER_FENCE, shard, 0, 0, 0);
}

static void standby(void *context, uint32_t shard, bool on)
{
	struct daemon *d = context;
	worker_order(worker_of(d, shard), on ? WORKER_STANDBY_ON : WORKER_STANDBY_OFF, shard, 0, 0,
		     0);
}

static void lease_until(void *context, uint64_t boottime_ns)
{
	struct daemon *d = context;
	lease_clock_set(&d->lease_clock, boottime_ns);
}

/* Reports come from the workers' threads. */
static void post_report(void *context, const struct worker_report *report)
{
	struct daemon *d = context;
	CHECK(mailbox_post(&d->mailbox, report));
}

/* What the limits allow, should this node own all shards and all of them be full (S19). */
static void log_memory(const struct daemon *d)
{
	const struct txn_limits limits = config_limits(d->config);
	const uint64_t shard = core_memory_ceiling(&limits);
	const uint64_t connections = (d->config->workers + UINT64_C(1)) * CONNECTION_BYTES;

	LOG(LOG_INFO, "node.memory", log_num("shard_ceiling_bytes", (int64_t)shard),
	    log_num("ceiling_bytes",
		    (int64_t)(d->cluster.slots.shard_count * shard + connections + PROCESS_BYTES)));
}

static void cluster(void *context, const struct control_cluster *c)
{
	struct daemon *d = context;
	char why[256] = "";
	if (d->cluster_known)
		return;
	d->cluster = *c;
	d->cluster_known = true;
	d->jetstream = (struct jetstream_config){
		.prefix = d->config->nats_prefix,
		.stream_prefix = d->config->nats_stream_prefix,
		.cluster = d->cluster.cluster.text,
		.replicas = d->cluster.replicas,
	};
	LOG(LOG_INFO, "cluster.known", log_str("cluster", c->cluster.text),
	    log_num("shards", c->slots.shard_count), log_num("replicas", c->replicas));
	log_memory(d);
	for (uint32_t i = 0; i < d->config->workers; i++) {
		const struct worker_config config = {
			.index = i,
			.config = d->config,
			.cluster = &d->cluster,
			.lease = &d->lease_clock,
			.health = &d->health,
			.loop = health_loop_add(&d->health, os_clock_mono_ns()),
			.report = post_report,
			.report_context = d};
		const int error = worker_start(&config, &d->workers[i], why);
		if (error != 0) {
			LOG(LOG_ERROR, "worker.not_started", log_code(error), log_str("text", why));
			daemon_exit(d, DAEMON_EXIT_CONFIG);
			return;
		}
		d->worker_count = i + 1;
		d->metrics.workers[i] = worker_meter(d->workers[i]);
		atomic_store(&d->metrics.worker_count, i + 1);
	}
}

/* The worker tells what becomes of a shard; the control core's own view of it is for debugging. */
static void note(void *context, const char *event, uint32_t shard, int code, uint64_t number)
{
	const bool of_shard = shard != UINT32_MAX;
	char name[64];
	daemon_meter_note(context, event);
	(void)snprintf(name, sizeof name, "%s%s", of_shard ? "control." : "", event);
	struct log_field fields[4];
	uint32_t count = 0;
	if (of_shard)
		fields[count++] = log_num("shard", shard);
	fields[count++] = log_num("number", (int64_t)number);
	enum log_level level = of_shard ? LOG_DEBUG : LOG_INFO;
	if (code != 0) {
		fields[count++] = log_code(code);
		fields[count++] = log_str("meaning", err_text(code));
		level = err_class(code) == ERR_CLASS_FATAL ? LOG_ERROR : LOG_WARN;
	}
	log_write(level, name, fields, count);
}

static void on_hint(void *context)
{
	struct daemon *d = context;
	if (!d->closing)
		control_hint(d->control, os_clock_boot_ns());
}

int daemon_control_open(struct daemon *d)
{
	const struct config *c = d->config;
	const struct control_config config = {
		.cluster = c->cluster_name,
		.node = c->node_id,
		.zone = c->node_zone,
		.weight = c->node_weight,
		.address = c->node_address,
		.version = SAGAD_VERSION,
		.ttl_ms = c->lease_ttl_ms,
		.grace_ms = c->placement_grace_ms,
		.start_unix_ms = os_clock_wall_ms(),
		.no_standby = !c->standby,
		.seed = os_entropy_u64(),
	};
	const struct control_io io = {.request = request,
				      .assign = assign,
				      .release = release,
				      .keep = keep,
				      .fence = fence,
				      .lease_until = lease_until,
				      .cluster = cluster,
				      .note = note,
				      .standby = standby,
				      .context = d};
	const size_t size = control_memory_size();
	d->control_memory = calloc(1, size);
	if (d->control_memory == NULL)
		return SAGA_E_NO_MEMORY;
	int error = control_create(&config, &io, d->control_memory, size, &d->control);
	if (error != 0)
		return error;
	char prefix[128];
	(void)snprintf(prefix, sizeof prefix, "/sagad/%s/", c->cluster_name.text);
	return d->lease->ops->watch(d->lease, slice_str(prefix), on_hint, d);
}

/* ---- what the workers tell
 * --------------------------------------------------------------------------- */

void daemon_on_report(struct daemon *d, const struct worker_report *report)
{
	const uint64_t now_ns = os_clock_boot_ns();
	if (report->kind == WORKER_SHARD) {
		control_report(d->control, now_ns, report->shard, report->state, report->epoch,
			       report->code);
		if (report->state == OWNERSHIP_SERVING && d->admin != NULL)
			admin_note_owner(d->admin, report->shard, report->epoch);
		return;
	}
	if (report->kind == WORKER_STANDBY) {
		control_warm(d->control, now_ns, report->shard, report->warm);
		return;
	}
	d->worker_unhealthy[report->worker] = !report->healthy;
	bool healthy = true;
	for (uint32_t i = 0; i < d->worker_count; i++)
		healthy &= !d->worker_unhealthy[i];
	LOG(healthy ? LOG_INFO : LOG_WARN, healthy ? "node.healthy" : "node.unhealthy",
	    log_num("worker", report->worker));
	control_set_healthy(d->control, now_ns, healthy);
}

/* ---- the broker
 * --------------------------------------------------------------------------------------- */

/* One stream is not what initialisation made. Of a journal that is missing the replay judges, which
 * looks longer (S7); of one that was changed or is not ours a replay might not tell. */
static void on_wrong_stream(void *context, uint32_t shard, int error, const char *text)
{
	struct daemon *d = context;
	const bool is_journal = shard < WIRE_SHARDS_MAX;

	d->wrong_now[shard] = true;
	d->wrong_journals += is_journal;
	d->foreign_commands |= !is_journal && error == SAGA_E_JOURNAL_FOREIGN;
	if (d->stream_errors[shard] == error)
		return; /* as before */
	d->stream_errors[shard] = error;
	LOG(LOG_ERROR,
	    is_journal                 ? "journal.not_verified"
	    : shard == JETSTREAM_INBOX ? "inbox.not_verified"
				       : "commands.not_verified",
	    log_code(error), log_str("text", text));
	if (is_journal && halt_code(d, shard) != 0 && d->worker_count > 0)
		worker_order(worker_of(d, shard), WORKER_HALT, shard, 0, 0, error);
}

static void all_looked_at(struct daemon *d)
{
	bool all_right = true;

	for (uint32_t i = 0; i < DAEMON_STREAMS_MAX; i++) {
		all_right &= !d->wrong_now[i];
		if (!d->wrong_now[i])
			d->stream_errors[i] = 0;
	}
	d->verified = all_right;
	if (all_right)
		LOG(LOG_INFO, "journal.verified", log_num("shards", d->cluster.slots.shard_count));
	/* Not one is ours: the wrong servers, or all is lost. Else the rest is served. */
	if (d->wrong_journals == d->cluster.slots.shard_count || d->foreign_commands)
		daemon_exit(d, DAEMON_EXIT_CLUSTER);
}

static void on_verified(void *context, int error, const char *text)
{
	struct daemon *d = context;
	d->verifying = false;
	if (error == 0) {
		all_looked_at(d);
		return;
	}
	LOG(err_class(error) == ERR_CLASS_RETRY ? LOG_WARN : LOG_ERROR, "journal.not_verified",
	    log_code(error), log_str("text", text == NULL ? "" : text));
	if (err_class(error) != ERR_CLASS_RETRY)
		daemon_exit(d, DAEMON_EXIT_CLUSTER);
}

static void verify(struct daemon *d)
{
	memset(d->wrong_now, 0, sizeof d->wrong_now);
	d->wrong_journals = 0;
	d->foreign_commands = false;
	d->verifying = jetstream_verify(d->transport, &d->jetstream, d->cluster.slots.shard_count,
					on_wrong_stream, on_verified, d) == 0;
	if (!d->verifying)
		LOG(LOG_WARN, "journal.not_verified");
}

void daemon_check_broker(struct daemon *d, uint64_t now_ns)
{
	struct transport_stats stats;
	d->transport->ops->stats(d->transport, &stats);
	if (!stats.connected)
		return;
	if (!d->version_checked && stats.server_version[0] != '\0') {
		d->version_checked = true;
		d->warning = jetstream_version_warning(stats.server_version);
		if (d->warning != NULL)
			LOG(LOG_WARN, "nats.durability", log_str("version", stats.server_version),
			    log_str("text", d->warning));
	}
	if (stats.max_payload > 0 && stats.max_payload < PAYLOAD_MIN) {
		LOG(LOG_ERROR, "nats.max_payload", log_num("bytes", stats.max_payload),
		    log_num("needed", PAYLOAD_MIN));
		daemon_exit(d, DAEMON_EXIT_CONFIG);
		return;
	}
	if (!d->cluster_known || d->verified || d->verifying || now_ns < d->verify_at_ns)
		return;
	d->verify_at_ns = now_ns + VERIFY_RETRY_NS;
	verify(d);
}
