/* Life of a worker's shards: orders in, routing, the turn. See core.h for the invariants. */
#include "node/core_internal.h"

static const uint32_t STEP_PADDING = 64;

static size_t aligned(size_t size)
{
	return (size + STEP_PADDING - 1) / STEP_PADDING * STEP_PADDING;
}

struct core *core_create(const struct core_config *config, const struct core_io *io,
			 struct journal *journal, struct transport *transport)
{
	struct core *core = io->reserve(io->context, sizeof *core);
	if (core == NULL)
		return NULL;
	core->config = *config;
	if (core->config.frame_max == 0)
		core->config.frame_max = 32;
	CHECK_LE(core->config.frame_max, WIRE_FRAME_MAX);
	core->io = *io;
	core->journal = journal;
	core->transport = transport;
	core->next_token = 1;
	prng_seed(&core->prng, config->seed);
	buf_init(&core->scratch, WIRE_MESSAGE_SIZE_MAX);
	core->decode_memory = io->reserve(io->context, CORE_DECODE_BYTES + wire_plan_cache_size());
	if (core->decode_memory == NULL) {
		io->release(io->context, core, sizeof *core);
		return NULL;
	}
	arena_init(&core->decode, core->decode_memory, CORE_DECODE_BYTES);
	core->plans = wire_plan_cache_init((uint8_t *)core->decode_memory + CORE_DECODE_BYTES);
	return core;
}

uint64_t core_token(struct core *core)
{
	return core->next_token++;
}

void core_note_event(struct shard *s, const char *event, int code)
{
	const struct core_note note = {
		.event = event, .shard = s->number, .epoch = s->epoch, .code = code};
	s->core->io.note(s->core->io.context, &note);
}

void core_report(struct shard *s, int code)
{
	s->core->io.report(s->core->io.context, s->number, s->state, s->epoch, code);
}

/* ---- memory of a shard -------------------------------------------------------------------- */

/* Requests in flight beside those that wait for an outcome. */
static uint32_t token_count_of(const struct txn_limits *limits)
{
	return limits->waiters_max + 65536;
}

uint64_t core_memory_ceiling(const struct txn_limits *limits)
{
	/* The batch that gathers, the one in flight, and a page of history. */
	const uint64_t records = 3 * (uint64_t)(WIRE_MESSAGE_SIZE_MAX + BATCH_HEADER_SIZE);
	const uint64_t side =
		CORE_COMMANDS_MAX * (sizeof(struct wire_command) + sizeof(struct command_route)) +
		WIRE_HISTORY_MAX * sizeof(struct wire_history_entry) +
		tokens_memory_size(token_count_of(limits)) + CORE_COMMAND_BYTES;
	return sizeof(struct shard) + txn_memory_ceiling(limits) + side + records +
	       2 * (uint64_t)ARCHIVE_ENTRY_MAX + CORE_OUTBOX_MAX +
	       CORE_INDEX_MAX * sizeof(struct index_entry);
}

/* One reservation for everything of fixed size beside the engine. */
static bool side_layout(struct shard *s)
{
	const size_t commands = aligned(CORE_COMMANDS_MAX * sizeof *s->commands);
	const size_t routes = aligned(CORE_COMMANDS_MAX * sizeof *s->command_routes);
	const size_t entries = aligned(WIRE_HISTORY_MAX * sizeof *s->history.entries);
	const uint32_t token_count = token_count_of(&s->core->config.limits);
	const size_t tokens = aligned(tokens_memory_size(token_count));
	s->side_size = commands + routes + entries + tokens + CORE_COMMAND_BYTES;
	s->side_memory = s->core->io.reserve(s->core->io.context, s->side_size);
	if (s->side_memory == NULL)
		return false;
	uint8_t *at = s->side_memory;
	s->commands = (void *)at;
	at += commands;
	s->command_routes = (void *)at;
	at += routes;
	s->history.entries = (void *)at;
	at += entries;
	tokens_init(&s->tokens, at, token_count);
	at += tokens;
	arena_init(&s->command_bytes, at, CORE_COMMAND_BYTES);
	return true;
}

