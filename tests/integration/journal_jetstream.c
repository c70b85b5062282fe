/* The journal on a real nats-server: appending, fencing, reading, and S6 under kill and stop. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/integration/journal_bench.h"

static int setup(void **state)
{
	struct bench *bench = malloc(sizeof *bench);
	const struct jetstream_provision what = bench_what(BENCH_SHARDS, 1);

	if (bench == NULL)
		return -1;
	bench_init(bench, 1);
	if (bench_provision(bench, &what) != 0)
		fail_msg("%s", bench->provision_text);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	bench_destroy(*state);
	free(*state);
	return 0;
}

static struct reader replayed(struct bench *bench, uint32_t shard)
{
	struct reader reader;

	reader_init(&reader, &bench->cluster_id, shard);
	assert_int_equal(bench_replay(bench, shard, &reader), 0);
	return reader;
}

static void a_chain_is_appended_and_read(void **state)
{
	struct bench *bench = *state;
	struct bench_owner owner;
	struct bench_read read;
	struct reader reader;

	bench_own(bench, &owner, 2, 7);
	assert_false(owner.lost);
	for (uint32_t i = 0; i < 50; i++)
		assert_true(bench_write(&owner, 1 + i % 3, 20));
	assert_int_equal(appender_sequence(&owner.appender), 52);
	reader = replayed(bench, 2);
	assert_int_equal(reader.sequence, 52);
	assert_int_equal(reader.epoch, 7);
	assert_int_equal(reader.next_record - 1, appender_last_record(&owner.appender));
	assert_true(hash128_equal(&reader.hash, &owner.appender.hash));
	assert_int_equal(reader.genesis.shard_count, BENCH_SHARDS);
	assert_int_equal(reader.genesis.slots.bytes[2], 3);
	assert_true(strlen(reader.genesis.created) > 10);

	/* parts of it, short and long */
	read = bench_read(bench, 2, 10, 10);
	assert_int_equal(read.error, 0);
	assert_int_equal(read.next, 11);
	assert_int_equal(read.last_sequence, 10);
	read = bench_read(bench, 2, 51, 52);
	assert_int_equal(read.next, 53);
	read = bench_read(bench, 2, 5, 40);
	assert_int_equal(read.error, 0);
	assert_int_equal(read.next, 41);
	assert_int_equal(read.last_sequence, 40);
	read = bench_read(bench, 2, 51, UINT64_MAX);
	assert_int_equal(read.next, 53);
	assert_int_equal(read.last_sequence, 52);
	/* past the end: nothing, and where the end is */
	read = bench_read(bench, 2, 53, 53);
	assert_int_equal(read.error, 0);
	assert_int_equal(read.next, 53);
	assert_int_equal(read.last_sequence, 52);
	read = bench_read(bench, 2, 60, UINT64_MAX);
	assert_int_equal(read.error, 0);
	assert_int_equal(read.last_sequence, 52);
	/* the other shards hold nothing but GENESIS */
	reader = replayed(bench, 3);
	assert_int_equal(reader.sequence, 1);
	bench_disown(&owner);
}

static void the_fence_refuses_a_second_writer(void **state)
{
	struct bench *bench = *state;
	struct bench_owner a, b;
	struct bench_append append;
	struct reader reader;

	bench_own(bench, &a, 0, 7);
	assert_true(bench_write(&a, 2, 10));
	/* the same position twice */
	bench_begin(&a, 1, 10);
	append = bench_append(bench, 0, 3, appender_bytes(&a.appender));
	assert_int_equal(append.status, JOURNAL_STORED);
	assert_int_equal(append.sequence, 4);
	append = bench_append(bench, 0, 3, appender_bytes(&a.appender));
	assert_int_equal(append.status, JOURNAL_REFUSED);
	assert_int_equal(append.sequence, 4);
	/* behind and ahead of the end, and the empty log's position */
	append = bench_append(bench, 0, 2, appender_bytes(&a.appender));
	assert_int_equal(append.status, JOURNAL_REFUSED);
	append = bench_append(bench, 0, 9, appender_bytes(&a.appender));
	assert_int_equal(append.status, JOURNAL_REFUSED);
	append = bench_append(bench, 0, 0, appender_bytes(&a.appender));
	assert_int_equal(append.status, JOURNAL_REFUSED);
	assert_int_equal(appender_appended(&a.appender, JOURNAL_STORED, 4, 0), APPENDER_DURABLE);

	bench_own(bench, &b, 0, 8);
	assert_false(b.lost);
	assert_true(bench_write(&b, 1, 10));
	assert_false(bench_write(&a, 1, 10));
	assert_true(a.lost);
	assert_true(bench_write(&b, 1, 10));
	reader = replayed(bench, 0);
	assert_int_equal(reader.epoch, 8);
	assert_int_equal(reader.skipped, 0);
	assert_int_equal(reader.sequence, 7);
	bench_disown(&a);
	bench_disown(&b);
}

