/* Operations in the store: the planner runs the one that has not ended, through orders to its own
 * plan; every node reads them all. What the planner knows of an operation is ahead of the store by
 * at most what can be seen anyhow (ops.h), so nothing hangs on a write of it. */
#include "sharding/control_internal.h"

static bool control_plans(const struct control *c)
{
	return c->node_revision != 0 && control_is_planner(c);
}

/* The one that runs, or has ended and is not stored so yet. They are in the order of their
 * numbers. */
static struct control_operation *control_current(const struct control *c)
{
	struct control *mine = (struct control *)(uintptr_t)c;

	for (uint32_t i = 0; i < c->operation_count; i++) {
		if (!ops_final(&c->operations[i].op) || c->operations[i].dirty ||
		    c->operations[i].writing)
			return &mine->operations[i];
	}
	return NULL;
}

struct control_operation *control_find_operation(const struct control *c, uint64_t number)
{
	struct control *mine = (struct control *)(uintptr_t)c;

	for (uint32_t i = 0; i < c->operation_count; i++) {
		if (c->operations[i].op.number == number)
			return &mine->operations[i];
	}
	return NULL;
}

bool control_ops_running(const struct control *c)
{
	const struct control_operation *o = control_current(c);

	return o != NULL && !ops_final(&o->op);
}

bool control_ops_empties(const struct control *c, const struct id *node)
{
	const struct control_operation *o = control_current(c);

	return o != NULL && !ops_final(&o->op) && id_equal(&o->op.node, node) &&
	       (o->op.kind == WIRE_OPS_DRAIN || o->op.kind == WIRE_OPS_REMOVE);
}

/* ---- reading -----------------------------------------------------------------------------------
 */

void control_ops_read_begin(struct control *c)
{
	for (uint32_t i = 0; i < c->operation_count; i++)
		c->operations[i].seen = false;
}

static struct control_operation *control_operation_slot(struct control *c, uint64_t number)
{
	struct control_operation *o = control_find_operation(c, number);
	uint32_t at = c->operation_count;

	if (o != NULL)
		return o;
	if (c->operation_count == CONTROL_OPERATIONS_MAX)
		return NULL;
	for (; at > 0 && c->operations[at - 1].op.number > number; at--)
		c->operations[at] = c->operations[at - 1];
	c->operation_count++;
	o = &c->operations[at];
	memset(o, 0, sizeof *o);
	o->op.number = number;
	return o;
}

/* One that cannot be read hurts nobody but itself; only its number is taken. */
void control_ops_read(struct control *c, uint64_t number, const struct lease_kv *kv)
{
	struct control_operation *o = control_operation_slot(c, number);

	if (number >= c->operation_next)
		c->operation_next = number + 1;
	if (o == NULL) {
		control_note(c, "operation.too_many", CONTROL_NO_SHARD, SAGA_E_FULL, number);
		return;
	}
	/* What I know of it beyond the store counts while I am the one who plans. */
	if (o->key.mod == kv->mod_revision && (control_plans(c) || !(o->dirty || o->writing))) {
		o->seen = true;
		return;
	}
	o->key = (struct control_key){kv->create_revision, kv->mod_revision, kv->lease_id};
	o->dirty = false;
	o->stall_noted = false;
	o->seen = ops_decode(kv->value, &o->op) == 0 && o->op.number == number;
	if (o->seen)
		return;
	memset(&o->op, 0, sizeof o->op);
	o->op.number = number;
	control_note(c, "operation.unreadable", CONTROL_NO_SHARD, SAGA_E_BAD_REPLY, number);
}

void control_ops_read_end(struct control *c)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < c->operation_count; i++) {
		if (!c->operations[i].seen)
			continue;
		if (kept != i)
			c->operations[kept] = c->operations[i];
		kept++;
	}
	c->operation_count = kept;
}

/* ---- what can be seen --------------------------------------------------------------------------
 */

