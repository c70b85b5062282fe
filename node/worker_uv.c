#include "node/worker_uv.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/os_clock.h"
#include "base/os_entropy.h"
#include "base/os_log.h"
#include "journal/inbox.h"
#include "journal/jetstream.h"
#include "node/core.h"
#include "node/core_meter.h"
#include "node/crash_point.h"
#include "node/mailbox_uv.h"
#include "transport/nats.h"
#include "wire/subject.h"

enum {
	TURN_MS = 10,        /* timers are late by at most this much */
	UNHEALTHY_MS = 5000, /* without journal or transport: others may take over (S21) */
	REFUSALS_MS = 10000, /* at most one line about refused messages in so long */
	REFUSAL_KINDS = 7,
	MAILBOX_ITEMS = 1024,
};

struct order {
	enum worker_order kind;
	uint32_t shard;
	uint64_t revision;
	uint64_t lease_generation;
	int code;
};

struct worker {
	struct worker_config config;
	uv_thread_t thread;
	uv_loop_t loop;
	uv_timer_t timer;
	struct mailbox mailbox;
	struct transport *transport;
	struct journal *journal;
	struct inbox *inbox;
	struct archive *archive;
	struct core *core;
	struct crash_point crash;
	struct core_meter *meter;
	uint64_t timer_ms;        /* when the timer went off last */
	uint64_t disconnected_ms; /* since when; 0 = connected */
	bool healthy;
	bool stopping;
	uint64_t refusals[REFUSAL_KINDS]; /* as told last */
	uint64_t refusals_at_ms;          /* not told again before */
	bool emitting; /* something waits for the socket that only an owner may say */
	uint64_t emitting_generation; /* of its lease */

	/* High-waters waiting for the file writer, one job at a time so that none overtakes. */
	struct highwater marks[WIRE_SHARDS_MAX];
	bool mark_waits[WIRE_SHARDS_MAX];
	struct highwater job_marks[WIRE_SHARDS_MAX];
	bool job_has[WIRE_SHARDS_MAX];
	uv_work_t job;
	bool job_runs;

	/* Start-up hand-shake with the control thread. */
	uv_sem_t started;
	int start_error;
	char why[256];
};

static struct core_time now(void)
{
	return (struct core_time){.mono_ms = os_clock_mono_ns() / 1000000,
				  .wall_ms = os_clock_wall_ms()};
}

/* ---- what the core asks of us -----------------------------------------------------------------
 */

static bool may_emit(void *context, uint64_t lease_generation)
{
	struct worker *w = context;
	if (!lease_clock_valid(w->config.lease, lease_generation, os_clock_boot_ns()))
		return false;
	w->emitting = true;
	w->emitting_generation = lease_generation;
	return true;
}

/* What was published leaves at the end of the turn: the lease must be good then as well (S28). */
static bool may_leave(void *context)
{
	struct worker *w = context;
	return !w->emitting ||
	       lease_clock_valid(w->config.lease, w->emitting_generation, os_clock_boot_ns());
}

static void all_left(void *context)
{
	struct worker *w = context;
	w->emitting = false;
}

static void report(void *context, uint32_t shard, enum ownership state, uint64_t epoch, int code)
{
	struct worker *w = context;
	const struct worker_report r = {
		.kind = WORKER_SHARD,
		.worker = w->config.index,
		.shard = shard,
		.state = state,
		.epoch = epoch,
		.code = code,
	};
	w->config.report(w->config.report_context, &r);
}

static void standby(void *context, uint32_t shard, bool warm)
{
	struct worker *w = context;
	const struct worker_report r = {
		.kind = WORKER_STANDBY, .worker = w->config.index, .shard = shard, .warm = warm};
	w->config.report(w->config.report_context, &r);
}

