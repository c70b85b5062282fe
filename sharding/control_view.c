/* What a range of the prefix said. */
#include "sharding/control_internal.h"

const struct control_node *control_find_node(const struct control *c, const struct id *id)
{
	for (uint32_t i = 0; i < c->node_count; i++) {
		if (id_equal(&c->nodes[i].id, id))
			return &c->nodes[i];
	}
	return NULL;
}

bool control_others_live(const struct control *c)
{
	for (uint32_t i = 0; i < c->node_count; i++) {
		const struct control_node *n = &c->nodes[i];

		if (!id_equal(&n->id, &c->node) && !n->stopping && n->weight > 0)
			return true;
	}
	return false;
}

static struct control_key control_key_of(const struct lease_kv *kv)
{
	return (struct control_key){kv->create_revision, kv->mod_revision, kv->lease_id};
}

static void control_read_self(struct control *c, const struct lease_kv *kv)
{
	c->self = control_key_of(kv);
	c->self_value_size = 0;
	/* A value that does not fit cannot be the one I want there. */
	if (kv->value.size <= sizeof c->self_value && kv->value.size > 0) {
		memcpy(c->self_value, kv->value.data, kv->value.size);
		c->self_value_size = kv->value.size;
	}
}

static struct control_node *control_node_slot(struct control *c, const struct id *id,
					      const struct lease_kv *kv, uint64_t now_ns)
{
	struct control_node *n = NULL;

	for (uint32_t i = 0; i < c->node_count; i++) {
		if (id_equal(&c->nodes[i].id, id))
			n = &c->nodes[i];
	}
	if (n && n->key.create == kv->create_revision)
		return n;
	if (!n && c->node_count == PLAN_NODES_MAX)
		return NULL;
	if (!n)
		n = &c->nodes[c->node_count++];
	*n = (struct control_node){
		.id = *id, .healthy = true, .seen_ns = now_ns, .health_ns = now_ns};
	return n;
}

static void control_read_node(struct control *c, uint64_t now_ns, const struct id *id,
			      const struct lease_kv *kv)
{
	struct control_node *n;
	bool was_healthy;
	bool is_new;

	if (id_equal(id, &c->node))
		control_read_self(c, kv);
	n = control_node_slot(c, id, kv, now_ns);
	if (!n) {
		control_note(c, "node.too_many", CONTROL_NO_SHARD, SAGA_E_FULL, PLAN_NODES_MAX);
		return;
	}
	is_new = n->key.create == 0;
	was_healthy = n->healthy;
	if (is_new || n->key.mod != kv->mod_revision) {
		if (control_node_decode(kv->value, n) != 0) {
			/* Left unseen: a node that cannot be read is not planned for. */
			control_note(c, "node.unreadable", CONTROL_NO_SHARD, SAGA_E_BAD_REPLY,
				     (uint64_t)kv->create_revision);
			return;
		}
		if (n->healthy != was_healthy)
			n->health_ns = now_ns;
	}
	n->key = control_key_of(kv);
	n->seen = true;
	if (is_new)
		control_note(c, "node.seen", CONTROL_NO_SHARD, 0, (uint64_t)kv->create_revision);
}

static void control_read_owner(struct control *c, uint32_t shard, const struct lease_kv *kv)
{
	struct control_shard *s = &c->shards[shard];

	s->owner = control_key_of(kv);
	s->owner_id = (struct id){0};
	s->owner_epoch = 0;
	s->owner_code = 0;
	/* An unreadable owner is still one: nobody else may take the shard. */
	if (control_owner_decode(kv->value, &s->owner_id, &s->owner_epoch, &s->owner_code) != 0)
		control_note(c, "owner.unreadable", shard, SAGA_E_BAD_REPLY,
			     (uint64_t)kv->create_revision);
}

/* One that cannot be read says nothing: the move waits a little longer. */
static void control_read_ready(struct control *c, uint32_t shard, const struct lease_kv *kv)
{
	struct control_shard *s = &c->shards[shard];

	s->ready = control_key_of(kv);
	if (control_ready_decode(kv->value, &s->ready_id, &s->ready_for) != 0)
		control_note(c, "ready.unreadable", shard, SAGA_E_BAD_REPLY,
			     (uint64_t)kv->mod_revision);
}

