/* Reads definitions in YAML (docs/definitions.md). libyaml reads the document into a tree whose
 * nodes know their places; everything is then looked at once, so that all problems are reported
 * together.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/definition_reader_yaml.h"
#include "wire/plan.h"

enum { VERSION_MAX = 1000000000 };

/* ---- what the plan's rules say ------------------------------------------------------------------
 */

/* The key that stands for a field of the plan, or STEP_KEYS. */
static enum definition_step_key key_of(const struct reader *reader,
				       const struct wire_plan_fault *fault)
{
	const yaml_node_t *const *values = reader->values[fault->step];
	const uint32_t flags = reader->definition->steps[fault->step].flags;

	if (fault->key == WIRE_STEP_KEY_AFTER)
		return STEP_AFTER;
	if (fault->key == WIRE_STEP_KEY_INPUT)
		return STEP_INPUT;
	if (fault->key != WIRE_STEP_KEY_FLAGS)
		return STEP_KEYS;
	if (flags & WIRE_STEP_RETRIABLE)
		return STEP_RETRIABLE;
	return values[STEP_LAST_RESOURCE] != NULL ? STEP_LAST_RESOURCE : STEP_PIVOT;
}

/* What a fault may only follow from is not told: the cause has been. */
static bool follows(const struct reader *reader, const struct wire_plan_fault *fault)
{
	if (fault->step >= WIRE_STEPS_MAX)
		return reader->problems->count > 0;
	if (fault->key == WIRE_STEP_KEY_FLAGS || fault->key == WIRE_STEP_KEY_AFTER)
		return reader->bad_flags;
	return (reader->bad_steps >> fault->step & 1) != 0 || reader->problems->count > 0;
}

static void on_fault(void *context, const struct wire_plan_fault *fault)
{
	struct reader *reader = context;

	if (follows(reader, fault))
		return;
	if (fault->step >= WIRE_STEPS_MAX) {
		reader_problem(reader, yaml_document_get_root_node(&reader->document), NULL,
			       PROBLEM_PLAN, "the definition %s", fault->text);
		return;
	}
	const enum definition_step_key key = key_of(reader, fault);
	const yaml_node_t *value = key < STEP_KEYS ? reader->values[fault->step][key] : NULL;
	const enum problem_code code = fault->key == WIRE_STEP_KEY_INPUT   ? PROBLEM_INPUT
				       : fault->key == WIRE_STEP_KEY_FLAGS ? PROBLEM_PIVOT
				       : fault->key == WIRE_STEP_KEY_AFTER ? PROBLEM_ORDER
									   : PROBLEM_PLAN;

	reader_problem(reader, value != NULL ? value : reader->steps[fault->step],
		       value == NULL && key < STEP_KEYS ? definition_step_keys[key] : NULL, code,
		       "step \"%s\": %s", reader->definition->names[fault->step].name.text,
		       fault->text);
}

/* ---- the whole ----------------------------------------------------------------------------------
 */

static void take_defaults(struct reader *reader, const yaml_node_t *node)
{
	const yaml_node_t *values[DEFAULT_KEYS];

	if (node == NULL || !take_map(reader, node, "defaults", definition_default_keys,
				      DEFAULT_KEYS, values, NULL))
		return;
	take_duration(reader, values[DEFAULT_TIMEOUT], "timeout", DEFINITION_TIMEOUT_MIN_MS,
		      DEFINITION_DAY_MS, "10ms to 1d", &reader->timeout_ms);
	take_retry(reader, values[DEFAULT_RETRY], "retry", &reader->retry);
	take_retry(reader, values[DEFAULT_UNDO_RETRY], "undo_retry", &reader->undo_retry);
	take_delivery(reader, values[DEFAULT_DELIVERY], &reader->delivery);
}

static void take_protocol(struct reader *reader, const yaml_node_t *node)
{
	struct wire_plan *plan = &reader->definition->plan;
	char text[49];

	if (node == NULL)
		return;
	reader->bad_protocol = true;
	if (!want_scalar(reader, node, "protocol"))
		return;
	for (uint32_t i = WIRE_PROTOCOL_SAGA; i <= WIRE_PROTOCOL_MIXED; i++) {
		if (!slice_equal(scalar_of(node), slice_str(definition_protocol_name(i))))
			continue;
		plan->protocol = i;
		reader->bad_protocol = false;
		return;
	}
	reader_problem(reader, node, NULL, PROBLEM_CHOICE,
		       "protocol: \"%s\" is neither saga, tcc, 2pc nor mixed", shown(node, text));
}