static bool engine_create(struct shard *s)
{
	struct core *core = s->core;
	struct txn_config config = core->config.txn;
	config.shard = s->number;
	config.slots = core->config.slots;
	s->engine_size = txn_memory_size(&core->config.limits);
	s->engine_memory = core->io.reserve(core->io.context, s->engine_size);
	if (s->engine_memory == NULL)
		return false;
	s->engine = txn_create(s->engine_memory, s->engine_size, &core->config.limits, &config);
	return true;
}

static void engine_drop(struct shard *s)
{
	core_meter_engine_gone(s);
	if (s->engine_memory != NULL)
		s->core->io.release(s->core->io.context, s->engine_memory, s->engine_size);
	s->engine_memory = NULL;
	s->engine = NULL;
}

bool core_engine_renew(struct shard *s)
{
	engine_drop(s);
	return engine_create(s);
}

struct shard *core_shard_create(struct core *core, uint32_t number)
{
	struct shard *s = core->io.reserve(core->io.context, sizeof *s);
	if (s == NULL)
		return NULL;
	s->core = core;
	s->number = number;
	buf_init(&s->records, CORE_RECORDS_MAX);
	s->index_step = CORE_INDEX_STEP;
	buf_init(&s->index, CORE_INDEX_MAX * (uint32_t)sizeof(struct index_entry));
	buf_init(&s->history.bytes, CORE_RECORDS_MAX);
	core_archive_init(s);
	outbox_init(&s->outbox, CORE_OUTBOX_MAX);
	appender_init(&s->appender, WIRE_MESSAGE_SIZE_MAX + BATCH_HEADER_SIZE);
	if (side_layout(s) && engine_create(s))
		return s;
	core_shard_destroy(s);
	return NULL;
}

/* Ends everything that could call back, and gives the memory back. */
static void shard_stop(struct shard *s)
{
	struct core *core = s->core;
	core_serve_end(s);
	core_inbox_stop(s);
	core_archive_stop(s);
	core->journal->ops->cancel(core->journal, s->read_token);
	core->journal->ops->cancel(core->journal, s->settle_token);
	core->journal->ops->cancel(core->journal, s->append_token);
	core->journal->ops->cancel(core->journal, s->history.token);
	s->read_token = s->settle_token = s->append_token = 0;
	s->history.active = s->history.finding = false;
	outbox_clear(&s->outbox);
	buf_clear(&s->records);
	s->record_count = 0;
	s->command_count = 0;
	engine_drop(s);
}

void core_shard_destroy(struct shard *s)
{
	struct core *core = s->core;
	shard_stop(s);
	buf_close(&s->records);
	buf_close(&s->index);
	core_archive_close(s);
	buf_close(&s->history.bytes);
	outbox_close(&s->outbox);
	appender_close(&s->appender);
	if (s->side_memory != NULL)
		core->io.release(core->io.context, s->side_memory, s->side_size);
	if (core->shards[s->number] == s)
		core->shards[s->number] = NULL;
	core->io.release(core->io.context, s, sizeof *s);
}

void core_destroy(struct core *core)
{
	for (uint32_t n = 0; n < core->shard_end; n++)
		if (core->shards[n] != NULL)
			core_shard_destroy(core->shards[n]);
	core_standby_stop(core);
	core_unlisten(core);
	core_health_stop(core);
	buf_close(&core->scratch);
	core->io.release(core->io.context, core->decode_memory,
			 CORE_DECODE_BYTES + wire_plan_cache_size());
	core->io.release(core->io.context, core, sizeof *core);
}

/* ---- orders --------------------------------------------------------------------------------- */

void core_lose(struct shard *s, int code)
{
	ownership_move(&s->state, OWNERSHIP_FENCED);
	s->core->stats.fenced++;
	core_note_event(s, "shard.fenced", code);
	core_report(s, code);
	core_shard_destroy(s);
}

