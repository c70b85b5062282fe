/* What people order (control.h): each is one transaction under compare, whichever node it came to;
 * its answer is told only when the view shows what became of it. */
#include "sharding/control_internal.h"

static struct slice control_key_mark(const struct control *c, enum mark_kind kind,
				     const struct control_order *order, char text[CONTROL_KEY_MAX])
{
	if (kind == MARK_PIN || kind == MARK_FREEZE)
		return control_key_numbered(c, mark_folder(kind), order->shard, text);
	return control_key_named(c, mark_folder(kind), &order->node, text);
}

static int control_mark_put(const struct control_order *order, enum mark_kind kind,
			    struct buf *text)
{
	struct mark mark = {.at_unix_ms = order->unix_ms};

	if (kind == MARK_PIN)
		mark.node = order->node;
	if (strlen(order->actor) > MARK_ACTOR_MAX || strlen(order->reason) > MARK_REASON_MAX)
		return SAGA_E_TOO_LARGE;
	memcpy(mark.actor, order->actor, strlen(order->actor) + 1);
	memcpy(mark.reason, order->reason, strlen(order->reason) + 1);
	return mark_encode(kind, &mark, text);
}

/* ---- sending and answering ---------------------------------------------------------------------
 */

static struct control_ordered *control_ordered_slot(struct control *c)
{
	for (uint32_t i = 0; i < CONTROL_ORDERS_MAX; i++) {
		if (c->orders[i].state == CONTROL_ORDER_FREE)
			return &c->orders[i];
	}
	return NULL;
}

static int control_order_send(struct control *c, uint64_t ticket, uint64_t operation,
			      struct lease_request *request)
{
	struct control_ordered *slot = control_ordered_slot(c);

	if (slot == NULL)
		return SAGA_E_BUSY;
	request->kind = LEASE_TXN;
	request->timeout_ms = (uint32_t)control_request_ms(c);
	if (!control_send(c, CONTROL_OP_ORDER, (uint32_t)(slot - c->orders), request))
		return SAGA_E_BUSY;
	*slot = (struct control_ordered){
		.state = CONTROL_ORDER_SENT, .ticket = ticket, .operation = operation};
	return 0;
}

void control_orders_result(struct control *c, const struct control_op *op,
			   const struct lease_result *result)
{
	struct control_ordered *slot = &c->orders[op->shard];

	CHECK_EQ(slot->state, CONTROL_ORDER_SENT);
	slot->error = result->error;
	if (result->error == 0 && !result->succeeded)
		slot->error = SAGA_E_COMPARE;
	if (result->error == 0 && result->succeeded)
		(void)control_wrote(c, result->revision);
	slot->state = CONTROL_ORDER_ANSWERED;
	slot->need_range = control_next_range(c);
	control_read_again(c);
}

void control_orders_step(struct control *c)
{
	for (uint32_t i = 0; i < CONTROL_ORDERS_MAX; i++) {
		struct control_ordered *slot = &c->orders[i];
		const struct control_ordered told = *slot;

		if (slot->state != CONTROL_ORDER_ANSWERED || c->view_sequence < slot->need_range)
			continue;
		slot->state = CONTROL_ORDER_FREE;
		if (c->ordered != NULL)
			c->ordered(c->ordered_context, told.ticket, told.error, told.operation);
	}
}

void control_on_ordered(struct control *c, control_ordered_fn ordered, void *context)
{
	c->ordered = ordered;
	c->ordered_context = context;
}

/* ---- marks -------------------------------------------------------------------------------------
 */

static int control_order_mark(struct control *c, const struct control_order *order,
			      enum mark_kind kind, bool remove, uint64_t ticket)
{
	char key[CONTROL_KEY_MAX];
	char value[MARK_TEXT_MAX];
	struct buf text;
	struct lease_request request = {.write_count = 1};
	int error = 0;

	buf_init_fixed(&text, (uint8_t *)value, sizeof value);
	if (!remove)
		error = control_mark_put(order, kind, &text);
	if (error != 0)
		return error;
	request.writes[0].key = control_key_mark(c, kind, order, key);
	request.writes[0].remove = remove;
	request.writes[0].value = remove ? slice_of(NULL, 0) : buf_slice(&text);
	return control_order_send(c, ticket, 0, &request);
}

/* ---- operations --------------------------------------------------------------------------------
 */

static void control_compare_operation(const struct control *c, uint64_t number, int64_t mod,
				      struct lease_request *request, char key[CONTROL_KEY_MAX])
{
	struct lease_compare *compare = &request->compares[request->compare_count++];

