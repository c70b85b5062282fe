#include "bench/arguments.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

struct argument argument_count(const char *name, int key, const char *help, uint32_t *count,
			       uint32_t min, uint32_t max)
{
	return (struct argument){.name = name,
				 .value = "N",
				 .help = help,
				 .key = key,
				 .count = count,
				 .min = min,
				 .max = max};
}

struct argument argument_flag(const char *name, int key, const char *help, bool *flag)
{
	return (struct argument){.name = name, .help = help, .key = key, .flag = flag};
}

struct argument argument_text(const char *name, int key, const char *value, const char *help,
			      const char **text)
{
	return (struct argument){
		.name = name, .value = value, .help = help, .key = key, .text = text};
}

struct argument argument_choice(const char *name, int key, const char *words, const char *help,
				const char **text)
{
	struct argument a = argument_text(name, key, words, help, text);
	a.choice = true;
	return a;
}

struct argument argument_list(const char *name, int key, const char *value, const char *help,
			      const char **list, uint32_t max)
{
	return (struct argument){
		.name = name, .value = value, .help = help, .key = key, .list = list, .max = max};
}

struct table {
	const struct argument *arguments;
	uint32_t count;
};

static void take_count(const struct argument *a, const char *text, struct argp_state *state)
{
	char *end = NULL;
	errno = 0;
	const unsigned long long value = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < a->min ||
	    value > a->max)
		argp_error(state, "--%s is a number from %u to %u, not '%s'", a->name, a->min,
			   a->max, text);
	*a->count = (uint32_t)value;
}

static bool among(const char *words, const char *text)
{
	const size_t size = strlen(text);
	for (const char *word = words; word != NULL; word = strchr(word, '|')) {
		word += *word == '|';
		if (strncmp(word, text, size) == 0 && (word[size] == '|' || word[size] == '\0'))
			return true;
	}
	return false;
}

static void take_listed(const struct argument *a, const char *text, struct argp_state *state)
{
	uint32_t used = 0;
	while (a->list[used] != NULL)
		used++;
	if (used == a->max)
		argp_error(state, "--%s stands there more than %u times", a->name, a->max);
	else
		a->list[used] = text;
}

static error_t take(int key, char *text, struct argp_state *state)
{
	const struct table *t = state->input;
	const struct argument *a = NULL;
	if (key == ARGP_KEY_ARG)
		argp_error(state, "'%s' is too much", text);
	for (uint32_t i = 0; i < t->count; i++)
		if (t->arguments[i].key == key)
			a = &t->arguments[i];
	if (a == NULL)
		return ARGP_ERR_UNKNOWN;
	if (a->choice && !among(a->value, text))
		argp_error(state, "--%s is %s, not '%s'", a->name, a->value, text);
	if (a->count != NULL)
		take_count(a, text, state);
	else if (a->list != NULL)
		take_listed(a, text, state);
	else if (a->text != NULL)
		*a->text = text;
	else
		*a->flag = true;
	return 0;
}

void arguments_take(int argc, char **argv, const char *about, const struct argument *arguments,
		    uint32_t count)
{
	struct argp_option options[ARGUMENTS_MAX + 1] = {{0}};
	struct table table = {.arguments = arguments, .count = count};
	CHECK_LE(count, ARGUMENTS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		const struct argument *a = &arguments[i];
		CHECK_EQ((a->count != NULL) + (a->flag != NULL) + (a->text != NULL) +
				 (a->list != NULL),
			 1);
		options[i] = (struct argp_option){a->name, a->key, a->value, 0, a->help, 0};
	}
	const struct argp argp = {options, take, NULL, about, NULL, NULL, NULL};
	if (argp_parse(&argp, argc, argv, 0, NULL, &table) != 0)
		exit(ARGUMENTS_USAGE);
}
