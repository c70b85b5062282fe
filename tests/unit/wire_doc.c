/* docs/wire.md says what the tables say. Between `<!-- table: NAME -->` and `<!-- end -->` stands
 * one row for each field, whose first four columns are made here; the last one, the meaning, is
 * written by people. `test_wire_doc --write` brings the first four up to date. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/check.h"
#include "wire/codec.h"
#include "wire/schema.h"

#define DOC SAGAD_SOURCE_DIR "/docs/wire.md"
enum { DOC_SIZE_MAX = 1024 * 1024, TABLES_MAX = 64, VALUES_SHOWN = 64 };

struct tables {
	const struct wire_table *list[TABLES_MAX];
	bool documented[TABLES_MAX];
	uint32_t count;
};

static void add(struct tables *tables, const struct wire_table *table)
{
	for (uint32_t i = 0; i < tables->count; i++)
		if (tables->list[i] == table)
			return;
	CHECK_LT(tables->count, TABLES_MAX);
	tables->list[tables->count++] = table;
}

static struct tables all_tables(void)
{
	struct tables tables = {.count = 0};

	for (uint32_t kind = 0; kind < 256; kind++)
		if (wire_table_of((enum wire_kind)kind) != NULL)
			add(&tables, wire_table_of((enum wire_kind)kind));
	for (uint32_t i = 0; i < tables.count; i++)
		for (uint32_t j = 0; j < tables.list[i]->field_count; j++)
			if (tables.list[i]->fields[j].nested != NULL)
				add(&tables, tables.list[i]->fields[j].nested);
	return tables;
}

static const struct wire_table *find_table(struct tables *tables, struct slice name)
{
	for (uint32_t i = 0; i < tables->count; i++) {
		if (slice_equal(slice_str(tables->list[i]->name), name)) {
			tables->documented[i] = true;
			return tables->list[i];
		}
	}
	return NULL;
}

static void put_type(struct buf *out, const struct wire_field *field)
{
	static const char *const names[] = {
		[WIRE_TYPE_BOOL] = "bool", [WIRE_TYPE_U32] = "u32",   [WIRE_TYPE_U64] = "u64",
		[WIRE_TYPE_NAME] = "name", [WIRE_TYPE_TEXT] = "text", [WIRE_TYPE_BIN] = "bin",
		[WIRE_TYPE_UUID] = "bin",  [WIRE_TYPE_HASH] = "bin",
	};
	if (field->type == WIRE_TYPE_STRUCT)
		(void)buf_printf(out, "[%s](#%s)", field->nested->name, field->nested->name);
	else if (field->type == WIRE_TYPE_ARRAY)
		(void)buf_printf(out, "array of [%s](#%s)", field->nested->name,
				 field->nested->name);
	else
		(void)buf_printf(out, "%s", names[field->type]);
}

static void put_values(struct buf *out, const struct wire_field *field)
{
	const char *separator = "";

	for (uint32_t value = 0; value < VALUES_SHOWN; value++) {
		const char *name = field->value_name(value);
		if (value < field->min || value > field->max || strcmp(name, "unknown") == 0)
			continue;
		(void)buf_printf(out, "%s%u %s", separator, value, name);
		separator = ", ";
	}
}

static void put_limits(struct buf *out, const struct wire_field *field)
{
	const unsigned long long min = field->min;
	const unsigned long long max = field->max;
	const bool required = (field->flags & WIRE_FIELD_REQUIRED) != 0;
	const uint64_t all = field->type == WIRE_TYPE_U32 ? UINT32_MAX : UINT64_MAX;

	if (required)
		(void)buf_printf(out, "required; ");
	switch ((enum wire_type)field->type) {
	case WIRE_TYPE_BOOL:
	case WIRE_TYPE_NAME:
	case WIRE_TYPE_STRUCT:
		break;
	case WIRE_TYPE_U32:
	case WIRE_TYPE_U64:
		if (field->value_name != NULL)
			put_values(out, field);
		else if (max == 0)
			(void)buf_printf(out, "0");
		else if (field->max == all && min > 0)
			(void)buf_printf(out, "at least %llu", min);
		else if (field->max != all)
			(void)buf_printf(out, "%llu..%llu", min, max);
		break;
	case WIRE_TYPE_TEXT:
	case WIRE_TYPE_BIN:
		if (min == max)
			(void)buf_printf(out, "%llu bytes", max);
		else
			(void)buf_printf(out, "at most %llu bytes", max);
		break;
	case WIRE_TYPE_UUID:
	case WIRE_TYPE_HASH:
		(void)buf_printf(out, "16 bytes");
		break;
	case WIRE_TYPE_ARRAY:
		(void)buf_printf(out, "%llu..%llu", min, max);
		break;
	}
	/* "required; " alone ends without its separator. */
	if (out->size >= 2 && memcmp(out->data + out->size - 2, "; ", 2) == 0)
		buf_truncate(out, out->size - 2);
}

/* "| 2 | `id` |": by this the meaning of the old row is found again. */
static void put_row_start(struct buf *out, const struct wire_field *field)
{
	(void)buf_printf(out, "| %u | `%s` |", field->key, field->name);
}

static struct slice take_line(struct slice *rest)
{
	const uint8_t *end = memchr(rest->data, '\n', rest->size);
	const uint32_t size = end == NULL ? rest->size : (uint32_t)(end - rest->data);
	const uint32_t taken = end == NULL ? size : size + 1;
	const struct slice line = slice_of(rest->data, size);

