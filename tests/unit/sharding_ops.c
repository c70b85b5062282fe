/* Operations: the tables, the stored form, and random courses with planners that die. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/prng.h"
#include "sharding/ops.h"

enum { NODES = 4, SHARDS = 16, COURSES = 3000, STEPS_MAX = 20000 };

/* ---- a cluster: who has what, by whom the plan names ------------------------------------------
 */

struct world {
	struct prng prng;
	uint64_t now_ms;
	struct ops *op;                         /* the planner's memory */
	struct ops *before;                     /* for comparisons */
	struct buf stored;                      /* what etcd has */
	uint32_t owner[SHARDS], target[SHARDS]; /* NODES = nobody */
	bool serving[SHARDS], frozen[SHARDS], stuck[SHARDS];
	bool usable[NODES];
	uint32_t ended[SHARDS]; /* final phase once seen */
	uint32_t deaths;
	struct id ids[NODES];
};

static struct id id_of(const char *text)
{
	struct id id;

	assert_int_equal(id_from(&id, slice_str(text)), 0);
	return id;
}

static uint32_t index_of(const struct world *w, const struct id *id)
{
	for (uint32_t i = 0; i < NODES; i++) {
		if (id_equal(&w->ids[i], id))
			return i;
	}
	return NODES;
}

static void look(const void *context, const struct ops_item *item, struct ops_fact *fact)
{
	const struct world *w = context;
	const uint32_t from = index_of(w, &item->from);
	const uint32_t to = index_of(w, &item->to);
	const uint32_t s = item->shard;

	*fact = (struct ops_fact){
		.from_target = w->target[s] == from,
		.to_target = w->target[s] == to,
		.at_from = w->owner[s] == from,
		.at_to = w->owner[s] == to,
		.owned = w->owner[s] < NODES,
		.serving = w->serving[s],
		.frozen = w->frozen[s],
		.to_usable = to < NODES && w->usable[to],
	};
	for (uint32_t i = 0; i < NODES; i++) {
		if (w->usable[i] && i != from)
			fact->instead = w->ids[i];
	}
}

static struct ops_world seen(const struct world *w)
{
	return (struct ops_world){.now_ms = w->now_ms, .look = look, .context = w};
}

static void store(struct world *w)
{
	w->op->version++;
	buf_clear(&w->stored);
	assert_int_equal(ops_encode(w->op, &w->stored), 0);
}

static void take_over(struct world *w)
{
	assert_int_equal(ops_decode(buf_slice(&w->stored), w->op), 0);
	w->deaths++;
}

static void setup_world(struct world *w, uint64_t seed)
{
	const uint32_t kinds[] = {WIRE_OPS_REBALANCE, WIRE_OPS_MOVE, WIRE_OPS_DRAIN};

	memset(w, 0, sizeof *w);
	prng_seed(&w->prng, seed);
	w->now_ms = 1000000;
	w->op = calloc(1, sizeof *w->op);
	w->before = calloc(1, sizeof *w->before);
	buf_init(&w->stored, OPS_TEXT_MAX);
	for (uint32_t i = 0; i < NODES; i++) {
		char name[8];

		(void)snprintf(name, sizeof name, "n%u", i);
		w->ids[i] = id_of(name);
		w->usable[i] = true;
	}
	*w->op = (struct ops){.number = 1 + seed,
			      .kind = kinds[prng_below(&w->prng, 3)],
			      .state = WIRE_OPS_RUNNING,
			      .plan_version = 3,
			      .created_ms = w->now_ms,
			      .updated_ms = w->now_ms};
	(void)snprintf(w->op->actor, sizeof w->op->actor, "alice");
	(void)snprintf(w->op->reason, sizeof w->op->reason, "seed %u", (unsigned)seed);
	w->op->limits.max_moves = 1 + (uint32_t)prng_below(&w->prng, 5);
	w->op->limits.max_moves_per_node = 1 + (uint32_t)prng_below(&w->prng, 3);
	w->op->limits.pace_ms = prng_below(&w->prng, 2) ? (uint32_t)prng_below(&w->prng, 500) : 0;
	ops_limits_fill(&w->op->limits);
	for (uint32_t s = 0; s < SHARDS; s++) {
		struct ops_item *item = &w->op->items[w->op->item_count];

		w->owner[s] = w->target[s] =
			w->op->kind == WIRE_OPS_DRAIN ? 0 : (uint32_t)prng_below(&w->prng, NODES);
		w->serving[s] = true;
		w->frozen[s] = prng_below(&w->prng, 40) == 0;
		w->stuck[s] = prng_below(&w->prng, 30) == 0;
		if (prng_below(&w->prng, 3) == 0)
			continue;
		item->shard = s;
		item->phase = WIRE_PHASE_PLANNED;
		item->from = w->ids[w->owner[s]];
		item->to = w->ids[(w->owner[s] + 1 + prng_below(&w->prng, NODES - 1)) % NODES];
		w->op->item_count++;
	}
	store(w);
}

