/* The rules that the tables keep, and that they name every member of message.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "wire/codec.h"
#include "wire/names.h"
#include "wire/record.h"
#include "wire/schema.h"
#include "wire/shard.h"

enum { TABLES_MAX = 64 };

struct walk {
	const struct wire_table *tables[TABLES_MAX];
	uint32_t count;
};

static void add(struct walk *walk, const struct wire_table *table)
{
	for (uint32_t i = 0; i < walk->count; i++)
		if (walk->tables[i] == table)
			return;
	assert_true(walk->count < TABLES_MAX);
	walk->tables[walk->count++] = table;
}

/* Every table that a message can reach. */
static struct walk all_tables(void)
{
	struct walk walk = {.count = 0};

	for (uint32_t kind = 0; kind < 100; kind++)
		if (wire_table_of((enum wire_kind)kind) != NULL)
			add(&walk, wire_table_of((enum wire_kind)kind));
	for (uint32_t i = 0; i < walk.count; i++)
		for (uint32_t j = 0; j < walk.tables[i]->field_count; j++)
			if (walk.tables[i]->fields[j].nested != NULL)
				add(&walk, walk.tables[i]->fields[j].nested);
	return walk;
}

static void keys_rise_from_two(void **state)
{
	(void)state;
	const struct walk walk = all_tables();

	for (uint32_t i = 0; i < walk.count; i++) {
		const struct wire_table *table = walk.tables[i];
		uint32_t key = WIRE_KEY_FIRST;

		assert_true(table->field_count <= 64); /* the decoder keeps one bit for each */
		for (uint32_t j = 0; j < table->field_count; j++, key++)
			assert_int_equal(table->fields[j].key, key);
		assert_true(key <= WIRE_KEY_OPTIONAL);
	}
}

static void limits_fit_the_types(void **state)
{
	(void)state;
	const struct walk walk = all_tables();

	for (uint32_t i = 0; i < walk.count; i++) {
		for (uint32_t j = 0; j < walk.tables[i]->field_count; j++) {
			const struct wire_field *field = &walk.tables[i]->fields[j];
			const bool nests =
				field->type == WIRE_TYPE_STRUCT || field->type == WIRE_TYPE_ARRAY;

			assert_true(nests == (field->nested != NULL));
			assert_true(field->min <= field->max);
			if (field->type == WIRE_TYPE_U32)
				assert_true(field->max <= UINT32_MAX);
			else if (field->type != WIRE_TYPE_U64)
				assert_true(field->max <= WIRE_MESSAGE_SIZE_MAX);
		}
	}
}

/* So that "absent" can be told from zeros without looking into deeper levels. */
static void optional_structs_hold_numbers(void **state)
{
	(void)state;
	const struct walk walk = all_tables();

	for (uint32_t i = 0; i < walk.count; i++) {
		for (uint32_t j = 0; j < walk.tables[i]->field_count; j++) {
			const struct wire_field *field = &walk.tables[i]->fields[j];

			if (field->type != WIRE_TYPE_STRUCT || field->flags & WIRE_FIELD_REQUIRED)
				continue;
			for (uint32_t k = 0; k < field->nested->field_count; k++)
				assert_true(field->nested->fields[k].type <= WIRE_TYPE_U64);
		}
	}
}

static uint32_t depth_of(const struct wire_table *table)
{
	uint32_t deepest = 0;

	for (uint32_t i = 0; i < table->field_count; i++) {
		if (table->fields[i].nested == NULL)
			continue;
		const uint32_t depth = depth_of(table->fields[i].nested);
		deepest = depth > deepest ? depth : deepest;
	}
	return deepest + 1;
}

static void nesting_fits_the_walkers(void **state)
{
	(void)state;
	const struct walk walk = all_tables();

	for (uint32_t i = 0; i < walk.count; i++)
		assert_true(depth_of(walk.tables[i]) <= WIRE_NESTING_MAX);
	assert_int_equal(depth_of(wire_table_of(WIRE_SUBMIT)), 4);
}

static uint32_t align_up(uint32_t offset, uint32_t alignment)
{
	return (offset + alignment - 1) / alignment * alignment;
}

static void field_shape(const struct wire_field *field, uint32_t *size, uint32_t *alignment)
{
	switch ((enum wire_type)field->type) {
	case WIRE_TYPE_BOOL:
		*size = *alignment = sizeof(bool);
		return;
	case WIRE_TYPE_U32:
		*size = *alignment = sizeof(uint32_t);
		return;
	case WIRE_TYPE_U64:
	case WIRE_TYPE_ARRAY:
		*size = *alignment = sizeof(uint64_t);
		return;
	case WIRE_TYPE_NAME:
	case WIRE_TYPE_TEXT:
	case WIRE_TYPE_BIN:
		*size = sizeof(struct slice);
		*alignment = _Alignof(struct slice);
		return;
	case WIRE_TYPE_UUID:
	case WIRE_TYPE_HASH:
		*size = UUID_SIZE;
		*alignment = 1;
		return;
	case WIRE_TYPE_STRUCT:
		*size = field->nested->size;
		*alignment = field->nested->size % 8 == 0 ? 8 : 4;
		return;
	}
}

