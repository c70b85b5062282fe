/* The published schema says what the reader does: the same keys and limits, and the same verdict on
 * samples. tests/vectors/definition/verify.py asks a validator of schemas for its verdict. */
#include "tests/unit/unit.h"

#include <jansson.h>
#include <saga.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/definition.h"
#include "client/definition_problems.h"

static json_t *load(const char *file)
{
	json_error_t error;
	json_t *root = json_load_file(file, JSON_REJECT_DUPLICATES, &error);

	if (root == NULL)
		fail_msg("%s:%d: %s", file, error.line, error.text);
	return root;
}

/* "a/b/c" */
static json_t *at(json_t *node, const char *path)
{
	char name[64];

	while (*path != '\0') {
		const size_t size = strcspn(path, "/");

		assert_true(size < sizeof name);
		memcpy(name, path, size);
		name[size] = '\0';
		node = json_object_get(node, name);
		if (node == NULL)
			fail_msg("the schema has no %s", name);
		path += size + (path[size] == '/' ? 1 : 0);
	}
	return node;
}

static void assert_keys(json_t *schema, const char *path, const char *const *names, uint32_t count)
{
	json_t *properties = at(schema, path);

	for (uint32_t i = 0; i < count; i++)
		if (json_object_get(properties, names[i]) == NULL)
			fail_msg("%s: the schema lacks %s", path, names[i]);
	assert_int_equal(json_object_size(properties), count);
}

static void the_same_keys(void **state)
{
	json_t *schema = load(SAGAD_SOURCE_DIR "/docs/schema/definition.json");

	(void)state;
	assert_keys(schema, "properties", definition_root_keys, ROOT_KEYS);
	assert_keys(schema, "$defs/defaults/properties", definition_default_keys, DEFAULT_KEYS);
	assert_keys(schema, "$defs/retry/properties", definition_retry_keys, RETRY_KEYS);
	assert_keys(schema, "$defs/step/properties", definition_step_keys, STEP_KEYS);
	json_decref(schema);
}

static void the_same_limits(void **state)
{
	json_t *schema = load(SAGAD_SOURCE_DIR "/docs/schema/definition.json");
	json_t *protocols = at(schema, "properties/protocol/enum");

	(void)state;
	assert_int_equal(json_integer_value(at(schema, "properties/steps/maxItems")),
			 WIRE_STEPS_MAX);
	assert_int_equal(json_array_size(protocols), WIRE_PROTOCOL_MIXED);
	for (uint32_t i = 0; i < WIRE_PROTOCOL_MIXED; i++)
		assert_string_equal(json_string_value(json_array_get(protocols, i)),
				    definition_protocol_name(i + 1));
	json_decref(schema);
}

static void the_same_verdicts(void **state)
{
	json_t *samples = load(SAGAD_SOURCE_DIR "/tests/vectors/definition/samples.json");
	json_t *sample;
	size_t index;

	(void)state;
	json_array_foreach(samples, index, sample)
	{
		char *text = json_dumps(json_object_get(sample, "definition"), JSON_INDENT(2));
		struct saga_definition *definition = NULL;
		char why[2048];

		assert_non_null(text);
		const int err = saga_definition_parse(text, strlen(text), "t", &definition, why,
						      sizeof why);

		if ((err == 0) != json_is_true(json_object_get(sample, "valid")))
			fail_msg("%s: %d: %s\n%s",
				 json_string_value(json_object_get(sample, "what")), err, why,
				 text);
		saga_definition_free(definition);
		free(text);
	}
	assert_true(json_array_size(samples) > 60);
	json_decref(samples);
}

static char *documentation(void)
{
	size_t size;
	char *text = definition_read_file(SAGAD_SOURCE_DIR "/docs/definitions.md", &size);

	assert_non_null(text);
	assert_true(size < DEFINITION_SIZE_MAX);
	text[size] = '\0';
	return text;
}

static void the_codes_are_documented(void **state)
{
	char *text = documentation();

	(void)state;
	for (uint32_t code = 0; code < PROBLEM_CODES; code++) {
		char mark[64];

		(void)snprintf(mark, sizeof mark, "`%s`", problem_code_name(code));
		if (strstr(text, mark) == NULL)
			fail_msg("docs/definitions.md does not know %s", mark);
	}
	free(text);
}

static void the_documented_example_is_good(void **state)
{
	static const char begin[] = "```yaml\n";
	char *text = documentation();
	const char *example = strstr(text, begin);
	struct saga_definition *definition = NULL;
	char why[2048];

	(void)state;
	assert_non_null(example);
	example += sizeof begin - 1;
	const char *end = strstr(example, "```");

	assert_non_null(end);
	if (saga_definition_parse(example, (size_t)(end - example), "t", &definition, why,
				  sizeof why) != 0)
		fail_msg("%s", why);
	saga_definition_free(definition);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_keys),
		cmocka_unit_test(the_same_limits),
		cmocka_unit_test(the_same_verdicts),
		cmocka_unit_test(the_codes_are_documented),
		cmocka_unit_test(the_documented_example_is_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
