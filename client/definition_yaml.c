/* Reads definitions in YAML (docs/definitions.md). libyaml reads the document into a tree whose
 * nodes know their places; everything is then looked at once, so that all problems are reported
 * together.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/buf.h"
#include "base/near.h"
#include "base/units.h"
#include "client/definition.h"
#include "client/definition_problems.h"
#include "wire/plan.h"

enum {
	TIMEOUT_MIN_MS = 10,
	DAY_MS = 86400000,
	HOUR_MS = 3600000,
	ATTEMPTS_MAX = 1000,
	FACTOR_MAX_PERCENT = 10000,
	VERSION_MAX = 1000000000
};
#define MONTH_MS UINT32_C(2592000000)

struct reader {
	yaml_document_t document;
	struct problems *problems;
	struct saga_definition *definition;
	struct wire_retry retry, undo_retry; /* the defaults of this definition */
	uint32_t timeout_ms, delivery;
	const yaml_node_t *step_names[WIRE_STEPS_MAX];
};

#define PROBLEM(reader, node, ...)                                                                 \
	problems_add((reader)->problems, (uint32_t)(node)->start_mark.line + 1,                    \
		     (uint32_t)(node)->start_mark.column + 1, __VA_ARGS__)

/* ---- nodes --------------------------------------------------------------------------------------
 */

static const yaml_node_t *node_of(struct reader *reader, yaml_node_item_t id)
{
	return yaml_document_get_node(&reader->document, id);
}

static struct slice scalar_of(const yaml_node_t *node)
{
	return slice_of(node->data.scalar.value, (uint32_t)node->data.scalar.length);
}

/* For messages: only what is printable, and not much of it. */
static const char *shown(const yaml_node_t *node, char text[49])
{
	uint32_t size = 0;

	for (; size < 48 && node->data.scalar.value[size] != '\0'; size++) {
		const unsigned char c = node->data.scalar.value[size];

		text[size] = c < 0x20 || c == 0x7f ? '?' : (char)c;
	}
	text[size] = '\0';
	return text;
}

/* `key:` with nothing behind it, ~ or null. */
static bool is_null(const yaml_node_t *node)
{
	if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	return node->data.scalar.length == 0 || slice_equal(scalar_of(node), slice_str("~")) ||
	       slice_equal(scalar_of(node), slice_str("null"));
}

static bool want_scalar(struct reader *reader, const yaml_node_t *node, const char *key)
{
	if (node->type == YAML_SCALAR_NODE && !is_null(node))
		return true;
	PROBLEM(reader, node, "%s: expected a single value", key);
	return false;
}

static void unknown_key(struct reader *reader, const yaml_node_t *key, const char *what,
			const char *const *names, uint32_t count)
{
	char text[49];
	const char *near = near_name(shown(key, text), names, count);

	if (near != NULL)
		PROBLEM(reader, key, "unknown key \"%s\" in %s: did you mean \"%s\"?", text, what,
			near);
	else
		PROBLEM(reader, key, "unknown key \"%s\" in %s", text, what);
}

/* Sorts the values of a map by the place of their keys in `names`; NULL = not there. */
static bool take_map(struct reader *reader, const yaml_node_t *map, const char *what,
		     const char *const *names, uint32_t count, const yaml_node_t **values)
{
	for (uint32_t i = 0; i < count; i++)
		values[i] = NULL;
	if (map->type != YAML_MAPPING_NODE) {
		PROBLEM(reader, map, "%s: expected a map of keys", what);
		return false;
	}
	for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
	     pair < map->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = node_of(reader, pair->key);
		uint32_t place = 0;

		if (key->type != YAML_SCALAR_NODE) {
			PROBLEM(reader, key, "%s: expected a word as key", what);
			continue;
		}
		while (place < count && !slice_equal(scalar_of(key), slice_str(names[place])))
			place++;
		if (place == count)
			unknown_key(reader, key, what, names, count);
		else if (values[place] != NULL)
			PROBLEM(reader, key, "key \"%s\" stands in %s twice", names[place], what);
		else
			values[place] = node_of(reader, pair->value);
	}
	return true;
}

/* ---- values ------------------------------------------------------------------------------------
 */

static void take_name(struct reader *reader, const yaml_node_t *node, const char *key,
		      struct id *name)
{
	char text[49];

	if (!want_scalar(reader, node, key))
		return;
	if (id_from(name, scalar_of(node)) != 0)
		PROBLEM(reader, node, "%s: \"%s\" does not match [A-Za-z0-9_-]{1,64}", key,
			shown(node, text));
}