/* Who does not listen at that moment misses it: it is said again for as long as it is so. */
static void alert_halted(struct shard *s)
{
	struct core *core = s->core;
	const struct wire_alert alert = {
		.shard = s->number,
		.epoch = s->epoch,
		.code = err_to_wire(s->halt_code),
		.text = slice_str(err_text(s->halt_code)),
	};
	const struct subject subject = subject_alert(core->config.prefix);
	uint64_t pause_ms = CORE_ALERT_RETRY_MS;

	buf_clear(&core->scratch);
	if (wire_encode(WIRE_ALERT, &alert, &core->scratch) == 0 &&
	    core_send_now(s, subject.text, buf_slice(&core->scratch)))
		pause_ms = CORE_ALERT_MS;
	s->alert_at_ms = core->now.mono_ms + pause_ms;
}

void core_halt(struct shard *s, int code)
{
	ownership_move(&s->state, OWNERSHIP_HALTED);
	core_note_event(s, "shard.halted", code);
	core_report(s, code);
	shard_stop(s); /* the shard itself stays, so that it is seen and counted */
	s->halt_code = code;
	alert_halted(s);
}

void core_assign(struct core *core, struct core_time now, uint32_t shard, uint64_t revision,
		 uint64_t lease_generation, const struct highwater *mark, int halt_code)
{
	CHECK_LT(shard, WIRE_SHARDS_MAX);
	core->now = now;
	if (core->shards[shard] != NULL)
		core_shard_destroy(core->shards[shard]);
	struct shard *s = core_standby_take(core, shard, mark);
	if (s == NULL)
		s = core_shard_create(core, shard);
	if (s == NULL) {
		core->io.report(core->io.context, shard, OWNERSHIP_FENCED, 0, SAGA_E_NO_MEMORY);
		return;
	}
	core->shards[shard] = s;
	if (shard >= core->shard_end)
		core->shard_end = shard + 1;
	s->revision = revision;
	s->lease_generation = lease_generation;
	s->nonce = prng_next(&core->prng);
	s->mark = *mark;
	ownership_move(&s->state, OWNERSHIP_ACQUIRING);
	ownership_move(&s->state, OWNERSHIP_REPLAYING);
	if (halt_code != 0)
		core_halt(s, halt_code);
	else
		core_acquire_start(s);
}

void core_release(struct core *core, struct core_time now, uint32_t shard)
{
	struct shard *s = core->shards[shard];
	core->now = now;
	if (s == NULL)
		return;
	if (s->state == OWNERSHIP_SERVING) {
		ownership_move(&s->state, OWNERSHIP_QUIESCING);
		core_note_event(s, "shard.quiescing", 0);
		core->io.point(core->io.context, "quiescing");
	} else if (s->state == OWNERSHIP_REPLAYING) {
		core_lose(s, SAGA_E_NOT_OWNER); /* nothing was promised to anybody yet */
	}
}

void core_keep(struct core *core, struct core_time now, uint32_t shard)
{
	struct shard *s = core->shards[shard];
	core->now = now;
	if (s == NULL || s->state != OWNERSHIP_QUIESCING)
		return;
	ownership_move(&s->state, OWNERSHIP_SERVING);
	core_report(s, 0);
}

void core_fence(struct core *core, struct core_time now, uint32_t shard, int code)
{
	struct shard *s = core->shards[shard];
	core->now = now;
	if (s == NULL) {
		core->io.report(core->io.context, shard, OWNERSHIP_FENCED, 0, code);
		return;
	}
	core_lose(s, code);
}

void core_halt_shard(struct core *core, struct core_time now, uint32_t shard, int code)
{
	struct shard *s = core->shards[shard];
	core->now = now;
	if (s != NULL && s->state != OWNERSHIP_HALTED)
		core_halt(s, code);
}

/* ---- what comes in ----------------------------------------------------------------------------
 */

/* No reply subject is well: nobody is answered then. */
bool core_reply_allowed(const struct core *core, struct slice reply)
{
	return reply.size == 0 || reply_subject_allowed(core->config.inbox_prefixes,
							core->config.inbox_prefix_count, reply);
}

void core_message(struct core *core, struct core_time now, const struct transport_message *message)
{
	uint32_t number;
	enum subject_verb verb;
	struct slice party;
	core->now = now;
	if (message->status != 0) { /* no server has a reason to send one here */
		core->stats.refused_messages++;
		return;
	}
	if (subject_parse_shard(core->config.prefix, message->subject, &number, &verb, &party) !=
		    0 ||
	    number >= WIRE_SHARDS_MAX || !core_reply_allowed(core, message->reply)) {
		core->stats.refused_messages++;
		return;
	}
	if (core->shards[number] == NULL) {
		core->stats.refused_messages++;
		core_submit_moved(core, number, verb, message);
		return;
	}
	core_serve_message(core->shards[number], verb, party, message);
}

