/* The measurement behind docs/decisions/0001-wire-reader.md: the own cursor against msgpack-c.
 *
 *   wire_reader_msgpack [rounds]
 *
 * For each message: ns for a whole wire_decode (pre-scan, all checks, filled struct), for the
 * pre-scan alone, for msgpack_unpack_next into a reused zone (a tree of objects: no check of
 * fields, no struct), and the bytes of memory each of the two needs. */
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/os_clock.h"
#include "wire/codec.h"
#include "wire/record.h"
#include "wire/scan.h"

enum { COMMANDS = 32, ARENA_SIZE = 65536 };

struct sample {
	const char *name;
	enum wire_kind kind;
	struct buf bytes;
};

static void make_frame(struct sample *sample)
{
	static struct wire_command commands[COMMANDS];
	static uint8_t input[120];
	const struct wire_command_frame frame = {
		.shard = 5,
		.epoch = 4711,
		.low_water = 100000,
		.service = slice_str("flight"),
		.commands = commands,
		.command_count = COMMANDS,
		.cluster = slice_str("prod"),
	};

	for (uint32_t i = 0; i < COMMANDS; i++)
		commands[i] = (struct wire_command){
			.saga = slice_str("018bcfe5-6800-7abc-8def-0123456789ab"),
			.step = 1,
			.step_name = slice_str("flight"),
			.op = WIRE_OP_FORWARD,
			.op_name = slice_str("reserve"),
			.operation = {{1, 2, 3, 4}},
			.attempt = 1,
			.admission = 100000 + i,
			.remaining_ms = 15000,
			.input = slice_of(input, sizeof input),
		};
	buf_init(&sample->bytes, WIRE_MESSAGE_SIZE_MAX);
	CHECK_EQ(wire_encode(sample->kind, &frame, &sample->bytes), 0);
}

static void make_record(struct sample *sample)
{
	const struct wire_record_branch branch = {
		.admission = 100000,
		.step = 1,
		.op = WIRE_OP_FORWARD,
		.event = WIRE_EVENT_OK,
		.attempt = 1,
		.output = slice_str("{\"seat\":\"12A\",\"price\":12900}"),
		.instance = slice_str("flight-1"),
	};

	buf_init(&sample->bytes, WIRE_MESSAGE_SIZE_MAX);
	CHECK_EQ(wire_encode(sample->kind, &branch, &sample->bytes), 0);
}

static double per_round(uint64_t start, uint32_t rounds)
{
	return (double)(os_clock_mono_ns() - start) / rounds;
}

static double time_decode(const struct sample *sample, uint32_t rounds, size_t *memory)
{
	_Alignas(16) static uint8_t block[ARENA_SIZE];
	_Alignas(16) uint8_t message[4096];
	struct arena arena;
	const uint64_t start = os_clock_mono_ns();

	arena_init(&arena, block, sizeof block);
	for (uint32_t i = 0; i < rounds; i++) {
		arena_reset(&arena);
		CHECK_EQ(
			wire_decode(sample->kind, buf_slice(&sample->bytes), &arena, message, NULL),
			0);
	}
	*memory = arena.used + wire_struct_size(sample->kind);
	return per_round(start, rounds);
}

static double time_scan(const struct sample *sample, uint32_t rounds)
{
	const uint64_t start = os_clock_mono_ns();
	uint32_t offset;

	for (uint32_t i = 0; i < rounds; i++)
		CHECK_EQ(wire_scan(buf_slice(&sample->bytes), &offset), 0);
	return per_round(start, rounds);
}

/* Objects are 24 bytes, pairs 48; strings and binaries point into the input. */
static size_t tree_size(const msgpack_object *object)
{
	size_t size = sizeof *object;

	if (object->type == MSGPACK_OBJECT_ARRAY)
		for (uint32_t i = 0; i < object->via.array.size; i++)
			size += tree_size(&object->via.array.ptr[i]);
	if (object->type == MSGPACK_OBJECT_MAP)
		for (uint32_t i = 0; i < object->via.map.size; i++)
			size += tree_size(&object->via.map.ptr[i].key) +
				tree_size(&object->via.map.ptr[i].val);
	return size;
}

static double time_unpack(const struct sample *sample, uint32_t rounds, size_t *memory)
{
	msgpack_zone zone;
	msgpack_object object;

	CHECK(msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE));
	const uint64_t start = os_clock_mono_ns();
	for (uint32_t i = 0; i < rounds; i++) {
		size_t offset = 0;
		msgpack_zone_clear(&zone);
		CHECK(msgpack_unpack((const char *)sample->bytes.data, sample->bytes.size, &offset,
				     &zone, &object) == MSGPACK_UNPACK_SUCCESS);
		CHECK_EQ(offset, sample->bytes.size);
	}
	const double result = per_round(start, rounds);
	*memory = tree_size(&object);
	msgpack_zone_destroy(&zone);
	return result;
}

int main(int argc, char **argv)
{
	struct sample samples[] = {
		{.name = "command frame of 32", .kind = WIRE_COMMAND_FRAME},
		{.name = "branch record", .kind = WIRE_RECORD_BRANCH},
	};
	const uint32_t rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 200000;

	CHECK(rounds > 0);
	make_frame(&samples[0]);
	make_record(&samples[1]);
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
		size_t own = 0;
		size_t tree = 0;
		const double decode = time_decode(&samples[i], rounds, &own);
		const double scan = time_scan(&samples[i], rounds);
		const double unpack = time_unpack(&samples[i], rounds, &tree);

		printf("%-20s %6u bytes: decode %8.0f ns, of it scan %8.0f ns, %zu bytes; "
		       "msgpack_unpack %8.0f ns, %zu bytes\n",
		       samples[i].name, samples[i].bytes.size, decode, scan, own, unpack, tree);
		buf_close(&samples[i].bytes);
	}
	return 0;
}
