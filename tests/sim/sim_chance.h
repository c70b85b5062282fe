/* Chance: one stream per purpose, so that one consumer does not shift the others, and each begins
 * anew with each ms: what is taken away from a story (shrinking) changes what follows from it, and
 * leaves the rest what it was.
 *
 * Never two draws between two sequence points (arguments, initializers): C leaves their order open,
 * and gcc and clang then tell different stories.
 *
 * A choice is what struck: a message that is lost, a node that dies. Each has a name that does not
 * depend on what else happened: when, by which stream, and as which of that ms. */
#ifndef SAGAD_TESTS_SIM_SIM_CHANCE_H
#define SAGAD_TESTS_SIM_SIM_CHANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"

enum sim_stream {
	SIM_PLAN,
	SIM_FAULTS,
	SIM_NETWORK,
	SIM_JOURNAL,
	SIM_ETCD,
	SIM_NODE,
	SIM_SERVICE,
	SIM_CLIENT,
	SIM_INBOX,
	SIM_KIND,     /* protocols and what is special about their steps */
	SIM_BRANCHES, /* interactive transactions */
	SIM_SIZE,     /* how much of everything */
	SIM_STORE,    /* participants' databases */
	SIM_PERSON,   /* what services are like */
	SIM_BANK,     /* amounts */
	SIM_FROZEN,   /* liveness: what stays bad for ever */
	SIM_DISK,     /* what participants' databases stand on */
	SIM_DAMAGE,   /* beyond the model */
	SIM_OPERATOR, /* what operators ask for */
	SIM_STREAMS,
};

struct sim;

struct sim_choice {
	uint32_t at_ms; /* since the start */
	uint16_t stream, number;
};
struct sim_choices {
	struct sim_choice *list; /* in rising order of time */
	uint32_t count, capacity;
};

struct sim_luck {
	uint64_t seed, at_ms;
	struct prng prng;
	uint32_t number; /* of choices in this ms */
};

void sim_choices_sort(struct sim_choices *choices);
/* salt: 0, or the same transactions with other luck. */
void sim_chance_init(struct sim *sim, uint64_t seed, uint64_t salt);
uint64_t sim_draw(struct sim *sim, enum sim_stream stream, uint64_t bound);
uint64_t sim_draw_seed(struct sim *sim, enum sim_stream stream);
bool sim_chance(struct sim *sim, enum sim_stream stream, uint32_t per_mille);
/* It is time for it: does it strike? Only what shrinking took away does not. */
bool sim_strikes(struct sim *sim, enum sim_stream stream);
const char *sim_stream_name(uint32_t stream); /* NULL: there is none */

#endif
