/* What rebalance, move, drain and remove would do, and whether they may. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "node/admin.h"

static uint32_t why_of(enum plan_why why)
{
	static const uint32_t whys[PLAN_WHYS] = {
		[PLAN_WHY_NOBODY] = WIRE_WHY_NODE_GONE,
		[PLAN_WHY_GONE] = WIRE_WHY_NODE_GONE,
		[PLAN_WHY_STOPPING] = WIRE_WHY_NODE_STOPS,
		[PLAN_WHY_DRAINING] = WIRE_WHY_DRAIN,
		[PLAN_WHY_UNHEALTHY] = WIRE_WHY_NODE_SICK,
		[PLAN_WHY_NO_WEIGHT] = WIRE_WHY_NO_WEIGHT,
		[PLAN_WHY_PINNED] = WIRE_WHY_PIN,
		[PLAN_WHY_RETURNS] = WIRE_WHY_RETURN,
		[PLAN_WHY_EMPTY] = WIRE_WHY_BALANCE,
		[PLAN_WHY_LEVEL] = WIRE_WHY_BALANCE,
	};

	return whys[why];
}

static struct plan_node *find_node(struct admin *a, struct slice id)
{
	for (uint32_t i = 0; i < a->input.node_count; i++) {
		if (slice_equal(id_slice(&a->input.nodes[i].id), id))
			return &a->input.nodes[i];
	}
	return NULL;
}

/* Such a node's shards the planner moves by itself, without being asked. */
static bool is_left_anyhow(const struct plan_node *node)
{
	return node == NULL || node->away || node->stopping || !node->healthy;
}

static bool may_take(const struct plan_node *node)
{
	return node != NULL && node->weight > 0 && node->healthy && !node->cordoned &&
	       !node->draining && !node->stopping && !node->away && !node->excluded;
}

/* ---- the moves ---------------------------------------------------------------------------------
 */

static void add_move(struct admin *a, struct wire_admin_answer *answer, uint32_t shard,
		     struct slice to, uint32_t why, bool skipped)
{
	const struct plan *plan = control_plan(a->daemon->control);

	CHECK_LT(answer->move_count, WIRE_MOVES_MAX);
	a->moves[answer->move_count++] = (struct wire_admin_move){
		.shard = shard,
		.from = id_slice(&plan->target[shard]),
		.to = to,
		.load = a->loads[shard],
		.why = why,
		.skipped = skipped,
	};
	answer->moves = a->moves;
}

static void take_loads(struct admin *a, const struct wire_admin_request *request)
{
	memset(a->loads, 0, sizeof a->loads);
	for (uint32_t i = 0; i < request->load_count; i++)
		a->loads[request->loads[i].shard] = request->loads[i].load;
	for (uint32_t i = 0; i < WIRE_SHARDS_MAX; i++)
		a->input.load[i] = a->loads[i];
}

/* Exactly what was told, as far as it may be. */
static int take_moves(struct admin *a, uint32_t verb, const struct wire_admin_request *request,
		      struct wire_admin_answer *answer)
{
	const struct plan *plan = control_plan(a->daemon->control);
	bool seen[WIRE_SHARDS_MAX] = {false};

	for (uint32_t i = 0; i < request->move_count; i++) {
		const struct wire_admin_move *move = &request->moves[i];
		const struct plan_node *node = find_node(a, move->to);
		const struct id *pin = &a->input.pin[move->shard];
		const char *wrong = NULL;

		if (move->skipped)
			continue;
		if (move->shard >= plan->shard_count || node == NULL) {
			(void)snprintf(a->text, sizeof a->text, "shard %u to node %.*s",
				       move->shard, (int)move->to.size,
				       (const char *)move->to.data);
			return SAGA_E_NO_SUCH;
		}
		if (seen[move->shard])
			wrong = "is named twice";
		else if (move->from.size > 0 &&
			 !slice_equal(move->from, id_slice(&plan->target[move->shard])))
			wrong = "is not where the plan had it";
		else if (a->input.frozen[move->shard])
			wrong = "is frozen";
		else if (pin->size > 0 && !id_equal(pin, &node->id))
			wrong = "is pinned to another node";
		else if (!may_take(node))
			wrong = "would go to a node that takes nothing: see `sagactl nodes list`";
		if (wrong != NULL) {
			(void)snprintf(a->text, sizeof a->text, "shard %u %s", move->shard, wrong);
			return SAGA_E_PREFLIGHT;
		}
		seen[move->shard] = true;
		if (!id_equal(&plan->target[move->shard], &node->id) &&
		    plan->target[move->shard].size > 0)
			add_move(a, answer, move->shard, id_slice(&node->id),
				 move->why != 0              ? move->why
				 : verb == WIRE_ADMIN_MOVE   ? WIRE_WHY_ASKED
				 : verb == WIRE_ADMIN_REMOVE ? WIRE_WHY_REMOVE
				 : verb == WIRE_ADMIN_DRAIN  ? WIRE_WHY_DRAIN
							     : WIRE_WHY_BALANCE,
				 false);
	}
	return 0;
}

