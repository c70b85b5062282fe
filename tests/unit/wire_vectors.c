/* The vectors in tests/vectors/wire, read both ways. `test_wire_vectors --write` computes what can
 * be computed in them anew; by_hand.json and refused.json are never written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/check.h"
#include "tests/unit/wire_json.h"
#include "tests/unit/wire_support.h"
#include "wire/admin.h"
#include "wire/batch.h"
#include "wire/codec.h"
#include "wire/names.h"
#include "wire/plan.h"
#include "wire/shard.h"
#include "wire/subject.h"

enum { ARENA_SIZE = 4 * 1024 * 1024, STRUCT_MAX = 4096 };

struct fixture {
	struct arena arena;
	struct buf out;
	struct buf records;
	bool write; /* put the computed value in, instead of comparing */
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	arena_init(&fixture->arena, malloc(ARENA_SIZE), ARENA_SIZE);
	buf_init(&fixture->out, WIRE_MESSAGE_SIZE_MAX);
	buf_init(&fixture->records, WIRE_MESSAGE_SIZE_MAX);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	free(fixture->arena.memory);
	buf_close(&fixture->out);
	buf_close(&fixture->records);
	free(fixture);
	return 0;
}

static const char *name_of(const json_t *vector)
{
	const char *name = json_string_value(json_object_get(vector, "name"));
	return name == NULL ? "?" : name;
}

/* Compares a member with what we compute, or sets it. Takes over `computed`. */
static void settle(const struct fixture *fixture, json_t *vector, const char *member,
		   json_t *computed)
{
	CHECK(computed != NULL);
	if (fixture->write) {
		CHECK_EQ(json_object_set_new(vector, member, computed), 0);
		return;
	}
	if (!json_equal(json_object_get(vector, member), computed)) {
		char *text = json_dumps(computed, JSON_ENCODE_ANY);
		fail_msg("%s: %s is %s here", name_of(vector), member, text);
	}
	json_decref(computed);
}

static void check_decode(struct fixture *fixture, const json_t *vector, struct slice bytes,
			 const void *expected)
{
	const enum wire_kind kind = wire_json_kind(vector);
	_Alignas(16) uint8_t decoded[STRUCT_MAX];
	struct wire_fault fault;

	if (wire_decode(kind, bytes, &fixture->arena, decoded, &fault) != 0)
		fail_msg("%s: %s at %u (%s)", name_of(vector), err_slug(fault.code), fault.offset,
			 fault.field);
	if (!wire_test_equal(wire_table_of(kind), expected, decoded))
		fail_msg("%s: decodes to something else", name_of(vector));
}

static void messages(struct fixture *fixture, json_t *vectors)
{
	uint64_t kinds[2] = {0, 0};
	size_t i;
	json_t *vector;

	json_array_foreach(vectors, i, vector)
	{
		const enum wire_kind kind = wire_json_kind(vector);
		_Alignas(16) uint8_t message[STRUCT_MAX];

		arena_reset(&fixture->arena);
		buf_clear(&fixture->out);
		wire_json_fill(wire_table_of(kind), json_object_get(vector, "fields"),
			       &fixture->arena, message);
		if (wire_encode(kind, message, &fixture->out) != 0)
			fail_msg("%s: cannot be encoded", name_of(vector));
		settle(fixture, vector, "hex", wire_json_hex(buf_slice(&fixture->out)));
		const struct slice bytes =
			wire_json_bin(json_object_get(vector, "hex"), &fixture->arena);
		check_decode(fixture, vector, bytes, message);
		kinds[(uint32_t)kind / 64] |= UINT64_C(1) << (uint32_t)kind % 64;
	}
	for (i = 0; i < wire_test_kind_count; i++) {
		const uint32_t kind = (uint32_t)wire_test_kinds[i];
		if ((kinds[kind / 64] >> kind % 64 & 1) == 0)
			fail_msg("no vector of kind %s", wire_kind_name(wire_test_kinds[i]));
	}
}

/* Each line of "bytes" is hex, a colon, and why. */
static void by_hand(struct fixture *fixture, json_t *vectors)
{
	size_t i;
	json_t *vector;

	json_array_foreach(vectors, i, vector)
	{
		const enum wire_kind kind = wire_json_kind(vector);
		_Alignas(16) uint8_t message[STRUCT_MAX];
		char hex[1024] = "";
		size_t j;
		json_t *line;

		arena_reset(&fixture->arena);
		buf_clear(&fixture->out);
		json_array_foreach(json_object_get(vector, "bytes"), j, line)
		{
			const char *text = json_string_value(line);
			const size_t used = strlen(hex);
			CHECK(strchr(text, ':') != NULL);
			(void)snprintf(hex + used, sizeof hex - used, "%.*s",
				       (int)(strchr(text, ':') - text), text);
			CHECK_LT(strlen(hex), sizeof hex - 1);
		}
		const struct slice bytes = wire_test_hex(hex);
		wire_json_fill(wire_table_of(kind), json_object_get(vector, "fields"),
			       &fixture->arena, message);
		assert_int_equal(wire_encode(kind, message, &fixture->out), 0);
		if (!slice_equal(bytes, buf_slice(&fixture->out)))
			fail_msg("%s: encodes to other bytes", name_of(vector));
		check_decode(fixture, vector, bytes, message);
		wire_test_free(bytes);
	}
	assert_true(i >= 8);
}

