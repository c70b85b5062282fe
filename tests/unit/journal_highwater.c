#include "journal/highwater.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "journal_batches.h"

struct folder {
	char parent[64], path[80], file[128], temporary[132];
};

static struct folder folder;

static int setup(void **state)
{
	(void)state;
	(void)snprintf(folder.parent, sizeof folder.parent, "/tmp/sagad_highwater_XXXXXX");
	if (mkdtemp(folder.parent) == NULL)
		return -1;
	(void)snprintf(folder.path, sizeof folder.path, "%s/marks", folder.parent);
	(void)snprintf(folder.file, sizeof folder.file, "%s/shard-3.highwater", folder.path);
	(void)snprintf(folder.temporary, sizeof folder.temporary, "%s.tmp", folder.file);
	return 0;
}

static int teardown(void **state)
{
	char other[128];

	(void)state;
	(void)snprintf(other, sizeof other, "%s/shard-4.highwater", folder.path);
	(void)unlink(other);
	(void)unlink(folder.file);
	(void)unlink(folder.temporary);
	(void)rmdir(folder.temporary);
	(void)rmdir(folder.path);
	return rmdir(folder.parent);
}

static const struct highwater mark = {.epoch = 9, .sequence = 1234567890123, .hash = {{5, 6, 7}}};

static void store(void)
{
	const struct id cluster = name_of("prod");

	assert_int_equal(highwater_store(folder.path, &cluster, 3, &mark), 0);
}

static int load(const char *cluster_text, uint32_t shard, struct highwater *got)
{
	const struct id cluster = name_of(cluster_text);

	memset(got, 0xee, sizeof *got);
	return highwater_load(folder.path, &cluster, shard, got);
}

static void assert_mark(const struct highwater *got, const struct highwater *want)
{
	assert_int_equal(got->epoch, want->epoch);
	assert_int_equal(got->sequence, want->sequence);
	assert_true(hash128_equal(&got->hash, &want->hash));
}

static void write_file(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static size_t read_file(const char *path, uint8_t *bytes, size_t size)
{
	FILE *file = fopen(path, "rb");
	size_t got;

	assert_non_null(file);
	got = fread(bytes, 1, size, file);
	assert_int_equal(fclose(file), 0);
	return got;
}

static void nothing_seen_is_zero(void **state)
{
	const struct highwater zero = {0};
	struct highwater got;

	(void)state;
	assert_int_equal(load("prod", 3, &got), 0); /* no folder */
	assert_mark(&got, &zero);
	store();
	assert_int_equal(load("prod", 4, &got), 0); /* no file */
	assert_mark(&got, &zero);
}

static void what_is_stored_comes_back(void **state)
{
	const struct id cluster = name_of("prod");
	struct highwater next = mark, got;

	(void)state;
	store();
	assert_int_equal(load("prod", 3, &got), 0);
	assert_mark(&got, &mark);
	next.sequence++;
	next.hash.bytes[15] = 1;
	assert_int_equal(highwater_store(folder.path, &cluster, 3, &next), 0);
	assert_int_equal(load("prod", 3, &got), 0);
	assert_mark(&got, &next);
	assert_int_equal(access(folder.temporary, F_OK), -1);
}

static void what_a_crash_left_does_not_count(void **state)
{
	struct highwater got;

	(void)state;
	store();
	write_file(folder.temporary, "half a fi", 9);
	assert_int_equal(load("prod", 3, &got), 0);
	assert_mark(&got, &mark);
	store();
	assert_int_equal(load("prod", 3, &got), 0);
	assert_mark(&got, &mark);
	assert_int_equal(access(folder.temporary, F_OK), -1);
}

static void damage_is_seen(void **state)
{
	uint8_t bytes[256];
	struct highwater got;
	size_t size;

	(void)state;
	store();
	size = read_file(folder.file, bytes, sizeof bytes);
	assert_int_equal(size, 128);
	for (size_t i = 0; i < size; i++) {
		bytes[i] ^= 0x10;
		write_file(folder.file, bytes, size);
		assert_int_equal(load("prod", 3, &got), SAGA_E_JOURNAL_CORRUPT);
		bytes[i] ^= 0x10;
	}
	for (size_t cut = 0; cut < size; cut++) {
		write_file(folder.file, bytes, cut);
		assert_int_equal(load("prod", 3, &got), SAGA_E_JOURNAL_CORRUPT);
	}
	write_file(folder.file, bytes, size + 1);
	assert_int_equal(load("prod", 3, &got), SAGA_E_JOURNAL_CORRUPT);
	write_file(folder.file, bytes, size);
	assert_int_equal(load("prod", 3, &got), 0);
}

static void other_clusters_and_shards_are_refused(void **state)
{
	char other[128];
	struct highwater got;

	(void)state;
	store();
	assert_int_equal(load("prod2", 3, &got), SAGA_E_CLUSTER_MISMATCH);
	assert_int_equal(load("pro", 3, &got), SAGA_E_CLUSTER_MISMATCH);
	(void)snprintf(other, sizeof other, "%s/shard-4.highwater", folder.path);
	assert_int_equal(rename(folder.file, other), 0);
	assert_int_equal(load("prod", 4, &got), SAGA_E_JOURNAL_CORRUPT);
}

static void files_that_cannot_be_written_are_reported(void **state)
{
	const struct id cluster = name_of("prod");
	struct highwater next = mark, got;

	(void)state;
	next.sequence++;
	assert_int_equal(highwater_store("/proc/no/such", &cluster, 3, &mark), SAGA_E_FILE);
	store();
	assert_int_equal(mkdir(folder.temporary, 0700), 0); /* in the way of the next one */
	assert_int_equal(highwater_store(folder.path, &cluster, 3, &next), SAGA_E_FILE);
	assert_int_equal(load("prod", 3, &got), 0);
	assert_mark(&got, &mark);
}

static void a_replay_is_held_against_the_mark(void **state)
{
	const struct highwater none = {0};
	const struct hash128 other = {{1}};

	(void)state;
	assert_int_equal(highwater_check(&mark, mark.sequence, &mark.hash), 0);
	assert_int_equal(highwater_check(&mark, mark.sequence, &other), SAGA_E_JOURNAL_FOREIGN);
	assert_int_equal(highwater_check(&mark, mark.sequence - 1, &other), 0);
	assert_int_equal(highwater_check(&none, 0, &other), 0);
	assert_int_equal(highwater_check_end(&mark, mark.sequence - 1), SAGA_E_JOURNAL_SHORT);
	assert_int_equal(highwater_check_end(&mark, mark.sequence), 0);
	assert_int_equal(highwater_check_end(&none, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_seen_is_zero, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_stored_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_crash_left_does_not_count, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(other_clusters_and_shards_are_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(files_that_cannot_be_written_are_reported, setup,
						teardown),
		cmocka_unit_test(a_replay_is_held_against_the_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
