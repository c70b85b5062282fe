#include "base/metrics.h"

#include <string.h>

enum { HISTOGRAM_SUB_COUNT = 1 << HISTOGRAM_SUB_BITS };

void histogram_init(struct histogram *h)
{
	memset(h, 0, sizeof *h);
}

/* Values below 16 have a bucket each; above, the highest bit picks the group and the four bits
 * after it the bucket within. */
static uint32_t bucket_of(uint64_t value)
{
	uint32_t shift;

	if (value < HISTOGRAM_SUB_COUNT)
		return (uint32_t)value;
	shift = 63U - (uint32_t)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
	return ((shift + 1) << HISTOGRAM_SUB_BITS) +
	       (uint32_t)((value >> shift) & (HISTOGRAM_SUB_COUNT - 1));
}

/* The largest value of the bucket. The last one's is UINT64_MAX by wrap-around. */
static uint64_t bucket_upper(uint32_t bucket)
{
	uint32_t shift;
	uint64_t first;

	if (bucket < HISTOGRAM_SUB_COUNT)
		return bucket;
	shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;
	first = HISTOGRAM_SUB_COUNT + (bucket & (HISTOGRAM_SUB_COUNT - 1));
	return ((first + 1) << shift) - 1;
}

static void add_relaxed(uint64_t *to, uint64_t n)
{
	__atomic_store_n(to, __atomic_load_n(to, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

/* A sum that has run over says less than one that stands at the limit. */
static void add_saturated(uint64_t *to, uint64_t n)
{
	const uint64_t sum = __atomic_load_n(to, __ATOMIC_RELAXED);

	__atomic_store_n(to, n > UINT64_MAX - sum ? UINT64_MAX : sum + n, __ATOMIC_RELAXED);
}

static void raise_relaxed(uint64_t *to, uint64_t value)
{
	if (value > __atomic_load_n(to, __ATOMIC_RELAXED))
		__atomic_store_n(to, value, __ATOMIC_RELAXED);
}

void histogram_record(struct histogram *h, uint64_t value)
{
	add_relaxed(&h->buckets[bucket_of(value)], 1);
	add_relaxed(&h->count, 1);
	add_saturated(&h->sum, value);
	raise_relaxed(&h->max, value);
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		add_relaxed(&into->buckets[i],
			    __atomic_load_n(&from->buckets[i], __ATOMIC_RELAXED));
	add_relaxed(&into->count, __atomic_load_n(&from->count, __ATOMIC_RELAXED));
	add_saturated(&into->sum, __atomic_load_n(&from->sum, __ATOMIC_RELAXED));
	raise_relaxed(&into->max, __atomic_load_n(&from->max, __ATOMIC_RELAXED));
}

uint64_t histogram_quantile(const struct histogram *h, uint32_t parts_per_million)
{
	const uint64_t million = 1000000;
	const uint64_t parts = parts_per_million < million ? parts_per_million : million;
	const uint64_t count = __atomic_load_n(&h->count, __ATOMIC_RELAXED);
	const uint64_t max = __atomic_load_n(&h->max, __ATOMIC_RELAXED);
	uint64_t seen = 0;
	uint64_t rank;

	if (count == 0)
		return 0;
	/* ceil(count * parts / million) without running over. */
	rank = count / million * parts + (count % million * parts + million - 1) / million;
	if (rank == 0)
		rank = 1;
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += __atomic_load_n(&h->buckets[i], __ATOMIC_RELAXED);
		if (seen >= rank)
			return bucket_upper(i) < max ? bucket_upper(i) : max;
	}
	/* A writer on another thread was between the bucket and the count. */
	return max;
}

const struct bucket_bounds bucket_latency_ms = {
	18,
	{1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000, 2000, 5000, 10000, 30000, 60000}};
const struct bucket_bounds bucket_duration_ms = {17,
						 {10, 25, 50, 100, 250, 500, 1000, 2500, 5000,
						  10000, 30000, 60000, 120000, 300000, 600000,
						  1800000, 3600000}};
const struct bucket_bounds bucket_count = {
	15, {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384}};

void buckets_record(struct buckets *b, const struct bucket_bounds *bounds, uint64_t value)
{
	uint32_t i = 0;

	while (i < bounds->count && value > bounds->upper[i])
		i++;
	add_relaxed(&b->counts[i < bounds->count ? i : BUCKETS_MAX], 1);
	add_saturated(&b->sum, value);
}

void buckets_merge(struct buckets *into, const struct buckets *from)
{
	for (uint32_t i = 0; i <= BUCKETS_MAX; i++)
		add_relaxed(&into->counts[i], __atomic_load_n(&from->counts[i], __ATOMIC_RELAXED));
	add_saturated(&into->sum, __atomic_load_n(&from->sum, __ATOMIC_RELAXED));
}
