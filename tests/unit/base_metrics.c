#include "base/metrics.h"
#include "base/series.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "unit.h"

enum { SAMPLES = 5000 };

static int compare(const void *a, const void *b)
{
	const uint64_t left = *(const uint64_t *)a;
	const uint64_t right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static void counters_add_up(void **state)
{
	struct counter c = {0};

	(void)state;
	counter_add(&c, 3);
	counter_add(&c, UINT64_C(1) << 40);
	assert_true(counter_get(&c) == (UINT64_C(1) << 40) + 3);
}

static void an_empty_histogram_says_zero(void **state)
{
	struct histogram h;

	(void)state;
	histogram_init(&h);
	assert_true(histogram_quantile(&h, 0) == 0);
	assert_true(histogram_quantile(&h, 990000) == 0);
	assert_true(histogram_quantile(&h, 1000000) == 0);
}

static void one_value_is_every_quantile(void **state)
{
	static const uint64_t values[] = {0, 1, 15, 16, 17, 1000, 123456789, UINT64_MAX};
	struct histogram h;

	(void)state;
	for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++) {
		histogram_init(&h);
		histogram_record(&h, values[i]);
		assert_true(histogram_quantile(&h, 0) == values[i]);
		assert_true(histogram_quantile(&h, 500000) == values[i]);
		assert_true(histogram_quantile(&h, UINT32_MAX) == values[i]);
	}
}

static void small_values_are_exact(void **state)
{
	struct histogram h;

	(void)state;
	histogram_init(&h);
	for (uint64_t value = 0; value < 10; value++)
		histogram_record(&h, value);
	assert_true(histogram_quantile(&h, 100000) == 0);
	assert_true(histogram_quantile(&h, 100001) == 1);
	assert_true(histogram_quantile(&h, 500000) == 4);
	assert_true(histogram_quantile(&h, 1000000) == 9);
}

/* Never below the true value, never more than 1/16 above it, at any magnitude. */
static void the_error_of_a_quantile_is_bounded(void **state)
{
	static uint64_t values[SAMPLES];
	struct histogram h;
	struct prng p;

	(void)state;
	prng_seed(&p, 7);
	histogram_init(&h);
	for (unsigned i = 0; i < SAMPLES; i++) {
		values[i] = prng_next(&p) >> prng_below(&p, 64);
		histogram_record(&h, values[i]);
	}
	qsort(values, SAMPLES, sizeof values[0], compare);
	for (uint32_t rank = 1; rank <= SAMPLES; rank++) {
		const uint32_t parts = rank * (1000000 / SAMPLES);
		const uint64_t truth = values[rank - 1];
		const uint64_t got = histogram_quantile(&h, parts);

		assert_true(got >= truth);
		assert_true(got - truth <= truth / 16);
	}
	assert_true(h.max == values[SAMPLES - 1]);
	assert_true(h.count == SAMPLES);
}

static void the_edges_of_all_buckets_hold(void **state)
{
	struct histogram h;

	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		const uint64_t power = UINT64_C(1) << bit;

		/* The maximum would hide the bucket's bound, so something larger stands above. */
		histogram_init(&h);
		histogram_record(&h, power - 1);
		histogram_record(&h, UINT64_MAX);
		assert_true(histogram_quantile(&h, 500000) >= power - 1);
		assert_true(histogram_quantile(&h, 500000) - (power - 1) <= power / 16);
		histogram_init(&h);
		histogram_record(&h, power);
		histogram_record(&h, UINT64_MAX);
		assert_true(histogram_quantile(&h, 500000) >= power);
		assert_true(histogram_quantile(&h, 500000) - power <= power / 16);
	}
}

static void merging_is_recording_together(void **state)
{
	struct histogram a;
	struct histogram b;
	struct histogram both;
	struct prng p;

	(void)state;
	prng_seed(&p, 8);
	histogram_init(&a);
	histogram_init(&b);
	histogram_init(&both);
	for (unsigned i = 0; i < 1000; i++) {
		const uint64_t value = prng_next(&p) >> 30;

		histogram_record(i % 3 == 0 ? &a : &b, value);
		histogram_record(&both, value);
	}
	histogram_merge(&a, &b);
	assert_memory_equal(&a, &both, sizeof a);
}

static void the_sum_stops_at_its_limit(void **state)
{
	struct histogram h;

	(void)state;
	histogram_init(&h);
	histogram_record(&h, 5);
	histogram_record(&h, 6);
	assert_true(h.sum == 11);
	histogram_record(&h, UINT64_MAX);
	assert_true(h.sum == UINT64_MAX);
}

