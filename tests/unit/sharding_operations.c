/* Operations on whole clusters of control cores: orders through any node, planners that die on the
 * way, answers that are lost, people who change their mind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "tests/unit/sharding_model.h"

enum { SEEDS = 60, TOLD_MAX = 64 };

static struct {
	uint64_t ticket;
	int error;
	uint64_t operation;
} told[TOLD_MAX];
static uint32_t told_count;

static void on_ordered(void *context, uint64_t ticket, int error, uint64_t operation)
{
	(void)context;
	assert_true(told_count < TOLD_MAX);
	told[told_count].ticket = ticket;
	told[told_count].error = error;
	told[told_count++].operation = operation;
}

static struct model *cluster(uint32_t nodes)
{
	struct model *m = model_cluster(nodes);

	told_count = 0;
	for (uint32_t i = 0; i < nodes; i++)
		control_on_ordered(m->nodes[i].control, on_ordered, NULL);
	return m;
}

static struct id node_id(const struct model *m, uint32_t node)
{
	char name[8];
	struct id id;

	(void)m;
	(void)snprintf(name, sizeof name, "n%u", node);
	assert_int_equal(id_from(&id, slice_str(name)), 0);
	return id;
}

/* A live node that plans, and one that does not. */
static uint32_t planner(const struct model *m)
{
	for (uint32_t i = 0; i < m->node_count; i++) {
		if (m->nodes[i].running && control_is_planner(m->nodes[i].control))
			return i;
	}
	return UINT32_MAX;
}

static uint32_t other_than(const struct model *m, uint32_t node)
{
	for (uint32_t i = 0; i < m->node_count; i++) {
		if (i != node && m->nodes[i].running)
			return i;
	}
	return UINT32_MAX;
}

static struct id target_of(const struct model *m, uint32_t via, uint32_t shard)
{
	return control_plan(m->nodes[via].control)->target[shard];
}

/* Everything that is not on the node goes there. */
static uint32_t moves_to(const struct model *m, uint32_t via, const struct id *to, uint32_t max,
			 struct ops_item *items)
{
	uint32_t count = 0;

	for (uint32_t s = 0; s < MODEL_SHARDS && count < max; s++) {
		const struct id from = target_of(m, via, s);

		if (id_equal(&from, to))
			continue;
		items[count++] = (struct ops_item){
			.shard = s, .phase = WIRE_PHASE_PLANNED, .from = from, .to = *to};
	}
	return count;
}

static struct control_order order_of(uint32_t verb)
{
	return (struct control_order){
		.verb = verb, .actor = "alice", .reason = "a test", .unix_ms = 77};
}

static int give(struct model *m, uint32_t via, const struct control_order *order)
{
	return control_order(m->nodes[via].control, m->now_ns, order, 5);
}

static bool is_told(const struct model *m)
{
	(void)m;
	return told_count > 0;
}

static const struct ops *newest(const struct model *m, uint32_t via)
{
	const struct control *c = m->nodes[via].control;
	const uint32_t count = control_operation_count(c);

	return count == 0 ? NULL : control_operation_at(c, count - 1);
}

static bool all_know_the_end(const struct model *m)
{
	for (uint32_t i = 0; i < m->node_count; i++) {
		const struct ops *op;

		if (!m->nodes[i].running)
			continue;
		op = newest(m, i);
		if (op == NULL || !ops_final(op))
			return false;
	}
	return model_all_serving(m);
}

/* The newest operation as the store has it. */
static void stored(const struct model *m, uint64_t number, struct ops *op)
{
	char key[64];
	const struct model_kv *kv;

	(void)snprintf(key, sizeof key, "/sagad/test/ops/op-%u", (unsigned)number);
	kv = model_get(m, key);
	assert_non_null(kv);
	assert_int_equal(ops_decode(slice_of(kv->value, kv->value_size), op), 0);
}

static bool all_know_of_one(const struct model *m)
{
	for (uint32_t i = 0; i < m->node_count; i++) {
		if (m->nodes[i].running && newest(m, i) == NULL)
			return false;
	}
	return true;
}

