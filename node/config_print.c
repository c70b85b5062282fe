/* --help and --print-defaults: both from the table. */
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "node/config_internal.h"

/* "2s to 1m", or "" when everything of the type is right. */
static void put_range(const struct config_key *key, struct buf *out)
{
	char min[UNITS_TEXT_SIZE];
	char max[UNITS_TEXT_SIZE];

	if (key->type == CONFIG_ENUM) {
		(void)buf_printf(out, " (");
		for (uint32_t i = 0; key->words[i] != NULL; i++)
			(void)buf_printf(out, "%s%s", i == 0 ? "" : ", ", key->words[i]);
		(void)buf_printf(out, ")");
	} else if (key->type == CONFIG_DURATION) {
		units_format_duration(key->min, min);
		units_format_duration(key->max, max);
		(void)buf_printf(out, " (%s to %s)", min, max);
	} else if (key->type == CONFIG_SIZE) {
		units_format_size(key->min, min);
		units_format_size(key->max, max);
		(void)buf_printf(out, " (%s to %s)", min, max);
	} else if (key->type == CONFIG_U32) {
		(void)buf_printf(out, " (%llu to %llu)", (unsigned long long)key->min,
				 (unsigned long long)key->max);
	}
}

/* The sections that the key before did not have open. */
static void put_sections(const char *name, const char *before, struct buf *out)
{
	uint32_t indent = 0;
	bool same = true;

	for (;;) {
		const size_t size = strcspn(name, ".");

		if (name[size] == '\0')
			return;
		same = same && strncmp(name, before, size + 1) == 0;
		if (!same)
			(void)buf_printf(out, "%s%*s%.*s:\n", indent == 0 ? "\n" : "", (int)indent,
					 "", (int)size, name);
		else
			before += size + 1;
		name += size + 1;
		indent += 2;
	}
}

static uint32_t dots(const char *name)
{
	uint32_t count = 0;

	for (; *name != '\0'; name++)
		count += *name == '.' ? 1U : 0U;
	return count;
}

static void put_value(const struct config_key *key, struct buf *out)
{
	switch (key->type) {
	case CONFIG_TEXT:
	case CONFIG_LISTEN:
	case CONFIG_URLS:
	case CONFIG_FILE:
	case CONFIG_ID:
	case CONFIG_NAME:
		(void)buf_printf(out, "\"%s\"\n", key->initial);
		break;
	case CONFIG_LIST:
		(void)buf_printf(out, "[\"%s\"]\n", key->initial);
		break;
	default:
		(void)buf_printf(out, "%s\n", key->initial);
		break;
	}
}

void config_print_defaults(struct buf *out)
{
	const char *before = "";

	(void)buf_printf(out,
			 "# All keys of sagad with their defaults. Each may also come from the\n"
			 "# environment (nats.url: SAGAD_NATS_URL) or a flag "
			 "(--set nats.url=...), which win.\n");
	for (uint32_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		const char *dot = strrchr(key->name, '.');
		const int indent = (int)dots(key->name) * 2;

		if (dot == NULL && dots(before) > 0)
			(void)buf_printf(out, "\n");
		put_sections(key->name, before, out);
		(void)buf_printf(out, "%*s# %s", indent, "", key->help);
		put_range(key, out);
		(void)buf_printf(out, "\n%*s%s%s: ", indent, "", key->initial == NULL ? "# " : "",
				 dot == NULL ? key->name : dot + 1);
		if (key->initial == NULL)
			(void)buf_printf(out, "...\n");
		else
			put_value(key, out);
		before = key->name;
	}
}

void config_print_help(struct buf *out)
{
	(void)buf_printf(
		out,
		"Usage: sagad [--config FILE] [--set KEY=VALUE]... [flags]\n\n"
		"A node of a saga coordinator cluster.\n\n"
		"  -c, --config FILE      YAML file; also SAGAD_CONFIG\n"
		"      --set KEY=VALUE    set any key below; may come several times\n"
		"      --node-id ID       node.id\n"
		"      --zone NAME        node.zone\n"
		"      --data-dir FOLDER  data_dir\n"
		"      --nats-url URLS    nats.url\n"
		"      --etcd-endpoints URLS\n"
		"                         etcd.endpoints\n"
		"      --log-level LEVEL  log.level\n"
		"      --check            only check the configuration\n"
		"      --print-defaults   print a commented file with all defaults\n"
		"      --version          print the version\n"
		"  -h, --help             print this\n\n"
		"Later wins: default, file, environment, flag. Examples:\n"
		"  sagad --node-id n1 --nats-url nats://nats:4222\n"
		"  SAGAD_LOG_LEVEL=debug sagad --config sagad.yaml --set lease.ttl=3s\n\n"
		"Exit codes: 0 stopped gracefully, 2 wrong usage or configuration, 3 another\n"
		"node runs under this id, 4 etcd, journals and node disagree about the cluster,\n"
		"5 the graceful stop took too long, 6 stopped at once by a second signal.\n\n"
		"Keys:\n");
	for (uint32_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		char env[CONFIG_ENV_MAX];

		config_env_name(key, env);
		(void)buf_printf(out, "\n  %s (%s), %s", key->name, env,
				 config_type_name(key->type));
		if (key->initial != NULL && key->initial[0] != '\0')
			(void)buf_printf(out, ", default %s", key->initial);
		(void)buf_printf(out, "\n      %s", key->help);
		put_range(key, out);
		(void)buf_printf(out, "\n");
	}
}
