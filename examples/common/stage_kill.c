/* Kill -9 of a node that owns open sagas; how long take-over took; and what ended by itself. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/os_clock.h"
#include "examples/common/stage.h"

enum { NODE_DOWN_MAX_MS = 10000, SHARDS_MS = 5000 };

/* The node whose shards hold the most open sagas. */
static uint32_t find_victim(const struct load *load, const struct cluster_shards *shards,
			    char *victim)
{
	uint32_t most = 0;

	for (uint32_t n = 0; n < STAGE_NODES; n++) {
		uint32_t open = 0;

		for (uint32_t s = 0; s < shards->count; s++)
			if (strcmp(shards->shards[s].owner, cluster_node_name(n)) == 0)
				open += load_open_on_shard(load, s);
		if (open >= most) {
			most = open;
			(void)snprintf(victim, PROCESS_NAME_SIZE, "%s", cluster_node_name(n));
		}
	}
	return most;
}

bool stage_kill_owner(struct stage *stage, struct load *load, uint32_t open_min, const char *what)
{
	struct stage_kill *kill = &stage->kills[stage->kill_count];
	struct cluster_shards shards;
	char victim[PROCESS_NAME_SIZE] = "";
	uint32_t open = 0;

	if (cluster_shards(stage->cluster, &shards, SHARDS_MS) != 0)
		return false;
	/* Under the lock, so that none ends between the count and the kill. What callbacks have not
	 * told yet can only make it fewer by what is on its way. */
	(void)pthread_mutex_lock(&load->lock);
	open = find_victim(load, &shards, victim);
	if (open >= open_min && cluster_signal(stage->cluster, victim, SIGKILL) == 0) {
		kill->killed_unix_ms = os_clock_wall_ms();
		kill->killed_ms = wait_now_ms();
		kill->open = open;
		kill->killed = true;
		(void)snprintf(kill->victim, sizeof kill->victim, "%s", victim);
	}
	(void)pthread_mutex_unlock(&load->lock);
	if (!kill->killed)
		return false;
	stage->kill_count++;
	for (uint32_t s = 0; s < shards.count; s++)
		if (strcmp(shards.shards[s].owner, victim) == 0)
			kill->takeovers[kill->takeover_count++].shard = s;
	stage_say("kill -9 %s: it owns %u shards and %u open %s", victim, kill->takeover_count,
		  open, what);
	return true;
}

/* ---- take-over ----------------------------------------------------------------------------- */

static void see_event(void *context, const struct cluster_event *event)
{
	struct stage_kill *kill = context;

	if (strcmp(event->event, "shard.serving") != 0 || event->unix_ms < kill->killed_unix_ms)
		return;
	for (uint32_t i = 0; i < kill->takeover_count; i++) {
		struct stage_takeover *takeover = &kill->takeovers[i];
		const uint64_t took_ms = event->unix_ms - kill->killed_unix_ms;

		if (takeover->shard != event->shard ||
		    (takeover->took_ms != 0 && takeover->took_ms <= took_ms))
			continue;
		takeover->took_ms = took_ms == 0 ? 1 : (uint32_t)took_ms;
		(void)snprintf(takeover->node, sizeof takeover->node, "%s", event->node);
	}
}

bool stage_takeovers_read(struct stage *stage, struct stage_kill *kill)
{
	bool all = kill->takeover_count > 0;

	for (uint32_t n = 0; n < STAGE_NODES; n++) {
		uint64_t offset = 0;

		if (strcmp(cluster_node_name(n), kill->victim) != 0 &&
		    cluster_events(stage->cluster, cluster_node_name(n), &offset, see_event,
				   kill) != 0)
			all = false;
	}
	for (uint32_t i = 0; i < kill->takeover_count; i++)
		all = all && kill->takeovers[i].took_ms != 0;
	return all;
}

bool stage_kill_mend(struct stage *stage, struct stage_kill *kill)
{
	if (kill->restarted || (!stage_takeovers_read(stage, kill) &&
				!stage_is_past(kill->killed_ms, NODE_DOWN_MAX_MS)))
		return true;
	kill->restarted = true;
	return stage_restart(stage, kill->victim);
}

void stage_print_takeovers(const struct stage_kill *kill)
{
	if (kill->takeover_count == 0)
		return;
	(void)printf("take-over of %s's shards, ms from the kill\n", kill->victim);
	for (uint32_t i = 0; i < kill->takeover_count; i++) {
		const struct stage_takeover *takeover = &kill->takeovers[i];

		if (takeover->took_ms == 0)
			(void)printf("  shard %-3u      nobody\n", takeover->shard);
		else
			(void)printf("  shard %-3u  %8u  by %s\n", takeover->shard,
				     takeover->took_ms, takeover->node);
	}
}

void stage_print_takeovers_json(const struct stage_kill *kill)
{
	(void)printf("\"victim\":\"%s\",\"open_at_kill\":%u,\"takeovers\":[", kill->victim,
		     kill->open);
	for (uint32_t i = 0; i < kill->takeover_count; i++)
		(void)printf("%s{\"shard\":%u,\"ms\":%u,\"node\":\"%s\"}", i == 0 ? "" : ",",
			     kill->takeovers[i].shard, kill->takeovers[i].took_ms,
			     kill->takeovers[i].node);
	(void)printf("]");
}

/* ---- what ended by itself -------------------------------------------------------------------- */

struct ended {
	struct stage *stage;
	bool (*excused)(void *context, const char *name);
	void *context;
	uint32_t count;
};

/* The run may be over before its turn to be restarted has come. */
static bool killed_by_us(const struct stage *stage, const char *name)
{
	for (uint32_t i = 0; i < stage->kill_count; i++)
		if (!stage->kills[i].restarted && strcmp(name, stage->kills[i].victim) == 0)
			return true;
	return false;
}

static void see_end(void *context, struct process *process, const char *address)
{
	struct ended *ended = context;
	int status = 0;

	(void)address;
	if (process_running(process) || killed_by_us(ended->stage, process->name) ||
	    (ended->excused != NULL && ended->excused(ended->context, process->name)))
		return;
	status = process->exit_status; /* known now that it was reaped */
	ended->count++;
	if (WIFSIGNALED(status))
		stage_say("%s was ended by signal %d: see its log", process->name,
			  WTERMSIG(status));
	else
		stage_say("%s has ended by itself with %d: see its log", process->name,
			  WEXITSTATUS(status));
}

uint32_t stage_count_ended(struct stage *stage, bool (*excused)(void *context, const char *name),
			   void *context)
{
	struct ended ended = {.stage = stage, .excused = excused, .context = context};

	cluster_each(stage->cluster, see_end, &ended);
	return ended.count;
}