/* What is never on the wire, at the end of a struct. */
static uint32_t beside_the_wire(const struct wire_table *table)
{
	return table == &wire_table_plan ? sizeof(struct slice) + sizeof(void *) : 0;
}

/* Members stand in the order of their keys; a hole between two that alignment does not explain is
 * a member that somebody forgot to put into the table. */
static void tables_cover_the_structs(void **state)
{
	(void)state;
	const struct walk walk = all_tables();

	for (uint32_t i = 0; i < walk.count; i++) {
		const struct wire_table *table = walk.tables[i];
		uint32_t end = 0;

		for (uint32_t j = 0; j < table->field_count; j++) {
			const struct wire_field *field = &table->fields[j];
			uint32_t size = 0;
			uint32_t alignment = 1;

			field_shape(field, &size, &alignment);
			if (field->offset != align_up(end, alignment))
				fail_msg("%s.%s: a member before it is in no table", table->name,
					 field->name);
			end = field->offset + size;
			if (field->type == WIRE_TYPE_ARRAY) {
				assert_int_equal(field->count_offset, end);
				end += sizeof(uint32_t);
			}
		}
		if (beside_the_wire(table) > 0)
			end = align_up(end, 8) + beside_the_wire(table);
		if (align_up(end, 8) != table->size && align_up(end, 4) != table->size &&
		    end != table->size)
			fail_msg("%s: a member at its end is in no table", table->name);
	}
}

static void kinds_are_known(void **state)
{
	(void)state;
	assert_string_equal(wire_kind_name(WIRE_SUBMIT), "submit");
	assert_string_equal(wire_kind_name(WIRE_RECORD_TOMBSTONE), "tombstone");
	assert_int_equal(wire_struct_size(WIRE_QUERY), sizeof(struct wire_query));
	assert_int_equal(wire_struct_size(WIRE_RECORD_NOOP), sizeof(struct wire_record_noop));
	assert_null(wire_kind_name(WIRE_NONE));
	assert_null(wire_kind_name((enum wire_kind)24));
	assert_null(wire_kind_name((enum wire_kind)80));
	assert_int_equal(wire_struct_size((enum wire_kind)100000), 0);

	uint32_t known = 0;
	for (uint32_t kind = 0; kind < 1000; kind++)
		known += wire_table_of((enum wire_kind)kind) != NULL;
	assert_int_equal(known, 39);
}

/* A field may permit a part of an enumeration only. */
static uint64_t largest(const struct walk *walk, wire_value_name name)
{
	uint64_t max = 0;

	for (uint32_t i = 0; i < walk->count; i++) {
		for (uint32_t j = 0; j < walk->tables[i]->field_count; j++) {
			const struct wire_field *field = &walk->tables[i]->fields[j];

			if (field->value_name == name && field->max != UINT32_MAX &&
			    field->max > max)
				max = field->max;
		}
	}
	return max;
}

static void numbers_have_words(void **state)
{
	(void)state;
	const struct walk walk = all_tables();

	/* Every value that a table permits has a word of its own. */
	for (uint32_t i = 0; i < walk.count; i++) {
		for (uint32_t j = 0; j < walk.tables[i]->field_count; j++) {
			const struct wire_field *field = &walk.tables[i]->fields[j];

			if (field->value_name == NULL || field->max == UINT32_MAX)
				continue;
			for (uint64_t value = field->min; value <= field->max; value++)
				assert_string_not_equal(field->value_name((uint32_t)value),
							"unknown");
			if (field->max == largest(&walk, field->value_name))
				assert_string_equal(field->value_name((uint32_t)field->max + 1),
						    "unknown");
		}
	}
	assert_string_equal(wire_outcome_name(WIRE_OUTCOME_EXPIRED), "expired");
	assert_string_equal(wire_outcome_name(0), "unknown");
	assert_string_equal(wire_protocol_name(WIRE_PROTOCOL_2PC), "2pc");
	assert_string_equal(wire_barrier_name(WIRE_BARRIER_FIRST), "first");
	assert_string_equal(wire_node_state_name(UINT32_MAX), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_rise_from_two),
		cmocka_unit_test(limits_fit_the_types),
		cmocka_unit_test(optional_structs_hold_numbers),
		cmocka_unit_test(nesting_fits_the_walkers),
		cmocka_unit_test(tables_cover_the_structs),
		cmocka_unit_test(kinds_are_known),
		cmocka_unit_test(numbers_have_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
