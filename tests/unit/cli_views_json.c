#include "tests/unit/cli_views_json.h"

#include <stdlib.h>

int views_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	if (f == NULL)
		return -1;
	output_init(&f->output);
	*state = f;
	return 0;
}

int views_teardown(void **state)
{
	struct fixture *f = *state;

	output_close(&f->output);
	free(f);
	return 0;
}

struct output *views_fresh(struct fixture *f, bool json)
{
	output_close(&f->output);
	output_init(&f->output);
	f->output.json = json;
	return &f->output;
}

const char *views_text(struct fixture *f)
{
	assert_int_equal(buf_error(&f->output.text), 0);
	assert_true(f->output.text.size < sizeof f->text);
	memcpy(f->text, f->output.text.data, f->output.text.size);
	f->text[f->output.text.size] = '\0';
	return f->text;
}

json_t *views_parse(struct fixture *f)
{
	json_t *root = json_loads(views_text(f), 0, NULL);

	assert_non_null(root);
	assert_int_equal(json_integer_value(json_object_get(root, "schema_version")), 1);
	return root;
}

json_t *views_at(json_t *value, const char *path)
{
	while (*path != '\0') {
		char key[64];
		const size_t size = strcspn(path, "/");

		assert_true(size < sizeof key);
		memcpy(key, path, size);
		key[size] = '\0';
		value = json_is_array(value) ? json_array_get(value, (size_t)strtoul(key, NULL, 10))
					     : json_object_get(value, key);
		if (value == NULL)
			fail_msg("no %s", path);
		path += size + (path[size] == '/' ? 1 : 0);
	}
	return value;
}

void views_expect_text(json_t *root, const char *path, const char *text)
{
	const json_t *value = views_at(root, path);

	if (!json_is_string(value))
		fail_msg("%s is no text", path);
	assert_string_equal(json_string_value(value), text);
}

void views_expect_number(json_t *root, const char *path, json_int_t number)
{
	const json_t *value = views_at(root, path);

	if (!json_is_integer(value))
		fail_msg("%s is no number", path);
	assert_int_equal(json_integer_value(value), number);
}

void views_expect_size(json_t *root, const char *path, size_t size)
{
	assert_int_equal(json_array_size(views_at(root, path)), size);
}
