/* What is done to the cluster, one act after the other. Whatever an operator would do is done by
 * sagactl, as an operator would. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/soak/moves.h"

enum {
	COMMAND_MS = 180000,
	STOP_MS = 60000,
	SHARDS_MS = 5000,
	SERVING_MS = 60000,
	SETTLE_MS = 3000, /* of load alone between two acts */
	OUTPUT_SIZE = 65536,
};

struct owning {
	struct moves *moves;
	const char *node;
	uint32_t least, most;
};

/* Every shard is served, and the node serves as many as it should. */
static bool is_owning(void *context)
{
	const struct owning *want = context;
	struct cluster_shards shards;
	uint32_t own = 0;

	if (cluster_shards(want->moves->stage.cluster, &shards, SHARDS_MS) != 0)
		return false;
	for (uint32_t s = 0; s < shards.count; s++) {
		if (!shards.shards[s].serving)
			return false;
		own += strcmp(shards.shards[s].owner, want->node) == 0 ? 1 : 0;
	}
	return own >= want->least && own <= want->most;
}

static bool wait_owning(struct moves *moves, const char *node, uint32_t least, uint32_t most)
{
	struct owning want = {moves, node, least, most};

	return wait_until(is_owning, &want, SERVING_MS) ||
	       stage_fail(&moves->stage, "%s does not come to own %u to %u shards", node, least,
			  most);
}

static struct moves_act *begin(struct moves *moves, const char *name)
{
	struct moves_act *act = &moves->acts[moves->act_count++];

	act->name = name;
	act->began_ms = act->ended_ms = wait_now_ms();
	stage_say("%s", name);
	return act;
}

static bool end(struct moves *moves, struct moves_act *act)
{
	act->ended_ms = wait_now_ms();
	return stage_pause(&moves->stage, SETTLE_MS);
}

/* Runs a command to its end; its exit code must be 0. */
static bool type(struct moves *moves, const char *const *argv)
{
	char output[OUTPUT_SIZE];
	int exit_code = 0;

	if (cluster_run(moves->stage.cluster, argv, COMMAND_MS, output, sizeof output,
			&exit_code) != 0)
		return stage_fail(&moves->stage, "%s", cluster_trouble(moves->stage.cluster));
	return exit_code == 0 || stage_fail(&moves->stage, "%s %s %s ends with %d: %s", argv[0],
					    argv[1], argv[2], exit_code, output);
}

static bool act_nothing(struct moves *moves)
{
	struct moves_act *act = begin(moves, "nothing moves");

	return stage_pause(&moves->stage, SETTLE_MS) && end(moves, act);
}

/* ---- restarts ---------------------------------------------------------------------------------
 */

static bool stop_gently(struct moves *moves, const char *name)
{
	struct cluster *cluster = moves->stage.cluster;
	int status = 0;

	if (cluster_signal(cluster, name, SIGTERM) != 0 ||
	    !cluster_wait_end(cluster, name, STOP_MS))
		return stage_fail(&moves->stage, "%s does not end by SIGTERM", name);
	status = cluster_process(cluster, name)->exit_status;
	return status == 0 ||
	       stage_fail(&moves->stage, "%s ends with status %d: see its log", name, status);
}

static bool act_rolling_restart(struct moves *moves)
{
	struct moves_act *act = begin(moves, "rolling restart of three nodes");

	for (uint32_t i = 0; i < STAGE_NODES; i++) {
		const char *name = cluster_node_name(i);

		if (!stop_gently(moves, name) || !stage_restart(&moves->stage, name) ||
		    !wait_owning(moves, name, 1, MOVES_SHARDS))
			return false;
	}
	return end(moves, act);
}

/* ---- a drain, a join -------------------------------------------------------------------------
 */

static bool act_drain(struct moves *moves)
{
	struct moves_act *act = begin(moves, "n2 is drained");

	return type(moves, (const char *const[]){"sagactl", "nodes", "drain", "n2", "--apply",
						 "--reason", "kernel update", "--wait", NULL}) &&
	       wait_owning(moves, "n2", 0, 0) && end(moves, act);
}

static bool act_undrain(struct moves *moves)
{
	struct moves_act *act = begin(moves, "n2 comes back");

	return type(moves, (const char *const[]){"sagactl", "nodes", "undrain", "n2", "--reason",
						 "kernel updated", NULL}) &&
	       wait_owning(moves, "n2", 1, MOVES_SHARDS) && end(moves, act);
}

static bool act_join(struct moves *moves)
{
	struct moves_act *act = begin(moves, "n4 joins");
	const uint32_t share = MOVES_SHARDS / MOVES_NODES;

	if (cluster_start_node(moves->stage.cluster, MOVES_NODES - 1) != 0)
		return stage_fail(&moves->stage, "%s", cluster_trouble(moves->stage.cluster));
	moves->joined = true;
	return wait_owning(moves, "n4", share, MOVES_SHARDS) && end(moves, act);
}

/* ---- a rebalance whose planner is killed ------------------------------------------------------
 */

/* The name behind "planner":" in what `sagactl status -o json` prints. */
static bool find_planner(struct moves *moves)
{
	static const char word[] = "\"planner\":";
	char output[OUTPUT_SIZE];
	const char *at = NULL;
	int exit_code = 0;

	if (cluster_run(moves->stage.cluster,
			(const char *const[]){"sagactl", "status", "-o", "json", NULL}, COMMAND_MS,
			output, sizeof output, &exit_code) == 0)
		at = strstr(output, word);
	at = at == NULL ? NULL : strchr(at + sizeof word - 1, '"');
	if (at == NULL || sscanf(at, "\"%63[^\"]\"", moves->planner) != 1)
		return stage_fail(&moves->stage, "nobody says who plans");
	return true;
}

static bool act_rebalance(struct moves *moves)
{
	struct moves_act *act = begin(moves, "n1 is emptied move by move, the planner is killed");

	/* One after the other and with a pause, so that there is a half way. */
	if (!type(moves, (const char *const[]){"sagactl", "shards", "rebalance", "--exclude-node",
					       "n1", "--max-moves", "1", "--pace", "500ms",
					       "--apply", "--reason", "soak", "--detach", NULL}) ||
	    !wait_owning(moves, "n1", 1, MOVES_SHARDS / MOVES_NODES - 1) || !find_planner(moves) ||
	    cluster_signal(moves->stage.cluster, moves->planner, SIGKILL) != 0)
		return stage_fail(&moves->stage, "the rebalance does not get half way");
	stage_say("kill -9 %s, the planner", moves->planner);
	if (!cluster_wait_end(moves->stage.cluster, moves->planner, STOP_MS) ||
	    !stage_restart(&moves->stage, moves->planner) || !wait_owning(moves, "n1", 0, 0))
		return false;
	return end(moves, act);
}

bool moves_act_all(struct moves *moves)
{
	return act_nothing(moves) && act_rolling_restart(moves) && act_drain(moves) &&
	       act_undrain(moves) && act_join(moves) && act_rebalance(moves);
}