static void begin(struct model *m, uint32_t via, struct control_order *order)
{
	struct ops_item items[WIRE_SHARDS_MAX];
	const struct id to = node_id(m, 0);

	order->items = items;
	order->item_count = moves_to(m, via, &to, 6, items);
	assert_true(order->item_count >= 3);
	assert_int_equal(give(m, via, order), 0);
	assert_true(model_run(m, is_told, 3000));
	assert_int_equal(told[0].error, 0);
	assert_int_equal(told[0].operation, 1);
	assert_true(model_run(m, all_know_of_one, 5000));
}

/* ---- ordered through any node ------------------------------------------------------------- */

static void an_operation_moves_what_it_says(void **state)
{
	struct model *m = cluster(3);
	struct control_order order = order_of(WIRE_ADMIN_MOVE);
	struct ops *op = calloc(1, sizeof *op);
	(void)state;

	begin(m, other_than(m, planner(m)), &order);
	assert_true(model_run(m, all_know_the_end, 20000));
	stored(m, 1, op);
	assert_int_equal(op->state, WIRE_OPS_DONE);
	assert_string_equal(op->actor, "alice");
	assert_int_equal(op->item_count, order.item_count);
	for (uint32_t i = 0; i < op->item_count; i++) {
		const struct id now = target_of(m, 0, op->items[i].shard);

		assert_int_equal(op->items[i].phase, WIRE_PHASE_DONE);
		assert_true(id_equal(&now, &op->items[i].to));
	}
	/* What was moved by hand stays. */
	(void)model_run(m, NULL, 10000);
	for (uint32_t i = 0; i < op->item_count; i++) {
		const struct id now = target_of(m, 0, op->items[i].shard);

		assert_true(id_equal(&now, &op->items[i].to));
	}
	free(op);
	model_destroy(m);
}

static void one_at_a_time_and_for_the_plan_it_was_made_for(void **state)
{
	struct model *m = cluster(3);
	struct control_order order = order_of(WIRE_ADMIN_REBALANCE);
	struct control_order second = order_of(WIRE_ADMIN_MOVE);
	(void)state;

	order.plan_version = control_plan(m->nodes[0].control)->version + 1;
	assert_int_equal(give(m, 0, &order), SAGA_E_PLAN_STALE);
	order.plan_version = 0;
	order.limits.pace_ms = 2000;
	begin(m, 1, &order);
	second.unix_ms = 78;
	assert_int_equal(give(m, 1, &second), SAGA_E_OPERATION);
	second.verb = WIRE_ADMIN_PAUSE;
	second.operation = 9;
	assert_int_equal(give(m, 1, &second), SAGA_E_NO_SUCH);
	model_destroy(m);
}

/* The answer to an order is lost: given again, it is the same operation. */
static void an_order_given_twice_is_one(void **state)
{
	struct model *m = cluster(3);
	struct control_order order = order_of(WIRE_ADMIN_MOVE);
	struct ops_item items[WIRE_SHARDS_MAX];
	const struct id to = node_id(m, 0);
	(void)state;

	order.items = items;
	order.item_count = moves_to(m, 1, &to, 3, items);
	m->lose_answer_percent = 100;
	assert_int_equal(give(m, 1, &order), 0);
	(void)model_run(m, NULL, 200);
	m->lose_answer_percent = 0;
	assert_true(model_run(m, is_told, 20000));
	assert_int_equal(told[0].error, SAGA_E_UNKNOWN);
	told_count = 0;
	assert_int_equal(give(m, 1, &order), 0);
	assert_true(model_run(m, is_told, 20000));
	assert_int_equal(told[0].error, 0);
	assert_int_equal(told[0].operation, 1);
	assert_null(model_get(m, "/sagad/test/ops/op-2"));
	model_destroy(m);
}

/* ---- people change their mind ------------------------------------------------------------- */

static bool is_planned(const struct ops *op)
{
	struct ops_counts counts;

	ops_count(op, &counts);
	return counts.planned > 0;
}

