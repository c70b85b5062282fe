/* The text format of Prometheus, and OpenMetrics, which differs a little. */
#ifndef SAGAD_NODE_METRICS_TEXT_H
#define SAGAD_NODE_METRICS_TEXT_H

#include "base/buf.h"
#include "base/metrics.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* A family as the table has it. Counters end in _total. */
struct metric_row {
	const char *name;
	enum metric_type type;
	const char *labels; /* names, comma-separated, for the documentation */
	const char *help;
};

struct metrics_text {
	struct buf *out;
	bool open; /* OpenMetrics */
	const struct metric_row *row;
};

struct metric_labels {
	char text[640]; /* a="b",c="d"; two names at their longest, escaped */
	uint32_t size;
};
/* Both return `l`, so that they can be chained. A value that does not fit is left out. */
struct metric_labels *metric_labels_begin(struct metric_labels *l);
struct metric_labels *metric_label(struct metric_labels *l, const char *name, struct slice value);
static inline struct metric_labels *metric_label_str(struct metric_labels *l, const char *name,
						     const char *value)
{
	return metric_label(l, name, slice_str(value));
}

/* HELP and TYPE; then all samples of the family. */
void metric_begin(struct metrics_text *w, const struct metric_row *row);
/* labels NULL = none */
void metric_count(struct metrics_text *w, const struct metric_labels *labels, uint64_t value);
/* In thousandths: ms as seconds, a ratio. */
void metric_milli(struct metrics_text *w, const struct metric_labels *labels, uint64_t value);
/* With `milli` bounds and sum are thousandths. */
void metric_histogram(struct metrics_text *w, const struct metric_labels *labels,
		      const struct buckets *b, const struct bucket_bounds *bounds, bool milli);
void metric_end(struct metrics_text *w); /* of all families */

#endif