static void unfenced_lands_at_the_end(void **state)
{
	struct bench *bench = *state;
	struct bench_append append;

	append = bench_append(bench, 1, JOURNAL_UNFENCED, slice_str("anything"));
	assert_int_equal(append.status, JOURNAL_STORED);
	assert_int_equal(append.sequence, 2);
	append = bench_append(bench, 1, JOURNAL_UNFENCED, slice_str("anything"));
	assert_int_equal(append.status, JOURNAL_STORED);
	assert_int_equal(append.sequence, 3); /* no deduplication either */
}

static void one_append_a_shard_is_in_flight(void **state)
{
	struct bench *bench = *state;
	struct journal *journal = bench->journal;
	const struct slice bytes = slice_str("x");
	struct bench_read read;

	assert_int_equal(journal->ops->append(journal, 0, 1, bench->place, bytes, 1), 0);
	assert_int_equal(journal->ops->append(journal, 0, 1, bench->place, bytes, 2), SAGA_E_BUSY);
	assert_int_equal(journal->ops->append(journal, 1, 1, bench->place, bytes, 3),
			 0); /* another shard */
	RUN_UNTIL(bench, bench->append.count == 2);
	assert_int_equal(journal->ops->append(journal, 0, 2, bench->place, bytes, 1), 0);
	journal->ops->cancel(journal, 1); /* frees the shard; its callback will not come */
	assert_int_equal(journal->ops->append(journal, 0, 2, bench->place, bytes, 4), 0);
	RUN_UNTIL(bench, bench->append.count == 3);
	assert_int_equal(bench->append.token, 4);
	assert_int_equal(bench->append.status, JOURNAL_REFUSED); /* after the cancelled one */
	read = bench_read(bench, 0, 2, UINT64_MAX);
	assert_int_equal(read.next, 4);
}

/* ---- S6 on a real server --------------------------------------------------------------------- */

/* A stop reaches the threads of a process one by one. */
static bool all_threads_stopped(void *context)
{
	const pid_t pid = *(const pid_t *)context;
	char path[300], line[512];
	bool all = true;
	struct dirent *entry;
	DIR *tasks;

	(void)snprintf(path, sizeof path, "/proc/%d/task", pid);
	tasks = opendir(path);
	assert_non_null(tasks);
	while ((entry = readdir(tasks)) != NULL) {
		FILE *file;
		const char *state;

		(void)snprintf(path, sizeof path, "/proc/%d/task/%s/stat", pid, entry->d_name);
		file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
		if (file == NULL)
			continue;
		state = fgets(line, sizeof line, file) != NULL ? strrchr(line, ')') : NULL;
		all = all && state != NULL && state[2] == 'T';
		(void)fclose(file);
	}
	(void)closedir(tasks);
	return all;
}

static void stop_server(struct bench *bench)
{
	pid_t pid = cluster_pid(bench->cluster, "nats1");

	assert_int_equal(cluster_signal(bench->cluster, "nats1", SIGSTOP), 0);
	assert_true(wait_until(all_threads_stopped, &pid, BENCH_PATIENCE_MS));
}

