/* Address space that cannot be reserved, and journals that are larger than this node's limits: a
 * node says so, keeps nothing, and takes the shard when there is room. */
#include "tests/unit/node_world.h"

/* At any of the reservations: all of it or nothing. */
static void a_core_is_made_whole_or_not_at_all(void **state)
{
	struct world *w = *state;
	struct node *n = &w->nodes[0];
	uint32_t fails_at = 1;
	int32_t others;

	world_node_close(n);
	others = w->reserved;
	for (;; fails_at++) {
		w->reserve_fails_at = fails_at;
		world_node_open(w, n, "n1");
		if (n->core != NULL)
			break;
		assert_int_equal(w->reserve_fails_at, 0);
		assert_int_equal(w->reserved, others);
		world_node_close(n);
	}
	assert_true(fails_at > 2);
	w->reserve_fails_at = 0;
	world_serve(w, 0, 1, 5);
	assert_int_equal(n->state[1], OWNERSHIP_SERVING);
}

static void a_shard_without_memory_is_given_back(void **state)
{
	struct world *w = *state;
	struct node *n = &w->nodes[0];
	const int32_t before = w->reserved;
	uint32_t fails_at = 1;

	for (;; fails_at++) {
		w->reserve_fails_at = fails_at;
		n->state[1] = OWNERSHIP_UNOWNED;
		world_serve(w, 0, 1, 5);
		if (n->state[1] == OWNERSHIP_SERVING)
			break;
		assert_int_equal(n->state[1], OWNERSHIP_FENCED);
		assert_int_equal(n->code[1], SAGA_E_NO_MEMORY);
		assert_int_equal(w->reserve_fails_at, 0);
		assert_int_equal(w->reserved, before);
	}
	assert_true(fails_at > 3);
	/* And when it is assigned again while there is none. */
	w->reserve_fails_at = 2;
	world_serve(w, 0, 1, 9);
	assert_int_equal(n->state[1], OWNERSHIP_FENCED);
	assert_int_equal(n->code[1], SAGA_E_NO_MEMORY);
	assert_int_equal(w->reserved, before);
}

/* Nothing is wrong with the journal: it is lost, never halted, and a larger node serves it. */
static void a_journal_that_is_too_large_is_left_to_others(void **state)
{
	struct world *w = *state;

	w->no_wait = true;
	world_serve(w, 0, 1, 5);
	for (uint32_t i = 0; i < 5; i++) {
		const struct id id = world_id_on(w, 1, i);

		world_submit(w, &id, "_INBOX.client.1");
		world_settle(w);
	}
	world_node_close(&w->nodes[0]);
	w->config.limits.open_max = 2; /* and there is room for twice as many */
	world_node_open(w, &w->nodes[0], "n1");
	world_serve(w, 0, 1, 6);
	assert_int_equal(w->nodes[0].state[1], OWNERSHIP_FENCED);
	assert_int_equal(w->nodes[0].code[1], SAGA_E_NO_MEMORY);
	world_serve(w, 1, 1, 7);
	assert_int_equal(w->nodes[1].state[1], OWNERSHIP_SERVING);
}

int main(void)
{
#define MEMORY_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		MEMORY_TEST(a_core_is_made_whole_or_not_at_all),
		MEMORY_TEST(a_shard_without_memory_is_given_back),
		MEMORY_TEST(a_journal_that_is_too_large_is_left_to_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
