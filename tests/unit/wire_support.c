#include "tests/unit/wire_support.h"

#include <stdlib.h>

#include "base/check.h"

const enum wire_kind wire_test_kinds[] = {
	WIRE_SUBMIT,
	WIRE_QUERY,
	WIRE_CANCEL,
	WIRE_ANSWER,
	WIRE_COMMAND_FRAME,
	WIRE_REPLY_FRAME,
	WIRE_DISPOSITION_FRAME,
	WIRE_INFO_REQUEST,
	WIRE_INFO,
	WIRE_LIST_REQUEST,
	WIRE_LIST,
	WIRE_HISTORY_REQUEST,
	WIRE_HISTORY,
	WIRE_INIT_REQUEST,
	WIRE_INIT,
	WIRE_ALERT,
	WIRE_ADMIN_REQUEST,
	WIRE_ADMIN_ANSWER,
	WIRE_OPERATION,
	WIRE_OPS_HISTORY,
	WIRE_RECORD_GENESIS,
	WIRE_RECORD_EPOCH,
	WIRE_RECORD_NOOP,
	WIRE_RECORD_ACCEPTED,
	WIRE_RECORD_BRANCH,
	WIRE_RECORD_DECISION,
	WIRE_RECORD_PARKED,
	WIRE_RECORD_FINISHED,
	WIRE_RECORD_TOMBSTONE,
	WIRE_RECORD_INBOX,
	WIRE_RECORD_CARRIED,
	WIRE_RECORD_REMEMBERED,
	WIRE_RECORD_SEGMENT,
	WIRE_RECORD_HISTORY_MARK,
};
const uint32_t wire_test_kind_count = sizeof wire_test_kinds / sizeof wire_test_kinds[0];

/* Prefers the values at which the encoding changes its form. */
static uint64_t random_number(const struct wire_field *field, struct prng *prng)
{
	static const uint64_t edges[] = {
		0,
		1,
		31,
		32,
		127,
		128,
		255,
		256,
		32767,
		32768,
		65535,
		65536,
		INT32_MAX,
		UINT32_MAX,
		(uint64_t)UINT32_MAX + 1,
		INT64_MAX,
		(uint64_t)INT64_MAX + 1,
		UINT64_MAX,
	};
	const uint64_t choice = prng_below(prng, 4);
	uint64_t value;

	if (choice == 0)
		return field->min;
	if (choice == 1)
		return field->max;
	if (choice == 2)
		value = edges[prng_below(prng, sizeof edges / sizeof edges[0])];
	else
		value = prng_next(prng) >> prng_below(prng, 64);
	if (value < field->min || value > field->max) {
		const uint64_t span = field->max - field->min;
		value = field->min + (span == UINT64_MAX ? value : value % (span + 1));
	}
	return value;
}

static void random_character(struct prng *prng, uint8_t *at, uint32_t *size)
{
	static const char *const wide[] = {"\xc2\xa0",     "\xc3\xa9",         "\xdf\xbf",
					   "\xe0\xa0\x80", "\xe2\x82\xac",     "\xed\x9f\xbf",
					   "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};

	if (prng_below(prng, 3) != 0) {
		at[0] = (uint8_t)(0x20 + prng_below(prng, 0x5f));
		*size = 1;
		return;
	}
	const char *text = wide[prng_below(prng, sizeof wide / sizeof wide[0])];
	*size = (uint32_t)strlen(text);
	memcpy(at, text, *size);
}

static struct slice random_bytes(const struct wire_field *field, struct prng *prng,
				 struct arena *arena, bool small)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	uint64_t limit = small ? 24 : 300;

	if (!small && prng_below(prng, 50) == 0)
		limit = 70000; /* so that 32-bit lengths occur too */
	if (limit > field->max)
		limit = field->max;
	if (limit < field->min)
		limit = field->min;
	const uint32_t size = (uint32_t)(field->min + prng_below(prng, limit - field->min + 1));
	uint8_t *bytes = arena_take(arena, size + 8);
	CHECK(bytes != NULL);

	uint32_t used = 0;
	while (used < size) {
		uint32_t taken = 1;
		if (field->type == WIRE_TYPE_NAME)
			bytes[used] = (uint8_t)letters[prng_below(prng, sizeof letters - 1)];
		else if (field->type == WIRE_TYPE_TEXT)
			random_character(prng, bytes + used, &taken);
		else
			bytes[used] = (uint8_t)prng_next(prng);
		if (used + taken > size)
			break;
		used += taken;
	}
	return slice_of(bytes, used);
}