static void operations(struct fixture *fixture, json_t *file)
{
	char text[UUID_TEXT_SIZE + 1];
	size_t i;
	json_t *vector;

	uuid_format(&SAGA_OP_NAMESPACE, text);
	settle(fixture, file, "namespace", json_string(text));
	json_array_foreach(json_object_get(file, "operations"), i, vector)
	{
		const struct uuid operation =
			uuid_operation(slice_str(wire_json_text(vector, "saga")),
				       slice_str(wire_json_text(vector, "step")),
				       slice_str(wire_json_text(vector, "op")));
		uuid_format(&operation, text);
		settle(fixture, vector, "operation", json_string(text));
	}
	assert_true(i >= 6);
}

static void shards(struct fixture *fixture, json_t *vectors)
{
	static const uint32_t counts[] = {1, 3, 16, 128};
	size_t i;
	json_t *vector;

	json_array_foreach(vectors, i, vector)
	{
		const struct slice id = slice_str(wire_json_text(vector, "id"));
		json_t *shards_by_count = json_object();

		settle(fixture, vector, "slot", json_integer(wire_slot_of(id)));
		for (size_t j = 0; j < sizeof counts / sizeof counts[0]; j++) {
			struct wire_slots slots;
			char count[16];

			(void)snprintf(count, sizeof count, "%u", counts[j]);
			assert_int_equal(wire_slots_even(&slots, counts[j]), 0);
			CHECK_EQ(json_object_set_new(shards_by_count, count,
						     json_integer(wire_shard_of(&slots, id))),
				 0);
		}
		settle(fixture, vector, "shard_of_count", shards_by_count);
	}
	assert_true(i >= 10);
}

static const char *const verbs[SUBJECT_VERBS] = {"submit",  "query",  "cancel", "reply",  "list",
						 "history", "enlist", "commit", "inquire"};

static enum subject_verb verb_of(const char *name)
{
	for (uint32_t i = 0; i < SUBJECT_VERBS; i++)
		if (strcmp(verbs[i], name) == 0)
			return (enum subject_verb)i;
	CHECK(name == NULL);
	return SUBJECT_VERBS;
}

static struct subject build_subject(const json_t *vector)
{
	const char *function = wire_json_text(vector, "function");
	const char *prefix = wire_json_text(vector, "prefix");

	if (strcmp(function, "info") == 0)
		return subject_info(prefix);
	if (strcmp(function, "init") == 0)
		return subject_init(prefix);
	if (strcmp(function, "alert") == 0)
		return subject_alert(prefix);
	if (strcmp(function, "command") == 0)
		return subject_command(prefix, slice_str(wire_json_text(vector, "party")));
	if (strcmp(function, "admin_all") == 0)
		return subject_admin_all(prefix);
	if (strcmp(function, "admin") == 0)
		return subject_admin(
			prefix, wire_admin_verb_find(slice_str(wire_json_text(vector, "verb"))),
			slice_str(wire_json_text(vector, "party")));
	if (strcmp(function, "ops_operation") == 0)
		return subject_ops_operation(prefix, slice_str(wire_json_text(vector, "party")));
	if (strcmp(function, "ops_shard") == 0)
		return subject_ops_shard(prefix, (uint32_t)wire_json_number(vector, "shard"));
	if (strcmp(function, "call") == 0)
		return subject_call(prefix, slice_str(wire_json_text(vector, "party")));
	if (strcmp(function, "submit") == 0)
		return subject_submit(prefix, slice_str(wire_json_text(vector, "party")));

	const uint32_t shard = (uint32_t)wire_json_number(vector, "shard");
	if (strcmp(function, "shard_all") == 0)
		return subject_shard_all(prefix, shard);
	if (strcmp(function, "inbox") == 0)
		return subject_inbox(prefix, shard, slice_str(wire_json_text(vector, "party")));
	if (strcmp(function, "journal") == 0)
		return subject_journal(prefix, shard,
				       (uint32_t)wire_json_number(vector, "segment"));
	CHECK(strcmp(function, "shard") == 0);
	return subject_shard(prefix, shard, verb_of(wire_json_text(vector, "verb")),
			     slice_str(wire_json_text(vector, "party")));
}

static void subjects(struct fixture *fixture, json_t *vectors)
{
	size_t i;
	json_t *vector;

	json_array_foreach(vectors, i, vector)
	{
		const struct subject subject = build_subject(vector);
		uint32_t shard;
		enum subject_verb verb;
		struct slice party;

		settle(fixture, vector, "subject", json_string(subject.text));
		if (strcmp(wire_json_text(vector, "function"), "shard") != 0)
			continue;
		assert_int_equal(subject_parse_shard(wire_json_text(vector, "prefix"),
						     slice_str(subject.text), &shard, &verb,
						     &party),
				 0);
		assert_int_equal(shard, wire_json_number(vector, "shard"));
		assert_string_equal(verbs[verb], wire_json_text(vector, "verb"));
		assert_true(slice_equal(party, slice_str(wire_json_text(vector, "party"))));
	}
	assert_true(i >= 12);
}

