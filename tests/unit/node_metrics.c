/* What /metrics says: its form, and that it is the sum of what the workers have counted. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/metrics.h"

enum { OUT_MAX = 16 * 1024 * 1024 };

struct fixture {
	struct metrics *metrics;
	struct core_meter *workers[2];
	struct health health;
	struct lease_clock lease;
	struct buf out;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	f->metrics = calloc(1, sizeof *f->metrics);
	assert_non_null(f->metrics);
	for (uint32_t i = 0; i < 2; i++) {
		f->workers[i] = calloc(1, sizeof *f->workers[i]);
		assert_non_null(f->workers[i]);
		core_meter_init(f->workers[i]);
		f->metrics->workers[i] = f->workers[i];
	}
	f->metrics->worker_count = 2;
	f->metrics->health = &f->health;
	f->metrics->lease = &f->lease;
	buf_init(&f->out, OUT_MAX);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	buf_close(&f->out);
	free(f->workers[0]);
	free(f->workers[1]);
	free(f->metrics);
	free(f);
	return 0;
}

static const char *write_all(struct fixture *f, bool openmetrics)
{
	buf_clear(&f->out);
	metrics_write(f->metrics, openmetrics, &f->out);
	assert_int_equal(buf_put(&f->out, "", 1), 0);
	return (const char *)f->out.data;
}

/* The value of exactly this sample. */
static void assert_sample(struct fixture *f, const char *sample, const char *value)
{
	char line[512];

	(void)snprintf(line, sizeof line, "\n%s %s\n", sample, value);
	if (strstr(write_all(f, false), line) == NULL) {
		(void)snprintf(line, sizeof line, "\n%s ", sample);
		const char *at = strstr((const char *)f->out.data, line);
		fail_msg("%s is %.40s, not %s", sample, at == NULL ? "missing" : at + strlen(line),
			 value);
	}
}

static void test_every_family_is_there_from_the_start(void **state)
{
	struct fixture *f = *state;
	const char *text = write_all(f, false);

	for (uint32_t i = 0; i < METRICS_COUNT; i++) {
		const struct metric_row *row = &metrics_table[i];
		char line[256];

		(void)snprintf(line, sizeof line, "# HELP %s ", row->name);
		const char *help = strstr(text, line);
		if (help == NULL)
			fail_msg("%s is not written", row->name);
		assert_null(strstr(help + 1, line));
		/* And a sample at least. */
		(void)snprintf(line, sizeof line, "\n%s", row->name);
		assert_non_null(strstr(text, line));
	}
	assert_non_null(strstr(
		text, "\nsagad_sagas_started_total{kind=\"other\",definition=\"other\"} 0\n"));
	assert_non_null(strstr(text, "\nsagad_journal_append_seconds_bucket{le=\"0.001\"} 0\n"));
	assert_non_null(strstr(text, "\nsagad_journal_append_seconds_bucket{le=\"60.0\"} 0\n"));
	assert_non_null(strstr(text, "\nsagad_journal_append_seconds_bucket{le=\"+Inf\"} 0\n"));
	assert_non_null(strstr(text, "\nsagad_journal_batch_records_bucket{le=\"16384.0\"} 0\n"));
	assert_null(strstr(text, "# EOF"));
}