static void take_duration(struct reader *reader, const yaml_node_t *node, const char *key,
			  uint32_t min_ms, uint32_t max_ms, const char *range,
			  uint32_t *duration_ms)
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
		PROBLEM(reader, node, "%s: \"%s\" is not a duration such as 500ms, 15s, 2m or 1h",
			key, shown(node, text));
	else if (err != 0 || value_ms < min_ms || value_ms > max_ms)
		PROBLEM(reader, node, "%s: %s is out of range: %s", key, shown(node, text), range);
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

static void take_number(struct reader *reader, const yaml_node_t *node, const char *key,
			uint32_t decimals, uint32_t min, uint32_t max, const char *range,
			uint32_t *number)
{
	uint64_t value;
	char text[49];

	if (node == NULL || !want_scalar(reader, node, key))
		return;
	if (!number_of(scalar_of(node), decimals, &value))
		PROBLEM(reader, node, "%s: \"%s\" is not %s", key, shown(node, text),
			decimals == 0 ? "a whole number" : "a number with at most two decimals");
	else if (value < min || value > max)
		PROBLEM(reader, node, "%s: %s is out of range: %s", key, shown(node, text), range);
	else
		*number = (uint32_t)value;
}

/* What is not said stays as it is: the more general policy. */
static void take_retry(struct reader *reader, const yaml_node_t *node, const char *what,
		       struct wire_retry *retry)
{
	static const char *const names[] = {"attempts", "initial", "factor", "cap", "jitter"};
	const yaml_node_t *values[5];
	const uint32_t count = reader->problems->count;

	if (node == NULL || !take_map(reader, node, what, names, 5, values))
		return;
	take_number(reader, values[0], "attempts", 0, 1, ATTEMPTS_MAX, "1 to 1000",
		    &retry->attempts);
	take_duration(reader, values[1], "initial", 1, HOUR_MS, "1ms to 1h", &retry->initial_ms);
	take_number(reader, values[2], "factor", 2, 100, FACTOR_MAX_PERCENT, "1 to 100",
		    &retry->factor_percent);
	take_duration(reader, values[3], "cap", 1, DAY_MS, "1ms to 1d", &retry->cap_ms);
	take_number(reader, values[4], "jitter", 2, 0, 100, "0 to 1", &retry->jitter_percent);
	if (reader->problems->count != count || retry->cap_ms >= retry->initial_ms)
		return;
	if (values[3] != NULL)
		PROBLEM(reader, values[3],
			"cap: %" PRIu32 "ms is shorter than initial (%" PRIu32 "ms)", retry->cap_ms,
			retry->initial_ms);
	else
		retry->cap_ms = retry->initial_ms;
}

/* ---- steps --------------------------------------------------------------------------------------
 */

enum step_key {
	STEP_NAME,
	STEP_SERVICE,
	STEP_ACTION,
	STEP_COMPENSATE,
	STEP_AFTER,
	STEP_TIMEOUT,
	STEP_BUDGET,
	STEP_RETRY,
	STEP_UNDO_RETRY,
	STEP_DELIVERY,
	STEP_KEYS
};
static const char *const step_keys[STEP_KEYS] = {"name",       "service", "action", "compensate",
						 "after",      "timeout", "budget", "retry",
						 "undo_retry", "delivery"};

static void take_delivery(struct reader *reader, const yaml_node_t *node, uint32_t *delivery)
{
	char text[49];

	if (node == NULL || !want_scalar(reader, node, "delivery"))
		return;
	if (slice_equal(scalar_of(node), slice_str("durable")))
		*delivery = WIRE_DELIVERY_DURABLE;
	else if (slice_equal(scalar_of(node), slice_str("direct")))
		*delivery = WIRE_DELIVERY_DIRECT;
	else
		PROBLEM(reader, node, "delivery: \"%s\" is neither durable nor direct",
			shown(node, text));
}

/* How a service is reached is one thing, not one for each step. */
static void check_delivery(struct reader *reader, uint32_t index, const yaml_node_t *node)
{
	const struct definition_step_names *names = reader->definition->names;
	const struct wire_step *steps = reader->definition->steps;

	for (uint32_t i = 0; i < index && names[index].service.size > 0; i++) {
		if (!id_equal(&names[i].service, &names[index].service) ||
		    steps[i].delivery == steps[index].delivery)
			continue;
		PROBLEM(reader, node,
			"delivery: step \"%s\" reaches service \"%s\" by %s delivery: a service "
			"has "
			"one in a definition",
			names[i].name.text, names[index].service.text,
			steps[i].delivery == WIRE_DELIVERY_DIRECT ? "direct" : "durable");
		return;
	}
}

