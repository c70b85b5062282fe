/* The planner's office and its work (S21): one node writes the plan, the others follow. */
#include "sharding/control_internal.h"

bool control_is_planner(const struct control *c)
{
	return c->lease_id != 0 && c->planner.create != 0 && c->planner.lease == c->lease_id;
}

static bool control_planned(const struct control *c, const struct id *node)
{
	for (uint32_t i = 0; i < c->shard_count; i++) {
		if (i < c->plan.shard_count && id_equal(&c->plan.target[i], node))
			return true;
		if (id_equal(&c->shards[i].owner_id, node))
			return true;
	}
	return false;
}

static void control_plan_due(struct control *c, uint64_t at_ns, uint64_t now_ns)
{
	if (at_ns > now_ns && at_ns < c->plan_due_ns)
		c->plan_due_ns = at_ns;
}

/* Health as the planner counts it: only once it has lasted, and no other node's is changing,
 * because a broker that all nodes lose is lost by some a little earlier; but one node that swings
 * does not put this off for long. */
static bool control_counts_healthy(struct control *c, const struct control_node *n, uint64_t now_ns)
{
	const uint64_t delay_ns = c->join_delay_ms * CONTROL_MS;
	uint64_t lasting_ns = n->health_ns + delay_ns;

	for (uint32_t i = 0; i < c->node_count; i++) {
		if (c->nodes[i].health_ns + delay_ns > lasting_ns)
			lasting_ns = c->nodes[i].health_ns + delay_ns;
	}
	if (lasting_ns > n->health_ns + CONTROL_HEALTH_DELAYS * delay_ns)
		lasting_ns = n->health_ns + CONTROL_HEALTH_DELAYS * delay_ns;
	control_plan_due(c, lasting_ns, now_ns);
	return now_ns >= lasting_ns ? n->healthy : !n->healthy;
}

static struct plan_node control_plan_node(const struct control_node *n)
{
	return (struct plan_node){
		.id = n->id,
		.zone = n->zone,
		.weight = n->weight,
		.healthy = n->healthy,
		.cordoned = n->cordoned,
		.stopping = n->stopping,
	};
}

uint32_t control_plan_nodes(const struct control *c, struct plan_node nodes[PLAN_NODES_MAX])
{
	for (uint32_t i = 0; i < c->node_count; i++)
		nodes[i] = control_plan_node(&c->nodes[i]);
	return c->node_count;
}

/* Nodes that have come wait for join_delay_ms, so that a cluster that starts plans once; when the
 * first of them is due, all are taken in. Those that have gone are simply not here. */
static uint32_t control_planner_nodes(struct control *c, uint64_t now_ns,
				      struct plan_node nodes[PLAN_NODES_MAX])
{
	const uint64_t delay_ns = c->join_delay_ms * CONTROL_MS;
	bool newcomers_due = false;
	bool trusted = false;
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->node_count; i++) {
		const struct control_node *n = &c->nodes[i];

		control_plan_due(c, n->seen_ns + delay_ns, now_ns);
		control_plan_due(c, n->suspect_until_ns, now_ns);
		if (!control_planned(c, &n->id) && now_ns >= n->seen_ns + delay_ns)
			newcomers_due = true;
	}
	for (uint32_t i = 0; i < c->node_count; i++) {
		const struct control_node *n = &c->nodes[i];
		struct plan_node *node = &nodes[count];

		if (!control_planned(c, &n->id) && !newcomers_due)
			continue;
		*node = control_plan_node(n);
		/* A newcomer is taken at its word. */
		if (n->health_ns != n->seen_ns)
			node->healthy = control_counts_healthy(c, n, now_ns);
		trusted = trusted || (node->weight > 0 && !node->stopping && !node->cordoned &&
				      node->healthy && now_ns >= n->suspect_until_ns);
		count++;
	}
	/* Suspects keep what they have and get nothing new, unless nobody else is there. */
	for (uint32_t i = 0; i < count && trusted; i++) {
		if (now_ns < control_find_node(c, &nodes[i].id)->suspect_until_ns)
			nodes[i].cordoned = true;
	}
	return count;
}

static void control_suspect(struct control *c, const struct id *id, uint32_t shard, uint64_t now_ns)
{
	for (uint32_t i = 0; i < c->node_count; i++) {
		if (!id_equal(&c->nodes[i].id, id))
			continue;
		c->nodes[i].suspect_until_ns = now_ns + CONTROL_SUSPECT_MS * CONTROL_MS;
		control_note(c, "node.suspect", shard, 0, (uint64_t)c->nodes[i].key.create);
	}
}

/* Only who takes a shard by order writes the plan beside me (S21): the node that had not come for
 * that shard gets no new one for a while, or the two would swing for ever. */
void control_planner_overruled(struct control *c, const struct plan *now)
{
	if (!control_is_planner(c))
		return;
	for (uint32_t i = 0; i < c->shard_count && i < c->plan.shard_count; i++) {
		const struct id *target = &c->plan.target[i];

		if (target->size > 0 && !id_equal(target, &now->target[i]))
			control_suspect(c, target, i, c->now_ns);
	}
}

void control_plan_base(const struct control *c, struct plan *base)
{
	if (c->plan.shard_count == c->shard_count)
		*base = c->plan;
	else
		*base = (struct plan){.version = c->plan.version, .shard_count = c->shard_count};
}

