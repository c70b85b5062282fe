#include "node/core_meter.h"

#include <string.h>

#include "node/core_internal.h"

enum {
	SURVEY_BUDGET = 128, /* sagas looked at in one turn: some 50 us */
	SURVEY_PAUSE_MS = 500,
};

void core_meter_init(struct core_meter *meter)
{
	txn_meter_init(&meter->txn);
}

/* ---- totals of engines that come and go --------------------------------------------------------
 */

static void totals_of(const struct txn_stats *stats, uint64_t totals[CORE_METER_TOTALS])
{
	/* Here, of one moment: the difference of two counters that are read apart may go back. */
	totals[CORE_METER_FIRST] =
		stats->commands_total - stats->retries_total - stats->copies_total;
	totals[CORE_METER_RETRIES] = stats->retries_total;
	totals[CORE_METER_COPIES] = stats->copies_total;
	totals[CORE_METER_FALLBACKS] = stats->fallbacks_total;
	totals[CORE_METER_REFUSED] = stats->refused_total;
	totals[CORE_METER_IGNORED] = stats->ignored_total;
	totals[CORE_METER_OBSOLETE] = stats->obsolete_total;
	totals[CORE_METER_LATE] = stats->late_total;
	totals[CORE_METER_CONTRADICTIONS] = stats->contradictions_total;
	totals[CORE_METER_INBOX_TAKEN] = stats->inbox_taken_total;
	totals[CORE_METER_INBOX_REFUSED] = stats->inbox_refused_total;
}

static void add_totals(struct core_meter *meter, uint32_t shard, const struct txn_stats *stats)
{
	uint64_t totals[CORE_METER_TOTALS];

	totals_of(stats, totals);
	for (uint32_t i = 0; i < CORE_METER_TOTALS; i++) {
		CHECK(totals[i] >= meter->seen[shard][i]);
		counter_add(&meter->totals[i], totals[i] - meter->seen[shard][i]);
		meter->seen[shard][i] = totals[i];
	}
}

void core_meter_engine_gone(struct shard *s)
{
	struct core_meter *meter = s->core->config.meter;
	struct txn_stats stats;

	if (meter == NULL || s->engine == NULL)
		return;
	txn_stats(s->engine, &stats);
	add_totals(meter, s->number, &stats);
	memset(meter->seen[s->number], 0, sizeof meter->seen[s->number]);
	if (meter->survey_shard == s->number)
		meter->survey.after = 0;
}

/* ---- what happens ------------------------------------------------------------------------------
 */

void core_meter_appended(const struct shard *s, enum journal_append_status status)
{
	struct core_meter *meter = s->core->config.meter;

	if (meter == NULL)
		return;
	if (status == JOURNAL_STORED) {
		counter_add(&meter->appends[CORE_METER_STORED], 1);
		buckets_record(&meter->append_ms, &bucket_latency_ms,
			       s->core->now.mono_ms - s->append_since_ms);
	} else {
		counter_add(&meter->appends[status == JOURNAL_REFUSED ? CORE_METER_FENCED
								      : CORE_METER_UNKNOWN],
			    1);
	}
}

void core_meter_batch(const struct shard *s, uint32_t records)
{
	if (s->core->config.meter != NULL)
		buckets_record(&s->core->config.meter->batch_records, &bucket_count, records);
}

void core_meter_timers_due(const struct shard *s)
{
	const uint64_t deadline = txn_next_deadline(s->engine);

	if (s->core->config.meter != NULL && deadline <= s->clock.time_ms)
		buckets_record(&s->core->config.meter->timer_lag_ms, &bucket_latency_ms,
			       s->clock.time_ms - deadline);
}

static void count_serving(struct core_meter *meter, const struct core_note *note)
{
	const bool warm = slice_equal(note->text, slice_str("warm"));

	buckets_record(&meter->recovery_ms[warm ? CORE_METER_WARM : CORE_METER_COLD],
		       &bucket_latency_ms, note->duration_ms);
	if (!warm)
		counter_add(&meter->recovery_records, note->records);
}

