/* One transaction's story, for people: what its client, its shard's journal, the wire and its
 * participants did, each in a column of its own, in the order in which it was; and beside it the
 * owners of its shard and the faults. Of simulated and of real runs. */
#ifndef SAGAD_TESTS_JUDGE_STORY_H
#define SAGAD_TESTS_JUDGE_STORY_H

#include <stdio.h>

#include "tests/judge/history.h"

void story_print(FILE *out, const struct history *history, uint32_t saga);

#endif