static void fill_leaf(const struct wire_field *field, struct prng *prng, struct arena *arena,
		      bool small, uint8_t *base)
{
	uint8_t *at = base + field->offset;

	switch ((enum wire_type)field->type) {
	case WIRE_TYPE_BOOL:
		at[0] = (uint8_t)prng_below(prng, 2);
		return;
	case WIRE_TYPE_U32: {
		const uint32_t value = (uint32_t)random_number(field, prng);
		memcpy(at, &value, sizeof value);
		return;
	}
	case WIRE_TYPE_U64: {
		const uint64_t value = random_number(field, prng);
		memcpy(at, &value, sizeof value);
		return;
	}
	case WIRE_TYPE_NAME:
	case WIRE_TYPE_TEXT:
	case WIRE_TYPE_BIN: {
		const struct slice bytes = random_bytes(field, prng, arena, small);
		memcpy(at, &bytes, sizeof bytes);
		return;
	}
	case WIRE_TYPE_UUID:
	case WIRE_TYPE_HASH:
		for (uint32_t i = 0; i < UUID_SIZE; i++)
			at[i] = (uint8_t)prng_next(prng);
		return;
	case WIRE_TYPE_STRUCT:
	case WIRE_TYPE_ARRAY:
		break;
	}
	CHECK(field->nested != NULL);
}

/* Tables nest a fixed few levels, so recursion is fine in a test. */
void wire_test_fill(const struct wire_table *table, struct prng *prng, struct arena *arena,
		    bool small, void *message)
{
	uint8_t *base = message;

	memset(message, 0, table->size);
	for (uint32_t i = 0; i < table->field_count; i++) {
		const struct wire_field *field = &table->fields[i];
		const bool required = (field->flags & WIRE_FIELD_REQUIRED) != 0;

		if (!required && prng_below(prng, 4) == 0)
			continue;
		if (field->type == WIRE_TYPE_STRUCT) {
			wire_test_fill(field->nested, prng, arena, small, base + field->offset);
			continue;
		}
		if (field->type != WIRE_TYPE_ARRAY) {
			fill_leaf(field, prng, arena, small, base);
			continue;
		}
		const uint64_t limit = !small && prng_below(prng, 40) == 0 ? field->max : 4;
		const uint32_t count =
			(uint32_t)(field->min + prng_below(prng, limit - field->min + 1));
		uint8_t *elements = arena_take(arena, (size_t)count * field->nested->size + 1);
		CHECK(elements != NULL);
		for (uint32_t j = 0; j < count; j++)
			wire_test_fill(field->nested, prng, arena, small || limit > 4,
				       elements + (size_t)j * field->nested->size);
		memcpy(base + field->offset, &elements, sizeof elements);
		memcpy(base + field->count_offset, &count, sizeof count);
	}
}

static bool field_equal(const struct wire_field *field, const uint8_t *left, const uint8_t *right)
{
	switch ((enum wire_type)field->type) {
	case WIRE_TYPE_BOOL:
		return left[field->offset] == right[field->offset];
	case WIRE_TYPE_U32:
		return memcmp(left + field->offset, right + field->offset, 4) == 0;
	case WIRE_TYPE_U64:
		return memcmp(left + field->offset, right + field->offset, 8) == 0;
	case WIRE_TYPE_NAME:
	case WIRE_TYPE_TEXT:
	case WIRE_TYPE_BIN: {
		struct slice a;
		struct slice b;
		memcpy(&a, left + field->offset, sizeof a);
		memcpy(&b, right + field->offset, sizeof b);
		return slice_equal(a, b);
	}
	case WIRE_TYPE_UUID:
	case WIRE_TYPE_HASH:
		return memcmp(left + field->offset, right + field->offset, UUID_SIZE) == 0;
	case WIRE_TYPE_STRUCT:
		return wire_test_equal(field->nested, left + field->offset, right + field->offset);
	case WIRE_TYPE_ARRAY:
		break;
	}

	uint32_t count;
	const uint8_t *a;
	const uint8_t *b;
	if (memcmp(left + field->count_offset, right + field->count_offset, sizeof count) != 0)
		return false;
	memcpy(&count, left + field->count_offset, sizeof count);
	memcpy(&a, left + field->offset, sizeof a);
	memcpy(&b, right + field->offset, sizeof b);
	for (uint32_t i = 0; i < count; i++)
		if (!wire_test_equal(field->nested, a + (size_t)i * field->nested->size,
				     b + (size_t)i * field->nested->size))
			return false;
	return true;
}

bool wire_test_equal(const struct wire_table *table, const void *left, const void *right)
{
	for (uint32_t i = 0; i < table->field_count; i++)
		if (!field_equal(&table->fields[i], left, right))
			return false;
	return true;
}

struct slice wire_test_copy(const void *data, uint32_t size)
{
	uint8_t *bytes = malloc(size == 0 ? 1 : size);

	CHECK(bytes != NULL);
	if (size > 0)
		memcpy(bytes, data, size);
	return slice_of(bytes, size);
}

static uint32_t hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (uint32_t)(c - '0');
	CHECK(c >= 'a' && c <= 'f');
	return (uint32_t)(c - 'a' + 10);
}

struct slice wire_test_hex(const char *hex)
{
	uint8_t *bytes = malloc(strlen(hex) / 2 + 1);
	uint32_t size = 0;

	CHECK(bytes != NULL);
	while (*hex != '\0') {
		if (*hex == ' ') {
			hex++;
			continue;
		}
		bytes[size++] = (uint8_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
		hex += 2;
	}
	const struct slice exact = wire_test_copy(bytes, size);
	free(bytes);
	return exact;
}

void wire_test_free(struct slice bytes)
{
	/* The slice type is for readers; this memory is ours. */
	free((void *)(uintptr_t)bytes.data);
}