void core_meter_note(struct core_meter *meter, const struct core_note *note, uint64_t mono_ms)
{
	static const struct {
		const char *event;
		enum ownership state;
	} events[] = {
		{"shard.replaying", OWNERSHIP_REPLAYING}, {"shard.serving", OWNERSHIP_SERVING},
		{"shard.quiescing", OWNERSHIP_QUIESCING}, {"shard.released", OWNERSHIP_RELEASED},
		{"shard.fenced", OWNERSHIP_FENCED},       {"shard.halted", OWNERSHIP_HALTED},
	};
	uint64_t *since = NULL;

	if (note->shard >= WIRE_SHARDS_MAX || strncmp(note->event, "shard.", 6) != 0)
		return;
	for (uint32_t i = 0; i < sizeof events / sizeof events[0]; i++) {
		if (strcmp(note->event, events[i].event) == 0)
			counter_add(&meter->moves[events[i].state], 1);
	}
	since = &meter->releasing_ms[note->shard];
	if (strcmp(note->event, "shard.resuming") == 0)
		counter_add(&meter->resumed, 1);
	else if (strcmp(note->event, "shard.serving") == 0)
		count_serving(meter, note);
	else if (strcmp(note->event, "shard.quiescing") == 0)
		*since = mono_ms;
	else if (strcmp(note->event, "shard.released") == 0 && *since != 0)
		buckets_record(&meter->release_ms, &bucket_latency_ms, mono_ms - *since);
	if (strcmp(note->event, "shard.quiescing") != 0)
		*since = 0;
}

/* ---- what stands there -------------------------------------------------------------------------
 */

static bool is_served(const struct shard *s)
{
	return s->engine != NULL &&
	       (s->state == OWNERSHIP_SERVING || s->state == OWNERSHIP_QUIESCING);
}

static void survey(struct core *core, struct core_meter *meter)
{
	struct shard *s = NULL;

	if (core->now.mono_ms < meter->survey_at_ms)
		return;
	if (meter->survey_shard == 0 && meter->survey.after == 0) {
		txn_survey_begin(&meter->survey);
		meter->survey_at_ms = 0;
	}
	while (meter->survey_shard < core->shard_end && s == NULL) {
		s = core->shards[meter->survey_shard];
		if (s == NULL || !is_served(s)) {
			s = NULL;
			meter->survey.after = 0;
			meter->survey_shard++;
		}
	}
	if (s != NULL) {
		if (txn_survey_step(&meter->survey, s->engine, SURVEY_BUDGET))
			meter->survey_shard++;
		if (meter->survey_shard < core->shard_end)
			return;
	}
	txn_survey_end(&meter->survey, &meter->txn);
	meter->survey_shard = 0;
	meter->survey.after = 0;
	meter->survey_at_ms = core->now.mono_ms + SURVEY_PAUSE_MS;
}

static void collect_core(const struct core *core, struct core_meter *meter)
{
	const struct core_stats *stats = &core->stats;

	counter_set(&meter->messages_sent, stats->messages_sent);
	counter_set(&meter->messages_dropped, stats->messages_dropped);
	counter_set(&meter->messages_refused, stats->refused_messages);
	counter_set(&meter->busy, stats->busy_total - stats->shed_total);
	counter_set(&meter->shed, stats->shed_total);
	counter_set(&meter->deferred, stats->replies_deferred);
	counter_set(&meter->submits_passed_on, stats->submits_passed_on);
	counter_set(&meter->batch_bytes, stats->batch_bytes);
	counter_set(&meter->stuck, core->health.ill);

	struct core_stats standby = {0};
	core_standby_stats(core, &standby);
	counter_set(&meter->standbys, standby.standbys);
	counter_set(&meter->standbys_warm, standby.standbys_warm);
	counter_set(&meter->standby_lag_batches, standby.standby_lag_batches);
	counter_set(&meter->standby_drops, stats->standby_drops_total);
}

void core_meter_collect(struct core *core, struct core_time now)
{
	struct core_meter *meter = core->config.meter;
	uint64_t states[OWNERSHIP_STATES] = {0};
	struct txn_stats sum = {0};
	uint64_t outbox = 0;

	core->now = now;
	for (uint32_t n = 0; n < core->shard_end; n++) {
		const struct shard *s = core->shards[n];
		struct txn_stats stats;

		if (s == NULL)
			continue;
		states[s->state]++;
		outbox += outbox_size(&s->outbox);
		if (!is_served(s))
			continue;
		txn_stats(s->engine, &stats);
		add_totals(meter, n, &stats);
		sum.open += stats.open;
		sum.parked += stats.parked;
		sum.remembered += stats.remembered;
		sum.waiters += stats.waiters;
		sum.payload_used += stats.payload_used;
		sum.timers += stats.timers;
	}
	for (uint32_t i = 0; i < OWNERSHIP_STATES; i++)
		counter_set(&meter->shards[i], states[i]);
	counter_set(&meter->open, sum.open);
	counter_set(&meter->parked, sum.parked);
	counter_set(&meter->remembered, sum.remembered);
	counter_set(&meter->waiters, sum.waiters);
	counter_set(&meter->payload, sum.payload_used);
	counter_set(&meter->timers, sum.timers);
	counter_set(&meter->outbox_bytes, outbox);
	collect_core(core, meter);
	survey(core, meter);
}
