#include "node/admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/os_clock.h"
#include "base/os_log.h"
#include "node/reply_subject.h"

static const char QUEUE[] = "sagad"; /* one node answers */

/* Which of the fields that name something a verb takes: all of these, and no other. */
enum { TAKES_SHARD = 1, TAKES_NODE = 2, TAKES_OPERATION = 4, MAY_NODE = 8, MAY_PLAN = 16 };

static const uint8_t takes[WIRE_ADMIN_VERBS] = {
	[WIRE_ADMIN_EXPLAIN] = TAKES_SHARD,
	[WIRE_ADMIN_HISTORY] = TAKES_SHARD,
	[WIRE_ADMIN_OP] = TAKES_OPERATION,
	[WIRE_ADMIN_REBALANCE] = MAY_NODE | MAY_PLAN,
	[WIRE_ADMIN_MOVE] = MAY_PLAN,
	[WIRE_ADMIN_DRAIN] = TAKES_NODE | MAY_PLAN,
	[WIRE_ADMIN_REMOVE] = TAKES_NODE | MAY_PLAN,
	[WIRE_ADMIN_PIN] = TAKES_SHARD | MAY_NODE,
	[WIRE_ADMIN_UNPIN] = TAKES_SHARD,
	[WIRE_ADMIN_FREEZE] = TAKES_SHARD,
	[WIRE_ADMIN_UNFREEZE] = TAKES_SHARD,
	[WIRE_ADMIN_CORDON] = TAKES_NODE,
	[WIRE_ADMIN_UNCORDON] = TAKES_NODE,
	[WIRE_ADMIN_UNDRAIN] = TAKES_NODE,
	[WIRE_ADMIN_PAUSE] = TAKES_OPERATION,
	[WIRE_ADMIN_RESUME] = TAKES_OPERATION,
	[WIRE_ADMIN_CANCEL] = TAKES_OPERATION,
	[WIRE_ADMIN_THROTTLE] = TAKES_OPERATION,
};

struct wire_admin_answer admin_answer_begin(struct admin *a, int code)
{
	struct control_view view;

	control_view(a->daemon->control, &view);
	return (struct wire_admin_answer){
		.code = err_to_wire(code),
		.node = id_slice(&a->daemon->config->node_id),
		.plan_version = view.plan_version,
		.planner = view.planner,
		.now = os_clock_wall_ms(),
	};
}

void admin_answer(struct admin *a, const char *reply, const struct wire_admin_answer *answer)
{
	struct transport *t = a->daemon->transport;
	int error;

	buf_clear(&a->scratch);
	error = wire_encode(WIRE_ADMIN_ANSWER, answer, &a->scratch);
	if (error == 0)
		error = t->ops->publish(t, reply, slice_of(NULL, 0), NULL, 0,
					buf_slice(&a->scratch));
	if (error != 0)
		LOG(LOG_WARN, "admin.not_answered", log_code(error));
}

void admin_refuse(struct admin *a, const char *reply, int code, const char *text)
{
	struct wire_admin_answer answer = admin_answer_begin(a, code);

	answer.text = wire_text_cut(slice_str(text), WIRE_TEXT_SIZE_MAX);
	admin_answer(a, reply, &answer);
}

struct admin_slot *admin_slot_take(struct admin *a, const char *reply)
{
	for (uint32_t i = 0; i < ADMIN_SLOTS; i++) {
		struct admin_slot *slot = &a->slots[i];

		if (slot->used)
			continue;
		slot->used = true;
		slot->waits = false;
		slot->again = false;
		slot->admin = a;
		slot->request = 0;
		slot->ticket = ++a->tickets;
		slot->deadline_ns = os_clock_boot_ns() + ADMIN_ORDER_MS * UINT64_C(1000000);
		(void)snprintf(slot->reply, sizeof slot->reply, "%s", reply);
		return slot;
	}
	return NULL;
}

/* ---- orders ------------------------------------------------------------------------------------
 */

/* What still comes, in words. */
static void say_what_follows(struct admin *a, const struct admin_slot *slot,
			     struct wire_admin_answer *answer)
{
	const struct wire_operation *op = &answer->operations[0];