static void control_read_plan(struct control *c, const struct lease_kv *kv)
{
	const bool changed = c->plan_key.mod != kv->mod_revision;

	c->plan_key = control_key_of(kv);
	if (!changed)
		return;
	c->plan_ns = c->now_ns;
	if (plan_decode(kv->value, &c->plan_scratch) != 0) {
		c->plan_scratch = (struct plan){0};
		control_note(c, "plan.unreadable", CONTROL_NO_SHARD, SAGA_E_BAD_REPLY,
			     (uint64_t)kv->mod_revision);
	} else {
		control_planner_overruled(c, &c->plan_scratch);
	}
	c->plan = c->plan_scratch;
}

/* The cluster's identity is fixed once read; another one under the same name means that somebody
 * initialised anew over living nodes (S7, S11). */
static void control_read_config(struct control *c, const struct lease_kv *kv)
{
	const struct hash128 hash = hash_xxh3_128(kv->value);
	struct control_cluster cluster;

	/* By the text, not by its revision: who empties a store begins to count anew. */
	if (c->has_cluster && hash128_equal(&hash, &c->cluster_hash))
		return;
	if (control_cluster_decode(kv->value, &cluster) != 0) {
		control_note(c, "config.unreadable", CONTROL_NO_SHARD, SAGA_E_CLUSTER_MISMATCH, 0);
		control_fail(c, SAGA_E_CLUSTER_MISMATCH);
		return;
	}
	if (c->has_cluster) {
		if (!id_equal(&cluster.cluster, &c->cluster.cluster) ||
		    memcmp(&cluster.slots, &c->cluster.slots, sizeof cluster.slots) != 0)
			control_fail(c, SAGA_E_CLUSTER_MISMATCH);
		return;
	}
	c->cluster = cluster;
	c->cluster_hash = hash;
	c->has_cluster = true;
	c->shard_count = cluster.slots.shard_count;
	c->io.cluster(c->io.context, &c->cluster);
}

static void control_read_key(struct control *c, uint64_t now_ns, const struct lease_kv *kv)
{
	struct control_key_name name;

	control_key_parse(c, kv->key, &name);
	switch (name.kind) {
	case CONTROL_KEY_CONFIG:
		control_read_config(c, kv);
		break;
	case CONTROL_KEY_NODE:
		control_read_node(c, now_ns, &name.id, kv);
		break;
	case CONTROL_KEY_PLANNER:
		c->planner = control_key_of(kv);
		if (id_from(&c->planner_id, kv->value) != 0)
			c->planner_id = (struct id){0};
		break;
	case CONTROL_KEY_PLAN:
		control_read_plan(c, kv);
		break;
	case CONTROL_KEY_OWNER:
		control_read_owner(c, name.shard, kv);
		break;
	case CONTROL_KEY_OPERATION:
		control_ops_read(c, name.number, kv);
		break;
	case CONTROL_KEY_MARK:
		control_mark_read(c, name.mark, name.shard, &name.id, kv);
		break;
	case CONTROL_KEY_READY:
		control_read_ready(c, name.shard, kv);
		break;
	case CONTROL_KEY_OTHER:
		break;
	}
}

static void control_drop_unseen(struct control *c)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < c->node_count; i++) {
		if (c->nodes[i].seen) {
			if (kept != i)
				c->nodes[kept] = c->nodes[i];
			kept++;
			continue;
		}
		control_note(c, "node.gone", CONTROL_NO_SHARD, 0, (uint64_t)c->nodes[i].key.create);
	}
	c->node_count = kept;
}

