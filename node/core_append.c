/* Batches: one in flight a shard, the next gathers (N2). */
#include "node/core_internal.h"

static void send_batch(struct shard *s)
{
	struct core *core = s->core;
	s->append_sends++;
	s->append_token = core_token(core);
	const int error = core->journal->ops->append(core->journal, s->number, s->appender.expected,
						     s->append_place, appender_bytes(&s->appender),
						     s->append_token);
	if (error != 0)
		core_append_act(
			s, appender_appended(&s->appender, JOURNAL_UNKNOWN, 0, core->now.mono_ms));
}

/* Reads the one position whose outcome is unknown (S6). */
static void send_settle(struct shard *s)
{
	struct core *core = s->core;
	const uint64_t at = s->appender.expected + 1;
	s->settle_token = core_token(core);
	const int error =
		core->journal->ops->read(core->journal, s->number, at, at, s->settle_token);
	if (error != 0)
		core_append_act(s, appender_read_end(&s->appender, error, core->now.mono_ms));
}

/* Once nobody knew whether it was stored; now everybody does (S6). */
static void note_settled(const struct shard *s)
{
	const struct core_note note = {
		.event = "journal.append_settled",
		.shard = s->number,
		.epoch = s->epoch,
		.sends = s->append_sends,
		.duration_ms = s->core->now.mono_ms - s->append_since_ms,
	};
	s->core->io.note(s->core->io.context, &note);
}

static void batch_durable(struct shard *s)
{
	s->durable_record = appender_last_record(&s->appender);
	s->mark = (struct highwater){
		.epoch = s->epoch,
		.sequence = appender_sequence(&s->appender),
		.hash = s->appender.hash,
	};
	s->mark_dirty = true;
	if (s->epoch_in_flight) {
		core_acquire_epoch_durable(s);
		return;
	}
	core_index_add(s, s->appender.header.first_record, s->mark.sequence);
	core_segments_durable(s, s->appender.header.first_record,
			      appender_durable_bytes(&s->appender).size);
	core_archive_durable(s, s->mark.sequence, appender_durable_bytes(&s->appender));
	s->core->io.point(s->core->io.context, "after_append");
}

void core_append_act(struct shard *s, enum appender_act act)
{
	switch (act) {
	case APPENDER_NOTHING:
		break;
	case APPENDER_SEND:
		s->append_since_ms =
			s->append_since_ms == 0 ? s->core->now.mono_ms : s->append_since_ms;
		send_batch(s);
		break;
	case APPENDER_READ:
		send_settle(s);
		break;
	case APPENDER_DURABLE:
		if (s->append_sends > 1)
			note_settled(s);
		s->append_since_ms = 0;
		s->append_sends = 0;
		core_health_progress(s);
		batch_durable(s);
		break;
	case APPENDER_LOST:
		s->append_since_ms = 0;
		s->append_sends = 0;
		if (s->epoch_in_flight)
			core_acquire_epoch_lost(s);
		else
			core_lose(s, SAGA_E_FENCED);
		break;
	}
}

void core_append_due(struct shard *s)
{
	struct core *core = s->core;
	if (!core->io.may_emit(core->io.context, s->lease_generation))
		return; /* S28: not even what was sent before */
	core_append_act(s, appender_due(&s->appender, core->now.mono_ms));
}

void core_append_flush(struct shard *s)
{
	struct core *core = s->core;
	if (s->record_count == 0 || !appender_idle(&s->appender))
		return;
	if (!core->io.may_emit(core->io.context, s->lease_generation))
		return;
	(void)core_archive_mark(s);
	const struct batch_header header = {
		.shard = s->number,
		.epoch = s->epoch,
		.nonce = s->nonce,
		.shard_time = s->clock.time_ms,
		.cluster = core->config.cluster,
	};
	CHECK_EQ(appender_begin(&s->appender, &header, buf_slice(&s->records), s->record_count), 0);
	s->append_place = core_segments_place(s);
	core->stats.batches++;
	core->stats.batch_records += s->record_count;
	core->stats.batch_bytes += s->records.size;
	core_meter_batch(s, s->record_count);
	buf_clear(&s->records);
	s->records.max = CORE_RECORDS_MAX;
	s->record_count = 0;
	core->io.point(core->io.context, "before_append");
	core_append_act(s, APPENDER_SEND);
	core_segments_turn(s);
}
