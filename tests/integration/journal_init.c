/* Initialisation and verification of the streams (S7), on a real nats-server. */
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "journal/json_scan.h"
#include "tests/integration/journal_bench.h"

static int setup(void **state)
{
	struct bench *bench = malloc(sizeof *bench);

	if (bench == NULL)
		return -1;
	bench_init(bench, 1);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	bench_destroy(*state);
	free(*state);
	return 0;
}

static uint64_t last_sequence(struct bench *bench, uint32_t shard)
{
	struct reader reader;

	reader_init(&reader, &bench->cluster_id, shard);
	assert_int_equal(bench_replay(bench, shard, &reader), 0);
	return reader.sequence;
}

static void may_be_repeated(void **state)
{
	struct bench *bench = *state;
	const struct jetstream_provision what = bench_what(16, 1);

	assert_int_equal(bench_provision(bench, &what), 0);
	assert_int_equal(bench_verify(bench, 16), 0);
	assert_int_equal(bench_provision(bench, &what), 0);
	for (uint32_t shard = 0; shard < 16; shard++)
		assert_int_equal(last_sequence(bench, shard), 1);
	/* also when there is more than GENESIS already */
	assert_int_equal(bench_append(bench, 5, 1, slice_str("x")).status, JOURNAL_STORED);
	assert_int_equal(bench_provision(bench, &what), 0);
	assert_int_equal(bench_append(bench, 5, 2, slice_str("x")).status, JOURNAL_STORED);
}

static void refuses_what_is_another_clusters(void **state)
{
	struct bench *bench = *state;
	struct jetstream_provision what = bench_what(4, 1), other;

	assert_int_equal(bench_provision(bench, &what), 0);
	other = what;
	other.cluster = "test";
	assert_int_equal(bench_provision(bench, &other), SAGA_E_JOURNAL_FOREIGN);
	assert_non_null(strstr(bench->provision_text, "cluster=prod"));
	other = what;
	other.shard_count = 8;
	assert_int_equal(bench_provision(bench, &other), SAGA_E_JOURNAL_FOREIGN);
	other = what;
	other.slots.bytes[0]++;
	assert_int_equal(bench_provision(bench, &other), SAGA_E_CLUSTER_MISMATCH);
	other = what;
	other.command_age_ms++;
	assert_int_equal(bench_provision(bench, &other), SAGA_E_CLUSTER_MISMATCH);
	assert_non_null(strstr(bench->provision_text, "SAGA_CMD: max_age"));
	/* more copies than there are servers */
	other = bench_what(4, 3);
	other.cluster = "prod";
	assert_int_not_equal(bench_provision(bench, &other), 0);
	/* nothing of all that has touched what is there */
	assert_int_equal(bench_verify(bench, 4), 0);
	assert_int_equal(last_sequence(bench, 0), 1);
	/* and what makes no sense is refused at once */
	other = what;
	other.shard_count = 0;
	assert_int_equal(jetstream_provision(bench->transport, &bench->config, &other,
					     bench_provisioned, bench),
			 SAGA_E_RANGE);
}

static void more_replicas_than_servers_are_refused_in_words(void **state)
{
	struct bench *bench = *state;
	const struct jetstream_provision what = bench_what(2, 3);

	assert_int_equal(bench_provision(bench, &what), SAGA_E_CONFIG);
	assert_non_null(strstr(bench->provision_text, "replicas"));
}

static void another_journal_there_is_foreign(void **state)
{
	struct bench *bench = *state;
	const struct jetstream_provision what = bench_what(2, 1);

	assert_int_equal(bench_provision(bench, &what), 0);
	bench_reopen(bench, "test", 0);
	assert_int_equal(bench_read(bench, 0, 1, UINT64_MAX).error, SAGA_E_JOURNAL_FOREIGN);
	assert_int_equal(bench->read.next, 1);
	assert_int_equal(bench_read(bench, 0, 2, 2).error, SAGA_E_JOURNAL_FOREIGN);
	assert_int_equal(bench_verify(bench, 2), SAGA_E_JOURNAL_FOREIGN);
}

