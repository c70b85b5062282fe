#include "tests/unit/unit.h"
#include "transport/inbound_queue.h"

static bool push(struct inbound_queue *queue, uint64_t tag, uint32_t size, bool keep)
{
	const struct inbound_item item = {.tag = tag, .size = size};

	return inbound_queue_push(queue, &item, keep);
}

static void test_order_is_kept_and_new_ones_wait_for_the_next_take(void **state)
{
	struct inbound_queue queue;
	struct inbound_item *items;

	(void)state;
	inbound_queue_init(&queue, 1000, 1000);
	assert_int_equal(inbound_queue_take(&queue, INBOUND_FIRST, &items), 0);
	for (uint32_t round = 0; round < 3; round++) {
		const uint32_t count = 200 + round;

		for (uint64_t i = 0; i < count; i++)
			assert_true(push(&queue, i, 1, false));
		assert_int_equal(inbound_queue_take(&queue, INBOUND_FIRST, &items), count);
		/* While a handler works through what was taken. */
		assert_true(push(&queue, 7, 1, false));
		for (uint64_t i = 0; i < count; i++)
			assert_int_equal(items[i].tag, i);
		assert_int_equal(inbound_queue_take(&queue, INBOUND_FIRST, &items), 1);
		assert_int_equal(items[0].tag, 7);
	}
	inbound_queue_close(&queue);
}

static void test_bounds_refuse_and_count(void **state)
{
	struct inbound_queue queue;
	struct inbound_item *items;
	uint32_t waiting;
	uint64_t refused;

	(void)state;
	inbound_queue_init(&queue, 3, 100);
	assert_true(push(&queue, 1, 60, false));
	assert_false(push(&queue, 2, 41, false)); /* bytes */
	assert_true(push(&queue, 3, 40, false));
	assert_true(push(&queue, 4, 0, false));
	assert_false(push(&queue, 5, 0, false)); /* items */
	assert_true(push(&queue, 6, 1000, true));
	inbound_queue_stats(&queue, &waiting, &refused);
	assert_int_equal(waiting, 4);
	assert_int_equal(refused, 2);
	assert_int_equal(inbound_queue_take(&queue, INBOUND_FIRST, &items), 4);
	assert_int_equal(items[3].tag, 6);
	/* Taken is no longer counted. */
	assert_true(push(&queue, 7, 100, false));
	assert_int_equal(inbound_queue_take(&queue, INBOUND_FIRST, &items), 1);
	inbound_queue_close(&queue);
}

static bool push_later(struct inbound_queue *queue, uint64_t tag, uint32_t size)
{
	const struct inbound_item item = {.tag = tag, .size = size, .lane = INBOUND_LATER};

	return inbound_queue_push(queue, &item, false);
}

/* Submits must not take the place of replies. */
static void test_lanes_do_not_touch_each_other(void **state)
{
	struct inbound_queue queue;
	struct inbound_item *items;
	uint32_t waiting;
	uint64_t refused;

	(void)state;
	inbound_queue_init(&queue, 3, 100);
	inbound_queue_bound(&queue, INBOUND_LATER, 2, 50);
	assert_true(push_later(&queue, 1, 10));
	assert_true(push_later(&queue, 2, 10));
	assert_false(push_later(&queue, 3, 10));
	assert_true(push(&queue, 4, 100, false));
	inbound_queue_stats(&queue, &waiting, &refused);
	assert_int_equal(waiting, 3);
	assert_int_equal(refused, 1);
	assert_int_equal(inbound_queue_take(&queue, INBOUND_FIRST, &items), 1);
	assert_int_equal(items[0].tag, 4);
	assert_false(push_later(&queue, 5, 10)); /* its place is not free by that */
	assert_int_equal(inbound_queue_take(&queue, INBOUND_LATER, &items), 2);
	assert_int_equal(items[1].tag, 2);
	assert_true(push_later(&queue, 6, 50));
	assert_int_equal(inbound_queue_take(&queue, INBOUND_LATER, &items), 1);
	inbound_queue_close(&queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_is_kept_and_new_ones_wait_for_the_next_take),
		cmocka_unit_test(test_bounds_refuse_and_count),
		cmocka_unit_test(test_lanes_do_not_touch_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
