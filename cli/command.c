/* The table of commands, and finding one in it. */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/near.h"

enum { COMMANDS_MAX = 64, NAME_SIZE = 64 };

#define WAIT_OPTIONS      (OPTION_BIT(OPTION_WAIT) | OPTION_BIT(OPTION_WAIT_TIMEOUT))
#define SAGA_WAIT_OPTIONS (OPTION_BIT(OPTION_WAIT_TIMEOUT) | OPTION_BIT(OPTION_ANSWER))

#define LIMIT_OPTIONS                                                                              \
	(OPTION_BIT(OPTION_MAX_MOVES) | OPTION_BIT(OPTION_MAX_MOVES_PER_NODE) |                    \
	 OPTION_BIT(OPTION_PACE) | OPTION_BIT(OPTION_MOVE_TIMEOUT))
#define ORDER_OPTIONS (OPTION_BIT(OPTION_REASON) | OPTION_BIT(OPTION_ACTOR))
#define MOVE_OPTIONS                                                                               \
	(LIMIT_OPTIONS | ORDER_OPTIONS | WAIT_OPTIONS | OPTION_BIT(OPTION_APPLY) |                 \
	 OPTION_BIT(OPTION_DETACH))

const struct command cli_commands[] = {
	{"init", "", "initialise a new cluster, once",
	 "Creates the streams and fixes the number of shards for ever. Nodes must be running; "
	 "they\n"
	 "begin to serve by themselves. Repeating it after a failure is safe.\n\n"
	 "Examples:\n"
	 "  sagactl init --wait\n"
	 "  sagactl init --shards 32 --replicas 3 --cluster prod-eu\n"
	 "  sagactl init --shards 32 --replicas 3 --if-needed --wait\n",
	 OPTION_BIT(OPTION_SHARDS) | OPTION_BIT(OPTION_REPLICAS) | OPTION_BIT(OPTION_CLUSTER) |
		 OPTION_BIT(OPTION_IF_NEEDED) | WAIT_OPTIONS,
	 0, 0, command_init},
	{"status", "", "the cluster on one screen",
	 "Examples:\n"
	 "  sagactl status\n"
	 "  sagactl status -o json | jq .sagas.parked\n",
	 0, 0, 0, command_status},
	{"nodes list", "", "the nodes that are alive",
	 "Examples:\n"
	 "  sagactl nodes list\n",
	 0, 0, 0, command_nodes_list},
	{"nodes show", "NODE", "one node, and what was asked of it",
	 "Examples:\n"
	 "  sagactl nodes show n1\n",
	 0, 1, 1, command_nodes_show},
	{"nodes drain", "NODE", "move its shards away, for a while",
	 "Without --apply it tells what would be moved, and whether that may be done. The node\n"
	 "stays a member and gets nothing until `nodes undrain`. --wait follows the operation; \n"
	 "Ctrl-C leaves it running.\n\n"
	 "Examples:\n"
	 "  sagactl nodes drain n2\n"
	 "  sagactl nodes drain n2 --apply --reason \"kernel update\" --wait\n",
	 MOVE_OPTIONS | OPTION_BIT(OPTION_FORCE), 1, 1, command_nodes_drain},
	{"nodes undrain", "NODE", "let it take shards again",
	 "Examples:\n"
	 "  sagactl nodes undrain n2 --reason \"kernel updated\"\n",
	 ORDER_OPTIONS, 1, 1, command_nodes_undrain},
	{"nodes cordon", "NODE", "let it keep what it has, and get nothing new",
	 "Examples:\n"
	 "  sagactl nodes cordon n2 --reason \"disk looks bad\"\n",
	 ORDER_OPTIONS, 1, 1, command_nodes_cordon},
	{"nodes uncordon", "NODE", "let it get shards again",
	 "Examples:\n"
	 "  sagactl nodes uncordon n2 --reason \"disk replaced\"\n",
	 ORDER_OPTIONS, 1, 1, command_nodes_uncordon},
	{"nodes remove", "NODE", "move its shards away, for good",
	 "As drain, for a node that does not come back: stop its process when it is empty. "
	 "Refused\n"
	 "when a single node would be left, unless with --force --confirm NODE.\n\n"
	 "Examples:\n"
	 "  sagactl nodes remove n3\n"
	 "  sagactl nodes remove n3 --apply --reason \"smaller cluster\" --wait\n",
	 MOVE_OPTIONS | OPTION_BIT(OPTION_FORCE) | OPTION_BIT(OPTION_CONFIRM), 1, 1,
	 command_nodes_remove},
	{"shards list", "", "who owns which shard",
	 "EPOCH counts the owners a shard has had. TARGET is whom the plan wants; it differs from\n"
	 "OWNER while a shard moves.\n\n"
	 "Examples:\n"
	 "  sagactl shards list\n"
	 "  sagactl shards list -o json | jq '.shards[] | select(.owner == \"\")'\n",
	 0, 0, 0, command_shards_list},
	{"shards show", "SHARD", "one shard, and what was asked of it",
	 "Examples:\n"
	 "  sagactl shards show 3\n",
	 0, 1, 1, command_shards_show},
	{"shards explain", "SHARD", "why it is where it is, and who else could have it",
	 "Examples:\n"
	 "  sagactl shards explain 3\n"
	 "  sagactl shards explain 3 -o json | jq '.nodes[] | select(.allowed == \"no\")'\n",
	 0, 1, 1, command_shards_explain},
	{"shards history", "SHARD", "the owners it has had, newest first",
	 "Examples:\n"
	 "  sagactl shards history 3\n",
	 0, 1, 1, command_shards_history},
	{"shards rebalance", "[PLAN]", "level the shards over the nodes",
	 "Without --apply it tells the moves, what they cost and why; --out keeps that as a plan.\n"
	 "--apply PLAN does exactly these moves, and is refused (4) when the cluster's plan has\n"
	 "changed since: it shows the difference. --apply alone does what it computes now. Pinned\n"
	 "and frozen shards stay. Ctrl-C during --wait leaves the operation running.\n\n"
	 "Examples:\n"
	 "  sagactl shards rebalance --out plan.json\n"
	 "  sagactl shards rebalance --apply plan.json --reason \"add n3\" --wait\n"
	 "  sagactl shards rebalance --exclude-node n1 --max-moves 1 --pace 500ms --apply "
	 "--reason test\n",
	 MOVE_OPTIONS | OPTION_BIT(OPTION_OUT) | OPTION_BIT(OPTION_STRATEGY) |
		 OPTION_BIT(OPTION_THRESHOLD) | OPTION_BIT(OPTION_EXCLUDE_NODE),
	 0, 1, command_shards_rebalance},
	{"shards move", "SHARD...", "move shards to a node",
	 "They stay there until the membership changes; pin them to keep them longer.\n\n"
	 "Examples:\n"
	 "  sagactl shards move 3 --to n2\n"
	 "  sagactl shards move 0 1 2 3 --to n1 --apply --reason \"warm cache\" --wait\n",
	 MOVE_OPTIONS | OPTION_BIT(OPTION_TO), 1, CLI_WORDS_MAX, command_shards_move},
	{"shards pin", "SHARD", "keep it on a node",
	 "On the one that the plan names, or --to another. It comes back there when that node\n"
	 "does.\n\n"
	 "Examples:\n"
	 "  sagactl shards pin 40 --reason \"cache warm\"\n"
	 "  sagactl shards pin 40 --to n2 --reason \"fast disk\"\n",
	 ORDER_OPTIONS | OPTION_BIT(OPTION_TO), 1, 1, command_shards_pin},
	{"shards unpin", "SHARD", "let it go where the plan wants it",
	 "Examples:\n"
	 "  sagactl shards unpin 40 --reason \"done\"\n",
	 ORDER_OPTIONS, 1, 1, command_shards_unpin},
	{"shards freeze", "SHARD", "let nothing but the death of its owner move it",
	 "Examples:\n"
	 "  sagactl shards freeze 3 --reason \"being looked at\"\n",
	 ORDER_OPTIONS, 1, 1, command_shards_freeze},
	{"shards unfreeze", "SHARD", "let it be moved again",
	 "Examples:\n"
	 "  sagactl shards unfreeze 3 --reason \"looked at\"\n",
	 ORDER_OPTIONS, 1, 1, command_shards_unfreeze},
	{"ops list", "", "operations that move shards, newest first",
	 "Examples:\n"
	 "  sagactl ops list\n",
	 0, 0, 0, command_ops_list},
	{"ops show", "ID", "one operation, move by move",
	 "--watch follows it, from any terminal, until it has ended.\n\n"
	 "Examples:\n"
	 "  sagactl ops show op-12\n"
	 "  sagactl ops show op-12 --watch\n",
	 OPTION_BIT(OPTION_WATCH) | OPTION_BIT(OPTION_WAIT_TIMEOUT), 1, 1, command_ops_show},
	{"ops pause", "ID", "begin no more moves; those under way finish",
	 "Examples:\n"
	 "  sagactl ops pause op-12 --reason \"peak hours\"\n",
	 ORDER_OPTIONS, 1, 1, command_ops_pause},
	{"ops resume", "ID", "go on with a paused one",
	 "Examples:\n"
	 "  sagactl ops resume op-12 --reason \"peak is over\"\n",
	 ORDER_OPTIONS, 1, 1, command_ops_resume},
	{"ops cancel", "ID", "drop what has not begun; what moves finishes",
	 "It says how many moves still finish. What was moved stays moved.\n\n"
	 "Examples:\n"
	 "  sagactl ops cancel op-12 --reason \"wrong node\"\n"
	 "  sagactl ops cancel op-12 --reason \"wrong node\" --wait\n",
	 ORDER_OPTIONS | WAIT_OPTIONS, 1, 1, command_ops_cancel},
	{"ops throttle", "ID", "change its limits while it runs",
	 "Examples:\n"
	 "  sagactl ops throttle op-12 --max-moves 1 --pace 2s --reason \"peak hours\"\n",
	 ORDER_OPTIONS | LIMIT_OPTIONS, 1, 1, command_ops_throttle},
	{"sagas submit", "", "submit a saga",
	 "Prints the saga's id once it is durably accepted. Repeating the command with the same\n"
	 "--id and the same content is the same saga.\n\n"
	 "Examples:\n"
	 "  sagactl sagas submit -f trip.yaml --input '{\"user\": 7}'\n"
	 "  sagactl sagas submit -f trip.yaml --id order-17 --input @order.json --wait\n"
	 "  sagactl sagas submit -f pay.yaml --wait --answer decided\n",
	 OPTION_BIT(OPTION_FILE) | OPTION_BIT(OPTION_ID) | OPTION_BIT(OPTION_INPUT) |
		 OPTION_BIT(OPTION_LABEL) | OPTION_BIT(OPTION_DEADLINE) |
		 OPTION_BIT(OPTION_RETRY_WINDOW) | OPTION_BIT(OPTION_INBOX) |
		 OPTION_BIT(OPTION_WAIT) | SAGA_WAIT_OPTIONS,
	 0, 0, command_sagas_submit},
	{"sagas list", "", "the sagas that the cluster knows",
	 "Asks the owners of all shards. Finished sagas are listed until they are forgotten. When\n"
	 "there are more than --limit, the last line names the cursor for --after.\n\n"
	 "DECISION is told of parked ones: whether they are to be finished or undone. A branch\n"
	 "that had decided by itself, maybe against the decision, is for people to see to: those\n"
	 "sagas are found with --heuristic.\n\n"
	 "Examples:\n"
	 "  sagactl sagas list --state unfinished\n"
	 "  sagactl sagas list --state parked -o json\n"
	 "  sagactl sagas list --heuristic\n"
	 "  sagactl sagas list --shard 3 --limit 1000\n",
	 OPTION_BIT(OPTION_STATE) | OPTION_BIT(OPTION_HEURISTIC) | OPTION_BIT(OPTION_LIMIT) |
		 OPTION_BIT(OPTION_SHARD) | OPTION_BIT(OPTION_AFTER),
	 0, 0, command_sagas_list},
	{"sagas show", "ID", "one saga with its history, step by step",
	 "The history is read from the journal: every attempt with its time, answer and the node\n"
	 "epoch that recorded it.\n\n"
	 "Examples:\n"
	 "  sagactl sagas show order-17\n"
	 "  sagactl sagas show order-17 -o json | jq '.history[].kind'\n",
	 0, 1, 1, command_sagas_show},
	{"sagas wait", "ID", "wait until a saga has ended",
	 "Ends with 0 when it completed, 10 when it was undone, 11 when it is parked, 12 when a\n"
	 "branch had decided by itself, 8 when the time is over (the saga goes on). With --answer\n"
	 "decided: as soon as commit (0) or abort (10) is durable; what that asks for may still "
	 "be\n"
	 "under way.\n\n"
	 "Examples:\n"
	 "  sagactl sagas wait order-17 --wait-timeout 1m\n"
	 "  sagactl sagas wait order-17 --answer decided -q\n",
	 SAGA_WAIT_OPTIONS, 1, 1, command_sagas_wait},
	{"sagas cancel", "ID", "ask for a saga to be undone",
	 "An open interactive transaction is rolled back. What is decided to commit is too late "
	 "to\n"
	 "cancel; while that is being decided the answer is to try again. An id that nobody has\n"
	 "submitted yet is blocked: whoever asks for its decision is told to abort.\n\n"
	 "Examples:\n"
	 "  sagactl sagas cancel order-17 --reason \"customer called\"\n",
	 OPTION_BIT(OPTION_REASON), 1, 1, command_sagas_cancel},
	{"definitions validate", "FILE...", "what is wrong with definitions, offline",
	 "Tells all mistakes of each file with line, column, code and JSON pointer, and warns of\n"
	 "what is hardly meant. -q says nothing of good files.\n\n"
	 "Examples:\n"
	 "  sagactl definitions validate trip.yaml order.json\n"
	 "  sagactl definitions validate --strict -o json *.yaml\n",
	 OPTION_BIT(OPTION_STRICT), 1, CLI_WORDS_MAX, command_definitions_validate},
	{"definitions graph", "FILE", "the steps in their order, offline",
	 "Also what is not written: that the point of no return waits for what can still be\n"
	 "refused. -o dot is for Graphviz.\n\n"
	 "Examples:\n"
	 "  sagactl definitions graph trip.yaml\n"
	 "  sagactl definitions graph trip.yaml -o dot | dot -Tsvg > trip.svg\n",
	 0, 1, 1, command_definitions_graph},
	{"definitions test", "FILE", "what happens when a step fails, offline",
	 "Runs the engine in virtual time; participants say yes unless --fail tells otherwise.\n"
	 "OPERATION is forward (the default), finish, undo, settle, or a key or name\n"
	 "of the definition.\n"
	 "ANSWER is rejected, unknown (it happens, nobody answers), exhausted (nothing happens,\n"
	 "nobody answers), retry or lost (the second attempt is good; the first did not happen, "
	 "or\n"
	 "did), read-only, heuristic-commit, -rollback, -mixed, -hazard.\n"
	 "Ends with 0 completed, 10 undone, 11 parked, 12 heuristic, as `sagas wait` does.\n\n"
	 "Examples:\n"
	 "  sagactl definitions test trip.yaml\n"
	 "  sagactl definitions test trip.yaml --fail card=rejected --fail rooms:undo=exhausted\n",
	 OPTION_BIT(OPTION_FAIL) | OPTION_BIT(OPTION_INPUT), 1, 1, command_definitions_test},
	{"explain-error", "CODE", "what an error code means, offline",
	 "Examples:\n"
	 "  sagactl explain-error SAGA-2002\n"
	 "  sagactl explain-error 4005\n",
	 0, 1, 1, command_explain_error},
	{"version", "", "print the version",
	 "Examples:\n"
	 "  sagactl version\n",
	 0, 0, 0, command_version},
};

