/* Templates of inputs against another reader of JSON. A part of two: a template and the saga's
 * input. What is JSON must be so for both; what was picked must be the same value. */
#include <jansson.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "wire/pick.h"

enum { OUT_MAX = 1024 * 1024 };

static bool well_formed(struct slice text, uint32_t depth_max)
{
	enum wire_json_token token;
	struct wire_json json;
	struct slice raw;

	wire_json_open(&json, text, depth_max);
	do
		token = wire_json_next(&json, &raw);
	while (token != WIRE_JSON_BAD && token != WIRE_JSON_END);
	return token == WIRE_JSON_END;
}

/* Deeper than what the reader takes, by brackets outside strings; of what is JSON. */
static bool too_deep(struct slice text, uint32_t depth_max)
{
	uint32_t depth = 0;
	bool in_string = false;

	for (uint32_t i = 0; i < text.size; i++) {
		const uint8_t c = text.data[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '[' || c == '{') && ++depth > depth_max)
			return true;
		else if (!in_string && (c == ']' || c == '}'))
			depth--;
	}
	return false;
}

/* NULL: not JSON. *limits: jansson refuses what is JSON, for limits of its own. */
static json_t *parse(struct slice text, bool *limits)
{
	json_error_t error;
	json_t *root =
		json_loadb(text.size > 0 ? (const char *)text.data : "", text.size,
			   JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);

	*limits = root == NULL && (json_error_code(&error) == json_error_numeric_overflow ||
				   json_error_code(&error) == json_error_null_byte_in_key ||
				   json_error_code(&error) == json_error_stack_overflow);
	return root;
}

/* By the text of a pick, or NULL. */
static json_t *picked(json_t *input, const char *path)
{
	while (input != NULL && *path == '.') {
		const size_t size = strcspn(path + 1, ".");
		char name[64];

		if (size >= sizeof name)
			return NULL;
		memcpy(name, path + 1, size);
		name[size] = '\0';
		path += size + 1;
		if (json_is_object(input)) {
			input = json_object_get(input, name);
		} else {
			const bool plain = strspn(name, "0123456789") == size && size < 9 &&
					   (size == 1 || name[0] != '0');

			input = plain && json_is_array(input)
					? json_array_get(input, (size_t)strtoul(name, NULL, 10))
					: NULL;
		}
	}
	return input;
}

/* The template with its picks filled in, as jansson would. By a list of what is still to be looked
 * at, since templates nest. */
static void fill(json_t *node, json_t *input)
{
	json_t *next = json_array();
	size_t done = 0;

	json_array_append(next, node);
	for (; done < json_array_size(next); done++) {
		json_t *at = json_array_get(next, done);
		const size_t count = json_array_size(at);
		const char *key;
		json_t *value;
		void *safe;

		for (size_t i = 0; i < count; i++) {
			value = json_array_get(at, i);
			if (!json_is_string(value))
				json_array_append(next, value);
			else if (strncmp(json_string_value(value), "$.input", 7) == 0) {
				json_t *found = picked(input, json_string_value(value) + 7);

				json_array_set_new(
					at, i, found != NULL ? json_deep_copy(found) : json_null());
			} else if (strncmp(json_string_value(value), "$$", 2) == 0)
				json_array_set_new(at, i,
						   json_stringn(json_string_value(value) + 1,
								json_string_length(value) - 1));
		}
		json_object_foreach_safe(at, safe, key, value)
		{
			if (!json_is_string(value))
				json_array_append(next, value);
			else if (strncmp(json_string_value(value), "$.input", 7) == 0) {
				json_t *found = picked(input, json_string_value(value) + 7);

				json_object_set_new(at, key,
						    found != NULL ? json_deep_copy(found)
								  : json_null());
			} else if (strncmp(json_string_value(value), "$$", 2) == 0)
				json_object_set_new(at, key,
						    json_stringn(json_string_value(value) + 1,
								 json_string_length(value) - 1));
		}
	}
	json_decref(next);
}

static struct slice no_output(const void *context, uint32_t step)
{
	(void)context;
	(void)step;
	return (struct slice){0};
}

/* Texts with an escaped $ look the same to jansson as picks; those are no picks. */
static bool comparable(struct slice template)
{
	return memmem(template.data, template.size, "\\u0024", 6) == NULL;
}

static void compare(struct slice template, struct slice input, struct slice filled)
{
	bool limits[3];
	/* In an array, so that there is always something around a pick. */
	json_t *expected = json_array();
	json_t *wanted = parse(template, &limits[0]);
	json_t *source = parse(input, &limits[1]);
	json_t *got = parse(filled, &limits[2]);

	CHECK(wanted != NULL || limits[0]);
	if (input.size > 0 && memchr(input.data, 0, input.size) != NULL) {
		json_decref(source); /* as above */
		source = NULL;
	}
	if (wanted != NULL && !limits[1] && !limits[2] && comparable(template)) {
		const bool deep = source != NULL && too_deep(input, WIRE_JSON_DEPTH_MAX);

		CHECK(got != NULL);
		json_array_append(expected, wanted);
		fill(expected, deep ? NULL : source);
		CHECK(json_equal(json_array_get(expected, 0), got));
	}
	json_decref(expected);
	json_decref(wanted);
	json_decref(source);
	json_decref(got);
}

static void judge(struct slice text, uint32_t depth_max)
{
	bool limits;
	json_t *root = parse(text, &limits);
	const bool good = well_formed(text, depth_max);

	/* jansson loses a NUL that stands behind a number. No JSON holds one. */
	if (text.size > 0 && memchr(text.data, 0, text.size) != NULL)
		CHECK(!good);
	else if (root != NULL)
		CHECK_EQ(good, !too_deep(text, depth_max));
	else if (!limits)
		CHECK(!good);
	json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t memory[OUT_MAX];
	struct slice rest = slice_of(data, (uint32_t)size);
	struct slice template, input;
	struct wire_step step = {.name = slice_str("a")};
	const struct wire_plan plan = {.steps = &step, .step_count = 1};
	const struct wire_pick_source source = {.input = (struct slice){0}, .output = no_output};
	struct wire_pick_source with_input = source;
	char words[256];
	struct buf out;
	struct buf why;

	if (!fuzz_part_next(&rest, &template))
		return 0;
	if (!fuzz_part_next(&rest, &input))
		input = (struct slice){0};
	judge(template, WIRE_TEMPLATE_DEPTH_MAX);
	judge(input, WIRE_JSON_DEPTH_MAX);

	buf_init_fixed(&why, words, sizeof words);
	const int verdict = wire_pick_check(template, &plan, 0, 0, &why);

	CHECK_EQ(verdict != 0, why.size > 0);
	CHECK(verdict != 0 || well_formed(template, WIRE_TEMPLATE_DEPTH_MAX));
	buf_init_fixed(&out, memory, sizeof memory);
	with_input.input = input;
	const int error = wire_pick_fill(template, &plan, &with_input, &out);

	if (verdict == 0) {
		CHECK(error == 0 || error == SAGA_E_TOO_LARGE);
		if (error == 0)
			compare(template, input, buf_slice(&out));
	}
	CHECK(error == 0 || out.size == 0);
	return 0;
}