static const struct plan_node *control_input_node(const struct plan_input *input,
						  const struct id *id)
{
	for (uint32_t i = 0; i < input->node_count; i++) {
		if (id_equal(&input->nodes[i].id, id))
			return &input->nodes[i];
	}
	return NULL;
}

static bool control_may_take(const struct plan_node *node)
{
	return node != NULL && node->weight > 0 && node->healthy && !node->cordoned &&
	       !node->draining && !node->stopping && !node->away;
}

/* Who has least for its weight, of those that may take a shard of `from`. */
static struct id control_instead(const struct control *c, const struct plan_input *input,
				 const struct id *from)
{
	struct id best = {0};
	uint64_t best_cost = UINT64_MAX;

	for (uint32_t i = 0; i < input->node_count; i++) {
		const struct plan_node *node = &input->nodes[i];
		uint64_t targets = 0;

		if (!control_may_take(node) || id_equal(&node->id, from))
			continue;
		for (uint32_t s = 0; s < c->plan.shard_count; s++)
			targets += id_equal(&c->plan.target[s], &node->id);
		targets = (targets + 1) * PLAN_WEIGHT_MAX / node->weight;
		if (targets < best_cost ||
		    (targets == best_cost && strcmp(node->id.text, best.text) < 0)) {
			best = node->id;
			best_cost = targets;
		}
	}
	return best;
}

/* `context` is the control core; what people have asked for stands in c->operation_input. */
void control_ops_look(const void *context, const struct ops_item *item, struct ops_fact *fact)
{
	const struct control *c = context;
	const struct plan_input *input = &c->operation_input;
	const struct control_shard *s = &c->shards[item->shard];
	const struct id *pin = &input->pin[item->shard];
	const struct id none = {0};
	const struct id *target =
		item->shard < c->plan.shard_count ? &c->plan.target[item->shard] : &none;

	*fact = (struct ops_fact){
		.from_target = id_equal(target, &item->from),
		.to_target = id_equal(target, &item->to),
		.owned = s->owner.create != 0,
		.serving = s->owner_epoch > 0 && s->owner_code == 0,
		.halted = s->owner_code != 0,
		.frozen =
			input->frozen[item->shard] || (pin->size > 0 && !id_equal(pin, &item->to)),
		.to_usable = control_may_take(control_input_node(input, &item->to)),
	};
	fact->at_from = fact->owned && id_equal(&s->owner_id, &item->from);
	fact->at_to = fact->owned && id_equal(&s->owner_id, &item->to);
	fact->warm = s->ready.create != 0 && id_equal(&s->ready_id, &item->to);
	if (!fact->to_usable)
		fact->instead = control_instead(c, input, &item->from);
}

struct ops_world control_ops_world(struct control *c)
{
	control_plan_input(c, &c->operation_input);
	return (struct ops_world){
		.now_ms = control_unix_ms(c), .look = control_ops_look, .context = c};
}

void control_ops_orders(const struct control *c, struct plan_orders *orders)
{
	struct control *mine = (struct control *)(uintptr_t)c; /* its scratch */
	const struct control_operation *o = control_current(c);
	struct ops_world world;

	memset(orders, 0, sizeof *orders);
	if (o == NULL || ops_final(&o->op))
		return;
	world = control_ops_world(mine);
	orders->limits.moves_max = o->op.limits.max_moves;
	(void)ops_orders(&o->op, &world, orders->to);
}

/* ---- the planner's part ------------------------------------------------------------------------
 */