static void close_world(struct world *w)
{
	free(w->op);
	free(w->before);
	buf_close(&w->stored);
}

/* O4, and whatever ended stays as it is; over all planners. */
static void check_items(struct world *w)
{
	struct ops_counts counts;

	ops_check(w->op);
	ops_count(w->op, &counts);
	assert_int_equal(counts.planned + counts.moving + counts.done + counts.failed +
				 counts.rolled_back + counts.skipped,
			 w->op->item_count);
	/* What ended in this step is as it is said to be. */
	for (uint32_t i = 0; i < w->op->item_count; i++) {
		const struct ops_item *item = &w->op->items[i];
		const uint32_t at = w->target[item->shard];

		if (item->phase == w->before->items[i].phase)
			continue;
		assert_true(ops_phase_permits(w->before->items[i].phase, item->phase) ||
			    w->before->items[i].phase == WIRE_PHASE_PLANNED);
		if (item->phase == WIRE_PHASE_ROLLED_BACK)
			assert_int_equal(at, index_of(w, &item->from));
		else if (item->phase == WIRE_PHASE_DONE && w->op->kind == WIRE_OPS_DRAIN)
			assert_int_not_equal(at, index_of(w, &item->from));
		else if (item->phase == WIRE_PHASE_DONE)
			assert_true(w->owner[item->shard] == index_of(w, &item->to) &&
				    w->serving[item->shard]);
	}
}

/* The planner obeys the orders of items; what it begins must fit the limits (O2). */
static void obey(struct world *w)
{
	const struct ops_world view = seen(w);
	struct id to[WIRE_SHARDS_MAX];
	uint32_t leaving[NODES] = {0};
	uint32_t coming[NODES] = {0};
	uint32_t moving = 0;
	uint32_t begun = 0;
	bool gives[NODES] = {false};
	bool takes[NODES] = {false};
	bool begins = false;

	memset(to, 0, sizeof to);
	(void)ops_orders(w->op, &view, to);
	for (uint32_t s = 0; s < SHARDS; s++) {
		const uint32_t node = index_of(w, &to[s]);

		if (to[s].size == 0 || node == w->target[s])
			continue;
		begins |= w->op->state != WIRE_OPS_RUNNING && w->owner[s] != node;
		if (w->owner[s] != node) {
			begun++;
			takes[node] = true;
			gives[w->target[s]] = true;
		}
		w->target[s] = node;
	}
	assert_false(begins);
	for (uint32_t i = 0; i < w->op->item_count; i++) {
		const struct ops_item *item = &w->op->items[i];
		const uint32_t from = index_of(w, &item->from);
		const uint32_t node = index_of(w, &item->to);

		if (ops_phase_final(item->phase) || w->target[item->shard] != node ||
		    (w->owner[item->shard] == node && w->serving[item->shard]))
			continue;
		moving++;
		leaving[from]++;
		coming[node]++;
	}
	/* What the death of a node has moved meanwhile is not ours; but nothing is added to it. */
	assert_true(begun == 0 || moving <= w->op->limits.max_moves);
	for (uint32_t i = 0; i < NODES; i++) {
		assert_true(!gives[i] || leaving[i] <= w->op->limits.max_moves_per_node);
		assert_true(!takes[i] || coming[i] <= w->op->limits.max_moves_per_node);
	}
}

