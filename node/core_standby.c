/* Hot standby: follows the journals of shards that others own (S29). All of it is a cache, and so
 * is its being warm: who takes the shard over reads on from the last batch that was verified here,
 * and what is odd costs a whole replay, never more.
 *
 *   (wanted) --begin--> tail --batches--> warm --assigned--> gone on with (core_acquire.c)
 *                        |  '--broker's trouble--> pause, tail from where we are
 *                        '--anything odd, memory short--> dropped; begun again after a while
 */
#include "node/core_internal.h"

static void note(struct core *core, uint32_t shard, const char *event, int code, uint64_t records)
{
	const struct core_note note = {
		.event = event, .shard = shard, .code = code, .records = records};
	core->io.note(core->io.context, &note);
}

static void say(struct core *core, uint32_t shard, bool warm)
{
	struct core_standby *b = &core->standbys[shard];
	if (b->warm == warm)
		return;
	b->warm = warm;
	if (warm)
		note(core, shard, "standby.warm", 0, b->shard->reader.next_record - 1);
	if (core->io.standby != NULL)
		core->io.standby(core->io.context, shard, warm);
}

static void stop_tail(struct core *core, struct core_standby *b)
{
	if (b->token != 0)
		core->journal->ops->cancel(core->journal, b->token);
	b->token = 0;
	b->known = false;
}

static void drop(struct core *core, uint32_t shard)
{
	struct core_standby *b = &core->standbys[shard];
	stop_tail(core, b);
	if (b->shard != NULL)
		core_shard_destroy(b->shard);
	b->shard = NULL;
	say(core, shard, false);
}

/* The cache is of no use; nothing else is lost. */
static void fail(struct core *core, uint32_t shard, int error)
{
	struct core_standby *b = &core->standbys[shard];
	core->stats.standby_drops_total++;
	note(core, shard, "standby.dropped", error, 0);
	b->behind = error == SAGA_E_JOURNAL_GAP && b->shard != NULL ? b->shard->reader.sequence : 0;
	drop(core, shard);
	b->retry_at_ms = core->now.mono_ms + (error == SAGA_E_NO_MEMORY ? CORE_STANDBY_MEMORY_MS
									: CORE_STANDBY_AGAIN_MS);
}

/* ---- orders ---------------------------------------------------------------------------------- */

void core_standby(struct core *core, struct core_time now, uint32_t shard, bool on,
		  const struct highwater *mark)
{
	CHECK_LT(shard, WIRE_SHARDS_MAX);
	struct core_standby *b = &core->standbys[shard];
	core->now = now;
	if (!on) {
		drop(core, shard);
		b->wanted = false;
		return;
	}
	if (b->wanted || core->journal->ops->tail == NULL)
		return;
	*b = (struct core_standby){.wanted = true, .mark = *mark};
	if (shard >= core->standby_end)
		core->standby_end = shard + 1;
}

struct shard *core_standby_take(struct core *core, uint32_t shard, const struct highwater *mark)
{
	struct core_standby *b = &core->standbys[shard];
	struct shard *s = b->shard;
	/* What our own node saw in that journal must have been met in it (S7). */
	const bool same =
		mark->sequence == b->mark.sequence && hash128_equal(&mark->hash, &b->mark.hash);
	const bool met = s != NULL && (s->mark_checked || mark->sequence < s->reader.first ||
				       mark->sequence > s->reader.sequence);
	b->wanted = b->warm = false; /* by now it is ours, and who has assigned it knows that */
	stop_tail(core, b);
	if (s == NULL || s->reader.sequence == 0 || !same || !met) {
		drop(core, shard);
		return NULL;
	}
	b->shard = NULL;
	return s;
}

/* ---- the tail -------------------------------------------------------------------------------- */

static bool catching_up(const struct core_standby *b)
{
	return b->token != 0 && !b->warm;
}

