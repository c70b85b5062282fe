#include "bench/moves.h"

#include <string.h>

#include "base/os_clock.h"
#include "tests/support/launcher.h"

enum { CALM_MS = 1500 };

void moves_init(struct moves *moves, struct cluster *cluster)
{
	memset(moves, 0, sizeof *moves);
	moves->cluster = cluster;
}

void moves_left(struct moves *m, uint32_t shard, uint64_t at_ms)
{
	if (shard >= MOVES_SHARDS_MAX)
		return;
	if (m->left_ms[shard] == 0)
		m->open++;
	m->left_ms[shard] = at_ms;
}

static void on_served(struct moves *m, const struct cluster_event *event)
{
	const uint64_t left_ms = m->left_ms[event->shard];
	if (left_ms == 0 || event->unix_ms < left_ms)
		return;
	m->left_ms[event->shard] = 0;
	m->open--;
	if (m->count < MOVES_MAX)
		m->moves[m->count++] = (struct move){
			.shard = (uint32_t)event->shard,
			.left_ms = left_ms,
			.served_ms = event->unix_ms,
			.warm = strstr(event->line, "\"warm\"") != NULL,
		};
}

/* The logs are read one after the other: who lets go may be read after who takes. */
static void on_left(void *context, const struct cluster_event *event)
{
	struct moves *m = context;
	if (event->shard < MOVES_SHARDS_MAX && strcmp(event->event, "shard.quiescing") == 0)
		moves_left(m, (uint32_t)event->shard, event->unix_ms);
}

static void on_taken(void *context, const struct cluster_event *event)
{
	struct moves *m = context;
	const bool serving = strcmp(event->event, "shard.serving") == 0;
	if (event->shard >= MOVES_SHARDS_MAX)
		return;
	if ((serving || strncmp(event->event, "standby.", 8) == 0) && event->unix_ms > m->last_ms)
		m->last_ms = event->unix_ms;
	if (serving)
		on_served(m, event);
}

int moves_look(struct moves *m)
{
	uint64_t begin[MOVES_NODES];
	int error = 0;
	memcpy(begin, m->offsets, sizeof begin);
	for (uint32_t i = 0; i < MOVES_NODES && error == 0; i++)
		error = cluster_events(m->cluster, cluster_node_name(i), &m->offsets[i], on_left,
				       m);
	for (uint32_t i = 0; i < MOVES_NODES && error == 0; i++)
		error = cluster_events(m->cluster, cluster_node_name(i), &begin[i], on_taken, m);
	memcpy(m->offsets, begin, sizeof begin);
	return error;
}

static bool calm(void *context)
{
	struct moves *m = context;
	return moves_look(m) == 0 && m->open == 0 && os_clock_wall_ms() > m->last_ms + CALM_MS;
}

bool moves_settle(struct moves *m, uint32_t timeout_ms)
{
	return wait_until(calm, m, timeout_ms);
}
