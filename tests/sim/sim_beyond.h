/* Beyond what the design survives: a journal that loses what it had acknowledged. Such a run is
 * judged otherwise: who knows that something is missing halts the shard, and the others go on. */
#ifndef SAGAD_TESTS_SIM_SIM_BEYOND_H
#define SAGAD_TESTS_SIM_SIM_BEYOND_H

#include <stdbool.h>
#include <stdint.h>

#include "journal/highwater.h"
#include "tests/sim/sim_limits.h"

struct sim;
struct sim_node;

enum sim_damage_kind {
	SIM_UNDAMAGED,
	SIM_TAIL_LOST,
	SIM_PURGED,
	SIM_MADE_AGAIN,
};

/* The damage map: at most two shards, and never all. */
struct sim_damage {
	enum sim_damage_kind kind;
	uint64_t at_ms, end; /* what is left, or was when it was purged */
	bool unnoticed;      /* somebody serves it who cannot know */
};

/* sim_beyond.c */
void sim_beyond_draw(struct sim *sim, bool forced);
bool sim_damaged(const struct sim *sim, uint32_t shard);
/* What a node knows of a journal: what its mark says, then what it reads and is told is stored. */
void sim_beyond_assigned(struct sim_node *node, uint32_t shard, const struct highwater *mark);
void sim_beyond_tails(struct sim_node *node, uint32_t shard, bool on);
void sim_beyond_knows(struct sim_node *node, uint32_t shard, uint64_t sequence);
void sim_beyond_serves(struct sim_node *node, uint32_t shard);
/* Each damaged shard is halted, or unnoticed, or still in the hands of who served it before and
 * has all of it in memory. */
bool sim_beyond_settled(struct sim *sim);
void sim_beyond_judge(struct sim *sim);

#endif