static void a_stopped_server_leaves_an_unknown_that_settles(void **state)
{
	struct bench *bench = *state;
	struct bench_owner owner;
	struct reader reader;
	uint32_t records;

	bench_reopen(bench, "prod", 200);
	bench_own(bench, &owner, 1, 7);
	records = (uint32_t)appender_last_record(&owner.appender);
	for (uint32_t round = 0; round < 3; round++) {
		struct appender *a = &owner.appender;
		struct bench_append append;

		stop_server(bench);
		bench_begin(&owner, 2, 30);
		append = bench_append(bench, 1, appender_expected(a), appender_bytes(a));
		assert_int_equal(append.status, JOURNAL_UNKNOWN);
		assert_int_equal(appender_appended(a, append.status, 0, wait_now_ms()),
				 APPENDER_NOTHING);
		assert_int_equal(cluster_signal(bench->cluster, "nats1", SIGCONT), 0);
		/* Sent again behind the first copy, which the socket still has. */
		RUN_UNTIL(bench, appender_due(a, wait_now_ms()) == APPENDER_SEND);
		assert_true(bench_settle(&owner));
		records += 2;
		assert_int_equal(appender_last_record(a), records);
	}
	assert_int_equal(owner.settles, 3);
	assert_int_equal(owner.appender.unknowns, 3);
	reader = replayed(bench, 1);
	assert_int_equal(reader.sequence, 5);
	assert_int_equal(reader.next_record - 1, records);
	bench_disown(&owner);
}

static void a_killed_server_costs_nothing_that_was_acknowledged(void **state)
{
	struct bench *bench = *state;
	struct bench_owner owner;
	struct reader reader;

	bench_own(bench, &owner, 3, 7);
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 20; i++)
			assert_true(bench_write(&owner, 1, 100));
		/* one in flight when it dies */
		const uint32_t before = bench->append.count;

		bench_begin(&owner, 1, 100);
		assert_int_equal(bench->journal->ops->append(
					 bench->journal, 3, appender_expected(&owner.appender),
					 bench->place, appender_bytes(&owner.appender),
					 ++bench->token),
				 0);
		bench_kill_server(bench, "nats1");
		RUN_UNTIL(bench, bench->append.count > before);
		bench_restart_server(bench, "nats1");
		if (bench->append.status == JOURNAL_UNKNOWN) {
			(void)appender_appended(&owner.appender, JOURNAL_UNKNOWN, 0, 0);
			RUN_UNTIL(bench,
				  appender_due(&owner.appender, wait_now_ms()) == APPENDER_SEND);
			assert_true(bench_settle(&owner));
		} else {
			assert_int_equal(appender_appended(&owner.appender, bench->append.status,
							   bench->append.sequence, 0),
					 APPENDER_DURABLE);
		}
	}
	RUN_UNTIL(bench, bench->connected);
	reader = replayed(bench, 3);
	assert_int_equal(reader.sequence, 65);
	assert_int_equal(reader.next_record - 1, appender_last_record(&owner.appender));
	bench_disown(&owner);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void reading_goes_on_while_others_append(void **state)
{
	struct bench *bench = *state;
	struct bench_owner owner;
	struct reader reader;

	bench_own(bench, &owner, 0, 7);
	for (uint32_t i = 0; i < 300; i++)
		assert_true(bench_write(&owner, 1, 10));
	reader_init(&reader, &bench->cluster_id, 0);
	bench->read = (struct bench_read){
		.token = ++bench->token, .first = 1, .next = 1, .reader = &reader};
	assert_int_equal(bench->journal->ops->read(bench->journal, 0, 1, UINT64_MAX, bench->token),
			 0);
	while (!bench->read.ended)
		assert_true(bench_write(&owner, 1, 10));
	assert_int_equal(bench->read.error, 0);
	assert_int_equal(bench->read.reader_error, 0);
	assert_true(bench->read.last_sequence >= 302);
	assert_int_equal(bench->read.next, bench->read.last_sequence + 1);
	/* and on from there */
	assert_int_equal(bench_replay(bench, 0, &reader), 0);
	assert_int_equal(reader.sequence, appender_sequence(&owner.appender));
	bench_disown(&owner);
}

