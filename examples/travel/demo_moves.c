/* The last act: an operator makes the cluster lopsided and levels it again, with the commands and
 * the output of sagactl, while bookings go on. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "examples/travel/demo.h"

enum { SHARDS_MS = 5000, MOVED = 3, LINE_SIZE = 256, NUMBER_SIZE = 12, EXIT_CONFLICT = 4 };

static const char OPERATOR[] = "operator"; /* the process of each command */

/* Prints what the command has said since the last time. */
static void show_output(struct demo_moves *moves, const char *folder)
{
	char path[1200];
	char line[LINE_SIZE];
	FILE *log = NULL;

	(void)snprintf(path, sizeof path, "%s/%s.log", folder, OPERATOR);
	log = fopen(path, "re");
	if (log == NULL)
		return;
	if (fseek(log, moves->shown, SEEK_SET) == 0)
		while (fgets(line, sizeof line, log) != NULL && strchr(line, '\n') != NULL) {
			moves->shown = ftell(log);
			stage_say("  %.*s", (int)strcspn(line, "\n"), line);
		}
	(void)fclose(log);
}

/* Types a command; demo_moves_step shows what it says until it ends. */
static bool type(struct demo *demo, const char *const *argv)
{
	char words[LINE_SIZE] = "$";

	for (uint32_t i = 0; argv[i] != NULL; i++) {
		const bool quoted = strchr(argv[i], ' ') != NULL;
		const size_t used = strlen(words);

		(void)snprintf(words + used, sizeof words - used, quoted ? " '%s'" : " %s",
			       argv[i]);
	}
	stage_say("%s", words);
	return cluster_service_start(demo->stage.cluster, OPERATOR, argv, NULL) == 0 ||
	       stage_fail(&demo->stage, "%s", cluster_trouble(demo->stage.cluster));
}

/* As many shards as are to be moved that others than n1 own. */
static bool find_shards(struct demo *demo, char numbers[MOVED][NUMBER_SIZE])
{
	const char *taker = cluster_node_name(0);
	struct cluster_shards shards;
	uint32_t found = 0;

	if (cluster_shards(demo->stage.cluster, &shards, SHARDS_MS) != 0)
		return false;
	for (uint32_t s = 0; s < shards.count; s++) {
		if (!shards.shards[s].serving)
			return false;
		if (found < MOVED && strcmp(shards.shards[s].owner, taker) != 0)
			(void)snprintf(numbers[found++], NUMBER_SIZE, "%u", s);
	}
	return found == MOVED;
}

static bool make_lopsided(struct demo *demo)
{
	char numbers[MOVED][NUMBER_SIZE];

	if (!find_shards(demo, numbers))
		return true; /* not yet */
	demo->moves.phase = DEMO_LOPSIDING;
	stage_say("the last act: moving shards while bookings go on");
	return type(demo, (const char *const[]){"sagactl", "shards", "move", numbers[0], numbers[1],
						numbers[2], "--to", cluster_node_name(0), "--apply",
						"--reason", "to have something to level", "--wait",
						NULL});
}

static bool level(struct demo *demo)
{
	demo->moves.phase = DEMO_LEVELLING;
	return type(demo,
		    (const char *const[]){"sagactl", "shards", "rebalance", "--max-moves", "1",
					  "--apply", "--reason", "level it again", "--wait", NULL});
}

static bool is_conflict(int exit_status)
{
	return WIFEXITED(exit_status) && WEXITSTATUS(exit_status) == EXIT_CONFLICT;
}

bool demo_moves_step(struct demo *demo)
{
	struct demo_moves *moves = &demo->moves;
	struct cluster *cluster = demo->stage.cluster;

	if (moves->phase == DEMO_BEFORE_MOVES)
		return make_lopsided(demo);
	if (moves->phase == DEMO_LOPSIDED)
		return level(demo);
	if (moves->phase == DEMO_LEVELLED)
		return true;
	show_output(moves, cluster_folder(cluster));
	if (cluster_pid(cluster, OPERATOR) != 0)
		return true;
	show_output(moves, cluster_folder(cluster)); /* what it said between the two */
	if (is_conflict(cluster_process(cluster, OPERATOR)->exit_status)) {
		/* A node that has come back was being given its shards meanwhile: an operator would
		 * look again. */
		moves->phase = moves->phase == DEMO_LOPSIDING ? DEMO_BEFORE_MOVES : DEMO_LOPSIDED;
		return true;
	}
	if (cluster_process(cluster, OPERATOR)->exit_status != 0)
		return stage_fail(&demo->stage, "the operator's command failed");
	if (moves->phase == DEMO_LOPSIDING)
		return level(demo);
	moves->phase = DEMO_LEVELLED;
	moves->level = demo_moves_are_level(demo);
	return true;
}

bool demo_moves_are_level(struct demo *demo)
{
	uint32_t owned[STAGE_NODES] = {0};
	struct cluster_shards shards;

	if (cluster_shards(demo->stage.cluster, &shards, SHARDS_MS) != 0)
		return false;
	for (uint32_t s = 0; s < shards.count; s++)
		for (uint32_t n = 0; n < STAGE_NODES; n++)
			owned[n] +=
				strcmp(shards.shards[s].owner, cluster_node_name(n)) == 0 ? 1 : 0;
	for (uint32_t n = 0; n < STAGE_NODES; n++)
		if (owned[n] < shards.count / STAGE_NODES)
			return false;
	return true;
}

bool demo_moves_is_operator(const char *name)
{
	return strcmp(name, OPERATOR) == 0;
}
