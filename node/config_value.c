/* One value: from text into the member of struct config, and back. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/near.h"
#include "base/units.h"
#include "node/config_internal.h"
#include "node/http_listen.h"

enum { LIST_ITEM_SIZE = 64, HOST_NAME_SIZE = 256 };

uint32_t config_find(const char *name)
{
	uint32_t i = 0;

	while (i < config_key_count && strcmp(config_keys[i].name, name) != 0)
		i++;
	return i;
}

void config_env_name(const struct config_key *key, char name[CONFIG_ENV_MAX])
{
	static const char prefix[] = "SAGAD_";
	size_t size = sizeof prefix - 1;

	memcpy(name, prefix, size);
	for (const char *at = key->name; *at != '\0'; at++) {
		CHECK_LT(size + 1, CONFIG_ENV_MAX);
		if (*at == '.')
			name[size++] = '_';
		else
			name[size++] = *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
	}
	name[size] = '\0';
}

const char *config_type_name(enum config_type type)
{
	switch (type) {
	case CONFIG_TEXT:
		return "text";
	case CONFIG_LISTEN:
		return "address";
	case CONFIG_NAME:
	case CONFIG_ID:
		return "name";
	case CONFIG_URLS:
		return "urls";
	case CONFIG_FILE:
		return "file";
	case CONFIG_DURATION:
		return "duration";
	case CONFIG_SIZE:
		return "size";
	case CONFIG_U32:
		return "number";
	case CONFIG_BOOL:
		return "bool";
	case CONFIG_LIST:
		return "list";
	case CONFIG_ENUM:
		return "word";
	}
	return "text";
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

/* The first label of the host's name, with '-' for what an id may not hold. */
static void host_id(char text[ID_SIZE_MAX + 1])
{
	char host[HOST_NAME_SIZE] = "";
	uint32_t size = 0;

	if (gethostname(host, sizeof host - 1) != 0)
		host[0] = '\0';
	while (size < ID_SIZE_MAX && host[size] != '\0' && host[size] != '.') {
		text[size] = is_name_char(host[size]) ? host[size] : '-';
		size++;
	}
	text[size] = '\0';
	if (size == 0)
		memcpy(text, "node", sizeof "node");
}

const char *config_initial(const struct config_key *key, char memory[ID_SIZE_MAX + 1])
{
	if (key->initial != NULL)
		return key->initial;
	host_id(memory);
	return memory;
}

/* ---- texts --------------------------------------------------------------------------------- */

static int parse_text(const struct config_key *key, const char *text, char *member, struct buf *why)
{
	const size_t size = strlen(text);

	if (size >= key->size) {
		(void)buf_printf(why, "longer than %u bytes", key->size - 1);
		return SAGA_E_RANGE;
	}
	if (size < key->min) {
		(void)buf_printf(why, "may not be empty");
		return SAGA_E_RANGE;
	}
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
			(void)buf_printf(why, "holds a control character");
			return SAGA_E_CHARSET;
		}
	}
	memcpy(member, text, size + 1);
	return 0;
}

static int parse_listen(const struct config_key *key, const char *text, char *member,
			struct buf *why)
{
	char host[HTTP_HOST_SIZE];
	uint16_t port;

	if (text[0] != '\0' && !http_listen_parse(text, host, &port)) {
		(void)buf_printf(why,
				 "\"%.80s\" is not an address and a port, as 127.0.0.1:9180, "
				 "0.0.0.0:9180 or [::]:9180",
				 text);
		return SAGA_E_TYPE;
	}
	return parse_text(key, text, member, why);
}

static int parse_name(const struct config_key *key, const char *text, char *member, struct buf *why)
{
	if (!id_valid(slice_str(text)) || strlen(text) >= key->size) {
		(void)buf_printf(why, "\"%.80s\" is not a name: 1 to %u of A-Z a-z 0-9 _ -", text,
				 key->size - 1);
		return SAGA_E_NAME;
	}
	memcpy(member, text, strlen(text) + 1);
	return 0;
}

static int parse_id(const struct config_key *key, const char *text, struct id *member,
		    struct buf *why)
{
	struct id id;

	if (text[0] == '\0' && key->min == 0) {
		*member = (struct id){0};
		return 0;
	}
	if (id_from(&id, slice_str(text)) != 0) {
		(void)buf_printf(why, "\"%.80s\" is not a name: 1 to %u of A-Z a-z 0-9 _ -", text,
				 (unsigned)ID_SIZE_MAX);
		return SAGA_E_NAME;
	}
	*member = id;
	return 0;
}

/* ---- lists --------------------------------------------------------------------------------- */

/* Tokens of a subject: names with dots between, or a leading "_" as in "_INBOX". */
static bool is_subject_prefix(struct slice text)
{
	uint8_t before = '.';

	for (uint32_t i = 0; i < text.size; i++) {
		if (text.data[i] == '.' ? before == '.' : !is_name_char((char)text.data[i]))
			return false;
		before = text.data[i];
	}
	return before != '.';
}

static int parse_list(const char *text, struct config *config, struct buf *why)
{
	char items[CONFIG_LIST_MAX][LIST_ITEM_SIZE];
	const char *at = text;
	uint32_t count = 0;

	memset(items, 0, sizeof items);
	for (;;) {
		const size_t size = strcspn(at, ",");

		if (count == CONFIG_LIST_MAX) {
			(void)buf_printf(why, "more than %u items", (unsigned)CONFIG_LIST_MAX);
			return SAGA_E_RANGE;
		}
		if (size >= LIST_ITEM_SIZE || !is_subject_prefix(slice_of(at, (uint32_t)size))) {
			(void)buf_printf(why,
					 "\"%.*s\" is not the start of a subject: names of "
					 "A-Z a-z 0-9 _ - with dots between",
					 size < 80 ? (int)size : 80, at);
			return SAGA_E_NAME;
		}
		memcpy(items[count++], at, size);
		if (at[size] == '\0')
			break;
		at += size + 1;
	}
	memcpy(config->nats_inbox_prefixes, items, sizeof items);
	config->nats_inbox_prefix_count = count;
	return 0;
}

