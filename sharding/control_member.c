/* The node's own key: what makes it a member. */
#include "sharding/control_internal.h"

enum { CONTROL_TAKEN_EXTRA_MS = 1000 };

static uint64_t control_taken_until(const struct control *c)
{
	return c->taken_ns + (c->granted_ms + CONTROL_TAKEN_EXTRA_MS) * CONTROL_MS;
}

static void control_member_put(struct control *c)
{
	char key[CONTROL_KEY_MAX];
	char value[CONTROL_VALUE_MAX];
	struct lease_request request = {
		.kind = LEASE_TXN,
		.timeout_ms = (uint32_t)control_request_ms(c),
		.compare_count = 1,
		.write_count = 1,
	};

	request.compares[0].key = control_key_node(c, key);
	/* By modification: a copy of an older line that arrives late must not win. */
	request.compares[0].target = LEASE_MOD_REVISION;
	request.compares[0].equals = c->self.mod;
	request.writes[0].key = request.compares[0].key;
	request.writes[0].value = control_node_value(c, value);
	request.writes[0].lease_id = c->lease_id;
	c->node_op = control_send(c, CONTROL_OP_NODE, CONTROL_NO_SHARD, &request);
}

/* Somebody's key stands under my id: my own from before I lost my lease, that of a process before
 * me, or another node's. */
static void control_member_taken(struct control *c, uint64_t now_ns)
{
	if (control_lease_reclaim(c, now_ns, c->self.lease))
		return;
	if (c->taken_ns == 0) {
		c->taken_ns = now_ns;
		c->taken_range = 0;
		control_note(c, "node.id_taken", CONTROL_NO_SHARD, SAGA_E_NODE_ID_TAKEN,
			     (uint64_t)c->self.create);
		return;
	}
	if (now_ns < control_taken_until(c))
		return;
	/* Only a reading from after the wait counts. */
	if (c->taken_range == 0) {
		c->taken_range = control_next_range(c);
		control_read_again(c);
	}
	if (c->view_sequence < c->taken_range)
		return;
	control_fail(c, SAGA_E_NODE_ID_TAKEN);
}

static void control_member_joined(struct control *c)
{
	c->node_revision = c->self.create;
	c->taken_ns = 0;
	if (c->phase == CONTROL_JOINING)
		c->phase = CONTROL_READY;
	control_note(c, "node.joined", CONTROL_NO_SHARD, 0, (uint64_t)c->self.create);
}

static void control_member_join(struct control *c, uint64_t now_ns)
{
	if (c->self.create != 0 && c->self.lease == c->lease_id) {
		control_member_joined(c);
	} else if (c->self.create != 0) {
		control_member_taken(c, now_ns);
	} else if (now_ns >= c->node_retry_ns && !c->stopping) {
		control_member_put(c);
	}
}

/* Ill is told at once; well again only when it has lasted, so that shards do not swing (S21). */
static void control_member_health(struct control *c, uint64_t now_ns)
{
	if (c->healthy == c->healthy_published)
		return;
	if (!c->healthy || now_ns >= c->healthy_ns + 2 * c->granted_ms * CONTROL_MS)
		c->healthy_published = c->healthy;
}

void control_member_step(struct control *c, uint64_t now_ns)
{
	char value[CONTROL_VALUE_MAX];

	if (c->lease_id == 0 || c->node_op || c->view_sequence == 0 ||
	    c->view_sequence < c->node_need_range)
		return;
	control_member_health(c, now_ns);
	if (c->node_revision == 0) {
		control_member_join(c, now_ns);
		return;
	}
	if (c->self.create != c->node_revision) {
		control_lease_lost(c, now_ns, SAGA_E_LEASE_LOST);
		return;
	}
	if (now_ns >= c->node_retry_ns &&
	    !slice_equal(control_node_value(c, value), slice_of(c->self_value, c->self_value_size)))
		control_member_put(c);
}

static void control_member_written(struct control *c, const struct lease_result *result)
{
	/* The line that was sent may be an older one than is wanted by now: read what it says. */
	c->node_need_range = control_next_range(c);
	control_read_again(c);
	if (!control_wrote(c, result->revision))
		return;
	c->self.mod = result->revision;
	c->self.lease = c->lease_id;
	c->self_value_size = 0;
	if (c->self.create != 0)
		return;
	c->self.create = result->revision;
	control_member_joined(c);
}

void control_member_result(struct control *c, uint64_t now_ns, const struct lease_result *result)
{
	c->node_op = false;
	if (result->error == 0 && result->succeeded) {
		control_member_written(c, result);
		return;
	}
	c->node_need_range = control_next_range(c); /* C2 */
	control_read_again(c);
	if (result->error != 0) {
		c->node_retry_ns = now_ns + CONTROL_RETRY_MS * CONTROL_MS;
		control_note(c, "node.write_failed", CONTROL_NO_SHARD, result->error, 0);
	}
}

uint64_t control_member_deadline(const struct control *c)
{
	uint64_t deadline = CONTROL_NEVER;

	if (c->lease_id == 0 || c->node_op)
		return deadline;
	if (c->taken_ns != 0 && c->taken_range == 0)
		deadline = control_taken_until(c);
	if (c->healthy && !c->healthy_published)
		deadline = c->healthy_ns + 2 * c->granted_ms * CONTROL_MS;
	return deadline;
}