static void large_batches_are_read_both_ways(void **state)
{
	struct bench *bench = *state;
	struct bench_owner owner;
	struct bench_read one, all;
	struct reader reader;

	bench_own(bench, &owner, 0, 7);
	for (uint32_t i = 0; i < 12; i++)
		assert_true(bench_write(&owner, 1900, 500)); /* some 980 KB */
	one = bench_read(bench, 0, 5, 5);
	assert_int_equal(one.error, 0);
	assert_in_range(one.bytes, 900000, 1024 * 1024);
	all = bench_read(bench, 0, 3, 14);
	assert_int_equal(all.error, 0);
	assert_int_equal(all.next, 15);
	assert_int_equal(all.bytes, 12 * one.bytes);
	reader = replayed(bench, 0);
	assert_int_equal(reader.sequence, 14);
	bench_disown(&owner);
}

static void a_cancelled_read_is_silent(void **state)
{
	struct bench *bench = *state;
	struct journal *journal = bench->journal;
	struct bench_owner owner;
	struct bench_read read;

	bench_own(bench, &owner, 0, 7);
	for (uint32_t i = 0; i < 50; i++)
		assert_true(bench_write(&owner, 1, 10));
	/* before anything came, in the middle of a long one, and of a short one */
	for (uint32_t i = 0; i < 3; i++) {
		bench->read = (struct bench_read){
			.token = ++bench->token, .next = 2, .cancel_at = i == 0 ? 0 : 2};
		assert_int_equal(
			journal->ops->read(journal, 0, 2, i == 2 ? 3 : UINT64_MAX, bench->token),
			0);
		if (i == 0)
			journal->ops->cancel(journal, bench->token);
		else
			RUN_UNTIL(bench, bench->read.next == 3);
		/* Appends pass through the same connection after whatever was on its way. */
		const struct bench_read before = bench->read;

		assert_true(bench_write(&owner, 1, 10));
		assert_int_equal(bench->read.next, before.next);
		assert_false(bench->read.ended);
	}
	read = bench_read(bench, 0, 1, UINT64_MAX);
	assert_int_equal(read.error, 0);
	assert_int_equal(read.next, 56);
	bench_disown(&owner);
}

static void a_killed_server_does_not_hang_a_read(void **state)
{
	struct bench *bench = *state;
	struct bench_owner owner;
	struct reader reader;
	int rc;

	bench_own(bench, &owner, 0, 7);
	for (uint32_t i = 0; i < 200; i++)
		assert_true(bench_write(&owner, 20, 200));
	reader_init(&reader, &bench->cluster_id, 0);
	bench->read = (struct bench_read){
		.token = ++bench->token, .first = 1, .next = 1, .reader = &reader};
	assert_int_equal(bench->journal->ops->read(bench->journal, 0, 1, UINT64_MAX, bench->token),
			 0);
	RUN_UNTIL(bench, bench->read.next > 1 || bench->read.ended);
	bench_kill_server(bench, "nats1");
	RUN_UNTIL(bench, bench->read.ended);
	assert_int_equal(err_class(bench->read.error),
			 bench->read.error == 0 ? ERR_CLASS_NONE : ERR_CLASS_RETRY);
	bench_restart_server(bench, "nats1");
	RUN_UNTIL(bench, bench->connected);
	/* Goes on where the first one stopped; streams may still be recovering. */
	do
		rc = bench_replay(bench, 0, &reader);
	while (rc != 0 && err_class(rc) == ERR_CLASS_RETRY);
	assert_int_equal(rc, 0);
	assert_int_equal(reader.sequence, 202);
	bench_disown(&owner);
}

static void begin_tail(struct bench *bench, uint64_t from)
{
	bench->tailed = 0;
	bench->read = (struct bench_read){.token = ++bench->token, .first = from, .next = from};
	assert_int_equal(bench->journal->ops->tail(bench->journal, 0, from, bench->token), 0);
}

