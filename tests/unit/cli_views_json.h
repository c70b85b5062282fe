/* What tests of sagactl's output share: JSON is parsed back and looked at by path. */
#ifndef SAGAD_TESTS_UNIT_CLI_VIEWS_JSON_H
#define SAGAD_TESTS_UNIT_CLI_VIEWS_JSON_H

#include "tests/unit/unit.h"

#include <jansson.h>

#include "cli/views.h"

#define S(text) slice_of(text, sizeof(text) - 1)

struct fixture {
	struct output output;
	char text[64 * 1024];
};

int views_setup(void **state);
int views_teardown(void **state);
struct output *views_fresh(struct fixture *f, bool json);
const char *views_text(struct fixture *f);
json_t *views_parse(struct fixture *f);
/* A path of members and indexes: "shards/1/owner". */
json_t *views_at(json_t *value, const char *path);
void views_expect_text(json_t *root, const char *path, const char *text);
void views_expect_number(json_t *root, const char *path, json_int_t number);
void views_expect_size(json_t *root, const char *path, size_t size);

#endif