static void a_large_count_does_not_run_over(void **state)
{
	struct histogram h;

	(void)state;
	histogram_init(&h);
	h.buckets[1] = UINT64_C(1) << 60;
	h.buckets[2] = UINT64_C(1) << 60;
	h.count = UINT64_C(1) << 61;
	h.max = 2;
	assert_true(histogram_quantile(&h, 500000) == 1);
	assert_true(histogram_quantile(&h, 500001) == 2);
}

static void buckets_have_inclusive_bounds(void **state)
{
	struct buckets b = {0};
	struct buckets sum = {0};

	(void)state;
	buckets_record(&b, &bucket_latency_ms, 0);
	buckets_record(&b, &bucket_latency_ms, 1);
	buckets_record(&b, &bucket_latency_ms, 2);
	buckets_record(&b, &bucket_latency_ms, 60000);
	buckets_record(&b, &bucket_latency_ms, 60001);
	buckets_record(&b, &bucket_latency_ms, UINT64_MAX);
	assert_int_equal(b.counts[0], 2);
	assert_int_equal(b.counts[1], 1);
	assert_int_equal(b.counts[bucket_latency_ms.count - 1], 1);
	assert_int_equal(b.counts[BUCKETS_MAX], 2);
	assert_true(b.sum == UINT64_MAX);
	buckets_merge(&sum, &b);
	buckets_merge(&sum, &b);
	assert_int_equal(sum.counts[0], 4);
	assert_int_equal(sum.counts[BUCKETS_MAX], 4);
}

static void bounds_rise(void **state)
{
	const struct bucket_bounds *const all[] = {&bucket_latency_ms, &bucket_duration_ms,
						   &bucket_count};

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		assert_in_range(all[i]->count, 1, BUCKETS_MAX);
		for (uint32_t j = 1; j < all[i]->count; j++)
			assert_true(all[i]->upper[j] > all[i]->upper[j - 1]);
	}
}

static void series_give_numbers_to_the_first(void **state)
{
	static struct series s;
	static const char *const long_name =
		"12345678901234567890123456789012345678901234567890123456789012345";
	const struct slice none = {0};
	char name[16];

	(void)state;
	series_init(&s, SERIES_MAX);
	assert_int_equal(series_count(&s), 0);
	assert_true(slice_equal(series_first(&s, 0), slice_str("other")));
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 1; i <= SERIES_MAX; i++) {
			(void)snprintf(name, sizeof name, "n%u", i);
			assert_int_equal(series_number(&s, 0, slice_str(name), none), i);
			assert_true(slice_equal(series_first(&s, i), slice_str(name)));
		}
	}
	assert_int_equal(series_count(&s), SERIES_MAX);
	assert_int_equal(series_number(&s, 0, slice_str("one more"), none), 0);
	assert_int_equal(series_number(&s, 0, slice_str("n1"), none), 1);

	/* Another name in the same place. */
	memcpy(name, "n7", 3);
	assert_int_equal(series_number(&s, 0, slice_str(name), none), 7);
	memcpy(name, "n8", 3);
	assert_int_equal(series_number(&s, 0, slice_str(name), none), 8);

	/* Tag and both names tell them apart; what is too long has no number. */
	series_init(&s, 3);
	assert_int_equal(series_number(&s, 1, slice_str("a"), slice_str("b")), 1);
	assert_int_equal(series_number(&s, 2, slice_str("a"), slice_str("b")), 2);
	assert_int_equal(series_number(&s, 1, slice_str("b"), slice_str("a")), 3);
	assert_int_equal(series_number(&s, 1, slice_str("a"), slice_str("b")), 1);
	assert_true(slice_equal(series_second(&s, 1), slice_str("b")));
	series_init(&s, 3);
	assert_int_equal(series_number(&s, 0, slice_str(long_name), none), 0);
	assert_int_equal(series_number(&s, 0, none, slice_str(long_name)), 0);
	assert_int_equal(series_count(&s), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_add_up),
		cmocka_unit_test(an_empty_histogram_says_zero),
		cmocka_unit_test(one_value_is_every_quantile),
		cmocka_unit_test(small_values_are_exact),
		cmocka_unit_test(the_error_of_a_quantile_is_bounded),
		cmocka_unit_test(the_edges_of_all_buckets_hold),
		cmocka_unit_test(merging_is_recording_together),
		cmocka_unit_test(the_sum_stops_at_its_limit),
		cmocka_unit_test(a_large_count_does_not_run_over),
		cmocka_unit_test(buckets_have_inclusive_bounds),
		cmocka_unit_test(bounds_rise),
		cmocka_unit_test(series_give_numbers_to_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
