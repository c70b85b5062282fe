/* Who should own what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "sharding/plan.h"

static struct id make_id(const char *text)
{
	struct id id = {0};

	if (text[0] != '\0')
		assert_int_equal(id_from(&id, slice_str(text)), 0);
	return id;
}

static struct plan_node make_node(const char *name, const char *zone, uint32_t weight)
{
	return (struct plan_node){
		.id = make_id(name), .zone = make_id(zone), .weight = weight, .healthy = true};
}

static uint32_t make_nodes(struct plan_node *nodes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		char name[16];

		(void)snprintf(name, sizeof name, "n%u", (unsigned)i);
		nodes[i] = make_node(name, "", 100);
	}
	return count;
}

static uint32_t load_of(const struct plan *plan, const char *node)
{
	uint32_t load = 0;

	for (uint32_t s = 0; s < plan->shard_count; s++)
		load += strcmp(plan->target[s].text, node) == 0;
	return load;
}

static struct plan *plan_of(const struct plan_node *nodes, uint32_t count, const struct plan *old,
			    uint32_t shards)
{
	static const struct plan none;
	struct plan_input *input = calloc(1, sizeof *input);
	struct plan *plan = calloc(1, sizeof *plan);

	assert_non_null(plan);
	assert_non_null(input);
	input->node_count = count;
	input->shard_count = shards;
	memcpy(input->nodes, nodes, count * sizeof nodes[0]);
	plan_goal(input, old ? old : &none, plan);
	free(input);
	return plan;
}

/* All have a target, and each node holds between the floor and the ceiling of an equal share. */
static void assert_even(const struct plan *plan, const struct plan_node *nodes, uint32_t count)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		const uint32_t load = load_of(plan, nodes[i].id.text);

		assert_in_range(load, plan->shard_count / count,
				(plan->shard_count + count - 1) / count);
		sum += load;
	}
	assert_int_equal(sum, plan->shard_count);
}

static void is_even_for_any_size(void **state)
{
	static const uint32_t shard_counts[] = {1, 2, 7, 16, 64, 128};
	struct plan_node nodes[PLAN_NODES_MAX];

	(void)state;
	for (uint32_t n = 1; n <= PLAN_NODES_MAX; n += n < 12 ? 1 : 13) {
		make_nodes(nodes, n);
		for (unsigned i = 0; i < sizeof shard_counts / sizeof shard_counts[0]; i++) {
			struct plan *plan = plan_of(nodes, n, NULL, shard_counts[i]);

			assert_int_equal(plan->version, 1);
			assert_even(plan, nodes, n);
			free(plan);
		}
	}
}

static void a_join_moves_no_more_than_needed(void **state)
{
	struct plan_node nodes[12];

	(void)state;
	make_nodes(nodes, 12);
	for (uint32_t n = 1; n < 12; n++) {
		struct plan *before = plan_of(nodes, n, NULL, 64);
		struct plan *after = plan_of(nodes, n + 1, before, 64);
		char name[16];

		(void)snprintf(name, sizeof name, "n%u", (unsigned)n);
		assert_even(after, nodes, n + 1);
		/* Only what the newcomer gets has moved. */
		assert_int_equal(plan_moves(before, after), load_of(after, name));
		assert_int_equal(after->version, before->version + 1);
		free(before);
		free(after);
	}
}

static void a_leave_moves_only_its_shards(void **state)
{
	struct plan_node nodes[8];

	(void)state;
	make_nodes(nodes, 8);
	for (uint32_t n = 2; n <= 8; n++) {
		struct plan *before = plan_of(nodes, n, NULL, 64);
		/* The first one leaves. */
		struct plan *after = plan_of(nodes + 1, n - 1, before, 64);

		assert_even(after, nodes + 1, n - 1);
		assert_int_equal(plan_moves(before, after), load_of(before, "n0"));
		free(before);
		free(after);
	}
}