static void take_step_name(struct reader *reader, uint32_t index, const yaml_node_t *node)
{
	struct definition_step_names *names = reader->definition->names;

	take_name(reader, node, "name", &names[index].name);
	reader->step_names[index] = node;
	for (uint32_t i = 0; i < index && names[index].name.size > 0; i++) {
		if (id_equal(&names[i].name, &names[index].name)) {
			PROBLEM(reader, node, "name: step \"%s\" stands already in line %u",
				names[i].name.text,
				(uint32_t)reader->step_names[i]->start_mark.line + 1);
			return;
		}
	}
}

static void take_step(struct reader *reader, uint32_t index, const yaml_node_t *node,
		      const yaml_node_t **after)
{
	struct definition_step_names *names = &reader->definition->names[index];
	struct wire_step *step = &reader->definition->steps[index];
	const yaml_node_t *values[STEP_KEYS];
	char what[32];

	(void)snprintf(what, sizeof what, "step %" PRIu32, index + 1);
	step->attempt_timeout_ms = reader->timeout_ms;
	step->delivery = reader->delivery;
	step->retry = reader->retry;
	step->undo_retry = reader->undo_retry;
	if (!take_map(reader, node, what, step_keys, STEP_KEYS, values))
		return;
	for (uint32_t i = STEP_NAME; i <= STEP_ACTION; i++) {
		if (values[i] == NULL)
			PROBLEM(reader, node, "%s has no %s", what, step_keys[i]);
	}
	if (values[STEP_NAME] != NULL)
		take_step_name(reader, index, values[STEP_NAME]);
	if (values[STEP_SERVICE] != NULL)
		take_name(reader, values[STEP_SERVICE], "service", &names->service);
	if (values[STEP_ACTION] != NULL)
		take_name(reader, values[STEP_ACTION], "action", &names->action);
	if (values[STEP_COMPENSATE] != NULL && !is_null(values[STEP_COMPENSATE]))
		take_name(reader, values[STEP_COMPENSATE], "compensate", &names->compensate);
	if (id_equal(&names->compensate, &(struct id){.size = 4, .text = "none"}))
		names->compensate = (struct id){0};
	take_duration(reader, values[STEP_TIMEOUT], "timeout", TIMEOUT_MIN_MS, DAY_MS, "10ms to 1d",
		      &step->attempt_timeout_ms);
	take_duration(reader, values[STEP_BUDGET], "budget", TIMEOUT_MIN_MS, MONTH_MS,
		      "10ms to 30d", &step->budget_ms);
	take_retry(reader, values[STEP_RETRY], "retry", &step->retry);
	take_retry(reader, values[STEP_UNDO_RETRY], "undo_retry", &step->undo_retry);
	take_delivery(reader, values[STEP_DELIVERY], &step->delivery);
	step->name = id_slice(&names->name);
	step->service = id_slice(&names->service);
	step->forward = id_slice(&names->action);
	step->undo = id_slice(&names->compensate);
	check_delivery(reader, index, values[STEP_DELIVERY] != NULL ? values[STEP_DELIVERY] : node);
	*after = values[STEP_AFTER];
}

static void unknown_step(struct reader *reader, const yaml_node_t *node)
{
	const struct saga_definition *definition = reader->definition;
	const char *names[WIRE_STEPS_MAX];
	const char *near;
	char text[49];

	for (uint32_t i = 0; i < definition->plan.step_count; i++)
		names[i] = definition->names[i].name.text;
	near = near_name(shown(node, text), names, definition->plan.step_count);
	if (near != NULL)
		PROBLEM(reader, node, "after: no step \"%s\": did you mean \"%s\"?", text, near);
	else
		PROBLEM(reader, node, "after: no step \"%s\"", text);
}

static void take_dependency(struct reader *reader, uint32_t index, const yaml_node_t *node,
			    bool *depends)
{
	const struct saga_definition *definition = reader->definition;
	uint32_t other = 0;

	if (!want_scalar(reader, node, "after"))
		return;
	while (other < definition->plan.step_count &&
	       !slice_equal(scalar_of(node), id_slice(&definition->names[other].name)))
		other++;
	if (other == definition->plan.step_count)
		unknown_step(reader, node);
	else if (other == index)
		PROBLEM(reader, node, "after: step \"%s\" cannot come after itself",
			definition->names[index].name.text);
	else if (depends[other])
		PROBLEM(reader, node, "after: step \"%s\" stands here twice",
			definition->names[other].name.text);
	else
		depends[other] = true;
}

