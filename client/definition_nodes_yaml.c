/* Nodes of a definition's document, and what their scalars mean. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/near.h"
#include "base/units.h"
#include "client/definition_reader_yaml.h"

enum {
	HOUR_MS = 3600000,
	ATTEMPTS_MAX = 1000,
	FACTOR_MAX_PERCENT = 10000,
	POINTER_DEPTH_MAX = 24, /* deeper is nothing that has a message */
};

const yaml_node_t *node_of(struct reader *reader, yaml_node_item_t id)
{
	return yaml_document_get_node(&reader->document, id);
}

struct slice scalar_of(const yaml_node_t *node)
{
	return slice_of(node->data.scalar.value, (uint32_t)node->data.scalar.length);
}

const char *shown(const yaml_node_t *node, char text[49])
{
	uint32_t size = 0;

	for (; size < 48 && node->data.scalar.value[size] != '\0'; size++) {
		const unsigned char c = node->data.scalar.value[size];

		text[size] = c < 0x20 || c == 0x7f ? '?' : (char)c;
	}
	text[size] = '\0';
	return text;
}

bool is_null(const yaml_node_t *node)
{
	if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	return node->data.scalar.length == 0 || slice_equal(scalar_of(node), slice_str("~")) ||
	       slice_equal(scalar_of(node), slice_str("null"));
}

struct definition_place place_of(const yaml_node_t *node)
{
	return (struct definition_place){(uint32_t)node->start_mark.line + 1,
					 (uint32_t)node->start_mark.column + 1};
}

/* ---- pointers -----------------------------------------------------------------------------------
 */

/* Puts "/part" before what is there; parts are escaped as RFC 6901 says. Too long: the end of the
 * pointer is worth more than its beginning, which stays away. */
static void prepend(char *pointer, const char *part)
{
	char escaped[2 * 48 + 2] = "/";
	size_t size = 1;
	const size_t old = strlen(pointer);

	for (; *part != '\0' && size + 3 < sizeof escaped; part++) {
		if (*part == '~' || *part == '/') {
			escaped[size++] = '~';
			escaped[size++] = *part == '~' ? '0' : '1';
		} else {
			escaped[size++] = *part;
		}
	}
	if (size + old + 1 > PROBLEM_POINTER_SIZE)
		return;
	memmove(pointer + size, pointer, old + 1);
	memcpy(pointer, escaped, size);
}

static const yaml_node_t *in_sequence(struct reader *reader, const yaml_node_t *parent,
				      const yaml_node_t *node, char *pointer)
{
	uint32_t index = 0;

	for (const yaml_node_item_t *item = parent->data.sequence.items.start;
	     item < parent->data.sequence.items.top; item++, index++) {
		char number[16];

		if (node_of(reader, *item) != node)
			continue;
		(void)snprintf(number, sizeof number, "%" PRIu32, index);
		prepend(pointer, number);
		return parent;
	}
	return NULL;
}

static const yaml_node_t *in_mapping(struct reader *reader, const yaml_node_t *parent,
				     const yaml_node_t *node, char *pointer)
{
	for (const yaml_node_pair_t *pair = parent->data.mapping.pairs.start;
	     pair < parent->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = node_of(reader, pair->key);
		char text[49] = "?";

		if (key != node && node_of(reader, pair->value) != node)
			continue;
		prepend(pointer, key->type == YAML_SCALAR_NODE ? shown(key, text) : text);
		return parent;
	}
	return NULL;
}

/* NULL: it is the root. Looks at every node: there are few problems. */
static const yaml_node_t *parent_of(struct reader *reader, const yaml_node_t *node, char *pointer)
{
	const yaml_node_t *found = NULL;

	for (const yaml_node_t *parent = reader->document.nodes.start;
	     parent < reader->document.nodes.top && found == NULL; parent++) {
		if (parent->type == YAML_SEQUENCE_NODE)
			found = in_sequence(reader, parent, node, pointer);
		else if (parent->type == YAML_MAPPING_NODE)
			found = in_mapping(reader, parent, node, pointer);
	}
	return found;
}