static void begin(struct core *core, uint32_t shard)
{
	struct core_standby *b = &core->standbys[shard];
	if (b->shard == NULL) {
		b->shard = core_shard_create(core, shard);
		if (b->shard == NULL) {
			fail(core, shard, SAGA_E_NO_MEMORY);
			return;
		}
		reader_init(&b->shard->reader, &core->config.cluster, shard);
		b->shard->mark = b->mark;
		note(core, shard, "standby.begun", 0, 0);
	}
	b->token = core_token(core);
	/* With the oldest there is, or behind what stands in front of that, or behind a gap (S17).
	 */
	const uint64_t read = b->shard->reader.sequence;
	const uint64_t passed = b->shard->replay_from;
	const uint64_t behind = passed > b->behind + 1 ? passed : b->behind + 1;
	const uint64_t from = read > 0 ? read + 1 : behind | JOURNAL_ANYWHERE;
	const int error = core->journal->ops->tail(core->journal, shard, from, b->token);
	if (error == 0)
		return;
	b->token = 0;
	b->retry_at_ms = core->now.mono_ms + CORE_STANDBY_RETRY_MS;
}

/* Those who take over come first, and what comes in at a time is bounded. */
void core_standby_turn(struct core *core)
{
	uint32_t open = 0;
	if (!core->connected)
		return;
	for (uint32_t n = 0; n < core->standby_end; n++)
		open += catching_up(&core->standbys[n]);
	for (uint32_t n = 0; n < core->standby_end && open < CORE_STANDBY_READS_MAX; n++) {
		struct core_standby *b = &core->standbys[n];
		if (!b->wanted || b->token != 0 || core->now.mono_ms < b->retry_at_ms)
			continue;
		begin(core, n);
		open += catching_up(b);
	}
}

bool core_standby_owns(const struct core *core, uint32_t shard, uint64_t token)
{
	return token != 0 && shard < WIRE_SHARDS_MAX && token == core->standbys[shard].token;
}

void core_standby_batch(struct core *core, uint32_t shard, uint64_t sequence, struct slice bytes)
{
	struct core_standby *b = &core->standbys[shard];
	const int error = core_acquire_fold(b->shard, sequence, bytes);
	if (error != 0)
		fail(core, shard, error);
}

void core_standby_end(struct core *core, uint32_t shard, int error)
{
	struct core_standby *b = &core->standbys[shard];
	b->token = 0;
	b->known = false;
	/* What stands alone in front of the row of segments (S17) was passed over. */
	if (error == SAGA_E_JOURNAL_GAP && b->shard->passed_over &&
	    b->shard->reader.sequence == 0) {
		b->shard->passed_over = false;
		return;
	}
	/* A journal that lost something may only be a server's that leads no more: what is in it is
	 * for the owner to find out. */
	if (err_class(error) != ERR_CLASS_RETRY || error == SAGA_E_JOURNAL_GAP)
		fail(core, shard, error);
	else
		b->retry_at_ms = core->now.mono_ms + CORE_STANDBY_RETRY_MS;
}

void core_tailed(struct core *core, struct core_time now, uint32_t shard, uint64_t token,
		 uint64_t last_sequence)
{
	core->now = now;
	if (!core_standby_owns(core, shard, token))
		return;
	struct core_standby *b = &core->standbys[shard];
	b->last_sequence = last_sequence;
	b->known = true;
	if (b->shard->reader.sequence >= last_sequence)
		say(core, shard, true);
}

void core_standby_stop(struct core *core)
{
	core->io.standby = NULL; /* nobody is told of what ends with all else */
	for (uint32_t n = 0; n < core->standby_end; n++)
		drop(core, n);
}

void core_standby_stats(const struct core *core, struct core_stats *stats)
{
	for (uint32_t n = 0; n < core->standby_end; n++) {
		const struct core_standby *b = &core->standbys[n];
		stats->standbys += b->wanted;
		stats->standbys_warm += b->warm;
		if (b->known && b->last_sequence > b->shard->reader.sequence)
			stats->standby_lag_batches += b->last_sequence - b->shard->reader.sequence;
	}
}
