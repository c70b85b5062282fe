#include "cli/options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/near.h"
#include "base/units.h"
#include "wire/message.h"
#include "wire/names.h"

enum { OPTION_VALUE = 256, NAME_SIZE = 64 };

const struct cli_option_row cli_options[OPTION_COUNT] = {
	[OPTION_SERVER] = {"server", 0, "URL",
			   "NATS servers, comma-separated; also SAGACTL_SERVER "
			   "or SAGA_NATS_URL"},
	[OPTION_CREDS] = {"creds", 0, "FILE", "NATS credentials: user JWT and seed"},
	[OPTION_NKEY_SEED_FILE] = {"nkey-seed-file", 0, "FILE", "seed of a NATS user's nkey"},
	[OPTION_USER] = {"user", 0, "NAME", "NATS user; with --password-file"},
	[OPTION_PASSWORD_FILE] = {"password-file", 0, "FILE", "its password"},
	[OPTION_TOKEN_FILE] = {"token-file", 0, "FILE", "NATS token"},
	[OPTION_TLS_CA] = {"tls-ca", 0, "FILE", "use TLS, with these authorities"},
	[OPTION_TLS_CERT] = {"tls-cert", 0, "FILE", "our certificate; with --tls-key"},
	[OPTION_TLS_KEY] = {"tls-key", 0, "FILE", "its key"},
	[OPTION_PREFIX] = {"prefix", 0, "NAME",
			   "first token of subjects, as nats.prefix of sagad; "
			   "default saga"},
	[OPTION_TIMEOUT] = {"timeout", 0, "TIME", "for the cluster to answer; default 10s"},
	[OPTION_OUTPUT] = {"output", 'o', "FORMAT", "table or json; of a graph also dot"},
	[OPTION_NO_HEADERS] = {"no-headers", 0, NULL, "tables without their first line"},
	[OPTION_COLOR] = {"color", 0, "WHEN", "auto, always or never; also NO_COLOR"},
	[OPTION_QUIET] = {"quiet", 'q', NULL, "only what a script needs"},
	[OPTION_VERSION] = {"version", 0, NULL, "print the version"},
	[OPTION_HELP] = {"help", 'h', NULL, "print help, for every command its own"},
	[OPTION_SHARDS] = {"shards", 0, "COUNT", "1 to 128, for ever; default 16"},
	[OPTION_REPLICAS] = {"replicas", 0, "COUNT", "of each journal: 1, 3 or 5; default 1"},
	[OPTION_CLUSTER] = {"cluster", 0, "NAME", "refuse unless the nodes' cluster.name is this"},
	[OPTION_IF_NEEDED] = {"if-needed", 0, NULL,
			      "a cluster that has as many shards already is as good: 0"},
	[OPTION_FILE] = {"file", 'f', "FILE", "the definition, YAML or JSON; - = standard input"},
	[OPTION_ID] = {"id", 0, "ID", "idempotency key; default: a fresh UUIDv7"},
	[OPTION_INPUT] = {"input", 0, "INPUT", "JSON, or @FILE or - for any bytes"},
	[OPTION_LABEL] = {"label", 0, "KEY=VALUE", "for people and searches; may come again"},
	[OPTION_DEADLINE] = {"deadline", 0, "TIME",
			     "for the whole saga; default: the definition's"},
	[OPTION_RETRY_WINDOW] = {"retry-window", 0, "TIME",
				 "how long this id may be submitted "
				 "again; default 10m"},
	[OPTION_INBOX] = {"inbox", 0, NULL,
			  "leave it with the broker, also while no node is up; the retry window "
			  "is 24h then"},
	[OPTION_WAIT] = {"wait", 0, NULL, "wait for the end"},
	[OPTION_WAIT_TIMEOUT] = {"wait-timeout", 0, "TIME", "no longer than this; default 5m"},
	[OPTION_ANSWER] = {"answer", 0, "WHEN",
			   "what to wait for: completed, the end of it, or decided: commit or "
			   "abort is durable, delivery may be under way; default completed"},
	[OPTION_STATE] = {"state", 0, "STATE",
			  "open, running, finishing, undoing, parked, or unfinished for all of "
			  "these; completed, compensated, cancelled; commas, or may come again"},
	[OPTION_HEURISTIC] = {"heuristic", 0, NULL,
			      "only those of which a branch had decided by itself"},
	[OPTION_LIMIT] = {"limit", 0, "COUNT", "at most so many; default 100"},
	[OPTION_SHARD] = {"shard", 0, "NUMBER", "only this shard"},
	[OPTION_AFTER] = {"after", 0, "CURSOR", "go on where the last list ended"},
	[OPTION_REASON] = {"reason", 0, "TEXT", "why; it is kept with what was done"},
	[OPTION_STRICT] = {"strict", 0, NULL, "warnings are errors"},
	[OPTION_FAIL] = {"fail", 0, "STEP[:OP]=ANSWER",
			 "how an operation of a step ends; may come again"},
	[OPTION_ACTOR] = {"actor", 0, "NAME",
			  "who does it, one word; also SAGACTL_ACTOR; default: the user"},
	[OPTION_APPLY] = {"apply", 0, NULL, "do it; without it nothing is changed"},
	[OPTION_OUT] = {"out", 0, "FILE", "write the plan there, for --apply FILE"},
	[OPTION_STRATEGY] = {"strategy", 0, "NAME",
			     "what is levelled: count, load, or weighted (shards by the nodes' "
			     "weights, the default)"},
	[OPTION_THRESHOLD] = {"threshold", 0, "PERCENT", "nothing moves while the skew is below"},
	[OPTION_EXCLUDE_NODE] = {"exclude-node", 0, "NODE", "as if it were not there: it is left"},
	[OPTION_TO] = {"to", 0, "NODE", "where to"},
	[OPTION_MAX_MOVES] = {"max-moves", 0, "COUNT", "on the move at a time; default 4"},
	[OPTION_MAX_MOVES_PER_NODE] = {"max-moves-per-node", 0, "COUNT",
				       "leaving a node, or coming to it, at a time; default 2"},
	[OPTION_PACE] = {"pace", 0, "TIME", "between two beginnings; default 0"},
	[OPTION_MOVE_TIMEOUT] = {"move-timeout", 0, "TIME",
				 "a move that takes longer is taken back; default 20s"},
	[OPTION_DETACH] = {"detach", 0, NULL, "do not wait; the default"},
	[OPTION_WATCH] = {"watch", 0, NULL, "follow it until it has ended"},
	[OPTION_FORCE] = {"force", 0, NULL, "although the preflight refuses"},
	[OPTION_CONFIRM] = {"confirm", 0, "NODE", "the node's name once more, with --force"},
};

