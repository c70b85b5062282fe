/* Taking a shard over: replay to the end, put our epoch there, serve (S7, S22).
 *
 *   read ------end-----> append EPOCH fenced at the end --stored--> serving
 *     ^                     |-- refused: somebody wrote; read on, try again (5 times)
 *     |                     '-- then unfenced: wherever it lands, read on until it is seen
 *     '-- any trouble: read on from where we are
 *
 * A gap means that the row of segments (S17) begins behind it: what stands in front of the oldest
 * one may have come back in a crash of the broker, or is retired while we read. So the replay
 * begins anew with the first segment behind it, and the fold says in the end whether that was early
 * enough. When it was not, something is missing, and the shard halts.
 *
 * What a standby has read already (S29) is not read again but for its last batch, which must still
 * be there with the same bytes; any trouble with that, and the journal is read from its begin.
 */
#include "node/core_internal.h"
#include "wire/record.h"

/* Each replay holds some MiB on their way to us; more at once would only be dropped and read again.
 */
static bool may_read(const struct core *core)
{
	uint32_t open = 0;
	for (uint32_t n = 0; n < core->shard_end; n++)
		open += core->shards[n] != NULL && core->shards[n]->read_token != 0;
	return open < CORE_READS_MAX;
}

static uint64_t next_to_read(const struct shard *s)
{
	if (s->reader.sequence == 0)
		return (s->replay_from == 0 ? 1 : s->replay_from) | JOURNAL_ANYWHERE;
	return s->reader.sequence + (s->unverified ? 0 : 1);
}

static void read_on(struct shard *s)
{
	struct core *core = s->core;
	if (!may_read(core)) {
		s->retry_at_ms = core->now.mono_ms;
		return;
	}
	s->retry_at_ms = 0;
	s->passed_over = false;
	s->read_token = core_token(core);
	const int error = core->journal->ops->read(core->journal, s->number, next_to_read(s),
						   UINT64_MAX, s->read_token);
	if (error != 0) {
		s->read_token = 0;
		s->retry_at_ms = core->now.mono_ms + CORE_RETRY_MS;
	}
}

void core_acquire_start(struct shard *s)
{
	if (s->reader.sequence == 0)
		reader_init(&s->reader, &s->core->config.cluster, s->number);
	s->cached = s->unverified = s->reader.sequence > 0;
	s->replay_since_ms = s->core->now.mono_ms;
	s->replay_heard_ms = s->core->now.mono_ms;
	core_note_event(s, s->cached ? "shard.resuming" : "shard.replaying", 0);
	if (s->cached)
		s->core->io.point(s->core->io.context, "resuming");
	read_on(s);
}

/* Forgets all that was read. False: memory was short, and the shard is gone. */
static bool forget_replay(struct shard *s)
{
	struct core *core = s->core;
	core->journal->ops->cancel(core->journal, s->read_token);
	s->read_token = 0;
	if (!core_engine_renew(s)) {
		core_lose(s, SAGA_E_NO_MEMORY);
		return false;
	}
	reader_init(&s->reader, &core->config.cluster, s->number);
	buf_clear(&s->index);
	s->index_step = CORE_INDEX_STEP;
	s->segments = (struct shard_segments){0};
	s->mark_checked = false;
	s->replay_from = 0;
	return true;
}

/* Nothing is wrong with the shard yet: only the cache is of no use. */
static void start_over(struct shard *s, int why)
{
	s->core->stats.standby_drops_total++;
	core_note_event(s, "standby.dropped", why);
	if (!forget_replay(s))
		return;
	s->epoch_tries = 0;
	core_acquire_start(s);
}

/* S17: restart the read, then halt. */
static void start_behind_gap(struct shard *s)
{
	const uint64_t behind = s->reader.sequence > 0 ? s->reader.sequence + 1 : s->replay_from;
	core_note_event(s, "shard.replaying_behind_gap", SAGA_E_JOURNAL_GAP);
	if (!forget_replay(s))
		return;
	s->replay_from = behind;
	s->behind_gap = true;
	read_on(s);
}

