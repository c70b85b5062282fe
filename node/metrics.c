#include "node/metrics.h"

#include <stddef.h>

#define METRICS_ROW(id, name, type, labels, help)                                                  \
	[METRIC_##id] = {(name), METRIC_##type, (labels), (help)},
const struct metric_row metrics_table[METRICS_COUNT] = {METRICS_ALL(METRICS_ROW)};

uint64_t metrics_sum(const struct metrics *m, size_t offset)
{
	const uint32_t count = atomic_load(&m->worker_count);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		const void *member = (const char *)m->workers[i] + offset;

		sum += counter_get(member);
	}
	return sum;
}

void metrics_buckets(const struct metrics *m, size_t offset, struct buckets *into)
{
	const uint32_t count = atomic_load(&m->worker_count);

	*into = (struct buckets){0};
	for (uint32_t i = 0; i < count; i++) {
		const void *member = (const char *)m->workers[i] + offset;

		buckets_merge(into, member);
	}
}

void metrics_write(struct metrics *m, bool openmetrics, struct buf *out)
{
	struct metrics_text w = {.out = out, .open = openmetrics};

	metrics_write_process(m, &w);
	metrics_write_sagas(m, &w);
	metrics_write_cluster(m, &w);
	metric_end(&w);
}
