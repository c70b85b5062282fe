/* The command line of sagad. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/near.h"
#include "node/config_internal.h"

enum {
	FLAG_CONFIG = 256,
	FLAG_SET,
	FLAG_CHECK,
	FLAG_DEFAULTS,
	FLAG_VERSION,
	FLAG_HELP,
	FLAG_KEY /* and those after it: short for --set */
};

static const struct option flag_options[] = {
	{"config", required_argument, NULL, FLAG_CONFIG},
	{"set", required_argument, NULL, FLAG_SET},
	{"check", no_argument, NULL, FLAG_CHECK},
	{"print-defaults", no_argument, NULL, FLAG_DEFAULTS},
	{"version", no_argument, NULL, FLAG_VERSION},
	{"help", no_argument, NULL, FLAG_HELP},
	{"node-id", required_argument, NULL, FLAG_KEY + 0},
	{"nats-url", required_argument, NULL, FLAG_KEY + 1},
	{"etcd-endpoints", required_argument, NULL, FLAG_KEY + 2},
	{"data-dir", required_argument, NULL, FLAG_KEY + 3},
	{"zone", required_argument, NULL, FLAG_KEY + 4},
	{"log-level", required_argument, NULL, FLAG_KEY + 5},
	{NULL, 0, NULL, 0},
};

static const char *const flag_keys[] = {"node.id",  "nats.url",  "etcd.endpoints",
					"data_dir", "node.zone", "log.level"};

enum { FLAG_COUNT = sizeof flag_options / sizeof flag_options[0] - 1 };

static void keep(struct config_loader *loader, struct config_flags *flags, const char *place,
		 const char *name, const char *value)
{
	const uint32_t key = config_find(name);

	if (key == config_key_count) {
		config_complain_unknown(loader, place, name);
		return;
	}
	if (flags->count == sizeof flags->values / sizeof flags->values[0]) {
		config_complain(loader, place, "too many flags: use a file");
		return;
	}
	flags->values[flags->count].key = key;
	flags->values[flags->count].value = value;
	(void)snprintf(flags->values[flags->count].place, sizeof flags->values[0].place, "%s",
		       place);
	flags->count++;
}

static void take_set(struct config_loader *loader, struct config_flags *flags, const char *text)
{
	const size_t size = strcspn(text, "=");
	char name[CONFIG_ENV_MAX];
	char place[CONFIG_ENV_MAX + 16];

	if (text[size] != '=') {
		config_complain(loader, "--set", "\"%.80s\" is not key=value", text);
		return;
	}
	(void)snprintf(name, sizeof name, "%.*s",
		       size < sizeof name ? (int)size : (int)sizeof name - 1, text);
	(void)snprintf(place, sizeof place, "--set %s", name);
	keep(loader, flags, place, name, text + size + 1);
}

static void take_key(struct config_loader *loader, struct config_flags *flags, int number,
		     const char *value)
{
	char place[CONFIG_ENV_MAX];

	for (uint32_t i = 0; i < FLAG_COUNT; i++) {
		if (flag_options[i].val != number)
			continue;
		(void)snprintf(place, sizeof place, "--%s", flag_options[i].name);
		keep(loader, flags, place, flag_keys[number - FLAG_KEY], value);
	}
}

static void complain_flag(struct config_loader *loader, const char *text)
{
	const char *names[FLAG_COUNT];
	const char *near = NULL;
	char word[CONFIG_ENV_MAX];

	for (uint32_t i = 0; i < FLAG_COUNT; i++)
		names[i] = flag_options[i].name;
	(void)snprintf(word, sizeof word, "%s", text + strspn(text, "-"));
	word[strcspn(word, "=")] = '\0';
	near = near_name(word, names, FLAG_COUNT);
	if (near != NULL)
		config_complain(loader, "command line", "unknown flag %.80s: did you mean --%s?",
				text, near);
	else
		config_complain(loader, "command line", "unknown flag %.80s: see --help", text);
}

/* getopt would take "--data" for --data-dir, and break scripts when a second flag begins so. */
static bool is_whole(const char *text, int index)
{
	const size_t size = strlen(flag_options[index].name);

	return text[0] != '-' || text[1] != '-' ||
	       (strncmp(text + 2, flag_options[index].name, size) == 0 &&
		(text[2 + size] == '\0' || text[2 + size] == '='));
}

static void take(struct config_loader *loader, struct config_flags *flags, int number)
{
	switch (number) {
	case 'c':
	case FLAG_CONFIG:
		flags->file = optarg;
		break;
	case FLAG_SET:
		take_set(loader, flags, optarg);
		break;
	case FLAG_CHECK:
		flags->action = CONFIG_CHECK_ONLY;
		break;
	case FLAG_DEFAULTS:
		flags->action = CONFIG_DEFAULTS;
		break;
	case FLAG_VERSION:
		flags->action = CONFIG_SHOW_VERSION;
		break;
	case 'h':
	case FLAG_HELP:
		flags->action = CONFIG_HELP;
		break;
	default:
		take_key(loader, flags, number, optarg);
		break;
	}
}

/* The flag in hand as it was written. */
static const char *word_of(char **argv, int number, int index, char letter[3])
{
	/* Of several letters in one word getopt may not have left the word yet. */
	if (index < 0 && (number == '?' || number == ':') && optopt > 0 && optopt < FLAG_CONFIG) {
		(void)snprintf(letter, 3, "-%c", optopt);
		return letter;
	}
	/* The flag stands before its separate value, or is the last word that was read. */
	if (index >= 0 && optarg != NULL && optarg == argv[optind - 1])
		return argv[optind - 2];
	return argv[optind - 1];
}

void config_read_flags(struct config_loader *loader, int argc, char **argv,
		       struct config_flags *flags)
{
	flags->action = CONFIG_RUN;
	optind = 0; /* glibc: start anew */
	opterr = 0;
	for (;;) {
		char letter[3];
		int index = -1;
		const int number = getopt_long(argc, argv, ":c:h", flag_options, &index);
		const char *word = NULL;

		if (number == -1)
			break;
		word = word_of(argv, number, index, letter);
		if (number == ':')
			config_complain(loader, "command line", "%.80s needs a value", word);
		else if (number == '?' || (index >= 0 && !is_whole(word, index)))
			complain_flag(loader, word);
		else
			take(loader, flags, number);
	}
	for (int i = optind; i < argc; i++)
		config_complain(loader, "command line", "unexpected argument \"%.80s\"", argv[i]);
}
