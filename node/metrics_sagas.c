/* What became of sagas and steps. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "node/metrics.h"

static const char *const kinds[TXN_METER_KINDS] = {"other", "saga", "tcc", "2pc", "mixed"};
static const char *const states[TXN_METER_STATES] = {"open", "running", "finishing", "undoing",
						     "parked"};
static const char *const ops[TXN_METER_OPS] = {"forward", "finish", "undo", "settle"};
static const char *const results[TXN_METER_RESULTS] = {"ok", "retryable", "terminal", "timeout",
						       "heuristic"};

_Static_assert(WIRE_PROTOCOL_SAGA == 1 && WIRE_PROTOCOL_TCC == 2 && WIRE_PROTOCOL_2PC == 3 &&
		       WIRE_PROTOCOL_MIXED == 4,
	       "kinds are in the order of enum wire_protocol");

static const char *outcome_name(uint32_t kind, uint32_t outcome)
{
	if (kind == WIRE_PROTOCOL_2PC)
		return outcome == TXN_METER_COMPLETED ? "committed" : "aborted";
	return outcome == TXN_METER_COMPLETED ? "completed" : "compensated";
}

/* ---- all workers in one ------------------------------------------------------------------------
 */

static void add(struct counter *to, const struct counter *from)
{
	counter_add(to, counter_get(from));
}

static void sum_definitions(struct txn_meter *sum, const struct txn_meter *one)
{
	const uint32_t count = series_count(&one->definitions);

	for (uint32_t i = 0; i <= count; i++) {
		const struct txn_meter_definition *from = &one->definition[i];
		struct txn_meter_definition *to = &sum->definition[0];

		if (i > 0)
			to = &sum->definition[series_number(
				&sum->definitions, one->definitions.keys[i].tag,
				series_first(&one->definitions, i), (struct slice){0})];
		add(&to->started, &from->started);
		for (uint32_t o = 0; o < TXN_METER_OUTCOMES; o++) {
			add(&to->finished[o], &from->finished[o]);
			buckets_merge(&to->duration_ms[o], &from->duration_ms[o]);
		}
	}
}

static void sum_services(struct txn_meter *sum, const struct txn_meter *one)
{
	const uint32_t count = series_count(&one->services);

	for (uint32_t i = 0; i <= count; i++) {
		struct txn_meter_service *to = &sum->service[0];

		if (i > 0)
			to = &sum->service[series_number(&sum->services, 0,
							 series_first(&one->services, i),
							 (struct slice){0})];
		for (uint32_t op = 0; op < TXN_METER_OPS; op++)
			buckets_merge(&to->duration_ms[op], &one->service[i].duration_ms[op]);
	}
}

static void sum_steps(struct txn_meter *sum, const struct txn_meter *one)
{
	const uint32_t count = series_count(&one->steps);

	for (uint32_t i = 0; i <= count; i++) {
		struct txn_meter_step *to = &sum->step[0];

		if (i > 0)
			to = &sum->step[series_number(&sum->steps, 0, series_first(&one->steps, i),
						      series_second(&one->steps, i))];
		for (uint32_t op = 0; op < TXN_METER_OPS; op++) {
			add(&to->exhausted[op], &one->step[i].exhausted[op]);
			for (uint32_t r = 0; r < TXN_METER_RESULTS; r++)
				add(&to->attempts[op][r], &one->step[i].attempts[op][r]);
		}
	}
}

static void sum_gauges(struct txn_meter *sum, const struct txn_meter *one)
{
	const struct txn_meter_gauges *from = &one->gauges;
	struct txn_meter_gauges *to = &sum->gauges;

	for (uint32_t k = 0; k < TXN_METER_KINDS; k++) {
		for (uint32_t s = 0; s < TXN_METER_STATES; s++) {
			const uint64_t age = counter_get(&from->oldest_ms[k][s]);

			add(&to->inflight[k][s], &from->inflight[k][s]);
			if (age > counter_get(&to->oldest_ms[k][s]))
				counter_set(&to->oldest_ms[k][s], age);
		}
	}
	add(&to->in_doubt, &from->in_doubt);
	if (counter_get(&from->in_doubt_oldest_ms) > counter_get(&to->in_doubt_oldest_ms))
		counter_set(&to->in_doubt_oldest_ms, counter_get(&from->in_doubt_oldest_ms));
}