/* ---- reading ------------------------------------------------------------------------------- */

static const char *nearest_option(const char *word)
{
	const char *names[OPTION_COUNT];
	char name[NAME_SIZE];

	for (uint32_t i = 0; i < OPTION_COUNT; i++)
		names[i] = cli_options[i].name;
	(void)snprintf(name, sizeof name, "%s", word + strspn(word, "-"));
	name[strcspn(name, "=")] = '\0';
	return near_name(name, names, OPTION_COUNT);
}

static int unknown_option(const char *word, struct buf *why)
{
	const char *near = nearest_option(word);

	(void)buf_printf(why, "unknown flag %.80s", word);
	if (near != NULL)
		(void)buf_printf(why, ": did you mean --%s?", near);
	return SAGA_E_USAGE;
}

static void make_options(struct option options[OPTION_COUNT + 1],
			 char letters[2 * OPTION_COUNT + 2])
{
	size_t size = 0;

	letters[size++] = ':';
	for (uint32_t i = 0; i < OPTION_COUNT; i++) {
		const struct cli_option_row *row = &cli_options[i];

		options[i] = (struct option){
			.name = row->name,
			.has_arg = row->value != NULL ? required_argument : no_argument,
			.val = OPTION_VALUE + (int)i,
		};
		if (row->letter == 0)
			continue;
		letters[size++] = row->letter;
		if (row->value != NULL)
			letters[size++] = ':';
	}
	letters[size] = '\0';
	options[OPTION_COUNT] = (struct option){0};
}

/* getopt would take "--lab" for --label, and break scripts when a second flag begins so. */
static bool is_whole(const char *word, uint32_t option)
{
	const size_t size = strlen(cli_options[option].name);

	return strncmp(word, "--", 2) != 0 ||
	       (strncmp(word + 2, cli_options[option].name, size) == 0 &&
		(word[2 + size] == '\0' || word[2 + size] == '='));
}

static const char *word_of(char **argv, int number, int index, char letter[3])
{
	/* Of several letters in one word getopt may not have left the word yet. */
	if (index < 0 && (number == '?' || number == ':') && optopt > 0 && optopt < OPTION_VALUE) {
		(void)snprintf(letter, 3, "-%c", optopt);
		return letter;
	}
	/* The flag stands before its separate value, or is the last word that was read. */
	if (index >= 0 && optarg != NULL && optarg == argv[optind - 1])
		return argv[optind - 2];
	return argv[optind - 1];
}

static int append(struct cli_list *list, const char *text, const char *name, struct buf *why)
{
	if (list->count == CLI_REPEAT_MAX) {
		(void)buf_printf(why, "--%s more than %u times", name, (unsigned)CLI_REPEAT_MAX);
		return SAGA_E_USAGE;
	}
	list->items[list->count++] = text;
	return 0;
}

static int take(struct cli_parsed *parsed, uint32_t option, struct buf *why)
{
	const char *value = cli_options[option].value != NULL ? optarg : "";

	parsed->values[option] = value;
	if (option == OPTION_LABEL)
		return append(&parsed->labels, value, "label", why);
	if (option == OPTION_STATE)
		return append(&parsed->states, value, "state", why);
	if (option == OPTION_FAIL)
		return append(&parsed->fails, value, "fail", why);
	return 0;
}

static uint32_t option_of(int number)
{
	uint32_t option = 0;

	if (number >= OPTION_VALUE)
		return (uint32_t)(number - OPTION_VALUE);
	while (option < OPTION_COUNT && cli_options[option].letter != number)
		option++;
	return option;
}

