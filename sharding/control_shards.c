/* Which shards this node takes and gives up. */
#include "sharding/control_internal.h"

static bool control_is_me(const struct control *c, const struct id *id)
{
	return id_equal(id, &c->node);
}

static const struct id *control_target(const struct control *c, uint32_t shard)
{
	static const struct id nobody;

	return shard < c->plan.shard_count ? &c->plan.target[shard] : &nobody;
}

static bool control_mine(const struct control *c, const struct control_shard *s)
{
	return s->owner.create != 0 && s->owner.lease == c->lease_id;
}

/* The worker has it: assigned, not released. */
static bool control_assigned(enum ownership state)
{
	return state == OWNERSHIP_REPLAYING || state == OWNERSHIP_SERVING ||
	       state == OWNERSHIP_QUIESCING || state == OWNERSHIP_HALTED;
}

/* My turn at a shard that nobody has taken for too long: 2 x TTL for the first in rendezvous
 * order, half a TTL more for each after it (S21). CONTROL_NEVER when I am not in the order. */
static uint64_t control_turn_ns(const struct control *c, uint32_t shard)
{
	const struct control_shard *s = &c->shards[shard];
	struct plan_node nodes[PLAN_NODES_MAX];
	uint32_t order[PLAN_NODES_MAX];
	uint32_t count;

	count = plan_order(nodes, control_plan_nodes(c, nodes), shard, order);
	for (uint32_t i = 0; i < count; i++) {
		if (control_is_me(c, &nodes[order[i]].id))
			return s->unowned_ns + (2 + i / 2) * c->granted_ms * CONTROL_MS +
			       (i % 2) * c->granted_ms * CONTROL_MS / 2;
	}
	return CONTROL_NEVER;
}

static bool control_may_take(const struct control *c, uint32_t shard, uint64_t now_ns)
{
	const struct control_shard *s = &c->shards[shard];

	if (c->stopping || c->node_revision == 0 || s->unowned_ns == 0)
		return false;
	if (control_is_me(c, control_target(c, shard)))
		return true;
	/* The cheap test first: the order is worth computing only for a forsaken shard. */
	if (!c->healthy || now_ns < s->unowned_ns + 2 * c->granted_ms * CONTROL_MS)
		return false;
	return now_ns >= control_turn_ns(c, shard);
}

/* Another node is there to take the shard. A target that is not there would only leave it to
 * nobody. */
static bool control_taker(const struct control *c, uint32_t shard)
{
	const struct id *target = control_target(c, shard);
	const struct control_node *taker = control_find_node(c, target);

	return taker && !taker->stopping && !control_is_me(c, target);
}

/* Whether a shard that I have should go. */
static bool control_should_release(const struct control *c, uint32_t shard, uint64_t now_ns)
{
	const bool taken_by_other = control_taker(c, shard);

	if (!c->stopping)
		return taken_by_other;
	/* A plan that empties me step by step counts as one that comes. */
	const uint64_t since_ns = c->plan_ns > c->stopping_ns ? c->plan_ns : c->stopping_ns;

	return taken_by_other || !control_others_live(c) ||
	       now_ns >= since_ns + 2 * c->granted_ms * CONTROL_MS;
}

/* Whoever takes a shard by order makes itself the plan's target in the same transaction: so the
 * plan never contradicts it, and a planner that has not seen it must plan anew. */
static void control_order_plan(struct control *c, uint32_t shard, struct lease_request *request)
{
	struct buf text;

	control_plan_base(c, &c->plan_scratch);
	plan_take(&c->plan_scratch, shard, &c->node);
	buf_init_fixed(&text, c->text, sizeof c->text);
	CHECK_EQ(plan_encode(&c->plan_scratch, &text), 0);
	request->writes[1].key = request->compares[1].key;
	request->writes[1].value = buf_slice(&text);
	request->write_count = 2;
}

bool control_shard_send(struct control *c, enum control_op_kind kind, uint32_t shard,
			struct lease_request *request)
{
	struct control_shard *s = &c->shards[shard];