/* Without the key a step comes after the one above it. */
static void take_after(struct reader *reader, uint32_t index, const yaml_node_t *node)
{
	struct definition_step_names *names = &reader->definition->names[index];
	bool depends[WIRE_STEPS_MAX] = {false};
	uint32_t count = 0;

	if (node == NULL && index > 0)
		depends[index - 1] = true;
	if (node != NULL && node->type != YAML_SEQUENCE_NODE)
		PROBLEM(reader, node, "after: expected a list of steps, e.g. [%s]",
			reader->definition->names[0].name.text);
	else if (node != NULL) {
		for (const yaml_node_item_t *item = node->data.sequence.items.start;
		     item < node->data.sequence.items.top; item++)
			take_dependency(reader, index, node_of(reader, *item), depends);
	}
	for (uint32_t i = 0; i < WIRE_STEPS_MAX; i++) {
		if (depends[i])
			names->after[count++] = (uint8_t)i;
	}
	reader->definition->steps[index].after = slice_of(names->after, count);
}

static void take_steps(struct reader *reader, const yaml_node_t *node)
{
	const yaml_node_t *after[WIRE_STEPS_MAX] = {NULL};
	struct wire_plan *plan = &reader->definition->plan;
	ptrdiff_t count;

	if (node->type != YAML_SEQUENCE_NODE) {
		PROBLEM(reader, node, "steps: expected a list");
		return;
	}
	count = node->data.sequence.items.top - node->data.sequence.items.start;
	if (count < 1 || count > WIRE_STEPS_MAX) {
		PROBLEM(reader, node, "steps: %td steps: 1 to %d are possible", count,
			WIRE_STEPS_MAX);
		return;
	}
	plan->steps = reader->definition->steps;
	plan->step_count = (uint32_t)count;
	for (uint32_t i = 0; i < plan->step_count; i++)
		take_step(reader, i, node_of(reader, node->data.sequence.items.start[i]),
			  &after[i]);
	for (uint32_t i = 0; i < plan->step_count; i++)
		take_after(reader, i, after[i]);
}

/* ---- the whole ---------------------------------------------------------------------------------
 */

static void take_defaults(struct reader *reader, const yaml_node_t *node)
{
	static const char *const names[] = {"timeout", "retry", "undo_retry", "delivery"};
	const yaml_node_t *values[4];

	if (node == NULL || !take_map(reader, node, "defaults", names, 4, values))
		return;
	take_duration(reader, values[0], "timeout", TIMEOUT_MIN_MS, DAY_MS, "10ms to 1d",
		      &reader->timeout_ms);
	take_retry(reader, values[1], "retry", &reader->retry);
	take_retry(reader, values[2], "undo_retry", &reader->undo_retry);
	take_delivery(reader, values[3], &reader->delivery);
}

static void take_protocol(struct reader *reader, const yaml_node_t *node)
{
	char text[49];

	if (node == NULL || !want_scalar(reader, node, "protocol"))
		return;
	if (!slice_equal(scalar_of(node), slice_str("saga")))
		PROBLEM(reader, node, "protocol: \"%s\" is not supported: only saga is",
			shown(node, text));
}

static void take_root(struct reader *reader, const yaml_node_t *root)
{
	static const char *const names[] = {"name",     "version",  "protocol",
					    "deadline", "defaults", "steps"};
	struct wire_plan *plan = &reader->definition->plan;
	const yaml_node_t *values[6];

	if (!take_map(reader, root, "the definition", names, 6, values))
		return;
	if (values[0] == NULL)
		PROBLEM(reader, root, "the definition has no name");
	else
		take_name(reader, values[0], "name", &reader->definition->name);
	plan->name = id_slice(&reader->definition->name);
	take_number(reader, values[1], "version", 0, 1, VERSION_MAX, "1 to 1000000000",
		    &plan->version);
	take_protocol(reader, values[2]);
	take_duration(reader, values[3], "deadline", TIMEOUT_MIN_MS, MONTH_MS, "10ms to 30d",
		      &plan->deadline_ms);
	take_defaults(reader, values[4]);
	if (values[5] == NULL)
		PROBLEM(reader, root, "the definition has no steps");
	else
		take_steps(reader, values[5]);
}