const uint32_t cli_command_count = sizeof cli_commands / sizeof cli_commands[0];

_Static_assert(sizeof cli_commands / sizeof cli_commands[0] <= COMMANDS_MAX,
	       "near_command has room for all");

/* How many of the words are the command's own path; 0 = it is another one. */
static uint32_t words_of(const struct command *command, const char *const *words, uint32_t count)
{
	const char *space = strchr(command->path, ' ');
	const size_t first =
		space == NULL ? strlen(command->path) : (size_t)(space - command->path);

	if (count == 0 || strlen(words[0]) != first || strncmp(words[0], command->path, first) != 0)
		return 0;
	if (space == NULL)
		return 1;
	return count > 1 && strcmp(words[1], space + 1) == 0 ? 2 : 0;
}

static const char *group_of(const char *word)
{
	const size_t size = strlen(word);

	for (uint32_t i = 0; i < cli_command_count; i++) {
		if (strncmp(cli_commands[i].path, word, size) == 0 &&
		    cli_commands[i].path[size] == ' ')
			return word;
	}
	return NULL;
}

/* Looks among whole paths of two words, or first words. */
static void complain(const char *const *words, uint32_t count, bool in_group, struct buf *why)
{
	const char *names[2 * COMMANDS_MAX];
	char firsts[COMMANDS_MAX][NAME_SIZE];
	char text[2 * NAME_SIZE + 2];
	uint32_t name_count = 0;
	const char *near = NULL;

	for (uint32_t i = 0; i < cli_command_count; i++) {
		const char *path = cli_commands[i].path;

		names[name_count++] = path;
		(void)snprintf(firsts[i], NAME_SIZE, "%.*s", (int)strcspn(path, " "), path);
		if (!in_group && strchr(path, ' ') != NULL)
			names[name_count++] = firsts[i];
	}
	(void)snprintf(text, sizeof text, "%.64s%s%.64s", words[0], count > 1 ? " " : "",
		       count > 1 ? words[1] : "");
	near = near_name(text, names, name_count);
	if (near == NULL && !in_group)
		near = near_name(words[0], names, name_count);
	(void)buf_printf(why, "unknown command \"%s\"", in_group ? text : words[0]);
	if (near != NULL)
		(void)buf_printf(why, ": did you mean \"%s\"?", near);
}

const struct command *cli_find(const char *const *words, uint32_t count, uint32_t *used,
			       const char **group, struct buf *why)
{
	*group = count > 0 ? group_of(words[0]) : NULL;
	for (uint32_t i = 0; i < cli_command_count; i++) {
		*used = words_of(&cli_commands[i], words, count);
		if (*used > 0)
			return &cli_commands[i];
	}
	if (count == 0)
		(void)buf_printf(why, "a command is missing");
	else if (*group != NULL && count == 1)
		(void)buf_printf(why, "\"%s\" needs a second word, see below", *group);
	else
		complain(words, count, *group != NULL, why);
	return NULL;
}

int cli_check_options(const struct command *command, const struct cli_parsed *parsed,
		      struct buf *why)
{
	const uint64_t allowed = OPTIONS_GLOBAL | command->options;

	for (uint32_t i = 0; i < OPTION_COUNT; i++) {
		if (parsed->values[i] == NULL || (allowed & OPTION_BIT(i)) != 0)
			continue;
		(void)buf_printf(why, "`sagactl %s` does not take --%s", command->path,
				 cli_options[i].name);
		return SAGA_E_USAGE;
	}
	return 0;
}