static int take_words(int argc, char **argv, struct cli_parsed *parsed, struct buf *why)
{
	for (int i = optind; i < argc; i++) {
		if (parsed->word_count == CLI_WORDS_MAX) {
			(void)buf_printf(why, "too many arguments");
			return SAGA_E_USAGE;
		}
		parsed->words[parsed->word_count++] = argv[i];
	}
	return 0;
}

int cli_parse(int argc, char **argv, struct cli_parsed *parsed, struct buf *why)
{
	struct option options[OPTION_COUNT + 1];
	char letters[2 * OPTION_COUNT + 2];

	*parsed = (struct cli_parsed){0};
	make_options(options, letters);
	optind = 0; /* glibc: start anew */
	opterr = 0;
	for (;;) {
		char letter[3];
		int index = -1;
		const int number = getopt_long(argc, argv, letters, options, &index);
		const char *word = NULL;
		uint32_t option = OPTION_COUNT;
		int err;

		if (number == -1)
			break;
		word = word_of(argv, number, index, letter);
		if (number == ':') {
			(void)buf_printf(why, "%.80s needs a value", word);
			return SAGA_E_USAGE;
		}
		if (number != '?')
			option = option_of(number);
		if (option == OPTION_COUNT || !is_whole(word, option))
			return unknown_option(word, why);
		err = take(parsed, option, why);
		if (err != 0)
			return err;
	}
	return take_words(argc, argv, parsed, why);
}

/* ---- values -------------------------------------------------------------------------------- */

int cli_number(const struct cli_parsed *parsed, enum cli_option option, uint32_t initial,
	       uint32_t min, uint32_t max, uint32_t *value, struct buf *why)
{
	uint64_t number = initial;

	if (cli_given(parsed, option) && (units_parse_count(parsed->values[option], &number) != 0 ||
					  number < min || number > max)) {
		(void)buf_printf(why, "--%s \"%.80s\" is not a number from %u to %u",
				 cli_options[option].name, parsed->values[option], min, max);
		return SAGA_E_USAGE;
	}
	*value = (uint32_t)number;
	return 0;
}

int cli_duration(const struct cli_parsed *parsed, enum cli_option option, uint32_t initial_ms,
		 uint32_t *value_ms, struct buf *why)
{
	uint64_t duration_ms = initial_ms;

	if (cli_given(parsed, option) &&
	    (units_parse_duration(parsed->values[option], &duration_ms) != 0 || duration_ms == 0 ||
	     duration_ms > UINT32_MAX)) {
		(void)buf_printf(why,
				 "--%s \"%.80s\" is not a time: a number with ms, s, m, h or d",
				 cli_options[option].name, parsed->values[option]);
		return SAGA_E_USAGE;
	}
	*value_ms = (uint32_t)duration_ms;
	return 0;
}

int cli_answer(const struct cli_parsed *parsed, enum saga_answer *answer, struct buf *why)
{
	const char *text = parsed->values[OPTION_ANSWER];

	*answer = SAGA_ANSWER_COMPLETED;
	if (text == NULL || strcmp(text, "completed") == 0)
		return 0;
	if (strcmp(text, "decided") != 0) {
		(void)buf_printf(why, "--answer \"%.80s\" is neither decided nor completed", text);
		return SAGA_E_USAGE;
	}
	*answer = SAGA_ANSWER_DECIDED;
	return 0;
}

static int take_state(const char *word, size_t size, uint32_t *states, struct buf *why)
{
	const char *names[WIRE_STATE_OPEN + 1];
	char text[NAME_SIZE];
	const char *near = NULL;

	(void)snprintf(text, sizeof text, "%.*s", size < sizeof text ? (int)size : NAME_SIZE - 1,
		       word);
	names[0] = "unfinished";
	for (uint32_t i = WIRE_STATE_RUNNING; i <= WIRE_STATE_OPEN; i++) {
		names[i] = wire_state_name(i);
		if (strcmp(text, names[i]) == 0) {
			*states |= 1U << i;
			return 0;
		}
	}
	if (strcmp(text, names[0]) == 0) {
		for (uint32_t i = WIRE_STATE_RUNNING; i <= WIRE_STATE_OPEN; i++)
			*states |= wire_state_final(i) ? 0 : 1U << i;
		return 0;
	}
	near = near_name(text, names, WIRE_STATE_OPEN + 1);
	(void)buf_printf(why, "unknown state \"%s\"", text);
	if (near != NULL)
		(void)buf_printf(why, ": did you mean \"%s\"?", near);
	return SAGA_E_USAGE;
}

int cli_states(const struct cli_parsed *parsed, uint32_t *states, struct buf *why)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < parsed->states.count; i++) {
		const char *at = parsed->states.items[i];

		for (;;) {
			const size_t size = strcspn(at, ",");
			const int err = take_state(at, size, &found, why);

			if (err != 0)
				return err;
			if (at[size] == '\0')
				break;
			at += size + 1;
		}
	}
	*states = found;
	return 0;
}