	CHECK(!s->op); /* C3 */
	request->kind = LEASE_TXN;
	request->timeout_ms = (uint32_t)control_request_ms(c);
	s->op = control_send(c, kind, shard, request);
	if (!s->op)
		return false;
	c->shard_ops++;
	if (kind == CONTROL_OP_ACQUIRE && request->write_count == 2)
		c->order_op = true;
	return true;
}

static void control_shard_acquire(struct control *c, uint32_t shard)
{
	struct control_shard *s = &c->shards[shard];
	const bool by_order = !control_is_me(c, control_target(c, shard));
	char key[CONTROL_KEY_MAX];
	char plan_key[CONTROL_KEY_MAX];
	char value[CONTROL_VALUE_MAX];
	struct lease_request request = {.compare_count = 2, .write_count = 1};

	CHECK_EQ(s->revision, 0);
	if (c->shard_ops >= c->acquires_max || (by_order && c->order_op))
		return;
	request.compares[0].key = control_key_owner(c, shard, key);
	request.compares[0].target = LEASE_CREATE_REVISION;
	request.compares[1].key = control_key_fixed(c, "plan", plan_key);
	request.compares[1].target = LEASE_MOD_REVISION;
	request.compares[1].equals = c->plan_key.mod;
	request.writes[0].key = request.compares[0].key;
	request.writes[0].value = control_owner_value(c, 0, 0, value);
	request.writes[0].lease_id = c->lease_id;
	if (by_order)
		control_order_plan(c, shard, &request);
	if (!control_shard_send(c, CONTROL_OP_ACQUIRE, shard, &request))
		return;
	ownership_move(&s->state, OWNERSHIP_ACQUIRING);
	if (by_order)
		control_note(c, "shard.taking", shard, 0, (c->now_ns - s->unowned_ns) / CONTROL_MS);
}

/* Deletes my key, or rewrites it with the accepted epoch: both under compare of its creation. */
static void control_shard_rewrite(struct control *c, enum control_op_kind kind, uint32_t shard)
{
	struct control_shard *s = &c->shards[shard];
	char key[CONTROL_KEY_MAX];
	char ready_key[CONTROL_KEY_MAX];
	char value[CONTROL_VALUE_MAX];
	struct lease_request request = {.compare_count = 1, .write_count = 1};

	CHECK(s->revision != 0);
	if (c->shard_ops >= c->acquires_max)
		return;
	request.compares[0].key = control_key_owner(c, shard, key);
	request.compares[0].target = LEASE_CREATE_REVISION;
	request.compares[0].equals = s->revision;
	request.writes[0].key = request.compares[0].key;
	request.writes[0].remove = kind == CONTROL_OP_RELEASE;
	if (kind == CONTROL_OP_OWNER) {
		request.writes[0].value = control_owner_value(c, s->epoch, s->halt_code, value);
		request.writes[0].lease_id = c->lease_id;
		s->sent_epoch = s->epoch;
		s->sent_code = s->halt_code;
	}
	/* Who served before is gone: what was said about taking over from it is settled. */
	if (kind == CONTROL_OP_OWNER && s->ready.mod != 0 &&
	    s->ready_for != (uint64_t)s->revision) {
		request.writes[1].key = control_key_ready(c, shard, ready_key);
		request.writes[1].remove = true;
		request.write_count = 2;
	}
	(void)control_shard_send(c, kind, shard, &request);
}

/* The worker drops it; the key, if it is still mine, is deleted by the steps that follow. */
static void control_shard_fence(struct control *c, uint32_t shard)
{
	struct control_shard *s = &c->shards[shard];

	if (control_assigned(s->state))
		c->io.fence(c->io.context, shard);
	ownership_move(&s->state, OWNERSHIP_FENCED);
	s->keep_sent = false;
	s->epoch = 0;
	s->halt_code = 0;
}

static void control_shard_forget(struct control_shard *s)
{
	ownership_move(&s->state, OWNERSHIP_UNOWNED);
	s->revision = 0;
	s->epoch = 0;
	s->halt_code = 0;
	s->keep_sent = false;
}

static void control_shard_gone(struct control *c, uint32_t shard)
{
	struct control_shard *s = &c->shards[shard];

	if (s->state != OWNERSHIP_RELEASED && s->state != OWNERSHIP_FENCED) {
		control_note(c, "shard.lost", shard, SAGA_E_NOT_OWNER, (uint64_t)s->revision);
		control_shard_fence(c, shard);
	}
	control_shard_forget(s);
}

