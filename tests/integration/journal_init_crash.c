/* Initialisation over crashes of the server (docs/decisions/0002): whatever a kill leaves of a
 * stream, a repetition makes whole, and it stays whole over the next start. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/os_entropy.h"
#include "base/prng.h"
#include "journal/json_scan.h"
#include "tests/integration/journal_bench.h"

enum { SHARDS = 16, PATH_SIZE = 512, ROUNDS = 4, MOMENT_MAX_US = 30000 };

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

/* ---- what is on disk --------------------------------------------------------------------------
 */

static void path_of(const struct bench *bench, const char *stream, const char *file,
		    char path[PATH_SIZE])
{
	const int size = snprintf(path, PATH_SIZE, "%s/nats1/jetstream/$G/streams/%s/%s",
				  cluster_folder(bench->cluster), stream, file);

	assert_in_range(size, 1, PATH_SIZE - 1);
}

static void stream_of(uint32_t shard, char name[32])
{
	if (shard < SHARDS)
		(void)snprintf(name, 32, "SAGA_J_%u", shard);
	else
		(void)snprintf(name, 32, "SAGA_CMD");
}

static void remove_file(const struct bench *bench, const char *stream, const char *file)
{
	char path[PATH_SIZE];

	path_of(bench, stream, file, path);
	assert_int_equal(unlink(path), 0);
}

static void empty_file(const struct bench *bench, const char *stream, const char *file)
{
	char path[PATH_SIZE];

	path_of(bench, stream, file, path);
	assert_int_equal(truncate(path, 0), 0);
}

static off_t size_of(const struct bench *bench, const char *stream, const char *file)
{
	struct stat status;
	char path[PATH_SIZE];

	path_of(bench, stream, file, path);
	return stat(path, &status) == 0 ? status.st_size : -1;
}

/* Streams with a folder that the server will not find when it starts. */
static uint32_t half_made(const struct bench *bench)
{
	uint32_t count = 0;
	char name[32];

	for (uint32_t shard = 0; shard <= SHARDS; shard++) {
		stream_of(shard, name);
		if (size_of(bench, name, "") >= 0 && (size_of(bench, name, "meta.inf") <= 0 ||
						      size_of(bench, name, "meta.sum") <= 0))
			count++;
	}
	return count;
}

/* ---- crashes ----------------------------------------------------------------------------------
 */

static void restart(struct bench *bench)
{
	bench_restart_server(bench, "nats1");
	RUN_UNTIL(bench, bench->connected);
}

static uint64_t now_us(void)
{
	return uv_hrtime() / 1000;
}

/* Kills the server at some moment of an initialisation. How many streams are half made then. */
static uint32_t crash_within(struct bench *bench, struct prng *random)
{
	const struct jetstream_provision what = bench_what(SHARDS, 1);
	uint64_t end_us;

	bench->provision_ended = false;
	assert_int_equal(jetstream_provision(bench->transport, &bench->config, &what,
					     bench_provisioned, bench),
			 0);
	end_us = now_us() + prng_below(random, MOMENT_MAX_US);
	while (now_us() < end_us)
		(void)uv_run(&bench->loop, UV_RUN_NOWAIT);
	bench_kill_server(bench, "nats1");
	RUN_UNTIL(bench, bench->provision_ended);
	return half_made(bench);
}

/* The proof: one more start of the server after initialisation, and all streams are as they were. A
 * read compares the creation time in GENESIS with the stream's (S7). */
static void assert_lasting(struct bench *bench)
{
	const struct jetstream_provision what = bench_what(SHARDS, 1);
	struct reader reader;
	int rc;

	if (bench_provision(bench, &what) != 0)
		fail_msg("%s", bench->provision_text);
	bench_kill_server(bench, "nats1");
	assert_int_equal(half_made(bench), 0);
	restart(bench);
	if (bench_verify(bench, SHARDS) != 0)
		fail_msg("after the next start: %s", bench->provision_text);
	for (uint32_t shard = 0; shard < SHARDS; shard++) {
		reader_init(&reader, &bench->cluster_id, shard);
		rc = bench_replay(bench, shard, &reader);
		if (rc != 0)
			fail_msg("shard %u after the next start: %s", shard, err_text(rc));
		assert_int_equal(reader.sequence, 1);
	}
}

static void seed_randomly(struct prng *random)
{
	const uint64_t seed = os_entropy_u64();

	print_message("seed %llu\n", (unsigned long long)seed);
	prng_seed(random, seed);
}

static void may_be_repeated_after_kills(void **state)
{
	struct bench *bench = *state;
	struct prng random;
	uint32_t halves = 0;

	seed_randomly(&random);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		halves += crash_within(bench, &random);
		restart(bench);
	}
	print_message("%u streams were left half made\n", halves);
	assert_lasting(bench);
}

/* Before each round all journals there are have lost their metadata, so each is deleted and made
 * again: kills hit creation, deletion and what lies between. */