static struct batch_header header_of(struct fixture *fixture, const json_t *vector,
				     const struct hash128 *last)
{
	const json_t *fields = json_object_get(vector, "header");
	struct batch_header header = {
		.shard = (uint32_t)wire_json_number(fields, "shard"),
		.record_count = (uint32_t)json_array_size(json_object_get(vector, "records")),
		.epoch = wire_json_number(fields, "epoch"),
		.nonce = wire_json_number(fields, "nonce"),
		.first_record = wire_json_number(fields, "first_record"),
		.shard_time = wire_json_number(fields, "shard_time"),
	};
	const json_t *previous = json_object_get(fields, "previous");

	assert_int_equal(id_from(&header.cluster, slice_str(wire_json_text(fields, "cluster"))), 0);
	if (strcmp(json_string_value(previous), "chain") == 0) {
		header.previous = *last;
		return header;
	}
	const struct slice hash = wire_json_bin(previous, &fixture->arena);
	CHECK_EQ(hash.size, sizeof header.previous.bytes);
	memcpy(header.previous.bytes, hash.data, hash.size);
	return header;
}

static void batches(struct fixture *fixture, json_t *vectors)
{
	struct hash128 last = {{0}};
	size_t i;
	json_t *vector;

	json_array_foreach(vectors, i, vector)
	{
		size_t j;
		json_t *record;

		arena_reset(&fixture->arena);
		buf_clear(&fixture->out);
		buf_clear(&fixture->records);
		json_array_foreach(json_object_get(vector, "records"), j, record)
		{
			const enum wire_kind kind = wire_json_kind(record);
			_Alignas(16) uint8_t message[STRUCT_MAX];

			wire_json_fill(wire_table_of(kind), json_object_get(record, "fields"),
				       &fixture->arena, message);
			assert_int_equal(wire_encode(kind, message, &fixture->records), 0);
		}
		const struct batch_header header = header_of(fixture, vector, &last);
		assert_int_equal(batch_encode(&header, buf_slice(&fixture->records), &fixture->out),
				 0);
		last = batch_hash(buf_slice(&fixture->out));
		settle(fixture, vector, "hex", wire_json_hex(buf_slice(&fixture->out)));
		settle(fixture, vector, "hash", wire_json_hex(slice_of(last.bytes, 16)));

		struct batch_header read;
		struct slice body;
		const struct slice bytes =
			wire_json_bin(json_object_get(vector, "hex"), &fixture->arena);
		assert_int_equal(batch_decode(bytes, &read, &body), 0);
		assert_true(slice_equal(body, buf_slice(&fixture->records)));
	}
	assert_true(i >= 2);
}

static void bodies(struct fixture *fixture, json_t *vectors)
{
	size_t i;
	json_t *vector;

	json_array_foreach(vectors, i, vector)
	{
		struct wire_submit submit;
		struct hash128 hash;

		arena_reset(&fixture->arena);
		wire_json_fill(wire_table_of(WIRE_SUBMIT), json_object_get(vector, "submit"),
			       &fixture->arena, &submit);
		assert_int_equal(wire_body_hash(&submit, &fixture->out, &hash), 0);
		settle(fixture, vector, "body", wire_json_hex(buf_slice(&fixture->out)));
		settle(fixture, vector, "hash", wire_json_hex(slice_of(hash.bytes, 16)));
	}
	assert_true(i >= 5);
}

struct vector_file {
	const char *name;
	void (*run)(struct fixture *fixture, json_t *vectors);
	bool computed;
};

static const struct vector_file files[] = {
	{"messages.json", messages, true},     {"by_hand.json", by_hand, false},
	{"operations.json", operations, true}, {"shards.json", shards, true},
	{"subjects.json", subjects, true},     {"batches.json", batches, true},
	{"bodies.json", bodies, true},
};

static void every_file_agrees(void **state)
{
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		json_t *vectors = wire_json_load(files[i].name);

		files[i].run(*state, vectors);
		json_decref(vectors);
	}
}

static void write_files(void **state)
{
	struct fixture *fixture = *state;

	fixture->write = true;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		if (!files[i].computed)
			continue;
		json_t *vectors = wire_json_load(files[i].name);
		files[i].run(fixture, vectors);
		wire_json_save(files[i].name, vectors);
		json_decref(vectors);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest check[] = {cmocka_unit_test(every_file_agrees)};
	const struct CMUnitTest write[] = {cmocka_unit_test(write_files)};

	if (argc == 2 && strcmp(argv[1], "--write") == 0)
		return cmocka_run_group_tests(write, setup, teardown);
	return cmocka_run_group_tests(check, setup, teardown);
}