/* ---- numbers and words --------------------------------------------------------------------- */

static int parse_number(const struct config_key *key, const char *text, uint64_t *value,
			struct buf *why)
{
	char min[UNITS_TEXT_SIZE];
	char max[UNITS_TEXT_SIZE];
	uint64_t number = 0;
	int err;

	if (key->type == CONFIG_DURATION) {
		units_format_duration(key->min, min);
		units_format_duration(key->max, max);
		err = units_parse_duration(text, &number);
	} else if (key->type == CONFIG_SIZE) {
		units_format_size(key->min, min);
		units_format_size(key->max, max);
		err = units_parse_size(text, &number);
	} else {
		(void)snprintf(min, sizeof min, "%llu", (unsigned long long)key->min);
		(void)snprintf(max, sizeof max, "%llu", (unsigned long long)key->max);
		err = units_parse_count(text, &number);
	}
	if (err == SAGA_E_TYPE && key->type == CONFIG_DURATION)
		(void)buf_printf(why, "\"%.80s\" is not a duration: a number with ms, s, m, h or d",
				 text);
	else if (err == SAGA_E_TYPE && key->type == CONFIG_SIZE)
		(void)buf_printf(why, "\"%.80s\" is not a size: a number with B, KiB, MiB or GiB",
				 text);
	else if (err == SAGA_E_TYPE)
		(void)buf_printf(why, "\"%.80s\" is not a whole number", text);
	if (err == SAGA_E_TYPE)
		return err;
	if (err != 0 || number < key->min || number > key->max) {
		(void)buf_printf(why, "\"%.80s\" is out of range: %s to %s", text, min, max);
		return SAGA_E_RANGE;
	}
	*value = number;
	return 0;
}

static int parse_bool(const char *text, bool *member, struct buf *why)
{
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
		(void)buf_printf(why, "\"%.80s\" is neither true nor false", text);
		return SAGA_E_TYPE;
	}
	*member = text[0] == 't';
	return 0;
}

static int parse_word(const struct config_key *key, const char *text, int *member, struct buf *why)
{
	const char *near = NULL;
	uint32_t count = 0;

	for (; key->words[count] != NULL; count++) {
		if (strcmp(key->words[count], text) == 0) {
			*member = (int)count;
			return 0;
		}
	}
	(void)buf_printf(why, "\"%.80s\" is not one of", text);
	for (uint32_t i = 0; i < count; i++)
		(void)buf_printf(why, "%s %s", i == 0 ? "" : ",", key->words[i]);
	near = near_name(text, key->words, count);
	if (near != NULL)
		(void)buf_printf(why, ": did you mean \"%s\"?", near);
	return SAGA_E_TYPE;
}

/* ---- all ----------------------------------------------------------------------------------- */

int config_parse(const struct config_key *key, const char *text, struct config *config,
		 struct buf *why)
{
	void *member = (char *)config + key->offset;
	uint64_t number = 0;
	int err = 0;

	switch (key->type) {
	case CONFIG_LISTEN:
		return parse_listen(key, text, member, why);
	case CONFIG_TEXT:
	case CONFIG_URLS:
	case CONFIG_FILE:
		return parse_text(key, text, member, why);
	case CONFIG_NAME:
		return parse_name(key, text, member, why);
	case CONFIG_ID:
		return parse_id(key, text, member, why);
	case CONFIG_LIST:
		return parse_list(text, config, why);
	case CONFIG_BOOL:
		return parse_bool(text, member, why);
	case CONFIG_ENUM:
		return parse_word(key, text, member, why);
	case CONFIG_DURATION:
	case CONFIG_SIZE:
	case CONFIG_U32:
		err = parse_number(key, text, &number, why);
		break;
	}
	if (err != 0)
		return err;
	if (key->type == CONFIG_SIZE)
		*(uint64_t *)member = number;
	else
		*(uint32_t *)member = (uint32_t)number;
	return 0;
}

void config_format(const struct config_key *key, const struct config *config, struct buf *out)
{
	const void *member = (const char *)config + key->offset;
	char text[UNITS_TEXT_SIZE];

	switch (key->type) {
	case CONFIG_TEXT:
	case CONFIG_LISTEN:
	case CONFIG_NAME:
	case CONFIG_URLS:
	case CONFIG_FILE:
		(void)buf_printf(out, "%s", (const char *)member);
		break;
	case CONFIG_ID:
		(void)buf_printf(out, "%s", ((const struct id *)member)->text);
		break;
	case CONFIG_LIST:
		for (uint32_t i = 0; i < config->nats_inbox_prefix_count; i++)
			(void)buf_printf(out, "%s%s", i == 0 ? "" : ",",
					 config->nats_inbox_prefixes[i]);
		break;
	case CONFIG_BOOL:
		(void)buf_printf(out, "%s", *(const bool *)member ? "true" : "false");
		break;
	case CONFIG_ENUM:
		(void)buf_printf(out, "%s", key->words[*(const int *)member]);
		break;
	case CONFIG_DURATION:
		units_format_duration(*(const uint32_t *)member, text);
		(void)buf_printf(out, "%s", text);
		break;
	case CONFIG_SIZE:
		units_format_size(*(const uint64_t *)member, text);
		(void)buf_printf(out, "%s", text);
		break;
	case CONFIG_U32:
		(void)buf_printf(out, "%u", *(const uint32_t *)member);
		break;
	}
}