static void take_root(struct reader *reader, const yaml_node_t *root)
{
	struct wire_plan *plan = &reader->definition->plan;
	const yaml_node_t *values[ROOT_KEYS];

	if (!take_map(reader, root, "the definition", definition_root_keys, ROOT_KEYS, values,
		      NULL))
		return;
	for (uint32_t i = 0; i < ROOT_KEYS; i++)
		if (values[i] != NULL)
			reader->places->root[i] = place_of(values[i]);
	if (values[ROOT_NAME] == NULL)
		reader_problem(reader, root, "name", PROBLEM_MISSING_KEY,
			       "the definition has no name");
	take_name(reader, values[ROOT_NAME], "name", &reader->definition->name);
	plan->name = id_slice(&reader->definition->name);
	take_number(reader, values[ROOT_VERSION], "version", 0, 1, VERSION_MAX, "1 to 1000000000",
		    &plan->version);
	take_protocol(reader, values[ROOT_PROTOCOL]);
	take_duration(reader, values[ROOT_DEADLINE], "deadline", DEFINITION_TIMEOUT_MIN_MS,
		      DEFINITION_MONTH_MS, "10ms to 30d", &plan->deadline_ms);
	take_defaults(reader, values[ROOT_DEFAULTS]);
	if (values[ROOT_STEPS] == NULL)
		reader_problem(reader, root, "steps", PROBLEM_MISSING_KEY,
			       "the definition has no steps");
	else
		take_steps(reader, values[ROOT_STEPS]);
	if (plan->step_count > 0 && !reader->bad_protocol)
		wire_plan_faults(plan, on_fault, reader);
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
		reader->aliases = true;
		problems_add(reader->problems, (struct problem_place){0, 0, ""}, PROBLEM_MEMORY,
			     "out of memory");
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
		if (references[i + 1] < 2)
			continue;
		reader->aliases = true;
		reader_problem(reader, &nodes[i], NULL, PROBLEM_ALIAS,
			       "anchors and aliases are not supported");
	}
	free(references);
}

/* They would say that something is what it does not look like. */
static void refuse_tags(struct reader *reader)
{
	for (const yaml_node_t *node = reader->document.nodes.start;
	     node < reader->document.nodes.top; node++) {
		const char *plain = node->type == YAML_SCALAR_NODE     ? YAML_DEFAULT_SCALAR_TAG
				    : node->type == YAML_SEQUENCE_NODE ? YAML_DEFAULT_SEQUENCE_TAG
								       : YAML_DEFAULT_MAPPING_TAG;

		if (node->tag != NULL && strcmp((const char *)node->tag, plain) != 0)
			reader_problem(reader, node, NULL, PROBLEM_TAG, "tags are not supported");
	}
}

static void syntax_problem(struct problems *problems, const yaml_parser_t *parser)
{
	if (parser->error == YAML_READER_ERROR)
		problems_add(problems, (struct problem_place){0, 0, ""}, PROBLEM_SYNTAX,
			     "byte %zu: %s", parser->problem_offset, parser->problem);
	else
		problems_add(problems,
			     (struct problem_place){(uint32_t)parser->problem_mark.line + 1,
						    (uint32_t)parser->problem_mark.column + 1, ""},
			     PROBLEM_SYNTAX, "%s",
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
		problems_add(reader->problems, (struct problem_place){1, 1, ""}, PROBLEM_EMPTY,
			     "the definition is empty");
		return false;
	}
	if (yaml_parser_load(parser, &more) == 0) {
		syntax_problem(reader->problems, parser);
		return true;
	}
	if (yaml_document_get_root_node(&more) != NULL)
		problems_add(reader->problems,
			     (struct problem_place){(uint32_t)more.start_mark.line + 1, 1, ""},
			     PROBLEM_DOCUMENTS, "a second document: one definition a file");
	yaml_document_delete(&more);
	return true;
}

static void read_text(struct reader *reader, const char *text, size_t size)
{
	yaml_parser_t parser;

	if (yaml_parser_initialize(&parser) == 0) {
		problems_add(reader->problems, (struct problem_place){0, 0, ""}, PROBLEM_MEMORY,
			     "out of memory");
		return;
	}
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	/* libyaml asserts that there is a text, even an empty one. */
	yaml_parser_set_input_string(&parser, (const unsigned char *)(text == NULL ? "" : text),
				     size);
	if (parse_tree(reader, &parser)) {
		refuse_aliases(reader);
		refuse_tags(reader);
		take_root(reader, yaml_document_get_root_node(&reader->document));
		yaml_document_delete(&reader->document);
	}
	yaml_parser_delete(&parser);
}

void definition_read_yaml(const char *text, size_t size, struct saga_definition *definition,
			  struct definition_places *places, struct problems *problems)
{
	struct reader *reader = calloc(1, sizeof *reader);
	struct definition_places *own = calloc(1, sizeof *own);

	if (reader == NULL || own == NULL) {
		problems_add(problems, (struct problem_place){0, 0, ""}, PROBLEM_MEMORY,
			     "out of memory");
	} else {
		reader->problems = problems;
		reader->definition = definition;
		reader->places = places != NULL ? places : own;
		reader->retry = wire_retry_default();
		reader->undo_retry = wire_retry_default_undo();
		reader->delivery = WIRE_DELIVERY_DURABLE;
		definition->plan.version = 1;
		definition->plan.protocol = WIRE_PROTOCOL_SAGA;
		definition->plan.deadline_ms = WIRE_DEADLINE_DEFAULT_MS;
		read_text(reader, text, size);
	}
	free(reader);
	free(own);
}
