/* Standing by for shards of others (S29), and saying when a shard may come. */
#include "sharding/control_internal.h"

/* Somebody else has it, and the plan wants it here. */
static bool control_comes(const struct control *c, uint32_t shard)
{
	const struct control_shard *s = &c->shards[shard];

	return shard < c->plan.shard_count && id_equal(&c->plan.target[shard], &c->node) &&
	       s->state == OWNERSHIP_UNOWNED && s->owner.create != 0 &&
	       s->owner.lease != c->lease_id;
}

static bool control_standby_wanted(const struct control *c, uint32_t shard)
{
	if (c->no_standby || c->stopping || c->node_revision == 0 || shard >= c->plan.shard_count)
		return false;
	return id_equal(&c->plan.target[shard], &c->node) ||
	       id_equal(&c->plan.standby[shard], &c->node);
}

/* A line of mine says the truth about the owner there is, or there is none of mine. */
static bool control_ready_right(const struct control *c, uint32_t shard, bool ready)
{
	const struct control_shard *s = &c->shards[shard];
	const bool mine = s->ready.mod != 0 && id_equal(&s->ready_id, &c->node);

	return ready ? mine && s->ready_for == (uint64_t)s->owner.create : !mine;
}

static void control_ready_write(struct control *c, uint32_t shard, bool ready, uint64_t now_ns)
{
	const struct control_shard *s = &c->shards[shard];
	char owner_key[CONTROL_KEY_MAX];
	char ready_key[CONTROL_KEY_MAX];
	char value[CONTROL_VALUE_MAX];
	struct lease_request request = {.compare_count = 2, .write_count = 1};

	if (now_ns < s->retry_ns || c->shard_ops >= c->acquires_max)
		return;
	request.compares[0].key = control_key_owner(c, shard, owner_key);
	request.compares[0].target = LEASE_CREATE_REVISION;
	request.compares[0].equals = s->owner.create;
	request.compares[1].key = control_key_ready(c, shard, ready_key);
	request.compares[1].target = LEASE_MOD_REVISION;
	request.compares[1].equals = s->ready.mod;
	request.writes[0].key = request.compares[1].key;
	request.writes[0].remove = !ready;
	if (ready) {
		request.writes[0].value = control_ready_value(c, (uint64_t)s->owner.create, value);
		request.writes[0].lease_id = c->lease_id;
	}
	(void)control_shard_send(c, CONTROL_OP_READY, shard, &request);
}

void control_standby_step(struct control *c, uint32_t shard, uint64_t now_ns)
{
	struct control_shard *s = &c->shards[shard];
	const bool wanted = control_standby_wanted(c, shard);
	bool ready;

	if (s->state != OWNERSHIP_UNOWNED)
		return;
	if (wanted != s->standby) {
		s->standby = wanted;
		s->warm = false;
		c->io.standby(c->io.context, shard, wanted);
	}
	if (s->op)
		return;
	ready = control_comes(c, shard) && (s->warm || c->no_standby) && !c->stopping;
	if (!control_ready_right(c, shard, ready))
		control_ready_write(c, shard, ready, now_ns);
}

void control_standby_taken(struct control_shard *s)
{
	s->standby = s->warm = false;
}

void control_standby_lost(struct control *c)
{
	for (uint32_t i = 0; i < WIRE_SHARDS_MAX; i++) {
		if (c->shards[i].standby)
			c->io.standby(c->io.context, i, false);
		control_standby_taken(&c->shards[i]);
	}
}

bool control_standby_awaits(const struct control *c, uint32_t shard, uint64_t now_ns)
{
	const struct control_shard *s = &c->shards[shard];
	const bool told = s->ready.mod != 0 && s->ready_for == (uint64_t)s->revision &&
			  id_equal(&s->ready_id, &c->plan.target[shard]);

	return !told && now_ns < s->leaving_ns + CONTROL_WARM_MS * CONTROL_MS;
}

void control_standby_written(struct control *c, uint32_t shard, const struct lease_result *result)
{
	struct control_shard *s = &c->shards[shard];

	if (!control_wrote(c, result->revision))
		return;
	/* Whether it was put or removed, the view tells soon; until then nothing more is written.
	 */
	s->need_range = control_next_range(c);
	control_read_again(c);
}