static void a_tail_goes_on_with_what_is_appended(void **state)
{
	struct bench *bench = *state;
	struct bench_owner owner;
	uint64_t end_ms;

	bench_own(bench, &owner, 0, 7);
	for (uint32_t i = 0; i < 20; i++)
		assert_true(bench_write(&owner, 1, 10));
	begin_tail(bench, 2);
	RUN_UNTIL(bench, bench->read.next == 23 && bench->tailed == 22);
	for (uint32_t i = 0; i < 30; i++)
		assert_true(bench_write(&owner, 1, 10));
	RUN_UNTIL(bench, bench->read.next == 53 && bench->tailed == 52);
	/* Its pull ends at the server, and it asks again. */
	end_ms = wait_now_ms() + 9000;
	RUN_UNTIL(bench, wait_now_ms() > end_ms);
	assert_false(bench->read.ended);
	assert_true(bench_write(&owner, 1, 10));
	RUN_UNTIL(bench, bench->read.next == 54);
	bench->journal->ops->cancel(bench->journal, bench->read.token);
	assert_true(bench_write(&owner, 1, 10));
	assert_int_equal(bench->read.next, 54);
	/* From the end on; and with the oldest there is. */
	begin_tail(bench, 55);
	RUN_UNTIL(bench, bench->tailed == 54);
	assert_true(bench_write(&owner, 1, 10));
	RUN_UNTIL(bench, bench->read.next == 56);
	bench->journal->ops->cancel(bench->journal, bench->read.token);
	begin_tail(bench, 1);
	bench->journal->ops->cancel(bench->journal, bench->read.token);
	bench->read = (struct bench_read){.token = ++bench->token, .first = 1, .next = 1};
	assert_int_equal(bench->journal->ops->tail(bench->journal, 0, JOURNAL_OLDEST, bench->token),
			 0);
	RUN_UNTIL(bench, bench->read.next == 56);
	bench->journal->ops->cancel(bench->journal, bench->read.token);
	bench_disown(&owner);
}

/* More than one pull gives. */
static void a_tail_of_large_batches_goes_on(void **state)
{
	struct bench *bench = *state;
	struct bench_owner owner;

	bench_own(bench, &owner, 0, 7);
	for (uint32_t i = 0; i < 6; i++)
		assert_true(bench_write(&owner, 1900, 500)); /* some 980 KB */
	begin_tail(bench, 3);
	RUN_UNTIL(bench, bench->read.next == 9);
	assert_true(bench_write(&owner, 1900, 500));
	RUN_UNTIL(bench, bench->read.next == 10);
	bench->journal->ops->cancel(bench->journal, bench->read.token);
	bench_disown(&owner);
}

static void a_tail_behind_the_end_is_a_gap(void **state)
{
	struct bench *bench = *state;

	begin_tail(bench, 60);
	RUN_UNTIL(bench, bench->read.ended);
	assert_int_equal(bench->read.error, SAGA_E_JOURNAL_GAP);
}

static void a_tail_ends_with_its_server(void **state)
{
	struct bench *bench = *state;
	struct bench_owner owner;

	bench_own(bench, &owner, 0, 7);
	begin_tail(bench, 1);
	RUN_UNTIL(bench, bench->read.next == 3);
	bench_kill_server(bench, "nats1");
	RUN_UNTIL(bench, bench->read.ended);
	assert_int_equal(err_class(bench->read.error), ERR_CLASS_RETRY);
	bench_restart_server(bench, "nats1");
	RUN_UNTIL(bench, bench->connected);
	bench_disown(&owner);
}

