/* The inputs of steps: YAML becomes the JSON of a template (wire/pick.h). Plain words are what JSON
 * would read them as, all else is text; in quotes everything is. */
#include <stdio.h>
#include <string.h>

#include "client/definition_reader_yaml.h"
#include "wire/pick.h"
#include "wire/plan.h"

/* A container that is open. */
struct level {
	const yaml_node_t *node;
	uint32_t next; /* of its items or pairs */
};

struct input {
	struct reader *reader;
	struct buf *out;
	uint32_t step;
	uint64_t ancestors;
	struct level levels[WIRE_TEMPLATE_DEPTH_MAX];
	uint32_t depth;
	bool bad;
};

static void input_problem(struct input *input, const yaml_node_t *node, const char *what)
{
	reader_problem(input->reader, node, NULL, PROBLEM_INPUT, "input: %s", what);
	input->bad = true;
}

static void write_text(struct buf *out, struct slice text)
{
	(void)buf_put(out, "\"", 1);
	for (uint32_t i = 0; i < text.size; i++) {
		const uint8_t c = text.data[i];

		if (c == '"' || c == '\\')
			(void)buf_put(out, "\\", 1);
		if (c < 0x20)
			(void)buf_printf(out, "\\u%04x", c);
		else
			(void)buf_put(out, &c, 1);
	}
	(void)buf_put(out, "\"", 1);
}

/* A number, true, false or null. */
static bool is_json_word(struct slice text)
{
	struct wire_json json;
	struct slice raw;

	wire_json_open(&json, text, 0);
	const enum wire_json_token token = wire_json_next(&json, &raw);

	return (token == WIRE_JSON_NUMBER || token == WIRE_JSON_LITERAL) && raw.size == text.size;
}

/* Each pick by itself, so that it is told of at its own place. */
static void check_pick(struct input *input, const yaml_node_t *node, struct slice template)
{
	const struct wire_plan *plan = &input->reader->definition->plan;
	char why[PROBLEM_TEXT_SIZE] = "";
	struct buf sentence;

	buf_init_fixed(&sentence, why, sizeof why - 1);
	if (wire_pick_check(template, plan, input->step, input->ancestors, &sentence) == 0)
		return;
	/* "its input ..." */
	reader_problem(input->reader, node, NULL, PROBLEM_INPUT, "input: %s",
		       sentence.size > 10 ? why + 10 : why);
	input->bad = true;
}

static void on_scalar(struct input *input, const yaml_node_t *node)
{
	const struct slice text = scalar_of(node);
	const bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	const uint32_t begin = input->out->size;

	if (plain && is_null(node)) {
		(void)buf_put(input->out, "null", 4);
		return;
	}
	if (plain && is_json_word(text)) {
		(void)buf_put_slice(input->out, text);
		return;
	}
	write_text(input->out, text);
	if (text.size > 0 && text.data[0] == '$' && (text.size < 2 || text.data[1] != '$') &&
	    buf_error(input->out) == 0)
		check_pick(input, node,
			   slice_of(input->out->data + begin, input->out->size - begin));
}

/* Writes what begins with this node: all of it, or the opening bracket. */
static void on_node(struct input *input, const yaml_node_t *node)
{
	if (node->type == YAML_SCALAR_NODE) {
		on_scalar(input, node);
		return;
	}
	if (input->depth == WIRE_TEMPLATE_DEPTH_MAX) {
		input_problem(input, node, "nested deeper than 16");
		return;
	}
	input->levels[input->depth++] = (struct level){.node = node};
	(void)buf_put(input->out, node->type == YAML_SEQUENCE_NODE ? "[" : "{", 1);
}

static bool key_stands_before(struct input *input, const struct level *level,
			      const yaml_node_t *key)
{
	const yaml_node_pair_t *pairs = level->node->data.mapping.pairs.start;

	for (uint32_t i = 0; i + 1 < level->next; i++) {
		const yaml_node_t *before = node_of(input->reader, pairs[i].key);

		if (before->type == YAML_SCALAR_NODE &&
		    slice_equal(scalar_of(before), scalar_of(key)))
			return true;
	}
	return false;
}