void reader_problem(struct reader *reader, const yaml_node_t *node, const char *missing_key,
		    enum problem_code code, const char *format, ...)
{
	const struct definition_place place = place_of(node);
	char pointer[PROBLEM_POINTER_SIZE] = "";
	char text[PROBLEM_TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (missing_key != NULL)
		prepend(pointer, missing_key);
	/* Those that find no room need none. */
	for (int depth = 0;
	     node != NULL && depth < POINTER_DEPTH_MAX && reader->problems->count < PROBLEMS_MAX;
	     depth++)
		node = parent_of(reader, node, pointer);
	problems_add(reader->problems, (struct problem_place){place.line, place.column, pointer},
		     code, "%s", text);
}

/* ---- maps ---------------------------------------------------------------------------------------
 */

bool want_scalar(struct reader *reader, const yaml_node_t *node, const char *key)
{
	if (node->type == YAML_SCALAR_NODE && !is_null(node))
		return true;
	reader_problem(reader, node, NULL, PROBLEM_TYPE, "%s: expected a single value", key);
	return false;
}

static void unknown_key(struct reader *reader, const yaml_node_t *key, const char *what,
			const char *const *names, uint32_t count)
{
	char text[49];
	const char *near = near_name(shown(key, text), names, count);

	if (near != NULL)
		reader_problem(reader, key, NULL, PROBLEM_UNKNOWN_KEY,
			       "unknown key \"%s\" in %s: did you mean \"%s\"?", text, what, near);
	else
		reader_problem(reader, key, NULL, PROBLEM_UNKNOWN_KEY, "unknown key \"%s\" in %s",
			       text, what);
}

bool take_map(struct reader *reader, const yaml_node_t *map, const char *what,
	      const char *const *names, uint32_t count, const yaml_node_t **values,
	      const yaml_node_t **keys)
{
	for (uint32_t i = 0; i < count; i++)
		values[i] = NULL;
	if (map->type != YAML_MAPPING_NODE) {
		reader_problem(reader, map, NULL, PROBLEM_TYPE, "%s: expected a map of keys", what);
		return false;
	}
	for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
	     pair < map->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = node_of(reader, pair->key);
		uint32_t place = 0;

		if (key->type != YAML_SCALAR_NODE) {
			reader_problem(reader, key, NULL, PROBLEM_TYPE,
				       "%s: expected a word as key", what);
			continue;
		}
		while (place < count && !slice_equal(scalar_of(key), slice_str(names[place])))
			place++;
		if (place == count) {
			unknown_key(reader, key, what, names, count);
		} else if (values[place] != NULL) {
			reader_problem(reader, key, NULL, PROBLEM_DUPLICATE_KEY,
				       "key \"%s\" stands in %s twice", names[place], what);
		} else {
			values[place] = node_of(reader, pair->value);
			if (keys != NULL)
				keys[place] = key;
		}
	}
	return true;
}

/* ---- values -------------------------------------------------------------------------------------
 */

void take_name(struct reader *reader, const yaml_node_t *node, const char *key, struct id *name)
{
	char text[49];

	if (node == NULL || !want_scalar(reader, node, key))
		return;
	if (id_from(name, scalar_of(node)) != 0)
		reader_problem(reader, node, NULL, PROBLEM_NAME,
			       "%s: \"%s\" does not match [A-Za-z0-9_-]{1,64}", key,
			       shown(node, text));
}

void take_duration(struct reader *reader, const yaml_node_t *node, const char *key, uint32_t min_ms,
		   uint32_t max_ms, const char *range, uint32_t *duration_ms)
{
	uint64_t value_ms = 0;
	char text[49];
	int err;

	if (node == NULL || !want_scalar(reader, node, key))
		return;
	err = strlen((const char *)node->data.scalar.value) == node->data.scalar.length
		      ? units_parse_duration((const char *)node->data.scalar.value, &value_ms)
		      : SAGA_E_TYPE;
	if (err == SAGA_E_TYPE)
		reader_problem(reader, node, NULL, PROBLEM_DURATION,
			       "%s: \"%s\" is not a duration such as 500ms, 15s, 2m or 1h", key,
			       shown(node, text));
	else if (err != 0 || value_ms < min_ms || value_ms > max_ms)
		reader_problem(reader, node, NULL, PROBLEM_RANGE, "%s: %s is out of range: %s", key,
			       shown(node, text), range);
	else
		*duration_ms = (uint32_t)value_ms;
}