/* By definition and code over all workers; the last row is for what finds no place. */
static void sum_parked(struct txn_meter *sum, const struct txn_meter *one)
{
	for (uint32_t i = 0; i <= TXN_METER_PARKED; i++) {
		const uint64_t count = counter_get(&one->gauges.parked[i].count);
		const uint64_t row = counter_get(&one->gauges.parked[i].definition);
		const uint64_t code = counter_get(&one->gauges.parked[i].code);
		uint64_t number = 0;
		uint32_t j = i == TXN_METER_PARKED ? i : 0;

		if (count == 0)
			continue;
		/* It may have been written while we read: then it is not what it says. */
		if (row > 0 && row <= series_count(&one->definitions))
			number = series_number(&sum->definitions, one->definitions.keys[row].tag,
					       series_first(&one->definitions, (uint32_t)row),
					       (struct slice){0});
		while (j < TXN_METER_PARKED && sum->gauges.parked[j].count.value > 0 &&
		       (sum->gauges.parked[j].definition.value != number ||
			sum->gauges.parked[j].code.value != code))
			j++;
		counter_set(&sum->gauges.parked[j].definition, number);
		counter_set(&sum->gauges.parked[j].code, code);
		counter_add(&sum->gauges.parked[j].count, count);
	}
}

static void sum_up(struct metrics *m)
{
	const uint32_t count = atomic_load(&m->worker_count);
	struct txn_meter *sum = &m->sum;

	if (!m->sum_ready)
		txn_meter_init(sum);
	m->sum_ready = true;
	memset(sum->definition, 0, sizeof sum->definition);
	memset(sum->service, 0, sizeof sum->service);
	memset(sum->step, 0, sizeof sum->step);
	memset(sum->phase_ms, 0, sizeof sum->phase_ms);
	memset(&sum->gauges, 0, sizeof sum->gauges);
	for (uint32_t i = 0; i < count; i++) {
		const struct txn_meter *one = &m->workers[i]->txn;

		sum_definitions(sum, one);
		sum_services(sum, one);
		sum_steps(sum, one);
		sum_gauges(sum, one);
		sum_parked(sum, one);
		for (uint32_t p = 0; p < TXN_METER_PHASES; p++) {
			for (uint32_t o = 0; o < TXN_METER_OUTCOMES; o++)
				buckets_merge(&sum->phase_ms[p][o], &one->phase_ms[p][o]);
		}
	}
}

/* ---- writing -----------------------------------------------------------------------------------
 */

static struct metric_labels *definition_labels(const struct txn_meter *sum, uint32_t number,
					       struct metric_labels *l)
{
	const uint32_t kind = sum->definitions.keys[number].tag;

	(void)metric_label_str(metric_labels_begin(l), "kind", kinds[kind]);
	return metric_label(l, "definition", series_first(&sum->definitions, number));
}

static void definitions(const struct txn_meter *sum, struct metrics_text *w)
{
	const uint32_t count = series_count(&sum->definitions);
	struct metric_labels l;

	metric_begin(w, &metrics_table[METRIC_STARTED]);
	for (uint32_t i = 0; i <= count; i++)
		metric_count(w, definition_labels(sum, i, &l),
			     counter_get(&sum->definition[i].started));
	metric_begin(w, &metrics_table[METRIC_FINISHED]);
	for (uint32_t i = 0; i <= count; i++) {
		for (uint32_t o = 0; o < TXN_METER_OUTCOMES; o++)
			metric_count(
				w,
				metric_label_str(definition_labels(sum, i, &l), "outcome",
						 outcome_name(sum->definitions.keys[i].tag, o)),
				counter_get(&sum->definition[i].finished[o]));
	}
	metric_begin(w, &metrics_table[METRIC_DURATION]);
	for (uint32_t i = 0; i <= count; i++) {
		for (uint32_t o = 0; o < TXN_METER_OUTCOMES; o++)
			metric_histogram(
				w,
				metric_label_str(definition_labels(sum, i, &l), "outcome",
						 outcome_name(sum->definitions.keys[i].tag, o)),
				&sum->definition[i].duration_ms[o], &bucket_duration_ms, true);
	}
}