void control_shards_lost(struct control *c)
{
	for (uint32_t i = 0; i < WIRE_SHARDS_MAX; i++) {
		struct control_shard *s = &c->shards[i];

		s->op = false;
		s->need_range = 0;
		s->retry_ns = 0;
		s->leaving_ns = 0;
		if (s->state == OWNERSHIP_UNOWNED)
			continue;
		if (s->state != OWNERSHIP_FENCED)
			control_shard_fence(c, i);
		control_shard_forget(s);
	}
	c->shard_ops = 0;
	c->order_op = false;
	control_standby_lost(c);
}

/* I hold the key: hand the shard to the worker, unless it is no longer wanted here. */
static void control_shard_won(struct control *c, uint32_t shard, int64_t revision, uint64_t now_ns)
{
	struct control_shard *s = &c->shards[shard];

	CHECK_EQ(s->state, OWNERSHIP_ACQUIRING);
	s->revision = revision;
	s->epoch = 0;
	if (c->stopping || control_should_release(c, shard, now_ns)) {
		ownership_move(&s->state, OWNERSHIP_RELEASED);
		return;
	}
	ownership_move(&s->state, OWNERSHIP_REPLAYING);
	control_note(c, "shard.acquired", shard, 0, (uint64_t)s->revision);
	c->io.assign(c->io.context, shard, (uint64_t)s->revision);
	control_standby_taken(s);
	s->leaving_ns = 0;
}

static void control_step_unowned(struct control *c, uint32_t shard, uint64_t now_ns)
{
	struct control_shard *s = &c->shards[shard];

	if (control_mine(c, s)) {
		/* An acquire whose answer was lost, or came to be after all (S21). */
		ownership_move(&s->state, OWNERSHIP_ACQUIRING);
		control_shard_won(c, shard, s->owner.create, now_ns);
		return;
	}
	if (s->owner.create != 0 || now_ns < s->retry_ns || now_ns < s->acquire_ns ||
	    !control_may_take(c, shard, now_ns))
		return;
	control_shard_acquire(c, shard);
}

static void control_step_working(struct control *c, uint32_t shard, uint64_t now_ns)
{
	struct control_shard *s = &c->shards[shard];
	const bool should_release = control_should_release(c, shard, now_ns);

	if (s->state == OWNERSHIP_QUIESCING) {
		if (should_release && !s->keep_sent &&
		    now_ns >= s->quiescing_ns + CONTROL_QUIESCE_MS * CONTROL_MS) {
			/* The journal's fence makes that safe; a shard stuck here is of no use. */
			control_note(c, "shard.release_overdue", shard, SAGA_E_TIMEOUT,
				     (uint64_t)s->revision);
			control_shard_fence(c, shard);
		} else if (!should_release && !s->keep_sent && !c->stopping) {
			s->keep_sent = true;
			c->io.keep(c->io.context, shard);
			control_note(c, "shard.kept", shard, 0, (uint64_t)s->revision);
		} else if (should_release && s->keep_sent) {
			s->keep_sent = false;
			s->quiescing_ns = now_ns;
			c->io.release(c->io.context, shard);
		}
		return;
	}
	if (!should_release)
		s->leaving_ns = 0;
	else if (s->leaving_ns == 0)
		s->leaving_ns = now_ns;
	/* Who has not served yet keeps nobody waiting. */
	if (should_release && s->state == OWNERSHIP_SERVING && control_taker(c, shard) &&
	    control_standby_awaits(c, shard, now_ns))
		return;
	if (should_release) {
		ownership_move(&s->state, OWNERSHIP_QUIESCING);
		s->keep_sent = false;
		s->quiescing_ns = now_ns;
		c->io.release(c->io.context, shard);
		control_note(c, "shard.releasing", shard, 0, (uint64_t)s->revision);
		return;
	}
	if (s->state == OWNERSHIP_SERVING && s->epoch != s->owner_epoch && now_ns >= s->retry_ns)
		control_shard_rewrite(c, CONTROL_OP_OWNER, shard);
}