static void same_nodes_same_plan(void **state)
{
	struct plan_node nodes[5];
	struct plan_node shuffled[5];
	struct plan *first;
	struct plan *again;

	(void)state;
	make_nodes(nodes, 5);
	for (uint32_t i = 0; i < 5; i++)
		shuffled[i] = nodes[(i * 3 + 2) % 5];
	first = plan_of(nodes, 5, NULL, 128);
	again = plan_of(nodes, 5, first, 128);
	assert_int_equal(again->version, first->version);
	assert_int_equal(plan_moves(first, again), 0);
	free(again);
	again = plan_of(shuffled, 5, NULL, 128);
	assert_int_equal(plan_moves(first, again), 0);
	for (uint32_t s = 0; s < 128; s++)
		assert_true(id_equal(&first->standby[s], &again->standby[s]));
	free(first);
	free(again);
}

/* The hash and the arithmetic are part of the format between versions of the planner. */
static void the_choice_is_pinned(void **state)
{
	static const char expected[] = "2011221111211010";
	struct plan_node nodes[3];
	char got[17] = "";
	struct plan *plan;

	(void)state;
	make_nodes(nodes, 3);
	nodes[1].weight = 300;
	plan = plan_of(nodes, 3, NULL, 16);
	for (uint32_t s = 0; s < 16; s++)
		got[s] = plan->target[s].text[1];
	assert_string_equal(got, expected);
	free(plan);
}

static void weights_count(void **state)
{
	struct plan_node nodes[4] = {make_node("small", "", 100), make_node("big", "", 300),
				     make_node("none", "", 0), make_node("medium", "", 200)};
	struct plan *plan = plan_of(nodes, 4, NULL, 120);

	(void)state;
	assert_int_equal(load_of(plan, "small"), 20);
	assert_int_equal(load_of(plan, "medium"), 40);
	assert_int_equal(load_of(plan, "big"), 60);
	assert_int_equal(load_of(plan, "none"), 0);
	free(plan);
}

static void standby_is_elsewhere(void **state)
{
	struct plan_node nodes[4] = {make_node("a1", "za", 100), make_node("a2", "za", 100),
				     make_node("a3", "za", 100), make_node("b1", "zb", 100)};
	struct plan *plan = plan_of(nodes, 4, NULL, 64);

	(void)state;
	for (uint32_t s = 0; s < 64; s++) {
		assert_false(id_equal(&plan->target[s], &plan->standby[s]));
		if (plan->target[s].text[0] == 'a')
			assert_string_equal(plan->standby[s].text, "b1");
	}
	free(plan);
	plan = plan_of(nodes, 3, NULL, 64); /* one zone: another node will do */
	for (uint32_t s = 0; s < 64; s++) {
		assert_int_not_equal(plan->standby[s].size, 0);
		assert_false(id_equal(&plan->target[s], &plan->standby[s]));
	}
	free(plan);
	plan = plan_of(nodes, 1, NULL, 64);
	for (uint32_t s = 0; s < 64; s++)
		assert_int_equal(plan->standby[s].size, 0);
	free(plan);
}

static void a_cordoned_node_keeps_but_gets_nothing(void **state)
{
	struct plan_node nodes[3];
	struct plan *before;
	struct plan *after;

	(void)state;
	make_nodes(nodes, 3);
	before = plan_of(nodes, 2, NULL, 16);
	nodes[1].cordoned = true;
	after = plan_of(nodes, 3, before, 16);
	for (uint32_t s = 0; s < 16; s++) {
		if (strcmp(before->target[s].text, "n1") == 0)
			assert_string_equal(after->target[s].text, "n1");
	}
	assert_int_equal(load_of(after, "n1"), 8);
	assert_int_equal(load_of(after, "n0"), 4);
	assert_int_equal(load_of(after, "n2"), 4);
	free(before);
	/* n0 dies: everything of its goes to n2. */
	before = after;
	after = plan_of(nodes + 1, 2, before, 16);
	assert_int_equal(load_of(after, "n1"), 8);
	assert_int_equal(load_of(after, "n2"), 8);
	free(before);
	free(after);
	/* All cordoned: nobody gets a homeless shard. */
	nodes[0].cordoned = nodes[2].cordoned = true;
	after = plan_of(nodes, 3, NULL, 16);
	for (uint32_t s = 0; s < 16; s++)
		assert_int_equal(after->target[s].size, 0);
	free(after);
}

