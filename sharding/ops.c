/* The life of an operation; see ops.h for the invariants and the diagram. */
#include "sharding/ops.h"

#include "base/check.h"

#define BIT(state) (1U << (state))

static const uint32_t state_successors[WIRE_OPS_FAILED + 1] = {
	[WIRE_OPS_RUNNING] = BIT(WIRE_OPS_PAUSED) | BIT(WIRE_OPS_CANCELLING) | BIT(WIRE_OPS_DONE) |
			     BIT(WIRE_OPS_FAILED),
	[WIRE_OPS_PAUSED] = BIT(WIRE_OPS_RUNNING) | BIT(WIRE_OPS_CANCELLING) | BIT(WIRE_OPS_DONE) |
			    BIT(WIRE_OPS_FAILED),
	[WIRE_OPS_CANCELLING] = BIT(WIRE_OPS_CANCELLED),
};

static const uint32_t phase_successors[WIRE_PHASE_SKIPPED + 1] = {
	[WIRE_PHASE_PLANNED] =
		BIT(WIRE_PHASE_QUIESCING) | BIT(WIRE_PHASE_DONE) | BIT(WIRE_PHASE_SKIPPED),
	[WIRE_PHASE_QUIESCING] =
		BIT(WIRE_PHASE_DONE) | BIT(WIRE_PHASE_ROLLED_BACK) | BIT(WIRE_PHASE_FAILED),
};

bool ops_state_permits(uint32_t from, uint32_t to)
{
	return from <= WIRE_OPS_FAILED && to <= WIRE_OPS_FAILED &&
	       (state_successors[from] & BIT(to)) != 0;
}

bool ops_phase_permits(uint32_t from, uint32_t to)
{
	return from <= WIRE_PHASE_SKIPPED && to <= WIRE_PHASE_SKIPPED &&
	       (phase_successors[from] & BIT(to)) != 0;
}

static void move_state(struct ops *op, uint32_t to)
{
	CHECK(ops_state_permits(op->state, to));
	op->state = to;
}

static void move_item(struct ops_item *item, uint32_t phase, uint32_t why, uint64_t now_ms)
{
	CHECK(ops_phase_permits(item->phase, phase)); /* O4 */
	item->phase = phase;
	if (phase == WIRE_PHASE_QUIESCING)
		item->begun_ms = now_ms;
	else if (item->begun_ms != 0 && now_ms > item->begun_ms)
		item->ms = now_ms - item->begun_ms > UINT32_MAX
				   ? UINT32_MAX
				   : (uint32_t)(now_ms - item->begun_ms);
	if (phase != WIRE_PHASE_QUIESCING && phase != WIRE_PHASE_DONE)
		item->why = why;
}

void ops_check(const struct ops *op)
{
	uint32_t open = 0;
	bool seen[WIRE_SHARDS_MAX] = {false};

	CHECK_LE(op->item_count, WIRE_SHARDS_MAX);
	for (uint32_t i = 0; i < op->item_count; i++) {
		CHECK_LT(op->items[i].shard, WIRE_SHARDS_MAX);
		CHECK(!seen[op->items[i].shard]); /* O1 */
		seen[op->items[i].shard] = true;
		open += !ops_phase_final(op->items[i].phase);
	}
	CHECK(open == 0 || !ops_final(op)); /* O3 */
}

void ops_limits_fill(struct ops_limits *limits)
{
	if (limits->max_moves == 0)
		limits->max_moves = OPS_MOVES_DEFAULT;
	if (limits->max_moves_per_node == 0)
		limits->max_moves_per_node = OPS_MOVES_PER_NODE_DEFAULT;
	if (limits->timeout_ms == 0)
		limits->timeout_ms = OPS_TIMEOUT_DEFAULT_MS;
}

/* ---- what can be seen changes it ---------------------------------------------------------------
 */

static bool arrived(const struct ops_fact *fact)
{
	return fact->to_target && fact->at_to && fact->serving;
}

static bool empties(const struct ops *op)
{
	return op->kind == WIRE_OPS_DRAIN || op->kind == WIRE_OPS_REMOVE;
}

/* A drained node must be left, wherever to; any other item means exactly what it says. */
static bool step_planned(const struct ops *op, struct ops_item *item, const struct ops_fact *fact,
			 uint64_t now_ms)
{
	if (arrived(fact)) {
		move_item(item, WIRE_PHASE_DONE, 0, now_ms);
		return true;
	}
	if (fact->to_target) {
		move_item(item, WIRE_PHASE_QUIESCING, 0, now_ms);
		return true;
	}
	if (op->state == WIRE_OPS_CANCELLING) {
		move_item(item, WIRE_PHASE_SKIPPED, WIRE_WHY_CANCELLED, now_ms);
		return true;
	}
	if (!fact->from_target) {
		move_item(item, empties(op) ? WIRE_PHASE_DONE : WIRE_PHASE_SKIPPED,
			  WIRE_WHY_CHANGED, now_ms);
		return true;
	}
	if (fact->halted || fact->frozen) {
		move_item(item, WIRE_PHASE_SKIPPED,
			  fact->halted ? WIRE_WHY_HALTED : WIRE_WHY_FROZEN, now_ms);
		return true;
	}
	if (fact->to_usable)
		return false;
	if (empties(op) && fact->instead.size > 0) {
		item->to = fact->instead;
		return true;
	}
	move_item(item, WIRE_PHASE_SKIPPED, WIRE_WHY_TARGET_GONE, now_ms);
	return true;
}