static void standing(const struct txn_meter *sum, struct metrics_text *w)
{
	struct metric_labels l;

	for (uint32_t age = 0; age < 2; age++) {
		metric_begin(w, &metrics_table[age ? METRIC_OLDEST : METRIC_INFLIGHT]);
		for (uint32_t k = WIRE_PROTOCOL_SAGA; k < TXN_METER_KINDS; k++) {
			for (uint32_t s = 0; s < TXN_METER_STATES; s++) {
				(void)metric_label_str(metric_labels_begin(&l), "kind", kinds[k]);
				(void)metric_label_str(&l, "state", states[s]);
				if (age)
					metric_milli(w, &l,
						     counter_get(&sum->gauges.oldest_ms[k][s]));
				else
					metric_count(w, &l,
						     counter_get(&sum->gauges.inflight[k][s]));
			}
		}
	}
}

static void parked(const struct txn_meter *sum, struct metrics_text *w)
{
	struct metric_labels l;
	char code[16];

	metric_begin(w, &metrics_table[METRIC_PARKED]);
	for (uint32_t i = 0; i <= TXN_METER_PARKED; i++) {
		const uint64_t count = counter_get(&sum->gauges.parked[i].count);

		if (count == 0 && i < TXN_METER_PARKED)
			continue;
		(void)snprintf(code, sizeof code, "SAGA-%u",
			       (unsigned)counter_get(&sum->gauges.parked[i].code));
		(void)metric_label(
			metric_labels_begin(&l), "definition",
			i < TXN_METER_PARKED
				? series_first(
					  &sum->definitions,
					  (uint32_t)counter_get(&sum->gauges.parked[i].definition))
				: slice_str("other"));
		(void)metric_label_str(&l, "code", i < TXN_METER_PARKED ? code : "other");
		metric_count(w, &l, count);
	}
}

static void two_phase(const struct txn_meter *sum, struct metrics_text *w)
{
	struct metric_labels l;

	metric_begin(w, &metrics_table[METRIC_IN_DOUBT]);
	metric_count(w, NULL, counter_get(&sum->gauges.in_doubt));
	metric_begin(w, &metrics_table[METRIC_IN_DOUBT_AGE]);
	metric_milli(w, NULL, counter_get(&sum->gauges.in_doubt_oldest_ms));
	metric_begin(w, &metrics_table[METRIC_PHASE]);
	for (uint32_t p = 0; p < TXN_METER_PHASES; p++) {
		for (uint32_t o = 0; o < TXN_METER_OUTCOMES; o++) {
			(void)metric_label_str(metric_labels_begin(&l), "phase",
					       p == TXN_METER_PREPARE ? "prepare" : "deliver");
			(void)metric_label_str(&l, "decision",
					       o == TXN_METER_COMPLETED ? "commit" : "abort");
			metric_histogram(w, &l, &sum->phase_ms[p][o], &bucket_latency_ms, true);
		}
	}
}

/* The forward operation is always shown; of the others, those that there have been. */
static bool has_been(const struct txn_meter_step *step, uint32_t op)
{
	uint64_t any = op == 0;

	for (uint32_t r = 0; r < TXN_METER_RESULTS; r++)
		any |= counter_get(&step->attempts[op][r]);
	return any != 0;
}

static struct metric_labels *step_labels(const struct txn_meter *sum, uint32_t number, uint32_t op,
					 struct metric_labels *l)
{
	(void)metric_label(metric_labels_begin(l), "service", series_first(&sum->steps, number));
	(void)metric_label(l, "step", series_second(&sum->steps, number));
	return metric_label_str(l, "op", ops[op]);
}

static void steps(const struct txn_meter *sum, struct metrics_text *w)
{
	const uint32_t count = series_count(&sum->steps);
	struct metric_labels l;

	metric_begin(w, &metrics_table[METRIC_ATTEMPTS]);
	for (uint32_t i = 0; i <= count; i++) {
		for (uint32_t op = 0; op < TXN_METER_OPS; op++) {
			for (uint32_t r = 0; has_been(&sum->step[i], op) && r < TXN_METER_RESULTS;
			     r++)
				metric_count(w,
					     metric_label_str(step_labels(sum, i, op, &l), "result",
							      results[r]),
					     counter_get(&sum->step[i].attempts[op][r]));
		}
	}
	metric_begin(w, &metrics_table[METRIC_EXHAUSTED]);
	for (uint32_t i = 0; i <= count; i++) {
		for (uint32_t op = 0; op < TXN_METER_OPS; op++) {
			if (has_been(&sum->step[i], op))
				metric_count(w, step_labels(sum, i, op, &l),
					     counter_get(&sum->step[i].exhausted[op]));
		}
	}
}

static bool has_lasted(const struct buckets *b)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i <= BUCKETS_MAX; i++)
		any |= b->counts[i];
	return any != 0;
}