void core_appended(struct core *core, struct core_time now, uint32_t shard, uint64_t token,
		   enum journal_append_status status, uint64_t sequence)
{
	struct shard *s = core->shards[shard];
	core->now = now;
	if (s == NULL || token != s->append_token)
		return;
	core_meter_appended(s, status);
	if (s->epoch_unfenced) {
		core_acquire_unfenced_done(s);
		return;
	}
	if (status == JOURNAL_UNKNOWN)
		core->stats.appends_unknown++;
	core_append_act(s, appender_appended(&s->appender, status, sequence, now.mono_ms));
}

void core_batch(struct core *core, struct core_time now, uint32_t shard, uint64_t token,
		uint64_t sequence, struct slice bytes)
{
	struct shard *s = core->shards[shard];
	core->now = now;
	if (token != 0 && token == core->health.probe_token)
		return; /* that there is an answer will do: core_read_end */
	if (core_standby_owns(core, shard, token)) {
		core_standby_batch(core, shard, sequence, bytes);
		return;
	}
	if (s == NULL || token == 0)
		return;
	if (token == s->read_token)
		core_acquire_batch(s, sequence, bytes);
	else if (token == s->settle_token)
		core_append_act(s, appender_read_batch(&s->appender, sequence, bytes));
	else if (token == s->archive.read_token)
		core_archive_batch(s, sequence, bytes);
	else if (s->history.active && token == s->history.token)
		core_history_batch(s, sequence, bytes);
}

void core_read_end(struct core *core, struct core_time now, uint32_t shard, uint64_t token,
		   int error, uint64_t last_sequence)
{
	struct shard *s = core->shards[shard];
	core->now = now;
	if (token != 0 && token == core->health.probe_token) {
		core_health_probed(core, error);
		return;
	}
	if (core_standby_owns(core, shard, token)) {
		core_standby_end(core, shard, error);
		return;
	}
	if (s == NULL || token == 0)
		return;
	if (token == s->read_token) {
		s->read_token = 0;
		/* The log ends before what we have just read of it: it lost its tail (S7). */
		if (error == 0 && last_sequence < s->reader.sequence)
			error = SAGA_E_JOURNAL_SHORT;
		core_acquire_read_end(s, error);
	} else if (token == s->settle_token) {
		s->settle_token = 0;
		/* The position before ours is gone: the broker lost its tail. The replay that
		 * follows meets the high-water and halts (S7). */
		if (error == 0 && last_sequence < s->appender.expected)
			error = SAGA_E_JOURNAL_SHORT;
		core_append_act(s, appender_read_end(&s->appender, error, now.mono_ms));
	} else if (token == s->archive.read_token) {
		core_archive_read_end(s, error);
	} else if (s->history.active && token == s->history.token) {
		core_history_end(s, error);
	}
}

void core_history_written(struct core *core, struct core_time now, uint32_t shard, int error)
{
	struct shard *s = core->shards[shard];
	core->now = now;
	if (s != NULL && s->archive.writing)
		core_archive_written(s, error);
}

void core_history_found(struct core *core, struct core_time now, uint32_t shard, int error,
			struct slice entry)
{
	struct shard *s = core->shards[shard];
	core->now = now;
	if (s != NULL && s->history.active && s->history.finding)
		core_history_entry(s, error, entry);
}

/* ---- the turn -------------------------------------------------------------------------------- */

static void store_mark(struct shard *s, bool at_once)
{
	struct core *core = s->core;
	if (!s->mark_dirty)
		return;
	if (!at_once && core->now.mono_ms - s->mark_stored_ms < CORE_HIGHWATER_MS)
		return;
	core->io.highwater(core->io.context, s->number, &s->mark);
	s->mark_dirty = false;
	s->mark_stored_ms = core->now.mono_ms;
}

