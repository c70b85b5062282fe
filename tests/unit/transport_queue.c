#include <pthread.h>
#include <semaphore.h>

#include "tests/unit/unit.h"
#include "transport/inbound_queue.h"

static void count_wake(void *context)
{
	++*(uint32_t *)context;
}

static bool push(struct inbound_queue *queue, uint64_t tag, uint32_t size, bool keep)
{
	const struct inbound_item item = {.tag = tag, .size = size};

	return inbound_queue_push(queue, &item, keep);
}

static void test_one_wake_a_batch(void **state)
{
	struct inbound_queue queue;
	struct inbound_item *items;
	uint32_t wakes = 0;

	(void)state;
	inbound_queue_init(&queue, 1000, 1000, count_wake, &wakes);
	assert_int_equal(inbound_queue_take(&queue, INBOUND_FIRST, &items), 0);
	for (uint64_t i = 0; i < 200; i++)
		assert_true(push(&queue, i, 1, false));
	assert_int_equal(wakes, 1);
	assert_int_equal(inbound_queue_take(&queue, INBOUND_FIRST, &items), 200);
	for (uint64_t i = 0; i < 200; i++)
		assert_int_equal(items[i].tag, i);
	assert_true(push(&queue, 7, 1, false));
	assert_int_equal(wakes, 2);
	assert_int_equal(inbound_queue_take(&queue, INBOUND_FIRST, &items), 1);
	assert_int_equal(items[0].tag, 7);
	inbound_queue_close(&queue);
}

static void test_bounds_refuse_and_count(void **state)
{
	struct inbound_queue queue;
	struct inbound_item *items;
	uint32_t wakes = 0;
	uint32_t waiting;
	uint64_t refused;

	(void)state;
	inbound_queue_init(&queue, 3, 100, count_wake, &wakes);
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

static void test_after_shut_nothing_comes_and_nobody_is_woken(void **state)
{
	struct inbound_queue queue;
	struct inbound_item *items;
	uint32_t wakes = 0;

	(void)state;
	inbound_queue_init(&queue, 3, 100, count_wake, &wakes);
	assert_true(push(&queue, 1, 1, false));
	inbound_queue_shut(&queue);
	assert_false(push(&queue, 2, 1, true));
	assert_int_equal(inbound_queue_take(&queue, INBOUND_FIRST, &items), 1);
	assert_false(push(&queue, 3, 1, true));
	assert_int_equal(wakes, 1);
	assert_int_equal(inbound_queue_take(&queue, INBOUND_FIRST, &items), 0);
	inbound_queue_close(&queue);
}

static bool push_later(struct inbound_queue *queue, uint64_t tag, uint32_t size)
{
	const struct inbound_item item = {.tag = tag, .size = size, .lane = INBOUND_LATER};

	return inbound_queue_push(queue, &item, false);
}

/* Submits must not take the place of replies, nor hide that replies have come. */
static void test_lanes_do_not_touch_each_other(void **state)
{
	struct inbound_queue queue;
	struct inbound_item *items;
	uint32_t wakes = 0;
	uint32_t waiting;
	uint64_t refused;

	(void)state;
	inbound_queue_init(&queue, 3, 100, count_wake, &wakes);
	inbound_queue_bound(&queue, INBOUND_LATER, 2, 50);
	assert_true(push_later(&queue, 1, 10));
	assert_true(push_later(&queue, 2, 10));
	assert_false(push_later(&queue, 3, 10));
	assert_int_equal(wakes, 1);
	assert_true(push(&queue, 4, 100, false));
	assert_int_equal(wakes, 2);
	inbound_queue_stats(&queue, &waiting, &refused);
	assert_int_equal(waiting, 3);
	assert_int_equal(refused, 1);
	assert_int_equal(inbound_queue_take(&queue, INBOUND_FIRST, &items), 1);
	assert_int_equal(items[0].tag, 4);
	assert_false(push_later(&queue, 5, 10)); /* its place is not free by that */
	assert_int_equal(inbound_queue_take(&queue, INBOUND_LATER, &items), 2);
	assert_int_equal(items[1].tag, 2);
	assert_true(push_later(&queue, 6, 50));
	assert_int_equal(wakes, 3);
	assert_int_equal(inbound_queue_take(&queue, INBOUND_LATER, &items), 1);
	inbound_queue_close(&queue);
}

enum { PRODUCERS = 4, PER_PRODUCER = 20000 };

struct producer {
	pthread_t thread;
	struct inbound_queue *queue;
	uint64_t number;
};

static void *produce(void *context)
{
	struct producer *producer = context;

	for (uint64_t i = 0; i < PER_PRODUCER; i++) {
		while (!push(producer->queue, producer->number << 32 | i, 1, false))
			continue;
	}
	return NULL;
}

static void post(void *context)
{
	(void)sem_post(context);
}

static void test_many_producers_keep_their_order(void **state)
{
	struct producer producers[PRODUCERS];
	uint64_t next[PRODUCERS] = {0};
	struct inbound_queue queue;
	struct inbound_item *items;
	uint32_t total = 0;
	sem_t woken;

	(void)state;
	assert_int_equal(sem_init(&woken, 0, 0), 0);
	inbound_queue_init(&queue, 1000, UINT64_MAX, post, &woken);
	for (uint64_t i = 0; i < PRODUCERS; i++) {
		producers[i] = (struct producer){.queue = &queue, .number = i};
		assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]),
				 0);
	}
	while (total < PRODUCERS * PER_PRODUCER) {
		uint32_t count;

		/* A lost wake-up would hang here, until the test's time limit. */
		assert_int_equal(sem_wait(&woken), 0);
		count = inbound_queue_take(&queue, INBOUND_FIRST, &items);
		for (uint32_t i = 0; i < count; i++) {
			const uint64_t producer = items[i].tag >> 32;

			assert_true(producer < PRODUCERS);
			assert_int_equal((uint32_t)items[i].tag, next[producer]);
			next[producer]++;
		}
		total += count;
	}
	for (uint32_t i = 0; i < PRODUCERS; i++)
		assert_int_equal(pthread_join(producers[i].thread, NULL), 0);
	inbound_queue_close(&queue);
	assert_int_equal(sem_destroy(&woken), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_wake_a_batch),
		cmocka_unit_test(test_bounds_refuse_and_count),
		cmocka_unit_test(test_lanes_do_not_touch_each_other),
		cmocka_unit_test(test_after_shut_nothing_comes_and_nobody_is_woken),
		cmocka_unit_test(test_many_producers_keep_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