static void control_plan_write(struct control *c)
{
	char planner_key[CONTROL_KEY_MAX];
	char plan_key[CONTROL_KEY_MAX];
	struct buf text;
	struct lease_request request = {
		.kind = LEASE_TXN,
		.timeout_ms = (uint32_t)control_request_ms(c),
		.compare_count = 2,
		.write_count = 1,
	};

	buf_init_fixed(&text, c->text, sizeof c->text);
	if (plan_encode(&c->plan_wanted, &text) != 0)
		return; /* no id that was read cannot be written */
	request.compares[0].key = control_key_fixed(c, "planner", planner_key);
	request.compares[0].target = LEASE_CREATE_REVISION;
	request.compares[0].equals = c->planner.create;
	request.compares[1].key = control_key_fixed(c, "plan", plan_key);
	request.compares[1].target = LEASE_MOD_REVISION;
	request.compares[1].equals = c->plan_key.mod;
	request.writes[0].key = request.compares[1].key;
	request.writes[0].value = buf_slice(&text);
	c->plan_op = control_send(c, CONTROL_OP_PLAN, CONTROL_NO_SHARD, &request);
}

static void control_plan_again(struct control *c, uint64_t now_ns)
{
	struct plan_input *input = &c->plan_input;
	bool any = false;

	c->plan_dirty = false;
	c->plan_due_ns = CONTROL_NEVER;
	if (now_ns < c->first_view_ns + c->join_delay_ms * CONTROL_MS) {
		/* The whole cluster may be starting: the plan's nodes get their time to come. */
		control_plan_due(c, c->first_view_ns + c->join_delay_ms * CONTROL_MS, now_ns);
		return;
	}
	control_plan_base(c, &c->plan_scratch);
	*input = (struct plan_input){.shard_count = c->shard_count};
	input->node_count = control_planner_nodes(c, now_ns, input->nodes);
	for (uint32_t i = 0; i < input->node_count; i++)
		any = any || (input->nodes[i].weight > 0 && !input->nodes[i].stopping);
	if (!any)
		return; /* nobody to give anything to: the plan stays as it is */
	plan_goal(input, &c->plan_scratch, &c->plan_wanted);
	if (plan_equal(&c->plan, &c->plan_wanted))
		return;
	c->plan_wanted.version = c->plan.version + 1;
	control_plan_write(c);
	if (!c->plan_op)
		c->plan_dirty = true;
}

static void control_planner_elect(struct control *c)
{
	char key[CONTROL_KEY_MAX];
	struct lease_request request = {
		.kind = LEASE_TXN,
		.timeout_ms = (uint32_t)control_request_ms(c),
		.compare_count = 1,
		.write_count = 1,
	};

	request.compares[0].key = control_key_fixed(c, "planner", key);
	request.compares[0].target = LEASE_CREATE_REVISION;
	request.writes[0].key = request.compares[0].key;
	request.writes[0].value = id_slice(&c->node);
	request.writes[0].lease_id = c->lease_id;
	c->planner_op = control_send(c, CONTROL_OP_PLANNER, CONTROL_NO_SHARD, &request);
}

void control_planner_step(struct control *c, uint64_t now_ns)
{
	if (c->node_revision == 0 || c->planner_op || c->plan_op ||
	    c->view_sequence < c->planner_need_range || c->view_sequence < c->plan_need_range ||
	    now_ns < c->plan_retry_ns)
		return;
	if (c->planner.create == 0 && !c->stopping)
		control_planner_elect(c);
	else if (control_is_planner(c) && (c->plan_dirty || now_ns >= c->plan_due_ns))
		control_plan_again(c, now_ns);
}

static void control_planner_elected(struct control *c, const struct lease_result *result)
{
	c->plan_dirty = true;
	if (!control_wrote(c, result->revision))
		return;
	c->planner = (struct control_key){result->revision, result->revision, c->lease_id};
	c->planner_id = c->node;
	control_note(c, "planner.elected", CONTROL_NO_SHARD, 0, (uint64_t)result->revision);
}

static void control_plan_written(struct control *c, const struct lease_result *result)
{
	control_note(c, "plan.written", CONTROL_NO_SHARD, 0, c->plan_wanted.version);
	c->plan_dirty = true;
	if (!control_wrote(c, result->revision))
		return;
	c->plan_key.mod = result->revision;
	if (c->plan_key.create == 0)
		c->plan_key.create = result->revision;
	c->plan = c->plan_wanted;
}

void control_planner_result(struct control *c, uint64_t now_ns, enum control_op_kind kind,
			    const struct lease_result *result)
{
	const bool election = kind == CONTROL_OP_PLANNER;
	uint64_t *need_range = election ? &c->planner_need_range : &c->plan_need_range;

	if (election)
		c->planner_op = false;
	else
		c->plan_op = false;
	if (result->error == 0 && result->succeeded) {
		if (election)
			control_planner_elected(c, result);
		else
			control_plan_written(c, result);
		return;
	}
	*need_range = control_next_range(c); /* C2 */
	c->plan_dirty = true;
	control_read_again(c);
	if (result->error != 0) {
		c->plan_retry_ns = now_ns + CONTROL_RETRY_MS * CONTROL_MS;
		control_note(c, election ? "planner.write_failed" : "plan.write_failed",
			     CONTROL_NO_SHARD, result->error, 0);
	}
}

uint64_t control_planner_deadline(const struct control *c)
{
	if (c->node_revision == 0 || c->planner_op || c->plan_op)
		return CONTROL_NEVER;
	return control_is_planner(c) ? c->plan_due_ns : CONTROL_NEVER;
}
