#include "node/metrics_text.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

static const char *const type_names[] = {"counter", "gauge", "histogram"};

struct metric_labels *metric_labels_begin(struct metric_labels *l)
{
	l->size = 0;
	l->text[0] = '\0';
	return l;
}

/* Of a value: backslash, quote and line feed, as the format has it. */
static uint32_t escape(struct slice value, char *to, uint32_t room)
{
	uint32_t size = 0;

	for (uint32_t i = 0; i < value.size; i++) {
		const char c = (char)value.data[i];
		const bool special = c == '\\' || c == '"' || c == '\n';

		if (size + 2 > room)
			break;
		if (special)
			to[size++] = '\\';
		to[size++] = c == '\n' ? 'n' : c;
	}
	return size;
}

struct metric_labels *metric_label(struct metric_labels *l, const char *name, struct slice value)
{
	const uint32_t name_size = (uint32_t)strlen(name);
	const uint32_t around = name_size + 4; /* comma, =, quotes */

	if (sizeof l->text - 1 - l->size < around + 2 * value.size)
		return l;
	if (l->size > 0)
		l->text[l->size++] = ',';
	memcpy(l->text + l->size, name, name_size);
	l->size += name_size;
	l->text[l->size++] = '=';
	l->text[l->size++] = '"';
	l->size += escape(value, l->text + l->size, 2 * value.size + 1);
	l->text[l->size++] = '"';
	l->text[l->size] = '\0';
	return l;
}

/* OpenMetrics names the family of a counter without its ending. */
static int family_size(const struct metrics_text *w)
{
	const size_t size = strlen(w->row->name);
	const size_t ending = sizeof "_total" - 1;

	if (w->row->type != METRIC_COUNTER)
		return (int)size;
	CHECK(size > ending && strcmp(w->row->name + size - ending, "_total") == 0);
	return (int)(w->open ? size - ending : size);
}

void metric_begin(struct metrics_text *w, const struct metric_row *row)
{
	w->row = row;
	const int size = family_size(w);
	(void)buf_printf(w->out, "# HELP %.*s %s\n# TYPE %.*s %s\n", size, row->name, row->help,
			 size, row->name, type_names[row->type]);
}

static void sample(struct metrics_text *w, const char *suffix, const struct metric_labels *labels,
		   const char *le)
{
	const bool some = labels != NULL && labels->size > 0;

	(void)buf_printf(w->out, "%s%s", w->row->name, suffix);
	if (some || le != NULL)
		(void)buf_printf(w->out, "{%s%s", some ? labels->text : "", some && le ? "," : "");
	if (le != NULL)
		(void)buf_printf(w->out, "le=\"%s\"", le);
	(void)buf_printf(w->out, some || le != NULL ? "} " : " ");
}

static void put_milli(struct buf *out, uint64_t value)
{
	(void)buf_printf(out, "%llu.%03llu\n", (unsigned long long)(value / 1000),
			 (unsigned long long)(value % 1000));
}

void metric_count(struct metrics_text *w, const struct metric_labels *labels, uint64_t value)
{
	CHECK(w->row->type != METRIC_HISTOGRAM);
	sample(w, "", labels, NULL);
	(void)buf_printf(w->out, "%llu\n", (unsigned long long)value);
}

void metric_milli(struct metrics_text *w, const struct metric_labels *labels, uint64_t value)
{
	CHECK(w->row->type != METRIC_HISTOGRAM);
	sample(w, "", labels, NULL);
	put_milli(w->out, value);
}

/* As OpenMetrics writes floats, in both formats: series must not change with the format. */
static void bound_text(uint64_t upper, bool milli, char text[32])
{
	int size;

	if (!milli) {
		(void)snprintf(text, 32, "%llu.0", (unsigned long long)upper);
		return;
	}
	size = snprintf(text, 32, "%llu.%03llu", (unsigned long long)(upper / 1000),
			(unsigned long long)(upper % 1000));
	while (text[size - 1] == '0' && text[size - 2] != '.')
		text[--size] = '\0';
}

void metric_histogram(struct metrics_text *w, const struct metric_labels *labels,
		      const struct buckets *b, const struct bucket_bounds *bounds, bool milli)
{
	uint64_t count = 0;
	char le[32];

	CHECK_EQ(w->row->type, METRIC_HISTOGRAM);
	for (uint32_t i = 0; i <= bounds->count; i++) {
		const bool last = i == bounds->count;

		count += __atomic_load_n(&b->counts[last ? BUCKETS_MAX : i], __ATOMIC_RELAXED);
		bound_text(last ? 0 : bounds->upper[i], milli, le);
		sample(w, "_bucket", labels, last ? "+Inf" : le);
		(void)buf_printf(w->out, "%llu\n", (unsigned long long)count);
	}
	sample(w, "_sum", labels, NULL);
	if (milli)
		put_milli(w->out, __atomic_load_n(&b->sum, __ATOMIC_RELAXED));
	else
		(void)buf_printf(w->out, "%llu\n",
				 (unsigned long long)__atomic_load_n(&b->sum, __ATOMIC_RELAXED));
	/* Of what was read here: so it is the last bucket, whatever is counted meanwhile. */
	sample(w, "_count", labels, NULL);
	(void)buf_printf(w->out, "%llu\n", (unsigned long long)count);
}

void metric_end(struct metrics_text *w)
{
	if (w->open)
		(void)buf_printf(w->out, "# EOF\n");
}