	*rest = slice_of(rest->data + taken, rest->size - taken);
	return line;
}

static bool starts_with(struct slice line, struct slice start)
{
	return line.size >= start.size && memcmp(line.data, start.data, start.size) == 0;
}

/* The fifth column of the row in `block` that starts with `start`. */
static struct slice old_meaning(struct slice block, struct slice start)
{
	while (block.size > 0) {
		const struct slice line = take_line(&block);
		uint32_t bars = 0;

		if (!starts_with(line, start))
			continue;
		for (uint32_t i = 0; i < line.size; i++) {
			bars += line.data[i] == '|';
			if (bars == 5)
				return slice_of(line.data + i, line.size - i);
		}
	}
	return slice_str("|  |");
}

static void put_table(struct buf *out, const struct wire_table *table, struct slice old)
{
	(void)buf_printf(out, "| key | field | type | limits | meaning |\n|---|---|---|---|---|\n");
	for (uint32_t i = 0; i < table->field_count; i++) {
		const struct wire_field *field = &table->fields[i];
		const uint32_t start = out->size;

		put_row_start(out, field);
		const struct slice meaning =
			old_meaning(old, slice_of(out->data + start, out->size - start));
		(void)buf_printf(out, " ");
		put_type(out, field);
		(void)buf_printf(out, " | ");
		put_limits(out, field);
		(void)buf_printf(out, " ");
		(void)buf_put_slice(out, meaning);
		(void)buf_printf(out, "\n");
	}
}

/* The whole document with its tables made anew. */
static void rebuild(struct tables *tables, struct slice doc, struct buf *out)
{
	static const char begin[] = "<!-- table: ";
	const struct slice end = slice_str("<!-- end -->");

	while (doc.size > 0) {
		const struct slice line = take_line(&doc);

		(void)buf_put_slice(out, line);
		(void)buf_printf(out, "\n");
		if (!starts_with(line, slice_str(begin)))
			continue;
		const uint32_t skip = sizeof begin - 1;
		const struct slice name = slice_of(line.data + skip, line.size - skip - 4);
		const struct wire_table *table = find_table(tables, name);
		if (table == NULL)
			fail_msg("docs/wire.md: no table \"%.*s\"", (int)name.size,
				 (const char *)name.data);

		const uint8_t *from = doc.data;
		struct slice after = doc;
		while (!starts_with(doc, end)) {
			assert_true(doc.size > 0); /* a block that does not end */
			(void)take_line(&doc);
			after = doc;
		}
		put_table(out, table, slice_of(from, (uint32_t)(after.data - from)));
	}
}

static struct buf read_doc(void)
{
	struct buf doc;
	FILE *file = fopen(DOC, "r");

	CHECK(file != NULL);
	buf_init(&doc, DOC_SIZE_MAX);
	uint8_t *at = buf_grow(&doc, DOC_SIZE_MAX);
	CHECK(at != NULL);
	buf_truncate(&doc, (uint32_t)fread(at, 1, DOC_SIZE_MAX, file));
	(void)fclose(file);
	return doc;
}

static void doc_agrees(void **state)
{
	struct tables tables = all_tables();
	struct buf doc = read_doc();
	struct buf rebuilt;

	(void)state;
	buf_init(&rebuilt, DOC_SIZE_MAX);
	rebuild(&tables, buf_slice(&doc), &rebuilt);
	assert_int_equal(buf_error(&rebuilt), 0);
	for (uint32_t i = 0; i < tables.count; i++)
		if (!tables.documented[i])
			fail_msg("docs/wire.md lacks the table \"%s\"", tables.list[i]->name);

	struct slice is = buf_slice(&doc);
	struct slice should = buf_slice(&rebuilt);
	for (uint32_t number = 1; is.size > 0 || should.size > 0; number++) {
		const struct slice a = take_line(&is);
		const struct slice b = take_line(&should);
		if (!slice_equal(a, b))
			fail_msg("docs/wire.md:%u: should be \"%.*s\" (test_wire_doc --write)",
				 number, (int)b.size, (const char *)b.data);
		if (b.size > 4 && memcmp(b.data + b.size - 4, "|  |", 4) == 0)
			fail_msg("docs/wire.md:%u: a field without a meaning", number);
	}
	buf_close(&doc);
	buf_close(&rebuilt);
}

static void write_doc(void **state)
{
	struct tables tables = all_tables();
	struct buf doc = read_doc();
	struct buf rebuilt;

	(void)state;
	buf_init(&rebuilt, DOC_SIZE_MAX);
	rebuild(&tables, buf_slice(&doc), &rebuilt);
	assert_int_equal(buf_error(&rebuilt), 0);
	FILE *file = fopen(DOC, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(rebuilt.data, 1, rebuilt.size, file), rebuilt.size);
	assert_int_equal(fclose(file), 0);
	buf_close(&doc);
	buf_close(&rebuilt);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest check[] = {cmocka_unit_test(doc_agrees)};
	const struct CMUnitTest write[] = {cmocka_unit_test(write_doc)};

	if (argc == 2 && strcmp(argv[1], "--write") == 0)
		return cmocka_run_group_tests(write, NULL, NULL);
	return cmocka_run_group_tests(check, NULL, NULL);
}
