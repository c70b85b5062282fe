/* What the control core knows, as answers to operators. */
#include <string.h>

#include "base/check.h"
#include "base/os_clock.h"
#include "node/admin.h"

uint32_t admin_find_node(const struct wire_admin_answer *answer, struct slice id)
{
	for (uint32_t i = 0; i < answer->node_count; i++) {
		if (slice_equal(answer->nodes[i].id, id))
			return i;
	}
	return UINT32_MAX;
}

/* ---- operations --------------------------------------------------------------------------------
 */

static void put_head(struct admin *a, const struct ops *op, struct wire_admin_answer *answer)
{
	const uint32_t at = answer->operation_count;
	struct ops_counts counts;

	CHECK_LT(at, ADMIN_OPERATIONS_MAX);
	ops_count(op, &counts);
	a->operation_ids[at] = ops_id(op->number);
	a->operations[at] = (struct wire_operation){
		.id = id_slice(&a->operation_ids[at]),
		.kind = op->kind,
		.state = op->state,
		.plan_version = op->plan_version,
		.node = id_slice(&op->node),
		.actor = slice_str(op->actor),
		.reason = slice_str(op->reason),
		.created = op->created_ms,
		.updated = op->updated_ms,
		.ended = op->ended_ms,
		.max_moves = op->limits.max_moves,
		.max_moves_per_node = op->limits.max_moves_per_node,
		.pace_ms = op->limits.pace_ms,
		.timeout_ms = op->limits.timeout_ms,
		.planned = counts.planned,
		.moving = counts.moving,
		.done = counts.done,
		.failed = counts.failed,
		.rolled_back = counts.rolled_back,
		.skipped = counts.skipped,
		.longest_ms = counts.longest_ms,
		.stalled = ops_stalled(op, os_clock_wall_ms()),
		.version = op->version,
	};
	answer->operations = a->operations;
	answer->operation_count = at + 1;
}

void admin_put_operations(struct admin *a, struct wire_admin_answer *answer)
{
	const struct control *c = a->daemon->control;

	answer->operation_count = 0;
	for (uint32_t i = control_operation_count(c); i > 0; i--) {
		if (control_operation_at(c, i - 1)->kind != 0)
			put_head(a, control_operation_at(c, i - 1), answer);
	}
}

static const struct ops *find_operation(const struct control *c, uint64_t number)
{
	for (uint32_t i = 0; i < control_operation_count(c); i++) {
		const struct ops *op = control_operation_at(c, i);

		if (op->number == number && op->kind != 0)
			return op;
	}
	return NULL;
}

bool admin_put_operation(struct admin *a, uint64_t number, struct wire_admin_answer *answer)
{
	struct control *c = a->daemon->control;
	const struct ops *op = find_operation(c, number);

	if (op == NULL)
		return false;
	answer->operation_count = 0;
	put_head(a, op, answer);
	for (uint32_t i = 0; i < op->item_count; i++) {
		const struct ops_item *item = &op->items[i];

		a->items[i] = (struct wire_ops_item){
			.shard = item->shard,
			.from = id_slice(&item->from),
			.to = id_slice(&item->to),
			.phase = ops_final(op) ? item->phase : control_phase_seen(c, item),
			.begun = item->begun_ms,
			.ms = item->ms,
			.why = item->why,
			.load = item->load,
		};
	}
	a->operations[0].items = a->items;
	a->operations[0].item_count = op->item_count;
	return true;
}

/* ---- shards ------------------------------------------------------------------------------------
 */

static void put_move(struct admin *a, struct wire_admin_shard *shard)
{
	struct control *c = a->daemon->control;

	for (uint32_t i = 0; i < control_operation_count(c); i++) {
		const struct ops *op = control_operation_at(c, i);

		for (uint32_t j = 0; j < op->item_count && !ops_final(op); j++) {
			const struct ops_item *item = &op->items[j];

			if (item->shard != shard->shard || ops_phase_final(item->phase))
				continue;
			a->shard_operations[shard->shard] = ops_id(op->number);
			shard->operation = id_slice(&a->shard_operations[shard->shard]);
			shard->phase = control_phase_seen(c, item);
		}
	}
}

static void put_shard(struct admin *a, const struct wire_shard_view *view,
		      struct wire_admin_shard *shard)
{
	const struct control *c = a->daemon->control;
	const struct plan *plan = control_plan(c);
	const struct mark *pin = control_pin(c, view->shard);
	const struct mark *freeze = control_freeze(c, view->shard);

	*shard = (struct wire_admin_shard){
		.shard = view->shard,
		.owner = view->owner,
		.epoch = view->epoch,
		.target = view->target,
		.state = view->state,
		.code = view->code,
		.pinned = pin != NULL,
		.frozen = freeze != NULL,
	};
	if (view->shard < plan->shard_count)
		shard->standby = id_slice(&plan->standby[view->shard]);
	if (pin != NULL) {
		shard->pin_node = id_slice(&pin->node);
		shard->pin_actor = slice_str(pin->actor);
		shard->pin_reason = slice_str(pin->reason);
	}
	if (freeze != NULL) {
		shard->freeze_actor = slice_str(freeze->actor);
		shard->freeze_reason = slice_str(freeze->reason);
	}
	put_move(a, shard);
}

void admin_put_shards(struct admin *a, struct wire_admin_answer *answer)
{
	struct control_view view;

	control_view(a->daemon->control, &view);
	for (uint32_t i = 0; i < view.shard_count; i++)
		put_shard(a, &view.shards[i], &a->shards[i]);
	answer->shards = a->shards;
	answer->shard_count = view.shard_count;
}

