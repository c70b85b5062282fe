/* Mutation of messages by their tables: what comes out is well-formed and odd. */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "wire/codec.h"
#include "wire/schema.h"

enum { ARENA_SIZE = 4 * 1024 * 1024, STRUCT_MAX = 4096, COPY_MAX = 512 };

static uint64_t other_number(const struct wire_field *field, uint64_t value, struct prng *prng)
{
	switch (prng_below(prng, 6)) {
	case 0:
		return prng_below(prng, 10);
	case 1:
		return value + 1;
	case 2:
		return value - 1;
	case 3:
		return field->max;
	case 4:
		return value ^ UINT64_C(1) << prng_below(prng, 64);
	default:
		return prng_next(prng) >> prng_below(prng, 64);
	}
}

static void change_number(const struct wire_field *field, uint8_t *at, struct prng *prng)
{
	uint64_t wide = 0;
	uint32_t narrow = 0;

	if (field->type == WIRE_TYPE_BOOL) {
		at[0] = (uint8_t)prng_below(prng, 2);
	} else if (field->type == WIRE_TYPE_U64) {
		memcpy(&wide, at, sizeof wide);
		wide = other_number(field, wide, prng);
		memcpy(at, &wide, sizeof wide);
	} else {
		memcpy(&narrow, at, sizeof narrow);
		narrow = (uint32_t)other_number(field, narrow, prng);
		memcpy(at, &narrow, sizeof narrow);
	}
}

static void change_bytes(uint8_t *at, struct prng *prng, struct arena *arena)
{
	static const char *const words[] = {"a",  "b",    "t1", "t2", "trip-1", "svc-a", "svc-b",
					    "do", "undo", "c",  "",   "fuzz",   "n1",    "flight"};
	struct slice bytes;
	uint8_t *copy;

	memcpy(&bytes, at, sizeof bytes);
	if (bytes.size == 0 || prng_below(prng, 2) == 0) {
		bytes = slice_str(words[prng_below(prng, sizeof words / sizeof words[0])]);
	} else if (prng_below(prng, 2) == 0) {
		bytes.size = (uint32_t)prng_below(prng, bytes.size + 1);
	} else if (bytes.size <= COPY_MAX) {
		copy = arena_take(arena, bytes.size);
		if (copy == NULL)
			return;
		memcpy(copy, bytes.data, bytes.size);
		copy[prng_below(prng, bytes.size)] = (uint8_t)prng_below(prng, 128);
		bytes.data = copy;
	}
	memcpy(at, &bytes, sizeof bytes);
}

/* One element less, one twice, or two exchanged. */
static void change_array(const struct wire_field *field, uint8_t *base, struct prng *prng,
			 struct arena *arena)
{
	const size_t size = field->nested->size;
	uint8_t *elements, *grown;
	uint32_t count;

	memcpy(&elements, base + field->offset, sizeof elements);
	memcpy(&count, base + field->count_offset, sizeof count);
	if (count == 0)
		return;
	if (prng_below(prng, 3) == 0) {
		count--;
	} else {
		grown = arena_take(arena, (count + 1) * size);
		if (grown == NULL)
			return;
		memcpy(grown, elements, count * size);
		memcpy(grown + count * size, elements + prng_below(prng, count) * size, size);
		memcpy(base + field->offset, &grown, sizeof grown);
		count++;
	}
	memcpy(base + field->count_offset, &count, sizeof count);
}

static void change(const struct wire_table *table, uint8_t *base, struct prng *prng,
		   struct arena *arena)
{
	const struct wire_field *field = &table->fields[prng_below(prng, table->field_count)];
	uint8_t *at = base + field->offset;
	uint8_t *elements;
	uint32_t count;

	switch ((enum wire_type)field->type) {
	case WIRE_TYPE_BOOL:
	case WIRE_TYPE_U32:
	case WIRE_TYPE_U64:
		change_number(field, at, prng);
		return;
	case WIRE_TYPE_NAME:
	case WIRE_TYPE_TEXT:
	case WIRE_TYPE_BIN:
		change_bytes(at, prng, arena);
		return;
	case WIRE_TYPE_UUID:
	case WIRE_TYPE_HASH:
		at[prng_below(prng, UUID_SIZE)] ^= (uint8_t)(1 + prng_below(prng, 255));
		return;
	case WIRE_TYPE_STRUCT:
		change(field->nested, at, prng, arena);
		return;
	case WIRE_TYPE_ARRAY:
		memcpy(&elements, at, sizeof elements);
		memcpy(&count, base + field->count_offset, sizeof count);
		if (count == 0 || prng_below(prng, 4) == 0)
			change_array(field, base, prng, arena);
		else
			change(field->nested,
			       elements + prng_below(prng, count) * field->nested->size, prng,
			       arena);
		return;
	}
}

bool fuzz_message_change(struct slice message, struct prng *prng, struct buf *out)
{
	static _Alignas(16) uint8_t memory[ARENA_SIZE];
	_Alignas(16) uint8_t decoded[STRUCT_MAX];
	const struct wire_table *table;
	struct arena arena;
	enum wire_kind kind;

	arena_init(&arena, memory, sizeof memory);
	if (wire_peek_kind(message, &kind) != 0)
		return false;
	table = wire_table_of(kind);
	CHECK(table->size <= sizeof decoded);
	if (wire_decode(kind, message, &arena, decoded, NULL) != 0)
		return false;
	change(table, decoded, prng, &arena);
	return wire_encode(kind, decoded, out) == 0;
}