static void count_reference(uint8_t *references, yaml_node_item_t id)
{
	if (references[id] < 2)
		references[id]++;
}

/* A node that two places refer to was given an anchor and an alias. */
static void refuse_aliases(struct reader *reader)
{
	const yaml_node_t *nodes = reader->document.nodes.start;
	const ptrdiff_t count = reader->document.nodes.top - nodes;
	uint8_t *references = calloc((size_t)count + 1, 1);

	if (references == NULL) {
		problems_add(reader->problems, 0, 0, "out of memory");
		return;
	}
	count_reference(references, 1); /* the root */
	for (ptrdiff_t i = 0; i < count; i++) {
		const yaml_node_t *node = &nodes[i];

		if (node->type == YAML_SEQUENCE_NODE) {
			for (const yaml_node_item_t *item = node->data.sequence.items.start;
			     item < node->data.sequence.items.top; item++)
				count_reference(references, *item);
		} else if (node->type == YAML_MAPPING_NODE) {
			for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
			     pair < node->data.mapping.pairs.top; pair++) {
				count_reference(references, pair->key);
				count_reference(references, pair->value);
			}
		}
	}
	for (ptrdiff_t i = 0; i < count; i++) {
		if (references[i + 1] > 1)
			PROBLEM(reader, &nodes[i], "anchors and aliases are not supported");
	}
	free(references);
}

static void syntax_problem(struct problems *problems, const yaml_parser_t *parser)
{
	if (parser->error == YAML_READER_ERROR)
		problems_add(problems, 0, 0, "byte %zu: %s", parser->problem_offset,
			     parser->problem);
	else
		problems_add(problems, (uint32_t)parser->problem_mark.line + 1,
			     (uint32_t)parser->problem_mark.column + 1, "%s",
			     parser->problem != NULL ? parser->problem : "not valid YAML");
}

/* False when there is no tree to look at; the problem is then noted. */
static bool parse_tree(struct reader *reader, yaml_parser_t *parser)
{
	yaml_document_t more;

	if (yaml_parser_load(parser, &reader->document) == 0) {
		syntax_problem(reader->problems, parser);
		return false;
	}
	if (yaml_document_get_root_node(&reader->document) == NULL) {
		yaml_document_delete(&reader->document);
		problems_add(reader->problems, 1, 1, "the definition is empty");
		return false;
	}
	if (yaml_parser_load(parser, &more) == 0) {
		syntax_problem(reader->problems, parser);
		return true;
	}
	if (yaml_document_get_root_node(&more) != NULL)
		problems_add(reader->problems, (uint32_t)more.start_mark.line + 1, 1,
			     "a second document: one definition a file");
	yaml_document_delete(&more);
	return true;
}

static void read_text(struct reader *reader, const char *text, size_t size)
{
	char why[256] = "";
	yaml_parser_t parser;
	struct buf sentence;

	if (yaml_parser_initialize(&parser) == 0) {
		problems_add(reader->problems, 0, 0, "out of memory");
		return;
	}
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	/* libyaml asserts that there is a text, even an empty one. */
	yaml_parser_set_input_string(&parser, (const unsigned char *)(text == NULL ? "" : text),
				     size);
	if (parse_tree(reader, &parser)) {
		const yaml_node_t *root = yaml_document_get_root_node(&reader->document);

		refuse_aliases(reader);
		take_root(reader, root);
		/* What no single place is to blame for, e.g. a cycle. */
		buf_init_fixed(&sentence, why, sizeof why - 1);
		if (reader->problems->count == 0 &&
		    wire_plan_check(&reader->definition->plan, &sentence) != 0)
			PROBLEM(reader, root, "%s", why);
		yaml_document_delete(&reader->document);
	}
	yaml_parser_delete(&parser);
}

void definition_read_yaml(const char *text, size_t size, struct saga_definition *definition,
			  struct problems *problems)
{
	struct reader reader = {
		.problems = problems,
		.definition = definition,
		.retry = wire_retry_default(),
		.undo_retry = wire_retry_default_undo(),
		.timeout_ms = WIRE_ATTEMPT_TIMEOUT_DEFAULT_MS,
		.delivery = WIRE_DELIVERY_DURABLE,
	};

	definition->plan.version = 1;
	definition->plan.protocol = WIRE_PROTOCOL_SAGA;
	definition->plan.deadline_ms = WIRE_DEADLINE_DEFAULT_MS;
	read_text(&reader, text, size);
}