static void control_operation_write(struct control *c, struct control_operation *o)
{
	char planner_key[CONTROL_KEY_MAX];
	char key[CONTROL_KEY_MAX];
	struct buf text;
	struct lease_request request = {
		.kind = LEASE_TXN,
		.timeout_ms = (uint32_t)control_request_ms(c),
		.compare_count = 2,
		.write_count = 1,
	};

	o->op.version++;
	buf_init_fixed(&text, c->operation_text, sizeof c->operation_text);
	if (ops_encode(&o->op, &text) != 0)
		return; /* what was read can be written */
	request.compares[0].key = control_key_fixed(c, "planner", planner_key);
	request.compares[0].target = LEASE_CREATE_REVISION;
	request.compares[0].equals = c->planner.create;
	request.compares[1].key = control_key_operation(c, o->op.number, key);
	request.compares[1].target = LEASE_MOD_REVISION;
	request.compares[1].equals = o->key.mod;
	request.writes[0].key = request.compares[1].key;
	request.writes[0].value = buf_slice(&text);
	c->operation_number = o->op.number;
	c->operation_op = control_send(c, CONTROL_OP_OPERATION, CONTROL_NO_SHARD, &request);
	o->writing = c->operation_op;
	o->dirty = !c->operation_op;
}

void control_ops_step(struct control *c, uint64_t now_ns)
{
	struct control_operation *o = control_current(c);
	const uint32_t before = o == NULL ? 0 : o->op.state;
	struct ops_world world;

	if (o == NULL || !control_plans(c) || c->view_sequence == 0 || c->plan.version == 0)
		return;
	world = control_ops_world(c);
	if (ops_step(&o->op, &world)) {
		o->dirty = true;
		o->stall_noted = false;
		c->plan_dirty = true;
		if (o->op.state != before)
			control_note(c, "operation.ended", CONTROL_NO_SHARD, 0, o->op.number);
	}
	if (now_ns >= c->operation_due_ns) /* by time alone another item may have its turn */
		c->plan_dirty = true;
	if (ops_stalled(&o->op, world.now_ms) && !o->stall_noted) {
		o->stall_noted = true;
		control_note(c, "operation.stalled", CONTROL_NO_SHARD, SAGA_E_TIMEOUT,
			     o->op.number);
	}
	const uint64_t due_ms = ops_deadline_ms(&o->op, world.now_ms);

	c->operation_due_ns = due_ms == UINT64_MAX ? CONTROL_NEVER
						   : now_ns + (due_ms - world.now_ms) * CONTROL_MS;
	if (o->dirty && !c->operation_op && c->view_sequence >= c->operation_need_range &&
	    now_ns >= c->operation_retry_ns)
		control_operation_write(c, o);
}

void control_ops_result(struct control *c, uint64_t now_ns, const struct lease_result *result)
{
	struct control_operation *o = control_find_operation(c, c->operation_number);

	c->operation_op = false;
	if (o != NULL)
		o->writing = false;
	if (result->error == 0 && result->succeeded) {
		if (control_wrote(c, result->revision) && o != NULL)
			o->key.mod = result->revision;
		return;
	}
	if (o != NULL)
		o->dirty = true;
	c->operation_need_range = control_next_range(c); /* C2 */
	control_read_again(c);
	if (result->error == 0)
		return;
	c->operation_retry_ns = now_ns + CONTROL_RETRY_MS * CONTROL_MS;
	control_note(c, "operation.write_failed", CONTROL_NO_SHARD, result->error,
		     c->operation_number);
}

uint64_t control_ops_deadline(const struct control *c)
{
	return control_plans(c) && control_current(c) != NULL ? c->operation_due_ns : CONTROL_NEVER;
}

/* ---- for who tells people ----------------------------------------------------------------------
 */

uint32_t control_operation_count(const struct control *c)
{
	return c->operation_count;
}

const struct ops *control_operation_at(const struct control *c, uint32_t index)
{
	CHECK_LT(index, c->operation_count);
	return &c->operations[index].op;
}

uint32_t control_phase_seen(struct control *c, const struct ops_item *item)
{
	struct ops_fact fact;

	(void)control_ops_world(c);
	control_ops_look(c, item, &fact);
	return ops_phase_seen(item, &fact);
}
