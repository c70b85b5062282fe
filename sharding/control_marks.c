/* What operators ask for: pins, freezes, cordons and drains. */
#include "sharding/control_internal.h"

void control_marks_forget(struct control *c)
{
	c->mark_count = 0;
	c->marks_unreadable = 0;
	for (uint32_t i = 0; i < WIRE_SHARDS_MAX; i++) {
		c->shards[i].pin = (struct mark){0};
		c->shards[i].freeze = (struct mark){0};
	}
}

void control_mark_read(struct control *c, enum mark_kind kind, uint32_t shard,
		       const struct id *node, const struct lease_kv *kv)
{
	struct mark mark;

	if (mark_decode(kind, kv->value, &mark) != 0 ||
	    (shard >= c->shard_count && c->shard_count > 0) ||
	    c->mark_count == sizeof c->marks / sizeof c->marks[0]) {
		c->marks_unreadable++;
		if (kv->mod_revision <= c->mark_noted)
			return;
		c->mark_noted = kv->mod_revision;
		control_note(c, "mark.unreadable", shard, SAGA_E_BAD_REPLY,
			     (uint64_t)kv->mod_revision);
		return;
	}
	if (kind == MARK_PIN)
		c->shards[shard].pin = mark;
	else if (kind == MARK_FREEZE)
		c->shards[shard].freeze = mark;
	else
		c->marks[c->mark_count++] = (struct control_mark){kind, *node, mark};
}

static const struct mark *control_held(const struct control *c, const struct mark *mark)
{
	return mark->actor[0] != '\0' && mark_holds(mark, control_unix_ms(c)) ? mark : NULL;
}

const struct mark *control_pin(const struct control *c, uint32_t shard)
{
	CHECK_LT(shard, WIRE_SHARDS_MAX);
	return control_held(c, &c->shards[shard].pin);
}

const struct mark *control_freeze(const struct control *c, uint32_t shard)
{
	CHECK_LT(shard, WIRE_SHARDS_MAX);
	return control_held(c, &c->shards[shard].freeze);
}

static const struct mark *control_node_mark(const struct control *c, enum mark_kind kind,
					    const struct id *node)
{
	for (uint32_t i = 0; i < c->mark_count; i++) {
		if (c->marks[i].kind == kind && id_equal(&c->marks[i].node, node))
			return control_held(c, &c->marks[i].mark);
	}
	return NULL;
}

const struct mark *control_cordon(const struct control *c, const struct id *node)
{
	return control_node_mark(c, MARK_CORDON, node);
}

const struct mark *control_drain(const struct control *c, const struct id *node)
{
	return control_node_mark(c, MARK_DRAIN, node);
}

uint32_t control_marks_unreadable(const struct control *c)
{
	return c->marks_unreadable;
}

/* A node that an operation empties gives up nothing but what that orders. */
void control_marks_apply(struct control *c)
{
	for (uint32_t i = 0; i < c->node_count; i++) {
		struct control_node *n = &c->nodes[i];
		const bool drained = control_drain(c, &n->id) != NULL;
		const bool ordered = drained && control_ops_empties(c, &n->id);

		n->cordoned = ordered || control_cordon(c, &n->id) != NULL;
		n->draining = drained && !ordered;
	}
}