static void a_missing_journal_is_said_to_be_missing(void **state)
{
	struct bench *bench = *state;
	const struct jetstream_provision what = bench_what(2, 1);
	struct buf answer;

	assert_int_equal(bench_read(bench, 0, 1, UINT64_MAX).error, SAGA_E_JOURNAL_MISSING);
	assert_int_equal(bench_read(bench, 0, 7, 7).error, SAGA_E_JOURNAL_MISSING);
	assert_int_equal(bench_append(bench, 0, 0, slice_str("x")).status, JOURNAL_UNKNOWN);
	assert_int_equal(bench_verify(bench, 2), SAGA_E_JOURNAL_MISSING);
	assert_int_equal(bench_provision(bench, &what), 0);
	buf_init(&answer, 64 * 1024);
	bench_api(bench, "$JS.API.STREAM.DELETE.SAGA_CMD", slice_of(NULL, 0), &answer);
	assert_int_equal(bench_verify(bench, 2), SAGA_E_JOURNAL_MISSING);
	assert_int_equal(bench->wrong_shard, JETSTREAM_COMMANDS);
	assert_non_null(strstr(bench->wrong_text, "SAGA_CMD"));
	assert_int_equal(bench_provision(bench, &what), 0);
	bench_api(bench, "$JS.API.STREAM.DELETE.SAGA_INBOX", slice_of(NULL, 0), &answer);
	assert_int_equal(bench_verify(bench, 2), SAGA_E_JOURNAL_MISSING);
	assert_int_equal(bench->wrong_shard, JETSTREAM_INBOX);
	assert_non_null(strstr(bench->wrong_text, "SAGA_INBOX"));
	/* One that is missing does not hide the other: all are looked at. */
	bench_api(bench, "$JS.API.STREAM.DELETE.SAGA_J_0", slice_of(NULL, 0), &answer);
	assert_int_equal(bench_verify(bench, 2), SAGA_E_JOURNAL_MISSING);
	assert_int_equal(bench->wrong_count, 2); /* that and the inbox */
	buf_close(&answer);
}

/* A stream that was deleted, made again by hand and filled with what the old one held. Nobody reads
 * it; initialisation, which only runs where no journal is in use, keeps its hands off as soon as
 * there is more than GENESIS in it. */
static void a_copy_is_not_the_journal(void **state)
{
	struct bench *bench = *state;
	const struct jetstream_provision what = bench_what(2, 1);
	struct buf answer, genesis;
	struct slice data;

	assert_int_equal(bench_provision(bench, &what), 0);
	buf_init(&answer, 64 * 1024);
	buf_init(&genesis, 64 * 1024);
	bench_api(bench, "$JS.API.STREAM.MSG.GET.SAGA_J_0", slice_str("{\"seq\":1}"), &answer);
	assert_true(json_scan_text(buf_slice(&answer), "message.data", &data));
	assert_int_equal(base64_decode(data, &genesis), 0);
	bench_make_empty(bench, "SAGA_J_0");
	assert_int_equal(bench_verify(bench, 2), 0); /* its settings are right */
	bench_publish(bench, "saga.v1.journal.0.0", NULL, NULL, buf_slice(&genesis));
	assert_int_equal(bench_read(bench, 0, 1, UINT64_MAX).error, SAGA_E_JOURNAL_FOREIGN);
	assert_int_equal(bench->read.next, 1);
	assert_int_equal(bench_read(bench, 0, 1, 1).error, SAGA_E_JOURNAL_FOREIGN);
	bench_publish(bench, "saga.v1.journal.0.0", NULL, NULL, slice_str("more"));
	assert_int_equal(bench_provision(bench, &what), SAGA_E_JOURNAL_FOREIGN);
	assert_int_equal(bench_read(bench, 0, 1, UINT64_MAX).error, SAGA_E_JOURNAL_FOREIGN);
	assert_int_equal(last_sequence(bench, 1), 1);
	buf_close(&answer);
	buf_close(&genesis);
}