static void *reserve(void *context, size_t size)
{
	(void)context;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

static void release(void *context, void *memory, size_t size)
{
	(void)context;
	CHECK_EQ(munmap(memory, size), 0);
}

/* Only what there is: most notes have two or three members. */
static uint32_t note_fields(const struct core_note *n, struct log_field *fields)
{
	uint32_t count = 0;
	if (n->shard != CORE_NO_SHARD)
		fields[count++] = log_num("shard", n->shard);
	if (n->epoch != 0)
		fields[count++] = log_num("epoch", (int64_t)n->epoch);
	if (n->saga.size != 0)
		fields[count++] = log_slice("saga", n->saga);
	if (n->step.size != 0)
		fields[count++] = log_slice("step", n->step);
	if (n->attempt != 0)
		fields[count++] = log_num("attempt", n->attempt);
	if (n->records != 0) {
		fields[count++] = log_num("replayed_records", (int64_t)n->records);
		fields[count++] = log_num("replay_ms", (int64_t)n->duration_ms);
	}
	if (n->sends != 0) {
		fields[count++] = log_num("sends", n->sends);
		fields[count++] = log_num("open_ms", (int64_t)n->duration_ms);
	}
	if (n->code != 0) {
		fields[count++] = log_code(n->code);
		fields[count++] = log_str("meaning", err_text(n->code));
	}
	if (n->text.size != 0)
		fields[count++] = log_slice("text", n->text);
	return count;
}

static void note(void *context, const struct core_note *n)
{
	struct log_field fields[16];
	enum log_level level = n->debug ? LOG_DEBUG : LOG_INFO;
	struct worker *w = context;
	core_meter_note(w->meter, n, now().mono_ms);
	if (err_class(n->code) == ERR_CLASS_FATAL)
		level = LOG_ERROR;
	else if (n->code != 0)
		level = LOG_WARN;
	log_write(level, n->event, fields, note_fields(n, fields));
}

static void point(void *context, const char *name)
{
	struct worker *w = context;
	crash_point_reached(&w->crash, name);
}

/* ---- high-water files (S7): fsync belongs on another thread -------------------------------------
 */

static void store_marks(struct worker *w, const struct highwater *marks, const bool *has)
{
	for (uint32_t n = 0; n < WIRE_SHARDS_MAX; n++) {
		if (!has[n])
			continue;
		const int error = highwater_store(w->config.config->data_dir,
						  &w->config.cluster->cluster, n, &marks[n]);
		if (error != 0)
			LOG(LOG_ERROR, "highwater.not_stored", log_num("shard", n),
			    log_code(error));
	}
}

static void job_run(uv_work_t *job)
{
	struct worker *w = job->data;
	store_marks(w, w->job_marks, w->job_has);
}

static void job_start(struct worker *w);

static void job_done(uv_work_t *job, int status)
{
	struct worker *w = job->data;
	(void)status;
	w->job_runs = false;
	job_start(w);
}

static void job_start(struct worker *w)
{
	bool any = false;
	if (w->job_runs || w->stopping)
		return;
	for (uint32_t n = 0; n < WIRE_SHARDS_MAX; n++) {
		w->job_has[n] = w->mark_waits[n];
		w->job_marks[n] = w->marks[n];
		w->mark_waits[n] = false;
		any |= w->job_has[n];
	}
	if (!any)
		return;
	w->job.data = w;
	w->job_runs = uv_queue_work(&w->loop, &w->job, job_run, job_done) == 0;
}

static void highwater(void *context, uint32_t shard, const struct highwater *mark)
{
	struct worker *w = context;
	w->marks[shard] = *mark;
	w->mark_waits[shard] = true;
	job_start(w);
}

/* ---- the loop
 * ------------------------------------------------------------------------------------ */

static void check_health(struct worker *w, struct core_time at, const struct core_stats *stats)
{
	const bool cut = w->disconnected_ms != 0 && at.mono_ms - w->disconnected_ms > UNHEALTHY_MS;
	const bool healthy = !cut && !stats->journal_stuck;
	if (healthy == w->healthy)
		return;
	w->healthy = healthy;
	const struct worker_report r = {
		.kind = WORKER_HEALTH, .worker = w->config.index, .healthy = healthy};
	w->config.report(w->config.report_context, &r);
}

/* What is refused or dropped leaves no other trace here: bytes of strangers are never logged, and
 * nobody can make us write faster than this. Totals of the shards that this worker has now. */
static void tell_refusals(struct worker *w, struct core_time at, const struct core_stats *stats)
{
	const uint64_t totals[REFUSAL_KINDS] = {
		stats->refused_messages,        stats->txn.refused_total,
		stats->txn.ignored_total,       stats->txn.obsolete_total,
		stats->txn.late_total,          stats->txn.contradictions_total,
		stats->txn.inbox_refused_total,
	};
	if (at.mono_ms < w->refusals_at_ms || memcmp(totals, w->refusals, sizeof totals) == 0)
		return;
	memcpy(w->refusals, totals, sizeof totals);
	w->refusals_at_ms = at.mono_ms + REFUSALS_MS;
	LOG(LOG_INFO, "node.refusals", log_num("malformed", (int64_t)totals[0]),
	    log_num("refused", (int64_t)totals[1]), log_num("ignored_replies", (int64_t)totals[2]),
	    log_num("obsolete_replies", (int64_t)totals[3]),
	    log_num("late_replies", (int64_t)totals[4]),
	    log_num("contradictions", (int64_t)totals[5]),
	    log_num("refused_entries", (int64_t)totals[6]));
}

static void on_wake(void *context)
{
	struct worker *w = context;
	if (w->core != NULL && !w->stopping)
		core_wake(w->core, now());
}

static void on_turn(void *context)
{
	struct worker *w = context;
	if (w->core != NULL && !w->stopping)
		core_turn(w->core, now());
}

/* A turn of our own making must not overtake what has arrived (N6): then the transport's drain ends
 * with a turn anyway. */
static void turn_if_nothing_waits(struct worker *w)
{
	struct transport_stats stats;
	if (w->transport == NULL)
		return;
	w->transport->ops->stats(w->transport, &stats);
	if (stats.queue_depth == 0)
		on_turn(w);
}

static void meter(struct worker *w, struct core_time at)
{
	struct core_meter *m = w->meter;
	struct transport_stats stats;
	const uint64_t lag_ms = at.mono_ms - w->timer_ms;
	buckets_record(&m->loop_lag_ms, &bucket_latency_ms,
		       lag_ms > TURN_MS ? lag_ms - TURN_MS : 0);
	w->timer_ms = at.mono_ms;
	w->transport->ops->stats(w->transport, &stats);
	counter_set(&m->nats_connected, stats.connected);
	counter_set(&m->nats_reconnects, stats.reconnects);
	counter_set(&m->nats_sent, stats.sent_messages);
	counter_set(&m->nats_received, stats.received_messages);
	counter_set(&m->nats_sent_bytes, stats.sent_bytes);
	counter_set(&m->nats_received_bytes, stats.received_bytes);
	counter_set(&m->nats_dropped, stats.dropped_messages);
	counter_set(&m->nats_queue, stats.queue_depth);
	counter_set(&m->nats_requests, stats.requests_open);
	core_meter_collect(w->core, at);
}

static void on_timer(uv_timer_t *timer)
{
	struct worker *w = timer->data;
	health_tick(w->config.health, w->config.loop, os_clock_mono_ns());
	turn_if_nothing_waits(w);
	if (w->core == NULL)
		return;
	const struct core_time at = now();
	struct core_stats stats;
	core_stats(w->core, &stats);
	check_health(w, at, &stats);
	meter(w, at);
	tell_refusals(w, at, &stats);
}

static void on_connection(void *context, bool connected)
{
	struct worker *w = context;
	w->disconnected_ms = connected ? 0 : now().mono_ms;
	health_nats(w->config.health, w->config.loop, connected);
	LOG(connected ? LOG_INFO : LOG_WARN, connected ? "nats.connected" : "nats.disconnected",
	    log_num("worker", w->config.index));
}

static void on_appended(void *context, uint32_t shard, uint64_t token,
			enum journal_append_status status, uint64_t sequence)
{
	struct worker *w = context;
	core_appended(w->core, now(), shard, token, status, sequence);
}

static void on_batch(void *context, uint32_t shard, uint64_t token, uint64_t sequence,
		     struct slice bytes)
{
	struct worker *w = context;
	core_batch(w->core, now(), shard, token, sequence, bytes);
}

static void on_read_end(void *context, uint32_t shard, uint64_t token, int error,
			uint64_t last_sequence)
{
	struct worker *w = context;
	core_read_end(w->core, now(), shard, token, error, last_sequence);
}

static void on_tailed(void *context, uint32_t shard, uint64_t token, uint64_t last_sequence)
{
	struct worker *w = context;
	core_tailed(w->core, now(), shard, token, last_sequence);
}

static void on_inbox_look(void *context, int error, struct slice created, uint64_t last_sequence)
{
	struct worker *w = context;
	core_inbox_looked(w->core, now(), error, created, last_sequence);
}

static void on_history_written(void *context, uint32_t shard, int error)
{
	struct worker *w = context;
	core_history_written(w->core, now(), shard, error);
}

static void on_history_found(void *context, uint32_t shard, int error, struct slice entry)
{
	struct worker *w = context;
	core_history_found(w->core, now(), shard, error, entry);
}

static void on_inbox_read(void *context, uint32_t shard, int error,
			  const struct inbox_message *message)
{
	struct worker *w = context;
	core_inbox_read(w->core, now(), shard, error, message);
}

static int load_mark(const struct worker *w, uint32_t shard, struct highwater *mark)
{
	const int error = highwater_load(w->config.config->data_dir, &w->config.cluster->cluster,
					 shard, mark);
	/* What still waits for the file is newer than the file. */
	if (error == 0 && w->marks[shard].sequence > mark->sequence)
		*mark = w->marks[shard];
	return error;
}

static void stand_by(struct worker *w, const struct order *order)
{
	struct highwater mark;
	/* A mark that cannot be read is told when the shard is assigned: it halts then (S7). */
	if (load_mark(w, order->shard, &mark) == 0)
		core_standby(w->core, now(), order->shard, true, &mark);
}

static void assign(struct worker *w, const struct order *order)
{
	struct highwater mark;
	int error = load_mark(w, order->shard, &mark);
	if (error == 0)
		error = order->code;
	core_assign(w->core, now(), order->shard, order->revision, order->lease_generation, &mark,
		    error);
}

static void on_order(void *context, const void *item)
{
	struct worker *w = context;
	const struct order *order = item;
	switch (order->kind) {
	case WORKER_ASSIGN:
		assign(w, order);
		break;
	case WORKER_RELEASE:
		core_release(w->core, now(), order->shard);
		break;
	case WORKER_KEEP:
		core_keep(w->core, now(), order->shard);
		break;
	case WORKER_FENCE:
		core_fence(w->core, now(), order->shard, SAGA_E_LEASE_LOST);
		break;
	case WORKER_HALT:
		core_halt_shard(w->core, now(), order->shard, order->code);
		break;
	case WORKER_STANDBY_ON:
		stand_by(w, order);
		break;
	case WORKER_STANDBY_OFF:
		core_standby(w->core, now(), order->shard, false, NULL);
		break;
	case WORKER_STOP:
		w->stopping = true;
		uv_stop(&w->loop);
		break;
	}
	turn_if_nothing_waits(w);
}

/* ---- life
 * --------------------------------------------------------------------------------------------- */

static int open_transport(struct worker *w)
{
	const struct nats_hooks hooks = {.turn_begins = on_wake,
					 .turn_done = on_turn,
					 .connection = on_connection,
					 .may_leave = may_leave,
					 .all_left = all_left,
					 .context = w};
	struct nats_config nats;
	config_nats(w->config.config, &nats);
	nats.may_wait = subject_is_request;
	w->disconnected_ms = now().mono_ms;
	return nats_transport_open(&w->loop, &nats, &hooks, &w->transport, w->why);
}

static int open_journal(struct worker *w)
{
	const struct jetstream_config config = {
		.prefix = w->config.config->nats_prefix,
		.stream_prefix = w->config.config->nats_stream_prefix,
		.cluster = w->config.cluster->cluster.text,
		.replicas = w->config.cluster->replicas,
	};
	const struct journal_events events = {.appended = on_appended,
					      .batch = on_batch,
					      .read_end = on_read_end,
					      .tailed = on_tailed,
					      .context = w};
	const struct inbox_events inbox = {
		.looked = on_inbox_look, .read = on_inbox_read, .context = w};
	const struct archive_events archive = {
		.written = on_history_written, .found = on_history_found, .context = w};
	int error = inbox_open(w->transport, &config, &inbox, &w->inbox);
	if (error == 0)
		error = archive_open(w->transport, &config, &archive, &w->archive);
	return error != 0 ? error : jetstream_open(w->transport, &config, &events, &w->journal);
}

static int open_core(struct worker *w)
{
	const struct config *c = w->config.config;
	const struct core_config config = {
		.cluster = w->config.cluster->cluster,
		.node = c->node_id,
		.slots = &w->config.cluster->slots,
		.prefix = c->nats_prefix,
		.inbox_prefixes = c->nats_inbox_prefixes,
		.inbox_prefix_count = c->nats_inbox_prefix_count,
		.limits = config_limits(c),
		.txn = {.retry_window_max_ms = c->retry_window_max_ms,
			.remember_margin_ms = c->remember_margin_ms,
			.parked_retry_ms = c->parked_retry_ms,
			.command_age_ms = c->command_age_ms,
			.command_leave_ms = CORE_COMMAND_LEAVE_MS,
			.deadline_max_ms = c->deadline_max_ms,
			.resend_per_second = c->resend_per_second,
			.resend_after_ms = c->call_resend_ms,
			.meter = &w->meter->txn},
		.inbox = w->inbox,
		.meter = w->meter,
		.archive = w->archive,
		.segment_bytes = c->segment_bytes,
		.seed = os_entropy_u64(),
	};
	const struct core_io io = {.may_emit = may_emit,
				   .report = report,
				   .highwater = highwater,
				   .reserve = reserve,
				   .release = release,
				   .note = note,
				   .standby = standby,
				   .point = point,
				   .context = w};
	w->core = core_create(&config, &io, w->journal, w->transport);
	return w->core == NULL ? SAGA_E_NO_MEMORY : core_listen(w->core);
}

static int open_all(struct worker *w)
{
	int error = mailbox_open(&w->mailbox, &w->loop, sizeof(struct order), MAILBOX_ITEMS,
				 on_order, w);
	if (error == 0)
		error = open_transport(w);
	if (error == 0)
		error = open_journal(w);
	if (error == 0)
		error = open_core(w);
	uv_timer_init(&w->loop, &w->timer);
	w->timer.data = w;
	uv_timer_start(&w->timer, on_timer, TURN_MS, TURN_MS);
	return error;
}

static void close_all(struct worker *w)
{
	w->stopping = true;
	if (w->core != NULL)
		core_destroy(w->core);
	w->core = NULL;
	if (w->journal != NULL)
		w->journal->ops->close(w->journal);
	if (w->inbox != NULL)
		w->inbox->ops->close(w->inbox);
	if (w->archive != NULL)
		w->archive->ops->close(w->archive);
	if (w->transport != NULL)
		w->transport->ops->close(w->transport, true);
	uv_close((uv_handle_t *)&w->timer, NULL);
	mailbox_close(&w->mailbox);
	uv_run(&w->loop, UV_RUN_DEFAULT); /* close callbacks, a running file job */
	store_marks(w, w->marks, w->mark_waits);
	CHECK_EQ(uv_loop_close(&w->loop), 0);
}

/* Signals are the control thread's. With all of them blocked the transport need not do it around
 * each message. Those of a fault of our own stay: a handler may want to report it. */
static void block_signals(void)
{
	static const int own_fault[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
	sigset_t all;
	CHECK_EQ(sigfillset(&all), 0);
	for (uint32_t i = 0; i < sizeof own_fault / sizeof own_fault[0]; i++)
		CHECK_EQ(sigdelset(&all, own_fault[i]), 0);
	CHECK_EQ(pthread_sigmask(SIG_BLOCK, &all, NULL), 0);
}

static void thread_main(void *argument)
{
	struct worker *w = argument;
	block_signals();
	CHECK_EQ(uv_loop_init(&w->loop), 0);
	w->start_error = open_all(w);
	uv_sem_post(&w->started);
	if (w->start_error == 0)
		uv_run(&w->loop, UV_RUN_DEFAULT);
	close_all(w);
}

int worker_start(const struct worker_config *config, struct worker **worker, char why[256])
{
	struct worker *w = calloc(1, sizeof *w);
	if (w == NULL)
		return SAGA_E_NO_MEMORY;
	w->meter = calloc(1, sizeof *w->meter);
	if (w->meter == NULL) {
		free(w);
		return SAGA_E_NO_MEMORY;
	}
	core_meter_init(w->meter);
	w->timer_ms = now().mono_ms;
	w->config = *config;
	w->healthy = true;
	crash_point_arm(&w->crash, config->config->crash_point);
	CHECK_EQ(uv_sem_init(&w->started, 0), 0);
	CHECK_EQ(uv_thread_create(&w->thread, thread_main, w), 0);
	uv_sem_wait(&w->started);
	if (w->start_error == 0) {
		*worker = w;
		return 0;
	}
	const int error = w->start_error;
	uv_thread_join(&w->thread);
	memcpy(why, w->why, sizeof w->why);
	free(w->meter);
	free(w);
	return error;
}

void worker_order(struct worker *w, enum worker_order order, uint32_t shard, uint64_t revision,
		  uint64_t lease_generation, int code)
{
	const struct order item = {
		.kind = order,
		.shard = shard,
		.revision = revision,
		.lease_generation = lease_generation,
		.code = code,
	};
	/* A worker that does not take an order for so long is stuck: a lost release or fence would
	 * leave two owners to the journal's fence alone. */
	CHECK(mailbox_post(&w->mailbox, &item));
}

void worker_stop(struct worker *w)
{
	worker_order(w, WORKER_STOP, 0, 0, 0, 0);
	uv_thread_join(&w->thread);
	uv_sem_destroy(&w->started);
	free(w->meter);
	free(w);
}

const struct core_meter *worker_meter(const struct worker *w)
{
	return w->meter;
}
