#include "base/prng.h"

#include "unit.h"

/* The published outputs of xoshiro256** from state 1, 2, 3, 4 and of splitmix64 from seed 0. */
static void the_known_answers(void **state)
{
	struct prng p = {{1, 2, 3, 4}};

	(void)state;
	assert_true(prng_next(&p) == 11520);
	assert_true(prng_next(&p) == 0);
	assert_true(prng_next(&p) == 1509978240);
	assert_true(prng_next(&p) == UINT64_C(1215971899390074240));
	assert_true(prng_mix(0) == UINT64_C(0xe220a8397b1dcdaf));
	prng_seed(&p, 0);
	assert_true(p.state[0] == UINT64_C(0xe220a8397b1dcdaf));
	assert_true(p.state[1] == UINT64_C(0x6e789e6aa1b965f4));
	assert_true(p.state[2] == UINT64_C(0x06c45d188009454f));
	assert_true(p.state[3] == UINT64_C(0xf88bb8a8724c81ec));
}

static void the_same_seed_gives_the_same_values(void **state)
{
	struct prng a;
	struct prng b;
	struct prng c;
	unsigned equal = 0;

	(void)state;
	prng_seed(&a, 99);
	prng_seed(&b, 99);
	prng_seed(&c, 100);
	for (unsigned i = 0; i < 100; i++) {
		const uint64_t value = prng_next(&a);

		assert_true(value == prng_next(&b));
		equal += value == prng_next(&c);
	}
	assert_int_equal(equal, 0);
}

static void below_stays_below_and_reaches_everything(void **state)
{
	struct prng p;
	unsigned seen[7] = {0};

	(void)state;
	prng_seed(&p, 5);
	for (unsigned i = 0; i < 7000; i++) {
		const uint64_t value = prng_below(&p, 7);

		assert_true(value < 7);
		seen[value]++;
	}
	/* Expected 1000 each with a deviation of 29: 200 is far outside for a good generator. */
	for (unsigned i = 0; i < 7; i++)
		assert_in_range(seen[i], 800, 1200);
}

static void below_of_the_extreme_bounds(void **state)
{
	struct prng p;

	(void)state;
	prng_seed(&p, 6);
	for (unsigned i = 0; i < 100; i++) {
		assert_true(prng_below(&p, 0) == 0);
		assert_true(prng_below(&p, 1) == 0);
		assert_true(prng_below(&p, UINT64_MAX) < UINT64_MAX);
	}
}

/* 3 * 2^62: plain modulo would give the lowest third twice as often as the others. */
static void below_has_no_bias(void **state)
{
	const uint64_t bound = UINT64_C(3) << 62;
	unsigned low = 0;
	struct prng p;

	(void)state;
	prng_seed(&p, 11);
	for (unsigned i = 0; i < 9000; i++)
		low += prng_below(&p, bound) < bound / 3;
	assert_in_range(low, 2800, 3200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_known_answers),
		cmocka_unit_test(the_same_seed_gives_the_same_values),
		cmocka_unit_test(below_stays_below_and_reaches_everything),
		cmocka_unit_test(below_of_the_extreme_bounds),
		cmocka_unit_test(below_has_no_bias),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
