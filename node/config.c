/* The layers in their order, and what they have in common. */
#include "node/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/near.h"
#include "node/config_internal.h"

enum { LINE_SIZE = 1536, WHY_SIZE = 512 };

void config_complain(struct config_loader *loader, const char *place, const char *format, ...)
{
	char line[LINE_SIZE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	/* What is repeated here came from outside: it must not fake a line of its own. */
	for (char *at = line; *at != '\0'; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
	}
	loader->error_count++;
	(void)buf_printf(loader->errors, "%s: %s\n", place, line);
}

void config_complain_unknown(struct config_loader *loader, const char *place, const char *name)
{
	const char *names[CONFIG_KEYS_MAX];
	const char *near = NULL;

	for (uint32_t i = 0; i < config_key_count; i++)
		names[i] = config_keys[i].name;
	near = near_name(name, names, config_key_count);
	if (near != NULL)
		config_complain(loader, place, "unknown key \"%.80s\": did you mean \"%s\"?", name,
				near);
	else
		config_complain(loader, place,
				"unknown key \"%.80s\": `sagad --print-defaults` shows all keys",
				name);
}

void config_set(struct config_loader *loader, enum config_layer layer, const char *place,
		uint32_t key, const char *text)
{
	const struct config_key *row = &config_keys[key];
	char memory[WHY_SIZE];
	struct buf why;

	CHECK_LT(key, config_key_count);
	if (layer == CONFIG_LAYER_FILE && loader->source[key].layer == layer) {
		config_complain(loader, place, "%s is set twice, first at %s", row->name,
				loader->source[key].place);
		return;
	}
	/* Also when the value is bad: then it is not "unset" for the second one. */
	loader->source[key].layer = layer;
	(void)snprintf(loader->source[key].place, CONFIG_PLACE_MAX, "%s", place);
	buf_init_fixed(&why, memory, sizeof memory - 1);
	if (config_parse(row, text, loader->config, &why) == 0)
		return;
	memory[why.size] = '\0';
	config_complain(loader, place, "%s: %s", row->name, memory);
}

/* ---- environment --------------------------------------------------------------------------- */

static bool begins(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* Names that others give: SAGAD_CONFIG is read before, the launcher's tell where programs are, and
 * Kubernetes describes a service called "sagad" to every pod beside it. */
static bool is_foreign(const char *name)
{
	static const char *const names[] = {"SAGAD_CONFIG", "SAGAD_BIN", "SAGAD_TOOLS",
					    "SAGAD_TEST_JOBS", "SAGAD_PORT"};

	for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return begins(name, "SAGAD_SERVICE_") || begins(name, "SAGAD_PORT_");
}

static void complain_variable(struct config_loader *loader, const char *place, const char *name)
{
	char texts[CONFIG_KEYS_MAX][CONFIG_ENV_MAX];
	const char *names[CONFIG_KEYS_MAX];
	const char *near = NULL;

	for (uint32_t i = 0; i < config_key_count; i++) {
		config_env_name(&config_keys[i], texts[i]);
		names[i] = texts[i];
	}
	near = near_name(name, names, config_key_count);
	if (near != NULL)
		config_complain(loader, place, "unknown name: did you mean %s?", near);
	else
		config_complain(loader, place, "unknown name: `sagad --help` lists all");
}

void config_read_environment(struct config_loader *loader, char **env)
{
	for (; *env != NULL; env++) {
		const size_t size = strcspn(*env, "=");
		char name[CONFIG_ENV_MAX * 2];
		char place[CONFIG_ENV_MAX * 3];
		char known[CONFIG_ENV_MAX];
		uint32_t i = 0;

		if (!begins(*env, "SAGAD_") || (*env)[size] != '=')
			continue;
		(void)snprintf(name, sizeof name, "%.*s",
			       size < sizeof name ? (int)size : (int)sizeof name - 1, *env);
		if (is_foreign(name))
			continue;
		(void)snprintf(place, sizeof place, "environment %s", name);
		for (; i < config_key_count; i++) {
			config_env_name(&config_keys[i], known);
			if (strcmp(name, known) == 0)
				break;
		}
		if (i == config_key_count)
			complain_variable(loader, place, name);
		else
			config_set(loader, CONFIG_LAYER_ENVIRONMENT, place, i, *env + size + 1);
	}
}

/* ---- all together -------------------------------------------------------------------------- */

static const char *file_of(const struct config_flags *flags, char **env)
{
	static const char name[] = "SAGAD_CONFIG=";

	if (flags->file != NULL)
		return flags->file;
	for (; *env != NULL; env++) {
		if (begins(*env, name) && (*env)[sizeof name - 1] != '\0')
			return *env + sizeof name - 1;
	}
	return NULL;
}

static void set_defaults(struct config_loader *loader)
{
	char memory[ID_SIZE_MAX + 1];

	memset(loader->config, 0, sizeof *loader->config);
	for (uint32_t i = 0; i < config_key_count; i++)
		config_set(loader, CONFIG_LAYER_DEFAULT, "default", i,
			   config_initial(&config_keys[i], memory));
	CHECK_EQ(loader->error_count, 0);
}

static int load(struct config_loader *loader, const struct config_flags *flags, char **env,
		uint32_t usage_errors)
{
	const char *file = file_of(flags, env);

	if (file != NULL)
		config_read_yaml(loader, file);
	config_read_environment(loader, env);
	for (uint32_t i = 0; i < flags->count; i++)
		config_set(loader, CONFIG_LAYER_FLAG, flags->values[i].place, flags->values[i].key,
			   flags->values[i].value);
	config_cross_check(loader);
	if (loader->error_count == 0)
		return 0;
	return usage_errors > 0 ? SAGA_E_USAGE : SAGA_E_CONFIG;
}

int config_load(int argc, char **argv, char **env, struct config *config,
		enum config_action *action, struct buf *errors)
{
	struct config_loader *loader = calloc(1, sizeof *loader);
	struct config_flags *flags = calloc(1, sizeof *flags);
	int err = SAGA_E_NO_MEMORY;

	if (loader == NULL || flags == NULL) {
		(void)buf_printf(errors, "sagad: out of memory\n");
		goto out;
	}
	loader->config = config;
	loader->errors = errors;
	set_defaults(loader);
	config_read_flags(loader, argc, argv, flags);
	*action = flags->action;
	err = 0;
	if (flags->action == CONFIG_RUN || flags->action == CONFIG_CHECK_ONLY)
		err = load(loader, flags, env, loader->error_count);
	else if (loader->error_count > 0)
		err = SAGA_E_USAGE;
out:
	free(flags);
	free(loader);
	return err;
}