void core_acquire_due(struct shard *s)
{
	if (s->retry_at_ms != 0 && s->core->now.mono_ms >= s->retry_at_ms)
		read_on(s);
}

static bool doubtful(int error)
{
	return error == SAGA_E_JOURNAL_SHORT || error == SAGA_E_JOURNAL_GAP ||
	       error == SAGA_E_JOURNAL_MISSING;
}

static void forget_doubt(struct shard *s)
{
	s->doubt_ms = 0;
	s->doubt_at_ms = 0;
}

/* Counts only time between two bad looks in a row: an outage, or a pause of ours, between two
 * servers that lead no more proves nothing. */
static void doubt(struct shard *s, uint64_t now_ms)
{
	if (s->doubt_at_ms != 0)
		s->doubt_ms += now_ms - s->doubt_at_ms < CORE_DOUBT_STEP_MS
				       ? now_ms - s->doubt_at_ms
				       : CORE_DOUBT_STEP_MS;
	s->doubt_at_ms = now_ms;
}

/* What a read says of the end is a hint: a server that leads no more may know less. It halts the
 * shard when it stays that way (S7, S17); damage that was read halts at once. */
static void read_failed(struct shard *s, int error)
{
	const uint64_t now_ms = s->core->now.mono_ms;
	if (s->cached && (doubtful(error) || err_class(error) != ERR_CLASS_RETRY)) {
		start_over(s, error);
		return;
	}
	/* What was sent unfenced outlives its segment, and may stand alone in front of the row. */
	if (error == SAGA_E_JOURNAL_GAP && (s->reader.sequence > 0 || s->passed_over)) {
		start_behind_gap(s);
		return;
	}
	if (doubtful(error)) {
		if (s->behind_gap && !forget_replay(s)) /* nor is it behind the gap */
			return;
		if (s->reader.sequence == 0)
			s->replay_from = 0;
		doubt(s, now_ms);
		if (s->doubt_ms >= CORE_DOUBT_MS) {
			core_halt(s, error == SAGA_E_JOURNAL_GAP ? SAGA_E_JOURNAL_CORRUPT : error);
			return;
		}
	} else if (err_class(error) != ERR_CLASS_RETRY) {
		core_halt(s, error);
		return;
	} else {
		s->doubt_at_ms = 0; /* nobody was asked */
	}
	s->retry_at_ms = now_ms + CORE_RETRY_MS;
}

/* ---- the replay ------------------------------------------------------------------------------ */

static int check_stamp(const struct shard *s, uint32_t shard_count, const struct hash128 *stamp)
{
	const struct wire_slots *config = s->core->config.slots;
	const struct hash128 slots = wire_slots_hash(config);
	if (shard_count != config->shard_count || !hash128_equal(stamp, &slots))
		return SAGA_E_CLUSTER_MISMATCH; /* the journal's stamp outranks etcd (S11) */
	return 0;
}

static int check_genesis(struct shard *s, struct slice record)
{
	struct wire_record_genesis genesis;
	struct core *core = s->core;
	arena_reset(&core->decode);
	/* The reader has looked at it, but knows nothing of slots. */
	CHECK_EQ(wire_decode(WIRE_RECORD_GENESIS, record, &core->decode, &genesis, NULL), 0);
	CHECK_EQ(genesis.shard, s->number);
	return check_stamp(s, genesis.shard_count, &genesis.slots);
}

static int check_segment(struct shard *s, struct slice record)
{
	struct wire_record_segment segment;
	struct core *core = s->core;
	arena_reset(&core->decode);
	/* In the middle of a journal nobody has looked at it yet. */
	const int error = wire_decode(WIRE_RECORD_SEGMENT, record, &core->decode, &segment, NULL);
	return error != 0 ? error : check_stamp(s, segment.shard_count, &segment.slots);
}

