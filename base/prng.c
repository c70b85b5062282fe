#include "base/prng.h"

#define SPLITMIX_STEP UINT64_C(0x9e3779b97f4a7c15)

uint64_t prng_mix(uint64_t value)
{
	uint64_t z = value + SPLITMIX_STEP;

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* splitmix64 never gives four zeros in a row, the one state that xoshiro must not have. */
void prng_seed(struct prng *p, uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++) {
		p->state[i] = prng_mix(seed);
		seed += SPLITMIX_STEP;
	}
}

static uint64_t rotate_left(uint64_t x, unsigned bits)
{
	return (x << bits) | (x >> (64 - bits));
}

uint64_t prng_next(struct prng *p)
{
	uint64_t *s = p->state;
	const uint64_t result = rotate_left(s[1] * 5, 7) * 9;
	const uint64_t shifted = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= shifted;
	s[3] = rotate_left(s[3], 45);
	return result;
}

uint64_t prng_below(struct prng *p, uint64_t bound)
{
	uint64_t uneven;
	uint64_t value;

	if (bound == 0)
		return 0;
	/* The first 2^64 mod bound values are drawn again: what is left divides evenly. */
	uneven = (UINT64_MAX - bound + 1) % bound;
	do {
		value = prng_next(p);
	} while (value < uneven);
	return value % bound;
}