static void control_forget_view(struct control *c)
{
	for (uint32_t i = 0; i < c->node_count; i++) {
		c->nodes[i].seen = false;
		c->nodes[i].cordoned = false;
		c->nodes[i].draining = false;
	}
	control_marks_forget(c);
	for (uint32_t i = 0; i < WIRE_SHARDS_MAX; i++) {
		c->shards[i].owner = (struct control_key){0};
		c->shards[i].owner_id = (struct id){0};
		c->shards[i].owner_epoch = 0;
		c->shards[i].owner_code = 0;
		c->shards[i].ready = (struct control_key){0};
		c->shards[i].ready_id = (struct id){0};
		c->shards[i].ready_for = 0;
	}
	c->self = (struct control_key){0};
	c->self_value_size = 0;
	c->planner = (struct control_key){0};
	c->planner_id = (struct id){0};
}

void control_view_read(struct control *c, uint64_t now_ns, uint64_t range,
		       const struct lease_result *result)
{
	bool plan_seen = false;
	struct control_key_name name;

	if (result->revision < c->my_write_revision) { /* C1 */
		control_read_again(c);
		/* A linearizable range from after the write cannot miss it, unless the store was
		 * restored from a copy: waiting for it to catch up could take for ever, and what my
		 * keys are worth nobody knows. */
		if (range > c->my_write_range && c->lease_id != 0)
			control_lease_lost(c, now_ns, SAGA_E_LEASE_LOST);
		return;
	}
	control_forget_view(c);
	control_ops_read_begin(c);
	for (uint32_t i = 0; i < result->kv_count; i++) {
		control_key_parse(c, result->kvs[i].key, &name);
		plan_seen = plan_seen || name.kind == CONTROL_KEY_PLAN;
		control_read_key(c, now_ns, &result->kvs[i]);
	}
	control_drop_unseen(c);
	control_ops_read_end(c);
	control_marks_apply(c);
	if (!plan_seen) {
		c->plan_key = (struct control_key){0};
		c->plan = (struct plan){0};
	}
	for (uint32_t i = 0; i < WIRE_SHARDS_MAX; i++) {
		struct control_shard *s = &c->shards[i];

		if (s->owner.create != 0)
			s->unowned_ns = 0;
		else if (s->unowned_ns == 0)
			s->unowned_ns = now_ns;
	}
	if (c->view_sequence == 0)
		c->first_view_ns = now_ns;
	c->view_sequence = range;
	c->view_revision = result->revision;
	c->plan_dirty = true;
}

static uint32_t control_owned(const struct control *c, const struct id *node)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->shard_count; i++)
		count += id_equal(&c->shards[i].owner_id, node);
	return count;
}

static uint32_t control_shard_view_state(const struct control_shard *s)
{
	if (s->owner.create == 0)
		return WIRE_SHARD_UNOWNED;
	if (s->owner_code != 0)
		return WIRE_SHARD_HALTED;
	return s->owner_epoch > 0 ? WIRE_SHARD_SERVING : WIRE_SHARD_REPLAYING;
}

/* Public: built on demand, so that what the last result changed is in it. */
void control_view(const struct control *c, struct control_view *view)
{
	/* The arrays are a cache inside the object, which is never const itself. */
	struct control *cache = (struct control *)(uintptr_t)c;

	for (uint32_t i = 0; i < c->node_count; i++) {
		const struct control_node *n = &c->nodes[i];

		cache->node_views[i] = (struct wire_node_view){
			.id = id_slice(&n->id),
			.address = slice_str(n->address),
			.zone = id_slice(&n->zone),
			.version = slice_str(n->version),
			.shards = control_owned(c, &n->id),
			.state = n->stopping ? 2 : 1,
			.since_unix_ms = n->since_unix_ms,
		};
	}
	for (uint32_t i = 0; i < c->shard_count; i++) {
		const struct control_shard *s = &c->shards[i];

		cache->shard_views[i] = (struct wire_shard_view){
			.shard = i,
			.owner = id_slice(&s->owner_id),
			.epoch = s->owner_epoch,
			.target = i < c->plan.shard_count ? id_slice(&c->plan.target[i])
							  : slice_of(NULL, 0),
			.state = control_shard_view_state(s),
			.code = s->owner_code,
		};
	}
	*view = (struct control_view){
		.nodes = c->node_views,
		.node_count = c->node_count,
		.shards = c->shard_views,
		.shard_count = c->shard_count,
		.planner = id_slice(&c->planner_id),
		.plan_version = c->plan.version,
	};
}