/* The nodes follow the plan; some never let go of a shard. */
static void nodes_work(struct world *w)
{
	for (uint32_t s = 0; s < SHARDS; s++) {
		if (prng_below(&w->prng, 3) != 0)
			continue;
		if (w->owner[s] == w->target[s])
			w->serving[s] = true;
		else if (w->owner[s] < NODES && !w->stuck[s])
			w->owner[s] = NODES;
		else if (w->owner[s] == NODES && w->usable[w->target[s]]) {
			w->owner[s] = w->target[s];
			w->serving[s] = false;
		}
	}
}

static void trouble(struct world *w)
{
	const uint32_t node = (uint32_t)prng_below(&w->prng, NODES - 1) + 1;

	switch (prng_below(&w->prng, 40)) {
	case 0: /* the planner dies; what it had not stored is lost */
	case 1:
		take_over(w);
		break;
	case 2: /* a node dies, and the plan gives its shards to node 0 */
		w->usable[node] = false;
		for (uint32_t s = 0; s < SHARDS; s++) {
			if (w->target[s] == node)
				w->target[s] = 0;
			if (w->owner[s] == node)
				w->owner[s] = NODES;
		}
		break;
	case 3:
		w->usable[node] = true;
		break;
	case 4:
		take_over(w);
		if (ops_pause(w->op) == 0)
			store(w);
		break;
	case 5:
	case 6:
		take_over(w);
		if (ops_resume(w->op) == 0)
			store(w);
		break;
	default:
		break;
	}
}

static void course(uint64_t seed, bool cancelled)
{
	struct world w;
	uint32_t steps = 0;

	setup_world(&w, seed);
	while (!ops_final(w.op) && steps++ < STEPS_MAX) {
		const struct ops_world view = seen(&w);
		bool changed;

		*w.before = *w.op;
		changed = ops_step(w.op, &view);
		assert_true(w.op->state == w.before->state ||
			    ops_state_permits(w.before->state, w.op->state));
		check_items(&w);
		if (changed && prng_below(&w.prng, 4) != 0)
			store(&w);
		if (!ops_final(w.op))
			obey(&w);
		nodes_work(&w);
		if (!ops_final(w.op))
			trouble(&w);
		if (cancelled && steps == 10 && ops_cancel(w.op) == 0)
			store(&w);
		if (!cancelled && steps > 300)
			(void)!ops_resume(w.op); /* nobody pauses for ever */
		w.now_ms += prng_below(&w.prng, 400);
	}
	assert_true(ops_final(w.op));
	assert_true(!cancelled || w.op->state != WIRE_OPS_PAUSED);
	close_world(&w);
}

static void random_courses_end(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < COURSES; seed++)
		course(seed, false);
}

static void a_cancel_always_ends(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < COURSES; seed++)
		course(1000000 + seed, true);
}

/* ---- one at a time ----------------------------------------------------------------------------
 */

static void plain(struct world *w, uint32_t moves)
{
	setup_world(w, 7);
	*w->op = (struct ops){.number = 7, .kind = WIRE_OPS_MOVE, .state = WIRE_OPS_RUNNING};
	(void)snprintf(w->op->actor, sizeof w->op->actor, "bob");
	ops_limits_fill(&w->op->limits);
	for (uint32_t s = 0; s < SHARDS; s++) {
		w->owner[s] = w->target[s] = 0;
		w->serving[s] = true;
		w->frozen[s] = w->stuck[s] = false;
		if (s >= moves)
			continue;
		w->op->items[s] = (struct ops_item){.shard = s,
						    .phase = WIRE_PHASE_PLANNED,
						    .from = w->ids[0],
						    .to = w->ids[1 + s % 3]};
		w->op->item_count++;
	}
}