	a->text[0] = '\0';
	if (slot->order.verb == WIRE_ADMIN_CANCEL && op->moving > 0)
		(void)snprintf(a->text, sizeof a->text,
			       "%u moves under way will finish or be taken back within %u s; "
			       "%u planned moves are dropped; %u are done and stay",
			       op->moving, (op->timeout_ms + 999) / 1000, op->planned + op->skipped,
			       op->done);
	else if (slot->order.verb == WIRE_ADMIN_CANCEL)
		(void)snprintf(a->text, sizeof a->text,
			       "nothing is under way; %u planned moves are dropped; %u are done "
			       "and stay",
			       op->planned + op->skipped, op->done);
	else if (slot->order.verb == WIRE_ADMIN_PAUSE && op->moving > 0)
		(void)snprintf(a->text, sizeof a->text,
			       "%u moves under way will finish; nothing new begins", op->moving);
	answer->text = slice_str(a->text);
}

static void order_done(struct admin *a, struct admin_slot *slot, int error, uint64_t operation)
{
	struct wire_admin_answer answer = admin_answer_begin(a, error);

	LOG(error == 0 ? LOG_INFO : LOG_WARN, "admin.order",
	    log_str("verb", wire_admin_verb_name(slot->order.verb)), log_str("party", slot->party),
	    log_str("actor", slot->actor), log_str("reason", slot->reason),
	    log_num("operation", (int64_t)operation), log_code(error));
	if (operation != 0 && admin_put_operation(a, operation, &answer))
		say_what_follows(a, slot, &answer);
	if (error == SAGA_E_OPERATION)
		admin_put_operations(a, &answer);
	admin_answer(a, slot->reply, &answer);
	slot->used = false;
}

static bool worth_another_try(int error)
{
	return error == SAGA_E_COMPARE ||
	       (error != 0 && err_class(error) == ERR_CLASS_RETRY && error != SAGA_E_OPERATION);
}

static void order_try(struct admin *a, struct admin_slot *slot)
{
	const uint64_t now_ns = os_clock_boot_ns();
	int error;

	slot->again = false;
	error = control_order(a->daemon->control, now_ns, &slot->order, slot->ticket);
	if (error == 0)
		return;
	if (worth_another_try(error) && now_ns < slot->deadline_ns)
		slot->again = true;
	else
		order_done(a, slot, error, 0);
}

static void on_ordered(void *context, uint64_t ticket, int error, uint64_t operation)
{
	struct admin *a = context;

	for (uint32_t i = 0; i < ADMIN_SLOTS; i++) {
		struct admin_slot *slot = &a->slots[i];

		if (!slot->used || slot->ticket != ticket)
			continue;
		if (worth_another_try(error) && os_clock_boot_ns() < slot->deadline_ns)
			slot->again = true; /* with the next tick: not from inside the core */
		else
			order_done(a, slot, error, operation);
		return;
	}
}

static void order_begin(struct admin *a, uint32_t verb, struct slice party,
			const struct wire_admin_request *request, const char *reply,
			const struct wire_admin_answer *plan)
{
	struct admin_slot *slot = admin_slot_take(a, reply);

	if (slot == NULL) {
		admin_refuse(a, reply, SAGA_E_BUSY, "other orders are at work: try again");
		return;
	}
	(void)snprintf(slot->actor, sizeof slot->actor, "%.*s", (int)request->actor.size,
		       (const char *)request->actor.data);
	(void)snprintf(slot->reason, sizeof slot->reason, "%.*s", (int)request->reason.size,
		       (const char *)request->reason.data);
	(void)snprintf(slot->party, sizeof slot->party, "%.*s", (int)party.size,
		       (const char *)party.data);
	slot->order = (struct control_order){
		.verb = verb,
		.shard = request->shard,
		.actor = slot->actor,
		.reason = slot->reason,
		.unix_ms = os_clock_wall_ms(),
		.plan_version = plan == NULL ? 0 : plan->plan_version,
		.limits = {.max_moves = request->max_moves,
			   .max_moves_per_node = request->max_moves_per_node,
			   .pace_ms = request->pace_ms,
			   .timeout_ms = request->timeout_ms},
		.has_pace = request->has_pace,
		.items = slot->items,
	};
	/* Names were checked by the decoder. */
	if (request->node.size > 0 && verb != WIRE_ADMIN_REBALANCE)
		CHECK_EQ(id_from(&slot->order.node, request->node), 0);
	if (request->operation.size > 0 &&
	    ops_id_parse(request->operation, &slot->order.operation) != 0)
		slot->order.operation = 0; /* there is none of this name */
	if (plan != NULL)
		slot->order.item_count = admin_plan_items(plan, slot->items);
	order_try(a, slot);
}