static void count_something(struct fixture *f)
{
	for (uint32_t i = 0; i < 2; i++) {
		struct txn_meter *t = &f->workers[i]->txn;
		/* The same names under other numbers. */
		const uint32_t other =
			series_number(&t->definitions, WIRE_PROTOCOL_2PC,
				      slice_str(i == 0 ? "x" : "y"), (struct slice){0});
		const uint32_t number = series_number(&t->definitions, WIRE_PROTOCOL_SAGA,
						      slice_str("trip"), (struct slice){0});
		const uint32_t service =
			series_number(&t->services, 0, slice_str("svc"), (struct slice){0});
		const uint32_t step =
			series_number(&t->steps, 0, slice_str("svc"), slice_str("book"));

		counter_add(&t->definition[number].started, 3 + i);
		counter_add(&t->definition[number].finished[TXN_METER_COMPENSATED], 2);
		counter_add(&t->definition[other].finished[TXN_METER_COMPLETED], 5);
		buckets_record(&t->definition[number].duration_ms[0], &bucket_duration_ms, 40);
		buckets_record(&t->service[service].duration_ms[2], &bucket_latency_ms, 61000);
		counter_add(&t->step[step].attempts[2][TXN_METER_TIMEOUT], 7);
		counter_add(&t->step[step].exhausted[2], 1);
		counter_set(&t->gauges.inflight[WIRE_PROTOCOL_SAGA][TXN_METER_RUNNING], 10);
		counter_set(&t->gauges.oldest_ms[WIRE_PROTOCOL_SAGA][TXN_METER_RUNNING],
			    1500 + 1000 * i);
		counter_set(&t->gauges.parked[0].definition, number);
		counter_set(&t->gauges.parked[0].code, 3002);
		counter_set(&t->gauges.parked[0].count, 4);
		counter_set(&f->workers[i]->nats_connected, i);
		counter_add(&f->workers[i]->totals[CORE_METER_RETRIES], 8);
		buckets_record(&f->workers[i]->append_ms, &bucket_latency_ms, 2);
	}
	counter_set(&f->metrics->control.nats_up, 1);
}

static void test_workers_are_added_up(void **state)
{
	struct fixture *f = *state;

	count_something(f);
	assert_sample(f, "sagad_sagas_started_total{kind=\"saga\",definition=\"trip\"}", "7");
	assert_sample(f,
		      "sagad_sagas_finished_total{kind=\"saga\",definition=\"trip\","
		      "outcome=\"compensated\"}",
		      "4");
	assert_sample(f,
		      "sagad_sagas_finished_total{kind=\"2pc\",definition=\"y\","
		      "outcome=\"committed\"}",
		      "5");
	assert_sample(f,
		      "sagad_saga_duration_seconds_bucket{kind=\"saga\",definition=\"trip\","
		      "outcome=\"completed\",le=\"0.05\"}",
		      "2");
	assert_sample(f,
		      "sagad_saga_duration_seconds_bucket{kind=\"saga\",definition=\"trip\","
		      "outcome=\"completed\",le=\"0.025\"}",
		      "0");
	assert_sample(f,
		      "sagad_saga_duration_seconds_sum{kind=\"saga\",definition=\"trip\","
		      "outcome=\"completed\"}",
		      "0.080");
	assert_sample(f,
		      "sagad_step_duration_seconds_bucket{service=\"svc\",op=\"undo\",le=\"60.0\"}",
		      "0");
	assert_sample(f, "sagad_step_duration_seconds_count{service=\"svc\",op=\"undo\"}", "2");
	assert_sample(f,
		      "sagad_step_attempts_total{service=\"svc\",step=\"book\",op=\"undo\","
		      "result=\"timeout\"}",
		      "14");
	assert_sample(f,
		      "sagad_step_attempts_total{service=\"svc\",step=\"book\",op=\"forward\","
		      "result=\"ok\"}",
		      "0");
	assert_sample(
		f, "sagad_step_retries_exhausted_total{service=\"svc\",step=\"book\",op=\"undo\"}",
		"2");
	assert_sample(f, "sagad_sagas_inflight{kind=\"saga\",state=\"running\"}", "20");
	assert_sample(f, "sagad_saga_oldest_age_seconds{kind=\"saga\",state=\"running\"}", "2.500");
	assert_sample(f, "sagad_sagas_parked{definition=\"trip\",code=\"SAGA-3002\"}", "8");
	assert_sample(f, "sagad_sagas_parked{definition=\"other\",code=\"other\"}", "0");
	assert_sample(f, "sagad_commands_sent_total{reason=\"retry\"}", "16");
	assert_sample(f, "sagad_journal_append_seconds_sum", "0.004");
	assert_sample(f, "sagad_dependency_up{dependency=\"nats\"}", "0");
	counter_set(&f->workers[0]->nats_connected, 1);
	assert_sample(f, "sagad_dependency_up{dependency=\"nats\"}", "1");
	/* Asked again it is the same, not twice as much. */
	assert_sample(f, "sagad_sagas_started_total{kind=\"saga\",definition=\"trip\"}", "7");
}