static void on_pair(struct input *input, struct level *level)
{
	const yaml_node_pair_t *pair = &level->node->data.mapping.pairs.start[level->next++];
	const yaml_node_t *key = node_of(input->reader, pair->key);

	if (key->type != YAML_SCALAR_NODE) {
		input_problem(input, key, "expected a word as key");
		return;
	}
	if (key_stands_before(input, level, key)) {
		char text[49];

		reader_problem(input->reader, key, NULL, PROBLEM_DUPLICATE_KEY,
			       "input: key \"%s\" stands here twice", shown(key, text));
		input->bad = true;
		return;
	}
	write_text(input->out, scalar_of(key));
	(void)buf_put(input->out, ":", 1);
	on_node(input, node_of(input->reader, pair->value));
}

static bool level_over(const struct level *level)
{
	const yaml_node_t *node = level->node;

	if (node->type == YAML_SEQUENCE_NODE)
		return level->next ==
		       node->data.sequence.items.top - node->data.sequence.items.start;
	return level->next == node->data.mapping.pairs.top - node->data.mapping.pairs.start;
}

/* Stops early only when there is no room: then more problems would be no help. */
static void write_template(struct input *input, const yaml_node_t *root)
{
	on_node(input, root);
	while (input->depth > 0 && buf_error(input->out) == 0) {
		struct level *level = &input->levels[input->depth - 1];

		if (level_over(level)) {
			(void)buf_put(input->out,
				      level->node->type == YAML_SEQUENCE_NODE ? "]" : "}", 1);
			input->depth--;
			continue;
		}
		if (level->next > 0)
			(void)buf_put(input->out, ",", 1);
		if (level->node->type == YAML_SEQUENCE_NODE)
			on_node(input,
				node_of(input->reader,
					level->node->data.sequence.items.start[level->next++]));
		else
			on_pair(input, level);
	}
}

static void take_input(struct reader *reader, uint32_t step, const uint64_t *after, uint32_t *begin,
		       uint32_t *size)
{
	uint8_t text[WIRE_TEMPLATE_SIZE_MAX];
	const yaml_node_t *node = reader->values[step][STEP_INPUT];
	struct buf *inputs = &reader->definition->inputs;
	struct buf out;
	struct input input = {
		.reader = reader,
		.out = &out,
		.step = step,
		.ancestors = wire_plan_ancestors(after, step),
	};

	buf_init_fixed(&out, text, sizeof text);
	write_template(&input, node);
	if (buf_error(&out) != 0)
		input_problem(&input, node, "larger than 1024 bytes");
	*begin = inputs->size;
	if (!input.bad && buf_put_slice(inputs, buf_slice(&out)) != 0) {
		problems_add(reader->problems, (struct problem_place){0, 0, ""}, PROBLEM_MEMORY,
			     "out of memory");
		input.bad = true;
	}
	*size = input.bad ? 0 : out.size;
	if (input.bad)
		reader->bad_steps |= UINT64_C(1) << step;
}

void take_inputs(struct reader *reader)
{
	struct saga_definition *definition = reader->definition;
	struct wire_plan *plan = &definition->plan;
	uint32_t begins[WIRE_STEPS_MAX];
	uint32_t sizes[WIRE_STEPS_MAX] = {0};
	uint64_t after[WIRE_STEPS_MAX];

	buf_init(&definition->inputs, WIRE_STEPS_MAX * WIRE_TEMPLATE_SIZE_MAX);
	/* Aliases could make little text large, or endless. */
	if (reader->aliases)
		return;
	wire_plan_edges(plan, after);
	/* When it is not known what waits for what, anything might be picked. */
	if (reader->bad_after || reader->bad_flags)
		memset(after, 0xff, sizeof after);
	for (uint32_t i = 0; i < plan->step_count; i++)
		if (reader->values[i][STEP_INPUT] != NULL)
			take_input(reader, i, after, &begins[i], &sizes[i]);
	for (uint32_t i = 0; i < plan->step_count; i++)
		if (sizes[i] > 0)
			plan->steps[i].input =
				slice_of(definition->inputs.data + begins[i], sizes[i]);
}