/* ---- requests ----------------------------------------------------------------------------------
 */

static const char *missing(uint32_t verb, const struct wire_admin_request *request)
{
	const uint8_t wants = takes[verb];

	if (wants & TAKES_SHARD && !request->has_shard)
		return "has_shard";
	if (wants & TAKES_NODE && request->node.size == 0)
		return "node";
	if (wants & TAKES_OPERATION && request->operation.size == 0)
		return "operation";
	if (!wire_admin_verb_orders(verb) || (wants & MAY_PLAN && !request->apply))
		return NULL;
	if (request->actor.size == 0)
		return "actor";
	return request->reason.size == 0 ? "reason" : NULL;
}

static const char *surplus(uint32_t verb, const struct wire_admin_request *request)
{
	const uint8_t wants = takes[verb];

	if (!(wants & TAKES_SHARD) && request->has_shard)
		return "has_shard";
	if (!(wants & (TAKES_NODE | MAY_NODE)) && request->node.size > 0)
		return "node";
	if (!(wants & TAKES_OPERATION) && request->operation.size > 0)
		return "operation";
	if (!(wants & MAY_PLAN) && (request->move_count > 0 || request->load_count > 0))
		return request->move_count > 0 ? "moves" : "loads";
	return NULL;
}

/* Some that an order would be given in vain. */
static int known(struct admin *a, uint32_t verb, const struct wire_admin_request *request)
{
	struct control *c = a->daemon->control;
	struct wire_admin_answer answer = {0};
	struct id node = {0};

	if (request->has_shard && request->shard >= a->daemon->cluster.slots.shard_count)
		return SAGA_E_NO_SUCH;
	if (request->node.size == 0)
		return 0;
	CHECK_EQ(id_from(&node, request->node), 0);
	/* Marks of nodes that are not there may be made and must be removable. */
	if (verb == WIRE_ADMIN_UNDRAIN && control_ops_empties(c, &node))
		return SAGA_E_OPERATION;
	if (verb == WIRE_ADMIN_CORDON || verb == WIRE_ADMIN_UNCORDON || verb == WIRE_ADMIN_UNDRAIN)
		return 0;
	admin_put_nodes(a, &answer);
	return admin_find_node(&answer, request->node) == UINT32_MAX ? SAGA_E_NO_SUCH : 0;
}

/* Made for another plan: what would be done now is told instead. */
static int plan_anew(struct admin *a, uint32_t verb, const struct wire_admin_request *request,
		     struct wire_admin_answer *answer)
{
	struct wire_admin_request anew = *request;

	if (verb != WIRE_ADMIN_MOVE)
		anew.move_count = 0;
	anew.apply = false;
	if (admin_plan(a, verb, &anew, answer) != 0)
		answer->move_count = 0;
	(void)snprintf(a->text, sizeof a->text,
		       "made for plan %" PRIu64 ", which is %" PRIu64 " now", request->plan_version,
		       answer->plan_version);
	return SAGA_E_PLAN_STALE;
}

static void do_plan(struct admin *a, uint32_t verb, struct slice party,
		    const struct wire_admin_request *request, const char *reply)
{
	struct wire_admin_answer answer = admin_answer_begin(a, 0);
	int error;

	a->text[0] = '\0';
	if (request->apply && control_ops_running(a->daemon->control)) {
		error = SAGA_E_OPERATION;
		admin_put_operations(a, &answer);
	} else if (request->plan_version != 0 && request->plan_version != answer.plan_version) {
		error = plan_anew(a, verb, request, &answer);
	} else {
		error = admin_plan(a, verb, request, &answer);
	}
	if (error == 0 && request->apply && (answer.move_count > 0 || verb >= WIRE_ADMIN_DRAIN)) {
		order_begin(a, verb, party, request, reply, &answer);
		return;
	}
	answer.code = err_to_wire(error);
	answer.text = slice_str(a->text);
	admin_answer(a, reply, &answer);
}