static void control_shard_step(struct control *c, uint32_t shard, uint64_t now_ns)
{
	struct control_shard *s = &c->shards[shard];

	if (s->op || c->view_sequence < s->need_range)
		return;
	if (s->revision != 0 && s->owner.create != s->revision) {
		control_shard_gone(c, shard);
		return;
	}
	switch (s->state) {
	case OWNERSHIP_UNOWNED:
		control_step_unowned(c, shard, now_ns);
		break;
	case OWNERSHIP_ACQUIRING: /* the answer was lost, and this is the range after it */
		if (control_mine(c, s))
			control_shard_won(c, shard, s->owner.create, now_ns);
		else
			ownership_move(&s->state, OWNERSHIP_UNOWNED);
		break;
	case OWNERSHIP_REPLAYING:
	case OWNERSHIP_SERVING:
	case OWNERSHIP_QUIESCING:
		control_step_working(c, shard, now_ns);
		break;
	case OWNERSHIP_RELEASED:
	case OWNERSHIP_FENCED:
		if (now_ns >= s->retry_ns)
			control_shard_rewrite(c, CONTROL_OP_RELEASE, shard);
		break;
	case OWNERSHIP_HALTED: /* keeps the key until an operator acts, and says why there */
		if (s->halt_code != s->owner_code && now_ns >= s->retry_ns)
			control_shard_rewrite(c, CONTROL_OP_OWNER, shard);
		break;
	case OWNERSHIP_STATES:
		break;
	}
	control_standby_step(c, shard, now_ns);
}

void control_shards_step(struct control *c, uint64_t now_ns)
{
	if (c->node_revision == 0)
		return;
	for (uint32_t i = 0; i < c->shard_count; i++)
		control_shard_step(c, i, now_ns);
}

static void control_shard_deleted(struct control *c, uint64_t now_ns, uint32_t shard, bool newer)
{
	struct control_shard *s = &c->shards[shard];

	control_note(c, "shard.released", shard, 0, (uint64_t)s->revision);
	control_shard_forget(s);
	c->plan_dirty = true;
	if (!newer)
		return;
	s->owner = (struct control_key){0};
	s->owner_id = (struct id){0};
	s->owner_epoch = 0;
	s->owner_code = 0;
	s->unowned_ns = now_ns;
}

static void control_shard_written(struct control *c, uint64_t now_ns, const struct control_op *op,
				  const struct lease_result *result)
{
	struct control_shard *s = &c->shards[op->shard];

	if (op->kind == CONTROL_OP_READY) {
		control_standby_written(c, op->shard, result);
		return;
	}
	const bool newer = control_wrote(c, result->revision);

	if (op->kind == CONTROL_OP_RELEASE) {
		control_shard_deleted(c, now_ns, op->shard, newer);
		return;
	}
	if (op->kind == CONTROL_OP_OWNER && s->ready_for != (uint64_t)s->revision)
		s->ready = (struct control_key){0};
	if (newer) {
		s->owner.mod = result->revision;
		s->owner.lease = c->lease_id;
		s->owner_id = c->node;
		s->owner_epoch = op->kind == CONTROL_OP_OWNER ? s->sent_epoch : 0;
		s->owner_code = op->kind == CONTROL_OP_OWNER ? s->sent_code : 0;
		s->unowned_ns = 0;
	}
	if (op->kind == CONTROL_OP_OWNER)
		return;
	if (newer)
		s->owner.create = result->revision;
	if (newer && op->by_order) {
		control_plan_base(c, &c->plan_scratch);
		c->plan = c->plan_scratch;
		plan_take(&c->plan, op->shard, &c->node);
		c->plan_key.mod = result->revision;
		c->plan_dirty = true;
	}
	control_shard_won(c, op->shard, result->revision, now_ns);
}

void control_shards_result(struct control *c, uint64_t now_ns, const struct control_op *op,
			   const struct lease_result *result)
{
	struct control_shard *s = &c->shards[op->shard];

	CHECK(s->op);
	s->op = false;
	c->shard_ops--;
	if (op->by_order)
		c->order_op = false;
	if (result->error == 0 && result->succeeded) {
		control_shard_written(c, now_ns, op, result);
		return;
	}
	if (op->kind == CONTROL_OP_ACQUIRE && result->error == 0)
		ownership_move(&s->state, OWNERSHIP_UNOWNED);
	s->need_range = control_next_range(c); /* C2 */
	control_read_again(c);
	if (result->error != 0) {
		s->retry_ns = now_ns + CONTROL_RETRY_MS * CONTROL_MS;
		control_note(c, "shard.write_failed", op->shard, result->error, op->kind);
	}
}