static void services(const struct txn_meter *sum, struct metrics_text *w)
{
	const uint32_t count = series_count(&sum->services);
	struct metric_labels l;

	metric_begin(w, &metrics_table[METRIC_STEP_DURATION]);
	for (uint32_t i = 0; i <= count; i++) {
		for (uint32_t op = 0; op < TXN_METER_OPS; op++) {
			if (op > 0 && !has_lasted(&sum->service[i].duration_ms[op]))
				continue;
			(void)metric_label(metric_labels_begin(&l), "service",
					   series_first(&sum->services, i));
			(void)metric_label_str(&l, "op", ops[op]);
			metric_histogram(w, &l, &sum->service[i].duration_ms[op],
					 &bucket_latency_ms, true);
		}
	}
}

/* ---- what the engines count in all -------------------------------------------------------------
 */

static void counts(struct metrics_text *w, enum metric metric, const char *label,
		   const char *const *names, const uint64_t *values, uint32_t count)
{
	struct metric_labels l;

	metric_begin(w, &metrics_table[metric]);
	for (uint32_t i = 0; i < count; i++)
		metric_count(w, metric_label_str(metric_labels_begin(&l), label, names[i]),
			     values[i]);
}

static void one(struct metrics_text *w, enum metric metric, uint64_t value)
{
	metric_begin(w, &metrics_table[metric]);
	metric_count(w, NULL, value);
}

static void engines(const struct metrics *m, struct metrics_text *w)
{
	static const char *const sent[] = {"first", "retry", "copy"};
	static const char *const unwanted[] = {"ignored", "obsolete", "late", "contradiction"};
	static const char *const inbox[] = {"taken", "refused"};
	static const char *const pressure[] = {"busy", "late", "deferred"};
	struct buckets lag;

	counts(w, METRIC_COMMANDS, "reason", sent,
	       (const uint64_t[]){METRICS_SUM(m, totals[CORE_METER_FIRST]),
				  METRICS_SUM(m, totals[CORE_METER_RETRIES]),
				  METRICS_SUM(m, totals[CORE_METER_COPIES])},
	       3);
	one(w, METRIC_FALLBACKS, METRICS_SUM(m, totals[CORE_METER_FALLBACKS]));
	counts(w, METRIC_UNWANTED, "reason", unwanted,
	       (const uint64_t[]){METRICS_SUM(m, totals[CORE_METER_IGNORED]),
				  METRICS_SUM(m, totals[CORE_METER_OBSOLETE]),
				  METRICS_SUM(m, totals[CORE_METER_LATE]),
				  METRICS_SUM(m, totals[CORE_METER_CONTRADICTIONS])},
	       4);
	one(w, METRIC_REFUSED, METRICS_SUM(m, totals[CORE_METER_REFUSED]));
	counts(w, METRIC_INBOX, "result", inbox,
	       (const uint64_t[]){METRICS_SUM(m, totals[CORE_METER_INBOX_TAKEN]),
				  METRICS_SUM(m, totals[CORE_METER_INBOX_REFUSED])},
	       2);
	counts(w, METRIC_BACKPRESSURE, "reason", pressure,
	       (const uint64_t[]){METRICS_SUM(m, busy), METRICS_SUM(m, shed),
				  METRICS_SUM(m, deferred)},
	       3);
	one(w, METRIC_PASSED_ON, METRICS_SUM(m, submits_passed_on));
	one(w, METRIC_MALFORMED, METRICS_SUM(m, messages_refused));
	one(w, METRIC_WAITERS, METRICS_SUM(m, waiters));
	one(w, METRIC_PAYLOAD, METRICS_SUM(m, payload));
	one(w, METRIC_TIMERS, METRICS_SUM(m, timers));
	METRICS_BUCKETS(m, timer_lag_ms, &lag);
	metric_begin(w, &metrics_table[METRIC_TIMER_LAG]);
	metric_histogram(w, NULL, &lag, &bucket_latency_ms, true);
}

void metrics_write_sagas(struct metrics *m, struct metrics_text *w)
{
	sum_up(m);
	definitions(&m->sum, w);
	standing(&m->sum, w);
	parked(&m->sum, w);
	one(w, METRIC_REMEMBERED, METRICS_SUM(m, remembered));
	two_phase(&m->sum, w);
	steps(&m->sum, w);
	services(&m->sum, w);
	engines(m, w);
}
