/* Journals that real clusters wrote, one or more from each stage of the product: they must be read
 * for ever, to the state that the engine had when they were recorded (S18, invariant 22).
 *
 * tests/vectors/journal/<name>.journal holds the batches of one shard as they stood in its stream,
 * each behind its size (little-endian, 32 bits); states.txt has a line "<name> <records> <hash>"
 * for each. `test_txn_recorded --write` appends lines for files that have none: never change one
 * that is there. How to record: tests/vectors/journal/README.md. */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "txn/txn.h"
#include "wire/batch.h"
#include "wire/codec.h"
#include "wire/cursor.h"

#define FOLDER SAGAD_SOURCE_DIR "/tests/vectors/journal"
enum { FILES_MAX = 64, NAME_SIZE = 64, SHARDS = 4, FILE_SIZE_MAX = 16 * 1024 * 1024 };

struct recorded {
	char name[NAME_SIZE];
	char hash[33];
	uint64_t records;
};

static struct slice read_file(const char *name)
{
	static uint8_t *bytes;
	char path[1024];

	if (bytes == NULL)
		bytes = malloc(FILE_SIZE_MAX);
	assert_non_null(bytes);
	(void)snprintf(path, sizeof path, "%s/%s.journal", FOLDER, name);
	FILE *file = fopen(path, "rb");
	if (file == NULL)
		fail_msg("%s cannot be read", path);
	const size_t size = fread(bytes, 1, FILE_SIZE_MAX, file);
	assert_true(size > 0 && size < FILE_SIZE_MAX);
	assert_int_equal(fclose(file), 0);
	return slice_of(bytes, (uint32_t)size);
}

static struct txn_shard *engine(uint32_t shard, void **memory)
{
	static struct wire_slots slots;
	const struct txn_limits limits = {.open_max = 4096,
					  .remembered_max = 16384,
					  .branches_max = 16384,
					  .waiters_max = 16,
					  .payload_max = 16 * 1024 * 1024};
	const struct txn_config config = {.shard = shard, .slots = &slots};
	const size_t size = txn_memory_size(&limits);

	assert_int_equal(wire_slots_even(&slots, SHARDS), 0);
	*memory = NULL;
	assert_int_equal(posix_memalign(memory, 64, size), 0);
	memset(*memory, 0, size);
	return txn_create(*memory, size, &limits, &config);
}

static void apply_batch(struct txn_shard *t, const struct batch_header *header,
			struct slice records)
{
	struct wire_cursor cursor = wire_cursor_of(records);

	for (uint32_t i = 0; i < header->record_count; i++) {
		const uint32_t from = cursor.at;
		/* S22: an epoch record that had to go unfenced has no number of its own. */
		const uint64_t number = header->first_record > 0 ? header->first_record + i
								 : txn_last_record(t) + 1;

		assert_int_equal(wire_cursor_skip(&cursor), 0);
		const int err = txn_apply(t, slice_of(records.data + from, cursor.at - from),
					  number, header->shard_time);
		if (err != 0)
			fail_msg("record %llu: %s", (unsigned long long)number, err_name(err));
	}
}

/* False at the end. */
static bool next_batch(struct slice *rest, struct batch_header *header, struct slice *records)
{
	uint32_t size = 0;

	if (rest->size == 0)
		return false;
	assert_true(rest->size > 4);
	for (uint32_t i = 0; i < 4; i++)
		size |= (uint32_t)rest->data[i] << (8 * i);
	assert_true(size <= rest->size - 4);
	assert_int_equal(batch_decode(slice_of(rest->data + 4, size), header, records), 0);
	*rest = slice_of(rest->data + 4 + size, rest->size - 4 - size);
	return true;
}

