#include "base/timer_heap.h"

#include "base/prng.h"
#include "unit.h"

enum { TIMERS = 40 };

static void init_timers(struct timer *timers, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		timer_init(&timers[i], i);
}

static void an_empty_heap_has_nothing(void **state)
{
	struct timer_heap h;
	struct timer t;

	(void)state;
	timer_heap_init(&h, NULL, 0);
	timer_init(&t, 3);
	assert_null(timer_heap_peek(&h));
	assert_null(timer_heap_pop_due(&h, UINT64_MAX));
	assert_false(timer_armed(&t));
	timer_cancel(&h, &t);
	assert_int_equal(t.owner, 3);
}

static void due_means_not_before_the_deadline(void **state)
{
	struct timer *slots[1];
	struct timer_heap h;
	struct timer t;

	(void)state;
	timer_heap_init(&h, slots, 1);
	timer_init(&t, 0);
	timer_arm(&h, &t, 100);
	assert_null(timer_heap_pop_due(&h, 99));
	assert_ptr_equal(timer_heap_peek(&h), &t);
	assert_true(timer_armed(&t));
	assert_ptr_equal(timer_heap_pop_due(&h, 100), &t);
	assert_false(timer_armed(&t));
	assert_null(timer_heap_pop_due(&h, UINT64_MAX));
}

static void equal_deadlines_fire_in_the_order_armed(void **state)
{
	struct timer *slots[TIMERS];
	struct timer timers[TIMERS];
	struct timer_heap h;

	(void)state;
	timer_heap_init(&h, slots, TIMERS);
	init_timers(timers, TIMERS);
	for (uint32_t i = 0; i < TIMERS; i++)
		timer_arm(&h, &timers[i * 7 % TIMERS], 5);
	/* Armed again: goes to the end of its equals. */
	timer_arm(&h, &timers[0], 5);
	for (uint32_t i = 1; i < TIMERS; i++)
		assert_int_equal(timer_heap_pop_due(&h, 5)->owner, i * 7 % TIMERS);
	assert_int_equal(timer_heap_pop_due(&h, 5)->owner, 0);
}

static void arming_again_moves_both_ways(void **state)
{
	struct timer *slots[3];
	struct timer timers[3];
	struct timer_heap h;

	(void)state;
	timer_heap_init(&h, slots, 3);
	init_timers(timers, 3);
	timer_arm(&h, &timers[0], 10);
	timer_arm(&h, &timers[1], 20);
	timer_arm(&h, &timers[2], 30);
	timer_arm(&h, &timers[2], 5);
	assert_int_equal(timer_heap_peek(&h)->owner, 2);
	timer_arm(&h, &timers[2], UINT64_MAX);
	assert_int_equal(timer_heap_peek(&h)->owner, 0);
	timer_cancel(&h, &timers[0]);
	assert_int_equal(timer_heap_pop_due(&h, UINT64_MAX)->owner, 1);
	assert_int_equal(timer_heap_pop_due(&h, UINT64_MAX)->owner, 2);
	assert_int_equal(h.count, 0);
}

struct model_entry {
	bool armed;
	uint64_t deadline;
	uint64_t order;
};

static uint32_t model_first(const struct model_entry *model)
{
	uint32_t first = TIMER_NONE;

	for (uint32_t i = 0; i < TIMERS; i++) {
		if (!model[i].armed)
			continue;
		if (first == TIMER_NONE || model[i].deadline < model[first].deadline ||
		    (model[i].deadline == model[first].deadline &&
		     model[i].order < model[first].order))
			first = i;
	}
	return first;
}

/* A plain array that is searched in full does the same, step by step. */
static void random_work_agrees_with_a_plain_model(void **state)
{
	struct timer *slots[TIMERS];
	struct timer timers[TIMERS];
	struct model_entry model[TIMERS] = {0};
	struct timer_heap h;
	struct prng p;

	(void)state;
	prng_seed(&p, 2024);
	timer_heap_init(&h, slots, TIMERS);
	init_timers(timers, TIMERS);
	for (uint64_t step = 0; step < 50000; step++) {
		const uint32_t i = (uint32_t)prng_below(&p, TIMERS);
		const uint64_t action = prng_below(&p, 4);
		const uint32_t first = model_first(model);

		if (action <= 1) {
			/* Few different deadlines, so that there are many ties. */
			model[i] = (struct model_entry){true, prng_below(&p, 12), step};
			timer_arm(&h, &timers[i], model[i].deadline);
		} else if (action == 2) {
			model[i].armed = false;
			timer_cancel(&h, &timers[i]);
		} else if (first == TIMER_NONE) {
			assert_null(timer_heap_peek(&h));
		} else {
			assert_int_equal(timer_heap_peek(&h)->owner, first);
			if (model[first].deadline > 0)
				assert_null(timer_heap_pop_due(&h, model[first].deadline - 1));
			assert_int_equal(timer_heap_pop_due(&h, model[first].deadline)->owner,
					 first);
			model[first].armed = false;
		}
		for (uint32_t j = 0; j < TIMERS; j++)
			assert_int_equal(timer_armed(&timers[j]), model[j].armed);
		for (uint32_t j = 0; j < h.count; j++)
			assert_int_equal(slots[j]->place, j);
	}
}

static void arm_too_many(void)
{
	struct timer *slots[1];
	struct timer timers[2];
	struct timer_heap h;

	timer_heap_init(&h, slots, 1);
	init_timers(timers, 2);
	timer_arm(&h, &timers[0], 1);
	timer_arm(&h, &timers[1], 1);
}

static void cancel_in_another_heap(void)
{
	struct timer *slots[1];
	struct timer *other_slots[1] = {NULL};
	struct timer_heap h;
	struct timer_heap other;
	struct timer t;

	timer_heap_init(&h, slots, 1);
	timer_heap_init(&other, other_slots, 1);
	timer_init(&t, 0);
	timer_arm(&h, &t, 1);
	timer_cancel(&other, &t);
}

static void misuse_is_a_bug(void **state)
{
	(void)state;
	assert_true(aborts(arm_too_many));
	assert_true(aborts(cancel_in_another_heap));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_heap_has_nothing),
		cmocka_unit_test(due_means_not_before_the_deadline),
		cmocka_unit_test(equal_deadlines_fire_in_the_order_armed),
		cmocka_unit_test(arming_again_moves_both_ways),
		cmocka_unit_test(random_work_agrees_with_a_plain_model),
		cmocka_unit_test(misuse_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