void admin_put_shard(struct admin *a, uint32_t shard, struct wire_admin_answer *answer)
{
	struct control_view view;

	control_view(a->daemon->control, &view);
	CHECK_LT(shard, view.shard_count);
	put_shard(a, &view.shards[shard], &a->shards[0]);
	answer->shards = a->shards;
	answer->shard_count = 1;
}

/* ---- nodes -------------------------------------------------------------------------------------
 */

static void put_marks(struct admin *a, struct wire_admin_node *node)
{
	const struct control *c = a->daemon->control;
	const struct mark *mark;
	struct id id;

	if (id_from(&id, node->id) != 0)
		return;
	mark = control_cordon(c, &id);
	node->cordoned = mark != NULL;
	node->cordon_actor = mark == NULL ? slice_of(NULL, 0) : slice_str(mark->actor);
	node->cordon_reason = mark == NULL ? slice_of(NULL, 0) : slice_str(mark->reason);
	mark = control_drain(c, &id);
	node->drained = mark != NULL;
	node->drain_actor = mark == NULL ? slice_of(NULL, 0) : slice_str(mark->actor);
	node->drain_reason = mark == NULL ? slice_of(NULL, 0) : slice_str(mark->reason);
}

/* A node that is not alive is told while the plan names it. */
static void put_absent(struct admin *a, struct slice id, struct wire_admin_answer *answer)
{
	const uint32_t at = answer->node_count;

	if (id.size == 0 || at == ADMIN_NODES_MAX || admin_find_node(answer, id) != UINT32_MAX)
		return;
	if (id_from(&a->node_ids[at], id) != 0)
		return;
	a->nodes[at] = (struct wire_admin_node){.id = id_slice(&a->node_ids[at])};
	answer->node_count++;
	put_marks(a, &a->nodes[at]);
}

static const struct plan_node *input_node(const struct plan_input *input, struct slice id)
{
	for (uint32_t i = 0; i < input->node_count; i++) {
		if (slice_equal(id_slice(&input->nodes[i].id), id))
			return &input->nodes[i];
	}
	return NULL;
}

void admin_put_nodes(struct admin *a, struct wire_admin_answer *answer)
{
	struct control_view view;

	control_view(a->daemon->control, &view);
	control_plan_input(a->daemon->control, &a->input);
	answer->nodes = a->nodes;
	answer->node_count = 0;
	for (uint32_t i = 0; i < view.node_count; i++) {
		const struct wire_node_view *v = &view.nodes[i];
		const struct plan_node *node = input_node(&a->input, v->id);

		a->nodes[answer->node_count++] = (struct wire_admin_node){
			.id = v->id,
			.address = v->address,
			.zone = v->zone,
			.version = v->version,
			.state = v->state,
			.weight = node == NULL ? 0 : node->weight,
			.shards = v->shards,
			.since = v->since_unix_ms,
			.healthy = node != NULL && node->healthy,
		};
		put_marks(a, &a->nodes[answer->node_count - 1]);
	}
	for (uint32_t i = 0; i < view.shard_count; i++) {
		put_absent(a, view.shards[i].owner, answer);
		put_absent(a, view.shards[i].target, answer);
	}
	for (uint32_t i = 0; i < view.shard_count; i++) {
		const uint32_t at = admin_find_node(answer, view.shards[i].target);

		if (at != UINT32_MAX)
			a->nodes[at].targets++;
	}
}

/* ---- explain -----------------------------------------------------------------------------------
 */

static uint32_t why_of(enum plan_rule rule)
{
	static const uint32_t whys[PLAN_RULES] = {
		[PLAN_RULE_CURRENT] = WIRE_WHY_CURRENT,
		[PLAN_RULE_LEAVES] = WIRE_WHY_LEAVES,
		[PLAN_RULE_GOAL] = WIRE_WHY_GOAL,
		[PLAN_RULE_STANDBY] = WIRE_WHY_STANDBY,
		[PLAN_RULE_MAY] = WIRE_WHY_ALLOWED,
		[PLAN_RULE_FULL] = WIRE_WHY_FULL,
		[PLAN_RULE_FROZEN] = WIRE_WHY_FROZEN,
		[PLAN_RULE_PINNED] = WIRE_WHY_PINNED_ELSEWHERE,
		[PLAN_RULE_CORDONED] = WIRE_WHY_CORDONED,
		[PLAN_RULE_EXCLUDED] = WIRE_WHY_EXCLUDED,
		[PLAN_RULE_DRAINING] = WIRE_WHY_DRAINED,
		[PLAN_RULE_STOPPING] = WIRE_WHY_STOPPING,
		[PLAN_RULE_AWAY] = WIRE_WHY_AWAY,
		[PLAN_RULE_UNHEALTHY] = WIRE_WHY_UNHEALTHY,
		[PLAN_RULE_NO_WEIGHT] = WIRE_WHY_NO_WEIGHT,
	};

	return whys[rule];
}

void admin_put_explain(struct admin *a, uint32_t shard, struct wire_admin_answer *answer)
{
	admin_put_nodes(a, answer); /* and a->input */
	admin_put_shard(a, shard, answer);
	plan_explain(&a->input, control_plan(a->daemon->control), shard, a->verdicts);
	for (uint32_t i = 0; i < a->input.node_count; i++) {
		const uint32_t at = admin_find_node(answer, id_slice(&a->input.nodes[i].id));

		if (at != UINT32_MAX)
			a->nodes[at].why = why_of(a->verdicts[i].rule);
	}
	for (uint32_t i = 0; i < answer->node_count; i++) {
		if (a->nodes[i].why == WIRE_WHY_NONE)
			a->nodes[i].why = WIRE_WHY_AWAY;
	}
}