static void do_read(struct admin *a, uint32_t verb, const struct wire_admin_request *request,
		    const char *reply)
{
	struct wire_admin_answer answer = admin_answer_begin(a, 0);
	uint64_t number = 0;

	switch (verb) {
	case WIRE_ADMIN_SHARDS:
		admin_put_shards(a, &answer);
		break;
	case WIRE_ADMIN_EXPLAIN:
		admin_put_explain(a, request->shard, &answer);
		break;
	case WIRE_ADMIN_HISTORY:
		admin_read_history(a, request->shard, reply);
		return;
	case WIRE_ADMIN_NODES:
		admin_put_nodes(a, &answer);
		break;
	case WIRE_ADMIN_OPS:
		admin_put_operations(a, &answer);
		break;
	default:
		if (ops_id_parse(request->operation, &number) != 0 ||
		    !admin_put_operation(a, number, &answer)) {
			admin_refuse(a, reply, SAGA_E_NO_SUCH, "operation");
			return;
		}
		if (answer.operations[0].item_count == 0 &&
		    wire_ops_state_final(answer.operations[0].state)) {
			admin_read_operation(a, number, reply);
			return;
		}
		break;
	}
	admin_answer(a, reply, &answer);
}

static void do_verb(struct admin *a, uint32_t verb, struct slice party,
		    const struct wire_admin_request *request, const char *reply)
{
	const char *field = missing(verb, request);
	int error;

	if (field != NULL) {
		admin_refuse(a, reply, SAGA_E_MISSING, field);
		return;
	}
	field = surplus(verb, request);
	if (field != NULL) {
		admin_refuse(a, reply, SAGA_E_FIELD, field);
		return;
	}
	error = known(a, verb, request);
	if (error != 0) {
		admin_refuse(a, reply, error,
			     error == SAGA_E_OPERATION ? "an operation empties the node: cancel it"
			     : request->has_shard && request->node.size == 0 ? "shard"
									     : "node");
		return;
	}
	if (takes[verb] & MAY_PLAN)
		do_plan(a, verb, party, request, reply);
	else if (wire_admin_verb_orders(verb))
		order_begin(a, verb, party, request, reply, NULL);
	else
		do_read(a, verb, request, reply);
}

/* Decodes and does it; the bytes outlive the call. */
static void do_request(struct admin *a, uint32_t verb, struct slice party, struct slice bytes,
		       const char *reply)
{
	struct wire_admin_request request = {0};
	struct wire_fault fault = {0};
	struct arena arena;

	arena_init(&arena, a->arena_memory, sizeof a->arena_memory);
	if (wire_decode(WIRE_ADMIN_REQUEST, bytes, &arena, &request, &fault) == 0) {
		do_verb(a, verb, party, &request, reply);
		return;
	}
	(void)snprintf(a->text, sizeof a->text, "%s, at byte %u",
		       fault.field == NULL || fault.field[0] == '\0' ? "message" : fault.field,
		       fault.offset);
	admin_refuse(a, reply, fault.code, a->text);
}

/* Orders are judged by what is so now, whichever node was told of it before; likewise whether there
 * is an operation. */
static void wait_for_view(struct admin *a, uint32_t verb, struct slice party, struct slice bytes,
			  const char *reply)
{
	struct admin_slot *slot = admin_slot_take(a, reply);

	if (slot == NULL) {
		admin_refuse(a, reply, SAGA_E_BUSY, "other requests are at work: try again");
		return;
	}
	slot->waits = true;
	slot->verb = verb;
	slot->size = bytes.size;
	if (bytes.size > 0)
		memcpy(slot->bytes, bytes.data, bytes.size);
	(void)snprintf(slot->party, sizeof slot->party, "%.*s", (int)party.size,
		       (const char *)party.data);
	slot->read = control_read_now(a->daemon->control, os_clock_boot_ns());
}