static void an_unhealthy_node_gives_up_while_a_healthy_one_is_there(void **state)
{
	struct plan_node nodes[3];
	struct plan *before;
	struct plan *after;

	(void)state;
	make_nodes(nodes, 3);
	before = plan_of(nodes, 3, NULL, 16);
	nodes[0].healthy = false;
	after = plan_of(nodes, 3, before, 16);
	assert_int_equal(load_of(after, "n0"), 0);
	assert_int_equal(plan_moves(before, after), load_of(before, "n0"));
	free(after);
	nodes[1].healthy = nodes[2].healthy = false; /* all ill: nothing moves */
	after = plan_of(nodes, 3, before, 16);
	assert_int_equal(plan_moves(before, after), 0);
	free(after);
	nodes[2].healthy = nodes[2].cordoned = true; /* the only well one wants nothing new */
	after = plan_of(nodes, 3, before, 16);
	assert_int_equal(plan_moves(before, after), 0);
	free(before);
	free(after);
}

static void order_names_each_usable_node_once(void **state)
{
	struct plan_node nodes[5];
	uint32_t order[PLAN_NODES_MAX];
	uint32_t first[5] = {0};

	(void)state;
	make_nodes(nodes, 5);
	nodes[2].weight = 0;
	nodes[4].healthy = false;
	for (uint32_t s = 0; s < 128; s++) {
		bool seen[5] = {false};

		assert_int_equal(plan_order(nodes, 5, s, order), 3);
		for (unsigned i = 0; i < 3; i++) {
			assert_in_range(order[i], 0, 4);
			assert_false(seen[order[i]]);
			seen[order[i]] = true;
		}
		assert_false(seen[2] || seen[4]);
		first[order[0]]++;
	}
	assert_in_range(first[0], 20, 65); /* each is first about as often */
	assert_in_range(first[1], 20, 65);
	assert_in_range(first[3], 20, 65);
}

/* Any history of joins, leaves, weights, cordons and illnesses: P1 to P4 of plan.c hold. */
static void holds_its_invariants_on_random_histories(void **state)
{
	struct prng prng;

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct plan *plan = calloc(1, sizeof *plan);
		const uint32_t shards = 1 + (uint32_t)(seed * 37 % 128);

		prng_seed(&prng, seed);
		for (int round = 0; round < 12; round++) {
			struct plan_node nodes[10];
			uint32_t count = 0;
			uint64_t weight = 0;
			uint32_t rest = shards;
			struct plan *next;

			for (uint32_t i = 0; i < 10; i++) {
				char name[16];

				if (prng_below(&prng, 3) == 0)
					continue;
				(void)snprintf(name, sizeof name, "n%u", (unsigned)i);
				nodes[count] = make_node(name, "", (uint32_t)prng_below(&prng, 5));
				nodes[count].cordoned = prng_below(&prng, 8) == 0;
				count++;
			}
			next = plan_of(nodes, count, plan, shards);
			for (uint32_t i = 0; i < count; i++) {
				if (nodes[i].cordoned)
					rest -= load_of(next, nodes[i].id.text);
				else
					weight += nodes[i].weight;
			}
			for (uint32_t i = 0; i < count; i++) {
				const uint64_t share = (uint64_t)rest * nodes[i].weight;
				const uint32_t load = load_of(next, nodes[i].id.text);

				if (nodes[i].cordoned)
					assert_true(load <= load_of(plan, nodes[i].id.text));
				else if (weight > 0)
					assert_in_range(load, share / weight,
							(share + weight - 1) / weight);
			}
			assert_int_equal(next->version,
					 plan->version + (plan_equal(plan, next) ? 0 : 1));
			free(plan);
			plan = plan_of(nodes, count, next, shards); /* a fixed point */
			assert_int_equal(plan_moves(plan, next), 0);
			free(next);
		}
		free(plan);
	}
}

