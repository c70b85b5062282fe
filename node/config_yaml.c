/* The file: libyaml's events, so that every key and value has its line and column. Sections nest
 * ("nats:" / "  tls:" / "    ca_file:"), and dots say the same ("nats.tls.ca_file:"). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "base/check.h"
#include "base/near.h"
#include "node/config_internal.h"

enum { DEPTH_MAX = 8, PATH_SIZE = 256, LIST_SIZE = 2 * CONFIG_TEXT_MAX };

struct level {
	uint32_t prefix_size; /* of `path`, up to and with the section's dot */
	bool ignored;         /* the section is unknown: said once, not for each key in it */
};

struct reader {
	struct config_loader *loader;
	const char *file;
	struct level levels[DEPTH_MAX];
	uint32_t depth;       /* 0 = outside of the root mapping */
	char path[PATH_SIZE]; /* the key in hand, with its sections */
	bool has_key;
	yaml_mark_t key_mark;
	bool in_list;
	yaml_mark_t list_mark;
	struct buf list; /* items with commas between, as one text */
	bool failed;     /* nothing after this makes sense */
};

static void place_at(const struct reader *r, yaml_mark_t mark, char place[CONFIG_PLACE_MAX])
{
	(void)snprintf(place, CONFIG_PLACE_MAX, "%.400s:%zu:%zu", r->file, mark.line + 1,
		       mark.column + 1);
}

static void complain(struct reader *r, yaml_mark_t mark, const char *text)
{
	char place[CONFIG_PLACE_MAX];

	place_at(r, mark, place);
	config_complain(r->loader, place, "%s", text);
}

static bool ignored(const struct reader *r)
{
	return r->depth > 0 && r->levels[r->depth - 1].ignored;
}

/* ---- names --------------------------------------------------------------------------------- */

static bool is_section(const char *name)
{
	const size_t size = strlen(name);

	for (uint32_t i = 0; i < config_key_count; i++) {
		if (strncmp(config_keys[i].name, name, size) == 0 &&
		    config_keys[i].name[size] == '.')
			return true;
	}
	return false;
}

static void complain_section(struct reader *r, const char *name)
{
	char sections[CONFIG_KEYS_MAX][CONFIG_ENV_MAX];
	const char *names[CONFIG_KEYS_MAX];
	const char *near = NULL;
	char place[CONFIG_PLACE_MAX];
	uint32_t count = 0;

	for (uint32_t i = 0; i < config_key_count; i++) {
		const char *dot = strrchr(config_keys[i].name, '.');

		if (dot == NULL)
			continue;
		(void)snprintf(sections[count], sizeof sections[count], "%.*s",
			       (int)(dot - config_keys[i].name), config_keys[i].name);
		names[count] = sections[count];
		count++;
	}
	near = near_name(name, names, count);
	place_at(r, r->key_mark, place);
	if (near != NULL)
		config_complain(r->loader, place, "unknown section \"%.80s\": did you mean \"%s\"?",
				name, near);
	else
		config_complain(r->loader, place, "unknown section \"%.80s\"", name);
}

static void take_key(struct reader *r, const char *text, yaml_mark_t mark)
{
	const struct level *level = &r->levels[r->depth - 1];
	const size_t size = strlen(text);

	r->has_key = true;
	r->key_mark = mark;
	/* A key that does not fit is unknown in any case: its start is enough to say so. */
	(void)snprintf(r->path + level->prefix_size, sizeof r->path - level->prefix_size, "%.*s",
		       size < 100 ? (int)size : 100, text);
}

/* ---- values -------------------------------------------------------------------------------- */

static void set(struct reader *r, const char *text, yaml_mark_t mark, bool list)
{
	const uint32_t key = config_find(r->path);
	char place[CONFIG_PLACE_MAX];

	if (key == config_key_count) {
		place_at(r, r->key_mark, place);
		config_complain_unknown(r->loader, place, r->path);
		return;
	}
	place_at(r, mark, place);
	if (list && config_keys[key].type != CONFIG_LIST && config_keys[key].type != CONFIG_URLS)
		config_complain(r->loader, place, "%s takes one value, not a list", r->path);
	else
		config_set(r->loader, CONFIG_LAYER_FILE, place, key, text);
}

