#include "tests/unit/wire_json.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "wire/codec.h"

enum { PATH_MAX_HERE = 512 };

json_t *wire_json_load(const char *name)
{
	char path[PATH_MAX_HERE];
	json_error_t error;

	(void)snprintf(path, sizeof path, "%s%s", WIRE_VECTORS, name);
	json_t *vectors = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (vectors == NULL)
		(void)fprintf(stderr, "%s:%d: %s\n", path, error.line, error.text);
	CHECK(vectors != NULL);
	return vectors;
}

void wire_json_save(const char *name, const json_t *vectors)
{
	char path[PATH_MAX_HERE];

	(void)snprintf(path, sizeof path, "%s%s", WIRE_VECTORS, name);
	FILE *file = fopen(path, "w");
	CHECK(file != NULL);
	CHECK_EQ(json_dumpf(vectors, file, JSON_INDENT(1)), 0);
	CHECK(fputc('\n', file) != EOF);
	CHECK_EQ(fclose(file), 0);
}

const char *wire_json_text(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	if (text == NULL)
		(void)fprintf(stderr, "no text \"%s\"\n", member);
	CHECK(text != NULL);
	return text;
}

/* Numbers beyond 2^53 stand as decimal text: many readers of JSON know no larger ones. */
static uint64_t number_of(const json_t *value)
{
	if (json_is_string(value)) {
		char *end = NULL;
		const uint64_t number = strtoull(json_string_value(value), &end, 10);
		CHECK(end != json_string_value(value) && *end == '\0');
		return number;
	}
	CHECK(json_is_integer(value));
	CHECK(json_integer_value(value) >= 0);
	return (uint64_t)json_integer_value(value);
}

uint64_t wire_json_number(const json_t *object, const char *member)
{
	return number_of(json_object_get(object, member));
}

static uint32_t hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *found = strchr(digits, c);

	CHECK(c != '\0' && found != NULL);
	return (uint32_t)(found - digits);
}

struct slice wire_json_bin(const json_t *value, struct arena *arena)
{
	CHECK(json_is_string(value));
	const char *hex = json_string_value(value);
	const uint32_t size = (uint32_t)json_string_length(value) / 2;
	uint8_t *bytes = arena_take(arena, size + 1);

	CHECK(bytes != NULL);
	CHECK_EQ(json_string_length(value) % 2, 0);
	for (uint32_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
	return slice_of(bytes, size);
}

json_t *wire_json_hex(struct slice bytes)
{
	char *hex = malloc(2 * (size_t)bytes.size + 1);

	CHECK(hex != NULL);
	hex[0] = '\0';
	for (uint32_t i = 0; i < bytes.size; i++)
		(void)snprintf(hex + 2 * (size_t)i, 3, "%02x", bytes.data[i]);
	json_t *text = json_string(hex);
	free(hex);
	return text;
}

enum wire_kind wire_json_kind(const json_t *object)
{
	const char *name = wire_json_text(object, "kind");

	for (uint32_t kind = 1; kind < 256; kind++) {
		const char *known = wire_kind_name((enum wire_kind)kind);
		if (known != NULL && strcmp(known, name) == 0)
			return (enum wire_kind)kind;
	}
	(void)fprintf(stderr, "no kind \"%s\"\n", name);
	CHECK(name == NULL);
	return WIRE_NONE;
}

static void fill_leaf(const struct wire_field *field, const json_t *value, struct arena *arena,
		      uint8_t *at)
{
	struct slice bytes;

	switch ((enum wire_type)field->type) {
	case WIRE_TYPE_BOOL:
		CHECK(json_is_boolean(value));
		at[0] = json_is_true(value);
		return;
	case WIRE_TYPE_U32: {
		const uint32_t number = (uint32_t)number_of(value);
		CHECK(number_of(value) <= UINT32_MAX);
		memcpy(at, &number, sizeof number);
		return;
	}
	case WIRE_TYPE_U64: {
		const uint64_t number = number_of(value);
		memcpy(at, &number, sizeof number);
		return;
	}
	case WIRE_TYPE_NAME:
	case WIRE_TYPE_TEXT:
		CHECK(json_is_string(value));
		bytes = slice_of(json_string_value(value), (uint32_t)json_string_length(value));
		memcpy(at, &bytes, sizeof bytes);
		return;
	case WIRE_TYPE_BIN:
		bytes = wire_json_bin(value, arena);
		memcpy(at, &bytes, sizeof bytes);
		return;
	case WIRE_TYPE_UUID: {
		struct uuid uuid;
		CHECK(json_is_string(value));
		CHECK_EQ(uuid_parse(&uuid, slice_str(json_string_value(value))), 0);
		memcpy(at, &uuid, sizeof uuid);
		return;
	}
	case WIRE_TYPE_HASH:
		bytes = wire_json_bin(value, arena);
		CHECK_EQ(bytes.size, UUID_SIZE);
		memcpy(at, bytes.data, UUID_SIZE);
		return;
	case WIRE_TYPE_STRUCT:
	case WIRE_TYPE_ARRAY:
		break;
	}
	CHECK(field->nested == NULL);
}

static void fill_array(const struct wire_field *field, const json_t *value, struct arena *arena,
		       uint8_t *base)
{
	CHECK(json_is_array(value));
	const uint32_t count = (uint32_t)json_array_size(value);
	uint8_t *elements = arena_take(arena, (size_t)count * field->nested->size + 1);

	CHECK(elements != NULL);
	for (uint32_t i = 0; i < count; i++)
		wire_json_fill(field->nested, json_array_get(value, i), arena,
			       elements + (size_t)i * field->nested->size);
	memcpy(base + field->offset, &elements, sizeof elements);
	memcpy(base + field->count_offset, &count, sizeof count);
}

void wire_json_fill(const struct wire_table *table, const json_t *fields, struct arena *arena,
		    void *message)
{
	uint8_t *base = message;
	size_t known = 0;

	CHECK(json_is_object(fields));
	memset(message, 0, table->size);
	for (uint32_t i = 0; i < table->field_count; i++) {
		const struct wire_field *field = &table->fields[i];
		const json_t *value = json_object_get(fields, field->name);

		if (value == NULL)
			continue;
		known++;
		if (field->type == WIRE_TYPE_STRUCT)
			wire_json_fill(field->nested, value, arena, base + field->offset);
		else if (field->type == WIRE_TYPE_ARRAY)
			fill_array(field, value, arena, base);
		else
			fill_leaf(field, value, arena, base + field->offset);
	}
	CHECK_EQ(known, json_object_size(fields)); /* else a member has no field */
}