static void compute_moves(struct admin *a, uint32_t verb, struct slice node,
			  struct wire_admin_answer *answer)
{
	const struct plan *plan = control_plan(a->daemon->control);
	uint32_t count;

	plan_goal(&a->input, plan, &a->goal);
	count = plan_list(&a->input, plan, &a->goal, a->plan_moves);
	for (uint32_t i = 0; i < count; i++) {
		const struct plan_move *move = &a->plan_moves[i];
		const struct plan_node *from = find_node(a, id_slice(&move->from));
		uint32_t why = why_of(move->why);

		if (is_left_anyhow(from) || move->to.size == 0)
			continue;
		if (from->excluded)
			why = WIRE_WHY_EXCLUDED;
		if (why == WIRE_WHY_DRAIN && verb == WIRE_ADMIN_REMOVE)
			why = WIRE_WHY_REMOVE;
		if (why == WIRE_WHY_BALANCE && a->input.strategy == PLAN_LOAD)
			why = WIRE_WHY_LOAD;
		add_move(a, answer, move->shard, id_slice(&a->goal.target[move->shard]), why,
			 false);
	}
	for (uint32_t s = 0; s < plan->shard_count && answer->move_count < WIRE_MOVES_MAX; s++) {
		const bool pinned = a->input.pin[s].size > 0;
		const bool stays = id_equal(&plan->target[s], &a->goal.target[s]);
		const bool concerned = verb == WIRE_ADMIN_REBALANCE ||
				       slice_equal(id_slice(&plan->target[s]), node);

		if ((pinned || a->input.frozen[s]) && stays && concerned &&
		    plan->target[s].size > 0)
			add_move(a, answer, s, slice_of(NULL, 0),
				 a->input.frozen[s] ? WIRE_WHY_FROZEN : WIRE_WHY_PIN, true);
	}
}

uint32_t admin_plan_items(const struct wire_admin_answer *answer,
			  struct ops_item items[WIRE_SHARDS_MAX])
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < answer->move_count; i++) {
		const struct wire_admin_move *move = &answer->moves[i];
		struct ops_item *item = &items[count];

		if (move->skipped)
			continue;
		*item = (struct ops_item){.shard = move->shard,
					  .phase = WIRE_PHASE_PLANNED,
					  .why = move->why,
					  .load = move->load};
		if (id_from(&item->from, move->from) == 0 && id_from(&item->to, move->to) == 0)
			count++;
	}
	return count;
}

/* ---- before and after --------------------------------------------------------------------------
 */

static void put_balance(struct admin *a, struct wire_admin_answer *answer)
{
	const struct plan *plan = control_plan(a->daemon->control);

	for (uint32_t i = 0; i < answer->node_count; i++) {
		a->nodes[i].after = a->nodes[i].targets;
		a->nodes[i].load = 0;
	}
	for (uint32_t s = 0; s < plan->shard_count; s++) {
		const uint32_t at = admin_find_node(answer, id_slice(&plan->target[s]));

		if (at != UINT32_MAX)
			a->nodes[at].load += a->loads[s];
	}
	for (uint32_t i = 0; i < answer->node_count; i++)
		a->nodes[i].load_after = a->nodes[i].load;
	for (uint32_t i = 0; i < answer->move_count; i++) {
		const struct wire_admin_move *move = &a->moves[i];
		const uint32_t from = admin_find_node(answer, move->from);
		const uint32_t to = admin_find_node(answer, move->to);

		if (move->skipped || from == UINT32_MAX || to == UINT32_MAX)
			continue;
		a->nodes[from].after--;
		a->nodes[to].after++;
		a->nodes[from].load_after -= move->load;
		a->nodes[to].load_after += move->load;
	}
}