static void end_wait(struct admin *a, struct admin_slot *slot, uint64_t now_ns)
{
	const bool fresh = control_has_read(a->daemon->control, slot->read);
	char reply[SUBJECT_SIZE_MAX];
	char party[ID_SIZE_MAX + 1];

	if (!fresh && now_ns < slot->deadline_ns)
		return;
	(void)snprintf(reply, sizeof reply, "%s", slot->reply);
	(void)snprintf(party, sizeof party, "%s", slot->party);
	slot->used = false; /* what is done may take it again, and leaves its bytes alone */
	slot->waits = false;
	if (!fresh && wire_admin_verb_orders(slot->verb))
		admin_refuse(a, reply, SAGA_E_ETCD, "etcd cannot be read now");
	else
		do_request(a, slot->verb, slice_str(party), slice_of(slot->bytes, slot->size),
			   reply);
}

static void on_request(void *context, const struct transport_message *message)
{
	struct admin *a = context;
	struct daemon *d = a->daemon;
	char reply[SUBJECT_SIZE_MAX];
	struct slice party;
	uint32_t verb;

	if (message->status != 0 || d->closing ||
	    !reply_subject_allowed(d->config->nats_inbox_prefixes,
				   d->config->nats_inbox_prefix_count, message->reply))
		return;
	reply_subject_copy(message->reply, reply);
	if (subject_parse_admin(d->config->nats_prefix, message->subject, &verb, &party) != 0)
		admin_refuse(a, reply, SAGA_E_KIND, "no such verb, or no name for who asks");
	else if (!d->cluster_known)
		admin_refuse(a, reply,
			     control_phase(d->control) == CONTROL_UNINITIALISED
				     ? SAGA_E_NOT_INITIALISED
				     : SAGA_E_ETCD,
			     "");
	else if (message->data.size > ADMIN_REQUEST_SIZE)
		admin_refuse(a, reply, SAGA_E_TOO_LARGE, "");
	else if (wire_admin_verb_orders(verb) || verb == WIRE_ADMIN_OP)
		wait_for_view(a, verb, party, message->data, reply);
	else
		do_request(a, verb, party, message->data, reply);
}

/* ---- for the daemon ----------------------------------------------------------------------------
 */

void admin_tick(struct admin *a, uint64_t now_ns)
{
	for (uint32_t i = 0; i < ADMIN_SLOTS; i++) {
		if (a->slots[i].used && a->slots[i].waits)
			end_wait(a, &a->slots[i], now_ns);
		else if (a->slots[i].used && a->slots[i].again)
			order_try(a, &a->slots[i]);
	}
	admin_stream_tick(a, now_ns);
}

int admin_open(struct daemon *d, struct admin **admin)
{
	const struct subject all = subject_admin_all(d->config->nats_prefix);
	struct admin *a = calloc(1, sizeof *a);
	int error;

	if (a == NULL)
		return SAGA_E_NO_MEMORY;
	a->daemon = d;
	buf_init(&a->scratch, WIRE_MESSAGE_SIZE_MAX);
	admin_stream_init(a);
	control_on_ordered(d->control, on_ordered, a);
	error = d->transport->ops->subscribe(d->transport, all.text, QUEUE, on_request, a,
					     &a->subscription);
	if (error != 0) {
		admin_close(a);
		return error;
	}
	*admin = a;
	return 0;
}

void admin_close(struct admin *a)
{
	struct transport *t;

	if (a == NULL)
		return;
	t = a->daemon->transport;
	control_on_ordered(a->daemon->control, NULL, NULL);
	if (a->subscription != NULL)
		t->ops->unsubscribe(t, a->subscription);
	for (uint32_t i = 0; i < ADMIN_SLOTS; i++) {
		if (a->slots[i].used && a->slots[i].request != 0)
			t->ops->cancel(t, a->slots[i].request);
	}
	admin_stream_close(a);
	buf_close(&a->scratch);
	free(a);
}