static void pause_throttle_resume(void **state)
{
	struct model *m = cluster(3);
	struct control_order order = order_of(WIRE_ADMIN_MOVE);
	struct control_order change = order_of(WIRE_ADMIN_PAUSE);
	struct ops_counts before, after;
	(void)state;

	order.limits = (struct ops_limits){.max_moves = 1, .pace_ms = 1500};
	begin(m, 1, &order);
	told_count = 0;
	change.operation = 1;
	assert_int_equal(give(m, 2, &change), 0);
	assert_true(model_run(m, is_told, 3000));
	assert_int_equal(told[0].error, 0);
	(void)model_run(m, NULL, 3000); /* what moves ends */
	ops_count(newest(m, 1), &before);
	assert_int_equal(before.moving, 0);
	(void)model_run(m, NULL, 20000);
	ops_count(newest(m, 1), &after);
	assert_int_equal(after.planned, before.planned);
	assert_true(is_planned(newest(m, 1)));
	told_count = 0;
	change.verb = WIRE_ADMIN_THROTTLE;
	change.limits = (struct ops_limits){.max_moves = 8, .max_moves_per_node = 8};
	change.has_pace = true;
	assert_int_equal(give(m, 0, &change), 0);
	assert_true(model_run(m, is_told, 3000));
	told_count = 0;
	change.verb = WIRE_ADMIN_RESUME;
	assert_int_equal(give(m, 0, &change), 0);
	assert_true(model_run(m, is_told, 3000));
	assert_true(model_run(m, all_know_the_end, 4000)); /* no pace any more */
	assert_int_equal(newest(m, 2)->state, WIRE_OPS_DONE);
	model_destroy(m);
}

static void a_cancel_drops_what_has_not_begun(void **state)
{
	struct model *m = cluster(3);
	struct control_order order = order_of(WIRE_ADMIN_MOVE);
	struct control_order change = order_of(WIRE_ADMIN_CANCEL);
	struct ops_counts counts;
	(void)state;

	order.limits = (struct ops_limits){.max_moves = 1, .pace_ms = 1500};
	begin(m, 1, &order);
	told_count = 0;
	change.operation = 1;
	assert_int_equal(give(m, 2, &change), 0);
	assert_true(model_run(m, all_know_the_end, 20000));
	assert_int_equal(newest(m, 0)->state, WIRE_OPS_CANCELLED);
	ops_count(newest(m, 0), &counts);
	assert_true(counts.skipped > 0);
	assert_int_equal(counts.done + counts.skipped, newest(m, 0)->item_count);
	model_destroy(m);
}

/* ---- drains ------------------------------------------------------------------------------- */

static void a_drained_node_is_left_and_stays_empty(void **state)
{
	struct model *m = cluster(3);
	struct control_order order = order_of(WIRE_ADMIN_DRAIN);
	struct ops_item items[WIRE_SHARDS_MAX];
	const struct id to = node_id(m, 0);
	uint32_t count;
	(void)state;

	order.node = node_id(m, 2);
	count = 0;
	for (uint32_t s = 0; s < MODEL_SHARDS; s++) {
		const struct id from = target_of(m, 0, s);

		if (id_equal(&from, &order.node))
			items[count++] = (struct ops_item){
				.shard = s, .phase = WIRE_PHASE_PLANNED, .from = from, .to = to};
	}
	assert_true(count > 0);
	order.items = items;
	order.item_count = count;
	order.limits.max_moves = 1;
	assert_int_equal(give(m, 0, &order), 0);
	assert_true(model_run(m, is_told, 3000));
	assert_true(control_ops_empties(m->nodes[1].control, &order.node) || newest(m, 1) == NULL);
	assert_true(model_run(m, all_know_the_end, 30000));
	assert_int_equal(newest(m, 0)->state, WIRE_OPS_DONE);
	assert_int_equal(model_serving(m, 2), 0);
	assert_non_null(model_get(m, "/sagad/test/drains/n2"));
	(void)model_run(m, NULL, 20000);
	assert_int_equal(model_serving(m, 2), 0);
	told_count = 0;
	order.verb = WIRE_ADMIN_UNDRAIN;
	assert_int_equal(give(m, 1, &order), 0);
	assert_true(model_run(m, is_told, 3000));
	assert_null(model_get(m, "/sagad/test/drains/n2"));
	model_destroy(m);
}

