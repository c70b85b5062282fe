/* What the planner wants: the plan's inputs from the view, and what only it knows. */
#include "sharding/control_internal.h"

static bool control_planned(const struct control *c, const struct id *node)
{
	for (uint32_t i = 0; i < c->shard_count; i++) {
		if (i < c->plan.shard_count &&
		    (id_equal(&c->plan.target[i], node) || id_equal(&c->plan.standby[i], node)))
			return true;
		if (id_equal(&c->shards[i].owner_id, node))
			return true;
	}
	for (uint32_t i = 0; i < c->plan.away_count; i++) {
		if (id_equal(&c->plan.away[i].node, node))
			return true; /* no newcomer: it has a time of its own to settle */
	}
	return false;
}

void control_plan_due(struct control *c, uint64_t at_ns, uint64_t now_ns)
{
	if (at_ns > now_ns && at_ns < c->plan_due_ns)
		c->plan_due_ns = at_ns;
}

uint64_t control_unix_ms(const struct control *c)
{
	return c->start_unix_ms + (c->now_ns - c->start_ns) / CONTROL_MS;
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
		.draining = n->draining,
		.stopping = n->stopping,
	};
}

uint32_t control_plan_nodes(const struct control *c, struct plan_node nodes[PLAN_NODES_MAX])
{
	for (uint32_t i = 0; i < c->node_count; i++)
		nodes[i] = control_plan_node(&c->nodes[i]);
	return c->node_count;
}

void control_plan_base(const struct control *c, struct plan *base)
{
	if (c->plan.shard_count == c->shard_count)
		*base = c->plan;
	else
		*base = (struct plan){.version = c->plan.version, .shard_count = c->shard_count};
}

/* A cordon keeps even what is pinned there from coming. */
static bool control_refuses(const struct control *c, uint32_t shard, const struct id *node)
{
	const struct control_node *n = control_find_node(c, node);

	return n && n->cordoned &&
	       !(shard < c->plan.shard_count && id_equal(&c->plan.target[shard], node));
}

static void control_input_shards(const struct control *c, struct plan_input *input)
{
	input->shard_count = c->shard_count;
	for (uint32_t i = 0; i < c->shard_count; i++) {
		const struct mark *pin = control_pin(c, i);

		if (pin && !control_refuses(c, i, &pin->node))
			input->pin[i] = pin->node;
		/* A halted shard is of use to nobody else: it stays until an operator acts. */
		input->owner[i] = c->shards[i].owner_id;
		input->frozen[i] = control_freeze(c, i) || c->shards[i].owner_code != 0;
	}
}

void control_plan_input(const struct control *c, struct plan_input *input)
{
	const struct plan_grace grace = {control_unix_ms(c), c->grace_ms, c->join_delay_ms};
	struct plan base;
	uint64_t due_unix_ms;

	*input = (struct plan_input){0};
	control_input_shards(c, input);
	input->node_count = control_plan_nodes(c, input->nodes);
	control_plan_base(c, &base);
	(void)plan_absences(input, &grace, &base, &due_unix_ms);
}

const struct plan *control_plan(const struct control *c)
{
	return &c->plan;
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
		trusted = trusted ||
			  (node->weight > 0 && !node->stopping && !node->draining &&
			   !node->cordoned && node->healthy && now_ns >= n->suspect_until_ns);
		count++;
	}
	/* Suspects keep what they have and get nothing new, unless nobody else is there. */
	for (uint32_t i = 0; i < count && trusted; i++) {
		if (now_ns < control_find_node(c, &nodes[i].id)->suspect_until_ns)
			nodes[i].cordoned = true;
	}
	return count;
}

void control_suspect(struct control *c, const struct id *id, uint32_t shard, uint64_t now_ns)
{
	for (uint32_t i = 0; i < c->node_count; i++) {
		if (!id_equal(&c->nodes[i].id, id))
			continue;
		c->nodes[i].suspect_until_ns = now_ns + CONTROL_SUSPECT_MS * CONTROL_MS;
		control_note(c, "node.suspect", shard, 0, (uint64_t)c->nodes[i].key.create);
	}
}

bool control_shard_moving(const struct control *c, uint32_t shard)
{
	const struct control_shard *s = &c->shards[shard];
	const struct id *target;

	CHECK_LT(shard, WIRE_SHARDS_MAX);
	if (shard >= c->plan.shard_count || s->owner_code != 0)
		return false;
	target = &c->plan.target[shard];
	if (!control_find_node(c, target))
		return false;
	return !id_equal(&s->owner_id, target) || s->owner_epoch == 0;
}