static int replay_record(void *context, struct slice record, uint64_t number, uint64_t shard_time)
{
	struct shard *s = context;
	enum wire_kind kind;
	int error = wire_peek_kind(record, &kind);
	if (error == 0 && kind == WIRE_RECORD_GENESIS)
		error = check_genesis(s, record);
	else if (error == 0 && kind == WIRE_RECORD_SEGMENT)
		error = check_segment(s, record);
	return error != 0 ? error : txn_apply(s->engine, record, number, shard_time);
}

/* The high-water of S7: what we have seen once must still be there, byte for byte. */
static int check_mark(struct shard *s, uint64_t sequence, struct slice bytes)
{
	if (sequence != s->mark.sequence)
		return 0;
	const struct hash128 hash = batch_hash(bytes);
	if (!hash128_equal(&hash, &s->mark.hash))
		return SAGA_E_JOURNAL_CORRUPT;
	s->mark_checked = true;
	return 0;
}

int core_acquire_fold(struct shard *s, uint64_t sequence, struct slice bytes)
{
	int error = check_mark(s, sequence, bytes);
	if (error == 0)
		error = reader_take(&s->reader, sequence, bytes, replay_record, s);
	if (error == 0 && s->reader.sequence == sequence) {
		core_segments_fold(s, bytes.size);
		core_index_add(s, s->reader.batch_record, sequence);
	} else if (error == 0 && s->reader.sequence == 0) {
		s->passed_over = true;
		s->replay_from = sequence + 1;
	}
	return error;
}

/* The last batch that the standby has taken (S29). */
static int verify(struct shard *s, uint64_t sequence, struct slice bytes)
{
	const struct hash128 hash = batch_hash(bytes);
	if (sequence != s->reader.sequence || !hash128_equal(&hash, &s->reader.hash))
		return SAGA_E_JOURNAL_CORRUPT;
	s->unverified = false;
	return 0;
}

void core_acquire_batch(struct shard *s, uint64_t sequence, struct slice bytes)
{
	CHECK_EQ(s->state, OWNERSHIP_REPLAYING); /* a read that is given up has no token any more */
	const int error =
		s->unverified ? verify(s, sequence, bytes) : core_acquire_fold(s, sequence, bytes);
	if (error == 0) {
		/* A gap may be met again and again, and so may what was passed over. */
		if (!s->behind_gap && s->reader.sequence > 0)
			forget_doubt(s);
		core_health_progress(s);
		return;
	}
	s->core->journal->ops->cancel(s->core->journal, s->read_token);
	s->read_token = 0;
	if (s->cached)
		start_over(s, error);
	else if (error == SAGA_E_NO_MEMORY)
		core_lose(s, error); /* nothing is wrong with the journal: let another node try */
	else
		read_failed(s, error);
}

/* ---- the epoch --------------------------------------------------------------------------------
 */

static int put_epoch_record(struct shard *s)
{
	const struct wire_record_epoch record = {
		.epoch = s->epoch,
		.node = id_slice(&s->core->config.node),
		.nonce = s->nonce,
		.format = BATCH_FORMAT,
		.unix_ms = s->core->now.wall_ms,
	};
	buf_clear(&s->records);
	s->record_count = 1;
	return wire_encode(WIRE_RECORD_EPOCH, &record, &s->records);
}

static struct batch_header epoch_header(const struct shard *s)
{
	return (struct batch_header){
		.shard = s->number,
		.record_count = 1,
		.epoch = s->epoch,
		.nonce = s->nonce,
		.shard_time = s->clock.time_ms,
		.cluster = s->core->config.cluster,
	};
}

static void propose_fenced(struct shard *s)
{
	const struct batch_header header = epoch_header(s);
	appender_start(&s->appender, s->reader.sequence, &s->reader.hash, s->reader.next_record);
	CHECK_EQ(appender_begin(&s->appender, &header, buf_slice(&s->records), 1), 0);
	s->append_place = core_segments_place(s);
	s->epoch_in_flight = true;
	core_append_act(s, APPENDER_SEND);
}

/* A stale owner keeps winning the race for the end: land anywhere and replay through what it wrote
 * meanwhile; from our record on, its batches are skipped by every reader (S22). */
