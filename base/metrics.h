/* Counters and log-linear histograms for the hot path: no allocation, no locks, no floats.
 * One writer thread each; a reader on another thread may see values that are a little old. */
#ifndef SAGAD_BASE_METRICS_H
#define SAGAD_BASE_METRICS_H

#include <stdint.h>

struct counter {
	uint64_t value; /* written with relaxed atomics */
};

static inline void counter_add(struct counter *c, uint64_t n)
{
	__atomic_store_n(&c->value, __atomic_load_n(&c->value, __ATOMIC_RELAXED) + n,
			 __ATOMIC_RELAXED);
}
/* For what goes up and down. */
static inline void counter_set(struct counter *c, uint64_t value)
{
	__atomic_store_n(&c->value, value, __ATOMIC_RELAXED);
}
static inline uint64_t counter_get(const struct counter *c)
{
	return __atomic_load_n(&c->value, __ATOMIC_RELAXED);
}

/* 16 linear buckets per power of two: relative error at most 1/16. Values are unitless. */
enum { HISTOGRAM_SUB_BITS = 4, HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SUB_BITS + 1) << 4 };
struct histogram {
	uint64_t buckets[HISTOGRAM_BUCKETS];
	uint64_t count;
	uint64_t sum;
	uint64_t max;
};

void histogram_init(struct histogram *h);
void histogram_record(struct histogram *h, uint64_t value);
void histogram_merge(struct histogram *into, const struct histogram *from);
/* The upper bound of the bucket holding the given share, in parts per million (990000 = p99),
 * never above the recorded maximum; 0 when empty. */
uint64_t histogram_quantile(const struct histogram *h, uint32_t parts_per_million);

/* Histograms with few, fixed bounds, as Prometheus wants them. Values are whole numbers of some
 * unit (ms, records); a value counts for the first bound that is not below it. */
enum { BUCKETS_MAX = 20 };
struct bucket_bounds {
	uint32_t count;
	uint64_t upper[BUCKETS_MAX];
};
/* 1 ms to 60 s; 10 ms to 1 h; 1 to 16,384 of something. */
extern const struct bucket_bounds bucket_latency_ms, bucket_duration_ms, bucket_count;
struct buckets {
	uint64_t counts[BUCKETS_MAX + 1]; /* each its own, not summed; the last is beyond all */
	uint64_t sum;
};
void buckets_record(struct buckets *b, const struct bucket_bounds *bounds, uint64_t value);
/* A copy that another thread may take at any time; `into` is added to. */
void buckets_merge(struct buckets *into, const struct buckets *from);

#endif