static void the_course_of_one_move(void **state)
{
	struct world w;
	struct ops_fact fact;
	(void)state;

	plain(&w, 1);
	const struct ops_world view = seen(&w);
	struct ops_item *item = &w.op->items[0];
	assert_false(ops_step(w.op, &view));
	obey(&w);
	assert_int_equal(w.target[0], 1);
	assert_true(ops_step(w.op, &view));
	assert_int_equal(item->phase, WIRE_PHASE_QUIESCING);
	look(&w, item, &fact);
	assert_int_equal(ops_phase_seen(item, &fact), WIRE_PHASE_QUIESCING);
	fact.warm = true;
	assert_int_equal(ops_phase_seen(item, &fact), WIRE_PHASE_DRAINING);
	w.owner[0] = NODES;
	look(&w, item, &fact);
	assert_int_equal(ops_phase_seen(item, &fact), WIRE_PHASE_FENCED);
	w.owner[0] = 1;
	w.serving[0] = false;
	look(&w, item, &fact);
	assert_int_equal(ops_phase_seen(item, &fact), WIRE_PHASE_REPLAYING);
	w.serving[0] = true;
	look(&w, item, &fact);
	assert_int_equal(ops_phase_seen(item, &fact), WIRE_PHASE_SERVING);
	assert_int_equal(w.op->state, WIRE_OPS_RUNNING);
	struct ops_world later = seen(&w);
	later.now_ms += 240;
	assert_true(ops_step(w.op, &later));
	assert_int_equal(item->phase, WIRE_PHASE_DONE);
	assert_int_equal(item->ms, 240);
	assert_int_equal(w.op->state, WIRE_OPS_DONE);
	assert_int_equal(ops_pause(w.op), SAGA_E_ENDED);
	close_world(&w);
}

static void too_slow_is_taken_back(void **state)
{
	struct world w;
	(void)state;

	plain(&w, 1);
	w.stuck[0] = true;
	struct ops_world view = seen(&w);
	obey(&w);
	assert_true(ops_step(w.op, &view));
	assert_int_equal(ops_deadline_ms(w.op, view.now_ms), view.now_ms + OPS_TIMEOUT_DEFAULT_MS);
	w.now_ms += OPS_TIMEOUT_DEFAULT_MS;
	view = seen(&w);
	assert_true(ops_step(w.op, &view));
	assert_int_equal(w.op->items[0].why, WIRE_WHY_TIMEOUT);
	obey(&w);
	assert_int_equal(w.target[0], 0);
	assert_true(ops_step(w.op, &view));
	assert_int_equal(w.op->items[0].phase, WIRE_PHASE_ROLLED_BACK);
	assert_int_equal(w.op->state, WIRE_OPS_FAILED);
	close_world(&w);
}

static uint32_t on_the_move(const struct world *w)
{
	uint32_t moving = 0;

	for (uint32_t s = 0; s < SHARDS; s++)
		moving += w->target[s] != w->owner[s];
	return moving;
}