static void comes_back_from_its_text(void **state)
{
	struct plan_node nodes[3];
	struct plan *plan;
	struct plan *back = calloc(1, sizeof *back);
	struct buf text;

	(void)state;
	make_nodes(nodes, 3);
	plan = plan_of(nodes, 3, NULL, 128);
	plan->version = 7;
	plan->target[5] = (struct id){0};
	buf_init(&text, 64 * 1024);
	assert_int_equal(plan_encode(plan, &text), 0);
	assert_int_equal(plan_decode(buf_slice(&text), back), 0);
	assert_int_equal(back->version, 7);
	assert_int_equal(back->shard_count, 128);
	for (uint32_t s = 0; s < 128; s++) {
		assert_true(id_equal(&plan->target[s], &back->target[s]));
		assert_true(id_equal(&plan->standby[s], &back->standby[s]));
	}
	for (uint32_t size = 0; size < text.size; size++) /* every cut is refused */
		assert_int_equal(plan_decode(slice_of(text.data, size), back), SAGA_E_BAD_REPLY);
	buf_clear(&text);
	plan->target[0] = make_id("-"); /* would read as nobody */
	assert_int_equal(plan_encode(plan, &text), SAGA_E_NAME);
	assert_int_equal(text.size, 0);
	plan->target[0] = make_id("n0");
	buf_close(&text);
	buf_init(&text, 100);
	assert_int_equal(plan_encode(plan, &text), SAGA_E_FULL);
	assert_int_equal(text.size, 0);
	buf_close(&text);
	free(plan);
	free(back);
}

static void reads_strictly(void **state)
{
	static const char *const bad[] = {
		"",
		"sagad-plan 1 1 1\n",
		"sagad-plan 2 1 1\na b\n",
		"sagad-plan 2 1 1 0 5\na b\n",
		"sagad-plan 2 1 1 1 5\na b c\n",
		"sagad-plan 2 1 1 65 5\na b c\n",
		"sagad-plan 2 1 1 0 5\na b c\nd 1 0 1\n",
		"sagad-plan 2 1 1 1 5\na b c\nd 1 0 0\n",
		"sagad-plan 2 1 1 1 5\na b c\n- 1 0 1\n",
		"sagad-plan 2 1 1 1 5\na b c\nd 1 0 1",
		"sagad-plan 2 1 1 0\na b c\n",
		"sagad-plan 3 1 1 0 5\na b c\n",
		"sagad-plan 1 0 1\na b\n",
		"sagad-plan 1 1 0\n",
		"sagad-plan 1 01 1\na b\n",
		"sagad-plan 1 1 129\n",
		"sagad-plan 1 -1 1\na b\n",
		"sagad-plan 1 18446744073709551616 1\na b\n",
		"sagad-plan 1 1 1\na b",
		"sagad-plan 1 1 1\na  b\n",
		"sagad-plan 1 1 1\na b\nc d\n",
		"sagad-plan 1 1 1\na b\n ",
		"sagad-plan 1 1 1\n b\n",
		"sagad-plan 1 1 1\na/ b\n",
		"sagad-plan 1 1 1\r\na b\n",
		" sagad-plan 1 1 1\na b\n",
	};
	struct plan *plan = calloc(1, sizeof *plan);

	(void)state;
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (plan_decode(slice_str(bad[i]), plan) != SAGA_E_BAD_REPLY)
			fail_msg("taken: %s", bad[i]);
	}
	assert_int_equal(
		plan_decode(slice_str("sagad-plan 1 18446744073709551615 2\na -\n- b\n"), plan), 0);
	assert_true(plan->version == UINT64_MAX);
	assert_string_equal(plan->target[0].text, "a");
	assert_int_equal(plan->standby[0].size, 0);
	assert_int_equal(plan->target[1].size, 0);
	assert_string_equal(plan->standby[1].text, "b");
	free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_even_for_any_size),
		cmocka_unit_test(a_join_moves_no_more_than_needed),
		cmocka_unit_test(a_leave_moves_only_its_shards),
		cmocka_unit_test(same_nodes_same_plan),
		cmocka_unit_test(the_choice_is_pinned),
		cmocka_unit_test(weights_count),
		cmocka_unit_test(standby_is_elsewhere),
		cmocka_unit_test(a_cordoned_node_keeps_but_gets_nothing),
		cmocka_unit_test(an_unhealthy_node_gives_up_while_a_healthy_one_is_there),
		cmocka_unit_test(order_names_each_usable_node_once),
		cmocka_unit_test(holds_its_invariants_on_random_histories),
		cmocka_unit_test(comes_back_from_its_text),
		cmocka_unit_test(reads_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