void core_clock_run(struct shard *s)
{
	const bool running = s->core->connected && !core_append_stalled(s, CORE_CLOCK_STALL_MS);
	shard_clock_advance(&s->clock, s->core->now.mono_ms, running);
}

void core_wake(struct core *core, struct core_time now)
{
	struct transport_stats transport;
	core->now = now;
	core->transport->ops->stats(core->transport, &transport);
	core->connected = transport.connected;
}

static void turn_serving(struct shard *s)
{
	core_clock_run(s);
	if (s->state == OWNERSHIP_SERVING)
		core_serve_ticks(s);
	core_inbox_turn(s);
	core_frames_seal(s);
	core_append_flush(s);
	core_send_flush(s);
	core_archive_turn(s);
	store_mark(s, false);
}

static bool drained(const struct shard *s)
{
	return appender_idle(&s->appender) && s->record_count == 0 && s->outbox.count == 0;
}

static void turn_shard(struct shard *s)
{
	if (s->state == OWNERSHIP_REPLAYING) {
		core_append_due(s);
		core_acquire_due(s);
		return;
	}
	if (s->state == OWNERSHIP_HALTED && s->core->now.mono_ms >= s->alert_at_ms)
		alert_halted(s);
	if (s->state != OWNERSHIP_SERVING && s->state != OWNERSHIP_QUIESCING)
		return;
	core_append_due(s);
	turn_serving(s);
	if (s->state != OWNERSHIP_QUIESCING)
		return;
	if (core_append_stalled(s, CORE_STUCK_MS)) {
		core_lose(s, SAGA_E_UNKNOWN); /* the next owner's epoch settles it */
	} else if (drained(s)) {
		store_mark(s, true);
		core_serve_moved(s);
		ownership_move(&s->state, OWNERSHIP_RELEASED);
		core_note_event(s, "shard.released", 0);
		core_report(s, 0);
		core_shard_destroy(s);
	}
}

void core_turn(struct core *core, struct core_time now)
{
	core_wake(core, now);
	core->passed_bytes = 0;
	core_health_turn(core);
	core_inbox_look(core);
	core_standby_turn(core);
	for (uint32_t n = 0; n < core->shard_end; n++)
		if (core->shards[n] != NULL)
			turn_shard(core->shards[n]);
	core_load_note(core);
}

static void stats_add(struct txn_stats *sum, const struct txn_stats *one)
{
	sum->open += one->open;
	sum->parked += one->parked;
	sum->remembered += one->remembered;
	sum->waiters += one->waiters;
	sum->payload_used += one->payload_used;
	sum->accepted_total += one->accepted_total;
	sum->completed_total += one->completed_total;
	sum->compensated_total += one->compensated_total;
	sum->commands_total += one->commands_total;
	sum->retries_total += one->retries_total;
	sum->timeouts_total += one->timeouts_total;
	sum->refused_total += one->refused_total;
	sum->obsolete_total += one->obsolete_total;
	sum->copies_total += one->copies_total;
	sum->fallbacks_total += one->fallbacks_total;
	sum->ignored_total += one->ignored_total;
	sum->contradictions_total += one->contradictions_total;
	sum->late_total += one->late_total;
	sum->inbox_taken_total += one->inbox_taken_total;
	sum->inbox_refused_total += one->inbox_refused_total;
}

void core_stats(const struct core *core, struct core_stats *stats)
{
	*stats = core->stats;
	stats->journal_stuck = core->health.ill;
	core_standby_stats(core, stats);
	for (uint32_t n = 0; n < core->shard_end; n++) {
		const struct shard *s = core->shards[n];
		if (s == NULL)
			continue;
		stats->serving += s->state == OWNERSHIP_SERVING;
		stats->replaying += s->state == OWNERSHIP_REPLAYING;
		stats->halted += s->state == OWNERSHIP_HALTED;
		stats->outbox_bytes += outbox_size(&s->outbox);
		if (s->archive.begun) {
			stats->history_lag_records += s->durable_record - s->archive.known_record;
			stats->history_ill += s->archive.error != 0;
		}
		if (s->engine == NULL)
			continue;
		struct txn_stats one;
		txn_stats(s->engine, &one);
		stats_add(&stats->txn, &one);
	}
}