static void control_report_fenced(struct control *c, uint64_t now_ns, uint32_t shard)
{
	struct control_shard *s = &c->shards[shard];
	uint32_t doublings;

	if (s->state == OWNERSHIP_SERVING && now_ns >= s->serving_ns + CONTROL_CALM_MS * CONTROL_MS)
		s->fences = 0;
	doublings = s->fences < CONTROL_FENCED_DOUBLINGS ? s->fences : CONTROL_FENCED_DOUBLINGS;
	s->fences++;
	s->acquire_ns = now_ns + ((uint64_t)CONTROL_FENCED_MS << doublings) * CONTROL_MS;
	control_note(c, "shard.fenced", shard, SAGA_E_FENCED, (uint64_t)s->revision);
	control_shard_fence(c, shard);
}

static void control_report_serving(struct control *c, uint64_t now_ns, uint32_t shard,
				   uint64_t epoch)
{
	struct control_shard *s = &c->shards[shard];

	s->epoch = epoch;
	if (s->state == OWNERSHIP_SERVING)
		return;
	if (s->state == OWNERSHIP_QUIESCING && !s->keep_sent)
		return; /* it was said before my order arrived */
	ownership_move(&s->state, OWNERSHIP_SERVING);
	s->keep_sent = false;
	s->serving_ns = now_ns;
	control_note(c, "shard.serving", shard, 0, epoch);
}

void control_shards_report(struct control *c, uint64_t now_ns, uint32_t shard, enum ownership state,
			   uint64_t epoch, int code)
{
	struct control_shard *s;

	CHECK_LT(shard, WIRE_SHARDS_MAX);
	s = &c->shards[shard];
	if (!control_assigned(s->state))
		return;
	if (epoch != 0 && epoch < (uint64_t)s->revision)
		return; /* of an earlier assignment */
	switch (state) {
	case OWNERSHIP_SERVING:
		if (s->state != OWNERSHIP_HALTED)
			control_report_serving(c, now_ns, shard, epoch);
		break;
	case OWNERSHIP_RELEASED:
		if (s->state == OWNERSHIP_HALTED)
			break;
		if (s->state != OWNERSHIP_QUIESCING) /* crossed with an order to keep it */
			ownership_move(&s->state, OWNERSHIP_QUIESCING);
		ownership_move(&s->state, OWNERSHIP_RELEASED);
		break;
	case OWNERSHIP_FENCED:
		if (s->state != OWNERSHIP_HALTED) /* a halted one keeps its key */
			control_report_fenced(c, now_ns, shard);
		break;
	case OWNERSHIP_HALTED:
		if (s->state == OWNERSHIP_HALTED)
			break;
		ownership_move(&s->state, OWNERSHIP_HALTED);
		s->halt_code = err_to_wire(code != 0 ? code : SAGA_E_INTERNAL);
		control_note(c, "shard.halted", shard, err_from_wire(s->halt_code),
			     (uint64_t)s->revision);
		break;
	default:
		break; /* the other states are mine to say */
	}
}

bool control_shards_given_up(const struct control *c)
{
	for (uint32_t i = 0; i < WIRE_SHARDS_MAX; i++) {
		if (c->shards[i].state != OWNERSHIP_UNOWNED &&
		    c->shards[i].state != OWNERSHIP_HALTED)
			return false;
	}
	return true;
}

uint64_t control_shards_deadline(const struct control *c)
{
	uint64_t deadline = CONTROL_NEVER;

	if (c->node_revision == 0)
		return deadline;
	for (uint32_t i = 0; i < c->shard_count; i++) {
		const struct control_shard *s = &c->shards[i];

		if (s->state == OWNERSHIP_UNOWNED && !s->op && s->unowned_ns != 0 &&
		    control_is_me(c, control_target(c, i)) && s->acquire_ns < deadline)
			deadline = s->acquire_ns;
	}
	return deadline;
}