/* From this batch on; false: that is not enough of the journal (S17). */
static bool replay_from(struct slice rest, struct recorded *r)
{
	struct txn_shard *t = NULL;
	struct batch_header header;
	struct slice records;
	void *memory = NULL;

	while (next_batch(&rest, &header, &records)) {
		if (t == NULL)
			t = engine(header.shard, &memory);
		apply_batch(t, &header, records);
	}
	assert_non_null(t);
	const bool complete = txn_replay(t).complete;
	const struct hash128 hash = txn_state_hash(t);
	for (uint32_t i = 0; i < sizeof hash.bytes; i++)
		(void)snprintf(r->hash + 2 * i, 3, "%02x", hash.bytes[i]);
	r->records = txn_last_record(t);
	free(memory);
	return complete;
}

static void replay(struct recorded *r)
{
	assert_true(replay_from(read_file(r->name), r));
}

/* False at the end. */
static bool next_line(FILE *file, struct recorded *r)
{
	unsigned long long records;

	if (fscanf(file, "%63s %llu %32s", r->name, &records, r->hash) != 3)
		return false;
	r->records = records;
	return true;
}

static void replay_to_their_recorded_state(void **state)
{
	FILE *file = fopen(FOLDER "/states.txt", "r");
	struct recorded expected, found;
	uint32_t count = 0;

	(void)state;
	assert_non_null(file);
	for (; next_line(file, &expected); count++) {
		(void)snprintf(found.name, sizeof found.name, "%s", expected.name);
		replay(&found);
		if (strcmp(found.hash, expected.hash) != 0 || found.records != expected.records)
			fail_msg("%s: %llu records to %s, recorded were %llu to %s", found.name,
				 (unsigned long long)found.records, found.hash,
				 (unsigned long long)expected.records, expected.hash);
	}
	assert_int_equal(fclose(file), 0);
	assert_true(count > 0);
}

/* S17: wherever a segment begins. How many led to the end. */
static uint32_t replay_segments(const struct recorded *expected)
{
	struct slice rest = read_file(expected->name);
	struct slice before = rest;
	struct recorded found = {.records = 0};
	struct batch_header header;
	struct slice records;
	uint32_t count = 0;

	for (; next_batch(&rest, &header, &records); before = rest) {
		enum wire_kind kind;

		assert_int_equal(wire_peek_kind(records, &kind), 0);
		if (kind != WIRE_RECORD_SEGMENT || !replay_from(before, &found))
			continue;
		assert_string_equal(found.hash, expected->hash);
		assert_int_equal(found.records, expected->records);
		count++;
	}
	return count;
}

static void from_any_segment_to_the_same_state(void **state)
{
	FILE *file = fopen(FOLDER "/states.txt", "r");
	struct recorded expected;
	uint32_t count = 0;

	(void)state;
	assert_non_null(file);
	while (next_line(file, &expected))
		count += replay_segments(&expected);
	assert_int_equal(fclose(file), 0);
	assert_true(count >= 7);
}

/* Each file has a line: none is kept for nothing. */
static void every_file_is_replayed(void **state)
{
	DIR *folder = opendir(FOLDER);
	struct dirent *entry;

	(void)state;
	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL) {
		const char *end = strstr(entry->d_name, ".journal");
		FILE *file = fopen(FOLDER "/states.txt", "r");
		struct recorded r;
		bool found = end == NULL;

		assert_non_null(file);
		while (!found && next_line(file, &r))
			found = strlen(r.name) == (size_t)(end - entry->d_name) &&
				strncmp(r.name, entry->d_name, strlen(r.name)) == 0;
		assert_int_equal(fclose(file), 0);
		if (!found)
			fail_msg("%s has no line in states.txt", entry->d_name);
	}
	assert_int_equal(closedir(folder), 0);
}

static int write_line(const char *name)
{
	FILE *file = fopen(FOLDER "/states.txt", "a");
	struct recorded r;

	if (file == NULL)
		return 1;
	(void)snprintf(r.name, sizeof r.name, "%s", name);
	replay(&r);
	(void)fprintf(file, "%s %llu %s\n", r.name, (unsigned long long)r.records, r.hash);
	return fclose(file) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replay_to_their_recorded_state),
		cmocka_unit_test(from_any_segment_to_the_same_state),
		cmocka_unit_test(every_file_is_replayed),
	};

	if (argc == 3 && strcmp(argv[1], "--write") == 0)
		return write_line(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
