/* Can this node still use its journals (S21)? One without a leader is the broker's trouble: others
 * would fare no better with it. A node is ill when none of its journals takes or gives anything,
 * those that had nothing to take included; then the planner gives its shards to others. It is well
 * again when one has answered: who owns nothing any more asks, or it would be given shards only to
 * hold them. */
#include "node/core_internal.h"

bool core_append_stalled(const struct shard *s, uint64_t bound_ms)
{
	return s->append_since_ms != 0 && s->state != OWNERSHIP_HALTED &&
	       s->core->now.mono_ms - s->append_since_ms > bound_ms;
}

static bool replay_stalled(const struct shard *s, uint64_t bound_ms)
{
	return s->state == OWNERSHIP_REPLAYING && !s->epoch_in_flight &&
	       s->core->now.mono_ms - s->replay_heard_ms > bound_ms;
}

static bool stalled(const struct shard *s, uint64_t bound_ms)
{
	return core_append_stalled(s, bound_ms) || replay_stalled(s, bound_ms);
}

static void progress(struct core *core)
{
	core->health.progress_ms = core->now.mono_ms;
	core->health.ill = false;
}

void core_health_progress(struct shard *s)
{
	s->replay_heard_ms = s->core->now.mono_ms;
	progress(s->core);
}

static bool any_stalled(const struct core *core, uint64_t bound_ms, struct shard **idle)
{
	bool found = false;
	for (uint32_t n = 0; n < WIRE_SHARDS_MAX; n++) {
		struct shard *s = core->shards[n];
		if (s == NULL)
			continue;
		found |= stalled(s, bound_ms);
		if (*idle == NULL && s->state == OWNERSHIP_SERVING && s->record_count == 0 &&
		    appender_idle(&s->appender))
			*idle = s;
	}
	return found;
}

/* One journal that is stuck says nothing of the node when no other has had anything to take: so
 * others are given something, one a turn, until one has taken it or all are stuck. */
static bool probe_by_append(struct core *core)
{
	struct shard *idle = NULL;
	if (!any_stalled(core, CORE_PROBE_MS, &idle))
		return false;
	if (idle != NULL)
		(void)core_serve_probe(idle);
	return true;
}

static void probe_by_read(struct core *core)
{
	struct core_health *h = &core->health;
	if (h->probe_token != 0 || core->now.mono_ms < h->probe_at_ms)
		return;
	h->probe_at_ms = core->now.mono_ms + CORE_PROBE_MS;
	h->probe_shard = (h->probe_shard + 1) % core->config.slots->shard_count;
	h->probe_token = core_token(core);
	if (core->journal->ops->read(core->journal, h->probe_shard, 1, 1, h->probe_token) != 0)
		h->probe_token = 0;
}

void core_health_probed(struct core *core, int error)
{
	core->health.probe_token = 0;
	/* That the first segment is gone is an answer, too. */
	if (error == 0 || error == SAGA_E_JOURNAL_GAP)
		progress(core);
}

void core_health_stop(struct core *core)
{
	if (core->health.probe_token != 0)
		core->journal->ops->cancel(core->journal, core->health.probe_token);
	core->health.probe_token = 0;
}

void core_health_turn(struct core *core)
{
	struct core_health *h = &core->health;
	/* Being cut off is noticed elsewhere; after it the journals get their time again, or who
	 * had an append open when NATS went would be called ill when it is back. */
	if (!core->connected)
		progress(core);
	if (core->now.mono_ms - h->progress_ms <= CORE_PROBE_MS)
		return;
	const bool waiting = probe_by_append(core);
	struct shard *idle = NULL;
	if (waiting && core->now.mono_ms - h->progress_ms > CORE_ILL_MS &&
	    any_stalled(core, CORE_ILL_MS, &idle))
		h->ill = true;
	else if (h->ill && !waiting)
		probe_by_read(core);
}