static bool step_moving(const struct ops *op, struct ops_item *item, const struct ops_fact *fact,
			uint64_t now_ms)
{
	const uint64_t timeout_ms = op->limits.timeout_ms;

	if (arrived(fact)) {
		move_item(item, WIRE_PHASE_DONE, 0, now_ms);
		return true;
	}
	if (fact->from_target) {
		move_item(item, WIRE_PHASE_ROLLED_BACK,
			  item->why == WIRE_WHY_TIMEOUT ? WIRE_WHY_TIMEOUT : WIRE_WHY_TARGET_GONE,
			  now_ms);
		return true;
	}
	if (!fact->to_target) {
		move_item(item, empties(op) ? WIRE_PHASE_DONE : WIRE_PHASE_FAILED, WIRE_WHY_CHANGED,
			  now_ms);
		return true;
	}
	if (now_ms < item->begun_ms + timeout_ms)
		return false;
	/* Only while the old owner has it can it be left there without a pause. */
	if (fact->at_from && item->why != WIRE_WHY_TIMEOUT) {
		item->why = WIRE_WHY_TIMEOUT;
		return true;
	}
	if (now_ms < item->begun_ms + OPS_TIMEOUTS_MAX * timeout_ms)
		return false;
	move_item(item, WIRE_PHASE_FAILED, WIRE_WHY_TIMEOUT, now_ms);
	return true;
}

static void step_end(struct ops *op, uint64_t now_ms)
{
	struct ops_counts counts;

	ops_count(op, &counts);
	if (counts.planned + counts.moving > 0)
		return;
	if (op->state == WIRE_OPS_CANCELLING)
		move_state(op, WIRE_OPS_CANCELLED);
	else
		move_state(op, counts.done == op->item_count ? WIRE_OPS_DONE : WIRE_OPS_FAILED);
	op->ended_ms = now_ms;
}

bool ops_step(struct ops *op, const struct ops_world *world)
{
	bool changed = false;

	if (ops_final(op))
		return false;
	for (uint32_t i = 0; i < op->item_count; i++) {
		struct ops_item *item = &op->items[i];
		struct ops_fact fact = {0};

		if (ops_phase_final(item->phase))
			continue;
		world->look(world->context, item, &fact);
		if (item->phase == WIRE_PHASE_PLANNED)
			changed |= step_planned(op, item, &fact, world->now_ms);
		/* What was found on the move may have arrived. */
		if (item->phase == WIRE_PHASE_QUIESCING)
			changed |= step_moving(op, item, &fact, world->now_ms);
	}
	step_end(op, world->now_ms);
	changed |= ops_final(op);
	if (changed)
		op->updated_ms = world->now_ms;
	ops_check(op);
	return changed;
}

/* ---- orders ------------------------------------------------------------------------------------
 */

static uint64_t last_begun_ms(const struct ops *op)
{
	uint64_t last_ms = 0;

	for (uint32_t i = 0; i < op->item_count; i++) {
		if (op->items[i].begun_ms > last_ms)
			last_ms = op->items[i].begun_ms;
	}
	return last_ms;
}

/* Items on the move, and those that have been ordered in this pass, that touch the item's nodes. */
static bool has_room(const struct ops *op, const bool busy[WIRE_SHARDS_MAX],
		     const struct ops_item *item)
{
	uint32_t all = 0;
	uint32_t leaving = 0;
	uint32_t coming = 0;

	for (uint32_t i = 0; i < op->item_count; i++) {
		const struct ops_item *other = &op->items[i];

		if (!busy[i])
			continue;
		all++;
		leaving += id_equal(&other->from, &item->from);
		coming += id_equal(&other->to, &item->to);
	}
	return all < op->limits.max_moves && leaving < op->limits.max_moves_per_node &&
	       coming < op->limits.max_moves_per_node;
}

uint32_t ops_orders(const struct ops *op, const struct ops_world *world,
		    struct id to[WIRE_SHARDS_MAX])
{
	const uint64_t last_ms = last_begun_ms(op);
	bool busy[WIRE_SHARDS_MAX] = {false};
	uint32_t ordered = 0;
	/* A clock that is behind the last planner's does not make us wait for it. */
	bool begins = op->state == WIRE_OPS_RUNNING &&
		      (op->limits.pace_ms == 0 || last_ms == 0 || last_ms > world->now_ms ||
		       world->now_ms >= last_ms + op->limits.pace_ms);