static void propose_unfenced(struct shard *s)
{
	struct core *core = s->core;
	const struct batch_header header = epoch_header(s);
	buf_clear(&core->scratch);
	CHECK_EQ(batch_encode(&header, buf_slice(&s->records), &core->scratch), 0);
	s->epoch_unfenced = true;
	s->append_token = core_token(core);
	core_note_event(s, "shard.epoch_unfenced", 0);
	const int error = core->journal->ops->append(core->journal, s->number, JOURNAL_UNFENCED,
						     (struct journal_place){0},
						     buf_slice(&core->scratch), s->append_token);
	if (error != 0)
		core_acquire_unfenced_done(s);
}

static void propose_epoch(struct shard *s)
{
	struct core *core = s->core;
	if (!core->io.may_emit(core->io.context, s->lease_generation))
		return; /* the control core is about to fence us */
	s->epoch = s->revision > s->reader.epoch ? s->revision : s->reader.epoch + 1;
	const bool untouched = s->reader.epoch == 0;
	shard_clock_start(&s->clock, s->reader.shard_time, untouched ? core->now.wall_ms : 0,
			  core->now);
	CHECK_EQ(put_epoch_record(s), 0);
	if (s->epoch_tries < CORE_EPOCH_TRIES)
		propose_fenced(s);
	else
		propose_unfenced(s);
}

void core_acquire_read_end(struct shard *s, int error)
{
	CHECK_EQ(s->state, OWNERSHIP_REPLAYING);
	if (error == 0 && s->unverified)
		error = SAGA_E_JOURNAL_SHORT;
	if (error == 0 && !s->reader.has_genesis)
		error = s->behind_gap ? SAGA_E_JOURNAL_GAP : SAGA_E_JOURNAL_MISSING;
	/* What was seen last may have been retired since. */
	if (error == 0 && s->mark.sequence >= s->reader.first && s->mark.sequence > 0 &&
	    !s->mark_checked)
		error = SAGA_E_JOURNAL_SHORT;
	if (error == 0 && !txn_replay(s->engine).complete)
		error = SAGA_E_JOURNAL_GAP; /* what was carried from before is not all there */
	const bool landed = error == 0 && s->epoch_unfenced && s->reader.epoch == s->epoch &&
			    s->reader.nonce == s->nonce;
	s->epoch_unfenced = false;
	if (landed) {
		/* What landed before it may be of a later shard time. */
		if (s->clock.time_ms < s->reader.shard_time)
			s->clock.time_ms = s->reader.shard_time;
		appender_start(&s->appender, s->reader.sequence, &s->reader.hash,
			       s->reader.next_record);
		core_serve_begin(s);
		return;
	}
	if (error != 0) {
		read_failed(s, error);
		return;
	}
	forget_doubt(s);
	core_health_progress(s);
	propose_epoch(s);
}

/* Our fenced EPOCH batch stands at the end of the journal. */
void core_acquire_epoch_durable(struct shard *s)
{
	s->epoch_in_flight = false;
	const int error = txn_apply(s->engine, buf_slice(&s->records), s->reader.next_record,
				    s->clock.time_ms);
	CHECK_EQ(error, 0);
	core_index_add(s, s->reader.next_record, appender_sequence(&s->appender));
	core_serve_begin(s);
}

void core_acquire_epoch_lost(struct shard *s)
{
	s->epoch_in_flight = false;
	s->epoch_tries++;
	buf_clear(&s->records);
	s->record_count = 0;
	if (s->cached && s->epoch_tries == CORE_EPOCH_TRIES)
		start_over(s, SAGA_E_FENCED); /* is it where we think that the journal ends? */
	else
		read_on(s);
}

/* Stored or not, or unknown: reading on tells. */
void core_acquire_unfenced_done(struct shard *s)
{
	s->append_token = 0;
	buf_clear(&s->records);
	s->record_count = 0;
	s->retry_at_ms = s->core->now.mono_ms + CORE_RETRY_MS;
}