	compare->key = control_key_operation(c, number, key);
	compare->target = mod == 0 ? LEASE_CREATE_REVISION : LEASE_MOD_REVISION;
	compare->equals = mod;
}

static int control_operation_put(struct control *c, const struct ops *op, struct slice key,
				 struct lease_request *request)
{
	struct lease_write *write = &request->writes[request->write_count];
	struct buf text;
	int error;

	buf_init_fixed(&text, c->operation_text, sizeof c->operation_text);
	error = ops_encode(op, &text);
	if (error != 0)
		return error;
	write->key = key;
	write->value = buf_slice(&text);
	request->write_count++;
	return 0;
}

static bool control_empties(uint32_t kind)
{
	return kind == WIRE_OPS_DRAIN || kind == WIRE_OPS_REMOVE;
}

/* An earlier try of this very order, whose answer was lost, may have begun it. */
static const struct control_operation *control_begun(const struct control *c,
						     const struct control_order *order)
{
	for (uint32_t i = 0; i < c->operation_count; i++) {
		const struct ops *op = &c->operations[i].op;

		if (op->created_ms == order->unix_ms && strcmp(op->actor, order->actor) == 0 &&
		    strcmp(op->reason, order->reason) == 0)
			return &c->operations[i];
	}
	return NULL;
}

static void control_operation_fill(const struct control *c, const struct control_order *order,
				   struct ops *op)
{
	memset(op, 0, sizeof *op);
	op->number = c->operation_next;
	op->kind = order->verb - WIRE_ADMIN_REBALANCE + WIRE_OPS_REBALANCE;
	op->state = WIRE_OPS_RUNNING;
	op->version = 1;
	op->plan_version = c->plan.version;
	op->node = order->node;
	memcpy(op->actor, order->actor, strlen(order->actor) + 1);
	memcpy(op->reason, order->reason, strlen(order->reason) + 1);
	op->created_ms = op->updated_ms = order->unix_ms;
	op->limits = order->limits;
	ops_limits_fill(&op->limits);
	op->item_count = order->item_count;
	for (uint32_t i = 0; i < order->item_count; i++)
		op->items[i] = order->items[i];
}

static int control_order_begin(struct control *c, const struct control_order *order,
			       uint64_t ticket)
{
	char plan_key[CONTROL_KEY_MAX];
	char key[CONTROL_KEY_MAX];
	char mark_key[CONTROL_KEY_MAX];
	char value[MARK_TEXT_MAX];
	struct lease_request request = {.compare_count = 1};
	struct ops *op = &c->operation_scratch;
	struct buf text;
	int error;

	if (control_begun(c, order) != NULL)
		return SAGA_E_ALREADY_INITIALISED; /* not seen outside: control_order */
	if (control_ops_running(c))
		return SAGA_E_OPERATION;
	if (order->plan_version != 0 && order->plan_version != c->plan.version)
		return SAGA_E_PLAN_STALE;
	control_operation_fill(c, order, op);
	request.compares[0].key = control_key_fixed(c, "plan", plan_key);
	request.compares[0].target = LEASE_MOD_REVISION;
	request.compares[0].equals = c->plan_key.mod;
	control_compare_operation(c, op->number, 0, &request, key);
	error = control_operation_put(c, op, request.compares[1].key, &request);
	if (error != 0)
		return error;
	if (control_empties(op->kind)) {
		buf_init_fixed(&text, (uint8_t *)value, sizeof value);
		error = control_mark_put(order, MARK_DRAIN, &text);
		if (error != 0)
			return error;
		request.writes[1].key = control_key_mark(c, MARK_DRAIN, order, mark_key);
		request.writes[1].value = buf_slice(&text);
		request.write_count = 2;
	}
	return control_order_send(c, ticket, op->number, &request);
}

static int control_order_change(struct ops *op, const struct control_order *order)
{
	switch (order->verb) {
	case WIRE_ADMIN_PAUSE:
		return ops_pause(op);
	case WIRE_ADMIN_RESUME:
		return ops_resume(op);
	case WIRE_ADMIN_CANCEL:
		return ops_cancel(op);
	case WIRE_ADMIN_THROTTLE:
		return ops_throttle(op, &order->limits, order->has_pace);
	default:
		break;
	}
	/* Its items stand in the stream: here their counts stay. */
	CHECK_EQ(order->verb, CONTROL_ORDER_ARCHIVED);
	if (!ops_final(op))
		return SAGA_E_STATE;
	struct ops_counts counts;

	ops_count(op, &counts);
	op->done = counts.done;
	op->failed = counts.failed;
	op->rolled_back = counts.rolled_back;
	op->skipped = counts.skipped;
	op->longest_ms = counts.longest_ms;
	op->item_count = 0;
	op->archived = true;
	return 0;
}