	if (ops_final(op))
		return 0;
	for (uint32_t i = 0; i < op->item_count; i++) {
		const struct ops_item *item = &op->items[i];

		busy[i] = item->phase == WIRE_PHASE_QUIESCING;
		if (!busy[i])
			continue;
		to[item->shard] = item->why == WIRE_WHY_TIMEOUT ? item->from : item->to;
		ordered++;
	}
	for (uint32_t i = 0; begins && i < op->item_count; i++) {
		const struct ops_item *item = &op->items[i];
		struct ops_fact fact = {0};

		if (item->phase != WIRE_PHASE_PLANNED || !has_room(op, busy, item)) /* O2 */
			continue;
		world->look(world->context, item, &fact);
		if (!fact.from_target || !fact.to_usable || fact.frozen || fact.halted)
			continue;
		to[item->shard] = item->to;
		busy[i] = true;
		ordered++;
		begins = op->limits.pace_ms == 0;
	}
	return ordered;
}

uint64_t ops_deadline_ms(const struct ops *op, uint64_t now_ms)
{
	const uint64_t last_ms = last_begun_ms(op);
	uint64_t due_ms = UINT64_MAX;

	if (ops_final(op))
		return due_ms;
	if (op->limits.pace_ms > 0 && last_ms + op->limits.pace_ms > now_ms)
		due_ms = last_ms + op->limits.pace_ms;
	for (uint32_t i = 0; i < op->item_count; i++) {
		const struct ops_item *item = &op->items[i];
		uint64_t at_ms = item->begun_ms + op->limits.timeout_ms;

		if (item->phase != WIRE_PHASE_QUIESCING)
			continue;
		if (at_ms <= now_ms)
			at_ms = item->begun_ms + OPS_TIMEOUTS_MAX * (uint64_t)op->limits.timeout_ms;
		if (at_ms > now_ms && at_ms < due_ms)
			due_ms = at_ms;
	}
	return due_ms;
}

bool ops_stalled(const struct ops *op, uint64_t now_ms)
{
	return (op->state == WIRE_OPS_RUNNING || op->state == WIRE_OPS_CANCELLING) &&
	       now_ms > op->updated_ms + OPS_STALL_MS;
}

uint32_t ops_phase_seen(const struct ops_item *item, const struct ops_fact *fact)
{
	if (item->phase != WIRE_PHASE_QUIESCING && item->phase != WIRE_PHASE_PLANNED)
		return item->phase;
	if (!fact->to_target)
		return item->phase;
	if (fact->at_from)
		return fact->warm ? WIRE_PHASE_DRAINING : WIRE_PHASE_QUIESCING;
	if (!fact->owned)
		return WIRE_PHASE_FENCED;
	return fact->at_to && fact->serving ? WIRE_PHASE_SERVING : WIRE_PHASE_REPLAYING;
}

void ops_count(const struct ops *op, struct ops_counts *counts)
{
	*counts = (struct ops_counts){.done = op->done,
				      .failed = op->failed,
				      .rolled_back = op->rolled_back,
				      .skipped = op->skipped,
				      .longest_ms = op->longest_ms};
	if (op->archived)
		return;
	*counts = (struct ops_counts){0};
	for (uint32_t i = 0; i < op->item_count; i++) {
		const struct ops_item *item = &op->items[i];

		counts->planned += item->phase == WIRE_PHASE_PLANNED;
		counts->moving += item->phase == WIRE_PHASE_QUIESCING;
		counts->done += item->phase == WIRE_PHASE_DONE;
		counts->failed += item->phase == WIRE_PHASE_FAILED;
		counts->rolled_back += item->phase == WIRE_PHASE_ROLLED_BACK;
		counts->skipped += item->phase == WIRE_PHASE_SKIPPED;
		if (item->phase == WIRE_PHASE_DONE && item->ms > counts->longest_ms)
			counts->longest_ms = item->ms;
	}
}

/* ---- people ------------------------------------------------------------------------------------
 */

static int ask_state(struct ops *op, uint32_t state)
{
	if (ops_final(op))
		return SAGA_E_ENDED;
	if (op->state != state)
		move_state(op, state);
	return 0;
}

int ops_pause(struct ops *op)
{
	/* Nothing new begins any more anyhow. */
	return op->state == WIRE_OPS_CANCELLING ? SAGA_E_ENDED : ask_state(op, WIRE_OPS_PAUSED);
}

int ops_resume(struct ops *op)
{
	return op->state == WIRE_OPS_CANCELLING ? SAGA_E_ENDED : ask_state(op, WIRE_OPS_RUNNING);
}

int ops_cancel(struct ops *op)
{
	return op->state == WIRE_OPS_CANCELLED ? 0 : ask_state(op, WIRE_OPS_CANCELLING);
}

int ops_throttle(struct ops *op, const struct ops_limits *limits, bool has_pace)
{
	if (ops_final(op))
		return SAGA_E_ENDED;
	if (limits->max_moves != 0)
		op->limits.max_moves = limits->max_moves;
	if (limits->max_moves_per_node != 0)
		op->limits.max_moves_per_node = limits->max_moves_per_node;
	if (limits->pace_ms != 0 || has_pace)
		op->limits.pace_ms = limits->pace_ms;
	if (limits->timeout_ms != 0)
		op->limits.timeout_ms = limits->timeout_ms;
	return 0;
}