/* ---- preflight ---------------------------------------------------------------------------------
 */

static const char *held_back(struct admin *a, const struct wire_admin_answer *answer,
			     struct slice node)
{
	for (uint32_t i = 0; i < answer->move_count; i++) {
		const struct wire_admin_move *move = &answer->moves[i];

		if (!move->skipped || !slice_equal(move->from, node))
			continue;
		(void)snprintf(a->text, sizeof a->text,
			       "shard %u is %s to the node: release it first, or use --force and "
			       "it stays behind",
			       move->shard, move->why == WIRE_WHY_FROZEN ? "frozen" : "pinned");
		return a->text;
	}
	return NULL;
}

static int preflight(struct admin *a, uint32_t verb, const struct wire_admin_request *request,
		     const struct wire_admin_answer *answer)
{
	uint32_t remaining = 0;
	uint32_t drained = 0;

	for (uint32_t i = 0; i < a->input.node_count; i++) {
		const struct plan_node *node = &a->input.nodes[i];

		if (slice_equal(id_slice(&node->id), request->node))
			continue;
		remaining += may_take(node);
		drained += control_drain(a->daemon->control, &node->id) != NULL;
	}
	if (remaining == 0) {
		(void)snprintf(a->text, sizeof a->text,
			       "no other node may take shards: there would be nobody left");
		return SAGA_E_PREFLIGHT; /* also with force: it could not be done */
	}
	if (request->force)
		return 0;
	if (drained > 0) {
		(void)snprintf(a->text, sizeof a->text,
			       "another node is drained already: undrain it first, or use --force");
		return SAGA_E_PREFLIGHT;
	}
	if (verb == WIRE_ADMIN_REMOVE && remaining < 2) {
		(void)snprintf(a->text, sizeof a->text,
			       "one node would be left, and nobody to take over from it: use "
			       "--force if that is meant");
		return SAGA_E_PREFLIGHT;
	}
	return held_back(a, answer, request->node) == NULL ? 0 : SAGA_E_PREFLIGHT;
}

static void say_preflight(struct admin *a)
{
	uint32_t remaining = 0;

	for (uint32_t i = 0; i < a->input.node_count; i++)
		remaining += may_take(&a->input.nodes[i]);
	(void)snprintf(a->text, sizeof a->text, "preflight ok: %u other nodes may take shards",
		       remaining);
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

static enum plan_strategy strategy_of(uint32_t strategy)
{
	switch (strategy) {
	case WIRE_STRATEGY_LOAD:
		return PLAN_LOAD;
	case WIRE_STRATEGY_COUNT:
		return PLAN_COUNT;
	default:
		return PLAN_WEIGHTED;
	}
}

int admin_plan(struct admin *a, uint32_t verb, const struct wire_admin_request *request,
	       struct wire_admin_answer *answer)
{
	const bool empties = verb == WIRE_ADMIN_DRAIN || verb == WIRE_ADMIN_REMOVE;
	const struct plan *plan = control_plan(a->daemon->control);
	struct plan_node *node;
	int error = 0;

	if (plan->version == 0) {
		(void)snprintf(a->text, sizeof a->text, "there is no plan yet: try again");
		return SAGA_E_ETCD;
	}
	admin_put_nodes(a, answer); /* and a->input */
	a->input.strategy = strategy_of(request->strategy);
	a->input.threshold_permyriad = request->threshold_percent * 100;
	a->input.hold = empties;
	take_loads(a, request);
	node = find_node(a, request->node);
	if (node != NULL && empties)
		node->draining = true;
	else if (node != NULL)
		node->excluded = true;
	if (verb == WIRE_ADMIN_MOVE || (request->apply && request->move_count > 0))
		error = take_moves(a, verb, request, answer);
	else
		compute_moves(a, verb, request->node, answer);
	put_balance(a, answer);
	if (error == 0 && empties) {
		error = preflight(a, verb, request, answer);
		if (error == 0)
			say_preflight(a);
	}
	return error;
}
