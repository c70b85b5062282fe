/* What a benchmark that moves shards knows of them: who let go of which, and who took it when, by
 * the nodes' logs. */
#ifndef SAGAD_BENCH_MOVES_H
#define SAGAD_BENCH_MOVES_H

#include <stdbool.h>
#include <stdint.h>

struct cluster;

enum { MOVES_NODES = 3, MOVES_MAX = 4096, MOVES_SHARDS_MAX = 128 };

struct move {
	uint32_t shard;
	uint64_t left_ms, served_ms; /* Unix ms */
	bool warm;
};

struct moves {
	struct cluster *cluster;
	uint64_t offsets[MOVES_NODES];
	uint64_t left_ms[MOVES_SHARDS_MAX]; /* shards that somebody let go of, and nobody has taken
					       yet */
	uint32_t open;
	uint64_t last_ms; /* when a shard was taken, or stood by for, last */
	struct move moves[MOVES_MAX];
	uint32_t count;
};

void moves_init(struct moves *moves, struct cluster *cluster);
/* Reads what the logs have got since the last look. */
int moves_look(struct moves *moves);
/* Who is to be killed lets go of what it serves. */
void moves_left(struct moves *moves, uint32_t shard, uint64_t at_ms);
/* Nothing is on its way, and nothing has moved or been read for a second and a half. */
bool moves_settle(struct moves *moves, uint32_t timeout_ms);

#endif
