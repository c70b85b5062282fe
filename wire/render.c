#include "base/check.h"
#include "wire/codec.h"
#include "wire/cursor.h"
#include "wire/scan.h"
#include "wire/schema.h"

enum { RENDER_BIN_MAX = 64 };

/* An array or map that is open. `table` is NULL inside of an extension that we do not know. */
struct render_level {
	const struct wire_table *table;
	uint64_t left; /* values, for a map pairs */
	bool map;
	bool first;
};

struct renderer {
	struct wire_cursor cursor;
	struct buf *out;
	struct render_level levels[WIRE_DEPTH_MAX];
	uint32_t depth;
};

/* Control characters cannot occur: the scan refuses them. */
static void put_text(struct buf *out, struct slice text)
{
	uint32_t from = 0;

	(void)buf_put(out, "\"", 1);
	for (uint32_t i = 0; i < text.size; i++) {
		if (text.data[i] != '"' && text.data[i] != '\\')
			continue;
		(void)buf_put(out, text.data + from, i - from);
		(void)buf_put(out, "\\", 1);
		from = i;
	}
	if (text.size > from)
		(void)buf_put(out, text.data + from, text.size - from);
	(void)buf_put(out, "\"", 1);
}

static void put_bin(struct buf *out, struct slice bytes)
{
	const uint32_t shown = bytes.size < RENDER_BIN_MAX ? bytes.size : RENDER_BIN_MAX;

	(void)buf_put(out, "\"", 1);
	for (uint32_t i = 0; i < shown; i++)
		(void)buf_printf(out, "%02x", bytes.data[i]);
	if (bytes.size > shown)
		(void)buf_printf(out, "... (%u bytes)", bytes.size);
	(void)buf_put(out, "\"", 1);
}

static void put_uuid(struct buf *out, struct slice bytes)
{
	struct uuid uuid;
	char text[UUID_TEXT_SIZE + 1];

	memcpy(uuid.bytes, bytes.data, sizeof uuid.bytes);
	uuid_format(&uuid, text);
	put_text(out, slice_str(text));
}

static void put_number(struct buf *out, const struct wire_field *field, uint64_t number)
{
	if (field != NULL && field->value_name != NULL && number <= UINT32_MAX) {
		const char *name = field->value_name((uint32_t)number);
		if (strcmp(name, "unknown") != 0) {
			put_text(out, slice_str(name));
			return;
		}
	}
	(void)buf_printf(out, "%llu", (unsigned long long)number);
}

static void put_container(struct renderer *renderer, const struct wire_field *field,
			  const struct wire_token *token)
{
	const bool map = token->type == WIRE_TOKEN_MAP;

	CHECK_LT(renderer->depth, WIRE_DEPTH_MAX); /* the scan has checked the depth */
	renderer->levels[renderer->depth++] = (struct render_level){
		.table = field == NULL ? NULL : field->nested,
		.left = token->number,
		.map = map,
		.first = true,
	};
	(void)buf_put(renderer->out, map ? "{" : "[", 1);
}

static void put_value(struct renderer *renderer, const struct wire_field *field,
		      const struct wire_token *token)
{
	struct buf *out = renderer->out;

	switch (token->type) {
	case WIRE_TOKEN_NIL:
		(void)buf_printf(out, "null");
		break;
	case WIRE_TOKEN_BOOL:
		(void)buf_printf(out, token->number != 0 ? "true" : "false");
		break;
	case WIRE_TOKEN_UNSIGNED:
		put_number(out, field, token->number);
		break;
	case WIRE_TOKEN_NEGATIVE:
		(void)buf_printf(out, "\"negative\"");
		break;
	case WIRE_TOKEN_FLOAT:
		(void)buf_printf(out, "\"float\"");
		break;
	case WIRE_TOKEN_STR:
		put_text(out, token->bytes);
		break;
	case WIRE_TOKEN_BIN:
		if (field != NULL && field->type == WIRE_TYPE_UUID &&
		    token->bytes.size == UUID_SIZE)
			put_uuid(out, token->bytes);
		else
			put_bin(out, token->bytes);
		break;
	case WIRE_TOKEN_ARRAY:
	case WIRE_TOKEN_MAP:
		put_container(renderer, field, token);
		break;
	}
}

static const struct wire_field *find_field(const struct wire_table *table, uint64_t key)
{
	for (uint32_t i = 0; table != NULL && i < table->field_count; i++)
		if (table->fields[i].key == key)
			return &table->fields[i];
	return NULL;
}

static int put_pair(struct renderer *renderer, const struct wire_table *table, bool top)
{
	struct wire_token token;
	int error = wire_cursor_next(&renderer->cursor, &token);

	if (error != 0)
		return error;
	const struct wire_field *field = find_field(table, token.number);
	if (field != NULL)
		(void)buf_printf(renderer->out, "\"%s\":", field->name);
	else if (top && token.number < WIRE_KEY_FIRST)
		(void)buf_printf(renderer->out,
				 "\"%s\":", token.number == WIRE_KEY_KIND ? "kind" : "format");
	else
		(void)buf_printf(renderer->out, "\"%llu\":", (unsigned long long)token.number);

	const bool kind = field == NULL && top && token.number == WIRE_KEY_KIND;
	error = wire_cursor_next(&renderer->cursor, &token);
	if (error != 0)
		return error;
	if (kind)
		put_text(renderer->out, slice_str(table->name));
	else
		put_value(renderer, field, &token);
	return 0;
}

/* One value of an array: a map of its table, or anything inside of an unknown extension. */
static int put_element(struct renderer *renderer, const struct wire_table *table)
{
	const struct wire_field element = {.nested = table};
	struct wire_token token;
	const int error = wire_cursor_next(&renderer->cursor, &token);

	if (error == 0)
		put_value(renderer, table == NULL ? NULL : &element, &token);
	return error;
}

static int render(struct renderer *renderer, const struct wire_table *table)
{
	const struct wire_field whole = {.nested = table};
	struct wire_token token;
	int error = wire_cursor_next(&renderer->cursor, &token);

	if (error == 0)
		put_value(renderer, &whole, &token);
	while (error == 0 && renderer->depth > 0) {
		struct render_level *level = &renderer->levels[renderer->depth - 1];

		if (level->left == 0) {
			(void)buf_put(renderer->out, level->map ? "}" : "]", 1);
			renderer->depth--;
			continue;
		}
		level->left--;
		if (!level->first)
			(void)buf_put(renderer->out, ",", 1);
		level->first = false;
		error = level->map ? put_pair(renderer, level->table, renderer->depth == 1)
				   : put_element(renderer, level->table);
	}
	return error;
}

int wire_render(struct slice bytes, struct buf *out)
{
	const uint32_t start = out->size;
	enum wire_kind kind = WIRE_NONE;
	uint32_t offset;

	if (buf_error(out) != 0)
		return buf_error(out);
	int error = wire_scan(bytes, &offset);
	if (error == 0)
		error = wire_peek_kind(bytes, &kind);
	if (error != 0)
		return error;

	struct renderer renderer;
	renderer.cursor = wire_cursor_of(bytes);
	renderer.out = out;
	renderer.depth = 0;
	error = render(&renderer, wire_table_of(kind));
	if (error == 0)
		error = buf_error(out);
	if (error != 0)
		buf_truncate(out, start);
	return error;
}