/* A number with `decimals` places as an integer scaled by them; false when it is none. */
static bool number_of(struct slice text, uint32_t decimals, uint64_t *number)
{
	uint32_t places = 0, digits = 0;
	bool point = false;

	*number = 0;
	for (uint32_t i = 0; i < text.size; i++) {
		if (text.data[i] == '.' && !point && digits > 0) {
			point = true;
			continue;
		}
		if (text.data[i] < '0' || text.data[i] > '9' || ++digits > 12)
			return false;
		places += point ? 1 : 0;
		*number = *number * 10 + (uint64_t)(text.data[i] - '0');
	}
	if (digits == 0 || places > decimals || (point && places == 0))
		return false;
	for (; places < decimals; places++)
		*number *= 10;
	return true;
}

void take_number(struct reader *reader, const yaml_node_t *node, const char *key, uint32_t decimals,
		 uint32_t min, uint32_t max, const char *range, uint32_t *number)
{
	uint64_t value;
	char text[49];

	if (node == NULL || !want_scalar(reader, node, key))
		return;
	if (!number_of(scalar_of(node), decimals, &value))
		reader_problem(reader, node, NULL, PROBLEM_NUMBER, "%s: \"%s\" is not %s", key,
			       shown(node, text),
			       decimals == 0 ? "a whole number"
					     : "a number with at most two decimals");
	else if (value < min || value > max)
		reader_problem(reader, node, NULL, PROBLEM_RANGE, "%s: %s is out of range: %s", key,
			       shown(node, text), range);
	else
		*number = (uint32_t)value;
}

void take_flag(struct reader *reader, const yaml_node_t *node, const char *key, bool *flag)
{
	char text[49];

	if (node == NULL)
		return;
	const bool plain = node->type == YAML_SCALAR_NODE &&
			   node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	if (plain && slice_equal(scalar_of(node), slice_str("true"))) {
		*flag = true;
		return;
	}
	if (plain && slice_equal(scalar_of(node), slice_str("false")))
		return;
	reader->bad_flags = true;
	if (node->type == YAML_SCALAR_NODE)
		reader_problem(reader, node, NULL, PROBLEM_CHOICE,
			       "%s: \"%s\" is neither true nor false", key, shown(node, text));
	else
		reader_problem(reader, node, NULL, PROBLEM_TYPE, "%s: expected true or false", key);
}

/* What is not said stays as it is: the more general policy. */
void take_retry(struct reader *reader, const yaml_node_t *node, const char *what,
		struct wire_retry *retry)
{
	const yaml_node_t *values[RETRY_KEYS];
	const uint32_t count = reader->problems->count;

	if (node == NULL ||
	    !take_map(reader, node, what, definition_retry_keys, RETRY_KEYS, values, NULL))
		return;
	take_number(reader, values[RETRY_ATTEMPTS], "attempts", 0, 1, ATTEMPTS_MAX, "1 to 1000",
		    &retry->attempts);
	take_duration(reader, values[RETRY_INITIAL], "initial", 1, HOUR_MS, "1ms to 1h",
		      &retry->initial_ms);
	take_number(reader, values[RETRY_FACTOR], "factor", 2, 100, FACTOR_MAX_PERCENT, "1 to 100",
		    &retry->factor_percent);
	take_duration(reader, values[RETRY_CAP], "cap", 1, DEFINITION_DAY_MS, "1ms to 1d",
		      &retry->cap_ms);
	take_number(reader, values[RETRY_JITTER], "jitter", 2, 0, 100, "0 to 1",
		    &retry->jitter_percent);
	if (reader->problems->count != count || retry->cap_ms >= retry->initial_ms)
		return;
	if (values[RETRY_CAP] != NULL)
		reader_problem(reader, values[RETRY_CAP], NULL, PROBLEM_RANGE,
			       "cap: %" PRIu32 "ms is shorter than initial (%" PRIu32 "ms)",
			       retry->cap_ms, retry->initial_ms);
	else
		retry->cap_ms = retry->initial_ms;
}

void take_delivery(struct reader *reader, const yaml_node_t *node, uint32_t *delivery)
{
	char text[49];

	if (node == NULL || !want_scalar(reader, node, "delivery"))
		return;
	if (slice_equal(scalar_of(node), slice_str("durable")))
		*delivery = WIRE_DELIVERY_DURABLE;
	else if (slice_equal(scalar_of(node), slice_str("direct")))
		*delivery = WIRE_DELIVERY_DIRECT;
	else
		reader_problem(reader, node, NULL, PROBLEM_CHOICE,
			       "delivery: \"%s\" is neither durable nor direct", shown(node, text));
}