static void marks_are_written_and_taken_away(void **state)
{
	struct model *m = cluster(2);
	struct control_order order = order_of(WIRE_ADMIN_PIN);
	const struct model_kv *kv;
	(void)state;

	order.shard = 3;
	order.node = node_id(m, 1);
	assert_int_equal(give(m, 0, &order), 0);
	assert_true(model_run(m, is_told, 3000));
	kv = model_get(m, "/sagad/test/pins/3");
	assert_non_null(kv);
	assert_non_null(strstr(kv->value, "reason=a test"));
	assert_non_null(control_pin(m->nodes[0].control, 3));
	told_count = 0;
	order.verb = WIRE_ADMIN_UNPIN;
	assert_int_equal(give(m, 1, &order), 0);
	assert_true(model_run(m, is_told, 3000));
	assert_null(model_get(m, "/sagad/test/pins/3"));
	order.verb = WIRE_ADMIN_FREEZE;
	order.shard = MODEL_SHARDS;
	assert_int_equal(give(m, 1, &order), SAGA_E_NO_SUCH);
	order.shard = 1;
	order.actor = "two words";
	assert_true(give(m, 1, &order) != 0);
	model_destroy(m);
}

/* ---- planners die ------------------------------------------------------------------------- */

static void one_course(uint64_t seed)
{
	struct model *m = cluster(4);
	struct control_order order = order_of(WIRE_ADMIN_REBALANCE);
	struct ops *op = calloc(1, sizeof *op);
	struct prng prng;
	uint32_t deaths = 0;

	prng_seed(&prng, seed);
	order.limits = (struct ops_limits){.max_moves = 1 + (uint32_t)prng_below(&prng, 4),
					   .pace_ms = (uint32_t)prng_below(&prng, 800)};
	begin(m, other_than(m, planner(m)), &order);
	while (deaths < 3 && !all_know_the_end(m)) {
		uint32_t who;

		(void)model_run(m, NULL, prng_below(&prng, 3000));
		who = planner(m);
		/* n0 is where all goes: it lives. */
		if (who == UINT32_MAX || who == 0)
			break;
		model_crash(m, who);
		deaths++;
		(void)model_run(m, NULL, prng_below(&prng, 6000));
		model_start(m, who);
	}
	assert_true(model_run(m, all_know_the_end, 120000));
	stored(m, 1, op);
	ops_check(op);
	assert_int_equal(op->item_count, order.item_count);
	for (uint32_t i = 0; i < op->item_count; i++) {
		const struct ops_item *item = &op->items[i];

		/* What was not done has a reason. */
		assert_true(ops_phase_final(item->phase));
		assert_true(item->phase == WIRE_PHASE_DONE || item->why != WIRE_WHY_NONE);
	}
	free(op);
	model_destroy(m);
}

static void planners_die_on_the_way(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++)
		one_course(seed);
}

/* Damage in the store hurts only the operation that has it. */
static void an_unreadable_operation_hurts_nobody_else(void **state)
{
	struct model *m = cluster(3);
	struct control_order order = order_of(WIRE_ADMIN_MOVE);
	struct ops_item items[WIRE_SHARDS_MAX];
	const struct id to = node_id(m, 0);
	(void)state;

	model_put(m, "/sagad/test/ops/op-7", "sagad-op 1\nid op-7\nkind nonsense", 0);
	(void)model_run(m, NULL, 5000);
	assert_true(model_noted(m, "operation.unreadable") > 0);
	order.items = items;
	order.item_count = moves_to(m, 1, &to, 3, items);
	assert_int_equal(give(m, 1, &order), 0);
	assert_true(model_run(m, is_told, 3000));
	assert_int_equal(told[0].operation, 8); /* its number is taken */
	assert_true(model_run(m, all_know_the_end, 20000));
	assert_int_equal(newest(m, 2)->state, WIRE_OPS_DONE);
	model_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_operation_moves_what_it_says),
		cmocka_unit_test(one_at_a_time_and_for_the_plan_it_was_made_for),
		cmocka_unit_test(an_order_given_twice_is_one),
		cmocka_unit_test(pause_throttle_resume),
		cmocka_unit_test(a_cancel_drops_what_has_not_begun),
		cmocka_unit_test(a_drained_node_is_left_and_stays_empty),
		cmocka_unit_test(marks_are_written_and_taken_away),
		cmocka_unit_test(planners_die_on_the_way),
		cmocka_unit_test(an_unreadable_operation_hurts_nobody_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