/* One that takes too long holds up no other: its owner or its taker may be in trouble. */
static bool control_counts_moving(struct control *c, uint32_t shard, uint64_t now_ns)
{
	struct control_shard *s = &c->shards[shard];

	if (!control_shard_moving(c, shard)) {
		s->moving_to = (struct id){0};
		return false;
	}
	if (!id_equal(&s->moving_to, &c->plan.target[shard])) {
		s->moving_to = c->plan.target[shard];
		s->moving_ns = now_ns;
	}
	control_plan_due(c, s->moving_ns + CONTROL_MOVE_MAX_MS * CONTROL_MS, now_ns);
	return now_ns < s->moving_ns + CONTROL_MOVE_MAX_MS * CONTROL_MS;
}

static enum plan_urgency control_urgency(const struct control *c, uint32_t shard)
{
	const struct plan_input *input = &c->plan_input;
	const struct id *target = &c->plan_scratch.target[shard];

	for (uint32_t i = 0; i < input->node_count; i++) {
		const struct plan_node *n = &input->nodes[i];

		if (!id_equal(&n->id, target))
			continue;
		if (n->away || !n->healthy)
			return PLAN_AT_ONCE;
		if (n->stopping || n->draining || n->weight == 0)
			return PLAN_LEAVING;
		return c->plan_orders.to[shard].size > 0 ? PLAN_ORDERED : PLAN_BALANCE;
	}
	return PLAN_AT_ONCE;
}

static void control_motion(struct control *c, uint64_t now_ns)
{
	struct plan_motion *motion = &c->plan_motion;

	*motion = (struct plan_motion){0};
	motion->limits[PLAN_LEAVING].moves_max = CONTROL_LEAVING_MOVES;
	motion->limits[PLAN_ORDERED] = c->plan_orders.limits;
	motion->limits[PLAN_BALANCE].moves_max = CONTROL_BALANCE_MOVES;
	for (uint32_t i = 0; i < c->shard_count; i++) {
		motion->urgency[i] = (uint8_t)control_urgency(c, i);
		motion->moving[i] = control_counts_moving(c, i, now_ns);
		motion->owner[i] = c->shards[i].owner_id;
	}
}

/* What the operation wants counts like a pin, where nothing else is asked for. */
static void control_take_orders(struct control *c)
{
	control_ops_orders(c, &c->plan_orders);
	for (uint32_t i = 0; i < c->shard_count; i++) {
		if (c->plan_orders.to[i].size > 0 && c->plan_input.pin[i].size == 0)
			c->plan_input.pin[i] = c->plan_orders.to[i];
	}
}

static bool control_any_usable(const struct plan_input *input)
{
	for (uint32_t i = 0; i < input->node_count; i++) {
		const struct plan_node *n = &input->nodes[i];

		if (n->weight > 0 && !n->stopping && !n->away)
			return true;
	}
	return false;
}

bool control_plan_compute(struct control *c, uint64_t now_ns)
{
	const struct plan_grace grace = {control_unix_ms(c), c->grace_ms, c->join_delay_ms};
	struct plan_input *input = &c->plan_input;
	uint64_t due_unix_ms;
	uint64_t members;
	bool waits;

	*input = (struct plan_input){0};
	control_input_shards(c, input);
	input->node_count = control_planner_nodes(c, now_ns, input->nodes);
	if (!control_any_usable(input))
		return false; /* nobody to give anything to: the plan stays as it is */
	control_plan_base(c, &c->plan_scratch);
	waits = plan_absences(input, &grace, &c->plan_scratch, &due_unix_ms);
	if (due_unix_ms != UINT64_MAX)
		control_plan_due(c, now_ns + (due_unix_ms - grace.now_unix_ms) * CONTROL_MS,
				 now_ns);
	members = plan_members(input);
	/* It is levelled once for each membership: what is moved by hand later stays. */
	input->hold = waits || control_ops_running(c) || members == c->plan_scratch.members;
	control_take_orders(c);
	control_motion(c, now_ns);
	plan_goal(input, &c->plan_scratch, &c->plan_goal);
	(void)plan_step(input, &c->plan_scratch, &c->plan_goal, &c->plan_motion, &c->plan_wanted);
	if (!input->hold) /* half levelled is not levelled, whoever comes back meanwhile */
		c->plan_wanted.members =
			plan_moves(&c->plan_goal, &c->plan_wanted) == 0 ? members : 0;
	c->plan_wanted.version = c->plan.version + 1;
	return !plan_equal(&c->plan, &c->plan_wanted);
}
