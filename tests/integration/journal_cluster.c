/* The journal on three servers: a chain goes on over the loss of each of them in turn. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/integration/journal_bench.h"

static int replay(struct bench *bench, struct reader *reader)
{
	int rc;

	/* An election takes 4 to 9 s; a read says "retry" before that. */
	const uint64_t end_ms = wait_now_ms() + BENCH_PATIENCE_MS;

	do {
		reader_init(reader, &bench->cluster_id, 0);
		RUN_UNTIL(bench, bench->connected);
		rc = bench_replay(bench, 0, reader);
	} while (rc != 0 && err_class(rc) == ERR_CLASS_RETRY && wait_now_ms() < end_ms);
	return rc;
}

static void a_chain_survives_each_server(void **state)
{
	const struct jetstream_provision what = bench_what(2, 3);
	struct bench bench;
	struct bench_owner owner;
	struct reader reader;

	(void)state;
	bench_init(&bench, 3);
	if (bench_provision(&bench, &what) != 0)
		fail_msg("%s", bench.provision_text);
	bench.config.replicas = 3;
	if (bench_verify(&bench, 2) != 0)
		fail_msg("%s", bench.provision_text);
	assert_int_equal(bench_provision(&bench, &what), 0);
	bench_own(&bench, &owner, 0, 7);
	assert_false(owner.lost);
	for (uint32_t round = 0; round < 3; round++) {
		char name[16];

		(void)snprintf(name, sizeof name, "nats%u", round + 1);
		for (uint32_t i = 0; i < 10; i++)
			assert_true(bench_write(&owner, 2, 100));
		bench_begin(&owner, 2, 100);
		bench_kill_server(&bench, name);
		assert_true(bench_settle(&owner));
		bench_restart_server(&bench, name);
		for (uint32_t i = 0; i < 10; i++)
			assert_true(bench_write(&owner, 2, 100));
		assert_int_equal(replay(&bench, &reader), 0);
		assert_int_equal(reader.sequence, appender_sequence(&owner.appender));
		assert_int_equal(reader.next_record - 1, appender_last_record(&owner.appender));
		assert_int_equal(reader.skipped, 0);
	}
	assert_int_equal(reader.sequence, 2 + 3 * 21);
	bench_disown(&owner);
	bench_destroy(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_survives_each_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