/* Damage is the reader's to judge; initialisation does not take it for GENESIS. */
static void an_unreadable_first_record_is_not_hidden(void **state)
{
	struct bench *bench = *state;
	const struct jetstream_provision what = bench_what(2, 1);

	assert_int_equal(bench_provision(bench, &what), 0);
	bench_make_empty(bench, "SAGA_J_0");
	bench_publish(bench, "saga.v1.journal.0.0", NULL, NULL, slice_str("not readable"));
	assert_int_equal(bench_read(bench, 0, 1, UINT64_MAX).error, 0);
	assert_int_equal(bench->read.next, 2);
	assert_int_equal(bench_provision(bench, &what), SAGA_E_JOURNAL_CORRUPT);
}

static void a_changed_setting_is_found(void **state)
{
	struct bench *bench = *state;
	const struct jetstream_provision what = bench_what(2, 1);
	struct buf info, answer;
	struct slice config;
	char changed[2048];
	const char *at;

	assert_int_equal(bench_provision(bench, &what), 0);
	buf_init(&info, 64 * 1024);
	buf_init(&answer, 64 * 1024);
	bench_api(bench, "$JS.API.STREAM.INFO.SAGA_J_1", slice_of(NULL, 0), &info);
	assert_true(json_scan_find(buf_slice(&info), "config", &config));
	(void)snprintf(changed, sizeof changed, "%.*s", (int)config.size,
		       (const char *)config.data);
	at = strstr(changed, "\"max_msgs\":-1");
	assert_non_null(at);
	memcpy(changed + (at - changed), "\"max_msgs\":99", 13);
	bench_api(bench, "$JS.API.STREAM.UPDATE.SAGA_J_1", slice_str(changed), &answer);
	assert_int_equal(bench_verify(bench, 2), SAGA_E_JOURNAL_CONFIG);
	assert_int_equal(bench->wrong_count, 1);
	assert_int_equal(bench->wrong_shard, 1);
	assert_non_null(strstr(bench->wrong_text, "SAGA_J_1: max_msgs is 99, must be -1"));
	assert_int_equal(bench_provision(bench, &what), SAGA_E_CLUSTER_MISMATCH);
	buf_close(&info);
	buf_close(&answer);
}

static void versions_are_worth_a_sentence(void **state)
{
	(void)state;
	assert_null(jetstream_version_warning(NULL));
	assert_null(jetstream_version_warning(""));
	assert_non_null(strstr(jetstream_version_warning("2.9.10"), "page cache"));
	assert_non_null(strstr(jetstream_version_warning("1.4.1"), "page cache"));
	assert_non_null(strstr(jetstream_version_warning("2.10.0"), "raft logs"));
	assert_non_null(strstr(jetstream_version_warning("2.10.22"), "raft logs"));
	assert_null(strstr(jetstream_version_warning("2.10.23"), "raft logs"));
	assert_non_null(strstr(jetstream_version_warning("2.10.23-RC.1"), "sync_interval: always"));
	assert_non_null(strstr(jetstream_version_warning("2.12.4"), "sync_interval: always"));
	assert_non_null(strstr(jetstream_version_warning("3.0.0"), "sync_interval: always"));
	assert_non_null(strstr(jetstream_version_warning("2.x"), "cannot be read"));
	assert_non_null(strstr(jetstream_version_warning("dev"), "cannot be read"));
}

int main(void)
{
#define INIT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		INIT_TEST(may_be_repeated),
		INIT_TEST(refuses_what_is_another_clusters),
		INIT_TEST(more_replicas_than_servers_are_refused_in_words),
		INIT_TEST(another_journal_there_is_foreign),
		INIT_TEST(a_missing_journal_is_said_to_be_missing),
		INIT_TEST(a_copy_is_not_the_journal),
		INIT_TEST(an_unreadable_first_record_is_not_hidden),
		INIT_TEST(a_changed_setting_is_found),
		cmocka_unit_test(versions_are_worth_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
