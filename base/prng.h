/* xoshiro256** (Blackman, Vigna) seeded by splitmix64: for jitter, tests and simulation; not for
 * secrets. */
#ifndef SAGAD_BASE_PRNG_H
#define SAGAD_BASE_PRNG_H

#include <stdint.h>

struct prng {
	uint64_t state[4];
};

void prng_seed(struct prng *p, uint64_t seed);
uint64_t prng_next(struct prng *p);
/* Uniform in [0, bound), without modulo bias; bound 0 gives 0. */
uint64_t prng_below(struct prng *p, uint64_t bound);
/* One mixing step of splitmix64: turns (seed, n) into an independent value. */
uint64_t prng_mix(uint64_t value);

#endif