/* Names of users: a bound on how many, and no way to break the lines. */
static void test_names_of_users(void **state)
{
	struct fixture *f = *state;
	struct txn_meter *t = &f->workers[0]->txn;
	char name[32];

	for (uint32_t i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof name, "d%u", i);
		counter_add(&t->definition[series_number(&t->definitions, WIRE_PROTOCOL_SAGA,
							 slice_str(name), (struct slice){0})]
				     .started,
			    1);
	}
	assert_sample(f, "sagad_sagas_started_total{kind=\"saga\",definition=\"d199\"}", "1");
	assert_null(strstr((const char *)f->out.data, "definition=\"d200\""));
	assert_sample(f, "sagad_sagas_started_total{kind=\"other\",definition=\"other\"}", "800");
	/* The other worker's names come too late for a place of their own. */
	t = &f->workers[1]->txn;
	counter_add(&t->definition[series_number(&t->definitions, WIRE_PROTOCOL_SAGA,
						 slice_str("late"), (struct slice){0})]
			     .started,
		    5);
	assert_sample(f, "sagad_sagas_started_total{kind=\"other\",definition=\"other\"}", "805");

	const uint32_t odd =
		series_number(&t->services, 0, slice_str("a\"b\\c\nd"), (struct slice){0});
	buckets_record(&t->service[odd].duration_ms[0], &bucket_latency_ms, 1);
	assert_sample(
		f, "sagad_step_duration_seconds_count{service=\"a\\\"b\\\\c\\nd\",op=\"forward\"}",
		"1");
}

static void test_openmetrics(void **state)
{
	struct fixture *f = *state;
	const char *text = write_all(f, true);
	const size_t size = strlen(text);

	assert_non_null(strstr(text, "# TYPE sagad_sagas_started counter\n"));
	assert_non_null(strstr(text, "\nsagad_sagas_started_total{"));
	assert_string_equal(text + size - 6, "# EOF\n");
}

static const char *const type_names[] = {"counter", "gauge", "histogram"};

/* docs/metrics.md has each family with its type, labels and words, in this order. */
static void test_document_has_every_metric(void **state)
{
	static char document[256 * 1024];
	FILE *file = fopen(SAGAD_SOURCE_DIR "/docs/metrics.md", "r");
	const char *at = document;

	(void)state;
	assert_non_null(file);
	document[fread(document, 1, sizeof document - 1, file)] = '\0';
	(void)fclose(file);
	for (uint32_t i = 0; i < METRICS_COUNT; i++) {
		const struct metric_row *row = &metrics_table[i];
		char line[1024];

		(void)snprintf(line, sizeof line, "\n| `%s` | %s | %s | %s |\n", row->name,
			       type_names[row->type], row->labels, row->help);
		at = strstr(at, line);
		if (at == NULL)
			fail_msg("docs/metrics.md lacks, or has elsewhere:%s", line);
	}
}

static void test_too_little_memory(void **state)
{
	struct fixture *f = *state;
	static uint8_t memory[1000];
	struct buf little;

	buf_init_fixed(&little, memory, sizeof memory);
	metrics_write(f->metrics, false, &little);
	assert_int_not_equal(buf_error(&little), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_family_is_there_from_the_start, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_workers_are_added_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_of_users, setup, teardown),
		cmocka_unit_test_setup_teardown(test_openmetrics, setup, teardown),
		cmocka_unit_test(test_document_has_every_metric),
		cmocka_unit_test_setup_teardown(test_too_little_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