/* With each one that is archived the oldest goes, once there are too many; never the newest, from
 * which the next number follows. */
static void control_forget_oldest(const struct control *c, struct lease_request *request,
				  char key[CONTROL_KEY_MAX])
{
	const struct control_operation *oldest = &c->operations[0];

	if (c->operation_count <= OPS_KEPT_MAX || !ops_final(&oldest->op))
		return;
	request->writes[request->write_count].key =
		control_key_operation(c, oldest->op.number, key);
	request->writes[request->write_count].remove = true;
	request->write_count++;
}

static int control_order_operation(struct control *c, const struct control_order *order,
				   uint64_t ticket)
{
	const struct control_operation *o = control_find_operation(c, order->operation);
	char key[CONTROL_KEY_MAX];
	char other_key[CONTROL_KEY_MAX];
	struct lease_request request = {0};
	struct ops *op = &c->operation_scratch;
	int error;

	if (o == NULL || o->op.kind == 0)
		return SAGA_E_NO_SUCH;
	*op = o->op;
	error = control_order_change(op, order);
	if (error != 0)
		return error;
	op->version++;
	if (order->verb != CONTROL_ORDER_ARCHIVED)
		op->updated_ms = order->unix_ms;
	control_compare_operation(c, op->number, o->key.mod, &request, key);
	error = control_operation_put(c, op, request.compares[0].key, &request);
	if (error != 0)
		return error;
	if (order->verb == CONTROL_ORDER_ARCHIVED)
		control_forget_oldest(c, &request, other_key);
	if (order->verb == WIRE_ADMIN_CANCEL && control_empties(op->kind)) {
		request.writes[request.write_count].key =
			control_key_named(c, mark_folder(MARK_DRAIN), &op->node, other_key);
		request.writes[request.write_count].remove = true;
		request.write_count++;
	}
	return control_order_send(c, ticket, op->number, &request);
}

/* ---- all of them -------------------------------------------------------------------------------
 */

static int control_order_any(struct control *c, const struct control_order *order, uint64_t ticket)
{
	switch (order->verb) {
	case WIRE_ADMIN_REBALANCE:
	case WIRE_ADMIN_MOVE:
	case WIRE_ADMIN_DRAIN:
	case WIRE_ADMIN_REMOVE:
		return control_order_begin(c, order, ticket);
	case WIRE_ADMIN_PIN:
	case WIRE_ADMIN_UNPIN:
		return control_order_mark(c, order, MARK_PIN, order->verb == WIRE_ADMIN_UNPIN,
					  ticket);
	case WIRE_ADMIN_FREEZE:
	case WIRE_ADMIN_UNFREEZE:
		return control_order_mark(c, order, MARK_FREEZE, order->verb == WIRE_ADMIN_UNFREEZE,
					  ticket);
	case WIRE_ADMIN_CORDON:
	case WIRE_ADMIN_UNCORDON:
		return control_order_mark(c, order, MARK_CORDON, order->verb == WIRE_ADMIN_UNCORDON,
					  ticket);
	case WIRE_ADMIN_UNDRAIN:
		return control_order_mark(c, order, MARK_DRAIN, true, ticket);
	default:
		return control_order_operation(c, order, ticket);
	}
}

int control_order(struct control *c, uint64_t now_ns, const struct control_order *order,
		  uint64_t ticket)
{
	int error;

	c->now_ns = now_ns;
	if (c->view_sequence == 0 || !c->has_cluster)
		return SAGA_E_ETCD;
	if (order->shard >= c->shard_count)
		return SAGA_E_NO_SUCH;
	error = control_order_any(c, order, ticket);
	if (error == SAGA_E_ALREADY_INITIALISED) {
		struct control_ordered *slot = control_ordered_slot(c);

		if (slot == NULL)
			return SAGA_E_BUSY;
		*slot = (struct control_ordered){.state = CONTROL_ORDER_ANSWERED,
						 .ticket = ticket,
						 .operation = control_begun(c, order)->op.number};
		return 0;
	}
	return error;
}