static void a_hole_is_a_gap(void **state)
{
	struct bench *bench = *state;
	struct bench_read read;

	/* 1 = GENESIS; 2, 3 in segment 0; 4, 5 in segment 1, rolled up by 6; 7 in segment 0 */
	for (uint32_t i = 0; i < 2; i++)
		bench_publish(bench, "saga.v1.journal.2.0", NULL, NULL, slice_str("x"));
	for (uint32_t i = 0; i < 2; i++)
		bench_publish(bench, "saga.v1.journal.2.1", NULL, NULL, slice_str("x"));
	bench_publish(bench, "saga.v1.journal.2.1", "Nats-Rollup", "sub", slice_str("x"));
	bench_publish(bench, "saga.v1.journal.2.0", NULL, NULL, slice_str("x"));
	read = bench_read(bench, 2, 1, UINT64_MAX);
	assert_int_equal(read.error, SAGA_E_JOURNAL_GAP);
	assert_int_equal(read.next, 4);
	assert_int_equal(read.last_sequence, 3);
	read = bench_read(bench, 2, 5, 5);
	assert_int_equal(read.error, SAGA_E_JOURNAL_GAP);
	assert_int_equal(read.next, 5);
	read = bench_read(bench, 2, 3, 4);
	assert_int_equal(read.error, SAGA_E_JOURNAL_GAP);
	assert_int_equal(read.next, 4);
	read = bench_read(bench, 2, 6, UINT64_MAX);
	assert_int_equal(read.error, 0);
	assert_int_equal(read.next, 8);
	/* the beginning rolled up */
	bench_publish(bench, "saga.v1.journal.2.0", "Nats-Rollup", "all", slice_str("x"));
	read = bench_read(bench, 2, 1, UINT64_MAX);
	assert_int_equal(read.error, SAGA_E_JOURNAL_GAP);
	assert_int_equal(read.next, 1);
	/* the very end missing: the first of segment 1 is the last message, then rolled away */
	read = bench_read(bench, 2, 8, UINT64_MAX);
	assert_int_equal(read.error, 0);
	assert_int_equal(read.next, 9);
}

/* ---- speed ------------------------------------------------------------------------------------
 */

static void replay_is_fast(void **state)
{
	enum { BATCHES = 20000, RECORDS = 10, FLOOR = 20000 /* records/s; the aim is 200,000 */ };
	struct bench *bench = *state;
	struct bench_owner owner;
	uint64_t start, append_ms, read_ms, records;
	struct reader reader;

	bench_own(bench, &owner, 0, 7);
	start = wait_now_ms();
	for (uint32_t i = 0; i < BATCHES; i++)
		assert_true(bench_write(&owner, RECORDS, 150));
	append_ms = wait_now_ms() - start;
	start = wait_now_ms();
	reader = replayed(bench, 0);
	read_ms = wait_now_ms() - start;
	assert_int_equal(reader.sequence, BATCHES + 2);
	records = reader.next_record - 1;
	assert_int_equal(records, BATCHES * RECORDS + 2);
	read_ms = read_ms > 0 ? read_ms : 1;
	append_ms = append_ms > 0 ? append_ms : 1;
	(void)printf(
		"append, one in flight: %llu batches/s; replay: %llu batches/s, %llu records/s, "
		"%llu MB/s\n",
		(unsigned long long)(BATCHES * 1000ULL / append_ms),
		(unsigned long long)(BATCHES * 1000ULL / read_ms),
		(unsigned long long)(records * 1000 / read_ms),
		(unsigned long long)(bench->read.bytes / 1000 / read_ms));
	assert_true(records * 1000 / read_ms >= FLOOR);
	bench_disown(&owner);
}

int main(void)
{
#define JOURNAL_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		JOURNAL_TEST(a_chain_is_appended_and_read),
		JOURNAL_TEST(the_fence_refuses_a_second_writer),
		JOURNAL_TEST(unfenced_lands_at_the_end),
		JOURNAL_TEST(one_append_a_shard_is_in_flight),
		JOURNAL_TEST(a_stopped_server_leaves_an_unknown_that_settles),
		JOURNAL_TEST(a_killed_server_costs_nothing_that_was_acknowledged),
		JOURNAL_TEST(reading_goes_on_while_others_append),
		JOURNAL_TEST(large_batches_are_read_both_ways),
		JOURNAL_TEST(a_cancelled_read_is_silent),
		JOURNAL_TEST(a_killed_server_does_not_hang_a_read),
		JOURNAL_TEST(a_tail_goes_on_with_what_is_appended),
		JOURNAL_TEST(a_tail_of_large_batches_goes_on),
		JOURNAL_TEST(a_tail_behind_the_end_is_a_gap),
		JOURNAL_TEST(a_tail_ends_with_its_server),
		JOURNAL_TEST(a_hole_is_a_gap),
		JOURNAL_TEST(replay_is_fast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