static void deletion_may_be_cut_short(void **state)
{
	const struct jetstream_provision what = bench_what(SHARDS, 1);
	struct bench *bench = *state;
	struct prng random;
	uint32_t halves = 0;
	char name[32];

	seed_randomly(&random);
	assert_int_equal(bench_provision(bench, &what), 0);
	bench_kill_server(bench, "nats1");
	for (uint32_t round = 0; round < ROUNDS; round++) {
		for (uint32_t shard = 0; shard < SHARDS; shard++) {
			stream_of(shard, name);
			if (size_of(bench, name, "meta.sum") >= 0)
				remove_file(bench, name, "meta.sum");
		}
		restart(bench);
		halves += crash_within(bench, &random);
	}
	restart(bench);
	print_message("%u streams were left half made\n", halves);
	assert_lasting(bench);
}

/* ---- each state by itself ---------------------------------------------------------------------
 */

static void each_remainder_is_made_whole(void **state)
{
	const struct jetstream_provision what = bench_what(SHARDS, 1);
	struct bench *bench = *state;
	struct buf answer;

	buf_init(&answer, 64 * 1024);
	assert_int_equal(bench_provision(bench, &what), 0);
	/* no GENESIS yet */
	bench_make_empty(bench, "SAGA_J_0");
	bench_make_empty(bench, "SAGA_J_1");
	bench_make_empty(bench, "SAGA_J_2");
	bench_make_empty(bench, "SAGA_J_3");
	/* what a deletion does first */
	bench_api(bench, "$JS.API.STREAM.PURGE.SAGA_J_4", slice_of(NULL, 0), &answer);
	bench_api(bench, "$JS.API.STREAM.PURGE.SAGA_J_5", slice_of(NULL, 0), &answer);
	bench_kill_server(bench, "nats1");
	remove_file(bench, "SAGA_J_1", "meta.sum");
	empty_file(bench, "SAGA_J_2", "meta.inf");
	remove_file(bench, "SAGA_J_3", "meta.inf");
	remove_file(bench, "SAGA_J_5", "meta.sum");
	/* with GENESIS */
	remove_file(bench, "SAGA_J_6", "meta.sum");
	empty_file(bench, "SAGA_J_7", "meta.inf");
	remove_file(bench, "SAGA_J_8", "meta.inf");
	empty_file(bench, "SAGA_J_9", "meta.sum");
	remove_file(bench, "SAGA_CMD", "meta.sum");
	restart(bench);
	assert_int_equal(bench_verify(bench, SHARDS), SAGA_E_JOURNAL_MISSING);
	assert_lasting(bench);
	buf_close(&answer);
}

/* Only a journal with nothing but our own GENESIS is deleted. */
static void what_is_in_use_is_not_deleted(void **state)
{
	const struct jetstream_provision what = bench_what(SHARDS, 1);
	struct jetstream_provision other = what;
	struct bench *bench = *state;
	struct buf answer;

	buf_init(&answer, 64 * 1024);
	assert_int_equal(bench_provision(bench, &what), 0);
	assert_int_equal(bench_append(bench, 3, 1, slice_str("x")).status, JOURNAL_STORED);
	bench_kill_server(bench, "nats1");
	remove_file(bench, "SAGA_J_3", "meta.sum");
	restart(bench);
	assert_int_equal(bench_provision(bench, &what), SAGA_E_JOURNAL_FOREIGN);
	assert_non_null(strstr(bench->provision_text, "SAGA_J_3"));
	bench_api(bench, "$JS.API.STREAM.MSG.GET.SAGA_J_3", slice_str("{\"seq\":2}"), &answer);
	assert_null(memmem(answer.data, answer.size, "error", 5));
	/* nor a purged one, unless it had no more than one message */
	bench_api(bench, "$JS.API.STREAM.PURGE.SAGA_J_3", slice_of(NULL, 0), &answer);
	assert_int_equal(bench_provision(bench, &what), SAGA_E_JOURNAL_FOREIGN);
	bench_api(bench, "$JS.API.STREAM.DELETE.SAGA_J_3", slice_of(NULL, 0), &answer);
	/* nor one with another slot table */
	assert_int_equal(bench_provision(bench, &what), 0);
	bench_kill_server(bench, "nats1");
	remove_file(bench, "SAGA_J_5", "meta.sum");
	restart(bench);
	other.slots.bytes[0]++;
	assert_int_equal(bench_provision(bench, &other), SAGA_E_CLUSTER_MISMATCH);
	bench_api(bench, "$JS.API.STREAM.MSG.GET.SAGA_J_0", slice_str("{\"seq\":1}"), &answer);
	assert_null(memmem(answer.data, answer.size, "error", 5));
	/* nor one of another cluster, with whatever is in it */
	other = what;
	other.cluster = "test";
	assert_int_equal(bench_provision(bench, &other), SAGA_E_JOURNAL_FOREIGN);
	assert_lasting(bench);
	buf_close(&answer);
}

int main(void)
{
#define CRASH_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CRASH_TEST(may_be_repeated_after_kills),
		CRASH_TEST(deletion_may_be_cut_short),
		CRASH_TEST(each_remainder_is_made_whole),
		CRASH_TEST(what_is_in_use_is_not_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