static void take_value(struct reader *r, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	const bool empty = event->data.scalar.length == 0 &&
			   event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	r->has_key = false;
	/* "nats:" with all its keys commented out is an empty section. */
	if (ignored(r) || (empty && is_section(r->path)))
		return;
	if (strlen(text) != event->data.scalar.length)
		complain(r, event->start_mark, "a value holds a zero byte");
	else if (empty && config_find(r->path) != config_key_count)
		complain(r, r->key_mark, "the key has no value: write \"\" for an empty one");
	else
		set(r, text, event->start_mark, false);
}

static void on_scalar(struct reader *r, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;

	if (r->in_list) {
		if (r->list.size > 0)
			(void)buf_put(&r->list, ",", 1);
		(void)buf_put(&r->list, text, (uint32_t)strlen(text));
	} else if (r->depth == 0) {
		/* An empty document is a scalar of nothing. */
		if (event->data.scalar.length > 0) {
			complain(r, event->start_mark, "the file must hold keys and values");
			r->failed = true;
		}
	} else if (r->has_key) {
		take_value(r, event);
	} else {
		take_key(r, text, event->start_mark);
	}
}

/* ---- sections and lists -------------------------------------------------------------------- */

static void on_mapping(struct reader *r, const yaml_event_t *event)
{
	struct level level = {.prefix_size = 0, .ignored = ignored(r)};

	if (r->in_list || (r->depth > 0 && !r->has_key) || r->depth == DEPTH_MAX) {
		complain(r, event->start_mark, "a section may not stand here");
		r->failed = true;
		return;
	}
	if (r->depth > 0) {
		const size_t size = strlen(r->path);

		if (!level.ignored && !is_section(r->path)) {
			if (config_find(r->path) != config_key_count)
				complain(r, event->start_mark, "this key takes a value");
			else
				complain_section(r, r->path);
			level.ignored = true;
		}
		if (size + 2 > sizeof r->path) {
			r->failed = true;
			return;
		}
		r->path[size] = '.';
		r->path[size + 1] = '\0';
		level.prefix_size = (uint32_t)size + 1;
	}
	r->has_key = false;
	r->levels[r->depth++] = level;
}

static void on_sequence(struct reader *r, const yaml_event_t *event)
{
	if (r->in_list || !r->has_key) {
		complain(r, event->start_mark, "a list may not stand here");
		r->failed = true;
		return;
	}
	r->in_list = true;
	r->list_mark = event->start_mark;
	buf_clear(&r->list);
}

static void on_sequence_end(struct reader *r)
{
	r->in_list = false;
	r->has_key = false;
	if (ignored(r))
		return;
	if (buf_put(&r->list, "", 1) != 0)
		complain(r, r->list_mark, "the list is too long");
	else
		set(r, (const char *)r->list.data, r->list_mark, true);
}

/* False at the end of the stream. */
static bool on_event(struct reader *r, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		on_scalar(r, event);
		break;
	case YAML_MAPPING_START_EVENT:
		on_mapping(r, event);
		break;
	case YAML_MAPPING_END_EVENT:
		CHECK_LT(0, r->depth);
		r->depth--;
		r->has_key = false;
		break;
	case YAML_SEQUENCE_START_EVENT:
		on_sequence(r, event);
		break;
	case YAML_SEQUENCE_END_EVENT:
		on_sequence_end(r);
		break;
	case YAML_ALIAS_EVENT:
		complain(r, event->start_mark, "aliases are not supported");
		r->failed = true;
		break;
	case YAML_STREAM_END_EVENT:
		return false;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		break;
	}
	return !r->failed;
}

static void parse(struct reader *r, FILE *file)
{
	yaml_parser_t parser;
	bool more = true;

	if (yaml_parser_initialize(&parser) == 0) {
		config_complain(r->loader, r->file, "out of memory");
		return;
	}
	yaml_parser_set_input_file(&parser, file);
	while (more) {
		yaml_event_t event;

		if (yaml_parser_parse(&parser, &event) == 0) {
			complain(r, parser.problem_mark,
				 parser.problem == NULL ? "not valid YAML" : parser.problem);
			break;
		}
		more = on_event(r, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
}

void config_read_yaml(struct config_loader *loader, const char *path)
{
	struct reader r = {.loader = loader, .file = path};
	FILE *file = fopen(path, "re");

	if (file == NULL) {
		config_complain(loader, path, "cannot be read: %s", strerror(errno));
		return;
	}
	buf_init(&r.list, LIST_SIZE);
	parse(&r, file);
	buf_close(&r.list);
	(void)fclose(file);
}