static void limits_change_while_it_runs(void **state)
{
	const struct ops_limits slow = {.max_moves = 1};
	const struct ops_limits fast = {.max_moves = 6, .max_moves_per_node = 6};
	struct ops_world view;
	struct world w;
	(void)state;

	plain(&w, 12);
	assert_int_equal(ops_throttle(w.op, &slow, false), 0);
	obey(&w);
	assert_int_equal(on_the_move(&w), 1);
	view = seen(&w);
	assert_true(ops_step(w.op, &view));
	assert_int_equal(ops_throttle(w.op, &fast, false), 0);
	obey(&w);
	assert_int_equal(on_the_move(&w), 6);
	assert_true(ops_step(w.op, &view));
	/* Paused: what moves goes on, nothing begins. */
	assert_int_equal(ops_pause(w.op), 0);
	w.owner[0] = w.target[0];
	assert_true(ops_step(w.op, &view));
	obey(&w);
	assert_int_equal(on_the_move(&w), 5);
	assert_int_equal(ops_resume(w.op), 0);
	obey(&w);
	assert_int_equal(on_the_move(&w), 6);
	close_world(&w);
}

static void a_pace_spreads_beginnings(void **state)
{
	const struct ops_limits limits = {
		.max_moves = 10, .max_moves_per_node = 10, .pace_ms = 500};
	struct ops_world view;
	struct world w;
	(void)state;

	plain(&w, 3);
	assert_int_equal(ops_throttle(w.op, &limits, true), 0);
	obey(&w);
	view = seen(&w);
	assert_true(ops_step(w.op, &view));
	obey(&w);
	assert_int_equal(on_the_move(&w), 1);
	assert_int_equal(ops_deadline_ms(w.op, w.now_ms), w.now_ms + 500);
	w.now_ms += 500;
	obey(&w);
	assert_int_equal(on_the_move(&w), 2);
	close_world(&w);
}

static void pins_of_the_world(void **state)
{
	struct ops_world view;
	struct world w;
	(void)state;

	plain(&w, 4);
	w.frozen[0] = true;           /* stays */
	w.target[1] = 3;              /* somebody else has moved it */
	w.usable[3] = false;          /* nobody to take 2 */
	w.owner[3] = w.target[3] = 1; /* is there already: n1 is where item 3 goes */
	view = seen(&w);
	assert_true(ops_step(w.op, &view));
	assert_int_equal(w.op->items[0].why, WIRE_WHY_FROZEN);
	assert_int_equal(w.op->items[1].why, WIRE_WHY_CHANGED);
	assert_int_equal(w.op->items[2].why, WIRE_WHY_TARGET_GONE);
	assert_int_equal(w.op->items[3].phase, WIRE_PHASE_DONE);
	assert_int_equal(w.op->state, WIRE_OPS_FAILED);
	close_world(&w);
}

/* A drained node must be left, wherever to. */
static void a_drain_finds_another_node(void **state)
{
	struct ops_world view;
	struct world w;
	(void)state;

	plain(&w, 2);
	w.op->kind = WIRE_OPS_DRAIN;
	w.usable[1] = w.usable[3] = false;
	view = seen(&w);
	assert_true(ops_step(w.op, &view));
	assert_string_equal(w.op->items[0].to.text, "n2");
	w.target[1] = 3; /* the planner has sent it elsewhere: it is gone, and that was the aim */
	assert_true(ops_step(w.op, &view));
	assert_int_equal(w.op->items[1].phase, WIRE_PHASE_DONE);
	close_world(&w);
}

static void a_stall_is_seen(void **state)
{
	struct world w;
	(void)state;

	plain(&w, 1);
	w.op->updated_ms = w.now_ms;
	assert_false(ops_stalled(w.op, w.now_ms + OPS_STALL_MS));
	assert_true(ops_stalled(w.op, w.now_ms + OPS_STALL_MS + 1));
	assert_int_equal(ops_pause(w.op), 0);
	assert_false(ops_stalled(w.op, w.now_ms + OPS_STALL_MS + 1));
	close_world(&w);
}

/* ---- the stored form --------------------------------------------------------------------------
 */

