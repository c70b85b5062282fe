#include <jansson.h>
#include <stdlib.h>

#include "base/check.h"
#include "cli/output.h"

enum { DEPTH_MAX = 16 };

struct doc {
	json_t *levels[DEPTH_MAX]; /* borrowed from their parents, but the first */
	uint32_t depth;
	bool failed;
};

static void add(struct doc *d, const char *key, json_t *value)
{
	json_t *parent = d->levels[d->depth - 1];
	int err = -1;

	if (value != NULL && key == NULL)
		err = json_array_append_new(parent, value);
	else if (value != NULL)
		err = json_object_set_new(parent, key, value);
	if (err != 0)
		d->failed = true;
}

struct doc *doc_open(void)
{
	struct doc *d = calloc(1, sizeof *d);

	if (d == NULL)
		return NULL;
	d->levels[0] = json_object();
	if (d->levels[0] == NULL) {
		free(d);
		return NULL;
	}
	d->depth = 1;
	doc_number(d, "schema_version", JSON_SCHEMA_VERSION);
	return d;
}

static void begin(struct doc *d, const char *key, json_t *value)
{
	CHECK_LT(d->depth, DEPTH_MAX);
	add(d, key, value);
	/* After a failure the levels still have to fit together. */
	d->levels[d->depth] = d->failed ? d->levels[d->depth - 1] : value;
	d->depth++;
}

void doc_object(struct doc *d, const char *key)
{
	begin(d, key, json_object());
}

void doc_array(struct doc *d, const char *key)
{
	begin(d, key, json_array());
}

void doc_end(struct doc *d)
{
	CHECK_LT(1, d->depth);
	d->depth--;
}

void doc_text(struct doc *d, const char *key, struct slice text)
{
	add(d, key, json_stringn(text.size > 0 ? (const char *)text.data : "", text.size));
}

void doc_str(struct doc *d, const char *key, const char *text)
{
	add(d, key, text != NULL ? json_string(text) : json_null());
}

void doc_number(struct doc *d, const char *key, uint64_t number)
{
	add(d, key, json_integer((json_int_t)number));
}

void doc_bool(struct doc *d, const char *key, bool value)
{
	add(d, key, json_boolean(value));
}

void doc_payload(struct doc *d, const char *key, struct slice bytes)
{
	json_t *value = NULL;

	if (bytes.size > 0)
		value = json_loadb((const char *)bytes.data, bytes.size, JSON_DECODE_ANY, NULL);
	add(d, key, value != NULL ? value : json_null());
}

static int append(const char *bytes, size_t size, void *context)
{
	return buf_put(context, bytes, (uint32_t)size) == 0 ? 0 : -1;
}

int doc_close(struct doc *d, struct output *o)
{
	int err = SAGA_E_NO_MEMORY;

	CHECK_EQ(d->depth, 1);
	if (!d->failed && json_dump_callback(d->levels[0], append, &o->text, JSON_INDENT(2)) == 0)
		err = buf_put(&o->text, "\n", 1);
	json_decref(d->levels[0]);
	free(d);
	return err;
}

bool doc_valid(struct slice text, struct buf *why)
{
	json_error_t error;
	json_t *value = json_loadb((const char *)text.data, text.size, JSON_DECODE_ANY, &error);

	if (value == NULL)
		(void)buf_printf(why, "line %d, column %d: %s", error.line, error.column,
				 error.text);
	json_decref(value);
	return value != NULL;
}