static void the_stored_form(void **state)
{
	static const char text[] = "sagad-op 1\nid op-7\nkind move\nstate running\nversion 3\n"
				   "plan 41\nnode -\nactor bob\nreason cache is warm: go\n"
				   "times 1 2 0\nlimits 4 2 0 20000\nended 0 0 0 0 longest 0\n"
				   "archived 0\nitems 2\n0 n0 n1 planned 0 0 8 18\n"
				   "1 n0 n2 quiescing 5 0 8 0\n";
	struct ops *op = calloc(1, sizeof *op);
	char copy[sizeof text];
	struct buf out;
	(void)state;

	buf_init(&out, OPS_TEXT_MAX);
	assert_int_equal(ops_decode(slice_str(text), op), 0);
	assert_int_equal(op->items[1].phase, WIRE_PHASE_QUIESCING);
	assert_string_equal(op->reason, "cache is warm: go");
	assert_int_equal(ops_encode(op, &out), 0);
	assert_true(slice_equal(buf_slice(&out), slice_str(text)));
	/* Cut anywhere, or with any byte turned, it is refused or sane. */
	for (uint32_t i = 0; i + 1 < sizeof text; i++) {
		assert_int_equal(ops_decode(slice_of(text, i), op), SAGA_E_BAD_REPLY);
		memcpy(copy, text, sizeof text);
		copy[i] = (char)(copy[i] ^ 1);
		if (ops_decode(slice_of(copy, sizeof text - 1), op) == 0)
			ops_check(op);
	}
	(void)snprintf(op->actor, sizeof op->actor, "two words");
	assert_int_equal(ops_encode(op, &out), SAGA_E_CHARSET);
	buf_close(&out);
	free(op);
}

static void the_largest_fits(void **state)
{
	struct ops *op = calloc(1, sizeof *op);
	const struct id longest =
		id_of("0123456789012345678901234567890123456789012345678901234567890123");
	struct buf out;
	(void)state;

	buf_init(&out, OPS_TEXT_MAX);
	op->number = UINT64_MAX - 1;
	op->kind = WIRE_OPS_REBALANCE;
	op->state = WIRE_OPS_CANCELLING;
	ops_limits_fill(&op->limits);
	memset(op->actor, 'a', WIRE_ACTOR_SIZE_MAX);
	memset(op->reason, 'r', WIRE_REASON_SIZE_MAX);
	op->item_count = WIRE_SHARDS_MAX;
	for (uint32_t i = 0; i < WIRE_SHARDS_MAX; i++)
		op->items[i] = (struct ops_item){.shard = i,
						 .phase = WIRE_PHASE_ROLLED_BACK,
						 .from = longest,
						 .to = longest,
						 .begun_ms = UINT64_MAX,
						 .ms = UINT32_MAX,
						 .why = WIRE_WHY_TIMEOUT,
						 .load = UINT32_MAX};
	assert_int_equal(ops_encode(op, &out), 0);
	assert_int_equal(ops_decode(buf_slice(&out), op), 0);
	buf_close(&out);
	free(op);
}

static void ids(void **state)
{
	static const char *const others[] = {"op-", "op-0", "op-01", "op-1x", "12", "op--1", ""};
	uint64_t number;
	(void)state;

	assert_string_equal(ops_id(12).text, "op-12");
	assert_int_equal(ops_id_parse(slice_str("op-12"), &number), 0);
	assert_int_equal(number, 12);
	for (uint32_t i = 0; i < sizeof others / sizeof others[0]; i++)
		assert_int_equal(ops_id_parse(slice_str(others[i]), &number), SAGA_E_NAME);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_courses_end),
		cmocka_unit_test(a_cancel_always_ends),
		cmocka_unit_test(the_course_of_one_move),
		cmocka_unit_test(too_slow_is_taken_back),
		cmocka_unit_test(limits_change_while_it_runs),
		cmocka_unit_test(a_pace_spreads_beginnings),
		cmocka_unit_test(pins_of_the_world),
		cmocka_unit_test(a_drain_finds_another_node),
		cmocka_unit_test(a_stall_is_seen),
		cmocka_unit_test(the_stored_form),
		cmocka_unit_test(the_largest_fits),
		cmocka_unit_test(ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
